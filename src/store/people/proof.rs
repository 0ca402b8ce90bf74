//! Proving a bound factor: a challenge, and the answer to it.

use std::cmp::Reverse;

use zeroize::Zeroizing;

use super::evidence::{Evidence, Recipient};
use super::judging::{Judged, credentials};
use super::sealed::Memo;
use super::{Delivery, Desk, Known, Outcome, Refused, Standing, allowed, is_sent};
use crate::clock::Timestamp;
use crate::gate::code::{Code, SentCode, VALID};
use crate::gate::event::{Event, Kind};
use crate::gate::factor::{Factor, FactorKind, Means};
use crate::gate::mandatory::Duty;
use crate::gate::passkey;
use crate::gate::session::{Act, Stage, TokenTag};
use crate::gate::throttle::{Admission, CLOCK, Throttle};
use crate::gate::totp::Seed;
use crate::gate::visit::By;
use crate::store::StoreError;
use crate::store::portal::Challenge;

/// The most trusted devices of an account; the one that was used longest ago is forgotten for a new one.
const DEVICES_MAX: usize = 20;

/// The reason of the event where a passkey's counter went back: somebody has a copy of it.
const COPIED: &str = "passkey-copied";

/// The reason of the event where the code of an app was used just now.
const USED: &str = "code-used";

/// What a session waits for the proof of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A factor of this kind.
    Factor(FactorKind),
    /// A recovery code.
    Recovery,
}

/// What a session waits for.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// What.
    pub wanted: Wanted,
    /// The factor that is to be proved, or in whose place another comes.
    pub factor: Option<i64>,
    /// It is being bound.
    pub binding: bool,
    /// When this ends.
    pub ends: Timestamp,
    /// Where a code was sent.
    pub sent_to: Option<String>,
    /// An app that is being bound: what it must know.
    pub seed: Option<Seed>,
    /// A passkey: the options for the browser.
    pub options: Option<String>,
    /// A sign-in provider: the state that must come back.
    pub state: Option<Zeroizing<String>>,
    /// What has to be delivered now.
    pub deliver: Option<Delivery>,
}

impl Waiting {
    pub(super) fn new(wanted: Wanted, factor: Option<i64>, ends: Timestamp) -> Self {
        Self {
            wanted,
            factor,
            binding: false,
            ends,
            sent_to: None,
            seed: None,
            options: None,
            state: None,
            deliver: None,
        }
    }

    pub(super) fn with(mut self, memo: &Memo) -> Self {
        self.options = Some(memo.options.clone()).filter(|options| !options.is_empty());
        self.state = Some(Zeroizing::new(memo.state.clone())).filter(|state| !state.is_empty());
        self
    }
}

impl Known {
    /// What came beside the main password.
    fn by(&self, means: Means) -> Option<By> {
        match means {
            Means::MainPassword | Means::SetUpCode => None,
            Means::Factor(id) => self.factor(id).ok().map(|row| By::Factor(row.factor.kind)),
            Means::Recovery => Some(By::Recovery),
        }
    }
}

impl Desk<'_> {
    /// Asks for a factor to be proved, or for a recovery code (`None`). Where that is a passkey, any of the account's
    /// may answer: people know a prompt, not the names of their passkeys. Unless it has to be that one, `alone`. `from`:
    /// where the browser is, as codes are counted.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn challenge(
        &mut self,
        token: TokenTag,
        factor: Option<i64>,
        alone: bool,
        from: Option<&str>,
    ) -> Outcome<Waiting> {
        let known = allowed!(self.known(token, Act::Prove)?);
        let (now, session) = (self.at.now, known.session.id);
        let mut challenge =
            Challenge { begun: now, factor_id: factor, binding: None, code: None, memo: None };
        let ends = now.plus(VALID);
        let Some(id) = factor else {
            self.tables.set_challenge(session, Some(&challenge))?;
            return Ok(Ok(Waiting::new(Wanted::Recovery, None, ends)));
        };
        let row = allowed!(known.factor(id));
        let kind = row.factor.kind;
        if kind.is_guessable() {
            allowed!(self.admits(&known)?);
        }
        let mut waiting = Waiting::new(Wanted::Factor(kind), factor, ends);
        match kind {
            FactorKind::Totp => {}
            FactorKind::Sms | FactorKind::Mail => {
                let to = self.open_text(&known, &row.uid, &row.sealed)?;
                let sent = allowed!(self.send(&known, kind, &to, from)?);
                challenge.code = Some(SentCode::new(self.at.keys.oldest(), session, &sent.code, now));
                waiting.sent_to = Some(sent.to.masked());
                waiting.deliver = Some(sent);
            }
            FactorKind::Passkey => {
                let Some(site) = passkey::Site::of(self.rules) else { return Ok(Err(Refused::KindOff)) };
                let mut asked = self.passkeys(&known, |row| !alone || row.factor.id == id)?;
                // The one that was named is among them, however long the others are; then those in use.
                asked.sort_by_key(|(row, _)| (row.factor.id != id, Reverse(row.factor.last_use)));
                let mut bytes = 0;
                asked.retain(|(_, credential)| {
                    bytes += credential.len();
                    bytes <= passkey::ASKED_BYTES_MAX
                });
                let begun = passkey::begin_authentication(&site, &credentials(&asked));
                let memo = Memo::passkey(begun.map_err(|error| StoreError::Failed(error.to_string()))?);
                challenge.memo = Some(self.seal_memo(&known, &memo)?);
                waiting = waiting.with(&memo);
            }
            FactorKind::Wechat | FactorKind::Wecom | FactorKind::Dingtalk => {
                let memo = Memo::state(self.draw_state());
                challenge.memo = Some(self.seal_memo(&known, &memo)?);
                waiting = waiting.with(&memo);
            }
        }
        self.tables.set_challenge(session, Some(&challenge))?;
        Ok(Ok(waiting))
    }

    /// Draws a code, and counts it.
    pub(super) fn send(
        &mut self,
        known: &Known,
        by: FactorKind,
        to: &str,
        from: Option<&str>,
    ) -> Outcome<Delivery> {
        allowed!(self.book_code(known, by, to, from)?);
        let request = data_encoding::HEXLOWER.encode(&self.entropy.bytes::<8>());
        Ok(Ok(Delivery { by, to: Recipient::new(to), code: Code::draw(self.entropy), request }))
    }

    /// 128 random bits as every provider hands them back.
    pub(super) fn draw_state(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.entropy.bytes::<16>())
    }

    /// What a session waits for, without anything that is told once only; `None`: nothing, or it took too long.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn pending(&mut self, token: TokenTag) -> Outcome<Option<Waiting>> {
        let known = allowed!(self.known(token, Act::Prove)?);
        let challenge = self.tables.challenge(known.session.id)?;
        let Some(challenge) = challenge.filter(|begun| begun.is_open(self.at.now)) else {
            return Ok(Ok(None));
        };
        let ends = challenge.begun.plus(VALID);
        let memo = match &challenge.memo {
            Some(memo) => self.open_memo(&known, memo)?,
            None => Memo::default(),
        };
        if let Some(new) = &challenge.binding {
            let mut waiting = Waiting::new(Wanted::Factor(new.kind), challenge.factor_id, ends).with(&memo);
            waiting.binding = true;
            match new.kind {
                FactorKind::Totp => waiting.seed = Some(self.open_seed(&known, &new.uid, &new.sealed)?),
                kind if is_sent(kind) => {
                    waiting.sent_to =
                        Some(Recipient::new(&self.open_text(&known, &new.uid, &new.sealed)?).masked());
                }
                _ => {}
            }
            return Ok(Ok(Some(waiting)));
        }
        let Some(id) = challenge.factor_id else {
            return Ok(Ok(Some(Waiting::new(Wanted::Recovery, None, ends))));
        };
        let row = allowed!(known.factor(id));
        let mut waiting = Waiting::new(Wanted::Factor(row.factor.kind), Some(id), ends).with(&memo);
        if is_sent(row.factor.kind) {
            waiting.sent_to = Some(row.factor.name.clone());
        }
        Ok(Ok(Some(waiting)))
    }

    /// Whether a second factor that can be guessed may be tried now.
    pub(super) fn admits(&mut self, known: &Known) -> Outcome<()> {
        Ok(match self.tables.throttle(known.account.id)?.admits(self.at.now) {
            Admission::Open => Ok(()),
            Admission::Wait(until) => Err(Refused::Wait(until)),
            Admission::Locked => Err(Refused::Locked),
        })
    }

    /// Proves a factor, or who one is where there is none. `next` finds the session from then on; `trust`: what will be
    /// known as a trusted device.
    ///
    /// # Errors
    /// The store's own trouble, a factor that cannot be opened among it.
    pub fn prove(
        &mut self,
        token: TokenTag,
        next: TokenTag,
        factor: Option<i64>,
        evidence: &Evidence,
        trust: Option<TokenTag>,
    ) -> Outcome<Standing> {
        let mut known = allowed!(self.known(token, Act::Prove)?);
        if evidence.is_guessable() {
            allowed!(self.admits(&known)?);
        }
        let judged = allowed!(self.judge(&known, factor, evidence)?);
        let tried = self.tried(&known, factor, evidence);
        let account = known.account.id;
        let means = match judged {
            Judged::Right(means) => means,
            Judged::Used => {
                let tried = Event { verdict: Some("refuse".to_owned()), ..tried };
                self.note(tried.reason(USED))?;
                return Ok(Err(Refused::UsedCode));
            }
            wrong @ (Judged::Wrong | Judged::Copied) => {
                let mut failures = 0;
                if evidence.is_guessable() {
                    let throttle = self.tables.throttle(account)?.failed(self.at.now);
                    self.tables.set_throttle(account, throttle)?;
                    failures = throttle.failures;
                }
                self.not_let_in(&known)?;
                let tried = if wrong == Judged::Copied { tried.reason(COPIED) } else { tried };
                self.note(Event { verdict: Some("refuse".to_owned()), ..tried })?;
                let clock = failures >= CLOCK && self.is_of_an_app(&known, factor)?;
                return Ok(Err(if clock { Refused::WrongClock } else { Refused::WrongCode }));
            }
        };
        self.tables.set_throttle(account, Throttle::default())?;
        self.tables.set_challenge(known.session.id, None)?;
        self.note(Event { verdict: Some("accept".to_owned()), ..tried })?;
        if means.is_second() && known.owner.duty == Duty::Now && !known.account.two_factor {
            // Past the date it is on, whoever never turned it on, or turned it off.
            self.end_others(&known)?;
            self.turn(&mut known, true)?;
        }
        if let Some(by) = known.by(means) {
            self.came_in(&known, by)?;
        }
        if means == Means::Recovery {
            // Whoever needs one has lost what else they had, perhaps with a browser that is trusted.
            self.end_trust(&known)?;
        }
        if means.is_second() && known.session.stage != Stage::Full {
            let may = means != Means::Recovery && !self.rules.trust_for.is_zero();
            if let Some(device) = trust.filter(|_| may) {
                self.trust(&known, device)?;
            }
            self.make_room(account, Stage::Full, Some(known.session.id))?;
            known.session.stage = Stage::Full;
            self.tables.set_signed_in(account, self.at.now)?;
        }
        if means == Means::SetUpCode && known.session.stage != Stage::SetUp {
            self.make_room(account, Stage::SetUp, Some(known.session.id))?;
            known.session.stage = Stage::SetUp;
        }
        known.session.proof = Some((means, self.at.now));
        self.tables.set_session(&known.session, Some(next))?;
        known.factors = self.tables.factors(account)?;
        self.standing(known).map(Ok)
    }

    /// Whether an app is asked for.
    fn is_of_an_app(&mut self, known: &Known, factor: Option<i64>) -> Result<bool, StoreError> {
        let waits = self.tables.challenge(known.session.id)?.and_then(|begun| begun.factor_id);
        let kind = factor.or(waits).and_then(|id| known.factor(id).ok()).map(|row| row.factor.kind);
        Ok(kind.is_none_or(|kind| kind == FactorKind::Totp))
    }

    fn tried(&self, known: &Known, factor: Option<i64>, evidence: &Evidence) -> Event {
        let kind = factor.and_then(|id| known.factor(id).ok()).map(|row| row.factor.kind.word());
        let what = match evidence {
            Evidence::MainPassword => "main-password",
            Evidence::Recovery(_) => "recovery",
            Evidence::SetUpCode(_) => "set-up-code",
            _ => kind.unwrap_or("unknown"),
        };
        self.event(known, Kind::FactorTried).reason(what)
    }

    fn trust(&mut self, known: &Known, device: TokenTag) -> Result<(), StoreError> {
        let (account, now) = (known.account.id, self.at.now);
        for old in self.tables.devices(account)?.iter().skip(DEVICES_MAX - 1) {
            self.tables.remove_devices(account, Some(old.id))?;
        }
        let until = now.plus(self.rules.trust_for);
        self.tables.add_device(account, device, now, until, &known.visitor)?;
        self.note_of(
            known,
            Kind::DeviceTrusted,
            &device_in_words(&known.visitor.program, &known.visitor.system),
        )
    }
}

/// A browser in an event.
pub(super) fn device_in_words(program: &str, system: &str) -> String {
    match (program, system) {
        ("", "") => "unknown browser".to_owned(),
        ("", one) | (one, "") => one.to_owned(),
        (program, system) => format!("{program}, {system}"),
    }
}

/// Whether one of these is called so.
pub(super) fn is_taken<'a>(factors: impl IntoIterator<Item = &'a Factor>, name: &str) -> bool {
    factors.into_iter().any(|factor| factor.name == name)
}
