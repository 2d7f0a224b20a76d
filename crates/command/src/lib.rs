//! What every command line of the lab shares, so that the five binaries look and behave alike.
//!
//! In reading order: [`StageFlags`] (the flags every stage has), [`run`] (logging, threads, signals, one-line
//! errors, exit codes), [`error_at`] (a place in a text), [`check_interrupt`], [`Progress`], [`Table`] and [`fn@print`] (what
//! goes to stdout), [`parse`] (clap with `--completions` and `--man`), [`guarded`] (libraries' panics as errors).
//!
//! Stdout carries results only; progress, logs and errors go to stderr. This crate knows no files and no models.

mod flags;
mod guard;
mod interrupt;
mod progress;
mod stage;
mod stdout;
mod table;

pub use flags::{StageFlags, parse, threads};
pub use guard::guarded;
pub use interrupt::{Interrupted, check_interrupt};
pub use progress::Progress;
pub use stage::{error_at, one_line, run};
pub use stdout::print;
pub use table::Table;
