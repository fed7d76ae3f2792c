"""The arrays of an emission, by name: which are known and which are held, new values, permutations, coordinates."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from ..checks import read_only
from ..coordinates import REAL, SIMPLEX, Coordinates, Entrywise, Simplex, difference, ratio

EVIDENCE = 1e-6  # in steps: a cell with less weight than this counts as unseen
STEP = 1e-3  # of differences, in units of a parameter


class Parameters:
    """What an emission does with its parameters, whichever family it is."""

    parameters: tuple[str, ...]
    ranges: tuple
    common: tuple[str, ...]
    frozen: Any
    free: Any
    members: tuple

    @property
    def n_states(self) -> int | None:
        """Number of states; None before the parameters are known."""
        known = [a for name, a in self._known().items() if name not in self.common]
        return len(known[0]) if known else None

    @property
    def n_features(self) -> int | None:
        """Number of columns; None before it is known."""
        known = [a for a in self._known().values() if np.ndim(a) > 1]
        return known[0].shape[1] if known else None

    @property
    def complete(self) -> bool:
        """Whether all parameters are known."""
        return bool(self.parameters) and len(self._known()) == len(self.parameters)

    @property
    def lacking(self) -> str:
        """The first family in it whose parameters are not all known, and these, as in "Poisson(rates=...)"."""
        missing = [f"{name}=..." for name in self.parameters if name not in self._known()]
        if not missing:
            return next((part.lacking for part in self.members if not part.complete), type(self).__name__)
        return f"{type(self).__name__}({', '.join(missing)})"

    @property
    def partly_given(self) -> bool:
        """Whether some parameter is given, so that it matters which cluster of values starts which state."""
        return bool(self._known()) or any(part.partly_given for part in self.members)

    @property
    def exchangeable(self) -> bool:
        """Whether states are alike until parameters are given; not where each has a role of its own."""
        return all(part.exchangeable for part in self.members)

    def _known(self):
        known = {name: getattr(self, name, None) for name in self.parameters}
        return {name: value for name, value in known.items() if value is not None}

    def held(self, name: str) -> bool | np.ndarray:
        """The frozen entries of a parameter: True (all), a mask of its shape, or False, also while it is unknown."""
        if name not in self.frozen or getattr(self, name) is None:
            return False
        return self.frozen[name] if isinstance(self.frozen, dict) else True

    def is_frozen(self, name: str) -> bool:
        """Whether a parameter is frozen as a whole."""
        return self.held(name) is True

    def assign(self, new: Mapping[str, np.ndarray], alive: bool | np.ndarray = True) -> None:
        """Set all parameters that are not frozen; where nothing was seen (`alive` False), known values are kept."""
        for name in self.parameters:
            old = getattr(self, name)
            if not self.is_frozen(name):
                value = new[name] if old is None else np.where(self.held(name) | ~np.asarray(alive), old, new[name])
                setattr(self, name, read_only(value))

    def reordered(self, order: Sequence[int] | np.ndarray) -> Self:
        other: Any = copy.copy(self)
        order = np.asarray(order)
        for name, value in self._known().items():
            if name not in self.common:
                setattr(other, name, read_only(np.asarray(value)[order]))
        if isinstance(self.frozen, dict):
            other.frozen = {
                name: mask if mask is True or name in self.common else mask[order] for name, mask in self.frozen.items()
            }
        if np.ndim(self.free):
            other.free = self.free[order]
        counts: Any = getattr(self, "pseudocount", None)
        if np.ndim(counts) == 2 and len(counts) == len(order):
            other.pseudocount = counts[order]
        return other

    def replaced(self, arrays: Mapping[str, np.ndarray]) -> Self:
        """A copy with other values of these parameters."""
        other = copy.copy(self)
        for name in self.parameters:
            if name in arrays:
                setattr(other, name, read_only(arrays[name]))
        return other

    def limits(self) -> dict[str, tuple[float, float]]:
        """{name of a parameter: (the least, the largest value that can be learnt)}."""
        return {}

    def report(self, statistics: dict[str, np.ndarray]) -> dict:
        found: dict = {"cells_without_evidence": [], "at_limits": []}
        if "weights" in statistics:
            empty = np.argwhere(np.atleast_2d(np.transpose(statistics["weights"])).T <= EVIDENCE)
            found["cells_without_evidence"] = [(i, f"column {k}") for i, k in empty.tolist()]
        for name, (low, high) in self.limits().items():
            value = getattr(self, name)
            ends = ((value <= low) | (value >= high)) & ~np.asarray(self.held(name))
            found["at_limits"] += [(i, f"{name}, column {k}") for i, k in np.argwhere(ends).tolist()]
        return {fact: items for fact, items in found.items() if items}

    def summary(self, state: int) -> str:
        """The parameters of a state in brief, for the model's repr."""
        known = [(name, np.asarray(a)) for name, a in self._known().items() if name not in self.common]
        return ", ".join(f"{name} {_rounded(a[state])}" for name, a in known)

    # As coordinates without limits, and derivatives by differences ---------------------------------------------------

    def unconstrained(self) -> dict[str, Coordinates]:
        """The free entries of each parameter as coordinates without limits, by the range of the parameter."""
        return {name: self._coordinates(name) for name in self.parameters}

    def _coordinates(self, name, unit=None):
        array, between = np.asarray(getattr(self, name)), self._range(name)
        if between == SIMPLEX:
            return Simplex(array, self._movable(name))
        unit = (self._unit(array) if between == REAL else 1.0) if unit is None else unit
        return Entrywise(array, self._movable(name), between, self.limits().get(name, REAL), unit)

    def _movable(self, name):
        """The entries that are neither frozen nor structural."""
        held = np.broadcast_to(self.held(name), np.shape(getattr(self, name)))
        return ~held if self.free is None else ~held & self.free

    def _range(self, name):
        return dict(zip(self.parameters, self.ranges, strict=False)).get(name, REAL)

    def _unit(self, array):
        """How far a parameter on the real line is from one like it: a standard deviation, if there is one."""
        variance = self.variance()
        if np.shape(variance) == array.shape and np.all((variance > 0) & np.isfinite(variance)):
            return np.sqrt(variance)
        return np.where(array == 0, 1.0, np.abs(array))

    def gradient(self, values: Any, weights: np.ndarray) -> dict[str, np.ndarray]:
        def explained(other):
            logs = other.log_likelihood(values)
            return np.where(weights > 0, weights * logs, 0.0).sum(axis=0)  # by state

        return self._differences(explained, True)

    def prior_gradient(self) -> dict[str, np.ndarray]:
        """The derivatives of `log_prior()`, by differences."""
        return self._differences(lambda other: other.log_prior(), False)

    def _differences(self, function, by_state):
        """Derivatives of a function of such an emission by the entries of its parameters that may move. by_state : it
        gives a number for each state, so that entries of different states can be moved together."""
        found = {}
        for name in self.parameters:
            array = np.array(getattr(self, name), dtype=np.float64)
            slope, movable = np.zeros(array.shape), np.broadcast_to(self._movable(name), array.shape)
            steps = self._steps(name, array)
            together = by_state and name not in self.common
            for place in np.ndindex(array.shape[1:] if together else array.shape):
                at = (slice(None), *place) if together else place
                if not movable[at].any():
                    continue
                moved = np.zeros(array.shape)
                moved[at] = np.where(movable[at], steps[at], 0.0)
                change = difference(lambda k, n=name, x=array, by=moved: function(self.replaced({n: x + k * by})), 1)
                slope[at] = ratio(change if together else np.sum(change), moved[at])
            found[name] = slope
        return found

    def _steps(self, name, array):
        """How far to move each entry for a difference: well inside its range."""
        between = self._range(name)
        if between == REAL:
            return STEP * self._unit(array)
        low, high = (0.0, np.inf) if between == SIMPLEX else between
        return STEP * np.maximum(np.minimum(array - low, high - array), 0.0)


def _rounded(a):
    digits = {"all": "{:.5g}".format}
    return np.array2string(np.squeeze(np.asarray(a)), separator=", ", threshold=20, formatter=digits).replace("\n", "")
