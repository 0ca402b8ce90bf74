//! Rules between settings that are right by themselves.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::path::Path;

use super::complaint::Fault;
use super::section::Notes;
use super::settings::LISTENERS_MAX;
use super::tree::{Place, Table, Value, find};
use super::{CheckedBy, Config, MailClients, Mode, translators};

/// Tells every setting that does not go with another.
pub(super) fn between(config: &Config, tree: &Table, notes: &mut Notes) {
    listeners(tree, notes);
    main_password(config, tree, notes);
    paths(config, tree, notes);
    addresses(tree, notes);
    translators::between(config, tree, notes);
}

/// At least one listener, since nobody could ask us anything without; not more than the limit.
fn listeners(tree: &Table, notes: &mut Notes) {
    let node = tree.get("listen");
    let place = node.map(|node| node.place);
    match node.map(|node| &node.value) {
        Some(Value::List(entries)) if entries.len() > LISTENERS_MAX => {
            let problem = format!("{} listeners, more than {LISTENERS_MAX}", entries.len());
            let fault = Fault::new(problem, "let several programs share one");
            notes.complain(place, "listen", fault);
        }
        Some(Value::List(entries)) if !entries.is_empty() => {}
        Some(Value::List(_)) | None => {
            let cure = "add a section [[listen]] with protocol and path";
            notes.lacking(place, "listen", Fault::new("there is no listener", cure));
        }
        Some(_) => {} // Told as a value of the wrong kind.
    }
}

/// Main passwords are checked by the upstream, or by Dovecot's next passdb.
fn main_password(config: &Config, tree: &Table, notes: &mut Notes) {
    if tree.contains_key("upstream") || config.main_password.checked_by == CheckedBy::NextPassdb {
        return;
    }
    let settings = &config.main_password;
    let wanting = [
        ("main_password.mail_clients", settings.mail_clients == MailClients::UntilTwoFactor),
        ("main_password.allowed_from", !settings.allowed_from.is_empty()),
        ("rollout.mode", config.rollout.mode == Mode::Observe),
    ];
    for (key, _) in wanting.iter().filter(|(_, wants)| *wants) {
        let place = find(tree, key).map(|node| node.place);
        let problem = "nobody is there to check a main password";
        let cure = "add a section [upstream], or checked_by = \"next-passdb\", or take this setting out";
        let fault = Fault::new(problem, cure);
        notes.lacking(place, key, fault);
    }
}

/// Every file and socket has a path of its own. An upstream at our own listener would ask itself.
fn paths(config: &Config, tree: &Table, notes: &mut Notes) {
    let mut first: HashMap<&Path, Used<'_>> = HashMap::new();
    for later in used_paths(config, tree) {
        let earlier = match first.entry(later.path) {
            Entry::Occupied(earlier) => earlier.into_mut(),
            Entry::Vacant(free) => {
                free.insert(later);
                continue;
            }
        };
        let whose = match earlier.place {
            Some(place) => format!("{} at {}", earlier.key, notes.show(place)),
            None => format!("the default of {}", earlier.key),
        };
        let problem = format!("\"{}\" is also {whose}", later.path.display());
        notes.complain(later.place, later.key, Fault::new(problem, "give each a path of its own"));
    }
}

/// A path, whose it is, and where it stands.
struct Used<'a> {
    key: &'static str,
    path: &'a Path,
    place: Option<Place>,
}

/// Every path in use, in the order of their places; defaults come first, so that what was written gets the
/// blame.
fn used_paths<'a>(config: &'a Config, tree: &'a Table) -> Vec<Used<'a>> {
    let upstream = config.upstream.as_ref();
    let single = [
        ("store.path", Some(&config.store.path)),
        ("store.key_file", Some(&config.store.key_file)),
        ("control.path", Some(&config.control.path)),
        ("upstream.auth", upstream.map(|upstream| &upstream.auth)),
        ("upstream.userdb", upstream.map(|upstream| &upstream.userdb)),
    ];
    let single = single.into_iter().filter_map(|(key, path)| {
        let place = find(tree, key).map(|node| node.place);
        path.map(|path| Used { key, path, place })
    });
    let mut used: Vec<Used<'a>> = single.chain(listener_paths(tree)).collect();
    used.sort_by_key(|used| used.place);
    used
}

/// The paths of the listeners as written, also of those that have another mistake.
fn listener_paths(tree: &Table) -> impl Iterator<Item = Used<'_>> {
    listener_texts(tree, "path").filter_map(|(text, place)| {
        let path = Path::new(text);
        path.is_absolute().then_some(Used { key: "listen.path", path, place: Some(place) })
    })
}

/// Every listener has an address of its own.
fn addresses(tree: &Table, notes: &mut Notes) {
    let mut first: HashMap<SocketAddr, Place> = HashMap::new();
    for (text, place) in listener_texts(tree, "address") {
        let Ok(address) = text.parse() else { continue };
        if let Some(earlier) = first.insert(address, place) {
            let problem = format!("\"{text}\" is also listen.address at {}", notes.show(earlier));
            notes.complain(Some(place), "listen.address", Fault::new(problem, "give each a port of its own"));
        }
    }
}

/// What stands under a key of each listener, and where.
fn listener_texts<'t>(tree: &'t Table, key: &'static str) -> impl Iterator<Item = (&'t str, Place)> {
    let entries = match tree.get("listen").map(|node| &node.value) {
        Some(Value::List(entries)) => entries.as_slice(),
        _ => &[],
    };
    entries.iter().filter_map(move |entry| {
        let Value::Table(section) = &entry.value else {
            return None;
        };
        let node = section.get(key)?;
        match &node.value {
            Value::Text(text) => Some((text.as_str(), node.place)),
            _ => None,
        }
    })
}
