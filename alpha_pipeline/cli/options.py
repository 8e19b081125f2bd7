"""The flags that several commands take.

Every flag takes all that is given to it, so that none of it is lost: `one_of` refuses a second value where one is
wanted, and `listed` adds up the values of a list.
"""

from typing import Annotated

import typer

Texts = list[str] | None
WarehouseOption = Annotated[Texts, typer.Option("--warehouse", metavar="FOLDER", help="Folder of the warehouse.")]
SourceOption = Annotated[Texts, typer.Option("--source", metavar="simulated|files|yahoo", help="Where bars come from.")]
PathOption = Annotated[Texts, typer.Option("--path", metavar="PATH", help="File or folder of the files source.")]
ProfileOption = Annotated[Texts, typer.Option("--profile", metavar="quick|standard|full", help="How much training.")]
SeedsOption = Annotated[Texts, typer.Option("--seeds", metavar="N", help="Members per fold, instead of the profile's.")]
TickersOption = Annotated[
    Texts,
    typer.Option("--tickers", metavar="NAMES", help="Separated by commas, or the flag again; default: all followed."),
]
ThroughOption = Annotated[Texts, typer.Option("--through", metavar="DATE", help="Last session to use, ISO date.")]
SinceOption = Annotated[
    Texts, typer.Option("--since", metavar="DATE", help="First session to ask for, of held tickers too, ISO date.")
]
ExperimentsOption = Annotated[
    Texts, typer.Option("--experiments", metavar="NAMES", help="Separated by commas, or the flag again; default: all.")
]
