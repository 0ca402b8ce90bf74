//! Asking the tree for settings. Every question is remembered, so that keys nobody asked for can be told.

use std::collections::BTreeSet;

use super::complaint::{Complaint, ConfigError, Fault};
use super::tree::{Node, Place, Table, Value, join};
use super::value::Parsed;

/// What was asked and what was found wrong.
pub(super) struct Notes {
    files: Vec<String>,
    faults: Vec<(Option<Place>, String, Fault)>,
    /// Every setting that was asked for, as `section.key`.
    pub(super) keys: BTreeSet<String>,
    /// After a syntax error something may be lacking that is there for the eye.
    incomplete: bool,
}

impl Notes {
    /// Nothing asked yet of these files.
    pub(super) fn new(files: Vec<String>) -> Self {
        Notes { files, faults: Vec::new(), keys: BTreeSet::new(), incomplete: false }
    }

    /// A mistake in what is there. Without a place it is about the files as a whole.
    pub(super) fn complain(&mut self, place: Option<Place>, key: &str, fault: Fault) {
        self.faults.push((place, key.to_owned(), fault));
    }

    /// A mistake in the form of a file.
    pub(super) fn complain_of_syntax(&mut self, place: Place, fault: Fault) {
        self.incomplete = true;
        self.complain(Some(place), "", fault);
    }

    /// Something is lacking, unless a syntax error may have hidden it.
    pub(super) fn lacking(&mut self, place: Option<Place>, key: &str, fault: Fault) {
        if !self.incomplete {
            self.complain(place, key, fault);
        }
    }

    /// A place in words.
    pub(super) fn show(&self, place: Place) -> String {
        let file = self.files.get(place.file).map_or("", String::as_str);
        format!("{file}:{}", place.position)
    }

    /// `value` if nothing was wrong, else every complaint in reading order.
    pub(super) fn verdict<T>(mut self, value: T) -> Result<T, ConfigError> {
        if self.faults.is_empty() {
            return Ok(value);
        }
        self.faults.sort_by_key(|(place, ..)| (place.is_none(), *place));
        let files = self.files;
        let complaint = |(place, key, fault): (Option<Place>, String, Fault)| Complaint {
            file: files.get(place.map_or(0, |place| place.file)).cloned().unwrap_or_default(),
            position: place.map(|place| place.position),
            key,
            fault,
        };
        let complaints = self.faults.into_iter().map(complaint).collect();
        Err(ConfigError { complaints })
    }
}

/// One section, to be asked for its settings.
pub(super) struct Section<'t, 'n> {
    name: String,
    /// Absent where no file has the section: then every setting is at its default.
    table: Option<&'t Table>,
    place: Option<Place>,
    notes: &'n mut Notes,
}

impl<'t, 'n> Section<'t, 'n> {
    /// What stands above all sections.
    pub(super) fn root(table: &'t Table, notes: &'n mut Notes) -> Self {
        Section { name: String::new(), table: Some(table), place: None, notes }
    }

    /// A setting, if it is there and right.
    pub(super) fn get<T>(&mut self, key: &str, parse: impl Fn(&Node) -> Parsed<T>) -> Option<T> {
        let path = join(&self.name, key);
        self.notes.keys.insert(path.clone());
        match parse(self.table?.get(key)?) {
            Ok(value) => Some(value),
            Err(faults) => {
                for (place, fault) in faults {
                    self.notes.complain(Some(place), &path, fault);
                }
                None
            }
        }
    }

    /// A setting with a default.
    pub(super) fn get_or<T>(&mut self, key: &str, parse: impl Fn(&Node) -> Parsed<T>, default: T) -> T {
        self.get(key, parse).unwrap_or(default)
    }

    /// A setting that has to be there.
    pub(super) fn need<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&Node) -> Parsed<T>,
        example: &str,
    ) -> Option<T> {
        if !self.has(key) {
            self.lacking(key, Fault::new("is missing", format!("add {key} = {example}")));
        }
        self.get(key, parse)
    }

    /// Whether a file has the section.
    pub(super) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Whether a file has the key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// A complaint about a setting that is right by itself but does not go with another.
    pub(super) fn complain(&mut self, key: &str, fault: Fault) {
        let place = self.place_of(key);
        self.notes.complain(place, &join(&self.name, key), fault);
    }

    /// A complaint that a setting needs another, which is not there.
    pub(super) fn lacking(&mut self, key: &str, fault: Fault) {
        let place = self.place_of(key);
        self.notes.lacking(place, &join(&self.name, key), fault);
    }

    /// A section within this one; where no file has it, one that has everything at its default.
    pub(super) fn section(&mut self, key: &str) -> Section<'t, '_> {
        let name = join(&self.name, key);
        let node = self.table.and_then(|table| table.get(key));
        let table = match node.map(|node| &node.value) {
            Some(Value::Table(table)) => Some(table),
            Some(Value::Broken) | None => None,
            Some(_) => {
                let cure = format!("begin the section with [{name}] and write its settings below");
                self.wrong_kind(key, "a section", &cure);
                None
            }
        };
        Section { name, table, place: node.map(|node| node.place), notes: self.notes }
    }

    /// A section that means something by being there.
    pub(super) fn optional(&mut self, key: &str) -> Option<Section<'t, '_>> {
        self.has(key).then(|| self.section(key))
    }

    /// Every section of this name, written with double brackets; `read` gets one after the other.
    pub(super) fn each<T>(&mut self, key: &str, read: impl Fn(Section<'t, '_>) -> Option<T>) -> Vec<T> {
        let name = join(&self.name, key);
        let cure = format!("begin each with [[{name}]], in double brackets");
        let entries = match self.table.and_then(|table| table.get(key)).map(|node| &node.value) {
            Some(Value::List(entries)) => entries.as_slice(),
            Some(Value::Broken) | None => &[],
            Some(_) => {
                self.wrong_kind(key, "a list of sections", &cure);
                &[]
            }
        };
        let mut found = Vec::new();
        for entry in entries {
            let Value::Table(table) = &entry.value else {
                let problem = format!("must be a list of sections, not of {}", entry.kind());
                self.notes.complain(Some(entry.place), &name, Fault::new(problem, &cure));
                continue;
            };
            found.extend(read(Section {
                name: name.clone(),
                table: Some(table),
                place: Some(entry.place),
                notes: self.notes,
            }));
        }
        found
    }

    /// Where the setting stands, or else its section.
    fn place_of(&self, key: &str) -> Option<Place> {
        self.table.and_then(|table| table.get(key)).map_or(self.place, |node| Some(node.place))
    }

    fn wrong_kind(&mut self, key: &str, wanted: &str, cure: &str) {
        let kind = self.table.and_then(|table| table.get(key)).map_or("nothing", Node::kind);
        self.complain(key, Fault::new(format!("must be {wanted}, not {kind}"), cure));
    }
}
