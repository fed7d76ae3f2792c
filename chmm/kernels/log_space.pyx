"""The same recursions for the rare sequence that scaled arithmetic cannot hold: every state has an exponent of its own.

A *number* is mantissa * 2^exponent. Its exponent is a double that holds an integer, so nothing underflows or overflows
and only mantissas are rounded: the relative error is about T * 1e-16, however far apart the states are. A row of
numbers holds the mantissas, then the exponents; both are padded with zeros to whole registers. Zero has the exponent
NOTHING.

    alpha[t, j] = P(o_1 ... o_t, q_t = j) = b[t, j] * sum_i alpha[t-1, i] A[i, j]
    beta[t, i]  = P(o_t+1 ... o_T | q_t = i) = sum_j A[i, j] b[t+1, j] beta[t+1, j]

A step takes no exponential and no logarithm. Most steps are a plain product of vector and matrix, because exponents
stand still while mantissas move, and with them the powers of two by which the terms of a sum differ (`through`).

Each function does one window of a sequence, and returns early if `stop` is set.
"""

from cython.view cimport array as cvarray
from libc.math cimport NAN

from .simd cimport (
    SET, for_medium, for_plain, for_wide, inline_int, larger, medium, product, registers, restrict_ptr, smaller, vector,
    wide,
)

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

NOTHING = ZERO_EXPONENT

cdef enum Task:
    FORWARD
    BACKWARD
    POSTERIORS

cdef struct Job:
    Task task
    Py_ssize_t n                # states
    Py_ssize_t width            # n, padded
    Py_ssize_t n_steps
    const double* startprob     # (2, width), or NULL where alpha[0] is known
    const double* transmat      # (n, 2, width)
    const double* transposed    # (n, 2, width)
    const double* rows          # (R, 2, width)
    const int* index            # (T,)
    double* alpha               # (T, 2, width)
    double* beta                # (T, 2, width); only one row for POSTERIORS
    double* row                 # scratch (2, width)
    double* held                # scratch (2, width): the exponents for which `matrix` holds, and those of the product
    double* matrix              # scratch (n, width)
    double* pair_held           # scratch (2, width): the exponents for which `pairs` holds
    double* pairs               # scratch (n, width)
    double weight               # of the sequence
    double factor               # 1 / P(O) = factor * 2^exponent
    double exponent
    const int* values           # (T,): rows of `weights`
    Py_ssize_t own              # the first step whose gamma is counted
    double* weights             # ADD (R, stride)
    Py_ssize_t stride
    double* trans               # ADD (n, n), or NULL
    volatile int* stop
    Py_ssize_t done             # OUT: steps that are possible


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
    Py_ssize_t n, Py_ssize_t width, double* x, const double* a, Job* job,
) noexcept nogil:
    """Choose exponents for x that will stand still for long, and make the matrix that holds for them."""
    cdef Py_ssize_t i, j
    cdef double m
    cdef double* e = x + width
    cdef restrict_ptr top = job.held + width
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
        job.held[j] = e[j]
    largest(n, width, e, a, top)
    for i in range(n):
        row = job.matrix + i * width
        for j in range(width):
            row[j] = a[2 * i * width + j] * power_of_two(e[i] + a[(2 * i + 1) * width + j] - top[j])
    return 0


cdef inline inline_int through(
    vector* kind, Py_ssize_t n, Py_ssize_t width, double* x, const double* a, Job* job, restrict_ptr y,
) noexcept nogil:
    """y[j] = sum_i x[i] A[i, j]

    The largest exponent among the terms of a sum becomes that of the sum. By how much the others are smaller is in the
    matrix, which holds until an exponent of x changes, or a mantissa leaves LOW ... HIGH.
    """
    cdef Py_ssize_t j
    cdef Py_ssize_t changed = 0     # as wide as a double, so that registers can be compared
    cdef const double* top = job.held + width
    cdef restrict_ptr e = y + width
    for j in range(width):
        changed |= (x[width + j] != job.held[j]) | (
            ((x[j] < LOW) | (x[j] > HIGH)) & (x[width + j] != ZERO_EXPONENT)
        )
    if changed:
        renew(n, width, x, a, job)
    product(
        <vector*> y, width // <Py_ssize_t> (sizeof(vector) // sizeof(double)), n, x, 1, <const vector*> job.matrix,
        False, SET, NULL, NULL,
    )
    for j in range(width):
        e[j] = top[j]
    return 0


cdef inline inline_int forward_steps(vector* kind, Py_ssize_t n, Py_ssize_t width, Job* job) noexcept nogil:
    cdef Py_ssize_t t, j, alive
    cdef double* y
    for t in range(job.n_steps):
        y = job.alpha + 2 * width * t
        if t > 0:
            through(kind, n, width, y - 2 * width, job.transmat, job, job.row)
            times(width, job.row, job.rows + 2 * width * job.index[t], y)
        elif job.startprob != NULL:
            times(width, job.startprob, job.rows + 2 * width * job.index[0], y)
        alive = 0
        for j in range(width):
            alive |= y[j] > 0
        if not alive or job.stop[0]:
            break
        job.done += 1
    return 0


cdef inline inline_int backward_steps(vector* kind, Py_ssize_t n, Py_ssize_t width, Job* job) noexcept nogil:
    cdef Py_ssize_t t
    for t in range(job.n_steps - 1, 0, -1):
        times(width, job.beta + 2 * width * t, job.rows + 2 * width * job.index[t], job.row)
        through(kind, n, width, job.row, job.transposed, job, job.beta + 2 * width * (t - 1))
        if job.stop[0]:
            break
    return 0


cdef inline inline_int add_pairs(Py_ssize_t n, Py_ssize_t width, Job* job) noexcept nogil:
    """Sums of alpha[t-1, i] b[t, j] beta[t, j] over steps of equal exponents become counts."""
    cdef Py_ssize_t i, j
    cdef double e
    cdef const double* a
    cdef const double* sums
    cdef const double* f = job.pair_held + width
    cdef restrict_ptr xi
    for i in range(n):
        a = job.transmat + 2 * width * i
        sums = job.pairs + width * i
        xi = job.trans + n * i
        e = job.pair_held[i] + job.exponent
        for j in range(n):
            xi[j] += job.weight * scaled(job.factor * (sums[j] * a[j]), e + a[width + j] + f[j])
    return 0


cdef inline inline_int count_pair(
    Py_ssize_t n, Py_ssize_t width, const double* x, const double* future, Job* job,
) noexcept nogil:
    """Add one pair of steps to the sums, which are counted whenever an exponent changes."""
    cdef Py_ssize_t i, j
    cdef double m
    cdef Py_ssize_t changed = 0
    cdef restrict_ptr sums
    for j in range(width):
        changed |= (x[width + j] != job.pair_held[j]) | (future[width + j] != job.pair_held[width + j])
    if changed:
        add_pairs(n, width, job)
        for j in range(width):
            job.pair_held[j] = x[width + j]
            job.pair_held[width + j] = future[width + j]
        for j in range(n * width):
            job.pairs[j] = 0
    for i in range(n):
        m = x[i]
        sums = job.pairs + width * i
        for j in range(width):
            sums[j] += m * future[j]
    return 0


cdef inline inline_int posterior_steps(vector* kind, Py_ssize_t n, Py_ssize_t width, Job* job) noexcept nogil:
    cdef Py_ssize_t t, j
    cdef double* x
    cdef const double* both = job.row
    cdef restrict_ptr gamma
    for t in range(job.n_steps - 1, -1, -1):
        x = job.alpha + 2 * width * t
        if t >= job.own:
            times(width, x, job.beta, job.row)
            gamma = job.weights + job.values[t] * job.stride
            for j in range(n):
                gamma[j] += job.weight * scaled(job.factor * both[j], both[width + j] + job.exponent)
        if t == 0 or job.stop[0]:
            break
        times(width, job.beta, job.rows + 2 * width * job.index[t], job.row)
        if job.trans != NULL:
            count_pair(n, width, x - 2 * width, job.row, job)
        through(kind, n, width, job.row, job.transposed, job, job.beta)
    if job.trans != NULL:
        add_pairs(n, width, job)
    return 0


cdef inline inline_int run(vector* kind, Py_ssize_t n, Py_ssize_t width, Job* job) noexcept nogil:
    if job.task == FORWARD:
        forward_steps(kind, n, width, job)
    elif job.task == BACKWARD:
        backward_steps(kind, n, width, job)
    else:
        posterior_steps(kind, n, width, job)
    return 0


# A copy for each kind of register, and one for two states.

cdef for_plain run_2(Job* job) noexcept nogil:
    run(<double*> NULL, 2, 2, job)

cdef for_plain run_plain(Job* job) noexcept nogil:
    run(<double*> NULL, job.n, job.width, job)

cdef for_medium run_medium(Job* job) noexcept nogil:
    run(<medium*> NULL, job.n, job.width, job)

cdef for_wide run_wide(Job* job) noexcept nogil:
    run(<wide*> NULL, job.n, job.width, job)


cdef int REGISTERS = registers()


cdef Py_ssize_t run_best(Job* job, const double[:, :, ::1] rows, const int[::1] index, int[::1] stop):
    """The copy that fits the processor and the size."""
    cdef Py_ssize_t n = job.n, width = rows.shape[2]
    cdef double[:, ::1] scratch = cvarray(shape=(2 * n + 6, width), itemsize=sizeof(double), format="d")
    scratch[:, :] = 0
    job.width = width
    job.n_steps = index.shape[0]
    job.rows = &rows[0, 0, 0]
    job.index = &index[0]
    job.stop = &stop[0]
    job.row = &scratch[0, 0]
    job.held = &scratch[2, 0]
    job.pair_held = &scratch[4, 0]
    job.matrix = &scratch[6, 0]
    job.pairs = job.matrix + n * width
    job.held[0] = NAN           # no exponents yet
    job.done = 0
    with nogil:
        if width == 2:
            run_2(job)
        elif REGISTERS == 2 and width > 4:
            run_wide(job)
        elif REGISTERS and width > 1:
            run_medium(job)
        else:
            run_plain(job)
    return job.done


def forward(
    const double[:, ::1] startprob,         # IN (2, W), or None where alpha[0] is known
    const double[:, :, ::1] transmat,       # IN (N, 2, W)
    const double[:, :, ::1] rows,           # IN (R, 2, W)
    const int[::1] index,                   # IN (T,)
    int[::1] stop,                          # IN (1,)
    double[:, :, ::1] alpha,                # OUT (T, 2, W)
):
    """The number of steps that are possible; T if all are."""
    cdef Job job
    job.task = FORWARD
    job.n = transmat.shape[0]
    job.startprob = NULL if startprob is None else &startprob[0, 0]
    job.transmat = &transmat[0, 0, 0]
    job.alpha = &alpha[0, 0, 0]
    return run_best(&job, rows, index, stop)


def backward(
    const double[:, :, ::1] transposed,     # IN (N, 2, W)
    const double[:, :, ::1] rows,
    const int[::1] index,
    int[::1] stop,
    double[:, :, ::1] beta,                 # IN its last row, OUT the others (T, 2, W)
):
    cdef Job job
    job.task = BACKWARD
    job.n = transposed.shape[0]
    job.transposed = &transposed[0, 0, 0]
    job.beta = &beta[0, 0, 0]
    run_best(&job, rows, index, stop)


def posteriors(
    const double[:, :, ::1] transmat,
    const double[:, :, ::1] transposed,
    const double[:, :, ::1] rows,
    const int[::1] index,
    int[::1] stop,
    double[:, :, ::1] alpha,                # IN (T, 2, W)
    double[:, ::1] beta,                    # IN that of the last step, OUT that of the first (2, W)
    double mantissa_of_total,               # of P(O), between 1/2 and 1
    double exponent_of_total,
    double weight,                          # of the sequence
    Py_ssize_t own,                         # the first step whose gamma is counted; xi is for all pairs
    const int[::1] values,                  # IN (T,): rows of `weights`
    double[:, ::1] weights,                 # ADD (R, at least N): gamma
    double[:, ::1] trans,                   # ADD (N, N): xi; or None
):
    cdef Job job
    job.task = POSTERIORS
    job.n = transmat.shape[0]
    job.transmat = &transmat[0, 0, 0]
    job.transposed = &transposed[0, 0, 0]
    job.alpha = &alpha[0, 0, 0]
    job.beta = &beta[0, 0]
    job.weight = weight
    job.factor = 1 / mantissa_of_total
    job.exponent = -exponent_of_total
    job.own = own
    job.values = &values[0]
    job.weights = &weights[0, 0]
    job.stride = weights.shape[1]
    job.trans = NULL if trans is None else &trans[0, 0]
    run_best(&job, rows, index, stop)
