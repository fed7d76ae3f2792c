"""Normal distributions, with four forms of covariance."""

import numpy as np

from ..kernels.gaussian import crossed_log_densities, log_densities
from ..symbols import shown
from . import quadratic
from .base import Emission, Survey, check_frozen, check_parameter, check_prior, read_only, same_shape
from .exponential_family import squeeze_feature

FORMS = {"spherical": 1, "diag": 2, "full": 3, "tied": 2}  # and the number of axes of their covariances
LEAST, MOST = 1e-200, 1e200  # of a variance, so that squares and their inverses are numbers too


class Gaussian(Emission):
    """Normal: log b_i(o) = -(D log 2pi + log |S_i| + (o - m_i)' S_i^-1 (o - m_i)) / 2.

    Parameters
    ----------
    means : (n_states, n_features); (n_states,) for one feature.
    covariances : by `covariance`: (n_states,) "spherical", one variance a state; (n_states, n_features) "diag",
        variances; (n_states, n_features, n_features) "full"; (n_features, n_features) "tied", one for all states.
    covariance : "diag" (default), "spherical", "full" or "tied".
    floor : a prior as strong as `floor` observations that have the variance s_d of the whole data (1 where a column is
        constant): the maximiser is (scatter + floor * diag(s)) / (weight + floor), which never is singular, and
        -(floor / 2) sum_i (log |S_i| + tr(S_i^-1 diag(s))) is part of the objective. 0 turns it off.
    frozen : names of parameters that stay as given, such as ("means",).

    Given parameters are where a fit starts. The maximiser is the weighted mean and the weighted scatter around it. NaN
    in some columns: the marginal of the others; the scatter then takes expectations given what is seen (Little &
    Rubin). Squares are taken of distances to the means, so data around 1e8 lose nothing.

    >>> from chmm import Gaussian, Model
    >>> m = Model(2, Gaussian(), random_state=0).fit([0.1, 0.3, 0.2, 5.1, 5.3, 5.2])
    >>> m.emission_.means.round(1).ravel().tolist()
    [0.2, 5.2]
    """

    parameters = ("means", "covariances")
    common = property(lambda self: ("covariances",) if self.covariance == "tied" else ())
    prepared = ("centre", "scale")
    gaps = True
    max_inner_iter = 2  # the second centred at the means
    domain = "finite numbers"

    def __init__(self, means=None, covariances=None, *, covariance="diag", floor=1e-3, frozen=()):
        if not isinstance(covariance, str) or covariance not in FORMS:
            raise ValueError(f"covariance = {shown(covariance)} must be one of {', '.join(map(repr, FORMS))}")
        self.covariance = covariance
        self.floor = check_prior(floor, "floor")
        self.frozen = check_frozen(frozen, self.parameters, **self._known())
        self.means = check_parameter(means, "means")
        self.covariances = self._given_covariances(covariances)
        self.centre = self.scale = None

    def _given_covariances(self, covariances):
        if covariances is None:
            return None
        if self.covariance in ("spherical", "diag"):
            array = check_parameter(
                covariances, "covariances", above=0, least=LEAST, most=MOST, ndim=FORMS[self.covariance]
            )
            if self.covariance == "diag":
                same_shape(means=self.means, covariances=array)
            elif self.means is not None and len(array) != len(self.means):
                raise ValueError(
                    f"covariances has {len(array)} entries and means {len(self.means)} rows; they must agree"
                )
            return array
        array = check_parameter(covariances, "covariances", ndim=FORMS[self.covariance])
        n, d = (array.shape[0], array.shape[1]) if self.means is None else self.means.shape
        want = (n, d, d) if self.covariance == "full" else (d, d)
        if array.shape != want:
            raise ValueError(
                f"covariances has shape {array.shape}; with covariance={self.covariance!r} it must be {want}"
            )
        for i, matrix in enumerate(array.reshape(-1, d, d)):
            name = f"covariances[{i}]" if self.covariance == "full" else "covariances"
            if np.abs(matrix - matrix.T).max() > 1e-8 * np.abs(matrix).max():
                raise ValueError(f"{name} is not symmetric")
            low, *_, high = np.linalg.eigvalsh(matrix)[[0, -1]]
            if low <= 0:
                raise ValueError(f"{name} is singular: its least eigenvalue is {low:.3g}, it must be > 0")
            if low < LEAST or high > MOST:
                raise ValueError(f"{name} has eigenvalues from {low:.3g} to {high:.3g}; {LEAST} to {MOST} will do")
        return array

    @property
    def n_states(self):
        if self.means is not None:
            return len(self.means)
        return None if self.covariances is None or self.covariance == "tied" else len(self.covariances)

    @property
    def n_features(self):
        if self.means is not None:
            return self.means.shape[1]
        return None if self.covariances is None or self.covariance == "spherical" else self.covariances.shape[1]

    def survey(self, data):
        return self.survey_of(self.numbers(data))

    def survey_of(self, values):
        return Survey(moments=quadratic.moments(values), gaps=quadratic.has_gaps(values))

    def prepare(self, survey, n_states, pseudocount):
        self.centre, self.scale = quadratic.spread(survey["moments"])
        self.max_inner_iter = 200 if self._crossed and survey["gaps"] else 2  # what gaps stand for is EM, too
        if self.means is not None and self.covariances is None:
            self.covariances = self._shaped(np.tile(self.scale, (n_states, 1)))

    def _shaped(self, variances):
        """Variances (N, D) in the form of the covariances."""
        if self.covariance == "diag":
            return variances
        if self.covariance == "spherical":
            return variances.mean(axis=1)
        matrices = variances[:, :, None] * np.eye(variances.shape[1])
        return matrices if self.covariance == "full" else matrices.mean(axis=0)

    @property
    def _crossed(self):
        return self.covariance in ("full", "tied")

    def _variances(self):
        """(N, D) for diagonal forms."""
        wide = self.covariances[:, None] if self.covariance == "spherical" else self.covariances
        return np.broadcast_to(wide, self.means.shape)

    def _matrices(self):
        """(N, D, D) for forms with crossed terms."""
        return np.broadcast_to(self.covariances, (len(self.means), *self.covariances.shape[-2:]))

    def _roots(self):
        """R with R' R = S^-1 for each state, and the logarithms of |S|."""
        chol = np.linalg.cholesky(self._matrices())
        return np.linalg.inv(chol), 2 * np.log(np.diagonal(chol, axis1=1, axis2=2)).sum(axis=1)

    def log_likelihood(self, values):
        if self._crossed and quadratic.has_gaps(values):
            return self._by_pattern(values)
        n, d = self.means.shape
        values, means, out = quadratic.together(values), np.ascontiguousarray(self.means), np.empty((len(values), n))
        if self._crossed:
            roots, log_det = self._roots()
            constants = -0.5 * (d * np.log(2 * np.pi) + log_det)
            crossed_log_densities(values, means, np.ascontiguousarray(roots), constants, out)
        else:
            v = np.ascontiguousarray(self._variances())
            log_densities(values, means, 0.5 / v, -0.5 * np.log(2 * np.pi * v), out)
        return out

    def statistics(self, values, weights):
        """weights (N, D), and sums and squares of the distances to the means (to the centre before there are any)."""
        if self._crossed and self.complete and quadratic.has_gaps(values):
            return self._expected(values, weights)
        means = self.centre if self.means is None else self.means
        means = np.broadcast_to(means, (weights.shape[1], values.shape[1]))
        return quadratic.scatter(values, means, weights, self._crossed)

    def update(self, statistics):
        mass, sums, squares = (statistics[key] for key in ("weights", "sums", "squares"))
        n, d = mass.shape
        alive = mass > 0
        old = np.broadcast_to(self.centre if self.means is None else self.means, (n, d))
        shift = np.divide(sums, mass, out=np.zeros((n, d)), where=alive)
        if "means" in self.frozen and self.means is not None:
            shift = np.zeros((n, d))
        prior = np.ones(d) if self.scale is None else self.scale
        if "covariances" not in self.frozen or self.covariances is None:
            if self._crossed:
                scatter = squares - sums[:, :, None] * shift[:, None, :] - shift[:, :, None] * sums[:, None, :]
                scatter = scatter + mass[:, :, None] * shift[:, :, None] * shift[:, None, :]
            else:
                scatter = squares - shift * (2 * sums - mass * shift)
            self.covariances = read_only(self._maximiser(scatter, mass, self.floor, prior))
        self.means = read_only(np.where(alive, old + shift, old))

    def _maximiser(self, scatter, mass, floor, prior):
        alive = mass > 0
        if self.covariance == "tied":
            new = _over(scatter.sum(axis=0) + floor * len(mass) * np.diag(prior), mass[:, 0].sum() + floor * len(mass))
            new, keep = new[None], np.array([alive.any()])
        elif self.covariance == "full":
            new, keep = _over(scatter + floor * np.diag(prior), (mass[:, :1] + floor)[:, :, None]), alive[:, 0]
        elif self.covariance == "diag":
            new, keep = _over(scatter + floor * prior, mass + floor), alive
        else:
            d = len(prior)
            new = _over(scatter.sum(axis=1) + floor * prior.sum(), mass.sum(axis=1) + floor * d)
            keep = alive.any(axis=1)
        if self.covariance in ("full", "tied"):
            new = 0.5 * (new + np.swapaxes(new, 1, 2))
            least = np.array(
                [np.linalg.eigvalsh(matrix)[0] if ok else 1.0 for matrix, ok in zip(new, keep, strict=True)]
            )
            broken = keep & ~(least > 1e-15 * np.trace(new, axis1=1, axis2=2))
        else:
            broken = keep & ~(new > 0)
        if broken.any():
            state = np.argwhere(broken)[0].tolist()
            where = "the covariance" if self.covariance == "tied" else f"the covariance of state {state[0]}"
            raise ValueError(
                f"{where} became singular: too few different values fell on it, or columns depend on each "
                f"other; floor = {self.floor} must be larger, such as Gaussian(floor=1e-3)"
            )
        if not keep.all():
            old = self._shaped(np.tile(prior, (len(mass), 1))) if self.covariances is None else self.covariances
            new = np.where(keep.reshape(keep.shape + (1,) * (new.ndim - keep.ndim)), new, old)
        return new[0] if self.covariance == "tied" else new

    def log_prior(self):
        if not self.floor or self.scale is None:
            return 0.0
        if self._crossed:
            roots, log_det = self._roots()
            return -0.5 * self.floor * float(log_det.sum() + (roots**2 @ self.scale).sum())
        v = self._variances()
        return -0.5 * self.floor * float((np.log(v) + self.scale / v).sum())

    def sample(self, states, rng):
        noise = rng.standard_normal((len(states), self.means.shape[1]))
        if self._crossed:
            chol = np.linalg.cholesky(self._matrices())
            noise = np.einsum("tij,tj->ti", chol[states], noise)
        else:
            noise *= np.sqrt(self._variances())[states]
        return squeeze_feature(self.means[states] + noise)

    # Gaps ----------------------------------------------------------------------------------------------------------

    def marginal(self, columns):
        """The Gaussian of some of the columns."""
        columns = np.flatnonzero(columns)
        other = Gaussian(covariance=self.covariance, floor=self.floor)
        other.means = self.means[:, columns]
        if self._crossed:
            other.covariances = self.covariances[..., columns[:, None], columns]
        else:
            other.covariances = self.covariances if self.covariance == "spherical" else self.covariances[:, columns]
        return other

    def _by_pattern(self, values):
        out = np.zeros((len(values), len(self.means)))
        for rows, seen in quadratic.patterns(values):
            if seen.any():
                out[rows] = self.marginal(seen).log_likelihood(values[np.ix_(rows, seen)])
        return out

    def _expected(self, values, weights):
        """Statistics with the gaps filled by their expectations, and the variance these leave out."""
        n, d = self.means.shape
        mass, sums, squares = np.zeros((n, d)), np.zeros((n, d)), np.zeros((n, d, d))
        for rows, seen in quadratic.patterns(values):
            s, g = np.flatnonzero(seen), np.flatnonzero(~seen)
            for i, matrix in enumerate(self._matrices()):
                y = np.zeros((len(rows), d))
                w = weights[rows, i]
                y[:, s] = values[rows[:, None], s] - self.means[i, s]
                if len(g):
                    slope = np.linalg.solve(matrix[np.ix_(s, s)], matrix[np.ix_(s, g)])
                    y[:, g] = y[:, s] @ slope
                    squares[i][np.ix_(g, g)] += w.sum() * (matrix[np.ix_(g, g)] - matrix[np.ix_(g, s)] @ slope)
                mass[i] += w.sum()
                sums[i] += w @ y
                squares[i] += (w[:, None] * y).T @ y
        return {"weights": mass, "sums": sums, "squares": squares}

    # ---------------------------------------------------------------------------------------------------------------

    def settings(self):
        return {"covariance": self.covariance, "floor": self.floor, **super().settings()}

    def __repr__(self):
        known = (
            ""
            if self.means is None
            else "{} states, {} feature{}, ".format(*self.means.shape, "s"[: self.means.shape[1] > 1])
        )
        return f"{type(self).__name__}({known}covariance={self.covariance!r})"


def _over(a, b):
    with np.errstate(invalid="ignore", divide="ignore"):
        return a / b
