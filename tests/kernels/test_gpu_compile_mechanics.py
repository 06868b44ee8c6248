"""Every kernel file compiles for every GPU architecture we promise, within the budget its header commits to."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import phasewell_kernels
import pytest
from gpu_compilers import compile_file
from phasewell_kernels.limits import SHARED_BYTES

FOLDER = Path(phasewell_kernels.__file__).parent
ARCHITECTURES = (80, 90, 100, 120)
SOURCES = sorted(path.name for path in FOLDER.glob("*.cuh"))
STATIC_SHARED_BYTES = 48 * 1024  # what a compiler lets a kernel declare
# A called function puts away a few registers of its caller, once per call; compilers report that as a spill.
CALL_SAVED_BYTES = 64

# What a run-time compiler knows without headers, for a host compiler that reads the same text.
DEVICE_WORDS = """
#define __device__
#define __global__
#define __shared__
#define __constant__
#define __noinline__
#define __forceinline__ inline
#define __host__
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
struct Index { unsigned x, y, z; };
extern Index threadIdx, blockIdx, blockDim, gridDim;
void __syncthreads();
template <typename T> T atomicAdd(T*, T);
template <typename T> T atomicMin(T*, T);
template <typename T> T atomicMax(T*, T);
template <typename T> T atomicOr(T*, T);
template <typename T> T atomicAnd(T*, T);
template <typename T> T atomicExch(T*, T);
template <typename T> T atomicCAS(T*, T, T);
template <typename T> T __ldg(const T*);
int __ffsll(long long); int __ffs(int); int __popc(unsigned); int __popcll(unsigned long long); int __clz(int);
int __clzll(long long); unsigned __brev(unsigned); unsigned long long __brevll(unsigned long long);
int __mulhi(int, int); unsigned __umulhi(unsigned, unsigned); unsigned long long __umul64hi(unsigned long long,
unsigned long long);
double sqrt(double); double floor(double); float floorf(float); double log2(double); float sqrtf(float);
"""


def budgets(text: str) -> dict[str, tuple[int, int]]:
    """Return (registers, shared bytes) by entry point, from lines `// budget: ENTRY registers<=N smem<=BYTES`."""
    lines = re.findall(r"^// budget: (\w+) registers<=(\d+) smem<=(\d+)$", text, re.MULTILINE)
    return {name: (int(registers), int(shared)) for name, registers, shared in lines}


def entry_points(text: str) -> set[str]:
    return set(re.findall(r"^PW_KERNEL\s+(?:__launch_bounds__\(\d+(?:, \d+)?\)\s+)?(\w+)\(", text, re.MULTILINE))


WITH_ENTRY_POINTS = [name for name in SOURCES if "PW_KERNEL" in (FOLDER / name).read_text() and name != "grid.cuh"]


@pytest.mark.parametrize("name", WITH_ENTRY_POINTS)
def test_every_entry_point_has_a_budget(name: str) -> None:
    text = (FOLDER / name).read_text()
    assert entry_points(text), f"{name}: an entry point is written `PW_KERNEL [__launch_bounds__(N)] name(`"
    assert len(re.findall(r"^PW_KERNEL", text, re.MULTILINE)) == len(entry_points(text))
    assert set(budgets(text)) == entry_points(text)
    assert text.count("// budget:") == len(budgets(text)), "a budget line that is not in the agreed form"
    for registers, shared in budgets(text).values():
        assert registers <= 128, "512 threads of a block have 128 registers each"
        assert shared <= STATIC_SHARED_BYTES


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", WITH_ENTRY_POINTS)
def test_compiles_within_budget(name: str, architecture: int, tmp_path: Path) -> None:
    compiled = compile_file(FOLDER / name, architecture, tmp_path)
    if compiled is None:
        pytest.skip("neither nvcc nor nvidia-cuda-nvrtc is installed: kernels are not compiled for a GPU here")
    assert compiled.succeeded, compiled.log
    assert not compiled.warnings()
    usage, budget = compiled.usage(), budgets((FOLDER / name).read_text())
    assert set(budget) <= set(usage)
    for function, used in usage.items():
        allowed = 0 if function in budget else CALL_SAVED_BYTES
        assert used.spill_bytes <= allowed, f"{function} spills {used.spill_bytes} bytes"
    for entry, (registers, shared) in budget.items():
        assert 0 < usage[entry].registers <= registers, f"{entry}: {usage[entry].registers} registers"
        assert usage[entry].shared_bytes <= shared, f"{entry}: {usage[entry].shared_bytes} bytes of shared memory"
    assert architecture in SHARED_BYTES


@pytest.mark.parametrize("name", SOURCES)
def test_a_run_time_compiler_needs_no_headers(name: str, tmp_path: Path) -> None:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed: the text of a run-time compiler is not checked here")
    alone = tmp_path / "alone.cpp"
    alone.write_text(DEVICE_WORDS + f'#include "{FOLDER / name}"\n')
    without_headers = ["-nostdinc", "-nostdinc++", "-D__CUDACC_RTC__"]
    command = [compiler, "-std=c++17", "-fsyntax-only", "-w", *without_headers, str(alone)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
