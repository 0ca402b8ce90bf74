//! The one connection loop, for every protocol.
//!
//! It never stops reading because an answer is awaited: questions are answered in any order. It
//! stops reading only while the peer does not take what it is told.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures_util::FutureExt;
use nix::sys::socket::{Shutdown, shutdown};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::claims::ConnectionId;
use crate::gate::question::Answer;
use crate::proto::{Notice, Protocol, Reply, Step, Ticket};
use crate::serve::stop::{Due, EndedBy, LAST_WORDS, Leaving, stopped};
use crate::service::Service;

/// Bytes that are read at once.
const READ_BYTES: usize = 16_384;
/// Bytes that wait to be written; past it nothing more is read.
const OUT_BYTES_MAX: usize = 262_144;
/// A peer that takes nothing for this long is cut.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// A peer must have introduced itself by then.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(150);
/// Messages that are dealt with before others on this thread get their turn.
const BURST: usize = 64;

/// Why a connection was closed by us; a peer that just goes away is no reason.
#[derive(Debug, thiserror::Error)]
pub(super) enum Closed {
    /// The peer broke the protocol, or a limit.
    #[error("{0}")]
    Peer(&'static str),
    /// Our own trouble, which this peer understands only this way.
    #[error("a temporary failure, told by closing")]
    Trouble,
}

/// What a connection is to the daemon.
pub(super) struct Peer<'a> {
    /// Its number.
    pub(super) id: ConnectionId,
    /// What it shows to claim a login, where there are logins.
    pub(super) cookie: [u8; 16],
    /// When its listener was last asked.
    pub(super) asked: &'a AtomicI64,
    /// When the daemon stops, it is served on until nothing was asked for so long.
    pub(super) quiet: Duration,
}

/// Serves one connection to its end.
pub(super) async fn drive<P: Protocol>(
    stream: UnixStream,
    protocol: P,
    peer: Peer<'_>,
    service: &Arc<Service>,
    mut stop: watch::Receiver<bool>,
) -> Result<EndedBy, Closed> {
    let (answers, inbox) = mpsc::unbounded_channel();
    let (input, out) = (BytesMut::with_capacity(1024), BytesMut::with_capacity(1024));
    let mut line = Line {
        stream,
        protocol,
        peer,
        service,
        input,
        out,
        answers,
        pending: 0,
        introduced: false,
        eof: false,
        heard: Instant::now(),
        leaving: None,
    };
    line.protocol.greet(&mut line.out);
    let ended = line.converse(inbox, &mut stop).await;
    if line.leaving.is_some() {
        line.protocol.stop(&mut line.out);
    }
    // What was said before the end is still delivered, if the peer takes it.
    let _ = timeout(LAST_WORDS, line.stream.write_all_buf(&mut line.out)).await;
    let by =
        if line.leaving.is_some_and(|leaving| leaving.hung_up()) { EndedBy::Stop } else { EndedBy::Peer };
    match ended {
        Err(Ended::Closed(why)) => Err(why),
        Ok(()) | Err(Ended::Gone | Ended::Done) => Ok(by),
    }
}

enum Ended {
    Closed(Closed),
    /// All was said.
    Done,
    /// The peer is gone; how, is of no interest.
    Gone,
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl From<Closed> for Ended {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

type Answered = (Ticket, Answer);

struct Line<'a, P> {
    stream: UnixStream,
    protocol: P,
    peer: Peer<'a>,
    service: &'a Arc<Service>,
    input: BytesMut,
    out: BytesMut,
    /// Where decisions that take time are sent. The protocol bounds how many are under way.
    answers: mpsc::UnboundedSender<Answered>,
    /// Decisions that are under way.
    pending: usize,
    introduced: bool,
    /// The peer has said all it has to say; it may still listen.
    eof: bool,
    /// When the peer said something last.
    heard: Instant,
    /// The daemon stops.
    leaving: Option<Leaving>,
}

impl<P: Protocol> Line<'_, P> {
    async fn converse(
        &mut self,
        mut inbox: mpsc::UnboundedReceiver<Answered>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), Ended> {
        let mut handshake = std::pin::pin!(sleep(HANDSHAKE_TIMEOUT));
        loop {
            let more = self.take_messages()?;
            if self.eof && !more && self.pending == 0 && self.out.is_empty() {
                return Ok(());
            }
            let room = self.out.len() < OUT_BYTES_MAX;
            let readable = room && !more && !self.eof && self.protocol.ready();
            self.input.reserve(if readable { READ_BYTES } else { 0 });
            let wake = self.leaving.as_ref().map(|leaving| leaving.wake(self.heard, self.pending > 0));
            let (mut reader, mut writer) = self.stream.split();
            tokio::select! {
                biased;
                () = stopped(stop), if wake.is_none() => {
                    self.leaving = Some(Leaving::begin(Instant::now(), self.peer.quiet));
                }
                Some((ticket, answer)) = inbox.recv() => {
                    self.pending -= 1;
                    self.hear(ticket, answer)?;
                    while let Ok((ticket, answer)) = inbox.try_recv() {
                        self.pending -= 1;
                        self.hear(ticket, answer)?;
                    }
                }
                written = timeout(WRITE_TIMEOUT, writer.write(&self.out)), if !self.out.is_empty() => {
                    let written = written.map_err(|_| Closed::Peer("the peer takes no answers"))??;
                    self.out.advance(written);
                }
                read = reader.read_buf(&mut self.input), if readable => {
                    self.eof = read? == 0;
                    self.heard = Instant::now();
                }
                () = tokio::task::yield_now(), if more && room => {}
                () = sleep_until(wake.unwrap_or(self.heard)), if wake.is_some() => {
                    if self.leave() == Due::End {
                        return Ok(());
                    }
                }
                () = &mut handshake, if !self.introduced => {
                    return Err(Closed::Peer("no handshake in time").into());
                }
            }
        }
    }

    /// Deals with the messages that have arrived; true if some are left for the next turn.
    fn take_messages(&mut self) -> Result<bool, Ended> {
        for _ in 0..BURST {
            if !self.protocol.ready() || self.out.len() >= OUT_BYTES_MAX {
                return Ok(false);
            }
            match self.protocol.step(&mut self.input, &mut self.out, self.service.now()) {
                Step::Wait => return Ok(false),
                Step::Next => {}
                Step::Tell(notice) => self.tell(notice),
                Step::End => return Err(Ended::Done),
                Step::Close(why) => return Err(Closed::Peer(why).into()),
                Step::Ask(ticket, question) => {
                    if !question.is_trial() {
                        self.peer.asked.store(self.service.now().0, Ordering::Relaxed);
                    }
                    let mut decision = Box::pin(Arc::clone(self.service).ask(question));
                    // Most are decided at once. The others go on by themselves: what is being
                    // decided is counted, even if the peer goes away meanwhile.
                    match decision.as_mut().now_or_never() {
                        Some(answer) => self.hear(ticket, answer)?,
                        None => {
                            self.pending += 1;
                            let answers = self.answers.clone();
                            tokio::spawn(async move {
                                let answer = decision.await;
                                let _ = answers.send((ticket, answer));
                            });
                        }
                    }
                }
            }
            self.introduced = true;
        }
        Ok(true)
    }

    /// Does what is due when the daemon stops.
    fn leave(&mut self) -> Due {
        let due = self.leaving.as_mut().map_or(Due::End, |leaving| leaving.due(Instant::now()));
        if due == Due::HangUp {
            // The end of what arrived before is read as the peer's own end would be. A failure says that it is gone.
            let _ = shutdown(self.stream.as_raw_fd(), Shutdown::Read);
        }
        due
    }

    fn hear(&mut self, ticket: Ticket, answer: Answer) -> Result<(), Ended> {
        match self.protocol.answer(ticket, answer, &mut self.out) {
            Reply::Done => Ok(()),
            Reply::Tell(notice) => {
                self.tell(notice);
                Ok(())
            }
            Reply::End => Err(Ended::Done),
            Reply::Close => Err(Closed::Trouble.into()),
        }
    }

    fn tell(&self, notice: Notice) {
        let mut claims = self.service.claims();
        match notice {
            Notice::Introduced { cpid } => claims.introduce(self.peer.id, cpid, self.peer.cookie),
            Notice::Granted(auth_id, login) => {
                claims.grant(self.peer.id, auth_id, *login, self.service.now())
            }
            Notice::Cancelled(auth_id) => claims.cancel(self.peer.id, auth_id),
        }
    }
}
