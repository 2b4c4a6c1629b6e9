//! An HTTP server for tests that takes whatever it is sent, remembers it with
//! the time of its arrival, and fails as it is told to.
//!
//! It runs on threads of its own, so that it serves tests with and without a
//! runtime, and tests whose runtime is paused.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::talks::{Point, Talks};

/// What the sink does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A status, headers, and a body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// Nothing, with the connection left open.
    Hang,
    /// Takes the request and closes the connection without a word.
    Cut,
    /// The same as the other, so much later.
    After(Duration, Box<Answer>),
    /// This status, and a body that never ends.
    Endless(u16),
    /// 200, one byte of it after each pause.
    Drip(Duration),
}

impl Answer {
    /// A status and nothing else.
    pub fn status(status: u16) -> Self {
        Self::Status(status, Vec::new(), String::new())
    }

    /// 429 or 503 with `Retry-After`.
    pub fn retry_after(status: u16, value: &str) -> Self {
        Self::Status(
            status,
            vec![("retry-after", value.to_owned())],
            String::new(),
        )
    }

    /// The status that it gives, if any.
    fn code(&self) -> Option<u16> {
        match self {
            Self::Status(status, ..) | Self::Endless(status) => Some(*status),
            Self::After(_, answer) => answer.code(),
            Self::Hang | Self::Cut | Self::Drip(_) => None,
        }
    }
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it was complete.
    pub at: Instant,
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// The status that it was answered with, if any.
    pub answered: Option<u16>,
}

impl Request {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

/// Decides on requests for which nothing was ordered.
pub type Judge = fn(&Request) -> Answer;

#[derive(Default)]
struct State {
    requests: Vec<Request>,
    next: VecDeque<Answer>,
    always: Option<Answer>,
}

/// The server; it ends with the process.
#[derive(Clone)]
pub struct Sink {
    address: SocketAddr,
    /// The conversations that are going on.
    pub talks: Talks,
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Sink {
    /// Starts on a free port; answers 200 unless told otherwise.
    pub fn start() -> Self {
        Self::with(|_| Answer::status(200))
    }

    /// Starts with a judge of its own.
    pub fn with(judge: Judge) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let talks = Talks::default();
        let sink = Self {
            address,
            talks,
            shared,
        };
        let server = sink.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                thread::spawn(move || server.serve(&stream, judge));
            }
        });
        sink
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does `answer` to the next request that nothing was ordered for yet.
    pub fn next(&self, answer: Answer) {
        self.shared.0.lock().unwrap().next.push_back(answer);
    }

    /// Does `answer` to every request until told `None`.
    pub fn always(&self, answer: Option<Answer>) {
        self.shared.0.lock().unwrap().always = answer;
    }

    /// All requests so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.0.lock().unwrap().requests.clone()
    }

    /// Waits for `count` requests in all; fails the test after `limit`.
    pub fn wait_for(&self, count: usize, limit: Duration) -> Vec<Request> {
        let end = Instant::now() + limit;
        let mut state = self.shared.0.lock().unwrap();
        while state.requests.len() < count {
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{} of {count} requests within {limit:?}",
                state.requests.len()
            );
            state = self.shared.1.wait_timeout(state, left).unwrap().0;
        }
        state.requests.clone()
    }

    fn serve(&self, stream: &TcpStream, judge: Judge) {
        let _talk = self.talks.begin(stream);
        if self.talks.reaches(Point::Connected) {
            return;
        }
        let mut reader = BufReader::new(stream);
        loop {
            // a trap may be set while nothing is said
            let _ = reader.fill_buf();
            if let Some(count) = self.talks.partly() {
                let read = reader.read_exact(&mut vec![0; count]);
                if read.is_err() || self.talks.reaches(Point::Partly(count)) {
                    return;
                }
            }
            let Some(request) = read(&mut reader) else {
                return;
            };
            let answer = {
                let mut state = self.shared.0.lock().unwrap();
                let ordered = state.next.pop_front().or_else(|| state.always.clone());
                let answer = ordered.unwrap_or_else(|| judge(&request));
                let answered = answer.code();
                state.requests.push(Request {
                    answered,
                    ..request
                });
                self.shared.1.notify_all();
                answer
            };
            if self.talks.reaches(Point::Taken) || !give(answer, &mut reader) {
                return;
            }
            self.talks.reaches(Point::Answered);
        }
    }
}

/// Whether the connection goes on.
fn give(answer: Answer, reader: &mut BufReader<&TcpStream>) -> bool {
    let mut stream = *reader.get_ref();
    match answer {
        Answer::Status(status, headers, body) => {
            let mut head = format!(
                "HTTP/1.1 {status} Test\r\ncontent-length: {}\r\n",
                body.len()
            );
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            // in one piece: many small ones would wait for each other's acknowledgement
            let answer = format!("{head}\r\n{body}");
            stream.write_all(answer.as_bytes()).is_ok()
        }
        // until the client gives up
        Answer::Hang => {
            let _ = reader.read(&mut [0]);
            true
        }
        Answer::Cut => false,
        Answer::After(pause, answer) => {
            thread::sleep(pause);
            give(*answer, reader)
        }
        Answer::Endless(status) => {
            let head = format!("HTTP/1.1 {status} Test\r\ntransfer-encoding: chunked\r\n\r\n");
            let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
            let mut open = stream.write_all(head.as_bytes()).is_ok();
            while open {
                open = stream.write_all(chunk.as_bytes()).is_ok();
            }
            false
        }
        Answer::Drip(pause) => {
            let answer = "HTTP/1.1 200 Test\r\ncontent-length: 0\r\n\r\n";
            answer.bytes().all(|byte| {
                thread::sleep(pause);
                stream.write_all(&[byte]).is_ok()
            })
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    Some(Request {
        at: Instant::now(),
        method,
        path,
        headers,
        body,
        answered: None,
    })
}
