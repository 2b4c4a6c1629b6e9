//! What the benches measure against.
//!
//! ```text
//! stand-in serve [--graphite ADDRESS] [--pagerduty ADDRESS] [--delay MS]
//! stand-in read --graphite ADDRESS --pagerduty ADDRESS --window SECONDS
//!          [--together N] [--cycles N] FILE
//! ```
//!
//! `serve` is a Graphite and a PagerDuty that answer from memory; it prints their
//! URLs, and ends when its standard input does. `--delay` makes each answer of
//! Graphite wait. `read` is the least possible program that alerts: it asks for the
//! targets in FILE, one a line, compares, posts what breaches, and keeps no state.

mod data;
mod graphite;
mod http;
mod pagerduty;
mod reader;

use std::io::{self, Read};
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("", &[][..]),
    };
    let done = match command {
        "serve" => serve(rest),
        "read" => reader::Plan::of(rest).and_then(|plan| plan.run().map_err(|e| e.to_string())),
        _ => Err("expected `serve` or `read`".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("stand-in: {why}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &[String]) -> Result<(), String> {
    let mut graphite = "127.0.0.1:0".to_owned();
    let mut pagerduty = "127.0.0.1:0".to_owned();
    let mut delay = Duration::ZERO;
    for (name, value) in pairs(options)? {
        match name {
            "--graphite" => graphite = value.to_owned(),
            "--pagerduty" => pagerduty = value.to_owned(),
            "--delay" => delay = Duration::from_millis(number(name, value)?),
            _ => return Err(format!("unknown option `{name}`")),
        }
    }
    let bind = |address: &str| {
        TcpListener::bind(address).map_err(|error| format!("cannot listen on {address}: {error}"))
    };
    let (graphite, pagerduty) = (bind(&graphite)?, bind(&pagerduty)?);
    for (name, listener) in [("graphite", &graphite), ("pagerduty", &pagerduty)] {
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        println!("{name} http://{address}");
    }
    let server = Arc::new(graphite::Graphite::new(delay));
    http::listen(graphite, move |request, to| server.answer(request, to));
    let sink = Arc::new(pagerduty::PagerDuty::default());
    http::listen(pagerduty, move |request, to| sink.answer(request, to));
    // who started it and is gone needs it no more
    io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink()).map_err(|e| e.to_string())?;
    Ok(())
}

/// Options and their values.
fn pairs(options: &[String]) -> Result<Vec<(&str, &str)>, String> {
    options
        .chunks(2)
        .map(|pair| match pair {
            [name, value] => Ok((name.as_str(), value.as_str())),
            _ => Err(format!("`{}` needs a value", pair.concat())),
        })
        .collect()
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("`{name}` needs a number, not `{value}`"))
}
