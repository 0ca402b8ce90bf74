//! The end of a daemon, and its renewal, as its peers see it: nothing that reached us is lost, and nothing is counted that
//! nobody was told of.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::daemon::{ANN, Daemon};
use crate::world::{PATIENCE, plain};

/// Whose mail lies where, and where mail processes come.
fn with_master(folder: &Path) {
    fs::create_dir_all(folder.join("conf.d")).unwrap();
    let settings = format!(
        "[userdb]\nuid = 5000\ngid = 5000\nhome = \"/srv/mail/%{{user}}\"\n\
         [[listen]]\nprotocol = \"auth-master\"\npath = {:?}\n",
        folder.join("master"),
    );
    fs::write(folder.join("conf.d/master.toml"), settings).unwrap();
}

/// Starts a daemon that knows Ann; her client password.
fn furnished(folder: &Path) -> (Daemon, String) {
    let daemon = Daemon::start(folder);
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    let secret = daemon.new_password("phone");
    (daemon, secret)
}

/// A peer of the kind that connects anew when a write fails, as Postfix: version 1.0.
struct Plain {
    lines: BufReader<UnixStream>,
    /// The greeting's cookie.
    cookie: String,
}

impl Plain {
    fn connect(daemon: &Daemon, cpid: usize) -> Self {
        let stream = UnixStream::connect(daemon.folder.join("client")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut peer = Self { lines: BufReader::new(stream), cookie: String::new() };
        while let Some(line) = peer.hear().filter(|line| line != "DONE") {
            if let Some(cookie) = line.strip_prefix("COOKIE\t") {
                peer.cookie = cookie.to_owned();
            }
        }
        assert!(peer.say(&format!("VERSION\t1\t0\nCPID\t{cpid}\n")));
        peer
    }

    /// Whether the kernel took it.
    fn say(&mut self, text: &str) -> bool {
        self.lines.get_mut().write_all(text.as_bytes()).is_ok()
    }

    fn login(&mut self, id: usize, secret: &str, address: &str) -> bool {
        let resp = plain(ANN, secret);
        self.say(&format!("AUTH\t{id}\tPLAIN\tservice=imap\trip={address}\tresp={resp}\n"))
    }

    /// A line, or `None` if the daemon is gone.
    fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.strip_suffix('\n').map(str::to_owned)
    }
}

/// What a mail process hears that claims login 1 of the peer.
fn claim(folder: &Path, cpid: usize, cookie: &str) -> String {
    let mut stream = UnixStream::connect(folder.join("master")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(format!("VERSION\t1\t1\nREQUEST\t9\t{cpid}\t1\t{cookie}\n").as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    lines.find(|line| !line.starts_with("VERSION") && !line.starts_with("SPID")).expect("an answer")
}

/// Peers ask without pause while the daemon stops. What the kernel took of them is answered, and truly; what it did not
/// take is in nobody's failure count.
#[test]
fn what_arrived_is_answered_and_nothing_else_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (daemon, _) = furnished(folder.path());
    drop(daemon);
    let mut answered = 0;
    for round in 0..5 {
        let mut daemon = Daemon::start(folder.path());
        let asked = AtomicUsize::new(0);
        let ask = |peer: usize| {
            let mut wire = Plain::connect(&daemon, peer + 1);
            let mut heard = 0;
            loop {
                // Each from an address of its own, so that none is blocked.
                let n = asked.fetch_add(1, Ordering::Relaxed);
                if !wire.login(
                    heard + 1,
                    &format!("wrong {n}"),
                    &format!("10.{round}.{}.{}", n >> 8, n & 255),
                ) {
                    return heard;
                }
                let answer = wire.hear().expect("what was written is answered");
                assert!(answer.starts_with("FAIL\t") && !answer.contains("temp_fail"), "{answer}");
                heard += 1;
            }
        };
        answered += std::thread::scope(|scope| {
            let peers: Vec<_> = (0..4).map(|peer| scope.spawn(move || ask(peer))).collect();
            while asked.load(Ordering::Relaxed) < 40 {
                std::thread::yield_now();
            }
            daemon.signal("TERM");
            peers.into_iter().map(|peer| peer.join().unwrap()).sum::<usize>()
        });
        assert_eq!(daemon.end(), Some(0));
    }
    let daemon = Daemon::start(folder.path());
    let counted = daemon.control("GET", "/v1/status", &json!({}))["sources"].as_u64().unwrap();
    assert_eq!(counted, answered as u64, "each counted once");
}

#[test]
fn a_login_that_was_granted_is_claimed_while_the_daemon_stops() {
    let folder = tempfile::tempdir().unwrap();
    with_master(folder.path());
    let (mut daemon, secret) = furnished(folder.path());
    let mut peer = Plain::connect(&daemon, 7);
    assert!(peer.login(1, &secret, "192.0.2.7"));
    assert!(peer.hear().unwrap().starts_with("OK\t1\t"));
    daemon.signal("TERM");
    assert_eq!(peer.hear(), None, "its connection is closed first");
    let claimed = claim(folder.path(), 7, &peer.cookie);
    assert!(claimed.starts_with("USER\t9\tann@example.org\tuid=5000"), "{claimed}");
    assert_eq!(daemon.end(), Some(0));
}

/// Listening sockets under a folder, by inode.
fn listening(folder: &Path) -> Vec<String> {
    let table = fs::read_to_string("/proc/net/unix").unwrap();
    let folder = folder.display().to_string();
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = lines.filter(|line| line.len() == 8 && line[3] == "00010000" && line[7].starts_with(&folder));
    let mut found: Vec<String> = ours.map(|line| format!("{} {}", line[6], line[7])).collect();
    found.sort();
    found
}

/// By another process: a test that starts a program meanwhile would inherit the open copy.
fn copy_program(to: &Path) {
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_sidegated")).arg(to).status().unwrap();
    assert!(copied.success());
}

fn await_count(daemon: &Daemon, text: &str, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    while fs::read_to_string(daemon.folder.join("log")).unwrap().matches(text).count() < count {
        assert!(Instant::now() < deadline, "the log does not say `{text}` {count} times");
        std::thread::yield_now();
    }
}

/// A process, its sockets and a connection go on in another image, three times, the last in another file.
#[test]
fn a_renewed_daemon_is_the_same_process_and_keeps_sockets_and_connections() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    with_master(folder);
    let program = folder.join("sidegated");
    copy_program(&program);
    let start = "program=$1; shift 2; exec \"$program\" \"$@\"";
    let starter = ["sh", "-c", start, "sh", program.to_str().unwrap()];
    let mut daemon = Daemon::start_under(folder, &starter);
    daemon.control("POST", "/v1/accounts", &json!({ "address": ANN }));
    let secret = daemon.new_password("phone");
    let (pid, sockets) = (daemon.pid(), listening(folder));
    assert_eq!(sockets.len(), 3, "{sockets:?}");
    let mut peer = Plain::connect(&daemon, 7);
    let mut young = daemon.peer();
    let mut crowd: Vec<Plain> = (100..300).map(|cpid| Plain::connect(&daemon, cpid)).collect();
    for round in 1..=3 {
        if round == 3 {
            // As a package does it: another file has the name.
            copy_program(&folder.join("new"));
            fs::rename(folder.join("new"), &program).unwrap();
        }
        daemon.signal("USR2");
        assert_eq!(young.login(&secret, "192.0.2.7"), "OK", "it waits, and is answered");
        await_count(&daemon, "\"message\":\"ready\"", round + 1);
        assert!(peer.login(1, &secret, "192.0.2.7"));
        assert!(peer.hear().unwrap().starts_with("OK\t1\t"));
        let claimed = claim(folder, 7, &peer.cookie);
        assert!(claimed.starts_with("USER\t9\tann@example.org"), "{claimed}");
        for peer in &mut crowd {
            assert!(peer.login(round, &secret, "192.0.2.7"));
            assert!(peer.hear().expect("an answer").starts_with(&format!("OK\t{round}\t")));
        }
        assert_eq!(daemon.peer().login("wrong", "192.0.2.8"), "FAIL", "new ones are served");
        assert_eq!(listening(folder), sockets);
        assert_eq!((daemon.pid(), daemon.has_ended()), (pid, false));
    }
    let image = fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    assert_eq!(image, program.canonicalize().unwrap(), "the file as it is now");
    daemon.signal("TERM");
    assert_eq!(daemon.end(), Some(0));
    assert_eq!(peer.hear(), None);
}

/// Told to stop while it is being renewed, it does stop, in one image or the other.
#[test]
fn a_daemon_that_is_being_renewed_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (daemon, _) = furnished(folder.path());
    drop(daemon);
    for round in 0..10 {
        let mut daemon = Daemon::start(folder.path());
        daemon.signal("USR2");
        std::thread::sleep(Duration::from_millis(10 * round));
        daemon.signal("TERM");
        assert_eq!(daemon.end(), Some(0), "round {round}");
    }
}

#[test]
fn settings_with_mistakes_renew_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut daemon, secret) = furnished(folder.path());
    let mut peer = daemon.peer();
    fs::create_dir_all(folder.path().join("conf.d")).unwrap();
    fs::write(folder.path().join("conf.d/broken.toml"), "[lockout]\nfailures = \"many\"\n").unwrap();
    daemon.signal("USR2");
    daemon.await_log("does not take the settings");
    daemon.await_log("lockout.failures");
    assert_eq!(peer.login(&secret, "192.0.2.7"), "OK");
    assert!(!fs::read_to_string(folder.path().join("log")).unwrap().contains("stopping"));
    fs::remove_file(folder.path().join("conf.d/broken.toml")).unwrap();
    daemon.signal("USR2");
    await_count(&daemon, "\"message\":\"ready\"", 2);
    assert_eq!(peer.login(&secret, "192.0.2.7"), "OK");
    assert!(!daemon.has_ended());
}

/// A peer that never falls silent does not keep the daemon from its end.
#[test]
fn a_peer_that_never_falls_silent_is_left_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let (mut daemon, _) = furnished(folder.path());
    let mut peer = daemon.peer();
    let chatter = std::thread::spawn(move || {
        // It asks nothing, and reads nothing.
        while peer.try_say("CANCEL\t1\n") {}
    });
    daemon.signal("TERM");
    assert_eq!(daemon.end(), Some(0));
    chatter.join().unwrap();
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(!log.contains("were cut"), "{log}");
}
