//! What is imported, row by row: accounts, and client passwords of other systems.
//!
//! The command line reads cells of a table, the control API fields of JSON; both make the same rows here, and are told
//! the same mistakes: every one, with the column that it is in.

use std::borrow::Cow;
use std::net::IpAddr;
use std::str::FromStr as _;

use ipnet::IpNet;

use super::account::{TERMS_MAX, Terms};
use super::alias::{Alias, Place};
use super::foreign::ForeignHash;
use super::name::{AccountName, GroupName, PasswordName, Protocol};
use crate::clock::Timestamp;

/// The most aliases of an account in one row.
pub const ALIASES_MAX: usize = 100;

/// What is wrong with one cell, and the cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which.
    pub column: &'static str,
    /// Why.
    pub why: String,
}

impl Fault {
    /// A mistake in a column.
    pub fn new(column: &'static str, why: impl ToString) -> Self {
        Self { column, why: why.to_string() }
    }
}

/// An account to be made or changed. What is absent stays as it is, or gets its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// Its address.
    pub account: AccountName,
    /// Enabled or disabled.
    pub enabled: Option<bool>,
    /// Two-factor on or off.
    pub two_factor: Option<bool>,
    /// The group to put it into.
    pub group: Option<GroupName>,
    /// Further addresses that it is to have.
    pub aliases: Vec<Alias>,
}

impl AccountRow {
    /// Checks a row.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn new(
        account: &str,
        (enabled, two_factor): (Option<bool>, Option<bool>),
        group: Option<&str>,
        aliases: &[impl AsRef<str>],
    ) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let account = taken("account", AccountName::parse_address(account, None), &mut faults);
        let group = group.map(|name| taken("group", GroupName::parse(name), &mut faults));
        if aliases.len() > ALIASES_MAX {
            faults.push(Fault::new("aliases", format!("more than {ALIASES_MAX}; add the others afterwards")));
        }
        let mut theirs: Vec<Alias> = Vec::new();
        for alias in aliases.iter().take(ALIASES_MAX) {
            let place = taken("aliases", Place::parse(alias.as_ref(), None), &mut faults);
            let (Some(place), Some(account)) = (place, &account) else { continue };
            match Alias::new(place, Place::Address(account.clone())) {
                Ok(alias) if theirs.contains(&alias) => {
                    faults.push(Fault::new("aliases", format!("{} is there twice", alias.alias)));
                }
                Ok(alias) => theirs.push(alias),
                Err(why) => faults.push(Fault::new("aliases", why)),
            }
        }
        match (account, group) {
            (Some(account), None) if faults.is_empty() => {
                Ok(Self { account, enabled, two_factor, group: None, aliases: theirs })
            }
            (Some(account), Some(Some(group))) if faults.is_empty() => {
                Ok(Self { account, enabled, two_factor, group: Some(group), aliases: theirs })
            }
            _ => Err(faults),
        }
    }
}

/// A client password of another system. `Debug` does not tell its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordRow {
    /// Whose.
    pub account: AccountName,
    /// For which device.
    pub name: PasswordName,
    /// What the other system knows of it.
    pub hash: ForeignHash,
    /// What it is good for.
    pub terms: Terms,
}

impl PasswordRow {
    /// Checks a row.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn new(
        account: &str,
        name: &str,
        hash: &str,
        (protocols, networks): (&[impl AsRef<str>], &[impl AsRef<str>]),
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let account =
            taken("account", parsed(account, |typed| AccountName::parse_address(typed, None)), &mut faults);
        let name = taken("name", parsed(name, PasswordName::parse), &mut faults);
        let hash = taken("hash", ForeignHash::parse(hash), &mut faults);
        for (column, count) in [("protocols", protocols.len()), ("from", networks.len())] {
            if count > TERMS_MAX {
                faults.push(Fault::new(column, format!("at most {TERMS_MAX}")));
            }
        }
        if expires.is_some_and(|end| end <= now) {
            faults.push(Fault::new("expires", "this time has passed already; leave the line out"));
        }
        let protocols = protocols.iter().take(TERMS_MAX);
        let protocols = protocols
            .filter_map(|one| taken("protocols", parsed(one.as_ref(), Protocol::parse), &mut faults))
            .collect();
        let networks = networks.iter().take(TERMS_MAX);
        let networks =
            networks.filter_map(|one| taken("from", parsed(one.as_ref(), network), &mut faults)).collect();
        match (account, name, hash) {
            (Some(account), Some(name), Some(hash)) if faults.is_empty() => {
                Ok(Self { account, name, hash, terms: Terms { expires, protocols, networks } })
            }
            _ => Err(faults),
        }
    }
}

fn taken<T, E: ToString>(column: &'static str, value: Result<T, E>, faults: &mut Vec<Fault>) -> Option<T> {
    value.map_err(|why| faults.push(Fault::new(column, why))).ok()
}

/// What stands where a hash was meant to stand, or the other way round: it is not repeated to anybody.
fn looks_like_hash(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('$') || text.starts_with('{')
}

const MISPLACED: &str = "this looks like a password hash; do the cells stand in the order of the first line?";

fn parsed<T, E: ToString>(text: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, String> {
    if looks_like_hash(text) {
        return Err(MISPLACED.to_owned());
    }
    parse(text).map_err(|why| why.to_string())
}

/// A network, or a single address.
///
/// # Errors
/// Neither, in words.
pub fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    match text.parse::<IpNet>().or_else(|_| address()) {
        Ok(network) => Ok(network.trunc()),
        Err(_) => Err(format!("`{}` is no network like 192.0.2.0/24", text.escape_debug())),
    }
}

/// Yes or no, as people write it in a table; an empty cell says nothing.
///
/// # Errors
/// Neither, in words.
pub fn switch(cell: &str) -> Result<Option<bool>, String> {
    match cell.trim().to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "on" | "yes" | "true" | "1" => Ok(Some(true)),
        "off" | "no" | "false" | "0" => Ok(Some(false)),
        _ => Err(format!("`{}` is neither on nor off", cell.trim().escape_debug())),
    }
}

/// Words with spaces or commas between them.
#[must_use]
pub fn words(cell: &str) -> Vec<&str> {
    cell.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty()).collect()
}

/// A moment: `2027-01-31T12:00:00Z`, or a day, which means its beginning in UTC; an empty cell is none.
///
/// # Errors
/// Neither, in words.
pub fn moment(cell: &str) -> Result<Option<Timestamp>, String> {
    let text = cell.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if looks_like_hash(text) {
        return Err(MISPLACED.to_owned());
    }
    let day = || {
        // A time without a zone would be read as a day, too, and its time be dropped.
        let text = Some(text).filter(|text| text.len() == "2027-01-31".len())?;
        let day = jiff::civil::Date::from_str(text).ok()?;
        day.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|start| start.timestamp())
    };
    match jiff::Timestamp::from_str(text).ok().or_else(day) {
        Some(at) => Ok(Some(Timestamp(at.as_second()))),
        None => Err(format!(
            "`{}` is no time like 2027-01-31T12:00:00Z and no day like 2027-01-31",
            text.escape_debug()
        )),
    }
}

/// What a spreadsheet would take for a formula, and what would end a cell before it.
fn is_active(first: char) -> bool {
    matches!(first, '=' | '+' | '-' | '@' | '\t' | '\r')
}

/// A cell that no spreadsheet takes for a formula: `'` stands before one that it would. [`unguarded`] takes it away.
#[must_use]
pub fn guarded(cell: &str) -> Cow<'_, str> {
    let mut chars = cell.chars();
    let guards = match (chars.next(), chars.next()) {
        (Some('\''), Some(next)) => next == '\'' || is_active(next),
        (Some(first), _) => is_active(first),
        (None, _) => false,
    };
    if guards { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// What [`guarded`] was given.
#[must_use]
pub fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(|next| next == '\'' || is_active(next)) => rest,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);
    const HASH: &str = "{BLF-CRYPT}$2y$05$LQbp/3uFL6Vc1/qN5h3va.nGYTpsKBGrs/mZumKwAYlOXLmKnK0XO";
    const NONE: &[&str] = &[];

    fn columns(faults: Vec<Fault>) -> Vec<&'static str> {
        faults.into_iter().map(|fault| fault.column).collect()
    }

    #[test]
    fn an_account_is_read_in_its_normal_form() {
        let row = AccountRow::new(
            " Ann@Example.ORG",
            (Some(true), None),
            Some("Staff"),
            &["Info@example.org", "@b.c"],
        );
        let row = row.unwrap();
        assert_eq!(
            (row.account.as_str(), row.enabled, row.two_factor),
            ("ann@example.org", Some(true), None)
        );
        assert_eq!(row.group.unwrap().as_str(), "staff");
        let aliases: Vec<String> = row.aliases.iter().map(|alias| alias.alias.to_string()).collect();
        assert_eq!(aliases, ["info@example.org", "@b.c"]);
    }

    #[test]
    fn every_mistake_of_an_account_is_told() {
        let row = AccountRow::new("ann", (None, None), Some("no group"), &["a b@c", "x@example.org"]);
        assert_eq!(columns(row.unwrap_err()), ["account", "group", "aliases"]);
        let row = AccountRow::new("a@b.c", (None, None), None, &["A@b.c", "x@b.c", "X@B.C"]);
        assert_eq!(columns(row.unwrap_err()), ["aliases", "aliases"], "itself, and one twice");
        let many = |count: usize| (0..count).map(|n| format!("{n}@b.c")).collect::<Vec<_>>();
        assert!(AccountRow::new("a@b.c", (None, None), None, &many(ALIASES_MAX)).is_ok());
        let row = AccountRow::new("a@b.c", (None, None), None, &many(ALIASES_MAX + 1));
        assert_eq!(columns(row.unwrap_err()), ["aliases"]);
    }

    #[test]
    fn every_mistake_of_a_password_is_told_and_nothing_of_its_hash() {
        let good = PasswordRow::new(
            "a@b.c",
            "Phone",
            HASH,
            (&["imap"], &["192.0.2.7"]),
            Some(Timestamp(NOW.0 + 1)),
            NOW,
        );
        let good = good.unwrap();
        assert_eq!(good.terms.networks[0].to_string(), "192.0.2.7/32");
        assert!(!format!("{good:?}").contains("LQbp"));
        let bad = PasswordRow::new("a", "", "hunter2", (&["i map"], &["here"]), Some(NOW), NOW).unwrap_err();
        assert!(!format!("{bad:?}").contains("hunter2"));
        assert_eq!(columns(bad), ["account", "name", "hash", "expires", "protocols", "from"]);
        let bad = PasswordRow::new(HASH, HASH, "imap", (&[HASH], &[HASH]), None, NOW).unwrap_err();
        assert!(!format!("{bad:?}{:?}", moment(HASH)).contains("LQbp"), "in whatever column it stands");
        assert_eq!(columns(bad), ["account", "name", "hash", "protocols", "from"]);
        let many = vec!["imap"; TERMS_MAX + 1];
        assert!(PasswordRow::new("a@b.c", "x", HASH, (&many[1..], NONE), None, NOW).is_ok());
        let row = PasswordRow::new("a@b.c", "x", HASH, (&many, NONE), None, NOW);
        assert_eq!(columns(row.unwrap_err()), ["protocols"]);
    }

    #[test]
    fn cells_are_read_as_people_write_them() {
        for (cell, read) in [("on", Some(true)), (" YES ", Some(true)), ("false", Some(false)), ("", None)] {
            assert_eq!(switch(cell), Ok(read), "{cell}");
        }
        assert!(switch("maybe").unwrap_err().contains("`maybe`"));
        assert_eq!(words(" imap, smtp  sieve,"), ["imap", "smtp", "sieve"]);
        assert_eq!(moment(""), Ok(None));
        assert_eq!(moment("2027-01-15"), Ok(Some(Timestamp(1_799_971_200))));
        assert_eq!(moment("2027-01-15T09:00:00+01:00"), Ok(Some(Timestamp(NOW.0))));
        for wrong in ["soon", "15.01.2027", "2027-02-30", "2027-01-15 08:00"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_cell_is_a_formula_and_every_cell_comes_back(cell in "['=+@a\t\r-]{0,4}\\PC{0,3}") {
            let shown = guarded(&cell);
            prop_assert!(!shown.starts_with(is_active));
            prop_assert_eq!(unguarded(&shown), &cell);
        }
    }
}
