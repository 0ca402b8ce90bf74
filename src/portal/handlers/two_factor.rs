//! Two-factor on and off.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use super::sign_in;
use crate::api::portal::{Standing, TwoFactor};
use crate::portal::control::target;
use crate::portal::pages::error::Trouble;
use crate::portal::pages::overview::{Due, MailClients, TwoFactor as Page};
use crate::portal::pages::problem::Problem;
use crate::portal::pages::{Said, routes};
use crate::portal::server::{Answer, Context, Form, Shared};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(routes::TWO_FACTOR, get(page).post(turn))
}

/// What mail programs may get in with.
pub(super) fn mail_clients(standing: &Standing) -> MailClients {
    match standing.mail_clients.as_str() {
        "until-two-factor" => MailClients::UntilTwoFactor,
        _ => MailClients::Never,
    }
}

async fn page(mut context: Context) -> Answer {
    let standing = context.owner().await?;
    show(&mut context, &standing, None)
}

fn show(context: &mut Context, standing: &Standing, problem: Option<Problem>) -> Answer {
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let now = context.now();
    let page = Page {
        on: standing.two_factor,
        mail_clients: mail_clients(standing),
        factors: standing.factors.len(),
        passwords: usize::try_from(standing.passwords).unwrap_or_default(),
        due: Due::of(standing.mandatory, now),
        problem,
    };
    let frame = context.frame(Some(standing));
    Ok(context.show_with(status, page.render(&frame)))
}

/// From this page, or from the set-up that the site wants.
async fn turn(mut context: Context, form: Form) -> Answer {
    let before = context.standing().await?;
    if before.stage == "factor" {
        return Ok(context.go(routes::SIGN_IN_FACTOR));
    }
    // Nothing that was not meant turns it off.
    let on = match form.trimmed("on") {
        "yes" => true,
        "no" => false,
        _ => return Ok(context.trouble(Trouble::Form)),
    };
    match context.post::<Standing>(target(&["two-factor"]), &TwoFactor { on }).await {
        Ok(standing) => Ok(turned(&mut context, &standing)),
        Err(error) => {
            let problem = context.problem(&error)?;
            show(&mut context, &before, Some(problem))
        }
    }
}

/// On from a sign-in whose second factor was proved: past the date from which it is mandatory, that turned it on.
pub(super) async fn entered(context: &mut Context, before: &Standing, standing: &Standing) -> Answer {
    if standing.two_factor && !before.two_factor {
        return Ok(turned(context, standing));
    }
    sign_in::onward(context, standing).await
}

/// Whoever turned it on makes a client password next, since mail programs get in with nothing else from now on; and whoever
/// has one, recovery codes: a lost phone would lock them out.
pub(super) fn turned(context: &mut Context, standing: &Standing) -> axum::response::Response {
    context.say(if standing.two_factor { &Said::TwoFactorOn } else { &Said::TwoFactorOff });
    if standing.two_factor && standing.passwords == 0 {
        return context.go(routes::PASSWORDS_NEW);
    }
    if standing.two_factor && standing.recovery_codes.is_none_or(|left| left == 0) {
        return context.go(routes::RECOVERY_CODES);
    }
    let next = context.take_next();
    context.go(&next)
}
