//! Mechanisms that Sidegate does not do itself: offered by the upstream, handed on untouched, counted by result under the
//! identity that the upstream confirmed.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use data_encoding::{BASE64, BASE64URL_NOPAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::cli::logins;
use crate::client::Imap;
use crate::dovecot::{Dovecot, IMAP};
use crate::series::{Series, with_each_dovecot};
use crate::site::{MAIN_PASSWORD, Mode, Plan, Site};

use super::{HOME, assert_in, assert_refused, imap};

const ALICE: &str = "alice@example.test";
const UMA: &str = "uma@example.test";
const TOKEN_KEY: &[u8] = b"a key that only Dovecot and the one who makes tokens know";

/// What the site's own Dovecot offers, and how it checks tokens: by their signature. Written for 2.3; 2.4 says the same
/// things in other words, and on the wire nothing differs.
const OWN: &str = "\
auth_mechanisms = plain login cram-md5 scram-sha-256 xoauth2 oauthbearer
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = @DIR@/oauth2.conf.ext
}
";

#[test]
fn what_the_upstream_offers_is_handed_on_and_counted() {
    let settings = "[main_password]\nmail_clients = \"until-two-factor\"\n";
    let plan =
        Plan::new(Mode::Front).on(Series::V23).settings(settings).dovecot_has(OWN).with_program("curl");
    let Some(site) = plan.start() else { return };
    token_settings(&site);
    site.upstream_user(UMA);
    site.account(ALICE);

    assert_in(&scram(&site, [127, 0, 7, 21], UMA, MAIN_PASSWORD));
    assert_refused(&scram(&site, [127, 0, 7, 21], UMA, "wrong-Main"));
    assert!(curl(&site, "CRAM-MD5", MAIN_PASSWORD));
    assert!(!curl(&site, "CRAM-MD5", "wrong-Main"));
    for mechanism in ["XOAUTH2", "OAUTHBEARER"] {
        assert_in(&bearer(&site, [127, 0, 7, 22], mechanism, UMA, &token(UMA, TOKEN_KEY)));
        assert_refused(&bearer(&site, [127, 0, 7, 22], mechanism, UMA, &token(UMA, b"another key")));
    }

    // Refused results count as any other, on every protocol; here the tenth is a token.
    for n in 0..9 {
        assert_refused(&scram(&site, [127, 0, 7, 23], UMA, &format!("wrong-Main-{n}")));
    }
    assert_refused(&bearer(&site, [127, 0, 7, 23], "XOAUTH2", UMA, &token(UMA, b"another key")));
    assert_refused(&imap(&site, [127, 0, 7, 23].into(), UMA, MAIN_PASSWORD));
    let events = site.cli.json(&["events"]);
    assert_eq!(logins(&events, "127.0.7.23", "wrong-password"), 10, "{events}");

    // Two-factor on: client passwords, and nothing else, whatever the upstream says.
    assert_in(&scram(&site, HOME.octets(), ALICE, MAIN_PASSWORD));
    site.cli.done(&["account", "set", ALICE, "--two-factor", "on"]);
    assert_refused(&scram(&site, HOME.octets(), ALICE, MAIN_PASSWORD));
    assert_refused(&bearer(&site, HOME.octets(), "XOAUTH2", ALICE, &token(ALICE, TOKEN_KEY)));
    assert_in(&imap(&site, HOME, ALICE, &site.password(ALICE, "Phone")));
    site.assert_nothing_secret();
}

#[test]
fn where_main_passwords_are_good_for_nothing_no_other_mechanism_is_offered() {
    let plan = Plan::new(Mode::Front).on(Series::V23).dovecot_has("auth_mechanisms = plain login cram-md5\n");
    let Some(site) = plan.start() else { return };
    let offered = Imap::open(HOME, Dovecot::at(&site, IMAP)).command("CAPABILITY").join(" ");
    assert!(offered.contains("AUTH=PLAIN") && !offered.contains("CRAM-MD5"), "{offered}");
}

#[test]
fn while_observing_every_mechanism_is_the_upstreams() {
    let settings = "[rollout]\nmode = \"observe\"\n";
    let plan = Plan::new(Mode::Front).on(Series::V23).settings(settings);
    let Some(site) = plan.dovecot_has("auth_mechanisms = plain login scram-sha-256\n").start() else {
        return;
    };
    site.account(ALICE);
    site.cli.done(&["account", "set", ALICE, "--two-factor", "on"]);
    for n in 0..10 {
        assert_refused(&scram(&site, [127, 0, 7, 24], ALICE, &format!("wrong-Main-{n}")));
    }
    assert_in(&scram(&site, [127, 0, 7, 24], ALICE, MAIN_PASSWORD));
    assert_in(&scram(&site, HOME.octets(), ALICE, MAIN_PASSWORD));
    let events = site.cli.json(&["events"]);
    assert_eq!(logins(&events, "127.0.7.24", "wrong-password"), 10, "{events}");
    assert_eq!(logins(&events, "127.0.7.24", "blocked"), 1, "{events}");
    assert_eq!(logins(&events, &HOME.to_string(), "main-password"), 1, "{events}");
    site.assert_nothing_secret();
}

with_each_dovecot!(a_main_password_that_may_not_be_used_is_not_proved_by_scram);

/// Right and wrong read the same and take as long, and neither hears anything of the server's before.
fn a_main_password_that_may_not_be_used_is_not_proved_by_scram(series: Series) {
    let settings =
        "[main_password]\nmail_clients = \"until-two-factor\"\n[lockout]\nfailure_delay = \"1s\"\n";
    let own = match series {
        Series::V23 => "auth_mechanisms = plain login scram-sha-256\n",
        Series::V24 => "auth_mechanisms {\n  scram-sha-256 = yes\n}\n",
    };
    let Some(site) = Plan::new(Mode::Front).on(series).settings(settings).dovecot_has(own).start() else {
        return;
    };
    site.upstream_user(UMA);
    site.account(ALICE);
    site.cli.done(&["account", "set", ALICE, "--two-factor", "on"]);
    let told = |user: &str, password: &str| {
        let begun = Instant::now();
        let mut challenges = 0;
        let answer = scram_told(&site, [127, 0, 7, 25], user, password, |_| challenges += 1);
        (answer, challenges, begun.elapsed() >= Duration::from_secs(1))
    };
    let right = told(ALICE, MAIN_PASSWORD);
    assert_refused(&right.0);
    assert_eq!(right, told(ALICE, "wrong-Main"));
    assert_eq!(right, told(UMA, "wrong-Main"), "as for anybody");
    assert_eq!((right.1, right.2), (1, true));
    let (answer, challenges, _) = told(UMA, MAIN_PASSWORD);
    assert_in(&answer);
    assert_eq!(challenges, 2, "the server proves itself");
    let events = site.cli.json(&["events"]);
    assert_eq!(logins(&events, "127.0.7.25", "wrong-password"), 3, "{events}");
    site.assert_nothing_secret();
}

/// A refused token is told by a challenge; whoever hangs up then has failed all the same.
#[test]
fn a_refused_token_counts_although_the_client_hangs_up() {
    let settings = "[main_password]\nmail_clients = \"until-two-factor\"\n";
    let Some(site) = Plan::new(Mode::Front).on(Series::V23).settings(settings).dovecot_has(OWN).start()
    else {
        return;
    };
    token_settings(&site);
    site.upstream_user(UMA);
    for n in 0..12 {
        let token = token(UMA, format!("key {n}").as_bytes());
        let message = BASE64.encode(format!("user={UMA}\u{1}auth=Bearer {token}\u{1}\u{1}").as_bytes());
        let mut client = Imap::open([127, 0, 7, 26].into(), Dovecot::at(&site, IMAP));
        let line = client.command(&format!("AUTHENTICATE XOAUTH2 {message}")).pop().expect("an answer");
        assert!(line.starts_with(if n < 10 { "+ " } else { "NO" }), "{n}: {line}");
    }
    let events = site.cli.json(&["events"]);
    assert_eq!(logins(&events, "127.0.7.26", "wrong-password"), 10, "{events}");
    assert_eq!(site.cli.json(&["block", "list"])["blocks"].as_array().map(Vec::len), Some(1));
}

fn token_settings(site: &Site) {
    let folder = site.path("dovecot/keys/default/HS256");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("default"), BASE64.encode(TOKEN_KEY)).expect("the key");
    let keys = site.path("dovecot/keys");
    let settings = format!(
        "introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={}/\nusername_attribute = sub\n",
        keys.display()
    );
    fs::write(site.path("dovecot/oauth2.conf.ext"), settings).expect("oauth2.conf.ext");
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// A JSON web token for `user`, good for years (RFC 7519, HS256).
fn token(user: &str, key: &[u8]) -> String {
    let part = |json: String| BASE64URL_NOPAD.encode(json.as_bytes());
    let head = part("{\"alg\":\"HS256\",\"typ\":\"JWT\"}".to_owned());
    let body = part(format!("{{\"sub\":\"{user}\",\"iat\":1700000000,\"exp\":4000000000}}"));
    let signature = BASE64URL_NOPAD.encode(&mac(key, format!("{head}.{body}").as_bytes()));
    format!("{head}.{body}.{signature}")
}

fn bearer(site: &Site, from: [u8; 4], mechanism: &str, user: &str, token: &str) -> String {
    site.secret(user, token);
    let first = match mechanism {
        "XOAUTH2" => format!("user={user}\u{1}auth=Bearer {token}\u{1}\u{1}"),
        _ => format!("n,a={user},\u{1}auth=Bearer {token}\u{1}\u{1}"),
    };
    // A refusal comes as a challenge that says why; the client has nothing to add.
    Imap::open(from.into(), Dovecot::at(site, IMAP)).converse(mechanism, &first, |_| String::new())
}

/// SCRAM-SHA-256 (RFC 7677).
fn scram(site: &Site, from: [u8; 4], user: &str, password: &str) -> String {
    scram_told(site, from, user, password, |_| ())
}

/// The same; `heard` is told every challenge.
fn scram_told(site: &Site, from: [u8; 4], user: &str, password: &str, mut heard: impl FnMut(&str)) -> String {
    site.secret(user, password);
    let bare = format!("n={user},r=rOprNGfwEbeRWgbNEkqO");
    let mut step = 0;
    let first = format!("n,,{bare}");
    Imap::open(from.into(), Dovecot::at(site, IMAP)).converse("SCRAM-SHA-256", &first, |challenge| {
        heard(challenge);
        step += 1;
        if step > 1 {
            return String::new();
        }
        let field = |name: &str| {
            let field = challenge.split(',').find_map(|field| field.strip_prefix(name));
            field.unwrap_or_else(|| panic!("no {name} in {challenge}"))
        };
        let salt = BASE64.decode(field("s=").as_bytes()).expect("a salt");
        let rounds: u32 = field("i=").parse().expect("a number of rounds");
        let mut round = mac(password.as_bytes(), &[&salt[..], &[0, 0, 0, 1]].concat());
        let mut salted = round;
        for _ in 1..rounds {
            round = mac(password.as_bytes(), &round);
            salted.iter_mut().zip(round).for_each(|(byte, more)| *byte ^= more);
        }
        let client_key = mac(&salted, b"Client Key");
        let stored: [u8; 32] = Sha256::digest(client_key).into();
        let last = format!("c=biws,r={}", field("r="));
        let signature = mac(&stored, format!("{bare},{challenge},{last}").as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(key, byte)| key ^ byte).collect();
        format!("{last},p={}", BASE64.encode(&proof))
    })
}

/// Whether curl gets in.
fn curl(site: &Site, mechanism: &str, password: &str) -> bool {
    site.secret(UMA, password);
    let mut curl = Command::new("curl");
    curl.args(["-s", "--max-time", "20", "--interface", "127.0.7.24"])
        .args(["--login-options", &format!("AUTH={mechanism}"), "--user", &format!("{UMA}:{password}")])
        .arg(format!("imap://{}/", Dovecot::at(site, IMAP)));
    curl.output().expect("curl can be started").status.success()
}
