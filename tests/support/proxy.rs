//! An HTTPS proxy that answers for a host of the public network: what the agent
//! sends to `https://HOST/` reaches a stand-in on this machine instead, so that
//! configurations that name no other address are tried as they are.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The proxy; it ends with the process.
pub struct Proxy {
    address: SocketAddr,
    authority: String,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Passes requests to `https://{host}` on to the HTTP server at `stand_in`,
    /// and refuses every other host.
    pub fn start(host: &'static str, stand_in: &str) -> Self {
        let (tls, authority) = super::tls::server(&[host]);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let refused = Arc::new(Mutex::new(Vec::new()));
        let (kept, stand_in) = (Arc::clone(&refused), stand_in.replace("http://", ""));
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (tls, stand_in, kept) = (Arc::clone(&tls), stand_in.clone(), Arc::clone(&kept));
                thread::spawn(move || {
                    let asked = message(&mut BufReader::new(&stream)).unwrap_or_default();
                    let asked = String::from_utf8_lossy(&asked).into_owned();
                    if !asked.starts_with(&format!("CONNECT {host}:443 ")) {
                        let line = asked.lines().next().unwrap_or_default();
                        kept.lock().unwrap().push(line.to_owned());
                        let _ = stream
                            .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
                        return;
                    }
                    let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
                    let connection = rustls::ServerConnection::new(tls).unwrap();
                    pass(rustls::StreamOwned::new(connection, stream), &stand_in);
                });
            }
        });
        Self {
            address,
            authority,
            refused,
        }
    }

    /// For `HTTPS_PROXY`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The authority that issued the host's certificate, PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What was asked of it for other hosts.
    pub fn refused(&self) -> Vec<String> {
        self.refused.lock().unwrap().clone()
    }
}

/// One request and one answer after the other, until either side ends.
fn pass(client: impl Read + Write, stand_in: &str) {
    let mut client = BufReader::new(client);
    let mut server = BufReader::new(TcpStream::connect(stand_in).unwrap());
    while let Some(request) = message(&mut client) {
        if server.get_mut().write_all(&request).is_err() {
            return;
        }
        let Some(answer) = message(&mut server) else {
            return;
        };
        let written = client.get_mut().write_all(&answer);
        if written.and_then(|()| client.get_mut().flush()).is_err() {
            return;
        }
    }
}

/// One HTTP message, head and body.
fn message(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    let mut length = 0;
    loop {
        let begin = message.len();
        if reader.read_until(b'\n', &mut message).ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&message[begin..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let head = message.len();
    message.resize(head + length, 0);
    reader.read_exact(&mut message[head..]).ok()?;
    Some(message)
}
