#!/usr/bin/env python3
"""Cross sections of 2031 points by MAP22's shapes with all 21 derivatives, by neyman.tmd and by JAX, in one run.

    python benches/tmd.py [--points 2031] [--nodes 64]

It needs neyman and jax; figures count only for a release build (`PROFILE=release scripts/python.sh`). JAX has the same
weights and nodes as constants and the shapes in `jax.numpy`, compiled before it is timed, in f64. One thread;
processor time, the least of the rounds, which the tools take in turns. Nothing asserts a time; the largest differences
stand beside.
"""

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from comparison import machine, report  # noqa: E402

# before either is read
os.environ.update(machine.THREADS)

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

import neyman  # noqa: E402

jax.config.update("jax_enable_x64", True)

# of the size of MAP22's central values: g2, the distribution's, the fragmentation function's
PARAMETERS = [
    *(0.25, 0.32, 1.1, 0.5, 1.9, 0.13, 0.016, 0.02, 4.3, 4.3, 0.42, 12.7),
    *(0.0044, 10.8, 0.007, 1.5, 0.061, 0.21, 3.2, 0.24, 0.0006),
]
ROUNDS = 15


def bells(g1, gb, a, u, third=None):
    """arXiv:2206.07598, equations 30 and 31."""
    value = g1 * jnp.exp(-g1 * u / 4) + a * gb**2 * (1 - gb * u / 4) * jnp.exp(-gb * u / 4)
    norm = g1 + a * gb**2
    if third is not None:
        gc, c = third
        value, norm = value + c * gc * jnp.exp(-gc * u / 4), norm + c * gc
    return value / norm


def distribution(p, x, b2):
    """Equation 30 with the widths of 32."""

    def width(norm, alpha, sigma):
        return norm * (x / 0.1) ** sigma * ((1 - x) / 0.9) ** (alpha**2)

    g1, gb, gc = width(p[0], p[1], p[2]), width(p[4], p[7], p[9]), width(p[5], p[8], p[10])
    return bells(g1, gb, p[3] ** 2, b2, (gc, p[6] ** 2))


def fragmentation(p, z, b2):
    """Equation 31 with the widths of 33."""

    def width(norm, beta, delta, gamma):
        above, below = z**beta + delta**2, 0.5**beta + delta**2
        return norm * above / below * ((1 - z) / 0.5) ** (gamma**2)

    return bells(width(*p[:4]), width(*p[5:9]), p[4] / z**2, b2 / z**2)


def points(n):
    part = lambda k: (np.arange(n) * k % n) / n  # noqa: E731
    columns = {"x": 0.01 + 0.5 * part(7), "z": 0.2 + 0.5 * part(11), "Q2": 1.5 + 20 * part(13), "PhT": 0.05 + 0.6 * part(17)}
    return {name: column.tolist() for name, column in columns.items()}


def plan_of(n, nodes):
    fnp = {
        "zeta": "Q2",
        "evolution": {"init_g2": PARAMETERS[0]},
        "flavors": {"u": {"shape": "map22_pdf", "init_params": PARAMETERS[1:12]}},
        "fragmentation": {"shape": "map22_ff", "init_params": PARAMETERS[12:]},
    }
    config = {"luminosity": "ll1", "qToQcut": 1e6, "quadrature": {"rule": "sinh-gl", "nodes": nodes}}
    plan = neyman.tmd.Plan.from_yaml(config, {"header": {"Vs": 50.0}, "data": points(n)}, fnp)
    # a factor that both know
    return plan.with_luminosity(np.ones_like(plan.nodes().b))


def by_jax(plan):
    columns, nodes = plan.points, plan.nodes()
    x, z, q2, qt = (jnp.array(columns[name])[:, None] for name in ("x", "z", "Q2", "qT"))
    b2 = jnp.array(nodes.b**2)
    weight = 4 * np.pi * qt / (2 * jnp.sqrt(q2) * z) * jnp.array(nodes.weight)

    def predict(p):
        evolution = jnp.exp(-(p[0] ** 2) * b2 * jnp.log(q2) / 2)
        return (weight * evolution * distribution(p[1:12], x, b2) * fragmentation(p[12:], z, b2)).sum(axis=1)

    return jax.jit(predict), jax.jit(jax.jacfwd(predict))


def least(calls):
    """Processor seconds of each call."""
    found = dict.fromkeys(calls, float("inf"))
    for call in calls.values():
        call()
    for _ in range(ROUNDS):
        for name, call in calls.items():
            begin = time.process_time()
            call()
            found[name] = min(found[name], time.process_time() - begin)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--points", type=int, default=2031)
    parser.add_argument("--nodes", type=int, default=64)
    options = parser.parse_args()
    plan = plan_of(options.points, options.nodes)
    at = np.array(PARAMETERS)
    predict, jacobian = by_jax(plan)
    theirs = jnp.array(at)
    off = np.abs(np.asarray(predict(theirs)) / plan.xsec(at) - 1).max()
    slopes = plan.jacobian(at)
    apart = np.abs(np.asarray(jacobian(theirs)) - slopes).max() / np.abs(slopes).max()
    found = least(
        {
            "values": lambda: plan.xsec(at),
            "values jax": lambda: predict(theirs).block_until_ready(),
            "derivatives": lambda: plan.jacobian(at),
            "derivatives jax": lambda: jacobian(theirs).block_until_ready(),
        }
    )
    rows = [["work", "neyman.tmd", "JAX", "ratio", "largest difference"]]
    for what, difference in (("values", off), ("derivatives", apart)):
        ours, other = found[what], found[f"{what} jax"]
        rows.append([what, report.seconds(ours), report.seconds(other), f"{other / ours:.3g}", f"{difference:.1e}"])
    print(f"{plan.n_points} points, {options.nodes} nodes, {len(at)} parameters; jax {jax.__version__}\n")
    print(report.markdown(rows))
    on = machine.describe()
    print(f"\n{on['processor']}, {on['cores']} cores, 1-minute load {on['load_at_start']}")


if __name__ == "__main__":
    main()
