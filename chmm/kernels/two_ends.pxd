"""Small models, up to sixteen states: a sequence taken from both of its ends at once, in registers.

A step of a small model is bound by latency, so two chains that do not wait for each other take the time of one:

    front   alpha[t] = b[t] * (alpha[t-1] A)            t = 0 ... h-1
    back    delta[t] = b[t] * (A delta[t+1])            t = T-1 ... h,    delta = b * beta

They `meet`: P(O) = alpha[h-1] A delta[h]. Then each runs on through the other's half (`part`), where it finds the
other's variables stored, and the two halves of gamma and xi come out the same way, mirrored:

    t < h    y = A delta[t+1]      gamma[t] = alpha[t] y       xi[t] = alpha[t] x delta[t+1] . A
    t >= h   y = alpha[t-1] A      gamma[t] = delta[t] y       xi[t-1] = alpha[t-1] x delta[t] . A

If nothing underflowed before they met, both are exact (see passes.pxd); if anything did, or P(O) = 0, the caller takes
the sequence from the front alone, where the certificate and the place of the impossible step are to be had.

`size` is the number of states, rounded up to whole registers: states that do not exist have zeros everywhere.
"""

from .lanes cimport (
    for_medium, for_plain, for_wide, inlined, lanes, medium, outer_product, smaller, smaller_medium,
    smaller_wide, sum_lanes, wide,
)
from .passes cimport (
    BLOCK, COUNTS, HUGE, IMPOSSIBLE, LOGLIK, SMALL, STOPPED, Job, Scalings, Sequence, forget, replay_rarely,
    rescale_rarely,
)

cdef enum:
    LOOK = 1024         # steps between two looks at `stop`
    MOST = 8            # registers in a row, of any kind
    TABLE = 128         # registers in a table


cdef inline inlined times(Py_ssize_t size, const lanes* s, const lanes* m, lanes* y) noexcept nogil:
    """y = s M; even and odd rows of M apart, since a short chain of sums is a quick one."""
    cdef Py_ssize_t i, v, vectors = size // <Py_ssize_t> (sizeof(lanes) // sizeof(double))
    cdef const double* x = <const double*> s
    cdef lanes odd[MOST]
    for v in range(vectors):
        y[v] = x[0] * m[v]
    if size > 1:
        for v in range(vectors):
            odd[v] = x[1] * m[vectors + v]
    for i in range(2, size):
        for v in range(vectors):
            if i % 2:
                odd[v] += x[i] * m[i * vectors + v]
            else:
                y[v] += x[i] * m[i * vectors + v]
    if size > 1:
        for v in range(vectors):
            y[v] += odd[v]
    return 0


cdef inline inlined keep_row(Py_ssize_t size, Py_ssize_t stride, const lanes* s, double* kept) noexcept nogil:
    """Rows of scratch have room for whole registers, those of a table that comes back do not."""
    cdef Py_ssize_t j, v, vectors = size // <Py_ssize_t> (sizeof(lanes) // sizeof(double))
    cdef lanes copy[MOST]       # of an array whose address is taken nothing stays in registers
    if lanes is double or stride == size:
        for v in range(vectors):
            (<lanes*> kept)[v] = s[v]
    else:
        for v in range(vectors):
            copy[v] = s[v]
        for j in range(size):
            if j < stride:
                kept[j] = (<const double*> copy)[j]
    return 0


cdef inline inlined see(
    Py_ssize_t size,
    Py_ssize_t stride,          # doubles from one row of what is kept to the next; 0: nothing is
    const double* b,            # IN (size,)
    lanes* s,                   # IN/OUT (size,)
    double* kept,               # OUT (stride,)
    Py_ssize_t t,
    Scalings* scalings,
    int* status,
) noexcept nogil:
    """s = b * s, scaled if it gets small, and kept."""
    cdef Py_ssize_t v, vectors = size // <Py_ssize_t> (sizeof(lanes) // sizeof(double))
    cdef lanes copy[MOST]
    cdef lanes sums
    cdef double total
    for v in range(vectors):
        s[v] = (<const lanes*> b)[v] * s[v]
    sums = s[0]
    for v in range(1, vectors):
        sums += s[v]
    sum_lanes(&sums, &total)
    if total < SMALL:
        for v in range(vectors):
            copy[v] = s[v]
        status[0] |= rescale_rarely(<double*> copy, size, total, t, scalings)
        for v in range(vectors):
            s[v] = copy[v]
    if stride:
        keep_row(size, stride, s, kept)
    return 0


cdef inline inlined grow(
    Py_ssize_t size, Py_ssize_t stride, const lanes* m, const double* b, lanes* s, double* kept, Py_ssize_t t,
    Scalings* scalings, int* status,
) noexcept nogil:
    """s = b * (s M)"""
    cdef Py_ssize_t v, vectors = size // <Py_ssize_t> (sizeof(lanes) // sizeof(double))
    cdef lanes y[MOST]
    times(size, s, m, y)
    for v in range(vectors):
        s[v] = y[v]
    see(size, stride, b, s, kept, t, scalings, status)
    return 0


cdef inline inlined load(Py_ssize_t size, const double* table, Py_ssize_t n, lanes* m) noexcept nogil:
    """An (n, size) table into an array (size, size)."""
    cdef Py_ssize_t i, v, vectors = size // <Py_ssize_t> (sizeof(lanes) // sizeof(double))
    for i in range(size):
        for v in range(vectors):
            m[i * vectors + v] = (<const lanes*> table)[(i if i < n else 0) * vectors + v] * <double> (i < n)
    return 0


cdef inline inlined meet(lanes* kind, Py_ssize_t size, Job* job, Sequence* seq) noexcept nogil:
    """Both ends to the middle: seq.total = P(O), but for scalings and shifts."""
    cdef Py_ssize_t vectors = size // <Py_ssize_t> (sizeof(lanes) // sizeof(double)), n = job.chain.n
    cdef Py_ssize_t k, j, last = seq.n_steps - 1, half = (seq.n_steps + 1) // 2
    cdef Py_ssize_t stride = 0 if job.task == LOGLIK else size if job.task == COUNTS else n
    cdef lanes front[MOST]
    cdef lanes back[MOST]
    cdef lanes a[TABLE]
    cdef lanes turned[TABLE]
    cdef lanes y[MOST]
    cdef lanes sums
    cdef const double* rows = job.chain.rows
    cdef const int* index = seq.index
    cdef double* kept = seq.alpha
    cdef int status = 0
    forget(&seq.front)
    forget(&seq.back)
    load(size, job.chain.transmat, n, a)
    load(size, job.chain.transposed, n, turned)
    for j in range(vectors):
        front[j] = (<const lanes*> job.chain.startprob)[j]
        back[j] = front[j] * 0 + 1.0
    see(size, stride, rows + index[0] * size, front, kept, 0, &seq.front, &status)
    see(size, stride, rows + index[last] * size, back, kept + last * stride, last, &seq.back, &status)
    for k in range(1, seq.n_steps - half):
        grow(size, stride, a, rows + index[k] * size, front, kept + k * stride, k, &seq.front, &status)
        grow(
            size, stride, turned, rows + index[last - k] * size, back, kept + (last - k) * stride, last - k, &seq.back,
            &status,
        )
        if status:
            break
        if k % LOOK == 0 and job.stop[0]:
            status = STOPPED
            break
    if status == 0 and half > seq.n_steps - half:
        k = half - 1
        grow(size, stride, a, rows + index[k] * size, front, kept + k * stride, k, &seq.front, &status)
    times(size, front, a, y)
    sums = y[0] * back[0]
    for j in range(1, vectors):
        sums += y[j] * back[j]
    sum_lanes(&sums, &seq.total)
    if status == 0 and not seq.total > 0:
        status = IMPOSSIBLE
    seq.status = status
    return 0


cdef inline inlined cap(Py_ssize_t vectors, lanes* y) noexcept nogil:
    cdef Py_ssize_t v
    for v in range(vectors):
        if lanes is double:
            y[v] = smaller(y[v], HUGE)
        elif lanes is medium:
            y[v] = smaller_medium(y[v], HUGE)
        else:
            y[v] = smaller_wide(y[v], HUGE)
    return 0


cdef inline inlined settle(
    Py_ssize_t size,
    Py_ssize_t stride,
    bint counts,                # add into `weights` and `pairs`, or write gamma over what was kept
    bint first,                 # a pair of steps that the other end has counted
    const lanes* m,             # IN (size, size)
    const double* b,            # IN (size,)
    lanes* s,                   # IN/OUT (size,)
    double* kept,               # IN (size,) from the other end, OUT (stride,) gamma if not counts
    double* weights,            # ADD (size,)
    lanes* pairs,               # ADD (size, size): kept x s, where registers hold it
    double* block,              # OUT (size,): s, where they do not
    double weight,
    lanes* gamma,               # OUT (size,)
    Py_ssize_t t,
    const Scalings* scalings,
    Py_ssize_t* cursor,
    Py_ssize_t* following,      # the step of the scaling at the cursor
) noexcept nogil:
    """gamma = kept * (s M), and s = b * (s M) on the scale of the next step."""
    cdef Py_ssize_t i, v, vectors = size // <Py_ssize_t> (sizeof(lanes) // sizeof(double))
    cdef lanes y[MOST]
    cdef double factor
    times(size, s, m, y)
    # of a state that the other end cannot reach; columns of A may sum to more than 1, so a sum can overflow too
    cap(vectors, y)
    for v in range(vectors):
        gamma[v] = (<const lanes*> kept)[v] * y[v]
    if counts:
        for v in range(vectors):
            (<lanes*> weights)[v] += weight * gamma[v]
        if not first:
            if lanes is double:
                for i in range(size):
                    for v in range(size):
                        pairs[i * size + v] += kept[i] * s[v]
            else:
                for v in range(vectors):
                    (<lanes*> block)[v] = s[v]
    else:
        keep_row(size, stride, gamma, kept)
    if t == following[0]:
        factor = replay_rarely(scalings, t, cursor, following)
        for v in range(vectors):
            y[v] *= factor
    cap(vectors, y)
    for v in range(vectors):
        s[v] = (<const lanes*> b)[v] * y[v]
    return 0


cdef inline inlined add_pairs(
    lanes* pairs, Py_ssize_t size, Py_ssize_t k, const double* kept, const double* block,
) noexcept nogil:
    """The pairs of a block of k steps at once, as a product of matrices."""
    outer_product(
        pairs, size, size // <Py_ssize_t> (sizeof(lanes) // sizeof(double)), k, kept, size, <const lanes*> block,
    )
    return 0


cdef inline inlined part(lanes* kind, Py_ssize_t size, Job* job, Sequence* seq) noexcept nogil:
    """From the middle on, each end through the other's half."""
    cdef Py_ssize_t vectors = size // <Py_ssize_t> (sizeof(lanes) // sizeof(double)), n = job.chain.n
    cdef Py_ssize_t k, i, j, t, filled, half = (seq.n_steps + 1) // 2, backs = seq.n_steps - half
    cdef bint counts = job.task == COUNTS
    cdef Py_ssize_t stride = size if lanes is double or counts else n
    cdef Py_ssize_t front_cursor = seq.front.n, back_cursor = seq.back.n
    cdef Py_ssize_t front_following = seq.front.items[front_cursor - 1].step if front_cursor else -1
    cdef Py_ssize_t back_following = seq.back.items[back_cursor - 1].step if back_cursor else -1
    cdef lanes front[MOST]
    cdef lanes back[MOST]
    cdef lanes a[TABLE]
    cdef lanes turned[TABLE]
    cdef lanes gamma[MOST]              # at t = 0 in the end
    cdef lanes other[MOST]
    cdef lanes early[TABLE]       # pairs[i, j] of the first half
    cdef lanes late[TABLE]        # pairs[j, i] of the second
    cdef const double* rows = job.chain.rows
    cdef const int* index = seq.index
    cdef double* kept = seq.alpha
    cdef double* weights = job.weights
    cdef double* early_block = seq.work + BLOCK * size      # filled from its end: rows in the order of time
    cdef double* late_block = seq.work + BLOCK * size
    cdef double weight = seq.weight
    cdef double scale = 1 / seq.total
    load(size, job.chain.transmat, n, a)
    load(size, job.chain.transposed, n, turned)
    for j in range(vectors):
        front[j] = (<const lanes*> (kept + (half - 1) * stride))[j] * scale
        back[j] = (<const lanes*> (kept + half * stride))[j] * scale
    for i in range(size * vectors):
        early[i] = late[i] = a[0] * 0
    settle(
        size, stride, counts, True, a, rows + index[half] * size, front, kept + half * stride,
        weights + index[half] * size, late, late_block, weight, other, half, &seq.back, &back_cursor, &back_following,
    )
    for t in range(half - 1, backs - 2, -1):    # one step or two, so that as many are left on either side
        settle(
            size, stride, counts, False, turned, rows + index[t] * size, back, kept + t * stride,
            weights + index[t] * size, early, early_block - (half - t) * size, weight, gamma, t, &seq.front,
            &front_cursor, &front_following,
        )
    if lanes is not double:
        if counts:
            filled = half - backs + 1
            add_pairs(early, size, filled, kept + (backs - 1) * stride, early_block - filled * size)
    filled = 0
    for k in range(1, backs):
        filled += 1
        t = backs - 1 - k
        settle(
            size, stride, counts, False, turned, rows + index[t] * size, back, kept + t * stride,
            weights + index[t] * size, early, early_block - filled * size, weight, gamma, t, &seq.front, &front_cursor,
            &front_following,
        )
        t = half + k
        settle(
            size, stride, counts, False, a, rows + index[t] * size, front, kept + t * stride,
            weights + index[t] * size, late, late_block + (filled - 1) * size, weight, other, t, &seq.back,
            &back_cursor, &back_following,
        )
        if filled == BLOCK or k == backs - 1:
            if lanes is not double:
                if counts:
                    add_pairs(early, size, filled, kept + (backs - 1 - k) * stride, early_block - filled * size)
                    add_pairs(late, size, filled, kept + (t + 1 - filled) * stride, late_block)
            filled = 0
        if k % LOOK == 0 and job.stop[0]:
            seq.status = STOPPED
            return 0
    if counts:
        for i in range(n):
            job.start[i] += weight * (<double*> gamma)[i]
            for j in range(n):
                job.pairs[i * size + j] += weight * (
                    (<double*> early)[i * size + j] + (<double*> late)[j * size + i]
                )
    return 0


# Each size is a function of its own: in one large function the compiler would keep nothing in registers.

cdef inline for_plain meet_plain(Job* job, Sequence* seq) noexcept nogil:
    meet(<double*> NULL, job.chain.n, job, seq)

cdef inline for_plain part_plain(Job* job, Sequence* seq) noexcept nogil:
    part(<double*> NULL, job.chain.n, job, seq)

cdef inline for_medium meet_1(Job* job, Sequence* seq) noexcept nogil:
    meet(<double*> NULL, 1, job, seq)

cdef inline for_medium part_1(Job* job, Sequence* seq) noexcept nogil:
    part(<double*> NULL, 1, job, seq)

cdef inline for_medium meet_2(Job* job, Sequence* seq) noexcept nogil:
    meet(<double*> NULL, 2, job, seq)

cdef inline for_medium part_2(Job* job, Sequence* seq) noexcept nogil:
    part(<double*> NULL, 2, job, seq)

cdef inline for_medium meet_4(Job* job, Sequence* seq) noexcept nogil:
    meet(<medium*> NULL, 4, job, seq)

cdef inline for_medium part_4(Job* job, Sequence* seq) noexcept nogil:
    part(<medium*> NULL, 4, job, seq)

cdef inline for_medium meet_8(Job* job, Sequence* seq) noexcept nogil:
    meet(<medium*> NULL, 8, job, seq)

cdef inline for_medium part_8(Job* job, Sequence* seq) noexcept nogil:
    part(<medium*> NULL, 8, job, seq)

cdef inline for_medium meet_16(Job* job, Sequence* seq) noexcept nogil:
    meet(<medium*> NULL, 16, job, seq)

cdef inline for_medium part_16(Job* job, Sequence* seq) noexcept nogil:
    part(<medium*> NULL, 16, job, seq)

cdef inline for_wide meet_16_wide(Job* job, Sequence* seq) noexcept nogil:
    meet(<wide*> NULL, 16, job, seq)

cdef inline for_wide part_16_wide(Job* job, Sequence* seq) noexcept nogil:
    part(<wide*> NULL, 16, job, seq)

cdef inline for_wide meet_8_wide(Job* job, Sequence* seq) noexcept nogil:
    meet(<wide*> NULL, 8, job, seq)

cdef inline for_wide part_8_wide(Job* job, Sequence* seq) noexcept nogil:
    part(<wide*> NULL, 8, job, seq)


cdef inline int meet_best(Job* job, Sequence* seq) noexcept nogil:
    if job.registers == 0:
        meet_plain(job, seq)
    elif job.chain.width == 1:
        meet_1(job, seq)
    elif job.chain.width == 2:
        meet_2(job, seq)
    elif job.chain.width == 4:
        meet_4(job, seq)
    elif job.chain.width == 8 and job.registers == 1:
        meet_8(job, seq)
    elif job.chain.width == 8:
        meet_8_wide(job, seq)
    elif job.registers == 1:
        meet_16(job, seq)
    else:
        meet_16_wide(job, seq)
    return 0


cdef inline int part_best(Job* job, Sequence* seq) noexcept nogil:
    if job.registers == 0:
        part_plain(job, seq)
    elif job.chain.width == 1:
        part_1(job, seq)
    elif job.chain.width == 2:
        part_2(job, seq)
    elif job.chain.width == 4:
        part_4(job, seq)
    elif job.chain.width == 8 and job.registers == 1:
        part_8(job, seq)
    elif job.chain.width == 8:
        part_8_wide(job, seq)
    elif job.registers == 1:
        part_16(job, seq)
    else:
        part_16_wide(job, seq)
    return 0
