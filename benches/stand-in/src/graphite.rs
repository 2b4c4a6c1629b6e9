//! A Graphite's `/render`: raw and json, GET and POST, any number of targets,
//! from memory. It understands `aliasSub(TARGET, "^", "PREFIX")`, which is how
//! an agent finds out which of its targets a series came from.
//!
//! Whoever asks for gzip gets it, of level 6, as Django's.
//!
//! `/requests` gives what was asked since it was last looked at, as JSON:
//! `[began, ended, targets, bytes]` of each, in microseconds since 1970.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::data::{Block, Format, Target, Window};
use crate::http::{Request, form, head, now, send};

pub struct Graphite {
    delay: Duration,
    written: Mutex<HashMap<(Target, Format), Written>>,
    packed: Mutex<HashMap<(String, Format), Packed>>,
    requests: Mutex<Vec<[u128; 4]>>,
}

/// What a target stood for when it was asked for last.
struct Written {
    window: Window,
    block: Arc<Block>,
}

/// An answer in gzip, and what it was made of.
struct Packed {
    asked: Asked,
    body: Arc<Vec<u8>>,
}

/// Targets of one request, each with the prefix of its legends.
type Asked = Vec<(String, Arc<Block>)>;

impl Graphite {
    pub fn new(delay: Duration) -> Self {
        Self {
            delay,
            written: Mutex::default(),
            packed: Mutex::default(),
            requests: Mutex::default(),
        }
    }

    pub fn answer(&self, request: &Request, to: &mut TcpStream) -> io::Result<()> {
        match request.path.trim_end_matches('/') {
            "/render" => self.render(request, to),
            "/requests" => {
                let seen = std::mem::take(&mut *lock(&self.requests));
                send(to, "200 OK", "application/json", &format!("{seen:?}"))
            }
            _ => send(to, "404 Not Found", "text/plain", "there is only /render\n"),
        }
    }

    fn render(&self, request: &Request, to: &mut TcpStream) -> io::Result<()> {
        let began = now();
        let mut given = form(&request.query);
        if request.method == "POST" {
            given.extend(form(&String::from_utf8_lossy(&request.body)));
        }
        let one = |name: &str| {
            let mut found = given.iter().filter(|(key, _)| key == name);
            found.next().map(|(_, value)| value.as_str())
        };
        let format = match one("format") {
            Some("raw") => Format::Raw,
            Some("json") => Format::Json,
            _ => return send(to, "400 Bad Request", "text/plain", "format: raw or json\n"),
        };
        let present = i64::try_from(began / 1_000_000).unwrap_or(0);
        let (from, until) = (one("from").unwrap_or("-1d"), one("until").unwrap_or("now"));
        let (Some(from), Some(until)) = (time(from, present), time(until, present)) else {
            return send(
                to,
                "400 Bad Request",
                "text/plain",
                "cannot read the times\n",
            );
        };
        let window = Window::between(from, until);
        let targets: Vec<&str> = given
            .iter()
            .filter(|(name, _)| name == "target")
            .map(|(_, value)| value.as_str())
            .collect();
        let asked: Asked = targets
            .iter()
            .filter_map(|target| self.series(target, window, format))
            .collect();
        std::thread::sleep(self.delay);
        let bytes = match request.gzip {
            true => self.pack(&asked, format, targets.join(";"), to)?,
            false => write(&asked, format, to)?,
        };
        let seen = [began, now(), targets.len() as u128, bytes as u128];
        lock(&self.requests).push(seen);
        Ok(())
    }

    /// Writes an answer in gzip; gives the bytes of its body. Compressing takes long, so
    /// what was sent is kept, and sent again while it is the same.
    fn pack(
        &self,
        asked: &Asked,
        format: Format,
        targets: String,
        to: &mut TcpStream,
    ) -> io::Result<usize> {
        let key = (targets, format);
        let same = |packed: &Packed| {
            let mut pairs = packed.asked.iter().zip(asked);
            packed.asked.len() == asked.len()
                && pairs.all(|(one, other)| one.0 == other.0 && Arc::ptr_eq(&one.1, &other.1))
        };
        let kept = lock(&self.packed)
            .get(&key)
            .filter(|packed| same(packed))
            .map(|packed| Arc::clone(&packed.body));
        let body = match kept {
            Some(body) => body,
            None => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
                body_of(asked, format, &mut encoder)?;
                let body = Arc::new(encoder.finish()?);
                let packed = Packed {
                    asked: asked.clone(),
                    body: Arc::clone(&body),
                };
                lock(&self.packed).insert(key, packed);
                body
            }
        };
        let kind = format!("{}\r\ncontent-encoding: gzip", format.content());
        to.write_all(head("200 OK", &kind, body.len()).as_bytes())?;
        to.write_all(&body)?;
        Ok(body.len())
    }

    /// A target that nothing is known of has no series, as Graphite has it.
    fn series(&self, text: &str, window: Window, format: Format) -> Option<(String, Arc<Block>)> {
        let (text, prefix) = unwrap(text);
        let target = Target::parse(text)?;
        if !target.is_steady() {
            return Some((prefix, Arc::new(target.block(window, format))));
        }
        let minutes = Window { until: 0, ..window };
        let key = (target, format);
        if let Some(written) = lock(&self.written).get(&key)
            && written.window == minutes
        {
            return Some((prefix, Arc::clone(&written.block)));
        }
        let block = Arc::new(key.0.block(window, format));
        let written = Written {
            window: minutes,
            block: Arc::clone(&block),
        };
        lock(&self.written).insert(key, written);
        Some((prefix, block))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What stands inside `aliasSub(TARGET, "^", "PREFIX")`, however often it is
/// wrapped, and the prefix of all of them.
fn unwrap(target: &str) -> (&str, String) {
    let inner = || {
        let inside = target.trim().strip_prefix("aliasSub(")?.strip_suffix(')')?;
        let (rest, prefix) = inside.rsplit_once(',')?;
        let (target, pattern) = rest.rsplit_once(',')?;
        let quoted = |text: &str| -> Option<String> {
            let text = text.trim();
            let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            Some(text.strip_prefix(quote)?.strip_suffix(quote)?.to_owned())
        };
        (quoted(pattern)? == "^").then_some((target, quoted(prefix)?))
    };
    match inner() {
        Some((target, prefix)) => {
            let (target, within) = unwrap(target.trim());
            (target, prefix + &within)
        }
        None => (target, String::new()),
    }
}

/// Writes an answer; gives the bytes of its body.
fn write(asked: &Asked, format: Format, to: &mut TcpStream) -> io::Result<usize> {
    let parts: Vec<&(String, Arc<Block>)> = filled(asked).collect();
    let series: usize = parts
        .iter()
        .map(|(prefix, block)| block.text.len() + prefix.len() * block.legends.len())
        .sum();
    let (open, between, close) = format.frame();
    let length = open.len() + series + between.len() * parts.len().saturating_sub(1) + close.len();
    let mut to = BufWriter::with_capacity(64 << 10, to);
    to.write_all(head("200 OK", format.content(), length).as_bytes())?;
    body_of(asked, format, &mut to)?;
    to.flush()?;
    Ok(length)
}

fn filled(asked: &Asked) -> impl Iterator<Item = &(String, Arc<Block>)> {
    asked.iter().filter(|(_, block)| !block.text.is_empty())
}

/// Writes the body of an answer.
fn body_of(asked: &Asked, format: Format, to: &mut impl Write) -> io::Result<()> {
    let (open, between, close) = format.frame();
    to.write_all(open.as_bytes())?;
    for (index, (prefix, block)) in filled(asked).enumerate() {
        if index > 0 {
            to.write_all(between.as_bytes())?;
        }
        let mut written = 0;
        if !prefix.is_empty() {
            for &at in &block.legends {
                to.write_all(&block.text[written..at])?;
                to.write_all(prefix.as_bytes())?;
                written = at;
            }
        }
        to.write_all(&block.text[written..])?;
    }
    to.write_all(close.as_bytes())
}

/// Epoch seconds, `now`, or so long before it.
fn time(text: &str, now: i64) -> Option<i64> {
    if text == "now" {
        return Some(now);
    }
    let Some(ago) = text.strip_prefix('-') else {
        return text.parse().ok();
    };
    let digits = ago.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = ago.split_at(digits);
    let unit = match unit {
        "s" => 1,
        "min" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => return None,
    };
    Some(now - count.parse::<i64>().ok()? * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_taken_off_a_target_whatever_the_target_holds() {
        for (target, expected) in [
            (r#"aliasSub(a.b, "^", "3|")"#, ("a.b", "3|")),
            (r#"aliasSub(a.b,'^','3|')"#, ("a.b", "3|")),
            (r#"aliasSub(f(a, "b"), "^", "3|")"#, (r#"f(a, "b")"#, "3|")),
            (r#"aliasSub(aliasSub(a,"^","y"),"^","x")"#, ("a", "xy")),
            ("a.b", ("a.b", "")),
            (
                r#"aliasSub(a, "b", "3|")"#,
                (r#"aliasSub(a, "b", "3|")"#, ""),
            ),
        ] {
            let (inner, prefix) = unwrap(target);
            assert_eq!((inner, prefix.as_str()), expected, "{target}");
        }
    }
}
