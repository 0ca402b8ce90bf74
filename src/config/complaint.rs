//! What is wrong with a configuration, in words that say how to mend it.

use std::fmt::{self, Display};

/// Complaints shown at most: a file of another kind, given by mistake, would fill the screen.
pub const COMPLAINTS_MAX: usize = 100;

/// What is wrong with a value, wherever it came from, and the cure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {cure}")]
pub struct Fault {
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub cure: String,
}

impl Fault {
    /// A fault in these words.
    pub fn new(problem: impl Into<String>, cure: impl Into<String>) -> Self {
        Fault { problem: problem.into(), cure: cure.into() }
    }
}

/// One mistake in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The file.
    pub file: String,
    /// Line and column, both counted from 1; absent when it is about the file as a whole.
    pub position: Option<Position>,
    /// The setting as `section.key`; empty when it is about none.
    pub key: String,
    /// What is wrong, and the cure.
    pub fault: Fault,
}

/// A place in a file. Columns count characters, as editors do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
}

impl Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = format!("{}:", self.file);
        if let Some(position) = self.position {
            line.push_str(&format!("{position}:"));
        }
        if !self.key.is_empty() {
            line.push_str(&format!(" {}:", self.key));
        }
        line.push_str(&format!(" {}", self.fault));
        f.write_str(&visible(&line))
    }
}

/// Control characters written out: a complaint stays in its line, whatever stood in the file.
fn visible(line: &str) -> String {
    let show = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    line.chars().map(show).collect()
}

/// Everything that is wrong with a configuration, one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(complaints))]
pub struct ConfigError {
    /// In the order of files, lines and columns; never empty.
    pub complaints: Vec<Complaint>,
}

fn lines(complaints: &[Complaint]) -> String {
    let mut lines: Vec<String> = complaints.iter().take(COMPLAINTS_MAX).map(Complaint::to_string).collect();
    let hidden = complaints.len().saturating_sub(COMPLAINTS_MAX);
    if hidden > 0 {
        lines.push(format!("and {hidden} more"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(line: usize) -> Complaint {
        Complaint {
            file: "a.toml".into(),
            position: Some(Position { line, column: 3 }),
            key: "log.level".into(),
            fault: Fault::new("is odd", "make it even"),
        }
    }

    #[test]
    fn a_complaint_is_one_line_with_place_key_problem_and_cure() {
        assert_eq!(complaint(7).to_string(), "a.toml:7:3: log.level: is odd; make it even");
        let whole = Complaint { position: None, key: String::new(), ..complaint(1) };
        assert_eq!(whole.to_string(), "a.toml: is odd; make it even");
    }

    #[test]
    fn a_complaint_stays_in_its_line() {
        let odd = Complaint { key: "a\n\u{1b}[2J".into(), ..complaint(1) };
        assert_eq!(odd.to_string(), "a.toml:1:3: a\\n\\u{1b}[2J: is odd; make it even");
    }

    #[test]
    fn past_the_limit_complaints_are_only_counted() {
        let at = |number| ConfigError { complaints: (1..=number).map(complaint).collect() };
        let full = at(COMPLAINTS_MAX).to_string();
        assert_eq!(full.lines().count(), COMPLAINTS_MAX);
        let over = at(COMPLAINTS_MAX + 1).to_string();
        assert_eq!(over, format!("{full}\nand 1 more"));
    }
}
