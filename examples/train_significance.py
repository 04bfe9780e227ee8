"""A network trained on what an analysis wants: the expected limit, with the systematic uncertainties profiled.

Signal and background are two overlapping Gaussians in the plane. An uncertainty of the background moves its mean along
one axis (a histosys, whose templates go through the network as well), its normalisation is known to 10 %. A classifier
trained on binary cross-entropy puts all background together; one trained on the expected upper limit, or on the
expected significance, also keeps apart a region that tells how far the background has moved. All three have the same
network, the same initial weights and the same batches.

    python examples/train_significance.py [--epochs 20] [--seed 1] [--out train_significance.png]

It needs neyman[torch] and matplotlib, and a minute. The idea is that of INFERNO (arXiv:1806.04743) and neos
(arXiv:2203.05570); here the statements are fitted, and their gradients exact.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import neyman.differentiable
import neyman.torch

N_SIGNAL, N_BACKGROUND = 30.0, 150.0
# background in each bin besides: where none is expected a single event of signal would be proof
FLOOR = 0.1
EDGES = np.linspace(0.0, 1.0, 9)
# means of signal and background; how far the uncertainty moves the background's at one standard deviation
SIGNAL, BACKGROUND, SHIFT = (1.0, 1.0), (-0.5, -0.5), (0.0, 1.0)
BATCHES, BATCH = 20, 2000
# the order of the templates in a histogram
TEMPLATES = ("signal", "background", ("background", "shift", "hi"), ("background", "shift", "lo"))


def workspace() -> dict[str, Any]:
    """One channel. Counts are placeholders: the templates are inputs, and data those expected for them."""
    n = len(EDGES) - 1
    flat = [N_BACKGROUND / n] * n
    shift = {"hi_data": flat, "lo_data": flat}
    background = [
        {"name": "shift", "type": "histosys", "data": shift},
        {"name": "norm", "type": "normsys", "data": {"hi": 1.1, "lo": 1 / 1.1}},
    ]
    samples = [
        {
            "name": "signal",
            "data": [N_SIGNAL / n] * n,
            "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
        },
        {"name": "background", "data": flat, "modifiers": background},
    ]
    return {
        "channels": [{"name": "network", "samples": samples}],
        "observations": [{"name": "network", "data": flat}],
        "measurements": [{"name": "training", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


def events(n: int, random: torch.Generator) -> Tensor:
    """Signal, background, and the background with its mean moved up and down, ``[4, n, 2]``."""
    noise = torch.randn((2, n, 2), generator=random)
    signal, background = noise[0] + torch.tensor(SIGNAL), noise[1] + torch.tensor(BACKGROUND)
    shift = torch.tensor(SHIFT)
    return torch.stack((signal, background, background + shift, background - shift))


def yields(shares: Any) -> Any:
    """Shares of the events in bins, ``[4, n_bins]``, as counts of the templates one after the other."""
    as_they_are = torch.tensor if isinstance(shares, Tensor) else np.array
    total = as_they_are([[N_SIGNAL], [N_BACKGROUND], [N_BACKGROUND], [N_BACKGROUND]])
    return (shares * total + as_they_are([[0.0], [FLOOR], [FLOOR], [FLOOR]])).reshape(-1)


def expected_limit(network: nn.Module, held_out: Tensor, session: neyman.torch.DifferentiableSession) -> float:
    """Median upper limit without a signal, with a usual histogram of events that were not trained on."""
    with torch.no_grad():
        outputs = network(held_out).squeeze(-1).sigmoid().numpy()
    shares = np.array([np.histogram(row, EDGES)[0] / len(row) for row in outputs])
    data = neyman.differentiable.Asimov(0.0)
    limit, _ = neyman.differentiable.upper_limit(yields(shares), session, quantile=0.0, data=data)
    return float(limit)


def train(
    objective: str, epochs: int, seed: int, session: neyman.torch.DifferentiableSession
) -> tuple[list[float], nn.Module]:
    """The expected limit after each epoch, and the network."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
    random = torch.Generator().manual_seed(seed + 1)
    held_out = events(100_000, torch.Generator().manual_seed(seed + 2))
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    soft = neyman.torch.SoftHistogram(EDGES, bandwidth=0.03, flow=True)
    significance = None if objective == "cross-entropy" else neyman.torch.SignificanceLoss(session, objective)
    path = [expected_limit(network, held_out, session)]
    for _ in range(epochs):
        for _ in range(BATCHES):
            outputs = network(events(BATCH, random)).squeeze(-1)
            if significance is None:
                truth = torch.stack((torch.ones(BATCH), torch.zeros(BATCH)))
                loss = nn.functional.binary_cross_entropy_with_logits(outputs[:2], truth)
            else:
                loss = significance(yields(soft(outputs.sigmoid()) / BATCH))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        path.append(expected_limit(network, held_out, session))
    return path, network


def draw(paths: dict[str, list[float]], networks: dict[str, nn.Module], out: str) -> None:
    """Limits against epochs, and what each network looks at."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 1 + len(paths), figsize=(4.2 * (1 + len(paths)), 3.8), layout="constrained")
    for name, path in paths.items():
        axes[0].plot(path, label=name)
    axes[0].set(xlabel="epoch", ylabel=r"expected upper limit on $\mu$")
    last = [path[-1] for path in paths.values()]
    axes[0].set_ylim(0.9 * min(last), 1.3 * max(last))
    axes[0].legend(title="trained on")
    line = torch.linspace(-4, 4, 200)
    x, y = torch.meshgrid(line, line, indexing="xy")
    for axis, (name, network) in zip(axes[1:], networks.items(), strict=True):
        with torch.no_grad():
            output = network(torch.stack((x, y), -1)).squeeze(-1).sigmoid()
        image = axis.pcolormesh(x.numpy(), y.numpy(), output.numpy(), vmin=0, vmax=1, rasterized=True)
        axis.plot(*SIGNAL, "r*", label="signal")
        axis.plot(*BACKGROUND, "wo", label="background")
        for sign in (-1, 1):
            moved = [b + sign * s for b, s in zip(BACKGROUND, SHIFT, strict=True)]
            axis.plot(*moved, "w^" if sign > 0 else "wv")
        axis.set(title=name, xlabel="$x_1$", ylabel="$x_2$")
    axes[1].legend(loc="lower right", facecolor="0.6")
    figure.colorbar(image, ax=axes[1:].tolist(), label="output of the network")
    figure.savefig(out, dpi=120)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Train, draw, and return the last limits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", default="train_significance.png")
    options = parser.parse_args(arguments)
    session = neyman.torch.create_session(workspace(), TEMPLATES)
    paths, networks = {}, {}
    for objective in ("cross-entropy", "asimov_z0", "upper_limit"):
        paths[objective], networks[objective] = train(objective, options.epochs, options.seed, session)
        print(f"trained on {objective:14} expected upper limit {paths[objective][-1]:.4f}", flush=True)
    draw(paths, networks, options.out)
    return {objective: path[-1] for objective, path in paths.items()}


if __name__ == "__main__":
    main()
