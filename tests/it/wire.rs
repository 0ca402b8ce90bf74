//! A bare connection to a daemon's socket, which says what a test wants and can be listened to without waiting.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};

use crate::world::{PATIENCE, plain};

/// A connection.
pub(crate) struct Wire {
    stream: UnixStream,
    input: Vec<u8>,
}

impl Wire {
    /// Connects and says nothing.
    pub(crate) fn open(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, input: Vec::new() }
    }

    /// Connects to the auth-client socket of a daemon's folder; the handshake is over.
    pub(crate) fn client(folder: &Path, cpid: usize) -> Self {
        let mut wire = Self::open(&folder.join("client"));
        wire.say(&format!("VERSION\t1\t2\nCPID\t{cpid}\n"));
        while wire.hear().expect("a handshake") != "DONE" {}
        wire
    }

    /// Says something, whole.
    pub(crate) fn say(&mut self, text: &str) {
        self.say_bytes(text.as_bytes());
    }

    /// Says what need not be text, whole.
    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The same to somebody who may be gone, or deaf; whether it was taken.
    pub(crate) fn try_say(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Says as much as is taken without waiting; how much that was, or `None` if the other side has gone.
    pub(crate) fn offer(&mut self, bytes: &[u8]) -> Option<usize> {
        match send(self.stream.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
            Ok(count) => Some(count),
            Err(Errno::EAGAIN) => Some(0),
            Err(_) => None,
        }
    }

    /// Says no more, but listens.
    pub(crate) fn stop_talking(&mut self) {
        // Whom it would be said to may be gone.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next line, without its end; `None` at the end of the connection.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.next_line() {
                return Some(line);
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.input.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("no answer: {error}"),
            }
            assert!(Instant::now() < deadline, "no whole line in time");
        }
    }

    /// The lines that are here by now.
    pub(crate) fn heard(&mut self) -> Vec<String> {
        let mut bytes = [0; 16_384];
        loop {
            match recv(self.stream.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT) {
                Ok(0) => panic!("the connection was closed"),
                Ok(count) => self.input.extend_from_slice(&bytes[..count]),
                Err(Errno::EAGAIN) => break,
                Err(error) => panic!("{error}"),
            }
        }
        std::iter::from_fn(|| self.next_line()).collect()
    }

    fn next_line(&mut self) -> Option<String> {
        let end = self.input.iter().position(|byte| *byte == b'\n')?;
        let rest = self.input.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.input, rest);
        line.truncate(end);
        Some(String::from_utf8(line).unwrap())
    }

    /// Everything up to the end of the connection.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        // What was said to somebody who has closed resets the connection.
        let _ = self.stream.read_to_end(&mut self.input);
        std::mem::take(&mut self.input)
    }

    /// A packet that says its length first, as milters have.
    pub(crate) fn packet(&mut self) -> Vec<u8> {
        let length = u32::from_be_bytes(self.bytes(4).try_into().unwrap());
        self.bytes(length as usize)
    }

    /// Exactly so many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.input.len() < count {
            let mut bytes = [0; 4096];
            let read = self.stream.read(&mut bytes).unwrap();
            assert_ne!(read, 0, "the connection was closed");
            self.input.extend_from_slice(&bytes[..read]);
        }
        let rest = self.input.split_off(count);
        std::mem::replace(&mut self.input, rest)
    }
}

/// A PLAIN login of the auth-client protocol.
pub(crate) fn login(id: usize, service: &str, from: &str, account: &str, secret: &str) -> String {
    let resp = plain(account, secret);
    format!("AUTH\t{id}\tPLAIN\tservice={service}\trip={from}\tresp={resp}\n")
}

/// Settings beside those that every daemon of these tests has.
pub(crate) fn settle(folder: &Path, settings: &str) {
    fs::create_dir_all(folder.join("conf.d")).unwrap();
    fs::write(folder.join("conf.d/test.toml"), settings).unwrap();
}
