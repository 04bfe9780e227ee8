//! Which graphics processors there are, and which of them is taken. Enumeration is our own: wgpu's
//! helpers read environment variables and panic at values they do not know.

use std::sync::OnceLock;

use super::Precision;
use crate::accelerator::{Backend, DeviceInfo, PrecisionChoice};
use crate::{Error, Result};

/// A graphics processor, ready to be opened.
#[derive(Debug, Clone)]
pub struct Adapter {
    /// What is known of it.
    pub info: AdapterDescription,
    /// wgpu's own.
    pub handle: wgpu::Adapter,
}

/// What is known of a graphics processor without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterDescription {
    /// The card, as its driver calls it.
    pub name: String,
    /// Interface.
    pub backend: Backend,
    /// What it is made of.
    pub kind: AdapterKind,
    /// The driver and its version, in its own words; may be empty.
    pub driver: String,
    /// Bytes of the largest single buffer. The size of the memory cannot be asked for through wgpu.
    pub largest_buffer: u64,
    /// f64 in shaders.
    pub f64: bool,
    /// n of `gpu:n`.
    pub index: usize,
    /// n of `vulkan:n`, `metal:n` or `dx12:n`.
    pub backend_index: usize,
}

/// What a graphics processor is made of; the order is that of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdapterKind {
    /// A card with memory of its own.
    Discrete,
    /// Part of the processor, or beside it with the same memory.
    Integrated,
    /// Lent by a hypervisor.
    Virtual,
    /// The driver does not say.
    Other,
    /// The processor in disguise (lavapipe, WARP): for tests, never faster than `cpu`.
    Software,
}

impl AdapterKind {
    /// One word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Virtual => "virtual",
            Self::Other => "other",
            Self::Software => "software",
        }
    }
}

impl AdapterDescription {
    /// `gpu:0`.
    pub fn device(&self) -> String {
        format!("gpu:{}", self.index)
    }

    /// `vulkan:0`: the same device by its interface.
    pub fn backend_device(&self) -> String {
        format!("{}:{}", self.backend.as_str(), self.backend_index)
    }

    /// Not the processor in disguise.
    pub fn is_hardware(&self) -> bool {
        self.kind != AdapterKind::Software
    }

    /// All that can be asked of it, the most precise first.
    pub fn precisions(&self) -> Vec<Precision> {
        let f64 = self.f64.then_some(Precision::F64);
        f64.into_iter().chain([Precision::Df64, Precision::F32]).collect()
    }

    /// As a device that runs.
    pub fn device_info(&self, precision: Precision, reason: &str) -> DeviceInfo {
        DeviceInfo {
            name: self.device(),
            backend: self.backend.as_str().into(),
            driver: self.driver.clone(),
            precision: precision.as_str().into(),
            description: format!("{}, {}", self.name, self.backend.title()),
            reason: reason.into(),
        }
    }
}

/// All graphics processors of this machine, in the order of their numbers. Empty where there is no
/// driver, or nothing that loads drivers.
pub fn list() -> Vec<Adapter> {
    let Some(instance) = instance() else { return Vec::new() };
    let handles = pollster::block_on(instance.enumerate_adapters(BACKENDS));
    let described = handles.into_iter().filter_map(|handle| {
        let info = describe(&handle)?;
        Some(Adapter { info, handle })
    });
    let mut adapters: Vec<Adapter> = described.collect();
    adapters.sort_by(|a, b| order(&a.info).cmp(&order(&b.info)));
    number(adapters.iter_mut().map(|a| &mut a.info));
    adapters
}

/// The graphics processor asked for, and why it is this one.
///
/// # Errors
/// Where there is none such; the message says which there are.
pub fn find(backend: Option<Backend>, index: Option<usize>) -> Result<(Adapter, String)> {
    let mut adapters = list();
    let descriptions: Vec<_> = adapters.iter().map(|a| a.info.clone()).collect();
    let (i, reason) = select(&descriptions, backend, index)?;
    Ok((adapters.swap_remove(i), reason))
}

/// Which of `adapters`, in the order of [`list`], is meant, and why. A software adapter is taken
/// only where it is asked for by number, or is all there is.
///
/// # Errors
/// Where there is none such; the message says which there are.
pub fn select(
    adapters: &[AdapterDescription],
    backend: Option<Backend>,
    index: Option<usize>,
) -> Result<(usize, String)> {
    let of_backend = |a: &AdapterDescription| backend.is_none_or(|b| a.backend == b);
    let number = |a: &AdapterDescription| if backend.is_some() { a.backend_index } else { a.index };
    let meant = |a: &&AdapterDescription| match index {
        Some(n) => number(a) == n,
        None => true,
    };
    // software stands last
    let found = adapters.iter().filter(|a| of_backend(a)).find(meant);
    let Some(adapter) = found else {
        return Err(not_found(adapters, backend, index));
    };
    let at = adapters.iter().position(|a| a == adapter).unwrap_or(0);
    let reason = match (adapter.is_hardware(), index) {
        (true, Some(_)) => "asked for",
        (true, None) => "asked for, the first of its kind",
        (false, Some(_)) => "asked for, although it is software on the processor",
        (false, None) => "asked for, and there is no hardware one: it is software on the processor",
    };
    Ok((at, reason.to_owned()))
}

/// The arithmetic for an adapter.
///
/// [`PrecisionChoice::Auto`] takes f64 where hardware or software does it at half the speed of f32
/// or better, that is on data-centre cards and on software adapters, and df64 elsewhere: graphics
/// cards for consumers have f64 at 1/16 to 1/64 of the speed of f32, which df64 beats.
///
/// # Errors
/// Where f64 is asked for and the adapter has none.
pub fn precision_for(choice: PrecisionChoice, adapter: &AdapterDescription) -> Result<Precision> {
    match choice {
        PrecisionChoice::Auto if adapter.f64 && fast_f64(adapter) => Ok(Precision::F64),
        PrecisionChoice::Auto | PrecisionChoice::Df64 => Ok(Precision::Df64),
        PrecisionChoice::F32 => Ok(Precision::F32),
        PrecisionChoice::F64 if adapter.f64 => Ok(Precision::F64),
        PrecisionChoice::F64 => Err(Error::Device {
            device: adapter.device(),
            message: format!(
                "{} has no f64 through {}; choose precision df64 (some 48 bits) or f32, or the \
                 device cpu",
                adapter.name,
                adapter.backend.title()
            ),
        }),
    }
}

/// Cards that automatic choice may take instead of the processor: hardware, each once (the same
/// card shows up under Vulkan and under DX12), as positions in `adapters`.
pub fn hardware(adapters: &[AdapterDescription]) -> Vec<usize> {
    let first_backend = |name: &str| {
        let same = adapters.iter().filter(|a| a.is_hardware() && a.name == name);
        same.map(|a| a.backend).min()
    };
    let wanted =
        |a: &AdapterDescription| a.is_hardware() && first_backend(&a.name) == Some(a.backend);
    (0..adapters.len()).filter(|&i| wanted(&adapters[i])).collect()
}

/// What is enumerated. OpenGL is left out: it has neither f64 nor a way to keep df64 exact.
const BACKENDS: wgpu::Backends =
    wgpu::Backends::VULKAN.union(wgpu::Backends::METAL).union(wgpu::Backends::DX12);

/// One for the whole process: drivers are loaded once, and handles stay valid.
fn instance() -> Option<&'static wgpu::Instance> {
    static INSTANCE: OnceLock<Option<wgpu::Instance>> = OnceLock::new();
    let create = || {
        // otherwise `new` panics
        if !wgpu::Instance::enabled_backend_features().intersects(BACKENDS) {
            return None;
        }
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = BACKENDS;
        // as in release builds: a validation layer, where installed, is for other programs' bugs
        descriptor.flags = wgpu::InstanceFlags::VALIDATION_INDIRECT_CALL;
        Some(wgpu::Instance::new(descriptor))
    };
    INSTANCE.get_or_init(create).as_ref()
}

/// Numbers come with the order, later.
fn describe(handle: &wgpu::Adapter) -> Option<AdapterDescription> {
    let info = handle.get_info();
    let backend = match info.backend {
        wgpu::Backend::Vulkan => Backend::Vulkan,
        wgpu::Backend::Metal => Backend::Metal,
        wgpu::Backend::Dx12 => Backend::Dx12,
        _ => return None,
    };
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
        wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
        wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
        wgpu::DeviceType::Cpu => AdapterKind::Software,
        wgpu::DeviceType::Other => AdapterKind::Other,
    };
    let driver = [info.driver.trim(), info.driver_info.trim()];
    Some(AdapterDescription {
        name: info.name.trim().to_owned(),
        backend,
        kind,
        driver: driver.join(" ").trim().to_owned(),
        largest_buffer: handle.limits().max_buffer_size,
        f64: handle.features().contains(wgpu::Features::SHADER_F64),
        index: 0,
        backend_index: 0,
    })
}

fn order(a: &AdapterDescription) -> (AdapterKind, &str, Backend) {
    (a.kind, &a.name, a.backend)
}

fn number<'a>(sorted: impl Iterator<Item = &'a mut AdapterDescription>) {
    let mut of_backend = [0; 3];
    for (i, adapter) in sorted.enumerate() {
        let count = &mut of_backend[adapter.backend as usize];
        (adapter.index, adapter.backend_index) = (i, *count);
        *count += 1;
    }
}

/// Half the speed of f32 or better: the large data-centre cards and their siblings for desks, by the
/// words of their names, and software.
fn fast_f64(adapter: &AdapterDescription) -> bool {
    const CARDS: [&str; 27] = [
        "P100", "GP100", "V100", "V100S", "GV100", "A100", "A100X", "A30", "A30X", "A800", "H100",
        "H200", "H800", "GH200", "B100", "B200", "GB200", // NVIDIA
        "MI50", "MI60", "MI100", "MI210", "MI250", "MI250X", "MI300A", "MI300X", "MI308X",
        "MI325X", // AMD
    ];
    let words = || adapter.name.split(|c: char| !c.is_ascii_alphanumeric());
    !adapter.is_hardware() || words().any(|w| CARDS.iter().any(|c| w.eq_ignore_ascii_case(c)))
}

fn not_found(
    adapters: &[AdapterDescription],
    backend: Option<Backend>,
    index: Option<usize>,
) -> Error {
    let kind = backend.map_or("graphics", Backend::title);
    let mut device = backend.map_or("gpu", Backend::as_str).to_owned();
    let what = match index {
        Some(n) => {
            device.push_str(&format!(":{n}"));
            format!("no {kind} device of number {n}")
        }
        None => format!("no {kind} device"),
    };
    let title = |a: &AdapterDescription| {
        let name =
            if backend.is_some_and(|b| b == a.backend) { a.backend_device() } else { a.device() };
        format!("{name} ({}, {})", a.name, a.backend.title())
    };
    let there: Vec<String> = adapters.iter().map(title).collect();
    let message = if !there.is_empty() {
        format!("{what}: there is {}; or use the device cpu", there.join(", "))
    } else {
        let advice = match backend {
            Some(Backend::Metal) if !cfg!(target_vendor = "apple") => "Metal is Apple's",
            Some(Backend::Dx12) if !cfg!(windows) => "DX12 is for Windows",
            _ => "install a driver",
        };
        format!("{what}: found none; {advice}, or use the device cpu")
    };
    Error::Device { device, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made up, in the order of [`list`].
    fn machine(cards: &[(&str, Backend, AdapterKind, bool)]) -> Vec<AdapterDescription> {
        let mut all: Vec<_> = cards
            .iter()
            .map(|&(name, backend, kind, f64)| AdapterDescription {
                name: name.into(),
                backend,
                kind,
                driver: "driver 1.0".into(),
                largest_buffer: 1 << 30,
                f64,
                index: 0,
                backend_index: 0,
            })
            .collect();
        all.sort_by(|a, b| order(a).cmp(&order(b)));
        number(all.iter_mut());
        all
    }

    use AdapterKind::{Discrete, Integrated, Other, Software, Virtual};
    use Backend::{Dx12, Metal, Vulkan};

    fn windows() -> Vec<AdapterDescription> {
        machine(&[
            ("Microsoft Basic Render Driver", Dx12, Software, false),
            ("Radeon", Vulkan, Integrated, true),
            ("Radeon", Dx12, Integrated, false),
            ("GeForce", Dx12, Discrete, false),
            ("GeForce", Dx12, Discrete, false),
            ("GeForce", Vulkan, Discrete, true),
            ("GeForce", Vulkan, Discrete, true),
        ])
    }

    #[test]
    fn order_and_numbers_do_not_depend_on_the_drivers_order() {
        let kinds = machine(&[
            ("e", Vulkan, Software, true),
            ("d", Vulkan, Other, true),
            ("c", Vulkan, Virtual, true),
            ("b", Vulkan, Integrated, true),
            ("a2", Vulkan, Discrete, true),
            ("a1", Vulkan, Discrete, true),
        ]);
        let names: Vec<_> = kinds.iter().map(|a| &*a.name).collect();
        assert_eq!(names, ["a1", "a2", "b", "c", "d", "e"]);
        let devices: Vec<_> =
            windows().iter().map(|a| format!("{} {}", a.device(), a.backend_device())).collect();
        let expected = [
            "gpu:0 vulkan:0",
            "gpu:1 vulkan:1",
            "gpu:2 dx12:0",
            "gpu:3 dx12:1",
            "gpu:4 vulkan:2",
            "gpu:5 dx12:2",
            "gpu:6 dx12:3",
        ];
        assert_eq!(devices, expected);
    }

    #[test]
    fn the_device_asked_for_is_selected() {
        let all = windows();
        let at = |backend, index| select(&all, backend, index).map(|(i, _)| i).ok();
        assert_eq!(at(None, None), Some(0));
        assert_eq!(at(None, Some(6)), Some(6));
        assert_eq!(at(None, Some(7)), None);
        assert_eq!(at(Some(Dx12), None), Some(2));
        assert_eq!(at(Some(Dx12), Some(2)), Some(5));
        assert_eq!(at(Some(Metal), None), None);
        let (_, reason) = select(&all, None, Some(6)).unwrap();
        assert!(reason.contains("software"), "{reason}");
        let soft = machine(&[("llvmpipe", Vulkan, Software, true)]);
        let (_, reason) = select(&soft, None, None).unwrap();
        assert!(reason.contains("there is no hardware one"), "{reason}");
    }

    #[test]
    fn what_is_missing_is_told() {
        let soft = machine(&[("llvmpipe", Vulkan, Software, true)]);
        let error = |all: &[_], backend, index| {
            let error = select(all, backend, index).unwrap_err();
            assert!(error.is_device());
            error.to_string()
        };
        assert_eq!(
            error(&[], Some(Vulkan), None),
            "device vulkan: no Vulkan device: found none; install a driver, or use the device cpu"
        );
        assert_eq!(
            error(&soft, None, Some(2)),
            "device gpu:2: no graphics device of number 2: there is gpu:0 (llvmpipe, Vulkan); or \
             use the device cpu"
        );
        assert!(error(&soft, Some(Dx12), Some(0)).starts_with("device dx12:0: no DX12 device of"));
    }

    #[test]
    fn precision_follows_the_card() {
        let auto = |name, kind, f64| {
            let card = machine(&[(name, Vulkan, kind, f64)]);
            precision_for(PrecisionChoice::Auto, &card[0]).unwrap()
        };
        for name in ["NVIDIA H100 80GB HBM3", "Tesla V100-SXM2-16GB", "AMD Instinct MI250X (RADV)"]
        {
            assert_eq!(auto(name, Discrete, true), Precision::F64, "{name}");
            assert_eq!(auto(name, Discrete, false), Precision::Df64, "{name}");
        }
        for name in ["NVIDIA GeForce RTX 4090", "NVIDIA A10", "NVIDIA RTX A3000 Laptop GPU", "T4"] {
            assert_eq!(auto(name, Discrete, true), Precision::Df64, "{name}");
        }
        assert_eq!(auto("llvmpipe (LLVM 15.0.6, 256 bits)", Software, true), Precision::F64);
        let apple = machine(&[("Apple M2", Metal, Integrated, false)]);
        for (choice, precision) in
            [(PrecisionChoice::Df64, Precision::Df64), (PrecisionChoice::F32, Precision::F32)]
        {
            assert_eq!(precision_for(choice, &apple[0]).unwrap(), precision);
        }
        let error = precision_for(PrecisionChoice::F64, &apple[0]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "device gpu:0: Apple M2 has no f64 through Metal; choose precision df64 (some 48 bits) \
             or f32, or the device cpu"
        );
        assert_eq!(apple[0].precisions(), [Precision::Df64, Precision::F32]);
    }

    #[test]
    fn each_card_is_a_candidate_once() {
        assert_eq!(hardware(&windows()), [0, 1, 4]);
        assert!(hardware(&machine(&[("llvmpipe", Vulkan, Software, true)])).is_empty());
    }

    /// Whatever this machine has: numbers are places, and each is found by its number.
    #[test]
    fn this_machine_is_enumerated() {
        let all = list();
        for (i, adapter) in all.iter().enumerate() {
            assert_eq!(adapter.info.index, i);
            let (found, _) = find(Some(adapter.info.backend), Some(adapter.info.backend_index))
                .expect("found again");
            assert_eq!(found.info, adapter.info);
        }
    }
}
