//! What a panic of the scanner tells: where it was, and nothing of the text.
//!
//! The message of a panic may hold what was read: a slice of text that is cut within a character prints the text. Whoever
//! reads the log may not be meant to read prompts, so that such a message is told to nobody (promise R45).

use std::cell::Cell;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;

thread_local! {
    /// Whether this thread reads a text.
    static READS: Cell<bool> = const { Cell::new(false) };
}

/// Has panics of whoever reads a text told without their message; all others are told as they were.
pub(super) fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |panic| if READS.get() { tell(panic) } else { others(panic) }));
    });
}

fn tell(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    tracing::error!(place, "the scanner panicked; its message is not told, since it may hold the text");
}

/// Does what reads a text. A panic goes on to the caller.
pub(super) fn quietly<T>(read: impl FnOnce() -> T) -> T {
    let _reading = Reading::new();
    read()
}

/// A thread reads a text while it has this.
struct Reading;

impl Reading {
    fn new() -> Reading {
        READS.set(true);
        Reading
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        READS.set(false);
    }
}
