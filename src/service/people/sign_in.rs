//! Signing in to the portal by the main password.
//!
//! An attempt takes a seat, counts for its address and is answered as one of a mail client is. Beside that it takes a place
//! of the account, wherever it comes from; for names that nobody has as well, so that a wait says nothing of an account.
//!
//! From a blocked address a person may still come in to lift the block, and where there is no place a person need not wait
//! for one: with main password and code at once, so that nobody there learns whether a main password is right.

use std::sync::Arc;

use tokio::time::Instant;
use zeroize::Zeroizing;

use super::counted::{origin, unavailable, unseated};
use super::{Answer, Passed, PeopleError, Service, Shown, Visit};
use crate::gate::code::Code;
use crate::gate::event::Event;
use crate::gate::login::{Grant, Reason, Verdict};
use crate::gate::name::AccountName;
use crate::gate::secret::Secret;
use crate::gate::session::{Stage, Token};
use crate::service::Rules;
use crate::service::identity::Opened;
use crate::service::who::{Trier, Who};
use crate::store::identity::Unasked;
use crate::store::people::{Arrival, Standing, Turned};
use crate::upstream::Said;

/// Somebody signs in.
#[derive(Debug)]
pub struct SignIn {
    /// The account as it was typed.
    pub account: String,
    /// The main password.
    pub password: Secret,
    /// A code of an app, or a recovery code: from a blocked address, or where one would have to wait.
    pub code: Option<Zeroizing<String>>,
}

/// Whose main password was right, before a session begins.
struct Entering {
    opened: Opened,
    /// The event of the login, as if it came in.
    login: Event,
    /// A second factor is shown with it.
    both: bool,
}

impl Service {
    /// Begins a session. What is being looked at is counted even if nobody waits any more: do not drop this future.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn sign_in(self: Arc<Self>, visit: Visit, sign_in: SignIn) -> Answer<Passed> {
        let SignIn { account, password, code } = sign_in;
        let generation = self.store.generation();
        let looked = self.check_main_password(account.clone(), password.clone(), visit.clone()).await;
        match (looked, code) {
            (Ok((opened, login)), code) => {
                let entering = Entering { opened, login, both: false };
                let (session, device, standing) = self.enter(&visit, entering, &password, generation).await?;
                let waits = standing.session.stage == Stage::Factor;
                if !waits && standing.set_up_code.is_none() {
                    self.came_in(&account, &standing.account, &visit).await;
                }
                let device = self.trusted(device).await?;
                let entered = Passed { session, device, standing, tell: Vec::new() };
                Ok(match code.filter(|_| waits) {
                    Some(code) => self.prove_at_once(&visit, entered, &code).await,
                    None => entered,
                })
            }
            (Err(PeopleError::Blocked(_) | PeopleError::Wait(_)), Some(code)) => {
                self.sign_in_with_both(visit, account, password, code).await
            }
            (Err(error), _) => Err(error),
        }
    }

    /// The code was shown with the main password: one that is right is not asked for again.
    async fn prove_at_once(self: &Arc<Self>, visit: &Visit, entered: Passed, code: &str) -> Passed {
        let inside = Visit { session: Some(entered.session.tag()), ..visit.clone() };
        let account = &entered.standing.account.name;
        let proved = self.counted(&inside, account, self.prove_any(&inside, code)).await;
        proved.unwrap_or(entered)
    }

    /// The session of somebody whose main password was found right on what was known since `generation`, and what the
    /// browser is known by from now on if it is a trusted device.
    async fn enter(
        self: &Arc<Self>,
        visit: &Visit,
        entering: Entering,
        password: &Secret,
        generation: u64,
    ) -> Answer<(Token, Token, Standing)> {
        let Entering { opened, login, both } = entering;
        if opened.account.is_none() && self.rules().people.makes(&opened.name) {
            // Nobody becomes a new account whose mailbox may be a known account's.
            self.ask_for_mailboxes(Unasked::All).await.map_err(unavailable)?;
        }
        let (session, device) = (self.token(), self.token());
        let (token, renewed, visitor) = (session.tag(), device.tag(), visit.visitor.clone());
        let Opened { name, marks, .. } = opened;
        let (source, refused) = (self.counted_at(visit), login.clone());
        let (mailbox, name_of, devices) = (marks, name.clone(), visit.devices.clone());
        let arrival =
            Arrival { name: name_of, mailbox, token, devices, renewed, visitor, source, login, both };
        let entered = self.at_desk(move |desk| desk.sign_in(&arrival).map(Ok)).await?;
        let standing = match entered {
            Ok(standing) => standing,
            Err(turned) => {
                let (reason, error) = match turned {
                    Turned::Unknown => (Reason::UnknownAccount, PeopleError::NoAccount),
                    Turned::Disabled => (Reason::Disabled, PeopleError::WrongPassword),
                    Turned::OthersMailbox => {
                        (Reason::OthersMailbox(name.clone()), PeopleError::WrongPassword)
                    }
                };
                let refused = refused.verdict(&Verdict::Refuse(reason));
                self.record(refused);
                return Err(error);
            }
        };
        if self.upstream.is_none() && self.store.generation() != generation {
            // Another one may have been set meanwhile, and all sessions ended before this one began.
            let looked = self.weigh_own_main_password(&name, password, self.hash_source(visit)).await;
            if let Err(verdict) = looked {
                self.sign_out(&Visit { session: Some(token), ..visit.clone() }).await?;
                return Err(match verdict {
                    Verdict::Defer(why) => PeopleError::Unavailable(why.to_owned()),
                    _ => PeopleError::WrongPassword,
                });
            }
        }
        Ok((session, device, standing))
    }

    /// Whose main password it is: the account, or the name, whose mailbox it opens; and the event of a login by it, which
    /// is not put down yet. A wrong one counts for the address and for the account.
    pub(super) async fn check_main_password(
        self: &Arc<Self>,
        typed: String,
        password: Secret,
        visit: Visit,
    ) -> Answer<(Opened, Event)> {
        let started = Instant::now();
        let (rules, origin) = (self.rules(), origin(&visit));
        let mut who = Who::new(&typed, &rules);
        if password.is_empty() {
            let trier = self.trier(&who, &origin, &rules);
            let _ = self.refuse_empty(&trier, "".into(), started, &rules).await;
            return Err(PeopleError::WrongPassword);
        }
        self.look_up(&mut who).await.map_err(unavailable)?;
        let trier = self.trier(&who, &origin, &rules);
        let seat = match self.own_seat(&trier, &rules).await {
            Ok(seat) => seat,
            Err(verdict) => {
                self.record_sum(&trier, &verdict, || self.event(&trier, &verdict));
                return Err(unseated(&verdict));
            }
        };
        let room = (trier.tag, self.familiar(who.whose(), &visit).await?);
        let place = self.entrance.take(room, trier.source, self.now()).map_err(PeopleError::Wait)?;
        let (weighed, of) = self.weigh_main_password(&who, &password, &trier, &rules).await;
        let judged = of.as_ref().map_or(trier, |of| trier.known_as(self, of.as_str()));
        match weighed {
            Ok(opened) => {
                let grant = Grant { account: opened.name.clone(), password: None };
                let login = self.event(&judged, &Verdict::Accept(grant));
                place.came_in();
                Ok((opened, login))
            }
            Err(Verdict::Defer(why)) => {
                place.give_back();
                self.recorded(&judged, &Verdict::Defer(why));
                Err(PeopleError::Unavailable(why.to_owned()))
            }
            Err(verdict) => {
                place.failed(self.now());
                let secret = Some(password.mark());
                self.count_failure(&judged, &verdict, secret, &rules).await?;
                self.leave(seat, started, &judged, &verdict, &rules).await;
                Err(PeopleError::WrongPassword)
            }
        }
    }

    /// What a main password is worth, before anything is counted, and whom it concerns.
    async fn weigh_main_password(
        &self,
        who: &Who<'_>,
        password: &Secret,
        trier: &Trier<'_>,
        rules: &Rules,
    ) -> (Result<Opened, Verdict>, Option<AccountName>) {
        let opened = self.open_mailbox(who, password, trier, rules).await;
        let of = match &opened {
            Ok(opened) => Some(opened.name.clone()),
            Err(verdict) => verdict.concerns().cloned(),
        };
        match opened {
            Ok(Opened { account: Some(known), .. }) if !known.enabled => {
                (Err(Verdict::Refuse(Reason::Disabled)), of)
            }
            opened => (opened, of),
        }
    }

    async fn open_mailbox(
        &self,
        who: &Who<'_>,
        password: &Secret,
        trier: &Trier<'_>,
        rules: &Rules,
    ) -> Result<Opened, Verdict> {
        let Some(whose) = who.whose() else { return Err(Verdict::Refuse(Reason::BadName)) };
        if !self.can_count().await {
            return Err(Verdict::Defer("the store takes no writes"));
        }
        let Some(upstream) = &self.upstream else {
            let name = self.weigh_own_main_password(whose.name(), password, trier.source).await?;
            return Ok(Opened { name, account: whose.account().cloned(), marks: Vec::new() });
        };
        self.may_hand_on(whose, rules).await?;
        match upstream.plain(whose.name().as_str(), password, &trier.origin.params).await {
            Ok(Said::Ok(user, _)) => self.opened(Some(whose), &user, &trier.origin.params).await,
            Ok(Said::Fail(..)) => Err(Verdict::Refuse(Reason::WrongPassword)),
            Ok(Said::Trouble) => Err(Verdict::Defer("the upstream has trouble")),
            Ok(Said::Challenge(..)) => Err(Verdict::Defer("the upstream asks for more")),
            Err(_) => Err(Verdict::Defer("the upstream is away")),
        }
    }

    /// Main password and code at once: one verdict for both, after one time for all.
    async fn sign_in_with_both(
        self: &Arc<Self>,
        visit: Visit,
        typed: String,
        password: Secret,
        code: Zeroizing<String>,
    ) -> Answer<Passed> {
        let (rules, origin) = (self.rules(), origin(&visit));
        let mut who = Who::new(&typed, &rules);
        self.look_up(&mut who).await.map_err(unavailable)?;
        let trier = self.trier(&who, &origin, &rules);
        let known = self.familiar(who.whose(), &visit).await?.is_some_and(|familiar| familiar.is_browser());
        let line = (trier.source, known.then_some(trier.tag));
        let look = async {
            // From a blocked address nothing counts any more; where one would have to wait, a failure does.
            let (counts, _seat) = match self.own_seat(&trier, &rules).await {
                Ok(seat) => (true, seat),
                Err(Verdict::Refuse(_)) => (false, None),
                Err(verdict) => return Err(unseated(&verdict)),
            };
            let looked = self.look_at_both(&visit, &who, &password, &code, &trier).await;
            let refused = Verdict::Refuse(Reason::WrongPassword);
            match &looked {
                Ok(passed) if counts => self.came_in(&typed, &passed.standing.account, &visit).await,
                Ok(passed) => self.make_familiar(&passed.standing.account, &visit).await,
                Err(PeopleError::WrongPassword) if counts => {
                    self.count_failure(&trier, &refused, None, &rules).await?;
                }
                Err(PeopleError::WrongPassword) => {
                    self.record_sum(&trier, &refused, || self.event(&trier, &refused));
                }
                Err(_) => {}
            }
            looked
        };
        self.in_turn(line, look).await
    }

    async fn look_at_both(
        self: &Arc<Self>,
        visit: &Visit,
        who: &Who<'_>,
        password: &Secret,
        code: &str,
        trier: &Trier<'_>,
    ) -> Answer<Passed> {
        let generation = self.store.generation();
        let opened = match self.weigh_main_password(who, password, trier, &self.rules()).await.0 {
            Ok(opened) => opened,
            Err(Verdict::Defer(why)) => return Err(PeopleError::Unavailable(why.to_owned())),
            Err(_) => return Err(PeopleError::WrongPassword),
        };
        let accepted = Verdict::Accept(Grant { account: opened.name.clone(), password: None });
        let judged = trier.known_as(self, opened.name.as_str());
        let entering = Entering { login: self.event(&judged, &accepted), opened, both: true };
        // Trust is no help here, and its token is not used up by a code that may be wrong.
        let untrusted = Visit { devices: Vec::new(), ..visit.clone() };
        let (session, _, standing) = match self.enter(&untrusted, entering, password, generation).await {
            Err(PeopleError::NoAccount) => return Err(PeopleError::WrongPassword),
            entered => entered?,
        };
        let inside = Visit { session: Some(session.tag()), ..visit.clone() };
        // No second factor, no way in from here.
        let proved = match standing.factors.is_empty() {
            true => Err(PeopleError::WrongPassword),
            false => self.prove_any(&inside, code).await,
        };
        match proved {
            Ok(passed) => Ok(passed),
            Err(error) => {
                self.sign_out(&inside).await?;
                Err(match error {
                    PeopleError::Unavailable(why) => PeopleError::Unavailable(why),
                    // A wait of the factors would say that the main password is right.
                    _ => PeopleError::WrongPassword,
                })
            }
        }
    }

    /// Proves any app, or a recovery code.
    async fn prove_any(self: &Arc<Self>, visit: &Visit, code: &str) -> Answer<Passed> {
        let typed = Zeroizing::new(code.to_owned());
        let is_code = Code::parse(code).is_some();
        let shown = if is_code { Shown::Code(typed) } else { Shown::Recovery(typed) };
        self.prove_uncounted(visit, None, shown, false).await
    }
}
