//! The decoders in bytes a second, beside memcpy of the same bytes.
//!
//! ```text
//! cargo bench --bench decoders
//! ```
//!
//! Answers are the stand-in's, handed over in pieces of 64 KiB as a socket does;
//! of each series the newest value is taken (`reduce: last`), or the average.

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

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use data::{Format, Target, Window as Minutes};
use graphite_pager::alert::{Reduce, Timestamp, Window};
use graphite_pager::graphite::{Decoder, Series};

/// What a socket gives at once.
const PIECE: usize = 64 << 10;

const NOW: i64 = 1_800_000_030;

/// An answer of about four megabytes.
fn answer(series: u64, points: i64, format: Format) -> Vec<u8> {
    let target = Target::parse(&format!("load.n{series}.r1.*")).unwrap();
    let mut text = target
        .block(Minutes::between(NOW - points * 60, NOW), format)
        .text;
    if format == Format::Json {
        text.insert(0, b'[');
        text.push(b']');
    }
    text
}

fn read(mut decoder: Decoder, answer: &[u8], reduce: Reduce, window: &Window) -> f64 {
    let mut sum = 0.0;
    let mut sink = |series: Series<'_>| {
        let value = reduce.apply(series.points, series.step, window);
        sum += value.map_or(0.0, |value| value.value);
    };
    for piece in answer.chunks(PIECE) {
        decoder.push(piece, &mut sink).unwrap();
    }
    decoder.finish().unwrap();
    sum
}

fn decoders(criterion: &mut Criterion) {
    let window = Window {
        until: Timestamp::from_secs(NOW),
        settle: Some(std::time::Duration::from_secs(5)),
        max_age: None,
    };
    for (shape, series, points) in [
        ("10 points", 45_000, 10),
        ("60 points", 12_000, 60),
        ("1440 points", 600, 1440),
    ] {
        for (name, format) in [("raw", Format::Raw), ("json", Format::Json)] {
            let answer = answer(series, points, format);
            let decoder = || match format {
                Format::Raw => Decoder::raw(),
                Format::Json => Decoder::json(),
            };
            let mut group = criterion.benchmark_group(format!("{name}, {shape}"));
            group.throughput(Throughput::Bytes(answer.len() as u64));
            group.bench_function("last", |bench| {
                bench.iter(|| read(decoder(), black_box(&answer), Reduce::Last, &window));
            });
            group.bench_function("avg", |bench| {
                bench.iter(|| read(decoder(), black_box(&answer), Reduce::Avg, &window));
            });
            let mut copy = vec![0; PIECE];
            group.bench_function("memcpy", |bench| {
                bench.iter(|| {
                    for piece in black_box(&answer).chunks(PIECE) {
                        copy[..piece.len()].copy_from_slice(piece);
                        black_box(&mut copy);
                    }
                });
            });
            group.finish();
        }
    }
}

criterion_group! {
    name = all;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(2));
    targets = decoders
}
criterion_main!(all);
