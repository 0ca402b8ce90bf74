//! Names, parsed and normalised once at the door, or refused.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use precis_profiles::{UsernameCaseMapped, precis_core::profile::Profile};

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

/// A full mail address in its one normal form: trimmed, normalised and lower-case as RFC 8265
/// `UsernameCaseMapped` says. A copy costs next to nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(Arc<str>);

impl AccountName {
    /// Normalises what somebody typed. A name without `@` gets `default_domain`, if there is one.
    ///
    /// # Errors
    /// Empty, too long, or with characters that RFC 8265 keeps out of user names (spaces and
    /// control characters among them).
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

    /// The normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
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
pub(super) const FULL_WIDTH_AT: char = '＠';

fn fold(typed: &str) -> Result<String, NameError> {
    // Nearly every name is plain ASCII, where the profile only lower-cases.
    if typed.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(typed.to_ascii_lowercase());
    }
    // Each part for itself: a name that is written from right to left may well be in a Latin domain.
    let enforce = |name: &str| -> Option<String> {
        let part = |part: &str| match part {
            "" => Some(String::new()),
            part => UsernameCaseMapped::new().enforce(part).ok().map(Cow::into_owned),
        };
        name.split('@').map(part).collect::<Option<Vec<_>>>().map(|parts| parts.join("@"))
    };
    // Once more: a small letter can be one that the profile does not know, and nobody could type that name again.
    match enforce(&typed.replace(FULL_WIDTH_AT, "@")).filter(|name| enforce(name).as_ref() == Some(name)) {
        Some(name) => Ok(name),
        None => refuse("the account name has characters that no user name may have (RFC 8265)"),
    }
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
        if name.chars().any(char::is_control) {
            return refuse("the name has control characters in it");
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
    let bytes: Vec<u8> = name.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn account(typed: &str) -> Result<String, String> {
        AccountName::parse(typed, Some("example.org")).map(|n| n.to_string()).map_err(|e| e.to_string())
    }

    #[test]
    fn account_names_have_one_normal_form() {
        for typed in ["ann@example.org", " Ann@Example.ORG\t", "ann", "ＡＮＮ@example.org", "ANN"] {
            assert_eq!(account(typed).as_deref(), Ok("ann@example.org"), "{typed:?}");
        }
        assert_eq!(account("Jürgen@example.org").as_deref(), Ok("jürgen@example.org"));
        assert_eq!(account("ju\u{308}rgen@example.org").as_deref(), Ok("jürgen@example.org"));
        assert_eq!(AccountName::parse("ann", None).unwrap().as_str(), "ann");
    }

    #[test]
    fn a_name_from_right_to_left_is_the_same_with_and_without_its_domain() {
        for typed in ["דנה", "דנה@example.org", "דנה＠Example.org", " דנה@example.org "] {
            assert_eq!(account(typed).as_deref(), Ok("דנה@example.org"), "{typed:?}");
        }
        assert!(account("דנהann@example.org").is_err(), "both ways in one part");
    }

    #[test]
    fn account_names_that_cannot_be() {
        for typed in
            ["", "  ", "an n@example.org", "ann\u{0}@example.org", "ann\u{202e}@example.org", "é\tx", "Ꭰ@x"]
        {
            assert!(account(typed).is_err(), "{typed:?}");
        }
        let longest = format!("{}@example.org", "a".repeat(ACCOUNT_NAME_BYTES_MAX - 12));
        assert_eq!(longest.len(), ACCOUNT_NAME_BYTES_MAX);
        assert!(account(&longest).is_ok());
        assert!(account(&format!("a{longest}")).is_err());
    }

    #[test]
    fn a_name_that_others_may_read_otherwise_is_odd_and_no_address() {
        let odd = [
            "ann",
            "ann@",
            "@example.org",
            "@",
            "@@example.org",
            "＠@example.org",
            "ann@@example.org",
            "ann@x@example.org",
            "ann@example.org.",
            "ann@.example.org",
            "ann@example..org",
            "ann@.",
        ];
        for typed in odd {
            assert!(AccountName::parse(typed, None).unwrap().is_odd(), "{typed:?}");
            assert!(AccountName::parse_address(typed, None).is_err(), "{typed:?}");
        }
        for typed in ["ann@example.org", "ann@x", ".ann.@example.org", "ann+list@example.org"] {
            assert!(!AccountName::parse_address(typed, None).unwrap().is_odd(), "{typed:?}");
        }
    }

    #[test]
    fn tags_are_taken_off() {
        let untagged = |text: &str| AccountName::parse(text, None).unwrap().untagged().map(|n| n.0);
        assert_eq!(untagged("ann+list@example.org").as_deref(), Some("ann@example.org"));
        assert_eq!(untagged("ann+a+b@example.org").as_deref(), Some("ann@example.org"));
        for plain in ["ann@example.org", "+list@example.org", "ann+list", "ann@sub+x.example.org"] {
            assert_eq!(untagged(plain), None, "{plain}");
        }
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own_normal_form(typed in "(\\PC|[a-zA-Z0-9@.+ßİΣ\u{300}]){0,12}") {
            if let Ok(name) = AccountName::parse(&typed, None) {
                prop_assert_eq!(AccountName::parse(name.as_str(), None), Ok(name.clone()));
            }
            // The domain that is added is the domain that is typed.
            if !typed.contains(['@', FULL_WIDTH_AT]) && !typed.trim().is_empty() {
                let whole = AccountName::parse(&format!("{}@example.org", typed.trim()), None);
                prop_assert_eq!(AccountName::parse(&typed, Some("example.org")), whole);
            }
            if let Ok(name) = PasswordName::parse(&typed) {
                prop_assert_eq!(PasswordName::parse(name.as_str()), Ok(name));
            }
            if let Ok(name) = GroupName::parse(&typed) {
                prop_assert_eq!(GroupName::parse(name.as_str()), Ok(name));
            }
            if let Ok(protocol) = Protocol::parse(&typed) {
                prop_assert_eq!(Protocol::parse(protocol.as_str()), Ok(protocol));
            }
        }
    }

    #[test]
    fn group_names_are_words() {
        assert_eq!(GroupName::parse(" Staff ").unwrap().as_str(), "staff");
        assert_eq!(GroupName::parse("学生").unwrap().as_str(), "学生");
        assert!(
            GroupName::parse("İ").is_err(),
            "in small letters it is two characters, one of which does not fit"
        );
        for bad in ["", "a b", "a@b", "a/b"] {
            assert!(GroupName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(GroupName::parse(&"g".repeat(PASSWORD_NAME_CHARS_MAX)).is_ok());
        assert!(GroupName::parse(&"g".repeat(PASSWORD_NAME_CHARS_MAX + 1)).is_err());
    }

    #[test]
    fn events_show_no_password_that_was_typed_as_a_name_and_no_book() {
        assert_eq!(for_events("ann@example.org"), "ann@example.org");
        assert_eq!(for_events("Fj7kQm2RxT9wBn4c"), "(looks like a password)");
        assert_eq!(for_events("fj7k qm2r xt9w bn4c"), "(looks like a password)");
        assert_eq!(for_events(&"é".repeat(10_000)).len(), ACCOUNT_NAME_BYTES_MAX);
    }

    #[test]
    fn a_password_name_is_not_a_password() {
        for good in ["Ann's phone", "iPhone", "ABCDEFGHJKLMNPQR", "手机", "Fj7kQm2RxT9wBn4", "x"] {
            assert!(PasswordName::parse(good).is_ok(), "{good:?}");
        }
        for bad in ["", " ", "Fj7kQm2RxT9wBn4c", "Fj7k Qm2R xT9w Bn4c", "a\nb"] {
            assert!(PasswordName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(PasswordName::parse(&"手".repeat(PASSWORD_NAME_CHARS_MAX)).is_ok());
        assert!(PasswordName::parse(&"手".repeat(PASSWORD_NAME_CHARS_MAX + 1)).is_err());
    }

    #[test]
    fn protocols_compare_without_case_and_sending_is_one_thing() {
        let protocol = |name| Protocol::parse(name).unwrap();
        assert_eq!(protocol("SMTP"), protocol("smtp"));
        assert!(protocol("submission").covers(&protocol("smtp")));
        assert!(!protocol("imap").covers(&protocol("pop3")));
        assert!(Protocol::parse("").is_err());
        assert!(Protocol::parse("im ap").is_err());
        assert!(Protocol::parse(&"p".repeat(PROTOCOL_BYTES_MAX)).is_ok());
        assert!(Protocol::parse(&"p".repeat(PROTOCOL_BYTES_MAX + 1)).is_err());
    }
}
