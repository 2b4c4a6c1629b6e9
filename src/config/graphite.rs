//! Section `graphite:`, the predecessor's flat keys for it, and the environment
//! that wins over both.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use reqwest::header::ACCEPT_ENCODING;
use url::Url;

use super::code::Code;
use super::problem::Place;
use super::reader::Map;
use super::scalar::Text;
use super::stand_ins;
use super::substitute::read_bounded;
use super::tree::Kind;
use super::values;
use crate::deliver::settings::parse_url;
use crate::graphite::Settings;
use crate::graphite::settings::Format;
use crate::secret::Secret;

/// All keys of `graphite:`.
pub const KEYS: &[&str] = &[
    "url",
    "public_url",
    "username",
    "password",
    "headers",
    "ca",
    "timeout",
    "concurrency",
    "format",
    "cache",
    "gzip",
    "max_response",
    "error_for",
    "not_found",
];
/// The predecessor's flat keys, with the key of `graphite:` that each stands for.
pub const FLAT: &[(&str, &str)] = &[
    ("graphite_url", "url"),
    ("graphite_user", "username"),
    ("graphite_pass", "password"),
];

/// What `format` takes.
pub const FORMATS: &[(&str, Format)] = &[
    ("auto", Format::Auto),
    ("raw", Format::Raw),
    ("json", Format::Json),
];
/// What `not_found` takes.
pub const NOT_FOUND: &[(&str, bool)] = &[("error", false), ("empty", true)];

/// Reads everything about Graphite; `None` where it has no usable URL.
pub fn read(top: &Map<'_>) -> Option<Settings> {
    let section = top.map("graphite");
    if let Some(section) = &section {
        section.only(KEYS);
        refuse_both_forms(top, section);
        refuse_encoding_twice(section);
    }
    let section = section.as_ref();
    let address = address(top, section);
    let inline = address.as_ref().and_then(|(_, inline)| inline.clone());
    let (username, password) = credentials(top, section, inline);
    if let Some((url, _)) = &address {
        warn_of_plain_text(top, section, url, password.is_some());
    }
    let settings = |url| Settings {
        url,
        public_url: section.and_then(public_url),
        username,
        password,
        headers: section
            .map(|map| values::headers(map, "headers"))
            .unwrap_or_default(),
        ca: section.and_then(authority),
        timeout: section
            .and_then(|map| values::positive(map, "timeout"))
            .unwrap_or(Duration::from_secs(30)),
        concurrency: section.and_then(concurrency).unwrap_or(4),
        format: section.and_then(format).unwrap_or(Format::Auto),
        cache: section.and_then(|map| map.truth("cache")).unwrap_or(false),
        gzip: section.and_then(|map| map.truth("gzip")).unwrap_or(false),
        max_response: section
            .and_then(|map| values::size(map, "max_response"))
            .unwrap_or(256 << 20),
        error_for: section
            .and_then(|map| values::duration_of(map, "error_for"))
            .unwrap_or(Duration::from_secs(300)),
        not_found_is_empty: section.and_then(not_found).unwrap_or(false),
    };
    match address {
        Some((url, _)) => Some(settings(url)),
        None => {
            // the rest of the section is read for its mistakes
            settings(Url::parse("http://localhost").ok()?);
            None
        }
    }
}

/// A user and password that stood in the URL.
type Inline = Option<(String, Option<String>)>;

fn refuse_both_forms(top: &Map<'_>, section: &Map<'_>) {
    for (flat, key) in FLAT {
        if let (Some(one), Some(other)) = (top.entry(flat), section.entry(key)) {
            let (first, second) = (one.place.min(other.place), one.place.max(other.place));
            let message = format!(
                "`{flat}` and `{key}` of `graphite` are both given, here and at {}",
                top.context.show(second)
            );
            top.context
                .error(first, message, format!("keep `{key}` of `graphite`"));
        }
    }
}

/// The header says whether answers are compressed, as `gzip` does.
fn refuse_encoding_twice(section: &Map<'_>) {
    let (Some(gzip), Some(headers)) = (section.entry("gzip"), section.entry("headers")) else {
        return;
    };
    let Kind::Map(headers) = &headers.value.kind else {
        return;
    };
    let mut named = headers.iter();
    if let Some(header) = named.find(|header| ACCEPT_ENCODING == *header.key) {
        let (first, second) = (gzip.place.min(header.place), gzip.place.max(header.place));
        let message = format!(
            "`gzip` of `graphite` and its header `Accept-Encoding` are both given, here and at {}",
            section.context.show(second)
        );
        section
            .context
            .error(first, message, "keep `gzip`, and take the header out");
    }
}

fn address(top: &Map<'_>, section: Option<&Map<'_>>) -> Option<(Url, Inline)> {
    if let Some(value) = top.context.env_filled("GRAPHITE_URL") {
        return from_environment(top, &value);
    }
    let given = section.filter(|map| map.has("url")).map(|map| (map, "url"));
    let flat = Some((top, "graphite_url")).filter(|(map, key)| map.has(key));
    let Some((map, key)) = given.or(flat) else {
        if top.context.rehearses() {
            // a pack leaves it to its user
            return Some((Url::parse(stand_ins::GRAPHITE).ok()?, None));
        }
        if top.context.complete() && section.is_some() == top.has("graphite") {
            let place = section.map_or(top.place, |map| map.place);
            let hint = "write `graphite: {url: https://graphite.example.com}`, or set GRAPHITE_URL";
            top.context
                .error(place, "nothing says where Graphite is", hint);
        }
        return None;
    };
    let text = map.filled(key)?;
    let result = base(text.value);
    if let Ok((_, _, true)) = &result {
        let message = format!("{} ends in `/render`, which is added anyway", map.name(key));
        map.warn(
            Code::GraphiteRender,
            text.place,
            message,
            "leave `/render` out",
        );
    }
    let (url, inline, _) = map.understood(key, text, "an `http://` or `https://` URL", result)?;
    Some((url, inline))
}

fn from_environment(top: &Map<'_>, value: &str) -> Option<(Url, Inline)> {
    match base(value) {
        Ok((url, inline, _)) => Some((url, inline)),
        Err(why) => {
            let (message, hint) = why.split_once("; ").unwrap_or((&why, ""));
            top.context.error_of(
                &PathBuf::from("environment"),
                format!("GRAPHITE_URL: {message}"),
                hint,
            );
            None
        }
    }
}

/// Takes a base URL apart; the third part says whether it ended in `/render`.
fn base(text: &str) -> Result<(Url, Inline, bool), String> {
    let mut url = parse_url(text.trim()).map_err(|why| values::url_fault(&why))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("this URL has a `?` or `#`; give the server's address only, such as `https://graphite.example.com`".to_owned());
    }
    if url.path().contains('@') {
        return Err("this URL has an `@` after its host; write `/` in a password as `%2F`, or use the keys `username` and `password`".to_owned());
    }
    let decoded = |part: &str| {
        let text = percent_decode_str(part)
            .decode_utf8()
            .map(|text| text.into_owned());
        text.map_err(|_| {
            "the user or password in this URL is not UTF-8; use the keys `username` and `password`"
                .to_owned()
        })
    };
    let user = decoded(url.username())?;
    let password = url.password().map(decoded).transpose()?;
    let inline = (!user.is_empty() || password.is_some()).then_some((user, password));
    // neither fails for a URL that has a host
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let path = url.path().trim_end_matches('/').to_owned();
    let stripped = path
        .strip_suffix("/render")
        .map(|rest| rest.trim_end_matches('/').to_owned());
    let render = stripped.is_some();
    url.set_path(&stripped.unwrap_or(path));
    Ok((url, inline, render))
}

fn credentials(
    top: &Map<'_>,
    section: Option<&Map<'_>>,
    inline: Inline,
) -> (Option<String>, Option<Secret>) {
    let context = top.context;
    let environment = (
        context.env_filled("GRAPHITE_USER"),
        context.env_filled("GRAPHITE_PASS"),
    );
    let user = find(top, section, "username", "graphite_user");
    let password = find(top, section, "password", "graphite_pass");
    let from_url_in_environment = context.env_filled("GRAPHITE_URL").is_some();
    if let Some((in_url, secret)) = inline {
        if !from_url_in_environment && let Some(text) = user.or(password) {
            let hint = "keep the keys, and take the part before `@` out of the URL";
            let url = section
                .and_then(|map| map.entry("url"))
                .or_else(|| top.entry("graphite_url"));
            context.error(
                url.map_or(text.place, |entry| entry.value.place.min(text.place)),
                "user and password are given twice: in Graphite's URL and in keys of their own",
                hint,
            );
        }
        return (
            environment.0.or(Some(in_url)),
            environment.1.or(secret).map(Secret::new),
        );
    }
    if environment.0.is_none()
        && user.is_none()
        && let Some(text) = password
    {
        context.error(
            text.place,
            "Graphite's password is given without a user",
            "add `username`",
        );
    }
    let username = environment.0.or(user.map(|text| text.value.to_owned()));
    let password = environment.1.or(password.map(|text| text.value.to_owned()));
    (username, password.map(Secret::new))
}

fn find<'a>(top: &Map<'a>, section: Option<&Map<'a>>, key: &str, flat: &str) -> Option<Text<'a>> {
    section
        .and_then(|map| map.filled(key))
        .or_else(|| top.filled(flat))
}

fn warn_of_plain_text(top: &Map<'_>, section: Option<&Map<'_>>, url: &Url, password: bool) {
    let place: Option<Place> = section
        .and_then(|map| map.entry("url"))
        .or_else(|| top.entry("graphite_url"))
        .map(|entry| entry.value.place);
    if let Some(place) = place
        && password
        && url.scheme() == "http"
        && !is_local(url.host_str().unwrap_or_default())
    {
        let hint = "use `https://` where the server can";
        top.warn(
            Code::PlainHttpPassword,
            place,
            "Graphite's password is sent over http, readable on the way",
            hint,
        );
    }
}

/// Whether a host name means this computer.
pub fn is_local(host: &str) -> bool {
    host == "localhost" || host.starts_with("127.") || host == "[::1]" || host == "::1"
}

fn public_url(map: &Map<'_>) -> Option<Url> {
    let base = values::link_base(map, "public_url")?;
    let base = base.strip_suffix("/render").unwrap_or(&base);
    parse_url(base).ok()
}

fn concurrency(map: &Map<'_>) -> Option<usize> {
    let number = map.whole("concurrency", 1)?;
    const MOST: usize = 1000;
    if number > MOST {
        let place = map
            .entry("concurrency")
            .map_or(map.place, |entry| entry.value.place);
        map.context.error(
            place,
            format!(
                "{}: expected at most {MOST}, found {number}",
                map.name("concurrency")
            ),
            "4 is a good start",
        );
    }
    Some(number)
}

fn format(map: &Map<'_>) -> Option<Format> {
    map.word("format", FORMATS)
}

fn not_found(map: &Map<'_>) -> Option<bool> {
    map.word("not_found", NOT_FOUND)
}

fn authority(map: &Map<'_>) -> Option<PathBuf> {
    let text = map.filled("ca")?;
    let path = map.context.folder_of(text.place.file).join(text.value);
    if map.context.rehearses() {
        return Some(path);
    }
    map.context.watch(&path);
    let bytes = read_bounded(&path, 1 << 20);
    let result = bytes.and_then(|bytes| {
        let pem = String::from_utf8_lossy(&bytes).contains("-----BEGIN CERTIFICATE-----");
        if pem {
            Ok(path)
        } else {
            Err("it holds no `-----BEGIN CERTIFICATE-----`".to_owned())
        }
    });
    let result = result.map_err(|why| {
        format!("cannot use this file: {why}; it must be a PEM file with the certificate of the authority, and readable by the agent")
    });
    map.understood("ca", text, "a readable PEM file", result)
}
