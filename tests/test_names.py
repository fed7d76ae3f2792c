"""Names of states: those of labels keep their type, those of Series and frames are followed, none is guessed."""

import copy
import enum
import io

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from chmm import (
    Bernoulli,
    Beta,
    Categorical,
    Exponential,
    Gamma,
    Gaussian,
    LogNormal,
    Model,
    Multinomial,
    NegativeBinomial,
    Poisson,
    StudentT,
    VonMises,
)

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")


def test_labels_that_are_bools_come_back_as_bools():
    x = np.array([0.1, 0.2, 5.1, 5.2, 0.1, 0.3])
    m = Model(emission=Gaussian()).fit(x, x > 1)
    assert m.states_.dtype == bool and x[m.predict(x)].tolist() == [5.1, 5.2]


@pytest.mark.parametrize(
    "labels, n_states, states",
    [
        ([0, 1, 2], None, [0, 1, 2]),
        ([1, 2, 3], None, [1, 2, 3]),
        ([1, 2, 3], 3, [1, 2, 3]),
        ([0, 2, 0], 4, [0, 1, 2, 3]),  # 0 ... N-1, though some do not occur
        ([5, 7, 5], 2, [5, 7]),
    ],
)
def test_names_that_labels_determine(labels, n_states, states):
    m = Model(n_states, Categorical()).fit([[0, 1, 1]], [labels])
    assert m.states_.tolist() == states
    assert set(m.predict([0, 1]).tolist()) <= set(states)


@pytest.mark.parametrize("labels, n_states", [([1, 2, 3], 4), ([1, 2, 2], 3), ([2, 3, 3], 4)])
def test_names_that_labels_do_not_determine_are_asked_for(labels, n_states):
    with pytest.raises(ValueError, match=r"do not tell which names.*states="):
        Model(n_states, Categorical()).fit([[0, 1, 1]], [labels])
    named = Model(n_states, Categorical(), states=range(1, n_states + 1)).fit([[0, 1, 1]], [labels])
    assert named.states_.tolist() == list(range(1, n_states + 1))


def test_minus_one_is_no_name_unless_it_is_said_to_be():
    with pytest.raises(ValueError, match=r"-1.*None.*states=\[-1, 0, 1\]"):
        Model(emission=Categorical()).fit([[0, 1, 1]], [[-1, 0, 1]])
    m = Model(emission=Categorical(), states=[-1, 0, 1]).fit([[0, 1, 1]], [[-1, 0, 1]])
    assert m.predict([0, 1]).tolist()[0] == -1


@pytest.mark.parametrize("y", [["N", "V"], [0, 1], [["N"], ["V"]], np.array(["N", "V"])], ids=str)
def test_one_label_for_a_whole_sequence_is_another_task(y):
    X = [[0, 1, 1], [1, 0]]
    with pytest.raises(ValueError, match=r"2 labels for 2 sequences.*\[label\] \* len\(x\)"):
        Model().fit(X, y)


def test_final_states_may_be_a_set():
    m = Model(states="BMES", final_states={"E", "S"}, pseudocount=1).fit(["abcd"], ["BESS"])
    assert m.decode("ab").path[-1] in "ES"


# -------------------------------------------------------------------------------------------------- Series and frames

A = [[0.9, 0.1], [0.3, 0.7]]  # from a, b to a, b
COINS = Categorical([[0.5, 0.5], [0.1, 0.9]])


def test_frames_go_by_their_names():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(A, index=["a", "b"], columns=["a", "b"])
    start = pd.Series([0.2, 0.8], index=["a", "b"])
    plain = Model(states="ab", startprob=[0.2, 0.8], transmat=A, emission=COINS)
    for options in (
        {"states": ["a", "b"], "transmat": frame.loc[["b", "a"], ["b", "a"]], "startprob": start[["b", "a"]]},
        {"states": ["a", "b"], "transmat": frame[["b", "a"]], "startprob": start},
        {"transmat": frame[["b", "a"]], "startprob": start},  # the names themselves are said by the first
        {"states": pd.Series(["a", "b"]), "transmat": pd.DataFrame(A), "startprob": pd.Series([0.2, 0.8])},
    ):
        m = Model(emission=COINS, **options)
        assert m.states_.tolist() == ["a", "b"]
        assert_array_equal(m.transmat_, plain.transmat_)
        assert_array_equal(m.startprob_, plain.startprob_)
        assert m.score([0, 1, 1]) == plain.score([0, 1, 1])


def test_frames_keep_their_names_in_files_and_in_another_order():
    pd = pytest.importorskip("pandas")
    kept = [[True, False], [True, True]]
    for states in (None, ["a", "b"]):
        model = Model(
            states=states, emission=COINS, startprob=pd.Series({"b": 0.9, "a": 0.1}),
            transmat=pd.DataFrame([[0.9, 0.1], [0.3, 0.7]], index=["b", "a"], columns=["b", "a"]),
            endprob=pd.Series({"b": 0.4, "a": 0.2}),
            frozen={"transmat": pd.DataFrame(kept, index=["b", "a"], columns=["b", "a"])},
            pseudocount={"transmat": pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], index=["b", "a"], columns=["b", "a"])},
        )  # fmt: skip
        model.save(file := io.BytesIO())
        loaded = Model.load(io.BytesIO(file.getvalue()))
        for other, same in ((loaded, model), (model.reorder([1, 0]), model.reorder([1, 0])), (model, model)):
            assert other.score([0, 1]) == model.score([0, 1])
            assert sorted(other.states_) == ["a", "b"] and other.states_.tolist() == same.states_.tolist()
            fitted = clone_and_fit(other)
            assert sorted(fitted.states_) == ["a", "b"] and fitted.states_.tolist() == other.states_.tolist()
            assert_allclose(fitted.loglik_, clone_and_fit(model).loglik_)


def clone_and_fit(model):
    return copy.deepcopy(model).fit([[0, 1, 1, 0], [1, 1, 0]])


def test_masks_and_pseudocounts_of_an_emission_refuse_names_of_states():
    pd = pytest.importorskip("pandas")
    counts = pd.DataFrame([[9.0, 0.0], [0.0, 9.0]], index=["b", "a"])
    mask = pd.Series({"b": True, "a": False})
    for wrong in (
        lambda: Model(states=["a", "b"], pseudocount={"emission": counts}).fit([[0, 1]], [["a", "b"]]),
        lambda: Categorical(pseudocount=counts),
        lambda: Gaussian([0, 5], [1, 1], frozen={"means": mask}),
    ):
        with pytest.raises(ValueError, match=r"\['b', 'a'\].*an emission does not know states by name"):
            wrong()


def test_frames_with_other_names_are_refused():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(A, index=["a", "c"], columns=["a", "c"])
    with pytest.raises(ValueError, match=r"transmat has the index \['a', 'c'\], the states are 'a', 'b'.*to_numpy"):
        Model(states="ab", startprob=[0.5, 0.5], transmat=frame, emission=COINS).score([0, 1])


# ------------------------------------------------------------------------------------------------- rounding and weights


@pytest.mark.parametrize("off", [-1e-18, -1e-9, -9e-7])
def test_an_entry_has_the_grace_of_a_sum(off):
    transmat = [[0.5, 0.5 - off, off], [0, 1, 0], [0, 0, 1]]
    m = Model(startprob=[1, off, -off], transmat=transmat, emission=Categorical(np.eye(3)))
    assert m.transmat_[0, 2] == 0 and m.startprob_[1] == 0
    assert_allclose(m.score([0, 0, 1]), np.log(0.25), rtol=1e-5)
    with pytest.raises(ValueError, match=r"transmat\[0, 2\] = -1e-05 is not a probability"):
        Model(startprob=[1, 0, 0], transmat=[[0.5, 0.50001, -1e-5], [0, 1, 0], [0, 0, 1]], emission=COINS).score([0])


@pytest.mark.parametrize("unit", [1 / 6000, 1e-3, 1.0, 1e6])
def test_the_unit_of_weights_does_not_matter(unit):
    rng = np.random.default_rng(0)
    X = [rng.normal(np.repeat([0, 2.0], 15)) for _ in range(20)]
    plain = Model(2, Gaussian(prior=0), random_state=0).fit(X)
    weighted = Model(2, Gaussian(prior=0), random_state=0).fit(X, sample_weight=np.full(20, unit))
    assert abs(weighted.n_iter_ - plain.n_iter_) <= 1
    assert_allclose(weighted.score(X), plain.score(X), atol=1e-3)


def test_steps_that_are_missing_do_not_loosen_the_tolerance():
    rng = np.random.default_rng(0)
    x = rng.normal(np.repeat([0, 2.0], 50))
    options = {"startprob": [0.5, 0.5], "transmat": [[0.5, 0.5], [0.5, 0.5]], "tol": 1e-2, "accelerate": False}
    m = Model(emission=Gaussian([0, 1], [1, 1], prior=0), **options).fit([x, np.full(5000, np.nan)])
    gains = np.diff(m.history_)
    assert m.converged_ and gains[:-1].min() > m.tol >= gains[-1]


def test_what_has_weight_0_is_not_there():
    X, far, options = [[0, 1, 1], [0, 0, 1]], [1, 0, 7], {"startprob": [1, 0], "transmat": [[0.5, 0.5], [0, 1]]}
    want = Model(emission=Categorical(), random_state=0, **options).fit(X)
    got = Model(emission=Categorical(), random_state=0, **options).fit([X[0], far, X[1]], sample_weight=[1, 0, 1])
    assert_array_equal(got.emission_.probs, want.emission_.probs)
    assert got.report_["n_sequences"] == 2 and list(got.emission_.symbols) == [0, 1]
    labels = [[0, 1, 1], [1, 0, 0], [0, 0, 1]]
    assert Model(**options).fit([X[0], far, X[1]], labels, sample_weight=[1, 0, 1]).statistics_.trans[1, 0] == 0
    given = Model(emission=Categorical([[1, 0], [0.3, 0.7]]), **options)
    with pytest.raises(ValueError, match="sequence 2, step 0"):  # errors name the sequence as it was passed
        given.fit([X[0], X[1], [1, 0]], sample_weight=[1, 0, 1])


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: Model(2, pseudocount=10**400).fit([[0, 1]]), "pseudocount"),
        (lambda: Model(2, tol=10**400).fit([[0, 1]]), "tol"),
        (lambda: Model(2).fit([[0, 1], [0]], sample_weight=[10**400, 1]), "sample_weight"),
        (lambda: Model(2, startprob=[10**400, 0]).fit([[0, 1]]), "startprob"),
        (lambda: Model(10**5000).fit([[0, 1]]), "n_states"),
        (lambda: Model(2, n_init=-(10**5000)).fit([[0, 1]]), "n_init"),
    ],
)
def test_numbers_beyond_all_floats_are_refused_by_name(call, name):
    with pytest.raises((ValueError, TypeError, MemoryError), match=name):
        call()


PRIORED = (Bernoulli, Beta, Exponential, Gamma, Gaussian, LogNormal, NegativeBinomial, Poisson, StudentT, VonMises)


@pytest.mark.parametrize("family", PRIORED)
@pytest.mark.parametrize("prior", [10**400, 1e308, -1, np.nan, np.inf, True, "1", None])
def test_a_prior_is_a_number_of_steps_whose_sums_do_not_overflow(family, prior):
    with pytest.raises((TypeError, ValueError), match=r"^prior .*number"):
        family(prior=prior)


def test_probabilities_of_marks_and_counts_have_the_grace_of_a_sum():
    assert Bernoulli([1 + 2e-16, -1e-18]).probs.ravel().tolist() == [1, 0]
    assert NegativeBinomial([2.0], [1 + 2e-16]).probs.ravel().tolist() == [1]
    assert Poisson([-1e-18]).rates.ravel().tolist() == [0]
    with pytest.raises(ValueError, match=r"probs\[1, 0\] = -0.01 must be >= 0"):
        Bernoulli([0.5, -0.01])


def test_frames_go_by_the_plain_names_of_enums():
    pd = pytest.importorskip("pandas")

    class Mood(enum.StrEnum):
        GOOD = "good"
        BAD = "bad"

    index = list(Mood)
    given = {
        "startprob": pd.Series([0.9, 0.1], index=index),
        "transmat": pd.DataFrame([[0.8, 0.2], [0.3, 0.7]], index=index, columns=index),
    }
    for more in ({}, {"states": ["bad", "good"]}):
        model = Model(emission=Gaussian([0.0, 1.0], [1.0, 1.0]), **given, **more)
        assert dict(zip(model.states_, model.startprob_, strict=True)) == {"good": 0.9, "bad": 0.1}


@pytest.mark.parametrize("family", [Poisson, Gaussian, Exponential, Bernoulli, Multinomial, Categorical])
def test_an_emission_refuses_names_of_states(family):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame([[0.9, 0.1], [0.2, 0.8]], index=["b", "a"])
    with pytest.raises(ValueError, match=r"rows \['b', 'a'\].*does not know states by name.*reset_index"):
        family(frame)
    assert family(frame.reset_index(drop=True)).n_states == 2


def test_a_frame_of_covariances_has_names_of_columns():
    pd = pytest.importorskip("pandas")
    tied = pd.DataFrame([[2.0, 0.5], [0.5, 1.0]], index=["x", "y"], columns=["x", "y"])
    assert_array_equal(Gaussian([[0, 0], [1, 1]], tied, covariance="tied").covariances, tied.to_numpy())


def test_weights_of_named_sequences_go_by_name():
    pd = pytest.importorskip("pandas")
    X = {"p": [0.1, 0.4, 3.2], "q": [5.0, 4.1, 0.3, 7.0]}
    model = Model(1, Gaussian(), random_state=0)
    want = model.fit(X["q"]).emission_.means
    for weight in ({"q": 1.0, "p": 0.0}, pd.Series({"q": 1.0, "p": 0.0}), [0.0, 1.0], pd.Series([0.0, 1.0])):
        assert_array_equal(model.fit(X, sample_weight=weight).emission_.means, want)
    for wrong in ({"q": 1.0}, {"q": 1.0, "r": 0.0}, pd.Series({"q": 1.0, "r": 0.0})):
        with pytest.raises(ValueError, match=r"sample_weight must have the keys of X, \('p', 'q'\)"):
            model.fit(X, sample_weight=wrong)
    with pytest.raises(TypeError, match="sample_weight must be an array of numbers"):
        model.fit([X["p"], X["q"]], sample_weight={0: 1.0, 1: 0.0})
