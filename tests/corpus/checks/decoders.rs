//! Graphite's answers: however they arrive they are the same series, what the
//! decoders take is what a reader of the whole document finds, and a value of
//! raw and json is one value.

use std::time::Duration;

use graphite_pager::alert::{Point, Reduce, Timestamp, Window};
use graphite_pager::graphite::{DecodeError, Decoder, Series};

use super::json::series_of;
use super::source::{Source, cuts};

/// A name, and times with the bits of values.
pub type Read = (String, Vec<(i64, u64)>);

/// What a decoder makes of a body that arrives in pieces.
fn decode(
    mut decoder: Decoder,
    body: &[u8],
    cuts: &[usize],
) -> Result<Vec<Read>, (DecodeError, Vec<Read>)> {
    let mut all = Vec::new();
    let mut sink = |series: Series<'_>| {
        let (_, whole) = series.points.size_hint();
        let forth: Vec<_> = series
            .points
            .clone()
            .map(|p| (p.at, p.value.to_bits()))
            .collect();
        let mut back: Vec<_> = series
            .points
            .rev()
            .map(|p| (p.at, p.value.to_bits()))
            .collect();
        back.reverse();
        // a value that is no number ends it, wherever it is read from
        if whole == Some(forth.len()) {
            assert_eq!(forth, back, "read from the other end");
        }
        all.push((series.legend.into_owned(), forth));
    };
    let mut result = Ok(());
    let mut from = 0;
    for &cut in cuts.iter().chain([&body.len()]) {
        result = decoder.push(&body[from..cut], &mut sink);
        from = cut;
        if result.is_err() {
            break;
        }
    }
    let result = result.and_then(|()| decoder.finish());
    match result {
        Ok(()) => {
            assert_eq!(decoder.series(), all.len());
            Ok(all)
        }
        Err(error) => Err((error, all)),
    }
}

/// The same answer, whichever way it arrives.
fn in_pieces(new: fn() -> Decoder, body: &[u8]) -> Result<Vec<Read>, DecodeError> {
    let whole = decode(new(), body, &[]);
    let each: Vec<usize> = (0..body.len()).collect();
    for cuts in [cuts(body), each] {
        match (&whole, decode(new(), body, &cuts)) {
            (Ok(whole), Ok(cut)) => assert_eq!(*whole, cut),
            (Err((_, whole)), Err((_, cut))) => assert_eq!(*whole, cut, "before the fault"),
            (whole, cut) => panic!("whole: {whole:?}, in pieces: {cut:?}"),
        }
    }
    if let Err((error, _)) = &whole {
        said(error);
    }
    whole.map_err(|(error, _)| error)
}

/// Whatever a server sends, what is said of it is a short line.
fn said(error: &DecodeError) {
    match error {
        DecodeError::Reported(words) => super::is_a_line(words, 302),
        DecodeError::Wrong { place, what } => super::is_a_line(&format!("{place}: {what}"), 250),
        _ => {}
    }
}

pub fn raw(body: &[u8]) {
    let read = in_pieces(Decoder::raw, body).ok();
    assert_eq!(read, naive_raw(body), "the decoder, and a naive reader");
}

/// Reads a whole raw document; `None` where it is none.
fn naive_raw(body: &[u8]) -> Option<Vec<Read>> {
    if body.is_empty() {
        return Some(Vec::new());
    }
    let lines = body.strip_suffix(b"\n")?.split(|byte| *byte == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines
        .filter(|line| !line.is_empty())
        .map(naive_line)
        .collect()
}

fn naive_line(line: &[u8]) -> Option<Read> {
    let bar = line.iter().rposition(|byte| *byte == b'|')?;
    let fields: Vec<&[u8]> = line[..bar].rsplitn(4, |byte| *byte == b',').collect();
    let [step, end, start, name] = fields.as_slice() else {
        return None;
    };
    let whole = |field: &[u8]| std::str::from_utf8(field).ok()?.parse::<i64>().ok();
    let (step, _, start) = (
        whole(step).filter(|step| *step >= 0)?,
        whole(end)?,
        whole(start)?,
    );
    let mut points = Vec::new();
    let mut at = start;
    let values = &line[bar + 1..];
    if !values.is_empty() {
        for value in values.split(|byte| *byte == b',') {
            points.push((at, naive_value(std::str::from_utf8(value).ok()?)?.to_bits()));
            at = at.saturating_add(step);
        }
    }
    Some((String::from_utf8_lossy(name).into_owned(), points))
}

fn naive_value(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned.to_ascii_lowercase().as_str() {
        "none" if unsigned == text => Some(f64::NAN),
        "nan" => Some(f64::NAN),
        "inf" | "infinity" => Some(sign * f64::INFINITY),
        _ if !unsigned.starts_with(|c: char| c.is_ascii_digit()) => None,
        // a long integer of Python 2
        _ => match unsigned.strip_suffix('L') {
            Some(digits) if !digits.bytes().all(|byte| byte.is_ascii_digit()) => None,
            digits => digits
                .unwrap_or(unsigned)
                .parse()
                .ok()
                .map(|value: f64| sign * value),
        },
    }
}

pub fn json(body: &[u8]) {
    let read = in_pieces(Decoder::json, body).ok();
    // where it is JSON as the naive reader knows it, both agree on what it holds
    if let Some(naive) = super::json::parse(body) {
        let expected = series_of(&naive);
        match (read, expected) {
            (None, None) => {}
            (Some(read), Some(expected)) => {
                assert_eq!(read.len(), expected.len());
                for ((name, points), (expected_name, expected)) in read.iter().zip(&expected) {
                    assert_eq!(points, expected);
                    if let Some(expected_name) = expected_name {
                        assert_eq!(name, expected_name);
                    }
                }
            }
            (read, expected) => panic!("the decoder: {read:?}, a naive reader: {expected:?}"),
        }
    }
}

/// One series of a made-up answer.
#[derive(Debug)]
struct Given {
    name: String,
    start: i64,
    step: i64,
    values: Vec<f64>,
}

impl Given {
    fn take(source: &mut Source<'_>) -> Self {
        const NAMES: [&str; 18] = [
            "web", "1", ",", "|", ".", "(", ")", "{", "}", "[", "]", "\"", "\\", "'", " ", "ä",
            "😀", "\u{7f}",
        ];
        let name = (0..source.below(12))
            .map(|_| NAMES[source.below(NAMES.len())])
            .collect();
        let start = i64::from(source.word() % 2_000_000_000);
        let step = i64::from(source.word() % 100_000) + 1;
        let count = source.below(24);
        let values = (0..count).map(|_| value(source)).collect();
        Self {
            name,
            start,
            step,
            values,
        }
    }

    fn points(&self) -> Vec<Point> {
        let at = |index: usize| self.start + self.step * i64::try_from(index).unwrap();
        let values = self.values.iter().enumerate();
        values
            .map(|(index, value)| Point {
                at: at(index),
                value: *value,
            })
            .collect()
    }
}

fn value(source: &mut Source<'_>) -> f64 {
    let value = match source.below(8) {
        0 => f64::NAN,
        1 => f64::INFINITY,
        2 => f64::NEG_INFINITY,
        3 => f64::from_bits(source.long()),
        4 => f64::from(source.word()) / 1000.0,
        5 => f64::from(source.byte()) - 128.0,
        6 => f64::from(source.byte()) * 1e300,
        _ => 0.0,
    };
    // all of them are one null
    if value.is_nan() { f64::NAN } else { value }
}

pub fn agree(data: &[u8]) {
    let mut source = Source::new(data);
    let window = Window {
        until: Timestamp::from_secs(i64::from(source.word())),
        settle: match source.byte() {
            0 => None,
            seconds => Some(Duration::from_secs(u64::from(seconds - 1))),
        },
        max_age: match source.byte() {
            0 => None,
            minutes => Some(Duration::from_secs(60 * u64::from(minutes))),
        },
    };
    let given: Vec<Given> = (0..source.below(6))
        .map(|_| Given::take(&mut source))
        .collect();
    let expected: Vec<Read> = given
        .iter()
        .map(|series| {
            let points = series.points();
            let points = points.iter().map(|point| (point.at, point.value.to_bits()));
            (series.name.clone(), points.collect())
        })
        .collect();
    let (raw, json) = (as_raw(&given), as_json(&given));
    assert_eq!(
        in_pieces(Decoder::raw, raw.as_bytes()).as_ref(),
        Ok(&expected)
    );
    assert_eq!(
        in_pieces(Decoder::json, json.as_bytes()).as_ref(),
        Ok(&expected)
    );
    assert_eq!(naive_raw(raw.as_bytes()).as_ref(), Some(&expected));
    cut_off(raw.as_bytes(), json.as_bytes());
    reduced(&raw, &json, &given, &window);
}

/// What ends early is an error, unless it ends between two lines of raw.
fn cut_off(raw: &[u8], json: &[u8]) {
    // a few dozen places are enough: each is read from the beginning
    let some = |body: &[u8]| {
        let cuts = cuts(body);
        let step = cuts.len() / 40 + 1;
        cuts.into_iter().step_by(step)
    };
    for at in some(json).filter(|at| *at < json.len()) {
        let read = decode(Decoder::json(), &json[..at], &[]);
        assert!(read.is_err(), "cut at {at}");
    }
    for at in some(raw) {
        let whole_lines = at == 0 || raw[at - 1] == b'\n';
        let read = decode(Decoder::raw(), &raw[..at], &[]);
        assert_eq!(read.is_ok(), whole_lines, "cut at {at}");
    }
}

const REDUCERS: [&str; 10] = [
    "last", "avg", "min", "max", "sum", "median", "count", "first", "delta", "p90",
];

/// Both formats come to the same values, which are those of a naive reading.
fn reduced(raw: &str, json: &str, given: &[Given], window: &Window) {
    for name in REDUCERS {
        let reduce = Reduce::parse(name).unwrap();
        let values = |mut decoder: Decoder, body: &str| {
            let mut values = Vec::new();
            let mut sink = |series: Series<'_>| {
                let value = reduce.apply(series.points, series.step, window);
                values.push(value.map(|value| (value.value.to_bits(), value.at)));
            };
            decoder.push(body.as_bytes(), &mut sink).unwrap();
            values
        };
        let expected: Vec<_> = given
            .iter()
            .map(|series| {
                let value = naive_value_of(name, &series.points(), series.step, window);
                value.map(|(value, at)| (value.to_bits(), Timestamp::from_secs(at)))
            })
            .collect();
        assert_eq!(
            values(Decoder::raw(), raw),
            expected,
            "{name} of raw: {given:?} {window:?}"
        );
        assert_eq!(
            values(Decoder::json(), json),
            expected,
            "{name} of json: {given:?} {window:?}"
        );
    }
}

/// Design, section 4: which points count, and what they come to.
fn naive_value_of(name: &str, points: &[Point], step: i64, window: &Window) -> Option<(f64, i64)> {
    let until = window.until.as_secs();
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap();
    let mut counting: Vec<&Point> = points
        .iter()
        .filter(|point| point.value.is_finite() && point.at <= until)
        .filter(|point| {
            window
                .max_age
                .is_none_or(|age| until - point.at <= seconds(age))
        })
        .collect();
    let settled = |point: &&Point| {
        window
            .settle
            .is_none_or(|settle| point.at + step <= until - seconds(settle))
    };
    if counting.iter().any(settled) {
        counting.retain(settled);
    } else {
        counting = counting.last().copied().into_iter().collect();
    }
    let (newest, oldest) = (counting.last()?, counting.first()?);
    // added from the newest on, as rounding depends on the order
    let values: Vec<f64> = counting.iter().rev().map(|point| point.value).collect();
    let sum = values[1..].iter().fold(values[0], |sum, value| sum + value);
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    let rank = |share: f64| {
        let place = share * (sorted.len() - 1) as f64;
        let (low, high) = (
            sorted[place.floor() as usize],
            sorted[place.ceil() as usize],
        );
        if low == high {
            low
        } else {
            low + (high - low) * (place - place.floor())
        }
    };
    let value = match name {
        "last" => newest.value,
        "first" => oldest.value,
        "delta" => newest.value - oldest.value,
        "count" => values.len() as f64,
        "sum" => sum,
        "avg" => sum / values.len() as f64,
        "min" => values.iter().copied().fold(f64::INFINITY, f64::min),
        "max" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "median" => rank(50.0 / 100.0),
        _ => rank(90.0 / 100.0),
    };
    value.is_finite().then_some((value, newest.at))
}

fn as_raw(given: &[Given]) -> String {
    let line = |series: &Given| {
        let values: Vec<String> = series
            .values
            .iter()
            .map(|value| {
                if value.is_nan() {
                    "None".to_owned()
                } else {
                    value.to_string()
                }
            })
            .collect();
        let Given {
            name, start, step, ..
        } = series;
        let end = start + step * i64::try_from(series.values.len()).unwrap();
        format!("{name},{start},{end},{step}|{}\n", values.join(","))
    };
    given.iter().map(line).collect()
}

fn as_json(given: &[Given]) -> String {
    let element = |series: &Given| {
        let points: Vec<String> = series
            .points()
            .iter()
            .map(|point| {
                let value = match point.value {
                    value if value.is_nan() => "null".to_owned(),
                    f64::INFINITY => "1e9999".to_owned(),
                    f64::NEG_INFINITY => "-Infinity".to_owned(),
                    value => format!("{value:e}"),
                };
                format!("[{value}, {}]", point.at)
            })
            .collect();
        let name = serde_json::to_string(&series.name).unwrap();
        let points = points.join(", ");
        format!(r#"{{"target": {name}, "tags": {{"name": {name}}}, "datapoints": [{points}]}}"#)
    };
    let elements: Vec<String> = given.iter().map(element).collect();
    format!("[{}]", elements.join(", "))
}
