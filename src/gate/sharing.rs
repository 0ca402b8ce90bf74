//! What Dovecot is told of delegations: the text of two files that it reads.
//!
//! - The *global ACL file*: who may do what with which mailbox (Dovecot 2.3, and 2.4 up to 2.4.2). Dovecot matches its
//!   patterns with the name that a mailbox has in the session of whoever asks, and there the mailboxes of others stand
//!   below their owner's name. So a line says whose mailboxes it is about, and touches nobody's own.
//! - The *sharing map*: whose mailboxes to look for when a delegate asks for the list of mailboxes. It grants nothing.
//!
//! One line that Dovecot cannot read ends the reading of mail for everybody, and a name that is a pattern would open
//! mailboxes of others. So names stand here only if every character of them is known to be harmless; Dovecot has no way
//! to escape a pattern.

use std::collections::BTreeMap;

use super::delegation::Right;

/// The mark in the setting that stands for the owner's name.
const MARK: &str = "%{owner}";
/// What separates mailbox names, as the shipped configurations of Dovecot have it.
const SEPARATOR: char = '/';
/// What a name may have beside letters and digits: what RFC 5321 lets stand unquoted, without the characters that mean
/// something to Dovecot, in a pattern (`*` `?`), a setting (`%` `$`) or a mailbox name (`/`).
const HARMLESS: &str = "!#&'+-.=@^_`{|}~";
/// Tells a person who finds the file what it is.
const HEAD: &str =
    "# Written by Sidegate from its delegations. What is changed here is lost at the next change there.\n";

/// An owner, a delegate, and what the one grants the other.
pub type Delegation = (String, String, Right);

/// Under which name a delegate finds the mailboxes of an owner: the prefix of Dovecot's shared namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    before: String,
}

/// Why a prefix was refused, in words for the administrator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// The owner's name does not stand where Dovecot wants it.
    #[error("the prefix must be like shared/{MARK}/: some text, a slash, the mark for the owner, a slash")]
    Shape,
    /// A character with a meaning of its own.
    #[error("the prefix has the character {0:?}, which means something else to Dovecot")]
    Character(char),
}

impl Prefix {
    /// Reads a prefix such as `shared/%{owner}/`.
    ///
    /// # Errors
    /// Another shape, or characters that Dovecot would read as something else.
    pub fn parse(setting: &str) -> Result<Self, PrefixError> {
        let before = setting.strip_suffix(SEPARATOR).and_then(|text| text.strip_suffix(MARK));
        let before = before.filter(|text| text.ends_with(SEPARATOR)).ok_or(PrefixError::Shape)?;
        if before.split_terminator(SEPARATOR).any(|part| part.trim() != part || part.is_empty()) {
            return Err(PrefixError::Shape);
        }
        let fits = |c: char| c == SEPARATOR || c == ' ' || harmless(c);
        match before.chars().find(|c| !fits(*c)) {
            Some(odd) => Err(PrefixError::Character(odd)),
            None => Ok(Self { before: before.to_owned() }),
        }
    }

    /// The name of an owner's INBOX, as a delegate sees it, and the place where folders are beside it.
    #[must_use]
    pub fn place(&self, owner: &str) -> String {
        format!("{}{owner}", self.before)
    }

    /// The patterns of all mailboxes of an owner, as a delegate sees them. The first is INBOX, and the place where
    /// folders are made beside it.
    fn patterns(&self, owner: &str) -> [String; 2] {
        let inbox = self.place(owner);
        let others = format!("{inbox}{SEPARATOR}*");
        [inbox, others]
    }
}

/// The two files, and what could not be written into them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// The global ACL file.
    pub acl: String,
    /// The sharing map, in the format of Dovecot's file dict: a line for a key, a line for its value.
    pub map: String,
    /// Delegations that were left out, because a name in them could be read as something else.
    pub unwritable: Vec<Delegation>,
}

/// The two files for these delegations: the same text for the same delegations, in whatever order they come.
#[must_use]
pub fn texts(prefix: &Prefix, delegations: &[Delegation]) -> Texts {
    let mut best = BTreeMap::new();
    for (owner, delegate, right) in delegations {
        let held = best.entry((owner, delegate)).or_insert(*right);
        *held = right.max(held).to_owned();
    }
    let mut texts = Texts { acl: HEAD.to_owned(), map: String::new(), unwritable: Vec::new() };
    for ((owner, delegate), right) in best {
        if !writable(owner) || !writable(delegate) {
            texts.unwritable.push((owner.clone(), delegate.clone(), right));
            continue;
        }
        for pattern in prefix.patterns(owner) {
            texts.acl += &format!("\"{pattern}\" \"user={delegate}\" {}\n", letters(right));
        }
        texts.map += &format!("shared/shared-boxes/user/{delegate}/{owner}\n1\n");
    }
    texts
}

/// What a delegate may do with the mailboxes, in the letters of RFC 4314. Never `a`: no delegate passes it on.
fn letters(right: Right) -> &'static str {
    match right {
        Right::Read | Right::OnBehalf => "lr",
        Right::SendAs => "lrwstiekx",
    }
}

/// Whether a delegation from or to somebody of this name can be written.
#[must_use]
pub fn writable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(harmless)
}

fn harmless(c: char) -> bool {
    c.is_alphanumeric() || HARMLESS.contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEAM: &str = "team@example.org";
    const BOB: &str = "bob@example.org";

    fn prefix() -> Prefix {
        Prefix::parse("shared/%{owner}/").unwrap()
    }

    fn granted(list: &[(&str, &str, Right)]) -> Texts {
        let list: Vec<Delegation> =
            list.iter().map(|(o, d, right)| ((*o).into(), (*d).into(), *right)).collect();
        texts(&prefix(), &list)
    }

    #[test]
    fn nobody_grants_anything() {
        let none = granted(&[]);
        assert_eq!((none.acl.as_str(), none.map.as_str()), (HEAD, ""));
        assert_eq!(none.unwritable, []);
    }

    #[test]
    fn each_right_has_its_letters_for_inbox_and_all_other_mailboxes() {
        for (right, letters) in [(Right::Read, "lr"), (Right::OnBehalf, "lr"), (Right::SendAs, "lrwstiekx")] {
            let texts = granted(&[(TEAM, BOB, right)]);
            let lines = format!(
                "{HEAD}\"shared/team@example.org\" \"user=bob@example.org\" {letters}\n\
                 \"shared/team@example.org/*\" \"user=bob@example.org\" {letters}\n"
            );
            assert_eq!(texts.acl, lines);
            assert_eq!(texts.map, "shared/shared-boxes/user/bob@example.org/team@example.org\n1\n");
        }
    }

    #[test]
    fn the_order_they_come_in_changes_nothing_and_the_greater_right_counts() {
        let one = granted(&[(TEAM, BOB, Right::SendAs), (BOB, TEAM, Right::Read), (TEAM, BOB, Right::Read)]);
        let other =
            granted(&[(BOB, TEAM, Right::Read), (TEAM, BOB, Right::Read), (TEAM, BOB, Right::SendAs)]);
        assert_eq!(one, other);
        assert_eq!(one.acl.lines().count(), 5, "{}", one.acl);
        assert_eq!(one.acl.matches("lrwstiekx").count(), 2);
    }

    #[test]
    fn names_that_people_have_are_written() {
        let names = [
            "o'neil@example.org",
            "ann+lists@example.org",
            "a=b@example.org",
            "jürgen@bücher.example",
            "手机@example.org",
            "!#&'+-.=^_`{|}~@example.org",
        ];
        for name in names {
            let texts = granted(&[(name, BOB, Right::Read), (TEAM, name, Right::Read)]);
            assert_eq!(texts.unwritable, [], "{name}");
            assert_eq!(texts.map.lines().count(), 4, "{name}");
        }
    }

    /// The wrong case beside the right one: what could be a pattern, end a line or a name, or be expanded.
    #[test]
    fn hostile_names_are_left_out_and_told_whoever_has_them() {
        let hostile = [
            "",
            "*@example.org",
            "a?n@example.org",
            "*",
            "a\"b@example.org",
            "a\\b@example.org",
            "a/b@example.org",
            "../b@example.org",
            "%u@example.org",
            "%{home}@example.org",
            "$user@example.org",
            "a b@example.org",
            "a\u{a0}b@example.org",
            "a\nb@example.org",
            "a\rb@example.org",
            "a\0b@example.org",
            "a\u{1}b@example.org",
            "a\u{202e}b@example.org",
            "a\u{fffd}b@example.org",
            "a,b@example.org",
            "a:b@example.org",
            "<a>@example.org",
            "(a)@example.org",
            "[a]@example.org",
        ];
        for name in hostile {
            let good = granted(&[(TEAM, BOB, Right::Read)]);
            let texts =
                granted(&[(name, BOB, Right::SendAs), (TEAM, name, Right::SendAs), (TEAM, BOB, Right::Read)]);
            assert_eq!((&texts.acl, &texts.map), (&good.acl, &good.map), "{name:?}");
            assert_eq!(texts.unwritable.len(), 2, "{name:?}");
            assert!(texts.unwritable.contains(&(name.into(), BOB.into(), Right::SendAs)), "{name:?}");
            assert!(texts.unwritable.contains(&(TEAM.into(), name.into(), Right::SendAs)), "{name:?}");
        }
    }

    proptest::proptest! {
        /// Whatever the names: each line of the ACL file has the one shape, and each map entry has two lines.
        #[test]
        fn no_name_breaks_out_of_its_line(owner in ".{0,12}", delegate in ".{0,12}") {
            let texts = granted(&[(&owner, &delegate, Right::SendAs)]);
            let lines = texts.acl.lines().skip(1);
            let shaped = |line: &str| {
                let parts: Vec<&str> = line.split('"').collect();
                parts.len() == 5 && parts[1].starts_with("shared/") && parts[2] == " "
                    && parts[3].starts_with("user=") && parts[4] == " lrwstiekx"
            };
            proptest::prop_assert!(lines.clone().all(shaped), "{}", texts.acl);
            let written = texts.unwritable.is_empty();
            proptest::prop_assert_eq!(lines.count(), if written { 2 } else { 0 });
            proptest::prop_assert_eq!(texts.map.lines().count(), if written { 2 } else { 0 });
            proptest::prop_assert_eq!(texts.acl.matches('*').count(), usize::from(written));
        }
    }

    #[test]
    fn prefixes() {
        let patterns = |setting| Prefix::parse(setting).map(|prefix| prefix.patterns(TEAM));
        assert_eq!(
            patterns("Shared mail/of/%{owner}/"),
            Ok(["Shared mail/of/team@example.org".into(), "Shared mail/of/team@example.org/*".into()])
        );
        for shape in [
            "",
            "shared/",
            "%{owner}/",
            "/%{owner}/",
            "shared/%{owner}",
            "shared%{owner}/",
            "shared/%{owner}/x/",
            "shared//%{owner}/",
            " shared/%{owner}/",
            "shared/%u/",
        ] {
            assert_eq!(Prefix::parse(shape), Err(PrefixError::Shape), "{shape:?}");
        }
        for (setting, odd) in [
            ("sh*red/%{owner}/", '*'),
            ("shared\"/%{owner}/", '"'),
            ("%{owner}/%{owner}/", '%'),
            ("a\tb/%{owner}/", '\t'),
        ] {
            assert_eq!(Prefix::parse(setting), Err(PrefixError::Character(odd)), "{setting:?}");
        }
    }
}
