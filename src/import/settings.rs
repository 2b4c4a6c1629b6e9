//! Addresses and keys of foreign files, as settings of ours that are shown in a
//! comment. What is secret is never copied: a variable's name stands in its place.

use url::Url;

/// An address without user and password, and the user where there was one.
pub fn address(text: &str) -> Option<(String, Option<String>)> {
    let mut url = Url::parse(text.trim()).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let user = Some(url.username().to_owned()).filter(|user| !user.is_empty());
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some((url.as_str().trim_end_matches('/').to_owned(), user))
}

/// `https://user:password@host` without what stands before the host.
pub fn without_login(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else {
        return word.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://***@{host}{path}"),
        None => word.to_owned(),
    }
}

/// The address of a Graphite: what stands before `/render`.
pub fn graphite(text: &str) -> Option<(String, Option<String>)> {
    let (url, user) = address(text)?;
    let url = url.strip_suffix("/render").unwrap_or(&url);
    Some((url.trim_end_matches('/').to_owned(), user))
}

/// The section `graphite:`; `user`, a scalar, where there is a login, whose password is not copied.
pub fn section(url: &str, public: Option<&str>, user: Option<&str>) -> Vec<String> {
    let mut lines = vec![
        "graphite:".to_owned(),
        format!("  url: {}", super::yaml::text(url)),
    ];
    if let Some(public) = public {
        lines.push(format!("  public_url: {}", super::yaml::text(public)));
    }
    if let Some(user) = user {
        lines.push(format!("  username: {user}"));
        lines.push(
            "  password: \"${GRAPHITE_PASSWORD}\"   # not copied: set this variable".to_owned(),
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_login() {
        let shown = |text| graphite(text);
        let url = |url: &str, user: Option<&str>| Some((url.to_owned(), user.map(str::to_owned)));
        assert_eq!(shown("http://g/"), url("http://g", None));
        assert_eq!(
            shown("https://me:hush@g:8080/x/render?a=b"),
            url("https://g:8080/x", Some("me"))
        );
        assert_eq!(shown("file:///etc"), None);
        assert_eq!(shown("g"), None);
    }
}
