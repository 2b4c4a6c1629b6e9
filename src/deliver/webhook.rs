//! A request to any HTTP server: the documented JSON, or the user's own body.

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::http;
use super::message::{Message, Outcome};
use super::settings::{self, Webhook};
use super::template::Escape;
use super::{document, rendered};

/// One address.
pub struct Sender {
    http: http::Client,
    url: Url,
    method: Method,
    settings: Webhook,
}

impl Sender {
    /// Prepares to send as `settings` say.
    ///
    /// # Errors
    /// The address or the method is none; in words.
    pub fn new(settings: &Webhook, http: &http::Client) -> Result<Self, String> {
        let url = settings::parse_url(settings.url.expose())?;
        let method = Method::from_bytes(settings.method.as_bytes())
            .map_err(|_| format!("`{}` is not an HTTP method", settings.method))?;
        Ok(Self {
            http: http.clone(),
            url,
            method,
            settings: settings.clone(),
        })
    }

    /// Makes one attempt.
    pub async fn send(&self, message: &Message) -> Outcome {
        let mut request = self.http.request(self.method.clone(), self.url.clone());
        let given = |name: &str| {
            self.settings
                .headers
                .iter()
                .any(|(header, _)| header.eq_ignore_ascii_case(name))
        };
        if !given("content-type") {
            request = request.header("content-type", "application/json");
        }
        if !given("idempotency-key") {
            // the same whenever the same thing is told again, so that a server can tell
            let kind = message.kind.as_str();
            let key = match message.reminder {
                0 => format!("{}.{}.{kind}", message.incident, message.event),
                again => format!("{}.{}.{kind}.{again}", message.incident, message.event),
            };
            request = request.header("idempotency-key", key);
        }
        for (name, value) in &self.settings.headers {
            request = request.header(name, value.expose());
        }
        let secrets: Vec<&str> = self
            .settings
            .headers
            .iter()
            .map(|(_, value)| value.expose())
            .collect();
        match http::send(request.body(self.body(message)), &self.url).await {
            Ok(answer) => {
                let censor = http::censor(&self.url, &secrets);
                let censor = match &self.settings.body {
                    // it may hold a key of the user's, which nothing marks as one
                    Some(body) => body.hide_keys(censor),
                    None => censor,
                };
                http::settle_without(&answer, &self.url, &censor)
            }
            Err(outcome) => outcome,
        }
    }

    fn body(&self, message: &Message) -> String {
        let (own, note) = rendered(self.settings.body.as_ref(), message, Escape::None, "body");
        own.unwrap_or_else(|| {
            let mut payload = document::json(message);
            if let (Some(note), Some(payload)) = (note, payload.as_object_mut()) {
                payload.insert("note".to_owned(), Value::from(note));
            }
            payload.to_string()
        })
    }
}
