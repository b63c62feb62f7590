"""Files of places: CSV, or GeoJSON (RFC 7946). All of a file or nothing; what is wrong is named by line. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from fusioncmd.errors import BadInput
from fusioncmd.ground import Point, distance_m
from fusioncmd.places.place import PLACES_MAX, RADIUS_M_MAX, Place

FILE_BYTES_MAX = 64 * 1024 * 1024  # reject
POINTS_MAX = 100_000  # of one outline; reject
COLUMNS = ("id", "name", "kind", "node", "lat", "lon", "radius_m", "people", "cameras", "address", "removed")
_LISTS = ("people", "cameras")
_YES = {"": False, "0": False, "no": False, "否": False, "1": True, "yes": True, "是": True}


def read(data: bytes) -> list[Place]:
    """Either form, told apart by its first character. BadInput."""
    if len(data) > FILE_BYTES_MAX:
        raise BadInput(
            f"A file of {len(data)} bytes; {FILE_BYTES_MAX} are taken.", f"文件长 {len(data)} 字节，超出上限。"
        )
    text = _text(data)
    return _all(_features(text) if text.lstrip()[:1] == "{" else _rows(text))


def _text(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadInput("The file is neither UTF-8 nor GB 18030.", "文件既非 UTF-8 也非 GB 18030。")


def _all(each: Iterable[tuple[str, str, Place]]) -> list[Place]:
    found: dict[str, Place] = {}
    for en, zh, place in each:
        if place.id in found:
            raise BadInput(f"{en}: {place.id} is there twice.", f"{zh}：{place.id} 重复。")
        found[place.id] = place
        if len(found) > PLACES_MAX:
            raise BadInput(f"More than {PLACES_MAX} places.", f"场所数超过 {PLACES_MAX}。")
    if not found:
        raise BadInput("There is no place in the file.", "文件中没有场所。")
    return list(found.values())


def _rows(text: str) -> Iterator[tuple[str, str, Place]]:
    """`id,name,kind,node` and, where known, the other columns, in any order; several in one cell with `;`."""
    rows = csv.DictReader(io.StringIO(text))
    try:
        named = rows.fieldnames or ()
        unknown = set(named) - set(COLUMNS)
        missing = set(COLUMNS[:4]) - set(named)
        if unknown or missing:
            wrong = ", ".join(sorted(unknown)) or f"without {', '.join(sorted(missing))}"
            raise BadInput(f"The columns are {', '.join(COLUMNS)}; not {wrong}.", f"列名须为 {'、'.join(COLUMNS)}。")
        for row in rows:
            en, zh = f"Line {rows.line_num}", f"第 {rows.line_num} 行"
            if None in row:
                raise BadInput(f"{en}: more cells than columns.", f"{zh}：单元格多于列名。")
            yield en, zh, _place({name: (value or "").strip() for name, value in row.items()}, None, 0.0, en, zh)
    except csv.Error as error:
        raise BadInput(f"Line {rows.line_num}: {error}.", f"第 {rows.line_num} 行无效：{error}。") from None


def _features(text: str) -> Iterator[tuple[str, str, Place]]:
    """Features whose properties are the columns; an outline counts as the circle around it."""
    try:
        features = json.loads(text)["features"]
        if not isinstance(features, list):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadInput("Not GeoJSON with features.", "不是含要素集的 GeoJSON。") from None
    for number, feature in enumerate(features, start=1):
        en, zh = f"Feature {number}", f"第 {number} 个要素"
        try:
            said = {"id": feature.get("id", ""), **(feature["properties"] or {})}
            where, radius_m = _circle(feature["geometry"])
        except (LookupError, TypeError, AttributeError, ValueError, RecursionError):
            raise BadInput(
                f"{en} has no properties, or no point or outline in degrees.", f"{zh}缺少属性，或没有以度表示的点或面。"
            ) from None
        plain = {
            name: ";".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value).strip()
            for name, value in said.items()
            if name in COLUMNS
        }
        yield en, zh, _place(plain, where, radius_m, en, zh)


def _place(plain: dict[str, str], where: Point | None, radius_m: float, en: str, zh: str) -> Place:
    lat, lon, radius = plain.pop("lat", ""), plain.pop("lon", ""), plain.pop("radius_m", "")
    lists = {name: tuple(filter(None, (part.strip() for part in plain.pop(name, "").split(";")))) for name in _LISTS}
    try:
        removed = _YES[plain.pop("removed", "").lower()]
        made: dict[str, Any] = {
            "form": "place.1", "radius_m": _number(radius, en, zh) if radius else radius_m, "removed": removed,
            "where": (_number(lat, en, zh), _number(lon, en, zh)) if lat or lon else where,
            **{name: value for name, value in plain.items() if value}, **lists,
        }  # fmt: skip
        return msgspec.convert(made, Place)
    except KeyError:
        raise BadInput(f"{en}: removed is yes or empty.", f"{zh}：removed 须为 yes 或留空。") from None
    except msgspec.ValidationError as error:
        raise BadInput(f"{en}: {error}.", f"{zh}无效：{error}。") from None


def _number(text: str, en: str, zh: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"{en}: {text[:40]!r} is no number.", f"{zh}：“{text[:40]}”不是数字。") from None


def _circle(geometry: Any) -> tuple[Point | None, float]:
    """The point, or the middle of what is drawn and how far it reaches from there."""
    if geometry is None:
        return None, 0.0
    points = list(_points(geometry["coordinates"], 0))
    if not 0 < len(points) <= POINTS_MAX:
        raise ValueError
    lats, lons = [point.lat for point in points], [point.lon for point in points]
    middle = Point((min(lats) + max(lats)) / 2, (min(lons) + max(lons)) / 2)
    return middle, min(RADIUS_M_MAX, max(distance_m(middle, point) for point in points))


def _points(plain: Any, depth: int) -> Iterator[Point]:
    """RFC 7946, 3.1.1: longitude first; lists in lists, four deep at most."""
    if isinstance(plain[0], int | float):
        lat, lon = float(plain[1]), float(plain[0])
        if not (-90 <= lat <= 90 and -180 <= lon <= 180):
            raise ValueError
        yield Point(lat, lon)
        return
    if depth > 3:
        raise ValueError
    for each in plain:
        yield from _points(each, depth + 1)
