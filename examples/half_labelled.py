"""Part-of-speech tags of the Hong Kong Cantonese Corpus, when few utterances have tags and all others have none.

EM on the others finds what explains the words best, which is not what linguists call a noun: after a step or two the
tagger gets worse. So let the others count little, take few steps, and watch the accuracy on tags that were held out.

pip install pycantonese        python half_labelled.py [number of utterances with tags ...]
"""

import sys

import numpy as np
import pycantonese

from chmm import Categorical, Model

STEPS = 6
WEIGHTS = 0.1, 1.0  # of an utterance without tags


def corpus():
    """(words, tags) of all utterances."""
    told = [[(t.word, t.pos) for t in u.tokens if t.pos] for u in pycantonese.hkcancor().utterances()]
    return [[w for w, _ in u] for u in told], [[t for _, t in u] for u in told]


def accuracy(model, words, tags):
    found = np.concatenate([np.asarray(path, dtype=object) for path in model.predict(words) if len(path)])
    return np.mean(found == np.concatenate([np.asarray(y, dtype=object) for y in tags if len(y)]))


def curve(words, tags, n_labelled, weight, test):
    """Accuracy before the first step, and after each. At the start, words are as likely in a tag as they were there,
    and a tenth as likely as they are anywhere."""
    every = np.linspace(0, len(words) - 1, n_labelled).round().astype(int)
    named = np.zeros(len(words), dtype=bool)
    named[every] = True
    y = [tag if known else None for tag, known in zip(tags, named)]
    weights = np.where(named, 1.0, weight)
    states = sorted({t for u in tags for t in u})
    model = Model(states=states, emission=Categorical(pseudocount=0.0, unknown="missing"), pseudocount=0.01)
    first = model.start(words, y=y)
    found = [accuracy(first, *test)]
    for _ in range(STEPS):
        first = first.m_step(first.e_step(words, known=y, sample_weight=weights))
        found.append(accuracy(first, *test))
    return found


def main():
    words, tags = corpus()
    held_out = np.arange(len(words)) % 10 == 0
    test = [[part for part, out in zip(side, held_out) if out] for side in (words, tags)]
    words, tags = ([part for part, out in zip(side, held_out) if not out] for side in (words, tags))
    sizes = list(map(int, sys.argv[1:])) or [500, 2000, 8000]
    print(f"{len(words)} utterances to learn from, {len(test[0])} held out; accuracy after 0 ... {STEPS} steps of EM")
    for n in sizes:
        for weight in WEIGHTS:
            found = curve(words, tags, n, weight, test)
            print(f"{n:5} with tags, others weigh {weight}: ", *(f"{a:.4f}" for a in found), flush=True)


if __name__ == "__main__":
    main()
