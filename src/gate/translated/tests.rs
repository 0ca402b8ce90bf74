//! Every form of an IPv4 address is the one address, and nothing else is.

use super::*;
use proptest::prelude::*;

fn site(prefixes: &[&str]) -> Nat64 {
    Nat64::new(&prefixes.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>())
}

#[track_caller]
fn folds_at(prefixes: &[&str], address: &str, expected: &str) {
    let folded = fold(address.parse().unwrap(), &site(prefixes));
    assert_eq!(folded.map_or("nobody's".to_owned(), |folded| folded.to_string()), expected, "{address}");
}

#[track_caller]
fn folds(address: &str, expected: &str) {
    folds_at(&[], address, expected);
}

#[test]
fn every_form_is_the_ipv4_address() {
    for form in [
        "192.0.2.7",
        "::ffff:192.0.2.7",
        "::192.0.2.7",
        "::ffff:0:192.0.2.7",
        "64:ff9b::192.0.2.7",
        "64:ff9b:1::192.0.2.7",
        "64:ff9b:1:abcd:0:1:192.0.2.7",
        "2002:c000:207::1",
        "2002:c000:207:1234:5678:9abc:def0:1",
        "2001:0:cb00:7101:0:1234:3fff:fdf8",
    ] {
        folds(form, "192.0.2.7");
    }
}

#[test]
fn what_only_looks_like_one_is_ipv6() {
    for native in [
        "::1",
        "2001:db8::c000:207",
        "64:ff9b::1:192.0.2.7",
        "64:ff9b:2::192.0.2.7",
        "64:ff9a::192.0.2.7",
        "2001:1::192.0.2.7",
        "2003:c000:207::1",
        "fe80::192.0.2.7",
        "::1:0:192.0.2.7",
    ] {
        let native: IpAddr = native.parse().unwrap();
        assert_eq!(fold(native, &Nat64::NONE), Some(native));
    }
}

#[test]
fn a_site_takes_any_length_of_rfc_6052() {
    // RFC 6052, 2.4, with its own examples.
    for (prefix, address) in [
        ("2001:db8::/32", "2001:db8:c000:221::"),
        ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
        ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
        ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
        ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
        ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
    ] {
        folds_at(&[prefix], address, "192.0.2.33");
        folds(address, &address.parse::<IpAddr>().unwrap().to_string());
    }
    folds_at(&["2001:db8::/32", "2001:db8:122:344::/96"], "2001:db8:122:344::192.0.2.33", "192.0.2.33");
    folds_at(&["2001:db8:122::/48"], "2001:db8:122:c000:ff02:2100::", "2001:db8:122:c000:ff02:2100::");
    folds_at(&["2001:db8:122::/48"], "2001:db8:122:c000:2:2100::5", "192.0.2.33");
}

#[test]
fn prefixes_of_rfc_8215_are_told_apart() {
    folds("64:ff9b:1:c000:2:2100::", "192.0.2.33");
    folds("64:ff9b:1:3c0:0:221::", "192.0.2.33");
    folds("64:ff9b:1:344:c0:2:2100::", "192.0.2.33");
    folds("64:ff9b:1::192.0.2.0", "192.0.2.0");
    // Nothing shows that this is not 3.192.0.2; a site that names its prefix is understood.
    folds("64:ff9b:1:3c0:0:200::", "3.192.0.2");
    folds_at(&["64:ff9b:1:300::/56"], "64:ff9b:1:3c0:0:200::", "192.0.2.0");
}

#[test]
fn what_is_nobodys_is_no_address() {
    for nobodys in [
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "224.0.0.1",
        "255.255.255.255",
        "ff02::1",
        "::ffff:0.0.0.0",
        "::ffff:255.255.255.255",
        "::2",
        "64:ff9b::",
        "64:ff9b::224.0.0.1",
        "2002::1",
        "2001::ffff:ffff",
        "64:ff9b:1::",
    ] {
        folds(nobodys, "nobody's");
    }
    folds("240.0.0.1", "240.0.0.1");
}

#[test]
fn nobody_comes_through_a_translator_as_the_host_itself() {
    for forged in ["::127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b:1::127.0.0.1", "2002:7f00:1::1"] {
        folds(forged, "nobody's");
    }
    folds("::ffff:127.0.0.1", "127.0.0.1");
    folds("64:ff9b::10.0.0.1", "10.0.0.1");
    folds("2002:a00:1::1", "nobody's");
    folds("2001::f5ff:fffe", "nobody's");
}

#[track_caller]
fn nets_at(prefixes: &[&str], network: &str, expected: &str) {
    let folded = fold_network(network.parse().unwrap(), &site(prefixes));
    assert_eq!(folded.map_or("scattered".to_owned(), |folded| folded.to_string()), expected, "{network}");
}

#[test]
fn networks_fold_as_their_addresses_do() {
    for (network, expected) in [
        ("192.0.2.7/24", "192.0.2.0/24"),
        ("2001:db8::1/48", "2001:db8::/48"),
        ("::1/128", "::1/128"),
        ("::/0", "::/0"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::192.0.2.0/120", "192.0.2.0/24"),
        ("64:ff9b::192.0.2.0/120", "192.0.2.0/24"),
        ("64:ff9b::/96", "0.0.0.0/0"),
        ("64:ff9b:1::192.0.2.0/120", "192.0.2.0/24"),
        ("64:ff9b:1:c000:2:2100::/128", "192.0.2.33/32"),
        ("64:ff9b:1::/48", "scattered"),
        ("2002:c000:200::/40", "192.0.2.0/24"),
        ("2002:c000:207::/48", "192.0.2.7/32"),
        ("2002:c000:207:1::/64", "192.0.2.7/32"),
        ("2002::/16", "0.0.0.0/0"),
        ("2001::/32", "scattered"),
        ("2001:0:cb00:7101:0:1234:3fff:fd00/120", "192.0.2.0/24"),
        ("2001::/16", "2001::/16"),
    ] {
        nets_at(&[], network, expected);
    }
    nets_at(&["2001:db8:122::/48"], "2001:db8:122:c000::/64", "192.0.0.0/16");
    nets_at(&["2001:db8:122::/48"], "2001:db8:122:c000:2::/80", "192.0.2.0/24");
    nets_at(&["2001:db8:122::/48"], "2001:db8:122:c000:2:2100::/128", "192.0.2.33/32");
    nets_at(&["2001:db8:122::/48"], "2001:db8::/32", "2001:db8::/32");
}

proptest! {
    #[test]
    fn folding_is_done_once(bits in any::<u128>(), at in 0_usize..8, length in 0_usize..6) {
        let starts = [WELL_KNOWN, LOCAL_USE, SIIT, SIX_TO_FOUR, TEREDO, 0, 0xffff << 32, bits];
        let bits = starts[at] | (bits >> if at == 3 { 16 } else { 48 });
        let address = IpAddr::V6(Ipv6Addr::from_bits(bits));
        let own = Ipv6Net::new(Ipv6Addr::from_bits(bits), LENGTHS[length]).unwrap().trunc();
        for site in [Nat64::NONE, Nat64::new(&[own])] {
            if let Some(folded) = fold(address, &site) {
                prop_assert_eq!(fold(folded, &site), Some(folded));
                prop_assert_eq!(fold_network(IpNet::from(address), &site), Ok(IpNet::from(folded)));
            }
        }
    }

    #[test]
    fn whatever_is_in_a_network_is_in_what_it_folds_to(
        v4 in any::<u32>(), tail in any::<u128>(), kind in 0_usize..6, cut in 0_u8..=128,
    ) {
        let own: Ipv6Net = Ipv6Net::new("2001:db8::".parse().unwrap(), LENGTHS[kind]).unwrap();
        let gap = |length: u8| {
            let wide = u128::from(v4) << 96 >> length;
            (wide >> 64 << 64) | (wide << 64 >> 72)
        };
        let bits = own.addr().to_bits()
            | if own.prefix_len() == 96 { u128::from(v4) } else { gap(own.prefix_len()) };
        for (site, bits) in [
            (Nat64::new(&[own]), bits),
            (Nat64::NONE, WELL_KNOWN | u128::from(v4)),
            (Nat64::NONE, SIX_TO_FOUR | (u128::from(v4) << 80) | (tail >> 48)),
            (Nat64::NONE, TEREDO | (tail >> 32)),
        ] {
            let address = Ipv6Addr::from_bits(bits);
            let network = IpNet::V6(Ipv6Net::new(address, cut).unwrap());
            let (Ok(network), Some(folded)) = (fold_network(network, &site), fold(address.into(), &site))
            else {
                continue;
            };
            if let (IpNet::V4(_), IpAddr::V4(_)) | (IpNet::V6(_), IpAddr::V6(_)) = (network, folded) {
                prop_assert!(network.contains(&folded), "{} is in {}", folded, network);
            }
        }
    }
}
