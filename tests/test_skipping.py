"""impossible="skip": impossible sequences are answered by None, and a fit leaves them out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from test_questions import assert_alike, gate

from chmm import Categorical, ImpossibleError, Model

X = ["aa", "ab", "a", "b", "aaa"]
QUESTIONS = {
    "predict": lambda m, X, **o: m.predict(X, **o),
    "by posteriors": lambda m, X, **o: m.predict(X, method="posterior", **o),
    "predict_proba": lambda m, X, **o: m.predict_proba(X, **o),
    "filter": lambda m, X, **o: m.predict_proba(X, lag=0, **o),
    "decode": lambda m, X, **o: m.decode(X, **o),
    "posteriors": lambda m, X, **o: m.posteriors(X, pairs=True, **o),
    "forward": lambda m, X, **o: m.forward(X, **o),
    "backward": lambda m, X, **o: m.backward(X, **o),
    "surprise": lambda m, X, **o: m.surprise(X, **o),
    "viterbi": lambda m, X, **o: m.viterbi(X, **o),
    "best_paths": lambda m, X, **o: m.best_paths(X, 1, **o),
    "segments": lambda m, X, **o: m.segments(X, **o),
    "sample_posterior": lambda m, X, **o: m.sample_posterior(X, 3, random_state=0, **o),
    "entropy": lambda m, X, **o: m.entropy(X, **o),
    "forecast": lambda m, X, **o: m.forecast(X, **o),
    "impute": lambda m, X, **o: m.impute(X, **o),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_impossible_sequences_are_answered_by_none(name):
    ask = QUESTIONS[name]
    with pytest.raises(ImpossibleError):
        ask(gate(), X)
    answers = ask(gate(), X, impossible="skip")
    assert [answer is None for answer in answers] == [False, True, False, True, False]
    mapped = ask(gate(), dict(zip("vwxyz", X)), impossible="skip")
    assert [mapped[key] is None for key in "vwxyz"] == [False, True, False, True, False]
    if name in ("predict", "predict_proba", "decode", "posteriors", "forward", "backward", "surprise", "filter"):
        for answer, alone in zip(answers[::2], X[::2]):
            assert_alike(answer, ask(gate(), alone))
            assert_alike(answer, ask(gate(), alone, impossible="skip"))
    assert ask(gate(), ["b", "ba"], impossible="skip") == [None, None]
    assert ask(gate(), "ab", impossible="skip") is None
    with pytest.raises(ValueError, match="X must be a list or dict of sequences, not one array with lengths="):
        ask(gate(), "aab", lengths=[2, 1], impossible="skip")
    with pytest.raises(ValueError, match="impossible = 'drop' must be one of 'raise', 'skip'"):
        ask(gate(), X, impossible="drop")


def test_what_goes_with_sequences_is_chosen_too():
    m = Model(startprob=[0.5, 0.5], transmat=[[0.5, 0.5], [0.5, 0.5]], endprob=[0.5, 0.5],
              emission=Categorical([[0.5, 0.5], [1, 0]], symbols="ab"))  # fmt: skip
    known = [[None, 1], [0, 1], [1, 1]]
    answers = m.predict_proba(["aa", "bb", "aa"], known=known, ended=[True, True, False], impossible="skip")
    assert answers[1] is None
    assert_allclose(answers[0], m.predict_proba("aa", known=known[0]))
    assert_allclose(answers[2], m.predict_proba("aa", known=known[2], ended=[False]))
    sure = m.path_proba(["aa", "bb"], [[None, 1], [0, 1]], impossible="skip")
    assert sure[1] == 0.0  # these labels cannot be, the values can
    assert gate().path_proba(["aa", "ab"], [[0, 0], [0, 0]], impossible="skip") == [1.0, None]


def test_each_sequence_has_its_score():
    m = gate()
    assert m.score_samples(X).tolist() == [0, -np.inf, 0, -np.inf, 0]
    assert m.score_samples("ab") == -np.inf and m.score_samples({"x": "aa"}) == {"x": 0.0}
    assert m.score_samples("aab", lengths=[2, 1]).tolist() == [0, -np.inf]
    assert m.score_samples([]).shape == (0,)
    coins = Categorical([[0.5, 0.5], [0.1, 0.9]])
    m = Model(startprob=[0.5, 0.5], transmat=[[0.9, 0.1], [0.2, 0.8]], emission=coins)
    sequences, states = [[0, 1, 1], [1], [0, 0]], [[0, 0, 1], [1], [0, 1]]
    assert_allclose(m.score_samples(sequences).sum(), m.score(sequences))
    assert_allclose(m.score_samples(sequences, known=states).sum(), m.score(sequences, states))


def test_a_fit_leaves_them_out_and_counts_them():
    given = {"startprob": [1, 0], "transmat": [[0.5, 0.5], [0, 1]], "random_state": 0, "max_iter": 5}
    emission = Categorical([[1, 0], [0.5, 0.5]], symbols="ab")
    rest = ["aab", "ab", "aabb"]
    with pytest.raises(ImpossibleError):
        Model(**given, emission=emission).fit([*rest[:2], "ba", rest[2]])
    with pytest.warns(UserWarning, match="max_iter"):
        m = Model(**given, emission=emission)
        m.fit([*rest[:2], "ba", rest[2]], impossible="skip", sample_weight=[1, 2, 3, 4])
        want = Model(**given, emission=emission).fit(rest, sample_weight=[1, 2, 4])
    assert_array_equal(m.transmat_, want.transmat_)
    assert m.report_["impossible_sequences"] == 1 and m.report_["n_sequences"] == 3
    assert "1 sequence was impossible and left out." in str(m.report_)
    assert "impossible_sequences" not in want.report_
    with pytest.raises(ValueError, match="all sequences are impossible"):
        Model(**given, emission=emission).fit(["ba", "bb"], impossible="skip")
    with pytest.raises(ValueError, match="impossible = 'drop'"):
        Model(**given, emission=emission).fit(rest, impossible="drop")


def test_what_each_value_says():
    m = gate()
    with np.errstate(divide="ignore"):
        wanted = np.log([[1, 0.5], [0, 0.5]])
    assert_array_equal(m.emission_log_likelihood("ab"), wanted)
    assert [part.shape for part in m.emission_log_likelihood(["ab", "a"])] == [(2, 2), (1, 2)]
    assert m.emission_log_likelihood("aba", lengths=[2, 1]).shape == (3, 2)
    words = Categorical([[1, 0], [0.5, 0.5]], symbols=["a", "bb"])
    ends = Model(startprob=[1, 0], transmat=np.eye(2), emission=words, final_states=[0])
    assert_array_equal(ends.emission_log_likelihood(["a", None]), [[0, np.log(0.5)], [0, 0]])
