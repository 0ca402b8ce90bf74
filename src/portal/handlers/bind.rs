//! Binding a second factor, as one more or in the place of another.
//!
//! What it is proved with first: an app shows a code, a phone or a mailbox gets one, a passkey answers the browser, and a
//! provider is gone to and come back from. The daemon remembers the dialogue, for five minutes.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;

use super::asked::{self, Tried, answer, carried, judged};
use super::{callback, factors, two_factor};
use crate::api::portal::{Hidden, NewBinding, Passed, Pending, Standing, Visitor};
use crate::portal::control::target;
use crate::portal::deliver::tell;
use crate::portal::pages::error::Trouble;
use crate::portal::pages::factors::{Kind, NewPasskey, NewProvider, NewReach, NewTotp, Slot};
use crate::portal::pages::problem::Problem;
use crate::portal::pages::{Frame, Said, routes};
use crate::portal::send::mail::Change;
use crate::portal::send::mail::Purpose;
use crate::portal::send::text::Phone;
use crate::portal::server::{Answer, Context, Form, Shared, Stop};

/// How many characters of a key stand together for the eye.
const GROUP: usize = 4;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/factors/new/{kind}", get(new).post(new_sent))
        .route("/factors/{id}/change", get(change).post(change_sent))
}

/// A dialogue: who binds what, in which place.
struct Dialogue {
    standing: Standing,
    slot: Slot,
    /// The number of the factor in whose place it comes.
    change: Option<i64>,
}

/// What was typed, for the page that comes back.
#[derive(Default)]
struct Typed {
    to: String,
    name: Option<String>,
}

async fn new(mut context: Context, Path(kind): Path<String>) -> Answer {
    let dialogue = new_slot(&mut context, &kind).await?;
    open(&mut context, &dialogue).await
}

async fn new_sent(mut context: Context, Path(kind): Path<String>, form: Form) -> Answer {
    let dialogue = new_slot(&mut context, &kind).await?;
    sent(&mut context, &dialogue, &form).await
}

async fn change(mut context: Context, Path(id): Path<String>) -> Answer {
    let dialogue = slot_of(&mut context, &id).await?;
    open(&mut context, &dialogue).await
}

async fn change_sent(mut context: Context, Path(id): Path<String>, form: Form) -> Answer {
    let dialogue = slot_of(&mut context, &id).await?;
    sent(&mut context, &dialogue, &form).await
}

/// Whoever binds a new one, be it that the site wants it.
async fn new_slot(context: &mut Context, kind: &str) -> Result<Dialogue, Stop> {
    let standing = context.standing().await?;
    if standing.stage == "factor" {
        return Err(context.go(routes::SIGN_IN_FACTOR).into());
    }
    if standing.set_up_code.is_some() {
        return Err(context.go(routes::SET_UP).into());
    }
    match Kind::from_word(kind).filter(|kind| standing.kinds.iter().any(|allowed| allowed == kind.word())) {
        Some(kind) => Ok(Dialogue { standing, slot: Slot::New(kind), change: None }),
        None => Err(context.trouble(Trouble::NotFound).into()),
    }
}

async fn slot_of(context: &mut Context, id: &str) -> Result<Dialogue, Stop> {
    let (standing, id, factor) = factors::named(context, id).await?;
    Ok(Dialogue { standing, slot: Slot::Change(factor), change: Some(id) })
}

/// The dialogue as it stands. Asking for a key or a passkey's options changes nothing yet.
async fn open(context: &mut Context, dialogue: &Dialogue) -> Answer {
    let (now, standing) = (context.now(), &dialogue.standing);
    let fresh = standing.fresh_until.is_some_and(|until| until > now);
    // Before anything is typed, and not after.
    if standing.stage == "full" && !fresh {
        return Ok(context.lead_to_confirm(None, &dialogue.slot.path()));
    }
    match dialogue.slot.kind() {
        Kind::Totp | Kind::Passkey => {
            let waits = match waits(context, dialogue).await? {
                Some(pending) => Ok(pending),
                None => begin(context, dialogue, None).await?,
            };
            match waits {
                Ok(pending) => show(context, dialogue, Some(&pending), &Typed::default(), None),
                Err(problem) => factors::list(context, standing, Some(problem)),
            }
        }
        _ => {
            let pending = waits(context, dialogue).await?;
            show(context, dialogue, pending.as_ref(), &Typed::default(), None)
        }
    }
}

async fn sent(context: &mut Context, dialogue: &Dialogue, form: &Form) -> Answer {
    let kind = dialogue.slot.kind();
    let typed = Typed { to: form.trimmed("to").to_owned(), name: form.some("name").map(str::to_owned) };
    if matches!(kind, Kind::Wechat | Kind::Wecom | Kind::Dingtalk) {
        return match begin(context, dialogue, None).await? {
            Ok(pending) => callback::leave(context, &pending),
            Err(problem) => show(context, dialogue, None, &typed, Some(problem)),
        };
    }
    if matches!(kind, Kind::Sms | Kind::Mail) {
        let again = form.is("again", "yes") && !typed.to.is_empty();
        if form.is("other", "yes") || (form.is("again", "yes") && !again) {
            return show(context, dialogue, None, &Typed::default(), None);
        }
        if again || !form.has("code") {
            return reach(context, dialogue, typed, again).await;
        }
    }
    let Some(pending) = waits(context, dialogue).await? else {
        return over(context, dialogue, &typed, Problem::DialogueEnded).await;
    };
    let problem = match answer(&pending, form) {
        Ok(_) if !kind.is_sent() && typed.name.is_none() => Problem::NameMissing,
        Ok(mut proof) => {
            proof.name.clone_from(&typed.name);
            match judged(context, &pending, &proof).await? {
                Ok(passed) => return bound(context, &dialogue.standing, &passed, dialogue.change),
                Err(problem) => problem,
            }
        }
        Err(problem) => problem,
    };
    match waits(context, dialogue).await? {
        Some(pending) => show(context, dialogue, Some(&pending), &typed, Some(problem)),
        None => over(context, dialogue, &typed, problem).await,
    }
}

/// Sends a code to the phone or address that was typed.
async fn reach(context: &mut Context, dialogue: &Dialogue, typed: Typed, again: bool) -> Answer {
    let to = if dialogue.slot.kind() == Kind::Sms {
        match Phone::parse(&typed.to, &context.shared().settings.country) {
            Ok(phone) => phone.reveal().to_owned(),
            Err(_) => return show(context, dialogue, None, &typed, Some(Problem::PhoneUnreadable)),
        }
    } else {
        typed.to.clone()
    };
    match begin(context, dialogue, Some(Hidden::new(to))).await? {
        Ok(pending) => {
            if again {
                context.now_said(Said::CodeSent(pending.sent_to.clone().unwrap_or_default()));
            }
            show(context, dialogue, Some(&pending), &typed, None)
        }
        Err(problem) => show(context, dialogue, None, &typed, Some(problem)),
    }
}

/// Begins the dialogue anew: an answer was not right, and the old question is gone.
async fn over(context: &mut Context, dialogue: &Dialogue, typed: &Typed, problem: Problem) -> Answer {
    match dialogue.slot.kind() {
        Kind::Totp | Kind::Passkey => match begin(context, dialogue, None).await? {
            Ok(pending) => show(context, dialogue, Some(&pending), typed, Some(problem)),
            Err(problem) => factors::list(context, &dialogue.standing, Some(problem)),
        },
        _ => show(context, dialogue, None, typed, Some(problem)),
    }
}

/// What the session waits for, if it is this dialogue.
async fn waits(context: &mut Context, dialogue: &Dialogue) -> Result<Option<Pending>, Stop> {
    let now = context.now();
    let ours = |pending: &Pending| {
        pending.binding
            && pending.ends > now
            && pending.factor == dialogue.change
            && pending.kind == dialogue.slot.kind().word()
    };
    Ok(asked::pending(context).await?.filter(ours))
}

async fn begin(context: &mut Context, dialogue: &Dialogue, to: Option<Hidden>) -> Tried<Pending> {
    let kind = dialogue.slot.kind().word().to_owned();
    let wanted = NewBinding { kind, change: dialogue.change, to };
    match context.post::<Pending>(target(&["binding"]), &wanted).await {
        Ok(pending) => carried(context, &dialogue.standing.account, pending, Purpose::Bind).await,
        Err(error) => Ok(Err(context.problem(&error)?)),
    }
}

/// The page of the dialogue.
fn show(
    context: &mut Context,
    dialogue: &Dialogue,
    pending: Option<&Pending>,
    typed: &Typed,
    problem: Option<Problem>,
) -> Answer {
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let frame = context.frame(Some(&dialogue.standing));
    let slot = dialogue.slot.clone();
    // One that is changed keeps its name, unless another is typed.
    let name = || match (&typed.name, &slot) {
        (Some(name), _) => name.clone(),
        (None, Slot::Change(factor)) if !factor.kind.says_all_of(&factor.name) => factor.name.clone(),
        (None, slot) => usual_name(slot.kind(), context, &frame, &dialogue.standing),
    };
    let html = match (slot.kind(), pending) {
        (Kind::Totp, Some(pending)) => {
            let hidden = |text: &Option<Hidden>| text.as_ref().map(|text| text.reveal().to_owned());
            let page = NewTotp {
                secret: grouped(&hidden(&pending.secret).unwrap_or_default()),
                uri: hidden(&pending.uri).unwrap_or_default(),
                name: name(),
                ends: pending.ends,
                slot,
                problem,
            };
            page.render(&frame)
        }
        (Kind::Passkey, Some(pending)) => {
            let options = pending.options.clone().unwrap_or_default();
            NewPasskey { name: name(), options, slot, problem }.render(&frame)
        }
        (Kind::Sms | Kind::Mail, pending) => {
            let sent = pending.map(|pending| {
                let to = pending.sent_to.clone().unwrap_or_else(|| typed.to.clone());
                (to, pending.ends)
            });
            NewReach { slot, to: typed.to.clone(), sent, problem }.render(&frame)
        }
        (Kind::Wechat | Kind::Wecom | Kind::Dingtalk, _) => NewProvider { slot, problem }.render(&frame),
        (Kind::Totp | Kind::Passkey, None) | (Kind::Recovery, _) => {
            return Ok(context.trouble(Trouble::Unavailable));
        }
    };
    Ok(context.show_with(status, html))
}

/// Back from a provider that did not confirm.
pub(super) fn provider_again(
    context: &mut Context,
    standing: &Standing,
    asked: &Pending,
    problem: Problem,
) -> Answer {
    let slot = match asked.factor.map(|id| asked::factor(standing, id)) {
        None => Kind::from_word(&asked.kind).map(Slot::New),
        Some(factor) => factor.map(Slot::Change),
    };
    let Some(slot) = slot else { return Ok(context.trouble(Trouble::NotFound)) };
    let mut frame = context.frame(Some(standing));
    frame.path = slot.path();
    let page = NewProvider { slot, problem: Some(problem) };
    Ok(context.show_with(StatusCode::UNPROCESSABLE_ENTITY, page.render(&frame)))
}

/// It is bound: whom to tell, and where to go.
pub(super) fn bound(
    context: &mut Context,
    before: &Standing,
    passed: &Passed,
    change: Option<i64>,
) -> Answer {
    let standing = &passed.standing;
    let frame = context.frame(Some(standing));
    let is_new = |id: i64| before.factors.iter().all(|factor| factor.id != id);
    let factor = standing.factors.iter().find(|factor| is_new(factor.id) || Some(factor.id) == change);
    let text = factor.and_then(asked::choice).map(|choice| choice.text(&frame)).unwrap_or_default();
    let done = if change.is_some() { Change::Changed } else { Change::Added };
    tell(context, &passed.tell, &standing.account, done, text.clone());
    // Whoever had to set two-factor up has it on from here: the daemon saw to that.
    if before.stage == "set-up" && standing.two_factor {
        return Ok(two_factor::turned(context, standing));
    }
    context.say(&match change {
        Some(_) => Said::FactorChanged(text),
        None if before.factors.is_empty() => Said::FirstFactorBound(text),
        None => Said::FactorBound(text),
    });
    // Bound is not on: it is asked right away, with what that means for mail programs.
    let ask = before.factors.is_empty() && !standing.two_factor;
    Ok(context.go(if ask { routes::TWO_FACTOR } else { routes::FACTORS }))
}

/// What is filled in for somebody who has no wish, and is not taken yet.
fn usual_name(kind: Kind, context: &Context, frame: &Frame, standing: &Standing) -> String {
    let Visitor { system, program, .. } = &context.visitor;
    let wished = kind.usual_name(program, system, frame);
    let numbered = (2..).map(|number| format!("{wished} {number}"));
    let is_free = |name: &String| standing.factors.iter().all(|factor| factor.name != *name);
    std::iter::once(wished.clone()).chain(numbered).find(is_free).unwrap_or(wished)
}

fn grouped(key: &str) -> String {
    let chars: Vec<char> = key.chars().collect();
    chars.chunks(GROUP).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_in_groups() {
        assert_eq!(grouped("JBSWY3DPEH"), "JBSW Y3DP EH");
        assert_eq!(grouped(""), "");
    }
}
