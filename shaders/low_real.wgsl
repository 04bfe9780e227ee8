// `low` is `real`: the same precision throughout.

alias low = real;
const L_0: low = R_0;
const L_1: low = R_1;

fn l_from(x: f32) -> low { return r_from(x); }
fn l_hi(a: low) -> f32 { return r_hi(a); }
fn l_of(a: real) -> low { return a; }
fn r_of(a: low) -> real { return a; }
fn l_neg(a: low) -> low { return r_neg(a); }
fn l_add(a: low, b: low) -> low { return r_adds(a, b); }
fn l_sub(a: low, b: low) -> low { return r_sub(a, b); }
fn l_mul(a: low, b: low) -> low { return r_mul(a, b); }
fn l_div(a: low, b: low) -> low { return r_div(a, b); }
