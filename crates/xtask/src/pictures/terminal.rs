//! Recordings of the tool in a terminal. What differs in each run (ports, times) is replaced.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;

use pty_process::Size;
use pty_process::blocking::{Command, open};
use vt100::{Cell, Color, Parser};

use super::svg::Picture;
use crate::root;

const COLUMNS: u16 = 116;
/// More than any recording has.
const ROWS: u16 = 120;
/// A character and a line, in pixels.
const ADVANCE: f64 = 7.83;
const LINE: u32 = 18;
const LEFT: u32 = 20;
const TOP: u32 = 52;

/// The tool at work, without an account.
pub(super) fn demo() -> Result<String, String> {
    let session = Session::record(&["things demo"])?;
    Ok(session.draw("things demo: a fleet on several pages, a downlink, and a sub-customer"))
}

/// A downlink whose response is lost.
pub(super) fn unknown() -> Result<String, String> {
    let session = Session::record(&[
        "things sim --fault downlinks=drop-after -- \\\n    things downlink send 0059AC0000181EB6 --port 1 --hex 0102 --reference valve-42",
        "echo $?",
    ])?;
    Ok(session.draw("A downlink whose response is lost: the outcome is unknown, and it is not sent again"))
}

/// What a terminal showed.
struct Session {
    lines: Vec<Vec<Span>>,
}

/// Text in one style.
struct Span {
    class: &'static str,
    bold: bool,
    text: String,
}

impl Session {
    /// Types these commands into a shell, one after the other.
    fn record(commands: &[&str]) -> Result<Self, String> {
        let mut lines = Vec::new();
        let mut status = 0;
        for command in commands {
            for (index, line) in command.lines().enumerate() {
                let prompt = if index == 0 { "$ " } else { "" };
                lines.push(vec![Span { class: "ink", bold: true, text: format!("{prompt}{line}") }]);
            }
            if *command == "echo $?" {
                lines.push(vec![Span { class: "ink", bold: false, text: status.to_string() }]);
                continue;
            }
            let (code, output) = run(command).map_err(|error| format!("{command}: {error}"))?;
            status = code;
            lines.extend(output);
        }
        Ok(Self { lines })
    }

    fn draw(&self, title: &str) -> String {
        let longest = self.lines.iter().map(|line| width(line)).max().unwrap_or_default();
        let across = LEFT * 2 + (longest.max(60) as f64 * ADVANCE).ceil() as u32;
        let height = TOP + LINE * self.lines.len() as u32;
        let mut picture = Picture::new(across, height, title);
        for (index, class) in ["red", "yellow", "green"].iter().enumerate() {
            let x = LEFT + 6 + 20 * index as u32;
            picture.line(format_args!(r#"<circle class="{class}" cx="{x}" cy="20" r="6"/>"#));
        }
        for (index, line) in self.lines.iter().enumerate() {
            let mut column = 0;
            for span in line {
                let x = LEFT + (column as f64 * ADVANCE).round() as u32;
                let class = if span.bold { format!("{} bold", span.class) } else { span.class.to_owned() };
                picture.text(&class, x, TOP + LINE * index as u32, &span.text);
                column += span.text.chars().count();
            }
        }
        picture.finish(true)
    }
}

fn width(line: &[Span]) -> usize {
    line.iter().map(|span| span.text.chars().count()).sum()
}

/// Runs a command in a terminal, and returns its exit status and the lines that it showed.
fn run(command: &str) -> Result<(i32, Vec<Vec<Span>>), String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let (pty, pts) = open().map_err(|error| text(&error))?;
    pty.resize(Size::new(ROWS, COLUMNS)).map_err(|error| text(&error))?;
    let tool = root().join("target/debug");
    let path = format!("{}:{}", tool.display(), std::env::var("PATH").unwrap_or_default());
    let home = root().join("target/pictures");
    std::fs::create_dir_all(&home).map_err(|error| text(&error))?;
    let shell = Command::new("sh").args(["-c", command]).env_clear().env("PATH", path);
    let shell = shell.env("HOME", &home).current_dir(&home).env("TERM", "xterm-256color");
    let mut child = shell.spawn(pts).map_err(|error| text(&error))?;
    let mut reader = File::from(pty.as_fd().try_clone_to_owned().map_err(|error| text(&error))?);
    let size = |number: u16| number.try_into().map_err(|error: std::num::TryFromIntError| error.to_string());
    let mut parser = Parser::new(size(ROWS)?, size(COLUMNS)?, 0);
    let mut buffer = [0; 4096];
    // Linux reports an error once the last process has closed the terminal.
    while let Ok(read @ 1..) = reader.read(&mut buffer) {
        parser.process(buffer.get(..read).unwrap_or_default());
    }
    let status = child.wait().map_err(|error| text(&error))?.code().ok_or("a signal ended it")?;
    let mut lines: Vec<_> = (0..ROWS).map(|row| spans(&parser, row)).collect();
    while lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    Ok((status, lines))
}

/// The text of one row, without the blanks at its end.
fn spans(parser: &Parser, row: u16) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for cell in (0..COLUMNS).filter_map(|column| parser.screen().cell(row, column)) {
        let (class, bold) = style(cell);
        let shown = if cell.has_contents() { cell.contents() } else { " " };
        match spans.last_mut() {
            // A blank has no colour of its own.
            Some(last) if shown == " " || (last.class, last.bold) == (class, bold) => {
                last.text.push_str(shown)
            }
            _ => spans.push(Span { class, bold, text: shown.to_owned() }),
        }
    }
    if let Some(last) = spans.last_mut() {
        last.text.truncate(last.text.trim_end().len());
    }
    spans.iter_mut().for_each(|span| span.text = steady(&span.text));
    spans.retain(|span| !span.text.is_empty());
    spans
}

fn style(cell: &Cell) -> (&'static str, bool) {
    let class = match cell.fgcolor() {
        Color::Idx(1 | 9) => "red",
        Color::Idx(2 | 10) => "green",
        Color::Idx(3 | 11) => "yellow",
        Color::Idx(4 | 6 | 12 | 14) => "blue",
        Color::Idx(8) => "faint",
        _ if cell.dim() => "faint",
        _ => "ink",
    };
    (class, cell.bold())
}

/// Replaces what differs in each run: ports, durations and points in time.
fn steady(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some((before, rest)) = text.split_once("127.0.0.1:") {
        text =
            format!("{before}127.0.0.1:8080{}", rest.trim_start_matches(|char: char| char.is_ascii_digit()));
    }
    if let Some((before, rest)) = text.split_once(" attempt")
        && let Some((plural, rest)) = rest.split_once(", ")
        && let Some((_, rest)) = rest.split_once(')')
    {
        text = format!("{before} attempt{plural}){rest}");
    }
    let is_time = |word: &str| word.len() == 20 && word.ends_with('Z') && word.get(10..11) == Some("T");
    let words: Vec<_> =
        text.split(' ').map(|word| if is_time(word) { "2026-01-01T12:00:00Z" } else { word }).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_each_run_is_replaced() {
        for (printed, shown) in [
            ("runs at http://127.0.0.1:37749.", "runs at http://127.0.0.1:8080."),
            ("POST http://127.0.0.1:1/a (1 attempt, 11 ms)", "POST http://127.0.0.1:8080/a (1 attempt)"),
            ("(2 attempts, 1.5 s); it", "(2 attempts); it"),
            ("reference valve-42, 2026-11-27T01:55:20Z", "reference valve-42, 2026-01-01T12:00:00Z"),
            ("45 devices on 3 pages", "45 devices on 3 pages"),
        ] {
            assert_eq!(steady(printed), shown);
        }
    }
}
