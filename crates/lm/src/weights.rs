//! The model's parameters as plain f32 arrays, sorted by name, independent of any tensor library.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use rand::Rng;
use seed::Seed;

use crate::config::ModelConfig;
use crate::error::{Error, Result};

/// One parameter: its shape and its values in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// `[out, in]` for matrices, `[vocab_size, d_model]` for the embedding, `[d_model]` for norms.
    pub shape: Vec<usize>,
    /// As many values as the shape's product.
    pub values: Vec<f32>,
}

/// Every parameter by its Hugging Face name; iteration is in sorted name order.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights(BTreeMap<String, Parameter>);

impl Weights {
    /// Takes parameters whose names and shapes are those of `config`, and whose values are finite.
    pub fn new(config: &ModelConfig, parameters: BTreeMap<String, Parameter>) -> Result<Weights> {
        let expected = config.parameters();
        for (name, shape) in &expected {
            let Some(parameter) = parameters.get(name) else {
                return Err(Error::Dimensions(format!("no parameter {name:?}")));
            };
            if &parameter.shape != shape
                || parameter.values.len() != shape.iter().product::<usize>()
            {
                return Err(Error::Dimensions(format!(
                    "{name}: expected shape {shape:?}, found {:?}",
                    parameter.shape
                )));
            }
            if let Some(at) = parameter.values.iter().position(|x| !x.is_finite()) {
                return Err(Error::Dimensions(format!(
                    "{name}: value {at} is {}",
                    parameter.values[at]
                )));
            }
        }
        if let Some(name) = parameters
            .keys()
            .find(|name| expected.binary_search_by(|(n, _)| n.cmp(name)).is_err())
        {
            return Err(Error::Dimensions(format!("unexpected parameter {name:?}")));
        }
        Ok(Weights(parameters))
    }

    /// Initial weights: norms 1, matrices normal(0, 0.02), the two projections into the residual stream scaled by
    /// 1/√(2·n_layers) (Radford et al. 2019, §2.3). Each parameter has a stream of its own, `weights/NAME`, so the same
    /// seed gives the same values on every machine and one layer more leaves the others as they are but for the scale.
    pub fn initial(config: &ModelConfig, seed: Seed) -> Weights {
        let residual_scale = 1.0 / libm::sqrt(2.0 * config.n_layers as f64);
        let parameter = |(name, shape): (String, Vec<usize>)| {
            let count = shape.iter().product();
            let values = if shape.len() == 1 {
                vec![1.0; count]
            } else {
                let into_residual = name.contains("o_proj") || name.contains("down_proj");
                let scale = if into_residual { residual_scale } else { 1.0 };
                normal(
                    &mut seed.stream(&format!("weights/{name}")),
                    0.02 * scale,
                    count,
                )
            };
            (name, Parameter { shape, values })
        };
        Weights(config.parameters().into_iter().map(parameter).collect())
    }

    /// The parameter called `name`.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.0.get(name)
    }

    /// The parameter called `name`, to be changed in place.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Parameter> {
        self.0.get_mut(name)
    }

    /// Name and parameter, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        self.0
            .iter()
            .map(|(name, parameter)| (name.as_str(), parameter))
    }

    /// As candle tensors on `device`.
    pub fn to_tensors(&self, device: &Device) -> Result<BTreeMap<String, Tensor>> {
        self.iter()
            .map(|(name, parameter)| {
                let tensor =
                    Tensor::from_slice(&parameter.values, parameter.shape.as_slice(), device)?;
                Ok((name.to_owned(), tensor))
            })
            .collect()
    }
}

/// `count` draws from normal(0, deviation) by Box and Muller 1958, two for two words of the stream.
/// ln, cos and sin come from `libm`, so that every machine has the same bytes.
fn normal(stream: &mut seed::Stream, deviation: f64, count: usize) -> Vec<f32> {
    const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        // in (0, 1], so that the logarithm is finite
        let u = ((stream.next_u64() >> 11) + 1) as f64 * UNIT;
        let angle = std::f64::consts::TAU * ((stream.next_u64() >> 11) as f64 * UNIT);
        let radius = deviation * libm::sqrt(-2.0 * libm::log(u));
        values.push((radius * libm::cos(angle)) as f32);
        values.push((radius * libm::sin(angle)) as f32);
    }
    values.truncate(count);
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Size;

    #[test]
    fn initial_weights_have_the_documented_moments() {
        let config = ModelConfig::of_size(Size::Tiny, 256, 32);
        let weights = Weights::initial(&config, Seed(5));
        let deviation = |name: &str| {
            let values = &weights.get(name).unwrap().values;
            let n = values.len() as f64;
            let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
            let square = values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n;
            assert!(mean.abs() < 0.001, "{name}: mean {mean}");
            (square - mean * mean).sqrt()
        };
        // 16,384 draws: the standard error of the deviation is 0.02/√32,768 = 0.00011.
        assert!((deviation("model.embed_tokens.weight") - 0.02).abs() < 0.0005);
        // 0.02 / √(2·2) = 0.01
        assert!((deviation("model.layers.1.mlp.down_proj.weight") - 0.01).abs() < 0.0003);
        assert!(
            weights
                .get("model.norm.weight")
                .unwrap()
                .values
                .iter()
                .all(|&x| x == 1.0)
        );
        assert_eq!(weights, Weights::initial(&config, Seed(5)));
        assert_ne!(weights, Weights::initial(&config, Seed(6)));
    }

    /// The first values are part of the format: a change here changes every trained model.
    #[test]
    fn first_values_are_fixed() {
        let config = ModelConfig::of_size(Size::Tiny, 256, 32);
        let weights = Weights::initial(&config, Seed(1));
        let embedding = &weights.get("model.embed_tokens.weight").unwrap().values;
        assert_eq!(
            embedding[..2]
                .iter()
                .map(|x| x.to_bits())
                .collect::<Vec<_>>(),
            FIRST_VALUES
        );
    }

    const FIRST_VALUES: [u32; 2] = [1_012_072_879, 3_160_031_623];
}
