//! Aliases: further addresses that belong to an account, one by one or a whole domain at once.
//!
//! | alias | whose | what it means |
//! |---|---|---|
//! | `info@example.org` | `ann@example.org` | one more address of Ann's; several accounts may share it |
//! | `@example.net` | `@example.org` | every `name@example.net` is `name@example.org`'s |
//! | `@example.com` | `ann@example.org` | every address of the domain is Ann's, where nobody else has it |

use std::fmt;

use super::name::{ACCOUNT_NAME_BYTES_MAX, AccountName, FULL_WIDTH_AT, NameError};

/// An address, or every address of a domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// One address.
    Address(AccountName),
    /// A domain, without its `@`, in normal form.
    Domain(String),
}

impl Place {
    /// Reads `name@example.org` or `@example.org`.
    ///
    /// # Errors
    /// Neither of them.
    pub fn parse(typed: &str, default_domain: Option<&str>) -> Result<Self, NameError> {
        let typed = typed.trim();
        let Some(domain) = typed.strip_prefix(['@', FULL_WIDTH_AT]) else {
            return AccountName::parse_address(typed, default_domain).map(Self::Address);
        };
        // A domain is folded as it would be within an address.
        let name = AccountName::parse_address(&format!("x@{domain}"), None)?;
        match name.parts() {
            ("x", domain) if domain.len() < ACCOUNT_NAME_BYTES_MAX => Ok(Self::Domain(domain.to_owned())),
            _ => Err(NameError::new(format!("`{}` is no domain like @example.org", typed.escape_debug()))),
        }
    }

    /// One that the store keeps, as it is; see [`AccountName::stored`].
    #[must_use]
    pub fn stored(kept: &str) -> Self {
        match kept.strip_prefix('@') {
            Some(domain) => Self::Domain(domain.to_owned()),
            None => Self::Address(AccountName::stored(kept)),
        }
    }
}

/// As it is written, stored and shown.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(name) => name.fmt(f),
            Self::Domain(domain) => write!(f, "@{domain}"),
        }
    }
}

/// An alias and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The further address, or domain of addresses.
    pub alias: Place,
    /// The account, or the domain whose accounts have the same names.
    pub of: Place,
}

impl Alias {
    /// Puts the two together.
    ///
    /// # Errors
    /// One address cannot be every account's of a domain, and nothing is an alias of itself.
    pub fn new(alias: Place, of: Place) -> Result<Self, NameError> {
        if let (Place::Address(_), Place::Domain(_)) = (&alias, &of) {
            return Err(NameError::new("an address can be an account's, not a whole domain's"));
        }
        if alias == of {
            return Err(NameError::new("nothing is an alias of itself"));
        }
        Ok(Self { alias, of })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(typed: &str) -> Result<String, String> {
        Place::parse(typed, Some("example.org")).map(|p| p.to_string()).map_err(|e| e.to_string())
    }

    #[test]
    fn addresses_and_domains_have_one_normal_form() {
        assert_eq!(place(" Info@Example.ORG ").as_deref(), Ok("info@example.org"));
        assert_eq!(place("info").as_deref(), Ok("info@example.org"));
        assert_eq!(place("@Example.NET").as_deref(), Ok("@example.net"));
        assert_eq!(place("@München.example").as_deref(), Ok("@xn--mnchen-3ya.example"));
        assert_eq!(place("info@münchen。example").as_deref(), Ok("info@xn--mnchen-3ya.example"));
        assert_eq!(place("＠Example.NET").as_deref(), Ok("@example.net"), "from a Chinese keyboard");
        for bad in ["", "@", "@a b", "@a@b", "info@", "@@", "＠@x", "@＠x"] {
            assert!(place(bad).is_err(), "{bad:?}");
        }
        let long = |bytes: usize| place(&format!("@{}", "d".repeat(bytes)));
        assert!(long(ACCOUNT_NAME_BYTES_MAX - 2).is_ok());
        assert!(long(ACCOUNT_NAME_BYTES_MAX - 1).is_err());
    }

    #[test]
    fn what_can_be_whose() {
        let new = |alias: &str, of: &str| {
            Alias::new(Place::parse(alias, None).unwrap(), Place::parse(of, None).unwrap()).is_ok()
        };
        assert!(new("info@example.org", "ann@example.org"));
        assert!(new("@example.net", "@example.org"));
        assert!(new("@example.com", "ann@example.org"));
        assert!(!new("info@example.org", "@example.org"));
        assert!(!new("@example.org", "@example.org"));
        assert!(!new("ann@example.org", "ann@example.org"));
    }
}
