"""`alpha.duckdb`: the views for a shell of one's own. Whatever is wrong with it, nothing is lost by making it anew."""

from collections.abc import Iterator

from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.doctor.finding import Finding, Patient
from alpha_pipeline.warehouse import publication, views
from alpha_pipeline.warehouse.aside import set_aside
from alpha_pipeline.warehouse.market import read_market


def look(patient: Patient) -> Iterator[Finding]:
    """Whether it can be read, lies where it was made, and shows the tables of today."""
    warehouse = patient.warehouse
    path = warehouse.root / views.DATABASE
    if read_market(warehouse) is None and not path.exists():
        return
    why = views.fault(warehouse)
    if why is not None:

        def mend() -> str:
            said = set_aside(warehouse.root, path, patient.settings.now())
            publication.keep_published(warehouse, TABLES)
            return f"{said}, and made it anew"

        yield Finding("alpha.duckdb", False, f"{path}: {why}. `alpha doctor --mend` makes it anew", mend)
    elif publication.is_published(warehouse, TABLES):
        yield Finding("alpha.duckdb", True, "up to date")
    else:

        def publish() -> str:
            publication.keep_published(warehouse, TABLES)
            return f"made the views of {path} anew"

        detail = "not of today's tables and place; `alpha sql` works all the same, and the next run makes it anew"
        yield Finding("alpha.duckdb", True, detail, publish)
