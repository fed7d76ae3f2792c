"""How good decoded states are, where the right ones are known."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from . import frames, html, inference
from .known import with_gaps
from .ordering import confusion
from .paths import encoded
from .questions import Question
from .sequences import Sequences
from .symbols import plain, shown


class StateScores(NamedTuple):
    """Scores of one state. What is not defined (a state that was never predicted, or never there) is 0."""

    precision: float  # right steps / steps predicted to be in it
    recall: float  # right steps / steps that are in it
    f1: float  # their harmonic mean
    support: int  # steps that are in it


class Assessment(Mapping):
    """Scores for each state, by name; prints as a table.

    accuracy : the share of steps whose predicted state is right. names : the n_states states, and labels that are not
    states, which always count as missed. confusion : (n_names, n_names), the number of steps with the label of the row
    that were predicted as that of the column. Unknown labels do not count.
    """

    def __init__(self, names: tuple, confusion: np.ndarray, n_states: int):
        self.names, self.confusion, self.n_states = names, confusion, n_states
        right, is_, said = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
        self.accuracy = float(right.sum() / max(confusion.sum(), 1))
        table = [_share(right, said), _share(right, is_), _share(2 * right, said + is_)]
        rows = zip(*(column.tolist() for column in table), is_.tolist(), strict=True)
        self._scores = {name: StateScores(*row) for name, row in zip(names, rows, strict=True)}

    def __add__(self, other: "Assessment") -> "Assessment":
        """The scores on both data, of models with the same states."""
        if not isinstance(other, Assessment):
            return NotImplemented
        names = (*self.names, *(name for name in other.names if name not in self.names))
        total = np.zeros((len(names), len(names)), dtype=self.confusion.dtype)
        for one in (self, other):
            places = [names.index(name) for name in one.names]
            total[np.ix_(places, places)] += one.confusion
        return Assessment(names, total, self.n_states)

    def __radd__(self, other):
        return self if isinstance(other, int) and other == 0 else NotImplemented  # what sum() begins with

    def __getitem__(self, name: Any) -> StateScores:
        return self._scores[name]

    def __iter__(self):
        return iter(self._scores)

    def __len__(self) -> int:
        return len(self._scores)

    @property
    def macro(self) -> StateScores:
        """The unweighted mean over the states."""
        precision, recall, f1, support = (list(column) for column in zip(*self._scores.values(), strict=True))
        means = [sum(column) / len(self) for column in (precision, recall, f1)]
        return StateScores(means[0], means[1], means[2], sum(support))

    def to_frame(self):
        """A pandas DataFrame with one row per state, by name."""
        return frames.table(self.values(), list(self))

    def _repr_html_(self) -> str:
        return html.assessment(self, self.n_states)

    def __repr__(self) -> str:
        rows = [*((shown(name), row) for name, row in self._scores.items()), ("macro average", self.macro)]
        width = max(len(name) for name, _ in rows)
        lines = [f"accuracy {self.accuracy:.4f} of {int(self.confusion.sum()):,} steps", ""]
        lines.append(f"{'':{width}}  precision  recall      f1  support")
        for name, (precision, recall, f1, support) in rows:
            lines.append(f"{name:{width}}  {precision:9.4f}  {recall:6.4f}  {f1:6.4f}  {support:7,}")
        return "\n".join(lines)


def evaluate(asked: Question, y: Sequences, n_jobs=1) -> Assessment:
    """The most probable paths beside the labels y."""
    problem, states = asked.problem(), asked.fit.states
    path, outcome = inference.viterbi(problem, n_jobs)
    problem.require_possible(outcome.step)
    labels = with_gaps(y)
    if labels is None:
        raise ValueError("y holds no label to compare with")
    codes, names = _codes(labels, states)
    return Assessment(names, confusion(path, codes, len(names), len(names)).T, len(states))


def _codes(labels, states):
    """(codes of the labels (T,), -1 where unknown; names: those of the states, then of labels that are no states)."""
    codes, some_other = encoded(labels, states, "y", gaps=True)
    gone, other = codes == len(states), np.flatnonzero(codes < 0)
    codes[gone] = -1
    if some_other is None:
        return codes, states.names
    if labels.kind == "integers" and (labels.values[other] == -1).any():
        raise ValueError(f"y holds -1, which is not a state ({states.preview()}); an unknown label is None here")
    found = [labels.values[t] for t in other.tolist()]
    found = [chr(label) if labels.kind == "text" else plain(label) for label in found]
    names = (*states.names, *sorted(set(found)))
    codes[other] = [names.index(label, len(states)) for label in found]
    return codes, names


def _share(part, whole):
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
