//! Observe-only (`rollout.mode = "observe"`): everything is decided and put down, nothing is refused.
//!
//! - What would be refused is left to whoever decided before there was a Sidegate: the upstream, or whoever asks. Its
//!   word is the answer.
//! - Failures are counted apart and in memory only: no seat, no store, and none of them is left when enforcing begins.

use std::borrow::Cow;
use std::sync::Mutex;

use tokio::time::Instant;

use super::proof::Proof;
use super::who::{Trier, Who};
use super::{Rules, Service, lock};
use crate::clock::Timestamp;
use crate::gate::address::Key;
use crate::gate::event::{Event, Kind};
use crate::gate::login::{Attempt, Grant, Origin, Presented, Reason, Verdict};
use crate::gate::name::AccountName;
use crate::gate::question::LoginAnswer;
use crate::gate::record::{AddressRecord, Block, LockoutRules, Outcome};
use crate::gate::secret::Digest;
use crate::gate::table::AddressTable;
use crate::upstream::Said;

/// Failures that would count, and the blocks that they would lead to.
#[derive(Debug)]
pub(super) struct Observed {
    table: Mutex<AddressTable>,
    addresses_max: usize,
}

impl Observed {
    /// Nothing is known yet.
    pub(super) fn new(addresses_max: usize) -> Self {
        Self { table: Mutex::new(AddressTable::new(addresses_max)), addresses_max }
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        *lock(&self.table) = AddressTable::new(self.addresses_max);
    }

    /// Forgets what no longer holds.
    pub(super) fn sweep(&self, now: Timestamp, rules: &LockoutRules) {
        lock(&self.table).sweep(now, rules);
    }

    pub(super) fn block(&self, key: &Key, now: Timestamp) -> Option<Block> {
        lock(&self.table).block(key, now).cloned()
    }

    /// Counts an outcome. Returns the block that it would have made.
    fn settle(&self, key: Key, outcome: Outcome, now: Timestamp, rules: &LockoutRules) -> Option<Block> {
        let mut table = lock(&self.table);
        let blocked = table.block(&key, now).is_some();
        let record = AddressRecord::settle(table.record(&key), &key, outcome, now, rules);
        table.put(key, record);
        table.block(&key, now).filter(|_| !blocked).cloned()
    }
}

impl Service {
    /// One attempt.
    pub(super) async fn observe(&self, attempt: &Attempt, mut who: Who<'_>, rules: &Rules) -> LoginAnswer {
        let started = Instant::now();
        let generation = self.store.generation();
        let looked_up = self.look_up(&mut who).await;
        let trier = self.trier(&who, &attempt.origin, rules);
        let mut proof = match (
            self.block_of(trier.origin.address, &trier.source, rules).filter(|_| !trier.exempt),
            looked_up,
        ) {
            (Some(block), _) => Verdict::Refuse(Reason::Blocked(block)).into(),
            (None, Ok(())) => self.look_at(attempt, &who, &trier, rules).await,
            (None, Err(verdict)) => verdict.into(),
        };
        let of = proof.of.take();
        let trier = &of.as_ref().map_or(trier, |of| trier.known_as(self, of.as_str()));
        if let Verdict::Accept(grant) = &proof.verdict
            && self.store.generation() != generation
            && let Err(refused) = self.still_good(grant, trier.origin).await
        {
            proof = refused.into();
        }
        let (would, first_use) = (proof.verdict.clone(), proof.first_use.take());
        let as_typed = proof.as_typed;
        let ended = match &would {
            Verdict::Accept(_) | Verdict::Elsewhere => proof,
            Verdict::Refuse(_) | Verdict::Defer(_) => self.without_us(attempt, proof, rules).await,
        };
        if let (Verdict::Accept(grant), Some(first_use)) = (&would, first_use) {
            self.upgrade(&grant.account, first_use, trier.source).await;
        }
        let as_typed = as_typed || ended.upstream.is_some();
        let digest = Some(attempt.secret.mark(as_typed));
        self.put_down_observed(trier, &would, &ended.verdict, digest, rules);
        self.counters.decided(started.elapsed());
        self.leave(None, started, trier, &ended.verdict, rules).await;
        self.word(ended.verdict, ended.upstream, attempt.mechanism.into(), trier, rules)
    }

    /// A mechanism that only the upstream does has ended.
    pub(super) async fn observe_relay(
        &self,
        said: Option<Said>,
        mechanism: Cow<'static, str>,
        origin: &Origin,
        mark: Option<Digest>,
        rules: &Rules,
    ) -> LoginAnswer {
        let started = Instant::now();
        let ended = self.left_to(said, rules);
        let shown = match (&ended.verdict, &ended.upstream) {
            (Verdict::Accept(grant), _) => grant.account.to_string(),
            (_, Some((user, _))) => user.clone(),
            _ => String::new(),
        };
        let trier = self.trier_named(&shown, origin, rules);
        let block = self.block_of(trier.origin.address, &trier.source, rules).filter(|_| !trier.exempt);
        let would = match (block, &ended.verdict) {
            (Some(block), _) => Verdict::Refuse(Reason::Blocked(block)),
            (None, Verdict::Accept(grant)) => match self.store.account(&grant.account).await {
                Ok(account) if rules.policy.admits(account.as_deref(), origin.host) => ended.verdict.clone(),
                Ok(_) => Verdict::Refuse(Reason::MainPassword),
                Err(_) => Verdict::Defer("the store cannot be read"),
            },
            (None, other) => other.clone(),
        };
        self.put_down_observed(&trier, &would, &ended.verdict, mark, rules);
        self.leave(None, started, &trier, &ended.verdict, rules).await;
        self.word(ended.verdict, ended.upstream, mechanism, &trier, rules)
    }

    /// What becomes of an attempt that would not be let in.
    async fn without_us(&self, attempt: &Attempt, proof: Proof, rules: &Rules) -> Proof {
        if let (Verdict::Refuse(Reason::WrongPassword), Some(_)) = (&proof.verdict, &proof.upstream) {
            // The upstream has said so itself.
            return proof;
        }
        match (&self.upstream, &attempt.secret) {
            (Some(upstream), Presented::Whole(secret)) if !rules.policy.elsewhere => {
                let said = upstream.plain(&attempt.typed, secret, &attempt.origin.params).await;
                self.left_to(said.ok(), rules)
            }
            _ => Verdict::Elsewhere.into(),
        }
    }

    /// The upstream's word, taken as it is; `None`: it is away.
    fn left_to(&self, said: Option<Said>, rules: &Rules) -> Proof {
        match said {
            Some(Said::Ok(user, fields)) => {
                let account = AccountName::parse(&user, rules.default_domain.as_deref())
                    .unwrap_or_else(|_| AccountName::foreign(&user));
                let verdict = Verdict::Accept(Grant { account, password: None });
                Proof { upstream: Some((user, fields)), ..Proof::from(verdict) }
            }
            Some(Said::Fail(user, fields)) => {
                let verdict = Verdict::Refuse(Reason::WrongPassword);
                Proof { upstream: Some((user.unwrap_or_default(), fields)), ..Proof::from(verdict) }
            }
            Some(Said::Trouble | Said::Challenge(..)) => Verdict::Defer("the upstream has trouble").into(),
            None => Verdict::Defer("the upstream is away").into(),
        }
    }

    /// Counts what would have happened, and puts down both that and what did.
    fn put_down_observed(
        &self,
        trier: &Trier<'_>,
        would: &Verdict,
        ended: &Verdict,
        secret: Option<Digest>,
        rules: &Rules,
    ) {
        self.count_observed(trier, would, secret, rules);
        self.count(ended);
        if let Verdict::Accept(grant) = ended {
            let tag = || self.key.account_tag(grant.account.as_str().as_bytes());
            self.sessions.note(tag, grant, trier.origin);
            self.note_success(trier, grant, rules);
        }
        let event = match (ended, would) {
            // It was right: whoever decided before let it in.
            (Verdict::Accept(_), Verdict::Refuse(Reason::WrongPassword)) => {
                self.event(trier, &Verdict::Refuse(Reason::MainPassword)).observed()
            }
            (Verdict::Accept(_) | Verdict::Elsewhere, _) => self.event(trier, would).observed(),
            (Verdict::Refuse(_), Verdict::Refuse(Reason::Blocked(_)) | Verdict::Defer(_)) => {
                self.event(trier, ended)
            }
            (Verdict::Refuse(_), _) => self.event(trier, would),
            (Verdict::Defer(_), _) => self.event(trier, ended),
        };
        self.record_observed(trier, would, event);
    }

    /// Records what would have been refused; that a source is blocked once a minute only.
    pub(super) fn record_observed(&self, trier: &Trier<'_>, would: &Verdict, event: Event) {
        self.counters.observed(&event);
        match would {
            Verdict::Refuse(Reason::Blocked(_)) => self.record_sum(trier, would, || event),
            _ => self.record(event),
        }
    }

    /// Counts how an attempt would have ended, as far as that concerns its source.
    pub(super) fn count_observed(
        &self,
        trier: &Trier<'_>,
        would: &Verdict,
        secret: Option<Digest>,
        rules: &Rules,
    ) {
        let outcome = match would {
            _ if trier.exempt => return,
            Verdict::Defer(_) | Verdict::Elsewhere => return,
            Verdict::Refuse(_) => self.failed(trier, secret, rules),
            Verdict::Accept(_) => Outcome::Succeeded(trier.tag),
        };
        let now = self.now();
        if let Some(block) = self.observed.settle(trier.source, outcome, now, &rules.lockout) {
            let event = Event::new(now, Kind::BlockObserved, "gate").address(trier.source);
            self.record(event.reason(block.reason));
        }
    }
}
