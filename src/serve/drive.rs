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
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use crate::claims::ConnectionId;
use crate::gate::question::Answer;
use crate::gate::secret::Cookie;
use crate::proto::{Agreed, Keep, Notice, Protocol, Reply, Step, Ticket};
use crate::serve::stop::{Due, Ended, LAST_WORDS, Leaving, Standing, Told, stopped};
use crate::service::Service;

/// Bytes that are read at once; an idle connection costs as much.
const READ_BYTES: usize = 4_096;
/// Bytes that wait to be written; past it nothing more is read.
const OUT_BYTES_MAX: usize = 262_144;
/// A peer that takes nothing for this long is cut.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// A peer must have introduced itself by then.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(150);
/// Messages that are dealt with before others on this thread get their turn.
const BURST: usize = 16;

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
    pub(super) cookie: Cookie,
    /// What was agreed with it by the image before.
    pub(super) agreed: Option<Agreed>,
    /// When its listener was last asked.
    pub(super) asked: &'a AtomicI64,
}

/// Serves one connection to its end.
pub(super) async fn drive<P: Protocol>(
    stream: UnixStream,
    protocol: P,
    peer: Peer<'_>,
    service: &Arc<Service>,
    mut told: Told,
) -> Result<Ended, Closed> {
    let (answers, inbox) = mpsc::unbounded_channel();
    let (input, out) = (BytesMut::with_capacity(1024), BytesMut::with_capacity(1024));
    let introduced = peer.agreed.as_ref().is_some_and(Agreed::is_introduced);
    let mut line = Line {
        stream,
        protocol,
        peer,
        service,
        input,
        out,
        answers,
        pending: 0,
        introduced,
        eof: false,
        heard: Instant::now(),
        deaf: None,
        leaving: None,
    };
    match line.peer.agreed.as_ref().map(Agreed::introduction) {
        Some(introduction) => introduction.into_iter().for_each(|notice| line.tell(notice)),
        None => line.protocol.greet(&mut line.out),
    }
    let over = line.converse(inbox, &mut told).await;
    line.end(over).await
}

/// Why a conversation is over.
enum Over {
    Closed(Closed),
    /// All was said.
    Done,
    /// The peer is gone; how, is of no interest.
    Gone,
    /// It is to go on in the next image.
    Kept(Agreed),
}

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl From<Closed> for Over {
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
    /// Since when it takes nothing of what waits for it, whatever it says meanwhile.
    deaf: Option<Instant>,
    /// The daemon stops.
    leaving: Option<Leaving>,
}

impl<P: Protocol> Line<'_, P> {
    async fn converse(
        &mut self,
        mut inbox: mpsc::UnboundedReceiver<Answered>,
        told: &mut Told,
    ) -> Result<(), Over> {
        let mut handshake = std::pin::pin!(sleep(HANDSHAKE_TIMEOUT));
        let mut stop = std::pin::pin!(stopped(told));
        loop {
            let more = self.take_messages()?;
            if !more || self.out.len() >= READ_BYTES {
                self.write_now()?;
            }
            if self.eof && !more && self.pending == 0 && self.out.is_empty() {
                return Ok(());
            }
            let room = self.out.len() < OUT_BYTES_MAX;
            let wants = if more { false } else { self.wants_more()? };
            let readable = room && wants && !self.eof && self.protocol.ready();
            self.input.reserve(if readable { READ_BYTES } else { 0 });
            let wake = self.leaving.as_ref().map(|leaving| leaving.wake(self.standing()));
            let deaf = self.deaf;
            let (mut reader, mut writer) = self.stream.split();
            tokio::select! {
                biased;
                stop = &mut stop, if wake.is_none() => {
                    self.leaving = Some(Leaving::begin(stop, self.protocol.outlives(), Instant::now()));
                }
                Some((ticket, answer)) = inbox.recv() => {
                    self.pending -= 1;
                    self.hear(ticket, answer)?;
                    while let Ok((ticket, answer)) = inbox.try_recv() {
                        self.pending -= 1;
                        self.hear(ticket, answer)?;
                    }
                }
                // Before reading: a peer that never falls silent is left as well.
                () = async { sleep_until(wake.unwrap_or_else(Instant::now)).await }, if wake.is_some() => {
                    if self.leave() == Due::End {
                        return Ok(());
                    }
                }
                // In a block: what is not waited for is not made.
                written = async {
                    let cut = deaf.unwrap_or_else(Instant::now) + WRITE_TIMEOUT;
                    timeout_at(cut, writer.write(&self.out)).await
                }, if deaf.is_some() => {
                    let written = written.map_err(|_| Closed::Peer("the peer takes no answers"))??;
                    self.out.advance(written);
                    self.deaf = None;
                }
                read = reader.read_buf(&mut self.input), if readable => {
                    self.eof = read? == 0;
                    self.heard = Instant::now();
                }
                () = tokio::task::yield_now(), if more && room => {}
                () = &mut handshake, if !self.introduced => {
                    return Err(Closed::Peer("no handshake in time").into());
                }
            }
        }
    }

    /// Writes what the peer takes at once, which is nearly always everything.
    fn write_now(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            match self.stream.try_write(&self.out) {
                Ok(written) => {
                    self.out.advance(written);
                    self.deaf = None;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if !self.out.is_empty() {
            self.deaf.get_or_insert_with(Instant::now);
        }
        Ok(())
    }

    /// Deals with the messages that have arrived; true if some are left for the next turn.
    fn take_messages(&mut self) -> Result<bool, Over> {
        for _ in 0..BURST {
            if !self.protocol.ready() || self.out.len() >= OUT_BYTES_MAX {
                return Ok(false);
            }
            match self.protocol.step(&mut self.input, &mut self.out, self.service.now()) {
                Step::Wait => return Ok(false),
                Step::Next => {}
                Step::Tell(notice) => self.tell(notice),
                Step::End => return Err(Over::Done),
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

    fn standing(&self) -> Standing {
        match self.protocol.clings() {
            _ if self.pending > 0 => Standing::Awaits,
            true => Standing::Heard(self.heard),
            false => Standing::Indifferent,
        }
    }

    /// Whether to read on. Not where the next image goes on: what the peer says from now on is for that one.
    fn wants_more(&self) -> Result<bool, Over> {
        if !self.leaving.as_ref().is_some_and(Leaving::keeps) || !self.input.is_empty() {
            return Ok(true);
        }
        match self.protocol.keep() {
            Keep::Never | Keep::AfterPeer => Ok(true),
            Keep::AfterUs => Ok(false),
            Keep::Now(agreed) if self.out.is_empty() && !self.eof => Err(Over::Kept(agreed)),
            Keep::Now(_) => Ok(false),
        }
    }

    /// What was said before the end is still delivered, if the peer takes it.
    async fn end(mut self, over: Result<(), Over>) -> Result<Ended, Closed> {
        let by_us = self.leaving.as_ref().is_some_and(Leaving::hung_up);
        if self.leaving.is_some() {
            self.protocol.stop(&mut self.out);
        }
        let _ = timeout(LAST_WORDS, self.stream.write_all_buf(&mut self.out)).await;
        match over {
            Err(Over::Closed(why)) => Err(why),
            Err(Over::Kept(agreed)) => Ok(Ended::Kept(self.stream, agreed)),
            Ok(()) | Err(Over::Gone | Over::Done) => Ok(if by_us { Ended::ByStop } else { Ended::ByPeer }),
        }
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

    fn hear(&mut self, ticket: Ticket, answer: Answer) -> Result<(), Over> {
        match self.protocol.answer(ticket, answer, &mut self.out) {
            Reply::Done => Ok(()),
            Reply::Tell(notice) => {
                self.tell(notice);
                Ok(())
            }
            Reply::End => Err(Over::Done),
            Reply::Close => Err(Closed::Trouble.into()),
        }
    }

    fn tell(&self, notice: Notice) {
        let mut claims = self.service.claims();
        match notice {
            Notice::Introduced { cpid } => claims.introduce(self.peer.id, cpid, self.peer.cookie),
            Notice::Granted(auth_id, login) => claims.grant(self.peer.id, auth_id, login, self.service.now()),
            Notice::Cancelled(auth_id) => claims.cancel(self.peer.id, auth_id),
        }
    }
}
