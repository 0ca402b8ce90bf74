//! Texts with placeholders: `%{user}` in paths, as in Dovecot's files, and `{portal}` in messages.
//!
//! Left out: anything but plain replacement. Dovecot's filters (`%{user | lower}`) have no meaning here.

use std::path::PathBuf;

use super::complaint::Fault;

/// What [`Userdb::home`](super::Userdb::home) may hold.
pub(super) const IN_HOME: &[&str] = &["user", "username", "domain"];

/// What [`Messages::wrong`](super::Messages::wrong) may hold.
pub(super) const IN_WRONG: &[&str] = &["portal"];

/// What [`Messages::blocked`](super::Messages::blocked) may hold.
pub(super) const IN_BLOCKED: &[&str] = &["portal", "until"];

/// How placeholders are marked in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// `%{name}`
    Percent,
    /// `{name}`
    Braces,
}

impl Marks {
    fn opening(self) -> &'static str {
        match self {
            Marks::Percent => "%{",
            Marks::Braces => "{",
        }
    }

    /// Characters that mean nothing outside a placeholder, so that one standing there is a slip.
    fn reserved(self) -> &'static [char] {
        match self {
            Marks::Percent => &['%'],
            Marks::Braces => &['{', '}'],
        }
    }

    fn show(self, names: &[&str]) -> String {
        let marked: Vec<String> = names.iter().map(|name| format!("{}{name}}}", self.opening())).collect();
        marked.join(", ")
    }
}

/// A part of a text.
enum Piece<'a> {
    Plain(&'a str),
    Placeholder(&'a str),
}

/// Cuts a text at its placeholders. One that is not closed is plain text.
fn pieces(mut text: &str, marks: Marks) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    while let Some((before, after)) = text.split_once(marks.opening()) {
        let Some((name, rest)) = after.split_once('}') else {
            break;
        };
        pieces.push(Piece::Plain(before));
        pieces.push(Piece::Placeholder(name));
        text = rest;
    }
    pieces.push(Piece::Plain(text));
    pieces
}

/// Puts values in place of placeholders, once: what a value holds is not looked at again. Placeholders
/// without a value vanish.
#[must_use]
pub fn fill(text: &str, marks: Marks, values: &[(&str, &str)]) -> String {
    pieces(text, marks)
        .iter()
        .map(|piece| match piece {
            Piece::Plain(plain) => plain,
            Piece::Placeholder(name) => value_of(name, values).unwrap_or_default(),
        })
        .collect()
}

fn value_of<'a>(name: &str, values: &[(&str, &'a str)]) -> Option<&'a str> {
    let found = values.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value)
}

/// Whether the text has the placeholder.
pub(super) fn holds(text: &str, marks: Marks, name: &str) -> bool {
    pieces(text, marks).iter().any(|piece| matches!(piece, Piece::Placeholder(found) if *found == name))
}

/// Refuses unknown and half-written placeholders.
pub(super) fn check(text: &str, marks: Marks, known: &[&str]) -> Result<(), Fault> {
    let cure = || format!("the placeholders here are {}", marks.show(known));
    for piece in pieces(text, marks) {
        match piece {
            Piece::Placeholder(name) if !known.contains(&name) => {
                let problem = format!("unknown placeholder {}", marks.show(&[name]));
                return Err(Fault::new(problem, cure()));
            }
            Piece::Plain(plain) if plain.contains(marks.reserved()) => {
                let stray = plain.matches(marks.reserved()).next().unwrap_or_default();
                let problem = format!("`{stray}` outside a placeholder");
                return Err(Fault::new(problem, cure()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The home of an account after the template, unless a part of its name cannot stand in a path.
pub(super) fn home(template: &str, account: &str) -> Option<PathBuf> {
    let (username, domain) = account.rsplit_once('@').unwrap_or((account, ""));
    let values = [("user", account), ("username", username), ("domain", domain)];
    let safe = values
        .iter()
        .filter(|(name, _)| holds(template, Marks::Percent, name))
        .all(|(_, value)| may_stand_in_path(value));
    safe.then(|| fill(template, Marks::Percent, &values).into())
}

/// A slash would lead into another folder; a leading dot could make `..`.
fn may_stand_in_path(value: &str) -> bool {
    !value.is_empty() && !value.starts_with('.') && !value.contains(|c: char| c == '/' || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn placeholders_are_filled_once() {
        let values = [("portal", "https://x.example/{until}"), ("until", "14:05")];
        assert_eq!(
            fill("Until {until}: {portal}{other}.", Marks::Braces, &values),
            "Until 14:05: https://x.example/{until}."
        );
        assert_eq!(fill("open {until", Marks::Braces, &values), "open {until");
    }

    #[track_caller]
    fn refused(text: &str, marks: Marks, known: &[&str], expected: &str) {
        assert_eq!(check(text, marks, known).unwrap_err().problem, expected);
    }

    #[test]
    fn unknown_and_half_placeholders_are_refused() {
        assert_eq!(check("{portal}, {until}", Marks::Braces, IN_BLOCKED), Ok(()));
        refused("{until}", Marks::Braces, IN_WRONG, "unknown placeholder {until}");
        refused("a {", Marks::Braces, IN_WRONG, "`{` outside a placeholder");
        refused("a }", Marks::Braces, IN_WRONG, "`}` outside a placeholder");
        refused("/m/%u", Marks::Percent, IN_HOME, "`%` outside a placeholder");
        refused("/m/%{home}", Marks::Percent, IN_HOME, "unknown placeholder %{home}");
    }

    fn check_home(account: &str, expected: Option<&str>) {
        let template = "/srv/mail/%{domain}/%{username}";
        assert_eq!(home(template, account), expected.map(PathBuf::from), "{account:?}");
    }

    #[test]
    fn a_home_stays_inside_the_mail_store() {
        check_home("ann@example.org", Some("/srv/mail/example.org/ann"));
        check_home("ann", None);
        check_home("../../etc@example.org", None);
        check_home("..@example.org", None);
        check_home("@example.org", None);
        check_home("a\0b@example.org", None);
        assert_eq!(home("/m/%{user}", "ann"), Some("/m/ann".into()));
    }

    proptest! {
        #[test]
        fn a_home_has_no_way_up(account in "[.a/@\0]{0,6}") {
            if let Some(home) = home("/m/%{domain}/%{username}", &account) {
                prop_assert_eq!(home.components().count(), 4);
                prop_assert!(!home.components().any(|part| part.as_os_str() == ".."));
            }
        }
    }
}
