"""Numbers as text, scales, and the search's stairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from automedimg.contracts.trials import TrialResult
from automedimg.report.files import RunFiles
from automedimg.report.format import (
    count,
    duration,
    interval,
    marked,
    moment,
    number,
    percent,
    setting,
)
from automedimg.report.making import folder_name, web_link
from automedimg.report.progress import best_so_far, visible_span
from automedimg.report.svg import element, tick_text, ticks

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.9896, "0.990"), (0.9996, "0.9996"), (1.0, "1.000"), (1, "1.000"), (-0.5, "−0.500")),
        *((None, "–"), (NAN, "–"), (float("inf"), "–"), (True, "–"), ("x", "–"), (2.5, "2.500")),
    ],
)
def test_number(value, text):
    assert number(value) == text


def test_other_numbers():
    assert count(2999) == "2,999"
    assert percent(68.666) == "68.7 %"
    assert interval(0.98, 0.995) == "0.980 to 0.995"
    assert interval(0.98, NAN) == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((3.42, "3.4 s"), (59.6, "1 min"), (312, "5 min 12 s"), (3600, "1 h")),
        *((7380, "2 h 3 min"), (None, "–"), (0, "0.0 s"), (-1, "–")),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_moment():
    assert moment("2026-11-21T11:05:00+01:00") == "21 November 2026, 10:05 UTC"
    assert moment("2026-11-21T11:05:00") == "21 November 2026, 11:05"
    assert moment("soon") == "soon"
    assert moment(None) == "–"


def test_numpy_numbers_count_as_numbers():
    assert number(np.float32(0.5)) == "0.500"
    assert count(np.int64(7)) == "7"


def test_setting():
    assert setting(True) == "yes"
    assert setting([1, None]) == "1, –"
    assert setting({"a": 1e-5}) == "a = 1e-05"
    assert setting(NAN) == "–"


def test_folder_name_of_any_system():
    assert folder_name("/home/somebody/Br35H/") == "Br35H"
    assert folder_name("C:\\data\\Br35H") == "Br35H"
    assert folder_name(None) == "–"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "http://[", "x", None])
def test_addresses_that_are_no_links(url):
    assert web_link(url) == ""


def test_elements_escape_what_they_hold():
    written = element("text", "<b>", class_='"x"', stroke_width=1.50)
    assert written == '<text class="&#34;x&#34;" stroke-width="1.5">&lt;b&gt;</text>'


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.93, 1.002), (-3.0, 250.0), (1e-6, 9e-6)])
def test_ticks_are_round_and_inside(low, high):
    found = ticks(low, high)
    assert 2 <= len(found) <= 8
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in found)
    assert len(set(tick_text(found))) == len(found)


def trials(*values: float | None) -> list[TrialResult]:
    states = ["complete" if value is not None else "failed" for value in values]
    pairs = zip(states, values, strict=True)
    return [TrialResult(i, state, value=value) for i, (state, value) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [("maximize", [0.5, 0.5, 0.9, 0.9]), ("minimize", [0.5, 0.5, 0.2, 0.2])],
)
def test_best_so_far_climbs_in_the_metrics_direction(direction, expected):
    ended = trials(0.5, None, 0.2, 0.9)
    ended = ended if direction == "maximize" else trials(0.5, None, 0.9, 0.2)
    run = {"direction": direction}
    files = RunFiles(Path(), run, None, {}, {}, None, None, tuple(ended), ())
    assert [value for _, value in best_so_far(files)] == expected


def test_one_hopeless_trial_does_not_flatten_the_chart():
    low, high = visible_span(trials(0.5, 0.98, 0.981, 0.985, 0.99), maximize=True)
    assert 0.9 < low < 0.98
    assert 0.99 < high < 1.0


def test_backticks_become_code_and_nothing_else_does():
    assert marked("`a<b` & c") == "<code>a&lt;b</code> &amp; c"
    assert marked("a ` b") == "a ` b"
