//! `import`: alerts of other programs as a configuration.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use reqwest::{Method, StatusCode};
use url::Url;

use super::pages::ended;
use super::{fail, many};
use crate::deliver::http::{self, Client};
use crate::deliver::text;
use crate::import::{self, Origin, Outcome, Summary};
use crate::redirect::{Astray, chase};

/// Bytes that are read.
const LARGEST: u64 = 16 << 20;
/// For the connection.
const CONNECT: Duration = Duration::from_secs(10);
/// For a whole answer.
const WHOLE: Duration = Duration::from_secs(60);
/// Characters of a reason that are shown; the file says all of it.
const SHOWN: usize = 300;
/// Redirects that are followed.
const REDIRECTS: usize = 5;

/// `import`
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Where the alerts come from
    #[arg(value_enum)]
    from: From,
    /// A file, `-` for standard input, or an http(s) URL
    #[arg(value_name = "FILE|URL")]
    source: PathBuf,
}

/// Where alerts come from, as it is written on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum From {
    /// graphite-beacon's configuration, JSON or YAML
    GraphiteBeacon,
    /// Moira's triggers as its API gives them, JSON
    Moira,
    /// Grafana's alert rules on a Graphite data source, YAML or JSON
    Grafana,
    /// Nagios' or Icinga's command lines with check_graphite, alone or in object files
    Nagios,
}

impl From {
    fn origin(self) -> Origin {
        match self {
            Self::GraphiteBeacon => Origin::GraphiteBeacon,
            Self::Moira => Origin::Moira,
            Self::Grafana => Origin::Grafana,
            Self::Nagios => Origin::Nagios,
        }
    }
}

/// Prints what the source says as a configuration, and a summary beside it.
pub async fn import(options: &Options) -> ExitCode {
    let origin = options.from.origin();
    let read = match url(options) {
        Some(url) => fetch(url).await,
        None => read(options),
    };
    let text = match read {
        Ok(text) => text,
        Err(why) => {
            fail(&why);
            return ExitCode::FAILURE;
        }
    };
    match import::import(origin, &text) {
        Ok(imported) => {
            let printed = ended(io::stdout().write_all(imported.yaml.as_bytes()));
            summarize(&imported.summary);
            match imported.summary.took_any() {
                true => printed,
                false => ExitCode::FAILURE,
            }
        }
        Err(unreadable) => {
            let hint = unreadable
                .hint
                .map_or_else(String::new, |hint| format!("\n\nhint: {hint}"));
            fail(&format!(
                "cannot import {}: {}{hint}",
                shown(options),
                unreadable.message
            ));
            ExitCode::FAILURE
        }
    }
}

/// The source as a URL, if it is one.
fn url(options: &Options) -> Option<Url> {
    let url = Url::parse(options.source.to_str()?).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}

/// The source as messages name it: of a URL the host alone, since the rest may be secret.
fn shown(options: &Options) -> String {
    match url(options) {
        Some(url) => format!("what `{}` answers", http::host(&url)),
        None if options.source.as_os_str() == "-" => "standard input".to_owned(),
        None => format!("`{}`", options.source.display()),
    }
}

fn read(options: &Options) -> Result<String, String> {
    let cannot = |why: &dyn std::fmt::Display| format!("cannot read {}: {why}", shown(options));
    let mut bytes = Vec::new();
    let read = match options.source.as_os_str() == "-" {
        true => io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes),
        false => std::fs::File::open(&options.source)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)),
    };
    read.map_err(|error| cannot(&error))?;
    decode(bytes).map_err(|why| cannot(&why))
}

fn decode(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.len() as u64 > LARGEST {
        return Err(format!("it is larger than {} MiB", LARGEST >> 20));
    }
    String::from_utf8(bytes).map_err(|_| "it is not text (UTF-8)".to_owned())
}

/// What is at a URL. Its login is sent to its own host alone.
async fn fetch(first: Url) -> Result<String, String> {
    let client = Client::with_deadlines(CONNECT, WHOLE)?;
    let host = http::host(&first);
    let send = async |mut url: Url| {
        // the same host, as it was asked
        let _ = url.set_username(first.username());
        let _ = url.set_password(first.password());
        client.request(Method::GET, url).send().await
    };
    let mut response = match chase(first.clone(), REDIRECTS, send).await {
        Ok(response) => response,
        Err(Astray::Failed(error)) => return Err(unanswered(&host, &error)),
        Err(Astray::Elsewhere(other)) => {
            return Err(format!(
                "`{host}` redirects to another host, `{other}`: a login page, perhaps\n\nhint: save what a browser shows and import that file"
            ));
        }
        Err(Astray::Endless(most)) => {
            return Err(format!("`{host}` redirects more than {most} times"));
        }
    };
    let status = response.status();
    if !status.is_success() {
        return Err(refused(&host, status));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| unanswered(&host, &error))?
    {
        body.extend_from_slice(&chunk);
        if body.len() as u64 > LARGEST {
            break;
        }
    }
    decode(body).map_err(|why| format!("cannot read the answer of `{host}`: {why}"))
}

fn refused(host: &str, status: StatusCode) -> String {
    let hint = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "\n\nhint: where a password does, write `https://user:password@host/...`; where a token is asked for, save the answer and import that file"
        }
        _ => "",
    };
    format!("`{host}` answers {status}{hint}")
}

fn unanswered(host: &str, error: &reqwest::Error) -> String {
    match () {
        () if error.is_timeout() => format!("`{host}` took too long to answer"),
        () if error.is_connect() => format!("`{host}` cannot be connected to"),
        () => format!("`{host}` did not answer to the end"),
    }
}

fn summarize(summary: &Summary) {
    let of = |is: &dyn Fn(&Outcome) -> bool| -> Vec<&str> {
        let alerts = summary.alerts.iter().filter(|(_, outcome)| is(outcome));
        alerts.map(|(name, _)| name.as_str()).collect()
    };
    let whole = of(&|outcome| matches!(outcome, Outcome::Whole));
    let remarks = of(&|outcome| matches!(outcome, Outcome::Remarks(_)));
    eprintln!(
        "{}: {} taken whole, {} with remarks, {} not at all",
        summary.origin.title(),
        whole.len(),
        remarks.len(),
        summary.alerts.len() - whole.len() - remarks.len()
    );
    for (name, outcome) in &summary.alerts {
        let name = text::name(name);
        match outcome {
            Outcome::Whole => {}
            Outcome::Remarks(count) => eprintln!("  with {}: {name}", many(*count, "remark")),
            Outcome::Refused(why) => eprintln!(
                "  not taken: {name}: {}",
                text::clip(&text::clean(why), SHOWN)
            ),
        }
    }
    if summary.lost > 0 {
        eprintln!(
            "  beside the alerts, {} without an equal",
            many(summary.lost, "thing")
        );
    }
    if summary.took_any() {
        eprintln!(
            "\nhint: read the comments, put the file beside one that says where Graphite is and who is told, then `graphite-pager verify`"
        );
    }
}
