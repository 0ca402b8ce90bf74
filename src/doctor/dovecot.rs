//! Dovecot: by which way it asks Sidegate, and what every way needs.

use std::net::IpAddr;

use ipnet::IpNet;

use super::tree::Block;
use super::{Examined, Findings, Seen, auth_process, inside, is_ours, listeners, passdb};
use crate::config::{CheckedBy, Config, ListenProtocol};

/// How Dovecot comes to ask Sidegate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Sidegate stands in front of its auth process.
    Front,
    /// Sidegate stands in its place.
    Full,
    /// Dovecot's first passdb asks.
    Passdb,
    /// Dovecot asks before each login and reports after it.
    Policy,
    /// Not at all.
    None,
}

/// By the daemon's configuration; where that leaves it open, by Dovecot's.
pub(super) fn way(config: &Config, dovecot: &Block) -> Way {
    let takes_over =
        listeners(config, ListenProtocol::AuthClient).any(|(_, path)| path.contains("/login/sidegate/"));
    let asked_by_passdb = config.main_password.checked_by == CheckedBy::NextPassdb
        || listeners(config, ListenProtocol::Dict).next().is_some();
    match () {
        () if config.upstream.is_some() => Way::Front,
        () if takes_over => Way::Full,
        () if asked_by_passdb || passdb::ours(dovecot).is_some() => Way::Passdb,
        () if dovecot.get("auth_policy_server_url").is_some_and(|url| !url.is_empty()) => Way::Policy,
        () => Way::None,
    }
}

/// Where the shipped files of this series are.
pub(super) fn file(dovecot: &Block, name: &str) -> String {
    let series = if dovecot.get("dovecot_config_version").is_some() { "2.4" } else { "2.3" };
    format!("/etc/sidegate/dovecot/{series}/{name}")
}

pub(super) fn judge(config: &Config, examined: &Examined) -> Vec<super::Finding> {
    let mut found = Findings::of("dovecot");
    let dovecot = match &examined.dovecot {
        Seen::Is(dovecot) => dovecot,
        Seen::Absent => {
            found.not_checked("doveconf is not here", "nothing, if this host has no Dovecot");
            return found.list;
        }
        Seen::Failed(why) if !examined.host.root => {
            found.not_checked(format!("doveconf -n fails: {why}"), "run doctor as root");
            return found.list;
        }
        Seen::Failed(why) => {
            found.bad(
                format!("doveconf -n fails: {why}"),
                "correct Dovecot's configuration; it would not start",
            );
            return found.list;
        }
    };
    let way = way(config, dovecot);
    match way {
        Way::Front | Way::Full => auth_process::judge(way, config, dovecot, examined, &mut found),
        Way::Passdb => passdb::judge(dovecot, examined, &mut found),
        Way::Policy => {}
        Way::None => found.warn(
            "Dovecot does not ask Sidegate at all: its logins are neither decided nor counted here",
            "choose a way in conf/README.md; nothing, if only Postfix is to ask",
        ),
    }
    policy(way, config, dovecot, examined, &mut found);
    submission(config, dovecot, &mut found);
    clear_text(dovecot, &mut found);
    logs(dovecot, &mut found);
    trusted(config, dovecot, &mut found);
    if found.all_well() && way != Way::None {
        found.ok(match way {
            Way::Front => "Dovecot's logins come to Sidegate, and its auth process is behind it",
            Way::Full => "Dovecot's logins come to Sidegate, and it has no auth process",
            Way::Passdb => "Dovecot's first passdb asks Sidegate, and fails closed",
            _ => "Dovecot asks Sidegate before each login, and reports after it",
        });
    }
    found.list
}

/// The auth policy server.
fn policy(way: Way, config: &Config, dovecot: &Block, examined: &Examined, found: &mut Findings) {
    let Some(url) = dovecot.get("auth_policy_server_url").filter(|url| !url.is_empty()) else { return };
    let file = file(dovecot, "policy.conf");
    if matches!(way, Way::Front | Way::Full) {
        found.warn(
            "auth_policy_server_url is set, and Sidegate stands in front of the auth process: each failure counts twice",
            "take policy.conf out of dovecot.conf",
        );
        return;
    }
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = after_scheme.split('/').next().unwrap_or_default();
    let door = config
        .listen
        .iter()
        .find(|listener| listener.protocol == ListenProtocol::Http && listener.place.to_string() == host);
    match door {
        None => found.bad(
            format!("auth_policy_server_url leads to {host}, where Sidegate does not listen"),
            "write the address of its listener with protocol \"http\", or add one: conf/sidegate/policy.toml",
        ),
        Some(door) if door.key_file.is_some() && !shows_key(dovecot) => found.bad(
            "auth_policy_server_api_header does not show the key that Sidegate asks for: every question is refused",
            format!("set it as step 3 of {file} tells"),
        ),
        Some(_) => {
            if let Ok(daemon) = &examined.daemon
                && let Some(since) = inside::unasked(daemon, host)
            {
                found.warn(
                    format!("Dovecot has asked the auth policy server nothing {since}: no login is counted"),
                    format!("restart Dovecot if {file} is new; nothing, if nobody has logged in"),
                );
            }
        }
    }
    for (name, default, without) in [
        ("auth_policy_check_before_auth", true, "a blocked address is let to guess"),
        ("auth_policy_report_after_auth", true, "no failure is counted"),
    ] {
        if !dovecot.is_on(name, default) {
            found.bad(format!("{name} is off: {without}"), format!("{name} = yes, as in {file}"));
        }
    }
    if dovecot.is_on("auth_policy_log_only", false) {
        found.bad(
            "auth_policy_log_only is on: what Sidegate refuses gets in",
            format!("auth_policy_log_only = no, as in {file}"),
        );
    }
    if !dovecot.is_on("auth_policy_reject_on_fail", false) {
        found.warn(
            "auth_policy_reject_on_fail is off: while Sidegate is away everybody may guess, uncounted",
            format!("auth_policy_reject_on_fail = yes, as in {file}"),
        );
    }
}

/// Whether Dovecot shows a key; it is not compared, and never told.
fn shows_key(dovecot: &Block) -> bool {
    let header = dovecot.get("auth_policy_server_api_header").unwrap_or_default();
    // doveconf does not show a secret as it stands.
    header.to_ascii_lowercase().starts_with("x-sidegate-key:") || header.contains("hidden")
}

/// Dovecot's own submission service hands mail on to Postfix, which does not know then who is logged in.
fn submission(config: &Config, dovecot: &Block, found: &mut Findings) {
    let is_there = dovecot.words("protocols").iter().any(|protocol| protocol == "submission");
    if is_there && listeners(config, ListenProtocol::Policy).next().is_some() {
        found.warn(
            "Dovecot has a submission service: senders and limits of what is sent through it are nobody's",
            "take submission out of protocols, and let people send through Postfix's services",
        );
    }
}

fn clear_text(dovecot: &Block, found: &mut Findings) {
    let listen = dovecot.get("listen").unwrap_or("*, ::");
    let is_here = |place: &str| place.starts_with("127.") || matches!(place, "::1" | "localhost");
    let mut places = listen.split([',', ' ']).filter(|place| !place.is_empty());
    if places.all(is_here) {
        return;
    }
    for (name, means_clear, cure) in [
        ("disable_plaintext_auth", false, "disable_plaintext_auth = yes"),
        ("auth_allow_cleartext", true, "auth_allow_cleartext = no"),
    ] {
        if dovecot.get(name).is_some() && dovecot.is_on(name, !means_clear) == means_clear {
            found.warn(format!("{name}: passwords may cross the network unencrypted"), cure);
        }
    }
}

/// Passwords in Dovecot's log.
fn logs(dovecot: &Block, found: &mut Findings) {
    for name in ["auth_debug_passwords", "auth_verbose_passwords"] {
        if dovecot.get(name).is_some_and(|value| value != "no") {
            found.warn(
                format!("{name} is on: passwords are written into Dovecot's log"),
                format!("{name} = no"),
            );
        }
    }
}

/// A word that everybody may give about his own address is worth nothing.
fn trusted(config: &Config, dovecot: &Block, found: &mut Findings) {
    let listed = |key: &str| -> Vec<String> {
        let networks = dovecot.get(key).unwrap_or_default().split([',', ' ']);
        networks.filter(|network| !network.is_empty()).map(ToOwned::to_owned).collect()
    };
    let parsed = |networks: &[String]| -> Vec<IpNet> {
        let one = |text: &String| text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        networks.iter().filter_map(one).collect()
    };
    let networks = listed("login_trusted_networks");
    let (telling, proxies) = (parsed(&networks), parsed(&listed("haproxy_trusted_networks")));
    for webmail in &config.main_password.allowed_from {
        if config.webmails_among(&telling).all(|(known, _)| known != *webmail) {
            found.warn(
                format!(
                    "{webmail} in main_password.allowed_from is not in login_trusted_networks: it tells no user's \
                     address, and nobody who guesses there can be blocked, only slowed"
                ),
                format!("login_trusted_networks = {webmail}, and let the webmail send its users' addresses (IMAP ID)"),
            );
        }
    }
    for (webmail, proxy) in config.webmails_among(&proxies) {
        found.bad(
            format!(
                "{webmail} in main_password.allowed_from and {proxy} in haproxy_trusted_networks are one host: whoever \
                 comes through the proxy may use main passwords if it tells no address"
            ),
            "name the webmail alone in main_password.allowed_from",
        );
    }
    for network in networks.iter().filter(|network| network.ends_with("/0")) {
        found.bad(
            format!("login_trusted_networks holds {network}: everybody may say that he is at any address"),
            "name your webmail and proxies alone",
        );
    }
}

/// Where Dovecot has its sockets.
pub(super) fn base_dir(dovecot: &Block) -> &str {
    dovecot.get("base_dir").unwrap_or(super::BASE_DIR).trim_end_matches('/')
}

/// Whether Dovecot's own auth process listens at this path.
pub(super) fn auth_listens_at(dovecot: &Block, path: &str) -> bool {
    let base = base_dir(dovecot);
    let is_it = |name: &str| name == path || format!("{base}/{name}") == path;
    dovecot.find("service", "auth").is_some_and(|auth| {
        auth.of_kind("unix_listener").any(|(name, block)| is_it(name) && !auth_process::is_unmade(block))
    })
}

/// Whether mail processes and login processes reach us at this path.
pub(super) fn leads_to_us(config: &Config, protocol: ListenProtocol, path: Option<&str>) -> bool {
    path.is_some_and(|path| is_ours(config, protocol, path))
}
