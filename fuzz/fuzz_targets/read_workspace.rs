//! `cargo fuzz run read_workspace`; give it `tests/data` as a corpus.

#![no_main]

#[path = "../target.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target::read_workspace(bytes));
