"""A segmenter for real text: learnt from HKCanCor (Cantonese, 16,162 utterances cut by hand), scored on held-out tenth.

    python examples/segmentation.py
    python examples/segmentation.py 佢哋聽日要返學

HKCanCor is by K. K. Luke and comes under CC BY with the package pycantonese.
"""

import sys

from tables import show

from chmm import Segmenter

SENTENCE = "我哋今日去邊度食飯呀?"


def main(texts):
    try:
        import pycantonese
    except ImportError:
        sys.exit("This example reads the corpus HKCanCor from pycantonese: pip install pycantonese")
    utterances = pycantonese.hkcancor().words(by_utterance=True)
    held_out = utterances[::10]
    training = [line for i, line in enumerate(utterances) if i % 10]

    segmenter = Segmenter().fit(training)
    counts = segmenter.model.statistics_
    print(
        f"HKCanCor: {len(training):,} utterances to learn from, {counts.n_steps:,} characters, "
        f"{len(segmenter.model.emission_.symbols):,} of them different; {len(held_out):,} held out"
    )
    show("First tags", counts.start, ["count"], "BMES")
    show("Transitions, from row to column", counts.trans, "BMES", "BMES")
    show("A", segmenter.model.transmat_, "BMES", "BMES", 4)

    print("\nWords of the held-out utterances, found where the corpus has them")
    for pseudocount in (0, 0.1):
        result = Segmenter(pseudocount=pseudocount).fit(training).evaluate(held_out)
        print(
            f"  pseudocount {pseudocount:<3}: precision {result.precision:.4f}, recall {result.recall:.4f}, "
            f"F1 {result.f1:.4f}"
        )

    print()
    for text, words in zip(texts, segmenter.cut(texts), strict=True):
        print(f"{text}\n  {' | '.join(words)}")


if __name__ == "__main__":
    main(sys.argv[1:] or [SENTENCE])
