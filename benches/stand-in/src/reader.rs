//! The least possible program that alerts: asks in raw, reads the newest value of
//! each line as it arrives, compares, posts what breaches. One connection each
//! way, no state, no times, no names, no mistakes noticed. What an agent costs
//! more than this is what its promises cost.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{SystemTime, UNIX_EPOCH};

use memchr::{memchr, memrchr2};

use crate::{number, pairs};

/// What is read, and how often.
pub struct Plan {
    graphite: String,
    pagerduty: String,
    window: u64,
    together: usize,
    cycles: u32,
    targets: Vec<String>,
}

impl Plan {
    /// From the command line.
    pub fn of(arguments: &[String]) -> Result<Self, String> {
        let (file, options) = arguments
            .split_last()
            .ok_or("a file of targets is needed")?;
        let targets = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        let mut plan = Self {
            graphite: String::new(),
            pagerduty: String::new(),
            window: 300,
            together: 1,
            cycles: 1,
            targets: targets.lines().map(str::to_owned).collect(),
        };
        for (name, value) in pairs(options)? {
            match name {
                "--graphite" => plan.graphite = value.to_owned(),
                "--pagerduty" => plan.pagerduty = value.to_owned(),
                "--window" => plan.window = number(name, value)?,
                "--together" => plan.together = number::<usize>(name, value)?.max(1),
                "--cycles" => plan.cycles = number(name, value)?,
                _ => return Err(format!("unknown option `{name}`")),
            }
        }
        Ok(plan)
    }

    /// Reads everything, again and again; says what it saw.
    pub fn run(&self) -> io::Result<()> {
        let mut graphite = BufReader::with_capacity(256 << 10, connect(&self.graphite)?);
        let mut pagerduty = BufReader::new(connect(&self.pagerduty)?);
        let (mut series, mut posted, mut bytes) = (0_u64, 0_u64, 0_u64);
        for _ in 0..self.cycles {
            let until = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| d.as_secs());
            for targets in self.targets.chunks(self.together) {
                let mut form = format!("format=raw&from={}&until={until}", until - self.window);
                for target in targets {
                    form.push_str("&target=");
                    form.push_str(target);
                }
                let request = format!(
                    "POST /render HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
                    self.graphite,
                    form.len()
                );
                graphite.get_mut().write_all(request.as_bytes())?;
                let length = head(&mut graphite)?;
                bytes += length;
                lines(&mut graphite, length, &mut |line| {
                    series += 1;
                    let Some(tenths) = newest(line) else {
                        return Ok(());
                    };
                    if tenths >= 800 {
                        posted += 1;
                        self.post(&mut pagerduty, line, tenths)?;
                    }
                    Ok(())
                })?;
            }
        }
        println!("{{\"series\": {series}, \"posted\": {posted}, \"bytes\": {bytes}}}");
        Ok(())
    }

    fn post(&self, to: &mut BufReader<TcpStream>, line: &[u8], tenths: u32) -> io::Result<()> {
        let name = line
            .get(..memchr(b',', line).unwrap_or(0))
            .unwrap_or_default();
        let name = String::from_utf8_lossy(name);
        let severity = if tenths >= 950 { "critical" } else { "warning" };
        let value = f64::from(tenths) / 10.0;
        let body = format!(
            r#"{{"routing_key":"0123456789abcdef0123456789abcdef","event_action":"trigger","dedup_key":"{name}","payload":{{"summary":"{name} is {value}","source":"{name}","severity":"{severity}"}}}}"#
        );
        let request = format!(
            "POST /v2/enqueue HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.pagerduty,
            body.len()
        );
        to.get_mut().write_all(request.as_bytes())?;
        let length = head(to)?;
        io::copy(&mut to.by_ref().take(length), &mut io::sink()).map(drop)
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads the head of an answer; gives the length of what follows.
fn head(from: &mut BufReader<TcpStream>) -> io::Result<u64> {
    let mut length = None;
    let mut line = String::new();
    loop {
        line.clear();
        from.read_line(&mut line)?;
        if line.trim_end().is_empty() {
            return length.ok_or_else(|| io::ErrorKind::UnexpectedEof.into());
        }
        let value = line.strip_prefix("content-length: ");
        length = value
            .and_then(|value| value.trim_end().parse().ok())
            .or(length);
    }
}

/// Hands on each line of the next `length` bytes.
fn lines(
    from: &mut BufReader<TcpStream>,
    length: u64,
    line: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut left = usize::try_from(length).unwrap_or(usize::MAX);
    let mut partial: Vec<u8> = Vec::new();
    while left > 0 {
        let buffer = from.fill_buf()?;
        if buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut rest = &buffer[..buffer.len().min(left)];
        let taken = rest.len();
        while let Some(end) = memchr(b'\n', rest) {
            if partial.is_empty() {
                line(&rest[..end])?;
            } else {
                partial.extend_from_slice(&rest[..end]);
                line(&partial)?;
                partial.clear();
            }
            rest = &rest[end + 1..];
        }
        partial.extend_from_slice(rest);
        from.consume(taken);
        left -= taken;
    }
    Ok(())
}

/// The newest value of a line, in tenths.
fn newest(line: &[u8]) -> Option<u32> {
    let mut rest = line;
    loop {
        let start = memrchr2(b',', b'|', rest)?;
        let field = &rest[start + 1..];
        if field != b"None" {
            let digits = field.iter().filter(|byte| byte.is_ascii_digit());
            return Some(digits.fold(0, |value, &digit| value * 10 + u32::from(digit - b'0')));
        }
        if rest[start] == b'|' {
            return None;
        }
        rest = &rest[..start];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_value_is_the_last_that_is_there() {
        assert_eq!(newest(b"a,b,1,2,60|1.0,97.5"), Some(975));
        assert_eq!(newest(b"a,1,2,60|80.1,None,None"), Some(801));
        assert_eq!(newest(b"a,1,2,60|None"), None);
        assert_eq!(newest(b"a,1,2,60|7.0"), Some(70));
    }
}
