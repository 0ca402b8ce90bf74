//! The portal's shipped configuration is true, and its mistakes are told in words that help.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use sidegate::config::portal::{
    Aliyun, DingTalk, Expected, Gateway, GatewayBody, Mail, MailProtocol, MailServer, Portal, Reach,
    Security, Sign, Sms, SmsBy, Tencent, Tls, Verb, WeChat, WeCom,
};
use sidegate::config::{Command, Endpoint, Server, Smtp, SmtpLogin, SmtpTls, Source};

use crate::config::collect_keys;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn try_read(text: &str) -> Result<Portal, String> {
    let source = Source { name: "portal.toml".into(), text: text.into() };
    Portal::from_sources(&[source]).map_err(|error| error.to_string())
}

fn read(text: &str) -> Portal {
    try_read(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The defaults, with the two settings that have none: where browsers come to, and who stands in front.
fn defaults() -> Portal {
    read("site.url = 'https://account.example.org'\nlisten.trusted_proxies = ['127.0.0.1/32', '::1/128']")
}

/// The shipped file with the settings on that `keep` wants; it sees the section of each and the key.
fn switched_on(keep: impl Fn(&str, &str) -> bool) -> String {
    let text = fs::read_to_string(here("conf/portal.toml")).expect("the shipped file");
    let mut section = String::new();
    let mut on = String::new();
    for line in text.lines() {
        let setting =
            line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c == '[' || c.is_lowercase()));
        let Some(setting) = setting else {
            on.push_str(line);
            on.push('\n');
            if line.starts_with('[') {
                section = line.trim_matches(['[', ']']).to_owned();
            }
            continue;
        };
        if setting.starts_with('[') {
            section = setting.trim_matches(['[', ']']).to_owned();
        }
        let key = setting.split(" = ").next().unwrap();
        if keep(&section, key) {
            on.push_str(setting);
            on.push('\n');
        }
    }
    on
}

/// Of settings that exclude each other, these.
fn with_gateway(section: &str, key: &str) -> bool {
    let excluded = [
        ("listen", "path"),
        ("listen", "mode"),
        ("listen", "group"),
        ("sms", "command"),
        ("sms.gateway", "form"),
    ];
    !excluded.contains(&(section, key)) && !["sms.aliyun", "sms.tencent"].contains(&section)
}

#[test]
fn the_shipped_file_is_the_defaults() {
    let shipped = Portal::load(&here("conf/portal.toml")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(shipped, defaults());
    assert_eq!(shipped.site.called(), "account.example.org");
}

fn reach(name: &str) -> Reach {
    Reach {
        ca_file: Some(format!("/etc/sidegate/{name}-ca.pem").into()),
        proxy: Some("http://proxy.example.org:3128".into()),
        ..Reach::default()
    }
}

/// What is switched off shows the default, or where there is none the example that stands here.
#[test]
fn the_shipped_file_switched_on_is_the_defaults_and_the_examples() {
    let mut expected = Portal {
        geoip: Some("/usr/share/GeoIP/GeoLite2-City.mmdb".into()),
        servers: vec![MailServer {
            protocol: MailProtocol::Imap,
            host: "mail.example.org".into(),
            port: 993,
            security: Security::Tls,
        }],
        sms: Some(Sms {
            by: SmsBy::Gateway(example_gateway()),
            template: "SMS_154950909".into(),
            template_en: "SMS_154950910".into(),
            reach: reach("sms"),
        }),
        mail: Some(example_mail()),
        ..defaults()
    };
    expected.site.name = "Example Mail".into();
    expected.site.logo = Some("/etc/sidegate/logo.svg".into());
    expected.site.colour =
        read("site.url = 'https://a.example'\nlisten.path = '/run/x'\nsite.colour = '#0b5cad'").site.colour;
    expected.site.time_zone = Some("Asia/Shanghai".into());
    expected.site.domains = vec!["example.org".into()];
    expected.listen.tls =
        Some(Tls { cert: "/etc/sidegate/portal.pem".into(), key: "/etc/sidegate/portal.key".into() });
    let mut on = read(&switched_on(with_gateway));
    check_example_providers(on.wechat.take(), on.wecom.take(), on.dingtalk.take());
    assert_eq!(on, expected);
}

fn example_gateway() -> Gateway {
    let body = json!({"to": "{phone}", "template": "{template}", "parameters": ["{code}", "{minutes}"]});
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Gateway {
        verb: Verb::Post,
        url: "https://sms.example.org/v1/messages".into(),
        headers: vec![header("Authorization", "Bearer {secret}"), header("X-Request-Id", "{request_id}")],
        body: GatewayBody::Json(body),
        secret_file: Some("/etc/sidegate/sms.secret".into()),
        accept: 200..=299,
        expect: Some(Expected { at: "/code".into(), value: json!(0) }),
        sign: Some(Sign { header: "X-Signature".into(), key_file: "/etc/sidegate/sms-sign.key".into() }),
    }
}

fn example_mail() -> Mail {
    let login = SmtpLogin {
        user: "sidegate@example.org".into(),
        password_file: "/etc/sidegate/smtp.password".into(),
    };
    Mail {
        from: "sidegate@example.org".into(),
        timeout: Mail::TIMEOUT_DEFAULT,
        smtp: Smtp {
            server: Server { host: "mail.example.org".into(), port: 587 },
            tls: SmtpTls::Starttls,
            login: Some(login),
            ca_file: Some("/etc/sidegate/smtp-ca.pem".into()),
        },
    }
}

fn check_example_providers(wechat: Option<WeChat>, wecom: Option<WeCom>, dingtalk: Option<DingTalk>) {
    let wechat = wechat.unwrap();
    assert_eq!((wechat.app_id.as_str(), &wechat.reach), ("wx0123456789abcdef", &reach("proxy")));
    let wecom = wecom.unwrap();
    assert_eq!((wecom.corp_id.as_str(), wecom.agent_id.as_str()), ("ww0123456789abcdef", "1000002"));
    assert_eq!(wecom.secret_file, Path::new("/etc/sidegate/wecom.secret"));
    let dingtalk = dingtalk.unwrap();
    assert_eq!(dingtalk.client_id, "ding0123456789abcdef");
}

/// Those that exclude each other, one after the other.
#[test]
fn the_other_ways_to_phones_and_from_browsers_are_shown_too() {
    let sms = |way: &str| {
        let on =
            switched_on(|section, key| section == way || section == "sms" && key.starts_with(['[', 't']));
        read(&on).sms.unwrap().by
    };
    let SmsBy::Aliyun(aliyun) = sms("sms.aliyun") else { panic!() };
    let parameters = vec![("code".to_owned(), "{code}".to_owned())];
    let expected = Aliyun {
        url: "https://dysmsapi.aliyuncs.com".into(),
        key_id: "LTAI0123456789abcdef".into(),
        secret_file: "/etc/sidegate/sms.secret".into(),
        sign_name: "Example".into(),
        parameters,
    };
    assert_eq!(aliyun, expected);
    let SmsBy::Tencent(tencent) = sms("sms.tencent") else { panic!() };
    let expected = Tencent {
        url: "https://sms.tencentcloudapi.com".into(),
        key_id: "AKID0123456789abcdef".into(),
        secret_file: "/etc/sidegate/sms.secret".into(),
        region: "ap-guangzhou".into(),
        app_id: "1400000000".into(),
        sign_name: "Example".into(),
        parameters: vec!["{code}".into()],
    };
    assert_eq!(tencent, expected);

    let on = switched_on(|section, key| section == "sms" && (key.starts_with('[') || key == "command"));
    let expected =
        Command { program: "/usr/local/bin/send-sms".into(), arguments: vec!["--sidegate".into()] };
    assert_eq!(read(&on).sms.unwrap().by, SmsBy::Command(expected));

    let on = switched_on(|section, key| section == "listen" && ["path", "mode", "group"].contains(&key));
    let listen = read(&on).listen;
    assert_eq!(listen.place, Endpoint::Path("/run/sidegate-portal/http".into()));
    assert_eq!((listen.mode, listen.group.as_deref()), (0o660, Some("www-data")));

    let on = switched_on(|section, key| {
        section == "sms" && key.starts_with('[')
            || section == "sms.gateway" && ["[sms.gateway]", "url", "form"].contains(&key)
    });
    let SmsBy::Gateway(gateway) = read(&on).sms.unwrap().by else { panic!() };
    let GatewayBody::Form(fields) = gateway.body else { panic!() };
    assert_eq!(fields[0], ("mobile".into(), "{phone}".into()));
}

#[test]
fn the_shipped_file_shows_every_key() {
    let table: toml::Table = switched_on(|_, _| true).parse().unwrap();
    let mut shown = BTreeSet::new();
    collect_keys("", &toml::Value::Table(table), &mut shown);
    let known: BTreeSet<String> = Portal::known_keys().into_iter().collect();
    assert_eq!(shown, known);
}

#[test]
fn files_in_portal_d_override_settings_and_whole_lists() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("portal.d")).unwrap();
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    write(
        "portal.toml",
        "site.url = 'https://a.example'\nlisten.path = '/run/x'\n[[servers]]\nprotocol = 'pop3'\nhost = 'a.example'\n",
    );
    write("portal.d/10.toml", "[[servers]]\nprotocol = 'imap'\nhost = 'b.example'\nsecurity = 'starttls'\n");
    write("conf.d/10.toml", "the daemon's, not ours");
    let portal = Portal::load(&folder.path().join("portal.toml")).unwrap();
    assert_eq!(portal.servers.len(), 1);
    assert_eq!((portal.servers[0].host.as_str(), portal.servers[0].port), ("b.example", 143));
}

#[test]
fn a_site_has_a_host_of_its_own() {
    for (url, origin, host) in [
        ("https://account.example.org", "https://account.example.org", "account.example.org"),
        ("https://Account.Example.org/", "https://account.example.org", "account.example.org"),
        ("https://account.example.org:8443", "https://account.example.org:8443", "account.example.org"),
        ("https://account.example.org:443", "https://account.example.org", "account.example.org"),
        ("http://localhost:8025", "http://localhost:8025", "localhost"),
        ("http://[::1]:8025", "http://[::1]:8025", "[::1]"),
    ] {
        let site = read(&format!("site.url = '{url}'\nlisten.path = '/run/x'")).site;
        assert_eq!((site.url.as_str(), site.url.host()), (origin, host), "{url}");
    }
    for wrong in [
        "http://account.example.org",
        "https://account.example.org/portal",
        "https://account.example.org/?a",
        "https://ann@account.example.org",
        "account.example.org",
        "ftp://account.example.org",
        "https:account.example.org",
    ] {
        assert!(try_read(&format!("site.url = '{wrong}'\nlisten.path = '/run/x'")).is_err(), "{wrong}");
    }
}

/// As in `tests/it/config.rs`, with `tests/bad-config/portal/NN-mistake.toml`.
#[test]
fn every_mistake_of_the_portal_s_gallery_is_told_in_full() {
    let mut seen = 0;
    for entry in fs::read_dir(here("tests/bad-config/portal")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "error") {
            continue;
        }
        let folder = format!("{}/", path.parent().unwrap().display());
        let told = match Portal::load(&path) {
            Ok(_) => panic!("{} is no mistake", path.display()),
            Err(error) => format!("{error}\n").replace(&folder, ""),
        };
        let expected = path.with_extension("error");
        if std::env::var_os("SIDEGATE_WRITE_ERRORS").is_some() {
            fs::write(&expected, &told).unwrap();
        }
        assert_eq!(told, fs::read_to_string(&expected).unwrap(), "{}", expected.display());
        seen += 1;
    }
    assert!(seen >= 8, "{seen} mistakes");
}

#[test]
fn nothing_that_may_hold_a_key_is_printed() {
    let portal = read(
        "site.url = 'https://a.example'\nlisten.path = '/run/x'\n[sms]\nproxy = 'http://u:hunter2@p.example'\n[sms.gateway]\n\
         url = 'https://sms.example/hunter2'\nheaders = ['X-Key: hunter2']\nform = ['key=hunter2']",
    );
    assert!(!format!("{portal:?}").contains("hunter2"));
}
