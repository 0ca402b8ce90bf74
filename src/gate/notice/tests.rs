//! What notices say.

use super::*;
use proptest::prelude::*;
use serde_json::json;

const PORTAL: Option<&str> = Some("https://mail.example.org/portal");

fn notice() -> Notice {
    Notice {
        id: 7,
        time: Timestamp(1_800_000_000),
        kind: NoticeKind::SendingLimit,
        account: "ann@example.org".into(),
        limit: Some(Limit { on: Limited::RecipientsPerHour, at_most: 50, per: Per::Account }),
        until: Some(Timestamp(1_800_003_600)),
        address: Some("192.0.2.7".into()),
        password: Some((3, "phone".into())),
        revoked: true,
        detail: None,
        actor: None,
        other: None,
    }
}

fn text(notice: &Notice, reader: Reader, language: Language, portal: Option<&str>) -> (String, String) {
    notice.text(reader, language, &TimeZone::UTC, portal)
}

#[test]
fn the_owner_is_told_the_facts_and_what_to_do() {
    let (subject, body) = text(&notice(), Reader::Owner, Language::En, PORTAL);
    assert_eq!(subject, "Sending limit reached: ann@example.org");
    let expected = "\
Your account ann@example.org has reached its sending limit. It cannot send more mail for now.

Limit: 50 recipients per hour
Reached: 2027-01-15 08:00:00 UTC
Can send again: 2027-01-15 09:00:00 UTC
Client password: phone (#3)
Address of the client: 192.0.2.7

This client password was revoked. The device that used it can no longer log in.

If you did not send this mail, somebody else may know one of your passwords. Remove the client password at https://mail.example.org/portal
";
    assert_eq!(body, expected);
    let (_, body) = text(&notice(), Reader::Owner, Language::En, None);
    assert!(body.ends_with("Tell your administrator.\n"), "{body}");
}

#[test]
fn the_administrator_is_told_the_facts() {
    let (_, body) = text(&notice(), Reader::Administrator, Language::En, PORTAL);
    assert!(body.starts_with("The account ann@example.org has reached"), "{body}");
    assert!(body.contains("was revoked") && !body.contains("If you did not"), "{body}");
}

#[test]
fn both_languages_tell_every_fact() {
    for language in [Language::En, Language::ZhCn] {
        for reader in [Reader::Owner, Reader::Administrator] {
            let (subject, body) = text(&notice(), reader, language, PORTAL);
            assert!(subject.contains("ann@example.org"), "{subject}");
            let facts = ["50", "08:00:00 UTC", "09:00:00 UTC", "phone (#3)", "192.0.2.7"];
            assert!(facts.iter().all(|fact| body.contains(fact)), "{body}");
            assert!(!body.contains(['{', '}']), "{body}");
            assert_eq!(body.contains("https://mail.example.org/portal"), reader == Reader::Owner);
        }
    }
}

#[test]
fn what_is_not_known_is_left_out() {
    let bare = Notice { until: None, address: None, password: None, revoked: false, ..notice() };
    let (_, body) = text(&bare, Reader::Administrator, Language::En, None);
    assert_eq!(body.lines().count(), 4, "{body}");
}

#[test]
fn names_add_no_lines_and_turn_no_text_around() {
    let evil = "a\r\nBcc: all@example.org\u{2028}\u{202e}x\u{7}\u{85}";
    let odd = Notice {
        account: evil.into(),
        address: Some(evil.into()),
        password: Some((3, evil.into())),
        ..notice()
    };
    let lines = |notice: &Notice| text(notice, Reader::Owner, Language::En, PORTAL).1.lines().count();
    assert_eq!(lines(&odd), lines(&notice()));
    let (subject, body) = text(&odd, Reader::Owner, Language::En, PORTAL);
    assert_eq!(subject, "Sending limit reached: aBcc: all@example.orgx");
    assert!(!body.contains(['\r', '\u{2028}', '\u{202e}', '\u{7}', '\u{85}']), "{body:?}");
}

#[test]
fn the_json_has_stable_names() {
    let expected = json!({
        "id": 7, "time": 1_800_000_000, "kind": "sending-limit", "account": "ann@example.org",
        "limit": { "on": "recipients-per-hour", "at_most": 50, "per": "account" }, "until": 1_800_003_600, "address": "192.0.2.7",
        "password": { "id": 3, "name": "phone" }, "revoked": true,
    });
    assert_eq!(serde_json::to_value(notice()).unwrap(), expected);
    let limit = &expected["limit"];
    let bare = json!({ "id": 1, "time": 2, "kind": "sending-limit", "account": "a@b", "limit": limit });
    let read: Notice = serde_json::from_value(bare).unwrap();
    assert_eq!((read.password, read.until, read.revoked), (None, None, false));
}

fn event(kind: Kind) -> Event {
    let event = Event::new(Timestamp(1_800_000_000), kind, "ann@example.org").account("ann@example.org");
    let reason = match kind {
        Kind::DelegationGranted => "send-as to bob@example.org",
        Kind::DelegationRevoked => "send-as from bob@example.org",
        _ => "totp",
    };
    let verdict = (kind == Kind::StoppedAtFactor).then(|| TOLD.to_owned());
    Event { verdict, ..event.address("192.0.2.7").reason(reason) }
}

#[test]
fn owners_are_told_of_their_factors_in_both_languages() {
    for kind in OWNERS_KINDS {
        let notice = Notice::of(&event(kind)).expect("told");
        for language in [Language::En, Language::ZhCn] {
            for reader in [Reader::Owner, Reader::Administrator] {
                let (subject, body) = text(&notice, reader, language, PORTAL);
                assert!(subject.contains("ann@example.org") && body.contains("ann@example.org"), "{body}");
                assert!(body.contains("08:00:00 UTC") && body.contains("192.0.2.7"), "{body}");
                assert!(!format!("{subject}{body}").contains(['{', '}']), "{body}");
                // Two ideographs are no English.
                let chinese = body.chars().filter(|c| ('一'..='龥').contains(c)).count();
                assert_eq!(chinese > 2, language == Language::ZhCn, "{body}");
            }
        }
        assert_eq!(serde_json::to_value(notice.kind).unwrap(), kind.word(), "as the event is called");
    }
    for kind in Kind::ALL.into_iter().filter(|kind| !OWNERS_KINDS.contains(kind)) {
        assert_eq!(Notice::of(&event(kind)), None, "{kind:?}");
    }
    for kind in [Kind::DelegationGranted, Kind::DelegationRevoked] {
        assert_eq!(Notice::of(&event(kind).reason("totp")), None, "of whom, nobody knows");
    }
    let by_hand = Event { actor: "uid 0".into(), ..event(Kind::PasswordAdded) };
    assert_eq!(Notice::of(&by_hand), None);
}

#[test]
fn an_owner_is_told_what_it_was_and_what_to_do() {
    let notice = Notice::of(&event(Kind::FactorAdded)).expect("told");
    let (subject, body) = text(&notice, Reader::Owner, Language::En, PORTAL);
    assert_eq!(subject, "New second factor: ann@example.org");
    let expected = "\
A second factor was added to your account ann@example.org.

Second factor: authenticator app
Time: 2027-01-15 08:00:00 UTC
Address of the client: 192.0.2.7

If this was not you, somebody else may know your password. Sign in at https://mail.example.org/portal, remove the second factors, client passwords and delegations that you do not know, sign out everywhere, and tell your administrator.
";
    assert_eq!(body, expected);
    let (_, body) = text(&notice, Reader::Owner, Language::En, None);
    assert!(body.ends_with("If this was not you, tell your administrator at once.\n"), "{body}");
    let reset = Event { actor: "uid 0".into(), ..event(Kind::FactorsReset).reason("lost phone") };
    let (_, body) = text(&Notice::of(&reset).expect("told"), Reader::Owner, Language::En, PORTAL);
    assert!(body.contains("\nReason: lost phone\n") && body.contains("\nBy: uid 0\n"), "{body}");
}

#[test]
fn an_owner_learns_that_somebody_knows_the_main_password() {
    let stopped = Event { actor: "gate".into(), ..event(Kind::StoppedAtFactor).reason("Chrome, Android") };
    let notice = Notice::of(&stopped).expect("told");
    let (subject, body) = text(&notice, Reader::Owner, Language::En, PORTAL);
    assert_eq!(subject, "Sign-in stopped at the second factor: ann@example.org");
    let expected = "\
Somebody gave the right main password of your account ann@example.org, but no second factor. They did not get in.

Browser: Chrome, Android
Time: 2027-01-15 08:00:00 UTC
Address of the client: 192.0.2.7

If it was you, and you mistyped the code or gave up, you need not do anything. If it was not you, somebody knows your main password: change it now. All sign-ins of the last 7 days are listed at https://mail.example.org/portal
";
    assert_eq!(body, expected);
    let (_, body) = text(&notice, Reader::Owner, Language::ZhCn, None);
    assert!(
        body.contains("浏览器：Chrome, Android") && body.contains("请立即修改主密码，并联系管理员"),
        "{body}"
    );
    // Those of whom nobody is told are in the log alone.
    assert_eq!(Notice::of(&Event { verdict: None, ..stopped }), None);
}

#[test]
fn an_owner_is_told_of_forgotten_wrong_codes_without_a_detail() {
    let event = Event::new(Timestamp(0), Kind::FactorsUnlocked, "uid 0").account("ann@example.org");
    let notice = Notice::of(&event.reason("7 wrong codes")).expect("told");
    let (subject, body) = text(&notice, Reader::Owner, Language::En, None);
    assert_eq!(subject, "Codes unlocked: ann@example.org");
    assert!(
        body.contains("somebody else knows your main password: change it.") && body.contains("\nBy: uid 0\n"),
        "{body}"
    );
    assert!(!body.contains("7 wrong codes") && body.contains("If you did not ask for this"), "{body}");
    let (subject, _) = text(&notice, Reader::Owner, Language::ZhCn, None);
    assert_eq!(subject, "验证码已解除锁定：ann@example.org");
}

#[test]
fn owner_and_delegate_are_told_of_a_delegation_in_words_of_their_own() {
    let granted = event(Kind::DelegationGranted);
    let (subject, body) = text(&Notice::of(&granted).expect("told"), Reader::Owner, Language::En, PORTAL);
    assert_eq!(subject, "Somebody may use your mailbox: ann@example.org");
    let expected = "\
bob@example.org may use the mailbox of your account ann@example.org from now on.

Right: send as
Time: 2027-01-15 08:00:00 UTC
Address of the client: 192.0.2.7

If this was not you, somebody else may know your password.";
    assert!(body.starts_with(expected), "{body}");
    let to_bob = Notice::of_delegate(&granted).expect("told");
    assert_eq!((to_bob.account.as_str(), &to_bob.address, &to_bob.actor), ("bob@example.org", &None, &None));
    let (subject, body) = text(&to_bob, Reader::Owner, Language::En, PORTAL);
    assert_eq!(subject, "You may use the mailbox of ann@example.org");
    let expected = "\
With your account bob@example.org you may use the mailbox of ann@example.org from now on.

Right: send as
Time: 2027-01-15 08:00:00 UTC

Where you find it in your mail program, and what you may do there, is said at https://mail.example.org/portal. If you do not know ann@example.org, tell your administrator.
";
    assert_eq!(body, expected);
    let (_, body) = text(&to_bob, Reader::Owner, Language::ZhCn, None);
    assert!(
        body.starts_with(
            "从现在起，您可以用帐号 bob@example.org 使用 ann@example.org 的邮箱。\n\n权限：代理发送\n"
        ),
        "{body}"
    );
    let lost = Notice::of_delegate(&event(Kind::DelegationRevoked)).expect("told");
    let (subject, body) = text(&lost, Reader::Owner, Language::En, PORTAL);
    assert_eq!(subject, "You may no longer use the mailbox of ann@example.org");
    assert!(
        body.contains("\nRight until now: send as\n") && body.ends_with("ask ann@example.org.\n"),
        "{body}"
    );
    // Done by an administrator: the owner need not suspect anybody who knows a password.
    let by_hand = Event { actor: "uid 0".into(), ..granted };
    let (_, body) = text(&Notice::of(&by_hand).expect("told"), Reader::Owner, Language::En, PORTAL);
    assert!(body.contains("\nBy: uid 0\n") && body.contains("If you did not ask for this"), "{body}");
    assert_eq!(Notice::of_delegate(&by_hand).and_then(|notice| notice.actor).as_deref(), Some("uid 0"));
    for kind in Kind::ALL.into_iter().filter(|kind| !kind.word().starts_with("delegation-")) {
        assert_eq!(Notice::of_delegate(&event(kind)), None, "{kind:?}");
    }
    let kinds = [NoticeKind::DelegationReceived, NoticeKind::DelegationLost].map(|kind| json!(kind));
    assert_eq!(kinds, ["delegation-received", "delegation-lost"].map(|word| json!(word)));
}

#[test]
fn every_channel_is_called_the_same_in_json_and_in_logs() {
    use Channel::{AdministratorMail, Command, OwnerMail, Webhook};
    for channel in [OwnerMail, AdministratorMail, Webhook, Command] {
        assert_eq!(serde_json::to_value(channel).unwrap(), channel.word());
    }
}

proptest! {
    #[test]
    fn json_comes_back_as_it_was(account in ".*", name in ".*", id in any::<i64>(), known in any::<bool>()) {
        let notice = Notice { account, password: known.then_some((id, name)), ..notice() };
        let json = serde_json::to_string(&notice).unwrap();
        prop_assert_eq!(serde_json::from_str::<Notice>(&json).unwrap(), notice);
    }

    #[test]
    fn subjects_are_one_bounded_line(account in "[\\PC\r\n\u{85}]{0,400}") {
        let (subject, _) = text(&Notice { account, ..notice() }, Reader::Owner, Language::ZhCn, None);
        prop_assert!(!subject.contains(char::is_control));
        prop_assert!(subject.chars().count() <= FACT_CHARS_MAX + 20);
    }
}
