"""Fits that go on after a break: with the same bits, from a file that is never half-written, and from no other."""

import copy
import os
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import chmm
from chmm import (
    Bernoulli,
    Beta,
    Categorical,
    Exponential,
    Gamma,
    Gaussian,
    LogNormal,
    Mixture,
    Model,
    Multinomial,
    NegativeBinomial,
    PerState,
    Poisson,
    Product,
    StudentT,
    Tied,
    VonMises,
    ZeroInflated,
    baum_welch,
    checkpoint,
    files,
    subset,
)

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

PACKAGE = Path(chmm.__file__).parents[1]
FAMILIES = [
    Categorical(pseudocount=0.1),
    Multinomial(),
    Bernoulli(),
    Poisson(),
    NegativeBinomial(),
    Gaussian(),
    Gaussian(covariance="full"),
    StudentT(),
    LogNormal(),
    Gamma(),
    Exponential(),
    Beta(),
    VonMises(),
    Mixture(Gaussian(), 2),
    ZeroInflated(Poisson()),
    Tied(Gaussian(), [0, 0, 1]),
    PerState([Gaussian(), StudentT(), Gaussian()]),
    Product(Gaussian(), Poisson()),
]


def data(family, n_steps=100):
    rng = np.random.default_rng(3)
    q = np.repeat(rng.integers(0, 3, n_steps), rng.integers(1, 8, n_steps))[:n_steps]
    counts, positive = rng.poisson(np.array([1, 4, 9])[q]), rng.gamma(np.array([1, 4, 9])[q])
    if isinstance(family, Bernoulli):
        return (rng.random(n_steps) < np.array([0.2, 0.5, 0.9])[q]).astype(int)
    if isinstance(family, Multinomial):
        return np.column_stack([counts, 20 - np.minimum(counts, 20)])
    if isinstance(family, Categorical | Poisson | NegativeBinomial | ZeroInflated):
        return np.minimum(counts, 12)
    if isinstance(family, Gamma | LogNormal | Exponential):
        return positive
    if isinstance(family, Beta):
        return positive / (1 + positive)
    if isinstance(family, Product):
        return np.column_stack([rng.normal(q * 2.0, 1), counts])
    if isinstance(family, VonMises):
        return rng.vonmises(q * 2.0, 3)
    return rng.normal(np.array([0, 2, 5])[q], 1)


def bits(model):
    """Everything that a fit gives, as bytes and text."""
    tallies, parameters = model.statistics_, checkpoint.parameters_of(model.emission_)
    arrays = [model.startprob_, model.transmat_, model.history_, tallies.start, tallies.trans]
    arrays += [*tallies.emission.values(), *parameters.values()]
    facts = [model.loglik_, model.n_iter_, model.converged_, dict(model.report_), tallies.digest, sorted(parameters)]
    return [a.tobytes() for a in arrays] + list(map(repr, facts))


class Broken(Exception):
    pass


def counting(n=None):
    """A callback that counts the E-steps, and raises at the n-th."""

    def callback(progress):
        callback.n += 1
        if callback.n == n:
            raise Broken

    callback.n = 0
    return callback


def break_off(model, x, path, n, **options):
    """Fit until the n-th E-step."""
    with pytest.raises(Broken):
        model.fit(x, checkpoint=path, resume=True, callback=counting(n), **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.chmm"


@pytest.fixture
def at_once(monkeypatch):
    """Save after every step; no waiting for the disk."""
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    monkeypatch.setattr(os, "fsync", lambda file: None)


def resumes(make, x, path, stops, **options):
    """A fit that is broken off at some shares of its E-steps ends as one that is not."""
    steps = counting()
    whole = bits(make().fit(x, callback=steps, **options))
    for stop in stops:
        path.unlink(missing_ok=True)
        break_off(make(), x, path, max(1, round(stop * steps.n)), **options)
        assert bits(make().fit(x, checkpoint=path, resume=True, **options)) == whole
    assert bits(make().fit(x, checkpoint=path, resume=True, **options)) == whole  # what is finished stays so
    return whole


# ---- the same bits ----


@pytest.mark.parametrize(
    "family, options",
    [
        *[(family, {}) for family in FAMILIES],
        *product(
            [StudentT(), Mixture(Gaussian(), 2), Product(Gaussian(), Poisson())],
            [{"accelerate": False, "n_init": 1}, {"training": "viterbi"}, {"n_init": 3, "endprob": True}],
        ),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, chmm.Emission) else str(x),
)
def test_a_fit_that_was_broken_off_ends_with_the_same_bits(family, options, path, at_once):
    def make():
        return Model(3, family, random_state=0, **{"n_init": 2, "max_iter": 40, "tol": 1e-6} | options)

    resumes(make, data(family), path, [0.8, 1], lengths=[40, 0, 60])


def test_at_every_step(path, at_once):
    def make():
        return Model(2, Gaussian(), n_init=1, random_state=0, tol=1e-9)

    x, n = data(Gaussian(), 60), counting()
    make().fit(x, callback=n)
    resumes(make, x, path, np.arange(1, n.n + 1) / n.n)


def test_where_rounding_parts_the_best_point_from_the_last(path, at_once, monkeypatch):
    def make():
        return Model(2, StudentT(), n_init=1, random_state=1, tol=0)

    def step(self, search, state, learnt):
        apart.append(state["climb"]["point"] is not state["point"])

    x, apart = data(StudentT(), 60), []
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.Checkpoint, "step", step)
        patch.setattr(checkpoint.Checkpoint, "finish", lambda self, learnt: None)
        make().fit(x, checkpoint=path)
    stops, n = np.flatnonzero(apart) + 1, len(apart) - 1  # the last is told twice
    assert len(stops)
    resumes(make, x, path, stops[stops <= n] / n)


@pytest.mark.parametrize("most", [10**6, 150])
def test_while_states_are_moved(most, path, at_once, monkeypatch):
    monkeypatch.setattr(subset, "MOST", most)
    rng = np.random.default_rng(0)
    x = rng.normal(np.repeat(rng.normal(size=7)[rng.integers(0, 7, 60)] * 5, 4), 0.5)

    def make():
        return Model(7, Gaussian(), n_init=2, random_state=np.random.default_rng(0), tol=1e-5)

    whole = resumes(make, x, path, [0.4, 0.6, 0.8, 0.97, 1])
    assert any("n_moved" in str(part) for part in whole)
    steps, after = counting(), counting()
    make().fit(x, callback=steps)
    path.unlink()
    break_off(make(), x, path, round(0.6 * steps.n))
    assert Model.load(path).n_states_ == 7
    make().fit(x, checkpoint=path, resume=True, callback=after)
    assert after.n < 0.8 * steps.n  # not from the beginning
    monkeypatch.setattr(checkpoint, "EVERY", 1000.0)
    for share in (0.25, 0.3, 0.35, 0.4):  # in the midst of a trial, when the error makes it save
        path.unlink()
        break_off(make(), x, path, round(share * steps.n))
        assert bits(make().fit(x, checkpoint=path, resume=True)) == whole


@pytest.mark.parametrize("options", [{}, {"accelerate": False}, {"training": "viterbi"}], ids=str)
def test_when_starts_saw_a_sample(options, path, at_once, monkeypatch):
    monkeypatch.setattr(subset, "MOST", 600)
    rng = np.random.default_rng(6)
    x = rng.normal(np.repeat(rng.integers(0, 3, 500), 3) * 2.0, 0.8)
    resumes(lambda: Model(3, Gaussian(), n_init=2, random_state=1, tol=1e-5, **options), x, path, [0.6, 0.95, 1])


def test_without_quasi_newton_for_lack_of_memory(path, at_once, monkeypatch):
    monkeypatch.setattr(baum_welch, "MEMORY", 1)
    x = data(Gaussian())
    resumes(lambda: Model(3, Gaussian(), n_init=2, random_state=0, tol=1e-9), x, path, [0.5, 0.8, 0.9, 1])


@pytest.mark.parametrize(
    "options, told",
    [
        ({}, {"y": [["a", "b"] + [None] * 38, ["c", "a"] + [None] * 58]}),
        ({}, {"sample_weight": [1.0, 2.5]}),
        ({"endprob": True}, {"ended": [True, False]}),
        ({"startprob": "stationary"}, {}),
        ({"topology": "left-right"}, {}),
        ({"startprob": [0.5, 0.3, 0.2], "pseudocount": 0.5, "frozen": "startprob"}, {}),
    ],
    ids=str,
)
def test_whatever_else_a_fit_is_told(options, told, path, at_once):
    x = data(Gaussian())
    x[7] = np.nan

    def make():
        return Model(3, Gaussian(), n_init=2, random_state=0, max_iter=60, tol=1e-7, **options)

    resumes(make, [x[:40], x[40:]], path, [0.5, 0.8, 1], **told)


LABELS = [["a", "b"] + [None] * 38, ["c", "a"] + [None] * 58]


@pytest.mark.parametrize("training", ["baum-welch", "viterbi"])
@pytest.mark.parametrize(
    "family, options, told",
    [
        (Gaussian(), {"endprob": True}, {"ended": [True, False]}),
        (Gaussian([0, 2, 5], frozen="means"), {}, {}),
        (Gaussian(prior=2.0), {"pseudocount": {"transmat": 1.5, "startprob": 0.5}}, {}),
        (StudentT(prior=1.0), {}, {"y": LABELS}),
        (Mixture(Gaussian(), 2), {"endprob": True}, {"y": LABELS, "ended": [False, True], "sample_weight": [1.0, 2.5]}),
    ],
    ids=["ends", "frozen", "priors", "labels", "all"],
)
def test_in_the_middle_of_the_one_run(training, family, options, told, path, at_once):
    """Without a race of starts, so that every break is in the climb that counts."""
    x, steps = data(Gaussian()), counting()

    def make():
        return Model(3, family, n_init=1, random_state=0, max_iter=20, tol=1e-9, training=training, **options)

    make().fit([x[:40], x[40:]], callback=steps, **told)
    assert steps.n >= 4
    resumes(make, [x[:40], x[40:]], path, [2 / steps.n, 0.5, (steps.n - 1) / steps.n], **told)


def test_broken_off_again_and_again(path, at_once):
    x, rng = data(StudentT()), np.random.default_rng(0)
    whole = bits(Model(3, StudentT(), n_init=2, random_state=0, tol=1e-6).fit(x))
    for _ in range(200):
        model = Model(3, StudentT(), n_init=2, random_state=0, tol=1e-6)
        try:
            model.fit(x, checkpoint=path, resume=True, callback=counting(int(rng.integers(30, 50))))
        except Broken:
            continue
        break
    assert bits(model) == whole


def test_shards_whose_steps_are_more_than_starts_see(path, at_once, monkeypatch):
    monkeypatch.setattr(subset, "MOST", 500)
    rng = np.random.default_rng(7)
    pieces = [(f"day {k}", rng.normal(np.repeat(rng.integers(0, 3, 60), 5), 0.7)) for k in range(6)]

    def make(n_jobs=1):
        return Model(3, Gaussian(), n_init=2, random_state=1, tol=1e-5, n_jobs=n_jobs)

    steps = counting()
    whole = bits(make().fit(chmm.shards(pieces), callback=steps))
    for stop in (0.7, 0.9, 1):
        path.unlink(missing_ok=True)
        break_off(make(), chmm.shards(pieces), path, round(stop * steps.n))
        assert bits(make(2).fit(chmm.shards(pieces), checkpoint=path, resume=True)) == whole
    for other, words in (
        (pieces[:-1], "numbers of sequences differ: 6 then, 5 now"),
        ([(f"night {name}", x) for name, x in pieces], r"the names of shards differ: \['day 0'"),
        ([pieces[0], (pieces[1][0], pieces[1][1][:-1]), *pieces[2:]], "numbers of steps differ: 1800 then, 1799 now"),
        ([pieces[0], (pieces[1][0], pieces[1][1] + 1e-6), *pieces[2:]], "of which the values differ"),
    ):
        with pytest.raises(ValueError, match=words):
            make().fit(chmm.shards(other), checkpoint=path, resume=True)


# ---- what the file is ----


def test_the_file_holds_the_model_so_far(path, at_once):
    x = data(Gaussian())
    model = Model(3, Gaussian(), n_init=1, random_state=0, tol=1e-9)
    break_off(model, x, path, 20)
    found, whole = Model.load(path), Model(3, Gaussian(), n_init=1, random_state=0, tol=1e-9).fit(x)
    assert found.history_.tolist() == whole.history_[: len(found.history_)].tolist() and not found.converged_
    assert found.predict(x).shape == x.shape and not hasattr(model, "transmat_")
    found.fit(x, checkpoint=path, resume=True)  # it knows its arguments
    assert bits(found) == bits(whole)
    last = Model.load(path)
    assert last.report_ == whole.report_ and (last.transmat_ == whole.transmat_).all() and last.converged_


def test_a_larger_max_iter_goes_on_and_a_smaller_one_is_refused(path):
    def make(max_iter):
        return Model(3, Gaussian(), n_init=1, random_state=0, tol=0, max_iter=max_iter, n_jobs=1)

    x, model = data(Gaussian()), make(10)
    with pytest.warns(chmm.ConvergenceWarning, match="max_iter = 10"):
        model.fit(x, checkpoint=path)
    assert bits(model) == bits(make(10).fit(x))
    model.max_iter = 30
    assert bits(model.fit(x, checkpoint=path, resume=True)) == bits(make(30).fit(x))
    with pytest.raises(ValueError, match="max_iter = 29 is less than the 30 of the fit in "):
        make(29).fit(x, checkpoint=path, resume=True)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])  # in the search for a start, and after it
def test_a_fit_that_the_callback_stopped_goes_on(share, path):
    x, every, steps = data(Gaussian()), counting(), counting()
    model = Model(3, Gaussian(), n_init=3, random_state=0, tol=1e-6).fit(x, callback=every)

    def stop(progress):
        steps(progress)
        return steps.n >= share * every.n

    model.fit(x, checkpoint=path, callback=stop)
    assert model.report_["stopped"] == "callback" and Model.load(path).report_ == model.report_
    before = model.history_
    model.fit(x, checkpoint=path, resume=True)
    assert model.converged_ and model.history_[: len(before)].tolist() == before.tolist()


def test_resume_without_a_file_starts(path):
    x = data(Poisson())
    model = Model(2, Poisson(), random_state=0).fit(x, checkpoint=path, resume=True)
    assert bits(model) == bits(Model(2, Poisson(), random_state=0).fit(x)) and path.exists()


def test_counting_has_a_checkpoint_too(path):
    x, y = "01100", "abbaa"
    model = Model(pseudocount=1.0).fit([x], [y], checkpoint=path)
    assert bits(Model(pseudocount=1.0).fit([x], [y], checkpoint=path, resume=True)) == bits(model)
    with pytest.raises(ValueError, match=r"what is known of the states \(y\) differ"):
        Model(pseudocount=1.0).fit([x], ["abbab"], checkpoint=path, resume=True)


def test_a_generator_goes_on_where_an_unbroken_fit_leaves_it(path, at_once):
    x, one, other, again = data(Gaussian()), *(np.random.default_rng(0) for _ in range(3))
    Model(3, Gaussian(), n_init=2, random_state=one).fit(x)
    break_off(Model(3, Gaussian(), n_init=2, random_state=other), x, path, 35)
    Model(3, Gaussian(), n_init=2, random_state=again).fit(x, checkpoint=path, resume=True)
    assert again.random() == one.random()


def test_it_is_written_no_more_often_than_it_must_be(path, monkeypatch):
    times, write = [], files.write
    monkeypatch.setattr(files, "write", lambda *args: times.append(1) or write(*args))
    Model(3, Gaussian(), random_state=0, tol=1e-9).fit(data(Gaussian()), checkpoint=path)
    assert len(times) == 2  # after the first step of the last run, and at the end


def test_a_disk_that_is_full_leaves_the_model_and_the_last_file(path, monkeypatch, at_once):
    x, model, n = data(Gaussian()), Model(3, Gaussian(), n_init=1, random_state=0, tol=1e-9), counting()
    break_off(model, x, path, 20)
    before = path.read_bytes()

    def full(*_):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="no space left"):
            model.fit(x, checkpoint=path, resume=True, callback=n)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name] and not hasattr(model, "transmat_")


# ---- refusals ----


@pytest.fixture
def half(path, at_once):
    """(a model, its data, the file of its fit)."""
    x = data(Gaussian())
    break_off(half_model(), x, path, 25)
    return x, path


def half_model(**options):
    return Model(**{"n_states": 3, "emission": Gaussian(), "n_init": 2, "random_state": 0, "tol": 1e-6} | options)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"n_states": 2}, "with n_states = 3, this model has n_states = 2; give the model the same"),
        ({"tol": 1e-7}, "with tol = 1e-06, this model has tol = 1e-07"),
        ({"emission": StudentT()}, r"with emission = Gaussian\(.*this model has emission = StudentT"),
        ({"emission": "auto"}, r"with emission = Gaussian\(.*this model has emission = 'auto'"),
        ({"emission": Gaussian(prior=0.2)}, "with emission of other settings"),
        ({"accelerate": False}, "with accelerate = True, this model has accelerate = False"),
        ({"random_state": 1}, "with random_state = 0, this model has random_state = 1"),
        ({"pseudocount": {"transmat": np.eye(3)}}, "with pseudocount = 0.0, this model has pseudocount = {'transmat"),
        ({"startprob": [0.2, 0.3, 0.5]}, r"with startprob = None, this model has startprob = \[0.2"),
    ],
    ids=str,
)
def test_other_arguments(half, options, words):
    x, path = half
    before, model = path.read_bytes(), half_model(**options)
    with pytest.raises(ValueError, match=words):
        model.fit(x, checkpoint=path, resume=True)
    assert path.read_bytes() == before and not hasattr(model, "history_")


def test_other_data(half):
    x, path = half
    near = x.copy()
    near[5] = np.nextafter(near[5], 9)
    for other, told, words in (
        (x[:-1], {}, "the numbers of steps differ: 100 then, 99 now"),
        ([x, x], {}, "the numbers of sequences differ: 1 then, 2 now"),
        (near, {}, "of which the values differ; pass the same data"),
        (x[::-1], {}, "of which the values differ"),
        (x, {"y": [0] + [None] * 99}, r"what is known of the states \(y\) differ"),
        (x, {"sample_weight": [2.0]}, r"the weights of sequences \(sample_weight\) differ"),
    ):
        with pytest.raises(ValueError, match=words):
            half_model().fit(other, checkpoint=path, resume=True, **told)
    for same in (x.tolist(), x[:, None], [x], np.repeat(x, 2)[::2]):
        half_model(n_jobs=2).fit(same, checkpoint=path, resume=True)


def test_other_symbols_are_other_data(path):
    Model(2, n_init=2, random_state=0).fit("abbaab" * 9, checkpoint=path)
    with pytest.raises(ValueError, match="of which the values differ"):
        Model(2, n_init=2, random_state=0).fit("cddccd" * 9, checkpoint=path, resume=True)


def test_other_files(path, half):
    x, _ = half
    model = half_model().fit(x)
    model.save(path)
    for content, words in (
        (path.read_bytes(), "it is a saved model, not the checkpoint of a fit"),
        (b"0123456789", "cannot be read as a chmm model: it is truncated, or another program wrote it"),
        (b"", "cannot be read as a chmm model"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=words):
            half_model().fit(x, checkpoint=path, resume=True)
        assert path.read_bytes() == content


def test_places_and_words_are_refused_before_the_data_are_read(tmp_path, path):
    path.write_bytes(b"precious")
    nothing = object()  # cannot be read
    for options, error, words in (
        ({"checkpoint": tmp_path / "nowhere" / "fit.chmm"}, FileNotFoundError, "no folder .*nowhere; create it"),
        ({"checkpoint": path}, FileExistsError, "exists: pass resume=True to continue it, or delete it"),
        ({"checkpoint": tmp_path, "resume": True}, ValueError, "is a folder"),
        ({"checkpoint": tmp_path / ("x" * 252)}, ValueError, "is no name for a file here: .*too long"),  # with .tmp
        ({"checkpoint": 3}, TypeError, "checkpoint = 3 must be the path of a file"),
        ({"resume": True}, ValueError, "give its path, checkpoint="),
        ({"checkpoint": path, "resume": "yes"}, ValueError, "resume = 'yes' must be True or False"),
    ):
        with pytest.raises(error, match=words):
            Model(2).fit(nothing, **options)
    assert path.read_bytes() == b"precious" and os.listdir(tmp_path) == [path.name]


def test_a_model_that_no_file_can_hold_is_refused_before_the_first_step(path):
    class Odd(Gaussian):
        def settings(self):
            return {"lock": object()}

    steps = counting()
    with pytest.raises(TypeError, match=r"lock = <object.*which a file cannot hold"):
        Model(2, Odd()).fit(data(Gaussian()), checkpoint=path, callback=steps)
    assert steps.n == 0 and not path.exists()


def test_truncated_and_damaged(half):
    x, path = half
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], content[:-1], content[:5000] + b"x" + content[5001:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="cannot be read as a chmm model"):
            half_model().fit(x, checkpoint=path, resume=True)


def leaves(document, above=()):
    """The places of all values in a document."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        yield *above, key
        if isinstance(value, dict | list):
            yield from leaves(value, (*above, key))


JUNK = (
    None, True, -1, 2**70, 0.5, "x", [], {}, [None], {"a": 1}, ["a", "b"], np.array(np.nan), np.array(np.inf),
    np.zeros(0), np.eye(2), np.full(3, np.nan), np.array([1, 2]), -np.ones(3),
)  # fmt: skip


@pytest.mark.parametrize("n_states, n", [(3, 25), (7, 120)], ids=["in the last run", "while states are moved"])
def test_forged_states(n_states, n, path, at_once, fuzz):
    """Each value is replaced by each kind of junk, and the checksum is right."""
    x = data(Gaussian())
    break_off(half_model(n_states=n_states), x, path, n)
    document, _ = files.read(path)
    places = [("fit",), ("learnt",), *(("fit", *place) for place in leaves(document["fit"]))]
    rng = np.random.default_rng(fuzz.seed)
    cases = [(place, k) for place in places for k in range(len(JUNK))]
    kept = rng.permutation(len(cases))[: fuzz.rounds(100)]
    refused = 0
    for place, k in (cases[i] for i in kept):
        forged = copy.deepcopy(document)
        inside = forged
        for key in place[:-1]:
            inside = inside[key]
        inside[place[-1]] = JUNK[k]
        files.write(path, forged)
        try:
            half_model(n_states=n_states).fit(x, checkpoint=path, resume=True)
        except ValueError as error:
            assert str(path) in str(error), (place, JUNK[k], error)
            refused += 1
    assert refused > 0.8 * len(kept)


# ---- processes that end ----

SCRIPT = """
import signal, sys, time
import numpy as np
from chmm import Model, StudentT, checkpoint

signal.signal(signal.SIGINT, signal.default_int_handler)  # a test in the background has a parent that ignores it
path, pause, checkpoint.EVERY = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])

def tell(progress):
    print(progress.step, flush=True)
    time.sleep(pause)

x = np.random.default_rng(0).standard_t(3, 300) + np.repeat(np.arange(30) % 3, 10) * 2
model = Model(3, StudentT(), n_init=1, random_state=0, tol=1e-9)
model.fit(x, checkpoint=path, resume=True, callback=tell)
model.save(path + ".done")
"""


def started(tmp_path, path, pause, every):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, str(script), str(path), str(pause), str(every)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PACKAGE)},
    )  # fmt: skip


def unbroken():
    x = np.random.default_rng(0).standard_t(3, 300) + np.repeat(np.arange(30) % 3, 10) * 2
    return Model(3, StudentT(), n_init=1, random_state=0, tol=1e-9).fit(x)


def ended(path):
    """The finished model of the script is that of an unbroken fit, and so is the checkpoint."""
    whole = unbroken()
    for found in (Model.load(f"{path}.done"), Model.load(path)):
        assert found.history_.tobytes() == whole.history_.tobytes() and found.report_ == whole.report_
        assert found.transmat_.tobytes() == whole.transmat_.tobytes()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process")
def test_ctrl_c_leaves_a_file_that_goes_on(tmp_path, path):
    with started(tmp_path, path, 0.05, 1000) as process:  # it would save after the first step, and then not for long
        for _ in range(15):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode != 0 and "KeyboardInterrupt" in told
    assert len(Model.load(path).history_) >= 10 and sorted(os.listdir(tmp_path)) == ["fit.chmm", "script.py"]
    with started(tmp_path, path, 0, 1000) as process:
        told, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and int(told.split()[0]) >= 15
    ended(path)


def test_killed_at_random_moments(tmp_path, path, fuzz):
    """No file is ever unreadable, and nothing is lost but the steps since the last one."""
    rng, reached = np.random.default_rng(fuzz.seed), 0
    for _ in range(fuzz.rounds(5)):
        with started(tmp_path, path, 0.001, 0) as process:
            process.stdout.readline()
            time.sleep(rng.random() * 0.1)
            process.kill()
            process.communicate(timeout=60)
        if path.exists():
            found = len(Model.load(path).history_)
            assert found >= reached
            reached = found
        if Path(f"{path}.done").exists():
            ended(path)
            path.unlink()
            Path(f"{path}.done").unlink()
            reached = 0
    with started(tmp_path, path, 0, 0) as process:
        _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    ended(path)
