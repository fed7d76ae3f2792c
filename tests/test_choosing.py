"""Information criteria, and the search over models."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from shared import random_params, same_bits
from test_em_of_families import QUAKES

from chmm import Categorical, Gaussian, Model, NegativeBinomial, Poisson, select

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

COUNTS = np.array(QUAKES.split(), dtype=int)


# Zucchini & MacDonald, Hidden Markov Models for Time Series, table 1.1: the series; section 3: stationary models
@pytest.mark.parametrize(
    "startprob, rows",
    [
        ("stationary", [(1, 785.8379, 788.5107), (4, 692.6365, 703.3278), (9, 676.9206, 700.9760)]),
        (None, [(1, 785.8379, 788.5107), (5, 693.7574, 707.1215), (11, 679.0550, 708.4561)]),
    ],
)
def test_earthquakes(startprob, rows):
    m = Model(emission=Poisson(prior=0), startprob=startprob, n_init=4, tol=1e-7, random_state=0)
    found = select(m, COUNTS, n_states=[1, 2, 3])
    for row, (n_parameters, aic, bic) in zip(found, rows, strict=True):
        assert row.n_parameters == row.model.n_parameters_ == n_parameters
        assert_allclose((row.aic, row.bic), (aic, bic), atol=2e-4)
        assert_allclose((row.model.aic(COUNTS), row.model.bic(COUNTS)), (row.aic, row.bic))
        assert row.n_agreed >= 1 and row.seconds >= 0 and row.held_out is None
    assert found.best is (found[2] if startprob else found[1]).model
    assert found[1].icl > found[1].bic and found[0].icl == found[0].bic


def test_icl_adds_twice_the_entropy_of_the_paths():
    rng = np.random.default_rng(0)
    for _ in range(20):
        p = random_params(rng, 3, 3, zeros=0.2)
        x, m = [0, 2, 1, 1, 0], p.model(pseudocount=0.1)
        rows, joint = p.rows(x), []
        for path in itertools.product(range(3), repeat=5):
            moves = [p.transmat[a, b] for a, b in itertools.pairwise(path)]
            joint.append(p.startprob[path[0]] * np.prod(moves) * np.prod(rows[range(5), path]))
        if not sum(joint):
            continue
        share = np.array(joint) / sum(joint)
        entropy = -(share[share > 0] * np.log(share[share > 0])).sum()
        assert_allclose(m.icl(x) - m.bic(x), 2 * entropy, atol=1e-10)
        assert_allclose(m.icl([x, x]) - m.bic([x, x]), 4 * entropy, atol=1e-10)


def test_missing_steps_are_not_counted():
    m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.1, 0.9]], emission=Gaussian([0, 4], [1, 1]))
    x = np.array([0.1, np.nan, 3, 4.5, np.nan])
    assert_allclose(m.bic(x), -2 * m.score(x) + 7 * np.log(3))
    assert_allclose(m.aic({"a": x}), -2 * m.score(x) + 14)
    known = [0, None, None, 1, None]
    assert_allclose(m.aic(x, known=known), -2 * m.score(x, known=known) + 14)
    both = np.r_[x, x]
    assert m.bic(both, lengths=[5, 5]) == m.bic([x, x])


def test_several_families_and_numbers_of_states():
    x = np.random.default_rng(0).poisson(np.repeat([3, 12, 3, 12], 30))
    m = Model(n_init=1, random_state=0)
    found = select(m, x, n_states=[1, 2], emission=[Poisson(), NegativeBinomial()])
    assert [row.name for row in found] == [
        "1 state, Poisson", "2 states, Poisson", "1 state, NegativeBinomial", "2 states, NegativeBinomial"
    ]  # fmt: skip
    assert found.best.n_states_ == 2 and isinstance(found.best.emission_, Poisson)
    told = repr(found)
    assert "* 2 states, Poisson" in told and "ICL" in told and "the best by BIC" in told
    assert [row.n_parameters for row in found] == [1, 5, 2, 7]
    assert m.n_states is None and not m.__sklearn_is_fitted__()  # the template is as it was


def test_a_list_or_a_dict_of_models():
    models = {"free": Model(2, Poisson(), n_init=1, random_state=0),
              "forward": Model(2, Poisson(), topology="left-right", random_state=0)}  # fmt: skip
    by_name, listed = select(models, COUNTS), select(list(models.values()), COUNTS, n_jobs=1)
    assert [row.name for row in by_name] == ["free", "forward"]
    assert [row.name for row in listed] == ["2 states, Poisson", "2 states, Poisson (2)"]
    assert [row.loglik for row in by_name] == [row.loglik for row in listed]
    assert by_name[1].n_parameters == 3 and len(by_name) == 2
    assert "not converged" in repr(select(Model(2, Poisson(), max_iter=2, n_init=1), COUNTS))


def test_held_out_sequences():
    truth = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.2, 0.8]], emission=Gaussian([0, 4], [1, 1]))
    X = truth.sample(20, 7, random_state=0).X
    X[3][2] = np.nan
    m = Model(emission="gaussian", n_init=1, random_state=0, tol=1e-6)
    found = select(m, X, n_states=[1, 2], criterion="cv", folds=3)
    total = 0.0
    for k in range(3):
        rest = [x for s, x in enumerate(X) if s % 3 != k]
        total += Model(2, "gaussian", n_init=1, random_state=0, tol=1e-6).fit(rest).score(X[k::3])
    assert_allclose(found[1].held_out, total / 139, rtol=1e-5)  # the scale of the prior is that of all data
    assert found.best is found[1].model and "held out" in repr(found)
    as_dict = select(m, dict(enumerate(X)), n_states=[1, 2], criterion="cv", folds=3, n_jobs=1)
    assert [row[2:8] for row in as_dict] == [row[2:8] for row in found]
    in_one = select(m, np.concatenate(X), lengths=[20] * 7, n_states=[1, 2], criterion="cv", folds=3)
    assert [row.held_out for row in in_one] == [row.held_out for row in found]


@pytest.mark.parametrize("ends", [False, True], ids=["", "ends"])
def test_held_out_blocks_of_time_go_on_from_what_came_before(ends):
    pseudocount = {"endprob": 1.0 * ends}  # an end that was never seen may come
    m = Model(2, Poisson(), endprob=ends, pseudocount=pseudocount, n_init=1, random_state=0, tol=1e-6)
    (row,) = select(m, COUNTS, criterion="cv", folds=4)
    cuts, total = np.linspace(0, len(COUNTS), 5).astype(int), 0.0

    def ended(*flags):  # of these pieces; only the last has the end
        return {"ended": flags} if ends else {}

    for a, b in itertools.pairwise(cuts):
        last = b == len(COUNTS)
        pieces = {False: COUNTS[:a], True: COUNTS[b:]}
        pieces = {end: piece for end, piece in pieces.items() if len(piece)}
        fit = m.fit(list(pieces.values()), **ended(*pieces))
        total += fit.score([COUNTS[:b]], **ended(last)) - (fit.score([COUNTS[:a]], **ended(False)) if a else 0.0)
    assert np.isfinite(total)
    assert_allclose(row.held_out, total / len(COUNTS), rtol=1e-5)


def test_labels_and_ends_go_along():
    truth = Model(startprob=[0.5, 0.5], transmat=[[0.8, 0.2], [0.2, 0.8]], endprob=[0.01, 0.2],
                  emission=Categorical([[0.8, 0.2], [0.1, 0.9]]))  # fmt: skip
    X, y = truth.sample(n_sequences=12, random_state=0)
    keep = [k for k, x in enumerate(X) if len(x) > 1]
    X, y = [X[k] for k in keep], [y[k] for k in keep]
    ends = Model(2, endprob=True, pseudocount=0.5, n_init=1, random_state=0)
    ended = np.arange(len(X)) < len(X) - 3
    found = select({"ends": ends, "none": Model(2, endprob=False, pseudocount=0.5, n_init=1, random_state=0)}, X,
                   ended=ended, criterion="cv", folds=2)  # fmt: skip
    assert found[0].n_parameters == found[1].n_parameters + 2
    assert all(np.isfinite(row.held_out) for row in found)
    total = sum(
        ends.fit(X[1 - k :: 2], ended=ended[1 - k :: 2]).score(X[k::2], ended=ended[k::2]) for k in range(2)
    )  # fmt: skip
    assert_allclose(found[0].held_out, total / sum(map(len, X)))
    (labelled,) = select(Model(pseudocount=1), X, y, criterion="cv", folds=3)
    assert_allclose(labelled.loglik, Model(pseudocount=1).fit(X, y).score(X, y))
    total = 0.0
    for k in range(3):
        rest = [s for s in range(len(X)) if s % 3 != k]
        total += Model(pseudocount=1).fit([X[s] for s in rest], [y[s] for s in rest]).score(X[k::3], y[k::3])
    assert_allclose(labelled.held_out, total / sum(map(len, X)))
    masks = [[[label == 0, label == 1] for label in states] for states in y]
    (masked,) = select(Model(pseudocount=1), X, masks, criterion="cv", folds=3)
    assert masked.held_out == labelled.held_out
    (in_time,) = select(ends, X[0].tolist() * 10, criterion="cv", folds=3)
    assert np.isfinite(in_time.held_out)


def test_the_same_on_any_number_of_threads_and_from_a_generator():
    for seed in (0, np.random.default_rng):
        runs = []
        for n_jobs in (1, 2, -1):
            m = Model(emission=Poisson(), n_init=2, random_state=seed if seed == 0 else seed(1))
            runs.append(select(m, COUNTS, n_states=[2, 3], criterion="cv", folds=2, n_jobs=n_jobs))
        for other in runs[1:]:
            assert all(same_bits(a.model.transmat_, b.model.transmat_) for a, b in zip(runs[0], other, strict=True))
            assert [row.held_out for row in runs[0]] == [row.held_out for row in other]
            assert repr(runs[0]) == repr(other)


def test_impossible_held_out_data_are_minus_infinity():
    m = Model(1, Categorical(symbols=range(3)), random_state=0)
    (row,) = select(m, [[0, 1, 0], [0, 1, 1], [0, 2, 0]], criterion="cv", folds=3)
    assert row.held_out == -np.inf and np.isfinite(row.loglik) and "nan" not in repr(row)
    texts = ["abab", "abba", "abax"]  # a symbol that one fold alone shows is a symbol all the same
    plain, smooth = select([Model(1), Model(1, pseudocount=0.1)], texts, criterion="cv", folds=3)
    assert plain.held_out == -np.inf < smooth.held_out
    assert plain.model.emission == "auto"


def test_bad_searches():
    m = Model(2, Poisson())
    heads = Model(startprob=[1], transmat=[[1]], emission=Categorical([[1, 0]]))
    found = select(m, COUNTS, n_states=np.arange(1, 3))
    assert [row.name for row in found] == ["1 state, Poisson", "2 states, Poisson"]
    for call, error, told in [
        (lambda: select(COUNTS, m), TypeError, "must be a Model"),
        (lambda: select(m, COUNTS, n_states=2), TypeError, "n_states = 2 must be a list"),
        (lambda: select(m, COUNTS, emission=Poisson()), TypeError, "emission.*must be a list"),
        (lambda: select(m, COUNTS, emission="poisson"), TypeError, "emission.*must be a list"),
        (lambda: select([m], COUNTS, n_states=[2]), TypeError, "list of models is tried as it is"),
        (lambda: select([m, 3], COUNTS), TypeError, "must be a Model"),
        (lambda: select([], COUNTS), ValueError, "no model"),
        (lambda: select(m, COUNTS, n_states=[]), ValueError, "no model"),
        (lambda: select(m, COUNTS, n_states=[1.5]), TypeError, "n_states must be an integer, got 1.5"),
        (lambda: select(m, COUNTS, n_states=np.array(2)), TypeError, "n_states = .* must be a list"),
        (lambda: select(m, COUNTS, n_states=3), TypeError, r"n_states = 3 must be a list .* such as \[1, 2"),
        (lambda: select(m, COUNTS, n_states=[1, 0]), ValueError, "n_states = 0"),
        (lambda: select(m, COUNTS, criterion="loglik"), ValueError, "criterion"),
        (lambda: select(m, COUNTS, criterion="cv", folds=1), ValueError, "folds = 1"),
        (lambda: select(m, COUNTS[:6], criterion="cv"), ValueError, "too short for 5 blocks"),
        (lambda: select(m, COUNTS, n_jobs=0), ValueError, "n_jobs"),
        (lambda: select(m, COUNTS / 2), ValueError, "2 states, Poisson: X, step"),
        (lambda: select(m, COUNTS, ended=[True]), ValueError, "no model has ends"),
        (lambda: select(m, []), ValueError, "no steps"),
        (lambda: Model(2).bic(COUNTS), ValueError, "no parameters yet"),
        (lambda: heads.aic([1]), ValueError, "probability 0"),
    ]:
        with pytest.raises(error, match=told):
            call()
