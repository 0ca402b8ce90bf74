//! Client passwords that were imported: tried one by one until their first right use, and replaced then.
//!
//! Nothing finds them, so a wrong secret costs a hash for each that an account has, and nothing for an account that has
//! none. What was tried in vain is remembered until the daemon ends: a device that goes on with an old password, or a
//! webmail with the main password, costs its hashes once.

use std::sync::Arc;
use tracing::warn;

use super::proof::deferral;
use super::{Service, lock};
use crate::gate::account::{Account, ClientPassword, Stored};
use crate::gate::address::Key;
use crate::gate::event::{Event, Kind};
use crate::gate::foreign::Scheme;
use crate::gate::login::{Attempt, Presented, Verdict};
use crate::gate::name::AccountName;
use crate::gate::secret::Digest;
use crate::hasher::SALT_BYTES;
use crate::log;
use crate::store::Tables;

/// An imported client password that turned out right.
#[derive(Debug)]
pub(super) struct FirstUse {
    account_id: i64,
    id: i64,
    name: Arc<str>,
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
    /// The imported client password that somebody presents, if it is one of these. `upstream`: what is none of them
    /// may be a main password.
    ///
    /// What somebody thought of can be guessed, and whoever is told "no" has made a guess. So nothing is looked at where
    /// it could not be counted, and all are looked at together: trouble of our own tells nothing of any of them.
    pub(super) async fn find_imported<'a>(
        &self,
        candidates: &[&'a ClientPassword],
        attempt: &Attempt,
        upstream: bool,
        source: Key,
    ) -> Result<Option<&'a ClientPassword>, Verdict> {
        // The other system hashed the password itself, which nobody can tell from D.
        let Presented::Whole(secret) = &attempt.secret else { return Ok(None) };
        let imported = candidates.iter().filter_map(|password| match &password.stored {
            Stored::Imported(hash) => {
                Some((*password, hash, self.verified.mark_of_miss(password.id, hash, secret)))
            }
            Stored::Ours { .. } => None,
        });
        let left: Vec<_> = imported.filter(|(_, _, mark)| !self.verified.missed(mark)).collect();
        if left.is_empty() {
            return Ok(None);
        }
        if !self.can_count().await {
            return Err(Verdict::Defer("the store takes no writes"));
        }
        if upstream && self.upstream().is_some_and(|upstream| !upstream.connected()) {
            return Err(Verdict::Defer("the upstream is away"));
        }
        let hashes = left.iter().map(|(_, hash, _)| (*hash).clone()).collect();
        let found = self.hasher.find_foreign(source, secret.clone(), hashes).await;
        let found = found.map_err(|error| Verdict::Defer(deferral(error)))?;
        for (_, _, mark) in &left[..found.unwrap_or(left.len())] {
            self.verified.learn_miss(*mark);
        }
        Ok(found.map(|place| left[place].0))
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
