"""people.csv: bytes of a file in, entries per town and a list of bad rows out. Pure.

Columns `id,name,phone,village,roles`, in any order when the first row names them (in English or Chinese), in this
order when it does not. UTF-8 with or without BOM, UTF-16 with BOM, GBK and GB 18030. Roles are separated by `;`, `|`,
`、` or spaces.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fusioncmd import codes, limits
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadCode, BadRoster
from fusioncmd.roster.slices import Entry

COLUMNS = ("id", "name", "phone", "village", "roles")
_HEADINGS = {
    "id": "id", "编号": "id", "人员编号": "id", "name": "name", "姓名": "name", "phone": "phone", "电话": "phone",
    "手机": "phone", "village": "village", "village code": "village", "village_code": "village", "村代码": "village",
    "行政村代码": "village", "区划代码": "village", "roles": "roles", "role": "roles", "职责": "roles", "岗位": "roles",
}  # fmt: skip
_ROLE_BREAK = re.compile(r"[;|、；,\s]+")
_PHONE = re.compile(r"^\+?[0-9][0-9 \-]{2,30}$")
PROGRESS_EVERY_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class BadRow:
    line: int
    en: str
    zh: str


@dataclass(slots=True)
class People:
    """`by_town`: town code → entries, in file order. `rows` counts good and bad ones."""

    by_town: dict[str, list[Entry]] = field(default_factory=dict)
    bad: list[BadRow] = field(default_factory=list)
    bad_count: int = 0
    rows: int = 0

    def refuse(self, line: int, en: str, zh: str) -> None:
        self.bad_count += 1
        if len(self.bad) < limits.ROSTER_PROBLEMS_SHOWN_MAX:
            self.bad.append(BadRow(line, en, zh))


def read(data: bytes, divisions: Divisions, progress: Callable[[int], None] = lambda _: None) -> People:
    """Every row of the file, judged; `BadRoster` when it is not such a file at all. `progress` is told of rows."""
    if len(data) > limits.ROSTER_FILE_BYTES_MAX:
        raise BadRoster(
            f"The file is larger than {limits.ROSTER_FILE_BYTES_MAX} bytes; split it.",
            f"文件超过 {limits.ROSTER_FILE_BYTES_MAX} 字节，请拆分。",
        )
    text = _decode(data)
    if not text.strip():
        raise BadRoster("The file is empty.", "文件为空。")
    reader = csv.reader(io.StringIO(text, newline=""))
    people = People()
    judge = _Judge(divisions, people)
    try:
        for row in _in_order(reader):
            if row:
                judge.row(reader.line_num, row)
                people.rows += 1
                if not people.rows % PROGRESS_EVERY_ROWS:
                    progress(people.rows)
    except csv.Error as error:
        raise BadRoster(f"Line {reader.line_num}: {error}.", f"第 {reader.line_num} 行：{error}。") from None
    progress(people.rows)
    return people


def _in_order(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """Rows with the columns as in COLUMNS; a first row that names columns says where they are."""
    first = next(reader, [])
    named = [_HEADINGS.get(cell.strip().lower()) for cell in first]
    if any(named[i] is not None for i in range(len(named))) and "id" in named:
        missing = [c for c in COLUMNS if c not in named]
        if missing:
            raise BadRoster(f"The first row lacks: {', '.join(missing)}.", f"首行缺少列：{'、'.join(missing)}。")
        places = [named.index(c) for c in COLUMNS]
        if places == list(range(len(COLUMNS))) and len(named) == len(COLUMNS):
            yield from reader
            return
        for row in reader:
            yield [row[i] for i in places] if len(row) == len(named) else row[: len(COLUMNS) - 1]
        return
    yield first
    yield from reader


class _Judge:
    def __init__(self, divisions: Divisions, people: People) -> None:
        self._people = people
        self._lines: dict[str, int] = {}
        self._roles: dict[str, tuple[str, ...] | None] = {}
        self._places: dict[str, tuple[str, int] | None] = {
            code: (code[:9], int(code[9:] or 0)) for code in divisions.names if len(code) in (9, 12)
        }

    def row(self, line: int, row: list[str]) -> None:
        refuse = self._people.refuse
        if len(row) != len(COLUMNS):
            refuse(line, f"{len(row)} columns, expected {len(COLUMNS)}", f"有 {len(row)} 列，应为 {len(COLUMNS)} 列")
            return
        ident, name, phone, village, roles = (cell.strip() for cell in row)
        place = self._places.get(village) or self._place(village)
        wanted = self._roles[roles] if roles in self._roles else self._split(roles)
        if not ident or len(ident) > limits.PERSON_ID_CHARS_MAX:
            refuse(line, "the id is empty or too long", "编号为空或过长")
        elif ident in self._lines:
            first = self._lines[ident]
            refuse(line, f"id {ident} stands already on line {first}", f"编号 {ident} 与第 {first} 行重复")
        elif not name or len(name) > limits.NAME_CHARS_MAX:
            refuse(line, "the name is empty or too long", "姓名为空或过长")
        elif phone and not _PHONE.match(phone):
            refuse(line, f"{phone[:40]!r} is not a phone number", f"“{phone[:40]}”不是电话号码")
        elif place is None:
            refuse(line, f"there is no village with the code {village[:40]!r}", f"没有村代码“{village[:40]}”")
        elif wanted is None:
            refuse(line, f"too many or too long roles: {roles[:60]!r}", f"职责过多或过长：“{roles[:60]}”")
        else:
            self._lines[ident] = line
            self._people.by_town.setdefault(place[0], []).append(Entry(ident, name, phone, place[1], wanted))

    def _place(self, village: str) -> tuple[str, int] | None:
        """A spelling that is not the plain code: dotted, or a town padded to twelve digits."""
        try:
            path = codes.parse(village)
        except BadCode:
            return None
        return self._places.get(path.code)

    def _split(self, text: str) -> tuple[str, ...] | None:
        roles: tuple[str, ...] | None = tuple(dict.fromkeys(r for r in _ROLE_BREAK.split(text) if r))
        if len(roles or ()) > limits.ROLES_PER_PERSON_MAX or any(len(r) > limits.ROLE_CHARS_MAX for r in roles or ()):
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
