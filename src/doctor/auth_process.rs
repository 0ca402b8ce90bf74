//! Front and full: Sidegate has the names of Dovecot's auth process.

use super::dovecot::{Way, base_dir, file, leads_to_us};
use super::tree::Block;
use super::{Examined, Findings};
use crate::config::{Config, ListenProtocol};

/// The sockets that Dovecot's auth process makes unless it is told not to, and who would ask there.
const NAMES: [(&str, &str); 6] = [
    ("login/login", "mail clients log in"),
    ("token-login/tokenlogin", "URLAUTH logins are decided"),
    ("auth-login", "doveadm auth login asks"),
    ("auth-client", "programs log in"),
    ("auth-userdb", "lmtp and doveadm look users up"),
    ("auth-master", "mail processes claim logins"),
];

/// The links of take-over.sh, and what is spoken where they lead.
const LINKS: [(&str, ListenProtocol); 5] = [
    ("login/login", ListenProtocol::AuthClient),
    ("auth-client", ListenProtocol::AuthClient),
    ("auth-login", ListenProtocol::AuthClient),
    ("auth-master", ListenProtocol::AuthMaster),
    ("auth-userdb", ListenProtocol::AuthMaster),
];

/// Whether Dovecot is told not to make a listener.
pub(super) fn is_unmade(listener: &Block) -> bool {
    mode(listener) == Some(0)
}

/// The permissions that are written.
fn mode(listener: &Block) -> Option<u32> {
    u32::from_str_radix(listener.get("mode")?, 8).ok()
}

pub(super) fn judge(way: Way, config: &Config, dovecot: &Block, examined: &Examined, found: &mut Findings) {
    let nothing = Block::default();
    let auth = dovecot.find("service", "auth").unwrap_or(&nothing);
    let shipped = file(dovecot, if way == Way::Front { "front.conf" } else { "full.conf" });
    let made = NAMES.iter().filter(|(name, _)| !auth.find("unix_listener", name).is_some_and(is_unmade));
    for (name, what) in made {
        found.bad(
            format!("Dovecot makes the socket {name} itself: {what} past Sidegate"),
            format!(
                "include {shipped} at the end of dovecot.conf, and restart Dovecot (a reload is not enough)"
            ),
        );
    }
    others(way, config, dovecot, auth, found);
    if way == Way::Front {
        behind(config, dovecot, auth, found);
    }
    links(config, dovecot, examined, found);
}

/// Listeners of the auth process that are neither one of the six nor the way back.
fn others(way: Way, config: &Config, dovecot: &Block, auth: &Block, found: &mut Findings) {
    let base = base_dir(dovecot);
    let ways_back: Vec<String> = match (&config.upstream, way) {
        (Some(upstream), Way::Front) => {
            [&upstream.auth, &upstream.userdb].map(|path| path.display().to_string()).into()
        }
        _ => Vec::new(),
    };
    for (name, listener) in auth.of_kind("unix_listener") {
        let path = if name.starts_with('/') { name.to_owned() } else { format!("{base}/{name}") };
        let known = NAMES.iter().any(|(known, _)| *known == name) || ways_back.contains(&path);
        if !known && !is_unmade(listener) {
            found.bad(
                format!("Dovecot's auth process also listens at {name}: who asks there gets past Sidegate"),
                "remove that unix_listener from service auth, and give its program a listener of Sidegate",
            );
        }
    }
    for (name, listener) in auth.of_kind("inet_listener") {
        if listener.get("port").is_some_and(|port| port != "0") {
            found.bad(
                format!(
                    "Dovecot's auth process also listens on a port (inet_listener {name}), past Sidegate"
                ),
                "remove that inet_listener from service auth, and give its program a listener of Sidegate",
            );
        }
    }
}

/// The way back to Dovecot's auth process.
fn behind(config: &Config, dovecot: &Block, auth: &Block, found: &mut Findings) {
    let Some(upstream) = &config.upstream else { return };
    let base = base_dir(dovecot);
    let is_new = dovecot.get("dovecot_config_version").is_some();
    let shipped = file(dovecot, "front.conf");
    for (key, path, kind) in [("auth", &upstream.auth, "auth"), ("userdb", &upstream.userdb, "userdb")] {
        let path = path.display().to_string();
        let mut listeners = auth.of_kind("unix_listener");
        let listener = listeners.find(|(name, _)| *name == path || format!("{base}/{name}") == path);
        let Some((name, listener)) = listener.filter(|(_, listener)| !is_unmade(listener)) else {
            found.bad(
                format!("upstream.{key} is {path}, and Dovecot's auth process does not listen there"),
                format!("write the socket that {shipped} makes, or include that file"),
            );
            continue;
        };
        if is_new && listener.get("type") != Some(kind) {
            found.bad(
                format!("{name} is not of the type that upstream.{key} needs"),
                format!("type = {kind} in its unix_listener, as in {shipped}"),
            );
        }
        if mode(listener).is_some_and(|mode| mode & 0o007 != 0) {
            found.bad(
                format!("everybody on this host reaches {name}: main passwords can be tried without limits"),
                format!("mode = 0660 in its unix_listener, as in {shipped}"),
            );
        }
    }
}

/// What take-over.sh makes.
fn links(config: &Config, dovecot: &Block, examined: &Examined, found: &mut Findings) {
    let base = base_dir(dovecot);
    for (name, protocol) in LINKS {
        let Some(link) = examined.links.iter().find(|link| link.name == name) else { continue };
        if leads_to_us(config, protocol, link.leads_to.as_deref()) {
            continue;
        }
        let where_to = link.leads_to.as_deref().map_or_else(|| "nowhere".to_owned(), |to| format!("to {to}"));
        found.bad(
            format!("{base}/{name} leads {where_to}, not to a socket of Sidegate"),
            format!("stop Dovecot, run take-over.sh {base}, restart Sidegate, start Dovecot"),
        );
    }
}
