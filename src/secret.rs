//! Strings that must not be seen.
//!
//! Keys, passwords and addresses with credentials are kept in [`Secret`] from
//! the moment they are read, so that no `Debug`, log line or error can show
//! them by accident; whoever sends one says `expose()`, which is easy to find.
//! Whoever was sent one may repeat it: what others say is shown through a
//! [`Censor`]. Who the others are is not known here.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode as encode,
};

/// RFC 3986, section 2.3: everything else may be encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Characters of the shortest string that is hidden where nobody said that it
/// is secret: anything shorter would black out ordinary words.
const SHORTEST_GUESS: usize = 6;

/// The same where somebody did.
const SHORTEST: usize = 3;

/// Characters of a secret that a text which was cut may end with.
const CUT: usize = 6;

/// A key, a token, a password, or a URL that may contain one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Keeps `value`.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one who sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Takes secrets out of what somebody else said, in whatever form they come
/// back: as they are, percent-encoded or decoded, in JSON, in HTML, in base64.
#[derive(Clone, Default)]
pub struct Censor {
    /// The longest first, so that no part of one is left standing.
    hidden: Vec<String>,
}

impl Censor {
    /// Hides nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hides `secret`.
    #[must_use]
    pub fn secret(self, secret: &str) -> Self {
        self.add(secret, SHORTEST)
    }

    /// Hides the name and the password that are sent to log in (basic
    /// authentication, SMTP AUTH), in the forms in which they travel. A name may
    /// be seen, unless it comes alone: then it is a token.
    #[must_use]
    pub fn login(self, user: &str, password: &str) -> Self {
        if user.is_empty() && password.is_empty() {
            return self;
        }
        let basic = STANDARD.encode(format!("{user}:{password}"));
        let plain = STANDARD.encode(format!("\0{user}\0{password}"));
        let alone = if password.is_empty() { user } else { password };
        self.secret(alone).secret(&basic).secret(&plain)
    }

    /// Hides `text` as a whole, if it is long enough to be a secret at all.
    #[must_use]
    pub fn whole(self, text: &str) -> Self {
        self.add(text.trim(), SHORTEST_GUESS)
    }

    /// Hides `value`, in which a secret may be one word among others:
    /// `Bearer TOKEN`, `session=TOKEN; ...`.
    #[must_use]
    pub fn value(self, value: &str) -> Self {
        value
            .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '=' | ':' | '"' | '\''))
            .filter(|word| !word.eq_ignore_ascii_case("bearer"))
            .chain([value.trim()])
            .fold(self, |censor, word| censor.add(word, SHORTEST_GUESS))
    }

    /// Hides those words of the user's `text` that look like a key: long, of
    /// letters and digits. Nothing says which they are, and too much hidden
    /// costs a clearer message, too little a leak.
    #[must_use]
    pub fn keys_in(self, text: &str) -> Self {
        text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_' | '.' | '+' | '/'))
            .filter(|word| word.len() >= 8 && looks_like_a_key(word))
            .fold(self, |censor, word| censor.add(word, SHORTEST_GUESS))
    }

    fn add(mut self, secret: &str, shortest: usize) -> Self {
        if secret.len() < shortest {
            return self;
        }
        let decoded = percent_decode_str(secret).decode_utf8_lossy().into_owned();
        for plain in [secret.to_owned(), decoded] {
            let encoded = STANDARD.encode(&plain);
            for form in [plain, encoded] {
                let json = form.replace('\\', "\\\\").replace('"', "\\\"");
                let html = form
                    .replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace('>', "&gt;");
                self.hidden.extend([
                    encode(&form, RESERVED).to_string(),
                    encode(&form, RESERVED).to_string().replace("%20", "+"),
                    json.replace('/', "\\/"),
                    json,
                    html.replace('"', "&quot;").replace('\'', "&#39;"),
                    html,
                    form.trim_end_matches('=').to_owned(),
                    form,
                ]);
            }
        }
        self.hidden.retain(|form| form.len() >= shortest);
        self.hidden
            .sort_unstable_by(|one, other| (other.len(), other).cmp(&(one.len(), one)));
        self.hidden.dedup();
        self
    }

    /// `text` with `***` in place of everything that is hidden, also where the
    /// text was clipped (`…`) in the middle of it. Where whoever said it may have
    /// done so, the beginning of a secret at its end is hidden if it looks like a key.
    pub fn hide(&self, text: &str) -> String {
        let hidden = self.hide_whole(text);
        match hidden.strip_suffix('…') {
            Some(rest) => self.without_beginning(rest.to_owned(), |_| true) + "…",
            None => self.without_beginning(hidden, looks_like_a_key),
        }
    }

    /// The same for a text that was cut without a mark.
    pub fn hide_cut(&self, text: &str) -> String {
        self.without_beginning(self.hide_whole(text), |_| true)
    }

    fn hide_whole(&self, text: &str) -> String {
        self.hidden.iter().fold(text.to_owned(), |text, form| {
            match text.contains(form.as_str()) {
                true => text.replace(form, "***"),
                false => text,
            }
        })
    }

    /// `text` without the beginning of a secret at its end, if `hides` says so of it.
    fn without_beginning(&self, mut text: String, hides: impl Fn(&str) -> bool) -> String {
        let beginnings = self.hidden.iter();
        let cut = beginnings
            .filter_map(|form| beginning_at_end(form, &text))
            .filter(|part| hides(part))
            .map(str::len)
            .max();
        if let Some(length) = cut {
            text.replace_range(text.len() - length.., "***");
        }
        text
    }
}

impl fmt::Debug for Censor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Censor(***)")
    }
}

/// The longest beginning of `form` that `text` ends with, if that is enough to be
/// more than chance.
fn beginning_at_end<'a>(form: &'a str, text: &str) -> Option<&'a str> {
    (CUT..form.len())
        .rev()
        .filter_map(|length| form.get(..length))
        .find(|part| text.ends_with(part))
}

/// Letters and digits: no word of an ordinary sentence.
fn looks_like_a_key(word: &str) -> bool {
    word.contains(|c: char| c.is_ascii_digit()) && word.contains(char::is_alphabetic)
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

    fn check(censor: &Censor, text: &str, expected: &str) {
        assert_eq!(censor.hide(text), expected);
    }

    #[test]
    fn a_secret_is_hidden_in_every_form_in_which_it_may_come_back() {
        let censor = Censor::new().secret("a/b \"c\"&d");
        for form in [
            "a/b \"c\"&d",
            "a%2Fb%20%22c%22%26d",
            "a%2Fb+%22c%22%26d",
            "a/b \\\"c\\\"&d",
            "a\\/b \\\"c\\\"&d",
            "a/b &quot;c&quot;&amp;d",
            "YS9iICJjIiZk",
        ] {
            check(&censor, &format!("<{form}>"), "<***>");
        }
        // one that stands encoded in an address comes back decoded
        check(&Censor::new().secret("p%40ss"), "no p@ss", "no ***");
    }

    #[test]
    fn what_a_login_travels_as_is_hidden_and_its_name_is_not() {
        let censor = Censor::new().login("user", "hush");
        check(&censor, "user dXNlcjpodXNo", "user ***");
        check(&censor, "AUTH PLAIN AHVzZXIAaHVzaA==", "AUTH PLAIN ***");
        check(&censor, "user aHVzaA==", "user ***");
        check(&Censor::new().login("token", ""), "no token", "no ***");
    }

    #[test]
    fn one_word_of_a_header_is_hidden_and_ordinary_words_are_not() {
        let censor = Censor::new().value("Bearer tok-1234");
        check(&censor, "invalid token tok-1234", "invalid token ***");
        check(&censor, "Bearer tok-1234", "***");
        let cookie = Censor::new().value("id=abcdef0; a=b");
        check(&cookie, "a bad session abcdef0", "a bad session ***");
    }

    #[test]
    fn keys_are_found_in_a_text() {
        let censor = Censor::new().keys_in(r#"{"key": "k3y-k3y-k3y", "text": "{{ headline }}"}"#);
        check(&censor, "headline: no k3y-k3y-k3y", "headline: no ***");
    }

    #[test]
    fn what_was_cut_within_a_secret_shows_no_part_of_it() {
        let censor = Censor::new().secret("0123456789abcdef");
        check(&censor, "no 0123456789…", "no ***…");
        check(&censor, "no 0123…", "no 0123…");
        assert_eq!(censor.hide_cut("no 012345678"), "no ***");
        // by whoever said it, as far as anybody can tell
        check(&Censor::new().value("k3y-k3y-k3y"), "no k3y-k3y-", "no ***");
        check(&Censor::new().value("services"), "no_service", "no_service");
    }

    #[test]
    fn a_longer_secret_leaves_no_part_of_it_where_a_shorter_one_is_its_beginning() {
        let censor = Censor::new().secret("abc").secret("abcdefg");
        check(&censor, "abcdefg abc", "*** ***");
    }

    #[test]
    fn its_debug_shows_nothing() {
        let shown = format!(
            "{:?}{:?}",
            Secret::new("hush"),
            Censor::new().secret("hush")
        );
        assert!(!shown.contains("hush"), "{shown}");
    }
}
