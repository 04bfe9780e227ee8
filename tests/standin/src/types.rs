//! The fundamental types of PTX and how a register holds them.
//!
//! Every register is 64 bits here. A narrower value is kept zero-extended, whatever its sign, and a
//! predicate is 0 or 1; all arithmetic keeps that true.

/// A PTX fundamental type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Ty {
    B8,
    B16,
    B32,
    B64,
    U8,
    U16,
    U32,
    U64,
    S8,
    S16,
    S32,
    S64,
    F32,
    F64,
    Pred,
}

impl Ty {
    /// The type called `name`, without its dot.
    pub fn parse(name: &str) -> Option<Ty> {
        use Ty::*;
        Some(match name {
            "b8" => B8,
            "b16" => B16,
            "b32" => B32,
            "b64" => B64,
            "u8" => U8,
            "u16" => U16,
            "u32" => U32,
            "u64" => U64,
            "s8" => S8,
            "s16" => S16,
            "s32" => S32,
            "s64" => S64,
            "f32" => F32,
            "f64" => F64,
            "pred" => Pred,
            _ => return None,
        })
    }

    /// Bytes in memory.
    pub fn size(self) -> usize {
        use Ty::*;
        match self {
            B8 | U8 | S8 | Pred => 1,
            B16 | U16 | S16 => 2,
            B32 | U32 | S32 | F32 => 4,
            B64 | U64 | S64 | F64 => 8,
        }
    }

    /// Two's complement with a sign.
    pub fn signed(self) -> bool {
        matches!(self, Ty::S8 | Ty::S16 | Ty::S32 | Ty::S64)
    }

    /// `f32` or `f64`.
    pub fn float(self) -> bool {
        matches!(self, Ty::F32 | Ty::F64)
    }

    /// The bits that a value of this type may occupy in a register.
    pub fn mask(self) -> u64 {
        match self {
            Ty::Pred => 1,
            _ => mask(self.size()),
        }
    }

    /// The unsigned type of the same width: what untyped `.bN` values count as.
    pub fn untyped(self) -> Ty {
        use Ty::*;
        match self {
            B8 => U8,
            B16 => U16,
            B32 => U32,
            B64 => U64,
            t => t,
        }
    }
}

/// The low `bytes` bytes set.
pub fn mask(bytes: usize) -> u64 {
    if bytes >= 8 { u64::MAX } else { (1 << (8 * bytes)) - 1 }
}

/// Why an access or a step failed: one word wide, because every access returns it or a value.
#[derive(Debug)]
#[allow(clippy::box_collection)]
pub struct Problem(Box<String>);

impl Problem {
    /// The message.
    pub fn text(self) -> String {
        *self.0
    }
}
impl From<String> for Problem {
    #[cold]
    fn from(s: String) -> Problem {
        Problem(Box::new(s))
    }
}
impl From<&str> for Problem {
    #[cold]
    fn from(s: &str) -> Problem {
        Problem(Box::new(s.into()))
    }
}
