//! A profile for Apple's devices: the form, and the file with a new client password in it.

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;

use super::passwords::{name, new};
use crate::api::portal::{Hidden, Standing};
use crate::api::{NewPasswordAnswer, NewPasswordRequest};
use crate::gate::name::PASSWORD_NAME_CHARS_MAX;
use crate::portal::pages::error::Trouble;
use crate::portal::pages::passwords::NewProfile;
use crate::portal::pages::problem::Problem;
use crate::portal::pages::routes;
use crate::portal::profile::{PROFILE, Profile, is_possible};
use crate::portal::server::{Answer, Context, Form, Shared};

/// What the file's client password is good for: the profile sets up no more.
const PROTOCOLS: [&str; 2] = ["imap", "smtp"];

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(routes::PASSWORDS_PROFILE, get(ask).post(make))
}

async fn ask(mut context: Context) -> Answer {
    if !is_possible(&context.shared().mail_site) {
        return Ok(context.trouble(Trouble::NotFound));
    }
    let standing = context.changing_owner().await?;
    let frame = context.frame(Some(&standing));
    Ok(context.show(NewProfile::default().render(&frame)))
}

/// The file is the answer to the form, and is nowhere else: every answer says that it is not to be kept.
async fn make(mut context: Context, form: Form) -> Answer {
    if !is_possible(&context.shared().mail_site) {
        return Ok(context.trouble(Trouble::NotFound));
    }
    let standing = context.owner().await?;
    let name = match name(&form) {
        Ok(name) => name,
        Err(problem) => return again(&mut context, &standing, &form, problem),
    };
    let protocols = PROTOCOLS.map(str::to_owned).into();
    let wanted = NewPasswordRequest { name, expires_in: None, protocols, networks: Vec::new() };
    match new(&mut context, &wanted).await? {
        Ok(made) => file(&mut context, &standing, made),
        Err(problem) => again(&mut context, &standing, &form, problem),
    }
}

fn again(context: &mut Context, standing: &Standing, form: &Form, problem: Problem) -> Answer {
    let name = form.trimmed("name").chars().take(PASSWORD_NAME_CHARS_MAX + 1).collect();
    let page = NewProfile { name, problem: Some(problem) };
    let frame = context.frame(Some(standing));
    Ok(context.show_with(StatusCode::UNPROCESSABLE_ENTITY, page.render(&frame)))
}

fn file(context: &mut Context, standing: &Standing, made: NewPasswordAnswer) -> Answer {
    let frame = context.frame(Some(standing));
    let NewPasswordAnswer { name, password, expires, .. } = made;
    let password = Hidden::new(password);
    let site = &context.shared().mail_site;
    let profile = Profile { site, account: &standing.account, name: &name, password: &password, expires };
    let file_name = format!("attachment; filename=\"{}\"", profile.file_name());
    let file_name = HeaderValue::from_str(&file_name).unwrap_or(HeaderValue::from_static("attachment"));
    let Some(document) = profile.document(&frame, &context.shared().entropy) else {
        return Ok(context.trouble(Trouble::Unavailable));
    };
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(PROFILE)), (CONTENT_DISPOSITION, file_name)];
    // The allocator wipes the copy that is sent.
    Ok((headers, document.as_bytes().to_vec()).into_response())
}
