//! What `G:` can say. Several statements of one line stand between `; `.
//!
//! ```text
//! ann@example.org exists
//! ann@example.org has password "phone" = Fj7kQm2RxT9wBn4c [, only for imap pop3] [, only from 192.0.2.0/24]
//!                                                         [, until +1h]
//! ann@example.org has two-factor
//! ann@example.org is disabled
//! password "phone" of ann@example.org is removed
//! 192.0.2.7 has missed 9 times          with wrong passwords of nobody@example.org
//! 192.0.2.7 is blocked for 1h
//! lockout.failures = 3                  a setting; only at the beginning
//! mail lives in /srv/mail/%{user}       the userdb template, uid and gid 5000; only at the beginning
//! there is an upstream [offering XOAUTH2 plaintext, SCRAM-SHA-256 mutual-auth]    only at the beginning
//! the upstream is away                  only at the beginning
//! ```

use std::net::IpAddr;
use std::path::Path;

use sidegate::gate::account::Terms;
use sidegate::gate::name::{AccountName, Protocol};
use sidegate::gate::order::{Order, Which};
use sidegate::gate::record::Block;

use super::script::duration;
use super::upstream::Upstream;
use crate::world::World;

/// What must be known before the gate starts.
#[derive(Default)]
pub(super) struct Premises {
    settings: String,
    /// MECH lines beside PLAIN and LOGIN; `None`: no upstream.
    offers: Option<String>,
    pub(super) upstream_away: bool,
}

impl Premises {
    /// Takes in a statement; false if it is not of this kind.
    pub(super) fn take(&mut self, statement: &str) -> bool {
        if let Some(home) = statement.strip_prefix("mail lives in ") {
            self.set(&format!("userdb = {{ uid = 5000, gid = 5000, home = {home:?} }}"));
        } else if let Some(rest) = statement.strip_prefix("there is an upstream") {
            let offers = rest.trim_start_matches(" offering").split(',').map(str::trim);
            let lines =
                offers.filter(|offer| !offer.is_empty()).map(|o| format!("MECH\t{}\n", o.replace(' ', "\t")));
            self.offers = Some(lines.collect());
        } else if statement == "the upstream is away" {
            self.offers.get_or_insert_default();
            self.upstream_away = true;
        } else if is_setting(statement) {
            self.set(statement);
        } else {
            return false;
        }
        true
    }

    fn set(&mut self, line: &str) {
        self.settings.push_str(line);
        self.settings.push('\n');
    }

    /// The settings, with the upstream's sockets in `folder`.
    pub(super) fn settings(&self, folder: &Path) -> String {
        let mut settings = self.settings.clone();
        if self.offers.is_some() {
            settings.push_str("accounts.domains = [\"example.org\"]\n");
            for socket in ["auth", "userdb"] {
                settings.push_str(&format!("upstream.{socket} = {:?}\n", Upstream::path(folder, socket)));
            }
        }
        settings
    }

    /// The upstream, not yet listening.
    pub(super) fn upstream(&self, folder: &Path) -> Option<Upstream> {
        self.offers.clone().map(|offers| Upstream::away(folder, offers))
    }
}

/// `section.key = value`
fn is_setting(statement: &str) -> bool {
    let key = statement.split_once(" = ").map_or("", |(key, _)| key);
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte);
    key.contains('.') && key.bytes().all(fits)
}

/// Makes a statement true in a running gate.
pub(super) async fn enact(world: &World, statement: &str) -> Result<(), String> {
    if let Some(rest) = statement.strip_prefix("password ") {
        let (name, account) = rest.split_once(" of ").ok_or("whose password?")?;
        let account = account.strip_suffix(" is removed").ok_or("a password can only be removed")?;
        let which = Which::Name(name.trim_matches('"').to_owned());
        return order(world, Order::Revoke { account: name_of(account)?, which }).await;
    }
    let (subject, predicate) = statement.split_once(' ').ok_or("a statement has a subject")?;
    if let Ok(address) = subject.parse() {
        return enact_address(world, address, predicate).await;
    }
    let account = name_of(subject)?;
    if world.service.account(&account).await.map_err(|e| e.to_string())?.is_none() {
        world.account(subject).await;
    }
    let (enabled, two_factor) = match predicate {
        "exists" => return Ok(()),
        "is disabled" => (Some(false), None),
        "has two-factor" => (None, Some(true)),
        _ => return enact_password(world, subject, predicate).await,
    };
    order(world, Order::SetAccount { account, enabled, two_factor, group: None }).await
}

async fn enact_address(world: &World, address: IpAddr, predicate: &str) -> Result<(), String> {
    if let Some(time) = predicate.strip_prefix("is blocked for ") {
        let since = world.service.now();
        let block = Block::by_hand(since, since.plus(duration(time)?), "by the administrator");
        return world.service.add_block(address, block, "test").await.map(|_| ()).map_err(|e| e.to_string());
    }
    let times = predicate.strip_prefix("has missed ").and_then(|rest| rest.strip_suffix(" times"));
    let times: u32 = times.and_then(|times| times.parse().ok()).ok_or("has missed how many times?")?;
    let mut peer = world.client().await;
    for n in 0..times {
        let answer = peer.login("nobody@example.org", &format!("guess {n}"), &address.to_string()).await;
        if answer != "FAIL" {
            return Err(format!("a guess ended in {answer}"));
        }
    }
    Ok(())
}

async fn enact_password(world: &World, account: &str, predicate: &str) -> Result<(), String> {
    let (_, rest) = predicate.split_once("has password ").ok_or("this statement is not known")?;
    let (name, rest) = rest.split_once(" = ").ok_or("a password needs its secret")?;
    let mut rest = rest.split(", ");
    let secret = rest.next().unwrap_or_default();
    let mut terms = Terms::default();
    for term in rest {
        if let Some(names) = term.strip_prefix("only for ") {
            let protocols: Result<Vec<_>, _> = names.split(' ').map(Protocol::parse).collect();
            terms.protocols = protocols.map_err(|e| e.to_string())?;
        } else if let Some(network) = term.strip_prefix("only from ") {
            terms.networks = vec![network.parse().map_err(|_| "no network")?];
        } else if let Some(time) = term.strip_prefix("until +") {
            terms.expires = Some(world.service.now().plus(duration(time)?));
        } else {
            return Err(format!("`{term}` is no term of a password"));
        }
    }
    world.password_for(account, name.trim_matches('"'), secret, terms).await;
    Ok(())
}

fn name_of(account: &str) -> Result<AccountName, String> {
    AccountName::parse_address(account, None).map_err(|e| e.to_string())
}

async fn order(world: &World, order: Order) -> Result<(), String> {
    world.service.carry_out(order, "test").await.map(|_| ()).map_err(|e| e.to_string())
}
