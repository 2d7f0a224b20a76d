//! manifest.json and run.json: any bytes make an input directory or an error; a manifest that was read is written as one
//! that reads the same.
#![no_main]

use corpus::{Fingerprint, Input, Stage};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // No JSON has a zero byte: before the first one stands manifest.json, behind it run.json. Without one there is none.
    let mut files = bytes.splitn(2, |&byte| byte == 0);
    fuzz::file("manifest.json", files.next().unwrap_or_default());
    match files.next() {
        Some(run) => drop(fuzz::file("run.json", run)),
        None => fuzz::no_file("run.json"),
    }
    for kind in Stage::ALL {
        // Open only where run.json says the manifest's hash or none.
        let _ = Input::open(fuzz::directory(), kind);
        let Ok(input) = Input::open_unchecked(fuzz::directory(), kind) else {
            continue;
        };
        let _ = input.check_all();
        let _ = input.require_input("lang", &input);
        let text = input.manifest().to_json();
        let fingerprint = Fingerprint::of(text.as_bytes());
        fuzz::file("manifest.json", text.as_bytes());
        fuzz::file(
            "run.json",
            format!("{{ \"fingerprint\": \"{fingerprint}\" }}").as_bytes(),
        );
        let again = Input::open(fuzz::directory(), kind)
            .expect("a manifest written from one that was read");
        assert_eq!(again.manifest().to_json(), text);
    }
});
