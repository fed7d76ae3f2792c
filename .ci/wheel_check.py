"""wheel_check.py SDIST WHEEL: do they contain what they should, and nothing else?"""

import re
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import PurePosixPath

MAX_BYTES = 4_000_000  # against accidents: modules and Python files take about three quarters of it
COMPILED = (".so", ".pyd")


def main(sdist, wheel):
    complaints = check_sdist(sdist) + check_wheel(wheel, sdist)
    ours = contents(wheel)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    print(f"{len(ours)} files in the wheel, {sum(ours.values()):,} bytes unpacked")
    sys.exit(bool(complaints))


def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {info.filename: info.file_size for info in archive.infolist() if not info.is_dir()}


def sources(sdist):
    with tarfile.open(sdist) as archive:
        return [name.split("/", 1)[1] for name in archive.getnames() if "/" in name]


def check_wheel(wheel, sdist):
    files = contents(wheel)
    complaints = [f"{wheel} contains {name}" for name in files if not belongs(name)]
    compiled = {name.split(".")[0] for name in files if name.endswith(COMPILED)}
    wanted = [name for name in sources(sdist) if re.fullmatch(r"chmm/.*\.(py|pyx|typed)", name)]
    for name in wanted:
        if name not in files and name.removesuffix(".pyx") not in compiled:
            complaints.append(f"{wheel} lacks {name}, or what it compiles to")
    if not any(re.search(r"dist-info/.*LICENSE$", name) for name in files):
        complaints.append(f"{wheel} lacks LICENSE")
    if sum(files.values()) > MAX_BYTES:
        complaints.append(f"{wheel} takes {sum(files.values()):,} bytes unpacked, more than {MAX_BYTES:,}")
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(name for name in files if name.endswith("dist-info/METADATA"))
        requires = Parser().parsestr(archive.read(metadata).decode()).get_all("Requires-Dist") or []
    required = [re.match(r"[\w.-]+", line)[0].lower() for line in requires if "extra ==" not in line]
    if required != ["numpy"]:
        complaints.append(f"{wheel} requires {required}, not numpy alone")
    return complaints


def belongs(name):
    path = PurePosixPath(name)
    inside = path.parts[0] == "chmm" or re.fullmatch(r"chmm-[^/]*\.dist-info", path.parts[0])
    return inside and "tests" not in path.parts and path.suffix not in {".c", ".cpp", ".h", ".html", ".o", ".pyc"}


def check_sdist(sdist):
    names = sources(sdist)
    complaints = [f"{sdist} contains {n}" for n in names if n.endswith((".c", ".cpp", ".html", ".pyc", *COMPILED))]
    required = ["LICENSE", "README.md", "setup.py", "docs/emissions.md"]
    required += [r"chmm/kernels/\w+\.pyx", r"tests/test_\w+\.py"]
    for wanted in required:
        if not any(re.fullmatch(wanted, name) for name in names):
            complaints.append(f"{sdist} lacks {wanted}")
    return complaints


if __name__ == "__main__":
    main(*sys.argv[1:])
