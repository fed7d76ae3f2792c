"""Status of a sequence after a kernel call: OK, IMPOSSIBLE, INEXACT, STOPPED or NO_MEMORY; see status.pxd."""
