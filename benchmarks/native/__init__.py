"""Compiles the two Cython files here into a folder outside the checkout. They are no part of the package."""

import platform
import sys
from contextlib import redirect_stdout
from pathlib import Path

HERE = Path(__file__).parent
THIS_CORE = "-mcpu=native" if platform.machine() == "arm64" else "-march=native"
FLAGS = {"textbook_hmm": ["-O3"], "fma_peak": ["-O3", THIS_CORE]}


def compile_all(directory):
    """The names of the modules that could be compiled into `directory`; the rest is complained about."""
    built = []
    for name, flags in FLAGS.items():
        try:
            compile_one(name, flags, directory)
            built.append(name)
        except (Exception, SystemExit) as error:  # distutils' compiler errors are of either kind
            print(f"{name}.pyx was not compiled, the benchmark goes on without it: {error}", file=sys.stderr)
    return built


def compile_one(name, flags, directory):
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension

    extension = Extension(name, [str(HERE / f"{name}.pyx")], extra_compile_args=flags)
    with redirect_stdout(sys.stderr):
        modules = cythonize([extension], build_dir=str(directory), quiet=True, language_level=3)
        command = Distribution({"ext_modules": modules}).get_command_obj("build_ext")
        command.build_lib = command.build_temp = str(directory)
        command.ensure_finalized()
        command.run()
