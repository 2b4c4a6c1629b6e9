//! The options of each form of the plugin, and command lines taken apart by them.

use super::plugin::Form;

/// What an option means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Where Graphite is.
    Url,
    /// What it is asked for.
    Metric,
    /// Begin of the window.
    From,
    /// Its end.
    Until,
    /// Length of the window in minutes.
    Minutes,
    /// In seconds.
    Seconds,
    /// A threshold.
    Warning,
    /// A threshold.
    Critical,
    /// How a window becomes a value.
    Function,
    /// A percentile does.
    Percentile,
    /// Low values are bad.
    Under,
    /// A name for people.
    Name,
    /// User or password.
    Login,
    /// Want of data is fine.
    IgnoreMissing,
    /// It changes nothing here.
    Quiet,
    /// It changes nothing here, and has a value.
    QuietValue,
    /// It has no equal.
    Beyond,
}

type Names = &'static [(&'static str, Key)];

const GEM: Names = &[
    ("-H", Key::Url),
    ("--endpoint", Key::Url),
    ("-M", Key::Metric),
    ("--metric", Key::Metric),
    ("-F", Key::From),
    ("--from", Key::From),
    ("-N", Key::Name),
    ("--name", Key::Name),
    ("-w", Key::Warning),
    ("--warning", Key::Warning),
    ("-c", Key::Critical),
    ("--critical", Key::Critical),
    ("-t", Key::QuietValue),
    ("--timeout", Key::QuietValue),
    ("-U", Key::Login),
    ("--username", Key::Login),
    ("-P", Key::Login),
    ("--password", Key::Login),
    ("-I", Key::IgnoreMissing),
    ("--ignore-missing", Key::IgnoreMissing),
    ("--projection", Key::Beyond),
];
const OBFUSCURITY: Names = &[
    ("-u", Key::Url),
    ("--url", Key::Url),
    ("-m", Key::Metric),
    ("--metric", Key::Metric),
    ("-s", Key::Name),
    ("--shortname", Key::Name),
    ("-d", Key::Minutes),
    ("--duration", Key::Minutes),
    ("-f", Key::Function),
    ("--function", Key::Function),
    ("-w", Key::Warning),
    ("--warning", Key::Warning),
    ("-c", Key::Critical),
    ("--critical", Key::Critical),
    ("-U", Key::QuietValue),
    ("--units", Key::QuietValue),
    ("-M", Key::QuietValue),
    ("--message", Key::QuietValue),
    ("-z", Key::Quiet),
    ("--zero-on-error", Key::Quiet),
    ("-l", Key::Quiet),
    ("--link-graph", Key::Quiet),
    ("-v", Key::Quiet),
    ("--verbose", Key::Quiet),
];
const DISQUS: Names = &[
    ("-U", Key::Url),
    ("--graphite-url", Key::Url),
    ("-t", Key::Metric),
    ("--target", Key::Metric),
    ("--from", Key::From),
    ("--until", Key::Until),
    ("--percentile", Key::Percentile),
    ("--over", Key::Quiet),
    ("--under", Key::Under),
    ("-W", Key::Warning),
    ("-C", Key::Critical),
    ("--confidence", Key::Beyond),
    ("--compare", Key::Beyond),
    ("--count", Key::Beyond),
    ("--threshold", Key::Beyond),
    ("--percent", Key::Beyond),
];
const ETSY: Names = &[
    ("-u", Key::Url),
    ("--url", Key::Url),
    ("-w", Key::Warning),
    ("--warn", Key::Warning),
    ("-c", Key::Critical),
    ("--crit", Key::Critical),
    ("-r", Key::Under),
    ("-s", Key::Seconds),
    ("--seconds", Key::Seconds),
];
const JANSSON: Names = &[
    ("--host", Key::Url),
    ("-o", Key::Url),
    ("--metric", Key::Metric),
    ("-m", Key::Metric),
    ("--critical", Key::Critical),
    ("-c", Key::Critical),
    ("--warning", Key::Warning),
    ("-w", Key::Warning),
    ("--invert", Key::Under),
    ("-i", Key::Under),
    ("--duration", Key::Minutes),
    ("-d", Key::Minutes),
    ("--function", Key::Function),
    ("-f", Key::Function),
    ("--user", Key::Login),
    ("-u", Key::Login),
    ("--password", Key::Login),
    ("-p", Key::Login),
];
const NETWAYS: Names = &[
    ("-g", Key::Metric),
    ("-H", Key::Url),
    ("-w", Key::Warning),
    ("-c", Key::Critical),
    ("-t", Key::From),
];
const UNKNOWN: Names = &[
    ("-u", Key::Url),
    ("-U", Key::Url),
    ("-H", Key::Url),
    ("--url", Key::Url),
    ("--host", Key::Url),
    ("--graphite-url", Key::Url),
    ("--endpoint", Key::Url),
    ("-m", Key::Metric),
    ("-M", Key::Metric),
    ("-t", Key::Metric),
    ("--metric", Key::Metric),
    ("--target", Key::Metric),
    ("-target", Key::Metric),
    ("-w", Key::Warning),
    ("-W", Key::Warning),
    ("--warning", Key::Warning),
    ("--warn", Key::Warning),
    ("-c", Key::Critical),
    ("-C", Key::Critical),
    ("--critical", Key::Critical),
    ("--crit", Key::Critical),
    ("-F", Key::From),
    ("--from", Key::From),
    ("--until", Key::Until),
    ("-d", Key::Minutes),
    ("--duration", Key::Minutes),
    ("-f", Key::Function),
    ("--function", Key::Function),
    ("--percentile", Key::Percentile),
    ("-N", Key::Name),
    ("--name", Key::Name),
    ("--under", Key::Under),
    ("--invert", Key::Under),
    ("-P", Key::Login),
    ("--password", Key::Login),
    ("--username", Key::Login),
    ("--user", Key::Login),
    ("--timeout", Key::QuietValue),
    ("-T", Key::QuietValue),
    ("-v", Key::Quiet),
];

fn names(form: Form) -> Names {
    match form {
        Form::Gem => GEM,
        Form::Obfuscurity => OBFUSCURITY,
        Form::Disqus => DISQUS,
        Form::Etsy => ETSY,
        Form::Jansson => JANSSON,
        Form::Netways => NETWAYS,
        Form::Unknown => UNKNOWN,
    }
}

/// Options with their values, in their order.
pub struct Options {
    found: Vec<(Key, String)>,
    /// What is none of the plugin's options, as it may be shown.
    pub unknown: Vec<String>,
}

impl Options {
    /// Reads the arguments of a plugin of this form.
    ///
    /// # Errors
    /// An option lacks its value.
    pub fn read(form: Form, arguments: &[String]) -> Result<Self, String> {
        let names = names(form);
        let mut options = Self {
            found: Vec::new(),
            unknown: Vec::new(),
        };
        let mut rest = arguments.iter();
        while let Some(word) = rest.next() {
            let (name, mut value) = match word.split_once('=') {
                Some((name, value)) if word.starts_with('-') => (name, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            let mut known = names.iter().find(|(known, _)| *known == name);
            if known.is_none()
                && value.is_none()
                && word.starts_with('-')
                && !word.starts_with("--")
            {
                // `-w10`
                known = names
                    .iter()
                    .find(|(known, _)| known.len() == 2 && word.starts_with(known));
                value = known.and_then(|_| word.get(2..)).map(str::to_owned);
            }
            let Some((_, key)) = known else {
                options
                    .unknown
                    .push(super::words::shown(std::slice::from_ref(word)));
                continue;
            };
            let flag = matches!(key, Key::Under | Key::Quiet | Key::IgnoreMissing);
            let value = match value {
                Some(value) => value,
                None if flag => String::new(),
                None => rest
                    .next()
                    .cloned()
                    .ok_or_else(|| format!("its option `{name}` has no value"))?,
            };
            options.found.push((*key, value));
        }
        Ok(options)
    }

    /// Whether an option is there.
    pub fn has(&self, key: Key) -> bool {
        self.found.iter().any(|(found, _)| *found == key)
    }

    /// All values of an option.
    pub fn all(&self, key: Key) -> impl Iterator<Item = &str> {
        self.found
            .iter()
            .filter(move |(found, _)| *found == key)
            .map(|(_, value)| value.as_str())
    }

    /// The value that counts: the last.
    pub fn last(&self, key: Key) -> Option<&str> {
        self.all(key).last()
    }
}
