"""Geometry of the drawn marks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from django.template.loader import render_to_string

from mdm.ui import charts

EVIDENCE = [
    {"field": "prior", "label": "Prior", "bits": -14.6, "note": ""},
    {"field": "code", "label": "Catalogue no.", "bits": 9.6, "note": ""},
    {"field": "packs", "label": "Packaging", "bits": -1.9, "note": ""},
    {"field": "name", "label": "Description", "bits": 10.5, "note": ""},
    {"field": "gln", "label": "GLN", "bits": 0.0, "note": ""},
]


def test_the_waterfall_ends_at_the_score():
    fall = charts.waterfall(EVIDENCE)
    total = fall.steps[-1]
    assert total.tone == "total"
    assert total.bits == pytest.approx(sum(e["bits"] for e in EVIDENCE))
    assert total.end == pytest.approx(fall.steps[-2].end)


def test_every_step_starts_where_the_one_before_ended():
    steps = charts.waterfall(EVIDENCE).steps[:-1]
    for before, after in pairwise(steps):
        assert before.end in (pytest.approx(after.start, abs=0.2), pytest.approx(after.start + after.width, abs=0.2))


def test_the_prior_comes_first_and_what_says_nothing_is_left_out():
    fall = charts.waterfall(EVIDENCE)
    assert [s.label for s in fall.steps] == ["Prior", "Description", "Catalogue no.", "Packaging", "Total"]


def test_bars_keep_within_the_drawing():
    for evidence in (EVIDENCE, EVIDENCE[:1], []):
        for step in charts.waterfall(evidence).steps:
            assert 0 <= step.start
            assert step.start + step.width <= 100


@pytest.mark.parametrize(("highest", "top"), [(0, 4), (3, 4), (17, 20), (21, 40), (160, 160), (161, 200), (999, 1200)])
def test_an_axis_ends_at_a_round_number(highest, top):
    assert charts.nice_top(highest) == top
    assert top % 4 == 0


def test_stacked_bars_add_up_to_the_height_of_their_sum():
    chart = charts.Stacked(["a", "b"], {"one": [3, 0], "two": [1, 0]}, "caption")
    assert sum(bar.height + 1 for bar in chart.bars) == pytest.approx(chart.height - 1, abs=0.2)
    assert chart.rows == [("a", (3, 1)), ("b", (0, 0))]


@pytest.mark.parametrize("values", [[], [5.0]])
def test_a_single_value_is_no_trend(values):
    assert charts.spark(values, 84, 30) is None


def test_a_flat_trend_is_drawn():
    assert charts.spark([2.0, 2.0, 2.0], 84, 30) is not None


def test_shares_over_time_end_where_the_last_value_is_and_names_do_not_overlap():
    chart = charts.Lines(["1 Nov", "8 Nov", "15 Nov"], {"A": [90, 95, 100], "B": [90, None, 99.5]}, "Scores")
    assert chart.low == 88
    assert [label for _, label in chart.ticks] == [88, 91, 94, 97, 100]
    ends = {line.name: (line.x, line.y) for line in chart.lines}
    assert ends["A"] == ("100.00%", 0.0)
    assert len(next(line for line in chart.lines if line.name == "B").segments) == 1, "what wasn't measured is no point"
    first, second = sorted(line.name_y for line in chart.lines)
    assert second - first >= 14


def test_a_low_share_lowers_the_axis():
    assert charts.Lines(["a", "b"], {"A": [31, 100]}, "Scores").low == 20


def test_a_heat_map_says_each_number_before_it_colours_it():
    row = charts.HeatRow("Items", [charts.Cell("69.0 !", "fail", "▲ 7.7"), charts.Cell("∅")], "320 records", "93.4")
    html = render_to_string("parts/charts/heat.html", {"chart": charts.Heat(["Complete", "Valid"], [row], "Score")})
    assert '<span class="heat-cell heat-cell--fail">69.0 !<small>▲ 7.7</small></span>' in html
    assert '<span class="heat-cell">∅</span>' in html
    assert html.count("<td>") == 3
    assert '<th scope="row">Items<small>320 records</small></th>' in html


def test_a_heat_map_of_counts_has_no_score():
    chart = charts.Heat(["Cycle"], [charts.HeatRow("Items", [charts.Cell("2", "low")])])
    html = render_to_string("parts/charts/heat.html", {"chart": chart})
    assert "heat--counts" in html
    assert html.count("<td>") == 1


def test_a_gauge_is_drawn_from_its_left_edge_and_never_beyond_it():
    drawn = charts.Gauge(0.95, 0.92, 1.0, before=0.85, start=0.9)
    assert (drawn.at, drawn.x, drawn.width, drawn.was_at) == ("50.0%", "20.0%", "80.0%", "0.0%")
    assert charts.Gauge(0.5, 0.5, 0.5).width == "0.5%", "to be seen at all"


@pytest.mark.parametrize(("lowest", "start"), [(0.0, 0.0), (0.49, 0.0), (0.85, 0.8), (0.9, 0.9), (0.996, 0.99)])
def test_the_axis_of_gauges_begins_below_the_lowest_mark(lowest, start):
    assert charts.gauge_start(lowest) == start


def test_a_gauge_says_in_words_what_it_draws():
    drawn = render_to_string(
        "parts/charts/gauge.html", {"label": "Recall", "gauge": charts.Gauge(0.95, 0.92, 1.0, 0.9)}
    )
    assert 'aria-label="Recall from 90% to 95%, between 92% and 100%"' in drawn
