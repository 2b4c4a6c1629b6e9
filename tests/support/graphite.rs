//! A stand-in for Graphite that answers what the test says, and fails as the
//! test says.
//!
//! It answers as graphite-web 1.1 does (`tests/services.rs` holds the two
//! side by side): windows by `from` and `until`, raw, json, a PNG for every
//! other format, 414 for long request lines, nothing for unknown targets. It
//! understands no functions: a target is the text that the test registered,
//! but for `aliasSub(TARGET, "^", "PREFIX")`, by which requests are shared.
//! It runs on threads of its own, so that tests need no runtime.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tokio::net::TcpSocket;

use super::talks::{Point, Talks};
use super::{DEADLINE, poll};

/// The whole of a PNG of one white pixel: what every picture looks like here.
pub const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\
    \x00\x00\x00\nIDATx\x9cc\xf8\x0f\x00\x01\x01\x01\x00\xb18\xf6\x14\
    \x00\x00\x00\x00IEND\xaeB`\x82";

/// One series of an answer.
#[derive(Clone, Debug)]
pub struct Series {
    legend: String,
    step: i64,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    /// The same in every bucket.
    Constant(Option<f64>),
    /// The last one is in the newest bucket that is asked for, whenever that is.
    Ending(Vec<Option<f64>>),
    /// The first one is in the bucket of this epoch second.
    Starting(i64, Vec<Option<f64>>),
}

impl Series {
    /// `value` in every bucket; buckets are 60 s wide.
    pub fn constant(legend: &str, value: f64) -> Self {
        Self::new(legend, Values::Constant(Some(value)))
    }

    /// Null in every bucket.
    pub fn nulls(legend: &str) -> Self {
        Self::new(legend, Values::Constant(None))
    }

    /// These values, the last one in the newest bucket, the one in progress; null before.
    pub fn ending(legend: &str, values: &[Option<f64>]) -> Self {
        Self::new(legend, Values::Ending(values.to_vec()))
    }

    /// These values, the first one in the bucket of `start`; null elsewhere.
    pub fn starting(legend: &str, start: i64, values: &[Option<f64>]) -> Self {
        Self::new(legend, Values::Starting(start, values.to_vec()))
    }

    /// Buckets of this many seconds.
    #[must_use]
    pub fn step(mut self, seconds: i64) -> Self {
        self.step = seconds;
        self
    }

    fn new(legend: &str, values: Values) -> Self {
        Self {
            legend: legend.to_owned(),
            step: 60,
            values,
        }
    }

    /// Start of the first bucket and the values, as whisper cuts a window: the
    /// bucket of `from` is out, that of `until` is in.
    fn window(&self, from: i64, until: i64) -> (i64, Vec<Option<f64>>) {
        let bucket = |at: i64| at.div_euclid(self.step);
        let (first, last) = (bucket(from) + 1, bucket(until).max(bucket(from) + 1));
        let value = |n: i64| match &self.values {
            Values::Constant(value) => *value,
            Values::Ending(values) => {
                at(values, n - last + i64::try_from(values.len()).unwrap() - 1)
            }
            Values::Starting(start, values) => at(values, n - bucket(*start)),
        };
        (first * self.step, (first..=last).map(value).collect())
    }
}

fn at(values: &[Option<f64>], index: i64) -> Option<f64> {
    usize::try_from(index)
        .ok()
        .and_then(|index| values.get(index))
        .copied()
        .flatten()
}

/// How a request goes wrong.
#[derive(Clone, Debug)]
pub enum Failure {
    /// A status, a content type and a body.
    Status(u16, &'static str, String),
    /// 302 to this address.
    Redirect(String),
    /// These bytes as they are, and the end of the connection.
    Raw(Vec<u8>),
    /// The right head, half of the body, and the end of the connection.
    Cut,
    /// The connection ends without a word.
    Close,
    /// Nothing, with the connection left open.
    Hang,
    /// The right answer, so much later.
    Slow(Duration),
    /// The right answer, one byte after each pause.
    Drip(Duration),
    /// 200 without this target's series, as a cluster whose backend is gone.
    LeftOut,
    /// Left out of a 200 where others are asked for as well, and 503 alone: a
    /// carbonapi whose target failed.
    LeftOutAmongOthers,
    /// Without this target's last series where others are asked for as well.
    ShortAmongOthers,
    /// This head and beginning, then the same piece of a body for ever.
    Endless(Vec<u8>, Vec<u8>),
}

impl Failure {
    /// A status with a page, as a proxy has it.
    pub fn status(status: u16) -> Self {
        Self::Status(
            status,
            "text/html",
            format!("<html><body><h1>{status}</h1></body></html>"),
        )
    }

    /// 200 with a login page.
    pub fn login_page() -> Self {
        let page = "<!DOCTYPE html><html><body><form>Sign in</form></body></html>";
        Self::Status(200, "text/html; charset=utf-8", page.to_owned())
    }

    /// 200 with a chunked body that begins so, and goes on with `piece` for ever.
    pub fn endless(kind: &str, begin: &[u8], piece: &[u8]) -> Self {
        let chunk =
            |body: &[u8]| [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        Self::Endless(
            match begin {
                // an empty chunk would be the end
                [] => head.into_bytes(),
                _ => [head.into_bytes(), chunk(begin)].concat(),
            },
            // large, so that writing costs little
            chunk(&piece.repeat(((64 << 10) / piece.len()).max(1))),
        )
    }

    /// 400 as graphite-web says it.
    pub fn unknown_function(name: &str) -> Self {
        let text = format!("Invalid parameters (Received request for unknown function: {name})");
        Self::Status(400, "text/html", text)
    }
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it was complete.
    pub at: Instant,
    pub method: String,
    /// Without the query string.
    pub path: String,
    /// Query string and form.
    pub parameters: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Bytes of the request line, and of the body.
    pub sizes: (usize, usize),
    /// Target, legend and newest value of each series of the right answer to a
    /// request for data.
    pub values: Vec<Newest>,
}

impl Request {
    /// The first parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The targets as they were registered.
    pub fn targets(&self) -> Vec<String> {
        let targets = self.parameters.iter().filter(|(key, _)| key == "target");
        targets
            .map(|(_, target)| without_prefix(target).0.to_owned())
            .collect()
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether it asks for a drawing.
    pub fn is_picture(&self) -> bool {
        !matches!(self.parameter("format"), Some("raw" | "json"))
            && self.parameter("rawData") != Some("true")
    }
}

/// The stand-in.
pub struct Graphite {
    address: SocketAddr,
    /// The conversations that are going on; traps spring at requests for data.
    pub talks: Talks,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    world: Mutex<World>,
    /// Whether it should listen, whether it does, and whether it is over.
    wanted: AtomicBool,
    listening: AtomicBool,
    over: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
    talks: Talks,
}

#[derive(Default)]
struct World {
    targets: BTreeMap<String, Vec<Series>>,
    failure: Option<Failure>,
    failures: BTreeMap<String, Failure>,
    picture_failure: Option<Failure>,
    post_refused: Option<u16>,
    json_only: bool,
    no_alias_sub: bool,
    functions: Option<Vec<String>>,
    requests: Vec<Request>,
    /// Of right answers with data: when they were asked for, and written.
    answered: Vec<(Instant, Instant)>,
}

impl Graphite {
    /// Starts on a free port, knowing no target.
    pub fn start() -> Self {
        let (port, address) = reserved();
        let shared = Arc::new(Shared::default());
        shared.wanted.store(true, Ordering::SeqCst);
        let talks = shared.talks.clone();
        let server = Arc::clone(&shared);
        let listener = TcpListener::bind(address).unwrap();
        thread::spawn(move || {
            serve(&server, listener, address);
            drop(port);
        });
        Self {
            address,
            talks,
            shared,
        }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `target` is answered with from now on.
    pub fn set(&self, target: &str, series: Vec<Series>) {
        self.world().targets.insert(target.to_owned(), series);
    }

    /// One series of `target` has `value` from now on; the others stay as they are.
    pub fn set_value(&self, target: &str, legend: &str, value: f64) {
        self.put(target, Series::constant(legend, value));
    }

    /// Replaces or adds one series of `target`.
    pub fn put(&self, target: &str, series: Series) {
        let mut world = self.world();
        let all = world.targets.entry(target.to_owned()).or_default();
        match all.iter_mut().find(|known| known.legend == series.legend) {
            Some(known) => *known = series,
            None => all.push(series),
        }
    }

    /// One series of `target` is not answered any more.
    pub fn remove(&self, target: &str, legend: &str) {
        if let Some(series) = self.world().targets.get_mut(target) {
            series.retain(|series| series.legend != legend);
        }
    }

    /// Every request for data fails; `None`: no longer.
    pub fn fail(&self, failure: impl Into<Option<Failure>>) {
        self.world().failure = failure.into();
    }

    /// Every request with this target fails; `None`: no longer.
    pub fn fail_target(&self, target: &str, failure: impl Into<Option<Failure>>) {
        let mut world = self.world();
        world.failures.remove(target);
        if let Some(failure) = failure.into() {
            world.failures.insert(target.to_owned(), failure);
        }
    }

    /// Every request for a picture fails; `None`: no longer.
    pub fn fail_pictures(&self, failure: impl Into<Option<Failure>>) {
        self.world().picture_failure = failure.into();
    }

    /// POST is answered with this status; `None`: as GET.
    pub fn refuse_post(&self, status: impl Into<Option<u16>>) {
        self.world().post_refused = status.into();
    }

    /// Everything but json is refused with 400, as VictoriaMetrics does.
    pub fn json_only(&self, only: bool) {
        self.world().json_only = only;
    }

    /// Lists these functions, and no others; before, there is no list.
    pub fn list_functions(&self, names: &[&str]) {
        self.world().functions = Some(names.iter().map(|name| (*name).to_owned()).collect());
    }

    /// `aliasSub` is refused with 400, as by a server that has no such function.
    pub fn no_alias_sub(&self) {
        self.world().no_alias_sub = true;
    }

    /// Closes the port and all connections: whoever asks is refused.
    pub fn down(&self) {
        self.listen(false);
    }

    /// Opens the same port again.
    pub fn up(&self) {
        self.listen(true);
    }

    fn listen(&self, wanted: bool) {
        self.shared.wanted.store(wanted, Ordering::SeqCst);
        let done = || (self.shared.listening.load(Ordering::SeqCst) == wanted).then_some(());
        poll(DEADLINE, done).expect("the stand-in opens or closes its port");
    }

    /// When the first right answer with data that was asked for after `since`
    /// had been written to its end.
    pub fn answered_after(&self, since: Instant) -> Option<Instant> {
        let world = self.world();
        let mut answered = world.answered.iter();
        answered
            .find(|(asked, _)| *asked > since)
            .map(|(_, at)| *at)
    }

    /// All requests so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.world().requests.clone()
    }

    /// Those for data of this target.
    pub fn requests_for(&self, target: &str) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| {
            !request.is_picture() && request.targets().iter().any(|one| one == target)
        });
        requests
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.world().requests.clear();
    }

    /// Waits until there were `count` requests for data of this target.
    pub fn wait_requests(&self, target: &str, count: usize) -> Vec<Request> {
        let enough = || Some(self.requests_for(target)).filter(|requests| requests.len() >= count);
        poll(DEADLINE, enough).unwrap_or_else(|| {
            panic!(
                "{} of {count} requests for `{target}`",
                self.requests_for(target).len()
            )
        })
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.shared.world.lock().unwrap()
    }
}

impl Drop for Graphite {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.shared.close_connections();
    }
}

impl Shared {
    fn close_connections(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

/// A port that nobody else is given, also while nobody listens on it.
fn reserved() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn serve(shared: &Arc<Shared>, listener: TcpListener, address: SocketAddr) {
    let mut listener = Some(listener);
    while !shared.over.load(Ordering::SeqCst) {
        if !shared.wanted.load(Ordering::SeqCst) {
            listener = None;
            shared.close_connections();
        } else if listener.is_none() {
            listener = TcpListener::bind(address).ok();
        }
        shared.listening.store(listener.is_some(), Ordering::SeqCst);
        match listener.as_ref().map(accept) {
            Some(Ok(stream)) => {
                shared
                    .connections
                    .lock()
                    .unwrap()
                    .push(stream.try_clone().unwrap());
                let shared = Arc::clone(shared);
                thread::spawn(move || converse(&shared, stream));
            }
            _ => thread::sleep(Duration::from_millis(2)),
        }
    }
}

fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    listener.set_nonblocking(true)?;
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Answers on one connection until the client or a failure ends it.
fn converse(shared: &Shared, mut stream: TcpStream) {
    let _talk = shared.talks.begin(&stream);
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Ok(request) = read_request(&mut reader) {
        let for_data = !request.is_picture();
        let last = request.header("connection") == Some("close");
        let (asked, picture) = (request.at, request.is_picture());
        let (failure, answer) = shared.world.lock().unwrap().answer(request);
        if for_data && shared.talks.reaches(Point::Taken) {
            break;
        }
        let pause = match failure {
            None => Ok(()),
            Some(Failure::Slow(pause)) => {
                thread::sleep(pause);
                Ok(())
            }
            Some(failure) => Err(failure),
        };
        let done = match pause {
            Ok(()) => {
                let written = answer.write(&mut stream, |stream, bytes| stream.write_all(bytes));
                if written.is_ok() && !picture {
                    let times = (asked, Instant::now());
                    shared.world.lock().unwrap().answered.push(times);
                }
                written
            }
            Err(failure) => misbehave(&mut stream, failure, &answer),
        };
        if for_data {
            shared.talks.reaches(Point::Answered);
        }
        if last || done.is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// An error ends the connection.
fn misbehave(stream: &mut TcpStream, failure: Failure, answer: &Answer) -> io::Result<()> {
    match failure {
        Failure::Status(status, kind, body) => {
            let answer = Answer {
                status,
                headers: vec![("Content-Type", kind.to_owned())],
                body: body.into_bytes(),
            };
            answer.write(stream, |stream, bytes| stream.write_all(bytes))
        }
        Failure::Redirect(to) => {
            let answer = Answer {
                status: 302,
                headers: vec![("Location", to)],
                body: Vec::new(),
            };
            answer.write(stream, |stream, bytes| stream.write_all(bytes))
        }
        Failure::Raw(bytes) => stream
            .write_all(&bytes)
            .and(Err(ErrorKind::ConnectionAborted.into())),
        Failure::Cut => {
            answer.write(stream, |stream, bytes| {
                stream.write_all(&bytes[..bytes.len() / 2])
            })?;
            Err(ErrorKind::ConnectionAborted.into())
        }
        Failure::Close => Err(ErrorKind::ConnectionAborted.into()),
        Failure::Hang => {
            // until the client gives up, or the test is over
            let _ = stream.read(&mut [0]);
            Err(ErrorKind::ConnectionAborted.into())
        }
        Failure::Drip(pause) => answer.write(stream, |stream, bytes| {
            bytes.iter().try_for_each(|byte| {
                thread::sleep(pause);
                stream.write_all(&[*byte])
            })
        }),
        Failure::Endless(begin, piece) => {
            stream.write_all(&begin)?;
            loop {
                stream.write_all(&piece)?;
            }
        }
        Failure::Slow(_)
        | Failure::LeftOut
        | Failure::LeftOutAmongOthers
        | Failure::ShortAmongOthers => {
            unreachable!("they end in the right answer")
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Request> {
    let bad = || io::Error::from(ErrorKind::InvalidData);
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    let mut words = first.split_whitespace();
    let (method, address) = (words.next().ok_or_else(bad)?, words.next().ok_or_else(bad)?);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let header = |name: &str| {
        headers
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    };
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    // a body that is no form is ignored
    let form = header("content-type").starts_with("application/x-www-form-urlencoded");
    let form = if form { body.as_slice() } else { b"" };
    let pairs = [query.as_bytes(), form]
        .into_iter()
        .flat_map(url::form_urlencoded::parse);
    Ok(Request {
        at: Instant::now(),
        method: method.to_owned(),
        path: path.to_owned(),
        parameters: pairs
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect(),
        sizes: (first.trim_end().len(), body.len()),
        headers,
        values: Vec::new(),
    })
}

/// `aliasSub(TARGET, "^", "PREFIX")` as target and prefix; anything else as it is.
fn without_prefix(target: &str) -> (&str, &str) {
    let parts = || {
        let inner = target.strip_prefix("aliasSub(")?.strip_suffix(')')?;
        let (rest, prefix) = inner.rsplit_once(',')?;
        let (target, pattern) = rest.rsplit_once(',')?;
        let bare = |text: &'_ str| text.trim().len() >= 2;
        (bare(prefix) && matches!(pattern.trim(), "\"^\"" | "'^'")).then(|| {
            let prefix = prefix.trim();
            (target.trim(), &prefix[1..prefix.len() - 1])
        })
    };
    parts().unwrap_or((target, ""))
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", kind.to_owned())],
            body: body.into(),
        }
    }

    /// Writes the head whole, and the body as `write_body` does.
    fn write(
        &self,
        stream: &mut TcpStream,
        write_body: impl FnOnce(&mut TcpStream, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut head = format!(
            "HTTP/1.1 {} -\r\nContent-Length: {}\r\n",
            self.status,
            self.body.len()
        );
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes())?;
        write_body(stream, &self.body)
    }
}

/// One series that is answered: legend, start, step, values.
type Line = (String, i64, i64, Vec<Option<f64>>);

/// Target, legend, newest value.
type Newest = (String, String, Option<f64>);

impl World {
    /// Notes the request; what goes wrong with it, and what the right answer is.
    fn answer(&mut self, mut request: Request) -> (Option<Failure>, Answer) {
        let failure = self.failure_of(&request);
        let answer = self.right_answer(&request);
        if !request.is_picture() {
            request.values = self.newest(&request.targets());
        }
        self.requests.push(request);
        (failure, answer)
    }

    fn newest(&self, targets: &[String]) -> Vec<Newest> {
        let now = epoch_now();
        let mut newest = Vec::new();
        for target in targets {
            for series in self.targets.get(target).into_iter().flatten() {
                let (_, values) = series.window(now - 1, now);
                let value = values.last().copied().flatten();
                newest.push((target.clone(), series.legend.clone(), value));
            }
        }
        newest
    }

    fn failure_of(&self, request: &Request) -> Option<Failure> {
        if request.is_picture() {
            return self.picture_failure.clone();
        }
        let of_target = |target: String| self.failures.get(&target).cloned();
        let mut failures = self
            .failure
            .clone()
            .into_iter()
            .chain(request.targets().into_iter().filter_map(of_target));
        let alone = request.targets().len() == 1;
        failures.find_map(|failure| match failure {
            Failure::LeftOut | Failure::ShortAmongOthers => None,
            Failure::LeftOutAmongOthers => alone.then(|| Failure::status(503)),
            failure => Some(failure),
        })
    }

    fn right_answer(&self, request: &Request) -> Answer {
        if let ("/functions", Some(names)) = (request.path.as_str(), &self.functions) {
            let described = |name: &String| (name.clone(), json!({"name": name, "params": []}));
            let listed: serde_json::Map<_, _> = names.iter().map(described).collect();
            return Answer::new(200, "application/json", json!(listed).to_string());
        }
        if !matches!(request.path.as_str(), "/render" | "/render/") {
            return Answer::new(404, "text/html", "not found");
        }
        // gunicorn's limit of a request line, Django's of fields
        if request.sizes.0 > 4094 {
            return Answer::new(414, "text/html", "Request Line is too large");
        }
        if request.parameters.len() > 1000 {
            return Answer::new(400, "text/html", "too many fields");
        }
        if let Some(status) = self.post_refused.filter(|_| request.method == "POST") {
            return Answer::new(status, "text/html", "no POST here");
        }
        let raw = request.parameter("format") == Some("raw")
            || request.parameter("rawData") == Some("true");
        if self.json_only && request.parameter("format") != Some("json") {
            return Answer::new(400, "text/plain", "unsupported format; supported: json");
        }
        if request.is_picture() {
            return Answer::new(200, "image/png", PICTURE);
        }
        let mut parameters = request.parameters.iter();
        let wrapped = |(_, value): &(String, String)| value.starts_with("aliasSub(");
        if self.no_alias_sub && parameters.any(wrapped) {
            let text = "Invalid parameters (Received request for unknown function: aliasSub)";
            return Answer::new(400, "text/html", text);
        }
        let now = epoch_now();
        let time = |name: &str, default: i64| {
            request
                .parameter(name)
                .map_or(Some(default), |text| instant(text, now))
        };
        let (Some(from), Some(until)) = (time("from", now - 86_400), time("until", now)) else {
            return Answer::new(400, "text/html", "Invalid parameters (Invalid time)");
        };
        if from == until {
            return Answer::new(
                400,
                "text/html",
                "Invalid parameters (Invalid empty time range)",
            );
        }
        let lines = self.lines(request, from.min(until), from.max(until));
        if raw {
            Answer::new(200, "text/plain", raw_text(&lines))
        } else {
            Answer::new(200, "application/json", json_text(&lines))
        }
    }

    fn lines(&self, request: &Request, from: i64, until: i64) -> Vec<Line> {
        let mut lines = Vec::new();
        let alone = request.targets().len() == 1;
        for (_, target) in request.parameters.iter().filter(|(key, _)| key == "target") {
            let (target, prefix) = without_prefix(target);
            let left_out = |failure: Option<&Failure>| {
                matches!(
                    failure,
                    Some(Failure::LeftOut | Failure::LeftOutAmongOthers)
                )
            };
            if left_out(self.failure.as_ref()) || left_out(self.failures.get(target)) {
                continue;
            }
            let mut all = self.targets.get(target).map_or(&[][..], Vec::as_slice);
            if matches!(self.failures.get(target), Some(Failure::ShortAmongOthers)) && !alone {
                all = all.split_last().map_or(&[], |(_, rest)| rest);
            }
            for series in all {
                let (start, values) = series.window(from, until);
                lines.push((
                    format!("{prefix}{}", series.legend),
                    start,
                    series.step,
                    values,
                ));
            }
        }
        lines
    }
}

/// As Python writes them: `None`, `1.0`, `nan`, `inf`, `-inf`.
fn raw_text(lines: &[Line]) -> String {
    let mut text = String::new();
    for (legend, start, step, values) in lines {
        let end = start + step * i64::try_from(values.len()).unwrap();
        let values: Vec<_> = values
            .iter()
            .map(|value| value.map_or("None".to_owned(), python))
            .collect();
        let _ = writeln!(text, "{legend},{start},{end},{step}|{}", values.join(","));
    }
    text
}

fn python(value: f64) -> String {
    if value.is_nan() {
        "nan".to_owned()
    } else {
        format!("{value:?}")
    }
}

/// As graphite-web writes them: NaN is null, infinities are `1e9999` and `-1e9999`.
fn json_text(lines: &[Line]) -> String {
    let series = lines.iter().map(|(legend, start, step, values)| {
        let points = values.iter().zip(0..).map(|(value, n)| {
            let value = match value {
                Some(value) if value.is_infinite() => {
                    format!("{}1e9999", if *value < 0.0 { "-" } else { "" })
                }
                Some(value) if !value.is_nan() => format!("{value:?}"),
                _ => "null".to_owned(),
            };
            format!("[{value}, {}]", start + step * n)
        });
        let points: Vec<_> = points.collect();
        let legend = json!(legend);
        format!(
            "{{\"target\": {legend}, \"tags\": {{\"name\": {legend}}}, \"datapoints\": [{}]}}",
            points.join(", ")
        )
    });
    format!("[{}]", series.collect::<Vec<_>>().join(", "))
}

/// Epoch seconds, `now`, `-5min` and the like.
fn instant(text: &str, now: i64) -> Option<i64> {
    if text == "now" {
        return Some(now);
    }
    let Some(ago) = text.strip_prefix('-') else {
        return text.parse().ok();
    };
    let digits = ago.find(|c: char| !c.is_ascii_digit())?;
    let factor = match &ago[digits..] {
        "s" => 1,
        "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    Some(now - ago[..digits].parse::<i64>().ok()? * factor)
}

/// The present epoch second.
pub fn epoch_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}
