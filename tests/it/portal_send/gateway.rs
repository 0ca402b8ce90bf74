//! The generic gateway: what it writes, and what it takes for a yes.

use data_encoding::HEXLOWER;
use serde_json::json;
use sidegate::gate::secret::Secret;
use sidegate::portal::send::gateway::{Body, Gateway, GatewaySettings, Signing, Verb};
use sidegate::portal::send::{ANSWER_BYTES_MAX, SendError};

use super::peer::{Peer, Reply, decode, hmac, pairs};
use super::{CODE, IMPATIENT, PATIENT, SECRET, harmless, reach, refused, text};

fn settings(peer: &Peer) -> GatewaySettings {
    GatewaySettings {
        url: format!("{}/send?key={SECRET}", peer.url()),
        body: Body::Json(json!({ "to": "{phone}", "code": "{code}" })),
        expect: Some(("/result/code".into(), json!(0))),
        reach: reach(PATIENT),
        ..GatewaySettings::default()
    }
}

async fn send(settings: &GatewaySettings) -> Result<(), SendError> {
    Gateway::new(settings).unwrap().send(&text()).await
}

/// Why a message was not sent to a gateway that always says the same.
async fn failure(reply: Reply) -> SendError {
    let peer = Peer::saying(reply).await;
    let error = harmless(send(&settings(&peer)).await.unwrap_err());
    assert_eq!(peer.asked().len(), 1, "nothing is tried twice");
    error
}

fn good() -> Reply {
    Reply::json(&json!({ "result": { "code": 0 } }))
}

#[tokio::test]
async fn json_arrives_with_its_values_and_signed() {
    let peer = Peer::saying(good()).await;
    let document = json!({
        "to": ["{phone}"], "vars": { "code": "{code}", "min": "{minutes}" }, "lang": "{locale}",
        "tpl": "{template}", "id": "{request_id}", "quote \"": "a \"b\" {{c}}", "n": 7,
    });
    let mut settings = settings(&peer);
    settings.body = Body::Json(document);
    settings.headers = vec![("X-Request".into(), "{request_id}".into()), ("X-Key".into(), SECRET.into())];
    settings.signing = Some(Signing { header: "X-Signature".into(), secret: Secret::new(SECRET) });
    assert_eq!(send(&settings).await, Ok(()));
    let asked = peer.only();
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/send"));
    assert_eq!(asked.header("content-type"), "application/json");
    assert_eq!((asked.header("x-request").as_str(), asked.header("x-key").as_str()), ("r-7", SECRET));
    let expected = json!({
        "to": ["+8613812345678"], "vars": { "code": CODE, "min": "5" }, "lang": "zh-CN",
        "tpl": "SMS_154950909", "id": "r-7", "quote \"": "a \"b\" {c}", "n": 7,
    });
    assert_eq!(asked.json(), expected);
    let signature = HEXLOWER.encode(&hmac(SECRET.as_bytes(), asked.body.as_bytes()));
    assert_eq!(asked.header("x-signature"), signature);
}

#[tokio::test]
async fn a_form_arrives_with_its_fields_in_order() {
    let peer = Peer::saying(Reply::Say(201, "not looked at".into())).await;
    let fields = [("to", "{phone}"), ("text", "50% & {code}=好"), ("a b", "{minutes}")];
    let mut settings = settings(&peer);
    (settings.expect, settings.verb) = (None, Verb::Put);
    settings.body = Body::Form(fields.map(|(name, value)| (name.into(), value.into())).to_vec());
    assert_eq!(send(&settings).await, Ok(()));
    let asked = peer.only();
    assert_eq!(
        (asked.method.as_str(), asked.header("content-type").as_str()),
        ("PUT", "application/x-www-form-urlencoded")
    );
    let came: Vec<_> = pairs(&asked.body).iter().map(|(name, value)| (decode(name), decode(value))).collect();
    let expected = [("to", "+8613812345678"), ("text", &format!("50% & {CODE}=好")), ("a b", "5")];
    assert_eq!(came, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn an_address_carries_values_as_values() {
    let peer = Peer::saying(Reply::Say(200, String::new())).await;
    let mut settings = settings(&peer);
    (settings.expect, settings.verb, settings.body) = (None, Verb::Get, Body::None);
    settings.url = format!("{}/{{template}}/send?to={{phone}}&code={{code}}", peer.url());
    assert_eq!(send(&settings).await, Ok(()));
    let asked = peer.only();
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/SMS_154950909/send"));
    assert_eq!(asked.query(), [("to".into(), "+8613812345678".into()), ("code".into(), CODE.to_owned())]);
}

#[tokio::test]
async fn only_what_was_agreed_on_is_a_yes() {
    let said = async |document: &serde_json::Value| failure(Reply::json(document)).await;
    assert_eq!(refused(said(&json!({ "result": { "code": 105 } })).await), "105");
    assert_eq!(refused(said(&json!({ "result": { "code": "0" } })).await), "0");
    let repeated =
        said(&json!({ "result": { "code": format!("bad code {CODE} for +8613812345678") } })).await;
    assert_eq!(refused(repeated), "(its words repeat the message)");
    let none = SendError::Unreadable("what would mean success is not in it");
    assert_eq!(said(&json!({ "code": 0 })).await, none);
    for body in ["", "OK", "<html>", "{\"result\":"] {
        let error = failure(Reply::Say(200, body.into())).await;
        assert!(matches!(error, SendError::Unreadable(_)), "{body}: {error:?}");
    }
}

#[tokio::test]
async fn a_status_outside_the_range_is_told_by_its_kind() {
    assert_eq!(refused(failure(Reply::Say(403, "{}".into())).await), "403");
    assert!(matches!(failure(Reply::Say(429, String::new())).await, SendError::Limited(_)));
    assert!(matches!(failure(Reply::Say(503, String::new())).await, SendError::Unreachable(_)));
    let redirected = SendError::Unreadable("it is a redirect, and those are not followed");
    assert_eq!(failure(Reply::Redirect).await, redirected);
    let peer = Peer::saying(Reply::Say(202, String::new())).await;
    let strict = |accept| GatewaySettings { accept, expect: None, ..settings(&peer) };
    assert_eq!(send(&strict(202..=202)).await, Ok(()));
    assert!(send(&strict(200..=201)).await.is_err());
}

#[tokio::test]
async fn an_answer_may_be_so_long_and_no_longer() {
    for reply in [Reply::Long as fn(usize) -> Reply, Reply::Endless] {
        for (bytes, allowed) in [(ANSWER_BYTES_MAX, true), (ANSWER_BYTES_MAX + 1, false)] {
            let peer = Peer::saying(reply(bytes)).await;
            let sent = send(&GatewaySettings { expect: None, ..settings(&peer) }).await;
            let expected = if allowed { Ok(()) } else { Err(SendError::Unreadable("it is too long")) };
            assert_eq!(sent, expected, "{bytes}");
        }
    }
}

#[tokio::test]
async fn who_answers_late_half_or_never_is_given_up() {
    for reply in [Reply::Never, Reply::Stall] {
        let peer = Peer::saying(reply).await;
        let settings = GatewaySettings { reach: reach(IMPATIENT), ..settings(&peer) };
        assert_eq!(send(&settings).await, Err(SendError::Timeout(IMPATIENT)));
    }
    for reply in [Reply::Close, Reply::Cut] {
        assert!(matches!(failure(reply).await, SendError::Unreachable(_)));
    }
    let gone = Peer::saying(Reply::Close).await;
    let settings = settings(&gone);
    let address = gone.address;
    drop(gone);
    // The port is free once the task has ended.
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(harmless(send(&settings).await.unwrap_err()), SendError::Unreachable(_)));
}

#[tokio::test]
async fn a_proxy_is_asked_if_one_is_named() {
    let (peer, proxy) = (Peer::saying(Reply::Close).await, Peer::saying(good()).await);
    let mut settings = settings(&peer);
    settings.reach.proxy = Some(proxy.url());
    assert_eq!(send(&settings).await, Ok(()));
    assert_eq!(peer.asked().len(), 0);
    assert_eq!(proxy.only().path, format!("{}/send", peer.url()), "a proxy is told the whole address");
}
