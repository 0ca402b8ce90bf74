//! Shared mailboxes: a delegate finds the owner's mailboxes in his own IMAP session, with exactly the rights of the
//! grant, and without them after the revoke, in the session that is open already too.

use std::net::Ipv4Addr;

use crate::client::Imap;
use crate::dovecot::{Dovecot, IMAP};
use crate::series::{Series, with_each_dovecot};
use crate::site::{Mode, Plan, Site};

use super::{HOME, assert_in};

const TEAM: &str = "team@example.test";
const BOB: &str = "bob@example.test";
/// Somebody whom nothing was granted.
const CAROL: &str = "carol@example.test";
/// The owner's mailboxes below INBOX.
const FOLDERS: [&str; 3] = ["Projects", "Projects/Sub folder", "Very old mail"];

with_each_dovecot!(
    front_mode_shares_mailboxes,
    full_mode_shares_mailboxes,
    a_running_session_loses_the_rights,
    names_that_people_have_can_share,
    a_restart_keeps_what_was_granted,
);

fn front_mode_shares_mailboxes(series: Series) {
    let Some(site) = start(Mode::Front, series) else { return };
    from_right_to_right(&site);
}

fn full_mode_shares_mailboxes(series: Series) {
    let Some(site) = start(Mode::Full, series) else { return };
    from_right_to_right(&site);
}

/// A site with shared mailboxes.
fn start(mode: Mode, series: Series) -> Option<Site> {
    let mut plan = Plan::new(mode).on(series);
    plan.dovecot.sharing = true;
    plan.start()
}

fn from_right_to_right(site: &Site) {
    let mut owner = owner_with_mail(site);
    let [mut bob, mut carol] = [BOB, CAROL].map(|user| session(site, user));
    assert_nothing_of(&mut bob, TEAM);
    for (right, letters) in [("read", "lr"), ("on-behalf", "lr"), ("send-as", "lrwstiekx")] {
        grant(site, TEAM, BOB, right);
        let mut bob = session(site, BOB);
        assert_eq!(shared(&mut bob), everything_of(TEAM), "{right}");
        for mailbox in everything_of(TEAM) {
            assert_eq!(rights(&mut bob, &mailbox), letters, "{right} to {mailbox}");
        }
        match right {
            "send-as" => assert_works(&mut bob, &mut owner),
            _ => assert_reads_only(&mut bob, &mut owner),
        }
        assert_nothing_of(&mut carol, TEAM);
        assert_nothing_of(&mut session(site, CAROL), TEAM);
        // Nothing comes back: the delegate's mail is not the owner's.
        assert_nothing_of(&mut owner, BOB);
    }
    assert_eq!(rights(&mut owner, "INBOX"), "lrwstipekxa", "the owner is still the owner");
    revoke(site, TEAM, BOB);
    assert_nothing_of(&mut session(site, BOB), TEAM);
    let log = std::fs::read_to_string(site.path("logs/dovecot")).expect("its log");
    assert!(!log.contains("Error: "), "Dovecot can read all it is told:\n{log}");
    site.assert_nothing_secret();
}

/// Reads, and leaves nothing behind: not even the mark that a mail was read.
fn assert_reads_only(bob: &mut Imap, owner: &mut Imap) {
    let inbox = format!("shared/{TEAM}");
    assert!(said(bob, &format!("SELECT \"{inbox}\"")).starts_with("OK [READ-ONLY]"));
    assert!(bob.command("FETCH 1 (ENVELOPE)")[0].contains("Subject of INBOX"));
    // What a client does on its own is no error, and does nothing.
    for quiet in ["FETCH 1 (BODY[HEADER])", "STORE 1 +FLAGS (\\Seen \\Deleted \\Flagged)", "EXPUNGE"] {
        bob.command(quiet);
    }
    let inside = format!("{inbox}/Projects");
    for refused in [
        format!("COPY 1 \"{inside}\""),
        "MOVE 1 INBOX".into(),
        format!("CREATE \"{inbox}/New\""),
        format!("CREATE \"{inside}/New\""),
        format!("DELETE \"{inside}\""),
        format!("RENAME \"{inside}\" \"{inbox}/Other\""),
        format!("SETACL \"{inbox}\" {CAROL} lr"),
        append(&inbox, "not wanted"),
    ] {
        assert!(said(bob, &refused).starts_with("NO [NOPERM]"), "{refused}");
    }
    owner.command("SELECT INBOX");
    assert_eq!(owner.command("FETCH 1:* (FLAGS)")[0], "* 1 FETCH (FLAGS ())");
    assert_eq!(own(owner).len(), FOLDERS.len() + 1);
}

/// Works in it; only who else may is not his to say.
fn assert_works(bob: &mut Imap, owner: &mut Imap) {
    let inbox = format!("shared/{TEAM}");
    for done in [
        format!("SELECT \"{inbox}\""),
        "STORE 1 +FLAGS (\\Flagged)".into(),
        format!("CREATE \"{inbox}/New\""),
        format!("COPY 1 \"{inbox}/New\""),
        format!("DELETE \"{inbox}/New\""),
        append(&inbox, "from Bob"),
        "STORE 2 +FLAGS (\\Deleted)".into(),
        "EXPUNGE".into(),
    ] {
        assert!(said(bob, &done).starts_with("OK"), "{done}");
    }
    for refused in [format!("SETACL \"{inbox}\" {CAROL} lr"), format!("CREATE \"shared/{CAROL}/New\"")] {
        assert!(said(bob, &refused).starts_with("NO [NOPERM]"), "{refused}");
    }
    owner.command("SELECT INBOX");
    assert_eq!(owner.command("FETCH 1:* (FLAGS)")[0], "* 1 FETCH (FLAGS (\\Flagged))");
}

fn a_running_session_loses_the_rights(series: Series) {
    let Some(site) = start(Mode::Full, series) else { return };
    let mut owner = owner_with_mail(&site);
    let mut bob = session(&site, BOB);
    assert_nothing_of(&mut bob, TEAM);
    // A session that was there before the grant may use it at once.
    grant(&site, TEAM, BOB, "send-as");
    let inbox = format!("shared/{TEAM}");
    let select = format!("SELECT \"{inbox}\"");
    assert!(said(&mut bob, &select).starts_with("OK [READ-WRITE]"));

    // Less is less from the next command on, in the mailbox that is selected.
    grant(&site, TEAM, BOB, "read");
    bob.command("STORE 1 +FLAGS (\\Flagged)");
    assert!(said(&mut bob, &append(&inbox, "too late")).starts_with("NO [NOPERM]"));

    grant(&site, TEAM, BOB, "send-as");
    assert!(said(&mut bob, &select).starts_with("OK [READ-WRITE]"));
    revoke(&site, TEAM, BOB);
    bob.command("STORE 1 +FLAGS (\\Flagged \\Deleted)");
    bob.command("EXPUNGE");
    for gone in [append(&inbox, "too late"), format!("COPY 1 \"{inbox}/Projects\"")] {
        assert!(said(&mut bob, &gone).starts_with("NO "), "{gone}");
    }
    assert_nothing_of(&mut bob, TEAM);
    assert!(said(&mut bob, &select).starts_with("NO "));
    owner.command("SELECT INBOX");
    assert_eq!(owner.command("FETCH 1:* (FLAGS)")[0], "* 1 FETCH (FLAGS ())");
    site.assert_nothing_secret();
}

/// A name that begins like another's, and names with what Dovecot could misread.
fn names_that_people_have_can_share(series: Series) {
    let Some(site) = start(Mode::Full, series) else { return };
    let owners = ["ann@example.test", "an@example.test", "o'neil=x@example.test", "_a-b.c!{d}@example.test"];
    for owner in owners {
        site.account(owner);
        let mut session = session(&site, owner);
        assert!(said(&mut session, &append("INBOX", "mine")).starts_with("OK"));
    }
    for account in [BOB, CAROL] {
        site.account(account);
    }
    for (n, owner) in owners.iter().enumerate() {
        grant(&site, owner, BOB, "read");
        let mut bob = session(&site, BOB);
        assert_eq!(shared(&mut bob).len(), n + 1, "{owner}");
        assert_eq!(rights(&mut bob, &format!("shared/{owner}")), "lr");
        for later in &owners[n + 1..] {
            assert_nothing_of(&mut bob, later);
        }
        grant(&site, CAROL, owner, "read");
        assert_eq!(rights(&mut session(&site, owner), &format!("shared/{CAROL}")), "lr");
    }
    // Somebody who is called like a pattern shares nothing, least of all the mail of others, and harms nobody.
    site.account("*@example.test");
    site.cli.call(&["delegation", "grant", "*@example.test", CAROL, "--right", "send-as"]);
    let mut carol = session(&site, CAROL);
    assert_eq!(shared(&mut carol), [] as [String; 0]);
    assert_nothing_of(&mut carol, owners[0]);
    assert!(said(&mut carol, "SELECT INBOX").starts_with("OK"));
}

fn a_restart_keeps_what_was_granted(series: Series) {
    let Some(mut site) = start(Mode::Full, series) else { return };
    owner_with_mail(&site);
    grant(&site, TEAM, BOB, "read");
    site.stop_daemon("KILL");
    // What mail processes read is not the daemon's to lose; and what somebody else wrote there does not stay.
    let acl = site.path("sharing/acl");
    let written = std::fs::read_to_string(&acl).expect("the file");
    std::fs::write(&acl, written.replace(BOB, CAROL)).expect("the file");
    site.start_daemon();
    assert_eq!(std::fs::read_to_string(&acl).expect("the file"), written);
    assert_eq!(shared(&mut session(&site, BOB)), everything_of(TEAM));
    assert_nothing_of(&mut session(&site, CAROL), TEAM);
}

fn grant(site: &Site, owner: &str, delegate: &str, right: &str) {
    site.cli.done(&["delegation", "grant", owner, delegate, "--right", right]);
}

fn revoke(site: &Site, owner: &str, delegate: &str) {
    site.cli.done(&["delegation", "revoke", owner, delegate]);
}

/// The three accounts, and a mail in each mailbox of the owner, whose session is returned.
fn owner_with_mail(site: &Site) -> Imap {
    for account in [TEAM, BOB, CAROL] {
        site.account(account);
    }
    let mut owner = session(site, TEAM);
    for folder in FOLDERS {
        assert!(said(&mut owner, &format!("CREATE \"{folder}\"")).starts_with("OK"));
    }
    for mailbox in ["INBOX"].iter().chain(&FOLDERS) {
        let mail = append(mailbox, &format!("Subject of {mailbox}"));
        assert!(said(&mut owner, &mail).starts_with("OK"), "{mailbox}");
    }
    owner
}

/// A new IMAP session, with a client password of its own.
fn session(site: &Site, user: &str) -> Imap {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let password = site.password(user, &format!("Session {n}"));
    let from = Ipv4Addr::from(u32::from(HOME) + n);
    let mut session = Imap::open(from, Dovecot::at(site, IMAP));
    assert_in(&session.login(user, &password));
    session
}

fn said(session: &mut Imap, command: &str) -> String {
    session.command(command).pop().expect("an answer")
}

fn append(mailbox: &str, subject: &str) -> String {
    let mail = format!("Subject: {subject}\r\n\r\nHello.\r\n");
    format!("APPEND \"{mailbox}\" {{{}+}}\r\n{mail}", mail.len())
}

/// The mailboxes in the answer to `LIST` that can be selected, sorted.
fn listed(session: &mut Imap, pattern: &str) -> Vec<String> {
    let lines = session.command(&format!("LIST \"\" \"{pattern}\""));
    let names = lines.iter().filter(|line| line.starts_with("* LIST (") && !line.contains("\\Noselect"));
    let name = |line: &String| line.split_once(" \"/\" ").expect("a separator").1.replace('"', "");
    let mut names: Vec<String> = names.map(name).collect();
    names.sort();
    names
}

/// The mailboxes of others in the list.
fn shared(session: &mut Imap) -> Vec<String> {
    listed(session, "*").into_iter().filter(|name| name.starts_with("shared/")).collect()
}

/// One's own mailboxes.
fn own(session: &mut Imap) -> Vec<String> {
    listed(session, "*").into_iter().filter(|name| !name.starts_with("shared/")).collect()
}

/// All mailboxes that [`owner_with_mail`] made, as a delegate sees them, sorted.
fn everything_of(owner: &str) -> Vec<String> {
    let folders = FOLDERS.iter().map(|folder| format!("shared/{owner}/{folder}"));
    std::iter::once(format!("shared/{owner}")).chain(folders).collect()
}

/// The letters of `MYRIGHTS`, without `c` and `d`: RFC 4314 has a server add them to `k` and `x` for old clients.
fn rights(session: &mut Imap, mailbox: &str) -> String {
    let lines = session.command(&format!("MYRIGHTS \"{mailbox}\""));
    let letters = lines[0].rsplit_once(' ').expect("letters").1;
    assert!(lines[0].starts_with("* MYRIGHTS "), "{mailbox}: {lines:?}");
    letters.replace(['c', 'd'], "")
}

/// The other's mailboxes are not in the list, and under their names there is nothing.
#[track_caller]
fn assert_nothing_of(session: &mut Imap, owner: &str) {
    let of_owner = format!("shared/{owner}");
    let list = shared(session);
    assert!(!list.iter().any(|name| name.starts_with(&of_owner)), "{list:?}");
    for mailbox in [of_owner.clone(), format!("{of_owner}/Projects")] {
        for command in ["SELECT", "MYRIGHTS"] {
            let answer = said(session, &format!("{command} \"{mailbox}\""));
            assert!(answer.starts_with("NO ") && answer.contains("doesn't exist"), "{command}: {answer}");
        }
        let status = said(session, &format!("STATUS \"{mailbox}\" (MESSAGES)"));
        assert!(status.starts_with("NO "), "{status}");
        assert!(said(session, &append(&mailbox, "for the owner")).starts_with("NO "));
    }
}
