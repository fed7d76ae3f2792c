"""Small models, up to sixteen states: a sequence taken from both of its ends at once, in registers.

A step of a small model is bound by latency, so two chains that do not wait for each other take the time of one:

    front   alpha[t] = b[t] * (alpha[t-1] A)            t = 0 ... h-1
    back    delta[t] = b[t] * (A delta[t+1])            t = T-1 ... h,    delta = b * beta

They `meet`: P(O) = alpha[h-1] A delta[h]. Then each runs on through the other's half (`part`), where it finds the
other's variables stored, and the two halves of gamma and xi come out the same way, mirrored:

    t < h    y = A delta[t+1]      gamma[t] = alpha[t] y       xi[t] = alpha[t] x delta[t+1] . A
    t >= h   y = alpha[t-1] A      gamma[t] = delta[t] y       xi[t-1] = alpha[t-1] x delta[t] . A

If nothing underflowed before they met, both are exact (see recursions.pxd); if anything did, or P(O) = 0, the caller takes
the sequence from the front alone, where the certificate and the place of the impossible step are to be had.

Short sequences leave time to wait for at either end of each, so two `lines` of them go side by side, where registers
hold them: up to the shorter one's middle together, the rest of the longer alone.

`size` is the number of states, rounded up to whole registers: states that do not exist have zeros everywhere.
"""

from .simd cimport (
    for_medium, for_plain, for_wide, inlined, lanes, medium, outer_product, smaller, smaller_medium, smaller_wide,
    spread, sum_lanes, wide,
)
from .recursions cimport (
    BLOCK, COUNTS, HUGE, LOGLIK, SMALL, Job, Scalings, Sequence, forget, replay_rarely, rescale_rarely,
)
from .status cimport IMPOSSIBLE, STOPPED

cdef enum:
    LOOK = 1024         # steps between two looks at `stop`
    MOST = 8            # registers in a row, of any kind
    TABLE = 128         # registers in a table


cdef inline inlined times(Py_ssize_t size, const lanes* s, const lanes* m, lanes* y) noexcept nogil:
    """y = s M; even and odd rows of M apart, since a short chain of sums is a quick one."""
    cdef Py_ssize_t i, v, vectors = size // <Py_ssize_t> (sizeof(lanes) // sizeof(double))
    cdef const double* x = <const double*> s
    cdef lanes odd[MOST]
    if lanes is medium:
        if vectors == 1 and size == 4:
            y[0] = (spread(s, 0) * m[0] + spread(s, 2) * m[2]) + (spread(s, 1) * m[1] + spread(s, 3) * m[3])
            return 0
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


cdef inline inlined step_together(
    lanes* kind, Py_ssize_t size, Py_ssize_t stride, Job* job, Sequence* seq, const lanes* a, const lanes* turned,
    lanes* front, lanes* back, Py_ssize_t k, int* status,
) noexcept nogil:
    """Each end one step on: to step k, and to the one as far from the end."""
    cdef Py_ssize_t t = seq.n_steps - 1 - k
    cdef const double* rows = job.chain.rows
    grow(size, stride, a, rows + seq.index[k] * size, front, seq.alpha + k * stride, k, &seq.front, status)
    grow(size, stride, turned, rows + seq.index[t] * size, back, seq.alpha + t * stride, t, &seq.back, status)
    return 0


cdef inline inlined meet(lanes* kind, Py_ssize_t size, Py_ssize_t lines, Job* job, Sequence* seqs) noexcept nogil:
    """Both ends of each line to the middle: seq.total = P(O), but for scalings and shifts."""
    cdef Py_ssize_t vectors = size // <Py_ssize_t> (sizeof(lanes) // sizeof(double)), n = job.chain.n
    cdef Py_ssize_t stride = 0 if job.task == LOGLIK else size if job.task == COUNTS else n
    cdef Py_ssize_t c, k, j, last, together = seqs[0].n_steps // 2
    cdef lanes front[2 * MOST]
    cdef lanes back[2 * MOST]
    cdef lanes a[TABLE]
    cdef lanes turned[TABLE]
    cdef lanes y[MOST]
    cdef lanes sums
    cdef const double* rows = job.chain.rows
    cdef Sequence* seq
    cdef int status = 0
    load(size, job.chain.transmat, n, a)
    load(size, job.chain.transposed, n, turned)
    for c in range(lines):
        seq = &seqs[c]
        last = seq.n_steps - 1
        together = min(together, seq.n_steps // 2)
        forget(&seq.front)
        forget(&seq.back)
        for j in range(vectors):
            front[c * MOST + j] = (<const lanes*> job.chain.startprob)[j]
            back[c * MOST + j] = front[c * MOST + j] * 0 + 1.0
        see(size, stride, rows + seq.index[0] * size, front + c * MOST, seq.alpha, 0, &seq.front, &status)
        see(
            size, stride, rows + seq.index[last] * size, back + c * MOST, seq.alpha + last * stride, last, &seq.back,
            &status,
        )
    for k in range(1, together):
        for c in range(lines):
            step_together(
                kind, size, stride, job, &seqs[c], a, turned, front + c * MOST, back + c * MOST, k, &status,
            )
        if status:
            break
        if k % LOOK == 0 and job.stop[0]:
            status = STOPPED
            break
    for c in range(lines):
        seq = &seqs[c]
        if lines > 1:
            for k in range(together, seq.n_steps // 2):
                step_together(
                    kind, size, stride, job, seq, a, turned, front + c * MOST, back + c * MOST, k, &status,
                )
        if status == 0 and seq.n_steps % 2:
            k = seq.n_steps // 2
            grow(
                size, stride, a, rows + seq.index[k] * size, front + c * MOST, seq.alpha + k * stride, k, &seq.front,
                &status,
            )
        times(size, front + c * MOST, a, y)
        sums = y[0] * back[c * MOST]
        for j in range(1, vectors):
            sums += y[j] * back[c * MOST + j]
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
            (<lanes*> weights)[v] += gamma[v]
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


cdef struct Way:                # through the other end's half
    double* block               # (BLOCK, size) what the pairs of a block are made of, if registers do not hold them
    Py_ssize_t cursor           # see replay
    Py_ssize_t following


cdef inline inlined set_out(double* block, const Scalings* scalings, Way* way) noexcept nogil:
    way.block = block
    way.cursor = scalings.n
    way.following = scalings.items[scalings.n - 1].step if scalings.n else -1
    return 0


cdef inline inlined to_the_start(
    Py_ssize_t size, Py_ssize_t stride, bint counts, Job* job, Sequence* seq, bint first, const lanes* turned, lanes* s,
    lanes* early, lanes* gamma, Py_ssize_t t, Py_ssize_t filled, Way* way,
) noexcept nogil:
    """The back passes step t of the first half; its block is filled from the end, so rows are in the order of time."""
    settle(
        size, stride, counts, first, turned, job.chain.rows + seq.index[t] * size, s, seq.alpha + t * stride,
        job.weights + seq.index[t] * size, early, way.block + (BLOCK - 1 - filled) * size, gamma, t, &seq.front,
        &way.cursor, &way.following,
    )
    return 0


cdef inline inlined to_the_end(
    Py_ssize_t size, Py_ssize_t stride, bint counts, Job* job, Sequence* seq, bint first, const lanes* a, lanes* s,
    lanes* late, lanes* gamma, Py_ssize_t t, Py_ssize_t filled, Way* way,
) noexcept nogil:
    """The front passes step t of the second half."""
    settle(
        size, stride, counts, first, a, job.chain.rows + seq.index[t] * size, s, seq.alpha + t * stride,
        job.weights + seq.index[t] * size, late, way.block + filled * size, gamma, t, &seq.back,
        &way.cursor, &way.following,
    )
    return 0


cdef inline inlined flush(
    Py_ssize_t size, Job* job, Sequence* seq, lanes* early, lanes* late, Py_ssize_t k, Py_ssize_t filled,
    const Way* back, const Way* front,
) noexcept nogil:
    """The pairs of the block that ends with step k from the middle."""
    cdef Py_ssize_t half = (seq.n_steps + 1) // 2, t = half + k, backs = seq.n_steps - half
    if job.task == COUNTS:
        add_pairs(
            early, size, filled, seq.alpha + (backs - 1 - k) * size, back.block + (BLOCK - filled) * size,
        )
        add_pairs(late, size, filled, seq.alpha + (t + 1 - filled) * size, front.block)
    return 0


cdef inline inlined part(lanes* kind, Py_ssize_t size, Py_ssize_t lines, Job* job, Sequence* seqs) noexcept nogil:
    """From the middle on, each end through the other's half."""
    cdef Py_ssize_t vectors = size // <Py_ssize_t> (sizeof(lanes) // sizeof(double)), n = job.chain.n
    cdef Py_ssize_t c, k, i, j, half, backs, filled, last, together = seqs[0].n_steps // 2
    cdef bint counts = job.task == COUNTS
    cdef Py_ssize_t stride = size if lanes is double or counts else n
    cdef Way fronts[2]
    cdef Way ways[2]
    cdef lanes front[2 * MOST]
    cdef lanes back[2 * MOST]
    cdef lanes a[TABLE]
    cdef lanes turned[TABLE]
    cdef lanes gamma[2 * MOST]          # at t = 0 in the end
    cdef lanes other[MOST]
    cdef lanes early[TABLE]       # pairs[i, j] of the first half
    cdef lanes late[TABLE]        # pairs[j, i] of the second
    cdef Sequence* seq
    cdef double scale
    load(size, job.chain.transmat, n, a)
    load(size, job.chain.transposed, n, turned)
    for i in range(size * vectors):
        early[i] = late[i] = a[0] * 0
    for c in range(lines):
        seq = &seqs[c]
        half = (seq.n_steps + 1) // 2
        backs = seq.n_steps - half
        together = min(together, backs)
        set_out(seq.work + 2 * c * BLOCK * size, &seq.front, &ways[c])
        set_out(seq.work + (2 * c + 1) * BLOCK * size, &seq.back, &fronts[c])
        scale = seq.weight / seq.total
        for j in range(vectors):
            front[c * MOST + j] = (<const lanes*> (seq.alpha + (half - 1) * stride))[j] * scale
            back[c * MOST + j] = (<const lanes*> (seq.alpha + half * stride))[j] * scale
        to_the_end(size, stride, counts, job, seq, True, a, front + c * MOST, late, other, half, 0, &fronts[c])
        # one step or two, so that as many are left on either side
        to_the_start(
            size, stride, counts, job, seq, False, turned, back + c * MOST, early, gamma + c * MOST, half - 1, 0,
            &ways[c],
        )
        filled = 1
        if half > backs:
            to_the_start(
                size, stride, counts, job, seq, False, turned, back + c * MOST, early, gamma + c * MOST, half - 2, 1,
                &ways[c],
            )
            filled = 2
        if lanes is not double:
            if counts:
                add_pairs(
                    early, size, filled, seq.alpha + (backs - 1) * stride, ways[c].block + (BLOCK - filled) * size,
                )
    filled = 0
    for k in range(1, together):
        for c in range(lines):
            seq = &seqs[c]
            i = seq.n_steps // 2 - 1 - k
            to_the_start(
                size, stride, counts, job, seq, False, turned, back + c * MOST, early, gamma + c * MOST, i, filled,
                &ways[c],
            )
            i = (seq.n_steps + 1) // 2 + k
            to_the_end(size, stride, counts, job, seq, False, a, front + c * MOST, late, other, i, filled, &fronts[c])
        filled += 1
        if filled == BLOCK or k == together - 1:
            if lanes is not double:
                for c in range(lines):
                    flush(size, job, &seqs[c], early, late, k, filled, &ways[c], &fronts[c])
            filled = 0
        if k % LOOK == 0 and job.stop[0]:
            for c in range(lines):
                seqs[c].status = STOPPED
            return 0
    if lines > 1:
        for c in range(lines):
            seq = &seqs[c]
            last = seq.n_steps // 2 - 1
            for k in range(together, last + 1):
                to_the_start(
                    size, stride, counts, job, seq, False, turned, back + c * MOST, early, gamma + c * MOST, last - k,
                    filled, &ways[c],
                )
                i = (seq.n_steps + 1) // 2 + k
                to_the_end(
                    size, stride, counts, job, seq, False, a, front + c * MOST, late, other, i, filled, &fronts[c],
                )
                filled += 1
                if filled == BLOCK or k == last:
                    if lanes is not double:
                        flush(size, job, seq, early, late, k, filled, &ways[c], &fronts[c])
                    filled = 0
    if counts:
        for i in range(n):
            for c in range(lines):
                job.start[i] += (<double*> (gamma + c * MOST))[i]
            for j in range(n):
                job.pairs[i * size + j] += (<double*> early)[i * size + j] + (<double*> late)[j * size + i]
    return 0


# Each size is a function of its own: in one large function the compiler would keep nothing in registers.

cdef inline for_plain meet_plain(Job* job, Sequence* seqs) noexcept nogil:
    meet(<double*> NULL, job.chain.n, 1, job, seqs)

cdef inline for_plain part_plain(Job* job, Sequence* seqs) noexcept nogil:
    part(<double*> NULL, job.chain.n, 1, job, seqs)

cdef inline for_medium meet_1(Job* job, Sequence* seqs) noexcept nogil:
    meet(<double*> NULL, 1, 1, job, seqs)

cdef inline for_medium part_1(Job* job, Sequence* seqs) noexcept nogil:
    part(<double*> NULL, 1, 1, job, seqs)

cdef inline for_medium meet_2(Job* job, Sequence* seqs) noexcept nogil:
    meet(<double*> NULL, 2, 1, job, seqs)

cdef inline for_medium part_2(Job* job, Sequence* seqs) noexcept nogil:
    part(<double*> NULL, 2, 1, job, seqs)

cdef inline for_medium meet_4(Job* job, Sequence* seqs) noexcept nogil:
    meet(<medium*> NULL, 4, 1, job, seqs)

cdef inline for_medium part_4(Job* job, Sequence* seqs) noexcept nogil:
    part(<medium*> NULL, 4, 1, job, seqs)

cdef inline for_medium meet_4_two(Job* job, Sequence* seqs) noexcept nogil:
    meet(<medium*> NULL, 4, 2, job, seqs)

cdef inline for_medium part_4_two(Job* job, Sequence* seqs) noexcept nogil:
    part(<medium*> NULL, 4, 2, job, seqs)

cdef inline for_medium meet_8(Job* job, Sequence* seqs) noexcept nogil:
    meet(<medium*> NULL, 8, 1, job, seqs)

cdef inline for_medium part_8(Job* job, Sequence* seqs) noexcept nogil:
    part(<medium*> NULL, 8, 1, job, seqs)

cdef inline for_medium meet_8_two(Job* job, Sequence* seqs) noexcept nogil:
    meet(<medium*> NULL, 8, 2, job, seqs)

cdef inline for_medium meet_16(Job* job, Sequence* seqs) noexcept nogil:
    meet(<medium*> NULL, 16, 1, job, seqs)

cdef inline for_medium part_16(Job* job, Sequence* seqs) noexcept nogil:
    part(<medium*> NULL, 16, 1, job, seqs)

cdef inline for_wide meet_16_wide(Job* job, Sequence* seqs) noexcept nogil:
    meet(<wide*> NULL, 16, 1, job, seqs)

cdef inline for_wide part_16_wide(Job* job, Sequence* seqs) noexcept nogil:
    part(<wide*> NULL, 16, 1, job, seqs)

cdef inline for_wide meet_8_wide(Job* job, Sequence* seqs) noexcept nogil:
    meet(<wide*> NULL, 8, 1, job, seqs)

cdef inline for_wide part_8_wide(Job* job, Sequence* seqs) noexcept nogil:
    part(<wide*> NULL, 8, 1, job, seqs)

cdef inline for_wide meet_8_wide_two(Job* job, Sequence* seqs) noexcept nogil:
    meet(<wide*> NULL, 8, 2, job, seqs)

cdef inline for_wide part_8_wide_two(Job* job, Sequence* seqs) noexcept nogil:
    part(<wide*> NULL, 8, 2, job, seqs)


cdef inline int meet_best(Job* job, Sequence* seqs, Py_ssize_t lines) noexcept nogil:
    if job.registers == 0:
        meet_plain(job, seqs)
    elif job.chain.width == 1:
        meet_1(job, seqs)
    elif job.chain.width == 2:
        meet_2(job, seqs)
    elif job.chain.width == 4:
        if lines == 1:
            meet_4(job, seqs)
        else:
            meet_4_two(job, seqs)
    elif job.chain.width == 8 and job.registers == 1:
        if lines == 1:
            meet_8(job, seqs)
        else:
            meet_8_two(job, seqs)
    elif job.chain.width == 8:
        if lines == 1:
            meet_8_wide(job, seqs)
        else:
            meet_8_wide_two(job, seqs)
    elif job.registers == 1:
        meet_16(job, seqs)
    else:
        meet_16_wide(job, seqs)
    return 0


cdef inline int part_best(Job* job, Sequence* seqs, Py_ssize_t lines) noexcept nogil:
    cdef Py_ssize_t c
    if job.registers == 0:
        part_plain(job, seqs)
    elif job.chain.width == 1:
        part_1(job, seqs)
    elif job.chain.width == 2:
        part_2(job, seqs)
    elif job.chain.width == 4:
        if lines == 1:
            part_4(job, seqs)
        else:
            part_4_two(job, seqs)
    elif job.chain.width == 8 and job.registers == 1:
        for c in range(lines):      # the tables of two lines do not fit in sixteen registers
            part_8(job, &seqs[c])
    elif job.chain.width == 8:
        if lines == 1:
            part_8_wide(job, seqs)
        else:
            part_8_wide_two(job, seqs)
    elif job.registers == 1:
        part_16(job, seqs)
    else:
        part_16_wide(job, seqs)
    return 0
