//! IPv4 addresses that are written as IPv6: one client, whichever way it came, is one address.
//!
//! - translators: RFC 6052, with the well-known prefix `64:ff9b::/96`, the site's own prefixes, and those that a site takes
//!   out of `64:ff9b:1::/48` (RFC 8215); the older `::ffff:0:0:0/96` (RFC 2765)
//! - IPv4-mapped and IPv4-compatible addresses (RFC 4291)
//! - tunnels: 6to4 (RFC 3056), and the client of Teredo (RFC 4380)
//!
//! What stands for an address that no client can have is nobody's. A tunnel or translator never leads to the host itself:
//! an address that only looks like 127.0.0.1 gets none of the trust that loopback has.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The lengths that a translator's prefix may have (RFC 6052, 2.2).
pub const LENGTHS: [u8; 6] = [32, 40, 48, 56, 64, 96];

/// The most prefixes of its own that a site can name.
pub const NAT64_MAX: usize = 8;

/// RFC 6052, 2.1; the IPv4 address is its last 32 bits.
const WELL_KNOWN: u128 = 0x0064_ff9b << 96;
/// RFC 8215: any prefix of RFC 6052 may be taken out of these 48 bits.
const LOCAL_USE: u128 = 0x0064_ff9b_0001 << 80;
/// RFC 2765, 2.1: `::ffff:0:a.b.c.d`.
const SIIT: u128 = 0xffff << 48;
/// RFC 3056; the IPv4 address follows.
const SIX_TO_FOUR: u128 = 0x2002 << 112;
/// RFC 4380; the client's IPv4 address is the last 32 bits, each turned over.
const TEREDO: u128 = 0x2001 << 112;

/// The prefixes of a site's own translators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nat64([Option<Ipv6Net>; NAT64_MAX]);

impl Nat64 {
    /// A site that has none.
    pub const NONE: Self = Self([None; NAT64_MAX]);

    /// The first [`NAT64_MAX`] of these that have one of [`LENGTHS`]. The longest that fits an address is its own.
    #[must_use]
    pub fn new(prefixes: &[Ipv6Net]) -> Self {
        let usable = prefixes.iter().filter(|prefix| LENGTHS.contains(&prefix.prefix_len()));
        let mut sorted: Vec<Ipv6Net> = usable.take(NAT64_MAX).map(Ipv6Net::trunc).collect();
        sorted.sort_by_key(|prefix| std::cmp::Reverse(prefix.prefix_len()));
        let mut kept = Self::NONE;
        kept.0.iter_mut().zip(sorted).for_each(|(place, prefix)| *place = Some(prefix));
        kept
    }

    /// The length of the longest prefix that all of `network` is in.
    fn length_for(&self, network: &Ipv6Net) -> Option<u8> {
        self.0.iter().flatten().find(|prefix| prefix.contains(network)).map(Ipv6Net::prefix_len)
    }
}

/// What an IPv6 address is in truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// An IPv6 address.
    Native,
    /// An IPv4 address behind a translator, which may have private ones.
    Translated(Ipv4Addr),
    /// An IPv4 address at the end of a tunnel through the internet.
    Tunnelled(Ipv4Addr),
}

/// The one form of an address; `None`: it is nobody's, as if none had been told.
#[must_use]
pub fn fold(address: IpAddr, site: &Nat64) -> Option<IpAddr> {
    let v6 = match address.to_canonical() {
        IpAddr::V4(v4) => return (!is_nobodys(v4)).then_some(IpAddr::V4(v4)),
        IpAddr::V6(v6) => v6,
    };
    if v6.is_unspecified() || v6.is_multicast() {
        return None;
    }
    let found = match form(v6, site) {
        Form::Native => return Some(IpAddr::V6(v6)),
        Form::Translated(v4) => Some(v4),
        // RFC 3056, 2 and RFC 4380, 5.4: of any other nothing may come.
        Form::Tunnelled(v4) => Some(v4).filter(|v4| !v4.is_private() && !v4.is_link_local()),
    };
    found.filter(|v4| !is_nobodys(*v4) && !v4.is_loopback()).map(IpAddr::V4)
}

/// What no client can have: "this network" (RFC 1122, 3.2.1.3), multicast, everybody.
fn is_nobodys(v4: Ipv4Addr) -> bool {
    v4.octets()[0] == 0 || v4.is_multicast() || v4.is_broadcast()
}

fn form(v6: Ipv6Addr, site: &Nat64) -> Form {
    let bits = v6.to_bits();
    let within = |prefix: u128, length: u8| (bits ^ prefix) >> (128 - length) == 0;
    if let Some(length) = site.length_for(&Ipv6Net::from(v6)) {
        return match is_plain(bits, length) {
            true => Form::Translated(embedded(bits, length)),
            false => Form::Native,
        };
    }
    if within(WELL_KNOWN, 96) || within(SIIT, 96) || (within(0, 96) && !v6.is_loopback()) {
        Form::Translated(embedded(bits, 96))
    } else if within(LOCAL_USE, 48) {
        Form::Translated(embedded(bits, length_in_local_use(bits)))
    } else if within(SIX_TO_FOUR, 16) {
        Form::Tunnelled(last_32(bits >> 80))
    } else if within(TEREDO, 32) {
        Form::Tunnelled(last_32(!bits))
    } else {
        Form::Native
    }
}

/// Which prefix a site has taken out of `64:ff9b:1::/48`, as far as an address shows it: behind its IPv4 address there
/// are zeros. Where its last part is zero too, this may be a guess; a site that names its prefix needs none.
fn length_in_local_use(bits: u128) -> u8 {
    let fits = |length: &u8| *length == 96 || (is_plain(bits, *length) && bits << (40 + length) == 0);
    let is_host = |length: &u8| embedded(bits, *length).octets()[3] != 0;
    let lengths = || [96, 64, 56, 48].into_iter().filter(fits);
    let usable = |length: &u8| !is_nobodys(embedded(bits, *length));
    lengths().find(is_host).or_else(|| lengths().find(usable)).unwrap_or(96)
}

/// Bits 64 to 71 of a translated address are zero, which is the prefix's own affair where it is longer.
fn is_plain(bits: u128, length: u8) -> bool {
    length == 96 || (bits >> 56) & 0xff == 0
}

/// The IPv4 address behind a prefix of `length` bits: what stands in bits 64 to 71 is no part of it.
fn embedded(bits: u128, length: u8) -> Ipv4Addr {
    if length == 96 {
        return last_32(bits);
    }
    let without_gap = (bits >> 64 << 64) | (bits << 72 >> 64);
    last_32(without_gap << length >> 96)
}

fn last_32(bits: u128) -> Ipv4Addr {
    let [.., a, b, c, d] = bits.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}

/// A network that translated IPv4 addresses are scattered in: no IPv4 network is it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} holds IPv4 addresses in the form of IPv6, which are judged as IPv4: name the IPv4 networks")]
pub struct Scattered(pub IpNet);

/// The network in the form that [`fold`] gives the addresses in it, cut to its length.
///
/// # Errors
/// Its addresses become IPv4 addresses that are no one network.
pub fn fold_network(network: IpNet, site: &Nat64) -> Result<IpNet, Scattered> {
    let v6 = match network {
        IpNet::V4(v4) => return Ok(IpNet::V4(v4.trunc())),
        IpNet::V6(v6) => v6.trunc(),
    };
    let (bits, long) = (v6.addr().to_bits(), v6.prefix_len());
    let within = |prefix: u128, length: u8| long >= length && (bits ^ prefix) >> (128 - length) == 0;
    let v4 = |address: Ipv4Addr, length: u8| {
        Ipv4Net::new(address, length).map(|net| IpNet::V4(net.trunc())).map_err(|_| Scattered(network))
    };
    if let Some(length) = site.length_for(&v6) {
        let known = match (length, long) {
            (96, long) => long - 96,
            (length, ..=64) => long - length,
            (length, long) => (64 - length + long.saturating_sub(72)).min(32),
        };
        return if is_plain(bits, length) { v4(embedded(bits, length), known) } else { Ok(IpNet::V6(v6)) };
    }
    let own = long >= 127 && bits <= 1;
    if within(WELL_KNOWN, 96) || within(SIIT, 96) || within(0xffff << 32, 96) || (within(0, 96) && !own) {
        v4(embedded(bits, 96), long - 96)
    } else if within(LOCAL_USE, 48) {
        match long {
            128 => v4(embedded(bits, length_in_local_use(bits)), 32),
            96.. => v4(embedded(bits, 96), long - 96),
            _ => Err(Scattered(network)),
        }
    } else if within(SIX_TO_FOUR, 16) {
        v4(last_32(bits >> 80), (long - 16).min(32))
    } else if within(TEREDO, 32) {
        if long >= 96 { v4(last_32(!bits), long - 96) } else { Err(Scattered(network)) }
    } else {
        Ok(IpNet::V6(v6))
    }
}

#[cfg(test)]
mod tests;
