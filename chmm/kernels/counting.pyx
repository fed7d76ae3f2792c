"""Tallies of labelled sequences, and the coding of integers."""

ctypedef fused integer:
    const signed char
    const unsigned char
    const short
    const unsigned short
    const int
    const unsigned int
    const long long
    const unsigned long long

ctypedef fused state:
    const int
    const Py_ssize_t

ctypedef fused row:
    const int
    const unsigned char


def encode(
    integer[::1] values,                    # IN (T,)
    long long n_symbols,
    int[::1] index,                         # OUT (T,)
):
    """Cast integers to codes. The first position outside 0 ... n_symbols - 1, or -1."""
    cdef Py_ssize_t t, first = -1
    cdef unsigned long long value, last = n_symbols - 1, bad = 0
    with nogil:
        for t in range(values.shape[0]):
            value = values[t]                   # a negative number becomes a huge one
            bad |= value | (last - value)       # the top bit says value > last (SIMD has no unsigned 64-bit compare)
            index[t] = <int> value
        if bad >> 63:
            for t in range(values.shape[0]):
                if <unsigned long long> values[t] > last:
                    first = t
                    break
    return first


def mark(
    integer[::1] values,                    # IN (T,), all in low ... low + K - 1
    unsigned long long low,                 # modulo 2^64, as all differences here
    unsigned char[::1] seen,                # OUT (K,): 1 where a value occurs
):
    """Which integers occur."""
    cdef Py_ssize_t t
    with nogil:
        for t in range(values.shape[0]):
            seen[<unsigned long long> values[t] - low] = 1


def look_up(
    const unsigned int[::1] points,         # IN (T,): code points
    const int[::1] table,                   # IN: code of each point, -1 where there is none
    int[::1] index,                         # OUT (T,)
):
    """Code characters by table. The first position without a code, or -1."""
    cdef Py_ssize_t t, n_bad = 0, first = -1
    cdef unsigned int size = <unsigned int> table.shape[0]
    with nogil:
        for t in range(points.shape[0]):
            index[t] = table[points[t]] if points[t] < size else -1
            n_bad += index[t] < 0
        if n_bad:
            for t in range(points.shape[0]):
                if index[t] < 0:
                    first = t
                    break
    return first


def characters(
    const unsigned char[:, ::1] strings,    # IN (T, 16): elements of NumPy's StringDType, laid out as in NEP 55
    unsigned int[::1] points,               # OUT (T,): code points
):
    """Decode strings of one character. False if any is something else: longer, empty, missing, or laid out otherwise.

    A string of up to 15 bytes of UTF-8 is in place; the last byte holds 6 for that, and the number of bytes.
    """
    cdef Py_ssize_t t
    cdef const unsigned char* s
    cdef bint single = True
    with nogil:
        for t in range(strings.shape[0]):
            s = &strings[t, 0]
            if s[15] == 0x61 and s[0] < 0x80:
                points[t] = s[0]
            elif s[15] == 0x62 and s[0] >> 5 == 0b110:
                points[t] = (s[0] & 0x1F) << 6 | s[1] & 0x3F
            elif s[15] == 0x63 and s[0] >> 4 == 0b1110:
                points[t] = (s[0] & 0x0F) << 12 | (s[1] & 0x3F) << 6 | s[2] & 0x3F
            elif s[15] == 0x64 and s[0] >> 3 == 0b11110:
                points[t] = (s[0] & 0x07) << 18 | (s[1] & 0x3F) << 12 | (s[2] & 0x3F) << 6 | s[3] & 0x3F
            else:
                single = False
                break
    return single


def count(
    state[::1] states,                      # IN (T,)
    row[::1] index,                         # IN (T,)
    const long long[::1] bounds,            # IN (S + 1,)
    const double[::1] weight,               # IN (S,) or None
    int[::1] stop,
    double[::1] start,                      # ADD (N,)
    double[:, ::1] trans,                   # ADD (N, N)
    double[:, ::1] weights,                 # ADD (R, N)
):
    """Count first states, transitions within sequences, and states by row. True if it was stopped."""
    cdef Py_ssize_t s, t, end
    cdef double w
    cdef Py_ssize_t before, now
    cdef volatile int* flag = &stop[0]
    with nogil:
        for s in range(bounds.shape[0] - 1):
            if flag[0]:
                break
            t = bounds[s]
            end = bounds[s + 1]
            if t == end:
                continue
            w = 1 if weight is None else weight[s]
            before = states[t]
            start[before] += w
            weights[index[t], before] += w
            for t in range(t + 1, end):
                now = states[t]
                trans[before, now] += w
                weights[index[t], now] += w
                before = now
                if t % 1048576 == 0 and flag[0]:
                    break
    return flag[0] != 0
