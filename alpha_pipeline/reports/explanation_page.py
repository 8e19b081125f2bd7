"""One explained forecast as a self-contained HTML page with its figures."""

from functools import partial
from html import escape

from alpha_pipeline.digits import number
from alpha_pipeline.reports.daily_report import SIMULATED_BANNER
from alpha_pipeline.reports.explanation import (
    ATTENTION_NOTE,
    EDGES_NOTE,
    IMPORTANCE_NOTE,
    LEARNING_NOTE,
    LOOKED_AT_NOTE,
    OCCLUSION_NOTE,
    ExplainedForecast,
    changed_since,
    headline,
    provenance,
    top_sessions,
)
from alpha_pipeline.reports.figures import explained as figures
from alpha_pipeline.reports.figures.sheet import fragment
from alpha_pipeline.reports.page import Section, page


def render_html(explained: ExplainedForecast) -> str:
    """The page of one explained forecast. Equal values make equal pages."""
    row, found = explained.forecast, explained.explanation
    sections = [
        Section(
            "What moved it: groups of inputs",
            OCCLUSION_NOTE,
            fragment(partial(figures.effects, found.groups), "effects of groups of inputs"),
        ),
        Section(
            "What moved it: the strongest single inputs",
            "One input at a time: what several inputs say together shows in none of them alone.",
            fragment(partial(figures.effects, found.features), "effects of single inputs"),
        ),
    ]
    if found.prob_event is not None:
        note = "Likewise, change of the probability of the event that the model forecasts beside the return."
        drawn = partial(figures.effects, found.groups, on_event=True)
        sections.append(Section("What moved the event", note, fragment(drawn, "effects on the event")))
    relied = fragment(partial(figures.importance, found.importance), "importance of groups of inputs")
    sections.append(Section("What the model relies on", IMPORTANCE_NOTE, relied))
    if found.attention is not None:
        tops = ", ".join(f"{session} {number(weight, '.1%')}" for session, weight in top_sessions(explained))
        note = f"{ATTENTION_NOTE} Most on {tops}."
        sections.append(
            Section(
                "Where it looked",
                note,
                fragment(partial(figures.attention, found, explained.closes), "attention by session"),
            )
        )
    if found.looked_at:
        looked_at = fragment(partial(figures.looked_at, found.looked_at), "attention by ticker")
        sections.append(Section("Whom it looked at", LOOKED_AT_NOTE, looked_at))
    if found.edges:
        edges = fragment(partial(figures.edges, found.edges), "the functions of the strongest edges")
        sections.append(Section("Its strongest KAN edges", EDGES_NOTE, edges))
    if explained.learners:
        figure = fragment(partial(figures.learning, explained.learners), "loss by pass")
        dashed = " Dashed: a forecast without inputs." if figures.is_of_return_alone(explained.learners) else ""
        sections.append(Section("How its members learned", f"{LEARNING_NOTE}{dashed}", figure))
    mark = "SIMULATED · " if explained.is_simulated else ""
    return page(
        title=f"{mark}Why {row['model']} forecast {row['ticker']} so on {found.session}",
        lead=_lead(explained),
        sections=sections,
        footer=(
            f"{mark}Market: {explained.market}. This explains a model and not the market: what a model without skill "
            "looked at says nothing about returns."
        ),
        banner=SIMULATED_BANNER if explained.is_simulated else "",
    )


def _lead(explained: ExplainedForecast) -> str:
    row, found = explained.forecast, explained.explanation
    lines = "".join(f'<p class="note">{escape(line)}</p>' for line in provenance(explained))
    problem = f'<p class="problem">{escape(changed_since(explained))}</p>' if explained.bars_changed else ""
    colour = "good" if found.expected_return >= 0 else "bad"
    return (
        f"<h1>Why {escape(str(row['model']))} forecast {escape(str(row['ticker']))} so "
        f"at the close of {found.session}</h1>"
        f'<p class="headline {colour}">{number(row["expected_return"], "+.2%")}</p>'
        f'<p class="reason">{escape(headline(row))}</p>{lines}{problem}'
    )
