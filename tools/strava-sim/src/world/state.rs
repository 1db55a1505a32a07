//! The state itself.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::activity::Activity;
use super::apps::{App, Subscription, Tokens};
use super::athlete::Athlete;
use super::events::{Change, Delivery, Pending};
use super::limits::Usage;
use super::switches::{ConsentSettings, Counters, FaultRule, UploadSettings, WebhookSettings};
use crate::content;
use crate::options::Options;

/// How an upload stands.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) id: i64,
    pub(crate) app: i64,
    pub(crate) athlete: i64,
    pub(crate) external_id: String,
    pub(crate) polls_left: u32,
    pub(crate) never: bool,
    /// The activity that was made, or the error text.
    pub(crate) outcome: Result<Arc<Activity>, String>,
    pub(crate) finished: bool,
    pub(crate) gone: bool,
}

/// The activities of one athlete by start and id.
pub(crate) type Shelf = BTreeMap<(i64, i64), Arc<Activity>>;

/// Everything that can change.
pub(crate) struct World {
    pub(crate) apps: BTreeMap<i64, App>,
    pub(crate) usage: HashMap<i64, Usage>,
    pub(crate) athletes: BTreeMap<i64, Arc<Athlete>>,
    /// Athletes in their documented order.
    pub(crate) order: Vec<i64>,
    pub(crate) tokens: Tokens,
    pub(crate) subscriptions: BTreeMap<i64, Subscription>,
    pub(crate) shelves: HashMap<i64, Shelf>,
    places: HashMap<i64, (i64, i64)>,
    pub(crate) deleted: Vec<Arc<Activity>>,
    pub(crate) uploads: HashMap<i64, Upload>,
    pub(crate) pending: BTreeMap<(i64, u64), Pending>,
    pub(crate) held: Option<Pending>,
    pub(crate) busy: HashSet<i64>,
    pub(crate) sequence: u64,
    pub(crate) deliveries: VecDeque<Delivery>,
    pub(crate) delivery_count: usize,
    pub(crate) consent: ConsentSettings,
    pub(crate) consent_before: ConsentSettings,
    pub(crate) webhooks: WebhookSettings,
    pub(crate) upload_settings: UploadSettings,
    pub(crate) faults: Vec<FaultRule>,
    /// The `field` of 429 answers, where it should differ from the bucket's name.
    pub(crate) rate_limit_field: Option<String>,
    pub(crate) counters: Counters,
    random: ChaCha8Rng,
    made: i64,
}

impl World {
    /// The world as options describe it.
    pub(crate) fn new(options: &Options, now_s: i64) -> Self {
        let consent = ConsentSettings { mode: options.consent, ..ConsentSettings::default() };
        let mut world = Self {
            apps: BTreeMap::new(),
            usage: HashMap::new(),
            athletes: BTreeMap::new(),
            order: Vec::new(),
            tokens: Tokens::default(),
            subscriptions: BTreeMap::new(),
            shelves: HashMap::new(),
            places: HashMap::new(),
            deleted: Vec::new(),
            uploads: HashMap::new(),
            pending: BTreeMap::new(),
            held: None,
            busy: HashSet::new(),
            sequence: 0,
            deliveries: VecDeque::new(),
            delivery_count: 0,
            consent_before: consent.clone(),
            consent,
            webhooks: WebhookSettings {
                delay_ms: if options.instant { 0 } else { 1000 },
                ..WebhookSettings::default()
            },
            upload_settings: UploadSettings {
                polls: if options.instant { 0 } else { 2 },
                ..UploadSettings::default()
            },
            faults: Vec::new(),
            rate_limit_field: None,
            counters: Counters::default(),
            random: ChaCha8Rng::seed_from_u64(options.seed),
            made: 0,
        };
        world.add_app(App {
            id: 1,
            secret: "sim-secret".to_owned(),
            name: "Paceline".to_owned(),
            callback_domain: "localhost".to_owned(),
            capacity: 9_999,
            active: true,
            limits: options.limits,
        });
        for (athlete, activities) in content::cast(options, now_s) {
            let id = athlete.id;
            world.order.push(id);
            world.athletes.insert(id, Arc::new(athlete));
            world.shelves.insert(id, Shelf::new());
            for activity in activities {
                world.place(Arc::new(activity));
            }
        }
        world
    }

    /// Adds or replaces an application.
    pub(crate) fn add_app(&mut self, app: App) {
        self.apps.insert(app.id, app);
    }

    /// Forty random hex digits.
    pub(crate) fn token(&mut self) -> String {
        let mut bytes = [0u8; 20];
        self.random.fill_bytes(&mut bytes);
        hex::encode(bytes)
    }

    /// A fresh pair of tokens.
    pub(crate) fn token_pair(&mut self) -> [String; 2] {
        [self.token(), self.token()]
    }

    /// A fresh id; every third one is above 2^53.
    pub(crate) fn new_id(&mut self) -> i64 {
        self.made += 1;
        let jump = i64::from(self.random.next_u32() % 7);
        if self.made % 3 == 0 {
            9_007_199_254_740_993 + self.made * 10 + jump
        } else {
            18_000_000_000 + self.made * 10 + jump
        }
    }

    /// An activity by id.
    pub(crate) fn activity(&self, id: i64) -> Option<&Arc<Activity>> {
        let (athlete, start) = self.places.get(&id)?;
        self.shelves.get(athlete)?.get(&(*start, id))
    }

    /// Puts an activity on its athlete's shelf, without telling anybody.
    pub(crate) fn place(&mut self, activity: Arc<Activity>) {
        let id = activity.summary.id;
        let athlete = activity.summary.athlete.id;
        if let Some((old, start)) = self.places.insert(id, (athlete, activity.start_s))
            && let Some(shelf) = self.shelves.get_mut(&old)
        {
            shelf.remove(&(start, id));
        }
        self.shelves.entry(athlete).or_default().insert((activity.start_s, id), activity);
    }

    /// Puts an activity on the shelf and tells whom it concerns.
    pub(crate) fn create(
        &mut self,
        mut activity: Activity,
        silent: bool,
        now_ms: i64,
    ) -> Arc<Activity> {
        activity.streams_ready_ms = now_ms + self.webhooks.streams_late_ms;
        let activity = Arc::new(activity);
        self.place(activity.clone());
        if !silent {
            self.announce(&activity, &Change::Created, now_ms);
        }
        activity
    }

    /// Replaces an activity and tells whom it concerns; no event where nothing that has one changed.
    pub(crate) fn update(
        &mut self,
        activity: Activity,
        silent: bool,
        now_ms: i64,
    ) -> Arc<Activity> {
        let before = self.activity(activity.summary.id).cloned();
        let activity = Arc::new(activity);
        self.place(activity.clone());
        if let (Some(before), false) = (before, silent) {
            let (old, new) = (&before.summary, &activity.summary);
            let change = Change::Updated {
                title: old.name != new.name,
                sport: old.sport_type != new.sport_type,
                was_private: (old.private != new.private).then_some(old.private),
            };
            self.announce(&activity, &change, now_ms);
        }
        activity
    }

    /// Takes an activity away.
    pub(crate) fn delete(&mut self, id: i64, silent: bool, now_ms: i64) -> Option<Arc<Activity>> {
        let (athlete, start) = self.places.remove(&id)?;
        let activity = self.shelves.get_mut(&athlete)?.remove(&(start, id))?;
        self.deleted.push(activity.clone());
        if !silent {
            self.announce(&activity, &Change::Deleted, now_ms);
        }
        for upload in self.uploads.values_mut() {
            if upload.outcome.as_ref().is_ok_and(|made| made.summary.id == id) {
                upload.gone = true;
            }
        }
        Some(activity)
    }

    /// An activity of the athlete that overlaps a span of time.
    pub(crate) fn overlapping(
        &self,
        athlete: i64,
        from_s: i64,
        to_s: i64,
    ) -> Option<Arc<Activity>> {
        self.shelves
            .get(&athlete)?
            .range((from_s - 3 * 86_400, i64::MIN)..(to_s, i64::MAX))
            .map(|(_, activity)| activity)
            .find(|found| {
                let end = found.start_s + found.summary.elapsed_time;
                found.start_s < to_s && end > from_s && !found.summary.manual
            })
            .cloned()
    }

    /// Ends an application's access to an athlete and says so by webhook.
    pub(crate) fn disconnect(&mut self, app: i64, athlete: i64, now_ms: i64) -> bool {
        let ended = self.tokens.end(app, athlete);
        if ended {
            self.announce_end(app, athlete, now_ms);
        }
        ended
    }

    /// The consent settings for this request; a one-time setting is used up by it.
    pub(crate) fn take_consent(&mut self) -> ConsentSettings {
        let settings = self.consent.clone();
        if settings.once {
            self.consent = self.consent_before.clone();
        }
        settings
    }
}
