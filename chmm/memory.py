"""Large arrays, where the kernels like them."""

import math

import numpy as np

HUGE = 2**18  # doubles in a huge page
BLOCK = 2**15  # doubles of a table that is made block by block, to stay in the cache


def aligned(*shape):
    """Uninitialised doubles that begin at a cache line, where vector registers are loaded fastest; large ones at a huge
    page, and in a block of the size from which NumPy asks for huge pages: to fill small ones costs several times as
    much as what is computed here."""
    size = math.prod(shape)
    if size > 2**59:
        raise MemoryError(f"an array of shape {shape} does not fit into any memory")
    line = HUGE if size > HUGE // 8 else 8
    block = np.empty(size + line if line < HUGE else max(size, HUGE) + HUGE)
    offset = (-block.ctypes.data // 8) % line
    return block[offset : offset + size].reshape(shape)


def indices(n):
    """(n,) int32, likewise if they are many."""
    return aligned((n + 1) // 2).view(np.int32)[:n] if n > HUGE // 4 else np.empty(n, dtype=np.int32)


def zeros(*shape):
    """The same, all 0. Not np.zeros: its pages are always fresh, which cost more than to write zeros to used ones."""
    out = aligned(*shape)
    out[:] = 0.0
    return out


def blocks(values, width):
    """(where, values[where]), at least once, for values that make rows of `width` doubles; all of what is no array."""
    n = len(values)
    step = max(BLOCK // width, 1) if isinstance(values, np.ndarray) else max(n, 1)
    for start in range(0, max(n, 1), step):
        where = slice(start, min(start + step, n))
        yield where, values[where] if step < n else values
