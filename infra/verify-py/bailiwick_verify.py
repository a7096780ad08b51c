#!/usr/bin/env python3
"""Verifies what a cell's ledger hands out, offline and with the standard library only.

It is written from docs/ledger.md and the public standards that it names, and shares no code with the cell: two
verifiers that agree are worth more than one. It reads task evidence (a DSSE envelope), an export of a period (a tar)
and a folder with the archive of a log. README.md says what it does not check.

Exit codes: 0 verified, 1 not verified, 2 cannot be read, 3 everything holds, but only against keys inside the file.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import datetime
import hashlib
import io
import json
import os
import re
import stat
import sys
import tarfile
from collections import OrderedDict
from typing import Any, BinaryIO, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

VERIFIED, NOT_VERIFIED, UNREADABLE, INSIDE_KEYS_ONLY = 0, 1, 2, 3

MIB = 1024 * 1024
JSON_BYTES_MAX = 64 * MIB  # a manifest of 400,000 files has about this size
JSON_DEPTH_MAX = 64
KEYS_BYTES_MAX = MIB
KEYS_MAX = 1024
NOTE_BYTES_MAX = 64 * 1024
NOTE_SIGNATURES_MAX = 100
ENVELOPE_SIGNATURES_MAX = 16
EVIDENCE_ENTRIES_MAX = 1024
ENTRY_BYTES_MAX = 65_535
TILE_WIDTH = 256
BLOCK = 512  # of a tar archive
HASH_BYTES = 32
ENTRIES_FILE_BYTES_MAX = TILE_WIDTH * (ENTRY_BYTES_MAX + 2)
ARCHIVE_FILES_MAX = 2_000_000
SIZE_MAX = 2**53 - 1  # the largest integer that JSON carries exactly
SPAN_NS_MIN = 3_600_000 * 1_000_000
TABLES_MAX = 32

ED25519, ML_DSA_65 = "Ed25519", "ML-DSA-65"
ED25519_SIGNATURE_BYTES, ML_DSA_65_SIGNATURE_BYTES, ML_DSA_65_KEY_BYTES = 64, 3309, 1952
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
STATEMENT_PAYLOAD = "application/vnd.in-toto+json"
CHECKPOINT_PAYLOAD = "application/vnd.bailiwick.checkpoint"
TASK_PREDICATE = "https://bailiwick.example.com/evidence/task/v1"
EXPORT_PREDICATE = "https://bailiwick.example.com/evidence/ledger-export/v1"


class Failed(Exception):
    """What was checked does not hold; `index` is the entry that shows it, where one does."""

    def __init__(self, reason: str, index: Optional[int] = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.index = index


class NotReached(Exception):
    """A check whose ground is missing because an earlier one failed."""


class Unreadable(Exception):
    """What was named cannot be read as any of the three kinds, or is no keys file."""


def quote(value: object) -> str:
    """A short ASCII form for messages, so that hostile text cannot drive a terminal."""
    text = ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."


def need(condition: object, reason: str, index: Optional[int] = None) -> None:
    if not condition:
        raise Failed(reason, index)


# ---- JSON: strict reading, RFC 8785 writing -------------------------------------------------------------------------

# Strings are skipped whole, the unfinished last one too, so that this is linear on every input.
_NESTING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)


def _object(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a member twice")
    return made


def _integer(text: str) -> Any:
    if len(text) <= 17:
        value = int(text)
        if abs(value) <= SIZE_MAX:
            return value
    return _double(text)


def _double(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number out of range")
    return value


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_double, parse_constant=_constant, strict=True
)


def strict_json(raw: bytes, what: str) -> Any:
    """I-JSON of bounded size and depth: UTF-8, no member twice, no NaN, no lone surrogate. Raises Failed."""
    need(len(raw) <= JSON_BYTES_MAX, f"{what} is larger than {JSON_BYTES_MAX} bytes")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Failed(f"{what} is not UTF-8") from None
    depth = 0
    for token in _NESTING.finditer(text):
        first = token.group()[0]
        if first in "[{":
            depth += 1
            need(depth <= JSON_DEPTH_MAX, f"{what} is nested deeper than {JSON_DEPTH_MAX}")
        elif first in "]}":
            depth -= 1
    try:
        value = _DECODER.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise Failed(f"{what} is not strict JSON: {quote(str(error))}") from None
    return value


_ESCAPED = re.compile(r'[\x00-\x1f"\\]')
_ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def _escape(match: "re.Match[str]") -> str:
    character = match.group()
    return _ESCAPES.get(character) or f"\\u{ord(character):04x}"


def es6_number(value: float) -> str:
    """Number::toString of ECMAScript from Python's repr: both write the shortest digits that read back the same."""
    if value == 0:
        return "0"
    if value < 0:
        return "-" + es6_number(-value)
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    point = len(whole) + int(exponent or "0")
    point -= len(digits) - len(digits.lstrip("0"))
    digits = digits.strip("0")
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    tail = "." + digits[1:] if count > 1 else ""
    return f"{digits[0]}{tail}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def canonical(value: Any) -> str:
    """RFC 8785: members in the order of their UTF-16 code units, ECMAScript's numbers, the least escapes."""
    parts: List[str] = []
    _write(value, parts.append)
    return "".join(parts)


def _write(value: Any, out: Callable[[str], None]) -> None:
    if isinstance(value, str):
        out('"' + _ESCAPED.sub(_escape, value) + '"')
    elif value is None or value is True or value is False:
        out("null" if value is None else "true" if value else "false")
    elif isinstance(value, int):
        out(str(value))
    elif isinstance(value, float):
        out(es6_number(value))
    elif isinstance(value, dict):
        out("{")
        names = sorted(value) if all(map(str.isascii, value)) else sorted(value, key=lambda n: n.encode("utf-16-be"))
        for position, name in enumerate(names):
            out("," if position else "")
            _write(name, out)
            out(":")
            _write(value[name], out)
        out("}")
    else:
        out("[")
        for position, element in enumerate(value):
            out("," if position else "")
            _write(element, out)
        out("]")


def canonical_json(raw: bytes, what: str) -> Any:
    """Reads RFC 8785 text; raises Failed when the same value would be written otherwise."""
    value = strict_json(raw, what)
    need(canonical(value).encode("utf-8") == raw, f"{what} is not canonical (RFC 8785)")
    return value


def same(left: Any, right: Any) -> bool:
    """Equal as JSON: True is not 1."""
    return canonical(left) == canonical(right)


_MISSING = object()


def member(value: Any, name: str, kind: Any, what: str) -> Any:
    """A member of the stated type (`type(None)` for null); bool is not an int. Raises Failed."""
    found = value.get(name, _MISSING) if isinstance(value, dict) else _MISSING
    need(found is not _MISSING, f"{what} has no member {name}")
    kinds = kind if isinstance(kind, tuple) else (kind,)
    need(type(found) in kinds, f"member {name} of {what} has the wrong type")
    return found


def counted(value: Any, name: str, what: str) -> int:
    found = member(value, name, int, what)
    need(0 <= found <= SIZE_MAX, f"member {name} of {what} is out of range")
    return found


# ---- base64, hex, time ----------------------------------------------------------------------------------------------


def base64_standard(text: str, what: str) -> bytes:
    """RFC 4648 section 4 with padding; one text for the same bytes."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raise Failed(f"{what} is not base64") from None
    need(base64.b64encode(raw).decode("ascii") == text, f"{what} is not base64 in its one form")
    return raw


def base64_either(text: str, what: str) -> bytes:
    """Standard or URL-safe, padded or not, as a DSSE verifier must accept them; never mixed."""
    bare = text.rstrip("=")
    need(not (re.search("[-_]", bare) and re.search("[+/]", bare)), f"{what} mixes two base64 alphabets")
    whole = bare.replace("-", "+").replace("_", "/") + "=" * (-len(bare) % 4)
    need(text == bare or len(text) == len(whole), f"{what} is not base64")
    return base64_standard(whole, what)


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


_HEX_HASH = re.compile(r"[0-9a-f]{64}")
_HEX_SALT = re.compile(r"[0-9a-f]{32}")
_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?Z")
FOREVER = 1 << 80


def time_ns(text: Any, what: str, exact_ms: bool = False) -> int:
    """RFC 3339 in UTC as nanoseconds; `exact_ms` demands the ledger's own form with three decimals."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    need(match is not None, f"{what} is not a UTC time")
    assert match is not None
    fraction = match.group(7) or ""
    need(not exact_ms or len(fraction) == 3, f"{what} is not a UTC time in milliseconds")
    try:
        year, month, day, hour, minute, second = (int(match.group(place)) for place in range(1, 7))
        moment = datetime.datetime(year, month, day, hour, minute, second)
    except ValueError:
        raise Failed(f"{what} is not a UTC time") from None
    seconds = moment.toordinal() * 86_400 + hour * 3600 + minute * 60 + second
    return seconds * 1_000_000_000 + int((fraction + "0" * 9)[:9])


# ---- Ed25519: RFC 8032 section 5.1.7, strict ------------------------------------------------------------------------

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)

Point = Tuple[int, int, int, int]  # X, Y, Z, T with x = X/Z, y = Y/Z, x*y = T/Z
_IDENTITY: Point = (0, 1, 1, 0)


def _add(left: Point, right: Point) -> Point:
    x1, y1, z1, t1 = left
    x2, y2, z2, t2 = right
    a = (y1 - x1) * (y2 - x2) % _P
    b = (y1 + x1) * (y2 + x2) % _P
    c = 2 * _D * t1 % _P * t2 % _P
    d = 2 * z1 * z2 % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _decode_point(raw: bytes) -> Optional[Point]:
    """The point, or None for what is no point or is not encoded in the one canonical way."""
    number = int.from_bytes(raw, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= _P:
        return None
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = u * pow(v, 3, _P) * pow(u * pow(v, 7, _P), (_P - 5) // 8, _P) % _P
    if (v * x * x - u) % _P != 0:
        x = x * _ROOT_OF_MINUS_ONE % _P
        if (v * x * x - u) % _P != 0:
            return None
    if x == 0 and sign:
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def _encode_point(point: Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, _P - 2, _P)
    return (y * inverse % _P | (x * inverse % _P & 1) << 255).to_bytes(32, "little")


def _small_order(point: Point) -> bool:
    for _ in range(3):
        point = _add(point, point)
    return point[0] == 0 and (point[1] - point[2]) % _P == 0


Table = List[List[Point]]


def _table(point: Point) -> Table:
    """Row i holds 0 to 15 times 16^i times the point: a product is then 64 additions."""
    rows: Table = []
    for _ in range(64):
        row = [_IDENTITY]
        for _ in range(15):
            row.append(_add(row[-1], point))
        rows.append(row)
        point = _add(row[15], point)
    return rows


def _times(scalar: int, table: Table, onto: Point) -> Point:
    for row in table:
        if scalar & 15:
            onto = _add(onto, row[scalar & 15])
        scalar >>= 4
    return onto


_BASE_Y = 4 * pow(5, _P - 2, _P) % _P
_base_table: List[Table] = []
_key_tables: "OrderedDict[bytes, Optional[Table]]" = OrderedDict()


def _negated_key_table(public_key: bytes) -> Optional[Table]:
    """For the negated key, or None where the key is no canonical point or of small order. Bounded memory."""
    if public_key in _key_tables:
        _key_tables.move_to_end(public_key)
        return _key_tables[public_key]
    point = _decode_point(public_key) if len(public_key) == 32 else None
    table = None
    if point is not None and not _small_order(point):
        x, y, z, t = point
        table = _table((_P - x, y, z, _P - t))
    _key_tables[public_key] = table
    if len(_key_tables) > TABLES_MAX:
        _key_tables.popitem(last=False)
    return table


def ed25519_verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Without cofactor; S below the order, both points canonical and not of small order. Never raises."""
    if len(signature) != ED25519_SIGNATURE_BYTES:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= _L:
        return False
    commitment = _decode_point(signature[:32])
    if commitment is None or _small_order(commitment):
        return False
    table = _negated_key_table(public_key)
    if table is None:
        return False
    if not _base_table:
        base = _decode_point(_BASE_Y.to_bytes(32, "little"))
        assert base is not None
        _base_table.append(_table(base))
    k = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % _L
    return _encode_point(_times(k, table, _times(s, _base_table[0], _IDENTITY))) == signature[:32]


# ---- the tree: RFC 6962 section 2.1, C2SP tlog-tiles ----------------------------------------------------------------


def sha256(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry)


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


def root_from_path(index: int, size: int, leaf: bytes, path: List[bytes]) -> Optional[bytes]:
    """The root that an audit path leads to, or None when the path does not fit this place in this size."""
    if not 0 <= index < size or any(len(part) != HASH_BYTES for part in path) or len(leaf) != HASH_BYTES:
        return None
    place, last, found = index, size - 1, leaf
    for part in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            found = node_hash(part, found)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            found = node_hash(found, part)
        place >>= 1
        last >>= 1
    return found if last == 0 else None


def tile_path(level: object, number: int, width: int = TILE_WIDTH) -> str:
    """`level` is a number or the word entries."""
    path = f"{number % 1000:03d}"
    while number >= 1000:
        number //= 1000
        path = f"x{number % 1000:03d}/{path}"
    return f"tile/{level}/{path}" + (f".p/{width}" if width != TILE_WIDTH else "")


class MissingTile(Exception):
    def __init__(self, level: int, number: int) -> None:
        super().__init__(f"{tile_path(level, number)} (or its partial tile) is missing")


class Tiles:
    """Hash tiles of one tree of a given size, each cut to its width at that size."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.tiles: Dict[Tuple[int, int], bytes] = {}
        self._inner: Dict[Tuple[int, int], bytes] = {}

    def width(self, level: int, number: int) -> int:
        return max(0, min(TILE_WIDTH, (self.size >> 8 * level) - TILE_WIDTH * number))

    def put(self, level: int, number: int, hashes: bytes) -> None:
        width = self.width(level, number)
        need(width > 0, f"{tile_path(level, number)} lies beyond the checkpoint")
        need(len(hashes) >= width * HASH_BYTES, f"{tile_path(level, number)} is too narrow")
        self.tiles[level, number] = hashes[: width * HASH_BYTES]

    def node(self, height: int, index: int) -> bytes:
        """The root of the full subtree over leaves [index << height, (index + 1) << height)."""
        level, within = divmod(height, 8)
        if within == 0:
            tile = self.tiles.get((level, index // TILE_WIDTH))
            at = index % TILE_WIDTH * HASH_BYTES
            if tile is None or at >= len(tile):
                raise MissingTile(level, index // TILE_WIDTH)
            return tile[at : at + HASH_BYTES]
        known = self._inner.get((height, index))
        if known is None:
            known = node_hash(self.node(height - 1, 2 * index), self.node(height - 1, 2 * index + 1))
            if len(self._inner) > 500_000:
                self._inner.clear()
            self._inner[height, index] = known
        return known

    def root(self, size: int) -> bytes:
        """Of the first `size` leaves. Raises MissingTile where the tiles do not suffice."""
        if size == 0:
            return sha256(b"")
        subtrees: List[bytes] = []
        begin = 0
        for height in range(size.bit_length() - 1, -1, -1):
            if size >> height & 1:
                subtrees.append(self.node(height, begin >> height))
                begin += 1 << height
        found = subtrees.pop()
        while subtrees:
            found = node_hash(subtrees.pop(), found)
        return found

    def verify(self, root: bytes) -> str:
        """Every hash of every tile follows from the root; raises Failed, with the first entry under a bad hash."""
        try:
            for level, number in sorted(self.tiles):
                if self.width(level, number) != TILE_WIDTH:
                    continue  # the right edge: all of its hashes take part in the root
                hashes = self.tiles[level, number]
                row = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
                while len(row) > 1:
                    row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
                need(
                    row[0] == self.node(8 * (level + 1), number),
                    f"{tile_path(level, number)} is not what the tile above it says",
                    number * TILE_WIDTH ** (level + 1),
                )
            need(self.root(self.size) == root, "the tiles lead to another root than the checkpoint's")
        except MissingTile as missing:
            raise Failed(str(missing)) from None
        return f"{len(self.tiles)} tiles lead to the root of {self.size} entries"


# ---- keys -----------------------------------------------------------------------------------------------------------


class Key(NamedTuple):
    kid: str
    alg: str
    public: bytes
    not_before: int
    not_after: int
    revoked_at: int
    revoked_for: Optional[str]

    @property
    def compromised(self) -> bool:
        """A reason that this format does not name is taken for the worst."""
        return self.revoked_for not in (None, "superseded", "retired")

    def standing(self, earliest: int, latest: int) -> str:
        """`counts`, or why not, for something that was signed at one moment of [earliest, latest]."""
        if self.compromised:
            return "compromised"
        moment = max(earliest, self.not_before)
        if moment > max(earliest, latest) or moment >= self.not_after:
            return "not of that time"
        return "counts" if moment < self.revoked_at else "revoked"


def _key(value: Any) -> Optional[Key]:
    """None for an algorithm that this format does not name yet."""
    alg = member(value, "alg", str, "a key")
    if alg not in (ED25519, ML_DSA_65):
        return None
    jwk = member(value, "jwk", dict, "a key")
    expected = {"kty": "OKP", "crv": ED25519} if alg == ED25519 else {"kty": "AKP", "alg": ML_DSA_65}
    for name, content in expected.items():
        need(member(jwk, name, str, "a jwk") == content, f"a jwk of {alg} has another {name}")
    name, length = ("x", 32) if alg == ED25519 else ("pub", ML_DSA_65_KEY_BYTES)
    text = member(jwk, name, str, "a jwk")
    public = base64_either(text, "a public key")
    need(len(public) == length and base64url(public) == text, f"a public key of {alg} is malformed")
    thumbprint = base64url(sha256(canonical({**expected, name: text}).encode("ascii")))
    kid = member(value, "kid", str, "a key")
    need(kid == thumbprint, f"kid {quote(kid)} is not the RFC 7638 thumbprint of its key")
    not_after = member(value, "not_after", (str, type(None)), "a key")
    revoked = member(value, "revoked", (dict, type(None)), "a key")
    return Key(
        kid=kid,
        alg=alg,
        public=public,
        not_before=time_ns(member(value, "not_before", str, "a key"), "not_before"),
        not_after=FOREVER if not_after is None else time_ns(not_after, "not_after"),
        revoked_at=FOREVER if revoked is None else time_ns(member(revoked, "at", str, "revoked"), "revoked.at"),
        revoked_for=None if revoked is None else member(revoked, "reason", str, "revoked"),
    )


class Keyring:
    """Keys that a user trusts, or (`inside`) those that the verified file brought with it."""

    def __init__(self, raw: bytes, inside: bool) -> None:
        self.inside = inside
        need(len(raw) <= KEYS_BYTES_MAX, "the keys file is too large")
        document = strict_json(raw, "the keys file")
        need(member(document, "schema_version", int, "the keys file") == 1, "the keys file has an unknown version")
        listed = member(document, "keys", list, "the keys file")
        need(len(listed) <= KEYS_MAX, "the keys file has too many keys")
        keys = [key for key in map(_key, listed) if key is not None]
        need(len({key.kid for key in keys}) == len(keys), "the keys file has a key twice")
        self.ed25519 = [key for key in keys if key.alg == ED25519]
        self.ml_dsa = [key for key in keys if key.alg == ML_DSA_65]

    def note_keys(self, origin: str, key_id: bytes) -> List[Key]:
        named = origin.encode("utf-8") + b"\n\x01"
        return [key for key in self.ed25519 if sha256(named + key.public)[:4] == key_id]


def best_standing(keys: Iterable[Key], earliest: int, latest: int) -> str:
    """Of all keys, the one that stands best. `unknown` without any."""
    found = {key.standing(earliest, latest) for key in keys}
    order = ("counts", "compromised", "revoked", "not of that time")
    return next((standing for standing in order if standing in found), "unknown")


WHY_NOT = {
    "unknown": "no signature by a trusted key",
    "compromised": "signed only by a key that was revoked as compromised",
    "revoked": "signed only by a key that was revoked before",
    "not of that time": "signed only by a key that was not in force at that time",
}


# ---- signed notes and envelopes -------------------------------------------------------------------------------------


class Note(NamedTuple):
    text: bytes
    origin: str
    size: int
    root: bytes
    signatures: List[Tuple[str, bytes, bytes]]

    @property
    def tenant(self) -> str:
        return self.origin.rpartition("/")[2]


_SIGNATURE_LINE = re.compile("\u2014 ([^\\s+]+) ([A-Za-z0-9+/]+={0,2})")
_SIZE = re.compile("0|[1-9][0-9]{0,15}")


def parse_note(raw: bytes, what: str) -> Note:
    """A checkpoint as C2SP signed note whose text is exactly three lines. Says nothing of its signatures."""
    need(len(raw) <= NOTE_BYTES_MAX, f"{what} is too large")
    try:
        whole = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Failed(f"{what} is not UTF-8") from None
    need(not re.search("[\x00-\x09\x0b-\x1f]", whole), f"{what} has control characters")
    text, blank, signed = whole.rpartition("\n\n")
    need(blank and signed.endswith("\n"), f"{what} is not a signed note")
    lines = signed[:-1].split("\n")
    need(len(lines) <= NOTE_SIGNATURES_MAX, f"{what} has too many signatures")
    signatures = []
    for line in lines:
        match = _SIGNATURE_LINE.fullmatch(line)
        need(match is not None, f"{what} has a malformed signature line")
        assert match is not None
        blob = base64_standard(match.group(2), f"a signature of {what}")
        need(len(blob) > 4, f"{what} has a signature without content")
        signatures.append((match.group(1), blob[:4], blob[4:]))
    parts = text.split("\n")
    need(len(parts) == 3 and parts[0], f"the text of {what} is not three lines")
    need(_SIZE.fullmatch(parts[1]) and int(parts[1]) <= SIZE_MAX, f"{what} has no well-formed size")
    root = base64_standard(parts[2], f"the root of {what}")
    need(len(root) == HASH_BYTES, f"the root of {what} is not 32 bytes")
    return Note(f"{text}\n".encode("utf-8"), parts[0], int(parts[1]), root, signatures)


def note_signers(note: Note, ring: Keyring, what: str) -> List[Key]:
    """Keys of the ring whose signature lines verify. A line that names one of them and fails breaks the note (C2SP)."""
    signers = []
    for name, key_id, signature in note.signatures:
        known = ring.note_keys(note.origin, key_id) if name == note.origin else []
        verified = [key for key in known if ed25519_verify(key.public, note.text, signature)]
        need(verified or not known, f"a signature line of {what} names a trusted key and does not verify")
        signers += verified
    return signers


class Envelope(NamedTuple):
    payload_type: str
    payload: bytes
    signatures: List[Tuple[str, bytes]]

    def signed_bytes(self) -> bytes:
        """DSSE's pre-authentication encoding."""
        kind = self.payload_type.encode("utf-8")
        return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(self.payload), self.payload)


def parse_envelope(value: Any, payload_type: str, what: str) -> Envelope:
    need(member(value, "payloadType", str, what) == payload_type, f"{what} has another payloadType than {payload_type}")
    payload = base64_either(member(value, "payload", str, what), f"the payload of {what}")
    listed = member(value, "signatures", list, what)
    need(0 < len(listed) <= ENVELOPE_SIGNATURES_MAX, f"{what} has no signatures, or too many")
    signatures = []
    for entry in listed:
        keyid = entry.get("keyid", "") if isinstance(entry, dict) else ""
        signature = base64_either(member(entry, "sig", str, "a signature"), f"a signature of {what}")
        signatures.append((keyid if isinstance(keyid, str) else "", signature))
    return Envelope(payload_type, payload, signatures)


class Signers(NamedTuple):
    """Trusted keys that signed an envelope. Those of ML-DSA-65 are only named by it: nothing verifies them here."""

    ed25519: List[Key]
    ml_dsa: List[Key]


def envelope_signers(envelope: Envelope, ring: Keyring, what: str) -> Signers:
    """Raises Failed when a signature names a trusted key and is not its, or when a signature or a key comes twice."""
    message = envelope.signed_bytes()
    known = {key.kid: key for key in [*ring.ed25519, *ring.ml_dsa]}
    found = Signers([], [])
    for keyid, signature in envelope.signatures:
        named = known.get(keyid)
        key = None
        if len(signature) == ED25519_SIGNATURE_BYTES and (named is None or named.alg == ED25519):
            # The keyid is a hint: a strange one says nothing about the key.
            tried = ring.ed25519 if named is None else [named]
            key = next((key for key in tried if ed25519_verify(key.public, message, signature)), None)
        elif len(signature) == ML_DSA_65_SIGNATURE_BYTES and named is not None and named.alg == ML_DSA_65:
            key = named
        need(key is not None or named is None, f"a signature of {what} names a trusted key and is not by it")
        if key is not None:
            (found.ed25519 if key.alg == ED25519 else found.ml_dsa).append(key)
    need(len({raw for _, raw in envelope.signatures}) == len(envelope.signatures), f"{what} has a signature twice")
    keys = [key.kid for key in [*found.ed25519, *found.ml_dsa]]
    need(len(set(keys)) == len(keys), f"{what} has two signatures of one key")
    return found


def need_ml_dsa(signers: Signers, earliest: int, latest: int, what: str, proven: bool = False) -> str:
    """Its ML-DSA-65 signatures are not verified: one must be there, of the right length, and name a trusted key.

    What is `proven` by another checkpoint may name a compromised key.
    """
    standing = best_standing(signers.ml_dsa, earliest, latest)
    why = WHY_NOT.get(standing, standing)
    need(standing == "counts" or (proven and standing == "compromised"), f"{what}: {why} ({ML_DSA_65})")
    return f"{ML_DSA_65} not checked ({len(signers.ml_dsa)} present)"


# ---- entries --------------------------------------------------------------------------------------------------------

NO_PREV = "0" * 64


def read_entry(raw: bytes, index: int) -> Dict[str, Any]:
    """A canonical entry with the members that the checks below rest on. Raises Failed with its index."""
    what = f"entry {index}"
    try:
        need(len(raw) <= ENTRY_BYTES_MAX, f"{what} is larger than {ENTRY_BYTES_MAX} bytes")
        entry = canonical_json(raw, what)
        need(member(entry, "schema_version", int, what) == 1, f"{what} has an unknown schema_version")
        for name in ("tenant", "kind", "action", "prev"):
            member(entry, name, str, what)
        member(entry, "detail", dict, what)
        counted(entry, "seq", what)
        time_ns(member(entry, "at", str, what), f"at of {what}", exact_ms=True)
        need(entry.get("outcome") in ("success", "failure", "pending"), f"{what} has an unknown outcome")
        need(_HEX_HASH.fullmatch(entry["prev"]), f"prev of {what} is not 64 lower-case hex digits")
    except Failed as failed:
        raise Failed(failed.reason, index) from None
    return entry


def check_place(entry: Dict[str, Any], index: int, tenant: Optional[str]) -> None:
    need(entry["seq"] == index, f"seq of entry {index} is {entry['seq']}", index)
    need(tenant is None or entry["tenant"] == tenant, f"entry {index} is of another tenant than the log", index)


class Chain:
    """A run of entries: canonical, without a gap, each with the leaf hash of the one before, times never falling."""

    def __init__(self, first: int, tenant: Optional[str]) -> None:
        self.first = first
        self.next = first
        self.tenant = tenant
        self.leaves = bytearray()
        self.times: List[int] = []  # as long as no problem was found
        self.problem: Optional[Failed] = None

    def add(self, raw: bytes) -> None:
        index = self.next
        previous = bytes(self.leaves[-HASH_BYTES:])
        self.next += 1
        self.leaves += leaf_hash(raw)
        if self.problem is not None:
            return
        try:
            entry = read_entry(raw, index)
            check_place(entry, index, self.tenant)
            expected = previous.hex() if previous else NO_PREV if index == 0 else entry["prev"]
            need(entry["prev"] == expected, f"prev of entry {index} is not the leaf hash of the one before", index)
            at = time_ns(entry["at"], f"at of entry {index}")
            need(not self.times or at >= self.times[-1], f"entry {index} is earlier than the one before", index)
            self.times.append(at)
        except Failed as failed:
            self.problem = failed

    def fail(self, reason: str, index: int) -> None:
        if self.problem is None:
            self.problem = Failed(reason, index)

    def at(self, index: int) -> Optional[int]:
        place = index - self.first
        return self.times[place] if 0 <= place < len(self.times) else None

    def verify(self) -> str:
        if self.problem is not None:
            raise self.problem
        return f"{len(self.times)} entries" + (f", {self.first} to {self.next - 1}" if self.times else "")

    def against(self, tiles: Tiles) -> str:
        """Leaf hashes are those of the level-0 tiles. Raises Failed with the first that is not."""
        for index in range(self.first, self.next):
            at = (index - self.first) * HASH_BYTES
            try:
                stated = tiles.node(0, index)
            except MissingTile as missing:
                raise Failed(f"entry {index}: {missing}", index) from None
            need(self.leaves[at : at + HASH_BYTES] == stated, f"entry {index} is not the leaf of its tile", index)
        return f"{self.next - self.first} leaf hashes"

    def when_covered(self, size: int, latest: int = FOREVER) -> Tuple[int, int]:
        """The earliest and latest moment at which a checkpoint of this size can have been current."""
        newest = self.at(size - 1)
        if newest is not None:
            return newest, newest
        known = [at for at in (self.at(self.first), self.at(min(size, self.next) - 1)) if at is not None]
        return (max(known), latest) if known and size > self.first else (-FOREVER, latest)


# ---- verdicts -------------------------------------------------------------------------------------------------------


class Report:
    """Checks in the specification's order, the first reason and the first bad index."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.checks: List[Dict[str, Any]] = []
        self.reason: Optional[str] = None
        self.first_bad_index: Optional[int] = None

    def run(self, number: str, title: str, check: Callable[[], str], alone: bool = False) -> None:
        """With `alone`, a check rests on those before it and is not reached once one failed."""
        result, detail = "ok", ""
        try:
            if alone and self.reason is not None:
                raise NotReached
            detail = check()
            if detail.startswith("not checked"):
                result, detail = "not checked", detail[len("not checked") :].lstrip(": ")
        except NotReached:
            result = "not reached"
        except (Failed, MissingTile) as error:
            failed = error if isinstance(error, Failed) else Failed(str(error))
            result, detail = "failed", failed.reason
            self.fail(failed)
        self.checks.append({"id": number, "title": title, "result": result, "detail": detail})

    def fail(self, failed: Failed) -> None:
        self.reason = self.reason or failed.reason
        if failed.index is not None:
            known = failed.index if self.first_bad_index is None else self.first_bad_index
            self.first_bad_index = min(failed.index, known)


class Own:
    """The checkpoint that a user kept (`--checkpoint`)."""

    def __init__(self, raw: bytes) -> None:
        self.note = parse_note(raw, "the kept checkpoint")

    def trust(self, ring: Keyring, origin: str) -> None:
        """Raises Failed unless it is of this log and a key signed it that is not compromised, at whatever time."""
        need(self.note.origin == origin, f"the kept checkpoint is of {quote(self.note.origin)}, not of {quote(origin)}")
        signers = note_signers(self.note, ring, "the kept checkpoint")
        good = any(not key.compromised for key in signers)
        need(good, f"the kept checkpoint: {WHY_NOT['compromised' if signers else 'unknown']}")

    def trusted(self, ring: Keyring, origin: str) -> bool:
        try:
            self.trust(ring, origin)
        except Failed:
            return False
        return True

    def proves(self, note: Note, ring: Keyring) -> bool:
        same_head = (self.note.size, self.note.root) == (note.size, note.root)
        return same_head and self.trusted(ring, note.origin)


NO_KEYS = "no keys: name a keys file that you trust with --keys"


def check_checkpoint(
    note: Note, envelope: Any, ring: Keyring, between: Tuple[int, int], what: str, prove: Callable[[], bool]
) -> str:
    """Section 4.3: the note under a trusted Ed25519 key, and an envelope over the very same text.

    `prove` is asked when a key is compromised: whether a good checkpoint shows the same.
    """
    sealed = parse_envelope(envelope, CHECKPOINT_PAYLOAD, f"the envelope of {what}")
    standing = best_standing(note_signers(note, ring, what), *between)
    signers = envelope_signers(sealed, ring, f"the envelope of {what}")
    compromised = "compromised" in (standing, best_standing(signers.ml_dsa, *between))
    proven = compromised and prove()
    need(standing == "counts" or (proven and standing == "compromised"), f"{what}: {WHY_NOT.get(standing, standing)}")
    need(sealed.payload == note.text, f"the envelope of {what} is over another text")
    other = need_ml_dsa(signers, *between, f"the envelope of {what}", proven)
    return f"{quote(note.origin)} at {note.size}; " + ("proven by a good checkpoint; " if proven else "") + other


def check_statement_signatures(envelope: Envelope, ring: Optional[Keyring], what: str) -> str:
    """Section 4.1 for a statement whose own `generated_at` is the time of its signatures."""
    if ring is None:
        raise Failed(NO_KEYS)
    signers = envelope_signers(envelope, ring, what)
    need(signers.ed25519, f"{what}: {WHY_NOT['unknown']} ({ED25519})")
    statement = strict_json(envelope.payload, f"the statement of {what}")
    predicate = member(statement, "predicate", dict, "the statement")
    at = time_ns(member(predicate, "generated_at", str, "the predicate"), "generated_at")
    standing = best_standing(signers.ed25519, at, at)
    need(standing == "counts", f"{what}: {WHY_NOT.get(standing, standing)}")
    other = need_ml_dsa(signers, at, at, what)
    return f"{ED25519} by {', '.join(sorted(key.kid for key in signers.ed25519))}; {other}"


def check_statement_type(envelope: Envelope, predicate_type: str) -> Dict[str, Any]:
    statement = canonical_json(envelope.payload, "the statement")
    need(member(statement, "_type", str, "the statement") == STATEMENT_TYPE, "the statement has an unknown _type")
    found = member(statement, "predicateType", str, "the statement")
    need(found == predicate_type, f"the statement has predicate type {quote(found)}")
    version = member(member(statement, "predicate", dict, "the statement"), "schema_version", int, "the predicate")
    need(version == 1, "the predicate has an unknown schema_version")
    return statement


def subjects(statement: Dict[str, Any]) -> List[Tuple[str, str]]:
    found = []
    for subject in member(statement, "subject", list, "the statement"):
        digest = member(member(subject, "digest", dict, "a subject"), "sha256", str, "a digest")
        need(_HEX_HASH.fullmatch(digest), "a subject's digest is not lower-case hex of SHA-256")
        found.append((member(subject, "name", str, "a subject"), digest))
    need(len({name for name, _ in found}) == len(found), "the statement has a subject twice")
    return found


# ---- task evidence (section 4) --------------------------------------------------------------------------------------

# The text names no kinds of approvals and refusals: any kind with a segment of one of these stems counts as one.
_BEFORE_TASK = re.compile(r"(?:.*[._])?(?:approv|refus|reject|den(?:y|ied|ial))[a-z]*(?:[._].*)?")
_CLOSING = ("task.closed", "task.abandoned", "task.corrected")


class Evidence:
    def __init__(self, raw: bytes, ring: Optional[Keyring], own: Optional[Own], bodies: Dict[str, bytes]) -> None:
        self.raw, self._ring, self.own, self.bodies = raw, ring, own, bodies
        self.envelope: Envelope
        self.statement: Dict[str, Any]
        self.predicate: Dict[str, Any]
        self.note: Note
        self.entries: List[Tuple[int, Dict[str, Any]]] = []
        self.leaves: Dict[int, bytes] = {}

    @property
    def ring(self) -> Keyring:
        if self._ring is None:
            raise NotReached
        return self._ring

    def signatures(self) -> str:
        self.envelope = parse_envelope(strict_json(self.raw, "the envelope"), STATEMENT_PAYLOAD, "the envelope")
        return check_statement_signatures(self.envelope, self._ring, "the envelope")

    def type(self) -> str:
        self.statement = check_statement_type(self.envelope, TASK_PREDICATE)
        self.predicate = self.statement["predicate"]
        return f"generated at {self.predicate['generated_at']}"

    def _listed(self) -> List[Tuple[int, bytes, Any]]:
        listed = member(self.log, "entries", list, "log")
        need(0 < len(listed) <= EVIDENCE_ENTRIES_MAX, f"log has no entries, or more than {EVIDENCE_ENTRIES_MAX}")
        return [
            (
                counted(item, "index", "an element of log.entries"),
                member(item, "entry", str, "an element of log.entries").encode("utf-8"),
                item,
            )
            for item in listed
        ]

    def _signed_between(self) -> Tuple[int, int]:
        """The newest entry that the checkpoint covers may not be of this task: it is as late as the last one here at
        least, and not later than the statement."""
        latest = time_ns(self.predicate["generated_at"], "generated_at")
        try:
            index, raw, _ = self._listed()[-1]
            earliest = time_ns(read_entry(raw, index)["at"], f"at of entry {index}")
        except Failed:
            return -FOREVER, latest  # check 4 names what is wrong with the entry
        return (earliest, earliest) if index == self.note.size - 1 else (earliest, max(earliest, latest))

    def checkpoint(self) -> str:
        self.log = member(self.predicate, "log", dict, "the predicate")
        raw = member(self.log, "checkpoint", str, "log").encode("utf-8")
        self.note = parse_note(raw, "the checkpoint")
        origin = member(self.log, "origin", str, "log")
        need(origin == self.note.origin, "log.origin is not the origin of the checkpoint")
        envelope = member(self.log, "checkpoint_dsse", dict, "log")
        own, ring = self.own, self.ring
        prove = lambda: own is not None and own.proves(self.note, ring)  # noqa: E731
        return check_checkpoint(self.note, envelope, ring, self._signed_between(), "the checkpoint", prove)

    def inclusion(self) -> str:
        digests = dict(subjects(self.statement))
        listed = self._listed()
        need(len(digests) == len(listed), "there are not as many subjects as entries")
        for index, raw, item in listed:
            entry = read_entry(raw, index)
            need(
                digests.get(f"{self.note.origin}#{index}") == hashlib.sha256(raw).hexdigest(),
                f"entry {index} does not hash to its subject",
                index,
            )
            path = member(item, "proof", list, f"the element of entry {index}")
            need(len(path) <= 64 and all(type(part) is str for part in path), f"entry {index} has no proof", index)
            hashes = [base64_standard(part, f"the proof of entry {index}") for part in path]
            self.leaves[index] = leaf_hash(raw)
            found = root_from_path(index, self.note.size, self.leaves[index], hashes)
            need(found == self.note.root, f"the proof of entry {index} does not lead to the root", index)
            check_place(entry, index, self.note.tenant)
            self.entries.append((index, entry))
        return f"{len(self.entries)} entries"

    def order(self) -> str:
        for index, entry in self.entries:
            need(index > 0 or entry["prev"] == NO_PREV, "prev of entry 0 is not zeros", 0)
        for (before, earlier), (index, entry) in zip(self.entries, self.entries[1:]):
            need(index > before, f"entry {index} comes after entry {before}", index)
            chained = index != before + 1 or entry["prev"] == self.leaves[before].hex()
            need(chained, f"prev of entry {index} is not the leaf hash of the one before", index)
            ordered = entry["at"] >= earlier["at"]
            need(ordered, f"entry {index} is earlier than entry {before}", index)
        return f"indices {', '.join(str(index) for index, _ in self.entries[:8])}" + (
            ", ..." if len(self.entries) > 8 else ""
        )

    def _opening(self) -> Tuple[int, Dict[str, Any]]:
        return next((pair for pair in self.entries if pair[1]["kind"] == "task.opened"), self.entries[0])

    def _closing(self) -> Optional[Tuple[int, Dict[str, Any]]]:
        return next((pair for pair in reversed(self.entries) if pair[1]["kind"] in _CLOSING), None)

    def facts(self) -> List[Tuple[str, Any, int]]:
        """What the predicate must say, by the table of section 4, each with the entry that says it."""
        first_index, first = self.entries[0]
        at, opening = self._opening()
        opened = opening["detail"]
        closing_pair = self._closing()
        end, closing = closing_pair if closing_pair is not None else (at, None)
        closed = closing["detail"] if closing is not None else {}
        release = opening.get("release")
        version, plus, digest = release.partition("+") if isinstance(release, str) else (None, "", "")
        route = closed.get("route")
        if not isinstance(route, dict) or "omitted" in route:
            route = None
        else:
            route = {"model_digest": None, **{name: value for name, value in route.items() if name != "chosen_by"}}

        def of(detail: Dict[str, Any], name: str, otherwise: Any) -> Any:
            return otherwise if detail.get(name) is None else detail[name]

        scopes = ("subject", "credential", "acr", "tenant", "workspace", "project", "environment")
        return [
            ("task.created", first["at"], first_index),
            ("task.operation", opened.get("operation"), at),
            ("task.intent", opened.get("intent"), at),
            ("task.status", closed.get("status"), end),
            ("task.finished", closing["at"] if closing is not None else None, end),
            *[(f"actor.{name}", opening.get(name), at) for name in scopes],
            ("decision.id", opening.get("decision"), at),
            ("decision.obligations", of(closed, "obligations", []), end),
            ("route", route, end),
            ("usage", of(closed, "usage", []), end),
            ("cost_nusd", of(closed, "cost_nusd", 0), end),
            ("estimated", of(closed, "estimated", False), end),
            ("idempotency.keyed", of(opened, "keyed", False), at),
            ("residency.cell", opening.get("cell"), at),
            ("residency.region", opening.get("region"), at),
            ("release.version", version, at),
            ("release.digest", digest if plus else None, at),
        ]

    def task(self) -> str:
        task = member(member(self.predicate, "task", dict, "the predicate"), "id", str, "task")
        for index, entry in self.entries:
            need(entry.get("task") == task, f"entry {index} is of another task", index)
        first, entry = self.entries[0]
        kind = entry["kind"]
        began = kind == "task.opened" or _BEFORE_TASK.fullmatch(kind)
        need(began, f"entry {first} does not begin a task: it is of kind {quote(kind)}", first)
        facts = self.facts()
        for path, expected, index in facts:
            stated: Any = self.predicate
            for name in path.split("."):
                stated = stated.get(name, _MISSING) if isinstance(stated, dict) else _MISSING
            need(stated is not _MISSING, f"the predicate does not say {path}")
            need(same(stated, expected), f"the predicate's {path} is not what entry {index} says", index)
        return f"{quote(task)}: {len(facts)} facts"

    def commitments(self) -> str:
        pairs = {"request": self._opening(), "response": self._closing()}
        stated = member(self.predicate, "commitments", dict, "the predicate")
        erased = "erased" in stated
        need(not erased or stated["erased"] is True, "erased is there, and is not true")
        said = []
        for name, pair in pairs.items():
            call = pair[1]["detail"].get("call") if pair is not None else None
            digest = call.get(name) if isinstance(call, dict) else None
            index = pair[0] if pair is not None else None
            claim = member(stated, name, (dict, type(None)), "commitments")
            claimed = None if claim is None else member(claim, "digest", (str, type(None)), name)
            need(same(claimed, digest), f"the commitment of the {name} is not what the entries say", index)
            formed = digest is None or _HEX_HASH.fullmatch(claimed or "")
            need(formed, f"the commitment of the {name} is malformed", index)
            salt = None if claim is None else member(claim, "salt", (str, type(None)), name)
            need(salt is None or _HEX_SALT.fullmatch(salt), f"the salt of the {name} is not 16 bytes in hex")
            need(salt is None or not erased, f"the {name} has a salt, though they are said to be erased")
            said.append(f"{name}: {self._open(name, claimed, salt)}")
        return "; ".join(said)

    def _open(self, name: str, digest: Optional[str], salt: Optional[str]) -> str:
        body = self.bodies.get(name)
        if body is None:
            return "none" if digest is None else "as in the entries" + ("" if salt else ", without salt")
        need(digest is not None and salt is not None, f"no salt is given that could open the {name}")
        opens = sha256(bytes.fromhex(salt or "") + body).hex() == digest
        need(opens, f"the given {name} does not open its commitment")
        return "opened by the given body"

    def kept_checkpoint(self) -> str:
        if self.own is None:
            return "not checked: none was given"
        kept = self.own.note
        self.own.trust(self.ring, self.note.origin)
        if kept.size != self.note.size:
            return f"not checked: it is of size {kept.size}, the evidence's of {self.note.size}"
        need(kept.root == self.note.root, f"the log has another root at size {kept.size} than you kept")
        return f"same root at {kept.size}"

    def verify(self, report: Report) -> None:
        report.run("4.1", "envelope and signatures", self.signatures)
        for number, title, check in (
            ("4.2", "type and version", self.type),
            ("4.3", "checkpoint", self.checkpoint),
            ("4.4", "entries and their proofs", self.inclusion),
            ("4.5", "order and chain", self.order),
            ("4.6", "task as in the entries", self.task),
            ("4.7", "commitments", self.commitments),
            ("4.8", "kept checkpoint", self.kept_checkpoint),
        ):
            report.run(number, title, check, alone=True)


# ---- checks that an export and an archive share ---------------------------------------------------------------------


class History:
    """Archived checkpoints of a tree beside its newest one: what each shows, and what they prove of one another."""

    def __init__(self, head: Note, ring: Keyring, chain: Chain, tiles: Tiles, own: Optional[Own], latest: int) -> None:
        self.head, self.ring, self.chain, self.tiles, self.own, self.latest = head, ring, chain, tiles, own, latest
        self.notes: Dict[int, Note] = {}
        self._good: Optional[int] = None

    def take(self, size: int, raw: bytes) -> None:
        what = f"checkpoint-history/{size:016d}"
        note = parse_note(raw, what)
        need(note.origin == self.head.origin, f"{what} is of another log")
        need(note.size == size, f"{what} is of size {note.size}")
        self.notes[size] = note

    def compared(self, note: Note) -> bool:
        """Whether the tiles suffice to tell that this is its root."""
        try:
            return note.size <= self.head.size and self.tiles.root(note.size) == note.root
        except MissingTile:
            return False

    def good_size(self) -> int:
        """The largest size at which a checkpoint of a good key has the root of this tree; -1 without one."""
        if self._good is None:
            found = [-1]
            for note in [self.head, *self.notes.values()]:
                try:
                    signers = note_signers(note, self.ring, "a checkpoint")
                except Failed:
                    continue
                between = self.chain.when_covered(note.size, self.latest)
                if best_standing(signers, *between) == "counts" and self.compared(note):
                    found.append(note.size)
            own = self.own
            if own is not None and own.trusted(self.ring, self.head.origin) and self.compared(own.note):
                found.append(own.note.size)
            self._good = max(found)
        return self._good

    def proven(self, note: Note, covered: int) -> bool:
        """Whether a good checkpoint covers the first `covered` entries and the tree has this note's root too."""
        if self.own is not None and self.own.proves(note, self.ring):
            return True
        return self.good_size() >= covered and self.compared(note)

    def check(self, size: int, envelope: Optional[bytes]) -> bool:
        """One of checkpoint-history with its envelope. Answers whether the tiles sufficed to compare its root."""
        what, note = f"checkpoint-history/{size:016d}", self.notes[size]
        compared = True
        try:
            need(size <= self.head.size, f"{what} is newer than the newest checkpoint")
            need(self.tiles.root(size) == note.root, f"{what} has another root than the tree at its size")
        except MissingTile:
            compared = False
        need(envelope is not None, f"{what} has no envelope")
        sealed = strict_json(envelope or b"", f"the envelope of {what}")
        between = self.chain.when_covered(size, self.latest)
        check_checkpoint(note, sealed, self.ring, between, what, lambda: self.proven(note, size))
        return compared


def check_kept(own: Own, head: Note, ring: Keyring, tiles: Tiles, whole: bool) -> str:
    """Section 4.8, and at a smaller size too where the tiles suffice. `whole`: nothing kept may be missing."""
    kept = own.note
    own.trust(ring, head.origin)
    if kept.size > head.size:
        need(not whole, f"the archive ends at {head.size}, before the checkpoint of {kept.size} that you kept")
        return f"not checked: it is of size {kept.size}, this one of {head.size}"
    try:
        found = head.root if kept.size == head.size else tiles.root(kept.size)
    except MissingTile:
        return f"not checked: the tiles do not suffice for size {kept.size}"
    need(found == kept.root, f"the log has another root at size {kept.size} than you kept")
    return f"same root at {kept.size}"


# ---- export of a period (section 5) ---------------------------------------------------------------------------------

_TILE = re.compile(r"tile/([0-9]|[1-5][0-9]|6[0-3]|entries)/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
_HISTORY = re.compile(r"checkpoint-history/([0-9]{16})(\.dsse\.json)?")
_ENTRIES = re.compile(r"entries/([0-9]{16})\.jsonl")
_FIXED = {
    "keys.json": (0, KEYS_BYTES_MAX),
    "checkpoint": (1, NOTE_BYTES_MAX),
    "checkpoint.dsse.json": (2, JSON_BYTES_MAX),
    "spans.json": (6, JSON_BYTES_MAX),
    "manifest.dsse.json": (7, JSON_BYTES_MAX),
}


def parse_tile_path(name: str) -> Optional[Tuple[str, int, int]]:
    match = _TILE.fullmatch(name)
    if match is None:
        return None
    number = int(match.group(2).replace("x", "").replace("/", ""))
    width = int(match.group(3)) if match.group(3) else TILE_WIDTH
    fits = width < TILE_WIDTH or match.group(3) is None
    return (match.group(1), number, width) if fits and tile_path(match.group(1), number, width) == name else None


def export_place(name: str) -> Optional[Tuple[Tuple[int, int, int], int]]:
    """Where a file stands in the order of section 5, and the most bytes it may have. None for a strange name."""
    if name in _FIXED:
        rank, bytes_max = _FIXED[name]
        return (rank, 0, 0), bytes_max
    history = _HISTORY.fullmatch(name)
    if history is not None:
        is_envelope = history.group(2) is not None
        return (3, int(history.group(1)), int(is_envelope)), MIB if is_envelope else NOTE_BYTES_MAX
    entries = _ENTRIES.fullmatch(name)
    if entries is not None:
        return (5, int(entries.group(1)), 0), ENTRIES_FILE_BYTES_MAX
    tile = parse_tile_path(name)
    if tile is not None and tile[0] != "entries":
        return (4, int(tile[0]), tile[1]), TILE_WIDTH * HASH_BYTES
    return None


class UstarInfo(tarfile.TarInfo):
    """Refuses whatever is no regular file in ustar form before tarfile acts on it."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> Any:
        try:
            info = super().frombuf(buf, encoding, errors)
        except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError:
            raise Failed("the archive is damaged: a header does not read") from None
        regular = info.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and info.size >= 0
        need(regular and bytes(buf[257:265]) == b"ustar\x0000", "the archive has what is no regular ustar file")
        return info


class Counted(io.RawIOBase):
    """A stream that knows how long it was and where its last byte stands that is not zero."""

    def __init__(self, rest: BinaryIO) -> None:
        super().__init__()
        self._rest = rest
        self.total = self.used = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        found = self._rest.read(size)
        used = len(found.rstrip(b"\0"))
        if used:
            self.used = self.total + used
        self.total += len(found)
        return found


class Export:
    def __init__(self, ring: Optional[Keyring], own: Optional[Own]) -> None:
        self.ring, self.own = ring, own
        self.order: List[Tuple[str, str]] = []
        self.fixed: Dict[str, bytes] = {}
        self.notes: Dict[int, bytes] = {}
        self.envelopes: Dict[int, bytes] = {}
        self.hashes: Dict[Tuple[int, int, int], bytes] = {}
        self.chain: Optional[Chain] = None
        self.damage: Optional[Failed] = None
        self.head: Optional[Note] = None
        self.statement: Optional[Dict[str, Any]] = None
        self._tiles: Optional[Tiles] = None

    def read(self, stream: BinaryIO) -> None:
        """Takes file by file, so that only notes, hash tiles and a few bytes for each entry stay in memory."""
        counted, end = Counted(stream), 0
        try:
            with tarfile.open(fileobj=counted, mode="r|", tarinfo=UstarInfo, encoding="utf-8") as archive:
                last: Tuple[int, int, int] = (-1, 0, 0)
                while True:
                    info = archive.next()
                    if info is None:
                        break
                    archive.members = []  # type: ignore[attr-defined]
                    place = export_place(info.name)
                    need(place is not None, f"the archive has a file {quote(info.name)}")
                    assert place is not None
                    need(place[0] > last, f"{info.name} is out of order, or twice in the archive")
                    need(info.size <= place[1], f"{info.name} is larger than {place[1]} bytes")
                    need(len(self.order) < ARCHIVE_FILES_MAX, "the archive has too many files")
                    last = place[0]
                    opened = archive.extractfile(info)
                    content = opened.read() if opened is not None else b""
                    need(len(content) == info.size, f"the archive ends within {info.name}")
                    self.order.append((info.name, hashlib.sha256(content).hexdigest()))
                    self.take(info.name, place[0], content)
                    end += BLOCK + (info.size + BLOCK - 1) // BLOCK * BLOCK
            while counted.read(MIB):
                pass
            need(counted.used <= end, "something stands behind the end of the archive")
            need(counted.total >= end + 2 * BLOCK, "the archive ends before its end is marked")
        except Failed as failed:
            self.damage = failed
        except (tarfile.TarError, EOFError, OSError, ValueError, RecursionError) as error:
            self.damage = Failed(f"the archive is damaged: {quote(str(error))}")

    def take(self, name: str, place: Tuple[int, int, int], content: bytes) -> None:
        rank, first, second = place
        if rank == 3:
            (self.envelopes if second else self.notes)[first] = content
        elif rank == 4:
            parsed = parse_tile_path(name)
            assert parsed is not None
            self.hashes[first, second, parsed[2]] = content
        elif rank == 5:
            self.lines(name, first, content)
        else:
            self.fixed[name] = content
            if name == "checkpoint":
                try:
                    self.head = parse_note(content, "the checkpoint")
                except Failed:
                    self.head = None  # check 3 says why

    def lines(self, name: str, first: int, content: bytes) -> None:
        if self.chain is None:
            self.chain = Chain(first, self.head.tenant if self.head is not None else None)
        chain = self.chain
        if first != chain.next or (first % TILE_WIDTH and first != chain.first):
            chain.fail(f"{name} does not go on at entry {chain.next}", chain.next)
            return
        lines = content.split(b"\n")
        if lines.pop() != b"" or not lines:
            chain.fail(f"{name} does not end with a line feed", first + len(lines))
        room = TILE_WIDTH - first % TILE_WIDTH
        if len(lines) > room:
            chain.fail(f"{name} goes on past entry {first + room - 1}", first + room)
        for line in lines[:room]:
            chain.add(line)

    # -- the checks, after the stream has ended --

    def _ring(self) -> Keyring:
        if self.ring is None:
            raise NotReached
        return self.ring

    def _head(self) -> Note:
        if self.head is None:
            raise NotReached
        return self.head

    def _predicate(self) -> Dict[str, Any]:
        if self.statement is None:
            raise NotReached
        predicate: Dict[str, Any] = self.statement["predicate"]
        return predicate

    def _entries(self) -> Chain:
        return self.chain if self.chain is not None else Chain(0, None)

    def _generated(self) -> int:
        return time_ns(self._predicate().get("generated_at"), "generated_at")

    def manifest(self) -> str:
        raw = self.fixed.get("manifest.dsse.json")
        if raw is None:
            raise Failed(self.damage.reason if self.damage is not None else "the archive has no manifest.dsse.json")
        if self.ring is None and "keys.json" in self.fixed:
            self.ring = Keyring(self.fixed["keys.json"], inside=True)
        envelope = parse_envelope(strict_json(raw, "the manifest"), STATEMENT_PAYLOAD, "the manifest")
        problem = None
        try:
            self.statement = check_statement_type(envelope, EXPORT_PREDICATE)
        except Failed as failed:
            problem = failed
        said = check_statement_signatures(envelope, self.ring, "the manifest")
        if problem is not None:
            raise problem
        worm = self._predicate().get("worm")
        need(worm in ("object-lock", "bucket-lock", "not WORM"), f"the predicate has the protection {quote(worm)}")
        return said

    def files(self) -> str:
        if self.damage is not None:
            raise self.damage
        for name in ("keys.json", "checkpoint", "checkpoint.dsse.json", "spans.json", "manifest.dsse.json"):
            need(name in self.fixed, f"the archive has no {name}")
        if self.statement is None:
            raise NotReached
        listed = subjects(self.statement)
        for (name, digest), (found, actual) in zip(listed, self.order[:-1]):
            need(name == found, f"{found} stands where the manifest lists {quote(name)}")
            need(digest == actual, f"{found} does not hash as listed")
        need(len(listed) == len(self.order) - 1, f"the manifest lists {len(listed)} files of {len(self.order) - 1}")
        return f"{len(listed)} files as listed"

    def checkpoint(self) -> str:
        raw, envelope = self.fixed.get("checkpoint"), self.fixed.get("checkpoint.dsse.json")
        need(raw is not None and envelope is not None, "the archive has no checkpoint with its envelope")
        note = parse_note(raw or b"", "the checkpoint")
        origin = member(self._predicate(), "origin", str, "the predicate")
        need(origin == note.origin, "the manifest's origin is not the origin of the checkpoint")
        between = self._entries().when_covered(note.size, self._generated())
        sealed = strict_json(envelope or b"", "the envelope of the checkpoint")

        def prove() -> bool:
            return self.history().proven(note, self._entries().next)

        return check_checkpoint(note, sealed, self._ring(), between, "the checkpoint", prove)

    def history(self) -> History:
        found = History(self._head(), self._ring(), self._entries(), self.tiles(), self.own, self._generated())
        for size in sorted(self.notes):
            found.take(size, self.notes[size])
        return found

    def entries(self) -> str:
        return self._entries().verify()

    def tiles(self) -> Tiles:
        if self._tiles is not None:
            return self._tiles
        tiles = Tiles(self._head().size)
        for (level, number, width), hashes in self.hashes.items():
            name = tile_path(level, number, width)
            need(len(hashes) == width * HASH_BYTES, f"{name} is not {width} hashes")
            need(width == tiles.width(level, number), f"{name} is not of the width it has at size {tiles.size}")
            tiles.put(level, number, hashes)
        self._tiles = tiles
        return tiles

    def _spans(self) -> Dict[str, Any]:
        if "spans.json" not in self.fixed:
            raise NotReached
        spans = strict_json(self.fixed["spans.json"], "spans.json")
        need(isinstance(spans, dict), "spans.json is no object")
        found: Dict[str, Any] = spans
        return found

    def borders(self) -> str:
        spans, chain, head, predicate = self._spans(), self._entries(), self._head(), self._predicate()
        for name in ("from", "to", "first", "count", "size", "spans", "gaps", "before", "after"):
            need(name in spans, f"spans.json has no member {name}")
        for name, value in spans.items():
            need(name in predicate and same(predicate[name], value), f"the manifest says another {quote(name)}")
        begin = time_ns(spans["from"], "from", exact_ms=True)
        end = time_ns(spans["to"], "to", exact_ms=True)
        need(begin <= end, "the period ends before it begins")
        need(end <= self._generated(), "the period ends after the export was made")
        first, count = counted(spans, "first", "spans.json"), counted(spans, "count", "spans.json")
        need(counted(spans, "size", "spans.json") == head.size, "size is not the checkpoint's")
        gaps = member(spans, "gaps", list, "spans.json")
        need(not gaps, "entries are missing by its own account", _first_of(gaps))
        after_last = first + count
        for name, index, at_end in (("before", first - 1, first == 0), ("after", after_last, after_last == head.size)):
            neighbour = member(spans, name, (dict, type(None)), "spans.json")
            need((neighbour is None) == at_end, f"{name} is null only at the log's end", None if at_end else index)
            if neighbour is None:
                continue
            need(counted(neighbour, "index", name) == index, f"{name} is not the neighbour of the period", index)
            at = time_ns(neighbour.get("at"), f"{name}.at", exact_ms=True)
            need(chain.at(index) == at, f"entry {index} has another time than {name} says, or is not there", index)
            need(at < begin if name == "before" else at >= end, f"entry {index} lies within the period", index)
        for index in range(first, after_last):
            at_index = chain.at(index)
            need(at_index is not None, f"entry {index} of the period is missing", index)
            assert at_index is not None
            need(begin <= at_index < end, f"entry {index} lies outside of the period", index)
        exported = (first - (first > 0), after_last + (after_last < head.size))
        held = (chain.first, chain.next) if self.chain is not None else (exported[0], exported[0])
        need(held == exported, f"entries {exported[0]} to {exported[1] - 1} were to be exported", max(exported[0], 0))
        return f"{count} entries in [{spans['from']}, {spans['to']})"

    def archived(self) -> str:
        spans = self._spans()
        first, count = counted(spans, "first", "spans.json"), counted(spans, "count", "spans.json")
        stray = sorted(set(self.envelopes) - set(self.notes))
        need(not stray, f"checkpoint-history/{stray[0] if stray else 0:016d} has an envelope and no note")
        history, compared = self.history(), 0
        for size in sorted(self.notes):
            need(first < size <= first + count, f"checkpoint-history/{size:016d} is not of the period")
            compared += history.check(size, self.envelopes.get(size))
        return f"{len(self.notes)} archived, {compared} compared with the tree"

    def silences(self) -> str:
        spans, chain = self._spans(), self._entries()
        begin, end = time_ns(spans.get("from"), "from"), time_ns(spans.get("to"), "to")
        first, count = counted(spans, "first", "spans.json"), counted(spans, "count", "spans.json")
        points: List[Tuple[int, Optional[int]]] = []
        if first == 0:
            points.append((begin, None))
        for index in range(chain.first, chain.next):
            at = chain.at(index)
            if at is None:
                raise NotReached
            points.append((at, index))
        if first + count == self._head().size:
            points.append((end, None))
        expected = []
        for (earlier, after), (later, before) in zip(points, points[1:]):
            start, stop = max(earlier, begin), min(later, end)
            if stop - start >= SPAN_NS_MIN:
                expected.append((start, stop, after, before))
        stated = []
        for span in member(spans, "spans", list, "spans.json"):
            start = time_ns(member(span, "from", str, "a span"), "a span's from", exact_ms=True)
            stop = time_ns(member(span, "to", str, "a span"), "a span's to", exact_ms=True)
            sides = [member(span, name, (int, type(None)), "a span") for name in ("after", "before")]
            stated.append((start, stop, sides[0], sides[1]))
        for wanted, found in zip(expected + [None] * len(stated), stated + [None] * len(expected)):
            if wanted != found:
                shown = wanted if wanted is not None else found
                assert shown is not None
                said = "is not listed" if wanted is not None else "is listed and is none"
                index = shown[2] if shown[2] is not None else shown[3]
                raise Failed(f"the stretch after entry {quote(shown[2])} {said}", index)
        return f"{len(stated)} stretches of one hour or more"

    def verify(self, report: Report) -> None:
        report.run("5.1", "manifest signatures", self.manifest)
        report.run("5.2", "files as listed", self.files)
        report.run("5.3", "checkpoint", self.checkpoint)
        report.run("5.4", "entries and their chain", self.entries)
        report.run("5.5", "leaf hashes", lambda: self._entries().against(self.tiles()))
        report.run("5.6", "tiles to the root", lambda: self.tiles().verify(self._head().root))
        report.run("5.7", "borders", self.borders)
        report.run("5.8", "archived checkpoints", self.archived)
        report.run("5.9", "stretches without entries", self.silences)
        report.run("4.8", "kept checkpoint", self._kept)

    def _kept(self) -> str:
        if self.own is None:
            return "not checked: none was given"
        return check_kept(self.own, self._head(), self._ring(), self.tiles(), whole=False)


def _first_of(gaps: List[Any]) -> Optional[int]:
    first = gaps[0].get("first") if gaps and isinstance(gaps[0], dict) else None
    return first if type(first) is int else None


# ---- a folder with the archive of a log (section 2) -----------------------------------------------------------------


def read_bounded(path: str, bytes_max: int) -> Optional[bytes]:
    """A regular file's content, None when there is none. Raises Failed for anything else and for too large ones."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise Failed(f"{quote(os.path.basename(path))} is not a regular file")
        with open(path, "rb") as file:
            content = file.read(bytes_max + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Failed(f"{quote(os.path.basename(path))} cannot be read: {error.strerror}") from None
    need(len(content) <= bytes_max, f"{quote(os.path.basename(path))} is larger than {bytes_max} bytes")
    return content


OBJECT_MARK, OBJECT_RECORD_BYTES = "~", 256


def without_record(raw: bytes, name: str) -> bytes:
    """What a cell's own file keeps behind its record."""
    record = strict_json(raw[:OBJECT_RECORD_BYTES], f"the record of {name}")
    need(member(record, "format", str, "a record") == "bailiwick-object/1", f"{name} has an unknown record")
    content = raw[OBJECT_RECORD_BYTES:]
    whole = counted(record, "size", "a record") == len(content)
    whole = whole and member(record, "sha256", str, "a record") == hashlib.sha256(content).hexdigest()
    need(whole, f"{name} is not what its record says")
    return content


class Archive:
    """The paths of section 2 as plain files, or as a cell keeps them on its own disk."""

    def __init__(self, folder: str, ring: Optional[Keyring], own: Optional[Own]) -> None:
        self.folder, self.ring, self.own = folder, ring, own
        self.head: Optional[Note] = None
        self.current: Optional[Note] = None
        self.chain = Chain(0, None)
        self.sizes: List[int] = []
        self._tiles: Optional[Tiles] = None

    def _read(self, name: str, bytes_max: int) -> Optional[bytes]:
        path = os.path.join(self.folder, *name.split("/"))
        content = read_bounded(path, bytes_max)
        if content is None:
            kept = read_bounded(path + OBJECT_MARK, bytes_max + OBJECT_RECORD_BYTES)
            content = None if kept is None else without_record(kept, name)
        return content

    def _names(self, name: str) -> List[str]:
        try:
            names = os.listdir(os.path.join(self.folder, *name.split("/")))
            return [name[: -len(OBJECT_MARK)] if name.endswith(OBJECT_MARK) else name for name in names]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise Failed(f"{name} cannot be read: {error.strerror}") from None

    def open(self) -> None:
        """Finds the newest note. Raises Unreadable when the folder is no archive at all."""
        marks = ("checkpoint", "checkpoint" + OBJECT_MARK, "tile")
        if not any(os.path.exists(os.path.join(self.folder, name)) for name in marks):
            raise Unreadable("the folder has neither a checkpoint nor tiles")
        raw = self._read("checkpoint", NOTE_BYTES_MAX)
        need(raw is not None, "the archive has no checkpoint")
        self.current = parse_note(raw or b"", "the checkpoint")
        matches = (_HISTORY.fullmatch(f"checkpoint-history/{name}") for name in self._names("checkpoint-history"))
        self.sizes = sorted(int(match.group(1)) for match in matches if match is not None and match.group(2) is None)
        self.head = self.current
        # A crash after the archived note and before `checkpoint`, or an older `checkpoint` put back: the newest counts.
        if self.sizes and self.sizes[-1] > self.current.size:
            newest = self._read(f"checkpoint-history/{self.sizes[-1]:016d}", NOTE_BYTES_MAX)
            self.head = parse_note(newest or b"", "the newest archived checkpoint")
        self.chain.tenant = self.head.tenant

    def _ring(self) -> Keyring:
        if self.ring is None:
            raise Failed(NO_KEYS)
        return self.ring

    def _head(self) -> Note:
        if self.head is None:
            raise NotReached
        return self.head

    def _tile(self, level: object, number: int, width: int, bytes_each: int) -> Optional[Tuple[bytes, int]]:
        """The full tile, else the partial one of this width, else a wider one; with the width of what was found."""
        path = tile_path(level, number)
        wider = {int(name) for name in self._names(path + ".p") if re.fullmatch("[1-9][0-9]{0,2}", name)}
        for found in [TILE_WIDTH, *sorted(size for size in wider if width <= size < TILE_WIDTH)]:
            content = self._read(tile_path(level, number, found), bytes_each * found)
            if content is not None:
                return content, found
        return None

    def read(self) -> None:
        size = self._head().size
        for number in range((size + TILE_WIDTH - 1) // TILE_WIDTH):
            width = min(TILE_WIDTH, size - number * TILE_WIDTH)
            name = tile_path("entries", number)
            try:
                tile = self._tile("entries", number, width, ENTRY_BYTES_MAX + 2)
                need(tile is not None, f"{name} (or its partial tile) is missing")
                assert tile is not None
                for entry in _bundle(tile[0], tile[1], name)[:width]:
                    self.chain.add(entry)
            except Failed as failed:
                self.chain.fail(failed.reason, number * TILE_WIDTH)
                return

    def tiles(self) -> Tiles:
        if self._tiles is not None:
            return self._tiles
        tiles = Tiles(self._head().size)
        level = 0
        while tiles.size >> 8 * level:
            number = 0
            while tiles.width(level, number):
                tile = self._tile(level, number, tiles.width(level, number), HASH_BYTES)
                if tile is None:
                    break  # whoever needs it says that it is missing
                need(len(tile[0]) == tile[1] * HASH_BYTES, f"{tile_path(level, number, tile[1])} is cut")
                tiles.put(level, number, tile[0])
                number += 1
            level += 1
        self._tiles = tiles
        return tiles

    def checkpoint(self) -> str:
        self.open()
        self.read()
        head, current = self._head(), self.current
        assert current is not None
        need(current.origin == head.origin, "checkpoint and checkpoint-history are of different logs")
        envelope = self._read(f"checkpoint-history/{head.size:016d}.dsse.json", JSON_BYTES_MAX)
        need(envelope is not None, f"checkpoint-history/{head.size:016d}.dsse.json is missing")
        sealed = strict_json(envelope or b"", "the envelope of the checkpoint")
        between = self.chain.when_covered(head.size)

        def prove() -> bool:
            return self.history().proven(head, head.size)

        said = check_checkpoint(head, sealed, self._ring(), between, "the checkpoint", prove)
        return said + ("" if head is current else f"; `checkpoint` is older, of {current.size}")

    def entries(self) -> str:
        self._head()
        return self.chain.verify()

    def history(self) -> History:
        found = History(self._head(), self._ring(), self.chain, self.tiles(), self.own, FOREVER)
        for size in self.sizes:
            found.take(size, self._read(f"checkpoint-history/{size:016d}", NOTE_BYTES_MAX) or b"")
        return found

    def archived(self) -> str:
        head, current, history = self._head(), self.current, self.history()
        assert current is not None
        need(history.compared(current), "`checkpoint` has another root than the tree at its size")
        need(head.size in history.notes, f"checkpoint-history/{head.size:016d} is missing")
        for size in self.sizes:
            history.check(size, self._read(f"checkpoint-history/{size:016d}.dsse.json", MIB))
        return f"{len(self.sizes)} archived, each with the root of the tree at its size"

    def verify(self, report: Report) -> None:
        report.run("2.1", "checkpoint", self.checkpoint)
        report.run("2.2", "entries and their chain", self.entries)
        report.run("2.3", "leaf hashes", lambda: self.chain.against(self.tiles()))
        report.run("2.4", "tiles to the root", lambda: self.tiles().verify(self._head().root))
        report.run("2.5", "archived checkpoints", self.archived, alone=True)
        report.run("4.8", "kept checkpoint", self._kept)

    def _kept(self) -> str:
        if self.own is None:
            return "not checked: none was given"
        return check_kept(self.own, self._head(), self._ring(), self.tiles(), whole=True)


def _bundle(content: bytes, width: int, name: str) -> List[bytes]:
    entries, at = [], 0
    while at < len(content):
        end = at + 2 + int.from_bytes(content[at : at + 2], "big")
        need(at + 2 <= len(content) and end <= len(content), f"{name} is cut")
        entries.append(content[at + 2 : end])
        at = end
    need(len(entries) == width, f"{name} has {len(entries)} entries, not {width}")
    return entries


# ---- the command ----------------------------------------------------------------------------------------------------


class Replayed(io.RawIOBase):
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            found, self._head = self._head + self._rest.read(), b""
            return found
        found, self._head = self._head[:size], self._head[size:]
        return found + self._rest.read(size - len(found)) if len(found) < size else found


def read_named(path: str, what: str, bytes_max: int) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(bytes_max + 1)
    except OSError as error:
        raise Unreadable(f"{what}: {error.strerror}") from None
    if len(content) > bytes_max:
        raise Unreadable(f"{what} is larger than {bytes_max} bytes")
    return content


def verify_file(
    path: str, ring: Optional[Keyring], own: Optional[Own], bodies: Dict[str, bytes]
) -> Tuple[Report, Optional[Keyring]]:
    """The report, and the keys that it rests on. Raises Unreadable."""
    if os.path.isdir(path):
        archive, report = Archive(path, ring, own), Report("archive of a log")
        archive.verify(report)
        return report, archive.ring
    try:
        with open(path, "rb") as file:
            head = file.read(512)
            if head[257:263] == b"ustar\x00":
                export, report = Export(ring, own), Report("export of a period")
                export.read(Replayed(head, file))  # type: ignore[arg-type]
                export.verify(report)
                return report, export.ring
            if not head.lstrip(b" \t\r\n").startswith(b"{"):
                raise Unreadable("it is no envelope, no ustar archive and no folder")
            raw = head + file.read(JSON_BYTES_MAX + 1)
    except OSError as error:
        raise Unreadable(error.strerror or "it cannot be read") from None
    report = Report("task evidence")
    Evidence(raw, ring, own, bodies).verify(report)
    return report, ring


def conclude(report: Report, ring: Optional[Keyring]) -> Tuple[int, str]:
    if report.reason is not None:
        place = "" if report.first_bad_index is None else f" (first bad index {report.first_bad_index})"
        return NOT_VERIFIED, f"NOT VERIFIED: {report.reason}{place}"
    if any(check["result"] == "not reached" for check in report.checks):
        return NOT_VERIFIED, "NOT VERIFIED: a check could not be made"
    if ring is None or ring.inside:
        return INSIDE_KEYS_ONLY, "NOT VERIFIED: everything holds, but only against the keys inside the file"
    return VERIFIED, "VERIFIED"


def arguments(words: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bailiwick_verify.py",
        description="Verifies task evidence, an export of a period, or a folder with the archive of a log. Offline.",
        epilog="Exit codes: 0 verified, 1 not verified, 2 cannot be read, 3 only against keys inside the file.",
    )
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--keys", metavar="FILE", help="the keys document that you trust and keep yourself")
    parser.add_argument("--checkpoint", metavar="FILE", help="a checkpoint of this log that you kept")
    parser.add_argument("--request-body", metavar="FILE", help="the request's bytes: must open its commitment")
    parser.add_argument("--response-body", metavar="FILE", help="the response's bytes: must open its commitment")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    return parser.parse_args(words)


def run(options: argparse.Namespace) -> Tuple[int, str, Optional[Report]]:
    try:
        named = ((options.keys, "--keys", KEYS_BYTES_MAX), (options.checkpoint, "--checkpoint", NOTE_BYTES_MAX))
        keys, kept = (None if path is None else read_named(path, name, most) for path, name, most in named)
        given = {"request": options.request_body, "response": options.response_body}
        bodies = {
            name: read_named(path, f"--{name}-body", JSON_BYTES_MAX) for name, path in given.items() if path is not None
        }
        try:
            ring = None if keys is None else Keyring(keys, inside=False)
            own = None if kept is None else Own(kept)
        except Failed as failed:
            raise Unreadable(failed.reason) from None
        report, used = verify_file(options.file, ring, own, bodies)
        code, line = conclude(report, used)
        return code, line, report
    except Unreadable as unreadable:
        return UNREADABLE, f"NOT VERIFIED: cannot be read: {unreadable}", None
    except MemoryError:
        return NOT_VERIFIED, "NOT VERIFIED: it does not fit into this machine's memory", None
    except Exception as error:  # the last line of defence: whatever a hostile file provokes, it is not verified
        return NOT_VERIFIED, f"NOT VERIFIED: the verifier broke on it ({type(error).__name__})", None


def main(words: Optional[List[str]] = None) -> int:
    options = arguments(words)
    code, line, report = run(options)
    checks = report.checks if report is not None else []
    if options.json:
        answer = {
            "kind": report.kind if report is not None else None,
            "exit_code": code,
            "verdict": line,
            "first_bad_index": report.first_bad_index if report is not None else None,
            "checks": checks,
        }
        print(json.dumps(answer, indent=2))
        return code
    lines = [] if report is None else [f"{report.kind}: {quote(options.file)}"]
    for check in checks:
        detail = f": {check['detail']}" if check["detail"] else ""
        lines.append(f"{check['result']:<12} {check['id']} {check['title']}{detail}")
    print("\n".join([*lines, line]).encode("ascii", "backslashreplace").decode("ascii"))
    return code


if __name__ == "__main__":
    sys.exit(main())
