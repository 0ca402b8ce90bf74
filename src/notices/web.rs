//! The one place that makes a client for HTTP: whose certificates are good, and what it never does by itself.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Proxy, redirect, retry};

use super::authorities::{self, AuthoritiesError};
use crate::log::chain;

/// How long connecting may take: an address that swallows everything leaves time for the next one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// No certificate could be checked.
    #[error(transparent)]
    Authorities(#[from] AuthoritiesError),
    /// The library refuses.
    #[error("{0}")]
    Library(String),
}

/// Whose certificates a client takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trust<'a> {
    /// None: it speaks plain HTTP only.
    Nobody,
    /// Those that the authorities of a file signed, or without one those that this host trusts. With the
    /// setting that an error names.
    Authorities(Option<&'a Path>, &'static str),
}

/// A client that follows no redirect, tries nothing twice, keeps no connection, and takes no proxy from the
/// environment.
pub(crate) fn client(trust: Trust<'_>, proxy: Option<Proxy>) -> Result<Client, WebError> {
    let tls = match trust {
        Trust::Nobody => authorities::nobody()?,
        Trust::Authorities(ca_file, setting) => authorities::client(ca_file, setting)?,
    };
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("sidegate/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .http1_only()
        // Requests are rare: a connection that is kept would be dead when the next one comes.
        .pool_max_idle_per_host(0);
    let builder = match proxy {
        Some(proxy) => builder.proxy(proxy),
        None => builder,
    };
    builder.build().map_err(|error| WebError::Library(chain(&error.without_url())))
}
