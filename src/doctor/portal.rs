//! The portal: whether it may ask the daemon, and whether the two files agree.

use ipnet::IpNet;

use super::{Asked, Examined, Finding, Findings, Outcome, Seen};
use crate::config::portal::Portal;
use crate::config::{Config, ListenProtocol, People, Repeats};
use crate::gate::factor::FactorKind;

/// A site without a portal has nothing to be told, even if the package left the settings of one there.
pub(super) fn judge(config: &Config, examined: &Examined) -> Vec<Finding> {
    let mut found = Findings::of("portal");
    match &examined.portal {
        _ if config.control.portal.is_empty() && config.people == People::default() => {}
        Seen::Absent => {
            found.not_checked(
                "its settings: they are not beside the daemon's",
                "--portal-conf names the file",
            );
        }
        Seen::Failed(mistakes) => {
            found.bad(mistakes.clone(), "correct it; \"sidegate-portal --check\" tells every mistake")
        }
        Seen::Is(portal) => both(config, portal, &mut found),
    }
    for asked in &examined.host.portal {
        heard(config, asked, &mut found);
    }
    if found.all_well()
        && let Seen::Is(portal) = &examined.portal
    {
        found.ok(format!("{} may ask, and its settings fit those of the daemon", portal.site.url.as_str()));
    }
    found.list
}

fn both(config: &Config, portal: &Portal, found: &mut Findings) {
    if config.control.portal.is_empty() {
        found.bad(
            "the daemon lets no portal ask: every page says that it is unavailable",
            "[control] portal = [\"sidegate-portal\"] in sidegate.toml, then restart sidegate",
        );
    }
    if portal.control != config.control.path {
        found.bad(
            format!(
                "it asks at {}, and the daemon listens at {}",
                portal.control.display(),
                config.control.path.display()
            ),
            "make control.path the same in both files",
        );
    }
    proxies(config, portal, found);
    codes(config, portal, found);
    delegations(config, found);
    let url = portal.site.url.as_str();
    match &config.people.origin {
        Some(origin) if origin != url => found.bad(
            format!("the daemon takes passkeys for {origin}, and the portal is at {url}: browsers refuse them"),
            "portal.origin in sidegate.toml and site.url in portal.toml must be the same address",
        ),
        Some(_) => {}
        None => found.warn(
            "nobody is offered a passkey, the strongest second factor: the daemon does not know the portal's address",
            format!("[portal] origin = \"{url}\" in sidegate.toml"),
        ),
    }
    for kind in FactorKind::ALL {
        let (allowed, possible) = (config.people.factors.contains(&kind), way(portal, kind));
        let word = kind.word();
        match possible {
            Some((section, false)) if allowed => found.warn(
                format!(
                    "portal.factors allows {word}, and the portal has no [{section}]: nobody is offered it"
                ),
                format!("[{section}] in portal.toml, or take \"{word}\" out of portal.factors"),
            ),
            // Mail also carries notices.
            Some((section, true)) if !allowed && kind != FactorKind::Mail => found.warn(
                format!(
                    "the portal has [{section}], and portal.factors does not allow it: nobody is offered it"
                ),
                format!("add \"{word}\" to portal.factors in sidegate.toml"),
            ),
            _ => {}
        }
    }
    if config.messages.portal_url.is_none() {
        found.warn(
            "whoever is refused is not told where the portal is",
            format!("messages.portal_url = \"{url}\" in sidegate.toml"),
        );
    }
}

/// Whether the portal's user is heard at the control socket. That nobody listens there is told of the daemon.
fn heard(config: &Config, asked: &Asked, found: &mut Findings) {
    let (socket, user) = (config.control.path.display(), &asked.user);
    match &asked.outcome {
        Outcome::Answered(_) | Outcome::Refused => {}
        Outcome::Denied => found.bad(
            format!("its user {user} cannot reach {socket}: nobody can sign in"),
            "SocketGroup=sidegate-portal and SocketMode=0660, or SocketMode=0666, in sidegate-control.socket \
             (systemctl edit sidegate-control.socket), then restart it and sidegate; the folders above it must let that \
             user through (namei -l)",
        ),
        Outcome::Closed | Outcome::Silent => found.bad(
            format!("its user {user} is not answered at {socket}"),
            "sidegate status; journalctl -u sidegate",
        ),
        Outcome::Strange(answer) => found.bad(
            format!("its user {user} is not served at {socket} ({answer}): nobody can sign in"),
            "restart sidegate, if [control] portal was changed since it started; it also says which users it does not know",
        ),
        Outcome::NotAsked(why) => {
            found.not_checked(format!("{socket}: not asked as {user}: {why}"), "run doctor as root");
        }
    }
}

/// Whose word for visitors' addresses is taken.
fn proxies(config: &Config, portal: &Portal, found: &mut Findings) {
    for (webmail, proxy) in config.webmails_among(&portal.listen.trusted_proxies) {
        found.warn(
            format!(
                "{proxy} in listen.trusted_proxies and {webmail} in main_password.allowed_from are one host: what the \
                 portal hears from it are its users' addresses, what Dovecot hears may be its own"
            ),
            "nothing, if that host is both the reverse proxy and the webmail; else name each in its own list only",
        );
    }
    for (proxy, exempt) in passed_over(config, portal) {
        found.warn(
            format!(
                "{proxy} in listen.trusted_proxies is in {exempt} of lockout.exempt: whoever it does not name to the \
                 portal is never blocked"
            ),
            "take that host out of lockout.exempt",
        );
    }
}

/// Whether what people grant each other does anything beside the sender rules.
fn delegations(config: &Config, found: &mut Findings) {
    let marks = config.listen.iter().any(|listener| listener.protocol == ListenProtocol::Milter);
    if config.sharing.is_none() && !marks {
        found.warn(
            "people grant each other delegations in the portal, which show nobody a mailbox and mark no mail: there is \
             neither [sharing] nor a milter listener",
            "conf/sidegate/sharing.toml and conf/dovecot/2.3/sharing.conf (or 2.4) show delegates the mailboxes, a listener \
             with protocol = \"milter\" marks mail on behalf of somebody; or leave it: the portal promises neither",
        );
    }
}

/// Whether codes reach whom they are for.
fn codes(config: &Config, portal: &Portal, found: &mut Findings) {
    let sms = portal.sms.is_some() && config.people.factors.contains(&FactorKind::Sms);
    if sms && !config.people.sms_countries.iter().any(|code| code.as_str().starts_with(&portal.country)) {
        found.warn(
            format!(
                "the portal takes phone numbers without a country code for those of +{}, and the daemon sends none there",
                portal.country
            ),
            format!("add \"{}\" to portal.sms_countries, or correct phone.country in portal.toml", portal.country),
        );
    }
    let codes = &config.people.codes;
    let sent = [FactorKind::Sms, FactorKind::Mail].iter().any(|kind| config.people.factors.contains(kind));
    if sent && config.lockout.repeats == Repeats::Once && codes.per_address < codes.per_day {
        found.warn(
            format!(
                "many people share an address here (lockout.repeats = \"once\"), and from one address at most {} codes a \
                 day are sent: a few people who ask often leave none for the others",
                codes.per_address
            ),
            format!("portal.codes.per_address = {}, as many as per_day", codes.per_day),
        );
    }
}

/// Web servers in front that are never blocked themselves; at loopback addresses the daemon counts visits anyway.
fn passed_over<'a>(config: &'a Config, portal: &'a Portal) -> impl Iterator<Item = (&'a IpNet, &'a IpNet)> {
    let proxies = portal.listen.trusted_proxies.iter().filter(|proxy| !proxy.addr().is_loopback());
    proxies.filter_map(|proxy| {
        let meets = |exempt: &&IpNet| exempt.contains(proxy) || proxy.contains(*exempt);
        Some((proxy, config.lockout.exempt.iter().find(meets)?))
    })
}

/// What a kind of factor needs in the portal's settings, and whether it is there; `None`: nothing.
fn way(portal: &Portal, kind: FactorKind) -> Option<(&'static str, bool)> {
    match kind {
        FactorKind::Passkey | FactorKind::Totp => None,
        FactorKind::Sms => Some(("sms", portal.sms.is_some())),
        FactorKind::Mail => Some(("mail", portal.mail.is_some())),
        FactorKind::Wechat => Some(("wechat", portal.wechat.is_some())),
        FactorKind::Wecom => Some(("wecom", portal.wecom.is_some())),
        FactorKind::Dingtalk => Some(("dingtalk", portal.dingtalk.is_some())),
    }
}
