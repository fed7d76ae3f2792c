"""For scikit-learn's searches and cross-validation with lists of sequences: the scorer `scoring=accuracy`, and
`cross_val_predict`.

Without a scorer they use `model.score(X, y)`, which is a log probability.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .display import Display, counted
from .reading import is_missing
from .symbols import a_type, shown


def accuracy(model: Any, X: Any, y: Any) -> float:
    """The share of steps whose predicted label equals that in y; for a `SequenceClassifier`, the share of sequences.
    Unknown labels do not count.

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


def cross_val_predict(
    model: Any, X: Sequence, y: Any = None, *, groups: Any = None, cv: Any = None, method: str = "predict",
    progress: bool = False,
) -> list:  # fmt: skip
    """Predictions for each sequence by a model fitted to the other folds, in the order of X.

    model : a Model, or a pipeline that ends in one. cv : as in scikit-learn, a number of folds (None: 5) or a splitter
    such as GroupKFold, for which `groups` has the group of each sequence. method : "predict", "predict_proba",
    "score_samples" and so on. progress : show on stderr how many folds are done. scikit-learn's own function joins the
    answers into one array, so it works only for sequences of equal length.

    >>> import numpy as np
    >>> from chmm import Gaussian, Model
    >>> X, y = [[0.1, 5.2], [5.1, 0.3, 0.2], [0.4, 5.0, 0.1]], ["ab", "baa", "aba"]
    >>> [path.tolist() for path in cross_val_predict(Model(emission=Gaussian(), pseudocount=1), X, y, cv=3)]
    [['a', 'b'], ['b', 'a', 'a'], ['a', 'b', 'a']]
    """
    from sklearn.base import clone
    from sklearn.model_selection import check_cv

    if not isinstance(X, list | tuple):
        raise TypeError(f"X is {a_type(X)}; it must be a list of sequences, of which folds are made")
    answers: list = [None] * len(X)
    folds = list(check_cv(cv).split(X, y, groups))
    with Display(progress) as display:
        for k, (learnt, held_out) in enumerate(folds):
            display.step(counted(display, k, len(folds), "folds"))
            labels = None if y is None else [y[s] for s in learnt]
            fitted = clone(model).fit([X[s] for s in learnt], labels)
            for s, answer in zip(held_out, getattr(fitted, method)([X[s] for s in held_out]), strict=True):
                answers[s] = answer
        display.result(counted(display, len(folds), len(folds), "folds"))
    return answers
