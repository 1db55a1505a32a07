//! The part of identity in an athlete's export.

use std::sync::Arc;

use kernel::AthleteId;
use serde::Serialize;
use takeout::{Columns, Part, TakeoutData};

use crate::domain::account::Account;
use crate::store::accounts;
use crate::usecases::ServiceContext;

const ACCOUNT: Columns = Columns {
    table: "account",
    description: "Your account here",
    csv: &["athlete", "email", "admin", "created_at"],
};

#[derive(Serialize)]
struct AccountRow {
    athlete: String,
    email: String,
    admin: bool,
    created_at: String,
}

impl From<Account> for AccountRow {
    fn from(account: Account) -> Self {
        Self {
            athlete: account.athlete.to_string(),
            email: account.email,
            admin: account.admin,
            created_at: account.created_at.to_rfc3339(),
        }
    }
}

/// The account of an athlete.
#[derive(Clone, Debug)]
pub(crate) struct IdentityTakeout(pub(crate) Arc<ServiceContext>);

impl TakeoutData for IdentityTakeout {
    const SERVICE: &'static str = crate::settings::NAME;

    async fn write_part(&self, athlete: AthleteId, part: &mut Part) -> Result<(), anyhow::Error> {
        let account = accounts::find_by_athlete(self.0.database.readers(), athlete).await?;
        let rows: Vec<_> = account.into_iter().map(AccountRow::from).collect();
        part.write_table(ACCOUNT, &rows).await
    }
}
