"""Scorers for scikit-learn's searches and cross-validation, over lists of sequences: `scoring=accuracy`.

Without a scorer these take `model.score(X, y)`, which is a log probability.
"""

from typing import Any

from .reading import is_missing


def accuracy(model: Any, X: Any, y: Any) -> float:
    """The share of steps that `predict` gives the label that y has; of a `SequenceClassifier`, of sequences. Unknown
    labels do not count.

    >>> from chmm import Model
    >>> from chmm.scoring import accuracy
    >>> tagger = Model(pseudocount=0.1).fit(["今天天气真不错", "我是真的喜欢晴天"], ["BEBESBE", "SSBEBEBE"])
    >>> accuracy(tagger, ["今天不错", "我喜欢"], ["BEBE", "SBE"])
    1.0
    """
    found = model.predict(X)
    if isinstance(found, dict):
        found, y = list(found.values()), [y[key] for key in found]
    pairs = [(found, y)] if not isinstance(found, list) else zip(found, y, strict=True)
    right = [a == b for path, labels in pairs for a, b in zip(path, labels, strict=True) if not is_missing(b)]
    if not right:
        raise ValueError("y holds no label to compare with")
    return sum(map(bool, right)) / len(right)
