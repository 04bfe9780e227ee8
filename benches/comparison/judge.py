"""The judge: pyhf's numpy likelihood, the same for every tool's answer."""

import numpy as np
import pyhf

from tool_pyhf import read, throw


def throw_main(text, n, seed):
    """Toys with main data fluctuated and auxiliary data as observed: what every tool can take."""
    pyhf.set_backend("numpy")
    model, _ = read(text)
    truth = np.asarray(model.config.suggested_init(), float)
    rng = np.random.default_rng(seed)
    toys = [throw(model, truth, rng, auxiliary=False) for _ in range(n)]
    return [{"main": main.tolist(), "aux": aux.tolist()} for main, aux in toys]


def read_toys(archive, n):
    """`n` toys spread over an archive of `neyman toys --with-data`: data, parameters, NLL."""
    with np.load(archive) as toys:
        names = [str(name) for name in toys["names"]]
        which = np.unique(np.linspace(0, len(toys["toy"]) - 1, n).round().astype(int))
        return [
            {
                "data": {"main": toys["main"][i].tolist(), "aux": toys["auxiliary"][i].tolist()},
                "parameters": dict(zip(names, toys["parameters"][i].tolist())),
                "nll": float(toys["nll"][i]),
            }
            for i in which
        ]


def judge(text, points):
    """NLL of each {"parameters", "data"}, and why a point may not stand as an answer.

    A point outside the bounds, or with a fixed parameter moved, can lie below the minimum.
    """
    pyhf.set_backend("numpy")
    model, observed = read(text)
    config = model.config
    low, high = np.asarray(config.suggested_bounds(), float).T
    fixed = np.asarray(config.suggested_fixed(), bool)
    init = np.asarray(config.suggested_init(), float)
    verdicts = []
    for point in points:
        missing = [name for name in config.par_names if name not in point["parameters"]]
        if missing:
            verdicts.append({"nll": None, "objection": f"no parameter named {missing[0]}"})
            continue
        x = np.asarray([point["parameters"][name] for name in config.par_names], float)
        data = point.get("data")
        data = observed if data is None else np.concatenate([data["main"], data["aux"]])
        objection = None
        if np.any((x < low - 1e-9) | (x > high + 1e-9)):
            objection = "outside its bounds"
        elif np.any(np.abs(x - init)[fixed] > 1e-9):
            objection = "moved a fixed parameter"
        value = -float(np.asarray(model.logpdf(x, data)).item())
        if not np.isfinite(value):
            value, objection = None, "not a finite likelihood"
        verdicts.append({"nll": value, "objection": objection})
    return {
        "verdicts": verdicts,
        "poi": config.poi_name,
        "nll_at_init": -float(np.asarray(model.logpdf(init, observed)).item()),
        "parameters": config.npars,
        "bins": int(sum(config.channel_nbins.values())),
    }
