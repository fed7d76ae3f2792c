"""One family of observations a file. A family turns distinct values into rows, weighted values into parameters."""

import numpy as np

from ..symbols import shown
from .base import Emission, Observed
from .categorical import Categorical

__all__ = ["Categorical", "Emission", "Observed", "choose"]

MAX_SYMBOLS = 64  # integers with more distinct values are not guessed to be symbols


def choose(emission, data):
    """The emission to learn; "auto" by the kind of the data."""
    if isinstance(emission, Emission):
        return emission
    if not (isinstance(emission, str) and emission == "auto"):
        raise TypeError(f"emission must be an Emission such as Categorical(), or 'auto'; got {shown(emission)}")
    if data.kind in ("text", "words", "bools"):
        return Categorical()
    if data.kind == "integers":
        if np.ndim(data.values) == 2:
            return Categorical()  # which tells what to pass
        values = data.values if data.missing is None else data.values[~data.missing]
        n = len(np.unique(values))
        if n <= MAX_SYMBOLS:
            return Categorical()
        raise ValueError(
            f"X holds {n} distinct integers, too many to be taken for symbols unasked; "
            "say what they are: emission=Categorical() for symbols"
        )
    raise TypeError(
        f"X holds {data.kind}; say what they are: emission=Categorical() with integers or strings for symbols. "
        "Families for numbers come by subclassing Emission"
    )
