//! Trusted devices, and who signed in lately: browsers and mail programs, and who was stopped at the second factor.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};

use super::passwords;
use crate::api::PasswordView;
use crate::api::portal::{Devices, EndedView, VisitView};
use crate::portal::control::target;
use crate::portal::pages::devices::{Client, Devices as Page, Login, Trusted, UsedPassword, Way, device};
use crate::portal::pages::error::Trouble;
use crate::portal::pages::history::{Day, Stopped};
use crate::portal::pages::{Frame, Said, routes, times};
use crate::portal::server::{Answer, Context, Shared, Stop};

/// How many days the daemon tells.
const DAYS: usize = 7;
/// The most logins on the page. Phones have a new address every hour.
const LOGINS_MAX: usize = 100;
/// The most of those who were stopped.
const STOPPED_MAX: usize = 20;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(routes::DEVICES, get(list))
        .route(routes::DEVICES_SIGN_OUT, post(sign_out_everywhere))
        .route("/devices/{id}/cancel", post(cancel))
        .route("/devices/{id}/delete", post(end))
}

/// What the daemon tells of devices, asked in days of the site's zone.
pub(super) async fn asked(context: &mut Context) -> Result<Devices, Stop> {
    let offset = times::offset(context.now(), &context.shared().zone);
    let asked = context.get(target(&["devices"]).with("offset", offset)).await;
    asked.map_err(|error| context.stop(&error))
}

/// Those who were stopped at the second factor, the last first.
pub(super) fn stopped(context: &Context, devices: &Devices) -> Vec<Stopped> {
    let was_stopped = |visit: &&VisitView| visit.outcome == "stopped";
    let show = |visit: &VisitView| Stopped {
        program: visit.program.clone(),
        system: visit.system.clone(),
        address: visit.address.clone(),
        place: context.place(visit.address.as_deref()),
        at: visit.at,
        count: usize::try_from(visit.count).unwrap_or(usize::MAX),
        wrong: usize::try_from(visit.wrong).unwrap_or(usize::MAX),
        slip: visit.slip,
    };
    devices.visits.iter().filter(was_stopped).take(STOPPED_MAX).map(show).collect()
}

/// Browsers and mail programs that came in, the last first, and whether there are more than `most`.
pub(super) fn logins(
    context: &Context,
    devices: Devices,
    passwords: &[PasswordView],
    most: usize,
) -> (Vec<Login>, bool) {
    let browsers = devices.visits.into_iter().filter(|visit| visit.outcome != "stopped");
    let browsers = browsers.map(|visit| Login {
        client: Client::Browser {
            session: visit.session,
            way: visit.proved.as_deref().and_then(Way::from_word),
            program: visit.program,
            system: visit.system,
            current: visit.current,
        },
        place: String::new(),
        address: visit.address,
        at: visit.at,
    });
    let used = |name: String| {
        let id = passwords.iter().find(|password| password.name == name).map(|password| password.id);
        UsedPassword { name, id }
    };
    let mail_programs = devices.clients.into_iter().filter_map(|client| {
        let at = *client.days.first()?;
        let password = client.password.map(used);
        let login = Client::MailProgram { protocol: client.protocol, password };
        Some(Login { client: login, place: String::new(), address: client.address, at })
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

/// Each of the last days: visits that came in, and mail programs, each once a day.
fn week(frame: &Frame, devices: &Devices) -> Vec<Day> {
    let count = |visit: &VisitView| usize::try_from(visit.count).unwrap_or(usize::MAX);
    let (stopped, others): (Vec<_>, Vec<_>) =
        devices.visits.iter().partition(|visit| visit.outcome == "stopped");
    let browsers = others.iter().filter(|visit| visit.outcome == "in").map(|visit| visit.at);
    let clients = devices.clients.iter().flat_map(|client| client.days.iter().copied());
    let stopped = stopped.iter().map(|visit| (visit.at, count(visit)));
    Day::last(DAYS, frame, browsers.chain(clients), stopped)
}

async fn list(mut context: Context) -> Answer {
    let standing = context.owner().await?;
    let passwords = passwords::own(&mut context).await?.passwords;
    let mut devices = asked(&mut context).await?;
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
    let frame = context.frame(Some(&standing));
    let (stopped, week) = (stopped(&context, &devices), week(&frame, &devices));
    let (logins, more) = logins(&context, devices, &passwords, LOGINS_MAX);
    let page = Page { stopped, week, trusted, logins, more, days: DAYS };
    Ok(context.show(page.render(&frame)))
}

async fn cancel(mut context: Context, Path(id): Path<String>) -> Answer {
    forget(&mut context, "trusted", &id, |_, _| Said::TrustCancelled).await
}

async fn end(mut context: Context, Path(id): Path<String>) -> Answer {
    let said = |ended: &EndedView, frame: &Frame| {
        let unknown = ended.program.is_empty() && ended.system.is_empty();
        let name = if unknown { String::new() } else { device(&ended.program, &ended.system, frame) };
        Said::DeviceSignedOut(name)
    };
    forget(&mut context, "session", &id, said).await
}

async fn forget(
    context: &mut Context,
    what: &'static str,
    id: &str,
    said: impl FnOnce(&EndedView, &Frame) -> Said,
) -> Answer {
    let standing = context.owner().await?;
    let Ok(id) = id.parse::<i64>() else { return Ok(context.trouble(Trouble::NotFound)) };
    match context.delete::<EndedView>(target(&["devices"]).with(what, id)).await {
        Ok(ended) => {
            let frame = context.frame(Some(&standing));
            context.say(&said(&ended, &frame));
            Ok(context.go(routes::DEVICES))
        }
        Err(error) => Err(context.stop(&error)),
    }
}

async fn sign_out_everywhere(mut context: Context) -> Answer {
    let standing = context.owner().await?;
    match context.delete::<EndedView>(target(&["devices"]).with("all", true)).await {
        Ok(_) => {
            context.forget_session();
            context.forget_device(&standing.trust_name);
            context.say(&Said::SignedOutEverywhere);
            Ok(context.go(routes::SIGN_IN))
        }
        Err(error) => Err(context.stop(&error)),
    }
}
