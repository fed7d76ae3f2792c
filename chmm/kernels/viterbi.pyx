"""The most probable path, in logarithms.

    delta[0, j] = log pi_j + log b[0, j]
    delta[t, j] = max_i (delta[t-1, i] + log A[i, j]) + log b[t, j]

No back-pointers: the way back looks again for the i that gave the maximum of the one state it came from, by the same
additions; the first one wins, so ties go to the lowest state. delta is brought back to a maximum of 0 at every block,
so that it does not drift; log P(O, Q*) is added up along the path.
"""

from libc.math cimport INFINITY
from libc.stdlib cimport free, malloc

from .lanes cimport alone, for_medium, for_plain, for_wide, inlined, registers

cdef enum:
    BLOCK = 64

cdef struct Job:
    Py_ssize_t n
    Py_ssize_t width
    const double* startprob     # (width,), logarithms, -inf where padded
    const double* transmat      # (n, width)
    const double* rows          # (R, width)
    const double* incoming      # (n, width): transmat turned
    Py_ssize_t n_sequences
    const long long* bounds
    const int* index
    volatile int* stop
    double* delta               # scratch (longest sequence, width)
    int* path
    double* score
    int* status
    long long* step


cdef inline inlined best_step(Py_ssize_t n, Py_ssize_t width, const double* x, const double* a, const double* b, alone y) noexcept nogil:
    """y[j] = max_i (x[i] + A[i, j]) + b[j], four rows of A at a time."""
    cdef Py_ssize_t i = 0, j
    cdef double x0, x1, x2, x3, m0, m1
    cdef const double* r0
    cdef const double* r1
    cdef const double* r2
    cdef const double* r3
    for j in range(width):
        y[j] = -INFINITY
    while i + 4 <= n:
        x0, x1, x2, x3 = x[i], x[i + 1], x[i + 2], x[i + 3]
        r0 = a + i * width
        r1 = r0 + width
        r2 = r1 + width
        r3 = r2 + width
        for j in range(width):
            m0 = x0 + r0[j] if x0 + r0[j] > x1 + r1[j] else x1 + r1[j]
            m1 = x2 + r2[j] if x2 + r2[j] > x3 + r3[j] else x3 + r3[j]
            m0 = m0 if m0 > m1 else m1
            y[j] = y[j] if y[j] > m0 else m0
        i += 4
    while i < n:
        x0 = x[i]
        r0 = a + i * width
        for j in range(width):
            m0 = x0 + r0[j]
            y[j] = y[j] if y[j] > m0 else m0
        i += 1
    for j in range(width):
        y[j] += b[j]
    return 0


cdef inline inlined run(Py_ssize_t n, Py_ssize_t width, Job* job) noexcept nogil:
    cdef Py_ssize_t s, t, i, j, n_steps
    cdef const int* index
    cdef const double* b
    cdef double* y
    cdef double top, value, block, total, lost, after
    cdef int* path
    cdef int best
    for s in range(job.n_sequences):
        n_steps = job.bounds[s + 1] - job.bounds[s]
        index = job.index + job.bounds[s]
        path = job.path + job.bounds[s] - job.bounds[0]
        job.status[s] = 0
        job.score[s] = 0
        job.step[s] = -1
        if n_steps == 0:
            continue
        for t in range(n_steps):
            y = job.delta + t * width
            b = job.rows + index[t] * width
            if t == 0:
                for j in range(width):
                    y[j] = job.startprob[j] + b[j]
            else:
                best_step(n, width, y - width, job.transmat, b, y)
            if t % BLOCK == 0 or t == n_steps - 1:
                if job.stop[0]:
                    return 3
                top = -INFINITY
                for j in range(n):
                    top = max(top, y[j])
                if top == -INFINITY:
                    break
                for j in range(n):
                    y[j] -= top
        else:
            best = 0
            for j in range(1, n):
                if y[j] > y[best]:
                    best = <int> j
            total = lost = block = 0
            for t in range(n_steps - 1, -1, -1):
                path[t] = best
                block += job.rows[index[t] * width + best]
                if t == 0:
                    block += job.startprob[best]
                else:
                    y = job.delta + (t - 1) * width
                    b = job.incoming + best * width
                    i = best
                    best = 0
                    value = y[0] + b[0]
                    for j in range(1, n):
                        if y[j] + b[j] > value:
                            value = y[j] + b[j]
                            best = <int> j
                    block += job.transmat[best * width + i]
                if t % BLOCK == 0:      # Neumaier's compensated sum of the blocks
                    after = total + block
                    lost += (total - after) + block if (total if total > 0 else -total) >= \
                        (block if block > 0 else -block) else (block - after) + total
                    total = after
                    block = 0
            job.score[s] = total + lost
            continue
        # impossible: find the step at which the last state died
        job.status[s] = 1
        job.score[s] = -INFINITY
        for t in range(n_steps):
            y = job.delta + t * width
            top = -INFINITY
            for j in range(n):
                top = max(top, y[j])
            if top == -INFINITY:
                job.step[s] = t
                break
    return 0


cdef inline inlined run_sized(Job* job) noexcept nogil:
    if job.n == 1:
        return run(1, 1, job)
    if job.n == 2:
        return run(2, 2, job)
    if job.n == 3:
        return run(3, 3, job)
    if job.n == 4:
        return run(4, 4, job)
    return run(job.n, job.width, job)

cdef for_plain run_plain(Job* job) noexcept nogil:
    return run_sized(job)

cdef for_medium run_medium(Job* job) noexcept nogil:
    return run_sized(job)

cdef for_wide run_wide(Job* job) noexcept nogil:
    return run_sized(job)

cdef int REGISTERS = registers()


def viterbi(
    const double[::1] log_startprob,        # IN (W,), -inf where padded
    const double[:, ::1] log_transmat,      # IN (N, W)
    const double[:, ::1] log_transposed,    # IN (N, W)
    const double[:, ::1] log_rows,          # IN (R, W)
    const int[::1] index,                   # IN (T,)
    const long long[::1] bounds,            # IN (S + 1,)
    int[::1] stop,                          # IN (1,)
    double[::1] scratch,                    # (longest sequence * W,)
    int[::1] path,                          # OUT (T,)
    double[::1] score,                      # OUT (S,): log P(O, Q*)
    int[::1] status,                        # OUT (S,)
    long long[::1] step,                    # OUT (S,)
):
    """The most probable path of each sequence. True if it was stopped."""
    cdef Job job
    cdef int result
    if bounds[bounds.shape[0] - 1] == bounds[0]:
        score[:] = 0
        status[:] = 0
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
    job.delta = &scratch[0]
    job.path = &path[0]
    job.score = &score[0]
    job.status = &status[0]
    job.step = &step[0]
    with nogil:
        if REGISTERS == 2:
            result = run_wide(&job)
        elif REGISTERS == 1:
            result = run_medium(&job)
        else:
            result = run_plain(&job)
    return result != 0
