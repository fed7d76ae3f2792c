"""Frames and arrays in any layout, as families of numbers take them."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from chmm import Categorical, Gamma, Gaussian, Model, Poisson, Product, sequences

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

TWO = {"startprob": [0.5, 0.5], "transmat": [[0.9, 0.1], [0.2, 0.8]]}


def test_frames_give_columns_by_name():
    pandas = pytest.importorskip("pandas")
    truth = Model(
        **TWO,
        emission=Product(calls=Poisson([2, 9]), mood=Categorical([[0.9, 0.1], [0.2, 0.8]], symbols=["good", "bad"])),
    )
    x = truth.sample(300, random_state=0)
    frame = pandas.DataFrame({"other": np.arange(300.0), "mood": x.X[:, 1], "calls": x.X[:, 0].astype(int)})
    m = Model(2, Product(calls=Poisson(), mood=Categorical()), random_state=0).fit(frame)
    assert list(m.emission_["mood"].symbols) == ["bad", "good"] and m.emission_["calls"].rates.shape == (2, 1)
    same = Model(2, Product(calls=Poisson(), mood=Categorical()), random_state=0).fit(frame[["mood", "calls"]])
    assert same.score(frame) == m.score(frame) == m.score([frame])
    assert_array_equal(truth.predict(frame), truth.predict(x.X))
    parts = [frame[:100], frame[100:]]
    assert [len(p) for p in m.predict(parts)] == [100, 200]
    holes = frame.astype(object)
    holes.loc[3, "mood"], holes.loc[4, "calls"], holes.loc[5, ["mood", "calls"]] = None, None, None
    fitted = Model(2, Product(calls=Poisson(), mood=Categorical()), random_state=0).fit(holes)
    assert (fitted.report_["missing"], fitted.report_["partly_missing"]) == (1, 2)
    with pytest.raises(ValueError, match="column 'calls'.*other"):
        m.score(frame[["other", "mood"]])
    with pytest.raises(TypeError, match=r"(?s)mood.*words.*Product"):
        Model(2).fit(frame)
    with pytest.raises(ValueError, match="Poisson is expecting 1 .*choose from the columns of X, 'other', 'calls'"):
        Model(2, Poisson([2, 9])).fit(frame[["other", "calls"]])
    with pytest.raises((TypeError, ValueError), match="mood"):
        Model(2, Gaussian()).fit(frame)
    with pytest.raises(ValueError, match="mood.*green.*symbols"):
        m.score(frame.assign(mood="green"))


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("gaps", [False, True])
def test_numbers_in_any_layout_give_the_same_bits(d, gaps):
    x = np.random.default_rng(0).normal(size=(300, d))
    if gaps:
        x[5, 0] = x[7] = np.nan
    wide = np.zeros((600, 2 * d))
    wide[::2, ::2] = x
    fixed = x[::-1].copy()
    fixed.flags.writeable = False
    layouts = [
        x,
        np.asfortranarray(x),
        wide[::2, ::2],
        fixed[::-1],
        x.astype(">f8"),
        np.ma.masked_invalid(x),
        x.tolist(),
    ]
    fitted = [
        Model(2, Gaussian(), max_iter=3, random_state=0).fit(layout, lengths=[300]).emission_ for layout in layouts
    ]
    for emission in fitted[1:]:
        assert_array_equal(emission.means, fitted[0].means)
        assert_array_equal(emission.covariances, fitted[0].covariances)


def test_numbers_are_made_columns_once():
    data = sequences.read(np.random.default_rng(0).normal(size=(50, 3)))
    assert data.numbers.flags.f_contiguous and data.numbers is data.numbers and not data.gaps
    emission = Gaussian()
    emission.prepare(emission.survey(data), 2, 0)
    assert emission.check(data).distinct is data.numbers
    column = np.arange(50.0)
    assert np.shares_memory(sequences.read(column).numbers, column)  # nothing to be made


def test_frames_of_numbers_are_arrays():
    pandas = pytest.importorskip("pandas")
    x = np.random.default_rng(0).normal(size=(50, 2))
    frame = pandas.DataFrame(x, columns=["a", "b"]).assign(c=np.arange(50))
    m = Model(2, Gaussian(), random_state=0).fit(frame)
    assert m.score(frame.to_numpy()) == m.score(frame)
    with pytest.raises(ValueError, match="'b'|column 1"):
        Model(2, Gamma(), random_state=0).fit(frame[["a", "b"]].abs().assign(b=-1.0))
