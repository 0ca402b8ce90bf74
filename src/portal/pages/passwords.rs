//! Client passwords: the list, a new one shown once, removing.

use std::fmt;

use super::frame::Frame;
use super::help::Program;
use super::problem::Problem;
use super::{qr, routes, spell};
use crate::clock::Timestamp;

/// How many characters stand together for the eye.
const GROUP: usize = 4;

/// When and from where a client password was used last.
#[derive(Clone, Debug)]
pub struct Use {
    /// When.
    pub at: Timestamp,
    /// The address, if one was told.
    pub address: Option<String>,
    /// The protocol.
    pub protocol: String,
}

/// A client password in the list.
#[derive(Clone, Debug)]
pub struct Password {
    /// Its number.
    pub id: i64,
    /// What its owner calls it.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// The protocols it is good for; empty: all.
    pub protocols: Vec<String>,
    /// The networks it may come from; empty: all.
    pub networks: Vec<String>,
    /// Its last use; `None`: never used.
    pub last_use: Option<Use>,
}

impl Password {
    /// Where it is removed.
    #[must_use]
    pub fn path(&self) -> String {
        routes::password_remove(self.id)
    }

    /// Its last use in words.
    #[must_use]
    pub fn used(&self, f: &Frame) -> String {
        match &self.last_use {
            None => f.t("password-never-used"),
            Some(Use { at, address: Some(address), protocol }) => {
                let from = f.t2("password-used-from", "address", address, "protocol", spoken(protocol));
                f.t2("password-used", "at", f.time(at), "how", from)
            }
            Some(Use { at, address: None, protocol }) => {
                f.t2("password-used", "at", f.time(at), "how", spoken(protocol))
            }
        }
    }

    /// The protocols as people write them.
    #[must_use]
    pub fn protocols(&self) -> String {
        self.protocols.iter().map(|protocol| spoken(protocol)).collect::<Vec<_>>().join(", ")
    }

    /// The networks.
    #[must_use]
    pub fn networks(&self) -> String {
        self.networks.join(", ")
    }
}

/// A protocol as people write it.
fn spoken(protocol: &str) -> String {
    match protocol {
        "submission" => "SMTP".to_owned(),
        "sieve" => "Sieve".to_owned(),
        other => other.to_uppercase(),
    }
}

/// The list.
#[derive(Clone, Debug)]
pub struct Passwords {
    /// Those of the account, newest first.
    pub passwords: Vec<Password>,
    /// How many there may be.
    pub most: usize,
}

page!(Passwords, "passwords.html");

impl Passwords {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> String {
        self.passwords.len().to_string()
    }

    /// One more is allowed.
    #[must_use]
    pub fn room(&self) -> bool {
        self.passwords.len() < self.most
    }
}

/// The form for a new one.
#[derive(Clone, Debug, Default)]
pub struct NewPassword {
    /// What was typed before.
    pub name: String,
    /// The protocols chosen before; none: all.
    pub protocols: Vec<String>,
    /// The days chosen before.
    pub expires: Option<u16>,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(NewPassword, "new_password.html");

impl NewPassword {
    /// What stands in the field. What looks like a password is not shown again.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        if self.problem == Some(Problem::NameIsPassword) { "" } else { &self.name }
    }

    /// The protocols to choose from: word, spelling, chosen.
    #[must_use]
    pub fn choices(&self) -> Vec<(&'static str, String, bool)> {
        let chosen = |word: &str| self.protocols.iter().any(|protocol| protocol == word);
        ["imap", "pop3", "smtp", "sieve"].map(|word| (word, spoken(word), chosen(word))).into()
    }

    /// The lifetimes to choose from, in days: number, text, chosen.
    #[must_use]
    pub fn lifetimes(&self, f: &Frame) -> Vec<(u16, String, bool)> {
        let days = |days: u16| (days, f.n("days", "count", &days.into()), self.expires == Some(days));
        [7, 30, 90, 365].map(days).into()
    }

    /// Something under "more" was chosen: it comes back open.
    #[must_use]
    pub fn more(&self) -> bool {
        !self.protocols.is_empty() || self.expires.is_some()
    }
}

/// A new one, shown once.
#[derive(Clone)]
pub struct ShownPassword {
    /// The account it is for.
    pub account: String,
    /// Its name.
    pub name: String,
    /// The 16 characters.
    pub password: String,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

page!(ShownPassword, "shown_password.html");

/// Without the password.
impl fmt::Debug for ShownPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShownPassword").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ShownPassword {
    /// In fours for the eye.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        let characters: Vec<char> = self.password.chars().collect();
        characters.chunks(GROUP).map(|group| group.iter().collect()).collect()
    }

    /// Each character with its spelling.
    #[must_use]
    pub fn spelled(&self, f: &Frame) -> Vec<(char, String)> {
        spell::spelled(&self.password, f)
    }

    /// As a drawing, for a phone's camera.
    #[must_use]
    pub fn qr(&self) -> Option<String> {
        qr::drawing(&self.password)
    }

    /// The mail programs with instructions of their own.
    #[must_use]
    pub fn programs(&self) -> [Program; 6] {
        Program::ALL
    }
}

/// Asks before one is removed.
#[derive(Clone, Debug)]
pub struct RemovePassword {
    /// Which.
    pub password: Password,
}

page!(RemovePassword, "remove_password.html");

/// Asks before all are removed.
#[derive(Clone, Debug)]
pub struct RemoveAllPasswords {
    /// How many there are.
    pub count: usize,
}

page!(RemoveAllPasswords, "remove_all_passwords.html");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_password_stands_in_fours_and_is_not_in_debug() {
        let shown = ShownPassword {
            account: "ann@example.org".into(),
            name: "Phone".into(),
            password: "ABCDefgh2345mnpq".into(),
            expires: None,
        };
        assert_eq!(shown.groups(), ["ABCD", "efgh", "2345", "mnpq"]);
        assert!(!format!("{shown:?}").contains("efgh"));
    }
}
