//! A mail server's connection to the gate.

use std::path::Path;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::world::plain;

pub(super) struct Line {
    stream: BufReader<UnixStream>,
    id: u32,
}

impl Line {
    /// Connects; None when nobody serves any more.
    pub(super) async fn open(socket: &Path) -> Option<Self> {
        let stream = BufReader::new(UnixStream::connect(socket).await.ok()?);
        let mut line = Self { stream, id: 0 };
        line.say("VERSION\t1\t2\nCPID\t1\n").await;
        while line.hear().await? != "DONE" {}
        Some(line)
    }

    /// Says something to a peer that may be gone.
    pub(super) async fn say(&mut self, text: &str) {
        let _ = self.stream.get_mut().write_all(text.as_bytes()).await;
    }

    /// Sends a login; returns its number.
    pub(super) async fn login(&mut self, account: &str, secret: &str, params: &str) -> u32 {
        self.id += 1;
        let text = format!("AUTH\t{}\tPLAIN\t{params}\tresp={}\n", self.id, plain(account, secret));
        self.say(&text).await;
        self.id
    }

    /// The next line, without its end; None when the other side has closed.
    pub(super) async fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end_matches('\n').to_owned()),
        }
    }
}
