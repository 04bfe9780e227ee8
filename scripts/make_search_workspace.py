#!/usr/bin/env python3
"""Writes examples/search.json: an invented search with the structure of a real one.

The numbers are made up; sizes, correlations and modifier types are those of an LHC search for
a Higgs boson decaying to b quarks beside a vector boson. Standard library only, same bytes on every
machine:

    python3 scripts/make_search_workspace.py
"""

import json
import math
import pathlib
import random

SEED = 20251
MU = 1.0
LUMI = 0.02

# channel: bins, yields per sample over all bins
CHANNELS = {
    "CR_multijet": (4, {"ttbar": 180, "Wjets": 420, "Zjets": 90, "multijet": 3000}),
    "CR_top_1L": (4, {"ttbar": 5200, "singletop": 640, "Wjets": 260, "other": 60, "multijet": 160}),
    "CR_top_2L": (2, {"ttbar": 2600, "singletop": 120, "Zjets": 70, "other": 40}),
    "CR_Z_2L": (3, {"Zjets": 3900, "ttbar": 420, "diboson": 130, "other": 30, "signal": 9}),
    "SR_0L_high": (8, {"signal": 44, "Zjets": 620, "Wjets": 160, "ttbar": 210, "singletop": 48,
                       "diboson": 78, "other": 9}),
    "SR_0L_low": (6, {"signal": 62, "Zjets": 1900, "Wjets": 610, "ttbar": 1500, "singletop": 230,
                      "diboson": 150, "other": 30}),
    "SR_1L_high": (8, {"signal": 48, "Wjets": 520, "Zjets": 20, "ttbar": 640, "singletop": 150,
                       "diboson": 66, "other": 12, "fakes": 40}),
    "SR_1L_low": (6, {"signal": 66, "Wjets": 1700, "Zjets": 85, "ttbar": 4700, "singletop": 720,
                      "diboson": 140, "other": 45}),
    "SR_2L_high": (6, {"signal": 17, "Zjets": 430, "ttbar": 24, "diboson": 44, "other": 5}),
    "SR_2L_low": (5, {"signal": 25, "Zjets": 1600, "ttbar": 330, "diboson": 88, "other": 14}),
}
FREE = {"ttbar": "mu_ttbar", "Zjets": "mu_Zjets"}
DATA_DRIVEN = {"multijet", "fakes"}
HEAVY = {"signal", "Zjets", "Wjets", "diboson"}

# steepness of the discriminant: yield ~ exp(slope * x), x from 0 to 1
SLOPE = {"signal": 1.7, "diboson": 0.2, "Zjets": -1.5, "Wjets": -1.4, "ttbar": -1.9,
         "singletop": -1.7, "other": -1.1, "multijet": -2.0, "fakes": -1.2}

# detector systematics: correlated over all simulated samples and channels
# name: (normalisation, tilt of the discriminant) at one sigma
DETECTOR = {
    "JES_Modelling1": (0.021, 0.030), "JES_Modelling2": (0.009, -0.012),
    "JES_EtaIntercal": (0.011, 0.015), "JES_Flavour_Composition": (0.018, 0.022),
    "JES_Flavour_Response": (0.010, -0.014), "JES_Pileup_Rho": (0.014, 0.009),
    "JES_BJES": (0.013, 0.024), "JER_EffectiveNP1": (0.012, -0.020),
    "JER_EffectiveNP2": (0.006, 0.011), "MET_SoftTrk_Scale": (0.005, 0.008),
    "FT_EFF_B_0": (0.030, 0.016), "FT_EFF_B_1": (0.014, -0.010), "FT_EFF_B_2": (0.006, 0.007),
    "FT_EFF_C_0": (0.022, -0.012), "FT_EFF_C_1": (0.011, 0.008),
    "FT_EFF_Light_0": (0.016, 0.014), "FT_EFF_Light_1": (0.007, -0.006),
}
# modelling: shape systematics of one process
MODELLING = {
    "ttbar_PTreweight": ("ttbar", 0.0, -0.060), "ttbar_PartonShower": ("ttbar", 0.012, 0.045),
    "ttbar_MatrixElement": ("ttbar", 0.015, 0.035), "Zjets_Mbb": ("Zjets", 0.0, 0.050),
    "Zjets_PTV": ("Zjets", 0.0, 0.065), "Wjets_Mbb": ("Wjets", 0.0, 0.055),
    "Wjets_PTV": ("Wjets", 0.0, -0.070), "diboson_PartonShower": ("diboson", 0.02, 0.060),
    "singletop_Wt_DS": ("singletop", 0.02, -0.120), "signal_PartonShower": ("signal", 0.01, 0.040),
    "signal_NLO_EWK": ("signal", 0.0, -0.030),
}
# normsys: (samples, channel substring, down, up)
NORM = {
    "xsec_singletop": ({"singletop"}, "", 0.954, 1.046),
    "xsec_diboson": ({"diboson"}, "", 0.90, 1.11),
    "xsec_other": ({"other"}, "", 0.80, 1.22),
    "norm_Wjets": ({"Wjets"}, "", 0.77, 1.26),
    "norm_fakes": ({"fakes"}, "", 0.66, 1.40),
    "signal_QCDscale": ({"signal"}, "", 0.979, 1.019),
    "signal_PDF": ({"signal"}, "", 0.984, 1.016),
    "signal_BR_bb": ({"signal"}, "", 0.983, 1.017),
    "signal_acceptance_0L": ({"signal"}, "0L", 0.965, 1.034),
    "signal_acceptance_1L": ({"signal"}, "1L", 0.972, 1.029),
    "signal_acceptance_2L": ({"signal"}, "2L", 0.976, 1.025),
    "ttbar_extrapolation_0L": ({"ttbar"}, "0L", 0.93, 1.08),
    "ttbar_extrapolation_2L": ({"ttbar"}, "2L", 0.95, 1.05),
    "ttbar_extrapolation_high": ({"ttbar"}, "high", 0.92, 1.08),
    "Zjets_extrapolation_0L": ({"Zjets"}, "0L", 0.93, 1.07),
    "Zjets_extrapolation_high": ({"Zjets"}, "high", 0.95, 1.05),
    "Wjets_extrapolation_0L": ({"Wjets"}, "0L", 0.95, 1.05),
    "Wjets_extrapolation_CR": ({"Wjets"}, "CR", 0.90, 1.10),
    "diboson_acceptance_2L": ({"diboson"}, "2L", 0.94, 1.06),
    "EL_EFF_ID": (None, "1L", 0.988, 1.012),
    "EL_EFF_Iso_2L": (None, "2L", 0.991, 1.009),
    "MU_EFF_Reco": (None, "L", 0.994, 1.006),
    "TRIG_MET": (None, "0L", 0.985, 1.015),
    "PRW_Datasf": (None, "", 0.992, 1.009),
}


def rounded(x):
    """Five significant digits: enough for made-up numbers."""
    return float(f"{x:.5g}")


def poisson(rng, rate):
    """Knuth's method in pieces of at most 30: only `random()` is the same in every Python."""
    count = 0
    while rate > 0:
        step = min(rate, 30.0)
        rate -= step
        limit, product = math.exp(-step), rng.random()
        while product > limit:
            count += 1
            product *= rng.random()
    return count


def template(rng, sample, bins, total):
    """A smooth discriminant with the wiggles of a finite simulation."""
    weights = [math.exp(SLOPE[sample] * (b + 0.5) / bins) * (1 + 0.04 * (rng.random() - 0.5))
               for b in range(bins)]
    return [rounded(total * w / sum(weights)) for w in weights]


def histosys(rng, name, data, norm, tilt):
    """Up and down templates: a change of yield and a tilt, not quite symmetric."""
    bins = len(data)
    scale = 0.7 + 0.6 * rng.random()
    sides = {}
    for side, sign in (("hi_data", 1.0), ("lo_data", -1.0)):
        skew = 1 + 0.15 * sign * (rng.random() - 0.3)
        sides[side] = [
            rounded(x * (1 + sign * skew * scale * (norm + tilt * (2 * (b + 0.5) / bins - 1))))
            for b, x in enumerate(data)
        ]
    return {"name": name, "type": "histosys", "data": sides}


def relevant(rng, channel, sample, total):
    """Effects on small samples are pruned, as analyses do."""
    share = CHANNELS[channel][1][sample] / total
    return sample == "signal" or share > 0.08 or (sample in HEAVY and share > 0.04)


def make_sample(rng, channel, sample, bins, total, channel_total):
    data = template(rng, sample, bins, total)
    modifiers = []
    if sample == "signal":
        modifiers.append({"name": "mu", "type": "normfactor", "data": None})
    if sample in FREE:
        modifiers.append({"name": FREE[sample], "type": "normfactor", "data": None})
    elif sample not in DATA_DRIVEN:
        modifiers.append({"name": "lumi", "type": "lumi", "data": None})
    if sample == "multijet":
        modifiers.append({"name": "multijet_shape", "type": "shapefactor", "data": None})
    if sample == "fakes":
        width = [rounded(0.25 * x + 0.4) for x in data]
        modifiers.append({"name": "fakes_method", "type": "shapesys", "data": width})
    for name, (samples, where, lo, hi) in NORM.items():
        simulated = sample not in DATA_DRIVEN
        if where in channel and (sample in samples if samples else simulated):
            modifiers.append({"name": name, "type": "normsys", "data": {"hi": hi, "lo": lo}})
    if sample not in DATA_DRIVEN and relevant(rng, channel, sample, channel_total):
        for name, (norm, tilt) in DETECTOR.items():
            modifiers.append(histosys(rng, name, data, norm, tilt))
    for name, (target, norm, tilt) in MODELLING.items():
        if sample == target:
            modifiers.append(histosys(rng, name, data, norm, tilt))
    if sample not in DATA_DRIVEN:
        # 6 to 14 events of simulation for one expected, never fewer than 60 in a bin
        width = [rounded(math.sqrt(x * x / max(60.0, x * (6 + 8 * rng.random())))) for x in data]
        modifiers.append({"name": f"staterror_{channel}", "type": "staterror", "data": width})
    return {"name": sample, "data": data, "modifiers": modifiers}


def main():
    rng = random.Random(SEED)
    channels, observations = [], []
    for channel, (bins, samples) in CHANNELS.items():
        total = sum(samples.values())
        made = [make_sample(rng, channel, s, bins, n, total) for s, n in samples.items()]
        channels.append({"name": channel, "samples": made})
        rates = [sum((MU if s["name"] == "signal" else 1.0) * s["data"][b] for s in made)
                 for b in range(bins)]
        observations.append({"name": channel, "data": [float(poisson(rng, r)) for r in rates]})
    parameters = [
        {"name": "lumi", "auxdata": [1.0], "sigmas": [LUMI], "inits": [1.0],
         "bounds": [[0.8, 1.2]]},
        {"name": "mu", "inits": [1.0], "bounds": [[-5.0, 10.0]]},
        {"name": "mu_ttbar", "inits": [1.0], "bounds": [[0.0, 5.0]]},
        {"name": "mu_Zjets", "inits": [1.0], "bounds": [[0.0, 5.0]]},
        {"name": "multijet_shape", "inits": [1.0] * 4, "bounds": [[0.0, 10.0]] * 4},
    ]
    measurement = {"name": "search", "config": {"poi": "mu", "parameters": parameters}}
    workspace = {"channels": channels, "observations": observations,
                 "measurements": [measurement], "version": "1.0.0"}
    path = pathlib.Path(__file__).resolve().parent.parent / "examples" / "search.json"
    path.write_text(json.dumps(workspace, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
