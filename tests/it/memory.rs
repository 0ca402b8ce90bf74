//! What is left of a password in the daemon's memory, and who may look there.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, chown};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use serde_json::json;

use crate::daemon::{ANN, Daemon};
use crate::world::plain;

/// Of a password that is partly written over, so much of it is still too much.
const TRACE_BYTES: usize = 12;

/// A daemon with all doors that take passwords.
fn start(folder: &Path) -> Daemon {
    fs::create_dir(folder.join("conf.d")).unwrap();
    let doors = ["saslauthd", "http"]
        .map(|door| format!("[[listen]]\nprotocol = {door:?}\npath = {:?}\n", folder.join(door)));
    let backends = "backends = { imap = \"127.0.0.1:143\" }\n";
    fs::write(folder.join("conf.d/doors.toml"), doors.concat() + backends).unwrap();
    let daemon = Daemon::start(folder);
    assert_eq!(daemon.sidegate(&["account", "add", ANN]).0, 0);
    daemon
}

/// Says something at a door, and hears all of the answer.
fn exchange(daemon: &Daemon, door: &str, said: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(daemon.folder.join(door)).unwrap();
    stream.write_all(said).unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    heard
}

fn nginx(daemon: &Daemon, secret: &str) -> Vec<u8> {
    let head = format!(
        "GET /auth HTTP/1.0\r\nAuth-Method: plain\r\nAuth-User: {ANN}\r\nAuth-Pass: {secret}\r\n\
         Auth-Protocol: imap\r\nClient-IP: 192.0.2.9\r\n\r\n"
    );
    exchange(daemon, "http", head.as_bytes())
}

fn saslauthd(daemon: &Daemon, secret: &str) -> Vec<u8> {
    let counted = |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
    exchange(daemon, "saslauthd", &[ANN, secret, "imap", ""].map(counted).concat())
}

/// All that a process may write to: its stacks, its heap, its tables.
fn memory(daemon: &Daemon) -> Vec<(String, Vec<u8>)> {
    let of = |file: &str| format!("/proc/{}/{file}", daemon.pid());
    let mem = File::open(of("mem")).unwrap();
    let maps = fs::read_to_string(of("maps")).unwrap();
    let writable =
        maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|may| may.starts_with("rw")));
    let read = |line: &str| {
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        let at = |hex| u64::from_str_radix(hex, 16).ok();
        let mut bytes = vec![0; usize::try_from(at(end)? - at(start)?).ok()?];
        mem.read_exact_at(&mut bytes, at(start)?).ok()?;
        Some((line.to_owned(), bytes))
    };
    writable.filter_map(read).collect()
}

/// Where some piece of `text` is found.
fn traces(memory: &[(String, Vec<u8>)], text: &str) -> Vec<String> {
    let pieces: Vec<&[u8]> = text.as_bytes().chunks_exact(TRACE_BYTES).collect();
    let mut found = Vec::new();
    for (place, bytes) in memory {
        for piece in &pieces {
            let mut rest = bytes.as_slice();
            while let Some(at) = rest.iter().position(|byte| *byte == piece[0]) {
                if rest[at..].starts_with(piece) {
                    found.push(format!(
                        "{place}: {}",
                        String::from_utf8_lossy(&rest[at..rest.len().min(at + 80)])
                    ));
                }
                rest = &rest[at + 1..];
            }
        }
    }
    found
}

#[test]
fn of_a_password_nothing_is_left_in_memory() {
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("SKIPPED: not root, who alone may look into the memory of others");
    }
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path());
    let made = daemon.new_password("Phone");
    // No piece of one is a piece of another.
    let typed = |door: &str| door.chars().flat_map(|letter| [letter, 'Z', '7']).collect::<String>();
    let mut peer = daemon.peer();
    assert_eq!(peer.login(&typed("guessing"), "192.0.2.1"), "FAIL");
    assert_eq!(peer.login(&made, "192.0.2.1"), "OK");
    assert_eq!(saslauthd(&daemon, &typed("saslauthd")), b"\0\x02NO");
    assert!(nginx(&daemon, &typed("nginx-mail")).windows(12).any(|words| words == b"Auth-Status:"));
    let check = json!({ "account": ANN, "protocol": "imap", "password": typed("checking") });
    assert_eq!(daemon.control("POST", "/v1/check", &check)["reason"], "wrong-password");
    // Somebody else comes by each door: what a thread has on its stack is of them.
    assert_eq!(peer.login("x", "192.0.2.2"), "FAIL");
    assert_eq!(saslauthd(&daemon, "x"), b"\0\x02NO");
    nginx(&daemon, "x");
    daemon.control("GET", "/v1/status", &json!({}));
    let memory = memory(&daemon);
    assert!(
        !traces(&memory, &format!("{}/control", folder.path().display())).is_empty(),
        "this is its memory"
    );
    let doors = ["guessing", "saslauthd", "nginx-mail", "checking"].map(typed);
    for text in doors.iter().chain([&made]) {
        let coded = plain(ANN, text);
        // The name in it is no secret.
        for look in [text.as_str(), &coded[coded.len() - TRACE_BYTES..], &BASE64.encode(text.as_bytes())] {
            let found = traces(&memory, look);
            assert!(found.is_empty(), "{look} is found: {found:#?}");
        }
    }
}

/// Of a process into which not even its own user may look, and which leaves no core dump, the files in `/proc` are root's.
#[test]
fn nobody_looks_into_the_daemon_and_it_leaves_no_core() {
    const NOBODY: u32 = 64_994;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    // Root's are root's anyhow. The program may lie in a folder that only root can enter.
    let as_nobody = format!(
        "cp \"$1\" {path}/program && shift && exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups {path}/program \"$@\""
    );
    let starter: &[&str] = if nix::unistd::geteuid().is_root() {
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        &["sh", "-c", &as_nobody, "sh"]
    } else {
        &[]
    };
    let daemon = Daemon::start_under(folder.path(), starter);
    let of = |file: &str| format!("/proc/{}/{file}", daemon.pid());
    let user = fs::metadata(folder.path().join("store.db")).unwrap().uid();
    assert_ne!(user, 0);
    for file in ["mem", "environ", "coredump_filter"] {
        assert_ne!(fs::metadata(of(file)).unwrap().uid(), user, "{file}");
    }
    let limits = fs::read_to_string(of("limits")).unwrap();
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>(), ["0", "0", "bytes"]);
}

/// What Argon2 needs, 19 MiB a seat, is the machine's again a while after the last new login.
#[test]
fn an_idle_daemon_is_small_again() {
    const IDLE_KIB_MAX: usize = 6 * 1024;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    let usual = "[client_passwords.argon2]\nmemory_kib = 19456\npasses = 2\n";
    fs::write(folder.path().join("conf.d/usual.toml"), usual).unwrap();
    let daemon = Daemon::start(folder.path());
    assert_eq!(daemon.sidegate(&["account", "add", ANN]).0, 0);
    assert_eq!(daemon.sidegate(&["password", "new", ANN, "--name", "phone"]).0, 0);
    let used = daemon.anonymous_kib();
    assert!(used > 19 * 1024, "one seat was used: {used} KiB");
    let began = Instant::now();
    while daemon.anonymous_kib() > IDLE_KIB_MAX {
        assert!(began.elapsed() < Duration::from_secs(60), "{} KiB are kept", daemon.anonymous_kib());
        std::thread::sleep(Duration::from_millis(200));
    }
}
