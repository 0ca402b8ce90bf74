//! What the portal asks: headers to a visit, a visit to what the service answers, an answer to the API's words.
//!
//! Work that was begun is done even if the portal is gone: an attempt that nobody waits for is counted all the same.

mod admin;
mod forms;
mod own;
mod views;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use tracing::error;
use zeroize::Zeroizing;

use super::{Api, Body, Params};
use crate::api::Nothing;
use crate::api::portal::{
    BROWSER, DEVICE, DEVICES_MAX, Hidden, NewBinding, NewChallenge, Passed, Pending, PortalError, Proof,
    RecoveryCodes, SESSION, SignIn, Standing, Trust, TwoFactor, VISITOR, VISITOR_BYTES_MAX, Visitor, Why,
};
use crate::gate::clean::is_unprintable;
use crate::gate::entrance::BrowserMark;
use crate::gate::factor::FactorKind;
use crate::gate::name::Protocol;
use crate::gate::secret::Secret;
use crate::gate::session::{Act, Token, TokenTag};
use crate::service::people::{self, PeopleError, Shown, Visit};
use crate::store::people as desk;
use crate::store::portal::Visitor as StoredVisitor;

/// The longest header of ours, in bytes.
const HEADER_BYTES_MAX: usize = 1_024;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/portal/session", get(standing).post(sign_in).delete(sign_out))
        .route("/v1/portal/pending", get(pending))
        .route("/v1/portal/challenge", post(challenge))
        .route("/v1/portal/proof", post(prove))
        .route("/v1/portal/binding", post(begin_binding))
        .route("/v1/portal/factors", post(confirm_binding).delete(remove_factor))
        .route("/v1/portal/two-factor", post(two_factor))
        .route("/v1/portal/recovery-codes", post(recovery_codes))
        .merge(admin::routes())
        .merge(forms::routes())
        .merge(own::routes())
}

/// A no for the portal, with its status.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) PortalError);

impl Refusal {
    pub(super) fn new(why: Why, message: impl Into<String>) -> Self {
        Self(PortalError::new(why, message))
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(Why::BadRequest, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.0.error {
            Why::BadRequest => StatusCode::BAD_REQUEST,
            Why::Forbidden => StatusCode::FORBIDDEN,
            Why::NotFound | Why::NoFactor | Why::NoAccount => StatusCode::NOT_FOUND,
            Why::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::CONFLICT,
        };
        (status, Json(self.0)).into_response()
    }
}

impl From<PeopleError> for Refusal {
    fn from(error: PeopleError) -> Self {
        let message = error.to_string();
        match error {
            PeopleError::WrongPassword => Self::new(Why::WrongPassword, message),
            PeopleError::NoAccount => Self::new(Why::NoAccount, message),
            PeopleError::Blocked(until) => {
                Self(PortalError { until: Some(until), ..PortalError::new(Why::Blocked, message) })
            }
            PeopleError::NetworkBlocked(until) => {
                Self(PortalError { until: Some(until), ..PortalError::new(Why::NetworkBlocked, message) })
            }
            PeopleError::Wait(until) => {
                Self(PortalError { until: Some(until), ..PortalError::new(Why::Wait, message) })
            }
            PeopleError::Busy => Self::new(Why::Busy, message),
            PeopleError::Refused(refused) => views::refused(refused, message),
            PeopleError::Order(order) => views::order_refused(order),
            PeopleError::NotFound => Self::new(Why::NotFound, message),
            PeopleError::Forbidden => Self::new(Why::Forbidden, message),
            PeopleError::LostKey(_) => {
                error!(error = message, "a second factor cannot be looked at");
                Self::new(Why::LostKey, message)
            }
            PeopleError::Unavailable(_) => {
                error!(error = message, "a request of the portal failed");
                Self::new(Why::Unavailable, message)
            }
        }
    }
}

pub(super) type Answer<T> = Result<Json<T>, Refusal>;

/// The body, or why there is none. What was in it is not repeated: it may be a password.
pub(super) fn read<T>(body: Body<T>) -> Result<T, Refusal> {
    body.map(|Json(body)| body).map_err(|_| Refusal::bad("no body of the form that was agreed on"))
}

pub(super) fn query<T>(params: Params<T>) -> Result<T, Refusal> {
    params.map(|query| query.0).map_err(|_| Refusal::bad("no query of the form that was agreed on"))
}

/// Whose session, from which browser.
pub(super) struct By(pub(super) Visit);

impl FromRequestParts<Api> for By {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let header = |name: &str| -> Result<Option<&str>, Refusal> {
            let Some(value) = parts.headers.get(name) else { return Ok(None) };
            let text = value.to_str().ok().filter(|text| text.len() <= HEADER_BYTES_MAX);
            text.map(Some).ok_or_else(|| Refusal::bad(format!("the header {name} cannot be read")))
        };
        // A token that is none finds no session, as one that is over.
        let token = |text: &str| Token::parse(text).map(|token| token.tag());
        let bearer = header(SESSION)?.map(|value| value.strip_prefix("Bearer ").and_then(token));
        let session = bearer.map(|tag| tag.unwrap_or(TokenTag([0; 32])));
        let devices = header(DEVICE)?.unwrap_or_default().split(' ');
        let devices = devices.filter_map(token).take(DEVICES_MAX).collect();
        let browser = header(BROWSER)?.map(BrowserMark::of);
        let visitor: Visitor = match header(VISITOR)? {
            None => Visitor::default(),
            Some(json) => serde_json::from_str(json)
                .map_err(|_| Refusal::bad(format!("the header {VISITOR} cannot be read")))?,
        };
        let long = |text: &str| text.len() > VISITOR_BYTES_MAX || text.contains(is_unprintable);
        if long(&visitor.system) || long(&visitor.program) {
            return Err(Refusal::bad("the browser is named too long"));
        }
        let prefixes = api.service.rules().prefixes;
        let address = visitor.address.and_then(|address| prefixes.fold(address));
        let stored = StoredVisitor {
            address: address.map(|address| address.to_string()),
            system: visitor.system,
            program: visitor.program,
        };
        Ok(Self(Visit { session, devices, browser, visitor: stored, address }))
    }
}

/// Carries work through, whoever waits for it.
async fn carried<T: Send + 'static>(
    work: impl Future<Output = Result<T, PeopleError>> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::spawn(work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Refusal::new(Why::Unavailable, "the daemon stops")),
    }
}

impl Api {
    fn passed(&self, passed: people::Passed) -> Passed {
        Passed {
            session: Hidden::new(passed.session.reveal().as_str()),
            device: passed
                .device
                .map(|(token, until)| Trust { token: Hidden::new(token.reveal().as_str()), until }),
            standing: self.standing(passed.standing, None),
            tell: passed.tell.iter().map(|to| Hidden::new(to.reveal())).collect(),
        }
    }

    fn pending(&self, waiting: desk::Waiting, account: Option<&str>) -> Pending {
        views::pending(waiting, &self.service.rules().people.issuer, account)
    }
}

async fn sign_in(State(api): State<Api>, By(visit): By, body: Body<SignIn>) -> Answer<Passed> {
    let SignIn { account, password, code } = read(body)?;
    let password = presented(&password)?;
    let code = code.map(|code| Zeroizing::new(code.reveal().to_owned()));
    let service = Arc::clone(&api.service);
    let sign_in = people::SignIn { account, password, code };
    let passed = carried(service.sign_in(visit, sign_in)).await?;
    Ok(Json(api.passed(passed)))
}

async fn standing(State(api): State<Api>, By(visit): By) -> Answer<Standing> {
    let standing = api.service.owner(&visit, Act::Prove).await?;
    let blocked = visit.address.and_then(|address| {
        let source = api.service.source(address);
        source
            .block
            .filter(|_| !api.service.rules().exempts_at(&Protocol::PORTAL, address))
            .map(|block| block.until)
    });
    Ok(Json(api.standing(standing, blocked)))
}

async fn sign_out(State(api): State<Api>, By(visit): By) -> Answer<Nothing> {
    api.service.sign_out(&visit).await?;
    Ok(Json(Nothing {}))
}

async fn pending(State(api): State<Api>, By(visit): By) -> Answer<Pending> {
    let waiting = api.service.pending(&visit).await?;
    let account = api.account_of(&visit, &waiting).await?;
    Ok(Json(api.pending(waiting, account.as_deref())))
}

impl Api {
    /// The account's name, where an app has to be told it.
    async fn account_of(&self, visit: &Visit, waiting: &desk::Waiting) -> Result<Option<String>, Refusal> {
        if waiting.seed.is_none() {
            return Ok(None);
        }
        let standing = self.service.owner(visit, Act::Prove).await?;
        Ok(Some(standing.account.name.to_string()))
    }
}

async fn challenge(State(api): State<Api>, By(visit): By, body: Body<NewChallenge>) -> Answer<Pending> {
    let NewChallenge { factor, alone } = read(body)?;
    let waiting = api.service.challenge(&visit, factor, alone).await?;
    Ok(Json(api.pending(waiting, None)))
}

/// A main password, if it is not longer than any.
fn presented(password: &Hidden) -> Result<Secret, Refusal> {
    Secret::presented(password.reveal()).ok_or_else(|| Refusal::bad(super::rest::too_long()))
}

/// What was shown: one thing and no other.
fn shown(proof: &mut Proof) -> Result<Shown, Refusal> {
    let text = |hidden: Hidden| Zeroizing::new(hidden.reveal().to_owned());
    let mut all = Vec::new();
    if let Some(password) = proof.password.take() {
        all.push(Shown::Password(presented(&password)?));
    }
    all.extend(proof.code.take().map(text).map(Shown::Code));
    all.extend(proof.recovery_code.take().map(text).map(Shown::Recovery));
    all.extend(proof.set_up_code.take().map(text).map(Shown::SetUpCode));
    all.extend(proof.credential.take().map(text).map(Shown::Credential));
    if let Some(identity) = proof.identity.take() {
        let provider = FactorKind::parse(&identity.provider);
        let provider = provider.ok_or_else(|| Refusal::bad("no such sign-in provider"))?;
        all.push(Shown::Identity(desk::Identity {
            provider,
            app: identity.app,
            subject: identity.subject.reveal().to_owned(),
            name: identity.name,
            state: identity.state.reveal().to_owned(),
        }));
    }
    match (all.pop(), all.is_empty()) {
        (Some(one), true) => Ok(one),
        _ => Err(Refusal::bad("show exactly one thing")),
    }
}

async fn prove(State(api): State<Api>, By(visit): By, body: Body<Proof>) -> Answer<Passed> {
    let mut proof = read(body)?;
    let shown = shown(&mut proof)?;
    let Proof { factor, trust, .. } = proof;
    let service = Arc::clone(&api.service);
    let passed = carried(async move { service.prove_factor(&visit, factor, shown, trust).await }).await?;
    Ok(Json(api.passed(passed)))
}

async fn begin_binding(State(api): State<Api>, By(visit): By, body: Body<NewBinding>) -> Answer<Pending> {
    let NewBinding { kind, change, to } = read(body)?;
    let kind = FactorKind::parse(&kind).ok_or_else(|| Refusal::bad("no such kind of factor"))?;
    let to = to.map(|to| Zeroizing::new(to.reveal().to_owned()));
    let wish = desk::NewBinding { kind, change, to, from: None };
    let waiting = api.service.begin_binding(&visit, wish).await?;
    let account = api.account_of(&visit, &waiting).await?;
    Ok(Json(api.pending(waiting, account.as_deref())))
}

async fn confirm_binding(State(api): State<Api>, By(visit): By, body: Body<Proof>) -> Answer<Passed> {
    let mut proof = read(body)?;
    let shown = shown(&mut proof)?;
    let name = proof.name;
    let service = Arc::clone(&api.service);
    let passed = carried(async move { service.confirm_binding(&visit, shown, name).await }).await?;
    Ok(Json(api.passed(passed)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WhichFactor {
    id: i64,
}

async fn remove_factor(State(api): State<Api>, By(visit): By, which: Params<WhichFactor>) -> Answer<Passed> {
    let id = query(which)?.id;
    let passed = api.service.remove_factor(&visit, id).await?;
    Ok(Json(api.passed(passed)))
}

async fn two_factor(State(api): State<Api>, By(visit): By, body: Body<TwoFactor>) -> Answer<Standing> {
    let TwoFactor { on } = read(body)?;
    let standing = api.service.set_two_factor(&visit, on).await?;
    Ok(Json(api.standing(standing, None)))
}

async fn recovery_codes(State(api): State<Api>, By(visit): By) -> Answer<RecoveryCodes> {
    let (codes, made) = api.service.new_recovery_codes(&visit).await?;
    let codes = codes.iter().map(|code| Hidden::new(code.as_str())).collect();
    Ok(Json(RecoveryCodes { codes, made }))
}
