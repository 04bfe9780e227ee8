//! Interpolation between the variations of a systematic uncertainty, named by behaviour.
//!
//! | behaviour here | pyhf | ROOT |
//! |---|---|---|
//! | [`NormSysInterpolation::PiecewiseExponential`] | `code1` | FlexibleInterpVar 1 |
//! | [`NormSysInterpolation::PolynomialExponential`] | `code4` | FlexibleInterpVar 4 (internally 5) |
//! | [`HistoSysInterpolation::PiecewiseLinear`] | `code0` | PiecewiseInterpolation 0 |
//! | [`HistoSysInterpolation::QuadraticLinear`] | `code2` | PiecewiseInterpolation 2 |
//! | [`HistoSysInterpolation::PolynomialLinear`] | `code4p` | PiecewiseInterpolation 4 |

/// The interpolations of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interpolation {
    /// For normsys factors.
    pub normsys: NormSysInterpolation,
    /// For histosys templates.
    pub histosys: HistoSysInterpolation,
}

/// How a normsys factor follows alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NormSysInterpolation {
    /// `hi^alpha` for alpha >= 0, `lo^-alpha` below: a kink at 0.
    PiecewiseExponential,
    /// The same outside |alpha| >= 1; inside, the degree-6 polynomial that matches value, slope and
    /// curvature at +-1.
    #[default]
    PolynomialExponential,
}

/// How a histosys template follows alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HistoSysInterpolation {
    /// Straight lines to each side: a kink at 0.
    PiecewiseLinear,
    /// A parabola inside |alpha| <= 1, its tangents outside.
    QuadraticLinear,
    /// A degree-6 polynomial inside |alpha| <= 1, straight lines outside.
    #[default]
    PolynomialLinear,
}
