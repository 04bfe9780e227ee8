use super::*;

/// The guard of the preludes, word for word, and one that guards nothing.
const GUARD: &str = "{ return bitcast<f32>(bitcast<u32>(x) ^ runtime_zero()); }";
const NO_GUARD: &str = "{ return x; }";

/// Every adapter of this machine, with f64 where it has that.
fn devices() -> Vec<(wgpu::AdapterInfo, wgpu::Device, wgpu::Queue)> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    // OpenGL is no backend of ours
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    let mut found = Vec::new();
    for adapter in adapters {
        let descriptor = wgpu::DeviceDescriptor {
            required_features: adapter.features() & wgpu::Features::SHADER_F64,
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .expect("a device with what its adapter has");
        found.push((adapter.get_info(), device, queue));
    }
    if found.is_empty() {
        eprintln!("skipped: no graphics adapter on this machine");
    }
    found
}

fn variants(device: &wgpu::Device) -> impl Iterator<Item = Arithmetic> {
    let f64 = device.features().contains(wgpu::Features::SHADER_F64);
    Arithmetic::ALL.into_iter().filter(move |a| f64 || *a != Arithmetic::F64)
}

#[test]
fn devices_compute_as_written() {
    for (info, device, queue) in devices() {
        for variant in variants(&device) {
            let report = arithmetic(&device, &queue, variant).expect("a kernel that runs");
            eprintln!("{} ({}), {}:", info.name, info.backend, variant.as_str());
            for f in &report.functions {
                eprintln!("  {:<26} {:.1e} of {:.1e}", f.name, f.error, f.bound);
            }
            assert_eq!(report.verdict(), Ok(()), "{}", info.name);
        }
    }
}

/// Some drivers leave the arithmetic alone even without the guard; Mesa's software rasterizer, which
/// every continuous integration has, does not.
#[test]
fn arithmetic_without_its_guard_is_refused() {
    for (info, device, queue) in devices().iter().filter(|d| d.0.name.contains("llvmpipe")) {
        let text = shaders::source(Kernel::Arithmetic, Arithmetic::Df64);
        assert!(text.contains(GUARD), "the prelude has a new guard");
        let text = text.replace(GUARD, NO_GUARD);
        let report = measure(device, queue, Arithmetic::Df64, &text).expect("a kernel");
        let refused = report.verdict().expect_err(&info.name);
        eprintln!("{}: {refused}", info.name);
        assert!(report.functions.iter().any(|f| f.name == "two_sum" && f.error > 0.0));
    }
}

#[test]
fn faults_of_the_device_are_messages() {
    for (_, device, queue) in devices() {
        let no_text = measure(&device, &queue, Arithmetic::F32, "fn nothing( {");
        assert!(no_text.is_err_and(|e| e.contains("arithmetic")));
        let no_entry = measure(&device, &queue, Arithmetic::F32, "fn nothing() {}");
        assert!(no_entry.is_err_and(|e| e.contains("entry")));
    }
}

/// A report of outputs that the host made, with one function's results changed.
fn changed(name: &str, change: fn(f64) -> f64) -> ArithmeticReport {
    let mut input = Vec::new();
    words::encode_real(Arithmetic::Df64, inputs().into_iter().flatten(), &mut input);
    let pairs = pairs(Arithmetic::Df64, &input);
    let functions = FUNCTIONS.iter().map(|f| {
        let errors = pairs.iter().map(|p| {
            let wanted = (f.wanted)(p);
            wanted.error(if f.name == name { change(wanted.value) } else { wanted.value })
        });
        FunctionError {
            name: f.name,
            error: errors.fold(0.0, f64::max),
            bound: f.bound(Arithmetic::Df64),
            at: [1.0, 2.0],
        }
    });
    ArithmeticReport { arithmetic: Arithmetic::Df64, functions: functions.collect() }
}

#[test]
fn verdict_names_what_is_wrong() {
    assert_eq!(changed("", |x| x).verdict(), Ok(()));
    for function in &FUNCTIONS {
        let changes: [fn(f64) -> f64; 3] = [|x| x * (1.0 + 1e-11), |_| f64::NAN, |x| -x - 1.0];
        for change in changes {
            let refused = changed(function.name, change).verdict().expect_err(function.name);
            assert!(refused.starts_with(function.name), "{refused}");
        }
    }
}
