"""Forward, backward and what follows from them, on rows of likelihoods.

A *row* holds the likelihoods b_1(o) ... b_N(o) of one observed value, divided by the largest; `shift` is the logarithm
of what was taken out. `index[t]` says which row step t sees; sequence s has the steps bounds[s] ... bounds[s+1] - 1.

    alpha[t, j] = b[t, j] * sum_i alpha[t-1, i] A[i, j]                 scaled by 2^e where its sum gets small
    beta[t, i]  = sum_j A[i, j] b[t+1, j] beta[t+1, j]                  scaled by the same 2^e
    gamma[t, i] = alpha[t, i] beta[t, i]
    xi[t, i, j] = alpha[t, i] A[i, j] b[t+1, j] beta[t+1, j]

Scaling by powers of two is exact; one logarithm per sequence, at the end, gives log P(O).

A state whose scaled alpha falls below 1e-308 is lost, and it may be needed later: the data may come to fit it alone.
That is never silent. The processor remembers that something underflowed on the way forward; only then a way back asks
whether what was lost matters (`certify`). Where it does, the sequence is INEXACT, nothing is written for it, and
log_space.pyx takes over. Left-right models underflow as a matter of course, harmlessly, and stay here.
"""

from libc.math cimport INFINITY, log, sqrt
from libc.stdlib cimport free, malloc

from .lanes cimport for_medium, for_plain, for_wide, inlined, lanes, medium, padded, registers, wide
from .passes cimport (
    ALPHA, BETA, BLOCK, COUNTS, GAMMA, IMPOSSIBLE, INEXACT, LN2, LOGLIK, NO_MEMORY, OK, STOPPED, Job, Sequence,
    certify, counts_pass, forward_pass, scale_table, table_pass,
)
from .two_ends cimport meet_best, part_best

cdef extern from *:
    """
    /* Did anything underflow in this thread? The processor's own memory of it. On x86 it also remembers operands below
       the normal range: powers of two get there without rounding, which no standard flag reports. Elsewhere see
       CHMM_ROW_TOP in lanes.pxd. */
    #ifdef CHMM_X86
      #include <xmmintrin.h>
      static int chmm_underflowed(void) { return (_mm_getcsr() & 0x12) != 0; }
      static void chmm_clear_underflow(void) { if (_mm_getcsr() & 0x12) _mm_setcsr(_mm_getcsr() & ~0x12u); }
    #else
      #include <fenv.h>
      static int chmm_underflowed(void) { return fetestexcept(FE_UNDERFLOW) != 0; }
      static void chmm_clear_underflow(void) { if (fetestexcept(FE_UNDERFLOW)) feclearexcept(FE_UNDERFLOW); }
    #endif
    """
    int underflowed "chmm_underflowed"() noexcept nogil
    void clear_underflow "chmm_clear_underflow"() noexcept nogil


cdef inline inlined shift_sum(const double* shift, const int* index, Py_ssize_t n_steps, double* result) noexcept nogil:
    """Sum of the shifts: plain in blocks of 64, in four chains, and Neumaier's compensated sum of the blocks."""
    cdef Py_ssize_t t = 0, end
    cdef double s0, s1, s2, s3, part, total = 0, lost = 0, after
    while t < n_steps:
        end = min(t + 64, n_steps)
        s0 = s1 = s2 = s3 = 0
        while t + 4 <= end:
            s0 += shift[index[t]]
            s1 += shift[index[t + 1]]
            s2 += shift[index[t + 2]]
            s3 += shift[index[t + 3]]
            t += 4
        while t < end:
            s0 += shift[index[t]]
            t += 1
        part = (s0 + s1) + (s2 + s3)
        after = total + part
        lost += (total - after) + part if (total if total > 0 else -total) >= (part if part > 0 else -part) \
            else (part - after) + total
        total = after
    result[0] = total + lost
    return 0


# One chunk of sequences ------------------------------------------------------------------------------------------

cdef inline inlined anything_lost(const Job* job, const Sequence* seq, bint* lost) noexcept nogil:
    cdef Py_ssize_t t
    lost[0] = False
    if job.lost != NULL:
        for t in range(seq.n_steps):
            if job.lost[seq.index[t]]:
                lost[0] = True
    return 0


cdef inline inlined from_the_front(
    lanes* kind, Py_ssize_t n, Py_ssize_t width, bint lost, Job* job, Sequence* seq,
) noexcept nogil:
    """Forward, the certificate if it is needed, and back."""
    seq.status = OK
    seq.back.total = 0
    clear_underflow()
    forward_pass(kind, n, width, job, seq)
    if (lost or not NOTICED or underflowed()) and seq.status <= IMPOSSIBLE:
        if seq.status == IMPOSSIBLE or job.task == ALPHA or job.task == BETA:
            seq.status = INEXACT    # the filter knows no future that could certify it, and beta goes by its scale
        else:
            certify(kind, n, width, &job.chain, seq, job.stop)
    if seq.status != OK:
        return 0
    if job.task == COUNTS:
        counts_pass(kind, n, width, job, seq)
    elif job.task != LOGLIK:
        if job.log_scale != NULL:
            scale_table(n, job, seq)
        clear_underflow()
        if job.task != ALPHA:
            table_pass(kind, n, width, job, seq)
        if job.task == BETA and underflowed():
            seq.status = INEXACT
    return 0


cdef int from_both_ends(Job* job, Sequence* seq, bint* done) noexcept nogil:
    """The same for tiny models, unless something underflows before the ends meet."""
    clear_underflow()
    meet_best(job, seq)
    done[0] = seq.status >= STOPPED or (seq.status == OK and NOTICED and not underflowed())
    if done[0] and seq.status == OK and job.task != LOGLIK:
        part_best(job, seq)
    return 0


cdef inline inlined run(lanes* kind, Py_ssize_t n, Py_ssize_t width, Job* job) noexcept nogil:
    cdef Py_ssize_t s
    cdef Sequence seq
    cdef bint lost, done
    cdef double shifts
    cdef bint tiny = n <= 4 and job.xi == NULL and (job.task == LOGLIK or job.task == COUNTS or job.task == GAMMA)
    seq.work = job.work
    seq.alpha = job.alpha
    seq.front.items = seq.back.items = NULL
    seq.front.capacity = seq.back.capacity = 0
    seq.total = 1
    seq.status = OK
    for s in range(job.n_sequences):
        job.status[s] = OK
        job.loglik[s] = 0
        job.step[s] = -1
        seq.step = -1
        seq.n_steps = job.bounds[s + 1] - job.bounds[s]
        seq.index = job.index + job.bounds[s]
        seq.weight = 1 if job.weight == NULL else job.weight[s]
        if seq.n_steps == 0:
            continue
        if job.task >= ALPHA:
            seq.alpha = job.alpha + (job.bounds[s] - job.bounds[0]) * n
        anything_lost(job, &seq, &lost)
        done = False
        if tiny and seq.n_steps > 3 and not lost and (job.task != COUNTS or seq.n_steps <= job.stretch):
            from_both_ends(job, &seq, &done)
        if not done:
            from_the_front(kind, n, width, lost, job, &seq)
        if seq.status == OK:
            shift_sum(job.shift, seq.index, seq.n_steps, &shifts)
            job.loglik[s] = log(seq.total) - (seq.front.total + seq.back.total) * LN2 + shifts
        elif seq.status == IMPOSSIBLE:
            job.loglik[s] = -INFINITY
        job.status[s] = seq.status
        job.step[s] = seq.step
        if seq.status >= STOPPED:
            break
    free(seq.front.items)
    free(seq.back.items)
    return seq.status if seq.status >= STOPPED else OK


cdef for_plain run_plain(Job* job) noexcept nogil:
    return run(<double*> NULL, job.chain.n, job.chain.width, job)

cdef for_medium run_medium(Job* job) noexcept nogil:
    if job.chain.n <= 4:
        return run(<double*> NULL, job.chain.n, job.chain.n, job)
    return run(<medium*> NULL, job.chain.n, job.chain.width, job)

cdef for_wide run_wide(Job* job) noexcept nogil:
    return run(<wide*> NULL, job.chain.n, job.chain.width, job)


# The door --------------------------------------------------------------------------------------------------------

cdef int REGISTERS = registers()


cdef bint underflow_is_noticed() noexcept nogil:
    """Emulators and flush-to-zero modes may not raise the flag: then every sequence is certified."""
    cdef volatile double small = 1e-200
    cdef volatile double smaller
    clear_underflow()
    smaller = small * small
    cdef bint noticed = underflowed() != 0
    clear_underflow()
    return noticed and smaller == 0 and small * 1e-110 > 0

cdef bint NOTICED = underflow_is_noticed()

cdef int run_best(Job* job) noexcept nogil:
    job.registers = REGISTERS
    if REGISTERS == 2 and job.chain.n > 4:
        return run_wide(job)
    if REGISTERS:
        return run_medium(job)
    return run_plain(job)


def row_width(Py_ssize_t n_states):
    """Doubles from one row of a table to the next, as the functions below want `startprob`, `transmat` and `rows`."""
    return padded(n_states)


def alpha_scratch(Py_ssize_t n_states, Py_ssize_t longest, Py_ssize_t budget):
    """(stretch, doubles of scratch) for `expected_counts`: all of alpha if it fits into `budget` bytes, else one row in
    `stretch` and one stretch at a time, computed again."""
    cdef Py_ssize_t width = padded(n_states), stretch = max(longest, 1)
    if stretch > budget // 8 // width:
        stretch = <Py_ssize_t> sqrt(<double> longest) + 1
    return stretch, (stretch + longest // stretch + 3) * width


cdef int call(
    Job* job,
    const double[::1] startprob,
    const double[:, ::1] transmat,
    const double[:, ::1] transposed,
    const double[:, ::1] rows,
    const double[::1] shift,
    const unsigned char[::1] lost,
    const int[::1] index,
    const long long[::1] bounds,
    int[::1] stop,
    double[::1] loglik,
    int[::1] status,
    long long[::1] step,
) except -1:
    """Fill in what every task needs, run, and tell of what went wrong. True if `stop` was set."""
    cdef Py_ssize_t width = transmat.shape[1]
    cdef void* work
    cdef int result
    if bounds.shape[0] == 1 or bounds[bounds.shape[0] - 1] == bounds[0]:
        loglik[:] = 0
        status[:] = OK
        step[:] = -1
        return False
    job.chain.n = transmat.shape[0]
    job.chain.width = width
    job.chain.startprob = &startprob[0]
    job.chain.transmat = &transmat[0, 0]
    job.chain.transposed = &transposed[0, 0]
    job.chain.rows = &rows[0, 0]
    job.n_sequences = bounds.shape[0] - 1
    job.bounds = &bounds[0]
    job.index = &index[0]
    job.shift = &shift[0]
    job.lost = &lost[0] if lost is not None else NULL
    job.stop = &stop[0]
    job.loglik = &loglik[0]
    job.status = &status[0]
    job.step = &step[0]
    work = malloc((5 + BLOCK) * width * sizeof(double) + 64)
    if work == NULL:
        raise MemoryError(f"no memory for {5 + BLOCK} rows of {width} states")
    job.work = <double*> (<size_t> (<char*> work + 63) // 64 * 64)
    if job.task == LOGLIK:
        job.alpha = job.work + (3 + BLOCK) * width
    with nogil:
        result = run_best(job)
    free(work)
    if result == NO_MEMORY:
        raise MemoryError("no memory to note where a sequence was scaled")
    return result == STOPPED


def log_likelihood(
    const double[::1] startprob,            # IN (W,), W = row_width(N)
    const double[:, ::1] transmat,          # IN (N, W)
    const double[:, ::1] transposed,        # IN (N, W)
    const double[:, ::1] rows,              # IN (R, W), largest entry of each 1
    const double[::1] shift,                # IN (R,)
    const unsigned char[::1] lost,          # IN (R,) or None: rows with entries that were flushed to 0
    const int[::1] index,                   # IN (T,)
    const long long[::1] bounds,            # IN (S + 1,)
    int[::1] stop,                          # IN (1,): set it to end the call early
    double[::1] loglik,                     # OUT (S,)
    int[::1] status,                        # OUT (S,): OK, IMPOSSIBLE or INEXACT
    long long[::1] step,                    # OUT (S,): where it became impossible, from the sequence's start
):
    """log P(O) of each sequence. True if it was stopped."""
    cdef Job job
    job.task = LOGLIK
    job.weight = NULL
    job.xi = NULL
    return call(&job, startprob, transmat, transposed, rows, shift, lost, index, bounds, stop, loglik, status, step)


def expected_counts(
    const double[::1] startprob,
    const double[:, ::1] transmat,
    const double[:, ::1] transposed,
    const double[:, ::1] rows,
    const double[::1] shift,
    const unsigned char[::1] lost,
    const int[::1] index,
    const long long[::1] bounds,
    const double[::1] weight,               # IN (S,) in [0, 1], or None
    int[::1] stop,
    Py_ssize_t stretch,                     # steps of which alpha is kept at a time, and
    double[::1] scratch,                    # see alpha_scratch
    double[::1] start,                      # ADD (N,): gamma at the first steps
    double[:, ::1] pairs,                   # ADD (N, W): times A it is the sum of xi
    double[:, ::1] weights,                 # ADD (R, W): gamma by row
    double[::1] loglik,
    int[::1] status,
    long long[::1] step,
):
    """The E-step: expected counts of all sequences, added up. Nothing is added for a sequence that is not OK."""
    cdef Job job
    job.task = COUNTS
    job.xi = NULL
    job.weight = &weight[0] if weight is not None and weight.shape[0] else NULL
    job.stretch = stretch
    job.alpha = &scratch[0] if scratch.shape[0] else NULL
    job.start = &start[0]
    job.pairs = &pairs[0, 0]
    job.weights = &weights[0, 0]
    return call(&job, startprob, transmat, transposed, rows, shift, lost, index, bounds, stop, loglik, status, step)


def forward(
    const double[::1] startprob,
    const double[:, ::1] transmat,
    const double[:, ::1] transposed,
    const double[:, ::1] rows,
    const double[::1] shift,
    const unsigned char[::1] lost,
    const int[::1] index,
    const long long[::1] bounds,
    int[::1] stop,
    double[::1] alpha,                      # OUT (T * N + W,), rows sum to 1; what lies behind T * N is scratch
    double[::1] log_scale,                  # OUT (T,): log P(o_t | o_1 ... o_t-1)
    double[::1] loglik,
    int[::1] status,
    long long[::1] step,
):
    """The scaled forward variables."""
    cdef Job job
    job.task = ALPHA
    job.weight = NULL
    job.xi = NULL
    job.alpha = &alpha[0]
    job.log_scale = &log_scale[0] if log_scale.shape[0] else NULL
    return call(&job, startprob, transmat, transposed, rows, shift, lost, index, bounds, stop, loglik, status, step)


def backward(
    const double[::1] startprob,
    const double[:, ::1] transmat,
    const double[:, ::1] transposed,
    const double[:, ::1] rows,
    const double[::1] shift,
    const unsigned char[::1] lost,
    const int[::1] index,
    const long long[::1] bounds,
    int[::1] stop,
    double[::1] beta,                       # OUT (T * N + W,): alpha * beta = gamma
    double[::1] log_scale,                  # OUT (T,)
    double[::1] loglik,
    int[::1] status,
    long long[::1] step,
):
    """The scaled backward variables; those of states that cannot be reached are capped at 2^1023."""
    cdef Job job
    job.task = BETA
    job.weight = NULL
    job.xi = NULL
    job.alpha = &beta[0]
    job.log_scale = &log_scale[0] if log_scale.shape[0] else NULL
    return call(&job, startprob, transmat, transposed, rows, shift, lost, index, bounds, stop, loglik, status, step)


def posteriors(
    const double[::1] startprob,
    const double[:, ::1] transmat,
    const double[:, ::1] transposed,
    const double[:, ::1] rows,
    const double[::1] shift,
    const unsigned char[::1] lost,
    const int[::1] index,
    const long long[::1] bounds,
    int[::1] stop,
    double[::1] gamma,                      # OUT (T * N + W,)
    double[:, :, ::1] xi,                   # OUT (T - 1, N, N) or None; with one sequence only
    double[::1] loglik,
    int[::1] status,
    long long[::1] step,
):
    """gamma, and xi on request."""
    cdef Job job
    job.task = GAMMA
    job.weight = NULL
    job.alpha = &gamma[0]
    job.log_scale = NULL
    job.xi = &xi[0, 0, 0] if xi is not None and xi.shape[0] else NULL
    return call(&job, startprob, transmat, transposed, rows, shift, lost, index, bounds, stop, loglik, status, step)
