//! A line per message on standard output.
//!
//! A closed or stuck standard output must neither end the agent nor hold its
//! threads: it is written to outside the runtime, by one writer at a time.

use std::io::{self, Write};
use std::time::Duration;

use tokio::sync::Mutex;

use super::message::{Message, Outcome};
use super::text;

/// For one line, on a reader that does not read.
const DEADLINE: Duration = Duration::from_secs(10);

/// Held while a line is written, also by an attempt that was given up: so a
/// reader that does not read costs one thread, not one an attempt.
static OUTPUT: Mutex<()> = Mutex::const_new(());

/// Prints a message on one line and waits until it is out.
pub async fn send(message: &Message) -> Outcome {
    print(line(message)).await
}

/// Prints what a receiver of another kind would be told (`--dry-run`).
pub async fn rehearse(message: &Message, receiver: &str) -> Outcome {
    let headline = message.headline();
    let receiver = text::clean(receiver);
    print(format!("{headline} (would tell {receiver})\n")).await
}

async fn print(line: String) -> Outcome {
    let written = async {
        let turn = OUTPUT.lock().await;
        tokio::task::spawn_blocking(move || {
            let written = write(&mut io::stdout().lock(), &line);
            drop(turn);
            written
        })
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
    };
    match tokio::time::timeout(DEADLINE, written).await {
        Ok(Ok(())) => Outcome::Accepted,
        Ok(Err(error)) => later(format!("cannot write to standard output: {error}"), false),
        Err(_) => later("standard output takes nothing".to_owned(), true),
    }
}

fn later(why: String, unsure: bool) -> Outcome {
    Outcome::Later {
        why,
        after: None,
        pause: false,
        unsure,
    }
}

fn write(output: &mut impl Write, line: &str) -> io::Result<()> {
    output.write_all(line.as_bytes())?;
    output.flush()
}

/// The headline, then description, documentation and graph, on one line.
fn line(message: &Message) -> String {
    let mut line = message.headline();
    if let Some(description) = &message.description {
        line.push_str(" | ");
        line.push_str(&text::clip(
            &text::clean(&text::clean_lines(description).replace('\n', " ")),
            500,
        ));
    }
    for (name, link) in message.links() {
        line.push_str(" | ");
        line.push_str(&name.to_lowercase());
        line.push(' ');
        line.push_str(&link);
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use super::super::message::tests::message;
    use super::*;

    #[test]
    fn a_message_is_one_line_with_description_and_links() {
        let hostile = Message {
            description: Some("Two\nlines\u{1b}[2J.\n".to_owned()),
            ..message()
        };
        insta::assert_snapshot!(line(&hostile), @r"[CRITICAL] Load web-1 is 23.4 (>= 20) for 2m | Two lines\u{1b}[2J. | documentation https://wiki.example.com/alerts/Load#web-1 | graph https://graphite.example.com/render?target=a&from=-1h");
        assert_eq!(line(&hostile).matches('\n').count(), 1);
    }

    #[test]
    fn a_closed_output_is_an_error_and_no_panic() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert!(write(&mut Closed, "x").is_err());
    }
}
