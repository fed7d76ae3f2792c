"""Word segmentation: every character is tagged as the Begin, Middle or End of a word, or as a Single-character word.

    今天 天气 真 不错    ⇄    今天天气真不错 + BEBESBE

White space separates words everywhere in this module and is never part of one; the same holds for U+FEFF, the byte
order mark at the start of some files. No word begins inside a grapheme cluster, which readers see as one character: an
emoji of several code points, a letter with combining marks, a flag.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np

from .emissions.categorical import Categorical
from .exceptions import NotFittedError
from .model import Model
from .scores import Scores
from .symbols import a_type, distinct, shown

STATES = "BMES"
FINAL_STATES = "ES"
_FIRST_END = STATES.index("E")  # E and S are the last states

# the tags that can come first, and those that can follow each tag: a 0 here remains 0 in the model
_START = np.array([1.0, 0.0, 0.0, 1.0])
_FOLLOWS = np.array([[0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]])

Path = str | os.PathLike
_UNSEEN = 1e-300  # the probability that `cut` assigns to events that no training line showed

_WORD = re.compile("S|BM*E?|M+E?|E")

# Grapheme clusters. Each of these characters is a cluster of its own when its neighbours are among them, too:
_PLAIN = re.compile(
    "[\0-\u02ff\u0370-\u0482\u2010-\u2027\u3000-\u3029\u3030-\u3098\u309b-\ua66e\uac00-\ud7a3\uff00-\uff9d"
    "\U00020000-\U0003ffff]*"
)
_EXTENDERS = {
    *"\u200c\u200d\u0e33\u0eb3\uff9e\uff9f",  # joiners; am in Thai and Lao; the voiced marks of narrow kana
    *map(chr, range(0x1F3FB, 0x1F400)),  # skin tones
    *map(chr, range(0xE0020, 0xE0080)),  # tags, as in the flag of Scotland
    *map(chr, (*range(0x1160, 0x1200), *range(0xD7B0, 0xD7FC))),  # vowels and last letters of Hangul syllables
}
_JOINERS = {
    "\u200d",
    *map(chr, (*range(0x1100, 0x1160), *range(0xA960, 0xA97D))),  # first letters of Hangul syllables
    *"\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e",  # signs before numbers or letters
}
_LINKERS = set("\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d")  # these join the consonants of an Indic cluster
_FLAG_LETTERS = set(map(chr, range(0x1F1E6, 0x1F200)))  # two make a flag
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]{2}")

_TAGGED = re.compile(r"[^/_|#／]+[/_|#／][A-Za-z][A-Za-z0-9-]{0,7}")  # 今天/t, 浦东新区_ns


class Evaluation(NamedTuple):
    """Scores of a segmentation, as in the SIGHAN bakeoffs. A word is right if it begins and ends where a gold word
    does."""

    precision: float  # right words / words found
    recall: float  # right words / gold words
    f1: float  # 2 · right words / (words found + gold words), their harmonic mean


def tags(words: Iterable[str]) -> str:
    """One letter of BMES for each character of the words.

    >>> tags(["今天", "天气", "真", "不错"])
    'BEBESBE'
    >>> tags("浦东新区 在 下雨".split())
    'BMMESBE'
    """
    if isinstance(words, str | bytes | set | frozenset):
        raise TypeError(f"words is one {type(words).__name__}; pass a list of words, such as words.split()")
    lengths = []
    for i, word in enumerate(words):
        if not isinstance(word, str):
            raise TypeError(f"words[{i}] is {word!r}, {a_type(word)}; words are str")
        if not word:
            raise ValueError(f"words[{i}] is an empty word")
        lengths.append(len(word))
    return _tags_of(lengths)


def words(text: str, labels: Iterable[str]) -> list[str]:
    """The words of a text with one letter of BMES for each character: words(text, tags(w)) gives w back.

    A word ends after E and S, before B and S, and at the end of the text: whatever the labels, the words join to it.

    >>> words("真是喜欢下雨", "SSBEBE")
    ['真', '是', '喜欢', '下雨']
    """
    labels = labels if isinstance(labels, str) else "".join(labels)
    if len(labels) != len(text):
        raise ValueError(f"{len(labels)} labels for {len(text)} characters; there must be one for each character")
    other = re.search(f"[^{STATES}]", labels)
    if other:
        raise ValueError(f"labels[{other.start()}] is {other[0]!r}; they are B, M, E and S")
    return [text[match.start() : match.end()] for match in _WORD.finditer(labels)]


class Segmenter:
    """Segments text into words with a hidden Markov model, learnt by counting in segmented text.

    pseudocount : added to every count of π, A and B that a sequence of words can produce.

    `model` is the `Model` itself, with the states B, M, E, S; a text ends in E or S. In the model, events that do not
    occur in the training lines have probability 0. `cut` and `evaluate` do not fail because of this: an unseen
    character is equally likely in all states, and an event with probability 0 (a known character in a new position) is
    given 1e-300, so that a text without a possible path gets the one with the fewest such events. Texts that have a
    possible path are segmented as the model decodes them, except inside grapheme clusters.

    With pseudocount 0, .01, .1 and 1, F1 is .8978, .8996, .8993 and .8978 on HKCanCor (every 10th utterance held out,
    of which 15 in 1617 have no possible path), and .8161, .8162, .8163 and .8155 on a month of a newspaper.

    >>> segmenter = Segmenter().fit(["今天 天气 真 不错", "浦东新区 在 下雨", "我 是 真的 喜欢 晴天"])
    >>> segmenter.cut("真是喜欢下雨")
    ['真', '是', '喜欢', '下雨']
    >>> segmenter.cut(["真是喜欢", "不错 下雨"])
    [['真', '是', '喜欢'], ['不错', '下雨']]
    >>> segmenter.model.decode("真是喜欢下雨").path
    array(['S', 'S', 'B', 'E', 'B', 'E'], dtype='<U1')
    """

    def __init__(self, *, pseudocount: float | Mapping[str, Any] = 0.0):
        self.pseudocount = pseudocount
        self._model: Any = None

    @classmethod
    def from_model(cls, model: Model | Scores) -> "Segmenter":
        """A segmenter that uses an existing model, fitted elsewhere or loaded; or the tables of another program,
        Scores(start, transitions, emission, states="BMES").

        `segmenter.model.save(path)` and `Segmenter.from_model(Model.load(path))` keep a segmenter in a file.
        """
        if isinstance(model, Scores):
            if "".join(map(str, model.states)) != STATES or not all(isinstance(c, str) for c in model.symbols):
                raise ValueError(f"a segmenter needs Scores(..., states={STATES!r}) of characters, not {model!r}")
            segmenter = cls()
            segmenter._use(model)
            return segmenter
        if not isinstance(model, Model):
            raise TypeError(f"model is {a_type(model)}, not a Model")
        names = "".join(map(str, model.states_))
        if names != STATES or set(model.final_states or ()) != set(FINAL_STATES):
            raise ValueError(
                f"a segmenter needs Model(states={STATES!r}, final_states={FINAL_STATES!r}); "
                f"this one has states {names!r} and final_states {model.final_states!r}"
            )
        if not isinstance(model.emission_, Categorical):
            raise ValueError(f"a segmenter needs a model with emission Categorical, not {model.emission_!r}")
        if model.emission_.kind not in ("text", "letters"):
            raise ValueError(
                f"a segmenter needs a model of characters; the symbols of this one are {model.emission_.kind}: learn "
                "it from texts (str), or give them as one: Categorical(..., symbols='...')"
            )
        segmenter = cls(pseudocount=model.pseudocount)
        segmenter._use(model)
        return segmenter

    @classmethod
    def from_jieba(cls, folder: Path | None = None) -> "Segmenter":
        """A segmenter with jieba's tables: those of the installed package, or those in a folder of its three files.

        It cuts as `jieba.finalseg.cut` does, that is without jieba's dictionary. Characters that no table holds are
        equally likely in all states. `model` is the `Scores`; jieba's emissions do not sum to 1. The files are read,
        not executed.

        ModuleNotFoundError without jieba and without a folder; OSError or ValueError for files that are not tables.
        """
        from . import moving

        return cls.from_model(moving.from_jieba(folder))

    def to_jieba(self, folder: Path) -> None:
        """Write jieba's three tables, prob_start.py, prob_trans.py and prob_emit.py, to a folder, which is created.

        Copy them to the folder jieba/finalseg to replace jieba's own, which are used for words outside its dictionary.
        """
        from . import moving

        moving.to_jieba(_logs(self.model), _symbols(self.model), folder)

    @property
    def model(self) -> Model | Scores:
        """The learnt Model, or the object passed to `from_model`."""
        self._check_fitted()
        return self._model

    def fit(self, lines: Iterable) -> "Segmenter":
        """Learn from lines of words: π, A and B are counted (Model.fit with labels).

        lines : iterable (a list, an open file ...) of str with words separated by white space, or of lists of words.
            Empty lines are skipped.

        Raises TypeError or ValueError, naming the line, if there are no words, if a word in a list is empty or contains
        white space, if words have tags (今天/t), or if no line has two words, because such a text is not segmented.
        """
        found, pieces = _read(lines)
        if len(found) == len(pieces):
            raise ValueError(
                "no line has more than one word: a line is a str with blanks between its words, or a list of words "
                "(one line alone is fit([line]))"
            )
        model = Model(
            startprob=_START / 2,
            transmat=_FOLLOWS / 2,
            emission=Categorical(unknown="missing"),
            states=STATES,
            final_states=FINAL_STATES,
            pseudocount=self.pseudocount,
        )
        self._use(model.fit("".join(pieces), _tags_of(map(len, found)), lengths=list(map(len, pieces))))
        return self

    def cut(self, text: str | Iterable[str]) -> list:
        """The words of a text, in order; or of many lines, a list of lists.

        text : str, or an iterable (a list, an open file ...) of str. Passing many lines in one call is much faster than
            one call per line, and gives the same words. All lines are read before the first is segmented: if they do
            not fit in memory, pass some at a time.

        White space separates words and is not returned: "".join(cut(text)) is the text without it; an empty text gives
        []. Each piece between white space is decoded separately. Cost: n_characters · 16 additions, in compiled code.

        Raises TypeError, naming the line, if it is not a str.
        """
        self._check_fitted()
        if isinstance(text, str):
            return self._cut(_split(text))
        if isinstance(text, bytes | bytearray):
            raise TypeError(f"text is {type(text).__name__}, not a str; decode it first, text.decode('utf-8')")
        pieces = [_split(_line(line, i)) for i, line in _numbered(text, "text", "a str or lines of str")]
        found = self._cut(list(chain.from_iterable(pieces)))
        # no word crosses lines: the words of a line end where it ends, or before
        ends = np.cumsum([sum(map(len, line)) for line in pieces], dtype=np.int64)
        places = np.searchsorted(np.cumsum(list(map(len, found))), ends, side="right").tolist()
        return [found[a:b] for a, b in pairwise([0, *places])]

    def evaluate(self, lines: Iterable) -> Evaluation:
        """Precision, recall and F1 of `cut` on lines of words, given as in `fit`.

        >>> segmenter = Segmenter().fit(["今天 天气 真 不错", "浦东新区 在 下雨", "我 是 真的 喜欢 晴天"])
        >>> segmenter.evaluate(["真 是 喜欢 下雨", "今天 真的 不错"])
        Evaluation(precision=1.0, recall=1.0, f1=1.0)
        """
        gold, pieces = _read(lines)
        found = self._cut(pieces)
        right = len(np.intersect1d(_spans(gold), _spans(found), assume_unique=True))
        return Evaluation(right / len(found), right / len(gold), 2 * right / (len(found) + len(gold)))

    def __repr__(self):
        knows = "not fitted" if self._model is None else f"{len(_symbols(self._model))} characters"
        return f"<Segmenter: {knows}, pseudocount={self.pseudocount!r}>"

    def _check_fitted(self):
        if self._model is None:
            raise NotFittedError("this segmenter has not learnt anything yet: call fit with lines of words first")

    def _use(self, model):
        self._decoder = _without_zeros(model)
        self._model = model

    def _cut(self, pieces):
        self._check_fitted()
        if not pieces:
            return []
        text = "".join(pieces)
        lengths = list(map(len, pieces))
        path = self._decoder.predict(text, lengths=lengths)
        # every piece ends in E or S, so a word ends at each of these
        ends = np.flatnonzero(path >= _FIRST_END) + 1
        if not _PLAIN.fullmatch(text) and (held := _inside_clusters(text, ends)).any():
            ends = ends[~held | np.isin(ends, np.cumsum(lengths))]
        return [text[a:b] for a, b in pairwise([0, *ends.tolist()])]


def _tags_of(lengths):
    """tags() of words of these lengths."""
    lengths = list(lengths)
    by_length = {n: "S" if n == 1 else "B" + "M" * (n - 2) + "E" for n in set(lengths)}
    return "".join(map(by_length.__getitem__, lengths))


def _split(text):
    """The pieces between white space and byte order marks."""
    return text.split() if "\ufeff" not in text else text.replace("\ufeff", " ").split()


def _extends(c):
    """Whether a character never begins a grapheme cluster."""
    return unicodedata.category(c) in ("Mn", "Me", "Mc") or c in _EXTENDERS


def _inside_clusters(text, places):
    """(P,) bool: whether a cut before text[place] falls inside a grapheme cluster.

    The rules of Unicode (UAX 29), except that a joiner and the first letter of a Hangul syllable bind any next one.
    """
    codes = np.frombuffer((text + " ").encode("utf-32-le", "surrogatepass"), dtype="<u4")
    before, after, there = codes[places - 1], codes[places], set(map(chr, distinct(codes)))

    def among(codes, rule):
        return np.isin(codes, [ord(c) for c in there if rule(c)])

    held = among(after, _extends) | among(before, _JOINERS.__contains__)
    if not there.isdisjoint(_LINKERS):
        held |= among(before, _LINKERS.__contains__) & among(after, str.isalpha)
    if not there.isdisjoint(_FLAG_LETTERS):
        held |= np.isin(places, [flag.start() + 1 for flag in _FLAG.finditer(text)])
    return held


def _read(lines):
    """All words, and the text of each line that has words."""
    if isinstance(lines, str | bytes):
        raise TypeError(f"lines is one {type(lines).__name__}; pass a list of lines, such as lines.splitlines()")
    found, pieces = [], []
    for i, line in _numbered(lines, "lines", "lines: str with blanks between the words, or lists of words"):
        parts = _split(_line(line, i)) if isinstance(line, str | bytes) else _checked(line, i)
        if parts:
            found += parts
            pieces.append("".join(parts))
    if not found:
        raise ValueError("lines holds no words")
    first = found[:1000]
    tagged = list(filter(_TAGGED.fullmatch, first))
    if len(tagged) > len(first) / 2:
        raise ValueError(
            f"{len(tagged)} of the first {len(first)} words carry a tag, such as {tagged[0]!r}: it would be learnt as "
            "letters of the word. Strip it from each: re.split('[/_|#／]', word)[0]"
        )
    return found, pieces


def _numbered(lines, name, expected):
    """(number, line) for each line."""
    try:
        return enumerate(lines)
    except TypeError:
        raise TypeError(f"{name} is {shown(lines)}, {a_type(lines)}, not {expected}") from None


def _line(line, i):
    """The line, which must be a str."""
    if isinstance(line, str):
        return line
    if isinstance(line, bytes):
        raise TypeError(f"line {i} is bytes, not a str; open the file as text, or decode it: line.decode('utf-8')")
    raise TypeError(f"line {i} is {shown(line)}, {a_type(line)}, not a str")


def _checked(line, i):
    """The words of a list, each without white space."""
    try:
        parts = list(line)
        together = " ".join(parts)
    except TypeError:
        if not hasattr(line, "__iter__") or getattr(line, "ndim", 1) == 0:
            raise TypeError(f"line {i} is {line!r}, neither a str nor a list of words") from None
        k = next(k for k, word in enumerate(parts) if not isinstance(word, str))
        raise TypeError(f"line {i}, word {k} is {parts[k]!r}, {a_type(parts[k])}; words are str") from None
    if _split(together) != parts:
        k = next(k for k, word in enumerate(parts) if _split(word) != [word])
        mark = " or a byte order mark" if "\ufeff" in parts[k] else ""
        what = f"has white space{mark} inside" if parts[k].strip() else "is empty"
        raise ValueError(f"line {i}, word {k} {what}: {parts[k]!r}; white space separates words and is no part of one")
    return parts


def _spans(found):
    """One integer for each word: where it begins and ends in the running text."""
    lengths = np.fromiter(map(len, found), dtype=np.int64, count=len(found))
    ends = np.cumsum(lengths)
    return (ends - lengths) * (ends[-1] + 1) + ends


def _without_zeros(tables):
    """The scores of a Model or of Scores, with log _UNSEEN in place of every -inf that the grammar of tags does not
    demand, so that every text has a path. Its states are the indices into STATES."""

    def filled(table, allowed):
        return np.where(np.isneginf(table), np.where(allowed, np.log(_UNSEEN), -np.inf), table)

    start, transitions, emission = map(filled, _logs(tables), (_START > 0, _FOLLOWS > 0, True))
    end = np.where(np.arange(len(STATES)) < _FIRST_END, -np.inf, 0.0)
    return Scores(start, transitions, emission, end, symbols="".join(_symbols(tables)), default=0.0)


def _logs(tables):
    """(start, transitions, emission), the logarithms of a Model's parameters, or the Scores."""
    if isinstance(tables, Scores):
        return tables.start, tables.transitions, tables.emission
    with np.errstate(divide="ignore"):
        return tuple(map(np.log, (tables.startprob_, tables.transmat_, tables.emission_.probs)))


def _symbols(tables):
    return tables.symbols if isinstance(tables, Scores) else tables.emission_.symbols
