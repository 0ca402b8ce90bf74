//! `sidegate factor`, and what `sidegate account` does about main passwords and sessions.

use zeroize::Zeroizing;

use super::ask::told_as_json;
use super::commands::{Factor, MainPassword, ResetFactors};
use super::output::{Cell, Out, Style, Table, Tone, visible};
use super::{Failure, note, password};
use crate::api::client::{Client, Target};
use crate::api::portal::{AccountFactors, Hidden};
use crate::api::{FactorsReset, NewMainPassword, Nothing, ResetAnswer, Unlocked};

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
            out.line(&format!("{}: second factors and recovery codes removed; {then}", account.address))?;
            set_up_code(&answer.read()?, &account.address, out)?;
            let target = Target::of(&["accounts", &account.address, "factors"]);
            left_behind(&client.get(&target)?.read()?);
            Ok(())
        }
        Factor::Unlock(account) => {
            let target = Target::of(&["accounts", &account.address, "factors", "unlock"]);
            let answer = client.post(&target, &Nothing {})?;
            if told_as_json(&answer, out)? {
                return Ok(());
            }
            let text = match answer.read::<Unlocked>()?.failures {
                0 => "no wrong codes are counted: nothing was locked".to_owned(),
                1 => "1 wrong code forgotten; codes are looked at".to_owned(),
                failures => format!("{failures} wrong codes forgotten; codes are looked at again"),
            };
            out.line(&format!("{}: {text}", account.address))
        }
    }
}

/// What has to be handed to the owner after a reset.
fn set_up_code(reset: &ResetAnswer, address: &str, out: &mut Out) -> Result<(), Failure> {
    let (Some(code), Some(ends)) = (&reset.set_up_code, reset.ends) else {
        note(&format!(
            "note: no set-up code is asked for: whoever signs in first with the main password binds the next second \
             factor; have the owner of {address} change the main password before that"
        ));
        return Ok(());
    };
    let line = Zeroizing::new(format!("set-up code: {}\n", code.reveal()));
    // A closed pipe is no quiet end here: nobody has seen the code, but it is asked for.
    out.bytes(line.as_bytes()).map_err(|error| {
        Failure::Said(format!("the set-up code could not be written ({error}); reset again for another one"))
    })?;
    note(&format!(
        "note: the code is shown this once, and good until {}; hand it to the owner alone: the next sign-in asks for it",
        out.style.times.show(ends)
    ));
    Ok(())
}

/// What a reset leaves as it is, and whoever was in the account may have made.
fn left_behind(account: &AccountFactors) {
    let AccountFactors { address, passwords, delegations, .. } = account;
    note(
        "if somebody else may have been in the account, change the main password and look at what is still there:",
    );
    note(&format!("  {passwords} client passwords: sidegate password list {address}"));
    note(&format!("  {delegations} delegations granted: sidegate delegation list {address}"));
    note("  sessions of the portal, and all trust in browsers: ended by this reset");
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
    let wait = account.wait.map(|until| format!("none is looked at before {}", style.times.show(until)));
    let locked = account.locked.then(|| "none is looked at before `sidegate factor unlock`".to_owned());
    if let Some(text) = locked.or(wait) {
        facts.row(vec!["codes".into(), Cell::toned(text, Tone::Odd)]);
    }
    if let Some(ends) = account.set_up_code {
        facts.row(vec!["set-up code".into(), format!("waited for; ends {}", style.times.show(ends)).into()]);
    }
    let signed_in = account.signed_in.map(|at| style.times.show(at));
    let signed_in = signed_in.map_or_else(|| Cell::toned("never", Tone::Odd), Cell::from);
    facts.row(vec!["last sign-in".into(), signed_in]);
    facts.row(vec!["sessions".into(), account.sessions.into()]);
    facts.row(vec!["trusted browsers".into(), account.trusted.into()]);
    facts.row(vec!["client passwords".into(), account.passwords.into()]);
    facts.row(vec!["delegations granted".into(), account.delegations.into()]);
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
            passwords: 2,
            delegations: 0,
            wait: None,
            locked: false,
            set_up_code: None,
            signed_in: Some(made),
            sessions: 1,
            trusted: 0,
            makes_code: true,
            lost: Vec::new(),
        };
        let expected = "\
address               ann@example.org
recovery codes        9 left
wrong codes in a row  2
last sign-in          2026-11-20T00:00:00Z
sessions              1
trusted browsers      0
client passwords      2
delegations granted   0

ID  KIND  NAME             BOUND                 LAST USE
1   totp  Ann's phone      2026-11-20T00:00:00Z  2026-11-20T00:00:00Z
2   sms   +86 138****0000  2026-11-20T00:00:00Z  never used
";
        assert_eq!(factors(&account, &Style::plain(false)), expected);
        account.factors.clear();
        account.recovery_codes = None;
        (account.wait, account.set_up_code, account.signed_in) = (Some(made), Some(made), None);
        let text = factors(&account, &Style::plain(false));
        assert!(text.contains("none made\n") && text.ends_with("\nno second factors\n"), "{text}");
        assert!(text.contains("none is looked at before 2026-11-20T00:00:00Z\n"), "{text}");
        assert!(text.contains("waited for; ends 2026-11-20T00:00:00Z\n"), "{text}");
        assert!(text.contains("last sign-in          never\n"), "{text}");
        account.locked = true;
        let text = factors(&account, &Style::plain(false));
        assert!(text.contains("before `sidegate factor unlock`\n"), "{text}");
    }
}
