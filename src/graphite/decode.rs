//! Cuts an answer into series while it arrives, whichever format it has.
//!
//! Decoders are pushed chunks of bytes of any size, hand each series to a sink
//! as soon as it is whole, and keep no more than the one series that is still
//! incomplete. They know neither HTTP nor time; that a transport was cut is
//! known by whoever pushes, that an answer is incomplete they know themselves.

use std::fmt;

use super::json::Json;
use super::raw::Raw;
use super::series::Series;

/// Who is handed each series of an answer.
pub type Sink<'s> = dyn FnMut(Series<'_>) + Send + 's;

/// Bytes that one series may take in an answer: a month of seconds, and what
/// bounds the memory that an endless line can take.
pub(super) const MAX_ELEMENT: usize = 64 << 20;

/// Why bytes are not an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// They end in the middle of one.
    CutOff,
    /// One series is longer than any series should be.
    TooLong,
    /// They are an answer in some other format.
    Other(Content),
    /// The server says in a JSON object that it failed.
    Reported(String),
    /// They make no sense.
    Wrong {
        /// Where: `line 3`, `series 2`.
        place: String,
        /// What was expected and what was found.
        what: String,
    },
}

/// What an answer is, where it is not what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A web page.
    Html,
    /// JSON where raw was asked for.
    Json,
    /// A picture: Graphite's answer to a format that it does not know.
    Picture,
}

impl Content {
    /// What the first bytes of an answer look like.
    pub(super) fn sniff(start: &[u8]) -> Option<Self> {
        if start.starts_with(b"\x89PNG") {
            return Some(Self::Picture);
        }
        match start.trim_ascii_start().first()? {
            b'<' => Some(Self::Html),
            b'[' | b'{' => Some(Self::Json),
            _ => None,
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Html => "a web page",
            Self::Json => "JSON",
            Self::Picture => "a picture",
        })
    }
}

/// Keeps `bytes` behind those of a series that is not whole yet.
///
/// Room grows twofold, as ever, but never past what may be kept: an endless line
/// costs its limit, not twice that.
pub(super) fn keep(partial: &mut Vec<u8>, bytes: &[u8]) -> Result<(), DecodeError> {
    let length = partial.len().saturating_add(bytes.len());
    if length > MAX_ELEMENT {
        return Err(DecodeError::TooLong);
    }
    if length > partial.capacity() {
        let room = length.saturating_mul(2).min(MAX_ELEMENT);
        partial.reserve_exact(room.saturating_sub(partial.len()));
    }
    partial.extend_from_slice(bytes);
    Ok(())
}

/// Reads one of the formats; which, is chosen when the answer's head is known.
#[derive(Debug)]
pub struct Decoder(Format);

#[derive(Debug)]
enum Format {
    Raw(Raw),
    Json(Json),
}

impl Decoder {
    /// For an answer in Graphite's raw format.
    pub fn raw() -> Self {
        Self(Format::Raw(Raw::default()))
    }

    /// For an answer in Graphite's json format.
    pub fn json() -> Self {
        Self(Format::Json(Json::default()))
    }

    /// Takes the next bytes and hands on the series that they complete.
    ///
    /// # Errors
    ///
    /// They are no part of an answer; whatever follows is not worth reading.
    pub fn push(&mut self, chunk: &[u8], sink: &mut Sink<'_>) -> Result<(), DecodeError> {
        match &mut self.0 {
            Format::Raw(raw) => raw.push(chunk, sink),
            Format::Json(json) => json.push(chunk, sink),
        }
    }

    /// Says whether the answer may end here.
    ///
    /// # Errors
    ///
    /// It may not, or what came is something else than an answer.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match &self.0 {
            Format::Raw(raw) => raw.finish(),
            Format::Json(json) => json.finish(),
        }
    }

    /// Bytes of memory that it takes.
    pub(super) fn held(&self) -> usize {
        match &self.0 {
            Format::Raw(raw) => raw.held(),
            Format::Json(json) => json.held(),
        }
    }

    /// How many series were handed on.
    pub fn series(&self) -> usize {
        match &self.0 {
            Format::Raw(raw) => raw.series(),
            Format::Json(json) => json.series(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use super::*;
    use proptest::prelude::*;

    type Read = (String, Vec<(i64, u64)>);

    fn read(mut decoder: Decoder, body: &[u8], cuts: &[usize]) -> Result<Vec<Read>, DecodeError> {
        let mut all = Vec::new();
        let mut sink = |series: Series<'_>| {
            let points = series.points.map(|p| (p.at, p.value.to_bits())).collect();
            all.push((series.legend.into_owned(), points));
        };
        let mut from = 0;
        for &cut in cuts.iter().chain([&body.len()]) {
            decoder.push(&body[from..cut], &mut sink)?;
            from = cut;
        }
        decoder.finish()?;
        assert_eq!(decoder.series(), all.len());
        Ok(all)
    }

    #[derive(Clone, Debug)]
    struct Given {
        name: String,
        start: i64,
        step: i64,
        values: Vec<f64>,
    }

    fn as_raw(given: &[Given]) -> String {
        let mut text = String::new();
        for series in given {
            let end = series.start + series.step * series.values.len() as i64;
            let values: Vec<_> = series
                .values
                .iter()
                .map(|value| match value {
                    v if v.is_nan() => "None".to_owned(),
                    v => v.to_string(),
                })
                .collect();
            text += &format!(
                "{},{},{end},{}|{}\n",
                series.name,
                series.start,
                series.step,
                values.join(",")
            );
        }
        text
    }

    fn as_json(given: &[Given]) -> String {
        let series: Vec<_> = given
            .iter()
            .map(|series| {
                let points: Vec<_> = series
                    .values
                    .iter()
                    .enumerate()
                    .map(|(i, value)| {
                        let value = match *value {
                            v if v.is_nan() => "null".to_owned(),
                            f64::INFINITY => "1e9999".to_owned(),
                            f64::NEG_INFINITY => "-Infinity".to_owned(),
                            v => format!("{v:e}"),
                        };
                        format!("[{value}, {}]", series.start + series.step * i as i64)
                    })
                    .collect();
                let name = serde_json::to_string(&series.name).unwrap();
                format!(
                    r#"{{"target": {name}, "tags": {{"name": {name}}}, "datapoints": [{}]}}"#,
                    points.join(", ")
                )
            })
            .collect();
        format!("[{}]", series.join(", "))
    }

    fn values() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => any::<f64>(),
            4 => (-1000_i32..1000).prop_map(f64::from),
            1 => Just(f64::NAN),
            1 => Just(f64::INFINITY),
            1 => Just(f64::NEG_INFINITY),
        ]
        .prop_map(|value| if value.is_nan() { f64::NAN } else { value })
    }

    fn answers() -> impl Strategy<Value = Vec<Given>> {
        let series = (
            // No control characters: raw cannot tell a newline in a name.
            r#"[a-z0-9 ,|.(){}"'\\äλ😀<\]\[]{0,20}"#,
            0_i64..2_000_000_000,
            1_i64..100_000,
            prop::collection::vec(values(), 0..20),
        )
            .prop_map(|(name, start, step, values)| Given {
                name,
                start,
                step,
                values,
            });
        prop::collection::vec(series, 0..6)
    }

    proptest! {
        #[test]
        fn both_formats_say_the_same_however_they_are_cut(given in answers(), seed in any::<prop::sample::Index>()) {
            let expected: Vec<Read> = given.iter().map(|series| {
                let points = series.values.iter().enumerate()
                    .map(|(i, value)| (series.start + series.step * i as i64, value.to_bits()))
                    .collect();
                (series.name.clone(), points)
            }).collect();
            for (decoder, body) in [(Decoder::raw as fn() -> Decoder, as_raw(&given)), (Decoder::json, as_json(&given))] {
                let body = body.as_bytes();
                let cut = seed.index(body.len() + 1);
                prop_assert_eq!(&read(decoder(), body, &[]).unwrap(), &expected);
                prop_assert_eq!(&read(decoder(), body, &[cut]).unwrap(), &expected);
                let each: Vec<_> = (0..body.len()).collect();
                prop_assert_eq!(&read(decoder(), body, &each).unwrap(), &expected);
            }
        }

        #[test]
        fn a_cut_answer_is_never_taken_for_a_whole_one(given in answers(), at in any::<prop::sample::Index>()) {
            let body = as_json(&given);
            let cut = at.index(body.len());
            prop_assert!(read(Decoder::json(), &body.as_bytes()[..cut], &[]).is_err());
            let body = as_raw(&given);
            if !body.is_empty() {
                let cut = at.index(body.len());
                let whole_lines = cut == 0 || body.as_bytes()[cut - 1] == b'\n';
                prop_assert_eq!(read(Decoder::raw(), &body.as_bytes()[..cut], &[]).is_ok(), whole_lines);
            }
        }

        #[test]
        fn no_bytes_make_a_decoder_panic(body in prop::collection::vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>()) {
            let cut = cut.index(body.len() + 1);
            for decoder in [Decoder::raw as fn() -> Decoder, Decoder::json] {
                let whole = read(decoder(), &body, &[]);
                let halves = read(decoder(), &body, &[cut]);
                prop_assert_eq!(whole.is_ok(), halves.is_ok());
            }
        }

        #[test]
        fn no_text_like_json_makes_the_decoder_panic(body in r#"\[?(\{|\}|\[|\]|,|:|"|\\|"target"|"datapoints":|[0-9eE.+-]{1,4}|null|NaN| ){0,40}\]?"#) {
            let _ = read(Decoder::json(), body.as_bytes(), &[]);
        }
    }

    #[test]
    fn an_answer_is_recognised_by_its_first_bytes() {
        assert_eq!(Content::sniff(b"\n <!DOCTYPE html>"), Some(Content::Html));
        assert_eq!(Content::sniff(b"[{\"target\""), Some(Content::Json));
        assert_eq!(Content::sniff(b"\x89PNG\r\n"), Some(Content::Picture));
        assert_eq!(Content::sniff(b"servers.web1"), None);
    }
}
