//! How a connection to a mail server comes about: reached, greeted, secured,
//! logged in, each step with its deadline.
//!
//! Knows nothing of mails and recipients. The invariant: a password is sent over
//! verified TLS or to this machine, and nowhere else.

use std::future::Future;
use std::net::SocketAddr;

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};

use super::limited::Limited;
use super::{Fault, Server};
use crate::deliver::message::Outcome;
use crate::deliver::settings::SmtpTls;

/// The steps that lettre makes in one, where TLS is spoken from the first byte.
pub(super) const SECURED: &str = "TLS and greeting";

impl Server {
    /// Connects, secures the connection as the settings want it, and logs in.
    pub(super) async fn connect(&self) -> Result<AsyncSmtpConnection, Outcome> {
        let mut connection = match self.settings.tls {
            SmtpTls::Implicit => self.secured().await?,
            SmtpTls::Opportunistic | SmtpTls::Required => self.greeted().await?,
        };
        self.log_in(&mut connection).await?;
        Ok(connection)
    }

    /// TLS from the first byte.
    async fn secured(&self) -> Result<AsyncSmtpConnection, Outcome> {
        let tls = self.tls(true)?;
        let connect = |address: SocketAddr| {
            let tls = Some(tls.clone());
            async move {
                let connecting =
                    AsyncSmtpConnection::connect_tokio1(address, None, &self.hello, tls, None);
                self.judged(SECURED, connecting).await.map_err(unreached)
            }
        };
        self.any_address(connect, || self.late(SECURED, self.deadlines.step))
            .await
    }

    /// In the clear at first, and over TLS where it is offered.
    async fn greeted(&self) -> Result<AsyncSmtpConnection, Outcome> {
        let (mut connection, mut near) = self.greeting().await?;
        if connection.can_starttls() {
            // Without a password to protect, TLS where offered is for those who only
            // listen (RFC 7435): whoever could forge a certificate could as well hide
            // the offer. So it is not refused for a certificate that does not verify,
            // as the one of a mail server on the same machine seldom does.
            let verify = self.settings.tls == SmtpTls::Required
                || (self.settings.credentials.is_some() && !near);
            let tls = self.tls(verify)?;
            let securing = connection.starttls(tls, &self.hello);
            let secured = self.step("STARTTLS", self.deadlines.step, securing).await;
            match secured {
                Ok(()) => {}
                Err(fault) if verify => return Err(fault.outcome),
                Err(fault) => {
                    // for the same reason: a page in the clear is better than none
                    let why = why(&fault.outcome);
                    tracing::warn!(
                        "{why}: going on without TLS; to refuse that write `?tls=required`"
                    );
                    (connection, near) = self.greeting().await?;
                }
            }
        } else if self.settings.tls == SmtpTls::Required {
            return Err(self.rejected("does not offer STARTTLS, which `tls=required` asks for"));
        }
        if !connection.is_encrypted() && !near && self.settings.credentials.is_some() {
            return Err(
                self.rejected("does not offer TLS, so the password is not sent: use `smtps://`")
            );
        }
        Ok(connection)
    }

    /// A connection that was greeted, and whether it is to this machine.
    async fn greeting(&self) -> Result<(AsyncSmtpConnection, bool), Outcome> {
        let connect = |address: SocketAddr| async move {
            let connecting = TcpStream::connect(address).await;
            connecting.map_err(|error| self.unreachable(&error.to_string()))
        };
        let stream = self
            .any_address(connect, || self.unreachable("no answer in time"))
            .await?;
        let near = stream
            .peer_addr()
            .is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
        let stream = Box::new(Limited::new(stream));
        let greeting = AsyncSmtpConnection::connect_with_transport(stream, &self.hello);
        let connection = self.step("greeting", self.deadlines.step, greeting).await?;
        Ok((connection, near))
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

    /// Connects to the first address that answers, within one deadline.
    async fn any_address<T, F>(
        &self,
        connect: impl Fn(SocketAddr) -> F,
        late: impl Fn() -> Outcome,
    ) -> Result<T, Outcome>
    where
        F: Future<Output = Result<T, Outcome>>,
    {
        let end = Instant::now() + self.deadlines.step;
        let looking = lookup_host((self.host(), self.settings.port));
        let found: Vec<_> = match timeout_at(end, looking).await {
            Ok(Ok(found)) => found.collect(),
            Ok(Err(error)) => return Err(self.unreachable(&error.to_string())),
            Err(_) => return Err(self.unreachable("the name is not resolved in time")),
        };
        first(&found, end, connect, late)
            .await
            .unwrap_or_else(|| Err(self.unreachable("the name has no address")))
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

/// The first of `addresses` that is reached or refuses; each gets its share of
/// the time until `end`, so that a dead one leaves some for the next. `None`:
/// there are none.
async fn first<T, F>(
    addresses: &[SocketAddr],
    end: Instant,
    connect: impl Fn(SocketAddr) -> F,
    late: impl Fn() -> Outcome,
) -> Option<Result<T, Outcome>>
where
    F: Future<Output = Result<T, Outcome>>,
{
    let mut last = None;
    for (index, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - index).unwrap_or(1);
        let share = end.saturating_duration_since(Instant::now()) / left;
        last = match timeout(share, connect(*address)).await {
            Ok(Err(later @ Outcome::Later { .. })) => Some(Err(later)),
            Ok(settled) => return Some(settled),
            Err(_) => Some(Err(late())),
        };
    }
    last
}

fn why(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Later { why, .. } | Outcome::Rejected { why, .. } => why,
        Outcome::Accepted => "",
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn refused() -> Outcome {
        Outcome::Rejected {
            why: "no".to_owned(),
            smtp: true,
        }
    }

    fn later(why: &str) -> Outcome {
        Outcome::Later {
            why: why.to_owned(),
            after: None,
            pause: true,
            unsure: false,
        }
    }

    /// Port 1 is dead, 2 refuses the connection, 3 the mail; others answer.
    async fn connect(address: SocketAddr) -> Result<u16, Outcome> {
        match address.port() {
            1 => std::future::pending().await,
            2 => Err(later("refused")),
            3 => Err(refused()),
            port => Ok(port),
        }
    }

    async fn check(ports: &[u16], expected: Option<Result<u16, Outcome>>) {
        let addresses: Vec<SocketAddr> = ports
            .iter()
            .map(|port| SocketAddr::from(([127, 0, 0, 1], *port)))
            .collect();
        let began = Instant::now();
        let end = began + Duration::from_secs(10);
        let found = first(&addresses, end, connect, || later("dead")).await;
        assert_eq!(found, expected, "{ports:?}");
        assert!(began.elapsed() <= Duration::from_secs(10), "{ports:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_address_leaves_time_for_the_next_and_all_share_one_deadline() {
        check(&[1, 4], Some(Ok(4))).await;
        check(&[1, 1, 1, 4], Some(Ok(4))).await;
        check(&[2, 4], Some(Ok(4))).await;
        check(&[1, 1], Some(Err(later("dead")))).await;
        check(&[1, 2], Some(Err(later("refused")))).await;
        check(&[3, 4], Some(Err(refused()))).await;
        check(&[], None).await;
    }
}
