//! Two-factor on and off, recovery codes, sessions, trusted devices.

use super::proof::device_in_words;
use super::visits::{Arrivals, seen};
use super::{Desk, Known, Outcome, Refused, Standing, allowed};
use crate::gate::entrance::FAMILIAR_MAX;
use crate::gate::event::Kind;
use crate::gate::key::{KeyId, Selector};
use crate::gate::mandatory::Duty;
use crate::gate::session::{Act, TokenTag};
use crate::store::StoreError;
use crate::store::portal::{RecoveryRow, TrustedDevice, Visitor};

/// A recovery code that was just made, as the store has it.
#[derive(Clone, Debug)]
pub struct RecoveryCode {
    /// Finds it.
    pub selector: Selector,
    /// The store key that made the selector.
    pub key_id: KeyId,
    /// Proves it.
    pub phc: String,
}

impl Desk<'_> {
    /// Turns two-factor on or off. On: mail clients get in with client passwords only from the moment this is on disk.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn set_two_factor(&mut self, token: TokenTag, on: bool) -> Outcome<Standing> {
        let mut known = allowed!(self.known(token, Act::Change)?);
        if on && known.factors.is_empty() {
            return Ok(Err(Refused::NoFactors));
        }
        if !on && known.owner.duty != Duty::None {
            return Ok(Err(Refused::Mandatory));
        }
        if on && !known.account.two_factor {
            self.end_others(&known)?;
        }
        self.turn(&mut known, on)?;
        self.standing(known).map(Ok)
    }

    /// Ends every other session of the account, and all trust: what they were let in by is not what it is now.
    pub(super) fn end_others(&mut self, known: &Known) -> Result<(), StoreError> {
        let (account, own) = (known.account.id, known.session.id);
        let sessions = self.tables.end_sessions(account, Some(own))?;
        let devices = self.tables.remove_devices(account, None)?;
        if sessions + devices == 0 {
            return Ok(());
        }
        self.note_of(known, Kind::SessionsEnded, &ended(sessions, devices))
    }

    /// Ends all trust of the account.
    pub(super) fn end_trust(&mut self, known: &Known) -> Result<(), StoreError> {
        match self.tables.remove_devices(known.account.id, None)? {
            0 => Ok(()),
            devices => self.note_of(known, Kind::SessionsEnded, &ended(0, devices)),
        }
    }

    pub(super) fn turn(&mut self, known: &mut Known, on: bool) -> Result<(), StoreError> {
        if known.account.two_factor == on {
            return Ok(());
        }
        self.tables.set_account(known.account.id, known.account.enabled, on)?;
        known.account.two_factor = on;
        self.changed = Some(known.account.name.clone());
        let event = self.event(known, if on { Kind::TwoFactorOn } else { Kind::TwoFactorOff });
        self.note(event)
    }

    /// The account of a session that may try a recovery code, and the codes it has left.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn recovery_rows(&mut self, token: TokenTag) -> Outcome<(i64, Vec<RecoveryRow>)> {
        let known = allowed!(self.known(token, Act::Prove)?);
        Ok(Ok((known.account.id, self.tables.recovery_codes(known.account.id)?)))
    }

    /// Puts new recovery codes in the place of all others.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn set_recovery_codes(&mut self, token: TokenTag, codes: &[RecoveryCode]) -> Outcome<Standing> {
        let known = allowed!(self.known(token, Act::Change)?);
        if known.factors.is_empty() {
            return Ok(Err(Refused::NoFactors));
        }
        let row = |code: &RecoveryCode| {
            let RecoveryCode { selector, key_id, phc } = code.clone();
            RecoveryRow { id: 0, selector, key_id, phc }
        };
        let rows: Vec<RecoveryRow> = codes.iter().map(row).collect();
        self.tables.set_recovery_codes(known.account.id, &rows, Some(self.at.now))?;
        let event = self.event(&known, Kind::RecoveryCodesMade);
        self.note(event)?;
        self.standing(known).map(Ok)
    }

    /// The visits to the session's account, the last first, and its trusted devices, the one that was used last first.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn devices(&mut self, token: TokenTag) -> Outcome<(Standing, Arrivals, Vec<TrustedDevice>)> {
        let known = allowed!(self.known(token, Act::Look)?);
        let now = self.at.now;
        let sessions = self.tables.sessions(known.account.id)?;
        let on =
            sessions.into_iter().map(|row| row.session).filter(|session| !session.is_over(now)).collect();
        let visits = seen(self.tables.visits(known.account.id)?, on, now);
        let mut devices = self.tables.devices(known.account.id)?;
        devices.retain(|device| (device.created..device.until).contains(&now));
        Ok(Ok((self.standing(known)?, visits, devices)))
    }

    /// Ends the session itself. Nobody needs to be allowed that.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn sign_out(&mut self, token: TokenTag) -> Result<(), StoreError> {
        if let Some(row) = self.tables.session(token)? {
            self.tables.end_session(row.session.account_id, row.session.id)?;
        }
        Ok(())
    }

    /// The account came in from what has these marks, all the way.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn came_from(&mut self, account: i64, marks: &[Vec<u8>]) -> Result<(), StoreError> {
        marks.iter().try_for_each(|mark| self.tables.put_familiar(account, mark, self.at.now, FAMILIAR_MAX))
    }

    /// Ends another session of the account. Returns its browser, if there was one.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn end_session(&mut self, token: TokenTag, id: i64) -> Outcome<Option<Visitor>> {
        let known = allowed!(self.known(token, Act::Look)?);
        let sessions = self.tables.sessions(known.account.id)?;
        let Some(row) = sessions.into_iter().find(|row| row.session.id == id) else { return Ok(Ok(None)) };
        self.tables.end_session(known.account.id, id)?;
        self.note_of(
            &known,
            Kind::SessionsEnded,
            &device_in_words(&row.visitor.program, &row.visitor.system),
        )?;
        Ok(Ok(Some(row.visitor)))
    }

    /// Ends the trust in a device of the account. Returns whether there was one.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn forget_device(&mut self, token: TokenTag, id: i64) -> Outcome<bool> {
        let known = allowed!(self.known(token, Act::Look)?);
        let devices = self.tables.devices(known.account.id)?;
        let Some(device) = devices.into_iter().find(|device| device.id == id) else { return Ok(Ok(false)) };
        self.tables.remove_devices(known.account.id, Some(id))?;
        let what = device_in_words(&device.visitor.program, &device.visitor.system);
        self.note_of(&known, Kind::DeviceForgotten, &what)?;
        Ok(Ok(true))
    }

    /// Ends every session of the account, this one too, and all trust.
    ///
    /// # Errors
    /// The store's own trouble.
    pub fn sign_out_everywhere(&mut self, token: TokenTag) -> Outcome<()> {
        let known = allowed!(self.known(token, Act::Look)?);
        let sessions = self.tables.end_sessions(known.account.id, None)?;
        let devices = self.tables.remove_devices(known.account.id, None)?;
        self.tables.forget_familiar(known.account.id)?;
        self.note_of(&known, Kind::SessionsEnded, &ended(sessions, devices))?;
        Ok(Ok(()))
    }
}

/// What was ended, for the event.
fn ended(sessions: usize, devices: usize) -> String {
    format!("{sessions} sessions, {devices} trusted devices")
}
