//! The blocks there are: of sources, and of whole networks that administrators name.
//!
//! An address is blocked by whatever holds it. It is looked up once for each length that any block of its family has: in
//! most places that is one, and with no block none.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use super::address::Key;
use super::record::Block;
use crate::clock::Timestamp;

/// The most blocked networks. They are named by hand; whole countries are a packet filter's affair.
pub const NETWORKS_MAX: usize = 1_000;

/// All blocks.
#[derive(Debug, Default)]
pub struct Blocks {
    all: HashMap<Key, Block>,
    /// Those of sources, in the order of their end.
    sources: BTreeSet<(Timestamp, Key)>,
    /// Those of networks, likewise. No flood of the others drops them.
    networks: BTreeSet<(Timestamp, Key)>,
    /// How many there are of each length, of IPv6 and of IPv4.
    lengths: [BTreeMap<u8, usize>; 2],
}

impl Blocks {
    /// Puts down the block of a source.
    pub fn put(&mut self, key: Key, block: Block) {
        self.remove(&key);
        self.sources.insert((block.until, key));
        self.insert(key, block);
    }

    /// Puts down the block of a network.
    pub fn put_network(&mut self, key: Key, block: Block) {
        self.remove(&key);
        self.networks.insert((block.until, key));
        self.insert(key, block);
    }

    fn insert(&mut self, key: Key, block: Block) {
        if let Some((family, bits)) = length(&key) {
            *self.lengths[family].entry(bits).or_default() += 1;
        }
        self.all.insert(key, block);
    }

    /// Forgets a block.
    pub fn remove(&mut self, key: &Key) {
        let Some(block) = self.all.remove(key) else { return };
        let end = (block.until, *key);
        self.sources.remove(&end);
        self.networks.remove(&end);
        if let Some((family, bits)) = length(key)
            && let Some(count) = self.lengths[family].get_mut(&bits)
        {
            *count -= 1;
            if *count == 0 {
                self.lengths[family].remove(&bits);
            }
        }
    }

    /// The block under this very key, held or ended.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Block> {
        self.all.get(key)
    }

    /// The block that an address is in, and whose it is; of several the one that ends last. Nobody's address is in none.
    #[must_use]
    pub fn holding(&self, address: Option<IpAddr>, now: Timestamp) -> Option<(Key, &Block)> {
        let address = address?;
        let lengths = self.lengths[usize::from(address.is_ipv4())].keys();
        let held = lengths.filter_map(|bits| {
            let key = Key::cut(address, *bits);
            self.all.get(&key).filter(|block| block.holds(now)).map(|block| (key, block))
        });
        held.max_by_key(|(_, block)| block.until)
    }

    /// The block of a network that all of another, or of a source, is in; of several the one that ends last.
    #[must_use]
    pub fn around(&self, key: &Key, now: Timestamp) -> Option<(Key, &Block)> {
        let (family, bits) = length(key)?;
        let first = key.network()?.addr();
        let wider = self.lengths[family].range(..bits).filter_map(|(bits, _)| {
            let key = Key::cut(first, *bits);
            self.all.get(&key).filter(|block| block.holds(now)).map(|block| (key, block))
        });
        wider.max_by_key(|(_, block)| block.until)
    }

    /// All, held or ended.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Block)> {
        self.all.iter()
    }

    /// How many sources are blocked.
    #[must_use]
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// How many networks are blocked at `now`.
    #[must_use]
    pub fn networks(&self, now: Timestamp) -> usize {
        self.networks.iter().rev().take_while(|(until, _)| now < *until).count()
    }

    /// The source whose block ends first.
    #[must_use]
    pub fn first_source(&self) -> Option<Key> {
        self.sources.first().map(|(_, key)| *key)
    }

    /// Forgets what has ended. Returns what was forgotten.
    pub fn sweep(&mut self, now: Timestamp) -> Vec<Key> {
        let ended = |ends: &BTreeSet<(Timestamp, Key)>| {
            let ended = ends.iter().take_while(|(until, _)| *until <= now);
            ended.map(|(_, key)| *key).collect::<Vec<_>>()
        };
        let gone = [ended(&self.sources), ended(&self.networks)].concat();
        gone.iter().for_each(|key| self.remove(key));
        gone
    }
}

/// Which family a key is of, and how long it is.
fn length(key: &Key) -> Option<(usize, u8)> {
    let Key::Network { bits, .. } = *key else { return None };
    Some((usize::from(key.network()?.addr().is_ipv4()), bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(100);

    fn key(network: &str) -> Key {
        Key::of_network(network.parse().unwrap())
    }

    fn until(until: i64) -> Block {
        Block::by_hand(NOW, Timestamp(until), "")
    }

    fn blocks(networks: &[(&str, i64)]) -> Blocks {
        let mut blocks = Blocks::default();
        networks.iter().for_each(|(network, end)| blocks.put_network(key(network), until(*end)));
        blocks
    }

    #[track_caller]
    fn held(blocks: &Blocks, address: &str) -> Option<String> {
        let held = blocks.holding(Some(address.parse().unwrap()), NOW);
        held.map(|(key, block)| format!("{key} until {}", block.until.0))
    }

    #[test]
    fn an_address_is_blocked_by_every_network_that_holds_it() {
        let blocks = blocks(&[("198.51.100.0/24", 500), ("2001:db8::/48", 600), ("198.51.0.0/16", 300)]);
        assert_eq!(held(&blocks, "198.51.100.7").as_deref(), Some("198.51.100.0/24 until 500"));
        assert_eq!(held(&blocks, "198.51.7.7").as_deref(), Some("198.51.0.0/16 until 300"));
        assert_eq!(held(&blocks, "2001:db8::7:0:0:1").as_deref(), Some("2001:db8::/48 until 600"));
        assert_eq!(held(&blocks, "198.52.0.1"), None);
        assert_eq!(held(&blocks, "2001:db8:1::1"), None);
        assert_eq!(blocks.holding(None, NOW), None);
    }

    #[test]
    fn the_end_that_is_told_is_the_last_one() {
        let mut blocks = blocks(&[("198.51.100.0/24", 300)]);
        blocks.put(key("198.51.100.7/32"), until(900));
        blocks.put(key("198.51.100.8/32"), until(200));
        assert_eq!(held(&blocks, "198.51.100.7").as_deref(), Some("198.51.100.7 until 900"));
        assert_eq!(held(&blocks, "198.51.100.8").as_deref(), Some("198.51.100.0/24 until 300"));
        let around = blocks.around(&key("198.51.100.7/32"), NOW).map(|(key, _)| key);
        assert_eq!(around, Some(key("198.51.100.0/24")));
        assert_eq!(blocks.around(&key("198.51.100.0/24"), NOW), None);
    }

    #[test]
    fn a_short_prefix_of_ipv6_holds_no_ipv4() {
        let mut blocks = blocks(&[("::/16", 500)]);
        assert_eq!(held(&blocks, "0.0.0.1"), None);
        assert_eq!(held(&blocks, "::1").as_deref(), Some("::/16 until 500"));
        blocks.put_network(key("0.0.0.0/8"), until(500));
        assert!(held(&blocks, "0.0.0.1").is_some());
    }

    #[test]
    fn what_was_lifted_or_ended_leaves_no_length_behind() {
        let mut blocks = blocks(&[("198.51.100.0/24", 500), ("203.0.113.0/24", 200), ("10.0.0.0/8", 50)]);
        assert_eq!(blocks.networks(NOW), 2);
        blocks.put_network(key("198.51.100.0/24"), until(600));
        assert_eq!(blocks.sweep(NOW), [key("10.0.0.0/8")]);
        blocks.remove(&key("198.51.100.0/24"));
        assert_eq!(blocks.lengths[1], BTreeMap::from([(120, 1)]));
        assert_eq!(blocks.sweep(Timestamp(200)), [key("203.0.113.0/24")]);
        assert!(blocks.lengths[1].is_empty() && blocks.iter().next().is_none());
    }
}
