//! Is the secret right? At most one Argon2 per attempt, and none for a wrong client password; but for those that nothing
//! finds: see `imported`, and rows under a key that is gone.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hashlink::LruCache;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tracing::error;
use zeroize::Zeroizing;

use super::imported::FirstUse;
use super::sessions::sends;
use super::{Rules, Service, lock};
use crate::entropy::Entropy;
use crate::gate::account::{Account, ClientPassword, Stored};
use crate::gate::address::Key;
use crate::gate::foreign::ForeignHash;
use crate::gate::identity::Whose;
use crate::gate::login::{Attempt, Grant, Origin, Presented, Reason, Screened, Verdict};
use crate::gate::login::{screen, terms_refuse, without_client_password};
use crate::gate::name::AccountName;
use crate::gate::secret::{Digest, Secret};
use crate::hasher::HasherError;
use crate::log;
use crate::store::Tables;
use crate::store::identity::Unasked;
use crate::upstream::{Away, Said};

/// Secrets that were verified and need no Argon2 again; 16 bytes each.
const VERIFIED_MAX: usize = 100_000;

/// Remembers, for as long as the daemon runs, which secrets were verified against which rows.
///
/// What is kept is a keyed mark over row, PHC string and D under a key made at start: it says
/// nothing to whoever reads it, and nothing at all after a restart.
#[derive(Debug)]
pub(super) struct Verified {
    keyed: Hmac<Sha256>,
    marks: Mutex<LruCache<[u8; 16], ()>>,
    /// Secrets that are not those of imported hashes.
    pub(super) missed: Mutex<LruCache<[u8; 16], ()>>,
}

impl Verified {
    pub(super) fn new(entropy: &Entropy) -> Self {
        let key = Zeroizing::new(entropy.bytes::<32>());
        let keyed = Hmac::<Sha256>::new_from_slice(&key[..]).expect("HMAC takes a key of any length");
        let marks = || Mutex::new(LruCache::new(VERIFIED_MAX));
        Self { keyed, marks: marks(), missed: marks() }
    }

    pub(super) fn mark(&self, id: i64, phc: &str, digest: &Digest) -> [u8; 16] {
        self.mark_of(&[b"right", &id.to_be_bytes(), &digest.0, phc.as_bytes()])
    }

    /// The mark of a secret as it was typed: white space may belong to it.
    pub(super) fn mark_of_miss(&self, id: i64, hash: &ForeignHash, secret: &Secret) -> [u8; 16] {
        self.mark_of(&[b"wrong", &id.to_be_bytes(), hash.reveal().as_bytes(), secret.reveal()])
    }

    fn mark_of(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut mac = self.keyed.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let mut mark = [0; 16];
        mark.copy_from_slice(&mac.finalize().into_bytes()[..16]);
        mark
    }

    fn knows(&self, mark: &[u8; 16]) -> bool {
        lock(&self.marks).get(mark).is_some()
    }

    pub(super) fn learn(&self, mark: [u8; 16]) {
        lock(&self.marks).insert(mark, ());
    }
}

/// What was proved, and what the upstream said beside it.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) verdict: Verdict,
    /// The upstream's own name and fields.
    pub(super) upstream: Option<(String, Bytes)>,
    /// An imported client password was the right one.
    pub(super) first_use: Option<FirstUse>,
    /// Whose mailbox a right main password opened, whatever was typed.
    pub(super) of: Option<AccountName>,
    /// The secret was looked at as it was typed, white space included.
    pub(super) as_typed: bool,
}

impl From<Verdict> for Proof {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, upstream: None, first_use: None, of: None, as_typed: false }
    }
}

impl Service {
    /// Looks at an attempt of a name that can be one.
    pub(super) async fn prove(&self, attempt: &Attempt, whose: &Whose, rules: &Rules, source: Key) -> Proof {
        let (name, account) = (whose.name(), whose.account().map(Arc::as_ref));
        let policy = &*rules.policy_for(name, account, self.now());
        let digest = attempt.secret.digest();
        // For a name that nobody has as well: it takes as long.
        let selectors = self.keys().selectors(account.map_or(0, |account| account.id), &digest);
        let host = attempt.origin.host;
        let screened = screen(account, &selectors, policy, host);
        let candidates = screened.candidates();
        let mut otherwise = None;
        for password in candidates {
            let Stored::Ours { phc, .. } = &password.stored else { continue };
            match self.verify(password.id, phc, &digest, source).await {
                Ok(true) => {
                    self.adopt(password, account, &digest).await;
                    return self.proved(name, password, attempt).into();
                }
                Ok(false) => otherwise = Some(without_client_password(account, policy, host)),
                Err(error) => return Verdict::Defer(deferral(error)).into(),
            }
        }
        let imported = candidates.iter().any(|password| password.stored.imported().is_some());
        let found = if imported {
            Box::pin(self.find_imported(candidates, attempt, policy.admits(account, host), source)).await
        } else {
            Ok(None)
        };
        match found {
            Ok(Some(password)) => {
                let first_use = account.and_then(|account| FirstUse::of(account, password, digest));
                return Proof { first_use, ..self.proved(name, password, attempt).into() };
            }
            Ok(None) if candidates.is_empty() => {}
            Ok(None) => otherwise = Some(without_client_password(account, policy, host)),
            Err(deferred) => return deferred.into(),
        }
        match otherwise.unwrap_or(screened) {
            Screened::Refuse(reason) => Proof { as_typed: imported, ..Proof::from(Verdict::Refuse(reason)) },
            // Only a candidate that was not the one could have been left over.
            Screened::Prove(_) | Screened::ProveOneOf(_) => {
                Proof { as_typed: imported, ..Proof::from(Verdict::Refuse(Reason::WrongPassword)) }
            }
            screened @ (Screened::AskUpstream | Screened::Elsewhere) => {
                if let Err(verdict) = Box::pin(self.may_hand_on(whose, rules)).await {
                    return verdict.into();
                }
                match screened {
                    Screened::Elsewhere => Verdict::Elsewhere.into(),
                    _ => {
                        let proof = Box::pin(self.prove_main_password(attempt, whose, rules)).await;
                        Proof { as_typed: true, ..proof }
                    }
                }
            }
        }
    }

    /// Whether a name goes to whoever knows main passwords: an account's does, and one of our domains.
    pub(super) async fn may_hand_on(&self, whose: &Whose, rules: &Rules) -> Result<(), Verdict> {
        let goes = match whose {
            Whose::Account(_) => true,
            Whose::Unknown(name) => {
                let goes = self.hands_on(name, rules).await?;
                if goes {
                    // Before the password is known to be right, so that having to wait says nothing of it.
                    self.ask_for_mailboxes(Unasked::Strict).await?;
                }
                goes
            }
            Whose::Shared(_) => false,
        };
        if goes { Ok(()) } else { Err(Verdict::Refuse(Reason::NotHandedOn)) }
    }

    /// What a client password is good for that was proved.
    fn proved(&self, name: &AccountName, password: &ClientPassword, attempt: &Attempt) -> Verdict {
        match terms_refuse(password, &attempt.origin, self.now()) {
            Some(reason) => Verdict::Refuse(reason),
            None => accept(name, password),
        }
    }

    async fn verify(&self, id: i64, phc: &str, digest: &Digest, source: Key) -> Result<bool, HasherError> {
        let mark = self.verified.mark(id, phc, digest);
        if self.verified.knows(&mark) {
            self.hasher.others_served();
            return Ok(true);
        }
        let same = Box::pin(self.hasher.verify(source, *digest, phc)).await?;
        if same {
            self.verified.learn(mark);
        }
        Ok(same)
    }

    /// A password that was found under a former key, or without its selector, gets one under the current key.
    async fn adopt(&self, password: &ClientPassword, account: Option<&Account>, digest: &Digest) {
        let keys = self.keys();
        let current = keys.current();
        let other = password.stored.selector().is_some_and(|(made, _)| made != current.id());
        let Some(account) = account.filter(|_| other) else { return };
        let (id, selector, key_id) = (password.id, current.selector(account.id, digest), current.id());
        let work = move |tables: &mut dyn Tables| tables.set_selector(id, selector, key_id);
        if let Err(error) = Box::pin(self.store.change(account.name.clone(), work)).await {
            // The login is right all the same; the next one tries again.
            error!(error = %log::chain(&error), password_id = id, "no new selector was written");
        }
    }

    async fn prove_main_password(&self, attempt: &Attempt, whose: &Whose, rules: &Rules) -> Proof {
        // A digest proves no main password: nobody can turn it back.
        let (Some(upstream), Presented::Whole(secret)) = (&self.upstream, &attempt.secret) else {
            return Verdict::Refuse(Reason::WrongPassword).into();
        };
        if !self.can_count().await {
            return Verdict::Defer("the store takes no writes").into();
        }
        let said = upstream.plain(whose.name().as_str(), secret, &attempt.origin.params).await;
        self.weigh(said, &attempt.origin, Some(whose), rules).await
    }

    /// What the upstream's word is worth. The identity that counts is that of the mailbox which opens: aliases and master
    /// users log in as somebody else than the name says. `named`: whose login the typed name is, where it is known.
    pub(super) async fn weigh(
        &self,
        said: Result<Said, Away>,
        origin: &Origin,
        named: Option<&Whose>,
        rules: &Rules,
    ) -> Proof {
        let (user, fields) = match said {
            Ok(Said::Ok(user, fields)) => (user, fields),
            Ok(Said::Fail(user, fields)) => {
                let verdict = Verdict::Refuse(Reason::WrongPassword);
                return Proof { upstream: Some((user.unwrap_or_default(), fields)), ..Proof::from(verdict) };
            }
            Ok(Said::Trouble) => return Verdict::Defer("the upstream has trouble").into(),
            Ok(Said::Challenge(..)) => return Verdict::Defer("the upstream asks for more").into(),
            Err(Away) => return Verdict::Defer("the upstream is away").into(),
        };
        let opened = match self.opened(named, &user, &origin.params).await {
            Ok(opened) => opened,
            Err(verdict) => {
                let of = verdict.concerns().cloned();
                return Proof { upstream: Some((user, Bytes::new())), of, ..Proof::from(verdict) };
            }
        };
        let of = Some(opened.name.clone());
        let account = opened.account.as_deref();
        if rules.policy_for(&opened.name, account, self.now()).admits(account, origin.host) {
            // Postfix asks about a session by this name alone: it is the account's, as with a client password.
            // So it is where a Dovecot that takes domains off has only a name that nobody here can have.
            let is_odd = || {
                let called = AccountName::parse(&user, rules.default_domain.as_deref());
                called.is_ok_and(|called| called.is_odd())
            };
            let sends = sends(origin.protocol.as_str()) && (opened.account.is_some() || is_odd());
            let user = if sends { opened.name.to_string() } else { user };
            let verdict = Verdict::Accept(Grant { account: opened.name, password: None });
            return Proof { upstream: Some((user, fields)), of, ..Proof::from(verdict) };
        }
        let disabled = opened.account.is_some_and(|account| !account.enabled);
        let reason = if disabled { Reason::Disabled } else { Reason::MainPassword };
        Proof { upstream: Some((user, Bytes::new())), of, ..Proof::from(Verdict::Refuse(reason)) }
    }
}

fn accept(name: &AccountName, password: &ClientPassword) -> Verdict {
    Verdict::Accept(Grant { account: name.clone(), password: Some((password.id, password.name.clone())) })
}

pub(super) fn deferral(error: HasherError) -> &'static str {
    match error {
        HasherError::Full => "the queue for Argon2 is full",
        HasherError::Late => "no Argon2 seat became free in time",
        HasherError::Unusable => "a stored password hash cannot be used",
    }
}
