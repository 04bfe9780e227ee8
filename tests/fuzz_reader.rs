//! A bounded run of the fuzz target: thousands of mutations of good and bad texts, the same on every
//! run. The open-ended search is `cargo fuzz run read_workspace`.

#[path = "../fuzz/target.rs"]
mod target;

use std::time::{Duration, Instant};

use target::read_workspace;

const MUTATIONS: u64 = 20_000;

/// No input of this size may take longer.
const MAX_TIME: Duration = Duration::from_secs(2);

const SEEDS: [&[u8]; 3] = [
    include_bytes!("data/all_modifiers.json"),
    include_bytes!("data/patch.json"),
    include_bytes!("data/patchset.json"),
];

/// Texts that are put in: numbers at the edges, broken tokens, keys that mean something.
const SNIPPETS: &[&[u8]] = &[
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"\"\"",
    b"0",
    b"-0",
    b"-1",
    b"1e400",
    b"1e-400",
    b"NaN",
    b"-Infinity",
    b"1e99999999999999999999",
    b"123456789012345678901234567890",
    b"0.1e",
    b"01",
    b"\"\\ud800\"",
    b"\"\\u0000\\u001b[31m\"",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"//",
    b",",
    b"]",
    b"}",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"\"mu\"",
    b"\"lumi\"",
    b"\"staterror\"",
    b"\"shapefactor\"",
    b"\"scale\"",
    b"\"own[0]\"",
    b"\"/channels/-\"",
    b"\"/channels/99999999999999999999\"",
    b"\"~2\"",
    b"\"copy\"",
    b"\"poi\": \"own\"",
    b"5e-324",
    b"1.7976931348623157e308",
    b"\"signal region\"",
    "\"\u{202e}\u{2028}\"".as_bytes(),
];

/// splitmix64 (Steele, Lea, Flood 2014): all that a mutation needs.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

fn mutate(text: &mut Vec<u8>, random: &mut Random) {
    let start = random.below(text.len());
    let end = (start + random.below(12)).min(text.len());
    let snippet = SNIPPETS[random.below(SNIPPETS.len())];
    match random.below(6) {
        0 => drop(text.splice(start..end, [])),
        1 => drop(text.splice(start..start, snippet.iter().copied())),
        2 => text.get_mut(start).into_iter().for_each(|byte| *byte ^= 1 << random.below(8)),
        3 => {
            let copied = text[start..(start + random.below(200)).min(text.len())].to_vec();
            let to = random.below(text.len());
            text.splice(to..to, copied);
        }
        // replaces a whole token: the document stays JSON more often than not
        _ => {
            let (start, end) = token(text, start);
            text.splice(start..end, snippet.iter().copied());
        }
    }
}

/// The number, word or string around or after a place.
fn token(text: &[u8], from: usize) -> (usize, usize) {
    let is_end = |byte: &u8| b"[]{},: \n".contains(byte);
    let start = text[from..].iter().position(|byte| !is_end(byte)).map_or(from, |at| from + at);
    let start = text[..start].iter().rposition(is_end).map_or(0, |at| at + 1);
    let end = if text.get(start) == Some(&b'"') {
        text[start + 1..].iter().position(|byte| *byte == b'"').map(|at| start + at + 2)
    } else {
        text[start..].iter().position(is_end).map(|at| start + at)
    };
    (start, end.unwrap_or(text.len()))
}

#[test]
fn mutations_neither_panic_nor_hang() {
    for seed in 0..MUTATIONS {
        let mut random = Random(seed);
        let mut text = SEEDS[random.below(SEEDS.len())].to_vec();
        for _ in 0..=random.below(4) {
            mutate(&mut text, &mut random);
        }
        let start = Instant::now();
        let result = std::panic::catch_unwind(|| read_workspace(&text));
        let shown = String::from_utf8_lossy(&text);
        assert!(result.is_ok(), "seed {seed} panics on:\n{shown}");
        assert!(start.elapsed() < MAX_TIME, "seed {seed} takes {:?}:\n{shown}", start.elapsed());
    }
}

#[test]
fn seeds_are_read() {
    for seed in SEEDS {
        read_workspace(seed);
    }
}
