//! TLS of our own, where no web server stands in front: rustls with ring, HTTP/1.1 only.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::io;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

use crate::config::portal::Tls as Settings;

/// How long a handshake may take.
pub(crate) const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);

/// Why there is no TLS, with the cure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file cannot be used.
    #[error("{path}: `listen.tls.{setting}`: {problem}")]
    File {
        /// Which.
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
        /// Why.
        problem: String,
    },
    /// They do not belong together.
    #[error("[listen.tls]: {0}")]
    Pair(tokio_rustls::rustls::Error),
}

/// The certificate in use; it can be read anew.
pub(crate) struct Tls {
    settings: Settings,
    config: RwLock<Arc<ServerConfig>>,
}

/// Without the key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads both files.
    pub(crate) fn new(settings: &Settings) -> Result<Self, TlsError> {
        Ok(Self { settings: settings.clone(), config: RwLock::new(Arc::new(read(settings)?)) })
    }

    /// Reads both files again; with a mistake in them, everything stays as it was.
    pub(crate) fn read_again(&self) -> Result<(), TlsError> {
        let fresh = Arc::new(read(&self.settings)?);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Shakes hands.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner));
        timeout(HANDSHAKE_WAIT, TlsAcceptor::from(config).accept(stream)).await?
    }
}

fn read(settings: &Settings) -> Result<ServerConfig, TlsError> {
    let certificates = certificates(&settings.cert)?;
    let fail = |problem: String| TlsError::File { path: settings.key.clone(), setting: "key", problem };
    let key = PrivateKeyDer::from_pem_file(&settings.key).map_err(|error| fail(error.to_string()))?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(TlsError::Pair)?.with_no_client_auth();
    let mut config = builder.with_single_cert(certificates, key).map_err(TlsError::Pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fail = |problem: String| TlsError::File { path: path.to_owned(), setting: "cert", problem };
    let read = CertificateDer::pem_file_iter(path).map_err(|error| fail(error.to_string()))?;
    let certificates: Result<Vec<_>, _> = read.collect();
    let certificates = certificates.map_err(|error| fail(error.to_string()))?;
    if certificates.is_empty() {
        return Err(fail("holds no certificate; it has to be in PEM form".to_owned()));
    }
    Ok(certificates)
}
