"""A figure that noise has swallowed is said to be so, and never printed as less than nothing."""

from __future__ import annotations

import pytest

from loadtest.calldown import memory_each


@pytest.mark.parametrize("grown", [-(1 << 20), -1, 0, 7_000])
def test_memory_that_did_not_grow_is_no_figure(grown: int) -> None:
    assert memory_each(grown, 15_000) == ("below what can be measured", "")


def test_memory_that_grew_is_bytes_for_each_connection() -> None:
    assert memory_each(113 * 15_000, 15_000) == (113, "B")
