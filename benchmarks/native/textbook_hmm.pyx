# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Rabiner's scaled recursions, word for word: a dot product down a column, a division and a logarithm every step."""

import numpy as np

from libc.math cimport log


cdef double forward(const double[::1] pi, const double[:, ::1] a, const double[:, ::1] b, const int[::1] o,
                    Py_ssize_t first, Py_ssize_t end, double[:, ::1] alpha, double[::1] scale) noexcept nogil:
    """alpha[t, j] = sum_i alpha[t-1, i] a[i, j] b[j, o_t] / scale[t], rows summing to 1; returns log P(O)."""
    cdef Py_ssize_t n = a.shape[0], t, i, j
    cdef double s, c, loglik = 0.0
    for t in range(end - first):
        c = 0.0
        for j in range(n):
            if t == 0:
                s = pi[j]
            else:
                s = 0.0
                for i in range(n):
                    s += alpha[t - 1, i] * a[i, j]
            alpha[t, j] = s * b[j, o[first + t]]
            c += alpha[t, j]
        for j in range(n):
            alpha[t, j] /= c
        scale[t] = c
        loglik += log(c)
    return loglik


cdef void backward(const double[:, ::1] a, const double[:, ::1] b, const int[::1] o, Py_ssize_t first, Py_ssize_t end,
                   const double[::1] scale, double[:, ::1] beta) noexcept nogil:
    """beta[t, i] = sum_j a[i, j] b[j, o_t+1] beta[t+1, j] / scale[t+1], so that alpha * beta = gamma."""
    cdef Py_ssize_t n = a.shape[0], length = end - first, t, i, j
    cdef double s
    for i in range(n):
        beta[length - 1, i] = 1.0
    for t in range(length - 2, -1, -1):
        for i in range(n):
            s = 0.0
            for j in range(n):
                s += a[i, j] * b[j, o[first + t + 1]] * beta[t + 1, j]
            beta[t, i] = s / scale[t + 1]


def buffers(bounds, n):
    longest = int(np.diff(bounds).max())
    return np.empty((longest, n)), np.empty((longest, n)), np.empty(longest)


def score(const double[::1] pi, const double[:, ::1] a, const double[:, ::1] b, const int[::1] o,
          const long long[::1] bounds):
    cdef double loglik = 0.0
    cdef Py_ssize_t s
    cdef double[:, ::1] alpha
    cdef double[::1] scale
    alpha, _, scale = buffers(bounds, len(pi))
    with nogil:
        for s in range(bounds.shape[0] - 1):
            loglik += forward(pi, a, b, o, bounds[s], bounds[s + 1], alpha, scale)
    return loglik


def posteriors(const double[::1] pi, const double[:, ::1] a, const double[:, ::1] b, const int[::1] o,
               const long long[::1] bounds):
    cdef Py_ssize_t n = a.shape[0], s, t, i
    cdef double[:, ::1] alpha, beta, gamma = np.empty((len(o), n))
    cdef double[::1] scale
    alpha, beta, scale = buffers(bounds, n)
    with nogil:
        for s in range(bounds.shape[0] - 1):
            forward(pi, a, b, o, bounds[s], bounds[s + 1], alpha, scale)
            backward(a, b, o, bounds[s], bounds[s + 1], scale, beta)
            for t in range(bounds[s + 1] - bounds[s]):
                for i in range(n):
                    gamma[bounds[s] + t, i] = alpha[t, i] * beta[t, i]
    return np.asarray(gamma)


def expected_counts(const double[::1] pi, const double[:, ::1] a, const double[:, ::1] b, const int[::1] o,
                    const long long[::1] bounds):
    """The E-step: expected counts of the first states, of the transitions and of the emissions."""
    cdef Py_ssize_t n = a.shape[0], s, t, i, j
    cdef double[:, ::1] alpha, beta, trans = np.zeros((n, n)), emission = np.zeros((n, b.shape[1]))
    cdef double[::1] scale, start = np.zeros(n)
    alpha, beta, scale = buffers(bounds, n)
    with nogil:
        for s in range(bounds.shape[0] - 1):
            forward(pi, a, b, o, bounds[s], bounds[s + 1], alpha, scale)
            backward(a, b, o, bounds[s], bounds[s + 1], scale, beta)
            for i in range(n):
                start[i] += alpha[0, i] * beta[0, i]
            for t in range(bounds[s + 1] - bounds[s]):
                for i in range(n):
                    emission[i, o[bounds[s] + t]] += alpha[t, i] * beta[t, i]
            for t in range(bounds[s + 1] - bounds[s] - 1):
                for i in range(n):
                    for j in range(n):
                        trans[i, j] += (alpha[t, i] * a[i, j] * b[j, o[bounds[s] + t + 1]] * beta[t + 1, j]
                                        / scale[t + 1])
    return np.asarray(start), np.asarray(trans), np.asarray(emission)


def decode(const double[::1] pi, const double[:, ::1] a, const double[:, ::1] b, const int[::1] o,
           const long long[::1] bounds):
    """Viterbi on logarithms, with a table of the best predecessors."""
    cdef Py_ssize_t n = a.shape[0], s, t, i, j, first, end
    longest = int(np.diff(bounds).max())
    cdef double[:, ::1] delta = np.empty((2, n))
    cdef int[:, ::1] psi = np.empty((longest, n), np.intc)
    cdef int[::1] path = np.empty(len(o), np.intc)
    cdef double best, candidate
    cdef int k
    with nogil:
        for s in range(bounds.shape[0] - 1):
            first, end = bounds[s], bounds[s + 1]
            for j in range(n):
                delta[0, j] = pi[j] + b[j, o[first]]
            for t in range(1, end - first):
                for j in range(n):
                    best, k = delta[(t - 1) & 1, 0] + a[0, j], 0
                    for i in range(1, n):
                        candidate = delta[(t - 1) & 1, i] + a[i, j]
                        if candidate > best:
                            best, k = candidate, <int>i
                    delta[t & 1, j] = best + b[j, o[first + t]]
                    psi[t, j] = k
            t = end - first - 1
            k = 0
            for j in range(1, n):
                if delta[t & 1, j] > delta[t & 1, k]:
                    k = <int>j
            path[end - 1] = k
            for t in range(end - first - 1, 0, -1):
                k = psi[t, k]
                path[first + t - 1] = k
    return np.asarray(path)
