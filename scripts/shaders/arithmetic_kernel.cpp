// naga's Metal text of the kernel `arithmetic`, TEXT, as a C++ function. Compiled by itself with the flags
// under test, so that no compiler sees what the host's zero is.
#include TEXT

#include <type_traits>

namespace {
struct Buffers {
    const void *header;
    const void *inputs;
    void *outputs;
    metal::uint invocation;
};

// What an argument is can be told from its type, so naga may order them as it likes.
template <class Argument> Argument give(const Buffers &buffers) {
    using Plain = std::remove_cv_t<std::remove_reference_t<Argument>>;
    if constexpr (std::is_same_v<Argument, metal::uint3>) {
        return {buffers.invocation, 0, 0};
    } else if constexpr (std::is_same_v<Plain, Header>) {
        return *static_cast<const Header *>(buffers.header);
    } else if constexpr (std::is_same_v<Plain, _mslBufferSizes>) {
        // every invocation asked for is inside
        static const _mslBufferSizes large = [] {
            _mslBufferSizes sizes;
            std::memset(&sizes, 0x7f, sizeof sizes);
            return sizes;
        }();
        return large;
    } else if constexpr (std::is_const_v<std::remove_reference_t<Argument>>) {
        return *static_cast<const Plain *>(buffers.inputs);
    } else {
        return *static_cast<Plain *>(buffers.outputs);
    }
}

template <class... Arguments> void call(void (*entry)(Arguments...), const Buffers &buffers) {
    entry(give<Arguments>(buffers)...);
}
}

extern "C" void run(const void *header, const void *inputs, void *outputs, unsigned count) {
    for (unsigned i = 0; i < count; ++i) call(arithmetic, {header, inputs, outputs, i});
}
