"""Guarantees of bailiwick_verify.py, on logs that this file makes and signs itself, and on published vectors."""

from __future__ import annotations

import base64
import contextlib
import copy
import datetime
import functools
import gzip
import hashlib
import io
import json
import os
import random
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest
from typing import Any, Callable, Dict, List, Optional, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bailiwick_verify as verifier  # noqa: E402

# ---- a signer: RFC 8032 section 5.1.6 in affine coordinates, slow and apart from what is tested ---------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
BASE = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
)


def add(left: Tuple[int, int], right: Tuple[int, int]) -> Tuple[int, int]:
    (x1, y1), (x2, y2) = left, right
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P
    return x, y


DOUBLES = [BASE]
for _ in range(255):
    DOUBLES.append(add(DOUBLES[-1], DOUBLES[-1]))


def times_base(scalar: int) -> Tuple[int, int]:
    found = (0, 1)
    for place, point in enumerate(DOUBLES):
        if scalar >> place & 1:
            found = add(found, point)
    return found


def encoded(point: Tuple[int, int]) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


class Signer:
    """One generation of a cell's two keys; the ML-DSA-65 signatures have only the right length."""

    def __init__(self, name: str) -> None:
        self._expand(hashlib.sha256(name.encode()).digest())
        self.post_quantum = hashlib.shake_256(name.encode()).digest(1952)

    def _expand(self, seed: bytes) -> None:
        secret = hashlib.sha512(seed).digest()
        self.scalar = int.from_bytes(secret[:32], "little") & ((1 << 254) - 8) | (1 << 254)
        self.prefix = secret[32:]
        self.public = encoded(times_base(self.scalar))

    @functools.lru_cache(maxsize=None)  # it is deterministic, and the tests sign the same notes again and again
    def sign(self, message: bytes) -> bytes:
        r = int.from_bytes(hashlib.sha512(self.prefix + message).digest(), "little") % L
        commitment = encoded(times_base(r))
        k = int.from_bytes(hashlib.sha512(commitment + self.public + message).digest(), "little") % L
        return commitment + ((r + k * self.scalar) % L).to_bytes(32, "little")

    def jwks(self) -> List[Tuple[str, Dict[str, str]]]:
        return [
            ("Ed25519", {"kty": "OKP", "crv": "Ed25519", "x": url64(self.public)}),
            ("ML-DSA-65", {"kty": "AKP", "alg": "ML-DSA-65", "pub": url64(self.post_quantum)}),
        ]

    def keys(self, **members: Any) -> List[Dict[str, Any]]:
        defaults = {"not_before": "2026-01-01T00:00:00.000Z", "not_after": None, "revoked": None}
        return [
            {"kid": url64(sha(compact(jwk))), "alg": alg, "jwk": jwk, **defaults, **members} for alg, jwk in self.jwks()
        ]

    def envelope(self, payload_type: str, payload: bytes, both: bool = True) -> Dict[str, Any]:
        signed = b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)
        kids = [key["kid"] for key in self.keys()]
        signatures = [{"keyid": kids[1], "sig": std64(hashlib.shake_256(signed).digest(3309))}]
        if both:
            signatures.insert(0, {"keyid": kids[0], "sig": std64(self.sign(signed))})
        return {"payloadType": payload_type, "payload": std64(payload), "signatures": signatures}


def sha(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


def std64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def url64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def compact(value: Any) -> bytes:
    """Canonical for what this file makes: ASCII member names and integers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


# ---- a log, its archive, its evidence and its exports ---------------------------------------------------------------


def mth(leaves: List[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word, over leaf hashes."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\x01" + mth(leaves[:split]) + mth(leaves[split:]))


def audit_path(index: int, leaves: List[bytes]) -> List[bytes]:
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return audit_path(index, leaves[:split]) + [mth(leaves[split:])]
    return audit_path(index - split, leaves[split:]) + [mth(leaves[:split])]


ORIGIN = "ledger.example.com/acme"
START_MS = 1_795_244_400_000
MINUTE_MS = 60_000
SIZE = 600
OPENED, CLOSED, CORRECTED = 300, 301, 305
TASK = "task_7Q"
SALT = bytes(range(16))
REQUEST, RESPONSE = b'{"model":"synthetic-small"}', b"an answer"


def iso(ms: int) -> str:
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def entry_ms(index: int) -> int:
    """A minute apart, with silences of two hours before entries 280 and 450."""
    return START_MS + index * MINUTE_MS + (120 * MINUTE_MS) * ((index >= 280) + (index >= 450))


def commitment(body: bytes) -> str:
    return sha(SALT + body).hex()


ROUTE = {"route": "chat", "lane": "local", "provider": "own", "model": "synthetic-small", "reasons": []}


def entry(index: int, prev: str) -> Dict[str, Any]:
    made: Dict[str, Any] = {
        "schema_version": 1,
        "tenant": "acme",
        "seq": index,
        "at": iso(entry_ms(index)),
        "kind": "usage.noted",
        "action": "noted",
        "outcome": "success",
        "task": None,
        "request": None,
        "decision": None,
        "policy": None,
        "subject": "user:ä",
        "credential": "key_1",
        "acr": "1",
        "workspace": "w",
        "project": "p",
        "environment": "prod",
        "cell": "local",
        "region": "eu-1",
        "source": None,
        "release": "1.2.3+abc",
        "snapshot": "0f",
        "detail": {"n": index},
        "prev": prev,
    }
    settled = {"usage": [{"meter": "input_tokens", "quantity": 7}], "cost_nusd": 210, "estimated": False}
    closing = {**settled, "status": "succeeded", "obligations": [], "call": {"response": commitment(RESPONSE)}}
    if index == OPENED:
        call = {"request": commitment(REQUEST)}
        detail = {"operation": "chat.completions", "intent": "chat", "keyed": True, "call": call}
        made.update(kind="task.opened", outcome="pending", task=TASK, decision="dec_1", detail=detail)
    if index == CLOSED:
        made.update(kind="task.closed", task=TASK, detail={**closing, "route": {**ROUTE, "chosen_by": "load"}})
    if index == CORRECTED:
        route = {**ROUTE, "model_digest": "ab" * 32, "chosen_by": "load"}
        made.update(kind="task.corrected", task=TASK, detail={**closing, "cost_nusd": 200, "route": route})
    return made


class Log:
    """A log with every artefact of the specification. `change(index, entry)` may alter an entry before it is hashed."""

    def __init__(self, signer: Signer, size: int = SIZE, change: Optional[Callable[[int, Any], None]] = None) -> None:
        self.signer = signer
        self.size = size
        self.texts: List[bytes] = []
        self.leaves: List[bytes] = []
        for index in range(size):
            made = entry(index, self.leaves[-1].hex() if self.leaves else "0" * 64)
            if change is not None:
                change(index, made)
            self.texts.append(compact(made))
            self.leaves.append(sha(b"\x00" + self.texts[-1]))
        self.sizes = [size_ for size_ in (1, 256, 300, 400, 512, 600) if size_ <= size]

    @functools.lru_cache(maxsize=None)
    def root(self, size: int) -> bytes:
        return mth(self.leaves[:size])

    def text(self, size: int, root: Optional[bytes] = None) -> bytes:
        return f"{ORIGIN}\n{size}\n{std64(root or self.root(size))}\n".encode()

    def note(self, size: int, signer: Optional[Signer] = None, root: Optional[bytes] = None) -> bytes:
        by, text = signer or self.signer, self.text(size, root)
        key_id = sha(ORIGIN.encode() + b"\n\x01" + by.public)[:4]
        return text + "\n\u2014 ".encode() + f"{ORIGIN} {std64(key_id + by.sign(text))}\n".encode()

    def note_envelope(self, size: int, signer: Optional[Signer] = None, root: Optional[bytes] = None) -> Dict[str, Any]:
        kind = "application/vnd.bailiwick.checkpoint"
        return (signer or self.signer).envelope(kind, self.text(size, root), both=False)

    def tile(self, level: int, number: int, size: int) -> bytes:
        step = 256**level
        width = min(256, size // step - 256 * number)
        first = number * 256
        return b"".join(mth(self.leaves[at * step : (at + 1) * step]) for at in range(first, first + width))

    def tile_names(self, size: int) -> List[Tuple[int, int, str]]:
        found = []
        level = 0
        while size >> 8 * level:
            hashes = size >> 8 * level
            for number in range((hashes + 255) // 256):
                width = min(256, hashes - 256 * number)
                found.append((level, number, f"tile/{level}/{number:03d}" + (f".p/{width}" if width < 256 else "")))
            level += 1
        return found

    # -- task evidence --

    def statement(self) -> Dict[str, Any]:
        indices = [OPENED, CLOSED, CORRECTED]
        return {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [
                {"name": f"{ORIGIN}#{index}", "digest": {"sha256": sha(self.texts[index]).hex()}} for index in indices
            ],
            "predicateType": "https://bailiwick.example.com/evidence/task/v1",
            "predicate": {
                "schema_version": 1,
                "generated_at": iso(entry_ms(SIZE)),
                "task": {
                    "id": TASK,
                    "operation": "chat.completions",
                    "status": "succeeded",
                    "intent": "chat",
                    "created": iso(entry_ms(OPENED)),
                    "finished": iso(entry_ms(CORRECTED)),
                },
                "log": {
                    "origin": ORIGIN,
                    "checkpoint": self.note(self.size).decode(),
                    "checkpoint_dsse": self.note_envelope(self.size),
                    "entries": [
                        {
                            "index": index,
                            "entry": self.texts[index].decode(),
                            "proof": [std64(part) for part in audit_path(index, self.leaves)],
                        }
                        for index in indices
                    ],
                },
                "actor": {
                    "subject": "user:ä",
                    "credential": "key_1",
                    "acr": "1",
                    "tenant": "acme",
                    "workspace": "w",
                    "project": "p",
                    "environment": "prod",
                },
                "decision": {"id": "dec_1", "outcome": None, "layers": None, "obligations": [], "reasons": None},
                "route": {**ROUTE, "model_digest": "ab" * 32},
                "usage": [{"meter": "input_tokens", "quantity": 7}],
                "cost_nusd": 200,
                "estimated": False,
                "idempotency": {"keyed": True},
                "commitments": {
                    "request": {"digest": commitment(REQUEST), "salt": SALT.hex()},
                    "response": {"digest": commitment(RESPONSE), "salt": None},
                },
                "residency": {"cell": "local", "jurisdiction": "eu", "region": "eu-1", "pool": None, "stores": []},
                "release": {"version": "1.2.3", "digest": "abc", "sbom": None, "cbom": None, "provenance": None},
                "transcript": None,
            },
        }

    def sealed(self, statement: Dict[str, Any], signer: Optional[Signer] = None) -> bytes:
        return json.dumps(
            (signer or self.signer).envelope("application/vnd.in-toto+json", compact(statement)), indent=1
        ).encode()

    # -- export of a period --

    def spans(self, first: int, count: int) -> Dict[str, Any]:
        """A period that begins and ends half a minute before an entry, or half a day outside of the log."""
        half = MINUTE_MS // 2
        begin = entry_ms(first) - half if first else START_MS - 720 * MINUTE_MS
        last = first + count
        if first and not count:
            begin = entry_ms(first - 1) + half
        end = entry_ms(last) - half if last < self.size else entry_ms(self.size - 1) + 720 * MINUTE_MS
        points: List[Tuple[int, Optional[int]]] = [] if first else [(begin, None)]
        points += [(entry_ms(index), index) for index in range(max(first - 1, 0), min(last + 1, self.size))]
        points += [(end, None)] if last == self.size else []
        spans = []
        for (earlier, after), (later, before) in zip(points, points[1:]):
            start, stop = max(earlier, begin), min(later, end)
            if stop - start >= 3_600_000:
                spans.append({"from": iso(start), "to": iso(stop), "after": after, "before": before})
        return {
            "from": iso(begin),
            "to": iso(end),
            "first": first,
            "count": count,
            "size": self.size,
            "spans": spans,
            "gaps": [],
            "before": {"index": first - 1, "at": iso(entry_ms(first - 1))} if first else None,
            "after": {"index": last, "at": iso(entry_ms(last))} if last < self.size else None,
        }

    def export_files(self, keys: bytes, first: int, count: int) -> Dict[str, bytes]:
        files = {"keys.json": keys, "checkpoint": self.note(self.size)}
        files["checkpoint.dsse.json"] = json.dumps(self.note_envelope(self.size)).encode()
        for size in self.sizes:
            if first < size <= first + count:
                files[f"checkpoint-history/{size:016d}"] = self.note(size)
                files[f"checkpoint-history/{size:016d}.dsse.json"] = json.dumps(self.note_envelope(size)).encode()
        held = range(max(first - 1, 0), min(first + count + 1, self.size))
        for level, number, name in self.tile_names(self.size):
            if level > 0 or ".p/" in name or number in {index // 256 for index in held}:
                files[name] = self.tile(level, number, self.size)
        at = held.start
        while at < held.stop:
            stop = min(held.stop, (at // 256 + 1) * 256)
            files[f"entries/{at:016d}.jsonl"] = b"".join(text + b"\n" for text in self.texts[at:stop])
            at = stop
        files["spans.json"] = json.dumps(self.spans(first, count)).encode()
        return files

    def manifest(self, files: Dict[str, bytes], signer: Optional[Signer] = None, **members: Any) -> bytes:
        predicate = {
            "schema_version": 1,
            "generated_at": iso(entry_ms(SIZE) + 1440 * MINUTE_MS),
            "origin": ORIGIN,
            "cell": "local",
            "jurisdiction": "eu",
            "worm": "not WORM",
            **json.loads(files["spans.json"]),
            **members,
        }
        statement = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": name, "digest": {"sha256": sha(raw).hex()}} for name, raw in files.items()],
            "predicateType": "https://bailiwick.example.com/evidence/ledger-export/v1",
            "predicate": predicate,
        }
        return self.sealed(statement, signer)

    def export(self, files: Dict[str, bytes]) -> bytes:
        return tar([*files.items(), ("manifest.dsse.json", self.manifest(files))])

    # -- archive --

    def archive(self) -> Dict[str, bytes]:
        files = {"checkpoint": self.note(self.size)}
        for size in self.sizes:
            files[f"checkpoint-history/{size:016d}"] = self.note(size)
            files[f"checkpoint-history/{size:016d}.dsse.json"] = json.dumps(self.note_envelope(size)).encode()
        for level, number, name in self.tile_names(self.size):
            files[name] = self.tile(level, number, self.size)
            if level == 0:
                held = self.texts[number * 256 : number * 256 + 256]
                bundle = b"".join(len(text).to_bytes(2, "big") + text for text in held)
                files[name.replace("tile/0/", "tile/entries/")] = bundle
        return files


def tar(files: List[Tuple[str, bytes]], form: int = tarfile.USTAR_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as archive:
        for name, raw in files:
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return made.getvalue()


def keys_document(*keys: List[Dict[str, Any]]) -> bytes:
    document = {"schema_version": 1, "cell": "local", "origin": "ledger.example.com", "keys": sum(keys, [])}
    return json.dumps(document).encode()


NEW, OLD = Signer("new"), Signer("old")
LOG = Log(NEW)
KEYS = keys_document(NEW.keys())
SHARED = os.environ.get("BAILIWICK_SHARED") or os.path.join(HERE, "..", "..", "..", "shared")


class Bench(unittest.TestCase):
    """Runs the command as a user does, in this process."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def put(self, name: str, raw: bytes) -> str:
        path = os.path.join(self.folder, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(raw)
        return path

    def put_all(self, folder: str, files: Dict[str, bytes]) -> str:
        for name, raw in files.items():
            self.put(f"{folder}/{name}", raw)
        return os.path.join(self.folder, folder)

    def run_on(self, path: str, keys: Optional[bytes] = KEYS, *words: str) -> Tuple[int, Dict[str, Any]]:
        trusted = [] if keys is None else ["--keys", self.put("trusted.json", keys)]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = verifier.main([path, "--json", *trusted, *words])
        answer: Dict[str, Any] = json.loads(printed.getvalue())
        self.assertEqual(answer["exit_code"], code)
        self.assertNotIn("broke", answer["verdict"])
        return code, answer

    def verified(self, path: str, keys: Optional[bytes] = KEYS, *words: str) -> Dict[str, Any]:
        code, answer = self.run_on(path, keys, *words)
        self.assertEqual((code, answer["verdict"]), (0, "VERIFIED"), json.dumps(answer, indent=1))
        self.assertEqual({check["result"] for check in answer["checks"]} - {"ok", "not checked"}, set())
        return answer

    def refused(
        self, path: str, check: str, index: Optional[int] = None, keys: Optional[bytes] = KEYS, *words: str
    ) -> Dict[str, Any]:
        """Not verified, and `check` is the first that fails."""
        code, answer = self.run_on(path, keys, *words)
        failed = [found["id"] for found in answer["checks"] if found["result"] == "failed"]
        shown = json.dumps(answer, indent=1)
        self.assertEqual((code, failed[:1], answer["first_bad_index"]), (1, [check], index), shown)
        self.assertTrue(answer["verdict"].startswith("NOT VERIFIED: "))
        self.assertEqual(f"(first bad index {index})" in answer["verdict"], index is not None)
        return answer


class Vectors(unittest.TestCase):
    def vectors(self, name: str) -> Any:
        path = os.path.join(SHARED, "vectors", name)
        if not os.path.exists(path):
            self.skipTest(f"no vectors at {name}: set BAILIWICK_SHARED to the folder that has vectors/")
        with gzip.open(path) as file:
            return json.load(file)

    def test_ed25519_answers_as_wycheproof_so_that_no_malleable_or_degenerate_signature_counts(self) -> None:
        count = 0
        for group in self.vectors("wycheproof/ed25519_test.json.gz")["testGroups"]:
            public = bytes.fromhex(group["publicKey"]["pk"])
            for case in group["tests"]:
                with self.subTest(case["tcId"], comment=case["comment"]):
                    found = verifier.ed25519_verify(public, bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
                    self.assertEqual(found, case["result"] == "valid")
                count += 1
        self.assertGreater(count, 100)

    def test_canonical_json_is_that_of_rfc_8785(self) -> None:
        cases = self.vectors("jcs/cases.json.gz")
        for name, case in cases.items():
            with self.subTest(name):
                value = verifier.strict_json(case["input"].encode(), name)
                self.assertEqual(verifier.canonical(value), case["output"])
        self.assertGreater(len(cases), 4)

    def test_inclusion_proofs_are_judged_as_published(self) -> None:
        cases = self.vectors("merkle/proofs.json.gz")
        chosen = {name: case for name, case in cases.items() if name.startswith("inclusion/")}
        for name, case in chosen.items():
            with self.subTest(name):
                leaf, root = base64.b64decode(case["leafHash"]), base64.b64decode(case["root"])
                path = [base64.b64decode(part) for part in case["proof"] or []]
                found = verifier.root_from_path(case["leafIdx"], case["treeSize"], leaf, path)
                self.assertEqual(found == root, not case["wantErr"])
        self.assertGreater(len(chosen), 40)


class Primitives(unittest.TestCase):
    def test_the_signer_of_these_tests_is_rfc_8032s(self) -> None:
        signer = Signer("")
        signer._expand(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
        public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        signature = (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0"
            "595bbe24655141438e7a100b"
        )
        self.assertEqual((signer.public.hex(), signer.sign(b"").hex()), (public, signature))

    def test_small_order_keys_sign_nothing(self) -> None:
        for point in ("01" + "00" * 31, "00" * 32, "ec" + "ff" * 30 + "7f", "ee" + "ff" * 30 + "7f"):
            with self.subTest(point):
                self.assertFalse(verifier.ed25519_verify(bytes.fromhex(point), b"", bytes.fromhex(point) + bytes(32)))

    def test_doubles_are_written_as_ecmascript_writes_them(self) -> None:
        # RFC 8785, appendix B.
        for bits, text in (
            ("0000000000000000", "0"),
            ("8000000000000000", "0"),
            ("0000000000000001", "5e-324"),
            ("7fefffffffffffff", "1.7976931348623157e+308"),
            ("ffefffffffffffff", "-1.7976931348623157e+308"),
            ("4340000000000000", "9007199254740992"),
            ("4430000000000000", "295147905179352830000"),
            ("44b52d02c7e14af5", "9.999999999999997e+22"),
            ("44b52d02c7e14af6", "1e+23"),
            ("444b1ae4d6e2ef4f", "999999999999999900000"),
            ("444b1ae4d6e2ef50", "1e+21"),
            ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
            ("3eb0c6f7a0b5ed8d", "0.000001"),
            ("41b3de4355555553", "333333333.3333332"),
            ("becbf647612f3696", "-0.0000033333333333333333"),
            ("43143ff3c1cb0959", "1424953923781206.2"),
        ):
            with self.subTest(bits):
                (value,) = struct.unpack(">d", bytes.fromhex(bits))
                self.assertEqual(verifier.canonical(value), text)

    def test_what_is_not_strict_json_is_refused_so_that_two_readers_cannot_differ(self) -> None:
        for text in (
            b'{"a":1,"a":2}',
            b'{"a":1,"\\u0061":2}',
            b"NaN",
            b"[Infinity]",
            b"[-Infinity]",
            b"[1e400]",
            b"1" * 5000,
            b"[01]",
            b"[1.]",
            b"{'a':1}",
            b'["\\ud800"]',
            b'{"\\udc00":1}',
            b'["\xff"]',
            b'["\n"]',
            b"[1,]",
            b"[1] x",
            b"",
            b"\xef\xbb\xbf[]",
            b"[" * 65 + b"]" * 65,
            b"[" * 1_000_000,
            b'{"a":' * 1_000_000,
            b'"' + b'\\"' * 1_000_000,
            b'"\\',
        ):
            with self.subTest(text[:20]), self.assertRaises(verifier.Failed):
                verifier.strict_json(text, "it")
        self.assertEqual(verifier.strict_json(b"[" * 64 + b"]" * 64, "it")[0] is not None, True)

    def test_other_texts_of_the_same_value_are_not_canonical(self) -> None:
        for text in (b"[1.0]", b"[-0]", b"[1e2]", b'{"b":1,"a":2}', b"[ 1]", b'["\\u00e4"]', b'["\\/"]', b"[1]\n"):
            with self.subTest(text), self.assertRaises(verifier.Failed):
                verifier.canonical_json(text, "it")
        for text in (b"[9007199254740993]", b"[10000000000000000000000]"):
            with self.subTest(text), self.assertRaises(verifier.Failed):
                verifier.canonical_json(text, "it")

    def test_members_are_ordered_by_utf_16_so_that_astral_names_come_before_private_ones(self) -> None:
        value = {"\ue000": 1, "\U0001f600": 2}
        self.assertEqual(verifier.canonical(value), '{"\U0001f600":2,"\ue000":1}')

    def test_tile_paths_are_those_of_tlog_tiles(self) -> None:
        self.assertEqual(verifier.tile_path(2, 1234067), "tile/2/x001/x234/067")
        self.assertEqual(verifier.parse_tile_path("tile/2/x001/x234/067.p/8"), ("2", 1234067, 8))
        for name in ("tile/2/x000/067", "tile/64/000", "tile/01/000", "tile/0/000.p/256", "tile/0/000.p/08"):
            with self.subTest(name):
                self.assertIsNone(verifier.parse_tile_path(name))

    def test_a_tree_over_three_levels_of_tiles_has_the_root_of_rfc_6962_at_every_size(self) -> None:
        leaves = [sha(b"%d" % index) for index in range(70_000)]
        tiles = verifier.Tiles(len(leaves))
        rows = leaves
        level = 0
        while rows:
            for number in range((len(rows) + 255) // 256):
                tiles.put(level, number, b"".join(rows[number * 256 : number * 256 + 256]))
            rows = [mth(rows[at : at + 256]) for at in range(0, len(rows) // 256 * 256, 256)]
            level += 1
        self.assertEqual(level, 3)
        tiles.verify(mth(leaves))
        for size in (0, 1, 256, 257, 4097, 65_536, 65_537):
            self.assertEqual(tiles.root(size), mth(leaves[:size]), size)


class Evidence(Bench):
    def sealed(self, change: Callable[[Dict[str, Any]], None], signer: Signer = NEW) -> str:
        statement = LOG.statement()
        change(statement)
        return self.put("evidence.json", LOG.sealed(statement, signer))

    def test_good_evidence_is_verified_with_one_line_for_every_check_in_order(self) -> None:
        answer = self.verified(self.sealed(lambda _: None))
        self.assertEqual([check["id"] for check in answer["checks"]], [f"4.{number}" for number in range(1, 9)])
        self.assertIn("ML-DSA-65 not checked", answer["checks"][0]["detail"])

    def test_a_task_refused_before_it_opened_needs_no_closing_entry(self) -> None:
        def change(index: int, made: Any) -> None:
            if index == 3:
                made.update(kind="task.refused", outcome="failure", task=TASK, detail={"operation": "chat.completions"})

        log = Log(NEW, 5, change)
        statement = LOG.statement()
        predicate = statement["predicate"]
        statement["subject"] = [{"name": f"{ORIGIN}#3", "digest": {"sha256": sha(log.texts[3]).hex()}}]
        proof = [std64(part) for part in audit_path(3, log.leaves)]
        predicate["log"].update(checkpoint=log.note(5).decode(), checkpoint_dsse=log.note_envelope(5))
        predicate["log"]["entries"] = [{"index": 3, "entry": log.texts[3].decode(), "proof": proof}]
        predicate["task"].update(intent=None, status=None, finished=None, created=iso(entry_ms(3)))
        predicate["decision"]["id"] = None
        predicate.update(route=None, usage=[], cost_nusd=0, idempotency={"keyed": False})
        predicate["commitments"] = {"request": None, "response": None}
        self.verified(self.put("evidence.json", log.sealed(statement)))

    def test_without_keys_of_the_users_own_nothing_is_verified(self) -> None:
        self.refused(self.sealed(lambda _: None), "4.1", None, None)

    def test_a_change_of_the_payload_breaks_the_signature(self) -> None:
        envelope = json.loads(LOG.sealed(LOG.statement()))
        changed = base64.b64decode(envelope["payload"]).replace(b'"cost_nusd":200', b'"cost_nusd":100')
        envelope["payload"] = std64(changed)
        self.refused(self.put("evidence.json", json.dumps(envelope).encode()), "4.1")

    def test_both_kinds_of_signature_are_demanded(self) -> None:
        envelope = json.loads(LOG.sealed(LOG.statement()))
        short = copy.deepcopy(envelope)
        short["signatures"][1]["sig"] = std64(bytes(3308))
        for signatures in (envelope["signatures"][:1], envelope["signatures"][1:], [], short["signatures"]):
            changed = {**envelope, "signatures": signatures}
            self.refused(self.put("evidence.json", json.dumps(changed).encode()), "4.1")

    def test_a_signature_that_names_a_trusted_key_and_is_not_by_it_or_comes_twice_is_a_fault(self) -> None:
        envelope = json.loads(LOG.sealed(LOG.statement()))
        good, other = envelope["signatures"]
        strange = {"keyid": "strange", "sig": std64(bytes(64))}
        path = self.put("evidence.json", json.dumps({**envelope, "signatures": [strange, good, other]}).encode())
        self.verified(path)
        for fault in (
            [good, other, {**good, "sig": std64(bytes(64))}],
            [good, other, {**good, "sig": std64(bytes(3309))}],
            [good, other, {**other, "sig": std64(bytes(3310))}],
            [good, other, good],
            [good, other, {**good, "keyid": ""}],
            [good, other, {**other, "sig": std64(bytes(3309))}],
            [good, {**other, "keyid": "strange"}],
            [good, *({**strange, "sig": std64(bytes([n] * 64))} for n in range(15)), other],
        ):
            self.refused(self.put("evidence.json", json.dumps({**envelope, "signatures": fault}).encode()), "4.1")

    def test_a_trusted_ml_dsa_key_is_demanded_too_so_that_dropping_it_from_the_keys_is_no_downgrade(self) -> None:
        self.refused(self.sealed(lambda _: None), "4.1", None, keys_document(NEW.keys()[:1]))

    def test_a_stranger_cannot_sign(self) -> None:
        self.refused(self.sealed(lambda _: None, OLD), "4.1")

    def test_other_types_and_forms_of_a_statement_are_refused(self) -> None:
        changes: List[Callable[[Any], None]] = [
            lambda it: it.update(_type="https://in-toto.io/Statement/v0.1"),
            lambda it: it.update(predicateType="https://bailiwick.example.com/evidence/ledger-export/v1"),
            lambda it: it["predicate"].update(schema_version=2),
            lambda it: it["predicate"].update(schema_version=True),
        ]
        for change in changes:
            self.refused(self.sealed(change), "4.2")
        spaced = NEW.envelope("application/vnd.in-toto+json", json.dumps(LOG.statement()).encode())
        self.refused(self.put("evidence.json", json.dumps(spaced).encode()), "4.2")

    def test_a_checkpoint_that_no_trusted_key_signed_or_of_another_log_proves_nothing(self) -> None:
        log = LOG.statement()["predicate"]["log"]
        other_text = LOG.note_envelope(512)
        other = "ledger.example.com/other"
        unsealed = {**log["checkpoint_dsse"], "signatures": [{"sig": std64(bytes(64))}]}
        for change in (
            {"checkpoint": LOG.note(SIZE, OLD).decode()},
            {"checkpoint": log["checkpoint"].replace("ledger.example.com/acme 1", "x")[:-20] + "\n"},
            {"checkpoint": log["checkpoint"].replace(f"\n{SIZE}\n", f"\n{SIZE + 1}\n")},
            {"checkpoint": log["checkpoint"].replace("\n\n", "\nextension\n\n")},
            {"checkpoint": log["checkpoint"].replace("\u2014 ", "-- ")},
            {"origin": other},
            {"checkpoint_dsse": other_text},
            {"checkpoint_dsse": unsealed},
        ):
            with self.subTest(next(iter(change))):
                self.refused(self.sealed(lambda it, change=change: it["predicate"]["log"].update(change)), "4.3")

    def test_a_line_of_a_stranger_beside_the_good_one_is_ignored_but_a_false_one_of_a_trusted_key_is_not(self) -> None:
        good = LOG.note(SIZE).decode()
        strange = LOG.note(SIZE, OLD).decode().split("\n\n")[1]
        self.verified(self.sealed(lambda it: it["predicate"]["log"].update(checkpoint=good + strange)))
        false = LOG.note(512).decode().split("\n\n")[1]
        self.refused(self.sealed(lambda it: it["predicate"]["log"].update(checkpoint=good + false)), "4.3")

    def test_an_entry_that_was_changed_is_named(self) -> None:
        def swap(it: Any, place: int, old: str, new: str, digest: bool) -> None:
            item = it["predicate"]["log"]["entries"][place]
            self.assertIn(old, item["entry"])
            item["entry"] = item["entry"].replace(old, new)
            if digest:
                it["subject"][place]["digest"]["sha256"] = sha(item["entry"].encode()).hex()

        self.refused(self.sealed(lambda it: swap(it, 2, ":200", ":100", False)), "4.4", CORRECTED)
        self.refused(self.sealed(lambda it: swap(it, 2, ":200", ":100", True)), "4.4", CORRECTED)
        self.refused(self.sealed(lambda it: swap(it, 1, '"acr":', '"acr": ', True)), "4.4", CLOSED)
        self.refused(self.sealed(lambda it: swap(it, 1, '"kind":', '"kind":"x","kind":', True)), "4.4", CLOSED)

    def test_an_entry_at_another_place_is_named(self) -> None:
        def move(it: Any) -> None:
            it["subject"][0]["name"] = f"{ORIGIN}#299"
            it["predicate"]["log"]["entries"][0]["index"] = 299

        self.refused(self.sealed(move), "4.4", 299)

    def test_a_proof_that_was_cut_or_prolonged_is_named(self) -> None:
        self.refused(self.sealed(lambda it: it["predicate"]["log"]["entries"][1]["proof"].pop()), "4.4", CLOSED)
        more = std64(bytes(32))
        self.refused(self.sealed(lambda it: it["predicate"]["log"]["entries"][1]["proof"].append(more)), "4.4", CLOSED)

    def test_a_log_that_was_signed_with_a_broken_chain_or_a_foreign_tenant_is_refused(self) -> None:
        def foreign(index: int, made: Any) -> None:
            if index == OPENED:
                made["tenant"] = "other"

        def broken(index: int, made: Any) -> None:
            if index == CLOSED:
                made["prev"] = "11" * 32

        def earlier(index: int, made: Any) -> None:
            if index == CLOSED:
                made["at"] = iso(entry_ms(OPENED) - 1)

        for change, check, bad in ((foreign, "4.4", OPENED), (broken, "4.5", CLOSED), (earlier, "4.5", CLOSED)):
            log = Log(NEW, SIZE, change)
            self.refused(self.put("evidence.json", log.sealed(log.statement())), check, bad)

    def test_entries_out_of_order_are_refused(self) -> None:
        self.refused(self.sealed(lambda it: it["predicate"]["log"]["entries"].reverse()), "4.5", CLOSED)

    def test_a_predicate_that_says_other_than_the_entries_is_refused_and_the_entry_named(self) -> None:
        for path, value, index in (
            ("task.operation", "embeddings", OPENED),
            ("task.created", iso(entry_ms(OPENED) + 1), OPENED),
            ("task.status", "failed", CORRECTED),
            ("task.finished", iso(entry_ms(CLOSED)), CORRECTED),
            ("actor.subject", "user:b", OPENED),
            ("actor.environment", None, OPENED),
            ("decision.id", "dec_2", OPENED),
            ("decision.obligations", None, CORRECTED),
            ("route.model", "other", CORRECTED),
            ("route", None, CORRECTED),
            ("usage", [], CORRECTED),
            ("cost_nusd", 210, CORRECTED),
            ("estimated", 0, CORRECTED),
            ("idempotency.keyed", 1, OPENED),
            ("residency.region", "us-1", OPENED),
            ("release.digest", None, OPENED),
        ):

            def change(it: Any, path: str = path, value: Any = value) -> None:
                *way, last = path.split(".")
                target = it["predicate"]
                for name in way:
                    target = target[name]
                target[last] = value

            with self.subTest(path):
                self.refused(self.sealed(change), "4.6", index)

    def test_a_member_that_is_left_out_is_not_agreed(self) -> None:
        self.refused(self.sealed(lambda it: it["predicate"].pop("usage")), "4.6")

    def test_entries_of_another_task_are_refused(self) -> None:
        self.refused(self.sealed(lambda it: it["predicate"]["task"].update(id="task_8")), "4.6", OPENED)

    def test_a_task_without_its_beginning_is_refused(self) -> None:
        def change(it: Any) -> None:
            it["subject"].pop(0)
            it["predicate"]["log"]["entries"].pop(0)

        self.refused(self.sealed(change), "4.6", CLOSED)

    def test_commitments_must_be_those_of_the_entries(self) -> None:
        for name, index in (("request", OPENED), ("response", CORRECTED)):
            changed = {"digest": "00" * 32, "salt": None}
            self.refused(
                self.sealed(lambda it, name=name, to=changed: it["predicate"]["commitments"].update({name: to})),
                "4.7",
                index,
            )
            self.refused(
                self.sealed(lambda it, name=name: it["predicate"]["commitments"].update({name: None})), "4.7", index
            )

    def test_a_body_opens_its_commitment_only_when_it_is_the_one(self) -> None:
        path = self.sealed(lambda _: None)
        good, bad = self.put("good", REQUEST), self.put("bad", REQUEST + b" ")
        self.verified(path, KEYS, "--request-body", good)
        self.refused(path, "4.7", None, KEYS, "--request-body", bad)
        self.refused(path, "4.7", None, KEYS, "--response-body", self.put("body", RESPONSE))

    def test_a_kept_checkpoint_of_another_root_shows_that_the_log_was_rewritten(self) -> None:
        path = self.sealed(lambda _: None)
        self.verified(path, KEYS, "--checkpoint", self.put("kept", LOG.note(SIZE)))
        answer = self.verified(path, KEYS, "--checkpoint", self.put("kept", LOG.note(512)))
        self.assertEqual(answer["checks"][-1]["result"], "not checked")
        other = self.put("kept", LOG.note(SIZE, root=sha(b"other")))
        self.refused(path, "4.8", None, KEYS, "--checkpoint", other)
        self.refused(path, "4.8", None, KEYS, "--checkpoint", self.put("kept", LOG.note(SIZE, OLD)))


class Keys(Bench):
    """The evidence of these tests was generated at entry_ms(SIZE)."""

    def setUp(self) -> None:
        super().setUp()
        self.path = self.put("evidence.json", LOG.sealed(LOG.statement()))

    def test_a_key_counts_in_its_time_only(self) -> None:
        generated = entry_ms(SIZE)
        self.verified(self.path, keys_document(NEW.keys(not_after=iso(generated + 1))))
        self.verified(self.path, keys_document(NEW.keys(not_before=iso(generated))))
        self.refused(self.path, "4.1", None, keys_document(NEW.keys(not_after=iso(generated))))
        self.refused(self.path, "4.1", None, keys_document(NEW.keys(not_before=iso(generated + 1))))

    def test_a_key_that_was_retired_later_still_counts_and_a_compromised_one_never(self) -> None:
        later, earlier = iso(entry_ms(SIZE) + 1), iso(entry_ms(SIZE))
        for reason in ("superseded", "retired"):
            self.verified(self.path, keys_document(NEW.keys(revoked={"at": later, "reason": reason})))
            self.refused(self.path, "4.1", None, keys_document(NEW.keys(revoked={"at": earlier, "reason": reason})))
        for reason in ("compromised", "because"):
            keys = keys_document(NEW.keys(revoked={"at": later, "reason": reason}))
            self.refused(self.path, "4.1", None, keys, "--checkpoint", self.put("kept", LOG.note(SIZE)))

    def test_a_checkpoint_of_a_compromised_key_is_proven_by_the_same_one_of_a_good_key_that_the_user_kept(self) -> None:
        statement = LOG.statement()
        statement["predicate"]["log"]["checkpoint"] = LOG.note(SIZE, OLD).decode()
        path = self.put("evidence.json", LOG.sealed(statement))
        revoked = OLD.keys(revoked={"at": iso(entry_ms(SIZE)), "reason": "compromised"})
        keys = keys_document(NEW.keys(), revoked)
        self.refused(path, "4.3", None, keys)
        self.verified(path, keys, "--checkpoint", self.put("kept", LOG.note(SIZE)))
        self.refused(path, "4.3", None, keys, "--checkpoint", self.put("kept", LOG.note(512)))
        self.refused(path, "4.3", None, keys, "--checkpoint", self.put("kept", LOG.note(SIZE, OLD)))

    def test_a_kept_checkpoint_is_good_at_any_time_of_its_key(self) -> None:
        outside = OLD.keys(not_after=iso(START_MS), revoked={"at": iso(START_MS), "reason": "retired"})
        keys, kept = keys_document(NEW.keys(), outside), self.put("kept", LOG.note(SIZE, OLD))
        self.verified(self.path, keys, "--checkpoint", kept)

    def test_a_keys_file_that_is_not_one_is_unreadable_rather_than_empty(self) -> None:
        good = json.loads(KEYS)
        wrong_kid, twice = copy.deepcopy(good), copy.deepcopy(good)
        wrong_kid["keys"][0]["kid"] = good["keys"][1]["kid"]
        twice["keys"].append(twice["keys"][0])
        short = copy.deepcopy(good)
        short["keys"][1]["jwk"]["pub"] = "AAAA"
        for keys in (b"", b"[]", b"{}", b"\xff", *(json.dumps(it).encode() for it in (wrong_kid, twice, short))):
            code, answer = self.run_on(self.path, keys)
            self.assertEqual((code, answer["checks"]), (2, []))

    def test_a_key_of_an_algorithm_to_come_does_not_hide_the_others(self) -> None:
        document = json.loads(KEYS)
        document["keys"].insert(0, {"kid": "x", "alg": "SLH-DSA-SHA2-128s", "jwk": {}})
        self.verified(self.path, json.dumps(document).encode())


class Export(Bench):
    def exported(self, first: int, count: int, log: Log = LOG) -> Dict[str, bytes]:
        return log.export_files(KEYS, first, count)

    def put_export(self, files: Dict[str, bytes], log: Log = LOG) -> str:
        return self.put("export.tar", log.export(files))

    def with_spans(self, files: Dict[str, bytes], **members: Any) -> Dict[str, bytes]:
        return {**files, "spans.json": json.dumps({**json.loads(files["spans.json"]), **members}).encode()}

    def test_good_exports_are_verified_wherever_the_period_lies(self) -> None:
        for first, count in ((250, 270), (0, 600), (0, 1), (599, 1), (256, 256), (280, 0), (300, 0), (0, 0), (600, 0)):
            with self.subTest(first=first, count=count):
                answer = self.verified(self.put_export(self.exported(first, count)))
                self.assertEqual(len(answer["checks"]), 10)
        small = Log(NEW, 256)
        self.verified(self.put_export(self.exported(3, 200, small), small))
        empty = Log(NEW, 0)
        self.verified(self.put_export(self.exported(0, 0, empty), empty))

    def test_archived_checkpoints_are_compared_with_the_tree(self) -> None:
        answer = self.verified(self.put_export(self.exported(250, 270)))
        self.assertEqual(answer["checks"][7]["detail"], "4 archived, 4 compared with the tree")

    def test_keys_inside_the_file_prove_only_that_it_agrees_with_itself(self) -> None:
        path = self.put_export(self.exported(250, 270))
        code, answer = self.run_on(path, None)
        self.assertEqual(code, 3)
        self.assertTrue(answer["verdict"].startswith("NOT VERIFIED: "))

    def test_any_changed_byte_of_any_file_is_found(self) -> None:
        files = self.exported(505, 10)
        manifest = LOG.manifest(files)
        for name in files:
            raw = bytearray(files[name])
            raw[len(raw) // 2] ^= 1
            path = self.put("export.tar", tar([*{**files, name: bytes(raw)}.items(), ("manifest.dsse.json", manifest)]))
            with self.subTest(name):
                code, answer = self.run_on(path)
                self.assertEqual(code, 1, answer)
                self.assertEqual([c["id"] for c in answer["checks"] if c["result"] == "failed"][0], "5.2")

    def test_a_missing_a_foreign_a_moved_and_a_doubled_file_are_found(self) -> None:
        files = self.exported(250, 270)
        last = ("manifest.dsse.json", LOG.manifest(files))
        listed = list(files.items())
        moved = [listed[1], listed[0], *listed[2:]]
        for name, changed in (
            ("missing", [*listed[:4], *listed[5:], last]),
            ("foreign", [*listed, ("readme.txt", b"hello"), last]),
            ("moved", [*moved, last]),
            ("doubled", [listed[0], *listed, last]),
            ("after the manifest", [*listed, last, ("zzz", b"")]),
            ("traversal", [("../../keys.json", b""), *listed, last]),
        ):
            with self.subTest(name):
                code, answer = self.run_on(self.put("export.tar", tar(changed)))
                self.assertEqual(code, 1, answer)
        self.refused(self.put("export.tar", tar(listed)), "5.1")

    def test_what_is_no_regular_ustar_file_is_refused(self) -> None:
        files = self.exported(250, 270)
        listed = [*files.items(), ("manifest.dsse.json", LOG.manifest(files))]
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            info = tarfile.TarInfo("keys.json")
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)
        for raw in (
            made.getvalue()[:512] + tar(listed),
            tar([("entries/" + "x" * 200, b""), *listed], tarfile.PAX_FORMAT),
            tar([("entries/" + "x" * 200, b""), *listed], tarfile.GNU_FORMAT),
        ):
            code, _ = self.run_on(self.put("export.tar", raw))
            self.assertIn(code, (1, 2))

    def test_an_archive_that_was_cut_anywhere_is_not_verified(self) -> None:
        raw = LOG.export(self.exported(250, 270))
        end = len(raw.rstrip(b"\0"))
        for length in [*range(0, end, 37_003), 511, 512, 513, end // 2, end - 1]:
            with self.subTest(length):
                code, _ = self.run_on(self.put("export.tar", raw[:length]))
                self.assertIn(code, (1, 2))

    def test_a_removed_doubled_or_changed_entry_is_named_even_if_the_manifest_was_signed_anew(self) -> None:
        files = self.exported(250, 270)
        name = f"entries/{256:016d}.jsonl"
        lines = files[name].splitlines(keepends=True)

        def resealed(changed: List[bytes]) -> str:
            return self.put_export({**files, name: b"".join(changed)})

        self.refused(resealed(lines[:50] + lines[51:]), "5.4", 306)
        self.refused(resealed(lines[:50] + lines[49:]), "5.4", 306)
        self.refused(resealed([*lines[:50], lines[50].replace(b"user", b"USER"), *lines[51:]]), "5.4", 306)
        self.refused(resealed([*lines[:50], lines[50].replace(b'"n":', b'"n": '), *lines[51:]]), "5.4", 306)
        self.refused(resealed(lines[:-1]), "5.4", 511)
        self.refused(resealed([*lines[:-1], lines[-1][:-1]]), "5.4", 511)

    def test_entry_zero_is_named_too(self) -> None:
        files = self.exported(0, 600)
        name = f"entries/{0:016d}.jsonl"
        changed = {**files, name: files[name].replace(b"user", b"USER", 1)}
        self.refused(self.put_export(changed), "5.4", 0)

    def test_a_chain_that_was_signed_broken_is_named(self) -> None:
        def broken(index: int, made: Any) -> None:
            if index == 400:
                made["prev"] = "11" * 32

        def earlier(index: int, made: Any) -> None:
            if index == 400:
                made["at"] = iso(entry_ms(399) - 1)

        for change in (broken, earlier):
            log = Log(NEW, SIZE, change)
            self.refused(self.put_export(self.exported(250, 270, log), log), "5.4", 400)

    def test_tiles_that_do_not_lead_to_the_root_are_found(self) -> None:
        files = self.exported(250, 270)
        for name, check, index in (
            ("tile/0/001", "5.5", 256),
            ("tile/0/002.p/88", "5.5", 512),
            ("tile/1/000.p/2", "5.6", 0),
        ):
            raw = bytes([files[name][0] ^ 1]) + files[name][1:]
            with self.subTest(name):
                self.refused(self.put_export({**files, name: raw}), check, index)
            without = {kept: raw for kept, raw in files.items() if kept != name}
            code, _ = self.run_on(self.put_export(without))
            self.assertEqual(code, 1)

    def test_another_tree_under_a_good_checkpoint_is_found(self) -> None:
        def change(index: int, made: Any) -> None:
            if index == 260:
                made["subject"] = "user:b"

        other = Log(NEW, SIZE, change)
        files = self.exported(250, 270, other)
        files.update({name: LOG.note(SIZE) for name in ("checkpoint",)})
        files["checkpoint.dsse.json"] = json.dumps(LOG.note_envelope(SIZE)).encode()
        self.refused(self.put_export(files, other), "5.6")

    def test_an_entry_cannot_be_hidden_at_the_border_of_the_period(self) -> None:
        files = self.exported(250, 270)
        # The border moves, and with it what must be exported.
        hidden = self.with_spans(files, to=iso(entry_ms(520) + 1))
        self.refused(self.put_export(hidden), "5.7", 520)
        self.refused(self.put_export(self.with_spans(files, **{"from": iso(entry_ms(249))})), "5.7", 249)
        self.refused(self.put_export(self.with_spans(files, **{"from": iso(entry_ms(250) + 1)})), "5.7", 250)
        self.refused(self.put_export(self.with_spans(files, after=None)), "5.7", 520)
        self.refused(self.put_export(self.with_spans(files, before=None)), "5.7", 249)
        claimed = {"index": 520, "at": iso(entry_ms(520) + 1)}
        self.refused(self.put_export(self.with_spans(files, after=claimed)), "5.7", 520)
        self.refused(self.put_export(self.with_spans(files, gaps=[{"first": 400, "count": 2}])), "5.7", 400)
        self.refused(self.put_export(self.with_spans(files, size=601)), "5.7")
        self.refused(self.put_export(self.with_spans(files, count=269)), "5.7", 519)
        self.refused(self.put_export(self.with_spans(files, count=2**53 - 1)), "5.7", 2**53 + 249)

    def test_the_manifest_must_repeat_what_spans_json_says(self) -> None:
        files = self.exported(250, 270)
        manifest = LOG.manifest(files, count=269)
        self.refused(self.put("export.tar", tar([*files.items(), ("manifest.dsse.json", manifest)])), "5.7")
        early = LOG.manifest(files, generated_at=iso(entry_ms(519)))
        self.refused(self.put("export.tar", tar([*files.items(), ("manifest.dsse.json", early)])), "5.7")

    def test_an_archived_checkpoint_of_another_root_is_found(self) -> None:
        files = self.exported(250, 270)
        for size in (256, 300, 512):
            name, root = f"checkpoint-history/{size:016d}", sha(b"other")
            changed = {**files, name: LOG.note(size, root=root)}
            changed[f"{name}.dsse.json"] = json.dumps(LOG.note_envelope(size, root=root)).encode()
            self.refused(self.put_export(changed), "5.8")
        self.refused(self.put_export({**files, f"checkpoint-history/{300:016d}": LOG.note(300, OLD)}), "5.8")
        self.refused(self.put_export({**files, f"checkpoint-history/{300:016d}": LOG.note(400)}), "5.8")

    def test_an_archived_checkpoint_of_a_compromised_key_is_proven_by_the_newest_one(self) -> None:
        files = self.exported(250, 270)
        name = f"checkpoint-history/{300:016d}"
        changed = {**files, name: LOG.note(300, OLD)}
        changed[f"{name}.dsse.json"] = json.dumps(LOG.note_envelope(300, OLD)).encode()
        revoked = OLD.keys(revoked={"at": iso(START_MS), "reason": "compromised"})
        self.verified(self.put_export(changed), keys_document(NEW.keys(), revoked))

    def test_a_newest_checkpoint_of_a_compromised_key_is_proven_by_a_good_one_over_every_exported_entry(self) -> None:
        keys = keys_document(NEW.keys(), OLD.keys(revoked={"at": iso(START_MS), "reason": "compromised"}))
        envelope = json.dumps(LOG.note_envelope(SIZE, OLD)).encode()
        head = {"checkpoint": LOG.note(SIZE, OLD), "checkpoint.dsse.json": envelope}
        path = self.put_export({**self.exported(250, 270), **head})
        self.refused(path, "5.3", None, keys)
        # The tiles of this period give the root at 550, which covers entry 520 too.
        self.verified(path, keys, "--checkpoint", self.put("kept", LOG.note(550)))
        self.refused(path, "5.3", None, keys, "--checkpoint", self.put("kept", LOG.note(520)))
        self.refused(path, "5.3", None, keys, "--checkpoint", self.put("kept", LOG.note(550, OLD)))
        # At the log's end the archived checkpoint of the same size is the good one.
        self.verified(self.put_export({**self.exported(550, 50), **head}), keys)

    def test_a_silence_that_is_left_out_or_made_up_is_found(self) -> None:
        files = self.exported(250, 270)
        spans = json.loads(files["spans.json"])["spans"]
        self.assertEqual([(span["after"], span["before"]) for span in spans], [(279, 280), (449, 450)])
        self.refused(self.put_export(self.with_spans(files, spans=spans[:1])), "5.9", 449)
        self.refused(self.put_export(self.with_spans(files, spans=[])), "5.9", 279)
        made_up = {"from": iso(entry_ms(500)), "to": iso(entry_ms(501)), "after": 500, "before": 501}
        self.refused(self.put_export(self.with_spans(files, spans=[*spans, made_up])), "5.9", 500)

    def test_a_kept_checkpoint_is_compared_where_the_tiles_suffice(self) -> None:
        path = self.put_export(self.exported(250, 270))
        answer = self.verified(path, KEYS, "--checkpoint", self.put("kept", LOG.note(300)))
        self.assertEqual(answer["checks"][-1]["detail"], "same root at 300")
        other = self.put("kept", LOG.note(300, root=sha(b"other")))
        self.refused(path, "4.8", None, KEYS, "--checkpoint", other)


class Archive(Bench):
    def test_a_good_archive_is_verified(self) -> None:
        answer = self.verified(self.put_all("log", LOG.archive()))
        self.assertEqual(answer["checks"][1]["detail"], "600 entries, 0 to 599")
        for size in (1, 256, 257):
            log = Log(NEW, size)
            log.sizes = [size]
            self.verified(self.put_all(f"log-{size}", log.archive()))

    def test_the_folder_of_a_cell_that_keeps_objects_as_files_is_read_as_it_lies(self) -> None:
        def kept(raw: bytes) -> bytes:
            record = {"format": "bailiwick-object/1", "sha256": sha(raw).hex(), "size": len(raw), "stored_ms": 1}
            return json.dumps(record).ljust(255).encode() + b"\n" + raw

        files = {f"{name}~": kept(raw) for name, raw in LOG.archive().items()}
        self.verified(self.put_all("log", files))
        for damaged in (files["checkpoint~"] + b"\n", b"{}".ljust(256) + LOG.note(SIZE), b""):
            self.refused(self.put_all("log", {**files, "checkpoint~": damaged}), "2.1")
        name = "tile/entries/001~"
        changed = bytearray(files[name])
        changed[300] ^= 1
        files[name] = bytes(changed)
        self.refused(self.put_all("log", files), "2.2", 256)

    def test_keys_that_lie_in_the_folder_are_nobodys(self) -> None:
        self.refused(self.put_all("log", {**LOG.archive(), "keys.json": KEYS}), "2.1", None, None)

    def test_a_compromised_key_of_the_newest_checkpoint_needs_the_kept_one(self) -> None:
        files, note = LOG.archive(), LOG.note(SIZE, OLD)
        files["checkpoint"] = files[f"checkpoint-history/{600:016d}"] = note
        files[f"checkpoint-history/{600:016d}.dsse.json"] = json.dumps(LOG.note_envelope(600, OLD)).encode()
        path = self.put_all("log", files)
        keys = keys_document(NEW.keys(), OLD.keys(revoked={"at": iso(START_MS), "reason": "compromised"}))
        self.refused(path, "2.1", None, keys)
        self.refused(path, "2.1", None, keys, "--checkpoint", self.put("kept", LOG.note(512)))
        self.verified(path, keys, "--checkpoint", self.put("kept", LOG.note(600)))

    def test_any_changed_byte_is_found_and_the_entry_named(self) -> None:
        files = LOG.archive()
        for name, check, index in (
            ("tile/entries/001", "2.2", 256),
            ("tile/entries/002.p/88", "2.2", 512),
            ("tile/0/001", "2.3", 256),
            ("tile/1/000.p/2", "2.4", 0),
            ("checkpoint", "2.1", None),
            (f"checkpoint-history/{300:016d}", "2.5", None),
        ):
            raw = bytearray(files[name])
            raw[12] ^= 1
            with self.subTest(name):
                path = self.put_all("log", {**files, name: bytes(raw)})
                code, answer = self.run_on(path)
                failed = [found["id"] for found in answer["checks"] if found["result"] == "failed"]
                self.assertEqual((code, failed[0], answer["first_bad_index"]), (1, check, index), answer)

    def test_any_missing_file_is_found(self) -> None:
        log = Log(NEW, 257)
        log.sizes = [256, 257]
        files = log.archive()
        for name in files:
            without = {kept: raw for kept, raw in files.items() if kept != name}
            with self.subTest(name):
                code, answer = self.run_on(self.put_all(name.replace("/", "_"), without))
                # An archived note that is gone with its envelope cannot be missed, one of the two can.
                alone = name.startswith("checkpoint-history/") and not name.endswith(".json") and "257" not in name
                self.assertEqual(code, 0 if alone else 1, answer)

    def test_a_full_tile_serves_where_the_partial_one_was_deleted_and_entries_beyond_the_checkpoint_wait(self) -> None:
        files, older = LOG.archive(), LOG.note(550)
        changed = {name: raw for name, raw in files.items() if not name.endswith(f"{600:016d}")}
        changed = {name: raw for name, raw in changed.items() if not name.endswith(f"{600:016d}.dsse.json")}
        changed["checkpoint"] = changed[f"checkpoint-history/{550:016d}"] = older
        changed[f"checkpoint-history/{550:016d}.dsse.json"] = json.dumps(LOG.note_envelope(550)).encode()
        answer = self.verified(self.put_all("log", changed))
        self.assertEqual(answer["checks"][1]["detail"], "550 entries, 0 to 549")

    def test_an_older_checkpoint_put_back_hides_nothing_while_a_newer_one_is_archived(self) -> None:
        path = self.put_all("log", {**LOG.archive(), "checkpoint": LOG.note(512)})
        answer = self.verified(path)
        self.assertEqual(answer["checks"][1]["detail"], "600 entries, 0 to 599")
        self.assertIn("older, of 512", answer["checks"][0]["detail"])

    def test_an_archive_that_ends_before_the_kept_checkpoint_is_not_verified(self) -> None:
        log = Log(NEW, 512)
        path = self.put_all("log", log.archive())
        self.verified(path)
        self.refused(path, "4.8", None, KEYS, "--checkpoint", self.put("kept", LOG.note(SIZE)))
        self.verified(path, KEYS, "--checkpoint", self.put("kept", LOG.note(300)))
        other = self.put("kept", LOG.note(300, root=sha(b"other")))
        self.refused(path, "4.8", None, KEYS, "--checkpoint", other)

    def test_a_pipe_in_the_place_of_a_tile_does_not_hang_it(self) -> None:
        path = self.put_all("log", LOG.archive())
        os.remove(os.path.join(path, "tile", "0", "001"))
        os.mkfifo(os.path.join(path, "tile", "0", "001"))
        code, _ = self.run_on(path)
        self.assertEqual(code, 1)

    def test_a_size_beyond_all_bounds_costs_no_time(self) -> None:
        note = LOG.text(SIZE).replace(b"\n600\n", b"\n9007199254740991\n")
        key_id = sha(ORIGIN.encode() + b"\n\x01" + NEW.public)[:4]
        signed = note + "\n\u2014 ".encode() + f"{ORIGIN} {std64(key_id + NEW.sign(note))}\n".encode()
        code, answer = self.run_on(self.put_all("log", {**LOG.archive(), "checkpoint": signed}))
        self.assertEqual(code, 1)


class Hostile(Bench):
    """Whatever is in the file: a verdict, never a traceback, and never `VERIFIED` for what was changed."""

    def test_values_of_other_types_anywhere_in_signed_evidence(self) -> None:
        def walk(value: Any, way: Tuple[Any, ...]) -> List[Tuple[Any, ...]]:
            inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
            return [way] + [found for name, child in inner for found in walk(child, (*way, name))]

        original = LOG.statement()
        signed = {}
        for way in walk(original, ()):
            if not way or way[:2] == ("predicate", "residency") or way[-1] in ("salt", "keyid", "transcript"):
                continue
            for value in (None, True, -1, 2**53, 1.5, "", "\u202e", [], {}, [[]]):
                changed = copy.deepcopy(original)
                target = changed
                for name in way[:-1]:
                    target = target[name]
                if target[way[-1]] == value:
                    continue
                target[way[-1]] = value
                signed[way, repr(value)] = changed
        self.assertGreater(len(signed), 500)
        chosen = random.Random(8).sample(sorted(signed, key=repr), 120)
        free = {("sbom",), ("cbom",), ("provenance",), ("outcome",), ("layers",), ("reasons",)}
        # The slow signer is not what is tested here.
        ring = verifier.Keyring(KEYS, inside=False)
        for way, value in chosen:
            raw = json.dumps(
                {
                    "payloadType": "application/vnd.in-toto+json",
                    "payload": std64(verifier.canonical(signed[way, value]).encode()),
                    "signatures": [],
                }
            ).encode()
            evidence = verifier.Evidence(raw, ring, None, {})
            evidence.signatures = lambda it=evidence, raw=raw: setattr(  # type: ignore[method-assign]
                it, "envelope", verifier.Envelope("", base64.b64decode(json.loads(raw)["payload"]), [])
            ) or "as if signed"
            report = verifier.Report("it")
            with self.subTest(way=way, value=value):
                if way == ("predicate", "generated_at"):
                    continue  # read with the signatures
                evidence.verify(report)
                if (way[-1],) not in free:
                    self.assertIsNotNone(report.reason)

    def test_flipped_bytes_in_evidence(self) -> None:
        raw = LOG.sealed(LOG.statement())
        payload_at = raw.index(b'"payload": "') + 12
        payload_end = raw.index(b'"', payload_at)
        luck = random.Random(9)
        for _ in range(60):
            at = luck.randrange(len(raw))
            changed = bytearray(raw)
            changed[at] ^= 1 << luck.randrange(8)
            code, _ = self.run_on(self.put("evidence.json", bytes(changed)))
            if payload_at <= at < payload_end:
                self.assertNotEqual(code, 0)

    def test_flipped_bytes_in_an_export(self) -> None:
        raw = LOG.export(LOG.export_files(KEYS, 590, 5))
        luck = random.Random(10)
        for _ in range(40):
            changed = bytearray(raw)
            changed[luck.randrange(len(raw))] ^= 1 << luck.randrange(8)
            self.run_on(self.put("export.tar", bytes(changed)))

    def test_noise(self) -> None:
        luck = random.Random(11)
        for start in (b"", b"{", b'{"payloadType":', b"\0" * 257 + b"ustar\x0000", b"\0" * 257 + b"ustar\x00"):
            for _ in range(12):
                noise = bytes(luck.getrandbits(8) for _ in range(luck.randrange(1500)))
                code, _ = self.run_on(self.put("noise", start + noise))
                self.assertIn(code, (1, 2))

    def test_nesting_and_size_beyond_bounds(self) -> None:
        for raw in (b'{"a":' * 1_000_000, b"{" + b'"' * 1_000_001, b'{"a":' + b"9" * 1_000_000 + b"}"):
            code, _ = self.run_on(self.put("deep", raw))
            self.assertEqual(code, 1)


class Command(Bench):
    def command(self, *words: str) -> Tuple[int, List[str], str]:
        script = os.path.join(HERE, "bailiwick_verify.py")
        done = subprocess.run([sys.executable, script, *words], capture_output=True, timeout=60, check=False)
        return done.returncode, done.stdout.decode("ascii").splitlines(), done.stderr.decode()

    def test_the_exit_code_and_the_last_line_say_the_verdict(self) -> None:
        keys = self.put("keys.json", KEYS)
        good = self.put("good.json", LOG.sealed(LOG.statement()))
        export = self.put("export.tar", LOG.export(LOG.export_files(KEYS, 250, 270)))
        code, lines, errors = self.command(good, "--keys", keys)
        self.assertEqual((code, lines[-1], errors), (0, "VERIFIED", ""))
        self.assertEqual(len(lines), 10)
        code, lines, errors = self.command(good)
        self.assertEqual((code, lines[-1][:13], errors), (1, "NOT VERIFIED:", ""))
        code, lines, errors = self.command(export)
        self.assertEqual((code, lines[-1][:13], errors), (3, "NOT VERIFIED:", ""))
        for words in (("missing",), (keys + ".none",), (good, "--keys", "missing"), (self.put("text", b"hello"),)):
            code, lines, errors = self.command(*words)
            self.assertEqual((code, lines[-1][:13], errors), (2, "NOT VERIFIED:", ""), words)

    def test_hostile_text_reaches_the_terminal_escaped(self) -> None:
        statement = LOG.statement()
        statement["predicateType"] = "\x1b[2J\u202e"
        code, lines, _ = self.command(
            self.put("bad.json", LOG.sealed(statement)), "--keys", self.put("keys.json", KEYS)
        )
        self.assertEqual(code, 1)
        self.assertNotIn("\x1b", "\n".join(lines))


if __name__ == "__main__":
    unittest.main()
