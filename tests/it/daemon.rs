//! A `sidegated` of its own, as a process that can be killed.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::world::{PATIENCE, plain};

/// The account of these tests.
pub(crate) const ANN: &str = "ann@example.org";

/// A daemon of its own, killed when dropped.
pub(crate) struct Daemon {
    pub(crate) folder: PathBuf,
    process: Child,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // SIGKILL: nothing is written on the way out.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Daemon {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_under(folder, &[])
    }

    /// Starts it by another program, which ends in `exec "$@"`.
    pub(crate) fn start_under(folder: &Path, starter: &[&str]) -> Self {
        let daemon = Self::spawn(folder, starter);
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(folder.join("client")).is_err() {
            assert!(Instant::now() < deadline, "the daemon did not start");
            std::thread::yield_now();
        }
        daemon
    }

    /// Starts it, and does not wait until it listens.
    pub(crate) fn spawned(folder: &Path) -> Self {
        Self::spawn(folder, &[])
    }

    /// Whether the process is gone.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// Starts it where it is not to come up; its status and what it said.
    pub(crate) fn fail(folder: &Path, starter: &[&str]) -> (Option<i32>, String) {
        let status = Self::spawn(folder, starter).end();
        (status, fs::read_to_string(folder.join("log")).unwrap())
    }

    fn spawn(folder: &Path, starter: &[&str]) -> Self {
        let at = |name: &str| folder.join(name).display().to_string();
        let settings = format!(
            "[store]\npath = {:?}\nkey_file = {:?}\n[control]\npath = {:?}\n\
             [[listen]]\nprotocol = \"auth-client\"\npath = {:?}\n\
             [lockout]\nfailure_delay = \"0s\"\n\
             [client_passwords.argon2]\nmemory_kib = 8\npasses = 1\n",
            at("store.db"),
            at("store.key"),
            at("control"),
            at("client"),
        );
        fs::write(folder.join("sidegate.toml"), settings).unwrap();
        let log = fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let program = env!("CARGO_BIN_EXE_sidegated");
        let words: Vec<&str> = starter.iter().copied().chain([program]).collect();
        let process = Command::new(words[0])
            .args(&words[1..])
            .arg("--config")
            .arg(folder.join("sidegate.toml"))
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        Self { folder: folder.to_owned(), process }
    }

    pub(crate) fn peer(&self) -> Peer {
        let stream = UnixStream::connect(self.folder.join("client")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut peer = Peer { lines: BufReader::new(stream.try_clone().unwrap()), stream, id: 0 };
        peer.stream.write_all(b"VERSION\t1\t2\nCPID\t1\n").unwrap();
        while peer.hear() != "DONE" {}
        peer
    }

    /// Runs the command line; its exit status, standard output and standard error.
    pub(crate) fn sidegate(&self, arguments: &[&str]) -> (i32, String, String) {
        self.run(&mut self.command(arguments))
    }

    /// The command line, not yet run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sidegate"));
        command.arg("--socket").arg(self.folder.join("control")).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a command; its exit status, standard output and standard error.
    pub(crate) fn run(&self, command: &mut Command) -> (i32, String, String) {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits until the log says `text`.
    pub(crate) fn await_log(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !fs::read_to_string(self.folder.join("log")).unwrap().contains(text) {
            assert!(Instant::now() < deadline, "the log never said `{text}`");
            std::thread::yield_now();
        }
    }

    /// Its memory, in KiB.
    pub(crate) fn resident_kib(&self) -> usize {
        self.status_kib("VmRSS:")
    }

    /// Its memory without the program's own text, in KiB.
    pub(crate) fn anonymous_kib(&self) -> usize {
        self.status_kib("RssAnon:")
    }

    fn status_kib(&self, field: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Waits for the end of the process; its exit status.
    pub(crate) fn end(&mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }

    /// A control request; an error status panics.
    pub(crate) fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(method, path, body);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// A control request: the status and the answer.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.try_ask(method, path, body).expect("an answer")
    }

    /// The same; `None` if the daemon is gone before it has answered.
    pub(crate) fn try_ask(&self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        self.try_ask_with(method, path, "", body)
    }

    /// The same with more lines of the head, as the portal sends them.
    pub(crate) fn try_ask_with(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &Value,
    ) -> Option<(u16, Value)> {
        let mut stream = UnixStream::connect(self.folder.join("control")).ok()?;
        let body = body.to_string();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: sidegate\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, serde_json::from_str(body).ok()?))
    }

    pub(crate) fn new_password(&self, name: &str) -> String {
        let path = format!("/v1/accounts/{ANN}/passwords");
        let made = self.control("POST", &path, &serde_json::json!({ "name": name }));
        made["password"].as_str().unwrap().to_owned()
    }
}

pub(crate) struct Peer {
    lines: BufReader<UnixStream>,
    stream: UnixStream,
    id: u32,
}

impl Peer {
    /// Says something, as it is.
    pub(crate) fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// The same; whether the kernel took it.
    pub(crate) fn try_say(&mut self, text: &str) -> bool {
        self.stream.write_all(text.as_bytes()).is_ok()
    }

    /// The next line, without its end.
    pub(crate) fn hear(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn login(&mut self, secret: &str, address: &str) -> String {
        self.try_login(secret, address).expect("an answer")
    }

    /// The first word of the answer; `None` if the daemon is gone.
    pub(crate) fn try_login(&mut self, secret: &str, address: &str) -> Option<String> {
        let answer = self.try_answer(secret, address)?;
        answer.split('\t').next().map(str::to_owned)
    }

    /// The whole answer.
    pub(crate) fn answer(&mut self, secret: &str, address: &str) -> String {
        self.try_answer(secret, address).expect("an answer")
    }

    fn try_answer(&mut self, secret: &str, address: &str) -> Option<String> {
        self.id += 1;
        let resp = plain(ANN, secret);
        let line = format!("AUTH\t{}\tPLAIN\tservice=imap\trip={address}\tresp={resp}\n", self.id);
        self.stream.write_all(line.as_bytes()).ok()?;
        let mut answer = String::new();
        self.lines.read_line(&mut answer).ok()?;
        // Half a line is no answer.
        answer.strip_suffix('\n').map(str::to_owned)
    }
}
