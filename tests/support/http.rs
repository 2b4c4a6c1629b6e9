//! The least HTTP client that tests need: one request, one whole answer.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::DEADLINE;

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map_or("", |(_, value)| value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Asks `http://HOST:PORT/...`.
pub fn get(url: &str) -> Answer {
    send("GET", url, "", &[]).unwrap()
}

/// Posts a form.
pub fn post_form(url: &str, fields: &[(&str, &str)]) -> Answer {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    send(
        "POST",
        url,
        "application/x-www-form-urlencoded",
        form.as_bytes(),
    )
    .unwrap()
}

/// One request on a connection of its own.
///
/// # Errors
/// Where no whole answer came.
pub fn send(method: &str, url: &str, kind: &str, body: &[u8]) -> std::io::Result<Answer> {
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_at(url[7..].find('/').unwrap_or(url.len() - 7));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let path = if path.is_empty() { "/" } else { path };
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: {kind}\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    parse(&bytes).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = memchr::memmem::find(bytes, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let answer = Answer {
        status,
        headers,
        body: bytes[end + 4..].to_vec(),
    };
    let length = answer
        .header("content-length")
        .parse()
        .unwrap_or(answer.body.len());
    (answer.body.len() >= length).then_some(answer)
}
