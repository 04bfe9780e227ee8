//! What a device does with the arithmetic it is given, before anything is believed that it computes:
//! its compiler may take error-free transforms apart (see `shaders/real_df64.wgsl`), its built-in
//! functions may be poor.

use std::sync::mpsc;

use super::shaders::{self, Arithmetic, Kernel};
use super::words;

/// Largest errors of one function over all inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionError {
    /// As in the shaders.
    pub name: &'static str,
    /// Relative (of a fast sum: to its terms); infinite for NaN, and for a wrong answer where only an
    /// exact one will do.
    pub error: f64,
    /// What is allowed.
    pub bound: f64,
    /// Where the largest error was found.
    pub at: [f64; 2],
}

/// Errors of every function of a prelude on one device.
#[derive(Debug, Clone, PartialEq)]
pub struct ArithmeticReport {
    /// Number types.
    pub arithmetic: Arithmetic,
    /// One entry per function, in the order of the kernel.
    pub functions: Vec<FunctionError>,
}

impl ArithmeticReport {
    /// Whether the device can be believed; if not, the function that is worst for what it is allowed.
    pub fn verdict(&self) -> Result<(), String> {
        let excess = |f: &FunctionError| f.error / f.bound;
        let failed = self.functions.iter().filter(|f| f.error > f.bound);
        let Some(f) = failed.max_by(|a, b| excess(a).total_cmp(&excess(b))) else { return Ok(()) };
        let [a, b] = f.at;
        Err(format!(
            "{} in {} is off by {:.1e} where {:.1e} is allowed, at a = {a:e}, b = {b:e}",
            f.name,
            self.arithmetic.as_str(),
            f.error,
            f.bound,
        ))
    }
}

/// One number that the kernel `arithmetic` writes for a pair of inputs.
struct Function {
    name: &'static str,
    /// Allowed errors in f32, double-float and f64. WGSL's f32 division may be off by 2.5 units in the
    /// last place; so may f64's in Vulkan.
    bounds: [f64; 3],
    wanted: fn(&Pair) -> Wanted,
}

/// What a function should give, and what its error is divided by.
struct Wanted {
    value: f64,
    scale: f64,
}

fn relative(value: f64) -> Wanted {
    Wanted { value, scale: value.abs() }
}

impl Wanted {
    fn error(&self, got: f64) -> f64 {
        if got == self.value {
            return 0.0;
        }
        let error = (got - self.value).abs() / self.scale;
        if error.is_nan() { f64::INFINITY } else { error }
    }
}

/// Inputs as the device sees them, and their f32 parts.
struct Pair {
    a: f64,
    b: f64,
    high: [f64; 2],
}

/// Pairs that are tried.
const PAIRS: u32 = 4096;
/// Invocations of one workgroup of the kernel.
const WORKGROUP: u32 = 64;
/// More than any header needs.
const HEADER_BYTES: u64 = 1024;

/// In the order of the kernel's outputs.
const FUNCTIONS: [Function; 14] = [
    function("two_sum", [4e-7, 0.0, 4e-16], |p| relative(p.high[0] + p.high[1])),
    function("two_prod", [4e-7, 0.0, 4e-16], |p| relative(p.high[0] * p.high[1])),
    function("r_add", [4e-7, 2e-14, 4e-16], |p| relative(p.a + p.b)),
    function("r_sub", [4e-7, 2e-14, 4e-16], |p| relative(p.a - p.b)),
    // the fast sum may lose digits where its terms cancel
    function("r_adds", [4e-7, 2e-14, 4e-16], |p| Wanted {
        value: p.a + p.b,
        scale: p.a.abs() + p.b.abs(),
    }),
    function("r_mul", [4e-7, 4e-14, 4e-16], |p| relative(p.a * p.b)),
    function("r_mulf", [4e-7, 4e-14, 4e-16], |p| relative(p.a * p.high[1])),
    function("r_div", [4e-7, 4e-14, 1e-15], |p| relative(p.a / p.b)),
    function("r_exp", [1e-6, 4e-14, 2e-15], |p| relative(libm::exp(exponent(p)))),
    function("r_log", [1e-6, 5e-14, 2e-15], |p| relative(libm::log(log_argument(p)))),
    // where the series ends, the terms are 6 times their sum
    function("r_deviance", [1e-5, 6e-13, 1e-14], |p| {
        let value = deviance(p.a.abs(), p.b.abs());
        // smaller ones reach below what a pair of f32 holds in full
        Wanted { value, scale: value.max(SMALLEST_DEVIANCE) }
    }),
    function("r_max or r_min", [4e-7, 2e-14, 4e-16], |p| relative((p.a - p.b).abs())),
    function(LOW, [1e-6, 1e-13, 2e-15], |p| relative(p.a * p.a + 1.0)),
    // a wrong answer is wrong by any measure
    function("r_less, r_equal or r_bad", [0.0; 3], |p| Wanted {
        value: comparisons(p),
        scale: 0.0,
    }),
];

/// The one function here of `low`.
const LOW: &str = "l_mul, l_div or l_add";

/// 2^-76: its low word's low word is just a normal f32.
const SMALLEST_DEVIANCE: f64 = 1.3e-23;

const fn function(name: &'static str, bounds: [f64; 3], wanted: fn(&Pair) -> Wanted) -> Function {
    Function { name, bounds, wanted }
}

impl Function {
    fn bound(&self, arithmetic: Arithmetic) -> f64 {
        match arithmetic {
            Arithmetic::F32 => self.bounds[0],
            Arithmetic::Mixed if self.name == LOW => self.bounds[0],
            Arithmetic::Df64 | Arithmetic::Mixed => self.bounds[1],
            Arithmetic::F64 => self.bounds[2],
        }
    }
}

/// The argument of exp, as in the kernel.
fn exponent(p: &Pair) -> f64 {
    if p.high[0].abs() < 60.0 { p.a } else { p.a * (-26f64).exp2() }
}

/// The argument of log, as in the kernel.
fn log_argument(p: &Pair) -> f64 {
    let x = p.a.abs();
    match p.high[0].abs() {
        high if high > 20f64.exp2() => x * 60f64.exp2(),
        high if high < (-20f64).exp2() => x * (-60f64).exp2(),
        _ => x,
    }
}

/// nu - n - n ln(nu/n), near nu = n by another series than the shaders': n (x - ln(1 + x)) with
/// x = (nu - n)/n.
fn deviance(nu: f64, n: f64) -> f64 {
    let x = (nu - n) / n;
    if x.abs() > 0.5 {
        return nu - n - n * libm::log(nu / n);
    }
    let term = |k: i32| (-x).powi(k) / f64::from(k);
    n * (2..60).rev().map(term).sum::<f64>()
}

/// The answers of the kernel's `comparisons`: the last three bits say that r_bad knows what is bad.
fn comparisons(p: &Pair) -> f64 {
    let answers = [p.a < p.b, p.b < p.a, p.a == p.b, false, true, true, true];
    answers.iter().rev().fold(0.0, |bits, answer| 2.0 * bits + f64::from(u8::from(*answer)))
}

/// Runs every function of a prelude on some thousands of fixed pairs.
pub fn arithmetic(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    arithmetic: Arithmetic,
) -> Result<ArithmeticReport, String> {
    measure(device, queue, arithmetic, &shaders::source(Kernel::Arithmetic, arithmetic))
}

fn measure(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    arithmetic: Arithmetic,
    text: &str,
) -> Result<ArithmeticReport, String> {
    let mut input = Vec::new();
    words::encode_real(arithmetic, inputs().into_iter().flatten(), &mut input);
    let pairs = pairs(arithmetic, &input);
    let count = pairs.len() * FUNCTIONS.len();
    let output = run(device, queue, text, &input, count * 4 * arithmetic.real_words() as usize)?;
    let output = words::decode_real(arithmetic, &output);
    if output.len() != count {
        return Err(format!("{} results of {count} came back", output.len()));
    }

    let functions = FUNCTIONS.iter().enumerate().map(|(i, function)| {
        let mut worst = FunctionError {
            name: function.name,
            error: 0.0,
            bound: function.bound(arithmetic),
            at: [0.0; 2],
        };
        for (pair, got) in pairs.iter().zip(output.chunks_exact(FUNCTIONS.len())) {
            let error = (function.wanted)(pair).error(got[i]);
            if error > worst.error {
                worst = FunctionError { error, at: [pair.a, pair.b], ..worst };
            }
        }
        worst
    });
    Ok(ArithmeticReport { arithmetic, functions: functions.collect() })
}

/// What the device is given, as f64.
fn pairs(arithmetic: Arithmetic, input: &[u32]) -> Vec<Pair> {
    let values = words::decode_real(arithmetic, input);
    let words = arithmetic.real_words() as usize;
    let high = |i: usize| match arithmetic {
        Arithmetic::F64 => f64::from(values[i] as f32),
        _ => f64::from(f32::from_bits(input[words * i])),
    };
    (0..values.len() / 2)
        .map(|i| (2 * i, 2 * i + 1))
        .map(|(i, j)| Pair { a: values[i], b: values[j], high: [high(i), high(j)] })
        .collect()
}

/// Pairs of many kinds: near and far in size, cancelling to every depth, equal, with mantissas all
/// ones, near 1, in the range of exp. The same on every machine.
fn inputs() -> Vec<[f64; 2]> {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    (0..PAIRS)
        .map(|i| match i % 8 {
            0 => [random.number(3), random.number(3)],
            1 => [random.number(30), random.number(30)],
            2 => [random.number(3), random.number(30)],
            3 => {
                let a = random.number(if i % 16 == 3 { 3 } else { 30 });
                [a, -a * random.near_one()]
            }
            4 => [random.all_ones(), random.all_ones()],
            5 => [random.near_one(), random.number(10)],
            6 => [120.0 * random.uniform() - 60.0, random.number(3)],
            _ => {
                let a = random.number(10);
                [a, a * if i % 16 == 7 { 1.0 } else { 1.0 + random.near_one() * 1e-9 }]
            }
        })
        .collect()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In [0, 1).
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 * (-53f64).exp2()
    }

    /// An exponent in -range..=range.
    fn power(&mut self, range: u32) -> f64 {
        let k = self.next() % u64::from(2 * range + 1);
        (k as f64 - f64::from(range)).exp2()
    }

    fn sign(&mut self) -> f64 {
        if self.next() & 1 == 0 { 1.0 } else { -1.0 }
    }

    fn number(&mut self, range: u32) -> f64 {
        self.sign() * (1.0 + self.uniform()) * self.power(range)
    }

    /// 1 + x with x as small as 2^-47.
    fn near_one(&mut self) -> f64 {
        let k = 1 + self.next() % 47;
        1.0 + self.sign() * self.uniform() * (-(k as f64)).exp2()
    }

    /// A mantissa of ones: 12, 24, 36 or 48 of them.
    fn all_ones(&mut self) -> f64 {
        let ones = 12 * (1 + self.next() % 4);
        self.sign() * (2.0 - (1.0 - ones as f64).exp2()) * self.power(20)
    }
}

/// What the kernel of a given text writes, `size` bytes; every failure as a message.
fn run(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    text: &str,
    input: &[u32],
    size: usize,
) -> Result<Vec<u32>, String> {
    use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
    let scopes = [Internal, OutOfMemory, Validation].map(|filter| device.push_error_scope(filter));
    let result = dispatch(device, queue, text, input, size as u64);
    let errors = scopes.into_iter().rev().map(|scope| pollster::block_on(scope.pop()));
    // what went wrong on the device comes before what the host then met
    match errors.fold(None, |first, error| first.or(error)) {
        Some(error) => Err(error.to_string()),
        None => result,
    }
}

fn dispatch(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    text: &str,
    input: &[u32],
    size: u64,
) -> Result<Vec<u32>, String> {
    use wgpu::BufferUsages as Usage;
    let label = Some("arithmetic");
    let buffer = |size: u64, usage: Usage| {
        device.create_buffer(&wgpu::BufferDescriptor {
            label,
            size,
            usage,
            mapped_at_creation: false,
        })
    };
    // a new buffer holds zeros, and a zero is all that this kernel takes from the header
    let header = buffer(HEADER_BYTES, Usage::STORAGE);
    let inputs = buffer(size_of_val(input) as u64, Usage::STORAGE | Usage::COPY_DST);
    let outputs = buffer(size, Usage::STORAGE | Usage::COPY_SRC);
    let host = buffer(size, Usage::MAP_READ | Usage::COPY_DST);
    queue.write_buffer(&inputs, 0, bytemuck::cast_slice(input));

    let source = wgpu::ShaderSource::Wgsl(text.into());
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label, source });
    let kinds = [
        wgpu::BufferBindingType::Storage { read_only: true },
        wgpu::BufferBindingType::Storage { read_only: true },
        wgpu::BufferBindingType::Storage { read_only: false },
    ];
    let entries = [0, 1, 2].map(|i| wgpu::BindGroupLayoutEntry {
        binding: i as u32,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: kinds[i],
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    });
    let layout = device
        .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label,
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label,
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some(Kernel::Arithmetic.entry()),
        compilation_options: Default::default(),
        cache: None,
    });
    let buffers = [&header, &inputs, &outputs];
    let entries = [0, 1, 2].map(|i| wgpu::BindGroupEntry {
        binding: i as u32,
        resource: buffers[i].as_entire_binding(),
    });
    let bindings = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label,
        layout: &layout,
        entries: &entries,
    });

    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label });
    {
        let mut pass = encoder
            .begin_compute_pass(&wgpu::ComputePassDescriptor { label, timestamp_writes: None });
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &bindings, &[]);
        pass.dispatch_workgroups(PAIRS.div_ceil(WORKGROUP), 1, 1);
    }
    encoder.copy_buffer_to_buffer(&outputs, 0, &host, 0, size);
    queue.submit([encoder.finish()]);

    let (sender, receiver) = mpsc::channel();
    host.map_async(wgpu::MapMode::Read, .., move |result| {
        // nobody listens once polling has failed
        let _ = sender.send(result);
    });
    device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| e.to_string())?;
    let mapped = receiver.recv().map_err(|e| e.to_string())?;
    mapped.map_err(|e| e.to_string())?;
    let bytes = host.get_mapped_range(..).map_err(|e| e.to_string())?;
    Ok(bytemuck::pod_collect_to_vec(&bytes))
}

#[cfg(test)]
mod tests;
