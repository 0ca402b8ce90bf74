//! The overview: how the account stands, and what its owner should look at.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use super::delegations::delegation;
use super::devices;
use super::passwords::still_tried;
use super::two_factor::mail_clients;
use crate::api::portal::{OwnDelegations, OwnPasswords, Standing};
use crate::portal::control::target;
use crate::portal::pages::overview::{Due, Overview, Warning};
use crate::portal::pages::passwords::Life;
use crate::portal::pages::routes;
use crate::portal::server::{Answer, Context, Shared};

/// The most logins that are shown here; there is a page for the rest.
const LOGINS_MAX: usize = 5;
/// So few recovery codes are worth a word.
const CODES_FEW: u32 = 3;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(routes::HOME, get(page))
}

async fn page(mut context: Context) -> Answer {
    let standing = context.owner().await?;
    let passwords: OwnPasswords = match context.get(target(&["passwords"])).await {
        Ok(passwords) => passwords,
        Err(error) => return Err(context.stop(&error)),
    };
    let devices = devices::asked(&mut context).await?;
    let mut warnings = warnings(&context, &standing, &passwords);
    let stopped = devices::stopped(&context, &devices).into_iter().find(|one| !one.slip);
    if let Some(one) = stopped {
        warnings.insert(0, Warning::Stopped(one));
    }
    let delegations: OwnDelegations = match context.get(target(&["delegations"])).await {
        Ok(delegations) => delegations,
        Err(error) => return Err(context.stop(&error)),
    };
    let page = Overview {
        two_factor: standing.two_factor,
        mail_clients: mail_clients(&standing),
        factors: standing.factors.len(),
        passwords: passwords.passwords.len(),
        warnings,
        delegates: delegations.granted.into_iter().filter_map(delegation).collect(),
        logins: devices::logins(&context, devices, &passwords.passwords, LOGINS_MAX).0,
    };
    let frame = context.frame(Some(&standing));
    Ok(context.show(page.render(&frame)))
}

/// What should be looked at, the gravest first.
fn warnings(context: &Context, standing: &Standing, passwords: &OwnPasswords) -> Vec<Warning> {
    let now = context.now();
    let address = context.visitor.address.map(|address| address.to_string());
    let mut warnings: Vec<Warning> = Vec::new();
    if let Some(until) = standing.blocked.filter(|until| *until > now) {
        warnings.push(Warning::Blocked { address: address.unwrap_or_default(), until });
    }
    let tried = passwords.still_tried.iter().cloned();
    warnings.extend(tried.map(|tried| Warning::OldDevice(still_tried(context, tried))));
    if !standing.two_factor {
        warnings.extend(Due::of(standing.mandatory, now).map(Warning::SetUp));
    } else {
        match standing.recovery_codes {
            Some(left) if left > CODES_FEW => {}
            left => {
                let left = left.and_then(|left| usize::try_from(left).ok()).unwrap_or_default();
                warnings.push(Warning::RecoveryCodes(left));
            }
        }
        if standing.factors.len() == 1 {
            warnings.push(Warning::OneFactor);
        }
    }
    if passwords.passwords.is_empty() && (standing.two_factor || standing.mail_clients == "never") {
        warnings.push(Warning::NoPassword);
    }
    let ending = passwords.passwords.iter().filter_map(|password| {
        let at = password
            .expires
            .filter(|_| Life::of(password.created, password.expires, now) == Life::EndsSoon)?;
        Some(Warning::Expires { name: password.name.clone(), at })
    });
    warnings.extend(ending);
    warnings
}
