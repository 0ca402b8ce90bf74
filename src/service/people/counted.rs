//! What the portal's tries count for the address that they come from: as those of mail clients do.
//!
//! A wrong main password and a wrong second factor are failures alike, and ten in a row block the address. What forgets
//! them is to come in all the way: whoever knows a main password could else clear the guesses at its second factor.
//!
//! From a blocked address nothing counts any more, and what its owner may still try there is tried one at a time, first
//! come, first served, and answered late.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::entrance::LineOf;
use super::{Answer, PROTOCOL, Passed, PeopleError, Service, Visit};
use crate::gate::account::Account;
use crate::gate::login::{Grant, Origin, Reason, Verdict};
use crate::gate::name::{AccountName, Protocol};
use crate::gate::secret::Digest;
use crate::service::Rules;
use crate::service::seats::{SEAT_WAIT, Seat};
use crate::service::who::{Trier, Who};
use crate::store::people::Refused;

/// What is looked at in turn is answered after so long, whatever it is: how long the upstream took tells nothing.
const LATE_ANSWER: Duration = Duration::from_secs(5);

/// A browser as where a login comes from.
pub(super) fn origin(visit: &Visit) -> Origin {
    let params = match visit.address {
        Some(address) => format!("service={PROTOCOL}\trip={address}"),
        None => format!("service={PROTOCOL}"),
    };
    // A browser on a webmail's host passes on nobody's password but its own.
    Origin {
        address: visit.address,
        host: None,
        protocol: Protocol::PORTAL,
        params: Bytes::from(params),
        held: true,
    }
}

/// Our own trouble, met before anything was looked at.
pub(super) fn unavailable(verdict: Verdict) -> PeopleError {
    match verdict {
        Verdict::Defer(why) => PeopleError::Unavailable(why.to_owned()),
        _ => PeopleError::WrongPassword,
    }
}

/// Why nothing was looked at.
pub(super) fn unseated(verdict: &Verdict) -> PeopleError {
    match verdict {
        Verdict::Refuse(Reason::Blocked(block)) => PeopleError::Blocked(block.until),
        _ => PeopleError::Unavailable("too many attempts from this address at once".to_owned()),
    }
}

impl Service {
    /// A seat for one try. One that Dovecot's auth policy keeps is for a mail client.
    pub(super) async fn own_seat(&self, trier: &Trier<'_>, rules: &Rules) -> Result<Option<Seat>, Verdict> {
        if trier.exempt || rules.observe {
            return Ok(None);
        }
        self.free_seat(trier, rules, SEAT_WAIT).await.map(Some)
    }

    /// Records what counts nothing.
    pub(super) fn recorded(&self, trier: &Trier<'_>, verdict: &Verdict) {
        self.record(self.event(trier, verdict));
        self.count(verdict);
    }

    /// Puts a failure down. `secret`: what was wrong, where the same again does not count.
    ///
    /// # Errors
    /// The store takes no writes: it must not be answered as a failure.
    pub(super) async fn count_failure(
        &self,
        trier: &Trier<'_>,
        refused: &Verdict,
        secret: Option<Digest>,
        rules: &Rules,
    ) -> Answer<()> {
        let counted = match rules.observe {
            true => Ok(false),
            false => self.count_outcome(trier, refused, secret, rules).await,
        };
        match counted {
            Ok(true) => self.count(refused),
            Ok(false) => self.recorded(trier, refused),
            Err(_) => return Err(PeopleError::Unavailable("the store takes no writes".to_owned())),
        }
        Ok(())
    }

    /// Somebody came in all the way: failures under the name that was typed are forgotten at this address, which is
    /// familiar from now on.
    pub(super) async fn came_in(&self, typed: &str, account: &Account, visit: &Visit) {
        let (rules, origin) = (self.rules(), origin(visit));
        let who = Who::new(typed, &rules);
        let trier = self.trier(&who, &origin, &rules).known_as(self, account.name.as_str());
        let accepted = Verdict::Accept(Grant { account: account.name.clone(), password: None });
        if !rules.observe {
            // Never an error: that earlier failures stay counted harms nobody.
            let _ = self.count_outcome(&trier, &accepted, None, &rules).await;
        }
        self.make_familiar(account, visit).await;
    }

    /// Looks at the proof of a second factor, which counts for the address.
    pub(super) async fn counted(
        &self,
        visit: &Visit,
        account: &AccountName,
        prove: impl Future<Output = Answer<Passed>>,
    ) -> Answer<Passed> {
        let started = Instant::now();
        let (rules, origin) = (self.rules(), origin(visit));
        let trier = self.trier_named(account.as_str(), &origin, &rules);
        let seat = match self.own_seat(&trier, &rules).await {
            Ok(seat) => seat,
            // Its owner may lift the block with it.
            Err(Verdict::Refuse(_)) => {
                let proved = self.in_turn((trier.source, Some(trier.tag)), prove).await;
                if let Ok(passed) = &proved {
                    self.make_familiar(&passed.standing.account, visit).await;
                }
                return proved;
            }
            Err(verdict) => return Err(unseated(&verdict)),
        };
        let proved = prove.await;
        match &proved {
            Ok(passed) => self.came_in(account.as_str(), &passed.standing.account, visit).await,
            Err(PeopleError::Refused(Refused::WrongCode | Refused::WrongClock)) => {
                let refused = Verdict::Refuse(Reason::WrongFactor);
                self.count_failure(&trier, &refused, None, &rules).await?;
                self.leave(seat, started, &trier, &refused, &rules).await;
            }
            Err(_) => {}
        }
        proved
    }

    /// Looks at one after the other, since a code of six digits is not to be tried a thousand times a second.
    pub(super) async fn in_turn(
        &self,
        line: LineOf,
        look: impl Future<Output = Answer<Passed>>,
    ) -> Answer<Passed> {
        let Some(_turn) = self.entrance.lines.turn(line).await else { return Err(PeopleError::Busy) };
        let started = Instant::now();
        let looked = look.await;
        self.held.hold(started + LATE_ANSWER).await;
        looked
    }
}
