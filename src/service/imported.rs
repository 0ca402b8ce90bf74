//! Client passwords that were imported: tried one by one until their first right use, and replaced then.
//!
//! Nothing finds them, so a wrong secret costs a hash for each that an account has, and nothing for an account that has
//! none. What was tried in vain is remembered until the daemon ends: a device that goes on with an old password, or a
//! webmail with the main password, costs its hashes once.

use tracing::warn;

use super::{Service, lock};
use crate::gate::account::{Account, ClientPassword};
use crate::gate::address::Key;
use crate::gate::event::{Event, Kind};
use crate::gate::foreign::{ForeignHash, Scheme};
use crate::gate::name::AccountName;
use crate::gate::secret::{Digest, Secret};
use crate::hasher::{HasherError, SALT_BYTES};
use crate::log;
use crate::store::Tables;

/// An imported client password that turned out right.
#[derive(Debug)]
pub(super) struct FirstUse {
    account_id: i64,
    id: i64,
    name: String,
    scheme: Scheme,
    digest: Digest,
}

impl FirstUse {
    pub(super) fn of(account: &Account, password: &ClientPassword, digest: Digest) -> Option<Self> {
        let scheme = password.stored.imported()?;
        Some(Self { account_id: account.id, id: password.id, name: password.name.clone(), scheme, digest })
    }
}

impl Service {
    pub(super) async fn verify_imported(
        &self,
        password: &ClientPassword,
        hash: &ForeignHash,
        secret: &Secret,
        source: Key,
    ) -> Result<bool, HasherError> {
        let mark = self.verified.mark_of_miss(password.id, hash, secret);
        if self.verified.missed(&mark) {
            return Ok(false);
        }
        let right = self.hasher.verify_foreign(source, secret.clone(), hash.clone()).await?;
        if !right {
            self.verified.learn_miss(mark);
        }
        Ok(right)
    }

    /// Replaces the hash of an imported client password, in one write, when somebody was let in with it. Where that is
    /// not possible now, the login is right all the same, and the next one tries again.
    pub(super) async fn upgrade(&self, account: &AccountName, used: FirstUse, source: Key) {
        let FirstUse { account_id, id, name, scheme, digest } = used;
        let salt = self.entropy.bytes::<SALT_BYTES>();
        let phc = match self.hasher.hash(source, digest, self.rules().cost, salt).await {
            Ok(phc) => phc,
            Err(error) => {
                warn!(%error, password_id = id, "an imported hash was not replaced yet");
                return;
            }
        };
        let keys = self.keys();
        let (selector, key_id) = (keys.current().selector(account_id, &digest), keys.current().id());
        let event = Event::new(self.now(), Kind::PasswordUpgraded, "gate")
            .account(account.as_str())
            .password(id, &name)
            .reason(scheme.word());
        let written = {
            let (event, phc) = (event.clone(), phc.clone());
            let work = move |tables: &mut dyn Tables| {
                let upgraded = tables.upgrade_password(id, selector, key_id, &phc)?;
                if upgraded {
                    tables.add_event(&event)?;
                }
                Ok(upgraded)
            };
            self.store.change_if(account.clone(), work, |upgraded| *upgraded).await
        };
        self.wrote(&written);
        match written {
            Ok(true) => {
                log::event(&event);
                self.verified.learn(self.verified.mark(id, &phc, &digest));
                self.ring_notices();
            }
            // Another login was faster, or it is removed.
            Ok(false) => {}
            Err(error) => {
                warn!(error = %log::chain(&error), password_id = id, "an imported hash was not replaced yet");
            }
        }
    }
}

impl super::proof::Verified {
    fn missed(&self, mark: &[u8; 16]) -> bool {
        lock(&self.missed).get(mark).is_some()
    }

    fn learn_miss(&self, mark: [u8; 16]) {
        lock(&self.missed).insert(mark, ());
    }
}
