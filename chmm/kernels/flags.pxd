"""The processor's own record of whether anything underflowed in this thread.

To a compiler, arithmetic has no side effects: it may move a product past a read of the flag that the product would have
raised. So every read and every clear goes through `CHMM_FENCED`, which the compiler must take to use and to change
`total`, the number in which all arithmetic so far ends, and all of memory: what was computed before stays before, and
what is computed from either afterwards stays after.
"""

cdef extern from *:
    """
    #include <stdlib.h>
    #include <string.h>
    #if defined(__GNUC__) || defined(__clang__)
      #define CHMM_FENCE(total) __asm__ volatile("" : "+m"(total) : : "memory")
    #else
      #define CHMM_FENCE(total) (*(volatile double*) &(total) = *(volatile double*) &(total))
    #endif
    #define CHMM_FENCED(total, statement) do { CHMM_FENCE(total); statement; CHMM_FENCE(total); } while (0)

    /* On x86, operands below the normal range count as well: powers of two get there without rounding, which no
       standard flag reports. Elsewhere see CHMM_ROW_TOP in simd.pxd. */
    #if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
      #include <xmmintrin.h>
      #define CHMM_UNDERFLOW 0x12u
      #define CHMM_READ() (_mm_getcsr() & CHMM_UNDERFLOW)
      #define CHMM_CLEAR() _mm_setcsr(_mm_getcsr() & ~CHMM_UNDERFLOW)
    #else
      #include <fenv.h>
      #define CHMM_READ() fetestexcept(FE_UNDERFLOW)
      #define CHMM_CLEAR() feclearexcept(FE_UNDERFLOW)
    #endif

    static CYTHON_INLINE int chmm_underflow_raised(double* total) {
      int raised;
      CHMM_FENCED(*total, raised = CHMM_READ() != 0);
      return raised;
    }
    static CYTHON_INLINE void chmm_clear_underflow(double* total) {
      CHMM_FENCED(*total, if (CHMM_READ()) CHMM_CLEAR());
    }

    /* Emulators and flush-to-zero modes may not raise the flag: then every sequence is certified. Valgrind raises none
       either, and is used to count instructions: CHMM_TRUST_FLAGS=1 says to believe it. */
    static int chmm_flags_work(void) {
      volatile double small = 1e-200;
      double square = small, tinier;
      chmm_clear_underflow(&square);
      square *= small;
      int raised = chmm_underflow_raised(&square);
      chmm_clear_underflow(&square);
      tinier = small * 1e-110;
      const char* trusted = getenv("CHMM_TRUST_FLAGS");
      return (raised && square == 0 && tinier > 0) || (trusted && !strcmp(trusted, "1"));
    }
    """
    bint underflow_raised "chmm_underflow_raised"(double* total) noexcept nogil
    void clear_underflow "chmm_clear_underflow"(double* total) noexcept nogil
    bint flags_work "chmm_flags_work"() noexcept nogil
