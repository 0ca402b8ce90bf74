//! Keys that no setting has: told with the one that was probably meant.

use super::complaint::Fault;
use super::section::Notes;
use super::spelling::nearest;
use super::tree::{Node, Table, Value, join};

/// All keys there are.
pub(super) struct Known<'k> {
    /// As `section.key`.
    pub(super) keys: &'k [String],
    /// The sections that are written with double brackets.
    pub(super) lists: &'k [&'k str],
}

/// Complains about every key that is not known.
pub(super) fn refuse(table: &Table, known: &Known<'_>, notes: &mut Notes) {
    refuse_in("", table, known, notes);
}

fn refuse_in(section: &str, table: &Table, known: &Known<'_>, notes: &mut Notes) {
    for (key, node) in table {
        let path = join(section, key);
        // A key in quotes may have dots of its own: "lockout.failures" = 5 is no setting.
        if key.contains('.') {
            notes.complain(Some(node.key_place), &path, fault(section, key, node, known));
        } else if !names_in(&path, known.keys).is_empty() {
            for inner in tables(node) {
                refuse_in(&path, inner, known, notes);
            }
        } else if !known.keys.contains(&path) {
            notes.complain(Some(node.key_place), &path, fault(section, key, node, known));
        }
    }
}

/// The section, or each of the sections of a list.
fn tables(node: &Node) -> Vec<&Table> {
    match &node.value {
        Value::Table(table) => vec![table],
        Value::List(entries) => entries.iter().flat_map(tables).collect(),
        _ => Vec::new(),
    }
}

fn fault(section: &str, key: &str, node: &Node, known: &Known<'_>) -> Fault {
    let is_section = !tables(node).is_empty();
    let here = names_in(section, known.keys);
    let problem = if is_section { "unknown section" } else { "unknown key" };
    let cure = if let Some(near) = nearest(key, here.iter().copied()) {
        format!("did you mean {near}?")
    } else if let Some(homes) = homes_of(key, is_section, known) {
        format!("it belongs to {homes}")
    } else if section.is_empty() {
        format!("the sections are {}", here.join(", "))
    } else {
        format!("the keys of this section are {}", here.join(", "))
    };
    Fault::new(problem, cure)
}

/// The names directly in a section.
fn names_in<'k>(section: &str, known: &'k [String]) -> Vec<&'k str> {
    let prefix = if section.is_empty() { String::new() } else { format!("{section}.") };
    let mut names: Vec<&str> = known
        .iter()
        .filter_map(|path| path.strip_prefix(&prefix))
        .filter_map(|rest| rest.split('.').next())
        .collect();
    names.dedup();
    names
}

/// The sections that have a key of exactly this name: the header above it was forgotten.
fn homes_of(key: &str, is_section: bool, known: &Known<'_>) -> Option<String> {
    let homes: Vec<String> = known
        .keys
        .iter()
        .filter_map(|path| path.rsplit_once('.'))
        .filter(|(_, name)| *name == key && !is_section)
        .map(
            |(home, _)| if known.lists.contains(&home) { format!("[[{home}]]") } else { format!("[{home}]") },
        )
        .collect();
    (!homes.is_empty()).then(|| homes.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Source};

    /// The cure for an unknown key in a file that is complete but for it.
    #[track_caller]
    fn check(lines: &str, expected: &str) {
        let text = format!("{lines}\n[[listen]]\nprotocol = \"auth-client\"\npath = \"/a\"\n");
        let name = "a.toml".to_owned();
        let error = Config::from_sources(&[Source { name, text }]).unwrap_err();
        assert_eq!(error.complaints.len(), 1, "{error}");
        assert_eq!(error.complaints[0].fault.cure, expected);
    }

    #[test]
    fn the_key_that_was_meant_is_named() {
        check("[lockout]\nfailure = 5", "did you mean failures?");
        check("[lockout]\nforget-after = \"1h\"", "did you mean forget_after?");
        check("[lokout]\nfailures = 5", "did you mean lockout?");
        check("[client_passwords.argon]\npasses = 5", "did you mean argon2?");
        check("client_passwords.argon2.pass = 5", "did you mean passes?");
    }

    #[test]
    fn a_key_under_the_wrong_header_is_sent_home() {
        check("[store]\nfailures = 5", "it belongs to [lockout]");
        check("failures = 5", "it belongs to [lockout]");
        check("[log]\nuserdb = 5", "it belongs to [upstream]");
        check("[lockout]\npath = \"/x\"", "it belongs to [control] or [[listen]] or [store]");
    }

    #[test]
    fn dots_in_quotes_make_no_section() {
        check(
            "[client_passwords]\n\"argon2.passes\" = 5",
            "the keys of this section are argon2, at_webmail, per_account",
        );
    }

    #[test]
    fn where_nothing_is_near_all_are_listed() {
        check("[log]\nbanana = 5", "the keys of this section are format, level");
        check(
            "[banana]\nfailures = 5",
            "the sections are accounts, client_passwords, control, events, listen, lockout, log, main_password, \
             messages, notices, portal, rollout, sending, sharing, store, upstream, userdb",
        );
    }
}
