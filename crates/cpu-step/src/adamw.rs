//! AdamW (Loshchilov & Hutter 2019) as PyTorch computes it.

use crate::lanes::{LANES, Lanes};

/// The optimizer's settings of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// Learning rate of this step.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the square root of the second moment.
    pub eps: f64,
    /// Matrices shrink by `lr · weight_decay` a step; norms do not.
    pub weight_decay: f64,
    /// Gradients of a larger norm are scaled down to it.
    pub clip: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        AdamW {
            lr: 1e-3,
            beta1: 0.9,
            beta2: 0.95,
            eps: 1e-8,
            weight_decay: 0.1,
            clip: 1.0,
        }
    }
}

/// The optimizer's state: what a resumed training needs beside the parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Running mean of the gradient, as long as the parameters.
    pub first: Vec<f32>,
    /// Running mean of the squared gradient, as long as the parameters.
    pub second: Vec<f32>,
    /// Steps taken.
    pub steps: u64,
}

impl Moments {
    /// Before the first step.
    pub fn new(parameter_count: usize) -> Moments {
        Moments {
            first: vec![0.0; parameter_count],
            second: vec![0.0; parameter_count],
            steps: 0,
        }
    }
}

/// The factors of one step, the same for all parameters.
#[derive(Clone, Copy)]
pub(crate) struct Update {
    beta1: f32,
    beta2: f32,
    eps: f32,
    /// Gradient clipping: min(1, clip / (norm + 1e-6)).
    scale: f32,
    /// lr / (1 − β1^t)
    rate: f32,
    /// 1 / √(1 − β2^t)
    correction: f32,
    /// 1 − lr · weight_decay
    keep: f32,
}

impl Update {
    /// The update number `step` (from 1) with a gradient of norm `gradient_norm`.
    pub fn new(adamw: &AdamW, step: u64, gradient_norm: f64) -> Update {
        let AdamW {
            lr,
            beta1,
            beta2,
            eps,
            weight_decay,
            clip,
        } = *adamw;
        let step = step as f64;
        Update {
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            eps: eps as f32,
            scale: (clip / (gradient_norm + 1e-6)).min(1.0) as f32,
            rate: (lr / (1.0 - libm::pow(beta1, step))) as f32,
            correction: (1.0 / (1.0 - libm::pow(beta2, step)).sqrt()) as f32,
            keep: (1.0 - lr * weight_decay) as f32,
        }
    }

    /// m ← β1 m + (1 − β1) g, v ← β2 v + (1 − β2) g², p ← keep · p − rate · m / (√v · correction + ε).
    /// All slices are of one length.
    pub fn apply<V: Lanes>(
        &self,
        parameters: &mut [f32],
        first: &mut [f32],
        second: &mut [f32],
        gradient: &[f32],
        decays: bool,
    ) {
        let len = parameters.len();
        assert!(first.len() == len && second.len() == len && gradient.len() == len);
        V::enter(
            #[inline(always)]
            || {
                let (beta1, rest1) = (V::splat(self.beta1), V::splat(1.0 - self.beta1));
                let (beta2, rest2) = (V::splat(self.beta2), V::splat(1.0 - self.beta2));
                let (eps, scale) = (V::splat(self.eps), V::splat(self.scale));
                let (rate, correction) = (V::splat(-self.rate), V::splat(self.correction));
                let keep = V::splat(if decays { self.keep } else { 1.0 });
                for start in (0..len).step_by(LANES) {
                    let valid = LANES.min(len - start);
                    unsafe {
                        let g = V::load_first(gradient.as_ptr().add(start), valid).mul(scale);
                        let m = V::load_first(first.as_ptr().add(start), valid);
                        let m = m.mul_add(beta1, g.mul(rest1));
                        m.store_first(first.as_mut_ptr().add(start), valid);
                        let v = V::load_first(second.as_ptr().add(start), valid);
                        let v = v.mul_add(beta2, g.mul(g).mul(rest2));
                        v.store_first(second.as_mut_ptr().add(start), valid);
                        let change = m.mul(rate).div(v.sqrt().mul_add(correction, eps));
                        let p = V::load_first(parameters.as_ptr().add(start), valid);
                        let p = p.mul_add(keep, change);
                        p.store_first(parameters.as_mut_ptr().add(start), valid);
                    }
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::portable::Portable;

    /// ```python
    /// p = torch.tensor([1.0, -2.0], requires_grad=True)
    /// o = torch.optim.AdamW([p], lr=0.1, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
    /// for g in ([0.5, -1.0], [0.25, 3.0]): p.grad = torch.tensor(g); o.step()
    /// ```
    /// By hand: step 1: p ← 0.99 p − 0.1 g/|g| = (0.89, −1.88). Step 2: m = 0.9 · 0.05 + 0.025 = 0.07
    /// and 0.9 · −0.1 + 0.3 = 0.21, over 1 − 0.81 = 0.19: 0.3684211 and 1.1052632; v = 0.95 · 0.0125 +
    /// 0.05 · 0.0625 = 0.015 and 0.95 · 0.05 + 0.45 = 0.4975, over 0.0975: 0.1538462 and 5.1025641, of
    /// root 0.3922323 and 2.2588855; p = 0.8811 − 0.0939293 and −1.8612 − 0.0489296.
    #[test]
    fn two_steps_as_pytorch_takes_them() {
        let adamw = AdamW {
            lr: 0.1,
            clip: f64::INFINITY,
            ..AdamW::default()
        };
        let (mut p, mut m, mut v) = (vec![1.0f32, -2.0], vec![0.0; 2], vec![0.0; 2]);
        for (step, g) in [[0.5, -1.0], [0.25, 3.0]].iter().enumerate() {
            let update = Update::new(&adamw, step as u64 + 1, 1.0);
            update.apply::<Portable>(&mut p, &mut m, &mut v, g, true);
        }
        assert!((p[0] - 0.787_170_7).abs() < 1e-6, "{p:?}");
        assert!((p[1] + 1.910_129_6).abs() < 1e-6, "{p:?}");
    }

    /// Norm 10 clipped to 1: the gradient counts a tenth (and 1e-6 less).
    #[test]
    fn large_gradients_are_clipped() {
        let update = Update::new(&AdamW::default(), 1, 10.0);
        assert!((update.scale - 0.1).abs() < 1e-6);
        assert_eq!(Update::new(&AdamW::default(), 1, 0.5).scale, 1.0);
    }
}
