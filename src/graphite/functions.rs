//! Which functions a server knows, by its own word (`/functions`, graphite-web
//! 1.1 and later; render API). Servers without that endpoint are asked in vain.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde::de::IgnoredAny;
use tokio::time::timeout;

use super::client::Client;
use super::request::{Endpoint, whole};

/// Bytes of the list; that of graphite-web 1.1 has 130 kB.
const LONGEST: usize = 4 << 20;

/// Each function with what it takes.
type Listed = BTreeMap<String, BTreeMap<String, IgnoredAny>>;

impl Client {
    /// The names of all functions that the server lists; `None` where it has no
    /// such list, or does not give it in time.
    pub async fn functions(&self) -> Option<BTreeSet<String>> {
        let (endpoint, limit) = self.endpoint();
        timeout(limit, listed(endpoint)).await.ok().flatten()
    }
}

async fn listed(endpoint: &Endpoint) -> Option<BTreeSet<String>> {
    let mut url = endpoint.render().clone();
    let base = url.path().strip_suffix("render")?.to_owned();
    url.set_path(&format!("{base}functions"));
    let response = endpoint.once(&url, &Method::GET, "").await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    names(&whole(response, LONGEST).await?)
}

fn names(body: &[u8]) -> Option<BTreeSet<String>> {
    let listed: Listed = serde_json::from_slice(body).ok()?;
    Some(listed.into_keys().collect()).filter(|names: &BTreeSet<String>| !names.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_functions_is_told_from_any_other_json() {
        let list = br#"{"sumSeries": {"name": "sumSeries", "params": [{"default": 1e9999}]}, "alias": {}}"#;
        let expected = ["alias", "sumSeries"].map(str::to_owned);
        assert_eq!(names(list), Some(BTreeSet::from(expected)));
        for other in [
            "",
            "{}",
            "[]",
            "<html>",
            r#"{"error": "no"}"#,
            r#"{"a": [1]}"#,
        ] {
            assert_eq!(names(other.as_bytes()), None, "{other}");
        }
    }
}
