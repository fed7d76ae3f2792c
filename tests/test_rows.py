"""Rows: exp to the last bit or so, zeros where they belong, nothing lost in silence."""

import re
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from shared import ROW_TOP

from chmm import Gaussian, Model, Precomputed, memory, sequences
from chmm.kernel_input import Chain, Rows


def rows_of(log_rows):
    k, n = np.shape(log_rows)
    chain = Chain(np.full(n, 1 / n), np.full((n, n), 1 / n))
    rows, shift, lost = Rows(Precomputed(), np.asarray(log_rows, dtype=float), chain).scaled
    return rows[:k, :n], shift[:k], lost


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 13, 1030])
def test_exp_to_one_ulp_or_so(n):
    x = np.concatenate([-np.geomspace(1e-17, 700, 4000), np.linspace(-40, 0, 4000)])
    x = np.resize(x, (len(x) // n, n))
    x[:, 0] = 0
    rows, shift, lost = rows_of(x + 3)
    moved = (x + 3) - 3  # what is left of x beside the shift
    exact = ROW_TOP * np.exp(moved.astype(np.longdouble))
    ulps = 1.5 if ROW_TOP == 1 else 2  # multiplying by it is one more rounding,
    ulps += np.finfo(np.longdouble).eps == np.finfo(float).eps  # and without long doubles, what is exact is rounded too
    assert (shift == 3).all() or np.allclose(shift, 3, rtol=1e-15)
    assert (np.abs(rows - exact) <= ulps * np.spacing(exact.astype(float))).all()
    assert lost is None


def test_far_below_the_largest_it_is_zero_and_noted():
    rows, _, lost = rows_of([[0, -707, -1], [-800, -5, -1e6], [0, -709, -np.inf], [-1e300, 0, -np.inf]])
    assert rows[0, 1] > 0
    assert rows[1, 0] == rows[1, 2] == rows[2, 1] == rows[3, 0] == 0
    assert lost[:4].tolist() == [0, 1, 1, 1]


def test_zeros_lose_nothing():
    rows, shift, lost = rows_of([[-np.inf, -3.0], [-np.inf, -np.inf]])
    assert lost is None
    assert rows[0, 0] == 0 and rows[0, 1] == pytest.approx(1)
    assert (rows[1] == 0).all() and shift[1] == pytest.approx(0)


def test_the_shift_is_the_maximum():
    rng = np.random.default_rng(0)
    x = rng.normal(scale=300, size=(50, 4))
    rows, shift, _ = rows_of(x)
    assert np.allclose(shift, x.max(axis=1), rtol=0, atol=1e-12)
    assert np.allclose(rows.max(axis=1), 1, rtol=0, atol=1e-15)
    assert Fraction(float(rows.max())) <= 1


def gaussians(n, **options):
    rng = np.random.default_rng(n)
    emission = Gaussian(rng.normal(size=(n, 2)), rng.random((n, 2)) + 1)
    return Model(startprob=np.full(n, 1 / n), transmat=rng.dirichlet(np.ones(n), n), emission=emission, **options)


@pytest.mark.parametrize("n", [1, 3, 5])
@pytest.mark.parametrize("ends", [None, [0]])
def test_rows_by_blocks_are_those_of_one_block(n, ends, monkeypatch):
    """Final states take copies of some rows, wherever their blocks begin and end."""
    x = np.random.default_rng(0).normal(size=(230, 2))
    lengths = [100, 1, 29, 0, 70, 30]  # the borders of blocks among them
    ready = gaussians(n, final_states=ends)._ready()
    data = sequences.read(x, lengths)
    whole = ready.problem(data).rows
    for block in (1, 10 * n, 100 * n, 229 * n):
        monkeypatch.setattr(memory, "BLOCK", block)
        rows = ready.problem(data).rows
        assert_array_equal(rows.logs, whole.logs)
        for mine, theirs in zip(rows.scaled, whole.scaled, strict=True):
            assert_array_equal(mine, theirs)


def test_a_bad_row_is_named_by_its_place_among_all(monkeypatch):
    monkeypatch.setattr(memory, "BLOCK", 4)
    logs = np.zeros((7, 2))
    logs[5, 1] = np.inf
    with pytest.raises(ValueError, match="value 5 of X has the log likelihood inf in state 1"):
        rows_of(logs)
    with pytest.raises(ValueError, match=re.escape("of shape (7, 3); 2 states need (7, 2)")):
        _ = Rows(Precomputed(), np.zeros((7, 3)), gaussians(2)._ready().chain).scaled
