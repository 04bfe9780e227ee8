//! One opened adapter: device, queue, pipelines, and what went wrong.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use super::adapters::Adapter;
use super::shaders::{Arithmetic, Kernel, source};
use super::{Precision, selftest};
use crate::accelerator::layout::{Header, slot};
use crate::{Error, Result};

/// What can be made to go wrong, for tests.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// The device is lost at a kernel call, this many calls from now.
    Lost(u32),
    /// There is no memory left.
    NoMemory,
}

/// Text of a kernel.
#[doc(hidden)]
pub type Source = fn(Kernel, Arithmetic) -> String;

/// An opened adapter, shared by all programs that run on it.
pub struct Context {
    /// As messages name it.
    pub(super) name: String,
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) limits: wgpu::Limits,
    /// Workgroups worth having in flight.
    pub(super) parallel: u32,
    pub(super) precision: Precision,
    lost: Arc<Mutex<Option<String>>>,
    pipelines: [OnceLock<wgpu::ComputePipeline>; Kernel::ALL.len()],
    /// One job at a time: two would only wait for each other.
    pub(super) busy: Mutex<()>,
    source: Source,
    /// Kernel calls left before the device is lost.
    calls_left: AtomicU32,
    no_memory: AtomicBool,
}

impl Context {
    /// The context of an adapter that everybody shares; opened, and its arithmetic tried, where there
    /// is none.
    ///
    /// # Errors
    /// Where the driver refuses it, or does not compute as it is told to.
    pub(super) fn shared(adapter: &Adapter, precision: Precision) -> Result<Arc<Self>> {
        type Key = (usize, String, Precision);
        static OPEN: Mutex<Vec<(Key, Weak<Context>)>> = Mutex::new(Vec::new());
        let info = &adapter.info;
        let key = (info.index, format!("{} {}", info.name, info.driver), precision);
        let mut open = OPEN.lock().unwrap_or_else(|e| e.into_inner());
        let living = open.iter().find(|(k, _)| *k == key).and_then(|(_, c)| c.upgrade());
        if let Some(context) = living.filter(|c| c.alive().is_ok()) {
            return Ok(context);
        }
        let context = Self::open(&adapter.handle, precision)?;
        context.try_arithmetic()?;
        open.retain(|(k, c)| *k != key && c.strong_count() > 0);
        open.push((key, Arc::downgrade(&context)));
        Ok(context)
    }

    /// Error-free transforms and elementary functions against the processor's.
    fn try_arithmetic(&self) -> Result<()> {
        let tried = selftest::arithmetic(&self.device, &self.queue, self.evaluation());
        tried.and_then(|report| report.verdict()).map_err(|why| {
            let advice = match self.precision {
                Precision::F32 => "choose the device cpu",
                _ => "choose precision f32, or the device cpu",
            };
            self.error(format!("its driver does not compute as it is told to: {why}; {advice}"))
        })
    }

    /// Open an adapter.
    ///
    /// # Errors
    /// Where the driver refuses it.
    pub fn open(adapter: &wgpu::Adapter, precision: Precision) -> Result<Arc<Self>> {
        Self::open_with(adapter, precision, source, adapter.limits())
    }

    /// Open an adapter as if it had no more than these limits, so that tests reach them.
    #[doc(hidden)]
    pub fn open_with_limits(
        adapter: &wgpu::Adapter,
        precision: Precision,
        limits: wgpu::Limits,
    ) -> Result<Arc<Self>> {
        Self::open_with(adapter, precision, source, limits)
    }

    /// The same with other texts of the kernels. All the adapter has is asked for: sizes are checked
    /// against it, and kernels need only the defaults.
    #[doc(hidden)]
    pub fn open_with(
        adapter: &wgpu::Adapter,
        precision: Precision,
        source: Source,
        limits: wgpu::Limits,
    ) -> Result<Arc<Self>> {
        let info = adapter.get_info();
        let name = format!("{} ({})", info.name, info.backend);
        let fail = |message: String| Error::Device { device: name.clone(), message };
        let mut features = wgpu::Features::empty();
        if precision == Precision::F64 {
            features |= wgpu::Features::SHADER_F64;
            if !adapter.features().contains(features) {
                return Err(fail(
                    "no double precision in its shaders: df64 or f32 run there".into(),
                ));
            }
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("neyman"),
            required_features: features,
            required_limits: limits.clone(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|e| fail(format!("cannot be opened: {e}")))?;
        let lost = Arc::new(Mutex::new(None));
        let note = Arc::clone(&lost);
        device.set_device_lost_callback(move |reason, message| {
            let text = format!("lost ({reason:?}) {message}");
            *note.lock().unwrap_or_else(|e| e.into_inner()) = Some(text.trim().to_string());
        });
        let note = Arc::clone(&lost);
        device.on_uncaptured_error(Arc::new(move |error| {
            *note.lock().unwrap_or_else(|e| e.into_inner()) = Some(error.to_string());
        }));
        let parallel = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => 2048,
            wgpu::DeviceType::Cpu => 4 * rayon::current_num_threads() as u32,
            _ => 512,
        };
        Ok(Arc::new(Self {
            name,
            device,
            queue,
            limits,
            parallel,
            precision,
            lost,
            pipelines: Default::default(),
            busy: Mutex::new(()),
            source,
            calls_left: AtomicU32::new(u32::MAX),
            no_memory: AtomicBool::new(false),
        }))
    }

    /// Make something go wrong.
    #[doc(hidden)]
    pub fn inject(&self, fault: Fault) {
        match fault {
            Fault::Lost(calls) => self.calls_left.store(calls, Ordering::Relaxed),
            Fault::NoMemory => self.no_memory.store(true, Ordering::Relaxed),
        }
    }

    /// Count a kernel call.
    pub(super) fn count_call(&self) {
        let left = self.calls_left.load(Ordering::Relaxed);
        match left {
            0 => self.device.destroy(),
            u32::MAX => {}
            _ => self.calls_left.store(left - 1, Ordering::Relaxed),
        }
    }

    /// Bytes of one binding.
    pub(super) fn binding(&self) -> u64 {
        self.limits.max_storage_buffer_binding_size.min(self.limits.max_buffer_size)
    }

    /// Workgroups in flight: `most`, or as many as the device likes and working memory allows.
    pub(super) fn slots(&self, header: &Header, arithmetic: Arithmetic, most: u32) -> u32 {
        let most = self.parallel.min(most).min(self.limits.max_compute_workgroups_per_dimension);
        let (real, low) = (4 * arithmetic.real_words(), 4 * arithmetic.low_words());
        slot::count(header, real, low, self.binding(), most)
    }

    /// Number types of evaluations.
    pub(super) fn evaluation(&self) -> Arithmetic {
        match self.precision {
            Precision::F64 => Arithmetic::F64,
            Precision::Df64 => Arithmetic::Df64,
            Precision::F32 => Arithmetic::F32,
        }
    }

    /// Number types of fits.
    pub(super) fn fitting(&self) -> Arithmetic {
        match self.precision {
            Precision::Df64 => Arithmetic::Mixed,
            _ => self.evaluation(),
        }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        Error::Device { device: self.name.clone(), message: message.into() }
    }

    /// The driver ended loops of a kernel before their time (`shaders/rounds.wgsl`), and less work at once is not
    /// to be had.
    pub(super) fn cut(&self, kernel: Kernel) -> Error {
        self.error(format!(
            "its driver ended loops of the kernel `{}` early, as Mesa's software rasterizer does after 65535 rounds: \
             too much for it; choose the device cpu",
            kernel.entry()
        ))
    }

    /// Run `call` and return what the driver says against it.
    pub(super) fn checked<T>(&self, what: &str, call: impl FnOnce() -> T) -> Result<T> {
        let scopes = [
            self.device.push_error_scope(wgpu::ErrorFilter::Internal),
            self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory),
            self.device.push_error_scope(wgpu::ErrorFilter::Validation),
        ];
        let value = call();
        let mut error = None;
        for scope in scopes.into_iter().rev() {
            error = error.or(pollster::block_on(scope.pop()));
        }
        if error.is_some() {
            // on a lost device every call fails in its own words; let the loss be told
            let _ = self.device.poll(wgpu::PollType::Poll);
        }
        self.alive()?;
        match error {
            None => Ok(value),
            Some(wgpu::Error::OutOfMemory { .. }) => {
                Err(self.error(format!("{what}: out of memory")))
            }
            Some(error) => Err(self.error(format!("{what}: {error}"))),
        }
    }

    /// The device is still there.
    pub(super) fn alive(&self) -> Result<()> {
        match &*self.lost.lock().unwrap_or_else(|e| e.into_inner()) {
            None => Ok(()),
            Some(why) => Err(self.error(why.clone())),
        }
    }

    /// A kernel in the arithmetic of this device, compiled when first asked for.
    pub(super) fn pipeline(&self, kernel: Kernel) -> Result<&wgpu::ComputePipeline> {
        let slot = &self.pipelines[kernel as usize];
        if let Some(pipeline) = slot.get() {
            return Ok(pipeline);
        }
        let arithmetic = match kernel {
            Kernel::Fit => self.fitting(),
            _ => self.evaluation(),
        };
        let pipeline = self.compile(kernel, &(self.source)(kernel, arithmetic))?;
        Ok(slot.get_or_init(|| pipeline))
    }

    /// Compile a kernel's text.
    pub(super) fn compile(&self, kernel: Kernel, text: &str) -> Result<wgpu::ComputePipeline> {
        self.checked(&format!("the driver refuses the kernel `{}`", kernel.entry()), || {
            let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(kernel.entry()),
                source: wgpu::ShaderSource::Wgsl(Cow::Borrowed(text)),
            });
            self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(kernel.entry()),
                layout: None,
                module: &module,
                entry_point: Some(kernel.entry()),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                cache: None,
            })
        })
    }

    /// Run a kernel on so many workgroups; `buffers` in the order of their bindings.
    pub(super) fn dispatch(
        &self,
        pipeline: &wgpu::ComputePipeline,
        workgroups: u32,
        buffers: &[&wgpu::Buffer],
    ) -> Result<()> {
        self.count_call();
        let entries: Vec<wgpu::BindGroupEntry<'_>> = buffers
            .iter()
            .enumerate()
            .map(|(i, buffer)| wgpu::BindGroupEntry {
                binding: i as u32,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        self.checked("starting a kernel", || {
            let bind_group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &pipeline.get_bind_group_layout(0),
                entries: &entries,
            });
            let mut encoder = self.device.create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, &bind_group, &[]);
                pass.dispatch_workgroups(workgroups, 1, 1);
            }
            self.queue.submit([encoder.finish()]);
        })
    }

    /// A buffer of `words` 32-bit words, zero at first.
    pub(super) fn buffer(
        &self,
        what: &str,
        words: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer> {
        let size = (4 * words).next_multiple_of(16).max(16);
        let limit = self.limits.max_buffer_size;
        let binding = self.limits.max_storage_buffer_binding_size;
        if size > limit || usage.contains(wgpu::BufferUsages::STORAGE) && size > binding {
            let limit = limit.min(binding);
            return Err(self.error(format!(
                "{what}: {size} bytes are needed and a buffer holds at most {limit}"
            )));
        }
        if self.no_memory.load(Ordering::Relaxed) {
            return Err(self.error(format!("{what}: out of memory ({size} bytes)")));
        }
        self.checked(what, || {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(what),
                size,
                usage,
                mapped_at_creation: false,
            })
        })
    }

    /// A read-only table.
    pub(super) fn table(&self, what: &str, words: &[u32]) -> Result<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let buffer = self.buffer(what, words.len() as u64, usage)?;
        self.write(&buffer, 0, words);
        Ok(buffer)
    }

    /// Writes words of a table from `from` on, before what is dispatched next.
    pub(super) fn write(&self, table: &wgpu::Buffer, from: u64, words: &[u32]) {
        self.queue.write_buffer(table, 4 * from, bytemuck::cast_slice(words));
    }

    /// Words `from..from + n` of buffers that a kernel wrote, one after the other.
    pub(super) fn read(&self, parts: &[(&wgpu::Buffer, u64, u64)]) -> Result<Vec<Vec<u32>>> {
        let total: u64 = parts.iter().map(|p| p.2).sum();
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = self.buffer("results", total, usage)?;
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let mut at = 0;
        for (buffer, from, n) in parts {
            if *n > 0 {
                encoder.copy_buffer_to_buffer(buffer, 4 * from, &staging, 4 * at, 4 * n);
            }
            at += n;
        }
        let (send, receive) = std::sync::mpsc::channel();
        self.checked("reading results", || {
            self.queue.submit([encoder.finish()]);
            staging.map_async(wgpu::MapMode::Read, .., move |result| {
                // the receiver may be gone after an error
                let _ = send.send(result);
            });
        })?;
        self.wait()?;
        match receive.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.error(format!("reading results: {error}"))),
            Err(_) => return Err(self.error("reading results: the device gave no answer")),
        }
        let view = staging
            .get_mapped_range(..)
            .map_err(|e| self.error(format!("reading results: {e}")))?;
        let words: &[u32] = bytemuck::cast_slice(&view);
        let mut at = 0;
        let all = parts
            .iter()
            .map(|p| {
                let own = words[at..at + p.2 as usize].to_vec();
                at += p.2 as usize;
                own
            })
            .collect();
        Ok(all)
    }

    /// Wait for everything submitted.
    pub(super) fn wait(&self) -> Result<()> {
        let polled = self.device.poll(wgpu::PollType::wait_indefinitely());
        self.alive()?;
        polled.map(|_| ()).map_err(|e| self.error(format!("the device does not answer: {e}")))
    }
}
