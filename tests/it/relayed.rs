//! Mechanisms that only the upstream does: what it looked at is counted, once and before the client hears of it; and a
//! main password that may not be used is not proved.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use sidegate::gate::name::AccountName;
use sidegate::gate::order::Order;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::world::{Peer, World};

const ANN: &str = "ann@example.org";
const GHOST: &str = "ghost@example.org";
const RIGHT: &str = "cmlnaHQtcHJvb2YtMTIz";
const UNTIL: &str = "[main_password]\nmail_clients = \"until-two-factor\"\n";

/// Dovecot's auth process, as far as it matters here. Every message that carries a proof is put down.
struct Upstream {
    world: World,
    proofs: Arc<Mutex<Vec<String>>>,
    _folder: tempfile::TempDir,
}

impl Upstream {
    async fn start(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let proofs = Arc::new(Mutex::new(Vec::new()));
        let (auth, userdb) = (folder.path().join("auth"), folder.path().join("userdb"));
        serve(&auth, Arc::clone(&proofs));
        crate::directory::Upstream::nobody_at(&userdb);
        let paths = format!("[upstream]\nauth = {auth:?}\nuserdb = {userdb:?}\n");
        let world = World::start(&format!("accounts.domains = [\"example.org\"]\n{paths}{settings}")).await;
        Self { world, proofs, _folder: folder }
    }

    fn looked_at(&self) -> usize {
        self.proofs.lock().unwrap().len()
    }

    async fn failures(&self) -> usize {
        self.world.events("refuse", Some("wrong-password")).await
    }
}

fn serve(path: &Path, proofs: Arc<Mutex<Vec<String>>>) {
    let listener = UnixListener::bind(path).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, Arc::clone(&proofs)));
        }
    });
}

async fn converse(stream: UnixStream, proofs: Arc<Mutex<Vec<String>>>) {
    let (reader, mut writer) = stream.into_split();
    let mechanisms =
        ["XOAUTH2", "OAUTHBEARER", "SCRAM-SHA-256", "CRAM-MD5", "GSSAPI"].map(|m| format!("MECH\t{m}\n"));
    let hello = format!("VERSION\t1\t2\nMECH\tPLAIN\n{}DONE\n", mechanisms.concat());
    writer.write_all(hello.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(reader).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let fields: Vec<&str> = line.split('\t').collect();
        let (word, id) = (fields[0], fields.get(1).copied().unwrap_or_default());
        let coded = match word {
            "AUTH" => fields.iter().find_map(|field| field.strip_prefix("resp=")).unwrap_or_default(),
            "CONT" => fields[2],
            _ => continue,
        };
        let said = BASE64.decode(coded.as_bytes()).map(|said| String::from_utf8_lossy(&said).into_owned());
        let answer = answer(&said.unwrap(), word == "AUTH" && !line.contains("GSSAPI"), id, &proofs);
        writer.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
    }
}

fn answer(said: &str, first: bool, id: &str, proofs: &Mutex<Vec<String>>) -> String {
    let challenge = |text: &str| format!("CONT\t{id}\t{}", BASE64.encode(text.as_bytes()));
    let whose = |said: &str| if said.contains(ANN) { ANN } else { GHOST };
    let mut proofs = proofs.lock().unwrap();
    match said {
        "" if first => challenge(""),
        // The end of a dialogue: how it ended was seen from its proof.
        "" => match proofs.last() {
            Some(proof) if proof.contains(RIGHT) => format!("OK\t{id}\tuser={GHOST}"),
            Some(proof) if proof.contains("trouble") => format!("FAIL\t{id}\tcode=temp_fail"),
            _ => format!("FAIL\t{id}\tuser={GHOST}"),
        },
        _ if said.starts_with("n,,n=") => challenge("r=abcdef,s=c2FsdA==,i=4096"),
        _ if said.contains("slept") => format!("FAIL\t{id}\treason=Authentication request timed out"),
        _ => {
            proofs.push(said.to_owned());
            match said {
                _ if said.contains("trouble") => challenge("{\"status\":\"500\"}"),
                _ if said.contains("Bearer good") => format!("OK\t{id}\tuser={}", whose(said)),
                _ if said.contains("Bearer") => challenge("{\"status\":\"401\"}"),
                _ if said.contains("ticket") => challenge("more"),
                _ if said.contains(RIGHT) => challenge("v=server"),
                _ => format!("FAIL\t{id}\tuser={}", whose(said)),
            }
        }
    }
}

fn token(token: &str) -> String {
    format!("user={GHOST}\u{1}auth=Bearer {token}\u{1}\u{1}")
}

impl Peer {
    async fn auth(&mut self, id: u32, mechanism: &str, from: &str, message: &str) -> String {
        let coded = BASE64.encode(message.as_bytes());
        self.say(&format!("AUTH\t{id}\t{mechanism}\tservice=imap\trip={from}\tresp={coded}\n")).await;
        self.hear().await.expect("an answer")
    }

    async fn go_on(&mut self, id: u32, message: &str) -> String {
        self.say(&format!("CONT\t{id}\t{}\n", BASE64.encode(message.as_bytes()))).await;
        self.hear().await.expect("an answer")
    }
}

#[tokio::test]
async fn refused_tokens_count_before_the_client_hears_and_once() {
    let site = Upstream::start(UNTIL).await;
    let mut peer = site.world.client().await;
    for n in 1..=200 {
        let mechanism = if n % 2 == 0 { "XOAUTH2" } else { "OAUTHBEARER" };
        let message = format!("n,a={GHOST},{}", token(&format!("bad-{n}")));
        let answer = peer.auth(n, mechanism, "192.0.2.7", &message).await;
        if n <= 10 {
            assert!(answer.starts_with("CONT"), "{n}: {answer}");
            assert_eq!(site.failures().await, n as usize, "before it answers");
        } else {
            assert!(answer.starts_with("FAIL") && answer.contains("Too many"), "{n}: {answer}");
        }
        match n {
            3 => assert!(peer.go_on(n, "").await.starts_with("FAIL")),
            5 => assert!(peer.go_on(n, &token("good")).await.starts_with("FAIL"), "it has had its try"),
            _ => peer.say(&format!("CANCEL\t{n}\n")).await,
        }
    }
    assert_eq!((site.looked_at(), site.failures().await), (10, 10));
    assert_eq!(site.world.service.blocks().len(), 1);
    let accounts = site.world.service.events(sidegate::store::EventQuery { limit: 5, ..Default::default() });
    assert!(accounts.await.unwrap().iter().any(|(_, event)| event.account.as_deref() == Some(GHOST)));
}

#[tokio::test]
async fn where_repeats_count_once_different_proofs_are_different() {
    let settings = format!("{UNTIL}[lockout]\nrepeats = \"once\"\n");
    let site = Upstream::start(&settings).await;
    let mut peer = site.world.client().await;
    for n in 1..=40 {
        peer.auth(n, "XOAUTH2", "192.0.2.1", &token("the same")).await;
        peer.auth(100 + n, "XOAUTH2", "192.0.2.2", &token(&format!("bad-{n}"))).await;
        // A main password that differs in white space alone is another one to the upstream.
        let guess = format!("\0{GHOST}\0gu{}ess", " ".repeat(n as usize));
        peer.auth(200 + n, "PLAIN", "192.0.2.3", &guess).await;
    }
    let blocks: Vec<String> = site.world.service.blocks().iter().map(|(key, ..)| key.to_string()).collect();
    assert_eq!(blocks.len(), 2, "{blocks:?}");
    assert!(!blocks.contains(&"192.0.2.1".to_owned()), "{blocks:?}");
    assert_eq!(site.looked_at(), 40 + 10 + 10);
}

#[tokio::test]
async fn scram_proves_no_main_password_that_may_not_be_used() {
    let site = Upstream::start(&format!("{UNTIL}[lockout]\nfailure_delay = \"1s\"\n")).await;
    site.world.account(ANN).await;
    let (account, group) = (AccountName::parse(ANN, None).unwrap(), None);
    let order = Order::SetAccount { account, enabled: None, two_factor: Some(true), group };
    site.world.service.carry_out(order, "test").await.unwrap();
    let mut peer = site.world.client().await;
    for (n, proof) in [RIGHT, "d3JvbmctcHJvb2YtMTIz"].into_iter().enumerate() {
        let id = n as u32 + 1;
        let first = peer.auth(id, "SCRAM-SHA-256", "192.0.2.7", &format!("n,,n={ANN},r=abc")).await;
        assert!(first.starts_with("CONT"), "{first}");
        let begun = Instant::now();
        let last = peer.go_on(id, &format!("c=biws,r=abcdef,p={proof}")).await;
        assert_eq!(last, format!("FAIL\t{id}\tuser={GHOST}"), "the upstream's word for a wrong one");
        assert!(begun.elapsed() > Duration::from_millis(900), "after the delay");
    }
    assert!(site.proofs.lock().unwrap().iter().all(|proof| !proof.contains(RIGHT)), "it was not handed on");
    assert_eq!(site.failures().await, 2);
    // Whoever may use it hears that it is right after the verdict, and is let in when it goes on.
    let first = peer.auth(7, "SCRAM-SHA-256", "192.0.2.7", &format!("n,,n={GHOST},r=abc")).await;
    assert!(first.starts_with("CONT"), "{first}");
    let server = peer.go_on(7, &format!("c=biws,r=abcdef,p={RIGHT}")).await;
    assert_eq!(server, format!("CONT\t7\t{}", BASE64.encode(b"v=server")));
    assert_eq!(site.world.events("accept", Some("main-password")).await, 1);
    assert_eq!(peer.go_on(7, "").await, format!("OK\t7\tuser={GHOST}"));
    assert_eq!(site.failures().await, 2);
}

#[tokio::test]
async fn a_dialogue_that_nobody_understands_counts_when_the_client_leaves_it() {
    let site = Upstream::start(UNTIL).await;
    let mut peer = site.world.client().await;
    for n in 1..=3 {
        assert!(peer.auth(n, "GSSAPI", "192.0.2.7", "ticket").await.starts_with("CONT"));
        peer.say(&format!("CANCEL\t{n}\n")).await;
    }
    // And nothing was proved here.
    for (n, message) in [(11, "n,,n=ann@example.org,r=abc"), (12, "")] {
        let mechanism = if n == 11 { "SCRAM-SHA-256" } else { "CRAM-MD5" };
        assert!(peer.auth(n, mechanism, "192.0.2.7", message).await.starts_with("CONT"));
        peer.say(&format!("CANCEL\t{n}\n")).await;
    }
    tokio::time::timeout(Duration::from_secs(5), async {
        while site.failures().await < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("they are counted");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(site.failures().await, 3);
}

#[tokio::test]
async fn trouble_of_the_upstream_and_empty_tokens_are_no_failures() {
    let site = Upstream::start(UNTIL).await;
    let mut peer = site.world.client().await;
    for n in 1..=12 {
        assert!(peer.auth(n, "XOAUTH2", "192.0.2.7", &token("trouble")).await.starts_with("CONT"));
        if n % 2 == 0 {
            let ended = peer.go_on(n, "").await;
            assert!(ended.contains("temp_fail"), "{ended}");
        } else {
            peer.say(&format!("CANCEL\t{n}\n")).await;
        }
        // It was restarted, and knows nothing of the dialogue.
        let first = peer.auth(100 + n, "SCRAM-SHA-256", "192.0.2.7", &format!("n,,n={GHOST},r=abc")).await;
        assert!(first.starts_with("CONT"), "{first}");
        let gone = peer.go_on(100 + n, "c=biws,r=slept,p=AAAA").await;
        assert!(gone.contains("temp_fail"), "{gone}");
        let looked_at = site.looked_at();
        assert!(peer.auth(200 + n, "OAUTHBEARER", "192.0.2.7", &token("")).await.starts_with("FAIL"));
        assert_eq!(site.looked_at(), looked_at);
    }
    assert_eq!((site.failures().await, site.world.service.blocks().len()), (0, 0));
}
