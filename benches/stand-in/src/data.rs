//! The data: which series a target stands for, and the value of each at each
//! minute. A function of names and times alone, so every run reads the same.
//!
//! A target is `load.nSERIES.rRULE.*`, its series `load.nSERIES.rRULE.h-000017`.
//! One series in a hundred breaches (80 or more; every other one of them 95 or
//! more), one value in fifty is a gap, every tenth series has none in its newest
//! minute. `load.nSERIES.fCHANGED.pSECONDS.rRULE.*` is for changes: at any time
//! CHANGED of its series are at 97 and all others below 80, and every SECONDS
//! these are others. `load.nSERIES.oBEGIN.dSECONDS.rRULE.*` is for storms: all of its
//! series are at 97 from the second BEGIN on, for SECONDS, and below 80 before and after.

use std::io::Write;

/// Seconds from point to point.
pub const STEP: i64 = 60;

/// What a target stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    stem: String,
    rule: u64,
    series: u64,
    changes: Option<Changes>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Changes {
    /// So many at once take turns, each for `period` seconds.
    Turns { at_once: u64, period: i64 },
    /// All of them, once.
    Storm { begin: i64, seconds: i64 },
}

/// The minutes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The first.
    pub first: i64,
    /// How many.
    pub count: i64,
    /// When it was asked for.
    pub until: i64,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    Raw,
    Json,
}

impl Format {
    /// What an answer is said to be.
    pub fn content(self) -> &'static str {
        match self {
            Self::Raw => "text/plain",
            Self::Json => "application/json",
        }
    }

    /// What stands before the first target's series, between those of two, and after the last.
    pub fn frame(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Raw => ("", "", ""),
            Self::Json => ("[", ", ", "]"),
        }
    }
}

/// The series of one target, as text.
#[derive(Debug)]
pub struct Block {
    pub text: Vec<u8>,
    /// Where each legend begins: a prefix is put in there.
    pub legends: Vec<usize>,
}

impl Window {
    /// As whisper has it: from the minute after the one of `from`, to the one of `until`.
    pub fn between(from: i64, until: i64) -> Self {
        let minute = |at: i64| at.div_euclid(STEP);
        Self {
            first: (minute(from) + 1) * STEP,
            count: (minute(until) - minute(from)).max(0),
            until,
        }
    }
}

impl Target {
    /// `None`: nothing is known by this name.
    pub fn parse(text: &str) -> Option<Self> {
        let stem = text.strip_suffix(".*")?;
        let mut parts = stem.strip_prefix("load.")?.split('.');
        let mut part = |letter: char| parts.next()?.strip_prefix(letter)?.parse::<u64>().ok();
        let series = part('n')?;
        let seconds = |number: u64| i64::try_from(number).ok();
        let changes = if stem.contains(".f") {
            let at_once = part('f')?.max(1);
            let period = seconds(part('p')?)?.max(1);
            Some(Changes::Turns { at_once, period })
        } else if stem.contains(".o") {
            let begin = seconds(part('o')?)?;
            let seconds = seconds(part('d')?)?;
            Some(Changes::Storm { begin, seconds })
        } else {
            None
        };
        let rule = part('r')?;
        parts.next().is_none().then_some(Self {
            stem: stem.to_owned(),
            rule,
            series,
            changes,
        })
    }

    /// Whether an answer is the same however late in its minute it is asked for.
    pub fn is_steady(&self) -> bool {
        self.changes.is_none()
    }

    /// All its series in one format. A prefix is not part of it.
    pub fn block(&self, window: Window, format: Format) -> Block {
        let mut block = Block {
            text: Vec::new(),
            legends: Vec::new(),
        };
        for series in 0..self.series {
            if format == Format::Json && series > 0 {
                block.text.extend_from_slice(b", ");
            }
            self.one(series, window, format, &mut block);
        }
        block
    }

    fn one(&self, series: u64, window: Window, format: Format, block: &mut Block) {
        let name = format!("{}.h-{series:06}", self.stem);
        let text = &mut block.text;
        let last = window.first + (window.count - 1) * STEP;
        let minutes = (0..window.count).map(|index| window.first + index * STEP);
        match format {
            Format::Raw => {
                block.legends.push(text.len());
                text.extend_from_slice(name.as_bytes());
                let end = last + STEP;
                push(text, format_args!(",{},{end},{STEP}|", window.first));
                for (index, minute) in minutes.enumerate() {
                    if index > 0 {
                        text.push(b',');
                    }
                    match self.tenths(series, minute, last, window.until) {
                        Some(tenths) => push(text, format_args!("{}.{}", tenths / 10, tenths % 10)),
                        None => text.extend_from_slice(b"None"),
                    }
                }
                text.push(b'\n');
            }
            Format::Json => {
                text.extend_from_slice(b"{\"target\": \"");
                block.legends.push(text.len());
                let head = format_args!("{name}\", \"tags\": {{\"name\": \"{name}\"}}, ");
                push(text, head);
                text.extend_from_slice(b"\"datapoints\": [");
                for (index, minute) in minutes.enumerate() {
                    if index > 0 {
                        text.extend_from_slice(b", ");
                    }
                    match self.tenths(series, minute, last, window.until) {
                        Some(tenths) => {
                            let (whole, part) = (tenths / 10, tenths % 10);
                            push(text, format_args!("[{whole}.{part}, {minute}]"));
                        }
                        None => push(text, format_args!("[null, {minute}]")),
                    }
                }
                text.extend_from_slice(b"]}");
            }
        }
    }

    /// The value of a series at a minute, in tenths.
    fn tenths(&self, series: u64, minute: i64, last: i64, until: i64) -> Option<u64> {
        let whole = self.rule * self.series + series;
        let chance = mix(whole << 32 ^ minute.unsigned_abs());
        if let Some(changes) = &self.changes {
            let high = match *changes {
                Changes::Turns { at_once, period } => {
                    let groups = (self.series / at_once).max(1);
                    let turn = until.div_euclid(period).unsigned_abs() % groups;
                    series / at_once == turn
                }
                Changes::Storm { begin, seconds } => (begin..begin + seconds).contains(&until),
            };
            return Some(match high {
                true => 970,
                false => 10 + chance % 790,
            });
        }
        if chance.is_multiple_of(50) || (minute == last && whole % 10 == 3) {
            return None;
        }
        let value = chance >> 16;
        Some(match (whole % 100 == 57, whole / 100 % 2) {
            (false, _) => 10 + value % 790,
            (true, 0) => 950 + value % 50,
            (true, _) => 800 + value % 150,
        })
    }
}

fn push(text: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    // a `Vec` takes everything
    let _ = text.write_fmt(arguments);
}

/// Chance from a number (splitmix64).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(target: &str, format: Format) -> String {
        let window = Window::between(1_800_000_030 - 600, 1_800_000_030);
        let block = Target::parse(target).unwrap().block(window, format);
        String::from_utf8(block.text).unwrap()
    }

    #[test]
    fn raw_and_json_say_the_same() {
        let raw = text("load.n40.r7.*", Format::Raw);
        let json = text("load.n40.r7.*", Format::Json);
        let rebuilt: Vec<String> = raw
            .lines()
            .map(|line| {
                let (head, values) = line.split_once('|').unwrap();
                let head: Vec<&str> = head.split(',').collect();
                let first: i64 = head[1].parse().unwrap();
                let pairs: Vec<String> = values
                    .split(',')
                    .zip((first..).step_by(60))
                    .map(|(value, at)| format!("[{}, {at}]", value.replace("None", "null")))
                    .collect();
                let (name, pairs) = (head[0], pairs.join(", "));
                format!("{{\"target\": \"{name}\", \"tags\": {{\"name\": \"{name}\"}}, \"datapoints\": [{pairs}]}}")
            })
            .collect();
        assert_eq!(rebuilt.join(", "), json);
    }

    #[test]
    fn one_series_in_a_hundred_breaches_and_a_window_ends_at_the_present_minute() {
        let raw = text("load.n1000.r0.*", Format::Raw);
        let breaching = raw.lines().filter(|line| {
            let values = line.split_once('|').unwrap().1;
            let value = values.rsplit(',').find(|value| *value != "None").unwrap();
            value.parse::<f64>().unwrap() >= 80.0
        });
        assert_eq!(breaching.count(), 10);
        assert!(raw.starts_with("load.n1000.r0.h-000000,1799999460,1800000060,60|"));
        assert_eq!(raw.lines().next().unwrap().split(',').count(), 3 + 10);
    }

    #[test]
    fn series_take_turns_where_a_target_changes() {
        let target = Target::parse("load.n10.f2.p5.r1.*").unwrap();
        let high = |until: i64| {
            let block = target.block(Window::between(until - 120, until), Format::Raw);
            let text = String::from_utf8(block.text).unwrap();
            let lines: Vec<bool> = text.lines().map(|line| line.ends_with("97.0")).collect();
            (0..10).filter(|&index| lines[index]).collect::<Vec<_>>()
        };
        assert_eq!(high(1_800_000_000), high(1_800_000_004));
        let next = high(1_800_000_005);
        assert_eq!(next.len(), 2);
        assert_ne!(next, high(1_800_000_000));
    }

    #[test]
    fn all_series_of_a_storm_are_high_while_it_lasts() {
        let target = Target::parse("load.n10.o1800000000.d20.r1.*").unwrap();
        let high = |until: i64| {
            let block = target.block(Window::between(until - 120, until), Format::Raw);
            let text = String::from_utf8(block.text).unwrap();
            text.lines().filter(|line| line.ends_with("97.0")).count()
        };
        let seen = [1_799_999_999, 1_800_000_000, 1_800_000_019, 1_800_000_020].map(high);
        assert_eq!(seen, [0, 10, 10, 0]);
    }
}
