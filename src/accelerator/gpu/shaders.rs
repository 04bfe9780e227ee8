//! Kernel texts: plain WGSL files joined by concatenation. A prelude defines the number types and
//! their functions; everything after it is the same text in every precision.

/// Which number types a kernel is compiled for: `real` (parameters, rates, NLL) and `low` (all that
/// only steers a fit: gradients, curvature, directions).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// `real` and `low` are f32.
    F32,
    /// `real` and `low` are double-float.
    Df64,
    /// `real` is double-float, `low` is f32.
    Mixed,
    /// `real` and `low` are f64.
    F64,
}

impl Arithmetic {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::F32, Self::Df64, Self::Mixed, Self::F64];

    /// One word, for file names and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Df64 => "df64",
            Self::Mixed => "mixed",
            Self::F64 => "f64",
        }
    }

    /// 32-bit words of one `real`.
    pub fn real_words(self) -> u64 {
        match self {
            Self::F32 => 1,
            _ => 2,
        }
    }

    /// 32-bit words of one `low`.
    pub fn low_words(self) -> u64 {
        match self {
            Self::F32 | Self::Mixed => 1,
            _ => 2,
        }
    }

    fn prelude(self) -> [&'static str; 2] {
        let real = match self {
            Self::F32 => include_str!("../../../shaders/real_f32.wgsl"),
            Self::Df64 | Self::Mixed => include_str!("../../../shaders/real_df64.wgsl"),
            Self::F64 => include_str!("../../../shaders/real_f64.wgsl"),
        };
        let low = match self {
            Self::Mixed => include_str!("../../../shaders/low_f32.wgsl"),
            _ => include_str!("../../../shaders/low_real.wgsl"),
        };
        [real, low]
    }
}

/// An entry point with all it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// NLL and gradient at many points, entry `evaluate`.
    Evaluate,
    /// The lockstep minimizer, entry `fit`; not in [`Arithmetic::Df64`], whose fits are
    /// [`Arithmetic::Mixed`].
    Fit,
    /// Error-free transforms and elementary functions, entry `arithmetic`.
    Arithmetic,
    /// Sums of mixtures over events, entry `reduce`.
    Reduce,
    /// Sums of products of shapes over nodes, entry `tmd`.
    Tmd,
    /// The same with the densities worked out, entry `event_shares`.
    Events,
    /// Densities of flows, which [`Kernel::Events`] reads, entry `flow_columns`.
    Flows,
}

impl Kernel {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Evaluate,
        Self::Fit,
        Self::Arithmetic,
        Self::Reduce,
        Self::Events,
        Self::Tmd,
        Self::Flows,
    ];

    /// Name of the entry point.
    pub fn entry(self) -> &'static str {
        match self {
            Self::Evaluate => "evaluate",
            Self::Fit => "fit",
            Self::Arithmetic => "arithmetic",
            Self::Reduce => "reduce",
            Self::Tmd => "tmd",
            Self::Events => "event_shares",
            Self::Flows => "flow_columns",
        }
    }

    /// The number types this kernel is compiled for.
    pub fn variants(self) -> &'static [Arithmetic] {
        match self {
            Self::Fit => &[Arithmetic::F32, Arithmetic::Mixed, Arithmetic::F64],
            _ => &[Arithmetic::F32, Arithmetic::Df64, Arithmetic::F64],
        }
    }

    fn files(self) -> &'static [&'static str] {
        match self {
            Self::Evaluate => &[
                include_str!("../../../shaders/header.wgsl"),
                include_str!("../../../shaders/rounds.wgsl"),
                include_str!("../../../shaders/bindings.wgsl"),
                include_str!("../../../shaders/interpolation.wgsl"),
                include_str!("../../../shaders/nll.wgsl"),
                include_str!("../../../shaders/evaluate.wgsl"),
            ],
            Self::Fit => &[
                include_str!("../../../shaders/header.wgsl"),
                include_str!("../../../shaders/rounds.wgsl"),
                include_str!("../../../shaders/bindings.wgsl"),
                include_str!("../../../shaders/interpolation.wgsl"),
                include_str!("../../../shaders/nll.wgsl"),
                include_str!("../../../shaders/fit.wgsl"),
                include_str!("../../../shaders/direction.wgsl"),
                include_str!("../../../shaders/ladder.wgsl"),
                include_str!("../../../shaders/own.wgsl"),
            ],
            Self::Arithmetic => &[
                include_str!("../../../shaders/header.wgsl"),
                include_str!("../../../shaders/arithmetic.wgsl"),
            ],
            Self::Reduce => &[
                include_str!("../../../shaders/lanes.wgsl"),
                include_str!("../../../shaders/rounds.wgsl"),
                include_str!("../../../shaders/reduce.wgsl"),
            ],
            Self::Events => &[
                include_str!("../../../shaders/lanes.wgsl"),
                include_str!("../../../shaders/rounds.wgsl"),
                include_str!("../../../shaders/densities.wgsl"),
                include_str!("../../../shaders/events.wgsl"),
            ],
            Self::Flows => &[
                include_str!("../../../shaders/lanes.wgsl"),
                include_str!("../../../shaders/rounds.wgsl"),
                include_str!("../../../shaders/flows.wgsl"),
            ],
            Self::Tmd => &[
                include_str!("../../../shaders/rounds.wgsl"),
                include_str!("../../../shaders/tmd.wgsl"),
            ],
        }
    }
}

/// WGSL of a kernel.
pub fn source(kernel: Kernel, arithmetic: Arithmetic) -> String {
    arithmetic.prelude().into_iter().chain(kernel.files().iter().copied()).collect()
}
