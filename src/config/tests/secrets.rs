//! No input makes it panic, and no secret reaches what is printed.

use proptest::prelude::*;

use super::*;

/// Stands for every secret, literal or from outside.
const SECRET: &str = "hunter2hunter2";

/// A file in which every secret is `SECRET`.
const FILE: &str = r#"graphite: {url: "https://u:SECRET@graphite.example.com", headers: {X-Key: SECRET}, timeout: 30s}
smtp: smtps://u:SECRET@mail.example.com
heartbeat: https://hc.example.com/SECRET
receivers:
  pager: {pagerduty: {routing_key: SECRET, url: "https://x:SECRET@events.example.com"}, levels: [critical]}
  mail: {email: {to: [a@example.com], from: b@example.com, smtp: "smtp://u:SECRET@h?tls=required"}}
  chat: {slack: {url: "https://hooks.slack.com/SECRET", channel: ops}}
  hook:
    webhook:
      url: https://example.com/SECRET
      method: POST
      headers: {Authorization: Bearer SECRET}
      body: '{"key": "SECRET"}'
  script: {command: {run: [/bin/true, --token, SECRET]}}
pagerduty_key: SECRET
slack: {warning: "https://hooks.slack.com/SECRET", critical: https://hooks.slack.com/w/SECRET}
alerts:
  - name: Load
    target: aliasByNode(servers.*.loadavg.05, 1)
    warning: 10
    critical: 20
    pagerduty_key: SECRET
    slack_url: https://hooks.slack.com/SECRET
"#;

fn file() -> String {
    FILE.replace("SECRET", SECRET)
}

/// Everything that is printed of a load, and its `Debug`.
fn shown(text: &str) -> String {
    let bench = Bench::new(&[("alerts.yml", text)]).with_env("TOKEN", SECRET);
    match bench.load(&["alerts.yml"]) {
        Ok(loaded) => format!(
            "{loaded:?}\n{}",
            loaded
                .warnings
                .iter()
                .map(Problem::to_string)
                .collect::<String>()
        ),
        Err(report) => {
            for problem in &report.0 {
                let said = problem.hint.is_some() || problem.message.contains("more problems");
                assert!(said && problem.message.lines().count() == 1, "{problem}");
            }
            format!("{report}\n{report:?}")
        }
    }
}

#[test]
fn the_debug_of_a_configuration_holds_no_secret() {
    assert!(shown(&file()).contains("Loaded"), "{}", shown(&file()));
    assert!(!shown(&file()).contains(SECRET), "{}", shown(&file()));
}

#[test]
fn a_misspelt_key_does_not_show_its_value() {
    for key in [
        "routing_key",
        "url",
        "slack_url",
        "pagerduty_key",
        "headers",
        "heartbeat",
        "pagerduty",
        "slack",
        "webhook",
        "Authorization",
    ] {
        for wrong in [
            key.to_uppercase(),
            format!("{key}s"),
            key.replacen(&key[..2], "", 1),
            format!("x{key}"),
        ] {
            let text = file().replace(&format!("{key}:"), &format!("{wrong}:"));
            assert!(!shown(&text).contains(SECRET), "{wrong}: {}", shown(&text));
        }
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_not_shown() {
    for (from, to) in [
        (
            "{routing_key: hunter2hunter2,",
            "{routing_key: [hunter2hunter2],",
        ),
        (
            "{routing_key: hunter2hunter2,",
            "{routing_key: {a: hunter2hunter2},",
        ),
        (
            "pagerduty: {routing_key: hunter2hunter2, url: \"https://x:hunter2hunter2@events.example.com\"}",
            "pagerduty: hunter2hunter2",
        ),
        (
            "pager: {pagerduty: {routing_key: hunter2hunter2, url: \"https://x:hunter2hunter2@events.example.com\"}, levels: [critical]}",
            "pager: hunter2hunter2",
        ),
        (
            "https://hooks.slack.com/hunter2hunter2\", channel",
            "hunter2hunter2\", channel",
        ),
        (
            "smtps://u:hunter2hunter2@mail.example.com",
            "smtps://u:hunter2/hunter2hunter2@mail",
        ),
        (
            "https://u:hunter2hunter2@graphite.example.com",
            "u:hunter2hunter2@graphite.example.com",
        ),
        ("{X-Key: hunter2hunter2}", "{X-Key: [hunter2hunter2]}"),
        (
            "https://hc.example.com/hunter2hunter2",
            "\"hunter2hunter2\"",
        ),
    ] {
        let text = file().replace(from, to);
        assert_ne!(text, file(), "{from}");
        assert!(!shown(&text).contains(SECRET), "{to}: {}", shown(&text));
    }
}

#[test]
fn values_from_outside_are_quoted_by_name_only() {
    let keys = [
        "timeout",
        "concurrency",
        "format",
        "cache",
        "gzip",
        "max_response",
        "error_for",
        "not_found",
        "ca",
        "url",
        "public_url",
    ];
    for key in keys {
        let text = shown(&format!("graphite: {{{key}: \"${{TOKEN}}\"}}\n"));
        assert!(
            text.contains("${TOKEN}") && !text.contains(SECRET),
            "{key}: {text}"
        );
    }
    for key in alerts::KEYS {
        let text = shown(&format!(
            "{HEAD}alerts:\n- {{name: L, target: a.b, warning: 1, critical: 2}}\n- {{{key}: \"${{TOKEN}}\", x: 1}}\n"
        ));
        assert!(!text.contains(SECRET), "{key}: {text}");
    }
    for key in [
        "levels",
        "resolved",
        "repeat",
        "after",
        "fallback",
        "fallback_after",
        "default",
        "console",
        "email",
    ] {
        let text = shown(&format!("receivers: {{a: {{{key}: \"${{TOKEN}}\"}}}}\n"));
        assert!(!text.contains(SECRET), "{key}: {text}");
    }
    for line in [
        "instance: [\"${TOKEN}\"]",
        "store: x://${TOKEN}",
        "listen: ${TOKEN}",
        "smtp: ${TOKEN}",
        "docs_url: ${TOKEN}",
        "heartbeat: ${TOKEN}",
        "routes: [{match: {alert: \"[${TOKEN}\"}, notify: \"${TOKEN}\"}]",
        "pagerduty: ${TOKEN}",
    ] {
        let text = shown(&format!("{HEAD}{line}\n"));
        assert!(!text.contains(SECRET), "{line}: {text}");
    }
}

#[test]
fn syntax_errors_do_not_show_secrets() {
    let file = file();
    for (at, _) in file
        .char_indices()
        .filter(|(_, c)| matches!(c, '\n' | ',' | '{' | '}' | '"' | ':'))
    {
        for junk in ["\t", "}", "\"", ": :", "]", "&", "\u{7}"] {
            let mut text = file.clone();
            text.insert_str(at, junk);
            let shown = shown(&text);
            assert!(!shown.contains(SECRET), "{junk:?} at {at}: {shown}");
        }
    }
}

/// Pieces out of which broken files are made.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~\\n\\t]{0,12}",
        proptest::sample::select(vec![
            "\n",
            "  ",
            "- ",
            ": ",
            "{",
            "}",
            "[",
            "]",
            "&a ",
            "*a",
            "<<: *a",
            "!!str ",
            "|\n",
            ">\n",
            "\"",
            "'",
            "#",
            "---\n",
            "...\n",
            "~",
            "${",
            "${TOKEN}",
            "${file:x}",
            "$${",
            "\u{feff}",
            "\u{0}",
            "é",
            "\r",
            "%YAML 1.2\n",
            "? ",
            ".nan",
            "1e999",
            "0x",
        ])
        .prop_map(str::to_owned),
        proptest::sample::select(
            alerts::KEYS
                .iter()
                .chain(whole::KEYS)
                .copied()
                .collect::<Vec<_>>()
        )
        .prop_map(|key| format!("{key}: ")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_on_any_text(pieces in proptest::collection::vec(piece(), 0..40)) {
        let _ = shown(&pieces.concat());
    }

    #[test]
    fn nothing_panics_on_a_damaged_file(at in any::<proptest::sample::Index>(), length in 0_usize..12, piece in piece()) {
        let file = file();
        let characters: Vec<char> = file.chars().collect();
        let at = at.index(characters.len());
        let end = (at + length).min(characters.len());
        let text: String = characters[..at].iter().collect::<String>() + &piece + &characters[end..].iter().collect::<String>();
        let _ = shown(&text);
    }
}
