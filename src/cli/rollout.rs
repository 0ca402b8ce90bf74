//! `sidegate rollout`: whom the rules meet, or would meet once they are enforced.

use serde_json::json;

use super::ask::{all_rows, typed};
use super::commands::Rollout;
use super::output::{Cell, Out, Style, Table, Tone};
use super::times::now;
use super::{Failure, note};
use crate::api::RolloutView;
use crate::api::client::{Client, Target};

/// Prints the report.
pub(super) fn rollout(command: &Rollout, client: &Client, out: &mut Out) -> Result<(), Failure> {
    let since = now().minus(command.since);
    let target = Target::of(&["rollout"]).with("since", since.0);
    let rows = all_rows(client, &target, "accounts", &[("after", "account")])?;
    if out.style.json {
        return out.value(&json!({ "accounts": rows, "more": false }));
    }
    let since = out.style.times.show(since);
    if rows.is_empty() {
        note(&format!("nobody: since {since} no mail client logged in with anything but a client password"));
        return Ok(());
    }
    out.text(&report(&typed::<RolloutView>(rows)?, &out.style))
}

fn report(accounts: &[RolloutView], style: &Style) -> String {
    let mut table = Table::new(&[
        "ACCOUNT",
        "WOULD BE REFUSED",
        "WHY",
        "MAIN PASSWORD",
        "PROTOCOLS",
        "ADDRESSES",
        "LAST",
        "CLIENT PASSWORDS",
    ]);
    for account in accounts {
        table.row(vec![
            (&account.account).into(),
            account.would_refuse.into(),
            account.reasons.join(",").into(),
            account.main_password.into(),
            account.protocols.join(",").into(),
            account.addresses.into(),
            style.times.show(account.last).into(),
            prepared(account),
        ]);
    }
    let unprepared = accounts.iter().filter(|account| account.passwords_used == 0).count();
    format!("{}\n{}\n", table.show(style.colour), summary(accounts.len(), unprepared))
}

fn summary(accounts: usize, unprepared: usize) -> String {
    let all = if accounts == 1 { "1 account".to_owned() } else { format!("{accounts} accounts") };
    match unprepared {
        0 => format!("{all}, each with a client password in use."),
        1 => format!(
            "{all}; 1 has no client password in use, and its mail clients would stand before the gate."
        ),
        _ => format!(
            "{all}; {unprepared} have no client password in use, and their mail clients would stand before the gate."
        ),
    }
}

/// How far an account is prepared for the day on which only client passwords count.
fn prepared(account: &RolloutView) -> Cell {
    match (account.known, account.passwords, account.passwords_used) {
        (false, ..) => Cell::toned("no account here", Tone::Bad),
        (true, 0, _) => Cell::toned("none", Tone::Bad),
        (true, all, 0) => Cell::toned(format!("{all}, never used"), Tone::Odd),
        (true, all, used) => Cell::toned(format!("{all}, {used} in use"), Tone::Good),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(known: bool, passwords: u32, passwords_used: u32) -> RolloutView {
        RolloutView {
            account: "ann@example.org".into(),
            would_refuse: 3,
            reasons: vec!["blocked".into(), "main-password".into()],
            main_password: 0,
            protocols: vec!["imap".into()],
            addresses: 1,
            last: crate::clock::Timestamp(1_800_000_000),
            known,
            two_factor: false,
            passwords,
            passwords_used,
        }
    }

    #[test]
    fn it_says_how_far_everybody_is_prepared() {
        let accounts = [account(false, 0, 0), account(true, 0, 0), account(true, 2, 0), account(true, 2, 1)];
        let text = report(&accounts, &Style::plain(false));
        for words in ["no account here", "none", "2, never used", "2, 1 in use", "blocked,main-password"] {
            assert!(text.contains(words), "{words} is missing in\n{text}");
        }
        assert!(text.ends_with(
            "4 accounts; 3 have no client password in use, and their mail clients would stand before the gate.\n"
        ));
        assert_eq!(summary(1, 0), "1 account, each with a client password in use.");
        assert!(summary(1, 1).starts_with("1 account; 1 has no "));
    }
}
