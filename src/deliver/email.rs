//! Mail: one thread per incident, text and HTML, the graph inside.
//!
//! A mail is `multipart/alternative` of text and HTML, the HTML together with
//! its picture in `multipart/related` where there is one. Its Message-ID is made
//! of incident and event, so that a mail sent again is the same mail; later ones
//! refer to the incident's first. Headers and HTML are safe against whatever a
//! legend holds. How it travels is `smtp.rs`'s business.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};

use super::message::{Kind, Message, Outcome};
use super::settings::Email;
use super::smtp::Server;
use super::template::Escape;
use super::{rendered, text};
use crate::alert::{Level, Timestamp};
use crate::entities::encode;

/// Characters of a subject.
const SUBJECT: usize = 250;

/// Bytes of a picture that a mail carries.
const PICTURE: usize = 2 * 1024 * 1024;

/// One list of addresses.
pub struct Sender {
    settings: Email,
    server: Server,
}

impl Sender {
    /// Prepares to send as `settings` say.
    pub fn new(settings: &Email) -> Self {
        Self {
            settings: settings.clone(),
            server: Server::new(&settings.smtp),
        }
    }

    /// Whether the graph is put into the mail.
    pub const fn wants_picture(&self) -> bool {
        self.settings.graph
    }

    /// Makes one attempt; one outcome for each of `recipients`, in their order.
    pub async fn send(&self, message: &Message, recipients: &[Arc<str>]) -> Vec<Outcome> {
        let mail = match compose(message, &self.settings, crate::now::now()) {
            Ok(mail) => mail,
            Err(why) => return vec![Outcome::Rejected { why, smtp: false }; recipients.len()],
        };
        let addresses: Vec<Result<Address, _>> = recipients
            .iter()
            .map(|recipient| recipient.parse())
            .collect();
        let valid: Vec<Address> = addresses
            .iter()
            .filter_map(|address| address.as_ref().ok().cloned())
            .collect();
        let mut sent = self
            .server
            .send(&self.settings.from.email, &valid, &mail)
            .await
            .into_iter();
        addresses
            .into_iter()
            .map(
                |address: Result<Address, lettre::address::AddressError>| match address {
                    Ok(_) => sent
                        .next()
                        .unwrap_or_else(|| not_sent("the attempt was given up".to_owned())),
                    Err(error) => not_sent(format!("the address cannot be used: {error}")),
                },
            )
            .collect()
    }
}

fn not_sent(why: String) -> Outcome {
    Outcome::Rejected { why, smtp: false }
}

/// The whole mail as it travels, sent at `now`.
fn compose(message: &Message, settings: &Email, now: Timestamp) -> Result<Vec<u8>, String> {
    let words = Words::of(message, settings);
    let picture = message
        .picture
        .as_ref()
        .filter(|picture| settings.graph && !picture.is_empty() && picture.len() <= PICTURE);
    let id = id(message);
    let content = format!("graph.{id}");
    let html = SinglePart::html(html(message, &words, picture.map(|_| content.as_str())));
    let parts = MultiPart::alternative().singlepart(SinglePart::plain(words.plain));
    let parts = match (picture, ContentType::parse("image/png")) {
        (Some(picture), Ok(png)) => {
            let picture = Attachment::new_inline_with_name(content, "graph.png".to_owned())
                .body(picture.to_vec(), png);
            parts.multipart(MultiPart::related().singlepart(html).singlepart(picture))
        }
        _ => parts.singlepart(html),
    };
    let since_epoch = Duration::from_secs(u64::try_from(now.as_secs()).unwrap_or(0));
    let mut mail = lettre::Message::builder()
        .from(settings.from.clone())
        .date(UNIX_EPOCH + since_epoch)
        .subject(words.subject)
        .message_id(Some(format!("<{id}>")))
        .raw_header(header("Auto-Submitted", "auto-generated"));
    if message.event > 1 || message.reminder > 0 {
        let first = format!("<{}>", message_id(message, "1"));
        mail = mail.in_reply_to(first.clone()).references(first);
    }
    mail = settings
        .to
        .iter()
        .cloned()
        .fold(mail, |mail, to: Mailbox| mail.to(to));
    mail = settings
        .cc
        .iter()
        .cloned()
        .fold(mail, |mail, cc: Mailbox| mail.cc(cc));
    let mail = mail
        .multipart(parts)
        .map_err(|error| format!("the mail cannot be written: {error}"))?;
    Ok(mail.formatted())
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// The number of this event, with that of the reminder if it is one: a mail that
/// says something new is a new mail.
fn event(message: &Message) -> String {
    match message.reminder {
        // over, or left, for this one alone: the incident may not have moved on
        0 if matches!(message.kind, Kind::Resolved | Kind::Left) && message.ended.is_none() => {
            format!("{}e", message.event)
        }
        0 => message.event.to_string(),
        reminder => format!("{}r{reminder}", message.event),
    }
}

/// The Message-ID of the mail that tells `message`, without its brackets: the
/// same whenever it is sent again.
pub fn id(message: &Message) -> String {
    message_id(message, &event(message))
}

/// `INCIDENT.EVENT@INSTANCE`, each part in characters that RFC 5322 takes there.
fn message_id(message: &Message, event: &str) -> String {
    let valid = |text: &str| -> String {
        let text: String = text
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') {
                    c
                } else {
                    '-'
                }
            })
            .take(100)
            .collect();
        if text.is_empty() {
            "graphite-pager".to_owned()
        } else {
            text
        }
    };
    // a domain may have dots, but not at its ends nor two in a row
    let domain: Vec<_> = message
        .instance
        .split('.')
        .filter(|part| !part.is_empty())
        .map(valid)
        .collect();
    let domain = if domain.is_empty() {
        valid("")
    } else {
        text::clip(&domain.join("."), 200).replace('…', "x")
    };
    format!("{}.{event}@{domain}", valid(&message.incident))
}

/// What the user's templates, or else the built-in words, say.
struct Words {
    subject: String,
    plain: String,
    /// The user's own text, which then stands in the HTML as well.
    own: Option<String>,
    /// What is to be said of templates that failed.
    notes: Vec<String>,
}

impl Words {
    fn of(message: &Message, settings: &Email) -> Self {
        let (subject, subject_note) =
            rendered(settings.subject.as_ref(), message, Escape::None, "subject");
        let subject = subject
            .filter(|own| !own.trim().is_empty())
            .unwrap_or_else(|| message.headline());
        let (own, text_note) = rendered(settings.text.as_ref(), message, Escape::None, "text");
        let own = own.map(|own| text::clean_lines(&own));
        let notes: Vec<String> = subject_note.into_iter().chain(text_note).collect();
        let mut plain = own.clone().unwrap_or_else(|| message.plain());
        for note in &notes {
            let _ = write!(plain, "\n\n{note}");
        }
        let subject = text::clip(&text::clean(subject.trim()), SUBJECT).into_owned();
        Self {
            subject,
            plain,
            own,
            notes,
        }
    }
}

fn html(message: &Message, words: &Words, picture: Option<&str>) -> String {
    let mut body = String::new();
    if let Some(own) = &words.own {
        let _ = write!(
            body,
            "<p style=\"white-space:pre-wrap;margin:0 0 16px\">{}</p>",
            encode(own)
        );
    } else {
        let (back, fore) = colours(message);
        let headline = message.headline();
        let _ = write!(
            body,
            "<p style=\"margin:0 0 16px;padding:12px 16px;border-radius:6px;background:{back};color:{fore};\
             font-size:17px;font-weight:600;overflow-wrap:anywhere\">{}</p>",
            encode(&headline)
        );
        if let Some(description) = &message.description {
            let description = encode(&text::clean_lines(description));
            let _ = write!(
                body,
                "<p style=\"white-space:pre-wrap;margin:0 0 16px\">{description}</p>"
            );
        }
    }
    buttons(&mut body, message);
    if words.own.is_none()
        && let Some(steps) = &message.first_steps
    {
        let steps = encode(&text::clean_lines(steps));
        let _ = write!(
            body,
            "<p style=\"margin:0 0 4px;font-weight:600\">First steps</p>\
             <p style=\"white-space:pre-wrap;margin:0 0 16px;overflow-wrap:anywhere\">{steps}</p>"
        );
    }
    if let Some(content) = picture {
        let alt = encode(&format!("Graph of {}", message.subject()));
        let image = format!(
            "<img src=\"cid:{content}\" alt=\"{alt}\" style=\"max-width:100%;height:auto;border:0\">"
        );
        match message.graph.as_deref().filter(|link| is_web(link)) {
            Some(link) => {
                let _ = write!(
                    body,
                    "<p style=\"margin:0 0 16px\"><a href=\"{}\">{image}</a></p>",
                    encode(link)
                );
            }
            None => {
                let _ = write!(body, "<p style=\"margin:0 0 16px\">{image}</p>");
            }
        }
    }
    if words.own.is_none() {
        table(&mut body, message);
    }
    for note in &words.notes {
        let _ = write!(
            body,
            "<p style=\"margin:16px 0 0;font-size:13px\">{}</p>",
            encode(note)
        );
    }
    page(&message.headline(), &body)
}

fn page(title: &str, body: &str) -> String {
    // no colour of text or ground but on the headline and the buttons, which set
    // both: so the mail follows the reader's light or dark
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta name=\"supported-color-schemes\" content=\"light dark\">\
         <title>{}</title></head>\n\
         <body style=\"margin:0;padding:16px;font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;\
         font-size:15px;line-height:1.45\">\n<div style=\"max-width:640px;margin:0 auto\">\n{body}\n</div>\n</body></html>\n",
        encode(title)
    )
}

fn buttons(body: &mut String, message: &Message) {
    let links = message.links();
    let links: Vec<_> = links.iter().filter(|(_, link)| is_web(link)).collect();
    if links.is_empty() {
        return;
    }
    body.push_str("<p style=\"margin:0 0 16px\">");
    for (name, link) in links {
        let _ = write!(
            body,
            "<a href=\"{}\" style=\"display:inline-block;margin:0 8px 8px 0;padding:8px 16px;border-radius:6px;\
             background:#1f5fbf;color:#ffffff;text-decoration:none;font-weight:600\">{name}</a>",
            encode(link)
        );
        body.push('\n');
    }
    body.push_str("</p>\n");
}

fn table(body: &mut String, message: &Message) {
    body.push_str("<table style=\"border-collapse:collapse;font-size:14px\">\n");
    for (name, value) in message.facts() {
        let _ = write!(
            body,
            "<tr><th scope=\"row\" style=\"text-align:left;vertical-align:top;padding:4px 16px 4px 0;\
             font-weight:600;white-space:nowrap\">{name}</th>\
             <td style=\"padding:4px 0;overflow-wrap:anywhere;word-break:break-word\">{}</td></tr>",
            encode(&value)
        );
        body.push('\n');
    }
    body.push_str("</table>\n");
}

fn colours(message: &Message) -> (&'static str, &'static str) {
    if message.is_over() {
        return ("#1a7f4b", "#ffffff");
    }
    match message.level {
        Level::Ok => ("#1a7f4b", "#ffffff"),
        Level::Warning => ("#f2c037", "#1a1a1a"),
        Level::NoData => ("#5c6370", "#ffffff"),
        Level::Critical => ("#c62828", "#ffffff"),
    }
}

/// Only such links are made clickable: `javascript:` and the like are not.
fn is_web(link: &str) -> bool {
    link.starts_with("https://") || link.starts_with("http://")
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use super::super::message::tests::message;
    use super::*;

    fn builtin(message: &Message) -> Words {
        Words {
            subject: message.headline(),
            plain: message.plain(),
            own: None,
            notes: Vec::new(),
        }
    }

    #[test]
    fn the_html_quotes_the_first_steps_and_nothing_in_them_is_html() {
        let message = Message {
            first_steps: Some("1. Look at <b>top</b>\n2. & restart".into()),
            ..message()
        };
        let html = html(&message, &builtin(&message), None);
        let quoted = "First steps</p><p style=\"white-space:pre-wrap;margin:0 0 16px;overflow-wrap:anywhere\">1. Look at &lt;b&gt;top&lt;/b&gt;\n2. &amp; restart</p>";
        assert!(html.contains(quoted), "{html}");
    }

    #[test]
    fn the_html_has_headline_description_links_picture_and_facts() {
        let html = html(&message(), &builtin(&message()), Some("cid-1"));
        let order = [
            "[CRITICAL] Load web-1 is 23.4 (&gt;= 20) for 2m",
            "The five-minute load of a web server.",
            "<a href=\"https://wiki.example.com/alerts/Load#web-1\"",
            "<a href=\"https://graphite.example.com/render?target=a&amp;from=-1h\"",
            "<img src=\"cid:cid-1\" alt=\"Graph of Load web-1\"",
            "<table",
            "23.4 (&gt;= 20)",
            "team=web",
        ];
        let body = html.split_once("<body").unwrap().1;
        let mut rest = body;
        for expected in order {
            let Some((_, after)) = rest.split_once(expected) else {
                panic!("{expected} is not where it should be in {body}")
            };
            rest = after;
        }
    }

    #[test]
    fn a_message_id_is_valid_whatever_the_instance_is_called() {
        for (instance, expected) in [
            (
                "graphite-pager",
                "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000.7@graphite-pager",
            ),
            (
                "pager.example.com",
                "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000.7@pager.example.com",
            ),
            (
                "..",
                "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000.7@graphite-pager",
            ),
            (
                "é <x>\r\n",
                "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000.7@---x---",
            ),
        ] {
            let message = Message {
                instance: Arc::from(instance),
                ..message()
            };
            assert_eq!(message_id(&message, "7"), expected);
        }
        let long = Message {
            instance: Arc::from("a.".repeat(500)),
            ..message()
        };
        assert!(message_id(&long, "1").len() < 300);
    }

    #[test]
    fn a_picture_too_large_for_a_mail_stays_out() {
        let mail = |size: usize| {
            let message = Message {
                picture: Some(vec![1; size].into()),
                ..message()
            };
            let settings = Email {
                to: vec!["a@example.com".parse().unwrap()],
                cc: Vec::new(),
                from: "b@example.com".parse().unwrap(),
                smtp: super::super::settings::Smtp {
                    host: "localhost".to_owned(),
                    port: 25,
                    tls: super::super::settings::SmtpTls::Opportunistic,
                    credentials: None,
                },
                subject: None,
                text: None,
                graph: true,
            };
            compose(&message, &settings, Timestamp::from_secs(0))
                .unwrap()
                .len()
        };
        assert!(mail(PICTURE) > PICTURE);
        assert!(mail(PICTURE + 1) < 100_000);
        assert!(mail(0) < 100_000);
    }

    #[test]
    fn a_level_that_is_left_without_a_new_event_is_a_mail_of_its_own() {
        let new = message();
        let left = Message {
            kind: Kind::Left,
            ..new.clone()
        };
        assert_ne!(id(&new), id(&left));
        assert_eq!(id(&left), id(&left.clone()), "and the same when sent again");
    }

    #[test]
    fn a_mail_is_dated_beyond_2038_and_2106() {
        let email = Email {
            to: vec!["ops@example.com".parse().unwrap()],
            cc: Vec::new(),
            from: "pager@example.com".parse().unwrap(),
            smtp: super::super::settings::Smtp {
                host: "localhost".to_owned(),
                port: 25,
                tls: super::super::settings::SmtpTls::Opportunistic,
                credentials: None,
            },
            subject: None,
            text: None,
            graph: false,
        };
        for (seconds, expected) in [
            (2_147_483_648, "Date: Tue, 19 Jan 2038 03:14:08 +0000"),
            (4_294_967_296, "Date: Sun, 07 Feb 2106 06:28:16 +0000"),
        ] {
            let mail = compose(&message(), &email, Timestamp::from_secs(seconds)).unwrap();
            let mail = String::from_utf8(mail).unwrap();
            assert!(mail.lines().any(|line| line == expected), "{mail}");
        }
    }
}
