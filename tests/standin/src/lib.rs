//! A stand-in for `libcuda.so.1`: one device whose memory is checked and whose kernels are the committed
//! PTX, run by an interpreter. For tests only; the README says how.
#![warn(missing_docs)]

pub mod alu;
mod alu_float;
pub mod block;
mod carry;
pub mod convert;
mod decode;
mod decode_inst;
mod decode_memory;
mod decode_sync;
mod driver;
mod flow;
pub mod lex;
pub mod machine;
pub mod memory;
pub mod module;
mod names;
pub mod parse;
pub mod program;
pub mod race;
pub mod settings;
mod special;
pub mod syntax;
mod thread;
pub mod types;
mod warp;
