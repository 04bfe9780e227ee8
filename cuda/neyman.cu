// All kernels, compiled as one text: scripts/ptx.py makes neyman.ptx of it.
#include "evaluate.cuh"
#include "events.cuh"
#include "fit.cuh"
#include "flow.cuh"
#include "outside.cuh"
#include "reduce.cuh"
#include "signal.cuh"
#include "tmd.cuh"
