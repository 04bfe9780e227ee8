"""One peer does one piece of work, in the peers' Python: a JSON job on stdin, one JSON line out.

A process of its own, so that a crash, a hang or a leak costs one cell of the report.
"""

import json
import sys
import time

from timing import measure


def open_tool(name, text):
    # imported on demand: one tool's broken installation is not another's
    if name == "nextstat":
        from tool_nextstat import NextStat

        return NextStat(text)
    from tool_pyhf import PyhfJax

    return PyhfJax(text, {"pyhf-jax-slsqp": "scipy", "pyhf-jax-minuit": "minuit"}[name])


def do(job):
    with open(job["workspace"], encoding="utf-8") as file:
        text = file.read()
    if job["kind"] == "throw":
        from judge import throw_main

        return throw_main(text, job["toys"], job["seed"])
    if job["kind"] == "judge":
        from judge import judge

        return judge(text, job["points"])
    if job["kind"] == "read toys":
        from judge import read_toys

        return read_toys(job["archive"], job["toys"])
    if job["kind"] == "minimize":
        from tool_pyhf import minimize

        return minimize(text, job["data"])
    start = time.process_time()
    tool = open_tool(job["tool"], text)
    result = {"build_cpu": time.process_time() - start}
    limits = {"repeats": job["repeats"], "seconds": job["seconds"]}
    if job["kind"] == "evaluate":
        result |= measure(lambda _: tool.evaluate(), **limits)
        value, gradient = tool.evaluate()
        result["twice_nll"] = value
        result["gradient_norm"] = sum(float(g) ** 2 for g in gradient) ** 0.5
    elif job["kind"] == "fit":
        last = {}
        result |= measure(lambda _: last.update(fit=tool.fit()), **limits)
        result["covariance"] = tool.covariance
        result["fits"] = [tool.answer(last["fit"])]
    elif job["kind"] == "toys":
        n, converged = job["toys"], []
        timing = measure(lambda i: converged.append(tool.toys(n, seed=i + 1)), **limits)
        for key in ("cpu", "wall", "first_cpu"):
            timing[key] /= n
        result |= timing
        result["aux_toys"] = tool.aux_toys
        result["unconverged"] = n * len(converged) - sum(converged)
        result["toys"] = n * len(converged)
        result["fits"] = [
            tool.answer(tool.fit_data(toy["main"], toy["aux"])) for toy in job["data"]
        ]
    elif job["kind"] in ("scan", "limit", "ranking", "cls-toys"):
        said = {}
        calls = {
            "scan": lambda i: tool.scan(job["values"]),
            "limit": lambda i: tool.limit(),
            "ranking": lambda i: tool.ranking(),
            "cls-toys": lambda i: tool.cls_toys(job["toys"], seed=i + 1),
        }
        call = calls[job["kind"]]
        result |= measure(lambda i: said.update(answer=call(i)), **limits)
        result["answer"] = said["answer"]
        if job["kind"] == "cls-toys":
            for key in ("cpu", "wall", "first_cpu"):
                result[key] /= 2 * job["toys"]  # a toy
            result["aux_toys"] = tool.aux_toys
    return result


if __name__ == "__main__":
    answer = do(json.load(sys.stdin))
    print(json.dumps(answer))
