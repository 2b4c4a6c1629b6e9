//! `verify --online`: what Graphite and the documentation links show.

use std::time::Duration;

use tokio::sync::watch;

use crate::agent;
use crate::alert::Timestamp;
use crate::cli::many;
use crate::cli::progress::{Progress, stopped_by_ctrl_c};
use crate::config::{AlertSpots, Code, Config, Spots};
use crate::deliver::text;
use crate::docs::fault::{self, Fault};
use crate::docs::wanted::Link;
use crate::docs::{self, wanted};
use crate::graphite::Client;
use crate::lint::Finding;
use crate::lint::ask::{Asked, Stage, Way, ask};
use crate::now::now;

/// How long each documentation link may take.
const LINK_TIMEOUT: Duration = Duration::from_secs(10);

/// What came of it.
#[derive(Debug, Default)]
pub struct Online {
    /// What was found.
    pub findings: Vec<Finding>,
    /// Where somebody stopped it: how far it was.
    pub stopped: Option<String>,
}

/// Asks about everything, and says how far it is; what could not be judged is said as well.
pub async fn online(config: &Config, spots: &Spots) -> Result<Online, String> {
    let client = Client::new(&config.graphite).map_err(|error| agent::chain(&error))?;
    let (links, unknown) = wanted::links(config);
    let mut along = Along::new(links.len());
    let stop = stopped_by_ctrl_c();
    let way = Way {
        client: &client,
        slot: Timestamp::from_secs(now().as_secs()),
        stop: stop.clone(),
        said: &mut |stage, done, of| along.asked(stage, done, of),
    };
    let asked = ask(config, spots, way).await;
    let fetched = match asked.stopped {
        true => Ok(docs::online::Fetched::default()),
        false => fetch(&links, stop, &mut along).await,
    };
    along.progress.end();
    let fetched = fetched?;
    say(&asked, unknown.iter().map(String::as_str));
    let whole = !asked.stopped && fetched.links == links.len();
    let mut findings = asked.findings;
    let faults = fetched.faults.into_iter();
    findings.extend(faults.map(|fault| of_link(config, spots, fault)));
    Ok(Online {
        findings,
        stopped: (!whole).then_some(along.how_far),
    })
}

async fn fetch(
    links: &[Link],
    stop: watch::Receiver<bool>,
    along: &mut Along,
) -> Result<docs::online::Fetched, String> {
    let mut said = |done| along.fetched(done);
    docs::online::check(links, LINK_TIMEOUT, stop, &mut said).await
}

/// What could not be judged.
fn say<'a>(asked: &Asked, unknown: impl ExactSizeIterator<Item = &'a str>) {
    for note in &asked.notes {
        eprintln!("note: {}", text::clean(note));
    }
    if unknown.len() > 0 {
        let names = fault::list(unknown);
        eprintln!("note: the links of {names} depend on the series, and are not fetched");
    }
}

/// How far it is: targets, their last day, links.
struct Along {
    progress: Progress,
    how_far: String,
    /// Requests of the stages before.
    before: usize,
    links: usize,
}

impl Along {
    fn new(links: usize) -> Self {
        Self {
            progress: Progress::on_a_terminal(),
            how_far: "nothing was asked yet".to_owned(),
            before: 0,
            links,
        }
    }

    fn asked(&mut self, stage: Stage, done: usize, of: usize) {
        let (all, what) = match stage {
            // as many days are asked for at most
            Stage::Windows => (2 * of, format!("{done} of {} asked", many(of, "target"))),
            Stage::Days => (
                self.before + of,
                format!("the last day of {done} of {} asked", many(of, "target")),
            ),
        };
        self.show(done, all + self.links, what);
        if done == of {
            self.before += of;
        }
    }

    fn fetched(&mut self, done: usize) {
        let what = format!("{done} of {} fetched", many(self.links, "link"));
        self.show(done, self.before + self.links, what);
    }

    fn show(&mut self, done: usize, all: usize, what: String) {
        let share = (self.before + done) as f64 / all.max(1) as f64;
        self.progress.show(share, &what);
        self.how_far = what;
    }
}

fn of_link(config: &Config, spots: &Spots, fault: Fault) -> Finding {
    let named = |name: &str| {
        let group = config
            .groups
            .iter()
            .position(|group| *group.name == *name)?;
        spots.alert(group, 0)
    };
    let alert = fault.alert.as_deref().and_then(named);
    let message = match fault.page {
        Some(page) => format!("{}: {page}", fault.message),
        None => fault.message,
    };
    Finding {
        spot: alert.map_or(spots.top(), AlertSpots::alert).clone(),
        code: Some(Code::DocsLink),
        message,
        hint: fault.hint,
    }
}
