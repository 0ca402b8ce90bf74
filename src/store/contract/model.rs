//! A store beside a plain model of it: whatever is ordered and imported, both say the same of it and hold the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{NOW, circumstances, name, new_password, order, write};
use crate::gate::account::{Account, Stored};
use crate::gate::alias::{Alias, Place};
use crate::gate::delegation::Right;
use crate::gate::foreign::Scheme;
use crate::gate::import::{AccountRow, PasswordRow};
use crate::gate::key::Selector;
use crate::gate::limits::{Allowance, Level, Limited, LimitsChange, Per};
use crate::gate::name::GroupName;
use crate::gate::order::{Done, Order, OrderRefused, Which};
use crate::store::orders::{Imported, import_accounts, import_passwords};
use crate::store::{Backend, EventQuery};

const PEOPLE: [&str; 3] = ["ann@example.org", "bob@example.org", "eve@example.org"];
const DEVICES: [&str; 3] = ["laptop", "phone", "tablet"];
/// The first is Ann's own address as long as there is an Ann.
const ALIASES: [&str; 4] = ["ann@example.org", "info@example.org", "@example.net", "eve+x@example.org"];
const GROUPS: [&str; 2] = ["guests", "staff"];
const HASHES: [&str; 2] = [
    "$2y$05$LQbp/3uFL6Vc1/qN5h3va.nGYTpsKBGrs/mZumKwAYlOXLmKnK0XO",
    "$2y$04$/LUbW7gkuX7EyVyrIzgQ3.TlVOQECSn.cL4LfJP8Ww/Ygwns/QZKu",
];

/// A row of an import: who, enabled, group, aliases.
type AccountCells = (usize, Option<bool>, Option<usize>, Vec<usize>);

/// What an administrator does; people, devices and the rest by their places above.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Add(usize),
    Remove(usize),
    Set(usize, Option<bool>, Option<bool>, Option<Option<usize>>),
    New(usize, usize),
    /// Without a device, every one.
    Revoke(usize, Option<usize>),
    /// The first use of an imported client password.
    Upgrade(usize, usize),
    AddAlias(usize, usize),
    RemoveAlias(usize, Option<usize>),
    Grant(usize, usize, Right),
    Withdraw(usize, usize),
    Limit(Whose, Per, usize, Allowance),
    ImportAccounts(Vec<AccountCells>, bool),
    ImportPasswords(Vec<(usize, usize, usize)>, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    All,
    Group(usize),
    Person(usize),
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (person, device, alias, group) =
        (0..PEOPLE.len(), 0..DEVICES.len(), 0..ALIASES.len(), 0..GROUPS.len());
    let maybe = proptest::option::of::<std::ops::Range<usize>>;
    let whose = prop_oneof![
        Just(Whose::All),
        group.clone().prop_map(Whose::Group),
        person.clone().prop_map(Whose::Person)
    ];
    let allowance = prop_oneof![
        Just(Allowance::Inherited),
        Just(Allowance::Unlimited),
        (0..3_u32).prop_map(Allowance::AtMost)
    ];
    let row = (person.clone(), any::<Option<bool>>(), maybe(group.clone()), vec(alias.clone(), 0..3));
    let set =
        (person.clone(), any::<Option<bool>>(), any::<Option<bool>>(), proptest::option::of(maybe(group)));
    let limit = (whose, select(&Per::ALL[..]), 0..Limited::ALL.len(), allowance);
    let both = (person.clone(), person.clone());
    let one = prop_oneof![
        4 => person.clone().prop_map(Step::Add),
        3 => person.clone().prop_map(Step::Remove),
        2 => set.prop_map(|(who, enabled, two_factor, group)| Step::Set(who, enabled, two_factor, group)),
        4 => (person.clone(), device.clone()).prop_map(|(who, device)| Step::New(who, device)),
        2 => (person.clone(), maybe(device.clone())).prop_map(|(who, device)| Step::Revoke(who, device)),
        2 => (person.clone(), device.clone()).prop_map(|(who, device)| Step::Upgrade(who, device)),
        3 => (alias.clone(), person.clone()).prop_map(|(alias, who)| Step::AddAlias(alias, who)),
        2 => (alias, maybe(person.clone())).prop_map(|(alias, who)| Step::RemoveAlias(alias, who)),
        2 => (both.clone(), select(&Right::ALL[..])).prop_map(|((owner, to), right)| Step::Grant(owner, to, right)),
        1 => both.prop_map(|(owner, to)| Step::Withdraw(owner, to)),
        5 => limit.prop_map(|(whose, per, limited, allowance)| Step::Limit(whose, per, limited, allowance)),
        2 => (vec(row, 0..4), any::<bool>()).prop_map(|(rows, dry)| Step::ImportAccounts(rows, dry)),
        3 => (vec((person, device, 0..HASHES.len()), 0..4), any::<bool>())
            .prop_map(|(rows, dry)| Step::ImportPasswords(rows, dry)),
    ];
    vec(one, 1..60)
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Came {
    Changed,
    Unchanged,
    Refused,
    /// Added, changed, unchanged, and whether nothing was done because of mistakes.
    Imported(u32, u32, u32, bool),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Person {
    disabled: bool,
    two_factor: bool,
    group: Option<usize>,
    /// Devices, each with its imported hash if it has one.
    passwords: BTreeMap<usize, Option<usize>>,
    /// Marks of removed ones.
    removed: Vec<usize>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    people: BTreeMap<usize, Person>,
    /// Alias and whose.
    aliases: BTreeSet<(usize, usize)>,
    rights: BTreeMap<(usize, usize), Right>,
    limits: BTreeMap<(Whose, &'static str), [Allowance; 4]>,
}

impl Model {
    /// Carries out a step.
    fn take(&mut self, step: &Step) -> Came {
        let before = self.clone();
        let done = match step {
            Step::ImportAccounts(rows, dry) => return self.import_accounts(rows, *dry),
            Step::ImportPasswords(rows, dry) => return self.import_passwords(rows, *dry),
            Step::AddAlias(..) | Step::RemoveAlias(..) => self.alias(step),
            Step::Grant(owner, to, right) => self.has([owner, to]).filter(|()| owner != to).map(|()| {
                self.rights.insert((*owner, *to), *right);
            }),
            Step::Withdraw(owner, to) => {
                self.has([owner, to]).and_then(|()| self.rights.remove(&(*owner, *to))).map(drop)
            }
            Step::Limit(whose, per, limited, allowance) => self.limit(*whose, *per, *limited, *allowance),
            Step::Add(who) => {
                let free = !self.people.contains_key(who) && self.owners_of(PEOPLE[*who]).is_empty();
                free.then(|| drop(self.people.insert(*who, Person::default())))
            }
            Step::Remove(who) => self.people.remove(who).map(|_| {
                self.aliases.retain(|(_, of)| of != who);
                self.rights.retain(|(owner, to), _| owner != who && to != who);
                self.limits.retain(|(whose, _), _| *whose != Whose::Person(*who));
            }),
            Step::Set(who, enabled, two_factor, group) => self.people.get_mut(who).map(|person| {
                person.disabled = enabled.map_or(person.disabled, |enabled| !enabled);
                person.two_factor = two_factor.unwrap_or(person.two_factor);
                person.group = group.unwrap_or(person.group);
            }),
            Step::New(who, device) => self.people.get_mut(who).and_then(|Person { passwords, .. }| {
                let fits = passwords.len() < 2 && !passwords.contains_key(device);
                fits.then(|| {
                    passwords.insert(*device, None);
                })
            }),
            Step::Revoke(who, device) => self.people.get_mut(who).and_then(|person| person.revoke(*device)),
            Step::Upgrade(who, device) => {
                let password = self.people.get_mut(who).and_then(|person| person.passwords.get_mut(device));
                password.and_then(Option::take).map(drop)
            }
        };
        match done {
            None => {
                assert_eq!(*self, before, "what is refused changes nothing");
                Came::Refused
            }
            Some(()) if *self == before => Came::Unchanged,
            Some(()) => Came::Changed,
        }
    }

    fn has<'a>(&self, people: impl IntoIterator<Item = &'a usize>) -> Option<()> {
        people.into_iter().all(|who| self.people.contains_key(who)).then_some(())
    }

    fn is_account(&self, address: &str) -> bool {
        self.people.keys().any(|who| PEOPLE[*who] == address)
    }

    fn owners_of(&self, alias: &str) -> Vec<usize> {
        self.aliases.iter().filter(|(one, _)| ALIASES[*one] == alias).map(|(_, of)| *of).collect()
    }

    fn alias(&mut self, step: &Step) -> Option<()> {
        match *step {
            Step::AddAlias(alias, who) => {
                self.has([&who]).filter(|()| !self.is_account(ALIASES[alias]))?;
                self.aliases.insert((alias, who)).then_some(())
            }
            Step::RemoveAlias(alias, who) => {
                let owners = self.owners_of(ALIASES[alias]);
                let only = if owners.len() == 1 { owners.first().copied() } else { None };
                self.aliases.remove(&(alias, who.or(only)?)).then_some(())
            }
            _ => None,
        }
    }

    fn limit(&mut self, whose: Whose, per: Per, limited: usize, allowance: Allowance) -> Option<()> {
        let known = !matches!(whose, Whose::Person(who) if !self.people.contains_key(&who));
        if !known || (per == Per::Address && whose != Whose::All) {
            return None;
        }
        let said = self.limits.entry((whose, per.word())).or_insert([Allowance::Inherited; 4]);
        said[limited] = allowance;
        self.limits.retain(|_, said| said.iter().any(|allowance| *allowance != Allowance::Inherited));
        Some(())
    }

    fn import_accounts(&mut self, rows: &[AccountCells], dry: bool) -> Came {
        let names: Vec<&str> = rows.iter().map(|(who, ..)| PEOPLE[*who]).collect();
        let mut after = self.clone();
        let (mut added, mut changed, mut unchanged) = (0, 0, 0);
        for (place, (who, enabled, group, aliases)) in rows.iter().enumerate() {
            let taken =
                |alias: &&usize| names.contains(&ALIASES[**alias]) || self.is_account(ALIASES[**alias]);
            let is_alias = !self.people.contains_key(who) && !self.owners_of(PEOPLE[*who]).is_empty();
            if names[..place].contains(&PEOPLE[*who]) || is_alias || aliases.iter().any(|alias| taken(&alias))
            {
                return Came::Imported(0, 0, 0, true);
            }
            let before = after.clone();
            let person = after.people.entry(*who).or_default();
            person.disabled = enabled.map_or(person.disabled, |enabled| !enabled);
            person.group = group.or(person.group);
            after.aliases.extend(aliases.iter().map(|alias| (*alias, *who)));
            match before.people.contains_key(who) {
                false => added += 1,
                true if before == after => unchanged += 1,
                true => changed += 1,
            }
        }
        if !dry {
            *self = after;
        }
        Came::Imported(added, changed, unchanged, false)
    }

    fn import_passwords(&mut self, rows: &[(usize, usize, usize)], dry: bool) -> Came {
        let mut after = self.clone();
        let (mut added, mut unchanged) = (0, 0);
        for (place, (who, device, hash)) in rows.iter().enumerate() {
            let twice = rows[..place].iter().any(|(other, named, _)| (other, named) == (who, device));
            match after.people.get_mut(who).filter(|_| !twice).map(|person| &mut person.passwords) {
                Some(there) if there.get(device) == Some(&Some(*hash)) => unchanged += 1,
                Some(there) if there.len() < 2 && !there.contains_key(device) => {
                    there.insert(*device, Some(*hash));
                    added += 1;
                }
                _ => return Came::Imported(0, 0, 0, true),
            }
        }
        if !dry {
            *self = after;
        }
        Came::Imported(added, 0, unchanged, false)
    }
}

impl Person {
    /// An imported one that was never used leaves no mark.
    fn revoke(&mut self, device: Option<usize>) -> Option<()> {
        let gone: Vec<_> = match device {
            Some(device) => vec![self.passwords.remove_entry(&device)?],
            None => std::mem::take(&mut self.passwords).into_iter().collect(),
        };
        self.removed.extend(gone.into_iter().filter(|(_, hash)| hash.is_none()).map(|(device, _)| device));
        self.removed.sort_unstable();
        Some(())
    }
}

fn place(text: &str) -> Place {
    Place::parse(text, None).expect("good")
}

fn alias_of(alias: usize, who: usize) -> Option<Alias> {
    Alias::new(place(ALIASES[alias]), place(PEOPLE[who])).ok()
}

fn group_name(group: usize) -> GroupName {
    GroupName::parse(GROUPS[group]).expect("good")
}

fn level(whose: Whose) -> Level {
    match whose {
        Whose::All => Level::Default,
        Whose::Group(group) => Level::Group(group_name(group)),
        Whose::Person(who) => Level::Account(name(PEOPLE[who])),
    }
}

/// The order for a step; `number` makes its secret one of its own. `None`: no order can say it.
fn order_of(step: &Step, number: usize) -> Option<Order> {
    Some(match *step {
        Step::Add(who) => Order::AddAccount(name(PEOPLE[who])),
        Step::Remove(who) => Order::RemoveAccount(name(PEOPLE[who])),
        Step::Set(who, enabled, two_factor, group) => Order::SetAccount {
            account: name(PEOPLE[who]),
            enabled,
            two_factor,
            group: group.map(|one| one.map(group_name)),
        },
        Step::New(who, device) => new_password(PEOPLE[who], DEVICES[device], &format!("secret {number}")),
        Step::Revoke(who, device) => {
            let which = device.map_or(Which::All, |device| Which::Name(DEVICES[device].to_owned()));
            Order::Revoke { account: name(PEOPLE[who]), which }
        }
        Step::AddAlias(alias, who) => Order::AddAlias(alias_of(alias, who)?),
        Step::RemoveAlias(alias, who) => {
            Order::RemoveAlias { alias: place(ALIASES[alias]), of: who.map(|who| place(PEOPLE[who])) }
        }
        Step::Grant(owner, to, right) => {
            Order::Grant { owner: name(PEOPLE[owner]), delegate: name(PEOPLE[to]), right }
        }
        Step::Withdraw(owner, to) => {
            Order::Withdraw { owner: name(PEOPLE[owner]), delegate: name(PEOPLE[to]) }
        }
        Step::Limit(whose, per, limited, allowance) => {
            let mut change = LimitsChange::default();
            change.0[limited] = Some(allowance);
            Order::SetLimits { level: level(whose), per, change }
        }
        Step::Upgrade(..) | Step::ImportAccounts(..) | Step::ImportPasswords(..) => return None,
    })
}

/// What the store makes of a step; `None`: nobody could ask for it.
fn carried<B: Backend>(backend: &B, step: &Step, number: usize) -> Option<Came> {
    let came =
        |done: Imported| Came::Imported(done.added, done.changed, done.unchanged, !done.mistakes.is_empty());
    match step {
        Step::ImportAccounts(rows, dry) => {
            let row = |(who, enabled, group, aliases): &AccountCells| {
                let aliases: Vec<&str> = aliases.iter().map(|alias| ALIASES[*alias]).collect();
                AccountRow::new(PEOPLE[*who], (*enabled, None), group.map(|group| GROUPS[group]), &aliases)
                    .ok()
            };
            let rows: Vec<AccountRow> = rows.iter().map(row).collect::<Option<_>>()?;
            Some(came(write(backend, |tables| import_accounts(tables, &rows, *dry, &circumstances()))))
        }
        Step::ImportPasswords(rows, dry) => {
            let none: (&[&str], &[&str]) = (&[], &[]);
            let row = |(who, device, hash): &(usize, usize, usize)| {
                PasswordRow::new(PEOPLE[*who], DEVICES[*device], HASHES[*hash], none, None, NOW)
                    .expect("good")
            };
            let rows: Vec<PasswordRow> = rows.iter().map(row).collect();
            Some(came(write(backend, |tables| import_passwords(tables, &rows, *dry, &circumstances()))))
        }
        Step::Upgrade(who, device) => {
            let account = write(backend, |tables| tables.account(&name(PEOPLE[*who])));
            let passwords = account.map(|account| account.passwords).unwrap_or_default();
            let Some(found) = passwords.into_iter().find(|one| *one.name == *DEVICES[*device]) else {
                return Some(Came::Refused);
            };
            let (selector, key) =
                (Selector((number as u128).to_be_bytes()), circumstances().keys.current().id());
            let done =
                write(backend, |tables| tables.upgrade_password(found.id, selector, key, "$argon2id$x"));
            Some(if done { Came::Changed } else { Came::Refused })
        }
        _ => Some(match order(backend, &order_of(step, number)?) {
            Ok(Done::Revoked(gone)) if gone.is_empty() => Came::Unchanged,
            Ok(
                Done::Changed
                | Done::NewPassword(_)
                | Done::Revoked(_)
                | Done::FactorsReset(_)
                | Done::Unlocked(_),
            ) => Came::Changed,
            Ok(Done::Unchanged) => Came::Unchanged,
            Err(OrderRefused::NameIsSecret) => panic!("no name is a secret here"),
            Err(_) => Came::Refused,
        }),
    }
}

fn position<const N: usize>(list: [&str; N], text: &str) -> usize {
    list.iter().position(|one| *one == text).unwrap_or_else(|| panic!("{text} is unknown"))
}

/// What the store holds, as the model would.
fn held<B: Backend>(backend: &B) -> Model {
    let person = |account: Account| {
        let hash = |stored: &Stored| match stored {
            Stored::Imported(hash) => {
                assert_eq!(hash.scheme(), Scheme::Bcrypt);
                Some(position(HASHES, hash.reveal()))
            }
            Stored::Ours { .. } => None,
        };
        let passwords = account.passwords.iter();
        let mut removed: Vec<usize> =
            account.revoked.iter().map(|mark| position(DEVICES, &mark.name)).collect();
        removed.sort_unstable();
        Person {
            disabled: !account.enabled,
            two_factor: account.two_factor,
            group: account.group.map(|group| position(GROUPS, group.as_str())),
            passwords: passwords.map(|one| (position(DEVICES, &one.name), hash(&one.stored))).collect(),
            removed,
        }
    };
    write(backend, |tables| {
        let mut model = Model::default();
        for (who, address) in PEOPLE.iter().enumerate() {
            model.people.extend(tables.account(&name(address))?.map(|account| (who, person(account))));
            assert_eq!(tables.is_account(&name(address))?, model.people.contains_key(&who));
        }
        let aliases = tables.aliases(None, &(String::new(), String::new()), 100)?;
        model
            .aliases
            .extend(aliases.iter().map(|(alias, of)| (position(ALIASES, alias), position(PEOPLE, of))));
        for one in tables.delegations(None)? {
            model.rights.insert((position(PEOPLE, &one.owner), position(PEOPLE, &one.delegate)), one.right);
        }
        for ((level, of, per), said) in tables.all_limits(None, 100)? {
            let whose = match level.as_str() {
                "group" => Whose::Group(position(GROUPS, &of)),
                "account" => Whose::Person(position(PEOPLE, &of)),
                _ => Whose::All,
            };
            model.limits.insert((whose, per.word()), said.0);
        }
        Ok(model)
    })
}

/// What lists and sums say is what is held.
fn sums<B: Backend>(backend: &B, model: &Model) {
    let people = || model.people.values();
    let passwords = people().map(|person| person.passwords.len()).sum::<usize>();
    let ours = people().flat_map(|person| person.passwords.values()).filter(|hash| hash.is_none()).count();
    let removed = people().map(|person| person.removed.len()).sum::<usize>();
    write(backend, |tables| {
        let counts = tables.counts()?;
        assert_eq!((counts.accounts as usize, counts.passwords as usize), (model.people.len(), passwords));
        let lines = tables.accounts("", "", None, 100)?;
        let line = |line: &crate::store::AccountLine| (position(PEOPLE, &line.name), line.passwords as usize);
        let expected = model.people.iter().map(|(who, person)| (*who, person.passwords.len()));
        assert!(lines.iter().map(line).eq(expected), "{lines:?}");
        let listed = tables.passwords(0, 100)?;
        assert!(listed.is_sorted_by_key(|line| line.password.id) && listed.len() == passwords);
        let keys = tables.key_counts()?;
        let under =
            |sum: fn(&crate::store::keys::KeyCount) -> i64| keys.iter().map(sum).sum::<i64>() as usize;
        assert_eq!((under(|key| key.passwords), under(|key| key.removed)), (ours, removed));
        Ok(())
    });
}

fn events<B: Backend>(backend: &B) -> usize {
    let all = EventQuery { limit: 10_000, ..EventQuery::default() };
    write(backend, |tables| tables.events(&all)).len()
}

/// Plays steps on both.
pub(super) fn agree<B: Backend>(backend: &B, steps: &[Step]) {
    let mut model = Model::default();
    for (number, step) in steps.iter().enumerate() {
        let told = events(backend);
        let Some(came) = carried(backend, step, number) else { continue };
        assert_eq!(came, model.take(step), "{step:?}");
        assert_eq!(held(backend), model, "after {step:?}");
        sums(backend, &model);
        let quiet = match step {
            Step::ImportAccounts(_, dry) | Step::ImportPasswords(_, dry) if *dry => true,
            // It is the login that is told.
            Step::Upgrade(..) => true,
            _ => matches!(came, Came::Unchanged | Came::Refused | Came::Imported(0, 0, ..)),
        };
        assert_eq!(events(backend) == told, quiet, "what changed is told, and nothing else: {step:?}");
    }
}
