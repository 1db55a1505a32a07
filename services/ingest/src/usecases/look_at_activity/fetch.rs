//! The calls: the activity, then its streams where they are worth a call.

use std::sync::Arc;

use jobs::{Claimed, priority};
use kernel::{Ticket, Timestamp};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use strava_client::lease::Purpose;
use strava_client::{ErrorKind, StravaError, Streams};

use super::Look;
use crate::clients::strava::{Ask, Permission};
use crate::domain::facts::Facts;
use crate::domain::observation::{Source, StreamsRef};
use crate::domain::tracks;
use crate::usecases::trouble::Trouble;
use crate::usecases::{Core, list};

/// What Strava said.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) source: Source,
    /// None: Strava has none, or shows none.
    pub(super) facts: Option<Facts>,
    pub(super) streams: StreamsFound,
}

/// What came of asking for streams.
#[derive(Clone, Debug)]
pub(super) enum StreamsFound {
    /// They lie here.
    Kept(StreamsRef),
    /// Not yet.
    NotReady,
    /// There are none, or what is kept still holds.
    Nothing,
    /// The call failed; the activity itself need not wait.
    Trouble(Trouble),
}

/// Level 3 packs as well as anything worth waiting for.
const ZSTD_LEVEL: i32 = 3;

/// What was found, with the permission that is still to be reported; or what becomes of the job.
type Fetched<'a> = Result<(Found, Permission<'a>), Trouble>;

/// Asks Strava. The ticket is drawn before the request: an answer is as old as its question.
pub(super) async fn fetch<'a>(
    core: &'a Core,
    claimed: &Claimed,
    look: &Look,
) -> Result<Fetched<'a>, anyhow::Error> {
    let (first, again) = (ask(claimed, 0), ask(claimed, 1));
    let (ticket, permission) = tokio::join!(
        list::draw(&core.database, &look.connection),
        core.strava.ask(&look.connection, &first)
    );
    core.gap("ingest.ticket-drawn");
    let Some(ticket) = ticket? else { return Ok(Err(Trouble::Drop { reason: "fenced" })) };
    let mut permission = permission;
    for last in [false, true] {
        let mut held = match permission {
            Ok(held) => held,
            Err(refusal) => return Ok(Err(Trouble::of_lease(&refusal, core.now()))),
        };
        match with(core, claimed, &mut held, look, ticket).await {
            Ok(Ok(found)) => return Ok(Ok((found, held))),
            Ok(Err(error)) => {
                held.close().await;
                if last || error.kind != ErrorKind::TokenDead {
                    return Ok(Err(Trouble::of(&error, claimed.attempts, core.now())));
                }
            }
            Err(error) => {
                held.close().await;
                return Err(error);
            }
        }
        // One refresh and one more try: reporting the dead token has made token refresh it.
        permission = core.strava.ask(&look.connection, &again).await;
    }
    Ok(Err(Trouble::Fail { reason: "token-dead" }))
}

fn ask(claimed: &Claimed, tries: u32) -> Ask {
    let live = claimed.priority <= priority::LIVE;
    Ask {
        purpose: if live { Purpose::Live } else { Purpose::Reconcile },
        attempt: format!("{}:{}:{tries}", claimed.id, claimed.epoch),
        reads: 2,
    }
}

async fn with(
    core: &Core,
    claimed: &Claimed,
    permission: &mut Permission<'_>,
    look: &Look,
    ticket: Ticket,
) -> Result<Result<Found, StravaError>, anyhow::Error> {
    let source = |date: Option<Timestamp>| Source {
        ticket,
        generation: look.connection.generation,
        answered_at: date.unwrap_or_else(|| core.now()),
    };
    let answer = match permission.activity(look.key.strava).await {
        Ok(answer) => answer,
        Err(error) if error.kind == ErrorKind::NotFound => {
            let source = source(error.date);
            return Ok(Ok(Found { source, facts: None, streams: StreamsFound::Nothing }));
        }
        Err(error) => return Ok(Err(error)),
    };
    core.gap("ingest.activity-fetched");
    let source = source(answer.date);
    let facts = Facts::of(&answer.body.summary);
    let streams = if wants_streams(look, &facts) {
        match permission.streams(look.key.strava).await {
            Ok(answer) => keep(core, look, source, answer.body).await?,
            Err(error) => StreamsFound::Trouble(Trouble::of(&error, claimed.attempts, core.now())),
        }
    } else {
        StreamsFound::Nothing
    };
    Ok(Ok(Found { source, facts: Some(facts), streams }))
}

/// A typed-in activity has none; an edited title does not change them.
fn wants_streams(look: &Look, facts: &Facts) -> bool {
    let before = &look.before;
    let recorded_anew =
        before.detail.as_ref().is_none_or(|part| facts.recorded_otherwise_than(&part.value));
    !facts.manual && (before.streams.is_none() || recorded_anew)
}

/// The object first, then the transaction that points to it.
async fn keep(
    core: &Core,
    look: &Look,
    source: Source,
    streams: Streams,
) -> Result<StreamsFound, anyhow::Error> {
    let set = match streams {
        Streams::Ready(answer) => tracks::of(&answer),
        Streams::NotReady => return Ok(StreamsFound::NotReady),
        Streams::None => return Ok(StreamsFound::Nothing),
    };
    let packed = zstd::bulk::compress(&set.encode()?, ZSTD_LEVEL)?;
    let key = format!(
        "athletes/{}/strava/{}/{}/{}/{}",
        look.key.athlete, look.key.application, source.generation, look.key.strava, source.ticket
    );
    let kept = StreamsRef {
        key: key.clone(),
        bytes: packed.len() as i64,
        points: set.points() as i64,
        kinds: set.kinds().into_iter().map(str::to_owned).collect(),
    };
    Arc::clone(&core.objects).put(&Path::from(key), packed.into()).await?;
    core.gap("ingest.streams-put");
    Ok(StreamsFound::Kept(kept))
}
