"""people.csv: bytes of a file in, entries per town and a list of bad rows out. Pure.

Columns `id,name,phone,village,roles`, in any order when the first row names them (in English or Chinese), in this
order when it does not; separated by commas or, as spreadsheets write UTF-16, by tabs. UTF-8 with or without BOM,
UTF-16 with BOM, GBK and GB 18030. Roles are separated by `;`, `|`, `、` or spaces. A row is one line: a quotation mark
that is never closed costs its own row and no other.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter

from fusioncmd import codes, limits
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadCode, BadRoster
from fusioncmd.roster.numbers import one_of_role
from fusioncmd.roster.slices import Entry

COLUMNS = ("id", "name", "phone", "village", "roles")
_HEADINGS = {
    "id": "id", "编号": "id", "人员编号": "id", "name": "name", "姓名": "name", "phone": "phone", "电话": "phone",
    "手机": "phone", "village": "village", "village code": "village", "village_code": "village", "村代码": "village",
    "行政村代码": "village", "区划代码": "village", "roles": "roles", "role": "roles", "职责": "roles", "岗位": "roles",
}  # fmt: skip
_ROLE_BREAK = re.compile(r"[;|、；,\s]+")
_PHONE = re.compile(r"\+?[0-9(][0-9 ()\-]{2,}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ROUNDED = re.compile(r"[0-9.]+E\+[0-9]+", re.IGNORECASE)
PROGRESS_EVERY_ROWS = 20_000
Reason = tuple[str, str]  # in English and in Chinese
Place = tuple[str, int]  # the town's code and the village's last three digits, 0 for the town itself


@dataclass(frozen=True, slots=True)
class BadRow:
    line: int
    en: str
    zh: str


@dataclass(slots=True)
class People:
    """`by_town`: town code → entries, in file order. `rows` counts good and bad ones; of the bad ones, `bad` holds the
    first. `spoken_of` are the cells of bad rows: an id among them is in the file, whatever is wrong with its row."""

    by_town: dict[str, list[Entry]] = field(default_factory=dict)
    bad: list[BadRow] = field(default_factory=list)
    bad_count: int = 0
    rows: int = 0
    spoken_of: set[str] = field(default_factory=set)

    def refuse(self, line: int, cells: list[str], reason: Reason) -> None:
        self.bad_count += 1
        self.spoken_of.update(cell.strip().strip('"') for cell in cells)
        if len(self.bad) < limits.ROSTER_PROBLEMS_SHOWN_MAX:
            self.bad.append(BadRow(line, *reason))


def read(data: bytes, divisions: Divisions, progress: Callable[[int], None] = lambda _: None) -> People:
    """Every row of the file, judged; `BadRoster` when it is not such a file at all. `progress` is told of rows."""
    if len(data) > limits.ROSTER_FILE_BYTES_MAX:
        raise BadRoster(
            f"The file is larger than {limits.ROSTER_FILE_BYTES_MAX} bytes; split it.",
            f"文件超过 {limits.ROSTER_FILE_BYTES_MAX} 字节，请拆分。",
        )
    lines = _decode(data).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    head = next((i for i, line in enumerate(lines) if line.strip()), None)
    if head is None:
        raise BadRoster("The file is empty.", "文件为空。")
    delimiter = "\t" if "\t" in lines[head] and "," not in lines[head] else ","
    named = [_HEADINGS.get(cell.strip().lower()) for cell in _cells(lines[head], delimiter) or ()]
    people = People()
    if sum(name is not None for name in named) < 2:
        judge = _Judge(divisions, people, delimiter, tuple(range(len(COLUMNS))), len(COLUMNS))
    else:
        missing = [c for c in COLUMNS if c not in named]
        if missing:
            raise BadRoster(f"The first row lacks: {', '.join(missing)}.", f"首行缺少列：{'、'.join(missing)}。")
        judge = _Judge(divisions, people, delimiter, tuple(named.index(c) for c in COLUMNS), len(named))
        head += 1
    for start in range(head, len(lines), PROGRESS_EVERY_ROWS):
        judge.lines(start + 1, lines[start : start + PROGRESS_EVERY_ROWS])
        progress(people.rows)
    if not people.rows:
        raise BadRoster("The file names nobody.", "文件中没有人员。")
    return people


def _cells(line: str, delimiter: str) -> list[str] | None:
    """The cells of one line; None when a quotation mark is out of place."""
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader((line,), delimiter=delimiter, strict=True))
    except csv.Error:
        return None


class _Judge:
    """Takes the good rows at speed, and looks again, slowly, at what is not plainly good."""

    def __init__(
        self, divisions: Divisions, people: People, delimiter: str, order: tuple[int, ...], width: int
    ) -> None:
        self._people, self._delimiter, self._width = people, delimiter, width
        self._order = itemgetter(*order)
        self._divisions = divisions
        self._line_of: dict[str, int] = {}
        self._roles: dict[str, tuple[str, ...] | None] = {}
        self._places: dict[str, Place] = {
            code: (code[:9], int(code[9:] or 0)) for code in divisions.names if len(code) in (9, 12)
        }

    def lines(self, first: int, lines: list[str]) -> None:
        order, delimiter, width = self._order, self._delimiter, self._width
        line_of, places, roles_of, by_town = self._line_of, self._places, self._roles, self._people.by_town
        for number, line in enumerate(lines, first):
            cells = line.split(delimiter) if '"' not in line else _cells(line, delimiter)
            if cells is None or len(cells) != width:
                self._misshapen(number, line, cells)
                continue
            ident, name, phone, village, roles = map(str.strip, order(cells))
            place = places.get(village)
            wanted = roles_of.get(roles)
            if (
                place is not None
                and wanted is not None
                and 0 < len(ident) <= limits.PERSON_ID_CHARS_MAX
                and 0 < len(name) <= limits.NAME_CHARS_MAX
                and line.isprintable()
                and 3 <= len(phone) <= limits.PHONE_CHARS_MAX
                and phone.isascii()
                and phone.isdigit()
                and line_of.setdefault(ident, number) == number
            ):
                entry = Entry(ident, name, phone, place[1], wanted)
                if place[0] in by_town:
                    by_town[place[0]].append(entry)
                else:
                    by_town[place[0]] = [entry]
            elif ident or name or phone or village or roles:
                self._slowly(number, cells, (ident, name, phone, village, roles))
            else:
                continue
            self._people.rows += 1

    def _misshapen(self, line: int, text: str, cells: list[str] | None) -> None:
        if cells is None:
            reason = ("a quotation mark is not closed or stands inside a cell", "引号未闭合或位置有误")
        elif any(cell.strip() for cell in cells):
            reason = f"{len(cells)} columns, expected {self._width}", f"有 {len(cells)} 列，应为 {self._width} 列"
        else:
            return
        self._people.rows += 1
        self._people.refuse(line, cells or text.split(self._delimiter), reason)

    def _slowly(self, line: int, cells: list[str], row: tuple[str, ...]) -> None:
        ident, name, phone, village, roles = row
        first = self._line_of.setdefault(ident, line) if ident else line
        place, reason = self._place(village)
        wanted = self._roles[roles] if roles in self._roles else self._split(roles)
        if not ident or len(ident) > limits.PERSON_ID_CHARS_MAX:
            reason = "the id is empty or too long", "编号为空或过长"
        elif first != line:
            reason = f"id {ident} stands already on line {first}", f"编号 {ident} 与第 {first} 行重复"
        elif not name or len(name) > limits.NAME_CHARS_MAX:
            reason = "the name is empty or too long", "姓名为空或过长"
        elif _CONTROL.search("".join(row)):
            reason = "a cell holds a control character", "单元格含控制字符"
        elif phone and (len(phone) > limits.PHONE_CHARS_MAX or not _PHONE.fullmatch(phone)):
            reason = f"{phone[:40]!r} is not a phone number", f"“{phone[:40]}”不是电话号码"
        elif place is not None and wanted is None:
            reason = (
                f"too many or too long roles, or @: {roles[:60]!r}",
                f"职责过多、过长或以 @ 加数字为名：“{roles[:60]}”",
            )
        elif place is not None and wanted is not None:
            self._people.by_town.setdefault(place[0], []).append(Entry(ident, name, phone, place[1], wanted))
            return
        self._people.refuse(line, cells, reason)

    def _place(self, village: str) -> tuple[Place | None, Reason]:
        """Where `village` is, in whatever spelling (dotted, a town padded to twelve digits), or why it is nowhere."""
        shown = village[:40]
        if _ROUNDED.fullmatch(village):
            return None, (
                f"{shown!r} was rounded by a spreadsheet; format the column as text",
                f"“{shown}”已被表格软件改为科学计数，请将该列设为文本格式",
            )
        try:
            path = codes.parse(village)
        except BadCode:
            return None, (f"{shown!r} is not a village code", f"“{shown}”不是村代码")
        place = self._places.get(path.code)
        if place is None and path in self._divisions:
            return None, (f"{shown} is neither a village nor a town", f"“{shown}”不是村级或乡镇代码")
        return place, (f"there is no village with the code {shown}", f"没有村代码“{shown}”")

    def _split(self, text: str) -> tuple[str, ...] | None:
        roles: tuple[str, ...] | None = tuple(dict.fromkeys(r for r in _ROLE_BREAK.split(text) if r))
        if len(roles or ()) > limits.ROLES_PER_PERSON_MAX or not all(map(_is_role, roles or ())):
            roles = None
        self._roles[text] = roles
        return roles


def _decode(data: bytes) -> str:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            encodings: tuple[str, ...] = (encoding,)
            break
    else:
        encodings = ("utf-8", "gb18030")
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadRoster("The file is neither UTF-8, UTF-16 nor GB 18030 text.", "文件不是 UTF-8、UTF-16 或 GB 18030 文本。")


def _is_role(role: str) -> bool:
    """`@` and a number is one person's own."""
    return len(role) <= limits.ROLE_CHARS_MAX and one_of_role(role) is None
