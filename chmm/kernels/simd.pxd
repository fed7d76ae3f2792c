"""Vector registers by name, and the product that every dense recursion is made of.

`lanes` is a register full of doubles. A recursion is written once for any `lanes`; the compiler makes a copy for plain
doubles (tiny models, unknown compilers), one for `medium` registers (AVX2: four lanes; else two, which is NEON) and one
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
      #define CHMM_RARE __attribute__((noinline, cold))
      #define CHMM_VECTOR(bytes) __attribute__((vector_size(bytes), aligned(8), may_alias))
      /* lane by lane: a where the condition holds, else b */
      #define CHMM_SELECT(condition, a, b) ({ \
        __typeof__(condition) mask_ = (condition); __typeof__(a) a_ = (a), b_ = (b); \
        (__typeof__(a_)) (((__typeof__(mask_)) a_ & mask_) | ((__typeof__(mask_)) b_ & ~mask_)); })
      #define CHMM_LOWEST(a, limit) ({ __typeof__(a) limit_ = (__typeof__(a)) {0} + (limit); \
        CHMM_SELECT((a) < limit_, (a), limit_); })
      #define CHMM_SEEN(x, y) ((__typeof__(y)) ((__typeof__((x) == (x))) (y) & ((x) == (x))))
      #define CHMM_TO_BYTES(lanes, p) \
        (*(chmm_bytes*) (p) = __builtin_convertvector(__builtin_convertvector((lanes), chmm_ints), chmm_bytes))
    #else
      #define CHMM_INLINE
      #define CHMM_PLAIN
      #define CHMM_RARE
      #define CHMM_VECTOR(bytes)
      #define CHMM_SELECT(condition, a, b) ((condition) ? (a) : (b))
      #define CHMM_LOWEST(a, limit) ((a) < (limit) ? (a) : (limit))
      #define CHMM_SEEN(x, y) CHMM_SEEN_ONE(x, y)
      #define CHMM_TO_BYTES(lanes, p) (*(unsigned char*) (p) = (unsigned char) (int) (lanes))
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
    /* entry i of one register in all of its lanes: GCC takes a way around through halves, unless told to shuffle */
    #if defined(CHMM_X86) && !defined(__clang__)
      typedef long long chmm_places __attribute__((vector_size(sizeof(chmm_medium))));
      #define CHMM_SPREAD(s, i) __builtin_shuffle(*(s), (chmm_places) {0} + (i))
    #else
      #define CHMM_SPREAD(s, i) ((chmm_medium) {0} + ((const double*) (s))[i])
    #endif
    #define CHMM_SEEN_ONE(x, y) ((x) == (x) ? (y) : 0.0)
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
    ctypedef int inlined "CHMM_INLINE int"
    ctypedef int rarely "CHMM_RARE int"
    ctypedef double rare_double "CHMM_RARE double"
    # void: Cython declares a variable of any other type that is returned, and only functions have a target
    ctypedef void for_plain "CHMM_PLAIN void"
    ctypedef void for_medium "CHMM_MEDIUM void"
    ctypedef void for_wide "CHMM_WIDE void"
    ctypedef double* alone "double* CHMM_RESTRICT"
    int registers "chmm_registers"() noexcept nogil
    Py_ssize_t choose "CHMM_CHOOSE"(bint, Py_ssize_t, Py_ssize_t) noexcept nogil
    const double ROW_TOP "CHMM_ROW_TOP"
    const medium ZERO "CHMM_ZERO"
    medium select "CHMM_SELECT"(bint, medium, medium) noexcept nogil
    void to_bytes "CHMM_TO_BYTES"(medium, unsigned char*) noexcept nogil
    double smaller "CHMM_SMALLER"(double, double) noexcept nogil
    double larger "CHMM_LARGER"(double, double) noexcept nogil
    medium smaller_medium "CHMM_LOWEST"(medium, double) noexcept nogil
    wide smaller_wide "CHMM_LOWEST"(wide, double) noexcept nogil
    medium spread "CHMM_SPREAD"(const medium*, Py_ssize_t) noexcept nogil
    double seen_double "CHMM_SEEN_ONE"(double, double) noexcept nogil
    medium seen_medium "CHMM_SEEN"(medium, medium) noexcept nogil
    wide seen_wide "CHMM_SEEN"(wide, wide) noexcept nogil

ctypedef fused lanes:
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


cdef inline inlined tile(
    lanes* t,                   # OUT (columns,)
    Py_ssize_t columns,         # a literal 8, 4, 2 or 1: registers across
    Py_ssize_t k,
    const double* x,            # IN x[i * x_step]
    Py_ssize_t x_step,
    const lanes* m,             # IN m[i * m_step + a]
    Py_ssize_t m_step,
) noexcept nogil:
    """t[a] = sum_i x[i] m[i, a]: eight sums at a time, to hide the latency of the multiply-adds."""
    cdef Py_ssize_t i = 0, a, rows = 8 // columns
    cdef lanes sums[8]
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


cdef inline inlined tile_into(
    lanes* y, Py_ssize_t columns, Py_ssize_t k, const double* x, Py_ssize_t x_step, const lanes* m, Py_ssize_t m_step,
    Store store, const lanes* b, lanes* total,
) noexcept nogil:
    cdef Py_ssize_t a
    cdef lanes t[8]
    tile(t, columns, k, x, x_step, m, m_step)
    for a in range(columns):
        if store == WEIGH:
            t[a] *= b[a]
            total[0] += t[a]
        elif store == ADD:
            t[a] += y[a]
        y[a] = t[a]
    return 0


cdef inline inlined product(
    lanes* y,                   # OUT (vectors,)
    Py_ssize_t vectors,         # registers in a row of M
    Py_ssize_t k,               # rows of M
    const double* x,            # IN x[i * x_step], i < k
    Py_ssize_t x_step,
    const lanes* m,             # IN (k, vectors), by rows or in panels
    bint in_panels,             # a literal; see `pack`
    Store store,                # a literal
    const lanes* b,             # IN (vectors,) for WEIGH
    lanes* total,               # ADD one register for WEIGH
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


cdef inline inlined tiles_for_two(
    double** y,                 # OUT (2, columns)
    Py_ssize_t columns,         # a literal
    Py_ssize_t k,
    double** x,                 # IN (2, k)
    const lanes* m,             # IN m[i * 8 + a]
    Store store,
    const double** b,
    lanes* totals,
    Py_ssize_t j,               # registers before, in y and b
) noexcept nogil:
    """`tile_into` for two vectors: each register of M that is loaded serves both."""
    cdef Py_ssize_t i, a, c
    cdef lanes sums[16]
    for a in range(2 * columns):
        sums[a] = x[0][0] * m[0] * 0
    for i in range(k):
        for a in range(columns):
            sums[a] += x[0][i] * m[i * 8 + a]
            sums[columns + a] += x[1][i] * m[i * 8 + a]
    for c in range(2):
        for a in range(columns):
            if store == WEIGH:
                sums[c * columns + a] *= (<const lanes*> b[c])[j + a]
                totals[c] += sums[c * columns + a]
            (<lanes*> y[c])[j + a] = sums[c * columns + a]
    return 0


cdef inline inlined product_for_two(
    const lanes* kind, double** y, Py_ssize_t vectors, Py_ssize_t k, double** x, const double* m, Store store,
    const double** b, lanes* totals,
) noexcept nogil:
    """`product` of two vectors with one matrix in panels, to the same bits: a matrix that does not fit into the first
    cache is fetched once for both."""
    cdef const lanes* panel = <const lanes*> m
    cdef Py_ssize_t c, whole = vectors // 8 * 8, j = 0
    while j < whole:
        if lanes is wide:
            tiles_for_two(y, 8, k, x, panel, store, b, totals, j)
        else:                   # sixteen registers hold no more
            tiles_for_two(y, 4, k, x, panel, store, b, totals, j)
            tiles_for_two(y, 4, k, x, panel + 4, store, b, totals, j + 4)
        panel += 8 * k
        j += 8
    for c in range(2):
        product(
            <lanes*> y[c] + whole, vectors - whole, k, x[c], 1, panel, True, store, <const lanes*> b[c] + whole,
            &totals[c],
        )
    return 0


cdef inline inlined pack(
    const double* table,        # IN (n, width)
    double* panels,             # OUT (n * width,)
    Py_ssize_t n,
    Py_ssize_t width,
    Py_ssize_t lane,            # doubles in a register
) noexcept nogil:
    """A table in panels of 8 registers across, then of 4, 2 and 1, each row by row: the order in which `product` reads
    it. Read so, a table that lies in the second cache comes half as fast again as by whole rows."""
    cdef Py_ssize_t start = 0, across = 8 * lane, i, j
    while start < width:
        while start + across > width:
            across //= 2
        for i in range(n):
            for j in range(across):
                panels[start * n + i * across + j] = table[i * width + start + j]
        start += across
    return 0


cdef inline inlined outer_tile(
    lanes* y,                   # ADD (8 / columns, columns) of a matrix with `vectors` registers a row
    Py_ssize_t columns,         # a literal 2 or 1
    Py_ssize_t vectors,
    Py_ssize_t k,
    const double* x,            # IN x[s * x_step + row]
    Py_ssize_t x_step,
    const lanes* m,             # IN m[s * vectors + column]
) noexcept nogil:
    """y += x' m: each number that is loaded serves several products."""
    cdef Py_ssize_t s, a
    cdef lanes sums[8]
    for a in range(8):
        sums[a] = y[a // columns * vectors + a % columns]
    for s in range(k):
        for a in range(8):
            sums[a] += x[s * x_step + a // columns] * m[s * vectors + a % columns]
    for a in range(8):
        y[a // columns * vectors + a % columns] = sums[a]
    return 0


cdef inline inlined outer_product(
    lanes* y,                   # ADD (n, vectors)
    Py_ssize_t n,
    Py_ssize_t vectors,
    Py_ssize_t k,
    const double* x,            # IN (k, n), x_step apart
    Py_ssize_t x_step,
    const lanes* m,             # IN (k, vectors)
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


cdef inline inlined only_seen(const lanes* x, lanes* y) noexcept nogil:
    """y becomes 0 where x is NaN."""
    if lanes is double:
        y[0] = seen_double(x[0], y[0])
    elif lanes is medium:
        y[0] = seen_medium(x[0], y[0])
    else:
        y[0] = seen_wide(x[0], y[0])
    return 0


cdef inline inlined sum_lanes(const lanes* total, double* result) noexcept nogil:
    cdef const double* part = <const double*> total
    cdef Py_ssize_t a
    result[0] = part[0]
    for a in range(1, <Py_ssize_t> (sizeof(lanes) // sizeof(double))):
        result[0] += part[a]
    return 0
