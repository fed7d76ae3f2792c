"""Compile the kernels; everything else about the package stands in pyproject.toml."""

import sys

from Cython.Build import cythonize
from setuptools import Extension, setup

OPTIMISE = ["/O2"] if sys.platform == "win32" else ["-O3", "-g0", "-Wno-attributes"]
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "embedsignature": True,
}
# comparisons as vectors; not in forward_backward, which asks the processor whether anything underflowed
NO_TRAPS = [] if sys.platform == "win32" else ["-fno-trapping-math"]
# what is a vector there says so: doubles put into vectors unasked go through memory, step after step; and tables are
# read in the order in which they lie: out of it, reading from the second cache takes up to 1.8 times as long
AS_WRITTEN = [] if sys.platform == "win32" else ["-fno-tree-slp-vectorize", "-fno-schedule-insns2"]
KERNELS = {
    "rows": NO_TRAPS,
    "gaussian": [],
    "forward_backward": AS_WRITTEN,
    "log_space": NO_TRAPS,
    "viterbi": NO_TRAPS,
    "counting": [],
    "sampling": [],
    "status": [],
}

SHARED = "chmm.kernels._cython"  # Cython's own code for memoryviews, once instead of in every module

setup(
    options={"build_ext": {"parallel": True}},  # one module on each core
    ext_modules=cythonize(
        [Extension(SHARED, [], extra_compile_args=OPTIMISE)]
        + [
            Extension(f"chmm.kernels.{name}", [f"chmm/kernels/{name}.pyx"], extra_compile_args=OPTIMISE + flags)
            for name, flags in KERNELS.items()
        ],
        compiler_directives=DIRECTIVES,
        shared_utility_qualified_name=SHARED,
        build_dir="build/cython",
    )
)
