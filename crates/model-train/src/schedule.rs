//! Learning rate over the steps, and the steps at which checkpoints are written.

/// Linear warm-up, then half a cosine down to a tenth of the peak (Loshchilov & Hutter 2017; Touvron et al. 2023, §2.3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Steps of the whole training.
    pub steps: u64,
    /// Steps until the peak.
    pub warmup_steps: u64,
    /// The highest learning rate.
    pub peak: f64,
}

impl Schedule {
    /// Learning rate of step `index` (from 0): peak·(index+1)/warmup_steps, then
    /// peak·(0.1 + 0.9·(1 + cos πx)/2) with x from 0 at the end of the warm-up to 1 at the last step.
    pub fn lr(&self, index: u64) -> f64 {
        if index < self.warmup_steps {
            return self.peak * (index + 1) as f64 / self.warmup_steps as f64;
        }
        let last = self.steps.saturating_sub(1);
        let span = last.saturating_sub(self.warmup_steps).max(1);
        let x = ((index - self.warmup_steps) as f64 / span as f64).min(1.0);
        self.peak * (0.1 + 0.45 * (1.0 + libm::cos(std::f64::consts::PI * x)))
    }
}

/// `count` different steps from 0 to `last`, spaced evenly in the logarithm after the first; all steps where there are
/// no more than `count`.
pub fn checkpoint_steps(count: usize, last: u64) -> Vec<u64> {
    let mut steps = vec![0];
    let mut step = 0;
    for left in (1..count as u64).rev() {
        if step >= last {
            break;
        }
        // The next of `left` steps that grow by one factor up to the last, and at least by one.
        let growth = libm::pow(last as f64 / step.max(1) as f64, 1.0 / left as f64);
        let next = (step.max(1) as f64 * growth).round() as u64;
        step = if step == 0 && left > 1 {
            1
        } else {
            next.max(step + 1)
        };
        if left == 1 {
            step = last;
        }
        steps.push(step.min(last));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// p = [torch.zeros(1)]; o = torch.optim.SGD(p, lr=1.0)
    /// warm = torch.optim.lr_scheduler.LinearLR(o, start_factor=0.25, total_iters=3)          # 4 warm-up steps
    /// cosine = torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=5, eta_min=0.1)           # 10 steps in all
    /// s = torch.optim.lr_scheduler.SequentialLR(o, [warm, cosine], milestones=[4])
    /// ```
    /// gives 0.25, 0.5, 0.75, 1, then 0.1 + 0.45·(1 + cos(πk/5)) for k = 0 to 5.
    #[test]
    fn warm_up_then_cosine() {
        let schedule = Schedule {
            steps: 10,
            warmup_steps: 4,
            peak: 1.0,
        };
        let expected = [
            0.25, 0.5, 0.75, 1.0, 1.0, 0.914_058, 0.689_058, 0.410_942, 0.185_942, 0.1,
        ];
        for (index, lr) in expected.into_iter().enumerate() {
            assert!(
                (schedule.lr(index as u64) - lr).abs() < 1e-6,
                "step {index}"
            );
        }
        let none = Schedule {
            warmup_steps: 0,
            ..schedule
        };
        assert_eq!(none.lr(0), 1.0);
        let short = Schedule { steps: 1, ..none };
        assert!(short.lr(0) <= 1.0);
    }

    #[test]
    fn checkpoints_are_log_spaced() {
        assert_eq!(checkpoint_steps(5, 1000), [0, 1, 10, 100, 1000]);
        assert_eq!(checkpoint_steps(2, 1000), [0, 1000]);
        assert_eq!(checkpoint_steps(24, 3), [0, 1, 2, 3]);
        assert_eq!(checkpoint_steps(24, 0), [0]);
        for last in [23, 24, 30, 100, 5000, 1_000_000] {
            let steps = checkpoint_steps(24, last);
            assert_eq!(steps.len(), 24, "{steps:?}");
            assert_eq!((steps[0], steps[23]), (0, last));
            assert!(steps.is_sorted_by(|a, b| a < b), "{steps:?}");
        }
    }
}
