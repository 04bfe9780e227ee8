"""CPU and wall seconds of one piece of work: medians over repeats, after one warm-up call."""

import statistics
import time


def measure(work, repeats, seconds, shortest=0.2):
    """`work(i)` is called with a running number, so that toys can take another seed each time.

    CPU seconds are those of the whole process, user and system, all threads: on a shared machine
    wall seconds tell of the neighbours. Short work is repeated within a sample until the sample is
    longer than the clock's grain; long work is repeated only while `seconds` last.
    """
    begin = time.perf_counter()
    counter = 0

    def sample(calls):
        nonlocal counter
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(calls):
            work(counter)
            counter += 1
        return (time.process_time() - cpu) / calls, (time.perf_counter() - wall) / calls

    first_cpu, _ = sample(1)  # compilation, thread pools, page faults: told apart, not averaged in
    calls = 1
    cpu, wall = sample(calls)
    while cpu * calls < shortest:
        calls = min(max(calls * 2, round(shortest / max(cpu, 1e-9))), calls * 100)
        cpu, wall = sample(calls)
    samples = [(cpu, wall)]
    while len(samples) < repeats and time.perf_counter() - begin < seconds:
        samples.append(sample(calls))
    return {
        "cpu": statistics.median(cpu for cpu, _ in samples),
        "wall": statistics.median(wall for _, wall in samples),
        "first_cpu": first_cpu,
        "samples": len(samples),
        "calls_per_sample": calls,
    }
