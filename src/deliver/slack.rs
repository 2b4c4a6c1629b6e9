//! Slack's incoming webhooks: one message with the colour of its level.
//!
//! Every foreign text is escaped, so that a legend such as `<!channel>` calls
//! nobody. The wording is `message.rs`'s.

use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use super::message::{Message, Outcome};
use super::settings::{self, Slack};
use super::template::Escape;
use super::{http, rendered, text};
use crate::alert::Level;

/// Characters of a text that Slack shows without cutting it.
const TEXT: usize = 3000;

/// Characters of a description, and of first steps.
const DESCRIPTION: usize = 1500;

/// Characters of a link that Slack takes.
const LINK: usize = 2000;

/// One incoming webhook.
pub struct Sender {
    http: http::Client,
    url: Url,
    settings: Slack,
}

impl Sender {
    /// Prepares to send as `settings` say.
    ///
    /// # Errors
    /// The address is none; in words.
    pub fn new(settings: &Slack, http: &http::Client) -> Result<Self, String> {
        let url = settings::parse_url(settings.url.expose())?;
        Ok(Self {
            http: http.clone(),
            url,
            settings: settings.clone(),
        })
    }

    /// Makes one attempt.
    pub async fn send(&self, message: &Message) -> Outcome {
        let body = body(message, &self.settings).to_string();
        let request = self
            .http
            .request(Method::POST, self.url.clone())
            .header("content-type", "application/json")
            .body(body);
        match http::send(request, &self.url).await {
            Ok(answer) => http::settle(&answer, &self.url, &[]),
            Err(outcome) => outcome,
        }
    }
}

/// `&`, `<` and `>` as mrkdwn wants them: all that Slack gives a meaning to.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn body(message: &Message, settings: &Slack) -> Value {
    let headline = message.headline();
    let (own, note) = rendered(settings.text.as_ref(), message, Escape::Slack, "text");
    let words = own.unwrap_or_else(|| escape(&headline));
    let mut details = Vec::new();
    details.extend(message.description.as_deref().map(|text| {
        // the links after it must not be cut
        escape(&text::clip(&text::clean_lines(text), DESCRIPTION))
    }));
    let links = message.links();
    let links: Vec<String> = links
        .iter()
        .filter(|(_, link)| link.len() <= LINK)
        // a `|` would end the link; it stands in no URL unencoded
        .map(|(name, link)| format!("<{}|{name}>", escape(&link.replace('|', "%7C"))))
        .collect();
    if !links.is_empty() {
        details.push(links.join("  "));
    }
    details.extend(message.first_steps.as_deref().map(|steps| {
        let steps = text::clean_lines(steps);
        format!(
            "*First steps*\n{}",
            escape(&text::clip(&steps, DESCRIPTION))
        )
    }));
    details.extend(note.map(|note| escape(&note)));
    let details = details.join("\n");
    let mut body = json!({
        "text": text::clip(&words, TEXT),
        "attachments": [{
            "color": colour(message),
            "fallback": escape(&headline),
            "text": details,
            "mrkdwn_in": ["text"],
        }],
    });
    if let (Some(channel), Some(body)) = (&settings.channel, body.as_object_mut()) {
        body.insert("channel".to_owned(), Value::from(channel.as_str()));
    }
    body
}

fn colour(message: &Message) -> &'static str {
    if message.is_over() {
        return "#2eb67d";
    }
    match message.level {
        Level::Ok => "#2eb67d",
        Level::Warning => "#ecb22e",
        Level::NoData => "#7a7a7a",
        Level::Critical => "#e01e5a",
    }
}
