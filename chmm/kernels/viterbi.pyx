"""The most probable path, in logarithms.

    delta[0, j] = log pi_j + log b[0, j]
    delta[t, j] = max_i (delta[t-1, i] + log A[i, j]) + log b[t, j]

Ties go to the lowest state. delta is brought back to a maximum of 0 at every block of steps, so that it does not drift;
log P(O, Q*) is added up along the path, with compensation.

Up to four states, one byte a step says from where each state was reached; up to sixteen, one byte for each state and
step. Larger models keep no back-pointers: the way
back finds the i that gave the maximum of the one state it came from, by the same additions. delta is kept for every
step, or, where that would take more than `budget` bytes, for one step in sqrt(T), and the stretch between two of them
is computed again on the way back.
"""

from libc.math cimport INFINITY, sqrt
from libc.stdlib cimport free, malloc

from .compensated cimport Sum, add
from .simd cimport (
    ZERO, restrict_ptr, choose, for_medium, for_plain, for_wide, inline_int, larger, medium, registers, select, to_bytes,
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
    BLOCK = 64          # steps between two looks at `stop`, two re-basings, and terms of one uncompensated sum

cdef struct Job:
    Py_ssize_t n
    Py_ssize_t width
    const double* startprob     # (width,), logarithms, -inf where padded
    const double* transmat      # (n, width)
    const double* incoming      # (n, width): transmat turned
    const double* rows          # (R, width)
    int result                  # OUT: OK or STOPPED
    Py_ssize_t n_sequences
    const long long* bounds     # (S + 1,)
    const int* index            # (T,)
    volatile int* stop
    bint in_bytes               # n <= 16, and the back-pointers of all steps are within the budget
    Py_ssize_t stretch          # steps of which delta is kept at a time
    double* delta               # scratch (stretch, width), and after it checkpoints (longest / stretch + 1, width)
    unsigned char* origin       # scratch (longest,) for tiny models, (longest, width) for small ones
    Py_ssize_t* path            # OUT (T,)
    double* score               # OUT (S,)
    int* status                 # OUT (S,)
    long long* step             # OUT (S,)


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


cdef inline inline_int walk_back(
    Py_ssize_t width,
    bint packed,                # two bits for each state in the byte of a step, or a byte for each state
    Job* job,
    Py_ssize_t s,
    Py_ssize_t here,            # the last state
) noexcept nogil:
    """The path from the bytes that say where each state came from, and its log probability."""
    cdef Py_ssize_t t, before, n_steps = job.bounds[s + 1] - job.bounds[s]
    cdef const int* index = job.index + job.bounds[s]
    cdef Py_ssize_t* path = job.path + job.bounds[s] - job.bounds[0]
    cdef const double* rows = job.rows
    cdef const unsigned char* origin = job.origin
    cdef double along_rows = 0, along_trans = 0
    cdef Sum sum
    sum.total = sum.compensation = 0
    for t in range(n_steps - 1, 0, -1):
        path[t] = here
        along_rows += rows[index[t] * width + here]
        before = (origin[t] >> (2 * here)) & 3 if packed else origin[t * width + here]
        along_trans += job.transmat[before * width + here]
        here = before
        if t % BLOCK == 0:
            add(&sum, along_rows)
            add(&sum, along_trans)
            along_rows = along_trans = 0
    path[0] = here
    add(&sum, along_rows + rows[index[0] * width + here])
    add(&sum, along_trans + job.startprob[here])
    job.score[s] = sum.total + sum.compensation
    return OK


# Up to four states: everything in registers ------------------------------------------------------------------------

cdef inline inline_int tiny(Py_ssize_t n, Py_ssize_t width, Job* job, Py_ssize_t s) noexcept nogil:
    cdef Py_ssize_t t, i, j, n_steps = job.bounds[s + 1] - job.bounds[s]
    cdef const int* index = job.index + job.bounds[s]
    cdef unsigned char* origin = job.origin
    cdef const double* rows = job.rows
    cdef const double* b
    cdef double a[16]
    cdef double x[4]
    cdef double y[4]
    cdef double v, best, top
    cdef Py_ssize_t from_where, all_origins, here
    for i in range(n):
        x[i] = job.startprob[i] + rows[index[0] * width + i]
        for j in range(n):
            a[i * n + j] = job.transmat[i * width + j]
    for t in range(1, n_steps):
        b = rows + index[t] * width
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
    here = 0
    for j in range(1, n):
        if x[j] > x[here]:
            here = j
    return walk_back(width, True, job, s, here)


# Up to sixteen states: one byte for each state and step, a register full of states at a time ------------------------

cdef inline inline_int best_and_origin(
    Py_ssize_t n,
    Py_ssize_t width,
    Py_ssize_t columns,         # a literal 8, 12 or 16, at least n
    const double* x,
    const double* a,
    const double* b,
    double* y,                  # OUT (columns,)
    unsigned char* origin,      # OUT (columns,): the i that gave it
) noexcept nogil:
    """y[j] = max_i (x[i] + A[i, j]) + b[j] and the first i that gives it, in registers: all columns for each row."""
    cdef Py_ssize_t i, c, size = sizeof(medium) // sizeof(double), vectors = columns // size
    cdef const medium* row
    cdef medium v, this
    cdef medium best[16]
    cdef medium where[16]
    for c in range(vectors):
        best[c] = x[0] + (<const medium*> a)[c]
        where[c] = ZERO
    this = ZERO
    for i in range(1, n):
        row = <const medium*> (a + i * width)
        this = this + 1.0
        for c in range(vectors):
            v = x[i] + row[c]
            where[c] = select(v > best[c], this, where[c])
            best[c] = select(v > best[c], v, best[c])
    for c in range(vectors):
        to_bytes(where[c], origin + c * size)
        (<medium*> y)[c] = best[c] + (<const medium*> b)[c]
    return 0


cdef inline inline_int small(Py_ssize_t n, Py_ssize_t width, Py_ssize_t columns, Job* job, Py_ssize_t s) noexcept nogil:
    cdef Py_ssize_t t, j, here = 0, n_steps = job.bounds[s + 1] - job.bounds[s]
    cdef const int* index = job.index + job.bounds[s]
    cdef const double* rows = job.rows
    cdef double* x
    cdef double* y = job.delta
    cdef unsigned char* origin = job.origin
    cdef double top
    for j in range(columns):
        y[j] = job.startprob[j] + rows[index[0] * width + j]
    for t in range(1, n_steps):
        x = y
        y = job.delta + (t & 1) * width
        best_and_origin(n, width, columns, x, job.transmat, rows + index[t] * width, y, origin + t * width)
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
    for j in range(1, n):
        if y[j] > y[here]:
            here = j
    return walk_back(width, False, job, s, here)


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


cdef inline inline_int stretch_of(
    Py_ssize_t n, Py_ssize_t width, Job* job, const int* index, Py_ssize_t n_steps, Py_ssize_t start, Py_ssize_t end,
    const double* before, double* top,
) noexcept nogil:
    """delta for the steps start ... end-1, from the row before."""
    cdef Py_ssize_t t, j
    cdef double* y
    for t in range(start, end):
        y = job.delta + (t - start) * width
        if t == 0:
            for j in range(width):
                y[j] = job.startprob[j] + job.rows[index[0] * width + j]
        else:
            best_of(n, width, before, job.transmat, job.rows + index[t] * width, y)
        if t % BLOCK == 0 or t == n_steps - 1:      # wherever stretches end, so that they change no rounding
            rebase(n, y, top)
            if top[0] == -INFINITY:
                return IMPOSSIBLE
            if job.stop[0]:
                return STOPPED
        before = y
    return OK


cdef inline inline_int origin_of(Py_ssize_t n, const double* x, const double* a, Py_ssize_t* best) noexcept nogil:
    """The first i with the largest x[i] + a[i]; even and odd places apart, so that they need not wait."""
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


cdef inline inline_int general(Py_ssize_t n, Py_ssize_t width, Job* job, Py_ssize_t s) noexcept nogil:
    cdef Py_ssize_t t, j, k, start, end, n_steps = job.bounds[s + 1] - job.bounds[s]
    cdef Py_ssize_t n_stretches = (n_steps + job.stretch - 1) // job.stretch
    cdef const int* index = job.index + job.bounds[s]
    cdef Py_ssize_t* path = job.path + job.bounds[s] - job.bounds[0]
    cdef double* checkpoints = job.delta + job.stretch * width
    cdef const double* before = NULL
    cdef double top, along_rows = 0, along_trans = 0
    cdef Py_ssize_t here = 0, origin
    cdef int status
    cdef Sum sum
    for k in range(n_stretches):
        start = k * job.stretch
        end = min(start + job.stretch, n_steps)
        status = stretch_of(n, width, job, index, n_steps, start, end, before, &top)
        if status == IMPOSSIBLE:
            job.status[s] = IMPOSSIBLE
            return OK
        if status:
            return status
        if k < n_stretches - 1:
            for j in range(width):
                checkpoints[k * width + j] = job.delta[(end - start - 1) * width + j]
            before = checkpoints + k * width
    sum.total = sum.compensation = 0
    for k in range(n_stretches - 1, -1, -1):
        start = k * job.stretch
        end = min(start + job.stretch, n_steps)
        if k < n_stretches - 1:
            stretch_of(n, width, job, index, n_steps, start, end, checkpoints + (k - 1) * width, &top)
        if k == n_stretches - 1:
            for j in range(1, n):
                if job.delta[(end - start - 1) * width + j] > job.delta[(end - start - 1) * width + here]:
                    here = j
        for t in range(end - 1, start - 1, -1):
            path[t] = here
            along_rows += job.rows[index[t] * width + here]
            if t == 0:
                along_trans += job.startprob[here]
            else:
                before = job.delta + (t - start - 1) * width if t > start else checkpoints + (k - 1) * width
                origin_of(n, before, job.incoming + here * width, &origin)
                along_trans += job.transmat[origin * width + here]
                here = origin
            if t % BLOCK == 0:
                add(&sum, along_rows)
                add(&sum, along_trans)
                along_rows = along_trans = 0
                if job.stop[0]:
                    return STOPPED
    job.score[s] = sum.total + sum.compensation
    return OK


cdef inline inline_int when_impossible(Job* job, Py_ssize_t s) noexcept nogil:
    """The step at which the last state died: a plain run, without keeping anything."""
    cdef Py_ssize_t t, i, j, n = job.n, width = job.width, n_steps = job.bounds[s + 1] - job.bounds[s]
    cdef const int* index = job.index + job.bounds[s]
    cdef double* x = job.delta
    cdef double* y = job.delta + width
    cdef double* z
    cdef bint alive
    for t in range(n_steps):
        alive = False
        for j in range(n):
            y[j] = job.startprob[j] if t == 0 else -INFINITY
            for i in range(n if t else 0):
                y[j] = max(y[j], x[i] + job.transmat[i * width + j])
            y[j] = 0 if y[j] + job.rows[index[t] * width + j] > -INFINITY else -INFINITY
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
    """Scratch for the longest sequence within `budget` bytes; decides on the stretch."""
    cdef Py_ssize_t s, longest = 1, width = job.width
    for s in range(job.n_sequences):
        longest = max(longest, job.bounds[s + 1] - job.bounds[s])
    job.stretch = longest
    if job.n <= 4:
        return 3 * width + longest // 8 + 1
    job.in_bytes = REGISTERS and job.n <= 16 and longest <= budget // width
    if job.in_bytes:
        return 3 * width + longest * width // 8 + 1
    if longest > budget // 8 // width:
        job.stretch = <Py_ssize_t> sqrt(<double> longest) + 1
    return (job.stretch + longest // job.stretch + 3) * width


def viterbi(
    const double[::1] log_startprob,        # IN (W,), -inf where padded
    const double[:, ::1] log_transmat,      # IN (N, W)
    const double[:, ::1] log_transposed,    # IN (N, W)
    const double[:, ::1] log_rows,          # IN (R, W)
    const int[::1] index,                   # IN (T,)
    const long long[::1] bounds,            # IN (S + 1,)
    int[::1] stop,                          # IN (1,)
    Py_ssize_t budget,                      # bytes that delta or the back-pointers may take
    Py_ssize_t[::1] path,                   # OUT (T,)
    double[::1] score,                      # OUT (S,): log P(O, Q*)
    int[::1] status,                        # OUT (S,)
    long long[::1] step,                    # OUT (S,)
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
    job.index = &index[0]
    job.stop = &stop[0]
    size = doubles_needed(&job, budget)
    scratch = malloc(size * sizeof(double) + 64)
    if scratch == NULL:
        raise MemoryError(f"no memory for {size} doubles")
    huge_pages(scratch, size * sizeof(double))
    job.delta = <double*> (<size_t> (<char*> scratch + 63) // 64 * 64)
    job.origin = <unsigned char*> (job.delta + 3 * job.width)
    job.path = &path[0]
    job.score = &score[0]
    job.status = &status[0]
    job.step = &step[0]
    with nogil:
        result = run(&job)
    free(scratch)
    return result != 0
