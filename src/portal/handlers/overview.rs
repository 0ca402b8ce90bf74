//! The overview: how the account stands, and what its owner should look at.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;

use super::two_factor::mail_clients;
use crate::api::portal::{Devices, OwnPasswords, Standing};
use crate::clock::Timestamp;
use crate::portal::control::target;
use crate::portal::pages::devices::{Client, Login};
use crate::portal::pages::overview::{Overview, Warning};
use crate::portal::pages::routes;
use crate::portal::server::{Answer, Context, Shared};

/// The most logins that are shown here; there is a page for the rest.
const LOGINS_MAX: usize = 5;
/// So few recovery codes are worth a word.
const CODES_FEW: u32 = 3;
/// So soon before the end of a client password its owner is told.
const ENDS_SOON: Duration = Duration::from_secs(7 * 24 * 3600);

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(routes::HOME, get(page))
}

async fn page(mut context: Context) -> Answer {
    let standing = context.owner().await?;
    let passwords: OwnPasswords = match context.get(target(&["passwords"])).await {
        Ok(passwords) => passwords,
        Err(error) => return Err(context.stop(&error)),
    };
    let devices: Devices = match context.get(target(&["devices"])).await {
        Ok(devices) => devices,
        Err(error) => return Err(context.stop(&error)),
    };
    let address = context.visitor.address.map(|address| address.to_string());
    let page = Overview {
        two_factor: standing.two_factor,
        mail_clients: mail_clients(&standing),
        factors: standing.factors.len(),
        passwords: passwords.passwords.len(),
        warnings: warnings(&standing, &passwords, address, context.now()),
        logins: logins(devices),
    };
    let frame = context.frame(Some(&standing));
    Ok(context.show(page.render(&frame)))
}

/// What should be looked at, the gravest first.
fn warnings(
    standing: &Standing,
    passwords: &OwnPasswords,
    address: Option<String>,
    now: Timestamp,
) -> Vec<Warning> {
    let mut warnings: Vec<Warning> = Vec::new();
    if let Some(until) = standing.blocked.filter(|until| *until > now) {
        warnings.push(Warning::Blocked { address: address.unwrap_or_default(), until });
    }
    warnings.extend(passwords.still_tried.iter().map(|tried| Warning::OldDevice {
        name: tried.name.clone(),
        at: tried.at,
        address: tried.address.clone().unwrap_or_default(),
    }));
    if !standing.two_factor {
        warnings.extend(standing.mandatory.map(Warning::SetUpBy));
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
    let soon = |until: &Timestamp| (now..now.plus(ENDS_SOON)).contains(until);
    let ending = passwords.passwords.iter().filter_map(|password| {
        let at = password.expires.filter(soon)?;
        Some(Warning::Expires { name: password.name.clone(), at })
    });
    warnings.extend(ending);
    warnings
}

/// The last logins of browsers and mail programs, newest first.
fn logins(devices: Devices) -> Vec<Login> {
    let browsers = devices.sessions.into_iter().map(|session| Login {
        id: None,
        client: Client::Browser,
        program: session.program,
        system: session.system,
        address: session.address.unwrap_or_default(),
        place: String::new(),
        at: session.seen,
        current: session.current,
    });
    let mail_programs = devices.clients.into_iter().map(|client| Login {
        id: None,
        client: client.password.map_or(Client::MainPassword, Client::ClientPassword),
        program: client.protocol.to_uppercase(),
        system: String::new(),
        address: client.address.unwrap_or_default(),
        place: String::new(),
        at: client.at,
        current: false,
    });
    let mut logins: Vec<Login> = browsers.chain(mail_programs).collect();
    logins.sort_by_key(|login| std::cmp::Reverse(login.at));
    logins.truncate(LOGINS_MAX);
    logins
}
