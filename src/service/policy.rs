//! Attempts that Dovecot's own passdbs decide: may it try, and how did it end?
//!
//! A seat is kept from the question to the report, so that ten failures in a row stay ten. A failure is on
//! disk before its report is answered.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::login::SLOWED_MAX;
use super::outage::away;
use super::seats::Seat;
use super::who::{Trier, Who};
use super::{Rules, Service, lock};
use crate::gate::address::Key;
use crate::gate::key::AccountTag;
use crate::gate::login::{Grant, Origin, Reason, Verdict};
use crate::gate::name::Protocol;
use crate::gate::policy::{AttemptId, Decided, Pending, Session};
use crate::gate::secret::{Digest, Secret};
use crate::gate::two_doors::{Said, Told};
use crate::store::StoreError;

/// How long a question waits for a seat. Dovecot waits 2 s for its answer.
const WAIT: Duration = Duration::from_millis(1500);

/// Why nobody is let to try, in words for the log.
const NO_ROOM: &str = "too many attempts wait for a report";

/// What is remembered between questions and reports.
#[derive(Debug, Default)]
pub(super) struct Policy {
    /// No seat where none is needed: nothing is counted there, and the report is to be known all the same.
    pending: std::sync::Mutex<Pending<Option<Seat>>>,
    decided: std::sync::Mutex<Decided>,
}

impl Policy {
    /// Sidegate begins to decide an attempt of a session itself.
    pub(super) fn begin(&self, session: &Session, account: AccountTag) {
        lock(&self.decided).begin(session, account, now());
    }

    /// It has decided it, or left it to the one who asked.
    pub(super) fn end(&self, session: &Session, account: AccountTag, elsewhere: bool) {
        lock(&self.decided).end(session, account, elsewhere, now());
    }

    /// Whether the attempt has a seat already, because Dovecot asked before its passdbs did.
    pub(super) fn seated(&self, trier: &Trier<'_>) -> bool {
        let session = trier.origin.session();
        session.is_some_and(|session| lock(&self.pending).has(&session, trier.tag, trier.source))
    }

    /// An attempt without a session comes to a passdb door. Whether Dovecot's auth policy asked about it before.
    pub(super) fn begin_unnamed(&self, account: AccountTag, source: Key) -> bool {
        lock(&self.pending).begin_here(account, source)
    }

    /// Such an attempt was decided.
    pub(super) fn end_unnamed(&self, account: AccountTag, source: Key, verdict: &Verdict) {
        let said = match verdict {
            Verdict::Accept(_) => Said::Accepted,
            Verdict::Refuse(_) | Verdict::Defer(_) => Said::Refused,
            Verdict::Elsewhere => Said::Elsewhere,
        };
        lock(&self.pending).end_here(account, source, said);
    }

    /// Keeps a place for the report of an attempt that needs no seat.
    fn keep_place(&self, id: AttemptId) {
        let mut pending = lock(&self.pending);
        if !pending.again(&id) {
            // Without room, it is counted by its report: nothing is refused for it where no seat is needed.
            let _ = pending.keep(id, None, now());
        }
    }

    /// Gives seats back whose report did not come.
    pub(super) fn expire(&self) {
        // The lock is not held while the seats go.
        let overdue = lock(&self.pending).overdue(now());
        drop(overdue);
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// An attempt, as Dovecot tells it to an auth policy server.
#[derive(Clone, Debug)]
pub struct PolicyAttempt {
    /// The name as typed.
    pub login: String,
    /// The client's address, if there is one.
    pub remote: Option<IpAddr>,
    /// What for.
    pub protocol: Protocol,
    /// Dovecot's name for the connection, if it tells one.
    pub session: Option<Session>,
    /// Some bits of a hash over name and password, if Dovecot tells them.
    pub mark: String,
}

impl PolicyAttempt {
    fn origin(&self, rules: &Rules) -> Origin {
        let address = self.remote.and_then(|address| rules.prefixes.fold(address));
        let protocol = self.protocol.clone();
        Origin { address, host: address, protocol, params: Bytes::new(), held: false }
    }

    fn id(&self, trier: &Trier<'_>) -> AttemptId {
        AttemptId::new(self.session.clone(), trier.tag, trier.source, &self.mark)
    }
}

/// Whether Dovecot may ask its passdbs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// At once.
    Now,
    /// After this time.
    After(Duration),
    /// No, with a text for the person.
    No(String),
    /// Our own trouble.
    Trouble,
}

/// How an attempt ended, as Dovecot tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The password was right.
    Right,
    /// It was wrong.
    Wrong,
    /// It failed, and Dovecot 2.3 does not say why: a wrong password, or trouble of its password database.
    Unexplained,
    /// Nobody looked at it: trouble in Dovecot.
    Undecided,
    /// Refused by the auth policy itself, before or after Dovecot looked at it.
    ByPolicy,
}

impl Service {
    /// May this attempt be tried? If so, it has a seat until its report. Do not drop this future.
    pub async fn policy_allow(&self, attempt: &PolicyAttempt) -> Allowed {
        let rules = self.rules();
        let (mut who, origin) = (Who::new(&attempt.login, &rules), attempt.origin(&rules));
        if self.look_up(&mut who).await.is_err() {
            return Allowed::Trouble;
        }
        let trier = self.trier(&who, &origin, &rules);
        self.note_missing_address(&origin);
        if trier.exempt {
            self.policy.keep_place(attempt.id(&trier));
            return Allowed::Now;
        }
        let block = self.block_of(origin.address, &trier.source, &rules);
        let blocked = block.map(|block| Verdict::Refuse(Reason::Blocked(block)));
        if rules.observe {
            if let Some(would) = &blocked {
                self.record_observed(&trier, would, self.event(&trier, would).observed());
            }
            self.policy.keep_place(attempt.id(&trier));
            return Allowed::Now;
        }
        if !self.can_count().await {
            return Allowed::Trouble;
        }
        if let Some(blocked) = blocked {
            return self.turn_away(&trier, blocked, &rules);
        }
        self.policy.expire();
        let id = attempt.id(&trier);
        let session = attempt.session.as_ref();
        let deciding = session.is_some_and(|session| lock(&self.policy.decided).deciding(session, trier.tag));
        let again = deciding || lock(&self.policy.pending).again(&id);
        if again {
            return Allowed::Now;
        }
        if !self.worth_trying(&trier, &rules) {
            return self.turn_away(&trier, away(), &rules);
        }
        if !lock(&self.policy.pending).has_room() {
            return self.turn_away(&trier, Verdict::Defer(NO_ROOM), &rules);
        }
        match self.free_seat(&trier, &rules, WAIT).await {
            Ok(seat) => {
                let kept = lock(&self.policy.pending).keep(id.clone(), Some(seat), now());
                // Not kept: the same session asked twice at once, or there is no room after all.
                if kept.is_err() && !lock(&self.policy.pending).again(&id) {
                    return self.turn_away(&trier, Verdict::Defer(NO_ROOM), &rules);
                }
                self.slowed(&trier, &rules).map_or(Allowed::Now, Allowed::After)
            }
            Err(verdict) => self.turn_away(&trier, verdict, &rules),
        }
    }

    /// How an attempt ended. When this returns, a failure is counted.
    ///
    /// # Errors
    /// It cannot be counted.
    pub async fn policy_report(&self, attempt: &PolicyAttempt, ended: Ended) -> Result<(), StoreError> {
        let rules = self.rules();
        let (mut who, origin) = (Who::new(&attempt.login, &rules), attempt.origin(&rules));
        self.look_up(&mut who).await.map_err(|_| StoreError::Closed)?;
        let trier = self.trier(&who, &origin, &rules);
        self.policy.expire();
        // Given back at the end, when its failure is in the table.
        let (_seat, ours) = self.reported(attempt, &trier, ended);
        let verdict = match (ended, who.whose()) {
            _ if ours => return Ok(()),
            (Ended::Undecided | Ended::ByPolicy, _) => return Ok(()),
            (Ended::Wrong | Ended::Unexplained, _) => Verdict::Refuse(Reason::WrongPassword),
            (Ended::Right, Some(whose)) => {
                Verdict::Accept(Grant { account: whose.name().clone(), password: None })
            }
            // A name of Dovecot's that is none here: there is nobody whose failures could be forgotten.
            (Ended::Right, None) => {
                self.passdb_works(&trier);
                return Ok(());
            }
        };
        if ended == Ended::Right {
            self.passdb_works(&trier);
        }
        let mark = Some(self.mark_of(attempt));
        let (verdict, in_the_store) = if ended == Ended::Unexplained {
            self.count_unexplained(&trier, mark, &rules).await?
        } else if rules.observe {
            self.count_observed(&trier, &verdict, mark, &rules);
            (verdict, false)
        } else {
            let in_the_store = self.count_outcome(&trier, &verdict, mark, &rules).await?;
            (verdict, in_the_store)
        };
        self.count(&verdict);
        if let Verdict::Accept(grant) = &verdict {
            self.note_success(&trier, grant, &rules);
            self.note_report(&trier, &rules);
        }
        if !in_the_store {
            self.record(self.event(&trier, &verdict));
        }
        Ok(())
    }

    /// The seat of an attempt that is reported, and whether Sidegate decided it itself.
    fn reported(
        &self,
        attempt: &PolicyAttempt,
        trier: &Trier<'_>,
        ended: Ended,
    ) -> (Option<Option<Seat>>, bool) {
        let id = attempt.id(trier);
        let mut pending = lock(&self.policy.pending);
        if let Some(session) = &attempt.session {
            let seat = pending.reported(&id);
            drop(pending);
            return (seat, lock(&self.policy.decided).reported(session, trier.tag, now()));
        }
        let told = match ended {
            Ended::Right => Told::Right,
            Ended::Wrong | Ended::Unexplained => Told::Wrong,
            Ended::Undecided => Told::Nothing,
            // Whoever was refused at the first question has no seat; one like it may have. That of a right password
            // that was refused at the second question is given back in time.
            Ended::ByPolicy => return (None, false),
        };
        let seat = pending.reported(&id);
        (seat, pending.decided_here(trier.tag, trier.source, told))
    }

    fn turn_away(&self, trier: &Trier<'_>, verdict: Verdict, rules: &Rules) -> Allowed {
        let answer = self.unseated(trier, verdict, rules);
        Allowed::No(answer.text.unwrap_or_else(|| rules.messages.later().to_owned()))
    }

    /// Without an address there is nothing to block: after ten failures the one seat left slows guessing.
    fn slowed(&self, trier: &Trier<'_>, rules: &Rules) -> Option<Duration> {
        let many = self.seats.table().failures(&trier.source) >= rules.lockout.failures as usize;
        let slow = matches!(trier.source, Key::NoAddress(_)) && many;
        slow.then(|| (rules.failure_delay.max(Duration::from_secs(1)) * 4).min(SLOWED_MAX))
    }

    /// What tells one wrong password from another, for `lockout.repeats = "once"`. Where Dovecot tells
    /// nothing, no two are the same.
    fn mark_of(&self, attempt: &PolicyAttempt) -> Digest {
        if attempt.mark.is_empty() {
            return Digest(self.entropy.bytes());
        }
        Secret::new(attempt.mark.as_bytes()).mark()
    }
}
