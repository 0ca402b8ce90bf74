//! What mail processes ask: may I have this login, and where does this user's mail live?

use bytes::{BufMut, Bytes, BytesMut};
use tracing::warn;

use super::Service;
use crate::config::Userdb;
use crate::gate::name::AccountName;
use crate::gate::question::{Claim, Found, Lookup};
use crate::proto::tab;
use crate::store::StoreError;
use crate::upstream::Away;

/// Accounts that are read at once for a list.
const PAGE: u32 = 1_000;

/// What of an AUTH line's parameters a user database is told.
const TOLD: [&[u8]; 12] = [
    b"service",
    b"protocol",
    b"session",
    b"lip",
    b"rip",
    b"lport",
    b"rport",
    b"real_lip",
    b"real_rip",
    b"real_lport",
    b"real_rport",
    b"local_name",
];

impl Service {
    /// A mail process claims a login: handed out once, and only if it still stands.
    pub(super) async fn claim(&self, claim: &Claim) -> Found {
        let login = match self.claims().claim(claim, self.now()) {
            Ok(login) => login,
            Err(why) => {
                warn!(why, cpid = claim.cpid, "a claim was refused");
                return Found::Fail(None);
            }
        };
        if self.still_good(&login.grant, &login.origin).await.is_err() {
            // With a reason the mail client gets a NO; without one, Dovecot 2.3 just hangs up.
            return Found::Fail(Some("this login is no longer good".to_owned()));
        }
        let fields = login.origin.params.split(|byte| *byte == b'\t');
        let told: Vec<&[u8]> = fields.filter(|field| TOLD.contains(&tab::key_value(field).0)).collect();
        match self.locate(&login.user, &told.join(&b'\t')).await {
            Found::User(name, fields) => {
                let mut fields = BytesMut::from(&fields[..]);
                if !fields.is_empty() {
                    fields.put_u8(b'\t');
                }
                fields.put_slice(b"auth_mech=");
                tab::escape_into(&mut fields, login.mechanism.as_bytes());
                Found::User(name, fields.freeze())
            }
            other => other,
        }
    }

    /// USER: where the mail lives, for lmtp, doveadm and the like.
    pub(super) async fn user(&self, lookup: &Lookup) -> Found {
        self.locate(&lookup.name, &lookup.params).await
    }

    /// Accounts of ours from the template, if there is one; everybody else from the upstream.
    async fn locate(&self, user: &str, params: &[u8]) -> Found {
        let rules = self.rules();
        if let Some(template) = &rules.userdb {
            match self.own(user).await {
                Ok(Some(name)) => return from_template(template, &name),
                Ok(None) => {}
                Err(_) => return Found::Fail(Some("the store cannot be read".to_owned())),
            }
        }
        match &self.upstream {
            Some(upstream) => upstream.lookup("USER", user, params).await.unwrap_or_else(away),
            None => Found::Nobody,
        }
    }

    /// PASS: whether the user is known, for `doveadm auth lookup` and proxies.
    pub(super) async fn pass(&self, lookup: &Lookup) -> Found {
        let asked = match &self.upstream {
            Some(upstream) => {
                upstream.lookup("PASS", &lookup.name, &lookup.params).await.unwrap_or_else(away)
            }
            None => Found::Nobody,
        };
        if let Found::User(..) = asked {
            return asked;
        }
        // The upstream need not know accounts that only have client passwords.
        match self.own(&lookup.name).await {
            Ok(Some(name)) => Found::User(name.to_string(), Bytes::new()),
            Ok(None) => asked,
            Err(_) => Found::Fail(Some("the store cannot be read".to_owned())),
        }
    }

    /// LIST: everybody, from the upstream if there is one, else our accounts.
    pub(super) async fn list(&self, params: &[u8]) -> Option<Vec<String>> {
        if let Some(upstream) = &self.upstream {
            return upstream.list(params).await.ok().flatten();
        }
        let mut names: Vec<String> = Vec::new();
        loop {
            let after = names.last().cloned().unwrap_or_default();
            let page = self.store.read(move |tables| tables.accounts(&after, "", PAGE)).await.ok()?;
            let last = page.len() < PAGE as usize;
            names.extend(page.into_iter().map(|line| line.name));
            if last {
                return Some(names);
            }
        }
    }

    /// The normal form of a name that is an account of ours.
    async fn own(&self, user: &str) -> Result<Option<AccountName>, StoreError> {
        let Ok(name) = AccountName::parse(user, self.rules().default_domain.as_deref()) else {
            return Ok(None);
        };
        Ok(self.store.account(&name).await?.map(|_| name))
    }
}

fn away(_: Away) -> Found {
    Found::Fail(Some("the user database is away".to_owned()))
}

fn from_template(template: &Userdb, name: &AccountName) -> Found {
    let Some(home) = template.home_of(name.as_str()) else {
        return Found::Fail(Some("the name cannot stand in a path".to_owned()));
    };
    let mut fields = BytesMut::from(format!("uid={}\tgid={}\thome=", template.uid, template.gid).as_bytes());
    tab::escape_into(&mut fields, home.as_os_str().as_encoded_bytes());
    Found::User(name.to_string(), fields.freeze())
}
