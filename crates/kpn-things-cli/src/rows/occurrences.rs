//! Finds texts that occur more than once among any number, in little memory.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use sha2::{Digest, Sha256};

/// Texts, and the lines that they are on.
///
/// Only a digest of each text is kept: the last ones in memory, and the others in a temporary file, sorted in blocks.
pub(super) struct Occurrences {
    most: usize,
    block: Vec<Entry>,
    /// The earlier blocks, in a file.
    file: Option<File>,
    /// The number of entries in each block of the file.
    blocks: Vec<usize>,
}

/// The digest of a text, and its line. In this order, equal texts are next to each other, and their first line is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    digest: [u8; 16],
    line: u64,
}

impl Occurrences {
    /// Creates a collection that keeps this many entries in memory.
    pub(super) fn new(most: usize) -> Self {
        Self { most, block: Vec::new(), file: None, blocks: Vec::new() }
    }

    /// Adds a text on a line.
    pub(super) fn add(&mut self, text: &str, line: u64) -> io::Result<()> {
        let digest = Sha256::digest(text);
        let digest = digest.first_chunk().copied().unwrap_or_default();
        self.block.push(Entry { digest, line });
        if self.block.len() < self.most {
            return Ok(());
        }
        self.block.sort_unstable();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        let mut writer = BufWriter::new(file);
        for entry in &self.block {
            writer.write_all(&entry.digest)?;
            writer.write_all(&entry.line.to_le_bytes())?;
        }
        writer.flush()?;
        self.blocks.push(self.block.len());
        self.block.clear();
        Ok(())
    }

    /// Calls `repeated` with the first line of a text and each later one. Returns the number of different texts.
    pub(super) fn count(mut self, mut repeated: impl FnMut(u64, u64)) -> io::Result<u64> {
        self.block.sort_unstable();
        let mut sources = vec![Block::Memory(self.block.into_iter())];
        let mut start = 0;
        for entries in &self.blocks {
            let Some(file) = &self.file else { break };
            sources.push(Block::File { file, next: start, left: *entries, buffer: Vec::new().into_iter() });
            start += (*entries * Entry::BYTES) as u64;
        }
        let mut heads = sources.iter_mut().map(Block::next).collect::<io::Result<Vec<_>>>()?;
        let mut first: Option<Entry> = None;
        let mut count = 0;
        loop {
            let least =
                heads.iter().enumerate().filter_map(|(place, head)| head.map(|head| (head, place))).min();
            let Some((entry, place)) = least else { return Ok(count) };
            match first {
                Some(first) if first.digest == entry.digest => repeated(first.line, entry.line),
                _ => {
                    count += 1;
                    first = Some(entry);
                }
            }
            if let (Some(head), Some(source)) = (heads.get_mut(place), sources.get_mut(place)) {
                *head = source.next()?;
            }
        }
    }
}

/// A sorted block.
enum Block<'a> {
    Memory(std::vec::IntoIter<Entry>),
    File { file: &'a File, next: u64, left: usize, buffer: std::vec::IntoIter<Entry> },
}

impl Entry {
    const BYTES: usize = 24;

    fn read(bytes: &[u8; Self::BYTES]) -> Self {
        let digest = bytes.first_chunk().copied().unwrap_or_default();
        let line = bytes.last_chunk().copied().unwrap_or_default();
        Self { digest, line: u64::from_le_bytes(line) }
    }
}

impl Block<'_> {
    fn next(&mut self) -> io::Result<Option<Entry>> {
        const ENTRIES: usize = 256;
        let (mut file, next, left, buffer) = match self {
            Self::Memory(entries) => return Ok(entries.next()),
            Self::File { file, next, left, buffer } => (*file, next, left, buffer),
        };
        if let Some(entry) = buffer.next() {
            return Ok(Some(entry));
        }
        let mut bytes = vec![0; (*left).min(ENTRIES) * Entry::BYTES];
        file.seek(SeekFrom::Start(*next))?;
        file.read_exact(&mut bytes)?;
        let (entries, _) = bytes.as_chunks();
        *buffer = entries.iter().map(Entry::read).collect::<Vec<_>>().into_iter();
        *left -= entries.len();
        *next += bytes.len() as u64;
        Ok(buffer.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_occurs_twice_is_found_in_memory_and_in_the_file() {
        for most in [2, 3, 7, 1000] {
            let mut occurrences = Occurrences::new(most);
            for line in 1..=100_u64 {
                // Three texts occur several times, and 90 others once.
                let text = if line % 10 == 0 { format!("ten {}", line % 3) } else { format!("once {line}") };
                occurrences.add(&text, line).unwrap();
            }
            let mut repeated = Vec::new();
            let count = occurrences.count(|first, later| repeated.push((first, later))).unwrap();
            repeated.sort_unstable();
            let expected = [(10, 40), (10, 70), (10, 100), (20, 50), (20, 80), (30, 60), (30, 90)];
            assert_eq!((count, repeated), (93, expected.to_vec()), "{most} in memory");
        }
    }

    #[test]
    fn nothing_occurs_in_an_empty_file() {
        assert_eq!(Occurrences::new(2).count(|_, _| panic!("nothing is repeated")).unwrap(), 0);
    }
}
