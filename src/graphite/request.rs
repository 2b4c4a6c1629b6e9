//! One HTTP exchange with Graphite: sends, follows what may be followed, checks
//! the head of the answer, and turns every way of failing into a `FetchError`.
//!
//! It knows neither when to ask nor what to ask next: that is `client.rs`. It
//! sets no deadline either; whoever calls drops the future.
//!
//! Invariant: a request leaves for Graphite's own host only, so credentials and
//! headers cannot reach another one, whatever a `Location` says.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use super::decode::{Content, DecodeError, Decoder};
use super::error::{ClientError, FetchError};
use super::links::render_url;
use super::room::{Full, PER_SERIES, Room};
use super::series::Series;
use super::settings::Settings;
use super::{cause, element, unescape, words};
use crate::redirect::{follow, location};
use crate::secret::{Censor, Secret};
use crate::tls;

/// Takes the next series of an answer, and says whether reading on makes sense.
pub(super) type Taker<'t> = dyn FnMut(Series<'_>) -> bool + Send + 't;

const MAX_REDIRECTS: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a failure's body that are read for the words in it.
const MAX_FAILURE: usize = 64 << 10;
/// How long they are waited for: the status alone says enough.
const FAILURE_PATIENCE: Duration = Duration::from_secs(2);

/// The formats that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Raw,
    Json,
}

impl Wire {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Json => "json",
        }
    }

    fn decoder(self) -> Decoder {
        match self {
            Self::Raw => Decoder::raw(),
            Self::Json => Decoder::json(),
        }
    }
}

/// Graphite's `/render`, and how it is reached.
pub(super) struct Endpoint {
    http: reqwest::Client,
    render: Url,
    /// `render` as it may be shown.
    shown: String,
    credentials: Option<(String, Option<Secret>)>,
    /// What an answer may repeat of what it was asked with.
    censor: Censor,
    room: Room,
    not_found_is_empty: bool,
}

impl Endpoint {
    pub(super) fn new(settings: &Settings) -> Result<Self, ClientError> {
        let ca = settings.ca.as_deref();
        let tls = match settings.url.scheme() {
            "https" => tls::client_config(ca),
            _ => tls::client_config_for_plain(ca),
        };
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.map_err(ClientError::Tls)?)
            // Ours are stricter, and keep method and body.
            .redirect(reqwest::redirect::Policy::none())
            // What comes compressed is undone, asked for or not.
            .gzip(true)
            .default_headers(headers(settings)?)
            .user_agent(concat!("graphite-pager/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT.min(settings.timeout))
            .pool_max_idle_per_host(settings.concurrency)
            .build()
            .map_err(|error| ClientError::Library(cause::deepest(&error)))?;
        let render = render_url(&settings.url);
        let credentials = settings
            .username
            .as_ref()
            .map(|user| (user.clone(), settings.password.clone()));
        Ok(Self {
            http,
            shown: shown(&render),
            censor: censor(settings),
            render,
            credentials,
            room: Room::new(settings.max_response),
            not_found_is_empty: settings.not_found_is_empty,
        })
    }

    pub(super) fn censor(&self) -> &Censor {
        &self.censor
    }

    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    pub(super) fn render(&self) -> &Url {
        &self.render
    }

    /// Sends the parameters in `form` and follows redirects within the host.
    ///
    /// A redirect keeps method and body (but for 303, as its meaning is): asking
    /// again does no harm, and a POST that became a GET would ask for nothing.
    pub(super) async fn send(&self, form: &str, method: Method) -> Result<Response, FetchError> {
        let mut method = method;
        let mut url = self.render.clone();
        if method == Method::GET {
            let query = match url.query() {
                Some(given) if !given.is_empty() => format!("{given}&{form}"),
                _ => form.to_owned(),
            };
            url.set_query(Some(&query));
        }
        for _ in 0..=MAX_REDIRECTS {
            let response = self.once(&url, &method, form).await?;
            let Some(location) = location(&response) else {
                return Ok(response);
            };
            if response.status() == StatusCode::SEE_OTHER {
                method = Method::GET;
            }
            url = follow(&url, &location).map_err(|to| FetchError::Redirect {
                url: self.shown.clone(),
                to,
            })?;
        }
        Err(FetchError::TooManyRedirects {
            url: self.shown.clone(),
        })
    }

    pub(super) async fn once(
        &self,
        url: &Url,
        method: &Method,
        form: &str,
    ) -> Result<Response, FetchError> {
        let request = || {
            let mut request = self.http.request(method.clone(), url.clone());
            if let Some((user, password)) = &self.credentials {
                request = request.basic_auth(user, password.as_ref().map(Secret::expose));
            }
            if method == Method::POST {
                request = request
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(form.to_owned());
            }
            request
        };
        let sent = match request().send().await {
            // The server may have closed a kept connection just as it was used
            // again (gunicorn keeps them for two seconds): asked once more.
            Err(error) if error.is_request() && !error.is_connect() && !error.is_timeout() => {
                request().send().await
            }
            sent => sent,
        };
        let host = self.render.host_str().unwrap_or_default();
        sent.map_err(|error| cause::unsent(&error, self.shown.clone(), host))
    }

    /// Hands the series of an answer of at most `limit` bytes to `sink`; gives
    /// their number and the bytes read.
    pub(super) async fn read(
        &self,
        mut response: Response,
        wire: Wire,
        limit: u64,
        sink: &mut Taker<'_>,
    ) -> Result<(usize, u64), FetchError> {
        let nothing = [StatusCode::NOT_FOUND, StatusCode::NO_CONTENT].contains(&response.status());
        if nothing && self.not_found_is_empty {
            return Ok((0, 0));
        }
        if !response.status().is_success() || is_without_whole_body(response.status()) {
            return Err(self.status(response).await);
        }
        if let Some(content) = unexpected(&response, wire) {
            return Err(self.other_content(response, wire, content).await);
        }
        if response
            .content_length()
            .is_some_and(|length| length > limit)
        {
            return Err(self.too_large(limit));
        }
        let mut decoder = wire.decoder();
        let mut place = self.room.place();
        let mut bytes = 0_u64;
        let mut handed_on = 0_usize;
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.broken_off(&error))?
        {
            bytes = bytes.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            if bytes > limit {
                return Err(self.too_large(limit));
            }
            let mut go_on = true;
            let mut counted = |series: Series<'_>| {
                handed_on = handed_on.saturating_add(series.legend.len() + PER_SERIES);
                go_on = go_on && sink(series);
            };
            decoder
                .push(&chunk, &mut counted)
                .map_err(|error| self.undecodable(error, wire))?;
            if !go_on {
                return Err(self.unasked());
            }
            place
                .takes(handed_on.saturating_add(decoder.held()))
                .await
                .map_err(|full| self.too_many(decoder.series(), &full))?;
        }
        decoder
            .finish()
            .map_err(|error| self.undecodable(error, wire))?;
        Ok((decoder.series(), bytes))
    }

    async fn status(&self, response: Response) -> FetchError {
        let status = response.status().as_u16();
        let html = content_type(&response).is_some_and(|found| found.contains("html"));
        let body = beginning(response).await;
        FetchError::Status {
            url: self.shown.clone(),
            status,
            words: words::said(&body, html),
        }
    }

    async fn other_content(
        &self,
        response: Response,
        wire: Wire,
        content: Unexpected,
    ) -> FetchError {
        let url = self.shown.clone();
        let asked = wire.name();
        match content {
            Unexpected::Type(found) => FetchError::ContentType { url, asked, found },
            Unexpected::Known(Content::Html) => FetchError::LoginPage {
                url,
                words: words::clip(&words::said(&beginning(response).await, true), 100),
            },
            Unexpected::Known(Content::Json) => {
                let body = beginning(response).await;
                match body
                    .trim_ascii_start()
                    .starts_with(b"{")
                    .then(|| element::message(&body))
                {
                    Some(Some(message)) => FetchError::Reported {
                        url,
                        words: words::clip(&unescape::unescape(message), words::MAX_WORDS),
                    },
                    _ => FetchError::WrongFormat {
                        url,
                        asked,
                        found: Content::Json,
                    },
                }
            }
            Unexpected::Known(found) => FetchError::WrongFormat { url, asked, found },
        }
    }

    fn too_large(&self, limit: u64) -> FetchError {
        FetchError::TooLarge {
            url: self.shown.clone(),
            limit,
        }
    }

    /// What is said of a series that nobody asked for.
    pub(super) fn unasked(&self) -> FetchError {
        FetchError::Undecodable {
            url: self.shown.clone(),
            place: "a series".to_owned(),
            what: "expected the number of its target before its name, which `aliasSub` puts there"
                .to_owned(),
        }
    }

    fn too_many(&self, series: usize, full: &Full) -> FetchError {
        FetchError::TooMany {
            url: self.shown.clone(),
            series,
            limit: full.limit,
        }
    }

    fn undecodable(&self, error: DecodeError, wire: Wire) -> FetchError {
        let url = self.shown.clone();
        match error {
            DecodeError::CutOff => FetchError::CutOff {
                url,
                why: "it ends in the middle of a series".to_owned(),
            },
            DecodeError::TooLong => FetchError::Undecodable {
                url,
                place: "one series".to_owned(),
                what: "expected at most 64 MiB for it, found no end".to_owned(),
            },
            DecodeError::Other(Content::Html) => FetchError::LoginPage {
                url,
                words: String::new(),
            },
            DecodeError::Other(found) => FetchError::WrongFormat {
                url,
                asked: wire.name(),
                found,
            },
            DecodeError::Reported(words) => FetchError::Reported { url, words },
            DecodeError::Wrong { place, what } => FetchError::Undecodable { url, place, what },
        }
    }

    /// Why the body of an answer ended early.
    fn broken_off(&self, error: &reqwest::Error) -> FetchError {
        FetchError::CutOff {
            url: self.shown.clone(),
            why: cause::deepest(error),
        }
    }
}

/// Reads a body that is not judged, at most `limit` bytes of it; `None` where it is longer or breaks off.
pub(super) async fn whole(mut response: Response, limit: usize) -> Option<Bytes> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len().saturating_add(chunk.len()) > limit {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body.into())
}

/// As much of a body as comes soon.
async fn beginning(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    let reading = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = MAX_FAILURE.saturating_sub(body.len());
            body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if body.len() >= MAX_FAILURE {
                break;
            }
        }
    };
    // What has come when patience ends is enough.
    let _ = tokio::time::timeout(FAILURE_PATIENCE, reading).await;
    body
}

/// Good statuses of answers that are none, or not whole: 204, 205, 206 (RFC
/// 9110). Read as one, they would say that every series is gone.
fn is_without_whole_body(status: StatusCode) -> bool {
    matches!(status.as_u16(), 204..=206)
}

/// The content type of an answer, in lower case, without its parameters.
pub(super) fn content_type(response: &Response) -> Option<String> {
    let value = response.headers().get(CONTENT_TYPE)?;
    let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
    let kind = text.split(';').next().unwrap_or_default();
    Some(words::clip(kind, 60))
}

enum Unexpected {
    Known(Content),
    Type(String),
}

/// What an answer says it is, where that cannot be what was asked for. Without
/// a content type, its first bytes tell.
fn unexpected(response: &Response, wire: Wire) -> Option<Unexpected> {
    let found = content_type(response)?;
    let is_json = found.contains("json") || found.contains("javascript");
    match (wire, found.as_str()) {
        (_, "") => None,
        (Wire::Raw | Wire::Json, "text/plain") => None,
        (Wire::Json, _) if is_json => None,
        (Wire::Raw, _) if is_json => Some(Unexpected::Known(Content::Json)),
        (_, "text/html" | "application/xhtml+xml") => Some(Unexpected::Known(Content::Html)),
        (_, kind) if kind.starts_with("image/") => Some(Unexpected::Known(Content::Picture)),
        _ => Some(Unexpected::Type(found)),
    }
}

fn censor(settings: &Settings) -> Censor {
    let password = settings.password.as_ref().map_or("", Secret::expose);
    let user = settings.username.as_deref().unwrap_or_default();
    let headers = settings.headers.iter();
    headers.fold(Censor::new().login(user, password), |censor, (_, value)| {
        censor.value(value.expose())
    })
}

fn headers(settings: &Settings) -> Result<HeaderMap, ClientError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &settings.headers {
        let wrong = || ClientError::Header(words::clip(name, 60));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.append(key, value);
    }
    // Without it the library asks for all that it can undo. A header of the
    // configuration's own says the same, and is left as it is.
    let encoding = HeaderValue::from_static(if settings.gzip { "gzip" } else { "identity" });
    headers.entry(ACCEPT_ENCODING).or_insert(encoding);
    Ok(headers)
}

fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail for addresses without a host only, which have neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
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
    fn an_address_is_shown_without_what_may_be_secret() {
        let url = Url::parse("https://user:key@g:8443/graphite/render?token=x#y").unwrap();
        assert_eq!(shown(&url), "https://g:8443/graphite/render");
    }
}
