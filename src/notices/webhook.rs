//! A webhook: one POST with JSON, signed if there is a key.

use std::fmt;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{CONNECTION, CONTENT_TYPE};
use reqwest::{Client, Url};
use sha2::Sha256;

use super::NoticesError;
use super::web::{self, Trust, WebError};
use crate::clock::{Clock, Timestamp};
use crate::config;
use crate::gate::secret::Secret;
use crate::log::chain;
use crate::secret_file;

/// The header with the time of the request, in seconds since 1970.
pub const TIME_HEADER: &str = "x-sidegate-time";
/// The header with the signature: HMAC-SHA256 in hex over that time, a dot and the body.
pub const SIGNATURE_HEADER: &str = "x-sidegate-signature";

/// One webhook.
pub(super) struct Webhook {
    client: Client,
    url: Url,
    key: Option<Secret>,
    clock: Clock,
}

/// Without the address, which may hold a secret.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Webhook {
    pub(super) fn new(settings: &config::Webhook) -> Result<Self, NoticesError> {
        let fail = |problem: String| NoticesError::Setting { setting: "notices.webhook.url", problem };
        let url = Url::parse(&settings.url).map_err(|error| fail(error.to_string()))?;
        let key_file = settings.key_file.as_deref();
        let key = key_file.map(|path| secret_file::key(path, "notices.webhook.key_file")).transpose()?;
        let trust = match url.scheme() {
            "https" => Trust::Authorities(settings.ca_file.as_deref(), "notices.webhook.ca_file"),
            _ => Trust::Nobody,
        };
        let client = web::client(trust, None).map_err(|error| match error {
            WebError::Authorities(error) => error.into(),
            WebError::Library(problem) => fail(problem),
        })?;
        Ok(Self { client, url, key, clock: Clock::system() })
    }

    /// Sends one body. The answer is its status; what stands below it is not read.
    pub(super) async fn send(&self, body: String) -> Result<(), String> {
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "close");
        if let Some(key) = &self.key {
            let now = self.clock.now();
            request = request.header(TIME_HEADER, now.0).header(SIGNATURE_HEADER, sign(key, now, &body));
        }
        let answer = request.body(body).send().await.map_err(|error| chain(&error.without_url()))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let hint = if status.is_redirection() { "; redirects are not followed" } else { "" };
        Err(format!("the webhook answered {status}{hint}"))
    }
}

fn sign(key: &Secret, now: Timestamp, body: &str) -> String {
    let mut keyed = Hmac::<Sha256>::new_from_slice(key.reveal()).expect("HMAC takes a key of any length");
    keyed.update(format!("{}.{body}", now.0).as_bytes());
    HEXLOWER.encode(&keyed.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with: printf '1800000000.{"id":7}' | openssl dgst -sha256 -hmac 0123456789abcdef
    #[test]
    fn a_signature_is_what_openssl_computes() {
        let signature = sign(&Secret::new("0123456789abcdef"), Timestamp(1_800_000_000), "{\"id\":7}");
        assert_eq!(signature, "5c747ae14de7ea42d740a4e44445c7ccc1201a120ebb1f8f1bef61e190540d53");
    }
}
