"""Vector registers by name, and the product that every dense recursion is made of.

`vector` is a register full of doubles. A recursion is written once for any `vector`; the compiler makes a copy for plain
doubles (tiny models, unknown compilers), one for `medium` registers (AVX2: four vector; else two, which is NEON) and one
for `wide` ones (AVX-512: eight). Which copy runs is chosen when the program runs, so one wheel serves every processor.
"""

cdef extern from *:
    """
    #include <math.h>
    #include <stdlib.h>
    #include <string.h>
    #if defined(__GNUC__) || defined(__clang__)
      #define CHMM_INLINE __attribute__((always_inline))
      #define CHMM_PLAIN __attribute__((noinline))
      #define CHMM_COLD __attribute__((noinline, cold))
      #define CHMM_VECTOR(bytes) __attribute__((vector_size(bytes), aligned(8), may_alias))
      /* lane by lane: a where the condition holds, else b */
      #define CHMM_SELECT(condition, a, b) ({ \
        __typeof__(condition) mask_ = (condition); __typeof__(a) a_ = (a), b_ = (b); \
        (__typeof__(a_)) (((__typeof__(mask_)) a_ & mask_) | ((__typeof__(mask_)) b_ & ~mask_)); })
      #define CHMM_SMALLER_EACH(a, limit) ({ __typeof__(a) limit_ = (__typeof__(a)) {0} + (limit); \
        CHMM_SELECT((a) < limit_, (a), limit_); })
      #define CHMM_NOT_NAN(x, y) ((__typeof__(y)) ((__typeof__((x) == (x))) (y) & ((x) == (x))))
      #define CHMM_TO_BYTES(v, p) \
        (*(chmm_bytes*) (p) = __builtin_convertvector(__builtin_convertvector((v), chmm_ints), chmm_bytes))
    #else
      #define CHMM_INLINE
      #define CHMM_PLAIN
      #define CHMM_COLD
      #define CHMM_VECTOR(bytes)
      #define CHMM_SELECT(condition, a, b) ((condition) ? (a) : (b))
      #define CHMM_SMALLER_EACH(a, limit) ((a) < (limit) ? (a) : (limit))
      #define CHMM_NOT_NAN(x, y) CHMM_NOT_NAN_ONE(x, y)
      #define CHMM_TO_BYTES(v, p) (*(unsigned char*) (p) = (unsigned char) (int) (v))
    #endif
    #if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
      #define CHMM_X86
      #define CHMM_ROW_TOP 1.0
      #define CHMM_MEDIUM __attribute__((noinline, target("avx2,fma")))
      #ifdef __clang__
        #define CHMM_WIDE __attribute__((noinline, target("avx512f,avx512vl,avx512dq,avx2,fma")))
      #else
        #define CHMM_WIDE __attribute__((noinline, \
          target("avx512f,avx512vl,avx512dq,avx2,fma,prefer-vector-width=512")))
      #endif
      typedef double chmm_medium CHMM_VECTOR(32);
      static int chmm_best(void) {
        __builtin_cpu_init();
        if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
          && __builtin_cpu_supports("avx512dq") ? 2 : 1;
      }
    #else
      /* The largest entry of a row. A hair below 1, nothing stays a power of two: those fall below the normal range
         without rounding, which no flag reports here. */
      #define CHMM_ROW_TOP 0.99999999999999989
      #define CHMM_MEDIUM CHMM_PLAIN
      #define CHMM_WIDE CHMM_PLAIN
      typedef double chmm_medium CHMM_VECTOR(16);
      static int chmm_best(void) { return sizeof(chmm_medium) > sizeof(double); }
    #endif
    typedef double chmm_wide CHMM_VECTOR(64);
    #if defined(__GNUC__) || defined(__clang__)
      typedef int chmm_ints __attribute__((vector_size(sizeof(chmm_medium) / 2)));
      typedef unsigned char chmm_bytes __attribute__((vector_size(sizeof(chmm_medium) / 8), aligned(1), may_alias));
    #endif
    /* Entry i of a register in all of its lanes. GCC goes through half registers unless it is given an explicit
       shuffle. */
    #if defined(CHMM_X86) && !defined(__clang__)
      typedef long long chmm_places __attribute__((vector_size(sizeof(chmm_medium))));
      #define CHMM_BROADCAST(s, i) __builtin_shuffle(*(s), (chmm_places) {0} + (i))
    #else
      #define CHMM_BROADCAST(s, i) ((chmm_medium) {0} + ((const double*) (s))[i])
    #endif
    #define CHMM_NOT_NAN_ONE(x, y) ((x) == (x) ? (y) : 0.0)
    #define CHMM_RESTRICT CYTHON_RESTRICT
    #define CHMM_ZERO ((chmm_medium) {0})
    #define CHMM_LARGER(a, b) ((a) > (b) ? (a) : (b))
    #define CHMM_SMALLER(a, b) ((a) < (b) ? (a) : (b))
    /* without a branch, which noise would mispredict every other time */
    #define CHMM_CHOOSE(condition, a, b) ((b) ^ (((a) ^ (b)) & -(Py_ssize_t) (condition)))

    /* 0 plain, 1 medium, 2 wide: the best this processor has, or less where the environment says so (for tests). */
    static int chmm_registers(void) {
      const char* wanted = getenv("CHMM_REGISTERS");
      int best = chmm_best();
      if (wanted && !strcmp(wanted, "plain")) return 0;
      if (wanted && !strcmp(wanted, "medium") && best > 1) return 1;
      return best;
    }
    """
    # Distinct types to Cython, which makes a copy of a function for each; all are doubles to the C compiler.
    ctypedef float medium "chmm_medium"
    ctypedef long double wide "chmm_wide"
    ctypedef int inline_int "CHMM_INLINE int"
    ctypedef int cold_int "CHMM_COLD int"
    ctypedef double cold_double "CHMM_COLD double"
    # These return void: for any other return type Cython declares a temporary, and `target` is not allowed on variables.
    ctypedef void for_plain "CHMM_PLAIN void"
    ctypedef void for_medium "CHMM_MEDIUM void"
    ctypedef void for_wide "CHMM_WIDE void"
    ctypedef double* restrict_ptr "double* CHMM_RESTRICT"
    int registers "chmm_registers"() noexcept nogil
    Py_ssize_t choose "CHMM_CHOOSE"(bint, Py_ssize_t, Py_ssize_t) noexcept nogil
    const double ROW_TOP "CHMM_ROW_TOP"
    const medium ZERO "CHMM_ZERO"
    medium select "CHMM_SELECT"(bint, medium, medium) noexcept nogil
    void to_bytes "CHMM_TO_BYTES"(medium, unsigned char*) noexcept nogil
    double smaller "CHMM_SMALLER"(double, double) noexcept nogil
    double larger "CHMM_LARGER"(double, double) noexcept nogil
    medium smaller_medium "CHMM_SMALLER_EACH"(medium, double) noexcept nogil
    wide smaller_wide "CHMM_SMALLER_EACH"(wide, double) noexcept nogil
    medium broadcast "CHMM_BROADCAST"(const medium*, Py_ssize_t) noexcept nogil
    double not_nan_double "CHMM_NOT_NAN_ONE"(double, double) noexcept nogil
    medium not_nan_medium "CHMM_NOT_NAN"(medium, medium) noexcept nogil
    wide not_nan_wide "CHMM_NOT_NAN"(wide, wide) noexcept nogil

ctypedef fused vector:
    double
    medium
    wide

cdef enum Store:
    SET     # y = x M
    ADD     # y += x M
    WEIGH   # y = b * (x M), and total += y


cdef inline Py_ssize_t padded(Py_ssize_t n) noexcept nogil:
    """Doubles from one row of a table to the next: n, rounded up to whole registers when n > 2."""
    cdef Py_ssize_t size = 1
    if n > 2 and registers():
        size = 4 if n <= 4 or n > 16 and registers() == 1 else 8
    return (n + size - 1) // size * size


cdef inline inline_int tile(
    vector* t,                  # OUT (columns,)
    Py_ssize_t columns,         # a literal 8, 4, 2 or 1: registers across
    Py_ssize_t k,
    const double* x,            # IN x[i * x_step]
    Py_ssize_t x_step,
    const vector* m,            # IN m[i * m_step + a]
    Py_ssize_t m_step,
) noexcept nogil:
    """t[a] = sum_i x[i] m[i, a]: eight sums at a time, to hide the latency of the multiply-adds."""
    cdef Py_ssize_t i = 0, a, rows = 8 // columns
    cdef vector sums[8]
    for a in range(8):
        sums[a] = x[0] * m[0] * 0
    while i + rows <= k:
        for a in range(8):
            sums[a] += x[(i + a // columns) * x_step] * m[(i + a // columns) * m_step + a % columns]
        i += rows
    while i < k:
        for a in range(columns):
            sums[a] += x[i * x_step] * m[i * m_step + a]
        i += 1
    if columns <= 4:
        for a in range(4):
            sums[a] += sums[a + 4]
    if columns <= 2:
        for a in range(2):
            sums[a] += sums[a + 2]
    if columns <= 1:
        sums[0] += sums[1]
    for a in range(columns):
        t[a] = sums[a]
    return 0


cdef inline inline_int tile_into(
    vector* y, Py_ssize_t columns, Py_ssize_t k, const double* x, Py_ssize_t x_step, const vector* m, Py_ssize_t m_step,
    Store store, const vector* b, vector* total,
) noexcept nogil:
    cdef Py_ssize_t a
    cdef vector t[8]
    tile(t, columns, k, x, x_step, m, m_step)
    for a in range(columns):
        if store == WEIGH:
            t[a] *= b[a]
            total[0] += t[a]
        elif store == ADD:
            t[a] += y[a]
        y[a] = t[a]
    return 0


cdef inline inline_int product(
    vector* y,                  # OUT (vectors,)
    Py_ssize_t vectors,         # registers in a row of M
    Py_ssize_t k,               # rows of M
    const double* x,            # IN x[i * x_step], i < k
    Py_ssize_t x_step,
    const vector* m,            # IN (k, vectors), by rows or in panels
    bint in_panels,             # a literal; see `pack`
    Store store,                # a literal
    const vector* b,            # IN (vectors,) for WEIGH
    vector* total,              # ADD one register for WEIGH
) noexcept nogil:
    """Vector times matrix, y = x M, row by row of M (so that no sum runs across lanes)."""
    cdef Py_ssize_t j = 0, down = k if in_panels else 1
    while j + 8 <= vectors:
        tile_into(y + j, 8, k, x, x_step, m + j * down, 8 if in_panels else vectors, store, b + j, total)
        j += 8
    if j + 4 <= vectors:
        tile_into(y + j, 4, k, x, x_step, m + j * down, 4 if in_panels else vectors, store, b + j, total)
        j += 4
    if j + 2 <= vectors:
        tile_into(y + j, 2, k, x, x_step, m + j * down, 2 if in_panels else vectors, store, b + j, total)
        j += 2
    if j < vectors:
        tile_into(y + j, 1, k, x, x_step, m + j * down, 1 if in_panels else vectors, store, b + j, total)
    return 0


cdef inline inline_int tile2(
    double** y,                 # OUT (2, columns)
    Py_ssize_t columns,         # a literal
    Py_ssize_t k,
    double** x,                 # IN (2, k)
    const vector* m,            # IN m[i * 8 + a]
    Store store,
    const double** b,
    vector* totals,
    Py_ssize_t j,               # registers before, in y and b
) noexcept nogil:
    """`tile_into` for two vectors: each register of M that is loaded serves both."""
    cdef Py_ssize_t i, a, c
    cdef vector sums[16]
    for a in range(2 * columns):
        sums[a] = x[0][0] * m[0] * 0
    for i in range(k):
        for a in range(columns):
            sums[a] += x[0][i] * m[i * 8 + a]
            sums[columns + a] += x[1][i] * m[i * 8 + a]
    for c in range(2):
        for a in range(columns):
            if store == WEIGH:
                sums[c * columns + a] *= (<const vector*> b[c])[j + a]
                totals[c] += sums[c * columns + a]
            (<vector*> y[c])[j + a] = sums[c * columns + a]
    return 0


cdef inline inline_int product2(
    const vector* kind, double** y, Py_ssize_t vectors, Py_ssize_t k, double** x, const double* m, Store store,
    const double** b, vector* totals,
) noexcept nogil:
    """`product` of two vectors with one matrix in panels, to the same bits: a matrix that does not fit into the first
    cache is fetched once for both."""
    cdef const vector* panel = <const vector*> m
    cdef Py_ssize_t c, whole = vectors // 8 * 8, j = 0
    while j < whole:
        if vector is wide:
            tile2(y, 8, k, x, panel, store, b, totals, j)
        else:                   # sixteen registers hold no more
            tile2(y, 4, k, x, panel, store, b, totals, j)
            tile2(y, 4, k, x, panel + 4, store, b, totals, j + 4)
        panel += 8 * k
        j += 8
    for c in range(2):
        product(
            <vector*> y[c] + whole, vectors - whole, k, x[c], 1, panel, True, store, <const vector*> b[c] + whole,
            &totals[c],
        )
    return 0


cdef inline inline_int pack(
    const double* table,        # IN (n, width)
    double* packed,             # OUT (n * width,)
    Py_ssize_t n,
    Py_ssize_t width,
    Py_ssize_t lane,            # doubles in a register
) noexcept nogil:
    """A table in panels: 8 registers across, then 4, 2 and 1, each row by row, which is the order in which `product`
    reads it. A table in the second-level cache is read half as fast again like this as by whole rows."""
    cdef Py_ssize_t start = 0, across = 8 * lane, i, j
    while start < width:
        while start + across > width:
            across //= 2
        for i in range(n):
            for j in range(across):
                packed[start * n + i * across + j] = table[i * width + start + j]
        start += across
    return 0


cdef inline inline_int outer_tile(
    vector* y,                  # ADD (8 / columns, columns) of a matrix with `vectors` registers a row
    Py_ssize_t columns,         # a literal 2 or 1
    Py_ssize_t vectors,
    Py_ssize_t k,
    const double* x,            # IN x[s * x_step + row]
    Py_ssize_t x_step,
    const vector* m,            # IN m[s * vectors + column]
) noexcept nogil:
    """y += x' m: each number that is loaded serves several products."""
    cdef Py_ssize_t s, a
    cdef vector sums[8]
    for a in range(8):
        sums[a] = y[a // columns * vectors + a % columns]
    for s in range(k):
        for a in range(8):
            sums[a] += x[s * x_step + a // columns] * m[s * vectors + a % columns]
    for a in range(8):
        y[a // columns * vectors + a % columns] = sums[a]
    return 0


cdef inline inline_int outer_product(
    vector* y,                  # ADD (n, vectors)
    Py_ssize_t n,
    Py_ssize_t vectors,
    Py_ssize_t k,
    const double* x,            # IN (k, n), x_step apart
    Py_ssize_t x_step,
    const vector* m,            # IN (k, vectors)
) noexcept nogil:
    """Matrix times matrix, y += x' m."""
    cdef Py_ssize_t i = 0, c
    while i + 8 <= n:
        c = 0
        while c + 2 <= vectors:
            outer_tile(y + i * vectors + c, 2, vectors, k, x + i, x_step, m + c)
            outer_tile(y + (i + 4) * vectors + c, 2, vectors, k, x + i + 4, x_step, m + c)
            c += 2
        if c < vectors:
            outer_tile(y + i * vectors + c, 1, vectors, k, x + i, x_step, m + c)
        i += 8
    while i < n:
        product(y + i * vectors, vectors, k, x + i, x_step, m, False, ADD, NULL, NULL)
        i += 1
    return 0


cdef inline inline_int zero_where_nan(const vector* x, vector* y) noexcept nogil:
    """y becomes 0 where x is NaN."""
    if vector is double:
        y[0] = not_nan_double(x[0], y[0])
    elif vector is medium:
        y[0] = not_nan_medium(x[0], y[0])
    else:
        y[0] = not_nan_wide(x[0], y[0])
    return 0


cdef inline inline_int sum_lanes(const vector* total, double* result) noexcept nogil:
    cdef const double* part = <const double*> total
    cdef Py_ssize_t a
    result[0] = part[0]
    for a in range(1, <Py_ssize_t> (sizeof(vector) // sizeof(double))):
        result[0] += part[a]
    return 0
