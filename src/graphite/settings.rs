//! What the configuration's section `graphite:` says.
//!
//! The section belongs to this module; `config/` reads it and composes.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::secret::Secret;

/// Where Graphite is and how it is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The server, without credentials, without a trailing slash in its path.
    pub url: Url,
    /// The server as people's browsers see it; `None`: the same.
    pub public_url: Option<Url>,
    /// User for basic authentication (also taken out of `url`).
    pub username: Option<String>,
    /// Password for basic authentication.
    pub password: Option<Secret>,
    /// Further request headers; names are valid, values are kept secret.
    pub headers: Vec<(String, Secret)>,
    /// PEM file of a private authority, trusted beside the system's roots.
    pub ca: Option<PathBuf>,
    /// For a whole answer, from connecting to its last byte.
    pub timeout: Duration,
    /// Requests in flight, at least 1.
    pub concurrency: usize,
    /// Which format is asked for.
    pub format: Format,
    /// `true` lets Graphite answer from its caches.
    pub cache: bool,
    /// `true` asks for answers in gzip; one that comes so unasked is read all the same.
    pub gzip: bool,
    /// Bytes of one answer, after decompression.
    pub max_response: u64,
    /// How long fetching may fail before somebody is told.
    pub error_for: Duration,
    /// `true`: a 404 is an answer without series.
    pub not_found_is_empty: bool,
}

/// Which format is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// raw, and json once the server has shown that it cannot do raw.
    Auto,
    /// Always raw.
    Raw,
    /// Always json.
    Json,
}
