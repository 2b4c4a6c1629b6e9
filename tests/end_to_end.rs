//! The whole way, on real services: a point that is sent to carbon reaches
//! PagerDuty (a stand-in) and the mail server, once, with links that work.
//!
//! Metrics under `fast.` are kept at 1 s. Each test has a name of its own in
//! Graphite and addresses of its own at the mail server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;
use support::agent::{Agent, Setup};
use support::graphite::epoch_now;
use support::pagerduty::PagerDuty;
use support::{DEADLINE, http, mime, poll};

/// Seconds since a bucket must have ended to count: the default of `settle`.
const SETTLE: i64 = 5;

fn service(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: this test needs the services of tests/run"))
}

// --- what is fed ----------------------------------------------------------------------------

/// Sends a metric's value to carbon each second, until it is dropped.
struct Feed {
    metric: String,
    state: Arc<Mutex<Fed>>,
    thread: Option<JoinHandle<()>>,
}

struct Fed {
    value: f64,
    /// The bucket that the present value was sent for first.
    since: Option<i64>,
    over: bool,
}

impl Feed {
    fn start(metric: &str, value: f64) -> Self {
        let state = Arc::new(Mutex::new(Fed {
            value,
            since: None,
            over: false,
        }));
        let (shared, name) = (Arc::clone(&state), metric.to_owned());
        let thread = thread::spawn(move || send(&name, &shared));
        let feed = Self {
            metric: metric.to_owned(),
            state,
            thread: Some(thread),
        };
        feed.seen();
        feed
    }

    /// Waits until Graphite answers with it.
    fn seen(&self) {
        let url = format!(
            "{}/render?target={}&format=raw&from=-10s",
            service("GRAPHITE_TEST_URL"),
            self.metric
        );
        let seen = || http::get(&url).text().contains(".0,").then_some(());
        poll(DEADLINE, seen).unwrap_or_else(|| panic!("{} is not seen", self.metric));
    }

    /// Goes over to `value`; returns the first bucket that has it.
    fn set(&self, value: f64) -> i64 {
        {
            let mut state = self.state.lock().unwrap();
            state.value = value;
            state.since = None;
        }
        poll(DEADLINE, || self.state.lock().unwrap().since).expect("the feed sends each second")
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Ok(mut state) = self.state.lock() {
            state.over = true;
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn send(metric: &str, state: &Mutex<Fed>) {
    let mut carbon = TcpStream::connect(service("CARBON_TEST_ADDR")).unwrap();
    // as if it had been sent for a while: some buckets have settled
    let mut last = epoch_now() - 20;
    for at in last - 20..=last {
        writeln!(carbon, "{metric} {} {at}", state.lock().unwrap().value).unwrap();
    }
    while !state.lock().unwrap().over {
        let now = epoch_now();
        if now > last {
            let mut state = state.lock().unwrap();
            let value = state.value;
            for at in last + 1..=now {
                writeln!(carbon, "{metric} {value} {at}").unwrap();
            }
            state.since.get_or_insert(now);
            last = now;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

// --- what stands between --------------------------------------------------------------------

/// Stands between the agent and Graphite: passes everything on, and keeps what was asked.
struct Passage {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Passage {
    fn start() -> Self {
        let graphite = service("GRAPHITE_TEST_URL").replace("http://", "");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(&graphite).unwrap();
                let (back, front) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let kept = Arc::clone(&kept);
                thread::spawn(move || pass(client, server, |bytes| keep(&kept, bytes)));
                thread::spawn(move || pass(back, front, |_| ()));
            }
        });
        Self { address, asked }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The paths of all requests so far.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Waits until `count` evaluations more have begun: what was there before
    /// them has been judged.
    fn evaluations(&self, count: usize) {
        let evaluations = || {
            let asked = self.asked();
            asked
                .iter()
                .filter(|path| path.contains("format=raw"))
                .count()
        };
        let wanted = evaluations() + count;
        poll(DEADLINE, || (evaluations() >= wanted).then_some(())).expect("the agent evaluates");
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut look: impl FnMut(&[u8])) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        look(&bytes[..length]);
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn keep(kept: &Mutex<Vec<String>>, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(rest) = text.strip_prefix("GET ") {
        let path = rest.split(' ').next().unwrap().to_owned();
        kept.lock().unwrap().push(path);
    }
}

// --- the bench ------------------------------------------------------------------------------

/// The agent on the real services, with an alert on one fed series.
struct Bench {
    feed: Feed,
    passage: Passage,
    pagerduty: PagerDuty,
    agent: Agent,
    /// The part before `@` of this test's addresses.
    name: String,
}

impl Bench {
    fn start(name: &str) -> Self {
        let name = format!("{name}-{}-{}", std::process::id(), epoch_now());
        let feed = Feed::start(&format!("fast.{name}.web-1.load"), 1.0);
        let (passage, pagerduty) = (Passage::start(), PagerDuty::start());
        let encoded = |name| utf8_percent_encode(&service(name), NON_ALPHANUMERIC).to_string();
        let login = format!(
            "{}:{}",
            encoded("SMTP_TEST_USER"),
            encoded("SMTP_TEST_PASSWORD")
        );
        let configuration = format!(
            "graphite: {{url: '{graphite}', public_url: '{public}'}}\n\
             docs_url: https://wiki.example.com/alerts\n\
             listen: off\n\
             smtp: 'smtps://{login}@{tls}'\n\
             receivers:\n\
             \x20 oncall: {{pagerduty: {{url: '{pagerduty}', routing_key: {key}}}}}\n\
             \x20 ops: {{email: {{to: {name}.ops@example.com, from: pager@example.com}}}}\n\
             \x20 dev:\n\
             \x20   email:\n\
             \x20     to: {name}.dev@example.com\n\
             \x20     from: pager@example.com\n\
             \x20     smtp: 'smtp://{login}@{starttls}?tls=required'\n\
             alerts:\n\
             \x20 - name: Fast load\n\
             \x20   target: aliasByNode(fast.{name}.*.load, 2)\n\
             \x20   warning: 10\n\
             \x20   critical: 20\n\
             \x20   every: 1s\n\
             \x20   from: -30s\n\
             \x20   recover_for: 0\n\
             \x20   description: A load that is fed each second.\n",
            graphite = passage.url(),
            public = service("GRAPHITE_TEST_URL"),
            tls = service("SMTP_TEST_TLS"),
            starttls = service("SMTP_TEST_STARTTLS"),
            pagerduty = pagerduty.url(),
            key = "0123456789abcdef0123456789abcdef",
        );
        let agent = Setup::new(&configuration)
            .env("SSL_CERT_FILE", service("SMTP_TEST_CA"))
            .start();
        Self {
            feed,
            passage,
            pagerduty,
            agent,
            name,
        }
    }

    /// Waits until PagerDuty took `count` events in all.
    fn wait_events(&mut self, count: usize) -> Vec<Value> {
        let pagerduty = self.pagerduty.clone();
        self.agent.wait(&format!("event {count}"), |_| {
            Some(pagerduty.accepted()).filter(|events| events.len() >= count)
        })
    }

    /// Waits until the mail server keeps `count` mails to each of both addresses.
    fn wait_mails(&mut self, count: usize) -> [Vec<Mail>; 2] {
        let name = self.name.clone();
        self.agent.wait(&format!("{count} mails"), |_| {
            let mails = ["ops", "dev"].map(|who| mails(&format!("{name}.{who}@example.com")));
            mails
                .iter()
                .all(|mails| mails.len() >= count)
                .then_some(mails)
        })
    }

    fn counts(&self) -> (usize, [usize; 2]) {
        let mails =
            ["ops", "dev"].map(|who| mails(&format!("{}.{who}@example.com", self.name)).len());
        (self.pagerduty.accepted().len(), mails)
    }
}

/// A mail that the real server kept.
struct Mail {
    door: String,
    data: String,
}

impl Mail {
    fn header(&self, name: &str) -> String {
        let (headers, _) = mime::split(&self.data);
        let found = headers.iter().find(|(header, _)| header == name);
        found.map_or_else(String::new, |(_, value)| value.clone())
    }

    /// The first part of this kind.
    fn part(&self, kind: &str) -> mime::Part {
        let parts = mime::parts(&self.data);
        let found = parts
            .into_iter()
            .find(|part| part.header("content-type").starts_with(kind));
        found.unwrap_or_else(|| panic!("no {kind} in the mail"))
    }
}

/// The mails to this address, in the order of their arrival.
fn mails(to: &str) -> Vec<Mail> {
    let entries = std::fs::read_dir(service("SMTP_TEST_MAILS")).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
        .collect();
    files.sort();
    let mails = files
        .iter()
        .map(|path| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() });
    mails
        .filter(|mail| mail["to"] == serde_json::json!([to]))
        .map(|mail| Mail {
            door: mail["door"].as_str().unwrap().to_owned(),
            data: mail["data"].as_str().unwrap().to_owned(),
        })
        .collect()
}

/// The epoch of an instant, in seconds.
fn epoch(at: Instant) -> f64 {
    (SystemTime::now() - at.elapsed())
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

/// A picture of Graphite's size for links, whole.
fn assert_png(bytes: &[u8]) {
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "no PNG");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(
        (&bytes[12..16], number(16), number(20)),
        (&b"IHDR"[..], 586, 308)
    );
    assert!(bytes.ends_with(b"IEND\xaeB`\x82"), "the PNG is cut");
}

fn assert_draws_both_thresholds(url: &str) {
    let url = percent_decode_str(url).decode_utf8().unwrap();
    for line in ["threshold(10,\"Warning\"", "threshold(20,\"Critical\""] {
        assert!(url.contains(line), "no {line} in {url}");
    }
}

// --- what is held ---------------------------------------------------------------------------

#[test]
#[ignore = "needs the real Graphite and the real mail server of tests/run"]
fn a_point_above_its_threshold_reaches_pagerduty_and_mail_as_soon_as_its_bucket_settled() {
    let mut bench = Bench::start("point");
    bench.passage.evaluations(2);
    assert_eq!(bench.counts(), (0, [0, 0]), "nothing is wrong yet");

    let bucket = bench.feed.set(30.0);
    let trigger = bench.wait_events(1).remove(0);
    let [ops, dev] = bench.wait_mails(1);
    assert_told_in_time(&bench, &trigger, bucket);
    let graph = assert_event(&trigger);
    for (mail, door) in [(&ops[0], "tls"), (&dev[0], "starttls")] {
        assert_eq!(mail.door, door);
        assert_mail(mail, &graph);
    }
    assert_picture_asked_for(&bench.passage);

    let bucket = bench.feed.set(2.0);
    let resolve = bench.wait_events(2).remove(1);
    let [ops_then, _] = bench.wait_mails(2);
    assert_eq!(resolve["event_action"], "resolve");
    assert_eq!(resolve["dedup_key"], trigger["dedup_key"]);
    let arrival = bench
        .pagerduty
        .sink
        .requests()
        .last()
        .map(|request| epoch(request.at));
    assert!(
        arrival.unwrap() >= (bucket + 1 + SETTLE) as f64,
        "resolved before its bucket settled"
    );
    assert!(bench.pagerduty.open().is_empty());
    let end = &ops_then[1];
    assert_ok(end);
    let first = ops_then[0].header("message-id");
    assert_eq!(
        [end.header("in-reply-to"), end.header("references")],
        [first.clone(), first]
    );

    bench.passage.evaluations(3);
    assert_eq!(bench.counts(), (2, [2, 2]), "each was told once");
    assert!(bench.agent.stop().success());
}

/// By the evaluation that first may count the bucket, and not by an earlier one.
fn assert_told_in_time(bench: &Bench, trigger: &Value, bucket: i64) {
    let settled = bucket + 1 + SETTLE;
    let timestamp = trigger["payload"]["timestamp"].as_str().unwrap();
    let slot = chrono::DateTime::parse_from_rfc3339(timestamp)
        .unwrap()
        .timestamp();
    // a busy machine may miss a slot of one second
    assert!(
        (settled..=settled + 1).contains(&slot),
        "slot {slot}, settled {settled}"
    );
    let arrival = epoch(bench.pagerduty.sink.requests()[0].at);
    let most = (settled + 1) as f64 + 1.5;
    println!(
        "told {:.2} s after its bucket settled",
        arrival - settled as f64
    );
    assert!(arrival < most, "settled at {settled}, told at {arrival}");
}

/// What PagerDuty is told, and the link to the graph.
fn assert_event(trigger: &Value) -> String {
    assert_eq!(trigger["event_action"], "trigger");
    assert_eq!(trigger["dedup_key"], "graphite-pager/Fast%20load/web-1");
    assert_eq!(trigger["payload"]["severity"], "critical");
    assert_eq!(
        trigger["payload"]["summary"],
        "[CRITICAL] Fast load web-1 is 30 (>= 20)"
    );
    let links: Vec<&str> = trigger["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| link["href"].as_str().unwrap())
        .collect();
    let [docs, graph] = links[..] else {
        panic!("{links:?}")
    };
    assert_eq!(docs, "https://wiki.example.com/alerts/Fast%20load#web-1");
    assert!(graph.starts_with(&service("GRAPHITE_TEST_URL")), "{graph}");
    assert_draws_both_thresholds(graph);
    let picture = http::get(graph);
    assert_eq!(
        (picture.status, picture.header("content-type")),
        (200, "image/png")
    );
    assert_png(&picture.body);
    graph.to_owned()
}

fn assert_mail(mail: &Mail, graph: &str) {
    assert_eq!(
        mail.header("subject"),
        "[CRITICAL] Fast load web-1 is 30 (>= 20)"
    );
    assert_eq!(mail.header("auto-submitted"), "auto-generated");
    let text = mail.part("text/plain").text();
    let docs = "https://wiki.example.com/alerts/Fast%20load#web-1";
    for part in [
        "[CRITICAL] Fast load web-1 is 30 (>= 20)",
        "A load that is fed each second.",
        docs,
        graph,
    ] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    let picture = mail.part("image/png");
    assert_png(&picture.body);
    let id = picture
        .header("content-id")
        .trim_matches(['<', '>'])
        .to_owned();
    let html = mail.part("text/html").text();
    let (shown, linked) = (format!("src=\"cid:{id}\""), graph.replace('&', "&amp;"));
    for part in [&*shown, docs, &linked] {
        assert!(html.contains(part), "no `{part}` in {html}");
    }
}

fn assert_ok(mail: &Mail) {
    let subject = mail.header("subject");
    let beginning = "[OK] Fast load web-1 is 2, was CRITICAL for ";
    assert!(subject.starts_with(beginning), "{subject}");
}

/// The picture in the mails came from Graphite's own address, with the thresholds.
fn assert_picture_asked_for(passage: &Passage) {
    let asked = passage.asked();
    let pictures: Vec<&String> = asked
        .iter()
        .filter(|path| path.contains("width=586"))
        .collect();
    assert_eq!(pictures.len(), 2, "{pictures:?}");
    for path in pictures {
        assert_draws_both_thresholds(path);
        assert!(!path.contains("from=-"), "its hour is fixed: {path}");
    }
}

#[test]
#[ignore = "needs the real Graphite and the real mail server of tests/run"]
fn killed_before_while_and_after_an_incident_the_agent_loses_and_doubles_nothing() {
    let mut bench = Bench::start("killed");
    bench.passage.evaluations(2);

    bench.feed.set(30.0);
    bench.agent.restart();
    bench.wait_events(1);
    bench.wait_mails(1);

    // two more evaluations: what was accepted is on disk
    bench.passage.evaluations(2);
    bench.agent.restart();
    bench.passage.evaluations(3);
    assert_eq!(
        bench.counts(),
        (1, [1, 1]),
        "what was told is not told again"
    );

    bench.agent.kill();
    bench.feed.set(2.0);
    bench.agent.restart();
    let events = bench.wait_events(2);
    let [ops, dev] = bench.wait_mails(2);
    assert_eq!(events[1]["event_action"], "resolve");
    assert_eq!(events[1]["dedup_key"], events[0]["dedup_key"]);
    for mails in [ops, dev] {
        assert_ok(&mails[1]);
        assert_eq!(mails[1].header("references"), mails[0].header("message-id"));
    }

    bench.passage.evaluations(2);
    bench.agent.restart();
    bench.passage.evaluations(3);
    assert_eq!(bench.counts(), (2, [2, 2]), "what is over stays over");
}
