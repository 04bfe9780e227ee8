"""What the numbers depend on besides the tools: processor, load, threads."""

import os
import platform
import re
from pathlib import Path

# one thread everywhere: ratios are per core
THREADS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "NPROC": "1",  # the size of XLA's thread pool
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}


def one_thread():
    return os.environ | THREADS


def load():
    """The 1-minute load average, where the system has one."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def processor():
    try:
        text = Path("/proc/cpuinfo").read_text()
        name = re.search(r"model name\s*: (.*)", text).group(1)
        flags = set(re.search(r"flags\s*: (.*)", text).group(1).split())
        return name + "".join(f", {f}" for f in ("avx2", "avx512f") if f in flags)
    except (OSError, AttributeError):
        return platform.processor() or platform.machine()


def describe():
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "threads_per_tool": 1,
        "load_at_start": load(),
    }


def last_line(text):
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:160] if lines else ""


def children_cpu():
    """CPU seconds of all commands run so far; 0 where the system does not count them."""
    times = os.times()
    return times.children_user + times.children_system
