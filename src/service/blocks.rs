//! Blocks: who is blocked by what, and blocks that are made and lifted by hand.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{OrderError, Rules, Service};
use crate::gate::address::Key;
use crate::gate::blocks::NETWORKS_MAX;
use crate::gate::key::AccountTag;
use crate::gate::order::{Actor, Order, OrderRefused};
use crate::gate::record::Block;
use crate::gate::target::Target;

/// What is known of a source, or of a network that somebody names.
#[derive(Clone, Debug)]
pub struct Source {
    /// What its failures and its block are counted by.
    pub key: Key,
    /// Its own block, if it has one.
    pub own: Option<Block>,
    /// What blocks it, if anything does, and whose block that is: its own or a network's. Of several the one that ends
    /// last.
    pub block: Option<Block>,
    /// Whose block that is.
    pub holder: Key,
    /// Failures in a row so far.
    pub failures: usize,
}

impl Source {
    /// The network whose block it is in, where that is not its own.
    #[must_use]
    pub fn network(&self) -> Option<Key> {
        (self.block.is_some() && self.holder != self.key).then_some(self.holder)
    }
}

/// A block that was lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifted {
    /// Whose it was.
    pub key: Key,
    /// The network whose block goes on.
    pub still: Option<(Key, Block)>,
}

impl Service {
    /// What blocks an attempt: the one place that every door asks. A block of an address holds also where its failures
    /// are counted by something else (`source`). Observe-only: also a block that would have been made.
    pub(super) fn block_of(&self, address: Option<IpAddr>, source: &Key, rules: &Rules) -> Option<Block> {
        let now = self.now();
        let block = self.seats.table().holding(address, now).map(|(_, block)| block.clone());
        block.or_else(|| if rules.observe { self.observed.block(source, now) } else { None })
    }

    /// Blocks an address with its source, or a network.
    ///
    /// # Errors
    /// It cannot be blocked, there are too many networks, or as for [`Service::carry_out`].
    pub async fn add_block(
        &self,
        network: impl Into<IpNet>,
        block: Block,
        actor: impl Into<Actor>,
    ) -> Result<Key, OrderError> {
        let prefixes = self.rules().prefixes;
        let target = Target::of(network.into(), &prefixes)?;
        let _one = self.seats.adding_networks.lock().await;
        if target.is_network(&prefixes) {
            let (table, now) = (self.seats.table(), self.now());
            if table.block(&target.key, now).is_none() && table.networks(now) >= NETWORKS_MAX {
                return Err(OrderRefused::TooManyNetworks.into());
            }
        }
        self.carry_out(Order::AddBlock(target.key, block), actor).await?;
        self.seats.ring_all();
        Ok(target.key)
    }

    /// Lifts the block of an address's source, or of a network.
    ///
    /// # Errors
    /// It has none of its own, or as for [`Service::carry_out`].
    pub async fn lift_block(
        &self,
        network: impl Into<IpNet>,
        actor: impl Into<Actor>,
    ) -> Result<Lifted, OrderError> {
        let target = Target::of(network.into(), &self.rules().prefixes)?;
        let key = target.key;
        let lifted = self.carry_out(Order::LiftBlock(key), actor).await;
        let still = self.around(&key);
        match (lifted, still) {
            (Err(OrderError::Refused(OrderRefused::NotBlocked(_))), Some((network, _))) => {
                Err(OrderRefused::InNetwork { key, network }.into())
            }
            (Err(error), _) => Err(error),
            (Ok(_), still) => {
                self.seats.ring_all();
                Ok(Lifted { key, still })
            }
        }
    }

    fn around(&self, key: &Key) -> Option<(Key, Block)> {
        self.seats.table().around(key, self.now()).map(|(network, block)| (network, block.clone()))
    }

    /// All blocks, the one that ends first first, and whether each is exempt.
    #[must_use]
    pub fn blocks(&self) -> Vec<(Key, Block, bool)> {
        let rules = self.rules();
        let table = self.seats.table();
        let blocks = table.blocks(self.now());
        let mut blocks: Vec<_> =
            blocks.map(|(key, block)| (*key, block.clone(), rules.exempts_key(key))).collect();
        blocks.sort_by_key(|(key, block, _)| (block.until, *key));
        blocks
    }

    /// What is known of the source that an address belongs to; of nobody's address, nothing.
    #[must_use]
    pub fn source(&self, address: IpAddr) -> Source {
        match Target::of(address.into(), &self.rules().prefixes) {
            Ok(target) => self.known_of(&target),
            Err(_) => {
                let key = Key::NoAddress(AccountTag(0));
                Source { key, own: None, block: None, holder: key, failures: 0 }
            }
        }
    }

    /// What is known of a source or a network.
    #[must_use]
    pub fn known_of(&self, target: &Target) -> Source {
        let (key, now) = (target.key, self.now());
        let table = self.seats.table();
        let own = table.block(&key, now).cloned();
        let around = table.around(&key, now).map(|(network, block)| (network, block.clone()));
        let held = own.clone().map(|block| (key, block)).into_iter().chain(around);
        let (holder, block) = held.max_by_key(|(_, block)| block.until).unzip();
        Source { key, own, block, holder: holder.unwrap_or(key), failures: table.failures(&key) }
    }
}
