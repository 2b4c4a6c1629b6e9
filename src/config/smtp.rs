//! `smtp:` URLs: `smtp://host`, `smtps://user:password@host:465`,
//! `smtp://host:587?tls=required`.

use percent_encoding::percent_decode_str;
use url::Url;

use super::code::Code;
use super::graphite::is_local;
use super::reader::Map;
use crate::deliver::settings::{Smtp, SmtpTls};
use crate::secret::Secret;

/// The server that is used where nothing else is said.
pub fn local() -> Smtp {
    Smtp {
        host: "localhost".to_owned(),
        port: 25,
        tls: SmtpTls::Opportunistic,
        credentials: None,
    }
}

/// Reads the key `smtp` of `map`.
pub fn read(map: &Map<'_>) -> Option<Smtp> {
    let text = map.filled("smtp")?;
    let smtp = map.understood(
        "smtp",
        text,
        "an `smtp://` or `smtps://` URL",
        parse(text.value.trim()),
    )?;
    if smtp.credentials.is_some() && smtp.tls == SmtpTls::Opportunistic && !is_local(&smtp.host) {
        let message = format!(
            "{}: the password may be sent unencrypted if the server does not offer STARTTLS",
            map.name("smtp")
        );
        map.warn(
            Code::PlainSmtpPassword,
            text.place,
            message,
            "add `?tls=required`, or use `smtps://`",
        );
    }
    Some(smtp)
}

/// Takes the URL apart; errors never quote it.
fn parse(text: &str) -> Result<Smtp, String> {
    const ADVICE: &str = "write `smtp://host:25`, `smtps://user:password@host:465` or `smtp://host:587?tls=required`";
    let url = Url::parse(text).map_err(|error| format!("this is no URL: {error}; {ADVICE}; `@`, `/` and `:` in a password are written %40, %2F and %3A"))?;
    let implicit = match url.scheme() {
        "smtp" => false,
        "smtps" => true,
        _ => return Err(format!("expected smtp:// or smtps://; {ADVICE}")),
    };
    let host = url
        .host_str()
        .unwrap_or_default()
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '%') {
        return Err(format!("the host is missing or no name; {ADVICE}"));
    }
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(format!(
            "nothing can follow the host and port but `?tls=required`; {ADVICE}"
        ));
    }
    let tls = security(&url, implicit)?;
    let port = url.port().unwrap_or(if implicit { 465 } else { 25 });
    if port == 0 {
        return Err(format!("the port cannot be 0; {ADVICE}"));
    }
    Ok(Smtp {
        host,
        port,
        tls,
        credentials: credentials(&url)?,
    })
}

fn security(url: &Url, implicit: bool) -> Result<SmtpTls, String> {
    let mut tls = if implicit {
        SmtpTls::Implicit
    } else {
        SmtpTls::Opportunistic
    };
    for (key, value) in url.query_pairs() {
        match (&*key, &*value) {
            ("tls", "required") if !implicit => tls = SmtpTls::Required,
            ("tls", "required") => {}
            _ => return Err("after `?` only `tls=required` is known; without it STARTTLS is used where it is offered".to_owned()),
        }
    }
    Ok(tls)
}

fn credentials(url: &Url) -> Result<Option<(String, Secret)>, String> {
    let decoded = |part: &str| {
        let text = percent_decode_str(part)
            .decode_utf8()
            .map(|text| text.into_owned());
        text.map_err(|_| {
            "user or password is not UTF-8; write other characters as %XX of their UTF-8 bytes"
                .to_owned()
        })
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        (user, Some(password)) if !user.is_empty() => Ok(Some((decoded(user)?, Secret::new(decoded(password)?)))),
        _ => Err("a user without a password, or a password without a user; write `smtps://user:password@host`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ports_and_security_follow_the_scheme() {
        let check = |text: &str, host: &str, port: u16, tls: SmtpTls| {
            let smtp = parse(text).unwrap();
            assert_eq!(
                (smtp.host.as_str(), smtp.port, smtp.tls),
                (host, port, tls),
                "{text}"
            );
        };
        check(
            "smtp://mail.example.com",
            "mail.example.com",
            25,
            SmtpTls::Opportunistic,
        );
        check(
            "smtps://mail.example.com",
            "mail.example.com",
            465,
            SmtpTls::Implicit,
        );
        check(
            "smtp://mail:587?tls=required",
            "mail",
            587,
            SmtpTls::Required,
        );
        check("smtp://[::1]:2525/", "::1", 2525, SmtpTls::Opportunistic);
    }

    #[test]
    fn credentials_are_percent_decoded() {
        let smtp = parse("smtps://me%40example.com:p%2Fw%3A@host").unwrap();
        let (user, password) = smtp.credentials.unwrap();
        assert_eq!(
            (user.as_str(), password.expose()),
            ("me@example.com", "p/w:")
        );
    }

    #[test]
    fn faults_never_quote_the_url() {
        for text in [
            "http://u:hunter2@host",
            "smtp://u:hunter2@",
            "smtp://hunter2@host",
            "smtp://u:hunter2@host/x",
            "u:hunter2@host",
            "smtp://u:hunter2@host?tls=maybe",
            "smtp://u:hunter2@ho st",
        ] {
            assert!(!parse(text).unwrap_err().contains("hunter2"), "{text}");
        }
    }
}
