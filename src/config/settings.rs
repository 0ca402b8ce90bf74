//! Reading the settings: section by section, key by key, with the limits of each.

use std::time::Duration;

use super::complaint::{ConfigError, Fault};
use super::section::{Notes, Section};
use super::telling::telling;
use super::template::{IN_BLOCKED, IN_WRONG, Marks, holds};
use super::unknown::Known;
use super::value::{Parsed, command, line, list, mode, number, peer, time, truth, word};
use super::*;
use super::{checks, remote, syntax, text, tree, unknown};
use crate::gate::target::{IPV4_PREFIX_MIN, IPV6_PREFIX_MIN};
use crate::hasher::{MEMORY_KIB_MAX, PASSES_MAX};

/// Sockets for mail servers. Each costs a task and a file descriptor at least.
pub(super) const LISTENERS_MAX: usize = 64;

/// Client passwords per account. A login under an unknown key id hashes against each of them.
const PER_ACCOUNT_MAX: u32 = 100;

/// The least memory that Argon2 works with at one lane, and the most that is sane. There is no higher
/// floor: the passwords are 93 random bits, so that the cost only guards against a flaw elsewhere.
const ARGON2_MEMORY_KIB: std::ops::RangeInclusive<u32> = 8..=MEMORY_KIB_MAX;

/// Argon2 computations at once; past the processors they only slow each other.
const SEATS_MAX: u32 = 1024;

/// Waits for a seat or an upstream: Dovecot's login processes give up after a minute.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Logins in the queue for a seat, each holding a connection.
const QUEUE_MAX: u32 = 1_000_000;

/// More failures than this let a guesser in sooner or later.
const FAILURES_MAX: u32 = crate::gate::record::FAILURES_MAX as u32;

/// A held-back answer keeps a client waiting; some give up after half a minute.
const FAILURE_DELAY_MAX: Duration = Duration::from_secs(30);

/// Coarser prefixes would block whole countries for one guesser.
const IPV4_PREFIX: std::ops::RangeInclusive<u32> = IPV4_PREFIX_MIN as u32..=32;
const IPV6_PREFIX: std::ops::RangeInclusive<u32> = IPV6_PREFIX_MIN as u32..=128;

/// Addresses remembered. Fewer would be forgotten while they guess; more would not fit into memory.
const ADDRESSES_MAX: std::ops::RangeInclusive<u32> = 100..=100_000_000;

/// Messages in a minute. More than this is no limit.
const BURST_MAX: u32 = 100_000;

/// How long one delivery of a notice may take. The next ones wait for it.
const NOTICE_WAIT_MAX: Duration = Duration::from_secs(5 * 60);

/// The longest time of anything: ten years.
const LONG: Duration = Duration::from_secs(3650 * 24 * 60 * 60);

/// Reads everything and tells every mistake.
pub(super) fn read(sources: &[Source]) -> Result<Config, ConfigError> {
    let mut notes = about(sources);
    let tree = grow(sources, &mut notes);
    let config = config(Section::root(&tree, &mut notes));
    checks::between(&config, &tree, &mut notes);
    unknown::refuse(&tree, &Known { keys: &known_keys(), lists: &[tree::ADDS_UP] }, &mut notes);
    notes.verdict(config)
}

/// The sections that mean something by being there.
const EVERY_SECTION: &str =
    "[upstream]\n[userdb]\n[sharing]\n[[listen]]\n[[portal.mandatory]]\n[notices.smtp]\n[notices.webhook]\n";

/// Every key there is: those that are asked for where each section exists.
pub(super) fn known_keys() -> Vec<String> {
    let every_section = Source { name: String::new(), text: EVERY_SECTION.into() };
    let mut notes = Notes::new(Vec::new());
    let tree = grow(&[every_section], &mut notes);
    config(Section::root(&tree, &mut notes));
    notes.keys.into_iter().collect()
}

/// Nothing asked yet of these files.
pub(super) fn about(sources: &[Source]) -> Notes {
    Notes::new(sources.iter().map(|source| source.name.clone()).collect())
}

/// The tree of all files, later ones laid over earlier ones.
pub(super) fn grow(sources: &[Source], notes: &mut Notes) -> tree::Table {
    let mut whole = tree::Table::new();
    for (file, source) in sources.iter().enumerate() {
        let part = syntax::parse(file, &source.text);
        for (place, fault) in part.faults {
            notes.complain_of_syntax(place, fault);
        }
        for misfit in tree::merge(&mut whole, part.table) {
            let earlier = notes.show(misfit.earlier.key_place);
            let (here, there) = (misfit.later.kind(), misfit.earlier.kind());
            let problem = format!("is {here} here and {there} at {earlier}");
            let fault = Fault::new(problem, "write it in the same form in both files");
            notes.complain(Some(misfit.later.key_place), &misfit.key, fault);
        }
    }
    whole
}

fn config(mut root: Section<'_, '_>) -> Config {
    Config {
        store: store(root.section("store")),
        control: control(root.section("control")),
        log: log(root.section("log")),
        listen: root.each("listen", listener),
        accounts: accounts(root.section("accounts")),
        client_passwords: client_passwords(root.section("client_passwords")),
        main_password: main_password(root.section("main_password")),
        lockout: lockout(root.section("lockout")),
        upstream: root.optional("upstream").and_then(upstream),
        userdb: root.optional("userdb").and_then(userdb),
        messages: messages(root.section("messages")),
        people: people::people(root.section("portal")),
        events: events(root.section("events")),
        sending: sending(root.section("sending")),
        sharing: root.optional("sharing").and_then(sharing),
        notices: notices(root.section("notices")),
        rollout: rollout(root.section("rollout")),
    }
}

fn store(mut section: Section<'_, '_>) -> Store {
    let default = Store::default();
    Store {
        path: section.get_or("path", line(text::path), default.path),
        key_file: section.get_or("key_file", line(text::path), default.key_file),
    }
}

fn control(mut section: Section<'_, '_>) -> Control {
    let default = Control::default();
    Control {
        path: section.get_or("path", line(text::socket_path), default.path),
        group: section.get("group", line(text::name)),
        readers: section.get_or("readers", list(peer), default.readers),
        portal: section.get_or("portal", list(peer), default.portal),
    }
}

pub(super) fn log(mut section: Section<'_, '_>) -> Log {
    let default = Log::default();
    Log {
        level: section.get_or("level", word, default.level),
        format: section.get_or("format", word, default.format),
    }
}

fn listener(mut section: Section<'_, '_>) -> Option<Listener> {
    let protocol = section.need("protocol", word, "\"auth-client\"");
    let place = endpoint(&mut section, protocol);
    let mode = section.get_or("mode", mode, Listener::MODE_DEFAULT);
    let group = section.get("group", line(text::name));
    let peers = section.get("peers", some_peers);
    let on_trouble = section.get_or("on_trouble", word, OnTrouble::default());
    let refusals = section.get_or("refusals", word, Refusals::default());
    let key_file = section.get("key_file", line(text::path));
    let backends = backends(section.section("backends"));
    if protocol == Some(ListenProtocol::AuthMaster) && mode & 0o007 != 0 {
        let problem = format!("\"{mode:04o}\" lets everybody ask for every user");
        let cure = format!("write \"{:04o}\", and let Dovecot in by group", mode & !0o007);
        section.complain("mode", Fault::new(problem, cure));
    }
    let foreign: &[&str] = match (protocol, &place) {
        (Some(ListenProtocol::Http), Some(Endpoint::Address(_))) => &["mode", "group", "peers"],
        (Some(ListenProtocol::Http), _) | (None, _) => &[],
        _ => &["key_file", "backends"],
    };
    for key in foreign.iter().filter(|key| section.has(key)).copied().collect::<Vec<_>>() {
        let (problem, cure) = match key {
            "key_file" | "backends" => ("is for protocol \"http\" only", "take it out"),
            _ => ("is for a Unix socket only", "write path in place of address, or use key_file"),
        };
        section.complain(key, Fault::new(problem, cure));
    }
    let (protocol, place) = (protocol?, place?);
    Some(Listener { protocol, place, mode, group, peers, on_trouble, refusals, key_file, backends })
}

/// Where a listener listens: HTTP at an address or a path, everything else at a path.
fn endpoint(section: &mut Section<'_, '_>, protocol: Option<ListenProtocol>) -> Option<Endpoint> {
    let address = section.get("address", line(text::loopback)).map(Endpoint::Address);
    let http = protocol == Some(ListenProtocol::Http);
    if !section.has("address") {
        let example = if http { "\"/run/sidegate/http\", or an address" } else { "\"/run/sidegate/auth\"" };
        return section.need("path", line(text::socket_path), example).map(Endpoint::Path);
    }
    let path = section.get("path", line(text::socket_path)).map(Endpoint::Path);
    if protocol.is_some() && !http {
        let fault = Fault::new("is for protocol \"http\" only", "write path, for a Unix socket");
        section.complain("address", fault);
        return path;
    }
    if section.has("path") {
        let cure = "take one out; each [[listen]] is one listener";
        section.complain("path", Fault::new("stands beside an address", cure));
    }
    address
}

fn backends(mut section: Section<'_, '_>) -> Backends {
    let mut backend = |protocol: &str| section.get(protocol, line(text::backend));
    Backends { imap: backend("imap"), pop3: backend("pop3"), smtp: backend("smtp") }
}

/// A list of users that lets somebody in.
fn some_peers(node: &tree::Node) -> Parsed<Vec<Peer>> {
    let peers = list(peer)(node)?;
    if peers.is_empty() {
        let cure = "name the users, or take the line out to let in whoever the mode lets in";
        return Err(vec![(node.place, Fault::new("lets nobody in", cure))]);
    }
    Ok(peers)
}

fn accounts(mut section: Section<'_, '_>) -> Accounts {
    let domains = section.get("domains", list(line(text::domain)));
    if domains.as_ref().is_some_and(Vec::is_empty) {
        let cure = "name the domains, or take the line out: then those of the known accounts count";
        section.complain("domains", Fault::new("says that no domain is the site's own", cure));
    }
    Accounts { domains, default_domain: section.get("default_domain", line(text::domain)) }
}

fn client_passwords(mut section: Section<'_, '_>) -> ClientPasswords {
    let default = ClientPasswords::default();
    ClientPasswords {
        per_account: section.get_or("per_account", number(1..=PER_ACCOUNT_MAX), default.per_account),
        at_webmail: section.get_or("at_webmail", word, default.at_webmail),
        argon2: argon2(section.section("argon2")),
    }
}

fn argon2(mut section: Section<'_, '_>) -> Argon2 {
    let default = Argon2::default();
    let waits = Duration::from_millis(100)..=WAIT_MAX;
    Argon2 {
        memory_kib: section.get_or("memory_kib", number(ARGON2_MEMORY_KIB), default.memory_kib),
        passes: section.get_or("passes", number(1..=PASSES_MAX), default.passes),
        seats: section.get("seats", number(1..=SEATS_MAX)),
        wait: section.get_or("wait", time(waits), default.wait),
        queue: section.get_or("queue", number(1..=QUEUE_MAX), default.queue),
    }
}

fn main_password(mut section: Section<'_, '_>) -> MainPassword {
    let default = MainPassword::default();
    let networks = list(line(text::narrow_network));
    MainPassword {
        mail_clients: section.get_or("mail_clients", word, default.mail_clients),
        allowed_from: section.get_or("allowed_from", networks, default.allowed_from),
        checked_by: section.get_or("checked_by", word, default.checked_by),
        unknown_names: section.get_or("unknown_names", word, default.unknown_names),
    }
}

fn lockout(mut section: Section<'_, '_>) -> Lockout {
    let default = Lockout::default();
    let delays = Duration::ZERO..=FAILURE_DELAY_MAX;
    let networks = list(line(text::network));
    let translators = list(line(translators::prefix));
    Lockout {
        failures: section.get_or("failures", number(1..=FAILURES_MAX), default.failures),
        block_for: section.get_or("block_for", time(SECOND..=LONG), default.block_for),
        failure_delay: section.get_or("failure_delay", time(delays), default.failure_delay),
        repeats: section.get_or("repeats", word, default.repeats),
        forget_after: section.get_or("forget_after", time(SECOND..=LONG), default.forget_after),
        ipv4_prefix: section.get_or("ipv4_prefix", number(IPV4_PREFIX), default.ipv4_prefix),
        ipv6_prefix: section.get_or("ipv6_prefix", number(IPV6_PREFIX), default.ipv6_prefix),
        nat64_prefixes: section.get_or("nat64_prefixes", translators, default.nat64_prefixes),
        exempt: section.get_or("exempt", networks, default.exempt),
        addresses_max: section.get_or("addresses_max", number(ADDRESSES_MAX), default.addresses_max),
    }
}

fn upstream(mut section: Section<'_, '_>) -> Option<Upstream> {
    let auth = section.need("auth", line(text::socket_path), "\"/run/dovecot/sg-back-client\"");
    let userdb = section.need("userdb", line(text::socket_path), "\"/run/dovecot/sg-back-userdb\"");
    let timeout = section.get_or("timeout", time(SECOND..=WAIT_MAX), Upstream::TIMEOUT_DEFAULT);
    Some(Upstream { auth: auth?, userdb: userdb?, timeout })
}

fn userdb(mut section: Section<'_, '_>) -> Option<Userdb> {
    // Root is left out: Dovecot refuses to run mail processes as root. The last number means "nobody" to
    // the kernel.
    let uid = section.need("uid", number(1..=u32::MAX - 1), "5000");
    let gid = section.need("gid", number(1..=u32::MAX - 1), "5000");
    let home = section.need("home", line(text::home), "\"/srv/mail/%{domain}/%{username}\"");
    Some(Userdb { uid: uid?, gid: gid?, home: home? })
}

fn messages(mut section: Section<'_, '_>) -> Messages {
    let language = section.get_or("language", word, Language::default());
    let portal_url: Option<String> = section.get("portal_url", line(text::url));
    let portal = portal_url.as_deref().unwrap_or_default();
    let wrong = section.get("wrong", line(|text| text::message(text, IN_WRONG, portal)));
    let blocked = section.get("blocked", line(|text| text::message(text, IN_BLOCKED, portal)));
    for (key, message) in [("wrong", &wrong), ("blocked", &blocked)] {
        let names_portal = message.as_ref().is_some_and(|text| holds(text, Marks::Braces, "portal"));
        if names_portal && !section.has("portal_url") {
            let cure = "set messages.portal_url, or take {portal} out";
            section.lacking(key, Fault::new("{portal} has no address", cure));
        }
    }
    let tell_wrong = telling(section.section("tell_wrong"), Telling::WRONG);
    let tell_blocked = telling(section.section("tell_blocked"), Telling::BLOCKED);
    Messages { language, portal_url, wrong, blocked, tell_wrong, tell_blocked }
}

fn sending(mut section: Section<'_, '_>) -> Sending {
    let default = Sending::default();
    let mut burst = |key, default| section.get_or(key, number(0..=BURST_MAX), default);
    let burst_per_connection = burst("burst_per_connection", default.burst_per_connection);
    let burst_per_address = burst("burst_per_address", default.burst_per_address);
    Sending {
        null_sender: section.get_or("null_sender", word, default.null_sender),
        on_limit: section.get_or("on_limit", word, default.on_limit),
        burst_per_connection,
        burst_per_address,
    }
}

fn rollout(mut section: Section<'_, '_>) -> Rollout {
    Rollout { mode: section.get_or("mode", word, Mode::default()) }
}

fn sharing(mut section: Section<'_, '_>) -> Option<Sharing> {
    let prefix = |text: &str| {
        Prefix::parse(text).map_err(|why| Fault::new(why.to_string(), "write it as in Dovecot's namespace"))
    };
    let folder = section.need("folder", line(text::folder), "\"/var/lib/sidegate-sharing\"");
    let prefix = section.need("prefix", line(prefix), "\"shared/%{owner}/\"");
    Some(Sharing { folder: folder?, prefix: prefix? })
}

fn events(mut section: Section<'_, '_>) -> Events {
    let default = Events::default();
    Events { keep: section.get_or("keep", time(HOUR..=LONG), default.keep) }
}

fn notices(mut section: Section<'_, '_>) -> Notices {
    let default = Notices::default();
    let timeout = section.get_or("timeout", time(SECOND..=NOTICE_WAIT_MAX), default.timeout);
    let command = section.get("command", command);
    let webhook = section.optional("webhook").and_then(webhook);
    let mail = mail(&mut section);
    let events = section.get_or("events", list(line(text::event)), default.events);
    if !events.is_empty() && !section.has("command") && !section.has("webhook") {
        let cure = "add a section [notices.webhook], or command, or take this line out";
        section.lacking("events", Fault::new("nobody is there to be told", cure));
    }
    Notices { timeout, mail, webhook, command, events }
}

/// Who gets mail, from whom, and through which server: all three, or none.
fn mail(section: &mut Section<'_, '_>) -> Option<Mail> {
    let owner = section.get_or("owner", truth, true);
    let administrator = section.get("administrator", line(remote::mail_address));
    if !section.has("smtp") {
        section.get("from", line(remote::mail_address));
        for key in ["owner", "administrator", "from"].into_iter().filter(|key| owner || *key != "owner") {
            if section.has(key) {
                let cure = "add a section [notices.smtp] with server, or take this line out";
                section.lacking(key, Fault::new("no server is there to take mail", cure));
            }
        }
        return None;
    }
    let from = section.need("from", line(remote::mail_address), "\"sidegate@example.org\"");
    if !owner && !section.has("administrator") {
        let cure = "name an administrator, write owner = true, or take [notices.smtp] out";
        section.lacking("owner", Fault::new("nobody is left to get mail", cure));
    }
    let smtp = smtp(section.section("smtp"));
    Some(Mail { owner, administrator, from: from?, smtp: smtp? })
}

pub(super) fn smtp(mut section: Section<'_, '_>) -> Option<Smtp> {
    const ENCRYPTED: &str = "\"starttls\", or \"tls\" for port 465";
    let server = section.need("server", line(remote::server), "\"127.0.0.1:25\"");
    let tls: Option<SmtpTls> = section.get("tls", word);
    let user = section.get("user", line(|user| Ok(user.to_owned())));
    let password_file = section.get("password_file", line(text::secret_file));
    let ca_file = section.get("ca_file", line(text::path));
    let plain = tls == Some(SmtpTls::None) || !section.has("tls");
    match server.as_ref().filter(|server| plain && !server.is_loopback()) {
        Some(_) if !section.has("tls") => {
            section.lacking("tls", Fault::new("is missing", format!("add tls = {ENCRYPTED}")));
        }
        Some(server) => {
            let problem = format!("the way to {server} is not encrypted");
            section.complain("tls", Fault::new(problem, format!("write {ENCRYPTED}")));
        }
        None if plain && section.has("user") => {
            let fault = Fault::new("its password would not be encrypted", format!("add tls = {ENCRYPTED}"));
            section.complain("user", fault);
        }
        None if plain && section.has("ca_file") => {
            section.complain("ca_file", Fault::new("is of no use without TLS", "take it out, or set tls"));
        }
        None => {}
    }
    for (key, other) in [("user", "password_file"), ("password_file", "user")] {
        if section.has(key) && !section.has(other) {
            section.lacking(key, Fault::new(format!("stands without {other}"), format!("add {other}")));
        }
    }
    let login = user.zip(password_file).map(|(user, password_file)| SmtpLogin { user, password_file });
    Some(Smtp { server: server?, tls: tls.unwrap_or_default(), login, ca_file })
}

fn webhook(mut section: Section<'_, '_>) -> Option<Webhook> {
    let url = section.need("url", line(remote::webhook), "\"https://chat.example.org/hooks/7\"");
    let key_file = section.get("key_file", line(text::path));
    let ca_file = section.get("ca_file", line(text::path));
    if url.as_ref().is_some_and(|url| url.starts_with("http:")) && section.has("ca_file") {
        section.complain("ca_file", Fault::new("is of no use without TLS", "take it out, or write https://"));
    }
    Some(Webhook { url: url?, key_file, ca_file })
}
