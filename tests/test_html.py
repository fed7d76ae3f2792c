"""What notebooks show: well-formed HTML with every name, nothing that a name could smuggle in, no colours but those of
the page and of the states."""

import copy
import pickle
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from chmm import Categorical, Gaussian, Model, Poisson, Precomputed, Product, Scores, VonMises, select
from chmm.colours import of_states

EVIL = "<script>alert('&\"')</script>"
ALLOWED = {"div", "table", "thead", "tbody", "tr", "th", "td", "pre", "ul", "li"}
x = np.random.default_rng(0).normal(np.repeat([0, 4, 0, 4], 30))


class Page(HTMLParser):
    """Tags in balance, and the text of each cell."""

    def __init__(self, html):
        super().__init__()
        self.open, self.rows, self.styles, self.text = [], [], [], ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert tag in ALLOWED and {name for name, _ in attrs} <= {"style"}, (tag, attrs)
        self.open.append(tag)
        self.styles += [value for _, value in attrs]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def model(n=2, **options):
    """n states that are told apart, in canonical order."""
    transmat = np.full((n, n), 0.1 / max(n - 1, 1))
    np.fill_diagonal(transmat, 0.9 if n > 1 else 1)
    emission = Gaussian(8.0 * np.arange(n) / n, np.ones(n))
    return Model(startprob=np.full(n, 1 / n), transmat=transmat, emission=emission, **options)


def answers(n):
    """One of everything that has HTML."""
    m = model(n)
    states = np.arange(n)[m.predict(x)]
    yield m
    yield m.posteriors(x)
    for scaled in (True, False):
        yield m.forward(x, scaled=scaled)
        yield m.backward(x, scaled=scaled)
        yield m.viterbi(x, scaled=scaled)
    yield m.decode(x)
    yield m.best_paths(x, 2)[1]
    yield m.segments(x)
    yield m.forecast(x, 3)
    yield m.forecast(x, 100)
    yield m.evaluate(x, states)
    fitted = Model(emission=Gaussian(), pseudocount=1).fit([x], [states])
    yield fitted
    yield fitted.report_


def everything():
    yield from answers(2)
    yield from answers(50)
    yield Model(2)
    m = Model(2, Gaussian(), random_state=0, n_init=1, tol=1e-9).fit(x)
    yield m
    yield m.summary(x)
    yield m.bootstrap(x, 3, random_state=0)
    counts = np.random.default_rng(0).poisson(np.repeat([3, 9, 3, 9], 20))
    for criterion in ("bic", "cv"):
        yield select(Model(emission=Poisson(), n_init=1, random_state=0), counts, n_states=[1, 2], criterion=criterion)


@pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")
def test_every_answer_is_a_table_that_is_well_formed_and_readable_in_light_and_dark():
    for answer in everything():
        page = Page(answer._repr_html_())
        assert len({len(row) for row in page.rows}) <= 1, type(answer)
        assert "nan" not in page.text.lower() and len(page.rows) < 60
        found = re.findall(r"(?:^|;)(color|background):([^;]+)", ";".join(page.styles))
        own = {colour for what, colour in found if what == "color" or not colour.startswith("#")}
        assert all(colour in ("inherit", "transparent") or colour.startswith("rgba(") for colour in own)
        assert all(";box-shadow" in style for style in page.styles if "#" in style)  # an edge for either kind of page


def test_a_model_shows_its_states():
    m = model(states=["calm", "wild"], endprob=[0.1, 0.0])
    page = Page(m._repr_html_())
    assert page.rows[0] == ["state", "start", "end", "to 'calm'", "to 'wild'", ""]
    assert page.rows[1][:5] == ["'calm'", "0.5", "0.1", "0.9", "0.1"] and "with given parameters" in page.text
    many = Page(model(50)._repr_html_()).rows
    assert len(many) == 51 and many[0] == ["state", "start", "to", ""] and many[8][2].startswith("7 0.9")
    assert "Model(n_states=2)" in Page(Model(2)._repr_html_()).text


def test_probabilities_read_as_in_print():
    nearly = [[1 - 1e-12, 1e-12], [1e-4, 0.9999]]
    model = Model(startprob=[1, 0], transmat=nearly, emission=Poisson([1, 2]))
    rows = Page(model._repr_html_()).rows
    assert rows[1][1:4] == ["1", "~1", "~0"] and rows[2][1:4] == ["0", "0.0001", "0.9999"]
    assert all(text in repr(model) for text in ("start 1, to 0 ~1, 1 ~0", "start 0, to 1 0.9999, 0 0.0001"))


def test_posteriors_and_segments_show_their_ends():
    page = Page(model().posteriors(x)._repr_html_())
    assert [row[0] for row in page.rows[1:]] == [*map(str, range(10)), "… 100 more", *map(str, range(110, 120))]
    wide = Page(model(50).posteriors(x)._repr_html_()).rows
    assert wide[0] == ["step", "most probable", "next"] and re.fullmatch(r"\d+ [\d.]+", wide[1][1])
    short = Page(model().segments([0.1, 0.2, 4.1])._repr_html_()).rows
    assert [row[:4] for row in short[1:]] == [["0", "0", "2", "2"], ["1", "2", "3", "1"]]
    runs = model().decode([0.1, 0.2, 4.1, 4.2, 4.0])._repr_html_()
    assert re.findall(r"width:([\d.]+)%", runs)[-2:] == ["40", "60"]  # of all steps


def colours(html):
    return re.findall(r"background:(#\w+)", html)


def test_states_have_their_names_and_the_colours_of_pictures():
    m = model(states=["calm", "wild"])
    calm, wild = of_states(2)
    tables = m.forward(x), m.backward(x), m.viterbi(x), m.forecast(x), m.posteriors(x)
    for answer in (*tables, m.posteriors(x, pairs=True)):
        html = answer._repr_html_()
        (heads, *_) = Page(html).rows
        assert "'calm'" in heads and "'wild'" in heads and colours(html)[:2] == [calm, wild]
    runs = m.decode(x)._repr_html_()
    assert [row[0] for row in Page(runs).rows[1:]] == ["'calm'", "'wild'"] * 2
    assert colours(runs) == [calm, wild] * 2 and colours(m.segments(x)._repr_html_()) == [calm, wild] * 2
    assessed = m.evaluate(x[:3], ["calm", "wild", "none"])
    assert [row[0] for row in Page(assessed._repr_html_()).rows[1:-1]] == ["'calm'", "'wild'", "'none'"]
    assert colours(assessed._repr_html_()) == [calm, wild]
    answer = m.forward({"a": x, "b": x[:4]})["b"]
    for same in (copy.deepcopy(answer), pickle.loads(pickle.dumps(answer))):
        assert same._repr_html_() == answer._repr_html_()
    alpha, _, loglik = answer  # still a tuple
    assert answer._replace(loglik=loglik)._repr_html_().count("state 1") == 1 and alpha is answer.alpha
    scores = Scores({"a": 0, "b": 0}, {"a": {"a": 1, "b": 0}, "b": {"a": 0, "b": 1}}, {"a": {"x": 1}, "b": {"y": 1}})
    assert colours(scores.decode("xxyy")._repr_html_()) == [calm, wild]


def test_the_tables_of_viterbi_say_where_the_best_path_comes_from():
    weather = Model(
        states=["rainy", "sunny"], startprob=[0.6, 0.4], transmat=[[0.7, 0.3], [0.4, 0.6]],
        emission=Categorical([[0.1, 0.4, 0.5], [0.6, 0.3, 0.1]], symbols=["walk", "shop", "clean"]),
    )  # fmt: skip
    rows = Page(weather.viterbi(["walk", "shop", "clean"], scaled=False)._repr_html_()).rows
    assert rows[1:] == [
        ["0", "'sunny'", "0.06", "0.24"],
        ["1", "'rainy'", "0.0384 from 'sunny'", "0.0432 from 'sunny'"],
        ["2", "'rainy'", "0.0134 from 'rainy'", "0.00259 from 'sunny'"],
    ]


def test_a_forecast_shows_values_where_they_can_be_told():
    two = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.1, 0.9]]}
    rows = Page(model().forecast(x, 40)._repr_html_()).rows
    coming = model().forecast(x, 40)
    low, high = coming.quantile([0.05, 0.95])
    assert rows[0][-1] == "mean, and 90 %"
    assert rows[-1][0] == "40" and rows[-1][-1] == f"{coming.mean()[39]:.4g} ({low[39]:.4g} to {high[39]:.4g})"
    symbols = Model(**two, emission=Categorical([[0.9, 0.1], [0.2, 0.8]], symbols="ab"))
    assert Page(symbols.forecast("aa")._repr_html_()).rows[1][-1].startswith("'a' 0.")
    both = Model(**two, emission=Product(turn=VonMises([0, 3], [1, 1]), calls=Poisson([1, 9])))
    heads = Page(both.forecast(np.array([[0.1, 2]]))._repr_html_()).rows[0]
    assert heads[-2:] == ["mean, and 90 % of column 0", "mean, and 90 % of column 1"]
    mixed = Model(**two, emission=Product(Categorical([[0.9, 0.1], [0.2, 0.8]]), Poisson([1, 9])))
    for other in (mixed, Model(**two, emission=Precomputed())):
        assert len(Page(other.forecast(np.array([[0, 1]]))._repr_html_()).rows[0]) == 3  # only the states


def test_a_selection_stars_the_best():
    counts = np.random.default_rng(0).poisson(np.repeat([3, 9, 3, 9], 20))
    found = select(Model(emission=Poisson(), n_init=1, random_state=0), counts, n_states=[1, 2])
    rows = Page(found._repr_html_()).rows[1:]
    stars = [row[0].startswith("★") for row in rows]
    assert stars == [row is found.best_row for row in found]


def test_names_are_text_and_nothing_else():
    m = Model(
        startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], states=[EVIL, "b"],
        emission=Categorical([[0.5, 0.5], [0.1, 0.9]], symbols=[EVIL, "c"]),
    )  # fmt: skip
    data = [[EVIL, "c", "c"]]
    fitted = Model(emission=Categorical(symbols=["c", "d"], unknown="missing")).fit([["c", EVIL]], [[EVIL, "b"]])
    assert EVIL in fitted.report_["unknown"]
    assessed = m.evaluate(data, [[EVIL, "b", "other<b>"]])
    sure = m.forward(data)[0], m.viterbi(data)[0], m.decode(data)[0], m.forecast(data)[0]
    for answer in (m, *sure, m.segments(data)[0], assessed, fitted, fitted.report_, Model(states=[EVIL, "b"])):
        page = Page(answer._repr_html_())  # whose tags are checked
        assert "<script>" not in answer._repr_html_() and page.text
    assert "<script>" in Page(m._repr_html_()).text
