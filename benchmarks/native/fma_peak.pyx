"""The most multiply-adds one core can do: twelve independent chains of vector FMAs, more than its latency needs."""

import time

cdef extern from *:
    """
    #if defined(__AVX512F__)
      #define WIDE 64
    #elif defined(__AVX__)
      #define WIDE 32
    #else
      #define WIDE 16
    #endif

    #define FMA_CHAINS(NAME, BYTES)                                                            \\
      typedef double NAME##_lanes __attribute__((vector_size(BYTES)));                         \\
      static double NAME(long rounds, double factor, double term) {                            \\
        const NAME##_lanes zero = {0}, x = zero + factor, y = zero + term;                     \\
        /* each starts elsewhere, or the compiler would see that all are one */                \\
        NAME##_lanes a = y * 1, b = y * 2, c = y * 3, d = y * 4, e = y * 5, f = y * 6, g = y * 7, h = y * 8, \\
          i = y * 9, j = y * 10, k = y * 11, l = y * 12;                                       \\
        while (rounds--) {                                                                     \\
          a = a * x + y; b = b * x + y; c = c * x + y; d = d * x + y; e = e * x + y; f = f * x + y; \\
          g = g * x + y; h = h * x + y; i = i * x + y; j = j * x + y; k = k * x + y; l = l * x + y; \\
        }                                                                                      \\
        a += b + c + d + e + f + g + h + i + j + k + l;                                        \\
        return a[0];                                                                           \\
      }
    FMA_CHAINS(chains_wide, WIDE)
    FMA_CHAINS(chains_256, (WIDE < 32 ? WIDE : 32))
    """
    enum:
        WIDE
    double chains_wide(long rounds, double factor, double term) nogil
    double chains_256(long rounds, double factor, double term) nogil


def peak(repeats=20, rounds=200_000):
    """{bits of a vector: GFLOP/s} of this core, for its widest vectors and for those of at most 256 bits."""
    return {min(WIDE, 32) * 8: gflops(False, repeats, rounds), WIDE * 8: gflops(True, repeats, rounds)}


cdef double gflops(bint wide, int repeats, long rounds):
    cdef int lanes = (WIDE if wide else min(WIDE, 32)) // 8
    cdef double result
    best = float("inf")
    for _ in range(repeats):
        start = time.thread_time()
        result = chains_wide(rounds, 0.999, 1e-3) if wide else chains_256(rounds, 0.999, 1e-3)
        best = min(best, time.thread_time() - start)
        if result != result:
            raise ArithmeticError("the chains gave NaN")
    return 12 * 2 * lanes * rounds / best / 1e9
