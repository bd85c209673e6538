#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Writes iv_mask.txt, sa_uid.txt, lease_record.txt and state_files.txt as docs/abi.md has them.

HMAC-SHA-256 is Python's own, AES is that of python3-cryptography, CRC-32C is computed bit by bit
below; nothing of ours is asked. Run it again only to add rows: a row that is there never changes.
"""

import hashlib
import hmac
import pathlib
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

HERE = pathlib.Path(__file__).resolve().parent
HEAD = ("# SPDX-License-Identifier: Apache-2.0\n# Copyright 2026 The Phalanx Authors\n"
        "# {}; see make_abi.py and docs/abi.md.\n")

# Lengths of key and salt, and of the authentication key, of every algorithm.
KEYS = [
    ("aes128gcm16", 20, 0), ("aes192gcm16", 28, 0), ("aes256gcm16", 36, 0),
    ("chacha20poly1305", 36, 0), ("aes128-sha256", 16, 32), ("aes128-sha384", 16, 48),
    ("aes128-sha512", 16, 64), ("aes256-sha256", 32, 32), ("aes256-sha384", 32, 48),
    ("aes256-sha512", 32, 64)]
COUNTERS = [(0, 0, 0), (1, 1, 0), (1, 1, 1), (7, 258, 4096), (255, 65535, 2**40 - 1)]


def key_bytes(label, length):
    """Key bytes that nobody chose: SHA-512 of a label, repeated as a chain."""
    stream, block = b"", label.encode()
    while len(stream) < length:
        block = hashlib.sha512(block).digest()
        stream += block
    return stream[:length]


def hmac_sha256(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def layout(node, boot, counter):
    return node << 56 | boot << 40 | counter


def iv_rows():
    """Counter modes: the 8 bytes on the wire. CBC: the 16 bytes on the wire."""
    for name, length, auth_length in KEYS:
        key = key_bytes(f"iv {name}", length)
        for node, boot, counter in COUNTERS:
            number = layout(node, boot, counter)
            if auth_length == 0:
                derived = hmac_sha256(key, b"phalanx esp iv mask v1")[:8]
                iv = struct.pack(">Q", number ^ int.from_bytes(derived, "big"))
            else:
                derived = hmac_sha256(key, b"phalanx esp cbc iv key v1")[:16]
                aes = Cipher(algorithms.AES(derived), modes.ECB()).encryptor()
                iv = aes.update(struct.pack(">QQ", number, 0)) + aes.finalize()
            yield f"{name} {key.hex()} {derived.hex()} {node} {boot} {counter} {iv.hex()}"


def uid_rows():
    for name, length, auth_length in KEYS:
        for direction, spi in ((1, 0x100), (2, 0x100), (1, 0xffffffff), (2, 0x12345678)):
            key = key_bytes(f"uid {name}", length)
            auth = key_bytes(f"uid auth {name}", auth_length)
            message = b"phalanx static sa uid v1" + struct.pack(">BI", direction, spi)
            tag = int.from_bytes(hmac_sha256(key + auth, message)[:8], "big")
            uid = tag & (2**40 - 1)
            yield f"{name} {key.hex()} {auth.hex() or '-'} {direction} {spi} {uid:016x}"


def lease_rows():
    rows = [
        ("outbound-first", 0x0000000012345678, 2, 0, 0xffff, 0, 1024, 0),
        ("inbound-quiet", 0x000000fedcba9876, 1, 0, 0xffff, 0, 17, 0),
        ("inbound-closed", 0x000000fedcba9876, 1, 1, 0xffff, 0, 16, 0),
        ("end-without-esn", 0x0000000000000001, 2, 0, 0xffff, 0, 2**32 - 1, 0),
        ("end-with-esn", 0x000000ffffffffff, 1, 0, 0xffff, 0, 2**64 - 1, 2**64 - 1),
        ("bucket-lease", 0x0700010000000042, 1, 0, 0x00ff, 3 << 32 | 9, 2**33 + 5, 10**12),
        ("bucket-zero", 0xff0001ffffffffff, 2, 1, 0x0000, 0xffffffff_ffffffff, 0, 1),
    ]
    for name, uid, direction, flags, bucket, grant, number, count in rows:
        wire = struct.pack(">QBBHIQQQ", uid, direction, flags, bucket, 0, grant, number, count)
        yield (f"{name} {uid:016x} {direction} {flags} {bucket} {grant:016x} {number} {count} "
               f"{wire.hex()}")


def crc32c(data):
    """RFC 3720 12.1: polynomial 0x1edc6f41, reflected."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def with_crc(data):
    return data + struct.pack(">I", crc32c(data))


def state_rows():
    state = bytes(range(0x40, 0x50))
    for node, known, boot in ((7, 1, 258), (255, 0, 65535)):
        identity = with_crc(struct.pack(">8sHBBHH16s16s16sI", b"PHXSTATE", 1, node, known, boot, 0,
                                        bytes(range(16)), bytes(range(0x20, 0x30)), state, 0))
        yield f"identity {node} {known} {boot} {identity.hex()}"
    for slot, version, number in ((5, 9, 1024), (0x12345, 2**40, 2**64 - 1)):
        record = struct.pack(">QBBHIQQQ", 0xfedcba9876, 2, 0, 0xffff, 0, 0, number, 0)
        wire = with_crc(record + struct.pack(">QI8x", version, slot))
        yield f"slot {slot} {version} {number} {wire.hex()}"
    header = with_crc(struct.pack(">8sHHI16s28x", b"PHXLEASE", 1, 0, 256, state))
    yield f"header 1 0 256 {header.hex()}"


def write(name, what, columns, rows):
    text = HEAD.format(what) + f"# {columns}\n" + "\n".join(rows) + "\n"
    (HERE / name).write_text(text, encoding="ascii")


def main():
    write("iv_mask.txt", "IVs of ESP; derived is the mask of a counter mode or the IV key of CBC",
          "algorithm key_and_salt derived node boot counter iv", iv_rows())
    write("sa_uid.txt", "Uids of static SAs",
          "algorithm key_and_salt auth_key direction spi uid", uid_rows())
    write("lease_record.txt", "Lease records",
          "name uid direction flags bucket grant number bytes wire", lease_rows())
    write("state_files.txt", "Records of the state directory",
          "identity: node machine_known boot; slot: slot version number; wire", state_rows())


if __name__ == "__main__":
    main()
