"""Scorers for scikit-learn's searches and cross-validation, over lists of sequences: `scoring=accuracy`.

Without a scorer these take `model.score(X, y)`, which is a log probability.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .reading import is_missing
from .symbols import shown


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
        if not isinstance(y, Mapping) or y.keys() != found.keys():
            raise ValueError(f"X is a dict: y must be one, too, with the same keys, {shown(list(found))}")
        found, y = list(found.values()), [y[key] for key in found]
    one = not isinstance(found, list | np.ndarray) and np.ndim(found) == 0  # the class of one sequence
    pairs = [([found], [y])] if one else [(found, y)]
    if isinstance(found, list):
        if y is None or len(y) != len(found):
            raise ValueError(f"y = {shown(y)} must have the labels of {len(found)} sequences, as X has")
        pairs = list(zip(found, y, strict=True))
    for k, (path, labels) in enumerate(pairs):
        if labels is None or len(labels) != len(path):
            raise ValueError(f"y, sequence {k}: {shown(labels)} must have a label for each of {len(path)} steps")
    right = [a == b for path, labels in pairs for a, b in zip(path, labels, strict=True) if not is_missing(b)]
    if not right:
        raise ValueError("y holds no label to compare with")
    return sum(map(bool, right)) / len(right)
