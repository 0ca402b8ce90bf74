//! Whom the rules would meet.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::{Answer, Api, Params, cut, rows};
use crate::api::{RolloutList, RolloutView};
use crate::clock::Timestamp;
use crate::gate::account::Account;
use crate::store::rollout::Met;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wanted {
    since: i64,
    after: String,
    limit: Option<u32>,
}

pub(super) async fn list(State(api): State<Api>, wanted: Params<Wanted>) -> Answer<RolloutList> {
    let Wanted { since, after, limit } = wanted?.0;
    let limit = rows(limit);
    let (met, more) = cut(api.service.met(Timestamp(since), after, limit + 1).await?, limit);
    Ok(Json(RolloutList { accounts: met.into_iter().map(view).collect(), more }))
}

fn view((met, account): (Met, Option<Account>)) -> RolloutView {
    let passwords = account.as_ref().map_or(&[][..], |account| &account.passwords);
    let used = passwords.iter().filter(|password| password.last_use.is_some()).count();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    RolloutView {
        account: met.account,
        would_refuse: met.would_refuse,
        reasons: met.reasons,
        main_password: met.main_password,
        protocols: met.protocols,
        addresses: met.addresses,
        last: met.last,
        known: account.is_some(),
        two_factor: account.as_ref().is_some_and(|account| account.two_factor),
        passwords: number(passwords.len()),
        passwords_used: number(used),
    }
}
