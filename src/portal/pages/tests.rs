//! What holds for every page: texts complete, everything escaped, nothing inline, safe forms, links to somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{env, fs};

use super::gallery::{Shown, gallery};
use super::{routes, text};
use crate::config::Language;

const LANGUAGES: [Language; 2] = [Language::En, Language::ZhCn];

/// A folder in which the gallery is written, for a browser to look at; see `tests/portal/look.mjs`.
const FOLDER: &str = "SIDEGATE_GALLERY";

fn plain() -> Vec<Shown> {
    LANGUAGES.into_iter().flat_map(|language| gallery(language, &str::to_owned)).collect()
}

/// Each start tag of a page: its name, and all of it.
fn tags(html: &str) -> Vec<(&str, &str)> {
    let starts = html.match_indices('<').filter(|(at, _)| html[at + 1..].starts_with(char::is_alphabetic));
    starts
        .map(|(at, _)| {
            let tag = &html[at + 1..at + html[at..].find('>').unwrap()];
            (tag.split([' ', '\n']).next().unwrap(), tag)
        })
        .collect()
}

/// The value of an attribute.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    tag[start..].split('"').next()
}

#[test]
fn the_gallery_can_be_looked_at() {
    let own = tempfile::tempdir().unwrap();
    let folder = env::var(FOLDER).unwrap_or_else(|_| own.path().to_str().unwrap().to_owned());
    for language in LANGUAGES {
        let below = Path::new(&folder).join(text::tag(language));
        fs::create_dir_all(&below).unwrap();
        for Shown { name, html } in gallery(language, &str::to_owned) {
            fs::write(below.join(format!("{name}.html")), html).unwrap();
        }
    }
    let (plain, own) = (super::assets::Looks::default(), super::gallery::looks());
    for asset in [&plain.style, &plain.icon, &super::assets::SCRIPT, &own.style, &own.icon] {
        let path = Path::new(&folder).join(asset.url.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &asset.bytes).unwrap();
    }
    let page = fs::read_to_string(Path::new(&folder).join("en/sign-in.html")).unwrap();
    for (kind, name) in [("link", "href"), ("script", "src")] {
        let (_, tag) = tags(&page).into_iter().find(|(found, _)| *found == kind).unwrap();
        let loaded = attribute(tag, name).unwrap();
        assert!(Path::new(&folder).join(loaded.trim_start_matches('/')).is_file(), "{loaded}");
    }
}

#[test]
fn every_page_has_all_its_texts() {
    for Shown { name, html } in plain() {
        let missing = html.find('⟦').map(|at| html[at..].chars().take(60).collect::<String>());
        assert_eq!(missing, None, "{name}");
        assert_eq!(html.matches("<h1>").count(), 1, "{name}");
        assert!(!html.contains("{{") && !html.contains("{ $"), "{name}");
        assert!(!html.contains("1970"), "{name}: a date that was never set");
    }
}

#[test]
fn chinese_pages_are_in_chinese() {
    // Names of products, protocols and times are the same in both.
    for Shown { name, html } in gallery(Language::ZhCn, &str::to_owned) {
        for word in ["Sign", "password", "Second factor", "Remove", "Cancel"] {
            let inside =
                html.split('>').filter_map(|part| part.split('<').next()).any(|text| text.contains(word));
            assert!(!inside, "{name} contains {word}");
        }
    }
}

#[test]
fn nothing_from_outside_becomes_markup() {
    let hostile = |text: &str| format!("\"'><script>alert(1)</script><img src=x onerror=y style=z>&{text}");
    for language in LANGUAGES {
        for (Shown { name, html }, calm) in
            gallery(language, &hostile).into_iter().zip(gallery(language, &str::to_owned))
        {
            assert!(!html.contains("<script>") && !html.contains("<img src=x"), "{name}");
            let names =
                |html: &str| tags(html).iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>();
            // A client password of another length is spelled in another number of lines.
            if name != "shown-password" {
                assert_eq!(names(&html), names(&calm.html), "{name}");
            }
            assert!(html.contains("&#60;script&#62;"), "{name}");
        }
    }
}

#[test]
fn nothing_is_inline() {
    for Shown { name, html } in plain() {
        for (kind, tag) in tags(&html) {
            assert!(attribute(tag, "style").is_none(), "{name}: {tag}");
            // What stands between quotes is a value, every second piece the name of an attribute.
            let handler = tag.split('"').step_by(2).any(|names| names.trim_start().starts_with("on"));
            assert!(!handler, "{name}: {tag}");
            assert!(kind != "script" || attribute(tag, "src").is_some(), "{name}: {tag}");
            assert!(kind != "style" && kind != "iframe" && kind != "base", "{name}: {tag}");
        }
        assert!(!html.contains("javascript:") && !html.contains("http-equiv"), "{name}");
    }
}

#[test]
fn every_form_posts_with_the_token_and_the_number() {
    for Shown { name, html } in plain() {
        let mut forms = html.split("<form");
        forms.next();
        for form in forms {
            let (head, rest) = form.split_once('>').unwrap();
            let body = rest.split("</form>").next().unwrap();
            assert!(routes::known(attribute(head, "action").unwrap()), "{name}: {head}");
            if head.contains("role=\"search\"") {
                // A search changes nothing, and must not carry the token into the address.
                assert!(head.contains("method=\"get\"") && !body.contains("csrf"), "{name}");
                continue;
            }
            assert_eq!(attribute(head, "method"), Some("post"), "{name}: {head}");
            let token = "<input type=\"hidden\" name=\"csrf\" value=\"dGhpcyBpcyBhIHRva2Vu\">";
            assert_eq!(body.matches(token).count(), 1, "{name}: {head}");
            let number = "<input type=\"hidden\" name=\"once\" value=\"YSBudW1iZXI\">";
            assert_eq!(body.matches(number).count(), 1, "{name}: {head} could act twice");
            assert!(body.contains("<button"), "{name}: a form without a button needs a script");
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    for Shown { name, html } in plain() {
        for (kind, tag) in tags(&html).into_iter().filter(|(kind, _)| *kind == "a") {
            let target = attribute(tag, "href").unwrap();
            let path = target.split('?').next().unwrap();
            assert!(
                routes::known(path) || target == "#main" || target.starts_with("otpauth://totp/"),
                "{name}: {kind} to {target}"
            );
        }
    }
}

#[test]
fn every_field_has_its_label_and_every_reference_its_target() {
    for Shown { name, html } in plain() {
        let tags = tags(&html);
        let ids: Vec<&str> = tags.iter().filter_map(|(_, tag)| attribute(tag, "id")).collect();
        assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "{name}: an id stands twice");
        for (kind, tag) in &tags {
            if ["input", "select"].contains(kind) && attribute(tag, "type") != Some("hidden") {
                let label = format!("<label for=\"{}\">", attribute(tag, "id").unwrap());
                assert!(html.contains(&label), "{name}: {tag}");
            }
            for pointer in ["aria-describedby", "aria-labelledby"] {
                for id in attribute(tag, pointer).unwrap_or_default().split_whitespace() {
                    assert!(ids.contains(&id), "{name}: nothing has the id {id}");
                }
            }
        }
    }
}

#[test]
fn nobody_is_offered_pages_before_signing_in_and_setting_up() {
    for Shown { name, html } in plain() {
        let before = ["sign-in", "code-", "choose-", "set-up"].iter().any(|start| name.starts_with(start));
        assert_eq!(before || name.contains("-nobody"), !html.contains("<nav"), "{name}");
        let targets =
            tags(&html).into_iter().filter_map(|(_, tag)| attribute(tag, "href")).collect::<Vec<_>>();
        if name.starts_with("set-up") {
            let inside = |target: &str| target.starts_with(routes::FACTORS) || target == routes::SET_UP;
            for target in targets.iter().filter(|target| routes::known(target)) {
                assert!(inside(target) && *target != routes::FACTORS, "{name} leads to {target}");
            }
        }
    }
}

/// Choosing another language loads another page, which no longer has the secret.
#[test]
fn what_is_shown_once_is_not_lost_by_choosing_a_language() {
    for Shown { name, html } in plain() {
        let once = ["shown-password", "new-recovery-codes", "admin-set-up-code"].contains(&&*name);
        assert_eq!(once, !html.contains("action=\"/language\""), "{name}");
    }
}

#[test]
fn a_password_typed_as_a_name_is_not_shown_again() {
    let pages = plain();
    let page = pages.iter().find(|shown| shown.name == "new-password-wrong").unwrap();
    assert!(page.html.contains("id=\"problem\"") && !page.html.contains("ABCDefgh2345mnpq"));
}

#[test]
fn the_browser_knows_what_to_fill_in() {
    let pages: BTreeMap<String, String> = plain().into_iter().map(|shown| (shown.name, shown.html)).collect();
    for word in ["autocomplete=\"username\"", "autocomplete=\"current-password\""] {
        assert!(pages["sign-in"].contains(word));
    }
    for name in ["code-totp", "code-sms", "new-totp", "new-sms-code", "new-mail-code", "confirm-totp"] {
        assert!(pages[name].contains("autocomplete=\"one-time-code\""), "{name}");
        assert!(pages[name].contains("inputmode=\"numeric\""), "{name}");
    }
    assert!(!pages["code-recovery"].contains("inputmode=\"numeric\""));
    for name in ["code-passkey", "new-passkey", "confirm-passkey"] {
        assert!(
            pages[name].contains("data-passkey=") && pages[name].contains("name=\"credential\""),
            "{name}"
        );
    }
}

/// Each id of a file of texts with the variables it names.
fn variables(source: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut id = "";
    for line in source.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with(|first: char| first.is_ascii_lowercase()) {
            id = line.split(" =").next().unwrap();
            assert!(found.insert(id, BTreeSet::new()).is_none(), "{id} stands twice");
        }
        for (at, _) in line.match_indices('$') {
            let name = &line[at + 1..];
            let end = name.find(|next: char| !next.is_ascii_alphanumeric() && next != '-').unwrap();
            found.get_mut(id).unwrap().insert(&name[..end]);
        }
    }
    found
}

#[test]
fn both_languages_have_the_same_texts_with_the_same_variables() {
    let (en, zh) = (variables(text::EN), variables(text::ZH_CN));
    assert_eq!(en, zh);
    for source in [text::EN, text::ZH_CN] {
        let read = fluent_bundle::FluentResource::try_new(source.to_owned());
        assert!(read.is_ok_and(|read| read.entries().count() >= en.len()));
    }
}

#[test]
fn every_text_is_used() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/portal/pages");
    let mut used = String::new();
    for folder in [folder.join(".."), folder.clone(), folder.join("html")] {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file())
        {
            used.push_str(&fs::read_to_string(entry.path()).unwrap());
        }
    }
    for id in variables(text::EN).keys() {
        assert!(used.contains(&format!("\"{id}\"")), "{id} is not used");
    }
}

#[test]
fn a_missing_text_shows_itself() {
    assert_eq!(text::text(Language::En, "no-such-text", None), "⟦no-such-text⟧");
    assert!(text::text(Language::ZhCn, "said-granted", None).contains('⟦'));
}
