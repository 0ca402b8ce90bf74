//! One real question to each socket. It counts nothing, blocks nobody and leaves no event: a handshake, a name that
//! nobody can have, a client that is nowhere.
//!
//! Who may ask is decided by the user, so doctor asks in the name of those who do: it starts itself once for each, and
//! that process gives its privileges up before it looks at the socket.

use std::ffi::{CString, OsStr};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::unistd::{Gid, Uid, User, geteuid, initgroups, setgid, setgroups, setuid};

use super::look::{Programs, Trouble, user_name};
use crate::cli::Failure;
use crate::cli::output::Out;
use crate::config::{Choice, ListenProtocol, Listener};
use crate::doctor::Outcome;
use crate::gate::question::{TRIAL_ADDRESS, TRIAL_NAME};

/// What the portal asks at the control socket, among the protocols of listeners.
const PORTAL: &str = "portal";
/// How long an answer may take.
const ANSWER_WAIT: Duration = Duration::from_secs(8);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 16_384;

/// Asks a listener in the name of a user, by a process of its own.
pub(super) fn asked(programs: &Programs, listener: &Listener, user: &str) -> Outcome {
    in_the_name_of(programs, listener.protocol.word(), &listener.place.to_string(), user)
}

/// Asks at the control socket, as the portal does.
pub(super) fn portal_asked(programs: &Programs, socket: &Path, user: &str) -> Outcome {
    in_the_name_of(programs, PORTAL, &socket.display().to_string(), user)
}

fn in_the_name_of(programs: &Programs, protocol: &str, place: &str, user: &str) -> Outcome {
    let myself = user_name(geteuid().as_raw());
    if !geteuid().is_root() && user != myself {
        return Outcome::NotAsked(format!("only root can ask for others, and this is {myself}"));
    }
    let Ok(program) = std::env::current_exe() else {
        return Outcome::NotAsked("this program cannot be found".into());
    };
    let args = ["doctor", "--ask", protocol, place, "--as-user", user].map(OsStr::new);
    match programs.run(program, &args) {
        Ok(json) => serde_json::from_str(&json).unwrap_or_else(|error| Outcome::NotAsked(error.to_string())),
        Err(Trouble::Absent) => Outcome::NotAsked("this program cannot be found".into()),
        Err(Trouble::Failed(why)) => Outcome::NotAsked(why),
    }
}

/// What the process of one user does: becomes the user, asks, and tells the outcome as JSON.
pub(super) fn as_asked(
    protocol: &str,
    place: &str,
    user: Option<&str>,
    out: &mut Out,
) -> Result<(), Failure> {
    let listener = ListenProtocol::WORDS.iter().find(|(word, _)| *word == protocol);
    if listener.is_none() && protocol != PORTAL {
        return Err(Failure::Usage("no such protocol".into()));
    }
    if let Some(user) = user {
        become_user(user).map_err(Failure::Said)?;
    }
    let asked = match listener {
        Some((_, protocol)) => question(*protocol, place),
        None => portal_question(place),
    };
    let outcome = match asked {
        Ok(outcome) => outcome,
        Err(error) => of_error(&error),
    };
    let told = serde_json::to_value(&outcome).map_err(|error| Failure::Said(error.to_string()))?;
    out.value_line(&told)
}

/// Gives all privileges up, with the groups that a server of this user has.
fn become_user(name: &str) -> Result<(), String> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let user = match name.parse::<u32>() {
        Ok(uid) => User::from_uid(Uid::from_raw(uid)),
        Err(_) => User::from_name(name),
    };
    let user = user.map_err(|error| error.to_string())?;
    let changed = match (user, name.parse::<u32>()) {
        (Some(user), _) => CString::new(user.name).map_err(|error| error.to_string()).map(|name| {
            initgroups(&name, user.gid).and_then(|()| setgid(user.gid)).and_then(|()| setuid(user.uid))
        })?,
        (None, Ok(uid)) => {
            setgroups(&[]).and_then(|()| setgid(Gid::from_raw(uid))).and_then(|()| setuid(Uid::from_raw(uid)))
        }
        (None, Err(_)) => return Err(format!("no user is called {name}")),
    };
    changed.map_err(|error| format!("cannot become {name}: {error}"))
}

fn of_error(error: &io::Error) -> Outcome {
    match error.kind() {
        ErrorKind::PermissionDenied => Outcome::Denied,
        ErrorKind::ConnectionRefused | ErrorKind::NotFound => Outcome::Refused,
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Outcome::Silent,
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Outcome::Closed,
        _ => Outcome::Strange(error.to_string()),
    }
}

/// Whether an answer is whole.
type End = fn(&[u8]) -> bool;

/// A connection of either kind.
trait Line: Read + Write {}
impl<T: Read + Write> Line for T {}

fn connect(place: &str) -> io::Result<Box<dyn Line>> {
    if place.starts_with('/') {
        let stream = UnixStream::connect(place)?;
        stream.set_read_timeout(Some(ANSWER_WAIT))?;
        stream.set_write_timeout(Some(ANSWER_WAIT))?;
        return Ok(Box::new(stream));
    }
    let address = place.parse().map_err(|_| io::Error::other("no address"))?;
    let stream = TcpStream::connect_timeout(&address, ANSWER_WAIT)?;
    stream.set_read_timeout(Some(ANSWER_WAIT))?;
    stream.set_write_timeout(Some(ANSWER_WAIT))?;
    Ok(Box::new(stream))
}

fn question(protocol: ListenProtocol, place: &str) -> io::Result<Outcome> {
    let mut line = connect(place)?;
    let (question, end): (Vec<u8>, End) = match protocol {
        ListenProtocol::AuthClient => (Vec::new(), |said| said.ends_with(b"\nDONE\n")),
        ListenProtocol::AuthMaster => (
            format!("VERSION\t1\t1\nUSER\t1\t{TRIAL_NAME}\tservice=doctor\n").into(),
            // Its own two lines, and the answer.
            |said| said.iter().filter(|byte| **byte == b'\n').count() >= 3,
        ),
        ListenProtocol::Dict => {
            (format!("H3\t2\t0\t\tsidegate\nLshared/user\t{TRIAL_NAME}\n").into(), |said| {
                said.ends_with(b"\n")
            })
        }
        ListenProtocol::Policy => (
            format!(
                "request=smtpd_access_policy\nprotocol_state=CONNECT\nclient_address={TRIAL_ADDRESS}\n\
                 policy_context=doctor\n\n"
            )
            .into(),
            |said| said.ends_with(b"\n\n"),
        ),
        ListenProtocol::Socketmap => {
            let text = format!("sender-login {TRIAL_NAME}");
            (format!("{}:{text},", text.len()).into(), |said| said.ends_with(b","))
        }
        ListenProtocol::Milter => (OPTNEG.into(), |said| said.len() >= 5),
        // Whatever is asked there counts as an attempt.
        ListenProtocol::Saslauthd => return Ok(Outcome::Answered("somebody listens".into())),
        ListenProtocol::Http => {
            (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_vec(), |said| {
                said.ends_with(b"\n") && said.windows(4).any(|bytes| bytes == b"\r\n\r\n")
            })
        }
    };
    line.write_all(&question)?;
    let said = read_until(&mut *line, end)?;
    Ok(judge(protocol, &said))
}

/// Whose session this is that nobody has: there is none, or the user is turned away.
fn portal_question(place: &str) -> io::Result<Outcome> {
    let mut line = connect(place)?;
    line.write_all(b"GET /v1/portal/session HTTP/1.1\r\nHost: sidegate\r\nConnection: close\r\n\r\n")?;
    let said = read_until(&mut *line, |said| said.ends_with(b"}"))?;
    let text = String::from_utf8_lossy(&said);
    let status = text.lines().next().unwrap_or_default();
    Ok(match status.split(' ').nth(1) {
        Some("200" | "409") => Outcome::Answered("it may ask".into()),
        Some("403") => Outcome::Strange("403, not a user that [control] portal names".into()),
        _ => Outcome::Strange(status.to_owned()),
    })
}

/// A milter's first words: version 6, all actions, all steps.
const OPTNEG: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";

fn read_until(line: &mut dyn Line, end: End) -> io::Result<Vec<u8>> {
    let (mut said, mut piece) = (Vec::new(), [0; 1024]);
    while !end(&said) {
        match line.read(&mut piece)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => said.extend_from_slice(&piece[..count]),
        }
        if said.len() > ANSWER_BYTES_MAX {
            return Err(io::Error::other("an answer without end"));
        }
    }
    Ok(said)
}

/// Whether an answer is a proper one.
fn judge(protocol: ListenProtocol, said: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(said);
    let last = text.lines().last().unwrap_or_default();
    let (fine, short) = match protocol {
        ListenProtocol::AuthClient => (text.starts_with("VERSION\t1\t"), "its handshake".to_owned()),
        ListenProtocol::AuthMaster => {
            (last.starts_with("NOTFOUND\t1") || last.starts_with("USER\t1"), first_word(last))
        }
        ListenProtocol::Dict => {
            (last.starts_with('N') || last.starts_with('O'), last.chars().take(1).collect())
        }
        ListenProtocol::Policy => (text.starts_with("action="), text.trim().to_owned()),
        ListenProtocol::Socketmap => {
            let answer = text.split_once(':').map_or("", |(_, rest)| rest).trim_end_matches(',');
            (answer.starts_with("NOTFOUND") || answer.starts_with("OK "), first_word(answer))
        }
        ListenProtocol::Milter => (said.get(4) == Some(&b'O'), "its options".to_owned()),
        ListenProtocol::Saslauthd => (true, String::new()),
        ListenProtocol::Http => (text.starts_with("HTTP/1.1 200"), last.to_owned()),
    };
    if fine { Outcome::Answered(short) } else { Outcome::Strange(last.replace('\t', " ")) }
}

fn first_word(text: &str) -> String {
    text.split(['\t', ' ']).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proper_answers_and_others() {
        let fine = |protocol, said: &str| matches!(judge(protocol, said.as_bytes()), Outcome::Answered(_));
        assert!(fine(ListenProtocol::AuthMaster, "VERSION\t1\t1\nSPID\t7\nNOTFOUND\t1\n"));
        assert!(!fine(ListenProtocol::AuthMaster, "VERSION\t1\t1\nSPID\t7\nFAIL\t1\n"));
        assert!(fine(ListenProtocol::Policy, "action=DUNNO\n\n"));
        assert!(
            fine(ListenProtocol::Socketmap, "9:NOTFOUND ,") && !fine(ListenProtocol::Socketmap, "7:TEMP no,")
        );
        assert!(fine(ListenProtocol::Dict, "N\n") && !fine(ListenProtocol::Dict, "Fno\n"));
        assert!(
            !fine(ListenProtocol::Http, "HTTP/1.1 503 x\r\n\r\nno\n") && !fine(ListenProtocol::Milter, "x")
        );
    }
}
