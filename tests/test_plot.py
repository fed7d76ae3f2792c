"""Pictures, by what is on them: artists, labels and limits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("matplotlib", reason="pictures need matplotlib")
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch

from chmm import Categorical, Gaussian, Model, Multinomial, Poisson, Product, Tied, VonMises, colours, plot, select
from chmm.canvas import times_of

A = np.array([[0.9, 0.1, 0.0], [0.05, 0.9, 0.05], [0.0, 0.2, 0.8]])
CHAIN = {"startprob": [1 / 3, 1 / 3, 1 / 3], "transmat": A, "states": ["low", "middle", "high"]}
M = Model(**CHAIN, emission=Gaussian([0, 5, 10], [1, 1, 1]))
X = M.sample(120, random_state=0).X
WEATHER = Model(
    states=["rainy", "sunny"], startprob=[0.6, 0.4], transmat=[[0.7, 0.3], [0.4, 0.6]],
    emission=Categorical([[0.1, 0.4, 0.5], [0.6, 0.3, 0.1]], symbols=["walk", "shop", "clean"]),
)  # fmt: skip
TWO = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.1, 0.9]]}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def drawn(ax):
    """The figure is rendered, which is where many errors come up."""
    ax.figure.canvas.draw()
    return ax


def texts(ax):
    return [text.get_text() for text in ax.texts]


EVERY = {
    "states": lambda **o: plot.states(M, X, **o),
    "posterior": lambda **o: plot.posterior(M, X, **o),
    "forecast": lambda **o: plot.forecast(M, X, 5, **o),
    "trellis": lambda **o: plot.trellis(WEATHER, ["walk", "shop", "clean"], **o),
    "transitions": lambda **o: plot.transitions(M, **o),
    "graph": lambda **o: plot.graph(M, **o),
    "durations": lambda **o: plot.durations(M, X, **o),
    "emissions": lambda **o: plot.emissions(M, X, **o),
    "top symbols": lambda **o: plot.emissions(WEATHER, **o),
    "residuals": lambda **o: plot.residuals(M, X, **o),
}


@pytest.mark.parametrize("draw", EVERY.values(), ids=EVERY)
def test_a_picture_goes_on_the_axes_given(draw):
    figure, (left, right) = plt.subplots(1, 2, layout="constrained")
    assert drawn(draw(ax=left)) is left
    assert not right.has_data()  # and nowhere else
    for ax in figure.axes:
        if ax is not right:
            assert ax.get_position().x0 < right.get_position().x0
    free = plt.figure().add_axes([0.1, 0.1, 0.8, 0.8])
    assert draw(ax=free) is free
    assert draw().figure not in (figure, free.figure)
    with pytest.raises(TypeError, match=r"ax = 3 must be the Axes"):
        draw(ax=3)


# Colours --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 8, 50])
def test_colours_get_lighter_from_state_to_state(n):
    found = colours.of_states(n)
    grey = [np.dot([int(c[k : k + 2], 16) for k in (1, 3, 5)], [0.299, 0.587, 0.114]) for c in found]
    assert len(set(found)) == n and (np.diff(grey) > 0).all()
    assert n == 1 or (np.diff(grey) > 75 / n).all()


def test_a_state_has_the_same_colour_in_every_picture():
    wanted = plot.colours(M)
    assert list(wanted) == ["low", "middle", "high"]
    in_states = {c.get_label(): to_hex(c.get_facecolor()[0]) for c in plot.states(M, X).collections}
    in_emissions = {line.get_label(): to_hex(line.get_color()) for line in plot.emissions(M, X).lines}
    assert in_states == wanted
    assert {name: in_emissions[name] for name in wanted} == wanted
    squares = plot.transitions(M).collections[0].get_facecolors()
    assert [to_hex(c) for c in squares] == list(wanted.values())


# A sequence -----------------------------------------------------------------------------------------------------------


def test_states_shades_the_path_and_stacks_the_posterior():
    ax = plot.states(M, X)
    _, lower = ax.figure.axes
    assert_array_equal(ax.lines[0].get_ydata(), np.ravel(X))
    path, codes = M.predict(X), {name: i for i, name in enumerate(M.states_)}
    shaded = np.full(len(X), -1)
    for bars in ax.collections:
        for box in bars.get_paths():
            low, high = box.vertices[:, 0].min(), box.vertices[:, 0].max()
            shaded[int(low + 0.5) : int(high + 0.5)] = codes[bars.get_label()]
    assert_array_equal(shaded, [codes[name] for name in path])
    assert_allclose(lower.get_xlim(), (-0.5, len(X) - 0.5))
    first = lower.collections[0].get_paths()[0].vertices[:, 1].max()
    assert_allclose(first, M.predict_proba(X)[:, 0].max())
    tops = [area.get_paths()[0].vertices[:, 1].max() for area in lower.collections]
    assert_allclose(tops, M.predict_proba(X).cumsum(axis=1).max(axis=0))  # what is in front hides the lower part
    assert (np.diff([area.get_zorder() for area in lower.collections]) < 0).all()
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["low", "middle", "high"]
    assert len(plot.states(M, X, posterior=False).figure.axes) == 1


def test_dates_are_on_the_axis():
    pd = pytest.importorskip("pandas")
    from matplotlib.dates import date2num

    for index in [
        pd.date_range("2020-01-01", periods=len(X), freq="D"),
        pd.date_range("2020-01-01", periods=len(X), freq="D", tz="Asia/Tokyo"),
        pd.period_range("2020-01-01", periods=len(X), freq="D"),
    ]:
        ax = plot.states(M, pd.Series(np.ravel(X), index=index, name="flow"))
        assert ax.get_xlim()[0] == date2num(np.datetime64("2020-01-01")) - 0.5
        assert ax.get_ylabel() == "flow"
    years = pd.Series(np.ravel(X), index=pd.Index(range(1900, 1900 + len(X)), name="year"))
    assert drawn(plot.posterior(M, years)).get_xlabel() == "year"
    assert plot.posterior(M, years[::-1]).get_xlim()[0] == -0.5  # an index that does not ascend is no axis


def test_a_gap_in_the_dates_is_one_in_the_picture():
    pd = pytest.importorskip("pandas")
    from matplotlib.dates import date2num

    def gaps(dates):
        index = pd.DatetimeIndex(dates)
        return times_of(pd.Series(0.0, index=index), len(index)).gaps

    months, days = pd.date_range("2020-01-01", periods=40, freq="MS"), pd.bdate_range("2020-01-01", periods=60)
    rng = np.random.default_rng(0)
    any_time = months[0] + pd.to_timedelta(np.cumsum(rng.exponential(size=200)), unit="D")
    for dates in (months, days, pd.date_range("2020-01-01", periods=30, freq="YS"), months[[0, 7]], any_time):
        assert not len(gaps(dates))  # months, weekends, and dates without a rhythm
    for k in (1, 12, 13):  # a February, a January
        (gap,) = gaps(months.delete(k))
        assert gap[0] < date2num(months[k]) < gap[1]
    assert len(gaps(days.delete(slice(20, 40)))) == 1
    x = pd.Series(np.ravel(X), index=pd.date_range("2020-01-01", periods=len(X) + 1, freq="MS").delete(-4))
    for ax in (plot.states(M, x), plot.forecast(M, x, 3), plot.posterior(M, x)):
        panels = [panel for panel in ax.figure.axes if panel.get_label() != "<colorbar>"]
        assert all(any(np.array_equal(c.get_facecolor(), [[1] * 4]) for c in panel.collections) for panel in panels)


def test_the_months_of_a_forecast_follow_those_of_the_data():
    pd = pytest.importorskip("pandas")
    from matplotlib.dates import num2date

    x = pd.Series(np.ravel(X), index=pd.date_range("2020-01-01", periods=len(X), freq="MS"))
    ax = plot.forecast(M, x, 3, past=2)
    low, high = (num2date(end) for end in ax.get_xlim())
    assert (low.year, low.month) == (2029, 10) and (high.year, high.month) == (2030, 3)


def test_symbols_are_written_then_drawn_in_rows():
    words = ["walk", "shop", "clean"]
    assert texts(drawn(plot.states(WEATHER, words))) == words
    ax = drawn(plot.states(WEATHER, words * 40))
    assert not ax.texts
    assert [t.get_text() for t in ax.get_yticklabels()] == words
    assert_array_equal(ax.lines[0].get_ydata(), [0, 1, 2] * 40)
    gap = drawn(plot.states(WEATHER, ["walk", None, "clean"]))
    assert texts(gap) == ["walk", "", "clean"]


def test_columns_have_panels_by_number_or_name():
    pd = pytest.importorskip("pandas")
    model = Model(**TWO, emission=Product(turn=VonMises([0, 3], [1, 1]), calls=Poisson([1, 9])))
    x = pd.DataFrame({"turn": [0.1, np.nan, 3, 2], "calls": [0, 1, 8, 9]})
    assert [ax.get_ylabel() for ax in plot.states(model, x).figure.axes] == ["turn", "calls", "P(state)"]
    assert [ax.get_ylabel() for ax in plot.states(model, x, columns="calls").figure.axes] == ["calls", "P(state)"]
    assert plot.states(model, x.to_numpy(), columns=1).get_ylabel() == "column 1"
    with pytest.raises(ValueError, match=r"column = 'speed': there are 0 ... 1, or 'turn', 'calls'"):
        plot.states(model, x, columns=["speed"])
    assert plot.emissions(model, x, column="calls").get_ylabel() == "probability"
    assert plot.emissions(model, x, column="turn").get_xlim() == pytest.approx((-np.pi, np.pi), abs=0.1)
    assert plot.forecast(model, x, 2, column="calls").get_ylabel() == "calls"
    drawn(plot.residuals(model, pd.concat([x] * 4, ignore_index=True), column="calls", random_state=0))


def test_options_of_matplotlib_are_told_where_they_go():
    for name, draw in {"figsize": lambda **o: plot.states(M, X, **o), "title": lambda **o: plot.graph(M, **o)}.items():
        with pytest.raises(TypeError, match=rf"(states|graph) has no argument '{name}', which is matplotlib's: .*ax="):
            draw(**{name: 3})
    with pytest.raises(ValueError, match=r"column = 'a': there is 0$"):
        plot.states(M, X, columns="a")


def test_the_heat_map_is_the_posterior():
    mesh = plot.posterior(M, X).collections[0]
    assert_allclose(mesh.get_array().reshape(3, -1), M.predict_proba(X).T)


def test_long_data_are_averaged():
    long = M.sample(9001, random_state=1).X
    mesh = plot.posterior(M, long).collections[0]
    table = np.asarray(mesh.get_array()).reshape(3, -1)
    assert table.shape[1] == 1000
    assert_allclose(table.sum(axis=0), 1)
    assert plot.posterior(M, long).get_xlim() == (-0.5, 9000.5)


def test_long_numbers_are_drawn_as_their_range():
    long = M.sample(20_000, random_state=1).X
    long[5:9] = np.nan
    ax = plot.states(M, long, posterior=False)
    (band,) = [c for c in ax.collections if c.get_label() not in M.states_]
    assert not ax.lines
    outline = band.get_paths()[0].vertices[:, 1]
    assert_allclose([outline.min(), outline.max()], [np.nanmin(long), np.nanmax(long)])
    assert len(plot.states(M, long[:9000], posterior=False).lines) == 1


def test_many_columns_of_symbols_get_fainter():
    faint = [plot.states(WEATHER, ["walk", "shop"] * n).lines[0].get_alpha() for n in (100, 5000, 50_000)]
    assert faint[0] == 1 and faint == sorted(faint, reverse=True) and faint[-1] > 0


def test_a_legend_reads_from_left_to_right():
    model = Model(startprob=[0.2] * 5, transmat=np.full((5, 5), 0.2), emission=Gaussian(np.arange(5), np.ones(5)))
    legend = plot.states(model, [0, 1, 2.0]).get_legend()
    assert [t.get_text() for t in legend.get_texts()] == list("01234") and legend._ncols == 5
    named = model.relabel({i: f"a state with a long name, {i}" for i in range(5)})
    legend = plot.states(named, [0, 1, 2.0]).get_legend()
    assert legend._ncols == 3
    colours_ = list(plot.colours(named).values())
    told = [to_hex(patch.get_facecolor()) for patch in legend.get_patches()]
    assert told == [colours_[k] for k in (0, 3, 1, 4, 2)]  # filled column by column


def test_blanks_can_be_seen():
    model = Model(**TWO, emission=Categorical([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]], symbols=[" ", "\n", "a b"]))
    assert texts(plot.emissions(model))[::2] == ["␣", "↵", "a b", "a b", "␣", "↵"]


def test_light_lines_have_a_dark_edge():
    lines = {line.get_label(): line for line in plot.emissions(M, X).lines}
    assert [bool(lines[name].get_path_effects()) for name in M.states_] == [False, False, True]
    arrows = [p for p in plot.graph(M).patches if isinstance(p, FancyArrowPatch)]
    assert sum(bool(a.get_path_effects()) for a in arrows) == 2  # out of "high"


def test_what_is_known_is_drawn():
    known = ["rainy", None, "rainy"]
    mesh = plot.posterior(WEATHER, ["walk", "walk", "walk"], known=known).collections[0]
    assert_allclose(np.asarray(mesh.get_array()).reshape(2, 3)[0, [0, 2]], 1)


def test_the_fan_is_made_of_quantiles():
    ax = plot.forecast(M, X, 4, levels=[0.5, 0.9])
    coming = M.forecast(X, 4)
    bands = {c.get_label(): c.get_paths()[0].vertices[:, 1] for c in ax.collections}
    for level, name in ((0.5, "50 %"), (0.9, "90 %")):
        ends = coming.quantile([(1 - level) / 2, (1 + level) / 2])
        assert_allclose([bands[name].min(), bands[name].max()], [ends[0].min(), ends[1].max()])
    median = next(line for line in ax.lines if line.get_label() == "median")
    assert_allclose(median.get_ydata()[:-1], coming.quantile(0.5))
    assert ax.get_xlim() == (len(X) - 30.5, len(X) + 3.5)
    with pytest.raises(ValueError, match=r"levels = \[2\] must be probabilities"):
        plot.forecast(M, X, levels=[2])
    with pytest.raises(TypeError, match=r"symbols have no order.* model.forecast\(x, 10\).probs"):
        plot.forecast(WEATHER, ["walk"])


def test_the_trellis_has_delta_and_the_best_path():
    ax = plot.trellis(WEATHER, ["walk", "shop", "clean"])
    # delta of the three steps, rainy and sunny, by hand
    assert [t for t in texts(ax) if t] == ["0.06", "0.24", "0.0384", "0.0432", "0.0134", "0.00259"]
    arrows = [t.arrow_patch for t in ax.texts if getattr(t, "arrow_patch", None)]
    assert sorted(a.get_linewidth() for a in arrows) == [0.9, 0.9, 3.0, 3.0]
    assert "0.0134" in ax.get_title()
    forward = Model(startprob=[1, 0], transmat=[[0.5, 0.5], [0, 1]], emission=Gaussian([0, 1], [1, 1]))
    assert len([t for t in texts(plot.trellis(forward, [0.0, 1.0])) if t]) == 3  # delta is 0 in one node
    with pytest.raises(ValueError, match=r"120 steps and 3 states make no trellis"):
        plot.trellis(M, X)


@pytest.mark.parametrize("draw", [plot.states, plot.posterior, plot.forecast, plot.trellis])
def test_a_picture_of_one_sequence(draw):
    with pytest.raises(ValueError, match=r"pass it alone, as x\[0\]"):
        draw(M, [X[:4], X[:5]])
    with pytest.raises(ValueError, match=r"pass it alone, as x\['a'\]"):
        draw(M, {"a": X[:4]})
    with pytest.raises(TypeError, match="takes known= and ended=, not lengths="):
        draw(M, X[:9], lengths=[4, 5])
    with pytest.raises(ValueError, match="no steps to draw"):
        draw(M, [])
    with pytest.raises(TypeError, match="model = 3 must be a Model"):
        draw(3, X)


# The chain ------------------------------------------------------------------------------------------------------------


def test_the_matrix_writes_what_is_not_zero():
    ax = plot.transitions(M)
    assert_array_equal(ax.images[0].get_array(), A)
    assert texts(ax) == [".90", ".10", ".05", ".90", ".05", ".20", ".80"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["low", "middle", "high"]


def test_arrows_are_as_wide_as_transitions_are_probable():
    arrows = {p.get_gid(): p.get_linewidth() for p in plot.graph(M).patches if isinstance(p, FancyArrowPatch)}
    assert set(arrows) == {f"{i} to {j}" for i, j in np.argwhere(A > 0)}
    assert sorted(arrows, key=arrows.get)[0] in ("1 to 0", "1 to 2") and arrows["0 to 0"] > arrows["0 to 1"]
    rare = plot.graph(M, least=0.1)
    assert sum(isinstance(p, FancyArrowPatch) for p in rare.patches) == 5
    assert rare.get_title() == "2 rare transitions not drawn"
    with pytest.raises(ValueError, match="least = 3"):
        plot.graph(M, least=3)
    full = 0.76 * np.eye(6) + 0.04
    full[0] = [0.5, 0.3, 0.05, 0.05, 0.05, 0.05]
    emission = Gaussian(np.arange(6), np.ones(6))
    many = plot.graph(Model(startprob=[1 / 6] * 6, transmat=full, emission=emission))
    figures = [t for t in texts(many) if t.startswith(".")]
    assert len(figures) == 7 and ".05" not in figures  # of 36 arrows


def test_durations_of_the_visits():
    sure = Model(startprob=[0.5, 0.5], transmat=[[0.5, 0.5], [0.5, 0.5]], emission=Gaussian([0, 100], [1, 1]))
    low, high = [0.0], [100.0]
    ax = plot.durations(sure, [low * 1 + high * 2 + low * 3 + high, low * 3 + high], states=0)
    steps, line = ax.lines
    assert_allclose(steps.get_xdata(), [1, 2, 3])
    assert_allclose(steps.get_ydata(), [1, 2 / 3, 2 / 3])  # of visits of 1, 3 and 3 steps
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0 (3 visits)"]
    assert_allclose(line.get_ydata(), [1, 0.25])
    # a visit of 2 steps or more, broken off: of those that reach step 2, one of one goes on
    steps = plot.durations(sure, low * 1 + high + low * 3 + high + low * 2, states=[0]).lines[0]
    assert_allclose(steps.get_ydata(), [1, 2 / 3, 2 / 3])
    with pytest.raises(ValueError, match="states has 7; there are 0, 1"):
        plot.durations(sure, low, states=7)
    with pytest.raises(ValueError, match="do not visit"):
        plot.durations(sure, low, states=1)


# What is observed -----------------------------------------------------------------------------------------------------


def test_densities_over_the_histogram():
    ax = plot.emissions(M, X)
    lines = {line.get_label(): line.get_xydata() for line in ax.lines}
    share = M.predict_proba(X).mean(axis=0)
    for i, name in enumerate(M.states_):
        at, height = lines[name].T
        assert_allclose(height, share[i] * np.exp(-((at - 5 * i) ** 2) / 2) / np.sqrt(2 * np.pi), atol=2e-4)
    assert_allclose(lines["sum"][:, 1], sum(lines[name][:, 1] for name in M.states_))
    (bars,) = [p for p in ax.patches if p.get_label() == "data"]
    values, edges, _ = bars.get_data()
    assert values @ np.diff(edges) == pytest.approx(1, abs=0.03)
    cut = plot.emissions(M, {"a": X[:50], "b": X[50:]})  # shares of all steps
    assert_allclose(cut.lines[0].get_ydata(), ax.lines[0].get_ydata(), atol=5e-3)
    alone = {line.get_label() for line in plot.emissions(M).lines}
    assert alone == {*M.states_, "sum"}


def test_counts_have_probabilities():
    model = Model(**TWO, emission=Poisson([2, 9]))
    ax = plot.emissions(model, [1, 2, 3, 9, 8, 9])
    at, height = ax.lines[0].get_xydata().T
    assert_array_equal(at, np.round(at))
    assert_allclose(height.sum(), 1, atol=5e-3)
    assert ax.get_ylabel() == "probability"


def test_the_top_symbols():
    pictures = plot.emissions(WEATHER, n_symbols=2), plot.emissions(WEATHER, n_symbols=9)
    assert texts(pictures[0]) == ["clean", ".50", "shop", ".40", "walk", ".60", "shop", ".30"]
    assert len(texts(pictures[1])) == 12
    probs = [[0.1, 0.9], [0.8, 0.2]]
    families = [
        Multinomial(probs, n_draws=3), Tied(Categorical(probs, symbols="ab"), [0, 1]),
        Product(a=Categorical(probs, symbols="ab"), b=Poisson([1, 2])),
    ]  # fmt: skip
    for family in families:
        found = texts(plot.emissions(Model(**TWO, emission=family)))
        assert found[1::2] == [".90", ".10", ".80", ".20"]
    with pytest.raises(ValueError, match="n_symbols = 0"):
        plot.emissions(WEATHER, n_symbols=0)


def test_residuals_of_three_views():
    ax = plot.residuals(M, X, "forecast")
    histogram, quantiles, correlation = ax.figure.axes
    z = M.pseudo_residuals(X, "forecast")
    assert_allclose(np.sort(z), quantiles.lines[1].get_ydata())
    values, edges, _ = histogram.patches[0].get_data()
    assert values @ np.diff(edges) == pytest.approx(1)
    centred = z - z.mean()
    tops = [segment[1, 1] for segment in correlation.collections[0].get_segments()]
    assert_allclose(tops[0], (centred[1:] * centred[:-1]).sum() / (centred**2).sum())
    assert plot.emissions(M, [X[:50], X[50:]]).get_xlabel() == ""
    assert len(plot.residuals(M, [X[:50], X[50:]], views="qq").figure.axes) == 1
    with pytest.raises(ValueError, match=r"views has 'x'; there are 'histogram', 'qq', 'acf'"):
        plot.residuals(M, X, views="x")
    with pytest.raises(ValueError, match="8 or more"):
        plot.residuals(M, X[:3])


# Learning -------------------------------------------------------------------------------------------------------------


def test_the_history_of_one_start_and_of_all():
    seen = []
    model = Model(2, Gaussian(), n_init=3, random_state=0).fit(X, callback=seen.append)
    (line,) = plot.history(model).lines
    assert_array_equal(line.get_ydata(), model.history_)
    ax = drawn(plot.history(seen))
    assert len(ax.lines) == 3 and ax.get_title() == "3 starts"
    assert sum(len(line.get_xdata()) for line in ax.lines) == len(seen)
    (best,) = [line for line in ax.lines if line.get_label() == "best"]
    assert max(best.get_ydata()) == max(told.objective for told in seen)
    assert all((np.diff(line.get_xdata()) == 1).all() for line in ax.lines)
    with pytest.raises(ValueError, match="no EM step was taken"):
        plot.history(Model().fit(["ab"], ["XY"]))
    with pytest.raises(TypeError, match="must be what fit"):
        plot.history([1])


def test_the_curve_of_select():
    counts = np.random.default_rng(0).poisson(np.repeat([3, 9, 3], 30))
    model = Model(emission=Poisson(), n_init=1, random_state=0)
    found = select(model, counts, n_states=[3, 1, 2])
    ax = drawn(plot.selection(found))
    lines = {line.get_label(): line for line in ax.lines}
    by_size = sorted(found, key=lambda row: row.model.n_states_)
    assert_array_equal(lines["BIC"].get_xdata(), [1, 2, 3])
    assert_allclose(lines["BIC"].get_ydata(), [row.bic for row in by_size])
    assert lines["best"].get_xdata() == [found.best.n_states_]
    models = {"one": Model(2, Poisson(), n_init=1), "other": Model(1, Poisson())}
    named = drawn(plot.selection(select(models, counts, criterion="cv", folds=2)))
    assert named.get_xlabel() == "log P per held-out step"
    assert [t.get_text() for t in named.get_yticklabels()] == ["one", "other"]
    assert {line.get_label() for line in named.lines} == {"held out", "best"}
    with pytest.raises(TypeError, match="found = 3"):
        plot.selection(3)


def test_fifty_states():
    n = 50
    transmat = 0.5 * np.eye(n) + np.full((n, n), 0.5 / n)
    model = Model(startprob=np.full(n, 1 / n), transmat=transmat, emission=Gaussian(np.arange(n), np.ones(n)))
    x = np.arange(0, 50, 0.5)
    for draw in plot.states, plot.posterior, plot.forecast, plot.emissions, plot.durations:
        drawn(draw(model, x))
    assert not drawn(plot.transitions(model)).texts
    ax = drawn(plot.graph(model))
    loops = {f"{i} to {i}" for i in range(n)}
    assert ax.get_title() == "2100 rare transitions not drawn" and loops <= {p.get_gid() for p in ax.patches}


def test_a_single_state_and_a_single_step():
    model = Model(startprob=[1], transmat=[[1]], emission=Poisson([3]))
    for draw in plot.states, plot.posterior, plot.forecast, plot.emissions, plot.durations, plot.trellis:
        drawn(draw(model, [3]))
    drawn(plot.transitions(model))
    drawn(plot.graph(model))


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'python -m pip install "chmm\[plot\]"'):
        plot.graph(M)
