//! What the pages that ask for a second factor have in common: which there are, asking for one, and what was answered.

use crate::api::portal::{FactorView, Hidden, NewChallenge, Passed, Pending, Proof, Standing, Why};
use crate::portal::control::target;
use crate::portal::deliver::deliver;
use crate::portal::pages::factors::Kind;
use crate::portal::pages::problem::Problem;
use crate::portal::pages::proof::{Choice, How, Proof as ProofPage};
use crate::portal::send::mail::Purpose;
use crate::portal::server::{Context, Form, Stop};

/// What stands for a recovery code where the others have a number.
const RECOVERY: &str = "recovery";

/// What came of something that may go wrong in a way that a form can show.
pub(super) type Tried<T> = Result<Result<T, Problem>, Stop>;

/// A kind of the daemon's in the words of the pages.
fn kind(word: &str) -> Option<Kind> {
    if word == RECOVERY { Some(Kind::Recovery) } else { Kind::from_word(word) }
}

/// A factor as it is offered.
pub(super) fn choice(factor: &FactorView) -> Option<Choice> {
    let kind = Kind::from_word(&factor.kind)?;
    Some(Choice { id: factor.id.to_string(), kind, name: factor.name.clone() })
}

/// The factor of that number.
pub(super) fn factor(standing: &Standing, id: i64) -> Option<Choice> {
    standing.factors.iter().find(|factor| factor.id == id).and_then(choice)
}

/// Everything that the owner could prove. Several passkeys are one choice: a single prompt takes any of them.
pub(super) fn choices(standing: &Standing) -> Vec<Choice> {
    let mut choices: Vec<Choice> = Vec::new();
    for one in standing.factors.iter().filter_map(choice) {
        match choices.iter_mut().find(|before| (before.kind, one.kind) == (Kind::Passkey, Kind::Passkey)) {
            Some(before) => before.name.clear(),
            None => choices.push(one),
        }
    }
    if standing.recovery_codes.is_some_and(|left| left > 0) {
        choices.push(Choice { id: RECOVERY.to_owned(), kind: Kind::Recovery, name: String::new() });
    }
    choices
}

/// What is asked for first, where nothing has to be sent for it: the one that was used last. `None`: its owner chooses.
pub(super) fn first(standing: &Standing) -> Option<i64> {
    let sent = |factor: &&FactorView| Kind::from_word(&factor.kind).is_some_and(Kind::is_sent);
    let quiet = standing.factors.iter().filter(|factor| !sent(factor) && choice(factor).is_some());
    // Of those that were never used, the first.
    quiet.rev().max_by_key(|factor| factor.last_use).map(|factor| factor.id)
}

/// The only one, even if something is sent for it.
pub(super) fn only(standing: &Standing) -> Option<i64> {
    match choices(standing)[..] {
        [ref one] => one.id.parse().ok(),
        _ => None,
    }
}

/// What somebody chose: a factor, or a recovery code.
pub(super) fn chosen(text: &str) -> Option<Option<i64>> {
    if text == RECOVERY { Some(None) } else { text.parse().ok().map(Some) }
}

/// What the session waits for.
pub(super) async fn pending(context: &mut Context) -> Result<Option<Pending>, Stop> {
    match context.get(target(&["pending"])).await {
        Ok(pending) => Ok(Some(pending)),
        Err(error) if matches!(error.error, Why::CodeOver | Why::NotFound | Why::NoFactor) => Ok(None),
        Err(error) => Err(context.stop(&error)),
    }
}

/// Asks for a factor; its code is on its way when this returns. Any passkey may answer for another one.
pub(super) async fn challenge(
    context: &mut Context,
    account: &str,
    factor: Option<i64>,
    purpose: Purpose,
) -> Tried<Pending> {
    challenge_of(context, account, NewChallenge { factor, alone: false }, purpose).await
}

/// The same; where it says so, no other passkey will do.
pub(super) async fn challenge_of(
    context: &mut Context,
    account: &str,
    wanted: NewChallenge,
    purpose: Purpose,
) -> Tried<Pending> {
    let asked = context.post::<Pending>(target(&["challenge"]), &wanted).await;
    match asked {
        Ok(pending) => carried(context, account, pending, purpose).await,
        Err(error) => Ok(Err(context.problem(&error)?)),
    }
}

/// Sees that what has to be sent is sent.
pub(super) async fn carried(
    context: &Context,
    account: &str,
    pending: Pending,
    purpose: Purpose,
) -> Tried<Pending> {
    if let Some(delivery) = &pending.deliver
        && let Err(problem) = deliver(context, account, delivery, purpose).await
    {
        return Ok(Err(problem));
    }
    Ok(Ok(pending))
}

/// The page's part that asks for what the session waits for.
pub(super) fn proof(pending: &Pending, standing: &Standing) -> Option<ProofPage> {
    let kind = kind(&pending.kind)?;
    let by = match pending.factor {
        Some(id) => factor(standing, id)?,
        None => Choice { id: RECOVERY.to_owned(), kind, name: String::new() },
    };
    let how = match kind {
        Kind::Passkey => How::Passkey { options: pending.options.clone()? },
        Kind::Wechat | Kind::Wecom | Kind::Dingtalk => How::Provider,
        Kind::Totp | Kind::Sms | Kind::Mail | Kind::Recovery => How::Typed {
            sent_to: pending.sent_to.clone(),
            ends: pending.sent_to.as_ref().map(|_| pending.ends),
        },
    };
    let asked = |choice: &Choice| choice.id == by.id || (kind, choice.kind) == (Kind::Passkey, Kind::Passkey);
    let others = choices(standing).into_iter().filter(|choice| !asked(choice)).collect();
    Some(ProofPage { by, how, others })
}

/// Whether a provider has to be asked.
pub(super) fn by_provider(pending: &Pending) -> bool {
    kind(&pending.kind).is_some_and(|kind| matches!(kind, Kind::Wechat | Kind::Wecom | Kind::Dingtalk))
}

/// What somebody answered, for the daemon to judge; or what is wrong with it before that.
pub(super) fn answer(pending: &Pending, form: &Form) -> Result<Proof, Problem> {
    let mut proof = Proof { factor: pending.factor.filter(|_| !pending.binding), ..Proof::default() };
    match pending.kind.as_str() {
        "passkey" => proof.credential = Some(credential(form)?),
        RECOVERY => proof.recovery_code = Some(form.hidden("code")),
        _ => proof.code = Some(form.hidden("code")),
    }
    Ok(proof)
}

/// What the browser answered for a passkey. Where it has no answer, the script says why in its place.
fn credential(form: &Form) -> Result<Hidden, Problem> {
    let credential = form.get("credential");
    if credential.is_empty() {
        return Err(Problem::PasskeyNeedsScript);
    }
    let object: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(credential).ok();
    match object {
        Some(object) if !object.contains_key("error") => Ok(Hidden::new(credential)),
        _ => Err(Problem::PasskeyRefused),
    }
}

/// Has the answer judged.
pub(super) async fn judged(context: &mut Context, pending: &Pending, proof: &Proof) -> Tried<Passed> {
    let path = if pending.binding { "factors" } else { "proof" };
    match context.post::<Passed>(target(&[path]), proof).await {
        Ok(passed) => {
            context.passed(&passed);
            Ok(Ok(passed))
        }
        Err(error) => Ok(Err(wrong(pending, context.problem(&error)?))),
    }
}

/// What was wrong, by what was asked for.
fn wrong(pending: &Pending, problem: Problem) -> Problem {
    match (problem, pending.kind.as_str()) {
        (Problem::WrongCode, "passkey") => Problem::PasskeyRefused,
        (Problem::WrongCode, RECOVERY) => Problem::WrongRecoveryCode,
        // An app that is new has a clock that nobody has tried.
        (Problem::WrongCode, "totp") if pending.binding => Problem::WrongClock,
        (Problem::WrongCode, "totp") => Problem::WrongAppCode,
        (problem, _) => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn standing(factors: &[(&str, Option<i64>)], recovery_codes: Option<u32>) -> Standing {
        let view = |(number, (kind, last_use)): (i64, &(&str, Option<i64>))| FactorView {
            id: number,
            kind: (*kind).to_owned(),
            name: format!("{kind} {number}"),
            created: Timestamp(0),
            last_use: last_use.map(Timestamp),
        };
        Standing {
            account: "ann@example.org".into(),
            stage: "factor".into(),
            two_factor: true,
            mandatory: None,
            factors: (1..).zip(factors).map(view).collect(),
            kinds: Vec::new(),
            recovery_codes,
            recovery_made: None,
            set_up_code: None,
            passwords: 0,
            passwords_max: 6,
            mail_clients: "never".into(),
            administrator: false,
            fresh_until: None,
            trust_days: 7,
            trust_name: "0a1b2c3d4e5f".into(),
            blocked: None,
        }
    }

    #[test]
    fn the_one_that_was_used_last_is_asked_for_first_unless_something_is_sent() {
        let first = |factors: &[(&str, Option<i64>)]| first(&standing(factors, None));
        assert_eq!(first(&[("totp", Some(1)), ("passkey", Some(2))]), Some(2));
        assert_eq!(first(&[("totp", None), ("passkey", None)]), Some(1));
        assert_eq!(first(&[("sms", Some(9)), ("totp", None)]), Some(2));
        assert_eq!(first(&[("sms", Some(9)), ("mail", None), ("fax", None)]), None);
        assert_eq!(only(&standing(&[("sms", None)], Some(0))), Some(1));
        assert_eq!(only(&standing(&[("sms", None)], Some(3))), None);
    }

    #[test]
    fn several_passkeys_are_one_choice() {
        let two = standing(&[("passkey", None), ("totp", None), ("passkey", None)], None);
        let offered: Vec<(String, String)> =
            choices(&two).into_iter().map(|choice| (choice.id, choice.name)).collect();
        let expected = [("1", ""), ("2", "totp 2")].map(|(id, name)| (id.to_owned(), name.to_owned()));
        assert_eq!(offered, expected);
        let asked = Pending { options: Some("{}".into()), ..pending("passkey", Some(3)) };
        let others: Vec<String> =
            proof(&asked, &two).unwrap().others.into_iter().map(|choice| choice.id).collect();
        assert_eq!(others, ["2"], "no passkey instead of a passkey");
        assert_eq!(choices(&standing(&[("passkey", None)], None))[0].name, "passkey 1");
    }

    #[test]
    fn a_recovery_code_is_offered_while_there_are_some() {
        let ids = |left| {
            let choices = choices(&standing(&[("totp", None), ("unheard-of", None)], left));
            choices.into_iter().map(|choice| choice.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(Some(2)), ["1", "recovery"]);
        assert_eq!((ids(Some(0)).len(), ids(None).len()), (1, 1));
        assert_eq!(
            (chosen("7"), chosen("recovery"), chosen("x"), chosen("")),
            (Some(Some(7)), Some(None), None, None)
        );
    }

    fn pending(kind: &str, factor: Option<i64>) -> Pending {
        Pending {
            kind: kind.into(),
            factor,
            binding: false,
            ends: Timestamp(300),
            sent_to: None,
            secret: None,
            uri: None,
            options: None,
            state: None,
            deliver: None,
        }
    }

    #[test]
    fn a_passkey_answers_with_an_object_or_says_why_not() {
        let of = |field: &str| {
            let body =
                form_urlencoded::Serializer::new(String::new()).append_pair("credential", field).finish();
            answer(&pending("passkey", Some(1)), &Form::read(body.as_bytes()).unwrap())
        };
        assert!(of(r#"{"id":"AA"}"#).unwrap().credential.is_some());
        assert_eq!(of(""), Err(Problem::PasskeyNeedsScript));
        for wrong in [r#"{"error":"NotAllowedError"}"#, "[]", "x", "null"] {
            assert_eq!(of(wrong), Err(Problem::PasskeyRefused), "{wrong}");
        }
    }

    #[test]
    fn what_was_wrong_is_told_by_what_was_asked_for() {
        let of = |kind, binding| wrong(&Pending { binding, ..pending(kind, Some(1)) }, Problem::WrongCode);
        assert_eq!(of("sms", false), Problem::WrongCode);
        assert_eq!(of("totp", false), Problem::WrongAppCode);
        assert_eq!(of("totp", true), Problem::WrongClock);
        assert_eq!(of("passkey", false), Problem::PasskeyRefused);
        assert_eq!(of(RECOVERY, false), Problem::WrongRecoveryCode);
        assert_eq!(wrong(&pending("totp", Some(1)), Problem::UsedCode), Problem::UsedCode);
    }

    #[test]
    fn an_answer_is_one_thing() {
        let form = Form::read(b"code=123456&credential={}&trust=yes&factor=9").unwrap();
        let code = answer(&pending("totp", Some(1)), &form).unwrap();
        let expected = Proof { factor: Some(1), code: Some(Hidden::new("123456")), ..Proof::default() };
        assert_eq!(code, expected);
        let recovery = answer(&pending(RECOVERY, None), &form).unwrap();
        assert!(recovery.code.is_none() && recovery.recovery_code.is_some() && recovery.factor.is_none());
    }

    #[test]
    fn what_waits_becomes_a_page_with_the_others_beside_it() {
        let standing = standing(&[("totp", None), ("sms", None)], Some(1));
        let sms = Pending { sent_to: Some("138****8000".into()), ..pending("sms", Some(2)) };
        let page = proof(&sms, &standing).unwrap();
        assert!(page.sent() && page.ends() == Some(Timestamp(300)));
        assert_eq!(page.others.iter().map(|other| other.id.as_str()).collect::<Vec<_>>(), ["1", "recovery"]);
        let recovery = proof(&pending(RECOVERY, None), &standing).unwrap();
        assert!(!recovery.digits() && recovery.others.len() == 2);
        assert!(proof(&pending("totp", Some(9)), &standing).is_none(), "it is gone");
    }
}
