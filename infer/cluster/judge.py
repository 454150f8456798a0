"""Work of one actor: chunks of files in, parts of rows out. It knows nothing of Ray.

All chunks pass through one scan, which lives as long as the actor: the model works on the end of
one chunk while the next is decoded. Rows come in the order of the files, so those of a chunk follow
those of the chunk before.
"""

import os
import socket
import threading
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import closing
from itertools import chain, islice

from ..choices import Device
from ..errors import InputError, ProviderError, TrustThePixelsError
from ..files.read import is_lost
from ..files.walk import Found
from ..flow.channel import Channel
from ..output.parts.folder import RUN
from ..results import FileStatus, ScanRow, is_address
from ..scan.job.identity import run_identity
from ..scan.job.settings import columns_of, options_for
from ..scan.job.start import open_model
from ..scan.lost import while_present
from ..scan.pipeline import scan_found
from ..stores.rows_folder import rows_folder
from ..stores.source import AnyFiles
from ..stores.stores import Stores
from ..system.background import THREAD_PREFIX
from .messages import Chunk, Done, Failed, Ready, Task
from .parts import PartsFolder

_MOST_CHUNKS = 64
"""More than a driver ever sends at once, so that no sender waits."""

_BEHIND = ScanRow("", FileStatus.MISSING)
"""Row behind the last one of a chunk, which is not the end of the scan."""


class Judge:
    """An actor's model, and its scan of all chunks.

    Args:
        task: task of the actor.
    """

    def __init__(self, task: Task) -> None:
        self._files = Channel[tuple[Found, ...]](_MOST_CHUNKS)
        self._waiting = Channel[int](_MOST_CHUNKS)
        self._rows = deque[Future[list[ScanRow]]]()
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._passing: threading.Thread | None = None
        self._word: Ready | Failed
        try:
            self._word = self._begin(task)
        except TrustThePixelsError as error:
            self._word = _failed(error)

    def ready(self) -> Ready | Failed:
        """Return the actor's first word."""
        return self._word

    def judge(self, chunk: Chunk) -> Done | Failed:
        """Judge the files of a chunk and write their part; several threads may call it at once."""
        try:
            return self._parts.write(chunk, _present(self._judged(chunk)))
        except TrustThePixelsError as error:
            return _failed(error)

    def close(self) -> None:
        """End the scan and its threads, when no chunk is in work; an actor's death needs no end."""
        self._files.close()
        self._waiting.close()
        if self._passing is not None:
            self._passing.join()

    def _begin(self, task: Task) -> Ready:
        request = task.request
        host = socket.gethostname()
        _enter_folder(task, host)
        folder = rows_folder(request.out, request.stores, request.limits.timeout_s)
        if folder.read(RUN) is None:
            raise InputError(
                f"{host} does not see {RUN} in {folder.shown}; name a folder or a bucket that all "
                "machines share"
            )
        self._parts = PartsFolder(folder, request.row_format, columns_of(request))
        notes: list[str] = []
        model, rule = open_model(request, notes.append)
        session = model.session
        if task.needs_gpu and session.device is not Device.CUDA:
            raise ProviderError(f"{host}: the model runs on {session.provider}, not on a GPU")
        options = options_for(request, session.device)
        stores = Stores(options.stores, options.limits, options.memory)
        source = AnyFiles((), options.walk, stores=stores)
        files = chain.from_iterable(self._files)
        rows = scan_found(files, model.classifier, rule, options, model.allocate, source)
        name = f"{THREAD_PREFIX}chunks"
        self._passing = threading.Thread(target=self._pass_on, args=(rows,), name=name, daemon=True)
        self._passing.start()
        identity = run_identity(request, model, rule, options)
        return Ready(identity.values, session.provider, host)

    def _judged(self, chunk: Chunk) -> list[ScanRow]:
        rows: Future[list[ScanRow]] = Future()
        with self._lock:
            if self._error is not None:
                raise self._error
            self._rows.append(rows)
            self._files.put(chunk.files)
            self._waiting.put(len(chunk.files))
        return rows.result()

    def _pass_on(self, scanned: Generator[ScanRow]) -> None:
        """Give each chunk its rows, until the scan fails."""
        try:
            with closing(scanned):
                for count in self._waiting:
                    rows = list(islice(scanned, count))
                    self._rows.popleft().set_result(rows)
        except BaseException as error:  # noqa: BLE001 - it is raised where a chunk waits
            with self._lock:
                self._error = error
                for waiting in self._rows:
                    waiting.set_exception(error)


def _enter_folder(task: Task, host: str) -> None:
    """Make the driver's working folder this process's own, because paths can depend on it.

    Raises:
        InputError: this machine lacks the folder, or a file or folder that was named.
    """
    try:
        os.chdir(task.folder)
    except OSError as error:
        raise InputError(
            f"{host} cannot enter {task.folder}: {error.strerror}; start where all machines have "
            "the working folder"
        ) from error
    for path in task.request.paths:
        if not is_address(os.fsencode(path)) and not os.path.lexists(path):
            raise InputError(f"{host} has no {path!r}; name what all machines see")


def _present(rows: list[ScanRow]) -> list[ScanRow]:
    """Return the rows of a chunk.

    Raises:
        SourceLostError: many consecutive files, or all, are on a share or store that is gone.
    """
    if all(row.verdict is None and is_lost(row.error) for row in rows):
        return list(while_present(rows))
    # The scan goes on behind this chunk, so a single failure at its end is no end.
    return list(while_present([*rows, _BEHIND]))[:-1]


def _failed(error: TrustThePixelsError) -> Failed:
    return Failed(str(error), error.exit_code)
