//! Webhook events: who gets which, and the queue they wait in.

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::activity::{Activity, Sight};
use super::state::World;

/// What happened to an activity.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Created,
    Updated {
        title: bool,
        sport: bool,
        /// Whether it was *Only You* before, if that changed.
        was_private: Option<bool>,
    },
    Deleted,
}

/// An event on its way.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) delivery: usize,
    pub(crate) app: i64,
    pub(crate) object: i64,
    pub(crate) body: Value,
    pub(crate) attempt: u32,
    pub(crate) first_ms: i64,
}

/// One line of the delivery log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Delivery {
    /// Number of the event.
    pub(crate) id: usize,
    /// Application it is for.
    pub(crate) app: i64,
    /// The event as sent.
    #[schema(value_type = Object)]
    pub(crate) event: Value,
    /// `pending`, `delivered`, `retrying`, `gave_up` or `dropped`.
    pub(crate) outcome: String,
    /// Status of every attempt; 0 where no answer came in time.
    pub(crate) statuses: Vec<u16>,
}

/// Lines kept in the delivery log.
const LOG: usize = 50_000;

impl World {
    /// Tells every subscribed application that may know.
    pub(crate) fn announce(&mut self, activity: &Activity, change: &Change, now_ms: i64) {
        let owner = activity.summary.athlete.id;
        let apps: Vec<i64> = self.subscriptions.keys().copied().collect();
        for app in apps {
            let Some(grant) = self.tokens.grants.get(&(app, owner)) else {
                continue;
            };
            if !grant.scopes.reads_activities() {
                continue;
            }
            let sight =
                if grant.scopes.has("activity:read_all") { Sight::All } else { Sight::Limited };
            if let Some(what) = aspect(activity, change, sight) {
                self.enqueue(app, ("activity", activity.summary.id, owner), what, now_ms);
            }
        }
    }

    /// Tells an application that an athlete took access away.
    pub(crate) fn announce_end(&mut self, app: i64, athlete: i64, now_ms: i64) {
        let mut updates = Map::new();
        updates.insert("authorized".to_owned(), json!("false"));
        self.enqueue(app, ("athlete", athlete, athlete), ("update", updates), now_ms);
    }

    fn enqueue(
        &mut self,
        app: i64,
        (object_type, object, owner): (&str, i64, i64),
        (aspect, updates): (&str, Map<String, Value>),
        now_ms: i64,
    ) {
        let Some(subscription) = self.subscriptions.get(&app) else {
            return;
        };
        let mut body = json!({
            "object_type": object_type, "object_id": object, "aspect_type": aspect, "owner_id": owner,
            "subscription_id": subscription.id, "event_time": now_ms.div_euclid(1000),
        });
        if !(updates.is_empty() && self.webhooks.omit_updates) {
            body["updates"] = Value::Object(updates);
        }
        self.send(app, object, &body, now_ms);
    }

    /// Queues an event, subject to the switches.
    pub(crate) fn send(&mut self, app: i64, object: i64, body: &Value, now_ms: i64) {
        let drop = self.webhooks.drop_all || self.webhooks.drop_next > 0;
        self.webhooks.drop_next = self.webhooks.drop_next.saturating_sub(1);
        for _ in 0..=self.webhooks.duplicate {
            let id = self.log(app, body.clone(), if drop { "dropped" } else { "pending" });
            if drop {
                continue;
            }
            let due = now_ms + self.webhooks.delay_ms;
            let event = Pending {
                delivery: id,
                app,
                object,
                body: body.clone(),
                attempt: 1,
                first_ms: due,
            };
            if self.webhooks.reorder && self.held.is_none() {
                self.held = Some(event);
                continue;
            }
            self.queue(due, event);
            self.release(due);
        }
    }

    /// Lets a held event go.
    pub(crate) fn release(&mut self, due: i64) {
        if let Some(event) = self.held.take() {
            self.queue(due, event);
        }
    }

    /// Puts an event into the queue.
    pub(crate) fn queue(&mut self, due: i64, event: Pending) {
        self.sequence += 1;
        self.pending.insert((due, self.sequence), event);
    }

    fn log(&mut self, app: i64, event: Value, outcome: &str) -> usize {
        self.delivery_count += 1;
        if self.deliveries.len() >= LOG {
            self.deliveries.pop_front();
        }
        self.deliveries.push_back(Delivery {
            id: self.delivery_count,
            app,
            event,
            outcome: outcome.to_owned(),
            statuses: Vec::new(),
        });
        self.delivery_count
    }

    /// Notes how an attempt went.
    pub(crate) fn note(&mut self, id: usize, status: u16, outcome: &str) {
        let oldest = self.deliveries.front().map_or(0, |first| first.id);
        if let Some(line) = id.checked_sub(oldest).and_then(|index| self.deliveries.get_mut(index))
        {
            outcome.clone_into(&mut line.outcome);
            line.statuses.push(status);
        }
    }
}

fn aspect(
    activity: &Activity,
    change: &Change,
    sight: Sight,
) -> Option<(&'static str, Map<String, Value>)> {
    let visible = activity.visible(sight);
    let mut updates = Map::new();
    match change {
        Change::Created => visible.then_some(("create", updates)),
        Change::Deleted => visible.then_some(("delete", updates)),
        Change::Updated { title, sport, was_private } => {
            if let (Sight::Limited, Some(was)) = (sight, was_private) {
                return Some((if *was { "create" } else { "delete" }, updates));
            }
            if !visible {
                return None;
            }
            if *title {
                updates.insert("title".to_owned(), json!(activity.summary.name));
            }
            if *sport {
                updates.insert("type".to_owned(), json!(activity.summary.kind));
            }
            if was_private.is_some() {
                let private = if activity.summary.private { "true" } else { "false" };
                updates.insert("private".to_owned(), json!(private));
            }
            (!updates.is_empty()).then_some(("update", updates))
        }
    }
}
