//! The values of all files as one tree. Every value knows where it stands.

use std::collections::BTreeMap;

use super::complaint::Position;

/// The list whose entries add up over the files; any other list is replaced by a later one.
pub(super) const ADDS_UP: &str = "listen";

/// A place in one of the files. Places sort in the order in which the files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Which of the files, from 0.
    pub(super) file: usize,
    /// Where in it.
    pub(super) position: Position,
}

/// The settings of a section, by key.
pub(super) type Table = BTreeMap<String, Node>;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// Where its key stands; of an entry in a list, where the entry stands.
    pub(super) key_place: Place,
    /// Where the value stands; of a section, its header.
    pub(super) place: Place,
    /// What it is.
    pub(super) value: Value,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Text between quotes.
    Text(String),
    /// A whole number.
    Number(i128),
    /// True or false.
    Truth(bool),
    /// A list, or a section with double brackets.
    List(Vec<Node>),
    /// A section.
    Table(Table),
    /// What no setting takes; said in words.
    Other(&'static str),
    /// A syntax error stands here. It has been told, so that nobody needs to complain again.
    Broken,
}

impl Node {
    /// What the value is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Text(_) => "text",
            Value::Number(_) => "a number",
            Value::Truth(_) => "true or false",
            Value::List(entries) if entries.iter().any(Node::is_table) => "a list of sections",
            Value::List(_) => "a list",
            Value::Table(_) => "a section",
            Value::Other(kind) => kind,
            Value::Broken => "broken",
        }
    }

    fn is_table(&self) -> bool {
        matches!(self.value, Value::Table(_))
    }
}

/// The value at `section.key`, however deep.
pub(super) fn find<'t>(table: &'t Table, path: &str) -> Option<&'t Node> {
    let Some((section, rest)) = path.split_once('.') else {
        return table.get(path);
    };
    match &table.get(section)?.value {
        Value::Table(inner) => find(inner, rest),
        _ => None,
    }
}

/// A key that is a section in one file and a setting in another.
#[derive(Debug, PartialEq)]
pub(super) struct Misfit {
    pub(super) key: String,
    pub(super) earlier: Node,
    pub(super) later: Node,
}

/// Lays a later file over the earlier ones. Where a section meets a setting, the earlier one stays and a
/// misfit is told.
pub(super) fn merge(earlier: &mut Table, later: Table) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    merge_at("", earlier, later, &mut misfits);
    misfits
}

fn merge_at(path: &str, earlier: &mut Table, later: Table, misfits: &mut Vec<Misfit>) {
    for (key, new) in later {
        let key_path = join(path, &key);
        let Some(old) = earlier.get_mut(&key) else {
            earlier.insert(key, new);
            continue;
        };
        match (&mut old.value, new.value) {
            (Value::Table(into), Value::Table(from)) => merge_at(&key_path, into, from, misfits),
            (Value::List(into), Value::List(from)) if key_path == ADDS_UP => into.extend(from),
            (Value::Table(_), Value::Broken) => {}
            (_, value) => {
                let new = Node { value, ..new };
                if old.is_table() == new.is_table() || old.value == Value::Broken {
                    *old = new;
                } else {
                    misfits.push(Misfit { key: key_path, earlier: old.clone(), later: new });
                }
            }
        }
    }
}

/// `section.key`
pub(super) fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::super::syntax;
    use super::*;
    use proptest::prelude::*;

    /// The tree of several files.
    fn tree(texts: &[&str]) -> (Table, Vec<Misfit>) {
        let mut whole = Table::new();
        let mut misfits = Vec::new();
        for (file, text) in texts.iter().enumerate() {
            let part = syntax::parse(file, text);
            assert_eq!(part.faults, []);
            misfits.extend(merge(&mut whole, part.table));
        }
        (whole, misfits)
    }

    /// The files give what `expected` gives alone.
    #[track_caller]
    fn check(texts: &[&str], expected: &str) {
        let (merged, misfits) = tree(texts);
        assert_eq!(misfits, []);
        assert_eq!(show(&merged), show(&tree(&[expected]).0));
    }

    /// The values without their places.
    fn show(table: &Table) -> String {
        let entry = |(key, node): (&String, &Node)| format!("{key}={}", show_value(node));
        let entries: Vec<String> = table.iter().map(entry).collect();
        format!("{{{}}}", entries.join(" "))
    }

    fn show_value(node: &Node) -> String {
        match &node.value {
            Value::Table(table) => show(table),
            Value::List(entries) => format!("{:?}", entries.iter().map(show_value).collect::<Vec<_>>()),
            value => format!("{value:?}"),
        }
    }

    #[test]
    fn a_later_file_overrides_single_keys() {
        check(&["[a]\nx = 1\ny = 2", "[a]\ny = 3\n[b]\nz = 4"], "[a]\nx = 1\ny = 3\n[b]\nz = 4");
        check(&["[a.b]\nx = 1", "a.b.y = 2"], "[a.b]\nx = 1\ny = 2");
        check(&["x = 1", "x = 'text'"], "x = 'text'");
    }

    #[test]
    fn listeners_add_up_and_other_lists_are_replaced() {
        check(
            &["[[listen]]\np = 1", "[[listen]]\np = 2\n[[listen]]\np = 3"],
            "[[listen]]\np = 1\n[[listen]]\np = 2\n[[listen]]\np = 3",
        );
        check(&["[a]\nlisten = [1]", "[a]\nlisten = [2]"], "[a]\nlisten = [2]");
    }

    #[test]
    fn an_empty_later_file_changes_nothing() {
        check(&["[a]\nx = 1", "", "# nothing"], "[a]\nx = 1");
    }

    #[test]
    fn a_section_does_not_meet_a_setting() {
        for texts in [["[a]\nx = 1", "\na = 2"], ["a = 2", "\n[a]\nx = 1"]] {
            let (_, misfits) = tree(&texts);
            assert_eq!(misfits.len(), 1);
            assert_eq!(misfits[0].key, "a");
            assert_eq!(misfits[0].later.place.file, 1);
            assert_eq!(misfits[0].later.place.position.line, 2);
        }
    }

    proptest! {
        #[test]
        fn the_last_file_wins(files in proptest::collection::vec("[a-d]{0,5}", 1..5)) {
            let mut model = BTreeMap::new();
            let mut texts = Vec::new();
            for (number, keys) in files.iter().enumerate() {
                let keys: std::collections::BTreeSet<char> = keys.chars().collect();
                texts.push(keys.iter().map(|key| format!("s.{key} = {number}\n")).collect::<String>());
                model.extend(keys.into_iter().map(|key| (key, number)));
            }
            let (tree, _) = tree(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            for key in 'a'..='d' {
                let value = find(&tree, &format!("s.{key}")).map(|node| (node.place.file, node.value.clone()));
                let expected = model.get(&key).map(|number| (*number, Value::Number(*number as i128)));
                prop_assert_eq!(value, expected);
            }
        }
    }

    #[test]
    fn a_value_is_found_by_its_path() {
        let (tree, _) = tree(&["[a.b]\nx = 1"]);
        assert_eq!(find(&tree, "a.b.x").map(|node| &node.value), Some(&Value::Number(1)));
        assert_eq!(find(&tree, "a.b.x.y"), None);
        assert_eq!(find(&tree, "a.c"), None);
    }
}
