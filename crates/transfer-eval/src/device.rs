//! `--device cpu | cuda[:N] | metal`.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use candle_core::Device;

/// Where the model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// All cores that `--threads` allows.
    #[default]
    Cpu,
    /// An NVIDIA GPU by number.
    Cuda(usize),
    /// Apple's GPU.
    Metal,
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<DeviceChoice, String> {
        let number = text.strip_prefix("cuda:").map(str::parse);
        match (text, number) {
            ("cpu", _) => Ok(DeviceChoice::Cpu),
            ("cuda", _) => Ok(DeviceChoice::Cuda(0)),
            ("metal", _) => Ok(DeviceChoice::Metal),
            (_, Some(Ok(number))) => Ok(DeviceChoice::Cuda(number)),
            _ => Err(format!(
                "expected cpu, cuda, cuda:N or metal, found {text:?}"
            )),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceChoice::Cpu => f.write_str("cpu"),
            DeviceChoice::Cuda(number) => write!(f, "cuda:{number}"),
            DeviceChoice::Metal => f.write_str("metal"),
        }
    }
}

impl DeviceChoice {
    /// Opens the device.
    pub fn open(self) -> Result<Device> {
        match self {
            DeviceChoice::Cpu => Ok(Device::Cpu),
            DeviceChoice::Cuda(number) => {
                let built = candle_core::utils::cuda_is_available();
                ensure!(
                    built,
                    "--device {self}: this binary was built without CUDA; build with --features cuda"
                );
                Device::new_cuda(number)
                    .with_context(|| format!("--device {self}: cannot be opened"))
            }
            DeviceChoice::Metal => {
                let built = candle_core::utils::metal_is_available();
                ensure!(
                    built,
                    "--device {self}: this binary was built without Metal; build with --features metal"
                );
                Device::new_metal(0).with_context(|| format!("--device {self}: cannot be opened"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in ["cpu", "cuda:0", "cuda:3", "metal"] {
            assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        assert!("cuda:x".parse::<DeviceChoice>().is_err());
        assert!("gpu".parse::<DeviceChoice>().is_err());
    }
}
