//! What the YAML parser says, in words that help whoever wrote the file.

use serde_yaml::granit_parser::{ErrorKind, ScanError};

use super::context::Context;
use super::problem::Place;
use super::tree;

/// Reports that `text` is no YAML.
pub fn report(context: &Context<'_>, file: u32, text: &str, error: &ScanError) {
    let place = tree::place(file, error.marker());
    context.unparsed(file);
    let said = error.kind().to_string();
    if said.contains("tab")
        && let Some(tab) = indenting_tab(text, place)
    {
        context.error(tab, TAB.0, TAB.1);
        return;
    }
    let (message, hint) = words(error.kind());
    context.error(place, message, hint);
}

/// The first tab that indents a line, from the line of `place` on.
fn indenting_tab(text: &str, place: Place) -> Option<Place> {
    let start = text.get(..place.offset)?.rfind('\n').map_or(0, |at| at + 1);
    let mut offset = start;
    for (index, line) in text.get(start..)?.split('\n').enumerate() {
        let blanks = line.len() - line.trim_start_matches(' ').len();
        if line
            .get(blanks..)
            .is_some_and(|rest| rest.starts_with('\t'))
        {
            let line = place.line.saturating_add(u32::try_from(index).ok()?);
            let column = u32::try_from(blanks + 1).ok()?;
            return Some(Place {
                line,
                column,
                offset: offset + blanks,
                ..place
            });
        }
        offset += line.len() + 1;
    }
    None
}

fn words(kind: &ErrorKind) -> (String, &'static str) {
    match kind {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation => (TAB.0.to_owned(), TAB.1),
        ErrorKind::UnexpectedEofFlowSequence | ErrorKind::ExpectedFlowSequenceSeparator => (
            "a list that begins with `[` has no end".to_owned(),
            "write `,` between its items and `]` at its end; quote text that begins with `[`",
        ),
        ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::UnexpectedEofImplicitFlowMapping => (
            "a map that begins with `{` has no end".to_owned(),
            "write `,` between its keys and `}` at its end; quote text that begins with `{`",
        ),
        kind => {
            let said = kind.to_string();
            let said = if said.is_empty() {
                format!("{kind:?}")
            } else {
                said
            };
            let nested = ["recursion", "nest", "depth"]
                .iter()
                .any(|word| said.contains(word));
            let hint = if nested {
                "a configuration needs fewer than ten levels"
            } else {
                hint_for(&said)
            };
            (
                format!("this is not YAML: {}", said.replace('\'', "`")),
                hint,
            )
        }
    }
}

const TAB: (&str, &str) = (
    "a tab stands where YAML wants blanks",
    "indent with blanks; most editors can turn tabs into blanks",
);

fn hint_for(said: &str) -> &'static str {
    if said.contains("bracket") {
        "write what closes it; text that begins with `[` or `{` needs quotes"
    } else if said.contains("mapping values") || said.contains("simple key") || said.contains("key")
    {
        "is the line indented like its neighbours, with a blank after each `:`? put text that contains `: ` into quotes"
    } else if said.contains("quote") || said.contains("scalar") {
        "is a quote missing? in double quotes a backslash is written `\\\\`; single quotes take text as it is"
    } else {
        "put text that begins with one of `@ % & * ! | > { [ ` ` into quotes, and check the lines before this one"
    }
}
