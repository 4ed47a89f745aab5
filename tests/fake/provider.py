"""A scripted provider for what no honest one does: each connection follows a script, byte by byte.

A script is a list of lines, one step each; a line "---" begins the script of the next connection, and the last script
serves all connections after it. TEXT knows Python's escapes (\\r\\n). At its end a connection is closed.

    request          reads a head and the body that its content-length announces
    head             reads a head only
    send TEXT        sends it
    trickle S TEXT   sends it byte by byte, S seconds between two
    repeat N TEXT    sends it N times; N may be forever, which ends when the peer closes
    sleep S          waits; ends early when the peer closes
    hold             does nothing until the peer closes
    reset            breaks the connection (RST)
"""
import re
import select
import socket
import struct
import threading
import time

LIMIT_S = 60  # of any wait


class Gone(Exception):
    """The peer has closed the connection."""


def unescape(text):
    return text.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1")


class Provider:
    def __init__(self, lines):
        self.scripts = [[]]
        for line in lines:
            if line == "---":
                self.scripts.append([])
            elif line.strip() and not line.startswith("#"):
                self.scripts[-1].append(line)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.seen, self.count, self.troubles, self.sockets = [], 0, [], []
        self.lock = threading.Lock()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.settimeout(LIMIT_S)
            with self.lock:
                self.sockets.append(sock)
                script = self.scripts[min(self.count, len(self.scripts) - 1)]
                self.count += 1
                self.seen.append(b"")
                number = self.count - 1
            threading.Thread(target=self.follow, args=(sock, script, number), daemon=True).start()

    def follow(self, sock, script, number):
        connection = Connection(self, sock, number)
        try:
            for line in script:
                connection.step(line)
        except (Gone, OSError):
            pass
        except (ValueError, AttributeError) as trouble:
            self.troubles.append(f"{line}: {trouble}")
        finally:
            sock.close()

    def text(self):
        """Everything that came, connection after connection."""
        with self.lock:
            return b"".join(self.seen).decode("latin-1").replace("\r\n", "\n")

    def close(self):
        self.listener.close()
        for sock in self.sockets:
            sock.close()


class Connection:
    def __init__(self, provider, sock, number):
        self.provider, self.sock, self.number, self.pending = provider, sock, number, b""

    def step(self, line):
        name, _, rest = line.partition(" ")
        getattr(self, "do_" + name)(rest)

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise Gone
        with self.provider.lock:
            self.provider.seen[self.number] += data
        self.pending += data

    def do_head(self, _):
        while b"\r\n\r\n" not in self.pending:
            self.more()
        head, _, self.pending = self.pending.partition(b"\r\n\r\n")
        return head

    def do_request(self, _):
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", self.do_head(_))
        n = int(length[1]) if length else 0
        while len(self.pending) < n:
            self.more()
        self.pending = self.pending[n:]

    def do_send(self, text):
        self.sock.sendall(unescape(text))

    def wait(self, seconds):
        """Bytes that come meanwhile are taken note of."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self.sock], [], [], left)[0]:
                self.more()

    def do_sleep(self, text):
        self.wait(float(text))

    def do_hold(self, _):
        self.wait(LIMIT_S)

    def do_trickle(self, text):
        seconds, _, rest = text.partition(" ")
        for byte in unescape(rest):
            self.sock.sendall(bytes([byte]))
            self.wait(float(seconds))

    def do_repeat(self, text):
        count, _, rest = text.partition(" ")
        data, n = unescape(rest), 0
        while count == "forever" or n < int(count):
            self.sock.sendall(data)
            n += 1

    def do_reset(self, _):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        raise Gone
