//! Templates that users write for what a receiver shows, in Jinja's language.
//!
//! A template is checked when the configuration is read: its syntax, and that
//! it names nothing that no message has. It may still fail for one message (a
//! division by zero, too much work): then the caller takes the built-in words
//! and says so, since a template must never cost a notification. It reads no
//! files and includes no other template; its length, its work (fuel, which what
//! it allocates counts for too), its values with all that is in them
//! (`template/bounds.rs`), its output and its stack are bounded, and it repeats no
//! lists (`template/repeats.rs`).

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io;
use std::sync::LazyLock;
use std::thread;

use minijinja::{AutoEscape, Environment, Error, State, Value};

mod bounds;
mod repeats;
mod words;

use super::links;
use super::message::Message;
use super::text;
use crate::secret::Censor;

/// Instructions that one rendering may take.
const FUEL: u64 = 100_000;

/// Bytes of a template.
const LONGEST: usize = 16 * 1024;

/// Bytes of one `{{ }}` or `{% %}`: the library takes long to read thousands of
/// operators in a row.
const LONGEST_TAG: usize = 2 * 1024;

/// Bytes of a template without statements that can nest no deeper than any stack.
const SHORT: usize = 400;

/// Bytes of stack for all others: two thousand for each of their own. What is not
/// used costs address space alone.
const STACK: usize = 64 << 20;

/// Bytes that one rendering may produce.
const OUTPUT: usize = bounds::LARGEST;

/// What a template may name, as `docs/webhook.md` explains it.
pub const NAMES: [&str; 26] = [
    "alert",
    "series",
    "level",
    "level_text",
    "told",
    "worst",
    "value",
    "value_text",
    "condition",
    "words",
    "started",
    "ended",
    "changed",
    "no_data_since",
    "labels",
    "description",
    "first_steps",
    "docs",
    "graph",
    "target",
    "instance",
    "incident",
    "event",
    "number",
    "reason",
    "headline",
];

/// What the template of a link may name.
pub const LINK_NAMES: [&str; 5] = ["alert", "series", "labels", "target", "instance"];

/// A user's template, parsed.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    source: String,
    /// The same, with bounds for its values.
    bound: String,
}

/// A body may hold a key (`${TOKEN}`): a template is never shown.
impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Template(***)")
    }
}

/// How values are written into the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// As they are.
    None,
    /// Percent-encoded, but for a value that is a whole URL.
    Url,
    /// `&`, `<` and `>` as Slack's mrkdwn wants them.
    Slack,
}

impl Template {
    /// Parses a template of a message.
    ///
    /// # Errors
    /// One line that says where and what: a syntax error, or a name that no
    /// message has.
    pub fn parse(source: &str) -> Result<Self, String> {
        Self::parse_with(source, &NAMES)
    }

    /// Parses a template of a link, an alert's `docs` or `graph`.
    ///
    /// # Errors
    /// As for [`Template::parse`]; a link knows fewer names.
    pub fn parse_link(source: &str) -> Result<Self, String> {
        Self::parse_with(source, &LINK_NAMES)
    }

    fn parse_with(source: &str, names: &[&str]) -> Result<Self, String> {
        if source.len() > LONGEST {
            return Err(format!(
                "it is longer than {} KiB, which no message needs",
                LONGEST >> 10
            ));
        }
        if longest_tag(source) > LONGEST_TAG {
            return Err(format!(
                "one of its `{{{{ }}}}` or `{{% %}}` is longer than {} KiB; divide it with `{{% set %}}`",
                LONGEST_TAG >> 10
            ));
        }
        let tags = words::tags(source);
        repeats::refuse(&tags, names)?;
        with_room(source, || Self::check(source, names))?;
        let bound = bounds::bound(source, &tags);
        let again = with_room(&bound, || Self::check(&bound, names));
        // without the template: it may hold a key
        debug_assert_eq!(again, Ok(()));
        again?;
        Ok(Self {
            source: source.to_owned(),
            bound,
        })
    }

    fn check(source: &str, names: &[&str]) -> Result<(), String> {
        let template = PLAIN
            .template_from_str(source)
            .map_err(|error| explain(&error))?;
        let mut unknown: Vec<String> = template
            .undeclared_variables(false)
            .into_iter()
            .filter(|name| !names.contains(&name.as_str()) && !is_global(name))
            .collect();
        unknown.sort_unstable();
        match unknown.first() {
            Some(name) => Err(format!(
                "`{}` is not known here; there are {}",
                text::name(name),
                names.join(", ")
            )),
            None => Ok(()),
        }
    }

    /// Has `censor` hide what looks like a key in it, should somebody repeat what was made of it.
    pub fn hide_keys(&self, censor: Censor) -> Censor {
        censor.keys_in(&self.source)
    }

    /// The words that it makes of `message`, values as they are.
    ///
    /// # Errors
    /// One line that says why it cannot be rendered for this message.
    pub fn render(&self, message: &Message) -> Result<String, String> {
        self.render_as(message, Escape::None)
    }

    /// The same with every value escaped, save those marked `| safe`.
    ///
    /// # Errors
    /// One line that says why it cannot be rendered for this message.
    pub fn render_as(&self, message: &Message, escape: Escape) -> Result<String, String> {
        self.fill(context(message), escape)
    }

    pub(super) fn fill(&self, context: Value, escape: Escape) -> Result<String, String> {
        with_room(&self.bound, || self.fill_here(context, escape))
    }

    fn fill_here(&self, context: Value, escape: Escape) -> Result<String, String> {
        let environment = match escape {
            Escape::None => &*PLAIN,
            Escape::Url => &*URL,
            Escape::Slack => &*SLACK,
        };
        let template = environment
            .template_from_str(&self.bound)
            .map_err(|error| explain(&error))?;
        let mut output = Bounded(Vec::new());
        template
            .render_captured_to(context, &mut output)
            .map_err(|error| explain(&error))?;
        String::from_utf8(output.0).map_err(|error| error.to_string())
    }
}

/// Bytes of the longest `{{ }}` or `{% %}` of `source`. An end within quotes counts
/// as one: what a template can do is bounded elsewhere, this bounds honest mistakes.
fn longest_tag(source: &str) -> usize {
    let mut rest = source;
    let mut longest = 0;
    while let Some((begin, end)) = [("{{", "}}"), ("{%", "%}")]
        .into_iter()
        .filter_map(|(open, close)| Some((rest.find(open)?, close)))
        .min()
        .map(|(begin, close)| {
            let inside = rest.get(begin..).unwrap_or_default();
            (
                begin,
                begin + inside.find(close).map_or(inside.len(), |at| at + 2),
            )
        })
    {
        longest = longest.max(end - begin);
        rest = rest.get(end..).unwrap_or_default();
    }
    longest
}

/// Does `work` where a template of any shape has stack enough: the library reads
/// `- - - - 1` and `{% elif %}` by recursion, and an overflow would end the agent.
fn with_room<T: Send>(
    source: &str,
    work: impl FnOnce() -> Result<T, String> + Send,
) -> Result<T, String> {
    if source.len() <= SHORT && !source.contains("{%") {
        return work();
    }
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("template".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, work);
        match thread {
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|_| Err("it cannot be rendered".to_owned())),
            Err(error) => Err(format!("there is no memory to render it: {error}")),
        }
    })
}

/// What a template of a message sees. What a message lacks is undefined, so
/// that it prints as nothing and is false in a condition.
fn context(message: &Message) -> Value {
    let time = |at: crate::alert::Timestamp| Value::from(at.rfc3339());
    let mut pairs = vec![
        ("alert", Value::from(&*message.alert)),
        ("series", Value::from(message.series.as_str())),
        ("level", Value::from(message.level.as_str())),
        ("level_text", Value::from(message.level.text())),
        ("told", Value::from(message.told.as_str())),
        ("worst", Value::from(message.worst.as_str())),
        ("started", time(message.started)),
        ("changed", time(message.changed)),
        ("labels", labels(&message.labels)),
        ("instance", Value::from(&*message.instance)),
        ("incident", Value::from(message.incident.as_str())),
        ("event", Value::from(message.kind.as_str())),
        ("number", Value::from(message.event)),
        ("reason", Value::from(message.reason.as_str())),
        ("headline", Value::from(message.headline())),
    ];
    let mut add = |name, value: Option<Value>| pairs.extend(value.map(|value| (name, value)));
    add("value", message.value.map(number));
    add(
        "value_text",
        message.value.map(|value| Value::from(text::number(value))),
    );
    add("condition", message.condition.as_deref().map(Value::from));
    add("words", message.words.as_deref().map(Value::from));
    add("ended", message.ended.map(time));
    add("no_data_since", message.no_data_since.map(time));
    add(
        "description",
        message.description.as_deref().map(Value::from),
    );
    add(
        "first_steps",
        message.first_steps.as_deref().map(Value::from),
    );
    add("docs", message.docs.as_deref().map(Value::from));
    add("graph", message.graph.as_deref().map(Value::from));
    add("target", message.target.as_deref().map(Value::from));
    named(pairs)
}

/// What a template sees under these names.
pub(super) fn named(pairs: Vec<(&str, Value)>) -> Value {
    let pairs: BTreeMap<String, Value> = pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Value::from(pairs)
}

pub(super) fn labels(labels: &BTreeMap<String, String>) -> Value {
    named(
        labels
            .iter()
            .map(|(name, value)| (name.as_str(), Value::from(value.as_str())))
            .collect(),
    )
}

/// A whole number prints as one: `12`, not `12.0`.
fn number(value: f64) -> Value {
    // every whole number of this range is exact as a float and fits an i64
    if value.fract() == 0.0 && value.abs() < 9e15 {
        #[expect(clippy::cast_possible_truncation, reason = "in range, see above")]
        return Value::from(value as i64);
    }
    Value::from(value)
}

static PLAIN: LazyLock<Environment<'static>> = LazyLock::new(|| environment(Escape::None));
static URL: LazyLock<Environment<'static>> = LazyLock::new(|| environment(Escape::Url));
static SLACK: LazyLock<Environment<'static>> = LazyLock::new(|| environment(Escape::Slack));

fn environment(escape: Escape) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_debug(false);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.add_filter("urlencode", |text: String| {
        Value::from_safe_string(links::encode(&text))
    });
    environment.add_filter(bounds::BOUNDED, bounds::bounded);
    environment
        .set_formatter(move |output, state, value| format_escaped(escape, output, state, value));
    environment
}

fn format_escaped(
    escape: Escape,
    output: &mut minijinja::Output,
    state: &mut State,
    value: &Value,
) -> Result<(), Error> {
    bounds::measure(state, value, &mut { OUTPUT })?;
    if escape == Escape::None || value.is_safe() || value.is_undefined() {
        return minijinja::escape_formatter(output, state, value);
    }
    let mut text = Bounded(Vec::new());
    write!(text, "{value}").map_err(|_| bounds::too_long())?;
    let text = String::from_utf8_lossy(&text.0);
    let escaped = match escape {
        Escape::None => text.into_owned(),
        Escape::Url if is_url(&text) => text.into_owned(),
        Escape::Url => links::encode(&text),
        Escape::Slack => super::slack::escape(&text),
    };
    output.write_str(&escaped).map_err(Error::from)
}

fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

fn is_global(name: &str) -> bool {
    PLAIN.globals().any(|(global, _)| global == name)
}

/// The error on one line: what, and in which line where there are several.
fn explain(error: &Error) -> String {
    let what = error
        .detail()
        .map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
    let what = text::clip(&text::clean(&what), 300).into_owned();
    match error.line() {
        Some(line) => format!("{what} (line {line} of the template)"),
        None => what,
    }
}

/// Takes no more than [`OUTPUT`] bytes.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > OUTPUT {
            return Err(io::Error::other(format!(
                "the output is longer than {OUTPUT} bytes"
            )));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        io::Write::write_all(self, text.as_bytes()).map_err(|_| fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use super::super::message::tests::message;
    use super::*;

    fn check(source: &str, expected: &str) {
        assert_eq!(
            Template::parse(source).unwrap().render(&message()).unwrap(),
            expected
        );
    }

    #[test]
    fn every_documented_name_is_known() {
        for name in NAMES {
            Template::parse(&format!("{{{{ {name} }}}}"))
                .unwrap()
                .render(&message())
                .unwrap();
        }
    }

    #[test]
    fn values_are_written_as_they_are() {
        check(
            "{{ level_text }} {{ alert }}/{{ series }} {{ value }} {{ condition }}",
            "CRITICAL Load/web-1 23.4 >= 20",
        );
        check("{{ labels.team }}{{ labels.absent }}", "web");
        check(
            "{% if ended %}over{% else %}since {{ started }}{% endif %}",
            "since 2026-11-23T12:00:00Z",
        );
        check("{{ labels | tojson }}", r#"{"team": "web"}"#);
        check("{{ series | urlencode }}", "web-1");
        let whole = Message {
            value: Some(20.0),
            ..message()
        };
        assert_eq!(
            Template::parse("{{ value }}")
                .unwrap()
                .render(&whole)
                .unwrap(),
            "20"
        );
    }

    #[test]
    fn faults_are_found_when_it_is_parsed_and_said_on_one_line() {
        for (source, expected) in [
            ("a\n{{ series", "line 2"),
            (
                "{{ sries }}",
                "`sries` is not known here; there are alert, series",
            ),
            ("{% include 'x' %}{% for %}", "line 1"),
        ] {
            let error = Template::parse(source).unwrap_err();
            assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_template_and_each_of_its_expressions_have_a_greatest_length() {
        let text = "x".repeat(LONGEST - 20);
        assert!(Template::parse(&format!("{text}{{{{ series }}}}")).is_ok());
        let error = Template::parse(&"x".repeat(LONGEST + 1)).unwrap_err();
        assert!(error.contains("longer than 16 KiB"), "{error}");
        for (open, close) in [("{{ series", " }}"), ("{% set a = 1", " %}")] {
            let long = format!("{{{{ series }}}}{open}{}{close}", " ".repeat(LONGEST_TAG));
            let error = Template::parse(&long).unwrap_err();
            assert!(error.contains("longer than 2 KiB"), "{error}");
        }
    }

    #[test]
    fn a_value_is_gone_through_no_further_than_there_is_fuel() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
        for escape in [Escape::None, Escape::Url, Escape::Slack] {
            for source in ["{{ series }}", "{{ [{'a': series}] }}"] {
                let asked = Arc::new(AtomicUsize::new(0));
                let count = Arc::clone(&asked);
                let long = Value::make_iterable(move || {
                    let count = Arc::clone(&count);
                    (0..10_000_000).inspect(move |_| _ = count.fetch_add(1, Relaxed))
                });
                let template = Template::parse(source).unwrap();
                let error = template.fill(named(vec![("series", long)]), escape);
                assert!(error.unwrap_err().contains("ran out of fuel"));
                let asked = asked.load(Relaxed);
                assert!(asked as u64 <= FUEL, "{source}: {asked} elements");
            }
        }
    }

    #[test]
    fn a_list_that_doubles_itself_is_an_error_at_next_to_no_cost() {
        let tags = |tag: &str| tag.repeat(30);
        for template in [
            format!("{{% set a = ['x'] %}}{}{{{{ a ~ '' }}}}", tags("{% set a = [a, a] %}")),
            format!("{{% set a = ['x'] %}}{}{{{{ a|upper }}}}", tags("{% set a = a + a %}")),
            format!("{{% set a = 'x' %}}{}{{{{ a|tojson }}}}", tags("{% set a = {'a': a, 'b': a} %}")),
            format!("{}{{{{ a ~ '' }}}}{}", tags("{% with a = [a, a] %}"), tags("{% endwith %}"))
                .replacen("[a, a]", "['x']", 1),
            "{% set ns = namespace(a=['x']) %}{% for i in range(30) %}{% set ns.a = ns.a + ns.a %}{% endfor %}{{ ns.a ~ '' }}".to_owned(),
            "{% macro m(a, n) %}{% if n %}{{ m([a, a], n - 1) }}{% else %}{{ a ~ '' }}{% endif %}{% endmacro %}{{ m('x', 30) }}".to_owned(),
            "{% for a in [['x']] recursive %}{% if loop.depth < 30 %}{{ loop([[a, a]]) }}{% else %}{{ a ~ '' }}{% endif %}{% endfor %}".to_owned(),
            format!("{{{{ {} 'x' {} ~ '' }}}}", "range(50)|map('attr', 'x')|map('default', ".repeat(9), ")|list".repeat(9)),
        ] {
            let error = Template::parse(&template)
                .unwrap()
                .render(&message())
                .unwrap_err();
            assert!(
                error.contains("ran out of fuel") || error.contains("longer than 262144 bytes"),
                "{template}: {error}"
            );
        }
    }

    #[test]
    fn bounds_change_nothing_of_what_is_small() {
        check(
            "{%- for name, value in labels|items -%}\n  {{ loop.index }} {{ name }}={{ value|upper }}\n{%- endfor -%}",
            "1 team=WEB",
        );
        check(
            "{% macro m(a, b='y') -%} {{ a }}{{ b }}{{ b is defined }} {%- endmacro %}{{ m('x') }}",
            "xyTrue",
        );
        check("{% set a, b = series|split('-') %}{{ b }}{{ a }}", "1web");
        check("{% set a = '<'|safe %}{{ a is safe }}", "True");
        check(
            "{% with a = none %}{{ a is none }}{{ ended is defined }}{% endwith %}",
            "TrueFalse",
        );
        check(
            "{% set ns = namespace(a=[]) %}{% for c in series|list %}{% set ns.a = ns.a + [c] %}{% endfor %}{{ ns.a|join('.') }}",
            "w.e.b.-.1",
        );
        check("{{ ['b', 'a']|sort|join(', ')|title }}", "A, B");
    }

    #[test]
    fn lists_and_maps_are_written_as_they_are() {
        check(
            "{{ [1, 'a', [2]] }} {{ labels }}",
            "[1, 'a', [2]] {'team': 'web'}",
        );
    }

    #[test]
    fn a_link_knows_no_values() {
        assert!(Template::parse_link("https://x.example.com/{{ series }}").is_ok());
        assert!(Template::parse_link("https://x.example.com/{{ value }}").is_err());
    }

    #[test]
    fn loops_and_own_names_are_allowed() {
        check(
            "{% set a = 1 %}{% for n, v in labels|items %}{{ n }}={{ v }}{{ a }}{% endfor %}{{ range(2)|length }}",
            "team=web12",
        );
    }

    #[test]
    fn endless_work_and_endless_output_are_errors() {
        for source in [
            "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
            "{% for a in range(9000) %}{{ series * 1000 }}{% endfor %}",
            "{% include 'other' %}",
            "{{ labels.a.b.c }}",
        ] {
            let error = Template::parse(source)
                .unwrap()
                .render(&message())
                .unwrap_err();
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
