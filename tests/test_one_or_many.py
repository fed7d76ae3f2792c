"""One sequence or many: which of the two the data are, and answers in the form in which they came."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from shared import learnt, random_params, same_bits

from chmm import Categorical, Gaussian, MarkovChain, Model
from chmm.sequences import labels, read

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

PARAMS = random_params(np.random.default_rng(0), 3, 4)
X = np.random.default_rng(1).integers(0, 4, size=40)
LENGTHS = [7, 1, 20, 12]
PARTS = np.split(X, np.cumsum(LENGTHS)[:-1])
IDS = np.repeat([3, 1, 7, 2], LENGTHS)


def assert_is_path(path, n_steps):
    assert isinstance(path, np.ndarray) and path.shape == (n_steps,) and path.dtype.kind != "u"


def test_forms_of_answers():
    m = PARAMS.model()
    path, log_prob = m.decode(X)
    assert_is_path(path, 40)
    assert path.dtype == np.intp and isinstance(log_prob, float)
    assert isinstance(m.score([X]), float)
    assert m.decode(X)._fields == ("path", "log_prob")
    assert m.forward(X)._fields == ("alpha", "log_scale", "loglik")
    assert m.backward(X)._fields == ("beta", "log_scale", "loglik")
    assert m.posteriors(X)._fields == ("gamma", "xi", "loglik")
    for table in (m.forward(X).alpha, m.backward(X).beta, m.posteriors(X).gamma, m.predict_proba(X)):
        assert table.shape == (40, 3) and table.dtype == np.float64 and table.flags.c_contiguous
    assert m.forward(X).log_scale.shape == (40,)
    assert isinstance(m.posteriors(X).loglik, float)


def test_a_list_gives_a_list_an_array_an_array_and_lengths_one_concatenation():
    m, parts = PARAMS.model(), PARTS
    for path in (m.predict(X), m.predict(X.tolist()), m.predict(X, lengths=LENGTHS)):
        assert_is_path(path, 40)
    assert m.predict_proba(X, lengths=LENGTHS).shape == (40, 3)
    assert [len(path) for path in m.predict(parts)] == LENGTHS
    assert isinstance(m.predict([X]), list) and isinstance(m.predict_proba([X]), list)
    assert isinstance(m.predict((X, X)), list)


# ------------------------------------------------------------------------------------------------------- dicts and ids


@pytest.mark.parametrize("keys", ["abcd", [3, 1, 7, 2], [("a", 1), ("a", 2), None, 0.5]], ids=str)
def test_a_dict_gives_a_dict_with_its_keys(keys):
    m, data = PARAMS.model(max_iter=2), dict(zip(keys, PARTS, strict=True))
    assert m.score(data) == m.score(PARTS)
    for question in (m.predict, m.predict_proba, m.decode, m.forward, m.backward, m.posteriors):
        answer = question(data)
        assert list(answer) == list(keys)
        for part, of_part in zip(PARTS, answer.values(), strict=True):
            alone = question(part)
            named = (alone, of_part) if isinstance(alone, tuple) else ([alone], [of_part])
            assert all(same_bits(np.asarray(a), np.asarray(b)) for a, b in zip(*named, strict=True) if a is not None)
    assert all(map(same_bits, learnt(m.fit(data)), learnt(PARAMS.model(max_iter=2).fit(PARTS))))


def test_a_dict_is_many_sequences_even_of_one_step_or_of_texts():
    assert PARAMS.model().score({"a": [0], "b": [1]}) == PARAMS.model().score([0, 1], lengths=[1, 1])
    data = read({"a": "red", "b": "w"}, kind="words")
    assert data.kind == "text" and data.bounds.tolist() == [0, 3, 4]
    assert PARAMS.model().predict({}) == {}


@pytest.mark.parametrize(
    "ids", [IDS, IDS.tolist(), tuple(IDS), IDS.astype(">i2"), IDS.astype(str), IDS.astype(float), IDS.astype(object)],
    ids=["array", "list", "tuple", "big-endian", "texts", "floats", "objects"],
)  # fmt: skip
def test_ids_cut_where_they_change(ids):
    m = PARAMS.model(max_iter=2)
    assert m.score(X, ids=ids) == m.score(X, lengths=LENGTHS)
    assert_array_equal(m.predict(X, ids=ids), m.predict(X, lengths=LENGTHS))
    assert all(map(same_bits, learnt(m.fit(X, ids=ids)), learnt(PARAMS.model(max_iter=2).fit(PARTS))))
    assert [len(forward.alpha) for forward in m.forward(X, ids=ids)] == LENGTHS


def test_ids_of_any_kind_of_data():
    assert read("abcab", ids="11222").bounds.tolist() == [0, 2, 5]
    assert read(["red", "white", "red"], ids=[0, 0, 1]).kind == "words"
    assert read(np.ones((3, 2)), ids=[0, 0, 1]).bounds.tolist() == [0, 2, 3]
    assert read([], ids=[]).n_sequences == 0


@pytest.mark.parametrize("seed", range(20))
def test_an_id_that_comes_back_is_found(seed):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 6, size=rng.integers(1, 12))
    again = next((t for t in range(1, len(ids)) if ids[t] != ids[t - 1] and ids[t] in ids[:t]), None)
    if again is None:
        assert read(np.zeros(len(ids)), ids=ids).n_sequences == len(set(ids.tolist()))
    else:
        last = max(t for t in range(again) if ids[t] == ids[again])
        with pytest.raises(ValueError, match=rf"ids\[{again}\] = {ids[again]} occurs again.* at {last}"):
            read(np.zeros(len(ids)), ids=ids)


def test_labels_come_in_the_form_of_the_data():
    y = X % 3
    parts = np.split(y, np.cumsum(LENGTHS)[:-1])
    want = learnt(Model(pseudocount=1).fit(PARTS, parts))
    x, labelled = dict(zip("abcd", PARTS, strict=True)), dict(zip("abcd", parts, strict=True))
    backwards = dict(reversed(labelled.items()))
    for fitted in (
        Model(pseudocount=1).fit(x, labelled),
        Model(pseudocount=1).fit(x, backwards),
        Model(pseudocount=1).fit(X, y, ids=IDS),
        Model(pseudocount=1).fit(X, y, lengths=LENGTHS),
    ):
        assert all(map(same_bits, learnt(fitted), want))
    assert labels(backwards, read(x)).keys == tuple("abcd")


def test_a_chain_takes_one_or_many():
    chain = MarkovChain(pseudocount=1).fit(dict(zip("abcd", PARTS, strict=True)))
    assert chain.score(X, ids=IDS) == chain.score(PARTS) == chain.score(X, lengths=LENGTHS)


# -------------------------------------------------------------------------------------------------------------- frames


def frame():
    pandas = pytest.importorskip("pandas")
    index = pandas.MultiIndex.from_arrays([np.repeat(list("daec"), LENGTHS), np.arange(40)], names=["who", "when"])
    return pandas.DataFrame({"a": X * 0.5, "b": -X}, index=index)


def test_a_frame_with_several_levels_is_split_by_the_first():
    x = frame()
    m = Model(2, Gaussian(), random_state=0, max_iter=2).fit(x)
    parts = np.split(x.to_numpy(), np.cumsum(LENGTHS)[:-1])
    again = Model(2, Gaussian(), random_state=0, max_iter=2).fit(parts)
    assert same_bits(m.transmat_, again.transmat_) and same_bits(m.emission_.means, again.emission_.means)
    assert list(m.predict(x)) == list("daec")
    assert_array_equal(np.concatenate(list(m.predict(x).values())), np.concatenate(m.predict(parts)))
    series = read(x["b"])
    assert series.keys == tuple("daec") and series.kind == "integers"
    named = Model(emission=Gaussian()).fit(x, x["b"].mul(-1) % 3)
    assert list(named.states_) == [0, 1, 2]
    assert_array_equal(Model(emission=Gaussian()).fit(x, X % 3).transmat_, named.transmat_)


def test_a_groupby_is_a_dict_of_its_groups():
    x = frame().reset_index()
    want = {key: part.to_numpy() for key, part in x.groupby("who")[["a", "b"]]}
    for groups in (x.drop(columns="when").groupby("who"), x.groupby("who")[["a", "b"]]):
        data = read(groups)
        assert data.keys == tuple("acde") and data.names == ("a", "b")
        assert_array_equal(data.numbers, np.concatenate(list(want.values())))
    assert read(x.groupby("who")["b"]).keys == tuple("acde")


def test_a_series_of_sequences_is_a_list_of_them():
    pandas = pytest.importorskip("pandas")
    assert PARAMS.model().score(pandas.Series(PARTS)) == PARAMS.model().score(PARTS)


# ----------------------------------------------------------------------------- a list of str: texts or words of a text


def test_before_a_fit_a_list_of_str_is_a_list_of_texts():
    data = read(["red", "white"])
    assert data.kind == "text" and data.form == "list" and data.bounds.tolist() == [0, 3, 8]


def test_a_model_of_words_takes_a_list_of_str_as_one_sequence():
    params = random_params(np.random.default_rng(4), 2, 2)
    m = Model(startprob=params.startprob, transmat=params.transmat,
              emission=Categorical(params.probs, symbols=["red", "white"]))  # fmt: skip
    x = ["red", "white", "white"]
    assert m.score(x) == m.score([x]) == m.score(np.array(x))
    assert_array_equal(m.predict(x), m.predict([x])[0])
    assert m.score(["red", None]) == m.score([["red", None]])
    learned = Model(2, random_state=0, max_iter=2).fit([["a", "b", "a"], ["b", "a"]])
    assert learned.score(["a", "b"]) == learned.score([["a", "b"]])


def test_a_model_of_text_takes_a_list_of_str_as_texts():
    m = Model(2, random_state=0, max_iter=2).fit(["abba", "baab"])
    assert [len(path) for path in m.predict(["ab", "bba"])] == [2, 3]
    assert [len(decoding.path) for decoding in m.decode(["ab", "bba"])] == [2, 3]


def test_letters_are_words_where_each_is_one_and_else_texts():
    params = random_params(np.random.default_rng(4), 2, 2)
    coin = Categorical(params.probs, symbols=list("HT"))
    m = Model(startprob=params.startprob, transmat=params.transmat, emission=coin)
    assert m.score(["H", "T", "T"]) == m.score("HTT") == m.score([["H", "T", "T"]]) == m.score(np.array(list("HTT")))
    assert m.score(["HT", "T"]) == m.score("HTT", lengths=[2, 1])


def test_a_label_that_no_state_has_is_impossible():
    m = PARAMS.model()
    assert m.score([X], [np.full(40, 9)]) == -np.inf


# ------------------------------------------------------------------------------------------ a model knows its kind

KINDS = {
    "text": ["abba", "baab"],
    "words": [["walk", "shop", "walk"], ["shop", "walk"]],
    "integers": [[3, 1, 3], [1, 3]],
}


@pytest.mark.parametrize("unknown", ["error", "missing"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_another_kind_of_value_is_refused_by_every_verb(kind, other, unknown):
    m = Model(2, Categorical(unknown=unknown), random_state=0, max_iter=2).fit(KINDS[kind])
    if kind == other:
        assert np.isfinite(m.score(KINDS[other]))
        return
    one = np.array(KINDS[other][0]) if other == "words" else KINDS[other][0]  # a list of str might be one of texts
    for verb in (m.decode, m.forward, m.backward, m.posteriors, m.score, m.predict, m.predict_proba):
        with pytest.raises(TypeError):
            verb(one)
        with pytest.raises(TypeError):
            verb({"a": one, "b": one})
