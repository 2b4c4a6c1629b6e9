//! Expressions about one value, as Moira and Grafana write them, and the sets
//! of values for which they are true.
//!
//! `t1 > 10 && t1 < 20 ? WARN : OK`, `$B >= 5`. A comparison is between the value
//! and a number; sums of two values, functions and text are not understood, and
//! that is said. It knows neither program: names mean what the caller says.

use super::region::{Comparison, Number, Region};

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A number.
    Number(f64),
    /// A name, without `$` and braces.
    Name(String),
    /// `!a`
    Not(Box<Self>),
    /// `-a`
    Minus(Box<Self>),
    /// `a + b`, `-`, `*`, `/`
    Sum(char, Box<Self>, Box<Self>),
    /// `a > b`
    Compared(Comparison, Box<Self>, Box<Self>),
    /// `a && b`
    And(Box<Self>, Box<Self>),
    /// `a || b`
    Or(Box<Self>, Box<Self>),
    /// `a ? b : c`
    Choice(Box<Self>, Box<Self>, Box<Self>),
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// The value that is judged.
    Value,
    /// A number.
    Number(f64),
    /// Something that no condition can look at; said to people.
    Unknown(String),
}

/// Levels of brackets and signs; more is a mistake or an attack.
const DEEPEST: usize = 64;
/// Words and signs of an expression: what is made of it is walked from one into the next.
const LONGEST: usize = 1000;

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is not understood, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser {
            tokens: tokens(text)?,
            at: 0,
            depth: 0,
        };
        let expression = parser.choice()?;
        match parser.peek() {
            None => Ok(expression),
            Some(token) => Err(format!("`{token}` is not understood where it stands")),
        }
    }

    /// The values for which it is true; `meaning` says what names stand for.
    ///
    /// # Errors
    /// It looks at something else than one value and numbers, in words.
    pub fn region(&self, meaning: &dyn Fn(&str) -> Meaning) -> Result<Region, String> {
        match self {
            Self::And(a, b) => Ok(a.region(meaning)?.and(&b.region(meaning)?)),
            Self::Or(a, b) => Ok(a.region(meaning)?.or(&b.region(meaning)?)),
            Self::Not(a) => Ok(a.region(meaning)?.not()),
            Self::Compared(comparison, a, b) => match (a.side(meaning)?, b.side(meaning)?) {
                (None, Some(number)) => Ok(Region::of(*comparison, &Number::plain(number))),
                (Some(number), None) => Ok(Region::of(comparison.turned(), &Number::plain(number))),
                (Some(a), Some(b)) => Ok(Region::constant(comparison.holds(a, b))),
                (None, None) => Err("it compares the value with itself".to_owned()),
            },
            Self::Choice(..) => Err("it chooses between truths with `?`".to_owned()),
            other => match other.side(meaning)? {
                // whatever is not zero is true
                None => Ok(Region::of(Comparison::NotEqual, &Number::plain(0.0))),
                Some(number) => Ok(Region::constant(Comparison::NotEqual.holds(number, 0.0))),
            },
        }
    }

    /// The values for which each outcome is chosen, by `a ? b : c`; outcomes are names.
    ///
    /// # Errors
    /// As [`Expression::region`].
    pub fn outcomes(
        &self,
        meaning: &dyn Fn(&str) -> Meaning,
    ) -> Result<Vec<(String, Region)>, String> {
        match self {
            Self::Choice(condition, yes, no) => {
                let holds = condition.region(meaning)?;
                let within = |of: &Self, region: &Region| {
                    of.outcomes(meaning).map(|outcomes| {
                        outcomes
                            .into_iter()
                            .map(|(name, values)| (name, values.and(region)))
                            .collect::<Vec<_>>()
                    })
                };
                let mut outcomes = within(yes, &holds)?;
                outcomes.extend(within(no, &holds.not())?);
                Ok(outcomes)
            }
            Self::Name(name) => Ok(vec![(name.clone(), Region::all())]),
            _ => Err("its outcome is no state".to_owned()),
        }
    }

    /// All names in it.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Name(name) => vec![name],
            Self::Not(a) | Self::Minus(a) => a.names(),
            Self::Sum(_, a, b) | Self::Compared(_, a, b) | Self::And(a, b) | Self::Or(a, b) => {
                [a.names(), b.names()].concat()
            }
            Self::Choice(a, b, c) => [a.names(), b.names(), c.names()].concat(),
        }
    }

    /// A side of a comparison: a number, or `None` for the value itself.
    fn side(&self, meaning: &dyn Fn(&str) -> Meaning) -> Result<Option<f64>, String> {
        let number = match self {
            Self::Number(number) => *number,
            Self::Name(name) => match meaning(name) {
                Meaning::Value => return Ok(None),
                Meaning::Number(number) => number,
                Meaning::Unknown(why) => return Err(why),
            },
            Self::Minus(a) => -a.side(meaning)?.ok_or_else(arithmetic)?,
            Self::Sum(operator, a, b) => {
                let (a, b) = (a.side(meaning)?, b.side(meaning)?);
                let (a, b) = (a.ok_or_else(arithmetic)?, b.ok_or_else(arithmetic)?);
                match operator {
                    '+' => a + b,
                    '-' => a - b,
                    '*' => a * b,
                    _ => a / b,
                }
            }
            _ => return Err("it calculates with truths".to_owned()),
        };
        match number.is_finite() {
            true => Ok(Some(number)),
            false => Err("it compares with no finite number".to_owned()),
        }
    }
}

fn arithmetic() -> String {
    "it calculates with the value: let the target do that, with `scale()`, `offset()`, `divideSeries()` or another function".to_owned()
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if tokens.len() >= LONGEST {
            return Err(format!("it has more than {LONGEST} words and signs"));
        }
        let length = match first {
            '$' => variable(rest)?,
            c if c.is_ascii_digit() || c == '.' => number(rest),
            c if c.is_alphabetic() || c == '_' => rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len()),
            _ => ["&&", "||", ">=", "<=", "==", "!="]
                .iter()
                .find(|operator| rest.starts_with(**operator))
                .map_or(first.len_utf8(), |operator| operator.len()),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token.to_owned());
        rest = after.trim_start();
    }
    Ok(tokens)
}

/// `$B`, `${B}`: its length.
fn variable(text: &str) -> Result<usize, String> {
    if text.starts_with("${") {
        return text
            .find('}')
            .map(|at| at + 1)
            .ok_or_else(|| "`${` has no `}`".to_owned());
    }
    let name = text.get(1..).unwrap_or_default();
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
    Ok(1 + end.unwrap_or(name.len()))
}

/// `1`, `.5`, `1e-3`: its length.
fn number(text: &str) -> usize {
    let mut end = 0;
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(end) {
        let exponent = end > 0 && matches!(bytes.get(end - 1), Some(b'e' | b'E'));
        let part = byte.is_ascii_digit()
            || *byte == b'.'
            || matches!(byte, b'e' | b'E')
            || exponent && matches!(byte, b'+' | b'-');
        if !part {
            break;
        }
        end += 1;
    }
    end
}

struct Parser {
    tokens: Vec<String>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).map(String::as_str)
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.peek() == Some(token);
        if found {
            self.at += 1;
        }
        found
    }

    fn choice(&mut self) -> Result<Expression, String> {
        self.deeper()?;
        let condition = self.or()?;
        let result = if self.take("?") {
            let yes = self.choice()?;
            if !self.take(":") {
                return Err("`?` has no `:`".to_owned());
            }
            let no = self.choice()?;
            Expression::Choice(Box::new(condition), Box::new(yes), Box::new(no))
        } else {
            condition
        };
        self.depth -= 1;
        Ok(result)
    }

    fn or(&mut self) -> Result<Expression, String> {
        let mut left = self.and()?;
        while self.take("||") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, String> {
        let mut left = self.compared()?;
        while self.take("&&") {
            left = Expression::And(Box::new(left), Box::new(self.compared()?));
        }
        Ok(left)
    }

    fn compared(&mut self) -> Result<Expression, String> {
        let left = self.sum()?;
        let Some(comparison) = self.peek().and_then(Comparison::parse) else {
            return Ok(left);
        };
        self.at += 1;
        let right = self.sum()?;
        Ok(Expression::Compared(
            comparison,
            Box::new(left),
            Box::new(right),
        ))
    }

    fn sum(&mut self) -> Result<Expression, String> {
        let mut left = self.product()?;
        while let Some(operator) = self.operator(&['+', '-']) {
            left = Expression::Sum(operator, Box::new(left), Box::new(self.product()?));
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Expression, String> {
        let mut left = self.single()?;
        while let Some(operator) = self.operator(&['*', '/']) {
            left = Expression::Sum(operator, Box::new(left), Box::new(self.single()?));
        }
        Ok(left)
    }

    fn operator(&mut self, of: &[char]) -> Option<char> {
        let token = self.peek()?;
        let operator = of
            .iter()
            .copied()
            .find(|operator| token == operator.to_string())?;
        self.at += 1;
        Some(operator)
    }

    fn single(&mut self) -> Result<Expression, String> {
        if self.take("!") || self.take("-") {
            let not = self
                .tokens
                .get(self.at - 1)
                .is_some_and(|token| token == "!");
            self.deeper()?;
            let inner = Box::new(self.single()?);
            self.depth -= 1;
            return Ok(if not {
                Expression::Not(inner)
            } else {
                Expression::Minus(inner)
            });
        }
        if self.take("(") {
            let inner = self.choice()?;
            return match self.take(")") {
                true => Ok(inner),
                false => Err("`(` has no `)`".to_owned()),
            };
        }
        let Some(token) = self.tokens.get(self.at).cloned() else {
            return Err("it ends in the middle".to_owned());
        };
        self.at += 1;
        if self.peek() == Some("(") {
            return Err(format!("it calls `{token}()`"));
        }
        if let Ok(number) = token.parse::<f64>()
            && token.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        {
            return Ok(Expression::Number(number));
        }
        let name = token
            .trim_start_matches('$')
            .trim_start_matches('{')
            .trim_end_matches('}');
        match name.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            true => Ok(Expression::Name(name.to_owned())),
            false => Err(format!("`{token}` is not understood where it stands")),
        }
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        match self.depth > DEEPEST {
            true => Err("its brackets are nested too deep".to_owned()),
            false => Ok(()),
        }
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
    use super::*;
    use crate::import::region::Written;

    fn meaning(name: &str) -> Meaning {
        match name {
            "t1" | "B" => Meaning::Value,
            "LIMIT" => Meaning::Number(7.0),
            other => Meaning::Unknown(format!("it looks at {other}")),
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let region = Expression::parse(text).and_then(|parsed| parsed.region(&meaning));
        let written = region.map(|region| match region.written() {
            Written::Condition { text, .. } => text,
            other => format!("{other:?}"),
        });
        assert_eq!(written.unwrap_or_else(|why| why), expected, "{text}");
    }

    #[test]
    fn comparisons_are_joined_as_they_bind() {
        check("t1 > 10", "> 10");
        check("10 < t1", "> 10");
        check("$B >= 5 && ${B} <= 8", "inside 5..8");
        check("t1 < 5 || t1 > 8", "outside 5..8");
        // `&&` binds tighter
        check("t1 > 20 || t1 > 5 && t1 < 3", "> 20");
        check("!(t1 > 20)", "<= 20");
        check("t1 > LIMIT", "> 7");
        check("t1 > -2 * (3 + 1)", "> -8");
        check("t1 > 1e3", "> 1000");
        check("t1 >= .5", ">= 0.5");
        check("t1", "!= 0");
        check("1 > 2", "Never");
        check("2", "Always");
    }

    #[test]
    fn what_is_not_understood_is_said() {
        check("t1 > t2", "it looks at t2");
        check("t1 * 2 > 5", &arithmetic());
        check("abs(t1) > 5", "it calls `abs()`");
        check("t1 >", "it ends in the middle");
        check("(t1 > 5", "`(` has no `)`");
        check("t1 > 5 5", "`5` is not understood where it stands");
        check("t1 > 'a'", "`'` is not understood where it stands");
        check("t1 > 1/0", "it compares with no finite number");
        check(&"(".repeat(500), "its brackets are nested too deep");
        check(&"!".repeat(500), "its brackets are nested too deep");
        check("", "it ends in the middle");
        check(
            &"t1 > 5 || ".repeat(100_000),
            "it has more than 1000 words and signs",
        );
        check("${B > 5", "`${` has no `}`");
    }

    #[test]
    fn outcomes_are_parted_by_questions() {
        let parsed = Expression::parse("t1 > 20 ? ERROR : (t1 > 10 ? WARN : OK)").unwrap();
        let outcomes = parsed.outcomes(&meaning).unwrap();
        let names: Vec<_> = outcomes.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["ERROR", "WARN", "OK"]);
        assert!(
            matches!(&outcomes[0].1.written(), Written::Condition { text, .. } if text == "> 20")
        );
        assert!(
            matches!(&outcomes[2].1.written(), Written::Condition { text, .. } if text == "<= 10")
        );
        assert_eq!(parsed.names(), ["t1", "ERROR", "t1", "WARN", "OK"]);
    }
}
