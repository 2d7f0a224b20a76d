//! `--engine` and `--device`: who computes scores and hidden states, and who generates.
//!
//! `auto` takes the fastest f32 engine of the CPU for scores, and candle-transformers' Llama for samples; on a GPU candle
//! computes both, as it does under `reference`. A hand-written engine asked for by name computes both, so that under
//! `portable-f32` everything in EVAL is the same on every CPU, to the bit.

use anyhow::{Context, Result, ensure};
use candle_core::Device;
use cpu_step::{EngineChoice, EngineKind, Precision};
use lm::DeviceChoice;

/// Where and by whom an evaluation is computed.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where candle computes what it computes.
    pub device: Device,
    /// The hand-written engine of scores and hidden states; none: candle.
    pub scoring: Option<EngineKind>,
    /// The hand-written engine that generates; none: candle-transformers.
    pub generation: Option<EngineKind>,
}

impl Place {
    /// Opens the device and finds the engine.
    ///
    /// # Errors
    /// A device that this build or machine has not; an engine that is for another device, for training alone, or not of
    /// this CPU.
    pub fn open(choice: EngineChoice, device: DeviceChoice) -> Result<Place> {
        let (scoring, generation) = match choice {
            EngineChoice::Hand(kind) => {
                ensure!(
                    device == DeviceChoice::Cpu,
                    "--engine {kind}: runs on the CPU, not on --device {device}"
                );
                ensure!(
                    kind.precision() == Precision::F32,
                    "--engine {kind}: is for training, expected auto, reference or an f32 engine"
                );
                let kind = kind.require().context("--engine")?;
                (Some(kind), Some(kind))
            }
            EngineChoice::Auto if device == DeviceChoice::Cpu => {
                (Some(EngineKind::fastest_of(Precision::F32)?), None)
            }
            EngineChoice::Auto | EngineChoice::Reference => (None, None),
        };
        Ok(Place {
            device: device.open()?,
            scoring,
            generation,
        })
    }

    /// For run.json, e.g. `avx512-f32, samples by candle`.
    pub fn engines(&self) -> String {
        let name = |engine: Option<EngineKind>| engine.map_or("candle", EngineKind::name);
        format!(
            "{}, samples by {}",
            name(self.scoring),
            name(self.generation)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_engine_computes_everything_and_auto_what_it_is_faster_at() {
        let open = |engine: &str| Place::open(engine.parse().unwrap(), DeviceChoice::Cpu);
        let engines = |engine: &str| {
            let place = open(engine).unwrap();
            (place.scoring, place.generation)
        };
        let portable = Some(EngineKind::PortableF32);
        assert_eq!(engines("portable"), (portable, portable));
        assert_eq!(engines("reference"), (None, None));
        assert!(engines("auto").0.is_some() && engines("auto").1.is_none());
        let error = open("amx").unwrap_err().to_string();
        assert!(error.starts_with("--engine amx-bf16: is for training"));
        let on_gpu = Place::open("portable".parse().unwrap(), DeviceChoice::Cuda(0));
        assert!(on_gpu.unwrap_err().to_string().contains("--device cuda:0"));
    }
}
