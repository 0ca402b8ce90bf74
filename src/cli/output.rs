//! Tables and colours for people, JSON for programs, and standard output that may close any time.
//!
//! Names come from outside: whatever could steer a terminal is written out before it is shown.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use super::Failure;
use super::times::Times;
use crate::gate::domain::shown;

/// How the answer is to look.
#[derive(Clone, Debug)]
pub struct Style {
    /// JSON instead of tables.
    pub json: bool,
    /// A person watches.
    pub terminal: bool,
    /// Colours are welcome.
    pub colour: bool,
    /// How times are shown.
    pub times: Times,
}

impl Style {
    /// For a pipe or a file.
    #[must_use]
    pub fn plain(json: bool) -> Self {
        Self { json, terminal: false, colour: false, times: Times::utc() }
    }

    /// For this process's standard output. `NO_COLOR` (no-color.org) is respected.
    #[must_use]
    pub fn of_stdout(json: bool) -> Self {
        if !io::stdout().is_terminal() {
            return Self::plain(json);
        }
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { json, terminal: true, colour: !set("NO_COLOR") && !dumb, times: Times::local() }
    }
}

/// Where the answer goes.
pub struct Out {
    sink: Box<dyn Write>,
    /// How it looks.
    pub style: Style,
}

impl Out {
    /// Writes to `sink` in this style.
    #[must_use]
    pub fn new(sink: Box<dyn Write>, style: Style) -> Self {
        Self { sink, style }
    }

    /// Writes text and hands it over at once.
    ///
    /// # Errors
    /// The other end is closed or full.
    pub fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes()).map_err(Failure::Output)
    }

    /// Writes a line for people; control characters in it are written out.
    ///
    /// # Errors
    /// As [`Out::text`].
    pub fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.text(&format!("{}\n", visible(line)))
    }

    /// Writes the API's JSON: as it came, or indented on a terminal.
    ///
    /// # Errors
    /// As [`Out::text`].
    pub fn json(&mut self, body: &[u8]) -> Result<(), Failure> {
        let body = body.trim_ascii();
        let indented = if self.style.terminal || body.contains(&b'\n') {
            serde_json::from_slice::<Value>(body).ok()
        } else {
            None
        };
        if let Some(value) = indented {
            return self.value(&value);
        }
        self.bytes(&[body, b"\n"].concat()).map_err(Failure::Output)
    }

    /// Writes a JSON value in one line, or indented on a terminal.
    ///
    /// # Errors
    /// As [`Out::text`].
    pub fn value(&mut self, value: &Value) -> Result<(), Failure> {
        if self.style.terminal { self.text(&format!("{value:#}\n")) } else { self.value_line(value) }
    }

    /// Writes a JSON value in one line.
    ///
    /// # Errors
    /// As [`Out::text`].
    pub fn value_line(&mut self, value: &Value) -> Result<(), Failure> {
        self.text(&format!("{value}\n"))
    }

    /// Writes bytes and hands them over at once.
    ///
    /// # Errors
    /// As [`Out::text`], not yet as a failure of the command.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.write_all(bytes)?;
        self.sink.flush()
    }
}

/// What a cell means to the eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Plain,
    /// As it should be.
    Good,
    /// Not let in, not working.
    Bad,
    /// Worth a look.
    Odd,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell in this tone.
    pub fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: visible(&text.into()), tone }
    }

    /// A cell in which a domain is spelled as it is kept, to be typed again or told from another.
    #[must_use]
    pub fn exact(text: &str) -> Self {
        Self { text: harmless(text), tone: Tone::Plain }
    }
}

impl<T: ToString> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text.to_string(), Tone::Plain)
    }
}

/// Rows with aligned columns.
#[derive(Clone, Debug)]
pub struct Table {
    head: Vec<&'static str>,
    widths: Vec<usize>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these headings; none: a list of names and values.
    #[must_use]
    pub fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), widths: head.iter().map(|head| width(head)).collect(), rows: Vec::new() }
    }

    /// Columns at least this wide, so that pieces of a long table line up with each other.
    #[must_use]
    pub fn at_least(mut self, widths: &[usize]) -> Self {
        self.grow(widths.iter().copied());
        self
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.grow(cells.iter().map(|cell| width(&cell.text)));
        self.rows.push(cells);
    }

    fn grow(&mut self, widths: impl Iterator<Item = usize>) {
        for (column, wanted) in widths.enumerate() {
            match self.widths.get_mut(column) {
                Some(width) => *width = wanted.max(*width),
                None => self.widths.push(wanted),
            }
        }
    }

    /// The whole table, headings first.
    #[must_use]
    pub fn show(&self, colour: bool) -> String {
        let mut text = String::new();
        if !self.head.is_empty() {
            let head = self.head.iter().map(|head| (*head, if colour { "1" } else { "" }));
            self.show_row(head, &mut text);
        }
        text + &self.show_rows(colour)
    }

    /// The rows without the headings.
    #[must_use]
    pub fn show_rows(&self, colour: bool) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let cells = row.iter().map(|cell| (cell.text.as_str(), if colour { sgr(cell.tone) } else { "" }));
            self.show_row(cells, &mut text);
        }
        text
    }

    fn show_row<'a>(&self, cells: impl Iterator<Item = (&'a str, &'static str)>, text: &mut String) {
        let mut line = String::new();
        let mut gap = 0;
        for (column, (cell, sgr)) in cells.enumerate() {
            if cell.is_empty() {
                gap += self.widths.get(column).copied().unwrap_or(0) + 2;
                continue;
            }
            line.extend(std::iter::repeat_n(' ', gap));
            line.push_str(&painted(cell, sgr));
            gap = self.widths.get(column).map_or(0, |wide| wide.saturating_sub(width(cell))) + 2;
        }
        text.push_str(&line);
        text.push('\n');
    }
}

/// The terminal's number for a tone; empty for none.
fn sgr(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "",
        Tone::Good => "32",
        Tone::Bad => "31",
        Tone::Odd => "33",
    }
}

fn painted(text: &str, sgr: &str) -> String {
    if sgr.is_empty() { text.to_owned() } else { format!("\u{1b}[{sgr}m{text}\u{1b}[0m") }
}

/// Text for people: domains in addresses are shown in Unicode, and nothing can steer a terminal.
#[must_use]
pub fn visible(text: &str) -> String {
    harmless(&shown(text))
}

/// Text that cannot steer a terminal: control characters and marks that turn the direction of
/// writing are written out.
fn harmless(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let show = |c: char| if steers(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(show).collect()
}

/// Columns that a terminal uses for this text: East Asian characters take two. An estimate from
/// the big blocks of Unicode; a character it misses only shifts its row.
fn width(text: &str) -> usize {
    let one = |c: char| match u32::from(c) {
        0x0300..=0x036f | 0x200b..=0x200d | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f680..=0x1f6ff
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    };
    text.chars().map(one).sum()
}

/// A number of bytes for people.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} bytes");
    }
    // Tenths of a unit, in whole numbers: no rounding surprises.
    let (mut tenths, mut unit) = (count.saturating_mul(10) / 1024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS.get(unit).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["ID", "NAME", "LAST USE"]);
        table.row(vec![7.into(), "Ann's phone".into(), Cell::toned("never used", Tone::Odd)]);
        table.row(vec![12.into(), "手机".into(), "".into()]);
        table.row(vec!["".into(), "x".into(), "y".into()]);
        let plain = "ID  NAME         LAST USE\n7   Ann's phone  never used\n12  手机\n    x            y\n";
        assert_eq!(table.show(false), plain);
        let coloured = table.show(true);
        assert!(coloured.contains("\u{1b}[33mnever used\u{1b}[0m\n"), "{coloured:?}");
        let stripped: String = ["\u{1b}[1m", "\u{1b}[33m", "\u{1b}[0m"]
            .iter()
            .fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(stripped, plain, "colour moves nothing");
    }

    #[test]
    fn domains_are_shown_in_unicode_and_as_they_are_kept_where_that_counts() {
        let mut table = Table::new(&[]);
        let name = "eve@xn--mnchen-3ya.example";
        table.row(vec![name.into(), Cell::exact(name)]);
        assert_eq!(table.show(false), "eve@münchen.example  eve@xn--mnchen-3ya.example\n");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let mut table = Table::new(&[]);
        table.row(vec!["手机".into(), 1.into()]);
        table.row(vec!["abcd".into(), 2.into()]);
        assert_eq!(table.show(false), "手机  1\nabcd  2\n");
    }

    #[test]
    fn nothing_from_outside_steers_the_terminal() {
        let mut table = Table::new(&["NAME"]);
        table.row(vec!["a\u{1b}[2Jb\nc\u{202e}d\r".into()]);
        assert_eq!(table.show(false), "NAME\na\\u{1b}[2Jb\\nc\\u{202e}d\\r\n");
    }

    #[test]
    fn sizes_for_people() {
        assert_eq!(bytes(0), "0 bytes");
        assert_eq!(bytes(1023), "1023 bytes");
        assert_eq!(bytes(1024), "1.0 KiB");
        assert_eq!(bytes(1_572_864), "1.5 MiB");
        assert_eq!(bytes(5 << 40), "5.0 TiB");
        assert!(bytes(u64::MAX).ends_with(" TiB"));
    }
}
