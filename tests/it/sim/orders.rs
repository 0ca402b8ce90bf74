//! What may have come of the orders of a round: six client passwords at most, nothing acknowledged is lost, nothing
//! refused is done.

use std::collections::BTreeSet;

use sidegate::gate::account;
use sidegate::gate::event::Kind;
use sidegate::gate::name::AccountName;
use sidegate::gate::order::{Done, OrderRefused};

use super::disk::{Disk, key_of};
use super::history::{Entry, Outcome, Over};
use super::ledger::{Ledger, name};
use super::model::{Account, Model, Password, Record, SIX, Source};
use super::script::{KNOWN, Limits, NAMES, Op, Weather};

/// Judges orders, and takes over what the disk holds of accounts. Before logins are judged nothing is taken over.
pub(super) fn judge(model: &Model, ledger: &mut Ledger, over: &Over, disk: &Disk) -> Vec<Account> {
    for entry in &over.entries {
        judge_source(model, ledger, over, entry);
    }
    let mut judge = |(who, before): (usize, &Account)| match disk.accounts.get(&who) {
        Some(found) => Case::of(model, over, who).judge(ledger, found.as_ref()),
        None => before.clone(),
    };
    model.accounts.iter().enumerate().map(&mut judge).collect()
}

/// Accounts that were ordered about.
pub(super) fn concerned(over: &Over) -> BTreeSet<usize> {
    over.entries.iter().filter_map(|entry| about(&entry.op)).collect()
}

/// Whom an order is about.
fn about(op: &Op) -> Option<usize> {
    match *op {
        Op::New { who, .. }
        | Op::Revoke { who, .. }
        | Op::RevokeAll { who }
        | Op::Enable { who, .. }
        | Op::Remove { who }
        | Op::Add { who } => Some(who),
        Op::Login { .. } | Op::Check { .. } | Op::Block { .. } | Op::Lift { .. } => None,
    }
}

/// Orders about a source; alone in their round, what comes of them is certain.
fn judge_source(model: &Model, ledger: &mut Ledger, over: &Over, entry: &Entry) {
    let (Op::Block { from, .. } | Op::Lift { from }) = entry.op else { return };
    let source = Source::of(from, KNOWN);
    let adds = matches!(entry.op, Op::Block { .. });
    if entry.may_hold() {
        let kind = if adds { Kind::BlockAdded } else { Kind::BlockLifted };
        ledger.change(kind, name(source), entry.outcome.is_some());
        // Who lifts, or orders a block, races with the failures that block.
        if over.entries.len() > 1 {
            ledger.change(Kind::BlockAdded, name(source), false);
        }
    }
    let Some((_, outcome)) = entry.outcome.as_ref().filter(|_| over.entries.len() == 1) else { return };
    let blocked = matches!(model.record(source), Record::Blocked { .. });
    let key = key_of(source.address().unwrap());
    let expected = match over.weather {
        Weather::Fine if adds || blocked => Outcome::Done(Done::Changed),
        Weather::Fine => Outcome::Refused(OrderRefused::NotBlocked(key)),
        _ => return,
    };
    assert_eq!(*outcome, expected, "{entry:?}");
}

/// One account in one round.
struct Case<'a> {
    model: &'a Model,
    over: &'a Over,
    who: usize,
    orders: Vec<&'a Entry>,
}

impl<'a> Case<'a> {
    fn of(model: &'a Model, over: &'a Over, who: usize) -> Self {
        let orders = over.entries.iter().filter(|entry| about(&entry.op) == Some(who)).collect();
        Self { model, over, who, orders }
    }

    fn judge(&self, ledger: &mut Ledger, found: Option<&account::Account>) -> Account {
        let before = &self.model.accounts[self.who];
        if let [order] = self.orders[..]
            && let Some((_, outcome)) = &order.outcome
        {
            self.judge_outcome(before, &order.op, outcome);
        }
        let rows = found.map_or(&[][..], |account| &account.passwords[..]);
        assert!(rows.len() <= SIX, "{} client passwords", rows.len());
        let after = Account {
            exists: self.judge_flag("exists", before.exists, found.is_some(), |op| match op {
                Op::Add { .. } => Some(true),
                Op::Remove { .. } => Some(false),
                _ => None,
            }),
            enabled: self.judge_flag("enabled", before.enabled, found.is_some_and(|a| a.enabled), |op| {
                match op {
                    Op::Add { .. } => Some(true),
                    Op::Enable { enabled, .. } => Some(*enabled),
                    Op::Remove { .. } => Some(false),
                    _ => None,
                }
            }),
            passwords: self.judge_passwords(before, rows),
        };
        for order in &self.orders {
            self.note(ledger, order, before, &after);
        }
        after
    }

    /// A flag is as it was, or as it was ordered; as ordered, if nothing else was.
    fn judge_flag(&self, what: &str, before: bool, now: bool, set: impl Fn(&Op) -> Option<bool>) -> bool {
        let mut possible = Vec::new();
        let mut surely = false;
        for order in self.orders.iter().filter(|order| order.may_hold()) {
            if let Some(value) = set(&order.op) {
                possible.push(value);
                surely |= order.outcome.is_some();
            }
        }
        let right = possible.contains(&now) || !surely && now == before;
        assert!(right, "{} {what}: {before}, then {now}, after {:?}", NAMES[self.who], self.orders);
        now
    }

    fn judge_passwords(&self, before: &Account, rows: &[account::ClientPassword]) -> Vec<Password> {
        let mut passwords = before.passwords.clone();
        let is_there = |id: i64| rows.iter().any(|row| row.id == id);
        for password in &mut passwords {
            let stays = is_there(password.id);
            let explained =
                self.orders.iter().any(|order| order.may_hold() && removes(&order.op, password.slot));
            assert!(stays <= password.living, "{password:?} of {} is back", NAMES[self.who]);
            assert!(stays || !password.living || explained, "{password:?} of {} is lost", NAMES[self.who]);
            password.living = stays;
        }
        for order in &self.orders {
            let Some((_, outcome)) = &order.outcome else { continue };
            match (outcome, &order.op) {
                (Outcome::Made(id, secret), Op::New { slot, limits, .. }) => {
                    let living = is_there(*id);
                    let gone = self.orders.iter().any(|order| order.may_hold() && removes(&order.op, *slot));
                    assert!(living || gone, "{order:?} is lost");
                    let expires = self.expiry(rows, *id, *limits);
                    let (id, secret, limits) = (*id, Some(secret.clone()), *limits);
                    passwords.push(Password { id, slot: *slot, secret, living, expires, limits });
                }
                (Outcome::Done(Done::Revoked(gone)), _) => {
                    let back = gone.iter().find(|(id, _)| is_there(*id));
                    assert!(back.is_none(), "{order:?}: {back:?} is still there");
                }
                _ => {}
            }
        }
        for row in rows {
            if passwords.iter().any(|known| known.id == row.id) {
                continue;
            }
            let slot = row.name.trim_start_matches("device ").parse().unwrap();
            let asked = self.orders.iter().any(|order| {
                order.outcome.is_none() && matches!(order.op, Op::New { slot: asked, .. } if asked == slot)
            });
            assert!(asked, "nobody made {row:?}");
            let (id, expires) = (row.id, row.terms.expires.map(|end| end.0));
            passwords.push(Password { id, slot, secret: None, living: true, expires, limits: Limits::None });
        }
        passwords.sort_by_key(|password| password.id);
        passwords
    }

    /// As the store has it: the clock may have gone on before it was made.
    fn expiry(&self, rows: &[account::ClientPassword], id: i64, limits: Limits) -> Option<i64> {
        let row = rows.iter().find(|row| row.id == id)?;
        let expires = row.terms.expires.map(|end| end.0);
        assert_eq!(expires.is_some(), matches!(limits, Limits::Expires(_)), "{row:?}");
        expires
    }

    /// What comes of an order that is the only one about its account.
    fn judge_outcome(&self, before: &Account, op: &Op, outcome: &Outcome) {
        let account = || AccountName::parse(NAMES[self.who], None).unwrap();
        let refused = |refused| Outcome::Refused(refused);
        let done = Outcome::Done(Done::Changed);
        let name = |slot: u64| format!("device {slot}");
        let living: Vec<_> = before.living().map(|password| (password.id, name(password.slot))).collect();
        let named =
            |slot| living.iter().filter(|(_, known)| *known == name(slot)).cloned().collect::<Vec<_>>();
        let expected = match *op {
            Op::Add { .. } if before.exists => refused(OrderRefused::AccountExists(account())),
            Op::Add { .. } => done,
            _ if !before.exists => refused(OrderRefused::NoAccount(account())),
            Op::Remove { .. } => done,
            Op::Enable { enabled, .. } if enabled == before.enabled => Outcome::Done(Done::Unchanged),
            Op::Enable { .. } => done,
            Op::RevokeAll { .. } => Outcome::Done(Done::Revoked(living)),
            Op::Revoke { slot, .. } if named(slot).is_empty() => refused(OrderRefused::NoPassword(account())),
            Op::Revoke { slot, .. } => Outcome::Done(Done::Revoked(named(slot))),
            Op::New { .. } if living.len() >= SIX => {
                refused(OrderRefused::TooManyPasswords { account: account(), limit: 6 })
            }
            Op::New { slot, .. } if !named(slot).is_empty() => {
                refused(OrderRefused::NameTaken { account: account(), name: name(slot) })
            }
            Op::New { .. } => match outcome {
                Outcome::Made(..) => return,
                _ => Outcome::Made(0, String::new()),
            },
            Op::Login { .. } | Op::Check { .. } | Op::Block { .. } | Op::Lift { .. } => return,
        };
        let trouble = *outcome == Outcome::Trouble && self.over.weather != Weather::Fine;
        // What is refused needs no write.
        let full = self.over.weather == Weather::NoWrites && !matches!(outcome, Outcome::Refused(_));
        let expected = if full { Outcome::Trouble } else { expected };
        assert!(trouble || *outcome == expected, "{op:?}: {outcome:?}, not {expected:?}");
    }

    fn note(&self, ledger: &mut Ledger, order: &Entry, before: &Account, after: &Account) {
        let about = NAMES[self.who];
        let surely = order.outcome.is_some();
        match (&order.op, order.outcome.as_ref().map(|(_, outcome)| outcome)) {
            (_, Some(Outcome::Refused(_) | Outcome::Trouble | Outcome::Done(Done::Unchanged))) => {}
            (Op::New { .. }, _) => ledger.change(Kind::PasswordAdded, about, surely),
            (_, Some(Outcome::Done(Done::Revoked(gone)))) => {
                gone.iter().for_each(|_| ledger.change(Kind::PasswordRevoked, about, true));
            }
            (Op::Revoke { .. } | Op::RevokeAll { .. }, _) => {
                let before = before.passwords.iter().chain(&after.passwords);
                before.for_each(|_| ledger.change(Kind::PasswordRevoked, about, false));
            }
            (Op::Enable { enabled: true, .. }, _) => ledger.change(Kind::AccountEnabled, about, surely),
            (Op::Enable { enabled: false, .. }, _) => ledger.change(Kind::AccountDisabled, about, surely),
            (Op::Remove { .. }, _) => ledger.change(Kind::AccountRemoved, about, surely),
            (Op::Add { .. }, _) => ledger.change(Kind::AccountAdded, about, surely),
            (Op::Login { .. } | Op::Check { .. } | Op::Block { .. } | Op::Lift { .. }, _) => {}
        }
    }
}

fn removes(op: &Op, slot: u64) -> bool {
    match op {
        Op::Revoke { slot: gone, .. } => *gone == slot,
        Op::RevokeAll { .. } | Op::Remove { .. } => true,
        _ => false,
    }
}
