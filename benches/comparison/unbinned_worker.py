"""One peer, one piece of work of `unbinned.py`; prints one line of JSON.

    unbinned_worker.py TOOL MODEL EVENTS REPEATS START... [--toys COUNTS N]
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

LO, HI = 60.0, 120.0
NAMES = ["n_sig", "n_bkg", "mu", "sigma", "lambda", "alpha", "n"]
LIMITS = [(0, None), (0, None), (80, 100), (0.5, 10), (-0.2, -1e-4), (0.1, 5), (1.01, 50)]


class Iminuit:
    """ExtendedUnbinnedNLL of numba-stats' densities, as the manuals of both have it."""

    def __init__(self, model):
        from iminuit import cost
        from numba_stats import crystalball, truncexpon, truncnorm

        self.cost = cost.ExtendedUnbinnedNLL

        def gauss_exp(x, n_sig, n_bkg, mu, sigma, slope):
            signal = truncnorm.pdf(x, LO, HI, mu, sigma)
            return n_sig + n_bkg, n_sig * signal + n_bkg * truncexpon.pdf(x, LO, HI, LO, -1 / slope)

        def cb_exp(x, n_sig, n_bkg, mu, sigma, slope, alpha, n):
            edges = crystalball.cdf(np.array([LO, HI]), alpha, n, mu, sigma)
            signal = crystalball.pdf(x, alpha, n, mu, sigma) / (edges[1] - edges[0])
            return n_sig + n_bkg, n_sig * signal + n_bkg * truncexpon.pdf(x, LO, HI, LO, -1 / slope)

        self.density = {"gauss_exp": gauss_exp, "cb_exp": cb_exp}[model]

    def fit(self, x, start):
        from iminuit import Minuit

        minuit = Minuit(self.cost(x, self.density), *start)
        return finish(minuit, start)


def finish(minuit, start):
    limits = [(low, 10 * (start[0] + start[1]) if high is None else high) for low, high in LIMITS]
    minuit.limits = limits[: len(start)]
    minuit.migrad()
    minuit.hesse()
    return list(minuit.values), list(minuit.errors), bool(minuit.valid)


class Fused:
    """iminuit with one loop by hand: likelihood and exact gradient in numba."""

    def __init__(self, model):
        if model != "gauss_exp":
            raise SystemExit("written by hand for gauss_exp alone")
        import numba

        self.kernel = numba.njit(fastmath=True)(fused)

    def fit(self, x, start):
        from iminuit import Minuit

        def value(*theta):
            return self.kernel(x, *theta)[0]

        def gradient(*theta):
            return self.kernel(x, *theta)[1]

        minuit = Minuit(value, *start, grad=gradient, name=NAMES[:5])
        minuit.errordef = 0.5
        return finish(minuit, start)


def fused(x, n_sig, n_bkg, mu, sigma, slope):
    root = np.sqrt(2.0)
    a, b = (LO - mu) / sigma, (HI - mu) / sigma
    z = 0.5 * (math_erf(b / root) - math_erf(a / root))
    p_a = np.exp(-0.5 * a * a) / np.sqrt(2 * np.pi)
    p_b = np.exp(-0.5 * b * b) / np.sqrt(2 * np.pi)
    by_mu, by_sigma = -(p_b - p_a) / sigma / z, -(b * p_b - a * p_a) / sigma / z
    top = 1 / (np.sqrt(2 * np.pi) * sigma * z)
    end = np.exp(slope * (HI - LO))
    fall = slope / (end - 1)
    by_slope = 1 / slope - (HI - LO) * end / (end - 1)
    log = 0.0
    g0 = g1 = g2 = g3 = g4 = 0.0
    for i in range(x.size):
        t = (x[i] - mu) / sigma
        d = x[i] - LO
        s = top * np.exp(-0.5 * t * t)
        e = fall * np.exp(slope * d)
        f = n_sig * s + n_bkg * e
        log += np.log(f)
        s /= f
        e /= f
        g0 += s
        g1 += e
        g2 += s * (t / sigma - by_mu)
        g3 += s * ((t * t - 1) / sigma - by_sigma)
        g4 += e * (d + by_slope)
    gradient = np.array([1 - g0, 1 - g1, -n_sig * g2, -n_sig * g3, -n_bkg * g4])
    return n_sig + n_bkg - log, gradient


from math import erf as math_erf  # noqa: E402  (numba takes it from the module)


class Zfit:
    """One loss whose data are replaced: faster than a new loss for every fit."""

    def __init__(self, model):
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        import zfit

        self.zfit, self.model, self.loss = zfit, model, None

    def prepare(self, x, start):
        z = self.zfit
        space = z.Space("mass", LO, HI)
        many = 10 * (start[0] + start[1])
        self.parameters = [
            z.Parameter(name, value, low, many if high is None else high)
            for name, value, (low, high) in zip(NAMES, start, LIMITS)
        ]
        n_sig, n_bkg, mu, sigma, slope, *tail = self.parameters
        if self.model == "gauss_exp":
            signal = z.pdf.Gauss(mu, sigma, obs=space, extended=n_sig)
        else:
            signal = z.pdf.CrystalBall(mu, sigma, *tail, obs=space, extended=n_sig)
        background = z.pdf.Exponential(slope, obs=space, extended=n_bkg)
        self.data = z.Data.from_numpy(obs=space, array=x)
        self.loss = z.loss.ExtendedUnbinnedNLL(z.pdf.SumPDF([signal, background]), self.data)
        self.minimizer = z.minimize.Minuit()

    def fit(self, x, start):
        if self.loss is None or x.size != self.size or not np.array_equal(x[:9], self.first):
            if self.loss is not None:
                space = self.zfit.Space("mass", LO, HI)
                model = self.loss.model[0]
                data = self.zfit.Data.from_numpy(obs=space, array=x)
                self.loss = self.zfit.loss.ExtendedUnbinnedNLL(model, data)
            else:
                self.prepare(x, start)
            self.size, self.first = x.size, x[:9].copy()
        for parameter, value in zip(self.parameters, start):
            parameter.set_value(value)
        found = self.minimizer.minimize(self.loss)
        errors = found.hesse(name="hesse")
        values = [float(found.params[p]["value"]) for p in self.parameters]
        sigmas = [float(errors[p]["error"]) for p in self.parameters]
        return values, sigmas, bool(found.valid)


class NextStat:
    """Yields as 1 times their start: from free numbers of events its minimizer does not move."""

    def __init__(self, model):
        import nextstat

        self.nextstat, self.model, self.key = nextstat, model, None
        self.minimizer = nextstat.MaximumLikelihoodEstimator()
        self.folder = Path(tempfile.mkdtemp())

    def prepare(self, x, start):
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.folder / "events.parquet"
        pq.write_table(pa.table({"mass": x}), path)
        scales = [1.0, 1.0, *start[2:]]
        limits = [(0, 10), (0, 10), *LIMITS[2:]]
        parameters = [
            {"name": name, "init": value, "bounds": list(limit)}
            for name, value, limit in zip(NAMES, scales, limits)
        ]
        kind = "gaussian" if self.model == "gauss_exp" else "crystal_ball"
        shape = ["mu", "sigma"] + (["alpha", "n"] if kind == "crystal_ball" else [])
        processes = [
            (kind, shape, "n_sig", start[0]),
            ("exponential", ["lambda"], "n_bkg", start[1]),
        ]
        specification = {
            "schema_version": "nextstat_unbinned_spec_v0",
            "model": {"parameters": parameters},
            "channels": [
                {
                    "name": "SR",
                    "data": {"file": str(path)},
                    "observables": [{"name": "mass", "bounds": [LO, HI]}],
                    "processes": [
                        {
                            "name": f"from_{scale}",
                            "pdf": {"type": kind, "observable": "mass", "params": shape},
                            "yield": {"type": "scaled", "base_yield": base, "scale": scale},
                        }
                        for kind, shape, scale, base in processes
                    ],
                }
            ],
        }
        file = self.folder / "model.json"
        file.write_text(json.dumps(specification))
        self.unbinned = self.nextstat.UnbinnedModel.from_config(str(file))

    def fit(self, x, start):
        found = self.minimizer.fit(self.unbinned)
        by = np.ones(len(start))
        by[:2] = start[:2]
        values = list(np.array(found.parameters) * by)
        return values, list(np.array(found.uncertainties) * by), bool(found.converged)


TOOLS = {"iminuit": Iminuit, "fused": Fused, "zfit": Zfit, "nextstat": NextStat}


def main():
    tool, model, path, repeats, *rest = sys.argv[1:]
    events = np.fromfile(path)
    toys = [events]
    if "--toys" in rest:
        at = rest.index("--toys")
        counts = np.fromfile(rest[at + 1], dtype=np.uint64)[: int(rest[at + 2])].astype(int)
        toys = np.split(events[: counts.sum()], np.cumsum(counts)[:-1])
        rest = rest[:at]
    start = [float(value) for value in rest]
    try:
        worker = TOOLS[tool](model)
    except ImportError as error:
        raise SystemExit(f"not installed: {error.name}") from error
    prepare = getattr(worker, "prepare", None)
    cpu, converged = [], 0
    for i in range(int(repeats) + 1):
        # the first round compiles, and is not counted; of toys one is enough for that
        used, converged = 0.0, 0
        for x in toys[:1] if i == 0 else toys:
            if prepare and tool == "nextstat":
                prepare(x, start)
            before = time.process_time()
            values, errors, valid = worker.fit(np.ascontiguousarray(x), start)
            used += time.process_time() - before
            converged += valid
        cpu.append(used)
    answer = {"parameters": values, "errors": errors, "converged": converged}
    print(json.dumps(answer | {"cpu": min(cpu[1:])}))


if __name__ == "__main__":
    main()
