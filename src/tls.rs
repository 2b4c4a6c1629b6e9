//! Whom this program trusts when it speaks TLS: the system's authorities, and
//! one private file beside them where the configuration names one.
//!
//! Every HTTP client (Graphite, receivers) is built from the one configuration
//! made here. Mail takes the same roots from the system by itself, because its
//! library accepts no configuration from outside. It knows no host and no URL. `SSL_CERT_FILE` and `SSL_CERT_DIR`
//! take the place of the system's files, as they do elsewhere.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// TLS cannot be used as the machine or the configuration stands.
#[derive(Debug)]
pub enum TlsError {
    /// The system has no authorities, and no file names any.
    NoRoots {
        /// What went wrong where they were looked for, if anything was there.
        why: Option<String>,
    },
    /// The file of private authorities cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// The file of private authorities holds no certificate that can be used.
    NotCertificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The TLS library refused to start.
    Library(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoots { why } => {
                f.write_str("this system has no certificates of authorities to check https with")?;
                if let Some(why) = why {
                    write!(f, " ({why})")?;
                }
                f.write_str(
                    "; install the package `ca-certificates`, or set SSL_CERT_FILE to a PEM file",
                )
            }
            Self::Unreadable { path, why } => {
                let path = path.display();
                write!(f, "cannot read the certificates in `{path}`: {why}")
            }
            Self::NotCertificates { path, why } => write!(
                f,
                "`{}` holds no usable certificate: {why}; expected a PEM file with `-----BEGIN CERTIFICATE-----`",
                path.display()
            ),
            Self::Library(why) => write!(f, "TLS cannot be set up: {why}"),
        }
    }
}

impl std::error::Error for TlsError {}

/// The TLS of a client that trusts the system's authorities and those in `extra_ca`.
///
/// # Errors
///
/// Where `extra_ca` cannot be read or holds no certificate, and where there is
/// no authority at all: every https connection would fail later, one by one.
pub fn client_config(extra_ca: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let Some(path) = extra_ca else {
        return with_roots(system()?);
    };
    let mut roots = RootCertStore::empty();
    add_file(&mut roots, path)?;
    if let Ok(system) = system() {
        roots.roots.extend(system.roots.iter().cloned());
    }
    with_roots(Arc::new(roots))
}

/// The system's authorities. They are read once, and all clients share them: a
/// hundred and forty certificates take milliseconds and a good part of the
/// memory of an agent that has little to do. Where there are none, the next
/// client looks again.
fn system() -> Result<Arc<RootCertStore>, TlsError> {
    static SYSTEM: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if let Some(roots) = SYSTEM.get() {
        return Ok(Arc::clone(roots));
    }
    let system = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(system.certs);
    if roots.is_empty() {
        let why = system.errors.first().map(ToString::to_string);
        return Err(TlsError::NoRoots { why });
    }
    roots.roots.shrink_to_fit();
    Ok(Arc::clone(SYSTEM.get_or_init(|| Arc::new(roots))))
}

/// The same for a client that is meant to speak plain http: a machine without
/// any authorities (a bare container) may start, and an https address that it
/// is sent to later fails by itself.
///
/// # Errors
///
/// Where `extra_ca` cannot be read or holds no certificate.
pub fn client_config_for_plain(extra_ca: Option<&Path>) -> Result<ClientConfig, TlsError> {
    match client_config(extra_ca) {
        Err(TlsError::NoRoots { .. }) => with_roots(Arc::new(RootCertStore::empty())),
        result => result,
    }
}

fn with_roots(roots: Arc<RootCertStore>) -> Result<ClientConfig, TlsError> {
    // Named here rather than taken from the process: tests and `main` then
    // agree without an order in which things must be called.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Library(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), TlsError> {
    let pem = std::fs::read(path).map_err(|error| TlsError::Unreadable {
        path: path.to_owned(),
        why: error.to_string(),
    })?;
    let wrong = |why: String| TlsError::NotCertificates {
        path: path.to_owned(),
        why,
    };
    let mut found = 0_usize;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| wrong(error.to_string()))?;
        found += 1;
    }
    if found == 0 {
        return Err(wrong("there is none in it".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use super::*;

    #[test]
    fn a_private_file_that_is_missing_is_named() {
        let error = client_config(Some(Path::new("/nowhere/ca.pem"))).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot read the certificates in `/nowhere/ca.pem`"),
            "{error}"
        );
    }

    #[test]
    fn a_private_file_without_certificates_is_an_error_even_for_plain_http() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "not a certificate\n").unwrap();
        for result in [
            client_config(Some(file.path())),
            client_config_for_plain(Some(file.path())),
        ] {
            assert!(matches!(result, Err(TlsError::NotCertificates { .. })));
        }
    }

    #[test]
    fn a_broken_certificate_in_a_private_file_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(file.path(), pem).unwrap();
        let result = client_config(Some(file.path()));
        assert!(matches!(result, Err(TlsError::NotCertificates { .. })));
    }

    #[test]
    fn want_of_authorities_comes_with_advice() {
        let text = TlsError::NoRoots { why: None }.to_string();
        assert!(text.contains("`ca-certificates`"), "{text}");
    }
}
