//! Reads for the HTTP API: the links an athlete takes part in, and the copies under them.

use std::collections::HashMap;

use kernel::{AthleteId, CopyId, LinkId};
use outbox::StoreError;

use super::ServiceContext;
use crate::domain::connection::Connection;
use crate::domain::copy::Copy;
use crate::domain::invitation::Invitation;
use crate::domain::link::Link;
use crate::store::{connections, copies, invitations, links};

/// A page of copies.
#[derive(Clone, Debug)]
pub(crate) struct CopyPage {
    pub(crate) copies: Vec<Copy>,
    /// Last copy of this page; `None` if no page follows.
    pub(crate) next: Option<CopyId>,
}

/// Returns the link if it is living and the athlete takes part in it.
pub(crate) async fn find_link(
    ctx: &ServiceContext,
    athlete: AthleteId,
    id: LinkId,
) -> Result<Option<Link>, StoreError> {
    let link = links::find(ctx.database.readers(), id).await?;
    Ok(link.filter(|link| link.state.is_living() && link.role_of(athlete).is_some()))
}

/// Returns the living links in which the athlete takes part.
pub(crate) async fn list_links(
    ctx: &ServiceContext,
    athlete: AthleteId,
) -> Result<Vec<Link>, StoreError> {
    links::list_living(ctx.database.readers(), athlete).await
}

/// Returns the reason code that keeps anything from being copied under the link, if it is accepted and there is one.
pub(crate) async fn find_obstacle(
    ctx: &ServiceContext,
    link: &Link,
) -> Result<Option<&'static str>, StoreError> {
    let connections = connections::list_by_athlete(ctx.database.readers(), link.child).await?;
    Ok(link.obstacle(&connections))
}

/// Returns the connections of the children of the athlete's living links.
pub(crate) async fn list_child_connections(
    ctx: &ServiceContext,
    athlete: AthleteId,
) -> Result<HashMap<AthleteId, Vec<Connection>>, StoreError> {
    let mut by_child = HashMap::<_, Vec<_>>::new();
    for (child, connection) in
        connections::list_of_linked_children(ctx.database.readers(), athlete).await?
    {
        by_child.entry(child).or_default().push(connection);
    }
    Ok(by_child)
}

/// Returns the open invitations of the athlete.
pub(crate) async fn list_invitations(
    ctx: &ServiceContext,
    athlete: AthleteId,
) -> Result<Vec<Invitation>, StoreError> {
    invitations::list_open(ctx.database.readers(), athlete, ctx.clock.now()).await
}

/// Returns the copy if it is shown to the athlete.
pub(crate) async fn find_copy(
    ctx: &ServiceContext,
    athlete: AthleteId,
    id: CopyId,
) -> Result<Option<Copy>, StoreError> {
    let copy = copies::find(ctx.database.readers(), id).await?;
    Ok(copy.filter(|copy| copy.is_shown_to(athlete)))
}

/// Returns a page of the copies shown to the athlete, newest first.
pub(crate) async fn list_copies(
    ctx: &ServiceContext,
    athlete: AthleteId,
    mut before: Option<CopyId>,
    limit: usize,
) -> Result<CopyPage, StoreError> {
    let mut page = Vec::new();
    loop {
        let rows =
            copies::list_page(ctx.database.readers(), athlete, before, limit as u64 + 1).await?;
        let was_last = rows.len() <= limit;
        before = rows.last().map(|copy| copy.id);
        page.extend(rows.into_iter().filter(|copy| copy.is_shown_to(athlete)));
        if was_last || page.len() > limit {
            break;
        }
    }
    let has_more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| has_more).map(|copy| copy.id);
    Ok(CopyPage { copies: page, next })
}
