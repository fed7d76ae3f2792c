"""The laws of the emission contract, to check a family of your own."""

import copy
import inspect
import io
import warnings
from typing import Any

import numpy as np

from . import e_step, m_step, sequences
from .coordinates import difference
from .emissions import Emission
from .exceptions import ConvergenceWarning
from .model import Model
from .symbols import a_type

CLOSE = 1e-8  # relative difference allowed between two ways to one number


class Case:
    """A family fitted to example data, with everything else the laws need."""

    def __init__(self, family, values, n_states, seed):
        self.family, self.x, self.rng = family, values, np.random.default_rng(seed)
        self.n = family.n_states or n_states
        self.data = sequences.read(values)
        self.ready = copy.deepcopy(family)
        self.ready.prepare(self.ready.survey(self.data), self.n, 0.0)
        self.observed = self.ready.check(self.data)
        self.values = self.observed.distinct
        self.times = np.bincount(self.observed.index, minlength=len(self.values) + 1)[: len(self.values)]
        self.weights = self.draw_weights()
        self.emission = self.ready  # until it has `learns`

    def draw_weights(self):
        """(R, N): weights in which every value belongs mostly to one state."""
        share = 0.05 + self.rng.random((len(self.values), self.n)) ** 4
        return share / share.sum(axis=1, keepdims=True) * self.times[:, None]

    def learnt(self, weights):
        """The family fitted to the values with these weights."""
        emission = copy.deepcopy(self.ready)
        emission.start(self.values, weights, np.random.default_rng(0))
        return self.settled(emission, weights)

    def settled(self, emission, weights, rounds=3):
        """A copy, updated until the objective stops rising."""
        emission = copy.deepcopy(emission)
        for _ in range(1 if emission.max_inner_iter == 1 else rounds):
            m_step.settle(
                emission,
                emission.statistics(self.values, weights),
                lambda emission: emission.statistics(self.values, weights),
                lambda emission: e_step.explained(emission, self.values, weights),
                1e-6,
            )
        return emission

    def objective(self, emission):
        return e_step.explained(emission, self.values, self.weights) + emission.log_prior()


@np.errstate(all="ignore")
def check_emission(family: Emission, values: Any, *, n_states: int = 2, seed: int = 0) -> None:
    """Check that a family obeys the laws of the emission contract, and report which ones fail.

    family : an emission, such as Rice(), with parameters or without. values : example data as `Model.fit` takes them,
    some dozens of steps that the family can learn from. n_states : number of states to learn.

    AssertionError if any law fails; its message lists all that do. Cost: some dozens of updates and a few short fits.

    >>> from chmm import Gamma
    >>> from chmm.testing import check_emission
    >>> check_emission(Gamma(), [0.3, 1.2, 0.7, 2.9, 3.4, 0.2, 1.1, 5.0])
    """
    if not isinstance(family, Emission):
        raise TypeError(f"family is {family!r}; it must be an Emission, such as Rice()")
    case, failures = Case(family, values, n_states, seed), []
    for law in (learns, *LAWS):
        try:
            trouble = law(case)
        except Exception as error:  # whatever the author's class raises, the law that ran into it is named
            trouble = f"{type(error).__name__}: {error}"
        if trouble:
            failures.append(f"- {law.__doc__} But: {trouble}")
        if trouble and law is learns:  # the others would fail for the same reason
            break
    if failures:
        laws = "a law" if len(failures) == 1 else f"{len(failures)} laws"
        raise AssertionError(f"{type(family).__name__} breaks {laws}:\n" + "\n".join(failures))


def fitted(case, x=None, max_iter=12):
    """A model of the family after some steps of EM."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = Model(case.n, case.family, n_init=1, random_state=0, max_iter=max_iter, tol=0)
        return model.fit([case.x] if x is None else x)


def differs(one, other, what, close=CLOSE):
    """A message if two arrays differ by more than `close`, relative to the largest number; else None."""
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape:
        return f"{what} have the shapes {one.shape} and {other.shape}"
    finite = np.isfinite(one) & np.isfinite(other)
    apart = np.abs(np.where(finite, one, 0.0) - np.where(finite, other, 0.0)).max(initial=0)
    if not np.array_equal(one[~finite], other[~finite], equal_nan=True):
        return f"{what} are finite in different places"
    scale = max(1.0, np.abs(other[finite]).max(initial=0))
    return f"{what} differ by {apart:.3g}" if apart > close * scale else None


def classes(emission):
    """The classes of an emission and its members, for Model.load."""
    return [type(emission), *(kind for member in emission.members for kind in classes(member))]


# The laws: each returns what is wrong, or None ------------------------------------------------------------------------


def learns(case):
    """statistics(values, weights) returns a dict of arrays, from which update makes parameters."""
    if type(case.ready).start is Emission.start:  # which calls `statistics` right away
        found = case.ready.statistics(case.values, case.weights)
        if not isinstance(found, dict):
            return f"statistics returns {a_type(found)}"
    case.emission = case.learnt(case.weights)
    return None if case.emission.complete else "some parameters are still None"


def rows(case):
    """log_likelihood returns (R, n_states) numbers, never NaN or +inf, and each row depends on its own value alone."""
    logs = np.asarray(case.emission.log_likelihood(case.values))
    if logs.shape != (len(case.values), case.n):
        return f"{len(case.values)} values and {case.n} states give the shape {logs.shape}"
    if not (logs < np.inf).all():
        k, i = np.argwhere(~(logs < np.inf))[0].tolist()
        return f"value {k} has {logs[k, i]} in state {i}"
    some = case.emission.log_likelihood(case.values[1:3])
    return differs(some, logs[1:3], "two values alone and the same among all")


def knows_its_columns(case):
    """A learnt emission of numbers has n_features: the columns of a parameter, or else n_features = 1 in the class."""
    if case.emission.kind == "numbers" and case.emission.n_features != case.values.shape[1]:
        return f"n_features is {case.emission.n_features}, and the values have shape {case.values.shape}"
    return None


def adds(case):
    """The statistics of two parts of the data add up to those of the whole, key by key, and are float64."""
    whole = case.emission.statistics(case.values, case.weights)
    half = len(case.values) // 2
    parts = [case.emission.statistics(case.values[s], case.weights[s]) for s in (slice(half), slice(half, None))]
    for key, value in whole.items():
        if np.asarray(value).dtype != np.float64:
            return f"{key} is of dtype {np.asarray(value).dtype}"
        trouble = differs(parts[0][key] + parts[1][key], value, f"the sum of {key} and {key} of the whole")
        if trouble:
            return trouble
    return None


def climbs(case):
    """An update never lowers sum weights * log b + log_prior()."""
    emission = case.learnt(case.draw_weights())
    for _ in range(4):
        before, trial = case.objective(emission), copy.copy(emission)
        trial.update(trial.statistics(case.values, case.weights))
        after, emission = case.objective(trial), trial
        if not after >= before - CLOSE * max(1, abs(before)):
            return f"it fell from {before:.12g} to {after:.12g}"
    return None


def maximises(case):
    """No neighbour explains the data better than the update; neighbours are learnt with slightly other weights."""
    best = case.objective(case.emission)
    slack = (1e-5 if case.emission.max_inner_iter > 1 else CLOSE) * max(1, abs(best))
    for size in (1e-3, 0.03):
        for _ in range(2):
            other = case.weights * np.exp(size * case.rng.standard_normal(case.weights.shape))
            gain = case.objective(case.settled(case.emission, other, rounds=1)) - best
            if gain > slack:
                return f"weights that differ by {size:g} lead to parameters that are better by {gain:.3g}"
    return None


def em_rises(case):
    """EM never lowers log P + log_prior(), and ends with finite numbers."""
    m = Model(case.n, case.family, random_state=0).start([case.x])
    for _ in range(12):  # by hand: a fit keeps no step that falls
        m = m.m_step(m.e_step([case.x]))
    steps = np.diff(m.history_)
    if not np.isfinite(m.history_).all():
        return f"history_ holds {m.history_[~np.isfinite(m.history_)][0]}"
    worst = steps.min(initial=0)
    return f"a step lowers it by {-worst:.3g}" if worst < -CLOSE * max(1, np.abs(m.history_).max()) else None


def samples(case):
    """sample draws one observation for each state, in the support, with a density above 0 in that state."""
    states = np.repeat(np.arange(case.n), 20)
    drawn = case.emission.sample(states, np.random.default_rng(1))
    if len(drawn) != len(states):
        return f"{len(states)} states give {len(drawn)} observations"
    observed = case.emission.check(sequences.read("".join(drawn) if case.emission.kind == "text" else drawn))
    logs = case.emission.log_likelihood(observed.distinct)[observed.index, states]
    return None if (logs > -np.inf).all() else f"the observation {drawn[int(logs.argmin())]} has density 0 in its state"


def adds_up_to_one(case):
    """The density of a single column of numbers adds up to 1 in every state."""
    if case.emission.kind != "numbers" or case.values.ndim != 2 or case.values.shape[1] > 1:
        return None
    drawn = case.emission.sample(np.repeat(np.arange(case.n), 200), np.random.default_rng(1)).astype(np.float64)
    if (drawn == np.round(drawn)).all():
        grid = np.arange(np.floor(drawn.min()) - 100, 4 * drawn.max() + 100)
        measure = np.ones(len(grid))
    else:
        values, times = np.unique(drawn, return_counts=True)
        atoms = values[times > len(drawn) / 50]  # a value that keeps recurring has a probability of its own
        smooth = drawn[~np.isin(drawn, atoms)]
        around, scale = np.median(smooth), np.subtract(*np.quantile(smooth, [0.75, 0.25])) or 1.0
        u = np.linspace(-25, 25, 200_001)
        grid, measure = around + scale * np.sinh(u), scale * np.cosh(u) * (u[1] - u[0])
        grid, measure = np.append(grid, atoms), np.append(measure, np.ones(len(atoms)))
    inside = np.broadcast_to(case.emission.inside(grid[:, None]), len(grid))
    density = np.exp(case.emission.log_likelihood(grid[inside, None]))
    total = measure[inside] @ density
    if (total > 1.9).all():  # an angle may come as two numbers, a turn apart
        turned = grid[inside] + 2 * np.pi * np.where(grid[inside] < 0, 1, -1)
        total = total / 2 if np.allclose(case.emission.log_likelihood(turned[:, None]), np.log(density)) else total
    return None if (np.abs(total - 1) < 0.02).all() else f"the sums are {total.round(4).tolist()}"


def refuses(case):
    """support returns bools, and allows the values of the example."""
    support = case.emission.inside(case.values)
    return None if np.all(support) else f"value {int(np.argmin(support))} of the example is outside"


def missing_says_nothing(case):
    """A missing step says nothing: it does not change log P if the chain forgets its state at every step."""
    alike = np.full((case.n, case.n), 1 / case.n)
    m = Model(emission=case.emission, startprob=alike[0], transmat=alike)
    steps = list(case.x) if isinstance(case.x, str) else case.x
    numeric = case.emission.kind in ("numbers", "columns") and np.array(steps).dtype.kind in "iufb"
    x = np.array(steps, dtype=np.float64 if numeric else object)
    rest = m.score([x[1:]])
    x[0] = None if x.dtype == object else np.nan
    return differs(m.score([x]), rest, "log P with a missing step and without that step")


def keeps_frozen(case):
    """Parameters that are frozen, wholly or by a mask, are the same after an update."""
    if "frozen" not in inspect.signature(type(case.family)).parameters:
        return None
    tallies = case.emission.statistics(case.values, case.draw_weights())
    for name in case.emission.parameters:
        before = np.array(getattr(case.emission, name))
        half = np.zeros(before.shape, dtype=bool)
        half[: len(before) // 2] = True
        for mask in (True, half):
            emission = copy.copy(case.emission)
            emission.frozen = {name: mask}
            emission.update(tallies)
            if not np.array_equal(np.asarray(getattr(emission, name))[mask], before[mask]):
                return f"{name} moved"
    return None


def keeps_without_mass(case):
    """A state without mass still has parameters: those it had, or the prior's."""
    weights = case.weights.copy()
    weights[:, 0] = 0.0
    emission = copy.copy(case.emission)
    emission.update(emission.statistics(case.values, weights))
    return None if (emission.log_likelihood(case.values) < np.inf).all() else "its log likelihoods are not numbers"


def permutes(case):
    """reordered(order) permutes the states: column i of the log likelihoods is the former column order[i]."""
    order = np.roll(np.arange(case.n), 1)
    before, other = case.emission.log_likelihood(case.values), case.emission.reordered(order)
    return differs(other.log_likelihood(case.values), before[:, order], "the permuted and the original")


def recentres(case):
    """recentre(statistics, other) is exact: statistics survive the way there and back, and lead to the same update."""
    one, other = copy.copy(case.emission), case.learnt(case.draw_weights())
    tallies = other.statistics(case.values, case.weights)
    moved = one.recentre(tallies, other)
    for key, value in other.recentre(moved, one).items():
        trouble = differs(value, tallies[key], f"{key} and {key} moved there and back")
        if trouble:
            return trouble
    if one.max_inner_iter > 2:
        return None  # its statistics depend on the parameters in other ways as well
    one.update(moved)
    other.update(tallies)
    return differs(one.log_likelihood(case.values), other.log_likelihood(case.values), "the two updates", 1e-7)


def means_are_means(case):
    """mean() and variance() are None, or of shape (n_states, n_features) and never infinite."""
    for name in ("mean", "variance"):
        table = getattr(case.emission, name)()
        if table is not None and (np.ndim(table) != 2 or len(table) != case.n or np.isinf(table).any()):
            return f"{name}() is {table!r}"
    return None


def slopes(case):
    """gradient gives the derivatives of sum weights * log b along the coordinates of unconstrained(), which go back."""
    weights = case.draw_weights()  # others than it was learnt with: not all derivatives are 0
    parts, by_entry = case.emission.unconstrained(), case.emission.gradient(case.values, weights)
    if parts.keys() != by_entry.keys():
        return f"it has the derivatives by {sorted(by_entry)}, the parameters are {sorted(parts)}"
    for name, part in parts.items():
        trouble = differs(part.restored(part.vector()), part.array, f"{name} and {name} from its coordinates", 1e-6)
        if trouble:
            return trouble
        step = 1e-3 * part.unit * case.rng.uniform(0.5, 1, part.n)
        edge = part.at(part.restored(part.vector() + 2 * step)).vector()
        if differs(edge, part.vector() + 2 * step, name):
            continue  # a limit of what can be learnt

        def explained(k, name=name, part=part, step=step):
            moved = case.emission.replaced({name: part.restored(part.vector() + k * step)})
            return e_step.explained(moved, case.values, weights)

        mine = part.pulled(by_entry[name]) @ step
        trouble = differs(mine, difference(explained, 1), f"the gradient by {name} and a difference", 1e-5)
        if trouble:
            return trouble
    return None


def cdf_is_the_sum(case):
    """cdf(values) is (R, n_states, n_features), rises from 0 to 1, and is the share of draws that are below."""
    if without_cdf(case.emission) or case.emission.kind not in ("numbers", "columns"):
        return None
    drawn = np.asarray(case.emission.sample(np.repeat(np.arange(case.n), 500), np.random.default_rng(1)))
    if drawn.dtype == object:
        return None  # symbols stand beside numbers
    values = np.sort(drawn.reshape(case.n, 500, -1).astype(np.float64), axis=1)
    for state, own in enumerate(values):
        got = case.emission.cdf(case.emission.values_of(own))
        if got.shape != (len(own), case.n, own.shape[1]):
            return f"{len(own)} values of {own.shape[1]} columns and {case.n} states give the shape {got.shape}"
        got = got[:, state]
        if not (got.min() >= 0 and got.max() <= 1 and np.diff(got, axis=0).min(initial=0) >= -CLOSE):
            return f"in state {state} it falls, or leaves 0 ... 1"
        below = np.stack([np.searchsorted(column, column, side="right") for column in own.T], axis=1) / len(own)
        apart = np.abs(got - below).max()
        if apart > 0.12:  # Kolmogorov's distance of 500 draws is above it once in a million
            return f"in state {state} it differs by {apart:.3g} from the share of 500 draws that are below"
    return None


def without_cdf(emission):
    """Whether the family, or one that it is made of, leaves cdf out."""
    return any(map(without_cdf, emission.members)) or type(emission).cdf is Emission.cdf


def is_pure(case):
    """Updating a shallow copy changes neither values, weights and statistics nor the arrays of the original."""
    before = case.emission.log_likelihood(case.values)
    weights, values = case.weights.copy(), copy.deepcopy(case.values)
    other = copy.copy(case.emission)
    tallies = other.statistics(case.values, case.weights)
    kept = copy.deepcopy(tallies)
    other.update(tallies)
    if not np.array_equal(weights, case.weights):
        return "the weights were written to"
    if isinstance(values, np.ndarray) and not np.array_equal(values, case.values, equal_nan=True):
        return "the values were written to"
    if any(not np.array_equal(kept[key], tallies[key], equal_nan=True) for key in kept):
        return "the statistics were written to"
    return differs(case.emission.log_likelihood(case.values), before, "the original before and after", 0.0)


def is_saved(case):
    """A model gives the same score after it was saved and loaded."""
    m, file = fitted(case), io.BytesIO()
    m.save(file)
    file.seek(0)
    again = Model.load(file, emissions=classes(case.emission))
    return differs(again.score([case.x]), m.score([case.x]), "log P of the loaded model", 0.0)


def stands_errors(case):
    """The caller's NumPy error state does not matter: under `raise`, a fit gives the same numbers."""
    plain = fitted(case).history_
    with np.errstate(all="raise"):
        return differs(fitted(case).history_, plain, "the objectives", 0.0)


def takes_any_order(case):
    """Start values and statistics do not depend on the order of the sequences, up to rounding."""
    half = case.data.n_steps // 2
    parts = [case.x[:half], case.x[half:]]
    ends = [fitted(case, some, max_iter=2).history_[-1] for some in (parts, parts[::-1])]
    return differs(*ends, "the objectives", 1e-6)


LAWS = (
    rows, knows_its_columns, adds, climbs, maximises, em_rises, samples, adds_up_to_one, refuses, missing_says_nothing,
    keeps_frozen, keeps_without_mass, permutes, recentres, means_are_means, cdf_is_the_sum, slopes, is_pure, is_saved,
    stands_errors, takes_any_order,
)  # fmt: skip
