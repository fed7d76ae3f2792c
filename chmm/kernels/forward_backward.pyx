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

cimport cython
from libc.math cimport INFINITY, log, sqrt
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from .simd cimport for_medium, for_plain, for_wide, inlined, lanes, medium, pack, padded, registers, wide
from .recursions cimport (
    ALPHA, BETA, BLOCK, COUNTS, GAMMA, LN2, LOGLIK, Chain, Job, Sequence, certify, counts_pass, forward_pass,
    scale_table, table_pass,
)
from .status cimport IMPOSSIBLE, INEXACT, NO_MEMORY, OK, STOPPED
from .side_by_side cimport counts_together, forward_together
from .bidirectional cimport meet_best, part_best

cdef enum:
    SHORT = 512         # steps of sequences that small models take two at a time
    LARGE = 64          # states: from here on the tables leave the first cache, and are fetched for two at a time
    CACHE = 8388608     # bytes

cdef extern from *:
    """
    /* Did anything underflow in this thread? The processor's own memory of it. On x86 it also remembers operands below
       the normal range: powers of two get there without rounding, which no standard flag reports. Elsewhere see
       CHMM_ROW_TOP in simd.pxd. */
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
    """Sum of the shifts: plain in blocks of 128, in four chains, and Neumaier's compensated sum of the blocks."""
    cdef Py_ssize_t t = 0, end
    cdef double s0, s1, s2, s3, part, total = 0, lost = 0, after
    while t < n_steps:
        end = min(t + 128, n_steps)
        s0 = s1 = s2 = s3 = 0
        while t + 4 <= end:
            s0 += shift[index[t]]
            s1 += shift[index[t + 1]]
            s2 += shift[index[t + 2]]
            s3 += shift[index[t + 3]]
            t += 4
        if t < end:     # one to three more, without a branch for each
            s0 += shift[index[t]]
            s1 += shift[index[min(t + 1, end - 1)]] * (t + 1 < end)
            s2 += shift[index[min(t + 2, end - 1)]] * (t + 2 < end)
            t = end
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


cdef int from_both_ends(Job* job, Sequence* seqs, Py_ssize_t lines, bint* done) noexcept nogil:
    """The same for small models, unless something underflows before the ends meet. Called, and left, without a flag."""
    cdef Py_ssize_t c
    meet_best(job, seqs, lines)
    done[0] = NOTICED and not underflowed()
    for c in range(lines):
        done[0] = done[0] and seqs[c].status == OK
    done[0] = done[0] or seqs[0].status >= STOPPED
    if done[0] and seqs[0].status == OK and job.task != LOGLIK:
        part_best(job, seqs, lines)
    clear_underflow()
    return 0


cdef inline inlined side_by_side(
    lanes* kind, Py_ssize_t n, Py_ssize_t width, Job* job, Sequence* seqs, bint* done,
) noexcept nogil:
    """Two sequences of a large model, unless something underflows on the way forward: then each goes alone."""
    seqs[0].back.total = seqs[1].back.total = 0
    forward_together(kind, n, width, job, seqs)
    done[0] = NOTICED and not underflowed() and seqs[0].status == OK and seqs[1].status == OK
    done[0] = done[0] or seqs[0].status >= STOPPED
    if done[0] and seqs[0].status == OK and job.task == COUNTS:
        counts_together(kind, n, width, job, seqs)
    clear_underflow()
    return 0


cdef inline inlined begin(Job* job, Py_ssize_t s, Py_ssize_t n, Sequence* seq, bint* lost) noexcept nogil:
    job.status[s] = seq.status = OK
    job.loglik[s] = 0
    job.step[s] = seq.step = -1
    seq.n_steps = job.bounds[s + 1] - job.bounds[s]
    seq.index = job.index + job.bounds[s]
    seq.weight = 1 if job.weight == NULL else job.weight[s]
    seq.total = 1
    seq.alpha = job.alpha
    if job.task >= ALPHA:
        seq.alpha = job.alpha + (job.bounds[s] - job.bounds[0]) * n
    anything_lost(job, seq, lost)
    return 0


cdef inline inlined finish(Job* job, Py_ssize_t s, Sequence* seq) noexcept nogil:
    cdef double shifts
    if seq.status == OK:
        shift_sum(job.shift, seq.index, seq.n_steps, &shifts)
        job.loglik[s] = log(seq.total) - (seq.front.total + seq.back.total) * LN2 + shifts
    elif seq.status == IMPOSSIBLE:
        job.loglik[s] = -INFINITY
    job.status[s] = seq.status
    job.step[s] = seq.step
    return 0


cdef inline inlined run(lanes* kind, Py_ssize_t n, Py_ssize_t width, Job* job) noexcept nogil:
    cdef Py_ssize_t s = 0, c, lines, most
    cdef Sequence seqs[2]       # two at a time, where that pays: in bidirectional.pxd if they are short, in side_by_side.pxd
    cdef Sequence* seq
    cdef bint lost[2]
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
    most = 2 if large or small and lanes is not double and (width == 4 or width == 8) else 1
    for c in range(2):
        seqs[c].work = job.work + c * (3 + BLOCK) * width * large
        seqs[c].front.items = seqs[c].back.items = NULL
        seqs[c].front.capacity = seqs[c].back.capacity = 0
    clear_underflow()
    while s < job.n_sequences and result == OK:
        lines = 0
        paired = True
        while paired and lines < most and s + lines < job.n_sequences:
            seq = &seqs[lines]
            begin(job, s + lines, n, seq, &lost[lines])
            paired = not lost[lines] and (job.task != COUNTS or seq.n_steps <= job.stretch)
            ends[lines] = small and paired and seq.n_steps > 3
            paired = ends[lines] and seq.n_steps <= SHORT if small else paired and seq.n_steps > 0
            lines += 1
        both = False
        if paired and lines == 2 and (job.task != COUNTS or seqs[0].n_steps + seqs[1].n_steps <= job.room):
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
                from_the_front(kind, n, width, lost[c], job, seq)
                clear_underflow()
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
    double[:, ::1] panels,                  # OUT (N, W)
):
    """A table of the chain in the order in which `Tables` wants it a second time."""
    cdef Py_ssize_t n = table.shape[0], lane = 1
    if REGISTERS and n > 2:
        lane = sizeof(wide) // 8 if REGISTERS == 2 and n > 4 else sizeof(medium) // 8
    pack(&table[0, 0], &panels[0, 0], n, table.shape[1], lane)


def alpha_scratch(Py_ssize_t n_states, Py_ssize_t longest, Py_ssize_t budget):
    """(stretch, doubles of scratch) for `expected_counts`: all of alpha if it fits into `budget` bytes, else one row in
    `stretch` and one stretch at a time, computed again. That is also faster than to fetch alpha from beyond the cache,
    for models that are too large for two ends in registers and not so large that steps take long."""
    cdef Py_ssize_t width = padded(n_states), stretch = max(longest, 1), room
    if stretch > (min(budget, CACHE) if 16 < n_states <= LARGE else budget) // 8 // width:
        stretch = <Py_ssize_t> sqrt(<double> longest) + 1
    room = max(stretch + longest // stretch + 3, 2 * SHORT)
    if n_states > LARGE and stretch >= longest and 2 * longest <= budget // 8 // width:
        room = max(room, 2 * longest)
    return stretch, room * width


@cython.auto_pickle(False)
@cython.final
cdef class Tables:
    """The chain and the rows that a question is about, as the functions below read them. Immutable."""

    cdef const double[::1] startprob
    cdef const double[:, ::1] transmat
    cdef const double[:, ::1] transposed
    cdef const double[:, ::1] panels
    cdef const double[:, ::1] turned
    cdef const double[:, ::1] rows
    cdef const double[::1] shift
    cdef const unsigned char[::1] lost
    cdef Chain chain

    def __init__(
        self,
        const double[::1] startprob,            # IN (W,), W = row_width(N)
        const double[:, ::1] transmat,          # IN (N, W)
        const double[:, ::1] transposed,        # IN (N, W)
        const double[:, ::1] panels,            # IN (N, W): `in_panels` of transmat
        const double[:, ::1] turned,            # IN (N, W): `in_panels` of transposed
        const double[:, ::1] rows,              # IN (R, W), largest entry of each 1
        const double[::1] shift,                # IN (R,): the logarithm of what was taken out of a row
        const unsigned char[::1] lost,          # IN (R,) or None: rows with entries that were flushed to 0
    ):
        self.startprob, self.transmat, self.transposed = startprob, transmat, transposed
        self.panels, self.turned = panels, turned
        self.rows, self.shift, self.lost = rows, shift, lost
        self.chain.n = transmat.shape[0]
        self.chain.width = transmat.shape[1]
        self.chain.startprob = &startprob[0]
        self.chain.transmat = &transmat[0, 0]
        self.chain.transposed = &transposed[0, 0]
        self.chain.panels = &panels[0, 0]
        self.chain.turned = &turned[0, 0]
        self.chain.rows = &rows[0, 0]

    cdef void fill(self, Job* job, const int[::1] index, int[::1] stop) noexcept:
        memset(job, 0, sizeof(Job))
        job.chain = self.chain
        job.shift = &self.shift[0]
        job.lost = &self.lost[0] if self.lost is not None else NULL
        job.index = &index[0]
        job.stop = &stop[0]


cdef int call(
    Job* job,
    Tables tables,
    const int[::1] index,
    const long long[::1] bounds,
    int[::1] stop,
    double[::1] loglik,
    int[::1] status,
    long long[::1] step,
) except -1:
    """Fill in what every task needs, run, and tell of what went wrong. True if `stop` was set."""
    cdef Py_ssize_t width = tables.chain.width
    cdef void* work
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
    work = malloc((7 + 4 * BLOCK) * width * sizeof(double) + 64)
    if work == NULL:
        raise MemoryError(f"no memory for {7 + 4 * BLOCK} rows of {width} states")
    job.work = <double*> (<size_t> (<char*> work + 63) // 64 * 64)
    if job.task == LOGLIK:
        job.alpha = job.work + (3 + 4 * BLOCK) * width
    with nogil:
        result = run_best(job)
    free(work)
    if result >= NO_MEMORY:     # or more, beside an impossible step
        raise MemoryError("no memory to note where a sequence was scaled")
    return result == STOPPED


def log_likelihood(
    Tables tables,
    const int[::1] index,                   # IN (T,)
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
    return call(&job, tables, index, bounds, stop, loglik, status, step)


def expected_counts(
    Tables tables,
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
    tables.fill(&job, index, stop)
    job.task = COUNTS
    job.weight = &weight[0] if weight is not None and weight.shape[0] else NULL
    job.stretch = stretch
    job.alpha = &scratch[0] if scratch.shape[0] else NULL
    job.room = scratch.shape[0] // tables.chain.width
    job.start = &start[0]
    job.pairs = &pairs[0, 0]
    job.weights = &weights[0, 0]
    return call(&job, tables, index, bounds, stop, loglik, status, step)


def forward(
    Tables tables,
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
    tables.fill(&job, index, stop)
    job.task = ALPHA
    job.alpha = &alpha[0]
    job.log_scale = &log_scale[0] if log_scale.shape[0] else NULL
    return call(&job, tables, index, bounds, stop, loglik, status, step)


def backward(
    Tables tables,
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
    tables.fill(&job, index, stop)
    job.task = BETA
    job.alpha = &beta[0]
    job.log_scale = &log_scale[0] if log_scale.shape[0] else NULL
    return call(&job, tables, index, bounds, stop, loglik, status, step)


def posteriors(
    Tables tables,
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
    tables.fill(&job, index, stop)
    job.task = GAMMA
    job.alpha = &gamma[0]
    job.xi = &xi[0, 0, 0] if xi is not None and xi.shape[0] else NULL
    return call(&job, tables, index, bounds, stop, loglik, status, step)


# A long sequence from both ends ----------------------------------------------------------------------------------

@cython.auto_pickle(False)
@cython.final
cdef class End:
    """One end of a sequence, so that two threads can take it from both; the recursions are those of any sequence.

        front   alpha[t] = b[t] * (alpha[t-1] A)            t = 0 ... h-1
        back    delta[t] = b[t] * (A delta[t+1])            t = T-1 ... h,    delta = b * beta

    Seen from the back, delta is the alpha of the turned A, from a startprob of ones. Where they `meet`, each is given
    the beta of its last step, and on its way back it counts its half; the pairs of the back come out turned.
    """

    cdef Tables tables
    cdef const int[::1] index
    cdef double[::1] scratch
    cdef Job job
    cdef Sequence seq
    cdef bint exact

    def __init__(
        self,
        Tables tables,
        const int[::1] index,               # IN its steps, in the order in which it goes
        bint back,
        double weight,
        Py_ssize_t stretch,
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
        self.job.stretch = stretch
        if back:
            for j in range(width):
                ones[j] = j < tables.chain.n
            self.job.chain.startprob = ones
            self.job.chain.transmat, self.job.chain.transposed = tables.chain.transposed, tables.chain.transmat
            self.job.chain.panels, self.job.chain.turned = tables.chain.turned, tables.chain.panels
        self.seq.n_steps = index.shape[0]
        self.seq.index = &index[0]
        self.seq.weight = weight
        self.seq.work = ones + 2 * width
        self.seq.alpha = self.seq.work + (3 + BLOCK) * width

    def __dealloc__(self):
        free(self.seq.front.items)

    cdef int run(self, int[::1] stop) except -1:
        cdef int status
        self.job.stop = &stop[0]
        self.seq.status = OK
        with nogil:
            clear_underflow()
            status = run_best(&self.job)
            self.exact = NOTICED and not underflowed()
        if status == NO_MEMORY:
            raise MemoryError("no memory to note where a sequence was scaled")
        return status

    def grow(self, int[::1] stop):
        """Forward, alpha kept."""
        self.run(stop)

    def count(
        self,
        double[::1] start,                  # ADD (N,): gamma at its first step
        double[:, ::1] pairs,               # ADD (N, W)
        double[:, ::1] weights,             # ADD (R, W)
        int[::1] stop,
    ):
        """The way back, after they met."""
        self.job.start = &start[0]
        self.job.pairs = &pairs[0, 0]
        self.job.weights = &weights[0, 0]
        self.run(stop)


def end_scratch(Py_ssize_t n_states, Py_ssize_t longest, Py_ssize_t budget):
    """(stretch, doubles of scratch) for an `End`."""
    stretch, size = alpha_scratch(n_states, longest, budget)
    return stretch, size + (5 + BLOCK) * padded(n_states)


def meet(
    End front,
    End back,
    double[:, ::1] pairs,                   # ADD (N, W): the pair in the middle
):
    """log P(O) of the sequence that both ends have grown into; None if that was not exact, or there is no way."""
    cdef const Chain* chain = &front.tables.chain
    cdef Py_ssize_t i, j, n = chain.n, width = chain.width
    cdef double total = 0, y, shifts, others
    cdef double* ahead = &front.scratch[0] + width      # beta of the front's last step, A delta
    cdef double* behind = &back.scratch[0] + width      # the same for the back, alpha A
    cdef const double* alpha = front.seq.last
    cdef const double* delta = back.seq.last
    if front.seq.status != OK or back.seq.status != OK or not (front.exact and back.exact):
        return None
    clear_underflow()
    for j in range(width):
        behind[j] = ahead[j] = 0
    for i in range(n):
        for j in range(n):
            behind[j] += alpha[i] * chain.transmat[i * width + j]
            ahead[i] += chain.transmat[i * width + j] * delta[j]
    for j in range(n):
        total += behind[j] * delta[j]
    if underflowed() or not total > 0:
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
    shift_sum(front.job.shift, front.seq.index, front.seq.n_steps, &shifts)
    shift_sum(back.job.shift, back.seq.index, back.seq.n_steps, &others)
    return log(total) - (front.seq.front.total + back.seq.front.total) * LN2 + (shifts + others)
