"""The result of a fit: the parameters, ready for questions, and how they came about."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest
from typing import Any

import numpy as np

from . import sequences
from .emissions import Emission, Observed
from .kernel_input import PLAIN, Chain, Layout, Problem, Rows, pose
from .known import Known
from .paths import EVIDENCE
from .sequences import Sequences
from .stationary import ROUNDING
from .statistics import Statistics, rounded
from .symbols import Symbols, plural, shown

KINDS = {"text": "characters", "columns": "several columns", "nothing": "all missing"}  # other kinds keep their names


@dataclass(frozen=True, eq=False)
class Fit:
    """Everything that a fit yields, or parameters that were given instead. Immutable: a model replaces it as a whole,
    so threads that ask questions see one consistent set of parameters."""

    startprob: np.ndarray  # (N,), read-only as all arrays here
    transmat: np.ndarray  # (N, N)
    emission: Emission
    states: Symbols
    allowed: np.ndarray | None = None  # (N,) bool: the final states; None: any
    endprob: np.ndarray | None = field(default=None, kw_only=True)  # (N,); None: sequences end for no reason
    columns: tuple | None = None  # names of the columns it was learnt from, if they came from a frame
    history: np.ndarray | None = None  # the objective that EM step k started from; None: the parameters were given
    n_iter: int = 0
    converged: bool = True
    loglik: float | None = None  # log P of the training data; log P(O, Q) with labels
    statistics: Statistics | None = None  # None: loaded from a file
    anchor: Emission | None = None  # the emission whose parameters these statistics were taken with
    report: dict = field(default_factory=dict)

    def __post_init__(self):
        for array in (self.startprob, self.transmat, self.endprob, self.history):
            if array is not None:
                array.flags.writeable = False

    def __getstate__(self):
        """Without the cached tables, which copies and pickles compute anew."""
        return {name: value for name, value in vars(self).items() if name not in ("chain", "rows")}

    @cached_property
    def chain(self) -> Chain:
        return Chain(self.startprob, self.transmat, self.endprob, self.allowed)

    @property
    def parameters(self) -> tuple:
        return self.startprob, self.transmat, self.emission, self.endprob

    @cached_property
    def rows(self) -> Rows | None:
        """The rows of the whole alphabet, if there is one."""
        values = self.emission.alphabet()
        if values is None:
            return None
        return Rows(self.emission, values, self.chain, Layout.of_alphabet(len(values)) if self.ends else PLAIN)

    @property
    def ends(self) -> bool:
        """Whether the last step of a sequence is weighted."""
        return self.allowed is not None or self.endprob is not None

    @cached_property
    def names(self) -> np.ndarray | None:
        """The states as an array; None if they are 0 ... N-1."""
        if self.states.kind == "integers" and self.states.names == tuple(range(len(self.states))):
            return None
        names = self.states.array
        names.flags.writeable = False
        return names

    @property
    def least_transition(self) -> float:
        """The probability below which a transition counts as none: it would occur less than 1e-6 times in the training
        data, or is lost in the rounding of its row."""
        n_steps = self.report.get("n_steps", 0) if self.statistics is None else self.statistics.n_steps
        return max(ROUNDING, EVIDENCE / n_steps) if n_steps else ROUNDING

    def named(self, path: np.ndarray) -> np.ndarray:
        """A path of codes as a path of states."""
        return path if self.names is None else self.names[path]

    def read(self, X: Any, lengths: Any = None, ids: Any = None) -> Sequences:
        """One sequence or several, read as this model takes them."""
        return sequences.read(X, lengths, ids, kind=self.emission.kind)

    def problem(
        self, data: Sequences, known: Known | None = None, ended: np.ndarray | None = None,
        weight: np.ndarray | None = None, learning: bool = False,
    ) -> Problem:  # fmt: skip
        """These sequences as a Problem for the kernels; see `pose`."""
        return pose(
            data, self.observed(data), self.emission, self.chain, ends=self.ends, final=self.allowed,
            known=known, ended=ended, rows=self.rows, weight=weight, learning=learning,
        )  # fmt: skip

    def observed(self, data: Sequences) -> Observed:
        """The values of these sequences, checked."""
        self.require_same_columns(data)
        return self.emission.check(data)

    def title(self) -> str:
        return f"{plural(len(self.states), 'state')}: {self.states.preview()}; {self.emission!r}"

    def rows_of_text(self, most: int = 8) -> Iterator[str]:
        """The lines of the repr: one for each state, and how the parameters came about."""
        for i, name in enumerate(self.states.names[:most]):
            row = self.transmat[i]
            best = [j for j in np.argsort(-row, kind="stable")[:3] if row[j] > 0]
            to = ", ".join(f"{shown(self.states.names[j])} {rounded(row[j])}" for j in best)
            end = "" if self.endprob is None else f", end {rounded(self.endprob[i])}"
            yield f"  {shown(name)}: start {rounded(self.startprob[i])}{end}, to {to}; {self.emission.summary(i)}"
        if len(self.states) > most:
            yield f"  ... and {len(self.states) - most} more"
        yield from (f"  {line}" for line in self.origin())

    def origin(self) -> Iterator[str]:
        """Where the parameters come from."""
        if self.history is None:
            yield "with given parameters"
            return
        told = self.report
        if told:
            steps = f"{told['n_steps']:,} steps ({KINDS.get(told['kind'], told['kind'])})"
            labels = "" if len(self.history) else ", with labels"
            yield f"learnt from {plural(told['n_sequences'], 'sequence')}, {steps}{labels}"
        if len(self.history):
            yield self.outcome()

    def outcome(self) -> str:
        """How the fit ended, in one line."""
        if self.history is None or not len(self.history):
            return "counted"
        how = "converged" if self.converged else "NOT converged"
        return f"{how} after {plural(self.n_iter, 'EM step')}, objective {self.history[-1]:.6g}"

    def require_same_columns(self, data: Sequences) -> None:
        """ValueError for a frame that has other columns, or has them in another order."""
        if self.columns is None or data.names in (None, self.columns) or self.emission.by_name:
            return
        if column_names(data) is None:
            return
        pairs = enumerate(zip_longest(self.columns, data.names, fillvalue="none"))
        k, want, got = next((k, want, got) for k, (want, got) in pairs if want != got)
        raise ValueError(
            f"the feature names should match those that were passed during fit: column {k} of X is {shown(got)}, and "
            f"was {shown(want)}; pass X[{shown(list(self.columns))}], or an array if the names do not matter"
        )


def column_names(data: Sequences) -> tuple | None:
    """The names of the columns, if they are all texts; other names mean nothing."""
    return data.names if data.names is not None and all(isinstance(name, str) for name in data.names) else None
