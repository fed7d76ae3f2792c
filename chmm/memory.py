"""Large arrays, aligned for the kernels."""

import math

import numpy as np

HUGE_PAGE = 2**18  # doubles
SMALL = 2**8  # doubles: to align fewer would take longer than it saves
BLOCK = 2**15  # doubles of a table that is filled block by block, to stay in the cache
WINDOW = 2**20  # steps that are worked on at a time, where all at once would take copies of the data
LONG = 2**24  # steps from which an index is made of bytes, where these suffice


def aligned(*shape):
    """Uninitialised doubles that begin at a cache line, where vector registers are loaded fastest, unless they are few;
    large ones at a huge page, in blocks large enough for NumPy to request huge pages: filling 4 KiB pages would cost
    several times the computation."""
    size = math.prod(shape)
    if size <= SMALL:
        return np.empty(shape)
    if size > 2**59:
        raise MemoryError(f"an array of shape {shape} does not fit in memory")
    line = HUGE_PAGE if size > HUGE_PAGE // 8 else 8
    block = np.empty(size + line if line < HUGE_PAGE else max(size, HUGE_PAGE) + HUGE_PAGE)
    offset = (-block.ctypes.data // 8) % line
    return block[offset : offset + size].reshape(shape)


def room(name, value, *shape, dtype=float):
    """An uninitialised array whose size is an argument's doing."""
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError) as error:  # ValueError: more entries than NumPy can count
        raise MemoryError(f"{name} = {value}: no memory for an answer of shape {shape}; ask for fewer") from error


def indices(n):
    """(n,) uninitialised int32, aligned in the same way if there are many."""
    return aligned((n + 1) // 2).view(np.int32)[:n] if n > HUGE_PAGE // 4 else np.empty(n, dtype=np.int32)


def zeros(*shape):
    """Aligned doubles, all 0. Not np.zeros: its pages are always fresh, which costs more than zeroing used ones."""
    out = aligned(*shape)
    out[:] = 0.0
    return out


def windows(n_steps, most=0):
    """Slices of at most WINDOW steps, at least one; of all steps at once if they are no more than `most`."""
    size = WINDOW if n_steps > most else n_steps
    for start in range(0, max(n_steps, 1), max(size, 1)):
        yield slice(start, min(start + size, n_steps))


def tally(index, n_codes):
    """(n_codes,), how often each code occurs in an index (T,)."""
    if n_codes > WINDOW:
        return np.bincount(index, minlength=n_codes)
    return sum(np.bincount(index[where], minlength=n_codes) for where in windows(len(index)))


def n_equal(index, code):
    """How often one code occurs."""
    return sum(int(np.count_nonzero(index[where] == code)) for where in windows(len(index)))


def blocks(values, width):
    """(slice, values[slice]) for each block, at least one, of values whose rows of `width` doubles fit into the cache;
    values that are not an array are one block."""
    n = len(values)
    step = max(BLOCK // width, 1) if isinstance(values, np.ndarray) else max(n, 1)
    for start in range(0, max(n, 1), step):
        where = slice(start, min(start + step, n))
        yield where, values[where] if step < n else values
