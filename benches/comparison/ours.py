"""Neyman through its command: timed in process by `neyman bench`, as the peers are in theirs."""

import json
import subprocess

from . import machine
from .work import SCAN


class Failed(Exception):
    """A tool gave no answer; the text goes into its cell."""


def build(root):
    done = subprocess.run(
        ["cargo", "build", "--release", "--locked", "--bin", "neyman"], cwd=root, check=False
    )
    if done.returncode:
        raise Failed("cargo build --release did not succeed")


class Neyman:
    def __init__(self, binary, scratch, limit):
        self.binary, self.scratch, self.limit = binary, scratch, limit
        self._benched = {}

    def version(self):
        try:
            return self._run("--version").strip() or "neyman, no version"
        except Failed as reason:
            return f"neyman: {reason}"

    def do(self, work, workspace, toys, repeats, data):
        """The same dictionary as worker.py gives for a peer."""
        try:
            if work.kind in ("scan", "limit", "ranking", "cls-toys"):
                return self._statement(work.kind, workspace, toys, repeats)
            benched = self._bench(workspace, toys, repeats)
            result = {"fits": [], "covariance": True, "aux_toys": True}
            if work.kind == "evaluate":
                point = self._json("eval", workspace, "--at", "init")["points"][0]
                result["cpu"] = benched["evaluate"]["cpu_seconds_per_call"]
                result["wall"] = benched["evaluate"].get("seconds_per_call")
                result["twice_nll"] = point["twice_nll"]
                result["gradient_norm"] = sum(g**2 for g in point["gradient"]) ** 0.5
            elif work.kind == "fit":
                fit = self._json("fit", workspace, "--json")
                result["cpu"] = benched["fit"]["cpu_seconds_per_call"]
                result["wall"] = benched["fit"].get("seconds_per_call")
                result["fits"] = [fitted(fit)]
            else:
                result["cpu"] = benched["toys"]["cpu_seconds_per_fit"]
                result["evaluations_mean"] = benched["toys"].get("evaluations_mean")
                result["wall"] = benched["toys"].get("seconds_per_fit")
                # the public command as a cross-check of the benchmark, and for its statuses
                run = self._json(
                    "toys", workspace, "--toys", toys, "--seed", 1, "--threads", 1, "--json"
                )
                result["cpu_of_toys_command"] = run["cpu_seconds"] / toys
                result["toys"], result["unconverged"] = toys, toys - run["converged"]
                result["device"] = run.get("device")
                result["fits"] = [self._fit_data(workspace, toy) for toy in data]
            return result
        except (KeyError, TypeError, IndexError) as error:
            raise Failed(f"unexpected JSON: {type(error).__name__} {error}") from error

    def _statement(self, kind, workspace, toys, repeats):
        result = {"covariance": True, "aux_toys": True}
        low, high, n = SCAN
        if kind == "cls-toys":
            arguments = ("--mu", 1, "--toys", toys, "--seed", 1, "--threads", 1, "--json")
            start = machine.children_cpu()
            found = self._json("cls", workspace, *arguments)
            result["cpu"] = (machine.children_cpu() - start) / (2 * toys)
            result["answer"] = f"CLs {found['cls_observed']:.5f} ± {found['cls_observed_error']:.5f}"
            return result
        grid = f"{low:g}:{high:g}:{n}"
        timed = self._json("bench", workspace, "--json", "--repeats", repeats, "--toys", 1,
                           "--threads", 1, "--statements", "--scan", grid)[kind]
        result["cpu"], result["wall"] = timed["cpu_seconds_per_call"], timed["seconds_per_call"]
        if kind == "scan":
            point = self._json("scan", workspace, "--mu", grid, "--json")["points"][1]
            result["answer"] = f"q at {point['mu']:g}: {point['delta_twice_nll']:.5f}"
        elif kind == "limit":
            limit = self._json("limit", workspace, "--json")
            result["answer"] = f"observed {limit['observed']:.5f}, median {limit['expected'][2]:.5f}"
        else:
            found = self._json("impacts", workspace, "--json")["parameters"]
            result["answer"] = f"{len(found)} parameters, first {found[0]['name']}"
        return result

    def timed_toys(self, workspace, n, archive):
        """The first toys of those that `bench` times, fits and data, into `archive`."""
        archive.unlink(missing_ok=True)
        toys = ("--toys", n, "--seed", 0, "--threads", 1, "--max-unconverged", 1)
        self._run("toys", workspace, *toys, "--with-data", "-o", archive, "--json")

    def tight_fit(self, workspace, toy):
        """Parameters by name: many starts, stopped only where rounding stops a fit."""
        path = self.scratch / "toy.json"
        path.write_text(json.dumps(toy["main"] + toy["aux"]))
        tight = ("--data", path, "--tolerance", 1e-13, "--json")
        # below the rounding of the likelihood a fit may stall: the judge says how good it is
        return fitted(self._json("fit", workspace, *tight, allowed=(0, 1)))["parameters"]

    def _bench(self, workspace, toys, repeats):
        key = (workspace, toys)
        if key not in self._benched:
            arguments = ["bench", workspace, "--json", "--repeats", repeats]
            self._benched[key] = self._json(*arguments, *(["--toys", toys] if toys else []))
        return self._benched[key]

    def _fit_data(self, workspace, toy):
        # a data file is one JSON list as pyhf has it: main data by sorted channels, then auxiliary
        path = self.scratch / "toy.json"
        path.write_text(json.dumps(toy["main"] + toy["aux"]))
        return fitted(self._json("fit", workspace, "--data", path, "--json"))

    def _json(self, *arguments, allowed=(0,)):
        text = self._run(*arguments, allowed=allowed)
        try:
            return json.loads(text)
        except ValueError as error:
            raise Failed(f"neyman {arguments[0]} printed no JSON") from error

    def _run(self, *arguments, allowed=(0,)):
        command = [str(part) for part in (self.binary, *arguments)]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=self.limit,
                env=machine.one_thread(),
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Failed(f"over {self.limit:.0f} s") from error
        except OSError as error:
            raise Failed(f"cannot start: {error.strerror}") from error
        if done.returncode not in allowed:
            raise Failed(machine.last_line(done.stderr) or f"exit status {done.returncode}")
        return done.stdout


def fitted(fit):
    parameters = fit["parameters"]
    return {
        "parameters": {p["name"]: p["value"] for p in parameters},
        "uncertainties": {p["name"]: p["uncertainty"] for p in parameters},
        "converged": fit["status"] == "converged",
    }
