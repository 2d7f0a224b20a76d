//! The training text as numbers of words: prepared once a LANG in one parallel streaming pass, cached, memory-mapped.
//!
//! The cache holds words, not tokens. A language has few distinct words, so that a tokenizer's ids of each are found in
//! an instant (see [`crate::words`]) and one cached file serves every tokenizer trained on the LANG, BPE dropout too.
//!
//! File, little-endian: magic (8 bytes), BLAKE3 of what follows (32), then `width documents occurrences distinct
//! characters word_bytes` (u64 each), the word number of every occurrence (u16 or u32: `width` bytes), for each
//! document the occurrences up to its end (u64), for each document 1 if it is B's (u8), for each word its occurrences
//! (u64), and the words joined by line breaks.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Context, Result, bail, ensure};
use corpus::{Input, Language, scan_text};
use rayon::prelude::*;
use rustc_hash::FxHashMap;

const MAGIC: &[u8; 8] = b"ivtext02";
const HEADER_BYTES: usize = 8 + 32 + 6 * 8;
/// Text that one thread numbers at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// Files above this size are mapped, not read.
const MAP_ABOVE_BYTES: u64 = 64 << 20;

/// The training documents of a LANG, in their order.
pub struct Text {
    bytes: Bytes,
    width: usize,
    documents: usize,
    occurrences: u64,
    characters: u64,
    words: Vec<Word>,
}

/// A distinct word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Its letters.
    pub text: String,
    /// How many there are.
    pub characters: u32,
    /// How often it occurs.
    pub occurrences: u64,
}

enum Bytes {
    Read(Vec<u8>),
    Mapped(memmap2::Mmap),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Read(bytes) => bytes,
            Bytes::Mapped(map) => map,
        }
    }
}

impl Text {
    /// The text of `lang`, from `cache/text-FINGERPRINT.words` if that is whole, else prepared and written there.
    ///
    /// # Errors
    /// Shards that cannot be read, text that is no words between single spaces, a cache that cannot be written.
    pub fn open(lang: &Input, cache: &Path) -> Result<Text> {
        let path = cache.join(format!("text-{}.words", lang.fingerprint()));
        if path.exists() {
            match Text::read(&path, MAP_ABOVE_BYTES) {
                Ok(text) => {
                    tracing::debug!("text: {} (cached)", path.display());
                    return Ok(text);
                }
                Err(error) => tracing::warn!("{error:#}; preparing it again"),
            }
        }
        prepare(lang, cache, &path)?;
        Text::read(&path, MAP_ABOVE_BYTES)
    }

    fn read(path: &Path, map_above_bytes: u64) -> Result<Text> {
        let name = || path.display().to_string();
        let file = File::open(path).with_context(name)?;
        let bytes = if file.metadata().with_context(name)?.len() > map_above_bytes {
            // SAFETY: the file is ours, written beside and renamed, never changed in place.
            Bytes::Mapped(unsafe { memmap2::Mmap::map(&file) }.with_context(name)?)
        } else {
            Bytes::Read(std::fs::read(path).with_context(name)?)
        };
        parse(bytes).with_context(|| format!("{}: damaged cache file", path.display()))
    }

    /// How many documents there are.
    pub fn documents(&self) -> usize {
        self.documents
    }

    /// Words of all documents together.
    pub fn occurrences(&self) -> u64 {
        self.occurrences
    }

    /// Characters of all documents together, the spaces between words included.
    pub fn characters(&self) -> u64 {
        self.characters
    }

    /// The distinct words by number, in order of first occurrence.
    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// The occurrences that are a document's words.
    pub fn document(&self, index: usize) -> Range<u64> {
        let end = |index: usize| {
            let at = HEADER_BYTES + self.width * self.occurrences as usize + 8 * index;
            number(&self.bytes, at)
        };
        let start = if index == 0 { 0 } else { end(index - 1) };
        start..end(index)
    }

    /// Whether a document is told in B.
    pub fn is_minority(&self, document: usize) -> bool {
        let languages = HEADER_BYTES + self.width * self.occurrences as usize + 8 * self.documents;
        self.bytes[languages + document] == 1
    }

    /// The number of the word at an occurrence.
    pub fn word(&self, occurrence: u64) -> u32 {
        let at = HEADER_BYTES + self.width * occurrence as usize;
        match self.bytes[at..at + self.width] {
            [a, b] => u32::from(u16::from_le_bytes([a, b])),
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
            _ => unreachable!("width is 2 or 4"),
        }
    }

    /// The words of a document as they stood in LANG.
    pub fn document_text(&self, index: usize) -> String {
        let words = self
            .document(index)
            .map(|occurrence| self.words[self.word(occurrence) as usize].text.as_str());
        words.collect::<Vec<_>>().join(" ")
    }
}

/// The little-endian u64 at a place.
fn number(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}

fn parse(bytes: Bytes) -> Result<Text> {
    ensure!(
        bytes.len() >= HEADER_BYTES && bytes[..8] == *MAGIC,
        "no text cache"
    );
    let field = |index: usize| number(&bytes, 40 + 8 * index);
    let [
        width,
        documents,
        occurrences,
        distinct,
        characters,
        word_bytes,
    ] = std::array::from_fn(field);
    ensure!(width == 2 || width == 4, "words of {width} bytes");
    let length = [
        Some(HEADER_BYTES as u64),
        Some(word_bytes),
        width.checked_mul(occurrences),
        documents.checked_mul(9),
        distinct.checked_mul(8),
    ]
    .into_iter()
    .try_fold(0_u64, |sum, part| sum.checked_add(part?));
    ensure!(length == Some(bytes.len() as u64), "{} bytes", bytes.len());
    ensure!(checksum(&bytes) == bytes[8..40], "another checksum");

    let (width, documents) = (width as usize, documents as usize);
    let counts_at = HEADER_BYTES + width * occurrences as usize + 9 * documents;
    let words_at = counts_at + 8 * distinct as usize;
    let words = std::str::from_utf8(&bytes[words_at..])?;
    let n_words = words.lines().count();
    ensure!(n_words as u64 == distinct, "{n_words} words");
    let words: Vec<Word> = words
        .lines()
        .enumerate()
        .map(|(index, text)| Word {
            text: text.to_owned(),
            characters: text.chars().count() as u32,
            occurrences: number(&bytes, counts_at + 8 * index),
        })
        .collect();
    let text = Text {
        bytes,
        width,
        documents,
        occurrences,
        characters,
        words,
    };
    check(&text)?;
    Ok(text)
}

/// Checks what a fitting checksum does not: that documents, words and counts are of one text.
fn check(text: &Text) -> Result<()> {
    let mut end = 0;
    for index in 0..text.documents {
        let document = text.document(index);
        ensure!(
            document.start == end && document.end >= end && document.end <= text.occurrences,
            "document {index} ends at word {}",
            document.end
        );
        end = document.end;
    }
    ensure!(end == text.occurrences, "documents of {end} words");
    let mut counts = vec![0_u64; text.words.len()];
    for occurrence in 0..text.occurrences {
        let word = text.word(occurrence) as usize;
        let count = counts.get_mut(word);
        *count.with_context(|| format!("word {word} of {}", text.words.len()))? += 1;
    }
    let spelt = |(word, &count): (&Word, &u64)| {
        (word.occurrences == count).then_some(u64::from(word.characters) * count)
    };
    let letters: Option<u64> = text.words.iter().zip(&counts).map(spelt).sum();
    let letters = letters.context("words that occur otherwise than it says")?;
    ensure!(
        text.characters >= letters && text.characters - letters <= text.occurrences,
        "{} characters of {letters} letters",
        text.characters
    );
    Ok(())
}

/// BLAKE3 of everything behind the checksum.
fn checksum(bytes: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(&bytes[HEADER_BYTES..])
        .update(&bytes[40..HEADER_BYTES]);
    *hasher.finalize().as_bytes()
}

fn prepare(lang: &Input, cache: &Path, path: &Path) -> Result<()> {
    let shards = lang.files_with_prefix("train-");
    ensure!(
        !shards.is_empty(),
        "{}: no training text (train-*.parquet)",
        lang.path().display()
    );
    std::fs::create_dir_all(cache).with_context(|| {
        format!(
            "{}: cannot be created; give another --cache",
            cache.display()
        )
    })?;
    // The process number keeps two trainings that start together apart; whichever ends last wins with the same bytes.
    let beside = PathBuf::from(format!("{}.{}.tmp", path.display(), std::process::id()));
    let written = number_words(lang, &shards, &beside, 2).and_then(|fits| match fits {
        true => Ok(()),
        false => number_words(lang, &shards, &beside, 4).map(|_| ()),
    });
    let renamed = written
        .and_then(|()| std::fs::rename(&beside, path).with_context(|| path.display().to_string()));
    if renamed.is_err() {
        std::fs::remove_file(&beside).ok();
    }
    renamed
}

/// Documents joined by line breaks, and of each whether it is B's.
#[derive(Default)]
struct Chunk {
    text: String,
    minority: Vec<bool>,
}

/// A chunk's word numbers. Words that were not known lie in `new`, in order of first occurrence, and are numbered from
/// `NEW` up until they are.
struct Numbered {
    numbers: Vec<u32>,
    ends: Vec<usize>,
    new: Vec<String>,
    characters: u64,
}

const NEW: u32 = 1 << 31;

/// Writes the cache file with words of `width` bytes; false if there are more distinct words than that can number.
fn number_words(lang: &Input, shards: &[String], path: &Path, width: usize) -> Result<bool> {
    let paths: Vec<PathBuf> = shards
        .iter()
        .map(|name| lang.file(name))
        .collect::<Result<_, _>>()?;
    let progress = command::Progress::new("reading the text", paths.len() as u64, "shards");
    let (send, receive) = sync_channel(4 * rayon::current_num_threads());
    let fits = std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_shards(&paths, &progress, send));
        let fits = write_numbers(receive, path, width);
        // The writer may have stopped early, and then the reader's channel is closed: its error counts less.
        match (fits, reader.join()) {
            (Ok(true), Ok(Err(error))) => Err(error),
            (Ok(_), Err(_)) => bail!("the thread that reads the text panicked"),
            (fits, _) => fits,
        }
    })?;
    progress.finish();
    Ok(fits)
}

fn read_shards(
    paths: &[PathBuf],
    progress: &command::Progress,
    send: std::sync::mpsc::SyncSender<Chunk>,
) -> Result<()> {
    let mut chunk = Chunk::default();
    for path in paths {
        scan_text(path, |language, text, _| {
            command::check_interrupt()?;
            ensure!(
                !text.is_empty() && !text.contains(['\n', '\r']),
                "{}: expected documents of one line, found {text:?}",
                path.display()
            );
            chunk.text.push_str(text);
            chunk.text.push('\n');
            chunk.minority.push(language == Language::Minority);
            if chunk.text.len() >= CHUNK_BYTES {
                // A closed channel: the writer has the error.
                send.send(std::mem::take(&mut chunk))?;
            }
            Ok(())
        })?;
        progress.inc(1);
    }
    send.send(chunk)?;
    Ok(())
}

fn write_numbers(receive: Receiver<Chunk>, path: &Path, width: usize) -> Result<bool> {
    let name = || path.display().to_string();
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).with_context(name)?);
    file.write_all(&[0; HEADER_BYTES]).with_context(name)?;
    let mut hasher = blake3::Hasher::new();
    let mut known: FxHashMap<String, u32> = FxHashMap::default();
    let mut words: Vec<String> = Vec::new();
    let mut counts: Vec<u64> = Vec::new();
    let mut ends: Vec<u64> = Vec::new();
    let mut minority: Vec<u8> = Vec::new();
    let (mut occurrences, mut characters) = (0u64, 0u64);
    let mut section = Vec::new();

    while let Ok(first) = receive.recv() {
        let most = 2 * rayon::current_num_threads();
        let chunks: Vec<Chunk> = std::iter::once(first)
            .chain(receive.try_iter().take(most - 1))
            .collect();
        let numbered: Vec<Numbered> = chunks
            .par_iter()
            .map(|chunk| number_chunk(chunk, &known))
            .collect::<Result<_>>()?;
        minority.extend(
            chunks
                .iter()
                .flat_map(|chunk| &chunk.minority)
                .map(|b| u8::from(*b)),
        );
        for chunk in numbered {
            let new: Vec<u32> = chunk
                .new
                .into_iter()
                .map(|word| {
                    *known.entry(word).or_insert_with_key(|word| {
                        words.push(word.clone());
                        counts.push(0);
                        words.len() as u32 - 1
                    })
                })
                .collect();
            if width == 2 && words.len() > 1 << 16 {
                return Ok(false);
            }
            section.clear();
            for number in &chunk.numbers {
                let number = if *number >= NEW {
                    new[(number - NEW) as usize]
                } else {
                    *number
                };
                counts[number as usize] += 1;
                section.extend_from_slice(&number.to_le_bytes()[..width]);
            }
            ends.extend(chunk.ends.iter().map(|end| occurrences + *end as u64));
            occurrences += chunk.numbers.len() as u64;
            characters += chunk.characters;
            hasher.update(&section);
            file.write_all(&section).with_context(name)?;
        }
    }

    let word_text = words
        .iter()
        .flat_map(|word| [word.as_str(), "\n"])
        .collect::<String>();
    let mut tail: Vec<u8> = ends.iter().flat_map(|n| n.to_le_bytes()).collect();
    tail.extend(minority);
    tail.extend(counts.iter().flat_map(|n| n.to_le_bytes()));
    let fields = [
        width as u64,
        ends.len() as u64,
        occurrences,
        words.len() as u64,
        characters,
        word_text.len() as u64,
    ];
    let fields: Vec<u8> = fields.iter().flat_map(|n| n.to_le_bytes()).collect();
    hasher
        .update(&tail)
        .update(word_text.as_bytes())
        .update(&fields);
    let mut finish = || {
        file.write_all(&tail)?;
        file.write_all(word_text.as_bytes())?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(MAGIC)?;
        file.write_all(hasher.finalize().as_bytes())?;
        file.write_all(&fields)?;
        file.flush()?;
        file.get_ref().sync_all()
    };
    finish().with_context(name)?;
    Ok(true)
}

fn number_chunk(chunk: &Chunk, known: &FxHashMap<String, u32>) -> Result<Numbered> {
    let mut found = Numbered {
        numbers: Vec::new(),
        ends: Vec::new(),
        new: Vec::new(),
        characters: 0,
    };
    let mut new: FxHashMap<&str, u32> = FxHashMap::default();
    for document in chunk.text.lines() {
        for word in document.split(' ') {
            if word.is_empty() {
                bail!("training text: expected words between single spaces, found {document:?}");
            }
            let number = match known.get(word) {
                Some(number) => *number,
                None => *new.entry(word).or_insert_with(|| {
                    found.new.push(word.to_owned());
                    NEW + found.new.len() as u32 - 1
                }),
            };
            found.numbers.push(number);
        }
        found.characters += document.chars().count() as u64;
        found.ends.push(found.numbers.len());
    }
    Ok(found)
}

/// Where prepared text is kept when no `--cache` is given: the user's cache directory.
///
/// # Errors
/// Where the environment names no home.
pub fn default_cache() -> Result<PathBuf> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = variable("XDG_CACHE_HOME").or_else(|| match std::env::consts::OS {
        "macos" => variable("HOME").map(|home| home.join("Library/Caches")),
        "windows" => variable("LOCALAPPDATA"),
        _ => variable("HOME").map(|home| home.join(".cache")),
    });
    base.map(|base| base.join("in-vitro-lab"))
        .context("no home directory in the environment; give --cache DIR")
}

#[cfg(test)]
mod tests;
