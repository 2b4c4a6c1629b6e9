//! As much of MIME (RFC 2045, 2046) as is needed to look into a mail.

/// A part of a mail that is not made of parts itself.
#[derive(Debug)]
pub struct Part {
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Decoded.
    pub body: Vec<u8>,
}

impl Part {
    /// The first header of this name, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map_or("", |(_, value)| value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// Header names in lower case, continuation lines joined; and the rest.
pub fn split(mail: &str) -> (Vec<(String, String)>, &str) {
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let headers = head
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    (headers, body)
}

/// All parts of a mail, however deep.
pub fn parts(mail: &str) -> Vec<Part> {
    let (headers, body) = split(mail);
    let whole = Part {
        headers,
        body: Vec::new(),
    };
    let kind = whole.header("content-type");
    if kind.starts_with("multipart/") {
        let (_, boundary) = kind.split_once("boundary=").unwrap();
        let boundary = boundary.split(';').next().unwrap().trim_matches('"');
        let separator = format!("--{boundary}");
        let inner = body.split(&separator).skip(1);
        return inner
            .take_while(|part| !part.starts_with("--"))
            .flat_map(|part| parts(part.trim_start_matches("\r\n")))
            .collect();
    }
    let body = match whole.header("content-transfer-encoding") {
        "base64" => base64(body),
        "quoted-printable" => quoted_printable(body),
        _ => body.as_bytes().to_vec(),
    };
    vec![Part { body, ..whole }]
}

fn base64(text: &str) -> Vec<u8> {
    let digits = text.bytes().filter_map(|byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    });
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for digit in digits {
        held = (held << 6) | u32::from(digit);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).unwrap());
        }
    }
    bytes
}

fn quoted_printable(text: &str) -> Vec<u8> {
    let text = text.replace("=\r\n", "");
    let mut pieces = text.split('=');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend(&piece.as_bytes()[2..]);
    }
    bytes
}
