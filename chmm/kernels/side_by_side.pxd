"""Large models: two sequences at a time. Their tables do not fit into the first cache, and fetching them from the
second is what a step takes; so each part that is fetched serves a step of both.
"""

from .simd cimport SET, WEIGH, inlined, lanes, outer_product, product_for_two, sum_lanes
from .recursions cimport (
    BLOCK, COUNTS, SMALL, Job, Sequence, add_gamma, counts_steps, forget, forward_steps, future, rescale,
)
from .status cimport IMPOSSIBLE, STOPPED


cdef inline inlined forward_together(
    lanes* kind, Py_ssize_t n, Py_ssize_t width, Job* job, Sequence* seqs,
) noexcept nogil:
    """`forward_pass` of two sequences side by side, as long as both last. alpha of each step is kept for the counts."""
    cdef bint kept = job.task == COUNTS
    cdef Py_ssize_t t, c, vectors = width // <Py_ssize_t> (sizeof(lanes) // sizeof(double))
    cdef Py_ssize_t together = min(seqs[0].n_steps, seqs[1].n_steps)
    cdef double total
    cdef double* rows[2]
    cdef double* x[2]
    cdef double* y[2]
    cdef const double* b[2]
    cdef lanes sums[2]
    for c in range(2):
        rows[c] = seqs[c].alpha
        forget(&seqs[c].front)
        forward_steps(kind, n, width, width, kept, False, 0, 1, NULL, rows[c], &job.chain, &seqs[c], job.stop)
        y[c] = rows[c]
        if seqs[c].status:
            return 0
    for t in range(1, together):
        for c in range(2):
            b[c] = job.chain.rows + seqs[c].index[t] * width
            x[c] = y[c]
            y[c] = rows[c] + (t if kept else t & 1) * width
            sums[c] = b[c][0] * (<const lanes*> b[c])[0] * 0
        product_for_two(kind, y, vectors, n, x, job.chain.panels, WEIGH, b, sums)
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


cdef inline inlined counts_together(
    lanes* kind, Py_ssize_t n, Py_ssize_t width, Job* job, Sequence* seqs,
) noexcept nogil:
    """`counts_pass` of two sequences side by side, each from its end."""
    cdef Py_ssize_t k, t, j, c, filled = 0, vectors = width // <Py_ssize_t> (sizeof(lanes) // sizeof(double))
    cdef Py_ssize_t together = min(seqs[0].n_steps, seqs[1].n_steps) - 1
    cdef Py_ssize_t cursors[2]
    cdef double* beta[2]
    cdef double* w[2]
    cdef lanes unused[2]
    for c in range(2):
        cursors[c] = seqs[c].front.n
        beta[c] = seqs[c].work
        for j in range(width):
            beta[c][j] = 1 / seqs[c].total
    for k in range(together):
        filled += 1
        for c in range(2):
            t = seqs[c].n_steps - 1 - k
            add_gamma(width, seqs[c].alpha + t * width, beta[c], t, job, &seqs[c])
            w[c] = seqs[c].work + (3 + BLOCK - filled) * width
            future(width, job.chain.rows + seqs[c].index[t] * width, beta[c], w[c], t, &seqs[c], &cursors[c])
        product_for_two(kind, beta, vectors, n, w, job.chain.turned, SET, <const double**> beta, unused)
        for c in range(2):
            if seqs[c].weight != 1:
                for j in range(width):
                    w[c][j] *= seqs[c].weight
        if filled == BLOCK or k == together - 1:
            for c in range(2):
                t = seqs[c].n_steps - 1 - k
                outer_product(
                    <lanes*> job.pairs, n, vectors, filled, seqs[c].alpha + (t - 1) * width, width, <const lanes*> w[c],
                )
            filled = 0
            if job.stop[0]:
                seqs[0].status = STOPPED
                return 0
    for c in range(2):
        counts_steps(kind, n, width, 0, seqs[c].n_steps - together, seqs[c].alpha, &cursors[c], job, &seqs[c])
    return 0
