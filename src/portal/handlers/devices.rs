//! Trusted devices, and who signed in lately: browsers and mail programs.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};

use super::passwords;
use crate::api::portal::Devices;
use crate::api::{Nothing, PasswordView};
use crate::portal::control::target;
use crate::portal::pages::devices::{Client, Devices as Page, Login, Trusted, UsedPassword};
use crate::portal::pages::error::Trouble;
use crate::portal::pages::{Said, routes};
use crate::portal::server::{Answer, Context, Shared};

/// How many days of mail clients the daemon tells.
const DAYS: usize = 7;
/// The most logins on the page. Phones have a new address every hour.
const LOGINS_MAX: usize = 100;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(routes::DEVICES, get(list))
        .route(routes::DEVICES_SIGN_OUT, post(sign_out_everywhere))
        .route("/devices/{id}/cancel", post(cancel))
        .route("/devices/{id}/delete", post(end))
}

/// Browsers and mail programs, the last first, and whether there are more than `most`.
pub(super) fn logins(
    context: &Context,
    devices: Devices,
    passwords: &[PasswordView],
    most: usize,
) -> (Vec<Login>, bool) {
    let browsers = devices.sessions.into_iter().map(|session| Login {
        client: Client::Browser {
            session: session.id,
            program: session.program,
            system: session.system,
            current: session.current,
        },
        place: String::new(),
        address: session.address,
        at: session.seen,
    });
    let used = |name: String| {
        let id = passwords.iter().find(|password| password.name == name).map(|password| password.id);
        UsedPassword { name, id }
    };
    let mail_programs = devices.clients.into_iter().map(|client| Login {
        client: Client::MailProgram { protocol: client.protocol, password: client.password.map(used) },
        place: String::new(),
        address: client.address,
        at: client.at,
    });
    let mut logins: Vec<Login> = browsers.chain(mail_programs).collect();
    logins.sort_by_key(|login| (Reverse(login.current()), Reverse(login.at)));
    let more = logins.len() > most;
    logins.truncate(most);
    for login in &mut logins {
        login.place = context.place(login.address.as_deref());
    }
    (logins, more)
}

async fn list(mut context: Context) -> Answer {
    let standing = context.owner().await?;
    let passwords = passwords::own(&mut context).await?.passwords;
    let mut devices: Devices = match context.get(target(&["devices"])).await {
        Ok(devices) => devices,
        Err(error) => return Err(context.stop(&error)),
    };
    let trusted = std::mem::take(&mut devices.trusted).into_iter().map(|device| Trusted {
        id: device.id,
        program: device.program,
        system: device.system,
        place: context.place(device.address.as_deref()),
        address: device.address,
        since: device.since,
        until: device.until,
        current: device.current,
    });
    let trusted = trusted.collect();
    let (logins, more) = logins(&context, devices, &passwords, LOGINS_MAX);
    let page = Page { trusted, logins, more, days: DAYS };
    let frame = context.frame(Some(&standing));
    Ok(context.show(page.render(&frame)))
}

async fn cancel(mut context: Context, Path(id): Path<String>) -> Answer {
    forget(&mut context, "trusted", &id, &Said::TrustCancelled).await
}

async fn end(mut context: Context, Path(id): Path<String>) -> Answer {
    forget(&mut context, "session", &id, &Said::DeviceDeleted).await
}

async fn forget(context: &mut Context, what: &'static str, id: &str, said: &Said) -> Answer {
    context.owner().await?;
    let Ok(id) = id.parse::<i64>() else { return Ok(context.trouble(Trouble::NotFound)) };
    match context.delete::<Nothing>(target(&["devices"]).with(what, id)).await {
        Ok(Nothing {}) => {
            context.say(said);
            Ok(context.go(routes::DEVICES))
        }
        Err(error) => Err(context.stop(&error)),
    }
}

async fn sign_out_everywhere(mut context: Context) -> Answer {
    let standing = context.owner().await?;
    match context.delete::<Nothing>(target(&["devices"]).with("all", true)).await {
        Ok(Nothing {}) => {
            context.forget_session();
            context.forget_device(&standing.trust_name);
            context.say(&Said::SignedOutEverywhere);
            Ok(context.go(routes::SIGN_IN))
        }
        Err(error) => Err(context.stop(&error)),
    }
}
