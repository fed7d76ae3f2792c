"""Neumaier's compensated sum: exact to an ulp or so, however many numbers are added."""

from libc.math cimport fabs

from .simd cimport inline_int

cdef struct Sum:
    double total
    double compensation     # what rounding took from the total


cdef inline inline_int add(Sum* sum, double x) noexcept nogil:
    cdef double after = sum.total + x
    if fabs(sum.total) >= fabs(x):
        sum.compensation += (sum.total - after) + x
    else:
        sum.compensation += (x - after) + sum.total
    sum.total = after
    return 0
