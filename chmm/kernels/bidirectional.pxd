"""Small models, up to sixteen states: a sequence is taken from both of its ends at once, in registers.

A step of a small model is bound by latency, so two recursions that do not wait for each other take the time of one:

    front   alpha[t] = b[t] * (alpha[t-1] A)            t = 0 ... h-1
    back    delta[t] = b[t] * (A delta[t+1])            t = T-1 ... h,    delta = b * beta

They go `to_middle`, where P(O) = alpha[h-1] A delta[h]. Then each goes `through_other_half`, where it finds the other's
variables stored, and the two halves of gamma and xi are computed in the same way, mirrored:

    t < h    y = A delta[t+1]      gamma[t] = alpha[t] y       xi[t] = alpha[t] x delta[t+1] . A
    t >= h   y = alpha[t-1] A      gamma[t] = delta[t] y       xi[t-1] = alpha[t-1] x delta[t] . A

If nothing underflowed before they met, both are exact (see recursions.pxd). If anything did, or if P(O) = 0, the caller
takes the sequence from the front alone, which gives the certificate or the place of the impossible step.

Steps k and T-1-k are at *depth* k. Where alpha and delta would not fit into the budget, both recursions are run by
segments of depths: to the middle, keeping only a checkpoint before each segment; then outwards, each segment recomputed
from its checkpoint just before it is passed through.

A short sequence leaves latency unused at both ends, so two of them, two `lines`, are interleaved where the registers
suffice: together up to the middle of the shorter one, then the rest of the longer one alone.

`size` is the number of states, rounded up to whole registers: states that do not exist have zeros everywhere.
"""

from libc.string cimport memcpy

from .index cimport Index, row_in
from .simd cimport (
    for_medium, for_plain, for_wide, inline_int, vector, medium, outer_product, smaller, smaller_medium, smaller_wide,
    broadcast, sum_lanes, wide,
)
from .recursions cimport (
    BLOCK, COUNTS, HUGE, LOGLIK, SMALL, Job, Scalings, Sequence, clear, scaling_at_cold, rescale_cold,
)
from .status cimport IMPOSSIBLE, STOPPED

cdef enum:
    STOP_STEPS = 1024   # steps between two checks of `stop`
    ROW = 8             # registers in a row, of any kind
    TABLE = 128         # registers in a table


cdef inline inline_int vec_mat(Py_ssize_t size, const vector* s, const vector* m, vector* y) noexcept nogil:
    """y = s M, with separate sums over even and odd rows of M, which halves the chain of additions."""
    cdef Py_ssize_t i, v, vectors = size // <Py_ssize_t> (sizeof(vector) // sizeof(double))
    cdef const double* x = <const double*> s
    cdef vector odd[ROW]
    if vector is medium:
        if vectors == 1 and size == 4:
            y[0] = (broadcast(s, 0) * m[0] + broadcast(s, 2) * m[2]) + (broadcast(s, 1) * m[1] + broadcast(s, 3) * m[3])
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


cdef inline inline_int keep_row(Py_ssize_t size, Py_ssize_t stride, const vector* s, double* kept) noexcept nogil:
    """Rows of scratch hold whole registers, those of a table that is returned do not."""
    cdef Py_ssize_t j, v, vectors = size // <Py_ssize_t> (sizeof(vector) // sizeof(double))
    cdef vector copy[ROW]       # an array whose address is taken is not kept in registers
    if vector is double or stride == size:
        for v in range(vectors):
            (<vector*> kept)[v] = s[v]
    else:
        for v in range(vectors):
            copy[v] = s[v]
        for j in range(size):
            if j < stride:
                kept[j] = (<const double*> copy)[j]
    return 0


cdef inline inline_int condition(
    Py_ssize_t size,
    Py_ssize_t stride,          # doubles from one row of what is kept to the next; 0: nothing is
    const double* b,            # IN (size,)
    vector* s,                  # IN/OUT (size,)
    double* kept,               # OUT (stride,)
    Py_ssize_t t,
    Scalings* scalings,
    int* status,
) noexcept nogil:
    """s = b * s, scaled if it gets small, and kept."""
    cdef Py_ssize_t v, vectors = size // <Py_ssize_t> (sizeof(vector) // sizeof(double))
    cdef vector copy[ROW]
    cdef vector sums
    cdef double total
    for v in range(vectors):
        s[v] = (<const vector*> b)[v] * s[v]
    sums = s[0]
    for v in range(1, vectors):
        sums += s[v]
    sum_lanes(&sums, &total)
    if total < SMALL:
        for v in range(vectors):
            copy[v] = s[v]
        status[0] |= rescale_cold(<double*> copy, size, total, t, scalings)
        for v in range(vectors):
            s[v] = copy[v]
    if stride:
        keep_row(size, stride, s, kept)
    return 0


cdef inline inline_int advance(
    Py_ssize_t size, Py_ssize_t stride, const vector* m, const double* b, vector* s, double* kept, Py_ssize_t t,
    Scalings* scalings, int* status,
) noexcept nogil:
    """s = b * (s M)"""
    cdef Py_ssize_t v, vectors = size // <Py_ssize_t> (sizeof(vector) // sizeof(double))
    cdef vector y[ROW]
    vec_mat(size, s, m, y)
    for v in range(vectors):
        s[v] = y[v]
    condition(size, stride, b, s, kept, t, scalings, status)
    return 0


cdef inline inline_int load_table(Py_ssize_t size, const double* table, Py_ssize_t n, vector* m) noexcept nogil:
    """An (n, size) table into an array (size, size)."""
    cdef Py_ssize_t i, v, vectors = size // <Py_ssize_t> (sizeof(vector) // sizeof(double))
    for i in range(size):
        for v in range(vectors):
            m[i * vectors + v] = (<const vector*> table)[(i if i < n else 0) * vectors + v] * <double> (i < n)
    return 0


cdef inline inline_int step_together(
    vector* kind, Py_ssize_t size, Py_ssize_t stride, bint bytes, Job* job, Sequence* seq, const vector* a,
    const vector* a_T, vector* front, vector* back, Py_ssize_t k, int* status,
) noexcept nogil:
    """Each end advances by one step: to those at depth k."""
    cdef Py_ssize_t t = seq.n_steps - 1 - k
    cdef const double* early = job.chain.rows + row_in(&seq.index, bytes, k) * size
    cdef const double* late = job.chain.rows + row_in(&seq.index, bytes, t) * size
    advance(size, stride, a, early, front, seq.alpha + k * stride, k, &seq.front, status)
    advance(size, stride, a_T, late, back, seq.delta + t * stride, t, &seq.back, status)
    return 0


cdef inline inline_int to_middle_with(
    vector* kind, Py_ssize_t size, Py_ssize_t lines, bint bytes, Job* job, Sequence* seqs,
) noexcept nogil:
    """Both ends of each line to the middle: seq.total = P(O), but for scalings and shifts. Of a single line, this may
    be the depths seq.from_depth ... seq.to_depth - 1 only: then alpha and delta at their border are in seq.border."""
    cdef Py_ssize_t vectors = size // <Py_ssize_t> (sizeof(vector) // sizeof(double)), n = job.chain.n
    cdef Py_ssize_t stride = 0 if job.task == LOGLIK or seqs[0].alpha == NULL else size if job.task == COUNTS else n
    cdef Py_ssize_t c, k, j, last, together = seqs[0].to_depth
    cdef vector front[2 * ROW]
    cdef vector back[2 * ROW]
    cdef vector a[TABLE]
    cdef vector a_T[TABLE]
    cdef vector y[ROW]
    cdef vector sums
    cdef const double* rows = job.chain.rows
    cdef const double* b
    cdef Sequence* seq
    cdef int status = 0
    load_table(size, job.chain.transmat, n, a)
    load_table(size, job.chain.transposed, n, a_T)
    for c in range(lines):
        seq = &seqs[c]
        last = seq.n_steps - 1
        together = min(together, seq.to_depth)
        if lines == 1 and seq.from_depth:
            for j in range(vectors):
                front[j] = (<const vector*> seq.border)[j]
                back[j] = (<const vector*> seq.border)[vectors + j]
            continue
        clear(&seq.front)
        clear(&seq.back)
        for j in range(vectors):
            front[c * ROW + j] = (<const vector*> job.chain.startprob)[j]
            back[c * ROW + j] = front[c * ROW + j] * 0 + 1.0
        b = rows + row_in(&seq.index, bytes, 0) * size
        condition(size, stride, b, front + c * ROW, seq.alpha, 0, &seq.front, &status)
        b = rows + row_in(&seq.index, bytes, last) * size
        condition(size, stride, b, back + c * ROW, seq.delta + last * stride, last, &seq.back, &status)
    for k in range(max(seqs[0].from_depth, 1), together):
        for c in range(lines):
            step_together(
                kind, size, stride, bytes, job, &seqs[c], a, a_T, front + c * ROW, back + c * ROW, k, &status,
            )
        if status:
            break
        if k % STOP_STEPS == 0 and job.stop[0]:
            status = STOPPED
            break
    for c in range(lines):
        seq = &seqs[c]
        if lines > 1:
            for k in range(together, seq.n_steps // 2):
                step_together(
                    kind, size, stride, bytes, job, seq, a, a_T, front + c * ROW, back + c * ROW, k, &status,
                )
        elif seq.to_depth < seq.n_steps // 2:
            for j in range(vectors):
                (<vector*> seq.border)[j] = front[j]
                (<vector*> seq.border)[vectors + j] = back[j]
            seq.status = status
            return 0
        if status == 0 and seq.n_steps % 2:
            k = seq.n_steps // 2
            b = rows + row_in(&seq.index, bytes, k) * size
            advance(size, stride, a, b, front + c * ROW, seq.alpha + k * stride, k, &seq.front, &status)
        vec_mat(size, front + c * ROW, a, y)
        sums = y[0] * back[c * ROW]
        for j in range(1, vectors):
            sums += y[j] * back[c * ROW + j]
        sum_lanes(&sums, &seq.total)
        if status == 0 and not seq.total > 0:
            status = IMPOSSIBLE
        seq.status = status
    return 0


cdef inline inline_int clip_to_huge(Py_ssize_t vectors, vector* y) noexcept nogil:
    cdef Py_ssize_t v
    for v in range(vectors):
        if vector is double:
            y[v] = smaller(y[v], HUGE)
        elif vector is medium:
            y[v] = smaller_medium(y[v], HUGE)
        else:
            y[v] = smaller_wide(y[v], HUGE)
    return 0


cdef inline inline_int cross_step(
    Py_ssize_t size,
    Py_ssize_t stride,
    bint counts,                # add into `weights` and `pairs`, or write gamma over what was kept
    bint first,                 # a transition that the other end has counted
    const vector* m,            # IN (size, size)
    const double* b,            # IN (size,)
    vector* s,                  # IN/OUT (size,)
    double* kept,               # IN (size,) from the other end, OUT (stride,) gamma if not counts
    double* weights,            # ADD (size,)
    vector* pairs,              # ADD (size, size): kept x s, where it fits into registers
    double* block,              # OUT (size,): s, where it does not
    vector* gamma,              # OUT (size,)
    Py_ssize_t t,
    const Scalings* scalings,
    Py_ssize_t* cursor,
    Py_ssize_t* following,      # the step of the scaling at the cursor
) noexcept nogil:
    """gamma = kept * (s M), and s = b * (s M) on the scale of the next step."""
    cdef Py_ssize_t i, v, vectors = size // <Py_ssize_t> (sizeof(vector) // sizeof(double))
    cdef vector y[ROW]
    cdef double factor
    vec_mat(size, s, m, y)
    # A state that the other end cannot reach may be huge; and since columns of A may sum to more than 1, the sum can
    # overflow.
    clip_to_huge(vectors, y)
    for v in range(vectors):
        gamma[v] = (<const vector*> kept)[v] * y[v]
    if counts:
        for v in range(vectors):
            (<vector*> weights)[v] += gamma[v]
        if not first:
            if vector is double:
                for i in range(size):
                    for v in range(size):
                        pairs[i * size + v] += kept[i] * s[v]
            else:
                for v in range(vectors):
                    (<vector*> block)[v] = s[v]
    else:
        keep_row(size, stride, gamma, kept)
    if t == following[0]:
        factor = scaling_at_cold(scalings, t, cursor, following)
        for v in range(vectors):
            y[v] *= factor
    clip_to_huge(vectors, y)
    for v in range(vectors):
        s[v] = (<const vector*> b)[v] * y[v]
    return 0


cdef inline inline_int add_pairs(
    vector* pairs, Py_ssize_t size, Py_ssize_t k, const double* kept, const double* block,
) noexcept nogil:
    """The pairs of a block of k steps at once, as a product of matrices."""
    outer_product(
        pairs, size, size // <Py_ssize_t> (sizeof(vector) // sizeof(double)), k, kept, size, <const vector*> block,
    )
    return 0


cdef struct Cursor:             # on the way through the other end's half
    double* block               # (BLOCK, size) what the pairs of a block are made of, if they are not in registers
    Py_ssize_t place            # see scaling_at
    Py_ssize_t following


cdef inline inline_int start_cursor(
    double* block, const Scalings* scalings, Py_ssize_t place, Cursor* cursor,
) noexcept nogil:
    cursor.block = block
    cursor.place = place
    cursor.following = scalings.items[place - 1].step if place else -1
    return 0


cdef inline inline_int backward_step(
    Py_ssize_t size, Py_ssize_t stride, bint bytes, bint counts, Job* job, Sequence* seq, bint first,
    const vector* a_T, vector* s, vector* early, vector* gamma, Py_ssize_t t, Py_ssize_t filled, Cursor* cursor,
) noexcept nogil:
    """The back crosses step t of the first half. Its block is filled from the end, so rows are in the order of time."""
    cdef Py_ssize_t row = row_in(&seq.index, bytes, t) * size
    cross_step(
        size, stride, counts, first, a_T, job.chain.rows + row, s, seq.alpha + t * stride, job.weights + row, early,
        cursor.block + (BLOCK - 1 - filled) * size, gamma, t, &seq.front, &cursor.place, &cursor.following,
    )
    return 0


cdef inline inline_int forward_step(
    Py_ssize_t size, Py_ssize_t stride, bint bytes, bint counts, Job* job, Sequence* seq, bint first,
    const vector* a, vector* s, vector* late, vector* gamma, Py_ssize_t t, Py_ssize_t filled, Cursor* cursor,
) noexcept nogil:
    """The front crosses step t of the second half."""
    cdef Py_ssize_t row = row_in(&seq.index, bytes, t) * size
    cross_step(
        size, stride, counts, first, a, job.chain.rows + row, s, seq.delta + t * stride, job.weights + row, late,
        cursor.block + filled * size, gamma, t, &seq.back, &cursor.place, &cursor.following,
    )
    return 0


cdef inline inline_int add_block(
    Py_ssize_t size, Job* job, Sequence* seq, vector* early, vector* late, Py_ssize_t k, Py_ssize_t filled,
    const Cursor* back, const Cursor* front,
) noexcept nogil:
    """The pair counts of the block that ends k steps from the middle."""
    cdef Py_ssize_t half = (seq.n_steps + 1) // 2, t = half + k, backs = seq.n_steps - half
    if job.task == COUNTS:
        add_pairs(
            early, size, filled, seq.alpha + (backs - 1 - k) * size, back.block + (BLOCK - filled) * size,
        )
        add_pairs(late, size, filled, seq.delta + (t + 1 - filled) * size, front.block)
    return 0


cdef inline inline_int through_other_half_with(
    vector* kind, Py_ssize_t size, Py_ssize_t lines, bint bytes, Job* job, Sequence* seqs,
) noexcept nogil:
    """From the middle on, each end through the other's half. Of a single line, this may be the depths from
    seq.to_depth - 1 down to seq.from_depth only: then seq.border and seq.places have what the next segment starts
    with."""
    cdef Py_ssize_t vectors = size // <Py_ssize_t> (sizeof(vector) // sizeof(double)), n = job.chain.n
    cdef Py_ssize_t c, k, i, j, half, backs, filled, last, begin = 1
    cdef Py_ssize_t together = seqs[0].n_steps // 2 - seqs[0].from_depth
    cdef bint counts = job.task == COUNTS
    cdef Py_ssize_t stride = size if vector is double or counts else n
    cdef Cursor front_cursors[2]
    cdef Cursor back_cursors[2]
    cdef vector front[2 * ROW]
    cdef vector back[2 * ROW]
    cdef vector a[TABLE]
    cdef vector a_T[TABLE]
    cdef vector gamma[2 * ROW]  # at t = 0 in the end
    cdef vector other[ROW]
    cdef vector early[TABLE]    # pairs[i, j] of the first half
    cdef vector late[TABLE]     # pairs[j, i] of the second
    cdef Sequence* seq
    cdef double scale
    load_table(size, job.chain.transmat, n, a)
    load_table(size, job.chain.transposed, n, a_T)
    for i in range(size * vectors):
        early[i] = late[i] = a[0] * 0
    for c in range(lines):
        seq = &seqs[c]
        half = (seq.n_steps + 1) // 2
        backs = seq.n_steps - half
        together = min(together, backs)
        if lines == 1 and seq.to_depth < backs:
            start_cursor(seq.scratch, &seq.front, seq.places[0], &back_cursors[0])
            start_cursor(seq.scratch + BLOCK * size, &seq.back, seq.places[1], &front_cursors[0])
            for j in range(vectors):
                front[j] = (<const vector*> seq.border)[j]
                back[j] = (<const vector*> seq.border)[vectors + j]
            begin = backs - seq.to_depth
            continue
        start_cursor(seq.scratch + 2 * c * BLOCK * size, &seq.front, seq.front.n, &back_cursors[c])
        start_cursor(seq.scratch + (2 * c + 1) * BLOCK * size, &seq.back, seq.back.n, &front_cursors[c])
        scale = seq.weight / seq.total
        for j in range(vectors):
            front[c * ROW + j] = (<const vector*> (seq.alpha + (half - 1) * stride))[j] * scale
            back[c * ROW + j] = (<const vector*> (seq.delta + half * stride))[j] * scale
        forward_step(
            size, stride, bytes, counts, job, seq, True, a, front + c * ROW, late, other, half, 0, &front_cursors[c],
        )
        # one step or two, so that as many are left on either side
        backward_step(
            size, stride, bytes, counts, job, seq, False, a_T, back + c * ROW, early, gamma + c * ROW, half - 1, 0,
            &back_cursors[c],
        )
        filled = 1
        if half > backs:
            backward_step(
                size, stride, bytes, counts, job, seq, False, a_T, back + c * ROW, early, gamma + c * ROW, half - 2, 1,
                &back_cursors[c],
            )
            filled = 2
        if vector is not double:
            if counts:
                add_pairs(
                    early, size, filled, seq.alpha + (backs - 1) * stride,
                    back_cursors[c].block + (BLOCK - filled) * size,
                )
    filled = 0
    for k in range(begin, together):
        for c in range(lines):
            seq = &seqs[c]
            i = seq.n_steps // 2 - 1 - k
            backward_step(
                size, stride, bytes, counts, job, seq, False, a_T, back + c * ROW, early, gamma + c * ROW, i, filled,
                &back_cursors[c],
            )
            i = (seq.n_steps + 1) // 2 + k
            forward_step(
                size, stride, bytes, counts, job, seq, False, a, front + c * ROW, late, other, i, filled,
                &front_cursors[c],
            )
        filled += 1
        if filled == BLOCK or k == together - 1:
            if vector is not double:
                for c in range(lines):
                    add_block(size, job, &seqs[c], early, late, k, filled, &back_cursors[c], &front_cursors[c])
            filled = 0
        if k % STOP_STEPS == 0 and job.stop[0]:
            for c in range(lines):
                seqs[c].status = STOPPED
            return 0
    if lines > 1:
        for c in range(lines):
            seq = &seqs[c]
            last = seq.n_steps // 2 - 1
            for k in range(together, last + 1):
                backward_step(
                    size, stride, bytes, counts, job, seq, False, a_T, back + c * ROW, early, gamma + c * ROW, last - k,
                    filled, &back_cursors[c],
                )
                i = (seq.n_steps + 1) // 2 + k
                forward_step(
                    size, stride, bytes, counts, job, seq, False, a, front + c * ROW, late, other, i, filled,
                    &front_cursors[c],
                )
                filled += 1
                if filled == BLOCK or k == last:
                    if vector is not double:
                        add_block(size, job, seq, early, late, k, filled, &back_cursors[c], &front_cursors[c])
                    filled = 0
    if counts:
        for c in range(lines):
            if lines == 1 and seqs[0].from_depth:
                seqs[0].places[0], seqs[0].places[1] = back_cursors[0].place, front_cursors[0].place
                for j in range(vectors):
                    (<vector*> seqs[0].border)[j] = front[j]
                    (<vector*> seqs[0].border)[vectors + j] = back[j]
                break
            for i in range(n):
                job.start[i] += (<double*> (gamma + c * ROW))[i]
        for i in range(n):
            for j in range(n):
                job.pairs[i * size + j] += (<double*> early)[i * size + j] + (<double*> late)[j * size + i]
    return 0


# A loop for either type of index, where a step is too short to ask for it

cdef inline inline_int to_middle(
    vector* kind, Py_ssize_t size, Py_ssize_t lines, Job* job, Sequence* seqs,
) noexcept nogil:
    return to_middle_with(kind, size, lines, False, job, seqs) if job.index.bytes == NULL \
        else to_middle_with(kind, size, lines, True, job, seqs)


cdef inline inline_int through_other_half(
    vector* kind, Py_ssize_t size, Py_ssize_t lines, Job* job, Sequence* seqs,
) noexcept nogil:
    return through_other_half_with(kind, size, lines, False, job, seqs) if job.index.bytes == NULL \
        else through_other_half_with(kind, size, lines, True, job, seqs)


# Each size is a function of its own: in one large function the compiler would keep nothing in registers.

cdef inline for_plain to_middle_plain(Job* job, Sequence* seqs) noexcept nogil:
    to_middle_with(<double*> NULL, job.chain.n, 1, job.index.bytes != NULL, job, seqs)

cdef inline for_plain through_other_half_plain(Job* job, Sequence* seqs) noexcept nogil:
    through_other_half_with(<double*> NULL, job.chain.n, 1, job.index.bytes != NULL, job, seqs)

cdef inline for_medium to_middle_1(Job* job, Sequence* seqs) noexcept nogil:
    to_middle(<double*> NULL, 1, 1, job, seqs)

cdef inline for_medium through_other_half_1(Job* job, Sequence* seqs) noexcept nogil:
    through_other_half(<double*> NULL, 1, 1, job, seqs)

cdef inline for_medium to_middle_2(Job* job, Sequence* seqs) noexcept nogil:
    to_middle(<double*> NULL, 2, 1, job, seqs)

cdef inline for_medium through_other_half_2(Job* job, Sequence* seqs) noexcept nogil:
    through_other_half(<double*> NULL, 2, 1, job, seqs)

cdef inline for_medium to_middle_4(Job* job, Sequence* seqs) noexcept nogil:
    to_middle(<medium*> NULL, 4, 1, job, seqs)

cdef inline for_medium through_other_half_4(Job* job, Sequence* seqs) noexcept nogil:
    through_other_half(<medium*> NULL, 4, 1, job, seqs)

cdef inline for_medium to_middle_4_two(Job* job, Sequence* seqs) noexcept nogil:
    to_middle(<medium*> NULL, 4, 2, job, seqs)

cdef inline for_medium through_other_half_4_two(Job* job, Sequence* seqs) noexcept nogil:
    through_other_half(<medium*> NULL, 4, 2, job, seqs)

cdef inline for_medium to_middle_8(Job* job, Sequence* seqs) noexcept nogil:
    to_middle(<medium*> NULL, 8, 1, job, seqs)

cdef inline for_medium through_other_half_8(Job* job, Sequence* seqs) noexcept nogil:
    through_other_half(<medium*> NULL, 8, 1, job, seqs)

cdef inline for_medium to_middle_8_two(Job* job, Sequence* seqs) noexcept nogil:
    to_middle_with(<medium*> NULL, 8, 2, job.index.bytes != NULL, job, seqs)

cdef inline for_medium to_middle_16(Job* job, Sequence* seqs) noexcept nogil:
    to_middle_with(<medium*> NULL, 16, 1, job.index.bytes != NULL, job, seqs)

cdef inline for_medium through_other_half_16(Job* job, Sequence* seqs) noexcept nogil:
    through_other_half_with(<medium*> NULL, 16, 1, job.index.bytes != NULL, job, seqs)

cdef inline for_wide to_middle_16_wide(Job* job, Sequence* seqs) noexcept nogil:
    to_middle_with(<wide*> NULL, 16, 1, job.index.bytes != NULL, job, seqs)

cdef inline for_wide through_other_half_16_wide(Job* job, Sequence* seqs) noexcept nogil:
    through_other_half_with(<wide*> NULL, 16, 1, job.index.bytes != NULL, job, seqs)

cdef inline for_wide to_middle_8_wide(Job* job, Sequence* seqs) noexcept nogil:
    to_middle(<wide*> NULL, 8, 1, job, seqs)

cdef inline for_wide through_other_half_8_wide(Job* job, Sequence* seqs) noexcept nogil:
    through_other_half(<wide*> NULL, 8, 1, job, seqs)

cdef inline for_wide to_middle_8_wide_two(Job* job, Sequence* seqs) noexcept nogil:
    to_middle_with(<wide*> NULL, 8, 2, job.index.bytes != NULL, job, seqs)

cdef inline for_wide through_other_half_8_wide_two(Job* job, Sequence* seqs) noexcept nogil:
    through_other_half_with(<wide*> NULL, 8, 2, job.index.bytes != NULL, job, seqs)


cdef inline int dispatch_to_middle(Job* job, Sequence* seqs, Py_ssize_t lines) noexcept nogil:
    if job.registers == 0:
        to_middle_plain(job, seqs)
    elif job.chain.width == 1:
        to_middle_1(job, seqs)
    elif job.chain.width == 2:
        to_middle_2(job, seqs)
    elif job.chain.width == 4:
        if lines == 1:
            to_middle_4(job, seqs)
        else:
            to_middle_4_two(job, seqs)
    elif job.chain.width == 8 and job.registers == 1:
        if lines == 1:
            to_middle_8(job, seqs)
        else:
            to_middle_8_two(job, seqs)
    elif job.chain.width == 8:
        if lines == 1:
            to_middle_8_wide(job, seqs)
        else:
            to_middle_8_wide_two(job, seqs)
    elif job.registers == 1:
        to_middle_16(job, seqs)
    else:
        to_middle_16_wide(job, seqs)
    return 0


cdef inline int dispatch_through_other_half(Job* job, Sequence* seqs, Py_ssize_t lines) noexcept nogil:
    cdef Py_ssize_t c
    if job.registers == 0:
        through_other_half_plain(job, seqs)
    elif job.chain.width == 1:
        through_other_half_1(job, seqs)
    elif job.chain.width == 2:
        through_other_half_2(job, seqs)
    elif job.chain.width == 4:
        if lines == 1:
            through_other_half_4(job, seqs)
        else:
            through_other_half_4_two(job, seqs)
    elif job.chain.width == 8 and job.registers == 1:
        for c in range(lines):  # the tables of two lines do not fit in sixteen registers
            through_other_half_8(job, &seqs[c])
    elif job.chain.width == 8:
        if lines == 1:
            through_other_half_8_wide(job, seqs)
        else:
            through_other_half_8_wide_two(job, seqs)
    elif job.registers == 1:
        through_other_half_16(job, seqs)
    else:
        through_other_half_16_wide(job, seqs)
    return 0


# A sequence that is too long to be kept ------------------------------------------------------------------------------

cdef inline Py_ssize_t depths_in_segment(const Job* job) noexcept nogil:
    return max(job.segment // 2, 1)


cdef inline int place_segment(Job* job, Sequence* seq, Py_ssize_t k) noexcept nogil:
    """The next pass is over the segment that begins at depth k. Its rows are kept at the start of job.alpha, one more
    of alpha than of delta for the step in the middle: so alpha and delta point to where row 0 would be."""
    cdef Py_ssize_t depths = depths_in_segment(job), width = job.chain.width
    seq.from_depth = k
    seq.to_depth = min(k + depths, seq.n_steps // 2)
    seq.alpha = job.alpha - k * width
    seq.delta = job.alpha + (depths + 1) * width - (seq.n_steps - seq.to_depth) * width
    return 0


cdef inline int to_middle_by_segments(Job* job, Sequence* seq) noexcept nogil:
    """`to_middle`, which keeps only the last segment, and a checkpoint before each other but the first.

    After the rows of a segment, job.alpha holds the border on the way to the middle and the border on the way through,
    two rows each; then two for each checkpoint.
    """
    cdef Py_ssize_t depths = depths_in_segment(job), width = job.chain.width, k
    cdef Py_ssize_t n_segments = (seq.n_steps // 2 - 1) // depths + 1
    cdef double* checkpoint = job.alpha + (2 * depths + 5) * width
    seq.border = job.alpha + (2 * depths + 1) * width
    for k in range(n_segments):
        place_segment(job, seq, k * depths)
        if seq.to_depth < seq.n_steps // 2:
            seq.alpha = NULL
        dispatch_to_middle(job, seq, 1)
        if seq.status:
            break
        memcpy(checkpoint, seq.border, 2 * width * sizeof(double))
        checkpoint += 2 * width
    return 0


cdef inline int through_other_half_by_segments(Job* job, Sequence* seq) noexcept nogil:
    """`through_other_half`, from the last segment to the first. Recomputing one changes no record of a scaling."""
    cdef Py_ssize_t depths = depths_in_segment(job), width = job.chain.width, k
    cdef Py_ssize_t n_front = seq.front.n, n_back = seq.back.n
    cdef double front_total = seq.front.total, back_total = seq.back.total
    cdef double* border = job.alpha + (2 * depths + 1) * width
    for k in range((seq.n_steps // 2 - 1) // depths, -1, -1):
        place_segment(job, seq, k * depths)
        if seq.to_depth < seq.n_steps // 2:
            if k:
                memcpy(border, border + (2 + 2 * k) * width, 2 * width * sizeof(double))
            seq.border = border
            dispatch_to_middle(job, seq, 1)
            seq.front.n, seq.front.total = n_front, front_total
            seq.back.n, seq.back.total = n_back, back_total
            if seq.status:
                break
        seq.border = border + 2 * width
        dispatch_through_other_half(job, seq, 1)
        if seq.status:
            break
    return 0
