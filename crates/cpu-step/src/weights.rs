//! The parameters as the products read them: packed once a step, in both orientations.

use rayon::prelude::*;

use crate::buffer::{Buffer, Rows, RowsMut};
use crate::dimensions::{Dimensions, LayerPlaces};
use crate::gemm::{Engine, Scratch, Shape, Source, Write};
use crate::lanes::LANES;

/// What the packed matrices are for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Training,
    Scoring,
}

/// A weight `[outputs, inputs]`.
pub(crate) struct Matrix<E: Engine> {
    outputs: usize,
    inputs: usize,
    forward: Buffer<E::Packed>,
    /// Empty for scoring.
    backward: Buffer<E::Packed>,
}

impl<E: Engine> Matrix<E> {
    fn new(outputs: usize, inputs: usize, purpose: Purpose) -> Self {
        let backward = if purpose == Purpose::Training {
            E::packed_len(outputs, inputs)
        } else {
            0
        };
        Matrix {
            outputs,
            inputs,
            forward: Buffer::new(E::packed_len(inputs, outputs)),
            backward: Buffer::new(backward),
        }
    }

    fn pack(&mut self, weight: &[f32]) {
        let Matrix {
            outputs,
            inputs,
            forward,
            backward,
        } = self;
        let weight = Rows::new(weight, *inputs);
        rayon::join(
            || E::pack(Source::Outer(weight), *inputs, *outputs, forward),
            || {
                if !backward.is_empty() {
                    E::pack(Source::Inner(weight), *outputs, *inputs, backward);
                }
            },
        );
    }

    /// y (+)= x Wᵀ: x `[rows, inputs]`, y `[rows, outputs]`.
    pub fn forward(
        &self,
        y: RowsMut<'_>,
        write: Write,
        x: Rows<'_>,
        rows: usize,
        scratch: &mut Scratch<E::Packed>,
    ) {
        let shape = Shape {
            rows,
            inner: self.inputs,
            columns: self.outputs,
        };
        E::multiply(y, write, x, &self.forward, self.inputs, shape, scratch);
    }

    /// dx = dy W: dy `[rows, outputs]`, dx `[rows, inputs]`.
    pub fn backward(
        &self,
        dx: RowsMut<'_>,
        dy: Rows<'_>,
        rows: usize,
        scratch: &mut Scratch<E::Packed>,
    ) {
        let shape = Shape {
            rows,
            inner: self.outputs,
            columns: self.inputs,
        };
        E::multiply(
            dx,
            Write::Replace,
            dy,
            &self.backward,
            self.outputs,
            shape,
            scratch,
        );
    }

    /// dW (+)= dyᵀ x, written to the weight's place in a flat gradient.
    pub fn gradient(
        &self,
        gradient: &mut [f32],
        write: Write,
        dy: Rows<'_>,
        x: Rows<'_>,
        rows: usize,
        scratch: &mut Scratch<E::Packed>,
    ) {
        let shape = Shape {
            rows: self.outputs,
            inner: rows,
            columns: self.inputs,
        };
        let gradient = &mut gradient[..self.outputs * self.inputs];
        E::outer(
            RowsMut::new(gradient, self.inputs),
            write,
            dy,
            x,
            shape,
            scratch,
        );
    }
}

/// One layer's weights. Norm weights are padded with zeros to whole vectors.
pub(crate) struct LayerWeights<E: Engine> {
    pub places: LayerPlaces,
    pub qkv: Matrix<E>,
    pub output: Matrix<E>,
    pub gate_up: Matrix<E>,
    pub down: Matrix<E>,
    pub input_norm: Buffer<f32>,
    pub post_attention_norm: Buffer<f32>,
}

/// All weights. The embedding is packed as the matrix of the logits.
pub(crate) struct Weights<E: Engine> {
    pub embedding: Matrix<E>,
    pub layers: Vec<LayerWeights<E>>,
    pub norm: Buffer<f32>,
}

impl<E: Engine> Weights<E> {
    pub fn new(dimensions: &Dimensions, purpose: Purpose) -> Self {
        let Dimensions {
            vocab_size,
            d_model,
            n_layers,
            d_ff,
            ..
        } = *dimensions;
        let matrix = |outputs, inputs| Matrix::new(outputs, inputs, purpose);
        let norm = || Buffer::new(d_model.next_multiple_of(LANES));
        let layers = (0..n_layers).map(|layer| LayerWeights {
            places: LayerPlaces::new(dimensions, layer),
            qkv: matrix(3 * d_model, d_model),
            output: matrix(d_model, d_model),
            gate_up: matrix(2 * d_ff, d_model),
            down: matrix(d_model, d_ff),
            input_norm: norm(),
            post_attention_norm: norm(),
        });
        Weights {
            layers: layers.collect(),
            embedding: matrix(vocab_size, d_model),
            norm: norm(),
        }
    }

    /// Packs the flat parameters, on the threads of the calling pool.
    pub fn pack(&mut self, parameters: &[f32], d_model: usize) {
        let Weights {
            embedding,
            layers,
            norm,
        } = self;
        norm[..d_model].copy_from_slice(&parameters[parameters.len() - d_model..]);
        rayon::join(
            || embedding.pack(parameters),
            || {
                layers.par_iter_mut().for_each(|layer| {
                    let places = layer.places;
                    let norm = |place: usize| &parameters[place..place + d_model];
                    layer.input_norm[..d_model].copy_from_slice(norm(places.input_norm));
                    layer.post_attention_norm[..d_model]
                        .copy_from_slice(norm(places.post_attention_norm));
                    layer.qkv.pack(&parameters[places.qkv..]);
                    layer.output.pack(&parameters[places.output..]);
                    layer.gate_up.pack(&parameters[places.gate_up..]);
                    layer.down.pack(&parameters[places.down..]);
                });
            },
        );
    }
}
