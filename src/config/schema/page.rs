//! What a page of the documentation says of the keys in its tables.

use serde_json::{Map, Value, json};

/// `keys` with their forms, and with what the table below `heading` says of them.
pub fn properties(
    page: &str,
    heading: &str,
    keys: &[&str],
    shape: impl Fn(&str) -> Value,
) -> Map<String, Value> {
    let one = |key: &&str| {
        let mut value = shape(key);
        if let (Some(row), Some(value)) = (Row::of(page, heading, key), value.as_object_mut()) {
            row.annotate(key, value);
        }
        ((*key).to_owned(), value)
    };
    keys.iter().map(one).collect()
}

/// The cells of a key's row, each with the title of its column.
struct Row<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Row<'a> {
    /// The row of `key` in the first table below `heading`.
    fn of(page: &'a str, heading: &str, key: &str) -> Option<Self> {
        let (_, after) = page.split_once(&format!("\n{heading}\n"))?;
        let section = after.split("\n#").next()?;
        let mut lines = section
            .lines()
            .skip_while(|line| !line.starts_with('|'))
            .take_while(|line| line.starts_with('|'));
        let titles = cells(lines.next()?);
        let row = lines
            .map(|line| cells(line).collect::<Vec<_>>())
            .find(|cells| {
                let codes = cells.first().map_or("", |cell| cell).split('`');
                codes.skip(1).step_by(2).any(|code| code == key)
            })?;
        Some(Self(titles.zip(row).skip(1).collect()))
    }

    fn annotate(&self, key: &str, value: &mut Map<String, Value>) {
        let mut said = Vec::new();
        for (title, cell) in self.0.iter().filter(|(_, cell)| !cell.is_empty()) {
            match *title {
                "Example" => {
                    let example = code(cell).and_then(|code| code.get(key).cloned());
                    value.extend(example.map(|example| ("examples".to_owned(), json!([example]))));
                }
                "" | "Takes" => said.push(capital(&plain(cell))),
                title => {
                    if let (true, Some(default)) = (title == "Default", code(cell)) {
                        value.insert("default".to_owned(), default);
                    }
                    said.push(format!("{title}: {}", plain(cell)));
                }
            }
        }
        value.insert("description".to_owned(), json!(said.join("\n\n")));
    }
}

fn cells(line: &str) -> impl Iterator<Item = &str> {
    line.trim().trim_matches('|').split('|').map(str::trim)
}

/// The YAML of a cell that is one piece of code.
fn code(cell: &str) -> Option<Value> {
    let code = cell.strip_prefix('`')?.strip_suffix('`')?;
    // `off` is a word, as it is written
    let options = serde_yaml::options! { strict_booleans: true };
    (!code.contains('`')).then(|| serde_yaml::from_str_with_options(code, options).ok())?
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

/// Links as their text: where they lead to, they do only on the page.
fn plain(cell: &str) -> String {
    let mut parts = cell.split("](");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if let Some(at) = text.rfind('[') {
            text.remove(at);
        }
        text.push_str(part.split_once(')').map_or("", |(_, rest)| rest));
    }
    text
}
