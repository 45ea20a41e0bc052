"""Execute chapters: as many at once as the device allows, each in a kernel of its own."""

import ast
import asyncio
import copy
import json
import os
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from .chapters import Chapter
from .fingerprint import LIBRARY, device_kind

SLOW = 1.0  # seconds; a cell that takes longer gets a line of its own
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
LOADED = (
    "[f for m in list(__import__('sys').modules.values())"
    " if (f := getattr(m, '__file__', None)) and (m.__name__ + '.').startswith('{library}.')]"
)


@dataclass(frozen=True)
class Execution:
    """What came out of one chapter; ``failure`` is None if every cell succeeded."""

    notebook: Any
    seconds: float
    loaded: list[str] = field(default_factory=list)
    data: dict[str, str] = field(default_factory=dict)
    failure: str | None = None

    @property
    def cells(self) -> list[Any]:
        """The code cells with their outputs."""
        return [cell for cell in self.notebook.cells if cell.cell_type == "code"]


class BookKernel(AsyncKernelManager):
    """A kernel in the book's own Python, whatever `python3` means to Jupyter on this machine."""

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def at_once() -> int:
    """How many chapters run at the same time."""
    return 2 if device_kind() == "cpu" else 1


def kernel_environment(log: Path, home: Path) -> dict[str, str]:
    """The environment of a kernel: the same for every chapter, whoever runs beside it."""
    environment = dict(os.environ)
    environment.pop("MPLBACKEND", None)
    environment |= dict.fromkeys(THREADS, str(max(1, cores() // at_once())))
    environment["IPYTHONDIR"] = str(home)  # no start-up files of the person who builds
    environment["LIB_DATASETS_LOG"] = str(log)
    environment["LIB_BOOK_BUILD"] = "1"  # roles become links, and a wrong solution is an error
    return environment


class Pool:
    """The kernels that run now, so that an interrupt can end them all."""

    def __init__(self, root: Path, timeout: float, report: Callable[[str], None]) -> None:
        self.root, self.timeout, self.report = root, timeout, report
        self.stopping = threading.Event()
        self.live: set[NotebookClient] = set()

    def execute(self, chapter: Chapter) -> Execution:
        """Execute one chapter in this thread."""
        notebook = copy.deepcopy(chapter.notebook)
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            log = home / "datasets.jsonl"
            try:
                loaded = asyncio.run(self._run(chapter, notebook, kernel_environment(log, home)))
            except Exception as error:
                seconds = time.monotonic() - start
                return Execution(notebook, seconds, failure=explain(chapter, notebook, error))
            data = read_log(log)
        seconds = time.monotonic() - start
        self.report(f"{chapter.docname}: done in {seconds:.1f} s")
        return Execution(notebook, seconds, sorted(self._relative(loaded)), data)

    async def _run(self, chapter: Chapter, notebook: Any, env: dict[str, str]) -> list[str]:
        client = NotebookClient(
            notebook,
            timeout=self.timeout,
            kernel_manager_class=BookKernel,
            kernel_name="python3",
            allow_errors=False,
            force_raise_errors=True,
            record_timing=False,  # times in the cells would hide the record from myst-nb
            extra_arguments=["--log-level=50"],
        )
        cells = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
        self.live.add(client)
        try:
            async with client.async_setup_kernel(env=env, cwd=str(self.root)):
                for number, index in enumerate(cells, start=1):
                    if self.stopping.is_set():
                        raise InterruptedError("the build was interrupted")
                    start = time.monotonic()
                    await client.async_execute_cell(notebook.cells[index], index)
                    seconds = time.monotonic() - start
                    if seconds > SLOW:
                        place = f"line {chapter.line(index)}"
                        progress = f"cell {number}/{len(cells)} ({place}), {seconds:.1f} s"
                        self.report(f"{chapter.docname}: {progress}")
                return await loaded_files(client)
        finally:
            self.live.discard(client)

    def _relative(self, paths: Iterable[str]) -> Iterator[str]:
        for path in map(Path, paths):
            if path.is_relative_to(self.root):
                yield path.relative_to(self.root).as_posix()

    def stop(self) -> None:
        """Kill every kernel; the threads that wait for them then end by themselves."""
        self.stopping.set()
        for client in list(self.live):
            process = getattr(getattr(client.km, "provisioner", None), "pid", None)
            if process:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)


async def loaded_files(client: NotebookClient) -> list[str]:
    """The files of the library that the kernel has loaded, asked without leaving a trace."""
    question = {"files": LOADED.format(library=LIBRARY)}
    assert client.kc is not None
    message = client.kc.execute("", silent=True, store_history=False, user_expressions=question)
    reply = await client.async_wait_for_reply(message)
    assert reply is not None
    answer = reply["content"]["user_expressions"]["files"]
    return list(ast.literal_eval(answer["data"]["text/plain"]))


def read_log(path: Path) -> dict[str, str]:
    """The data sets that a chapter loaded, each with the fingerprint of what it got."""
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    rows = [json.loads(line) for line in lines]
    return {row["name"]: row["fingerprint"] for row in rows}


def explain(chapter: Chapter, notebook: Any, error: Exception) -> str:
    """What failed and where, as a reader of the build log wants it."""
    failed = [
        (index, output)
        for index, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]
    if not failed or not isinstance(error, CellExecutionError):
        return f"{chapter.path}: {type(error).__name__}: {error}"
    index, output = failed[-1]
    traceback = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(output.traceback))
    return f"{chapter.path}:{chapter.line(index)}: this cell failed\n{traceback}"


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """A SIGTERM while chapters run is taken as Ctrl-C, so that no kernel outlives the build."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def execute_all(
    chapters: Iterable[Chapter],
    root: Path,
    timeout: float,
    report: Callable[[str], None],
) -> Generator[tuple[Chapter, Execution], None, None]:
    """Execute the chapters and yield each as it ends; an interrupt ends all kernels first."""
    pool = Pool(root, timeout, report)
    with _terminated_like_interrupted(), ThreadPoolExecutor(at_once()) as threads:
        futures: dict[Future[Execution], Chapter] = {}
        for chapter in chapters:
            futures[threads.submit(pool.execute, chapter)] = chapter
        waiting = set(futures)
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield futures[future], future.result()
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            while any(future.running() for future in futures):
                pool.stop()
                time.sleep(0.1)
            raise
