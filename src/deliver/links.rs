//! Links to the documentation of an alert, and the key of an incident.
//!
//! Both are made of names that come from users and from Graphite, so every
//! part is percent-encoded but for RFC 3986's unreserved characters: no legend
//! can cut a link, add a parameter, or make one key of two incidents.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use minijinja::Value;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::template::{self, Escape, Template};
use crate::alert::{Docs, Level, hash};

/// RFC 3986, section 2.3: everything else is encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What can stand nowhere in a URL (RFC 3986, section 2).
const ILLEGAL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Characters of a dedup key that PagerDuty takes.
const KEY: usize = 255;

/// `text` percent-encoded but for RFC 3986's unreserved characters.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// What a link template sees.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Alert's name.
    pub alert: &'a str,
    /// Series' legend.
    pub series: &'a str,
    /// The alert's labels.
    pub labels: &'a BTreeMap<String, String>,
    /// The Graphite target.
    pub target: Option<&'a str>,
    /// `instance:` of the configuration.
    pub instance: &'a str,
}

/// The link to the documentation of an alert, for one series.
///
/// # Errors
/// The alert's own link is a template that fails, or does not make an http(s)
/// URL, for this series; one line that says so, without a link.
pub fn docs(docs: &Docs, context: &Context<'_>) -> Result<Option<String>, String> {
    match docs {
        Docs::Nowhere => Ok(None),
        Docs::Under(base) => {
            let base = base.trim_end_matches('/');
            Ok(Some(format!(
                "{base}/{}#{}",
                encode(context.alert),
                encode(context.series)
            )))
        }
        Docs::Link(link) => from_template(link, context)
            .map(Some)
            .map_err(|error| format!("`docs`: {error}")),
    }
}

/// The graph link of an alert whose `graph` is a template.
///
/// # Errors
/// As for [`docs`].
pub fn graph_template(link: &str, context: &Context<'_>) -> Result<String, String> {
    from_template(link, context).map_err(|error| format!("`graph`: {error}"))
}

fn from_template(source: &str, context: &Context<'_>) -> Result<String, String> {
    let mut values = vec![
        ("alert", Value::from(context.alert)),
        ("series", Value::from(context.series)),
        ("labels", template::labels(context.labels)),
        ("instance", Value::from(context.instance)),
    ];
    values.extend(context.target.map(|target| ("target", Value::from(target))));
    let link = Template::parse_link(source)?.fill(template::named(values), Escape::Url)?;
    let link = utf8_percent_encode(link.trim(), ILLEGAL).to_string();
    match Url::parse(&link) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(link),
        _ => {
            Err("the template does not make a link that starts with http:// or https://".to_owned())
        }
    }
}

/// The key of an incident at a receiver that keeps them by key:
/// `INSTANCE/ALERT/SERIES`, with `/LEVEL` for one that has to wake again.
///
/// It is the same whenever it is made of the same names, and different for
/// different ones: past 255 characters it is cut and a hash of the whole
/// appended.
pub fn dedup_key(instance: &str, alert: &str, series: &str, suffix: Option<Level>) -> String {
    let encoded = |text| utf8_percent_encode(text, RESERVED);
    let (instance, alert, series) = (encoded(instance), encoded(alert), encoded(series));
    let mut key = format!("{instance}/{alert}/{series}");
    if let Some(level) = suffix {
        let _ = write!(key, "/{level}");
    }
    if key.len() <= KEY {
        return key;
    }
    let end = format!("~{:016x}", hash::stable(key.as_bytes()));
    // all ASCII, so any place is between characters; but a %XX stays whole
    let mut cut = KEY - end.len();
    let encoded = key.as_bytes();
    if let Some(back) = (1..=2).find(|back| encoded.get(cut - back) == Some(&b'%')) {
        cut -= back;
    }
    key.truncate(cut);
    key.push_str(&end);
    key
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use proptest::prelude::*;

    use super::*;

    fn link(docs_of: &Docs, series: &str) -> Result<Option<String>, String> {
        let labels = BTreeMap::from([
            ("team".to_owned(), "a/b".to_owned()),
            (
                "runbook".to_owned(),
                "https://runbooks.example.com/x?y".to_owned(),
            ),
        ]);
        docs(
            docs_of,
            &Context {
                alert: "Disk use",
                series,
                labels: &labels,
                target: None,
                instance: "gp",
            },
        )
    }

    fn check(docs_of: &Docs, series: &str, expected: &str) {
        assert_eq!(link(docs_of, series).unwrap().as_deref(), Some(expected));
    }

    #[test]
    fn a_docs_link_has_alert_and_legend_percent_encoded() {
        let under = Docs::Under("https://wiki.example.com/alerts/".to_owned());
        check(
            &under,
            "web-1.a_b~c",
            "https://wiki.example.com/alerts/Disk%20use#web-1.a_b~c",
        );
        check(
            &under,
            "a&b#c/d?é%|",
            "https://wiki.example.com/alerts/Disk%20use#a%26b%23c%2Fd%3F%C3%A9%25%7C",
        );
        assert_eq!(link(&Docs::Nowhere, "x"), Ok(None));
    }

    #[test]
    fn a_docs_template_makes_the_whole_link_with_values_encoded() {
        let of = |template: &str| Docs::Link(template.to_owned());
        check(
            &of("https://w.example.com/static"),
            "x",
            "https://w.example.com/static",
        );
        check(
            &of("https://w.example.com/{{ series }}"),
            "a b/c",
            "https://w.example.com/a%20b%2Fc",
        );
        check(
            &of("{{ labels.runbook }}#{{ series }}"),
            "a#b",
            "https://runbooks.example.com/x?y#a%23b",
        );
        check(
            &of("https://w.example.com/{{ labels.team | safe }}"),
            "x",
            "https://w.example.com/a/b",
        );
        check(
            &of("https://w.example.com/{{ series | urlencode }}"),
            "a b",
            "https://w.example.com/a%20b",
        );
    }

    #[test]
    fn a_docs_template_that_fails_or_makes_no_link_says_so() {
        for template in [
            "{{ labels.x.y }}",
            "javascript:alert(1)",
            "{{ series }}",
            "{{ oops }}",
        ] {
            let error = link(&Docs::Link(template.to_owned()), "x").unwrap_err();
            assert!(error.starts_with("`docs`: "), "{error}");
        }
    }

    #[test]
    fn a_key_is_instance_alert_series_and_perhaps_a_level() {
        assert_eq!(
            dedup_key("graphite-pager", "Load", "web-1", None),
            "graphite-pager/Load/web-1"
        );
        assert_eq!(
            dedup_key("g", "a/b", "c d", Some(Level::NoData)),
            "g/a%2Fb/c%20d/no_data"
        );
    }

    #[test]
    fn a_key_too_long_is_cut_and_stays_distinct() {
        let long = |end: &str| dedup_key("g", "a", &format!("{}{end}", "日".repeat(500)), None);
        let key = long("1");
        assert!(key.len() <= 255 && key.is_ascii());
        assert_eq!(key, long("1"));
        assert_ne!(key, long("2"));
        assert_eq!(dedup_key("g", "a", &"b".repeat(251), None).len(), 255);
        assert_eq!(dedup_key("g", "a", &"b".repeat(252), None).len(), 255);
    }

    proptest! {
        #[test]
        fn keys_are_short_never_cut_inside_a_code_and_differ(
            one in ("\\PC{0,90}", "\\PC{0,90}", "\\PC{0,90}"),
            other in ("\\PC{0,90}", "\\PC{0,90}", "\\PC{0,90}"),
        ) {
            let key = dedup_key(&one.0, &one.1, &one.2, None);
            prop_assert!(key.len() <= 255);
            let codes: Vec<_> = key.split('%').skip(1).collect();
            prop_assert!(codes.iter().all(|code| {
                code.len() >= 2 && code.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit)
            }), "{key}");
            if one != other {
                prop_assert_ne!(key, dedup_key(&other.0, &other.1, &other.2, None));
            }
        }

        #[test]
        fn docs_links_are_urls_whatever_the_legend(series in any::<String>()) {
            let link = link(&Docs::Under("https://w.example.com/a".to_owned()), &series).unwrap().unwrap();
            prop_assert_eq!(Url::parse(&link).unwrap().to_string(), link);
        }
    }
}
