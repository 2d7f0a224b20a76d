//! Panics of other people's decoders as errors.
//!
//! A damaged file can make the Parquet library panic, or the reader of `tokenizer.json`. Behind the checksum no damaged
//! file comes so far; `lang-gen audit`, which parses rows before it looks at checksums in order to name what was changed,
//! has no such protection, and neither has a file that someone made by hand.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; a panic in it is an `Err` with its message, and nothing is printed. What `work` was changing is not to be
/// used again after a panic.
///
/// # Errors
/// The panic's message.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                usual(panic);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    result.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("the decoder gave up: {}", text.unwrap_or("no reason given"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_the_next_call_works() {
        assert_eq!(guarded(|| 1), Ok(1));
        let index = std::hint::black_box(3);
        let error = guarded(|| [1, 2, 3][index]).unwrap_err();
        assert!(
            error.contains("the decoder gave up: index out of bounds"),
            "{error}"
        );
        assert_eq!(guarded(|| guarded(|| 2)), Ok(Ok(2)));
    }
}
