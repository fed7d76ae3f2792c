"""What became of a sequence, or of a call: one enumeration for all kernels. Python reads it from `chmm.kernels.status`."""

cpdef enum Status:
    OK
    IMPOSSIBLE          # P(O) = 0 by `step`
    INEXACT             # scaled doubles cannot hold it: needs log space
    STOPPED             # `stop` was set
    NO_MEMORY
