//! What an athlete may look at: the links they are part of, and the copies under them.

use kernel::{AthleteId, CopyId, LinkId};
use outbox::StoreError;

use super::Kit;
use crate::domain::copy::Copy;
use crate::domain::link::{Link, LinkState};
use crate::store::{copies, links};

/// The link, if it lives and the athlete is part of it.
pub(crate) async fn link_of(
    kit: &Kit,
    athlete: AthleteId,
    id: LinkId,
) -> Result<Option<Link>, StoreError> {
    let link = links::find(kit.database.readers(), id).await?;
    Ok(link.filter(|link| link.state != LinkState::Ended && link.side_of(athlete).is_some()))
}

/// The links the athlete is part of.
pub(crate) async fn links_of(kit: &Kit, athlete: AthleteId) -> Result<Vec<Link>, StoreError> {
    links::of_either_side(kit.database.readers(), athlete).await
}

/// The copy, if it is shown to the athlete.
pub(crate) async fn copy_of(
    kit: &Kit,
    athlete: AthleteId,
    id: CopyId,
) -> Result<Option<Copy>, StoreError> {
    let copy = copies::find(kit.database.readers(), id).await?;
    Ok(copy.filter(|copy| copy.is_shown_to(athlete)))
}

/// A page of the copies that are shown to the athlete, newest first, and where the next begins.
pub(crate) async fn copies_of(
    kit: &Kit,
    athlete: AthleteId,
    mut before: Option<CopyId>,
    limit: usize,
) -> Result<(Vec<Copy>, Option<CopyId>), StoreError> {
    let mut page = Vec::new();
    loop {
        let rows = copies::page(kit.database.readers(), athlete, before, limit as u64 + 1).await?;
        let was_last = rows.len() <= limit;
        before = rows.last().map(|copy| copy.id);
        page.extend(rows.into_iter().filter(|copy| copy.is_shown_to(athlete)));
        if was_last || page.len() > limit {
            break;
        }
    }
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| more).map(|copy| copy.id);
    Ok((page, next))
}
