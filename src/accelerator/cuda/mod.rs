//! NVIDIA processors through CUDA: the kernels of `cuda/` in f64. Nothing of it is linked: the driver is
//! looked for when a device is asked for, and each way in which there is none has its words.

#[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
mod columns;
#[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
mod driver;
#[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
mod evaluate;
#[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
mod events;
#[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
mod flows;
#[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
mod loaded;
#[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
mod minimize;
#[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
mod mixture;
#[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
mod signal;
#[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
mod tmd;
#[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
mod working;

#[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
pub use self::events::CudaEvents;
#[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
pub use self::loaded::Cuda;
#[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
pub use self::mixture::CudaMixture;
#[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
pub use self::tmd::CudaTmd;
#[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
use super::several::Several;
use std::sync::Arc;

use super::events::{EventDevice, Events};
use super::mixture::{MixtureDevice, Toys};
use super::tmd::{TmdDevice, TmdTables};
use super::{Accelerator, Cards, DeviceInfo, PrecisionChoice, Program};
use crate::{Error, Result};

/// An NVIDIA processor, without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CudaDevice {
    /// n of `cuda:n`.
    pub index: usize,
    /// The card, as its driver calls it.
    pub name: String,
    /// What the driver supports: `CUDA 12.2`.
    pub driver: String,
    /// Bytes.
    pub memory: u64,
    /// Compute capability, as in 9.0.
    pub capability: (i32, i32),
    /// Multiprocessors.
    pub multiprocessors: u32,
    /// Shared memory.
    pub shared: SharedMemory,
}

/// Bytes of a card's shared memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedMemory {
    /// Of a multiprocessor.
    pub multiprocessor: u32,
    /// Of a block at most, where it asks for it.
    pub block: u32,
    /// What the system keeps for each block.
    pub reserved: u32,
}

/// The oldest cards that the kernels run on.
const OLDEST: (i32, i32) = (6, 0);

impl CudaDevice {
    /// `cuda:0`.
    pub fn device(&self) -> String {
        format!("cuda:{}", self.index)
    }

    /// f64 at half the speed of f32, as data-centre cards have it; the others have 1/32 or less.
    pub fn fast_f64(&self) -> bool {
        matches!(self.capability, (6..=10, 0))
    }

    /// Whether `name`, by which another interface knows a card, is that of this one.
    pub fn is_called(&self, name: &str) -> bool {
        // drivers before r510 leave out the maker
        let plain = |s: &str| s.trim().trim_start_matches("NVIDIA ").to_owned();
        plain(&self.name) == plain(name)
    }

    /// As a device that runs.
    pub fn device_info(&self, reason: &str) -> DeviceInfo {
        DeviceInfo {
            name: self.device(),
            backend: "cuda".into(),
            driver: self.driver.clone(),
            precision: "f64".into(),
            description: format!("{}, CUDA", self.name),
            reason: reason.into(),
        }
    }

    /// Whether the kernels run on it.
    ///
    /// # Errors
    /// Why they do not.
    fn usable(&self) -> Result<()> {
        if self.capability >= OLDEST {
            return Ok(());
        }
        let ((major, minor), (least, _)) = (self.capability, OLDEST);
        Err(self.error(format!(
            "{} has compute capability {major}.{minor}, and {least}.0 is needed; use the device gpu or cpu",
            self.name
        )))
    }

    fn error(&self, message: impl Into<String>) -> Error {
        Error::Device { device: self.device(), message: message.into() }
    }
}

/// Load a program on the card asked for, and see that it computes there as here.
///
/// # Errors
/// Where there is no such card, where the driver refuses it or the kernels, where the program does not fit
/// its memory, and where results differ from the processor's by more than rounding.
pub fn open(
    index: Option<usize>,
    program: Arc<Program>,
    reason: &str,
    host_fallback: bool,
) -> Result<Box<dyn Accelerator>> {
    let device = find(index)?;
    #[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
    return Ok(Box::new(Cuda::open(device, program, reason, host_fallback)?));
    #[cfg(not(all(feature = "cuda", any(target_os = "linux", target_os = "windows"))))]
    {
        let _ = (program, reason, host_fallback);
        Err(device.error("there is no CUDA in this build"))
    }
}

/// Open the card asked for, the first one without a number, for batches of mixtures.
///
/// # Errors
/// Where there is no such card, where the driver refuses it or the kernels, and where there is no memory.
pub fn open_mixture(index: Option<usize>, toys: Toys) -> Result<Box<dyn MixtureDevice>> {
    #[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
    return Ok(Box::new(CudaMixture::open(index, toys)?));
    #[cfg(not(all(feature = "cuda", any(target_os = "linux", target_os = "windows"))))]
    {
        let _ = toys;
        Err(find(index)?.error("there is no CUDA in this build"))
    }
}

/// Open the card asked for, the first one without a number, for plans of cross sections.
///
/// # Errors
/// Where there is no such card, where the driver refuses it or the kernels, and where there is no memory.
pub fn open_tmd(
    index: Option<usize>,
    reason: &str,
    tables: impl FnOnce() -> Result<TmdTables>,
) -> Result<Box<dyn TmdDevice>> {
    let device = find(index)?;
    #[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
    return Ok(Box::new(CudaTmd::open(device, reason, tables()?)?));
    #[cfg(not(all(feature = "cuda", any(target_os = "linux", target_os = "windows"))))]
    {
        let _ = (reason, tables);
        Err(device.error("there is no CUDA in this build"))
    }
}

/// Copy the events of a channel, of one data set or many, to the card asked for, the first one without a number.
///
/// # Errors
/// As [`open_mixture`].
pub fn open_events(
    index: Option<usize>,
    reason: &str,
    events: &[Events<'_>],
) -> Result<Arc<dyn EventDevice>> {
    let device = find(index)?;
    #[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
    return Ok(Arc::new(CudaEvents::open(device, reason, events)?));
    #[cfg(not(all(feature = "cuda", any(target_os = "linux", target_os = "windows"))))]
    {
        let _ = (reason, events);
        Err(device.error("there is no CUDA in this build"))
    }
}

/// Load a program on several cards that share the fits of a batch; on all that the kernels run on, where
/// they are not named.
///
/// # Errors
/// As [`open`], for any of them.
pub fn open_several(
    cards: Option<Cards>,
    program: Arc<Program>,
    reason: &str,
    host_fallback: bool,
) -> Result<Box<dyn Accelerator>> {
    let devices = match cards {
        Some(cards) => cards.numbers().map(|i| find(Some(i))).collect::<Result<Vec<_>>>()?,
        None => match candidates(PrecisionChoice::F64) {
            none if none.is_empty() => vec![find(None)?],
            all => all,
        },
    };
    if let [device] = &devices[..] {
        return open(Some(device.index), program, reason, host_fallback);
    }
    #[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
    {
        let info = several_info(&devices, reason);
        // each says what it cannot do, for another one to do it
        let load = |device| Ok(Box::new(Cuda::open(device, Arc::clone(&program), reason, false)?));
        let opened = devices.into_iter().map(|d| load(d).map(|c| c as Box<dyn Accelerator>));
        let opened = opened.collect::<Result<Vec<_>>>()?;
        Ok(Box::new(Several::new(opened, info, program, host_fallback)))
    }
    #[cfg(not(all(feature = "cuda", any(target_os = "linux", target_os = "windows"))))]
    {
        let _ = (program, reason, host_fallback);
        Err(devices[0].error("there is no CUDA in this build"))
    }
}

/// Several cards as one device that runs.
pub fn several_info(devices: &[CudaDevice], reason: &str) -> DeviceInfo {
    let numbers: Vec<String> = devices.iter().map(|d| d.index.to_string()).collect();
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for device in devices {
        match kinds.iter_mut().find(|(name, _)| *name == device.name) {
            Some((_, n)) => *n += 1,
            None => kinds.push((&device.name, 1)),
        }
    }
    let word = |(name, n): &(&str, usize)| match n {
        1 => (*name).to_owned(),
        n => format!("{n} x {name}"),
    };
    DeviceInfo {
        name: format!("cuda:{}", numbers.join(",")),
        backend: "cuda".into(),
        driver: devices.first().map(|d| d.driver.clone()).unwrap_or_default(),
        precision: "f64".into(),
        description: format!("{}, CUDA", kinds.iter().map(word).collect::<Vec<_>>().join(", ")),
        reason: reason.into(),
    }
}

/// Cards that automatic choice may take instead of the processor, in the precision asked for.
pub fn candidates(precision: PrecisionChoice) -> Vec<CudaDevice> {
    if !matches!(precision, PrecisionChoice::Auto | PrecisionChoice::F64) {
        return Vec::new();
    }
    let all = list().unwrap_or_default();
    all.into_iter().filter(|d| d.usable().is_ok()).collect()
}

/// All NVIDIA processors of this machine that CUDA sees.
///
/// # Errors
/// `no CUDA, because ...`
pub fn list() -> Result<Vec<CudaDevice>, String> {
    #[cfg(all(feature = "cuda", any(target_os = "linux", target_os = "windows")))]
    return driver::list().map_err(|why| format!("no CUDA, because {why}"));
    #[cfg(all(feature = "cuda", not(any(target_os = "linux", target_os = "windows"))))]
    return Err("no CUDA, because it exists on Linux and Windows alone".into());
    #[cfg(not(feature = "cuda"))]
    return Err("no CUDA, because this build lacks the feature cuda".into());
}

/// The card asked for, the first one without a number.
///
/// # Errors
/// Where there is none such, or the kernels do not run on it.
pub fn find(index: Option<usize>) -> Result<CudaDevice> {
    let device = index.map_or("cuda".into(), |i| format!("cuda:{i}"));
    let error = |message| Err(Error::Device { device, message });
    let mut all = match list() {
        Ok(all) => all,
        Err(why) => {
            return error(format!("{why}; use the device cpu, or gpu through Vulkan or DX12"));
        }
    };
    let wanted = index.unwrap_or(0);
    if wanted >= all.len() {
        let names: Vec<_> = all.iter().map(CudaDevice::device).collect();
        return error(format!("there is no such card; there is {}", names.join(", ")));
    }
    let found = all.swap_remove(wanted);
    found.usable()?;
    Ok(found)
}
