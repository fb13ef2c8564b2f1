//! What subcommands print: lines for people, or JSON.

use std::io::{self, IsTerminal, Write};

use adapters::config::{Environment, Vars as _};
use serde_json::Value;

/// Standard output.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    has_color: bool,
}

/// A color of a terminal, by its number in an escape sequence.
#[derive(Clone, Copy)]
pub(crate) enum Color {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Cyan = 36,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        // <https://no-color.org>
        let has_color = io::stdout().is_terminal() && Environment.optional("NO_COLOR").is_none();
        Self { json, has_color }
    }

    /// Prints one thing: the value, or the text for people.
    pub(crate) fn show(self, value: &Value, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        if self.json { writeln!(stdout, "{value}") } else { writeln!(stdout, "{text}") }
    }

    /// Replaces the last line of progress. Only people who watch a terminal see it.
    pub(crate) fn progress(self, text: &str) -> io::Result<()> {
        let mut stderr = io::stderr().lock();
        if !self.json && stderr.is_terminal() {
            write!(stderr, "\r{text}\x1b[K")?;
            stderr.flush()?;
        }
        Ok(())
    }

    pub(crate) fn paint(self, color: Color, text: &str) -> String {
        if self.has_color { format!("\x1b[{}m{text}\x1b[0m", color as u8) } else { text.to_owned() }
    }

    /// Green or red.
    pub(crate) fn judge(self, is_good: bool, text: &str) -> String {
        self.paint(if is_good { Color::Green } else { Color::Red }, text)
    }
}
