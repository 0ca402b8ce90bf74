//! The text of one file becomes a tree (TOML 1.1, by the `toml` package), or a list of syntax errors.
//!
//! After a syntax error the rest is still read, so that other mistakes in the file are told too. That works
//! while each error spoils one line. An error that may have swallowed more (a broken header, an open list)
//! makes guesses of what follows; then the file gives its syntax errors and nothing else.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue, Error};

use super::complaint::{Fault, Position};
use super::tree::{Node, Place, Table, Value};

/// What one file gave.
pub(super) struct Part {
    pub(super) table: Table,
    pub(super) faults: Vec<(Place, Fault)>,
}

/// Parses the text of file number `file`.
pub(super) fn parse(file: usize, text: &str) -> Part {
    let (root, errors) = DeTable::parse_recoverable(text);
    let lines = Lines::new(text);
    let start = |error: &Error| error.span().map_or(text.len(), |span| span.start);
    let mut reader = Reader {
        file,
        broken_lines: errors
            .iter()
            .filter(|error| error.message() != DUPLICATE)
            .map(|error| lines.position(start(error)).line)
            .collect(),
        lines: &lines,
        spoilt_lines: BTreeSet::new(),
    };
    let mut table = reader.table(root.get_ref());
    if reader.spoilt_lines != reader.broken_lines {
        table.clear();
    }
    let faults = first_of_each_line(errors.iter().map(|error| (reader.place(start(error)), error.message())));
    Part { table, faults }
}

/// One slip makes the parser stumble several times on its line; the first time says most.
fn first_of_each_line<'e>(errors: impl Iterator<Item = (Place, &'e str)>) -> Vec<(Place, Fault)> {
    let mut errors: Vec<_> = errors.collect();
    errors.sort_by_key(|(place, _)| *place);
    errors.dedup_by_key(|(place, _)| place.position.line);
    errors.into_iter().map(|(place, message)| (place, fault(message))).collect()
}

/// The parser's word for a key that stands twice. The first value stays, so that the rest can be trusted.
const DUPLICATE: &str = "duplicate key";

/// How the parser's complaints begin; the same in the words of an administrator; what helps. The first
/// match counts.
const WORDINGS: [(&str, &str, &str); 13] = [
    (DUPLICATE, "the key stands twice", "keep one of the two"),
    ("string values must be quoted", "text without quotes", "put it between double quotes"),
    ("unexpected leading zero", "a number that begins with 0", "write a mode as text: \"0660\""),
    ("unclosed table", "the header is not closed", "a section begins with [name]"),
    ("unclosed array table", "the header is not closed", "it begins with [[name]]"),
    ("unclosed array", "the list is not closed", "end it with ]"),
    ("key with no value", "a key without a value", "write key = value"),
    ("unexpected key or value", "too much on one line", "begin a new line, or a comment with #"),
    ("invalid unquoted key", "no name of a key", "names are made of a-z, 0-9 and _"),
    ("invalid basic string", "text with a wrong end", "end it with \" on the same line"),
    ("missing escaped value", "a backslash that escapes nothing", "write \\\\ for a backslash"),
    ("invalid literal string", "text with a wrong end", "end it with '"),
    // Floats, times, booleans: the parser guesses by the first letter.
    ("invalid ", "neither a number nor text in quotes", "put it between double quotes"),
];

/// For the rest the parser's own words do, with what a file may hold.
const FORMS: &str = "a line is key = \"text\", key = 10, key = [\"a\", \"b\"], [section] or # comment";

fn fault(message: &str) -> Fault {
    match WORDINGS.iter().find(|(begin, ..)| message.starts_with(begin)) {
        Some((_, problem, cure)) => Fault::new(*problem, *cure),
        None => Fault::new(message, FORMS),
    }
}

/// Turns the parser's values into ours.
struct Reader<'t> {
    file: usize,
    lines: &'t Lines<'t>,
    /// Lines with a syntax error.
    broken_lines: BTreeSet<usize>,
    /// Those of them on which a value stood that took the damage.
    spoilt_lines: BTreeSet<usize>,
}

impl Reader<'_> {
    fn place(&self, offset: usize) -> Place {
        Place { file: self.file, position: self.lines.position(offset) }
    }

    fn table(&mut self, table: &DeTable<'_>) -> Table {
        table
            .iter()
            .map(|(key, value)| {
                let node = self.node(key.span(), value);
                (key.get_ref().to_string(), node)
            })
            .collect()
    }

    fn list(&mut self, entries: &DeArray<'_>) -> Vec<Node> {
        entries.iter().map(|entry| self.node(entry.span(), entry)).collect()
    }

    fn node(&mut self, key: Range<usize>, value: &Spanned<DeValue<'_>>) -> Node {
        Node {
            key_place: self.place(key.start),
            place: self.place(value.span().start),
            value: self.value(value),
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>) -> Value {
        match value.get_ref() {
            DeValue::Table(table) => Value::Table(self.table(table)),
            DeValue::Array(entries) if entries.iter().any(|entry| entry.get_ref().is_table()) => {
                Value::List(self.list(entries))
            }
            _ if self.is_broken(value.span()) => Value::Broken,
            DeValue::Array(entries) => Value::List(self.list(entries)),
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => Value::Number(whole(number)),
            DeValue::Float(_) => Value::Other("a fraction"),
            DeValue::Boolean(truth) => Value::Truth(*truth),
            DeValue::Datetime(_) => Value::Other("a date"),
        }
    }

    /// Whether a value stands on a line with a syntax error. If it stands on no other line, it took all the
    /// damage.
    fn is_broken(&mut self, span: Range<usize>) -> bool {
        let first = self.lines.position(span.start).line;
        let last = self.lines.position(span.end).line;
        if first == last && self.broken_lines.contains(&first) {
            self.spoilt_lines.insert(first);
        }
        self.broken_lines.range(first..=last).next().is_some()
    }
}

/// Numbers beyond 127 bits are all the same to us: no setting goes that far.
fn whole(number: &DeInteger<'_>) -> i128 {
    i128::from_str_radix(number.as_str(), number.radix()).unwrap_or(i128::MAX)
}

/// How far into a line columns are counted. Without an end, a large file in one line would be counted through
/// again for each of its values.
const COLUMN_BYTES_MAX: usize = 1000;

/// Finds lines and columns.
struct Lines<'t> {
    text: &'t str,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        let after_newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Lines { text, starts: std::iter::once(0).chain(after_newlines).collect() }
    }

    fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts[line - 1];
        let end = self.text.floor_char_boundary(offset.min(start + COLUMN_BYTES_MAX));
        let before = self.text.get(start..end).unwrap_or_default();
        Position { line, column: before.chars().count() + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::find;
    use super::*;
    use proptest::prelude::*;

    /// The syntax errors of a text as `line:column problem`, and the keys that survive.
    #[track_caller]
    fn check(text: &str, errors: &[&str], keys: &[&str]) {
        let part = parse(0, text);
        let told: Vec<String> = part
            .faults
            .iter()
            .map(|(place, fault)| format!("{} {}", place.position, fault.problem))
            .collect();
        assert_eq!(told, errors, "{text}");
        for key in keys {
            assert!(find(&part.table, key).is_some(), "{key} in {text}");
        }
        assert_eq!(part.table.is_empty(), keys.is_empty(), "{text}");
    }

    #[test]
    fn places_count_lines_and_characters() {
        let part = parse(3, "# ü\n[a]\n'ü' = 1\n");
        let node = find(&part.table, "a.ü").unwrap();
        assert_eq!(node.key_place.file, 3);
        assert_eq!(node.key_place.position.to_string(), "3:1");
        assert_eq!(node.place.position.to_string(), "3:7");
    }

    #[test]
    fn columns_are_counted_up_to_a_limit() {
        let column = |spaces: usize| {
            let part = parse(0, &format!("{}x = 1", " ".repeat(spaces)));
            part.table["x"].key_place.position.column
        };
        assert_eq!(column(COLUMN_BYTES_MAX), COLUMN_BYTES_MAX + 1);
        assert_eq!(column(COLUMN_BYTES_MAX + 1), COLUMN_BYTES_MAX + 1);
    }

    #[test]
    fn an_error_on_one_line_leaves_the_others() {
        check("[a]\nx = yes\ny = 2\n", &["2:5 text without quotes"], &["a.x", "a.y"]);
        check("[a]\nx =\ny = 2\n", &["2:4 text without quotes"], &["a.x", "a.y"]);
        check("x = 0660\ny = 2\n", &["1:5 a number that begins with 0"], &["x", "y"]);
        check("x = 1\nx = 2\n", &["2:1 the key stands twice"], &["x"]);
        let part = parse(0, "[a]\nx = yes\n");
        assert_eq!(find(&part.table, "a.x").unwrap().value, Value::Broken);
    }

    #[test]
    fn an_error_that_may_have_swallowed_more_leaves_nothing() {
        check("[a\nx = 1\n", &["1:3 the header is not closed"], &[]);
        check("x\ny = 2\n", &["1:2 a key without a value"], &[]);
        let open_list = parse(0, "x = [1,\n[a]\ny = 1\n");
        assert!(open_list.table.is_empty());
        let open_text = parse(0, "x = \"\"\"\n[a]\ny = 1\n");
        assert!(open_text.table.is_empty());
    }

    #[test]
    fn a_value_without_quotes_is_told_once_and_in_plain_words() {
        for (value, problem) in [
            ("1h", "text without quotes"),
            ("/run/x", "text without quotes"),
            ("yes", "text without quotes"),
            ("true", ""),
            ("True", "neither a number nor text in quotes"),
            ("no", "neither a number nor text in quotes"),
            ("192.0.2.0/24", "neither a number nor text in quotes"),
            ("2001:db8::/32", "neither a number nor text in quotes"),
            ("\"C:\\Mail\"", "a backslash that escapes nothing"),
            ("\"a\"; y = 2", "too much on one line"),
        ] {
            let part = parse(0, &format!("x = {value}\n"));
            let told: Vec<&str> = part.faults.iter().map(|(_, fault)| fault.problem.as_str()).collect();
            assert_eq!(told.join(", "), problem, "{value}");
        }
    }

    #[test]
    fn a_huge_number_is_a_number() {
        let part = parse(0, &format!("x = {}", "9".repeat(60)));
        assert_eq!(find(&part.table, "x").unwrap().value, Value::Number(i128::MAX));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([a-c\\[\\]{}=\"'#,.0-9 \n]|ü){0,60}") {
            let part = parse(0, &text);
            for (place, _) in part.faults {
                prop_assert!(place.position.line <= text.matches('\n').count() + 1);
            }
        }
    }
}
