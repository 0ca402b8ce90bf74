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
    /// Where that is; empty: unknown.
    pub place: String,
    /// The protocol.
    pub protocol: String,
}

/// How long before its end a client password is said to end soon: time enough to make another.
const SOON_SECS: i64 = 14 * 24 * 3600;
/// And no sooner than in the last part of its life: one for a week is not near its end from its first day.
const SOON_PART: i64 = 4;

/// How a client password stands to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It has none, or a late one.
    Good,
    /// It is near.
    EndsSoon,
    /// It is past: the password lets nobody in.
    Ended,
}

impl Life {
    /// How one that was made then is at `now` with that end.
    #[must_use]
    pub fn of(created: Timestamp, expires: Option<Timestamp>, now: Timestamp) -> Self {
        let soon = |end: Timestamp| SOON_SECS.min(end.0.saturating_sub(created.0) / SOON_PART);
        match expires {
            Some(end) if end <= now => Self::Ended,
            Some(end) if end.0.saturating_sub(now.0) <= soon(end) => Self::EndsSoon,
            _ => Self::Good,
        }
    }
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
    /// How it stands to that.
    pub life: Life,
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
            Some(Use { at, address: Some(address), place, protocol }) => {
                let from = placed(address, place, f);
                let from = f.t2("password-used-from", "address", from, "protocol", spoken(protocol));
                f.t2("password-used", "at", f.time(at), "how", from)
            }
            Some(Use { at, address: None, protocol, .. }) => {
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

/// An address with its place, if that is known.
fn placed(address: &str, place: &str, f: &Frame) -> String {
    if place.is_empty() {
        address.to_owned()
    } else {
        f.t2("address-in-place", "address", address, "place", place)
    }
}

/// A protocol as people write it.
pub(super) fn spoken(protocol: &str) -> String {
    match protocol {
        "submission" => "SMTP".to_owned(),
        "sieve" => "Sieve".to_owned(),
        other => other.to_uppercase(),
    }
}

/// A removed client password that some device still tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StillTried {
    /// The name it had.
    pub name: String,
    /// The last try.
    pub at: Timestamp,
    /// From where, if it was told.
    pub address: Option<String>,
    /// Where that is; empty: unknown.
    pub place: String,
}

impl StillTried {
    /// What it says.
    #[must_use]
    pub fn text(&self, f: &Frame) -> String {
        let last = match &self.address {
            Some(address) => {
                let from = placed(address, &self.place, f);
                f.t2("warning-old-device-last", "at", f.time(&self.at), "address", from)
            }
            None => f.t1("warning-old-device-last-nowhere", "at", f.time(&self.at)),
        };
        format!("{} {last}", f.t1("warning-old-device", "name", &self.name))
    }
}

/// The list.
#[derive(Clone, Debug)]
pub struct Passwords {
    /// Those of the account, newest first.
    pub passwords: Vec<Password>,
    /// How many there may be.
    pub most: usize,
    /// Removed ones that some device still tries, the latest try first.
    pub still_tried: Vec<StillTried>,
    /// There are profiles for Apple's devices.
    pub profiles: bool,
}

page!(Passwords, "passwords.html");

impl Passwords {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> String {
        self.passwords.len().to_string()
    }

    /// The mail programs with instructions of their own.
    #[must_use]
    pub fn programs(&self) -> [Program; 6] {
        Program::ALL
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
    /// The networks typed before; none: all.
    pub networks: String,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

/// The lifetimes to choose from, in days.
pub const LIFETIMES: [u16; 4] = [7, 30, 90, 365];
/// The protocols to choose from. `smtp` is good for Dovecot's submission service too.
pub const PROTOCOLS: [&str; 4] = ["imap", "pop3", "smtp", "sieve"];

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
        PROTOCOLS.map(|word| (word, spoken(word), chosen(word))).into()
    }

    /// The lifetimes to choose from, in days: number, text, chosen.
    #[must_use]
    pub fn lifetimes(&self, f: &Frame) -> Vec<(u16, String, bool)> {
        let days = |days: u16| (days, f.n("days", "count", &days.into()), self.expires == Some(days));
        LIFETIMES.map(days).into()
    }

    /// Something under "more" was chosen: it comes back open.
    #[must_use]
    pub fn more(&self) -> bool {
        !self.protocols.is_empty() || self.expires.is_some() || !self.networks.is_empty()
    }
}

/// The form for a new one in a profile for Apple's devices.
#[derive(Clone, Debug, Default)]
pub struct NewProfile {
    /// What was typed before.
    pub name: String,
    /// Why it comes back.
    pub problem: Option<Problem>,
}

page!(NewProfile, "new_profile.html");

impl NewProfile {
    /// What to do with the file; a line of the text is a step.
    #[must_use]
    pub fn steps(&self, f: &Frame) -> Vec<String> {
        f.t("steps-profile").lines().map(str::to_owned).collect()
    }

    /// What stands in the field. What looks like a password is not shown again.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        if self.problem == Some(Problem::NameIsPassword) { "" } else { &self.name }
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
    fn an_end_is_told_before_it_comes() {
        let now = Timestamp(1_800_000_000);
        let year = Timestamp(now.0 - 365 * 24 * 3600);
        let life = |left| Life::of(year, Some(Timestamp(now.0 + left)), now);
        assert_eq!(Life::of(year, None, now), Life::Good);
        assert_eq!([life(SOON_SECS + 1), life(SOON_SECS)], [Life::Good, Life::EndsSoon]);
        assert_eq!([life(1), life(0), life(-1)], [Life::EndsSoon, Life::Ended, Life::Ended]);
        let week = 7 * 24 * 3600;
        let of_a_week = |left| Life::of(Timestamp(now.0 + left - week), Some(Timestamp(now.0 + left)), now);
        assert_eq!([week, week / 4 + 1, week / 4].map(of_a_week), [Life::Good, Life::Good, Life::EndsSoon]);
    }

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
