//! The mistakes in a file, as they are reported.

use std::fmt;

use super::line::Mistake;
use crate::count::{number, thousands};

/// The mistakes that were found, of which the first ones are kept.
#[derive(Default)]
pub(super) struct Findings {
    first: Vec<(u64, Mistake)>,
    count: u64,
}

impl Findings {
    /// The most mistakes that are shown.
    const MOST: usize = 100;

    pub(super) fn add(&mut self, line: u64, mistake: Mistake) {
        self.count += 1;
        self.first.push((line, mistake));
        if self.first.len() > 2 * Self::MOST {
            self.keep_first();
        }
    }

    fn keep_first(&mut self) {
        // Stable, so that the mistakes of a line stay in the order of its columns.
        self.first.sort_by_key(|(line, _)| *line);
        self.first.truncate(Self::MOST);
    }

    /// The message about them. `None` if there are none.
    pub(super) fn message(mut self, file: impl fmt::Display, rows: u64) -> Option<String> {
        if self.count == 0 {
            return None;
        }
        self.keep_first();
        let mistakes = number(self.count, "mistake");
        let mut lines = vec![format!("{file} has {mistakes} in {}; nothing was sent", number(rows, "row"))];
        lines.extend(self.first.iter().map(|(line, mistake)| format!("line {line}: {}", mistake.message)));
        let more = self.count - self.first.len() as u64;
        if more > 0 {
            lines.push(format!("and {} more", thousands(more)));
        }
        let mut hints: Vec<(&str, Vec<u64>)> = Vec::new();
        for (line, mistake) in &self.first {
            let Some(hint) = mistake.hint else { continue };
            match hints.iter_mut().find(|(known, _)| *known == hint) {
                Some((_, lines)) => lines.push(*line),
                None => hints.push((hint, vec![*line])),
            }
        }
        lines.extend(hints.into_iter().map(|(hint, mut lines)| {
            lines.dedup();
            format!("hint for {}: {hint}", listed(&lines, lines.len() as u64))
        }));
        Some(lines.join("\n"))
    }
}

/// The numbers of the first few of so many lines.
pub(super) fn listed(lines: &[u64], count: u64) -> String {
    const MOST: usize = 5;
    let texts: Vec<_> = lines.iter().take(MOST).map(ToString::to_string).collect();
    let more = count.saturating_sub(texts.len() as u64);
    match texts.split_last() {
        _ if more > 0 => format!("lines {} and {} more", texts.join(", "), thousands(more)),
        Some((last, rest)) if !rest.is_empty() => format!("lines {} and {last}", rest.join(", ")),
        _ => format!("line {}", texts.concat()),
    }
}
