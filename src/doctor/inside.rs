//! The daemon, its configuration, its store and the clock.

use super::{Examined, Finding, Findings};
use crate::api::{Diagnosis, DoorView};
use crate::config::{Choice, Config, ListenProtocol, Mode};

/// A policy listener that nobody asked for so long is not in use.
const UNASKED_SECS: i64 = 24 * 60 * 60;
/// The clock may be so much behind the newest event: two machines' or one step of NTP.
const BEHIND_SECS: i64 = 5;
/// Less than this on the store's disk will end soon.
const FREE_WARN: u64 = 256 * 1024 * 1024;
/// With less than this, nothing may be written any more at any moment.
const FREE_BAD: u64 = 16 * 1024 * 1024;

pub(super) fn daemon(examined: &Examined) -> Vec<Finding> {
    let mut found = Findings::of("daemon");
    let daemon = match &examined.daemon {
        Ok(daemon) => daemon,
        Err(why) => {
            found.bad(
                format!("sidegated cannot be asked: {why}"),
                "systemctl status sidegate; --socket names another control socket",
            );
            return found.list;
        }
    };
    if daemon.version != env!("CARGO_PKG_VERSION") {
        found.warn(
            format!("sidegated is {}, this is {}", daemon.version, env!("CARGO_PKG_VERSION")),
            "systemctl restart sidegate, after an update of both",
        );
    }
    if daemon.descriptors_max > 0 && daemon.descriptors >= daemon.descriptors_max / 10 * 8 {
        found.warn(
            format!("{} of {} file descriptors are in use", daemon.descriptors, daemon.descriptors_max),
            "LimitNOFILE= in the unit of sidegate, then restart it",
        );
    }
    if daemon.upstream_connected == Some(false) {
        found.bad(
            "the upstream does not answer: main passwords and users cannot be looked up",
            "doveadm service status auth; is Dovecot running, and is the user sidegate in its group?",
        );
    }
    mailboxes(daemon, &mut found);
    let policy = ListenProtocol::Policy.word();
    for door in daemon.doors.iter().filter(|door| door.protocol == policy) {
        if let Some(since) = unasked(daemon, &door.path) {
            found.warn(
                format!("Postfix has asked {} nothing {since}: senders and limits are nobody's", door.path),
                "conf/postfix/sending.cf and conf/postfix/master.cf; nothing, if nobody has sent anything",
            );
        }
    }
    for protocol in &daemon.address_missing {
        found.warn(
            format!("logins over {protocol} came without a client address: such clients cannot be blocked"),
            "let the mail server tell rip=; saslauthd cannot: prefer any other way of conf/README.md",
        );
    }
    for address in &daemon.proxies_suspected {
        found.warn(
            format!("many accounts log in from {address}: a proxy or webmail that nobody declared"),
            format!(
                "Dovecot: login_trusted_networks = {address}, if it tells its clients' addresses; else lockout.exempt"
            ),
        );
    }
    if daemon.passdb_away {
        found.bad(
            "nobody gets in at Dovecot's own passdb: failures there do not count",
            "doveadm log errors; if its directory or database answers, many addresses are guessing and nobody else logs in",
        );
    }
    if daemon.streaks_spared > 0 {
        let (spared, all) = (daemon.streaks_spared, daemon.streaks);
        found.warn(
            format!("{spared} of the {all} blocks by failures in the last 7 days were the same old password again and again"),
            "lockout.repeats = \"once\" would have spared them; \"sidegate events --kind block-added\" names the programs",
        );
    }
    if found.list.is_empty() {
        found.ok(format!("sidegated {} answers", daemon.version));
    }
    found.list
}

/// One mailbox, one account.
fn mailboxes(daemon: &Diagnosis, found: &mut Findings) {
    if daemon.domains_ignored {
        found.bad(
            "Dovecot's user database looks at the part before the @ only: any domain opens the same mailbox, and names \
             that are no account or alias here are not handed on",
            "whole names in Dovecot (username_format=%u, user = '%u', mail=%u), or main_password.unknown_names = \"hand-on\"",
        );
    }
    for accounts in &daemon.shared_mailboxes {
        found.warn(
            format!(
                "{} are accounts of one mailbox: the client passwords of each open it",
                accounts.join(", ")
            ),
            "sidegate account remove all but one; then: sidegate alias add ACCOUNT ALIAS",
        );
    }
}

/// Since when nobody has asked at this place, in words, if that is long ago.
pub(super) fn unasked(daemon: &Diagnosis, place: &str) -> Option<String> {
    let last = |door: &DoorView| door.last_question.unwrap_or(door.since);
    let doors = daemon.doors.iter().filter(|door| door.path == place);
    let door = doors.max_by_key(|door| last(door))?;
    match door.last_question {
        _ if daemon.now.0 - last(door).0 < UNASKED_SECS => None,
        Some(asked) => Some(format!("since {asked}")),
        None => Some(format!("yet, since it began to listen at {}", door.since)),
    }
}

pub(super) fn configuration(config: &Config, examined: &Examined) -> Vec<Finding> {
    let mut found = Findings::of("configuration");
    match &examined.daemon {
        Ok(daemon) if daemon.version != env!("CARGO_PKG_VERSION") => {
            found.not_checked("whether it is the one that runs", "run sidegate and sidegated of one version");
        }
        Ok(daemon) if daemon.settings != config.fingerprint() => found.warn(
            "the files are not what sidegated runs with",
            "systemctl reload sidegate; its log names what needs a restart",
        ),
        Ok(_) => found.ok("no mistakes, and it is what sidegated runs with"),
        Err(_) => found.ok("no mistakes"),
    }
    for remark in config.remarks() {
        found.warn(remark.problem, remark.cure);
    }
    if config.rollout.mode == Mode::Observe {
        found.warn(
            "observe-only: nothing is refused",
            "rollout.mode = \"enforce\", once \"sidegate rollout\" names nobody who is not prepared",
        );
    }
    if config.sharing.is_some()
        && let super::Seen::Is(dovecot) = &examined.dovecot
        && !shares(dovecot)
    {
        found.warn(
            "[sharing] is there, and Dovecot's IMAP does not look rights up",
            format!("include {}, or take [sharing] out", super::dovecot::file(dovecot, "sharing.conf")),
        );
    }
    found.list
}

/// Whether IMAP has the ACL plugin.
fn shares(dovecot: &super::tree::Block) -> bool {
    let has = |block: &super::tree::Block| block.words("mail_plugins").iter().any(|plugin| plugin == "acl");
    has(dovecot) || dovecot.find("protocol", "imap").is_some_and(has)
}

pub(super) fn store(config: &Config, examined: &Examined) -> Vec<Finding> {
    let mut found = Findings::of("store");
    if let Ok(daemon) = &examined.daemon {
        if !daemon.store_writable {
            found.bad(
                "the last write failed: what would have to be counted fails temporarily",
                "free space and permissions of the store's folder; sidegated's log says why",
            );
        }
        if daemon.store_check != "ok" {
            found.bad(
                format!("the database is damaged: {}", daemon.store_check),
                "stop sidegate and restore your newest backup, with the key file of that time",
            );
        }
    }
    if let Ok(daemon) = &examined.daemon
        && daemon.key_check != "ok"
        && examined.host.key_file.as_ref().map_or(!examined.host.root, |file| file.mode & 0o077 == 0)
    {
        found.bad(
            format!("the keys in force are not those on the disk: {}", daemon.key_check),
            "put the file back that was there when sidegated started or when the key was last changed",
        );
    }
    for lost in examined.daemon.iter().flat_map(|daemon| &daemon.keys_lost) {
        found.bad(
            format!("the key file does not have store key {lost}: second factors and recovery codes under it cannot be used"),
            format!(
                "put the key file of that time back as {} and restart sidegate; if it is lost, sidegate factor reset for \
                 each account that sidegate factor list shows with such factors",
                config.store.key_file.display()
            ),
        );
    }
    for left in examined.daemon.iter().flat_map(|daemon| &daemon.names_left) {
        found.bad(
            left.as_str(),
            "remove the one that is too much, spelled just as here: sidegate account remove, alias remove, limits set; \
             if the normal form goes, the older spelling takes its place at the next start",
        );
    }
    if let Some(free) = examined.host.store_free.filter(|free| *free < FREE_WARN) {
        let what = format!("{} MiB are free where the store is", free / 1024 / 1024);
        let cure = "make room, or move the store to another disk";
        if free < FREE_BAD { found.bad(what, cure) } else { found.warn(what, cure) }
    }
    let path = config.store.key_file.display();
    match &examined.host.key_file {
        Some(file) if file.mode & 0o077 != 0 => found.bad(
            format!("{path} has mode {:04o}: others may read the store's key", file.mode & 0o777),
            format!("chmod 0600 {path}"),
        ),
        None if examined.host.root => found.bad(
            format!("{path} is missing: without it sidegate does not start again"),
            "put it back from your backup; if it is lost, sidegated --make-missing makes a new one",
        ),
        None => found.not_checked(format!("{path}"), "run doctor as root"),
        Some(_) => {}
    }
    if found.all_well() && examined.daemon.is_ok() {
        found.ok("the database is sound, takes writes, and has room");
    }
    found.list
}

pub(super) fn clock(examined: &Examined) -> Vec<Finding> {
    let mut found = Findings::of("clock");
    if let Ok(daemon) = &examined.daemon
        && let Some(last) = daemon.last_event
        && last.0 > daemon.now.0 + BEHIND_SECS
    {
        found.bad(
            format!(
                "the clock is {} seconds behind the newest event: it was set back",
                last.0 - daemon.now.0
            ),
            "correct the clock; blocks and limits count by it",
        );
    }
    match examined.host.clock_synchronised {
        Some(true) => found.ok("the clock is synchronised"),
        Some(false) => found.warn(
            "the clock is not synchronised: blocks end early or late, and limits with them",
            "timedatectl set-ntp true, or another NTP client",
        ),
        None => {
            found.not_checked("whether the clock is synchronised: nobody here tells", "run an NTP client")
        }
    }
    found.list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn who_was_never_asked_is_told_a_day_after_it_came_and_a_restart_changes_nothing() {
        let now = Timestamp(1_795_000_000);
        let ago = |seconds: i64| Timestamp(now.0 - seconds);
        let said = |since: Timestamp, last_question| {
            let door =
                DoorView { protocol: "policy".into(), path: "/run/policy".into(), since, last_question };
            let daemon = Diagnosis { now, since: ago(60), doors: vec![door], ..Diagnosis::default() };
            (unasked(&daemon, "/run/policy"), unasked(&daemon, "/run/other"))
        };
        assert_eq!(said(ago(UNASKED_SECS - 1), None), (None, None));
        let never = format!("yet, since it began to listen at {}", ago(UNASKED_SECS));
        assert_eq!(said(ago(UNASKED_SECS), None), (Some(never), None));
        assert_eq!(said(ago(9 * UNASKED_SECS), Some(ago(UNASKED_SECS - 1))), (None, None));
        let long_ago = format!("since {}", ago(UNASKED_SECS));
        assert_eq!(said(ago(9 * UNASKED_SECS), Some(ago(UNASKED_SECS))), (Some(long_ago), None));
    }
}
