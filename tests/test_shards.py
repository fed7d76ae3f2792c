"""EM one step at a time, over data in any number of pieces: it is plain EM, and it refuses what does not belong."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from shared import learnt, random_params

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
    Statistics,
    StudentT,
    VonMises,
)

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


def normal(rng, t):
    return rng.normal(np.repeat([-1.0, 2.0], [t // 2, t - t // 2]), 1.0)


def counts(rng, t):
    return rng.poisson(np.repeat([2.0, 9.0], [t // 2, t - t // 2]))


def columns(rng, t):
    return np.column_stack([normal(rng, t), normal(rng, t)])


FAMILIES = {
    "Categorical": (Categorical, lambda rng, t: rng.integers(0, 5, t)),
    "symbols of the data": (lambda: "auto", lambda rng, t: "".join(rng.choice(list("abcd"), t))),
    "Gaussian": (Gaussian, normal),
    "Gaussian of two columns": (lambda: Gaussian(covariance="full"), columns),
    "Gaussian far from 0": (Gaussian, lambda rng, t: 1e6 + normal(rng, t)),
    "StudentT": (StudentT, normal),
    "Poisson": (Poisson, counts),
    "NegativeBinomial": (NegativeBinomial, counts),
    "Gamma": (Gamma, lambda rng, t: rng.gamma(np.repeat([1.0, 9.0], [t // 2, t - t // 2]))),
    "Exponential": (Exponential, lambda rng, t: rng.exponential(1.0, t)),
    "LogNormal": (LogNormal, lambda rng, t: np.exp(normal(rng, t))),
    "Beta": (Beta, lambda rng, t: rng.beta(2.0, 3.0, t)),
    "Bernoulli": (Bernoulli, lambda rng, t: rng.integers(0, 2, (t, 3))),
    "Multinomial": (Multinomial, lambda rng, t: rng.multinomial(6, [0.2, 0.3, 0.5], t)),
    "VonMises": (VonMises, lambda rng, t: rng.vonmises(np.repeat([-1.0, 1.0], [t // 2, t - t // 2]), 3.0)),
    "Mixture": (lambda: Mixture(Gaussian(), 2), normal),
    "Product": (lambda: Product(Gaussian(), Gamma()), lambda rng, t: np.abs(columns(rng, t)) + 0.1),
    "PerState": (lambda: PerState([Gaussian(), StudentT()]), normal),
}  # fmt: skip
every_family = pytest.mark.parametrize("family, draw", FAMILIES.values(), ids=FAMILIES)


def em(model, shards, n_steps):
    for _ in range(n_steps):
        model = model.m_step(sum(model.e_step(x, shard=k) for k, x in enumerate(shards)))
    return model


@every_family
def test_em_over_shards_is_plain_em(family, draw):
    rng = np.random.default_rng(5)
    X = [draw(rng, int(t)) for t in rng.integers(8, 30, size=9)]
    plainly = {"n_init": 1, "max_iter": 4, "tol": 0, "accelerate": False, "state_order": None}
    model = Model(2, family(), random_state=3, pseudocount=0.1, **plainly)
    plain = model.fit(X)
    for cut in ([X], [X[:1], X[1:]], [X[:3], X[3:4], X[4:]]):
        survey = sum(model.survey(shard) for shard in cut)
        by_hand = em(model.start(X, survey), cut, 4)
        assert_allclose(by_hand.history_, plain.history_[:4], rtol=1e-9)
        assert_allclose(by_hand.transmat_, plain.transmat_, rtol=1e-6, atol=1e-12)
        assert_allclose(by_hand.score(X), plain.score(X), rtol=1e-9)


def test_a_model_with_given_parameters_takes_a_step():
    params, X = random_params(np.random.default_rng(0), 3, 4), [[0, 1, 2, 3, 1], [2, 2, 0]]
    one = params.model(max_iter=1, pseudocount=0.2).fit(X)
    with pytest.raises(ValueError, match="call start first"):
        params.model().m_step(params.model().e_step(X))
    model = params.model(pseudocount=0.2).start(X)
    by_hand = model.m_step(model.e_step(X))
    for mine, theirs in zip(learnt(by_hand), learnt(one)):
        assert_allclose(mine, theirs, rtol=1e-12)
    assert by_hand.n_iter_ == 1 and not by_hand.converged_


def test_given_zeros_and_final_states_hold_in_steps_by_hand():
    X = [[0, 1, 1], [0, 0, 1]]
    options = {"startprob": [1, 0], "transmat": [[0.5, 0.5], [0, 1]], "states": "ab", "final_states": "b"}
    plain = {"n_init": 1, "max_iter": 3, "tol": 0, "accelerate": False}
    model = Model(emission=Categorical(), random_state=0, pseudocount=1, **plain, **options)
    by_hand = em(model.start(X), [X[:1], X[1:]], 3)
    assert by_hand.transmat_[1, 0] == by_hand.startprob_[1] == 0
    assert_allclose(by_hand.transmat_, model.fit(X).transmat_, rtol=1e-10)
    assert by_hand.decode([0, 1]).path[-1] == "b"


def test_weights_of_sequences_count_in_steps_by_hand():
    params, X = random_params(np.random.default_rng(1), 2, 3), [[0, 1, 2], [2, 2, 0, 1]]
    weighted = params.model().e_step(X, sample_weight=[1, 3])
    summed = sum(params.model().e_step([X[k]]) for k in (0, 1, 1, 1))
    assert_allclose(weighted.trans, summed.trans, rtol=1e-12)
    assert_allclose(weighted.loglik, summed.loglik, rtol=1e-12)
    without = params.model().e_step([*X, [9, 9]], sample_weight=[1, 3, 0])  # weight 0 is not there
    assert_allclose(without.trans, weighted.trans, rtol=1e-12)


def test_a_start_leaves_the_model_as_it_was():
    model = Model(2, Categorical(), random_state=0)
    started = model.start([[0, 1, 0, 1, 1]])
    assert started is not model and not hasattr(model, "transmat_") and len(started.history_) == 0
    before = started.transmat_
    started.m_step(started.e_step([[0, 1, 0, 1, 1]]))
    assert started.transmat_ is before


# ---------------------------------------------------------------------------------------------- what does not belong


def started(seed=0, family=Gaussian):
    x = normal(np.random.default_rng(0), 40)
    return Model(2, family(), random_state=seed).start(x), x


def test_statistics_of_other_parameters_do_not_add_and_make_no_step():
    (one, x), (other, _) = started(0), started(1)
    with pytest.raises(ValueError, match="different parameters"):
        one.e_step(x) + other.e_step(x)
    with pytest.raises(ValueError, match="other parameters"):
        one.m_step(other.e_step(x))
    later = one.m_step(one.e_step(x))
    with pytest.raises(ValueError, match="other parameters"):
        later.m_step(one.e_step(x))


def test_statistics_of_another_survey_do_not_add():
    model, x = Model(2, Gaussian(), random_state=0), normal(np.random.default_rng(0), 40)
    given = Gaussian(np.array([[0.0], [1.0]]), np.ones((2, 1)))
    mine = Model(2, given, startprob=[0.5, 0.5], transmat=np.full((2, 2), 0.5))
    one, other = mine.start(x, model.survey(x)), mine.start(x, model.survey(3 * x))
    assert one.emission_.spread != other.emission_.spread  # of the prior; all parameters are given
    with pytest.raises(ValueError, match="different parameters or surveys"):
        one.e_step(x) + other.e_step(x)


def test_no_shard_counts_twice():
    model, x = started()
    one, two = model.e_step(x, shard="monday"), model.e_step(x, shard="tuesday")
    assert (one + two).shards == {"monday", "tuesday"}
    with pytest.raises(ValueError, match="'monday' is in both"):
        (one + two) + one
    unnamed = model.e_step(x)
    assert (unnamed + unnamed).n_steps == 80


def test_statistics_travel():
    model, x = started()
    there = pickle.loads(pickle.dumps(model)).e_step(x, shard=1)
    total = pickle.loads(pickle.dumps(there)) + model.e_step(x, shard=2)
    assert model.m_step(total).n_iter_ == 1
    assert isinstance(total, Statistics) and total.shards == {1, 2}


def test_surveys_of_two_families_do_not_add():
    x = np.abs(normal(np.random.default_rng(0), 20)) + 0.1
    with pytest.raises(ValueError, match="two families, Gaussian and Gamma"):
        Model(2, Gaussian()).survey(x) + Model(2, Gamma()).survey(x)
    with pytest.raises(ValueError, match=r"survey is of Gamma.*Gaussian"):
        Model(2, Gaussian()).start(x, Model(2, Gamma()).survey(x))


def test_a_plain_fit_computes_no_digest():
    model = Model(2, Gaussian(), random_state=0, max_iter=3).fit(normal(np.random.default_rng(0), 40))
    assert "text" not in vars(model.statistics_.digest)


def test_what_is_no_survey_and_no_statistics_is_refused_by_name():
    model, x = started()
    new = Model(2, Gaussian(), random_state=0)
    with pytest.raises(TypeError, match=r"survey = 3 must be a Survey.*survey\(X\)"):
        new.start(x, 3)
    for wrong in (3, None, {}, new.survey(x)):
        with pytest.raises(TypeError, match=r"statistics = .* must be Statistics.*e_step"):
            model.m_step(wrong)
    with pytest.raises(TypeError, match=r"shard = \[1\] must be a name"):
        model.e_step(x, shard=[1])
    with pytest.raises(TypeError, match="unsupported operand"):
        new.survey(x) + 3


def test_surveys_of_other_columns_do_not_belong():
    new, x = Model(2, Gaussian(), random_state=0), started()[1]
    one, two = new.survey(x), new.survey(np.column_stack([x, x]))
    with pytest.raises(ValueError, match="surveys are of data with 1 and 2 columns"):
        one + two
    with pytest.raises(ValueError, match="survey is of data with 2 columns, sample has 1"):
        new.start(x, two)
