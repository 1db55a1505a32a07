//! The state of the simulated world.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::Notify;

use super::activity::{Activity, ReadAccess};
use super::apps::App;
use super::athlete::Athlete;
use super::counters::Counters;
use super::events::{ActivityChange, EventQueue, WebhookEvent};
use super::faults::{FaultRule, take_matching_rule};
use super::rate_limits::RateLimitUsage;
use super::settings::{ConsentSettings, UploadSettings, WebhookSettings};
use super::tokens::{TokenPair, Tokens};
use crate::clock::SimClock;
use crate::options::Options;

/// Longest activity, in seconds, that is found when it overlaps another.
const MAX_OVERLAP_S: i64 = 3 * 86_400;

/// An upload and its result.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) id: i64,
    pub(crate) app: i64,
    pub(crate) athlete: i64,
    pub(crate) external_id: String,
    pub(crate) polls_left: u32,
    pub(crate) never_ready: bool,
    /// The activity made of it, or the error text.
    pub(crate) result: Result<Arc<Activity>, String>,
    pub(crate) finished: bool,
    pub(crate) activity_deleted: bool,
}

/// The activities of one athlete by start and id.
pub(crate) type ActivityTimeline = BTreeMap<(i64, i64), Arc<Activity>>;

/// Source of ids and tokens, the same for the same seed.
struct IdGenerator {
    random: ChaCha8Rng,
    issued: i64,
}

/// Everything that can change.
pub(crate) struct World {
    pub(crate) apps: BTreeMap<i64, App>,
    /// By application.
    pub(crate) usage: HashMap<i64, RateLimitUsage>,
    pub(crate) athletes: BTreeMap<i64, Arc<Athlete>>,
    /// Ids of the athletes in their documented order.
    pub(crate) athlete_order: Vec<i64>,
    pub(crate) tokens: Tokens,
    /// By athlete.
    pub(crate) timelines: HashMap<i64, ActivityTimeline>,
    /// Athlete and start by activity id.
    locations: HashMap<i64, (i64, i64)>,
    pub(crate) deleted: Vec<Arc<Activity>>,
    pub(crate) uploads: HashMap<i64, Upload>,
    pub(crate) events: EventQueue,
    pub(crate) consent: ConsentSettings,
    /// The settings that follow a one-time consent.
    pub(crate) previous_consent: ConsentSettings,
    pub(crate) upload_settings: UploadSettings,
    pub(crate) faults: Vec<FaultRule>,
    /// The `field` of 429 answers, where it differs from the bucket's name.
    pub(crate) rate_limit_field: Option<String>,
    pub(crate) counters: Counters,
    ids: IdGenerator,
    clock: Arc<SimClock>,
}

impl World {
    /// A world of these athletes with their activities.
    pub(crate) fn new(
        options: &Options,
        athletes: Vec<(Athlete, Vec<Activity>)>,
        clock: Arc<SimClock>,
        wake: Arc<Notify>,
    ) -> Self {
        let consent = ConsentSettings { mode: options.consent, ..ConsentSettings::default() };
        let webhook_settings = WebhookSettings {
            delay_ms: if options.instant { 0 } else { 1000 },
            ..WebhookSettings::default()
        };
        let upload_settings = UploadSettings {
            polls: if options.instant { 0 } else { 2 },
            ..UploadSettings::default()
        };
        let app = App::new(1, "Paceline".to_owned(), options.limits);
        let mut world = Self {
            apps: BTreeMap::from([(app.id, app)]),
            usage: HashMap::new(),
            athletes: BTreeMap::new(),
            athlete_order: Vec::new(),
            tokens: Tokens::default(),
            timelines: HashMap::new(),
            locations: HashMap::new(),
            deleted: Vec::new(),
            uploads: HashMap::new(),
            events: EventQueue::new(webhook_settings, clock.clone(), wake),
            previous_consent: consent.clone(),
            consent,
            upload_settings,
            faults: Vec::new(),
            rate_limit_field: None,
            counters: Counters::default(),
            ids: IdGenerator { random: ChaCha8Rng::seed_from_u64(options.seed), issued: 0 },
            clock,
        };
        for (athlete, activities) in athletes {
            world.athlete_order.push(athlete.id);
            world.timelines.insert(athlete.id, ActivityTimeline::new());
            world.athletes.insert(athlete.id, Arc::new(athlete));
            for activity in activities {
                world.store_activity(Arc::new(activity));
            }
        }
        world
    }

    /// Forty random hex digits.
    pub(crate) fn new_token(&mut self) -> String {
        let mut bytes = [0u8; 20];
        self.ids.random.fill_bytes(&mut bytes);
        hex::encode(bytes)
    }

    /// A new access token and a new refresh token.
    pub(crate) fn new_token_pair(&mut self) -> TokenPair {
        TokenPair { access: self.new_token(), refresh: self.new_token() }
    }

    /// A new id; every third one is above 2^53.
    pub(crate) fn new_id(&mut self) -> i64 {
        self.ids.issued += 1;
        let number = self.ids.issued;
        let base = if number % 3 == 0 { 9_007_199_254_740_993 } else { 18_000_000_000 };
        base + number * 10 + i64::from(self.ids.random.next_u32() % 7)
    }

    /// An athlete by id.
    pub(crate) fn athlete(&self, id: i64) -> Option<Arc<Athlete>> {
        self.athletes.get(&id).cloned()
    }

    /// An activity by id.
    pub(crate) fn activity(&self, id: i64) -> Option<&Arc<Activity>> {
        let (athlete, start) = self.locations.get(&id)?;
        self.timelines.get(athlete)?.get(&(*start, id))
    }

    fn store_activity(&mut self, activity: Arc<Activity>) {
        let id = activity.summary.id;
        let athlete = activity.summary.athlete.id;
        if let Some((old, start)) = self.locations.insert(id, (athlete, activity.start_s))
            && let Some(timeline) = self.timelines.get_mut(&old)
        {
            timeline.remove(&(start, id));
        }
        self.timelines.entry(athlete).or_default().insert((activity.start_s, id), activity);
    }

    /// Stores a new activity; sends its events unless `silent`.
    pub(crate) fn create_activity(
        &mut self,
        mut activity: Activity,
        silent: bool,
    ) -> Arc<Activity> {
        activity.streams_ready_ms = self.clock.now_ms() + self.events.settings.streams_late_ms;
        let activity = Arc::new(activity);
        self.store_activity(activity.clone());
        if !silent {
            self.publish_change(&activity, &ActivityChange::Created);
        }
        activity
    }

    /// Replaces an activity; sends the events of what changed unless `silent`.
    pub(crate) fn update_activity(&mut self, activity: Activity, silent: bool) -> Arc<Activity> {
        let before = self.activity(activity.summary.id).cloned();
        let activity = Arc::new(activity);
        self.store_activity(activity.clone());
        if let (Some(before), false) = (before, silent) {
            let (old, new) = (&before.summary, &activity.summary);
            let change = ActivityChange::Updated {
                title: old.name != new.name,
                sport: old.sport_type != new.sport_type,
                was_private: (old.private != new.private).then_some(old.private),
            };
            self.publish_change(&activity, &change);
        }
        activity
    }

    /// Deletes an activity; sends its events unless `silent`. `None` if there is no such activity.
    pub(crate) fn delete_activity(&mut self, id: i64, silent: bool) -> Option<Arc<Activity>> {
        let (athlete, start) = self.locations.remove(&id)?;
        let activity = self.timelines.get_mut(&athlete)?.remove(&(start, id))?;
        self.deleted.push(activity.clone());
        if !silent {
            self.publish_change(&activity, &ActivityChange::Deleted);
        }
        for upload in self.uploads.values_mut() {
            if upload.result.as_ref().is_ok_and(|activity| activity.summary.id == id) {
                upload.activity_deleted = true;
            }
        }
        Some(activity)
    }

    /// Queues the event of a change for every application with access to the activity.
    fn publish_change(&mut self, activity: &Activity, change: &ActivityChange) {
        let owner = activity.summary.athlete.id;
        let apps: Vec<(i64, ReadAccess)> = self
            .events
            .subscriptions
            .keys()
            .filter_map(|app| {
                let grant = self.tokens.grants.get(&(*app, owner))?;
                Some((*app, grant.scopes.activity_access()?))
            })
            .collect();
        for (app, access) in apps {
            if let Some(event) = WebhookEvent::for_activity(activity, change, access) {
                self.events.publish(app, event);
            }
        }
    }

    /// An activity of the athlete, not entered by hand, that overlaps a span of time.
    pub(crate) fn find_overlapping(
        &self,
        athlete: i64,
        from_s: i64,
        to_s: i64,
    ) -> Option<&Arc<Activity>> {
        let earliest = (from_s - MAX_OVERLAP_S, i64::MIN);
        self.timelines.get(&athlete)?.range(earliest..(to_s, i64::MAX)).map(|entry| entry.1).find(
            |activity| {
                let end_s = activity.start_s + activity.summary.elapsed_time;
                activity.start_s < to_s && end_s > from_s && !activity.summary.manual
            },
        )
    }

    /// Ends the access of an application to an athlete and sends the event; false if there was none.
    pub(crate) fn disconnect(&mut self, app: i64, athlete: i64) -> bool {
        let ended = self.tokens.revoke(app, athlete);
        if ended {
            self.events.publish(app, WebhookEvent::deauthorization(athlete));
        }
        ended
    }

    /// The consent settings of this request; a one-time setting is used up by it.
    pub(crate) fn take_consent(&mut self) -> ConsentSettings {
        let settings = self.consent.clone();
        if settings.once {
            self.consent = self.previous_consent.clone();
        }
        settings
    }

    /// The fault rule that applies to a call, counted as used.
    pub(crate) fn take_fault(
        &mut self,
        endpoint: &str,
        path: &str,
        athlete: Option<i64>,
    ) -> Option<FaultRule> {
        let rule = take_matching_rule(&mut self.faults, endpoint, path, athlete)?;
        self.counters.faults += 1;
        Some(rule)
    }
}
