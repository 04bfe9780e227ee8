// Metal's names for clang's C++ for OpenCL, which has the same address spaces: syntax, types, address spaces
// and constness of naga's output are then checked. Prefixed to the text, whose `metal::` is removed.
#define kernel
#define device __global
#define constant __constant
#define threadgroup __local
#define thread __private
// names in one language, words of the other
#define local local_
#define global global_
#define private private_
#define generic generic_
// vectors are made with a cast
#define float2(...) ((float2)(__VA_ARGS__))
#define float3(...) ((float3)(__VA_ARGS__))
#define float4(...) ((float4)(__VA_ARGS__))
#define int2(...) ((int2)(__VA_ARGS__))
#define int3(...) ((int3)(__VA_ARGS__))
#define int4(...) ((int4)(__VA_ARGS__))
#define uint2(...) ((uint2)(__VA_ARGS__))
#define uint3(...) ((uint3)(__VA_ARGS__))
#define uint4(...) ((uint4)(__VA_ARGS__))
typedef int2 bool2;
typedef int3 bool3;
typedef int4 bool4;
template <class T, class U> T as_type(U from) {
    static_assert(sizeof(T) == sizeof(U), "as_type");
    union { U from; T to; } bits;
    bits.from = from;
    return bits.to;
}
float abs(float x);
float2 abs(float2 x);
float3 abs(float3 x);
float4 abs(float4 x);
float select(float no, float yes, bool condition);
uint select(uint no, uint yes, bool condition);
int select(int no, int yes, bool condition);
float saturate(float x);
namespace mem_flags { enum flags { mem_none, mem_device, mem_threadgroup }; }
void threadgroup_barrier(mem_flags::flags);
void simdgroup_barrier(mem_flags::flags);
// unlike OpenCL's, Metal's may be asked through a pointer to const
uint metal_atomic_load(const volatile __global atomic_uint *from, memory_order order);
uint metal_atomic_load(const volatile __local atomic_uint *from, memory_order order);
#define atomic_load_explicit metal_atomic_load
