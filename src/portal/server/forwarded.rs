//! Whose request it is: the address of the browser, behind web servers that pass it on.
//!
//! Whoever connects may write any header. What it says of others is believed only of a web server that the settings
//! name, or of one that connects through a Unix socket, where nobody else is let in. Of the addresses that such servers
//! added, the last that is none of theirs is the browser's; what stands before it, the browser wrote itself.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::header::FORWARDED;
use ipnet::IpNet;

use crate::config::portal::ProxyHeader;

/// The header that most web servers add an address to.
pub(crate) const X_FORWARDED_FOR: &str = "x-forwarded-for";
/// The most addresses that are looked at, from the last on. More servers than that stand in no row.
const HOPS_MAX: usize = 16;

/// Who connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    /// Somebody at that address.
    At(IpAddr),
    /// Somebody at a Unix socket.
    Local,
}

impl Peer {
    /// IPv4 in the form of IPv6 is IPv4.
    pub(crate) fn of(address: SocketAddr) -> Self {
        Self::At(address.ip().to_canonical())
    }

    /// Whether it is believed when it says whom it passes on.
    pub(crate) fn is_trusted(self, trusted: &[IpNet]) -> bool {
        self.address().is_none_or(|address| trusted.iter().any(|network| network.contains(&address)))
    }

    fn address(self) -> Option<IpAddr> {
        match self {
            Self::At(address) => Some(address),
            Self::Local => None,
        }
    }
}

/// The address of the browser; `None`: nobody knows.
pub(crate) fn client(
    peer: Peer,
    headers: &HeaderMap,
    header: ProxyHeader,
    trusted: &[IpNet],
) -> Option<IpAddr> {
    let ours = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !peer.is_trusted(trusted) {
        return peer.address();
    }
    let hops = match header {
        ProxyHeader::XForwardedFor => hops_of_list(headers),
        ProxyHeader::Forwarded => hops_of_forwarded(headers),
    };
    let mut nearest = peer.address();
    for hop in hops.iter().rev().take(HOPS_MAX) {
        match hop {
            Some(address) if ours(address) => nearest = Some(*address),
            Some(address) => return Some(*address),
            // A server of ours wrote what we cannot read: what stands before it may be anybody's.
            None => return peer.address(),
        }
    }
    if hops.len() > HOPS_MAX { peer.address() } else { nearest }
}

/// Whether somebody says whom he passes on, and is not believed.
pub(crate) fn unheard(peer: Peer, headers: &HeaderMap, trusted: &[IpNet]) -> bool {
    let says = headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED);
    says && !peer.is_trusted(trusted)
}

/// What stands in `X-Forwarded-For`, all lines of it in one row; `None` for what is no address.
fn hops_of_list(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter();
    lines
        .flat_map(|line| match line.to_str() {
            Ok(line) => line.split(',').map(|hop| node(hop.trim())).collect(),
            Err(_) => vec![None],
        })
        .collect()
}

/// What stands in `Forwarded` (RFC 7239, 4), likewise.
fn hops_of_forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(FORWARDED).iter();
    lines
        .flat_map(|line| match line.to_str().ok().and_then(|line| cut(line, ',')) {
            Some(elements) => elements.into_iter().map(of_element).collect(),
            None => vec![None],
        })
        .collect()
}

/// The `for` of one element; two of them are none.
fn of_element(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in cut(element, ';')? {
        let Some((name, value)) = pair.split_once('=') else { continue };
        if name.trim().eq_ignore_ascii_case("for") && found.replace(value.trim()).is_some() {
            return None;
        }
    }
    let value = found?;
    match value.strip_prefix('"') {
        // No address needs a backslash.
        Some(quoted) => node(quoted.strip_suffix('"')?),
        None => node(value),
    }
}

/// Cuts outside of quotes; `None` where a quote is not closed.
fn cut(text: &str, at: char) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (place, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == at && !quoted => {
                parts.push(&text[start..place]);
                start = place + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    (!quoted).then_some(parts)
}

/// An address, perhaps with a port.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = match bare.parse::<IpAddr>() {
        Ok(address) => address,
        Err(_) => text.parse::<SocketAddr>().ok()?.ip(),
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    const PROXY: &str = "192.0.2.1";

    fn headers(name: &str, lines: &[&str]) -> HeaderMap {
        let name: HeaderName = name.parse().unwrap();
        lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap())).collect()
    }

    fn trusted() -> Vec<IpNet> {
        ["192.0.2.0/28", "2001:db8:f::/48"].map(|network| network.parse().unwrap()).into()
    }

    fn peer(text: &str) -> Peer {
        if text.is_empty() { Peer::Local } else { Peer::of(SocketAddr::new(text.parse().unwrap(), 4711)) }
    }

    /// The client as text; empty: unknown.
    #[track_caller]
    fn check(from: &str, lines: &[&str], expected: &str) {
        let found =
            client(peer(from), &headers(X_FORWARDED_FOR, lines), ProxyHeader::XForwardedFor, &trusted());
        assert_eq!(
            found.map(|address| address.to_string()).unwrap_or_default(),
            expected,
            "{from} {lines:?}"
        );
    }

    #[track_caller]
    fn check_forwarded(line: &str, expected: &str) {
        let found = client(peer(PROXY), &headers("forwarded", &[line]), ProxyHeader::Forwarded, &trusted());
        assert_eq!(found.map(|address| address.to_string()).unwrap_or_default(), expected, "{line}");
    }

    #[test]
    fn whoever_is_not_trusted_speaks_for_himself() {
        check("198.51.100.7", &[], "198.51.100.7");
        check("198.51.100.7", &["203.0.113.9"], "198.51.100.7");
        check("::ffff:198.51.100.7", &["203.0.113.9"], "198.51.100.7");
        check("127.0.0.1", &["203.0.113.9"], "127.0.0.1");
    }

    #[test]
    fn a_trusted_server_speaks_for_others() {
        check(PROXY, &["203.0.113.9"], "203.0.113.9");
        check("::ffff:192.0.2.1", &["203.0.113.9"], "203.0.113.9");
        check("2001:db8:f::1", &["2001:db8::9"], "2001:db8::9");
        check("", &["203.0.113.9"], "203.0.113.9");
        check(PROXY, &["::ffff:203.0.113.9"], "203.0.113.9");
    }

    #[test]
    fn what_the_browser_wrote_itself_is_not_believed() {
        check(PROXY, &["127.0.0.1, 203.0.113.9"], "203.0.113.9");
        check(PROXY, &["127.0.0.1", "203.0.113.9"], "203.0.113.9");
        check(PROXY, &["192.0.2.2, 203.0.113.9"], "203.0.113.9");
        check(PROXY, &["10.0.0.1,203.0.113.9,192.0.2.3, 192.0.2.4"], "203.0.113.9");
        check(PROXY, &["10.0.0.1,203.0.113.9", "192.0.2.3"], "203.0.113.9");
        check("", &["127.0.0.1, 203.0.113.9"], "203.0.113.9");
    }

    #[test]
    fn without_a_word_of_others_it_is_the_server_itself() {
        check(PROXY, &[], PROXY);
        check("", &[], "");
        check(PROXY, &["192.0.2.3, 192.0.2.4"], "192.0.2.3");
    }

    #[test]
    fn what_cannot_be_read_is_nobody() {
        for wrong in
            ["unknown", "_hidden", "", "203.0.113", "203.0.113.9/24", "fe80::1%eth0", "for=203.0.113.9"]
        {
            check(PROXY, &[wrong], PROXY);
            check("", &[wrong], "");
            check(PROXY, &[&format!("203.0.113.9, {wrong}")], PROXY);
            check(PROXY, &[&format!("{wrong}, 203.0.113.9")], "203.0.113.9");
        }
        let mut odd = headers(X_FORWARDED_FOR, &["203.0.113.9"]);
        odd.append(X_FORWARDED_FOR, HeaderValue::from_bytes(b"\xff").unwrap());
        let found = client(peer(""), &odd, ProxyHeader::XForwardedFor, &[]);
        assert_eq!(found, None);
    }

    #[test]
    fn ports_are_of_no_interest() {
        check(PROXY, &["203.0.113.9:4711"], "203.0.113.9");
        check(PROXY, &["[2001:db8::9]:4711"], "2001:db8::9");
        check(PROXY, &["[2001:db8::9]"], "2001:db8::9");
        check(PROXY, &["2001:db8::9"], "2001:db8::9");
    }

    #[test]
    fn there_is_a_most_of_servers_in_a_row() {
        let row = |hops: usize| format!("203.0.113.9{}", ",192.0.2.3".repeat(hops));
        check(PROXY, &[&row(HOPS_MAX - 1)], "203.0.113.9");
        check(PROXY, &[&row(HOPS_MAX)], PROXY);
        check("", &[&row(HOPS_MAX)], "");
    }

    #[test]
    fn the_other_header_is_not_looked_at() {
        let both = || {
            let mut both = headers(X_FORWARDED_FOR, &["203.0.113.9"]);
            both.extend(headers("forwarded", &["for=203.0.113.10"]));
            both
        };
        let of = |header| client(peer(PROXY), &both(), header, &trusted()).unwrap().to_string();
        assert_eq!(of(ProxyHeader::XForwardedFor), "203.0.113.9");
        assert_eq!(of(ProxyHeader::Forwarded), "203.0.113.10");
    }

    #[test]
    fn the_standard_header_has_quotes_and_parameters() {
        check_forwarded("for=203.0.113.9", "203.0.113.9");
        check_forwarded("For=203.0.113.9;proto=https;by=192.0.2.1", "203.0.113.9");
        check_forwarded("proto=https; for=\"203.0.113.9:4711\"", "203.0.113.9");
        check_forwarded("for=\"[2001:db8::9]:4711\"", "2001:db8::9");
        check_forwarded("for=127.0.0.1, for=203.0.113.9", "203.0.113.9");
        check_forwarded("for=\"127.0.0.1, for=127.0.0.2\", for=203.0.113.9", "203.0.113.9");
        check_forwarded("for=203.0.113.9, for=192.0.2.3", "203.0.113.9");
        for wrong in [
            "for=unknown",
            "for=_x",
            "proto=https",
            "for=\"203.0.113.9",
            "for=203.0.113.9;for=203.0.113.10",
            "for=\"203\\.0.113.9\"",
            "203.0.113.9",
        ] {
            check_forwarded(wrong, PROXY);
        }
    }

    #[test]
    fn a_server_that_nobody_trusts_is_noticed() {
        let says = headers(X_FORWARDED_FOR, &["203.0.113.9"]);
        assert!(unheard(peer("127.0.0.1"), &says, &trusted()));
        assert!(!unheard(peer(PROXY), &says, &trusted()) && !unheard(peer(""), &says, &trusted()));
        assert!(!unheard(peer("127.0.0.1"), &HeaderMap::new(), &trusted()));
    }

    proptest! {
        /// Whatever a browser writes: with one trusted server in front, it is the address which that one added.
        #[test]
        fn nothing_that_a_browser_writes_moves_its_address(line in "[ -~]{0,60}", quoted in any::<bool>()) {
            let added = [line.as_str(), "203.0.113.9"];
            let found = client(
                peer(PROXY), &headers(X_FORWARDED_FOR, &added), ProxyHeader::XForwardedFor, &trusted(),
            );
            prop_assert_eq!(found.unwrap().to_string(), "203.0.113.9");
            let own = if quoted { "for=\"[2001:db8::9]\"" } else { "for=2001:db8::9" };
            let found =
                client(peer(PROXY), &headers("forwarded", &[&line, own]), ProxyHeader::Forwarded, &trusted());
            prop_assert_eq!(found.unwrap().to_string(), "2001:db8::9");
        }
    }
}
