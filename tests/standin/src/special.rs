//! Special registers by name.

use crate::program::Special;

/// A special register: one value as long as the thread lives, or a counter.
pub enum Parsed {
    /// Known when the thread begins.
    Fixed(Special),
    /// `%clock` and its kin: steps executed so far.
    Clock,
}

/// The special register called `name`.
pub fn parse(name: &str) -> Option<Parsed> {
    use Special::*;
    let axis = |n: &str| match n {
        "x" => Some(0),
        "y" => Some(1),
        "z" => Some(2),
        _ => None,
    };
    if let Some((base, a)) = name.split_once('.') {
        let a = axis(a)?;
        return Some(Parsed::Fixed(match base {
            "%tid" => Tid(a),
            "%ntid" => Ntid(a),
            "%ctaid" => Ctaid(a),
            "%nctaid" => Nctaid(a),
            _ => return None,
        }));
    }
    Some(Parsed::Fixed(match name {
        "%laneid" => Lane,
        "%warpid" => Warp,
        "%nwarpid" => Warps,
        "%smid" => Multiprocessor,
        "%nsmid" => Multiprocessors,
        "%gridid" => Zero,
        "WARP_SZ" => WarpSize,
        "%dynamic_smem_size" => DynamicShared,
        "%total_smem_size" => TotalShared,
        "%lanemask_eq" => LaneMask(0),
        "%lanemask_lt" => LaneMask(1),
        "%lanemask_le" => LaneMask(2),
        "%lanemask_gt" => LaneMask(3),
        "%lanemask_ge" => LaneMask(4),
        "%clock" | "%clock64" | "%clock_hi" | "%globaltimer" | "%globaltimer_lo" => {
            return Some(Parsed::Clock);
        }
        _ => return None,
    }))
}
