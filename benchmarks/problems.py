"""What is measured: models with data, the same for every library. Seeded, so every process makes the same ones."""

from bisect import bisect
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

import numpy as np

N_SYMBOLS = 64
STATES = "BMES"
FULL_STOP = "。"


@dataclass
class Problem:
    """A categorical model and sequences of codes, laid end to end."""

    name: str
    startprob: np.ndarray  # (n_states,)
    transmat: np.ndarray  # (n_states, n_states)
    emission: np.ndarray  # (n_states, n_symbols)
    codes: np.ndarray  # (n_steps,) int32
    lengths: np.ndarray  # (n_sequences,) int64

    @property
    def n_states(self):
        return len(self.startprob)

    @property
    def n_steps(self):
        return len(self.codes)

    @cached_property
    def bounds(self):
        """Where each sequence starts, and the end of the last."""
        return np.concatenate(([0], np.cumsum(self.lengths)))

    @cached_property
    def sequences(self):
        return self.split(self.codes)

    def split(self, flat):
        return [flat[start:end] for start, end in zip(self.bounds[:-1], self.bounds[1:])]

    def log_prob(self, path):
        """log P(O, path): two paths are equally good if these are equal, also where they break a tie differently."""
        first, last = self.bounds[:-1], self.bounds[1:] - 1
        moves = np.ones(self.n_steps, bool)
        moves[last] = False
        (at,) = np.nonzero(moves)
        with np.errstate(divide="ignore"):
            start, trans, emission = np.log(self.startprob), np.log(self.transmat), np.log(self.emission)
        return start[path[first]].sum() + trans[path[at], path[at + 1]].sum() + emission[path, self.codes].sum()


@dataclass
class Gaussian(Problem):
    """Normal distributions: `emission` holds the means, and `codes` (n_steps, n_features) the values, float64."""

    variances: np.ndarray  # (n_states, n_features)


@dataclass
class Text(Problem):
    """Segmented text with one tag (B, M, E, S) a character; the model is the one that counting the text gives."""

    texts: list  # of str
    labels: list  # of str, as long as the texts
    words: list  # of lists of str
    symbols: str  # the character of each code
    training: "Text | None" = None  # the text that the model was counted from, if not this one


def make(name, n_states, *, quick=False, seed=0):
    """The problem of that name; above 16 states it has fewer steps, so that n_steps * n_states**2 stays bounded."""
    rng = np.random.default_rng([seed, n_states])
    steps = int(max(500, min(1e5, 1.3e7 / n_states**2) if quick else min(1e6, 2.56e8 / n_states**2)))
    if name == "long":
        return random_problem(name, dense(n_states, rng), [steps], rng)
    if name == "short":
        lengths = rng.integers(20, 101, size=max(20, min(10_000, steps // 60)))
        return random_problem(name, dense(n_states, rng), lengths, rng)
    if name == "call":
        return random_problem(name, dense(n_states, rng), [20], rng)
    if name in ("left-right", "dense"):  # two models of the same size: dense is there to compare left-right with
        lengths = [min(steps, 4000)] * max(1, steps // 4000)
        model = left_right(n_states, lengths[0], rng) if name == "left-right" else dense(n_states, rng)
        return random_problem(name, model, lengths, rng)
    if name in ("gaussian", "gaussian-8"):
        steps = max(min(steps, 100_000), 20 * n_states)  # each state is seen a few times: nobody's variance is 0
        return gaussian(name, n_states, 8 if name == "gaussian-8" else 1, steps, rng)
    if name == "text":
        return tagged(name, corpus(10**5 if quick else 10**6, rng))
    if name == "sentence":
        text = tagged(name, corpus(10**5, rng))
        k = next(k for k, sentence in enumerate(text.texts) if len(sentence) == 20)
        return replace(text, name=name, codes=text.sequences[k], lengths=text.lengths[k : k + 1], training=text,
                       texts=[text.texts[k]], labels=[text.labels[k]], words=[text.words[k]])
    raise ValueError(f"no problem is called {name!r}")


def dense(n_states, rng):
    return (rng.dirichlet(np.ones(n_states)), rng.dirichlet(np.ones(n_states), n_states),
            rng.dirichlet(np.ones(N_SYMBOLS), n_states))


def left_right(n_states, length, rng):
    """Each state stays or hands on to the next. The states left behind underflow, and it does not matter."""
    startprob = np.eye(n_states)[0]
    leave = n_states / length
    transmat = (1 - leave) * np.eye(n_states) + leave * np.eye(n_states, k=1)
    transmat[-1, -1] = 1.0
    return startprob, transmat, rng.dirichlet(np.ones(N_SYMBOLS), n_states)


def gaussian(name, n_states, n_features, n_steps, rng):
    """One sequence; most states overlap with some others."""
    startprob, transmat, _ = dense(n_states, rng)
    means = rng.normal(0, 3, size=(n_states, n_features))
    variances = rng.uniform(0.5, 2, size=means.shape)
    states = random_path(startprob, transmat, [n_steps], rng)
    values = rng.normal(means[states], np.sqrt(variances[states]))
    return Gaussian(name, startprob, transmat, means, values, np.array([n_steps]), variances)


def random_problem(name, model, lengths, rng):
    """Sequences drawn from the model."""
    startprob, transmat, emission = model
    states = random_path(startprob, transmat, lengths, rng)
    codes = np.empty(len(states), np.int32)
    u = rng.random(len(states))
    for i, row in enumerate(np.cumsum(emission, axis=1)):
        here = states == i
        codes[here] = np.minimum(np.searchsorted(row, u[here], side="right"), emission.shape[1] - 1)
    return Problem(name, startprob, transmat, emission, codes, np.array(lengths, np.int64))


def random_path(startprob, transmat, lengths, rng):
    """States of sequences of these lengths, end to end."""
    rows = [list(accumulate(row)) for row in transmat.tolist()]
    first = list(accumulate(startprob.tolist()))
    last = len(first) - 1
    states = []
    for length in lengths:
        row = first
        for u in rng.random(length).tolist():
            state = min(bisect(row, u), last)  # the sum of a row may stop short of 1 by a rounding
            states.append(state)
            row = rows[state]
    return np.array(states)


def corpus(n_characters, rng):
    """Segmented sentences of that many characters: the Hong Kong Cantonese Corpus, repeated, if it is installed.

    Each ends with a full stop, a word by itself, so that libraries whose paths must end with a word and libraries whose
    paths may end anywhere have the same answer.
    """
    try:
        import pycantonese

        sentences = pycantonese.hkcancor().words(by_utterance=True)
    except ImportError:
        sentences = made_up_sentences(rng)
    sentences = [[word for word in words if word and word != FULL_STOP] + [FULL_STOP] for words in sentences]
    size = 0
    taken = []
    while size < n_characters:
        taken.append(sentences[len(taken) % len(sentences)])
        size += sum(map(len, taken[-1]))
    return taken


def made_up_sentences(rng, n_sentences=10_000, n_words=5000):
    """Sentences of Zipf-distributed words."""
    lengths = rng.choice([1, 2, 3, 4], p=[0.25, 0.6, 0.1, 0.05], size=n_words)
    words = ["".join(map(chr, 0x4E00 + rng.zipf(1.3, size=n).clip(max=3000))) for n in lengths]
    picks = (rng.zipf(1.2, size=(n_sentences, 12)) - 1) % n_words
    return [[words[k] for k in row[: rng.integers(2, 12)]] for row in picks]


def tagged(name, words):
    """The text of the words, its tags, and the model that counting gives."""
    texts = ["".join(sentence) for sentence in words]
    labels = ["".join("S" if len(w) == 1 else "B" + "M" * (len(w) - 2) + "E" for w in sentence) for sentence in words]
    symbols, codes = np.unique(np.array(list("".join(texts))), return_inverse=True)
    tags = np.array([STATES.index(tag) for tag in "".join(labels)])
    lengths = np.array([len(text) for text in texts], np.int64)
    first = np.cumsum(lengths) - lengths
    inner = np.ones(len(tags), bool)
    inner[first] = False
    start, trans, emission = np.zeros(4), np.zeros((4, 4)), np.zeros((4, len(symbols)))
    np.add.at(start, tags[first], 1)
    np.add.at(trans, (tags[:-1][inner[1:]], tags[1:][inner[1:]]), 1)
    np.add.at(emission, (tags, codes), 1)
    shares = (start / start.sum(), trans / trans.sum(1, keepdims=True), emission / emission.sum(1, keepdims=True))
    return Text(name, *shares, codes.astype(np.int32), lengths, texts, labels, words, "".join(symbols))
