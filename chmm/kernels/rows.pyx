"""Rows of likelihoods from rows of logarithms: the largest taken out, then exp().

exp is our own, so that the compiler can do a register full at once: x = k ln 2 + r with an integer k and
|r| <= ln 2 / 2, exp(x) = 2^k exp(r), and exp(r) by its Taylor series up to r^13 / 13!, whose rest is below 5e-18.
Within 1 ulp or so of the exact value (tests/test_rows.py); 0 below -708, never a clamp.
"""

from libc.math cimport INFINITY, log

from .simd cimport ROW_TOP, for_medium, for_plain, for_wide, inline_int, larger, registers

cdef extern from *:
    """
    #define CHMM_ROUND 6755399441055744.0   /* 1.5 * 2^52: added and taken away again, it rounds to integers */
    /* 2^k for -1022 <= k <= 1023, where x = k + CHMM_ROUND: k is in the lowest bits of x */
    static inline double chmm_power_of_two(double x) {
      unsigned long long bits;
      double result;
      memcpy(&bits, &x, 8);
      bits = (bits + 1023) << 52;
      memcpy(&result, &bits, 8);
      return result;
    }
    #define CHMM_IF(condition, a, b) ((condition) ? (a) : (b))
    """
    const double ROUND "CHMM_ROUND"
    double power_of_two "chmm_power_of_two"(double) noexcept nogil
    double either "CHMM_IF"(bint, double, double) noexcept nogil

cdef enum:
    CACHED_DOUBLES = 1024        # doubles taken through both loops while they are in the cache

cdef double LOWEST = -708.0
cdef double LARGEST = 1e280      # of a log likelihood: sums of larger ones overflow


cdef inline inline_int exponentials(double* x, Py_ssize_t n) noexcept nogil:
    """x = ROW_TOP exp(x) for x <= 0."""
    cdef Py_ssize_t i
    cdef double v, k, r, p
    for i in range(n):
        v = either(x[i] < -708.0, -708.0, x[i])
        k = v * 1.4426950408889634 + ROUND
        r = v - (k - ROUND) * 6.93147180369123816490e-01
        r = r - (k - ROUND) * 1.90821492927058770002e-10
        p = 1.6059043836821613e-10          # 1 / 13!
        p = p * r + 2.08767569878681e-09
        p = p * r + 2.505210838544172e-08
        p = p * r + 2.755731922398589e-07
        p = p * r + 2.7557319223985893e-06
        p = p * r + 2.48015873015873e-05
        p = p * r + 1.984126984126984e-04
        p = p * r + 1.388888888888889e-03
        p = p * r + 8.333333333333333e-03
        p = p * r + 4.1666666666666664e-02
        p = p * r + 1.6666666666666666e-01
        p = p * r + 0.5
        p = p * (r * r) + r + 1.0
        x[i] = either(x[i] < -708.0, 0.0, ROW_TOP * p * power_of_two(k))
    return 0


cdef inline inline_int take_out(
    const double* x, Py_ssize_t n_rows, Py_ssize_t n, double* out, double* shift, unsigned char* underflowed,
    bint* any_underflowed, bint* unsound,
) noexcept nogil:
    """out = x - the largest of its row."""
    cdef Py_ssize_t r, j
    cdef double top
    cdef bint gone, any_gone = False, bad = False
    for r in range(n_rows):
        top = x[r * n]
        for j in range(1, n):
            top = larger(x[r * n + j], top)
        top = either(top == -INFINITY, 0.0, top)
        gone = False
        bad |= not -LARGEST < top < LARGEST
        for j in range(n):
            out[r * n + j] = x[r * n + j] - top
            bad |= not x[r * n + j] - top <= 0      # NaN, also where both are infinite
            gone |= (x[r * n + j] - top < LOWEST) & (x[r * n + j] > -INFINITY)
        shift[r] = top - log(ROW_TOP) if ROW_TOP < 1 else top
        underflowed[r] = gone
        any_gone |= gone
    any_underflowed[0] |= any_gone
    unsound[0] |= bad
    return 0


cdef inline inline_int pad(
    const double* x, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t width, double* out,
) noexcept nogil:
    """out = x with zeros after each row; it reads up to 7 doubles beyond x."""
    cdef Py_ssize_t r, j
    for r in range(n_rows):
        for j in range(width):
            out[r * width + j] = either(j < n, x[r * n + j], 0.0)
    return 0


cdef inline inline_int scale(
    const double* x, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t width, double* rows, double* shift,
    unsigned char* underflowed, bint* any_underflowed, bint* unsound,
) noexcept nogil:
    """By blocks of whole rows, the padding added last."""
    cdef Py_ssize_t start = 0, count, step = max(CACHED_DOUBLES // n, 1)
    cdef double block[CACHED_DOUBLES + 8]
    cdef double* out
    while start < n_rows:
        count = min(step, n_rows - start)
        out = rows + start * width
        if width > n and n <= CACHED_DOUBLES:
            out = block
        if n == 1:
            take_out(x, count, 1, out, shift + start, underflowed + start, any_underflowed, unsound)
        elif n == 2:
            take_out(x, count, 2, out, shift + start, underflowed + start, any_underflowed, unsound)
        elif n == 3:
            take_out(x, count, 3, out, shift + start, underflowed + start, any_underflowed, unsound)
        elif n == 4:
            take_out(x, count, 4, out, shift + start, underflowed + start, any_underflowed, unsound)
        else:
            take_out(x, count, n, out, shift + start, underflowed + start, any_underflowed, unsound)
        exponentials(out, count * n)
        if width > n and width == 4:
            pad(out, count, n, 4, rows + start * 4)
        elif width > n and width == 8:
            pad(out, count, n, 8, rows + start * 8)
        elif width > n:
            pad(out, count, n, width, rows + start * width)
        x += count * n
        start += count
    return 0

cdef for_plain scale_plain(
    const double* x, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t width, double* rows, double* shift,
    unsigned char* underflowed, bint* any_underflowed, bint* unsound,
) noexcept nogil:
    scale(x, n_rows, n, width, rows, shift, underflowed, any_underflowed, unsound)

cdef for_medium scale_medium(
    const double* x, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t width, double* rows, double* shift,
    unsigned char* underflowed, bint* any_underflowed, bint* unsound,
) noexcept nogil:
    scale(x, n_rows, n, width, rows, shift, underflowed, any_underflowed, unsound)

cdef for_wide scale_wide(
    const double* x, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t width, double* rows, double* shift,
    unsigned char* underflowed, bint* any_underflowed, bint* unsound,
) noexcept nogil:
    scale(x, n_rows, n, width, rows, shift, underflowed, any_underflowed, unsound)

cdef int REGISTERS = registers()


def scale_rows(
    const double[:, ::1] log_rows,          # IN (R, N)
    double[:, ::1] rows,                    # OUT (R, W): exp(log row - its maximum), padded with zeros
    double[::1] shift,                      # OUT (R,): the maximum; 0 for a row of -inf
    unsigned char[::1] underflowed not None,         # OUT (R,): whether an entry was flushed to 0, or nearly
):
    """Likelihoods from log likelihoods: (whether anything was flushed in any row, whether all log likelihoods are -inf
    or numbers that can be added up)."""
    cdef bint any_underflowed = False, unsound = False
    cdef Py_ssize_t n_rows = log_rows.shape[0], n = log_rows.shape[1], width = rows.shape[1]
    if not n_rows:
        return False, True
    cdef const double* x = &log_rows[0, 0]
    cdef double* out = &rows[0, 0]
    cdef double* tops = &shift[0]
    cdef unsigned char* gone = &underflowed[0]
    with nogil:
        if REGISTERS == 2:
            scale_wide(x, n_rows, n, width, out, tops, gone, &any_underflowed, &unsound)
        elif REGISTERS:
            scale_medium(x, n_rows, n, width, out, tops, gone, &any_underflowed, &unsound)
        else:
            scale_plain(x, n_rows, n, width, out, tops, gone, &any_underflowed, &unsound)
    return any_underflowed, not unsound


def weigh(
    double[:, ::1] log_rows,                # IN/OUT (R, N)
    const double[:, ::1] masks,             # IN (M, N), logarithms of weights; the first are those of nothing known
    const int[::1] mask,                    # IN (R,): which of them a row takes
):
    """log_rows + masks[mask]."""
    cdef Py_ssize_t r, j, n = log_rows.shape[1]
    cdef const double* weights
    with nogil:
        for r in range(log_rows.shape[0]):  # no branch: where labels come at random it would be guessed wrong
            weights = &masks[mask[r], 0]
            for j in range(n):
                log_rows[r, j] += weights[j]


def fold(
    double[:, :] weights,                   # IN/OUT (R, at least N)
    const Py_ssize_t[::1] source,           # IN (C,): the row that each of the last C rows is a copy of
    Py_ssize_t n,                           # states
):
    """The weights of copies added to those of their rows."""
    cdef Py_ssize_t c, j, first = weights.shape[0] - source.shape[0]
    with nogil:
        for c in range(source.shape[0]):
            for j in range(n):
                weights[source[c], j] += weights[first + c, j]
