"""What is known of states and ends: every question under every option, against every path enumerated."""

import inspect
import io
import re
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracle import enumerate_paths, log_space
from refusals import BALLS
from shared import learnt, random_params, same_bits

from chmm import Categorical, Gaussian, Model
from chmm.exceptions import ImpossibleError

KNOWN = ("nothing", "labels", "some labels", "a mask", "likelihoods")
ENDS = ("none", "final_states", "endprob", "endprob and final_states")
FAMILIES = ("symbols", "numbers")


class Case:
    """A small random model with sequences, and what is known of them."""

    def __init__(self, seed, known, ends, family, cut, zeros=0.3):
        rng = self.rng = np.random.default_rng(seed)
        self.n = n = int(rng.integers(1, 5))
        self.lengths = rng.integers(1, 5, size=rng.integers(2, 4))
        self.lengths[0] += 1  # several sequences of one step each would be taken for a slip
        p = random_params(rng, n, 3, zeros=zeros)
        options = {"states": range(n), "startprob": p.startprob, "transmat": p.transmat}
        self.end = None
        if "final" in ends:
            final = rng.random(n) < 0.6
            final[rng.integers(n)] = True
            options["final_states"] = np.flatnonzero(final).tolist()
            self.end = final.astype(float)
        if "endprob" in ends:
            e = rng.random(n) * (1.0 if self.end is None else self.end)
            e[rng.integers(n)] *= 0.0 if e.astype(bool).sum() > 1 and rng.random() < 0.3 else 1.0
            options["endprob"] = self.end = e
        self.moves = p.transmat if "endprob" not in options else (1 - self.end)[:, None] * p.transmat
        steps = int(self.lengths.sum())
        if family == "symbols":
            x = rng.integers(0, 3, size=steps)
            gone = rng.random(steps) < 0.2
            self.values = [None if g else int(v) for v, g in zip(x, gone)]
            self.rows = np.where(gone[:, None], 1.0, p.probs.T[x])
            options["emission"] = Categorical(p.probs)
        else:
            means, x = rng.normal(size=n), rng.normal(size=steps)
            x[rng.random(steps) < 0.2] = np.nan
            self.values = x
            density = np.exp(-((x[:, None] - means) ** 2) / 2) / np.sqrt(2 * np.pi)
            self.rows = np.where(np.isnan(x)[:, None], 1.0, density)
            options["emission"] = Gaussian(means, np.ones(n), prior=0, frozen=("means", "covariances"))
        self.options, self.bounds = options, np.append(0, np.cumsum(self.lengths))
        self.model = Model(**options)
        path = rng.integers(0, n, size=steps)
        self.weights = np.ones((steps, n))
        self.known = None
        if "labels" in known:
            free = rng.random(steps) < (0.5 if known == "some labels" else 0.0)
            self.weights = np.where(free[:, None], 1.0, np.eye(n)[path])
            self.known = self.parts([None if f else int(q) for q, f in zip(path, free)])
            if known == "some labels" and free[: self.lengths[0]].all():
                self.known[0] = None
        elif known == "a mask":
            mask = rng.random((steps, n)) < 0.7
            mask[np.arange(steps), path] = True
            self.weights, self.known = mask.astype(float), self.parts(mask)
        elif known == "likelihoods":
            self.weights = rng.random((steps, n)) * 10.0 ** rng.integers(-3, 4, size=(steps, 1))
            told = self.weights.copy()
            free = rng.random(steps) < 0.2
            self.weights[free], told[free] = 1.0, np.nan
            self.known = self.parts(told)
        self.ended = rng.random(len(self.lengths)) < 0.5 if cut and self.end is not None else None
        self.X = self.parts(self.values)
        self.asked = {"known": self.known, "ended": self.ended}

    def parts(self, values):
        return [values[a:b] for a, b in pairwise(self.bounds)]

    def truth(self):
        """What enumeration says of each sequence."""
        found = []
        for s, rows in enumerate(self.parts(self.rows * self.weights)):
            ended = self.ended is None or self.ended[s]
            found.append(enumerate_paths(self.options["startprob"], self.moves, rows, self.end if ended else None))
        return found


def cases(start=0, n=4, **options):
    """All combinations of options, n times each."""
    kinds = product(KNOWN, ENDS, FAMILIES, (False, True))
    return [Case(start + 1000 * k + j, *kind, **options) for k, kind in enumerate(kinds) for j in range(n)]


def test_every_question_agrees_with_enumeration_under_every_option():
    possible = 0
    for case in cases():
        m, X, asked, truth = case.model, case.X, case.asked, case.truth()
        probs = np.array([t.prob for t in truth])
        with np.errstate(divide="ignore"):
            assert_allclose(m.score(X, **asked), np.log(probs).sum(), rtol=1e-11, atol=1e-11)
        assert m.score(X, case.known, ended=case.ended) == m.score(X, **asked)
        if not probs.all():
            for question in (m.predict, m.decode, m.predict_proba, m.posteriors, m.forward, m.backward, m.e_step):
                with pytest.raises(ImpossibleError):
                    question(X, **asked)
            continue
        possible += 1
        for t, path, best in zip(truth, m.predict(X, **asked), m.decode(X, **asked), strict=True):
            assert_allclose(best.log_prob, np.log(t.path_prob), atol=1e-11)
            assert_array_equal(best.path, path)
        gammas = m.predict_proba(X, **asked)
        posteriors = m.posteriors(X, pairs=True, **asked)
        forward, backward = m.forward(X, **asked), m.backward(X, **asked)
        plain = m.forward(X, scaled=False, **asked), m.backward(X, scaled=False, **asked)
        for s, t in enumerate(truth):
            assert_allclose(gammas[s], t.gamma, atol=1e-12)
            assert_allclose(posteriors[s].gamma, t.gamma, atol=1e-12)
            assert_allclose(posteriors[s].xi, t.xi, atol=1e-12)
            assert_allclose(posteriors[s].loglik, np.log(t.prob), atol=1e-11)
            assert_allclose(forward[s].alpha, t.alpha / t.alpha.sum(axis=1, keepdims=True), atol=1e-12)
            assert_allclose(forward[s].log_scale.sum(), np.log(t.prob), atol=1e-11)
            seen = t.alpha > 0
            assert_allclose((forward[s].alpha * backward[s].beta)[seen], t.gamma[seen], atol=1e-12)
            assert_allclose(plain[0][s].alpha, t.alpha, rtol=1e-11)
            assert_allclose(plain[1][s].beta, t.beta, rtol=1e-11)
        counts = m.e_step(X, **asked)
        assert_allclose(counts.start, sum(t.gamma[0] for t in truth), atol=1e-12)
        assert_allclose(counts.trans, sum(t.xi.sum(axis=0) for t in truth), atol=1e-12)
        if "endprob" not in case.options:
            assert counts.end is None
        elif case.ended is None:
            assert_allclose(counts.end, sum(t.gamma[-1] for t in truth), atol=1e-12)
            leaving = sum(t.gamma.sum(axis=0) for t in truth)  # each step goes on or ends
            assert_allclose(counts.trans.sum(axis=1) + counts.end, leaving, atol=1e-12)
        else:
            assert_allclose(counts.end, sum(e * t.gamma[-1] for e, t in zip(case.ended, truth)), atol=1e-12)
    assert possible > 130


def test_the_form_of_the_data_makes_no_difference():
    for case in cases(7, 1, zeros=0.0):
        if case.end is not None and 0 in case.end:
            continue
        m, keys = case.model, "abc"[: len(case.X)]
        told = case.known if case.known is None else dict(zip(keys, case.known))
        ended = None if case.ended is None else dict(zip(keys, case.ended))
        if case.known is not None:
            case.known[0] = [None] * len(case.X[0]) if case.known[0] is None else case.known[0]
        array = None if case.known is None else (
            np.concatenate(case.known) if np.ndim(case.known[0]) == 2 else [q for part in case.known for q in part]
        )  # fmt: skip
        gammas = m.predict_proba(case.X, **case.asked)
        by_key = m.predict_proba(dict(zip(keys, case.X)), known=told, ended=ended)
        in_a_row = m.predict_proba(case.values, known=array, lengths=case.lengths, ended=case.ended)
        for s, key in enumerate(keys):
            assert_array_equal(by_key[key], gammas[s])
            alone = None if case.known is None else case.known[s]
            end = None if case.ended is None else case.ended[s]
            assert_array_equal(m.predict_proba(case.X[s], known=alone, ended=end), gammas[s])
        assert_array_equal(in_a_row, np.concatenate(gammas))


@pytest.mark.filterwarnings("ignore::chmm.exceptions.ConvergenceWarning")
def test_em_never_falls_and_keeps_zeros_and_labels():
    fitted = 0
    for case in cases(11, 3):
        y = case.known
        for options in ({"max_iter": 25}, {"max_iter": 3, "accelerate": False, "pseudocount": 0.3}):
            model = Model(**case.options, **options)
            try:
                model.fit(case.X, y, ended=case.ended)
            except ValueError as error:
                assert isinstance(error, ImpossibleError) or "probability of 0" in str(error) or "ends in" in str(error)
                continue
            fitted += 1
            gains = np.diff(model.history_)
            assert (gains >= -1e-9 * np.maximum(1, np.abs(model.history_[:-1]))).all()
            for name in ("startprob", "transmat"):
                assert not getattr(model, name + "_")[case.options[name] == 0].any()
            if "endprob" in case.options:
                assert not model.endprob_[case.options["endprob"] == 0].any()
                assert ((model.endprob_ >= 0) & (model.endprob_ <= 1)).all()
            assert_allclose(model.transmat_.sum(axis=1), 1)
            if isinstance(y and y[-1], list) and model.loglik_ > -np.inf:
                for part, gamma in zip(y, model.predict_proba(case.X, known=y, ended=case.ended), strict=True):
                    for q, row in zip(part or [], gamma):
                        assert q is None or row[q] > 1 - 1e-15
    assert fitted > 150


@pytest.mark.filterwarnings("ignore::chmm.exceptions.ConvergenceWarning")
def test_one_step_of_em_is_the_texts_formula():
    for case in cases(13, 2, zeros=0.0):
        if case.known is not None and all(isinstance(part, list) and None not in part for part in case.known):
            continue  # counted
        truth = case.truth()
        if not all(t.prob for t in truth):
            continue
        m = Model(**case.options, max_iter=1, accelerate=False).fit(case.X, case.known, ended=case.ended)
        assert_allclose(m.history_, np.log([t.prob for t in truth]).sum(), atol=1e-9)
        trans = sum(t.xi.sum(axis=0) for t in truth)
        total = trans.sum(axis=1, keepdims=True)
        want = np.where(total > 0, trans / np.where(total > 0, total, 1), case.options["transmat"])
        assert_allclose(m.transmat_, want, atol=1e-9)
        if "endprob" in case.options:
            ended = np.ones(len(truth)) if case.ended is None else case.ended
            ends = sum(e * t.gamma[-1] for e, t in zip(ended, truth))
            visits = ends + total[:, 0]
            want = np.where(visits > 0, ends / np.where(visits > 0, visits, 1), case.options["endprob"])
            assert_allclose(m.endprob_, want, atol=1e-9)


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
    with pytest.raises(ValueError, match="knows no ends"):
        Model(startprob=[1, 0], transmat=np.eye(2), emission=Categorical(np.eye(2))).sample()
    with pytest.raises(AttributeError, match="knows no ends"):
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


# The table question x option ---------------------------------------------------------------------------------------

PAGE = Path(__file__).parent.parent / "docs" / "knowing.md"


def test_the_table_of_the_page_has_a_row_for_every_question():
    """Answers are checked above, by enumeration; what the table refuses is refused here."""
    table = PAGE.read_text(encoding="utf-8").split("## Question × option")[1]
    questions = "".join(line.split("|")[1] for line in table.splitlines() if "|" in line)
    told = set(re.findall(r"`(\w+)(?:\(.*?\))?`", questions))
    methods = {name: value for name, value in vars(Model).items() if callable(value) and not name.startswith("_")}
    asked = {name for name, value in methods.items() if {"X", "sample"} & set(inspect.signature(value).parameters)}
    assert asked - {"survey", "align"} <= told - {"known", "y"}
    m = ice_cream()
    for name in ("sample", "stationary_distribution"):
        for option in ("known", "ended"):
            with pytest.raises(TypeError, match=option):
                getattr(m, name)(**{option: None})
    for name in asked - {"survey", "start", "fit", "partial_fit", "align"}:
        assert {"known", "ended"} <= set(inspect.signature(getattr(m, name)).parameters)
    final = Model(**BALLS, final_states=[0], emission=Categorical(np.full((3, 2), 0.5)))
    with pytest.raises(ValueError, match="endprob"):
        final.sample()
    with pytest.raises(ValueError, match="two words"):
        m.score(DAYS, DAYS, known=DAYS)
    assert_allclose(m.stationary_distribution(), [0.5, 0.5])
    started = Model(2, endprob=True, random_state=0).start(DAYS, ended=False)
    assert_array_equal(started.endprob_, [0.5, 0.5])
    assert Model(states=["a", "b"]).start(DAYS, y=["a", "b"] + [None] * 31).startprob_[0] > 0.7
