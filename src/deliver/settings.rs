//! What the configuration says of a receiver's kind and address.
//!
//! Values are valid when they exist: addresses and URLs parse, templates
//! compile. `config/` reads them and composes.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use lettre::message::Mailbox;
use url::Url;

use super::template::Template;
use crate::secret::Secret;

/// One kind of receiver and where it is reached.
#[derive(Clone, Debug, PartialEq)]
pub enum Destination {
    /// PagerDuty Events API v2.
    PagerDuty(PagerDuty),
    /// SMTP.
    Email(Box<Email>),
    /// An HTTP request.
    Webhook(Webhook),
    /// A Slack incoming webhook.
    Slack(Slack),
    /// A program.
    Command(Command),
    /// A line on standard output.
    Console,
}

impl Destination {
    /// Whether both are the same place: whoever was told at one knows it at the
    /// other. Words, severities and credentials may differ; the recipients of
    /// mail are compared one by one elsewhere (`Policy::recipients`).
    pub fn is_where(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::PagerDuty(one), Self::PagerDuty(other)) => {
                (&one.routing_key, &one.url) == (&other.routing_key, &other.url)
            }
            (Self::Email(_), Self::Email(_)) | (Self::Console, Self::Console) => true,
            (Self::Webhook(one), Self::Webhook(other)) => one.url == other.url,
            (Self::Slack(one), Self::Slack(other)) => {
                (&one.url, &one.channel) == (&other.url, &other.channel)
            }
            (Self::Command(one), Self::Command(other)) => {
                (&one.program, &one.arguments) == (&other.program, &other.arguments)
            }
            _ => false,
        }
    }
}

/// `pagerduty: {...}`
#[derive(Clone, Debug, PartialEq)]
pub struct PagerDuty {
    /// Integration key.
    pub routing_key: Secret,
    /// Base URL, `/v2/enqueue` not yet appended; may hold credentials.
    pub url: Secret,
    /// Severity per level: `critical`, `error`, `warning` or `info`.
    pub severity: Severities,
    /// Replaces the built-in summary.
    pub summary: Option<Template>,
}

/// PagerDuty's severity for each level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Severities {
    /// For `warning`.
    pub warning: &'static str,
    /// For `no_data`.
    pub no_data: &'static str,
    /// For `critical`.
    pub critical: &'static str,
}

/// `email: {...}`
#[derive(Clone, Debug, PartialEq)]
pub struct Email {
    /// Shown as To.
    pub to: Vec<Mailbox>,
    /// Shown as Cc.
    pub cc: Vec<Mailbox>,
    /// Shown as From, and the envelope's sender.
    pub from: Mailbox,
    /// The server.
    pub smtp: Smtp,
    /// Replaces the built-in subject.
    pub subject: Option<Template>,
    /// Replaces the built-in text.
    pub text: Option<Template>,
    /// Whether the graph is put into the mail.
    pub graph: bool,
}

/// A mail server.
#[derive(Clone, Debug, PartialEq)]
pub struct Smtp {
    /// Name or address.
    pub host: String,
    /// 25, 465, 587 or what was given.
    pub port: u16,
    /// How the connection is secured.
    pub tls: SmtpTls,
    /// User and password.
    pub credentials: Option<(String, Secret)>,
}

/// How an SMTP connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// `smtps://`: TLS from the first byte.
    Implicit,
    /// `?tls=required`: STARTTLS or nothing.
    Required,
    /// STARTTLS where the server offers it.
    Opportunistic,
}

/// `webhook: {...}`
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Where to.
    pub url: Secret,
    /// `POST` by default.
    pub method: String,
    /// Further headers, valid names and values.
    pub headers: Vec<(String, Secret)>,
    /// Replaces the documented JSON.
    pub body: Option<Template>,
}

/// `slack: {...}`
#[derive(Clone, Debug, PartialEq)]
pub struct Slack {
    /// The incoming webhook.
    pub url: Secret,
    /// Replaces the webhook's own channel.
    pub channel: Option<String>,
    /// Replaces the built-in text.
    pub text: Option<Template>,
}

/// `command: {...}`
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// Program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// It is killed after this.
    pub timeout: Duration,
    /// Environment variables of the agent that it does not see.
    pub withheld: BTreeSet<String>,
}

/// Arguments may hold keys (`--token ${TOKEN}`): they are counted, not shown.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("program", &self.program)
            .field("arguments", &self.arguments.len())
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// A receiver's address as a parsed URL; an error never quotes it.
pub fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    // the parser would take `https:user:password@host`, and make a path of it
    let whole = text
        .get(url.scheme().len()..)
        .is_some_and(|rest| rest.starts_with("://"));
    if !whole
        || !matches!(url.scheme(), "http" | "https")
        || url.host_str().is_none_or(str::is_empty)
    {
        return Err("expected http:// or https:// and a host".to_owned());
    }
    Ok(url)
}
