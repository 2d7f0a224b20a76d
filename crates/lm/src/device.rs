//! `--device cpu | cuda[:N] | metal`.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;

use crate::error::{Error, Result};

/// Where a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU, by number.
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
    ///
    /// # Errors
    /// A device that this binary was built without, or that the machine has not.
    pub fn open(self) -> Result<Device> {
        let refuse = |problem: String| {
            Err(Error::Device {
                device: self,
                problem,
            })
        };
        let (built, feature) = match self {
            DeviceChoice::Cpu => return Ok(Device::Cpu),
            DeviceChoice::Cuda(_) => (candle_core::utils::cuda_is_available(), "cuda"),
            DeviceChoice::Metal => (candle_core::utils::metal_is_available(), "metal"),
        };
        if !built {
            return refuse(format!(
                "this binary was built without it; build with `cargo build --release --features {feature}`"
            ));
        }
        // Without a driver cudarc panics rather than fails.
        let opened = std::panic::catch_unwind(|| match self {
            DeviceChoice::Cuda(number) => Device::new_cuda(number),
            _ => Device::new_metal(0),
        });
        match opened {
            Ok(Ok(device)) => Ok(device),
            // Lines after the first are candle's backtrace.
            Ok(Err(error)) => refuse(error.to_string().lines().next().unwrap_or_default().into()),
            Err(_) => refuse("no driver was found".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for device in [
            DeviceChoice::Cpu,
            DeviceChoice::Cuda(3),
            DeviceChoice::Metal,
        ] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for wrong in ["gpu", "cuda:", "cuda:x", ""] {
            assert!(wrong.parse::<DeviceChoice>().is_err());
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_without_its_feature_is_refused() {
        assert_eq!(
            DeviceChoice::Cuda(1).open().unwrap_err().to_string(),
            "--device cuda:1: this binary was built without it; build with `cargo build --release --features cuda`"
        );
    }
}
