//! The two streams that a command writes to.

use std::fmt;
use std::io::{self, BufWriter, Write};

/// Where a command writes: data to one stream, words to another.
pub struct Console<'a> {
    out: BufWriter<&'a mut dyn Write>,
    words: Box<dyn Write + 'a>,
    columns: Option<usize>,
    owns_process: bool,
    /// Data that cannot be written is given up.
    lost: bool,
}

/// Large enough that a page of devices is one write.
const BUFFER: usize = 64 * 1024;

impl<'a> Console<'a> {
    /// A console of a stream for data, which is buffered, and one for words.
    pub fn new(out: &'a mut dyn Write, words: impl Write + 'a) -> Self {
        Self {
            out: BufWriter::with_capacity(BUFFER, out),
            words: Box::new(words),
            columns: None,
            owns_process: false,
            lost: false,
        }
    }

    /// Says that the data goes to a terminal of this width: tables are cut to it.
    pub fn terminal(self, columns: usize) -> Self {
        Self { columns: Some(columns), ..self }
    }

    /// Says that this process runs nothing but the tool, so that the tool handles its signals.
    pub(crate) fn with_process(self) -> Self {
        Self { owns_process: true, ..self }
    }

    /// Whether this process runs nothing but the tool.
    pub(crate) fn owns_process(&self) -> bool {
        self.owns_process
    }

    /// The width of the terminal; `None` where data goes anywhere else.
    pub(crate) fn columns(&self) -> Option<usize> {
        self.columns
    }

    /// The stream for data.
    pub(crate) fn out(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    /// Says something, after all data that was written before.
    pub(crate) fn say(&mut self, words: impl fmt::Display) -> io::Result<()> {
        self.flush()?;
        self.complain(words);
        Ok(())
    }

    /// Says something where data may be stuck. That nobody listens to the words is no reason to stop.
    pub(crate) fn complain(&mut self, words: impl fmt::Display) {
        // One write, so that the lines of two programs on one terminal are not mixed.
        let _ = self.words.write_all(format!("{words}\n").as_bytes()).and_then(|()| self.words.flush());
    }

    /// Writes out what is buffered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.lost { Ok(()) } else { self.out.flush() }
    }

    /// Writes out what is buffered, or says that it cannot: for data whose loss is no failure of the command.
    pub(crate) fn flush_or_complain(&mut self) {
        if let Err(error) = self.flush() {
            self.lost = true;
            if error.kind() != io::ErrorKind::BrokenPipe {
                self.complain(format_args!("warning: the output cannot be written: {error}"));
            }
        }
    }
}

impl fmt::Debug for Console<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("columns", &self.columns).finish_non_exhaustive()
    }
}
