//! Commands of sending: aliases, delegations, limits.

use serde_json::json;

use super::answers;
use super::ask::{all_rows, told_as_json, typed};
use super::commands::{Alias, Delegation, Limits, SetLimits};
use super::output::Out;
use super::{Failure, note};
use crate::api::client::{Client, Target};
use crate::api::{AliasView, DelegationView, NewAlias, NewDelegation, NewLimits};

/// `sidegate alias …`
pub(super) fn alias(command: Alias, client: &Client, out: &mut Out) -> Result<(), Failure> {
    let aliases = Target::of(&["aliases"]);
    match command {
        Alias::Add { of, alias } => {
            let answer = client.post(&aliases, &NewAlias { alias, of })?;
            if told_as_json(&answer, out)? {
                return Ok(());
            }
            let made: AliasView = answer.read()?;
            out.line(&format!("{}: an alias of {}", made.alias, made.of))
        }
        Alias::Remove { alias, of } => {
            let target = aliases.with("alias", &alias).with_some("of", of.as_deref());
            let answer = client.delete(&target)?;
            if told_as_json(&answer, out)? {
                return Ok(());
            }
            let of = of.map_or_else(|| "an alias".to_owned(), |of| format!("an alias of {of}"));
            out.line(&format!("{alias}: no longer {of}"))
        }
        Alias::List { of } => {
            let target = aliases.with_some("of", of.as_deref());
            let rows = all_rows(client, &target, "aliases", &[("after", "alias"), ("after_of", "of")])?;
            if out.style.json {
                return out.value(&json!({ "aliases": rows, "more": false }));
            }
            if rows.is_empty() {
                note("no aliases");
                return Ok(());
            }
            out.text(&answers::aliases(&typed(rows)?, &out.style))
        }
    }
}

/// `sidegate delegation …`
pub(super) fn delegation(command: Delegation, client: &Client, out: &mut Out) -> Result<(), Failure> {
    let delegations = Target::of(&["delegations"]);
    match command {
        Delegation::Grant(new) => {
            let body = NewDelegation { owner: new.owner, delegate: new.delegate, right: new.right };
            let answer = client.post(&delegations, &body)?;
            if told_as_json(&answer, out)? {
                return Ok(());
            }
            let made: DelegationView = answer.read()?;
            out.line(&format!("{} {}", made.delegate, answers::may(made.right, &made.owner)))
        }
        Delegation::Revoke { owner, delegate } => {
            let target = delegations.with("owner", &owner).with("delegate", &delegate);
            let answer = client.delete(&target)?;
            if told_as_json(&answer, out)? {
                return Ok(());
            }
            out.line(&format!("{delegate} may do nothing for {owner} any more"))
        }
        Delegation::List { address } => {
            let target = delegations.with_some("address", address.as_deref());
            let cursor = [("after", "owner"), ("after_delegate", "delegate")];
            let rows = all_rows(client, &target, "delegations", &cursor)?;
            if out.style.json {
                return out.value(&json!({ "delegations": rows, "more": false }));
            }
            if rows.is_empty() {
                note("no delegations");
                return Ok(());
            }
            out.text(&answers::delegations(&typed(rows)?, &out.style))
        }
    }
}

/// `sidegate limits …`
pub(super) fn limits(command: Limits, client: &Client, out: &mut Out) -> Result<(), Failure> {
    match command {
        Limits::Show { account: Some(account) } => {
            let answer = client.get(&Target::of(&["accounts", &account, "limits"]))?;
            if told_as_json(&answer, out)? {
                return Ok(());
            }
            out.text(&answers::account_limits(&answer.read()?, &out.style))
        }
        Limits::Show { account: None } => {
            let cursor = [("after_level", "level"), ("after_name", "name"), ("after_per", "per")];
            let rows = all_rows(client, &Target::of(&["limits"]), "limits", &cursor)?;
            if out.style.json {
                return out.value(&json!({ "limits": rows, "more": false }));
            }
            if rows.is_empty() {
                note("no limits are set: nobody is limited");
                return Ok(());
            }
            out.text(&answers::limits(&typed(rows)?, &out.style))
        }
        Limits::Set(new) => {
            let answer = client.patch(&Target::of(&["limits"]), &request(new))?;
            if told_as_json(&answer, out)? {
                return Ok(());
            }
            out.text(&answers::limits(&[answer.read()?], &out.style))
        }
    }
}

fn request(new: SetLimits) -> NewLimits {
    NewLimits {
        account: new.whose.account,
        group: new.whose.group,
        default: new.whose.default,
        per: new.per,
        messages_per_hour: new.figures.messages_per_hour,
        recipients_per_hour: new.figures.recipients_per_hour,
        messages_per_day: new.figures.messages_per_day,
        recipients_per_day: new.figures.recipients_per_day,
    }
}
