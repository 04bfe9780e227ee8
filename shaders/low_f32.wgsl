// `low` is f32: what only steers a fit. Stands with real_df64.wgsl.

alias low = f32;
const L_0: low = 0.0;
const L_1: low = 1.0;

fn l_from(x: f32) -> low { return x; }
fn l_hi(a: low) -> f32 { return a; }
// the high word is the pair rounded
fn l_of(a: real) -> low { return r_hi(a); }
fn r_of(a: low) -> real { return r_from(a); }
fn l_neg(a: low) -> low { return -a; }
fn l_add(a: low, b: low) -> low { return a + b; }
fn l_sub(a: low, b: low) -> low { return a - b; }
fn l_mul(a: low, b: low) -> low { return a * b; }
fn l_div(a: low, b: low) -> low { return a / b; }
