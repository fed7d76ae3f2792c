"""Numbers with an exponent of their own, and the product of a row of them with a matrix.

A *number* is mantissa * 2^exponent. Its exponent is a double that holds an integer, so nothing underflows or overflows
and only mantissas are rounded. A row of numbers holds the mantissas, then the exponents; both are padded with zeros to
whole registers. Zero has the exponent ZERO_EXPONENT.
"""

from .simd cimport SET, inline_int, larger, product, restrict_ptr, smaller, vector

cdef extern from *:
    """
    #define CHMM_NOTHING -1e300     /* below all exponents; sums of a few do not overflow */
    #define CHMM_LOW 6.223015277861142e-61      /* 2^-200, and its inverse: mantissas that need no care */
    #define CHMM_HIGH 1.6069380442589903e60
    /* 2^k of an integer k <= 1023, 0 if k < -1022 */
    static inline double chmm_power_of_two(double k) {
      long long bits;
      double result;
      k = (k > -1023.0 ? k : -1023.0) + 6755399441055744.0;  /* + 1.5 * 2^52: now k is in the lowest bits */
      memcpy(&bits, &k, 8);
      bits = (bits + 1023) << 52;
      memcpy(&result, &bits, 8);
      return result;
    }
    /* x = mantissa * 2^exponent with 1 <= mantissa < 2, for x > 0 in the normal range */
    static inline double chmm_mantissa(double x) {
      long long bits;
      memcpy(&bits, &x, 8);
      bits = (bits & 0xfffffffffffffLL) | 0x3ff0000000000000LL;
      memcpy(&x, &bits, 8);
      return x;
    }
    static inline double chmm_exponent(double x) {
      unsigned long long bits;
      memcpy(&bits, &x, 8);
      bits = (bits >> 52) | 0x4330000000000000ULL;           /* 2^52 + the exponent */
      memcpy(&x, &bits, 8);
      return x - (4503599627370496.0 + 1023.0);
    }
    #define CHMM_WHERE(condition, a, b) ((condition) ? (a) : (b))
    """
    const double ZERO_EXPONENT "CHMM_NOTHING"
    const double LOW "CHMM_LOW"
    const double HIGH "CHMM_HIGH"
    double power_of_two "chmm_power_of_two"(double) noexcept nogil
    double mantissa "chmm_mantissa"(double) noexcept nogil
    double exponent "chmm_exponent"(double) noexcept nogil
    double where "CHMM_WHERE"(bint, double, double) noexcept nogil

cdef struct Held:
    double* exponents           # (2, width): those of x for which `matrix` holds, and those of the product
    double* matrix              # (n, width)


cdef inline inline_int times(Py_ssize_t width, const double* x, const double* b, restrict_ptr y) noexcept nogil:
    """y[j] = x[j] b[j]"""
    cdef Py_ssize_t j
    cdef restrict_ptr e = y + width
    for j in range(width):
        y[j] = x[j] * b[j]
        e[j] = larger(x[width + j] + b[width + j], ZERO_EXPONENT)
    return 0


cdef inline double scaled(double x, double k) noexcept nogil:
    """x * 2^k; 0 below the normal range, where arithmetic is slow."""
    return mantissa(x) * power_of_two(where(x > 0, k + exponent(x), ZERO_EXPONENT))


cdef inline inline_int largest(
    Py_ssize_t n, Py_ssize_t width, const double* e, const double* a, restrict_ptr top,
) noexcept nogil:
    """top[j] = the largest exponent among x[i] A[i, j], from the exponents of x."""
    cdef Py_ssize_t i, j
    cdef const double* of_a
    for j in range(width):
        top[j] = ZERO_EXPONENT
    for i in range(n):
        of_a = a + (2 * i + 1) * width
        for j in range(width):
            top[j] = larger(e[i] + of_a[j], top[j])
    return 0


cdef inline inline_int renew(
    Py_ssize_t n, Py_ssize_t width, double* x, const double* a, Held* held,
) noexcept nogil:
    """Choose exponents for x that will stand still for long, and make the matrix that holds for them."""
    cdef Py_ssize_t i, j
    cdef double m
    cdef double* e = x + width
    cdef restrict_ptr top = held.exponents + width
    cdef restrict_ptr row
    for j in range(width):
        m = x[j]
        x[j] = where(m > 0, mantissa(m), 0.0)
        e[j] = where(m > 0, e[j] + exponent(m), ZERO_EXPONENT)
    largest(n, width, e, a, top)
    for j in range(width):      # the exponent it would have after a step, unless its mantissa got too small
        m = where(x[j] > 0, larger(smaller(top[j] - e[j], 150.0), 0.0), 0.0)
        x[j] *= power_of_two(-m)
        e[j] += m
        held.exponents[j] = e[j]
    largest(n, width, e, a, top)
    for i in range(n):
        row = held.matrix + i * width
        for j in range(width):
            row[j] = a[2 * i * width + j] * power_of_two(e[i] + a[(2 * i + 1) * width + j] - top[j])
    return 0


cdef inline inline_int through(
    vector* kind, Py_ssize_t n, Py_ssize_t width, double* x, const double* a, Held* held, restrict_ptr y,
) noexcept nogil:
    """y[j] = sum_i x[i] A[i, j]

    The largest exponent among the terms of a sum becomes that of the sum. By how much the others are smaller is in the
    matrix, which holds until an exponent of x changes, or a mantissa leaves LOW ... HIGH.
    """
    cdef Py_ssize_t j
    cdef Py_ssize_t changed = 0     # as wide as a double, so that registers can be compared
    cdef const double* top = held.exponents + width
    cdef restrict_ptr e = y + width
    for j in range(width):
        changed |= (x[width + j] != held.exponents[j]) | (
            ((x[j] < LOW) | (x[j] > HIGH)) & (x[width + j] != ZERO_EXPONENT)
        )
    if changed:
        renew(n, width, x, a, held)
    product(
        <vector*> y, width // <Py_ssize_t> (sizeof(vector) // sizeof(double)), n, x, 1, <const vector*> held.matrix,
        False, SET, NULL, NULL,
    )
    for j in range(width):
        e[j] = top[j]
    return 0


cdef inline inline_int normalised(
    Py_ssize_t n, Py_ssize_t width, const double* x, double* out, double* total, double* top,
) noexcept nogil:
    """out = x / sum(x) as doubles, and the sum, total * 2^top; total = 0 and nothing else if all are 0."""
    cdef Py_ssize_t j
    total[0] = 0
    top[0] = ZERO_EXPONENT
    for j in range(n):
        top[0] = larger(where(x[j] > 0, x[width + j] + exponent(x[j]), ZERO_EXPONENT), top[0])
    if top[0] == ZERO_EXPONENT:
        return 0
    for j in range(n):
        out[j] = scaled(x[j], x[width + j] - top[0])
        total[0] += out[j]
    for j in range(n):
        out[j] /= total[0]
    return 0
