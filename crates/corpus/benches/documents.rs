//! Speed of the two hot paths over documents: `cargo bench -p corpus`. Counts are characters of text.

use std::path::Path;

use corpus::tables::{DocumentRef, DocumentWriter, Language, scan_documents, scan_text};

const DOCUMENTS: u64 = 50_000;

fn main() {
    divan::main();
}

/// Text like that of the demo world: Zipf-like words of two to four syllables, with a bracketed derivation.
struct Text {
    state: u64,
    words: Vec<String>,
}

impl Text {
    fn new() -> Text {
        let mut text = Text {
            state: 1,
            words: Vec::new(),
        };
        for _ in 0..600 {
            let word = (0..2 + text.below(3)).map(|_| text.syllable()).collect();
            text.words.push(word);
        }
        text
    }

    /// A number below n (SplitMix64).
    fn below(&mut self, n: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn syllable(&mut self) -> String {
        let letters =
            |text: &mut Text, from: &[u8]| char::from(from[text.below(from.len() as u64) as usize]);
        [letters(self, b"ptkmnslrv"), letters(self, b"aeiou")]
            .iter()
            .collect()
    }

    /// A sentence of six words and its derivation.
    fn sentence(&mut self, text: &mut String, derivation: &mut String) {
        derivation.push_str("(Clause");
        for _ in 0..6 {
            let bound = 1 + self.below(600);
            let word = self.below(bound);
            text.push_str(&self.words[word as usize]);
            text.push(' ');
            derivation.push_str(&format!(" (Noun c{word})"));
        }
        text.push('.');
        derivation.push(')');
    }
}

/// Writes the documents; returns characters of text.
fn write(path: &Path) -> u64 {
    let mut source = Text::new();
    let mut writer = DocumentWriter::create(path).unwrap();
    let mut total = 0;
    for document in 0..DOCUMENTS {
        let (mut text, mut derivation) = (String::new(), String::new());
        let sentences = 3 + source.below(6);
        for sentence in 0..sentences {
            if sentence > 0 {
                text.push(' ');
                derivation.push(' ');
            }
            source.sentence(&mut text, &mut derivation);
        }
        let language = if document % 4 == 0 {
            Language::Minority
        } else {
            Language::Majority
        };
        let characters = text.len() as u32;
        total += u64::from(characters);
        writer
            .push(DocumentRef {
                document,
                language,
                text: &text,
                derivation: &derivation,
                characters,
                sentences: sentences as u16,
            })
            .unwrap();
    }
    writer.finish().unwrap();
    total
}

#[divan::bench(sample_count = 5)]
fn write_a_shard(bencher: divan::Bencher) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("train.parquet");
    let characters = write(&path);
    eprintln!(
        "{} bytes for {characters} characters",
        std::fs::metadata(&path).unwrap().len()
    );
    bencher
        .counter(divan::counter::CharsCount::new(characters))
        .bench(|| write(&path));
}

#[divan::bench(sample_count = 20)]
fn scan_its_text(bencher: divan::Bencher) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("train.parquet");
    let characters = write(&path);
    bencher
        .counter(divan::counter::CharsCount::new(characters))
        .bench(|| {
            let mut bytes = 0;
            scan_text(&path, |_, text, _| {
                bytes += text.len();
                Ok(())
            })
            .unwrap();
            bytes
        });
}

#[divan::bench(sample_count = 20)]
fn scan_all_columns(bencher: divan::Bencher) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("train.parquet");
    let characters = write(&path);
    bencher
        .counter(divan::counter::CharsCount::new(characters))
        .bench(|| {
            let mut bytes = 0;
            scan_documents(&path, |document| {
                bytes += document.derivation.len();
                Ok(())
            })
            .unwrap();
            bytes
        });
}
