//! A server that misbehaves as told, on a loopback port of its own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

/// What a client sent.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub path: String,
    /// In lower case, one a line.
    pub headers: String,
    pub body: String,
}

impl Request {
    /// The parameters of query and body.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        url::form_urlencoded::parse(query.as_bytes())
            .chain(url::form_urlencoded::parse(self.body.as_bytes()))
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect()
    }

    pub fn parameter(&self, name: &str) -> String {
        let found = self.parameters().into_iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value).unwrap_or_default()
    }
}

/// What it gets.
pub enum Reply {
    /// An answer; the connection stays.
    Send(Vec<u8>),
    /// Some bytes, then the end of the connection.
    Close(Vec<u8>),
    /// Some bytes, then nothing for ever.
    Hang(Vec<u8>),
    /// Some bytes, then these again and again.
    Endless(Vec<u8>, Vec<u8>),
    /// One byte at a time.
    Drip(Vec<u8>),
    /// An answer once this many requests wait for one.
    Together(Arc<Barrier>, Vec<u8>),
}

/// The server; it ends with the test's runtime.
pub struct Fake {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    pub most_at_once: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Request>>>,
}

type Answer = dyn Fn(&Request) -> Reply + Send + Sync;

impl Fake {
    pub async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            most_at_once: Arc::default(),
            requests: Arc::default(),
        };
        let answer: Arc<Answer> = Arc::new(answer);
        let (connections, requests) = (fake.connections.clone(), fake.requests.clone());
        let most = fake.most_at_once.clone();
        let now = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, SeqCst);
                let (answer, requests) = (answer.clone(), requests.clone());
                let (now, most) = (now.clone(), most.clone());
                tokio::spawn(async move {
                    let mut stream = stream;
                    while let Some(request) = read(&mut stream).await {
                        requests.lock().unwrap().push(request.clone());
                        most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                        let reply = answer(&request);
                        let before = matches!(reply, Reply::Together(..));
                        if !before {
                            now.fetch_sub(1, SeqCst);
                        }
                        if !write(&mut stream, reply, &now).await {
                            return;
                        }
                    }
                });
            }
        });
        fake
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let (first, headers) = head.split_once("\r\n").unwrap();
    let headers = headers.to_lowercase();
    let length = headers
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.trim().parse().unwrap());
    let mut body = bytes[end + 4..].to_vec();
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    let mut words = first.split(' ');
    Some(Request {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

/// Says whether the connection stays.
async fn write(stream: &mut TcpStream, reply: Reply, now: &AtomicUsize) -> bool {
    match reply {
        Reply::Send(bytes) => stream.write_all(&bytes).await.is_ok(),
        Reply::Close(bytes) => {
            let _ = stream.write_all(&bytes).await;
            false
        }
        Reply::Hang(bytes) => {
            let _ = stream.write_all(&bytes).await;
            std::future::pending().await
        }
        Reply::Endless(head, again) => {
            let _ = stream.write_all(&head).await;
            while stream.write_all(&again).await.is_ok() {}
            false
        }
        Reply::Drip(bytes) => {
            for byte in bytes {
                if stream.write_all(&[byte]).await.is_err() {
                    return false;
                }
                stream.flush().await.unwrap();
                tokio::task::yield_now().await;
            }
            true
        }
        Reply::Together(barrier, bytes) => {
            barrier.wait().await;
            now.fetch_sub(1, SeqCst);
            stream.write_all(&bytes).await.is_ok()
        }
    }
}

/// An answer with its length.
pub fn answer(status: &str, kind: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A good answer in raw.
pub fn raw(body: &str) -> Reply {
    Reply::Send(answer("200 OK", "text/plain", body))
}

/// A good answer in json.
pub fn json(body: &str) -> Reply {
    Reply::Send(answer("200 OK", "application/json", body))
}

/// A page that says `body`.
pub fn page(status: &str, body: &str) -> Reply {
    Reply::Send(answer(status, "text/html; charset=utf-8", body))
}
