//! What mail processes ask: may I have this login, and where does this user's mail live?

use bytes::{BufMut, Bytes, BytesMut};
use tracing::warn;

use super::Service;
use super::identity::{home, told};
use crate::config::Userdb;
use crate::gate::identity::Located;
use crate::gate::login::{Reason, Verdict};
use crate::gate::name::AccountName;
use crate::gate::question::{Claim, Found, Login, Lookup};
use crate::proto::tab;
use crate::store::StoreError;
use crate::upstream::Away;

/// Accounts that are read at once for a list.
const PAGE: u32 = 1_000;

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
        // With a reason the mail client gets a NO; without one, Dovecot 2.3 just hangs up.
        let no_longer = || Found::Fail(Some("this login is no longer good".to_owned()));
        if self.still_good(&login.grant, &login.origin).await.is_err() {
            return no_longer();
        }
        match self.locate(&login.user, &told(&login.origin.params)).await {
            Found::User(name, fields) => {
                match self.opens_own(&login, &name, &fields).await {
                    Ok(()) => {}
                    Err(Verdict::Defer(why)) => return Found::Fail(Some(why.to_owned())),
                    Err(verdict) => {
                        self.refused_claim(&login, &verdict);
                        return no_longer();
                    }
                }
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

    /// Whether a login may open the mailbox that the user database found for it. The database may know another name than
    /// the password database did, and may know it since a moment ago.
    async fn opens_own(&self, login: &Login, found: &str, fields: &[u8]) -> Result<(), Verdict> {
        let rules = self.rules();
        if self.upstream.is_none() || rules.observe {
            return Ok(());
        }
        let named = self.whose(&login.grant.account).await?;
        let home = home(fields);
        if let (Some(_), Some(own)) = (&login.grant.password, named.account())
            && found == own.name.as_str()
            && home.as_ref().is_none_or(|home| home.marks(&self.keys()).first() == own.mailbox.as_ref())
        {
            // Nearly every login: nothing to look up.
            return Ok(());
        }
        let located = Located::At(found.to_owned(), home);
        let opened = self.judged(Some(&named), named.clone(), &located).await?;
        let account = opened.account.as_deref();
        match (&login.grant.password, account) {
            (_, Some(account)) if !account.enabled => Err(Verdict::Refuse(Reason::Disabled)),
            (None, account)
                if !rules
                    .policy_for(&opened.name, account, self.now())
                    .admits(account, login.origin.host) =>
            {
                Err(Verdict::Refuse(Reason::MainPassword))
            }
            _ => Ok(()),
        }
    }

    fn refused_claim(&self, login: &Login, verdict: &Verdict) {
        let trier = self.trier_named(login.grant.account.as_str(), &login.origin, &self.rules());
        warn!(account = trier.shown, user = %login.user, "a login opens a mailbox that it may not enter");
        self.record(self.event(&trier, verdict));
    }

    /// USER: where the mail lives, for lmtp, doveadm and the like.
    pub(super) async fn user(&self, lookup: &Lookup) -> Found {
        self.locate(&lookup.name, &lookup.params).await
    }

    /// Accounts of ours from the template, if there is one; everybody else from the upstream.
    pub(super) async fn locate(&self, user: &str, params: &[u8]) -> Found {
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
            let page = self.store.read(move |tables| tables.accounts(&after, "", None, PAGE)).await.ok()?;
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
