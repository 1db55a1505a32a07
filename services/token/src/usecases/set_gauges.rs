//! Sets the gauges of connections and of the call budget.

use kernel::ApplicationId;
use outbox::StoreError;

use super::ServiceContext;
use crate::domain::budget::{CallCount, Window};
use crate::store::{budgets, connections, leases};

/// Reads the states of all connections and the budget, and sets their gauges.
pub(crate) async fn set_gauges(ctx: &ServiceContext) -> Result<(), StoreError> {
    for (state, count) in connections::count_by_state(&ctx.database).await? {
        metrics::gauge!("token_connections", "state" => state.code()).set(count as f64);
    }
    match &ctx.app {
        Some(app) => set_budget(ctx, app.client_id).await,
        None => Ok(()),
    }
}

async fn set_budget(ctx: &ServiceContext, application: ApplicationId) -> Result<(), StoreError> {
    let budget = budgets::load(&ctx.database, application, ctx.now()).await?;
    let (quarter, day) = (budget.quarter.since, budget.day.since);
    let promised = leases::sum_in_flight(ctx.database.readers(), application, quarter, day).await?;
    set_window("15min", &budget.quarter, promised.quarter);
    set_window("day", &budget.day, promised.day);
    Ok(())
}

fn set_window(name: &'static str, window: &Window, promised: CallCount) {
    let left = window.left(promised);
    for (bucket, left, limit) in
        [("overall", left.overall, window.limit.overall), ("read", left.read, window.limit.read)]
    {
        let labels = [("window", name), ("bucket", bucket)];
        metrics::gauge!("token_budget_left_calls", &labels).set(left as f64);
        metrics::gauge!("token_budget_limit_calls", &labels).set(limit as f64);
    }
}
