//! Aliyun and Tencent Cloud, which compute every signature anew from what came.

use std::collections::HashSet;
use std::sync::Mutex;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sidegate::clock::{Clock, Timestamp};
use sidegate::entropy::Entropy;
use sidegate::gate::secret::Secret;
use sidegate::portal::send::aliyun::{Aliyun, AliyunSettings};
use sidegate::portal::send::tencent::{Tencent, TencentSettings};
use sidegate::portal::send::text::{Phone, Text};
use sidegate::portal::send::{Base, SendError, Sender};

use super::peer::{Asked, Peer, Reply, encode, hash, hmac};
use super::{CODE, IMPATIENT, PATIENT, SECRET, harmless, reach, refused, text};

const KEY_ID: &str = "LTAI-test";
/// How far a request's clock may be off: Aliyun allows 15 minutes, Tencent 5.
const DRIFT: i64 = 300;

fn aliyun(peer: &Peer, secret: &str) -> Sender {
    let settings = AliyunSettings {
        base: Base::parse(&peer.url()).unwrap(),
        key_id: KEY_ID.into(),
        secret: Secret::new(secret),
        sign_name: "阿里云 短信*测试".into(),
        parameters: vec![("code".into(), "{code}".into()), ("min".into(), "{minutes}".into())],
        reach: reach(PATIENT),
    };
    Sender::Aliyun(Aliyun::new(&settings).unwrap())
}

fn tencent(peer: &Peer, secret: &str) -> Sender {
    let settings = TencentSettings {
        base: Base::parse(&peer.url()).unwrap(),
        key_id: KEY_ID.into(),
        secret: Secret::new(secret),
        region: "ap-guangzhou".into(),
        app_id: "1400006666".into(),
        sign_name: "腾讯云".into(),
        parameters: vec!["{code}".into(), "{minutes}".into()],
        reach: reach(PATIENT),
    };
    Sender::Tencent(Tencent::new(&settings).unwrap())
}

async fn send(sender: &Sender, text: &Text) -> Result<(), SendError> {
    assert!(!format!("{sender:?}").contains(SECRET));
    sender.send(text, Clock::system().now(), &Entropy::system()).await
}

fn now() -> i64 {
    Clock::system().now().0
}

/// What Aliyun has against a request, as the code of its refusal.
fn aliyun_judges(asked: &Asked, nonces: &Mutex<HashSet<String>>) -> Result<(), &'static str> {
    let ensure = |good: bool, code| if good { Ok(()) } else { Err(code) };
    ensure(asked.method == "POST" && asked.path == "/" && asked.body.is_empty(), "UnsupportedHTTPMethod")?;
    let header = |name| asked.header(name);
    ensure(
        header("x-acs-action") == "SendSms" && header("x-acs-version") == "2017-05-25",
        "InvalidAction.NotFound",
    )?;
    let date: jiff::Timestamp = header("x-acs-date").parse().map_err(|_| "InvalidTimeStamp.Format")?;
    ensure(
        header("x-acs-date").ends_with('Z') && (date.as_second() - now()).abs() <= DRIFT,
        "InvalidTimeStamp.Expired",
    )?;
    ensure(nonces.lock().unwrap().insert(header("x-acs-signature-nonce")), "SignatureNonceUsed")?;
    ensure(header("x-acs-content-sha256") == hash(asked.body.as_bytes()), "InvalidContentSha256")?;
    let authorization = header("authorization");
    let (start, signature) = authorization.split_once(",Signature=").ok_or("IncompleteSignature")?;
    let (credential, signed) = start.split_once(",SignedHeaders=").ok_or("IncompleteSignature")?;
    ensure(credential == format!("ACS3-HMAC-SHA256 Credential={KEY_ID}"), "InvalidAccessKeyId.NotFound")?;
    let mut needed: Vec<String> = asked.headers.iter().map(|(name, _)| name.clone()).collect();
    needed.retain(|name| name == "host" || name.starts_with("x-acs-"));
    needed.sort();
    ensure(signed.split(';').eq(needed.iter().map(String::as_str)), "IncompleteSignature")?;
    let headers: String = needed.iter().map(|name| format!("{name}:{}\n", header(name))).collect();
    // Decoded, sorted and encoded again: how it came does not matter, only what it says.
    let mut query = asked.query();
    query.sort();
    let query: Vec<_> =
        query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let request = ["POST", "/", &query.join("&"), &headers, signed, &hash(b"")].join("\n");
    let to_sign = format!("ACS3-HMAC-SHA256\n{}", hash(request.as_bytes()));
    let expected = HEXLOWER.encode(&hmac(SECRET.as_bytes(), to_sign.as_bytes()));
    ensure(signature == expected, "SignatureDoesNotMatch")?;
    let digits = asked.parameter("PhoneNumbers");
    ensure(
        digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_digit()),
        "isv.MOBILE_NUMBER_ILLEGAL",
    )?;
    ensure(asked.parameter("SignName") == "阿里云 短信*测试", "isv.SMS_SIGNATURE_ILLEGAL")?;
    ensure(asked.parameter("TemplateCode") == "SMS_154950909", "isv.SMS_TEMPLATE_ILLEGAL")?;
    let parameters: Value =
        serde_json::from_str(&asked.parameter("TemplateParam")).map_err(|_| "isv.INVALID_JSON_PARAM")?;
    ensure(parameters == json!({ "code": CODE, "min": "5" }), "isv.TEMPLATE_MISSING_PARAMETERS")
}

fn aliyun_says(status: u16, code: &str, asked: &Asked) -> Reply {
    // The real one repeats the number in some of its messages.
    let message = format!("about {}", asked.parameter("PhoneNumbers"));
    let said = json!({ "Code": code, "Message": message, "RequestId": "A90E4451-FED7-49D2-87C8-00700A8C4D0D", "BizId": "9006" });
    Reply::Say(status, said.to_string())
}

async fn aliyun_peer() -> Peer {
    let nonces = Mutex::new(HashSet::new());
    Peer::start(move |asked| match aliyun_judges(asked, &nonces) {
        Ok(()) => aliyun_says(200, "OK", asked),
        Err(code) if code.starts_with("isv.") => aliyun_says(200, code, asked),
        Err(code) => aliyun_says(400, code, asked),
    })
    .await
}

#[tokio::test]
async fn aliyun_takes_a_message() {
    let peer = aliyun_peer().await;
    let sender = aliyun(&peer, SECRET);
    assert_eq!(send(&sender, &text()).await, Ok(()));
    // Spawned, as a page does it.
    let (sender, sent) = tokio::spawn(async move {
        let sent = send(&sender, &text()).await;
        (sender, sent)
    })
    .await
    .unwrap();
    assert_eq!(sent, Ok(()), "each has a nonce of its own");
    let first = &peer.asked()[0];
    assert_eq!(
        (first.parameter("PhoneNumbers").as_str(), first.parameter("OutId").as_str()),
        ("13812345678", "r-7")
    );
    let abroad = Text { phone: Phone::parse("+12025550143", "86").unwrap(), ..text() };
    assert_eq!(send(&sender, &abroad).await, Ok(()));
    assert_eq!(peer.asked()[2].parameter("PhoneNumbers"), "12025550143");
}

#[tokio::test]
async fn aliyun_refuses_a_wrong_key_and_a_wrong_clock() {
    let peer = aliyun_peer().await;
    let wrong = aliyun(&peer, &format!("{SECRET}x"));
    assert_eq!(refused(send(&wrong, &text()).await.unwrap_err()), "SignatureDoesNotMatch");
    let late = aliyun(&peer, SECRET).send(&text(), Timestamp(now() - 3600), &Entropy::system()).await;
    assert_eq!(refused(late.unwrap_err()), "InvalidTimeStamp.Expired");
    let repeats = aliyun(&peer, SECRET);
    for expected in [true, false] {
        let sent = repeats.send(&text(), Timestamp(now()), &Entropy::from_seed(1)).await;
        assert_eq!(sent.is_ok(), expected, "{sent:?}");
    }
}

#[tokio::test]
async fn aliyun_s_own_limits_are_told_apart_from_refusals() {
    for (code, limited) in [
        ("isv.BUSINESS_LIMIT_CONTROL", true),
        ("isv.DAY_LIMIT_CONTROL", true),
        ("Throttling.User", true),
        ("isv.BLACK_KEY_CONTROL_LIMIT", false),
        ("isv.MOBILE_NUMBER_ILLEGAL", false),
        ("ok", false),
    ] {
        let peer = Peer::start(move |asked| aliyun_says(200, code, asked)).await;
        match harmless(send(&aliyun(&peer, SECRET), &text()).await.unwrap_err()) {
            SendError::Limited(refusal) => assert!(limited && refusal.as_str() == code, "{code}"),
            SendError::Refused(refusal) => assert!(!limited && refusal.as_str() == code, "{code}"),
            other => panic!("{other:?}"),
        }
    }
}

/// What Tencent has against a request.
fn tencent_judges(asked: &Asked) -> Result<(), &'static str> {
    let ensure = |good: bool, code| if good { Ok(()) } else { Err(code) };
    let header = |name| asked.header(name);
    ensure(asked.method == "POST" && asked.path == "/" && asked.raw.is_empty(), "UnsupportedProtocol")?;
    ensure(header("x-tc-action") == "SendSms", "InvalidAction")?;
    ensure(header("x-tc-version") == "2021-01-11", "NoSuchVersion")?;
    ensure(header("x-tc-region") == "ap-guangzhou", "UnsupportedRegion")?;
    let time: i64 = header("x-tc-timestamp").parse().map_err(|_| "MissingParameter")?;
    ensure((time - now()).abs() <= DRIFT, "AuthFailure.SignatureExpire")?;
    let day = jiff::Timestamp::from_second(time).unwrap().strftime("%Y-%m-%d").to_string();
    let scope = format!("{day}/sms/tc3_request");
    let authorization = header("authorization");
    let (start, signature) =
        authorization.split_once(", Signature=").ok_or("AuthFailure.InvalidAuthorization")?;
    let (credential, signed) =
        start.split_once(", SignedHeaders=").ok_or("AuthFailure.InvalidAuthorization")?;
    ensure(
        credential == format!("TC3-HMAC-SHA256 Credential={KEY_ID}/{scope}"),
        "AuthFailure.SecretIdNotFound",
    )?;
    let names: Vec<&str> = signed.split(';').collect();
    ensure(
        names.is_sorted() && names.contains(&"content-type") && names.contains(&"host"),
        "AuthFailure.SignatureFailure",
    )?;
    let headers: String =
        names.iter().map(|name| format!("{name}:{}\n", header(name).to_lowercase())).collect();
    let request = ["POST", "/", "", &headers, signed, &hash(asked.body.as_bytes())].join("\n");
    let to_sign = format!("TC3-HMAC-SHA256\n{time}\n{scope}\n{}", hash(request.as_bytes()));
    let mut key = format!("TC3{SECRET}").into_bytes();
    for part in [&*day, "sms", "tc3_request", &to_sign] {
        key = hmac(&key, part.as_bytes());
    }
    ensure(signature == HEXLOWER.encode(&key), "AuthFailure.SignatureFailure")?;
    let expected = json!({
        "PhoneNumberSet": ["+8613812345678"], "SmsSdkAppId": "1400006666", "TemplateId": "SMS_154950909",
        "SignName": "腾讯云", "TemplateParamSet": [CODE, "5"], "SessionContext": "r-7",
    });
    ensure(asked.json() == expected, "InvalidParameter")
}

fn tencent_refuses(code: &str) -> Reply {
    let error = json!({ "Code": code, "Message": format!("about +8613812345678 and {CODE}") });
    Reply::json(&json!({ "Response": { "Error": error, "RequestId": "ed93f3cb" } }))
}

fn tencent_says(code: &str) -> Reply {
    let status = json!({
        "SerialNo": "5000:1045710669157053657849499619", "PhoneNumber": "+8613812345678", "Fee": 1,
        "SessionContext": "r-7", "Code": code, "Message": "send success", "IsoCode": "CN",
    });
    Reply::json(&json!({ "Response": { "SendStatusSet": [status], "RequestId": "a0aabda6" } }))
}

async fn tencent_peer() -> Peer {
    Peer::start(|asked| match tencent_judges(asked) {
        Ok(()) => tencent_says("Ok"),
        Err(code) => tencent_refuses(code),
    })
    .await
}

#[tokio::test]
async fn tencent_takes_a_message_and_refuses_a_wrong_key_and_clock() {
    let peer = tencent_peer().await;
    assert_eq!(send(&tencent(&peer, SECRET), &text()).await, Ok(()));
    let wrong = send(&tencent(&peer, &format!("{SECRET}x")), &text()).await;
    assert_eq!(refused(wrong.unwrap_err()), "AuthFailure.SignatureFailure");
    let late = tencent(&peer, SECRET).send(&text(), Timestamp(now() - 3600), &Entropy::system()).await;
    assert_eq!(refused(late.unwrap_err()), "AuthFailure.SignatureExpire");
}

#[tokio::test]
async fn tencent_s_own_limits_are_told_apart_from_refusals() {
    for (reply, code, limited) in [
        (tencent_says as fn(&str) -> Reply, "LimitExceeded.PhoneNumberDailyLimit", true),
        (tencent_refuses, "RequestLimitExceeded", true),
        (tencent_says, "FailedOperation.PhoneNumberInBlacklist", false),
        (tencent_says, "OK", false),
    ] {
        let peer = Peer::start(move |_| reply(code)).await;
        match harmless(send(&tencent(&peer, SECRET), &text()).await.unwrap_err()) {
            SendError::Limited(refusal) => assert!(limited && refusal.as_str() == code, "{code}"),
            SendError::Refused(refusal) => assert!(!limited && refusal.as_str() == code, "{code}"),
            other => panic!("{other:?}"),
        }
    }
    let peer = Peer::start(|_| tencent_refuses("Ok")).await;
    let told = send(&tencent(&peer, SECRET), &text()).await.unwrap_err();
    assert_eq!(refused(told), "Ok", "an error is no success, whatever it is called");
}

#[tokio::test]
async fn neither_takes_a_bad_answer_for_a_good_one() {
    let ok = json!({ "Code": "OK", "Response": { "SendStatusSet": [{ "Code": "Ok" }] } }).to_string();
    let replies = [
        Reply::Say(200, String::new()),
        Reply::Say(200, "<html>OK</html>".into()),
        Reply::json(&json!({ "Response": { "SendStatusSet": [] } })),
        Reply::Say(500, "{}".into()),
        Reply::Say(503, ok.clone()),
        Reply::Say(201, ok),
        Reply::Long(70_000),
        Reply::Redirect,
        Reply::Cut,
        Reply::Close,
    ];
    for reply in replies {
        let peer = Peer::saying(reply.clone()).await;
        for sender in [aliyun(&peer, SECRET), tencent(&peer, SECRET)] {
            let error = harmless(send(&sender, &text()).await.unwrap_err());
            let expected = matches!(error, SendError::Unreadable(_) | SendError::Unreachable(_));
            assert!(expected, "{reply:?}: {error:?}");
        }
        assert_eq!(peer.asked().len(), 2, "nothing is tried twice: {reply:?}");
    }
    let peer = Peer::saying(Reply::Never).await;
    let settings = TencentSettings {
        base: Base::parse(&peer.url()).unwrap(),
        key_id: KEY_ID.into(),
        secret: Secret::new(SECRET),
        region: String::new(),
        app_id: String::new(),
        sign_name: String::new(),
        parameters: Vec::new(),
        reach: reach(IMPATIENT),
    };
    let late = Sender::Tencent(Tencent::new(&settings).unwrap());
    assert_eq!(send(&late, &text()).await, Err(SendError::Timeout(IMPATIENT)));
}
