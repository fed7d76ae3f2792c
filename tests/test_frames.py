"""Frames in, frames out: one value a step comes back with the index of the data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from chmm import Categorical, Gaussian, Model, Poisson, Product, select, sequences

pd = pytest.importorskip("pandas")

CHAIN = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.1, 0.9]]}
M = Model(**CHAIN, states=["low", "high"], emission=Gaussian([0, 5], [1, 1]))
TWO = Model(**CHAIN, emission=Product(step=Gaussian([0, 5], [1, 1]), calls=Poisson([1, 9])))
DAYS = pd.date_range("2020-01-01", periods=4)
X = pd.Series([0.1, 5.2, np.nan, 4.4], index=DAYS, name="flow")
FRAME = pd.DataFrame({"step": X, "calls": [1, 9, None, 12]})
BY_STEP = {
    "predict": (lambda m, x, **o: m.predict(x, **o), None),
    "predict_proba": (lambda m, x, **o: m.predict_proba(x, **o), ["low", "high"]),
    "filter": (lambda m, x, **o: m.predict_proba(x, lag=0, **o), ["low", "high"]),
    "emission_log_likelihood": (lambda m, x, **o: m.emission_log_likelihood(x, **o), ["low", "high"]),
    "surprise": (lambda m, x, **o: m.surprise(x, **o), None),
    "pseudo_residuals": (lambda m, x, **o: m.pseudo_residuals(x, **o), None),
    "impute": (lambda m, x, **o: m.impute(x, **o), None),
}
every_question = pytest.mark.parametrize("ask, columns", BY_STEP.values(), ids=BY_STEP)


@every_question
def test_a_series_gives_a_series_or_a_frame_of_the_states(ask, columns):
    got, plain = ask(M, X), ask(M, X.to_numpy())
    assert isinstance(plain, np.ndarray)
    assert_array_equal(np.asarray(got), plain)
    assert got.index.equals(DAYS)
    if columns is None:
        assert isinstance(got, pd.Series) and got.name == "flow"
    else:
        assert isinstance(got, pd.DataFrame) and list(got.columns) == columns


@every_question
def test_many_frames_give_as_many(ask, columns):
    listed = ask(M, [X, X[:2], X.to_numpy()])
    assert [type(got).__module__.partition(".")[0] for got in listed] == ["pandas", "pandas", "numpy"]
    assert listed[1].index.equals(DAYS[:2])
    mapped = ask(M, {"a": X[:3], "b": X[3:]})
    assert mapped["b"].index.equals(DAYS[3:])
    both = ask(M, X, lengths=[3, 1])
    assert both.index.equals(DAYS)
    assert_array_equal(np.asarray(both), np.concatenate([np.asarray(part) for part in mapped.values()]))
    levels = X.set_axis(pd.MultiIndex.from_arrays([["b", "b", "a", "a"], DAYS]))
    split = ask(M, levels)
    assert list(split) == ["b", "a"] and split["a"].index.equals(levels.index[2:])
    groups = pd.DataFrame({"flow": X, "who": ["y", "x", "y", "x"]}).groupby("who")
    assert_array_equal(np.asarray(ask(M, groups)["y"]).ravel(), np.asarray(ask(M, X.iloc[[0, 2]])).ravel())
    assert ask(M, groups)["y"].index.equals(DAYS[[0, 2]])


@pytest.mark.parametrize("gaps", [[], [0], [0, 1]], ids=str)
def test_nulls_in_columns_of_integers_are_missing_values(gaps):
    frame = pd.DataFrame({"calls": [1, 9, 2, 12], "trips": [7, 2, 8, 1]}, dtype="Int64")
    for j in gaps:
        frame.iloc[j + 1, j] = pd.NA
    m = Model(**CHAIN, emission=Poisson([[1, 8], [9, 1]]))
    assert m.score(frame) == m.score(frame.to_numpy(float, na_value=np.nan))
    assert sequences.read(frame).kind == ("numbers" if gaps else "integers")


def test_frames_of_several_columns():
    z, filled = TWO.pseudo_residuals(FRAME, random_state=0), TWO.impute(FRAME)
    assert list(z.columns) == list(filled.columns) == ["step", "calls"] and filled.index.equals(DAYS)
    assert_array_equal(filled.iloc[[0, 1, 3]], FRAME.iloc[[0, 1, 3]])
    turned = TWO.impute(FRAME[["calls", "step"]])
    assert list(turned.columns) == ["calls", "step"]
    assert_allclose(turned["step"], filled["step"])
    assert_allclose(TWO.pseudo_residuals(FRAME[["calls", "step"]], random_state=0)["step"], z["step"])
    samples = TWO.impute(FRAME, 3, random_state=0)
    assert len(samples) == 3 and all(sample.index.equals(DAYS) for sample in samples)
    assert (samples[0]["calls"] % 1 == 0).all()
    assert isinstance(TWO.predict(FRAME), pd.Series) and TWO.predict(FRAME).index.equals(DAYS)


@every_question
def test_polars_gives_polars(ask, columns):
    pl = pytest.importorskip("polars", reason="Series and frames are polars'")
    series = pl.Series("flow", X.to_numpy(), nan_to_null=True)
    one, listed = ask(M, series), ask(M, [series, X, X.to_numpy()])
    assert_array_equal(one.to_numpy(), ask(M, X.to_numpy()))
    if columns is None:
        assert isinstance(one, pl.Series) and one.name == "flow"
    else:
        assert isinstance(one, pl.DataFrame) and one.columns == columns
    assert [type(got).__module__.partition(".")[0] for got in listed] == ["polars", "pandas", "numpy"]
    assert isinstance(ask(M, {"a": series})["a"], type(one))
    frame = pl.DataFrame({"flow": series, "who": [1, 1, 2, 2]})
    assert ask(M, frame, ids="who").shape[0] == 4 and type(ask(M, frame, ids="who")).__module__.startswith("polars")


def test_tables_of_results_are_frames():
    x = X.to_numpy()
    summary, scores = M.summary(x), M.evaluate(x, M.predict(x))
    found = select(Model(emission=Gaussian(), n_init=1, random_state=0), x, n_states=[1, 2])
    numbers, coming = M.forecast(x, 2), TWO.forecast(FRAME[["calls", "step"]], 3)
    words = Model(**CHAIN, emission=Categorical([[0.9, 0.1], [0.2, 0.8]], symbols="ab")).forecast("ab", 2)
    assert summary.to_frame().loc["means[0]", "value"] == summary["means[0]"].value
    assert scores.to_frame().loc["low", "support"] == scores["low"].support
    assert found.to_frame()["bic"].tolist() == [row.bic for row in found] and "2 states" in found.to_frame().index[1]
    assert M.segments(x).to_frame()["stop"].iloc[-1] == len(x)
    assert numbers.to_frame()["state low"].tolist() == numbers.states[:, 0].tolist()
    assert numbers.to_frame()["95 %"].tolist() == numbers.quantile(0.95).tolist()
    assert coming.to_frame()["mean of calls"].tolist() == coming.mean()[:, 1].tolist()
    assert words.to_frame()["symbol b"].tolist() == words.probs[:, 1].tolist()
    assert coming.to_frame().index.tolist() == [1, 2, 3]


def test_polars_comes_back_from_impute():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"step": [0.1, None, 4.4], "calls": [1, None, 12]})
    filled = TWO.impute(frame)
    assert isinstance(filled, pl.DataFrame) and filled.columns == ["step", "calls"]
    for library in (pd, pl):
        told = library.DataFrame({"who": list("abc"), **frame.to_dict(as_series=False)})
        for got in (TWO.impute(told, ids="who"), TWO.impute(told, 2, ids="who", random_state=0)[1]):
            assert list(got.columns) == ["who", "step", "calls"] and list(got["who"]) == list("abc")
    assert filled.null_count().sum_horizontal()[0] == 0
    series = M.impute(pl.Series("flow", [0.1, None, 5.0]))
    assert isinstance(series, pl.Series) and series.name == "flow"
