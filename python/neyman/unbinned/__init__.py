"""Extended likelihoods of single events: models from a specification, their fits, and events from Parquet files.

>>> fit = search.fit()
>>> fit.status, round(fit["n_sig"]), round(fit["n_bkg"])
('converged', 306, 694)

The specification is YAML, JSON or a dict; ``docs/unbinned_spec_v1.schema.json`` describes it, and
[the how-to](../howto/unbinned.md) begins with one. Events come from Parquet files or as arrays.
`neyman.plot.unbinned` draws a fit. `reduce_lse` is the likelihood for densities that come from elsewhere, such as
normalising flows; `neyman.torch.reduce_lse` is that for tensors, with gradients.
"""

from ._model import Model
from ._parquet import read_parquet
from ._reduce import Reduced, reduce_lse

__all__ = ["Model", "Reduced", "read_parquet", "reduce_lse"]
