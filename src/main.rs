//! The `neyman` command.
fn main() {}
