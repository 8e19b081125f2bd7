"""Has work done by several threads while the one that asked for it says what is being waited for."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import Final, TypeVar

from alpha_pipeline.sources.waits import Waits

T = TypeVar("T")
# How often a thread that waits looks up.
LOOK_UP_S: Final = 0.5


def attended(
    work: Callable[[str], T], tickers: Sequence[str], concurrency: int, waits: Waits | None, tell: Callable[[str], None]
) -> Iterator[T]:
    """What `work` makes of each ticker, in their order.

    Args:
        work: asks the source; called from other threads.
        tickers: Yahoo's names.
        concurrency: how many at once.
        waits: what the source keeps everybody waiting for; None: nothing.
        tell: hears of it; called from this thread.
    """
    pool = ThreadPoolExecutor(concurrency)
    try:
        for future in [pool.submit(work, ticker) for ticker in tickers]:
            while waits is not None and not wait_for([future], LOOK_UP_S).done:
                if words := waits.news():
                    tell(words)
            yield future.result()
    finally:  # an interruption waits for what is being written and starts nothing more
        pool.shutdown(cancel_futures=True)
