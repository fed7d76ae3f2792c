"""Hidden paths drawn from the model, from given uniform numbers."""

from cpython.exc cimport PyErr_CheckSignals

cdef enum:
    SIGNAL_STEPS = 1048576      # steps between two checks for Ctrl-C


cdef inline int draw(const double* cumulated, Py_ssize_t n, double u) noexcept nogil:
    """The first i with u < c[i], where c = cumulated probabilities: a state of probability 0 is never drawn."""
    cdef Py_ssize_t low = 0, high = n - 1, middle
    u *= cumulated[n - 1]
    while low < high:
        middle = (low + high) // 2
        if u < cumulated[middle]:
            high = middle
        else:
            low = middle + 1
    return <int> low


def sample_paths(
    const double[::1] start,                # IN (N,), cumulated
    const double[:, ::1] trans,             # IN (N, N), cumulated along rows
    const long long[::1] bounds,            # IN (S + 1,)
    const double[::1] uniforms,             # IN (T,)
    int[::1] path,                          # OUT (T,)
):
    """Paths of the Markov chain, one for each sequence. KeyboardInterrupt, if it comes, comes within milliseconds."""
    cdef Py_ssize_t s, t, n = start.shape[0]
    with nogil:
        for s in range(bounds.shape[0] - 1):
            for t in range(bounds[s], bounds[s + 1]):
                if t == bounds[s]:
                    path[t] = draw(&start[0], n, uniforms[t])
                else:
                    path[t] = draw(&trans[path[t - 1], 0], n, uniforms[t])
                if t % SIGNAL_STEPS == SIGNAL_STEPS - 1:
                    with gil:
                        PyErr_CheckSignals()
