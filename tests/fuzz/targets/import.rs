//! Tables that are imported: every row is taken or complained of, cells come back as they were exported, and no
//! complaint repeats a hash.
#![no_main]

use csv::{ReaderBuilder, WriterBuilder};
use libfuzzer_sys::fuzz_target;
use sidegate::cli::import::table::{Column, Mistake, read};
use sidegate::cli::import::{accounts, passwords};
use sidegate::gate::foreign::ForeignHash;
use sidegate::gate::import::{guarded, moment, switch, unguarded, words};

const COLUMNS: [Column; 2] =
    [Column { name: "account", required: true }, Column { name: "hash", required: false }];

fn told(mistakes: &[Mistake], bytes: &[u8], hashes: &[String]) {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    for mistake in mistakes {
        assert!((1..=lines).contains(&mistake.line), "{mistake:?} of {lines} lines");
        assert!(!mistake.message.is_empty());
        assert!(!hashes.iter().any(|hash| mistake.message.contains(hash.as_str())), "{mistake:?}");
    }
}

/// Whatever stands in the file is no hash that is shown to anybody.
fn hashes(bytes: &[u8]) -> Vec<String> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let cells = reader.byte_records().flatten().flat_map(|record| {
        record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect::<Vec<_>>()
    });
    let hash = |cell: String| ForeignHash::parse(unguarded(&cell)).ok().map(|hash| hash.reveal().to_owned());
    cells.filter_map(hash).collect()
}

/// As `sidegate export` writes it.
fn exported(cells: &[String; 2]) {
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(["account", "hash"]).expect("in memory");
    writer.write_record(cells.iter().map(|cell| guarded(cell).into_owned())).expect("in memory");
    let bytes = writer.into_inner().expect("in memory");
    let (table, mistakes) = read(&bytes, &COLUMNS);
    assert_eq!((&mistakes[..], table.rows.len()), (&[][..], 1), "{cells:?}");
    for (column, cell) in COLUMNS.iter().zip(cells) {
        assert_eq!(table.cell(&table.rows[0], column.name), Some(cell.as_str()));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let (table, mistakes) = read(bytes, &COLUMNS);
    let mut line = 0;
    for row in &table.rows {
        assert!(
            row.line >= line && table.cell(row, "account").is_some() && table.cell(row, "name").is_none()
        );
        line = row.line;
    }
    let hashes = hashes(bytes);
    told(&mistakes, bytes, &hashes);
    let (items, mistakes) = accounts(bytes);
    told(&mistakes, bytes, &[]);
    assert!(items.iter().all(|item| item.row.account.contains('@')));
    let (items, mistakes) = passwords(bytes);
    told(&mistakes, bytes, &hashes);
    assert!(items.iter().all(|item| ForeignHash::parse(&item.row.hash).is_ok()));

    let (account, hash) = text.split_once('\n').unwrap_or((&text, ""));
    exported(&[account.to_owned(), hash.to_owned()]);
    let guard = guarded(&text);
    assert_eq!(unguarded(&guard), text);
    assert!(!guard.starts_with(['=', '+', '-', '@', '\t', '\r']), "{guard:?} is a formula");
    if let Ok(Some(at)) = moment(&text) {
        assert_eq!(moment(&at.to_string()), Ok(Some(at)), "{text:?}");
    }
    let _ = switch(&text);
    assert!(words(&text).iter().all(|word| !word.is_empty() && !word.contains([',', ' '])));
});
