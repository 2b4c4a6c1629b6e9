//! `replay --suggest`: prints thresholds and `for` that would have called less.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{Format, Options, Side, print_text, run};
use crate::alert::{Level, Timestamp, duration};
use crate::cli::table;
use crate::config::Config;
use crate::deliver::text;
use crate::replay::spread::Spread;
use crate::replay::suggest::{self, Goal, Outcome, Subject};
use crate::replay::{Feeds, Player, Span, span};

/// Suggests for the only alert of `side`.
pub async fn suggest(
    options: &Options,
    side: &Side,
    (span, now): (Span, Timestamp),
) -> Result<(), String> {
    let goal = goal(options, span, now)?;
    let [group] = side.groups.as_slice() else {
        return Err("suggestions are for one alert".to_owned());
    };
    if let Some(why) = crate::replay::cannot(group) {
        return Err(format!("alert `{}`: {why}", group.name));
    }
    let subject = Subject::new(group)?;
    // who is told does not matter here: incidents are counted
    let silent = Side {
        config: Config {
            receivers: Vec::new(),
            routes: Vec::new(),
            ..side.config.clone()
        },
        groups: vec![Arc::clone(group)],
    };
    let mut feeds = Feeds::default();
    let mut first = silent.player(span, &mut feeds)?;
    first.spread = Some(Spread::default());
    let mut first = [first];
    // stopped early, it suggests by what there is until then
    let until = run(&silent, (span, now), &mut feeds, &mut first).await?;
    let seen = Span { until, ..span };
    let [first] = &first;
    let values = first.spread.as_ref();
    let values = values.map(Spread::sorted).unwrap_or_default();
    if values.is_empty() {
        return Err(format!("alert `{}` read no value in that time", group.name));
    }
    let (outcomes, reached) = try_all(&silent, &subject, &values, (seen, now), &goal).await?;
    let warnings = crate::replay::warnings(&side.groups, &feeds, first, span);
    for said in crate::replay::once(&warnings) {
        eprintln!("warning: {said}");
    }
    if reached < span.until {
        let end = span.until;
        eprintln!("stopped: this is what there was until {reached}, not until {end}");
    }
    print(options.format, &subject, &goal, (&group.name, &outcomes))
}

/// Plays every candidate; says until when.
async fn try_all(
    silent: &Side,
    subject: &Subject,
    values: &[f64],
    (span, now): (Span, Timestamp),
    goal: &Goal,
) -> Result<(Vec<Outcome>, Timestamp), String> {
    let mut feeds = Feeds::default();
    let (mut candidates, mut players) = (Vec::new(), Vec::new());
    for candidate in subject.candidates(values) {
        if let Some(group) = subject.with(&candidate) {
            let player = Player::new(&silent.config, vec![group], span.from, &mut feeds);
            candidates.push(candidate);
            players.push(player);
        }
    }
    let reached = run(silent, (span, now), &mut feeds, &mut players).await?;
    let outcomes = candidates.into_iter().zip(&players);
    let outcomes = outcomes.map(|(candidate, player)| {
        suggest::outcome(candidate, &player.record, (span, reached), goal)
    });
    Ok((outcomes.collect(), reached))
}

fn goal(options: &Options, whole: Span, now: Timestamp) -> Result<Goal, String> {
    let time = |text: &String| {
        let at = span::time(text, now, &options.timezone);
        let at = at.map_err(|why| format!("`--must-catch`: {why}"))?;
        match whole.from <= at && at <= whole.until {
            true => Ok(at),
            false => Err(format!(
                "`--must-catch`: {at} is not within what is replayed, {} until {}",
                whole.from, whole.until
            )),
        }
    };
    let must_catch = options.must_catch.iter().map(time);
    let must_catch = must_catch.collect::<Result<_, _>>()?;
    let at_most = options.at_most.unwrap_or(2.0);
    match at_most.is_finite() && at_most >= 0.0 {
        true => Ok(Goal {
            at_most,
            must_catch,
        }),
        false => Err("`--at-most`: expected a number of pages a week, 0 or more".to_owned()),
    }
}

#[derive(Debug, Serialize)]
struct Whole<'a> {
    alert: &'a str,
    level: Level,
    at_most: f64,
    must_catch: Vec<String>,
    suggestion: Option<Row<'a>>,
    candidates: Vec<Row<'a>>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    threshold: &'a str,
    #[serde(rename = "for")]
    for_seconds: u64,
    present: bool,
    pages: usize,
    pages_a_week: f64,
    caught: usize,
    right: usize,
    delay: u64,
}

fn row(outcome: &Outcome) -> Row<'_> {
    Row {
        threshold: &outcome.candidate.threshold,
        for_seconds: outcome.candidate.for_.as_secs(),
        present: outcome.candidate.present,
        pages: outcome.pages,
        pages_a_week: outcome.a_week,
        caught: outcome.caught,
        right: outcome.right,
        delay: outcome.delay.as_secs(),
    }
}

fn print(
    format: Format,
    subject: &Subject,
    goal: &Goal,
    (alert, outcomes): (&str, &[Outcome]),
) -> Result<(), String> {
    let chosen = suggest::choose(outcomes, goal);
    match format {
        Format::Table => {
            headline(subject, goal, alert, chosen);
            tables(goal, outcomes, chosen);
            Ok(())
        }
        Format::Json => {
            let whole = Whole {
                alert,
                level: subject.level,
                at_most: goal.at_most,
                must_catch: goal.must_catch.iter().map(|at| at.rfc3339()).collect(),
                suggestion: chosen.map(row),
                candidates: outcomes.iter().map(row).collect(),
            };
            let text = serde_json::to_string_pretty(&whole).map_err(|error| error.to_string())?;
            print_text(&(text + "\n"))
        }
        Format::Csv => {
            let line = |outcome: &Outcome| {
                let row = row(outcome);
                format!(
                    "{},{},{},{},{},{},{},{}\r\n",
                    row.threshold,
                    row.for_seconds,
                    row.present,
                    row.pages,
                    row.pages_a_week,
                    row.caught,
                    row.right,
                    row.delay
                )
            };
            let lines: String = outcomes.iter().map(line).collect();
            print_text(&format!(
                "threshold,for,present,pages,pages a week,caught,right,delay\r\n{lines}"
            ))
        }
    }
}

fn headline(subject: &Subject, goal: &Goal, alert: &str, chosen: Option<&Outcome>) {
    let alert = text::clean(alert);
    let (most, all) = (text::number(goal.at_most), goal.must_catch.len());
    let found = match chosen {
        Some(Outcome {
            candidate, a_week, ..
        }) => format!(
            "{} would have given {} pages a week, {all} of {all} caught",
            suggest::written(subject.level, candidate),
            rounded(*a_week)
        ),
        None => format!(
            "nothing that was tried gives at most {most} pages a week and catches {all} of {all}"
        ),
    };
    table::title(&format!("alert `{alert}`: {found}\n"));
}

fn rounded(a_week: f64) -> String {
    text::number((a_week * 10.0).round() / 10.0)
}

/// The trade-off, and what there is now.
fn tables(goal: &Goal, outcomes: &[Outcome], chosen: Option<&Outcome>) {
    let mut rows = suggest::trade_off(outcomes);
    for also in outcomes
        .iter()
        .filter(|o| o.candidate.present)
        .chain(chosen)
    {
        if !rows.iter().any(|row| row.candidate == also.candidate) {
            rows.push(also);
        }
    }
    rows.sort_by_key(|outcome| outcome.pages);
    let all = goal.must_catch.len();
    let heading = [
        "",
        "THRESHOLD",
        "FOR",
        "PAGES A WEEK",
        "CAUGHT",
        "RIGHT",
        "LATE",
    ];
    table::print(&heading, &[1], || {
        rows.iter().map(|outcome| {
            let candidate = &outcome.candidate;
            let is_chosen = chosen.is_some_and(|chosen| chosen.candidate == *candidate);
            let mark = match (is_chosen, candidate.present) {
                (true, true) => "* now",
                (true, false) => "*",
                (false, true) => "now",
                (false, false) => "",
            };
            let shown = |span: Duration| match span.is_zero() {
                true => "0".to_owned(),
                false => duration::format(Duration::from_secs(span.as_secs())),
            };
            vec![
                mark.into(),
                candidate.threshold.as_str().into(),
                shown(candidate.for_).into(),
                rounded(outcome.a_week).into(),
                format!("{} of {all}", outcome.caught).into(),
                format!("{} of {}", outcome.right, outcome.pages).into(),
                shown(outcome.delay).into(),
            ]
        })
    });
}
