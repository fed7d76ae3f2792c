"""What all pictures need: Axes, panels beside them, the times of steps, and the states' colours. matplotlib is imported
only here and in plot.py, when something is drawn."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from . import colours
from .fit import Fit
from .sequences import Sequences
from .symbols import shown

MOST_NAMES = 8  # states that a legend lists; more are told by a colour bar
MOST_COLUMNS = 1000  # of a picture; more steps are averaged
STYLES = ("-", "--", "-.", ":")
BLANKS = str.maketrans(" \t\n", "␣⇥↵")


def axes(ax: Any, width: float = 7.0, height: float = 4.0) -> Any:
    """The Axes to draw on: those given, or those of a new figure."""
    if ax is None:
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            told = 'pictures need matplotlib, which is not installed: python -m pip install "chmm[plot]"'
            raise ImportError(told) from error
        return plt.subplots(figsize=(width, height), layout="constrained")[1]
    if not hasattr(ax, "get_subplotspec"):
        raise TypeError(f"ax = {shown(ax)} must be the Axes of a figure, such as plt.subplots()[1]; None: new ones")
    return ax


def panels(ax: Any, ratios: list, across: bool = False, joined: bool = True) -> list:
    """The Axes and others below them (or beside), which share its room; joined: with a common axis, too."""
    n, figure, spec = len(ratios), ax.figure, ax.get_subplotspec()
    if n == 1:
        return [ax]
    shared = {("sharey" if across else "sharex"): ax} if joined else {}
    if spec is not None:
        shape = {"width_ratios" if across else "height_ratios": ratios}
        grid = spec.subgridspec(*((1, n) if across else (n, 1)), **shape)
        ax.set_subplotspec(grid[0])
        found = [ax, *(figure.add_subplot(grid[k], **shared) for k in range(1, n))]
    else:  # Axes that were put somewhere
        (x, y, width, height), ends = ax.get_position().bounds, np.cumsum([0, *ratios]) / sum(ratios)
        rooms = [
            (x + a * width, y, (b - a) * width * 0.9, height) if across else
            (x, y + height * (1 - b), width, (b - a) * height * 0.9) for a, b in pairwise(ends)
        ]  # fmt: skip
        ax.set_position(rooms[0])
        found = [ax, *(figure.add_axes(room, **shared) for room in rooms[1:])]
    if joined and not across:
        for upper in found[:-1]:
            upper.tick_params(labelbottom=False)
    return found


# States ---------------------------------------------------------------------------------------------------------------


class States(NamedTuple):
    """The names of the states, as texts, and their colours."""

    names: list
    colours: list


def fit_of(model: Any) -> Fit:
    """The parameters of a model that has them."""
    if not hasattr(model, "_ready"):
        raise TypeError(f"model = {shown(model)} must be a Model")
    return model._ready()


def states_of(fit: Fit) -> States:
    return States([str(name) for name in fit.states.names], colours.of_states(len(fit.states)))


def ticks(axis: Any, states: States, most: int = 35) -> None:
    """The names of the states on an axis, each beside its colour; of more than `most`, some."""
    n = len(states.names)
    shown_ = range(0, n, -(-n // most))
    longest = max(map(len, states.names))
    turned = {"rotation": 90} if axis.axis_name == "x" and longest * n > 40 else {}
    axis.set_ticks(list(shown_), [cut(states.names[i]) for i in shown_], fontsize=10 if n <= 25 else 8, **turned)
    axis.set_tick_params(length=0, pad=13)
    ax, places = axis.axes, np.arange(n)
    from matplotlib.transforms import offset_copy

    if axis.axis_name == "x":
        x, y, beside = places, 0 * places, offset_copy(ax.get_xaxis_transform(), ax.figure, y=-7, units="points")
    else:
        x, y, beside = 0 * places, places, offset_copy(ax.get_yaxis_transform(), ax.figure, x=-7, units="points")
    ax.scatter(x, y, s=40 if n <= 25 else 16, c=states.colours, marker="s", transform=beside, clip_on=False, zorder=3)


def key(ax: Any, states: States, panels_: list | None = None) -> None:
    """Which colour is which state: a legend of patches above, or a colour bar if there are many."""
    n = len(states.names)
    if n <= MOST_NAMES:
        from matplotlib.patches import Patch

        names = [cut(name, 20) for name in states.names]
        columns = n if sum(8 + len(name) for name in names) <= 100 else -(-n // 2)
        patches = [Patch(color=colour, label=name) for name, colour in zip(names, states.colours)]
        patches = [patch for k in range(columns) for patch in patches[k::columns]]  # matplotlib fills columns, we rows
        where = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2, "columnspacing": 1.2}
        ax.legend(handles=patches, ncols=columns, frameon=False, **where)
        return
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    bar = ScalarMappable(BoundaryNorm(np.arange(n + 1) - 0.5, n), ListedColormap(states.colours))
    some = list(range(0, n, -(-n // 12)))
    bar = ax.figure.colorbar(bar, ax=panels_ or ax, ticks=some, label="state", pad=0.02)
    bar.ax.set_yticklabels([cut(states.names[i]) for i in some])
    bar.ax.minorticks_off()


def cut(name: str, most: int = 14) -> str:
    """A name that fits, with blanks that can be seen."""
    name = name.translate(BLANKS) if name.isspace() else name
    return name if len(name) <= most else name[: most - 1] + "…"


def outlined(colour: str, width: float) -> list:
    """Path effects: an edge of a darker shade for lines of a light colour, which are hard to see on white."""
    from matplotlib.patheffects import Normal, Stroke

    return [] if colours.is_dark(colour) else [Stroke(linewidth=width + 1, foreground=colours.darker(colour)), Normal()]


# Steps ----------------------------------------------------------------------------------------------------------------


def one_sequence(fit: Fit, x: Any, asked: Iterable[str] = ()) -> Sequences:
    """x read as a single sequence with steps in it; asked : names of the options of the question about it."""
    for name in asked:
        if name not in ("known", "ended"):
            raise TypeError(f"a picture of one sequence takes known= and ended=, not {name}=: pass one alone")
    data = fit.read(x)
    if not data.n_steps:
        raise ValueError("x holds no steps to draw")
    if data.form != "one":
        first = "x[0]" if data.form == "list" else f"x[{shown(data.keys[0])}]"
        raise ValueError(f"x holds several sequences, and the picture is of one: pass it alone, as {first}")
    return data


class Times(NamedTuple):
    """Where the steps stand on the axis."""

    at: np.ndarray  # (T,)
    dates: bool
    index: Any = None  # the index of the data that these are from

    @property
    def edges(self) -> np.ndarray:
        """(T + 1,), half-way between steps."""
        at = self.at
        middle = (at[1:] + at[:-1]) / 2
        half = (middle[:1] - at[:1], at[-1:] - middle[-1:]) if len(at) > 1 else (0.5, 0.5)
        return np.concatenate([at[:1] - half[0], middle, at[-1:] + half[1]])

    @property
    def gaps(self) -> np.ndarray:
        """(G, 2), from where to where there is no step, of dates that have a rhythm: weekends are part of one."""
        far = np.diff(self.at)
        if not self.dates or len(far) < 3:
            return np.empty((0, 2))
        least, usual, most = np.quantile(far, [0.15, 0.5, 0.85], method="lower")
        wide = (far > 1.8 * most) & (least > 0.85 * usual)  # February beside its neighbours: 59 days are a gap, 31 none
        return np.stack([self.at[:-1][wide] + usual / 2, self.at[1:][wide] - usual / 2], axis=1)

    def on(self, ax: Any, *above: Any) -> None:
        """Label the horizontal axis, and leave gaps blank, also in the panels above."""
        edges, gaps = self.edges, self.gaps
        ax.set_xlim(edges[0], edges[-1])
        for panel in (ax, *above) if len(gaps) else ():
            spans = np.stack([gaps[:, 0], gaps[:, 1] - gaps[:, 0]], axis=1)
            style = {"transform": panel.get_xaxis_transform(), "color": "white", "lw": 0, "zorder": 2.2}
            panel.broken_barh(spans, (0, 1), **style)  # in front of lines
        if self.dates:
            from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

            locator = AutoDateLocator()
            ax.xaxis.set_major_locator(locator)
            ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        else:
            from matplotlib.ticker import MaxNLocator

            if np.array_equal(self.at, np.round(self.at)):
                ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            name = getattr(self.index, "name", None)
            ax.set_xlabel("step" if name is None else str(name))

    def further(self, n: int) -> "Times":
        """The n steps after these."""
        freq = getattr(self.index, "freq", None)
        if self.dates and freq is not None:
            from matplotlib.dates import date2num

            last = self.index[-1]
            return Times(np.array([date2num(last + k * freq) for k in range(1, n + 1)]), True, self.index)
        step = float(np.median(np.diff(self.at))) if len(self.at) > 1 else 1.0
        return Times(self.at[-1] + step * np.arange(1, n + 1), self.dates, self.index)


def times_of(x: Any, n_steps: int) -> Times:
    """The dates or numbers of an index that ascends; else 0, 1, 2 ..."""
    index = getattr(x, "index", None) if hasattr(x, "iloc") else None
    plain = Times(np.arange(n_steps, dtype=np.float64), False)
    if index is None or len(index) != n_steps:
        return plain
    index = index.to_timestamp() if hasattr(index, "to_timestamp") and not hasattr(index, "tz") else index
    kind = getattr(index.dtype, "kind", "O")
    if kind == "M":
        from matplotlib.dates import date2num

        index = index.tz_localize(None) if index.tz is not None else index
        found = Times(np.asarray(date2num(index.to_numpy()), dtype=np.float64), True, index)
    elif kind in "iuf":
        found = Times(np.asarray(index, dtype=np.float64), False, index)
    else:
        return plain
    return found if np.isfinite(found.at).all() and (np.diff(found.at) > 0).all() else plain


def averaged(table: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A table (T, N) and its edges, the rows averaged until there are at most MOST_COLUMNS."""
    if len(table) <= MOST_COLUMNS:
        return table, edges
    starts = stretches(len(table))
    sizes = np.diff(starts)
    return np.add.reduceat(table, starts[:-1], axis=0) / sizes[:, None], edges[starts]


def stretches(n: int) -> np.ndarray:
    """The limits of MOST_COLUMNS stretches of n steps."""
    return np.linspace(0, n, MOST_COLUMNS + 1).astype(np.int64)


def shade(ax: Any, edges: np.ndarray, path: np.ndarray, states: States) -> None:
    """The background in the colours of a path of codes (T,)."""
    starts = np.append(0, np.flatnonzero(np.diff(path)) + 1)
    ends = np.append(starts[1:], len(path))
    for i, (name, colour) in enumerate(zip(*states, strict=True)):
        runs = path[starts] == i
        if runs.any():
            left = edges[starts[runs]]
            spans = np.stack([left, edges[ends[runs]] - left], axis=1)
            style = {"color": colour, "alpha": 0.45, "lw": 0, "label": name, "zorder": 0}
            ax.broken_barh(spans, (0, 1), transform=ax.get_xaxis_transform(), **style)


def stacked(ax: Any, edges: np.ndarray, table: np.ndarray, states: States) -> None:
    """Probabilities of the states (T, N), one above the other."""
    table, edges = averaged(table, edges)
    tops = np.vstack([table, table[-1:]]).cumsum(axis=1).T
    for i, (name, colour) in enumerate(zip(*states, strict=True)):  # each before the next, so that no seam shows
        style = {"color": colour, "label": name, "lw": 0, "zorder": 1 - i / len(tops)}
        ax.fill_between(edges, 0, tops[i], step="post", **style)
    ax.set_ylim(0, 1)
    ax.set_yticks([0, 1])
