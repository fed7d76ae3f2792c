"""Names of states and symbols: they come out as they went in, in the order given, else sorted."""

import enum

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared import learnt, random_params, same_bits

from chmm import Categorical, Gaussian, MarkovChain, Model, Product
from chmm.sequences import read
from chmm.symbols import Symbols

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

PARAMS = random_params(np.random.default_rng(0), 3, 4)
X = np.random.default_rng(1).integers(0, 4, size=40)
LENGTHS = [7, 1, 20, 12]


def answers(m, x):
    """All a model says about one sequence, as arrays."""
    named = [*m.decode(x), *m.forward(x), *m.backward(x), *m.posteriors(x, pairs=True)]
    return [np.asarray(a) for a in (*named, m.score(x), m.predict(x), m.predict_proba(x))]


def assert_is_path(path, n_steps):
    assert isinstance(path, np.ndarray) and path.shape == (n_steps,) and path.dtype.kind != "u"


STATE_NAMES = [["sunny", "rainy", "misty"], "zyx", [5, 0, 1_000_000], (-1, -3, -2), np.array([7, 8, 9], dtype=np.uint8)]


@pytest.mark.parametrize("states", STATE_NAMES, ids=str)
def test_states_by_name_in_the_order_given(states):
    m, plain = PARAMS.model(states=states), PARAMS.model()
    names = np.array(list(states))
    path = m.decode(X).path
    assert_is_path(path, 40)
    assert list(m.states_) == list(names)
    assert_array_equal(path, names[plain.decode(X).path])
    assert path.dtype.kind == ("U" if isinstance(states[0], str) else "i")
    assert m.score([X], [path]) == plain.score([X], [plain.decode(X).path])
    ending = PARAMS.model(states=states, final_states=[list(states)[1]])
    assert ending.decode(X).path[-1] == states[1]


def test_bools_as_names_of_states():
    params = random_params(np.random.default_rng(3), 2, 4)
    m = params.model(states=[True, False])
    path = m.decode(X).path
    assert path.dtype == bool
    assert_array_equal(path, params.model().decode(X).path == 0)
    learned = Model(pseudocount=1).fit([X], [X > 1])
    assert list(learned.states_) == [False, True]


LABELS = {
    "str": ("xyzx", ["x", "y", "z"]),
    "list of characters": (list("xyzx"), ["x", "y", "z"]),
    "words": (["rain", "sun", "fog", "rain"], ["fog", "rain", "sun"]),
    "ints": ([5, 0, 1_000_000, 5], [0, 5, 1_000_000]),
    "uint8": (np.array([2, 0, 1, 2], dtype=np.uint8), [0, 1, 2]),
    "big-endian": (np.array([2, 0, 1, 2], dtype=">i2"), [0, 1, 2]),
    "bools": ([True, False, False, True], [False, True]),
    "negative": (np.array([-5, 3, -5, 3]), [-5, 3]),
}


@pytest.mark.parametrize("y, states", LABELS.values(), ids=LABELS)
def test_labels_of_any_kind_are_sorted_unless_given(y, states):
    m = Model(pseudocount=0.01).fit([[0, 1, 2, 0]], [y])
    assert list(m.states_) == states and m.n_states_ == len(states)
    assert_array_equal(m.predict([[0, 1, 2, 0]])[0], list(y))
    backwards = Model(states=states[::-1], pseudocount=0.01).fit([[0, 1, 2, 0]], [y])
    assert list(backwards.states_) == states[::-1]
    assert_allclose(backwards.transmat_, m.transmat_[::-1, ::-1])


def test_labels_may_come_in_one_array_with_lengths():
    x, y = X, X % 3
    parts = [np.split(a, np.cumsum(LENGTHS)[:-1]) for a in (x, y)]
    a, b = Model(pseudocount=1).fit(*parts), Model(pseudocount=1).fit(x, y, lengths=LENGTHS)
    assert all(map(same_bits, learnt(a), learnt(b)))
    assert a.score(*parts) == a.score(x, y, lengths=LENGTHS)


SYMBOLS = {
    "words": ["walk", "shop", "clean"],
    "text": "zxy",
    "ints": [5, 0, 1_000_000],
    "negative": [-1, 1, 0],
    "huge": [2**62, -(2**62), 0],
    "tuple": ("walk", "shop", "clean"),
    "array": np.array([30, 10, 20], dtype=np.uint16),
}


@pytest.mark.parametrize("symbols", SYMBOLS.values(), ids=SYMBOLS)
def test_symbols_by_name_in_the_order_given(symbols):
    params, codes = random_params(np.random.default_rng(4), 2, 3), [0, 2, 1, 1, 0]
    m = Model(startprob=params.startprob, transmat=params.transmat, emission=Categorical(params.probs, symbols=symbols))
    x = [symbols[k] for k in codes]
    x = "".join(x) if isinstance(symbols, str) else np.array(x)
    assert list(m.emission_.symbols) == list(symbols)
    assert all(map(same_bits, answers(m, x), answers(params.model(), codes)))
    drawn = m.sample(50, random_state=0).X
    assert isinstance(drawn, str) == isinstance(symbols, str)
    assert set(drawn) <= set(symbols)
    assert m.score([drawn]) < 0


@pytest.mark.parametrize(
    "x", [["b", "a", "b"], "bab", [7, -2, 7], [True, False, True], np.array([3, 1, 3], dtype="u1")], ids=str
)
def test_learnt_symbols_are_sorted(x):
    m = Model(2, random_state=0, max_iter=2).fit([x, x])
    assert list(m.emission_.symbols) == sorted(set(x))
    assert m.emission_.probs.shape == (2, 2)


def test_a_symbol_given_but_never_seen_keeps_its_column():
    m = Model(emission=Categorical(symbols=[9, 5, 1])).fit([[9, 1, 9]], ["xyx"])
    assert_array_equal(m.emission_.probs, [[1, 0, 0], [0, 0, 1]])


# ------------------------------------------------------------------------------------------------- members of an Enum


class Activity(str, enum.Enum):  # noqa: UP042, StrEnum knows its plain value
    WALK = "walk"
    RUN = "run"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 5


def only_plain(values, kind):
    return all(type(v) is kind for v in values)


def test_members_of_an_enum_are_their_plain_values():
    x, y = [[0.1, 0.2, 5.0, 5.1]], [[Activity.WALK, Activity.WALK, Activity.RUN, Activity.RUN]]
    plain = [["walk", "walk", "run", "run"]]
    for m in (Model(emission=Gaussian()).fit(x, y), Model(states=list(Activity), emission=Gaussian()).fit(x, plain),
              Model(emission=Gaussian(), final_states=[Activity.RUN]).fit(x, y)):  # fmt: skip
        assert m.predict(x)[0].tolist() == plain[0]
        assert m.score(x, y) == m.score(x, plain)
    assert list(Model(states=Activity, emission=Gaussian()).fit(x, y).states_) == ["walk", "run"]


def test_members_of_an_enum_as_symbols():
    coins = Model(startprob=[1.0], transmat=[[1.0]], emission=Categorical([[0.5, 0.5]], symbols=list(Activity)))
    assert coins.emission_.symbols == ("walk", "run") and only_plain(coins.emission_.symbols, str)
    words = [Activity.RUN, Activity.WALK, None, Activity.RUN]
    for x in ([words], np.array(words, dtype=object), {"a": words}):
        assert_allclose(coins.score(x), 3 * np.log(0.5))
        data = read(x, kind="words")
        assert list(data.values) == ["run", "walk", None, "run"] and only_plain(filter(None, data.values), str)
    learned = Model(2, random_state=0, max_iter=1).fit([words])
    assert learned.emission_.symbols == ("run", "walk") and only_plain(learned.emission_.symbols, str)
    assert MarkovChain().fit([words[:2]]).states_.tolist() == ["run", "walk"]
    assert read(Activity.WALK).kind == "text" and read([Activity.WALK, Activity.RUN]).n_steps == 7


def test_members_of_an_integer_enum():
    numbers = Symbols([Level.HIGH, Level.LOW])
    assert numbers.names == (5, 1) and only_plain(numbers.names, int)
    m = Model(emission=Gaussian()).fit([[0.1, 5.0, 0.2]], [[Level.LOW, Level.HIGH, Level.LOW]])
    assert m.predict([[0.1, 5.0]])[0].tolist() == [1, 5]


# ------------------------------------------------------------------------------------------------ declared categories


def declared(values, categories):
    """The same column in every library that is there."""
    columns = []
    try:
        import pandas

        columns += [pandas.Series(values, dtype=pandas.CategoricalDtype(categories))]
        columns += [pandas.Categorical(values, categories=categories)]
    except ImportError:
        pass
    try:
        import polars

        if isinstance(categories[0], str):
            columns += [polars.Series(values, dtype=polars.Enum(categories))]
    except ImportError:
        pass
    return columns or pytest.skip("neither pandas nor polars is here")


@pytest.mark.parametrize("categories", [["walk", "shop", "clean"], [30, 10, 20]], ids=str)
def test_declared_categories_are_the_symbols_in_their_order(categories):
    a, b, _ = categories
    for x in declared([b, a, b, b], categories):
        data = read(x)
        assert data.categories == tuple(categories)
        assert read([x, x]).categories == read({"k": x}).categories == tuple(categories)
        m = Model(2, random_state=0, max_iter=2, pseudocount=0.1).fit([x, x])
        assert m.emission_.symbols == tuple(categories)
        assert m.emission_.probs.shape == (2, 3)
        assert_allclose(m.score([x]), m.score([[b, a, b, b]]))
        assert Model(pseudocount=1).fit([[0, 1, 0, 1]], [x]).states_.tolist() == categories


def test_categories_that_differ_are_not_declared():
    for x, y in zip(declared(["a", "b"], ["b", "a"]), declared(["a", "c"], ["c", "a"]), strict=True):
        assert read([x, y]).categories is None
        assert Model(2, random_state=0, max_iter=1).fit([x, y]).emission_.symbols == ("a", "b", "c")


def test_categories_of_columns():
    pandas = pytest.importorskip("pandas")
    sizes = pandas.Categorical(["s", "m", "s", "s"], categories=["s", "m", "l"])
    x = pandas.DataFrame({"size": sizes, "weight": [0.1, 2.5, 0.3, 0.2]})
    m = Model(2, Product(size=Categorical(), weight=Gaussian()), random_state=0, max_iter=1).fit(x)
    assert m.emission_["size"].symbols == ("s", "m", "l")
