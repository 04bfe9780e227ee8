// Runs the kernel `arithmetic` on pseudo-random double-floats and compares with exact arithmetic. Fails where an
// error-free transform has an error, or a function more than its bound. Compiled without any of the flags under test.
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#if LDBL_MANT_DIG >= 113
using Quad = long double;
#else
using Quad = __float128;
#endif

extern "C" void run(const void *header, const void *inputs, void *outputs, unsigned count);

namespace {
// a value as the kernels hold it: hi + lo
struct Real {
    float hi, lo;
    Quad exact() const { return Quad(hi) + Quad(lo); }
};

std::uint64_t state = 20260101;
// splitmix64
std::uint64_t random_bits() {
    std::uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}
double uniform() { return double(random_bits() >> 11) * 0x1p-53; }
double magnitude(int range) { return std::ldexp(1 + uniform(), int(random_bits() % unsigned(2 * range + 1)) - range); }
double either_sign(double x) { return random_bits() & 1 ? x : -x; }

Real split(double x) {
    const float hi = float(x);
    return {hi, float(x - double(hi))};
}
// a high word of ones alone
float ones(int exponent) { return std::ldexp(float(0xffffff), exponent - 23); }

constexpr unsigned PAIRS = 200000;
const char *const FAMILIES[] = {"2^+-3", "2^+-30", "near-cancelling", "all-ones mantissas"};

void make_pair(int family, Real &a, Real &b) {
    switch (family) {
    case 0:
    case 1: {
        const int range = family == 0 ? 3 : 30;
        a = split(either_sign(magnitude(range)));
        b = split(either_sign(magnitude(range)));
        break;
    }
    case 2: {
        const double x = either_sign(magnitude(3));
        a = split(x);
        b = split(-x * (1 + either_sign(std::ldexp(uniform(), -int(random_bits() % 40)))));
        break;
    }
    default:
        a = {ones(int(random_bits() % 7) - 3), 0};
        b = {ones(int(random_bits() % 7) - 3), 0};
        a.lo = std::ldexp(a.hi, -25);
        if (random_bits() & 1) b = {-b.hi, b.lo};
    }
}

// What the kernel writes for each pair, in this order.
enum Operation { TWO_SUM, TWO_PROD, ADD, SUB, ADDS, MUL, MULF, DIV, EXP, LOG, DEVIANCE, SPREAD, LOW, COMPARISONS, OPERATIONS };
struct Rule {
    const char *name;
    // largest relative error; 0: exact, to the bit
    double bound;
};
const Rule RULES[OPERATIONS] = {{"two_sum", 0},   {"two_prod", 0}, {"add", 2e-14},  {"sub", 2e-14}, {"adds", 2e-14},
                                {"mul", 4e-14},   {"mulf", 4e-14}, {"div", 4e-14},  {"exp", 4e-14}, {"log", 5e-14},
                                {"deviance", 6e-13}, {"max-min", 2e-14}, {"low", 1e-13}, {"compare", 0}};

using Long = long double;
Quad magnitude_of(Quad x) { return x < 0 ? -x : x; }

// The kernel's argument of exp.
Long exponent(const Real &a) { return Long(a.exact()) * (std::fabs(a.hi) < 60 ? 1 : 0x1p-26L); }

// The kernel's argument of log.
Long log_argument(const Real &a) {
    const Long x = Long(magnitude_of(a.exact()));
    const float hi = std::fabs(a.hi);
    return hi > 0x1p20f ? x * 0x1p60L : hi < 0x1p-20f ? x * 0x1p-60L : x;
}

// nu - n - n ln(nu/n) = n (x - ln(1 + x)) with x = (nu - n)/n, near 0 by its series.
Long deviance(Quad nu, Quad n) {
    const Long x = Long((nu - n) / n);
    if (std::fabs(x) > 0.25L) return Long(nu - n) - Long(n) * std::log(Long(nu / n));
    Long sum = 0;
    for (int k = 40; k > 1; --k) sum = 1.0L / k - x * sum;
    return Long(n) * x * x * sum;
}

// a < b, b < a, a == b, neither bad; then three that tell infinity, NaN and an overflow from numbers.
int comparisons(const Real &a, const Real &b) {
    return (a.exact() < b.exact()) | (b.exact() < a.exact()) << 1 | (a.exact() == b.exact()) << 2 | 7 << 4;
}

// What is wanted, and what its error is divided by.
void wanted(int operation, const Real &a, const Real &b, Quad &value, Quad &scale) {
    const Quad x = a.exact(), y = b.exact();
    scale = 0;
    switch (operation) {
    case TWO_SUM: value = Quad(a.hi) + Quad(b.hi); break;
    case TWO_PROD: value = Quad(a.hi) * Quad(b.hi); break;
    case ADD: value = x + y; break;
    case SUB: value = x - y; break;
    case ADDS: value = x + y; scale = magnitude_of(x) + magnitude_of(y); break;
    case MUL: value = x * y; break;
    case MULF: value = x * Quad(b.hi); break;
    case DIV: value = x / y; break;
    case EXP: value = std::exp(exponent(a)); break;
    case LOG: value = std::log(log_argument(a)); break;
    // smaller ones reach below what a pair of f32 holds in full
    case DEVIANCE: value = deviance(magnitude_of(x), magnitude_of(y)); scale = std::fmax(Long(value), 1.3e-23L); break;
    case SPREAD: value = magnitude_of(x - y); break;
    case LOW: value = x * x + 1; break;
    default: value = comparisons(a, b);
    }
    if (scale == 0) scale = magnitude_of(value);
}

double relative_error(Quad got, Quad want, Quad scale) {
    const Quad difference = magnitude_of(got - want);
    if (difference == 0) return 0;
    const double error = double(difference / (scale == 0 ? Quad(1) : scale));
    // not a number is wrong
    return error == error ? error : HUGE_VAL;
}
}

int main() {
    alignas(16) const unsigned char header[1024] = {};
    std::vector<Real> inputs(2 * PAIRS), outputs(OPERATIONS * std::size_t(PAIRS));
    bool good = true;
    std::printf("%-19s", "");
    for (const Rule &rule : RULES) std::printf("%9s", rule.name);
    std::printf("\n");
    for (int family = 0; family < 4; ++family) {
        for (unsigned i = 0; i < PAIRS; ++i) make_pair(family, inputs[2 * i], inputs[2 * i + 1]);
        run(header, inputs.data(), outputs.data(), PAIRS);
        std::printf("%-19s", FAMILIES[family]);
        for (int operation = 0; operation < OPERATIONS; ++operation) {
            double worst = 0;
            unsigned wrong = 0;
            for (unsigned i = 0; i < PAIRS; ++i) {
                Quad want, scale;
                wanted(operation, inputs[2 * i], inputs[2 * i + 1], want, scale);
                const double error = relative_error(outputs[OPERATIONS * std::size_t(i) + operation].exact(), want, scale);
                wrong += error > RULES[operation].bound;
                worst = std::fmax(worst, error);
            }
            good = good && wrong == 0;
            if (RULES[operation].bound == 0) std::printf("%7u %c", wrong, wrong ? '!' : ' ');
            else std::printf(" %.1e%c", worst, wrong ? '!' : ' ');
        }
        std::printf("\n");
    }
    std::puts(good ? "exact and within bounds" : "WRONG where marked");
    return good ? 0 : 1;
}
