//! Neighbours that keep a connection and do not watch it: they notice neither a renewal nor, where systemd keeps their
//! connections meanwhile, a restart.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use nix::unistd::close;
use serde_json::json;

use crate::daemon::{ANN, Daemon};
use crate::manager::Manager;
use crate::world::PATIENCE;

/// Doors beside `auth-client`, each with what is asked at it and what the answer begins with.
const DOORS: [(&str, &str, &str, &str); 4] = [
    (
        "auth-master",
        "VERSION\t1\t0\n",
        "USER\t{n}\tann@example.org\tservice=lmtp\n",
        "USER\t{n}\tann@example.org\tuid=5000",
    ),
    ("dict", "H3\t2\t0\t\tsidegate\n", "Lshared/user\tann@example.org\n", "O{"),
    ("policy", "", "protocol_state=CONNECT\nclient_address=192.0.2.7\n\n", "action=DUNNO"),
    ("socketmap", "", "28:sender-login ann@example.org,", "18:OK ann@example.org,"),
];

/// A peer that keeps its connection.
struct Peer {
    lines: BufReader<UnixStream>,
    door: usize,
    asked: usize,
}

impl Peer {
    /// Connects and says what comes first.
    fn at(folder: &Path, door: usize) -> Self {
        let stream = UnixStream::connect(folder.join(DOORS[door].0)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut peer = Self { lines: BufReader::new(stream), door, asked: 0 };
        peer.say(DOORS[door].1);
        peer
    }

    fn say(&mut self, text: &str) {
        self.lines.get_mut().write_all(text.as_bytes()).expect("the connection is there");
    }

    fn ask(&mut self) {
        self.asked += 1;
        self.say(&DOORS[self.door].2.replace("{n}", &self.asked.to_string()));
    }

    fn hear(&mut self) {
        let expected = DOORS[self.door].3.replace("{n}", &self.asked.to_string());
        let mut heard = String::new();
        while !heard.contains(&expected) {
            let bytes = self.lines.fill_buf().unwrap_or_else(|error| panic!("{error} after {heard:?}"));
            assert!(!bytes.is_empty(), "{}: closed after {heard:?}", DOORS[self.door].0);
            heard += &String::from_utf8_lossy(bytes);
            let count = bytes.len();
            self.lines.consume(count);
        }
        assert!(!heard.contains("VERSION") || self.asked <= 1, "nothing is said twice: {heard:?}");
    }
}

fn settle(folder: &Path) {
    fs::create_dir_all(folder.join("conf.d")).unwrap();
    let mut settings = "[userdb]\nuid = 5000\ngid = 5000\nhome = \"/srv/mail/%{user}\"\n".to_owned();
    for (protocol, ..) in DOORS {
        settings += &format!("[[listen]]\nprotocol = \"{protocol}\"\npath = {:?}\n", folder.join(protocol));
    }
    // Not for us: whoever knocks there is told of, but for the daemon itself.
    let guarded = folder.join("guarded");
    settings += &format!("[[listen]]\nprotocol = \"socketmap\"\npath = {guarded:?}\npeers = [\"nobody\"]\n");
    fs::write(folder.join("conf.d/doors.toml"), settings).unwrap();
}

fn peers(folder: &Path) -> Vec<Peer> {
    let mut peers: Vec<Peer> = (0..DOORS.len()).map(|door| Peer::at(folder, door)).collect();
    for peer in &mut peers {
        peer.ask();
        peer.hear();
    }
    peers
}

fn await_ready(folder: &Path, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    while fs::read_to_string(folder.join("log")).unwrap().matches("\"message\":\"ready\"").count() < count {
        assert!(Instant::now() < deadline, "no daemon is ready");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn they_notice_no_renewal() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    settle(folder);
    let mut daemon = Daemon::start(folder);
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    let mut peers = peers(folder);
    // One that has connected, and not said a word.
    let mut young = UnixStream::connect(folder.join("auth-master")).unwrap();
    for round in 2..=3 {
        daemon.signal("USR2");
        // On their way while nobody reads.
        peers.iter_mut().for_each(Peer::ask);
        await_ready(folder, round);
        peers.iter_mut().for_each(Peer::hear);
    }
    young.set_read_timeout(Some(PATIENCE)).unwrap();
    young.write_all(b"VERSION\t1\t0\nUSER\t1\tann@example.org\tservice=lmtp\n").unwrap();
    let answer = BufReader::new(young).lines().map(Result::unwrap).find(|line| line.starts_with("USER"));
    assert!(answer.is_some_and(|line| line.starts_with("USER\t1\tann@example.org")));
    let log = fs::read_to_string(folder.join("log")).unwrap();
    assert!(!log.contains("not in `peers`"), "{log}");
    drop(UnixStream::connect(folder.join("guarded")).unwrap());
    daemon.await_log("not in `peers`");
    daemon.signal("TERM");
    assert_eq!(daemon.end(), Some(0));
    for mut peer in peers {
        assert_eq!(peer.lines.read_to_end(&mut Vec::new()).unwrap(), 0, "without systemd, a stop is the end");
    }
}

impl Manager {
    /// The names in the store, after everything that was said so far.
    fn stored(&self) -> Vec<String> {
        self.hear();
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        stored.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Loses what has a name.
    fn lose(&self, lost: &str) {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, number) in stored.extract_if(.., |(name, _)| name == lost) {
            let _ = close(number);
        }
    }
}

/// A daemon under a manager that keeps the sockets of all doors.
struct Kept {
    manager: Manager,
    sockets: Vec<UnixListener>,
}

impl Kept {
    fn at(folder: &Path) -> Self {
        settle(folder);
        let names = DOORS.iter().map(|door| door.0).chain(["client", "control"]);
        let sockets = names.map(|name| UnixListener::bind(folder.join(name)).unwrap()).collect();
        Self { manager: Manager::at(folder), sockets }
    }

    /// A start that comes to nothing, and leaves everything to the next one.
    fn fail(&self, folder: &Path) {
        let (guarded, before) = (folder.join("guarded"), self.manager.stored());
        fs::remove_file(&guarded).unwrap();
        fs::write(&guarded, "no socket").unwrap();
        let starter = self.manager.starter(&self.sockets.iter().collect::<Vec<_>>());
        let (status, log) = Daemon::fail(folder, &starter.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(status, Some(1), "{log}");
        assert_eq!(self.manager.stored(), before);
        fs::remove_file(&guarded).unwrap();
    }

    fn start(&self, folder: &Path, count: usize) -> Daemon {
        let starter = self.manager.starter(&self.sockets.iter().collect::<Vec<_>>());
        let daemon = Daemon::start_under(folder, &starter.iter().map(String::as_str).collect::<Vec<_>>());
        await_ready(folder, count);
        daemon
    }
}

#[test]
fn they_notice_no_restart_where_systemd_keeps_their_connections() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let kept = Kept::at(folder);
    let mut daemon = kept.start(folder, 1);
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    let mut peers = peers(folder);
    let mut login = daemon.peer();
    for round in 2..=3 {
        daemon.signal("TERM");
        assert_eq!(daemon.end(), Some(0));
        let stored = kept.manager.stored();
        assert_eq!(stored.iter().filter(|name| *name == "sidegate-connection").count(), DOORS.len());
        assert_eq!(stored.len(), DOORS.len() + 1, "{stored:?}");
        if round == 2 {
            assert_eq!(login.hear(), "", "a login process connects anew");
        }
        peers.iter_mut().for_each(Peer::ask);
        kept.fail(folder);
        daemon = kept.start(folder, round);
        peers.iter_mut().for_each(Peer::hear);
        assert_eq!(kept.manager.stored(), [""; 0], "given back, and given up");
        // Renewed in between, with nothing in the store.
        if round == 2 {
            daemon.signal("USR2");
            peers.iter_mut().for_each(Peer::ask);
            peers.iter_mut().for_each(Peer::hear);
            fs::write(folder.join("log"), "\"message\":\"ready\" \"message\":\"ready\"").unwrap();
        }
    }
    let log = fs::read_to_string(folder.join("log")).unwrap();
    assert!(!log.contains("no listener"), "{log}");
    assert!(!log.contains("not in `peers`"), "{log}");
}

#[test]
fn connections_that_nothing_is_known_of_are_closed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let kept = Kept::at(folder);
    let mut daemon = kept.start(folder, 1);
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    let peers = peers(folder);
    daemon.signal("TERM");
    assert_eq!(daemon.end(), Some(0));
    assert_eq!(kept.manager.stored().len(), DOORS.len() + 1);
    kept.manager.lose("sidegate-state");
    let _daemon = kept.start(folder, 2);
    assert_eq!(kept.manager.stored(), [""; 0]);
    for mut peer in peers {
        assert_eq!(peer.lines.read_to_end(&mut Vec::new()).unwrap(), 0, "{}", DOORS[peer.door].0);
    }
}
