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

from libc.math cimport INFINITY, exp, frexp, ldexp, log
from libc.stdlib cimport free, malloc, realloc

from .lanes cimport (
    ADD, SET, WEIGH, alone, for_medium, for_plain, for_wide, inlined, lanes, medium, padded, product, registers,
    sum_lanes, wide,
)

cdef extern from "<fenv.h>" nogil:
    int feclearexcept(int)
    int fetestexcept(int)
    int FE_UNDERFLOW

cdef enum Status:       # the public ones are repeated in __init__.py
    OK
    IMPOSSIBLE          # P(O) = 0 by `step`
    INEXACT             # needs log space
    STOPPED
    NO_MEMORY

cdef enum Task:
    LOGLIK
    COUNTS
    ALPHA
    BETA
    GAMMA

cdef enum:
    BLOCK = 32          # steps between two looks at `stop`; rank of one update of the pair counts

cdef double LN2 = 0.693147180559945309417232121458
cdef double SMALL = ldexp(1.0, -256)    # a sum below is scaled up
cdef double TINY = 2.3e-308             # just above the smallest normal number
cdef double HUGE = ldexp(1.0, 1023)
cdef double ALARM = 1e250

cdef struct Scaling:
    Py_ssize_t step
    int exponent

cdef struct Chain:
    Py_ssize_t n                # states
    Py_ssize_t width            # doubles from one row of a table to the next
    const double* startprob     # (width,)
    const double* transmat      # (n, width): A
    const double* transposed    # (n, width): A turned, for the way back
    const double* rows          # (R, width)

cdef struct Sequence:
    Py_ssize_t n_steps
    const int* index            # (n_steps,)
    double weight
    double* alpha               # two rows in turn, or one for each step
    double* work                # (3 + BLOCK, width)
    Scaling* scalings           # where and by how much alpha was scaled, in the order of time
    Py_ssize_t n_scalings
    Py_ssize_t capacity
    double total                # sum of the last alpha
    double exponent             # powers of two that are missing in it
    int status
    Py_ssize_t step

cdef struct Job:
    Chain chain
    Task task
    Py_ssize_t n_sequences
    const long long* bounds     # (S + 1,)
    const int* index            # (T,)
    const double* shift         # (R,)
    const unsigned char* lost   # (R,) or NULL: rows in which exp() flushed something
    const double* weight        # (S,) or NULL
    volatile int* stop
    double* alpha               # scratch, or the table that comes back
    double* work
    double* start               # ADD (n,)
    double* pairs               # ADD (n, width): sum of alpha[t-1] w[t]; times A it is the sum of xi
    double* weights             # ADD (R, width): gamma by row
    double* xi                  # OUT (T - 1, n, n) or NULL
    double* log_scale           # OUT (T,) or NULL
    double* loglik              # OUT (S,)
    int* status                 # OUT (S,)
    long long* step             # OUT (S,)


# The recursions --------------------------------------------------------------------------------------------------

cdef inline inlined rescale(double* y, Py_ssize_t width, double* total, Py_ssize_t t, Sequence* seq) noexcept nogil:
    """Scale a row by the power of two that brings its sum near 1; 2^1000 at most, lest the factor overflow."""
    cdef int e
    cdef Py_ssize_t j
    cdef double factor
    cdef Scaling* grown
    frexp(total[0], &e)
    e = min(-e, 1000)
    factor = ldexp(1.0, e)
    for j in range(width):
        y[j] *= factor
    total[0] *= factor
    seq.exponent -= e
    if seq.n_scalings == seq.capacity:
        grown = <Scaling*> realloc(seq.scalings, 2 * (seq.capacity + 32) * sizeof(Scaling))
        if grown == NULL:
            seq.status = NO_MEMORY
            return 0
        seq.scalings = grown
        seq.capacity = 2 * (seq.capacity + 32)
    seq.scalings[seq.n_scalings].step = t
    seq.scalings[seq.n_scalings].exponent = e
    seq.n_scalings += 1
    return 0


cdef inline inlined forward_pass(
    lanes* kind,                # which registers
    Py_ssize_t n,
    Py_ssize_t width,
    Py_ssize_t stride,          # doubles from alpha[t] to alpha[t+1]
    bint kept,                  # keep every alpha[t], or two in turn
    const Chain* chain,
    Sequence* seq,
    volatile int* stop,
) noexcept nogil:
    """alpha[t] = b[t] * (alpha[t-1] A)"""
    cdef Py_ssize_t t, j, vectors = width // <Py_ssize_t> (sizeof(lanes) // sizeof(double))
    cdef double total = 0
    cdef double* x
    cdef double* y = seq.alpha
    cdef const double* b
    cdef lanes sums
    seq.exponent = 0
    seq.n_scalings = 0
    for t in range(seq.n_steps):
        b = chain.rows + seq.index[t] * width
        if t == 0:
            for j in range(n):
                y[j] = chain.startprob[j] * b[j]
                total += y[j]
        else:
            x = y
            y = seq.alpha + (t if kept else t & 1) * stride
            sums = b[0] * (<const lanes*> b)[0] * 0
            product(<lanes*> y, vectors, n, x, 1, <const lanes*> chain.transmat, WEIGH, <const lanes*> b, &sums)
            sum_lanes(&sums, &total)
        if total < SMALL:
            if total > 0:
                rescale(y, n, &total, t, seq)
            else:
                seq.status = IMPOSSIBLE
                seq.step = t
        if t % BLOCK == 0 and stop[0]:
            seq.status = STOPPED
        if seq.status:
            return 0
    seq.total = total
    return 0


cdef inline inlined unscaled(Sequence* seq, Py_ssize_t t, Py_ssize_t* cursor, double* factor) noexcept nogil:
    """The factor by which alpha[t] was scaled; the cursor runs backwards over the scalings."""
    factor[0] = 1
    if cursor[0] and seq.scalings[cursor[0] - 1].step == t:
        cursor[0] -= 1
        factor[0] = ldexp(1.0, seq.scalings[cursor[0]].exponent)
    return 0


cdef inline inlined certify(
    lanes* kind, Py_ssize_t n, Py_ssize_t width, const Chain* chain, Sequence* seq, volatile int* stop,
) noexcept nogil:
    """INEXACT if something that underflowed on the way forward could matter.

    beta is scaled so that sum(alpha * beta) = 1. A state may be needed where its beta is so large that even an alpha
    below 1e-308 counts. The floor keeps a beta that underflows itself from hiding the alarm. The look comes before b
    is multiplied in: what underflowed may be alpha before its own b.
    """
    cdef Py_ssize_t t, j, vectors = width // <Py_ssize_t> (sizeof(lanes) // sizeof(double))
    cdef Py_ssize_t cursor = seq.n_scalings
    cdef double factor
    cdef const double* b
    cdef double* beta = seq.work
    cdef alone v = beta
    cdef alone w = seq.work + width
    cdef alone top = seq.work + 2 * width
    for j in range(width):
        beta[j] = 1 / seq.total
        top[j] = 0
    for t in range(seq.n_steps - 1, -1, -1):
        b = chain.rows + seq.index[t] * width
        unscaled(seq, t, &cursor, &factor)
        for j in range(width):
            v[j] *= factor
            v[j] = v[j] if v[j] < HUGE else HUGE
            v[j] = v[j] if v[j] > TINY else TINY
            top[j] = v[j] if v[j] > top[j] else top[j]
            w[j] = b[j] * v[j]
        product(<lanes*> beta, vectors, n, w, 1, <const lanes*> chain.transposed, SET, NULL, NULL)
        if t % BLOCK == 0 and stop[0]:
            seq.status = STOPPED
            return 0
    for j in range(n):
        if top[j] > ALARM:
            seq.status = INEXACT
    return 0


cdef inline inlined future(
    Py_ssize_t width, const double* b, const double* beta, alone w, Py_ssize_t t, Sequence* seq, Py_ssize_t* cursor,
) noexcept nogil:
    """w = b[t] * beta[t], at the scale of step t-1; beta of an unreachable state could overflow and is capped."""
    cdef Py_ssize_t j
    cdef double factor, v
    unscaled(seq, t, cursor, &factor)
    for j in range(width):
        v = beta[j] * factor
        w[j] = b[j] * (v if v < HUGE else HUGE)
    return 0


cdef inline inlined counts_pass(
    lanes* kind, Py_ssize_t n, Py_ssize_t width, Job* job, Sequence* seq,
) noexcept nogil:
    """beta on the way, gamma and xi added into the tables; xi a block of steps at a time, as a product of matrices."""
    cdef Py_ssize_t t, i, j, filled = 0, vectors = width // <Py_ssize_t> (sizeof(lanes) // sizeof(double))
    cdef Py_ssize_t cursor = seq.n_scalings
    cdef const double* alpha
    cdef double* beta = seq.work
    cdef double* w = seq.work
    cdef alone gamma
    for j in range(width):
        beta[j] = 1 / seq.total
    for t in range(seq.n_steps - 1, -1, -1):
        alpha = seq.alpha + t * width
        gamma = job.weights + seq.index[t] * width
        for j in range(width):
            gamma[j] += seq.weight * (alpha[j] * beta[j])
        if t == 0:
            for j in range(n):
                job.start[j] += seq.weight * (alpha[j] * beta[j])
        else:
            filled += 1
            w = seq.work + (3 + BLOCK - filled) * width     # filled from the end: rows in the order of time
            future(width, job.chain.rows + seq.index[t] * width, beta, w, t, seq, &cursor)
            product(<lanes*> beta, vectors, n, w, 1, <const lanes*> job.chain.transposed, SET, NULL, NULL)
            if seq.weight != 1:
                for j in range(width):
                    w[j] *= seq.weight
        if filled == BLOCK or (t <= 1 and filled):
            # pairs[i] += sum_s alpha[t-1+s, i] w[t+s]
            for i in range(n):
                product(
                    <lanes*> (job.pairs + i * width), vectors, filled, alpha - width + i, width, <const lanes*> w,
                    ADD, NULL, NULL,
                )
            filled = 0
            if job.stop[0]:
                seq.status = STOPPED
                return 0
    return 0


cdef inline inlined table_pass(
    lanes* kind, Py_ssize_t n, Py_ssize_t width, Job* job, Sequence* seq,
) noexcept nogil:
    """beta or gamma written over alpha, row by row from the last, and xi on request."""
    cdef Py_ssize_t t, i, j, vectors = width // <Py_ssize_t> (sizeof(lanes) // sizeof(double))
    cdef Py_ssize_t cursor = seq.n_scalings
    cdef double total
    cdef double* alpha
    cdef double* xi
    cdef double* beta = seq.work
    cdef double* w = seq.work + width
    for j in range(width):
        beta[j] = 1 / seq.total
    for t in range(seq.n_steps - 1, -1, -1):
        alpha = seq.alpha + t * n
        if job.task == GAMMA:
            for j in range(n):
                alpha[j] *= beta[j]
        else:
            total = 0
            for j in range(n):
                total += alpha[j]
            for j in range(n):
                alpha[j] = min(beta[j] * total, HUGE)
        if t == 0:
            break
        future(width, job.chain.rows + seq.index[t] * width, beta, w, t, seq, &cursor)
        product(<lanes*> beta, vectors, n, w, 1, <const lanes*> job.chain.transposed, SET, NULL, NULL)
        if job.xi != NULL:
            alpha -= n
            for i in range(n):
                xi = job.xi + ((t - 1) * n + i) * n
                for j in range(n):
                    xi[j] = alpha[i] * job.chain.transmat[i * width + j] * w[j]
        if t % BLOCK == 0 and job.stop[0]:
            seq.status = STOPPED
            return 0
    return 0


cdef inline inlined scale_table(Py_ssize_t n, Job* job, Sequence* seq) noexcept nogil:
    """log_scale[t] = log P(o_t | o_1 ... o_t-1), and for ALPHA rows that sum to 1.

    Sums and exponents are exact enough here, since alpha[t] holds P(o_1 ... o_t, q_t) times a known power of two.
    """
    cdef Py_ssize_t t, j, cursor = 0
    cdef double total, before = 1, exponent
    cdef double* alpha
    for t in range(seq.n_steps):
        alpha = seq.alpha + t * n
        exponent = 0
        if cursor < seq.n_scalings and seq.scalings[cursor].step == t:
            exponent = seq.scalings[cursor].exponent
            cursor += 1
        total = 0
        for j in range(n):
            total += alpha[j]
        job.log_scale[t] = log(total / before) - exponent * LN2 + job.shift[seq.index[t]]
        before = total
        if job.task == ALPHA:
            for j in range(n):
                alpha[j] /= total
    return 0


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


cdef inline inlined run(lanes* kind, Py_ssize_t n, Py_ssize_t width, Job* job) noexcept nogil:
    cdef Py_ssize_t s
    cdef Sequence seq
    cdef bint lost
    cdef double shifts
    seq.work = job.work
    seq.alpha = job.alpha
    seq.scalings = NULL
    seq.capacity = 0
    seq.total = 1
    seq.status = OK
    for s in range(job.n_sequences):
        job.status[s] = OK
        job.loglik[s] = 0
        seq.status = OK
        seq.step = -1
        seq.n_steps = job.bounds[s + 1] - job.bounds[s]
        seq.index = job.index + job.bounds[s]
        seq.weight = 1 if job.weight == NULL else job.weight[s]
        if seq.n_steps == 0:
            continue
        if fetestexcept(FE_UNDERFLOW):
            feclearexcept(FE_UNDERFLOW)
        if job.task == LOGLIK:
            forward_pass(kind, n, width, width, False, &job.chain, &seq, job.stop)
        elif job.task == COUNTS:
            forward_pass(kind, n, width, width, True, &job.chain, &seq, job.stop)
        else:
            seq.alpha = job.alpha + (job.bounds[s] - job.bounds[0]) * n
            forward_pass(kind, n, width, n, True, &job.chain, &seq, job.stop)
        anything_lost(job, &seq, &lost)
        if (lost or not NOTICED or fetestexcept(FE_UNDERFLOW)) and seq.status <= IMPOSSIBLE:
            if seq.status == IMPOSSIBLE or job.task == ALPHA:
                seq.status = INEXACT
            else:
                certify(kind, n, width, &job.chain, &seq, job.stop)
        if seq.status == OK:
            if job.task == COUNTS:
                counts_pass(kind, n, width, job, &seq)
            elif job.task != LOGLIK:
                if job.log_scale != NULL:
                    scale_table(n, job, &seq)
                if job.task == BETA:
                    feclearexcept(FE_UNDERFLOW)
                if job.task != ALPHA:
                    table_pass(kind, n, width, job, &seq)
                if job.task == BETA and fetestexcept(FE_UNDERFLOW):
                    seq.status = INEXACT
            shift_sum(job.shift, seq.index, seq.n_steps, &shifts)
            job.loglik[s] = log(seq.total) + seq.exponent * LN2 + shifts
        job.status[s] = seq.status
        job.step[s] = seq.step
        if seq.status >= STOPPED:
            break
    free(seq.scalings)
    return seq.status if seq.status >= STOPPED else OK


cdef inline inlined run_sized(lanes* kind, Job* job) noexcept nogil:
    """Tiny models with their size known to the compiler, which then keeps them in registers."""
    cdef double* single = NULL
    if job.chain.n == 1:
        return run(single, 1, 1, job)
    if job.chain.n == 2:
        return run(single, 2, 2, job)
    if job.chain.n == 3:
        return run(single, 3, 3, job)
    if job.chain.n == 4:
        return run(single, 4, 4, job)
    return run(kind, job.chain.n, job.chain.width, job)

cdef for_plain run_plain(Job* job) noexcept nogil:
    return run_sized(<double*> NULL, job)

cdef for_medium run_medium(Job* job) noexcept nogil:
    return run_sized(<medium*> NULL, job)

cdef for_wide run_wide(Job* job) noexcept nogil:
    return run_sized(<wide*> NULL, job)



# The door --------------------------------------------------------------------------------------------------------

cdef int REGISTERS = registers()


cdef bint underflow_is_noticed() noexcept nogil:
    """Emulators and flush-to-zero modes may not raise the flag: then every sequence is certified."""
    cdef volatile double small = 1e-200
    cdef volatile double product
    feclearexcept(FE_UNDERFLOW)
    product = small * small
    cdef bint noticed = fetestexcept(FE_UNDERFLOW) != 0
    feclearexcept(FE_UNDERFLOW)
    return noticed and small * 1e-110 > 0

cdef bint NOTICED = underflow_is_noticed()

cdef int run_best(Job* job) noexcept nogil:
    if REGISTERS == 2:
        return run_wide(job)
    if REGISTERS == 1:
        return run_medium(job)
    return run_plain(job)


def row_width(Py_ssize_t n_states):
    """Doubles from one row of a table to the next, as the functions below want `startprob`, `transmat` and `rows`."""
    return padded(n_states)


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
    double[::1] scratch,                    # (longest sequence * W,)
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
    job.weight = &weight[0] if weight is not None and weight.shape[0] else NULL
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


def scale_rows(
    const double[:, ::1] log_rows,          # IN (R, W)
    Py_ssize_t n,                           # IN: how many of the W are states
    double[:, ::1] rows,                    # OUT (R, W): exp(log row - its maximum), padded with zeros
    double[::1] shift,                      # OUT (R,): the maximum; 0 for a row of -inf
    unsigned char[::1] lost,                # OUT (R,): whether an entry was flushed to 0, or nearly
):
    """Likelihoods from log likelihoods. True if anything was lost in any row."""
    cdef Py_ssize_t r, j
    cdef double top, x
    cdef bint any_lost = False
    with nogil:
        for r in range(log_rows.shape[0]):
            top = log_rows[r, 0]
            for j in range(1, n):
                top = max(top, log_rows[r, j])
            if top == -INFINITY:
                top = 0
            shift[r] = top
            lost[r] = False
            for j in range(n):
                x = exp(log_rows[r, j] - top)
                if x < TINY and log_rows[r, j] != -INFINITY:
                    lost[r] = True
                    any_lost = True
                rows[r, j] = x
            for j in range(n, rows.shape[1]):
                rows[r, j] = 0
    return any_lost
