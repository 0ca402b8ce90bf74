//! What every store promises of sending: its lists, and orders that depend on them.

use super::{NOW, name, order, write};
use crate::gate::alias::{Alias, Place};
use crate::gate::delegation::Right;
use crate::gate::limits::{Allowance, Level, LimitsChange, Per};
use crate::gate::name::GroupName;
use crate::gate::order::{Done, Order, OrderRefused};
use crate::store::Backend;

fn place(text: &str) -> Place {
    Place::parse(text, None).expect("the suite's places are good")
}

fn accounts<B: Backend>(backend: &B, names: &[&str]) {
    for account in names {
        order(backend, &Order::AddAccount(name(account))).expect("added");
    }
}

pub(super) fn a_shared_alias_is_taken_from_one<B: Backend>(backend: &B) {
    let (ann, bob, info) = ("ann@example.org", "bob@example.org", "info@example.org");
    accounts(backend, &[ann, bob]);
    let add = |of| order(backend, &Order::AddAlias(Alias::new(place(info), place(of)).expect("good")));
    let remove =
        |of: Option<&str>| order(backend, &Order::RemoveAlias { alias: place(info), of: of.map(place) });
    assert_eq!(remove(None), Err(OrderRefused::NoAliasOfAnybody(info.into())));
    assert_eq!(add(ann), Ok(Done::Changed));
    assert_eq!(add(ann), Err(OrderRefused::AliasExists(info.into(), ann.into())));
    assert_eq!(remove(Some(bob)), Err(OrderRefused::NoAlias(info.into(), bob.into())));
    assert_eq!(add(bob), Ok(Done::Changed));
    let owners = vec![ann.to_owned(), bob.to_owned()];
    assert_eq!(remove(None), Err(OrderRefused::SharedAlias { alias: info.into(), owners }));
    assert_eq!(remove(Some(ann)), Ok(Done::Changed));
    assert_eq!(remove(None), Ok(Done::Changed));
    assert_eq!(write(backend, |tables| tables.alias_of(info)), [""; 0]);
}

pub(super) fn lists_of_sending_go_on_where_they_stopped<B: Backend>(backend: &B) {
    let all = ["ann@example.org", "bob@example.org", "eve@example.org"];
    accounts(backend, &all);
    for (owner, delegate) in [(0, 1), (0, 2), (1, 0), (2, 1)] {
        let (owner, delegate) = (name(all[owner]), name(all[delegate]));
        order(backend, &Order::Grant { owner, delegate, right: Right::Read }).expect("granted");
    }
    let pairs = |of: Option<&str>, after: (&str, &str), limit| {
        let (of, after) = (of.map(name), (after.0.to_owned(), after.1.to_owned()));
        let found = write(backend, |tables| tables.delegations_after(of.as_ref(), &after, limit));
        let initial = |name: &str| name[..1].to_owned();
        found.iter().map(|one| initial(&one.owner) + &initial(&one.delegate)).collect::<Vec<_>>()
    };
    assert_eq!(pairs(None, ("", ""), 10), ["ab", "ae", "ba", "eb"]);
    assert_eq!(pairs(None, ("", ""), 2), ["ab", "ae"]);
    assert_eq!(pairs(None, (all[0], all[2]), 2), ["ba", "eb"]);
    assert_eq!(pairs(Some(all[2]), ("", ""), 10), ["ae", "eb"]);
    assert_eq!(pairs(Some(all[2]), (all[0], all[2]), 10), ["eb"]);
    let every = write(backend, |tables| tables.delegations(None));
    assert_eq!((every.len(), every[0].since), (4, NOW));

    for (level, per) in [
        (Level::Account(name(all[0])), Per::Account),
        (Level::Group(GroupName::parse("staff").expect("good")), Per::ClientPassword),
        (Level::Group(GroupName::parse("staff").expect("good")), Per::Account),
        (Level::Default, Per::Address),
    ] {
        let change = LimitsChange([Some(Allowance::AtMost(1)), None, None, None]);
        order(backend, &Order::SetLimits { level, per, change }).expect("set");
    }
    let mut words = Vec::new();
    let mut after = None;
    while let Some((key, _)) = write(backend, |tables| tables.all_limits(after.as_ref(), 1)).pop() {
        words.push(format!("{} {}", key.0, key.2.word()));
        after = Some(key);
    }
    assert_eq!(words, ["default address", "group account", "group client-password", "account account"]);
}
