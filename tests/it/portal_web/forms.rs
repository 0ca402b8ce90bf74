//! Every form of every page, sent with what no page sends.

use std::collections::BTreeSet;

use serde_json::json;

use super::browser::{Browser, Page, encoded};
use super::site::{Site, URL, bind_app};
use super::{ANN, BOB};

/// Refusals leave at once: there are many.
const SETTINGS: &str =
    "administrators = \"postmasters\"\n[lockout]\nfailure_delay = \"0s\"\nexempt = [\"0.0.0.0/0\"]";

/// Pages that have forms, beside those that are found by their links.
const PAGES: [&str; 11] = [
    "/",
    "/confirm",
    "/two-factor",
    "/recovery-codes",
    "/passwords/new",
    "/passwords/profile",
    "/passwords/remove-all",
    "/devices/sign-out-everywhere",
    "/delegations",
    "/block",
    "/admin/blocks",
];

/// A form of a page: where it is sent, and its fields with their values.
#[derive(Clone, Debug)]
struct Form {
    action: String,
    fields: Vec<(String, String)>,
}

/// What is put into a field.
fn hostile() -> Vec<String> {
    let mut all: Vec<String> = [
        "",
        " ",
        "\0",
        "\t",
        "a\r\nset-cookie: hostile=1",
        "'; DROP TABLE account; --",
        "\"><script>alert(1)</script>",
        "</main><svg onload=alert(1)>",
        "{{7*7}}",
        "%00%0d%0a",
        "../../../etc/passwd",
        "//evil.example/",
        "https://evil.example/",
        "javascript:alert(1)",
        "\\evil.example",
        "-1",
        "0",
        "18446744073709551616",
        "1e309",
        "\u{202e}gro.elpmaxe@nna",
        "\u{1d4b6}nn@example.org",
        "\u{fffe}",
        "true",
        "ann@example.org\nbob@example.org",
        "0.0.0.0/0",
        "::/0",
        "9999-12-31",
        "0000-00-00",
    ]
    .map(str::to_owned)
    .to_vec();
    all.extend(["a".repeat(5_000), "手".repeat(5_000)]);
    all
}

/// The value of an attribute of a tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
    Some(value.replace("&#39;", "'").replace("&#34;", "\"").replace("&#38;", "&"))
}

fn forms(page: &Page) -> Vec<Form> {
    let form = |html: &str| {
        let html = html.split("</form>").next().unwrap_or_default();
        let (head, inside) = html.split_once('>').unwrap_or_default();
        let tags = inside.split('<').filter(|tag| {
            ["input ", "button ", "select ", "textarea "].iter().any(|name| tag.starts_with(name))
        });
        let field = |tag: &str| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()));
        let fields = tags.filter_map(field).filter(|(name, _)| name != "csrf" && name != "once").collect();
        Form { action: attribute(head, "action").expect("where it is sent"), fields }
    };
    page.body.split("<form").skip(1).map(form).collect()
}

/// The pages of ours that a page leads to.
fn links(page: &Page) -> impl Iterator<Item = String> {
    let links = page.body.split(" href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    links
        .filter(|link| link.starts_with('/') && !link.starts_with("/assets/"))
        .map(|link| link.replace("&#38;", "&"))
}

/// Everything that is found from these pages on.
fn found(browser: &mut Browser, pages: &[&str]) -> Vec<(String, Form)> {
    let mut open: Vec<String> = pages.iter().map(|page| (*page).to_owned()).collect();
    let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let page = browser.get(&path);
        assert!(page.status < 500, "{path}: {}", page.text());
        open.extend(links(&page));
        all.extend(forms(&page).into_iter().map(|form| (path.clone(), form)));
    }
    // The same form is on many pages: the language, sign out.
    let mut known = BTreeSet::new();
    all.retain(|(_, form)| known.insert((form.action.clone(), form.fields.clone())));
    all
}

/// Nobody is led away, nothing is shown as it came, and no trouble is made.
fn look(what: &str, page: &Page) {
    assert!([200, 303, 400, 403, 404, 413, 422].contains(&page.status), "{what}: {}", page.status);
    let to = page.header("location");
    let local = to.starts_with('/') && !to.starts_with("//") && !to.contains('\\');
    assert!(page.status != 303 || local, "{what} leads to {to}");
    assert!(
        page.headers.iter().all(|(_, value)| !value.starts_with("hostile=")),
        "{what}: {:?}",
        page.headers
    );
    for raw in ["<script>alert", "<svg onload", "href=\"javascript:"] {
        assert!(!page.body.contains(raw), "{what}: {raw}");
    }
    assert!(
        page.status == 303 || page.header("content-security-policy").contains("default-src 'none'"),
        "{what}"
    );
}

/// Puts all of it into each field of each form; the forms of `known` are among them.
fn send(browser: &mut Browser, pages: &[&str], known: &[&str]) -> usize {
    let forms = found(browser, pages);
    for known in known {
        assert!(forms.iter().any(|(_, form)| form.action == *known), "{known} is not among {forms:#?}");
    }
    let mut sent = 0;
    // Whoever resets her own factors is signed out.
    for (path, form) in forms.iter().filter(|(_, form)| !form.action.ends_with(ANN)) {
        browser.get(path);
        for at in 0..form.fields.len() {
            for value in hostile() {
                let mut fields = form.fields.clone();
                fields[at].1.clone_from(&value);
                let fields: Vec<(&str, &str)> =
                    fields.iter().map(|(name, value)| (&**name, &**value)).collect();
                // Each from somewhere else, or it would be told to wait.
                let mut one = browser.clone();
                one.address = format!("198.51.{}.{}", sent / 250, sent % 250);
                sent += 1;
                let body = encoded(&fields, Some(&browser.token));
                let ours = [("sec-fetch-site", "same-origin"), ("origin", URL)];
                let page = one.ask("POST", &form.action, &ours, &body);
                let shown: String = value.chars().take(40).collect();
                look(&format!("{} with {}={shown:?}", form.action, form.fields[at].0), &page);
            }
        }
    }
    sent
}

#[test]
fn every_form_takes_anything() {
    let site = Site::start(SETTINGS, "");
    let (mut ann, _) = site.signed_in(ANN);
    site.signed_in(BOB);
    site.daemon().control("PATCH", &format!("/v1/accounts/{ANN}"), &json!({ "group": "postmasters" }));
    site.daemon().control(
        "POST",
        "/v1/delegations",
        &json!({ "owner": ANN, "delegate": BOB, "right": "read" }),
    );
    bind_app(&mut ann);
    ann.get("/two-factor");
    ann.post("/two-factor", &[("on", "yes")]).location();
    ann.get("/passwords/new");
    ann.post("/passwords/new", &[("name", "Phone")]);
    let mut stranger = site.browser();
    let (mut pending, page) = site.signed_in(ANN);
    page.says("code");
    let mut sent = send(&mut stranger, &["/sign-in", "/block"], &["/sign-in", "/language"]);
    sent += send(&mut pending, &["/sign-in/factor", "/sign-in/code"], &["/sign-in/code", "/sign-in/factor"]);
    sent += send(
        &mut ann,
        &PAGES,
        &["/confirm", "/delegations", "/two-factor", "/admin/accounts/bob@example.org"],
    );
    // Whose factors were reset, before the set-up code is given.
    let reset = format!("/v1/accounts/{BOB}/factors/reset");
    site.daemon().control("POST", &reset, &json!({ "reason": "lost" }));
    let (mut bob, page) = site.signed_in(BOB);
    page.says("Set-up code");
    sent += send(&mut bob, &["/set-up"], &["/set-up"]);
    assert!(sent > 3_000, "{sent}");
    // Whatever of it was taken, both go on, and Ann is who she was.
    ann.get("/").says("Two-factor | On");
    assert!(!site.log().contains("panicked"), "{}", site.log());
    ann.get("/passwords").says("Client passwords");
}
