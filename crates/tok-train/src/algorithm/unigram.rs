//! The unigram language model over word counts (Kudo 2018, §3.2), as SentencePiece and the
//! Hugging Face trainer compute it: take frequent substrings as pieces, estimate their
//! probabilities by expectation maximization with the digamma-sparsified step of Liang and Klein
//! (2007), drop the quarter of the pieces whose loss costs the likelihood least, and repeat.
//!
//! Theirs changes with the number of threads (the order of floating-point sums) and from process
//! to process (letters that no word needs are scored in the order of a hash set), and counts
//! occurrences in 32 bits. Ours sums in a fixed order, takes letters in alphabetical order and
//! exp and ln from `libm`, so that the same counts give the same bytes on every machine. The
//! tests hold both against each other.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::word_counts::WordCount;

/// Longest piece, in characters, the boundary mark included.
const MAX_PIECE_CHARACTERS: usize = 16;
/// Share of the pieces kept by one pruning.
const SHRINKING_FACTOR: f64 = 0.75;
/// Expectation-maximization steps between prunings.
const STEPS_BETWEEN_PRUNINGS: usize = 2;
/// At most this many substrings are considered at all.
pub const SEED_SIZE: usize = 1_000_000;
/// Pieces expected less often than this are dropped at once.
const MIN_EXPECTED: f64 = 0.5;
/// What an unknown letter costs beyond the worst piece, in nats.
const UNKNOWN_PENALTY: f64 = 10.0;
/// Words per unit of parallel work; fixed, so that sums do not depend on the threads.
const WORDS_PER_CHUNK: usize = 512;

/// A piece and its log-probability in nats.
pub type Piece = (String, f64);

/// Trains pieces for a vocabulary of `vocab_size` tokens of which `special_tokens` are not pieces.
/// Returns at most `vocab_size - special_tokens` pieces by descending log-probability, every
/// letter of `alphabet` among them (fewer pieces where the words do not offer more).
pub fn train(
    words: &[WordCount],
    alphabet: &[char],
    vocab_size: usize,
    special_tokens: usize,
) -> Vec<Piece> {
    let words: Vec<Word> = words
        .iter()
        .filter(|(word, count)| *count > 0 && !word.is_empty())
        .map(|(word, count)| Word {
            letters: word.chars().collect(),
            count: *count as f64,
        })
        .collect();
    let size = vocab_size.saturating_sub(special_tokens);
    let enough = vocab_size * 11 / 10;

    let mut pieces = seed_pieces(&words);
    let mut model = Model::new(&pieces);
    while !words.is_empty() {
        for _ in 0..STEPS_BETWEEN_PRUNINGS {
            let expected = expectation(&model, &words);
            pieces = maximization(pieces, &expected);
            model = Model::new(&pieces);
        }
        let before = pieces.len();
        if before <= enough {
            break;
        }
        pieces = prune(&model, pieces, &words, enough);
        model = Model::new(&pieces);
        if pieces.len() == before {
            break; // nothing can be left out
        }
    }
    finish(&pieces, model.min_score, &words, alphabet, size)
}

struct Word {
    letters: Vec<char>,
    count: f64,
}

/// Pieces as a trie, to find all those that start at a place. Piece 0 stands for "no piece": a
/// letter that none covers.
struct Model {
    scores: Vec<f64>,
    min_score: f64,
    children: FxHashMap<(u32, char), u32>,
    /// Piece that ends at a trie node.
    ends: Vec<Option<u32>>,
}

const UNKNOWN: usize = 0;

/// One way to continue at a place: a piece and the place after it.
#[derive(Clone, Copy)]
struct Arc {
    from: usize,
    to: usize,
    piece: usize,
    score: f64,
}

impl Model {
    fn new(pieces: &[Piece]) -> Self {
        let mut children = FxHashMap::default();
        let mut ends = vec![None];
        let mut min_score = f64::INFINITY;
        for (id, (piece, score)) in pieces.iter().enumerate().skip(1) {
            min_score = min_score.min(*score);
            let mut node = 0;
            for letter in piece.chars() {
                node = *children.entry((node, letter)).or_insert_with(|| {
                    ends.push(None);
                    (ends.len() - 1) as u32
                });
            }
            ends[node as usize] = Some(id as u32);
        }
        Model {
            scores: pieces.iter().map(|(_, score)| *score).collect(),
            min_score,
            children,
            ends,
        }
    }

    /// Every arc of a word's lattice, by place and then by length.
    fn lattice(&self, letters: &[char], arcs: &mut Vec<Arc>) {
        arcs.clear();
        for from in 0..letters.len() {
            let mut node = 0;
            let mut single = false;
            for (offset, letter) in letters[from..].iter().enumerate() {
                let Some(next) = self.children.get(&(node, *letter)) else {
                    break;
                };
                node = *next;
                if let Some(piece) = self.ends[node as usize] {
                    single |= offset == 0;
                    arcs.push(Arc {
                        from,
                        to: from + offset + 1,
                        piece: piece as usize,
                        score: self.scores[piece as usize],
                    });
                }
            }
            if !single {
                arcs.push(Arc {
                    from,
                    to: from + 1,
                    piece: UNKNOWN,
                    score: self.min_score - UNKNOWN_PENALTY,
                });
            }
        }
    }

    /// The most probable segmentation by arcs that `allowed` accepts; `None` where there is none.
    fn best_path(
        &self,
        letters: &[char],
        arcs: &[Arc],
        allowed: impl Fn(&Arc) -> bool,
    ) -> Option<Vec<usize>> {
        let mut best: Vec<Option<(f64, usize)>> = vec![None; letters.len() + 1];
        best[0] = Some((0.0, usize::MAX));
        // Arcs come by ascending `from`, so every place is final before it is left.
        for (index, arc) in arcs.iter().enumerate() {
            let Some((reached, _)) = best[arc.from] else {
                continue;
            };
            if !allowed(arc) {
                continue;
            }
            let score = reached + arc.score;
            if best[arc.to].is_none_or(|(other, _)| score > other) {
                best[arc.to] = Some((score, index));
            }
        }
        let mut path = Vec::new();
        let mut place = letters.len();
        while place > 0 {
            let (_, index) = best[place]?;
            path.push(arcs[index].piece);
            place = arcs[index].from;
        }
        path.reverse();
        Some(path)
    }
}

/// Letters by frequency, then substrings that occur at least twice in the list of distinct words
/// with different continuations (inner nodes of their suffix tree), by occurrences × length.
/// Log-probabilities are these scores, normalized.
fn seed_pieces(words: &[Word]) -> Vec<Piece> {
    let mut letters: BTreeMap<char, f64> = BTreeMap::new();
    for word in words {
        for letter in &word.letters {
            *letters.entry(*letter).or_default() += word.count;
        }
    }
    let mut letters: Vec<(f64, char)> = letters.into_iter().map(|(l, n)| (n, l)).collect();
    letters.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));

    let mut substrings: FxHashMap<&[char], Occurrences> = FxHashMap::default();
    for word in words {
        let length = word.letters.len();
        for from in 0..length {
            for to in from + 2..=length.min(from + MAX_PIECE_CHARACTERS) {
                let seen = substrings.entry(&word.letters[from..to]).or_default();
                seen.add(word.letters.get(to).copied());
            }
        }
    }
    let mut substrings: Vec<(u64, &[char])> = substrings
        .into_iter()
        .filter(|(_, seen)| seen.branches)
        .map(|(letters, seen)| (seen.number * letters.len() as u64, letters))
        .collect();
    substrings.sort_unstable_by_key(|scored| Reverse(*scored));

    let mut pieces: Vec<Piece> = vec![("<unknown>".to_owned(), f64::NAN)];
    pieces.extend(
        letters
            .into_iter()
            .map(|(n, letter)| (letter.to_string(), n)),
    );
    let room = SEED_SIZE.saturating_sub(pieces.len() - 1);
    pieces.extend(
        substrings
            .into_iter()
            .take(room)
            .map(|(score, letters)| (letters.iter().collect(), score as f64)),
    );
    let sum: f64 = pieces[1..].iter().map(|(_, score)| score).sum();
    let log_sum = libm::log(sum);
    for (_, score) in &mut pieces[1..] {
        *score = libm::log(*score) - log_sum;
    }
    pieces
}

/// How often a substring occurs and whether different letters (or the word's end) follow it.
#[derive(Default)]
struct Occurrences {
    number: u64,
    next: Option<Option<char>>,
    branches: bool,
}

impl Occurrences {
    fn add(&mut self, next: Option<char>) {
        self.number += 1;
        match self.next {
            None => self.next = Some(next),
            Some(first) => self.branches |= first != next,
        }
    }
}

/// ln(e^x + e^y).
fn log_sum_exp(x: f64, y: f64) -> f64 {
    let (low, high) = if x > y { (y, x) } else { (x, y) };
    if high > low + 50.0 {
        high
    } else {
        high + libm::log(libm::exp(low - high) + 1.0)
    }
}

/// Expected occurrences of every piece under the current probabilities (forward-backward).
fn expectation(model: &Model, words: &[Word]) -> Vec<f64> {
    let chunks: Vec<Vec<f64>> = words
        .par_chunks(WORDS_PER_CHUNK)
        .map(|chunk| {
            let mut expected = vec![0.0; model.scores.len()];
            let mut arcs = Vec::new();
            for word in chunk {
                model.lattice(&word.letters, &mut arcs);
                let length = word.letters.len();
                let mut forward = vec![f64::NEG_INFINITY; length + 1];
                let mut backward = vec![f64::NEG_INFINITY; length + 1];
                forward[0] = 0.0;
                backward[length] = 0.0;
                for arc in &arcs {
                    forward[arc.to] = reach(forward[arc.to], forward[arc.from] + arc.score);
                }
                for arc in arcs.iter().rev() {
                    backward[arc.from] = reach(backward[arc.from], backward[arc.to] + arc.score);
                }
                for arc in &arcs {
                    let log_posterior =
                        forward[arc.from] + arc.score + backward[arc.to] - forward[length];
                    expected[arc.piece] += word.count * libm::exp(log_posterior);
                }
            }
            expected
        })
        .collect();
    let mut total = vec![0.0; model.scores.len()];
    for chunk in chunks {
        for (sum, value) in total.iter_mut().zip(chunk) {
            *sum += value;
        }
    }
    total
}

fn reach(before: f64, now: f64) -> f64 {
    if before == f64::NEG_INFINITY {
        now
    } else {
        log_sum_exp(before, now)
    }
}

/// New log-probabilities ψ(c) − ψ(Σ c): the variational step for a sparse Dirichlet prior.
fn maximization(pieces: Vec<Piece>, expected: &[f64]) -> Vec<Piece> {
    let mut sum = 0.0;
    let mut kept: Vec<Piece> = Vec::with_capacity(pieces.len());
    for (id, (piece, _)) in pieces.into_iter().enumerate() {
        if id == UNKNOWN {
            kept.push((piece, f64::NAN));
        } else if expected[id] >= MIN_EXPECTED {
            sum += expected[id];
            kept.push((piece, expected[id]));
        }
    }
    let log_sum = digamma(sum);
    for (_, score) in &mut kept[1..] {
        *score = digamma(*score) - log_sum;
    }
    kept
}

/// Digamma by recurrence up to 7, then an asymptotic series (as in SentencePiece).
fn digamma(value: f64) -> f64 {
    let mut x = value;
    let mut result = 0.0;
    while x < 7.0 {
        result -= 1.0 / x;
        x += 1.0;
    }
    x -= 0.5;
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    let fourth = square * square;
    result + libm::log(x) + (1.0 / 24.0) * square - 7.0 / 960.0 * fourth
        + (31.0 / 8064.0) * fourth * square
        - (127.0 / 30720.0) * fourth * fourth
}

/// Keeps pieces without an alternative and, of the others, those whose loss would cost the
/// likelihood most, down to `enough` or [`SHRINKING_FACTOR`] of all.
fn prune(model: &Model, pieces: Vec<Piece>, words: &[Word], enough: usize) -> Vec<Piece> {
    // How each piece would be spelled without itself; empty where it could not, or where it is
    // not the best spelling of its own letters anyway.
    let alternatives: Vec<(bool, Vec<usize>)> = pieces
        .par_iter()
        .enumerate()
        .map(|(id, (piece, _))| {
            if id == UNKNOWN {
                return (false, Vec::new());
            }
            let letters: Vec<char> = piece.chars().collect();
            let mut arcs = Vec::new();
            model.lattice(&letters, &mut arcs);
            let best = model.best_path(&letters, &arcs, |_| true);
            if best.is_none_or(|best| best.len() > 1) {
                return (false, Vec::new());
            }
            let other = model.best_path(&letters, &arcs, |arc| arc.piece != id);
            (true, other.unwrap_or_default())
        })
        .collect();

    // Occurrences in the best segmentations, and the summed counts of the words (each counted
    // once per occurrence) that hold a piece.
    let chunks: Vec<Vec<f64>> = words
        .par_chunks(WORDS_PER_CHUNK)
        .map(|chunk| {
            let mut frequency = vec![0.0; pieces.len()];
            let mut arcs = Vec::new();
            for word in chunk {
                model.lattice(&word.letters, &mut arcs);
                for piece in model
                    .best_path(&word.letters, &arcs, |_| true)
                    .unwrap_or_default()
                {
                    frequency[piece] += word.count;
                }
            }
            frequency
        })
        .collect();
    let mut frequency = vec![0.0; pieces.len()];
    for chunk in chunks {
        for (sum, value) in frequency.iter_mut().zip(chunk) {
            *sum += value;
        }
    }

    let occurrences: f64 = words.iter().map(|word| word.count).sum();
    let sum: f64 = frequency.iter().sum();
    let log_sum = libm::log(sum);
    let keep = enough.max((pieces.len() as f64 * SHRINKING_FACTOR) as usize);
    let mut kept: Vec<Piece> = Vec::with_capacity(keep);
    let mut candidates: Vec<(f64, usize)> = Vec::new();
    for (id, piece) in pieces.iter().enumerate() {
        let (needed, alternative) = &alternatives[id];
        let number = frequency[id];
        if id == UNKNOWN {
            kept.push(piece.clone());
        } else if number <= 0.0 && !needed {
            // in no best segmentation
        } else if alternative.is_empty() {
            kept.push(piece.clone());
        } else if number > 0.0 {
            // Without the piece its occurrences go to the alternative's pieces. SentencePiece and
            // the library both take the number of all pieces where the new sum should take the
            // number of the alternative's; we follow them, so that "unigram" means what it means
            // elsewhere.
            let log_probability = libm::log(number) - log_sum;
            let new_sum = libm::log(sum + number * (pieces.len() as f64 - 1.0));
            let log_alternative: f64 = alternative
                .iter()
                .map(|other| libm::log(frequency[*other] + number) - new_sum)
                .sum();
            let loss = number / occurrences * (log_probability - log_alternative);
            candidates.push((loss, id));
        }
    }
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    for (_, id) in candidates {
        if kept.len() >= keep {
            break;
        }
        kept.push(pieces[id].clone());
    }
    kept
}

/// Every letter first (those the model dropped get the lowest scores), then pieces in the model's
/// order until `size` is reached; sorted by descending log-probability.
fn finish(
    pieces: &[Piece],
    min_score: f64,
    words: &[Word],
    alphabet: &[char],
    size: usize,
) -> Vec<Piece> {
    let scores: FxHashMap<&str, f64> = pieces
        .iter()
        .skip(1)
        .map(|(piece, score)| (piece.as_str(), *score))
        .collect();
    let mut letters: Vec<char> = words
        .iter()
        .flat_map(|word| word.letters.iter().copied())
        .chain(alphabet.iter().copied())
        .collect();
    letters.sort_unstable();
    letters.dedup();

    let lowest = if min_score.is_finite() {
        min_score
    } else {
        0.0
    };
    let mut penalty = 0.0;
    let mut taken: FxHashSet<String> = FxHashSet::default();
    let mut finished: Vec<Piece> = Vec::with_capacity(size);
    for letter in letters {
        let letter = letter.to_string();
        let score = scores.get(letter.as_str()).copied().unwrap_or_else(|| {
            let score = lowest + penalty;
            penalty += 0.0001;
            score
        });
        taken.insert(letter.clone());
        finished.push((letter, score));
    }
    for (piece, score) in pieces.iter().skip(1) {
        if finished.len() >= size {
            break;
        }
        if taken.insert(piece.clone()) {
            finished.push((piece.clone(), *score));
        }
    }
    finished.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    finished
}

#[cfg(test)]
mod tests;
