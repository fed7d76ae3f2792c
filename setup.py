"""Compile the kernels; everything else about the package is in pyproject.toml."""

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
# Vectorises comparisons. Not in forward_backward, which reads the processor's flags.
NO_TRAPS = [] if sys.platform == "win32" else ["-fno-trapping-math"]
# Vectorisation is explicit there: SLP would spill to memory at every step. Instruction scheduling is off because
# reading tables out of order takes up to 1.8 times as long from the second-level cache.
AS_WRITTEN = [] if sys.platform == "win32" else ["-fno-tree-slp-vectorize", "-fno-schedule-insns2"]
KERNELS = {
    "forward_backward": AS_WRITTEN,  # first, since it takes longest
    "rows": NO_TRAPS,
    "gaussian": [],
    "log_space": NO_TRAPS,
    "viterbi": NO_TRAPS,
    "stream": NO_TRAPS,
    "posterior_paths": NO_TRAPS,
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
