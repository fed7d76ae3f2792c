"""Fits over data in pieces: as in one piece, in the same bits for any number of threads, with nothing half-changed."""

import threading
import time
import weakref
from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_allclose

import chmm
from chmm import Categorical, Gaussian, Mixture, Model, Poisson, Precomputed, StudentT, passes, sequences, subset
from chmm.shards import n_bytes
from chmm.structure import structure_of

SIZES = (5, 0, 30, 10, 1)  # sequences of the shards
pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


def numbers(rng, n=40):
    return rng.normal(np.repeat(rng.integers(0, 3, n // 10 + 1), 10)[:n] * 3.0)


def symbols(rng, n=40):
    return rng.integers(0, 4, n) // (1 + np.arange(n) % 2)


def texts(rng, n=40):
    return "".join(rng.choice(list("abcd"), n))


def drawn(draw, sizes=SIZES, seed=0):
    rng = np.random.default_rng(seed)
    return [[draw(rng, int(rng.integers(5, 60))) for _ in range(n)] for n in sizes]


def together(pieces):
    return [x for piece in pieces for x in piece]


def bits(model):
    """All numbers that a fit gives."""
    tallies = model.statistics_.emission
    arrays = [model.startprob_, model.transmat_, model.history_, *tallies.values(), model.statistics_.trans]
    return [np.asarray(a).tobytes() for a in (*arrays, model.loglik_)]


FAMILIES = {
    "Gaussian": (Gaussian, numbers),
    "symbols": (lambda: "auto", symbols),
    "texts": (lambda: "auto", texts),
    "Poisson": (Poisson, lambda rng, n: rng.poisson(numbers(rng, n).clip(0.1))),
    "StudentT": (StudentT, numbers),
    "Mixture": (lambda: Mixture(Gaussian(), 2), numbers),
}
every_family = pytest.mark.parametrize("family, draw", FAMILIES.values(), ids=FAMILIES)


@every_family
def test_shards_that_starts_see_whole_are_fitted_as_one_list(family, draw):
    pieces = [*drawn(draw), [draw(np.random.default_rng(1), 1)]]  # one step is a sequence, too
    one = Model(2, family(), random_state=0, max_iter=40).fit(together(pieces))
    many = Model(2, family(), random_state=0, max_iter=40).fit(chmm.shards(pieces))
    assert bits(one) == bits(many)
    assert many.statistics_.shards == frozenset(range(len(pieces)))
    assert one.report_ == many.report_


@pytest.fixture
def small_sample(monkeypatch):
    """Starts see a part of the data, so that EM goes over the shards."""
    monkeypatch.setattr(subset, "MOST", 600)


@every_family
@pytest.mark.parametrize("options", [{}, {"training": "viterbi"}, {"endprob": True}], ids=["EM", "hard", "ends"])
def test_the_bits_are_the_same_for_any_number_of_threads(family, draw, options, small_sample):
    pieces = drawn(draw)
    model = Model(2, family(), random_state=0, max_iter=25, n_init=2, **options)
    one, three = (clone(model, n_jobs=n_jobs).fit(chmm.shards(pieces)) for n_jobs in (1, 3))
    assert bits(one) == bits(three)
    X = together(pieces)
    assert one.statistics_.n_steps == sum(map(len, X)) and one.statistics_.n_sequences == len(X)
    assert (np.diff(one.history_) >= 0).all()


@every_family
def test_an_e_step_over_shards_is_that_of_one_list(family, draw, small_sample):
    pieces = drawn(draw)
    X, data = together(pieces), chmm.shards(pieces)
    model = Model(2, family(), random_state=0, max_iter=5).fit(data)
    mine, theirs = model.e_step(data), model.e_step(X)
    assert_allclose(mine.trans, theirs.trans, rtol=1e-9)
    assert_allclose(mine.loglik, theirs.loglik, rtol=1e-12)
    for name, value in theirs.emission.items():
        assert_allclose(mine.emission[name], value, rtol=1e-7, atol=1e-9)
    assert mine.shards == set(data.names)
    assert_allclose(model.loglik_, model.score(X), rtol=1e-12)


def test_shards_reach_the_optimum_of_one_list(small_sample):
    pieces = drawn(numbers, (20, 30, 25))
    model = Model(3, Gaussian(), random_state=0, tol=1e-8)
    one, many = clone(model).fit(together(pieces)), model.fit(chmm.shards(pieces))
    assert many.converged_
    assert_allclose(many.loglik_, one.loglik_, rtol=1e-9)
    assert_allclose(many.transmat_, one.transmat_, rtol=1e-3)
    assert many.report_["n_steps"] == one.report_["n_steps"] and many.report_["kind"] == "numbers"


def clone(model, **changes):
    return Model(**{**model.get_params(deep=False), **changes})


@pytest.mark.parametrize("emission", [Precomputed(), Gaussian()], ids=lambda e: type(e).__name__)
def test_an_empty_shard_changes_nothing(emission, small_sample):
    pieces = drawn(lambda rng, n: rng.normal(size=(n, 2)), (20, 30))
    one = Model(2, emission, random_state=0, max_iter=10).fit(chmm.shards(pieces))
    many = Model(2, emission, random_state=0, max_iter=10).fit(chmm.shards([[], *pieces, [[]]]))
    assert bits(one) == bits(many)


def test_one_shard_is_enough_and_none_is_an_error(small_sample):
    (piece,) = drawn(numbers, (40,))
    many = Model(2, Gaussian(), random_state=0).fit(chmm.shards([piece]))
    assert many.report_["n_sequences"] == 40
    with pytest.raises(ValueError, match="holds no shards"):
        chmm.shards([])
    with pytest.raises(ValueError, match="no steps to learn from"):
        Model(2, Gaussian()).fit(chmm.shards([[], []]))


def test_what_is_missing_or_unknown_is_counted_over_all_shards(small_sample):
    rng = np.random.default_rng(0)
    pieces = [[list(map(str, rng.integers(0, 4, 50))) for _ in range(20)] for _ in range(3)]
    pieces[0][0][0] = pieces[2][1][3] = None
    emission = Categorical(symbols=["0", "1", "2"], unknown="missing")
    one, many = (Model(2, emission, random_state=0, max_iter=3).fit(X) for X in (together(pieces), chmm.shards(pieces)))
    for fact in ("n_sequences", "n_steps", "missing", "unknown", "kind"):
        assert one.report_[fact] == many.report_[fact]


def test_a_symbol_that_the_sample_does_not_hold_is_not_impossible(monkeypatch):
    monkeypatch.setattr(subset, "MOST", 200)
    pieces = drawn(symbols, (30, 30))
    pieces[1][7][11] = 9
    model = Model(2, random_state=0, max_iter=20).fit(chmm.shards(pieces))
    assert model.emission_.symbols[-1] == 9 and np.isfinite(model.score(together(pieces)))


# ------------------------------------------------------------------------------------------------------------- labels


def labelled(sizes=(6, 0, 12), seed=1, family=numbers):
    """[(name, X, y)], labels by their values."""
    pieces = drawn(family, sizes, seed)
    return [(f"shard {k}", piece, [["low" if v < 2 else "high" for v in x] for x in piece])
            for k, piece in enumerate(pieces)]  # fmt: skip


def in_one(items):
    return together([X for _, X, _ in items]), together([y for _, _, y in items])


@pytest.mark.parametrize("emission", [Gaussian(), StudentT(), Mixture(Gaussian(), 2)], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("most", [200_000, 300])
def test_labels_of_all_steps_are_counted(emission, most, monkeypatch):
    monkeypatch.setattr(subset, "MOST", most)
    items = labelled()
    X, y = in_one(items)
    one = Model(emission=emission, pseudocount=0.1, random_state=0).fit(X, y)
    many = [Model(emission=emission, pseudocount=0.1, random_state=0, n_jobs=n).fit(chmm.shards(items)) for n in (1, 2)]
    assert bits(many[0]) == bits(many[1])
    assert list(many[0].states_) == ["high", "low"] and many[0].report_["stopped"] == "labels"
    assert_allclose(many[0].transmat_, one.transmat_, rtol=1e-12)
    assert_allclose(many[0].startprob_, one.startprob_, rtol=1e-12)
    assert_allclose(many[0].loglik_, one.loglik_, rtol=1e-2 if isinstance(emission, Mixture) else 1e-9)
    assert many[0].report_["labelled"] == one.report_["labelled"]


def test_a_little_of_all_values_has_the_mass_that_is_asked_for():
    told = passes.Told.of(structure_of(Model(2)))
    emission, X = Categorical([[0.5, 0.5], [0.2, 0.8]]), ([0, 1, 1], [1, 0, 0, 0, 0])
    pieces = [passes.Piece(k, sequences.read(x)) for k, x in enumerate(X)]
    counts = sum(passes.little(piece, told, emission, 0.5, 8) for piece in pieces)["counts"]
    assert_allclose(counts, np.tile([0.5 * 5 / 8, 0.5 * 3 / 8], (2, 1)))


def test_labels_that_no_state_can_show_name_the_shard(monkeypatch):
    monkeypatch.setattr(subset, "MOST", 30)
    emission = Categorical([[1.0, 0.0], [0.5, 0.5]], frozen="probs")
    items = [("a", [[0, 1] * 10] * 2, [[1, 1] * 10] * 2), ("b", [[0, 1] * 10], [[0] * 20])]
    with pytest.raises(chmm.ImpossibleError, match="shard 'b': y, sequence 0, step 1"):
        Model(2, emission).fit(chmm.shards(items))


def test_labels_of_some_steps_are_kept(small_sample):
    items = labelled((10, 15, 8))
    for _, _, y in items[:2]:
        for k in range(len(y)):
            y[k] = None if k % 3 else [label if t % 4 == 0 else None for t, label in enumerate(y[k])]
    items[2] = items[2][:2]  # no labels at all
    models = [Model(emission=Gaussian(), random_state=0, n_jobs=n).fit(chmm.shards(items)) for n in (1, 3)]
    assert bits(models[0]) == bits(models[1])
    X, y = together([item[1] for item in items]), together([item[2] for item in items[:2]]) + [None] * 8
    one = Model(emission=Gaussian(), random_state=0).fit(X, y)
    assert list(models[0].states_) == ["high", "low"]
    assert models[0].report_["labelled"] == one.report_["labelled"]
    assert_allclose(models[0].loglik_, one.loglik_, rtol=1e-5)
    assert_allclose(models[0].e_step(chmm.shards(items)).loglik, models[0].score(X, y), rtol=1e-12)


def test_masks_of_states_go_with_shards(small_sample):
    pieces = drawn(numbers, (10, 15))
    items = [(f"{k}", X, [np.stack([x < 4, x > 1], axis=1) for x in X]) for k, X in enumerate(pieces)]
    X, masks = in_one(items)
    model = Model(2, Gaussian(), random_state=0)
    one, many = clone(model).fit(X, masks), model.fit(chmm.shards(items))
    assert_allclose(many.loglik_, one.loglik_, rtol=1e-5)


# ------------------------------------------------------------------------------------------- what goes wrong on the way


def bad_shard(k, pieces, bad_from):
    """Pieces as functions, of which the k-th breaks from a certain reading on."""
    reads = [0] * len(pieces)

    def read(j):
        reads[j] += 1
        if j == k and reads[j] >= bad_from:
            raise RuntimeError("the disk is gone")
        return pieces[j]

    return chmm.shards([(f"piece {j}", lambda j=j: read(j)) for j in range(len(pieces))])


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("bad_from", [1, 2, 4])
def test_a_shard_that_cannot_be_read_is_named_and_the_model_is_as_it_was(bad_from, n_jobs, small_sample):
    pieces = drawn(numbers)
    model = Model(2, Gaussian(), random_state=0, n_jobs=n_jobs).fit(pieces[0])
    before = bits(model)
    with pytest.raises(OSError, match="shard 'piece 2' cannot be read: RuntimeError: the disk is gone") as caught:
        model.fit(bad_shard(2, pieces, bad_from))
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert bits(model) == before
    with pytest.raises(OSError, match="shard 'piece 2' cannot be read"):
        model.partial_fit(bad_shard(2, pieces, 1))
    assert bits(model) == before


@pytest.mark.parametrize("change_at", [2, 3, 5])
def test_a_shard_that_changes_between_passes_is_named(change_at, small_sample):
    pieces, reads = drawn(numbers), []

    def second():
        reads.append(1)
        return pieces[2] if len(reads) < change_at else pieces[2][:-1]

    model = Model(2, Gaussian(), random_state=0)
    told = "shard 2 has changed since the fit began: it had 30 sequences and [0-9]+ steps, now it has 29 sequences"
    with pytest.raises(ValueError, match=told):
        model.fit(chmm.shards([pieces[0], pieces[1], second, pieces[3]]))
    assert model._fit is None


def test_errors_of_a_shard_name_it(small_sample):
    good = drawn(numbers, (3,))[0]
    cases = {
        "shard 1: X holds words|shard 1.*numbers": [good, [["a", "b"]]],
        "shard 1.*2 columns|shard 1: .*columns": [good, [np.ones((5, 2))]],
        "shard 1: X, sequence 0, step 2: inf is not a number": [good, [[0.5, 1.0, np.inf]]],
    }
    for told, pieces in cases.items():
        with pytest.raises((TypeError, ValueError), match=told):
            Model(2, Gaussian()).fit(chmm.shards(pieces))
    symbols_and_more = chmm.shards([("a", [[0, 1, 0]]), ("b", [[0, 1, 5]])])
    fixed = Categorical(symbols=[0, 1])
    with pytest.raises(ValueError, match="shard 'b': sequence 0, step 2: symbol 5"):
        Model(2, fixed).fit(symbols_and_more)
    model = Model(2, Categorical([[1.0, 0.0], [1.0, 0.0]]), startprob=[0.5, 0.5], transmat=np.full((2, 2), 0.5))
    with pytest.raises(chmm.ImpossibleError, match="shard 'b': sequence 0, step 1"):
        list(model.predict(chmm.shards([("a", [[0, 0]]), ("b", [[0, 1]])])))


def test_arguments_that_belong_to_the_shards_are_refused():
    data = chmm.shards(drawn(numbers, (2, 2)))
    model = Model(2, Gaussian(), random_state=0)
    for name in ("y", "ids", "lengths", "sample_weight", "ended"):
        with pytest.raises(TypeError, match=rf"{name} = .* was given beside shards"):
            model.fit(data, **{name: [1, 2]})
    with pytest.raises(TypeError, match="impossible = 'skip' was given beside shards"):
        model.fit(data, impossible="skip")
    model.fit(data)
    with pytest.raises(TypeError, match=r"known = .* was given beside shards"):
        model.predict(data, known=[1])
    with pytest.raises(TypeError, match=r"X must be chmm.shards\(...\)"):
        model.predict([0.5, 1.0], to="somewhere")


def test_a_fit_that_is_left_by_its_callback_keeps_the_best_so_far(small_sample):
    data = chmm.shards(drawn(numbers))
    seen: list = []

    def stop(progress):
        seen.append(progress.objective)
        return len(seen) > 3

    model = Model(2, Gaussian(), random_state=0, n_init=2).fit(data, callback=stop)
    assert len(seen) == 4 and model.statistics_.shards == set(data.names) and model.report_["stopped"] == "callback"
    with pytest.raises(ZeroDivisionError):
        Model(2, Gaussian(), random_state=0).fit(data, callback=lambda p: 1 / 0)


def test_progress_tells_of_shards(small_sample, capsys):
    Model(2, Gaussian(), random_state=0, max_iter=3, n_init=1).fit(chmm.shards(drawn(numbers)), progress=True)
    assert "shard 1 of 5" in capsys.readouterr().err


@pytest.mark.parametrize("draw", [numbers, symbols, texts])
def test_what_is_kept_is_read_once_and_has_the_same_bits(draw, small_sample):
    pieces, n_read = drawn(draw), Counter()

    def fitted(keep, n_jobs):
        n_read.clear()
        read = [lambda k=k: n_read.update([k]) or pieces[k] for k in range(len(pieces))]
        family = Gaussian() if draw is numbers else "auto"
        found = Model(2, family, random_state=0, max_iter=3, n_init=1, n_jobs=n_jobs)
        return bits(found.fit(chmm.shards(read, keep=keep)))

    plain, first = fitted(0, 1), n_bytes(chmm.shards(pieces).read(0))
    assert min(n_read.values()) > 1
    assert fitted(first, 2) == plain
    assert n_read[0] == 1 and max(n_read.values()) > 1
    assert fitted(1e9, 2) == plain
    assert set(n_read.values()) == {1}


def test_what_is_walked_through_cannot_be_kept():
    with pytest.raises(TypeError, match="give a list of them"):
        chmm.shards({"a": 1}.values(), keep=1e6)
    with pytest.raises(ValueError, match="keep"):
        chmm.shards(drawn(numbers), keep=-1)


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_no_more_than_one_shard_a_thread_and_one_more_are_in_memory(n_jobs, small_sample, monkeypatch):
    alive, most, lock = set(), [], threading.Lock()
    read = chmm.Shards._piece

    def counted(shards, k, *options):
        with lock:
            alive.add(k)
            most.append(len(alive))
        piece = read(shards, k, *options)
        weakref.finalize(piece, alive.discard, k)
        return piece

    def slow(piece):
        time.sleep(0.02)  # reading would run ahead
        return piece.size

    monkeypatch.setattr(chmm.Shards, "_piece", counted)
    rng = np.random.default_rng(0)
    data = chmm.shards([rng.normal(size=100 * (k % 5)) for k in range(12)])
    assert [size[1] for size in data.engine(n_jobs).map(slow)] == [100 * (k % 5) for k in range(12)]
    assert max(most) == n_jobs + 1
    model = Model(2, Gaussian(), random_state=0, max_iter=3, n_init=1, n_jobs=n_jobs).fit(data)
    for _ in model.predict(data):
        pass
    assert max(most) <= n_jobs + 1
