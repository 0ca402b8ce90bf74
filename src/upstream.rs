//! The client of Dovecot's own auth process behind us: main passwords, the user database, and
//! every mechanism that we do not do ourselves.
//!
//! One connection per socket carries all questions at once. When it breaks, every question that is
//! open is answered "away" (a temporary failure), and the next one connects anew.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use data_encoding::BASE64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tracing::{info, warn};

use crate::gate::question::Found;
use crate::gate::secret::Secret;
use crate::proto::auth_client::Mechanism;
use crate::proto::tab;

/// The longest line that is taken from the upstream.
const LINE_BYTES_MAX: usize = 65_536;
/// Questions that may wait to be sent.
const QUEUE_MAX: usize = 4_096;
/// How long connecting and the handshake may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often a broken connection is tried again while nobody asks.
const RETRY: Duration = Duration::from_millis(250);
/// How long a login process waits to hear what the upstream offers, while it was never there since
/// our start: Dovecot starts both together, and a login process keeps what it was told at first.
const FIRST_OFFER_PATIENCE: Duration = Duration::from_secs(2);
/// The most users that a list may have.
const LIST_MAX: usize = 10_000_000;

/// The upstream cannot be reached, or did not answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the upstream is away")]
pub struct Away;

/// What the upstream says to a login.
#[derive(Debug)]
pub enum Said {
    /// The secret is right. The name, and the other fields as they came.
    Ok(String, Bytes),
    /// It is not. The name if it was told, and the other fields as they came.
    Fail(Option<String>, Bytes),
    /// Trouble there: a temporary failure.
    Trouble,
    /// The client must go on with the dialogue of this number.
    Challenge(u32, Bytes),
}

/// The upstream's two sockets.
#[derive(Debug)]
pub struct Upstream {
    auth: Link,
    userdb: Link,
    userdb_path: PathBuf,
    timeout: Duration,
}

impl Upstream {
    /// Starts both connections in the background.
    #[must_use]
    pub fn start(auth: &Path, userdb: &Path, timeout: Duration) -> Self {
        Self {
            auth: Link::start(auth, Socket::Client),
            userdb: Link::start(userdb, Socket::Master),
            userdb_path: userdb.to_owned(),
            timeout,
        }
    }

    /// What the upstream offered last, beside PLAIN and LOGIN. If it was never there it is waited
    /// for, two seconds at most.
    pub async fn mechanisms(&self) -> Arc<[Mechanism]> {
        let mut state = self.auth.state.clone();
        let met = state.wait_for(|state| state.offered.is_some());
        let met = timeout(FIRST_OFFER_PATIENCE, met).await;
        met.ok().and_then(|state| state.ok()?.offered.clone()).unwrap_or_default()
    }

    /// Whether both sockets answer at present.
    #[must_use]
    pub fn connected(&self) -> bool {
        self.auth.is_up() && self.userdb.is_up()
    }

    /// Which connection to the user database it is, counted from the first: another Dovecot, or another configuration of
    /// it, is behind another one.
    #[must_use]
    pub fn userdb_connection(&self) -> u64 {
        self.userdb.state.borrow().connection
    }

    /// Asks whether a main password is right, by PLAIN.
    ///
    /// # Errors
    /// No answer.
    pub async fn plain(&self, name: &str, secret: &Secret, params: &[u8]) -> Result<Said, Away> {
        // An LDAP server takes a bind without a password for an anonymous one, and says yes.
        if secret.is_empty() {
            return Ok(Said::Fail(None, Bytes::new()));
        }
        let message = Secret::new([b"\0", name.as_bytes(), b"\0", secret.reveal()].concat());
        let initial = Secret::new(BASE64.encode(message.reveal()));
        self.begin("PLAIN", params, Some(&initial)).await
    }

    /// Begins a login by any mechanism; `initial` is base64.
    ///
    /// # Errors
    /// No answer.
    pub async fn begin(
        &self,
        mechanism: &str,
        params: &[u8],
        initial: Option<&Secret>,
    ) -> Result<Said, Away> {
        let id = self.auth.next_id();
        // Its own penalty would slow honest logins: counting is ours. No mail process will claim.
        let head = format!("AUTH\t{id}\t{mechanism}\t");
        let params = params.split(|byte| *byte == b'\t').filter(|field| *field != b"nologin");
        let params = &params.collect::<Vec<_>>().join(&b'\t')[..];
        let (key, initial): (&[u8], &[u8]) =
            initial.map_or((b"", b""), |initial| (b"\tresp=", initial.reveal()));
        let line = [head.as_bytes(), params, b"\tno-penalty\tnologin", key, initial, b"\n"].concat();
        self.converse(id, Secret::new(line)).await
    }

    /// Goes on with a dialogue; `data` is base64.
    ///
    /// # Errors
    /// No answer.
    pub async fn go_on(&self, id: u32, data: &Secret) -> Result<Said, Away> {
        let head = format!("CONT\t{id}\t");
        self.converse(id, Secret::new([head.as_bytes(), data.reveal(), b"\n"].concat())).await
    }

    /// What to do with the number of a dialogue that nobody goes on with.
    pub fn giving_up(&self) -> impl FnOnce(u32) + Send + 'static {
        let commands = self.auth.commands.clone();
        move |id| give_up(&commands, id)
    }

    async fn converse(&self, id: u32, line: Secret) -> Result<Said, Away> {
        let Reply { word, rest } = self.auth.ask(id, line, self.timeout).await?;
        let mut user = None;
        let mut fields = Vec::new();
        // What the upstream says to a dialogue that it knows no more: it was restarted, or the client slept.
        let mut trouble = word == b"FAIL" && rest == GONE.as_bytes();
        for field in rest.split(|byte| *byte == b'\t').filter(|field| !field.is_empty()) {
            match tab::key_value(field) {
                (b"user", Some(name)) => {
                    user = Some(String::from_utf8_lossy(&tab::unescape(name)).into_owned());
                }
                (b"code", Some(b"temp_fail")) | (b"temp", None) => trouble = true,
                _ => fields.push(field),
            }
        }
        match (word.as_slice(), user) {
            (b"OK", Some(user)) if !user.is_empty() => Ok(Said::Ok(user, fields.join(&b'\t').into())),
            (b"FAIL", user) if !trouble => Ok(Said::Fail(user, fields.join(&b'\t').into())),
            (b"CONT", _) => Ok(Said::Challenge(id, rest)),
            _ => Ok(Said::Trouble),
        }
    }

    /// Asks for a user's mail location (`USER`) or password fields (`PASS`).
    ///
    /// # Errors
    /// No answer.
    pub async fn lookup(&self, command: &str, name: &str, params: &[u8]) -> Result<Found, Away> {
        let id = self.userdb.next_id();
        let mut line = BytesMut::from(format!("{command}\t{id}\t").as_bytes());
        tab::escape_into(&mut line, name.as_bytes());
        if !params.is_empty() {
            line.extend_from_slice(b"\t");
            line.extend_from_slice(params);
        }
        line.extend_from_slice(b"\n");
        let Reply { word, rest } = self.userdb.ask(id, Secret::new(line.to_vec()), self.timeout).await?;
        let mut fields = rest.splitn(2, |byte| *byte == b'\t');
        let name = fields.next().unwrap_or_default();
        let name = name.strip_prefix(b"user=").filter(|_| command == "PASS").unwrap_or(name);
        let rest = Bytes::copy_from_slice(fields.next().unwrap_or_default());
        Ok(match word.as_slice() {
            b"USER" | b"PASS" => {
                Found::User(String::from_utf8_lossy(&tab::unescape(name)).into_owned(), rest)
            }
            b"NOTFOUND" => Found::Nobody,
            _ => Found::Fail(reason(name)),
        })
    }

    /// Every user, or `None` if the upstream cannot list them. A connection of its own, because
    /// the answer can be long.
    ///
    /// # Errors
    /// No answer.
    pub async fn list(&self, params: &[u8]) -> Result<Option<Vec<String>>, Away> {
        let mut wire = timeout(CONNECT_TIMEOUT, Wire::open(&self.userdb_path, Socket::Master))
            .await
            .map_err(|_| Away)?
            .map_err(|_| Away)?;
        wire.stream.write_all(&[b"LIST\t1\t", params, b"\n"].concat()).await.map_err(|_| Away)?;
        let mut names = Vec::new();
        loop {
            let line = timeout(self.timeout, wire.line()).await.map_err(|_| Away)?.map_err(|_| Away)?;
            let mut fields = line.split(|byte| *byte == b'\t');
            match (fields.next(), fields.nth(1)) {
                (Some(b"LIST"), Some(name)) if names.len() < LIST_MAX => {
                    names.push(String::from_utf8_lossy(&tab::unescape(name)).into_owned());
                }
                (Some(b"DONE"), Some(b"fail")) => return Ok(None),
                (Some(b"DONE"), _) => return Ok(Some(names)),
                (Some(b"SPID"), _) => {}
                _ => return Err(Away),
            }
        }
    }
}

/// Dovecot's word for a dialogue of which it knows nothing.
const GONE: &str = "reason=Authentication request timed out";

fn reason(field: &[u8]) -> Option<String> {
    let reason = field.strip_prefix(b"reason=")?;
    Some(String::from_utf8_lossy(&tab::unescape(reason)).into_owned())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Socket {
    Client,
    Master,
}

/// One answer: its first word, and what follows the id.
#[derive(Debug)]
struct Reply {
    word: Vec<u8>,
    rest: Bytes,
}

#[derive(Debug)]
enum Command {
    /// The line with its end.
    Ask {
        id: u32,
        line: Secret,
        reply: oneshot::Sender<Reply>,
    },
    GiveUp(u32),
}

/// A connection that is kept up in the background.
#[derive(Debug)]
struct Link {
    commands: mpsc::Sender<Command>,
    last_id: AtomicU32,
    state: watch::Receiver<State>,
}

#[derive(Debug, Default)]
struct State {
    up: bool,
    /// How often it came up.
    connection: u64,
    /// None before it was there once.
    offered: Option<Arc<[Mechanism]>>,
}

impl Link {
    fn start(path: &Path, socket: Socket) -> Self {
        let (commands, queue) = mpsc::channel(QUEUE_MAX);
        let (tell, state) = watch::channel(State::default());
        tokio::spawn(keep_up(path.to_owned(), socket, queue, tell));
        Self { commands, last_id: AtomicU32::new(0), state }
    }

    fn is_up(&self) -> bool {
        self.state.borrow().up
    }

    /// Never 0.
    fn next_id(&self) -> u32 {
        self.last_id.fetch_add(1, Ordering::Relaxed).wrapping_add(1).max(1)
    }

    async fn ask(&self, id: u32, line: Secret, patience: Duration) -> Result<Reply, Away> {
        let (reply, answer) = oneshot::channel();
        self.commands.try_send(Command::Ask { id, line, reply }).map_err(|_| Away)?;
        match timeout(patience, answer).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(_)) => Err(Away),
            Err(_) => {
                give_up(&self.commands, id);
                Err(Away)
            }
        }
    }
}

/// A full queue means that the upstream has more trouble than one dialogue left open.
fn give_up(commands: &mpsc::Sender<Command>, id: u32) {
    let _ = commands.try_send(Command::GiveUp(id));
}

/// Connects, serves until the connection breaks, and begins anew, until nobody asks any more.
async fn keep_up(
    path: PathBuf,
    socket: Socket,
    mut queue: mpsc::Receiver<Command>,
    state: watch::Sender<State>,
) {
    let mut first = None;
    // At boot we come before Dovecot: until it was there once, its absence is no trouble.
    let mut was_there = false;
    let mut complained = false;
    loop {
        let problem = match timeout(CONNECT_TIMEOUT, Wire::open(&path, socket)).await {
            Ok(Ok(wire)) => {
                info!(path = %path.display(), "upstream connected");
                (was_there, complained) = (true, false);
                state.send_modify(|state| {
                    let (connection, offered) = (state.connection + 1, Some(wire.offered.clone().into()));
                    *state = State { up: true, connection, offered };
                });
                let ended = wire.serve(first.take(), &mut queue).await;
                state.send_modify(|state| state.up = false);
                match ended {
                    Ok(()) => return,
                    Err(problem) => problem.to_string(),
                }
            }
            Ok(Err(problem)) => problem.to_string(),
            Err(_) => "no handshake in time".to_owned(),
        };
        if !complained && was_there {
            warn!(path = %path.display(), problem, "upstream away; what needs it fails temporarily");
        } else if !complained {
            info!(path = %path.display(), problem, "waiting for the upstream");
        }
        complained = true;
        // Whoever waits is told by dropping the question; whoever asks next makes us try at once.
        first = None;
        while queue.try_recv().is_ok() {}
        match timeout(RETRY, queue.recv()).await {
            Ok(None) => return,
            Ok(command) => first = command,
            Err(_) => {}
        }
    }
}

/// An open connection, past its handshake.
struct Wire {
    stream: UnixStream,
    input: BytesMut,
    offered: Vec<Mechanism>,
}

impl Wire {
    async fn open(path: &Path, socket: Socket) -> io::Result<Self> {
        let stream = UnixStream::connect(path).await?;
        let mut wire = Self { stream, input: BytesMut::new(), offered: Vec::new() };
        let hello = match socket {
            Socket::Client => format!("VERSION\t1\t2\nCPID\t{}\n", std::process::id()),
            Socket::Master => "VERSION\t1\t1\n".to_owned(),
        };
        wire.stream.write_all(hello.as_bytes()).await?;
        let mut versioned = false;
        loop {
            let line = wire.line().await?;
            let mut fields = line.split(|byte| *byte == b'\t');
            match (fields.next().unwrap_or_default(), fields.next()) {
                (b"VERSION", Some(b"1")) => versioned = true,
                (b"VERSION", _) => return Err(io::Error::other("another major version")),
                (b"MECH", Some(name)) => wire.offer(name, fields),
                (b"DONE", _) if socket == Socket::Client && versioned => return Ok(wire),
                (b"SPID", _) if socket == Socket::Master && versioned => return Ok(wire),
                (b"CUID" | b"DONE", _) if socket == Socket::Master => {
                    return Err(io::Error::other("this is an auth-client socket"));
                }
                _ => {}
            }
        }
    }

    /// Notes a mechanism that we can pass on. One that works on our own name and password, one
    /// without any, and one that is bound to the TLS channel of the login process cannot be.
    fn offer<'a>(&mut self, name: &[u8], flags: impl Iterator<Item = &'a [u8]>) {
        let name = String::from_utf8_lossy(name).to_ascii_uppercase();
        let flags = flags.map(String::from_utf8_lossy).collect::<Vec<_>>().join("\t");
        let ours = matches!(name.as_str(), "PLAIN" | "LOGIN" | "ANONYMOUS" | "EXTERNAL" | "APOP");
        if !ours && !name.ends_with("-PLUS") {
            self.offered.push(Mechanism { name, flags });
        }
    }

    /// The next line, without its end. Safe to give up in the middle.
    async fn line(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
                let line = self.input.split_to(end).freeze();
                self.input.advance(1);
                return Ok(line);
            }
            if self.input.len() > LINE_BYTES_MAX {
                return Err(io::Error::other("line too long"));
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(io::Error::other("closed by the upstream"));
            }
        }
    }

    /// Sends questions and hands out answers until the connection breaks; `Ok` when nobody is left
    /// to ask. Dropping `waiting` tells whoever still waits.
    async fn serve(mut self, first: Option<Command>, queue: &mut mpsc::Receiver<Command>) -> io::Result<()> {
        let mut waiting = HashMap::new();
        if let Some(command) = first {
            self.send(command, &mut waiting).await?;
        }
        loop {
            tokio::select! {
                command = queue.recv() => match command {
                    Some(command) => self.send(command, &mut waiting).await?,
                    None => return Ok(()),
                },
                line = self.line() => {
                    let line = line?;
                    let mut fields = line.splitn(3, |byte| *byte == b'\t');
                    let word = fields.next().unwrap_or_default().to_vec();
                    let id: Option<u32> = fields.next().and_then(tab::number);
                    let rest = Bytes::copy_from_slice(fields.next().unwrap_or_default());
                    if let Some(reply) = id.and_then(|id| waiting.remove(&id)) {
                        // Whoever asked may have given up.
                        let _ = oneshot::Sender::send(reply, Reply { word, rest });
                    }
                }
            }
        }
    }

    async fn send(
        &mut self,
        command: Command,
        waiting: &mut HashMap<u32, oneshot::Sender<Reply>>,
    ) -> io::Result<()> {
        let line = match command {
            Command::Ask { id, line, reply } => {
                waiting.insert(id, reply);
                line
            }
            Command::GiveUp(id) => {
                waiting.remove(&id);
                Secret::new(format!("CANCEL\t{id}\n"))
            }
        };
        let sent = timeout(CONNECT_TIMEOUT, self.stream.write_all(line.reveal())).await;
        sent.map_err(|_| io::Error::other("the upstream takes nothing"))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new command stops the build here, and is looked at.
    #[test]
    fn no_command_shows_a_secret() {
        let ask = |line| Command::Ask { id: 1, line, reply: oneshot::channel().0 };
        for command in [ask(Secret::new(*b"AUTH\t1\tPLAIN\tresp=hunter2\n")), Command::GiveUp(1)] {
            let beginning = match &command {
                Command::Ask { id: _, line: _, reply: _ } => "Ask { id: 1, line: Secret(..), reply: Sender",
                Command::GiveUp(_) => "GiveUp(1)",
            };
            let shown = format!("{command:?}");
            assert!(shown.starts_with(beginning) && !shown.contains("hunter2"), "{shown}");
        }
    }
}
