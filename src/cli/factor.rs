//! `sidegate factor`, and what `sidegate account` does about main passwords and sessions.

use super::ask::told_as_json;
use super::commands::{Factor, MainPassword, ResetFactors};
use super::output::{Cell, Out, Style, Table, Tone, visible};
use super::{Failure, note, password};
use crate::api::client::{Client, Target};
use crate::api::portal::{AccountFactors, Hidden};
use crate::api::{FactorsReset, NewMainPassword, Nothing};

/// `sidegate factor …`
pub(super) fn factor(command: Factor, client: &Client, out: &mut Out) -> Result<(), Failure> {
    match command {
        Factor::List(account) => {
            let answer = client.get(&Target::of(&["accounts", &account.address, "factors"]))?;
            if told_as_json(&answer, out)? { Ok(()) } else { out.text(&factors(&answer.read()?, &out.style)) }
        }
        Factor::Reset(ResetFactors { account, reason, two_factor_off }) => {
            let target = Target::of(&["accounts", &account.address, "factors", "reset"]);
            let answer = client.post(&target, &FactorsReset { reason, two_factor_off })?;
            if told_as_json(&answer, out)? {
                return Ok(());
            }
            let then = if two_factor_off {
                "two-factor is off"
            } else {
                "where two-factor is on, the next sign-in leads to setting it up"
            };
            out.line(&format!("{}: second factors and recovery codes removed; {then}", account.address))
        }
    }
}

/// `sidegate account main-password`
pub(super) fn main_password(command: &MainPassword, client: &Client, out: &mut Out) -> Result<(), Failure> {
    let address = &command.account.address;
    let target = Target::of(&["accounts", address, "main-password"]);
    let (answer, what) = if command.remove {
        (client.delete(&target)?, "main password removed")
    } else {
        let mut typed = password::read_new(address)?;
        let body = NewMainPassword { password: Hidden::new(std::mem::take(&mut *typed)) };
        (client.put(&target, &body)?, "main password set")
    };
    if told_as_json(&answer, out)? {
        return Ok(());
    }
    note("note: sessions at the portal were ended; client passwords stay as they are");
    out.line(&format!("{address}: {what}"))
}

/// `sidegate account sign-out`
pub(super) fn sign_out(address: &str, client: &Client, out: &mut Out) -> Result<(), Failure> {
    let target = Target::of(&["accounts", address, "sessions", "end"]);
    let answer = client.post(&target, &Nothing {})?;
    if told_as_json(&answer, out)? {
        return Ok(());
    }
    out.line(&format!("{address}: signed out of the portal everywhere, and no browser is trusted any more"))
}

/// An account's second factors, and what is left beside them.
fn factors(account: &AccountFactors, style: &Style) -> String {
    let mut facts = Table::new(&[]);
    facts.row(vec!["address".into(), (&account.address).into()]);
    let codes = match account.recovery_codes {
        None => "none made".into(),
        Some(0) => Cell::toned("all used", Tone::Odd),
        Some(left) => format!("{left} left").into(),
    };
    facts.row(vec!["recovery codes".into(), codes]);
    let failures = account.failures;
    let tone = if failures == 0 { Tone::Plain } else { Tone::Odd };
    facts.row(vec!["wrong codes in a row".into(), Cell::toned(failures.to_string(), tone)]);
    let mut text = facts.show(style.colour);
    text.push('\n');
    if account.factors.is_empty() {
        text.push_str("no second factors\n");
        return text;
    }
    let mut table = Table::new(&["ID", "KIND", "NAME", "BOUND", "LAST USE"]);
    for factor in &account.factors {
        let last = match (account.lost.contains(&factor.id), factor.last_use) {
            (true, _) => Cell::toned("cannot be used: its store key is lost", Tone::Bad),
            (false, Some(at)) => style.times.show(at).into(),
            (false, None) => Cell::toned("never used", Tone::Odd),
        };
        table.row(vec![
            factor.id.into(),
            (&factor.kind).into(),
            visible(&factor.name).into(),
            style.times.show(factor.created).into(),
            last,
        ]);
    }
    text.push_str(&table.show(style.colour));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::portal::FactorView;
    use crate::clock::Timestamp;

    #[test]
    fn an_account_with_its_factors() {
        let made = Timestamp(1_795_132_800);
        let factor = |id, kind: &str, name: &str, last_use| {
            let (kind, name) = (kind.to_owned(), name.to_owned());
            FactorView { id, kind, name, created: made, last_use }
        };
        let mut account = AccountFactors {
            address: "ann@example.org".into(),
            factors: vec![
                factor(1, "totp", "Ann's phone", Some(made)),
                factor(2, "sms", "+86 138****0000", None),
            ],
            recovery_codes: Some(9),
            failures: 2,
            lost: Vec::new(),
        };
        let expected = "\
address               ann@example.org
recovery codes        9 left
wrong codes in a row  2

ID  KIND  NAME             BOUND                 LAST USE
1   totp  Ann's phone      2026-11-20T00:00:00Z  2026-11-20T00:00:00Z
2   sms   +86 138****0000  2026-11-20T00:00:00Z  never used
";
        assert_eq!(factors(&account, &Style::plain(false)), expected);
        account.factors.clear();
        account.recovery_codes = None;
        let text = factors(&account, &Style::plain(false));
        assert!(text.contains("none made\n") && text.ends_with("\nno second factors\n"), "{text}");
    }
}
