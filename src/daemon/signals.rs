//! The signals that the daemon obeys. They interrupt nobody, but wait until one is asked for: none is lost between two
//! images of the program, and none ends the next one before it can obey.

use std::io;
use std::sync::mpsc;
use std::thread;

use nix::sys::signal::{SigSet, Signal};
use tokio::sync::oneshot;

/// What the daemon is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Stop,
    Reload,
    Renew,
}

/// From now on they wait. To be called before there is another thread, which takes over what is set here.
pub(super) fn hold() -> io::Result<()> {
    Ok(obeyed().thread_block()?)
}

/// Where they are asked for.
pub(super) struct Signals(mpsc::Sender<oneshot::Sender<io::Result<Order>>>);

impl Signals {
    /// Starts the thread that waits for one whenever one is asked for.
    pub(super) fn listen() -> io::Result<Self> {
        let (asks, asked) = mpsc::channel::<oneshot::Sender<_>>();
        let wait = move || asked.into_iter().for_each(|answer| drop(answer.send(next())));
        thread::Builder::new().name("signals".into()).spawn(wait)?;
        Ok(Self(asks))
    }

    /// The next one.
    pub(super) async fn next(&self) -> io::Result<Order> {
        let (answer, told) = oneshot::channel();
        self.0.send(answer).map_err(io::Error::other)?;
        told.await.map_err(io::Error::other)?
    }
}

fn next() -> io::Result<Order> {
    Ok(match obeyed().wait()? {
        Signal::SIGHUP => Order::Reload,
        Signal::SIGUSR2 => Order::Renew,
        _ => Order::Stop,
    })
}

fn obeyed() -> SigSet {
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR2].into_iter().collect()
}
