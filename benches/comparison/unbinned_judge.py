"""Events of the models of `unbinned.py`, and the one likelihood that judges all minima."""

import numpy as np
from scipy.special import ndtr

LO, HI = 60.0, 120.0


def peak(model, x, mu, sigma, alpha=None, n=None):
    """The normalised density of the signal."""
    t = (x - mu) / sigma
    if model == "gauss_exp":
        norm = ndtr((HI - mu) / sigma) - ndtr((LO - mu) / sigma)
        return np.exp(-0.5 * t * t) / (np.sqrt(2 * np.pi) * sigma * norm)
    tail = np.maximum(-t - alpha, 0.0)
    log = np.where(t > -alpha, -0.5 * t * t, -0.5 * alpha**2 - n * np.log1p(alpha * tail / n))
    core = np.sqrt(2 * np.pi) * (ndtr((HI - mu) / sigma) - ndtr(-alpha))
    far = (mu - LO) / sigma - alpha
    power = np.expm1((1 - n) * np.log1p(alpha * far / n)) / (1 - n)
    norm = sigma * (core + np.exp(-0.5 * alpha**2) * n / alpha * power)
    return np.exp(log) / norm


def nll(model, x, parameters):
    n_sig, n_bkg, mu, sigma, slope, *tail = parameters
    falling = slope * np.exp(slope * (x - LO)) / np.expm1(slope * (HI - LO))
    density = n_sig * peak(model, x, mu, sigma, *tail) + n_bkg * falling
    return n_sig + n_bkg - float(np.log(density).astype(np.longdouble).sum())


def sample(model, truth, n, random, n_sig=None):
    """`n` events in random order; the signal's share fluctuates unless it is given."""
    share, _, mu, sigma, slope, *tail = truth
    n_sig = random.binomial(n, share) if n_sig is None else n_sig
    grid = np.linspace(LO, HI, 200_001)
    density = peak(model, grid, mu, sigma, *tail)
    cumulated = np.concatenate([[0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    signal = np.interp(random.random(n_sig) * cumulated[-1], cumulated, grid)
    falling = np.expm1(slope * (HI - LO)) * random.random(n - n_sig)
    x = np.concatenate([signal, LO + np.log1p(falling) / slope])
    random.shuffle(x)
    return np.clip(x, LO, HI)
