//! Names, parsed and normalised once at the door, or refused.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use precis_profiles::{UsernameCaseMapped, precis_core::profile::Profile};

use super::clean::is_unprintable;
use super::domain;
use super::pasted::is_invisible;
use super::secret::{ALPHABET, SECRET_CHARS};

/// The longest account name, in bytes: RFC 5321 allows 64 + 1 + 255.
pub const ACCOUNT_NAME_BYTES_MAX: usize = 320;
/// The longest name of a client password or a group, in characters.
pub const PASSWORD_NAME_CHARS_MAX: usize = 64;
/// The longest protocol name, in bytes.
pub const PROTOCOL_BYTES_MAX: usize = 32;

/// Why a name was refused, in words for the person who typed it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(Cow<'static, str>);

impl NameError {
    /// A name that cannot be, and why.
    pub(super) fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self(why.into())
    }
}

fn refuse<T>(why: impl Into<Cow<'static, str>>) -> Result<T, NameError> {
    Err(NameError::new(why))
}

/// A full mail address in its one normal form: trimmed, what stands before the `@` normalised and lower-case as RFC 8265
/// `UsernameCaseMapped` says, the domain in ASCII as UTS 46 says. A copy costs next to nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(Arc<str>);

impl AccountName {
    /// Normalises what somebody typed. A name without `@` gets `default_domain`, if there is one; it is in normal form.
    ///
    /// # Errors
    /// Empty, too long, with a domain that UTS 46 refuses, with characters that RFC 8265 keeps out of user names (spaces
    /// and control characters among them), or with a comma or a quotation mark: Postfix's lists of logins are cut at
    /// commas, and a quoted name is another spelling of the one without quotes.
    pub fn parse(typed: &str, default_domain: Option<&str>) -> Result<Self, NameError> {
        let typed = typed.trim();
        if typed.is_empty() {
            return refuse("the account name is empty");
        }
        if typed.len() > ACCOUNT_NAME_BYTES_MAX {
            return refuse("the account name is too long");
        }
        let mut name = fold(typed)?;
        if let (Some(domain), false) = (default_domain, name.contains('@')) {
            name.push('@');
            name.push_str(domain);
        }
        if name.len() > ACCOUNT_NAME_BYTES_MAX {
            return refuse("the account name is too long");
        }
        Ok(Self(name.into()))
    }

    /// As [`AccountName::parse`], for a name that is to become an account: a full address.
    ///
    /// # Errors
    /// As above, and a name that is no `local@domain`.
    pub fn parse_address(typed: &str, default_domain: Option<&str>) -> Result<Self, NameError> {
        let name = Self::parse(typed, default_domain)?;
        if name.is_odd() {
            return refuse(format!("`{}` is not a full mail address like name@example.org", name.0));
        }
        Ok(name)
    }

    /// A name of the upstream's that no account here can have, as it is (observe-only: it is let in all the same).
    #[must_use]
    pub fn foreign(name: &str) -> Self {
        Self(name.into())
    }

    /// A name that the store keeps, as it is. An older one may be in a form that [`AccountName::parse`] would change, and
    /// must not be taken for the account that has the new form.
    #[must_use]
    pub fn stored(name: &str) -> Self {
        Self(name.into())
    }

    /// The normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as people read it: the domain in Unicode.
    #[must_use]
    pub fn shown(&self) -> Cow<'_, str> {
        domain::shown(&self.0)
    }

    /// What stands before and after the last `@`.
    #[must_use]
    pub fn parts(&self) -> (&str, &str) {
        self.0.rsplit_once('@').unwrap_or((&self.0, ""))
    }

    /// Whether another program may take this name for somebody else's: it has no domain, nothing before the `@`, a second
    /// `@` (Dovecot's `%n` ends at the first), or a domain with an empty label, as a dot at its end makes one. No such
    /// name is ever handed on, and none becomes an account.
    #[must_use]
    pub fn is_odd(&self) -> bool {
        match self.0.split_once('@') {
            Some((local, domain)) => {
                local.is_empty() || domain.contains('@') || domain.split('.').any(str::is_empty)
            }
            None => true,
        }
    }

    /// The address without its `+tag`, if it has one.
    #[must_use]
    pub fn untagged(&self) -> Option<Self> {
        let (local, domain) = self.0.rsplit_once('@')?;
        let (local, _tag) = local.split_once('+').filter(|(local, _)| !local.is_empty())?;
        Some(Self(format!("{local}@{domain}").into()))
    }

    /// The address with the same local part in another domain, which is in normal form.
    #[must_use]
    pub fn at_domain(&self, domain: &str) -> Option<Self> {
        let name = Self(format!("{}@{domain}", self.parts().0).into());
        (name.0.len() <= ACCOUNT_NAME_BYTES_MAX).then_some(name)
    }
}

/// Whether a list of names that is cut at commas and spaces, as Postfix cuts the answer of a table, has this name as one.
#[must_use]
pub fn is_one_in_lists(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(|c: char| LIST_MARKS.contains(&c) || c.is_whitespace() || c.is_control())
}

/// A name as events show it: people type passwords where names belong, and attackers type books.
#[must_use]
pub fn for_events(name: &str) -> &str {
    if looks_like_secret(name) {
        return "(looks like a password)";
    }
    &name[..name.floor_char_boundary(ACCOUNT_NAME_BYTES_MAX)]
}

impl From<&AccountName> for Arc<str> {
    fn from(name: &AccountName) -> Self {
        Self::clone(&name.0)
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What Chinese keyboards type for `@`.
pub(crate) const FULL_WIDTH_AT: char = '＠';

/// What would make one name two, or two names one, in the lists and tables of Postfix and Dovecot.
const LIST_MARKS: [char; 2] = [',', '"'];

fn fold(typed: &str) -> Result<String, NameError> {
    // Nearly every name is plain ASCII, where the profile only lower-cases.
    if typed.bytes().all(|byte| byte.is_ascii_graphic()) {
        let name = typed.to_ascii_lowercase();
        if !name.contains("xn--") {
            return fit_for_lists(name);
        }
    }
    let typed = typed.replace(FULL_WIDTH_AT, "@");
    let (user, typed_domain) = match typed.rsplit_once('@') {
        Some((user, domain)) => (user, Some(domain)),
        None => (&*typed, None),
    };
    let Some(mut name) = user_part(user) else {
        return refuse("the account name has characters that no user name may have (RFC 8265)");
    };
    if let Some(typed) = typed_domain {
        name.push('@');
        // An empty one makes the name odd, with or without other letters before it.
        if !typed.is_empty() {
            match domain::normal(typed) {
                Some(domain) => name.push_str(&domain),
                None => return refuse("what stands behind the @ is no domain (UTS 46)"),
            }
        }
    }
    fit_for_lists(name)
}

fn fit_for_lists(name: String) -> Result<String, NameError> {
    if name.contains(LIST_MARKS) {
        return refuse("the account name has a comma or a quotation mark in it");
    }
    Ok(name)
}

/// What stands before the domain, as RFC 8265 has it.
fn user_part(typed: &str) -> Option<String> {
    let enforce = |name: &str| -> Option<String> {
        let part = |part: &str| match part {
            "" => Some(String::new()),
            part => UsernameCaseMapped::new().enforce(part).ok().map(Cow::into_owned),
        };
        name.split('@').map(part).collect::<Option<Vec<_>>>().map(|parts| parts.join("@"))
    };
    // Once more: a small letter can be one that the profile does not know, and nobody could type that name again.
    enforce(typed).filter(|name| enforce(name).as_ref() == Some(name))
}

/// The name of a client password: 1 to 64 characters that tell a person which device it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordName(String);

impl PasswordName {
    /// Trims and checks a name.
    ///
    /// # Errors
    /// Empty, too long, with control characters, or looking like a client password itself.
    pub fn parse(typed: &str) -> Result<Self, NameError> {
        let name = typed.trim();
        if name.is_empty() {
            return refuse("a client password needs a name, such as \"Ann's phone\"");
        }
        if name.chars().count() > PASSWORD_NAME_CHARS_MAX {
            return refuse(format!("the name is longer than {PASSWORD_NAME_CHARS_MAX} characters"));
        }
        if name.contains('\t') {
            return refuse("the name has a tab in it; type a space instead");
        }
        if name.contains(is_unprintable) {
            return refuse("the name has characters in it that cannot be seen, such as control characters");
        }
        if looks_like_secret(name) {
            return refuse("this looks like a password; type a name for the device instead");
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Sixteen characters of the alphabet (spaces between them or not) of more than one kind:
/// capitals, small letters, digits.
fn looks_like_secret(name: &str) -> bool {
    let bytes: Vec<u8> = name.chars().filter(|c| !is_invisible(*c)).collect::<String>().into_bytes();
    let kinds: [fn(&u8) -> bool; 3] = [u8::is_ascii_uppercase, u8::is_ascii_lowercase, u8::is_ascii_digit];
    bytes.len() == SECRET_CHARS
        && bytes.iter().all(|byte| ALPHABET.contains(byte))
        && kinds.iter().filter(|kind| bytes.iter().any(kind)).count() > 1
}

/// The name of a group of accounts, which share sending limits: letters, digits, `.`, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(String);

impl GroupName {
    /// Lower-cases a group's name.
    ///
    /// # Errors
    /// Empty, too long, or with other characters.
    pub fn parse(typed: &str) -> Result<Self, NameError> {
        // What is checked is what is kept: in small letters a name can be longer, and have other characters.
        let name = typed.trim().to_lowercase();
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.is_empty() || name.chars().count() > PASSWORD_NAME_CHARS_MAX || !name.chars().all(fits) {
            return refuse(format!("`{}` is no group name like staff", typed.trim().escape_debug()));
        }
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A mail protocol as Dovecot and Postfix name it: imap, pop3, smtp, submission, sieve, ...
/// Lower-case; maddy says `SMTP`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Protocol(Cow<'static, str>);

/// Protocols of which a copy costs nothing: those that logins come by.
const USUAL_PROTOCOLS: [&str; 6] = ["imap", "pop3", "smtp", "submission", "sieve", "doveadm"];

impl Protocol {
    /// The name of [`Protocol::PORTAL`].
    pub const PORTAL_NAME: &str = "sidegate-portal";
    /// The portal's sign-in, in events and towards the upstream.
    pub const PORTAL: Self = Self(Cow::Borrowed(Self::PORTAL_NAME));

    /// Lower-cases a protocol name.
    ///
    /// # Errors
    /// Empty, too long, or with anything but letters, digits, `-`, `_` and `.`.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let fits = (1..=PROTOCOL_BYTES_MAX).contains(&name.len());
        if !fits || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
            return refuse(format!("`{}` is not a protocol name like imap", name.escape_debug()));
        }
        let usual = USUAL_PROTOCOLS.into_iter().find(|usual| usual.eq_ignore_ascii_case(name));
        Ok(Self(usual.map_or_else(|| name.to_ascii_lowercase().into(), Cow::Borrowed)))
    }

    /// The name in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a password for `self` may be used on `asked`. Sending mail is one thing to people,
    /// whether it is Postfix (smtp) or Dovecot's own submission service that takes it.
    #[must_use]
    pub fn covers(&self, asked: &Self) -> bool {
        let sends = |name: &str| matches!(name, "smtp" | "submission");
        self == asked || (sends(&self.0) && sends(&asked.0))
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
