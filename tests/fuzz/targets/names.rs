//! Names and addresses: a normal form is its own normal form, and what is shown or stored reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidegate::gate::address::{Key, Prefixes, parse_address};
use sidegate::gate::alias::{Alias, Place};
use sidegate::gate::import::network;
use sidegate::gate::key::KeyId;
use sidegate::gate::name::{
    ACCOUNT_NAME_BYTES_MAX, AccountName, GroupName, PasswordName, Protocol, for_events,
};
use sidegate::gate::policy::{SESSION_BYTES_MAX, Session};

fn accounts(text: &str) {
    for domain in [None, Some("example.org")] {
        let Ok(name) = AccountName::parse(text, domain) else { continue };
        assert_eq!(
            AccountName::parse(name.as_str(), None).as_ref(),
            Ok(&name),
            "the normal form of {text:?}"
        );
        assert!(name.as_str().len() <= ACCOUNT_NAME_BYTES_MAX);
        assert!(!name.as_str().contains(|c: char| c.is_control() || c.is_whitespace()), "{name:?}");
        assert_eq!(name.to_string(), name.as_str());
        if let Some(untagged) = name.untagged() {
            assert_eq!(untagged.untagged(), None, "one tag");
            assert_eq!(untagged.parts().1, name.parts().1);
        }
        if let Some(there) = name.at_domain("example.net") {
            assert_eq!(there.parts(), (name.parts().0, "example.net"));
        }
    }
    let shown = for_events(text);
    assert!(shown.len() <= ACCOUNT_NAME_BYTES_MAX);
}

fn others(text: &str) {
    if let Ok(place) = Place::parse(text, None) {
        assert_eq!(
            Place::parse(&place.to_string(), None).as_ref(),
            Ok(&place),
            "the normal form of {text:?}"
        );
        assert!(Alias::new(place.clone(), place).is_err(), "nothing is an alias of itself");
    }
    if let Ok(name) = PasswordName::parse(text) {
        assert_eq!(PasswordName::parse(name.as_str()).as_ref(), Ok(&name));
        assert_eq!(for_events(name.as_str()), name.as_str(), "it is not hidden, and no password");
    }
    if let Ok(group) = GroupName::parse(text) {
        assert_eq!(GroupName::parse(group.as_str()).as_ref(), Ok(&group), "the normal form of {text:?}");
    }
    if let Ok(protocol) = Protocol::parse(text) {
        assert_eq!(Protocol::parse(protocol.as_str()).as_ref(), Ok(&protocol));
        assert!(protocol.covers(&protocol));
    }
    if let Some(id) = KeyId::parse(text) {
        assert_eq!(KeyId::parse(&id.to_string()), Some(id));
    }
    assert_eq!(Session::parse(text).is_some(), (1..=SESSION_BYTES_MAX).contains(&text.len()));
    if let Ok(network) = network(text) {
        assert_eq!(sidegate::gate::import::network(&network.to_string()), Ok(network));
    }
}

fn addresses(text: &str, bytes: &[u8]) {
    if let Some(told) = parse_address(text) {
        assert_eq!(parse_address(&told.to_string()), Some(told));
        let bits = bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
        let prefixes = Prefixes::new(bits % 32 + 1, bits % 128 + 1);
        let Some((address, key)) = prefixes.fold(told).zip(Key::of(told, &prefixes)) else { return };
        assert_eq!(prefixes.fold(address), Some(address), "it is folded once");
        assert_eq!(Key::from_bytes(&key.to_bytes()), Some(key));
        assert!(key.network().is_some_and(|network| network.contains(&address)), "{key} has {address}");
        assert_eq!(Key::of_network(key.network().expect("it is one")), key, "{key} is its own first address");
    }
    if let Some(key) = Key::from_bytes(bytes) {
        assert_eq!(key.to_bytes(), bytes);
        let _ = key.to_string();
    }
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    accounts(&text);
    others(&text);
    addresses(&text, bytes);
});
