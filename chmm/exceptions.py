"""What can be raised beside ValueError and TypeError."""


class NotFittedError(ValueError, AttributeError):
    """The model has no parameters yet: fit it, or give them all."""


class ConvergenceWarning(UserWarning):
    """EM stopped at `max_iter`, before the tolerance was met."""
