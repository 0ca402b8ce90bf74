//! The only place where rules meet store, hash, upstream and clock.
//!
//! Doors ask a [`Question`] and get an [`Answer`]; administrators give an [`Order`](crate::gate::order::Order). What is
//! decided is decided in `gate/`; here the facts are fetched and what it says is carried out.
//!
//! - `login`: one attempt, from its seat to its verdict
//! - `proof`: is the secret right? verified-secret memory, Argon2, the upstream
//! - `identity`: whose login a name is, and whose mailbox opened
//! - `keys`: the store's keys: which rows are under which, rotation
//! - `import`: accounts and client passwords in bulk; `imported`: client passwords of other systems, until their first use
//! - `empty`: an attempt without a password
//! - `relay`: mechanisms that only the upstream does
//! - `policy`: attempts that Dovecot's own passdbs decide
//! - `outage`: failures that Dovecot gives no reason for
//! - `userdb`: claims and lookups of mail processes
//! - `sending`: what Postfix asks about a message; `senders`: whose a sender address is; `sessions`: which login is
//!   behind an SMTP session
//! - `seats`: who may be decided on now, and who waits
//! - `headers`: may a mail go with its `From:` and `Sender:`
//! - `observe`: everything is decided and nothing is refused
//! - `held`: answers to failures that leave later
//! - `doors`: when each listener was last asked
//! - `sharing`: Dovecot is told of delegations
//! - `notices`: what the store holds for owners and administrators is delivered; `followed`: events that hooks are told of;
//!   `owners`: events that owners are told of
//! - `admin`: orders, lists, `check`; `blocks`: who is blocked by what, blocks by hand; `lists`: what is set of sending, and what of it is in force
//! - `people`: what people do in the portal; `factors`, `main_password`: what administrators see and set of them
//! - `rollout`: whom the rules would meet; `overview`: failures and blocks over time
//! - `sums`: alike events told as one
//! - `who`: the name behind an attempt
//! - `upkeep`: what happens by itself: last uses, sweeping, forgetting

mod admin;
mod blocks;
mod doors;
mod empty;
mod factors;
mod followed;
mod headers;
mod held;
mod identity;
mod import;
mod imported;
mod keys;
mod lists;
mod login;
mod main_password;
mod names;
mod notices;
mod observe;
mod outage;
mod overview;
mod owners;
pub mod people;
mod policy;
mod proof;
mod relay;
mod rollout;
pub mod rules;
mod seats;
mod senders;
mod sending;
mod sessions;
mod sharing;
mod sums;
mod unreadable;
mod upkeep;
mod userdb;
mod who;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use hashlink::LruCache;
use tracing::{error, info, warn};

use self::held::Held;
use self::notices::Outbox;
use self::observe::Observed;
use self::policy::Policy;
use self::proof::Verified;
use self::seats::Seats;
use self::sessions::Sessions;
use self::sharing::Sharing;
use self::sums::{Accepts, Refusals};
use self::upkeep::LastUses;
use crate::claims::Claims;
use crate::clock::{Clock, Timestamp};
use crate::entropy::Entropy;
use crate::gate::address::Key;
use crate::gate::crowd::Crowds;
use crate::gate::event::Kind;
use crate::gate::key::{AccountTag, KeyRing, StoreKey};
use crate::gate::login::Verdict;
use crate::gate::outage::Outage;
use crate::gate::question::{Answer, Question};
use crate::gate::record::AddressRecord;
use crate::hasher::Hasher;
use crate::log;
use crate::metrics::Counters;
use crate::notices::Notices;
use crate::pace::Pace;
use crate::sharing::SharingFiles;
use crate::store::{EventQuery, StoreError, StoreHandle, Tables};
use crate::upstream::Upstream;

pub use self::admin::{Checked, OrderError, Summary};
pub use self::blocks::{Lifted, Source};
pub use self::factors::FactorsOf;
pub use self::keys::{KeyError, KeyState, KeyUse};
pub use self::lists::{AccountStanding, Standing};
pub use self::policy::{Allowed, Ended, PolicyAttempt};
pub use self::rules::Rules;
pub use self::sharing::SharingError;

/// What a service is made of.
#[derive(Debug)]
pub struct Parts {
    /// The settings.
    pub rules: Rules,
    /// The most sources in memory.
    pub addresses_max: usize,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// The store's keys.
    pub key: KeyRing,
    /// The store.
    pub store: StoreHandle,
    /// Argon2.
    pub hasher: Hasher,
    /// Dovecot's own auth process, in front mode.
    pub upstream: Option<Upstream>,
    /// The files in which Dovecot reads of delegations.
    pub sharing: Option<SharingFiles>,
    /// The ways by which owners and administrators are told.
    pub notices: Option<Notices>,
    /// There is a listener at which Dovecot's auth policy may report how attempts ended.
    pub hears_reports: bool,
}

/// Texts of blocks that are kept; one for each end of a block.
const BLOCKED_TEXTS_MAX: usize = 1_000;
/// Reports of a day that are recalled at the start. Protocols are few, and so are proxies that nobody declared.
const REPORTS_MAX: u32 = 1_000;

const OBSERVING: &str = "observe-only: nothing is refused (rollout.mode in the settings)";

/// Everything that is decided, is decided here.
#[derive(Debug)]
pub struct Service {
    rules: RwLock<Arc<Rules>>,
    clock: Clock,
    entropy: Arc<Entropy>,
    /// Makes the marks of names and wrong secrets. It is the oldest of the keys at the start, and stays until the
    /// end: what is in memory and in the store under a mark is not lost when the key is changed.
    key: StoreKey,
    keys: RwLock<KeyRing>,
    /// One change of the keys at a time.
    changing_keys: tokio::sync::Mutex<()>,
    /// Second factors that could not be put under the current key, as far as was told.
    broken_factors: AtomicUsize,
    store: StoreHandle,
    hasher: Hasher,
    upstream: Option<Upstream>,
    seats: Seats,
    verified: Arc<Verified>,
    /// Secrets that are tried against imported hashes.
    trials: Arc<imported::Trials>,
    claims: Mutex<Claims>,
    held: Held,
    crowds: Mutex<Crowds>,
    last_uses: LastUses,
    refusals: Refusals,
    /// What sources that are blocked until some time are told.
    blocked_texts: Mutex<LruCache<Timestamp, String>>,
    accepts: Accepts,
    started: Timestamp,
    /// Whether the last write reached the disk.
    writable: AtomicBool,
    /// By how many seconds our time was before the wall clock's at the last look.
    clock_ahead: AtomicI64,
    counters: Counters,
    policy: Policy,
    outage: Mutex<Outage>,
    hears_reports: bool,
    observed: Observed,
    sharing: Option<Sharing>,
    outbox: Outbox,
    sessions: Sessions,
    /// When Postfix last asked about the end of a message.
    ends_heard: Mutex<Option<Timestamp>>,
    last_overview: overview::LastOverview,
    /// Failed main passwords at the portal.
    entrance: people::Entrance,
    userdb_facts: identity::UserdbFacts,
    /// Bursts of one SMTP connection: the login, and the client's address and port.
    connection_pace: Pace<(AccountTag, IpAddr, u16)>,
    /// Bursts of one source.
    source_pace: Pace<Key>,
}

impl Service {
    /// Puts a service together and fetches what the store knows of sources.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, StoreError> {
        let Parts { rules, addresses_max, clock, entropy, key, store, hasher, upstream, .. } = parts;
        let (sharing, notices, hears_reports) = (parts.sharing, parts.notices, parts.hears_reports);
        let now = clock.now();
        names::bring(&store).await?;
        let rows = sources(&store, now).await?;
        let seats = Seats::load(rows, addresses_max, now, &rules);
        if rules.observe {
            warn!("{OBSERVING}");
        }
        let crowds = reported(&store, now).await?;
        let verified = Verified::new(&entropy);
        Ok(Arc::new(Self {
            rules: RwLock::new(Arc::new(rules)),
            clock,
            entropy: Arc::new(entropy),
            key: key.oldest().clone(),
            keys: RwLock::new(key),
            changing_keys: tokio::sync::Mutex::default(),
            broken_factors: AtomicUsize::default(),
            store,
            hasher,
            upstream,
            seats,
            verified: Arc::new(verified),
            trials: Arc::default(),
            claims: Mutex::default(),
            held: Held::default(),
            crowds: Mutex::new(crowds),
            last_uses: LastUses::default(),
            refusals: Refusals::default(),
            blocked_texts: Mutex::new(LruCache::new(BLOCKED_TEXTS_MAX)),
            accepts: Accepts::default(),
            started: now,
            writable: AtomicBool::new(true),
            clock_ahead: AtomicI64::new(0),
            counters: Counters::default(),
            policy: Policy::default(),
            outage: Mutex::default(),
            hears_reports,
            observed: Observed::new(addresses_max),
            sharing: sharing.map(Sharing::new),
            outbox: Outbox::new(notices),
            sessions: Sessions::default(),
            ends_heard: Mutex::default(),
            last_overview: overview::LastOverview::default(),
            entrance: people::Entrance::default(),
            userdb_facts: identity::UserdbFacts::default(),
            connection_pace: Pace::default(),
            source_pace: Pace::default(),
        }))
    }

    /// Answers a question. What is being decided is decided and counted even if nobody waits for
    /// the answer any more: do not drop this future.
    pub async fn ask(self: Arc<Self>, question: Question) -> Answer {
        match question.folded(&self.rules().prefixes) {
            Question::Login(attempt) => Answer::Login(self.login(attempt).await),
            Question::Sending(sending) => Answer::Sending(self.sending(sending).await),
            Question::Relay { mechanism, origin, initial } => {
                Box::pin(self.relay(None, mechanism, origin, initial)).await
            }
            Question::RelayOn(relay, data) => {
                let (mechanism, origin) = (relay.mechanism.clone(), relay.origin.clone());
                Box::pin(self.relay(Some(relay), mechanism, origin, Some(data))).await
            }
            Question::ActingFor(other, attempt) => Box::pin(self.acting_for(&other, attempt)).await,
            Question::Unreadable(unread) => Box::pin(self.unreadable(unread)).await,
            Question::Claim(claim) => Answer::Found(Box::pin(self.claim(&claim)).await),
            Question::User(lookup) => Answer::Found(Box::pin(self.user(&lookup)).await),
            Question::Pass(lookup) => Answer::Found(Box::pin(self.pass(&lookup)).await),
            Question::List(params) => Answer::List(Box::pin(self.list(&params)).await),
            Question::Owners(address) => Answer::Owners(Box::pin(self.owners(&address)).await),
            Question::Headers(check) => Answer::Headers(Box::pin(self.headers(check)).await),
        }
    }

    /// The end is near: answers to failures leave at once, and are not lost.
    pub fn hurry(&self) {
        self.held.let_go();
    }

    /// The register of logins that may be claimed.
    pub fn claims(&self) -> MutexGuard<'_, Claims> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings of this moment.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on, decide by these settings.
    pub fn set_rules(&self, rules: Rules) {
        if rules.observe {
            warn!("{OBSERVING}");
        } else if self.rules().observe {
            self.observed.clear();
            info!("from now on, what is decided holds");
        }
        lock(&self.blocked_texts).clear();
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The clock itself, which tests set by hand.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Randomness, for cookies.
    #[must_use]
    pub fn entropy(&self) -> &Entropy {
        &self.entropy
    }

    /// The upstream, in front mode.
    #[must_use]
    pub fn upstream(&self) -> Option<&Upstream> {
        self.upstream.as_ref()
    }

    /// Notes how a write ended; says so in the log when that changes.
    fn wrote<T>(&self, outcome: &Result<T, StoreError>) {
        // One row, a key that is lost, a fault of our own tell nothing of the next write.
        if matches!(outcome, Err(StoreError::LostKey(_) | StoreError::Row(_) | StoreError::Fault)) {
            return;
        }
        let ok = outcome.is_ok();
        if self.writable.swap(ok, Ordering::Relaxed) != ok {
            match outcome {
                Ok(_) => info!("the store takes writes again"),
                Err(error) => error!(
                    error = %log::chain(error),
                    "the store takes no writes: what would have to be counted fails temporarily"
                ),
            }
        }
    }

    /// What is counted, for monitoring.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn count(&self, verdict: &Verdict) {
        self.counters.login(verdict);
    }
}

/// What is known of sources. Whatever the store has from a time that is still to come, since the clock was set back, is taken
/// as from now, for good: neither a block nor a wait lasts longer for it.
async fn sources(store: &StoreHandle, now: Timestamp) -> Result<Vec<(Key, AddressRecord)>, StoreError> {
    let mut rows = store.read(|tables| tables.sources()).await?;
    let mut clamped = Vec::new();
    for (key, record) in &mut rows {
        if let AddressRecord::Blocked(block) = record
            && block.since > now
        {
            *record = AddressRecord::Blocked(block.clone().clamped(now));
            clamped.push((*key, record.clone()));
        }
    }
    let put = move |tables: &mut dyn Tables| {
        let people = tables.clamp_people(now)?;
        clamped.iter().try_for_each(|(key, record)| tables.put_source(key, Some(record)))?;
        Ok(people + clamped.len())
    };
    match store.write(put, |_| ()).await {
        Ok(0) => {}
        Ok(count) => warn!(count, "the clock was set back: blocks and waits from later than now begin now"),
        Err(error) => {
            error!(error = %log::chain(&error), "blocks from before the clock was set back may last longer");
        }
    }
    Ok(rows)
}

/// What administrators were told of the servers in front of us before we were started.
async fn reported(store: &StoreHandle, now: Timestamp) -> Result<Crowds, StoreError> {
    let kinds = vec![Kind::AddressMissing, Kind::ProxySuspected];
    let since = Some(Crowds::quiet_since(now));
    let query = EventQuery { since, kinds, limit: REPORTS_MAX, ..EventQuery::default() };
    let reports = store.read(move |tables| tables.events(&query)).await?;
    let mut crowds = Crowds::default();
    reports.iter().for_each(|(_, event)| crowds.recall(event, now));
    Ok(crowds)
}

/// A mutex's contents, whatever became of an earlier holder.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
