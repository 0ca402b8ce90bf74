//! Names as people, programs and attackers type them.

use super::*;
use proptest::prelude::*;

fn account(typed: &str) -> Result<String, String> {
    AccountName::parse(typed, Some("example.org")).map(|n| n.to_string()).map_err(|e| e.to_string())
}

#[test]
fn account_names_have_one_normal_form() {
    for typed in ["ann@example.org", " Ann@Example.ORG\t", "ann", "ＡＮＮ@example.org", "ANN"] {
        assert_eq!(account(typed).as_deref(), Ok("ann@example.org"), "{typed:?}");
    }
    assert_eq!(account("Jürgen@example.org").as_deref(), Ok("jürgen@example.org"));
    assert_eq!(account("ju\u{308}rgen@example.org").as_deref(), Ok("jürgen@example.org"));
    assert_eq!(AccountName::parse("ann", None).unwrap().as_str(), "ann");
}

#[test]
fn a_domain_is_one_in_all_spellings() {
    for typed in [
        "eve@münchen.example",
        "Eve@MÜNCHEN.example",
        "eve@mu\u{308}nchen.example",
        "eve＠münchen。example",
        "EVE@xn--mnchen-3ya.example",
        "eve@XN--MNCHEN-3YA.example",
    ] {
        assert_eq!(account(typed).as_deref(), Ok("eve@xn--mnchen-3ya.example"), "{typed:?}");
    }
    assert_eq!(account("jürgen@münchen.example").as_deref(), Ok("jürgen@xn--mnchen-3ya.example"));
    assert_eq!(account("xn--x@example.org").as_deref(), Ok("xn--x@example.org"), "no domain, only a name");
    for none in ["eve@xn--a.example", "eve@mün chen.example", "eve@münchen﹫example.org", "eve@℀.example"]
    {
        assert!(account(none).is_err(), "{none:?}");
    }
    let name = AccountName::parse("eve@münchen.example", None).unwrap();
    assert_eq!(name.shown(), "eve@münchen.example");
    assert!(
        AccountName::parse("eve@münchen.example。", None).unwrap().is_odd(),
        "a dot at the end stays one"
    );
}

#[test]
fn a_name_from_right_to_left_is_the_same_with_and_without_its_domain() {
    for typed in ["דנה", "דנה@example.org", "דנה＠Example.org", " דנה@example.org "] {
        assert_eq!(account(typed).as_deref(), Ok("דנה@example.org"), "{typed:?}");
    }
    assert!(account("דנהann@example.org").is_err(), "both ways in one part");
}

#[test]
fn account_names_that_cannot_be() {
    for typed in
        ["", "  ", "an n@example.org", "ann\u{0}@example.org", "ann\u{202e}@example.org", "é\tx", "Ꭰ@x"]
    {
        assert!(account(typed).is_err(), "{typed:?}");
    }
    let longest = format!("{}@example.org", "a".repeat(ACCOUNT_NAME_BYTES_MAX - 12));
    assert_eq!(longest.len(), ACCOUNT_NAME_BYTES_MAX);
    assert!(account(&longest).is_ok());
    assert!(account(&format!("a{longest}")).is_err());
}

#[test]
fn a_name_that_others_may_read_otherwise_is_odd_and_no_address() {
    let odd = [
        "ann",
        "ann@",
        "@example.org",
        "@",
        "@@example.org",
        "＠@example.org",
        "ann@@example.org",
        "ann@x@example.org",
        "ann@example.org.",
        "ann@.example.org",
        "ann@example..org",
        "ann@.",
    ];
    for typed in odd {
        assert!(AccountName::parse(typed, None).unwrap().is_odd(), "{typed:?}");
        assert!(AccountName::parse_address(typed, None).is_err(), "{typed:?}");
    }
    for typed in ["ann@example.org", "ann@x", ".ann.@example.org", "ann+list@example.org"] {
        assert!(!AccountName::parse_address(typed, None).unwrap().is_odd(), "{typed:?}");
    }
}

#[test]
fn tags_are_taken_off() {
    let untagged = |text: &str| AccountName::parse(text, None).unwrap().untagged().map(|n| n.0);
    assert_eq!(untagged("ann+list@example.org").as_deref(), Some("ann@example.org"));
    assert_eq!(untagged("ann+a+b@example.org").as_deref(), Some("ann@example.org"));
    for plain in ["ann@example.org", "+list@example.org", "ann+list", "ann@sub+x.example.org"] {
        assert_eq!(untagged(plain), None, "{plain}");
    }
}

proptest! {
    #[test]
    fn a_normal_form_is_its_own_normal_form(typed in "(\\PC|[a-zA-Z0-9@.+ßİΣ\u{300}。]|xn--){0,12}") {
        if let Ok(name) = AccountName::parse(&typed, None) {
            prop_assert_eq!(AccountName::parse(name.as_str(), None), Ok(name.clone()));
        }
        // The domain that is added is the domain that is typed.
        if !typed.contains(['@', FULL_WIDTH_AT]) && !typed.trim().is_empty() {
            let whole = AccountName::parse(&format!("{}@example.org", typed.trim()), None);
            prop_assert_eq!(AccountName::parse(&typed, Some("example.org")), whole);
        }
        if let Ok(name) = PasswordName::parse(&typed) {
            prop_assert_eq!(PasswordName::parse(name.as_str()), Ok(name));
        }
        if let Ok(name) = GroupName::parse(&typed) {
            prop_assert_eq!(GroupName::parse(name.as_str()), Ok(name));
        }
        if let Ok(protocol) = Protocol::parse(&typed) {
            prop_assert_eq!(Protocol::parse(protocol.as_str()), Ok(protocol));
        }
    }
}

#[test]
fn group_names_are_words() {
    assert_eq!(GroupName::parse(" Staff ").unwrap().as_str(), "staff");
    assert_eq!(GroupName::parse("学生").unwrap().as_str(), "学生");
    assert!(
        GroupName::parse("İ").is_err(),
        "in small letters it is two characters, one of which does not fit"
    );
    for bad in ["", "a b", "a@b", "a/b"] {
        assert!(GroupName::parse(bad).is_err(), "{bad:?}");
    }
    assert!(GroupName::parse(&"g".repeat(PASSWORD_NAME_CHARS_MAX)).is_ok());
    assert!(GroupName::parse(&"g".repeat(PASSWORD_NAME_CHARS_MAX + 1)).is_err());
}

#[test]
fn events_show_no_password_that_was_typed_as_a_name_and_no_book() {
    assert_eq!(for_events("ann@example.org"), "ann@example.org");
    assert_eq!(for_events("Fj7kQm2RxT9wBn4c"), "(looks like a password)");
    assert_eq!(for_events("fj7k qm2r xt9w bn4c"), "(looks like a password)");
    assert_eq!(for_events(&"é".repeat(10_000)).len(), ACCOUNT_NAME_BYTES_MAX);
}

#[test]
fn a_password_name_is_not_a_password() {
    for good in ["Ann's phone", "iPhone", "ABCDEFGHJKLMNPQR", "手机", "Fj7kQm2RxT9wBn4", "x"] {
        assert!(PasswordName::parse(good).is_ok(), "{good:?}");
    }
    for bad in [
        "",
        " ",
        "Fj7kQm2RxT9wBn4c",
        "Fj7k Qm2R xT9w Bn4c",
        "a\nb",
        "a\u{202e}b",
        "Fj7k\u{a0}Qm2R\u{200b}xT9wBn4c",
    ] {
        assert!(PasswordName::parse(bad).is_err(), "{bad:?}");
    }
    assert!(PasswordName::parse(&"手".repeat(PASSWORD_NAME_CHARS_MAX)).is_ok());
    assert!(PasswordName::parse(&"手".repeat(PASSWORD_NAME_CHARS_MAX + 1)).is_err());
}

#[test]
fn a_tab_in_a_name_is_told_as_what_it_is() {
    let why = |name: &str| PasswordName::parse(name).unwrap_err().to_string();
    assert!(why("Ann's\tphone").contains("a tab"));
    assert!(why("Ann's\u{7}phone").contains("cannot be seen"));
    assert_eq!(PasswordName::parse("\tAnn's phone\t").unwrap().as_str(), "Ann's phone");
}

#[test]
fn protocols_compare_without_case_and_sending_is_one_thing() {
    let protocol = |name| Protocol::parse(name).unwrap();
    assert_eq!(protocol("SMTP"), protocol("smtp"));
    assert!(protocol("submission").covers(&protocol("smtp")));
    assert!(!protocol("imap").covers(&protocol("pop3")));
    assert!(Protocol::parse("").is_err());
    assert!(Protocol::parse("im ap").is_err());
    assert!(Protocol::parse(&"p".repeat(PROTOCOL_BYTES_MAX)).is_ok());
    assert!(Protocol::parse(&"p".repeat(PROTOCOL_BYTES_MAX + 1)).is_err());
}

#[test]
fn a_name_that_tables_would_read_as_two_is_none() {
    for typed in [
        "ann,bob@example.org",
        "ann@example.org,bob@example.org",
        "ann@example.org,",
        "\"ann\"@example.org",
        "ann，bob@example.org",
        "ann@a,b",
        "jürgen,ann@example.org",
        "ann bob@example.org",
        "ann\u{a0}b@x",
        "ann\u{2028}b@example.org",
        "ann@example.org\tbob@example.org",
        "ann@exa\u{a0}mple.org",
    ] {
        assert!(account(typed).is_err(), "{typed:?}");
    }
    assert!(account("o'brien@example.org").is_ok());
    assert!(is_one_in_lists("o'brien@example.org"));
    for two in ["", "a,b@x", "a b@x", "a\tb", "a\u{a0}b", "\"a\"@x", "a\nb"] {
        assert!(!is_one_in_lists(two), "{two:?}");
    }
}
