//! The kernels' texts by themselves, without a device: each is sound WGSL in each of its precisions,
//! keeps to what every backend offers, and can be written in the languages of the backends.
//!
//! With `NEYMAN_WRITE_SHADERS` set to a folder, the joined texts are written there.
#![cfg(feature = "gpu")]

use std::path::Path;
use std::{env, fs};

use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, EntryPoint, Module, ShaderStage, back};
use neyman::accelerator::gpu::shaders::{Arithmetic, Kernel, source};

/// What wgpu grants without asking: storage buffers of a kernel, bytes of workgroup memory.
const STORAGE_BUFFERS: usize = 8;
const WORKGROUP_BYTES: u32 = 16384;
/// Invocations of a workgroup, in every kernel.
const WORKGROUP: [u32; 3] = [64, 1, 1];

/// A kernel in one precision, parsed and validated.
struct Text {
    kernel: Kernel,
    arithmetic: Arithmetic,
    wgsl: String,
    module: Module,
    info: ModuleInfo,
}

impl Text {
    fn new(kernel: Kernel, arithmetic: Arithmetic) -> Self {
        let wgsl = source(kernel, arithmetic);
        let name = format!("{} in {}", kernel.entry(), arithmetic.as_str());
        let module = naga::front::wgsl::parse_str(&wgsl)
            .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&wgsl)));
        let capabilities = match arithmetic {
            Arithmetic::F64 => Capabilities::FLOAT64,
            _ => Capabilities::empty(),
        };
        let info = Validator::new(ValidationFlags::all(), capabilities)
            .validate(&module)
            .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&wgsl)));
        Self { kernel, arithmetic, wgsl, module, info }
    }

    /// File name without its ending.
    fn name(&self) -> String {
        format!("{}_{}", self.kernel.entry(), self.arithmetic.as_str())
    }

    /// There must be one.
    fn entry_point(&self) -> &EntryPoint {
        match &*self.module.entry_points {
            [entry] => entry,
            found => panic!("{}: {} entry points, not one", self.name(), found.len()),
        }
    }

    fn msl(&self) -> String {
        let options = back::msl::Options { lang_version: (2, 4), ..Default::default() };
        let written =
            back::msl::write_string(&self.module, &self.info, &options, &Default::default());
        let (text, info) = written.unwrap_or_else(|e| panic!("{}: {e}", self.name()));
        for entry in info.entry_point_names {
            entry.unwrap_or_else(|e| panic!("{}: {e}", self.name()));
        }
        text
    }

    /// Number, group and space of everything the host binds, by number.
    fn bindings(&self) -> Vec<(u32, u32, AddressSpace)> {
        let globals = self.module.global_variables.iter();
        let mut found: Vec<_> =
            globals.filter_map(|(_, g)| g.binding.map(|b| (b.binding, b.group, g.space))).collect();
        found.sort_by_key(|(binding, ..)| *binding);
        found
    }
}

/// Every variant of a kernel.
fn variants(kernel: Kernel) -> impl Iterator<Item = Text> {
    kernel.variants().iter().map(move |arithmetic| Text::new(kernel, *arithmetic))
}

fn has_its_entry_point(kernel: Kernel) {
    for text in variants(kernel) {
        let entry = text.entry_point();
        assert_eq!(entry.name, kernel.entry());
        assert_eq!(entry.stage, ShaderStage::Compute, "{}", text.name());
        assert_eq!(entry.workgroup_size, WORKGROUP, "{}", text.name());
    }
}

fn binds_what_every_device_offers(kernel: Kernel) {
    for text in variants(kernel) {
        let name = text.name();
        let bindings = text.bindings();
        for (i, (binding, group, space)) in bindings.iter().enumerate() {
            assert_eq!((*binding, *group), (i as u32, 0), "{name}: numbered from 0 without gaps");
            assert!(
                matches!(space, AddressSpace::Storage { .. }),
                "{name}: binding {i} is {space:?}"
            );
        }
        assert!(bindings.len() > 1, "{name} binds nothing");
        assert!(bindings.len() <= STORAGE_BUFFERS, "{name}: {} bindings", bindings.len());
    }
}

fn fits_workgroup_memory(kernel: Kernel) {
    for text in variants(kernel) {
        text.entry_point();
        let used = text.info.get_entry_point(0);
        let shared = text.module.global_variables.iter().filter(|(handle, global)| {
            global.space == AddressSpace::WorkGroup && !used[*handle].is_empty()
        });
        // each on a boundary of 16 bytes, as Metal asks
        let bytes: u32 = shared
            .map(|(_, g)| text.module.types[g.ty].inner.size(text.module.to_ctx()))
            .map(|size| size.next_multiple_of(16))
            .sum();
        assert!(bytes <= WORKGROUP_BYTES, "{}: {bytes} bytes of workgroup memory", text.name());
    }
}

/// SPIR-V for all, Metal's language for all but f64, which it does not have.
fn can_be_written_for_the_backends(kernel: Kernel) {
    for text in variants(kernel) {
        let spirv = back::spv::write_vec(&text.module, &text.info, &Default::default(), None);
        let spirv = spirv.unwrap_or_else(|e| panic!("{}: {e}", text.name()));
        assert!(spirv.len() > 100, "{}: {} words", text.name(), spirv.len());
        if text.arithmetic != Arithmetic::F64 {
            let msl = text.msl();
            assert!(msl.contains("kernel void"), "{}: no entry point in MSL", text.name());
        }
    }
}

/// Not a test of anything, save that the folder can be written to.
fn is_written_where_asked(kernel: Kernel) {
    let Some(folder) = env::var_os("NEYMAN_WRITE_SHADERS") else { return };
    let folder = Path::new(&folder);
    fs::create_dir_all(folder).expect("the folder of NEYMAN_WRITE_SHADERS");
    for text in variants(kernel) {
        let write = |ending: &str, content: &str| {
            let path = folder.join(text.name()).with_extension(ending);
            fs::write(&path, content).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        };
        write("wgsl", &text.wgsl);
        if text.arithmetic != Arithmetic::F64 {
            write("metal", &text.msl());
        }
    }
}

/// All of the above for one kernel.
macro_rules! kernel {
    ($name:ident, $kernel:expr, $($test:ident)*) => {
        mod $name {
            use super::*;
            $(#[test]
            fn $test() {
                super::$test($kernel);
            })*
        }
    };
    ($name:ident, $kernel:expr) => {
        kernel!(
            $name, $kernel, has_its_entry_point binds_what_every_device_offers
            fits_workgroup_memory can_be_written_for_the_backends is_written_where_asked
        );
    };
}

kernel!(evaluate, Kernel::Evaluate);
kernel!(fit, Kernel::Fit);
kernel!(arithmetic, Kernel::Arithmetic);
kernel!(reduce, Kernel::Reduce);
kernel!(events, Kernel::Events);
kernel!(tmd, Kernel::Tmd);
kernel!(flows, Kernel::Flows);

#[test]
fn every_kernel_is_here() {
    let here = [
        Kernel::Evaluate,
        Kernel::Fit,
        Kernel::Arithmetic,
        Kernel::Reduce,
        Kernel::Events,
        Kernel::Tmd,
        Kernel::Flows,
    ];
    assert_eq!(Kernel::ALL, here);
}
