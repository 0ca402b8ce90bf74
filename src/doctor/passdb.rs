//! Passdb: Dovecot keeps its auth process, and its first passdb asks Sidegate.

use super::dovecot::file;
use super::tree::Block;
use super::{Examined, Findings};

/// A passdb of Dovecot's.
#[derive(Clone, Copy, Debug)]
struct Passdb<'a> {
    /// Its driver, which 2.4 writes as its name.
    driver: &'a str,
    block: &'a Block,
}

impl Passdb<'_> {
    /// It asks Sidegate: the shipped script or dict, or one of that name.
    fn asks_us(&self) -> bool {
        let names = |key: &str| self.block.get(key).is_some_and(|value| value.contains("sidegate"));
        match self.driver {
            "lua" => names("args") || names("lua_file"),
            "dict" => names("args"),
            _ => false,
        }
    }

    /// It lets nobody in by himself: master users act for others, and `deny` only refuses.
    fn is_harmless_in_front(&self) -> bool {
        self.block.is_on("master", false) || self.block.is_on("deny", false)
    }
}

fn chain(dovecot: &Block) -> Vec<Passdb<'_>> {
    let of = |(name, block)| Passdb { driver: driver(name, block), block };
    dovecot.of_kind("passdb").map(of).collect()
}

fn driver<'a>(name: &'a str, block: &'a Block) -> &'a str {
    block.get("driver").or_else(|| block.get("passdb_driver")).unwrap_or(name)
}

/// The passdb that asks Sidegate.
pub(super) fn ours(dovecot: &Block) -> Option<&Block> {
    chain(dovecot).into_iter().find(Passdb::asks_us).map(|passdb| passdb.block)
}

/// The file of settings of a passdb dict that asks Sidegate.
#[must_use]
pub fn dict_file(dovecot: &Block) -> Option<&str> {
    let ours = chain(dovecot).into_iter().find(|passdb| passdb.driver == "dict" && passdb.asks_us())?;
    ours.block.get("args")
}

pub(super) fn judge(dovecot: &Block, examined: &Examined, found: &mut Findings) {
    if examined.host.dict_key_has_password {
        found.bad(
            "the key of Sidegate's passdb dict holds the password itself: Dovecot writes it into its log",
            "%{sha256:password} in its place, as in /etc/sidegate/dovecot/2.3/sidegate-dict.conf.ext",
        );
    }
    let chain = chain(dovecot);
    let Some(place) = chain.iter().position(Passdb::asks_us) else {
        found.bad(
            "no passdb of Dovecot's asks Sidegate: client passwords do not work, main passwords always do",
            format!("include {} before your own passdb", file(dovecot, "passdb-lua.conf")),
        );
        return;
    };
    let (before, ours) = (&chain[..place], chain[place]);
    let shipped = file(dovecot, if ours.driver == "dict" { "passdb-dict.conf" } else { "passdb-lua.conf" });
    for passdb in before.iter().filter(|passdb| !passdb.is_harmless_in_front()) {
        found.bad(
            format!(
                "passdb {} stands in front of Sidegate's: its passwords get in whatever Sidegate says",
                passdb.driver
            ),
            format!("include {shipped} above it: passdbs are asked in the order in which they are read"),
        );
    }
    for (name, without) in [
        (
            "result_failure",
            "a wrong or revoked client password, and a blocked address, may go on to the next passdb",
        ),
        ("result_internalfail", "while Sidegate is away, main passwords get in"),
    ] {
        if ours.block.get(name) != Some("return-fail") {
            found.bad(
                format!("{name} of Sidegate's passdb is not return-fail, so the chain fails open: {without}"),
                format!("{name} = return-fail, as in {shipped}"),
            );
        }
    }
    for name in ["mechanisms", "mechanisms_filter", "username_filter"] {
        if ours.block.get(name).is_some_and(|value| !value.is_empty()) {
            found.bad(
                format!("{name} of Sidegate's passdb lets some logins go past it"),
                format!("take {name} out of it"),
            );
        }
    }
    if dovecot.get("auth_cache_size").is_some_and(|size| size.split(' ').next() != Some("0")) {
        found.bad(
            "auth_cache_size is not 0: a revoked password goes on working, and failures are not counted",
            "auth_cache_size = 0, then: doveadm reload; doveadm auth cache flush",
        );
    }
    let foreign = dovecot.words("auth_mechanisms").into_iter().filter(|word| !is_plain(word));
    for mechanism in foreign {
        found.warn(
            format!("auth_mechanisms offers {mechanism}, which is always refused here"),
            format!("leave plain and login only, as in {shipped}"),
        );
    }
}

fn is_plain(mechanism: &str) -> bool {
    ["plain", "login"].iter().any(|plain| plain.eq_ignore_ascii_case(mechanism))
}
