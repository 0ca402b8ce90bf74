//! Forms that are sent twice.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use data_encoding::BASE64URL_NOPAD;

use super::{Answer, Refusal, read};
use crate::api::Nothing;
use crate::api::portal::{FormAnswered, FormKnown, FormSent, FormState, Hidden};
use crate::api::server::{Api, Body};
use crate::gate::repeats::{FormTag, Known};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v1/portal/forms", post(sent).put(answered))
}

fn tag(text: &str) -> Result<FormTag, Refusal> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(FormTag).ok_or_else(|| Refusal::bad("no digest of a form"))
}

async fn sent(State(api): State<Api>, body: Body<FormSent>) -> Answer<FormKnown> {
    let FormSent { form, acts } = read(body)?;
    let (state, answer) = match api.service.form_sent(tag(&form)?, acts) {
        Known::New => (FormState::New, None),
        Known::UnderWay => (FormState::UnderWay, None),
        Known::Answered(answer) => (FormState::Answered, Some(answer).filter(|answer| !answer.is_empty())),
    };
    let answer = answer.map(|answer| Hidden::new(BASE64URL_NOPAD.encode(&answer)));
    Ok(Json(FormKnown { state, answer }))
}

async fn answered(State(api): State<Api>, body: Body<FormAnswered>) -> Answer<Nothing> {
    let FormAnswered { form, answer } = read(body)?;
    let form = tag(&form)?;
    let answer = answer.map(|answer| BASE64URL_NOPAD.decode(answer.reveal().as_bytes()));
    let answer = answer.transpose().map_err(|_| Refusal::bad("an answer is base64url"))?;
    api.service.form_answered(form, answer.as_deref());
    Ok(Json(Nothing {}))
}
