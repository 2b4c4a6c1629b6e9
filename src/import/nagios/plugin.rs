//! `check_graphite` in its widespread forms: what its options mean.
//!
//! There is no one plugin of this name. Each form is told by its options:
//!
//! | form | options | judges |
//! |---|---|---|
//! | Ruby gem (pyr/check-graphite) | `-H URL/render -M METRIC -F 10minutes -w RANGE -c RANGE` | the average |
//! | obfuscurity/nagios-scripts, Icinga's template library | `-u URL -m METRIC -d MINUTES -f FUNCTION -w N -c N` | the average, `>=` or `<=` by their order |
//! | disqus/nagios-plugins | `-U URL -t TARGET --from TIME -W N -C N --under` | any point, `>` or `<` |
//! | etsy/nagios_tools `check_graphite_data` | `-u URL?target=... -w N -c N -r -s SECONDS` | the last value or an average, `>=` or `<=` |
//! | andreasjansson/check_graphite | `--host HOST -m METRIC -c N -w N -i -d MINUTES -f FUNCTION` | the average, `>` or `<` |
//! | NETWAYS/check_graphite | `-g METRIC -H URL -w N -c uN -t 24h` | the last value, `>`; `<` with `u` |
//!
//! Any other is read by what its options are mostly called, and that is said.

use url::Url;

use super::options::{Key, Options};
use super::range;
use crate::import::region::{Comparison, Number, Region};

/// What one command line checks.
#[derive(Debug)]
pub struct Check {
    /// What Graphite is asked for.
    pub targets: Vec<String>,
    /// Where Graphite is.
    pub url: Option<String>,
    /// Whether it logs in.
    pub login: bool,
    /// A name that it gives to its value.
    pub name: Option<String>,
    /// Begin of the window, as Graphite is asked.
    pub from: String,
    /// Its end.
    pub until: Option<String>,
    /// How a window becomes a value.
    pub reduce: String,
    /// For which values it warns.
    pub warning: Region,
    /// For which values it is critical.
    pub critical: Region,
    /// What want of data is.
    pub no_data: &'static str,
    /// What is different.
    pub remarks: Vec<String>,
}

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Gem,
    Obfuscurity,
    Disqus,
    Etsy,
    Jansson,
    Netways,
    Unknown,
}

/// Commands of wikimedia's form, which counts points.
const COUNTING: [&str; 3] = ["check_threshold", "check_series_threshold", "check_anomaly"];

/// What the words of a command line, the program first, mean.
///
/// # Errors
/// Why it cannot be taken, in words.
pub fn read(words: &[String]) -> Result<Check, String> {
    let (program, arguments) = words.split_first().ok_or("its command line is empty")?;
    if let Some(kind) = arguments
        .iter()
        .find(|word| COUNTING.contains(&word.as_str()))
    {
        return Err(format!(
            "`{kind}` counts how many points of a window are bad, which has no equal"
        ));
    }
    let form = form(program, arguments);
    let options = Options::read(form, arguments)?;
    let mut check = options.check(form)?;
    let (warning, critical) = (options.last(Key::Warning), options.last(Key::Critical));
    if warning.is_none() && critical.is_none() {
        return Err("it has no thresholds".to_owned());
    }
    (check.warning, check.critical) = thresholds(form, warning, critical, options.has(Key::Under))?;
    if check.targets.is_empty() {
        return Err("it names no metric".to_owned());
    }
    remark_on_several(&mut check, form);
    Ok(check)
}

/// Which of the plugins has these options.
fn form(program: &str, arguments: &[String]) -> Form {
    let has = |names: &[&str]| {
        arguments.iter().any(|word| {
            let word = word.split('=').next().unwrap_or_default();
            names.contains(&word)
        })
    };
    let url_with_target = arguments
        .iter()
        .any(|word| word.contains("://") && word.contains("target="));
    match () {
        () if program.ends_with("check_graphite_data") || url_with_target => Form::Etsy,
        () if has(&["-g"]) && has(&["-H"]) => Form::Netways,
        () if has(&["--endpoint"]) || has(&["-H"]) && has(&["-M", "--metric"]) => Form::Gem,
        () if has(&["--host", "-o"]) && has(&["-m", "--metric"]) => Form::Jansson,
        () if has(&["-t", "--target"]) && has(&["-W", "-C", "--confidence", "--threshold"]) => {
            Form::Disqus
        }
        () if has(&["-u", "--url"]) && has(&["-m", "--metric"]) => Form::Obfuscurity,
        () => Form::Unknown,
    }
}

impl Options {
    /// Everything but thresholds.
    fn check(&self, form: Form) -> Result<Check, String> {
        if self.has(Key::Beyond) {
            return Err("it compares with a forecast, a projection or a number of points, which has no equal".to_owned());
        }
        let login = |value: &&str| value.contains("://");
        let url = self
            .last(Key::Url)
            .or_else(|| self.all(Key::Login).find(login));
        let mut check = Check {
            targets: self.all(Key::Metric).map(str::to_owned).collect(),
            url: url.map(with_scheme),
            login: self.all(Key::Login).any(|value| !value.contains("://")),
            name: self.last(Key::Name).map(str::to_owned),
            from: String::new(),
            until: self
                .last(Key::Until)
                .filter(|until| *until != "now")
                .map(ago),
            reduce: "avg".to_owned(),
            warning: Region::none(),
            critical: Region::none(),
            no_data: if self.has(Key::IgnoreMissing) {
                "ok"
            } else {
                "alert"
            },
            remarks: Vec::new(),
        };
        check.from = self.last(Key::From).map(ago).unwrap_or_default();
        if let Some(minutes) = self.last(Key::Minutes) {
            check.from = format!("-{}min", minutes.trim().trim_start_matches('-'));
        }
        if check.from.is_empty() {
            check.from = if form == Form::Gem { "-30s" } else { "-5min" }.to_owned();
        }
        self.forms(form, &mut check)?;
        if let Some(function) = self.last(Key::Function) {
            check.reduce = reduce(function)?;
        }
        if !self.unknown.is_empty() {
            let words = crate::import::foreign::list(self.unknown.iter().map(String::as_str));
            check.remarks.push(format!(
                "not understood in its command line, and left out: {words}"
            ));
        }
        Ok(check)
    }

    /// What the forms do in their own ways.
    fn forms(&self, form: Form, check: &mut Check) -> Result<(), String> {
        let under = self.has(Key::Under);
        match form {
            Form::Disqus => {
                check.reduce = if under { "min" } else { "max" }.to_owned();
                check.no_data = "critical";
                if under {
                    check.remarks.push("the plugin did not look at points of zero; here they count".to_owned());
                }
            }
            Form::Netways => {
                check.reduce = "last".to_owned();
                check.from = self.last(Key::From).map_or_else(|| "-1d".to_owned(), |text| ago(&in_minutes(text)));
                check.remarks.push("without data the plugin judged 0; here want of data is told".to_owned());
            }
            Form::Etsy => self.etsy(check)?,
            Form::Unknown => check.remarks.push(
                "these are the options of none of the plugins that are known (docs/import.md): it is taken to judge the average by the ranges of monitoring plugins".to_owned(),
            ),
            Form::Gem | Form::Obfuscurity | Form::Jansson => {}
        }
        if let Some(percentile) = self
            .last(Key::Percentile)
            .filter(|percentile| *percentile != "0")
        {
            check.reduce = format!("p{percentile}");
        }
        Ok(())
    }

    /// Target and window stand in the URL.
    fn etsy(&self, check: &mut Check) -> Result<(), String> {
        let url = self.last(Key::Url).ok_or("it has no URL")?;
        let url = Url::parse(url).map_err(|why| format!("its URL is none: {why}"))?;
        let query = |name: &str| {
            let pairs = url.query_pairs().filter(move |(key, _)| key == name);
            pairs
                .map(|(_, value)| value.into_owned())
                .collect::<Vec<_>>()
        };
        check.targets = query("target");
        if let Some(from) = query("from").last() {
            check.from = ago(from);
        } else {
            check.from = "-1d".to_owned();
        }
        if let Some(until) = query("until").last().filter(|until| *until != "now") {
            check.until = Some(ago(until));
        }
        check.reduce = "last".to_owned();
        if let Some(seconds) = self.last(Key::Seconds).filter(|seconds| *seconds != "0") {
            check.reduce = "avg".to_owned();
            check.from = format!("-{seconds}s");
        }
        check.remarks.push("without data the plugin judged 0, and it did not look at points of zero; here want of data is told, and zero counts".to_owned());
        Ok(())
    }
}

fn with_scheme(url: &str) -> String {
    match url.contains("://") {
        true => url.to_owned(),
        false => format!("http://{url}"),
    }
}

/// `10minutes` as `-10minutes`; what has a sign, or is no number, as it is.
fn ago(text: &str) -> String {
    let text = text.trim();
    match text.starts_with(|c: char| c.is_ascii_digit())
        && !text.chars().all(|c| c.is_ascii_digit())
    {
        true => format!("-{text}"),
        false => text.to_owned(),
    }
}

/// `5m` as NETWAYS has it is minutes.
fn in_minutes(text: &str) -> String {
    text.strip_suffix('m')
        .map_or_else(|| text.to_owned(), |number| format!("{number}min"))
}

fn reduce(function: &str) -> Result<String, String> {
    let word = match function {
        "average" | "avg" | "mean" => "avg",
        "max" | "maximum" => "max",
        "min" | "minimum" => "min",
        "sum" => "sum",
        "last" => "last",
        "median" => "median",
        other => return Err(format!("its function `{other}` has no equal")),
    };
    Ok(word.to_owned())
}

/// For which values it warns, and for which it is critical.
fn thresholds(
    form: Form,
    warning: Option<&str>,
    critical: Option<&str>,
    under: bool,
) -> Result<(Region, Region), String> {
    let both = |of: &dyn Fn(&str) -> Result<Region, String>| {
        let read = |text: Option<&str>| text.map_or_else(|| Ok(Region::none()), of);
        Ok((read(warning)?, read(critical)?))
    };
    let side =
        |comparison: Comparison| move |text: &str| Ok(Region::of(comparison, &number(text)?));
    let value = |text: Option<&str>| text.map(number).transpose();
    let falling = || -> Result<bool, String> {
        let (warning, critical) = (value(warning)?, value(critical)?);
        Ok(warning
            .zip(critical)
            .is_some_and(|(warning, critical)| warning.value > critical.value))
    };
    match form {
        Form::Gem | Form::Unknown if !under => both(&range::parse),
        Form::Gem | Form::Unknown | Form::Disqus if under => both(&side(Comparison::Below)),
        Form::Disqus => both(&side(Comparison::Above)),
        Form::Etsy if under => both(&side(Comparison::AtMost)),
        Form::Etsy => both(&side(Comparison::AtLeast)),
        // it compares upwards only where critical is the greater
        Form::Obfuscurity if falling()? => both(&side(Comparison::AtMost)),
        Form::Obfuscurity => both(&side(Comparison::AtLeast)),
        Form::Jansson if under || falling()? => both(&side(Comparison::Below)),
        Form::Jansson => both(&side(Comparison::Above)),
        _ => both(&|text: &str| match text.strip_prefix('u') {
            Some(below) => Ok(Region::of(Comparison::Below, &number(below)?)),
            None => Ok(Region::of(Comparison::Above, &number(text)?)),
        }),
    }
}

/// A number, with a prefix of the SI as Jansson's plugin takes it.
fn number(text: &str) -> Result<Number, String> {
    let wrong = || format!("its threshold `{text}` is no number");
    let trimmed = text.trim();
    let (digits, factor) = match trimmed.chars().last() {
        Some('k' | 'K') => (trimmed.get(..trimmed.len() - 1), 1e3),
        Some('M') => (trimmed.get(..trimmed.len() - 1), 1e6),
        Some('G') => (trimmed.get(..trimmed.len() - 1), 1e9),
        Some('T') => (trimmed.get(..trimmed.len() - 1), 1e12),
        _ => (Some(trimmed), 1.0),
    };
    let value: f64 = digits.unwrap_or_default().parse().map_err(|_| wrong())?;
    if !(value * factor).is_finite() {
        return Err(wrong());
    }
    let mut number = Number::plain(value * factor);
    if factor > 1.0 {
        // the same letters mean the same here
        number.text = trimmed.replace('k', "K");
    }
    Ok(number)
}

/// Plugins look at one value, alerts at each series.
fn remark_on_several(check: &mut Check, form: Form) {
    let several = check.targets.len() > 1
        || check
            .targets
            .iter()
            .any(|target| target.contains(['*', '{', '[', '?']));
    if !several {
        return;
    }
    let remark = match form {
        Form::Obfuscurity => {
            "the plugin added up the averages of all series that it got; here each series is judged: `sumSeries()` around the target gives their sum"
        }
        Form::Disqus => return,
        _ => "the plugin looked at the first series that it got; here each series is judged",
    };
    check.remarks.push(remark.to_owned());
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
    use crate::import::region::Written;

    fn written(region: &Region) -> String {
        match region.written() {
            Written::Condition { text, .. } => text,
            other => format!("{other:?}"),
        }
    }

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let words = super::super::words::split(line).unwrap();
        let read = read(&words).map(|check| {
            format!(
                "{} from {} {} w {} c {}",
                check.targets.join(", "),
                check.from,
                check.reduce,
                written(&check.warning),
                written(&check.critical)
            )
        });
        assert_eq!(read.unwrap_or_else(|why| why), expected, "{line}");
    }

    #[test]
    fn each_plugin_is_read_as_it_judges() {
        check(
            "check_graphite -H http://g/render -M a.b -F 10minutes -w 1 -c 2:3 -N load",
            "a.b from -10minutes avg w outside 0..1 c outside 2..3",
        );
        check(
            "check_graphite -H http://g/render -M a.b -w ~:1 -c ~:2",
            "a.b from -30s avg w > 1 c > 2",
        );
        check(
            "check_graphite -u http://g -m 'a(b, c)' -w 15 -c 25",
            "a(b, c) from -5min avg w >= 15 c >= 25",
        );
        check(
            "check_graphite -u http://g -m a -d 10 -f sum -w 350 -c 300",
            "a from -10min sum w <= 350 c <= 300",
        );
        check(
            "check_graphite.py -U http://g -t a --from=-1hour -W 5 -C 10",
            "a from -1hour max w > 5 c > 10",
        );
        check(
            "check_graphite.py -U http://g -t a --from -1h --under -W 5 -C 2",
            "a from -1h min w < 5 c < 2",
        );
        check(
            "check_graphite.py -U http://g -t a --from -1h --percentile 95 -W 5 -C 9",
            "a from -1h p95 w > 5 c > 9",
        );
        check(
            "check_graphite_data -u 'http://g/render?target=a.b&from=-1hours&rawData' -w 1 -c 2",
            "a.b from -1hours last w >= 1 c >= 2",
        );
        check(
            "check_graphite_data -r -s 300 -u 'http://g/render?target=a.b&rawData' -w 2 -c 1",
            "a.b from -300s avg w <= 2 c <= 1",
        );
        check(
            "check_graphite --host g:80 -m a -c 3k -w 1k -f max",
            "a from -5min max w > 1K c > 3K",
        );
        check(
            "check_graphite --host g:80 -m a -c 1 -w 2",
            "a from -5min avg w < 2 c < 1",
        );
        check(
            "check_graphite.py -g a -H http://g/ -w 85.4 -c u0 -t 3d",
            "a from -3d last w > 85.4 c < 0",
        );
        check(
            "check_graphite -U http://g -M a -w10 -c @5:7",
            "a from -5min avg w outside 0..10 c inside 5..7",
        );
    }

    #[test]
    fn what_cannot_be_taken_is_said() {
        check(
            "check_graphite check_threshold a -C 10",
            "`check_threshold` counts how many points of a window are bad, which has no equal",
        );
        check("check_graphite -u http://g -m a", "it has no thresholds");
        check("check_graphite -u http://g -w 5", "it names no metric");
        check(
            "check_graphite -u http://g -m a -w x",
            "its threshold `x` is no number",
        );
        check(
            "check_graphite -u http://g -m a -w",
            "its option `-w` has no value",
        );
        check(
            "check_graphite -U http://g -t a --from -1h --confidence -W 1 -C 2",
            "it compares with a forecast, a projection or a number of points, which has no equal",
        );
    }
}
