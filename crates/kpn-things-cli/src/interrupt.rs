//! The effect of Ctrl-C and of SIGTERM on the command in progress.

use std::io::{self, Write};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;
use std::time::Duration;

use crate::console::Console;
use crate::failure::ExitStatus;
use crate::progress::State;

/// What to do when the tool is interrupted.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Print a message and end with this status.
    Exit(ExitStatus, String),
    /// Print a message, if there is one, and end as programs do that handle no signals.
    Die(Option<String>),
    /// Go on: the command has its result and is about to end. The next signal ends the tool.
    Finish,
    /// Print a message and go on: the command ends as soon as it can. The next signal is decided anew.
    GoOn(String),
}

static LISTENING: Once = Once::new();

/// Whether this process runs nothing but the tool, for code that has no console.
static OWNS_PROCESS: AtomicBool = AtomicBool::new(false);

/// Declares that this process runs nothing but the tool.
pub(crate) fn own_process() {
    OWNS_PROCESS.store(true, Ordering::Relaxed);
}

type Report = Box<dyn Fn() -> Verdict + Send>;

/// The report of the command in progress.
static REPORT: Mutex<Option<Report>> = Mutex::new(None);

/// What is drawn on the terminal, and is erased before the tool ends.
static PROGRESS: Mutex<Option<Arc<State>>> = Mutex::new(None);

/// Erases the progress when the tool is interrupted, so that no half of a line stays in front of the prompt.
pub(crate) fn erase(progress: Arc<State>) {
    *PROGRESS.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    LISTENING.call_once(listen);
}

fn report() -> std::sync::MutexGuard<'static, Option<Report>> {
    REPORT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers signals for a command until it is dropped.
#[derive(Debug)]
pub(crate) struct Interrupt(());

impl Interrupt {
    /// Calls `decide` on a thread of its own when the tool is interrupted. Does nothing where the tool runs inside
    /// another program, because signals are that program's business.
    pub(crate) fn handle(console: &Console<'_>, decide: impl Fn() -> Verdict + Send + 'static) -> Self {
        if console.owns_process() { Self::set(decide) } else { Self(()) }
    }

    /// Waits for the signal that was sent to end the tool, but not forever.
    pub(crate) fn wait(&self) {
        thread::sleep(Duration::from_secs(10));
    }

    fn set(decide: impl Fn() -> Verdict + Send + 'static) -> Self {
        *report() = Some(Box::new(decide));
        LISTENING.call_once(listen);
        Self(())
    }
}

/// Makes the terminal show again what is typed if the tool is interrupted before this is dropped: while a secret is typed,
/// it is hidden.
#[cfg(unix)]
pub(crate) fn restore_input() -> Option<Interrupt> {
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

    let terminal = OWNS_PROCESS.load(Ordering::Relaxed).then(|| std::fs::File::open("/dev/tty"))?.ok()?;
    let shown = tcgetattr(&terminal).ok()?;
    Some(Interrupt::set(move || {
        let _ = tcsetattr(&terminal, OptionalActions::Now, &shown);
        Verdict::Die(Some("interrupted".to_owned()))
    }))
}

#[cfg(not(unix))]
pub(crate) fn restore_input() -> Option<Interrupt> {
    None
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        *report() = None;
    }
}

/// Carries out the verdict of the command in progress. `die` ends the process.
fn interrupted(die: impl FnOnce()) {
    let decide = report().take();
    let verdict = decide.as_ref().map_or(Verdict::Die(None), |decide| decide());
    if let Some(progress) = PROGRESS.lock().unwrap_or_else(PoisonError::into_inner).take() {
        progress.end_soon();
    }
    match verdict {
        Verdict::Exit(status, message) => {
            say(&message);
            process::exit(status.code().into());
        }
        Verdict::Die(message) => {
            if let Some(message) = message {
                say(&message);
            }
            die();
        }
        Verdict::Finish => {}
        Verdict::GoOn(message) => {
            *report() = decide;
            say(&message);
        }
    }
}

/// Prints on a line of its own: the terminal shows `^C` where the cursor is.
fn say(message: &str) {
    let _ = writeln!(io::stderr(), "\n{message}");
}

/// The last signal that interrupted the tool.
#[cfg(unix)]
static SIGNAL: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(signal_hook::consts::SIGINT);

/// Ends the process as the last signal ends programs that do not handle it.
#[cfg(unix)]
pub(crate) fn die() {
    let signal = SIGNAL.load(Ordering::Relaxed);
    // The kernel ignores the default action of a signal to process 1, which is the tool in a container.
    if process::id() == 1 {
        process::exit(128 + signal);
    }
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}

#[cfg(unix)]
fn listen() {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    // Without the handler, a signal ends the tool without a message, as before.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
    let _ = thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            SIGNAL.store(signal, Ordering::Relaxed);
            interrupted(die);
        }
    });
}

/// Ends the process as Ctrl-C does.
#[cfg(not(unix))]
pub(crate) fn die() {
    // What Windows reports for a program that Ctrl-C ended (STATUS_CONTROL_C_EXIT).
    const CONTROL_C_EXIT: i32 = 0xC000_013A_u32 as i32;
    process::exit(CONTROL_C_EXIT);
}

#[cfg(not(unix))]
fn listen() {
    let _ = ctrlc::set_handler(|| interrupted(die));
}
