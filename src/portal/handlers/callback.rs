//! To a sign-in provider and back.
//!
//! Whoever comes back brings a `state`, which only the session that went there knows, and a code, by which the provider
//! says who it is. What that is good for, the daemon says: it knows whose the identity is.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::routing::get;
use tracing::{info, warn};

use super::asked::{judged, pending};
use super::{bind, confirm, factor, two_factor};
use crate::api::portal::{Hidden, Identity, Passed, Pending, Proof, Standing};
use crate::portal::pages::error::Trouble;
use crate::portal::pages::problem::Problem;
use crate::portal::pages::routes;
use crate::portal::provider::{Provider, ProviderError, State};
use crate::portal::server::{Answer, Context, Shared};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/callback/{provider}", get(back))
}

/// To the provider that the session waits for.
pub(super) fn leave(context: &mut Context, pending: &Pending) -> Answer {
    let shared = context.shared_owned();
    let Some(provider) = shared.means.provider(&pending.kind) else {
        warn!(provider = pending.kind, "a provider is wanted that the settings do not have");
        return Ok(context.trouble(Trouble::Unavailable));
    };
    let state = pending.state.as_ref().and_then(|state| State::parse(state.reveal()));
    let redirect = format!("{}{}", shared.settings.site.url, routes::callback(&pending.kind));
    match (state, reqwest::Url::parse(&redirect)) {
        (Some(state), Ok(redirect)) => Ok(context.leave(&provider.authorise_url(&state, &redirect))),
        _ => Ok(context.trouble(Trouble::Unavailable)),
    }
}

/// What a provider sent with the browser.
struct Came {
    code: Option<String>,
    state: String,
}

impl Came {
    fn read(query: &str, code_parameter: &str) -> Self {
        let value = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
        };
        Self { code: value(code_parameter), state: value("state").unwrap_or_default() }
    }
}

async fn back(mut context: Context, Path(word): Path<String>, RawQuery(query): RawQuery) -> Answer {
    let shared = context.shared_owned();
    let Some(provider) = shared.means.provider(&word) else {
        return Ok(context.trouble(Trouble::NotFound));
    };
    let came = Came::read(query.as_deref().unwrap_or_default(), provider.kind().code_parameter());
    let standing = context.standing().await?;
    let Some(asked) = pending(&mut context).await?.filter(|pending| pending.kind == word) else {
        return Ok(context.trouble(Trouble::Astray));
    };
    // Somebody else's answer, brought in by a link, is looked at no further.
    let state = asked.state.as_ref().and_then(|state| State::parse(state.reveal()));
    if !state.is_some_and(|state| state.matches(&came.state)) {
        info!(provider = word, "an answer came back that this session did not ask for");
        return Ok(context.trouble(Trouble::Astray));
    }
    let trust = context.take_trust();
    let problem = match identity(provider, came).await {
        Ok(identity) => {
            let proof = Proof {
                factor: asked.factor.filter(|_| !asked.binding),
                identity: Some(identity),
                trust: trust && standing.stage == "factor",
                ..Proof::default()
            };
            match judged(&mut context, &asked, &proof).await? {
                Ok(passed) => return passed_on(&mut context, &standing, &asked, &passed).await,
                // Somebody else confirmed than the one who is bound.
                Err(Problem::WrongCode) => Problem::ProviderRefused,
                Err(problem) => problem,
            }
        }
        Err(problem) => problem,
    };
    again(&mut context, &standing, &asked, problem).await
}

/// Who the provider says it is.
async fn identity(provider: &Provider, came: Came) -> Result<Identity, Problem> {
    let Some(code) = came.code else { return Err(Problem::ProviderRefused) };
    match provider.identify(&code).await {
        Ok(identity) => Ok(Identity {
            provider: identity.provider.word().to_owned(),
            app: identity.app,
            subject: Hidden::new(identity.subject),
            name: identity.display_name,
            state: Hidden::new(came.state),
        }),
        Err(error) => {
            warn!(provider = provider.kind().word(), %error, "a provider did not say who somebody is");
            Err(match error {
                ProviderError::Code | ProviderError::Outsider => Problem::ProviderRefused,
                _ => Problem::Unavailable,
            })
        }
    }
}

async fn passed_on(context: &mut Context, before: &Standing, asked: &Pending, passed: &Passed) -> Answer {
    if asked.binding {
        return bind::bound(context, before, passed, asked.factor);
    }
    if before.stage == "factor" {
        return two_factor::entered(context, before, &passed.standing).await;
    }
    let next = context.take_next();
    Ok(context.go(&next))
}

/// Back to where they came from, and why.
async fn again(context: &mut Context, standing: &Standing, asked: &Pending, problem: Problem) -> Answer {
    if asked.binding {
        return bind::provider_again(context, standing, asked, problem);
    }
    if standing.stage == "factor" {
        return Ok(factor::choose(context, standing, Some(problem)));
    }
    let next = context.take_next();
    confirm::choose(context, standing, &next, None, Some(problem), StatusCode::UNPROCESSABLE_ENTITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_brings_is_read_by_its_own_name() {
        let came = Came::read("authCode=a%2Fb&state=0a&code=c", "authCode");
        assert_eq!((came.code.as_deref(), came.state.as_str()), (Some("a/b"), "0a"));
        let came = Came::read("state=0a&error=access_denied", "code");
        assert_eq!((came.code, came.state.as_str()), (None, "0a"));
        assert!(Came::read("", "code").state.is_empty());
    }
}
