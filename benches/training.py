"""What a gradient costs: losses forward and backward, and a training step, beside JAX.

    python benches/training.py [--data FOLDER WITH atlas_tHu_fcnc.json] [--json out.json]

It needs neyman[torch,jax], pyhf, evermore and optimistix; figures count only for a release build (`PROFILE=release
scripts/python.sh`). Each is the median of seven rounds after a warm-up, taken in turns with its peers, in microseconds
of processor time.

- `nll`, `z0`, `asimov_z0`, `upper_limit`: of a workspace with 184 parameters, in the yields of its signal.
- `nll pyhf jax`: pyhf's own likelihood of that workspace under `jax.jit(jax.value_and_grad)`, its nominal rates
  replaced.
- `loss`, `loss jax`, `loss evermore`: the expected significance of the templates of the example, forward and backward.
- `step`: a training step of `examples/train_significance.py` (four times 2000 events, network, soft histogram,
  expected significance, Adam). `step jax`: the same in one jitted function, the likelihood written by hand since
  pyhf's cannot be built of traced templates. `step evermore`: the same function with a model of evermore's.

Both of JAX are profiled as evermore's examples do it, by optimistix' BFGS, but differentiated by the envelope theorem,
which takes less than implicit differentiation. Undamped Newton steps take less still, but diverge during this training
and leave a network of NaN.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import evermore
import jax
import jax.numpy as jnp
import numpy as np
import optimistix
import pyhf
import torch
from flax import nnx
from jax.scipy.special import gammaln
from jax.scipy.stats import norm

import neyman.torch

REPOSITORY = Path(__file__).parents[1]
SIGNAL = ["utH_dec", "utH_prod"]


def microseconds(calls: dict[str, tuple[Callable[[], Any], int]]) -> dict[str, float]:
    """A call of each, repeated as often as said. They take turns, since other work on the machine comes and goes."""
    rounds: dict[str, list[float]] = {name: [] for name in calls}
    for call, _ in calls.values():
        call()
    for _ in range(7):
        for name, (call, times) in calls.items():
            begin = time.process_time()
            for _ in range(times):
                call()
            rounds[name].append((time.process_time() - begin) / times * 1e6)
    return {name: statistics.median(taken) for name, taken in rounds.items()}


def losses(path: Path) -> dict[str, float]:
    session = neyman.torch.create_session(path, SIGNAL)
    signal = torch.tensor(session.nominal, requires_grad=True)
    nothing = neyman.torch.Asimov(0.0)
    calls = {
        "nll": (lambda: neyman.torch.nll_loss(signal, session), 500),
        "z0": (lambda: neyman.torch.z0_loss(signal, session), 20),
        "asimov_z0": (lambda: neyman.torch.asimov_z0_loss(signal, session), 20),
        "upper_limit": (lambda: neyman.torch.upper_limit_loss(signal, session, quantile=0.0, data=nothing), 10),
    }

    def both(loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
        def call() -> None:
            signal.grad = None
            loss().backward()

        return call

    ours = neyman.differentiable.nll(session.nominal, session)
    function, at = pyhf_nll(path, session)
    value, slopes = function(at)
    np.testing.assert_allclose(value, ours[0], rtol=1e-9)
    np.testing.assert_allclose(slopes, ours[1], rtol=1e-6, atol=1e-9)
    peer = {"nll pyhf jax": (lambda: function(at)[1].block_until_ready(), 100)}
    return microseconds({name: (both(loss), n) for name, (loss, n) in calls.items()} | peer)


def pyhf_nll(path: Path, session: Any) -> tuple[Any, Any]:
    """pyhf's likelihood and its gradient in the yields of some samples, and the nominal ones."""
    pyhf.set_backend("jax")
    workspace = pyhf.Workspace(json.loads(path.read_text()))
    codes = {"normsys": {"interpcode": "code4"}, "histosys": {"interpcode": "code4p"}}
    model = workspace.model(modifier_settings=codes)
    data, start = jnp.array(workspace.data(model)), jnp.array(model.config.suggested_init())
    main, first, bins = model.main_model, 0, {}
    nominal = jnp.array(main.nominal_rates)
    for channel in model.config.channels:
        bins[channel] = slice(first, first := first + model.config.channel_nbins[channel])

    @jax.jit
    @jax.value_and_grad
    def nll(yields: Any) -> Any:
        rates = nominal
        for sample, channel, span in session.layout:
            rates = rates.at[0, model.config.samples.index(sample), 0, bins[channel]].set(yields[span])
        main.nominal_rates = rates
        return -model.logpdf(start, data)[0]

    return nll, jnp.array(session.nominal)


def torch_step(example: Any) -> Callable[[], None]:
    session = neyman.torch.create_session(example.workspace(), example.TEMPLATES)
    network = torch.nn.Sequential(
        torch.nn.Linear(2, 32), torch.nn.ReLU(), torch.nn.Linear(32, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1)
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    soft = neyman.torch.SoftHistogram(example.EDGES, bandwidth=0.03, flow=True)
    loss = neyman.torch.SignificanceLoss(session, "asimov_z0")
    batch = example.events(example.BATCH, torch.Generator().manual_seed(1))

    def step() -> None:
        value = loss(example.yields(soft(network(batch).squeeze(-1).sigmoid()) / example.BATCH))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    return step


def best_fit(nll: Callable[[Any, Any], Any], start: Any, templates: Any) -> Any:
    """Where the NLL is least; by the envelope theorem its slopes need not be known."""
    solver = optimistix.BFGS(rtol=1e-5, atol=1e-7)
    found = optimistix.minimise(nll, solver, start, args=jax.lax.stop_gradient(templates))
    return jax.lax.stop_gradient(found.value)


def expected_significance(templates: Any) -> Any:
    """sqrt(q0) of data expected at mu = 1: the best fit is where they were made, the other one is found."""

    def nll(mu: float, nuisance: Any, templates: Any) -> Any:
        (shift, width), (signal, nominal, high, low) = nuisance, templates
        data = signal + nominal
        # code4p; the polynomial that code4 has inside one standard deviation is an exponential to 1e-4
        up, down = high - nominal, nominal - low
        bend = shift * shift * (3 * shift**4 - 10 * shift * shift + 15) / 16
        inside = shift * (up + down) / 2 + bend * (up - down)
        move = jnp.where(jnp.abs(shift) <= 1, inside, jnp.where(shift > 0, shift * up, shift * down))
        rates = mu * signal + (nominal + move) * jnp.exp(width * jnp.log(1.1))
        return jnp.sum(rates - data * jnp.log(rates) + gammaln(data + 1)) + 0.5 * jnp.sum(nuisance**2)

    held = best_fit(partial(nll, 0.0), jnp.zeros(2), templates)
    return jnp.sqrt(2 * (nll(0.0, held, templates) - nll(1.0, jnp.zeros(2), templates)))


class Model(nnx.Module):
    """The model of the example in evermore: its morphing is code4p, its log-normal an exponential throughout."""

    def __init__(self, mu: float) -> None:
        self.mu = evermore.Parameter(mu, frozen=True)
        self.shift = evermore.NormalParameter()
        self.norm = evermore.NormalParameter()

    def __call__(self, templates: Any) -> Any:
        signal, nominal, high, low = templates
        # one after the other: evermore 0.4.1 cannot compose them (`norm @ shift`) with jax 0.10
        moved = self.shift.morphing(up_template=high, down_template=low)(nominal)
        return self.mu.scale()(signal) + self.norm.scale_log_symmetric(kappa=1.1)(moved)


def evermore_significance(templates: Any) -> Any:
    """`expected_significance` with evermore's model, densities and constraints."""
    graph, nuisances, fixed = nnx.split(Model(0.0), evermore.filter.is_dynamic_parameter, ...)

    def nll(nuisances: Any, templates: Any) -> Any:
        model = nnx.merge(graph, nuisances, fixed)
        data = templates[0] + templates[1]
        main = evermore.pdf.PoissonContinuous(model(templates)).log_prob(data).sum()
        return -(main + evermore.util.sum_over_leaves(evermore.loss.get_log_probs(model)))

    # evermore's densities are relative to their maxima: the other NLL, where the data were made, is 0
    return jnp.sqrt(2 * nll(best_fit(nll, nuisances, templates), templates))


OPPONENTS = {"jax": expected_significance, "evermore": evermore_significance}


def jax_step(example: Any, significance: Callable[[Any], Any]) -> Callable[[], None]:
    sizes, keys = ((2, 32), (32, 32), (32, 1)), jax.random.split(jax.random.key(1), 3)
    weights = [
        (jax.random.uniform(key, size, minval=-1, maxval=1) / np.sqrt(size[0]), jnp.zeros(size[1]))
        for key, size in zip(keys, sizes, strict=True)
    ]
    weights = jax.tree.map(lambda w: w.astype(jnp.float32), weights)
    batch = jnp.array(example.events(example.BATCH, torch.Generator().manual_seed(1)).numpy())
    edges = jnp.array(example.EDGES[1:-1], dtype=jnp.float32)
    totals = jnp.array([[example.N_SIGNAL], *[[example.N_BACKGROUND]] * 3])
    floors = jnp.array([[0.0], *[[example.FLOOR]] * 3])

    def loss(weights: Any) -> Any:
        x = batch
        for matrix, offset in weights[:-1]:
            x = jax.nn.relu(x @ matrix + offset)
        outputs = jax.nn.sigmoid((x @ weights[-1][0] + weights[-1][1])[..., 0])
        below = norm.cdf((edges - outputs[..., None]) / 0.03)
        none = jnp.zeros_like(below[..., :1])
        shares = jnp.diff(jnp.concatenate((none, below, none + 1), -1), axis=-1).mean(axis=1)
        return -significance((shares * totals + floors).astype(jnp.float64))

    @jax.jit
    def step(state: Any) -> Any:
        weights, first, second, n = state
        value, slopes = jax.value_and_grad(loss)(weights)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slopes)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, slopes)
        scale = 3e-3 * jnp.sqrt(1 - 0.999**n) / (1 - 0.9**n)

        def move(weight: Any, m: Any, v: Any) -> Any:
            return (weight - scale * m / (jnp.sqrt(v) + 1e-8)).astype(weight.dtype)

        return (jax.tree.map(move, weights, first, second), first, second, n + 1), value

    zeros = jax.tree.map(jnp.zeros_like, weights)
    state = [(weights, zeros, zeros, 1)]

    def call() -> None:
        state[0], value = jax.block_until_ready(step(state[0]))
        if not math.isfinite(value):
            raise FloatingPointError("the training beside ours has failed; what it takes means nothing")

    return call


def significances(example: Any) -> dict[str, float]:
    """The loss alone, of templates; all sides compute the same."""
    session = neyman.torch.create_session(example.workspace(), example.TEMPLATES)
    random = np.random.default_rng(1)
    templates = np.array([random.uniform(1, 6, 8), *(random.uniform(15, 25, (3, 8)))])
    templates[2] = templates[1] * 1.1
    templates[3] = templates[1] * 0.95
    z, slopes = neyman.differentiable.asimov_z0(templates.ravel(), session)
    counts = torch.tensor(templates.ravel(), requires_grad=True)

    def ours() -> None:
        neyman.torch.asimov_z0_loss(counts, session).backward()

    calls: dict[str, tuple[Callable[[], Any], int]] = {"loss": (ours, 100)}
    given = jnp.array(templates)
    for name, significance in OPPONENTS.items():
        traced = jax.jit(jax.value_and_grad(significance))
        value, gradient = traced(given)
        np.testing.assert_allclose(value, z, rtol=1e-3)
        np.testing.assert_allclose(gradient.ravel(), slopes, rtol=1e-2, atol=1e-4)
        calls[f"loss {name}"] = partial(lambda f: jax.block_until_ready(f(given)), traced), 100
    return microseconds(calls)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("NEYMAN_DATA", "."), "workspaces"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    # handing each call to another thread costs 30 us of processor time, more than the loss
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    torch.set_num_threads(1)
    spec = importlib.util.spec_from_file_location("example", REPOSITORY / "examples" / "train_significance.py")
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    found = losses(options.data / "atlas_tHu_fcnc.json") | significances(example)
    peers = {f"step {name}": (jax_step(example, significance), 20) for name, significance in OPPONENTS.items()}
    found |= microseconds({"step": (torch_step(example), 20)} | peers)
    for name, value in found.items():
        print(f"{name:14} {value:9.0f} us")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
