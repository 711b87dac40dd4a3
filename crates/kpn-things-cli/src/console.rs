//! The two streams that a command writes to.

use std::cell::OnceCell;
use std::fmt;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use anstyle::AnsiColor;
use things_core::Watch;
use things_ureq::Client;

use crate::announcements::Announcements;
use crate::interrupt;
use crate::messages::{self, colored};
use crate::places::Places;
use crate::progress::{self, Progress};
use crate::trace::{self, Trace};

/// Where a command writes: data to one stream, messages to another.
pub struct Console<'a> {
    out: BufWriter<Data<'a>>,
    messages: Box<dyn Write + 'a>,
    /// Whether the data goes to a terminal, whose width may be unknown.
    shows_data: bool,
    columns: Option<usize>,
    owns_process: bool,
    is_attended: bool,
    allows_colors: Colors,
    options: messages::Options,
    /// Where the settings of this command come from, once they are read.
    places: OnceCell<Places>,
    progress: Option<Progress>,
    /// The endpoints whose end the service announced.
    announcements: Announcements,
    /// The command has another way to show its progress.
    hides_progress: bool,
    /// Data that cannot be written is given up.
    lost: bool,
}

/// The streams that show colors, if the options do not say otherwise.
struct Colors {
    data: bool,
    messages: bool,
}

/// Large enough that a page of devices is one write.
const BUFFER: usize = 64 * 1024;

impl<'a> Console<'a> {
    /// Creates a console of a stream for data, which is buffered, and one for messages.
    pub fn new(out: &'a mut dyn Write, messages: impl Write + 'a) -> Self {
        Self {
            out: BufWriter::with_capacity(BUFFER, Data { out, line: None }),
            messages: Box::new(messages),
            shows_data: false,
            columns: None,
            owns_process: false,
            is_attended: false,
            allows_colors: Colors { data: false, messages: false },
            options: messages::Options::default(),
            places: OnceCell::new(),
            progress: None,
            announcements: Announcements::default(),
            hides_progress: false,
            lost: false,
        }
    }

    /// Declares that the data goes to a terminal of this width: tables are cut to it.
    pub fn terminal(self, columns: usize) -> Self {
        Self { shows_data: true, columns: Some(columns), ..self }
    }

    /// Declares that the data goes to a terminal. Without a width, nothing is cut.
    pub(crate) fn with_terminal(self, columns: Option<usize>) -> Self {
        Self { shows_data: true, columns, ..self }
    }

    /// Says that this process runs nothing but the tool, so that the tool handles its signals.
    pub(crate) fn with_process(self) -> Self {
        interrupt::own_process();
        Self { owns_process: true, ..self }
    }

    /// Whether this process runs nothing but the tool.
    pub(crate) fn owns_process(&self) -> bool {
        self.owns_process
    }

    /// Declares that the messages go to the stderr of this process, and that it is a terminal: progress is shown there.
    pub fn attended(self) -> Self {
        Self { is_attended: true, ..self }
    }

    /// Whether a person reads the messages at a terminal.
    pub(crate) fn is_attended(&self) -> bool {
        self.is_attended
    }

    /// Sets whether words in the data and messages are colored. `--color always` and `--color never` override it.
    /// Default: no.
    pub fn colors(self, data: bool, messages: bool) -> Self {
        Self { allows_colors: Colors { data, messages }, ..self }
    }

    /// Takes over the options of the command line.
    pub(crate) fn set_options(&mut self, options: messages::Options) {
        self.options = options;
    }

    /// Says where the settings of this command come from.
    pub(crate) fn locate(&self, places: Places) {
        // A command has one account. Should it read another one, the first is that of the user.
        let _ = self.places.set(places);
    }

    /// The message of a failed call, with the places of settings instead of their variables.
    pub(crate) fn located(&self, message: String) -> String {
        match self.places.get() {
            Some(places) => places.named(&message),
            None => message,
        }
    }

    /// Whether `--quiet` suppresses summaries and warnings.
    pub(crate) fn is_quiet(&self) -> bool {
        self.options.quiet
    }

    /// Whether the data goes to a terminal.
    pub(crate) fn shows_data(&self) -> bool {
        self.shows_data
    }

    /// The width of the terminal; `None` where it is unknown, or data goes anywhere else.
    pub(crate) fn columns(&self) -> Option<usize> {
        self.columns
    }

    /// The stream for data.
    pub(crate) fn out(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    /// Returns a word for the stream of data, colored where colors are shown.
    pub(crate) fn painted(&self, word: &str, color: AnsiColor) -> String {
        match self.options.is_colored(self.allows_colors.data) {
            true => messages::painted(word, color),
            false => word.to_owned(),
        }
    }

    /// Returns the client, with its requests shown as the options say.
    pub(crate) fn watched(&mut self, client: Client) -> Client {
        client.with_watch(self.watch())
    }

    /// What shows the requests of a client: each on a line of its own with `--verbose`, else the progress on a terminal.
    pub(crate) fn watch(&mut self) -> Arc<dyn Watch> {
        let announcements = self.announcements.clone();
        if self.options.verbose {
            return Arc::new((announcements, Trace));
        }
        match self.progress() {
            Some(state) => Arc::new((announcements, state)),
            None => Arc::new(announcements),
        }
    }

    /// Warns of the endpoints whose end the service announced.
    pub(crate) fn report_announcements(&mut self) {
        for retirement in self.announcements.take() {
            self.warn(retirement);
        }
    }

    /// What takes that something goes wrong with the token cache.
    pub(crate) fn token_cache_report(&self) -> fn(&str) {
        if self.options.verbose { trace::token_cache } else { |_| () }
    }

    /// The progress of this command; `None` where nobody would see it.
    pub(crate) fn progress(&mut self) -> Option<Arc<progress::State>> {
        if !self.is_attended || self.hides_progress || self.options.quiet || self.options.verbose {
            return None;
        }
        let owns_process = self.owns_process;
        let progress = self.progress.get_or_insert_with(|| {
            let progress = Progress::start();
            if owns_process {
                interrupt::erase(progress.state());
            }
            progress
        });
        let state = progress.state();
        if self.shows_data {
            self.out.get_mut().line = Some(Arc::clone(&state));
        }
        Some(state)
    }

    /// Shows no progress on the terminal, because the command has another way to do so.
    pub(crate) fn hide_progress(&mut self) {
        self.hides_progress = true;
    }

    /// Erases the progress: the command is done.
    pub(crate) fn end_progress(&mut self) {
        self.progress = None;
        self.out.get_mut().line = None;
    }

    /// Writes a summary, after all data that was written before.
    pub(crate) fn say(&mut self, summary: impl fmt::Display) -> io::Result<()> {
        self.flush()?;
        self.note(summary);
        Ok(())
    }

    /// Writes a summary where data may be stuck.
    pub(crate) fn note(&mut self, summary: impl fmt::Display) {
        if !self.options.quiet {
            self.complain(summary);
        }
    }

    /// Writes a warning. It needs no label.
    pub(crate) fn warn(&mut self, warning: impl fmt::Display) {
        self.note(format_args!("warning: {warning}"));
    }

    /// Writes a message that `--quiet` does not suppress. That it cannot be written is no reason to stop.
    pub(crate) fn complain(&mut self, message: impl fmt::Display) {
        let mut message = message.to_string();
        if self.options.is_colored(self.allows_colors.messages) {
            message = colored(&message);
        }
        message.push('\n');
        // One write, so that the messages of several processes do not mix.
        let messages = &mut self.messages;
        let mut write = || drop(messages.write_all(message.as_bytes()).and_then(|()| messages.flush()));
        match &self.progress {
            Some(progress) => progress.state().hidden(write),
            None => write(),
        }
    }

    /// Writes out what is buffered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.lost { Ok(()) } else { self.out.flush() }
    }

    /// Gives up the data that cannot be written, and all that would follow.
    pub(crate) fn give_up_data(&mut self) {
        self.lost = true;
    }

    /// Writes out the response of a call that must not be made twice. That it cannot be written is no failure of the
    /// command, because a user who sees a failure would make the call again.
    pub(crate) fn write_accepted(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if let Err(error) = write(&mut self.out).and_then(|()| self.flush()) {
            self.lost = true;
            if error.kind() != io::ErrorKind::BrokenPipe {
                self.warn(format_args!(
                    "the service accepted it, but the response cannot be written: {error}"
                ));
            }
        }
    }
}

impl fmt::Debug for Console<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// The stream for data. Where it is the terminal of the progress too, the progress is erased first.
struct Data<'a> {
    out: &'a mut dyn Write,
    line: Option<Arc<progress::State>>,
}

impl Write for Data<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match &self.line {
            Some(line) => line.hidden(|| self.out.write(data)),
            None => self.out.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
