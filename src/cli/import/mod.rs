//! `sidegate import`: tables of accounts, and of client passwords of another system.
//!
//! The whole file is read and checked here, then by the daemon without changing anything; only if nobody finds a mistake
//! it is carried out, in requests of bounded size, each whole or not at all. Whoever is interrupted runs it again.

pub mod table;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use self::table::{Column, Mistake, Row, Table, read};
use super::commands::{Import, Table as Told};
use super::output::Out;
use super::progress::Progress;
use super::{Failure, note, times};
use crate::api::client::{Client, Target};
use crate::api::{BODY_BYTES_MAX, ImportAccount, ImportAnswer, ImportMistake, ImportPassword};
use crate::gate::import::{AccountRow, Fault, PasswordRow, moment, switch, words};

/// The largest file that is read, in bytes: it is held in memory, so that nothing is imported before all is checked.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Bytes of a request's rows; the rest is left for what stands around them.
const REQUEST_BYTES: usize = BODY_BYTES_MAX - 1024;

const ACCOUNTS: [Column; 5] = [
    Column { name: "account", required: true },
    Column { name: "group", required: false },
    Column { name: "two_factor", required: false },
    Column { name: "enabled", required: false },
    Column { name: "aliases", required: false },
];
const PASSWORDS: [Column; 6] = [
    Column { name: "account", required: true },
    Column { name: "name", required: true },
    Column { name: "hash", required: true },
    Column { name: "protocols", required: false },
    Column { name: "expires", required: false },
    Column { name: "from", required: false },
];

/// A row as the daemon gets it, with the line that it came from.
#[derive(Debug)]
pub struct Item<T> {
    line: u64,
    /// The account's normal form: what belongs to one account goes in one request.
    account: String,
    /// As it is sent.
    pub row: T,
}

/// `sidegate import …`
pub(super) fn import(command: &Import, client: &Client, out: &mut Out) -> Result<(), Failure> {
    match command {
        Import::Accounts(told) => {
            let (items, mistakes) = accounts(&contents(&told.file)?);
            carry_out("accounts", items, mistakes, told, client, out)
        }
        Import::Passwords(told) => {
            let (items, mistakes) = passwords(&contents(&told.file)?);
            carry_out("passwords", items, mistakes, told, client, out)
        }
    }
}

/// A file as people are told of it.
fn shown(file: &Path) -> String {
    if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() }
}

fn contents(file: &Path) -> Result<Vec<u8>, Failure> {
    let shown = shown(file);
    let trouble = |error: io::Error| Failure::Said(format!("cannot read {shown}: {error}"));
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(file).map_err(trouble)?)
    };
    let mut bytes = Vec::new();
    source.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(trouble)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let most = super::output::bytes(FILE_BYTES_MAX);
        return Err(Failure::Usage(format!("{shown} is larger than {most}; import it in parts")));
    }
    Ok(bytes)
}

/// Reads a table of accounts: its good rows, and every mistake in the others.
#[must_use]
pub fn accounts(bytes: &[u8]) -> (Vec<Item<ImportAccount>>, Vec<Mistake>) {
    let (table, mut mistakes) = read(bytes, &ACCOUNTS);
    let mut items = Vec::with_capacity(table.rows.len());
    let mut lines = HashMap::new();
    for row in &table.rows {
        let mut faults = Vec::new();
        let cell = |column| table.cell(row, column).unwrap_or_default();
        let mut flag = |column| {
            let read = switch(cell(column));
            read.unwrap_or_else(|why| {
                faults.push(Fault::new(column, why));
                None
            })
        };
        let (enabled, two_factor) = (flag("enabled"), flag("two_factor"));
        let group = Some(cell("group").trim()).filter(|group| !group.is_empty());
        let aliases = words(cell("aliases"));
        match AccountRow::new(cell("account"), (enabled, two_factor), group, &aliases) {
            Ok(parsed) => {
                let account = parsed.account.to_string();
                faults.extend(twice(&mut lines, &account, row.line, "account"));
                let (name, group) = (account.clone(), group.map(str::to_owned));
                let aliases = aliases.into_iter().map(str::to_owned).collect();
                let item = ImportAccount { account: name, enabled, two_factor, group, aliases };
                items.push(Item { line: row.line, account, row: item });
            }
            Err(found) => faults.extend(found),
        }
        mistakes.extend(told(row, faults));
    }
    // Wherever in the file the account stands.
    for item in &items {
        let own = item.row.aliases.iter().map(|alias| alias.to_lowercase());
        for alias in own.filter(|alias| lines.contains_key(alias)) {
            let why = format!("{alias} is an account in line {}; it cannot be an alias too", lines[&alias]);
            mistakes.push(Mistake::new(item.line, Some("aliases"), why));
        }
    }
    (items, mistakes)
}

/// Reads a table of client passwords: its good rows, and every mistake in the others.
#[must_use]
pub fn passwords(bytes: &[u8]) -> (Vec<Item<ImportPassword>>, Vec<Mistake>) {
    let (table, mut mistakes) = read(bytes, &PASSWORDS);
    let mut items = Vec::with_capacity(table.rows.len());
    let (mut lines, now) = (HashMap::new(), times::now());
    for row in &table.rows {
        let mut faults = Vec::new();
        let (parsed, item) = password(&table, row, now, &mut faults);
        if let Some(parsed) = parsed {
            let account = parsed.account.to_string();
            let key = format!("{account} {}", parsed.name.as_str());
            faults.extend(twice(&mut lines, &key, row.line, "name"));
            items.push(Item { line: row.line, account, row: item });
        }
        mistakes.extend(told(row, faults));
    }
    // What belongs to one account goes together: only then the daemon can count before anything is done.
    items.sort_by(|a, b| a.account.cmp(&b.account));
    (items, mistakes)
}

fn password(
    table: &Table,
    row: &Row,
    now: crate::clock::Timestamp,
    faults: &mut Vec<Fault>,
) -> (Option<PasswordRow>, ImportPassword) {
    let cell = |column| table.cell(row, column).unwrap_or_default();
    let expires = moment(cell("expires")).unwrap_or_else(|why| {
        faults.push(Fault::new("expires", why));
        None
    });
    let (protocols, networks) = (words(cell("protocols")), words(cell("from")));
    let terms = (&protocols[..], &networks[..]);
    let parsed = PasswordRow::new(cell("account"), cell("name"), cell("hash"), terms, expires, now);
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let item = ImportPassword {
        account: cell("account").to_owned(),
        name: cell("name").to_owned(),
        hash: cell("hash").to_owned(),
        expires,
        protocols: owned(&protocols),
        networks: owned(&networks),
    };
    (parsed.map_err(|found| faults.extend(found)).ok(), item)
}

fn twice(lines: &mut HashMap<String, u64>, key: &str, line: u64, column: &'static str) -> Option<Fault> {
    let first = *lines.entry(key.to_owned()).or_insert(line);
    (first != line).then(|| Fault::new(column, format!("{key} is in line {first} already; leave one out")))
}

fn told(row: &Row, faults: Vec<Fault>) -> impl Iterator<Item = Mistake> {
    let line = row.line;
    faults.into_iter().map(move |fault| Mistake::new(line, Some(fault.column), fault.why))
}

fn carry_out<T: Serialize>(
    what: &str,
    items: Vec<Item<T>>,
    mut mistakes: Vec<Mistake>,
    told: &Told,
    client: &Client,
    out: &mut Out,
) -> Result<(), Failure> {
    let mut done = ImportAnswer::default();
    let requests = Requests { what, requests: cut(&items)?, items };
    if mistakes.is_empty() {
        let (found, counted) = requests.send(true, client)?;
        (mistakes, done) = (found, counted);
    }
    mistakes.sort_by_key(|mistake| mistake.line);
    if mistakes.is_empty() && !told.dry_run {
        let (found, counted) = requests.send(false, client)?;
        if !found.is_empty() {
            tell(&found, told, out)?;
            return Err(Failure::Said(
                "something was changed meanwhile: lines before these are imported; correct the file and run it again"
                    .to_owned(),
            ));
        }
        done = counted;
    }
    if !mistakes.is_empty() {
        tell(&mistakes, told, out)?;
        let count = mistakes.len();
        if !out.style.json {
            let s = if count == 1 { "" } else { "s" };
            note(&format!("{count} mistake{s}: nothing was imported"));
        }
        return Err(Failure::Told);
    }
    let ImportAnswer { added, changed, unchanged, warnings, .. } = done;
    if out.style.json {
        let dry_run = told.dry_run;
        return out.value(&json!({
            "dry_run": dry_run, "added": added, "changed": changed, "unchanged": unchanged, "mistakes": [],
            "warnings": warnings.iter().map(warned).collect::<Vec<_>>()
        }));
    }
    for ImportMistake { row: line, message, .. } in &warnings {
        note(&super::output::visible(&format!("{}:{line}: warning: {message}", shown(&told.file))));
    }
    let would = if told.dry_run { "dry run, nothing was changed: " } else { "" };
    out.line(&format!("{would}{added} new, {changed} changed, {unchanged} unchanged"))
}

fn warned(warning: &ImportMistake) -> Value {
    json!({ "line": warning.row, "column": warning.column, "message": warning.message })
}

fn tell(mistakes: &[Mistake], told: &Told, out: &mut Out) -> Result<(), Failure> {
    if out.style.json {
        let one = |mistake: &Mistake| json!({ "line": mistake.line, "column": mistake.column, "message": mistake.message });
        let mistakes: Vec<Value> = mistakes.iter().map(one).collect();
        return out.value(&json!({
            "dry_run": told.dry_run, "added": 0, "changed": 0, "unchanged": 0, "mistakes": mistakes, "warnings": []
        }));
    }
    for Mistake { line, column, message } in mistakes {
        let column = column.as_ref().map(|column| format!(" {column}:")).unwrap_or_default();
        note(&super::output::visible(&format!("{}:{line}:{column} {message}", shown(&told.file))));
    }
    Ok(())
}

/// Where each request begins and ends. One account's rows are cut apart only where they fill a request alone.
fn cut<T: Serialize>(items: &[Item<T>]) -> Result<Vec<std::ops::Range<usize>>, Failure> {
    let mut requests = Vec::new();
    let (mut start, mut account_start, mut bytes, mut account_bytes) = (0, 0, 0, 0);
    for (place, item) in items.iter().enumerate() {
        let json = serde_json::to_string(&item.row).map_err(|error| Failure::Said(error.to_string()))?;
        let more = json.len() + 1;
        if place > 0 && items[place - 1].account != item.account {
            (account_start, account_bytes) = (place, 0);
        }
        if bytes + more > REQUEST_BYTES && place > start {
            let end = if account_start > start { account_start } else { place };
            requests.push(start..end);
            bytes = if end == account_start { account_bytes } else { 0 };
            start = end;
        }
        bytes += more;
        account_bytes += more;
    }
    if start < items.len() {
        requests.push(start..items.len());
    }
    Ok(requests)
}

struct Requests<'a, T> {
    what: &'a str,
    requests: Vec<std::ops::Range<usize>>,
    items: Vec<Item<T>>,
}

impl<T: Serialize> Requests<'_, T> {
    /// Sends all of them; with `dry_run` every mistake is found, else the first request that has one ends it.
    fn send(&self, dry_run: bool, client: &Client) -> Result<(Vec<Mistake>, ImportAnswer), Failure> {
        let mut progress = Progress::new();
        let (mut mistakes, mut sum) = (Vec::new(), ImportAnswer::default());
        let target = Target::of(&["import", self.what]);
        for range in &self.requests {
            let items = &self.items[range.clone()];
            let rows: Vec<&T> = items.iter().map(|item| &item.row).collect();
            let answer = client.post(&target, &json!({ "dry_run": dry_run, self.what: rows }));
            if answer.is_err() {
                progress.clear();
            }
            let answer: ImportAnswer = answer?.read()?;
            let line = |row: usize| items.get(row).map_or(0, |item| item.line);
            mistakes.extend(answer.mistakes.iter().map(|mistake| {
                Mistake::new(line(mistake.row), Some(&mistake.column), mistake.message.as_str())
            }));
            let warnings = answer.warnings.into_iter();
            sum.warnings
                .extend(warnings.map(|warning| ImportMistake { row: line(warning.row) as usize, ..warning }));
            sum.added += answer.added;
            sum.changed += answer.changed;
            sum.unchanged += answer.unchanged;
            if !dry_run && !mistakes.is_empty() {
                break;
            }
            let doing = if dry_run { "checked" } else { "imported" };
            progress.show(|| format!("{} of {} {doing}", range.end, self.items.len()));
        }
        progress.clear();
        Ok((mistakes, sum))
    }
}

#[cfg(test)]
mod tests;
