//! What administrators do about people: second factors, main passwords, sessions.

use axum::Json;
use axum::extract::{Path, State};
use zeroize::Zeroizing;

use super::{Answer, Api, ApiError, Body, By};
use crate::api::portal::{AccountFactors, FactorView, Hidden};
use crate::api::{FactorsReset, NewMainPassword, Nothing, ResetAnswer, Unlocked};
use crate::clock::Timestamp;
use crate::gate::factor::Factor;
use crate::gate::main_password::MainPassword;
use crate::gate::order::{Order, OrderRefused};
use crate::gate::reset::ResetReason;
use crate::gate::throttle::Admission;
use crate::service::FactorsOf;

pub(super) async fn factors(State(api): State<Api>, Path(address): Path<String>) -> Answer<AccountFactors> {
    let account = api.name(&address)?;
    match api.service.factors_of(account.clone()).await? {
        Some(found) => Ok(Json(factors_view(found))),
        None => Err(ApiError::not_found(OrderRefused::NoAccount(account).to_string())),
    }
}

pub(super) async fn reset(
    State(api): State<Api>,
    Path(address): Path<String>,
    by: By,
    body: Body<FactorsReset>,
) -> Answer<ResetAnswer> {
    let FactorsReset { reason, two_factor_off } = body?.0;
    let (account, reason) = (api.name(&address)?, ResetReason::parse(&reason)?);
    let made = api.service.reset_factors(account, reason, two_factor_off, &by.0.0).await?;
    Ok(Json(reset_answer(made)))
}

/// What a reset made, as it is told once.
pub(super) fn reset_answer(made: Option<(Zeroizing<String>, Timestamp)>) -> ResetAnswer {
    let (code, ends) = made.unzip();
    ResetAnswer { set_up_code: code.map(|code| Hidden::new(code.as_str())), ends }
}

pub(super) async fn unlock(State(api): State<Api>, Path(address): Path<String>, by: By) -> Answer<Unlocked> {
    let failures = api.service.unlock_factors(api.name(&address)?, &by.0.0).await?;
    Ok(Json(Unlocked { failures }))
}

pub(super) async fn set_main_password(
    State(api): State<Api>,
    Path(address): Path<String>,
    by: By,
    body: Body<NewMainPassword>,
) -> Answer<Nothing> {
    // What is wrong with a body is not told in full: there is a password in it.
    let Json(body) = body.map_err(|_| ApiError::bad("the body must be {\"password\": \"…\"}"))?;
    let (account, password) = (api.name(&address)?, MainPassword::parse(body.password.reveal())?);
    api.service.set_main_password(account, &password, &by.0.0).await?;
    Ok(Json(Nothing {}))
}

pub(super) async fn remove_main_password(
    State(api): State<Api>,
    Path(address): Path<String>,
    by: By,
) -> Answer<Nothing> {
    let order = Order::SetMainPassword { account: api.name(&address)?, hash: None };
    api.service.carry_out(order, &by.0.0).await?;
    Ok(Json(Nothing {}))
}

pub(super) async fn end_sessions(
    State(api): State<Api>,
    Path(address): Path<String>,
    by: By,
) -> Answer<Nothing> {
    api.service.carry_out(Order::EndSessions(api.name(&address)?), &by.0.0).await?;
    Ok(Json(Nothing {}))
}

fn factors_view(found: FactorsOf) -> AccountFactors {
    let view = |factor: Factor| FactorView {
        id: factor.id,
        kind: factor.kind.word().to_owned(),
        name: factor.name,
        created: factor.created,
        last_use: factor.last_use,
    };
    AccountFactors {
        address: found.account.to_string(),
        factors: found.factors.into_iter().map(view).collect(),
        recovery_codes: found.recovery_codes,
        failures: found.failures,
        passwords: found.passwords,
        delegations: found.delegations,
        wait: match found.codes {
            Admission::Wait(until) => Some(until),
            Admission::Open | Admission::Locked => None,
        },
        locked: found.codes == Admission::Locked,
        set_up_code: found.set_up_code,
        signed_in: found.signed_in,
        sessions: found.sessions,
        trusted: found.trusted,
        makes_code: found.makes_code,
        lost: found.lost,
    }
}
