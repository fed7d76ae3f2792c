"""What a longer fuzz is told: CHMM_FUZZ=10 runs ten times as many rounds from another seed."""

import os
from typing import NamedTuple

import pytest


class Fuzz(NamedTuple):
    factor: float
    seed: int

    def rounds(self, n):
        return max(1, round(n * self.factor))


@pytest.fixture
def fuzz():
    factor = float(os.environ.get("CHMM_FUZZ", 1))
    return Fuzz(factor, 0 if factor == 1 else int.from_bytes(os.urandom(4)))
