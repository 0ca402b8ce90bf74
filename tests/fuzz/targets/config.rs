//! The configuration: taken, or refused with complaints that point into the text, one line each.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use sidegate::config::complaint::COMPLAINTS_MAX;
use sidegate::config::template::{Marks, fill};
use sidegate::config::{Config, Source, duration};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(read) = duration::parse(&text) {
        assert_eq!(duration::parse(&duration::show(read)), Ok(read));
        assert!(read <= Duration::MAX);
    }
    for marks in [Marks::Percent, Marks::Braces] {
        // A value is not looked at again.
        let filled = fill(&text, marks, &[("user", "%{user}{user}")]);
        assert!(filled.len() <= text.len() * 2 + 16);
    }
    let parts = text.split("\u{c}").map(str::to_owned);
    let sources: Vec<Source> =
        (1..).zip(parts).map(|(number, text)| Source { name: format!("{number}.toml"), text }).collect();
    match Config::from_sources(&sources) {
        Ok(config) => {
            let again = Config::from_sources(&sources).expect("it was taken");
            assert_eq!(config.fingerprint(), again.fingerprint());
        }
        Err(error) => {
            assert!(!error.complaints.is_empty());
            let shown = error.to_string();
            assert!(!shown.replace('\n', "").contains(char::is_control), "{shown:?}");
            assert!(shown.lines().count() <= COMPLAINTS_MAX + 1);
            for complaint in &error.complaints {
                let Some(position) = complaint.position else { continue };
                let source =
                    sources.iter().find(|source| source.name == complaint.file).expect("one of them");
                // A file that ends too early is complained of behind its end.
                let lines: Vec<&str> = source.text.split('\n').collect();
                assert!((1..=lines.len()).contains(&position.line), "{complaint} of {} lines", lines.len());
                let columns = lines[position.line - 1].chars().count() + 1;
                assert!((1..=columns).contains(&position.column), "{complaint} of {columns} columns");
            }
        }
    }
});
