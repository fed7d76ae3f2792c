"""Question x option: whatever is said of states, ends, data, parameters and families, alone and in random combinations,
every question gives the answer of all paths added up, or refuses in words, as the table of docs/knowing.md tells."""

import copy
import inspect
import io
import math
import re
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracle import enumerate_paths, joint
from shared import assert_plausible, random_params, same_bits

from chmm import (
    Categorical,
    Exponential,
    Gaussian,
    ImpossibleError,
    Mixture,
    Model,
    PerState,
    Poisson,
    Tied,
    ZeroInflated,
    sequences,
)

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

KNOWN = ("labels", "some labels", "mask", "likelihoods")
FAMILIES = ("Tied", "ZeroInflated", "Mixture", "PerState")
CHAIN = ("final_states", "endprob", "ended", "stationary", "frozen", "topology", "pseudocount", "zeros")
OPTIONS = (*KNOWN, *CHAIN, "missing", "sample_weight", "viterbi", *FAMILIES)


# A small model, what is said of it, and its likelihoods by hand -----------------------------------------------------


class Case:
    """A random model under the options `said`, sequences, and what all their paths say."""

    def __init__(self, said, seed):
        rng, self.said = np.random.default_rng(seed), said
        self.n = n = int(rng.integers(2 if "stationary" in said else 1, 5))
        self.lengths = rng.integers(1, 5, size=rng.integers(2, 4))
        self.lengths[0] += 1  # several sequences of one step each would be taken for a slip
        self.bounds, n_steps = np.append(0, np.cumsum(self.lengths)), int(self.lengths.sum())
        self.options = options = {"states": range(n)}
        self.asked, self.weight, self.end = {"known": None, "ended": None}, np.ones(len(self.lengths)), None
        self.chain(rng)
        emission, values, rows = self.family(rng, n_steps)
        options["emission"] = emission
        gone = rng.random(n_steps) < (0.3 if "missing" in said else 0.0)
        gone[0] = False
        self.X = self.parts([None if g else v for g, v in zip(gone, values)])
        self.rows = self.parts(np.where(gone[:, None], 1.0, rows))
        if "ended" in said:
            self.asked["ended"] = (rng.random(len(self.lengths)) < 0.5).tolist()
        self.weights = [np.ones_like(rows) for rows in self.rows]
        for kind in KNOWN:
            if kind in said:
                self.know(kind, rng)
        if "sample_weight" in said:
            self.weight = rng.choice([0.0, 0.5, 3.0], size=len(self.lengths))
            self.weight[0] = 2.0
        if "viterbi" in said:
            options["training"] = "viterbi"
        self.model = Model(**options)
        self.ended = np.array(self.asked["ended"] or [self.end is not None] * len(self.lengths))
        self.paths = [
            enumerate_paths(self.start, self.moves, rows * known, self.end if e else None)
            for rows, known, e in zip(self.rows, self.weights, self.ended)
        ]
        self.probs = np.array([path.prob for path in self.paths])

    def __repr__(self):
        return f"Case({self.said})"

    def started(self):
        """A model that is ready to learn; a sequence of weight 0 is left out."""
        there = np.flatnonzero(self.weight)
        X, known, ended = (part and [part[s] for s in there] for part in (self.X, *self.asked.values()))
        return Model(**self.options).start(X, y=known, ended=ended)

    def parts(self, values):
        return [values[a:b] for a, b in pairwise(self.bounds)]

    def chain(self, rng):
        n, said, options = self.n, self.said, self.options
        p = random_params(rng, n, 4, zeros=0.3 if "zeros" in said else 0.0)
        start, a, ahead = p.startprob, p.transmat, np.arange(n) - np.arange(n)[:, None]
        if "stationary" in said:
            a = 0.9 * a + 0.1 * (ahead % n == 1)  # every state can be reached
        if "topology" in said:
            name = "cyclic" if "stationary" in said else str(rng.choice(["left-right", "linear", "bakis", "cyclic"]))
            far = {"left-right": n, "linear": 1, "bakis": 2, "cyclic": 1}[name]
            may = ahead % n <= 1 if name == "cyclic" else (ahead >= 0) & (ahead <= far)
            a = np.where(may, a + 0.1, 0.0)
            a /= a.sum(axis=1, keepdims=True)
            options["topology"] = name
            if name != "cyclic" and rng.random() < 0.5:
                start = np.eye(n)[0]
        options["transmat"] = self.transmat = a
        if "stationary" in said:
            system = np.vstack([a.T - np.eye(n), np.ones(n)])
            start = np.linalg.lstsq(system, np.append(np.zeros(n), 1), rcond=None)[0]
            options["startprob"] = "stationary"
        elif "topology" not in options or options["topology"] == "cyclic" or (start != np.eye(n)[0]).any():
            options["startprob"] = start
        self.start, self.probs_of_symbols = start, p.probs
        if "final_states" in said:
            final = rng.random(n) < 0.6
            final[rng.integers(n)] = True
            options["final_states"], self.end = np.flatnonzero(final).tolist(), final.astype(float)
        if "endprob" in said:
            self.end = rng.uniform(0.2, 0.9, n) * (1.0 if self.end is None else self.end)
            options["endprob"] = self.end
        self.moves = a if "endprob" not in said else (1 - self.end)[:, None] * a
        self.frozen = {name: np.zeros(shape, dtype=bool) for name, shape in self.shapes().items()}
        if "frozen" in said:
            self.frozen["transmat"] = rng.random((n, n)) < 0.4
            if "endprob" in said:
                self.frozen["endprob"] = rng.random(n) < 0.4
            if isinstance(options.get("startprob"), np.ndarray) and rng.random() < 0.5:
                self.frozen["startprob"] = np.ones(n, dtype=bool)
            options["frozen"] = {name: mask for name, mask in self.frozen.items() if mask.any()}
        self.pseudo = {name: np.zeros(shape) for name, shape in self.shapes().items()}
        if "pseudocount" in said:
            self.pseudo = {name: rng.random(shape) for name, shape in self.shapes().items()}
            options["pseudocount"] = {**self.pseudo, "emission": 0.3}

    def shapes(self):
        n = self.n
        return {"startprob": (n,), "transmat": (n, n)} | ({"endprob": (n,)} if "endprob" in self.said else {})

    def family(self, rng, n_steps):
        """(emission, values, their likelihoods (n_steps, n))."""
        n, said, b = self.n, self.said, self.probs_of_symbols
        x = rng.integers(0, 4, size=n_steps)
        if "Tied" in said:
            groups = np.arange(n) // 2
            return Tied(Categorical(b[: groups[-1] + 1]), groups), x.tolist(), b[groups].T[x]
        if "ZeroInflated" in said:
            rates, zeros = rng.uniform(0.5, 4, n), rng.uniform(0.1, 0.8, n)
            own = np.exp(-rates) * rates ** x[:, None] / np.array([math.factorial(k) for k in x])[:, None]
            return ZeroInflated(Poisson(rates), zeros), x.tolist(), zeros * (x == 0)[:, None] + (1 - zeros) * own
        means, rates, y = rng.normal(size=n), rng.uniform(0.5, 2, n), rng.normal(size=n_steps)
        bell = np.exp(-((y[:, None] - means) ** 2) / 2) / np.sqrt(2 * np.pi)
        decay = np.where(y[:, None] >= 0, rates * np.exp(-rates * np.maximum(y, 0)[:, None]), 0.0)
        if "Mixture" in said:
            share = rng.dirichlet([1, 1], size=n)
            held = Gaussian(means, np.ones(n), frozen=("means", "covariances"))
            mixed = Mixture([held, Exponential(rates)], weights=share)
            return mixed, y.tolist(), share[:, 0] * bell + share[:, 1] * decay
        if "PerState" in said:
            even = np.arange(n) % 2 == 0
            members = [Gaussian([m], [1]) if e else Exponential([r]) for e, m, r in zip(even, means, rates)]
            return PerState(members), y.tolist(), np.where(even, bell, decay)
        return Categorical(b), x.tolist(), b.T[x]

    def know(self, kind, rng):
        """Something about the states that leaves a path that was possible."""
        told = []
        for s, rows in enumerate(self.rows):
            ended = self.asked["ended"] is None or self.asked["ended"][s]
            p = joint(self.start, self.moves, rows)
            p = p * self.end if self.end is not None and ended else p
            p = p + (p.sum() == 0)
            path = np.array(np.unravel_index(rng.choice(p.size, p=(p / p.sum()).ravel()), p.shape))
            if "labels" in kind:
                free = rng.random(len(path)) < (0.5 if kind == "some labels" else 0.0)
                free[:1] |= kind == "some labels" and s == 0
                weights = np.where(free[:, None], 1.0, np.eye(self.n)[path])
                told.append([None if f else int(q) for f, q in zip(free, path)])
                told[-1] = None if s and free.all() else told[-1]
            else:
                weights = rng.random((len(path), self.n))
                weights = (weights < 0.6).astype(float) if kind == "mask" else weights * 10.0 ** rng.integers(-3, 4)
                weights[np.arange(len(path)), path] = 1.0
                told.append(weights > 0 if kind == "mask" else weights.copy())
                if kind == "likelihoods":
                    free = rng.random(len(path)) < 0.3
                    told[-1][free], weights[free] = np.nan, 1.0
            self.weights[s] = self.weights[s] * weights
        self.asked["known"] = told

    def counts(self):
        """Expected counts, or those of the best paths: start, trans, end, and the weights of all steps."""
        start, trans, end, weights = np.zeros(self.n), np.zeros((self.n, self.n)), np.zeros(self.n), []
        for w, ended, truth in zip(self.weight, self.ended, self.paths):
            gamma, xi = (truth.gamma, truth.xi) if w else (np.zeros_like(truth.gamma), np.zeros_like(truth.xi))
            if "viterbi" in self.said:
                gamma = np.eye(self.n)[truth.path]
                xi = gamma[:-1, :, None] * gamma[1:, None, :]
            start, trans, end = start + w * gamma[0], trans + w * xi.sum(axis=0), end + w * ended * gamma[-1]
            weights.append(w * gamma)
        return start, trans, end, np.concatenate(weights)

    def objective(self):
        """Of the given parameters."""
        kind = "path_prob" if "viterbi" in self.said else "prob"
        total = sum(w * np.log(getattr(t, kind)) for t, w in zip(self.paths, self.weight) if w)
        tables = {"startprob": self.start, "transmat": self.transmat, "endprob": self.end}
        for name, pseudo in self.pseudo.items():
            halves = [tables[name]] if name != "endprob" else [self.end, 1 - self.end]
            for p in halves:
                some = (p > 0) & ~self.frozen[name]
                if name == "startprob" and "stationary" in self.said:
                    some = p > 0
                total += (pseudo[some] * np.log(p[some])).sum()
        return total


def shared_out(counts, pseudo, old, held):
    """The M-step of rows: zeros and what is held stay, the others share the rest by count + pseudocount."""
    mass = np.where((old > 0) & ~held, counts + pseudo, 0.0)
    total, room = mass.sum(axis=-1, keepdims=True), 1 - np.where(held, old, 0.0).sum(axis=-1, keepdims=True)
    return np.where(held | (total == 0), old, room * mass / np.where(total > 0, total, 1.0))


# The questions: each compares its answer with the paths -------------------------------------------------------------


def score(case):
    with np.errstate(divide="ignore"):
        want = np.log(case.probs).sum()
    found = case.model.score(case.X, **case.asked)
    assert_allclose(found, want, rtol=1e-11, atol=1e-11)
    assert case.model.score(case.X, case.asked["known"], ended=case.asked["ended"]) == found


def predict(case):
    for path, (best, log_prob), t in zip(
        case.model.predict(case.X, **case.asked), case.model.decode(case.X, **case.asked), case.paths, strict=True
    ):
        assert_array_equal(path, best)
        assert_allclose(log_prob, np.log(t.path_prob), atol=1e-11)
        assert_allclose(t.joint[tuple(path)], t.path_prob, rtol=1e-12)


def posteriors(case):
    answers = case.model.posteriors(case.X, pairs=True, **case.asked)
    for gamma, (same, xi, loglik), t in zip(
        case.model.predict_proba(case.X, **case.asked), answers, case.paths, strict=True
    ):
        assert_allclose(gamma, t.gamma, atol=1e-12)
        assert_allclose(same, t.gamma, atol=1e-12)
        assert_allclose(xi, t.xi, atol=1e-12)
        assert_allclose(loglik, np.log(t.prob), atol=1e-11)


def recursions(case):
    m, X, asked = case.model, case.X, case.asked
    scaled, plain = (zip(m.forward(X, **o), m.backward(X, **o)) for o in (asked, {**asked, "scaled": False}))
    for (alpha, beta), (a, b), t in zip(scaled, plain, case.paths, strict=True):
        assert_allclose(alpha.alpha, t.alpha / t.alpha.sum(axis=1, keepdims=True), atol=1e-12)
        assert_allclose(alpha.log_scale.sum(), np.log(t.prob), atol=1e-11)
        seen = t.alpha > 0
        assert_allclose((alpha.alpha * beta.beta)[seen], t.gamma[seen], atol=1e-12)
        assert_allclose(a.alpha, t.alpha, rtol=1e-11)
        assert_allclose(b.beta, t.beta, rtol=1e-11)


def criteria(case):
    aic, bic = (criterion(case.X, **case.asked) for criterion in (case.model.aic, case.model.bic))
    loglik = np.log(case.probs).sum()
    k, n_observed = (aic + 2 * loglik) / 2, sum(value is not None for value in chain(*case.X))
    assert_allclose(k, round(k), atol=1e-9)
    assert_allclose(bic, k * np.log(n_observed) - 2 * loglik, atol=1e-9)


def gradient(case):
    slope, vector = case.model.gradient(case.X, **case.asked), case.model.to_vector()
    for i in range(0, len(vector), 1 + len(vector) // 4):
        step = 1e-6 * (np.arange(len(vector)) == i)
        up, down = (case.model.with_vector(v).score(case.X, **case.asked) for v in (vector + step, vector - step))
        assert_allclose(slope[i], (up - down) / 2e-6, rtol=1e-4, atol=1e-4)


def learnt_well(case, model):
    """One step of EM from the given parameters, or counting."""
    start, trans, end, weights = case.counts()
    if "stationary" in case.said:
        assert_allclose(model.startprob_ @ model.transmat_, model.startprob_, atol=1e-13)
        assert_array_equal(model.transmat_[case.transmat == 0], 0)
    else:
        want = shared_out(start, case.pseudo["startprob"], case.start, case.frozen["startprob"])
        assert_allclose(model.startprob_, want, atol=1e-10)
        want = shared_out(trans, case.pseudo["transmat"], case.transmat, case.frozen["transmat"])
        assert_allclose(model.transmat_, want, atol=1e-10)
    if "endprob" in case.said:
        both = np.stack([end, trans.sum(axis=1)], axis=1)
        old, held = np.stack([case.end, 1 - case.end], axis=1), case.frozen["endprob"][:, None]
        want = shared_out(both, case.pseudo["endprob"][:, None], old, held)
        assert_allclose(model.endprob_, want[:, 0], atol=1e-10)
    kept(case, model)
    emission = copy.deepcopy(case.started().emission_)
    seen = emission.check(sequences.read(case.X))
    total = np.zeros((len(seen.distinct) + 1, case.n))
    np.add.at(total, seen.index, weights)
    emission.update(emission.statistics(seen.distinct, total[:-1]))
    if model.n_iter_ or emission.max_inner_iter == 1:  # counting goes on to the maximum
        rows = (e.log_likelihood(seen.distinct) for e in (model.emission_, emission))
        assert_allclose(*rows, rtol=1e-9, atol=1e-11)


def kept(case, model):
    """What is frozen stays to the bit, and zeros stay."""
    for name, given in (("transmat", case.transmat), ("startprob", case.start), ("endprob", case.end)):
        if name in case.frozen:
            now = getattr(model, name + "_")
            assert same_bits(now[case.frozen[name]], given[case.frozen[name]])
            assert not now[given == 0].any()
    if "Mixture" in case.said:
        means = [m.components[0].means for m in (case.options["emission"], model.emission_)]
        assert same_bits(*means)


def fit(case):
    told = {"ended": case.asked["ended"], "sample_weight": case.weight}
    model = Model(**case.options, max_iter=1, accelerate=False).fit(case.X, case.asked["known"], **told)
    learnt_well(case, model)
    assert model.n_iter_ or case.said & {"labels", "mask"}
    if not model.n_iter_:  # all is labelled
        ended = [None if told["ended"] is None else [e] for e in case.ended]
        each = zip(case.weight, case.X, case.asked["known"], ended)
        logliks = [w * model.score([x], [y], ended=e) for w, x, y, e in each if w]
        assert_allclose(model.loglik_, sum(logliks), rtol=1e-9, atol=1e-9)
    else:
        prior = case.started().emission_.log_prior()
        assert_allclose(model.history_, case.objective() + prior, rtol=1e-9, atol=1e-9)


def partial_fit(case):
    told = {"ended": case.asked["ended"], "sample_weight": case.weight}
    model = Model(**case.options).partial_fit(case.X, case.asked["known"], **told)
    learnt_well(case, model)
    kept(case, model.partial_fit(case.X, case.asked["known"], **told))


def by_hand(case):
    told = {"sample_weight": case.weight, **case.asked}
    model = case.started()
    counts = model.e_step(case.X, **told)
    start, trans, end, weights = case.counts()
    assert_allclose(counts.start, start, atol=1e-12)
    assert_allclose(counts.trans, trans, atol=1e-12)
    assert counts.end is None if "endprob" not in case.said else np.allclose(counts.end, end, atol=1e-12)
    if "ended" not in case.said and counts.end is not None:
        assert_allclose(counts.trans.sum(axis=1) + counts.end, weights.sum(axis=0), atol=1e-12)
    learnt_well(case, model.m_step(counts))


def sample(case):
    truth = enumerate_paths(case.start, case.moves, np.ones((3, case.n)), case.end)
    if not truth.prob:
        with pytest.raises(ValueError, match="no path of 3 steps"):
            case.model.sample(3)
        return
    states = np.array(case.model.sample(3, 500, random_state=0).states)
    assert_plausible((states[..., None] == np.arange(case.n)).sum(axis=0), np.minimum(truth.gamma, 1))


def sample_to_the_end(case):
    if "endprob" not in case.said:
        with pytest.raises(ValueError, match="has no ends"):
            case.model.sample()
        return
    reach = np.linalg.matrix_power(np.eye(case.n) + case.moves, case.n) > 0
    comes = case.start @ reach > 0
    if (comes & ~(reach @ (case.end > 0))).any():
        with pytest.raises(ValueError, match="never ends"):
            case.model.sample()
        return
    lengths = np.array(list(map(len, case.model.sample(n_sequences=300, random_state=0).states)))
    on = np.ix_(comes, comes)
    mean = case.start[comes] @ np.linalg.inv(np.eye(comes.sum()) - case.moves[on]).sum(axis=1)
    assert abs(lengths.mean() - mean) <= 6 * lengths.std() / np.sqrt(300) + 1e-9


def stationary_distribution(case):
    values = np.linalg.eigvals(case.transmat)
    if (abs(values - 1) < 1e-9).sum() > 1:
        with pytest.raises(ValueError, match="not unique"):
            case.model.stationary_distribution()
        return
    p = case.model.stationary_distribution()
    assert_allclose([p.sum(), *(p @ case.transmat)], [1, *p], atol=1e-12)


def save_and_load(case):
    case.model.save(file := io.BytesIO())
    again = Model.load(io.BytesIO(file.getvalue()))
    assert again.score(case.X, **case.asked) == case.model.score(case.X, **case.asked)
    told = {"y": case.asked["known"], "ended": case.asked["ended"], "sample_weight": case.weight}
    both = [m.set_params(max_iter=2).fit(case.X, **told) for m in (again, Model(**case.options))]
    for name in ("startprob_", "transmat_", *(["endprob_"] if "endprob" in case.said else [])):
        assert same_bits(*(getattr(m, name) for m in both))
    assert both[0].score(case.X) == both[1].score(case.X) or not case.probs.all()


QUESTIONS = {
    "score": score, "predict, decode": predict, "predict_proba, posteriors": posteriors,
    "forward, backward": recursions, "aic, bic": criteria, "gradient": gradient, "fit": fit, "partial_fit": partial_fit,
    "start, e_step, m_step": by_hand, "sample(n_steps)": sample, "sample()": sample_to_the_end,
    "stationary_distribution": stationary_distribution, "save, load": save_and_load,
}  # fmt: skip
OF_SEQUENCES = (score, predict, posteriors, recursions, criteria, gradient, fit, partial_fit, by_hand)
LEARN = (fit, partial_fit, by_hand, save_and_load)


def ask(question, case):
    """The answer is right; what is impossible is said to be."""
    if "viterbi" in case.said and question in LEARN and any(t.tied for t in case.paths):
        return  # either of two best paths may be counted
    counted = case.probs[case.weight > 0] if question in LEARN else case.probs
    if question not in (*OF_SEQUENCES, save_and_load) or question is score or counted.all():
        question(case)
    else:
        with pytest.raises(ImpossibleError if question not in LEARN else ValueError):
            question(case)


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
@pytest.mark.parametrize("option", OPTIONS)
def test_every_cell_of_the_table(option, question):
    said = {option} | ({"endprob"} if option == "ended" else set())
    for seed in range(4):
        ask(question, Case(said, seed))


def combinations(rng):
    """At most one family and one form of what is known; a stationary start has no ends."""
    while True:
        said = {option for option in OPTIONS if rng.random() < 0.35}
        if len(said & set(FAMILIES)) > 1 or len(said & set(KNOWN)) > 1:
            continue
        if ("ended" in said and not said & {"endprob", "final_states"}) or {"stationary", "endprob"} <= said:
            continue
        return said


@pytest.mark.parametrize("block", range(10))
def test_options_in_random_combinations(block, fuzz):
    rng = np.random.default_rng([block, fuzz.seed])
    for _ in range(fuzz.rounds(8)):
        case = Case(combinations(rng), int(rng.integers(2**31)))
        for question in QUESTIONS.values():
            ask(question, case)


@pytest.mark.parametrize("block", range(10))
def test_laws_of_em_in_random_combinations(block, fuzz):
    rng = np.random.default_rng([block, fuzz.seed, 1])
    for _ in range(fuzz.rounds(12)):
        case = Case(combinations(rng), int(rng.integers(2**31)))
        if not case.probs.all():
            continue
        known, ended = case.asked["known"], case.asked["ended"]
        told = {"ended": ended, "sample_weight": case.weight}
        model = Model(**case.options, max_iter=8, accelerate=bool(rng.integers(2))).fit(case.X, known, **told)
        assert np.diff(model.history_).min(initial=0) >= -1e-9 * max(1, np.abs(model.history_).max(initial=0))
        kept(case, model)
        assert_allclose(model.transmat_.sum(axis=1), 1, rtol=1e-12)
        there = np.flatnonzero(case.weight)  # the others may have become impossible
        X, known, ended = (part and [part[s] for s in there] for part in (case.X, known, ended))
        asked = {"known": known, "ended": ended}
        gammas = model.predict_proba(X, **asked)
        counts = Model(**{**case.options, "training": "baum-welch"})._with(model._fit).e_step(X, **asked)
        went_on = np.ones(len(X)) if counts.end is None else ~case.ended[there]
        last = sum(gamma[-1] * w for gamma, w in zip(gammas, went_on)) + (0 if counts.end is None else counts.end)
        assert_allclose(counts.trans.sum(axis=1) + last, sum(gamma.sum(axis=0) for gamma in gammas), atol=1e-10)
        for labels, gamma in zip(known or [], gammas):
            if isinstance(labels, list):
                assert all(q is None or row[q] > 1 - 1e-12 for q, row in zip(labels, gamma))

        if model.n_iter_:  # if not all was labelled
            hand, told = case.started(), {**told, "sample_weight": case.weight}
            for _ in range(2):
                hand = hand.m_step(hand.e_step(case.X, **case.asked, sample_weight=case.weight))
            plain = Model(**case.options, max_iter=2, tol=0, accelerate=False).fit(case.X, case.asked["known"], **told)
            assert_allclose(hand.transmat_, plain.transmat_, rtol=1e-9, atol=1e-13)
            assert_allclose(hand.history_, plain.history_, rtol=1e-9, atol=1e-9)
            if not case.said & {"pseudocount", *FAMILIES}:  # priors count once beside all batches
                batch = case.X, case.asked["known"]
                twice = Model(**case.options).partial_fit(*batch, **told).partial_fit(*batch, step=1, **told)
                assert_allclose(twice.transmat_, plain.transmat_, rtol=1e-9, atol=1e-13)
                assert_allclose(twice.emission_.probs, plain.emission_.probs, rtol=1e-9, atol=1e-13)


def test_the_form_of_the_data_makes_no_difference():
    rng = np.random.default_rng(7)
    for _ in range(40):
        case = Case(combinations(rng), int(rng.integers(2**31)))
        m, keys, (known, ended) = case.model, "abc"[: len(case.X)], case.asked.values()
        if not case.probs.all():
            continue
        gammas = m.predict_proba(case.X, **case.asked)
        by_key = [None if part is None else dict(zip(keys, part)) for part in (case.X, known, ended)]
        for key, gamma in m.predict_proba(by_key[0], known=by_key[1], ended=by_key[2]).items():
            assert_array_equal(gamma, gammas[keys.index(key)])
        for s, gamma in enumerate(gammas):
            alone = [None if part is None else part[s] for part in (known, ended)]
            assert_array_equal(m.predict_proba(case.X[s], known=alone[0], ended=alone[1]), gamma)
        if known is not None:
            whole = [[None] * t if part is None else part for part, t in zip(known, case.lengths)]
            known = np.concatenate(whole) if np.ndim(whole[0]) == 2 else list(chain(*whole))
        flat = m.predict_proba(list(chain(*case.X)), known=known, ended=ended, lengths=case.lengths)
        assert_array_equal(flat, np.concatenate(gammas))


def test_the_table_of_the_page():
    """It has every question, and tells which take no such argument; what excludes each other is refused in words."""
    page = (Path(__file__).parent.parent / "docs" / "knowing.md").read_text(encoding="utf-8")
    head, _, *rows = [line for line in page.split("## Question × option")[1].splitlines() if line.startswith("|")]
    told = {row.split("|")[1].strip().replace("`", ""): [cell.strip() for cell in row.split("|")[2:-1]] for row in rows}
    assert told.keys() >= QUESTIONS.keys()
    columns = [set(re.findall(r"`(\w+)`", cell)) for cell in head.split("|")[2:-1]]
    for question, cells in told.items():
        methods = [getattr(Model, name) for name in re.findall(r"(\w+)(?:\(\w*\))?", question) if hasattr(Model, name)]
        has = set().union(*(inspect.signature(method).parameters for method in methods))
        for names, cell in zip(columns, cells, strict=True):
            if names & {"known", "ended", "sample_weight"}:
                assert (cell == "—") == (not names & has), (question, names)
    for options, words in [
        ({"endprob": True}, "give one of them"), ({"frozen": "startprob"}, "freeze transmat"),
        ({"topology": "linear"}, "cannot be reached"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=words):
            Model(2, startprob="stationary", **options).fit([0, 1, 1, 0])
    case = Case({"final_states"}, 0)
    with pytest.raises(ValueError, match="mean the same"):
        case.model.score(case.X, case.X, known=case.X)
