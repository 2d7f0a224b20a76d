//! The decoder forward only, over rows that each attend to a list of earlier rows.
//!
//! A row is a token in its context. Bands of rows go through the layers in parallel; a row's numbers
//! depend on its own context alone, to the byte, because products sum each element in one order and
//! attention reads the row's list in its order.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use crate::attention::{dot, softmax};
use crate::buffer::{Activations, Rows, RowsMut};
use crate::dimensions::Dimensions;
use crate::gemm::{Engine, Scratch, Write};
use crate::lanes::{LANES, Lanes};
use crate::loss::log_sum_exp;
use crate::rope::Turn;
use crate::swiglu;
use crate::weights::{LayerWeights, Purpose, Weights};
use crate::workspace::Model;

/// Rows that a thread takes at once.
const BAND: usize = 64;

/// No row: the parent of a first token.
pub(crate) const NONE: u32 = u32::MAX;

/// Tokens in their contexts. `parents` are row numbers, smaller than the row's own, or [`NONE`].
pub(crate) struct Contexts<'a> {
    pub tokens: &'a [u32],
    pub positions: &'a [u32],
    pub parents: &'a [u32],
}

/// One logit to look up: that of `token` after `row`; its log-probability goes to `out[place]`.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    pub row: u32,
    pub token: u32,
    pub place: u32,
}

/// Keys and values of growing sequences, one buffer a layer: row `sequence · seq_len + position` holds
/// key and value side by side.
pub(crate) struct Cache {
    layers: Vec<Activations>,
    seq_len: usize,
}

impl Cache {
    pub fn new(dimensions: &Dimensions, sequences: usize) -> Cache {
        let Dimensions {
            n_layers,
            d_model,
            seq_len,
            ..
        } = *dimensions;
        let layer = |_| Activations::new(sequences * seq_len, 2 * d_model);
        Cache {
            layers: (0..n_layers).map(layer).collect(),
            seq_len,
        }
    }
}

/// [`Decoder`] of whichever engine.
pub(crate) trait Decode: Send + Sync {
    fn load(&mut self, parameters: &[f32]);
    /// Answers the questions, which are sorted by row, into the bits of `f32` at their places.
    fn answer(&self, contexts: &Contexts<'_>, questions: &[Question], out: &[AtomicU32]);
    /// The residual stream before each layer, then after the last norm: `visit(layer, rows)`.
    fn hidden(&self, contexts: &Contexts<'_>, visit: &mut dyn FnMut(usize, Rows<'_>));
    /// Appends a token to some sequences of the cache; the logits after it, `[tokens, vocab_size]`.
    fn append(&self, cache: &mut Cache, tokens: &[Appended], logits: &mut [f32]);
}

/// A token that is put at a position of a cached sequence.
#[derive(Clone, Copy)]
pub(crate) struct Appended {
    pub sequence: usize,
    pub position: usize,
    pub token: u32,
}

/// The forward pass of one engine.
pub(crate) struct Decoder<E: Engine> {
    model: Model,
    weights: Weights<E>,
    embedding: Vec<f32>,
    memories: Vec<Mutex<Memory<E>>>,
}

/// One thread's memory for a band of rows.
struct Memory<E: Engine> {
    normed: Activations,
    attended: Activations,
    gate_up: Activations,
    hidden: Activations,
    logits: Activations,
    scales: Vec<f32>,
    path: Vec<u32>,
    probabilities: Vec<f32>,
    scratch: Scratch<E::Packed>,
}

impl<E: Engine> Decoder<E> {
    pub fn new(dimensions: Dimensions, threads: usize) -> Self {
        let Dimensions {
            vocab_size,
            d_model,
            d_ff,
            seq_len,
            ..
        } = dimensions;
        let memory = || Memory {
            normed: Activations::new(BAND, d_model),
            attended: Activations::new(BAND, d_model),
            gate_up: Activations::new(BAND, 2 * d_ff),
            hidden: Activations::new(BAND, d_ff),
            logits: Activations::new(BAND, vocab_size),
            scales: vec![0.0; BAND],
            path: Vec::with_capacity(seq_len),
            probabilities: vec![0.0; seq_len.next_multiple_of(LANES)],
            scratch: Scratch::new(),
        };
        Decoder {
            weights: Weights::new(&dimensions, Purpose::Scoring),
            embedding: vec![0.0; vocab_size * d_model],
            memories: (0..threads).map(|_| Mutex::new(memory())).collect(),
            model: Model::new(dimensions),
        }
    }

    /// Runs `work(band, memory)` for every band of `rows` rows, in parallel.
    fn each_band<T: Send>(
        &self,
        bands: impl IndexedParallelIterator<Item = T>,
        work: impl Fn(usize, T, &mut Memory<E>) + Sync,
    ) {
        bands.enumerate().for_each(|(band, item)| {
            let index = rayon::current_thread_index().unwrap_or(0);
            let memory = self.memories[index].lock();
            let mut memory = memory.unwrap_or_else(std::sync::PoisonError::into_inner);
            work(band, item, &mut memory);
        });
    }

    fn embed(&self, tokens: impl Iterator<Item = u32>, rows: usize) -> Activations {
        let d_model = self.model.dimensions.d_model;
        let mut x = Activations::new(rows, d_model);
        let mut view = x.view_mut();
        for (row, token) in tokens.enumerate() {
            let embedding = &self.embedding[token as usize * d_model..][..d_model];
            view.row(row, d_model).copy_from_slice(embedding);
        }
        x
    }

    /// norm, then query, key and value, turned: `[rows, 3 d_model]`.
    fn project(
        &self,
        layer: &LayerWeights<E>,
        x: Rows<'_>,
        mut qkv: RowsMut<'_>,
        positions: impl ExactSizeIterator<Item = usize>,
        memory: &mut Memory<E>,
    ) {
        let rows = positions.len();
        let Memory {
            normed,
            scales,
            scratch,
            ..
        } = memory;
        let norm = self.model.norm(rows);
        norm.forward::<E::Lanes>(x, &layer.input_norm, &mut normed.view_mut(), scales);
        layer
            .qkv
            .forward(qkv.at(0, 0), Write::Replace, normed.view(), rows, scratch);
        let heads = 2 * self.model.dimensions.n_heads;
        self.model
            .rope
            .turn::<E::Lanes>(&mut qkv, heads, Turn::Forward, positions);
    }

    /// Attention's output and the feed-forward layer added to x, from the attended values in memory.
    fn finish(
        &self,
        layer: &LayerWeights<E>,
        mut x: RowsMut<'_>,
        rows: usize,
        memory: &mut Memory<E>,
    ) {
        let Memory {
            normed,
            attended,
            gate_up,
            hidden,
            scales,
            scratch,
            ..
        } = memory;
        layer
            .output
            .forward(x.at(0, 0), Write::Add, attended.view(), rows, scratch);
        let (norm, weight) = (self.model.norm(rows), &layer.post_attention_norm);
        norm.forward::<E::Lanes>(x.view(), weight, &mut normed.view_mut(), scales);
        layer.gate_up.forward(
            gate_up.view_mut(),
            Write::Replace,
            normed.view(),
            rows,
            scratch,
        );
        let d_ff = self.model.dimensions.d_ff;
        swiglu::forward::<E::Lanes>(gate_up.view(), &mut hidden.view_mut(), rows, d_ff);
        layer
            .down
            .forward(x, Write::Add, hidden.view(), rows, scratch);
    }

    /// One layer over all contexts: every row's key and value before any row attends.
    fn layer(
        &self,
        layer: &LayerWeights<E>,
        contexts: &Contexts<'_>,
        x: &mut Activations,
        qkv: &mut Activations,
    ) {
        let Dimensions { d_model, .. } = self.model.dimensions;
        let count = contexts.tokens.len();
        let band_rows = |band: usize| BAND.min(count - band * BAND);
        let (view, stride) = (x.view(), qkv.stride);
        self.each_band(bands(qkv, count), |band, qkv, memory| {
            let first = band * BAND;
            let positions = &contexts.positions[first..first + band_rows(band)];
            let positions = positions.iter().map(|position| *position as usize);
            let qkv = RowsMut::new(qkv, stride);
            self.project(layer, view.at(first, 0), qkv, positions, memory);
        });
        let (view, stride) = (qkv.view(), x.stride);
        self.each_band(bands(x, count), |band, x, memory| {
            for row in 0..band_rows(band) {
                let index = band * BAND + row;
                memory.path.clear();
                let mut ancestor = index as u32;
                while ancestor != NONE {
                    memory.path.push(ancestor);
                    ancestor = contexts.parents[ancestor as usize];
                }
                memory.path.reverse();
                let query = view.row(index, d_model);
                self.attend(query, view.at(0, d_model), row, memory);
            }
            self.finish(layer, RowsMut::new(x, stride), band_rows(band), memory);
        });
    }

    /// One row's attention over the rows of `memory.path`, whose keys and values lie side by side in
    /// `keys_values`, to `memory.attended[row]`.
    fn attend(&self, query: &[f32], keys_values: Rows<'_>, row: usize, memory: &mut Memory<E>) {
        let Dimensions {
            d_model, n_heads, ..
        } = self.model.dimensions;
        let d_head = d_model / n_heads;
        let scale = (1.0 / (d_head as f64).sqrt()) as f32;
        let Memory {
            path,
            probabilities,
            attended,
            ..
        } = memory;
        let padded = path.len().next_multiple_of(LANES);
        let probabilities = &mut probabilities[..padded];
        let mut attended = attended.view_mut();
        let out = attended.row(row, d_model);
        E::Lanes::enter(
            #[inline(always)]
            || {
                for head in 0..n_heads {
                    let first = head * d_head;
                    let query = &query[first..first + d_head];
                    for (probability, earlier) in probabilities.iter_mut().zip(path.iter()) {
                        let key =
                            &keys_values.row(*earlier as usize, 2 * d_model)[first..][..d_head];
                        *probability = dot::<E::Lanes>(query, key);
                    }
                    softmax::<E::Lanes>(probabilities, path.len(), scale);
                    for start in (0..d_head).step_by(LANES) {
                        let valid = LANES.min(d_head - start);
                        let mut sum = E::Lanes::splat(0.0);
                        for (probability, earlier) in probabilities.iter().zip(path.iter()) {
                            let value = keys_values.row(*earlier as usize, 2 * d_model);
                            let value = &value[d_model + first + start..][..valid];
                            let value = unsafe { E::Lanes::load_first(value.as_ptr(), valid) };
                            sum = E::Lanes::splat(*probability).mul_add(value, sum);
                        }
                        let out = &mut out[first + start..][..valid];
                        unsafe { sum.store_first(out.as_mut_ptr(), valid) };
                    }
                }
            },
        );
    }

    /// The last norm and the logits of `rows` rows of x, into `memory.logits`.
    fn logits(&self, x: Rows<'_>, rows: usize, memory: &mut Memory<E>) {
        let Memory {
            normed,
            scales,
            logits,
            scratch,
            ..
        } = memory;
        let norm = self.model.norm(rows);
        norm.forward::<E::Lanes>(x, &self.weights.norm, &mut normed.view_mut(), scales);
        let embedding = &self.weights.embedding;
        embedding.forward(
            logits.view_mut(),
            Write::Replace,
            normed.view(),
            rows,
            scratch,
        );
    }

    /// Calls `visit(layer, x)` before each layer; the residual stream after the last one.
    fn stream(
        &self,
        contexts: &Contexts<'_>,
        mut visit: impl FnMut(usize, Rows<'_>),
    ) -> Activations {
        let rows = contexts.tokens.len();
        let mut x = self.embed(contexts.tokens.iter().copied(), rows);
        let mut qkv = Activations::new(rows, 3 * self.model.dimensions.d_model);
        for (index, layer) in self.weights.layers.iter().enumerate() {
            visit(index, x.view());
            self.layer(layer, contexts, &mut x, &mut qkv);
        }
        x
    }
}

impl<E: Engine> Decode for Decoder<E> {
    fn load(&mut self, parameters: &[f32]) {
        let len = self.embedding.len();
        self.embedding.copy_from_slice(&parameters[..len]);
        self.weights.pack(parameters, self.model.dimensions.d_model);
    }

    fn answer(&self, contexts: &Contexts<'_>, questions: &[Question], out: &[AtomicU32]) {
        let Dimensions {
            vocab_size,
            d_model,
            ..
        } = self.model.dimensions;
        let x = self.stream(contexts, |_, _| ());
        // Questions about one row stand together; a band is the questions of up to BAND rows.
        let groups: Vec<&[Question]> = questions.chunk_by(|a, b| a.row == b.row).collect();
        let padded = vocab_size.next_multiple_of(LANES);
        self.each_band(groups.par_chunks(BAND), |_, groups, memory| {
            let mut asked = Activations::new(groups.len(), d_model);
            for (row, group) in groups.iter().enumerate() {
                let from = x.view().row(group[0].row as usize, d_model);
                asked.view_mut().row(row, d_model).copy_from_slice(from);
            }
            self.logits(asked.view(), groups.len(), memory);
            let mut logits = memory.logits.view_mut();
            for (row, group) in groups.iter().enumerate() {
                let logits = logits.row(row, padded);
                let total = E::Lanes::enter(
                    #[inline(always)]
                    || log_sum_exp::<E::Lanes>(logits, vocab_size),
                );
                for question in *group {
                    let logit = f64::from(logits[question.token as usize]);
                    let bits = ((logit - total) as f32).to_bits();
                    out[question.place as usize].store(bits, Ordering::Relaxed);
                }
            }
        });
    }

    fn hidden(&self, contexts: &Contexts<'_>, visit: &mut dyn FnMut(usize, Rows<'_>)) {
        let x = self.stream(contexts, &mut *visit);
        let rows = contexts.tokens.len();
        let mut normed = Activations::new(rows, self.model.dimensions.d_model);
        let mut scales = vec![0.0; rows];
        let norm = self.model.norm(rows);
        norm.forward::<E::Lanes>(
            x.view(),
            &self.weights.norm,
            &mut normed.view_mut(),
            &mut scales,
        );
        visit(self.model.dimensions.n_layers, normed.view());
    }

    fn append(&self, cache: &mut Cache, tokens: &[Appended], logits: &mut [f32]) {
        let Dimensions {
            vocab_size,
            d_model,
            ..
        } = self.model.dimensions;
        let rows = tokens.len();
        let seq_len = cache.seq_len;
        let mut x = self.embed(tokens.iter().map(|appended| appended.token), rows);
        let mut qkv = Activations::new(rows, 3 * d_model);
        let stride = qkv.stride;
        for (layer, cached) in self.weights.layers.iter().zip(&mut cache.layers) {
            let view = x.view();
            self.each_band(bands(&mut qkv, rows), |band, qkv, memory| {
                let first = band * BAND;
                let tokens = &tokens[first..rows.min(first + BAND)];
                let positions = tokens.iter().map(|appended| appended.position);
                let qkv = RowsMut::new(qkv, stride);
                self.project(layer, view.at(first, 0), qkv, positions, memory);
            });
            let mut place = cached.view_mut();
            for (row, appended) in tokens.iter().enumerate() {
                let index = appended.sequence * seq_len + appended.position;
                let key_value = qkv.view().at(row, d_model).row(0, 2 * d_model);
                place.row(index, 2 * d_model).copy_from_slice(key_value);
            }
            let (queries, cached, stride) = (qkv.view(), cached.view(), x.stride);
            self.each_band(bands(&mut x, rows), |band, x, memory| {
                let first = band * BAND;
                let tokens = &tokens[first..rows.min(first + BAND)];
                for (row, appended) in tokens.iter().enumerate() {
                    let start = (appended.sequence * seq_len) as u32;
                    memory.path.clear();
                    memory.path.extend(start..=start + appended.position as u32);
                    self.attend(queries.row(first + row, d_model), cached, row, memory);
                }
                self.finish(layer, RowsMut::new(x, stride), tokens.len(), memory);
            });
        }
        let x = x.view();
        self.each_band(
            logits.par_chunks_mut(BAND * vocab_size),
            |band, logits, memory| {
                let rows = logits.len() / vocab_size;
                self.logits(x.at(band * BAND, 0), rows, memory);
                for (row, logits) in logits.chunks_exact_mut(vocab_size).enumerate() {
                    logits.copy_from_slice(memory.logits.view().row(row, vocab_size));
                }
            },
        );
    }
}

/// The bands of the first `rows` rows.
fn bands(
    activations: &mut Activations,
    rows: usize,
) -> impl IndexedParallelIterator<Item = &mut [f32]> {
    let stride = activations.stride;
    let view = activations.view_mut();
    view.data[..rows * stride].par_chunks_mut(BAND * stride)
}
