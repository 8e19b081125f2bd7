"""What rests on a ticker: the signals read some, and cannot do without them."""

from collections.abc import Sequence
from typing import Final

from alpha_pipeline.signals.mag7_vote import MIN_BALLOTS
from alpha_pipeline.signals.sector_rotation import QQQ_GATE
from alpha_pipeline.universe import MAG7, SECTORS, VIX

QQQ: Final = "QQQ"


def what_ends(leaving: Sequence[str], followed: Sequence[str]) -> list[str]:
    """What can no longer be made of the sessions to come once tickers are no longer followed, a sentence each.

    Args:
        leaving: the tickers that go.
        followed: those followed before; one that left earlier is missed too.
    """
    stay = set(followed) - set(leaving)
    said = []
    if QQQ in leaving:
        said.append("QQQ is what the position is a weight of: no size, no ledger and no record of it.")
    if VIX in leaving:
        said.append(f"{VIX} is what the regime is made from: without one every position abstains.")
    voters = [ticker for ticker in MAG7 if ticker in leaving]
    if voters:
        left = sum(ticker in stay for ticker in MAG7)
        few = f"; below {MIN_BALLOTS} the vote, and with it the position, abstains" if left < MIN_BALLOTS else ""
        said.append(f"{_listed(voters)} of the seven that vote: {left} ballots are left{few}.")
    sectors = [ticker for ticker in SECTORS if ticker in leaving]
    if sectors:
        gates = [ticker for ticker in sectors if ticker in QQQ_GATE]
        gate = f"; where the vote is neutral the position needs {' and '.join(gates)} too" if gates else ""
        said.append(f"{_listed(sectors)} of the seven sectors: the rotation needs all of them and picks none{gate}.")
    return said


def _listed(tickers: Sequence[str]) -> str:
    return f"{', '.join(tickers)} {'is one' if len(tickers) == 1 else f'are {len(tickers)}'}"
