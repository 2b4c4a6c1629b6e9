//! Where a request may be sent on to: nowhere but the host that was asked.
//!
//! Credentials and headers travel with every request, so this decision alone
//! keeps them from other hosts. How a request is made is its caller's business.

use reqwest::Response;
use reqwest::header::LOCATION;
use url::Url;

/// Where the server says that the request belongs; `None`: it answered.
pub fn location(response: &Response) -> Option<String> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let value = response.headers().get(LOCATION)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Where to ask instead: the same host and port, or https on the same host.
///
/// # Errors
/// It belongs elsewhere; the other place, as it may be shown.
pub fn follow(from: &Url, location: &str) -> Result<Url, String> {
    let Ok(mut to) = from.join(location) else {
        return Err("an address that cannot be read".to_owned());
    };
    let same_host = to.host_str().is_some() && to.host_str() == from.host_str();
    let same_server =
        to.scheme() == from.scheme() && to.port_or_known_default() == from.port_or_known_default();
    let upgraded = from.scheme() == "http" && to.scheme() == "https";
    if !same_host || !(same_server || upgraded) {
        return Err(to.origin().ascii_serialization());
    }
    let _ = to.set_username("");
    let _ = to.set_password(None);
    Ok(to)
}

/// Why a request that was sent on came to nothing.
#[derive(Debug)]
pub enum Astray<E> {
    /// One of them failed.
    Failed(E),
    /// It belongs to another host, which is named as it may be shown.
    Elsewhere(String),
    /// It was sent on more often than this.
    Endless(usize),
}

/// Asks for `url` by `send`, and again where the server says that it belongs, `most`
/// times; the answer that is no redirect.
///
/// # Errors
/// There is none.
pub async fn chase<E>(
    mut url: Url,
    most: usize,
    send: impl AsyncFn(Url) -> Result<Response, E>,
) -> Result<Response, Astray<E>> {
    for _ in 0..=most {
        let response = send(url.clone()).await.map_err(Astray::Failed)?;
        match location(&response) {
            None => return Ok(response),
            Some(to) => url = follow(&url, &to).map_err(Astray::Elsewhere)?,
        }
    }
    Err(Astray::Endless(most))
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

    #[track_caller]
    fn check(from: &str, location: &str, expected: Result<&str, &str>) {
        let next = follow(&Url::parse(from).unwrap(), location);
        assert_eq!(
            next.as_ref().map(Url::as_str),
            expected.map_err(str::to_owned).as_ref().copied()
        );
    }

    #[test]
    fn redirects_within_the_host_are_followed() {
        check(
            "http://g/render?a=1",
            "/render/?a=1",
            Ok("http://g/render/?a=1"),
        );
        check("http://g:80/render", "http://g/x", Ok("http://g/x"));
        check(
            "http://g:8080/render",
            "https://g/render",
            Ok("https://g/render"),
        );
        check(
            "https://g/render",
            "https://user:key@g/x",
            Ok("https://g/x"),
        );
    }

    #[test]
    fn redirects_elsewhere_are_not() {
        check(
            "https://g/render",
            "https://login.example.com/?next=secret",
            Err("https://login.example.com"),
        );
        check("https://g/render", "http://g/render", Err("http://g"));
        check(
            "http://g:8080/render",
            "http://g:8081/render",
            Err("http://g:8081"),
        );
        check(
            "https://g/render",
            "https://g:8443/render",
            Err("https://g:8443"),
        );
        check("https://g/render", "//other/render", Err("https://other"));
        check("https://g/render", "javascript:alert(1)", Err("null"));
    }
}
