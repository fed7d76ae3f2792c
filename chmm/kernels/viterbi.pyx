"""The most probable path, in logarithms.

    delta[0, j] = log pi_j + log b[0, j]
    delta[t, j] = max_i (delta[t-1, i] + log A[i, j]) + log b[t, j]

Ties go to the lowest state. The maximum of delta is brought back to 0 at every block of steps, so that it does not
drift; log P(O, Q*) is added up along the path, with compensation.

Up to four states, one byte a step says from where each state was reached; up to sixteen, eight bytes a step. They lie
in the room for the path, which replaces them on the way back, so that no other memory grows with T.

Larger models keep no back-pointers: the way back finds the i that gave the maximum of the one state it came from, by
the same additions. delta is kept for every step, or, where that would take more than `budget` bytes, for one step in
sqrt(T), and the segment between two of them is computed again on the way back.

The k best paths: delta tells what the best way back from any state costs, so that a path is known by where it first
leaves, on the way back, the path it came from, and what that loses. The best of these deviations is the next path.
"""

from libc.math cimport INFINITY, sqrt
from libc.stdlib cimport free, malloc, qsort

from .compensated cimport Sum, add
from .index cimport Index, look_from, point_to, row_of
from .simd cimport (
    ZERO, choose, for_medium, for_plain, for_wide, inline_int, larger, medium, registers, restrict_ptr, select,
    to_bytes,
)
from .status cimport IMPOSSIBLE, OK, STOPPED

cdef extern from *:
    """
    #ifdef __linux__
      #include <sys/mman.h>
      /* Large blocks in huge pages, as NumPy asks for its own: fresh small pages cost more than the recursion. */
    #endif
    #ifdef MADV_HUGEPAGE
      static void chmm_huge_pages(void* block, size_t bytes) {
        size_t start = ((size_t) block + 4095) / 4096 * 4096;
        if (bytes >= (1u << 22)) madvise((void*) start, bytes - (start - (size_t) block), MADV_HUGEPAGE);
      }
    #else
      static void chmm_huge_pages(void* block, size_t bytes) { (void) block; (void) bytes; }
    #endif
    """
    void huge_pages "chmm_huge_pages"(void*, size_t) noexcept nogil

cdef enum:
    BLOCK = 64          # steps from one check of `stop`, and one re-basing, to the next; terms of an uncompensated sum

cdef enum Origins:      # how the way back knows from where a state was reached
    PACKED              # two bits for each state in the byte of a step
    BYTES               # a byte for each of up to eight states
    HALVES              # four bits for each of up to sixteen: states 8 to 15 in the upper halves of the bytes
    SEARCHED            # it finds the maximum again

cdef struct Job:
    Py_ssize_t n
    Py_ssize_t width
    const double* startprob     # (width,), logarithms, -inf where padded
    const double* transmat      # (n, width)
    const double* incoming      # (n, width): transposed
    const double* rows          # (R, width)
    int result                  # OUT: OK or STOPPED
    Py_ssize_t n_sequences
    const long long* bounds     # (S + 1,)
    Index index                 # (T,)
    volatile int* stop
    bint in_bytes               # n <= 16, where there are registers
    Py_ssize_t segment          # steps of which delta is kept at a time
    double* delta               # scratch (1 + segment, width), then checkpoints (longest / segment, width)
    Py_ssize_t* path            # OUT (T,); until then, the back-pointers
    double* score               # OUT (S,)
    int* status                 # OUT (S,)
    long long* step             # OUT (S,)
    double* last                # OUT (n,): delta of the last step; or NULL

cdef struct PathSum:
    Sum sum
    double along_rows           # terms not yet added to it
    double along_trans


cdef inline inline_int rebase(Py_ssize_t n, double* y, double* top) noexcept nogil:
    """Bring the maximum to 0, unless nothing is left."""
    cdef Py_ssize_t j
    top[0] = y[0]
    for j in range(1, n):
        top[0] = max(top[0], y[j])
    if top[0] > -INFINITY:
        for j in range(n):
            y[j] -= top[0]
    return 0


cdef inline inline_int origin_of(Py_ssize_t n, const double* x, const double* a, Py_ssize_t* best) noexcept nogil:
    """The first i with the largest x[i] + a[i]; even and odd i in turn, so that neither comparison waits."""
    cdef Py_ssize_t i, even = 0, odd = 1
    cdef double v, largest = x[0] + a[0], largest_odd = -INFINITY
    if n > 1:
        largest_odd = x[1] + a[1]
    for i in range(2, n - 1, 2):
        v = x[i] + a[i]
        even = choose(v > largest, i, even)
        largest = larger(v, largest)
        v = x[i + 1] + a[i + 1]
        odd = choose(v > largest_odd, i + 1, odd)
        largest_odd = larger(v, largest_odd)
    if n % 2 and n > 1:
        v = x[n - 1] + a[n - 1]
        even = n - 1 if v > largest else even
        largest = v if v > largest else largest
    best[0] = odd if largest_odd > largest or (largest_odd == largest and odd < even) else even
    return 0


cdef inline inline_int walk_back(
    Py_ssize_t n,
    Py_ssize_t width,
    Origins origins,            # a literal
    Job* job,
    Py_ssize_t s,
    Py_ssize_t start,
    Py_ssize_t end,
    Py_ssize_t* here,           # IN the state of step end - 1, OUT that of step start - 1
    PathSum* score,             # ADD log P(O, Q*)
) noexcept nogil:
    """The path from step end - 1 to `start`; delta, if it is searched, is that of the steps from start - 1."""
    cdef Py_ssize_t t, before = 0, this = here[0]
    cdef Py_ssize_t* path = job.path + job.bounds[s] - job.bounds[0]
    cdef const double* rows = job.rows
    cdef const unsigned char* origin = <const unsigned char*> path
    cdef double along_rows = score.along_rows, along_trans = score.along_trans
    cdef Index index
    look_from(&job.index, job.bounds[s], &index)
    for t in range(end - 1, start - 1, -1):
        along_rows += rows[row_of(&index, t) * width + this]
        if t == 0:
            along_trans += job.startprob[this]
        else:
            if origins == PACKED:
                before = (origin[t] >> (2 * this)) & 3
            elif origins == BYTES:
                before = origin[8 * t + this]
            elif origins == HALVES:
                before = (origin[8 * t + (this & 7)] >> ((this & 8) >> 1)) & 15
            else:
                origin_of(n, job.delta + (t - start) * width, job.incoming + this * width, &before)
            along_trans += job.transmat[before * width + this]
        path[t] = this      # over where it came from
        this = before
        if t % BLOCK == 0:
            add(&score.sum, along_rows)
            add(&score.sum, along_trans)
            along_rows = along_trans = 0
            if job.stop[0]:
                return STOPPED
    here[0] = this
    score.along_rows = along_rows
    score.along_trans = along_trans
    return OK


cdef inline inline_int leave(Py_ssize_t n, const double* y, Job* job) noexcept nogil:
    """Hand out delta of the last step."""
    cdef Py_ssize_t j
    if job.last != NULL:
        for j in range(n):
            job.last[j] = y[j]
    return 0


cdef inline inline_int finish(
    Py_ssize_t n, Py_ssize_t width, Origins origins, Job* job, Py_ssize_t s, const double* last,
) noexcept nogil:
    """The path of a whole sequence and its score, from the last delta."""
    cdef Py_ssize_t j, here = 0
    cdef int status
    cdef PathSum score
    score.sum.total = score.sum.compensation = score.along_rows = score.along_trans = 0
    leave(n, last, job)
    for j in range(1, n):
        if last[j] > last[here]:
            here = j
    status = walk_back(n, width, origins, job, s, 0, job.bounds[s + 1] - job.bounds[s], &here, &score)
    job.score[s] = score.sum.total + score.sum.compensation
    return status


# Up to four states: everything in registers ------------------------------------------------------------------------

cdef inline inline_int tiny(Py_ssize_t n, Py_ssize_t width, Job* job, Py_ssize_t s) noexcept nogil:
    cdef Py_ssize_t t, i, j, n_steps = job.bounds[s + 1] - job.bounds[s]
    cdef unsigned char* origin = <unsigned char*> (job.path + job.bounds[s] - job.bounds[0])
    cdef const double* rows = job.rows
    cdef const double* b
    cdef Index index
    cdef double a[16]
    cdef double x[4]
    cdef double y[4]
    cdef double v, best, top
    cdef Py_ssize_t from_where, all_origins
    look_from(&job.index, job.bounds[s], &index)
    for i in range(n):
        x[i] = job.startprob[i] + rows[row_of(&index, 0) * width + i]
        for j in range(n):
            a[i * n + j] = job.transmat[i * width + j]
    for t in range(1, n_steps):
        b = rows + row_of(&index, t) * width
        all_origins = 0
        for j in range(n):
            best = x[0] + a[j]
            from_where = 0
            for i in range(1, n):
                v = x[i] + a[i * n + j]
                from_where = choose(v > best, i, from_where)
                best = larger(v, best)
            all_origins |= from_where << (2 * j)
            y[j] = best + b[j]
        origin[t] = <unsigned char> all_origins
        for j in range(n):
            x[j] = y[j]
        if t % BLOCK == 0:
            if job.stop[0]:
                return STOPPED
            rebase(n, x, &top)
            if top == -INFINITY:
                break
    rebase(n, x, &top)
    if top == -INFINITY:
        job.status[s] = IMPOSSIBLE
        return OK
    return finish(n, width, PACKED, job, s, x)


# Up to sixteen states: eight bytes a step, a register full of states at a time ---------------------------------------

cdef inline inline_int best_and_origin(
    Py_ssize_t n,
    Py_ssize_t width,
    Py_ssize_t columns,         # a literal 8, 12 or 16, at least n
    const double* x,
    const double* a,
    const double* b,
    double* y,                  # OUT (columns,)
    unsigned char* origin,      # OUT (8,): the i that gave it, in BYTES or HALVES
) noexcept nogil:
    """y[j] = max_i (x[i] + A[i, j]) + b[j] and the first i that gives it, in registers: all columns for each row."""
    cdef Py_ssize_t i = 1, c, size = sizeof(medium) // sizeof(double), vectors = columns // size
    cdef const medium* row = <const medium*> a
    cdef medium v, w, this, which
    cdef medium best[16]
    cdef medium where[16]
    for c in range(vectors):
        best[c] = x[0] + row[c]
        where[c] = ZERO
    this = ZERO + 1.0
    while i + 1 < n:            # the better of two rows, then of that and the best so far: a shorter chain
        row = <const medium*> (a + i * width)
        for c in range(vectors):
            v = x[i] + row[c]
            w = x[i + 1] + row[width // size + c]
            which = select(w > v, this + 1.0, this)
            v = select(w > v, w, v)
            where[c] = select(v > best[c], which, where[c])
            best[c] = select(v > best[c], v, best[c])
        this = this + 2.0
        i += 2
    if i < n:
        row = <const medium*> (a + i * width)
        for c in range(vectors):
            v = x[i] + row[c]
            where[c] = select(v > best[c], this, where[c])
            best[c] = select(v > best[c], v, best[c])
    for c in range(vectors):
        (<medium*> y)[c] = best[c] + (<const medium*> b)[c]
    for c in range(8 // size):
        if c + 8 // size < vectors:
            where[c] += 16.0 * where[c + 8 // size]
        to_bytes(where[c], origin + c * size)
    return 0


cdef inline inline_int small(Py_ssize_t n, Py_ssize_t width, Py_ssize_t columns, Job* job, Py_ssize_t s) noexcept nogil:
    cdef Py_ssize_t t, j, n_steps = job.bounds[s + 1] - job.bounds[s]
    cdef const double* rows = job.rows
    cdef double* x
    cdef double* y = job.delta
    cdef unsigned char* origin = <unsigned char*> (job.path + job.bounds[s] - job.bounds[0])
    cdef double top
    cdef Index index
    look_from(&job.index, job.bounds[s], &index)
    for j in range(columns):
        y[j] = job.startprob[j] + rows[row_of(&index, 0) * width + j]
    for t in range(1, n_steps):
        x = y
        y = job.delta + (t & 1) * width
        best_and_origin(n, width, columns, x, job.transmat, rows + row_of(&index, t) * width, y, origin + 8 * t)
        if t % BLOCK == 0:
            if job.stop[0]:
                return STOPPED
            rebase(n, y, &top)
            if top == -INFINITY:
                break
    rebase(n, y, &top)
    if top == -INFINITY:
        job.status[s] = IMPOSSIBLE
        return OK
    return finish(n, width, BYTES if columns == 8 else HALVES, job, s, y)


# Any number of states ----------------------------------------------------------------------------------------------

cdef inline inline_int best_of(
    Py_ssize_t n, Py_ssize_t width, const double* x, const double* a, const double* b, restrict_ptr y,
) noexcept nogil:
    """y[j] = max_i (x[i] + A[i, j]) + b[j], eight rows of A at a time."""
    cdef Py_ssize_t i = 0, j
    cdef double m0, m1, m2, m3, x0, x1, x2, x3, x4, x5, x6, x7
    cdef const double* r
    for j in range(width):
        y[j] = x[0] + a[j]
    while i + 8 <= n:
        r = a + i * width
        x0, x1, x2, x3, x4, x5, x6, x7 = x[i], x[i + 1], x[i + 2], x[i + 3], x[i + 4], x[i + 5], x[i + 6], x[i + 7]
        for j in range(width):
            m0 = larger(x0 + r[j], x1 + r[width + j])
            m1 = larger(x2 + r[2 * width + j], x3 + r[3 * width + j])
            m2 = larger(x4 + r[4 * width + j], x5 + r[5 * width + j])
            m3 = larger(x6 + r[6 * width + j], x7 + r[7 * width + j])
            m0 = larger(m0, m1)
            m2 = larger(m2, m3)
            m0 = larger(m0, m2)
            y[j] = larger(y[j], m0)
        i += 8
    while i < n:
        r = a + i * width
        x0 = x[i]
        for j in range(width):
            m0 = x0 + r[j]
            y[j] = larger(y[j], m0)
        i += 1
    for j in range(width):
        y[j] += b[j]
    return 0


cdef inline inline_int segment_of(
    Py_ssize_t n, Py_ssize_t width, Job* job, const Index* index, Py_ssize_t n_steps, Py_ssize_t start,
    Py_ssize_t end, double* top,
) noexcept nogil:
    """delta for the steps start ... end - 1, after that of step start - 1."""
    cdef Py_ssize_t t, j
    cdef double* y = job.delta
    cdef double* x
    for t in range(start, end):
        x = y
        y = x + width
        if t == 0:
            for j in range(width):
                y[j] = job.startprob[j] + job.rows[row_of(index, 0) * width + j]
        else:
            best_of(n, width, x, job.transmat, job.rows + row_of(index, t) * width, y)
        if t % BLOCK == 0 or t == n_steps - 1:      # wherever segments end, so that they change no rounding
            rebase(n, y, top)
            if top[0] == -INFINITY:
                return IMPOSSIBLE
            if job.stop[0]:
                return STOPPED
    return OK


cdef inline inline_int general(Py_ssize_t n, Py_ssize_t width, Job* job, Py_ssize_t s) noexcept nogil:
    cdef Py_ssize_t j, k, start, end, here = 0, n_steps = job.bounds[s + 1] - job.bounds[s]
    cdef Py_ssize_t last = (n_steps - 1) // job.segment
    cdef Index index
    cdef double* checkpoints = job.delta + (1 + job.segment) * width
    cdef double* y = job.delta
    cdef double top
    cdef int status
    cdef PathSum score
    look_from(&job.index, job.bounds[s], &index)
    for k in range(last + 1):
        start = k * job.segment
        end = min(start + job.segment, n_steps)
        status = segment_of(n, width, job, &index, n_steps, start, end, &top)
        if status == IMPOSSIBLE:
            job.status[s] = IMPOSSIBLE
            return OK
        if status:
            return status
        y = job.delta + (end - start) * width
        for j in range(width if k < last else 0):
            job.delta[j] = checkpoints[k * width + j] = y[j]
    leave(n, y, job)
    for j in range(1, n):
        if y[j] > y[here]:
            here = j
    score.sum.total = score.sum.compensation = score.along_rows = score.along_trans = 0
    for k in range(last, -1, -1):
        start = k * job.segment
        end = min(start + job.segment, n_steps)
        if k < last:
            for j in range(width if k else 0):
                job.delta[j] = checkpoints[(k - 1) * width + j]
            segment_of(n, width, job, &index, n_steps, start, end, &top)
        status = walk_back(n, width, SEARCHED, job, s, start, end, &here, &score)
        if status:
            return status
    job.score[s] = score.sum.total + score.sum.compensation
    return OK


cdef inline inline_int when_impossible(Job* job, Py_ssize_t s) noexcept nogil:
    """The step at which the last state died: a plain run, without keeping anything."""
    cdef Py_ssize_t t, i, j, n = job.n, width = job.width, n_steps = job.bounds[s + 1] - job.bounds[s]
    cdef Index index
    cdef double* x = job.delta
    cdef double* y = job.delta + width
    cdef double* z
    cdef bint alive
    look_from(&job.index, job.bounds[s], &index)
    for t in range(n_steps):
        alive = False
        for j in range(n):
            y[j] = job.startprob[j] if t == 0 else -INFINITY
            for i in range(n if t else 0):
                y[j] = max(y[j], x[i] + job.transmat[i * width + j])
            y[j] = 0 if y[j] + job.rows[row_of(&index, t) * width + j] > -INFINITY else -INFINITY
            alive = alive or y[j] == 0
        if not alive or job.stop[0]:
            break
        z = x
        x = y
        y = z
    job.step[s] = min(t, n_steps - 1)
    job.score[s] = -INFINITY
    return 0


cdef int REGISTERS = registers()


# Sizes are functions of their own: in one large function the compiler would keep nothing in registers.

cdef for_plain tiny_plain(Job* job, Py_ssize_t s) noexcept nogil:
    job.result = tiny(job.n, job.width, job, s)

cdef for_medium tiny_2(Job* job, Py_ssize_t s) noexcept nogil:
    job.result = tiny(2, 2, job, s)

cdef for_medium tiny_3(Job* job, Py_ssize_t s) noexcept nogil:
    job.result = tiny(3, 4, job, s)

cdef for_medium tiny_4(Job* job, Py_ssize_t s) noexcept nogil:
    job.result = tiny(4, 4, job, s)

cdef for_medium small_8(Job* job, Py_ssize_t s) noexcept nogil:
    if job.n == 8:
        job.result = small(8, 8, 8, job, s)
    else:
        job.result = small(job.n, 8, 8, job, s)

cdef for_medium small_12(Job* job, Py_ssize_t s) noexcept nogil:
    job.result = small(job.n, 16, 12, job, s)

cdef for_medium small_16(Job* job, Py_ssize_t s) noexcept nogil:
    job.result = small(job.n, 16, 16, job, s)

cdef for_plain general_plain(Job* job, Py_ssize_t s) noexcept nogil:
    job.result = general(job.n, job.width, job, s)

cdef for_medium general_medium(Job* job, Py_ssize_t s) noexcept nogil:
    job.result = general(job.n, job.width, job, s)

cdef for_wide general_wide(Job* job, Py_ssize_t s) noexcept nogil:
    job.result = general(job.n, job.width, job, s)


cdef int one(Job* job, Py_ssize_t s) noexcept nogil:
    """The copy that fits the processor and the size."""
    if job.n <= 4:
        if REGISTERS and job.n == 2:
            tiny_2(job, s)
        elif REGISTERS and job.n == 3:
            tiny_3(job, s)
        elif REGISTERS and job.n == 4:
            tiny_4(job, s)
        else:
            tiny_plain(job, s)
    elif job.in_bytes and job.n <= 8:
        small_8(job, s)
    elif job.in_bytes and job.n <= 12:
        small_12(job, s)
    elif job.in_bytes:
        small_16(job, s)
    elif REGISTERS == 2:
        general_wide(job, s)
    elif REGISTERS == 1:
        general_medium(job, s)
    else:
        general_plain(job, s)
    return job.result


cdef int run(Job* job) noexcept nogil:
    cdef Py_ssize_t s
    cdef int status
    for s in range(job.n_sequences):
        job.status[s] = OK
        job.score[s] = 0
        job.step[s] = -1
        if job.bounds[s + 1] == job.bounds[s]:
            continue
        status = one(job, s)
        if job.status[s] == IMPOSSIBLE:
            when_impossible(job, s)
        if status:
            return status
    return OK


cdef Py_ssize_t doubles_needed(Job* job, Py_ssize_t budget) noexcept nogil:
    """Scratch for the longest sequence within `budget` bytes; decides on the segment."""
    cdef Py_ssize_t s, longest = 1, width = job.width
    for s in range(job.n_sequences):
        longest = max(longest, job.bounds[s + 1] - job.bounds[s])
    job.segment = longest
    job.in_bytes = REGISTERS and job.n <= 16 and sizeof(Py_ssize_t) == 8
    if job.n <= 4 or job.in_bytes:
        return 3 * width
    if longest > budget // 8 // width:
        job.segment = <Py_ssize_t> sqrt(<double> longest) + 1
    return (job.segment + longest // job.segment + 3) * width


def viterbi(
    const double[::1] log_startprob,        # IN (W,), -inf where padded
    const double[:, ::1] log_transmat,      # IN (N, W)
    const double[:, ::1] log_transposed,    # IN (N, W)
    const double[:, ::1] log_rows,          # IN (R, W)
    index,                                  # IN (T,) int32; or bytes, for very long data
    const long long[::1] bounds,            # IN (S + 1,)
    int[::1] stop,                          # IN (1,)
    Py_ssize_t budget,                      # bytes that delta may take
    Py_ssize_t[::1] path,                   # OUT (T,)
    double[::1] score,                      # OUT (S,): log P(O, Q*)
    int[::1] status,                        # OUT (S,)
    long long[::1] step,                    # OUT (S,)
    double[::1] last=None,                  # OUT (N,): delta of the last step of the last sequence, up to a constant
):
    """The most probable path of each sequence. True if it was stopped."""
    cdef Job job
    cdef int result
    cdef void* scratch
    cdef Py_ssize_t size
    if bounds[bounds.shape[0] - 1] == bounds[0]:
        score[:] = 0
        status[:] = OK
        step[:] = -1
        return False
    job.n = log_transmat.shape[0]
    job.width = log_transmat.shape[1]
    job.startprob = &log_startprob[0]
    job.transmat = &log_transmat[0, 0]
    job.incoming = &log_transposed[0, 0]
    job.rows = &log_rows[0, 0]
    job.n_sequences = bounds.shape[0] - 1
    job.bounds = &bounds[0]
    point_to(index, &job.index)
    job.stop = &stop[0]
    size = doubles_needed(&job, budget)
    scratch = malloc(size * sizeof(double) + 64)
    if scratch == NULL:
        raise MemoryError(f"no memory for {size} doubles")
    huge_pages(scratch, size * sizeof(double))
    job.delta = <double*> (<size_t> (<char*> scratch + 63) // 64 * 64)
    job.path = &path[0]
    job.score = &score[0]
    job.status = &status[0]
    job.step = &step[0]
    job.last = NULL if last is None else &last[0]
    with nogil:
        result = run(&job)
    free(scratch)
    return result != 0


# The k best paths --------------------------------------------------------------------------------------------------

cdef struct Deviation:
    double loss                 # log P of the best path less that of this one
    Py_ssize_t parent           # the path that it shares the steps from t on with
    Py_ssize_t t
    Py_ssize_t state            # of step t - 1; before it, the best way back

cdef struct Search:             # a heap of deviations, the least loss on top
    Deviation* heap
    Py_ssize_t size
    Py_ssize_t keep             # how many are of use; the heap has room for twice as many
    double limit                # what loses as much is of no use


cdef int by_loss(const void* a, const void* b) noexcept nogil:
    cdef double x = (<const Deviation*> a).loss, y = (<const Deviation*> b).loss
    return (x > y) - (x < y)


cdef int offer(Search* search, double loss, Py_ssize_t parent, Py_ssize_t t, Py_ssize_t state) noexcept nogil:
    cdef Py_ssize_t above, here
    cdef Deviation* heap = search.heap
    if search.size == 2 * search.keep:      # the better half, which is a heap when it is sorted
        qsort(heap, search.size, sizeof(Deviation), &by_loss)
        search.size = search.keep
        search.limit = heap[search.keep - 1].loss
        if not loss < search.limit:
            return 0
    here = search.size
    search.size += 1
    while here > 0:
        above = (here - 1) // 2
        if heap[above].loss <= loss:
            break
        heap[here] = heap[above]
        here = above
    heap[here].loss = loss
    heap[here].parent = parent
    heap[here].t = t
    heap[here].state = state
    return 0


cdef Deviation take_best(Search* search) noexcept nogil:
    cdef Deviation best = search.heap[0], last
    cdef Py_ssize_t here = 0, below = 1
    search.size -= 1
    last = search.heap[search.size]
    while below < search.size:
        if below + 1 < search.size and search.heap[below + 1].loss < search.heap[below].loss:
            below += 1
        if last.loss <= search.heap[below].loss:
            break
        search.heap[here] = search.heap[below]
        here = below
        below = 2 * here + 1
    search.heap[here] = last
    return best


cdef struct Segment:
    Py_ssize_t k                # which one `delta` holds
    Py_ssize_t n_steps          # of the sequence


cdef for_plain segment_plain(Job* job, Py_ssize_t n_steps, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
    cdef double top
    job.result = segment_of(job.n, job.width, job, &job.index, n_steps, start, end, &top)

cdef for_medium segment_medium(Job* job, Py_ssize_t n_steps, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
    cdef double top
    job.result = segment_of(job.n, job.width, job, &job.index, n_steps, start, end, &top)

cdef for_wide segment_wide(Job* job, Py_ssize_t n_steps, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
    cdef double top
    job.result = segment_of(job.n, job.width, job, &job.index, n_steps, start, end, &top)


cdef int hold(Job* job, Segment* held, Py_ssize_t k, bint again) noexcept nogil:
    """delta of segment k; `again`: the first one goes on from its checkpoint, else from what delta ends with."""
    cdef Py_ssize_t j, start = k * job.segment, end = min(start + job.segment, held.n_steps)
    cdef double* checkpoints = job.delta + (1 + job.segment) * job.width
    if held.k == k:
        return OK
    for j in range(job.width if k else 0):
        if again:
            job.delta[j] = checkpoints[(k - 1) * job.width + j]
        else:
            job.delta[j] = checkpoints[(k - 1) * job.width + j] = job.delta[job.segment * job.width + j]
    if REGISTERS == 2 and job.width > 4:
        segment_wide(job, held.n_steps, start, end)
    elif REGISTERS and job.width > 2:
        segment_medium(job, held.n_steps, start, end)
    else:
        segment_plain(job, held.n_steps, start, end)
    held.k = k
    return job.result


cdef int walk(
    Job* job, Segment* held, Search* search, Py_ssize_t which, Py_ssize_t* path, Py_ssize_t t, double loss,
) noexcept nogil:
    """The best way back from path[t], and what deviates from it; the first path is known, and may lose by rounding."""
    cdef Py_ssize_t k, i, chosen, best = 0, n = job.n, start
    cdef double top, v
    cdef const double* x
    cdef const double* a
    cdef int status
    for k in range(t // job.segment, -1, -1):
        status = hold(job, held, k, True)
        if status:
            return status
        start = k * job.segment
        while t >= max(start, 1):
            x = job.delta + (t - start) * job.width
            a = job.incoming + path[t] * job.width
            origin_of(n, x, a, &best)
            top = x[best] + a[best]
            chosen = best
            if which == 0:
                chosen = path[t - 1]
            path[t - 1] = chosen
            for i in range(n):
                v = loss + (top - (x[i] + a[i]))
                if v < search.limit and i != chosen:    # never where it is impossible
                    offer(search, v, which, t, i)
            loss += top - (x[chosen] + a[chosen])
            if t % BLOCK == 0 and job.stop[0]:
                return STOPPED
            t -= 1
    return OK


cdef double score_of(Job* job, const Py_ssize_t* path, Py_ssize_t n_steps) noexcept nogil:
    """log P(O, path), the terms of a block of steps without compensation, as in `walk_back`."""
    cdef Py_ssize_t t
    cdef Sum sum
    cdef double along_rows = job.rows[row_of(&job.index, 0) * job.width + path[0]], along_trans = job.startprob[path[0]]
    sum.total = sum.compensation = 0
    for t in range(1, n_steps):
        along_rows += job.rows[row_of(&job.index, t) * job.width + path[t]]
        along_trans += job.transmat[path[t - 1] * job.width + path[t]]
        if t % BLOCK == 0:
            add(&sum, along_rows)
            add(&sum, along_trans)
            along_rows = along_trans = 0
    add(&sum, along_rows)
    add(&sum, along_trans)
    return sum.total + sum.compensation


cdef Py_ssize_t all_best(Job* job, Search* search, Py_ssize_t n_steps, Py_ssize_t n_paths) noexcept nogil:
    """The number of paths, at most n_paths; -1 if it was stopped."""
    cdef Py_ssize_t k, j, t, m = 0, last = n_steps - 1
    cdef Segment held
    cdef Deviation next
    cdef double* y
    cdef double top = -INFINITY, loss
    cdef Py_ssize_t* path = job.path
    held.k = -1
    held.n_steps = n_steps
    for k in range(last // job.segment + 1):
        if hold(job, &held, k, False):
            return -1
    y = job.delta + (last % job.segment + 1) * job.width
    for j in range(job.n):
        top = max(top, y[j])
    for j in range(job.n):
        if j != path[last] and top - y[j] < INFINITY:
            offer(search, top - y[j], 0, n_steps, j)
    t = last
    loss = top - y[path[last]]
    while True:
        if walk(job, &held, search, m, path, t, loss):
            return -1
        job.score[m] = score_of(job, path, n_steps)
        m += 1
        if m == n_paths or search.size == 0:
            return m
        next = take_best(search)
        path += n_steps
        for k in range(next.t, n_steps):
            path[k] = job.path[next.parent * n_steps + k]
        t = next.t - 1
        path[t] = next.state
        loss = next.loss


def best_paths(
    const double[::1] log_startprob,        # IN (W,), -inf where padded
    const double[:, ::1] log_transmat,      # IN (N, W)
    const double[:, ::1] log_transposed,    # IN (N, W)
    const double[:, ::1] log_rows,          # IN (R, W)
    index,                                  # IN (T,) as above, T > 0
    int[::1] stop,                          # IN (1,)
    Py_ssize_t budget,                      # bytes that delta may take
    Py_ssize_t[:, ::1] path,                # IN a best path, OUT others (K, T)
    double[::1] score,                      # OUT (K,): log P(O, path)
):
    """The number of paths found, the best first: K, unless fewer are possible; -1 if it was stopped."""
    cdef Job job
    cdef Search search
    cdef Py_ssize_t size, result, n_steps = index.shape[0], n_paths = path.shape[0]
    cdef void* scratch
    job.n = log_transmat.shape[0]
    job.width = log_transmat.shape[1]
    job.startprob = &log_startprob[0]
    job.transmat = &log_transmat[0, 0]
    job.incoming = &log_transposed[0, 0]
    job.rows = &log_rows[0, 0]
    point_to(index, &job.index)
    job.stop = &stop[0]
    job.path = &path[0, 0]
    job.score = &score[0]
    job.segment = n_steps
    if n_steps > budget // 8 // job.width:
        job.segment = <Py_ssize_t> sqrt(<double> n_steps) + 1
    size = (job.segment + n_steps // job.segment + 3) * job.width
    scratch = malloc(size * sizeof(double) + 64)
    search.heap = <Deviation*> malloc(2 * n_paths * sizeof(Deviation))
    if scratch == NULL or search.heap == NULL:
        free(scratch)
        free(search.heap)
        raise MemoryError(f"no memory for {size} doubles, and {n_paths} paths")
    huge_pages(scratch, size * sizeof(double))
    job.delta = <double*> (<size_t> (<char*> scratch + 63) // 64 * 64)
    search.size = 0
    search.keep = n_paths
    search.limit = INFINITY
    with nogil:
        result = all_best(&job, &search, n_steps, n_paths)
    free(scratch)
    free(search.heap)
    return result


# The tables of the texts -------------------------------------------------------------------------------------------

def tables(
    const double[::1] log_startprob,
    const double[:, ::1] log_transmat,
    const double[:, ::1] log_rows,
    const int[::1] index,
    int[::1] stop,
    double[:, ::1] delta,                   # OUT (T, N): logarithms, the largest of a step taken out
    double[::1] log_scale,                  # OUT (T,): what was taken out, in addition to that of the step before
    Py_ssize_t[:, ::1] psi,                 # OUT (T, N): the i that gave the maximum, 0 at the first step
):
    """delta and psi of one possible sequence."""
    cdef Py_ssize_t t, i, j, n = log_transmat.shape[0]
    cdef double v, best
    cdef volatile int* flag = &stop[0]
    with nogil:
        for t in range(index.shape[0]):
            for j in range(n):
                psi[t, j] = 0
                best = log_startprob[j]
                if t > 0:
                    best = delta[t - 1, 0] + log_transmat[0, j]
                    for i in range(1, n):
                        v = delta[t - 1, i] + log_transmat[i, j]
                        if v > best:
                            best = v
                            psi[t, j] = i
                delta[t, j] = best + log_rows[index[t], j]
            rebase(n, &delta[t, 0], &log_scale[t])
            if flag[0]:
                break
