"""Large models: two sequences at a time. Their tables do not fit into the first-level cache, and a step takes as
long as fetching them from the second; so each part that is fetched serves a step of both sequences.
"""

from .index cimport row_of
from .simd cimport SET, WEIGH, inline_int, vector, outer_product, product2, sum_lanes
from .recursions cimport (
    BLOCK, COUNTS, SMALL, Job, Sequence, add_gamma, counts_steps, clear, forward_steps, b_times_beta, rescale,
)
from .status cimport IMPOSSIBLE, STOPPED


cdef inline inline_int forward_together(
    vector* kind, Py_ssize_t n, Py_ssize_t width, Job* job, Sequence* seqs,
) noexcept nogil:
    """`forward_pass` of two sequences side by side, as long as both last. alpha of each step is kept for the counts."""
    cdef bint kept = job.task == COUNTS
    cdef Py_ssize_t t, c, vectors = width // <Py_ssize_t> (sizeof(vector) // sizeof(double))
    cdef Py_ssize_t together = min(seqs[0].n_steps, seqs[1].n_steps)
    cdef double total
    cdef double* rows[2]
    cdef double* x[2]
    cdef double* y[2]
    cdef const double* b[2]
    cdef vector sums[2]
    for c in range(2):
        rows[c] = seqs[c].alpha
        clear(&seqs[c].front)
        forward_steps(kind, n, width, width, kept, False, 0, 1, NULL, rows[c], &job.chain, &seqs[c], job.stop)
        y[c] = rows[c]
        if seqs[c].status:
            return 0
    for t in range(1, together):
        for c in range(2):
            b[c] = job.chain.rows + row_of(&seqs[c].index, t) * width
            x[c] = y[c]
            y[c] = rows[c] + (t if kept else t & 1) * width
            sums[c] = b[c][0] * (<const vector*> b[c])[0] * 0
        product2(kind, y, vectors, n, x, job.chain.packed, WEIGH, b, sums)
        for c in range(2):
            sum_lanes(&sums[c], &total)
            if total < SMALL:
                seqs[c].status = rescale(y[c], n, &total, t, &seqs[c].front) if total > 0 else IMPOSSIBLE
            seqs[c].total = total
        if t % BLOCK == 0 and job.stop[0]:
            seqs[0].status = STOPPED
        if seqs[0].status or seqs[1].status:
            return 0
    for c in range(2):
        if seqs[c].n_steps > together:
            forward_steps(
                kind, n, width, width, kept, False, together, seqs[c].n_steps, y[c],
                rows[c] + together * width if kept else rows[c], &job.chain, &seqs[c], job.stop,
            )
    return 0


cdef inline inline_int counts_together(
    vector* kind, Py_ssize_t n, Py_ssize_t width, Job* job, Sequence* seqs,
) noexcept nogil:
    """`counts_pass` of two sequences side by side, each from its end."""
    cdef Py_ssize_t k, t, j, c, filled = 0, vectors = width // <Py_ssize_t> (sizeof(vector) // sizeof(double))
    cdef Py_ssize_t together = min(seqs[0].n_steps, seqs[1].n_steps) - 1
    cdef Py_ssize_t cursors[2]
    cdef double* beta[2]
    cdef double* w[2]
    cdef const double* b
    cdef vector unused[2]
    for c in range(2):
        cursors[c] = seqs[c].front.n
        beta[c] = seqs[c].scratch
        for j in range(width):
            beta[c][j] = 1 / seqs[c].total
    for k in range(together):
        filled += 1
        for c in range(2):
            t = seqs[c].n_steps - 1 - k
            add_gamma(width, seqs[c].alpha + t * width, beta[c], t, job, &seqs[c])
            w[c] = seqs[c].scratch + (3 + BLOCK - filled) * width
            b = job.chain.rows + row_of(&seqs[c].index, t) * width
            b_times_beta(width, b, beta[c], w[c], t, &seqs[c], &cursors[c])
        product2(kind, beta, vectors, n, w, job.chain.packed_T, SET, <const double**> beta, unused)
        for c in range(2):
            if seqs[c].weight != 1:
                for j in range(width):
                    w[c][j] *= seqs[c].weight
        if filled == BLOCK or k == together - 1:
            for c in range(2):
                t = seqs[c].n_steps - 1 - k
                outer_product(
                    <vector*> job.pairs, n, vectors, filled, seqs[c].alpha + (t - 1) * width, width,
                    <const vector*> w[c],
                )
            filled = 0
            if job.stop[0]:
                seqs[0].status = STOPPED
                return 0
    for c in range(2):
        counts_steps(kind, n, width, 0, seqs[c].n_steps - together, seqs[c].alpha, &cursors[c], job, &seqs[c])
    return 0
