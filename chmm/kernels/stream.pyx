"""What the past says of a state, and what a few steps more say: the filter and the fixed lag, one step at a time.

    ahead[t, j] = sum_i alpha[t-1, i] A[i, j]                           P(q_t = j | o_1 ... o_t-1), up to its sum
    alpha[t, j] = b[t, j] ahead[t, j]                                   P(q_t = j | o_1 ... o_t), up to its sum
    beta[s, i]  = sum_j A[i, j] b[s+1, j] beta[s+1, j],  beta[t] = 1    back to s = t - lag
    alpha[t-lag] * beta[t-lag]                                          P(q_t-lag = j | o_1 ... o_t), up to its sum

There is no future to certify that what underflowed did not matter, so every state has an exponent of its own
(exponents.pxd). alpha and b of the last steps are kept in rings.
"""

from cython.view cimport array as cvarray
from libc.math cimport INFINITY, NAN, exp, fabs, fmod, log, rint

import numpy as np

from .compensated cimport Sum, add
from .exponents cimport ZERO_EXPONENT, Held, normalised, through, times
from .simd cimport for_medium, for_plain, for_wide, inline_int, medium, registers, vector, wide
from .status cimport IMPOSSIBLE, INEXACT, OK, STOPPED

cdef double LN2 = 0.693147180559945309417
cdef double LARGEST = 1e280     # of a log likelihood: sums of larger ones overflow
cdef double PLAIN = 41.0        # numbers exp(-PLAIN) ... 1 have exponent 0, so that exponents stand still

cdef struct Job:
    Py_ssize_t n
    Py_ssize_t width            # n, padded
    Py_ssize_t lag              # -1: before the step is seen
    Py_ssize_t slots            # of the rings
    const double* startprob     # (2, width)
    const double* transmat      # (n, 2, width)
    const double* transposed    # (n, 2, width)
    double* alpha               # ring (slots, 2, width)
    double* rows                # ring (slots, 2, width)
    double* ahead               # scratch (2, width)
    double* beta                # scratch (2, width)
    double* moved               # scratch (2, width)
    double* probs               # scratch (n,)
    Held forward
    Held backward
    long long now               # steps taken so far
    double total                # sum of alpha = total * 2^top, but for the shifts of the rows
    double top
    Sum shift
    const double* log_rows      # (R, width)
    const int* index            # (n_steps,)
    Py_ssize_t n_steps          # to be taken
    volatile int* stop
    double* log_scale           # OUT (n_steps,): log P(o_t | o_1 ... o_t-1)
    double* filtered            # OUT (n,): that of the last step; or NULL
    double* lagged              # OUT (rows of n): from step `first` on; or NULL
    long long first
    int result                  # OUT: OK, IMPOSSIBLE, INEXACT where a logarithm is no number, or STOPPED


cdef inline inline_int exponential(
    Py_ssize_t n, Py_ssize_t width, const double* logs, double* b, double* shift,
) noexcept nogil:
    """b = exp(logs - shift) with the largest of the logs as shift. False if one is NaN or beyond numbers."""
    cdef Py_ssize_t j
    cdef double x, k, low
    shift[0] = logs[0]
    for j in range(1, n):
        shift[0] = logs[j] if not logs[j] <= shift[0] else shift[0]     # NaN too
    if shift[0] == -INFINITY:
        shift[0] = 0
    if not fabs(shift[0]) < LARGEST:
        return 0
    for j in range(n):
        x = logs[j] - shift[0]
        if not x <= 0:
            return 0
        if x == -INFINITY:
            b[j] = 0
            b[width + j] = ZERO_EXPONENT
        elif x > -PLAIN:
            b[j] = exp(x)
            b[width + j] = 0
        else:                   # ln 2 in parts, of which all products but the last are exact
            k = rint(x / LN2)
            low = fmod(k, 67108864.0)
            x = x - (k - low) * 0.6931471228599548 - low * 0.6931471228599548
            x = x - (k - low) * 5.769998878690785e-08 - low * 5.769998878690785e-08
            x = x - k * 1.6885250050761978e-15
            b[j] = exp(x)
            b[width + j] = k
    return 1


cdef inline inline_int one(Py_ssize_t n, Py_ssize_t width, double* x) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(width):
        x[j] = j < n
        x[width + j] = 0 if j < n else ZERO_EXPONENT
    return 0


cdef inline inline_int back(vector* kind, Job* job, long long t) noexcept nogil:
    """beta of step t - 1 from that of step t."""
    times(job.width, job.beta, job.rows + t % job.slots * 2 * job.width, job.moved)
    through(kind, job.n, job.width, job.moved, job.transposed, &job.backward, job.beta)
    return 0


cdef inline inline_int smoothed(Job* job, long long t, double* out) noexcept nogil:
    """alpha * beta of step t, normalised."""
    cdef double total, top
    times(job.width, job.alpha + t % job.slots * 2 * job.width, job.beta, job.moved)
    normalised(job.n, job.width, job.moved, out, &total, &top)
    return 0


cdef inline inline_int advance(vector* kind, Job* job, Py_ssize_t k) noexcept nogil:
    """One step. An impossible one changes nothing."""
    cdef long long s, t = job.now
    cdef Py_ssize_t j, n = job.n, width = job.width
    cdef double* b = job.rows + t % job.slots * 2 * width
    cdef double* y = job.alpha + t % job.slots * 2 * width
    cdef double shift, total, top
    cdef double* out = NULL
    if not exponential(n, width, job.log_rows + job.index[k] * width, b, &shift):
        return INEXACT
    if t == 0:
        for j in range(2 * width):
            job.ahead[j] = job.startprob[j]
    else:
        through(kind, n, width, job.alpha + (t - 1) % job.slots * 2 * width, job.transmat, &job.forward, job.ahead)
    times(width, job.ahead, b, y)
    normalised(n, width, y, job.probs, &total, &top)
    if total == 0:
        return IMPOSSIBLE
    job.log_scale[k] = shift + log(total / job.total) + (top - job.top) * LN2
    job.total = total
    job.top = top
    add(&job.shift, shift)
    job.now += 1
    for j in range(n if job.filtered != NULL else 0):
        job.filtered[j] = job.probs[j]
    if job.lagged == NULL or t < job.lag:
        return OK
    out = job.lagged + (t - max(job.lag, 0) - job.first) * n
    if job.lag < 0:
        normalised(n, width, job.ahead, out, &total, &top)
    elif job.lag == 0:
        for j in range(n):
            out[j] = job.probs[j]
    else:
        one(n, width, job.beta)
        for s in range(t, t - job.lag, -1):
            back(kind, job, s)
        smoothed(job, t - job.lag, out)
    return OK


cdef inline inline_int run(vector* kind, Job* job) noexcept nogil:
    cdef Py_ssize_t k
    job.result = OK
    for k in range(job.n_steps):
        job.result = advance(kind, job, k)
        if job.result != OK:
            break
        if job.stop != NULL and job.stop[0]:
            job.result = STOPPED
            break
    return 0


cdef inline inline_int rest(vector* kind, Job* job) noexcept nogil:
    """The steps that the lag still kept back, from the last one."""
    cdef long long s
    one(job.n, job.width, job.beta)
    for s in range(job.now - 1, job.first - 1, -1):
        smoothed(job, s, job.lagged + (s - job.first) * job.n)
        if s > job.first:
            back(kind, job, s)
    return 0


cdef for_plain run_plain(Job* job) noexcept nogil:
    run(<double*> NULL, job)

cdef for_medium run_medium(Job* job) noexcept nogil:
    run(<medium*> NULL, job)

cdef for_wide run_wide(Job* job) noexcept nogil:
    run(<wide*> NULL, job)

cdef for_plain rest_plain(Job* job) noexcept nogil:
    rest(<double*> NULL, job)

cdef for_medium rest_medium(Job* job) noexcept nogil:
    rest(<medium*> NULL, job)

cdef for_wide rest_wide(Job* job) noexcept nogil:
    rest(<wide*> NULL, job)


cdef int REGISTERS = registers()


cdef class Past:
    """What is remembered of one sequence: alpha and rows of its last steps."""

    cdef Job job
    cdef const double[:, ::1] startprob         # (2, W)
    cdef const double[:, :, ::1] transmat       # (N, 2, W)
    cdef const double[:, :, ::1] transposed
    cdef double[:, :, ::1] rings                # (2 slots, 2, W): alpha, rows
    cdef double[:, ::1] scratch
    cdef int[::1] first_row

    def __init__(
        self, const double[:, ::1] startprob, const double[:, :, ::1] transmat, const double[:, :, ::1] transposed,
        Py_ssize_t lag,
    ):
        cdef Py_ssize_t n = transmat.shape[0], width = transmat.shape[2], slots = max(lag, 0) + 2
        self.startprob, self.transmat, self.transposed = startprob, transmat, transposed
        self.rings = cvarray(shape=(2 * slots, 2, width), itemsize=sizeof(double), format="d")
        self.rings[:, :, :] = 0
        self.rings[:, 1, :] = ZERO_EXPONENT
        self.scratch = cvarray(shape=(2 * n + 11, width), itemsize=sizeof(double), format="d")
        self.scratch[:, :] = 0
        self.first_row = cvarray(shape=(1,), itemsize=sizeof(int), format="i")
        self.first_row[0] = 0
        self.job.n = n
        self.job.width = width
        self.job.lag = lag
        self.job.slots = slots
        self.job.startprob = &startprob[0, 0]
        self.job.transmat = &transmat[0, 0, 0]
        self.job.transposed = &transposed[0, 0, 0]
        self.job.alpha = &self.rings[0, 0, 0]
        self.job.rows = &self.rings[slots, 0, 0]
        self.job.forward.exponents = &self.scratch[0, 0]
        self.job.backward.exponents = &self.scratch[2, 0]
        self.job.ahead = &self.scratch[4, 0]
        self.job.beta = &self.scratch[6, 0]
        self.job.moved = &self.scratch[8, 0]
        self.job.probs = &self.scratch[10, 0]
        self.job.forward.matrix = &self.scratch[11, 0]
        self.job.backward.matrix = self.job.forward.matrix + n * width
        self.job.forward.exponents[0] = self.job.backward.exponents[0] = NAN    # none yet
        self.job.now = 0
        self.job.total = 1
        self.job.top = 0
        self.job.shift.total = self.job.shift.compensation = 0

    @property
    def n_steps(self):
        """Steps taken so far."""
        return self.job.now

    @property
    def loglik(self):
        """log P of all steps so far."""
        return log(self.job.total) + self.job.top * LN2 + (self.job.shift.total + self.job.shift.compensation)

    def push(
        self,
        const double[:, ::1] log_row,           # IN (1, at least N)
        double[::1] filtered,                   # OUT (N,)
        double[::1] lagged,                     # OUT (N,) that of the step `lag` before; or None
    ):
        """(status, log P(o_t | o_1 ... o_t-1)) of one more step; unless the status is OK, nothing has changed."""
        cdef double log_scale = 0
        self.job.log_rows = &log_row[0, 0]
        self.job.index = &self.first_row[0]
        self.job.n_steps = 1
        self.job.stop = NULL
        self.job.log_scale = &log_scale
        self.job.filtered = &filtered[0]
        self.job.lagged = NULL if lagged is None else &lagged[0]
        self.job.first = self.job.now - max(self.job.lag, 0)
        self._run()
        return self.job.result, log_scale

    def run(
        self,
        const double[:, ::1] log_rows,          # IN (R, W)
        const int[::1] index,                   # IN (T,)
        int[::1] stop,                          # IN (1,)
        double[::1] log_scale,                  # OUT (T,)
        double[:, ::1] lagged,                  # OUT (T, N), but for the last `lag` steps; or None
    ):
        """The status after a whole sequence."""
        self.job.log_rows = &log_rows[0, 0]
        self.job.index = &index[0]
        self.job.n_steps = index.shape[0]
        self.job.stop = &stop[0]
        self.job.log_scale = &log_scale[0]
        self.job.filtered = NULL
        self.job.lagged = NULL if lagged is None else &lagged[0, 0]
        self.job.first = 0
        with nogil:
            self._run()
        return self.job.result

    def rest(
        self,
        double[:, ::1] out,                     # OUT (K, N), the last K steps, at most `lag`
    ):
        """P(state | all steps so far) of the last steps."""
        if not out.shape[0]:
            return
        self.job.lagged = &out[0, 0]
        self.job.first = self.job.now - out.shape[0]
        if REGISTERS == 2 and self.job.width > 4:
            rest_wide(&self.job)
        elif REGISTERS and self.job.width > 2:
            rest_medium(&self.job)
        else:
            rest_plain(&self.job)

    cdef void _run(self) noexcept nogil:
        """The copy that fits the processor and the size."""
        if REGISTERS == 2 and self.job.width > 4:
            run_wide(&self.job)
        elif REGISTERS and self.job.width > 2:
            run_medium(&self.job)
        else:
            run_plain(&self.job)

    def saved(self):
        """(rings without padding, numbers that go with them)."""
        numbers = self.job.now, self.job.total, self.job.top, self.job.shift.total, self.job.shift.compensation
        return np.asarray(self.rings)[:, :, : self.job.n].copy(), numbers

    def restore(self, rings, numbers):
        np.asarray(self.rings)[:, :, : self.job.n] = rings
        self.job.now, self.job.total, self.job.top, self.job.shift.total, self.job.shift.compensation = numbers
