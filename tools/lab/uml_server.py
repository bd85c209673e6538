# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""HTTP server of the User Mode Linux peer, on all of its addresses.

GET /blob/N: N bytes made from N.   GET /file/PATH: a file of the peer, such as /proc/net/xfrm_stat.
GET /stream/S/R: zeros for S seconds, at R bytes a second, or 0 for as fast as TCP can.
POST /sum: SHA-256 of the body.     POST /discard: takes bytes until the client ends.
POST /poweroff: ends the peer.
"""

import hashlib
import http.server
import os
import socket
import sys
import threading
import time

PORT = 8080
CHUNK = 1 << 17
SO_MAX_PACING_RATE = 47


def blob(length):
    """Bytes that a receiver can tell right from wrong, by length alone."""
    return hashlib.shake_256(str(length).encode()).digest(length)


class Handler(http.server.BaseHTTPRequestHandler):
    """One request; the answer's length is always known."""
    protocol_version = "HTTP/1.0"

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):  # pylint: disable=invalid-name
        kind, _, rest = self.path[1:].partition("/")
        if kind == "blob":
            self.answer(blob(int(rest)))
        elif kind == "file":
            with open("/" + rest, "rb") as file:
                self.answer(file.read())
        elif kind == "stream":
            self.stream(*map(int, rest.split("/")))
        else:
            self.send_error(404)

    def stream(self, seconds, rate):
        self.send_response(200)
        self.end_headers()
        if rate:
            self.connection.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, rate)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.connection.sendall(bytes(CHUNK))

    def do_POST(self):  # pylint: disable=invalid-name
        if self.path == "/poweroff":
            self.answer(b"bye\n")
            threading.Thread(target=self.server.shutdown).start()
            return
        if self.path == "/discard":
            buffer = bytearray(CHUNK)
            while self.connection.recv_into(buffer):
                continue
            return
        digest = hashlib.sha256()
        left = int(self.headers["Content-Length"])
        while left > 0:
            part = self.rfile.read(min(left, 65536))
            if not part:
                break
            digest.update(part)
            left -= len(part)
        self.answer(digest.hexdigest().encode())

    def log_message(self, *_):  # pylint: disable=arguments-differ
        """The console belongs to the boot."""


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    request_queue_size = 64
    daemon_threads = True


if __name__ == "__main__":
    server = Server(("::", PORT), Handler)
    print(f"uml: serving on port {PORT}, pid {os.getpid()}")
    sys.stdout.flush()
    server.serve_forever()
