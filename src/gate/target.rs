//! What an administrator names to be blocked, lifted or explained: an address or a network.

use std::net::IpAddr;

use ipnet::IpNet;

use super::address::{Key, Prefixes, parse_address};
use super::translated::Scattered;

/// The shortest prefix of IPv4 that can be one source, or be blocked.
pub const IPV4_PREFIX_MIN: u8 = 8;
/// The same for IPv6.
pub const IPV6_PREFIX_MIN: u8 = 16;

/// A source or a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The source that the address or network is in, or the network where it is wider than one.
    pub key: Key,
    /// The address that was named, or the first one of the network.
    pub address: IpAddr,
}

/// Why something is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    /// It cannot be read.
    #[error("`{}` is no IP address and no network", .0.escape_debug())]
    Unreadable(String),
    /// It is nobody's.
    #[error("no client can have the address {0}")]
    Nobodys(IpAddr),
    /// Everybody, or too many, would be in it.
    #[error(
        "{0} is too wide: the widest networks that can be blocked are /{IPV4_PREFIX_MIN} of IPv4 and /{IPV6_PREFIX_MIN} of IPv6"
    )]
    TooWide(IpNet),
    /// It is several networks in truth.
    #[error(transparent)]
    Scattered(#[from] Scattered),
}

/// Reads an address, perhaps with a zone, or a network as `block list` shows it.
///
/// # Errors
/// It is neither.
pub fn read(text: &str) -> Result<IpNet, NoTarget> {
    let text = text.trim();
    let address = || parse_address(text).map(IpNet::from);
    text.parse().ok().or_else(address).ok_or_else(|| NoTarget::Unreadable(text.to_owned()))
}

impl Target {
    /// What a network, or an address as the smallest one, stands for.
    ///
    /// # Errors
    /// It is nobody's, or too wide.
    pub fn of(network: IpNet, prefixes: &Prefixes) -> Result<Self, NoTarget> {
        if network.prefix_len() == network.max_prefix_len() {
            return Self::of_address(network.addr(), prefixes);
        }
        let network = prefixes.fold_network(network)?;
        let (least, own) = match network {
            IpNet::V4(_) => (IPV4_PREFIX_MIN, prefixes.ipv4),
            IpNet::V6(_) => (IPV6_PREFIX_MIN, prefixes.ipv6),
        };
        if network.prefix_len() < least {
            return Err(NoTarget::TooWide(network));
        }
        let address = network.addr();
        if network.prefix_len() >= own {
            return Self::of_address(address, prefixes);
        }
        Ok(Self { key: Key::of_network(network), address })
    }

    fn of_address(address: IpAddr, prefixes: &Prefixes) -> Result<Self, NoTarget> {
        let key = Key::of(address, prefixes).zip(prefixes.fold(address));
        key.map(|(key, address)| Self { key, address }).ok_or(NoTarget::Nobodys(address))
    }

    /// Whether it is wider than one source.
    #[must_use]
    pub fn is_network(&self, prefixes: &Prefixes) -> bool {
        prefixes.is_wider(&self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = read(text).and_then(|network| Target::of(network, &Prefixes::new(32, 64)));
        assert_eq!(found.map_or_else(|why| why.to_string(), |target| target.key.to_string()), expected);
    }

    #[test]
    fn an_address_stands_for_its_source_and_a_network_for_itself() {
        check("198.51.100.7", "198.51.100.7");
        check(" 198.51.100.7/32 ", "198.51.100.7");
        check("198.51.100.7/24", "198.51.100.0/24");
        check("2001:db8::1", "2001:db8::/64");
        check("fe80::1%eth0", "fe80::/64");
        check("2001:db8::/64", "2001:db8::/64");
        check("2001:db8:1:2::/48", "2001:db8:1::/48");
    }

    #[test]
    fn what_is_narrower_than_a_source_is_its_source() {
        check("2001:db8::1/128", "2001:db8::/64");
        check("2001:db8::1:0:0:1/80", "2001:db8::/64");
        let wide = Prefixes::new(24, 56);
        assert_eq!(
            Target::of("10.1.2.16/28".parse().unwrap(), &wide).unwrap().key.to_string(),
            "10.1.2.0/24"
        );
        let network = Target::of("10.1.0.0/16".parse().unwrap(), &wide).unwrap();
        assert!(network.is_network(&wide) && network.key.to_string() == "10.1.0.0/16");
    }

    #[test]
    fn translated_networks_are_those_of_ipv4() {
        check("64:ff9b::198.51.100.7", "198.51.100.7");
        check("64:ff9b::198.51.100.0/120", "198.51.100.0/24");
        check("::ffff:198.51.100.0/120", "198.51.100.0/24");
        check("2002:c633:6400::/40", "198.51.100.0/24");
        check("2002:c633:6407::/64", "198.51.100.7");
    }

    #[test]
    fn nobody_is_blocked_with_everybody() {
        let wide = "is too wide: the widest networks that can be blocked are /8 of IPv4 and /16 of IPv6";
        check("0.0.0.0/0", &format!("0.0.0.0/0 {wide}"));
        check("::/0", &format!("::/0 {wide}"));
        check("10.0.0.0/7", &format!("10.0.0.0/7 {wide}"));
        check("10.0.0.0/8", "10.0.0.0/8");
        check("2001:db8::/15", &format!("2000::/15 {wide}"));
        check("2001:db8::/16", "2001::/16");
        check("64:ff9b::/96", &format!("0.0.0.0/0 {wide}"));
        check("0.0.0.0", "no client can have the address 0.0.0.0");
        check("ff02::1", "no client can have the address ff02::1");
        check(
            "2001::/32",
            "2001::/32 holds IPv4 addresses in the form of IPv6, which are judged as IPv4: name the IPv4 networks",
        );
        check("x\n", "`x` is no IP address and no network");
        check("192.0.2.0/33", "`192.0.2.0/33` is no IP address and no network");
    }
}
