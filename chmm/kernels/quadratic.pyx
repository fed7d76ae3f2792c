"""Normal distributions without crossed terms: densities and scatter from the distances to each mean.

A register holds one column of several values, so columns must lie together. Distances are taken before they are
squared: nothing cancels, wherever the data are.
"""

from .lanes cimport for_medium, for_plain, for_wide, inlined, lanes, medium, registers, sum_lanes, wide

cdef enum:
    BLOCK = 256         # values whose columns stay in the cache while state after state looks at them
    ACROSS = 4          # registers at a time, to hide the latency of the multiply-adds

ctypedef struct Columns:
    const double* values    # (D, T), `step` doubles from one column to the next
    const double* seen      # (D, T): 0 where there is a gap; NULL: no gaps
    Py_ssize_t step
    Py_ssize_t d


cdef inline inlined densities(
    Columns* c, Py_ssize_t start, Py_ssize_t end, const lanes* kind, Py_ssize_t across, Py_ssize_t n,
    const double* means, const double* halves, const double* constants, double* out,
) noexcept nogil:
    """Whole tiles of `across` registers of c.values[start:end]; `kind` only tells the type."""
    cdef Py_ssize_t size = across * <Py_ssize_t> (sizeof(lanes) // sizeof(double)), t = start, i, k, a
    cdef const lanes* x
    cdef const lanes* seen
    cdef lanes y
    cdef lanes total[ACROSS]
    while t + size <= end:
        for i in range(n):
            for k in range(c.d):
                x = <const lanes*> (c.values + k * c.step + t)
                seen = <const lanes*> (c.seen + k * c.step + t)
                for a in range(across):
                    y = x[a] - means[i * c.d + k]
                    if k == 0:
                        total[a] = y * 0
                    if c.seen == NULL:
                        total[a] += constants[i * c.d + k] - halves[i * c.d + k] * y * y
                    else:
                        total[a] += seen[a] * (constants[i * c.d + k] - halves[i * c.d + k] * y * y)
            for a in range(size):
                out[(t + a) * n + i] = (<double*> total)[a]
        t += size
    return 0


cdef inline inlined scatter(
    Columns* c, Py_ssize_t start, Py_ssize_t end, const lanes* kind, Py_ssize_t across, Py_ssize_t i,
    const double* means, const double* w, double* mass, double* sums, double* squares,
) noexcept nogil:
    """The same tiles for state i; w[t - start]."""
    cdef Py_ssize_t size = across * <Py_ssize_t> (sizeof(lanes) // sizeof(double)), t, k, a
    cdef const lanes* x
    cdef const lanes* seen
    cdef const lanes* v
    cdef lanes y, u
    cdef lanes m[ACROSS]
    cdef lanes s[ACROSS]
    cdef lanes q[ACROSS]
    cdef double part
    if start + size > end:
        return 0
    for k in range(c.d):
        for a in range(across):
            m[a] = s[a] = q[a] = (<const lanes*> w)[a] * 0
        t = start
        while t + size <= end:
            x = <const lanes*> (c.values + k * c.step + t)
            seen = <const lanes*> (c.seen + k * c.step + t)
            v = <const lanes*> (w + t - start)
            for a in range(across):
                u = v[a]
                if c.seen != NULL:
                    u = u * seen[a]
                y = x[a] - means[i * c.d + k]
                m[a] += u
                s[a] += u * y
                q[a] += u * y * y
            t += size
        for a in range(1, across):
            m[0] += m[a]
            s[0] += s[a]
            q[0] += q[a]
        sum_lanes(&m[0], &part)
        mass[i * c.d + k] += part
        sum_lanes(&s[0], &part)
        sums[i * c.d + k] += part
        sum_lanes(&q[0], &part)
        squares[i * c.d + k] += part
    return 0


cdef inline inlined all_densities(
    Columns* c, Py_ssize_t n_values, const lanes* kind, Py_ssize_t n,
    const double* means, const double* halves, const double* constants, double* out,
) noexcept nogil:
    cdef Py_ssize_t size = ACROSS * (sizeof(lanes) // sizeof(double)), whole = n_values // size * size
    densities(c, 0, whole, kind, ACROSS, n, means, halves, constants, out)
    densities(c, whole, n_values, <const double*> NULL, 1, n, means, halves, constants, out)
    return 0


cdef inline inlined all_scatter(
    Columns* c, Py_ssize_t n_values, const lanes* kind, Py_ssize_t n, const double* means, const double* weights,
    Py_ssize_t row, Py_ssize_t column, double* mass, double* sums, double* squares,
) noexcept nogil:
    cdef Py_ssize_t size = ACROSS * (sizeof(lanes) // sizeof(double)), start = 0, end, whole, i, t
    cdef double w[BLOCK]
    while start < n_values:
        end = min(start + BLOCK, n_values)
        whole = start + (end - start) // size * size
        for i in range(n):
            for t in range(start, end):
                w[t - start] = weights[t * row + i * column]
            scatter(c, start, whole, kind, ACROSS, i, means, w, mass, sums, squares)
            scatter(c, whole, end, <const double*> NULL, 1, i, means, w + whole - start, mass, sums, squares)
        start = end
    return 0


cdef for_plain densities_plain(
    Columns* c, Py_ssize_t t, Py_ssize_t n, const double* m, const double* h, const double* k, double* out,
) noexcept nogil:
    all_densities(c, t, <const double*> NULL, n, m, h, k, out)

cdef for_medium densities_medium(
    Columns* c, Py_ssize_t t, Py_ssize_t n, const double* m, const double* h, const double* k, double* out,
) noexcept nogil:
    all_densities(c, t, <const medium*> NULL, n, m, h, k, out)

cdef for_wide densities_wide(
    Columns* c, Py_ssize_t t, Py_ssize_t n, const double* m, const double* h, const double* k, double* out,
) noexcept nogil:
    all_densities(c, t, <const wide*> NULL, n, m, h, k, out)

cdef for_plain scatter_plain(
    Columns* c, Py_ssize_t t, Py_ssize_t n, const double* m, const double* w, Py_ssize_t row, Py_ssize_t column,
    double* mass, double* sums, double* squares,
) noexcept nogil:
    all_scatter(c, t, <const double*> NULL, n, m, w, row, column, mass, sums, squares)

cdef for_medium scatter_medium(
    Columns* c, Py_ssize_t t, Py_ssize_t n, const double* m, const double* w, Py_ssize_t row, Py_ssize_t column,
    double* mass, double* sums, double* squares,
) noexcept nogil:
    all_scatter(c, t, <const medium*> NULL, n, m, w, row, column, mass, sums, squares)

cdef for_wide scatter_wide(
    Columns* c, Py_ssize_t t, Py_ssize_t n, const double* m, const double* w, Py_ssize_t row, Py_ssize_t column,
    double* mass, double* sums, double* squares,
) noexcept nogil:
    all_scatter(c, t, <const wide*> NULL, n, m, w, row, column, mass, sums, squares)

cdef int REGISTERS = registers()


def log_densities(
    const double[::1, :] values,            # IN (T, D), no NaN
    const double[::1, :] seen,              # IN (T, D): 0 where there is a gap, else 1; None: no gaps
    const double[:, ::1] means,             # IN (N, D)
    const double[:, ::1] halves,            # IN (N, D): 1 / (2 variance)
    const double[:, ::1] constants,         # IN (N, D): -log(2 pi variance) / 2
    double[:, ::1] out,                     # OUT (T, N): sum_d seen (constant - half (value - mean)^2)
):
    cdef Py_ssize_t t = values.shape[0], n = means.shape[0]
    if not t:
        return
    cdef Columns c
    c.values = &values[0, 0]
    c.seen = NULL
    if seen is not None:
        c.seen = &seen[0, 0]
    c.step = t
    c.d = values.shape[1]
    with nogil:
        if REGISTERS == 2:
            densities_wide(&c, t, n, &means[0, 0], &halves[0, 0], &constants[0, 0], &out[0, 0])
        elif REGISTERS:
            densities_medium(&c, t, n, &means[0, 0], &halves[0, 0], &constants[0, 0], &out[0, 0])
        else:
            densities_plain(&c, t, n, &means[0, 0], &halves[0, 0], &constants[0, 0], &out[0, 0])


def add_scatter(
    const double[::1, :] values,            # IN (T, D), no NaN
    const double[::1, :] seen,              # IN (T, D): 0 where there is a gap, else 1; None: no gaps
    const double[:, ::1] means,             # IN (N, D)
    const double[:, :] weights,             # IN (T, N)
    double[:, ::1] mass,                    # ADD (N, D): sum_t weight seen
    double[:, ::1] sums,                    # ADD (N, D): sum_t weight seen (value - mean)
    double[:, ::1] squares,                 # ADD (N, D): sum_t weight seen (value - mean)^2
):
    cdef Py_ssize_t t = values.shape[0], n = means.shape[0]
    if not t:
        return
    cdef Py_ssize_t row = weights.strides[0] // <Py_ssize_t> sizeof(double)
    cdef Py_ssize_t column = weights.strides[1] // <Py_ssize_t> sizeof(double)
    cdef Columns c
    c.values = &values[0, 0]
    c.seen = NULL
    if seen is not None:
        c.seen = &seen[0, 0]
    c.step = t
    c.d = values.shape[1]
    cdef double* m = &mass[0, 0]
    cdef double* s = &sums[0, 0]
    cdef double* q = &squares[0, 0]
    with nogil:
        if REGISTERS == 2:
            scatter_wide(&c, t, n, &means[0, 0], &weights[0, 0], row, column, m, s, q)
        elif REGISTERS:
            scatter_medium(&c, t, n, &means[0, 0], &weights[0, 0], row, column, m, s, q)
        else:
            scatter_plain(&c, t, n, &means[0, 0], &weights[0, 0], row, column, m, s, q)
