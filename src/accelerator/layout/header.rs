//! What tells a kernel where everything stands: the twin of `shaders/header.wgsl` and `cuda/header.cuh`.

use bytemuck::{Pod, Zeroable};

macro_rules! header {
    ($($field:ident)*) => {
        /// Sizes and offsets; see `shaders/header.wgsl` for each.
        #[repr(C)]
        #[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
        pub(in crate::accelerator) struct Header {
            $(pub(in crate::accelerator) $field: u32,)*
        }

        #[cfg(test)]
        const FIELDS: &[&str] = &[$(stringify!($field)),*];
    };
}

header! {
    zero
    n_parameters n_main n_auxiliary n_samples n_scalars n_cells n_chunks n_wide n_narrow
    histosys piecewise_normsys kinked floored
    i_scalars i_samples i_shapes i_bin_factors i_cells i_bins i_entries i_chunks i_parameters
    i_wide i_narrow
    f_normsys f_nominal f_templates f_weights f_lower f_upper f_floor
    reals_slot r_x r_trial r_h r_factor r_scale r_shape r_rate r_nll
    lows_slot l_slope l_derivative l_others l_suffix l_bins l_adjoint l_weight l_partial
    l_gradient l_jump l_g l_mask l_side l_trial_side l_direction l_solved l_steps l_changes l_rho
    l_coefficients l_wide l_narrow l_root l_inverse l_factor l_bin
    n_fits n_slots start_stride d_start r_results l_results c_slots c_results
    stage levels budget patience tolerance rounding
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every member of the WGSL struct stands where the host writes it.
    #[test]
    fn layout_is_that_of_the_shaders() {
        let text = include_str!("../../../shaders/header.wgsl");
        let module = naga::front::wgsl::parse_str(text).expect("header.wgsl parses");
        let (_, header) = module
            .types
            .iter()
            .find(|(_, t)| t.name.as_deref() == Some("Header"))
            .expect("struct Header");
        let naga::TypeInner::Struct { members, .. } = &header.inner else {
            panic!("Header is no struct");
        };
        let there: Vec<&str> = members.iter().filter_map(|m| m.name.as_deref()).collect();
        let (index, there) = there.split_last().expect("members");
        assert_eq!((*index, there), ("index", FIELDS));
        for (i, member) in members.iter().enumerate() {
            assert_eq!(member.offset as usize, 4 * i, "{:?}", member.name);
        }
        assert_eq!(4 * FIELDS.len(), size_of::<Header>(), "the indices follow at once");
    }

    /// And every member of the CUDA struct.
    #[test]
    fn layout_is_that_of_the_cuda_kernels() {
        let text = include_str!("../../../cuda/header.cuh");
        let body = text.split_once("struct Header {").expect("a struct").1;
        let body = body.split_once('}').expect("its end").0;
        let there: Vec<&str> = body
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with("//"))
            .flat_map(|line| line.strip_prefix("u32 ").expect("words alone").split([',', ';']))
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect();
        assert_eq!(there, FIELDS);
    }
}
