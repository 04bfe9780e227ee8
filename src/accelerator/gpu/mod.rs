//! Graphics processors through wgpu (Vulkan, Metal, DX12): the kernels of `shaders/`, written once in
//! WGSL and compiled in three precisions.

pub mod selftest;
pub mod shaders;
pub mod words;

/// Arithmetic of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Double precision in hardware; Vulkan only.
    F64,
    /// Double-float: pairs of f32, some 48 bits. Fits keep gradients in f32, since rates, parameters
    /// and the NLL alone decide where a fit ends (see `docs/parity.md`).
    Df64,
    /// Single precision throughout: fast, and good to 1e-3 in the NLL.
    F32,
}

impl Precision {
    /// One word, as on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::F64 => "f64",
            Self::Df64 => "df64",
            Self::F32 => "f32",
        }
    }
}
