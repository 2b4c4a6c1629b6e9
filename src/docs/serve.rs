//! The pages over HTTP, for the browser of whoever writes them.
//!
//! Bounded in all that a stranger could use up: connections and how long one
//! lasts, requests that are worked on and how long one takes. No script runs on
//! what is shown, and nothing is fetched from elsewhere. On a loopback address it
//! answers to the names of this computer alone, so that no web page can have its
//! own name lead here and read the pages.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Sleep, sleep, timeout};

use super::site::{self, Answer, Source};
use crate::serving;

/// Connections that are open at once.
const CONNECTIONS: usize = 64;
/// How long one lasts.
const LASTS: Duration = Duration::from_secs(60);
/// Requests that are worked on at once.
const AT_ONCE: usize = 4;
/// How long one may take, its waiting included.
const PATIENCE: Duration = Duration::from_secs(15);

const STYLE: &str = include_str!("site.css");
/// What a page may do: be looked at.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What a picture may do that is opened by itself: an SVG could hold a script.
const POLICY_OF_PICTURES: &str =
    "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'";

/// Reads the configuration, as it is at this moment.
pub type Read = Arc<dyn Fn() -> Source + Send + Sync>;

/// Shows what `read` gives until `stop` becomes true.
pub async fn serve(listener: TcpListener, read: Read, stop: watch::Receiver<bool>) {
    let is_loopback = listener.local_addr().is_ok_and(|at| at.ip().is_loopback());
    let pages = Pages {
        read,
        is_loopback,
        room: Arc::new(Semaphore::new(AT_ONCE)),
    };
    let routes = Router::new()
        .route("/", get(answer))
        .route("/{*path}", get(answer))
        .with_state(pages);
    let guarded = Guarded {
        listener,
        room: Arc::new(Semaphore::new(CONNECTIONS)),
    };
    serving::serve(guarded, routes, stop).await;
}

#[derive(Clone)]
struct Pages {
    read: Read,
    is_loopback: bool,
    room: Arc<Semaphore>,
}

async fn answer(State(pages): State<Pages>, uri: Uri, headers: HeaderMap) -> Response {
    if pages.is_loopback && !is_this_computer(&headers) {
        let why = "ask for this by `localhost` or by the address that it listens on\n";
        return plain(StatusCode::FORBIDDEN, why);
    }
    if uri.path() == site::STYLE {
        return respond(StatusCode::OK, "text/css; charset=utf-8", STYLE);
    }
    let Ok(path) = percent_decode_str(uri.path()).decode_utf8() else {
        return plain(StatusCode::NOT_FOUND, "there is nothing of this name\n");
    };
    let path = path.into_owned();
    match timeout(PATIENCE, read(pages, path)).await {
        Ok(Some(Answer::Page(page))) => html(StatusCode::OK, page),
        Ok(Some(Answer::Missing(page))) => html(StatusCode::NOT_FOUND, page),
        Ok(Some(Answer::Picture(kind, bytes))) => {
            let mut response = respond(StatusCode::OK, kind, bytes);
            let policy = HeaderValue::from_static(POLICY_OF_PICTURES);
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            response
        }
        Ok(None) | Err(_) => {
            let why = "the pages could not be read in time: try again\n";
            plain(StatusCode::SERVICE_UNAVAILABLE, why)
        }
    }
}

/// Reads what is at `path`; `None`: this is being ended.
async fn read(pages: Pages, path: String) -> Option<Answer> {
    let permit = pages.room.acquire_owned().await.ok()?;
    let read = tokio::task::spawn_blocking(move || {
        let answer = site::answer(&(pages.read)(), &path);
        // one that nobody waits for any more is work all the same
        drop(permit);
        answer
    });
    read.await.ok()
}

/// Whether the request names this computer.
fn is_this_computer(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST);
    let Some(host) = host.and_then(|host| host.to_str().ok()) else {
        // older than HTTP/1.1: no browser
        return true;
    };
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or_default();
    let is_loopback = name
        .parse()
        .is_ok_and(|address: IpAddr| address.is_loopback());
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    is_loopback || name == "localhost" || name.ends_with(".localhost")
}

fn html(status: StatusCode, page: String) -> Response {
    respond(status, "text/html; charset=utf-8", page)
}

fn plain(status: StatusCode, why: &'static str) -> Response {
    respond(status, "text/plain; charset=utf-8", why)
}

fn respond(status: StatusCode, kind: &'static str, body: impl IntoResponse) -> Response {
    let mut response = (status, body).into_response();
    let set: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in set {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// Connections, so many at once and each for so long.
struct Guarded {
    listener: TcpListener,
    room: Arc<Semaphore>,
}

impl Listener for Guarded {
    type Io = Held;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Held, SocketAddr) {
        // nobody closes it; if somebody did, there would be no bound to keep
        let permit = Arc::clone(&self.room).acquire_owned().await.ok();
        let (stream, from) = Listener::accept(&mut self.listener).await;
        let held = Held {
            stream,
            left: Box::pin(sleep(LASTS)),
            _permit: permit,
        };
        (held, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends by itself.
struct Held {
    stream: TcpStream,
    left: Pin<Box<Sleep>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// An error once its time is over; else it is woken then.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.left.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn only_names_of_this_computer_are_answered_to() {
        for (host, expected) in [
            ("localhost:8030", true),
            ("LOCALHOST", true),
            ("pages.localhost:1", true),
            ("127.0.0.1:8030", true),
            ("[::1]:8030", true),
            ("evil.example:8030", false),
            ("127.0.0.1.evil.example", false),
            ("10.0.0.1:8030", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            assert_eq!(is_this_computer(&headers), expected, "{host}");
        }
    }

    #[tokio::test]
    async fn a_connection_ends_by_itself() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let room = Arc::new(Semaphore::new(1));
        let mut guarded = Guarded {
            listener,
            room: Arc::clone(&room),
        };
        let (mut held, _) = Listener::accept(&mut guarded).await;
        assert_eq!(room.available_permits(), 0);
        client.write_all(b"x").await.unwrap();
        let mut byte = [0];
        assert_eq!(held.read(&mut byte).await.unwrap(), 1);
        held.left = Box::pin(sleep(Duration::ZERO));
        let error = held.read(&mut byte).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(held);
        assert_eq!(room.available_permits(), 1);
    }
}
