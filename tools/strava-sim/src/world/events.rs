//! Webhook events: subscriptions, the queue of pending events, and the delivery log.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use utoipa::ToSchema;

use super::activity::{Activity, ReadAccess};
use super::apps::Subscription;
use super::settings::WebhookSettings;
use crate::clock::SimClock;

/// Maximum number of entries in the delivery log.
const MAX_LOG_ENTRIES: usize = 50_000;
/// Maximum number of deliveries under way.
const MAX_CONCURRENT_DELIVERIES: usize = 256;
/// Longest wait for the next due event, in milliseconds.
const MAX_WAIT_MS: i64 = 60_000;
/// Milliseconds after the first attempt at which the second and the third follow.
const RETRY_DELAYS_MS: [i64; 2] = [60_000, 180_000];

/// A change of an activity.
#[derive(Clone, Debug)]
pub(crate) enum ActivityChange {
    Created,
    Updated {
        title: bool,
        sport: bool,
        /// The former value of `private`, if it changed.
        was_private: Option<bool>,
    },
    Deleted,
}

/// The content of a webhook event.
pub(crate) struct WebhookEvent {
    pub(crate) object_type: &'static str,
    pub(crate) object_id: i64,
    pub(crate) owner: i64,
    pub(crate) aspect: &'static str,
    pub(crate) updates: Map<String, Value>,
}

impl WebhookEvent {
    /// The event of a change as an application with this access receives it; `None` if it receives none.
    pub(super) fn for_activity(
        activity: &Activity,
        change: &ActivityChange,
        access: ReadAccess,
    ) -> Option<Self> {
        let (aspect, updates) = describe_change(activity, change, access)?;
        let (object_id, owner) = (activity.summary.id, activity.summary.athlete.id);
        Some(Self { object_type: "activity", object_id, owner, aspect, updates })
    }

    /// The event of an athlete who withdrew access.
    pub(super) fn deauthorization(athlete: i64) -> Self {
        let updates = Map::from_iter([("authorized".to_owned(), json!("false"))]);
        let (object_type, aspect) = ("athlete", "update");
        Self { object_type, object_id: athlete, owner: athlete, aspect, updates }
    }
}

fn describe_change(
    activity: &Activity,
    change: &ActivityChange,
    access: ReadAccess,
) -> Option<(&'static str, Map<String, Value>)> {
    let visible = activity.is_visible(access);
    let mut updates = Map::new();
    match change {
        ActivityChange::Created => visible.then_some(("create", updates)),
        ActivityChange::Deleted => visible.then_some(("delete", updates)),
        ActivityChange::Updated { title, sport, was_private } => {
            if let (ReadAccess::Limited, Some(was_private)) = (access, was_private) {
                return Some((if *was_private { "create" } else { "delete" }, updates));
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
                updates.insert("private".to_owned(), json!(activity.summary.private.to_string()));
            }
            (!updates.is_empty()).then_some(("update", updates))
        }
    }
}

/// An event waiting for delivery.
#[derive(Clone, Debug)]
pub(crate) struct PendingEvent {
    delivery: usize,
    pub(crate) app: i64,
    object_id: i64,
    pub(crate) body: Value,
    attempt: usize,
    first_due_ms: i64,
}

/// Events to deliver now, and the wait until the next ones.
pub(crate) struct DueEvents {
    pub(crate) events: Vec<PendingEvent>,
    pub(crate) wait: Duration,
}

/// An entry of the delivery log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryLogEntry {
    /// Number of the event.
    id: usize,
    /// Application that receives it.
    app: i64,
    /// The event as sent.
    #[schema(value_type = Object)]
    event: Value,
    /// `pending`, `delivered`, `retrying`, `gave_up` or `dropped`.
    outcome: String,
    /// Status of every attempt; 0 where no answer came in time.
    statuses: Vec<u16>,
}

/// Subscriptions, pending events and the delivery log.
pub(crate) struct EventQueue {
    pub(crate) settings: WebhookSettings,
    /// By application.
    pub(crate) subscriptions: BTreeMap<i64, Subscription>,
    /// Oldest first.
    pub(crate) log: VecDeque<DeliveryLogEntry>,
    logged: usize,
    /// By due time in milliseconds and sequence number.
    pending: BTreeMap<(i64, u64), PendingEvent>,
    /// The event that the next one overtakes.
    held_back: Option<PendingEvent>,
    /// Objects with a delivery under way.
    in_delivery: HashSet<i64>,
    sequence: u64,
    clock: Arc<SimClock>,
    /// Wakes the delivery.
    wake: Arc<Notify>,
}

impl EventQueue {
    /// An empty queue.
    pub(super) fn new(settings: WebhookSettings, clock: Arc<SimClock>, wake: Arc<Notify>) -> Self {
        Self {
            settings,
            subscriptions: BTreeMap::new(),
            log: VecDeque::new(),
            logged: 0,
            pending: BTreeMap::new(),
            held_back: None,
            in_delivery: HashSet::new(),
            sequence: 0,
            clock,
            wake,
        }
    }

    /// Replaces the settings; the event that was held back goes out unless events are still reordered.
    pub(crate) fn change_settings(&mut self, settings: WebhookSettings) {
        self.settings = settings;
        if !self.settings.reorder {
            self.release_held_back(self.clock.now_ms());
        }
        self.wake.notify_one();
    }

    /// Queues an event for an application, if it has a subscription; the settings may drop, copy or hold it.
    pub(super) fn publish(&mut self, app: i64, event: WebhookEvent) {
        let Some(subscription) = self.subscriptions.get(&app) else {
            return;
        };
        let now_ms = self.clock.now_ms();
        let WebhookEvent { object_type, object_id, owner, aspect, updates } = event;
        let mut body = json!({
            "object_type": object_type, "object_id": object_id, "aspect_type": aspect, "owner_id": owner,
            "subscription_id": subscription.id, "event_time": now_ms.div_euclid(1000),
        });
        if !(updates.is_empty() && self.settings.omit_updates) {
            body["updates"] = Value::Object(updates);
        }
        let drop = self.settings.drop_all || self.settings.drop_next > 0;
        self.settings.drop_next = self.settings.drop_next.saturating_sub(1);
        let due_ms = now_ms + self.settings.delay_ms;
        for _ in 0..=self.settings.duplicate {
            let delivery = self.append_to_log(app, &body, if drop { "dropped" } else { "pending" });
            if drop {
                continue;
            }
            let body = body.clone();
            let pending =
                PendingEvent { delivery, app, object_id, body, attempt: 0, first_due_ms: due_ms };
            if self.settings.reorder && self.held_back.is_none() {
                self.held_back = Some(pending);
                continue;
            }
            self.schedule(due_ms, pending);
            self.release_held_back(due_ms);
        }
    }

    fn release_held_back(&mut self, due_ms: i64) {
        if let Some(event) = self.held_back.take() {
            self.schedule(due_ms, event);
        }
    }

    fn schedule(&mut self, due_ms: i64, event: PendingEvent) {
        self.sequence += 1;
        self.pending.insert((due_ms, self.sequence), event);
        self.wake.notify_one();
    }

    fn append_to_log(&mut self, app: i64, event: &Value, outcome: &str) -> usize {
        self.logged += 1;
        if self.log.len() >= MAX_LOG_ENTRIES {
            self.log.pop_front();
        }
        let (event, outcome) = (event.clone(), outcome.to_owned());
        self.log.push_back(DeliveryLogEntry {
            id: self.logged,
            app,
            event,
            outcome,
            statuses: Vec::new(),
        });
        self.logged
    }

    /// Takes the events that are due, one per object at a time.
    pub(crate) fn take_due(&mut self) -> DueEvents {
        let now_ms = self.clock.now_ms();
        let mut events = Vec::new();
        let mut wait_ms = MAX_WAIT_MS;
        let keys: Vec<(i64, u64)> =
            self.pending.keys().take(4 * MAX_CONCURRENT_DELIVERIES).copied().collect();
        for key in keys {
            if key.0 > now_ms {
                wait_ms = key.0 - now_ms;
                break;
            }
            if self.in_delivery.len() >= MAX_CONCURRENT_DELIVERIES {
                break;
            }
            // an event of an object waits for the one before, unless disorder is asked for
            let ready = |event: &PendingEvent| {
                self.settings.reorder || !self.in_delivery.contains(&event.object_id)
            };
            if self.pending.get(&key).is_some_and(ready)
                && let Some(event) = self.pending.remove(&key)
            {
                self.in_delivery.insert(event.object_id);
                events.push(event);
            }
        }
        let wait = Duration::from_millis(wait_ms.clamp(1, MAX_WAIT_MS) as u64);
        DueEvents { events, wait }
    }

    /// Records the result of an attempt and schedules the next one where it failed; true if it was acknowledged.
    pub(crate) fn finish_attempt(&mut self, mut event: PendingEvent, status: u16) -> bool {
        self.in_delivery.remove(&event.object_id);
        self.wake.notify_one();
        let retry_delay = RETRY_DELAYS_MS.get(event.attempt);
        let outcome = match (status, retry_delay) {
            (200, _) => "delivered",
            (_, Some(_)) => "retrying",
            (_, None) => "gave_up",
        };
        let oldest = self.log.front().map_or(0, |first| first.id);
        let index = event.delivery.checked_sub(oldest);
        if let Some(entry) = index.and_then(|index| self.log.get_mut(index)) {
            outcome.clone_into(&mut entry.outcome);
            entry.statuses.push(status);
        }
        if let (true, Some(delay_ms)) = (status != 200, retry_delay) {
            event.attempt += 1;
            self.schedule((event.first_due_ms + delay_ms).max(self.clock.now_ms()), event);
        }
        status == 200
    }
}
