//! The control socket's listener. Others than administrators may be able to reach it: they must not use up the
//! descriptors that mail servers need.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::serve::Listener;
use nix::unistd::geteuid;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::PORTAL_CONNECTIONS_MAX;

/// Connections of the control socket at once; past it new ones wait in the kernel's queue.
const CONTROL_CONNECTIONS_MAX: usize = 256;
/// Connections of one user other than root and the daemon's own; past it new ones are closed. Where `control.readers` is
/// set everybody can reach the socket, and nobody may keep the administrators out.
const USER_CONNECTIONS_MAX: usize = 32;

/// A listener with so many places.
pub(super) struct Bounded {
    listener: UnixListener,
    places: Arc<Semaphore>,
    users: Users,
}

impl Bounded {
    /// `portal`: the users that the portal runs as.
    pub(super) fn new(listener: UnixListener, portal: Vec<u32>) -> Self {
        let places = Arc::new(Semaphore::new(CONTROL_CONNECTIONS_MAX));
        Self { listener, places, users: Users { portal: portal.into(), ..Users::default() } }
    }
}

/// How many connections each user has.
#[derive(Clone, Debug, Default)]
struct Users {
    counts: Arc<Mutex<HashMap<u32, usize>>>,
    portal: Arc<[u32]>,
}

impl Users {
    /// A place for one more connection of a user, if that may have one.
    fn enter(&self, uid: u32) -> Option<UserPlace> {
        let most = if self.portal.contains(&uid) { PORTAL_CONNECTIONS_MAX } else { USER_CONNECTIONS_MAX };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(uid).or_default();
        if *count >= most && uid != 0 && uid != geteuid().as_raw() {
            return None;
        }
        *count += 1;
        Some(UserPlace { users: self.clone(), uid })
    }
}

/// A user's connection; dropping it makes room for another.
#[derive(Debug)]
struct UserPlace {
    users: Users,
    uid: u32,
}

impl Drop for UserPlace {
    fn drop(&mut self) {
        let mut counts = self.users.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.uid) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.uid);
            }
        }
    }
}

impl Listener for Bounded {
    type Io = Placed;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Placed, SocketAddr) {
        // Nobody closes the semaphore.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            let Ok(peer) = stream.peer_cred() else { continue };
            if let Some(user) = self.users.enter(peer.uid()) {
                return (Placed { stream, _place: place, _user: user }, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection, and its place, which is free again when it ends.
pub(super) struct Placed {
    pub(super) stream: UnixStream,
    _place: Option<OwnedSemaphorePermit>,
    _user: UserPlace,
}

impl AsyncRead for Placed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portal_has_more_places_and_leaves_some() {
        let portal = geteuid().as_raw() + 1;
        let users = Users { portal: [portal].into(), ..Users::default() };
        let places: Vec<_> = (0..PORTAL_CONNECTIONS_MAX).map(|_| users.enter(portal).unwrap()).collect();
        assert!(
            users.enter(portal).is_none() && places.len() + USER_CONNECTIONS_MAX < CONTROL_CONNECTIONS_MAX
        );
    }

    #[test]
    fn one_user_cannot_take_all_places() {
        let stranger = geteuid().as_raw() + 1;
        let users = Users::default();
        let mut places: Vec<_> = (0..USER_CONNECTIONS_MAX).map(|_| users.enter(stranger).unwrap()).collect();
        assert!(users.enter(stranger).is_none());
        assert!(users.enter(stranger + 1).is_some(), "another user");
        places.pop();
        places.push(users.enter(stranger).expect("one left"));
        assert!(users.enter(stranger).is_none());
        for own in [0, geteuid().as_raw()] {
            let more = (0..=USER_CONNECTIONS_MAX).map(|_| users.enter(own));
            assert!(more.collect::<Vec<_>>().iter().all(Option::is_some), "{own}");
        }
        drop(places);
        assert!(users.counts.lock().unwrap().is_empty(), "nobody is remembered who is gone");
    }
}
