//! Client passwords that were imported: tried one by one until their first right use, and replaced then.
//!
//! Nothing finds them, so a wrong secret costs a hash for each that an account has, and nothing for an account that has
//! none. What was tried is remembered until the daemon ends: a device that goes on with an old password, or a
//! webmail with the main password, costs its hashes once.
//!
//! They may cost more than a refusal may take. Whoever waits for them hears no longer than for any other account: then
//! it is a failure, counted as one, and the trial goes on. If the secret turns out right, it lets in when it comes again;
//! mail programs try again by themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hashlink::LruCache;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::warn;

use super::proof::{Verified, deferral};
use super::{Service, lock};
use crate::gate::account::{Account, ClientPassword, Stored};
use crate::gate::address::Key;
use crate::gate::event::{Event, Kind};
use crate::gate::foreign::ForeignHash;
use crate::gate::foreign::Scheme;
use crate::gate::login::{Attempt, Presented, Verdict};
use crate::gate::name::AccountName;
use crate::gate::secret::Digest;
use crate::gate::secret::Secret;
use crate::hasher::{Foreign, HasherError, SALT_BYTES};
use crate::log;
use crate::store::Tables;

/// Secrets that are tried at once against the imported hashes of one account. One more is refused without a look.
const UNDER_WAY_MAX: usize = 10;
/// Secrets that turned out right when nobody waited any more.
const RIGHT_MAX: usize = 10_000;

/// How a trial ended; `None`: not yet.
type Ended = Option<Result<(), HasherError>>;
/// The account's first imported client password, and the mark of the secret.
type Trial = (i64, [u8; 16]);

/// Secrets that are tried, and those that were right.
#[derive(Debug)]
pub(super) struct Trials {
    under_way: Mutex<HashMap<Trial, watch::Receiver<Ended>>>,
    right: Mutex<LruCache<[u8; 16], ()>>,
}

impl Default for Trials {
    fn default() -> Self {
        Self { under_way: Mutex::default(), right: Mutex::new(LruCache::new(RIGHT_MAX)) }
    }
}

impl Trials {
    fn is_right(&self, mark: &[u8; 16]) -> bool {
        lock(&self.right).get(mark).is_some()
    }
}

/// It is over, however it ends.
struct UnderWay(Arc<Trials>, Trial);

impl Drop for UnderWay {
    fn drop(&mut self) {
        lock(&self.0.under_way).remove(&self.1);
    }
}

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
        let imported: Vec<_> = imported.collect();
        let right = || imported.iter().find(|(.., mark)| self.trials.is_right(mark)).map(|found| found.0);
        let left = imported.iter().filter(|(.., mark)| !self.verified.missed(mark));
        let left: Vec<_> = left.map(|(_, hash, mark)| ((*hash).clone(), *mark)).collect();
        let Some(trial) = imported.first().map(|(first, _, mark)| (first.id, *mark)) else { return Ok(None) };
        if left.is_empty() || right().is_some() {
            return Ok(right());
        }
        if !self.can_count().await {
            return Err(Verdict::Defer("the store takes no writes"));
        }
        if upstream && self.upstream().is_some_and(|upstream| !upstream.connected()) {
            return Err(Verdict::Defer("the upstream is away"));
        }
        let Some(mut ended) = self.try_out(trial, secret, left, source) else { return Ok(None) };
        match timeout(self.patience(attempt.origin.held), ended.wait_for(Option::is_some)).await {
            // It goes on without us.
            Err(_) => Ok(None),
            Ok(Ok(ended)) => match *ended {
                Some(Err(error)) => Err(Verdict::Defer(deferral(error))),
                _ => Ok(right()),
            },
            Ok(Err(_)) => Err(Verdict::Defer(deferral(HasherError::Late))),
        }
    }

    /// Begins to try a secret, or joins whoever tries it already. `None`: too many of the account are under way.
    fn try_out(
        &self,
        trial: Trial,
        secret: &Secret,
        hashes: Vec<(ForeignHash, [u8; 16])>,
        source: Key,
    ) -> Option<watch::Receiver<Ended>> {
        let mut under_way = lock(&self.trials.under_way);
        if let Some(known) = under_way.get(&trial) {
            return Some(known.clone());
        }
        if under_way.keys().filter(|(first, _)| *first == trial.0).count() >= UNDER_WAY_MAX {
            return None;
        }
        let (tell, ended) = watch::channel(None);
        under_way.insert(trial, ended.clone());
        let over = UnderWay(Arc::clone(&self.trials), trial);
        let (foreign, verified, secret) = (self.hasher.foreign(), Arc::clone(&self.verified), secret.clone());
        tokio::spawn(async move {
            let how = try_all(&foreign, source, &secret, hashes, (&verified, &over.0)).await;
            drop(over);
            let _ = tell.send(Some(how));
        });
        Some(ended)
    }

    /// How long an attempt waits for its trial: the rest of the failure delay is for writing the failure down. nginx keeps
    /// the last second of it by itself.
    fn patience(&self, held: bool) -> Duration {
        let delay = self.rules().failure_delay;
        let ours = delay.saturating_sub(Duration::from_secs(1));
        match delay {
            Duration::ZERO => self.hasher.wait(),
            _ if held || ours.is_zero() => delay * 7 / 8,
            _ => ours * 7 / 8,
        }
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

async fn try_all(
    foreign: &Foreign,
    source: Key,
    secret: &Secret,
    hashes: Vec<(ForeignHash, [u8; 16])>,
    (verified, trials): (&Verified, &Trials),
) -> Result<(), HasherError> {
    let (hashes, marks): (Vec<_>, Vec<_>) = hashes.into_iter().unzip();
    let learn = |place: usize, same| match same {
        true => drop(lock(&trials.right).insert(marks[place], ())),
        false => verified.learn_miss(marks[place]),
    };
    foreign.find(source, secret, hashes, learn).await.map(drop)
}

impl Verified {
    fn missed(&self, mark: &[u8; 16]) -> bool {
        lock(&self.missed).get(mark).is_some()
    }

    fn learn_miss(&self, mark: [u8; 16]) {
        lock(&self.missed).insert(mark, ());
    }
}
