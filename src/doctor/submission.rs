//! Postfix: the services through which people send, and the one that takes mail from everywhere.

use super::dovecot::{Way, auth_listens_at, way};
use super::postfix::{Postfix, Service};
use super::{Examined, Finding, Findings, Seen, is_ours, listeners};
use crate::config::{Choice, Config, ListenProtocol, Mode};

/// What Sidegate decides at a hook of `sending.cf`, and what is missing without it.
const HOOKS: [(&str, &str, &str); 4] = [
    (
        "smtpd_client_restrictions",
        "sidegate_client_restrictions",
        "a blocked address is not told so when it connects",
    ),
    (
        "smtpd_sender_restrictions",
        "sidegate_sender_restrictions",
        "whoever is logged in sends under any address",
    ),
    ("smtpd_data_restrictions", "sidegate_data_restrictions", "sending limits are not kept"),
    ("smtpd_end_of_data_restrictions", "sidegate_end_restrictions", "what was sent is not booked"),
];

/// Lists in which Postfix may ask a policy server.
const LISTS: [&str; 7] = [
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
    "smtpd_data_restrictions",
    "smtpd_end_of_data_restrictions",
];

pub(super) fn judge(config: &Config, examined: &Examined) -> Vec<Finding> {
    let mut found = Findings::of("postfix");
    let postfix = match &examined.postfix {
        Seen::Is(postfix) => postfix,
        Seen::Absent => {
            found.not_checked("postconf is not here", "nothing, if this host has no Postfix");
            return found.list;
        }
        Seen::Failed(why) if !examined.host.root => {
            found.not_checked(format!("postconf fails: {why}"), "run doctor as root");
            return found.list;
        }
        Seen::Failed(why) => {
            found.bad(format!("postconf fails: {why}"), "correct Postfix's configuration");
            return found.list;
        }
    };
    let mut asked = 0;
    for service in postfix.smtpd() {
        let logs_in = postfix.is_on(service, "smtpd_sasl_auth_enable");
        if service.is_port_25() {
            if logs_in {
                found.bad(
                    format!("{}: AUTH is offered on port 25, where nobody has a reason to log in", service.name),
                    "smtpd_sasl_auth_enable = no in main.cf, as in conf/postfix/main.cf; \"yes\" stands in master.cf only",
                );
            }
        } else if logs_in {
            asked += 1;
            login(config, examined, postfix, service, &mut found);
            hooks(config, postfix, service, &mut found);
        } else if service.is_submission() {
            found.bad(
                format!("{}: people send here, and AUTH is off", service.name),
                "-o smtpd_sasl_auth_enable=yes for it in master.cf, as in conf/postfix/master.cf",
            );
        }
        lost(config, postfix, service, &mut found);
    }
    if asked == 0 {
        found.warn(
            "no service of Postfix asks anybody about logins",
            "conf/postfix/master.cf in master.cf; nothing, if nobody sends through this host",
        );
    }
    unused(config, postfix, &mut found);
    if found.all_well() {
        found.ok("Postfix's logins and messages come to Sidegate");
    }
    found.list
}

/// Who decides the logins of a service.
fn login(config: &Config, examined: &Examined, postfix: &Postfix, service: &Service, found: &mut Findings) {
    let name = &service.name;
    let encrypted = postfix.is_on(service, "smtpd_tls_auth_only")
        || postfix.is_on(service, "smtpd_tls_wrappermode")
        || postfix.of(service, "smtpd_tls_security_level") == "encrypt";
    let here = name.starts_with("127.") || name.starts_with("[::1]") || name.starts_with("localhost:");
    if !encrypted && !here {
        found.warn(
            format!("{name}: passwords may cross the network unencrypted"),
            "-o smtpd_tls_auth_only=yes for it in master.cf",
        );
    }
    if postfix.of(service, "smtpd_sasl_type") != "dovecot" {
        let saslauthd = listeners(config, ListenProtocol::Saslauthd).next().is_some();
        if saslauthd {
            found.warn(
                format!("{name}: Cyrus SASL tells no client address, so nobody can be blocked there"),
                "conf/postfix/main.cf in place of conf/postfix/cyrus.cf",
            );
        } else {
            found.bad(
                format!("{name}: logins are decided by Cyrus SASL, past Sidegate"),
                "smtpd_sasl_type = dovecot and smtpd_sasl_path = sidegate/auth, as in conf/postfix/main.cf",
            );
        }
        return;
    }
    let path = postfix.of(service, "smtpd_sasl_path");
    let path = path.strip_prefix("unix:").unwrap_or(&path);
    if path.starts_with('/') && service.chroot {
        found.bad(
            format!("{name}: smtpd_sasl_path = {path} does not exist in its chroot: nobody can log in"),
            "smtpd_sasl_path = sidegate/auth, a path below queue_directory",
        );
        return;
    }
    let socket = postfix.outside(path);
    if is_ours(config, ListenProtocol::AuthClient, &socket) {
        return;
    }
    if let Seen::Is(dovecot) = &examined.dovecot
        && matches!(way(config, dovecot), Way::Passdb | Way::Policy)
        && auth_listens_at(dovecot, &socket)
    {
        return found.ok(format!("{name}: asks Dovecot, and Dovecot asks Sidegate"));
    }
    found.bad(
        format!("{name}: smtpd_sasl_path leads to {socket}, which is no listener of Sidegate: logins get past it, or fail"),
        "smtpd_sasl_path = sidegate/auth, and the listener that conf/postfix/main.cf tells",
    );
}

/// What a service asks the policy listener.
fn hooks(config: &Config, postfix: &Postfix, service: &Service, found: &mut Findings) {
    if listeners(config, ListenProtocol::Policy).next().is_none() {
        return found.warn(
            format!("{}: nobody looks at senders and limits", service.name),
            "a listener with protocol \"policy\", and conf/postfix/sending.cf",
        );
    }
    let asks = |list: &str| {
        let policies = policies(&postfix.of(service, list));
        policies
            .into_iter()
            .find(|policy| is_ours(config, ListenProtocol::Policy, &postfix.outside(&policy.path)))
    };
    // Whose a sender is, is decided at RCPT as well, for who can attach there only.
    let covers = |list: &str| {
        let later = ["smtpd_relay_restrictions", "smtpd_recipient_restrictions"];
        asks(list).is_some()
            || (list == "smtpd_sender_restrictions" && later.iter().any(|list| asks(list).is_some()))
    };
    let missing: Vec<_> = HOOKS.iter().filter(|(list, ..)| !covers(list)).collect();
    if missing.len() == HOOKS.len() {
        let what = "Postfix asks Sidegate nothing about messages: senders and limits are nobody's";
        found.warn(
            format!("{}: {what}", service.name),
            "conf/postfix/sending.cf, in the place of the empty settings in main.cf; then reload Postfix",
        );
    } else {
        for (list, hook, without) in missing {
            found.warn(
                format!("{}: {list} does not ask Sidegate: {without}", service.name),
                format!("-o {list}=${hook} for it in master.cf, and {hook} as in conf/postfix/sending.cf"),
            );
        }
    }
    for (list, hook, without) in HOOKS.iter().filter(|(_, hook, _)| !lets_pass_anyway(hook)) {
        if asks(list).is_some_and(|policy| policy.fails_open) {
            found.warn(
                format!("{}: {list} fails open: while Sidegate is away, {without}", service.name),
                format!("default_action = 451 4.3.0 in {hook}, as in conf/postfix/sending.cf"),
            );
        }
    }
    if asks("smtpd_client_restrictions").is_some() && postfix.is_on(service, "smtpd_delay_reject") {
        found.warn(
            format!(
                "{}: smtpd_delay_reject is on: what is asked at connecting is asked at each recipient",
                service.name
            ),
            "-o smtpd_delay_reject=no for it in master.cf, as in conf/postfix/master.cf",
        );
    }
}

/// The hooks that `sending.cf` itself lets through while Sidegate is away, and why stands there.
fn lets_pass_anyway(hook: &str) -> bool {
    matches!(hook, "sidegate_client_restrictions" | "sidegate_end_restrictions")
}

/// A policy server that a list asks.
struct Policy {
    path: String,
    /// Messages go on when nobody answers.
    fails_open: bool,
}

/// Every `check_policy_service` of a list.
fn policies(list: &str) -> Vec<Policy> {
    let mut all = Vec::new();
    for after in list.split("check_policy_service").skip(1) {
        let after = after.trim_start();
        let text = match after.strip_prefix('{') {
            Some(inside) => braced(inside),
            None => after.split([',', ' ', '\t']).next().unwrap_or_default(),
        };
        let place = text.trim().split([',', ' ', '\t']).next().unwrap_or_default();
        let action = text.split_once("default_action").map_or("451", |(_, rest)| rest);
        let action = action.trim_start_matches(['=', ' ']).to_ascii_uppercase();
        let fails_open = ["DUNNO", "OK", "PERMIT"].iter().any(|word| action.starts_with(word));
        if let Some(path) = place.strip_prefix("unix:") {
            all.push(Policy { path: path.to_owned(), fails_open });
        }
    }
    all
}

/// What stands before the brace that closes.
fn braced(text: &str) -> &str {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        if depth == 0 {
            return &text[..at];
        }
    }
    text
}

/// Sockets of Sidegate's that a service asks and that are no listener.
fn lost(config: &Config, postfix: &Postfix, service: &Service, found: &mut Findings) {
    let mut asked: Vec<(ListenProtocol, String)> = Vec::new();
    for list in LISTS {
        let policies = policies(&postfix.of(service, list));
        asked.extend(policies.into_iter().map(|policy| (ListenProtocol::Policy, policy.path)));
    }
    asked.extend(places(postfix, service));
    for (protocol, path) in asked.iter().filter(|(_, path)| path.contains("sidegate")) {
        let path = postfix.outside(path);
        if !is_ours(config, *protocol, &path) {
            found.bad(
                format!(
                    "{}: asks {path}, and Sidegate has no listener with protocol \"{}\" there",
                    service.name,
                    protocol.word()
                ),
                "add the [[listen]] that the file in conf/postfix tells, or take the line out of Postfix",
            );
        } else if *protocol == ListenProtocol::Socketmap && config.rollout.mode == Mode::Observe {
            found.bad(
                format!("{}: refuses senders by {path}, although Sidegate only observes", service.name),
                "take smtpd_sender_login_maps out of Postfix until rollout.mode is \"enforce\"",
            );
        }
    }
}

/// Where a service asks for owners of senders, and shows headers.
fn places(postfix: &Postfix, service: &Service) -> Vec<(ListenProtocol, String)> {
    let mut places = Vec::new();
    let maps = postfix.of(service, "smtpd_sender_login_maps");
    for after in maps.split("socketmap:unix:").skip(1) {
        let path = after.split([':', ',', ' ']).next().unwrap_or_default();
        places.push((ListenProtocol::Socketmap, path.to_owned()));
    }
    let milters = postfix.of(service, "smtpd_milters");
    for after in milters.split("unix:").skip(1) {
        let path = after.split([',', ' ', '}']).next().unwrap_or_default();
        places.push((ListenProtocol::Milter, path.to_owned()));
    }
    places
}

/// Listeners for Postfix that Postfix never asks.
fn unused(config: &Config, postfix: &Postfix, found: &mut Findings) {
    let used: Vec<(ListenProtocol, String)> = postfix
        .smtpd()
        .flat_map(|service| places(postfix, service))
        .map(|(protocol, path)| (protocol, postfix.outside(&path)))
        .collect();
    for (protocol, file) in [
        (ListenProtocol::Socketmap, "conf/postfix/sender-login.cf"),
        (ListenProtocol::Milter, "conf/postfix/header-check.cf"),
    ] {
        for (_, path) in listeners(config, protocol) {
            if !used.contains(&(protocol, path.clone())) {
                found.warn(
                    format!("no service of Postfix asks {path} (protocol \"{}\")", protocol.word()),
                    format!("append {file}, and do what it tells for master.cf; or take the [[listen]] out"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn policies_are_found_in_a_list() {
        let list = "permit_mynetworks, check_policy_service { unix:a/b, timeout=1s, { default_action = 451 x } }, \
                    check_policy_service unix:c, check_policy_service inet:127.0.0.1:1, \
                    check_policy_service { unix:d, default_action=DUNNO }";
        let found: Vec<_> =
            policies(list).into_iter().map(|policy| (policy.path, policy.fails_open)).collect();
        let expected =
            [("a/b", false), ("c", false), ("d", true)].map(|(path, open)| (path.to_owned(), open));
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(check_policy_service|[{}, :=é]|unix:|default_action){0,12}") {
            let _ = policies(&text);
        }
    }
}
