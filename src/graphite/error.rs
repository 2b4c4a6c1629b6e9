//! The ways in which asking Graphite fails, one variant each.
//!
//! Each is one sentence: what happened, and what to do. The address is shown
//! without user, password and query; the server's own words are quoted where it
//! sent any, clipped and on one line; a credential is never part of an error.

use std::fmt;
use std::time::Duration;

use super::decode::Content;
use crate::secret::Censor;
use crate::tls::TlsError;

/// A client cannot be made.
#[derive(Debug)]
pub enum ClientError {
    /// Authorities cannot be read, or there are none and https needs them.
    Tls(TlsError),
    /// A header of the configuration cannot be sent.
    Header(String),
    /// The HTTP library refused to start.
    Library(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(_) => f.write_str("the connection to Graphite cannot be set up"),
            Self::Header(name) => write!(
                f,
                "header `{name}` of `graphite.headers` cannot be sent: expected visible characters on one line"
            ),
            Self::Library(why) => write!(f, "the HTTP client cannot be set up: {why}"),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Tls(error) => Some(error),
            Self::Header(_) | Self::Library(_) => None,
        }
    }
}

/// Graphite gave no answer that can be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// So many requests were in flight that this one was never sent.
    Busy {
        /// How long it waited.
        waited: Duration,
        /// How many there may be.
        concurrency: usize,
    },
    /// Nobody listens there.
    Refused {
        /// Where Graphite is asked.
        url: String,
    },
    /// The host has no address.
    Dns {
        /// Where Graphite is asked.
        url: String,
        /// The host without an address.
        host: String,
    },
    /// The server cannot be trusted, or speaks no TLS.
    Tls {
        /// Where Graphite is asked.
        url: String,
        /// The library's words.
        why: String,
    },
    /// No connection for any other reason.
    Connect {
        /// Where Graphite is asked.
        url: String,
        /// The system's words.
        why: String,
    },
    /// The answer was not whole in time.
    Timeout {
        /// Where Graphite is asked.
        url: String,
        /// The time it had.
        after: Duration,
    },
    /// Any status but 2xx, and those of 2xx that bring no whole answer.
    Status {
        /// Where Graphite is asked.
        url: String,
        /// Such as 502.
        status: u16,
        /// What the server said; may be empty.
        words: String,
    },
    /// Sent on to another host, where no credential of ours goes.
    Redirect {
        /// Where Graphite is asked.
        url: String,
        /// Scheme and host of the other place.
        to: String,
    },
    /// Sent on and on.
    TooManyRedirects {
        /// Where Graphite is asked.
        url: String,
    },
    /// A web page in place of an answer.
    LoginPage {
        /// Where Graphite is asked.
        url: String,
        /// What it says.
        words: String,
    },
    /// An answer of another format than the one asked for.
    WrongFormat {
        /// Where Graphite is asked.
        url: String,
        /// What was asked for.
        asked: &'static str,
        /// What came.
        found: Content,
    },
    /// An answer that says of itself that it is something else.
    ContentType {
        /// Where Graphite is asked.
        url: String,
        /// What was asked for.
        asked: &'static str,
        /// The header's value.
        found: String,
    },
    /// More bytes than `graphite.max_response`.
    TooLarge {
        /// Where Graphite is asked.
        url: String,
        /// Bytes allowed.
        limit: u64,
    },
    /// More series than there is room for.
    TooMany {
        /// Where Graphite is asked.
        url: String,
        /// Series that came.
        series: usize,
        /// Bytes of memory that an answer may take.
        limit: usize,
    },
    /// The connection or the answer ended too early.
    CutOff {
        /// Where Graphite is asked.
        url: String,
        /// What was seen of it.
        why: String,
    },
    /// The answer makes no sense.
    Undecodable {
        /// Where Graphite is asked.
        url: String,
        /// Where in the answer.
        place: String,
        /// What was expected and found.
        what: String,
    },
    /// `{"error": ...}` with a good status.
    Reported {
        /// Where Graphite is asked.
        url: String,
        /// What the server said.
        words: String,
    },
}

impl FetchError {
    /// Whether no target has a part in it: nobody was there to be asked.
    pub fn is_of_nobody(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. }
                | Self::Refused { .. }
                | Self::Dns { .. }
                | Self::Tls { .. }
                | Self::Connect { .. }
        )
    }

    /// Whether Graphite as a whole is in trouble, not one target of it.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 401 | 403 | 407 | 429 | 502..=504),
            Self::TooLarge { .. }
            | Self::TooMany { .. }
            | Self::Undecodable { .. }
            | Self::Reported { .. } => false,
            _ => true,
        }
    }
}

impl FetchError {
    /// The same without what `censor` hides in the words of others: some servers
    /// repeat the credentials that they refuse.
    pub(super) fn without(mut self, censor: &Censor) -> Self {
        match &mut self {
            Self::Tls { why: said, .. }
            | Self::Connect { why: said, .. }
            | Self::CutOff { why: said, .. }
            | Self::Status { words: said, .. }
            | Self::LoginPage { words: said, .. }
            | Self::Reported { words: said, .. }
            | Self::ContentType { found: said, .. }
            | Self::Undecodable { what: said, .. }
            | Self::Redirect { to: said, .. } => *said = censor.hide(said),
            Self::Busy { .. }
            | Self::Refused { .. }
            | Self::Dns { .. }
            | Self::Timeout { .. }
            | Self::TooManyRedirects { .. }
            | Self::WrongFormat { .. }
            | Self::TooLarge { .. }
            | Self::TooMany { .. } => {}
        }
        self
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy {
                waited,
                concurrency,
            } => write!(
                f,
                "the request was not sent: {concurrency} others kept Graphite busy for {waited:?}; raise `graphite.concurrency`, or evaluate less often"
            ),
            Self::Refused { url } => write!(
                f,
                "`{url}` refused the connection; check that Graphite runs there and that `graphite.url` names its port"
            ),
            Self::Dns { url, host } => write!(
                f,
                "the host `{host}` of `{url}` was not found; check `graphite.url` and this machine's DNS"
            ),
            Self::Tls { url, why } => write!(
                f,
                "no secure connection to `{url}`: {why}; {}",
                tls_advice(why)
            ),
            Self::Connect { url, why } => write!(
                f,
                "no connection to `{url}`: {why}; {}",
                connect_advice(why)
            ),
            Self::Timeout { url, after } => write!(
                f,
                "`{url}` did not answer within {after:?}; narrow the target or its window, or raise `graphite.timeout`"
            ),
            Self::Status { url, status, words } => {
                write!(f, "`{url}` answered {status}")?;
                if !words.is_empty() {
                    write!(f, ": {words}")?;
                }
                write!(f, "; {}", status_advice(*status))
            }
            Self::Redirect { url, to } => write!(
                f,
                "`{url}` sent the request on to `{to}`, which is another host and was not asked; a login page? set `graphite.url` to where Graphite itself answers"
            ),
            Self::TooManyRedirects { url } => write!(
                f,
                "`{url}` sent the request on more than 5 times; set `graphite.url` to where Graphite itself answers"
            ),
            _ => self.fmt_answer(f),
        }
    }
}

impl FetchError {
    /// The sentences about an answer that came, but is none.
    fn fmt_answer(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoginPage { url, words } => {
                write!(f, "`{url}` answered with a web page")?;
                if !words.is_empty() {
                    write!(f, " (\"{words}\")")?;
                }
                f.write_str("; a login page? check `graphite.url` and the credentials")
            }
            Self::WrongFormat { url, asked, found } => write!(
                f,
                "`{url}` answered with {found}, not {asked}; {}",
                format_advice(asked)
            ),
            Self::ContentType { url, asked, found } => write!(
                f,
                "`{url}` answered with `{found}`, not {asked}; check that `graphite.url` is Graphite's own address"
            ),
            Self::TooLarge { url, limit } => write!(
                f,
                "the answer of `{url}` is larger than {limit} bytes; narrow the target or its window, or raise `graphite.max_response`"
            ),
            Self::TooMany { url, series, limit } => write!(
                f,
                "the answer of `{url}` holds too many series: {series} take more than {} MiB of memory; narrow the target, or raise `graphite.max_response`",
                limit >> 20
            ),
            Self::CutOff { url, why } => write!(
                f,
                "the answer of `{url}` was cut off: {why}; look into the logs of Graphite and of any proxy before it"
            ),
            Self::Undecodable { url, place, what } => write!(
                f,
                "the answer of `{url}` makes no sense at {place}: {what}; check that `graphite.url` is Graphite's own address"
            ),
            Self::Reported { url, words } => {
                write!(f, "`{url}` reports an error: {words}; check the target")
            }
            // All others are said by `fmt`.
            _ => Ok(()),
        }
    }
}

impl std::error::Error for FetchError {}

fn connect_advice(why: &str) -> &'static str {
    match why.contains("Too many open files") {
        // as the system words EMFILE and ENFILE
        true => "this is the agent's own limit: raise it (`ulimit -n`, `LimitNOFILE=` of a unit)",
        false => "check `graphite.url`, the network and any proxy",
    }
}

fn tls_advice(why: &str) -> &'static str {
    if why.contains("UnknownIssuer") || why.contains("CaUsedAsEndEntity") {
        "set `graphite.ca` to the PEM file of the authority that signed its certificate"
    } else if why.contains("NotValidForName") || why.contains("not valid for name") {
        "set `graphite.url` to a name that its certificate has"
    } else if why.contains("xpired") || why.contains("NotValidYet") {
        "renew its certificate, and check this machine's clock"
    } else if why.contains("InvalidContentType") || why.contains("corrupt message") {
        "it may speak plain http there"
    } else {
        "check its certificate and `graphite.ca`"
    }
}

fn status_advice(status: u16) -> &'static str {
    match status {
        204 => {
            "look into any proxy before Graphite, or set `graphite.not_found: empty` where a server says so that nothing matched"
        }
        205 | 206 => "look into any proxy or cache before Graphite: that is no whole answer",
        400 | 422 => "check the target and its times",
        401 | 403 | 407 => "check `graphite.username`, `graphite.password` and `graphite.headers`",
        404 => {
            "check the path of `graphite.url` (`/render` is appended), or set `graphite.not_found: empty` where a server says so that nothing matched"
        }
        405 | 411 => "check that `graphite.url` is Graphite's own address",
        406 | 415 => "set `graphite.format: json`",
        408 | 504 => "narrow the target or its window, or look into what keeps Graphite busy",
        413 | 414 | 431 => {
            "shorten the target, or let the proxy before Graphite take longer requests"
        }
        429 => "evaluate less often, or lower `graphite.concurrency`",
        500 => "check the target (Graphite answers so to wrong arguments too), then Graphite's log",
        501..=599 => "look into Graphite's log, and that of any proxy before it",
        _ => "check that `graphite.url` is Graphite's own address",
    }
}

fn format_advice(asked: &str) -> &'static str {
    match asked {
        "raw" => "set `graphite.format: json`",
        _ => "check that `graphite.url` is Graphite's own address",
    }
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

    fn all() -> Vec<FetchError> {
        let url = || "http://g/render".to_owned();
        let text = || "words".to_owned();
        let (asked, found) = ("raw", Content::Json);
        vec![
            FetchError::Busy {
                waited: Duration::from_secs(120),
                concurrency: 4,
            },
            FetchError::Refused { url: url() },
            FetchError::Dns {
                url: url(),
                host: "g".to_owned(),
            },
            FetchError::Tls {
                url: url(),
                why: text(),
            },
            FetchError::Connect {
                url: url(),
                why: text(),
            },
            FetchError::Timeout {
                url: url(),
                after: Duration::from_secs(30),
            },
            FetchError::Status {
                url: url(),
                status: 503,
                words: text(),
            },
            FetchError::Redirect {
                url: url(),
                to: "http://h".to_owned(),
            },
            FetchError::TooManyRedirects { url: url() },
            FetchError::LoginPage {
                url: url(),
                words: text(),
            },
            FetchError::WrongFormat {
                url: url(),
                asked,
                found,
            },
            FetchError::ContentType {
                url: url(),
                asked,
                found: "text/csv".to_owned(),
            },
            FetchError::TooLarge {
                url: url(),
                limit: 1,
            },
            FetchError::TooMany {
                url: url(),
                series: 1,
                limit: 1,
            },
            FetchError::CutOff {
                url: url(),
                why: text(),
            },
            FetchError::Undecodable {
                url: url(),
                place: text(),
                what: text(),
            },
            FetchError::Reported {
                url: url(),
                words: text(),
            },
        ]
    }

    #[test]
    fn every_failure_is_a_sentence_with_advice_and_a_place() {
        for error in all() {
            let text = error.to_string();
            let (_, advice) = text.rsplit_once("; ").unwrap_or_else(|| panic!("{text}"));
            assert!(advice.len() > 10, "{text}");
            assert!(!text.contains('\n') && !text.ends_with('.'), "{text}");
            let placed =
                text.contains("`http://g/render`") || matches!(error, FetchError::Busy { .. });
            assert!(placed, "{text}");
        }
    }

    #[test]
    fn every_status_has_advice() {
        for status in 100..600 {
            assert!(!status_advice(status).is_empty());
        }
        assert!(status_advice(401).contains("`graphite.password`"));
        assert!(status_advice(404).contains("`graphite.not_found: empty`"));
    }

    #[test]
    fn a_wrong_target_is_no_outage() {
        let outage = |status| {
            FetchError::Status {
                url: String::new(),
                status,
                words: String::new(),
            }
            .is_outage()
        };
        assert!(outage(503) && outage(401));
        assert!(!outage(400) && !outage(500));
    }
}
