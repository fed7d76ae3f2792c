"""Forward, backward and what follows from them, on rows of likelihoods.

A *row* holds the likelihoods b_1(o) ... b_N(o) of one observed value, divided by the largest; `shift` is the logarithm
of what was taken out. `index[t]` says which row step t sees; sequence s has the steps bounds[s] ... bounds[s+1] - 1.

    alpha[t, j] = b[t, j] * sum_i alpha[t-1, i] A[i, j]                 scaled by 2^e where its sum gets small
    beta[t, i]  = sum_j A[i, j] b[t+1, j] beta[t+1, j]                  scaled by the same 2^e
    gamma[t, i] = alpha[t, i] beta[t, i]
    xi[t, i, j] = alpha[t, i] A[i, j] b[t+1, j] beta[t+1, j]

Scaling by powers of two is exact; one logarithm per sequence, at the end, gives log P(O).

A state whose scaled alpha falls below 1e-308 is lost, and it may be needed later: the data may come to fit it alone.
That is never silent. The processor records that something underflowed in the forward pass (flags.pxd); only then a
backward pass checks whether what was lost matters (`certify`). Where it does, the sequence is INEXACT, nothing is
written for it, and log_space.pyx takes over. Left-right models underflow as a matter of course, harmlessly, and stay
here.
"""

cimport cython
from libc.math cimport INFINITY, log, sqrt
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from .simd cimport for_medium, for_plain, for_wide, inline_int, vector, medium, pack, padded, registers, wide
from .recursions cimport (
    ALPHA, BETA, BLOCK, COUNTS, GAMMA, LN2, LOGLIK, Chain, Job, Sequence, certify, counts_pass, forward_pass,
    scale_table, table_pass,
)
from .index cimport look_from, point_to, row_in, row_of
from .status cimport IMPOSSIBLE, INEXACT, NO_MEMORY, OK, STOPPED
from .side_by_side cimport counts_together, forward_together
from .bidirectional cimport (
    dispatch_through_other_half, dispatch_to_middle, through_other_half_by_segments, to_middle_by_segments,
)
from .compensated cimport Sum, add
from .flags cimport clear_underflow, flags_work, underflow_raised

cdef enum:
    SHORT = 512         # steps of sequences that small models take two at a time
    LARGE = 64          # states: larger tables exceed the first-level cache and are fetched for two at a time
    CACHE = 8388608     # bytes


cdef inline inline_int shift_sum_with(
    bint bytes, const double* shift, const Sequence* seq, double* result,
) noexcept nogil:
    """Sum of the shifts: plain in blocks of 128, in four chains, and a compensated sum of the blocks."""
    cdef Py_ssize_t t = 0, end, n_steps = seq.n_steps
    cdef double s0, s1, s2, s3
    cdef Sum sum
    sum.total = sum.compensation = 0
    while t < n_steps:
        end = min(t + 128, n_steps)
        s0 = s1 = s2 = s3 = 0
        while t + 4 <= end:
            s0 += shift[row_in(&seq.index, bytes, t)]
            s1 += shift[row_in(&seq.index, bytes, t + 1)]
            s2 += shift[row_in(&seq.index, bytes, t + 2)]
            s3 += shift[row_in(&seq.index, bytes, t + 3)]
            t += 4
        if t < end:     # one to three more, without a branch for each
            s0 += shift[row_in(&seq.index, bytes, t)]
            s1 += shift[row_in(&seq.index, bytes, min(t + 1, end - 1))] * (t + 1 < end)
            s2 += shift[row_in(&seq.index, bytes, min(t + 2, end - 1))] * (t + 2 < end)
            t = end
        add(&sum, (s0 + s1) + (s2 + s3))
    result[0] = sum.total + sum.compensation
    return 0


cdef inline inline_int shift_sum(const double* shift, const Sequence* seq, double* result) noexcept nogil:
    return shift_sum_with(False, shift, seq, result) if seq.index.bytes == NULL \
        else shift_sum_with(True, shift, seq, result)


# One chunk of sequences ------------------------------------------------------------------------------------------

cdef inline inline_int any_row_underflowed(const Job* job, const Sequence* seq, bint* underflowed) noexcept nogil:
    cdef Py_ssize_t t
    underflowed[0] = False
    if job.underflowed != NULL:
        for t in range(seq.n_steps):
            if job.underflowed[row_of(&seq.index, t)]:
                underflowed[0] = True
    return 0


cdef inline inline_int from_the_front(
    vector* kind, Py_ssize_t n, Py_ssize_t width, bint underflowed, Job* job, Sequence* seq,
) noexcept nogil:
    """Forward, the certificate if it is needed, and back."""
    seq.status = OK
    seq.back.total = 0
    clear_underflow(&seq.total)
    forward_pass(kind, n, width, job, seq)
    if (underflowed or not FLAGS_WORK or underflow_raised(&seq.total)) and seq.status <= IMPOSSIBLE:
        if seq.status == IMPOSSIBLE or job.task == ALPHA or job.task == BETA:
            seq.status = INEXACT    # filtering has no future to certify it with, and beta inherits its scaling
        else:
            certify(kind, n, width, &job.chain, seq, job.stop)
    if seq.status != OK:
        return 0
    if job.task == COUNTS:
        counts_pass(kind, n, width, job, seq)
    elif job.task != LOGLIK:
        if job.log_scale != NULL:
            scale_table(n, job, seq)
        clear_underflow(&seq.total)
        if job.task != ALPHA:
            table_pass(kind, n, width, job, seq)
        if job.task == BETA and underflow_raised(&seq.total):
            seq.status = INEXACT
    return 0


cdef inline int certified(Sequence* seqs, Py_ssize_t lines, bint* exact) noexcept nogil:
    """Whether nothing underflowed on the way to the totals of all lines, so that they need no certificate."""
    cdef Py_ssize_t c
    exact[0] = FLAGS_WORK
    for c in range(lines):
        exact[0] = exact[0] and not underflow_raised(&seqs[c].total) and seqs[c].status == OK
    return 0


cdef int from_both_ends(Job* job, Sequence* seqs, Py_ssize_t lines, bint* done) noexcept nogil:
    """The same for small models, unless something underflows before the ends meet. Called, and left, with the flag
    clear."""
    cdef Py_ssize_t c
    cdef bint segmented = job.task == COUNTS and seqs[0].n_steps > job.segment
    cdef double* alpha = seqs[0].alpha
    for c in range(lines):
        seqs[c].delta = seqs[c].alpha
        seqs[c].from_depth, seqs[c].to_depth = 0, seqs[c].n_steps // 2
    if segmented:
        to_middle_by_segments(job, seqs)
    else:
        dispatch_to_middle(job, seqs, lines)
    certified(seqs, lines, done)
    if done[0] and segmented:
        through_other_half_by_segments(job, seqs)
    elif done[0] and job.task != LOGLIK:
        dispatch_through_other_half(job, seqs, lines)
    done[0] = done[0] or seqs[0].status >= STOPPED
    seqs[0].alpha = alpha
    for c in range(lines):
        clear_underflow(&seqs[c].total)
    return 0


cdef inline inline_int side_by_side(
    vector* kind, Py_ssize_t n, Py_ssize_t width, Job* job, Sequence* seqs, bint* done,
) noexcept nogil:
    """Two sequences of a large model, unless something underflows on the way forward: then each goes alone."""
    cdef Py_ssize_t c
    seqs[0].back.total = seqs[1].back.total = 0
    forward_together(kind, n, width, job, seqs)
    certified(seqs, 2, done)
    if done[0] and job.task == COUNTS:
        counts_together(kind, n, width, job, seqs)
    done[0] = done[0] or seqs[0].status >= STOPPED
    for c in range(2):
        clear_underflow(&seqs[c].total)
    return 0


cdef inline inline_int begin(Job* job, Py_ssize_t s, Py_ssize_t n, Sequence* seq, bint* underflowed) noexcept nogil:
    job.status[s] = seq.status = OK
    job.loglik[s] = 0
    job.step[s] = seq.step = -1
    seq.n_steps = job.bounds[s + 1] - job.bounds[s]
    look_from(&job.index, job.bounds[s], &seq.index)
    seq.weight = 1 if job.weight == NULL else job.weight[s]
    seq.total = 1
    seq.alpha = job.alpha
    if job.task >= ALPHA:
        seq.alpha = job.alpha + (job.bounds[s] - job.bounds[0]) * n
    any_row_underflowed(job, seq, underflowed)
    return 0


cdef inline inline_int finish(Job* job, Py_ssize_t s, Sequence* seq) noexcept nogil:
    cdef double shifts
    if seq.status == OK:
        shift_sum(job.shift, seq, &shifts)
        job.loglik[s] = log(seq.total) - (seq.front.total + seq.back.total) * LN2 + shifts
    elif seq.status == IMPOSSIBLE:
        job.loglik[s] = -INFINITY
    job.status[s] = seq.status
    job.step[s] = seq.step
    return 0


cdef inline inline_int run(vector* kind, Py_ssize_t n, Py_ssize_t width, Job* job) noexcept nogil:
    cdef Py_ssize_t s = 0, c, lines, most
    cdef Sequence seqs[2]       # two at a time, where that pays: see bidirectional.pxd and side_by_side.pxd
    cdef Sequence* seq
    cdef bint underflowed[2]
    cdef bint ends[2]           # can be taken from both ends
    cdef bint small, large, paired, done, both
    cdef int result = OK
    if job.end != NULL:
        if job.ending == NULL:
            forward_pass(kind, n, width, job, job.end)
        else:
            counts_pass(kind, n, width, job, job.end)
        return job.end.status
    small = width <= (16 if job.registers else 4) and job.xi == NULL \
        and (job.task == LOGLIK or job.task == COUNTS or job.task == GAMMA)
    large = width > LARGE and (job.task == LOGLIK or job.task == COUNTS)
    most = 2 if large or small and vector is not double and (width == 4 or width == 8) else 1
    for c in range(2):
        seqs[c].scratch = job.scratch + c * (3 + BLOCK) * width * large
        seqs[c].front.items = seqs[c].back.items = NULL
        seqs[c].front.capacity = seqs[c].back.capacity = 0
        seqs[c].total = 1
    clear_underflow(&seqs[0].total)
    while s < job.n_sequences and result == OK:
        lines = 0
        paired = True
        while paired and lines < most and s + lines < job.n_sequences:
            seq = &seqs[lines]
            begin(job, s + lines, n, seq, &underflowed[lines])
            ends[lines] = small and not underflowed[lines] and seq.n_steps > 3
            paired = not underflowed[lines] and (job.task != COUNTS or seq.n_steps <= job.segment)
            paired = paired and (ends[lines] and seq.n_steps <= SHORT if small else seq.n_steps > 0)
            lines += 1
        both = False
        if paired and lines == 2 and (job.task != COUNTS or seqs[0].n_steps + seqs[1].n_steps <= job.scratch_rows):
            if job.task == COUNTS:
                seqs[1].alpha = seqs[0].alpha + seqs[0].n_steps * width
            elif large:
                seqs[1].alpha = job.alpha + 2 * width
            if small:
                from_both_ends(job, seqs, 2, &both)
            else:
                side_by_side(kind, n, width, job, seqs, &both)
            if not both and job.task != GAMMA:
                seqs[1].alpha = job.alpha
        for c in range(lines):
            seq = &seqs[c]
            if seq.n_steps == 0:
                continue
            done = both
            if ends[c] and not done:
                from_both_ends(job, seq, 1, &done)
            if not done:
                from_the_front(kind, n, width, underflowed[c], job, seq)
                clear_underflow(&seq.total)
            finish(job, s + c, seq)
            if seq.status >= STOPPED:
                result = seq.status
                break
        s += lines
    for c in range(2):
        free(seqs[c].front.items)
        free(seqs[c].back.items)
    return result


cdef for_plain run_plain(Job* job) noexcept nogil:
    job.result = run(<double*> NULL, job.chain.n, job.chain.width, job)

cdef for_medium run_medium(Job* job) noexcept nogil:
    if job.chain.n <= 2:
        job.result = run(<double*> NULL, job.chain.n, job.chain.n, job)
    else:
        job.result = run(<medium*> NULL, job.chain.n, job.chain.width, job)

cdef for_wide run_wide(Job* job) noexcept nogil:
    job.result = run(<wide*> NULL, job.chain.n, job.chain.width, job)


# The door --------------------------------------------------------------------------------------------------------

cdef int REGISTERS = registers()


cdef bint FLAGS_WORK = flags_work()


cdef int dispatch_run(Job* job) noexcept nogil:
    job.registers = REGISTERS
    if REGISTERS == 2 and job.chain.n > 4:
        run_wide(job)
    elif REGISTERS:
        run_medium(job)
    else:
        run_plain(job)
    return job.result


def row_width(Py_ssize_t n_states):
    """Doubles from one row of a table to the next, as the functions below want `startprob`, `transmat` and `rows`."""
    return padded(n_states)


def in_panels(
    const double[:, ::1] table,             # IN (N, W)
    double[:, ::1] packed,                  # OUT (N, W)
):
    """A table of the chain in panels, the order in which `Tables` takes it a second time; see simd.pack."""
    cdef Py_ssize_t n = table.shape[0], lane = 1
    if REGISTERS and n > 2:
        lane = sizeof(wide) // 8 if REGISTERS == 2 and n > 4 else sizeof(medium) // 8
    pack(&table[0, 0], &packed[0, 0], n, table.shape[1], lane)


def alpha_scratch(Py_ssize_t n_states, Py_ssize_t longest, Py_ssize_t budget):
    """(segment, doubles of scratch) for `expected_counts`.

    All of alpha if it fits into `budget` bytes, or into the cache for 17 to 64 states; otherwise checkpoints every
    `segment` steps, recomputed one segment at a time.
    """
    cdef Py_ssize_t width = padded(n_states), segment = max(longest, 1), rows
    if segment > (min(budget, CACHE) if 16 < n_states <= LARGE else budget) // 8 // width:
        segment = <Py_ssize_t> sqrt(<double> longest) + 1
    rows = max(segment + longest // segment + 3, 2 * SHORT)
    if segment < longest and n_states <= 16:    # from both ends: two checkpoints for each segment of depths
        rows = max(rows, segment + 8 + 2 * (longest // 2 // max(segment // 2, 1)))
    if n_states > LARGE and segment >= longest and 2 * longest <= budget // 8 // width:
        rows = max(rows, 2 * longest)
    return segment, rows * width


@cython.auto_pickle(False)
@cython.final
cdef class Tables:
    """The chain and the rows that a question is about, as the functions below read them. Immutable."""

    cdef const double[::1] startprob
    cdef const double[:, ::1] transmat
    cdef const double[:, ::1] transposed
    cdef const double[:, ::1] packed
    cdef const double[:, ::1] packed_T
    cdef const double[:, ::1] rows
    cdef const double[::1] shift
    cdef const unsigned char[::1] underflowed
    cdef Chain chain

    def __init__(
        self,
        const double[::1] startprob,        # IN (W,), W = row_width(N)
        const double[:, ::1] transmat,      # IN (N, W)
        const double[:, ::1] transposed,    # IN (N, W)
        const double[:, ::1] packed,        # IN (N, W): `in_panels` of transmat
        const double[:, ::1] packed_T,      # IN (N, W): `in_panels` of transposed
        const double[:, ::1] rows,          # IN (R, W), largest entry of each 1
        const double[::1] shift,            # IN (R,): the logarithm of what was taken out of a row
        const unsigned char[::1] underflowed,   # IN (R,) or None: rows with entries that were flushed to 0
    ):
        self.startprob, self.transmat, self.transposed = startprob, transmat, transposed
        self.packed, self.packed_T = packed, packed_T
        self.rows, self.shift, self.underflowed = rows, shift, underflowed
        self.chain.n = transmat.shape[0]
        self.chain.width = transmat.shape[1]
        self.chain.startprob = &startprob[0]
        self.chain.transmat = &transmat[0, 0]
        self.chain.transposed = &transposed[0, 0]
        self.chain.packed = &packed[0, 0]
        self.chain.packed_T = &packed_T[0, 0]
        self.chain.rows = &rows[0, 0]

    cdef int fill(self, Job* job, index, int[::1] stop) except -1:
        memset(job, 0, sizeof(Job))
        job.chain = self.chain
        job.shift = &self.shift[0]
        job.underflowed = &self.underflowed[0] if self.underflowed is not None else NULL
        point_to(index, &job.index)
        job.stop = &stop[0]
        return 0


cdef int call(
    Job* job,
    Tables tables,
    const long long[::1] bounds,
    int[::1] stop,
    double[::1] loglik,
    int[::1] status,
    long long[::1] step,
) except -1:
    """Fill in what every task needs, and run. True if `stop` was set."""
    cdef Py_ssize_t width = tables.chain.width
    cdef void* scratch
    cdef int result
    if bounds.shape[0] == 1 or bounds[bounds.shape[0] - 1] == bounds[0]:
        loglik[:] = 0
        status[:] = OK
        step[:] = -1
        return False
    job.n_sequences = bounds.shape[0] - 1
    job.bounds = &bounds[0]
    job.loglik = &loglik[0]
    job.status = &status[0]
    job.step = &step[0]
    scratch = malloc((7 + 4 * BLOCK) * width * sizeof(double) + 64)
    if scratch == NULL:
        raise MemoryError(f"no memory for {7 + 4 * BLOCK} rows of {width} states")
    job.scratch = <double*> (<size_t> (<char*> scratch + 63) // 64 * 64)
    if job.task == LOGLIK:
        job.alpha = job.scratch + (3 + 4 * BLOCK) * width
    with nogil:
        result = dispatch_run(job)
    free(scratch)
    if result >= NO_MEMORY:     # larger, where an impossible step adds to it
        raise MemoryError("no memory to record where a sequence was scaled")
    return result == STOPPED


def log_likelihood(
    Tables tables,
    index,                                  # IN (T,) int32; or bytes, for very long data
    const long long[::1] bounds,            # IN (S + 1,)
    int[::1] stop,                          # IN (1,): set it to end the call early
    double[::1] loglik,                     # OUT (S,)
    int[::1] status,                        # OUT (S,): OK, IMPOSSIBLE or INEXACT
    long long[::1] step,                    # OUT (S,): where it became impossible, from the sequence's start
):
    """log P(O) of each sequence. True if it was stopped."""
    cdef Job job
    tables.fill(&job, index, stop)
    job.task = LOGLIK
    return call(&job, tables, bounds, stop, loglik, status, step)


def expected_counts(
    Tables tables,
    index,
    const long long[::1] bounds,
    const double[::1] weight,               # IN (S,) in [0, 1], or None
    int[::1] stop,
    Py_ssize_t segment,                     # steps of which alpha is kept at a time, and
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
    tables.fill(&job, index, stop)
    job.task = COUNTS
    job.weight = &weight[0] if weight is not None and weight.shape[0] else NULL
    job.segment = segment
    job.alpha = &scratch[0] if scratch.shape[0] else NULL
    job.scratch_rows = scratch.shape[0] // tables.chain.width
    job.start = &start[0]
    job.pairs = &pairs[0, 0]
    job.weights = &weights[0, 0]
    return call(&job, tables, bounds, stop, loglik, status, step)


def forward(
    Tables tables,
    index,
    const long long[::1] bounds,
    int[::1] stop,
    double[::1] alpha,                      # OUT (T * N + W,), rows sum to 1; what follows T * N is scratch
    double[::1] log_scale,                  # OUT (T,): log P(o_t | o_1 ... o_t-1)
    double[::1] loglik,
    int[::1] status,
    long long[::1] step,
):
    """The scaled forward variables."""
    cdef Job job
    tables.fill(&job, index, stop)
    job.task = ALPHA
    job.alpha = &alpha[0]
    job.log_scale = &log_scale[0] if log_scale.shape[0] else NULL
    return call(&job, tables, bounds, stop, loglik, status, step)


def backward(
    Tables tables,
    index,
    const long long[::1] bounds,
    int[::1] stop,
    double[::1] beta,                       # OUT (T * N + W,): alpha * beta = gamma
    double[::1] log_scale,                  # OUT (T,)
    double[::1] loglik,
    int[::1] status,
    long long[::1] step,
):
    """The scaled backward variables; those of states that cannot be reached are clipped to 2^1023."""
    cdef Job job
    tables.fill(&job, index, stop)
    job.task = BETA
    job.alpha = &beta[0]
    job.log_scale = &log_scale[0] if log_scale.shape[0] else NULL
    return call(&job, tables, bounds, stop, loglik, status, step)


def posteriors(
    Tables tables,
    index,
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
    tables.fill(&job, index, stop)
    job.task = GAMMA
    job.alpha = &gamma[0]
    job.xi = &xi[0, 0, 0] if xi is not None and xi.shape[0] else NULL
    return call(&job, tables, bounds, stop, loglik, status, step)


# A long sequence from both ends ----------------------------------------------------------------------------------

@cython.auto_pickle(False)
@cython.final
cdef class End:
    """One end of a sequence, so that two threads can take it from both; the recursions are those of any sequence.

        front   alpha[t] = b[t] * (alpha[t-1] A)            t = 0 ... h-1
        back    delta[t] = b[t] * (A delta[t+1])            t = T-1 ... h,    delta = b * beta

    Seen from the back, delta is the alpha of the packed_T A, from a startprob of ones. Where they `meet`, each is given
    the beta of its last step, and on its way back it counts its half; the pairs of the back come out packed_T.
    """

    cdef Tables tables
    cdef object index
    cdef double[::1] scratch
    cdef Job job
    cdef Sequence seq
    cdef bint exact

    def __init__(
        self,
        Tables tables,
        index,                              # IN its steps, in the order in which it goes
        bint back,
        double weight,
        Py_ssize_t segment,
        double[::1] scratch,                # see end_scratch
    ):
        cdef Py_ssize_t j, width = tables.chain.width
        cdef double* ones = &scratch[0]
        self.tables, self.index, self.scratch = tables, index, scratch
        self.job.chain = tables.chain
        self.job.task = COUNTS
        self.job.shift = &tables.shift[0]
        self.job.xi = self.job.log_scale = NULL
        self.job.end = &self.seq
        self.job.ending = NULL
        self.job.segment = segment
        if back:
            for j in range(width):
                ones[j] = j < tables.chain.n
            self.job.chain.startprob = ones
            self.job.chain.transmat, self.job.chain.transposed = tables.chain.transposed, tables.chain.transmat
            self.job.chain.packed, self.job.chain.packed_T = tables.chain.packed_T, tables.chain.packed
        self.seq.n_steps = index.shape[0]
        point_to(index, &self.seq.index)
        self.seq.weight = weight
        self.seq.scratch = ones + 2 * width
        self.seq.alpha = self.seq.scratch + (3 + BLOCK) * width

    def __dealloc__(self):
        free(self.seq.front.items)

    cdef int run(self, int[::1] stop) except -1:
        cdef int status
        self.job.stop = &stop[0]
        self.seq.status = OK
        with nogil:
            clear_underflow(&self.seq.total)
            status = dispatch_run(&self.job)
            self.exact = FLAGS_WORK and not underflow_raised(&self.seq.total)
        if status == NO_MEMORY:
            raise MemoryError("no memory to record where a sequence was scaled")
        return status

    def forward(self, int[::1] stop):
        """From this end to the middle, keeping alpha."""
        self.run(stop)

    def count(
        self,
        double[::1] start,                  # ADD (N,): gamma at its first step
        double[:, ::1] pairs,               # ADD (N, W)
        double[:, ::1] weights,             # ADD (R, W)
        int[::1] stop,
    ):
        """The way back to this end, after both met: adds gamma and xi of its half."""
        self.job.start = &start[0]
        self.job.pairs = &pairs[0, 0]
        self.job.weights = &weights[0, 0]
        self.run(stop)


def end_scratch(Py_ssize_t n_states, Py_ssize_t longest, Py_ssize_t budget):
    """(segment, doubles of scratch) for an `End`."""
    segment, size = alpha_scratch(n_states, longest, budget)
    return segment, size + (5 + BLOCK) * padded(n_states)


def meet(
    End front,
    End back,
    double[:, ::1] pairs,                   # ADD (N, W): the pair in the middle
):
    """log P(O) of the sequence whose two ends have reached the middle; None if that was not exact, or P(O) = 0."""
    cdef const Chain* chain = &front.tables.chain
    cdef Py_ssize_t i, j, n = chain.n, width = chain.width
    cdef double total = 0, y, shifts, others
    cdef double* ahead = &front.scratch[0] + width      # beta of the front's last step, A delta
    cdef double* behind = &back.scratch[0] + width      # the same for the back, alpha A
    cdef const double* alpha = front.seq.last
    cdef const double* delta = back.seq.last
    if front.seq.status != OK or back.seq.status != OK or not (front.exact and back.exact):
        return None
    clear_underflow(&total)
    for j in range(width):
        behind[j] = ahead[j] = 0
    for i in range(n):
        for j in range(n):
            behind[j] += alpha[i] * chain.transmat[i * width + j]
            ahead[i] += chain.transmat[i * width + j] * delta[j]
    for j in range(n):
        total += behind[j] * delta[j]
    if underflow_raised(&total) or not total > 0:
        return None
    for j in range(n):
        behind[j] /= total
        ahead[j] /= total
    for i in range(n):
        y = front.seq.weight * alpha[i] / total
        for j in range(n):
            pairs[i, j] += y * delta[j]
    front.job.ending = ahead
    back.job.ending = behind
    shift_sum(front.job.shift, &front.seq, &shifts)
    shift_sum(back.job.shift, &back.seq, &others)
    return log(total) - (front.seq.front.total + back.seq.front.total) * LN2 + (shifts + others)
