//! One mail to several recipients over SMTP, each settled on its own.
//!
//! lettre's own transport gives a mail up at the first refused recipient and
//! waits for a greeting for ever; so its connection is driven here command by
//! command (RFC 5321, section 3.3), each with a deadline. How the connection
//! comes about is in `dial.rs`; what the mail says is not known here.

mod dial;
mod limited;

use std::error::Error as _;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::FutureExt;
use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};
use tokio::time::timeout;

use super::message::Outcome;
use super::settings::Smtp;
use super::text;
use crate::alert::duration;
use crate::secret::Censor;

/// How long a server may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// For connecting, for TLS, for the greeting, and for the answer to each command.
    pub step: Duration,
    /// For the mail itself and its acceptance.
    pub body: Duration,
    /// For everything.
    pub whole: Duration,
}

/// What servers get in production.
pub const DEADLINES: Deadlines = Deadlines {
    step: Duration::from_secs(10),
    body: Duration::from_secs(60),
    whole: Duration::from_secs(120),
};

/// For `QUIT`, when everything is settled.
const GOODBYE: Duration = Duration::from_secs(1);

/// Conversations that one attempt may take. A server that hangs at every
/// recipient is not asked about each.
const CONVERSATIONS: usize = 3;

/// The step that carries the mail: after it, no answer is no refusal.
const BODY: &str = "the mail";

/// All steps together.
const WHOLE: &str = "finish";

/// A mail server and how it is spoken to.
pub struct Server {
    settings: Smtp,
    deadlines: Deadlines,
    /// Trusted beside the system's roots.
    root: Option<Certificate>,
    hello: ClientId,
    /// Made at the first use of TLS: reading the system's roots takes milliseconds.
    verified: OnceLock<TlsParameters>,
    unverified: OnceLock<TlsParameters>,
}

impl Server {
    /// The server of `settings`.
    pub fn new(settings: &Smtp) -> Self {
        Self::with(settings, DEADLINES, None)
    }

    /// The same with other deadlines, and an authority trusted beside the system's.
    pub fn with(settings: &Smtp, deadlines: Deadlines, root: Option<Certificate>) -> Self {
        Self {
            settings: settings.clone(),
            deadlines,
            root,
            hello: dial::hello(),
            verified: OnceLock::new(),
            unverified: OnceLock::new(),
        }
    }

    /// Makes one attempt; one outcome for each of `to`, in their order.
    pub async fn send(&self, from: &Address, to: &[Address], mail: &[u8]) -> Vec<Outcome> {
        if to.is_empty() {
            return Vec::new();
        }
        let mut outcomes = vec![None; to.len()];
        let attempt = self.converse(from, to, mail, &mut outcomes);
        let rest = match timeout(self.deadlines.whole, attempt).await {
            Ok(Ok(())) => Outcome::Accepted,
            Ok(Err(outcome)) => outcome,
            Err(_) => self.late(WHOLE, self.deadlines.whole),
        };
        outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap_or_else(|| rest.clone()))
            .collect()
    }

    /// Makes one mail of it; a recipient at whom the server falls silent or hangs
    /// up is left out of the next conversation, so that it costs only itself.
    async fn converse(
        &self,
        from: &Address,
        to: &[Address],
        mail: &[u8],
        outcomes: &mut [Option<Outcome>],
    ) -> Result<(), Outcome> {
        for conversation in 1..=CONVERSATIONS {
            let End { outcome, at } = match self.attempt(from, to, mail, outcomes).await {
                Ok(()) => return Ok(()),
                Err(end) => end,
            };
            let culprit = at.and_then(|index| outcomes.get_mut(index));
            match culprit {
                Some(culprit) if conversation < CONVERSATIONS => *culprit = Some(alone(outcome)),
                _ => return Err(outcome),
            }
            if outcomes.iter().all(Option::is_some) {
                break;
            }
        }
        Ok(())
    }

    /// Settles those recipients that the server refuses, and at the end those
    /// that it took; an error is the outcome of all that are not settled then.
    async fn attempt(
        &self,
        from: &Address,
        to: &[Address],
        mail: &[u8],
        outcomes: &mut [Option<Outcome>],
    ) -> Result<(), End> {
        let mut connection = self.connect().await?;
        let step = self.deadlines.step;
        let utf8 = connection
            .server_info()
            .supports_feature(Extension::SmtpUtfEight);
        for (_, outcome) in to
            .iter()
            .zip(outcomes.iter_mut())
            .filter(|(address, _)| !utf8 && !is_ascii(address))
        {
            *outcome = Some(self.rejected("takes no addresses beyond ASCII (SMTPUTF8)"));
        }
        if !utf8 && !is_ascii(from) {
            return Err(self
                .rejected("takes no sender beyond ASCII (SMTPUTF8)")
                .into());
        }
        let parameters = parameters(&connection, from, to, mail);
        let command = connection.command(Mail::new(Some(from.clone()), parameters));
        self.ask("MAIL", step, Severity::PositiveCompletion, command)
            .await?;
        for (index, (address, outcome)) in to
            .iter()
            .zip(outcomes.iter_mut())
            .enumerate()
            .filter(|(_, (_, outcome))| outcome.is_none())
        {
            let command = connection.command(Rcpt::new(address.clone(), Vec::new()));
            let done = Severity::PositiveCompletion;
            match self.ask("RCPT", step, done, command).await {
                Ok(()) => {}
                Err(fault) if fault.refusal => *outcome = Some(fault.outcome),
                Err(fault) => {
                    return Err(End {
                        outcome: fault.outcome,
                        at: Some(index),
                    });
                }
            }
        }
        if outcomes.iter().any(Option::is_none) {
            let command = connection.command(Data);
            self.ask("DATA", step, Severity::PositiveIntermediate, command)
                .await?;
            let (body, sending) = (self.deadlines.body, connection.message(mail));
            self.ask(BODY, body, Severity::PositiveCompletion, sending)
                .await?;
            for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_none()) {
                *outcome = Some(Outcome::Accepted);
            }
        }
        // all is settled, whatever it answers
        let _ = timeout(GOODBYE, connection.quit()).await;
        Ok(())
    }

    /// Sends a command whose yes is a reply of the kind `expected` (RFC 5321,
    /// section 4.3.2). Any other yes is the answer to another question: a server
    /// that said one word too many would have the 354 of `DATA` read as the
    /// acceptance of a mail.
    async fn ask(
        &self,
        what: &str,
        limit: Duration,
        expected: Severity,
        asking: impl Future<Output = Result<Response, Error>>,
    ) -> Result<(), Fault> {
        let code = self.step(what, limit, asking).await?.code();
        if code.severity == expected {
            return Ok(());
        }
        Err(Fault {
            outcome: Outcome::Later {
                why: format!(
                    "`{}` answered {code} to {what}: expected {expected}xx",
                    self.server()
                ),
                after: None,
                pause: false,
                unsure: what == BODY,
            },
            refusal: false,
        })
    }

    /// Waits for one step of the conversation, at most `limit`.
    async fn step<T>(
        &self,
        what: &str,
        limit: Duration,
        step: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Fault> {
        match timeout(limit, self.judged(what, step)).await {
            Ok(judged) => judged,
            Err(_) => Err(Fault {
                outcome: self.late(what, limit),
                refusal: false,
            }),
        }
    }

    /// What one step comes to, whatever the server says in it: lettre 0.11.23 panics
    /// at an answer to `EHLO` with a line of nothing but spaces.
    async fn judged<T>(
        &self,
        what: &str,
        step: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Fault> {
        match AssertUnwindSafe(step).catch_unwind().await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(self.fault(what, &error)),
            Err(_) => Err(Fault {
                outcome: Outcome::Later {
                    why: format!("`{}` answered what cannot be read ({what})", self.server()),
                    after: None,
                    pause: false,
                    unsure: what == BODY,
                },
                refusal: false,
            }),
        }
    }

    fn fault(&self, what: &str, error: &Error) -> Fault {
        let cause = self.cause(error);
        let server = self.server();
        if let Some(code) = error.status() {
            let why = format!("`{server}` answered {code} to {what}: {cause}");
            let closing = code.to_string() == "421";
            let outcome = if error.is_permanent() {
                Outcome::Rejected { why, smtp: true }
            } else {
                Outcome::Later {
                    why,
                    after: None,
                    pause: closing,
                    unsure: false,
                }
            };
            return Fault {
                outcome,
                refusal: !closing,
            };
        }
        let outcome = if is_certificate(error) {
            self.rejected(&format!(
                "shows a certificate that does not verify ({cause}): use the name that is in it, \
                 or add its authority to the system's"
            ))
        } else if what == dial::SECURED && is_plain(error) {
            Outcome::Later {
                why: format!(
                    "`{server}` does not speak TLS at once: write `smtp://`, or the port that does \
                     (465, mostly)"
                ),
                after: None,
                pause: true,
                unsure: false,
            }
        } else if error.is_client() {
            Outcome::Rejected {
                why: format!("cannot speak to `{server}`: {cause}"),
                smtp: false,
            }
        } else {
            Outcome::Later {
                why: format!("`{server}` broke off at {what}: {cause}"),
                after: None,
                pause: false,
                unsure: what == BODY,
            }
        };
        Fault {
            outcome,
            refusal: false,
        }
    }

    /// The innermost cause on one line; the outer ones only name lettre's layers.
    /// Some servers repeat what they were sent, base64 included (RFC 4954).
    fn cause(&self, error: &Error) -> String {
        let mut inner: &dyn std::error::Error = error;
        while let Some(next) = inner.source() {
            inner = next;
        }
        let said = inner.to_string();
        let said = match &self.settings.credentials {
            Some((user, password)) => Censor::new().login(user, password.expose()).hide(&said),
            None => said,
        };
        text::clip(&text::clean(&said.replace(['\r', '\n'], " ")), 500).into_owned()
    }

    fn rejected(&self, what: &str) -> Outcome {
        Outcome::Rejected {
            why: format!("`{}` {what}", self.server()),
            smtp: false,
        }
    }

    fn unreachable(&self, cause: &str) -> Outcome {
        Outcome::Later {
            why: format!("cannot connect to `{}`: {cause}", self.server()),
            after: None,
            pause: true,
            unsure: false,
        }
    }

    fn late(&self, what: &str, limit: Duration) -> Outcome {
        let why = format!(
            "`{}` did not answer within {} ({what})",
            self.server(),
            duration::format(limit)
        );
        Outcome::Later {
            why,
            after: None,
            pause: true,
            unsure: matches!(what, BODY | WHOLE),
        }
    }

    fn server(&self) -> String {
        format!("{}:{}", self.settings.host, self.settings.port)
    }
}

fn parameters(
    connection: &AsyncSmtpConnection,
    from: &Address,
    to: &[Address],
    mail: &[u8],
) -> Vec<MailParameter> {
    let mut parameters = Vec::new();
    let offers = |extension| connection.server_info().supports_feature(extension);
    if offers(Extension::SmtpUtfEight) && !std::iter::once(from).chain(to).all(is_ascii) {
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if offers(Extension::EightBitMime) && !mail.is_ascii() {
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    parameters
}

/// What ended at one recipient says nothing of the server: no pause for the others.
fn alone(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Later { why, after, .. } => Outcome::Later {
            why,
            after,
            pause: false,
            unsure: false,
        },
        outcome => outcome,
    }
}

fn is_ascii(address: &Address) -> bool {
    address.user().is_ascii() && address.domain().is_ascii()
}

/// Why a step failed.
struct Fault {
    outcome: Outcome,
    /// The server said no to this command, and goes on listening.
    refusal: bool,
}

/// Why a conversation ended before the mail was taken.
struct End {
    outcome: Outcome,
    /// The recipient whose command ended it.
    at: Option<usize>,
}

impl From<Outcome> for End {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, at: None }
    }
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        fault.outcome.into()
    }
}

impl From<Fault> for Outcome {
    fn from(fault: Fault) -> Self {
        fault.outcome
    }
}

fn is_certificate(error: &Error) -> bool {
    matches!(tls(error), Some(rustls::Error::InvalidCertificate(_)))
}

/// What came were no words of TLS.
fn is_plain(error: &Error) -> bool {
    matches!(tls(error), Some(rustls::Error::InvalidMessage(_)))
}

/// What TLS says of it, if it is about that.
fn tls(error: &Error) -> Option<&rustls::Error> {
    let mut next = error.source();
    while let Some(error) = next {
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        let tls = error
            .downcast_ref::<rustls::Error>()
            .or_else(|| inner.and_then(|inner| inner.downcast_ref()));
        if tls.is_some() {
            return tls;
        }
        next = error.source();
    }
    None
}
