//! Commands that are one question and its answer: accounts, blocks, status.

use serde_json::{Value, json};

use super::answers;
use super::commands::{Account, Block, Switch};
use super::output::Out;
use super::{Failure, note};
use crate::api::client::{Answer, Client, Target};
use crate::api::{
    AccountChange, AccountLine, AccountList, AccountView, BlockList, BlockView, NewAccount, NewBlock,
    ROWS_DEFAULT, Status,
};

/// The target of one account.
pub(super) fn account_target(address: &str) -> Target {
    Target::of(&["accounts", address])
}

/// Prints the JSON that came, if JSON is wanted.
pub(super) fn told_as_json(answer: &Answer, out: &mut Out) -> Result<bool, Failure> {
    if out.style.json {
        out.json(answer.bytes())?;
    }
    Ok(out.style.json)
}

/// `sidegate account …`
pub(super) fn account(command: Account, client: &Client, out: &mut Out) -> Result<(), Failure> {
    match command {
        Account::List { search } => return list(search.as_deref(), client, out),
        Account::Add(account) => {
            let answer = client.post(&Target::of(&["accounts"]), &NewAccount { address: account.address })?;
            if !told_as_json(&answer, out)? {
                let made: AccountView = answer.read()?;
                out.line(&format!("{}: added", made.address))?;
            }
        }
        Account::Show(account) => {
            let answer = client.get(&account_target(&account.address))?;
            if !told_as_json(&answer, out)? {
                out.text(&answers::account(&answer.read()?, &out.style))?;
            }
        }
        Account::Remove(account) => {
            let answer = client.delete(&account_target(&account.address))?;
            if !told_as_json(&answer, out)? {
                out.line(&format!("{}: removed, with its client passwords", account.address))?;
            }
        }
        Account::Enable(account) => {
            change(
                &account.address,
                AccountChange { enabled: Some(true), ..AccountChange::default() },
                client,
                out,
            )?;
        }
        Account::Disable(account) => {
            change(
                &account.address,
                AccountChange { enabled: Some(false), ..AccountChange::default() },
                client,
                out,
            )?;
        }
        Account::Set { account, two_factor } => {
            let on = two_factor == Switch::On;
            change(
                &account.address,
                AccountChange { two_factor: Some(on), ..AccountChange::default() },
                client,
                out,
            )?;
        }
    }
    Ok(())
}

fn change(address: &str, change: AccountChange, client: &Client, out: &mut Out) -> Result<(), Failure> {
    let answer = client.patch(&account_target(address), &change)?;
    if told_as_json(&answer, out)? {
        return Ok(());
    }
    let now: AccountView = answer.read()?;
    let what = match change {
        AccountChange { two_factor: Some(_), .. } if now.two_factor => "two-factor on",
        AccountChange { two_factor: Some(_), .. } => "two-factor off",
        _ if now.enabled => "enabled",
        _ => "disabled",
    };
    out.line(&format!("{}: {what}", now.address))
}

/// All accounts, page by page; as JSON they become one list.
fn list(search: Option<&str>, client: &Client, out: &mut Out) -> Result<(), Failure> {
    let mut after: Option<String> = None;
    let mut lines: Vec<AccountLine> = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    loop {
        let target = Target::of(&["accounts"])
            .with_some("after", after.as_deref())
            .with_some("search", search)
            .with("limit", ROWS_DEFAULT);
        let answer = client.get(&target)?;
        let page: AccountList = answer.read()?;
        if out.style.json {
            values.extend(rows(&answer, "accounts")?);
        }
        let last = page.accounts.last().map(|account| account.address.clone());
        lines.extend(page.accounts);
        // A page that leads nowhere ends the list, whatever it says: no daemon keeps us busy for ever.
        if !page.more || last.is_none() || last == after {
            break;
        }
        after = last;
    }
    if out.style.json {
        return out.value(&json!({ "accounts": values, "more": false }));
    }
    if lines.is_empty() {
        note("no accounts");
        return Ok(());
    }
    out.text(&answers::accounts(&lines, &out.style))
}

/// The rows of a list as they came, with fields that this version does not know.
pub(super) fn rows(answer: &Answer, name: &str) -> Result<Vec<Value>, Failure> {
    let mut whole: Value = answer.read()?;
    match whole.get_mut(name).map(Value::take) {
        Some(Value::Array(rows)) => Ok(rows),
        _ => Ok(Vec::new()),
    }
}

/// `sidegate block …`
pub(super) fn block(command: Block, client: &Client, out: &mut Out) -> Result<(), Failure> {
    let blocks = Target::of(&["blocks"]);
    match command {
        Block::List => {
            let answer = client.get(&blocks)?;
            if told_as_json(&answer, out)? {
                return Ok(());
            }
            let list: BlockList = answer.read()?;
            if list.blocks.is_empty() {
                note("no blocks");
                return Ok(());
            }
            out.text(&answers::blocks(&list, &out.style))
        }
        Block::Add { address, seconds, reason } => {
            let answer = client.post(&blocks, &NewBlock { address, seconds, reason })?;
            if told_as_json(&answer, out)? {
                return Ok(());
            }
            let block: BlockView = answer.read()?;
            out.line(&format!("{}: blocked until {}", block.address, out.style.times.show(block.until)))?;
            if block.exempt {
                note("note: it is in lockout.exempt, so the block has no effect");
            }
            Ok(())
        }
        Block::Lift { address } => {
            let answer = client.delete(&blocks.with("address", &address))?;
            if told_as_json(&answer, out)? { Ok(()) } else { out.line(&format!("{address}: block lifted")) }
        }
    }
}

/// `sidegate status`
pub(super) fn status(client: &Client, out: &mut Out) -> Result<(), Failure> {
    let answer = client.get(&Target::of(&["status"]))?;
    if told_as_json(&answer, out)? {
        return Ok(());
    }
    let status: Status = answer.read()?;
    out.text(&answers::status(&status, &out.style))
}
