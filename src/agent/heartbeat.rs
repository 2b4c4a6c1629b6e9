//! A dead man's switch: calls a URL once a minute while evaluating, writing and
//! telling all work. Whoever is called notices when it stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::health::Health;
use crate::deliver::http;
use crate::deliver::settings::parse_url;
use crate::now::now;
use crate::secret::Secret;

/// Calls `url` until it is stopped. The URL is a secret: it is not logged.
pub async fn beat(
    url: Secret,
    client: http::Client,
    health: Arc<Health>,
    mut stop: watch::Receiver<bool>,
) {
    let Ok(url) = parse_url(url.expose()) else {
        return;
    };
    let mut minutes = interval(Duration::from_secs(60));
    minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // the first tick is now, when nothing has been evaluated yet: look every
    // second until the first call
    let mut first = interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = first.tick() => {}
            _ = stop.changed() => return,
        }
        if health.read().unwell(now()).is_none() {
            break;
        }
    }
    loop {
        tokio::select! {
            _ = minutes.tick() => {}
            _ = stop.changed() => return,
        }
        if let Some(why) = health.read().unwell(now()) {
            tracing::warn!("the heartbeat is withheld: {why}");
            continue;
        }
        let call = http::send(client.request(reqwest::Method::GET, url.clone()), &url);
        tokio::select! {
            answer = call => match answer {
                Ok(answer) if (200..300).contains(&answer.status) => {}
                Ok(answer) => {
                    tracing::warn!(host = %http::host(&url), status = answer.status, "the heartbeat was refused");
                }
                Err(_) => tracing::warn!(host = %http::host(&url), "the heartbeat could not be sent"),
            },
            _ = stop.changed() => return,
        }
    }
}
