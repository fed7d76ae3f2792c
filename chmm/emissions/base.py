"""What every family of observations does, and what it may leave to this class."""

import copy
from typing import NamedTuple

import numpy as np


class Observed(NamedTuple):
    """Observations as the recursions see them: distinct values, and which of them each step shows."""

    distinct: np.ndarray  # (K, ...), what `log_likelihood` and `statistics` are asked for
    # (T,) int32 into `distinct`; K where the step is missing
    index: np.ndarray  # type: ignore[assignment]
    shared: bool  # whether steps share distinct values: one table serves all sequences


class Emission:
    """A family of distributions b_i(o), one member for each state.

    Subclass it and write four methods; values arrive checked and without missing steps, weights are posterior masses:

    - `log_likelihood(values)` -> (R, n_states), log b_i(value)
    - `statistics(values, weights)` -> dict of float64 arrays that add up; weights is (R, n_states)
    - `update(statistics)`: set the parameters to the maximiser of sum weights * log b_i(value), plus `log_prior()`;
      a state without mass keeps its own
    - `sample(states, rng)` -> one observation for each state of an array

    `parameters` names the arrays that are saved, permuted and shown. An emission knows neither time nor sequences.
    `fit` learns into a copy; it never changes the one that it was given.
    """

    parameters: tuple[str, ...] = ()

    def log_likelihood(self, values):
        raise TypeError(f"{type(self).__name__} has no log_likelihood(values)")

    def statistics(self, values, weights):
        raise TypeError(f"{type(self).__name__} has no statistics(values, weights)")

    def update(self, statistics):
        raise TypeError(f"{type(self).__name__} has no update(statistics)")

    def sample(self, states, rng):
        raise TypeError(f"{type(self).__name__} has no sample(states, rng)")

    # What a family may say beyond the four -------------------------------------------------------------------------

    kind = "numbers"  # what a step of its data is (see sequences.py)

    @property
    def n_states(self):
        """Number of states the parameters are for; None before they are known."""
        name = self.parameters[0] if self.parameters else None
        values = getattr(self, name, None) if name else None
        return None if values is None else len(values)

    def prepare(self, data, n_states, pseudocount):
        """See all data of a fit once, before anything else."""

    def check(self, data):
        """Sequences -> Observed, or an error that names the place and the value."""
        if data.kind not in (self.kind, "integers", "bools", "nothing"):
            raise TypeError(f"the data are {data.kind}, {type(self).__name__} takes {self.kind}")
        values = np.asarray(data.values, dtype=np.float64)
        values = values.reshape(len(values), -1)
        missing = np.isnan(values).all(axis=1)
        if data.missing is not None:
            missing |= data.missing
        index = np.cumsum(~missing, dtype=np.int32) - 1
        index[missing] = len(values) - missing.sum()
        return Observed(np.ascontiguousarray(values[~missing]), index, False)

    def log_prior(self):
        """What the prior or a floor adds to the objective."""
        return 0.0

    def alphabet(self):
        """All values there can be, if they are few enough to make one table of likelihoods; else None."""
        return None

    def describe(self, data, t):
        """The value at place t among all steps, for an error message."""
        return f"the value {data.values[t]}"

    def top(self, state):
        """The parameters of a state in a few words, for the model's repr."""
        return ", ".join(f"{name} {np.asarray(getattr(self, name))[state]}" for name in self.parameters)

    def settings(self):
        """What the constructor needs beside the parameters, as JSON takes it; for saving."""
        return {}

    @classmethod
    def restored(cls, settings, arrays):
        """The emission that was saved with these settings and parameters."""
        emission = cls(**settings)
        for name in cls.parameters:
            setattr(emission, name, arrays[name])
        return emission

    def saved(self, prefix, arrays):
        """Metadata of this emission; its parameters go into `arrays` under `prefix`."""
        for name in self.parameters:
            if getattr(self, name) is not None:
                arrays[f"{prefix}.{name}"] = np.asarray(getattr(self, name))
        return {"family": type(self).__name__, "settings": self.settings()}

    @staticmethod
    def loaded(metadata, prefix, arrays, families):
        """The emission that `saved` described; `families` by name."""
        name = metadata["family"]
        if name not in families:
            raise ValueError(f"it uses the emission {name}; pass its class: Model.load(path, emissions=[{name}])")
        start = len(prefix) + 1
        parameters = {key[start:]: value for key, value in arrays.items() if key.startswith(prefix + ".")}
        return families[name].restored(metadata["settings"], parameters)

    def permuted(self, order):
        """A copy with the states in another order."""
        other = copy.copy(self)
        for name in self.parameters:
            setattr(other, name, getattr(self, name)[order])
        return other

    def report(self, data):
        """What a fit has to tell of the data: a dict, empty if nothing."""
        return {}
