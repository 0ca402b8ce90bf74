//! Who must have two-factor, from when on.
//!
//! The nearest rule wins: account over group over domain over site; of several at one level the one that begins first. From
//! its date on there is a time of grace, in which sign-in reminds; after it, sign-in leads to setting it up and to nothing
//! else, and main passwords open no mail any more.

use std::time::Duration;

use super::account::Account;
use super::name::{AccountName, GroupName};
use crate::clock::Timestamp;

/// Whom a rule is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whom {
    /// Everybody.
    Site,
    /// The accounts of a domain, in normal form.
    Domain(String),
    /// The accounts of a group.
    Group(String),
    /// One account, in normal form.
    Account(String),
}

/// From when on two-factor is mandatory for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MandatoryRule {
    /// For whom.
    pub whom: Whom,
    /// From when on; `None`: never, in spite of rules for more people.
    pub from: Option<Timestamp>,
    /// How long sign-in only reminds.
    pub grace: Duration,
}

/// What somebody without a second factor is told at sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Nothing.
    None,
    /// Set it up before then.
    Until(Timestamp),
    /// Set it up now.
    Now,
}

/// What an account must do about two-factor.
#[must_use]
pub fn duty(rules: &[MandatoryRule], account: &Account, now: Timestamp) -> Duty {
    duty_of(rules, &account.name, account.group.as_ref(), now)
}

/// The same of a name that may be no account's yet.
#[must_use]
pub fn duty_of(
    rules: &[MandatoryRule],
    name: &AccountName,
    group: Option<&GroupName>,
    now: Timestamp,
) -> Duty {
    let domain = name.as_str().rsplit_once('@').map_or("", |(_, domain)| domain);
    let concerns = |rule: &&MandatoryRule| match &rule.whom {
        Whom::Site => true,
        Whom::Domain(name) => name == domain,
        Whom::Group(name) => group.is_some_and(|group| group.as_str() == name),
        Whom::Account(account) => account == name.as_str(),
    };
    // Of one level, a rule that says never comes last.
    let first =
        |rule: &&MandatoryRule| (std::cmp::Reverse(level(&rule.whom)), rule.from.is_none(), rule.from);
    let Some(rule) = rules.iter().filter(concerns).min_by_key(first) else { return Duty::None };
    match rule.from {
        Some(from) if now >= from.plus(rule.grace) => Duty::Now,
        Some(from) if now >= from => Duty::Until(from.plus(rule.grace)),
        _ => Duty::None,
    }
}

fn level(whom: &Whom) -> u8 {
    match whom {
        Whom::Site => 0,
        Whom::Domain(_) => 1,
        Whom::Group(_) => 2,
        Whom::Account(_) => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: Timestamp = Timestamp(1_000_000);
    const GRACE: Duration = Duration::from_secs(1_000);

    fn account(name: &str, group: Option<&str>) -> Account {
        Account {
            id: 1,
            name: AccountName::parse(name, None).expect("good"),
            enabled: true,
            two_factor: false,
            group: group.map(|name| GroupName::parse(name).expect("good")),
            created: Timestamp(0),
            mailbox: None,
            passwords: Vec::new(),
            revoked: Vec::new(),
        }
    }

    fn rule(whom: Whom, from: Option<Timestamp>) -> MandatoryRule {
        MandatoryRule { whom, from, grace: GRACE }
    }

    #[track_caller]
    fn check(rules: &[MandatoryRule], now: i64, expected: Duty) {
        let ann = account("ann@example.org", Some("staff"));
        assert_eq!(duty(rules, &ann, Timestamp(now)), expected, "{rules:?}");
    }

    #[test]
    fn a_date_is_followed_by_a_time_of_grace() {
        let site = [rule(Whom::Site, Some(FROM))];
        let end = FROM.plus(GRACE);
        for (now, expected) in [
            (FROM.0 - 1, Duty::None),
            (FROM.0, Duty::Until(end)),
            (end.0 - 1, Duty::Until(end)),
            (end.0, Duty::Now),
        ] {
            check(&site, now, expected);
        }
        check(&[], end.0, Duty::None);
    }

    #[test]
    fn the_nearest_rule_wins() {
        let late = Timestamp(FROM.0 + 1_000_000);
        let after = FROM.0 + 1_000;
        let of = |whom: Whom| [rule(Whom::Site, Some(late)), rule(whom, Some(FROM))];
        check(&of(Whom::Domain("example.org".into())), after, Duty::Now);
        check(&of(Whom::Domain("example.net".into())), after, Duty::None);
        check(&of(Whom::Group("staff".into())), after, Duty::Now);
        check(&of(Whom::Group("guests".into())), after, Duty::None);
        check(&of(Whom::Account("ann@example.org".into())), after, Duty::Now);
        check(&of(Whom::Account("bob@example.org".into())), after, Duty::None);
        let spared = [rule(Whom::Site, Some(FROM)), rule(Whom::Account("ann@example.org".into()), None)];
        check(&spared, after, Duty::None);
        let twice = [rule(Whom::Site, None), rule(Whom::Site, Some(late)), rule(Whom::Site, Some(FROM))];
        check(&twice, after, Duty::Now);
    }
}
