//! What people do about their own account, over the tables of any store: read, decide, write, in one transaction.
//!
//! A code is judged where it is used up: of two that come at once, one comes too late. Every right proof gives the session
//! another token, so that nobody goes on with the one from before.

use std::time::Duration;

use super::orders::Circumstances;
use super::portal::{Challenge, FactorRow, NewFactor, NewSession, SessionRow, UID_BYTES, Visitor};
use super::{StoreError, Tables};
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::gate::account::Account;
use crate::gate::code::Code;
use crate::gate::event::{Event, Kind};
use crate::gate::factor::{self, Factor, FactorAct, FactorKind, FactorRefused, Means};
use crate::gate::mandatory::{Duty, MandatoryRule, duty};
use crate::gate::name::AccountName;
use crate::gate::seal::{Place, SealError, Sealed};
use crate::gate::session::{Act, Denied, SESSIONS_MAX, Session, Stage, TokenTag};
use crate::gate::throttle::{Admission, Throttle};
use crate::gate::totp::Seed;

/// A factor must be bound so soon after that began.
pub const BINDING: Duration = Duration::from_secs(5 * 60);
/// The table's name, bound to what is sealed in it.
const TABLE: &str = "factor";

/// Somebody whose main password was right just now.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Who.
    pub name: AccountName,
    /// What will find the session.
    pub token: TokenTag,
    /// What the browser showed to be known as a trusted device.
    pub device: Option<TokenTag>,
    /// The browser.
    pub visitor: Visitor,
    /// The account is made if it is not there.
    pub makes_account: bool,
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
}

/// Where the owner of a session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The session.
    pub session: Session,
    /// The account.
    pub account: Account,
    /// Its second factors, oldest first.
    pub factors: Vec<Factor>,
    /// What it must do about two-factor.
    pub duty: Duty,
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
    /// Too many wrong codes: not before then.
    #[error("too many wrong codes; try again after {0}")]
    Wait(Timestamp),
    /// Very many wrong codes: not before an administrator has looked.
    #[error("too many wrong codes; only an administrator can help")]
    Locked,
    /// The code is wrong, was used, or comes too late.
    #[error("this code is wrong, or was used already")]
    WrongCode,
    /// Nothing is being bound, or it took too long.
    #[error("this took too long; begin again")]
    NoBinding,
    /// There is no second factor to turn two-factor on with.
    #[error("bind a second factor first")]
    NoFactors,
    /// Two-factor is mandatory.
    #[error("two-factor is mandatory for this account")]
    Mandatory,
}

type Outcome<T> = Result<Result<T, Refused>, StoreError>;

/// Begins a session for somebody whose main password was right.
///
/// # Errors
/// The store's own trouble.
pub fn sign_in(
    tables: &mut dyn Tables,
    arrival: &Arrival,
    rules: &[MandatoryRule],
    at: &Circumstances,
) -> Result<Result<Standing, Turned>, StoreError> {
    let mut found = tables.account(&arrival.name)?;
    if found.is_none() && arrival.makes_account {
        tables.add_account(&arrival.name, at.now)?;
        tables
            .add_event(&Event::new(at.now, Kind::AccountAdded, &at.actor).account(arrival.name.as_str()))?;
        found = tables.account(&arrival.name)?;
    }
    let Some(account) = found else { return Ok(Err(Turned::Unknown)) };
    if !account.enabled {
        return Ok(Err(Turned::Disabled));
    }
    let duty = duty(rules, &account, at.now);
    let factors = tables.factors(account.id)?;
    let stage = match () {
        () if factors.is_empty() && (account.two_factor || duty == Duty::Now) => Stage::SetUp,
        () if factors.is_empty() || trusts(tables, &account, arrival, at.now)? => Stage::Full,
        () => Stage::Factor,
    };
    let sessions = tables.sessions(account.id)?;
    for old in sessions.iter().skip(SESSIONS_MAX - 1) {
        tables.end_session(account.id, old.session.id)?;
    }
    let (account_id, token, now) = (account.id, arrival.token, at.now);
    tables.add_session(&NewSession { account_id, token, stage, now, visitor: &arrival.visitor })?;
    let Some(row) = tables.session(token)? else { return Err(StoreError::Closed) };
    let factors = factors.into_iter().map(|row| row.factor).collect();
    Ok(Ok(Standing { session: row.session, account, factors, duty }))
}

/// Whether the browser is a trusted device of the account: the same kind of browser, before the end.
fn trusts(
    tables: &mut dyn Tables,
    account: &Account,
    arrival: &Arrival,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(token) = arrival.device else { return Ok(false) };
    let Some(device) = tables.device(token)? else { return Ok(false) };
    let Visitor { address, system, program } = &arrival.visitor;
    let same = device.visitor.system == *system && device.visitor.program == *program;
    let trusted = device.account_id == account.id && same && (device.created..device.until).contains(&now);
    if trusted {
        tables.use_device(device.id, address.as_deref(), now)?;
    }
    Ok(trusted)
}

/// Where the owner of a session stands, if the session allows `act`. It was used just now.
///
/// # Errors
/// The store's own trouble.
pub fn stand(
    tables: &mut dyn Tables,
    token: TokenTag,
    act: Act,
    rules: &[MandatoryRule],
    at: &Circumstances,
) -> Outcome<Standing> {
    Ok(known(tables, token, act, rules, at)?.map(|known| known.standing()))
}

/// A session with all that is known of its owner.
struct Known {
    session: Session,
    account: Account,
    factors: Vec<FactorRow>,
    duty: Duty,
}

impl Known {
    fn standing(self) -> Standing {
        let factors = self.factors.into_iter().map(|row| row.factor).collect();
        Standing { session: self.session, account: self.account, factors, duty: self.duty }
    }

    fn facts(&self) -> Vec<Factor> {
        self.factors.iter().map(|row| row.factor.clone()).collect()
    }

    fn event(&self, kind: Kind, at: &Circumstances) -> Event {
        Event::new(at.now, kind, &at.actor).account(self.account.name.as_str())
    }
}

fn known(
    tables: &mut dyn Tables,
    token: TokenTag,
    act: Act,
    rules: &[MandatoryRule],
    at: &Circumstances,
) -> Outcome<Known> {
    let Some(SessionRow { mut session, account, .. }) = tables.session(token)? else {
        return Ok(Err(Denied::Over.into()));
    };
    let account = match AccountName::parse(&account, None) {
        Ok(name) => tables.account(&name)?.filter(|account| account.enabled),
        Err(_) => None,
    };
    let Some(account) = account else { return Ok(Err(Denied::Over.into())) };
    let factors = tables.factors(account.id)?;
    if let Err(denied) = session.allows(act, !factors.is_empty(), at.now) {
        return Ok(Err(denied.into()));
    }
    session.seen = at.now;
    tables.set_session(&session, None)?;
    let duty = duty(rules, &account, at.now);
    Ok(Ok(Known { session, account, factors, duty }))
}

/// A code that was typed to prove a factor, and the token that the session has if it is right.
#[derive(Clone, Debug)]
pub struct Typed {
    /// The session's token so far.
    pub token: TokenTag,
    /// Its token from then on.
    pub next: TokenTag,
    /// What was typed.
    pub code: Code,
}

/// Proves a bound factor by a code.
///
/// # Errors
/// The store's own trouble, a factor that cannot be opened among it.
pub fn prove(
    tables: &mut dyn Tables,
    factor_id: i64,
    typed: &Typed,
    rules: &[MandatoryRule],
    at: &Circumstances,
) -> Outcome<Standing> {
    let mut known = match known(tables, typed.token, Act::Prove, rules, at)? {
        Ok(known) => known,
        Err(refused) => return Ok(Err(refused)),
    };
    let throttle = tables.throttle(known.account.id)?;
    match throttle.admits(at.now) {
        Admission::Open => {}
        Admission::Wait(until) => return Ok(Err(Refused::Wait(until))),
        Admission::Locked => return Ok(Err(Refused::Locked)),
    }
    let Some(row) = known.factors.iter().find(|row| row.factor.id == factor_id) else {
        return Ok(Err(FactorRefused::NoFactor.into()));
    };
    let tried = known.event(Kind::FactorTried, at).reason(row.factor.kind.word());
    if !is_right(tables, &known, row, &typed.code, at)? {
        tables.set_throttle(known.account.id, throttle.failed(at.now))?;
        tables.add_event(&Event { verdict: Some("refuse".to_owned()), ..tried })?;
        return Ok(Err(Refused::WrongCode));
    }
    tables.set_throttle(known.account.id, Throttle::default())?;
    tables.add_event(&Event { verdict: Some("accept".to_owned()), ..tried })?;
    if known.session.stage == Stage::Factor {
        known.session.stage = Stage::Full;
    }
    known.session.proof = Some((Means::Factor(factor_id), at.now));
    tables.set_session(&known.session, Some(typed.next))?;
    Ok(Ok(known.standing()))
}

/// Whether a code is a factor's; if it is, it is used up.
fn is_right(
    tables: &mut dyn Tables,
    known: &Known,
    row: &FactorRow,
    code: &Code,
    at: &Circumstances,
) -> Result<bool, StoreError> {
    match row.factor.kind {
        FactorKind::Totp => {
            let seed = open_seed(&row.sealed, &row.uid, known.account.id, at)?;
            let Some(step) = seed.accepts(code, at.now, row.step) else { return Ok(false) };
            tables.use_factor(row.factor.id, Some(step), at.now)?;
            Ok(true)
        }
        FactorKind::Passkey
        | FactorKind::Sms
        | FactorKind::Wechat
        | FactorKind::Wecom
        | FactorKind::Dingtalk
        | FactorKind::Mail => Ok(false),
    }
}

fn open_seed(
    sealed: &Sealed,
    uid: &[u8; UID_BYTES],
    account_id: i64,
    at: &Circumstances,
) -> Result<Seed, StoreError> {
    let place = Place { table: TABLE, row: uid, account: account_id };
    let opened = at.keys.open(sealed, place).map_err(trouble)?;
    Seed::new(&opened).ok_or_else(|| trouble(SealError::Broken))
}

fn trouble(error: SealError) -> StoreError {
    StoreError::Failed(error.to_string())
}

/// Begins to bind an authenticator app. What it must know comes back, and is never told again.
///
/// # Errors
/// The store's own trouble.
pub fn begin_totp(
    tables: &mut dyn Tables,
    token: TokenTag,
    name: &str,
    entropy: &Entropy,
    rules: &[MandatoryRule],
    at: &Circumstances,
) -> Outcome<(Standing, Seed)> {
    let known = match known(tables, token, Act::SetUp, rules, at)? {
        Ok(known) => known,
        Err(refused) => return Ok(Err(refused)),
    };
    if let Err(refused) = may_bind(&known, FactorKind::Totp, name, at) {
        return Ok(Err(refused));
    }
    let (seed, uid) = (Seed::draw(entropy), entropy.bytes::<UID_BYTES>());
    let place = Place { table: TABLE, row: &uid, account: known.account.id };
    let sealed = at.keys.seal(seed.reveal(), place, entropy).map_err(trouble)?;
    let binding = Some(NewFactor { kind: FactorKind::Totp, name: name.to_owned(), uid, sealed });
    let challenge = Challenge { begun: at.now, factor_id: None, binding, code: None };
    tables.set_challenge(known.session.id, Some(&challenge))?;
    Ok(Ok((known.standing(), seed)))
}

fn may_bind(known: &Known, kind: FactorKind, name: &str, at: &Circumstances) -> Result<(), Refused> {
    let means = match known.session.stage {
        // Who has nothing yet has nothing else to prove, however long ago the sign-in was.
        Stage::SetUp if known.factors.is_empty() => Some(Means::MainPassword),
        _ => known.session.means(at.now),
    };
    factor::allows(&known.facts(), known.account.two_factor, FactorAct::Bind(kind), means)?;
    if known.factors.iter().any(|row| row.factor.name == name) {
        return Err(FactorRefused::NameTaken.into());
    }
    Ok(())
}

/// Binds an authenticator app by its first code. `two_factor`: that turns two-factor on as well, so that from then on mail
/// clients get in with client passwords only.
///
/// # Errors
/// The store's own trouble.
pub fn confirm_totp(
    tables: &mut dyn Tables,
    typed: &Typed,
    two_factor: bool,
    rules: &[MandatoryRule],
    at: &Circumstances,
) -> Outcome<Standing> {
    let mut known = match known(tables, typed.token, Act::SetUp, rules, at)? {
        Ok(known) => known,
        Err(refused) => return Ok(Err(refused)),
    };
    let begun = tables.challenge(known.session.id)?;
    let in_time = |begun: &Challenge| (begun.begun..begun.begun.plus(BINDING)).contains(&at.now);
    let Some(new) = begun.filter(in_time).and_then(|challenge| challenge.binding) else {
        return Ok(Err(Refused::NoBinding));
    };
    if let Err(refused) = may_bind(&known, new.kind, &new.name, at) {
        return Ok(Err(refused));
    }
    let seed = open_seed(&new.sealed, &new.uid, known.account.id, at)?;
    let Some(step) = seed.accepts(&typed.code, at.now, None) else { return Ok(Err(Refused::WrongCode)) };
    let id = tables.add_factor(known.account.id, &new, at.now)?;
    tables.use_factor(id, Some(step), at.now)?;
    tables.set_challenge(known.session.id, None)?;
    tables.add_event(&known.event(Kind::FactorAdded, at).reason(new.kind.word()))?;
    // Who had to set two-factor up has it on.
    if two_factor || known.session.stage == Stage::SetUp {
        turn(tables, &mut known, true, at)?;
    }
    known.session.stage = Stage::Full;
    known.session.proof = Some((Means::Factor(id), at.now));
    tables.set_session(&known.session, Some(typed.next))?;
    known.factors = tables.factors(known.account.id)?;
    Ok(Ok(known.standing()))
}

/// Unbinds a factor.
///
/// # Errors
/// The store's own trouble.
pub fn remove_factor(
    tables: &mut dyn Tables,
    token: TokenTag,
    id: i64,
    rules: &[MandatoryRule],
    at: &Circumstances,
) -> Outcome<Standing> {
    let mut known = match known(tables, token, Act::Change, rules, at)? {
        Ok(known) => known,
        Err(refused) => return Ok(Err(refused)),
    };
    let means = known.session.means(at.now);
    let allowed = factor::allows(&known.facts(), known.account.two_factor, FactorAct::Remove(id), means);
    if let Err(refused) = allowed {
        return Ok(Err(refused.into()));
    }
    let kind = known.factors.iter().find(|row| row.factor.id == id).map(|row| row.factor.kind.word());
    tables.remove_factor(id)?;
    tables.add_event(&known.event(Kind::FactorRemoved, at).reason(kind.unwrap_or_default()))?;
    known.session.proof = None;
    known.factors = tables.factors(known.account.id)?;
    Ok(Ok(known.standing()))
}

/// Turns two-factor on or off. On: mail clients get in with client passwords only from the moment this is on disk.
///
/// # Errors
/// The store's own trouble.
pub fn set_two_factor(
    tables: &mut dyn Tables,
    token: TokenTag,
    on: bool,
    rules: &[MandatoryRule],
    at: &Circumstances,
) -> Outcome<Standing> {
    let mut known = match known(tables, token, Act::Change, rules, at)? {
        Ok(known) => known,
        Err(refused) => return Ok(Err(refused)),
    };
    if on && known.factors.is_empty() {
        return Ok(Err(Refused::NoFactors));
    }
    if !on && known.duty != Duty::None {
        return Ok(Err(Refused::Mandatory));
    }
    turn(tables, &mut known, on, at)?;
    Ok(Ok(known.standing()))
}

fn turn(tables: &mut dyn Tables, known: &mut Known, on: bool, at: &Circumstances) -> Result<(), StoreError> {
    if known.account.two_factor == on {
        return Ok(());
    }
    tables.set_account(known.account.id, known.account.enabled, on)?;
    known.account.two_factor = on;
    let kind = if on { Kind::TwoFactorOn } else { Kind::TwoFactorOff };
    tables.add_event(&known.event(kind, at))?;
    Ok(())
}
