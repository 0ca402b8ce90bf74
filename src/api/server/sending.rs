//! Aliases, delegations and limits.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;

use super::{Answer, Api, ApiError, Body, By, Params, cut, rows};
use crate::api::{
    AccountLimits, AliasList, AliasView, DelegationList, DelegationView, LimitInForce, LimitValue,
    LimitsInForce, LimitsList, LimitsView, NewAlias, NewDelegation, NewLimits, Nothing, Owners,
    PasswordLimits,
};
use crate::gate::alias::Alias;
use crate::gate::limits::{Allowance, LIMIT_MAX, Level, Limits, LimitsChange, Per};
use crate::gate::name::GroupName;
use crate::gate::order::{Order, OrderRefused};
use crate::service::{OrderError, Standing};
use crate::store::names::Kept;
use crate::store::sending::{Delegation, LevelLine};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AliasPage {
    of: Option<String>,
    after: String,
    after_of: String,
    limit: Option<u32>,
}

pub(super) async fn aliases(State(api): State<Api>, page: Params<AliasPage>) -> Answer<AliasList> {
    let page = page?.0;
    let limit = rows(page.limit);
    let of = page.of.map(|of| api.place(&of)).transpose()?;
    let aliases = api.service.aliases(of, (page.after, page.after_of), limit + 1).await?;
    let (aliases, more) = cut(aliases, limit);
    let aliases = aliases.into_iter().map(|(alias, of)| AliasView { alias, of }).collect();
    Ok(Json(AliasList { aliases, more }))
}

pub(super) async fn add_alias(State(api): State<Api>, by: By, body: Body<NewAlias>) -> Answer<AliasView> {
    let NewAlias { alias, of } = body?.0;
    let alias = Alias::new(api.place(&alias)?, api.place(&of)?)?;
    let view = AliasView { alias: alias.alias.to_string(), of: alias.of.to_string() };
    api.service.carry_out(Order::AddAlias(alias), &by.0.0).await?;
    Ok(Json(view))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MeantAlias {
    alias: String,
    of: Option<String>,
}

pub(super) async fn remove_alias(
    State(api): State<Api>,
    by: By,
    meant: Params<MeantAlias>,
) -> Answer<Nothing> {
    let MeantAlias { alias, of } = meant?.0;
    let of = match of {
        Some(of) => Some(api.place_as_kept(Kept::AliasOf, &of).await?),
        None => None,
    };
    let alias = api.place_as_kept(Kept::Alias, &alias).await?;
    api.service.carry_out(Order::RemoveAlias { alias, of }, &by.0.0).await?;
    Ok(Json(Nothing {}))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    address: String,
}

pub(super) async fn owners(State(api): State<Api>, asked: Params<Asked>) -> Answer<Owners> {
    let address = api.name(&asked?.0.address)?;
    let owners = api.service.accounts_of(address.clone()).await?;
    Ok(Json(Owners {
        address: address.to_string(),
        owners: owners.iter().map(ToString::to_string).collect(),
    }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DelegationPage {
    address: Option<String>,
    after: String,
    after_delegate: String,
    limit: Option<u32>,
}

pub(super) async fn delegations(
    State(api): State<Api>,
    page: Params<DelegationPage>,
) -> Answer<DelegationList> {
    let page = page?.0;
    let limit = rows(page.limit);
    let of = page.address.map(|address| api.name(&address)).transpose()?;
    let found = api.service.delegations(of, (page.after, page.after_delegate), limit + 1).await?;
    let (found, more) = cut(found, limit);
    Ok(Json(DelegationList { delegations: found.into_iter().map(delegation).collect(), more }))
}

fn delegation(from: Delegation) -> DelegationView {
    let Delegation { owner, delegate, right, since } = from;
    DelegationView { owner, delegate, right, since }
}

pub(super) async fn grant(
    State(api): State<Api>,
    by: By,
    body: Body<NewDelegation>,
) -> Answer<DelegationView> {
    let NewDelegation { owner, delegate, right } = body?.0;
    let (owner, delegate) = (api.name(&owner)?, api.name(&delegate)?);
    let order = Order::Grant { owner: owner.clone(), delegate: delegate.clone(), right };
    api.service.carry_out(order, &by.0.0).await.map_err(|refused| match refused {
        // People's own grants make it; an administrator may have mistyped.
        OrderError::Refused(OrderRefused::NoAccount(name)) => ApiError::not_found(format!(
            "there is no account {name}; whoever has a mailbox and never signed in gets one by: sidegate account add {name}"
        )),
        other => other.into(),
    })?;
    Ok(Json(delegation(api.service.delegation(owner, delegate).await?)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MeantDelegation {
    owner: String,
    delegate: String,
}

pub(super) async fn withdraw(
    State(api): State<Api>,
    by: By,
    meant: Params<MeantDelegation>,
) -> Answer<Nothing> {
    let MeantDelegation { owner, delegate } = meant?.0;
    let (owner, delegate) = (api.name(&owner)?, api.name(&delegate)?);
    api.service.carry_out(Order::Withdraw { owner, delegate }, &by.0.0).await?;
    Ok(Json(Nothing {}))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsPage {
    after_level: Option<String>,
    after_name: String,
    after_per: Per,
    limit: Option<u32>,
}

pub(super) async fn limits(State(api): State<Api>, page: Params<LimitsPage>) -> Answer<LimitsList> {
    let LimitsPage { after_level, after_name, after_per, limit } = page?.0;
    let limit = rows(limit);
    let after = after_level.map(|level| (level, after_name, after_per));
    let (lines, more) = cut(api.service.all_limits(after, limit + 1).await?, limit);
    Ok(Json(LimitsList { limits: lines.into_iter().map(level_view).collect(), more }))
}

fn level_view(((level, name, per), Limits(said)): LevelLine) -> LimitsView {
    let [messages_per_hour, recipients_per_hour, messages_per_day, recipients_per_day] =
        said.map(LimitValue::of);
    LimitsView {
        level,
        name: Some(name).filter(|name| !name.is_empty()),
        per,
        messages_per_hour,
        recipients_per_hour,
        messages_per_day,
        recipients_per_day,
    }
}

pub(super) async fn set_limits(State(api): State<Api>, by: By, body: Body<NewLimits>) -> Answer<LimitsView> {
    let new = body?.0;
    let level = match (&new.account, &new.group, new.default) {
        (Some(account), None, false) => Level::Account(api.name_as_kept(Kept::Limit, account).await?),
        (None, Some(group), false) => Level::Group(GroupName::parse(group)?),
        (None, None, true) => Level::Default,
        _ => return Err(ApiError::bad("say for whom: account, group or default, exactly one of them")),
    };
    let mut change = LimitsChange::default();
    let values =
        [new.messages_per_hour, new.recipients_per_hour, new.messages_per_day, new.recipients_per_day];
    for (change, value) in change.0.iter_mut().zip(values) {
        *change = value.map(allowance).transpose()?;
    }
    let order = Order::SetLimits { level: level.clone(), per: new.per, change };
    api.service.carry_out(order, &by.0.0).await?;
    let key = (level.word().to_owned(), level.name().to_owned(), new.per);
    Ok(Json(level_view((key, api.service.limits(level, new.per).await?))))
}

fn allowance(value: LimitValue) -> Result<Allowance, ApiError> {
    match value.into() {
        Allowance::AtMost(limit) if limit > LIMIT_MAX => {
            Err(ApiError::bad(format!("{limit} is past the highest limit, {LIMIT_MAX}; say \"unlimited\"")))
        }
        allowance => Ok(allowance),
    }
}

pub(super) async fn account_limits(
    State(api): State<Api>,
    Path(address): Path<String>,
) -> Answer<AccountLimits> {
    let name = api.name(&address)?;
    let standing = api.service.account_limits(name.clone()).await?;
    let password =
        |(id, name, limits): (i64, String, _)| PasswordLimits { id, name, limits: in_force(limits) };
    Ok(Json(AccountLimits {
        address: name.to_string(),
        group: standing.group.map(|group| group.as_str().to_owned()),
        limits: in_force(standing.limits),
        passwords: standing.passwords.into_iter().map(password).collect(),
    }))
}

fn in_force(standing: [Standing; 4]) -> LimitsInForce {
    let [messages_per_hour, recipients_per_hour, messages_per_day, recipients_per_day] =
        standing.map(|standing| LimitInForce {
            at_most: match standing.winner {
                Some((_, Allowance::AtMost(limit))) => Some(limit),
                _ => None,
            },
            from: standing.winner.map(|(level, _)| level.word().to_owned()),
            used: standing.used,
            reached: standing.reached.is_some(),
            opens: standing.reached.and_then(|reached| reached.opens),
        });
    LimitsInForce { messages_per_hour, recipients_per_hour, messages_per_day, recipients_per_day }
}
