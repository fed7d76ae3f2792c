"""What a fit tells: while it runs, to a callback, and when it is over, as a report that reads as sentences."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import html
from .display import duration
from .paths import EVIDENCE
from .symbols import shown

ALIKE = 1e-6  # in log likelihood and in probability: states that differ less are one state twice


@dataclass(frozen=True)
class Progress:
    """Where a fit is after an E-step.

    start : which of the starts it follows, from 0; n_starts : how many there are.
    step : E-steps taken from this start, or since a state was moved. objective : log P of the data plus the prior, at
    the best parameters of these steps. gain : what the last step gained. left : what more steps may gain, by
    extrapolation, which cannot see beyond a plateau. seconds : since the fit began. model() : a fitted model with the
    parameters so far, to keep or to save.
    """

    start: int
    n_starts: int
    step: int
    objective: float
    gain: float
    left: float
    seconds: float
    model: Callable[[], Any] = field(repr=False)

    def __str__(self) -> str:
        """One line, as fit(progress=True) shows it."""
        start = f"start {self.start + 1} of {self.n_starts}, " if self.n_starts > 1 else ""
        gain = f", gain {self.gain:.3g}" if np.isfinite(self.gain) else ""
        left = f", about {self.left:.2g} left" if np.isfinite(self.left) else ""
        return f"{start}step {self.step}: objective {self.objective:.9g}{gain}{left}, {duration(self.seconds)}"


class Report(Mapping):
    """What happened in a fit: a mapping of facts by name, which prints as sentences, without those that do not apply.

    >>> from chmm.report import Report
    >>> report = Report({"n_sequences": 2, "n_steps": 70, "kind": "text", "missing": 3, "left": 0.004})
    >>> report["missing"], "unknown" in report
    (3, False)
    >>> print(report)
    Learnt from 2 sequences (text), 70 steps in all.
    3 steps are missing.
    More steps would gain about 0.004 nats, by extrapolation.
    """

    def __init__(self, facts: Mapping[str, Any]):
        self._facts = dict(facts)

    def __getitem__(self, name: str) -> Any:
        return self._facts[name]

    def __iter__(self):
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)

    def __eq__(self, other) -> bool:
        return isinstance(other, Mapping) and self._facts == dict(other)

    __hash__ = None  # type: ignore[assignment]

    def _repr_html_(self) -> str:
        return html.report(repr(self))

    def __repr__(self) -> str:
        return "\n".join(filter(None, (_sentence(name, value, self._facts) for name, value in self._facts.items())))


def _sentence(name, value, facts):
    if name in SENTENCES:
        told = SENTENCES[name]
        return told(value, facts) if callable(told) else told.format(_listed(value)) if _present(value) else ""
    return f"{name.replace('_', ' ').capitalize()}: {_listed(value)}." if _present(value) else ""


def _present(value):
    return value is not None and value is not False and (not hasattr(value, "__len__") or len(value) > 0) and value != 0


def _listed(value):
    if isinstance(value, dict):
        return ", ".join(f"{shown(key)} ({_listed(item)})" for key, item in list(value.items())[:10])
    if isinstance(value, list | tuple):
        more = f" and {len(value) - 10} more" if len(value) > 10 else ""
        return ", ".join(map(_listed, value[:10])) + more
    return f"{value:.3g}" if isinstance(value, float) else shown(value)


def _learnt_from(n, facts):
    kind = f" ({facts['kind']})" if facts.get("kind") else ""
    n_steps = facts.get("n_steps", 0)
    return f"Learnt from {n} sequence{'s' * (n != 1)}{kind}, {n_steps} step{'s' * (n_steps != 1)} in all."


def _starts(n, facts):
    if n < 2:
        return ""
    agreed, failed, moved = facts.get("n_agreed", 1), facts.get("n_failed"), facts.get("n_moved")
    goal = "the best optimum among theirs" if moved else "this optimum"
    told = f"Of {n} starts {agreed} led to {goal}, as far as they were followed"
    told += f"; {failed} failed." if failed else "."
    return told + (f" From there it led higher {moved} time{'s' * (moved != 1)} to move a state." if moved else "")


def _pairs(text):
    """A sentence about pairs of states."""
    return lambda pairs, facts: _few(text, [" and ".join(map(shown, pair)) for pair in pairs])


def _cells(text):
    """A sentence about parameters of a state by its number."""
    return lambda cells, facts: _few(text, [f"{what} of state {i}" for i, what in cells])


def _few(text, items):
    more = f" and {len(items) - 10} more" if len(items) > 10 else ""
    return text.format(", ".join(items[:10]) + more) if items else ""


def _left(n):
    about = f"about {n:.1g}" if n >= 1e-6 else "less than 1e-06"
    return f"More steps would gain {about} nats, by extrapolation." if np.isfinite(n) else ""


STOPPED = {
    "tol": "EM stopped because it had converged: more steps would gain less than tol.",
    "max_iter": "EM stopped at max_iter, before it had converged.",
    "fall": "EM stopped because its last step lowered the objective.",
    "callback": "EM stopped because the callback asked for it.",
    "labels": "The states were known, so they were counted.",
}
# name of a fact: a text for it, or a function of its value and all facts; in this order facts are told
SENTENCES: dict[str, Any] = {
    "n_sequences": _learnt_from,
    "n_steps": lambda n, facts: "",
    "kind": lambda n, facts: "",
    "impossible_sequences": lambda n, facts: f"{n} sequence{'s were' if n != 1 else ' was'} impossible and left out.",
    "missing": lambda n, facts: f"{n} step{'s are' if n != 1 else ' is'} missing." if n else "",
    "partly_missing": "Partly missing steps: {}.",
    "unknown": "Symbols that were unknown, and how often they occur: {}.",
    "n_batches": "Batches that partial_fit has learnt from: {}.",
    "structural_zeros": "Probabilities that were given as 0, and stay 0: {}.",
    "stopped": lambda reason, facts: STOPPED.get(reason, ""),
    "n_starts": _starts,
    "n_agreed": lambda n, facts: "",
    "n_failed": lambda n, facts: "",
    "n_moved": lambda n, facts: "",
    "n_dropped": "Extrapolated steps that were dropped: {}.",
    "left": lambda n, facts: _left(n),
    "transitions_without_evidence": "Transitions that the data show no sign of, though their probability is not 0: {}.",
    "states_without_evidence": "States to which no step belongs, which kept their start values: {}.",
    "unreachable_states": "States that no path reaches: {}.",
    "twin_states": _pairs("States that are alike, so that one of them is superfluous: {}."),
    "identical_starts": _pairs("States that were given the same start values, which EM cannot tell apart: {}."),
    "cells_without_evidence": _cells("Parameters without evidence, which kept their start values: {}."),
    "at_limits": _cells("Parameters at a limit of their range: {}."),
    "impossible_symbols": "Symbols that no state can show: {}.",
}


def met(material, learnt) -> dict:
    """What a fit met in its `Material`: the facts of its report."""
    statistics, structure = learnt.statistics, material.structure
    visits = statistics.start + statistics.trans.sum(axis=0)
    top = material.top
    twin = twins(learnt.parameters, material.probed, structure.states.names)
    lost = [structure.states.names[i] for i in unreachable(learnt.startprob, learnt.transmat)]
    dust = int(((learnt.transmat > 0) & (learnt.transmat <= learnt.least_transition)).sum())
    return {
        "n_sequences": statistics.n_sequences,
        "n_steps": statistics.n_steps,
        "kind": material.seen.data.kind,
        **({"labelled": material.n_known} if material.n_known is not None else {}),
        "missing": material.n_missing,
        "states_without_evidence": [
            name for name, mass in zip(structure.states.names, visits, strict=True) if not mass > EVIDENCE * top
        ],
        "structural_zeros": sum(int((~free).sum()) for free in structure.free.values()),
        **({"transitions_without_evidence": dust} if dust else {}),
        **({"twin_states": twin} if twin else {}),
        **({"unreachable_states": lost} if lost else {}),
        **learnt.report,
        **material.notes,
        **learnt.emission.report({name: sums / top for name, sums in statistics.emission.items()}),
    }


def unreachable(startprob: np.ndarray, transmat: np.ndarray) -> np.ndarray:
    """States that no path reaches."""
    seen = startprob > 0
    for _ in range(len(seen)):
        more = seen | (transmat[seen] > 0).any(axis=0)
        if (more == seen).all():
            break
        seen = more
    return np.flatnonzero(~seen)


def twins(parameters: tuple, values, names=None) -> list[list]:
    """Pairs of states that could change places: the same start, transitions, end and likelihood of each of these
    values. names : of the states; None: their numbers.

    EM moves both alike, so that twins stay twins.
    """
    startprob, transmat, emission, endprob = parameters
    logs, found = None, []
    gaps = [np.abs(value[:, None] - value) for value in (startprob, transmat.diagonal())]
    for i, j in zip(*np.nonzero(np.maximum(*gaps) <= ALIKE), strict=True):
        if i >= j or (endprob is not None and endprob[i] != endprob[j]):
            continue
        pair, order = np.array([i, j]), np.arange(len(startprob))
        order[pair] = pair[::-1]
        if np.abs(transmat[pair][:, order] - transmat[pair[::-1]]).max() > ALIKE:
            continue
        if logs is None:
            logs = emission.log_likelihood(values) if len(values) else np.zeros((0, len(startprob)))
        one, other = logs[:, i], logs[:, j]
        with np.errstate(invalid="ignore"):
            same = (one == other) | (np.abs(one - other) <= ALIKE * np.maximum(1, np.abs(one)))
        if same.all() and np.abs(transmat[np.ix_(order, order)] - transmat).max() <= ALIKE:
            found.append([int(i), int(j)])
    return found if names is None else [[names[i] for i in pair] for pair in found]
