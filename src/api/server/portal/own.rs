//! Client passwords, devices, delegations and blocks of the session's account.

use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

use super::{Answer, By, Refusal, query, read};
use crate::api::portal::{
    ClientView, Devices, EndedView, Grant, Granted, Hidden, OwnBlocks, OwnDelegation, OwnDelegations,
    OwnPasswords, StillTried, TrustedView, VisitView, Why,
};
use crate::api::server::accounts::password_view;
use crate::api::server::{Api, Body, Params, blocks};
use crate::api::{NewPasswordAnswer, NewPasswordRequest, Nothing, RevokedLine, RevokedList};
use crate::config::ListenProtocol;
use crate::gate::account::{TERMS_MAX, Terms};
use crate::gate::clean::is_unprintable;
use crate::gate::delegation::Right;
use crate::gate::import::network;
use crate::gate::name::{AccountName, PASSWORD_NAME_CHARS_MAX, PasswordName, Protocol};
use crate::gate::order::Which;
use crate::gate::visit::{Outcome, Visit as Made};
use crate::service::people::{ClientLogin, Visit};
use crate::store::people::Seen;
use crate::store::portal::TrustedDevice;
use crate::store::sending::Delegation;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/portal/passwords", get(passwords).post(new_password).delete(revoke))
        .route("/v1/portal/devices", get(devices).delete(end))
        .route("/v1/portal/delegations", get(delegations).post(grant).delete(withdraw))
        .route("/v1/portal/block", get(block).delete(lift))
}

async fn passwords(State(api): State<Api>, By(visit): By) -> Answer<OwnPasswords> {
    let (account, tried) = api.service.own_account(&visit).await?;
    let tried = tried.into_iter().map(|one| StillTried { name: one.name, at: one.at, address: one.address });
    Ok(Json(OwnPasswords {
        passwords: account.passwords.into_iter().map(password_view).collect(),
        most: api.service.rules().per_account,
        still_tried: tried.collect(),
    }))
}

async fn new_password(
    State(api): State<Api>,
    By(visit): By,
    body: Body<NewPasswordRequest>,
) -> Answer<NewPasswordAnswer> {
    let NewPasswordRequest { name, expires_in, protocols, networks } = read(body)?;
    let name = password_name(&name)?;
    if protocols.len() > TERMS_MAX || networks.len() > TERMS_MAX || expires_in == Some(0) {
        return Err(Refusal::bad("terms that cannot be"));
    }
    let terms = Terms {
        expires: expires_in.map(|secs| api.service.now().plus(Duration::from_secs(secs.into()))),
        protocols: protocols
            .iter()
            .map(|name| Protocol::parse(name))
            .collect::<Result<_, _>>()
            .map_err(|error| Refusal::bad(error.to_string()))?,
        networks: networks
            .iter()
            .map(|text| network(text))
            .collect::<Result<_, _>>()
            .map_err(|error| Refusal::bad(error.to_string()))?,
    };
    let (shown, expires) = (name.as_str().to_owned(), terms.expires);
    let (id, secret) = api.service.new_own_password(&visit, name, terms).await?;
    let password = secret.show_once().to_string();
    Ok(Json(NewPasswordAnswer { id, name: shown, password, expires }))
}

/// The name of a client password, or what is wrong with it.
fn password_name(typed: &str) -> Result<PasswordName, Refusal> {
    PasswordName::parse(typed).map_err(|error| {
        let name = typed.trim();
        let why = match name.chars().count() {
            1..=PASSWORD_NAME_CHARS_MAX if name.contains(is_unprintable) => Why::NameUnprintable,
            1..=PASSWORD_NAME_CHARS_MAX => Why::NameIsSecret,
            _ => Why::BadName,
        };
        let mut refusal = Refusal::new(why, error.to_string());
        refusal.0.most = u32::try_from(PASSWORD_NAME_CHARS_MAX).ok();
        refusal
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Revoked {
    id: Option<i64>,
    all: bool,
}

async fn revoke(State(api): State<Api>, By(visit): By, which: Params<Revoked>) -> Answer<RevokedList> {
    let which = match query(which)? {
        Revoked { id: Some(id), all: false } => Which::Id(id),
        Revoked { id: None, all: true } => Which::All,
        _ => return Err(Refusal::bad("say which: id= or all=true")),
    };
    let gone = api.service.revoke_own(&visit, which).await?;
    let revoked = gone.into_iter().map(|(id, name)| RevokedLine { id, name }).collect();
    Ok(Json(RevokedList { revoked }))
}

/// The days of which zone are meant. No zone is further from UTC than 26 hours.
const OFFSET_MAX: i32 = 26 * 3_600;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Zone {
    offset: i32,
}

async fn devices(State(api): State<Api>, By(visit): By, zone: Params<Zone>) -> Answer<Devices> {
    let Zone { offset } = query(zone)?;
    if !(-OFFSET_MAX..=OFFSET_MAX).contains(&offset) {
        return Err(Refusal::bad("no zone is so far from UTC"));
    }
    let found = api.service.own_devices(&visit, offset).await?;
    let trusted = |device: TrustedDevice| TrustedView {
        current: found.current_device == Some(device.id),
        id: device.id,
        system: device.visitor.system,
        program: device.visitor.program,
        address: device.visitor.address,
        since: device.created,
        until: device.until,
    };
    let client = |login: ClientLogin| {
        let ClientLogin { password, protocol, address, days, count } = login;
        ClientView { password, protocol, address, days, count }
    };
    Ok(Json(Devices {
        trusted: found.trusted.into_iter().map(trusted).collect(),
        visits: found.visits.into_iter().map(|seen| visit_view(seen, found.current)).collect(),
        clients: found.clients.into_iter().map(client).collect(),
    }))
}

fn visit_view(seen: Seen, current: i64) -> VisitView {
    let Seen { visit, on, slip } = seen;
    let proved = match visit.outcome {
        Outcome::In(by) => Some(by.word().to_owned()),
        Outcome::Pending | Outcome::Stopped => None,
    };
    let Made { session, outcome, system, program, address, last, count, wrong, .. } = visit;
    VisitView {
        session: session.filter(|_| on.is_some()),
        outcome: outcome.word().to_owned(),
        proved,
        system,
        program,
        address,
        at: last,
        seen: on,
        count,
        wrong,
        slip,
        current: session == Some(current),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Ended {
    trusted: Option<i64>,
    session: Option<i64>,
    all: bool,
}

async fn end(State(api): State<Api>, By(visit): By, which: Params<Ended>) -> Answer<EndedView> {
    let (mut system, mut program) = (String::new(), String::new());
    match query(which)? {
        Ended { trusted: Some(id), session: None, all: false } => {
            api.service.forget_own_device(&visit, id).await?;
        }
        Ended { trusted: None, session: Some(id), all: false } => {
            (system, program) = api.service.end_own_session(&visit, id).await?;
        }
        Ended { trusted: None, session: None, all: true } => api.service.sign_out_everywhere(&visit).await?,
        _ => return Err(Refusal::bad("say which: trusted=, session= or all=true")),
    }
    Ok(Json(EndedView { system, program }))
}

async fn delegations(State(api): State<Api>, By(visit): By) -> Answer<OwnDelegations> {
    let (account, all) = api.service.own_delegations(&visit).await?;
    let (granted, received): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|one| one.owner == account.as_str());
    Ok(Json(OwnDelegations {
        granted: granted.into_iter().map(|one| api.own_delegation(one, false)).collect(),
        received: received.into_iter().map(|one| api.own_delegation(one, true)).collect(),
        shown: api.service.shares(),
        marked: api.doors.iter().any(|door| door.settings.protocol == ListenProtocol::Milter),
    }))
}

impl Api {
    /// A delegation as its owner sees it, or whoever received it.
    fn own_delegation(&self, one: Delegation, received: bool) -> OwnDelegation {
        let place = self.service.shared_place(&one.owner, &one.delegate);
        let Delegation { owner, delegate, right, since } = one;
        let other = if received { owner } else { delegate };
        OwnDelegation { other, right: right.word().to_owned(), since, place }
    }
}

async fn grant(State(api): State<Api>, By(visit): By, body: Body<Grant>) -> Answer<Granted> {
    let Grant { delegate, right } = read(body)?;
    let right = Right::from_word(&right).ok_or_else(|| Refusal::bad("no such right"))?;
    let granted = api.service.grant_own(&visit, &delegate_name(&api, &delegate)?, right).await?;
    Ok(Json(Granted {
        delegation: api.own_delegation(granted.delegation, false),
        tell: granted.tell.iter().map(|to| Hidden::new(to.reveal())).collect(),
    }))
}

/// Who is typed in as a delegate; a name that cannot be one is nobody's.
fn delegate_name(api: &Api, typed: &str) -> Result<AccountName, Refusal> {
    let rules = api.service.rules();
    AccountName::parse(typed, rules.default_domain.as_deref())
        .map_err(|error| Refusal::new(Why::NoAccount, error.to_string()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Withdrawn {
    delegate: String,
}

async fn withdraw(State(api): State<Api>, By(visit): By, whom: Params<Withdrawn>) -> Answer<Nothing> {
    let delegate = delegate_name(&api, &query(whom)?.delegate)?;
    api.service.withdraw_own(&visit, delegate).await?;
    Ok(Json(Nothing {}))
}

async fn block(State(api): State<Api>, By(visit): By) -> Answer<OwnBlocks> {
    let found = api.service.own_blocks(&visit).await?;
    Ok(Json(OwnBlocks {
        address: found.own.map(|key| key.to_string()),
        until: found.until,
        network: found.network.map(|key| key.to_string()),
        others: found.others.into_iter().map(|(key, block)| blocks::view(&key, block, false)).collect(),
    }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Lifted {
    /// Absent: the browser's own.
    address: Option<String>,
}

async fn lift(State(api): State<Api>, By(visit): By, which: Params<Lifted>) -> Answer<Nothing> {
    let address = match query(which)?.address {
        Some(text) => blocks::read(&text).map_err(|_| Refusal::bad("no IP address"))?,
        None => own_address(&visit)?.into(),
    };
    api.service.lift_own(&visit, address).await?;
    Ok(Json(Nothing {}))
}

fn own_address(visit: &Visit) -> Result<std::net::IpAddr, Refusal> {
    visit.address.ok_or_else(|| Refusal::new(Why::NotFound, "nobody knows the browser's address"))
}
