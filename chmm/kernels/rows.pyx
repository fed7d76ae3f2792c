"""Rows of likelihoods from rows of logarithms: the largest taken out, then exp().

exp is our own, so that the compiler can do a register full at once: x = k ln 2 + r with an integer k and
|r| <= ln 2 / 2, exp(x) = 2^k exp(r), and exp(r) by its Taylor series up to r^13 / 13!, whose rest is below 5e-18.
Within 1 ulp or so of the exact value (tests/test_rows.py); 0 below -708, never a clamp.
"""

from libc.math cimport INFINITY, log

from .lanes cimport ROW_TOP, for_medium, for_plain, inlined, registers

cdef extern from *:
    """
    #define CHMM_ROUND 6755399441055744.0   /* 1.5 * 2^52: added and taken away again, it rounds to integers */
    /* 2^k for -1022 <= k <= 1023, where x = k + CHMM_ROUND: k stands in the lowest bits of x */
    static inline double chmm_power_of_two(double x) {
      long long bits;
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
    BLOCK = 1024        # doubles taken through both loops while they are in the cache

cdef double LOWEST = -708.0


cdef inline inlined exponentials(double* x, Py_ssize_t n) noexcept nogil:
    """x = ROW_TOP exp(x) for x <= 0."""
    cdef Py_ssize_t i
    cdef double v, k, r, p
    for i in range(n):
        v = either(x[i] < -708.0, -708.0, x[i])
        k = v * 1.4426950408889634 + ROUND
        r = v - (k - ROUND) * 6.93147180369123816490e-01
        r = r - (k - ROUND) * 1.90821492927058770002e-10
        p = 1.6059043836821613e-10                      # 1 / 13!
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


cdef inline inlined scale(
    const double* log_rows, Py_ssize_t stride, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t width, double* rows,
    double* shift, unsigned char* lost, bint* any_lost,
) noexcept nogil:
    cdef Py_ssize_t r, j, start = 0, end, step = max(BLOCK // width, 1)
    cdef const double* x
    cdef double top
    cdef bint gone
    while start < n_rows:
        end = min(start + step, n_rows)
        for r in range(start, end):
            x = log_rows + r * stride
            top = x[0]
            for j in range(1, n):
                top = max(top, x[j])
            if top == -INFINITY:
                top = 0
            shift[r] = top - log(ROW_TOP) if ROW_TOP < 1 else top
            gone = False
            for j in range(n):
                rows[r * width + j] = x[j] - top
                gone |= (x[j] - top < LOWEST) & (x[j] > -INFINITY)
            for j in range(n, width):
                rows[r * width + j] = -INFINITY
            lost[r] = gone
            any_lost[0] |= gone
        exponentials(rows + start * width, (end - start) * width)
        start = end
    return 0

cdef for_plain scale_plain(
    const double* log_rows, Py_ssize_t stride, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t width, double* rows,
    double* shift, unsigned char* lost, bint* any_lost,
) noexcept nogil:
    scale(log_rows, stride, n_rows, n, width, rows, shift, lost, any_lost)

cdef for_medium scale_medium(
    const double* log_rows, Py_ssize_t stride, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t width, double* rows,
    double* shift, unsigned char* lost, bint* any_lost,
) noexcept nogil:
    scale(log_rows, stride, n_rows, n, width, rows, shift, lost, any_lost)

cdef int REGISTERS = registers()


def scale_rows(
    const double[:, ::1] log_rows,          # IN (R, N)
    double[:, ::1] rows,                    # OUT (R, W): exp(log row - its maximum), padded with zeros
    double[::1] shift,                      # OUT (R,): the maximum; 0 for a row of -inf
    unsigned char[::1] lost,                # OUT (R,): whether an entry was flushed to 0, or nearly
):
    """Likelihoods from log likelihoods. True if anything was lost in any row."""
    cdef bint any_lost = False
    cdef Py_ssize_t n_rows = log_rows.shape[0], n = log_rows.shape[1], width = rows.shape[1]
    if not n_rows:
        return False
    with nogil:
        if REGISTERS:
            scale_medium(&log_rows[0, 0], n, n_rows, n, width, &rows[0, 0], &shift[0], &lost[0], &any_lost)
        else:
            scale_plain(&log_rows[0, 0], n, n_rows, n, width, &rows[0, 0], &shift[0], &lost[0], &any_lost)
    return any_lost
