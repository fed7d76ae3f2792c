"""Copies of models: equal, independent, and files that keep every bit."""

import copy
import pickle

import pytest
from models import MODELS, assert_same, tagger, weather
from shared import same_bits

from chmm import Categorical, Model, NotFittedError

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


every_model = pytest.mark.parametrize("make, x", MODELS.values(), ids=MODELS)

TWINS = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda m: pickle.loads(pickle.dumps(m))}
every_twin = pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)


@every_model
@every_twin
def test_copies_are_equal(make, x, twin):
    m = make()
    assert_same(m, twin(m), x)


@every_model
def test_files_keep_every_bit(make, x, tmp_path):
    m = make()
    m.save(tmp_path / "model.chmm")
    loaded = Model.load(str(tmp_path / "model.chmm"))
    assert_same(m, loaded, x)
    assert all(getattr(m, name) == getattr(loaded, name) for name in ("pseudocount", "tol", "max_iter", "n_init"))
    assert set(m.final_states or ()) == set(loaded.final_states or ())


def test_files_keep_how_the_model_was_learnt(tmp_path):
    m = weather()
    m.save(tmp_path / "model")
    loaded = Model.load(next(tmp_path.iterdir()))
    assert same_bits(m.history_, loaded.history_)
    assert (m.n_iter_, m.converged_) == (loaded.n_iter_, loaded.converged_)
    assert not loaded.transmat_.flags.writeable


def test_the_path_is_taken_as_it_is(tmp_path):
    weather().save(tmp_path / "no suffix")
    assert [path.name for path in tmp_path.iterdir()] == ["no suffix"]


def test_saving_over_a_file_replaces_it(tmp_path):
    weather().save(tmp_path / "m")
    tagger().save(tmp_path / "m")
    assert list(Model.load(tmp_path / "m").states_) == list("BMES")


@every_twin
def test_copies_of_an_unfitted_model(twin):
    m = twin(Model(2, Categorical(), random_state=0, max_iter=2))
    with pytest.raises(NotFittedError):
        m.score(["ab"])
    assert m.fit(["abab", "ba"]) is m


def test_a_deep_copy_goes_its_own_way():
    m = weather()
    before, twin = copy.deepcopy(m), copy.deepcopy(m)
    twin.fit(["abab", "baba"])
    assert_same(m, before, ["walk", "shop"])
