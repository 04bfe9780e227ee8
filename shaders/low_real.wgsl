// `low` is `real`: the same precision throughout.
alias low = real;
