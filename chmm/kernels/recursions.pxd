"""One sequence, step by step: the recursions for any number of states. Small models have siblings in
bidirectional.pxd, several sequences of large ones in side_by_side.pxd.

IN is read, OUT written, ADD added to. A *row* is the likelihoods of one value, largest 1.
"""

from libc.math cimport frexp, ldexp, log
from libc.stdlib cimport realloc

from .index cimport Index, row_of
from .status cimport IMPOSSIBLE, INEXACT, NO_MEMORY, OK, STOPPED
from .simd cimport (
    SET, WEIGH, cold_double, cold_int, inline_int, outer_product, product, restrict_ptr, sum_lanes, vector,
)

cdef extern from *:
    """
    #define CHMM_LN2 0.693147180559945309417232121458
    #define CHMM_SMALL 8.636168555094445e-78      /* 2^-256: a sum below is scaled up */
    #define CHMM_TINY 2.3e-308                    /* just above the smallest normal number */
    #define CHMM_HUGE 8.98846567431158e307        /* 2^1023 */
    #define CHMM_ALARM 1e250
    """
    double LN2 "CHMM_LN2"
    double SMALL "CHMM_SMALL"
    double TINY "CHMM_TINY"
    double HUGE "CHMM_HUGE"
    double ALARM "CHMM_ALARM"

cdef enum Task:
    LOGLIK
    COUNTS
    ALPHA
    BETA
    GAMMA

cdef enum:
    BLOCK = 32          # steps between two checks of `stop`; rank of one update of the pair counts

cdef struct Scaling:
    Py_ssize_t step
    int exponent

cdef struct Scalings:   # in the order in which they were made
    Scaling* items
    Py_ssize_t n
    Py_ssize_t capacity
    double total        # sum of the exponents

cdef struct Chain:
    Py_ssize_t n                # states
    Py_ssize_t width            # doubles from one row of a table to the next
    const double* startprob     # (width,)
    const double* transmat      # (n, width): A
    const double* transposed    # (n, width): A transposed, for the backward pass
    const double* packed        # both again, in the order in which `product` reads them; see simd.pack
    const double* packed_T
    const double* rows          # (R, width)

cdef struct Sequence:
    Py_ssize_t n_steps
    Index index                 # (n_steps,)
    double weight
    double* alpha               # scratch, or the table that is returned
    double* last                # the last row of alpha, for `meet`
    double* scratch             # (3 + BLOCK, width); with both ends of two lines (4 * BLOCK, width)
    double* delta               # both ends: rows of the second half, as alpha has those of the first
    Py_ssize_t from_depth       # both ends: the depths that a call is about
    Py_ssize_t to_depth
    double* border              # IN/OUT (2, width): front and back where these depths end, and
    Py_ssize_t places[2]        # their places among the scalings, on the way through the other's half
    Scalings front              # of alpha, from the first step on
    Scalings back               # of beta, from the last step on, where a sequence is taken from both ends
    double total                # sum of the last alpha; with both ends, P(O) but for shifts and scalings
    int status
    Py_ssize_t step

cdef struct Job:
    Chain chain
    Task task
    int registers               # see simd.pxd
    int result                  # OUT: OK, STOPPED or NO_MEMORY
    Py_ssize_t n_sequences
    const long long* bounds     # (S + 1,)
    Index index                 # (T,)
    const double* shift         # (R,)
    const unsigned char* underflowed   # (R,) or NULL: rows in which exp() flushed something
    const double* weight        # (S,) or NULL
    volatile int* stop
    Py_ssize_t segment          # steps of which the E-step keeps alpha at a time
    double* alpha               # scratch, or the table that is returned
    Py_ssize_t scratch_rows     # rows of scratch
    double* scratch
    double* start               # ADD (n,)
    double* pairs               # ADD (n, width): sum of alpha[t-1] w[t]; times A it is the sum of xi
    double* weights             # ADD (R, width): gamma by row
    double* xi                  # OUT (T - 1, n, n) or NULL
    double* log_scale           # OUT (T,) or NULL
    Sequence* end               # one end of a long sequence, on its own; or NULL
    const double* ending        # IN (width,) beta of its last step, on its way back
    double* loglik              # OUT (S,)
    int* status                 # OUT (S,)
    long long* step             # OUT (S,)


cdef inline inline_int record_scaling(Scalings* scalings, Py_ssize_t step, int exponent) noexcept nogil:
    """Record that the row of this step was scaled by 2^exponent. NO_MEMORY if there is none."""
    cdef Scaling* grown
    if scalings.n == scalings.capacity:
        grown = <Scaling*> realloc(scalings.items, 2 * (scalings.capacity + 32) * sizeof(Scaling))
        if grown == NULL:
            return NO_MEMORY
        scalings.items = grown
        scalings.capacity = 2 * (scalings.capacity + 32)
    scalings.items[scalings.n].step = step
    scalings.items[scalings.n].exponent = exponent
    scalings.n += 1
    scalings.total += exponent
    return OK


cdef inline inline_int rescale(double* y, Py_ssize_t n, double* total, Py_ssize_t t, Scalings* scalings) noexcept nogil:
    """Scale a row by the power of two that brings its sum near 1, at most 2^1000, so that the factor is finite."""
    cdef int e
    cdef Py_ssize_t j
    cdef double factor
    frexp(total[0], &e)
    e = min(-e, 1000)
    factor = ldexp(1.0, e)
    for j in range(n):
        y[j] *= factor
    total[0] *= factor
    return record_scaling(scalings, t, e)


cdef inline inline_int clear(Scalings* scalings) noexcept nogil:
    scalings.n = 0
    scalings.total = 0
    return 0


cdef inline inline_int scaling_at(
    const Scalings* scalings, Py_ssize_t t, Py_ssize_t* cursor, double* factor,
) noexcept nogil:
    """The factor by which the row of step t was scaled; the cursor runs back over the scalings."""
    factor[0] = 1
    if cursor[0] and scalings.items[cursor[0] - 1].step == t:
        cursor[0] -= 1
        factor[0] = ldexp(1.0, scalings.items[cursor[0]].exponent)
    return 0


cdef inline inline_int forward_steps(
    vector* kind,               # which registers
    Py_ssize_t n,
    Py_ssize_t width,
    Py_ssize_t stride,          # doubles from alpha[t] to alpha[t+1]
    bint kept,                  # keep every alpha[t], or two in turn
    bint again,                 # a segment that is recomputed: its scalings have been recorded
    Py_ssize_t start,
    Py_ssize_t end,
    double* y,                  # IN alpha[start - 1], if start > 0
    double* rows,               # OUT alpha[start], ... if kept, else two rows other than y
    const Chain* chain,
    Sequence* seq,
    volatile int* stop,
) noexcept nogil:
    """alpha[t] = b[t] * (alpha[t-1] A) for start <= t < end; seq.last points to the last of them."""
    cdef Py_ssize_t t, j, n_recorded, vectors = width // <Py_ssize_t> (sizeof(vector) // sizeof(double))
    cdef double total = 0
    cdef double* x
    cdef const double* b
    cdef vector sums
    for t in range(start, end):
        b = chain.rows + row_of(&seq.index, t) * width
        x = y
        y = rows + (t - start if kept else t & 1) * stride
        if t == 0:
            for j in range(n):
                y[j] = chain.startprob[j] * b[j]
                total += y[j]
        else:
            sums = b[0] * (<const vector*> b)[0] * 0
            product(<vector*> y, vectors, n, x, 1, <const vector*> chain.packed, True, WEIGH, <const vector*> b, &sums)
            sum_lanes(&sums, &total)
        if total < SMALL:
            if total > 0:
                n_recorded = seq.front.n
                seq.status = rescale(y, n, &total, t, &seq.front)
                if again:
                    seq.front.total -= seq.front.items[n_recorded].exponent
                    seq.front.n = n_recorded
            else:
                seq.status = IMPOSSIBLE
                seq.step = t
        if t % BLOCK == 0 and stop[0]:
            seq.status = STOPPED
        if seq.status:
            return 0
    seq.last = y
    seq.total = total
    return 0


cdef inline cold_int rescale_cold(
    double* y, Py_ssize_t n, double total, Py_ssize_t t, Scalings* scalings,
) noexcept nogil:
    """`rescale`, kept out of line: inlined, it would push the loops' values out of registers."""
    if not total > 0:
        return IMPOSSIBLE
    return rescale(y, n, &total, t, scalings)


cdef inline cold_double scaling_at_cold(
    const Scalings* scalings, Py_ssize_t t, Py_ssize_t* cursor, Py_ssize_t* following,
) noexcept nogil:
    cdef double factor
    scaling_at(scalings, t, cursor, &factor)
    following[0] = scalings.items[cursor[0] - 1].step if cursor[0] else -1
    return factor


cdef inline inline_int certify(
    vector* kind, Py_ssize_t n, Py_ssize_t width, const Chain* chain, Sequence* seq, volatile int* stop,
) noexcept nogil:
    """INEXACT if something that underflowed in the forward pass could matter.

    beta is scaled so that sum(alpha * beta) = 1. A state may be needed where its beta is so large that even an alpha
    below 1e-308 counts. The lower limit keeps a beta that itself underflows from hiding the alarm. The check comes
    before b is multiplied in: alpha may have underflowed before its own b was applied.
    """
    cdef Py_ssize_t t, j, vectors = width // <Py_ssize_t> (sizeof(vector) // sizeof(double))
    cdef Py_ssize_t cursor = seq.front.n
    cdef double factor
    cdef const double* b
    cdef double* beta = seq.scratch
    cdef restrict_ptr v = beta
    cdef restrict_ptr w = seq.scratch + width
    cdef restrict_ptr top = seq.scratch + 2 * width
    for j in range(width):
        beta[j] = 1 / seq.total
        top[j] = 0
    for t in range(seq.n_steps - 1, -1, -1):
        b = chain.rows + row_of(&seq.index, t) * width
        scaling_at(&seq.front, t, &cursor, &factor)
        for j in range(width):
            v[j] *= factor
            v[j] = v[j] if v[j] < HUGE else HUGE
            v[j] = v[j] if v[j] > TINY else TINY
            top[j] = v[j] if v[j] > top[j] else top[j]
            w[j] = b[j] * v[j]
        product(<vector*> beta, vectors, n, w, 1, <const vector*> chain.packed_T, True, SET, NULL, NULL)
        if t % BLOCK == 0 and stop[0]:
            seq.status = STOPPED
            return 0
    for j in range(n):
        if top[j] > ALARM:
            seq.status = INEXACT
    return 0


cdef inline inline_int b_times_beta(
    Py_ssize_t width, const double* b, const double* beta, restrict_ptr w, Py_ssize_t t, Sequence* seq,
    Py_ssize_t* cursor,
) noexcept nogil:
    """w = b[t] * beta[t], at the scale of step t-1. beta of an unreachable state could overflow and is clipped."""
    cdef Py_ssize_t j
    cdef double factor, v
    scaling_at(&seq.front, t, cursor, &factor)
    for j in range(width):
        v = beta[j] * factor
        w[j] = b[j] * (v if v < HUGE else HUGE)
    return 0


cdef inline inline_int add_gamma(
    Py_ssize_t width, const double* alpha, const double* beta, Py_ssize_t t, Job* job, const Sequence* seq,
) noexcept nogil:
    cdef Py_ssize_t j
    cdef restrict_ptr gamma = job.weights + row_of(&seq.index, t) * width
    for j in range(width):
        gamma[j] += seq.weight * (alpha[j] * beta[j])
    if t == 0:
        for j in range(job.chain.n):
            job.start[j] += seq.weight * (alpha[j] * beta[j])
    return 0


cdef inline inline_int counts_steps(
    vector* kind, Py_ssize_t n, Py_ssize_t width, Py_ssize_t start, Py_ssize_t end,
    const double* rows,         # IN alpha[start], ..., and before it alpha[start - 1], if start > 0
    Py_ssize_t* cursor,         # IN/OUT place among the scalings
    Job* job,
    Sequence* seq,              # its first row of scratch: IN beta[end - 1], OUT beta[start - 1]
) noexcept nogil:
    """The backward pass adds gamma and xi to the tables; xi a block of steps at a time, as a product of matrices."""
    cdef Py_ssize_t t, j, filled = 0, vectors = width // <Py_ssize_t> (sizeof(vector) // sizeof(double))
    cdef const double* alpha
    cdef double* beta = seq.scratch
    cdef double* w = seq.scratch
    for t in range(end - 1, start - 1, -1):
        alpha = rows + (t - start) * width
        add_gamma(width, alpha, beta, t, job, seq)
        if t:
            filled += 1
            w = seq.scratch + (3 + BLOCK - filled) * width  # filled from the end: rows are in the order of time
            b_times_beta(width, job.chain.rows + row_of(&seq.index, t) * width, beta, w, t, seq, cursor)
            product(<vector*> beta, vectors, n, w, 1, <const vector*> job.chain.packed_T, True, SET, NULL, NULL)
            if job.ending != NULL:      # from the back A is transposed: its rows may sum to more than 1, and overflow
                for j in range(width):
                    beta[j] = beta[j] if beta[j] < HUGE else HUGE
            if seq.weight != 1:
                for j in range(width):
                    w[j] *= seq.weight
        if filled and (filled == BLOCK or t == start or t == 1):
            # pairs[i, j] += sum_s alpha[t-1+s, i] w[t+s, j]
            outer_product(<vector*> job.pairs, n, vectors, filled, alpha - width, width, <const vector*> w)
            filled = 0
            if job.stop[0]:
                seq.status = STOPPED
                return 0
    return 0


cdef inline inline_int counts_pass(
    vector* kind, Py_ssize_t n, Py_ssize_t width, Job* job, Sequence* seq,
) noexcept nogil:
    """The backward pass of the E-step. Where alpha was not kept, it is recomputed, one segment at a time."""
    cdef Py_ssize_t j, k, start, end, n_segments = (seq.n_steps + job.segment - 1) // job.segment
    cdef Py_ssize_t cursor = seq.front.n
    cdef double* rows = seq.alpha + width       # after the row before the segment
    cdef double* checkpoints = rows + job.segment * width
    cdef double total = seq.total
    for j in range(width):
        seq.scratch[j] = 1 / seq.total if job.ending == NULL else job.ending[j]
    for k in range(n_segments - 1, -1, -1):
        start = k * job.segment
        end = min(start + job.segment, seq.n_steps)
        if k:
            for j in range(width):
                seq.alpha[j] = checkpoints[(k - 1) * width + j]
        if n_segments > 1:
            forward_steps(kind, n, width, width, True, True, start, end, seq.alpha, rows, &job.chain, seq, job.stop)
        counts_steps(kind, n, width, start, end, rows, &cursor, job, seq)
        if seq.status:
            return 0
    seq.total = total
    return 0


cdef inline inline_int forward_pass(
    vector* kind, Py_ssize_t n, Py_ssize_t width, Job* job, Sequence* seq,
) noexcept nogil:
    """All steps. alpha of every step is kept for the tables and, if it fits, for the counts."""
    cdef Py_ssize_t j, k, start, end, n_segments
    cdef double* rows = seq.alpha + width
    cdef double* checkpoints = rows + job.segment * width
    clear(&seq.front)
    if job.task == LOGLIK:
        forward_steps(
            kind, n, width, width, False, False, 0, seq.n_steps, NULL, seq.alpha, &job.chain, seq, job.stop,
        )
    elif job.task != COUNTS:
        forward_steps(kind, n, width, n, True, False, 0, seq.n_steps, NULL, seq.alpha, &job.chain, seq, job.stop)
    elif seq.n_steps <= job.segment:
        forward_steps(kind, n, width, width, True, False, 0, seq.n_steps, NULL, rows, &job.chain, seq, job.stop)
    else:
        n_segments = (seq.n_steps + job.segment - 1) // job.segment
        for k in range(n_segments):
            start = k * job.segment
            end = min(start + job.segment, seq.n_steps)
            forward_steps(
                kind, n, width, width, False, False, start, end, checkpoints + (k - 1) * width, rows, &job.chain, seq,
                job.stop,
            )
            if seq.status:
                return 0
            for j in range(width):
                checkpoints[k * width + j] = seq.last[j]
    return 0


cdef inline inline_int table_pass(
    vector* kind, Py_ssize_t n, Py_ssize_t width, Job* job, Sequence* seq,
) noexcept nogil:
    """beta or gamma overwrites alpha, row by row from the last; xi on request."""
    cdef Py_ssize_t t, i, j, vectors = width // <Py_ssize_t> (sizeof(vector) // sizeof(double))
    cdef Py_ssize_t cursor = seq.front.n, ahead = cursor
    cdef double total, factor
    cdef double* alpha
    cdef double* xi
    cdef double* beta = seq.scratch
    cdef double* w = seq.scratch + width
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
            scaling_at(&seq.front, t, &ahead, &factor)
            for j in range(n):
                alpha[j] = beta[j] * total
                if not beta[j] * factor < HUGE:     # `b_times_beta` would clip it
                    seq.status = INEXACT
            if seq.status:
                return 0
        if t == 0:
            break
        b_times_beta(width, job.chain.rows + row_of(&seq.index, t) * width, beta, w, t, seq, &cursor)
        product(<vector*> beta, vectors, n, w, 1, <const vector*> job.chain.packed_T, True, SET, NULL, NULL)
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


cdef inline inline_int scale_table(Py_ssize_t n, Job* job, Sequence* seq) noexcept nogil:
    """log_scale[t] = log P(o_t | o_1 ... o_t-1), and for ALPHA rows that sum to 1.

    Sums and exponents are exact enough here, since alpha[t] holds P(o_1 ... o_t, q_t) times a known power of two.
    """
    cdef Py_ssize_t t, j, cursor = 0
    cdef double total, before = 1, exponent
    cdef double* alpha
    for t in range(seq.n_steps):
        alpha = seq.alpha + t * n
        exponent = 0
        if cursor < seq.front.n and seq.front.items[cursor].step == t:
            exponent = seq.front.items[cursor].exponent
            cursor += 1
        total = 0
        for j in range(n):
            total += alpha[j]
        job.log_scale[t] = log(total / before) - exponent * LN2 + job.shift[row_of(&seq.index, t)]
        before = total
        if job.task == ALPHA:
            for j in range(n):
                alpha[j] /= total
    return 0
