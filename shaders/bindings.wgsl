// Memory shared by all kernels of a likelihood.

@group(0) @binding(1) var<storage, read> numbers: array<real>;
// per fit: main data, auxiliary data; then the start points
@group(0) @binding(2) var<storage, read> data: array<real>;
// working memory slot by slot, then results
@group(0) @binding(3) var<storage, read_write> reals: array<real>;
@group(0) @binding(4) var<storage, read_write> lows: array<low>;
@group(0) @binding(5) var<storage, read_write> control: array<atomic<u32>>;

// invocations of a workgroup: all work on one dataset
const W: u32 = 64u;
const NONE: u32 = 0xffffffffu;
