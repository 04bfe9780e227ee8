//! A program, a job and working memory as flat words: what kernels of every device read and write.
//! `shaders/header.wgsl` names each number and offset.

pub(in crate::accelerator) mod header;
pub(in crate::accelerator) mod ladder;
pub(in crate::accelerator) mod results;
pub(in crate::accelerator) mod slot;
pub(in crate::accelerator) mod tables;

use super::{LaneBlock, LaneValues};
use crate::{Error, Result};

pub(in crate::accelerator) use header::Header;
pub(in crate::accelerator) use ladder::{JobTables, LEVELS};
pub(in crate::accelerator) use slot::{Use, lay_out};
pub(in crate::accelerator) use tables::Tables;

/// That a block of so many lanes has the lengths that the program asks for.
///
/// # Errors
/// Where it has not.
pub(in crate::accelerator) fn check_block(
    header: &Header,
    lanes: usize,
    block: &LaneBlock<'_>,
    out: &LaneValues<'_>,
) -> Result<()> {
    let n = header.n_parameters as usize * lanes;
    let fits = block.parameters.len() == n
        && block.main.len() == header.n_main as usize * lanes
        && block.auxiliary.len() == header.n_auxiliary as usize * lanes
        && out.nll.len() == lanes
        && out.negative_bin.len() == lanes
        && out.gradient.len() == n
        && (out.jump.len() == n || out.jump.is_empty() && header.kinked == 0);
    match fits {
        true => Ok(()),
        false => Err(Error::Argument("a lane block does not fit the program".into())),
    }
}
