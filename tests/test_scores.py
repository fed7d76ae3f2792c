"""Scores against every path, and another program's tables."""

import math
import pickle
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from chmm import ImpossibleError, Scores

TABLES = {
    "start": {"noun": 2, "verb": -1},
    "transitions": {"noun": {"verb": 3, "noun": 1}, "verb": {"noun": 1}, "stop": {}},
    "emission": {"noun": {"fish": 2, "swim": 0}, "verb": {"swim": 2, "fish": 1}, "stop": {".": 1}},
}


def every_path(tables, codes, unknown):
    """{path: score}, by enumeration; a code of None is missing, -1 unknown."""
    start, trans, emit, end = tables

    def seen(q, o):
        return 0.0 if o is None else unknown if o < 0 else emit[q, o]

    return {
        q: math.fsum([start[q[0]], end[q[-1]], *(trans[a, b] for a, b in zip(q, q[1:])), *(map(seen, q, codes))])
        for q in product(range(len(start)), repeat=len(codes))
    }


@pytest.mark.parametrize("seed", range(60))
def test_the_best_of_all_paths(seed):
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    tables = [rng.normal(0, 10.0 ** rng.integers(0, 4), shape) for shape in ((n,), (n, n), (n, m), (n,))]
    for table in tables:
        table[rng.random(table.shape) < 0.25] = -np.inf
    default = rng.choice([-np.inf, -7.5, -3e100])
    scores = Scores(*tables, default=default)
    X, sure = [], []
    for length in (1, 2, 5):
        codes = [
            None if rng.random() < 0.1 else -1 if rng.random() < 0.1 else int(rng.integers(m)) for _ in range(length)
        ]
        paths = every_path(tables, codes, default)
        best = max(paths.values())
        x = [99 if code == -1 else code for code in codes]
        some = max(paths, key=paths.get)
        assert_allclose(scores.path_score(x, list(some)) if None not in x[:1] else best, best, rtol=1e-14)
        if best == -np.inf:
            with pytest.raises(ImpossibleError, match="step"):
                scores.predict(x)
            continue
        path, score = scores.decode(x)
        assert_allclose(score, best, rtol=1e-12)
        assert_allclose(paths[tuple(path.tolist())], best, rtol=1e-12)
        X.append(x)
        sure.append(path)
    for path, (again, _) in zip(sure, scores.decode(X), strict=True):
        assert_array_equal(path, again)


def test_names_dead_ends_and_defaults():
    tagger = Scores(**TABLES)
    path, score = tagger.decode(["fish", "swim", "fish"])
    assert path.tolist() == ["noun", "verb", "noun"] and score == 12
    with pytest.raises(ImpossibleError, match="sequence 1, step 0: every path has the score -inf"):
        tagger.predict([["fish", "fish"], ["."]])
    after = Scores(**{**TABLES, "transitions": {**TABLES["transitions"], "noun": {"stop": 0, "noun": 1}}})
    assert after.predict(["fish", "."]).tolist() == ["noun", "stop"]
    with pytest.raises(ImpossibleError, match="step 2"):  # a dead end goes nowhere
        after.predict(["fish", ".", "fish"])
    kind = Scores(**TABLES, default=-3e100)
    assert kind.predict(["fish", "zebra", "fish"]).tolist() == ["noun", "verb", "noun"]  # the unknown says nothing
    assert kind.predict(["fish", None, "fish"]).tolist() == ["noun", "verb", "noun"]


def test_one_or_many_and_the_scores_of_paths():
    tagger = Scores(**TABLES, end={"noun": 0, "verb": -1})
    assert tagger.path_score(["fish", "swim"], ["noun", "noun"]) == 5
    assert tagger.path_score({"a": ["fish"], "b": []}, {"a": ["verb"], "b": []}) == {"a": -1.0, "b": 0.0}
    assert tagger.path_score(["fish", "swim", "fish"], ["noun", "noun", "verb"], lengths=[2, 1]) == [5.0, -1.0]
    assert tagger.path_score(["fish", "swim"], ["verb", "verb"]) == -np.inf
    assert [a.tolist() for a in tagger.predict([["fish"], ["swim", "fish"]])] == [["noun"], ["noun", "noun"]]
    assert tagger.predict(["fish", "swim"], lengths=[1, 1]).tolist() == ["noun", "noun"]
    assert tagger.predict([]) == [] and tagger.decode({"a": []})["a"].log_prob == 0
    for words, y in (("a state", ["noun", "adverb"]), ("1 states for 2", ["noun"]), ("a state", ["noun", []])):
        with pytest.raises(ValueError, match=words):
            tagger.path_score(["fish", "swim"], y)


def test_frames_are_mappings():
    pd = pytest.importorskip("pandas")
    frames = {k: pd.DataFrame(TABLES[k]).T for k in ("transitions", "emission")} | {"start": pd.Series(TABLES["start"])}
    frames = {name: table.fillna(-np.inf) for name, table in frames.items()}
    path, score = Scores(**frames).decode(["fish", "swim", "fish"])
    assert path.tolist() == ["noun", "verb", "noun"] and score == 12


def test_states_may_have_any_name():
    names = [("B", "x"), ("S", None), 3]
    moves = {a: {b: i + 2 * j for j, b in enumerate(names)} for i, a in enumerate(names)}
    scores = Scores(dict.fromkeys(names, 0), moves,
                    {name: {"a": k} for k, name in enumerate(names)})  # fmt: skip
    path, score = scores.decode("aaa")
    assert path.tolist() == [3, 3, 3] and score == 18
    assert scores.path_score("aa", [("B", "x"), ("S", None)]) == 3
    assert pickle.loads(pickle.dumps(scores)).predict("aaa").tolist() == [3, 3, 3]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": {"noun": np.nan}}, r"start\['noun'\] = nan: a score is"),
        ({"start": {"noun": 1e300}}, r"start\['noun'\] = 1e\+300: a score is"),
        ({"emission": {"noun": {"fish": np.inf}}}, r"emission\['noun'\]\['fish'\] = inf"),
        ({"emission": {"noun": {"fish": "much"}}}, r"emission\['noun'\] must be an array of numbers"),
        ({"emission": {"noun": 3, "verb": {"swim": 1}}}, r"emission\['noun'\] is 3; it must be a mapping"),
        ({"emission": {"noun": {"fish": 1, 2: 3}}}, "symbols mixes"),
        ({"states": ["noun", "verb"]}, "names 'stop', which is not among"),
        ({"states": ["noun", "noun"]}, "each once"),
        ({"start": [1, 2]}, r"start has shape \(2,\); it must be 3"),
        ({"default": np.nan}, "default = nan"),
        ({"default": [1, 2]}, r"default has shape \(2,\); it must be one number"),
        ({"start": {"noun": [1, 2]}}, r"start = .* must hold one number for each name"),
        ({"transitions": None}, r"transitions has shape \(\); it must be a mapping, or an array with 2 axes"),
        ({"emission": 3}, r"emission has shape \(\); it must be a mapping, or an array with 2 axes"),
        ({"states": 3}, "states = 3 must be a list of names"),
        ({"states": [["noun"], "verb"]}, "must hold the names of the states, each once"),
    ],
)
def test_tables_that_are_wrong_are_named(options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        Scores(**{**TABLES, **options})


def test_paths_that_do_not_fit_are_named():
    scores = Scores(**TABLES)
    words = ["fish", "swim", "fish"]
    for X, y, options, told in [
        (words, None, {}, "y holds None, a NoneType"),
        (words, {"noun", "verb"}, {}, "a set"),
        ([words, words], [["noun"] * 3, 5], {}, "y holds 5, an int"),
        (words, ["noun"] * 4, {"lengths": [3]}, "y holds 4 states for 3 steps"),
        ({"a": words}, {"b": ["noun"] * 3}, {}, "keys of X"),
    ]:
        with pytest.raises((TypeError, ValueError), match=told):
            scores.path_score(X, y, **options)


def test_the_256_states_of_another_programs_tagger():
    tables = [pytest.importorskip(f"jieba.posseg.prob_{name}").P for name in ("start", "trans", "emit")]
    from jieba.posseg.char_state_tab import P as states
    from jieba.posseg.viterbi import viterbi

    scores = Scores(*tables, default=-3.14e100)
    assert len(scores.states) == 256 and len(scores.symbols) > 6000
    rng = np.random.default_rng(0)
    texts = ["我来到北京清华大学", "小明硕士毕业于中国科学院计算所", "真是喜欢在下雨天里出门", "他来到了网易杭研大厦"]
    texts += ["".join(rng.choice(list("".join(texts)), n)) for n in range(1, 30)]
    likely = 0
    for text, (path, score) in zip(texts, scores.decode(texts), strict=True):
        theirs, route = viterbi(text, states, *tables)
        if theirs > -1e99:  # beyond, their sums have lost what tells paths apart
            likely += 1
            assert_allclose(score, theirs, rtol=1e-12)
            assert path.tolist() == route
        assert score >= theirs - 1e-9 * abs(theirs)
        assert scores.path_score(text, path) == score
    assert likely >= 20
