//! What happens by itself: last uses and events are written in batches off the login path, ended
//! blocks and old runs are swept, old events are forgotten.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot::Receiver;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, warn};

use super::sums::EACH_MAX;
use super::who::Trier;
use super::{Service, lock};
use crate::clock::Timestamp;
use crate::gate::account::{LastUse, REVOKED_KEPT};
use crate::gate::address::Key;
use crate::gate::event::Event;
use crate::gate::key::AccountTag;
use crate::gate::login::{Grant, Origin};
use crate::gate::name::Protocol;
use crate::gate::record::{AddressRecord, Block};
use crate::gate::visit::KEPT;
use crate::log;
use crate::store::booking::release_overdue;
use crate::store::{StoreError, Tables};

/// How often what is pending is written.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// How often what has ended is swept, in writes.
const SWEEP_EVERY: u32 = 60;
/// A clock that is set back by more seconds is told of.
const CLOCK_STEP_SECS: i64 = 5;
/// Events that may wait to be written; past it they are only logged.
const EVENTS_MAX: usize = 20_000;
/// Old rows that one transaction forgets, so that no login waits long behind it.
const FORGET_MAX: u32 = 5_000;
/// How long after their last use sessions of the portal, which ended long before, and counts of codes are kept.
const UNUSED_KEPT: Duration = Duration::from_secs(2 * 86_400);
/// Sources that one transaction forgets.
const FORGET_SOURCES: usize = 1_000;
/// Such transactions between two beats.
const FORGET_ROUNDS: usize = 20;

/// Last uses and events that are not written yet.
#[derive(Debug, Default)]
pub(super) struct LastUses {
    uses: Mutex<HashMap<i64, Use>>,
    events: Mutex<Vec<Event>>,
}

/// A use of a client password. It becomes words when it is written.
#[derive(Clone, Debug)]
struct Use {
    at: Timestamp,
    address: Option<IpAddr>,
    protocol: Protocol,
}

impl Use {
    fn in_words(&self) -> LastUse {
        let address = self.address.map(|address| address.to_string());
        LastUse { at: self.at, address, protocol: self.protocol.to_string() }
    }
}

impl LastUses {
    pub(super) fn note(&self, password_id: i64, origin: &Origin, at: Timestamp) {
        let last_use = Use { at, address: origin.address, protocol: origin.protocol.clone() };
        lock(&self.uses).insert(password_id, last_use);
    }
}

impl Service {
    /// Logs an event now, and writes it with the next batch.
    pub(super) fn record(&self, event: Event) {
        log::event(&event);
        let mut events = lock(&self.last_uses.events);
        if events.len() < EVENTS_MAX {
            events.push(event);
        } else if events.len() == EVENTS_MAX {
            warn!("more events than the store can take: some are only in this log");
            events.push(event);
        }
    }

    /// Records a login that succeeded.
    pub(super) fn record_accept(&self, trier: &Trier<'_>, grant: &Grant, make: impl FnOnce() -> Event) {
        if lock(&self.last_uses.events).len() < EACH_MAX {
            self.record(make());
        } else if let Some(event) = self.accepts.note(trier.tag, grant, trier.origin, make) {
            self.record(event);
        }
    }

    /// Writes what is pending, and returns when it is on disk.
    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        for sum in self.accepts.take() {
            self.record(sum);
        }
        let uses = std::mem::take(&mut *lock(&self.last_uses.uses));
        let events = Arc::new(std::mem::take(&mut *lock(&self.last_uses.events)));
        if uses.is_empty() && events.is_empty() {
            return Ok(());
        }
        let (batch, kept) = (Arc::clone(&events), uses.clone());
        let written = self
            .store
            .write(
                move |tables| {
                    uses.iter()
                        .try_for_each(|(id, last_use)| tables.set_last_use(*id, &last_use.in_words()))?;
                    batch.iter().try_for_each(|event| tables.add_event(event).map(drop))
                },
                |()| (),
            )
            .await;
        self.wrote(&written);
        if written.is_err() {
            // They wait for a store that works; whatever came meanwhile is newer and wins.
            let mut newer = lock(&self.last_uses.uses);
            for (id, last_use) in kept {
                newer.entry(id).or_insert(last_use);
            }
            let mut pending = lock(&self.last_uses.events);
            let room = EVENTS_MAX.saturating_sub(pending.len());
            pending.splice(0..0, events.iter().take(room).cloned());
        }
        written
    }

    /// Whether a failure could be counted now. While the store takes no writes, nothing that can
    /// be guessed at is looked at.
    pub async fn can_count(&self) -> bool {
        if self.writable.load(Ordering::Relaxed) {
            return true;
        }
        // Writes a row and takes it back: both pages go to the disk.
        let probe = Key::NoAddress(AccountTag(0));
        let block = Block::by_hand(Timestamp(0), Timestamp(0), "");
        let work = move |tables: &mut dyn Tables| {
            tables.put_source(&probe, Some(&AddressRecord::Blocked(block.clone())))?;
            tables.put_source(&probe, None)
        };
        let written = self.store.write(work, |()| ()).await;
        self.wrote(&written);
        written.is_ok()
    }

    /// What is no longer in the table is forgotten by the store too, if it has not come back when that is done.
    pub(super) fn forget_fallen(&self) {
        let shared = self.seats.shared();
        // The next beat sees to whatever stays.
        if shared.must_forget() && self.forget_some().is_err() {
            shared.not_forgetting();
        }
    }

    fn forget_some(&self) -> Result<Receiver<Result<Vec<Key>, StoreError>>, StoreError> {
        let (table, done) = (self.seats.shared(), self.seats.shared());
        let work = move |tables: &mut dyn Tables| {
            let keys = table.doomed(FORGET_SOURCES);
            keys.iter().try_for_each(|key| tables.put_source(key, None))?;
            Ok(keys)
        };
        self.store.post_first(work, move |keys: &Vec<Key>| done.forgotten(keys))
    }

    /// A batch after the other, so that no login waits long behind one.
    async fn forget_all_fallen(&self) {
        for _ in 0..FORGET_ROUNDS {
            if !self.seats.has_fallen() {
                return;
            }
            let Ok(waiting) = self.forget_some() else { return };
            if !matches!(waiting.await, Ok(Ok(_))) {
                return;
            }
        }
    }

    /// Runs for as long as the daemon does.
    pub async fn upkeep(self: Arc<Self>) {
        let mut beat = interval(WRITE_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for count in 1_u32.. {
            beat.tick().await;
            self.watch_clock();
            self.policy.expire();
            self.share_again().await;
            self.forget_all_fallen().await;
            for sum in self.refusals.over(self.now(), false) {
                self.record(sum);
            }
            // A failure is in the log already (`wrote`), and the batch waits.
            let _ = self.flush().await;
            self.look_at_mailboxes();
            if count.is_multiple_of(SWEEP_EVERY) {
                self.settle_visits().await;
                self.sweep().await;
                self.reseal_factors().await;
            }
        }
    }

    /// Says once that the wall clock was set back, and by how much.
    fn watch_clock(&self) {
        let ahead = self.now().0 - self.clock.wall().0;
        let told = self.clock_ahead.swap(ahead, Ordering::Relaxed);
        if ahead > CLOCK_STEP_SECS && (ahead - told).abs() > CLOCK_STEP_SECS {
            warn!(
                seconds = ahead,
                "the system's clock was set back: blocks and waits go on by their own time; restart sidegated to have times \
                 in the log and the store follow it"
            );
        }
    }

    /// Forgets what has ended: blocks, runs, bursts, old events, marks and counts, messages that never ended.
    pub async fn sweep(&self) {
        let (now, rules) = (self.now(), self.rules());
        let lockout = rules.lockout;
        self.connection_pace.sweep();
        self.source_pace.sweep();
        self.observed.sweep(now, &lockout);
        self.seats.sweep(now, &lockout);
        self.forget_all_fallen().await;
        let (events, revoked) = (now.minus(rules.events_keep), now.minus(REVOKED_KEPT));
        let unused = now.minus(UNUSED_KEPT);
        let ends_heard = (*lock(&self.ends_heard)).map(|last| self.started..last);
        loop {
            let ends_heard = ends_heard.clone();
            let work = move |tables: &mut dyn Tables| {
                release_overdue(tables, now, ends_heard.as_ref())?;
                let people = tables.forget_sessions(unused, now, FORGET_MAX)?;
                let visits = tables.forget_visits(now.minus(KEPT), FORGET_MAX)?;
                Ok(people
                    + visits
                    + tables.forget(events, revoked, FORGET_MAX)?
                    + tables.forget_sending(now, FORGET_MAX)?)
            };
            match self.store.write(work, |_| ()).await {
                Ok(count) if count >= FORGET_MAX as usize => tokio::task::yield_now().await,
                Ok(_) => return,
                Err(error) => {
                    error!(error = %log::chain(&error), "old events could not be forgotten");
                    return;
                }
            }
        }
    }

    /// The last thing before the end: what is pending is written.
    pub async fn finish(&self) {
        for sum in self.refusals.over(self.now(), true) {
            self.record(sum);
        }
        if let Err(error) = self.flush().await {
            error!(error = %log::chain(&error), "the last events could not be written");
        }
    }
}
