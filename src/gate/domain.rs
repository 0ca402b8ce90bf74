//! Mail domains, which are one in all spellings (UTS 46, as browsers follow it): kept in ASCII, shown in Unicode.
//!
//! `München.example`, `münchen。example` and `xn--mnchen-3ya.example` are one domain. The A-label is what the store keeps, what
//! goes over every wire and what JSON says: Dovecot and Postfix take it by default, and it has no second form. People
//! are shown Unicode.

use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// How an A-label begins.
const ACE: &str = "xn--";

/// The one form of a domain; `None` if UTS 46 refuses it. ASCII without A-labels is only put into lower case: a name of a
/// host is whatever the site says it is, and what makes it odd is [`AccountName::is_odd`](super::name::AccountName::is_odd)'s.
#[must_use]
pub fn normal(typed: &str) -> Option<String> {
    if typed.contains('@') {
        return None;
    }
    if typed.bytes().all(|byte| byte.is_ascii_graphic()) {
        let lower = typed.to_ascii_lowercase();
        if !lower.contains(ACE) {
            return Some(lower);
        }
    }
    let length = DnsLength::VerifyAllowRootDot;
    let ascii = Uts46::new().to_ascii(typed.as_bytes(), AsciiDenyList::URL, Hyphens::Allow, length).ok()?;
    Some(ascii.into_owned())
}

/// A domain in normal form as people read it.
#[must_use]
pub fn to_unicode(domain: &str) -> Cow<'_, str> {
    if !domain.contains(ACE) {
        return Cow::Borrowed(domain);
    }
    match Uts46::new().to_unicode(domain.as_bytes(), AsciiDenyList::URL, Hyphens::Allow) {
        (unicode, Ok(())) => Cow::Owned(unicode.into_owned()),
        (_, Err(_)) => Cow::Borrowed(domain),
    }
}

/// Text for people in which each address and each `@domain` is shown in Unicode.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(ACE) {
        return Cow::Borrowed(text);
    }
    let in_domain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut pieces = text.split('@');
    let mut shown = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c| !in_domain(c)).unwrap_or(piece.len());
        // A dot that ends a sentence is no part of the domain.
        let end = piece[..end].trim_end_matches('.').len();
        shown.push('@');
        shown.push_str(&to_unicode(&piece[..end]));
        shown.push_str(&piece[end..]);
    }
    Cow::Owned(shown)
}

/// What a search for `text` looks for in names beside the text itself: people search for a domain as they read it.
#[must_use]
pub fn searched(text: &str) -> Option<String> {
    let kept = match text.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", normal(domain)?),
        None => normal(text)?,
    };
    Some(kept).filter(|kept| kept != text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(typed: &str, expected: Option<&str>) {
        assert_eq!(normal(typed).as_deref(), expected, "{typed:?}");
    }

    #[test]
    fn all_spellings_of_a_domain_are_one() {
        for typed in [
            "münchen.example",
            "MÜNCHEN.Example",
            "mu\u{308}nchen.example",
            "xn--mnchen-3ya.example",
            "XN--Mnchen-3YA.EXAMPLE",
            "münchen。example",
            "münchen．example",
            "mün\u{ad}chen.example",
        ] {
            check(typed, Some("xn--mnchen-3ya.example"));
        }
        check("例子。中国", Some("xn--fsqu00a.xn--fiqs8s"));
        check("परीक्षा.example", Some("xn--11b5bs3a9aj6g.example"));
        check("straße.example", Some("xn--strae-oqa.example"));
        check("ⅷ.example", Some("viii.example"));
        check("Example.ORG", Some("example.org"));
        check("host_1.a--b.example", Some("host_1.a--b.example"));
        check("a--b.münchen", Some("a--b.xn--mnchen-3ya"));
    }

    #[test]
    fn what_uts_46_refuses_is_no_domain() {
        for typed in [
            "xn--",
            "xn--a",
            "xn--example.org",
            "xn--mnchen-3ya\u{0}",
            "xn--MÜNCHEN.example",
            "a@b",
            "a b",
            "mün chen.example",
            "mün\u{a0}chen.example",
            "münchen﹫example",
            "℀.example",
            "münchen..example",
            "\u{ad}",
            "دnא.example",
            "ü%.example",
        ] {
            check(typed, None);
        }
        let long = |letters: usize| normal(&format!("{}.example", "ü".repeat(letters))).is_some();
        assert!(long(50) && !long(80), "a label ends at 63 bytes");
    }

    #[test]
    fn people_are_shown_unicode() {
        for (text, expected) in [
            ("eve@xn--mnchen-3ya.example", "eve@münchen.example"),
            ("@xn--mnchen-3ya.example", "@münchen.example"),
            ("xn--x@example.org", "xn--x@example.org"),
            ("To <eve@xn--mnchen-3ya.example>, bob@xn--fiqs8s.", "To <eve@münchen.example>, bob@中国."),
            ("eve@xn--a.example", "eve@xn--a.example"),
            ("ann@example.org", "ann@example.org"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn a_domain_is_found_as_people_read_it() {
        assert_eq!(searched("münchen").as_deref(), Some("xn--mnchen-3ya"));
        assert_eq!(searched("eve@münchen.example").as_deref(), Some("eve@xn--mnchen-3ya.example"));
        for plain in ["", "ann", "ann@", "@example.org", "@", "ann@exam"] {
            assert_eq!(searched(plain), None, "{plain}");
        }
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own_and_survives_being_shown(typed in "(\\PC|[a-z.ßİü。-]|xn--){0,12}") {
            if let Some(domain) = normal(&typed) {
                prop_assert!(domain.is_ascii());
                prop_assert_eq!(normal(&domain), Some(domain.clone()));
                prop_assert_eq!(normal(&to_unicode(&domain)), Some(domain));
            }
        }
    }
}
