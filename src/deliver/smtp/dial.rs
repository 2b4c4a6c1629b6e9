//! How a connection to a mail server comes about: reached, greeted, secured,
//! logged in, each step with its deadline.
//!
//! Knows nothing of mails and recipients. The invariant: a password is sent over
//! verified TLS or to this machine, and nowhere else.

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Fault, Server};
use crate::deliver::message::Outcome;
use crate::deliver::settings::SmtpTls;

impl Server {
    /// Connects, secures the connection as the settings want it, and logs in.
    pub(super) async fn connect(&self) -> Result<AsyncSmtpConnection, Outcome> {
        let step = self.deadlines.step;
        if self.settings.tls == SmtpTls::Implicit {
            let address = (self.host(), self.settings.port);
            let tls = self.tls(true)?;
            let connecting = AsyncSmtpConnection::connect_tokio1(
                address,
                Some(step),
                &self.hello,
                Some(tls),
                None,
            );
            let connected = self.step("TLS and greeting", step, connecting).await;
            let mut connection = connected.map_err(unreached)?;
            self.log_in(&mut connection).await?;
            return Ok(connection);
        }
        let stream = self.reach().await?;
        let near = stream
            .peer_addr()
            .is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
        let greeting = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &self.hello);
        let mut connection = self.step("greeting", step, greeting).await?;
        if connection.can_starttls() {
            // Without a password to protect, TLS where offered is for those who only
            // listen (RFC 7435): whoever could forge a certificate could as well hide
            // the offer. So it is not refused for a certificate that does not verify,
            // as the one of a mail server on the same machine seldom does.
            let verify = self.settings.tls == SmtpTls::Required
                || (self.settings.credentials.is_some() && !near);
            let tls = self.tls(verify)?;
            self.step("STARTTLS", step, connection.starttls(tls, &self.hello))
                .await?;
        } else if self.settings.tls == SmtpTls::Required {
            return Err(self.rejected("does not offer STARTTLS, which `tls=required` asks for"));
        }
        if !connection.is_encrypted() && !near && self.settings.credentials.is_some() {
            return Err(
                self.rejected("does not offer TLS, so the password is not sent: use `smtps://`")
            );
        }
        self.log_in(&mut connection).await?;
        Ok(connection)
    }

    async fn log_in(&self, connection: &mut AsyncSmtpConnection) -> Result<(), Outcome> {
        let Some((user, password)) = &self.settings.credentials else {
            return Ok(());
        };
        let credentials = Credentials::new(user.clone(), password.expose().to_owned());
        let mechanisms = [Mechanism::Plain, Mechanism::Login];
        if connection
            .server_info()
            .get_auth_mechanism(&mechanisms)
            .is_none()
        {
            return Err(self.rejected(
                "offers neither AUTH PLAIN nor LOGIN: take the user out of `smtp`, or ask for TLS",
            ));
        }
        self.step(
            "AUTH",
            self.deadlines.step,
            connection.auth(&mechanisms, &credentials),
        )
        .await?;
        Ok(())
    }

    /// Connects to the first address that answers; each gets its share of the
    /// deadline, so that a dead one leaves time for the next.
    async fn reach(&self) -> Result<TcpStream, Outcome> {
        let end = Instant::now() + self.deadlines.step;
        let looking = lookup_host((self.host(), self.settings.port));
        let found: Vec<_> = match timeout_at(end, looking).await {
            Ok(Ok(found)) => found.collect(),
            Ok(Err(error)) => return Err(self.unreachable(&error.to_string())),
            Err(_) => return Err(self.unreachable("the name is not resolved in time")),
        };
        let mut last = "the name has no address".to_owned();
        for (index, address) in found.iter().enumerate() {
            let left = u32::try_from(found.len() - index).unwrap_or(1);
            let share = end.saturating_duration_since(Instant::now()) / left;
            last = match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer in time".to_owned(),
            };
        }
        Err(self.unreachable(&last))
    }

    fn host(&self) -> &str {
        self.settings
            .host
            .trim_start_matches('[')
            .trim_end_matches(']')
    }

    fn tls(&self, verify: bool) -> Result<TlsParameters, Outcome> {
        let made = if verify {
            &self.verified
        } else {
            &self.unverified
        };
        if let Some(tls) = made.get() {
            return Ok(tls.clone());
        }
        let mut builder = TlsParameters::builder(self.host().to_owned())
            .dangerous_accept_invalid_certs(!verify)
            .dangerous_accept_invalid_hostnames(!verify);
        if let Some(root) = &self.root {
            builder = builder.add_root_certificate(root.clone());
        }
        let tls = builder
            .build()
            .map_err(|error| self.rejected(&format!("cannot be spoken to over TLS: {error}")))?;
        Ok(made.get_or_init(|| tls).clone())
    }
}

/// With TLS from the first byte lettre does not say whether it was reached.
fn unreached(fault: Fault) -> Outcome {
    match fault.outcome {
        Outcome::Later { why, after, .. } if !fault.refusal => Outcome::Later {
            why,
            after,
            pause: true,
            unsure: false,
        },
        outcome => outcome,
    }
}

/// The name that the agent greets with: the machine's, where it is one.
pub(super) fn hello() -> ClientId {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = name.trim();
    let valid = !name.is_empty()
        && name.len() <= 255
        && name.split('.').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        });
    ClientId::Domain(if valid { name } else { "localhost" }.to_owned())
}
