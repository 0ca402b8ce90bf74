//! Accounts and their client passwords.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::Deserialize;

use super::{Answer, Api, ApiError, Body, By, Params, cut, rows};
use crate::api::{
    AccountChange, AccountLine, AccountList, AccountView, NewAccount, NewPasswordAnswer, NewPasswordRequest,
    Nothing, PasswordView, RevokedLine, RevokedList, RevokedView,
};
use crate::gate::account::{Account, ClientPassword, Lacks, RevokedPassword, TERMS_MAX, Terms};
use crate::gate::import::network;
use crate::gate::name::{AccountName, GroupName, PasswordName, Protocol};
use crate::gate::order::{Done, Order, OrderRefused, Which};
use crate::store::names::Kept;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Page {
    after: String,
    search: String,
    only: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn list(State(api): State<Api>, page: Params<Page>) -> Answer<AccountList> {
    let page = page?.0;
    let limit = rows(page.limit);
    let search = page.search.to_lowercase();
    let only = page.only.as_deref().map(|word| {
        let words = Lacks::ALL.map(Lacks::word).join(", ");
        Lacks::parse(word).ok_or_else(|| ApiError::bad(format!("only= is one of {words}")))
    });
    let found = api.service.accounts(page.after, search, only.transpose()?, limit + 1).await?;
    let (lines, more) = cut(found, limit);
    let view = |line: crate::store::AccountLine| AccountLine {
        address: line.name,
        enabled: line.enabled,
        two_factor: line.two_factor,
        group: line.group,
        passwords: line.passwords,
        created: line.created,
        signed_in: line.signed_in,
    };
    Ok(Json(AccountList { accounts: lines.into_iter().map(view).collect(), more }))
}

pub(super) async fn add(State(api): State<Api>, by: By, body: Body<NewAccount>) -> Answer<AccountView> {
    let name = api.address(&body?.0.address)?;
    api.service.carry_out(Order::AddAccount(name.clone()), &by.0.0).await?;
    api.view(&name).await
}

pub(super) async fn show(State(api): State<Api>, Path(address): Path<String>) -> Answer<AccountView> {
    api.view(&api.name(&address)?).await
}

pub(super) async fn change(
    State(api): State<Api>,
    Path(address): Path<String>,
    by: By,
    body: Body<AccountChange>,
) -> Answer<AccountView> {
    let account = api.name(&address)?;
    let AccountChange { enabled, two_factor, group } = body?.0;
    let group = match group.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(name) => Some(Some(GroupName::parse(name)?)),
    };
    let order = Order::SetAccount { account: account.clone(), enabled, two_factor, group };
    api.service.carry_out(order, &by.0.0).await?;
    api.view(&account).await
}

pub(super) async fn remove(State(api): State<Api>, Path(address): Path<String>, by: By) -> Answer<Nothing> {
    let name = api.name_as_kept(Kept::Account, &address).await?;
    api.service.carry_out(Order::RemoveAccount(name), &by.0.0).await?;
    Ok(Json(Nothing {}))
}

pub(super) async fn new_password(
    State(api): State<Api>,
    Path(address): Path<String>,
    Extension(actor): By,
    body: Body<NewPasswordRequest>,
) -> Answer<NewPasswordAnswer> {
    let NewPasswordRequest { name, expires_in, protocols, networks } = body?.0;
    let (account, name) = (api.name(&address)?, PasswordName::parse(&name)?);
    if protocols.len() > TERMS_MAX || networks.len() > TERMS_MAX {
        return Err(ApiError::bad(format!("at most {TERMS_MAX} protocols and networks")));
    }
    if expires_in == Some(0) {
        return Err(ApiError::bad("a client password that has expired already is of no use"));
    }
    let terms = Terms {
        expires: expires_in.map(|secs| api.service.now().plus(Duration::from_secs(secs.into()))),
        protocols: protocols.iter().map(|name| Protocol::parse(name)).collect::<Result<_, _>>()?,
        networks: networks
            .iter()
            .map(|text| network(text))
            .collect::<Result<_, _>>()
            .map_err(ApiError::bad)?,
    };
    let (shown, expires) = (name.as_str().to_owned(), terms.expires);
    let (id, secret) = api.service.new_password(account, name, terms, &actor.0).await?;
    let password = secret.show_once().to_string();
    Ok(Json(NewPasswordAnswer { id, name: shown, password, expires }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Meant {
    id: Option<i64>,
    name: Option<String>,
    all: bool,
}

pub(super) async fn revoke(
    State(api): State<Api>,
    Path(address): Path<String>,
    by: By,
    meant: Params<Meant>,
) -> Answer<RevokedList> {
    let account = api.name(&address)?;
    let which = match meant?.0 {
        Meant { id: Some(id), name: None, all: false } => Which::Id(id),
        Meant { id: None, name: Some(name), all: false } => Which::Name(name),
        Meant { id: None, name: None, all: true } => Which::All,
        _ => return Err(ApiError::bad("say which: id=, name= or all=true")),
    };
    let revoked = match api.service.carry_out(Order::Revoke { account, which }, &by.0.0).await? {
        Done::Revoked(revoked) => revoked,
        _ => Vec::new(),
    };
    let revoked = revoked.into_iter().map(|(id, name)| RevokedLine { id, name }).collect();
    Ok(Json(RevokedList { revoked }))
}

impl Api {
    async fn view(&self, name: &AccountName) -> Answer<AccountView> {
        match self.service.account(name).await? {
            Some(account) => Ok(Json(view(account))),
            None => Err(ApiError::not_found(OrderRefused::NoAccount(name.clone()).to_string())),
        }
    }
}

pub(super) fn password_view(password: ClientPassword) -> PasswordView {
    PasswordView {
        id: password.id,
        name: password.name.to_string(),
        created: password.created,
        expires: password.terms.expires,
        protocols: password.terms.protocols.iter().map(ToString::to_string).collect(),
        networks: password.terms.networks.iter().map(ToString::to_string).collect(),
        imported: password.stored.imported().map(|scheme| scheme.word().to_owned()),
        last_use: password.last_use,
    }
}

fn view(account: Account) -> AccountView {
    let revoked = |gone: RevokedPassword| RevokedView { id: gone.id, name: gone.name, at: gone.at };
    AccountView {
        address: account.name.to_string(),
        enabled: account.enabled,
        two_factor: account.two_factor,
        group: account.group.map(|group| group.as_str().to_owned()),
        created: account.created,
        passwords: account.passwords.into_iter().map(password_view).collect(),
        revoked: account.revoked.into_iter().map(revoked).collect(),
    }
}
