#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""One TCP flow between this host and the server of a User Mode Linux peer (uml_server.py).

    tcp_flow.py outbound|inbound SOURCE PEER SECONDS RATE     RATE: bytes a second, 0: unlimited

Prints bytes and seconds of what was delivered after the first half second, and how many segments
this host sent again, as one JSON object.
"""

import json
import socket
import struct
import sys
import threading
import time

PORT = 8080
CHUNK = 1 << 17
SO_MAX_PACING_RATE = 47
RAMP_SECONDS = 0.5
# struct tcp_info of linux/tcp.h
TOTAL_RETRANS_AT, BYTES_ACKED_AT = 100, 120


def tcp_info(connection):
    """(Segments sent again, bytes that the other side has acknowledged)."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return (struct.unpack_from("=I", info, TOTAL_RETRANS_AT)[0],
            struct.unpack_from("=Q", info, BYTES_ACKED_AT)[0])


def send(connection, seconds, rate):
    """(Bytes, seconds, segments sent again)."""
    if rate:
        connection.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, rate)
    connection.sendall(b"POST /discard HTTP/1.0\r\n\r\n")
    end = threading.Event()

    def fill():
        while not end.is_set():
            connection.sendall(bytes(CHUNK))

    sender = threading.Thread(target=fill)
    sender.start()
    time.sleep(RAMP_SECONDS)
    begin, (_, before) = time.monotonic(), tcp_info(connection)
    time.sleep(seconds - RAMP_SECONDS)
    took, (again, after) = time.monotonic() - begin, tcp_info(connection)
    end.set()
    sender.join()
    return after - before, took, again


def receive(connection, seconds, rate):
    """(Bytes, seconds, 0: the peer knows what it sent again)."""
    connection.sendall(b"GET /stream/%d/%d HTTP/1.0\r\n\r\n" % (seconds, rate))
    buffer = bytearray(CHUNK)
    start = time.monotonic()
    begin, total = None, 0
    while length := connection.recv_into(buffer):
        now = time.monotonic()
        if now - start < RAMP_SECONDS:
            continue
        if begin is None:
            begin = now
        else:
            total += length
            last = now
    return total, last - begin, 0


def main():
    direction, source, peer, seconds, rate = sys.argv[1:]
    with socket.create_connection((peer, PORT), 30, (source, 0)) as connection:
        flow = send if direction == "outbound" else receive
        total, took, again = flow(connection, int(seconds), int(rate))
    print(json.dumps({"bytes": total, "seconds": took, "sent_again": again}))


if __name__ == "__main__":
    main()
