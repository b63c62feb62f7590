"""The experts that a node knows: their CSV, their bytes, and who is found. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

import msgspec

from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.experts.expert import EXPERTS_MAX, Expert
from fusioncmd.ground import distance_m

CSV_BYTES_MAX = 16 * 1024 * 1024  # reject
LINES_MAX = EXPERTS_MAX
COLUMNS = (
    "id", "name", "phone", "place", "fields", "category", "specialities", "grade", "organisation", "interests", "lat",
    "lon", "state",
)  # fmt: skip
_LISTS = ("fields", "specialities", "interests")
EXPERT_BYTES_MAX = 8_192
_decoder = msgspec.msgpack.Decoder(Expert)


def read_csv(data: bytes) -> list[Expert]:
    """`id,name,phone,place,fields` and, where known, the other columns, in any order; several in one cell with `;`.
    All or nothing: BadInput names the first line that is wrong."""
    if len(data) > CSV_BYTES_MAX:
        raise BadInput(f"A file of {len(data)} bytes.", f"文件长 {len(data)} 字节，超出上限。")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError:
            raise BadInput("The file is neither UTF-8 nor GB 18030.", "文件既非 UTF-8 也非 GB 18030。") from None
    rows = csv.DictReader(io.StringIO(text))
    unknown = set(rows.fieldnames or ()) - set(COLUMNS)
    if unknown or "id" not in (rows.fieldnames or ()):
        raise BadInput(
            f"The columns are {', '.join(COLUMNS)}; not {', '.join(sorted(unknown)) or 'without id'}.",
            f"列名须为 {'、'.join(COLUMNS)}。",
        )
    found: dict[str, Expert] = {}
    for number, row in enumerate(rows, start=2):
        expert = _expert(row, number)
        if expert.id in found:
            raise BadInput(f"Line {number}: {expert.id} is there twice.", f"第 {number} 行：{expert.id} 重复。")
        found[expert.id] = expert
        if len(found) > LINES_MAX:
            raise BadInput(f"More than {LINES_MAX} experts.", f"专家数超过 {LINES_MAX}。")
    return list(found.values())


def _expert(row: dict[str, str | None], number: int) -> Expert:
    plain = {name: (value or "").strip() for name, value in row.items() if name in COLUMNS}
    lat, lon = plain.pop("lat", ""), plain.pop("lon", "")
    lists = {name: tuple(filter(None, (part.strip() for part in plain.pop(name, "").split(";")))) for name in _LISTS}
    try:
        where = (float(lat), float(lon)) if lat or lon else None
        made = {"kind": "expert.1", "where": where, **{k: v for k, v in plain.items() if v or k == "phone"}, **lists}
        return msgspec.convert({"phone": "", **made}, Expert)
    except (msgspec.ValidationError, ValueError) as error:
        raise BadInput(f"Line {number}: {error}.", f"第 {number} 行无效：{error}。") from None


def encode(expert: Expert) -> bytes:
    return msgspec.msgpack.encode(expert)


def decode(data: bytes) -> Expert:
    """BadMessage."""
    if len(data) <= EXPERT_BYTES_MAX:
        try:
            return _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    raise BadMessage("Not an expert.", "不是有效的专家信息。")


def found(
    experts: Iterable[Expert], place: str, text: str, field: str, state: str, at: tuple[float, float] | None,
    within_m: float,
) -> Iterator[tuple[Expert, float | None]]:  # fmt: skip
    """Those of `place` and below of whom `text` is part of id, name or organisation; and how far each is from `at`, in
    metres, None where that is not known (then they are not within any distance)."""
    for expert in experts:
        if not expert.place.startswith(place) or (field and field not in expert.fields):
            continue
        if (state and expert.state != state) or not any(
            text in each for each in (expert.id, expert.name, expert.organisation)
        ):
            continue
        away = None if at is None or expert.where is None else distance_m(at, expert.where)
        if at is None or (away is not None and away <= within_m):
            yield expert, away
