//! A replay of a week of 1,000 series at one minute, as the command does it, beside
//! the same bytes decoded without playing anything.
//!
//! ```text
//! cargo bench --bench replay
//! ```
//!
//! Ten alerts watch a hundred series each, of which one in a hundred is bad all the
//! time; two values in a hundred are gaps. Graphite is a thread of this process that answers from
//! memory: what it sends was made in the first round, which is not measured. So the
//! figure holds asking, reading and playing, and a little of answering.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

#[allow(
    dead_code,
    reason = "it is the stand-in's, and whole whatever is read of it"
)]
#[path = "stand-in/src/data.rs"]
mod data;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use data::{Format, Target, Window as Minutes};
use graphite_pager::alert::{Reduce, Timestamp, Window};
use graphite_pager::config::{self, Config};
use graphite_pager::graphite::{Client, Decoder, Series};
use graphite_pager::replay::{self, Feeds, Player, Span, Task};
use tokio::sync::watch;

const ALERTS: usize = 10;
const SERIES: usize = 100;
const WEEK: i64 = 7 * 24 * 3600;
const NOW: i64 = 1_800_000_000;
/// What a socket gives at once.
const PIECE: usize = 64 << 10;

/// Answers by what was asked: target, from, until.
type Answers = Arc<Mutex<BTreeMap<(String, i64, i64), Arc<[u8]>>>>;

/// A Graphite that answers from memory; where it is.
fn graphite(answers: &Answers) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answers = Arc::clone(answers);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let answers = Arc::clone(&answers);
            // a client that closes its connection is no error
            thread::spawn(move || serve(stream.unwrap(), &answers).unwrap_or_default());
        }
    });
    url
}

/// Answers the requests of one connection.
fn serve(mut stream: TcpStream, answers: &Answers) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut form = vec![0; length];
        reader.read_exact(&mut form)?;
        let path = first.split(' ').nth(1).unwrap();
        let query = path.split_once('?').map_or("", |(_, query)| query);
        let asked = [query.as_bytes(), &form].join(&b'&');
        let body = answer(&asked, answers);
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )?;
        stream.write_all(&body)?;
    }
}

fn answer(asked: &[u8], answers: &Answers) -> Arc<[u8]> {
    let all: BTreeMap<String, String> = url::form_urlencoded::parse(asked).into_owned().collect();
    assert_eq!(all["format"], "raw");
    let time = |name: &str| all[name].parse::<i64>().unwrap();
    let key = (all["target"].clone(), time("from"), time("until"));
    let mut answers = answers.lock().unwrap();
    let made = || {
        let minutes = Minutes::between(key.1, key.2);
        let target = Target::parse(&key.0).unwrap();
        Arc::from(target.block(minutes, Format::Raw).text)
    };
    Arc::clone(answers.entry(key.clone()).or_insert_with(made))
}

/// The configuration that is replayed.
fn configuration(url: &str) -> Config {
    let mut yaml = format!(
        "graphite: {{url: '{url}'}}\nreceivers: {{screen: {{console: {{}}}}}}\n\
         defaults: {{warning: 80, critical: 95}}\nalerts:\n"
    );
    for number in 0..ALERTS {
        let _ = writeln!(
            yaml,
            "- {{name: Load {number}, target: load.n{SERIES}.r{number}.*}}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alerts.yml");
    std::fs::write(&file, yaml).unwrap();
    config::load(&[file], &|_| None).unwrap().config
}

/// One replay, as the command does it; how many incidents it found.
async fn replayed(config: &Config, client: &Client, stop: &watch::Receiver<bool>) -> usize {
    let at = Timestamp::from_secs;
    let span = Span::new(at(NOW - WEEK), at(NOW), at(NOW)).unwrap();
    let mut feeds = Feeds::default();
    let player = Player::new(config, config.groups.clone(), span.from, &mut feeds);
    let mut players = [player];
    let task = Task {
        client,
        concurrency: config.graphite.concurrency,
        span,
        now: at(NOW),
        stop: stop.clone(),
    };
    let reached = replay::replay(&task, &mut feeds, &mut players, &mut |_| {}).await;
    assert_eq!(reached, Ok(at(NOW)));
    players[0].record.incidents.len()
}

/// The same bytes, with every value of them read.
fn decoded(answers: &[Arc<[u8]>]) -> f64 {
    let window = Window {
        until: Timestamp::from_secs(NOW),
        settle: None,
        max_age: None,
    };
    let mut sum = 0.0;
    for answer in answers {
        let mut decoder = Decoder::raw();
        let mut sink = |series: Series<'_>| {
            let value = Reduce::Avg.apply(series.points, series.step, &window);
            sum += value.map_or(0.0, |value| value.value);
        };
        for piece in answer.chunks(PIECE) {
            decoder.push(piece, &mut sink).unwrap();
        }
        decoder.finish().unwrap();
    }
    sum
}

fn replays(criterion: &mut Criterion) {
    let answers = Answers::default();
    let config = configuration(&graphite(&answers));
    // as many threads as the command has
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    rustls::crypto::ring::default_provider()
        .install_default()
        .unwrap();
    let client = runtime.block_on(async { Client::new(&config.graphite).unwrap() });
    let (_keep, stop) = watch::channel(false);
    let incidents = runtime.block_on(replayed(&config, &client, &stop));
    let sent: Vec<Arc<[u8]>> = answers.lock().unwrap().values().cloned().collect();
    let bytes: usize = sent.iter().map(|answer| answer.len()).sum();
    println!(
        "{} requests, {} MB, {incidents} incidents",
        sent.len(),
        bytes / 1_000_000
    );
    let mut group = criterion.benchmark_group("a week of 1,000 series at one minute");
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("replayed", |bench| {
        bench.iter(|| runtime.block_on(replayed(&config, &client, &stop)));
    });
    group.bench_function("decoded alone", |bench| {
        bench.iter(|| decoded(black_box(&sent)));
    });
    group.finish();
}

criterion_group! {
    name = all;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(20));
    targets = replays
}
criterion_main!(all);
