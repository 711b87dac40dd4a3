//! Runs the tool in a pseudo-terminal, and shows what a person sees there.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::Child;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Command, Pty};
use rustix::termios::{LocalModes, tcgetattr};

/// Longest time to wait for anything. A test that waits for so long has failed.
const BOUND: Duration = Duration::from_secs(60);

/// A command that runs in a terminal.
pub(crate) struct Terminal {
    pty: Pty,
    child: Child,
    output: Receiver<Vec<u8>>,
    written: Vec<u8>,
    screen: vt100::Parser,
}

/// What a command left in its terminal.
#[derive(Debug)]
pub(crate) struct Left {
    /// `None` if a signal ended the command.
    pub(crate) status: Option<i32>,
    /// Everything that was written, with its control sequences.
    pub(crate) written: String,
    /// The text on the screen at the end.
    pub(crate) screen: String,
}

impl Terminal {
    /// Starts a command of [`tool::command`](crate::tool::command) with all its streams on a terminal of this size.
    pub(crate) fn start(command: std::process::Command, columns: u16, rows: u16) -> Self {
        Self::start_with(command, columns, rows, |command| command)
    }

    /// The same, with some streams redirected, such as `|command| command.stdout(file)`.
    pub(crate) fn start_with(
        command: std::process::Command,
        columns: u16,
        rows: u16,
        redirect: impl FnOnce(Command) -> Command,
    ) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(Size::new(rows, columns)).unwrap();
        let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
        let terminal = Command::new(command.get_program())
            .args(command.get_args())
            .env_clear()
            .env("TERM", "xterm-256color")
            .envs(variables);
        let child = redirect(terminal).spawn(pts).unwrap();
        let mut reader = File::from(pty.as_fd().try_clone_to_owned().unwrap());
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Linux reports an error once the last process has closed the terminal.
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        // The screen that is shown has a size, even if the terminal does not know it.
        let size = |number: u16| number.max(1).try_into().unwrap();
        let screen = vt100::Parser::new(size(rows), size(columns), 0);
        Self { pty, child, output, written: Vec::new(), screen }
    }

    /// The id of the process, to send it a signal.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The text on the screen.
    pub(crate) fn screen(&self) -> String {
        self.screen.screen().contents()
    }

    /// Waits until the screen shows this text.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        let end = Instant::now() + BOUND;
        while !self.screen().contains(text) {
            let goes_on = self.read(end);
            assert!(goes_on || self.screen().contains(text), "{text:?} never came: {:?}", self.screen());
        }
    }

    /// Waits until the terminal does not show what is typed.
    #[track_caller]
    pub(crate) fn wait_for_hidden_input(&mut self) {
        self.wait_until_input_is_shown(false);
    }

    /// Waits until the terminal shows what is typed, or does not.
    #[track_caller]
    pub(crate) fn wait_until_input_is_shown(&mut self, shown: bool) {
        let terminal = self.pty.as_fd().try_clone_to_owned().unwrap();
        self.wait_until(|| tcgetattr(&terminal).unwrap().local_modes.contains(LocalModes::ECHO) == shown);
    }

    /// Waits until this is so, and shows what comes meanwhile.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, is_so: impl Fn() -> bool) {
        const LOOK: Duration = Duration::from_millis(5);
        let end = Instant::now() + BOUND;
        while !is_so() {
            assert!(Instant::now() < end, "it never was so: {:?}", self.screen());
            if let Ok(bytes) = self.output.recv_timeout(LOOK) {
                self.show(&bytes);
            }
        }
    }

    /// Types something. Ctrl-C is `"\x03"`, Enter is `"\r"`.
    pub(crate) fn type_in(&mut self, keys: &str) {
        self.pty.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the command has ended.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Left {
        let end = Instant::now() + BOUND;
        while self.read(end) {}
        let status = self.child.wait().unwrap().code();
        let written = String::from_utf8_lossy(&self.written).into_owned();
        Left { status, written, screen: self.screen() }
    }

    /// Reads some more of the output. Returns `false` at its end.
    #[track_caller]
    fn read(&mut self, end: Instant) -> bool {
        match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(bytes) => {
                self.show(&bytes);
                true
            }
            Err(RecvTimeoutError::Disconnected) => false,
            Err(RecvTimeoutError::Timeout) => panic!("it goes on and on: {:?}", self.screen()),
        }
    }

    fn show(&mut self, bytes: &[u8]) {
        self.screen.process(bytes);
        self.written.extend_from_slice(bytes);
    }
}

/// Ends the command of a test that failed.
impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
