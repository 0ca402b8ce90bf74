//! The daemon under a service manager: sockets that are passed and outlive it, and what it tells.

use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::daemon::{ANN, Daemon};
use crate::world::{PATIENCE, plain};

/// Our part of systemd: makes the standard streams the descriptors from 3 on, and becomes the daemon.
const ACTIVATE: &str = "exec 3<&0 4<&1 </dev/null >/dev/null; LISTEN_PID=$$ exec \"$@\"";

/// What systemd hears.
struct Manager {
    hears: UnixDatagram,
}

impl Manager {
    fn at(folder: &Path) -> Self {
        let hears = UnixDatagram::bind(folder.join("notify")).unwrap();
        hears.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { hears }
    }

    fn hear(&self) -> String {
        let mut message = [0; 4096];
        let length = loop {
            match self.hears.recv(&mut message) {
                // Another test's child has ended.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                heard => break heard.expect("a message"),
            }
        };
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    /// The next message that is more than a sign of life.
    fn hear_news(&self) -> String {
        loop {
            let message = self.hear();
            if message != "WATCHDOG=1\n" {
                return message;
            }
        }
    }

    /// Starts the daemon with two sockets.
    fn start(&self, folder: &Path, sockets: (&UnixListener, OwnedFd)) -> Child {
        let log = fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
        Command::new("sh")
            .args(["-c", ACTIVATE, "sh", env!("CARGO_BIN_EXE_sidegated"), "--config"])
            .arg(folder.join("sidegate.toml"))
            .envs([("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", "first:second"), ("WATCHDOG_USEC", "200000")])
            .env("NOTIFY_SOCKET", folder.join("notify"))
            .stdin(Stdio::from(OwnedFd::from(sockets.0.try_clone().unwrap())))
            .stdout(Stdio::from(sockets.1))
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap()
    }
}

/// Writes the settings that every daemon of these tests has.
fn settle(folder: &Path) {
    drop(Daemon::start(folder));
    for name in ["client", "control"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
}

fn signal(daemon: &Child, name: &str) {
    assert!(Command::new("kill").args(["-s", name, &daemon.id().to_string()]).status().unwrap().success());
}

/// Connects and asks at once, whether anybody is there to hear it or not.
fn ask(path: &Path) -> BufReader<UnixStream> {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let resp = plain(ANN, "wrong");
    let said = format!("VERSION\t1\t2\nCPID\t1\nAUTH\t1\tPLAIN\tservice=imap\trip=192.0.2.7\tresp={resp}\n");
    stream.write_all(said.as_bytes()).unwrap();
    BufReader::new(stream)
}

fn answer(lines: BufReader<UnixStream>) -> String {
    lines.lines().map(Result::unwrap).find(|line| line.starts_with("FAIL")).expect("an answer")
}

#[test]
fn a_passed_socket_keeps_its_mode_and_whoever_waits_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    settle(folder);
    let manager = Manager::at(folder);
    let control = UnixListener::bind(folder.join("control")).unwrap();
    let client = UnixListener::bind(folder.join("client")).unwrap();
    fs::set_permissions(folder.join("client"), fs::Permissions::from_mode(0o640)).unwrap();
    let made = fs::metadata(folder.join("client")).unwrap();
    for round in 0..3 {
        // Before there is a daemon, and while one is replaced.
        let waiting = ask(&folder.join("client"));
        let mut daemon = manager.start(folder, (&client, control.try_clone().unwrap().into()));
        assert!(
            manager.hear_news().starts_with("READY=1\nSTATUS=serving 1 listeners and the control socket")
        );
        assert_eq!(answer(waiting), "FAIL\t1\tuser=ann@example.org", "round {round}");
        let now = fs::metadata(folder.join("client")).unwrap();
        assert_eq!((now.ino(), now.mode(), now.ctime()), (made.ino(), made.mode(), made.ctime()));
        signal(&daemon, "TERM");
        assert!(manager.hear_news().starts_with("STOPPING=1\nSTATUS=stopping: open requests"));
        assert!(daemon.wait().unwrap().success());
    }
    let log = fs::read_to_string(folder.join("log")).unwrap();
    assert_eq!(log.matches("\"from_systemd\":2").count(), 3, "{log}");
}

#[test]
fn a_socket_nobody_wants_is_closed_and_one_whose_file_is_gone_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    settle(folder);
    let manager = Manager::at(folder);
    let lost = UnixListener::bind(folder.join("client")).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    let passed = OwnedFd::from(port.try_clone().unwrap());
    drop(port);
    fs::remove_file(folder.join("client")).unwrap();
    let mut daemon = manager.start(folder, (&lost, passed));
    assert!(manager.hear_news().starts_with("READY=1\n"));
    answer(ask(&folder.join("client")));
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody has it any more");
    // What is there now was made by a daemon that is gone, and leads to nobody.
    signal(&daemon, "KILL");
    daemon.wait().unwrap();
    let odd = UnixDatagram::unbound().unwrap();
    let mut daemon = manager.start(folder, (&lost, odd.into()));
    assert!(manager.hear_news().starts_with("READY=1\n"));
    answer(ask(&folder.join("client")));
    signal(&daemon, "TERM");
    daemon.wait().unwrap();
    let log = fs::read_to_string(folder.join("log")).unwrap();
    assert!(log.contains("no listener is configured for a passed socket"), "{log}");
    assert_eq!(log.matches("clients do not reach the passed socket any more").count(), 2, "{log}");
    assert!(log.contains("second: it takes datagrams"), "{log}");
}

#[test]
fn reloads_and_renewals_are_told_and_life_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    settle(folder);
    let manager = Manager::at(folder);
    let client = UnixListener::bind(folder.join("client")).unwrap();
    let control = UnixListener::bind(folder.join("control")).unwrap();
    let mut daemon = manager.start(folder, (&client, control.into()));
    manager.hear_news();
    for _ in 0..3 {
        while manager.hear() != "WATCHDOG=1\n" {}
    }
    fs::create_dir(folder.join("conf.d")).unwrap();
    for (settings, outcome) in
        [("[lockout]\nfailures = 5\n", "control socket\n"), ("nonsense\n", "the files have mistakes")]
    {
        fs::write(folder.join("conf.d/story.toml"), settings).unwrap();
        signal(&daemon, "HUP");
        let told = manager.hear_news();
        assert!(told.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{told}");
        let told = manager.hear_news();
        assert!(told.starts_with("READY=1\nSTATUS=serving") && told.contains(outcome), "{told}");
    }
    // The same for a renewal; and the next image goes on telling.
    for outcome in ["not renewed", "control socket\n"] {
        signal(&daemon, "USR2");
        let told = manager.hear_news();
        assert!(told.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{told}");
        let told = manager.hear_news();
        assert!(told.starts_with("READY=1\nSTATUS=serving") && told.contains(outcome), "{told}");
        fs::write(folder.join("conf.d/story.toml"), "").unwrap();
    }
    // A reactor that does not turn shows no life.
    signal(&daemon, "STOP");
    manager.hears.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    while manager.hears.recv(&mut [0; 100]).is_ok() {}
    signal(&daemon, "CONT");
    manager.hears.set_read_timeout(Some(PATIENCE)).unwrap();
    manager.hear();
    signal(&daemon, "TERM");
    daemon.wait().unwrap();
}

#[test]
fn a_start_that_fails_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    settle(folder);
    let manager = Manager::at(folder);
    let client = UnixListener::bind(folder.join("client")).unwrap();
    // No key is made for a store that is there: the database is another one.
    fs::remove_file(folder.join("store.db")).unwrap();
    fs::create_dir(folder.join("store.db")).unwrap();
    let odd = UnixDatagram::unbound().unwrap();
    let mut daemon = manager.start(folder, (&client, odd.into()));
    assert_eq!(daemon.wait().unwrap().code(), Some(1));
    let told = manager.hear_news();
    assert!(told.starts_with("STATUS=") && told.contains("store.db"), "{told}");
}
