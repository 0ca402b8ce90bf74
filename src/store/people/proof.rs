//! Proving a bound factor: a challenge, and the answer to it.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::evidence::{Evidence, Identity, Recipient};
use super::sealed::Memo;
use super::{Delivery, Desk, Known, Outcome, Refused, Standing, allowed, is_sent};
use crate::clock::Timestamp;
use crate::gate::code::{Code, SentCode, Tried, VALID};
use crate::gate::event::{Event, Kind};
use crate::gate::factor::{Factor, FactorKind, Means};
use crate::gate::mandatory::Duty;
use crate::gate::passkey::{self, PasskeyError};
use crate::gate::session::{Act, Denied, Stage, TokenTag};
use crate::gate::throttle::{Admission, Throttle};
use crate::gate::totp::Seed;
use crate::store::StoreError;
use crate::store::portal::{Challenge, FactorRow};

/// The most trusted devices of an account; the one that was used longest ago is forgotten for a new one.
const DEVICES_MAX: usize = 20;

/// The reason of the event where a passkey's counter went back: somebody has a copy of it.
const COPIED: &str = "passkey-copied";

/// What became of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    Right(Means),
    Wrong,
    /// Of a passkey, and the same one was used elsewhere meanwhile.
    Copied,
}

impl Judged {
    fn of(right: bool, means: Means) -> Self {
        if right { Self::Right(means) } else { Self::Wrong }
    }
}

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

impl Desk<'_> {
    /// Asks for a factor to be proved, or for a recovery code (`None`). `from`: where the browser is, as codes
    /// are counted.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn challenge(
        &mut self,
        token: TokenTag,
        factor: Option<i64>,
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
                let credential = self.open_factor(&known, &row.uid, &row.sealed)?;
                let begun = passkey::begin_authentication(&site, &[&credential]);
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
            wrong @ (Judged::Wrong | Judged::Copied) => {
                if evidence.is_guessable() {
                    let throttle = self.tables.throttle(account)?;
                    self.tables.set_throttle(account, throttle.failed(self.at.now))?;
                }
                let tried = if wrong == Judged::Copied { tried.reason(COPIED) } else { tried };
                self.note(Event { verdict: Some("refuse".to_owned()), ..tried })?;
                return Ok(Err(Refused::WrongCode));
            }
        };
        self.tables.set_throttle(account, Throttle::default())?;
        self.tables.set_challenge(known.session.id, None)?;
        self.note(Event { verdict: Some("accept".to_owned()), ..tried })?;
        if means != Means::MainPassword && known.owner.duty == Duty::Now && !known.account.two_factor {
            // Past the date it is on, whoever never turned it on, or turned it off.
            self.end_others(&known)?;
            self.turn(&mut known, true)?;
        }
        if means != Means::MainPassword && known.session.stage != Stage::Full {
            if let Some(device) = trust.filter(|_| !self.rules.trust_for.is_zero()) {
                self.trust(&known, device)?;
            }
            self.make_room(account, Stage::Full, Some(known.session.id))?;
            known.session.stage = Stage::Full;
        }
        known.session.proof = Some((means, self.at.now));
        self.tables.set_session(&known.session, Some(next))?;
        known.factors = self.tables.factors(account)?;
        self.standing(known).map(Ok)
    }

    fn tried(&self, known: &Known, factor: Option<i64>, evidence: &Evidence) -> Event {
        let kind = factor.and_then(|id| known.factor(id).ok()).map(|row| row.factor.kind.word());
        let what = match evidence {
            Evidence::MainPassword => "main-password",
            Evidence::Recovery(_) => "recovery",
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

    /// What was proved. What is good once is used up.
    fn judge(&mut self, known: &Known, factor: Option<i64>, evidence: &Evidence) -> Outcome<Judged> {
        match evidence {
            Evidence::MainPassword if known.factors.is_empty() => {
                return Ok(Ok(Judged::Right(Means::MainPassword)));
            }
            Evidence::MainPassword => return Ok(Err(Denied::Factor.into())),
            Evidence::Recovery(row) => {
                let used = match row {
                    Some(id) => self.tables.use_recovery_code(*id)?,
                    None => false,
                };
                return Ok(Ok(Judged::of(used, Means::Recovery)));
            }
            Evidence::Code(_) | Evidence::Credential(_) | Evidence::Identity(_) | Evidence::Unreadable => {}
        }
        let challenge = self.tables.challenge(known.session.id)?;
        let open = |begun: &Challenge| begun.binding.is_none() && begun.is_open(self.at.now);
        let challenge = challenge.filter(open);
        if let (None, None, Evidence::Code(code)) = (factor, &challenge, evidence) {
            return self.any_app_says(known, code).map(Ok);
        }
        let Some(id) = factor.or_else(|| challenge.as_ref()?.factor_id) else {
            return Ok(Err(Refused::CodeOver));
        };
        let row = allowed!(known.factor(id));
        let challenge = challenge.filter(|begun| begun.factor_id == Some(id));
        let right = match (row.factor.kind, evidence) {
            (_, Evidence::Unreadable) => false,
            (FactorKind::Totp, Evidence::Code(code)) => self.app_says(known, row, code)?,
            (FactorKind::Sms | FactorKind::Mail, Evidence::Code(code)) => {
                let Some(challenge) = challenge else { return Ok(Err(Refused::CodeOver)) };
                allowed!(self.sent_code(known, &challenge, code)?)
            }
            (FactorKind::Passkey, Evidence::Credential(answer)) => {
                let Some(challenge) = challenge else { return Ok(Err(Refused::CodeOver)) };
                match self.passkey_says(known, row, &challenge, answer)? {
                    Err(PasskeyError::Copied) => return Ok(Ok(Judged::Copied)),
                    said => said.is_ok(),
                }
            }
            (kind, Evidence::Identity(identity)) if kind == identity.provider => {
                let Some(challenge) = challenge else { return Ok(Err(Refused::CodeOver)) };
                self.provider_says(known, row, &challenge, identity)?
            }
            _ => false,
        };
        if right {
            self.tables.use_factor(id, None, self.at.now)?;
        }
        Ok(Ok(Judged::of(right, Means::Factor(id))))
    }

    /// Whether any of the apps says this.
    fn any_app_says(&mut self, known: &Known, code: &Code) -> Result<Judged, StoreError> {
        for row in known.factors.iter().filter(|row| row.factor.kind == FactorKind::Totp) {
            if self.app_says(known, row, code)? {
                return Ok(Judged::Right(Means::Factor(row.factor.id)));
            }
        }
        Ok(Judged::Wrong)
    }

    fn app_says(&mut self, known: &Known, row: &FactorRow, code: &Code) -> Result<bool, StoreError> {
        let seed = self.open_seed(known, &row.uid, &row.sealed)?;
        let Some(step) = seed.accepts(code, self.at.wall, row.step) else { return Ok(false) };
        self.tables.use_factor(row.factor.id, Some(step), self.at.now)?;
        Ok(true)
    }

    /// Whether it is the code that was sent. One try more is used up.
    pub(super) fn sent_code(&mut self, known: &Known, challenge: &Challenge, code: &Code) -> Outcome<bool> {
        let session = known.session.id;
        let Some(sent) = challenge.code.clone() else { return Ok(Err(Refused::CodeOver)) };
        let (tried, left) = sent.judge(self.at.keys.oldest(), session, code, self.at.now);
        match (tried, left) {
            (Tried::Right, _) => Ok(Ok(true)),
            (Tried::Wrong(_), Some(left)) => {
                let rest = Challenge { code: Some(left), ..challenge.clone() };
                self.tables.set_challenge(session, Some(&rest))?;
                Ok(Ok(false))
            }
            (Tried::Wrong(_), None) => {
                self.tables.set_challenge(session, None)?;
                Ok(Ok(false))
            }
            (Tried::Over, _) => Ok(Err(Refused::CodeOver)),
        }
    }

    fn passkey_says(
        &mut self,
        known: &Known,
        row: &FactorRow,
        challenge: &Challenge,
        answer: &str,
    ) -> Result<Result<(), PasskeyError>, StoreError> {
        // It is good for one answer.
        self.tables.set_challenge(known.session.id, None)?;
        let (Some(site), Some(memo)) = (passkey::Site::of(self.rules), &challenge.memo) else {
            return Ok(Err(PasskeyError::Settings));
        };
        let memo = self.open_memo(known, memo)?;
        let credential = self.open_factor(known, &row.uid, &row.sealed)?;
        let grown = match passkey::finish_authentication(&site, &memo.ceremony, answer, &[&credential]) {
            Ok((_, grown)) => grown,
            Err(error) => return Ok(Err(error)),
        };
        // Its counter went on.
        let sealed = self.seal_factor(known, &row.uid, &grown)?;
        self.tables.reseal_factor(row.factor.id, &sealed)?;
        Ok(Ok(()))
    }

    fn provider_says(
        &mut self,
        known: &Known,
        row: &FactorRow,
        challenge: &Challenge,
        identity: &Identity,
    ) -> Result<bool, StoreError> {
        self.tables.set_challenge(known.session.id, None)?;
        let Some(memo) = &challenge.memo else { return Ok(false) };
        let memo = self.open_memo(known, memo)?;
        let bound = self.open_text(known, &row.uid, &row.sealed)?;
        let same: bool = bound.as_bytes().ct_eq(identity.person().as_bytes()).into();
        Ok(same && identity.answers(&memo))
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
