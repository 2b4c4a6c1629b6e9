//! A template of any content: refused when it is read, or rendered, or failed
//! with a reason, within bounds of time and size.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use graphite_pager::alert::{Level, Timestamp};
use graphite_pager::deliver::message::{Key, Kind, Message};
use graphite_pager::deliver::template::{Escape, Template};

use super::is_a_line;

const LONGEST: Duration = Duration::from_secs(5);

pub fn template(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else {
        return;
    };
    if let Err(why) = Template::parse_link(source) {
        is_a_line(&why, 1000);
    }
    let template = match Template::parse(source) {
        Ok(template) => template,
        Err(why) => return is_a_line(&why, 1000),
    };
    for message in [message(), bare()] {
        for escape in [Escape::None, Escape::Url, Escape::Slack] {
            let began = Instant::now();
            match template.render_as(&message, escape) {
                Ok(words) => assert!(words.len() <= 256 * 1024, "{} bytes", words.len()),
                Err(why) => is_a_line(&why, 400),
            }
            assert!(began.elapsed() < LONGEST, "took {:?}", began.elapsed());
        }
    }
}

/// A message with everything that one can have.
pub fn message() -> Message {
    let at = Timestamp::from_secs(1_795_435_200);
    Message {
        kind: Kind::New,
        instance: Arc::from("graphite-pager"),
        incident: "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000".to_owned(),
        event: 1,
        reminder: 0,
        alert: Arc::from("Load"),
        series: "web-1 <b>&\"".to_owned(),
        level: Level::Critical,
        told: Level::Ok,
        worst: Level::Critical,
        value: Some(23.4),
        condition: Some(">= 20".to_owned()),
        started: at,
        lasted: Duration::from_secs(120),
        changed: at,
        at,
        ended: None,
        no_data_since: Some(at),
        words: Some("only 3 of 10 series".to_owned()),
        reason: "critical for 2m".to_owned(),
        target: Some("aliasByNode(servers.*.loadavg.05, 1)".to_owned()),
        labels: BTreeMap::from([("team".to_owned(), "web".to_owned())]),
        description: Some("The load of a web server.\nIn two lines.".to_owned()),
        first_steps: None,
        docs: Some("https://wiki.example.com/alerts/Load#web-1".to_owned()),
        graph: Some("https://graphite.example.com/render?target=a&from=-1h".to_owned()),
        picture: None,
        key: Some(Key::Trigger("graphite-pager/Load/web-1".to_owned())),
    }
}

/// One with hardly anything.
fn bare() -> Message {
    Message {
        kind: Kind::Resolved,
        series: String::new(),
        level: Level::Ok,
        value: None,
        condition: None,
        no_data_since: None,
        words: None,
        target: None,
        labels: BTreeMap::new(),
        description: None,
        first_steps: None,
        docs: None,
        graph: None,
        key: None,
        ..message()
    }
}
