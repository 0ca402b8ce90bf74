//! `sidegate export`: tables for people and for `sidegate import`. No secret and no hash is in them.

use std::borrow::Cow;
use std::collections::HashMap;

use csv::Writer;
use serde_json::json;

use super::Failure;
use super::ask::{all_rows, typed};
use super::commands::Export;
use super::output::Out;
use crate::api::client::{Client, Target};
use crate::api::{AccountLine, AccountList, AliasView, PasswordLine, PasswordList, ROWS_DEFAULT};
use crate::gate::import::guarded;

/// `sidegate export …`
pub(super) fn export(command: &Export, client: &Client, out: &mut Out) -> Result<(), Failure> {
    match command {
        Export::Accounts => accounts(client, out),
        Export::Passwords => passwords(client, out),
    }
}

fn accounts(client: &Client, out: &mut Out) -> Result<(), Failure> {
    let rows =
        all_rows(client, &Target::of(&["aliases"]), "aliases", &[("after", "alias"), ("after_of", "of")])?;
    let mut aliases: HashMap<String, Vec<String>> = HashMap::new();
    for AliasView { alias, of } in typed(rows)? {
        aliases.entry(of).or_default().push(alias);
    }
    let mut page = Page::begin(&["account", "enabled", "two_factor", "group", "aliases"], "accounts", out)?;
    let mut after = String::new();
    loop {
        let target = Target::of(&["accounts"]).with("limit", ROWS_DEFAULT).with("after", &after);
        let AccountList { accounts, more } = client.get(&target)?.read()?;
        for AccountLine { address, enabled, two_factor, group, .. } in &accounts {
            let theirs = aliases.remove(address).unwrap_or_default();
            if page.json.is_some() {
                page.add(json!({
                    "account": address, "enabled": enabled, "two_factor": two_factor, "group": group,
                    "aliases": theirs
                }));
            } else {
                let group = group.as_deref().unwrap_or_default();
                page.row(&[address, on_off(*enabled), on_off(*two_factor), group, &theirs.join(" ")])?;
            }
        }
        page.flush(out)?;
        match accounts.last() {
            Some(last) if more => after.clone_from(&last.address),
            _ => return page.end(out),
        }
    }
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn passwords(client: &Client, out: &mut Out) -> Result<(), Failure> {
    const COLUMNS: [&str; 10] = [
        "account",
        "name",
        "id",
        "made",
        "last_use",
        "last_protocol",
        "protocols",
        "expires",
        "from",
        "imported",
    ];
    let mut page = Page::begin(&COLUMNS, "passwords", out)?;
    let mut after = 0;
    loop {
        let target = Target::of(&["passwords"]).with("limit", ROWS_DEFAULT).with("after", after);
        let PasswordList { passwords, more } = client.get(&target)?.read()?;
        for PasswordLine { account, password } in &passwords {
            if page.json.is_some() {
                page.add(json!({ "account": account, "password": password }));
                continue;
            }
            let last = password.last_use.as_ref();
            page.row(&[
                account,
                &password.name,
                &password.id.to_string(),
                &password.created.to_string(),
                &last.map(|last| last.at.to_string()).unwrap_or_default(),
                last.map(|last| last.protocol.as_str()).unwrap_or_default(),
                &password.protocols.join(" "),
                &password.expires.map(|end| end.to_string()).unwrap_or_default(),
                &password.networks.join(" "),
                password.imported.as_deref().unwrap_or_default(),
            ])?;
        }
        page.flush(out)?;
        match passwords.last() {
            Some(last) if more => after = last.password.id,
            _ => return page.end(out),
        }
    }
}

/// What is written: lines of CSV as they come, or one JSON document at the end.
struct Page {
    name: &'static str,
    csv: Writer<Vec<u8>>,
    json: Option<Vec<serde_json::Value>>,
}

impl Page {
    fn begin(columns: &[&str], name: &'static str, out: &Out) -> Result<Self, Failure> {
        let mut page =
            Self { name, csv: Writer::from_writer(Vec::new()), json: out.style.json.then(Vec::new) };
        if page.json.is_none() {
            page.row(columns)?;
        }
        Ok(page)
    }

    fn row(&mut self, cells: &[&str]) -> Result<(), Failure> {
        let cells = cells.iter().map(|cell| guarded(cell));
        let written = self.csv.write_record(cells.map(Cow::into_owned));
        written.map_err(|error| Failure::Said(format!("cannot write a row: {error}")))
    }

    fn add(&mut self, row: serde_json::Value) {
        self.json.get_or_insert_default().push(row);
    }

    /// Hands over what there is.
    fn flush(&mut self, out: &mut Out) -> Result<(), Failure> {
        let csv = std::mem::replace(&mut self.csv, Writer::from_writer(Vec::new()));
        let bytes = csv.into_inner().map_err(|error| Failure::Said(error.to_string()))?;
        if bytes.is_empty() { Ok(()) } else { out.bytes(&bytes).map_err(Failure::Output) }
    }

    fn end(mut self, out: &mut Out) -> Result<(), Failure> {
        match self.json.take() {
            Some(rows) => out.value(&json!({ self.name: rows })),
            None => Ok(()),
        }
    }
}
