//! What an account came in from before: looked up before waits apply, and put down when somebody came in all the way.

use super::{Answer, PeopleError, Service, Visit};
use crate::gate::account::Account;
use crate::gate::address::Key;
use crate::gate::entrance::{FAMILIAR_FOR, FAMILIAR_STEP, Familiar};
use crate::gate::identity::Whose;
use crate::store::{StoreError, Tables};

/// No account has this number: for a name that nobody has, the same is looked up as for an account.
const NOBODY: i64 = 0;

impl Service {
    /// What the visit comes from that the account came in from before.
    pub(super) async fn familiar(&self, whose: Option<&Whose>, visit: &Visit) -> Answer<Option<Familiar>> {
        let account = whose.and_then(Whose::account).map_or(NOBODY, |account| account.id);
        let (now, session) = (self.now(), visit.session);
        let device = self.device_of(account, &visit.devices).await?.filter(|device| now < device.until);
        let marks = self.marks(visit);
        let find = move |tables: &mut dyn Tables| -> Result<Option<Familiar>, StoreError> {
            if let Some(token) = session
                && let Some(row) = tables.session(token)?
                && row.session.account_id == account
                && !row.session.is_over(now)
            {
                return Ok(Some(Familiar::Session(row.session.id)));
            }
            if let Some(device) = &device {
                return Ok(Some(Familiar::Device(device.id)));
            }
            for (mark, bytes) in &marks {
                let last = tables.familiar(account, bytes)?;
                if last.is_some_and(|last| now < last.plus(FAMILIAR_FOR)) {
                    return Ok(Some(*mark));
                }
            }
            Ok(None)
        };
        Ok(self.store.read(find).await?)
    }

    /// What a visit can be known by, and as the store keeps it: the browser before the address, which others may share.
    fn marks(&self, visit: &Visit) -> Vec<(Familiar, Vec<u8>)> {
        let prefixes = self.rules().prefixes;
        let address = visit.address.and_then(|address| Key::of(address, &prefixes)).map(Familiar::Address);
        let marks = [visit.browser.map(Familiar::Browser), address];
        marks.into_iter().flatten().filter_map(|mark| Some((mark, mark.to_bytes()?))).collect()
    }

    /// The account came in from there all the way. Trouble harms nobody: it may have to wait, once.
    pub(super) async fn make_familiar(&self, account: &Account, visit: &Visit) {
        let (id, now) = (account.id, self.now());
        let marks: Vec<Vec<u8>> = self.marks(visit).into_iter().map(|(_, bytes)| bytes).collect();
        let old = move |tables: &mut dyn Tables| -> Result<Vec<Vec<u8>>, StoreError> {
            let mut old = Vec::new();
            for mark in &marks {
                let last = tables.familiar(id, mark)?;
                if last.is_none_or(|last| now >= last.plus(FAMILIAR_STEP)) {
                    old.push(mark.clone());
                }
            }
            Ok(old)
        };
        let old = match self.store.read(old).await {
            Ok(old) if !old.is_empty() => old,
            _ => return,
        };
        let _: Result<(), PeopleError> = self.at_desk(move |desk| desk.came_from(id, &old).map(Ok)).await;
    }
}
