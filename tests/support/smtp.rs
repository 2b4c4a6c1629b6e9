//! A mail server for tests: it takes mails, remembers them with their
//! envelopes, and misbehaves as it is told to.
//!
//! It runs on threads of its own, so that it serves tests with and without a
//! runtime. For TLS it has a certificate for `localhost` and 127.0.0.1, issued
//! by an authority made for this server alone.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::talks::{Point, Talks};

/// How the server behaves; may be changed while it runs.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// Takes connections and says nothing.
    pub no_greeting: bool,
    /// Replies by what they answer: a verb such as `MAIL`, `GREETING`, `.` for
    /// the mail itself, or `RCPT someone@example.com` for one recipient.
    /// An empty reply closes the connection.
    pub replies: BTreeMap<String, String>,
    /// Never answers this verb, or `RCPT someone@example.com`.
    pub silent_at: Option<String>,
    /// Waits before each byte that it sends.
    pub slow: Option<Duration>,
    /// Offers STARTTLS.
    pub starttls: bool,
    /// Speaks TLS from the first byte.
    pub implicit: bool,
    /// Offers AUTH and wants it.
    pub auth: bool,
    /// Reads the client's first words of TLS after STARTTLS, and closes the connection.
    pub breaks_tls: bool,
    /// Closes the connection when it has taken a mail, without a word.
    pub dies_after_taking: bool,
    /// Begins a line as its answer to this verb, and never ends it.
    pub endless_at: Option<String>,
}

impl Manners {
    /// These replies, by what they answer.
    pub fn replying(replies: &[(&str, &str)]) -> Self {
        let replies = replies
            .iter()
            .map(|(to, reply)| ((*to).to_owned(), (*reply).to_owned()));
        Self {
            replies: replies.collect(),
            ..Self::default()
        }
    }
}

/// One mail that was accepted.
#[derive(Clone, Debug)]
pub struct Mail {
    pub at: Instant,
    pub from: String,
    pub to: Vec<String>,
    /// Header and body, dots unstuffed, lines ended by `\r\n`.
    pub data: String,
    /// Whether it came over TLS.
    pub encrypted: bool,
    /// What AUTH was given, base64 and all.
    pub auth: Option<String>,
}

impl Mail {
    /// A header with its continuation lines joined, as it stands (encoded words and all).
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self
            .data
            .split("\r\n\r\n")
            .next()?
            .replace("\r\n ", " ")
            .replace("\r\n\t", " ");
        let prefix = format!("{}:", name.to_ascii_lowercase());
        head.lines()
            .find(|line| line.to_ascii_lowercase().starts_with(&prefix))
            .map(|line| line[prefix.len()..].trim().to_owned())
    }
}

#[derive(Default)]
struct State {
    mails: Vec<Mail>,
    commands: Vec<String>,
}

/// The server; it ends with the process.
#[derive(Clone)]
pub struct Smtp {
    address: SocketAddr,
    /// The conversations that are going on.
    pub talks: Talks,
    manners: Arc<Mutex<Manners>>,
    shared: Arc<(Mutex<State>, Condvar)>,
    tls: Arc<rustls::ServerConfig>,
    authority: String,
}

impl Smtp {
    /// Starts on a free port of 127.0.0.1.
    pub fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (tls, authority) = super::tls::server(&["localhost", "127.0.0.1"]);
        let smtp = Self {
            address: listener.local_addr().unwrap(),
            talks: Talks::default(),
            manners: Arc::new(Mutex::new(manners)),
            shared: Arc::default(),
            tls,
            authority,
        };
        let server = smtp.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                thread::spawn(move || server.serve(stream));
            }
        });
        smtp
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The authority that issued its certificate, PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Changes its manners from the next connection on.
    pub fn behave(&self, manners: Manners) {
        *self.manners.lock().unwrap() = manners;
    }

    /// The mails that it accepted.
    pub fn mails(&self) -> Vec<Mail> {
        self.shared.0.lock().unwrap().mails.clone()
    }

    /// Every command of every connection.
    pub fn commands(&self) -> Vec<String> {
        self.shared.0.lock().unwrap().commands.clone()
    }

    /// Waits for `count` mails in all; fails the test after `limit`.
    pub fn wait_for(&self, count: usize, limit: Duration) -> Vec<Mail> {
        let end = Instant::now() + limit;
        let mut state = self.shared.0.lock().unwrap();
        while state.mails.len() < count {
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{} of {count} mails within {limit:?}",
                state.mails.len()
            );
            state = self.shared.1.wait_timeout(state, left).unwrap().0;
        }
        state.mails.clone()
    }

    fn serve(&self, stream: TcpStream) {
        let _talk = self.talks.begin(&stream);
        if self.talks.reaches(Point::Connected) {
            return;
        }
        let manners = self.manners.lock().unwrap().clone();
        if manners.no_greeting {
            let mut stream = stream;
            let _ = stream.read(&mut [0]);
            return;
        }
        let wire = if manners.implicit {
            self.encrypt(stream)
        } else {
            Wire::Plain(stream)
        };
        let session = Session {
            server: self,
            manners,
            wire: BufReader::new(wire),
            lines: 0,
            envelope: None,
            auth: None,
        };
        let _ = session.run();
    }

    fn encrypt(&self, stream: TcpStream) -> Wire {
        let connection = rustls::ServerConnection::new(self.tls.clone()).unwrap();
        Wire::Tls(Box::new(rustls::StreamOwned::new(connection, stream)))
    }
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<rustls::StreamOwned<rustls::ServerConnection, TcpStream>>),
    Gone,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
            Self::Gone => Ok(0),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
            Self::Gone => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
            Self::Gone => Ok(()),
        }
    }
}

/// One connection. An error ends it.
struct Session<'a> {
    server: &'a Smtp,
    manners: Manners,
    wire: BufReader<Wire>,
    /// Lines that were read.
    lines: usize,
    envelope: Option<(String, Vec<String>)>,
    auth: Option<String>,
}

impl Session<'_> {
    fn run(mut self) -> std::io::Result<()> {
        self.reply("GREETING", "", "220 test ESMTP")?;
        loop {
            let Some(line) = self.line()? else {
                return Ok(());
            };
            let line = line.trim_end().to_owned();
            self.server
                .shared
                .0
                .lock()
                .unwrap()
                .commands
                .push(line.clone());
            let verb = line
                .split([' ', ':'])
                .next()
                .unwrap_or_default()
                .to_ascii_uppercase();
            let about = format!("{verb} {}", address(&line));
            if self
                .manners
                .silent_at
                .as_ref()
                .is_some_and(|at| [&verb, &about].contains(&at))
            {
                self.wire.read_line(&mut String::new())?;
                return Ok(());
            }
            match verb.as_str() {
                "EHLO" | "HELO" => self.hello()?,
                "STARTTLS" => self.starttls()?,
                "AUTH" => self.log_in(&line)?,
                "MAIL" => self.mail(&line)?,
                "RCPT" => self.rcpt(&line)?,
                "DATA" => self.data()?,
                "RSET" => {
                    self.envelope = None;
                    self.reply("RSET", "", "250 reset")?;
                }
                "QUIT" => return self.reply("QUIT", "", "221 bye"),
                _ => self.reply(&verb, "", "502 what?")?,
            }
        }
    }

    /// The next line; `None` at the end.
    fn line(&mut self) -> std::io::Result<Option<String>> {
        let mut line = String::new();
        if self.wire.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        self.lines += 1;
        match self.server.talks.partly() {
            Some(count) if count <= self.lines => self.pause(Point::Partly(count))?,
            _ => {}
        }
        Ok(Some(line))
    }

    /// Goes on unless a trap springs here.
    fn pause(&self, point: Point) -> std::io::Result<()> {
        match self.server.talks.reaches(point) {
            true => Err(std::io::ErrorKind::ConnectionAborted.into()),
            false => Ok(()),
        }
    }

    fn is_encrypted(&self) -> bool {
        matches!(self.wire.get_ref(), Wire::Tls(_))
    }

    fn hello(&mut self) -> std::io::Result<()> {
        let mut lines = vec!["test", "8BITMIME"];
        lines.extend((self.manners.starttls && !self.is_encrypted()).then_some("STARTTLS"));
        lines.extend(self.manners.auth.then_some("AUTH PLAIN LOGIN"));
        let (last, others) = lines.split_last().unwrap();
        let text: String = others
            .iter()
            .map(|line| format!("250-{line}\r\n"))
            .collect();
        self.reply("EHLO", "", &format!("{text}250 {last}"))
    }

    fn starttls(&mut self) -> std::io::Result<()> {
        self.reply("STARTTLS", "", "220 go ahead")?;
        if self.refusal("STARTTLS", "") {
            return Ok(());
        }
        if self.manners.breaks_tls {
            let _ = self.wire.read(&mut [0; 8]);
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        if let Wire::Plain(stream) = std::mem::replace(self.wire.get_mut(), Wire::Gone) {
            *self.wire.get_mut() = self.server.encrypt(stream);
        }
        Ok(())
    }

    fn log_in(&mut self, line: &str) -> std::io::Result<()> {
        self.auth = Some(line.to_owned());
        self.reply("AUTH", "", "235 welcome")
    }

    fn mail(&mut self, line: &str) -> std::io::Result<()> {
        if self.manners.auth && self.auth.is_none() {
            return self.reply("", "", "530 5.7.0 authentication required");
        }
        let refused = self.refusal("MAIL", "");
        if !refused {
            self.envelope = Some((address(line), Vec::new()));
        }
        self.reply("MAIL", "", "250 sender ok")
    }

    fn rcpt(&mut self, line: &str) -> std::io::Result<()> {
        let to = address(line);
        let refused = self.refusal("RCPT", &to);
        if let Some((_, recipients)) = self.envelope.as_mut().filter(|_| !refused) {
            recipients.push(to.clone());
        }
        self.reply("RCPT", &to, "250 recipient ok")
    }

    fn data(&mut self) -> std::io::Result<()> {
        let Some((from, to)) = self.envelope.take().filter(|(_, to)| !to.is_empty()) else {
            return self.reply("", "", "503 no recipients");
        };
        self.reply("DATA", "", "354 go on")?;
        let mut data = String::new();
        loop {
            let Some(line) = self.line()? else {
                return Ok(());
            };
            if line == ".\r\n" {
                break;
            }
            assert!(
                line.len() <= 1000 && line.ends_with("\r\n"),
                "a line that SMTP does not allow"
            );
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
        }
        if self.manners.silent_at.as_deref() == Some(".") {
            self.wire.read_line(&mut String::new())?;
            return Ok(());
        }
        if !self.refusal(".", "") {
            let (at, encrypted, auth) = (Instant::now(), self.is_encrypted(), self.auth.clone());
            self.server.shared.0.lock().unwrap().mails.push(Mail {
                at,
                from,
                to,
                data,
                encrypted,
                auth,
            });
            self.server.shared.1.notify_all();
            if self.manners.dies_after_taking {
                return Err(std::io::ErrorKind::ConnectionAborted.into());
            }
            self.pause(Point::Taken)?;
        }
        self.reply(".", "", "250 taken")?;
        self.server.talks.reaches(Point::Answered);
        Ok(())
    }

    fn ordered(&self, verb: &str, argument: &str) -> Option<String> {
        let exact = self.manners.replies.get(&format!("{verb} {argument}"));
        exact.or_else(|| self.manners.replies.get(verb)).cloned()
    }

    fn refusal(&self, verb: &str, argument: &str) -> bool {
        self.ordered(verb, argument)
            .is_some_and(|reply| !reply.starts_with('2'))
    }

    fn reply(&mut self, verb: &str, argument: &str, usual: &str) -> std::io::Result<()> {
        let reply = self
            .ordered(verb, argument)
            .unwrap_or_else(|| usual.to_owned());
        if reply.is_empty() {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        let wire = self.wire.get_mut();
        if self.manners.endless_at.as_deref() == Some(verb) {
            let part = format!("{reply}{}", "x".repeat(0x1_0000));
            loop {
                wire.write_all(part.as_bytes())?;
            }
        }
        let reply = format!("{reply}\r\n");
        match self.manners.slow {
            None => wire.write_all(reply.as_bytes())?,
            Some(pause) => {
                for byte in reply.bytes() {
                    thread::sleep(pause);
                    wire.write_all(&[byte])?;
                    wire.flush()?;
                }
            }
        }
        wire.flush()
    }
}

fn address(line: &str) -> String {
    let inner = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or_else(String::new, |(address, _)| address.to_owned())
}
