//! The pages that the demo's documentation links lead to.
//!
//! One page an alert, with an anchor for each series' legend, so that the
//! links of notifications (`{docs_url}/{alert name}#{series legend}`) hit.

use std::fmt::Write;

use url::form_urlencoded;

use super::alerts::{WATCHED, Watched};
use super::evaluate::Series;

const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}\
    :target{background:#ffe9b3;color:#000}code{background:#8883;padding:0 .2em}img{max-width:100%}\
    :root{color-scheme:light dark}";

/// The list of all alerts.
pub fn index() -> String {
    let mut body = "<p>The built-in Graphite of <code>graphite-pager demo</code>, and what is watched:</p>\n<ul>\n".to_owned();
    for watched in WATCHED {
        // writing to a String cannot fail
        let _ = writeln!(
            body,
            "<li><a href=\"/docs/{0}\">{0}</a>: {1}</li>",
            watched.name, watched.description
        );
    }
    body.push_str("</ul>\n");
    html("Graphite Pager: demo", &body)
}

/// The page of one alert, whose target reads as `series` now.
pub fn alert(watched: &Watched, series: &[Series]) -> String {
    let graph = form_urlencoded::Serializer::new(String::new())
        .append_pair("target", watched.target)
        .append_pair("from", "-1h")
        .finish();
    let mut body = format!(
        "<p>{}</p>\n<h2>First steps</h2>\n<p>{}</p>\n<h2>Now</h2>\n<ul>\n",
        escaped(watched.description),
        with_code(watched.first_steps)
    );
    for one in series {
        let name = escaped(&one.name);
        let value = one
            .newest()
            .map_or_else(|| "no data".to_owned(), |value| format!("{value:.2}"));
        let _ = writeln!(body, "<li id=\"{name}\">{name}: {value}</li>");
    }
    let _ = write!(
        body,
        "</ul>\n<p><img src=\"/render?{0}\" alt=\"graph\"></p>\n<p>Target: <code>{1}</code></p>\n\
         <p><a href=\"/\">All alerts</a></p>\n",
        escaped(&graph),
        escaped(watched.target)
    );
    html(watched.name, &body)
}

fn html(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\n\
         <body><h1>{title}</h1>\n{body}</body></html>\n",
    )
}

/// Escaped text in which every second part between back-ticks is code.
fn with_code(text: &str) -> String {
    let part = |(index, part): (usize, &str)| match index % 2 {
        0 => escaped(part),
        _ => format!("<code>{}</code>", escaped(part)),
    };
    text.split('`').enumerate().map(part).collect()
}

/// `text` for element content and quoted attributes of HTML and SVG.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // not allowed in XML at all
            control if control.is_control() => escaped.push(' '),
            plain => escaped.push(plain),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_page_has_an_anchor_for_each_legend() {
        let series = Series {
            name: "web \"1\"".to_owned(),
            path: String::new(),
            start: 0,
            end: 1,
            step: 1,
            values: vec![Some(2.0)],
            line: false,
        };
        let page = alert(WATCHED.first().unwrap(), &[series]);
        assert!(
            page.contains("<li id=\"web &quot;1&quot;\">web &quot;1&quot;: 2.00</li>"),
            "{page}"
        );
    }

    #[test]
    fn commands_are_shown_as_code() {
        assert_eq!(
            with_code("see `a < b` now"),
            "see <code>a &lt; b</code> now"
        );
    }

    #[test]
    fn the_index_leads_to_every_alert() {
        for watched in WATCHED {
            assert!(index().contains(&format!("href=\"/docs/{}\"", watched.name)));
        }
    }
}
