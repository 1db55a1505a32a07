//! The part of ingest in an athlete's export.

use kernel::AthleteId;
use takeout::{Columns, Part, TakeoutData};

use crate::usecases::ServiceContext;
use crate::usecases::queries::{self, ActivityCursor, JournalCursor};
use crate::views::{ActivityView, EntryView, ImportView};

/// Rows that are read at once.
const BATCH_SIZE: u32 = 500;

const ACTIVITIES: Columns = Columns {
    table: "activities",
    description: "Activities, newest first",
    csv: &[
        "id",
        "source",
        "source_id",
        "strava_id",
        "name",
        "sport",
        "start",
        "start_local",
        "utc_offset_s",
        "timezone",
        "distance_m",
        "moving_time_s",
        "elapsed_time_s",
        "elevation_gain_m",
        "average_speed_m_s",
        "max_speed_m_s",
        "average_heartrate_bpm",
        "max_heartrate_bpm",
        "kudos_count",
        "trainer",
        "commute",
        "manual",
        "visibility",
        "expired",
        "has_details",
        "streams",
        "revision",
    ],
};
const JOURNAL: Columns = Columns {
    table: "journal",
    description: "What happened to each activity, newest first",
    csv: &[
        "id",
        "at",
        "service",
        "activity",
        "source",
        "source_id",
        "strava_activity",
        "step",
        "state",
        "reason",
        "attempts",
        "next_try_at",
    ],
};
const IMPORTS: Columns = Columns {
    table: "imports",
    description: "How far the history of each connection was read",
    csv: &[
        "application",
        "state",
        "reason",
        "done",
        "calls",
        "started_at",
        "changed_at",
        "next_try_at",
        "known_since",
        "eta",
    ],
};

/// Activities, journal and imports of an athlete.
#[derive(Clone, Debug)]
pub(crate) struct IngestTakeout(ServiceContext);

impl IngestTakeout {
    /// The data of this service.
    pub(crate) fn new(ctx: &ServiceContext) -> Self {
        Self(ctx.clone())
    }

    async fn write_activities(&self, athlete: AthleteId, part: &mut Part) -> anyhow::Result<()> {
        let mut table = part.begin(ACTIVITIES);
        let mut after = None;
        loop {
            let batch = queries::list_activities(&self.0, athlete, after, BATCH_SIZE).await?;
            let rows: Vec<_> = batch.iter().filter_map(ActivityView::from_activity).collect();
            table.append(&rows).await?;
            let Some(last) = batch.last().filter(|_| batch.len() == BATCH_SIZE as usize) else {
                return part.end(table).await;
            };
            let facts = last.state.facts.as_ref();
            after = facts.map(|facts| ActivityCursor { start_at: facts.start_at, id: last.id });
        }
    }

    async fn write_journal(&self, athlete: AthleteId, part: &mut Part) -> anyhow::Result<()> {
        let mut table = part.begin(JOURNAL);
        let mut after = None;
        loop {
            let batch = queries::list_journal(&self.0, athlete, None, after, BATCH_SIZE).await?;
            let rows: Vec<_> = batch.iter().map(EntryView::from).collect();
            table.append(&rows).await?;
            let Some(last) = batch.last().filter(|_| batch.len() == BATCH_SIZE as usize) else {
                return part.end(table).await;
            };
            after = Some(JournalCursor { at: last.at, id: last.id });
        }
    }
}

impl TakeoutData for IngestTakeout {
    const SERVICE: &'static str = crate::settings::NAME;

    async fn write_part(&self, athlete: AthleteId, part: &mut Part) -> Result<(), anyhow::Error> {
        self.write_activities(athlete, part).await?;
        self.write_journal(athlete, part).await?;
        let imports = queries::list_backfills(&self.0, athlete).await?;
        let imports: Vec<_> = imports.iter().map(ImportView::from).collect();
        part.write_table(IMPORTS, &imports).await
    }
}
