"""For all tests: NumPy's error state at its strictest, and how long a fuzz is."""

import os
from typing import NamedTuple

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def strict_error_state():
    """A caller may have set it, and no answer may depend on it: what may underflow or overflow must say so."""
    with np.errstate(all="raise"):
        yield


class Fuzz(NamedTuple):
    """CHMM_FUZZ=10 runs ten times as many rounds, from a seed of its own."""

    factor: float
    seed: int

    def rounds(self, n):
        return max(1, round(n * self.factor))


@pytest.fixture
def fuzz():
    factor = float(os.environ.get("CHMM_FUZZ", 1))
    seed = 0 if factor == 1 else int.from_bytes(os.urandom(4))
    print(f"seed {seed}")  # shown where a test fails
    return Fuzz(factor, seed)
