//! The API's types of sending: aliases, delegations, limits.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::gate::delegation::Right;
use crate::gate::limits::{Allowance, Limited, Per};

/// Aliases in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasList {
    /// The aliases.
    pub aliases: Vec<AliasView>,
    /// Ask again with `after` and `after_of` the last one: there are more.
    pub more: bool,
}

/// An alias and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasView {
    /// The further address, or `@domain` for all of them.
    pub alias: String,
    /// The account, or the `@domain` whose accounts have the same names.
    pub of: String,
}

/// An alias to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAlias {
    /// The further address, or `@domain` for all of them.
    pub alias: String,
    /// The account, or the `@domain` whose accounts have the same names.
    pub of: String,
}

/// Whose an address is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owners {
    /// The address, in normal form.
    pub address: String,
    /// The accounts that it belongs to: its own, or those it is an alias of; none if it is nobody's.
    pub owners: Vec<String>,
}

/// Delegations in the order of owners and delegates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationList {
    /// The delegations.
    pub delegations: Vec<DelegationView>,
    /// Ask again with `after` and `after_delegate` the last one: there are more.
    pub more: bool,
}

/// What the owner of a mailbox lets somebody do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationView {
    /// Whose mailbox.
    pub owner: String,
    /// Who may.
    pub delegate: String,
    /// What.
    pub right: Right,
    /// Since when.
    pub since: Timestamp,
}

/// A delegation to be made, in place of one that was made before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDelegation {
    /// Whose mailbox.
    pub owner: String,
    /// Who may.
    pub delegate: String,
    /// What.
    pub right: Right,
}

/// What is said of one limit: a number, or a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a limit is a number up to 10000000, \"unlimited\" or \"inherit\"")]
pub enum LimitValue {
    /// So many.
    AtMost(u32),
    /// No number.
    Word(LimitWord),
}

/// What can be said of a limit without a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitWord {
    /// There is none, whatever the level below says.
    Unlimited,
    /// Nothing is said at this level. Answers have null in its place.
    Inherit,
}

impl LimitValue {
    /// What is said, as answers have it; `None`: nothing.
    #[must_use]
    pub fn of(allowance: Allowance) -> Option<Self> {
        match allowance {
            Allowance::Inherited => None,
            Allowance::Unlimited => Some(Self::Word(LimitWord::Unlimited)),
            Allowance::AtMost(limit) => Some(Self::AtMost(limit)),
        }
    }
}

impl From<LimitValue> for Allowance {
    fn from(value: LimitValue) -> Self {
        match value {
            LimitValue::AtMost(limit) => Self::AtMost(limit),
            LimitValue::Word(LimitWord::Unlimited) => Self::Unlimited,
            LimitValue::Word(LimitWord::Inherit) => Self::Inherited,
        }
    }
}

/// Everything that is said of limits: the default first, then groups and accounts by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsList {
    /// What is said at each level.
    pub limits: Vec<LimitsView>,
    /// Ask again with `after_level`, `after_name` and `after_per` the last one: there are more.
    pub more: bool,
}

/// What is said of limits at one level; null: nothing, the next level decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsView {
    /// default, group or account.
    pub level: String,
    /// The group or account; absent for the default.
    pub name: Option<String>,
    /// What they count for.
    pub per: Per,
    /// Messages in an hour.
    pub messages_per_hour: Option<LimitValue>,
    /// Recipients in an hour.
    pub recipients_per_hour: Option<LimitValue>,
    /// Messages in a day.
    pub messages_per_day: Option<LimitValue>,
    /// Recipients in a day.
    pub recipients_per_day: Option<LimitValue>,
}

/// What to change of the limits at one level: exactly one of `account`, `group` and `default`. Limits that
/// are absent stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewLimits {
    /// For this account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// For everybody in this group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// For everybody.
    pub default: bool,
    /// What they count for.
    pub per: Per,
    /// Messages in an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages_per_hour: Option<LimitValue>,
    /// Recipients in an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipients_per_hour: Option<LimitValue>,
    /// Messages in a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages_per_day: Option<LimitValue>,
    /// Recipients in a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipients_per_day: Option<LimitValue>,
}

/// The limits in force for an account and each of its client passwords, and what is used of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountLimits {
    /// Its address.
    pub address: String,
    /// The group whose limits it has.
    pub group: Option<String>,
    /// Of all that it sends.
    pub limits: LimitsInForce,
    /// Of what it sends with each client password.
    pub passwords: Vec<PasswordLimits>,
}

/// The limits in force for one client password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordLimits {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Of what is sent with it.
    pub limits: LimitsInForce,
}

/// The four limits as they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsInForce {
    /// Messages in an hour.
    pub messages_per_hour: LimitInForce,
    /// Recipients in an hour.
    pub recipients_per_hour: LimitInForce,
    /// Messages in a day.
    pub messages_per_day: LimitInForce,
    /// Recipients in a day.
    pub recipients_per_day: LimitInForce,
}

impl LimitsInForce {
    /// One of them.
    #[must_use]
    pub fn get(&self, limited: Limited) -> &LimitInForce {
        match limited {
            Limited::MessagesPerHour => &self.messages_per_hour,
            Limited::RecipientsPerHour => &self.recipients_per_hour,
            Limited::MessagesPerDay => &self.messages_per_day,
            Limited::RecipientsPerDay => &self.recipients_per_day,
        }
    }
}

/// One limit as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitInForce {
    /// So many; null: no limit.
    pub at_most: Option<u32>,
    /// The level that decides: account, group or default; null: nobody says anything.
    pub from: Option<String>,
    /// How much is used.
    pub used: u64,
    /// Nothing more goes.
    pub reached: bool,
    /// When one more goes, if it is reached; null: never.
    pub opens: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_one_of_two_words() {
        let read = |text: &str| serde_json::from_str::<LimitValue>(text).map_err(|error| error.to_string());
        assert_eq!(read("5"), Ok(LimitValue::AtMost(5)));
        assert_eq!(read("\"unlimited\""), Ok(LimitValue::Word(LimitWord::Unlimited)));
        assert_eq!(read("\"inherit\""), Ok(LimitValue::Word(LimitWord::Inherit)));
        for bad in ["-1", "1.5", "5000000000", "\"5\"", "\"none\"", "true"] {
            let error = read(bad).unwrap_err();
            let most = format!("up to {}, \"unlimited\"", crate::gate::limits::LIMIT_MAX);
            assert!(error.contains(&most), "{bad}: {error}");
        }
        for allowance in [Allowance::Unlimited, Allowance::AtMost(7)] {
            assert_eq!(LimitValue::of(allowance).map(Allowance::from), Some(allowance));
        }
        assert_eq!(LimitValue::of(Allowance::Inherited), None);
    }
}
