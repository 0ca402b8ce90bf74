//! Accounts as an administrator sees them: search, the facts, a reset of second factors; and whom the rules meet.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::routing::get;

use super::admin::administrator;
use super::{asked, passwords, value};
use crate::api::portal::{AccountFactors, FactorView, Reset, Standing};
use crate::api::{
    AccountLine, AccountList, AccountView, Nothing, ResetAnswer, RolloutList, RolloutView, Unlocked,
};
use crate::gate::account::Lacks;
use crate::gate::name::ACCOUNT_NAME_BYTES_MAX;
use crate::gate::reset::REASON_CHARS_MAX;
use crate::portal::control::target;
use crate::portal::pages::admin::{
    AccountLine as Line, AdminAccount, AdminAccounts, AdminRollout, Codes, FactorLine, RolloutLine,
    SetUpCodeShown,
};
use crate::portal::pages::problem::Problem;
use crate::portal::pages::{Said, routes};
use crate::portal::server::{Answer, Context, Form, Shared, Stop};

/// Rows of one page.
const ROWS: u32 = 50;
/// How many days of logins tell whom the rules meet.
const DAYS: u32 = 7;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(routes::ADMIN_ACCOUNTS, get(search))
        .route("/admin/accounts/{address}", get(account).post(act))
        .route(routes::ADMIN_ROLLOUT, get(rollout))
}

/// What somebody typed, as far as a name can be long.
fn typed(query: Option<&str>, name: &str) -> Option<String> {
    let text = value(query, name)?;
    let text = text.trim();
    let text = &text[..text.floor_char_boundary(ACCOUNT_NAME_BYTES_MAX)];
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn count(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or(usize::MAX)
}

async fn search(mut context: Context, RawQuery(query): RawQuery) -> Answer {
    let standing = administrator(&mut context).await?;
    let (search, after) = (typed(query.as_deref(), "search"), typed(query.as_deref(), "after"));
    let only = value(query.as_deref(), "only").and_then(|word| Lacks::parse(&word));
    let asked = target(&["admin", "accounts"])
        .with("limit", ROWS)
        .with_some("search", search.as_ref())
        .with_some("only", only.map(Lacks::word))
        .with_some("after", after.as_ref());
    let found: AccountList = match context.get(asked).await {
        Ok(found) => found,
        Err(error) => return Err(context.stop(&error)),
    };
    let line = |AccountLine { address, enabled, two_factor, passwords, signed_in, .. }| Line {
        address,
        enabled,
        two_factor,
        passwords: count(passwords),
        signed_in,
    };
    let page = AdminAccounts {
        search: search.unwrap_or_default(),
        only,
        accounts: found.accounts.into_iter().map(line).collect(),
        more: found.more,
        later: after.is_some(),
    };
    let frame = context.frame(Some(&standing));
    Ok(context.show(page.render(&frame)))
}

async fn account(mut context: Context, Path(address): Path<String>) -> Answer {
    let standing = administrator(&mut context).await?;
    show(&mut context, &standing, &address, None).await
}

/// The facts, and the form for a reset with what was typed into it.
async fn show(
    context: &mut Context,
    standing: &Standing,
    address: &str,
    typed: Option<(String, Problem)>,
) -> Answer {
    let view: AccountView = fact(context, &["admin", "accounts", address]).await?;
    let factors: AccountFactors = fact(context, &["admin", "accounts", address, "factors"]).await?;
    let line = |view: &FactorView| {
        let choice = asked::choice(view)?;
        Some(FactorLine { choice, since: view.created, last_use: view.last_use })
    };
    let status = if typed.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let (reason, problem) = typed.map_or_else(Default::default, |(reason, problem)| (reason, Some(problem)));
    let page = AdminAccount {
        address: view.address,
        enabled: view.enabled,
        two_factor: view.two_factor,
        group: view.group,
        created: view.created,
        factors: factors.factors.iter().filter_map(line).collect(),
        recovery_codes: factors.recovery_codes.map(count),
        failures: count(factors.failures),
        codes: match (factors.locked, factors.wait) {
            (true, _) => Codes::Locked,
            (false, Some(until)) => Codes::Wait(until),
            (false, None) => Codes::Open,
        },
        set_up_code: factors.set_up_code,
        signed_in: factors.signed_in,
        sessions: count(factors.sessions),
        trusted: count(factors.trusted),
        makes_code: factors.makes_code,
        delegations: count(factors.delegations),
        passwords: view.passwords.into_iter().map(|password| passwords::shown(context, password)).collect(),
        reason,
        problem,
    };
    let frame = context.frame(Some(standing));
    Ok(context.show_with(status, page.render(&frame)))
}

async fn fact<T: serde::de::DeserializeOwned>(context: &mut Context, parts: &[&str]) -> Result<T, Stop> {
    match context.get(target(parts)).await {
        Ok(fact) => Ok(fact),
        Err(error) => Err(context.stop(&error)),
    }
}

/// What the page's buttons do.
async fn act(context: Context, Path(address): Path<String>, form: Form) -> Answer {
    match form.trimmed("do") {
        "unlock" => unlock(context, &address).await,
        "sign-out" => sign_out(context, &address).await,
        _ => reset(context, address, form).await,
    }
}

async fn unlock(mut context: Context, address: &str) -> Answer {
    administrator(&mut context).await?;
    match context.post::<Unlocked>(target(&["admin", "accounts", address, "unlock"]), &Nothing {}).await {
        Ok(Unlocked { .. }) => {
            context.say(&Said::FactorsUnlocked(address.to_owned()));
            Ok(context.go(&routes::admin_account(address)))
        }
        Err(error) => Err(context.stop(&error)),
    }
}

async fn sign_out(mut context: Context, address: &str) -> Answer {
    administrator(&mut context).await?;
    match context.post::<Nothing>(target(&["admin", "accounts", address, "sign-out"]), &Nothing {}).await {
        Ok(Nothing {}) => {
            context.say(&Said::AccountSignedOut(address.to_owned()));
            Ok(context.go(&routes::admin_account(address)))
        }
        Err(error) => Err(context.stop(&error)),
    }
}

/// The set-up code is shown by the answer to the form and by nothing else.
async fn reset(mut context: Context, address: String, form: Form) -> Answer {
    let standing = administrator(&mut context).await?;
    let reason = form.trimmed("reason").to_owned();
    let problem = match reason.chars().count() {
        0 => Some(Problem::ReasonMissing),
        chars if chars > REASON_CHARS_MAX => Some(Problem::ReasonTooLong(REASON_CHARS_MAX)),
        _ => None,
    };
    if let Some(problem) = problem {
        let reason = reason.chars().take(REASON_CHARS_MAX).collect();
        return show(&mut context, &standing, &address, Some((reason, problem))).await;
    }
    let asked = target(&["admin", "accounts", &address, "reset"]);
    match context.post::<ResetAnswer>(asked, &Reset { reason: reason.clone() }).await {
        Ok(ResetAnswer { set_up_code: Some(code), ends: Some(ends) }) => {
            let page = SetUpCodeShown { address, code: code.reveal().to_owned(), ends };
            let frame = context.frame(Some(&standing));
            Ok(context.show(page.render(&frame)))
        }
        Ok(_) => {
            context.say(&Said::FactorsReset(address.clone()));
            Ok(context.go(&routes::admin_account(&address)))
        }
        Err(error) => {
            let problem = context.problem(&error)?;
            show(&mut context, &standing, &address, Some((reason, problem))).await
        }
    }
}

async fn rollout(mut context: Context, RawQuery(query): RawQuery) -> Answer {
    let standing = administrator(&mut context).await?;
    let since = context.now().minus(Duration::from_secs(u64::from(DAYS) * 86_400));
    let asked = target(&["admin", "rollout"])
        .with("since", since.0)
        .with("limit", ROWS)
        .with_some("after", typed(query.as_deref(), "after").as_ref());
    let found: RolloutList = match context.get(asked).await {
        Ok(found) => found,
        Err(error) => return Err(context.stop(&error)),
    };
    let line = |view: RolloutView| RolloutLine {
        account: view.account,
        would_refuse: count(view.would_refuse),
        main_password: count(view.main_password),
        protocols: view.protocols,
        addresses: count(view.addresses),
        known: view.known,
        two_factor: view.two_factor,
        passwords: count(view.passwords),
        used: count(view.passwords_used),
        last: view.last,
    };
    let page = AdminRollout {
        accounts: found.accounts.into_iter().map(line).collect(),
        more: found.more,
        days: count(DAYS),
    };
    let frame = context.frame(Some(&standing));
    Ok(context.show(page.render(&frame)))
}
