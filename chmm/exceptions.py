"""What can be raised beside ValueError and TypeError."""

import sys


class NotFittedError(ValueError, AttributeError):
    """The model has no parameters yet: fit it, or give them all."""


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
