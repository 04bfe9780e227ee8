# What all jobs of one run share. Toy i of a seed is the same data in every part, so PARTS may be anything.
WORKSPACE=${WORKSPACE:-search.json}
TOYS=${TOYS:-1000000}
PARTS=${PARTS:-100}
SEED=${SEED:-1}
# of `neyman toys`: from where toys are thrown, and what is tested
OPTIONS=(--mu 1 --test-mu 0)
# parts go there, and the whole
OUT=${OUT:-toys}
