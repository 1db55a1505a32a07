//! The part of stats in an athlete's export.

use kernel::AthleteId;
use kernel::units::to_metres;
use outbox::Database;
use serde::Serialize;
use takeout::{Columns, Part, TakeoutData};

use crate::domain::summary::DailyTotal;
use crate::store::totals;

const TOTALS: Columns = Columns {
    table: "daily_totals",
    description: "Totals of each local day and sport",
    csv: &[
        "date",
        "sport",
        "count",
        "distance_m",
        "moving_time_s",
        "elapsed_time_s",
        "elevation_gain_m",
    ],
};

#[derive(Serialize)]
struct TotalRow {
    date: String,
    sport: String,
    count: i64,
    distance_m: f64,
    moving_time_s: i64,
    elapsed_time_s: i64,
    elevation_gain_m: f64,
}

impl From<DailyTotal> for TotalRow {
    fn from(DailyTotal { local_date, sport, sums }: DailyTotal) -> Self {
        Self {
            date: local_date.to_string(),
            sport: sport.to_string(),
            count: sums.count,
            distance_m: to_metres(sums.distance_dm),
            moving_time_s: sums.moving_time_s,
            elapsed_time_s: sums.elapsed_time_s,
            elevation_gain_m: to_metres(sums.elevation_gain_dm),
        }
    }
}

/// The totals of an athlete.
#[derive(Clone, Debug)]
pub(crate) struct StatsTakeout(pub(crate) Database);

impl TakeoutData for StatsTakeout {
    const SERVICE: &'static str = crate::settings::NAME;

    async fn write_part(&self, athlete: AthleteId, part: &mut Part) -> Result<(), anyhow::Error> {
        let mut totals = totals::list(self.0.readers(), athlete).await?;
        totals.sort_by(|one, other| {
            let key = |total: &DailyTotal| (total.local_date, total.sport.clone());
            key(one).cmp(&key(other))
        });
        let rows: Vec<_> = totals.into_iter().map(TotalRow::from).collect();
        part.write_table(TOTALS, &rows).await
    }
}
