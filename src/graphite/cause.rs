//! Why a request got no answer, read from the HTTP library's chain of causes.
//!
//! The library's own words name the whole address, query and all; only the
//! innermost cause is quoted, which names none.

use std::error::Error;
use std::io;

use super::error::FetchError;
use super::words;

/// The failure that `error` is, of a request to `host` at the shown address `url`.
pub(super) fn unsent(error: &reqwest::Error, url: String, host: &str) -> FetchError {
    let why = deepest(error);
    if error.is_dns() {
        let host = host.to_owned();
        return FetchError::Dns { url, host };
    }
    if is_tls(error) {
        return FetchError::Tls { url, why };
    }
    if error.is_connect() {
        return match is_refused(error) {
            true => FetchError::Refused { url },
            false if error.is_timeout() => FetchError::Connect {
                url,
                why: "nothing answered in time".to_owned(),
            },
            false => FetchError::Connect { url, why },
        };
    }
    FetchError::CutOff { url, why }
}

/// The innermost cause, which says most and names no address.
pub(super) fn deepest(error: &reqwest::Error) -> String {
    let mut text = None;
    let mut source = error.source();
    while let Some(error) = source {
        text = Some(error.to_string());
        source = error.source();
    }
    words::clip(text.as_deref().unwrap_or("the connection failed"), 200)
}

fn is_tls(error: &reqwest::Error) -> bool {
    any_source(error, holds_tls)
}

/// I/O errors hide what they wrap from `source()`, and are wrapped in one another.
fn holds_tls(error: &(dyn Error + 'static)) -> bool {
    let wrapped = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    error.is::<rustls::Error>() || wrapped.is_some_and(|inner| holds_tls(inner))
}

fn is_refused(error: &reqwest::Error) -> bool {
    any_source(error, |source| {
        source
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    })
}

fn any_source(error: &reqwest::Error, found: impl Fn(&(dyn Error + 'static)) -> bool) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if found(error) {
            return true;
        }
        source = error.source();
    }
    false
}
