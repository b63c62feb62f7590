"""An expert of the registry, and who of them is eligible for a draw: by field, distance, state and conflict. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from fusioncmd.errors import BadInput
from fusioncmd.experts.draw import LISTED_MAX, NAME_CHARS_MAX, Listed, Name, Need
from fusioncmd.ground import distance_m
from fusioncmd.messages import Code

EXPERTS_MAX = 20_000  # of one node's registry; reject
FIELDS_MAX = 8
State = Literal["available", "leave", "task"]
STATES: tuple[State, ...] = ("available", "leave", "task")
Field = Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX)]
Text = Annotated[str, Meta(max_length=128)]
Where = tuple[Annotated[float, Meta(ge=-90, le=90)], Annotated[float, Meta(ge=-180, le=180)]]


class Expert(Struct, frozen=True, tag="expert.1", tag_field="kind"):
    """`id` is the registry's own and never given again; `fields` as needs name them. `where`: latitude and longitude,
    degrees, WGS 84; None: only the place is known. `organisation` and `interests` are whom they have to do with: what a
    conflict of interest is found by."""

    id: Name
    name: Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX)]
    phone: Annotated[str, Meta(max_length=32)]
    place: Code
    fields: Annotated[tuple[Field, ...], Meta(min_length=1, max_length=FIELDS_MAX)]
    category: Text = ""
    specialities: Annotated[tuple[Text, ...], Meta(max_length=FIELDS_MAX)] = ()
    grade: Text = ""
    organisation: Text = ""
    interests: Annotated[tuple[Text, ...], Meta(max_length=16)] = ()
    where: Where | None = None
    state: State = "available"

    def concerned(self, parties: Iterable[str]) -> str:
        """The first of `parties` with which they have to do; empty: none."""
        own = {self.organisation, self.name, *self.interests} - {""}
        return next((party for party in parties if party in own), "")


def listed(
    about: str, experts: Iterable[Expert], needs: tuple[Need, ...], at: tuple[float, float] | None, within_m: float,
    parties: Iterable[str], officials: tuple[str, ...], places: Mapping[str, tuple[float, float]],
) -> Listed:  # fmt: skip
    """Who is eligible: in one of the fields, available, near enough, and with nobody of `parties` to do with. Those who
    are in a needed field and fall out are listed with why. `at` None: anywhere. `places`: where a place is, for experts
    whose own point is not known; without either, an expert counts as too far. BadInput: more than can be listed."""
    wanted = {need.field for need in needs}
    parties = tuple(parties)
    eligible: dict[str, tuple[str, ...]] = {}
    excluded: dict[str, str] = {}
    for expert in sorted(experts, key=lambda each: each.id):
        fields = tuple(sorted(wanted & set(expert.fields)))
        if not fields:
            continue
        if why := _why_not(expert, at, within_m, parties, places):
            excluded[expert.id] = why
        else:
            eligible[expert.id] = fields
    if max(len(eligible), len(excluded)) > LISTED_MAX:
        raise BadInput(
            f"{len(eligible)} experts would be eligible, and {LISTED_MAX} can be listed: draw from nearer by.",
            f"符合条件的专家有 {len(eligible)} 名，至多列出 {LISTED_MAX} 名，请缩小范围。",
        )
    return Listed(about, needs, eligible, officials, excluded)


def _why_not(
    expert: Expert, at: tuple[float, float] | None, within_m: float, parties: tuple[str, ...],
    places: Mapping[str, tuple[float, float]],
) -> str:  # fmt: skip
    if expert.state != "available":
        return expert.state
    if party := expert.concerned(parties):
        return f"conflict: {party}"
    if at is None:
        return ""
    where = expert.where or places.get(expert.place)
    if where is None or distance_m(at, where) > within_m:
        return "far"
    return ""
