//! The HTTP client of all receivers, and what an answer means for a delivery.
//!
//! One attempt, no redirects, a deadline on everything, and no more of an
//! answer than a person would read. The addresses of webhooks are secrets: an
//! error names the host and nothing else of a URL, and what a server answers is
//! shown without the secrets that it was sent. Which of PagerDuty, Slack or a
//! webhook is spoken to is not known here.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use chrono::DateTime;
use percent_encoding::percent_decode_str;
use reqwest::header::RETRY_AFTER;
use reqwest::{RequestBuilder, Response, StatusCode};
use url::Url;

use super::message::Outcome;
use super::text;
use crate::alert::Timestamp;
use crate::secret::Censor;
use crate::tls;

/// For the connection, TLS included.
const CONNECT: Duration = Duration::from_secs(10);

/// For a whole request, its answer included.
const WHOLE: Duration = Duration::from_secs(30);

/// For the body of an answer that says yes: it only frees the connection.
const DRAIN: Duration = Duration::from_secs(1);

/// Bytes of an answer that are read.
const BODY: usize = 8 * 1024;

/// Characters of an answer that are shown.
const SHOWN: usize = 500;

/// The longest `Retry-After` that is believed: a server that asks for a month
/// must not silence a receiver for one.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Sends requests for every receiver; cheap to clone.
#[derive(Clone)]
pub struct Client(reqwest::Client);

/// What a server answered, as far as anybody looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// How long it asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The beginning of its body; empty where the status says yes.
    pub body: String,
}

impl Client {
    /// A client with the system's roots that honours `HTTPS_PROXY` and `NO_PROXY`.
    ///
    /// # Errors
    /// TLS or the proxy settings cannot be used; in words.
    pub fn new() -> Result<Self, String> {
        Self::with_deadlines(CONNECT, WHOLE)
    }

    /// The same with other deadlines for connecting and for a whole request.
    ///
    /// # Errors
    /// As for [`Client::new`].
    pub fn with_deadlines(connect: Duration, whole: Duration) -> Result<Self, String> {
        // a receiver of plain http works on a machine without authorities, too
        let tls = tls::client_config_for_plain(None).map_err(|error| error.to_string())?;
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(connect)
            .timeout(whole)
            .user_agent(concat!("graphite-pager/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(Self)
            .map_err(|error| format!("cannot set up the HTTP client: {}", cause(&error)))
    }

    /// A request to `url`, to be given to [`send`].
    pub fn request(&self, method: reqwest::Method, url: Url) -> RequestBuilder {
        self.0.request(method, url)
    }
}

impl fmt::Debug for Client {
    /// Nothing of its settings: a proxy's address may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// Sends `request` to `url`'s host; an `Err` is what came of a send without an answer.
pub async fn send(request: RequestBuilder, url: &Url) -> Result<Answer, Outcome> {
    let response = request
        .send()
        .await
        .map_err(|error| unanswered(&error, url))?;
    let status = response.status();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| parse_retry_after(value, crate::now::now()));
    let body = if status.is_success() {
        // taken is taken, whatever becomes of the rest of the answer
        let _ = tokio::time::timeout(DRAIN, beginning(response)).await;
        String::new()
    } else {
        beginning(response).await
    };
    Ok(Answer {
        status: status.as_u16(),
        retry_after,
        body,
    })
}

async fn beginning(mut response: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend(chunk.iter().take(BODY - body.len()));
        if body.len() >= BODY {
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}

fn unanswered(error: &reqwest::Error, url: &Url) -> Outcome {
    let host = host(url);
    // whatever was connected to may have read the request
    let unsure = !error.is_connect();
    let (why, pause) = if error.is_connect() {
        (
            format!("cannot connect to `{host}`: {}", cause(error)),
            true,
        )
    } else if error.is_timeout() {
        (format!("`{host}` did not answer in time"), true)
    } else {
        (format!("`{host}` gave no answer: {}", cause(error)), false)
    };
    Outcome::Later {
        why,
        after: None,
        pause,
        unsure,
    }
}

/// The innermost cause: the outer ones repeat it, or quote the URL.
fn cause(error: &reqwest::Error) -> String {
    let Some(mut inner) = error.source() else {
        return "the request cannot be sent".to_owned();
    };
    while let Some(next) = inner.source() {
        inner = next;
    }
    text::clip(&text::clean(&inner.to_string()), SHOWN).into_owned()
}

/// Host and port, the only parts of a receiver's URL that are no secret.
pub fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// What `answer` of `url`'s host means; `secrets` are not shown should it repeat them.
pub fn settle(answer: &Answer, url: &Url, secrets: &[&str]) -> Outcome {
    settle_without(answer, url, &censor(url, secrets))
}

/// The same; what `censor` hides is not shown should it be repeated.
pub fn settle_without(answer: &Answer, url: &Url, censor: &Censor) -> Outcome {
    let why = || describe(answer, url, censor);
    match answer.status {
        200..=299 => Outcome::Accepted,
        429 => Outcome::Later {
            why: why(),
            after: answer.retry_after,
            pause: true,
            unsure: false,
        },
        408 | 500..=599 => Outcome::Later {
            why: why(),
            after: answer.retry_after,
            pause: false,
            // a gateway does not know what became of what it passed on
            unsure: matches!(answer.status, 502 | 504),
        },
        _ => Outcome::Rejected {
            why: why(),
            smtp: false,
        },
    }
}

fn describe(answer: &Answer, url: &Url, censor: &Censor) -> String {
    let status = StatusCode::from_u16(answer.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .map_or_else(
            || answer.status.to_string(),
            |reason| format!("{} {reason}", answer.status),
        );
    let host = host(url);
    if (300..400).contains(&answer.status) {
        return format!(
            "`{host}` answered {status}: redirects are not followed, give the receiver's final `url`"
        );
    }
    let body = match answer.body.len() < BODY {
        true => censor.hide(&answer.body),
        false => censor.hide_cut(&answer.body),
    };
    let body = text::clean(body.trim());
    match text::clip(&body, SHOWN) {
        body if body.is_empty() => format!("`{host}` answered {status}"),
        body => format!("`{host}` answered {status}: {body}"),
    }
}

/// What of a request to `url` may be secret, should somebody repeat it.
pub fn censor(url: &Url, secrets: &[&str]) -> Censor {
    let censor = secrets
        .iter()
        .fold(Censor::new(), |censor, secret| censor.value(secret));
    let user = percent_decode_str(url.username()).decode_utf8_lossy();
    let password = percent_decode_str(url.password().unwrap_or_default()).decode_utf8_lossy();
    let censor = censor.value(&user).login(&user, &password);
    let query = url.query_pairs().map(|(_, value)| value.into_owned());
    let segments = url.path_segments().into_iter().flatten();
    segments
        .map(ToOwned::to_owned)
        .chain(query)
        .fold(censor, |censor, part| censor.value(&part))
}

/// `Retry-After` as RFC 9110, section 10.2.3 has it: seconds, or a date.
fn parse_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => PATIENCE,
        Err(_) => Timestamp::from(DateTime::parse_from_rfc2822(value).ok()?.to_utc()).since(now),
    };
    Some(wait.min(PATIENCE))
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
    fn retry_after_knows_dates_beyond_2038() {
        let now = Timestamp::from_secs(2_147_483_640);
        let wait = parse_retry_after("Tue, 19 Jan 2038 03:14:30 GMT", now);
        assert_eq!(wait, Some(Duration::from_secs(30)));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_never_more_than_an_hour() {
        let now = Timestamp::from_secs(1_795_435_200);
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Mon, 23 Nov 2026 12:00:30 GMT", Some(30)),
            ("Mon, 23 Nov 2026 11:00:00 GMT", Some(0)),
            ("99999999", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("soon", None),
            ("-5", None),
            ("", None),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(parse_retry_after(value, now), expected, "{value}");
        }
    }

    #[test]
    fn an_error_names_the_host_and_no_more_of_a_url() {
        let url = Url::parse(
            "https://user:hush@hooks.example.com:8443/services/T0SECRET/x?token=hush-hush",
        )
        .unwrap();
        let answer = Answer {
            status: 404,
            retry_after: None,
            body: "no T0SECRET for hush-hush here".to_owned(),
        };
        let Outcome::Rejected { why, .. } = settle(&answer, &url, &[]) else {
            panic!()
        };
        assert_eq!(
            why,
            "`hooks.example.com:8443` answered 404 Not Found: no *** for *** here"
        );
    }
}
