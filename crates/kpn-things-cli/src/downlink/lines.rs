//! The lines of an input on which the items of a job are.

use serde::{Deserialize, Serialize};

/// The line of each item. A job keeps the first of each row of items that are on consecutive lines, which is one entry for
/// most files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lines(Vec<(u64, u64)>);

impl Lines {
    /// Most entries that a job keeps. The items of a file with more of them are numbered instead.
    const MOST: usize = 10_000;

    /// The lines of all items, in their order.
    pub(super) fn new(lines: impl Iterator<Item = u64>) -> Self {
        let mut starts: Vec<(u64, u64)> = Vec::new();
        for (index, line) in (0..).zip(lines) {
            let follows = starts.last().is_some_and(|(start, first)| first + (index - start) == line);
            if !follows {
                starts.push((index, line));
            }
            if starts.len() > Self::MOST {
                return Self::default();
            }
        }
        Self(starts)
    }

    /// The line of an item, or its number from 1 if the lines are not known.
    pub(super) fn line(&self, index: u64) -> u64 {
        let place = self.0.partition_point(|(start, _)| *start <= index).checked_sub(1);
        match place.and_then(|place| self.0.get(place)) {
            Some((start, first)) => first + (index - start),
            None => index + 1,
        }
    }

    /// The item on a line, if there is one. Whether the job has so many items is not known.
    pub(super) fn index(&self, line: u64) -> Option<u64> {
        if self.0.is_empty() {
            return line.checked_sub(1);
        }
        let place = self.0.partition_point(|(_, first)| *first <= line).checked_sub(1)?;
        let (start, first) = self.0.get(place)?;
        let index = start + (line - first);
        let is_next = self.0.get(place + 1).is_some_and(|(next, _)| index >= *next);
        (!is_next).then_some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_an_item_is_found_and_the_item_of_a_line() {
        let lines = [2, 3, 4, 7, 8, 12];
        let kept = Lines::new(lines.into_iter());
        assert_eq!(kept.0, [(0, 2), (3, 7), (5, 12)]);
        for (index, line) in (0..).zip(lines) {
            assert_eq!((kept.line(index), kept.index(line)), (line, Some(index)));
        }
        for line in [0, 1, 5, 6, 9, 11] {
            assert_eq!(kept.index(line), None, "{line}");
        }
    }

    #[test]
    fn items_without_lines_are_numbered() {
        let kept = Lines::new((0..30_000).map(|number| number * 2));
        assert_eq!(kept, Lines::default());
        assert_eq!((kept.line(0), kept.index(1), kept.index(0)), (1, Some(0), None));
    }
}
