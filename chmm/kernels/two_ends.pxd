"""Tiny models, n <= 4: a sequence taken from both of its ends at once, everything in registers.

A step of a tiny model is bound by latency, so two chains that do not wait for each other take the time of one:

    front   alpha[t] = b[t] * (alpha[t-1] A)            t = 0 ... h-1
    back    delta[t] = b[t] * (A delta[t+1])            t = T-1 ... h,    delta = b * beta

They `meet`: P(O) = alpha[h-1] A delta[h]. Then each runs on through the other's half (`part`), where it finds the
other's variables stored, and the two halves of gamma and xi come out the same way, mirrored:

    t < h    y = A delta[t+1]      gamma[t] = alpha[t] y       xi[t] = alpha[t] x delta[t+1] . A
    t >= h   y = alpha[t-1] A      gamma[t] = delta[t] y       xi[t-1] = alpha[t-1] x delta[t] . A

If nothing underflowed before they met, both are exact (see passes.pxd); if anything did, or P(O) = 0, the caller takes
the sequence from the front alone, where the certificate and the place of the impossible step are to be had.
"""

from .lanes cimport for_medium, for_plain, inlined, smaller
from .passes cimport (
    COUNTS, HUGE, IMPOSSIBLE, LOGLIK, SMALL, STOPPED, Job, Scalings, Sequence, forget, replay_rarely, rescale_rarely,
)

cdef enum:
    LOOK = 1024         # steps between two looks at `stop`


cdef inline inlined times(Py_ssize_t n, const double* s, const double* m, double* y) noexcept nogil:
    """y = s M"""
    cdef Py_ssize_t i, j
    for j in range(n):
        y[j] = s[0] * m[j]
    for i in range(1, n):
        for j in range(n):
            y[j] += s[i] * m[i * n + j]
    return 0


cdef inline inlined grow(
    Py_ssize_t n,
    const double* m,            # IN (n, n)
    const double* b,            # IN (n,)
    double* s,                  # IN/OUT (n,)
    double* kept,               # OUT (n,) or NULL
    Py_ssize_t t,
    Scalings* scalings,
    int* status,
) noexcept nogil:
    """s = b * (s M), scaled if it gets small, and kept."""
    cdef Py_ssize_t j
    cdef double y[4]
    cdef double total
    times(n, s, m, y)
    for j in range(n):
        s[j] = b[j] * y[j]
    total = s[0]
    for j in range(1, n):
        total += s[j]
    if total < SMALL:
        for j in range(n):      # a copy: an array whose address is taken does not stay in registers
            y[j] = s[j]
        status[0] |= rescale_rarely(y, n, total, t, scalings)
        for j in range(n):
            s[j] = y[j]
    if kept != NULL:
        for j in range(n):
            kept[j] = s[j]
    return 0


cdef inline inlined meet(Py_ssize_t n, bint keep, Job* job, Sequence* seq) noexcept nogil:
    """Both ends to the middle: seq.total = P(O), but for scalings and shifts."""
    cdef Py_ssize_t k, i, j, last = seq.n_steps - 1, half = (seq.n_steps + 1) // 2
    cdef double front[4]
    cdef double back[4]
    cdef double identity[16]
    cdef double a[16]
    cdef double turned[16]
    cdef double y[4]
    cdef const double* rows = job.chain.rows
    cdef const int* index = seq.index
    cdef double* kept = seq.alpha if keep else NULL
    cdef int status = 0
    forget(&seq.front)
    forget(&seq.back)
    for i in range(n):
        front[i] = job.chain.startprob[i]
        back[i] = 1
        for j in range(n):
            a[i * n + j] = job.chain.transmat[i * n + j]
            turned[i * n + j] = job.chain.transposed[i * n + j]
            identity[i * n + j] = i == j
    grow(n, identity, rows + index[0] * n, front, kept, 0, &seq.front, &status)
    grow(n, identity, rows + index[last] * n, back, kept + last * n if keep else NULL, last, &seq.back, &status)
    for k in range(1, seq.n_steps - half):
        grow(n, a, rows + index[k] * n, front, kept + k * n if keep else NULL, k, &seq.front, &status)
        grow(
            n, turned, rows + index[last - k] * n, back, kept + (last - k) * n if keep else NULL, last - k, &seq.back,
            &status,
        )
        if status:
            break
        if k % LOOK == 0 and job.stop[0]:
            status = STOPPED
            break
    if status == 0 and half > seq.n_steps - half:
        k = half - 1
        grow(n, a, rows + index[k] * n, front, kept + k * n if keep else NULL, k, &seq.front, &status)
    times(n, front, a, y)
    seq.total = 0
    for j in range(n):
        seq.total += y[j] * back[j]
    if status == 0 and not seq.total > 0:
        status = IMPOSSIBLE
    seq.status = status
    return 0


cdef inline inlined settle(
    Py_ssize_t n,
    bint counts,                # add into `weights` and `pairs`, or write gamma over what was kept
    bint first,                 # a pair of steps that the other end has counted
    const double* m,            # IN (n, n)
    const double* b,            # IN (n,)
    double* s,                  # IN/OUT (n,)
    double* kept,               # IN (n,) from the other end, OUT gamma if not counts
    double* weights,            # ADD (n,)
    double* pairs,              # ADD (n, n): kept x s
    double weight,
    double* gamma,              # OUT (n,)
    Py_ssize_t t,
    const Scalings* scalings,
    Py_ssize_t* cursor,
    Py_ssize_t* following,      # the step of the scaling at the cursor
) noexcept nogil:
    """gamma = kept * (s M), and s = b * (s M) on the scale of the next step."""
    cdef Py_ssize_t i, j
    cdef double y[4]
    cdef double factor
    times(n, s, m, y)
    for j in range(n):
        # of a state that the other end cannot reach; columns of A may sum to more than 1, so a sum can overflow too
        y[j] = smaller(y[j], HUGE)
        gamma[j] = kept[j] * y[j]
    if counts:
        for j in range(n):
            weights[j] += weight * gamma[j]
        if not first:
            for i in range(n):
                for j in range(n):
                    pairs[i * n + j] += kept[i] * s[j]
    else:
        for j in range(n):
            kept[j] = gamma[j]
    if t == following[0]:
        factor = replay_rarely(scalings, t, cursor, following)
        for j in range(n):
            y[j] *= factor
    for j in range(n):
        s[j] = b[j] * smaller(y[j], HUGE)
    return 0


cdef inline inlined part(Py_ssize_t n, bint counts, Job* job, Sequence* seq) noexcept nogil:
    """From the middle on, each end through the other's half."""
    cdef Py_ssize_t k, i, j, t, half = (seq.n_steps + 1) // 2, backs = seq.n_steps - half
    cdef Py_ssize_t front_cursor = seq.front.n, back_cursor = seq.back.n
    cdef Py_ssize_t front_following = seq.front.items[front_cursor - 1].step if front_cursor else -1
    cdef Py_ssize_t back_following = seq.back.items[back_cursor - 1].step if back_cursor else -1
    cdef double front[4]
    cdef double back[4]
    cdef double a[16]
    cdef double turned[16]
    cdef double gamma[4]        # at t = 0 in the end
    cdef double other[4]
    cdef double early[16]       # pairs[i, j] of the first half
    cdef double late[16]        # pairs[j, i] of the second
    cdef const double* rows = job.chain.rows
    cdef const int* index = seq.index
    cdef double* kept = seq.alpha
    cdef double* weights = job.weights
    cdef double weight = seq.weight
    cdef double scale = 1 / seq.total
    for i in range(n):
        front[i] = kept[(half - 1) * n + i] * scale
        back[i] = kept[half * n + i] * scale
        for j in range(n):
            a[i * n + j] = job.chain.transmat[i * n + j]
            turned[i * n + j] = job.chain.transposed[i * n + j]
            early[i * n + j] = late[i * n + j] = 0
    settle(
        n, counts, True, a, rows + index[half] * n, front, kept + half * n, weights + index[half] * n, late, weight,
        other, half, &seq.back, &back_cursor, &back_following,
    )
    for k in range(1, backs):   # t = half-1 ... half-backs+1 on one side, half+1 ... n_steps-1 on the other
        t = half - k
        settle(
            n, counts, False, turned, rows + index[t] * n, back, kept + t * n, weights + index[t] * n, early, weight,
            gamma, t, &seq.front, &front_cursor, &front_following,
        )
        t = half + k
        settle(
            n, counts, False, a, rows + index[t] * n, front, kept + t * n, weights + index[t] * n, late, weight,
            other, t, &seq.back, &back_cursor, &back_following,
        )
        if k % LOOK == 0 and job.stop[0]:
            seq.status = STOPPED
            return 0
    for t in range(half - backs, -1, -1):
        settle(
            n, counts, False, turned, rows + index[t] * n, back, kept + t * n, weights + index[t] * n, early, weight,
            gamma, t, &seq.front, &front_cursor, &front_following,
        )
    if counts:
        for i in range(n):
            job.start[i] += weight * gamma[i]
            for j in range(n):
                job.pairs[i * n + j] += weight * (early[i * n + j] + late[j * n + i])
    return 0


# Each size is a function of its own: in one large function the compiler would keep nothing in registers.

cdef inline for_plain meet_plain(Py_ssize_t n, bint keep, Job* job, Sequence* seq) noexcept nogil:
    meet(n, keep, job, seq)

cdef inline for_plain part_plain(Py_ssize_t n, bint counts, Job* job, Sequence* seq) noexcept nogil:
    part(n, counts, job, seq)

cdef inline for_medium meet_1(bint keep, Job* job, Sequence* seq) noexcept nogil:
    meet(1, keep, job, seq)

cdef inline for_medium meet_2(bint keep, Job* job, Sequence* seq) noexcept nogil:
    meet(2, keep, job, seq)

cdef inline for_medium meet_3(bint keep, Job* job, Sequence* seq) noexcept nogil:
    meet(3, keep, job, seq)

cdef inline for_medium meet_4(bint keep, Job* job, Sequence* seq) noexcept nogil:
    meet(4, keep, job, seq)

cdef inline for_medium part_1(bint counts, Job* job, Sequence* seq) noexcept nogil:
    part(1, counts, job, seq)

cdef inline for_medium part_2(bint counts, Job* job, Sequence* seq) noexcept nogil:
    part(2, counts, job, seq)

cdef inline for_medium part_3(bint counts, Job* job, Sequence* seq) noexcept nogil:
    part(3, counts, job, seq)

cdef inline for_medium part_4(bint counts, Job* job, Sequence* seq) noexcept nogil:
    part(4, counts, job, seq)


cdef inline int meet_best(Job* job, Sequence* seq) noexcept nogil:
    cdef bint keep = job.task != LOGLIK
    if job.registers == 0:
        meet_plain(job.chain.n, keep, job, seq)
    elif job.chain.n == 1:
        meet_1(keep, job, seq)
    elif job.chain.n == 2:
        meet_2(keep, job, seq)
    elif job.chain.n == 3:
        meet_3(keep, job, seq)
    else:
        meet_4(keep, job, seq)
    return 0


cdef inline int part_best(Job* job, Sequence* seq) noexcept nogil:
    cdef bint counts = job.task == COUNTS
    if job.registers == 0:
        part_plain(job.chain.n, counts, job, seq)
    elif job.chain.n == 1:
        part_1(counts, job, seq)
    elif job.chain.n == 2:
        part_2(counts, job, seq)
    elif job.chain.n == 3:
        part_3(counts, job, seq)
    else:
        part_4(counts, job, seq)
    return 0
