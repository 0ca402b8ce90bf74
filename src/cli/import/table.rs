//! A CSV file as rows of named cells, or every mistake in its form.

use csv::{ByteRecord, ReaderBuilder};

use crate::gate::import::unguarded;

/// What is wrong in a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: u64,
    /// The column, if it is in one.
    pub column: Option<String>,
    /// Why, and the cure.
    pub message: String,
}

impl Mistake {
    pub(super) fn new(line: u64, column: Option<&str>, message: impl Into<String>) -> Self {
        Self { line, column: column.map(str::to_owned), message: message.into() }
    }
}

/// A row, and the line that it begins on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// From 1.
    pub line: u64,
    cells: Vec<String>,
}

/// A column that a table may have.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Without it there is no table.
    pub required: bool,
}

/// The rows of a file.
#[derive(Debug, Default)]
pub struct Table {
    names: Vec<String>,
    /// Those without a mistake.
    pub rows: Vec<Row>,
}

impl Table {
    /// The cell of a row in a column; `None` where the table has no such column.
    #[must_use]
    pub fn cell<'a>(&self, row: &'a Row, column: &str) -> Option<&'a str> {
        let place = self.names.iter().position(|name| name == column)?;
        row.cells.get(place).map(|cell| unguarded(cell))
    }
}

/// Reads a file. Rows with mistakes are left out of the table.
#[must_use]
pub fn read(bytes: &[u8], columns: &[Column]) -> (Table, Vec<Mistake>) {
    // Spreadsheets put a byte order mark in front.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let (mut record, mut table, mut mistakes) = (ByteRecord::new(), Table::default(), Vec::new());
    let mut has_header = false;
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                // Nothing but reading itself can fail here, and that is from memory.
                mistakes.push(Mistake::new(reader.position().line(), None, error.to_string()));
                break;
            }
        }
        let line = line_of(bytes, &record);
        let cells = match text(&record) {
            Ok(cells) => cells,
            Err(place) => {
                let name = table.names.get(place).map(String::as_str);
                mistakes.push(Mistake::new(line, name, "this is not UTF-8; save the file in UTF-8"));
                if has_header {
                    continue;
                }
                break;
            }
        };
        if !has_header {
            has_header = true;
            mistakes.extend(header(line, &cells, columns));
            if !mistakes.is_empty() {
                // Under wrong names every row would be wrong.
                break;
            }
            table.names = cells.iter().map(|name| name_of(name)).collect();
        } else if cells.len() != table.names.len() {
            let (is, should) = (cells.len(), table.names.len());
            let why =
                format!("{is} cells instead of {should}; put a cell with a comma in it between \" and \"");
            mistakes.push(Mistake::new(line, None, why));
        } else {
            table.rows.push(Row { line, cells });
        }
    }
    if !has_header && mistakes.is_empty() {
        let names: Vec<&str> =
            columns.iter().filter(|column| column.required).map(|column| column.name).collect();
        let why = format!("the file is empty; its first line names the columns: {}", names.join(","));
        mistakes.push(Mistake::new(1, None, why));
    }
    (table, mistakes)
}

/// The line that a record begins on, from 1. The reader itself counts from where the record before it ended: empty lines
/// between them belong to neither.
fn line_of(bytes: &[u8], record: &ByteRecord) -> u64 {
    let Some(position) = record.position() else { return 1 };
    let start = usize::try_from(position.byte()).unwrap_or(bytes.len()).min(bytes.len());
    let blank = bytes[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + blank.filter(|byte| **byte == b'\n').count() as u64
}

/// The cells, or the place of the first that is not UTF-8.
fn text(record: &ByteRecord) -> Result<Vec<String>, usize> {
    let cells = record.iter().enumerate();
    cells.map(|(place, cell)| std::str::from_utf8(cell).map(str::to_owned).map_err(|_| place)).collect()
}

fn name_of(cell: &str) -> String {
    cell.trim().to_lowercase()
}

fn header(line: u64, cells: &[String], columns: &[Column]) -> Vec<Mistake> {
    let known: Vec<&str> = columns.iter().map(|column| column.name).collect();
    if let ([only], true) = (cells, columns.len() > 1)
        && only.contains(';')
    {
        let why = "the columns have semicolons between them; save the file with commas";
        return vec![Mistake::new(line, None, why)];
    }
    let names: Vec<String> = cells.iter().map(|name| name_of(name)).collect();
    let mut mistakes = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let why = if !known.contains(&name.as_str()) {
            format!("there is no such column; the columns are {}", known.join(", "))
        } else if names[..place].contains(name) {
            "this column is there twice; leave one out".to_owned()
        } else {
            continue;
        };
        mistakes.push(Mistake::new(line, Some(name), why));
    }
    for column in columns.iter().filter(|column| column.required) {
        if !names.iter().any(|name| name == column.name) {
            let why = "this column is missing; the first line of the file names the columns";
            mistakes.push(Mistake::new(line, Some(column.name), why));
        }
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 2] =
        [Column { name: "account", required: true }, Column { name: "group", required: false }];

    fn mistakes(text: &str) -> Vec<(u64, String)> {
        let (_, mistakes) = read(text.as_bytes(), &COLUMNS);
        let one = |mistake: Mistake| {
            (mistake.line, format!("{}: {}", mistake.column.unwrap_or_default(), mistake.message))
        };
        mistakes.into_iter().map(one).collect()
    }

    #[test]
    fn rows_know_their_lines_and_cells_their_names() {
        let text = "\u{feff}Group, account \r\nstaff,a@b.c\r\n\r\n\n\"two\nlines\",'=x\r\n,last";
        let (table, mistakes) = read(text.as_bytes(), &COLUMNS);
        assert_eq!(mistakes, []);
        let cells = |row: &Row| {
            (
                row.line,
                table.cell(row, "account").map(str::to_owned),
                table.cell(row, "group").map(str::to_owned),
            )
        };
        let expected =
            |line, account: &str, group: &str| (line, Some(account.to_owned()), Some(group.to_owned()));
        let rows: Vec<_> = table.rows.iter().map(cells).collect();
        assert_eq!(rows[0], expected(2, "a@b.c", "staff"));
        assert_eq!(rows[1], expected(5, "=x", "two\nlines"));
        assert_eq!(rows[2], expected(7, "last", ""));
        assert_eq!(table.cell(&table.rows[0], "aliases"), None);
    }

    #[test]
    fn every_mistake_of_the_form_is_told_with_its_line() {
        let said = mistakes("account,group\na@b.c\nx@b.c,staff\n\nb@b.c,x,y\n");
        assert_eq!(said.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 5]);
        assert!(said[0].1.contains("1 cells instead of 2") && said[1].1.contains("3 cells instead of 2"));
        let said = mistakes("name,group,GROUP\n1,2,3\n");
        let words: Vec<&str> = said.iter().filter_map(|(_, text)| text.split(';').next()).collect();
        assert_eq!(
            words,
            [
                "name: there is no such column",
                "group: this column is there twice",
                "account: this column is missing"
            ]
        );
        assert!(mistakes("account;group\n")[0].1.contains("save the file with commas"));
        assert!(mistakes("\n")[0].1.contains("names the columns: account"));
        let (table, mistakes) = read(b"account\n\xff\nb@b.c\n", &COLUMNS);
        assert_eq!(
            (table.rows.len(), mistakes[0].line, mistakes[0].column.as_deref()),
            (1, 2, Some("account"))
        );
    }
}
