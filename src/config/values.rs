//! Values that several sections share: durations, sizes, URLs, templates, headers.
//!
//! Each reads one key of a [`Map`] and notes what is wrong with it.

use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use url::Url;

use super::mask;
use super::problem::quote;
use super::reader::Map;
use super::scalar::{self, Text};
use crate::alert::duration;
use crate::deliver::settings::parse_url;
use crate::deliver::template::Template;
use crate::secret::Secret;

/// A duration that may be zero.
pub fn duration_of(map: &Map<'_>, key: &str) -> Option<Duration> {
    map.parsed(key, "a duration such as `30s` or `5m`", duration::parse)
}

/// A duration that may not be zero.
pub fn positive(map: &Map<'_>, key: &str) -> Option<Duration> {
    let expected = "a duration longer than zero";
    map.parsed(key, expected, |text| match duration::parse(text)? {
        Duration::ZERO => Err(format!(
            "expected {expected}, such as `30s` or `5m`, found {}",
            quote(text)
        )),
        span => Ok(span),
    })
}

/// `off`, which is `Some(None)`, or what `read` makes of the key.
pub fn unless_off<T>(
    map: &Map<'_>,
    key: &str,
    read: impl FnOnce(&Map<'_>, &str) -> Option<T>,
) -> Option<Option<T>> {
    let entry = map.entry(key)?;
    if let super::tree::Kind::Scalar(scalar) = &entry.value.kind
        && !scalar.broken
        && matches!(
            scalar.text.to_ascii_lowercase().as_str(),
            "off" | "false" | "no"
        )
    {
        return Some(None);
    }
    read(map, key).map(Some)
}

/// A number of bytes, at least one: `256MiB`, `1GB`, `1048576`.
pub fn size(map: &Map<'_>, key: &str) -> Option<u64> {
    map.parsed(key, "a size such as `256MiB`", |text| {
        let fault = || format!("expected a size such as `256MiB`, found {}", quote(text));
        let text = text.trim();
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = text.get(digits.len()..).unwrap_or_default().trim();
        let factor: u64 = match unit {
            "" | "B" => 1,
            "K" | "KB" | "kB" => 1000,
            "M" | "MB" => 1_000_000,
            "G" | "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(fault()),
        };
        let number: u64 = digits.parse().map_err(|_| fault())?;
        number
            .checked_mul(factor)
            .filter(|bytes| *bytes > 0)
            .ok_or_else(fault)
    })
}

/// A URL for links: it is shown, so it is text.
pub fn link_base(map: &Map<'_>, key: &str) -> Option<String> {
    let text = map.filled(key)?;
    url_of(map, key, text)?;
    without_login(map, key, text)?;
    Some(text.value.trim().trim_end_matches('/').to_owned())
}

/// Refuses a link with a user or a password (a token may stand for either), also
/// where the rest of it is a template.
fn without_login(map: &Map<'_>, key: &str, text: Text<'_>) -> Option<()> {
    let addresses = text.value.split("://").skip(1);
    let login = |rest: &str| {
        let authority = rest.split(['/', '?', '#', '\\', '{']).next();
        authority.is_some_and(|authority| authority.contains('@'))
    };
    if !addresses.into_iter().any(login) {
        return Some(());
    }
    let message = format!(
        "{} holds a user or a password, and would be shown to everybody who is told",
        map.name(key)
    );
    map.context
        .error(text.place, message, "take the part before `@` out");
    None
}

/// The value of `key` as an address that is kept secret.
pub fn secret_url(map: &Map<'_>, key: &str) -> Option<Secret> {
    let text = map.filled(key)?;
    url_of(map, key, text).map(|_| Secret::new(text.value.trim()))
}

/// Reads a URL that has been taken out of `map` already.
pub fn url_of(map: &Map<'_>, key: &str, text: Text<'_>) -> Option<Url> {
    let result = parse_url(text.value.trim()).map_err(|why| url_fault(&why));
    map.understood(key, text, "an `http://` or `https://` URL", result)
}

/// What to say of a URL that does not parse; it is not quoted.
pub fn url_fault(why: &str) -> String {
    match why {
        "relative URL without a base" => "expected http:// or https:// and a host; write the whole URL, such as `https://example.com/path`".to_owned(),
        why if why.starts_with("expected") => format!("{why}; write the whole URL, such as `https://example.com/path`"),
        why => format!("this is no URL: {why}; write the whole URL, such as `https://example.com/path`"),
    }
}

/// A template's source, parsed.
pub fn template(map: &Map<'_>, key: &str) -> Option<Template> {
    map.parsed(key, "a template", Template::parse)
}

/// A link that may be a template; kept as text.
pub fn link_template(map: &Map<'_>, key: &str) -> Option<String> {
    let text = map.filled(key)?;
    map.understood(key, text, "a template", Template::parse(text.value))?;
    without_login(map, key, text)?;
    if !text.value.contains("{{") && !text.value.contains("{%") {
        url_of(map, key, text)?;
    }
    Some(text.value.to_owned())
}

/// Request headers; values are never quoted.
pub fn headers(map: &Map<'_>, key: &str) -> Vec<(String, Secret)> {
    let Some(headers) = map.map(key) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in headers.entries() {
        let shown = mask::key(&entry.key, entry.value.is_null());
        let name = headers.name(shown.trim_matches('`'));
        if HeaderName::from_bytes(entry.key.as_bytes()).is_err() {
            let hint = "letters, digits and `-`, such as `X-Scope-OrgID`";
            map.context
                .error(entry.place, format!("{shown} is no name of a header"), hint);
        }
        let Some(text) = scalar::text(map.context, &entry.value, &name, "text") else {
            continue;
        };
        if HeaderValue::from_str(text.value).is_err() {
            map.context.error(
                text.place,
                format!("{name} holds characters that a header cannot"),
                "one line of plain ASCII",
            );
        }
        found.push((entry.key.to_string(), Secret::new(text.value)));
    }
    found
}

/// A word without control characters, such as a name.
pub fn printable(map: &Map<'_>, key: &str) -> Option<String> {
    let text = map.filled(key)?;
    if text.value.chars().any(char::is_control) {
        map.context.error(
            text.place,
            format!("{} holds control characters", map.name(key)),
            "letters, digits, blanks and signs on one line",
        );
        return None;
    }
    Some(text.value.to_owned())
}

/// Shown instead of a missing key.
pub fn missing(map: &Map<'_>, key: &str, hint: &str) {
    map.context
        .error(map.place, format!("{} has no `{key}`", map.what), hint);
}

/// The value of a key that has to be there.
pub fn required<'a, T>(
    map: &Map<'a>,
    key: &str,
    hint: &str,
    read: impl FnOnce(&Map<'a>, &str) -> Option<T>,
) -> Option<T> {
    if !map.has(key) {
        missing(map, key, hint);
        return None;
    }
    read(map, key)
}
