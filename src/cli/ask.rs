//! Commands that are one question and its answer: accounts, blocks, status.

use ipnet::IpNet;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answers;
use super::commands::{Account, Block, Changes, Switch};
use super::output::Out;
use super::{Failure, factor, note};
use crate::api::client::{Answer, Client, ClientError, Target};
use crate::api::{
    AccountChange, AccountView, BlockList, BlockView, LiftedView, NewAccount, NewBlock, ROWS_DEFAULT, Status,
};
use crate::gate::target;

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
        Account::List { search, only } => return list(search.as_deref(), only.as_deref(), client, out),
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
        Account::MainPassword(command) => factor::main_password(&command, client, out)?,
        Account::SignOut(account) => factor::sign_out(&account.address, client, out)?,
        Account::Set { account, changes } => {
            let Changes { two_factor, group, no_group } = changes;
            let two_factor = two_factor.map(|switch| switch == Switch::On);
            let group = if no_group { Some(String::new()) } else { group };
            change(&account.address, AccountChange { enabled: None, two_factor, group }, client, out)?;
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
    let mut what: Vec<String> = Vec::new();
    if change.enabled.is_some() {
        what.push(if now.enabled { "enabled" } else { "disabled" }.to_owned());
    }
    if change.two_factor.is_some() {
        what.push(if now.two_factor { "two-factor on" } else { "two-factor off" }.to_owned());
    }
    if change.group.is_some() {
        what.push(now.group.map_or_else(|| "no group".to_owned(), |group| format!("group {group}")));
    }
    out.line(&format!("{}: {}", now.address, what.join(", ")))
}

fn list(search: Option<&str>, only: Option<&str>, client: &Client, out: &mut Out) -> Result<(), Failure> {
    let target = Target::of(&["accounts"]).with_some("search", search).with_some("only", only);
    let rows = all_rows(client, &target, "accounts", &[("after", "address")])?;
    if out.style.json {
        return out.value(&json!({ "accounts": rows, "more": false }));
    }
    if rows.is_empty() {
        note("no accounts");
        return Ok(());
    }
    out.text(&answers::accounts(&typed(rows)?, &out.style))
}

/// All rows of a list that comes page by page, as they came. `cursor` says where the next page goes on: which
/// parameter gets which field of the last row.
pub(super) fn all_rows(
    client: &Client,
    list: &Target,
    name: &str,
    cursor: &[(&str, &str)],
) -> Result<Vec<Value>, Failure> {
    let first = list.clone().with("limit", ROWS_DEFAULT);
    let (mut target, mut all) = (first.clone(), Vec::<Value>::new());
    loop {
        let answer = client.get(&target)?;
        let more = answer.read::<Value>()?.get("more") == Some(&Value::Bool(true));
        let page = rows(&answer, name)?;
        // A page that leads nowhere ends the list, whatever it says: no daemon keeps us busy for ever.
        let leads_on = page.last().is_some() && page.last() != all.last();
        all.extend(page);
        if !more || !leads_on {
            return Ok(all);
        }
        let field = |field: &str| all.last().and_then(|last| last.get(field)).and_then(Value::as_str);
        target = cursor
            .iter()
            .fold(first.clone(), |target, (parameter, name)| target.with_some(parameter, field(name)));
    }
}

/// Rows as a type of the API.
pub(super) fn typed<T: DeserializeOwned>(rows: Vec<Value>) -> Result<Vec<T>, Failure> {
    let typed = rows.into_iter().map(serde_json::from_value).collect::<Result<_, _>>();
    typed.map_err(|error| {
        let why = format!("unexpected JSON ({error}); are sidegate and sidegated of one version?");
        Failure::Client(ClientError::Broken(why))
    })
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
            let meant = target::read(&address).ok().filter(|_| address.contains('/'));
            let answer = client.post(&blocks, &NewBlock { address, seconds, reason })?;
            if told_as_json(&answer, out)? {
                return Ok(());
            }
            let block: BlockView = answer.read()?;
            out.line(&format!("{}: blocked until {}", block.address, out.style.times.show(block.until)))?;
            if widens(meant, &block.address) {
                note(&format!("note: all of {} counts as one address", block.address));
            }
            if block.exempt {
                note("note: it is in lockout.exempt, so the block has no effect");
            }
            Ok(())
        }
        Block::Lift { address } => {
            let answer = client.delete(&blocks.with("address", &address))?;
            if told_as_json(&answer, out)? {
                return Ok(());
            }
            let lifted: LiftedView = answer.read()?;
            out.line(&format!("{}: block lifted", lifted.address))?;
            if let Some(around) = lifted.still {
                let until = out.style.times.show(around.until);
                note(&format!("note: it is still in the network {}, blocked until {until}", around.address));
            }
            Ok(())
        }
    }
}

/// Whether more is blocked than the network that was meant.
fn widens(meant: Option<IpNet>, blocked: &str) -> bool {
    let same_family = |(meant, blocked): &(IpNet, IpNet)| meant.max_prefix_len() == blocked.max_prefix_len();
    let both = meant.zip(target::read(blocked).ok()).filter(same_family);
    both.is_some_and(|(meant, blocked)| blocked.prefix_len() < meant.prefix_len())
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
