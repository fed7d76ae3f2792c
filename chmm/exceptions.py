"""The package's own exceptions and warning, and `quiet`, which keeps NumPy's floating-point errors away."""

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


def quiet(function: Callable[P, R]) -> Callable[P, R]:
    """The function with NumPy's floating-point errors ignored: the caller may have made an underflow an error."""
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        return np.errstate(all="ignore")(function)  # twice as fast; before NumPy 2, not safe in threads

    @wraps(function)
    def inside(*args, **options):
        with np.errstate(all="ignore"):
            return function(*args, **options)

    return inside


def entitle(error: Exception, title: str) -> None:
    """Put a title before the message of an error, unless it is empty."""
    error.args = (f"{title}: {error}" if title else str(error), *error.args[1:])


def outside() -> int:
    """The stacklevel of a warning that is to appear at the line that called the package."""
    frame, level = sys._getframe(1), 1
    own = os.path.dirname(__file__), os.path.dirname(np.__file__)  # NumPy's, because `quiet` is its errstate
    while frame.f_back is not None and frame.f_code.co_filename.startswith(own):
        frame, level = frame.f_back, level + 1
    return level


class NotFittedError(ValueError, AttributeError):
    """The model has no parameters yet: fit it, or give all of them."""


class ImpossibleError(ValueError):
    """The data have probability 0 under the model.

    sequences : numbers of the impossible sequences among those that were passed.
    """

    def __init__(self, message, sequences=()):
        super().__init__(message)
        self.sequences = tuple(sequences)

    def __reduce__(self):
        return type(self), (str(self), self.sequences)


class ConvergenceWarning(UserWarning):
    """EM stopped at `max_iter`, before the tolerance was met."""


def not_fitted(message):
    """A NotFittedError; where scikit-learn is in use, one that is its NotFittedError too."""
    theirs = sys.modules.get("sklearn.exceptions")
    if theirs is None:
        return NotFittedError(message)
    return type("NotFittedError", (NotFittedError, theirs.NotFittedError), {"__module__": __name__})(message)
