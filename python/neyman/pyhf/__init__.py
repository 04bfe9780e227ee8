"""pyhf's own functions, with pyhf's arguments and return shapes, by neyman.

It has the names of ``pyhf.infer``: ``from neyman import pyhf as infer`` does for ``from pyhf import infer``.
Models may be of pyhf or of neyman. Each is compiled once and kept as long as pyhf's object lives.

Examples
--------
>>> import pyhf
>>> pdf = pyhf.simplemodels.uncorrelated_background([12.0, 11.0], [50.0, 52.0], [3.0, 7.0])
>>> data = [51, 48] + pdf.config.auxdata
>>> print(neyman.pyhf.hypotest(1.0, data, pdf).round(4))
0.0525
"""

from . import calculators, intervals, mle
from ._hypotest import hypotest
from ._optimizer import Optimizer, optimizer
from .intervals.upper_limits import upper_limit

__all__ = ["Optimizer", "calculators", "hypotest", "intervals", "mle", "optimizer", "upper_limit"]
