//! One chunk of sequences through the decoder and back, on one thread.
//!
//! A layer is x ← x + output(attention(norm(x))), then x ← x + down(silu(gate) · up) of norm(x). Kept
//! for the way back are the residual stream, query, key and value, attention's result, and gate and up;
//! normed rows, probabilities and the activation are computed again, which costs less than to store
//! them.

use crate::attention::{Head, HeadInput};
use crate::batch::Batch;
use crate::buffer::{Activations, Rows};
use crate::dimensions::{Dimensions, LayerPlaces};
use crate::gemm::{Engine, Write};
use crate::loss::cross_entropy;
use crate::rope::Turn;
use crate::swiglu;
use crate::weights::{LayerWeights, Weights};
use crate::workspace::{Model, Workspace};

impl<E: Engine> Workspace<E> {
    /// Sum of −log P(target) over the chunk's targets, in nats.
    pub fn loss(
        &mut self,
        model: &Model,
        parameters: &[f32],
        weights: &Weights<E>,
        batch: &Batch<'_>,
        chunk: std::ops::Range<usize>,
    ) -> f64 {
        self.forward(model, parameters, weights, batch, chunk.clone());
        self.head::<false>(model, weights, batch, chunk, 0.0)
    }

    /// The same, and the gradient of `share` times that sum, written or added to the flat `gradient`.
    #[expect(clippy::too_many_arguments)]
    pub fn gradient(
        &mut self,
        model: &Model,
        parameters: &[f32],
        weights: &Weights<E>,
        batch: &Batch<'_>,
        chunk: std::ops::Range<usize>,
        share: f32,
        gradient: &mut [f32],
        write: Write,
    ) -> f64 {
        self.forward(model, parameters, weights, batch, chunk.clone());
        let loss = self.head::<true>(model, weights, batch, chunk.clone(), share);
        self.backward(model, weights, batch, chunk, gradient, write);
        loss
    }

    fn forward(
        &mut self,
        model: &Model,
        parameters: &[f32],
        weights: &Weights<E>,
        batch: &Batch<'_>,
        chunk: std::ops::Range<usize>,
    ) {
        let Dimensions {
            d_model,
            d_ff,
            n_heads,
            ..
        } = model.dimensions;
        let rows = chunk.len() * batch.seq_len();
        assert!(self.fits(rows, batch.seq_len()));
        let norm = model.norm(rows);
        let tokens = chunk.clone().flat_map(|sequence| batch.inputs(sequence));
        let mut first = self.layers[0].x.view_mut();
        for (row, token) in tokens.enumerate() {
            let embedding = &parameters[*token as usize * d_model..][..d_model];
            first.row(row, d_model).copy_from_slice(embedding);
        }
        let Workspace {
            layers,
            x,
            normed,
            hidden,
            attention,
            scratch,
            ..
        } = self;
        for index in 0..layers.len() {
            let (layer, rest) = layers[index..].split_at_mut(1);
            let layer = &mut layer[0];
            let next = rest.first_mut().map_or(&mut *x, |next| &mut next.x);
            let LayerWeights {
                qkv,
                output,
                gate_up,
                down,
                ..
            } = &weights.layers[index];

            let (before, scales) = (layer.x.view(), &mut layer.input_scales);
            norm.forward::<E::Lanes>(
                before,
                &weights.layers[index].input_norm,
                &mut normed.view_mut(),
                scales,
            );
            qkv.forward(
                layer.qkv.view_mut(),
                Write::Replace,
                normed.view(),
                rows,
                scratch,
            );
            turn::<E>(model, &mut layer.qkv, rows, batch.seq_len(), Turn::Forward);
            for (head, sequence, input) in heads(model, &layer.qkv, batch.seq_len(), chunk.len()) {
                let (row, column) = (sequence * head.seq_len, input.0 * head.d_head);
                let kept = &mut layer.softmax[(sequence * n_heads + input.0) * head.seq_len..];
                let mut out = layer.attended.view_mut();
                head.forward::<E>(input.1, out.at(row, column), kept, attention, scratch);
            }
            copy(&layer.x, &mut layer.middle, rows, d_model);
            let attended = layer.attended.view();
            output.forward(layer.middle.view_mut(), Write::Add, attended, rows, scratch);

            norm.forward::<E::Lanes>(
                layer.middle.view(),
                &weights.layers[index].post_attention_norm,
                &mut normed.view_mut(),
                &mut layer.middle_scales,
            );
            gate_up.forward(
                layer.gate_up.view_mut(),
                Write::Replace,
                normed.view(),
                rows,
                scratch,
            );
            swiglu::forward::<E::Lanes>(layer.gate_up.view(), &mut hidden.view_mut(), rows, d_ff);
            copy(&layer.middle, next, rows, d_model);
            down.forward(next.view_mut(), Write::Add, hidden.view(), rows, scratch);
        }
    }

    /// The last norm, the logits and the loss; with `GRADIENT` the logits become their gradient.
    fn head<const GRADIENT: bool>(
        &mut self,
        model: &Model,
        weights: &Weights<E>,
        batch: &Batch<'_>,
        chunk: std::ops::Range<usize>,
        share: f32,
    ) -> f64 {
        let rows = chunk.len() * batch.seq_len();
        let Workspace {
            x,
            scales,
            normed,
            logits,
            scratch,
            ..
        } = self;
        let norm = model.norm(rows);
        norm.forward::<E::Lanes>(x.view(), &weights.norm, &mut normed.view_mut(), scales);
        let mut logits = logits.view_mut();
        weights.embedding.forward(
            logits.at(0, 0),
            Write::Replace,
            normed.view(),
            rows,
            scratch,
        );
        cross_entropy::<E::Lanes, GRADIENT>(
            &mut logits,
            chunk.flat_map(|sequence| batch.targets(sequence)).copied(),
            model.dimensions.vocab_size,
            share,
        )
    }

    /// From the logits' gradient to the gradient of every parameter.
    fn backward(
        &mut self,
        model: &Model,
        weights: &Weights<E>,
        batch: &Batch<'_>,
        chunk: std::ops::Range<usize>,
        gradient: &mut [f32],
        write: Write,
    ) {
        let Dimensions {
            d_model,
            d_ff,
            n_heads,
            ..
        } = model.dimensions;
        let rows = chunk.len() * batch.seq_len();
        let norm = model.norm(rows);
        let Workspace {
            layers,
            x,
            scales,
            normed,
            hidden,
            d_hidden,
            logits,
            ..
        } = self;
        let Workspace {
            dx,
            d_normed,
            d_qkv,
            d_norm_weight,
            attention,
            scratch,
            ..
        } = self;

        let d_logits = logits.view();
        weights
            .embedding
            .gradient(gradient, write, d_logits, normed.view(), rows, scratch);
        weights
            .embedding
            .backward(d_normed.view_mut(), d_logits, rows, scratch);
        for row in 0..rows {
            let stride = dx.stride;
            dx.view_mut().row(row, stride).fill(0.0);
        }
        d_norm_weight.fill(0.0);
        norm.backward::<E::Lanes>(
            x.view(),
            &weights.norm,
            scales,
            d_normed.view(),
            &mut dx.view_mut(),
            d_norm_weight,
        );
        let last = gradient.len() - d_model;
        put(&mut gradient[last..], write, d_norm_weight);

        for (layer, weights) in layers.iter_mut().zip(&weights.layers).rev() {
            let LayerPlaces {
                input_norm,
                post_attention_norm,
                ..
            } = weights.places;
            let places = weights.places;

            weights
                .down
                .backward(d_hidden.view_mut(), dx.view(), rows, scratch);
            let mut gate_up = layer.gate_up.view_mut();
            swiglu::backward::<E::Lanes>(
                &mut gate_up,
                d_hidden.view(),
                &mut hidden.view_mut(),
                rows,
                d_ff,
            );
            let d_gate_up = layer.gate_up.view();
            let down = &mut gradient[places.down..];
            weights
                .down
                .gradient(down, write, dx.view(), hidden.view(), rows, scratch);
            let (middle, scales) = (layer.middle.view(), &layer.middle_scales);
            let norm_weight = &weights.post_attention_norm;
            norm.repeat::<E::Lanes>(middle, norm_weight, &mut normed.view_mut(), scales);
            let up = &mut gradient[places.gate_up..];
            weights
                .gate_up
                .gradient(up, write, d_gate_up, normed.view(), rows, scratch);
            weights
                .gate_up
                .backward(d_normed.view_mut(), d_gate_up, rows, scratch);
            d_norm_weight.fill(0.0);
            norm.backward::<E::Lanes>(
                middle,
                norm_weight,
                scales,
                d_normed.view(),
                &mut dx.view_mut(),
                d_norm_weight,
            );
            put(
                &mut gradient[post_attention_norm..][..d_model],
                write,
                d_norm_weight,
            );

            let output = &mut gradient[places.output..];
            weights.output.gradient(
                output,
                write,
                dx.view(),
                layer.attended.view(),
                rows,
                scratch,
            );
            weights
                .output
                .backward(d_normed.view_mut(), dx.view(), rows, scratch);
            for (head, sequence, input) in heads(model, &layer.qkv, batch.seq_len(), chunk.len()) {
                let (row, column) = (sequence * head.seq_len, input.0 * head.d_head);
                let kept = &layer.softmax[(sequence * n_heads + input.0) * head.seq_len..];
                let out = layer.attended.view().at(row, column);
                let d_out = d_normed.view().at(row, column);
                let mut d_qkv = d_qkv.view_mut();
                let place = &mut d_qkv.at(row, column);
                head.backward::<E>(
                    input.1, out, kept, d_out, place, d_model, attention, scratch,
                );
            }
            turn::<E>(model, d_qkv, rows, batch.seq_len(), Turn::Back);
            let (before, scales) = (layer.x.view(), &layer.input_scales);
            let norm_weight = &weights.input_norm;
            norm.repeat::<E::Lanes>(before, norm_weight, &mut normed.view_mut(), scales);
            let qkv = &mut gradient[places.qkv..];
            weights
                .qkv
                .gradient(qkv, write, d_qkv.view(), normed.view(), rows, scratch);
            weights
                .qkv
                .backward(d_normed.view_mut(), d_qkv.view(), rows, scratch);
            d_norm_weight.fill(0.0);
            norm.backward::<E::Lanes>(
                before,
                norm_weight,
                scales,
                d_normed.view(),
                &mut dx.view_mut(),
                d_norm_weight,
            );
            put(&mut gradient[input_norm..][..d_model], write, d_norm_weight);
        }

        let tokens = chunk.flat_map(|sequence| batch.inputs(sequence));
        let dx = dx.view();
        for (row, token) in tokens.enumerate() {
            let place = &mut gradient[*token as usize * d_model..][..d_model];
            for (sum, value) in place.iter_mut().zip(dx.row(row, d_model)) {
                *sum += value;
            }
        }
    }
}

/// Turns query and key of every row by the row's position in its sequence.
fn turn<E: Engine>(model: &Model, qkv: &mut Activations, rows: usize, seq_len: usize, turn: Turn) {
    let positions = (0..rows).map(|row| row % seq_len);
    let heads = 2 * model.dimensions.n_heads;
    model
        .rope
        .turn::<E::Lanes>(&mut qkv.view_mut(), heads, turn, positions);
}

/// Every head of every sequence of a chunk: its sizes, its sequence, its number and its input.
fn heads<'a>(
    model: &Model,
    qkv: &'a Activations,
    seq_len: usize,
    sequences: usize,
) -> impl Iterator<Item = (Head, usize, (usize, HeadInput<'a>))> {
    let Dimensions {
        d_model, n_heads, ..
    } = model.dimensions;
    let head = Head {
        seq_len,
        d_head: model.dimensions.d_head(),
    };
    let all = (0..sequences).flat_map(move |sequence| (0..n_heads).map(move |n| (sequence, n)));
    all.map(move |(sequence, number)| {
        let part = |start: usize| {
            let rows: Rows<'a> = qkv.view();
            rows.at(sequence * seq_len, start + number * head.d_head)
        };
        let input = HeadInput {
            query: part(0),
            key: part(d_model),
            value: part(2 * d_model),
        };
        (head, sequence, (number, input))
    })
}

fn copy(from: &Activations, to: &mut Activations, rows: usize, columns: usize) {
    let (from, mut to) = (from.view(), to.view_mut());
    for row in 0..rows {
        to.row(row, columns).copy_from_slice(from.row(row, columns));
    }
}

/// Writes or adds a norm weight's gradient to its place.
fn put(place: &mut [f32], write: Write, values: &[f32]) {
    for (sum, value) in place.iter_mut().zip(values) {
        *sum = if write == Write::Add {
            *sum + value
        } else {
            *value
        };
    }
}
