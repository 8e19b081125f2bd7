"""The end of a query whose process is asked to end."""

import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb


@contextmanager
def interruptible(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """End a query when the process is asked to end.

    Python runs a signal's handler in the main thread, which is inside DuckDB; the system writes the signal's number to
    a socket at once, and another thread that waits for it interrupts the query.

    Raises:
        KeyboardInterrupt: SIGINT came.
        SystemExit: SIGTERM came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    came: list[int] = []
    is_over = threading.Event()

    def wait() -> None:
        while number := reader.recv(1):
            if number[0] in {signal.SIGINT, signal.SIGTERM}:
                came.append(number[0])
                connection.interrupt()
                while not is_over.wait(0.1):  # what comes before a query has begun is lost on it
                    connection.interrupt()

    watcher = threading.Thread(target=wait, daemon=True)
    watcher.start()
    before = signal.signal(signal.SIGTERM, _end)
    wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    except (duckdb.Error, RuntimeError) as error:
        # DuckDB may have met the signal first, and puts an error of its own in the place of the handler's.
        if "nterrupted" not in str(error):
            raise
        if signal.SIGTERM in came:
            _end(signal.SIGTERM, None)
        raise KeyboardInterrupt from None
    finally:
        is_over.set()
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
        writer.close()
        watcher.join()
        reader.close()


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)
