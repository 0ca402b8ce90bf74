//! The bytes below an SMTP dialogue: how many a server may send, and STARTTLS before the dialogue begins.
//!
//! STARTTLS is done here and not by lettre, so that there is one way into TLS, and so that nothing a
//! stranger slipped in before the handshake is read as an answer after it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf,
};
use tokio::net::TcpStream;

use crate::log::chain;

/// The most that a server may say in one conversation. Greetings and answers have a few hundred bytes.
const SAID_BYTES_MAX: usize = 65_536;
/// What lettre waits for at the beginning, where the server has said it before TLS began.
const GREETING: &[u8] = b"220 encrypted\r\n";

/// Anything that bytes go through.
trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

/// A stream from which only so much is read.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    peer: SocketAddr,
    /// What is read before anything else.
    greeting: &'static [u8],
    /// How much the server may still say.
    left: usize,
}

impl Wire {
    /// A stream on which the server will speak first.
    pub(super) fn new(
        stream: impl AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static,
        peer: SocketAddr,
    ) -> Self {
        Self { stream: Box::new(stream), peer, greeting: b"", left: SAID_BYTES_MAX }
    }

    /// A stream on which it has spoken before the encryption began.
    pub(super) fn greeted(
        stream: impl AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static,
        peer: SocketAddr,
    ) -> Self {
        Self { greeting: GREETING, ..Self::new(stream, peer) }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.greeting.is_empty() {
            let (now, later) = self.greeting.split_at(self.greeting.len().min(buf.remaining()));
            buf.put_slice(now);
            self.greeting = later;
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let read = buf.filled().len() - before;
        let Some(left) = self.left.checked_sub(read) else {
            // Who gets an error gets no bytes.
            buf.set_filled(before);
            return Poll::Ready(Err(io::Error::other("the server says too much")));
        };
        self.left = left;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Talks to the server up to the point where the handshake begins.
pub(super) async fn starttls(tcp: &mut TcpStream, hello: &str) -> Result<(), String> {
    let (read, mut write) = tcp.split();
    let mut read = BufReader::new(read.take(SAID_BYTES_MAX as u64));
    answer(&mut read, "220").await?;
    tell(&mut write, &format!("EHLO {hello}\r\n")).await?;
    let offers = answer(&mut read, "250").await?;
    if !offers.iter().any(|offer| offer.eq_ignore_ascii_case("STARTTLS")) {
        return Err("the server offers no STARTTLS".to_owned());
    }
    tell(&mut write, "STARTTLS\r\n").await?;
    answer(&mut read, "220").await?;
    if !read.buffer().is_empty() {
        return Err("somebody speaks between STARTTLS and the handshake".to_owned());
    }
    Ok(())
}

async fn tell(to: &mut (impl AsyncWrite + Unpin), command: &str) -> Result<(), String> {
    to.write_all(command.as_bytes()).await.map_err(|error| chain(&error))
}

/// The lines of an answer without their code, which has to be this one.
async fn answer(from: &mut (impl AsyncBufRead + Unpin), code: &str) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        from.read_until(b'\n', &mut line).await.map_err(|error| chain(&error))?;
        let line = String::from_utf8_lossy(&line);
        let Some(line) = line.strip_suffix('\n') else {
            return Err("the server closed the connection, or says too much".to_owned());
        };
        match line.strip_prefix(code).map(|rest| (rest.strip_prefix('-'), rest)) {
            Some((Some(more), _)) => lines.push(more.trim_end().to_owned()),
            Some((None, last)) => {
                lines.push(last.trim().to_owned());
                return Ok(lines);
            }
            None => return Err(format!("the server answered {line}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 25);

    #[tokio::test]
    async fn a_server_may_say_so_much_and_no_more() {
        for (bytes, allowed) in [(SAID_BYTES_MAX, true), (SAID_BYTES_MAX + 1, false)] {
            let (ours, mut theirs) = tokio::io::duplex(SAID_BYTES_MAX + 1);
            theirs.write_all(&vec![b'x'; bytes]).await.unwrap();
            drop(theirs);
            let read = Wire::new(ours, PEER).read_to_end(&mut Vec::new()).await;
            assert_eq!(read.is_ok(), allowed, "{bytes}");
        }
    }

    #[tokio::test]
    async fn a_greeting_from_before_is_read_first() {
        let (ours, mut theirs) = tokio::io::duplex(100);
        theirs.write_all(b"250 more\r\n").await.unwrap();
        drop(theirs);
        let mut text = String::new();
        Wire::greeted(ours, PEER).read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "220 encrypted\r\n250 more\r\n");
    }

    #[tokio::test]
    async fn an_answer_has_its_code_on_every_line() {
        let read = async |text: &'static str| answer(&mut text.as_bytes(), "250").await;
        assert_eq!(read("250-mail\r\n250-STARTTLS\r\n250 8BITMIME\r\n").await.unwrap().len(), 3);
        assert_eq!(read("250\r\n").await, Ok(vec![String::new()]));
        for wrong in ["", "250-mail\r\n", "250-mail\r\n550 no\r\n", "421 later\r\n", "250 mail"] {
            assert!(read(wrong).await.is_err(), "{wrong}");
        }
    }
}
