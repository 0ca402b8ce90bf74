//! Promises about imports.

use super::{NOW, circumstances, name, new_password, order, write};
use crate::clock::Timestamp;
use crate::gate::account::Stored;
use crate::gate::event::Kind;
use crate::gate::foreign::Scheme;
use crate::gate::import::{AccountRow, PasswordRow};
use crate::gate::key::{KeyId, Selector};
use crate::gate::order::{Done, Order, Which};
use crate::store::orders::{Imported, import_accounts, import_passwords};
use crate::store::{Backend, EventQuery};

const BCRYPT: &str = "$2y$05$LQbp/3uFL6Vc1/qN5h3va.nGYTpsKBGrs/mZumKwAYlOXLmKnK0XO";
const OTHER: &str = "$2y$04$/LUbW7gkuX7EyVyrIzgQ3.TlVOQECSn.cL4LfJP8Ww/Ygwns/QZKu";

fn account(address: &str, group: Option<&str>, aliases: &[&str]) -> AccountRow {
    AccountRow::new(address, (None, Some(true)), group, aliases).expect("good")
}

fn password(address: &str, device: &str, hash: &str) -> PasswordRow {
    let terms: (&[&str], &[&str]) = (&["imap"], &["192.0.2.0/24"]);
    PasswordRow::new(address, device, hash, terms, Some(Timestamp(NOW.0 + 9)), NOW).expect("good")
}

fn accounts<B: Backend>(backend: &B, rows: &[AccountRow], dry_run: bool) -> Imported {
    write(backend, |tables| import_accounts(tables, rows, dry_run, &circumstances()))
}

fn passwords<B: Backend>(backend: &B, rows: &[PasswordRow], dry_run: bool) -> Imported {
    write(backend, |tables| import_passwords(tables, rows, dry_run, &circumstances()))
}

fn counts(done: &Imported) -> (u32, u32, u32, usize) {
    (done.added, done.changed, done.unchanged, done.mistakes.len())
}

fn kinds<B: Backend>(backend: &B) -> Vec<Kind> {
    let all = EventQuery { limit: 100, ..EventQuery::default() };
    let events = write(backend, |tables| tables.events(&all));
    events.into_iter().map(|(_, event)| event.kind).collect()
}

pub(super) fn accounts_are_made_and_changed_all_or_none<B: Backend>(backend: &B) {
    order(backend, &Order::AddAccount(name("ann@example.org"))).expect("added");
    let rows = [
        account("ann@example.org", Some("staff"), &["info@example.org"]),
        account("bob@example.org", None, &["info@example.org", "@example.net"]),
    ];
    assert_eq!(counts(&accounts(backend, &rows, true)), (1, 1, 0, 0));
    assert_eq!(write(backend, |tables| tables.counts()).accounts, 1, "a dry run changes nothing");
    let done = accounts(backend, &rows, false);
    assert_eq!(counts(&done), (1, 1, 0, 0));
    let events = kinds(backend);
    assert_eq!(events[1..].to_vec(), done.events.iter().map(|event| event.kind).collect::<Vec<_>>());
    let expected = [
        Kind::TwoFactorOn,
        Kind::GroupSet,
        Kind::AliasAdded,
        Kind::AccountAdded,
        Kind::TwoFactorOn,
        Kind::AliasAdded,
        Kind::AliasAdded,
    ];
    assert_eq!(events[1..], expected);
    let ann = write(backend, |tables| tables.account(&name("ann@example.org"))).expect("there");
    assert_eq!((ann.enabled, ann.two_factor, ann.group.expect("one").as_str()), (true, true, "staff"));
    assert_eq!(write(backend, |tables| tables.alias_of("info@example.org")).len(), 2);
    assert_eq!(counts(&accounts(backend, &rows, false)), (0, 0, 2, 0), "again is no change");
    assert_eq!(kinds(backend), events);
    let left = AccountRow { two_factor: None, ..account("ann@example.org", None, &[]) };
    assert_eq!(counts(&accounts(backend, &[left], false)), (0, 0, 1, 0), "what is not said stays");

    let rows = [
        account("new@example.org", None, &[]),
        account("info@example.org", None, &[]),
        account("eve@example.org", None, &["ann@example.org", "new@example.org"]),
        account("new@example.org", None, &[]),
    ];
    let done = accounts(backend, &rows, false);
    assert_eq!((done.added, done.changed, done.unchanged, done.events.len()), (0, 0, 0, 0));
    let wrong: Vec<_> = done.mistakes.iter().map(|(row, fault)| (*row, fault.column)).collect();
    assert_eq!(wrong, [(3, "account"), (1, "account"), (2, "aliases"), (2, "aliases")]);
    assert_eq!(write(backend, |tables| tables.counts()).accounts, 2, "with a mistake, none is made");
    assert_eq!(kinds(backend), events);
}

pub(super) fn hashes_of_others_are_kept_until_they_are_replaced<B: Backend>(backend: &B) {
    let ann = name("ann@example.org");
    order(backend, &Order::AddAccount(ann.clone())).expect("added");
    let rows = [password("ann@example.org", "phone", BCRYPT), password("ann@example.org", "old", OTHER)];
    assert_eq!(counts(&passwords(backend, &rows, true)), (2, 0, 0, 0));
    assert_eq!(write(backend, |tables| tables.counts()).passwords, 0);
    assert_eq!(counts(&passwords(backend, &rows, false)), (2, 0, 0, 0));
    assert_eq!(counts(&passwords(backend, &rows, false)), (0, 0, 2, 0), "again is no change");
    let read = || write(backend, |tables| tables.account(&ann)).expect("there");
    let phone = &read().passwords[0];
    assert_eq!((phone.stored.imported(), phone.stored.selector()), (Some(Scheme::Bcrypt), None));
    assert_eq!(phone.stored, Stored::Imported(rows[0].hash.clone()));
    assert_eq!((&phone.terms, phone.created, phone.last_use.is_none()), (&rows[0].terms, NOW, true));

    let line = write(backend, |tables| tables.passwords(0, 1)).remove(0);
    assert_eq!((line.account.as_str(), &line.password), ("ann@example.org", phone));
    assert_eq!(write(backend, |tables| tables.passwords(phone.id, 9)).len(), 1, "and on after it");

    let upgrade = || {
        write(backend, |tables| {
            tables.upgrade_password(phone.id, Selector([9; 16]), KeyId([8; 8]), "$argon2id$x")
        })
    };
    assert!(upgrade(), "the first one replaces it");
    assert!(!upgrade(), "and nobody after it");
    let upgraded =
        Stored::Ours { selector: Selector([9; 16]), key_id: KeyId([8; 8]), phc: "$argon2id$x".into() };
    assert_eq!(read().passwords[0].stored, upgraded);
    assert_eq!(counts(&passwords(backend, &rows, false)).3, 1, "what was replaced is not put back");

    let revoked = order(backend, &Order::Revoke { account: ann.clone(), which: Which::All });
    assert!(matches!(revoked, Ok(Done::Revoked(gone)) if gone.len() == 2));
    let marks: Vec<String> = read().revoked.into_iter().map(|mark| mark.name).collect();
    assert_eq!(marks, ["phone"], "one that was never used leaves no mark");
    let id = read().revoked[0].id;
    assert!(!write(backend, |tables| tables.upgrade_password(id, Selector([9; 16]), KeyId([8; 8]), "x")));
}

pub(super) fn what_does_not_fit_is_told_whole<B: Backend>(backend: &B) {
    for account in ["ann@example.org", "bob@example.org"] {
        order(backend, &Order::AddAccount(name(account))).expect("added");
    }
    order(backend, &new_password("ann@example.org", "phone", "secret one")).expect("made");
    let rows = [
        password("ann@example.org", "phone", BCRYPT),
        password("ann@example.org", "secret one", BCRYPT),
        password("ann@example.org", "third", BCRYPT),
        password("bob@example.org", "phone", BCRYPT),
        password("bob@example.org", "phone", OTHER),
        password("nobody@example.org", "phone", BCRYPT),
    ];
    let done = passwords(backend, &rows, false);
    let wrong: Vec<_> = done.mistakes.iter().map(|(row, fault)| (*row, fault.column)).collect();
    assert_eq!(wrong, [(0, "name"), (1, "name"), (2, "account"), (4, "name"), (5, "account")]);
    let why: String = done.mistakes.iter().map(|(_, fault)| fault.why.as_str()).collect();
    assert!(why.contains("2 client passwords already") && why.contains("sidegate import accounts"), "{why}");
    assert_eq!(write(backend, |tables| tables.counts()).passwords, 1, "none of them is added");
    assert_eq!(counts(&passwords(backend, &rows[3..4], false)), (1, 0, 0, 0));
}
