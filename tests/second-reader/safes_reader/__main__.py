"""Answers one question a line (JSON, bytes in hexadecimal digits): {"value": ..}, {"refused": ..}, or {"crashed": ..}, which no bytes may cause."""
import json
import sys
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import Refused, files, keys, primitives, roster, rules, xwing

X = bytes.fromhex


def ck(q):
    return keys.ck(q["password"].encode("utf-8"), X(q["ds"]), X(q["salt"]), X(q["safe"]), X(q["member"]), X(q["device"]), q["kib"], q["passes"])


def header(q):
    read, vmk = keys.open_header(X(q["bytes"]), X(q["hs"]), X(q["ck"]), X(q["member"]), X(q["device"]), X(q["pk"]))
    return {"vmk": vmk, "safe": read.safe, "generation": read.generation, "epoch": read.epoch, "head": read.head,
            "oldest_marker": read.oldest_marker, "devices": list(read.devices)}


def table(q):
    read = keys.Header(X(q["bytes"]))
    read.open_table(X(q["hs"]))
    return list(read.devices)


def marker(q):
    return keys.read_marker(X(q["bytes"]), keys.volume_keys(X(q["vmk"]))[2], X(q["safe"]))


def derived(q):
    vmk = keys.new_master(X(q["rs"]), X(q["rc"]), X(q["safe"]))
    return [vmk, *keys.volume_keys(vmk)]


def sealed(q):
    seed = X(q["seed"])
    aad = keys.open_aad(q["purpose"], X(q["safe"]), X(q["device"]), X(q["device_pin"]), X(q["server_pin"]), xwing.KeyPair(seed).public, X(q["head"]),
                        q["generation"], X(q["request"]))
    return keys.open_sealed(seed, X(q["bytes"]), aad)


def device(q):
    found = files.read_device(X(q["bytes"]))
    raw = (Encoding.Raw, PublicFormat.Raw)
    tls = ec.derive_private_key(int.from_bytes(found["tls"], "big"), ec.SECP256R1()).public_key()
    found["public"] = [
        found["member"], found["member_name"], found["device"], found["device_name"],
        Ed25519PrivateKey.from_private_bytes(found["signing"]).public_key().public_bytes(*raw),
        sha256(tls.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest(),
        X25519PrivateKey.from_private_bytes(found["wireguard"]).public_key().public_bytes(*raw),
        xwing.KeyPair(found["seed"]).public if found["has_seed"] == b"\1" else b""]
    return found


def chain(q):
    read = roster.replay([X(e) for e in q["chain"]])
    return {"safe": read.safe, "head": read.head, "count": read.count,
            "members": [[m["name"], m["index"], m["account"], m["owner"]] for m in read.members.values()],
            "devices": [[k, d["index"], sha256(d["kem"]).digest(), d["joined"]] for k, d in read.devices.items()]}


def rules_file(q):
    read = rules.replay([X(e) for e in q["chain"]], X(q["bytes"]))
    return {"head": read.head, "count": read.count, "standing": [[n, *r] for n, r in read.standing.items()]}


def roster_file(q):
    return files.read_roster_file(X(q["bytes"]), X(q["hs"]), X(q["safe"]))


def kem(q):
    pair = xwing.KeyPair(X(q["seed"]))
    ct, secret = xwing.encapsulate(pair.public, X(q["encapsulation_seed"]))
    if pair.open(ct) != secret:
        raise ValueError("what was encapsulated does not come back")
    return [sha256(pair.public).hexdigest(), sha256(ct).hexdigest(), secret]


QUESTIONS = {
    "ck": ck, "header": header, "table": table, "marker": marker, "derived": derived, "sealed": sealed, "device": device, "chain": chain,
    "roster-file": roster_file, "rules": rules_file, "kem": kem,
    "id": lambda q: files.read_id(q["text"]),
    "address": lambda q: files.read_address(q["text"]),
    "intent": lambda q: files.read_intent(X(q["bytes"])),
    "attempts": lambda q: files.read_attempts(X(q["bytes"])),
    "name": lambda q: files.is_name(q["text"]),
    "accounts": lambda q: roster.accounts(q["names"]),
    "same-name": lambda q: roster.fold(q["a"]) == roster.fold(q["b"]),
    "password": lambda q: keys.normal(X(q["bytes"])),
    "signature": lambda q: primitives.signature_holds(X(q["public"]), X(q["message"]), X(q["signature"])),
    "small-points": lambda q: primitives.small_points(),
    "mixed-signature": lambda q: primitives.mixed_signature(q["secret"], q["r"], X(q["message"])),
}


def plain(value):
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def main():
    for line in sys.stdin.buffer:
        question = json.loads(line)
        try:
            answer = {"value": plain(QUESTIONS[question["kind"]](question))}
        except Refused as e:
            answer = {"refused": str(e)}
        except Exception as e:  # noqa: BLE001: told, and the test fails
            answer = {"crashed": f"{type(e).__name__}: {e}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
