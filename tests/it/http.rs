//! The HTTP listener over a real connection: Dovecot's auth policy, nginx's questions, numbers, health.

use std::net::{SocketAddr, TcpListener};

use axum::http::StatusCode;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::world::World;

mod outage;
mod two_doors;

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";
const ANNS: &str = "Fj7kQm2RxT9wBn4c";
const GUESSER: &str = "192.0.2.7";
const KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// A world with an HTTP listener, and a connection to it.
struct Site {
    world: World,
    address: SocketAddr,
    key: Option<&'static str>,
}

impl Site {
    async fn start(listener: &str, settings: &str) -> Self {
        let address = free_address();
        let listen = format!(
            "[[listen]]\nprotocol = \"http\"\naddress = \"{address}\"\n\
             backends = {{ imap = \"127.0.0.1:1143\", smtp = \"127.0.0.2:1587\" }}\n{listener}\n{settings}"
        );
        let world = World::start(&listen).await;
        world.account(ANN).await;
        world.password(ANN, "phone", ANNS).await;
        Self { world, address, key: None }
    }

    async fn connect(&self) -> Peer {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Peer { sender, key: self.key }
    }

    async fn failures(&self) -> usize {
        self.world.events("refuse", Some("wrong-password")).await
    }
}

fn free_address() -> SocketAddr {
    // Nobody else takes it in the moment before the listener does.
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

struct Peer {
    sender: SendRequest<Full<bytes::Bytes>>,
    key: Option<&'static str>,
}

impl Peer {
    async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        if let Some(key) = self.key {
            request = request.header("X-Sidegate-Key", key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body)).unwrap();
        self.sender.ready().await.unwrap();
        let (head, body) = self.sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&mut self, path: &str) -> (StatusCode, String) {
        let (status, _, body) = self.ask("GET", path, &[], String::new()).await;
        (status, body)
    }

    async fn policy(&mut self, command: &str, body: Value) -> Value {
        let path = format!("/policy?command={command}");
        let (status, _, body) = self.ask("POST", &path, &[], body.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// `status` of an `allow`.
    async fn allow(&mut self, session: &str, login: &str, from: &str) -> i64 {
        self.policy("allow", told(session, login, from, "08d4")).await["status"].as_i64().unwrap()
    }

    async fn report(&mut self, session: &str, login: &str, from: &str, success: bool, policy_reject: bool) {
        let mut body = told(session, login, from, "08d4");
        body["success"] = json!(success);
        body["policy_reject"] = json!(policy_reject);
        assert_eq!(self.policy("report", body).await["status"], 0);
    }

    /// An attempt that Dovecot's own passdb finds wrong.
    async fn fail(&mut self, session: &str, login: &str, from: &str) {
        assert_eq!(self.allow(session, login, from).await, 0);
        self.report(session, login, from, false, false).await;
    }

    /// One that it finds right.
    async fn succeed(&mut self, session: &str, login: &str, from: &str) {
        assert_eq!(self.allow(session, login, from).await, 0);
        assert_eq!(self.allow(session, login, from).await, 0);
        self.report(session, login, from, true, false).await;
    }

    async fn nginx(&mut self, protocol: &str, user: &str, pass: &str, from: &str) -> Vec<String> {
        let headers = [
            ("Auth-Method", "plain"),
            ("Auth-User", user),
            ("Auth-Pass", pass),
            ("Auth-Protocol", protocol),
            ("Auth-Login-Attempt", "1"),
            ("Client-IP", from),
        ];
        let (status, headers, _) = self.ask("GET", "/auth", &headers, String::new()).await;
        assert_eq!(status, StatusCode::OK);
        let names = ["server", "port", "user", "wait", "error-code", "status"];
        let value = |name: &str| headers.get(format!("auth-{name}")).map(|value| value.to_str().unwrap());
        names.iter().filter_map(|name| value(name)).map(str::to_owned).collect()
    }
}

fn told(session: &str, login: &str, from: &str, pwhash: &str) -> Value {
    json!({ "device_id": "", "login": login, "protocol": "imap", "pwhash": pwhash, "remote": from,
            "session_id": session, "tls": false })
}

#[tokio::test]
async fn while_observing_dovecot_may_always_try_and_what_would_be_is_told() {
    let observe = "[main_password]\nchecked_by = \"next-passdb\"\n[rollout]\nmode = \"observe\"";
    let site = Site::start("", observe).await;
    let mut peer = site.connect().await;
    for n in 0..10 {
        peer.fail(&format!("s{n}"), ANN, "192.0.2.7").await;
    }
    assert_eq!(site.world.events("would-refuse", Some("blocked")).await, 0);
    peer.succeed("right", ANN, "192.0.2.7").await;
    assert_eq!(site.world.events("would-refuse", Some("blocked")).await, 1, "the first of a minute at once");
    assert_eq!(site.world.events("refuse", Some("wrong-password")).await, 10, "by Dovecot itself");
    assert!(site.world.service.blocks().is_empty());
}

#[tokio::test]
async fn two_hundred_attempts_at_once_are_tried_exactly_ten_times() {
    let site = Site::start("", "").await;
    let mut attempts = Vec::new();
    for n in 0..200 {
        let mut peer = site.connect().await;
        attempts.push(tokio::spawn(async move {
            let session = format!("session {n}");
            let allowed = peer.allow(&session, ANN, GUESSER).await == 0;
            peer.report(&session, ANN, GUESSER, false, !allowed).await;
            allowed
        }));
    }
    let mut tried = 0;
    for attempt in attempts {
        tried += usize::from(attempt.await.unwrap());
    }
    assert_eq!((tried, site.failures().await), (10, 10));
    let mut peer = site.connect().await;
    let answer = peer.policy("allow", told("s", ANN, GUESSER, "")).await;
    assert_eq!(answer["status"], -1);
    assert!(answer["msg"].as_str().unwrap().starts_with("[ALERT] Too many failed logins"), "{answer}");
}

#[tokio::test]
async fn attempts_without_a_session_are_counted_as_exactly() {
    let site = Site::start("", "").await;
    let mut peer = site.connect().await;
    let ask = |n: usize| told("", ANN, GUESSER, &format!("{n:04x}"));
    for n in 0..10 {
        assert_eq!(peer.policy("allow", ask(n)).await["status"], 0);
    }
    let eleventh = peer.policy("allow", ask(10)).await;
    assert_eq!(eleventh["status"], -1, "ten are being tried");
    assert!(eleventh["msg"].as_str().unwrap().contains("Try again later"), "{eleventh}");
    for n in 0..10 {
        let mut body = ask(n);
        body["success"] = json!(false);
        peer.policy("report", body).await;
    }
    assert_eq!((site.failures().await, site.world.service.blocks().len()), (10, 1));
}

#[tokio::test]
async fn a_right_password_needs_no_second_seat_and_forgets_its_own_failures() {
    let site = Site::start("", "").await;
    let mut peer = site.connect().await;
    for session in ["", "imap"] {
        for _ in 0..9 {
            peer.fail(session, ANN, GUESSER).await;
        }
        peer.succeed(session, BOB, GUESSER).await;
        peer.succeed(session, ANN, GUESSER).await;
    }
    assert_eq!(site.world.events("accept", Some("main-password")).await, 4);
    for n in 0..10 {
        peer.fail("imap", ANN, GUESSER).await;
        let own = peer.allow("bob", BOB, GUESSER).await;
        peer.report("bob", BOB, GUESSER, own == 0, own != 0).await;
        assert_eq!(own, if n < 9 { 0 } else { -1 }, "{n}");
    }
}

#[tokio::test]
async fn what_was_refused_before_is_no_failure_and_exempt_addresses_are_let_through() {
    let site = Site::start("", "").await;
    let mut peer = site.connect().await;
    for n in 0..30 {
        assert_eq!(peer.allow(&n.to_string(), ANN, GUESSER).await, 0);
        peer.report(&n.to_string(), ANN, GUESSER, false, true).await;
        peer.fail("local", ANN, "127.0.0.1").await;
    }
    assert!(site.world.service.blocks().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_seat_whose_report_does_not_come_is_given_back() {
    use sidegate::gate::policy::SEAT_KEPT;
    use sidegate::service::{Allowed, PolicyAttempt};
    let world = World::start("").await;
    let attempt = |n: usize| PolicyAttempt {
        login: ANN.into(),
        remote: GUESSER.parse().ok(),
        protocol: sidegate::gate::name::Protocol::parse("imap").unwrap(),
        session: sidegate::gate::policy::Session::parse(&n.to_string()),
        mark: String::new(),
    };
    for n in 0..10 {
        assert_eq!(world.service.policy_allow(&attempt(n)).await, Allowed::Now);
    }
    assert!(matches!(world.service.policy_allow(&attempt(10)).await, Allowed::No(_)));
    tokio::time::advance(SEAT_KEPT).await;
    assert_eq!(world.service.policy_allow(&attempt(10)).await, Allowed::Now);
}

#[tokio::test]
async fn a_block_is_one_block_on_both_doors() {
    let site = Site::start("", "").await;
    let (mut http, mut peer) = (site.connect().await, site.world.client().await);
    for n in 0..5 {
        http.fail("imap", BOB, GUESSER).await;
        assert_eq!(peer.login(ANN, &format!("wrong {n}"), GUESSER).await, "FAIL");
    }
    assert_eq!(peer.login(ANN, ANNS, GUESSER).await, "FAIL");
    assert_eq!(http.allow("imap", BOB, GUESSER).await, -1);
    for n in 0..10 {
        assert_eq!(peer.login(ANN, &format!("wrong {n}"), "192.0.2.8").await, "FAIL");
    }
    assert_eq!(http.allow("imap", BOB, "192.0.2.8").await, -1);
    assert_eq!(http.allow("imap", BOB, "192.0.2.9").await, 0);
}

/// Dovecot asks the policy, then Sidegate as a passdb (the Lua bridge), and reports what Sidegate said.
#[tokio::test]
async fn what_sidegate_decided_itself_is_counted_once() {
    let site = Site::start("", "").await;
    let (mut http, mut peer) = (site.connect().await, site.world.client().await);
    let params = format!("service=imap\trip={GUESSER}\tsession=s1");
    for n in 0..10 {
        assert_eq!(http.allow("s1", ANN, GUESSER).await, 0, "{n}");
        let begun = std::time::Instant::now();
        let answer = peer.answer(ANN, &format!("wrong {n}"), &params).await;
        assert!(answer.starts_with("FAIL") && !answer.contains("temp"), "{n}: {answer}");
        assert!(begun.elapsed().as_secs() < 5, "the seat is there already");
        http.report("s1", ANN, GUESSER, false, false).await;
        assert_eq!(site.failures().await, n + 1);
    }
    assert_eq!(http.allow("s1", ANN, GUESSER).await, -1);
    let params = "service=imap\trip=192.0.2.8\tsession=s2";
    assert_eq!(http.allow("s2", ANN, "192.0.2.8").await, 0);
    assert!(peer.answer(ANN, ANNS, params).await.starts_with("OK"));
    assert_eq!(http.allow("s2", ANN, "192.0.2.8").await, 0);
    http.report("s2", ANN, "192.0.2.8", true, false).await;
    assert_eq!(site.world.events("accept", None).await, 1);
}

/// Sidegate sends main passwords on; Dovecot's next passdb decides, and that counts.
#[tokio::test]
async fn what_sidegate_left_to_the_next_passdb_is_counted_by_its_report() {
    let settings = "[main_password]\nmail_clients = \"until-two-factor\"\nchecked_by = \"next-passdb\"\n[lockout]\nfailures = 3";
    let site = Site::start("", settings).await;
    let (mut http, mut peer) = (site.connect().await, site.world.client().await);
    let params = format!("service=imap\trip={GUESSER}\tsession=s1");
    for n in 0..3 {
        assert_eq!(http.allow("s1", ANN, GUESSER).await, 0, "{n}");
        peer.answer(ANN, &format!("main {n}"), &params).await;
        http.report("s1", ANN, GUESSER, false, false).await;
    }
    assert_eq!((site.failures().await, site.world.service.blocks().len()), (3, 1));
}

#[tokio::test]
async fn what_is_no_request_is_told_so() {
    let site = Site::start("", "").await;
    let mut peer = site.connect().await;
    let mut post = async |path: &str, body: String| peer.ask("POST", path, &[], body).await.0.as_u16();
    let good = || told("s", ANN, GUESSER, "").to_string();
    assert_eq!(post("/policy?command=allow", "nonsense".into()).await, 400);
    assert_eq!(post("/policy?command=allow", "{}".into()).await, 400);
    assert_eq!(post("/policy?command=report", good()).await, 400, "no success");
    assert_eq!(post("/policy?command=dance", good()).await, 400);
    assert_eq!(post("/policy", good()).await, 400);
    assert_eq!(post("/elsewhere", good()).await, 404);
    let padding = "x".repeat(sidegate::http::BODY_BYTES_MAX);
    assert_eq!(post("/policy?command=allow", padding.clone()).await, 400, "the longest that is read");
    assert_eq!(site.connect().await.ask("POST", "/policy?command=allow", &[], padding + "x").await.0, 413);
    assert_eq!(site.connect().await.ask("GET", "/policy?command=allow", &[], String::new()).await.0, 405);
}

#[tokio::test]
async fn without_the_key_there_is_only_health() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{KEY}\n")).unwrap();
    let mut site = Site::start(&format!("key_file = {:?}", file.path()), "").await;
    for wrong in [None, Some(""), Some("another secret, as long"), Some(&KEY[1..])] {
        site.key = wrong;
        let mut peer = site.connect().await;
        assert_eq!(peer.get("/metrics").await.0, 403, "{wrong:?}");
        assert_eq!(peer.ask("POST", "/policy?command=allow", &[], String::new()).await.0, 403);
        assert_eq!(peer.get("/healthz").await, (StatusCode::OK, "ok\n".into()));
    }
    site.key = Some(KEY);
    let mut peer = site.connect().await;
    assert_eq!(peer.get("/metrics").await.0, 200);
    assert_eq!(peer.allow("s", ANN, GUESSER).await, 0);
}

#[tokio::test]
async fn a_unix_socket_serves_those_whom_it_lets_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http");
    for (peers, served) in [("", true), ("peers = [4294967294]", false)] {
        let _world =
            World::start(&format!("[[listen]]\nprotocol = \"http\"\npath = {path:?}\n{peers}")).await;
        let stream = tokio::net::UnixStream::connect(&path).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut peer = Peer { sender, key: None };
        let request = Request::get("/healthz").body(Full::default()).unwrap();
        let answer = peer.sender.send_request(request).await;
        assert_eq!(answer.is_ok_and(|answer| answer.status() == 200), served, "{peers}");
        std::fs::remove_file(&path).unwrap();
    }
}

#[tokio::test]
async fn numbers_are_what_prometheus_reads_and_name_nobody() {
    let site = Site::start("", "").await;
    let mut peer = site.connect().await;
    for _ in 0..10 {
        peer.fail("s", ANN, GUESSER).await;
    }
    peer.succeed("s", ANN, "192.0.2.8").await;
    let (_, text) = peer.get("/metrics").await;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, number) = line.rsplit_once(' ').expect(line);
        assert!(name.starts_with("sidegate_") && number.parse::<f64>().is_ok(), "{line}");
        assert_eq!(name.contains('{'), name.ends_with("\"}"), "{line}");
    }
    for line in [
        "sidegate_logins_total{verdict=\"accept\"} 1",
        "sidegate_logins_total{verdict=\"refuse\"} 10",
        "sidegate_refusals_total{reason=\"wrong-password\"} 10",
        "sidegate_blocks 1",
        "sidegate_store_writable 1",
        "sidegate_connections{protocol=\"http\"} 1",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} in\n{text}");
    }
    assert!(!text.contains("example.org") && !text.contains("192.0.2"), "{text}");
}

#[tokio::test]
async fn nginx_is_told_where_to_or_why_not() {
    let site = Site::start("", "[lockout]\nfailure_delay = \"1500ms\"\nfailures = 3").await;
    let mut peer = site.connect().await;
    let ok = peer.nginx("imap", "Ann%40example.org", ANNS, GUESSER).await;
    assert_eq!(ok, ["127.0.0.1", "1143", ANN, "OK"]);
    let ok = peer.nginx("smtp", ANN, "Fj7kQm2R%20xT9wBn4c", GUESSER).await;
    assert_eq!(ok, ["127.0.0.2", "1587", ANN, "OK"]);
    let begun = std::time::Instant::now();
    let refused = peer.nginx("imap", ANN, "wrong+1", GUESSER).await;
    assert_eq!(refused, ["1", "[AUTHENTICATIONFAILED] Authentication failed"]);
    let refused = peer.nginx("smtp", ANN, "wrong%2B2", GUESSER).await;
    assert_eq!(refused, ["1", "535 5.7.8", "Authentication failed"]);
    // An empty password is no failure, and is told no sooner.
    let refused = peer.nginx("imap", ANN, "", GUESSER).await;
    assert_eq!(refused, ["1", "[AUTHENTICATIONFAILED] Authentication failed"]);
    assert!(
        (1500..2500).contains(&begun.elapsed().as_millis()),
        "nginx waits for the last second, we before"
    );
    let later = peer.nginx("pop3", ANN, ANNS, GUESSER).await;
    assert_eq!(later.len(), 1, "no backend is trouble of our own: {later:?}");
    assert!(later[0].starts_with("[SYS/TEMP] ") && later[0].contains("Try again later"), "{later:?}");
    peer.nginx("imap", ANN, "wrong 3", GUESSER).await;
    let blocked = peer.nginx("smtp", ANN, ANNS, GUESSER).await;
    assert_eq!(blocked[0], "421 4.7.0", "no wrong password, and nothing to wait for");
    assert!(blocked[1].starts_with("Too many failed logins"), "{blocked:?}");
    let blocked = peer.nginx("imap", ANN, ANNS, GUESSER).await;
    assert!(blocked.len() == 1 && blocked[0].starts_with("[ALERT] Too many failed logins"), "{blocked:?}");
    let blocked = peer.nginx("pop3", ANN, ANNS, GUESSER).await;
    assert!(blocked.len() == 1 && blocked[0].starts_with("[SYS/TEMP] "), "{blocked:?}");
    assert_eq!(peer.allow("s", ANN, GUESSER).await, -1, "one block for all");
    assert_eq!(site.world.events("refuse", Some("wrong-password")).await, 3);
}

#[tokio::test]
async fn trouble_of_our_own_is_temporary_for_nginx() {
    let missing = "[main_password]\nmail_clients = \"until-two-factor\"\n\
                   [upstream]\nauth = \"/nowhere/auth\"\nuserdb = \"/nowhere/userdb\"\ntimeout = \"1s\"";
    let site = Site::start("", missing).await;
    let mut peer = site.connect().await;
    let later = peer.nginx("smtp", ANN, "main password", GUESSER).await;
    assert_eq!(later[0], "454 4.7.0");
    let later = peer.nginx("imap", ANN, "main password", GUESSER).await;
    assert!(later.len() == 1 && later[0].starts_with("[UNAVAILABLE] "), "{later:?}");
    assert_eq!(site.failures().await, 0);
}

#[tokio::test]
async fn while_the_store_takes_no_writes_nothing_is_allowed_and_health_says_why() {
    let site = Site::start("", "").await;
    let mut peer = site.connect().await;
    // Somebody else's transaction that does not end.
    let other = rusqlite::Connection::open(site.world.folder.path().join("store.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut body = told("s", ANN, GUESSER, "");
    body["success"] = json!(false);
    let (status, ..) = peer.ask("POST", "/policy?command=report", &[], body.to_string()).await;
    assert_eq!(status, 503);
    let (status, why) = peer.get("/healthz").await;
    assert_eq!((status.as_u16(), why.as_str()), (503, "the store takes no writes\n"));
    let (status, ..) = peer.ask("POST", "/policy?command=allow", &[], body.to_string()).await;
    assert_eq!(status, 503);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(peer.get("/healthz").await.0, 200);
    assert_eq!(peer.allow("s", ANN, GUESSER).await, 0);
}
