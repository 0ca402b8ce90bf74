//! Whose signature makes a certificate good: the authorities that this host trusts, or those of a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Why no certificate could be checked, with the cure.
#[derive(Debug, thiserror::Error)]
pub enum AuthoritiesError {
    /// The host trusts nobody.
    #[error("this host trusts no certificate authority; install the package ca-certificates, or set `{0}`")]
    NoneOnHost(&'static str),
    /// The file cannot be used.
    #[error("{path}: `{setting}`: {problem}")]
    File {
        /// Which.
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
        /// Why.
        problem: String,
    },
    /// The library refuses.
    #[error("TLS: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// TLS towards a server whose certificate the authorities of `ca_file` signed, or without one those that
/// the host trusts. Both are read now; a change is seen at the next start.
pub(super) fn client(
    ca_file: Option<&Path>,
    setting: &'static str,
) -> Result<ClientConfig, AuthoritiesError> {
    let roots = match ca_file {
        Some(path) => of_file(path, setting)?,
        None => of_host(setting)?,
    };
    config(roots)
}

/// TLS that trusts nobody, for a client that never uses it.
pub(super) fn nobody() -> Result<ClientConfig, AuthoritiesError> {
    config(RootCertStore::empty())
}

/// The cryptography is named here, so that nothing depends on what a process has set as its default.
fn config(roots: RootCertStore) -> Result<ClientConfig, AuthoritiesError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    Ok(builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
}

fn of_host(setting: &'static str) -> Result<RootCertStore, AuthoritiesError> {
    let mut roots = RootCertStore::empty();
    // Hosts have odd certificates among the good ones; each is missed only by the servers it signed.
    let (usable, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if usable == 0 {
        return Err(AuthoritiesError::NoneOnHost(setting));
    }
    Ok(roots)
}

fn of_file(path: &Path, setting: &'static str) -> Result<RootCertStore, AuthoritiesError> {
    let fail = |problem: String| AuthoritiesError::File { path: path.to_owned(), setting, problem };
    let pem = std::fs::read(path).map_err(|error| fail(format!("cannot be read: {error}")))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| fail(error.to_string()))?;
        roots.add(certificate).map_err(|error| fail(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(fail("holds no certificate; it has to be in PEM form".to_owned()));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_with_its_setting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let told = || client(Some(&path), "notices.smtp.ca_file").unwrap_err().to_string();
        assert!(told().contains("cannot be read"));
        std::fs::write(&path, "no certificate\n").unwrap();
        assert!(told().ends_with("`notices.smtp.ca_file`: holds no certificate; it has to be in PEM form"));
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(client(Some(&path), "x").is_err());
    }
}
