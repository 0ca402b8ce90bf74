//! WeCom as a second factor: there, and back.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use super::browser::{Browser, Page};
use super::site::Site;
use super::{ANN, BOB, MAIN};

/// An imitation of WeCom that says of every code that it is the one who is set.
struct WeCom {
    address: SocketAddr,
    person: Arc<Mutex<String>>,
}

impl WeCom {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let person = Arc::new(Mutex::new("ann".to_owned()));
        let says = Arc::clone(&person);
        // It ends with the test program.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let asked = lines.next().and_then(Result::ok).unwrap_or_default();
                while lines.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
                let body = if asked.contains("/cgi-bin/gettoken") {
                    r#"{"errcode":0,"access_token":"t","expires_in":7200}"#.to_owned()
                } else if asked.contains("code=good") {
                    format!(r#"{{"errcode":0,"userid":"{}"}}"#, says.lock().unwrap())
                } else {
                    r#"{"errcode":40029}"#.to_owned()
                };
                let mut stream = stream;
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { address, person }
    }

    fn is(&self, person: &str) {
        *self.person.lock().unwrap() = person.to_owned();
    }

    fn site(&self) -> Site {
        let secret = std::env::temp_dir().join(format!("sidegate-wecom-{}", self.address.port()));
        std::fs::write(&secret, "a-secret-of-wecom\n").unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        let site = Site::start(
            "",
            &format!(
                "[wecom]\ncorp_id = \"ww0123\"\nagent_id = \"1000002\"\nsecret_file = {secret:?}\n\
                 api_url = \"http://{0}\"\nlogin_url = \"http://{0}\"\n",
                self.address
            ),
        );
        std::fs::remove_file(&secret).unwrap();
        site
    }
}

/// The state with which a form led to the provider.
#[track_caller]
fn state(led: &Page) -> String {
    let url = reqwest::Url::parse(led.location()).unwrap();
    let value = |name: &str| {
        let found = url.query_pairs().find(|(found, _)| found == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    assert_eq!(value("redirect_uri"), "http://localhost:8025/callback/wecom");
    value("state")
}

/// The provider sends the browser back: from another site, by a link.
fn back(browser: &mut Browser, query: &str) -> Page {
    browser.ask("GET", &format!("/callback/wecom?{query}"), &[("sec-fetch-site", "cross-site")], "")
}

#[test]
fn a_person_of_wecom_is_bound_and_asked_at_sign_in() {
    let wecom = WeCom::start();
    let site = wecom.site();
    let (mut ann, _) = site.signed_in(ANN);
    ann.get("/factors/new/wecom").says("You will go to WeCom, confirm there, and come back here.");
    let first = state(&ann.post("/factors/new/wecom", &[]));
    // What this session did not ask for, what was refused, and what is no code.
    for query in ["code=good&state=00000000000000000000000000000000", "code=good", "code=good&state="] {
        let refused = back(&mut ann, query);
        assert_eq!(refused.status, 400, "{query}");
        refused.says("We were not waiting for this confirmation");
    }
    back(&mut ann, &format!("state={first}")).says("It was not confirmed.");
    back(&mut ann, &format!("state={first}&code=bad")).says("It was not confirmed.");
    let bound = back(&mut ann, &format!("state={first}&code=good"));
    assert_eq!(bound.location(), "/two-factor");
    ann.get("/factors").says("WeCom");
    let again = back(&mut ann, &format!("state={first}&code=good"));
    assert_eq!(again.status, 400, "it is good once");
    again.says("Nothing was changed. Go back to where you began");

    ann.post("/sign-out", &[]);
    site.sign_in(&mut ann, ANN).says("Confirm in WeCom.");
    let second = state(&ann.post("/sign-in/code", &[("trust", "yes")]));
    assert_ne!(first, second);
    wecom.is("eve");
    back(&mut ann, &format!("state={second}&code=good")).says("It was not confirmed.");
    wecom.is("ann");
    assert_eq!(back(&mut ann, &format!("state={second}&code=good")).status, 400);
    assert_eq!(ann.get("/").location(), "/sign-in/factor");
    ann.get("/sign-in/factor");
    let factors = ann.get("/sign-in/factor");
    let id =
        factors.body.split("name=\"factor\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    ann.post_and_go("/sign-in/factor", &[("factor", &id)]);
    let third = state(&ann.post("/sign-in/code", &[("trust", "yes")]));
    let inside = back(&mut ann, &format!("state={third}&code=good"));
    assert_eq!(inside.location(), "/");
    assert_eq!(ann.trusts(), 1, "trust is remembered over the way there");

    // The same person looks after another account too, and has one identity there.
    let (mut bob, _) = site.signed_in(BOB);
    bob.get("/factors/new/wecom");
    let theirs = state(&bob.post("/factors/new/wecom", &[]));
    assert_eq!(back(&mut bob, &format!("state={theirs}&code=good")).location(), "/two-factor");
    bob.get("/factors").says("WeCom");
    let more = bob.post("/factors/new/wecom", &[]);
    assert_eq!(more.status, 422, "{}", more.text());
    more.says("You have 1 of these already");
    for hidden in ["a-secret-of-wecom", MAIN, &third] {
        assert!(!site.log().contains(hidden), "{hidden} is in the log");
    }
}

#[test]
fn an_answer_of_somebody_else_s_session_is_none() {
    let wecom = WeCom::start();
    let site = wecom.site();
    let (mut ann, _) = site.signed_in(ANN);
    ann.get("/factors/new/wecom");
    let of_ann = state(&ann.post("/factors/new/wecom", &[]));
    // Eve hands Bob a link with her answer: it would bind her person to his account.
    let (mut bob, _) = site.signed_in(BOB);
    bob.get("/factors/new/wecom");
    state(&bob.post("/factors/new/wecom", &[]));
    assert_eq!(back(&mut bob, &format!("state={of_ann}&code=good")).status, 400);
    bob.get("/factors").says("You have none yet.");
    let mut nobody = site.browser();
    assert_eq!(back(&mut nobody, &format!("state={of_ann}&code=good")).location(), "/sign-in");
}
