"""Normal distributions, with four forms of covariance."""

import numpy as np

from ..checks import check_frozen
from ..coordinates import POSITIVE, Covariance, Entrywise
from ..kernels.gaussian import crossed_log_densities, log_densities
from ..symbols import plural, shown
from . import quadratic
from .base import Emission
from .constructors import Frozen, Given, check_parameter, check_prior, same_shape
from .exponential_family import squeeze_feature
from .special import normal_cdf
from .survey import Survey

FORMS = {"spherical": 1, "diag": 2, "full": 3, "tied": 2}  # and the number of axes of their covariances
LEAST, MOST = quadratic.SMALLEST**2, quadratic.LARGEST**2  # of a variance
ROUNDING = 1e-15  # eigenvalues of correlations that rounding makes of 0, for each column


class Gaussian(Emission):
    """Measurements, by the normal distribution.

        log b_i(o) = -(D log 2pi + log |S_i| + (o - m_i)' S_i^-1 (o - m_i)) / 2
        m_i = means[i], S_i = the covariance matrix of state i

    Parameters
    ----------
    means : (n_states, n_features); (n_states,) for one feature.
    covariances : depending on `covariance`: (n_states,) "spherical", one variance per state; (n_states, n_features)
        "diag", variances; (n_states, n_features, n_features) "full"; (n_features, n_features) "tied", one for all
        states.
    covariance : "diag" (default), "spherical", "full" or "tied".
    prior : weight in steps of pseudo-observations with the mean of the state and the variance s_d of all data (1 where
        a column is constant): the maximiser is (scatter + prior * diag(s)) / (weight + prior), which is never singular,
        and -(prior / 2) sum_i (log |S_i| + tr(S_i^-1 diag(s))) is part of the objective. Means are not shrunk. 0 is
        maximum likelihood.
    frozen : names of parameters to keep as given, such as ("means",), or {name: mask}; "full" covariances can only be
        kept as whole matrices, {"covariances": (n_states,) bool}.

    A fit starts from the given parameters. The maximiser is the weighted mean and the weighted scatter around it. If
    some columns are NaN, the density is the marginal of the others, and the scatter uses expectations given these
    (Little & Rubin). Means are subtracted before squaring, so data around 1e8 lose no digits.

    >>> from chmm import Gaussian, Model
    >>> m = Model(2, Gaussian(), random_state=0).fit([0.1, 0.3, 0.2, 5.1, 5.3, 5.2])
    >>> sorted(m.emission_.means.round(1).ravel().tolist())
    [0.2, 5.2]
    """

    parameters = ("means", "covariances")
    common = property(lambda self: ("covariances",) if self.covariance == "tied" else ())
    prepared = ("centre", "spread")
    gaps = True
    max_inner_iter = 2  # the second is centred at the means
    domain = "finite numbers"

    def __init__(
        self, means: Given = None, covariances: Given = None, *, covariance: str = "diag", prior: float = 1e-3,
        frozen: Frozen = (),
    ):  # fmt: skip
        if not isinstance(covariance, str) or covariance not in FORMS:
            raise ValueError(f"covariance = {shown(covariance)} must be one of {', '.join(map(repr, FORMS))}")
        if isinstance(means, str):
            raise TypeError(f"means = {shown(means)}: the form of covariances is given by name, covariance={means!r}")
        self.covariance = covariance
        self.prior = check_prior(prior)
        self.means = check_parameter(means, "means")
        self.covariances = self._given_covariances(covariances)
        self.frozen = check_frozen(frozen, self.parameters, **self._known())
        held = self.held("covariances")
        if self._crossed and np.ndim(held) and np.any(held != np.all(held, axis=(-2, -1), keepdims=True)):
            raise ValueError("frozen['covariances'] holds entries of a matrix; whole matrices can be held")
        self.centre, self.spread = np.zeros(self.n_features or 1), np.ones(self.n_features or 1)

    def _given_covariances(self, covariances):
        if covariances is None:
            return None
        if self.covariance in ("spherical", "diag"):
            if np.ndim(covariances) == 3:
                raise ValueError(
                    f"covariances has shape {np.shape(covariances)}, that of matrices: they need covariance='full', "
                    f"and this is covariance={self.covariance!r}"
                )
            limits: dict = {"above": 0, "least": LEAST, "most": MOST, "ndim": FORMS[self.covariance]}
            array = check_parameter(covariances, "covariances", **limits)
            if self.covariance == "diag":
                same_shape(means=self.means, covariances=array)
            elif self.means is not None and len(array) != len(self.means):
                rows = len(self.means)
                raise ValueError(f"covariances has {len(array)} entries and means {rows} rows; they must agree")
            return array
        array = check_parameter(covariances, "covariances", ndim=FORMS[self.covariance])
        n, d = (array.shape[0], array.shape[1]) if self.means is None else self.means.shape
        want = (n, d, d) if self.covariance == "full" else (d, d)
        if array.shape != want:
            form = f"covariance={self.covariance!r}"
            raise ValueError(f"covariances has shape {array.shape}; with {form} it must be {want}")
        for i, matrix in enumerate(array.reshape(-1, d, d)):
            name = f"covariances[{i}]" if self.covariance == "full" else "covariances"
            check_parameter(matrix.diagonal(), f"variances on the diagonal of {name}", above=0, least=LEAST, most=MOST)
            unit = _correlations(matrix)
            if not np.allclose(unit, unit.T, rtol=1e-8, atol=1e-12):
                raise ValueError(f"{name} is not symmetric")
            low = np.linalg.eigvalsh(unit)[0]
            if low <= ROUNDING * d:
                raise ValueError(f"{name} is singular: the least eigenvalue of its correlations is {low:.3g}")
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
        return self._survey(self.numbers(data))

    def _survey(self, values):
        return Survey(moments=quadratic.moments(values), gaps=quadratic.has_gaps(values))

    def prepare(self, survey, n_states, pseudocount):
        self.centre, self.spread = quadratic.spread(survey["moments"])
        # to fill gaps by expectations, or to find means beside frozen ones, takes several steps of EM
        partly = np.ndim(self.held("means")) > 0
        self.max_inner_iter = 200 if self._crossed and (survey["gaps"] or partly) else 2
        if self.means is not None and self.covariances is None:
            self.covariances = self._shaped(np.tile(self.spread, (n_states, 1)))

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
        """(N, D), for the diagonal forms."""
        if self.covariance == "diag":
            return self.covariances
        return np.broadcast_to(self.covariances[:, None], self.means.shape)

    def _matrices(self):
        """(N, D, D), for the forms with crossed terms."""
        return np.broadcast_to(self.covariances, (len(self.means), *self.covariances.shape[-2:]))

    def _roots(self):
        """R with R' R = S^-1 for each state, and the logarithms of |S|."""
        matrices = self._matrices()
        chol = np.linalg.cholesky(_correlations(matrices))  # whatever units the columns have
        units = np.sqrt(np.diagonal(matrices, axis1=1, axis2=2))
        log_det = 2 * np.log(np.diagonal(chol, axis1=1, axis2=2) * units).sum(axis=1)
        return np.linalg.inv(chol) / units[:, None, :], log_det

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
            log_densities(values, means, np.ascontiguousarray(self._variances()), out)
        return out

    def _centres(self, n, d):
        """(N, D): the origin of the distances in the statistics."""
        return np.broadcast_to(self.centre, (n, d)) if self.means is None else self.means

    def statistics(self, values, weights):
        """weights (N, D), and the sums and squares of distances to the means, or to the centre if these are unknown."""
        if self._crossed and self.complete and quadratic.has_gaps(values):
            return self._expected(values, weights)
        return quadratic.scatter(values, self._centres(weights.shape[1], values.shape[1]), weights, self._crossed)

    def recentre(self, statistics, other):
        shape = statistics["sums"].shape
        return quadratic.shifted(statistics, other._centres(*shape) - self._centres(*shape))

    def update(self, statistics):
        mass, sums, squares = (statistics[key] for key in ("weights", "sums", "squares"))
        alive = mass > 0
        held = np.asarray(self.held("means"))
        shift = np.where(alive & ~held, sums / mass, 0.0)
        if self._crossed and held.any() and self.covariances is not None:
            shift = self._given_held(shift, sums / np.where(alive, mass, 1.0), np.broadcast_to(held, mass.shape))
        old = self._centres(*mass.shape)
        means = old + shift
        shift = means - old
        spread = self.prior * self.spread
        if self._crossed:
            scatter = squares - sums[:, :, None] * shift[:, None, :] - shift[:, :, None] * sums[:, None, :]
            scatter = scatter + mass[:, :, None] * shift[:, :, None] * shift[:, None, :] + np.diag(spread)
        else:
            scatter = squares - shift * (2 * sums - mass * shift) + spread
        self.assign({"means": means, "covariances": self._maximiser(scatter, mass + self.prior)})

    def gradient(self, values, weights):
        statistics = self.statistics(values, weights)
        return self._derivatives(*(statistics[key] for key in ("weights", "sums", "squares")))

    def prior_gradient(self):
        n, d = self.means.shape
        squares = self.prior * (np.diag(self.spread) if self._crossed else self.spread)
        return self._derivatives(np.full((n, d), self.prior), np.zeros((n, d)), squares)

    def _derivatives(self, mass, sums, squares):
        if not self._crossed:
            v = self._variances()
            by_variance = (squares / v - mass) / (2 * v)
            spherical = self.covariance == "spherical"
            return {"means": sums / v, "covariances": by_variance.sum(axis=1) if spherical else by_variance}
        roots, _ = self._roots()
        inverse = np.swapaxes(roots, 1, 2) @ roots
        by_matrix = 0.5 * (inverse @ squares @ inverse - mass[:, :1, None] * inverse)
        return {
            "means": np.einsum("iab,ib->ia", inverse, sums),
            "covariances": by_matrix.sum(axis=0) if self.covariance == "tied" else by_matrix,
        }

    def unconstrained(self):
        unit = np.sqrt(Gaussian.variance(self))
        array, movable = self.covariances, self._movable("covariances")
        kind = Covariance(array, movable) if self._crossed else Entrywise(array, movable, POSITIVE)
        return {"means": self._coordinates("means", unit), "covariances": kind}

    def _given_held(self, shift, best, held):
        """The shifts of the means given the covariances, if some are held at 0: the others are corrected by regression
        on the shifts that the held ones would have had."""
        for i, matrix in enumerate(self._matrices()):
            h, f = np.flatnonzero(held[i]), np.flatnonzero(~held[i])
            if len(h) and len(f):
                shift[i, f] -= _slopes(matrix, h, f).T @ best[i, h]
        return shift

    def _maximiser(self, scatter, mass):
        """Scatter over mass, in the form of the covariances; a state without mass keeps its own."""
        if self.covariance == "tied":
            scatter, mass = scatter.sum(axis=0, keepdims=True), mass[:, :1, None].sum(axis=0, keepdims=True)
        elif self.covariance == "full":
            mass = mass[:, :1, None]
        elif self.covariance == "spherical":
            scatter, mass = scatter.sum(axis=1), mass.sum(axis=1)
        new = scatter / mass
        held = np.broadcast_to(self.held("covariances"), new.shape)
        if self._crossed:
            new = 0.5 * (new + np.swapaxes(new, 1, 2))
            units = _correlations(new)
            ok = np.isfinite(units).all(axis=(1, 2), keepdims=True)
            least = np.linalg.eigvalsh(np.where(ok, units, 0.0))[:, :1, None]
            broken = (mass > 0) & ~held[:, :1, :1] & ~(least > ROUNDING * len(units[0]))
        else:
            broken = (mass > 0) & ~held & ~(new > 0)
        if broken.any():
            state = np.argwhere(broken)[0].tolist()
            where = "the covariance" if self.covariance == "tied" else f"the covariance of state {state[0]}"
            raise ValueError(
                f"{where} became singular: too few different values fell on it, or columns depend on each "
                f"other; prior = {self.prior} must be larger, such as Gaussian(prior=1e-3)"
            )
        if not np.all(mass > 0):
            fresh = self._shaped(np.tile(self.spread, (len(new), 1)))
            new = np.where(mass > 0, new, fresh if self.covariances is None else self.covariances)
        return new[0] if self.covariance == "tied" else new

    def log_prior(self):
        if not self.prior:
            return 0.0
        if self._crossed:
            roots, log_det = self._roots()
            return -0.5 * self.prior * float(log_det.sum() + (roots**2 * self.spread).sum())
        v = self._variances()
        return -0.5 * self.prior * float((np.log(v) + self.spread / v).sum())

    def mean(self):
        return self.means

    def variance(self):
        if self._crossed:
            return np.diagonal(self._matrices(), axis1=1, axis2=2)
        return self._variances()

    def cdf(self, values):
        return normal_cdf((values[:, None] - self.means) / np.sqrt(Gaussian.variance(self)))

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
        other = Gaussian(covariance=self.covariance)
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
        """Statistics with gaps replaced by their expectations, plus the variance that expectations omit."""
        n, d = self.means.shape
        mass, sums, squares = np.zeros((n, d)), np.zeros((n, d)), np.zeros((n, d, d))
        for rows, seen in quadratic.patterns(values):
            s, g = np.flatnonzero(seen), np.flatnonzero(~seen)
            for i, matrix in enumerate(self._matrices()):
                y = np.zeros((len(rows), d))
                w = weights[rows, i]
                y[:, s] = values[rows[:, None], s] - self.means[i, s]
                if len(g):
                    slope = _slopes(matrix, s, g)
                    y[:, g] = y[:, s] @ slope
                    squares[i][np.ix_(g, g)] += w.sum() * (matrix[np.ix_(g, g)] - matrix[np.ix_(g, s)] @ slope)
                mass[i] += w.sum()
                sums[i] += w @ y
                squares[i] += (w[:, None] * y).T @ y
        return {"weights": mass, "sums": sums, "squares": squares}

    def _given(self, values, state):
        """(rows, seen, gaps, means (rows, gaps), covariances of the gaps) of a state for each pattern of gaps."""
        matrix = self._matrices()[state] if self._crossed else np.diag(self._variances()[state])
        for rows, seen in quadratic.patterns(values):
            s, g = np.flatnonzero(seen), np.flatnonzero(~seen)
            slope = _slopes(matrix, s, g)
            means = self.means[state, g] + (values[rows[:, None], s] - self.means[state, s]) @ slope
            yield rows, g, means, matrix[np.ix_(g, g)] - matrix[np.ix_(g, s)] @ slope

    def expected(self, values):
        out = np.array(np.broadcast_to(self.means, (len(values), *self.means.shape)))
        if self._crossed:
            for i in range(len(self.means)):
                for rows, g, means, covariance in self._given(values, i):
                    out[rows[:, None], i, g] = self._transformed(means, np.diagonal(covariance))
            return out
        return self._transformed(out, self._variances())

    def _transformed(self, means, variances):
        """The means of columns, from those of what is normal."""
        return means

    def sample_given(self, values, states, rng):
        out = np.array(values)
        for i in np.unique(states):
            mine = np.flatnonzero(states == i)
            for rows, g, means, covariance in self._given(values[mine], i):
                units = np.sqrt(np.diagonal(covariance))
                root = np.linalg.cholesky(_correlations(covariance)) * units[:, None]
                out[mine[rows][:, None], g] = means + rng.standard_normal(means.shape) @ root.T
        return squeeze_feature(out)

    # ---------------------------------------------------------------------------------------------------------------

    def settings(self):
        return {"covariance": self.covariance, **super().settings()}

    def __repr__(self):
        n, d = (0, 0) if self.means is None else self.means.shape
        known = f"{plural(n, 'state')}, {plural(d, 'feature')}, " if n else ""
        return f"{type(self).__name__}({known}covariance={self.covariance!r})"


def _correlations(matrices):
    """Covariances (..., D, D) with the diagonal scaled to 1."""
    units = np.sqrt(np.diagonal(matrices, axis1=-2, axis2=-1))
    return matrices / units[..., :, None] / units[..., None, :]


def _slopes(matrix, given, wanted):
    """(given, wanted): the slopes of the regression of the columns `wanted` on the columns `given`."""
    units = np.sqrt(np.diagonal(matrix))
    unit = _correlations(matrix)
    slopes = np.linalg.solve(unit[np.ix_(given, given)], unit[np.ix_(given, wanted)])
    return slopes / units[given, None] * units[wanted]
