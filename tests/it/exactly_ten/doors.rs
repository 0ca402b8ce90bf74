//! The same through three doors at once: Dovecot's auth protocol, its dict, and its auth policy, where Dovecot itself
//! looks at the passwords that we let it look at.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sidegate::gate::secret::Secret;

use super::{ROUNDS, Round, SERVICES, TEN};
use crate::daemon::Daemon;
use crate::wire::{Wire, login, settle};

/// Connections of a door, and the attempts of each.
const CONNECTIONS: usize = 20;
const EACH: usize = 6;

#[test]
fn three_doors_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let listener = |protocol: &str| {
        format!("[[listen]]\nprotocol = \"{protocol}\"\npath = {:?}\n", folder.path().join(protocol))
    };
    let delay = "[lockout]\nfailure_delay = \"200ms\"\n";
    settle(folder.path(), &format!("{}{}{delay}", listener("dict"), listener("http")));
    let mut daemon = Daemon::start(folder.path());
    for number in 0..ROUNDS {
        let round = Round::furnish(&daemon, number);
        round.with_honest_users(&daemon, || round.attack_three_doors(&daemon));
    }
    daemon.signal("TERM");
    assert_eq!(daemon.end(), Some(0));
    let daemon = Daemon::start(folder.path());
    for number in 0..ROUNDS {
        let events = Round::named(number).events(&daemon);
        // One of the honest users mistypes once.
        assert_eq!(events.evaluated, TEN + 1, "round {number}");
    }
}

impl Round {
    fn attack_three_doors(&self, daemon: &Daemon) {
        let tried = AtomicUsize::new(0);
        let each = |n: usize| n * EACH..(n + 1) * EACH;
        std::thread::scope(|scope| {
            for n in 0..CONNECTIONS {
                let tried = &tried;
                scope.spawn(move || self.by_auth_client(daemon, each(n)));
                scope.spawn(move || self.by_dict(daemon, each(n + CONNECTIONS)));
                scope.spawn(move || {
                    tried.fetch_add(self.by_policy(daemon, each(n + 2 * CONNECTIONS)), Ordering::Relaxed)
                });
            }
        });
        assert!(tried.into_inner() <= TEN, "Dovecot was let to try that often");
        // Now nothing is right, at any door.
        let (account, secret) = &self.own[0];
        let mut wire = Wire::client(&daemon.folder, 1);
        wire.say(&login(1, "imap", &self.from(0), account, secret));
        assert!(wire.hear().unwrap().contains("reason=[ALERT] Too many failed logins"));
        assert!(!Dict::open(daemon).asks("imap", &self.from(0), account, secret));
        assert_eq!(Policy::open(daemon).asks("allow", &self.told(0, account)), -1);
    }

    fn by_auth_client(&self, daemon: &Daemon, attempts: Range<usize>) {
        let mut wire = Wire::client(&daemon.folder, attempts.start + 1);
        for n in attempts.clone() {
            let (account, secret, _) = self.attempt(n);
            wire.say(&login(n + 1, SERVICES[n % 3], &self.from(n), account, &secret));
        }
        for _ in attempts {
            let answer = wire.hear().unwrap();
            assert!(answer.starts_with("OK\t") || answer.starts_with("FAIL\t"), "{answer}");
            assert!(!answer.contains("temp_fail"), "{answer}");
        }
    }

    fn by_dict(&self, daemon: &Daemon, attempts: Range<usize>) {
        let mut dict = Dict::open(daemon);
        for n in attempts {
            let (account, secret, right) = self.attempt(n);
            let let_in = dict.asks(SERVICES[n % 3], &self.from(n), account, &secret);
            assert!(right || !let_in, "{account} with {secret}");
        }
    }

    /// How many wrong passwords Dovecot was let to look at.
    fn by_policy(&self, daemon: &Daemon, attempts: Range<usize>) -> usize {
        let mut policy = Policy::open(daemon);
        let mut tried = 0;
        for n in attempts {
            let (account, _, right) = self.attempt(n);
            let told = self.told(n, account);
            if policy.asks("allow", &told) != 0 {
                continue;
            }
            let mut report = told.clone();
            // Dovecot asks a second time when its passdb has said yes.
            report["success"] = json!(right && policy.asks("allow", &told) == 0);
            report["policy_reject"] = json!(right && report["success"] == json!(false));
            policy.asks("report", &report);
            tried += usize::from(!right);
        }
        tried
    }

    fn told(&self, n: usize, account: &str) -> Value {
        json!({
            "login": account, "remote": self.from(n), "protocol": SERVICES[n % 3], "pwhash": "08d4",
            "session_id": format!("session {n} of {}", self.number),
        })
    }
}

struct Dict(Wire);

impl Dict {
    fn open(daemon: &Daemon) -> Self {
        let mut wire = Wire::open(&daemon.folder.join("dict"));
        wire.say("H3\t2\t0\tauth\tsidegate\n");
        Self(wire)
    }

    /// Whether it lets in.
    fn asks(&mut self, service: &str, from: &str, account: &str, secret: &str) -> bool {
        let digest = HEXLOWER.encode(&Secret::new(secret.as_bytes()).digest().0);
        self.0.say(&format!("Lshared/auth/{service}/{from}/{digest}\t{account}\n"));
        let answer = self.0.hear().unwrap();
        assert!(answer.starts_with('O'), "{answer}");
        answer.contains("nopassword")
    }
}

struct Policy(Wire);

impl Policy {
    fn open(daemon: &Daemon) -> Self {
        Self(Wire::open(&daemon.folder.join("http")))
    }

    /// The `status` of the answer.
    fn asks(&mut self, command: &str, told: &Value) -> i64 {
        let body = told.to_string();
        self.0.say(&format!(
            "POST /policy?command={command} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        ));
        assert_eq!(self.0.hear().unwrap().trim_end(), "HTTP/1.1 200 OK");
        let mut length = 0;
        loop {
            let line = self.0.hear().unwrap().trim_end().to_ascii_lowercase();
            if let Some(count) = line.strip_prefix("content-length: ") {
                length = count.parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let body: Value = serde_json::from_slice(&self.0.bytes(length)).unwrap();
        body["status"].as_i64().unwrap()
    }
}
