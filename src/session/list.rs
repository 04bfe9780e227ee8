//! Where this build can compute.

use super::self_test;
use crate::accelerator::cuda::{self, CudaDevice};
use crate::accelerator::{DeviceChoice, DeviceInfo, DeviceRequest, PrecisionChoice, cpu};

/// A device that there is.
#[derive(Debug, Clone)]
pub struct ListedDevice {
    /// Its name for [`DeviceChoice`]: `gpu:0`.
    pub device: String,
    /// `vulkan:0`, where it has a second name.
    pub also: Option<String>,
    /// What its maker calls it.
    pub name: String,
    /// `cpu`, `vulkan`, `cuda` and so on.
    pub backend: String,
    /// Its driver.
    pub driver: String,
    /// `processor`, `discrete`, `integrated`, `software` and so on.
    pub kind: &'static str,
    /// Bytes, where that is known.
    pub largest_buffer: Option<u64>,
    /// What it can compute in, the best first.
    pub precisions: Vec<&'static str>,
    /// Its test, where that was asked for; the processor has none.
    pub test: Option<DeviceTest>,
}

/// What [`self_test`] said of a device.
#[derive(Debug, Clone)]
pub struct DeviceTest {
    /// In which precision.
    pub precision: &'static str,
    /// Whether it is to be trusted.
    pub passed: bool,
    /// What was found, or why the device is refused.
    pub message: String,
}

/// All devices, the processor first; tested one by one in the precision of `request` where `test` says so.
pub fn list_devices(request: &DeviceRequest, test: bool) -> Vec<ListedDevice> {
    let mut devices = vec![processor()];
    devices.extend(graphics(request, test));
    devices.extend(nvidia(request, test));
    devices
}

fn processor() -> ListedDevice {
    let info = cpu::describe(cpu::lanes(), "");
    ListedDevice {
        device: info.name,
        also: None,
        name: info.description,
        backend: info.backend,
        driver: info.driver,
        kind: "processor",
        largest_buffer: None,
        precisions: vec!["f64"],
        test: None,
    }
}

fn tested(request: &DeviceRequest, device: DeviceChoice, precision: PrecisionChoice) -> DeviceTest {
    let result = self_test(&DeviceRequest { device, precision, ..*request });
    let passed = result.is_ok();
    let message = result.unwrap_or_else(|error| error.to_string());
    DeviceTest { precision: precision.as_str(), passed, message }
}

#[cfg(feature = "gpu")]
fn graphics(request: &DeviceRequest, test: bool) -> Vec<ListedDevice> {
    use crate::accelerator::gpu::adapters;

    let one = |adapter: adapters::Adapter| {
        let info = &adapter.info;
        let run = || {
            let device = DeviceChoice::Gpu { backend: None, index: Some(info.index) };
            match adapters::precision_for(request.precision, info) {
                Ok(precision) => tested(request, device, precision.into()),
                Err(_) => DeviceTest {
                    precision: request.precision.as_str(),
                    passed: false,
                    message: "it has none".into(),
                },
            }
        };
        ListedDevice {
            device: info.device(),
            also: Some(info.backend_device()),
            name: info.name.clone(),
            backend: info.backend.as_str().into(),
            driver: info.driver.clone(),
            kind: info.kind.as_str(),
            largest_buffer: Some(info.largest_buffer),
            precisions: info.precisions().into_iter().map(|p| p.as_str()).collect(),
            test: test.then(run),
        }
    };
    adapters::list().into_iter().map(one).collect()
}

#[cfg(not(feature = "gpu"))]
fn graphics(_: &DeviceRequest, _: bool) -> Vec<ListedDevice> {
    Vec::new()
}

fn nvidia(request: &DeviceRequest, test: bool) -> Vec<ListedDevice> {
    let row = |device: DeviceChoice, also: Option<&str>, info: DeviceInfo, memory: Option<u64>| {
        ListedDevice {
            device: info.name,
            also: also.map(str::to_owned),
            name: info.description.trim_end_matches(", CUDA").to_owned(),
            backend: info.backend,
            driver: info.driver,
            kind: "discrete",
            largest_buffer: memory,
            precisions: vec!["f64"],
            test: test.then(|| tested(request, device, PrecisionChoice::F64)),
        }
    };
    let one = |card: CudaDevice| {
        let device = DeviceChoice::Cuda { index: Some(card.index) };
        row(device, None, card.device_info(""), Some(card.memory))
    };
    // without CUDA there is nothing to list
    let mut rows: Vec<_> = cuda::list().unwrap_or_default().into_iter().map(one).collect();
    let together = cuda::candidates(PrecisionChoice::F64);
    if together.len() > 1 {
        let device = DeviceChoice::CudaSeveral { cards: None };
        rows.push(row(device, Some("cuda:all"), cuda::several_info(&together, ""), None));
    }
    rows
}
