"""Normal distributions: log densities, and scatter around the means.

A register holds one column of several values, so the values of a column must be adjacent. Means are subtracted before
squaring, so nothing cancels, wherever the data are.
"""

from libc.math cimport M_PI, log
from libc.stdlib cimport free, malloc

from .simd cimport (
    for_medium, for_plain, for_wide, inline_int, medium, registers, sum_lanes, vector, wide, zero_where_nan,
)

cdef enum:
    CACHED_VALUES = 256     # values whose columns stay in the cache while one state after another reads them
    ACROSS = 4              # registers at a time, to hide the latency of the multiply-adds

ctypedef struct Columns:
    const double* values    # (D, T), `step` doubles from one column to the next; NaN where there is a gap
    Py_ssize_t step
    Py_ssize_t n_values
    Py_ssize_t d

ctypedef struct Normals:
    Py_ssize_t n
    const double* means         # (N, D)
    const double* halves        # (N, D): 1 / (2 variance)
    const double* roots         # or crossed: (N, D, D), R with R' R = S^-1, lower triangles
    const double* constants     # (N, D): -log(2 pi variance) / 2; crossed: (N,), of all columns
    double* out                 # (T, N)

ctypedef struct Scatter:
    Py_ssize_t n
    const double* means         # (N, D)
    const double* weights       # weights[t * row + i * column]
    Py_ssize_t row
    Py_ssize_t column
    double* mass                # (N, D)
    double* sums                # (N, D)
    double* squares             # (N, D); crossed: (N, D, D)


# Independent columns ------------------------------------------------------------------------------------------------

cdef inline inline_int find_gaps(
    const Columns* c, Py_ssize_t start, Py_ssize_t end, const vector* kind, bint* found,
) noexcept nogil:
    """Whether any is NaN, by a sum (which may say so when it overflows, at no cost but time)."""
    cdef Py_ssize_t size = sizeof(vector) // sizeof(double), t, k
    cdef Py_ssize_t whole = start + (end - start) // (4 * size) * (4 * size)
    cdef const vector* x
    cdef vector a, b
    cdef double result, total = 0
    for k in range(c.d):
        t = start
        if t < whole:
            x = <const vector*> (c.values + k * c.step + t)
            a = x[0] + x[1]
            b = x[2] + x[3]
            t += 4 * size
            while t < whole:
                x += 4
                a += x[0] + x[1]
                b += x[2] + x[3]
                t += 4 * size
            a += b
            sum_lanes(&a, &result)
            total += result
        while t < end:
            total += c.values[k * c.step + t]
            t += 1
    found[0] = not total == total
    return 0


cdef inline inline_int densities(
    const Columns* c, Py_ssize_t start, Py_ssize_t end, bint gaps, const vector* kind, Py_ssize_t across,
    const Normals* p,
) noexcept nogil:
    """Whole tiles of `across` registers of c.values[start:end]; `kind` only tells the type."""
    cdef Py_ssize_t size = across * <Py_ssize_t> (sizeof(vector) // sizeof(double)), t = start, i, k, a
    cdef const vector* x
    cdef vector y, z
    cdef vector total[ACROSS]
    while t + size <= end:
        for i in range(p.n):
            for k in range(c.d):
                x = <const vector*> (c.values + k * c.step + t)
                for a in range(across):
                    y = x[a] - p.means[i * c.d + k]
                    z = p.constants[i * c.d + k] - p.halves[i * c.d + k] * y * y
                    if gaps:
                        zero_where_nan(&y, &z)
                    if k == 0:
                        total[a] = z
                    else:
                        total[a] += z
            for a in range(size):
                p.out[(t + a) * p.n + i] = (<double*> total)[a]
        t += size
    return 0


cdef inline inline_int all_densities(const Columns* c, const vector* kind, const Normals* p) noexcept nogil:
    cdef Py_ssize_t size = ACROSS * (sizeof(vector) // sizeof(double)), start = 0, end, whole
    cdef bint gaps
    while start < c.n_values:
        end = min(start + CACHED_VALUES, c.n_values)
        whole = start + (end - start) // size * size
        find_gaps(c, start, end, kind, &gaps)
        if gaps:
            densities(c, start, whole, True, kind, ACROSS, p)
            densities(c, whole, end, True, <const double*> NULL, 1, p)
        else:
            densities(c, start, whole, False, kind, ACROSS, p)
            densities(c, whole, end, False, <const double*> NULL, 1, p)
        start = end
    return 0


cdef inline inline_int scatter(
    const Columns* c, Py_ssize_t start, Py_ssize_t end, bint gaps, const vector* kind, Py_ssize_t across, Py_ssize_t i,
    const double* w, Scatter* s,
) noexcept nogil:
    """The same tiles for state i; w[t - start]."""
    cdef Py_ssize_t size = across * <Py_ssize_t> (sizeof(vector) // sizeof(double)), t, k, a
    cdef const vector* x
    cdef const vector* v
    cdef vector y, u
    cdef vector mass[ACROSS]
    cdef vector sums[ACROSS]
    cdef vector squares[ACROSS]
    cdef double part
    if start + size > end:
        return 0
    for k in range(c.d):
        for a in range(across):
            mass[a] = sums[a] = squares[a] = (<const vector*> w)[a] * 0
        t = start
        while t + size <= end:
            x = <const vector*> (c.values + k * c.step + t)
            v = <const vector*> (w + t - start)
            for a in range(across):
                y = x[a] - s.means[i * c.d + k]
                u = v[a]
                if gaps:
                    zero_where_nan(&y, &u)
                    zero_where_nan(&y, &y)
                mass[a] += u
                sums[a] += u * y
                squares[a] += u * y * y
            t += size
        for a in range(1, across):
            mass[0] += mass[a]
            sums[0] += sums[a]
            squares[0] += squares[a]
        sum_lanes(&mass[0], &part)
        s.mass[i * c.d + k] += part
        sum_lanes(&sums[0], &part)
        s.sums[i * c.d + k] += part
        sum_lanes(&squares[0], &part)
        s.squares[i * c.d + k] += part
    return 0


cdef inline inline_int all_scatter(const Columns* c, const vector* kind, Scatter* s) noexcept nogil:
    cdef Py_ssize_t size = ACROSS * (sizeof(vector) // sizeof(double)), start = 0, end, whole, i, t
    cdef double w[CACHED_VALUES]
    cdef double* rest
    cdef bint gaps
    while start < c.n_values:
        end = min(start + CACHED_VALUES, c.n_values)
        whole = start + (end - start) // size * size
        rest = w + whole - start
        find_gaps(c, start, end, kind, &gaps)
        for i in range(s.n):
            for t in range(start, end):
                w[t - start] = s.weights[t * s.row + i * s.column]
            if gaps:
                scatter(c, start, whole, True, kind, ACROSS, i, w, s)
                scatter(c, whole, end, True, <const double*> NULL, 1, i, rest, s)
            else:
                scatter(c, start, whole, False, kind, ACROSS, i, w, s)
                scatter(c, whole, end, False, <const double*> NULL, 1, i, rest, s)
        start = end
    return 0


# Crossed columns ----------------------------------------------------------------------------------------------------
# Distances are laid out (D, size), so that a register of them is multiplied again and again.

cdef inline inline_int distances(
    const Columns* c, Py_ssize_t start, Py_ssize_t count, Py_ssize_t size, const vector* kind, const double* mean,
    double* y,
) noexcept nogil:
    """y[k, t] = value - mean for `count` values; 0 where there is a gap, and from there up to `size`."""
    cdef Py_ssize_t step = sizeof(vector) // sizeof(double), whole = count // step * step, t, k
    cdef const double* x
    cdef vector far
    cdef double far_one
    for k in range(c.d):
        x = c.values + k * c.step + start
        t = 0
        while t < whole:
            far = (<const vector*> (x + t))[0] - mean[k]
            zero_where_nan(&far, &far)
            (<vector*> (y + k * size + t))[0] = far
            t += step
        while t < count:
            far_one = x[t] - mean[k]
            zero_where_nan(&far_one, &far_one)
            y[k * size + t] = far_one
            t += 1
        while t < size:
            y[k * size + t] = 0
            t += 1
    return 0


cdef inline inline_int crossed_densities(
    const Columns* c, const vector* kind, const Normals* p, double* y,
) noexcept nogil:
    """constant - |R (value - mean)|^2 / 2, two rows of R at a time. No gaps."""
    cdef Py_ssize_t size = ACROSS * (sizeof(vector) // sizeof(double)), t = 0, count, i, j, k, a
    cdef const vector* x
    cdef const double* one
    cdef const double* two
    cdef vector total[ACROSS]
    cdef vector z[ACROSS]
    cdef vector u[ACROSS]
    while t < c.n_values:
        count = min(size, c.n_values - t)
        for i in range(p.n):
            distances(c, t, count, size, kind, p.means + i * c.d, y)
            for a in range(ACROSS):
                total[a] = (<const vector*> y)[a] * 0 + p.constants[i]
            for k in range(0, c.d, 2):
                one = p.roots + (i * c.d + k) * c.d
                two = one + c.d if k + 1 < c.d else one
                x = <const vector*> y
                for a in range(ACROSS):
                    z[a] = one[0] * x[a]
                    u[a] = two[0] * x[a]
                for j in range(1, k + 1):
                    x += ACROSS
                    for a in range(ACROSS):
                        z[a] += one[j] * x[a]
                        u[a] += two[j] * x[a]
                for a in range(ACROSS):
                    total[a] -= 0.5 * z[a] * z[a]
                if k + 1 < c.d:
                    x += ACROSS
                    for a in range(ACROSS):
                        u[a] += two[k + 1] * x[a]
                        total[a] -= 0.5 * u[a] * u[a]
            for a in range(count):
                p.out[(t + a) * p.n + i] = (<double*> total)[a]
        t += size
    return 0


cdef inline inline_int crossed_tile(
    const double* u, const double* y, Py_ssize_t size, const vector* kind, Py_ssize_t j, Py_ssize_t k, Py_ssize_t d,
    double* squares,
) noexcept nogil:
    """squares[j, k] += sum_t u[j, t] y[k, t] for two rows and four columns, as far as k <= j < d."""
    cdef Py_ssize_t step = size // <Py_ssize_t> (sizeof(vector) // sizeof(double)), t, a
    cdef const vector* v = <const vector*> (u + j * size)
    cdef const vector* x = <const vector*> (y + k * size)
    cdef vector sums[8]
    cdef double part
    for a in range(8):
        sums[a] = v[a // 4 * step] * x[a % 4 * step]
    for t in range(1, step):
        for a in range(8):
            sums[a] += v[a // 4 * step + t] * x[a % 4 * step + t]
    for a in range(8):
        if k + a % 4 <= j + a // 4 < d:
            sum_lanes(&sums[a], &part)
            squares[(j + a // 4) * d + k + a % 4] += part
    return 0


cdef inline inline_int crossed_scatter(const Columns* c, const vector* kind, Scatter* s, double* y) noexcept nogil:
    """The lower triangles of the squares. A gap counts as the mean."""
    cdef Py_ssize_t lane = sizeof(vector) // sizeof(double), start = 0, count, i, j, k, t
    cdef double* u = y + wide_rows(c.d) * CACHED_VALUES      # weighted distances
    cdef double w[CACHED_VALUES]
    cdef const vector* v = <const vector*> w
    cdef vector total
    cdef double part
    for t in range(c.d * CACHED_VALUES, wide_rows(c.d) * CACHED_VALUES):
        y[t] = u[t] = 0
    while start < c.n_values:
        count = min(CACHED_VALUES, c.n_values - start)
        for i in range(s.n):
            for t in range(count):
                w[t] = s.weights[(start + t) * s.row + i * s.column]
            for t in range(count, CACHED_VALUES):
                w[t] = 0
            distances(c, start, count, CACHED_VALUES, kind, s.means + i * c.d, y)
            total = v[0]
            for t in range(1, CACHED_VALUES // lane):
                total += v[t]
            sum_lanes(&total, &part)
            for k in range(c.d):
                s.mass[i * c.d + k] += part
            for k in range(c.d):
                total = v[0] * 0
                for t in range(CACHED_VALUES // lane):
                    (<vector*> (u + k * CACHED_VALUES))[t] = v[t] * (<vector*> (y + k * CACHED_VALUES))[t]
                    total += (<vector*> (u + k * CACHED_VALUES))[t]
                sum_lanes(&total, &part)
                s.sums[i * c.d + k] += part
            for j in range(0, c.d, 2):
                for k in range(0, j + 1, 4):
                    crossed_tile(u, y, CACHED_VALUES, kind, j, k, c.d, s.squares + i * c.d * c.d)
        start += CACHED_VALUES
    return 0


cdef inline Py_ssize_t wide_rows(Py_ssize_t d) noexcept nogil:
    """Rows of distances, those of whole tiles."""
    return (d + 3) // 4 * 4


# For each kind of registers -------------------------------------------------------------------------------------------

cdef for_plain densities_plain(const Columns* c, const Normals* p, double* y) noexcept nogil:
    if p.roots == NULL:
        all_densities(c, <const double*> NULL, p)
    else:
        crossed_densities(c, <const double*> NULL, p, y)

cdef for_medium densities_medium(const Columns* c, const Normals* p, double* y) noexcept nogil:
    if p.roots == NULL:
        all_densities(c, <const medium*> NULL, p)
    else:
        crossed_densities(c, <const medium*> NULL, p, y)

cdef for_wide densities_wide(const Columns* c, const Normals* p, double* y) noexcept nogil:
    if p.roots == NULL:
        all_densities(c, <const wide*> NULL, p)
    else:
        crossed_densities(c, <const wide*> NULL, p, y)

cdef for_plain scatter_plain(const Columns* c, Scatter* s, double* y) noexcept nogil:
    if y == NULL:
        all_scatter(c, <const double*> NULL, s)
    else:
        crossed_scatter(c, <const double*> NULL, s, y)

cdef for_medium scatter_medium(const Columns* c, Scatter* s, double* y) noexcept nogil:
    if y == NULL:
        all_scatter(c, <const medium*> NULL, s)
    else:
        crossed_scatter(c, <const medium*> NULL, s, y)

cdef for_wide scatter_wide(const Columns* c, Scatter* s, double* y) noexcept nogil:
    if y == NULL:
        all_scatter(c, <const wide*> NULL, s)
    else:
        crossed_scatter(c, <const wide*> NULL, s, y)

cdef int REGISTERS = registers()

cdef int dispatch_densities(const Columns* c, const Normals* p) except -1:
    cdef double* y = scratch(c.d, 0 if p.roots == NULL else ACROSS * sizeof(wide) // sizeof(double))
    with nogil:
        if REGISTERS == 2:
            densities_wide(c, p, y)
        elif REGISTERS:
            densities_medium(c, p, y)
        else:
            densities_plain(c, p, y)
    free(y)
    return 0


cdef int dispatch_scatter(const Columns* c, Scatter* s, bint crossed) except -1:
    cdef double* y = scratch(c.d, 2 * CACHED_VALUES if crossed else 0)
    with nogil:
        if REGISTERS == 2:
            scatter_wide(c, s, y)
        elif REGISTERS:
            scatter_medium(c, s, y)
        else:
            scatter_plain(c, s, y)
    free(y)
    return 0


cdef double* scratch(Py_ssize_t d, Py_ssize_t size) except? NULL:
    """Memory for `size` distances of each column; NULL for 0."""
    if not size:
        return NULL
    cdef double* y = <double*> malloc(wide_rows(d) * size * sizeof(double))
    if y == NULL:
        raise MemoryError(f"no memory for {size} values of {d} columns")
    return y


cdef Columns columns(const double[:, :] values):
    """(T, D), T > 0; the values of a column must be adjacent."""
    cdef Columns c
    c.values = &values[0, 0]
    c.step = values.strides[1] // <Py_ssize_t> sizeof(double)
    c.n_values = values.shape[0]
    c.d = values.shape[1]
    return c


def log_densities(
    const double[:, :] values,              # IN (T, D), by columns; NaN where there is a gap
    const double[:, ::1] means,             # IN (N, D)
    const double[:, ::1] variances,         # IN (N, D)
    double[:, ::1] out,                     # OUT (T, N): -sum_d (log(2 pi variance) + (value - mean)^2 / variance) / 2,
                                            # over what is not NaN
):
    """Log densities of normal distributions with independent columns."""
    cdef Columns c
    cdef Normals p
    cdef Py_ssize_t k, size = means.shape[0] * means.shape[1]
    if not values.shape[0]:
        return
    cdef const double* v = &variances[0, 0]
    cdef double* halves = <double*> malloc(2 * size * sizeof(double))
    cdef double* constants = halves + size
    if halves == NULL:
        raise MemoryError(f"no memory for the constants of {size} densities")
    for k in range(size):
        halves[k] = 0.5 / v[k]
        constants[k] = -0.5 * log(2 * M_PI * v[k])
    c = columns(values)
    p.n = means.shape[0]
    p.means, p.halves, p.roots, p.constants = &means[0, 0], halves, NULL, constants
    p.out = &out[0, 0]
    try:
        dispatch_densities(&c, &p)
    finally:
        free(halves)


def crossed_log_densities(
    const double[:, :] values,              # IN (T, D), by columns; no NaN
    const double[:, ::1] means,             # IN (N, D)
    const double[:, :, ::1] roots,          # IN (N, D, D): lower triangles R with R' R = S^-1
    const double[::1] constants,            # IN (N,): -log |2 pi S| / 2
    double[:, ::1] out,                     # OUT (T, N): constant - |R (value - mean)|^2 / 2
):
    """Log densities of normal distributions with covariances."""
    cdef Columns c
    cdef Normals p
    if not len(values):
        return
    c = columns(values)
    p.n = means.shape[0]
    p.means, p.halves, p.roots, p.constants = &means[0, 0], NULL, &roots[0, 0, 0], &constants[0]
    p.out = &out[0, 0]
    dispatch_densities(&c, &p)


def add_scatter(
    const double[:, :] values,              # IN (T, D), by columns; NaN where there is a gap
    const double[:, ::1] means,             # IN (N, D)
    const double[:, :] weights,             # IN (T, N)
    double[:, ::1] mass,                    # ADD (N, D): sum_t weight, over what is not NaN
    double[:, ::1] sums,                    # ADD (N, D): sum_t weight (value - mean)
    double[:, ::1] squares,                 # ADD (N, D): sum_t weight (value - mean)^2
):
    """Weighted sums around the means, column by column."""
    cdef Columns c
    cdef Scatter s
    if not len(values):
        return
    c = columns(values)
    s = around(means, weights, mass, sums, &squares[0, 0])
    dispatch_scatter(&c, &s, False)


def add_crossed_scatter(
    const double[:, :] values,              # IN (T, D), by columns; NaN, a gap, counts as the mean
    const double[:, ::1] means,             # IN (N, D)
    const double[:, :] weights,             # IN (T, N)
    double[:, ::1] mass,                    # ADD (N, D): sum_t weight
    double[:, ::1] sums,                    # ADD (N, D): sum_t weight (value - mean)
    double[:, :, ::1] squares,              # ADD (N, D, D): sum_t weight (value - mean) (value - mean)', lower half
):
    """Weighted sums around the means, with products of columns."""
    cdef Columns c
    cdef Scatter s
    if not len(values):
        return
    c = columns(values)
    s = around(means, weights, mass, sums, &squares[0, 0, 0])
    dispatch_scatter(&c, &s, True)


cdef Scatter around(
    const double[:, ::1] means, const double[:, :] weights, double[:, ::1] mass, double[:, ::1] sums, double* squares,
):
    cdef Scatter s
    s.n = means.shape[0]
    s.means, s.weights = &means[0, 0], &weights[0, 0]
    s.row = weights.strides[0] // <Py_ssize_t> sizeof(double)
    s.column = weights.strides[1] // <Py_ssize_t> sizeof(double)
    s.mass, s.sums, s.squares = &mass[0, 0], &sums[0, 0], squares
    return s
