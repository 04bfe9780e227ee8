"""pyhf with its jax backend in 64 bits, and one of its two minimizers."""

import json
import logging
import warnings

warnings.filterwarnings("ignore")  # each model build warns of its schema library
logging.disable(logging.WARNING)

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
import scipy.optimize


def read(text):
    """The model and its observed data, main and auxiliary."""
    workspace = pyhf.Workspace(json.loads(text))
    model = workspace.model()
    return model, np.asarray(workspace.data(model), float)


def throw(model, truth, rng, auxiliary):
    """One toy, by numpy: pyhf's own sampler does not run with every backend version."""
    main = rng.poisson(np.maximum(np.asarray(model.expected_actualdata(truth)), 0)).astype(float)
    aux = [np.asarray(model.config.auxdata, float)]
    if auxiliary:
        expected, at, aux = np.asarray(model.expected_auxdata(truth)), 0, []
        for name in model.config.auxdata_order:
            constraint = model.config.param_set(name)
            mean = expected[at : at + constraint.n_parameters]
            at += constraint.n_parameters
            if constraint.pdf_type == "normal":
                aux.append(rng.normal(mean, np.asarray(constraint.width())))
            else:
                aux.append(rng.poisson(mean).astype(float))
    return main, np.concatenate(aux) if aux else np.zeros(0)


def minimize(text, data):
    """A second opinion on toys: scipy's L-BFGS-B on pyhf's likelihood, as tight as it goes.

    From the suggested initial point, where toys are thrown and their fits start.
    """
    pyhf.set_backend("jax", precision="64b")
    model, _ = read(text)
    config = model.config
    init = np.asarray(config.suggested_init(), float)
    free = ~np.asarray(config.suggested_fixed(), bool)
    bounds = np.asarray(config.suggested_bounds(), float)
    function = jax.jit(jax.value_and_grad(lambda p, d: -model.logpdf(p, d)[0]))
    answers = []
    for toy in data:
        toy = jnp.asarray(np.concatenate([toy["main"], toy["aux"]]))
        best = init.copy()

        def objective(x):
            point = best.copy()
            point[free] = x
            value, gradient = function(jnp.asarray(point), toy)
            return float(value), np.asarray(gradient, float)[free]

        # again from where it stopped: the line search gives up early, with a stale Hessian
        for _ in range(4):
            done = scipy.optimize.minimize(
                objective,
                best[free],
                jac=True,
                bounds=bounds[free],
                method="L-BFGS-B",
                options={"maxiter": 3000, "maxcor": 50, "ftol": 1e-16, "gtol": 1e-10},
            )
            best[free] = done.x
        answers.append(dict(zip(config.par_names, best.tolist())))
    return answers


class PyhfJax:
    aux_toys = True

    def __init__(self, text, minimizer):
        pyhf.set_backend("numpy")
        self.sampler, _ = read(text)  # numpy builds and throws; jax fits
        self.truth = np.asarray(self.sampler.config.suggested_init(), float)
        self.covariance = minimizer == "minuit"
        # slsqp and migrad at their defaults, as a user of pyhf gets them
        pyhf.set_backend("jax", minimizer, precision="64b")
        self.model, self.data = read(text)
        self.names = self.model.config.par_names
        self._value_and_gradient = jax.jit(
            jax.value_and_grad(lambda p, d: -self.model.logpdf(p, d)[0])
        )

    def evaluate(self):
        """twice_nll, and the gradient of the NLL (not twice), at the suggested initial point."""
        value, gradient = self._value_and_gradient(jnp.asarray(self.truth), jnp.asarray(self.data))
        return 2 * float(value), np.asarray(gradient)

    def fit(self):
        return self._fit(self.data)

    def toys(self, n, seed):
        rng = np.random.default_rng(seed)
        converged = 0
        for _ in range(n):
            toy = throw(self.sampler, self.truth, rng, auxiliary=True)
            try:
                self._fit(np.concatenate(toy))
                converged += 1
            except pyhf.exceptions.FailedMinimization:
                pass  # counted by its absence
        return converged

    def fit_data(self, main, aux):
        return self._fit(np.concatenate([main, aux]))

    def _fit(self, data):
        return pyhf.infer.mle.fit(list(data), self.model, return_uncertainties=self.covariance)

    def answer(self, fit):
        """A fit in the report's words, outside the timing."""
        best = np.asarray(fit, float)
        values, errors = (best[:, 0], best[:, 1]) if self.covariance else (best, None)
        poi = self.model.config.poi_index
        known = errors is not None and poi is not None
        return {
            "parameters": dict(zip(self.names, map(float, values))),
            "poi_uncertainty": float(errors[poi]) if known else None,
            "converged": True,  # pyhf raises when its minimizer does not report success
        }
