//! `sidegate key`: the store's keys.

use super::ask::told_as_json;
use super::commands::Key;
use super::output::{Cell, Out, Style, Table, Tone};
use super::{Failure, note};
use crate::api::client::{Client, Target};
use crate::api::{KeyView, KeysView, Nothing};

/// `sidegate key …`
pub(super) fn key(command: &Key, client: &Client, out: &mut Out) -> Result<(), Failure> {
    let target = Target::of(&["keys"]);
    match command {
        Key::Show => {
            let answer = client.get(&target)?;
            if told_as_json(&answer, out)? { Ok(()) } else { out.text(&keys(&answer.read()?, &out.style)) }
        }
        Key::Rotate => {
            let answer = client.post(&target, &Nothing {})?;
            if told_as_json(&answer, out)? {
                return Ok(());
            }
            let view: KeysView = answer.read()?;
            let current = view.keys.first().map(|key| key.id.as_str()).unwrap_or_default();
            out.line(&format!("{current}: in force from now on; it is in {}", view.file))?;
            note("note: back that file up again; backups of the database from now on need it");
            Ok(())
        }
        Key::Forget { id, yes } => {
            let target = target.with("id", id).with_some("yes", yes.then_some("true"));
            let answer = client.delete(&target)?;
            if told_as_json(&answer, out)? {
                return Ok(());
            }
            let key: KeyView = answer.read()?;
            let left = match under(&key) {
                0 => "nothing was under it".to_owned(),
                _ => format!(
                    "{} client passwords, {} marks of removed ones and {} recovery codes were under it",
                    key.passwords, key.removed, key.recovery_codes
                ),
            };
            out.line(&format!("{}: forgotten; {left}", key.id))
        }
    }
}

/// How much is under a key.
fn under(key: &KeyView) -> i64 {
    key.passwords + key.removed + key.factors + key.recovery_codes
}

/// The keys, and what is under them.
fn keys(view: &KeysView, style: &Style) -> String {
    let heads = ["KEY", "STATE", "CLIENT PASSWORDS", "REMOVED ONES", "SECOND FACTORS", "RECOVERY CODES"];
    let mut table = Table::new(&heads);
    let known = view.keys.iter().enumerate().map(|(place, key)| match (place, under(key)) {
        (0, _) => (key, Cell::toned("current", Tone::Good)),
        (_, 0) => (key, Cell::toned("former, can be forgotten", Tone::Odd)),
        _ => (key, "former".into()),
    });
    let lost = view.lost.iter().map(|key| (key, Cell::toned("LOST, not in the file", Tone::Bad)));
    for (key, state) in known.chain(lost) {
        let KeyView { id, passwords, removed, factors, recovery_codes } = key;
        let counts = [passwords, removed, factors, recovery_codes].map(Cell::from);
        table.row([id.into(), state].into_iter().chain(counts).collect());
    }
    let mut text = table.show(style.colour);
    let mut facts = Table::new(&[]);
    let by = if view.credential { " (handed over by systemd, cannot be changed here)" } else { "" };
    facts.row(vec!["file".into(), format!("{}{by}", view.file).into()]);
    facts.row(vec!["imported, not used yet".into(), view.imported.into()]);
    text.push('\n');
    text.push_str(&facts.show(style.colour));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_and_what_is_under_them() {
        let key = |id: &str, passwords, removed, factors| KeyView {
            id: id.into(),
            passwords,
            removed,
            factors,
            recovery_codes: factors * 10,
        };
        let view = KeysView {
            file: "/run/credentials/sidegate.service/store.key".into(),
            credential: true,
            keys: vec![
                key("00ff00ff00ff00ff", 7, 0, 2),
                key("11ee11ee11ee11ee", 3, 1, 1),
                key("22dd22dd22dd22dd", 0, 0, 0),
            ],
            lost: vec![key("33cc33cc33cc33cc", 2, 0, 1)],
            imported: 5,
        };
        let expected = "\
KEY               STATE                     CLIENT PASSWORDS  REMOVED ONES  SECOND FACTORS  RECOVERY CODES
00ff00ff00ff00ff  current                   7                 0             2               20
11ee11ee11ee11ee  former                    3                 1             1               10
22dd22dd22dd22dd  former, can be forgotten  0                 0             0               0
33cc33cc33cc33cc  LOST, not in the file     2                 0             1               10

file                    /run/credentials/sidegate.service/store.key (handed over by systemd, cannot be changed here)
imported, not used yet  5
";
        assert_eq!(keys(&view, &Style::plain(false)), expected);
    }
}
