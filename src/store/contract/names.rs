//! Names from before a domain had one spelling.

use super::{NOW, name, write};
use crate::gate::alias::{Alias, Place};
use crate::gate::delegation::Right;
use crate::gate::event::{Event, Kind};
use crate::gate::limits::{Allowance, Level, Limits, Per};
use crate::gate::name::AccountName;
use crate::store::names::{self, Cursor, Kept, Left};
use crate::store::sending::{Message, Scope, Stage};
use crate::store::{Backend, EventQuery, Tables, senders};

const OLD: &str = "eve@münchen.example";
const NEW: &str = "eve@xn--mnchen-3ya.example";

fn bring<B: Backend>(backend: &B) -> Vec<Left> {
    let mut next = Some(Cursor::default());
    while let Some(from) = next {
        next = write(backend, |tables| names::fold(tables, &from));
    }
    write(backend, |tables| names::left(tables))
}

fn put_alias(tables: &mut dyn Tables, alias: &str, of: &str) {
    let alias = Alias { alias: Place::stored(alias), of: Place::stored(of) };
    tables.add_alias(&alias).expect("added");
}

/// An old name takes its normal form with all that is kept under it.
pub(super) fn old_spellings_take_the_one_form<B: Backend>(backend: &B) {
    let old = AccountName::stored(OLD);
    let limits = Limits([Allowance::AtMost(3); 4]);
    write(backend, |tables| {
        let eve = tables.add_account(&old, NOW)?;
        let ann = tables.add_account(&name("ann@example.org"), NOW)?;
        tables.put_delegation(eve, ann, Right::SendAs, NOW)?;
        put_alias(tables, "info@münchen.example", OLD);
        put_alias(tables, "info@example.org", OLD);
        put_alias(tables, "@bücher.example", "@münchen.example");
        put_alias(tables, "sales@bücher.example", "ann@example.org");
        put_alias(tables, "sales@bücher.example", OLD);
        tables.put_limits(&Level::Account(old.clone()), Per::Account, &limits)?;
        tables.add_sent(&Scope::Account(old.clone()), 7, 2, 20)?;
        tables.add_sent(&Scope::Account(name(NEW)), 7, 1, 10)?;
        let message = Message { account: old.clone(), password_id: None, address: None, recipients: 1 };
        tables.put_message("7.x", NOW, Stage::Reserved, &message)?;
        tables.add_event(&Event::new(NOW, Kind::AccountAdded, "uid 0").account(OLD)).map(drop)
    });
    assert_eq!(bring(backend), []);
    let eve = name(NEW);
    let found = write(backend, |tables| tables.account(&eve)).expect("there");
    assert_eq!(found.created, NOW);
    for (address, owners) in [
        ("info@münchen.example", vec![NEW]),
        ("info@example.org", vec![NEW]),
        ("eve@bücher.example", vec![NEW]),
        ("sales@xn--bcher-kva.example", vec!["ann@example.org", NEW]),
    ] {
        let owned = write(backend, |tables| senders::owners(tables, &name(address)));
        assert_eq!(owned.iter().map(AccountName::as_str).collect::<Vec<_>>(), owners, "{address}");
    }
    let right = write(backend, |tables| tables.right(&eve, &name("ann@example.org")));
    assert_eq!(right, Some(Right::SendAs));
    let kept = write(backend, |tables| tables.limits(&Level::Account(eve.clone()), Per::Account));
    assert_eq!(kept, limits);
    let sent = write(backend, |tables| tables.sent(&Scope::Account(eve.clone()), 0));
    assert_eq!(
        sent.iter().map(|slot| (slot.amount.messages, slot.amount.recipients)).collect::<Vec<_>>(),
        [(3, 30)]
    );
    assert_eq!(write(backend, |tables| tables.message("7.x")).expect("there").2.account, eve);
    let query = EventQuery { account: Some(NEW.into()), limit: 9, ..EventQuery::default() };
    assert_eq!(
        write(backend, |tables| tables.events(&query)).len(),
        1,
        "its events stay as they were written"
    );
    for search in ["münchen", "eve@münchen.example", "xn--mnchen", "eve"] {
        assert_eq!(write(backend, |tables| tables.accounts("", search, None, 9)).len(), 1, "{search}");
    }
}

/// Where somebody has the form already nothing is merged, and each of the two can be removed.
pub(super) fn two_spellings_of_a_name_are_told_and_stay<B: Backend>(backend: &B) {
    let old = AccountName::stored(OLD);
    write(backend, |tables| {
        tables.add_account(&old, NOW)?;
        tables.add_account(&name(NEW), NOW)?;
        tables.add_account(&AccountName::stored("a,b@example.org"), NOW)?;
        put_alias(tables, "info@münchen.example", OLD);
        put_alias(tables, "info@xn--mnchen-3ya.example", NEW);
        tables.put_limits(&Level::Account(old.clone()), Per::Account, &Limits([Allowance::AtMost(3); 4]))?;
        tables.add_sent(&Scope::Account(old.clone()), 7, 2, 20)
    });
    let left = bring(backend);
    let told: Vec<(Kept, &str)> = left.iter().map(|left| (left.kept, left.name.as_str())).collect();
    let expected = [
        (Kept::Account, "a,b@example.org"),
        (Kept::Account, OLD),
        (Kept::Alias, "info@münchen.example"),
        (Kept::AliasOf, OLD),
        (Kept::Limit, OLD),
    ];
    assert_eq!(told, expected);
    let owners = write(backend, |tables| senders::owners(tables, &name("info@münchen.example")));
    assert_eq!(owners, [name(NEW)], "the older one lets nobody send");
    assert!(write(backend, |tables| tables.sent(&Scope::Account(name(NEW)), 0)).is_empty());
    let older = |typed: &str| write(backend, |tables| names::keeps_older(tables, Kept::Account, typed));
    assert!(older(OLD) && older("a,b@example.org"));
    assert!(!older(NEW) && !older("Eve@münchen.example") && !older("bob@münchen.example"));
    // The normal form goes: the older spelling takes its place.
    write(backend, |tables| {
        let id = tables.account(&name(NEW))?.expect("there").id;
        tables.remove_sender(&name(NEW))?;
        tables.remove_account(id)
    });
    assert_eq!(bring(backend).len(), 1, "what can be no name");
    assert_eq!(write(backend, |tables| senders::owners(tables, &name("info@münchen.example"))), [name(NEW)]);
}
