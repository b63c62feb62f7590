"""Questions about cameras and drones: which there are, how they are, and where one pushes to. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd import cameras
from fusioncmd.api.question import CodeOrNone, Question, Verbs


class AddCamera(Question["CamerasReply"], frozen=True):
    """`add-camera`: one that is pulled from `url`, or that pushes (`push`). `again`: there is one of that name, and it
    is this now; one that pushes gets another address."""

    name: cameras.Name
    path: CodeOrNone = ""
    url: cameras.Url = ""
    push: cameras.Push = ""
    kind: cameras.Kind = "camera"
    title: cameras.Title = ""
    where: cameras.Where | None = None
    again: bool = False

    def __repr__(self) -> str:
        """Without its URL, whoever writes it down."""
        return f"AddCamera({self.name!r}, {self.path!r})"


class Cameras(Question["CamerasReply"], frozen=True):
    """`cameras`: those at `node` and below, `limit` of those that come after `after`."""

    node: CodeOrNone = ""
    after: str = ""
    limit: Annotated[int, Meta(ge=1, le=cameras.CAMERAS_MAX)] = cameras.CAMERAS_MAX


class RemoveCamera(Question["CamerasReply"], frozen=True):
    """`remove-camera`: its picture ends at once, and its password is kept no more. May be asked again."""

    name: cameras.Name


class CameraLine(Struct, frozen=True):
    """`at`: where it is pulled from, or pushes to, without secrets. `state` is empty where no gateway says it."""

    name: str
    path: str
    kind: str
    title: str
    at: str
    where: tuple[float, float] | None
    changed_ms: int
    state: str = ""
    since_ms: int = 0
    trouble_en: str = ""
    trouble_zh: str = ""
    note_en: str = ""
    note_zh: str = ""
    width: int = 0
    height: int = 0
    bits_per_s: int = 0


class CamerasReply(Struct, frozen=True):
    """`gateway`: whether one is there. `push_to`: what the drone that was added just now is set to; shown once."""

    lines: tuple[CameraLine, ...]
    gateway: bool
    next: str | None = None  # the `after` of the next page
    push_to: str = ""


VERBS: Verbs = {
    AddCamera: ("add-camera", CamerasReply),
    Cameras: ("cameras", CamerasReply),
    RemoveCamera: ("remove-camera", CamerasReply),
}
