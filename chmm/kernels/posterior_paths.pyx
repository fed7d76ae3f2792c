"""Paths given the data. Backwards, they are a Markov chain with transitions that the filter knows:

    P(q_t-1 = i | q_t = j, O) = alpha[t-1, i] A[i, j] / sum_k alpha[t-1, k] A[k, j]

alpha is that of log_space.pyx, with an exponent for every state. Each function does one window of a sequence, from its
last step to its first, and returns early if `stop` is set.
"""

from libc.math cimport INFINITY, log
from cython.view cimport array as cvarray

from .compensated cimport Sum, add
from .exponents cimport normalised, times
from .simd cimport inline_int

cdef inline inline_int origins(
    Py_ssize_t n, Py_ssize_t width, const double* x, const double* into, double* both, double* p,
) noexcept nogil:
    """p[i] = P(the state before was i | this one), from alpha of the step before, x, and the column of A, `into`."""
    cdef double total, top
    times(width, x, into, both)
    normalised(n, width, both, p, &total, &top)
    return 0


def sample(
    const double[:, :, ::1] transposed,     # IN (N, 2, W)
    const double[:, :, ::1] alpha,          # IN (T, 2, W)
    const double[:, ::1] uniforms,          # IN (T - 1, K)
    int[::1] stop,                          # IN (1,)
    int[:, ::1] path,                       # IN its last row, OUT the others (T, K)
):
    """K paths, drawn from the last state on."""
    cdef Py_ssize_t t, k, i, j, n = transposed.shape[0], width = transposed.shape[2]
    cdef double[:, ::1] cumulated = cvarray(shape=(n, n), itemsize=sizeof(double), format="d")
    cdef long long[::1] made = cvarray(shape=(n,), itemsize=sizeof(long long), format="q")  # for which step
    cdef double[::1] both = cvarray(shape=(2 * width,), itemsize=sizeof(double), format="d")
    cdef double u
    cdef volatile int* flag = &stop[0]
    made[:] = -1
    with nogil:
        for t in range(alpha.shape[0] - 1, 0, -1):
            for k in range(path.shape[1]):
                j = path[t, k]
                if made[j] != t:
                    made[j] = t
                    origins(n, width, &alpha[t - 1, 0, 0], &transposed[j, 0, 0], &both[0], &cumulated[j, 0])
                    for i in range(1, n):
                        cumulated[j, i] += cumulated[j, i - 1]
                u = uniforms[t - 1, k] * cumulated[j, n - 1]
                i = 0
                while u >= cumulated[j, i] and i < n - 1:   # a state of probability 0 is never drawn
                    i += 1
                path[t - 1, k] = <int> i
            if flag[0]:
                break


def along(
    const double[:, :, ::1] transposed,
    const double[:, :, ::1] alpha,
    const Py_ssize_t[::1] path,             # IN (T,)
    int[::1] stop,
    double[::1] back,                       # OUT (T,) but for the first: log P(q_t-1 = path[t-1] | q_t = path[t], O)
):
    """How probable each step of a path is, taken backwards."""
    cdef Py_ssize_t t, n = transposed.shape[0], width = transposed.shape[2]
    cdef double[::1] both = cvarray(shape=(2 * width,), itemsize=sizeof(double), format="d")
    cdef double[::1] p = cvarray(shape=(n,), itemsize=sizeof(double), format="d")
    cdef volatile int* flag = &stop[0]
    with nogil:
        for t in range(alpha.shape[0] - 1, 0, -1):
            origins(n, width, &alpha[t - 1, 0, 0], &transposed[path[t], 0, 0], &both[0], &p[0])
            back[t] = log(p[path[t - 1]]) if p[path[t - 1]] > 0 else -INFINITY
            if flag[0]:
                break


def entropy(
    const double[:, :, ::1] transposed,
    const double[:, :, ::1] alpha,
    int[::1] stop,
    double[::1] gamma,                      # IN that of the last step, OUT that of the first (N,)
):
    """sum_t sum_j gamma[t, j] H(q_t-1 | q_t = j, O) in nats."""
    cdef Py_ssize_t t, i, j, n = transposed.shape[0], width = transposed.shape[2]
    cdef double[::1] both = cvarray(shape=(2 * width,), itemsize=sizeof(double), format="d")
    cdef double[::1] p = cvarray(shape=(n,), itemsize=sizeof(double), format="d")
    cdef double[::1] before = cvarray(shape=(n,), itemsize=sizeof(double), format="d")
    cdef double h
    cdef Sum sum
    cdef volatile int* flag = &stop[0]
    sum.total = sum.compensation = 0
    with nogil:
        for t in range(alpha.shape[0] - 1, 0, -1):
            for i in range(n):
                before[i] = 0
            for j in range(n):
                if gamma[j] > 0:
                    origins(n, width, &alpha[t - 1, 0, 0], &transposed[j, 0, 0], &both[0], &p[0])
                    h = 0
                    for i in range(n):
                        if p[i] > 0:
                            h -= p[i] * log(p[i])
                            before[i] += gamma[j] * p[i]
                    add(&sum, gamma[j] * h)
            for i in range(n):
                gamma[i] = before[i]
            if flag[0]:
                break
    return sum.total + sum.compensation
