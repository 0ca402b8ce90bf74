//! What administrators order and ask. The same for whoever asks: command line or portal.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::who::Who;
use super::{Service, SharingError};
use crate::clock::Timestamp;
use crate::gate::account::{Account, Lacks, Terms};
use crate::gate::address::Key;
use crate::gate::event::Event;
use crate::gate::identity::Whose;
use crate::gate::login::{Attempt, Origin, Presented, Reason, Verdict};
use crate::gate::name::{AccountName, NameError, PasswordName, Protocol};
use crate::gate::order::{Actor, Done, Order, OrderRefused};
use crate::gate::record::AddressRecord;
use crate::gate::secret::{NewSecret, Secret};
use crate::gate::target::NoTarget;
use crate::hasher::{HasherError, SALT_BYTES};
use crate::log;
use crate::metrics::Gauges;
use crate::store::orders::{Carried, carry_out};
use crate::store::{AccountLine, Counts, EventQuery, StoreError};
use crate::upstream::Upstream;

/// Why an order was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// The order cannot be: nothing was changed.
    #[error(transparent)]
    Refused(#[from] OrderRefused),
    /// A network in it cannot be.
    #[error(transparent)]
    Network(#[from] NoTarget),
    /// A name in it cannot be.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Our own trouble: try again later.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Our own trouble: try again later.
    #[error(transparent)]
    Hasher(#[from] HasherError),
    /// It is done, but not in force everywhere.
    #[error(transparent)]
    Sharing(#[from] SharingError),
}

/// What [`Service::check`] found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What would happen.
    pub verdict: Verdict,
    /// The account's normal form, where the name has one.
    pub account: Option<AccountName>,
    /// Failures in a row of the source so far.
    pub failures: usize,
    /// The source is never blocked.
    pub exempt: bool,
}

/// A summary for `status`.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// When the daemon started.
    pub since: Timestamp,
    /// Whether the last write reached the disk.
    pub writable: bool,
    /// What the store holds.
    pub counts: Counts,
    /// Sources with failures or a block.
    pub sources: usize,
    /// Blocked sources.
    pub blocks: usize,
    /// Accepted, refused, deferred.
    pub logins: (u64, u64, u64),
    /// Logins that wait for an Argon2 seat.
    pub hashing_queue: usize,
}

impl Service {
    /// Carries out an order for `actor`. When this returns, it is on disk and in force.
    ///
    /// # Errors
    /// The order was refused, or the store has trouble; nothing was changed then.
    pub async fn carry_out(&self, order: Order, actor: impl Into<Actor>) -> Result<Done, OrderError> {
        let at = self.circumstances(actor);
        let block = match &order {
            Order::AddBlock(key, block) => Some((*key, Some(AddressRecord::Blocked(block.clone())))),
            Order::LiftBlock(key) => Some((*key, None)),
            _ => None,
        };
        let account = match &order {
            Order::AddAccount(name)
            | Order::RemoveAccount(name)
            | Order::SetAccount { account: name, .. }
            | Order::NewPassword { account: name, .. }
            | Order::Revoke { account: name, .. }
            | Order::ResetFactors { account: name, .. }
            | Order::UnlockFactors(name)
            | Order::SetMainPassword { account: name, .. }
            | Order::EndSessions(name) => Some(name.clone()),
            Order::AddBlock(..)
            | Order::LiftBlock(_)
            | Order::AddAlias(_)
            | Order::RemoveAlias { .. }
            | Order::Grant { .. }
            | Order::GrantNewcomer { .. }
            | Order::Withdraw { .. }
            | Order::SetLimits { .. } => None,
        };
        let delegations = matches!(
            order,
            Order::Grant { .. }
                | Order::GrantNewcomer { .. }
                | Order::Withdraw { .. }
                | Order::RemoveAccount(_)
        );
        let made = match &order {
            Order::GrantNewcomer { delegate, .. } => vec![delegate.clone()],
            _ => Vec::new(),
        };
        let helped = match &order {
            Order::ResetFactors { account, .. } | Order::SetMainPassword { account, .. } => {
                Some(account.clone())
            }
            _ => None,
        };
        let prefixes = self.rules().prefixes;
        let work = move |tables: &mut dyn crate::store::Tables| carry_out(tables, &order, &at);
        let carried: Carried = match (account, block) {
            (Some(name), _) => self.store.change(name, work).await?,
            // Aliases and delegations: it changes whose an address is.
            (None, None) => self.store.change_all(made, work).await?,
            (None, Some((key, record))) => {
                let table = self.seats.shared();
                let publish = move |carried: &Carried| {
                    if carried.is_ok() {
                        table.put_any(key, record, &prefixes);
                    }
                };
                self.store.write(work, publish).await?
            }
        };
        let (done, events) = carried?;
        events.iter().for_each(log::event);
        self.ring_notices();
        if let Some(account) = helped {
            // Whoever was helped need not wait for what others guessed.
            self.entrance.forget(self.key.tag_of(&account));
        }
        if delegations {
            self.share().await?;
        }
        Ok(done)
    }

    /// Makes a client password. The only place where one exists in the clear.
    ///
    /// # Errors
    /// As for [`Service::carry_out`].
    pub async fn new_password(
        &self,
        account: AccountName,
        name: PasswordName,
        mut terms: Terms,
        actor: impl Into<Actor>,
    ) -> Result<(i64, NewSecret), OrderError> {
        terms.fold(&self.rules().prefixes).map_err(NoTarget::from)?;
        // No Argon2 for an account that is not there.
        if self.store.account(&account).await?.is_none() {
            return Err(OrderRefused::NoAccount(account).into());
        }
        let secret = NewSecret::draw(&self.entropy);
        let digest = secret.digest();
        let salt = self.entropy.bytes::<SALT_BYTES>();
        let source = Key::NoAddress(self.key.tag_of(&account));
        let phc = self.hasher.hash(source, digest, self.rules().cost, salt).await?;
        let order = Order::NewPassword { account, name, terms, digest, phc };
        match self.carry_out(order, actor).await? {
            Done::NewPassword(id) => Ok((id, secret)),
            _ => Err(StoreError::Closed.into()),
        }
    }

    /// Thinks an attempt through without counting anything.
    pub async fn check(
        &self,
        typed: &str,
        secret: Secret,
        protocol: Protocol,
        address: Option<IpAddr>,
    ) -> Checked {
        let rules = self.rules();
        let address = address.and_then(|address| rules.prefixes.fold(address));
        let mut who = Who::new(typed, &rules);
        let looked_up = self.look_up(&mut who).await;
        let params = match address {
            Some(address) => format!("service={protocol}\trip={address}"),
            None => format!("service={protocol}"),
        };
        let origin = Origin { address, host: address, protocol, params: Bytes::from(params), held: false };
        let secret = Presented::Whole(secret);
        let attempt = Attempt { typed: typed.to_owned(), secret, mechanism: "PLAIN", origin };
        let trier = self.trier(&who, &attempt.origin, &rules);
        let failures = self.seats.table().failures(&trier.source);
        let block = self.block_of(address, &trier.source, &rules);
        let verdict = match (block.filter(|_| !trier.exempt), looked_up) {
            (Some(block), _) => Verdict::Refuse(Reason::Blocked(block)),
            (None, _) if self.is_empty(&attempt, &rules) => Verdict::Refuse(Reason::EmptyPassword),
            (None, Ok(())) => self.look_at(&attempt, &who, &trier, &rules).await.verdict,
            (None, Err(verdict)) => verdict,
        };
        let account = who.whose().map(Whose::name).or(who.name()).cloned();
        Checked { verdict, failures, exempt: trier.exempt, account }
    }

    /// An account, with last uses up to this moment.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn account(&self, name: &AccountName) -> Result<Option<Account>, StoreError> {
        self.flush().await?;
        let name = name.clone();
        self.store.read(move |tables| tables.account(&name)).await
    }

    /// Accounts in the order of their names.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn accounts(
        &self,
        after: String,
        search: String,
        only: Option<Lacks>,
        limit: u32,
    ) -> Result<Vec<AccountLine>, StoreError> {
        self.store.read(move |tables| tables.accounts(&after, &search, only, limit)).await
    }

    /// Events up to this moment.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn events(&self, query: EventQuery) -> Result<Vec<(i64, Event)>, StoreError> {
        self.flush().await?;
        self.store.read(move |tables| tables.events(&query)).await
    }

    /// Copies the whole store, with what was pending, to a new file.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn backup(&self, to: std::path::PathBuf) -> Result<(), StoreError> {
        self.flush().await?;
        self.store.backup(to).await
    }

    /// Whether the database is sound: `ok`, or what is wrong with it.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn check_store(&self) -> Result<String, StoreError> {
        self.store.read(|tables| tables.check()).await
    }

    /// A summary.
    ///
    /// # Errors
    /// The store's own trouble.
    pub async fn summary(&self) -> Result<Summary, StoreError> {
        let counts = self.store.read(|tables| tables.counts()).await?;
        let gauges = self.gauges();
        Ok(Summary {
            since: self.started,
            writable: gauges.store_writable,
            counts,
            sources: gauges.sources,
            blocks: gauges.blocks,
            logins: self.counters.logins(),
            hashing_queue: gauges.hashing_queue,
        })
    }

    /// Password hashes that were computed since the start.
    #[must_use]
    pub fn hashes(&self) -> u64 {
        self.hasher.computed()
    }

    /// What there is at this moment, for monitoring.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        let table = self.seats.table();
        Gauges {
            sources: table.len(),
            blocks: table.blocks(self.now()).count(),
            hashing_queue: self.hasher.waiting(),
            store_writable: self.writable.load(Ordering::Relaxed),
            upstream_connected: self.upstream().map(Upstream::connected),
            started: self.started.0,
        }
    }
}
