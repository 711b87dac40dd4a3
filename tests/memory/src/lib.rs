//! An allocator that looks for secrets in what is freed: this is the one place of the workspace with unsafe code.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The system's allocator. Where a block is freed that holds one of the texts, it notes by whom.
pub struct Watch(pub &'static [&'static str]);

static WATCHING: AtomicBool = AtomicBool::new(false);
static FREED: Mutex<Vec<Freed>> = Mutex::new(Vec::new());

thread_local! {
    /// Whether this thread is noting a block: what it frees for that is not looked at.
    static NOTING: Cell<bool> = const { Cell::new(false) };
}

/// A block that was freed with a text in it.
pub struct Freed {
    /// The text.
    pub text: &'static str,
    /// The functions that were being called, the innermost first.
    pub callers: Vec<String>,
}

/// Does something, and gives the blocks that were freed meanwhile with a text in them, by whichever thread.
pub fn freed_while(act: impl FnOnce()) -> Vec<Freed> {
    WATCHING.store(true, Ordering::SeqCst);
    act();
    WATCHING.store(false, Ordering::SeqCst);
    std::mem::take(&mut *FREED.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Watch {
    fn look(&self, block: &[u8]) {
        let held = |text: &&&'static str| block.windows(text.len()).any(|part| part == text.as_bytes());
        if !WATCHING.load(Ordering::Relaxed) || NOTING.try_with(|noting| noting.replace(true)).unwrap_or(true)
        {
            return;
        }
        for text in self.0.iter().filter(held) {
            let trace = Backtrace::force_capture().to_string();
            let callers =
                trace.lines().filter_map(|line| line.split_once(": ")).map(|(_, name)| name.to_owned());
            let freed = Freed { text, callers: callers.collect() };
            FREED.lock().unwrap_or_else(PoisonError::into_inner).push(freed);
        }
        NOTING.set(false);
    }
}

// SAFETY: every block comes from the system's allocator and goes back to it with the layout it came with. Blocks are
// zeroed when they come, so that all their bytes may be read when they go; they are read before they are freed.
unsafe impl GlobalAlloc for Watch {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the promises that this method asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is the caller's, who has no further use for it, and is as long as its layout says.
        self.look(unsafe { std::slice::from_raw_parts(block, layout.size()) });
        // SAFETY: the caller keeps the promises that this method asks for.
        unsafe { System.dealloc(block, layout) }
    }
}
