//! Printing results without a panic when nobody reads them.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use anyhow::{Context, Result};

/// Prints `text` to stdout, with a line break at its end where it has none. A reader that went away (`… | head`) is
/// no error.
///
/// # Errors
/// Where stdout cannot be written for another reason, such as a full disk behind a redirection.
pub fn print(text: impl Display) -> Result<()> {
    write(&mut std::io::stdout().lock(), &text.to_string())
}

fn write(to: &mut impl Write, text: &str) -> Result<()> {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written = to
        .write_all(text.as_bytes())
        .and_then(|()| to.write_all(end.as_bytes()))
        .and_then(|()| to.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.context("standard output: cannot write the result"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        assert!(write(&mut Failing(ErrorKind::BrokenPipe), "x").is_ok());
        assert!(write(&mut Failing(ErrorKind::StorageFull), "x").is_err());
    }

    #[test]
    fn lines_end_once() {
        let mut out = Vec::new();
        write(&mut out, "a").unwrap();
        write(&mut out, "b\n").unwrap();
        assert_eq!(out, b"a\nb\n");
    }
}
