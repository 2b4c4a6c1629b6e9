//! Asks Graphite: how many requests at a time, in which format, by which method,
//! and for how long.
//!
//! What a server turned out not to do (raw, POST) is remembered for the life of
//! the client and said once in the log. The client knows no alert; it decides
//! nothing about an answer but whether it is one.
//!
//! A whole exchange, both tries where there are two, has `timeout` from the
//! moment at which it may start. Waiting for that moment has a bound of its own,
//! four times as long, so that a hanging server holds nobody up for ever.

mod caller;
mod share;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use url::Url;
use url::form_urlencoded::Serializer;

use self::caller::Verdict;
use self::share::Sharing;
use super::decode::{Content, Sink};
use super::error::{ClientError, FetchError};
use super::known::{Came, Key};
use super::reader::Reader;
use super::request::{Endpoint, Taker, Wire, content_type, whole};
use super::settings::{Format, Settings};

/// Bytes of parameters beyond which they travel in a body: gunicorn refuses
/// request lines of 4 kB, and proxies are no more generous.
const LONGEST_QUERY: usize = 2000;
/// How many times `timeout` a request waits for others to end.
const PATIENCE: u32 = 4;
const PICTURE_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_PICTURE: usize = 2 << 20;

/// What Graphite is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// One target expression.
    pub target: &'a str,
    /// Start of the window, as Graphite reads it.
    pub from: &'a str,
    /// End of the window, as Graphite reads it.
    pub until: &'a str,
}

/// What a whole answer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Series handed on.
    pub series: usize,
    /// Bytes read, after decompression.
    pub bytes: u64,
}

/// A Graphite that can be asked; clones share everything.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    host: String,
    public: Option<Url>,
    timeout: Duration,
    concurrency: usize,
    format: Format,
    cache: bool,
    max_response: u64,
    sharing: Sharing,
    permits: Semaphore,
    pictures: Semaphore,
    /// Whether the last render found Graphite itself in trouble.
    down: AtomicBool,
    /// What the server has shown so far.
    raw_works: AtomicBool,
    json_only: AtomicBool,
    refuses_post: AtomicBool,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Client")
            .field(&self.0.endpoint.shown())
            .finish()
    }
}

impl Client {
    /// A client for the Graphite of `settings`; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// Where `graphite.ca` cannot be read, where https is needed and nobody is
    /// trusted, and where a header cannot be sent.
    pub fn new(settings: &Settings) -> Result<Self, ClientError> {
        let concurrency = settings.concurrency.clamp(1, Semaphore::MAX_PERMITS);
        Ok(Self(Arc::new(Inner {
            endpoint: Endpoint::new(settings)?,
            host: settings.url.host_str().unwrap_or_default().to_owned(),
            public: settings.public_url.clone(),
            timeout: settings.timeout,
            concurrency,
            format: settings.format,
            cache: settings.cache,
            max_response: settings.max_response,
            sharing: Sharing::new(concurrency),
            permits: Semaphore::new(concurrency),
            pictures: Semaphore::new(1),
            down: AtomicBool::new(false),
            raw_works: AtomicBool::new(false),
            json_only: AtomicBool::new(false),
            refuses_post: AtomicBool::new(false),
        })))
    }

    /// Graphite's host, without a port: `graphite.example.com`.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// How many groups are worth fetching at a time, where they are many: enough
    /// that requests are shared, and few enough that none waits long for its turn.
    pub fn ahead(&self) -> usize {
        share::ahead(self.0.concurrency)
    }

    /// Asks for `query`, in one request with others that are asked for the same
    /// window at the same moment, and has `reader` take each series as it arrives.
    /// The caller knows of `known` series: fewer, or none, are believed only where
    /// they are the answer to a request for this target alone.
    ///
    /// # Errors
    ///
    /// Where there was no whole and sound answer.
    pub async fn render_shared<R: Reader>(
        &self,
        query: &Query<'_>,
        known: usize,
        reader: &R,
    ) -> Result<(R, Summary), FetchError> {
        let sharing = &self.0.sharing;
        let why = match sharing.ask(self, query, known, reader).await {
            Verdict::Served(reader, summary) => return Ok((reader, summary)),
            Verdict::Failed(error) => return Err(error),
            Verdict::Alone(why) => why,
        };
        let mut reader = reader.clone();
        let key = Key::of(query);
        let waited = self.0.patience();
        let Ok(_turn) = timeout(waited, sharing.turn(key)).await else {
            return Err(self.0.busy(waited));
        };
        let (result, took) = self.0.alone(query, &mut |series| reader.take(series)).await;
        match &result {
            Ok(Summary { series, bytes }) => {
                let (series, bytes) = (*series, *bytes);
                let came = Came::Answer {
                    series,
                    bytes,
                    took,
                };
                sharing.learn(key, why, came);
            }
            Err(FetchError::Timeout { .. }) => sharing.learn(key, why, Came::TimedOut),
            // it was not asked for at all
            Err(FetchError::Busy { .. }) => {}
            Err(_) => sharing.learn(key, why, Came::Failed),
        }
        result.map(|summary| (reader, summary))
    }

    /// Asks for `query` alone and hands each series to `sink` as it arrives.
    ///
    /// # Errors
    ///
    /// Where there was no whole and sound answer. `sink` may have been handed
    /// series by then; they are not to be trusted.
    pub async fn render(
        &self,
        query: &Query<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<Summary, FetchError> {
        self.0.alone(query, sink).await.0
    }

    /// Where and for how long Graphite is asked for what is no render.
    pub(super) fn endpoint(&self) -> (&Endpoint, Duration) {
        (&self.0.endpoint, self.0.timeout)
    }

    /// The graph at `url`, a link made by `links.rs` on Graphite's own or its
    /// public address, as a PNG.
    ///
    /// `None` where it is not there within five seconds, waiting for another
    /// picture included, and while Graphite is down: no notification waits for it.
    pub async fn picture(&self, url: &str) -> Option<Bytes> {
        let inner = &self.0;
        let form = inner.parameters(url)?;
        if inner.down.load(Relaxed) {
            return None;
        }
        timeout(PICTURE_TIMEOUT, async {
            let _permit = inner.pictures.acquire().await.ok()?;
            // Again: it may have gone while this one waited.
            if inner.down.load(Relaxed) {
                return None;
            }
            let response = inner.endpoint.send(&form, inner.method(&form)).await.ok()?;
            let is_picture = response.status().is_success()
                && content_type(&response).as_deref() == Some("image/png");
            if !is_picture {
                return None;
            }
            let body = whole(response, MAX_PICTURE).await?;
            body.starts_with(b"\x89PNG\r\n\x1a\n").then_some(body)
        })
        .await
        .ok()
        .flatten()
    }
}

/// One request: its targets, its window, and how it may be sent.
struct Ask {
    /// `target=...&from=...&until=...`, encoded.
    targets: String,
    /// Bytes that its answer may have.
    limit: u64,
    /// It holds several targets: it is posted.
    shared: bool,
    /// ... but for where POST may not work.
    by_get: bool,
}

impl Ask {
    fn new<'t>(targets: impl Iterator<Item = Cow<'t, str>>, from: &str, until: &str) -> Self {
        let mut form = Serializer::new(String::new());
        for target in targets {
            form.append_pair("target", &target);
        }
        form.append_pair("from", from).append_pair("until", until);
        Self {
            targets: form.finish(),
            limit: u64::MAX,
            shared: false,
            by_get: false,
        }
    }
}

impl Inner {
    /// How long a request waits for its turn.
    fn patience(&self) -> Duration {
        self.timeout.saturating_mul(PATIENCE)
    }

    fn busy(&self, waited: Duration) -> FetchError {
        FetchError::Busy {
            waited,
            concurrency: self.concurrency,
        }
    }

    /// Asks for one target, and says how long that took once it was its turn.
    async fn alone(
        &self,
        query: &Query<'_>,
        sink: &mut Sink<'_>,
    ) -> (Result<Summary, FetchError>, Duration) {
        let waited = self.patience();
        let Ok(Ok(_permit)) = timeout(waited, self.permits.acquire()).await else {
            return (Err(self.busy(waited)), waited);
        };
        let begun = Instant::now();
        let targets = std::iter::once(Cow::Borrowed(query.target));
        let ask = Ask {
            limit: self.max_response,
            ..Ask::new(targets, query.from, query.until)
        };
        let mut all = |series: super::Series<'_>| {
            sink(series);
            true
        };
        let result = timeout(self.timeout, self.fetch(&ask, &mut all))
            .await
            .unwrap_or_else(|_| {
                Err(FetchError::Timeout {
                    url: self.endpoint.shown().to_owned(),
                    after: self.timeout,
                })
            });
        let outage = result.as_ref().is_err_and(FetchError::is_outage);
        self.down.store(outage, Relaxed);
        (result, begun.elapsed())
    }

    /// Asks in the best format that the server can do.
    async fn fetch(&self, ask: &Ask, sink: &mut Taker<'_>) -> Result<Summary, FetchError> {
        let wire = match self.format {
            Format::Json => Wire::Json,
            Format::Auto if self.json_only.load(Relaxed) => Wire::Json,
            Format::Raw | Format::Auto => Wire::Raw,
        };
        let result = self.exchange(ask, wire, sink).await;
        match &result {
            Ok(_) if wire == Wire::Raw => self.raw_works.store(true, Relaxed),
            // No series was handed on before any of these errors.
            Err(error) if wire == Wire::Raw && self.may_lack_raw(error) => {
                let result = self.exchange(ask, Wire::Json, sink).await;
                if result.is_ok() && !self.json_only.swap(true, Relaxed) {
                    tracing::info!(
                        url = self.endpoint.shown(),
                        raw = %error,
                        "this server cannot answer in raw; it is asked for json from now on"
                    );
                }
                return result;
            }
            _ => {}
        }
        result
    }

    /// Whether json is worth a try: a server that cannot do raw either answers
    /// with something else, or refuses in words that a wrong target gets as well.
    fn may_lack_raw(&self, error: &FetchError) -> bool {
        if self.format != Format::Auto {
            return false;
        }
        match error {
            FetchError::WrongFormat { found, .. } => *found != Content::Html,
            FetchError::Status {
                status: 406 | 415, ..
            } => true,
            FetchError::Status {
                status: 400 | 404 | 422 | 501,
                ..
            }
            | FetchError::Reported { .. } => !self.raw_works.load(Relaxed),
            _ => false,
        }
    }

    /// Asks in one format: by GET where the request is short and for one target,
    /// by POST where it is not and no proxy forbids that.
    ///
    /// One target is not cut into smaller ones where POST is refused: it travels
    /// whole in a GET. Several are, by whoever put them together.
    async fn exchange(
        &self,
        ask: &Ask,
        wire: Wire,
        sink: &mut Taker<'_>,
    ) -> Result<Summary, FetchError> {
        let form = self.form(ask, wire);
        let method = match ask.shared && !ask.by_get && !self.refuses_post.load(Relaxed) {
            true => Method::POST,
            false => self.method(&form),
        };
        let posted = method == Method::POST;
        let result = self.once(ask, &form, method, wire, sink).await;
        let Err(FetchError::Status {
            status: status @ (403 | 405 | 411 | 501),
            ..
        }) = result
        else {
            return result;
        };
        if !posted || (ask.shared && form.len() > LONGEST_QUERY) {
            return result;
        }
        let result = self.once(ask, &form, Method::GET, wire, sink).await;
        if result.is_ok() && !self.refuses_post.swap(true, Relaxed) {
            tracing::info!(
                url = self.endpoint.shown(),
                status,
                "POST is refused here; long targets are asked for by GET from now on"
            );
        }
        result
    }

    async fn once(
        &self,
        ask: &Ask,
        form: &str,
        method: Method,
        wire: Wire,
        sink: &mut Taker<'_>,
    ) -> Result<Summary, FetchError> {
        let asked = async {
            let response = self.endpoint.send(form, method).await?;
            self.endpoint.read(response, wire, ask.limit, sink).await
        };
        let (series, bytes) = asked
            .await
            .map_err(|error| error.without(self.endpoint.censor()))?;
        Ok(Summary { series, bytes })
    }

    fn method(&self, form: &str) -> Method {
        match form.len() > LONGEST_QUERY && !self.refuses_post.load(Relaxed) {
            true => Method::POST,
            false => Method::GET,
        }
    }

    fn form(&self, ask: &Ask, wire: Wire) -> String {
        let cache = if self.cache { "" } else { "&noCache=1" };
        format!("{}&format={}{cache}", ask.targets, wire.name())
    }

    /// The parameters of a link to this Graphite's `/render`; `None` for any other.
    fn parameters(&self, url: &str) -> Option<String> {
        let url = Url::parse(url).ok()?;
        let render = self.endpoint.render();
        let is = |own: &Url| own.origin() == url.origin() && own.path() == url.path();
        let public = self.public.as_ref().map(super::links::render_url);
        if !is(render) && !public.as_ref().is_some_and(is) {
            return None;
        }
        url.query().map(str::to_owned)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod fake;
#[cfg(test)]
mod gzip_tests;
#[cfg(test)]
mod shared_tests;
#[cfg(test)]
mod tests;
