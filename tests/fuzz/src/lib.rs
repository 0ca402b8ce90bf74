//! What the targets share: a connection without a socket ([`talk`]), a gate that says everything that can be said
//! ([`gate`]), and what may stand on a wire ([`wire`]).

pub mod gate;
pub mod talk;
pub mod wire;

use std::sync::Arc;

use sidegate::config::OnTrouble;
use sidegate::gate::secret::Cookie;
use sidegate::proto::auth_client::{AuthClient, Greeting, Mechanism};

/// An auth-client connection that offers one mechanism beside its own.
#[must_use]
pub fn auth_client(on_trouble: OnTrouble) -> AuthClient {
    let relayed = Arc::from([Mechanism { name: "XOAUTH2".into(), flags: "plaintext".into() }]);
    AuthClient::new(Greeting { spid: 1, cuid: 1, cookie: Cookie([0; 16]), relayed, on_trouble, held: true })
}
