"""What tests of divided statements share."""

import json
import threading
from concurrent.futures import Executor, ThreadPoolExecutor


def same(a, b):
    """To the bit: shortest texts of floats stand for one float each."""
    assert json.dumps(a.to_dict()) == json.dumps(b.to_dict())


class Flaky(Executor):
    """Threads whose tasks fail the first few times they are tried."""

    def __init__(self, failures, error=ConnectionResetError):
        self.pool, self.failures, self.error = ThreadPoolExecutor(2), failures, error
        self.submitted, self.lock = 0, threading.Lock()

    def submit(self, function, /, *arguments):
        def work():
            with self.lock:
                self.failures, fails = self.failures - 1, self.failures > 0
            if fails:
                raise self.error("the worker went away")
            return function(*arguments)

        self.submitted += 1
        return self.pool.submit(work)
