//! Whether the addresses that messages link to show the pages that they should.
//!
//! A few at once, each with a deadline and no more of an answer than a page
//! may have. Nobody is sent credentials; redirects are followed on the same
//! host only, so a login page elsewhere is a fault and not an answer. A host
//! that does not answer is not asked for every page.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::watch;
use url::Url;

use super::fault::{Fault, Kind, list};
use super::html::{self, Seen};
use super::wanted::Link;
use crate::deliver::http::{self, Client};
use crate::redirect::{Astray, chase};

/// Links that are asked for at once.
const AT_ONCE: usize = 4;
/// Bytes of a page that are read.
const LONGEST: usize = 4 << 20;
/// Redirects that are followed for one link.
const REDIRECTS: usize = 5;
/// Requests that a host may leave unanswered before it is left alone.
const PATIENCE: usize = 3;

const ELSEWHERE: &str = "give `docs_url` the address that is published for everybody who is told, or take the login off; nobody wants to log in at night";
const NOT_THERE: &str = "publish the page at this address, or correct `docs_url`";
const NO_ANSWER: &str =
    "check the address and the way there, or give the host more time with `--timeout`";

/// What came of asking for links.
#[derive(Debug, Default)]
pub struct Fetched {
    /// What is wrong with them, in their order.
    pub faults: Vec<Fault>,
    /// How many were asked for: all, but where it was stopped.
    pub links: usize,
}

/// Asks for all links until `stop` becomes true, and says how many it has asked for.
///
/// # Errors
/// No request can be made at all; in words.
pub async fn check(
    links: &[Link],
    timeout: Duration,
    mut stop: watch::Receiver<bool>,
    said: &mut dyn FnMut(usize),
) -> Result<Fetched, String> {
    let client = Client::with_deadlines(timeout, timeout)?;
    let silent: RefCell<HashMap<String, usize>> = RefCell::default();
    let ask = |link| one(&client, &silent, link, timeout);
    let mut answers = stream::iter(links).map(ask).buffered(AT_ONCE);
    let mut fetched = Fetched::default();
    loop {
        tokio::select! {
            biased;
            Ok(_) = stop.wait_for(|stop| *stop) => break,
            fault = answers.next() => {
                let Some(fault) = fault else { break };
                fetched.faults.extend(fault);
            }
        }
        fetched.links += 1;
        said(fetched.links);
    }
    Ok(fetched)
}

/// Why a link shows no page.
enum Failure {
    /// Nothing came, or not to its end.
    Silent(String),
    /// Something else came; what it was and what to do.
    Wrong(String, &'static str),
}

async fn one(
    client: &Client,
    silent: &RefCell<HashMap<String, usize>>,
    link: &Link,
    timeout: Duration,
) -> Option<Fault> {
    let host = http::host(&link.url);
    if silent
        .borrow()
        .get(&host)
        .is_some_and(|times| *times >= PATIENCE)
    {
        let why = format!("was not asked for: `{host}` has left {PATIENCE} requests unanswered");
        return Some(failed(link, &why, NO_ANSWER));
    }
    let answer = tokio::time::timeout(timeout, fetch(client, link.url.clone()));
    let late = || Failure::Silent("took too long to answer".to_owned());
    match answer.await.unwrap_or_else(|_| Err(late())) {
        Ok(Some(seen)) if seen.password => Some(failed(link, "shows a login page", ELSEWHERE)),
        Ok(Some(seen)) => missing(link, &seen),
        // not HTML: nobody knows where its anchors are
        Ok(None) => None,
        Err(Failure::Silent(why)) => {
            *silent.borrow_mut().entry(host).or_default() += 1;
            Some(failed(link, &why, NO_ANSWER))
        }
        Err(Failure::Wrong(why, hint)) => Some(failed(link, &why, hint)),
    }
}

/// What is at `url`; `None`: something else than HTML.
async fn fetch(client: &Client, url: Url) -> Result<Option<Seen>, Failure> {
    let send = async |url| {
        let request = client.request(Method::GET, url);
        let request = request.header(ACCEPT, "text/html, */*;q=0.5");
        request.send().await
    };
    match chase(url, REDIRECTS, send).await {
        Ok(response) => page(response).await,
        Err(Astray::Failed(error)) => Err(unanswered(&error)),
        Err(Astray::Elsewhere(other)) => {
            let why = format!("redirects to another host, `{other}`: a login page, perhaps");
            Err(Failure::Wrong(why, ELSEWHERE))
        }
        Err(Astray::Endless(most)) => {
            let why = format!("redirects more than {most} times");
            Err(Failure::Wrong(why, NOT_THERE))
        }
    }
}

async fn page(mut response: Response) -> Result<Option<Seen>, Failure> {
    let status = response.status();
    if !status.is_success() {
        let hint = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ELSEWHERE,
            _ => NOT_THERE,
        };
        return Err(Failure::Wrong(format!("answers {status}"), hint));
    }
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.map(|kind| String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase());
    if kind.is_some_and(|kind| !kind.contains("html")) {
        return Ok(None);
    }
    let mut body = Vec::new();
    while body.len() < LONGEST {
        let Some(chunk) = response.chunk().await.map_err(|error| unanswered(&error))? else {
            break;
        };
        body.extend(chunk.iter().take(LONGEST - body.len()));
    }
    Ok(Some(html::read(&String::from_utf8_lossy(&body))))
}

fn unanswered(error: &reqwest::Error) -> Failure {
    let why = match () {
        () if error.is_connect() => "cannot be asked for: the host cannot be connected to",
        () if error.is_timeout() => "took too long to answer",
        () => "was not answered to its end",
    };
    Failure::Silent(why.to_owned())
}

fn missing(link: &Link, seen: &Seen) -> Option<Fault> {
    // GitHub puts this before the names that writers give, and its script finds them
    let shown = |name: &str| {
        seen.anchors.contains(name) || seen.anchors.contains(&format!("user-content-{name}"))
    };
    let anchors = link.anchors.iter().map(String::as_str);
    let missing: Vec<&str> = anchors.filter(|name| !shown(name)).collect();
    let first = missing.first()?;
    let hint = format!(
        "write `<a id=\"{}\"></a>` where the link should lead, and publish the page again",
        html::attribute(first)
    );
    let names = list(missing.iter().copied());
    let message = format!("the page of `{}` has no anchor for {names}", link.alert);
    Some(of(link, Kind::MissingAnchor, message, hint))
}

fn failed(link: &Link, why: &str, hint: &str) -> Fault {
    let message = format!("the page of `{}` {why}", link.alert);
    of(link, Kind::LinkFailed, message, hint.to_owned())
}

fn of(link: &Link, kind: Kind, message: String, hint: String) -> Fault {
    let mut shown = link.url.clone();
    // only the environment can bring them along
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    Fault {
        kind,
        alert: Some(link.alert.clone()),
        page: Some(shown.to_string()),
        line: None,
        place: None,
        message,
        hint,
    }
}
