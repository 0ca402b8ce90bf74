//! WeChat, WeCom and DingTalk: what each is asked and how, and what each answers when something is wrong.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use sidegate::config::Language;
use sidegate::entropy::Entropy;
use sidegate::gate::secret::Secret;
use sidegate::portal::provider::dingtalk::{DingTalk, DingTalkSettings};
use sidegate::portal::provider::wechat::{WeChat, WeChatSettings};
use sidegate::portal::provider::wecom::{WeCom, WeComSettings};
use sidegate::portal::provider::{
    Base, CODE_BYTES_MAX, Identity, Kind, Provider, ProviderError, Reach, State,
};

use super::peer::{Asked, Peer, Reply, decode, pairs};
use super::{IMPATIENT, PATIENT, SECRET, harmless, reach};

const APP: &str = "wx0123456789abcdef";
/// A code that needs to be encoded.
const GOOD: &str = "the-code+/=&x";
const TOKEN: &str = "token-&=+1";

fn wechat_within(peer: &Peer, timeout: Duration) -> Provider {
    let settings = WeChatSettings {
        login: Base::parse("https://open.weixin.qq.com").unwrap(),
        api: Base::parse(&peer.url()).unwrap(),
        app_id: APP.into(),
        secret: Secret::new(SECRET),
        reach: reach(timeout),
    };
    Provider::WeChat(WeChat::new(&settings).unwrap())
}

fn wechat(peer: &Peer) -> Provider {
    wechat_within(peer, PATIENT)
}

fn wecom(peer: &Peer) -> Provider {
    let settings = WeComSettings {
        login: Base::parse("https://login.work.weixin.qq.com").unwrap(),
        api: Base::parse(&peer.url()).unwrap(),
        corp_id: APP.into(),
        agent_id: "1000002".into(),
        secret: Secret::new(SECRET),
        language: Language::ZhCn,
        reach: reach(PATIENT),
    };
    Provider::WeCom(WeCom::new(&settings).unwrap())
}

fn dingtalk(peer: &Peer, members: bool) -> Provider {
    let settings = DingTalkSettings {
        login: Base::parse("https://login.dingtalk.com").unwrap(),
        api: Base::parse(&peer.url()).unwrap(),
        members: members.then(|| Base::parse(&peer.url()).unwrap()),
        client_id: APP.into(),
        secret: Secret::new(SECRET),
        reach: reach(PATIENT),
    };
    Provider::DingTalk(DingTalk::new(&settings).unwrap())
}

fn error(code: i64) -> Reply {
    Reply::json(&json!({ "errcode": code, "errmsg": format!("about {SECRET} and {TOKEN}, hint: [1]") }))
}

/// What was asked: the error, and nothing in it that must not be told.
async fn failure(provider: &Provider, code: &str) -> ProviderError {
    assert!(!format!("{provider:?}").contains(SECRET));
    let error = harmless(provider.identify(code).await.unwrap_err());
    assert!(!format!("{error:?}").contains(TOKEN));
    error
}

fn identity(provider: Kind, subject: &str, name: Option<&str>) -> Identity {
    Identity { provider, app: APP.into(), subject: subject.into(), display_name: name.map(str::to_owned) }
}

#[tokio::test]
async fn browsers_are_sent_where_each_provider_wants_them() {
    let peer = Peer::saying(Reply::Close).await;
    let state = State::draw(&Entropy::from_seed(1));
    let redirect = reqwest::Url::parse("https://mail.example.org/portal/back?via=a&b=c d").unwrap();
    let wanted = |provider: &Provider| {
        let url = provider.authorise_url(&state, &redirect);
        let decoded = pairs(url.query().unwrap()).into_iter().map(|(name, value)| (name, decode(&value)));
        (format!("{}{}", url.origin().ascii_serialization(), url.path()), decoded.collect::<Vec<_>>(), url)
    };
    let expect = |found: Vec<(String, String)>, expected: &[(&str, &str)]| {
        let expected: Vec<_> =
            expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(found, expected);
    };
    let (state, back) = (state.text(), redirect.to_string());
    let (place, found, url) = wanted(&wechat(&peer));
    assert_eq!(
        (place.as_str(), url.fragment()),
        ("https://open.weixin.qq.com/connect/qrconnect", Some("wechat_redirect"))
    );
    let common = [("redirect_uri", back.as_str()), ("response_type", "code")];
    expect(found, &[("appid", APP), common[0], common[1], ("scope", "snsapi_login"), ("state", &state)]);
    let (place, found, _) = wanted(&wecom(&peer));
    assert_eq!(place, "https://login.work.weixin.qq.com/wwlogin/sso/login");
    let wecom = [("login_type", "CorpApp"), ("appid", APP), ("agentid", "1000002"), common[0]];
    expect(found, &[&wecom[..], &[("state", &state), ("lang", "zh")]].concat());
    let (place, found, _) = wanted(&dingtalk(&peer, true));
    assert_eq!(place, "https://login.dingtalk.com/oauth2/auth");
    let dingtalk = [("client_id", APP), common[0], common[1], ("scope", "openid"), ("prompt", "consent")];
    expect(found, &[&dingtalk[..], &[("state", &state)]].concat());
}

/// WeChat: every parameter where it belongs, each code once.
fn wechat_judges(asked: &Asked, used: &Mutex<HashSet<String>>, unionid: Option<&str>) -> Reply {
    if asked.method != "GET" || !asked.body.is_empty() {
        return error(43001);
    }
    let mut person =
        json!({ "openid": "o-1", "nickname": "张 三\n", "sex": 1, "headimgurl": "", "privilege": [] });
    match asked.path.as_str() {
        "/sns/oauth2/access_token" => {
            if asked.names() != ["appid", "secret", "code", "grant_type"] {
                return error(41008);
            }
            let parameter = |name| asked.parameter(name);
            match () {
                () if parameter("appid") != APP => error(40013),
                () if parameter("secret") != SECRET => error(40125),
                () if parameter("grant_type") != "authorization_code" => error(40002),
                () if parameter("code") != GOOD => error(40029),
                () if !used.lock().unwrap().insert(parameter("code")) => error(40163),
                () => {
                    let mut said = json!({ "access_token": TOKEN, "expires_in": 7200, "refresh_token": "r", "openid": "o-1", "scope": "snsapi_login" });
                    if let Some(unionid) = unionid {
                        said["unionid"] = unionid.into();
                    }
                    Reply::json(&said)
                }
            }
        }
        "/sns/userinfo" => {
            if asked.parameter("access_token") != TOKEN || asked.parameter("openid") != "o-1" {
                return error(40001);
            }
            if let Some(unionid) = unionid {
                person["unionid"] = unionid.into();
            }
            Reply::json(&person)
        }
        _ => Reply::Say(404, String::new()),
    }
}

#[tokio::test]
async fn wechat_tells_a_unionid_once_a_code() {
    let used = Mutex::new(HashSet::new());
    let peer = Peer::start(move |asked| wechat_judges(asked, &used, Some("u-1"))).await;
    let provider = wechat(&peer);
    assert_eq!(provider.identify(GOOD).await, Ok(identity(Kind::WeChat, "u-1", Some("张 三"))));
    assert_eq!(failure(&provider, GOOD).await, ProviderError::Code, "40163");
    assert_eq!(failure(&provider, "another").await, ProviderError::Code, "40029");
    let asked = peer.asked().len();
    for wrong in ["", "a\nb", &"c".repeat(CODE_BYTES_MAX + 1)] {
        assert_eq!(failure(&provider, wrong).await, ProviderError::Code);
    }
    assert_eq!(peer.asked().len(), asked, "what cannot be a code is not asked about");
    assert_eq!(failure(&provider, &"c".repeat(CODE_BYTES_MAX)).await, ProviderError::Code);
    assert_eq!(peer.asked().len(), asked + 1);
}

#[tokio::test]
async fn wechat_without_a_unionid_names_nobody() {
    let used = Mutex::new(HashSet::new());
    let peer = Peer::start(move |asked| wechat_judges(asked, &used, None)).await;
    assert_eq!(failure(&wechat(&peer), GOOD).await, ProviderError::NoUnionId);
    for code in [40125, 50002, -1] {
        let peer = Peer::saying(error(code)).await;
        assert_eq!(failure(&wechat(&peer), GOOD).await, ProviderError::Refused(code.to_string()));
    }
}

#[tokio::test]
async fn wechat_s_two_answers_have_to_agree_and_a_name_may_be_missing() {
    let tokens = |unionid: Option<&str>| {
        let said = json!({ "access_token": TOKEN, "openid": "o-1", "unionid": unionid });
        Reply::json(&said)
    };
    let answers = async |token: Option<&'static str>, person: Reply| {
        let peer = Peer::start(move |asked| match asked.path.as_str() {
            "/sns/oauth2/access_token" => tokens(token),
            _ => person.clone(),
        });
        wechat(&peer.await).identify(GOOD).await
    };
    let person = |unionid: &str| Reply::json(&json!({ "nickname": "N", "unionid": unionid }));
    let two = Err(ProviderError::Unreadable("it names two people"));
    assert_eq!(answers(Some("u-1"), person("u-2")).await, two);
    assert_eq!(answers(None, person("u-2")).await, Ok(identity(Kind::WeChat, "u-2", Some("N"))));
    assert_eq!(answers(Some("u-1"), error(48001)).await, Ok(identity(Kind::WeChat, "u-1", None)));
    assert_eq!(answers(None, error(48001)).await, Err(ProviderError::Refused("48001".into())));
}

/// WeCom: a token for the application, and with it a member for a code. Tokens are numbered.
#[derive(Default)]
struct Company {
    granted: AtomicUsize,
    /// Tokens up to this number have ended.
    ended: AtomicUsize,
}

impl Company {
    fn judge(&self, asked: &Asked) -> Reply {
        if asked.method != "GET" {
            return error(43001);
        }
        match asked.path.as_str() {
            "/cgi-bin/gettoken" if asked.names() != ["corpid", "corpsecret"] => error(41002),
            "/cgi-bin/gettoken" if asked.parameter("corpid") != APP => error(40013),
            "/cgi-bin/gettoken" if asked.parameter("corpsecret") != SECRET => error(40001),
            "/cgi-bin/gettoken" => {
                let number = self.granted.fetch_add(1, Ordering::SeqCst) + 1;
                let token = format!("{TOKEN}{number}");
                Reply::json(
                    &json!({ "errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": 7200 }),
                )
            }
            "/cgi-bin/auth/getuserinfo" => {
                let number = asked
                    .parameter("access_token")
                    .strip_prefix(TOKEN)
                    .and_then(|number| number.parse().ok());
                match (number, asked.parameter("code").as_str()) {
                    (None, _) => error(40014),
                    (Some(number), _) if self.ended.load(Ordering::SeqCst) >= number => error(42001),
                    (_, GOOD) => Reply::json(
                        &json!({ "errcode": 0, "errmsg": "ok", "userid": "ZhangSan", "user_ticket": "t" }),
                    ),
                    (_, "older") => Reply::json(&json!({ "errcode": 0, "UserId": "LiSi" })),
                    (_, "outsider") => {
                        Reply::json(&json!({ "errcode": 0, "openid": "o-1", "external_userid": "w-1" }))
                    }
                    (_, "left") => error(60121),
                    (_, "address") => error(60020),
                    _ => error(40029),
                }
            }
            _ => Reply::Say(404, String::new()),
        }
    }

    async fn start() -> (Arc<Self>, Peer) {
        let company = Arc::new(Self::default());
        let judge = company.clone();
        (company, Peer::start(move |asked| judge.judge(asked)).await)
    }
}

#[tokio::test]
async fn wecom_tells_members_and_refuses_outsiders() {
    let (company, peer) = Company::start().await;
    let provider = wecom(&peer);
    assert_eq!(provider.identify(GOOD).await, Ok(identity(Kind::WeCom, "ZhangSan", None)));
    assert_eq!(provider.identify("older").await, Ok(identity(Kind::WeCom, "LiSi", None)));
    assert_eq!(failure(&provider, "outsider").await, ProviderError::Outsider);
    assert_eq!(failure(&provider, "left").await, ProviderError::Outsider);
    assert_eq!(failure(&provider, "wrong").await, ProviderError::Code);
    assert_eq!(failure(&provider, "address").await, ProviderError::Refused("60020".into()));
    assert_eq!(company.granted.load(Ordering::SeqCst), 1, "one token for all of them");
}

#[tokio::test]
async fn wecom_s_token_is_renewed_when_it_is_refused_and_only_once() {
    let (company, peer) = Company::start().await;
    let provider = wecom(&peer);
    provider.identify(GOOD).await.unwrap();
    company.ended.store(1, Ordering::SeqCst);
    provider.identify(GOOD).await.unwrap();
    assert_eq!(company.granted.load(Ordering::SeqCst), 2);
    company.ended.store(usize::MAX, Ordering::SeqCst);
    assert!(matches!(failure(&provider, GOOD).await, ProviderError::Refused(_)));
    assert_eq!(company.granted.load(Ordering::SeqCst), 3, "no loop");
    let (company, peer) = Company::start().await;
    let provider = Arc::new(wecom(&peer));
    let both = ["older", GOOD].map(|code| {
        let provider = provider.clone();
        tokio::spawn(async move { provider.identify(code).await })
    });
    for told in both {
        assert!(told.await.unwrap().is_ok());
    }
    assert_eq!(company.granted.load(Ordering::SeqCst), 1, "who comes second waits for the first one's");
}

/// DingTalk: JSON in, a code and a status for what is wrong.
fn dingtalk_judges(asked: &Asked, member: i64) -> Reply {
    let wrong = |status: u16, code: &str| {
        let said = json!({ "code": code, "message": format!("about {SECRET}"), "requestid": "0F1B7E5C" });
        Reply::Say(status, said.to_string())
    };
    let is_json = asked.header("content-type") == "application/json";
    let expected: Value =
        json!({ "clientId": APP, "clientSecret": SECRET, "code": GOOD, "grantType": "authorization_code" });
    match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", _) if !is_json => wrong(400, "Missingbody"),
        ("POST", "/v1.0/oauth2/userAccessToken") => match asked.json() {
            said if said == expected => {
                Reply::json(&json!({ "accessToken": TOKEN, "refreshToken": "r", "expireIn": 7200 }))
            }
            said if said["clientSecret"] == SECRET => wrong(400, "invalidParameter.authCode.notFound"),
            _ => wrong(403, "invalidClientIdOrSecret"),
        },
        ("GET", "/v1.0/contact/users/me") => match asked.header("x-acs-dingtalk-access-token").as_str() {
            TOKEN => Reply::json(
                &json!({ "nick": "王五", "unionId": "z21HjQli", "openId": "o", "mobile": "138", "email": "" }),
            ),
            _ => wrong(400, "InvalidAuthentication"),
        },
        ("POST", "/v1.0/oauth2/accessToken") => {
            match asked.json() == json!({ "appKey": APP, "appSecret": SECRET }) {
                true => Reply::json(&json!({ "accessToken": "app-&1", "expireIn": 7200 })),
                false => wrong(400, "invalidClientIdOrSecret"),
            }
        }
        ("POST", "/topapi/user/getbyunionid") => {
            match (asked.parameter("access_token").as_str(), asked.json() == json!({ "unionid": "z21HjQli" }))
            {
                ("app-&1", true) if member == 0 => Reply::json(
                    &json!({ "errcode": 0, "errmsg": "ok", "result": { "contact_type": 0, "userid": "w" } }),
                ),
                ("app-&1", true) => error(member),
                _ => error(40035),
            }
        }
        _ => wrong(404, "InvalidAction.NotFound"),
    }
}

#[tokio::test]
async fn dingtalk_tells_a_union_id() {
    let peer = Peer::start(|asked| dingtalk_judges(asked, 0)).await;
    let expected = identity(Kind::DingTalk, "z21HjQli", Some("王五"));
    assert_eq!(dingtalk(&peer, false).identify(GOOD).await, Ok(expected.clone()));
    assert_eq!(peer.asked().len(), 2);
    let provider = dingtalk(&peer, true);
    assert_eq!(provider.identify(GOOD).await, Ok(expected.clone()));
    assert_eq!(provider.identify(GOOD).await, Ok(expected));
    assert_eq!(peer.asked().len(), 2 + 4 + 3, "the application's token is kept");
    assert_eq!(failure(&provider, "wrong").await, ProviderError::Code);
}

#[tokio::test]
async fn dingtalk_refuses_who_is_no_member() {
    let peer = Peer::start(|asked| dingtalk_judges(asked, 60121)).await;
    assert_eq!(failure(&dingtalk(&peer, true), GOOD).await, ProviderError::Outsider);
    assert!(dingtalk(&peer, false).identify(GOOD).await.is_ok(), "nobody asks");
    let peer = Peer::start(|asked| dingtalk_judges(asked, 88)).await;
    assert_eq!(failure(&dingtalk(&peer, true), GOOD).await, ProviderError::Refused("88".into()));
    let peer = Peer::start(|asked| dingtalk_judges(asked, 40014)).await;
    assert!(matches!(failure(&dingtalk(&peer, true), GOOD).await, ProviderError::Refused(_)));
    let grants = peer.asked().iter().filter(|asked| asked.path == "/v1.0/oauth2/accessToken").count();
    assert_eq!(grants, 2, "a refused token is renewed once");
    let peer = Peer::saying(Reply::Say(403, json!({ "code": "Forbidden.AccessDenied" }).to_string())).await;
    let error = failure(&dingtalk(&peer, false), GOOD).await;
    assert_eq!(error, ProviderError::Refused("Forbidden.AccessDenied".into()));
}

#[tokio::test]
async fn no_provider_s_bad_answer_names_anybody() {
    let replies = [
        Reply::Say(200, String::new()),
        Reply::Say(200, "{}".into()),
        Reply::Say(200, "<html>".into()),
        Reply::Say(200, "[]".into()),
        Reply::Say(400, "<html>".into()),
        Reply::Say(502, "{}".into()),
        Reply::Long(70_000),
        Reply::Endless(70_000),
        Reply::Redirect,
        Reply::Cut,
        Reply::Close,
    ];
    for reply in replies {
        let peer = Peer::saying(reply.clone()).await;
        for provider in [wechat(&peer), wecom(&peer), dingtalk(&peer, false)] {
            let error = failure(&provider, GOOD).await;
            let refused = matches!(&error, ProviderError::Refused(code) if code == "status 400");
            let other = matches!(error, ProviderError::Unreadable(_) | ProviderError::Unreachable(_));
            assert!(other || refused, "{reply:?}: {error:?}");
        }
        assert_eq!(peer.asked().len(), 3, "nothing is tried twice: {reply:?}");
    }
    for reply in [Reply::Never, Reply::Stall] {
        let peer = Peer::saying(reply).await;
        let error = failure(&wechat_within(&peer, IMPATIENT), GOOD).await;
        assert_eq!(error, ProviderError::Timeout(IMPATIENT));
    }
}

#[tokio::test]
async fn a_provider_is_believed_with_its_certificate_only() {
    let folder = tempfile::tempdir().unwrap();
    let person = json!({ "access_token": TOKEN, "openid": "o-1", "unionid": "u-1", "nickname": "N" });
    let (peer, authority) = Peer::encrypted(folder.path(), Reply::json(&person)).await;
    let provider = |ca_file| {
        let settings = WeChatSettings {
            login: Base::parse("https://open.weixin.qq.com").unwrap(),
            api: Base::parse(&format!("https://{}", peer.address)).unwrap(),
            app_id: APP.into(),
            secret: Secret::new(SECRET),
            reach: Reach { ca_file, ..reach(PATIENT) },
        };
        Provider::WeChat(WeChat::new(&settings).unwrap())
    };
    let trusting = provider(Some(authority));
    // Spawned, as a page does it.
    let told = tokio::spawn(async move { trusting.identify(GOOD).await }).await.unwrap();
    assert_eq!(told, Ok(identity(Kind::WeChat, "u-1", Some("N"))));
    let asked = peer.asked().len();
    let error = failure(&provider(None), GOOD).await;
    assert!(matches!(error, ProviderError::Unreachable(_)), "{error:?}");
    assert_eq!(peer.asked().len(), asked, "a stranger is told nothing");
}
