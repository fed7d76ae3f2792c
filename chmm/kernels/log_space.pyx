"""The same recursions for the rare sequence that scaled arithmetic cannot hold: every state has an exponent of its own.

All are numbers with an exponent of their own (exponents.pxd): the relative error is about T * 1e-16, however far apart
the states are. Zero has the exponent NOTHING.

    alpha[t, j] = P(o_1 ... o_t, q_t = j) = b[t, j] * sum_i alpha[t-1, i] A[i, j]
    beta[t, i]  = P(o_t+1 ... o_T | q_t = i) = sum_j A[i, j] b[t+1, j] beta[t+1, j]

A step takes no exponential and no logarithm. Most steps are a plain product of vector and matrix, because exponents
stand still while mantissas move, and with them the powers of two by which the terms of a sum differ (`through`).

Each function does one window of a sequence, and returns early if `stop` is set.
"""

from cython.view cimport array as cvarray
from libc.math cimport NAN

from .exponents cimport ZERO_EXPONENT, Held, scaled, through, times
from .simd cimport for_medium, for_plain, for_wide, inline_int, medium, registers, restrict_ptr, vector, wide

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
    Held held                   # scratch, for the one matrix of a task
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


cdef inline inline_int forward_steps(vector* kind, Py_ssize_t n, Py_ssize_t width, Job* job) noexcept nogil:
    cdef Py_ssize_t t, j, alive
    cdef double* y
    for t in range(job.n_steps):
        y = job.alpha + 2 * width * t
        if t > 0:
            through(kind, n, width, y - 2 * width, job.transmat, &job.held, job.row)
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
        through(kind, n, width, job.row, job.transposed, &job.held, job.beta + 2 * width * (t - 1))
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
        through(kind, n, width, job.row, job.transposed, &job.held, job.beta)
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
    job.held.exponents = &scratch[2, 0]
    job.pair_held = &scratch[4, 0]
    job.held.matrix = &scratch[6, 0]
    job.pairs = job.held.matrix + n * width
    job.held.exponents[0] = NAN     # no exponents yet
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
