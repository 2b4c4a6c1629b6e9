//! Object files of Nagios: `define service { ... }`, with templates.
//!
//! Read as Nagios reads them (Object Definitions, Object Inheritance): a key and
//! the rest of its line; `#` begins a comment where a line begins, `;` anywhere;
//! `use` takes what an object does not say from the templates named, the first first.

use std::collections::{BTreeMap, HashMap, HashSet};

/// One object.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// `service`, `command`, ...
    pub kind: String,
    /// Where it begins, counted from 1.
    pub line: usize,
    /// What it says, templates included once they are filled in.
    pub keys: BTreeMap<String, String>,
}

/// By kind and name.
type Templates = HashMap<(String, String), Object>;

/// Templates upon templates; more is a circle.
const DEEPEST: usize = 16;

impl Object {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.keys.get(key).map(String::as_str)
    }

    /// Whether it is only there to be used by others.
    pub fn is_template(&self) -> bool {
        self.get("register") == Some("0")
    }
}

/// All objects of a file, templates filled in.
pub fn read(text: &str) -> Vec<Object> {
    let mut objects = Vec::new();
    let mut open: Option<Object> = None;
    for (number, line) in (1..).zip(joined(text)) {
        let Some(line) = line else { continue };
        let line = without_comment(&line);
        let line = line.trim();
        match &mut open {
            Some(_) if line.starts_with('}') => objects.extend(open.take()),
            Some(object) => {
                let (line, ends) = line
                    .strip_suffix('}')
                    .map_or((line, false), |line| (line, true));
                if let Some((key, value)) = line.trim().split_once(char::is_whitespace) {
                    object.keys.insert(key.to_owned(), value.trim().to_owned());
                }
                if ends {
                    objects.extend(open.take());
                }
            }
            None => open = begin(line, number),
        }
    }
    let templates: Templates = objects
        .iter()
        .filter_map(|object| {
            let name = object.get("name")?.to_owned();
            Some(((object.kind.clone(), name), object.clone()))
        })
        .collect();
    for object in &mut objects {
        let names = used(object);
        inherit(object, &names, &templates, &mut HashSet::new(), DEEPEST);
    }
    objects
}

/// `define service {`
fn begin(line: &str, number: usize) -> Option<Object> {
    let rest = line.strip_prefix("define")?;
    let kind = rest.trim().strip_suffix('{')?.trim();
    Some(Object {
        kind: kind.to_owned(),
        line: number,
        keys: BTreeMap::new(),
    })
}

/// The lines, those that end in a backslash joined with the next; `None` in place of those that were joined.
fn joined(text: &str) -> Vec<Option<String>> {
    let mut lines: Vec<Option<String>> = Vec::new();
    let mut goes_on: Option<usize> = None;
    for line in text.lines() {
        let (kept, more) = line
            .strip_suffix('\\')
            .map_or((line, false), |kept| (kept, true));
        let at = lines.len();
        match goes_on.and_then(|first| lines.get_mut(first)) {
            Some(Some(first)) => {
                first.push_str(kept.trim_start());
                lines.push(None);
            }
            _ => lines.push(Some(kept.to_owned())),
        }
        goes_on = more.then(|| goes_on.unwrap_or(at));
    }
    lines
}

fn without_comment(line: &str) -> String {
    if line.trim_start().starts_with('#') {
        return String::new();
    }
    let mut kept = String::new();
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' if characters.peek() == Some(&';') => kept.extend(characters.next()),
            ';' => break,
            c => kept.push(c),
        }
    }
    kept
}

/// The templates that an object names.
fn used(object: &Object) -> Vec<String> {
    let names = object.get("use").unwrap_or_default().split(',');
    names
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

/// Fills in what `object` does not say; a template that was `seen` has nothing to add.
fn inherit(
    object: &mut Object,
    names: &[String],
    templates: &Templates,
    seen: &mut HashSet<String>,
    depth: usize,
) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    for name in names {
        let Some(template) = templates.get(&(object.kind.clone(), name.clone())) else {
            continue;
        };
        if !seen.insert(name.clone()) {
            continue;
        }
        for (key, value) in &template.keys {
            // these are the template's own
            if !["name", "register", "use"].contains(&key.as_str()) {
                object
                    .keys
                    .entry(key.clone())
                    .or_insert_with(|| value.clone());
            }
        }
        inherit(object, &used(template), templates, seen, depth);
    }
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

    #[test]
    fn objects_are_read_with_comments_templates_and_long_lines() {
        let text = "# all\n\
            define service{\n\
            \tname generic ; the first\n\
            \tcheck_interval 5\n\
            \tregister 0\n\
            \t}\n\
            define service {\n\
            \tuse generic\n\
            \tservice_description A load\n\
            \tcheck_command x!a\\;b \\\n\
            \t\t!c\n\
            }\n";
        let objects = read(text);
        assert_eq!(objects.len(), 2);
        assert!(objects[0].is_template());
        let service = &objects[1];
        assert!(!service.is_template());
        assert_eq!(service.line, 7);
        assert_eq!(service.get("check_interval"), Some("5"));
        assert_eq!(service.get("service_description"), Some("A load"));
        assert_eq!(service.get("check_command"), Some("x!a;b !c"));
    }

    #[test]
    fn templates_that_use_each_other_end() {
        let text = "define service {\nname a\nuse b\n}\ndefine service {\nname b\nuse a\nx 1\n}\n";
        assert_eq!(read(text)[0].get("x"), Some("1"));
    }

    #[test]
    fn the_template_that_is_named_first_wins() {
        let text = "define service {\nname a\nuse c\n}\ndefine service {\nname b\nx 2\n}\n\
            define service {\nname c\nx 1\n}\ndefine service {\nuse a,b,a,b\n}\n";
        assert_eq!(read(text)[3].get("x"), Some("1"));
    }
}
