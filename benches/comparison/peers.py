"""The peers' own virtual environment, and one process of it for each piece of work."""

import json
import subprocess
import sys
import venv
from pathlib import Path

from . import machine
from .ours import Failed

HERE = Path(__file__).resolve().parent


class Peers:
    def __init__(self, folder):
        self.folder = folder
        windows = sys.platform == "win32"
        self.python = folder / "venv" / ("Scripts/python.exe" if windows else "bin/python")

    def install(self):
        """Once: the stamp holds the requirements that the environment was made from."""
        wanted = (HERE / "peers.txt").read_text()
        stamp = self.folder / "installed.txt"
        if stamp.is_file() and stamp.read_text() == wanted and self.python.is_file():
            return
        print("Installing the peers (once) ...", file=sys.stderr, flush=True)
        try:
            venv.create(self.folder / "venv", with_pip=True, clear=True)
        except subprocess.CalledProcessError:
            sys.exit("No virtual environment; on Debian: apt-get install python3-venv")
        command = [self.python, "-m", "pip", "install", "--quiet", "-r", HERE / "peers.txt"]
        if subprocess.run(command, check=False).returncode:
            sys.exit("The peers could not be installed; see pip's message above.")
        stamp.write_text(wanted)

    def do(self, limit, **job):
        try:
            done = subprocess.run(
                [self.python, HERE / "worker.py"],
                input=json.dumps(job),
                capture_output=True,
                text=True,
                timeout=limit,
                env=machine.one_thread(),
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Failed(f"over {limit:.0f} s") from error
        if done.returncode:
            raise Failed(machine.last_line(done.stderr) or f"exit status {done.returncode}")
        return json.loads(done.stdout.strip().splitlines()[-1])
