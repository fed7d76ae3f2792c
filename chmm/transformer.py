"""Transformers of steps, such as scikit-learn's scalers, over sequences."""

import copy
from typing import Any

import numpy as np

from . import sequences
from .exceptions import not_fitted


class SequenceTransformer:
    """Fits a transformer of rows on the steps of all sequences, and applies it to each sequence.

    transformer : anything with fit and transform of arrays (n_steps, n_columns), such as StandardScaler() or PCA(2).
    It is copied; `transformer_` is the fitted copy.

    X takes every form that a `Model` takes, and comes back in the same form; a sequence of one column that stays one
    column is 1-D again. A step is a row: what it becomes must depend on that step alone.

    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from chmm import Model, SequenceTransformer
    >>> X = [[10.0, 11.5, 30.1], [30.2, 31.0], [10.4, 10.9, 29.7, 30.5]]
    >>> pipe = make_pipeline(SequenceTransformer(StandardScaler()), Model(2, random_state=0, n_init=1)).fit(X)
    >>> [path.tolist() for path in pipe.predict(X)]
    [[0, 0, 1], [1, 1], [0, 0, 1, 1]]
    """

    def __init__(self, transformer: Any):
        self.transformer = transformer

    def fit(self, X: Any, y: Any = None, *, lengths: Any = None, ids: Any = None) -> "SequenceTransformer":
        """Fit a copy of the transformer to all steps, without labels: y is there for pipelines, and is not used."""
        for method in ("fit", "transform"):
            if not hasattr(self.transformer, method):
                raise TypeError(f"transformer = {self.transformer!r} has no method {method!r}")
        _, rows = _rows(X, lengths, ids)
        self.transformer_ = _unfitted(self.transformer).fit(rows)
        self.n_features_in_ = rows.shape[1]
        return self

    def transform(self, X: Any, *, lengths: Any = None, ids: Any = None) -> Any:
        """X with every step transformed. NotFittedError before `fit`."""
        return self._applied("transform", X, lengths, ids)

    def inverse_transform(self, X: Any, *, lengths: Any = None, ids: Any = None) -> Any:
        """Back again, where the transformer can do it."""
        return self._applied("inverse_transform", X, lengths, ids)

    def fit_transform(self, X: Any, y: Any = None, *, lengths: Any = None, ids: Any = None) -> Any:
        return self.fit(X, y, lengths=lengths, ids=ids).transform(X, lengths=lengths, ids=ids)

    def _applied(self, method, X, lengths, ids):
        if not hasattr(self, "transformer_"):
            raise not_fitted("this SequenceTransformer has not been fitted: call fit(X)")
        data, rows = _rows(X, lengths, ids)
        if not hasattr(self.transformer_, method):
            raise AttributeError(f"{self.transformer_!r} has no method {method!r}")
        made = getattr(self.transformer_, method)(rows)
        made = np.asarray(made.todense() if hasattr(made, "todense") else made)
        if len(made) != len(rows):
            raise ValueError(f"{method} made {len(made)} rows of {len(rows)}; each step must stay one row")
        if made.ndim == 2 and made.shape[1] == 1 and np.ndim(data.values) == 1:
            made = made[:, 0]
        return data.split(made) if data.form != "one" else made

    # scikit-learn's conventions --------------------------------------------------------------------------------------

    def __sklearn_tags__(self):
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type="transformer",
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
            input_tags=InputTags(allow_nan=True),
        )

    def __sklearn_is_fitted__(self):
        return hasattr(self, "transformer_")

    def get_params(self, deep: bool = True) -> dict:
        """The transformer; deep : its own parameters, too, as transformer__with_mean and so on."""
        own = {"transformer": self.transformer}
        if deep and hasattr(self.transformer, "get_params"):
            own |= {f"transformer__{name}": value for name, value in self.transformer.get_params().items()}
        return own

    def set_params(self, **params: Any) -> "SequenceTransformer":
        """Change the transformer, or its parameters."""
        wrong = [name for name in params if name != "transformer" and not name.startswith("transformer__")]
        if wrong:
            raise ValueError(f"SequenceTransformer has no parameter {wrong[0]!r}: transformer, transformer__...")
        self.transformer = params.pop("transformer", self.transformer)
        if params:
            self.transformer.set_params(**{name.removeprefix("transformer__"): v for name, v in params.items()})
        return self

    def __repr__(self) -> str:
        return f"SequenceTransformer({self.transformer!r})"


def _unfitted(transformer):
    """A copy with nothing learnt, by scikit-learn's rules where it is one of its own."""
    if not hasattr(transformer, "get_params"):
        return copy.deepcopy(transformer)
    from sklearn.base import clone

    return clone(transformer)


def _rows(X, lengths, ids):
    """(Sequences, (n_steps, n_columns) float64, NaN where missing)."""
    data = sequences.read(X, lengths, ids)
    return data, np.ascontiguousarray(sequences.numbers(data, "a transformer of steps"))
