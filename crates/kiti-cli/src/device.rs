//! Devices by name, and opening them.

use std::fmt;
use std::str::FromStr;

use candle::Device;

use crate::failure::Failure;

/// Where to compute, as the command line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceName {
    /// The processor.
    Cpu,
    /// An NVIDIA device by its index.
    Cuda(usize),
    /// An Apple device by its index.
    Metal(usize),
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let refused =
            || format!("expected cpu, cuda, cuda:<index>, metal or metal:<index>, found `{name}`");
        let (kind, index) = match name.split_once(':') {
            Some((kind, index)) => (kind, Some(index.parse().map_err(|_| refused())?)),
            None => (name, None),
        };
        match (kind, index) {
            ("cpu", None) => Ok(Self::Cpu),
            ("cuda", index) => Ok(Self::Cuda(index.unwrap_or(0))),
            ("metal", index) => Ok(Self::Metal(index.unwrap_or(0))),
            _ => Err(refused()),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => write!(f, "cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Metal(index) => write!(f, "metal:{index}"),
        }
    }
}

impl DeviceName {
    /// Opens the device.
    ///
    /// # Errors
    ///
    /// A refusal that says whether this program was built without support, or the machine has no such device.
    pub fn open(self) -> Result<Device, Failure> {
        let (built, feature, opened) = match self {
            Self::Cpu => return Ok(Device::Cpu),
            Self::Cuda(index) => (cfg!(feature = "cuda"), "cuda", Device::new_cuda(index)),
            Self::Metal(index) => (cfg!(feature = "metal"), "metal", Device::new_metal(index)),
        };
        if !built {
            return Err(Failure::refused(format!(
                "device {self}: expected a build with the feature `{feature}`, found one without; \
                 build with `cargo build --release -p kiti-cli --features {feature}`, or use --device cpu"
            )));
        }
        opened.map_err(|error| {
            let cause = error.to_string();
            let cause = cause.lines().next().unwrap_or_default();
            Failure::refused(format!(
                "device {self}: expected one that works, found none ({cause}); \
                 check the driver and the index, or use --device cpu"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_alike() {
        for name in ["cpu", "cuda:0", "cuda:3", "metal:0"] {
            assert_eq!(
                name.parse::<DeviceName>().map(|device| device.to_string()),
                Ok(name.into())
            );
        }
        assert_eq!("cuda".parse(), Ok(DeviceName::Cuda(0)));
        for name in ["gpu", "cpu:1", "cuda:x", ""] {
            assert!(name.parse::<DeviceName>().is_err(), "{name}");
        }
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_device_without_support_is_refused_with_a_remedy() {
        let failure = DeviceName::Cuda(0)
            .open()
            .expect_err("this build has no cuda");
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().contains("--device cpu"), "{failure}");
    }
}
