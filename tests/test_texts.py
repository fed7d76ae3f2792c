"""Texts and single characters: every form of the same text gives the same bits, and any character is a symbol."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from shared import learnt, same_bits

from chmm import Categorical, Model
from chmm.sequences import read
from chmm.symbols import Letters

pytestmark = pytest.mark.filterwarnings("ignore::chmm.ConvergenceWarning")

try:
    import pandas
except ImportError:
    pandas = None

try:
    import polars
except ImportError:
    polars = None

TEXT = "abracadabra"


def answers(m, x):
    """All a model says about one sequence, as arrays."""
    named = [*m.decode(x), *m.forward(x), *m.backward(x), *m.posteriors(x, pairs=True)]
    return [np.asarray(a) for a in (*named, m.score(x), m.predict(x), m.predict_proba(x))]


@pytest.mark.parametrize("text", [TEXT.encode(), np.str_(TEXT), np.bytes_(TEXT.encode()), bytearray(TEXT.encode())],
                         ids=["bytes", "np.str_", "np.bytes_", "bytearray"])  # fmt: skip
def test_text_in_any_form(text):
    m = Model(2, random_state=0, max_iter=2).fit(["abracadabra", "cadabra"])
    assert all(map(same_bits, answers(m, TEXT), answers(m, text)))


def test_lists_of_texts():
    m = Model(2, random_state=0, max_iter=2).fit([TEXT, TEXT[::-1]])
    again = Model(2, random_state=0, max_iter=2)
    for same in ((TEXT, TEXT[::-1]), [TEXT.encode(), TEXT[::-1].encode()], [np.str_(TEXT), TEXT[::-1]]):
        assert all(map(same_bits, learnt(m), learnt(again.fit(same))))
        assert_array_equal(np.concatenate(m.predict(same)), np.concatenate(m.predict([TEXT, TEXT[::-1]])))
    assert m.score(TEXT + TEXT[::-1], lengths=[11, 11]) == m.score([TEXT, TEXT[::-1]])


@pytest.mark.parametrize("characters", ["\x00a\x00", "é€𠮷", "a\ud800b", " \n\t", "ÿ\xa0"], ids=ascii)
def test_any_character_is_a_symbol(characters):
    m = Model(pseudocount=1).fit(
        [characters * 3], ["xy" * (len(characters) * 3 // 2) + "x" * (len(characters) * 3 % 2)]
    )
    assert list(m.emission_.symbols) == sorted(set(characters))
    assert len(m.decode(characters).path) == len(characters)


def test_bytes_are_latin_1():
    m = Model(pseudocount=1).fit(["éa", "aé"], ["xy", "xy"])
    assert all(map(same_bits, answers(m, "éa"), answers(m, "éa".encode("latin-1"))))


# ----------------------------------------------------------------------------------------- arrays of single characters


def read_only(x):
    x.flags.writeable = False
    return x


def strided(x):
    padded = np.full((len(x), 3), "?", dtype=x.dtype)
    padded[:, 1] = x
    return padded[:, 1]


CHARACTERS = {
    "list": list,
    "tuple": tuple,
    "list of np.str_": lambda text: list(np.array(list(text))),
    "U1": lambda text: np.array(list(text)),
    "U4": lambda text: np.array(list(text), dtype="U4"),
    "big-endian": lambda text: np.array(list(text), dtype=">U1"),
    "little-endian": lambda text: np.array(list(text), dtype="<U1"),
    "object": lambda text: np.array(list(text), dtype=object),
    "strided": lambda text: strided(np.array(list(text))),
    "reversed view": lambda text: np.array(list(text))[::-1].copy()[::-1],
    "read-only": lambda text: read_only(np.array(list(text))),
    "masked": lambda text: np.ma.array(list(text)),
}
if hasattr(np, "dtypes") and hasattr(np.dtypes, "StringDType"):
    strings = np.dtypes.StringDType()
    CHARACTERS |= {
        "StringDType": lambda text: np.array(list(text), dtype=strings),
        "strided StringDType": lambda text: strided(np.array(list(text), dtype=strings)),
        "StringDType with NaN": lambda text: np.array(list(text), dtype=np.dtypes.StringDType(na_object=np.nan)),
    }
if pandas is not None:
    CHARACTERS |= {
        "Series": lambda text: pandas.Series(list(text)),
        "Series of objects": lambda text: pandas.Series(list(text), dtype=object),
        "Series of strings": lambda text: pandas.Series(list(text), dtype="string"),
        "categories": lambda text: pandas.Series(list(text), dtype="category"),
    }
if polars is not None:
    CHARACTERS["polars Series"] = lambda text: polars.Series(list(text))
LATIN = {
    "S1": lambda text: np.array([c.encode("latin-1") for c in text]),
    "S3": lambda text: np.array([c.encode("latin-1") for c in text], dtype="S3"),
    "strided S1": lambda text: strided(np.array([c.encode("latin-1") for c in text])),
}
TEXTS = ["abracadabra", "ÿaé\xa0aéÿé", "今天é今天𠮷é天", "aaaa"]
PAIRS = [(form, text) for text in TEXTS for form in (CHARACTERS | LATIN if max(text) < "\u0100" else CHARACTERS)]


@pytest.mark.parametrize("form, text", PAIRS)
def test_characters_in_any_form_are_the_text(form, text):
    m = Model(2, random_state=0, max_iter=2).fit([text, text[::-1]])
    x = (CHARACTERS | LATIN)[form](text)
    before = np.array(x)
    if not isinstance(x, list | tuple):  # which to a model of text are texts
        assert all(map(same_bits, answers(m, text), answers(m, x)))
    assert m.score([x, x]) == m.score([text, text])
    assert m.score(x, lengths=[3, len(text) - 3]) == m.score([text[:3], text[3:]])
    assert_array_equal(np.asarray(x), np.asarray(before))


@pytest.mark.parametrize("form, text", PAIRS)
def test_characters_in_any_form_are_words_of_one_character(form, text):
    words = Model(2, random_state=0, max_iter=2).fit([list(text), list(text[::-1])])
    x = (CHARACTERS | LATIN)[form](text)
    again = Model(2, random_state=0, max_iter=2).fit([x, (CHARACTERS | LATIN)[form](text[::-1])])
    assert again.emission_.symbols == words.emission_.symbols == tuple(sorted(set(text)))
    assert all(map(same_bits, learnt(again), learnt(words)))
    assert all(map(same_bits, answers(words, list(text)), answers(words, x)))
    labelled = Model(pseudocount=1).fit([list(range(len(text)))], [x])
    assert_array_equal(labelled.states_, sorted(set(text)))
    assert labelled.score([list(range(len(text)))], [x]) == labelled.score([list(range(len(text)))], [list(text)])


@pytest.mark.parametrize("x", [["a", "bc", "a"], ["a", "", "a"], ["a\0", "a", "a"], ["xy", "yx", "xy"]], ids=str)
@pytest.mark.parametrize("dtype", ["U", "T"])
def test_longer_and_empty_words_are_not_taken_for_characters(x, dtype):
    try:
        array = np.array(x, dtype=dtype)
    except TypeError:
        pytest.skip("this NumPy has no StringDType")
    data = read(array, kind="words")
    assert list(data.values) == array.tolist()


@pytest.mark.skipif("StringDType" not in CHARACTERS, reason="this NumPy has no StringDType")
def test_strings_are_decoded_in_place():
    """One character of every length in UTF-8; what was longer before it became one, and what is missing."""
    points = np.array([1, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xFFFF, 0x10000, 0x10FFFF])
    x = np.array(["a long string, held elsewhere"] * len(points), dtype=strings)
    x[:] = [chr(c) for c in points]
    data = read(x, kind="text")
    assert isinstance(data.values, Letters)
    assert_array_equal(data.values.points, points)
    gaps = np.array(["a", None, "b"], dtype=np.dtypes.StringDType(na_object=None))
    assert_array_equal(read(gaps, kind="words").missing, [False, True, False])


def test_letters_read_like_a_list_of_str():
    letters = Letters(np.array([97, 0x4ECA, 98], dtype=np.uint32))
    assert list(letters) == ["a", "今", "b"] == [letters[t] for t in range(len(letters))]
    assert list(letters[np.array([True, False, True])]) == ["a", "b"]
    assert list(letters[1:]) == ["今", "b"]


def test_an_unknown_character_of_an_array_is_named():
    m = Model(startprob=[1.0], transmat=[[1.0]], emission=Categorical([[0.5, 0.5]], symbols="ab"))
    for x in (np.array(["a", "z"]), np.array([b"a", b"z"]), "az"):
        with pytest.raises(ValueError, match="step 1: symbol 'z'"):
            m.score(x)
