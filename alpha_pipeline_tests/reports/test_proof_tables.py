import re

import polars as pl

from alpha_pipeline.reports.proof_tables import audit_table, leads_table, luck_table, questions_table, records_table
from alpha_pipeline.warehouse.tables import audit, proof


def comparison(name: str, statistic: str, verdict: str, kind: str = "model", value: float = 0.012) -> dict[str, object]:
    return {
        "kind": kind,
        "name": name,
        "window": "whole",
        "a": "v17_pilot",
        "b": "v12_super_model",
        "statistic": statistic,
        "value": value,
        "ci_low": -0.004,
        "ci_high": 0.028,
        "p_value": 0.2,
        "minimum_detectable": 0.023,
        "verdict": verdict,
        "words": f"{verdict}: <so>",
        "n": 35_760,
    }


def cells(html: str) -> list[list[str]]:
    return [re.findall(r"<td.*?>(.*?)</td>", row) for row in html.split("<tr>")[2:]]


def test_only_what_decides_a_question_is_shown() -> None:
    rows = pl.DataFrame(
        [
            comparison("V17 over V12?", "ic", "undecided"),
            comparison("V17 over V12?", "brier", "better"),
            comparison("ridge over lightgbm", "ic", "worse"),
            comparison("Does the exit pay?", "sharpe", "worse", kind="strategy", value=-0.3),
        ]
    )
    html = questions_table(proof.COMPARISONS.conform(rows), "ic")
    shown = cells(html)
    assert [row[0] for row in shown] == ["V17 over V12?", "Does the exit pay?"]
    assert shown[0][1] == '<span class="warn">○ undecided</span>'
    assert shown[0][2].startswith("+0.012 IC")
    assert "-0.004 to +0.028" in shown[0][2]
    assert shown[0][3:] == ["0.023", "35,760", "undecided: &lt;so&gt;"]
    assert shown[1][2].startswith("-0.30 Sharpe")


def test_a_lead_is_in_basis_points() -> None:
    """Its value is a log return for one standard deviation: in thousandths it would read 0.000."""
    lead = comparison("Does NVDA lead QQQ?", "lead", "undecided", kind="lead", value=0.000214)
    lead |= {"ci_low": -0.0000312, "ci_high": 0.00046, "minimum_detectable": 0.00035}
    ((_, _, advantage, detectable, *_),) = cells(questions_table(proof.COMPARISONS.conform(pl.DataFrame([lead])), "ic"))
    assert advantage.startswith("+2.14 bp")
    assert "-0.312 to +4.60" in advantage
    assert detectable == "3.50"


def test_a_strategy_stands_with_costs_without_them_and_late() -> None:
    rows = [
        ("qqq_position", variant, "sharpe", value, value - 0.5, value + 0.5)
        for variant, value in (("net", 0.88), ("gross", 0.95), ("lagged", 0.41))
    ]
    rows += [
        ("qqq_position", "net", "turnover", 12.3, None, None),
        ("qqq_position", "net", "exposure", 0.37, None, None),
    ]
    frame = pl.DataFrame(rows, schema=proof.RECORDS.columns, orient="row", infer_schema_length=None)
    ((name, net, gross, lagged, turnover, exposure),) = cells(records_table(proof.RECORDS.conform(frame)))
    assert name == "qqq position"
    assert net.startswith("0.88")
    assert "0.38 to 1.38" in net
    assert gross.startswith("0.95")
    assert lagged.startswith("0.41")
    assert (turnover, exposure) == ("12.3", "37%")


def test_of_each_pair_the_strongest_test_is_shown_beside_the_p_of_all() -> None:
    rows = [
        ("NVDA", "QQQ", lag, "return", 0.001, t, p, min(1.0, 10 * p), 2_000, "undecided")
        for lag, t, p in ((1, 0.9, 0.37), (2, 2.1, 0.04))
    ]
    rows.append(("QQQ", "NVDA", 1, "granger_return", None, None, 0.6, 1.0, 2_000, "undecided"))
    html = leads_table(proof.LEAD_LAG.conform(pl.DataFrame(rows, schema=proof.LEAD_LAG.columns, orient="row")))
    first, second = cells(html)
    assert first[0] == "NVDA before QQQ"
    assert first[3] == "2"
    assert re.sub("<.*?>", " ", first[4]) == "+10.0 +0.667 to +19.3 "  # 1.96 errors of 10 / 2.1 either way
    assert first[5:8] == ["+2.10", "0.040", "0.400"]
    assert second[:3] == ["QQQ before NVDA", '<span class="warn">○ undecided</span>', "granger, return"]
    assert second[4:6] == ["&ndash;", "&ndash;"]


def test_a_record_stands_beside_what_luck_would_show() -> None:
    rows = [
        ("qqq_position", "sharpe", 0.88, "words"),
        ("qqq_position", "sr0", 0.75, "words"),
        ("qqq_position", "psr", 0.99, "words"),
        ("qqq_position", "dsr", 0.67, "words"),
        ("qqq_position", "dsr_effective", 0.72, "words"),
        ("all trials", "n_trials", 220.0, "220 trials & more."),
        ("all trials", "mean_correlation", 0.4, "not shown"),
        ("strategies on QQQ", "pbo", 0.41, "41 % of the time."),
        ("ridge", "mcs_p", 0.5, "not shown"),
        ("lightgbm", "mcs_p", 0.01, "not shown"),
    ]
    html = luck_table(pl.DataFrame(rows, schema=proof.LUCK.columns, orient="row"))
    assert cells(html) == [["qqq position", "0.88", "0.75", "99%", "67%", "72%"]]
    assert re.findall(r"<li>(.*?)</li>", html) == [
        "220 trials &amp; more.",
        "41 % of the time.",
        "May be the best in squared error: ridge. Not: lightgbm.",
    ]


def test_alarms_stand_before_what_is_well() -> None:
    rows = pl.DataFrame(
        {
            "probe": ["a_fold", "seeds", "fill", "lag"],
            "verdict": ["ok", "nothing", "bad", "warning"],
            "words": ["in order", "none held", "sold at <yesterday's> close", "halves"],
        }
    )
    shown = cells(audit_table(rows))
    assert [row[0] for row in shown] == ["fill", "lag", "seeds", "a fold"]
    assert shown[0][1:] == ['<span class="bad">▼ bad</span>', "sold at &lt;yesterday&#x27;s&gt; close"]


def test_what_is_not_there_yet_is_said() -> None:
    for made in (
        questions_table(proof.COMPARISONS.empty(), "ic"),
        records_table(proof.RECORDS.empty()),
        leads_table(proof.LEAD_LAG.empty()),
        luck_table(proof.LUCK.empty()),
        audit_table(audit.AUDIT.empty()),
    ):
        assert made == "<p>No rows yet.</p>"
