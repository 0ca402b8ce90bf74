//! Binding a factor, putting another in its place, and removing one.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use super::evidence::{Evidence, Recipient};
use super::judging::credentials;
use super::proof::{Waiting, Wanted, is_taken};
use super::sealed::Memo;
use super::{Delivery, Desk, Known, Outcome, Refused, Standing, allowed, is_sent};
use crate::gate::clean::{clean, is_unprintable};
use crate::gate::code::{SentCode, VALID};
use crate::gate::event::Kind;
use crate::gate::factor::{self, FACTOR_NAME_CHARS_MAX, Factor, FactorAct, FactorKind, FactorRefused, Means};
use crate::gate::mandatory::Duty;
use crate::gate::name::AccountName;
use crate::gate::passkey;
use crate::gate::phone::Phone;
use crate::gate::session::{Act, Stage, TokenTag};
use crate::gate::totp::{Seed, Step};
use crate::gate::visit::By;
use crate::store::StoreError;
use crate::store::portal::{Challenge, FactorRow, NewFactor, UID_BYTES};

/// A factor must be bound so soon after that began.
pub const BINDING: Duration = VALID;

/// A factor that somebody wants to bind.
#[derive(Clone)]
pub struct NewBinding {
    /// What it is.
    pub kind: FactorKind,
    /// The one in whose place it comes.
    pub change: Option<i64>,
    /// The phone or address that gets the code.
    pub to: Option<Zeroizing<String>>,
    /// Where the browser is, as codes are counted: its address, or its network.
    pub from: Option<String>,
}

/// Without the phone or address.
impl fmt::Debug for NewBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewBinding")
            .field("kind", &self.kind)
            .field("change", &self.change)
            .finish_non_exhaustive()
    }
}

/// What came of a change of factors: where the owner stands, and who else has to be told.
pub(super) type Changed = (Standing, Vec<Recipient>);

impl Challenge {
    /// Whether it may still be answered.
    pub(super) fn is_open(&self, now: crate::clock::Timestamp) -> bool {
        (self.begun..self.begun.plus(BINDING)).contains(&now)
    }
}

impl Desk<'_> {
    /// Begins to bind a factor. What an app must know is told again until it is bound or the time is over.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn begin(&mut self, token: TokenTag, wish: &NewBinding) -> Outcome<Waiting> {
        let known = allowed!(self.known(token, Act::SetUp)?);
        if !self.rules.kinds.contains(&wish.kind) {
            return Ok(Err(Refused::KindOff));
        }
        allowed!(self.may_bind(&known, wish.kind, wish.change));
        let before = self.tables.challenge(known.session.id)?.filter(|begun| begun.is_open(self.at.now));
        let same = before.filter(|begun| {
            let kind = begun.binding.as_ref().map(|new| new.kind);
            kind == Some(FactorKind::Totp) && kind == Some(wish.kind) && begun.factor_id == wish.change
        });
        if same.is_some() {
            return Ok(self.pending(token)?.and_then(|waiting| waiting.ok_or(Refused::CodeOver)));
        }
        let uid = self.entropy.bytes::<UID_BYTES>();
        let mut waiting = Waiting::new(Wanted::Factor(wish.kind), wish.change, self.at.now.plus(BINDING));
        waiting.binding = true;
        let (mut plain, mut name) = (Zeroizing::new(Vec::new()), String::new());
        let (mut code, mut memo) = (None, None);
        match wish.kind {
            FactorKind::Totp => {
                let seed = Seed::draw(self.entropy);
                *plain = seed.reveal().to_vec();
                waiting.seed = Some(seed);
            }
            FactorKind::Sms | FactorKind::Mail => {
                let to = allowed!(self.recipient(&known, wish)?);
                let sent: Delivery =
                    allowed!(self.send(&known, wish.kind, to.reveal(), wish.from.as_deref())?);
                code = Some(SentCode::new(self.at.keys.oldest(), known.session.id, &sent.code, self.at.now));
                *plain = to.reveal().as_bytes().to_vec();
                name = to.masked();
                waiting.sent_to = Some(to.masked());
                waiting.deliver = Some(sent);
            }
            FactorKind::Passkey => memo = Some(allowed!(self.passkey_options(&known)?)),
            FactorKind::Wechat | FactorKind::Wecom | FactorKind::Dingtalk => {
                memo = Some(Memo::state(self.draw_state()));
            }
        }
        if let Some(memo) = &memo {
            waiting = waiting.with(memo);
        }
        let memo = memo.map(|memo| self.seal_memo(&known, &memo)).transpose()?;
        let sealed = self.seal_factor(&known, &uid, &plain)?;
        let binding = Some(NewFactor { kind: wish.kind, name, uid, sealed });
        let challenge = Challenge { begun: self.at.now, factor_id: wish.change, binding, code, memo };
        self.tables.set_challenge(known.session.id, Some(&challenge))?;
        Ok(Ok(waiting))
    }

    fn may_bind(&self, known: &Known, kind: FactorKind, change: Option<i64>) -> Result<(), Refused> {
        let act = match change {
            None => FactorAct::Bind(kind),
            Some(id) => {
                if known.factor(id)?.factor.kind != kind {
                    return Err(FactorRefused::NoFactor.into());
                }
                FactorAct::Change(id)
            }
        };
        let means = known.means(self.at.now);
        Ok(factor::allows(&known.facts(), known.account.two_factor, act, means)?)
    }

    /// The phone or address that somebody wants to bind.
    fn recipient(&mut self, known: &Known, wish: &NewBinding) -> Outcome<Recipient> {
        let typed = wish.to.as_ref().map_or("", |to| to.as_str());
        if wish.kind == FactorKind::Sms {
            let phone = Phone::parse(typed, "").map_err(|_| Refused::BadPhone);
            return Ok(phone.map(|phone| Recipient::new(phone.reveal())));
        }
        let Ok(address) = AccountName::parse_address(typed, None) else {
            return Ok(Err(Refused::BadAddress));
        };
        let (domain, own) = (address.parts().1, known.account.name.parts().1);
        let here = domain == own
            || self.rules.domains.iter().any(|known| known == domain)
            || self.tables.is_account(&address)?
            || !self.tables.alias_of(address.as_str())?.is_empty();
        Ok(if here { Err(Refused::NotExternal) } else { Ok(Recipient::new(address.as_str())) })
    }

    fn passkey_options(&mut self, known: &Known) -> Outcome<Memo> {
        let Some(site) = passkey::Site::of(self.rules) else { return Ok(Err(Refused::KindOff)) };
        let bound = self.passkeys(known, |_| true)?;
        let handle = self.at.keys.oldest().recipient_mark(&format!("passkey {}", known.account.id));
        let begun =
            passkey::begin_registration(&site, known.account.name.as_str(), handle, &credentials(&bound));
        begun.map(|begun| Ok(Memo::passkey(begun))).map_err(|error| StoreError::Failed(error.to_string()))
    }

    /// Binds the factor that was begun, by its first proof. Who had to set two-factor up has it on from then on: mail
    /// clients get in with client passwords only.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn confirm(
        &mut self,
        token: TokenTag,
        next: TokenTag,
        evidence: &Evidence,
        name: Option<&str>,
    ) -> Outcome<Changed> {
        let mut known = allowed!(self.known(token, Act::SetUp)?);
        let challenge = self.tables.challenge(known.session.id)?.filter(|begun| begun.is_open(self.at.now));
        let Some(challenge) = challenge else { return Ok(Err(Refused::CodeOver)) };
        let Some(new) = challenge.binding.clone() else { return Ok(Err(Refused::CodeOver)) };
        allowed!(self.may_bind(&known, new.kind, challenge.factor_id));
        let others: Vec<Factor> =
            known.facts().into_iter().filter(|factor| Some(factor.id) != challenge.factor_id).collect();
        let mut new = NewFactor { name: allowed!(called(&new, evidence, name, &others)), ..new };
        let step = allowed!(self.proves_new(&known, &challenge, &mut new, evidence)?);
        let now = self.at.now;
        let (id, kind) = match challenge.factor_id {
            None => (self.tables.add_factor(known.account.id, &new, now)?, Kind::FactorAdded),
            Some(id) => {
                self.tables.replace_factor(id, &new, now)?;
                (id, Kind::FactorChanged)
            }
        };
        self.tables.use_factor(id, step, now)?;
        self.tables.set_challenge(known.session.id, None)?;
        self.note_of(&known, kind, new.kind.word())?;
        if known.factors.is_empty() || challenge.factor_id.is_some() {
            self.end_others(&known)?;
        }
        let sets_up = known.session.reach(&known.owner) == Stage::SetUp;
        if known.owner.duty == Duty::Now || (sets_up && known.owner.needs_factor()) {
            self.turn(&mut known, true)?;
        }
        self.came_in(&known, By::Factor(new.kind))?;
        if known.factors.is_empty() {
            // Used up.
            self.tables.put_set_up_code(known.account.id, None)?;
        }
        if matches!(known.session.stage, Stage::SetUp | Stage::Factor) {
            self.tables.set_signed_in(known.account.id, now)?;
        }
        known.session.stage = Stage::Full;
        known.session.proof = Some((Means::Factor(id), now));
        self.tables.set_session(&known.session, Some(next))?;
        known.factors = self.tables.factors(known.account.id)?;
        let told = self.told(&known, Some(id))?;
        Ok(Ok((self.standing(known)?, told)))
    }

    /// Whether the new factor was proved; puts into it what only the proof tells.
    fn proves_new(
        &mut self,
        known: &Known,
        challenge: &Challenge,
        new: &mut NewFactor,
        evidence: &Evidence,
    ) -> Outcome<Option<Step>> {
        match (new.kind, evidence) {
            (FactorKind::Totp, Evidence::Code(code)) => {
                let seed = self.open_seed(known, &new.uid, &new.sealed)?;
                let step = seed.accepts(code, self.at.wall, None);
                Ok(step.map(Some).ok_or(Refused::WrongCode))
            }
            (FactorKind::Sms | FactorKind::Mail, Evidence::Code(code)) => {
                let right = allowed!(self.sent_code(known, challenge, code)?);
                Ok(if right { Ok(None) } else { Err(Refused::WrongCode) })
            }
            (FactorKind::Passkey, Evidence::Credential(answer)) => {
                let Some(site) = passkey::Site::of(self.rules) else { return Ok(Err(Refused::KindOff)) };
                self.tables.set_challenge(known.session.id, None)?;
                let Some(memo) = &challenge.memo else { return Ok(Err(Refused::CodeOver)) };
                let memo = self.open_memo(known, memo)?;
                let Ok(credential) = passkey::finish_registration(&site, &memo.ceremony, answer) else {
                    return Ok(Err(Refused::WrongCode));
                };
                new.sealed = self.seal_factor(known, &new.uid, &credential)?;
                Ok(Ok(None))
            }
            (kind, Evidence::Identity(identity)) if kind == identity.provider => {
                self.tables.set_challenge(known.session.id, None)?;
                let Some(memo) = &challenge.memo else { return Ok(Err(Refused::CodeOver)) };
                if !identity.answers(&self.open_memo(known, memo)?) {
                    return Ok(Err(Refused::WrongCode));
                }
                new.sealed = self.seal_factor(known, &new.uid, identity.person().as_bytes())?;
                Ok(Ok(None))
            }
            _ => Ok(Err(Refused::WrongCode)),
        }
    }

    /// Unbinds a factor.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn remove(&mut self, token: TokenTag, next: TokenTag, id: i64) -> Outcome<Changed> {
        let mut known = allowed!(self.known(token, Act::Change)?);
        let means = known.means(self.at.now);
        match factor::allows(&known.facts(), known.account.two_factor, FactorAct::Remove(id), means) {
            Ok(()) => {}
            Err(FactorRefused::ProveIt) => return Ok(Err(Refused::ProveIt(id))),
            Err(refused) => return Ok(Err(refused.into())),
        }
        let kind = allowed!(known.factor(id)).factor.kind;
        // Whoever had it may have to know, if it was where they are told.
        let told = self.told(&known, None)?;
        self.tables.remove_factor(id)?;
        self.note_of(&known, Kind::FactorRemoved, kind.word())?;
        self.end_others(&known)?;
        known.factors = self.tables.factors(known.account.id)?;
        if known.factors.is_empty() {
            self.tables.set_recovery_codes(known.account.id, &[], None)?;
        }
        // What was proved by it is proved no more.
        known.session.proof = known.factors.is_empty().then_some((Means::MainPassword, self.at.now));
        known.session.stage = if known.factors.is_empty() { Stage::Full } else { Stage::Trusted };
        self.tables.set_session(&known.session, Some(next))?;
        Ok(Ok((self.standing(known)?, told)))
    }

    /// The backup addresses that something is told to which was just done in a session.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn backup_addresses(&mut self, token: TokenTag) -> Outcome<Vec<Recipient>> {
        let known = allowed!(self.known(token, Act::Look)?);
        self.told(&known, None).map(Ok)
    }

    /// The backup addresses that a change is told to, but for one factor's own.
    fn told(&self, known: &Known, but: Option<i64>) -> Result<Vec<Recipient>, StoreError> {
        let told = |row: &&FactorRow| row.factor.kind == FactorKind::Mail && Some(row.factor.id) != but;
        let open = |row: &FactorRow| Ok(Recipient::new(&self.open_text(known, &row.uid, &row.sealed)?));
        known.factors.iter().filter(told).map(open).collect()
    }
}

/// What the new factor is called.
fn called(
    new: &NewFactor,
    evidence: &Evidence,
    name: Option<&str>,
    others: &[Factor],
) -> Result<String, Refused> {
    if is_sent(new.kind) {
        return Ok(new.name.clone());
    }
    if let Evidence::Identity(identity) = evidence {
        // As it is kept: two that differ in what cannot be seen are one.
        let wished = clean(identity.name.as_deref().unwrap_or(new.kind.word()));
        let free = |name: &String| !is_taken(others, name);
        let numbered = (2..).map(|number| format!("{wished} {number}"));
        return std::iter::once(wished.to_string())
            .chain(numbered)
            .find(free)
            .ok_or(FactorRefused::NameTaken.into());
    }
    let name = name.unwrap_or_default().trim();
    let length = name.chars().count();
    if !(1..=FACTOR_NAME_CHARS_MAX).contains(&length) {
        return Err(Refused::BadName(FACTOR_NAME_CHARS_MAX));
    }
    if name.contains(is_unprintable) {
        return Err(Refused::NameUnprintable);
    }
    if is_taken(others, name) { Err(FactorRefused::NameTaken.into()) } else { Ok(name.to_owned()) }
}
