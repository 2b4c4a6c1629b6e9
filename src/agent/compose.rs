//! From an incident and a job to the message that a receiver is sent.
//!
//! The only place that knows both Graphite's graph links and the receivers'
//! messages.

use std::sync::Arc;

use url::Url;

use crate::alert::delivery::Tell;
use crate::alert::incident::{About, Incident};
use crate::alert::world::{Job, World};
use crate::alert::{GraphLink, Level, Timestamp};
use crate::config::FirstSteps;
use crate::deliver::links;
use crate::deliver::message::{Key, Kind, Message};
use crate::deliver::text::name;
use crate::graphite::links::{GraphLines, GraphWindow, graph_url, target_graph_url};

/// A message, and where its picture is.
#[derive(Clone, Debug)]
pub struct Composed {
    /// What is told.
    pub message: Message,
    /// The graph as a picture, for receivers that show it.
    pub picture: Option<String>,
}

/// What messages show that is no part of the state.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Graphite as people's browsers see it.
    pub base: Url,
    /// What the alerts' pages say to do first.
    pub first_steps: FirstSteps,
}

/// Composes the message of `job`; `None` if its incident is gone. `at` is the present.
pub fn compose(world: &World, job: &Job, shown: &Shown, at: Timestamp) -> Option<Composed> {
    let incident = world.incident(job.incident)?;
    let instance = &world.setup().instance;
    let graph = graph(instance, incident, &shown.base);
    // it is over for this receiver alone: a value or a cause would read as if
    // somebody had mended it
    let left = job.tell == Tell::Resolved && incident.is_open();
    Some(Composed {
        picture: picture(incident, &shown.base),
        message: Message {
            kind: kind(job),
            instance: Arc::clone(instance),
            incident: incident.id.to_string(),
            event: incident.event,
            reminder: job.reminder,
            alert: Arc::clone(&incident.group),
            series: incident.series.to_string(),
            level: incident.level,
            told: job.told,
            worst: incident.worst,
            value: incident.value.filter(|_| !left),
            condition: incident.condition.as_deref().map(str::to_owned),
            started: incident.started,
            lasted: incident.lasted,
            changed: incident.changed,
            at,
            ended: incident.ended,
            no_data_since: incident.no_data_since,
            words: world.words(incident),
            reason: match left {
                true => "this receiver is no longer told of it".to_owned(),
                false => incident.reason.to_string(),
            },
            target: incident.about.target.clone(),
            labels: incident.about.labels.clone(),
            description: incident.about.description.clone(),
            first_steps: first_steps(incident, job, shown),
            docs: docs(instance, incident),
            graph,
            picture: None,
            key: key(incident, job),
        },
    })
}

/// Nobody who is told the end has anything left to do.
fn first_steps(incident: &Incident, job: &Job, shown: &Shown) -> Option<Arc<str>> {
    let steps = shown.first_steps.get(&incident.group)?;
    let has_more = matches!(
        job.tell,
        Tell::New | Tell::Raised | Tell::Changed | Tell::Reminder
    );
    has_more.then(|| Arc::clone(steps))
}

fn kind(job: &Job) -> Kind {
    match job.tell {
        Tell::New => Kind::New,
        Tell::Raised => Kind::Raised,
        Tell::Changed => Kind::Changed,
        Tell::Reminder => Kind::Reminder,
        Tell::Left => Kind::Left,
        Tell::Resolved | Tell::Stray(_) => Kind::Resolved,
        Tell::Both => Kind::Both,
    }
}

fn key(incident: &Incident, job: &Job) -> Option<Key> {
    let suffix = Some(job.key?).filter(|level| *level != Level::Ok);
    let key = links::dedup_key(
        &incident.instance,
        &incident.group,
        &incident.series,
        suffix,
    );
    Some(match job.tell {
        Tell::New | Tell::Raised | Tell::Changed | Tell::Reminder => Key::Trigger(key),
        Tell::Left | Tell::Resolved | Tell::Both | Tell::Stray(_) => Key::Resolve(key),
    })
}

/// The documentation link of an incident; a template that fails is said in the
/// log and costs the link alone.
pub fn docs(instance: &str, incident: &Incident) -> Option<String> {
    let context = context(instance, incident);
    links::docs(&incident.about.docs, &context).unwrap_or_else(|error| {
        tracing::error!(
            alert = name(&incident.group).as_str(),
            series = name(&incident.series).as_str(),
            "{error}"
        );
        None
    })
}

/// The graph link of an incident.
pub fn graph(instance: &str, incident: &Incident, base: &Url) -> Option<String> {
    match &incident.about.graph {
        GraphLink::Off => None,
        GraphLink::Link(link) => match links::graph_template(link, &context(instance, incident)) {
            Ok(link) => Some(link),
            Err(error) => {
                tracing::error!(
                    alert = name(&incident.group).as_str(),
                    series = name(&incident.series).as_str(),
                    "{error}"
                );
                None
            }
        },
        GraphLink::Render => render(
            &incident.about,
            &incident.series,
            base,
            GraphWindow::LastHour,
        ),
    }
}

/// The picture shows the hour until the level changed, so that a mail that is
/// opened tomorrow shows what it is about.
fn picture(incident: &Incident, base: &Url) -> Option<String> {
    if incident.about.graph == GraphLink::Off {
        return None;
    }
    let until = incident.changed.as_secs();
    let window = GraphWindow::Between {
        from: until - 3600,
        until,
    };
    render(&incident.about, &incident.series, base, window)
}

/// Graphite's own graph of a series.
pub fn render(about: &About, series: &str, base: &Url, window: GraphWindow) -> Option<String> {
    let target = about.target.as_deref()?;
    let lines = GraphLines {
        warning: about.warning.clone(),
        critical: about.critical.clone(),
    };
    Some(match about.in_graphite {
        true => graph_url(base, target, series, &lines, window),
        false => target_graph_url(base, target, &lines, window),
    })
}

fn context<'a>(instance: &'a str, incident: &'a Incident) -> links::Context<'a> {
    links::Context {
        alert: &incident.group,
        series: &incident.series,
        labels: &incident.about.labels,
        target: incident.about.target.as_deref(),
        instance,
    }
}
