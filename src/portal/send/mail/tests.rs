//! Tests of what mails say, in both languages and both forms.

use super::*;
use crate::config::{Server, SmtpTls};

const SITE: &str = "Example Mail";

fn zone() -> TimeZone {
    TimeZone::fixed(jiff::tz::offset(8))
}

fn occasion(language: Language) -> Occasion {
    Occasion {
        account: "ann@example.org".into(),
        time: Timestamp(1_800_000_000),
        system: Some("Windows 11".into()),
        browser: Some("Firefox 150".into()),
        address: Some("192.0.2.7".into()),
        place: Some("Chongqing, China".into()),
        language,
        request_id: Word::new("r7").unwrap(),
    }
}

fn mail_of(occasion: Occasion) -> CodeMail {
    let code = Code::parse("735519").unwrap();
    CodeMail { code, minutes: 5, purpose: Purpose::SignIn, occasion }
}

fn mail(language: Language) -> CodeMail {
    mail_of(occasion(language))
}

fn courier() -> Courier {
    let server = Server { host: "127.0.0.1".into(), port: 25 };
    let smtp = config::Smtp { server, tls: SmtpTls::None, login: None, ca_file: None };
    Courier::new("gate@example.org", SITE, &smtp, TimeZone::UTC, Duration::from_secs(1)).unwrap()
}

fn message(to: &str, mail: &CodeMail) -> Result<Message, MailError> {
    let courier = courier();
    courier.message(to, mail.letter(SITE, &courier.zone), &mail.occasion)
}

#[test]
fn a_change_is_told_with_every_fact() {
    for (language, change, word) in [
        (Language::En, Change::Added, "Added: Passkey"),
        (Language::En, Change::Changed, "Changed: Passkey"),
        (Language::ZhCn, Change::Removed, "已移除：Passkey"),
    ] {
        let occasion = Occasion { address: None, place: None, ..occasion(language) };
        let told = ChangeMail { change, factor: "Passkey: <Laptop>\r\n".into(), occasion };
        let Letter { text, html, .. } = told.letter(SITE, &zone());
        let escaped = word.replace("Passkey", "Passkey: &lt;Laptop&gt;");
        assert!(text.contains(&format!("{word}: <Laptop>\n")) && html.contains(&escaped), "{text} {html}");
        for fact in ["ann@example.org", "2027-01-15 16:00 (UTC+08:00)", "Windows", "Firefox"] {
            assert!(text.contains(fact) && html.contains(fact), "{fact}");
        }
        assert!(!text.contains("{") && !text.contains("Address"));
    }
}

#[test]
fn both_languages_and_both_forms_tell_every_fact() {
    for language in [Language::En, Language::ZhCn] {
        let letter = mail(language).letter(SITE, &zone());
        let facts = [
            "735519",
            "5",
            "a***@example.org",
            "Example Mail",
            "Chongqing, China",
            "2027-01-15 16:00 (UTC+08:00)",
            "Windows 11",
            "Firefox 150",
            "192.0.2.7",
        ];
        for body in [&letter.text, &letter.html] {
            assert!(facts.iter().all(|fact| body.contains(fact)) && !body.contains("{"), "{body}");
        }
        assert!(!letter.subject.contains("735519"), "{}", letter.subject);
    }
    let english = mail(Language::En).letter(SITE, &zone()).text;
    assert!(english.contains("valid for 5 minutes"), "{english}");
    assert!(mail(Language::ZhCn).letter(SITE, &zone()).text.contains("5 分钟内有效"));
}

#[test]
fn each_purpose_is_told_and_a_stranger_is_accused_of_nothing() {
    let of = |purpose, language| CodeMail { purpose, ..mail(language) }.letter(SITE, &zone());
    for (purpose, subject, opening, chinese) in [
        (Purpose::SignIn, "code to sign in", "sign in to Example Mail as a***@example.org:", "登录验证码"),
        (Purpose::Bind, "code to add this address", "add this mail address to", "绑定此邮箱的验证码"),
        (
            Purpose::Factors,
            "code to change a second factor",
            "change the second factors of",
            "更改二次验证方式的验证码",
        ),
        (Purpose::Change, "code to confirm a change", "confirm a change to", "确认更改的验证码"),
    ] {
        let (english, chinese) = (of(purpose, Language::En), (of(purpose, Language::ZhCn), chinese));
        assert_eq!(english.subject, format!("Example Mail: {subject}"));
        assert_eq!(chinese.0.subject, format!("Example Mail：{}", chinese.1));
        assert!(english.text.contains(opening), "{}", english.text);
        for letter in [&english, &chinese.0] {
            assert!(!letter.subject.contains("735519") && !letter.text.contains("ann@"), "{}", letter.text);
        }
        let accuses = english.text.contains("change your main password");
        assert_eq!(accuses, purpose != Purpose::Bind, "{}", english.text);
        assert_eq!(chinese.0.text.contains("修改主密码"), purpose != Purpose::Bind);
    }
    assert!(of(Purpose::Bind, Language::En).text.contains("You do not know this account? Ignore this mail."));
    assert!(of(Purpose::Bind, Language::ZhCn).text.contains("不认识这个帐号？请忽略此邮件"));
}

#[test]
fn a_name_of_a_site_is_one_line_wherever_it_stands() {
    let courier = courier();
    let odd = Courier { site: "A\r\nBcc: x@y.z\u{202e}".into(), ..courier };
    let letter = mail(Language::En).letter(&odd.site, &odd.zone);
    assert_eq!(letter.subject, "ABcc: x@y.z: code to sign in");
}

#[test]
fn what_is_not_known_is_left_out() {
    let browser = Some("\u{202e}".into());
    let bare = Occasion { system: None, browser, address: None, place: None, ..occasion(Language::En) };
    let text = mail_of(bare).letter(SITE, &zone()).text;
    assert!(!text.contains("System") && !text.contains("Browser") && !text.contains("Address"), "{text}");
}

#[test]
fn a_browser_adds_no_line_and_no_element() {
    let evil = "<img src=x>&\"'\r\n\r\nClick: http://evil\u{2028}\u{202e}".to_owned();
    let odd = Occasion { system: Some(evil.clone()), browser: Some(evil), ..occasion(Language::En) };
    let (letter, plain) = (mail_of(odd).letter(SITE, &zone()), mail(Language::En).letter(SITE, &zone()));
    assert_eq!(letter.text.lines().count(), plain.text.lines().count());
    assert_eq!(letter.html.lines().count(), plain.html.lines().count());
    assert_eq!(letter.html.matches('<').count(), plain.html.matches('<').count());
    assert!(letter.html.contains("&lt;img src=x&gt;&amp;&quot;&#39;Click: http://evil"), "{}", letter.html);
    let long = |chars| {
        let browser = Some("b".repeat(chars));
        mail_of(Occasion { browser, ..occasion(Language::En) }).letter(SITE, &zone())
    };
    assert!(long(FACT_CHARS_MAX) == long(FACT_CHARS_MAX + 1), "a fact has an end");
    assert!(long(FACT_CHARS_MAX - 1) != long(FACT_CHARS_MAX));
}

#[test]
fn a_message_has_the_headers_of_an_automatic_one_and_both_forms() {
    let message = message("ann@elsewhere.example", &mail(Language::ZhCn)).unwrap();
    assert_eq!(message.envelope().from(), None);
    let text = String::from_utf8(message.formatted()).unwrap();
    for part in [
        "From: \"Example Mail\" <gate@example.org>\r\n",
        "To: ann@elsewhere.example\r\n",
        "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n",
        "Message-ID: <r7@example.org>\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Content-Type: multipart/alternative;",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "Content-Type: text/html; charset=utf-8\r\n",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(text.is_ascii(), "other scripts are encoded");
}

#[test]
fn only_an_address_gets_mail() {
    for to in ["ann", "a@b.c\r\nBcc: d@e.f", "a@b.c, d@e.f", "<a@b.c>", ""] {
        assert_eq!(message(to, &mail(Language::En)).unwrap_err(), MailError::Address, "{to}");
    }
}
