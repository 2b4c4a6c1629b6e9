//! Reads a target expression: metric globs and the few functions that the
//! demo's alerts and their graph links use.
//!
//! Knows no series and no time. What is parsed can be evaluated without
//! failing: functions exist, arguments fit, globs compile. Length and nesting
//! are bounded, so that no request can exhaust the stack.

use globset::{GlobBuilder, GlobMatcher, GlobSetBuilder};

/// Longest expression, in bytes.
const LENGTH: usize = 8192;
/// Deepest nesting of calls.
const DEPTH: usize = 32;

/// What an expression asks for.
#[derive(Clone, Debug)]
pub enum Query {
    /// Series by the name's glob.
    Metrics(GlobMatcher),
    /// `alias(x, 'name')`
    Alias(Box<Query>, String),
    /// `aliasByNode(x, n...)`; negative counts from the end.
    AliasByNode(Box<Query>, Vec<i64>),
    /// `aliasSub(x, "^", 'text')`: the text before the name; no other pattern.
    Prefixed(Box<Query>, String),
    /// `grep(x, "^literal$")`: those of exactly this legend.
    Only(Box<Query>, String),
    /// `threshold(v, 'label')`, `constantLine(v)`: a straight line.
    Line(f64, String),
}

enum Argument {
    Query(Query),
    Number(f64, String),
    Text(String),
}

struct Parser<'a> {
    whole: &'a str,
    rest: &'a str,
}

/// Reads one expression.
///
/// # Errors
/// A sentence for people, as graphite-web words it where it has one.
pub fn parse(text: &str) -> Result<Query, String> {
    if text.len() > LENGTH {
        return Err(format!(
            "target is {} bytes long, the longest allowed is {LENGTH}",
            text.len()
        ));
    }
    let mut parser = Parser {
        whole: text,
        rest: text,
    };
    let query = match parser.argument(0)? {
        Argument::Query(query) => query,
        Argument::Number(..) | Argument::Text(_) => {
            return Err(format!("expected a metric or a function, found `{text}`"));
        }
    };
    parser.blanks();
    if parser.rest.is_empty() {
        Ok(query)
    } else {
        Err(parser.unexpected("the end"))
    }
}

impl<'a> Parser<'a> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.blanks();
        self.rest
            .strip_prefix(wanted)
            .map(|rest| self.rest = rest)
            .is_some()
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn unexpected(&self, expected: &str) -> String {
        let column = self.whole.chars().count() - self.rest.chars().count() + 1;
        match self.rest.chars().next() {
            Some(found) => format!("expected {expected} at character {column}, found `{found}`"),
            None => format!("expected {expected} at character {column}, found the end"),
        }
    }

    fn argument(&mut self, depth: usize) -> Result<Argument, String> {
        if depth > DEPTH {
            return Err(format!("calls are nested deeper than {DEPTH}"));
        }
        self.blanks();
        if let Some(quote) = self
            .rest
            .chars()
            .next()
            .filter(|first| matches!(first, '"' | '\''))
        {
            return self.quoted(quote).map(Argument::Text);
        }
        let word = self.word()?;
        if self.eat('(') {
            return self.call(word, depth + 1).map(Argument::Query);
        }
        if self.eat('=') {
            // `label="x"`: the few functions here take their arguments in one order only
            return self.argument(depth + 1);
        }
        match word.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Argument::Number(number, word.to_owned())),
            _ => glob(word).map(|glob| Argument::Query(Query::Metrics(glob))),
        }
    }

    /// A metric's glob, a number, or a function's name; commas in braces belong to it.
    fn word(&mut self) -> Result<&'a str, String> {
        let mut braces = 0_usize;
        let length = self
            .rest
            .find(|c: char| {
                match c {
                    '{' => braces += 1,
                    '}' => braces = braces.saturating_sub(1),
                    _ => {}
                }
                matches!(c, '(' | ')' | '"' | '\'' | '=')
                    || c.is_whitespace()
                    || (c == ',' && braces == 0)
            })
            .unwrap_or(self.rest.len());
        if length == 0 {
            return Err(self.unexpected("a metric or a function"));
        }
        Ok(self.take(length))
    }

    /// As in Graphite, a backslash keeps the quote from ending the text and stays in it.
    fn quoted(&mut self, quote: char) -> Result<String, String> {
        self.take(1);
        let mut escaped = false;
        let end = self.rest.find(|c: char| {
            let ends = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let Some(end) = end else {
            return Err(format!("no closing {quote} in `{}`", self.whole));
        };
        let text = self.take(end).to_owned();
        self.take(1);
        Ok(text)
    }

    fn call(&mut self, function: &str, depth: usize) -> Result<Query, String> {
        let mut arguments = Vec::new();
        if !self.eat(')') {
            loop {
                arguments.push(self.argument(depth)?);
                if self.eat(')') {
                    break;
                }
                if !self.eat(',') {
                    return Err(self.unexpected("`,` or `)`"));
                }
            }
        }
        build(function, arguments)
    }
}

fn build(function: &str, arguments: Vec<Argument>) -> Result<Query, String> {
    let mut arguments = arguments.into_iter();
    let first = arguments.next();
    match (function, first) {
        ("alias", Some(Argument::Query(query))) => match (arguments.next(), arguments.next()) {
            (Some(Argument::Text(name)), None) => Ok(Query::Alias(Box::new(query), name)),
            _ => Err(wrong(function, "a series list and a name")),
        },
        ("aliasByNode", Some(Argument::Query(query))) => {
            let nodes = arguments
                .map(node)
                .collect::<Option<Vec<_>>>()
                .filter(|nodes| !nodes.is_empty());
            let nodes = nodes.ok_or_else(|| wrong(function, "a series list and node numbers"))?;
            Ok(Query::AliasByNode(Box::new(query), nodes))
        }
        ("aliasSub", Some(Argument::Query(query))) => {
            match (arguments.next(), arguments.next(), arguments.next()) {
                (Some(Argument::Text(pattern)), Some(Argument::Text(prefix)), None)
                    // what follows a backslash could be a group
                    if pattern == "^" && !prefix.contains('\\') =>
                {
                    Ok(Query::Prefixed(Box::new(query), prefix))
                }
                (Some(Argument::Text(_)), Some(Argument::Text(_)), None) => {
                    Err("aliasSub knows only the pattern ^ and plain text here".to_owned())
                }
                _ => Err(wrong(function, "a series list, a pattern and a text")),
            }
        }
        ("grep", Some(Argument::Query(query))) => match (arguments.next(), arguments.next()) {
            (Some(Argument::Text(pattern)), None) => literal(&pattern)
                .map(|legend| Query::Only(Box::new(query), legend))
                .ok_or_else(|| {
                    format!(
                        "grep knows only patterns of the form ^literal$ here, found `{pattern}`"
                    )
                }),
            _ => Err(wrong(function, "a series list and a pattern")),
        },
        ("threshold", Some(Argument::Number(value, _))) => match arguments.next() {
            None => Ok(Query::Line(value, format!("{value:?}"))),
            // a third argument is the colour, which the drawing chooses by the label
            Some(Argument::Text(label)) => Ok(Query::Line(value, label)),
            _ => Err(wrong(function, "a number, a label and a colour")),
        },
        ("constantLine", Some(Argument::Number(value, _))) => {
            Ok(Query::Line(value, format!("{value:?}")))
        }
        ("alias" | "aliasByNode" | "aliasSub" | "grep", _) => {
            Err(wrong(function, "a series list first"))
        }
        ("threshold" | "constantLine", _) => Err(wrong(function, "a number first")),
        _ => Err(format!("Received request for unknown function: {function}")),
    }
}

fn wrong(function: &str, wants: &str) -> String {
    format!("{function} takes {wants}")
}

fn node(argument: Argument) -> Option<i64> {
    match argument {
        Argument::Number(_, written) => written.parse().ok(),
        Argument::Query(_) | Argument::Text(_) => None,
    }
}

/// A glob whose `*` and `?` stop at dots.
fn glob(pattern: &str) -> Result<GlobMatcher, String> {
    // globset knows slashes for separators, and `**` as any number of folders: Graphite does not
    let mut path = pattern.replace('.', "/");
    while path.contains("**") {
        path = path.replace("**", "*");
    }
    let glob = GlobBuilder::new(&path)
        .literal_separator(true)
        .backslash_escape(false)
        .build()
        .map_err(|error| format!("`{pattern}` is no metric: {}", error.kind()))?;
    // asked first, for a matcher that cannot be compiled ends the thread
    match GlobSetBuilder::new().add(glob.clone()).build() {
        Ok(_) => Ok(glob.compile_matcher()),
        Err(_) => Err("a metric is nested too deeply".to_owned()),
    }
}

/// The text that `^...$` matches, where that is one text alone: no operator
/// but escapes of characters that stand for themselves.
fn literal(pattern: &str) -> Option<String> {
    let mut legend = String::new();
    let mut rest = pattern.strip_prefix('^')?.chars();
    loop {
        match rest.next()? {
            '$' => return rest.next().is_none().then_some(legend),
            '\\' => legend.push(escaped(&mut rest)?),
            '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' => return None,
            plain => legend.push(plain),
        }
    }
}

fn escaped(rest: &mut std::str::Chars<'_>) -> Option<char> {
    match rest.next()? {
        'x' => {
            let digits: String = rest.by_ref().take(2).collect();
            u8::from_str_radix(&digits, 16)
                .ok()
                .filter(|_| digits.len() == 2)
                .map(char::from)
        }
        letter if letter.is_ascii_alphanumeric() => None,
        itself => Some(itself),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// The query as one line, globs by what they match.
    fn written(query: &Query) -> String {
        match query {
            Query::Metrics(glob) => glob.glob().glob().to_owned(),
            Query::Alias(query, name) => format!("{} as {name}", written(query)),
            Query::AliasByNode(query, nodes) => format!("{} by {nodes:?}", written(query)),
            Query::Prefixed(query, text) => format!("{} after {text}", written(query)),
            Query::Only(query, legend) => format!("{} only {legend}", written(query)),
            Query::Line(value, label) => format!("line {value} {label}"),
        }
    }

    fn check(text: &str, expected: &str) {
        let found =
            parse(text).map_or_else(|error| format!("error: {error}"), |query| written(&query));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn expressions_are_read() {
        check("a.b.c", "a/b/c");
        check(" a.{b,c}.d* ", "a/{b,c}/d*");
        check("a.**.b", "a/*/b");
        check("1min", "1min");
        check("alias(a.b, 'x (y), z')", "a/b as x (y), z");
        check("alias(a, \"it's\")", "a as it's");
        check(r#"alias(a, "say \"hi\"")"#, r#"a as say \"hi\""#);
        check("aliasByNode(a.b, 1, -1)", "a/b by [1, -1]");
        check(
            "alias(aliasByNode(a.{b,c}.d,0),'x')",
            "a/{b,c}/d by [0] as x",
        );
        check(
            r#"grep(a.*, "^web\-1\.x \(a\)\x22$")"#,
            "a/* only web-1.x (a)\"",
        );
        check(
            r#"aliasSub(alias(a.*, 'x'), "^", "12|")"#,
            "a/* as x after 12|",
        );
        check("threshold(1.5e3,'Warning')", "line 1500 Warning");
        check("threshold(-2)", "line -2 -2.0");
        check("threshold(2, label='High', color='red')", "line 2 High");
        check("constantLine(20)", "line 20 20.0");
    }

    #[test]
    fn what_is_wrong_is_said_in_words() {
        check(
            "",
            "error: expected a metric or a function at character 1, found the end",
        );
        check(
            "alias(a",
            "error: expected `,` or `)` at character 8, found the end",
        );
        check("a)", "error: expected the end at character 2, found `)`");
        check("'a'", "error: expected a metric or a function, found `'a'`");
        check("20", "error: expected a metric or a function, found `20`");
        check("alias(a, 'x)", "error: no closing ' in `alias(a, 'x)`");
        check(
            "scaleToMoon(a)",
            "error: Received request for unknown function: scaleToMoon",
        );
        check("alias(a)", "error: alias takes a series list and a name");
        check(
            "aliasByNode(a)",
            "error: aliasByNode takes a series list and node numbers",
        );
        check(
            "aliasByNode(a, 1.5)",
            "error: aliasByNode takes a series list and node numbers",
        );
        check(
            r#"aliasSub(a, "^a", "b")"#,
            "error: aliasSub knows only the pattern ^ and plain text here",
        );
        check(
            r#"aliasSub(a, "^", "\1")"#,
            "error: aliasSub knows only the pattern ^ and plain text here",
        );
        check(
            r#"aliasSub(a, "^")"#,
            "error: aliasSub takes a series list, a pattern and a text",
        );
        check("alias('a','b')", "error: alias takes a series list first");
        check("threshold(a)", "error: threshold takes a number first");
        check(
            "a.{b",
            "error: `a.{b` is no metric: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)",
        );
    }

    #[test]
    fn grep_takes_nothing_but_one_literal() {
        for pattern in [
            "web", "^web", "web$", "^w.b$", "^web$x", r"^\d$", r"^a\", r"^a\$", r"^\x4$",
        ] {
            assert_eq!(literal(pattern), None, "{pattern}");
        }
        assert_eq!(literal(r"^\$\\$"), Some(r"$\".to_owned()));
        assert_eq!(literal("^$"), Some(String::new()));
    }

    #[test]
    fn length_and_nesting_are_bounded() {
        let deep = format!("{}a{}", "alias(".repeat(500), ",'x')".repeat(500));
        check(&deep, "error: calls are nested deeper than 32");
        let named = "a=".repeat(4000);
        assert!(parse(&named).is_err());
        assert!(
            parse(&"a".repeat(LENGTH + 1))
                .unwrap_err()
                .starts_with("target is 8193 bytes")
        );
    }

    #[test]
    fn what_is_nested_too_deeply_is_refused() {
        let nested = format!("{}a{}", "{b,".repeat(300), "}".repeat(300));
        assert!(glob(&nested).is_err());
        assert!(glob("{a,{b,c}}.d").is_ok());
    }

    #[test]
    fn globs_stop_at_dots() {
        let matches =
            |pattern: &str, name: &str| glob(pattern).unwrap().is_match(name.replace('.', "/"));
        assert!(matches("a.*.c", "a.b.c"));
        assert!(!matches("a.*", "a.b.c"));
        assert!(matches("a.b?[0-9].{x,y}", "a.bb1.y"));
        assert!(!matches("a.b?[0-9].{x,y}", "a.bb1.z"));
        assert!(!matches("a", "a.b"));
        assert!(matches("a.[!b]", "a.c"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn no_near_miss_makes_it_panic(text in r#"(alias|grep|threshold|[a-c.*?{}\[\]()'",= \\^$0-9-]){0,40}"#) {
            let _ = parse(&text);
        }

        #[test]
        fn an_escaped_legend_is_found_again(legend in "[ -~äé]{0,20}") {
            let escaped: String = legend
                .chars()
                .map(|c| if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() })
                .collect();
            prop_assert_eq!(literal(&format!("^{escaped}$")), Some(legend));
        }
    }
}
