//! Evaluation: log-probabilities, hidden states, and logits for generation, always in `f32`.

use std::sync::atomic::AtomicU32;

use rayon::ThreadPool;

use crate::decode::{Appended, Cache, Contexts, Decode, Decoder, NONE, Question};
use crate::dimensions::{DimensionError, Dimensions, Layout};
use crate::engine::{EngineError, EngineKind, Precision};
use crate::forest::{Forest, Node};
use crate::gemm::float::Float;
use crate::lanes::portable::Portable;
use crate::trainer::{StepError, thread_pool};

/// Nodes that [`Scorer::log_probabilities`] computes at once.
const NODES_AT_ONCE: usize = 1 << 14;

/// Why something cannot be scored.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScoreError {
    /// The model's dimensions are impossible.
    #[error(transparent)]
    Dimensions(#[from] DimensionError),
    /// The CPU lacks the engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine's products are not `f32`.
    #[error("engine {0} is for training, expected an f32 engine for scoring")]
    NotF32(EngineKind),
    /// The parameters are not as long as the layout.
    #[error("parameters have {found} elements, expected {expected}")]
    Length {
        /// Their length.
        found: usize,
        /// The layout's length.
        expected: usize,
    },
    /// A token is outside the vocabulary.
    #[error("token {token}, expected ids below {vocab_size}")]
    Token {
        /// The id found.
        token: u32,
        /// The model's vocabulary.
        vocab_size: usize,
    },
    /// A sequence has more tokens than the model has positions.
    #[error("a sequence of {found} tokens to compute, expected at most {expected}")]
    TooLong {
        /// Tokens to be computed: all, but for scoring not the last.
        found: usize,
        /// The model's longest sequence.
        expected: usize,
    },
    /// A sequence number is none of the generation's, or is named twice.
    #[error("sequence {sequence} named twice or not below {sequences}")]
    Sequence {
        /// The number found.
        sequence: usize,
        /// Sequences of the generation.
        sequences: usize,
    },
    /// The operating system gave no threads.
    #[error("no threads for scoring: {0}")]
    Threads(String),
}

/// The log-probability of every node of a [`Forest`].
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    values: Vec<f32>,
}

impl Scores {
    /// log P(token of the node | tokens before it) in nats; 0 for first tokens, which are given.
    pub fn log_probability(&self, node: Node) -> f32 {
        self.values[node.index()]
    }

    /// log P of the sequence that ends at `node`, after its first token, in nats.
    pub fn sequence_log_probability(&self, forest: &Forest, node: Node) -> f64 {
        let nodes = std::iter::successors(Some(node), |node| forest.parent(*node));
        nodes
            .map(|node| f64::from(self.log_probability(node)))
            .sum()
    }
}

/// The states of one sequence in every layer.
#[derive(Debug, Clone, PartialEq)]
pub struct HiddenStates {
    tokens: usize,
    d_model: usize,
    /// `[n_layers + 1, tokens, d_model]`
    values: Vec<f32>,
}

impl HiddenStates {
    /// One token's state, `[d_model]`: layer 0 is the embedding, layer l the residual stream after l
    /// layers, and the last layer's comes after the last norm, as `output_hidden_states` of transformers.
    pub fn state(&self, layer: usize, token: usize) -> &[f32] {
        &self.values[(layer * self.tokens + token) * self.d_model..][..self.d_model]
    }

    /// Number of tokens.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Number of layers, the embedding counted: `n_layers + 1`.
    pub fn layers(&self) -> usize {
        self.values.len() / (self.tokens * self.d_model).max(1)
    }
}

/// Growing sequences with their keys and values: the state of [`Scorer::append`].
pub struct Generation {
    cache: Cache,
    lengths: Vec<usize>,
    logits: Vec<f32>,
}

impl Generation {
    /// Tokens of each sequence so far.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }
}

/// A model for evaluation.
///
/// A sequence's numbers are the same to the byte for any number of threads, and whatever is scored
/// beside it.
pub struct Scorer {
    dimensions: Dimensions,
    engine: EngineKind,
    pool: ThreadPool,
    decoder: Box<dyn Decode>,
}

impl Scorer {
    /// A scorer on `threads` threads, with all parameters zero until [`Scorer::load`].
    /// `EngineKind::fastest_of(Precision::F32)` is the engine to use.
    ///
    /// # Errors
    /// Impossible dimensions, an engine that is not `f32` or that this CPU lacks, no threads to be had.
    pub fn new(
        dimensions: Dimensions,
        engine: EngineKind,
        threads: usize,
    ) -> Result<Scorer, ScoreError> {
        dimensions.check()?;
        let engine = engine.require()?;
        if engine.precision() != Precision::F32 {
            return Err(ScoreError::NotF32(engine));
        }
        let pool = thread_pool(threads).map_err(|error| match error {
            StepError::Threads(cause) => ScoreError::Threads(cause),
            other => ScoreError::Threads(other.to_string()),
        })?;
        let threads = pool.current_num_threads();
        let decoder: Box<dyn Decode> = match engine {
            #[cfg(target_arch = "x86_64")]
            EngineKind::Avx2F32 => Box::new(Decoder::<Float<crate::lanes::avx2::Avx2>>::new(
                dimensions, threads,
            )),
            #[cfg(target_arch = "x86_64")]
            EngineKind::Avx512F32 => Box::new(Decoder::<Float<crate::lanes::avx512::Avx512>>::new(
                dimensions, threads,
            )),
            _ => Box::new(Decoder::<Float<Portable>>::new(dimensions, threads)),
        };
        Ok(Scorer {
            dimensions,
            engine,
            pool,
            decoder,
        })
    }

    /// The engine, whose name belongs in the log.
    pub fn engine(&self) -> EngineKind {
        self.engine
    }

    /// The model's dimensions.
    pub fn dimensions(&self) -> &Dimensions {
        &self.dimensions
    }

    /// Takes the parameters of a checkpoint, flat in the order of [`Layout`].
    ///
    /// # Errors
    /// A buffer of another length.
    pub fn load(&mut self, parameters: &[f32]) -> Result<(), ScoreError> {
        let (found, expected) = (parameters.len(), Layout::new(&self.dimensions).len());
        if found != expected {
            return Err(ScoreError::Length { found, expected });
        }
        let Scorer { pool, decoder, .. } = self;
        pool.install(|| decoder.load(parameters));
        Ok(())
    }

    /// The log-probability of every node but the first tokens. Last tokens are looked up, not computed,
    /// so a sequence may have one token more than the model has positions. Takes about
    /// `len · 4 d_model · 4` bytes for a forest of `len` nodes.
    ///
    /// # Errors
    /// A token outside the vocabulary, or a sequence that is too long.
    pub fn score(&self, forest: &Forest) -> Result<Scores, ScoreError> {
        let (contexts, row_of) = self.contexts(forest, |node| forest.has_child(node))?;
        let mut questions: Vec<Question> = forest
            .nodes()
            .filter_map(|node| {
                let row = row_of[forest.parent(node)?.index()];
                Some(Question {
                    row,
                    token: forest.token(node),
                    place: node.index() as u32,
                })
            })
            .collect();
        questions.sort_by_key(|question| (question.row, question.place));
        let out: Vec<AtomicU32> = (0..forest.len()).map(|_| AtomicU32::new(0)).collect();
        self.pool
            .install(|| self.decoder.answer(&contexts.borrow(), &questions, &out));
        let values = out
            .into_iter()
            .map(|bits| f32::from_bits(bits.into_inner()))
            .collect();
        Ok(Scores { values })
    }

    /// For each sequence, log P(token i | tokens before it) in nats for i = 1, 2, …: one number less
    /// than it has tokens.
    ///
    /// # Errors
    /// Like [`Scorer::score`].
    pub fn log_probabilities<S: AsRef<[u32]>>(
        &self,
        sequences: &[S],
    ) -> Result<Vec<Vec<f32>>, ScoreError> {
        let mut out = Vec::with_capacity(sequences.len());
        let mut forest = Forest::new();
        let mut ends = Vec::new();
        for (index, sequence) in sequences.iter().enumerate() {
            ends.push(forest.insert(sequence.as_ref()));
            if forest.len() >= NODES_AT_ONCE || index + 1 == sequences.len() {
                let scores = self.score(&forest)?;
                for end in ends.drain(..) {
                    let path = end.map_or(Vec::new(), |end| forest.path(end));
                    let nodes = path.into_iter().skip(1);
                    out.push(nodes.map(|node| scores.log_probability(node)).collect());
                }
                forest.clear();
            }
        }
        Ok(out)
    }

    /// The states of every token of every sequence in every layer.
    ///
    /// # Errors
    /// Like [`Scorer::score`].
    pub fn hidden_states<S: AsRef<[u32]>>(
        &self,
        sequences: &[S],
    ) -> Result<Vec<HiddenStates>, ScoreError> {
        let Dimensions {
            d_model, n_layers, ..
        } = self.dimensions;
        let mut forest = Forest::new();
        let ends: Vec<Option<Node>> = sequences
            .iter()
            .map(|sequence| forest.insert(sequence.as_ref()))
            .collect();
        let paths: Vec<Vec<Node>> = ends
            .into_iter()
            .map(|end| end.map_or(Vec::new(), |end| forest.path(end)))
            .collect();
        let (contexts, row_of) = self.contexts(&forest, |_| true)?;
        let mut states: Vec<HiddenStates> = paths
            .iter()
            .map(|path| HiddenStates {
                tokens: path.len(),
                d_model,
                values: Vec::with_capacity((n_layers + 1) * path.len() * d_model),
            })
            .collect();
        self.pool.install(|| {
            self.decoder.hidden(&contexts.borrow(), &mut |_, rows| {
                for (path, states) in paths.iter().zip(&mut states) {
                    for node in path {
                        let row = rows.row(row_of[node.index()] as usize, d_model);
                        states.values.extend_from_slice(row);
                    }
                }
            })
        });
        Ok(states)
    }

    /// `sequences` empty sequences to be grown token by token. Takes
    /// `sequences · seq_len · n_layers · 2 d_model · 4` bytes.
    pub fn generation(&self, sequences: usize) -> Generation {
        Generation {
            cache: Cache::new(&self.dimensions, sequences),
            lengths: vec![0; sequences],
            logits: Vec::new(),
        }
    }

    /// Appends a token to each of some sequences, given as (sequence, token). The logits of the next
    /// token of each, in that order: `[tokens, vocab_size]`.
    ///
    /// # Errors
    /// A token outside the vocabulary, a sequence that is full, named twice or not there.
    pub fn append<'a>(
        &self,
        generation: &'a mut Generation,
        tokens: &[(usize, u32)],
    ) -> Result<&'a [f32], ScoreError> {
        let Dimensions {
            vocab_size,
            seq_len,
            ..
        } = self.dimensions;
        let sequences = generation.lengths.len();
        let mut named = vec![false; sequences];
        let mut appended = Vec::with_capacity(tokens.len());
        for (sequence, token) in tokens.iter().copied() {
            match named.get_mut(sequence) {
                Some(named) if !*named => *named = true,
                _ => {
                    return Err(ScoreError::Sequence {
                        sequence,
                        sequences,
                    });
                }
            }
            let position = generation.lengths[sequence];
            self.check(token, position + 1, seq_len)?;
            appended.push(Appended {
                sequence,
                position,
                token,
            });
        }
        generation.logits.resize(tokens.len() * vocab_size, 0.0);
        let Generation {
            cache,
            lengths,
            logits,
        } = generation;
        self.pool
            .install(|| self.decoder.append(cache, &appended, logits));
        for (sequence, _) in tokens {
            lengths[*sequence] += 1;
        }
        Ok(logits)
    }

    /// The rows to compute for the wanted nodes (each with its ancestors), and each node's row.
    fn contexts(
        &self,
        forest: &Forest,
        wanted: impl Fn(Node) -> bool,
    ) -> Result<(OwnedContexts, Vec<u32>), ScoreError> {
        let mut contexts = OwnedContexts::default();
        let mut row_of = vec![NONE; forest.len()];
        for node in forest.nodes() {
            let token = forest.token(node);
            self.check(token, 1, 1)?;
            if wanted(node) {
                self.check(token, forest.depth(node) + 1, self.dimensions.seq_len)?;
                row_of[node.index()] = contexts.tokens.len() as u32;
                contexts.tokens.push(token);
                contexts.positions.push(forest.depth(node) as u32);
                let parent = forest
                    .parent(node)
                    .map_or(NONE, |parent| row_of[parent.index()]);
                contexts.parents.push(parent);
            }
        }
        Ok((contexts, row_of))
    }

    fn check(&self, token: u32, found: usize, expected: usize) -> Result<(), ScoreError> {
        let vocab_size = self.dimensions.vocab_size;
        if token as usize >= vocab_size {
            return Err(ScoreError::Token { token, vocab_size });
        }
        if found > expected {
            Err(ScoreError::TooLong { found, expected })
        } else {
            Ok(())
        }
    }
}

#[derive(Default)]
struct OwnedContexts {
    tokens: Vec<u32>,
    positions: Vec<u32>,
    parents: Vec<u32>,
}

impl OwnedContexts {
    fn borrow(&self) -> Contexts<'_> {
        let OwnedContexts {
            tokens,
            positions,
            parents,
        } = self;
        Contexts {
            tokens,
            positions,
            parents,
        }
    }
}
