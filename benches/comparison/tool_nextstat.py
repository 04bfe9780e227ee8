"""NextStat, called the way that is fastest for each piece of work."""

import nextstat


class NextStat:
    covariance = True
    aux_toys = False  # its toys keep the auxiliary data at the observed values

    def __init__(self, text):
        self.model = nextstat.from_pyhf(text)
        self.init = list(self.model.suggested_init())
        self.names = list(self.model.parameter_names())
        self.minimizer = nextstat.MaximumLikelihoodEstimator()

    def evaluate(self):
        """twice_nll, and the gradient of the NLL (not twice), at the suggested initial point."""
        return 2 * self.model.nll(self.init), self.model.grad_nll(self.init)

    def fit(self):
        """A fit with its uncertainties."""
        return self.minimizer.fit(self.model)

    def toys(self, n, seed):
        """Sample and fit; the module's function leaves the Hessian out, the estimator's does not."""
        fits = nextstat.fit_toys(self.model, self.init, n_toys=n, seed=seed)
        return sum(1 for fit in fits if fit.converged)

    def fit_data(self, main, _aux):
        """A fit of other main data (in the order of sorted channels); auxiliary data as observed."""
        return self.minimizer.fit_minimum(self.model, data=main)

    def scan(self, values):
        found = nextstat.profile_scan(self.model, values)
        q = {point["mu"]: point["q_mu"] for point in found["points"]}
        return f"q at {values[1]:g}: {q[values[1]]:.5f}"

    def limit(self):
        # by roots, as exactly as ours; from just above 0, where its CLs is 0 for a best fit below
        observed, expected = nextstat.upper_limit(self.model, method="root", lo=0.02, hi=5.0)
        return f"observed {observed:.5f}, median {expected[2]:.5f}"

    def ranking(self):
        found = nextstat.ranking(self.model)
        return f"{len(found)} parameters, first {found[0]['name']}"

    def cls_toys(self, n, seed):
        return f"CLs {nextstat.hypotest_toys(1.0, self.model, n_toys=n, seed=seed):.5f}"

    def answer(self, fit):
        """A fit in the report's words, outside the timing."""
        poi = self.model.poi_index()
        uncertainties = getattr(fit, "uncertainties", None)
        return {
            "parameters": dict(zip(self.names, fit.parameters)),
            "poi_uncertainty": uncertainties[poi] if uncertainties and poi is not None else None,
            "converged": bool(fit.converged),
        }
