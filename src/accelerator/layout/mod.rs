//! A program, a job and working memory as flat words: what kernels of every device read and write.
//! `shaders/header.wgsl` names each number and offset.

pub(in crate::accelerator) mod header;
pub(in crate::accelerator) mod ladder;
pub(in crate::accelerator) mod results;
pub(in crate::accelerator) mod slot;
pub(in crate::accelerator) mod tables;

pub(in crate::accelerator) use header::Header;
pub(in crate::accelerator) use ladder::{JobTables, LEVELS};
pub(in crate::accelerator) use slot::{Use, lay_out};
pub(in crate::accelerator) use tables::Tables;
