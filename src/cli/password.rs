//! Commands that touch a secret: making a client password, and checking a login.
//!
//! A secret comes in on standard input and goes out on standard output, never in an argument, an
//! error or a note.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::os::fd::AsFd;

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use zeroize::{Zeroize, Zeroizing};

use super::ask::{account_target, told_as_json};
use super::commands::{Check, NewPassword, Password, Revoke};
use super::output::{Out, visible};
use super::{Failure, answers, note, verdict};
use crate::api::client::{Answer, Client, Target};
use crate::api::{
    AccountView, CheckAnswer, CheckRequest, NewPasswordAnswer, NewPasswordRequest, RevokedList,
};

/// The longest password that is read, in bytes; mail clients cannot send more in one line either.
const PASSWORD_BYTES_MAX: usize = 4_096;

/// `sidegate password …`
pub(super) fn password(command: Password, client: &Client, out: &mut Out) -> Result<(), Failure> {
    match command {
        Password::New(new) => make(new, client, out),
        Password::List(account) => {
            let answer = client.get(&account_target(&account.address))?;
            if told_as_json(&answer, out)? {
                return Ok(());
            }
            let view: AccountView = answer.read()?;
            if view.passwords.is_empty() {
                note(&format!("{} has no client passwords", visible(&view.address)));
                return Ok(());
            }
            out.text(&answers::passwords(&view.passwords, &out.style))
        }
        Password::Revoke(revoke) => remove(&revoke, client, out),
    }
}

fn passwords_target(address: &str) -> Target {
    Target::of(&["accounts", address, "passwords"])
}

fn make(new: NewPassword, client: &Client, out: &mut Out) -> Result<(), Failure> {
    let request = NewPasswordRequest {
        name: new.name,
        expires_in: new.expires,
        protocols: new.protocols,
        networks: new.from.iter().map(ToString::to_string).collect(),
    };
    let address = new.account.address;
    let answer = client.post(&passwords_target(&address), &request)?;
    let mut made: NewPasswordAnswer = answer.read()?;
    let shown = show_once(&answer, &made, out);
    made.password.zeroize();
    // A closed pipe is no quiet end here: nobody has seen the password, but it is in force.
    shown.map_err(|error| {
        Failure::Said(format!(
            "the client password was made but could not be written ({error}); remove it with: \
             sidegate password revoke {} {}",
            quoted(&address),
            made.id
        ))
    })?;
    if !out.style.json && io::stderr().is_terminal() {
        let until = made.expires.map(|end| format!("until {}", out.style.times.show(end)));
        let until = until.unwrap_or_else(|| "until it is revoked".into());
        let name = visible(&made.name);
        note(&format!(
            "note: client password {}, \"{name}\", is good {until}; it is shown this once",
            made.id
        ));
    }
    Ok(())
}

fn show_once(answer: &Answer, made: &NewPasswordAnswer, out: &mut Out) -> io::Result<()> {
    if out.style.json {
        return match out.json(answer.bytes()) {
            Err(Failure::Output(error)) => Err(error),
            _ => Ok(()),
        };
    }
    let line = Zeroizing::new(format!("{}\n", made.password));
    out.bytes(line.as_bytes())
}

/// An argument as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"@.-_+=".contains(&b);
    if word.bytes().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn remove(revoke: &Revoke, client: &Client, out: &mut Out) -> Result<(), Failure> {
    let which = &revoke.which;
    let target = passwords_target(&revoke.account.address)
        .with_some("id", which.id)
        .with_some("name", which.name.as_deref())
        .with_some("all", which.all.then_some("true"));
    let answer = client.delete(&target)?;
    if told_as_json(&answer, out)? {
        return Ok(());
    }
    let gone: RevokedList = answer.read()?;
    if gone.revoked.is_empty() {
        note("there was none to revoke");
    }
    for line in &gone.revoked {
        out.line(&format!("client password {}, \"{}\": revoked", line.id, line.name))?;
    }
    Ok(())
}

/// `sidegate check`
pub(super) fn check(check: Check, client: &Client, out: &mut Out) -> Result<(), Failure> {
    let mut secret = if io::stdin().is_terminal() {
        let prompt = format!("Password of {}", visible(&check.account.address));
        ask_person(&[prompt])?.pop().unwrap_or_default()
    } else {
        read_line(&mut io::stdin().lock())?
    };
    let mut request = CheckRequest {
        account: check.account.address,
        protocol: check.protocol,
        from: check.from.map(|address| address.to_string()),
        password: std::mem::take(&mut *secret),
    };
    let answer = client.post(&Target::of(&["check"]), &request);
    request.password.zeroize();
    let answer = answer?;
    let outcome: CheckAnswer = answer.read()?;
    if !told_as_json(&answer, out)? {
        out.text(&verdict::sentences(&request, &outcome, &out.style))?;
    }
    if outcome.verdict == "accept" { Ok(()) } else { Err(Failure::Told) }
}

/// A new password: one line of standard input, or typed twice at a terminal.
pub(super) fn read_new(address: &str) -> Result<Zeroizing<String>, Failure> {
    if !io::stdin().is_terminal() {
        return read_line(&mut io::stdin().lock());
    }
    let prompts = [format!("New main password of {}", visible(address)), "Once more".to_owned()];
    let mut typed = ask_person(&prompts)?;
    // A person who can type it twice can type it when it counts.
    let again = typed.pop().unwrap_or_default();
    let first = typed.pop().unwrap_or_default();
    if *first == *again { Ok(first) } else { Err(Failure::Said("the two are not the same".into())) }
}

/// One line without its end.
fn read_line(input: &mut impl BufRead) -> Result<Zeroizing<String>, Failure> {
    // The room is reserved at once: growing would leave copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(PASSWORD_BYTES_MAX + 2));
    let limit = u64::try_from(PASSWORD_BYTES_MAX + 2).unwrap_or(u64::MAX);
    input
        .take(limit)
        .read_until(b'\n', &mut line)
        .map_err(|error| Failure::Said(format!("cannot read standard input: {error}")))?;
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    if line.is_empty() {
        return Err(Failure::Usage("there is no password on standard input".into()));
    }
    if line.len() > PASSWORD_BYTES_MAX {
        return Err(Failure::Usage(format!("the password is longer than {PASSWORD_BYTES_MAX} bytes")));
    }
    match std::str::from_utf8(&line) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Failure::Usage("the password is not UTF-8".into())),
    }
}

/// Asks at the terminal, one after the other. What is typed does not show; Ctrl-C leaves the terminal as it was.
fn ask_person(prompts: &[String]) -> Result<Vec<Zeroizing<String>>, Failure> {
    let trouble = |error: io::Error| Failure::Said(format!("cannot read the terminal: {error}"));
    let runtime = Builder::new_current_thread().enable_all().build().map_err(trouble)?;
    // Whoever presses Ctrl-C as soon as he is asked must not be left with a terminal that shows nothing.
    let listening = runtime.enter();
    let mut interrupts = signal(SignalKind::interrupt()).map_err(trouble)?;
    drop(listening);
    let silence = Silence::new().map_err(trouble)?;
    let ask = |prompt: &String| {
        let _ = write!(io::stderr().lock(), "{prompt}: ");
        let line = runtime.block_on(async {
            let typed = tokio::task::spawn_blocking(|| read_line(&mut io::stdin().lock()));
            tokio::select! {
                line = typed => line.unwrap_or_else(|_| Err(Failure::Said("cannot read the terminal".into()))),
                _ = interrupts.recv() => Err(Failure::Said("interrupted".into())),
            }
        });
        note("");
        line
    };
    // No further question after one that was not answered.
    let lines: Result<Vec<_>, _> = prompts.iter().map(ask).collect();
    drop(silence);
    runtime.shutdown_background();
    lines
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Silence {
    before: Termios,
}

impl Silence {
    fn new() -> io::Result<Self> {
        let stdin = io::stdin();
        let before = tcgetattr(stdin.as_fd())?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(stdin.as_fd(), SetArg::TCSAFLUSH, &quiet)?;
        Ok(Self { before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin().as_fd(), SetArg::TCSAFLUSH, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> Result<String, u8> {
        read_line(&mut &*input).map(|line| line.to_string()).map_err(|failure| failure.status())
    }

    #[test]
    fn one_line_is_read_and_its_end_removed() {
        assert_eq!(read(b"secret\n"), Ok("secret".into()));
        assert_eq!(read(b"secret"), Ok("secret".into()));
        assert_eq!(read(b" a b \r\nmore\n"), Ok(" a b ".into()));
        assert_eq!(read(b""), Err(2));
        assert_eq!(read(b"\n"), Err(2));
        assert_eq!(read(b"\xff\n"), Err(2));
    }

    #[test]
    fn a_password_has_a_limit() {
        let longest = "x".repeat(PASSWORD_BYTES_MAX);
        assert_eq!(read(format!("{longest}\r\n").as_bytes()), Ok(longest.clone()));
        assert_eq!(read(format!("{longest}x\n").as_bytes()), Err(2));
        assert_eq!(read(format!("{longest}xyz").as_bytes()), Err(2));
    }

    #[test]
    fn a_hint_can_be_pasted_into_a_shell() {
        assert_eq!(quoted("ann@example.org"), "ann@example.org");
        assert_eq!(quoted("a'b c"), r"'a'\''b c'");
    }
}
