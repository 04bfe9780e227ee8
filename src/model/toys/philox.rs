//! Philox4x32-10, a counter-based generator: a block of random bits is a function of key and counter
//! and of nothing before it (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2,
//! 3", SC11, doi:10.1145/2063384.2063405).

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// Weyl sequence of the key: golden ratio and sqrt(3) - 1.
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// The 128 random bits at `counter` under `key`.
#[inline]
pub(super) fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..ROUNDS {
        let first = u64::from(MULTIPLIERS[0]) * u64::from(c0);
        let second = u64::from(MULTIPLIERS[1]) * u64::from(c2);
        c0 = (second >> 32) as u32 ^ c1 ^ k0;
        c1 = second as u32;
        c2 = (first >> 32) as u32 ^ c3 ^ k1;
        c3 = first as u32;
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0, c1, c2, c3]
}

/// The two 64-bit words of block `block`, stream `stream`, of toy `toy` of seed `seed`.
#[inline]
pub(crate) fn words(seed: u64, toy: u64, block: u32, stream: u32) -> [u64; 2] {
    let bits = philox4x32(
        [toy as u32, (toy >> 32) as u32, block, stream],
        [seed as u32, (seed >> 32) as u32],
    );
    let join = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
    [join(bits[0], bits[1]), join(bits[2], bits[3])]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors for `philox4x32 10` in Random123's `kat_vectors`.
    #[test]
    fn known_answers() {
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (pi, [0xa409_3822, 0x299f_31d0], [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(philox4x32(counter, key), expected);
        }
    }
}
