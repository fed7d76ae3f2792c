"""Results as HTML for notebooks: tables with names and small bars.

Colours are those of the page, in light and in dark, and a grey-blue that suits both. All text is escaped; nothing is
loaded or executed.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from .symbols import shown

MOST = 20  # rows of a long table that are shown, half of them from its end
WIDE = 12  # states to which a table has a column for each

_CELL = "padding:2px 10px;text-align:{};white-space:nowrap;border:0;color:inherit;background:transparent"
_BAR = (
    '<div style="display:inline-block;width:60px;height:0.7em;margin-right:6px;border:1px solid rgba(128,128,128,.4)">'
    '<div style="width:{width:.0f}%;height:100%;background:rgba(90,130,200,.75)"></div></div>{text}'
)


class Cell(str):
    """Markup, which is not escaped again."""


def bar(share: float, text: str | None = None) -> Cell:
    """A bar of a share from 0 to 1, with its number beside it.

    >>> "width:25%" in bar(0.25) and bar(0.25).endswith("0.25")
    True
    """
    text = f"{share:.3g}" if text is None else text
    return Cell(_BAR.format(width=100 * min(max(share, 0.0), 1.0), text=escape(text)))


def table(heads: Sequence, rows: Iterable[Sequence], title: str = "", notes: Iterable[str] = ()) -> str:
    """A table under a title; names and bars are set left, figures right.

    >>> table(["state", "P"], [["<b>", 1]]).count("&lt;b&gt;")
    1
    """

    def row(cells, tag):
        sides = ["left" if k == 0 or isinstance(cell, Cell) else "right" for k, cell in enumerate(cells)]
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


def ends(n: int) -> list[int | None]:
    """The rows of a long table that are shown; None where others are left out."""
    if n <= MOST:
        return list(range(n))
    return [*range(MOST // 2), None, *range(n - MOST // 2, n)]


def number(x: float | None, digits: int = 5) -> str:
    return "" if x is None else f"{x:.{digits}g}"


# One function for each kind of result ---------------------------------------------------------------------------------


def model(fit: Any, name: str) -> str:
    """States with where they start, go and end, and what they emit."""
    states, few = [shown(state) for state in fit.states.names], len(fit.states) <= WIDE
    to_each = [f"to {state}" for state in states] if few else ["to"]
    heads = ["state", "start", *["end"] * (fit.endprob is not None), *to_each, ""]
    rows = []
    for i, state in enumerate(states):
        to = fit.transmat[i]
        if few:
            moves = [bar(p) if p > 0 else "" for p in to.tolist()]
        else:
            best = [j for j in np.argsort(-to, kind="stable")[:3].tolist() if to[j] > 0]
            moves = [Cell(escape(", ".join(f"{states[j]} {to[j]:.3g}" for j in best)))]
        end = [] if fit.endprob is None else [bar(float(fit.endprob[i]))]
        rows.append([state, bar(float(fit.startprob[i])), *end, *moves, Cell(escape(fit.emission.summary(i)))])
    return table(heads, rows, f"{name}({fit.title()})", fit.origin())


def posteriors(gamma: np.ndarray, loglik: float) -> str:
    """A bar for each state, or the two most probable of many."""
    n_steps, n = gamma.shape
    title, rows = f"{n_steps:,} steps, {n} states, log P = {loglik:.6g}", []
    for t in ends(n_steps):
        if t is None:
            rows.append([f"… {n_steps - MOST:,} more", *[""] * (n if n <= WIDE else 2)])
        elif n <= WIDE:
            rows.append([str(t), *map(bar, gamma[t].tolist())])
        else:
            best = np.argsort(-gamma[t], kind="stable")[:2].tolist()
            rows.append([str(t), *(bar(float(gamma[t, i]), f"{i}: {gamma[t, i]:.3g}") for i in best)])
    heads = ["step", *(f"state {i}" for i in range(n))] if n <= WIDE else ["step", "most probable", "next"]
    return table(heads, rows, title)


def segments(runs: Sequence) -> str:
    rows = []
    for k in ends(len(runs)):
        if k is None:
            rows.append([f"… {len(runs) - MOST:,} more", "", "", "", ""])
        else:
            start, stop, state, proba = runs[k]
            rows.append([shown(state), f"{start:,}", f"{stop:,}", f"{stop - start:,}", bar(proba)])
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
    heads = ["", merit, "log L", "parameters", "AIC", "BIC", "ICL", "starts", "seconds"]
    told = []
    for row, share, value in zip(rows, shares.tolist(), values, strict=True):
        name = ("★ " if row is best else "") + row.name + ("" if row.model.converged_ else ", not converged")
        starts = "" if row.n_starts is None else f"{row.n_agreed} of {row.n_starts}"
        figures = [f"{x:.2f}" for x in (row.aic, row.bic, row.icl)]
        figures = [f"{row.loglik:.3f}", str(row.n_parameters), *figures, starts, f"{row.seconds:.2f}"]
        told.append([name, bar(share, number(value, 7)), *figures])
    by = "log likelihood per held-out step" if cv else criterion.upper()
    return table(heads, told, f"{len(rows)} candidates", [f"★ the best by {by}"])


def assessment(scores: Any) -> str:
    rows = [[shown(name), *map(bar, row[:3]), f"{row.support:,}"] for name, row in scores.items()]
    mean = scores.macro
    rows.append(["macro average", *map(bar, mean[:3]), f"{mean.support:,}"])
    title = f"accuracy {scores.accuracy:.4f} of {int(scores.confusion.sum()):,} steps"
    return table(["state", "precision", "recall", "F1", "support"], rows, title)


def summary(rows: Any, title: str, level: float) -> str:
    told = [
        [name, number(row.value), number(row.standard_error), number(row.low), number(row.high), row.note]
        for name, row in rows.items()
    ]
    return table(["parameter", "value", "std. error", f"{100 * level:g} % from", "to", ""], told, title)


def report(text: str) -> str:
    sentences = "".join(f"<li>{escape(line)}</li>" for line in text.splitlines())
    return f'<ul style="color:inherit;margin:4px 0">{sentences}</ul>'
