"""The same recursions for the rare sequence that scaled arithmetic cannot hold: every state has an exponent of its own.

A *number* is mantissa * 2^exponent. Its exponent is a double that holds an integer, so nothing underflows or overflows
and only mantissas are rounded: the relative error is about T * 1e-16, however far apart the states are. A row of n
numbers is 2 n doubles: the mantissas, then the exponents. Zero has the exponent NOTHING.

    alpha[t, j] = P(o_1 ... o_t, q_t = j) = b[t, j] * sum_i alpha[t-1, i] A[i, j]
    beta[t, i]  = P(o_t+1 ... o_T | q_t = i) = sum_j A[i, j] b[t+1, j] beta[t+1, j]

A step takes no exponential and no logarithm. Most steps are a plain product of vector and matrix, because exponents
stand still while mantissas move, and with them the powers of two by which the terms of a sum differ (`product`).

Each function does one window of a sequence, and returns early if `stop` is set.
"""

from cython.view cimport array as cvarray
from libc.math cimport NAN

from .simd cimport for_medium, for_plain, for_wide, inline_int, larger, registers, restrict_ptr, smaller

cdef extern from *:
    """
    #define CHMM_NOTHING -1e300     /* below all exponents, and sums of a few do not overflow */
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
    COUNT

cdef struct Job:
    Task task
    Py_ssize_t n
    Py_ssize_t n_steps
    const double* startprob     # (2, n), or NULL where alpha[0] is known
    const double* transmat      # (n, 2, n), transposed on the way back
    const double* rows          # (R, 2, n)
    const int* index            # (T,)
    double* alpha               # (T, 2, n)
    double* beta                # (T, 2, n)
    double* row                 # scratch (2, n)
    double* held                # scratch (2, n): the exponents for which `matrix` holds
    double* matrix              # scratch (n, n)
    double factor               # what gamma and xi are multiplied by: factor * 2^exponent
    double exponent
    const int* values           # (T,): rows of `weights`
    Py_ssize_t own              # the first step whose gamma is counted
    double* weights             # ADD (R, width)
    Py_ssize_t width
    double* trans               # ADD (n, n), or NULL
    volatile int* stop
    Py_ssize_t done             # OUT


cdef inline inline_int times(Py_ssize_t n, const double* x, const double* b, restrict_ptr y) noexcept nogil:
    """y[j] = x[j] b[j]"""
    cdef Py_ssize_t j
    cdef restrict_ptr e = y + n
    for j in range(n):
        y[j] = x[j] * b[j]
        e[j] = larger(x[n + j] + b[n + j], ZERO_EXPONENT)
    return 0


cdef inline double scaled(double x, double k) noexcept nogil:
    """x * 2^k, in two halves: k may be below -1022."""
    cdef double half = larger(k, -1000.0)
    return x * power_of_two(half) * power_of_two(larger(k - half, -1000.0))


cdef inline inline_int largest(Py_ssize_t n, const double* e, const double* a, restrict_ptr top) noexcept nogil:
    """top[j] = the largest exponent among x[i] A[i, j], from those of x."""
    cdef Py_ssize_t i, j
    for j in range(n):
        top[j] = ZERO_EXPONENT
    for i in range(n):
        for j in range(n):
            top[j] = larger(e[i] + a[(2 * i + 1) * n + j], top[j])
    return 0


cdef inline inline_int renew(Py_ssize_t n, double* x, Job* job) noexcept nogil:
    """Choose exponents for x that will stand still for long, and make the matrix that holds for them."""
    cdef Py_ssize_t i, j
    cdef double m
    cdef double* e = x + n
    cdef const double* a = job.transmat
    cdef const double* exponents
    cdef restrict_ptr top = job.held + n
    cdef restrict_ptr row
    for j in range(n):
        m = x[j]
        x[j] = where(m > 0, mantissa(m), 0.0)
        e[j] = where(m > 0, e[j] + exponent(m), ZERO_EXPONENT)
    largest(n, e, a, top)
    for j in range(n):          # what it will be in a step, while the mantissa is not too small for it
        m = larger(smaller(top[j] - e[j], 150.0), 0.0)
        x[j] *= power_of_two(-m)
        e[j] += where(x[j] > 0, m, 0.0)
        job.held[j] = e[j]
    largest(n, e, a, top)
    for i in range(n):
        exponents = a + (2 * i + 1) * n
        row = job.matrix + i * n
        for j in range(n):
            row[j] = a[2 * i * n + j] * power_of_two(e[i] + exponents[j] - top[j])
    return 0


cdef inline inline_int product(Py_ssize_t n, double* x, Job* job, restrict_ptr y) noexcept nogil:
    """y[j] = sum_i x[i] A[i, j]

    The largest exponent among the terms of a sum becomes that of the sum. What the others are smaller by is in the
    matrix, which holds until an exponent of x changes, or a mantissa leaves LOW ... HIGH.
    """
    cdef Py_ssize_t i, j
    cdef double m
    cdef bint same = True
    cdef const double* top = job.held + n
    cdef const double* row
    cdef restrict_ptr e = y + n
    for j in range(n):
        same &= (x[n + j] == job.held[j]) & (((x[j] >= LOW) & (x[j] <= HIGH)) | (x[n + j] == ZERO_EXPONENT))
    if not same:
        renew(n, x, job)
    for j in range(n):
        y[j] = 0
        e[j] = top[j]
    for i in range(n):
        m = x[i]
        row = job.matrix + i * n
        for j in range(n):
            y[j] += m * row[j]
    return 0


cdef inline inline_int forward_steps(Py_ssize_t n, Job* job) noexcept nogil:
    cdef Py_ssize_t t, j
    cdef double* y
    cdef double most
    for t in range(job.n_steps):
        y = job.alpha + 2 * n * t
        if t > 0:
            product(n, y - 2 * n, job, job.row)
            times(n, job.row, job.rows + 2 * n * job.index[t], y)
        elif job.startprob != NULL:
            times(n, job.startprob, job.rows + 2 * n * job.index[0], y)
        most = 0
        for j in range(n):
            most = larger(y[j], most)
        if most == 0 or job.stop[0]:
            break
        job.done += 1
    return 0


cdef inline inline_int backward_steps(Py_ssize_t n, Job* job) noexcept nogil:
    cdef Py_ssize_t t
    for t in range(job.n_steps - 1, 0, -1):
        times(n, job.beta + 2 * n * t, job.rows + 2 * n * job.index[t], job.row)
        product(n, job.row, job, job.beta + 2 * n * (t - 1))
        if job.stop[0]:
            break
    return 0


cdef inline inline_int add_pairs(Py_ssize_t n, Job* job) noexcept nogil:
    """The sums of alpha[t-1, i] b[t, j] beta[t, j] over steps of equal exponents become counts."""
    cdef Py_ssize_t i, j
    cdef double e
    cdef const double* a
    cdef const double* sums
    cdef restrict_ptr xi
    for i in range(n):
        a = job.transmat + 2 * n * i
        sums = job.matrix + n * i
        xi = job.trans + n * i
        e = job.held[i] + job.exponent
        for j in range(n):
            xi[j] += scaled(job.factor * (sums[j] * a[j]), e + a[n + j] + job.held[n + j])
    return 0


cdef inline inline_int count_steps(Py_ssize_t n, Job* job) noexcept nogil:
    cdef Py_ssize_t t, i, j
    cdef double m
    cdef bint same, pending = False
    cdef const double* x
    cdef const double* future = job.row
    cdef restrict_ptr gamma
    cdef restrict_ptr sums
    for t in range(job.n_steps):
        x = job.alpha + 2 * n * t
        if t >= job.own:
            times(n, x, job.beta + 2 * n * t, job.row)
            gamma = job.weights + job.values[t] * job.width
            for j in range(n):
                gamma[j] += scaled(job.factor * future[j], future[n + j] + job.exponent)
        if t == 0 or job.trans == NULL:
            continue
        x -= 2 * n
        times(n, job.beta + 2 * n * t, job.rows + 2 * n * job.index[t], job.row)
        same = pending
        for j in range(n):
            same &= (x[n + j] == job.held[j]) & (future[n + j] == job.held[n + j])
        if not same:
            if pending:
                add_pairs(n, job)
            for j in range(n):
                job.held[j] = x[n + j]
                job.held[n + j] = future[n + j]
            for j in range(n * n):
                job.matrix[j] = 0
            pending = True
        for i in range(n):
            m = x[i]
            sums = job.matrix + n * i
            for j in range(n):
                sums[j] += m * future[j]
        if job.stop[0]:
            break
    if pending:
        add_pairs(n, job)
    return 0


cdef inline inline_int run(Py_ssize_t n, Job* job) noexcept nogil:
    if job.task == FORWARD:
        forward_steps(n, job)
    elif job.task == BACKWARD:
        backward_steps(n, job)
    else:
        count_steps(n, job)
    return 0


# A copy for each kind of register, and for two, three and four states, whose loops are unrolled

cdef for_plain run_2(Job* job) noexcept nogil:
    run(2, job)

cdef for_medium run_3(Job* job) noexcept nogil:
    run(3, job)

cdef for_medium run_4(Job* job) noexcept nogil:
    run(4, job)

cdef for_plain run_plain(Job* job) noexcept nogil:
    run(job.n, job)

cdef for_medium run_medium(Job* job) noexcept nogil:
    run(job.n, job)

cdef for_wide run_wide(Job* job) noexcept nogil:
    run(job.n, job)


cdef int REGISTERS = registers()


cdef Py_ssize_t run_best(Job* job, const double[:, :, ::1] table, const double[:, :, ::1] rows, const int[::1] index, int[::1] stop):
    """The copy that fits the processor and the size."""
    cdef Py_ssize_t n = table.shape[0]
    cdef double[:, ::1] scratch = cvarray(shape=(n + 4, n), itemsize=sizeof(double), format="d")
    job.n = n
    job.n_steps = index.shape[0]
    job.transmat = &table[0, 0, 0]
    job.rows = &rows[0, 0, 0]
    job.index = &index[0]
    job.stop = &stop[0]
    job.row = &scratch[0, 0]
    job.held = &scratch[2, 0]
    job.matrix = &scratch[4, 0]
    job.held[0] = NAN           # no exponents yet
    job.done = 0
    with nogil:
        if n == 2:
            run_2(job)
        elif REGISTERS and n == 3:
            run_3(job)
        elif REGISTERS and n == 4:
            run_4(job)
        elif REGISTERS == 2:
            run_wide(job)
        elif REGISTERS:
            run_medium(job)
        else:
            run_plain(job)
    return job.done


def forward(
    const double[:, ::1] startprob,         # IN (2, N), or None where alpha[0] is known
    const double[:, :, ::1] transmat,       # IN (N, 2, N)
    const double[:, :, ::1] rows,           # IN (R, 2, N)
    const int[::1] index,                   # IN (T,)
    int[::1] stop,                          # IN (1,)
    double[:, :, ::1] alpha,                # OUT (T, 2, N)
):
    """The number of steps that are possible; T if all are."""
    cdef Job job
    job.task = FORWARD
    job.startprob = NULL if startprob is None else &startprob[0, 0]
    job.alpha = &alpha[0, 0, 0]
    return run_best(&job, transmat, rows, index, stop)


def backward(
    const double[:, :, ::1] transposed,     # IN (N, 2, N)
    const double[:, :, ::1] rows,
    const int[::1] index,
    int[::1] stop,
    double[:, :, ::1] beta,                 # IN its last row, OUT the others (T, 2, N)
):
    cdef Job job
    job.task = BACKWARD
    job.beta = &beta[0, 0, 0]
    run_best(&job, transposed, rows, index, stop)


def count(
    const double[:, :, ::1] transmat,
    const double[:, :, ::1] rows,
    const int[::1] index,
    int[::1] stop,
    double[:, :, ::1] alpha,                # IN (T, 2, N)
    double[:, :, ::1] beta,                 # IN (T, 2, N)
    double mantissa_of_total,               # P(O)
    double exponent_of_total,
    double weight,                          # of the sequence
    Py_ssize_t own,                         # the first step whose gamma is counted; xi is for all pairs
    const int[::1] values,                  # IN (T,): rows of `weights`
    double[:, ::1] weights,                 # ADD (R, W): gamma
    double[:, ::1] trans,                   # ADD (N, N): xi; or None
):
    cdef Job job
    job.task = COUNT
    job.alpha = &alpha[0, 0, 0]
    job.beta = &beta[0, 0, 0]
    job.factor = weight / mantissa_of_total
    job.exponent = -exponent_of_total
    job.own = own
    job.values = &values[0]
    job.weights = &weights[0, 0]
    job.width = weights.shape[1]
    job.trans = NULL if trans is None else &trans[0, 0]
    run_best(&job, transmat, rows, index, stop)
