//! What each answer of the API looks like to a person.

mod sending;

use super::output::{Cell, Style, Table, Tone};
use crate::api::{AccountLine, AccountView, BlockList, EventView, PasswordView, Status};
use crate::gate::event::Event;
pub use sending::{account_limits, aliases, delegations, limits, may};

/// Least widths of the columns of events, so that a followed log lines up.
const EVENT_WIDTHS: [usize; 4] = [20, 16, 24, 15];

fn enabled(enabled: bool) -> Cell {
    if enabled { Cell::toned("enabled", Tone::Good) } else { Cell::toned("disabled", Tone::Bad) }
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// A list of accounts.
#[must_use]
pub fn accounts(lines: &[AccountLine], style: &Style) -> String {
    let mut table = Table::new(&["ADDRESS", "STATE", "TWO-FACTOR", "PASSWORDS", "CREATED"]);
    for line in lines {
        table.row(vec![
            (&line.address).into(),
            enabled(line.enabled),
            on_off(line.two_factor).into(),
            line.passwords.into(),
            style.times.show(line.created).into(),
        ]);
    }
    table.show(style.colour)
}

/// An account with its client passwords and those removed of late.
#[must_use]
pub fn account(account: &AccountView, style: &Style) -> String {
    let mut facts = Table::new(&[]);
    facts.row(vec!["address".into(), (&account.address).into()]);
    facts.row(vec!["state".into(), enabled(account.enabled)]);
    facts.row(vec!["two-factor".into(), on_off(account.two_factor).into()]);
    facts.row(vec!["group".into(), account.group.as_deref().unwrap_or("none").into()]);
    facts.row(vec!["created".into(), style.times.show(account.created).into()]);
    let mut text = facts.show(style.colour);
    text.push('\n');
    if account.passwords.is_empty() {
        text.push_str("no client passwords\n");
    } else {
        text.push_str(&passwords(&account.passwords, style));
    }
    if !account.revoked.is_empty() {
        let mut gone = Table::new(&["ID", "REVOKED", "AT"]);
        for password in &account.revoked {
            let at = style.times.show(password.at);
            gone.row(vec![password.id.into(), (&password.name).into(), at.into()]);
        }
        text.push('\n');
        text.push_str(&gone.show(style.colour));
    }
    text
}

/// Client passwords, with their last use.
#[must_use]
pub fn passwords(passwords: &[PasswordView], style: &Style) -> String {
    let mut table = Table::new(&["ID", "NAME", "CREATED", "EXPIRES", "PROTOCOLS", "FROM", "LAST USE"]);
    for password in passwords {
        let last = match &password.last_use {
            None => match &password.imported {
                None => Cell::toned("never used", Tone::Odd),
                Some(scheme) => Cell::toned(format!("imported ({scheme}), not used yet"), Tone::Odd),
            },
            Some(last) => {
                let from = last.address.as_ref().map(|address| format!(" from {address}"));
                let (at, protocol) = (style.times.show(last.at), &last.protocol);
                format!("{at} {protocol}{}", from.unwrap_or_default()).into()
            }
        };
        table.row(vec![
            password.id.into(),
            (&password.name).into(),
            style.times.show(password.created).into(),
            password.expires.map_or_else(|| "never".into(), |end| style.times.show(end)).into(),
            some_or_all(&password.protocols, "all").into(),
            some_or_all(&password.networks, "anywhere").into(),
            last,
        ]);
    }
    table.show(style.colour)
}

fn some_or_all(list: &[String], all: &str) -> String {
    if list.is_empty() { all.to_owned() } else { list.join(",") }
}

/// Blocked addresses.
#[must_use]
pub fn blocks(list: &BlockList, style: &Style) -> String {
    let mut table = Table::new(&["ADDRESS", "SINCE", "UNTIL", "REASON"]);
    for block in &list.blocks {
        let exempt = if block.exempt { " (exempt: the block has no effect)" } else { "" };
        let tone = if block.exempt { Tone::Odd } else { Tone::Plain };
        table.row(vec![
            (&block.address).into(),
            style.times.show(block.since).into(),
            style.times.show(block.until).into(),
            Cell::toned(format!("{}{exempt}", block.reason), tone),
        ]);
    }
    table.show(style.colour)
}

/// Events with headings.
#[must_use]
pub fn events(events: &[EventView], style: &Style) -> String {
    event_table(events, style).show(style.colour)
}

/// Further events below those.
#[must_use]
pub fn more_events(events: &[EventView], style: &Style) -> String {
    event_table(events, style).show_rows(style.colour)
}

fn event_table(events: &[EventView], style: &Style) -> Table {
    let mut table = Table::new(&["TIME", "EVENT", "ACCOUNT", "ADDRESS", "DETAILS"]).at_least(&EVENT_WIDTHS);
    for EventView { event, .. } in events {
        let tone = match event.verdict.as_deref() {
            Some("accept") => Tone::Good,
            Some("refuse") => Tone::Bad,
            Some(_) => Tone::Odd,
            None => Tone::Plain,
        };
        table.row(vec![
            style.times.show(event.time).into(),
            event.kind.word().into(),
            event.account.clone().unwrap_or_default().into(),
            event.address.clone().unwrap_or_default().into(),
            Cell::toned(details(event), tone),
        ]);
    }
    table
}

/// What is left of an event, in words.
fn details(event: &Event) -> String {
    let mut words = Vec::new();
    words.extend(event.protocol.clone());
    words.extend(event.verdict.clone());
    words.extend(event.reason.clone());
    words.extend(event.typed.as_ref().map(|typed| format!("as {typed}")));
    match (event.password_id, &event.password_name) {
        (Some(id), Some(name)) => words.push(format!("client password {id} \"{name}\"")),
        (Some(id), None) => words.push(format!("client password {id}")),
        (None, _) => {}
    }
    if event.count > 1 {
        words.push(format!("{} times", event.count));
    }
    if event.actor != "gate" {
        words.push(format!("by {}", event.actor));
    }
    words.join(", ")
}

/// How the daemon is.
#[must_use]
pub fn status(status: &Status, style: &Style) -> String {
    let upstream = match status.upstream_connected {
        None => Cell::from("none"),
        Some(true) => Cell::toned("answers", Tone::Good),
        Some(false) => Cell::toned("does not answer", Tone::Bad),
    };
    let store = if status.store_writable {
        Cell::toned("writable", Tone::Good)
    } else {
        Cell::toned("the last write failed", Tone::Bad)
    };
    let logins = status.logins;
    let mode = if status.observe_only {
        Cell::toned(format!("{}, observe-only: nothing is refused", status.mode), Tone::Odd)
    } else {
        (&status.mode).into()
    };
    let mut table = Table::new(&[]);
    for (name, cell) in [
        ("version", (&status.version).into()),
        ("process", status.pid.into()),
        ("running since", style.times.show(status.since).into()),
        ("mode", mode),
        ("upstream", upstream),
        ("store", store),
        ("accounts", status.accounts.into()),
        ("client passwords", status.passwords.into()),
        ("sources watched", status.sources.into()),
        ("blocks", status.blocks.into()),
        ("logins accepted", logins.accepted.into()),
        ("logins refused", logins.refused.into()),
        ("logins deferred", logins.deferred.into()),
        ("logins waiting", status.hashing_queue.into()),
    ] {
        table.row(vec![name.into(), cell]);
    }
    let mut listeners = Table::new(&["LISTENER", "CONNECTIONS", "PATH"]);
    for listener in &status.listeners {
        listeners.row(vec![
            (&listener.protocol).into(),
            listener.connections.into(),
            (&listener.path).into(),
        ]);
    }
    format!("{}\n{}", table.show(style.colour), listeners.show(style.colour))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{BlockView, ListenerView, Logins, RevokedView};
    use crate::clock::Timestamp;
    use crate::gate::account::LastUse;
    use crate::gate::event::Kind;

    const DAY: Timestamp = Timestamp(1_795_132_800);

    fn plain() -> Style {
        Style::plain(false)
    }

    fn view() -> AccountView {
        let password = |id, name: &str, last_use| PasswordView {
            id,
            name: name.into(),
            created: DAY,
            expires: None,
            protocols: vec![],
            networks: vec![],
            imported: None,
            last_use,
        };
        let last = LastUse { at: DAY, address: Some("192.0.2.7".into()), protocol: "imap".into() };
        let mut scanner = password(2, "scanner", None);
        scanner.protocols = vec!["smtp".into(), "imap".into()];
        scanner.networks = vec!["192.0.2.0/24".into()];
        scanner.expires = Some(Timestamp(DAY.0 + 86_400));
        AccountView {
            address: "ann@example.org".into(),
            enabled: true,
            two_factor: false,
            group: None,
            created: DAY,
            passwords: vec![password(1, "Ann's phone", Some(last)), scanner],
            revoked: vec![RevokedView { id: 3, name: "Old phone".into(), at: DAY }],
        }
    }

    #[test]
    fn an_account_with_everything() {
        let expected = "\
address     ann@example.org
state       enabled
two-factor  off
group       none
created     2026-11-20T00:00:00Z

ID  NAME         CREATED               EXPIRES               PROTOCOLS  FROM          LAST USE
1   Ann's phone  2026-11-20T00:00:00Z  never                 all        anywhere      2026-11-20T00:00:00Z imap from 192.0.2.7
2   scanner      2026-11-20T00:00:00Z  2026-11-21T00:00:00Z  smtp,imap  192.0.2.0/24  never used

ID  REVOKED    AT
3   Old phone  2026-11-20T00:00:00Z
";
        assert_eq!(account(&view(), &plain()), expected);
        let mut imported = view().passwords.remove(1);
        imported.imported = Some("bcrypt".into());
        assert!(passwords(&[imported], &plain()).ends_with("  imported (bcrypt), not used yet\n"));
        let bare = AccountView { group: Some("staff".into()), passwords: vec![], revoked: vec![], ..view() };
        assert!(account(&bare, &plain()).contains("\ngroup       staff\n"));
        assert!(account(&bare, &plain()).ends_with("\n\nno client passwords\n"));
    }

    #[test]
    fn lists_of_accounts_and_blocks() {
        let line = AccountLine {
            address: "ann@example.org".into(),
            enabled: false,
            two_factor: true,
            group: None,
            passwords: 2,
            created: DAY,
            signed_in: None,
        };
        let text = accounts(&[line], &plain());
        assert!(
            text.ends_with("ann@example.org  disabled  on          2          2026-11-20T00:00:00Z\n"),
            "{text}"
        );
        let block = BlockView {
            address: "2001:db8::/64".into(),
            since: DAY,
            until: Timestamp(DAY.0 + 3600),
            reason: "10 failures in a row".into(),
            exempt: true,
            streak: None,
        };
        let text = blocks(&BlockList { blocks: vec![block] }, &plain());
        assert!(text.contains("2026-11-20T01:00:00Z  10 failures in a row (exempt:"), "{text}");
    }

    #[test]
    fn events_line_up_and_say_who_did_it() {
        let login = Event {
            protocol: Some("imap".into()),
            verdict: Some("refuse".into()),
            count: 3,
            ..Event::new(DAY, Kind::Login, "gate")
                .account("x\u{1b}[2J")
                .address("192.0.2.7")
                .reason("blocked")
        };
        let made =
            Event::new(DAY, Kind::PasswordAdded, "uid 0").account("ann@example.org").password(1, "Phone");
        let list = [EventView { id: 1, event: login }, EventView { id: 2, event: made }];
        let text = events(&list, &plain());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "2026-11-20T00:00:00Z  login             x\\u{1b}[2J                192.0.2.7        imap, refuse, blocked, 3 times"
        );
        assert!(lines[2].ends_with("client password 1 \"Phone\", by uid 0"), "{text}");
        assert_eq!(more_events(&list, &plain()), format!("{}\n{}\n", lines[1], lines[2]));
        let style = Style { colour: true, ..plain() };
        assert!(events(&list, &style).contains("\u{1b}[31mimap, refuse"));
    }

    #[test]
    fn the_state_of_the_daemon() {
        let state = Status {
            version: "0.1.0".into(),
            pid: 42,
            since: DAY,
            mode: "front".into(),
            observe_only: false,
            upstream_connected: Some(false),
            store_writable: true,
            accounts: 1,
            passwords: 2,
            sources: 3,
            blocks: 4,
            listeners: vec![ListenerView {
                protocol: "auth-client".into(),
                path: "/run/x".into(),
                connections: 5,
            }],
            logins: Logins { accepted: 6, refused: 7, deferred: 8 },
            sending: crate::api::Questions::default(),
            decided: vec![],
            hashing_queue: 9,
        };
        let text = status(&state, &plain());
        assert!(text.contains("upstream          does not answer\n"), "{text}");
        assert!(
            text.ends_with("LISTENER     CONNECTIONS  PATH\nauth-client  5            /run/x\n"),
            "{text}"
        );
    }
}
