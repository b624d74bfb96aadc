"""Several sandboxes side by side, one thread each: jobs in, results out in the same order, memory bounded."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from types import TracebackType
from typing import Self, TypeVar

from medsift.sandbox import Limits, Sandbox

J = TypeVar("J")
R = TypeVar("R")
LEAST_AHEAD = 2  # jobs under way or waiting to be taken, for each sandbox


class Workers:
    """`count` warm sandboxes; a context manager that ends their children."""

    def __init__(self, count: int, limits: Limits | None = None) -> None:
        self._sandboxes = [Sandbox(limits) for _ in range(max(1, count))]
        self._free: SimpleQueue[Sandbox] = SimpleQueue()
        for sandbox in self._sandboxes:
            self._free.put(sandbox)
        self._pool = ThreadPoolExecutor(len(self._sandboxes), thread_name_prefix="decode")

    def map(self, work: Callable[[Sandbox, J], R], jobs: Iterable[J], ahead: int = 0) -> Iterator[R]:
        """`work(sandbox, job)` for each job, in order; jobs are drawn only as results are taken.

        `ahead`: so many results may wait, for who takes them in batches and is busy between.
        """
        most = max(ahead, LEAST_AHEAD * len(self._sandboxes))
        under_way: deque[Future[R]] = deque()
        try:
            for job in jobs:
                under_way.append(self._pool.submit(self._do, work, job))
                if len(under_way) > most:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()

    def close(self) -> None:
        """End all children; what is under way ends with them."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for sandbox in self._sandboxes:
            sandbox.kill()
        self._pool.shutdown()
        for sandbox in self._sandboxes:
            sandbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _do(self, work: Callable[[Sandbox, J], R], job: J) -> R:
        sandbox = self._free.get()
        try:
            return work(sandbox, job)
        finally:
            self._free.put(sandbox)
