//! The API's types of imports and of lists over all accounts.

use serde::{Deserialize, Serialize};

use super::PasswordView;
use crate::clock::Timestamp;

/// Accounts to be made or changed: all of them, or none if there is a mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportAccounts {
    /// Only say what would come of it.
    #[serde(default)]
    pub dry_run: bool,
    /// The accounts.
    pub accounts: Vec<ImportAccount>,
}

/// An account to be made or changed. What is absent stays as it is; a new account is enabled, without two-factor and in
/// no group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportAccount {
    /// A full mail address.
    pub account: String,
    /// Enabled or disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Two-factor on or off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub two_factor: Option<bool>,
    /// The group to put it into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Further addresses that it is to have; those that it has stay.
    #[serde(default)]
    pub aliases: Vec<String>,
}

/// Client passwords of another system: all of them, or none if there is a mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportPasswords {
    /// Only say what would come of it.
    #[serde(default)]
    pub dry_run: bool,
    /// The client passwords.
    pub passwords: Vec<ImportPassword>,
}

/// A client password of another system.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportPassword {
    /// Whose: a full mail address.
    pub account: String,
    /// For which device.
    pub name: String,
    /// An Argon2, bcrypt or SHA512-CRYPT hash, with or without Dovecot's `{SCHEME}`.
    pub hash: String,
    /// When it ends; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The protocols it is good for; empty: all.
    #[serde(default)]
    pub protocols: Vec<String>,
    /// The networks it may come from; empty: all.
    #[serde(default)]
    pub networks: Vec<String>,
}

impl std::fmt::Debug for ImportPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportPassword").field("account", &self.account).finish_non_exhaustive()
    }
}

/// What came of an import, or would come of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportAnswer {
    /// Rows that made something.
    pub added: u32,
    /// Rows that changed something.
    pub changed: u32,
    /// Rows that were so already.
    pub unchanged: u32,
    /// What is wrong. If there is anything, nothing was done.
    pub mistakes: Vec<ImportMistake>,
    /// What is done, or would be, and may not be meant.
    #[serde(default)]
    pub warnings: Vec<ImportMistake>,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportMistake {
    /// Which, from 0.
    pub row: usize,
    /// Which column of it.
    pub column: String,
    /// Why, and the cure.
    pub message: String,
}

/// Client passwords of all accounts, in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordList {
    /// The client passwords.
    pub passwords: Vec<PasswordLine>,
    /// Ask again with `after` the last one's number: there are more.
    pub more: bool,
}

/// A client password in a list over all accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordLine {
    /// Whose.
    pub account: String,
    /// What it is.
    pub password: PasswordView,
}
