//! Devices by name. Which ones exist is decided when the program is built, which one runs when it starts.

use burn::tensor::Device;

use crate::error::{Error, Result};

/// A device name of run files and the command line.
#[derive(Clone, Copy, Debug)]
pub struct DeviceKind {
    /// The name.
    pub name: &'static str,
    /// What it is.
    pub summary: &'static str,
    /// How to make it; `None` when its feature is not compiled in.
    init: Option<fn() -> Device>,
}

impl DeviceKind {
    /// Whether this program was built with it.
    pub fn is_available(&self) -> bool {
        self.init.is_some()
    }
}

/// The constructor where the feature is on.
macro_rules! device {
    ($feature:literal, $init:expr) => {{
        #[cfg(feature = $feature)]
        let init: Option<fn() -> Device> = Some($init);
        #[cfg(not(feature = $feature))]
        let init: Option<fn() -> Device> = None;
        init
    }};
}

/// Every device name; the feature to build with has the name's first part.
#[cfg_attr(
    feature = "tch",
    expect(deprecated, reason = "burn 0.22 has LibTorch still, and means to drop it")
)]
pub fn devices() -> [DeviceKind; 5] {
    let device = |name, summary, init| DeviceKind { name, summary, init };
    [
        device("flex", "pure Rust on the CPU, the default", device!("flex", Device::flex)),
        device("tch", "LibTorch on the CPU", device!("tch", Device::libtorch)),
        device(
            "tch-cuda",
            "LibTorch on the first CUDA GPU",
            device!("tch", || Device::libtorch_cuda(0_usize)),
        ),
        device("cuda", "CubeCL on the first CUDA GPU", device!("cuda", || Device::cuda(0_usize))),
        device("wgpu", "WebGPU on the default adapter", device!("wgpu", || Device::wgpu(Default::default()))),
    ]
}

/// Whether the device called `name` has the host's memory.
pub fn is_host(name: &str) -> bool {
    ["flex", "tch"].contains(&name)
}

/// The device called `name`.
pub fn device(name: &str) -> Result<Device> {
    let kinds = devices();
    let Some(kind) = kinds.iter().find(|kind| kind.name == name) else {
        let names = kinds.map(|kind| kind.name).join(", ");
        return Err(Error::Device(format!("unknown device `{name}`; expected one of {names}")));
    };
    let Some(init) = kind.init else {
        let feature = name.split('-').next().unwrap_or(name);
        return Err(Error::Device(format!(
            "device `{name}` is not compiled in; build with `cargo build --release --features {feature}`"
        )));
    };
    Ok(init())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_missing_devices_say_what_to_do() {
        assert!(device("flex").is_ok());
        let unknown = device("gpu").unwrap_err().to_string();
        assert!(unknown.contains("`gpu`") && unknown.contains("flex"), "{unknown}");
        for kind in devices().iter().filter(|kind| !kind.is_available()) {
            assert!(device(kind.name).unwrap_err().to_string().contains("--features"), "{}", kind.name);
        }
    }
}
