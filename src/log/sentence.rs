//! A line of the log as a person reads it: in the text form and in the journal.
//!
//! An event of the audit log has fields and no text: its sentence is made of them. Any other line has a text, and its fields
//! follow it.

use std::fmt::{self, Debug, Write as _};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

/// The field of a line's text.
const MESSAGE: &str = "message";
/// The field that an event of the audit log has, and nothing else.
const EVENT: &str = "event";
/// In this order, an event's fields are its sentence.
const ORDER: [&str; 6] = [EVENT, "protocol", "verdict", "reason", "account", "address"];

/// The fields of a line, in their order.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(&'static str, String)>);

impl Fields {
    /// Each with its name, the text aside.
    pub(super) fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().filter(|(name, _)| *name != MESSAGE).map(|(name, value)| (*name, value.as_str()))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// What a person reads.
    pub(super) fn sentence(&self) -> String {
        match (self.get(MESSAGE), self.get(EVENT)) {
            (None, Some(_)) => self.event(),
            (message, _) => self.line(message.unwrap_or_default()),
        }
    }

    fn event(&self) -> String {
        let mut words: Vec<String> =
            ORDER.into_iter().filter_map(|name| self.get(name)).map(str::to_owned).collect();
        if let Some(typed) = self.get("typed") {
            words.push(format!("as {typed}"));
        }
        if let (Some(name), Some(id)) = (self.get("password_name"), self.get("password_id")) {
            words.push(format!("{name:?} (#{id})"));
        }
        if let Some(count) = self.get("count").filter(|count| *count != "1") {
            words.push(format!("{count} times"));
        }
        if let Some(actor) = self.get("actor").filter(|actor| *actor != "gate") {
            words.push(format!("by {actor}"));
        }
        words.join(" ")
    }

    fn line(&self, message: &str) -> String {
        let mut line = message.to_owned();
        for (place, (name, value)) in self.named().enumerate() {
            let gap = match (place, message.is_empty()) {
                (0, true) => "",
                (0, false) => ": ",
                _ => ", ",
            };
            let _ = write!(line, "{gap}{name} {value}");
        }
        line
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

/// The text form.
#[derive(Debug)]
pub(super) struct Sentences;

impl<'writer> FormatFields<'writer> for Sentences {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut found = Fields::default();
        fields.record(&mut found);
        writer.write_str(&found.sentence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&'static str, &str)]) -> Fields {
        Fields(pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())
    }

    #[test]
    fn an_event_is_a_sentence_of_its_fields() {
        let login = [
            ("event", "login"),
            ("account", "ann@example.org"),
            ("address", "192.0.2.7"),
            ("protocol", "imap"),
            ("verdict", "refuse"),
            ("reason", "wrong-password"),
            ("actor", "gate"),
            ("count", "1"),
        ];
        assert_eq!(fields(&login).sentence(), "login imap refuse wrong-password ann@example.org 192.0.2.7");
        let more = [
            ("event", "password-revoked"),
            ("account", "ann@example.org"),
            ("typed", "info@example.org"),
            ("password_id", "7"),
            ("password_name", "Old \"laptop\""),
            ("actor", "uid 0"),
            ("count", "3"),
        ];
        let told = "password-revoked ann@example.org as info@example.org \"Old \\\"laptop\\\"\" (#7) 3 times by uid 0";
        assert_eq!(fields(&more).sentence(), told);
    }

    #[test]
    fn another_line_is_its_text_and_what_it_is_about() {
        let line =
            fields(&[("message", "waiting for the upstream"), ("path", "/run/x"), ("error", "it is away")]);
        assert_eq!(line.sentence(), "waiting for the upstream: path /run/x, error it is away");
        assert_eq!(line.named().count(), 2);
        assert_eq!(fields(&[("message", "ready")]).sentence(), "ready");
        assert_eq!(fields(&[("path", "/run/x")]).sentence(), "path /run/x");
    }
}
