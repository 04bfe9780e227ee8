// `low` is f32: what only steers a fit.
alias low = f32;
