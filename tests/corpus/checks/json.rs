//! A naive reader of whole JSON documents, to compare the decoder with. It
//! knows JSON and the three words that Python adds; of anything more tolerant it
//! says nothing.

/// A value; numbers and strings as they are written.
pub enum Json {
    Null,
    Word,
    Number(String),
    Text(Vec<u8>),
    List(Vec<Json>),
    Map(Vec<(Vec<u8>, Json)>),
}

/// Deeper than this the decoder is allowed to refuse.
const DEEPEST: usize = 60;

/// The whole document; `None`: it is none, or one that nothing is said of.
pub fn parse(body: &[u8]) -> Option<Json> {
    let mut reader = Reader { body, at: 0 };
    let value = reader.value(0)?;
    reader.blanks();
    (reader.at == body.len()).then_some(value)
}

/// A name, where it is clear what it is, and times with the bits of values.
pub type Found = (Option<String>, Vec<(i64, u64)>);

/// The series of an answer; `None` where the document is none.
pub fn series_of(document: &Json) -> Option<Vec<Found>> {
    let Json::List(elements) = document else {
        return None;
    };
    elements.iter().map(series).collect()
}

fn series(element: &Json) -> Option<Found> {
    let Json::Map(fields) = element else {
        return None;
    };
    let (mut name, mut points) = (None, None);
    for (key, value) in fields {
        match (key.as_slice(), value) {
            (b"target", Json::Text(text)) => name = Some(text),
            (b"datapoints", Json::Null) => points = Some(Vec::new()),
            (b"datapoints", Json::List(list)) => {
                points = Some(list.iter().map(point).collect::<Option<Vec<_>>>()?);
            }
            (b"target" | b"datapoints", _) => return None,
            _ => {}
        }
    }
    let quoted = [b"\"", name?.as_slice(), b"\""].concat();
    Some((serde_json::from_slice(&quoted).ok(), points?))
}

fn point(pair: &Json) -> Option<(i64, u64)> {
    let Json::List(pair) = pair else { return None };
    let [value, time] = pair.as_slice() else {
        return None;
    };
    let value = match value {
        Json::Null => f64::NAN,
        Json::Number(text) => number(text),
        _ => return None,
    };
    let Json::Number(time) = time else {
        return None;
    };
    Some((seconds(time)?, value.to_bits()))
}

fn number(text: &str) -> f64 {
    match text {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        text => text.parse().unwrap(),
    }
}

fn seconds(text: &str) -> Option<i64> {
    if text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let time = number(text);
    (time.abs() <= 1e15).then(|| time.floor() as i64)
}

struct Reader<'a> {
    body: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &[u8] {
        &self.body[self.at..]
    }

    fn blanks(&mut self) {
        let blanks = self
            .rest()
            .iter()
            .take_while(|byte| b" \t\n\r".contains(byte));
        self.at += blanks.count();
    }

    fn take(&mut self, text: &[u8]) -> bool {
        self.blanks();
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth > DEEPEST {
            return None;
        }
        if self.take(b"null") {
            return Some(Json::Null);
        }
        if self.take(b"true") || self.take(b"false") {
            return Some(Json::Word);
        }
        if self.take(b"[") {
            let mut items = Vec::new();
            while !self.take(b"]") {
                if !items.is_empty() && !self.take(b",") {
                    return None;
                }
                items.push(self.value(depth + 1)?);
            }
            return Some(Json::List(items));
        }
        if self.take(b"{") {
            let mut fields = Vec::new();
            while !self.take(b"}") {
                if !fields.is_empty() && !self.take(b",") {
                    return None;
                }
                let key = self.text()?;
                if !self.take(b":") {
                    return None;
                }
                fields.push((key, self.value(depth + 1)?));
            }
            return Some(Json::Map(fields));
        }
        if self.rest().first() == Some(&b'"') {
            return self.text().map(Json::Text);
        }
        self.number().map(Json::Number)
    }

    /// What stands between quotes, escapes and all.
    fn text(&mut self) -> Option<Vec<u8>> {
        if !self.take(b"\"") {
            return None;
        }
        let start = self.at;
        loop {
            match self.body.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        let text = self.body.get(start..self.at)?.to_vec();
        self.at += 1;
        Some(text)
    }

    fn number(&mut self) -> Option<String> {
        for word in ["NaN", "Infinity", "-Infinity"] {
            if self.take(word.as_bytes()) {
                return Some(word.to_owned());
            }
        }
        let start = self.at;
        self.take_one(b"-");
        if !self.take_one(b"0") && self.digits() == 0 {
            return None;
        }
        if self.take_one(b".") && self.digits() == 0 {
            return None;
        }
        if self.take_one(b"eE") {
            self.take_one(b"+-");
            if self.digits() == 0 {
                return None;
            }
        }
        String::from_utf8(self.body[start..self.at].to_vec()).ok()
    }

    fn take_one(&mut self, of: &[u8]) -> bool {
        let found = self.rest().first().is_some_and(|byte| of.contains(byte));
        self.at += usize::from(found);
        found
    }

    fn digits(&mut self) -> usize {
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit());
        let count = digits.count();
        self.at += count;
        count
    }
}
