//! The part of duplication in an athlete's export.

use kernel::AthleteId;
use takeout::{Columns, Part, TakeoutData};

use crate::http::{CopyView, InvitationView, LinkView};
use crate::usecases::{ServiceContext, queries};

/// Rows that are read at once.
const BATCH_SIZE: usize = 200;

const LINKS: Columns = Columns {
    table: "links",
    description: "Links with other athletes",
    csv: &[
        "id",
        "role",
        "guardian",
        "child",
        "guardian_name",
        "child_name",
        "names",
        "share_heart_rate",
        "state",
        "created_at",
        "accepted_at",
    ],
};
const INVITATIONS: Columns = Columns {
    table: "invitations",
    description: "Open invitations; their codes are not stored",
    csv: &["id", "role", "name", "names", "share_heart_rate", "created_at", "expires_at"],
};
const COPIES: Columns = Columns {
    table: "copies",
    description: "Copies of your activities, and those made for you, newest first",
    csv: &[
        "id",
        "link",
        "activity",
        "guardian",
        "child",
        "state",
        "reason",
        "detail",
        "name",
        "sport",
        "start_at",
        "distance_m",
        "source",
        "source_id",
        "strava_activity",
        "source_changed_at",
        "source_removed_at",
        "created_at",
        "updated_at",
    ],
};

/// Links, invitations and copies of an athlete.
#[derive(Clone)]
pub(crate) struct DuplicationTakeout(pub(crate) ServiceContext);

impl DuplicationTakeout {
    async fn write_copies(&self, athlete: AthleteId, part: &mut Part) -> anyhow::Result<()> {
        let mut table = part.begin(COPIES);
        let mut before = None;
        loop {
            let page = queries::list_copies(&self.0, athlete, before, BATCH_SIZE).await?;
            let rows: Vec<_> = page.copies.iter().map(CopyView::from).collect();
            table.append(&rows).await?;
            before = page.next;
            if before.is_none() {
                return part.end(table).await;
            }
        }
    }
}

impl TakeoutData for DuplicationTakeout {
    const SERVICE: &'static str = crate::settings::NAME;

    async fn write_part(&self, athlete: AthleteId, part: &mut Part) -> Result<(), anyhow::Error> {
        let links = queries::list_links(&self.0, athlete).await?;
        let links: Vec<_> = links.iter().map(|link| LinkView::new(link, athlete, None)).collect();
        part.write_table(LINKS, &links).await?;
        let invitations = queries::list_invitations(&self.0, athlete).await?;
        let invitations: Vec<_> =
            invitations.iter().map(|invitation| InvitationView::new(invitation, None)).collect();
        part.write_table(INVITATIONS, &invitations).await?;
        self.write_copies(athlete, part).await
    }
}
