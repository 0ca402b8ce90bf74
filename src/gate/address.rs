//! What failures and blocks are counted by: an IPv4 address, an IPv6 /64, or, where a client tells
//! no address, one account.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use super::key::AccountTag;
use super::translated::{self, Nat64, Scattered};

/// Reads an address as mail servers write it: no brackets, perhaps with a zone (`fe80::1%eth0`). Whoever judges it folds
/// it first ([`Prefixes::fold`]).
#[must_use]
pub fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.split_once('%').map_or(text, |(address, _zone)| address);
    text.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// What counts as one source: how many leading bits of an address, and which forms are the same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefixes {
    /// For IPv4, 1..=32.
    pub ipv4: u8,
    /// For IPv6, 1..=128.
    pub ipv6: u8,
    /// The site's own translators.
    pub nat64: Nat64,
}

impl Prefixes {
    /// So many bits, and no translator of the site's own.
    #[must_use]
    pub const fn new(ipv4: u8, ipv6: u8) -> Self {
        Self { ipv4, ipv6, nat64: Nat64::NONE }
    }

    /// The one form of an address; `None`: it is nobody's, as if none had been told.
    #[must_use]
    pub fn fold(&self, address: IpAddr) -> Option<IpAddr> {
        translated::fold(address, &self.nat64)
    }

    /// Whether a key is of more than one source.
    #[must_use]
    pub fn is_wider(&self, key: &Key) -> bool {
        key.network().is_some_and(|network| {
            network.prefix_len() < if network.addr().is_ipv4() { self.ipv4 } else { self.ipv6 }
        })
    }

    /// The one form of a network.
    ///
    /// # Errors
    /// Its addresses fold to IPv4 addresses that are no one network.
    pub fn fold_network(&self, network: IpNet) -> Result<IpNet, Scattered> {
        translated::fold_network(network, &self.nat64)
    }
}

/// One source of attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A network of [`Prefixes`] size, as IPv6 bits (IPv4 as `::ffff:a.b.c.d`).
    Network {
        /// The network's first address.
        first: [u8; 16],
        /// Leading bits that count, of 128.
        bits: u8,
    },
    /// No address was told: the account stands in, so that strangers never share a bucket.
    NoAddress(AccountTag),
}

impl Key {
    /// The network that an address belongs to; `None`: it is nobody's.
    #[must_use]
    pub fn of(address: IpAddr, prefixes: &Prefixes) -> Option<Self> {
        let address = prefixes.fold(address)?;
        let bits = if address.is_ipv4() { 96 + prefixes.ipv4.min(32) } else { prefixes.ipv6.min(128) };
        Some(Self::cut(address, bits))
    }

    /// A network in the form that [`Prefixes::fold_network`] gives it.
    #[must_use]
    pub fn of_network(network: IpNet) -> Self {
        let bits = network.prefix_len() + if network.addr().is_ipv4() { 96 } else { 0 };
        Self::cut(network.addr(), bits)
    }

    /// The first bits of an address, of 128.
    pub(super) fn cut(address: IpAddr, bits: u8) -> Self {
        let mapped = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        Self::Network { first: (mapped.to_bits() & mask(bits)).to_be_bytes(), bits }
    }

    /// The network as people write it; `None` where no address was told.
    #[must_use]
    pub fn network(&self) -> Option<IpNet> {
        let Self::Network { first, bits } = *self else { return None };
        let address = Ipv6Addr::from(first).to_canonical();
        let length = if address.is_ipv4() { bits.saturating_sub(96) } else { bits };
        IpNet::new(address, length).ok()
    }

    /// The form in which the store keeps it: a kind, then the bits.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Network { first, bits } => [&[*bits], &first[..]].concat(),
            Self::NoAddress(tag) => [&[0xff], &tag.0.to_be_bytes()[..]].concat(),
        }
    }

    /// Reads what [`Key::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match *bytes.first()? {
            0xff => Some(Self::NoAddress(AccountTag(u64::from_be_bytes(bytes[1..].try_into().ok()?)))),
            bits if bits <= 128 => Some(Self::Network { first: bytes[1..].try_into().ok()?, bits }),
            _ => None,
        }
    }
}

/// The first bits of 128.
fn mask(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

/// A single address without its length, anything wider as a network.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.network() {
            Some(network) if network.prefix_len() == network.max_prefix_len() => network.addr().fmt(f),
            Some(network) => network.fmt(f),
            None => f.write_str("no address"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(address: &str) -> Key {
        Key::of(parse_address(address).unwrap(), &Prefixes::new(32, 64)).unwrap()
    }

    #[test]
    fn translated_ipv4_is_the_ipv4_address() {
        for form in ["::ffff:192.0.2.7", "64:ff9b::192.0.2.7", "2002:c000:207:1::5"] {
            assert_eq!(key(form), key("192.0.2.7"));
        }
        assert_eq!(Key::of("0.0.0.0".parse().unwrap(), &Prefixes::new(32, 64)), None);
        assert_ne!(key("192.0.2.7"), key("192.0.2.8"));
        assert_eq!(key("192.0.2.7").to_string(), "192.0.2.7");
    }

    #[test]
    fn ipv6_counts_by_64() {
        assert_eq!(key("2001:db8:0:1::1"), key("2001:db8:0:1:ffff::2"));
        assert_ne!(key("2001:db8:0:1::1"), key("2001:db8:0:2::1"));
        assert_eq!(key("2001:db8:0:1::1").to_string(), "2001:db8:0:1::/64");
        assert_eq!(key("fe80::1%eth0"), key("fe80::2"));
    }

    #[test]
    fn what_is_no_address() {
        for text in ["", "unknown", "192.0.2", "[::1]", "192.0.2.7:25"] {
            assert_eq!(parse_address(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_stored_form_reads_back() {
        for key in [key("192.0.2.7"), key("2001:db8::1"), Key::NoAddress(AccountTag(7))] {
            assert_eq!(Key::from_bytes(&key.to_bytes()), Some(key));
        }
        for broken in [&[][..], &[200], &[128, 1], &[0xff, 1]] {
            assert_eq!(Key::from_bytes(broken), None);
        }
    }

    proptest! {
        #[test]
        fn every_address_is_in_its_network_however_it_is_stored(
            address in any::<IpAddr>(), ipv4 in 1_u8..=32, ipv6 in 1_u8..=128, tag in any::<u64>(), noise: Vec<u8>,
        ) {
            let prefixes = Prefixes::new(ipv4, ipv6);
            prop_assert_eq!(parse_address(&address.to_string()), Some(address.to_canonical()));
            if let (Some(key), Some(folded)) = (Key::of(address, &prefixes), prefixes.fold(address)) {
                prop_assert_eq!(Key::from_bytes(&key.to_bytes()), Some(key));
                prop_assert!(key.network().unwrap().contains(&folded), "{} has {}", key, address);
                prop_assert_eq!(Key::of_network(key.network().unwrap()), key);
            }
            let unknown = Key::NoAddress(AccountTag(tag));
            prop_assert_eq!(Key::from_bytes(&unknown.to_bytes()), Some(unknown));
            if let Some(key) = Key::from_bytes(&noise) {
                prop_assert_eq!(key.to_bytes(), noise);
            }
        }
    }

    #[test]
    fn every_prefix_length_works() {
        for bits in 1..=128 {
            let key = Key::of("2001:db8::1".parse().unwrap(), &Prefixes::new(32, bits)).unwrap();
            assert_eq!(key.network().unwrap().prefix_len(), bits);
        }
        for bits in 1..=32 {
            let key = Key::of("192.0.2.7".parse().unwrap(), &Prefixes::new(bits, 64)).unwrap();
            assert_eq!(key.network().unwrap().prefix_len(), bits);
        }
    }
}
