//! Macros of Nagios: `$ARG1$`, `$HOSTNAME$`, `$_HOSTPORT$`. What only a running
//! Nagios knows stays as it is.

use std::collections::BTreeMap;

use super::objects::Object;
use super::service::described;

/// Bytes of a command line.
const LONGEST: usize = 64 << 10;

/// The names between two `$` of a text, in order; `$$` is a `$`.
pub fn macros(text: &str) -> Vec<String> {
    let pieces: Vec<&str> = text.split('$').collect();
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    let named = pieces
        .iter()
        .skip(1)
        .step_by(2)
        .filter(|name| is_name(name));
    named.map(|name| (*name).to_owned()).collect()
}

/// The command line `command` for a service, its arguments and macros filled in; `parts` begins with the command's name.
///
/// # Errors
/// It grows beyond what a command line may be.
pub fn fill_in(
    command: &str,
    parts: &[String],
    service: &Object,
    host: Option<&str>,
    hosts: &BTreeMap<&str, &Object>,
) -> Result<String, String> {
    let about_host = host.and_then(|host| hosts.get(host));
    let of = |name: &str| -> Option<String> {
        if let Some(number) = name.strip_prefix("ARG") {
            let number: usize = number.parse().ok()?;
            return Some(parts.get(number).cloned().unwrap_or_default());
        }
        if let Some(custom) = name.strip_prefix("_SERVICE") {
            return custom_value(service, custom);
        }
        if let Some(custom) = name.strip_prefix("_HOST") {
            return about_host.and_then(|host| custom_value(host, custom));
        }
        match name {
            "HOSTNAME" => host.map(str::to_owned),
            "HOSTADDRESS" => about_host
                .and_then(|host| host.get("address"))
                .map(str::to_owned),
            "HOSTALIAS" => about_host
                .and_then(|host| host.get("alias"))
                .map(str::to_owned),
            "SERVICEDESC" => Some(described(service)),
            _ => None,
        }
    };
    // arguments may hold macros of their own
    replaced(&replaced(command, &of)?, &of)
}

fn custom_value(object: &Object, name: &str) -> Option<String> {
    let key = object.keys.keys().find(|key| {
        key.strip_prefix('_')
            .is_some_and(|key| key.eq_ignore_ascii_case(name))
    })?;
    object.get(key).map(str::to_owned)
}

fn replaced(text: &str, of: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        if out.len() > LONGEST {
            return Err(format!(
                "its command line is longer than {} KiB once its macros are filled in",
                LONGEST >> 10
            ));
        }
        out.push_str(before);
        let Some((name, tail)) = after.split_once('$') else {
            out.push('$');
            rest = after;
            continue;
        };
        match of(name) {
            _ if name.is_empty() => out.push_str("$$"),
            Some(value) => out.push_str(&value),
            None => out.push_str(&format!("${name}$")),
        }
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use super::*;

    fn object(keys: &[(&str, &str)]) -> Object {
        let keys = keys
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Object {
            keys: keys.collect(),
            ..Object::default()
        }
    }

    #[test]
    fn arguments_hosts_and_custom_keys_are_filled_in() {
        let service = object(&[("service_description", "Load"), ("_path", "a.b")]);
        let host = object(&[("address", "192.0.2.1"), ("_Port", "80")]);
        let hosts = BTreeMap::from([("web-1", &host)]);
        let parts = ["x", "1$HOSTNAME$2"].map(str::to_owned);
        let filled =
            |command: &str| fill_in(command, &parts, &service, Some("web-1"), &hosts).unwrap();
        assert_eq!(
            filled("c $ARG1$ $ARG2$ $HOSTADDRESS$ $_HOSTPORT$ $_SERVICEPATH$ $SERVICEDESC$"),
            "c 1web-12  192.0.2.1 80 a.b Load"
        );
        assert_eq!(filled("$USER1$/c a$$b $"), "$USER1$/c a$$b $");
        let grown = fill_in(&"$ARG1$".repeat(100_000), &parts, &service, None, &hosts);
        assert!(grown.unwrap_err().contains("longer than 64 KiB"));
        assert_eq!(macros("$USER1$/c a$$b $X$ 5$"), ["USER1", "X"]);
    }
}
