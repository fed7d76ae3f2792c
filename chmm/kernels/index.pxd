"""The row that each step sees: an int, or a byte where an int for each step would take more memory than the data."""

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBuffer_Release, PyObject_GetBuffer

from .simd cimport inline_int

cdef struct Index:
    const int* ints
    const unsigned char* bytes      # the other is NULL


cdef inline int point_to(array, Index* index) except -1:
    """To an array (T,) of int32 or uint8, which the caller keeps alive. A typed argument would be of one type only."""
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, PyBUF_C_CONTIGUOUS)
    index.ints = <const int*> view.buf if view.itemsize > 1 else NULL
    index.bytes = <const unsigned char*> view.buf if view.itemsize == 1 else NULL
    PyBuffer_Release(&view)
    return 0


cdef inline inline_int row_of(const Index* index, Py_ssize_t t) noexcept nogil:
    """The row that step t sees."""
    return index.ints[t] if index.bytes == NULL else index.bytes[t]


cdef inline inline_int row_in(const Index* index, bint bytes, Py_ssize_t t) noexcept nogil:
    """The same for loops that are compiled for either type: `bytes` is a literal."""
    return index.bytes[t] if bytes else index.ints[t]


cdef inline inline_int look_from(const Index* index, Py_ssize_t t, Index* part) noexcept nogil:
    """The index from step t on."""
    part.ints = NULL if index.ints == NULL else index.ints + t
    part.bytes = NULL if index.bytes == NULL else index.bytes + t
    return 0
