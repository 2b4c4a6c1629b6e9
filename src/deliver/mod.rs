//! Telling receivers: one file per kind, one attempt at a time.
//!
//! A `Sender` makes one attempt to tell one receiver one message and reports
//! what came of it. Who is told what and when, retries, rates and order are
//! decided elsewhere (`alert/`, `agent/`). No kind knows another; what they
//! share is the message, its words and its JSON (`message.rs`, `text.rs`,
//! `document.rs`), the user's templates (`template.rs`) and the HTTP client (`http.rs`).

pub mod command;
pub mod console;
pub mod document;
pub mod email;
pub mod http;
pub mod links;
pub mod message;
pub mod pagerduty;
pub mod settings;
pub mod slack;
pub mod smtp;
pub mod template;
pub mod text;
pub mod webhook;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::message::{Message, Outcome};
use self::settings::Destination;
use self::template::{Escape, Template};

/// Longer than the deadlines of any kind that sets its own.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a program gets beyond its `timeout`, to be killed and reported.
const MARGIN: Duration = Duration::from_secs(30);

/// One receiver, ready to send.
pub struct Sender(Kind);

enum Kind {
    PagerDuty(pagerduty::Sender),
    Email(Box<email::Sender>),
    Webhook(webhook::Sender),
    Slack(slack::Sender),
    Command(settings::Command),
    Console,
}

impl Sender {
    /// Prepares to send to `destination`.
    ///
    /// # Errors
    /// The destination cannot be used; in words, without secrets.
    pub fn new(destination: &Destination, http: &http::Client) -> Result<Self, String> {
        Ok(Self(match destination {
            Destination::PagerDuty(settings) => {
                Kind::PagerDuty(pagerduty::Sender::new(settings, http)?)
            }
            Destination::Email(settings) => Kind::Email(Box::new(email::Sender::new(settings))),
            Destination::Webhook(settings) => Kind::Webhook(webhook::Sender::new(settings, http)?),
            Destination::Slack(settings) => Kind::Slack(slack::Sender::new(settings, http)?),
            Destination::Command(settings) => Kind::Command(settings.clone()),
            Destination::Console => Kind::Console,
        }))
    }

    /// Makes one attempt. For email there is one outcome for each of
    /// `recipients`, in their order; for every other kind exactly one.
    pub async fn send(&self, message: &Message, recipients: &[Arc<str>]) -> Vec<Outcome> {
        let outcome = match &self.0 {
            Kind::Email(email) => return email.send(message, recipients).await,
            Kind::PagerDuty(pagerduty) => pagerduty.send(message).await,
            Kind::Webhook(webhook) => webhook.send(message).await,
            Kind::Slack(slack) => slack.send(message).await,
            Kind::Command(settings) => command::send(settings, message).await,
            Kind::Console => console::send(message).await,
        };
        vec![outcome]
    }

    /// Longer than one attempt takes by its kind's own deadlines: the last one,
    /// should those fail.
    pub fn patience(&self) -> Duration {
        match &self.0 {
            Kind::Command(settings) => command::deadline(settings) + MARGIN,
            _ => PATIENCE,
        }
    }

    /// Whether it shows the graph itself, so that fetching one is worth it.
    pub fn wants_picture(&self) -> bool {
        matches!(&self.0, Kind::Email(email) if email.wants_picture())
    }
}

impl fmt::Debug for Sender {
    /// The kind alone: the addresses of most are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::PagerDuty(_) => "pagerduty",
            Kind::Email(_) => "email",
            Kind::Webhook(_) => "webhook",
            Kind::Slack(_) => "slack",
            Kind::Command(_) => "command",
            Kind::Console => "console",
        })
    }
}

/// What the user's template for `field` makes of `message`, if there is one and
/// it works; where it fails, the words to say so beside the built-in text.
fn rendered(
    template: Option<&Template>,
    message: &Message,
    escape: Escape,
    field: &str,
) -> (Option<String>, Option<String>) {
    match template.map(|template| template.render_as(message, escape)) {
        None => (None, None),
        Some(Ok(words)) => (Some(words), None),
        Some(Err(error)) => {
            tracing::error!(
                alert = &*message.alert,
                series = &*text::name(&message.series),
                "the template `{field}` failed, the built-in text is sent instead: {error}"
            );
            (
                None,
                Some(format!(
                    "The template `{field}` failed, so this is the built-in text: {error}."
                )),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_program_has_the_time_that_its_timeout_gives_it() {
        let http = http::Client::new().unwrap();
        for seconds in [1, 30, 600, 7200] {
            let timeout = Duration::from_secs(seconds);
            let program = Destination::Command(settings::Command {
                program: "x".into(),
                arguments: Vec::new(),
                timeout,
                withheld: Default::default(),
            });
            let patience = Sender::new(&program, &http).unwrap().patience();
            assert!(patience > timeout, "{seconds} s: {patience:?}");
        }
        assert!(PATIENCE > smtp::DEADLINES.whole);
    }
}
