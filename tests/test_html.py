"""What notebooks show: well-formed HTML with every name, nothing that a name could smuggle in, no colour of its own."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from chmm import Categorical, Gaussian, Model, Poisson, select

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
    emission = Gaussian(4.0 * np.arange(n), np.ones(n))
    return Model(startprob=np.full(n, 1 / n), transmat=transmat, emission=emission, **options)


def answers(n):
    """One of everything that has HTML."""
    m = model(n)
    states = np.arange(n)[m.predict(x)]
    yield m
    yield m.posteriors(x)
    yield m.segments(x)
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
        colours = re.findall(r"(?:^|;)(?:color|background):([^;]+)", ";".join(page.styles))
        assert all(c in ("inherit", "transparent") or c.startswith("rgba(") for c in colours)


def test_a_model_shows_its_states():
    m = model(states=["calm", "wild"], endprob=[0.1, 0.0])
    page = Page(m._repr_html_())
    assert page.rows[0] == ["state", "start", "end", "to 'calm'", "to 'wild'", ""]
    assert page.rows[1][:5] == ["'calm'", "0.5", "0.1", "0.9", "0.1"] and "with given parameters" in page.text
    many = Page(model(50)._repr_html_()).rows
    assert len(many) == 51 and many[0] == ["state", "start", "to", ""] and many[8][2].startswith("7 0.9")
    assert "Model(n_states=2)" in Page(Model(2)._repr_html_()).text


def test_posteriors_and_segments_show_their_ends():
    page = Page(model().posteriors(x)._repr_html_())
    assert [row[0] for row in page.rows[1:]] == [*map(str, range(10)), "… 100 more", *map(str, range(110, 120))]
    wide = Page(model(50).posteriors(x)._repr_html_()).rows
    assert wide[0] == ["step", "most probable", "next"] and re.fullmatch(r"\d+: [\d.]+", wide[1][1])
    short = Page(model().segments([0.1, 0.2, 4.1])._repr_html_()).rows
    assert [row[:4] for row in short[1:]] == [["0", "0", "2", "2"], ["1", "2", "3", "1"]]


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
    for answer in (m, m.segments(data)[0], assessed, fitted, fitted.report_, Model(states=[EVIL, "b"])):
        page = Page(answer._repr_html_())  # whose tags are checked
        assert "<script>" not in answer._repr_html_() and page.text
    assert "<script>" in Page(m._repr_html_()).text
