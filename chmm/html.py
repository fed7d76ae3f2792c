"""Results as HTML for notebooks: tables with names and small bars.

Colours are those of the page, in light and in dark. Bars and states, which have the colours of `plot.colours`, have an
edge of a middle grey, which is seen on both. All text is escaped; nothing is loaded or executed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from typing import Any

import numpy as np

from . import colours
from .statistics import rounded
from .symbols import shown

MOST = 20  # rows of a long table that are shown, half of them from its end
MOST_ENTRIES = 60  # the same of tables with a row for each state or parameter
WIDE = 12  # states to which a table has a column for each
BLUE = "rgba(90,130,200,.75)"  # of bars that are of no state

_EDGE = ";box-shadow:0 0 0 1px rgba(128,128,128,.7)"
_CELL = "padding:2px 10px;text-align:{};white-space:nowrap;border:0;color:inherit;background:transparent"
_BAR = (
    '<div style="display:inline-block;width:60px;height:0.7em;margin-right:6px;border:1px solid rgba(128,128,128,.4)">'
    '<div style="width:{width:.0f}%;height:100%;background:{look}"></div>'
    "</div>{text}"
)
_WRAPPED = '<div style="white-space:normal;min-width:16em">{}</div>'
_SQUARE = '<div style="display:inline-block;width:0.7em;height:0.7em;margin-right:6px;background:{look}"></div>{text}'


class Cell(str):
    """Markup, which is not escaped again."""


def bar(share: float, text: str | None = None, colour: str = BLUE) -> Cell:
    """A bar of a share from 0 to 1, with its number beside it.

    >>> "width:25%" in bar(0.25) and bar(0.25).endswith("0.25")
    True
    """
    text = f"{share:.3g}" if text is None else text
    width = 100 * min(max(share, 0.0), 1.0)
    look = colour + _EDGE if width >= 0.5 else "transparent"
    return Cell(_BAR.format(width=width, look=look, text=escape(text)))


def square(colour: str, text: str) -> Cell:
    """A name beside the colour of its state."""
    return Cell(_SQUARE.format(look=colour + _EDGE, text=escape(text)))


class States:
    """The names of n states, each beside its colour; without names, their numbers."""

    def __init__(self, names: Sequence, n: int | None = None):
        n = len(names) if n is None else n
        self.names = [shown(name) for name in names] if len(names) == n else [f"state {i}" for i in range(n)]
        self.colours = colours.of_states(n) if n else []
        self.heads = list(map(square, self.colours, self.names))
        self.few = n <= WIDE

    def columns(self) -> list:
        """The heads of columns with what belongs to each state, or of those of the two best."""
        return self.heads if self.few else ["most probable", "next"]

    def cells(self, values: np.ndarray, share: np.ndarray | None = None, texts: Sequence | None = None) -> list:
        """Below them, a bar for each state, or the two largest of many. share : of the bars; None: the values."""
        share = values if share is None else share
        texts = [f"{value:.3g}" for value in values.tolist()] if texts is None else texts
        if self.few:
            return list(map(bar, share.tolist(), texts, self.colours))
        best = np.argsort(-values, kind="stable")[:2].tolist()
        return [Cell(self.heads[i] + " " + bar(float(share[i]), texts[i], self.colours[i])) for i in best]


def table(heads: Sequence, rows: Iterable[Sequence], title: str = "", notes: Iterable[str] = ()) -> str:
    """A table under a title; columns of names and bars are set left, figures right.

    >>> table(["state", "P"], [["<b>", 1]]).count("&lt;b&gt;")
    1
    """
    rows = list(rows)
    marked = [any(isinstance(cell, Cell) for cell in column) for column in zip(*rows, strict=True)]
    sides = ["left" if k == 0 or left else "right" for k, left in enumerate(marked or [False] * len(heads))]

    def row(cells, tag):
        styled = zip(map(_CELL.format, sides), map(_escaped, cells), strict=True)
        return "".join(f'<{tag} style="{style}">{cell}</{tag}>' for style, cell in styled)

    body = "".join(f'<tr style="background:transparent">{row(cells, "td")}</tr>' for cells in rows)
    head = f"<thead><tr>{row(heads, 'th')}</tr></thead>" if heads else ""
    above = f'<div style="font-weight:bold">{escape(title)}</div>' if title else ""
    below = "".join(f"<div>{escape(note)}</div>" for note in notes)
    inside = f'<table style="border-collapse:collapse;margin:4px 0">{head}<tbody>{body}</tbody></table>'
    return f'<div style="overflow-x:auto;color:inherit">{above}{inside}{below}</div>'


def _escaped(cell: Any) -> str:
    return cell if isinstance(cell, Cell) else escape(str(cell))


def plain(text: str) -> str:
    """Text as it is printed."""
    return f'<pre style="color:inherit;background:transparent">{escape(text)}</pre>'


def ends(n: int, most: int = MOST) -> Iterator[int | None]:
    """The rows of a long table that are shown; None where others are left out."""
    if n <= most:
        yield from range(n)
        return
    yield from range(most // 2)
    yield None
    yield from range(n - most // 2, n)


def cut(n: int, width: int, row: Callable[[int], list], most: int = MOST) -> list[list]:
    """Rows 0 ... n - 1 of so many cells; of many, those of both ends."""
    return [[f"… {n - most:,} more", *[""] * (width - 1)] if k is None else row(k) for k in ends(n, most)]


def number(x: float | None, digits: int = 5) -> str:
    return "" if x is None else f"{x:.{digits}g}"


# One function for each kind of result ---------------------------------------------------------------------------------


def model(fit: Any, name: str) -> str:
    """States with where they start, go and end, and what they emit."""
    states = States(fit.states.names)
    to_each = [square(c, f"to {state}") for c, state in zip(states.colours, states.names)] if states.few else ["to"]
    heads = ["state", "start", *["end"] * (fit.endprob is not None), *to_each, ""]

    def row(i):
        to, colour = fit.transmat[i], states.colours[i]
        if states.few:
            moves = [bar(p, rounded(p), c) if p > 0 else "" for p, c in zip(to.tolist(), states.colours)]
        else:
            best = [j for j in np.argsort(-to, kind="stable")[:3].tolist() if to[j] > 0]
            moves = [Cell(", ".join(square(states.colours[j], f"{states.names[j]} {rounded(to[j])}") for j in best))]
        end = [] if fit.endprob is None else [bar(float(fit.endprob[i]), rounded(fit.endprob[i]), colour)]
        start = bar(float(fit.startprob[i]), rounded(fit.startprob[i]), colour)
        return [states.heads[i], start, *end, *moves, Cell(_WRAPPED.format(escape(fit.emission.summary(i))))]

    rows = cut(len(states.names), len(heads), row, MOST_ENTRIES)
    return table(heads, rows, f"{name}({fit.title()})", fit.origin())


def posteriors(gamma: np.ndarray, loglik: float, names: Sequence) -> str:
    """A bar for each state, or the two most probable of many."""
    n_steps, n = gamma.shape
    states = States(names, n)
    heads = ["step", *states.columns()]
    rows = cut(n_steps, len(heads), lambda t: [str(t), *states.cells(gamma[t])])
    return table(heads, rows, f"P(state | all steps): {_size(n_steps, n)}, log P = {loglik:.6g}")


def variables(what: str, values: np.ndarray, log_scale: np.ndarray, loglik: float, names: Sequence) -> str:
    """Forward or backward variables; bars are shares of the largest of a step."""
    n_steps, n = values.shape
    states = States(names, n)
    heads = ["step", *states.columns(), "log P(step | past)"]

    def row(t):
        return [str(t), *states.cells(values[t], _shares(values[t])), number(float(log_scale[t]))]

    title = f"{what}: {_size(n_steps, n)}, log P = {loglik:.6g}"
    return table(heads, cut(n_steps, len(heads), row), title, ["bars: beside the largest of the step"])


def viterbi(answer: Any, names: Sequence) -> str:
    """The best path, and for each state delta and where it comes from."""
    n_steps, n = answer.delta.shape
    states, codes = States(names, n), {name: i for i, name in enumerate(names)}
    heads = ["step", "best path", *states.columns()]

    def row(t):
        delta, psi, name = answer.delta[t], answer.psi[t], answer.path[t : t + 1].tolist()[0]
        told = states.few and t > 0
        texts = [f"{d:.3g}" + f" from {states.names[j]}" * (told and d > 0) for d, j in zip(delta.tolist(), psi)]
        best = states.heads[codes[name]] if name in codes else shown(name)
        return [str(t), best, *states.cells(delta, _shares(delta), texts)]

    title = f"δ and ψ of Viterbi: {_size(n_steps, n)}, log P(x, best path) = {answer.log_prob:.6g}"
    return table(heads, cut(n_steps, len(heads), row), title, ["bars: beside the largest of the step"])


def decoding(path: np.ndarray, log_prob: float, names: Sequence) -> str:
    """The runs of a path."""
    changed = np.flatnonzero(path[1:] != path[:-1]) + 1
    edges = [0, *changed.tolist(), len(path)] if len(path) else [0]
    states, codes = States(names), {name: i for i, name in enumerate(names)}

    def row(k):
        start, stop = edges[k : k + 2]
        name = path[start : start + 1].tolist()[0]
        head = states.heads[codes[name]] if name in codes else shown(name)
        return [head, f"{start:,}", f"{stop:,}", bar((stop - start) / len(path), f"{stop - start:,}")]

    title = f"the most probable path: {len(path):,} steps, log P(x, path) = {log_prob:.6g}"
    return table(["state", "start", "stop", "steps"], cut(len(edges) - 1, 4, row), title)


def forecast(coming: Any, names: Sequence, values: Callable[[list[int]], dict[str, list]]) -> str:
    """The states of the coming steps, and the columns that `values` has for some of them."""
    n_steps, n = coming.states.shape
    states = States(names, n)
    kept = [k for k in ends(n_steps) if k is not None]
    columns = values(kept)
    heads = ["steps ahead", *states.columns(), *columns]

    def row(k):
        at = kept.index(k)
        return [str(k + 1), *states.cells(coming.states[k]), *(column[at] for column in columns.values())]

    return table(heads, cut(n_steps, len(heads), row), f"forecast: {_size(n_steps, n)}")


def segments(runs: Sequence, names: Sequence) -> str:
    states, codes = States(names), {name: i for i, name in enumerate(names)}

    def row(k):
        start, stop, state, proba = runs[k]
        head = states.heads[codes[state]] if state in codes else shown(state)
        return [head, f"{start:,}", f"{stop:,}", f"{stop - start:,}", bar(proba)]

    rows = cut(len(runs), 5, row)
    return table(["state", "start", "stop", "steps", "P"], rows, f"{len(runs):,} segments")


def selection(rows: Sequence, best: Any, criterion: str) -> str:
    """The bars are how likely each candidate is beside the best: exp(-difference / 2) of a criterion, exp(difference)
    of held-out log likelihoods per step."""
    cv = criterion == "cv"
    values = [row.held_out if cv else getattr(row, criterion) for row in rows]
    top = best.held_out if cv else getattr(best, criterion)
    with np.errstate(all="ignore"):
        shares = np.nan_to_num(np.exp(np.subtract(values, top) if cv else np.subtract(top, values) / 2))
    merit = "held out" if cv else criterion.upper()
    heads = ["", merit, "log L", "parameters", "AIC", "BIC", "ICL", "starts"]
    told = []
    for row, share, value in zip(rows, shares.tolist(), values, strict=True):
        name = ("★ " if row is best else "") + row.name + ("" if row.model.converged_ else ", not converged")
        starts = "" if row.n_starts is None else f"{row.n_agreed} of {row.n_starts}"
        figures = [f"{x:.2f}" for x in (row.aic, row.bic, row.icl)]
        figures = [f"{row.loglik:.3f}", str(row.n_parameters), *figures, starts]
        told.append([name, bar(share, number(value, 7)), *figures])
    by = "log likelihood per held-out step" if cv else criterion.upper()
    return table(heads, told, f"{len(rows)} candidates", [f"★ the best by {by}"])


def assessment(scores: Any, n_states: int) -> str:
    """names : those of the n_states states first."""
    states, names = States(scores.names[:n_states]), scores.names

    def row(i):
        precision, recall, f1, support = scores[names[i]]
        head = states.heads[i] if i < n_states else shown(names[i])
        return [head, *map(bar, (precision, recall, f1)), f"{support:,}"]

    mean = scores.macro
    rows = cut(len(names), 5, row, MOST_ENTRIES)
    rows.append(["macro average", *map(bar, mean[:3]), f"{mean.support:,}"])
    title = f"accuracy {scores.accuracy:.4f} of {int(scores.confusion.sum()):,} steps"
    return table(["state", "precision", "recall", "F1", "support"], rows, title)


def summary(rows: Any, title: str, level: float) -> str:
    names = list(rows)

    def row(k):
        found = rows[names[k]]
        return [
            names[k],
            *map(number, (found.value, found.standard_error, found.low, found.high)),
            Cell(escape(found.note)),
        ]

    heads = ["parameter", "value", "std. error", f"{100 * level:g} % from", "to", ""]
    return table(heads, cut(len(names), len(heads), row, MOST_ENTRIES), title)


def report(text: str) -> str:
    sentences = "".join(f"<li>{escape(line)}</li>" for line in text.splitlines())
    return f'<ul style="color:inherit;margin:4px 0">{sentences}</ul>'


def _size(n_steps, n):
    return f"{n_steps:,} step{'s' * (n_steps != 1)}, {n} state{'s' * (n != 1)}"


def _shares(values):
    """Of the largest."""
    return values / max(float(values.max(initial=0)), 1e-300)
