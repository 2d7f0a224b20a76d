//! Which instructions a step runs on, chosen at run time.

use std::fmt;
use std::str::FromStr;

/// The arithmetic of the matrix products. Everything else is always `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Products of `f32`, accumulated in `f32`.
    F32,
    /// Products of `bf16` (both factors rounded to 8 bits of mantissa), accumulated in `f32`.
    Bf16,
}

impl fmt::Display for Precision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
        })
    }
}

/// The instructions a step runs on; the name stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineKind {
    /// No intrinsics, no fused multiply-add, `exp` from the `libm` crate: the same bytes on every CPU.
    PortableF32,
    /// The same with factors rounded to `bf16`: its arithmetic where no instruction has it, the same bytes on every CPU.
    PortableBf16,
    /// AVX2 with FMA. The same bytes as [`EngineKind::Avx512F32`].
    Avx2F32,
    /// AVX2 with factors rounded to `bf16`.
    Avx2Bf16,
    /// AVX-512 F.
    Avx512F32,
    /// AVX-512 BF16 (`vdpbf16ps`): the products of [`EngineKind::AmxBf16`] on CPUs without AMX. On
    /// Intel CPUs it has half the speed of [`EngineKind::Avx512F32`].
    Avx512Bf16,
    /// AMX tiles of `bf16`.
    AmxBf16,
}

/// An engine was asked for that this CPU cannot run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The CPU lacks the engine's instructions.
    #[error("engine {engine} needs {needs}, which this CPU lacks; here are {available}")]
    Unsupported {
        /// The engine asked for.
        engine: EngineKind,
        /// Its instructions.
        needs: &'static str,
        /// The engines that run here.
        available: String,
    },
    /// No engine of that precision runs here.
    #[error("no engine of precision {0} runs on this CPU")]
    NoPrecision(Precision),
    /// No engine has that name.
    #[error(
        "no engine {0:?}: expected portable-f32, portable-bf16, avx2-f32, avx2-bf16, avx512-f32, avx512-bf16 or amx-bf16"
    )]
    UnknownName(String),
}

impl EngineKind {
    /// All engines, the most portable first.
    pub const ALL: [EngineKind; 7] = [
        EngineKind::PortableF32,
        EngineKind::PortableBf16,
        EngineKind::Avx2F32,
        EngineKind::Avx2Bf16,
        EngineKind::Avx512F32,
        EngineKind::Avx512Bf16,
        EngineKind::AmxBf16,
    ];

    /// The name in the log, e.g. `avx512-f32`.
    pub fn name(self) -> &'static str {
        match self {
            EngineKind::PortableF32 => "portable-f32",
            EngineKind::PortableBf16 => "portable-bf16",
            EngineKind::Avx2F32 => "avx2-f32",
            EngineKind::Avx2Bf16 => "avx2-bf16",
            EngineKind::Avx512F32 => "avx512-f32",
            EngineKind::Avx512Bf16 => "avx512-bf16",
            EngineKind::AmxBf16 => "amx-bf16",
        }
    }

    /// The arithmetic of its products.
    pub fn precision(self) -> Precision {
        match self {
            EngineKind::PortableF32 | EngineKind::Avx2F32 | EngineKind::Avx512F32 => Precision::F32,
            EngineKind::PortableBf16
            | EngineKind::Avx2Bf16
            | EngineKind::Avx512Bf16
            | EngineKind::AmxBf16 => Precision::Bf16,
        }
    }

    /// Whether this CPU (and, for AMX, this kernel) runs it.
    pub fn is_available(self) -> bool {
        match self {
            EngineKind::PortableF32 | EngineKind::PortableBf16 => true,
            #[cfg(target_arch = "x86_64")]
            EngineKind::Avx2F32 | EngineKind::Avx2Bf16 => {
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
            }
            #[cfg(target_arch = "x86_64")]
            EngineKind::Avx512F32 => has_avx512(),
            #[cfg(target_arch = "x86_64")]
            EngineKind::Avx512Bf16 => has_avx512() && is_x86_feature_detected!("avx512bf16"),
            #[cfg(target_arch = "x86_64")]
            EngineKind::AmxBf16 => {
                EngineKind::Avx512Bf16.is_available() && crate::gemm::amx::is_available()
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// # Errors
    /// [`EngineError::Unsupported`] where [`EngineKind::is_available`] is false.
    pub fn require(self) -> Result<EngineKind, EngineError> {
        if self.is_available() {
            return Ok(self);
        }
        let available = EngineKind::ALL.iter().filter(|kind| kind.is_available());
        Err(EngineError::Unsupported {
            engine: self,
            needs: self.instructions(),
            available: available
                .map(|kind| kind.name())
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// The fastest engine of a precision on this CPU. Where it has no instruction for `bf16`, that is one which rounds to it
    /// and is somewhat slower than `f32`.
    ///
    /// # Errors
    /// A precision without an engine here; the portable ones run everywhere.
    pub fn fastest_of(precision: Precision) -> Result<EngineKind, EngineError> {
        let mut fastest_first = EngineKind::ALL.into_iter().rev();
        fastest_first
            .find(|kind| kind.precision() == precision && kind.is_available())
            .ok_or(EngineError::NoPrecision(precision))
    }

    /// The fastest engine of this CPU: AMX where it is, else the widest `f32`.
    pub fn fastest() -> EngineKind {
        [
            EngineKind::AmxBf16,
            EngineKind::Avx512F32,
            EngineKind::Avx2F32,
        ]
        .into_iter()
        .find(|kind| kind.is_available())
        .unwrap_or(EngineKind::PortableF32)
    }

    fn instructions(self) -> &'static str {
        match self {
            EngineKind::PortableF32 | EngineKind::PortableBf16 => "nothing",
            EngineKind::Avx2F32 | EngineKind::Avx2Bf16 => "AVX2 and FMA",
            EngineKind::Avx512F32 => "AVX-512 F, BW, DQ and VL",
            EngineKind::Avx512Bf16 => "AVX-512 F, BW, DQ, VL and BF16",
            EngineKind::AmxBf16 => "AMX-BF16 (allowed by the kernel) and AVX-512 BF16",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for EngineKind {
    type Err = EngineError;

    fn from_str(name: &str) -> Result<EngineKind, EngineError> {
        let found = EngineKind::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| EngineError::UnknownName(name.to_owned()))
    }
}

/// What `--engine` asks for, in training and in evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineChoice {
    /// The fastest for the device, the precision and this CPU.
    #[default]
    Auto,
    /// candle, on any device: nothing of this crate.
    Reference,
    /// One of the hand-written ones.
    Hand(EngineKind),
}

impl FromStr for EngineChoice {
    type Err = String;

    fn from_str(name: &str) -> Result<EngineChoice, String> {
        match name {
            "auto" => Ok(EngineChoice::Auto),
            "reference" => Ok(EngineChoice::Reference),
            // `portable` and `avx512` for short
            "portable" | "avx2" | "avx512" => format!("{name}-f32").parse(),
            "amx" => "amx-bf16".parse(),
            _ => match name.parse() {
                Ok(kind) => Ok(EngineChoice::Hand(kind)),
                Err(_) => Err(format!(
                    "expected auto, reference, {}; found {name:?}",
                    EngineKind::ALL.map(EngineKind::name).join(", ")
                )),
            },
        }
    }
}

impl fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineChoice::Auto => f.write_str("auto"),
            EngineChoice::Reference => f.write_str("reference"),
            EngineChoice::Hand(kind) => kind.fmt(f),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    EngineKind::Avx2F32.is_available()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for kind in EngineKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert!(kind.name().ends_with(&kind.precision().to_string()));
        }
        assert!("avx1024".parse::<EngineKind>().is_err());
    }

    #[test]
    fn an_engine_that_cannot_run_is_refused_by_name() {
        for kind in EngineKind::ALL {
            match kind.require() {
                Ok(engine) => assert!(engine.is_available()),
                Err(error) => {
                    println!("skipped on this CPU: {error}");
                    assert!(error.to_string().contains(kind.name()));
                }
            }
        }
        assert!(EngineKind::fastest().is_available());
        for precision in [Precision::F32, Precision::Bf16] {
            let fastest = EngineKind::fastest_of(precision).unwrap();
            assert!(fastest.is_available() && fastest.precision() == precision);
            // The portable one where there is nothing else.
            let portable = format!("portable-{precision}").parse::<EngineKind>();
            assert!(portable.unwrap().is_available());
        }
    }
}
