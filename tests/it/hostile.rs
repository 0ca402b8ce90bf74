//! Peers that mean harm, or are broken beyond help, at every door of a daemon that is a process of its own: what they
//! get is bounded, what they cost is too, and honest people log in all the while.

mod crowds;
mod deaf;
mod flood;
mod ids;
mod lengths;

use std::fs;
use std::path::Path;
use std::time::Duration;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sidegate::gate::secret::Secret;

use crate::daemon::{ANN, Daemon};
use crate::wire::{Wire, login, settle};

/// Doors beside `client`, which every daemon of these tests has, by their protocols.
const DOORS: [(&str, &str); 7] = [
    ("auth-master", "master"),
    ("dict", "dict"),
    ("policy", "policy"),
    ("socketmap", "map"),
    ("saslauthd", "mux"),
    ("milter", "milter"),
    ("http", "http"),
];
/// Where honest people are.
const HOME: &str = "203.0.113.7";

/// A daemon with every door, an account, and a client password of it.
struct Site {
    daemon: Daemon,
    secret: String,
    folder: tempfile::TempDir,
}

impl Site {
    fn start(settings: &str) -> Self {
        Self::start_under(settings, &[])
    }

    fn start_under(settings: &str, starter: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listeners = DOORS.map(|(protocol, name)| {
            format!("[[listen]]\nprotocol = \"{protocol}\"\npath = {:?}\n", folder.path().join(name))
        });
        let userdb = "[userdb]\nuid = 5000\ngid = 5000\nhome = \"/srv/mail/%{user}\"\n";
        settle(folder.path(), &format!("{}{userdb}{settings}", listeners.concat()));
        let daemon = Daemon::start_under(folder.path(), starter);
        daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
        let secret = daemon.new_password("phone");
        Self { daemon, secret, folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn client(&self) -> Wire {
        Wire::client(self.path(), 1)
    }

    /// A connection to a door by its name, past its handshake if it has one.
    fn open(&self, door: &str) -> Wire {
        if door == "client" {
            return self.client();
        }
        let mut wire = Wire::open(&self.path().join(door));
        match door {
            "dict" => wire.say("H3\t2\t0\tauth\tsidegate\n"),
            "master" => {
                wire.say("VERSION\t1\t1\n");
                while !wire.hear().unwrap().starts_with("SPID\t") {}
            }
            "milter" => {
                wire.say_bytes(&packet(b'O', &[6_u32, 0x1ff, 0x1f_ffff].map(u32::to_be_bytes).concat()));
                wire.packet();
            }
            _ => {}
        }
        wire
    }

    /// Somebody comes, logs in and goes.
    fn honest(&self) {
        self.serves(&mut self.client(), 1);
    }

    /// Somebody who is connected logs in.
    fn serves(&self, wire: &mut Wire, id: usize) {
        wire.say(&login(id, "imap", HOME, ANN, &self.secret));
        assert_eq!(wire.hear().as_deref(), Some(&*format!("OK\t{id}\tuser={ANN}")));
    }

    /// The connections of a door.
    fn connections(&self, door: &str) -> u64 {
        let status = self.daemon.control("GET", "/v1/status", &Value::Null);
        let place = self.path().join(door).display().to_string();
        let listeners = status["listeners"].as_array().unwrap();
        let listener = listeners.iter().find(|listener| listener["path"] == place).unwrap();
        listener["connections"].as_u64().unwrap()
    }

    /// What the daemon has grown by since it had `before`, in KiB.
    fn grown(&self, before: usize) -> usize {
        self.daemon.resident_kib().saturating_sub(before)
    }

    /// The processor time that the daemon uses in a second, in hundredths of it.
    fn busy(&self) -> u64 {
        let ticks = || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", self.daemon.pid())).unwrap();
            // The name, in brackets, may hold anything.
            let rest: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
            rest[11].parse::<u64>().unwrap() + rest[12].parse::<u64>().unwrap()
        };
        let before = ticks();
        std::thread::sleep(Duration::from_secs(1));
        ticks() - before
    }
}

/// A milter packet.
fn packet(command: u8, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(1 + data.len()).unwrap().to_be_bytes();
    [&length[..], &[command], data].concat()
}

/// A request of saslauthd's protocol.
fn counted(strings: [&str; 4]) -> Vec<u8> {
    let counted =
        |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat();
    strings.map(counted).concat()
}

/// A short question of each protocol, and how its answer begins.
fn questions(secret: &str) -> Vec<(&'static str, Vec<u8>, &'static [u8])> {
    let digest = HEXLOWER.encode(&Secret::new(secret.as_bytes()).digest().0);
    vec![
        ("client", login(1, "imap", HOME, ANN, secret).into_bytes(), b"OK\t1\t"),
        ("master", format!("USER\t1\t{ANN}\tservice=lmtp\n").into_bytes(), b"USER\t1\t"),
        ("dict", format!("Lshared/auth/imap/{HOME}/{digest}\t{ANN}\n").into_bytes(), b"O{\"nopassword\""),
        ("policy", b"request=smtpd_access_policy\nprotocol_state=CONNECT\n\n".to_vec(), b"action=DUNNO"),
        ("map", format!("{}:sender-login {ANN},", 13 + ANN.len()).into_bytes(), b"18:OK ann@"),
        ("mux", counted([ANN, secret, "imap", ""]), b"\0\x02OK"),
        ("milter", [packet(b'M', b"<>\0"), packet(b'E', b"")].concat(), b"\0\0\0\x01"),
        ("http", b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), b"HTTP/1.1 200 OK"),
    ]
}

/// Twenty at each door, all at once, a byte at a time.
#[test]
fn who_writes_a_byte_at_a_time_is_answered_and_keeps_nobody_waiting() {
    let site = Site::start("");
    let before = site.daemon.resident_kib();
    for (door, question, answer) in questions(&site.secret) {
        let mut wires: Vec<Wire> = (0..20).map(|_| site.open(door)).collect();
        for byte in &question {
            for wire in &mut wires {
                wire.say_bytes(&[*byte]);
            }
            if byte % 16 == 0 {
                site.honest();
            }
        }
        for wire in &mut wires {
            let said = wire.bytes(answer.len());
            assert_eq!(said, answer, "{door}: {:?}", String::from_utf8_lossy(&said));
        }
    }
    assert!(site.grown(before) < 20_000, "memory grew by {} KiB", site.grown(before));
    site.honest();
}
