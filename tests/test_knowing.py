"""What is known of states and ends: the forms it comes in, and answers known from elsewhere."""

import io

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracle import log_space
from shared import learnt, random_params, same_bits

from chmm import Categorical, ImpossibleError, Model, gathering, known, sequences

# Labels --------------------------------------------------------------------------------------------------------------

SENTENCES, TAGS = ["今天天气真不错", "浦东新区在下雨", "我是真的喜欢晴天"], ["BEBESBE", "BMMESBE", "SSBEBEBE"]


@pytest.mark.parametrize("gap", [None, np.nan])
def test_all_labels_are_counted_and_some_are_kept_to(gap):
    whole = Model(pseudocount=0.1).fit(SENTENCES, TAGS)
    by_lists = Model(pseudocount=0.1, states="BEMS").fit(SENTENCES, [list(y) for y in TAGS])
    assert all(map(same_bits, learnt(whole), learnt(by_lists)))
    y = [list(TAGS[0]), [gap] * 3 + list("ESBE"), None]
    m = Model(states="BMES", pseudocount=0.1).fit(SENTENCES, y)
    assert m.report_["labelled"] == 11
    assert len(m.history_) and (np.diff(m.history_) >= -1e-9).all()
    assert "".join(m.predict(SENTENCES[1], known=y[1]))[3:] == "ESBE"


def test_missing_labels_of_every_make():
    pd = pytest.importorskip("pandas")
    x = [0, 1, 1, 0, 2, 2]
    makes = [
        [0, None, 1, 1, None, 0], np.array([0, np.nan, 1, 1, np.nan, 0]), [0, pd.NA, 1, 1, np.nan, 0],
        pd.Series([0, None, 1, 1, None, 0], dtype="Int64"), pd.Series([0, None, 1, 1, None, 0]),
        np.ma.array([0, 9, 1, 1, 9, 0], mask=[0, 1, 0, 0, 1, 0]),
    ]  # fmt: skip
    first, *others = [Model(2, random_state=0).fit(x, y) for y in makes]
    for other in others:
        assert all(map(same_bits, learnt(first), learnt(other)))
    mask = np.eye(2, dtype=bool)[[0, 0, 1, 1, 0, 0]]
    mask[[1, 4]] = True
    assert first.score(x, known=makes[0]) == first.score(x, known=mask) == first.score(x, known=mask.astype(float))
    assert first.score(x, known=[None] * 6) == first.score(x)


def test_labels_that_do_not_occur_need_names():
    x = [0, 1, 1, 0, 2, 2]
    with pytest.raises(ValueError, match="n_states"):
        Model(3).fit(x, ["a", None, "b", "b", None, "a"])
    m = Model(states="abc", random_state=0).fit(x, ["a", None, "b", "b", None, "a"])
    assert m.n_states_ == 3
    with pytest.raises(ValueError, match=r"-1.*None"):
        Model(2).fit(x, [0, -1, 1, 1, -1, 0])
    with pytest.raises(ValueError, match=r"-1.*None"):
        Model(states=[0, 1]).fit(x, [0, -1, 1, 1, -1, 0])
    with pytest.raises(ValueError, match="n_states is not known"):
        Model().fit(x, [None] * 6)
    free, none = (Model(2, random_state=0).fit(x, y) for y in ([None] * 6, None))
    assert all(map(same_bits, learnt(free), learnt(none)))


@pytest.mark.parametrize("known, message", [
    (np.ones((6, 3)), "3 columns for 2 states"),
    (np.ones((5, 2)), r"known has shape \(5, 2\)"),
    (-np.ones((6, 2)), r"known\[0, 0\] = -1"),
    (np.array([[1, np.nan]] * 6), r"known\[0, 1\] = nan"),
    ([0, 1], "2 labels for 6 steps"),
    ([0, 1, 1, 7, 1, 1], "7 is not among the states"),
])  # fmt: skip
def test_what_cannot_be_known_is_refused(known, message):
    m = Model(startprob=[0.5, 0.5], transmat=np.full((2, 2), 0.5), emission=Categorical(np.full((2, 3), 1 / 3)))
    with pytest.raises(ValueError, match=message):
        m.predict([0, 1, 1, 0, 2, 2], known=known)
    with pytest.raises(ValueError, match="no ends"):
        m.predict([0, 1], ended=True)


# Ends ----------------------------------------------------------------------------------------------------------------

DAYS = [2, 3, 3, 2, 3, 2, 3, 2, 2, 3, 1, 3, 3, 1, 1, 1, 2, 1, 1, 1, 3, 1, 2, 1, 1, 1, 2, 3, 3, 2, 3, 2, 2]


def ice_cream(**options):
    return Model(
        startprob=[0.5, 0.5], transmat=[[8 / 9, 1 / 9], [1 / 9, 8 / 9]], endprob=[0.1, 0.1],
        emission=Categorical([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]], symbols=[1, 2, 3]), **options,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore::chmm.exceptions.ConvergenceWarning")
def test_ice_cream_with_a_stop():
    assert_allclose(ice_cream().score(DAYS), -41.53781782, atol=5e-9)
    m = ice_cream(max_iter=1, accelerate=False).fit(DAYS)
    assert_allclose(m.loglik_, -36.74229259, atol=5e-9)
    assert_allclose(m.endprob_, [0.0153, 0.0423], atol=5e-5)
    assert_allclose(m.emission_.probs, [[0.6765, 0.2188, 0.1047], [0.0584, 0.4251, 0.5165]], atol=5e-5)
    assert_allclose(ice_cream(max_iter=10, accelerate=False).fit(DAYS).loglik_, -35.33427245, atol=5e-9)


def test_ends_are_counted_where_labels_are_known():
    X, y = ["xyx", "yx", "xx"], ["aab", "ab", "ba"]
    m = Model(endprob=True).fit(X, y)
    assert_allclose(m.endprob_, [1 / 4, 2 / 3])  # a goes on 3 times and ends once; b once and twice
    assert_allclose(m.statistics_.end, [1, 2])
    assert_allclose(m.loglik_, m.score(X, y), atol=1e-12)
    cut = Model(endprob=True).fit(X, y, ended=[True, True, False])
    assert_allclose(cut.endprob_, [0, 2 / 3])
    assert_allclose(cut.loglik_, cut.score(X, y, ended=[True, True, False]), atol=1e-12)
    assert_allclose(Model(endprob=True, pseudocount=1).fit(X, y).endprob_, [2 / 6, 3 / 5])
    weighted = Model(endprob=True).fit(X, y, sample_weight=[1, 0, 2])
    assert_allclose(weighted.endprob_, [1 / 2, 1 / 3])
    with pytest.raises(ValueError, match=r"sequence 1, step 1: the sequence ends in 'b'.*final_states"):
        Model(endprob=True, final_states="a", states="ab").fit(X[1:], y[1:][::-1])


def test_sequences_are_drawn_to_their_ends():
    rng = np.random.default_rng(5)
    p = random_params(rng, 3, 2)
    e = np.array([0.2, 0.0, 0.5])
    m = p.model(endprob=e)
    X, states = m.sample(n_sequences=4000, random_state=1)
    lengths = np.array([len(x) for x in X])
    mean = p.startprob @ np.linalg.inv(np.eye(3) - (1 - e)[:, None] * p.transmat).sum(axis=1)
    assert abs(lengths.mean() - mean) < 6 * lengths.std() / np.sqrt(len(lengths))
    last = np.bincount([q[-1] for q in states], minlength=3)
    visits = np.bincount(np.concatenate(states), minlength=3)
    assert last[1] == 0
    assert_allclose(last / visits, e, atol=0.03)
    one = m.sample(random_state=1)
    assert len(one.X) == len(one.states) > 0
    assert m.sample(n_sequences=0).X == []
    fixed = m.sample(4, 200, random_state=0)
    assert {len(x) for x in fixed.X} == {4} and all(q[-1] != 1 for q in fixed.states)


def test_no_sequence_is_drawn_that_may_never_end():
    m = Model(startprob=[1, 0], transmat=[[0.5, 0.5], [0, 1]], endprob=[0.5, 0], emission=Categorical(np.eye(2)))
    with pytest.raises(ValueError, match="may come to 1, from where it never ends"):
        m.sample()
    with pytest.raises(ValueError, match="has no ends"):
        Model(startprob=[1, 0], transmat=np.eye(2), emission=Categorical(np.eye(2))).sample()
    with pytest.raises(AttributeError, match="has no ends"):
        _ = Model(startprob=[1, 0], transmat=np.eye(2), emission=Categorical(np.eye(2))).endprob_


def test_ends_are_saved_shown_and_added():
    X = ["xyx", "yx", "xx", "xyxyx"]
    m = Model(2, endprob=True, random_state=0).fit(X)
    m.save(file := io.BytesIO())
    again = Model.load(io.BytesIO(file.getvalue()))
    assert same_bits(again.endprob_, m.endprob_) and again.score(X) == m.score(X)
    assert ", end " in repr(m) and repr(again) == repr(m)
    with pytest.raises(ValueError):
        m.endprob_[0] = 1
    total = m.e_step(X[:2], "a") + m.e_step(X[2:], "b")
    assert_allclose(total.end, m.e_step(X).end)
    assert_allclose(m.m_step(total).endprob_, m.m_step(m.e_step(X)).endprob_)
    lone = Model(2, endprob=[0.25, 0.75], startprob=[0.5, 0.5], transmat=np.full((2, 2), 0.5), emission=m.emission_)
    lone.save(file := io.BytesIO())
    assert_array_equal(Model.load(io.BytesIO(file.getvalue())).endprob_, [0.25, 0.75])


@pytest.mark.parametrize("endprob, message", [
    ([0.5], r"endprob has shape \(1,\)"), ([0.5, 1.5], r"endprob\[1\] = 1.5"), ([0.5, np.nan], r"endprob\[1\] = nan"),
    ([0, 0], "no sequence would ever end"), ("half", "endprob"),
])  # fmt: skip
def test_an_end_is_a_probability(endprob, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Model(2, endprob=endprob).fit([0, 1, 1, 0])
    with pytest.raises(ValueError, match="not in final_states"):
        Model(2, endprob=[0.5, 0.5], final_states=[0]).fit([0, 1, 1, 0])


def test_weights_of_states_are_exact_where_scaled_numbers_fail():
    """Two states that cannot follow each other, and what is known is far from what the values say."""
    n_steps = 400
    told = np.where(np.arange(n_steps)[:, None] < 200, [1e3, 1.0], [1.0, 1e9])
    m = Model(startprob=[0.5, 0.5], transmat=np.eye(2), endprob=[0.1, 0.2], emission=Categorical([[0.5, 0.5]] * 2))
    x = np.zeros(n_steps, dtype=int)
    logs = np.log(0.5) + n_steps * np.log(0.5) + np.log(told).sum(axis=0)
    logs += (n_steps - 1) * np.log([0.9, 0.8]) + np.log([0.1, 0.2])
    assert_allclose(m.score(x, known=told), np.logaddexp(*logs), rtol=1e-12)
    assert_allclose(m.predict_proba(x, known=told)[0], np.exp(logs - np.logaddexp(*logs)), atol=1e-12)


@pytest.mark.parametrize("n", [2, 5, 12, 20, 70])
def test_long_sequences_of_every_size_of_model(n):
    """Against the oracle in log space: registers, tables and both ends take rows that are not of values alone."""
    rng = np.random.default_rng(n)
    e, n_steps = rng.random(n) * 0.1, 300
    p = random_params(rng, n, 6)
    m, x = p.model(endprob=e), rng.integers(0, 6, size=n_steps)
    mask = rng.random((n_steps, n)) < 0.8
    mask[:, 0] = True
    rows = p.rows(x) * mask
    rows[-1] *= e
    truth = log_space(p.startprob, (1 - e)[:, None] * p.transmat, rows)
    assert_allclose(m.score(x, known=mask), float(truth.loglik), rtol=1e-12)
    assert_allclose(m.predict_proba(x, known=mask), truth.gamma.astype(float), atol=1e-10)
    counts = m.e_step(x, known=mask)
    assert_allclose(counts.trans, truth.xi.sum(axis=0).astype(float), atol=1e-9)
    assert_allclose(counts.end, truth.gamma[-1].astype(float), atol=1e-10)


def test_weights_in_a_frame_go_by_the_names_of_its_columns():
    pd = pytest.importorskip("pandas")
    x, is_b = [0, 1, 1, 0, 2, 2], np.array([0, 1, 1, 0, 1, 1])
    frame = pd.DataFrame({"b": is_b, "a": 1 - is_b})
    m = Model(emission=Categorical()).fit(x, frame)  # which also names the states
    assert m.states_.tolist() == ["b", "a"] and m.emission_.probs[1].tolist() == [1, 0, 0]
    m = Model(states="ab", emission=Categorical(), pseudocount=0.1).fit([x, x], [frame, None])
    assert m.predict(x, known=frame).tolist() == ["b" if b else "a" for b in is_b]
    assert m.score(x, known=frame) == m.score(x, known=np.c_[1 - is_b, is_b])
    likelihoods = 0.1 + 0.7 * frame
    assert m.score(x, known=likelihoods) == m.score(x, known=likelihoods[["a", "b"]].to_numpy())
    parts = np.empty(2, dtype=object)  # an array of lists
    parts[:] = [["a", None, None, None, None, "b"], None]
    assert m.score([x, x], known=parts) == m.score([x, x], known=list(parts))
    both = [pd.concat([part, part], keys=["p", "q"]) for part in (pd.DataFrame({"x": x}), frame)]
    assert m.score(both[0], known=both[1]) == 2 * m.score(x, known=frame)
    with pytest.raises(ValueError, match=r"known has the columns \['c', 'a'\].*to_numpy"):
        m.predict(x, known=frame.rename(columns={"b": "c"}))
    with pytest.raises(ValueError, match=r"y\[1\] has the columns None, others have \['b', 'a'\]"):
        Model(states="ab").fit([x, x], [frame, frame.to_numpy()])


def test_labels_that_no_state_can_show_are_refused_before_anything_has_changed():
    given = {"startprob": [0.5, 0.5], "transmat": np.full((2, 2), 0.5), "emission": Categorical([[1, 0], [0.5, 0.5]])}
    fitted = Model(**given).partial_fit([[0, 0, 1]], [[0, 0, 1]])
    before = fitted.emission_.probs
    for y in ([0, 0, 0], [0, None, 0]):
        for learn in (Model(**given).fit, Model(**given).partial_fit, fitted.partial_fit):
            with pytest.raises(ImpossibleError, match=r"sequence 0, step 2.*symbol 1"):
                learn([[0, 0, 1]], [y])
    assert fitted.emission_.probs is before


def test_in_learning_labels_add_rows_by_states_and_not_by_values():
    rng = np.random.default_rng(0)
    x, path = rng.integers(0, 50, size=2000), rng.integers(0, 3, size=2000)
    y = np.where(rng.random(2000) < 0.5, np.nan, path)
    data = sequences.read(x)
    _, _, problem = gathering.prepared(Model(3, Categorical()), data, labels=known.read(y, data, "y"))
    assert problem.index.max() == 50 + 3
    assert problem.labelled.sum() == (~np.isnan(y)).sum()
