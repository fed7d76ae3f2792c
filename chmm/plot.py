"""Pictures of a model and its results. They need matplotlib: `pip install "chmm[plot]"`.

Each function returns the Axes it drew on: `ax`, or those of a new figure. Several panels share the space of `ax`, and
the first of them is returned. A state has the same colour in all pictures of a model, from dark (the first) to light
(the last), so that colours remain distinguishable in greyscale.

>>> from chmm import Gaussian, Model, plot
>>> model = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Gaussian([0, 5], [1, 1]))
>>> plot.colours(model)
{0: '#440154', 1: '#b5de2b'}
"""

from collections.abc import Callable, Sequence
from functools import wraps
from itertools import pairwise
from textwrap import wrap
from typing import Any, ParamSpec, TypeVar

import numpy as np

from . import colours as palette
from . import plotted
from .canvas import (
    STYLES,
    averaged,
    axes,
    cut,
    fit_of,
    key,
    one_sequence,
    outlined,
    panels,
    shade,
    stacked,
    states_of,
    ticks,
    times_of,
)
from .checks import check_count
from .emissions import Multinomial, Precomputed
from .exceptions import quiet
from .forecasting import Forecast, holds_symbols
from .reading import columns_of
from .selection import Selection
from .symbols import shown

P = ParamSpec("P")
R = TypeVar("R")

MOST_ARROWS = 400
MOST_FIGURES = 20  # beside arrows; of more arrows, only those of at least 0.1 have one
MOST_LINES = 12  # that a legend lists
TRELLIS = 20, 10  # steps and states of a trellis
OF_MATPLOTLIB = frozenset(  # what one might ask of a picture, and matplotlib does
    "alpha cmap color colors dpi fig figure figsize filename fontsize legend linewidth lw palette save savefig show "
    "title xlabel xlim ylabel ylim".split()
)


def picture(function: Callable[P, R]) -> Callable[P, R]:
    """The function, with NumPy's floating-point errors ignored, and an error that helps for an option of matplotlib."""
    draw = quiet(function)

    @wraps(function)
    def drawing(*args, **options):
        for name in OF_MATPLOTLIB.intersection(options):
            raise TypeError(
                f"{function.__name__} has no argument {name!r}, which is matplotlib's: for the size pass "
                "ax=plt.subplots(figsize=(8, 4))[1]; the Axes that you get have set_title, set_xlabel, figure.savefig"
            )
        return draw(*args, **options)

    return drawing


def colours(model: Any) -> dict:
    """{state: colour, "#rrggbb"}, for pictures of your own."""
    names = fit_of(model).states.names
    return dict(zip(names, palette.of_states(len(names)), strict=True))


# A sequence -----------------------------------------------------------------------------------------------------------


@picture
def states(model: Any, x: Any, *, columns: Any = None, posterior: bool = True, ax: Any = None, **asked: Any) -> Any:
    """A sequence shaded by its most probable path; beneath, P(state | all of x) at each step, stacked.

    x : one sequence. A Series or frame has its dates on the axis. columns : numbers or names of the columns to draw,
    a panel each; None: the first six. Beyond 10,000 steps, numbers are drawn as their range within each thousandth of
    the picture. Symbols are written out in up to 60 steps, then drawn in rows, if there are at
    most 30. asked : known= and ended=, as in `Model.predict`.
    """
    fit = fit_of(model)
    data, drawn = one_sequence(fit, x, asked), states_of(fit)
    table = columns_of(data)
    chosen = plotted.chosen(columns, data.names, len(table))
    path, gamma = _codes(fit, model.predict(x, **asked)), model.posteriors(x, **asked).gamma
    times = times_of(x, data.n_steps)
    heights = [plotted.height(table[k], fit.emission) for k in chosen]
    rows = panels(axes(ax, 8, 2 + sum(heights)), heights + [0.9] * bool(posterior))
    for row, k in zip(rows, chosen):
        shade(row, times.edges, path, drawn)
        name = plotted.name(x, data, k)
        if plotted.is_number(table[k], fit.emission):
            plotted.draw_numbers(row, times.at, table[k])
        else:
            plotted.draw_symbols(row, times.at, table[k], fit.emission)
        row.set_ylabel(name or (f"column {k}" if len(table) > 1 else row.get_ylabel()))
    if posterior:
        stacked(rows[-1], times.edges, gamma, drawn)
        rows[-1].set_ylabel("P(state)")
    times.on(rows[-1], *rows[:-1])
    key(rows[0], drawn, rows)
    return rows[0]


@picture
def posterior(model: Any, x: Any, *, ax: Any = None, **asked: Any) -> Any:
    """P(state | all of x) as a heat map, one row per state; black is 1. asked : as in `states`."""
    fit = fit_of(model)
    data, drawn = one_sequence(fit, x, asked), states_of(fit)
    gamma = model.posteriors(x, **asked).gamma
    times, n = times_of(x, data.n_steps), len(drawn.names)
    table, edges = averaged(gamma, times.edges)
    ax = axes(ax, 8, 1.5 + min(0.4 * n, 6))
    mesh = ax.pcolormesh(edges, np.arange(n + 1) - 0.5, table.T, cmap="Greys", vmin=0, vmax=1, rasterized=True)
    ax.invert_yaxis()
    times.on(ax)
    ticks(ax.yaxis, drawn)
    ax.figure.colorbar(mesh, ax=ax, label="P(state | x)", pad=0.02)
    return ax


@picture
def forecast(
    model: Any, x: Any, n_steps: int = 10, *, levels: Sequence[float] = (0.5, 0.8, 0.95), column: Any = 0,
    past: int | None = None, ax: Any = None, **asked: Any,
) -> Any:  # fmt: skip
    """The end of x, and a fan chart of the forecast: the median, and intervals that contain the value with these
    probabilities. Below, the probabilities of the states, before and after the dotted line.

    column : which one, by number or name. past : how many steps of x are shown; None: three times n_steps, at least 30.
    asked : known=, as in `Model.forecast`. TypeError for symbols: use `Model.forecast(x).probs`.
    """
    fit = fit_of(model)
    data, drawn = one_sequence(fit, x, asked), states_of(fit)
    widths = sorted(_probabilities(levels, "levels"), reverse=True)
    k, at = plotted.of_emission(column, data, fit.emission)
    name, family, k = plotted.family(fit.emission, k)
    if holds_symbols(family):
        raise TypeError(
            f"symbols have no order, so no quantiles: model.forecast(x, {n_steps}).probs has their probabilities"
        )
    coming = model.forecast(x, n_steps, **asked)
    coming = coming if name is None else coming[name]
    bounds = coming.quantile([0.5, *((1 + sign * width) / 2 for width in widths for sign in (-1, 1))])
    bounds = bounds if (family.n_features or 1) == 1 else bounds[..., k]
    n_past = min(data.n_steps, max(30, 3 * n_steps) if past is None else check_count(past, "past", 1))
    times, gamma = times_of(x, data.n_steps), model.posteriors(x, **asked).gamma
    ahead = times.further(n_steps)
    together = times._replace(at=np.concatenate([times.at[len(times.at) - n_past :], ahead.at]))
    edges, now = together.edges, together.edges[n_past]
    top, bottom = panels(axes(ax, 8, 4.5), [3, 1])
    plotted.draw_numbers(top, together.at[:n_past], plotted.last(columns_of(data)[at], n_past))
    steps = edges[n_past:]
    for width, low, high, grey in zip(widths, bounds[1::2], bounds[2::2], np.linspace(0.88, 0.55, len(widths))):
        low, high = (np.append(side, side[-1:]) for side in (low, high))
        top.fill_between(steps, low, high, step="post", color=str(grey), lw=0, label=f"{100 * width:g} %")
    top.plot(steps, np.append(bounds[0], bounds[0][-1:]), drawstyle="steps-post", color="black", lw=1.5, label="median")
    stacked(bottom, edges, np.vstack([gamma[len(gamma) - n_past :], coming.states]), drawn)
    for row in (top, bottom):
        row.axvline(now, color="black" if row is top else "white", ls=":", lw=1.2)
    bottom.set_ylabel("P(state)")
    together.on(bottom, top)
    top.set_ylabel(plotted.name(x, data, at))
    fan = top.legend(loc="best", fontsize=8)
    key(top, drawn, [top, bottom])
    top.add_artist(fan)
    return top


@picture
def trellis(model: Any, x: Any, *, ax: Any = None, **asked: Any) -> Any:
    """The Viterbi trellis of a short sequence: delta in each node, an arrow from the previous state on the best path
    (psi), and the best path in thick lines. If delta is 0 there is no path, and the node is empty.

    At most 20 steps and 10 states. asked : known= and ended=, as in `Model.viterbi`.
    """
    fit = fit_of(model)
    data, drawn = one_sequence(fit, x, asked), states_of(fit)
    n, n_steps = len(drawn.names), data.n_steps
    if n_steps > TRELLIS[0] or n > TRELLIS[1]:
        told = f"{n_steps} steps and {n} states make no trellis that can be read: at most {TRELLIS[0]} and {TRELLIS[1]}"
        raise ValueError(f"{told}; pass a stretch, as x[:10], or see plot.posterior(model, x)")
    found = model.viterbi(x, scaled=False, **asked)
    path = _codes(fit, found.path)
    ax = axes(ax, max(4, 1.1 * n_steps + 1.5), max(2.5, 0.9 * n + 1))
    for t, row in enumerate(found.delta):
        for i in np.flatnonzero(row > 0).tolist():
            best = bool(path[t] == i)
            if t:
                j = int(found.psi[t, i])
                on_path = best and path[t - 1] == j
                style = {"color": "black", "lw": 3.0} if on_path else {"color": "0.55", "lw": 0.9}
                style |= {"arrowstyle": "-|>", "shrinkA": 22, "shrinkB": 24}
                ax.annotate("", (t, i), (t - 1, j), arrowprops=style, zorder=2 if on_path else 1)
            fill = drawn.colours[i]
            ax.text(
                t, i, f"{row[i]:.3g}", ha="center", va="center", fontsize=8, weight="bold" if best else "normal",
                color="white" if palette.is_dark(fill) else "black", zorder=3,
                bbox={"boxstyle": "round,pad=0.4", "fc": fill, "ec": "black", "lw": 2.5 if best else 0.5},
            )  # fmt: skip
    ax.set(xlim=(-0.6, n_steps - 0.4), ylim=(n - 0.4, -0.6))
    ax.set_yticks(range(n), [cut(name) for name in drawn.names])
    symbols = [cut(symbol, 10) for symbol in plotted.symbols(data)]
    ax.set_xticks(range(n_steps), symbols, rotation=45 if max(map(len, symbols)) > 7 else 0)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(f"δ, and the best path: P(x, path) = {np.exp(found.log_prob):.3g}", fontsize=10)
    return ax


# The chain ------------------------------------------------------------------------------------------------------------


@picture
def transitions(model: Any, *, ax: Any = None) -> Any:
    """transmat_ as a heat map, from the state of the row to that of the column; zeros are white. The shade is
    proportional to the square root of the probability, so that rare transitions are visible; up to 12 states the
    numbers are written."""
    fit = fit_of(model)
    drawn, n = states_of(fit), len(fit.states)
    ax = axes(ax, *(2 * [min(2.8 + 0.45 * n, 8)]))
    from matplotlib.colors import PowerNorm

    image = ax.imshow(fit.transmat, cmap="Greys", norm=PowerNorm(0.5, 0, 1))
    if n <= 12:
        for (i, j), p in np.ndenumerate(fit.transmat):
            if p > 0:
                ax.text(j, i, _figure(p), ha="center", va="center", fontsize=9 if n <= 8 else 7,
                        color="white" if p > 0.3 else "black")  # fmt: skip
    ticks(ax.xaxis, drawn)
    ticks(ax.yaxis, drawn)
    ax.set(xlabel="to", ylabel="from")
    ax.figure.colorbar(image, ax=ax, label="probability", shrink=0.8, ticks=[0, 0.01, 0.1, 0.25, 0.5, 1], format="%g")
    return ax


@picture
def graph(model: Any, *, least: float = 0.005, ax: Any = None) -> Any:
    """The states on a circle, with arrows whose width shows the probability of the transition, in the colour of the
    state that they leave. Up to 8 states the probabilities are written, and only those from 0.1 if there are more than
    20 arrows.

    least : transitions with a smaller probability are left out, as are all but the 400 most probable; the title says
    how many. With more than about 15 densely connected states, `transitions` is easier to read.
    """
    fit = fit_of(model)
    if not 0 <= least < 1:
        raise ValueError(f"least = {shown(least)} must be a probability, 0 <= least < 1")
    drawn, n = states_of(fit), len(fit.states)
    ax = axes(ax, 5, 5 if n > 2 else 2.5)
    angles = np.pi / 2 - 2 * np.pi * np.arange(n) / n if n != 2 else np.array([np.pi, 0.0])
    centres = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (n > 1)
    radius = min(0.22, 2.0 / n)
    from matplotlib.patches import Circle

    nodes = [Circle(c, radius, fc=colour, ec="black", zorder=3) for c, colour in zip(centres, drawn.colours)]
    for node in nodes:
        ax.add_patch(node)
    there = np.argwhere(fit.transmat > 0)
    order = np.argsort(-fit.transmat[tuple(there.T)], kind="stable")[:MOST_ARROWS]
    arrows = [(i, j, p) for i, j in there[order].tolist() if (p := float(fit.transmat[i, j])) >= least]
    for i, j, p in arrows:
        _arrow(ax, nodes, angles, i, j, p, n <= 8 and (len(arrows) <= MOST_FIGURES or p >= 0.1))
    n_left = len(there) - len(arrows)
    if n_left:
        ax.set_title(f"{n_left} rare transition{'s' * (n_left != 1)} not drawn", fontsize=9)
    for (x, y), angle, name, colour in zip(centres, angles, *drawn):
        if n <= 8:
            lines = "\n".join(wrap(name, 9)[:3]) or name
            ax.text(x, y, lines, ha="center", va="center", zorder=4, fontsize=10 if len(name) <= 6 else 8,
                    color="white" if palette.is_dark(colour) else "black")  # fmt: skip
            continue
        right = np.cos(angle) >= 0
        ax.text(x + 3.6 * radius * np.cos(angle), y + 3.6 * radius * np.sin(angle), cut(name), va="center",
                ha="left" if right else "right", rotation=np.degrees(angle) - (0 if right else 180),
                rotation_mode="anchor", fontsize=10 if n <= 20 else 7)  # fmt: skip
    high = 1.75 if n > 2 else 0.85
    ax.set(xlim=(-1.75, 1.75), ylim=(-high, high), aspect="equal")
    ax.axis("off")
    return ax


def _arrow(ax, nodes, angles, i, j, p, told):
    from matplotlib.colors import to_hex
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    radius, colour = nodes[i].radius, nodes[i].get_facecolor()
    size = min(1.0, radius / 0.15)
    style = {"arrowstyle": "-|>", "mutation_scale": (10 + 6 * p) * size, "lw": (0.8 + 4 * p) * size}
    style |= {"color": colour, "zorder": 2}
    a, b = np.array(nodes[i].center), np.array(nodes[j].center)
    if i == j:
        out, wide = angles[i], 0.55
        ends = [a + radius * np.array([np.cos(out + s * wide), np.sin(out + s * wide)]) for s in (1, -1)]
        far = [a + 3.4 * radius * np.array([np.cos(out + s * 0.45), np.sin(out + s * 0.45)]) for s in (1, -1)]
        loop = Path([ends[0], *far, ends[1]], [Path.MOVETO, *3 * [Path.CURVE4]])
        arrow = FancyArrowPatch(path=loop, **style)
        where = a + 3.1 * radius * np.array([np.cos(out), np.sin(out)])
    else:
        aside = np.array([b[1] - a[1], a[0] - b[0]])
        middle = (a + b) / 2 + 0.18 * aside
        out = (middle - a) / np.hypot(*(middle - a)) * radius
        back = (middle - b) / np.hypot(*(middle - b)) * radius
        curve = Path([a + out, middle, b + back], [Path.MOVETO, Path.CURVE3, Path.CURVE3])
        arrow = FancyArrowPatch(path=curve, **style)
        where = 0.55 * a + 0.45 * b + 0.09 * aside
    arrow.set(gid=f"{i} to {j}", path_effects=outlined(to_hex(colour), style["lw"]))
    ax.add_patch(arrow)
    if told:
        ax.text(*where, _figure(p), ha="center", va="center", fontsize=9, zorder=5,
                bbox={"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none", "alpha": 0.85})  # fmt: skip


@picture
def durations(model: Any, X: Any, *, states: Any = None, ax: Any = None, **asked: Any) -> Any:
    """How long visits last: P(duration >= d) for the visits of the most probable paths (step curves), and for the model
    (lines), stay^(d-1), which is straight on this logarithmic axis. If a curve leaves its line, durations are not
    geometric.

    X : one sequence or many. The last visit of each sequence is treated as censored (Kaplan & Meier 1958). If states
    overlap, the most probable path misses short visits, so the curves lie slightly above the lines even for a correct
    model. states : which to draw, by name; None: all that were visited. asked : as in `Model.predict`.
    """
    fit = fit_of(model)
    drawn, data = states_of(fit), fit.read(X)
    if not data.n_steps:
        raise ValueError("X holds no steps to draw")
    chosen = range(len(fit.states)) if states is None else [_state(fit, name) for name in plotted.listed(states)]
    path = _codes(fit, _joined(model.predict(X, **asked), data))
    stay = fit.chain.moves.diagonal()
    chosen = [i for i in chosen if (path == i).any()]
    if not chosen:
        raise ValueError(f"states = {shown(states)}: the most probable paths do not visit them")
    ax = axes(ax)
    for i in chosen:
        lengths, over = _visits(path, data.bounds, i, fit.endprob is not None)
        days, share = _survival(lengths, over)
        colour, grid = drawn.colours[i], np.array([1.0, days[-1]])
        style = {"color": colour, "path_effects": outlined(colour, 2)}
        ax.step(days, share, where="post", lw=2, **style,
                label=f"{cut(drawn.names[i])} ({len(lengths)} visit{'s' * (len(lengths) != 1)})")  # fmt: skip
        ax.plot(grid, stay[i] ** (grid - 1), lw=1.2, color=colour, ls=STYLES[i % 4], label="_model")
    ax.set(yscale="log", xlabel="duration d, in steps", ylabel="P(duration ≥ d)")
    ax.set_yticks([f * 10.0**-k for k in range(6) for f in (1, 0.5, 0.2)])
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("")
    ax.set_xlim(left=1)
    lowest = min(line.get_ydata()[line.get_ydata() > 0].min() for line in ax.lines if line.get_label() != "_model")
    ax.set_ylim(lowest / 2, 1.2)
    if len(chosen) <= MOST_LINES:
        ax.legend(title="decoded (thin: the model)", fontsize=9)
    else:
        key(ax, drawn)
    return ax


def _visits(path, bounds, i, ends):
    """(lengths of the runs of state i, whether each was seen to be over)."""
    lengths, over = [], []
    for a, b in pairwise(bounds.tolist()):
        part = np.concatenate([[False], path[a:b] == i, [False]])
        edge = np.flatnonzero(np.diff(part))
        lengths += (edge[1::2] - edge[::2]).tolist()
        over += [ends or stop < b - a for stop in edge[1::2].tolist()]
    return np.array(lengths, dtype=np.int64), np.array(over, dtype=bool)


def _survival(lengths, over):
    """(d, P(duration >= d)), by the share of the visits that reach d - 1 and go on."""
    longest = int(lengths.max())
    reach = len(lengths) - np.append(0, np.cumsum(np.bincount(lengths, minlength=longest + 1))[1:-1])
    left = np.bincount(lengths[over], minlength=longest + 1)[1:longest]
    share = np.append(1.0, np.cumprod(1 - left / reach[: longest - 1]))
    return np.arange(1, longest + 1), share


# What is observed -----------------------------------------------------------------------------------------------------


@picture
def emissions(model: Any, x: Any = None, *, column: Any = 0, n_symbols: int = 8, ax: Any = None, **asked: Any) -> Any:
    """What each state emits. Numbers: the density of each state times the share of steps in it, their sum, and the
    histogram of x. Symbols: bars for those that are most probable in each state.

    x : one sequence or many; None: no histogram, and shares from the stationary distribution. column : which one, by
    number or name; in a `Product` it may hold symbols. asked : known= and ended=, as in `Model.predict_proba`.
    """
    fit = fit_of(model)
    drawn = states_of(fit)
    data = None if x is None else fit.read(x)
    if data is not None and not data.n_steps:
        raise ValueError("x holds no steps to draw")
    k, at = plotted.of_emission(column, data, fit.emission)
    _, family, k = plotted.family(fit.emission, k)
    if isinstance(family, Precomputed):
        raise TypeError("Precomputed holds log likelihoods, so there is no density to draw")
    if isinstance(family, Multinomial) or holds_symbols(family):
        n_symbols = check_count(n_symbols, "n_symbols", 1)
        return _top_symbols(axes(ax, 8, 1 + 0.45 * len(fit.states)), family, drawn, n_symbols)
    if data is None:
        share = model.stationary_distribution()
    else:
        share = np.asarray(_joined(model.predict_proba(x, **asked), data)).mean(axis=0)
    values = None if data is None else plotted.observed(data, at)
    values = values if values is not None and len(values) else None
    ends = Forecast(np.log(np.maximum(share, 1e-300))[None], family, fit.chain.moves, fit.states.names)
    low, high = np.reshape(ends.quantile([0.001, 0.999]), (2, -1))[:, k].tolist()
    if values is not None:
        low, high = min(low, np.quantile(values, 0.001)), max(high, np.quantile(values, 0.999))
    name = "" if data is None else plotted.name(x, data, at)
    return _densities(axes(ax), family, k, drawn, share, values, low, high, name)


def _densities(ax, emission, k, drawn, share, values, low, high, name):
    whole = plotted.is_discrete(emission, k, low, high)
    if whole and high - low <= 200:
        at = np.arange(np.floor(low), np.ceil(high) + 1)
        table = plotted.cdf(emission, k, at) - plotted.cdf(emission, k, at - 0.5)
        edges = np.append(at - 0.5, at[-1:] + 0.5)
    else:
        edges = np.linspace(low, high, 401)
        table = np.diff(plotted.cdf(emission, k, edges), axis=0) / np.diff(edges)[:, None]
        at = (edges[1:] + edges[:-1]) / 2
        edges = np.linspace(low, high, 1 + (min(60, max(10, int(2 * len(values) ** 0.4))) if values is not None else 1))
    if values is not None:
        height = np.histogram(values, edges)[0] / (len(values) * np.diff(edges))
        ax.stairs(height, edges, fill=True, color="0.85", label="data", zorder=0)
    ax.plot(at, table @ share, color="black", alpha=0.35, lw=4, label="sum", zorder=1)
    marked = {"marker": "o", "ms": 3} if whole and len(at) <= 60 else {}
    for i, (label, colour) in enumerate(zip(*drawn)):
        style = {"color": colour, "ls": STYLES[i % 4], "lw": 2, "path_effects": outlined(colour, 2), **marked}
        ax.plot(at, share[i] * table[:, i], label=cut(label), **style)
    ax.set(ylabel="probability" if whole and high - low <= 200 else "density", xlabel=name, ylim=(0, None))
    ax.margins(x=0)
    if whole:
        ax.xaxis.get_major_locator().set_params(integer=True)
    if len(drawn.names) <= 10:
        ax.legend(fontsize=9)
    else:
        key(ax, drawn)
    return ax


def _top_symbols(ax, family, drawn, most):
    if isinstance(family, Multinomial):
        probs = family.probs
        names = [f"column {k}" for k in range(probs.shape[1])]
    else:
        answer = Forecast(np.zeros((1, len(drawn.names))), family, np.empty(0), ())
        names, probs = answer.symbols, np.exp(family.log_likelihood(family.alphabet())).T
    most = min(most, probs.shape[1])
    for i, (row, colour) in enumerate(zip(probs, drawn.colours)):
        best = [k for k in np.argsort(-row, kind="stable")[:most].tolist() if row[k] > 0]
        ax.barh([i] * len(best), 0.95 * row[best] / probs.max(), left=np.arange(len(best)), height=0.8, color=colour,
                alpha=0.45, label=drawn.names[i])  # fmt: skip
        for place, k in enumerate(best):
            ax.text(place + 0.04, i - 0.14, cut(str(names[k]), max(3, 72 // most)), va="center", fontsize=10)
            ax.text(place + 0.04, i + 0.22, _figure(row[k]), va="center", fontsize=7, color="0.2")
    ax.set(xlim=(-0.05, most), ylim=(len(probs) - 0.5, -0.5), xlabel="symbols, the most probable first")
    ax.set_xticks([])
    ax.set_yticks(range(len(probs)), [cut(name) for name in drawn.names])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


@picture
def residuals(
    model: Any, X: Any, kind: str = "ordinary", *, column: Any = 0, views: Sequence[str] = ("histogram", "qq", "acf"),
    random_state: Any = None, ax: Any = None, **asked: Any,
) -> Any:  # fmt: skip
    """Pseudo-residuals, which are standard normal if the model is right: a histogram over that density, their quantiles
    against the normal ones, and their autocorrelation, with the band that contains 95% of those of independent draws.

    X : one sequence or many; kind, random_state, asked : as in `Model.pseudo_residuals`; with kind="forecast" they are
    independent, too. column : which one, by number or name. views : the panels, from left to right.
    """
    views = plotted.listed(views)
    for view in views:
        if view not in VIEWS:
            raise ValueError(f"views has {shown(view)}; there are {', '.join(map(repr, VIEWS))}")
    fit = fit_of(model)
    data = fit.read(X)
    k, _ = plotted.of_emission(column, data, fit.emission)
    z = np.asarray(_joined(model.pseudo_residuals(X, kind, random_state=random_state, **asked), data))
    z = z if z.ndim == 1 else z[:, k]
    if np.isfinite(z).sum() < 8:
        raise ValueError(f"X has {np.isfinite(z).sum()} steps with a value; pictures of residuals take 8 or more")
    parts = [z[a:b] for a, b in pairwise(data.bounds.tolist())]
    ax = axes(ax, 1 + 3 * len(views), 3)
    for view, room in zip(views, panels(ax, [1] * len(views), across=True, joined=False)):
        VIEWS[view](room, parts)
    return ax


def _finite(parts):
    z = np.concatenate(parts)
    return z[np.isfinite(z)]


def _residual_histogram(ax, parts):
    z = _finite(parts)
    edge = max(3.5, float(np.abs(z).max()))
    edges = np.linspace(-edge, edge, 2 * max(7, min(30, int(len(z) ** 0.4))) + 1)
    ax.stairs(np.histogram(z, edges)[0] / (len(z) * np.diff(edges)), edges, fill=True, color="0.8", label="residuals")
    grid = np.linspace(-edge, edge, 201)
    ax.plot(grid, np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi), color="black", label="normal")
    ax.set(xlabel="residual", ylabel="density")


def _residual_quantiles(ax, parts):
    from statistics import NormalDist

    z = np.sort(_finite(parts))
    normal = np.array([NormalDist().inv_cdf((k + 0.5) / len(z)) for k in range(len(z))])
    edge = 1.05 * max(np.abs(z).max(), normal.max())
    ax.plot([-edge, edge], [-edge, edge], color="0.5", lw=1, label="normal")
    ax.plot(normal, z, "k.", ms=3, label="residuals")
    ax.set(xlabel="normal quantile", ylabel="residual")


def _residual_autocorrelation(ax, parts, most=25):
    z = _finite(parts)
    parts = [part - z.mean() for part in parts]
    longest = max(map(len, parts))
    lags, found = [], []
    for lag in range(1, min(most, longest // 2) + 1):
        products = np.concatenate([part[lag:] * part[:-lag] for part in parts])
        if np.isfinite(products).any():
            lags.append(lag)
            found.append(np.nansum(products) / (len(z) * z.var()))
    band = 1.96 / np.sqrt(len(z))
    ax.axhspan(-band, band, color="0.88", label="95 % if independent")
    ax.axhline(0, color="black", lw=0.8)
    ax.vlines(lags, 0, found, color="black", lw=2, label="autocorrelation")
    edge = 1.3 * max(band, np.abs(found).max(initial=0))
    ax.set(xlabel="lag", ylabel="autocorrelation", xlim=(0, (lags or [1])[-1] + 1), ylim=(-edge, edge))


VIEWS = {"histogram": _residual_histogram, "qq": _residual_quantiles, "acf": _residual_autocorrelation}


# Learning -------------------------------------------------------------------------------------------------------------


def history(model: Any, *, ax: Any = None) -> Any:
    """The objective at each EM step. model : a fitted model, which keeps the history of the best start; or, for all
    starts, a list collected by a callback: seen = []; model.fit(X, callback=seen.append).

    If states were moved after the race of the starts, each attempt begins a new curve. The axis leaves out the lowest
    twentieth of the values. With more than 200,000 steps of data, the starts use only pieces of the data, whose
    objectives are higher than that of all data.
    """
    if isinstance(model, list | tuple):
        curves: list = []
        for told, last in zip(model, [None, *model]):
            if not hasattr(told, "objective"):
                raise TypeError(f"the list holds {shown(told)}; it must be what fit(callback=...) passed: Progress")
            if last is None or told.start != last.start or told.step <= last.step:
                curves.append((told.start, told.step, []))
            curves[-1][2].append(told.objective)
        n_starts, curves = len({start for start, _, _ in curves}), _continued(curves)
        more = len(curves) - n_starts
        note = f"{n_starts} start{'s' * (n_starts != 1)}" + (f", and {more} attempts to move a state" if more else "")
    else:
        curves, note = [(1, model.history_.tolist())], "the start that was kept"
    if not any(curve for _, curve in curves):
        raise ValueError("no EM step was taken: where all labels are known, a fit counts")
    ax = axes(ax)
    best = max(range(len(curves)), key=lambda k: max(curves[k][1]))
    for k, (first, curve) in enumerate(curves):
        style = {"color": "black", "lw": 2, "zorder": 3} if k == best else {"color": "0.6", "lw": 0.9}
        ax.plot(np.arange(first, first + len(curve)), curve, marker="." if len(curve) <= 30 else None, **style,
                label="best" if k == best else "_other")  # fmt: skip
    if len(curves) > 1:
        ax.legend()
    return _labelled(ax, [curve for _, curve in curves], note)


def _continued(pieces):
    """(first step, objectives) of each start, from pieces between which other starts had their turn."""
    found: list = []
    open_: dict = {}
    for start, step, curve in pieces:
        if start in open_ and step > 1 and step == len(open_[start][1]) + 1:
            open_[start][1].extend(curve)
        else:
            open_[start] = (1, list(curve))
            found.append(open_[start])
    return found


def _labelled(ax, curves, note):
    values = np.concatenate([curve[1:] or curve for curve in curves])
    top, low = values.max(), np.quantile(values, 0.05)
    if top > low:
        ax.set_ylim(low - 0.05 * (top - low), top + 0.05 * (top - low))
    ax.set(xlabel="E-step", ylabel="log P + log prior", title=note)
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.xaxis.get_major_locator().set_params(integer=True)
    return ax


def selection(found: Selection, *, ax: Any = None) -> Any:
    """The criteria of the candidates that `select` compared: AIC, BIC and ICL, or with criterion="cv" the log
    likelihood per held-out step. The best has a star. The axis shows the number of states if only that varies,
    otherwise the names."""
    if not isinstance(found, Selection):
        raise TypeError(f"found = {shown(found)} must be what chmm.select returned")
    ax = axes(ax)
    sizes = [row.model.n_states_ for row in found]
    in_order = all(row.name.startswith(f"{n} state") for row, n in zip(found, sizes)) and len(set(sizes)) == len(sizes)
    at, top = sizes if in_order else list(range(len(found))), 0.0
    order = np.argsort(at)
    best, turn = [row is found.best_row for row in found].index(True), 1 if in_order else -1  # names go to the left
    which = [("held_out", "held out")] if found.criterion == "cv" else [("aic", "AIC"), ("bic", "BIC"), ("icl", "ICL")]
    for (field, label), style, mark in zip(which, STYLES, "so^"):
        chosen = field == found.criterion or found.criterion == "cv"
        values = np.array([getattr(row, field) for row in found], dtype=np.float64)
        ax.plot(*(np.array(at)[order], values[order])[::turn], ls=style if in_order else "none", marker=mark,
                label=label, color="black" if chosen else "0.55", lw=2 if chosen else 1)  # fmt: skip
        top = values[best] if chosen else top
    ax.plot(*([at[best]], [top])[::turn], "*", ms=18, mfc="gold", mec="black", zorder=4, label="best")
    merit = "log P per held-out step" if found.criterion == "cv" else "less is better"
    if in_order:
        ax.set(xlabel="number of states", ylabel=merit)
        ax.xaxis.get_major_locator().set_params(integer=True)
    else:
        ax.set_yticks(at, [cut(row.name, 40) for row in found])
        ax.set(xlabel=merit, ylim=(len(at) - 0.5, -0.5))
        ax.grid(axis="y", color="0.9")
    ax.legend()
    return ax


# ----------------------------------------------------------------------------------------------------------------------


def _codes(fit, path):
    """(T,), the numbers of the states of a path."""
    return np.array([fit.states.codes[name] for name in np.asarray(path).tolist()], dtype=np.intp)


def _joined(answer, data):
    """An answer with a value for each step, of all sequences end to end."""
    if data.form in ("list", "dict"):
        parts = list(answer.values()) if isinstance(answer, dict) else answer
        return np.concatenate([np.asarray(part) for part in parts]) if parts else np.empty(0)
    return np.asarray(answer)


def _state(fit, name):
    if name not in fit.states.codes:
        raise ValueError(f"states has {shown(name)}; there are {fit.states.preview()}")
    return fit.states.codes[name]


def _probabilities(values, name):
    values = plotted.listed(values)
    if not values or not all(isinstance(p, int | float | np.number) and 0 < p < 1 for p in values):
        raise ValueError(f"{name} = {shown(values)} must be probabilities between 0 and 1")
    return [float(p) for p in values]


def _figure(p):
    """A probability in at most four characters or so."""
    return "1" if p > 0.9995 else f"{p:.2f}".removeprefix("0") if p >= 0.01 else f"{p:.0e}".replace("e-0", "e-")


__all__ = [
    "colours", "durations", "emissions", "forecast", "graph", "history", "posterior", "residuals", "selection",
    "states", "transitions", "trellis",
]  # fmt: skip
