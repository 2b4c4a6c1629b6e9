//! `${NAME}`, `${file:PATH}` and `${param:NAME}` in strings.
//!
//! `$${` is a literal `${`; a `$` before anything else is itself. What could not
//! be replaced is reported by its name or path, never by a value. The value of a
//! parameter is no secret unless it holds one itself: it counts as written here.

use std::io::Read;
use std::path::Path;

use super::context::Context;
use super::params::{Param, Params};
use super::problem::{Place, quote};
use super::stand_ins;

/// Bytes that a secret's file may have.
const LARGEST: u64 = 1 << 20;

/// A string with everything replaced.
pub struct Replaced<'p> {
    /// The string.
    pub text: String,
    /// The same with parameters alone replaced: what may be shown.
    pub written: String,
    /// Whether anything else than parameters was replaced.
    pub changed: bool,
    /// The parameters that were put in.
    pub params: Vec<&'p Param>,
    /// Whether something could not be, which has been reported.
    pub broken: bool,
    /// Whether something was only stood in for.
    pub stood_in: bool,
}

impl<'p> Replaced<'p> {
    /// Text that stands for itself.
    fn keep(&mut self, text: &str) {
        self.text.push_str(text);
        self.written.push_str(text);
    }

    fn put_in(&mut self, param: &'p Param) {
        if let Some(scalar) = param.scalar() {
            self.text.push_str(&scalar.text);
            self.written
                .push_str(scalar.written.as_deref().unwrap_or(&scalar.text));
            self.changed |= scalar.written.is_some();
            self.broken |= scalar.broken;
        }
        self.params.push(param);
    }
}

/// Replaces everything in `raw`, which stands at `place`; `lead` as in `tree::Scalar`.
pub fn replace<'p>(
    context: &Context<'_>,
    params: &'p Params,
    raw: &str,
    place: Place,
    lead: Option<u32>,
) -> Replaced<'p> {
    let mut done = Replaced {
        text: String::new(),
        written: String::new(),
        changed: false,
        params: Vec::new(),
        broken: false,
        stood_in: false,
    };
    let mut rest = raw;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        if let Some(kept) = before.strip_suffix('$') {
            done.keep(kept);
            done.text.push_str("${");
            done.written.push_str("$${");
            done.changed = true;
            rest = from.get(2..).unwrap_or_default();
            continue;
        }
        done.keep(before);
        let here = shifted(place, lead, raw, raw.len() - from.len());
        let Some((name, after)) = from.get(2..).and_then(|inner| inner.split_once('}')) else {
            context.error(
                here,
                "`${` has no `}`",
                "write `${NAME}` or `${file:PATH}`; for the two characters themselves write `$${`",
            );
            done.broken = true;
            done.keep(from);
            return done;
        };
        rest = after;
        if let Some(name) = name.strip_prefix("param:") {
            match params.get(name) {
                Ok(param) => done.put_in(param),
                Err((message, hint)) => {
                    context.error(here, message, hint);
                    done.broken = true;
                }
            }
            continue;
        }
        done.changed = true;
        done.written.push_str(&format!("${{{name}}}"));
        let value = match value(context, name, place.file) {
            Err(_) if context.rehearses() && stand_ins::can_stand_for(name) => {
                done.stood_in = true;
                Ok(stand_ins::word(name))
            }
            value => value,
        };
        match value {
            Ok(value) => done.text.push_str(&value),
            Err((message, hint)) => {
                context.error(here, message, hint);
                done.broken = true;
            }
        }
    }
    done.keep(rest);
    done
}

/// The place of byte `at` of a scalar's text, where that stands on one line as it is.
pub fn shifted(place: Place, lead: Option<u32>, text: &str, at: usize) -> Place {
    let Some(lead) = lead else { return place };
    let before = text.get(..at).unwrap_or_default();
    let characters = u32::try_from(before.chars().count()).unwrap_or(0);
    Place {
        column: place.column + lead + characters,
        offset: place.offset + lead as usize + before.len(),
        ..place
    }
}

fn value(context: &Context<'_>, name: &str, file: u32) -> Result<String, (String, String)> {
    if let Some(path) = name.strip_prefix("file:") {
        if context.rehearses() {
            // whatever is in it is none of a rehearsal's business
            return Err((String::new(), String::new()));
        }
        return content(context, path, file);
    }
    if !is_name(name) {
        // not quoted: it may be a piece of a secret
        return Err((
            "what stands between `${` and `}` is no name of an environment variable".to_owned(),
            "write `${NAME}` or `${file:PATH}`; for a literal `${` write `$${`".to_owned(),
        ));
    }
    context.env(name).ok_or_else(|| {
        let hint = format!("set it where the agent is started (`{name}=... graphite-pager run`), or read a file with `${{file:PATH}}`");
        (format!("the environment variable `{name}` is not set"), hint)
    })
}

/// Whether `text` can be the name of an environment variable.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn content(context: &Context<'_>, path: &str, file: u32) -> Result<String, (String, String)> {
    if path.is_empty() || path.chars().any(char::is_control) {
        return Err((
            "`${file:}` names no file".to_owned(),
            "write `${file:/run/secrets/name}`".to_owned(),
        ));
    }
    let full = context.folder_of(file).join(path);
    context.watch(&full);
    let failed = |why: String| {
        let hint = "a relative path is taken from the folder of the configuration file; the agent's user must be able to read it";
        (
            format!("cannot read {}: {why}", quote(&full.to_string_lossy())),
            hint.to_owned(),
        )
    };
    let bytes = read_bounded(&full, LARGEST).map_err(failed)?;
    let text = String::from_utf8(bytes).map_err(|_| failed("it is not text (UTF-8)".to_owned()))?;
    let text = text.trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        return Err(failed("it is empty".to_owned()));
    }
    Ok(text.to_owned())
}

/// The content of a file, or why there is none.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    let file = std::fs::File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.is_dir() {
        return Err("it is a folder".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > limit {
        return Err(format!("it is larger than {} MiB", limit >> 20));
    }
    Ok(bytes)
}
