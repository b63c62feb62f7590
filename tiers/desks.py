"""Who answers at a node for what beside orders, accounts and keys: courses, audits, ladders, devices, alarms, media."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from fusioncmd import keys as secret_keys
from fusioncmd.audit.head_file import head_file
from fusioncmd.bus.port import Bus
from fusioncmd.reachable import Reachable
from fusioncmd.trust import ring
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.notices import Notices
from tiers.alarm_beside import AlarmBeside
from tiers.alarm_desk import AlarmDesk
from tiers.alarm_orders import AlarmOrders
from tiers.alarm_places import AlarmPlaces
from tiers.audit_desk import AuditDesk
from tiers.course_desk import CourseDesk
from tiers.department_desk import DepartmentDesk
from tiers.desk import Desk
from tiers.devices import DeviceDesk
from tiers.expert_desk import ExpertDesk, Officials
from tiers.ladder_desk import LadderDesk
from tiers.media import Media
from tiers.place_desk import PlaceDesk
from tiers.problems import Said
from tiers.recording import Recording
from tiers.serving import Answer

Run = Callable[[], Coroutine[Any, Any, None]]


class Desks:
    """`clock` gives seconds since 1970, `monotonic` seconds. `runs`: what is run from when the node is ready."""

    def __init__(
        self, bus: Bus, desk: Desk, data: Path, judge: Judge, recorder: Recording, notices: Notices,
        reachable: Reachable, officials: Officials, clock: Callable[[], float], monotonic: Callable[[], float],
    ) -> None:  # fmt: skip
        ticket_key = secret_keys.ensure_ticket_key(data)
        self._courses = CourseDesk(desk)
        self._audits = AuditDesk(bus, desk.node, judge, head_file(data))
        self.ladders = LadderDesk(
            bus, desk, recorder, data, monotonic, ticket_key, lambda: reachable.here(clock())
        )  # fmt: skip
        self.devices = DeviceDesk(bus, desk.roster, ticket_key, ring.roots(ring.folder_of(data)), recorder, clock)
        self.experts = ExpertDesk(bus, desk, data, recorder, officials, clock)
        self.media = Media(bus, desk, data, ticket_key, recorder, notices, clock, monotonic)
        self.places = PlaceDesk(bus, desk, recorder, clock)
        at = AlarmPlaces(self.places, self.media.cameras)
        orders = AlarmOrders(desk, data)
        beside = AlarmBeside(desk, orders, at, self.media.video, self.experts)
        self.alarms = AlarmDesk(bus, desk, orders, at, beside, data, recorder, clock)
        desk.tell(self.alarms.note_issued)
        self.departments = DepartmentDesk(bus, desk, self.alarms, data, reachable, recorder, clock, monotonic)
        self.runs: list[Run] = [self.alarms.run, self.experts.run, self.departments.run]

    def problems(self) -> Iterator[Said]:
        yield from self.ladders.problems
        yield from self.media.problems()
        yield from self.alarms.problems()
        yield from self.departments.problems()

    def answers(self) -> dict[type[Any], Answer]:
        desks = (
            self.ladders, self._courses, self._audits, self.devices, self.media, self.alarms, self.experts, self.places,
            self.departments,
        )  # fmt: skip
        return {kind: answer for each in desks for kind, answer in each.answers().items()}
