//! Prefixes of translators between IPv4 and IPv6, and networks that may be written in their form.

use std::net::Ipv6Addr;

use ipnet::{IpNet, Ipv6Net};

use super::Config;
use super::complaint::Fault;
use super::section::Notes;
use super::text;
use super::tree::{Table, Value, find};
use crate::gate::translated::{LENGTHS, NAT64_MAX, Nat64, fold_network};

/// A prefix of RFC 6052.
pub(super) fn prefix(text: &str) -> Result<Ipv6Net, Fault> {
    let cure = "write it as \"2001:db8:64::/96\"";
    let IpNet::V6(prefix) = text::network(text)? else {
        return Err(Fault::new(format!("{text} is an IPv4 network"), cure));
    };
    if !LENGTHS.contains(&prefix.prefix_len()) {
        let lengths = LENGTHS.map(|length| format!("/{length}")).join(", ");
        return Err(Fault::new(
            format!("{text} has no length that RFC 6052 knows"),
            format!("choose from {lengths}"),
        ));
    }
    if prefix.prefix_len() == 96 && prefix.addr().octets()[8] != 0 {
        return Err(Fault::new(
            format!("{text} has bits set from 64 to 71, which RFC 6052 keeps zero"),
            cure,
        ));
    }
    if prefix.contains(&Ipv6Addr::LOCALHOST) {
        return Err(Fault::new(format!("{text} holds this host's own address"), cure));
    }
    Ok(prefix)
}

/// Not more prefixes than can be kept; no network that no address is ever compared with.
pub(super) fn between(config: &Config, tree: &Table, notes: &mut Notes) {
    let key = "lockout.nat64_prefixes";
    let count = config.lockout.nat64_prefixes.len();
    if count > NAT64_MAX {
        let fault = Fault::new(
            format!("{count} prefixes, more than {NAT64_MAX}"),
            "name those that clients come through",
        );
        notes.complain(find(tree, key).map(|node| node.place), key, fault);
    }
    let site = Nat64::new(&config.lockout.nat64_prefixes);
    for key in ["lockout.exempt", "main_password.allowed_from"] {
        let Some(Value::List(entries)) = find(tree, key).map(|node| &node.value) else { continue };
        for entry in entries {
            let Value::Text(text) = &entry.value else { continue };
            // Whatever else is wrong with it is told as a value of the wrong form.
            let Ok(network) = text::network(text) else { continue };
            let fault = match fold_network(network, &site) {
                Ok(folded) if folded == network => continue,
                Ok(folded) => Fault::new(
                    format!("{text} is an IPv4 network written as IPv6"),
                    format!("write \"{folded}\""),
                ),
                Err(_) => Fault::new(
                    format!("{text} holds IPv4 addresses written as IPv6, which are judged as IPv4"),
                    "name the IPv4 networks",
                ),
            };
            notes.complain(Some(entry.place), key, fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_a_length_of_rfc_6052() {
        for right in ["2001:db8::/32", "2001:db8:100::/40", "2001:db8:64::/96", "64:ff9b:1:1::/64"] {
            assert_eq!(prefix(right).map(|prefix| prefix.to_string()), Ok(right.to_owned()));
        }
        for wrong in
            ["2001:db8::/33", "2001:db8::1/96", "192.0.2.0/24", "2001:db8:0:0:100::/96", "::/96", "x"]
        {
            assert!(prefix(wrong).is_err(), "{wrong}");
        }
    }
}
