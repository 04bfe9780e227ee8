//! The syntax tree of a PTX text.

use crate::lex::Number;
use crate::types::Ty;

/// A whole PTX text.
#[derive(Default, Debug)]
pub struct Text {
    /// The number after `.target sm_`.
    pub target: u32,
    /// The PTX ISA version, times ten.
    pub version: u32,
    /// Variables of the module.
    pub vars: Vec<Var>,
    /// Kernels and device functions, in the order of the text.
    pub funcs: Vec<Func>,
}

/// A variable or a parameter.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Var {
    pub space: String,
    pub name: String,
    pub ty: Ty,
    pub align: usize,
    /// Bytes; zero for `extern` arrays of unknown length.
    pub bytes: usize,
    pub init: Vec<u8>,
    pub line: usize,
}

/// A kernel (`entry`) or device function.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Func {
    pub name: String,
    pub entry: bool,
    pub returns: Vec<Var>,
    pub params: Vec<Var>,
    /// `None` for a declaration.
    pub body: Option<Vec<Stmt>>,
    /// The product of `.maxntid`, if given.
    pub max_threads: Option<u32>,
    pub line: usize,
}

/// One line of a body.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Stmt {
    Open,
    Close,
    /// `name`, or `name0..name{count-1}` when a count is given.
    Reg {
        ty: Ty,
        name: String,
        count: Option<usize>,
    },
    Var(Var),
    Label(String),
    Targets(Vec<String>),
    Inst(Inst),
}

/// An instruction as written.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Inst {
    pub line: usize,
    /// Predicate and whether it is negated.
    pub guard: Option<(String, bool)>,
    pub op: String,
    pub args: Vec<Operand>,
}

/// An operand as written.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Operand {
    Name(String),
    Not(String),
    Number(Number),
    Address(Box<Operand>, i64),
    Vector(Vec<Operand>),
    Pair(String, String),
    List(Vec<Operand>),
}

/// The bits of a literal used as a value of type `ty`.
pub fn literal(n: Number, ty: Ty) -> u64 {
    match (n, ty) {
        (Number::Int(v), _) => v & ty.mask(),
        (Number::Single(b), Ty::F64) => f64::from(f32::from_bits(b)).to_bits(),
        (Number::Single(b), _) => u64::from(b),
        (Number::Double(b), Ty::F32) => u64::from((f64::from_bits(b) as f32).to_bits()),
        (Number::Double(b), _) => b,
    }
}
