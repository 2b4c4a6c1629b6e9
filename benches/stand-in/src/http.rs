//! As much of HTTP/1.1 as the benches' clients speak: kept connections, bodies
//! with a length. A thread for each connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The largest request that is read.
const LARGEST: usize = 64 << 20;

pub struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    pub body: Vec<u8>,
    /// The answer may be in gzip.
    pub gzip: bool,
}

/// Answers requests in threads of their own, for as long as the process lives.
pub fn listen(
    listener: TcpListener,
    answer: impl Fn(&Request, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
) {
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            // a client that breaks off ends its own thread
            std::thread::spawn(move || converse(stream, &*answer).unwrap_or_default());
        }
    });
}

fn converse(
    stream: TcpStream,
    answer: &dyn Fn(&Request, &mut TcpStream) -> io::Result<()>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut to = stream.try_clone()?;
    let mut from = BufReader::new(stream);
    while let Some(request) = read(&mut from, &mut to)? {
        answer(&request, &mut to)?;
    }
    Ok(())
}

fn read(from: &mut BufReader<TcpStream>, to: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (path, query) = (path.to_owned(), query.to_owned());
    let mut length = 0;
    let mut expects = false;
    let mut gzip = false;
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(usize::MAX);
        }
        gzip |= name.eq_ignore_ascii_case("accept-encoding") && value.contains("gzip");
        expects |= name.eq_ignore_ascii_case("expect");
    }
    if length > LARGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    if expects {
        to.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(Some(Request {
        method,
        path,
        query,
        body,
        gzip,
    }))
}

/// The head of an answer, its blank line included.
pub fn head(status: &str, content: &str, length: usize) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-type: {content}\r\ncontent-length: {length}\r\n\r\n")
}

/// A short answer.
pub fn send(to: &mut TcpStream, status: &str, content: &str, body: &str) -> io::Result<()> {
    to.write_all((head(status, content, body.len()) + body).as_bytes())
}

/// The pairs of a form or a query.
pub fn form(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(name), unescape(value))
        })
        .collect()
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        let hex = |at: usize| {
            rest.as_slice()
                .get(at)
                .and_then(|&b| (b as char).to_digit(16))
        };
        match (byte, hex(0), hex(1)) {
            (b'+', ..) => bytes.push(b' '),
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest.nth(1);
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Microseconds since 1970.
pub fn now() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let form = form("target=aliasSub%28a.*%2C+%22%5E%22%29&target=b&from=-1h&x=%zz%4");
        let values: Vec<&str> = form.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["aliasSub(a.*, \"^\")", "b", "-1h", "%zz%4"]);
    }
}
