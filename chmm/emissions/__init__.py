"""One family of observations a file. A family turns distinct values into likelihoods, weighted values into parameters."""

from .base import Emission
from .categorical import Categorical

__all__ = ["Categorical", "Emission"]
