//! Whether what somebody shows proves a factor.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::evidence::{Evidence, Identity};
use super::{Desk, Known, Outcome, Refused, allowed};
use crate::gate::code::{Code, Tried};
use crate::gate::factor::{FactorKind, Means};
use crate::gate::passkey::{self, PasskeyError};
use crate::gate::secret::Digest;
use crate::gate::session::Denied;
use crate::store::StoreError;
use crate::store::portal::{Challenge, FactorRow};

/// What became of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    Right(Means),
    Wrong,
    /// A code of an app: right, and used up.
    Used,
    /// Of a passkey, and the same one was used elsewhere meanwhile.
    Copied,
}

impl Judged {
    fn of(right: bool, means: Means) -> Self {
        if right { Self::Right(means) } else { Self::Wrong }
    }
}

/// A passkey's row, and what is in it.
pub(super) type Opened<'k> = (&'k FactorRow, Zeroizing<Vec<u8>>);

/// What is in them.
pub(super) fn credentials<'o>(opened: &'o [Opened<'_>]) -> Vec<&'o [u8]> {
    opened.iter().map(|(_, credential)| credential.as_slice()).collect()
}

impl Desk<'_> {
    /// What was proved. What is good once is used up.
    pub(super) fn judge(
        &mut self,
        known: &Known,
        factor: Option<i64>,
        evidence: &Evidence,
    ) -> Outcome<Judged> {
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
            Evidence::SetUpCode(digest) => return Ok(self.is_set_up_code(known, digest.as_ref())),
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
            (FactorKind::Totp, Evidence::Code(code)) => match self.app_says(known, row, code)? {
                Judged::Right(_) => true,
                other => return Ok(Ok(other)),
            },
            (FactorKind::Sms | FactorKind::Mail, Evidence::Code(code)) => {
                let Some(challenge) = challenge else { return Ok(Err(Refused::CodeOver)) };
                allowed!(self.sent_code(known, &challenge, code)?)
            }
            (FactorKind::Passkey, Evidence::Credential(answer)) => {
                let Some(challenge) = challenge else { return Ok(Err(Refused::CodeOver)) };
                return Ok(Ok(match self.passkey_says(known, &challenge, answer)? {
                    Ok(id) => Judged::Right(Means::Factor(id)),
                    Err(PasskeyError::Copied) => Judged::Copied,
                    Err(_) => Judged::Wrong,
                }));
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

    /// Whether it is the set-up code that the account waits for. It stays until a factor is bound: whoever breaks off half
    /// way gives it again.
    fn is_set_up_code(&self, known: &Known, digest: Option<&Digest>) -> Result<Judged, Refused> {
        let keys = &self.at.keys;
        let waits = known.code.as_ref().filter(|_| known.owner.awaits_code);
        let given = waits.filter(|code| digest.is_some_and(|one| code.is(one, known.account.id, keys)));
        match given {
            Some(code) if code.is_over(self.at.now) => Err(Refused::CodeOver),
            given => Ok(Judged::of(given.is_some(), Means::SetUpCode)),
        }
    }

    /// Whether any of the apps says this.
    fn any_app_says(&mut self, known: &Known, code: &Code) -> Result<Judged, StoreError> {
        let mut judged = Judged::Wrong;
        for row in known.factors.iter().filter(|row| row.factor.kind == FactorKind::Totp) {
            match self.app_says(known, row, code)? {
                right @ Judged::Right(_) => return Ok(right),
                Judged::Used => judged = Judged::Used,
                Judged::Wrong | Judged::Copied => {}
            }
        }
        Ok(judged)
    }

    fn app_says(&mut self, known: &Known, row: &FactorRow, code: &Code) -> Result<Judged, StoreError> {
        let seed = self.open_seed(known, &row.uid, &row.sealed)?;
        // Apps go by the wall clock.
        let now = self.at.wall;
        if let Some(step) = seed.accepts(code, now, row.step) {
            self.tables.use_factor(row.factor.id, Some(step), self.at.now)?;
            return Ok(Judged::Right(Means::Factor(row.factor.id)));
        }
        Ok(if seed.was_used(code, now, row.step) { Judged::Used } else { Judged::Wrong })
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

    /// The account's passkeys that `which` names, each with its row.
    pub(super) fn passkeys<'k>(
        &self,
        known: &'k Known,
        which: impl Fn(&FactorRow) -> bool,
    ) -> Result<Vec<Opened<'k>>, StoreError> {
        let rows = known.factors.iter().filter(|row| row.factor.kind == FactorKind::Passkey && which(row));
        rows.map(|row| Ok((row, self.open_factor(known, &row.uid, &row.sealed)?))).collect()
    }

    /// Which passkey answered, of those that were asked.
    fn passkey_says(
        &mut self,
        known: &Known,
        challenge: &Challenge,
        answer: &str,
    ) -> Result<Result<i64, PasskeyError>, StoreError> {
        // It is good for one answer.
        self.tables.set_challenge(known.session.id, None)?;
        let (Some(site), Some(memo)) = (passkey::Site::of(self.rules), &challenge.memo) else {
            return Ok(Err(PasskeyError::Settings));
        };
        let memo = self.open_memo(known, memo)?;
        let bound = self.passkeys(known, |_| true)?;
        let said = passkey::finish_authentication(&site, &memo.ceremony, answer, &credentials(&bound));
        let (index, grown) = match said {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        let row = bound[index].0;
        // Its counter went on.
        let sealed = self.seal_factor(known, &row.uid, &grown)?;
        self.tables.reseal_factor(row.factor.id, &sealed)?;
        self.tables.use_factor(row.factor.id, None, self.at.now)?;
        Ok(Ok(row.factor.id))
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
