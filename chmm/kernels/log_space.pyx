"""The same recursions in logarithms: the exact path, for the rare sequence that scaled arithmetic cannot hold.

Rows are renormalised at every step, so that nothing drifts; a step costs N^2 exponentials.

    log_alpha[t, j] = log P(q_t = j | o_1 ... o_t)
    log_beta[t, i]  = log P(o_t+1 ... o_T | q_t = i) - log P(o_t+1 ... o_T | o_1 ... o_t)
    log_scale[t]    = log P(o_t | o_1 ... o_t-1)

One window of a sequence a call. Each returns the number of steps done: fewer than T if the sequence became impossible
there (`forward`), or if it was stopped.
"""

from libc.math cimport INFINITY, exp, log


cdef inline double log_sum(const double* x, Py_ssize_t n) noexcept nogil:
    """log sum_i exp(x[i])"""
    cdef Py_ssize_t i
    cdef double top = -INFINITY, total = 0
    for i in range(n):
        top = max(top, x[i])
    if top == -INFINITY:
        return top
    for i in range(n):
        total += exp(x[i] - top)
    return top + log(total)


def forward(
    const double[:, ::1] log_transmat,      # IN (N, N)
    const double[:, ::1] log_rows,          # IN (T, N)
    int[::1] stop,                          # IN (1,)
    double[:, ::1] log_alpha,               # IN its first row, OUT the others (T, N)
    double[::1] log_scale,                  # OUT (T,), but for the first
):
    cdef Py_ssize_t t, i, j, n = log_transmat.shape[0], done = 1
    cdef volatile int* flag = &stop[0]
    cdef double[::1] terms = log_transmat[0].copy()
    with nogil:
        for t in range(1, log_rows.shape[0]):
            for j in range(n):
                for i in range(n):
                    terms[i] = log_alpha[t - 1, i] + log_transmat[i, j]
                log_alpha[t, j] = log_sum(&terms[0], n) + log_rows[t, j]
            log_scale[t] = log_sum(&log_alpha[t, 0], n)
            if log_scale[t] == -INFINITY or flag[0]:
                break
            for j in range(n):
                log_alpha[t, j] -= log_scale[t]
            done += 1
    return done


def backward(
    const double[:, ::1] log_transmat,
    const double[:, ::1] log_rows,
    const double[::1] log_scale,            # IN (T,) from `forward`
    int[::1] stop,
    double[:, ::1] log_beta,                # IN its last row, OUT the others (T, N)
):
    cdef Py_ssize_t t, i, j, n = log_transmat.shape[0], done = 1
    cdef volatile int* flag = &stop[0]
    cdef double[::1] terms = log_transmat[0].copy()
    with nogil:
        for t in range(log_rows.shape[0] - 2, -1, -1):
            if flag[0]:
                break
            for i in range(n):
                for j in range(n):
                    terms[j] = log_transmat[i, j] + log_rows[t + 1, j] + log_beta[t + 1, j]
                log_beta[t, i] = log_sum(&terms[0], n) - log_scale[t + 1]
            done += 1
    return done


def pair_counts(
    const double[:, ::1] log_transmat,
    const double[:, ::1] log_alpha,
    const double[:, ::1] future,            # IN (T, N): log_rows + log_beta - log_scale
    int[::1] stop,
    double[:, ::1] trans,                   # ADD (N, N): sum of xi
):
    cdef Py_ssize_t t, i, j, n = log_transmat.shape[0], done = 1
    cdef volatile int* flag = &stop[0]
    with nogil:
        for t in range(1, log_alpha.shape[0]):
            if flag[0]:
                break
            for i in range(n):
                for j in range(n):
                    trans[i, j] += exp(log_alpha[t - 1, i] + log_transmat[i, j] + future[t, j])
            done += 1
    return done
