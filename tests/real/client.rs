//! Mail clients, as small as can be: they say one thing, read one answer, and hand it to the story word for word.
//! Each connects from a loopback address of the story's choice, which is what the servers pass on as the client's.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use data_encoding::BASE64;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::net::TcpSocket;

/// Longer than any server here waits for anything.
const PATIENCE: Duration = Duration::from_secs(90);

/// The message of the mechanism PLAIN in base64.
pub(crate) fn plain(user: &str, password: &str) -> String {
    BASE64.encode(format!("\0{user}\0{password}").as_bytes())
}

/// A conversation in lines.
struct Lines {
    reader: BufReader<Box<dyn Read + Send>>,
    writer: Box<dyn Write + Send>,
    /// The program that does TLS for us, if there is TLS.
    tls: Option<Child>,
}

impl Lines {
    fn clear(from: Ipv4Addr, to: SocketAddrV4) -> Lines {
        let stream = connect_from(from, to).unwrap_or_else(|e| panic!("{from} to {to}: {e}"));
        let reader = stream.try_clone().expect("a second handle");
        Lines { reader: BufReader::new(Box::new(reader)), writer: Box::new(stream), tls: None }
    }

    /// TLS by `openssl s_client`; `starttls` names the protocol whose STARTTLS it speaks first.
    fn tls(from: Ipv4Addr, to: SocketAddrV4, starttls: Option<&str>) -> Lines {
        let mut command = Command::new("timeout");
        command.arg(PATIENCE.as_secs().to_string());
        command.args(["openssl", "s_client", "-quiet", "-verify_quiet", "-connect", &to.to_string()]);
        command.args(["-bind", &format!("{from}:0")]);
        if let Some(protocol) = starttls {
            command.args(["-starttls", protocol]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("openssl can be started");
        let reader = child.stdout.take().expect("its output");
        let writer = child.stdin.take().expect("its input");
        Lines { reader: BufReader::new(Box::new(reader)), writer: Box::new(writer), tls: Some(child) }
    }

    fn say(&mut self, line: &str) {
        // A server that hung up is told from the answer that does not come.
        let _ = self.writer.write_all(format!("{line}\r\n").as_bytes());
        let _ = self.writer.flush();
    }

    /// The next line, or the empty string where the server has gone.
    fn hear(&mut self) -> String {
        let mut line = Vec::new();
        let _ = self.reader.read_until(b'\n', &mut line);
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// Lines up to and including the first that `last` accepts.
    fn hear_until(&mut self, last: impl Fn(&str) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.hear();
            let end = line.is_empty() || last(&line);
            lines.push(line);
            if end {
                return lines;
            }
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if let Some(child) = &mut self.tls {
            // Not SIGKILL: `timeout` would leave openssl behind, which keeps its connection.
            let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
            let _ = child.wait();
        }
    }
}

/// The standard library cannot choose the source of a connection; tokio can, and gives it back as a plain one.
fn connect_from(from: Ipv4Addr, to: SocketAddrV4) -> std::io::Result<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddrV4::new(from, 0).into())?;
        socket.connect(to.into()).await?.into_std()
    })?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// IMAP.
pub(crate) struct Imap {
    lines: Lines,
    tag: u32,
}

impl Imap {
    /// Connects and hears the greeting.
    pub(crate) fn open(from: Ipv4Addr, to: SocketAddrV4) -> Imap {
        Imap::greeted(Lines::clear(from, to))
    }

    /// Connects with TLS and hears the greeting.
    pub(crate) fn tls(from: Ipv4Addr, to: SocketAddrV4) -> Imap {
        Imap::greeted(Lines::tls(from, to, None))
    }

    fn greeted(mut lines: Lines) -> Imap {
        // While no auth process answers, Dovecot says so first: "* OK Waiting for authentication process..."
        lines.hear_until(|line| !line.contains("Waiting for"));
        Imap { lines, tag: 0 }
    }

    /// Sends a command and returns all lines of the answer; the last one is the tagged one, without its tag.
    pub(crate) fn command(&mut self, command: &str) -> Vec<String> {
        let tag = self.send(command);
        self.answer(&tag)
    }

    fn send(&mut self, command: &str) -> String {
        self.tag += 1;
        let tag = format!("a{}", self.tag);
        self.lines.say(&format!("{tag} {command}"));
        tag
    }

    fn answer(&mut self, tag: &str) -> Vec<String> {
        let start = format!("{tag} ");
        // Or until it asks for more than the client had to say.
        let mut lines = self.lines.hear_until(|line| line.starts_with(&start) || line.starts_with("+ "));
        let last = lines.pop().expect("at least one line");
        lines.push(last.strip_prefix(&start).unwrap_or(&last).to_owned());
        lines
    }

    /// Begins an exchange and breaks it off with `*`, once the server has asked.
    pub(crate) fn abort(&mut self, mechanism: &str) -> String {
        let tag = self.send(&format!("AUTHENTICATE {mechanism}"));
        self.lines.hear();
        self.lines.say("*");
        last(self.answer(&tag))
    }

    /// Opens INBOX and waits there for news, as a phone does.
    pub(crate) fn idle(&mut self) {
        self.command("SELECT INBOX");
        self.send("IDLE");
        self.lines.hear_until(|line| line.starts_with('+'));
    }

    /// What the server says until it closes.
    pub(crate) fn hear_out(mut self) -> Vec<String> {
        self.lines.hear_until(|_| false)
    }

    /// `LOGIN`; returns the tagged answer without its tag.
    pub(crate) fn login(&mut self, user: &str, password: &str) -> String {
        last(self.command(&format!("LOGIN \"{user}\" \"{password}\"")))
    }

    /// `AUTHENTICATE PLAIN` with the message in the same line.
    pub(crate) fn plain_at_once(&mut self, user: &str, password: &str) -> String {
        last(self.command(&format!("AUTHENTICATE PLAIN {}", plain(user, password))))
    }

    /// `AUTHENTICATE CRAM-MD5`: proves a password without sending it.
    pub(crate) fn cram_md5(&mut self, user: &str, password: &str) -> String {
        let tag = self.send("AUTHENTICATE CRAM-MD5");
        let asked = self.lines.hear();
        let Some(challenge) = asked.strip_prefix("+ ") else { return asked };
        let challenge = BASE64.decode(challenge.as_bytes()).expect("base64");
        let mut openssl = Command::new("openssl");
        openssl.args(["dgst", "-md5", "-hmac", password]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut openssl = openssl.spawn().expect("openssl can be started");
        openssl.stdin.take().expect("its input").write_all(&challenge).expect("it reads");
        let said = openssl.wait_with_output().expect("it ends").stdout;
        let said = String::from_utf8_lossy(&said).into_owned();
        let digest = said.split_whitespace().last().expect("a digest");
        self.lines.say(&BASE64.encode(format!("{user} {digest}").as_bytes()));
        last(self.answer(&tag))
    }

    /// `AUTHENTICATE` with each of `answers`, in base64, to one request of the server.
    pub(crate) fn authenticate(&mut self, mechanism: &str, answers: &[&str]) -> String {
        let tag = self.send(&format!("AUTHENTICATE {mechanism}"));
        for answer in answers {
            let asked = self.lines.hear();
            if !asked.starts_with('+') {
                return asked;
            }
            self.lines.say(&BASE64.encode(answer.as_bytes()));
        }
        last(self.answer(&tag))
    }
}

impl Imap {
    /// `AUTHENTICATE` with `first` in the same line, and then whatever `reply` says to each of the server's challenges;
    /// all in base64 on the wire.
    pub(crate) fn converse(
        &mut self,
        mechanism: &str,
        first: &str,
        mut reply: impl FnMut(&str) -> String,
    ) -> String {
        let tag = self.send(&format!("AUTHENTICATE {mechanism} {}", BASE64.encode(first.as_bytes())));
        loop {
            let line = self.lines.hear();
            let Some(challenge) = line.strip_prefix('+') else {
                return line.strip_prefix(&format!("{tag} ")).unwrap_or(&line).to_owned();
            };
            let challenge = BASE64.decode(challenge.trim().as_bytes()).expect("a challenge in base64");
            let challenge = String::from_utf8(challenge).expect("a challenge that is text");
            self.lines.say(&BASE64.encode(reply(&challenge).as_bytes()));
        }
    }
}

/// POP3.
pub(crate) struct Pop3(Lines);

impl Pop3 {
    /// Connects and hears the greeting.
    pub(crate) fn open(from: Ipv4Addr, to: SocketAddrV4) -> Pop3 {
        Pop3::greeted(Lines::clear(from, to))
    }

    /// Connects with TLS and hears the greeting.
    pub(crate) fn tls(from: Ipv4Addr, to: SocketAddrV4) -> Pop3 {
        Pop3::greeted(Lines::tls(from, to, None))
    }

    fn greeted(mut lines: Lines) -> Pop3 {
        lines.hear();
        Pop3(lines)
    }

    /// Sends a line and returns the one that answers.
    pub(crate) fn command(&mut self, line: &str) -> String {
        self.0.say(line);
        self.0.hear()
    }

    /// `USER` and `PASS`.
    pub(crate) fn login(&mut self, user: &str, password: &str) -> String {
        self.command(&format!("USER {user}"));
        self.command(&format!("PASS {password}"))
    }
}

/// ManageSieve.
pub(crate) struct Sieve(Lines);

impl Sieve {
    /// Connects and hears the capabilities.
    pub(crate) fn open(from: Ipv4Addr, to: SocketAddrV4) -> Sieve {
        let mut lines = Lines::clear(from, to);
        lines.hear_until(|line| line.starts_with("OK"));
        Sieve(lines)
    }

    /// Sends a line and returns the last one that answers.
    pub(crate) fn command(&mut self, line: &str) -> String {
        self.0.say(line);
        let end = |line: &str| ["OK", "NO", "BYE"].iter().any(|word| line.starts_with(word));
        last(self.0.hear_until(end))
    }

    /// `AUTHENTICATE "PLAIN"`.
    pub(crate) fn login(&mut self, user: &str, password: &str) -> String {
        self.command(&format!("AUTHENTICATE \"PLAIN\" \"{}\"", plain(user, password)))
    }
}

/// SMTP and LMTP.
pub(crate) struct Smtp(Lines);

impl Smtp {
    /// Connects without TLS, hears the banner and greets with `hello` (`EHLO`, `LHLO`).
    pub(crate) fn open(from: Ipv4Addr, to: SocketAddrV4, hello: &str) -> Smtp {
        let mut smtp = Smtp(Lines::clear(from, to));
        smtp.answer();
        smtp.command(&format!("{hello} client.example.test"));
        smtp
    }

    /// Connects with STARTTLS and greets.
    pub(crate) fn starttls(from: Ipv4Addr, to: SocketAddrV4) -> Smtp {
        let mut smtp = Smtp(Lines::tls(from, to, Some("smtp")));
        smtp.command("EHLO client.example.test");
        smtp
    }

    /// Connects with TLS, hears the banner and greets.
    pub(crate) fn tls(from: Ipv4Addr, to: SocketAddrV4) -> Smtp {
        let mut smtp = Smtp(Lines::tls(from, to, None));
        smtp.answer();
        smtp.command("EHLO client.example.test");
        smtp
    }

    /// What the server says first, without TLS.
    pub(crate) fn banner(from: Ipv4Addr, to: SocketAddrV4) -> String {
        Smtp(Lines::clear(from, to)).answer()
    }

    /// What the server says first, with TLS from the start.
    pub(crate) fn banner_tls(from: Ipv4Addr, to: SocketAddrV4) -> String {
        Smtp(Lines::tls(from, to, None)).answer()
    }

    fn answer(&mut self) -> String {
        last(self.0.hear_until(|line| line.as_bytes().get(3) != Some(&b'-')))
    }

    /// Sends a line and returns the last line of the answer.
    pub(crate) fn command(&mut self, line: &str) -> String {
        self.0.say(line);
        self.answer()
    }

    /// `AUTH PLAIN` with the message in the same line.
    pub(crate) fn plain(&mut self, user: &str, password: &str) -> String {
        self.command(&format!("AUTH PLAIN {}", plain(user, password)))
    }

    /// `AUTH LOGIN`, name and password on request.
    pub(crate) fn login(&mut self, user: &str, password: &str) -> String {
        for line in ["AUTH LOGIN", &BASE64.encode(user.as_bytes())] {
            let asked = self.command(line);
            if !asked.starts_with("334") {
                return asked;
            }
        }
        self.command(&BASE64.encode(password.as_bytes()))
    }

    /// Sends a mail to one recipient and returns the answer to its end, or to the line that was refused.
    pub(crate) fn mail(&mut self, from: &str, to: &str, subject: &str) -> String {
        self.message(from, to, &format!("From: <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\r\nHello."))
    }

    /// The same with this message, whose lines end in CRLF.
    pub(crate) fn message(&mut self, from: &str, to: &str, message: &str) -> String {
        for line in [&format!("MAIL FROM:<{from}>"), &format!("RCPT TO:<{to}>"), "DATA"] {
            let answer = self.command(line);
            if !answer.starts_with(['2', '3']) {
                return answer;
            }
        }
        self.command(&format!("{message}\r\n."))
    }
}

fn last(mut lines: Vec<String>) -> String {
    lines.pop().unwrap_or_default()
}
