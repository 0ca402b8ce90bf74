//! What people do about their own account, over the tables of any store: read, decide, write, in one transaction.
//!
//! A [`Desk`] is where they do it: the tables, the moment, the site's rules, and the events that are to be logged once
//! it is on disk. A code is judged where it is used up: of two that come at once, one comes too late. Every right proof
//! gives the session another token, so that nobody goes on with the one from before.
//!
//! - `codes`: a code on its way to a phone or an address, and how many there may be
//! - `evidence`: what somebody shows to prove it
//! - `newcomer`: accounts that are made for whoever has a mailbox
//! - `proof`: proving a bound factor · `judging`: whether what is shown proves it · `binding`: binding, changing, removing
//!   one · `sealed`: what proves a factor
//! - `visits`: who came in and who was stopped
//! - `rest`: two-factor on and off, recovery codes, sessions, trusted devices

mod binding;
mod codes;
mod evidence;
mod judging;
mod newcomer;
mod proof;
mod rest;
mod sealed;
mod visits;

use std::time::Duration;

use super::orders::Circumstances;
use super::portal::{FactorRow, NewSession, SessionRow, TrustedDevice, Visitor};
use super::senders;
use super::{StoreError, Tables};
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::gate::account::Account;
use crate::gate::event::{Event, Kind};
use crate::gate::factor::{Factor, FactorKind, FactorRefused, Means};
use crate::gate::key::MailboxMark;
use crate::gate::mandatory::Duty;
use crate::gate::name::AccountName;
use crate::gate::people::PeopleRules;
use crate::gate::session::{Act, Denied, Owner, Session, Stage, TokenTag, crowded_out};
use crate::gate::set_up_code::SetUpCode;

pub use binding::{BINDING, NewBinding};
pub use codes::Delivery;
pub use evidence::{Evidence, Identity, Recipient};
pub(super) use newcomer::{NotMade, make};
pub use proof::{Waiting, Wanted};
pub use rest::RecoveryCode;
pub use sealed::masked_address;
pub use visits::{Arrivals, Seen, settle_visits};

/// The use of a session is put down again when it is this old: reading a page writes nothing.
const SEEN_STEP: Duration = Duration::from_secs(60);

/// Somebody whose main password was right just now.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Who.
    pub name: AccountName,
    /// The marks of the mailbox that the main password opened, the current key's first.
    pub mailbox: Vec<MailboxMark>,
    /// What will find the session.
    pub token: TokenTag,
    /// What the browser showed to be known as a trusted device, of any account.
    pub devices: Vec<TokenTag>,
    /// What it will be known by as one of this account, if it is.
    pub renewed: TokenTag,
    /// The browser.
    pub visitor: Visitor,
    /// Where it is, as failures are counted.
    pub source: Option<String>,
    /// The event of the login, as if it came in.
    pub login: Event,
    /// From a blocked address: a second factor is shown as well, whatever else would do.
    pub both: bool,
}

/// Why somebody whose main password was right is not signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Turned {
    /// Sidegate has no such account.
    #[error("Sidegate has no such account")]
    Unknown,
    /// The account is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// There is no such account, and the mailbox is another account's.
    #[error("the mailbox is another account's")]
    OthersMailbox,
}

/// Where the owner of a session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The session, as far as it goes now.
    pub session: Session,
    /// The account.
    pub account: Account,
    /// Its second factors, oldest first.
    pub factors: Vec<Factor>,
    /// What it must do about two-factor.
    pub duty: Duty,
    /// Recovery codes that are left.
    pub recovery_codes: usize,
    /// When they were made, if ever.
    pub recovery_made: Option<Timestamp>,
    /// A set-up code has to be given before a factor is bound: when it ends.
    pub set_up_code: Option<Timestamp>,
}

/// Why something was not done; nothing but the count of failures was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The session does not allow it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The rules for second factors do not allow it.
    #[error(transparent)]
    Factor(#[from] FactorRefused),
    /// This very factor has to be proved first.
    #[error("prove second factor {0} first")]
    ProveIt(i64),
    /// Too many wrong codes: not before then.
    #[error("too many wrong codes; try again after {0}")]
    Wait(Timestamp),
    /// Enough codes were sent: none before then.
    #[error("enough codes were sent; the next one after {0}")]
    SentEnough(Timestamp),
    /// Very many wrong codes: not before an administrator has looked.
    #[error("too many wrong codes; only an administrator can help")]
    Locked,
    /// The code, or what else was shown, is wrong or was used.
    #[error("this is wrong, or was used already")]
    WrongCode,
    /// Wrong again, and of an app: its clock may be off.
    #[error("this is wrong again; is the clock of the phone right?")]
    WrongClock,
    /// The code was right, and was used just now. It counts as no failure.
    #[error("this code was used")]
    UsedCode,
    /// Nothing waits for a code, or it came too late, or after too many tries.
    #[error("this took too long; begin again")]
    CodeOver,
    /// There is no second factor to turn two-factor on with.
    #[error("bind a second factor first")]
    NoFactors,
    /// Two-factor is mandatory.
    #[error("two-factor is mandatory for this account")]
    Mandatory,
    /// A kind of factor that the site does not have.
    #[error("this kind of second factor is not offered here")]
    KindOff,
    /// The name is missing or too long.
    #[error("a second factor needs a name of at most {0} characters")]
    BadName(usize),
    /// The name has a tab or another character in it that cannot be seen.
    #[error("the name has a tab or another character in it that cannot be seen")]
    NameUnprintable,
    /// No phone number.
    #[error("this is no mobile number")]
    BadPhone,
    /// A phone in a country whose numbers get no codes.
    #[error("no codes are sent to numbers of this country")]
    CountryOff,
    /// No mail address.
    #[error("this is no mail address")]
    BadAddress,
    /// A mail address of this site: whoever is shut out cannot read it.
    #[error("a backup address must be outside this site")]
    NotExternal,
}

/// What becomes of a piece of work: done, refused, or trouble of the store.
pub type Outcome<T> = Result<Result<T, Refused>, StoreError>;

/// Hands a refusal on.
macro_rules! allowed {
    ($outcome:expr) => {
        match $outcome {
            Ok(value) => value,
            Err(refused) => return Ok(Err(refused.into())),
        }
    };
}
use allowed;

/// Where people look after their account: one transaction.
pub struct Desk<'a> {
    tables: &'a mut dyn Tables,
    at: &'a Circumstances,
    rules: &'a PeopleRules,
    entropy: &'a Entropy,
    /// What is to be logged once it is on disk.
    pub events: Vec<Event>,
    /// The account whose facts changed for those who decide logins.
    pub changed: Option<AccountName>,
}

/// A session with all that is known of its owner.
struct Known {
    session: Session,
    account: Account,
    factors: Vec<FactorRow>,
    /// The set-up code that it waits for, if nothing is bound.
    code: Option<SetUpCode>,
    /// What is true of it at this moment.
    owner: Owner,
    visitor: Visitor,
}

impl Known {
    fn facts(&self) -> Vec<Factor> {
        self.factors.iter().map(|row| row.factor.clone()).collect()
    }

    fn factor(&self, id: i64) -> Result<&FactorRow, Refused> {
        let row = self.factors.iter().find(|row| row.factor.id == id);
        row.ok_or(Refused::Factor(FactorRefused::NoFactor))
    }

    /// What was proved lately.
    fn means(&self, now: Timestamp) -> Option<Means> {
        match self.session.reach(&self.owner) {
            // Who has nothing yet has nothing else to prove, however long ago the sign-in was.
            Stage::SetUp => Some(Means::MainPassword),
            _ => self.session.means(now),
        }
    }
}

impl<'a> Desk<'a> {
    /// A desk for one transaction.
    pub fn new(
        tables: &'a mut dyn Tables,
        at: &'a Circumstances,
        rules: &'a PeopleRules,
        entropy: &'a Entropy,
    ) -> Self {
        Self { tables, at, rules, entropy, events: Vec::new(), changed: None }
    }

    /// Begins a session for somebody whose main password was right.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn sign_in(&mut self, arrival: &Arrival) -> Result<Result<Standing, Turned>, StoreError> {
        let now = self.at.now;
        let mut found = self.tables.account(&arrival.name)?;
        if found.is_none() {
            match make(self.tables, self.rules, &arrival.name, &arrival.mailbox, now)? {
                Ok(()) => {}
                Err(NotMade::Name) => return Ok(Err(Turned::Unknown)),
                Err(NotMade::OthersMailbox) => return Ok(Err(Turned::OthersMailbox)),
            }
            let mut event =
                Event::new(now, Kind::AccountAdded, &self.at.actor.name).account(arrival.name.as_str());
            event.address.clone_from(&arrival.visitor.address);
            self.note(event)?;
            self.changed = Some(arrival.name.clone());
            found = self.tables.account(&arrival.name)?;
        }
        let Some(account) = found else { return Ok(Err(Turned::Unknown)) };
        if !account.enabled {
            return Ok(Err(Turned::Disabled));
        }
        let (factors, code) = bound(self.tables, account.id)?;
        let owner = self.rules.owner(&account, !factors.is_empty(), code.is_some(), now);
        let stage = match () {
            // Until the code is given it proved as little as one that waits for its factor, and has as little room.
            () if owner.awaits_code => Stage::Factor,
            () if !owner.bound && owner.needs_factor() => Stage::SetUp,
            () if !owner.bound => Stage::Full,
            () if self.trusts(&account, arrival)? => Stage::Trusted,
            () => Stage::Factor,
        };
        self.make_room(account.id, stage, None)?;
        let (account_id, token, visitor) = (account.id, arrival.token, &arrival.visitor);
        self.tables.add_session(&NewSession { account_id, token, stage, now, visitor })?;
        if matches!(stage, Stage::Full | Stage::Trusted) {
            self.tables.set_signed_in(account_id, now)?;
        }
        let Some(row) = self.tables.session(token)? else { return Err(StoreError::Closed) };
        let visitor = row.visitor;
        let known = Known { session: row.session, account, factors, code, owner, visitor };
        self.arrived(&known, arrival)?;
        Ok(Ok(self.standing(known)?))
    }

    /// Ends the sessions of an account that give way to one of this stage: a new one, or one of them, `but`.
    fn make_room(&mut self, account: i64, stage: Stage, but: Option<i64>) -> Result<(), StoreError> {
        let rows = self.tables.sessions(account)?.into_iter();
        let sessions: Vec<Session> =
            rows.map(|row| row.session).filter(|session| Some(session.id) != but).collect();
        for id in crowded_out(&sessions, stage, self.at.now) {
            self.tables.end_session(account, id)?;
        }
        Ok(())
    }

    /// Whether the browser is a trusted device of the account: the same kind of browser, before the end. If so, it is known
    /// by another token from now on: a copy of its cookie is good until its owner comes again, and no longer.
    fn trusts(&mut self, account: &Account, arrival: &Arrival) -> Result<bool, StoreError> {
        let Some(device) = self.device_of(account.id, &arrival.devices)? else { return Ok(false) };
        let Visitor { address, system, program } = &arrival.visitor;
        let same = device.visitor.system == *system && device.visitor.program == *program;
        let in_time = (device.created..device.until).contains(&self.at.now);
        // The site may have taken trust back, or shortened it.
        let allowed = self.at.now < device.created.plus(self.rules.trust_for);
        let trusted = same && in_time && allowed;
        if trusted {
            self.tables.use_device(device.id, arrival.renewed, address.as_deref(), self.at.now)?;
        }
        Ok(trusted)
    }

    /// The trusted device of the account among these.
    fn device_of(&mut self, account: i64, tokens: &[TokenTag]) -> Result<Option<TrustedDevice>, StoreError> {
        for token in tokens {
            let device = self.tables.device(*token)?;
            if device.as_ref().is_some_and(|device| device.account_id == account) {
                return Ok(device);
            }
        }
        Ok(None)
    }

    /// Where the owner of a session stands, if the session allows `act`.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn stand(&mut self, token: TokenTag, act: Act) -> Outcome<Standing> {
        let known = allowed!(self.known(token, act)?);
        self.standing(known).map(Ok)
    }

    fn standing(&mut self, known: Known) -> Result<Standing, StoreError> {
        let account_id = known.account.id;
        let recovery_codes = self.tables.recovery_codes(account_id)?.len();
        let recovery_made = self.tables.recovery_made(account_id)?;
        let coded = known.code.is_some();
        let owner = self.rules.owner(&known.account, !known.factors.is_empty(), coded, self.at.now);
        let (duty, stage) = (owner.duty, known.session.reach(&owner));
        let factors = known.factors.into_iter().map(|row| row.factor).collect();
        let Known { session, account, code, .. } = known;
        let asked = owner.awaits_code && !session.gave_code();
        let set_up_code = code.filter(|_| asked).map(|code| code.ends());
        let session = Session { stage, ..session };
        Ok(Standing { session, account, factors, duty, recovery_codes, recovery_made, set_up_code })
    }

    /// A session that allows `act`, with all that is known of its owner. It was used just now.
    fn known(&mut self, token: TokenTag, act: Act) -> Outcome<Known> {
        let now = self.at.now;
        let mut known = allowed!(inside(self.tables, token, act, self.rules, now)?);
        if now >= known.session.seen.plus(SEEN_STEP) {
            known.session.seen = now;
            self.tables.set_session(&known.session, None)?;
        }
        Ok(Ok(known))
    }

    /// An event of somebody's own making.
    fn event(&self, known: &Known, kind: Kind) -> Event {
        let account = known.account.name.as_str();
        let mut event = Event::new(self.at.now, kind, account).account(account);
        event.address.clone_from(&known.visitor.address);
        event
    }

    fn note(&mut self, event: Event) -> Result<(), StoreError> {
        self.tables.add_event(&event)?;
        self.events.push(event);
        Ok(())
    }

    fn note_of(&mut self, known: &Known, kind: Kind, reason: &str) -> Result<(), StoreError> {
        let event = self.event(known, kind).reason(reason);
        self.note(event)
    }
}

/// The session of a token, with all that is known of its owner, if it allows `act` now.
fn inside(
    tables: &mut dyn Tables,
    token: TokenTag,
    act: Act,
    rules: &PeopleRules,
    now: Timestamp,
) -> Result<Result<Known, Denied>, StoreError> {
    let Some(SessionRow { session, account, visitor }) = tables.session(token)? else {
        return Ok(Err(Denied::Over));
    };
    let account = tables.account(&AccountName::stored(&account))?;
    let Some(account) = account else { return Ok(Err(Denied::Over)) };
    let (factors, code) = bound(tables, account.id)?;
    let owner = rules.owner(&account, !factors.is_empty(), code.is_some(), now);
    let allowed = session.allows(act, &owner, now);
    Ok(allowed.map(|()| Known { session, account, factors, code, owner, visitor }))
}

/// The second factors of an account; where there are none, the set-up code that it waits for.
fn bound(
    tables: &mut dyn Tables,
    account_id: i64,
) -> Result<(Vec<FactorRow>, Option<SetUpCode>), StoreError> {
    let factors = tables.factors(account_id)?;
    let code = if factors.is_empty() { tables.set_up_code(account_id)? } else { None };
    Ok((factors, code))
}

/// Whether the session of a token allows `act` now.
pub(super) fn allows(
    tables: &mut dyn Tables,
    token: TokenTag,
    act: Act,
    rules: &PeopleRules,
    now: Timestamp,
) -> Result<Result<(), Denied>, StoreError> {
    Ok(inside(tables, token, act, rules, now)?.map(drop))
}

/// Whether a kind of factor is proved by a code that is sent.
fn is_sent(kind: FactorKind) -> bool {
    matches!(kind, FactorKind::Sms | FactorKind::Mail)
}
