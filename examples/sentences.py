"""Chinese words learnt from three sentences: π, A and B are counted, then a new sentence is decoded.

Each character is tagged as the Begin, Middle or End of a word, or as a Single one.
"""

from fractions import Fraction

import numpy as np
from tables import show

from chmm import Model, Segmenter
from chmm.segmentation import tags, words

SENTENCES = ["今天 天气 真 不错", "浦东新区 在 下雨", "我 是 真的 喜欢 晴天"]
NEW = "真是喜欢下雨"


def main():
    print("Three sentences cut into words, and one tag for each character")
    texts = [line.replace(" ", "") for line in SENTENCES]
    rows = [tags(line.split()) for line in SENTENCES]
    for line, row in zip(SENTENCES, rows, strict=True):
        print(f"  {line}: {row}")

    model = Model(states="BMES").fit(texts, rows)
    counts = model.statistics_
    emitted = counts.emission["counts"]
    symbols = model.emission_.symbols

    print("\nCounting")
    show("First tags", counts.start, ["count"], "BMES")
    show("Transitions, from row to column", counts.trans, "BMES", "BMES")
    occurrences = np.array([emitted.sum(axis=1), counts.trans.sum(axis=1)])
    show("How often each tag occurs, and is followed by another", occurrences, ["occurs", "followed"], "BMES")
    print("  They differ where a tag ends a sentence: the last tag is no transition.")
    show("Characters, by tag", emitted.T, symbols, "BMES")

    print("\nThe counts divided by the sum of their row")
    show("π", model.startprob_, ["π"], "BMES", 6)
    show("A: from row to column", model.transmat_, "BMES", "BMES", 3)
    show("B, turned: from column (tag) to row (character)", model.emission_.probs.T, symbols, "BMES", 3)

    print(f"\n==== O = {NEW} ====")
    steps = [f"t={t} {character}" for t, character in enumerate(NEW, start=1)]
    forward = model.forward(NEW, scaled=False)
    backward = model.backward(NEW, scaled=False)
    posteriors = model.posteriors(NEW, pairs=True)
    show("Forward: α_t(i) = P(o_1 ... o_t, q_t = i)", forward.alpha, steps, "BMES", 12)
    show("Backward: β_t(i) = P(o_t+1 ... o_T | q_t = i)", backward.beta, steps, "BMES", 12)
    show("γ_t(i) = P(q_t = i | O)", posteriors.gamma, steps, "BMES", 3)
    for t, xi in enumerate(posteriors.xi, start=1):
        show(f"ξ_{t}(i, j) = P(q_{t} = i, q_{t + 1} = j | O), from row i to column j", xi, "BMES", "BMES", 3)

    decoding = model.decode(NEW)
    path = "".join(decoding.path)
    probability = Fraction(np.exp(decoding.log_prob)).limit_denominator(10**9)
    print("\nViterbi: the most probable tags")
    print(f"  {path}: {' | '.join(words(NEW, path))}")
    print(f"  p* = {np.exp(decoding.log_prob):.10g} = {probability}, P(O) = {np.exp(forward.loglik):.10g}")
    print("  They are equal: no other row of tags is possible.")

    print("\nThe same in one line: Segmenter().fit(SENTENCES).cut(NEW)")
    print(f"  {' | '.join(Segmenter().fit(SENTENCES).cut(NEW))}")


if __name__ == "__main__":
    main()
