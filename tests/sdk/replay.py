"""An upstream that plays recorded streams back, in pieces of any size; plain, over TLS, and as a CONNECT proxy."""

from __future__ import annotations

import socket
import ssl
import threading


class Replay:
    """Serves one answer to every request, cut into pieces of `step` bytes, and remembers what it was asked."""

    def __init__(self, body: bytes, content_type: str = "text/event-stream", step: int = 1 << 20, tls: ssl.SSLContext | None = None):
        self.body = body
        self.content_type = content_type
        self.step = step
        self.tls = tls
        self.requests: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket):
        try:
            if self.tls:
                peer = self.tls.wrap_socket(peer, server_side=True)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self._one(peer):
                pass
        except OSError:
            pass
        finally:
            peer.close()

    def _one(self, peer: socket.socket) -> bool:
        head = b""
        while b"\r\n\r\n" not in head:
            data = peer.recv(65536)
            if not data:
                return False
            head += data
        head, _, body = head.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        while len(body) < length:
            body += peer.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        peer.sendall(f"HTTP/1.1 200 OK\r\ncontent-type: {self.content_type}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        for at in range(0, len(self.body), self.step):
            piece = self.body[at : at + self.step]
            peer.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        peer.sendall(b"0\r\n\r\n")
        return True

    def close(self):
        self.listener.close()


class ConnectProxy:
    """Connects whoever asks with CONNECT; remembers the heads it saw. `refuse` is a status to refuse with."""

    def __init__(self, refuse: int = 0):
        self.refuse = refuse
        self.heads: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket):
        head = b""
        while b"\r\n\r\n" not in head:
            data = peer.recv(65536)
            if not data:
                return
            head += data
        self.heads.append(head)
        if self.refuse:
            peer.sendall(f"HTTP/1.1 {self.refuse} no\r\ncontent-length: 2\r\n\r\nno".encode())
            peer.close()
            return
        host, _, port = head.split(b" ")[1].decode().rpartition(":")
        other = socket.create_connection((host.strip("[]"), int(port)))
        peer.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=self._pump, args=(peer, other), daemon=True).start()
        self._pump(other, peer)

    def _pump(self, source: socket.socket, sink: socket.socket):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
