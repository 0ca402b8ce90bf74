//! Who may use what, case by case.

use super::*;
use crate::gate::account::{RevokedPassword, Stored, Terms};
use crate::gate::foreign::ForeignHash;
use crate::gate::key::{KEY_BYTES, KeyRing, StoreKey};

const RIGHT: &str = "right";
const REMOVED: &str = "removed";
const WRONG: &str = "wrong";

/// A key for each number; 2 is current, 1 a former one, and 0 is lost.
fn key(number: u8) -> StoreKey {
    StoreKey::new(&[number; KEY_BYTES])
}

fn selectors(secret: &str) -> Selectors {
    KeyRing::new(key(2), [key(1)]).selectors(1, &Secret::new(secret).digest())
}

fn password(id: i64, secret: &str, key: &StoreKey) -> ClientPassword {
    let selector = key.selector(1, &Secret::new(secret).digest());
    ClientPassword {
        id,
        name: format!("device {id}").into(),
        stored: Stored::Ours { selector, key_id: key.id(), phc: String::new() },
        created: Timestamp(0),
        terms: Terms::default(),
        last_use: None,
    }
}

fn account() -> Account {
    Account {
        id: 1,
        name: AccountName::parse("ann@example.org", None).unwrap(),
        enabled: true,
        two_factor: false,
        group: None,
        created: Timestamp(0),
        mailbox: None,
        passwords: vec![password(1, RIGHT, &key(2))],
        revoked: vec![RevokedPassword {
            id: 2,
            name: "Old phone".into(),
            selector: key(1).selector(1, &Secret::new(REMOVED).digest()),
            at: Timestamp(0),
        }],
    }
}

fn policy(until_two_factor: bool, allowed_from: &[&str]) -> Policy {
    Policy {
        until_two_factor,
        allowed_from: allowed_from.iter().map(|net| net.parse().unwrap()).collect(),
        elsewhere: false,
        client_passwords_at_webmail: false,
    }
}

fn word(screened: Screened<'_>) -> &'static str {
    match screened {
        Screened::Refuse(reason) => reason.word(),
        Screened::Prove(_) => "prove",
        Screened::ProveOneOf(_) => "prove one of",
        Screened::AskUpstream => "upstream",
        Screened::Elsewhere => "elsewhere",
    }
}

fn screened(account: Option<&Account>, secret: &str, policy: &Policy) -> &'static str {
    let address = "192.0.2.7".parse().ok();
    word(screen(account, &selectors(secret), policy, address))
}

#[test]
fn never_means_client_passwords_and_nothing_else() {
    let (never, account) = (policy(false, &[]), account());
    assert_eq!(screened(Some(&account), RIGHT, &never), "prove");
    assert_eq!(screened(Some(&account), WRONG, &never), "wrong-password");
    assert_eq!(screened(Some(&account), REMOVED, &never), "revoked");
    assert_eq!(screened(None, WRONG, &never), "unknown-account");
}

#[test]
fn past_the_date_of_a_duty_only_the_webmail_passes_main_passwords_on() {
    let open = policy(true, &["192.0.2.7/32"]);
    let (webmail, other) = ("192.0.2.7".parse().ok(), "192.0.2.8".parse().ok());
    for (duty, expected) in [(Duty::None, true), (Duty::Until(Timestamp(9)), true), (Duty::Now, false)] {
        let policy = open.under(duty);
        for account in [None, Some(&account())] {
            assert_eq!(policy.admits(account, other), expected, "{duty:?}");
            assert!(policy.admits(account, webmail), "{duty:?}: it asks for the factor itself");
        }
    }
}

#[test]
fn until_two_factor_asks_the_upstream_until_two_factor() {
    let (until, mut account) = (policy(true, &[]), account());
    assert_eq!(screened(Some(&account), RIGHT, &until), "prove");
    assert_eq!(screened(Some(&account), WRONG, &until), "upstream");
    assert_eq!(screened(Some(&account), REMOVED, &until), "revoked");
    assert_eq!(screened(None, WRONG, &until), "upstream");
    account.two_factor = true;
    assert_eq!(screened(Some(&account), RIGHT, &until), "prove");
    assert_eq!(screened(Some(&account), WRONG, &until), "wrong-password");
}

#[test]
fn whoever_checks_main_passwords_itself_is_sent_on() {
    let next = Policy { elsewhere: true, ..policy(true, &[]) };
    let mut account = account();
    assert_eq!(screened(Some(&account), RIGHT, &next), "prove");
    assert_eq!(screened(Some(&account), WRONG, &next), "elsewhere");
    assert_eq!(screened(Some(&account), REMOVED, &next), "revoked");
    assert_eq!(screened(None, WRONG, &next), "elsewhere");
    account.two_factor = true;
    assert_eq!(screened(Some(&account), WRONG, &next), "wrong-password");
}

#[test]
fn a_webmail_host_may_pass_main_passwords_on() {
    let mut account = account();
    account.two_factor = true;
    assert_eq!(screened(Some(&account), WRONG, &policy(false, &["192.0.2.0/24"])), "upstream");
    assert_eq!(screened(Some(&account), WRONG, &policy(false, &["198.51.100.0/24"])), "wrong-password");
    assert!(!policy(false, &["0.0.0.0/0"]).admits(Some(&account), None), "no address is no webmail");
}

#[test]
fn a_disabled_account_gets_in_nowhere() {
    let mut account = account();
    account.enabled = false;
    let open = policy(true, &["0.0.0.0/0"]);
    for selector in [RIGHT, WRONG, REMOVED] {
        assert_eq!(screened(Some(&account), selector, &open), "disabled");
    }
    assert!(!open.admits(Some(&account), "192.0.2.7".parse().ok()));
}

#[test]
fn rows_of_a_lost_key_are_tried() {
    let mut account = account();
    account.passwords.push(password(3, "lost", &key(0)));
    let never = policy(false, &[]);
    assert_eq!(screened(Some(&account), RIGHT, &never), "prove");
    assert_eq!(screened(Some(&account), "lost", &never), "prove one of");
    assert_eq!(screened(Some(&account), WRONG, &never), "prove one of");
}

#[test]
fn rows_of_a_former_key_are_found_and_cost_a_wrong_secret_nothing() {
    let mut account = account();
    account.passwords = vec![password(1, RIGHT, &key(1))];
    let never = policy(false, &[]);
    assert_eq!(screened(Some(&account), RIGHT, &never), "prove");
    assert_eq!(screened(Some(&account), WRONG, &never), "wrong-password");
}

#[test]
fn an_imported_password_is_tried_only_where_there_is_one_and_nothing_else_is_found() {
    let (never, mut account) = (policy(false, &[]), account());
    let hash = "$2y$12$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3u";
    let stored = Stored::Imported(ForeignHash::parse(hash).unwrap());
    account.passwords.push(ClientPassword { stored, ..password(3, "", &key(2)) });
    assert_eq!(screened(Some(&account), RIGHT, &never), "prove");
    assert_eq!(screened(Some(&account), REMOVED, &never), "revoked");
    let Screened::ProveOneOf(tried) = screen(Some(&account), &selectors(WRONG), &never, None) else {
        panic!("it has to be tried")
    };
    assert_eq!(tried.iter().map(|password| password.id).collect::<Vec<_>>(), [3], "and it alone");
    account.enabled = false;
    assert_eq!(screened(Some(&account), WRONG, &never), "disabled");
}

#[test]
fn terms_are_kept_to_the_second_and_to_the_network() {
    let mut password = password(1, RIGHT, &key(2));
    let origin = |protocol: &str, address: &str| Origin {
        address: address.parse().ok(),
        host: address.parse().ok(),
        protocol: Protocol::parse(protocol).unwrap(),
        params: Bytes::new(),
        held: true,
    };
    let now = Timestamp(100);
    let word = |password: &ClientPassword, origin: Origin| {
        terms_refuse(password, &origin, now).map(|reason| reason.word())
    };
    assert_eq!(word(&password, origin("imap", "")), None);
    password.terms.expires = Some(Timestamp(101));
    assert_eq!(word(&password, origin("imap", "192.0.2.7")), None);
    password.terms.expires = Some(now);
    assert_eq!(word(&password, origin("imap", "192.0.2.7")), Some("expired"));
    password.terms.expires = None;
    password.terms.protocols = vec![Protocol::parse("smtp").unwrap()];
    assert_eq!(word(&password, origin("imap", "192.0.2.7")), Some("wrong-protocol"));
    assert_eq!(word(&password, origin("submission", "192.0.2.7")), None);
    password.terms.networks = vec!["192.0.2.0/24".parse().unwrap()];
    assert_eq!(word(&password, origin("smtp", "192.0.2.7")), None);
    assert_eq!(word(&password, origin("smtp", "198.51.100.7")), Some("wrong-network"));
    assert_eq!(word(&password, origin("smtp", "")), Some("wrong-network"), "no address is no network");
}
