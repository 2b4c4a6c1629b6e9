//! What stands for secrets and addresses in a configuration that is only played.
//!
//! A test of alerts must run where no secret is: `${NAME}` that nobody set and
//! every `${file:PATH}` become a word made of their name, in the form that their
//! place asks for (an address, a URL). Different names stay different, so that
//! two receivers do not become one. A number is never made up: a threshold from
//! outside has to be given.

use super::substitute::is_name;

/// Graphite where the configuration does not say where that is.
pub const GRAPHITE: &str = "http://graphite";

/// Whether `${name}` is sound, and only what it stands for is not there.
pub fn can_stand_for(name: &str) -> bool {
    is_name(name)
        || name
            .strip_prefix("file:")
            .is_some_and(|path| !path.is_empty())
}

/// A word for what `${name}` would be.
pub fn word(name: &str) -> String {
    let name = name.strip_prefix("file:").unwrap_or(name);
    let kept = |c: char| match c.is_ascii_alphanumeric() || c == '_' {
        true => c,
        false => '-',
    };
    let word: String = name.chars().map(kept).collect();
    word.trim_matches('-').to_owned()
}

/// What takes the place of the scalar `written` that `keys` lead to; `text` is
/// it with a word for everything that is not there.
pub fn fitting(keys: &[&str], written: &str, text: String) -> String {
    let host = || word(written).to_ascii_lowercase().replace('_', "-");
    match keys {
        [.., "headers", _] => text,
        // its host is the name of incidents, so that is the same in every test
        ["graphite", "url"] | ["graphite_url"] => GRAPHITE.to_owned(),
        // no folder is made up, lest pages are written there
        ["docs_path"] => String::new(),
        [
            ..,
            "url" | "slack_url" | "public_url" | "docs_url" | "doc_url" | "docs"
            | "heartbeat",
        ]
        // the predecessor's addresses by level
        | ["slack", _] => format!("https://{}.example.com", host()),
        [.., "smtp"] => format!("smtp://{}.example.com", host()),
        [.., "email", "to" | "cc" | "from"] => format!("{}@example.com", host()),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keys: &[&str], written: &str, text: &str, expected: &str) {
        assert_eq!(
            fitting(keys, written, text.to_owned()),
            expected,
            "{keys:?}"
        );
    }

    #[test]
    fn a_stand_in_has_the_form_that_its_place_asks_for() {
        let key = ["receivers", "oncall", "pagerduty", "routing_key"];
        check(&key, "${PAGERDUTY_KEY}", "PAGERDUTY_KEY", "PAGERDUTY_KEY");
        let url = ["receivers", "chat", "slack", "url"];
        check(
            &url,
            "${SLACK_URL}",
            "SLACK_URL",
            "https://slack-url.example.com",
        );
        let part = "https://hooks.example.com:${PORT}/${TOKEN}";
        check(
            &url,
            part,
            "",
            "https://https---hooks-example-com---port----token.example.com",
        );
        let mail = ["receivers", "mail", "email", "to"];
        check(&mail, "${OPS}", "OPS", "ops@example.com");
        check(
            &["smtp"],
            "${SMTP_URL}",
            "SMTP_URL",
            "smtp://smtp-url.example.com",
        );
        check(
            &["graphite", "url"],
            "${GRAPHITE_URL}",
            "GRAPHITE_URL",
            GRAPHITE,
        );
        check(&["alerts", "from"], "${FROM}", "FROM", "FROM");
        assert_eq!(word("file:/run/secrets/graphite"), "run-secrets-graphite");
    }
}
