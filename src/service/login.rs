//! One attempt, from its seat to its verdict.
//!
//! 1. The source takes a seat, or is blocked, or waits.
//! 2. The facts of the account are fetched, and `gate::login::screen` says what must be proved.
//! 3. A failure is on disk before it is answered; so is a success that forgets failures.
//! 4. Nobody is let in on facts that changed meanwhile.
//! 5. A refusal leaves after the failure delay, without its seat.
//!
//! A future is moved as a whole, waits that may come included: what nearly no login waits for is boxed.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tracing::warn;

use super::proof::Proof;
use super::seats::{NoSeat, SEAT_WAIT, Seat};
use super::who::{Trier, Who, counts_by_account};
use super::{Rules, Service, lock};
use crate::clock::Timestamp;
use crate::gate::address::Key;
use crate::gate::event::{ALLOWED_HOST, Event, Kind};
use crate::gate::identity::Whose;
use crate::gate::key::{AccountTag, SecretTag};
use crate::gate::login::{Attempt, Grant, Origin, Reason, Verdict, terms_refuse};
use crate::gate::name::for_events;
use crate::gate::question::{Login, LoginAnswer};
use crate::gate::record::{Failure, Outcome};
use crate::gate::secret::Digest;
use crate::log;
use crate::store::{StoreError, orders};

/// The longest that an attempt without an address is slowed. Postfix gives up after 10 s.
pub(super) const SLOWED_MAX: Duration = Duration::from_secs(8);

impl Service {
    pub(super) async fn login(&self, attempt: Attempt) -> LoginAnswer {
        // Nobody reports an attempt to us where Dovecot's auth policy cannot reach us.
        if !self.hears_reports {
            return self.decide(attempt, false).await;
        }
        let (account, source) = {
            let rules = self.rules();
            let mut who = Who::new(&attempt.typed, &rules);
            // Trouble is met, and told, where it is decided.
            let _ = self.look_up(&mut who).await;
            let trier = self.trier(&who, &attempt.origin, &rules);
            (trier.tag, trier.source)
        };
        let Some(session) = attempt.origin.session() else {
            return self.decide_unnamed(attempt, account, source).await;
        };
        self.policy.begin(&session, account);
        let answer = self.decide(attempt, false).await;
        self.policy.end(&session, account, answer.verdict == Verdict::Elsewhere);
        answer
    }

    /// An attempt without a session, about which Dovecot's auth policy may have asked.
    async fn decide_unnamed(&self, attempt: Attempt, account: AccountTag, source: Key) -> LoginAnswer {
        let asked = attempt.origin.may_be_asked_twice() && self.policy.begin_unnamed(account, source);
        let answer = self.decide(attempt, asked).await;
        if asked {
            self.policy.end_unnamed(account, source, &answer.verdict);
        }
        answer
    }

    async fn decide(&self, attempt: Attempt, asked: bool) -> LoginAnswer {
        let started = Instant::now();
        let rules = self.rules();
        let mut who = Who::new(&attempt.typed, &rules);
        self.note_missing_address(&attempt.origin);
        if self.is_empty(&attempt, &rules) {
            let trier = self.trier(&who, &attempt.origin, &rules);
            return Box::pin(self.refuse_empty(&trier, attempt.mechanism.into(), started, &rules)).await;
        }
        if rules.observe {
            return Box::pin(self.observe(&attempt, who, &rules)).await;
        }
        // Whoever is blocked costs no look into the store. Without an address, all names of an account are one source.
        let mut looked_up = Ok(());
        if counts_by_account(&attempt.origin, &rules) {
            looked_up = self.look_up(&mut who).await;
        }
        let seat = {
            let trier = Trier { asked, ..self.trier(&who, &attempt.origin, &rules) };
            match self.seat(&trier, &rules).await {
                Ok(seat) => seat,
                Err(verdict) => {
                    self.counters.decided(started.elapsed());
                    return self.unseated(&trier, verdict, &rules);
                }
            }
        };
        let generation = self.store.generation();
        if looked_up.is_ok() {
            looked_up = self.look_up(&mut who).await;
        }
        let trier = self.trier(&who, &attempt.origin, &rules);
        let mut proof = match looked_up {
            Ok(()) => self.look_at(&attempt, &who, &trier, &rules).await,
            Err(verdict) => verdict.into(),
        };
        let first_use = proof.first_use.take();
        let of = proof.of.take();
        let trier = of.as_ref().map_or(trier, |of| trier.known_as(self, of.as_str()));
        let secret = Some(attempt.secret.mark(proof.as_typed));
        let Proof { verdict, upstream, .. } = self.settle(&trier, proof, secret, generation, &rules).await;
        if let (Verdict::Accept(grant), Some(first_use)) = (&verdict, first_use) {
            Box::pin(self.upgrade(&grant.account, first_use, trier.source)).await;
        }
        self.count(&verdict);
        self.counters.decided(started.elapsed());
        self.leave(seat, started, &trier, &verdict, &rules).await;
        self.word(verdict, upstream, attempt.mechanism.into(), &trier, &rules)
    }

    /// A seat. None is needed for an exempt address, nor where nothing is refused, nor where Dovecot's auth policy asked before: that seat is kept
    /// for the same attempt.
    pub(super) async fn seat(&self, trier: &Trier<'_>, rules: &Rules) -> Result<Option<Seat>, Verdict> {
        if trier.exempt || rules.observe {
            return Ok(None);
        }
        if trier.asked || (self.hears_reports && self.policy.seated(trier)) {
            return match self.seats.table().holding(trier.origin.address, self.now()) {
                Some((_, block)) => Err(Verdict::Refuse(Reason::Blocked(block.clone()))),
                None => Ok(None),
            };
        }
        self.free_seat(trier, rules, SEAT_WAIT).await.map(Some)
    }

    /// A seat of its own for an address that can be blocked, waiting at most `wait`.
    pub(super) async fn free_seat(
        &self,
        trier: &Trier<'_>,
        rules: &Rules,
        wait: Duration,
    ) -> Result<Seat, Verdict> {
        match self.seats.take(trier.source, trier.origin.address, &self.clock, &rules.lockout, wait).await {
            Ok(seat) => Ok(seat),
            Err(NoSeat::Blocked(block)) => Err(Verdict::Refuse(Reason::Blocked(block))),
            Err(NoSeat::Crowded) => Err(Verdict::Defer("too many attempts from this source at once")),
        }
    }

    /// The answer to an attempt that was not looked at.
    pub(super) fn unseated(&self, trier: &Trier<'_>, verdict: Verdict, rules: &Rules) -> LoginAnswer {
        self.count(&verdict);
        self.record_sum(trier, &verdict, || self.event(trier, &verdict));
        self.word(verdict, None, "".into(), trier, rules)
    }

    /// Records the refusal of somebody who is not looked at: once at once, then as a sum.
    pub(super) fn record_sum(&self, trier: &Trier<'_>, verdict: &Verdict, make: impl FnOnce() -> Event) {
        let alike = |event: &Event| {
            let protocol = event.protocol.as_deref() == Some(trier.origin.protocol.as_str());
            protocol && event.kind == Kind::Login && event.is_of(verdict)
        };
        if let Some(event) = self.refusals.note(trier.source, trier.tag, self.now(), alike, make) {
            self.record(event);
        }
    }

    pub(super) async fn look_at(
        &self,
        attempt: &Attempt,
        who: &Who<'_>,
        trier: &Trier<'_>,
        rules: &Rules,
    ) -> Proof {
        match who.whose() {
            None => Verdict::Refuse(Reason::BadName).into(),
            Some(Whose::Shared(_)) => Verdict::Refuse(Reason::NotHandedOn).into(),
            Some(whose) => self.prove(attempt, whose, rules, trier.source).await,
        }
    }

    pub(super) fn event(&self, trier: &Trier<'_>, verdict: &Verdict) -> Event {
        let mut event =
            Event::new(self.now(), Kind::Login, "gate").account(for_events(trier.shown)).verdict(verdict);
        event.typed = trier.typed.map(|typed| for_events(typed).to_owned());
        if let Verdict::Accept(Grant { password: None, .. }) = verdict
            && trier.origin.host.is_some_and(|host| self.rules().policy.trusts(host))
        {
            event.reason = Some(ALLOWED_HOST.to_owned());
        }
        event.address = trier.origin.address.map(|address| address.to_string());
        event.protocol = Some(trier.origin.protocol.to_string());
        event
    }

    /// Puts down how an attempt ended, and lets nobody in on facts that changed since `generation`.
    pub(super) async fn settle(
        &self,
        trier: &Trier<'_>,
        mut proof: Proof,
        secret: Option<Digest>,
        generation: u64,
        rules: &Rules,
    ) -> Proof {
        let Ok(in_the_store) = self.count_outcome(trier, &proof.verdict, secret, rules).await else {
            let deferred = Verdict::Defer("the store takes no writes");
            // Its event waits for a store that works. Whoever goes on guessing meanwhile is told as a sum.
            self.record_sum(trier, &deferred, || self.event(trier, &deferred));
            return deferred.into();
        };
        if let Verdict::Accept(grant) = &proof.verdict
            && self.store.generation() != generation
            && let Err(refused) = Box::pin(self.still_good(grant, trier.origin)).await
        {
            proof = refused.into();
        }
        if let Verdict::Accept(grant) = &proof.verdict {
            // `block add` holds when it has returned, for those under way too.
            match self.seats.table().holding(trier.origin.address, self.now()).filter(|_| !trier.exempt) {
                Some((_, block)) => proof = Verdict::Refuse(Reason::Blocked(block.clone())).into(),
                None => {
                    self.sessions.note(
                        || self.key.account_tag(grant.account.as_str().as_bytes()),
                        grant,
                        trier.origin,
                    );
                    self.note_success(trier, grant, rules);
                }
            }
        }
        if proof.verdict == Verdict::Elsewhere {
            self.note_elsewhere(trier);
        }
        match &proof.verdict {
            _ if in_the_store => {}
            Verdict::Accept(grant) => {
                self.record_accept(trier, grant, || self.event(trier, &proof.verdict));
            }
            verdict => self.record(self.event(trier, verdict)),
        }
        proof
    }

    /// Counts how an attempt ended, as far as that concerns its source. Returns whether its event is in the store.
    pub(super) async fn count_outcome(
        &self,
        trier: &Trier<'_>,
        verdict: &Verdict,
        secret: Option<Digest>,
        rules: &Rules,
    ) -> Result<bool, StoreError> {
        let mut in_the_store = false;
        for outcome in self.outcomes(trier, verdict, secret, rules) {
            let event = self.event(trier, verdict);
            if let Err(error) = Box::pin(self.put_down(trier.source, outcome, event, rules)).await {
                warn!(error = %log::chain(&error), "an attempt could not be settled");
                // A right password lets in; that its earlier failures stay counted harms nobody.
                if let Outcome::Failed(..) = outcome {
                    return Err(error);
                }
            }
            // The event of a success says more once the facts were looked at again.
            in_the_store |= matches!(outcome, Outcome::Failed(..));
        }
        Ok(in_the_store)
    }

    /// What a verdict means for its source.
    fn outcomes(
        &self,
        trier: &Trier<'_>,
        verdict: &Verdict,
        secret: Option<Digest>,
        rules: &Rules,
    ) -> Vec<Outcome> {
        match verdict {
            _ if trier.exempt => Vec::new(),
            Verdict::Defer(_) | Verdict::Elsewhere => Vec::new(),
            Verdict::Refuse(_) => vec![self.failed(trier, secret, rules)],
            Verdict::Accept(_) => {
                let table = self.seats.table();
                // Failures under the name that was typed were the account's own.
                let tags = [Some(trier.tag), trier.before].into_iter().flatten();
                tags.filter(|tag| table.concerns(&trier.source, *tag)).map(Outcome::Succeeded).collect()
            }
        }
    }

    pub(super) fn failed(&self, trier: &Trier<'_>, secret: Option<Digest>, rules: &Rules) -> Outcome {
        let tag = secret.map_or(SecretTag::NONE, |secret| self.key.secret_tag(trier.tag, &secret));
        let secret = if rules.lockout.repeats_once { tag } else { tag.coarse() };
        Outcome::Failed(Failure { account: trier.tag, secret }, trier.origin.program())
    }

    /// Failures and successes of a source, on disk and in the table before this returns.
    async fn put_down(
        &self,
        source: Key,
        outcome: Outcome,
        event: Event,
        rules: &Rules,
    ) -> Result<(), StoreError> {
        let (table, lockout) = (self.seats.shared(), rules.lockout);
        let settled = self
            .store
            .write(
                move |tables| orders::settle(tables, &source, outcome, &event, &lockout),
                move |(record, _)| table.put(source, record.clone()),
            )
            .await;
        self.wrote(&settled);
        let (_, events) = settled?;
        events.iter().for_each(log::event);
        if events.len() > 1 {
            // A block was made: somebody may be told.
            self.ring_notices();
        }
        self.forget_fallen();
        Ok(())
    }

    /// Looks once more at what a grant stands on.
    pub(super) async fn still_good(&self, grant: &Grant, origin: &Origin) -> Result<(), Verdict> {
        if grant.password.is_none() && self.rules().observe {
            return Ok(());
        }
        loop {
            let generation = self.store.generation();
            let account = self.store.account(&grant.account).await;
            let account = account.map_err(|_| Verdict::Defer("the store cannot be read"))?;
            if self.store.generation() != generation {
                continue;
            }
            let Some((id, name)) = &grant.password else {
                let admitted = self.rules().policy.admits(account.as_deref(), origin.host);
                // A name that nobody had may have become an account's meanwhile.
                let still = match self.whose(&grant.account).await? {
                    Whose::Account(owner) => owner.name == grant.account,
                    Whose::Unknown(name) => name == grant.account,
                    Whose::Shared(_) => false,
                };
                return if admitted && still { Ok(()) } else { Err(Verdict::Refuse(Reason::MainPassword)) };
            };
            let account = account.filter(|account| account.enabled);
            let password = account.as_ref().and_then(|a| a.passwords.iter().find(|known| known.id == *id));
            return match password {
                None => Err(Verdict::Refuse(Reason::Revoked { id: *id, name: name.to_string() })),
                Some(password) => match terms_refuse(password, origin, self.now()) {
                    Some(reason) => Err(Verdict::Refuse(reason)),
                    None => Ok(()),
                },
            };
        }
    }

    pub(super) fn note_success(&self, trier: &Trier<'_>, grant: &Grant, rules: &Rules) {
        let now = self.now();
        let address = trier.origin.address;
        if let Some((id, _)) = &grant.password {
            self.last_uses.note(*id, trier.origin, now);
        }
        let declared = address.is_none_or(|address| rules.policy.trusts(address));
        if !trier.exempt && !declared && lock(&self.crowds).note(trier.source, trier.tag, now) {
            self.record(crowd(trier, now));
        }
    }

    pub(super) fn note_missing_address(&self, origin: &Origin) {
        let now = self.now();
        // An administrator's own `doveadm auth test` comes without one, and means no client.
        let client = origin.address.is_none() && origin.protocol.as_str() != "doveadm";
        if client && lock(&self.crowds).note_addressless(&origin.protocol, now) {
            let mut event = Event::new(now, Kind::AddressMissing, "gate").reason(
                "the mail server tells no client address here: these clients cannot be address-blocked, \
                 they are counted per account and slowed",
            );
            event.protocol = Some(origin.protocol.to_string());
            self.record(event);
        }
    }

    /// Waits out the delay of a refusal. The seat is given back first, except where there is no
    /// address to block: there the one seat that is left after ten failures is what slows guessing.
    pub(super) async fn leave(
        &self,
        seat: Option<Seat>,
        started: Instant,
        trier: &Trier<'_>,
        verdict: &Verdict,
        rules: &Rules,
    ) {
        if !matches!(verdict, Verdict::Refuse(_)) || !trier.origin.held {
            return;
        }
        let mut delay = rules.failure_delay;
        let mut kept = None;
        if let Key::NoAddress(_) = trier.source
            && self.seats.table().failures(&trier.source) >= rules.lockout.failures as usize
        {
            delay = (delay.max(Duration::from_secs(1)) * 4).min(SLOWED_MAX);
            kept = seat;
        } else {
            drop(seat);
        }
        Box::pin(self.held.hold(started + delay)).await;
        drop(kept);
    }

    /// A blocked source hears the same words again and again, and a time is slow to word.
    fn blocked_text(&self, until: Timestamp, rules: &Rules) -> String {
        let mut texts = lock(&self.blocked_texts);
        texts.entry(until).or_insert_with(|| rules.messages.blocked(until)).clone()
    }

    /// Puts a verdict into words.
    pub(super) fn word(
        &self,
        verdict: Verdict,
        upstream: Option<(String, Bytes)>,
        mechanism: Cow<'static, str>,
        trier: &Trier<'_>,
        rules: &Rules,
    ) -> LoginAnswer {
        let (upstream_name, fields) = upstream.unzip();
        let fields = fields.unwrap_or_default();
        let text = match &verdict {
            Verdict::Refuse(Reason::Blocked(block)) => {
                rules.messages.blocked_on(&trier.origin.protocol, || self.blocked_text(block.until, rules))
            }
            Verdict::Refuse(_) if fields.is_empty() => rules.messages.wrong_on(&trier.origin.protocol),
            _ => None,
        };
        let (user, login) = match &verdict {
            Verdict::Accept(grant) => {
                let user: Arc<str> =
                    upstream_name.map_or_else(|| (&grant.account).into(), |name| name.as_str().into());
                let (grant, origin) = (grant.clone(), trier.origin.clone());
                (Some(Arc::clone(&user)), Some(Login { user, grant, mechanism, origin }))
            }
            _ => {
                let said = trier.typed.unwrap_or(trier.shown);
                (Some(said.into()).filter(|_| !said.is_empty()), None)
            }
        };
        LoginAnswer { verdict, user, text, fields, login }
    }
}

fn crowd(trier: &Trier<'_>, now: Timestamp) -> Event {
    let advice = "many accounts log in from here: if it is a proxy or webmail, let it tell the users' \
                  addresses, or add it to lockout.exempt";
    Event::new(now, Kind::ProxySuspected, "gate").address(trier.source).reason(advice)
}
