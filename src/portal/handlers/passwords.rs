//! Client passwords: the list, a new one, removing.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use ipnet::IpNet;

use crate::api::portal::{OwnPasswords, PortalError, Standing, StillTried, Why};
use crate::api::{NewPasswordAnswer, NewPasswordRequest, PasswordView, RevokedList};
use crate::gate::account::TERMS_MAX;
use crate::gate::name::PASSWORD_NAME_CHARS_MAX;
use crate::portal::control::target;
use crate::portal::pages::error::Trouble;
use crate::portal::pages::passwords::{
    LIFETIMES, Life, NewPassword, PROTOCOLS, Password, Passwords, RemoveAllPasswords, RemovePassword,
    ShownPassword, StillTried as StillTriedPage, Use,
};
use crate::portal::pages::problem::Problem;
use crate::portal::pages::{Said, routes};
use crate::portal::profile;
use crate::portal::server::{Answer, Context, Form, Shared, Stop};

/// A day, in seconds.
const DAY_SECS: u32 = 86_400;
/// The longest list of networks that is read, in bytes.
const NETWORKS_BYTES_MAX: usize = 2_000;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(routes::PASSWORDS, get(list))
        .route(routes::PASSWORDS_NEW, get(ask).post(make))
        .route(routes::PASSWORDS_REMOVE_ALL, get(ask_to_remove_all).post(remove_all))
        .route("/passwords/{id}/remove", get(ask_to_remove).post(remove))
}

/// The account's client passwords.
pub(super) async fn own(context: &mut Context) -> Result<OwnPasswords, Stop> {
    match context.get(target(&["passwords"])).await {
        Ok(passwords) => Ok(passwords),
        Err(error) => Err(context.stop(&error)),
    }
}

/// One as pages show it.
pub(super) fn shown(context: &Context, view: PasswordView) -> Password {
    let used = |used: crate::gate::account::LastUse| Use {
        at: used.at,
        place: context.place(used.address.as_deref()),
        address: used.address,
        protocol: used.protocol,
    };
    Password {
        id: view.id,
        name: view.name,
        created: view.created,
        life: Life::of(view.created, view.expires, context.now()),
        expires: view.expires,
        protocols: view.protocols,
        networks: view.networks,
        last_use: view.last_use.map(used),
    }
}

/// One that was removed and is still tried, as pages show it.
pub(super) fn still_tried(context: &Context, tried: StillTried) -> StillTriedPage {
    let place = context.place(tried.address.as_deref());
    StillTriedPage { name: tried.name, at: tried.at, address: tried.address, place }
}

async fn list(mut context: Context) -> Answer {
    let standing = context.owner().await?;
    let found = own(&mut context).await?;
    let page = Passwords {
        most: usize::try_from(found.most).unwrap_or(usize::MAX),
        passwords: found.passwords.into_iter().rev().map(|view| shown(&context, view)).collect(),
        still_tried: found.still_tried.into_iter().map(|tried| still_tried(&context, tried)).collect(),
        profiles: profile::is_possible(&context.shared().mail_site),
    };
    let frame = context.frame(Some(&standing));
    Ok(context.show(page.render(&frame)))
}

async fn ask(mut context: Context) -> Answer {
    let standing = context.changing_owner().await?;
    let frame = context.frame(Some(&standing));
    Ok(context.show(NewPassword::default().render(&frame)))
}

/// Shown by the answer to the form and by nothing else.
async fn make(mut context: Context, form: Form) -> Answer {
    let standing = context.owner().await?;
    let wanted = match wanted(&form) {
        Ok(wanted) => wanted,
        Err(Some(problem)) => return again(&mut context, &standing, &form, problem),
        // Our form has no such choice.
        Err(None) => return Ok(context.trouble(Trouble::Form)),
    };
    match new(&mut context, &wanted).await? {
        Ok(made) => {
            let NewPasswordAnswer { name, password, expires, .. } = made;
            let page = ShownPassword { account: standing.account.clone(), name, password, expires };
            let frame = context.frame(Some(&standing));
            Ok(context.show(page.render(&frame)))
        }
        Err(problem) => again(&mut context, &standing, &form, problem),
    }
}

/// The form once more, with what was typed.
fn again(context: &mut Context, standing: &Standing, form: &Form, problem: Problem) -> Answer {
    let page = NewPassword {
        name: form.trimmed("name").chars().take(PASSWORD_NAME_CHARS_MAX + 1).collect(),
        protocols: form.all("protocols").map(str::to_owned).collect(),
        expires: form.get("expires").parse().ok(),
        networks: form.trimmed("networks").chars().take(NETWORKS_BYTES_MAX).collect(),
        problem: Some(problem),
    };
    let frame = context.frame(Some(standing));
    Ok(context.show_with(StatusCode::UNPROCESSABLE_ENTITY, page.render(&frame)))
}

/// Asks for a new one.
pub(super) async fn new(
    context: &mut Context,
    wanted: &NewPasswordRequest,
) -> Result<Result<NewPasswordAnswer, Problem>, Stop> {
    match context.post(target(&["passwords"]), wanted).await {
        Ok(made) => Ok(Ok(made)),
        Err(PortalError { error: Why::TooMany, most: Some(most), .. }) => {
            Ok(Err(Problem::TooManyPasswords(usize::try_from(most).unwrap_or(usize::MAX))))
        }
        Err(error) => context.problem(&error).map(Err),
    }
}

/// What the form asks for, or what is wrong with it; `None`: no form of ours can say that.
fn wanted(form: &Form) -> Result<NewPasswordRequest, Option<Problem>> {
    let protocols: Vec<String> = form.all("protocols").map(str::to_owned).collect();
    if protocols.iter().any(|word| !PROTOCOLS.contains(&word.as_str())) {
        return Err(None);
    }
    let expires_in = match form.trimmed("expires") {
        "" => None,
        days => {
            let days = days.parse().ok().filter(|days| LIFETIMES.contains(days));
            Some(u32::from(days.ok_or(Some(Problem::ExpiryUnreadable))?) * DAY_SECS)
        }
    };
    let networks = networks(form.get("networks")).ok_or(Some(Problem::NetworkUnreadable))?;
    Ok(NewPasswordRequest { name: name(form).map_err(Some)?, expires_in, protocols, networks })
}

/// The name, if it can be one by its length. The rest is judged by the daemon.
pub(super) fn name(form: &Form) -> Result<String, Problem> {
    match form.trimmed("name") {
        "" => Err(Problem::NameMissing),
        name if name.chars().count() > PASSWORD_NAME_CHARS_MAX => {
            Err(Problem::NameTooLong(PASSWORD_NAME_CHARS_MAX))
        }
        name => Ok(name.to_owned()),
    }
}

/// Addresses and networks with spaces or commas between them, as people of both languages type them.
fn networks(typed: &str) -> Option<Vec<String>> {
    if typed.len() > NETWORKS_BYTES_MAX {
        return None;
    }
    let between =
        |character: char| character.is_whitespace() || [',', ';', '，', '；', '、'].contains(&character);
    let network = |word: &str| {
        let network: Option<IpNet> =
            word.parse().ok().or_else(|| Some(IpNet::from(crate::gate::address::parse_address(word)?)));
        network.map(|network| network.trunc().to_string())
    };
    let networks: Option<Vec<String>> =
        typed.split(between).filter(|word| !word.is_empty()).map(network).collect();
    networks.filter(|networks| networks.len() <= TERMS_MAX)
}

/// The client password that the path names.
async fn named(context: &mut Context, id: &str) -> Result<PasswordView, Stop> {
    let passwords = own(context).await?.passwords;
    let found = id.parse().ok().and_then(|id: i64| passwords.into_iter().find(|password| password.id == id));
    found.ok_or_else(|| context.trouble(Trouble::NotFound).into())
}

async fn ask_to_remove(mut context: Context, Path(id): Path<String>) -> Answer {
    let standing = context.owner().await?;
    let password = named(&mut context, &id).await?;
    let page = RemovePassword { password: shown(&context, password) };
    let frame = context.frame(Some(&standing));
    Ok(context.show(page.render(&frame)))
}

async fn remove(mut context: Context, Path(id): Path<String>) -> Answer {
    context.owner().await?;
    let id = named(&mut context, &id).await?.id;
    match context.delete::<RevokedList>(target(&["passwords"]).with("id", id)).await {
        Ok(gone) => {
            if let Some(line) = gone.revoked.first() {
                context.say(&Said::PasswordRemoved(line.name.clone()));
            }
            Ok(context.go(routes::PASSWORDS))
        }
        Err(error) => Err(context.stop(&error)),
    }
}

async fn ask_to_remove_all(mut context: Context) -> Answer {
    let standing = context.owner().await?;
    let count = own(&mut context).await?.passwords.len();
    if count == 0 {
        return Ok(context.go(routes::PASSWORDS));
    }
    let frame = context.frame(Some(&standing));
    Ok(context.show(RemoveAllPasswords { count }.render(&frame)))
}

async fn remove_all(mut context: Context) -> Answer {
    context.owner().await?;
    match context.delete::<RevokedList>(target(&["passwords"]).with("all", true)).await {
        Ok(gone) => {
            context.say(&Said::PasswordsRemoved(gone.revoked.len()));
            Ok(context.go(routes::PASSWORDS))
        }
        Err(error) => Err(context.stop(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<NewPasswordRequest, Option<Problem>> {
        wanted(&Form::read(body.as_bytes()).expect("a form"))
    }

    #[test]
    fn a_form_asks_for_a_password_with_its_terms() {
        let plain = read("name=+Phone+&expires=&networks=").expect("a request");
        let expected = NewPasswordRequest {
            name: "Phone".into(),
            expires_in: None,
            protocols: Vec::new(),
            networks: Vec::new(),
        };
        assert_eq!(plain, expected);
        let full = read(
            "name=Printer&protocols=smtp&protocols=imap&expires=90&networks=192.0.2.7%2F24%2C2001%3Adb8%3A%3A1+%0D%0A10.0.0.1",
        )
        .expect("a request");
        assert_eq!(full.protocols, ["smtp", "imap"]);
        assert_eq!(full.expires_in, Some(90 * DAY_SECS));
        assert_eq!(full.networks, ["192.0.2.0/24", "2001:db8::1/128", "10.0.0.1/32"]);
    }

    #[test]
    fn what_cannot_be_is_told_or_is_no_form_of_ours() {
        for (body, problem) in [
            ("name=", Problem::NameMissing),
            ("", Problem::NameMissing),
            ("name=a&expires=91", Problem::ExpiryUnreadable),
            ("name=a&expires=-1", Problem::ExpiryUnreadable),
            ("name=a&networks=192.0.2.0%2F33", Problem::NetworkUnreadable),
            ("name=a&networks=everywhere", Problem::NetworkUnreadable),
        ] {
            assert_eq!(read(body), Err(Some(problem)), "{body}");
        }
        assert_eq!(read("name=a&protocols=doveadm"), Err(None));
    }

    #[test]
    fn names_and_networks_have_their_limits() {
        let name = |chars: usize| read(&format!("name={}", "%E6%89%8B".repeat(chars)));
        assert!(name(PASSWORD_NAME_CHARS_MAX).is_ok());
        assert_eq!(name(65), Err(Some(Problem::NameTooLong(64))));
        let many = |count: usize| networks(&"192.0.2.1、".repeat(count));
        assert_eq!(many(TERMS_MAX).map(|networks| networks.len()), Some(TERMS_MAX));
        assert_eq!(many(TERMS_MAX + 1), None);
        assert!(networks(&" ".repeat(NETWORKS_BYTES_MAX)).is_some());
        assert_eq!(networks(&" ".repeat(NETWORKS_BYTES_MAX + 1)), None);
    }
}
