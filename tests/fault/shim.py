"""Turns the rules of shim.c: the file it maps, with the same layout and the same order of calls."""
import errno
import mmap
import pathlib
import socket
import struct

MAGIC = 0x57464C54
RULES_MAX = 8
HEAD = struct.Struct("<4I")
RULE = struct.Struct("<IIiIIIII")
NAMES = struct.Struct("<IiII64s")
NAMES_AT = HEAD.size + RULES_MAX * RULE.size
SIZE = NAMES_AT + NAMES.size
CALLS = (
    "none", "read", "write", "connect", "accept", "epoll_wait", "epoll_ctl", "sync", "open", "socket", "pread", "pwrite",
    "truncate", "shutdown", "setsockopt", "bind", "listen", "thread",
)
TARGETS = ("any", "tcp", "file")
SHORT = -1
ALWAYS = 0xFFFFFFFF


def action_of(text):
    """An errno's name, or "short:N": (action, argument)."""
    if text.startswith("short:"):
        return SHORT, int(text[6:])
    return getattr(errno, text), 0


class Shim:
    """One control file; `environment` makes a process obey it."""

    def __init__(self, library, path):
        self.library, self.path = library, pathlib.Path(path)
        self.path.write_bytes(HEAD.pack(MAGIC, 0, 0, 0).ljust(SIZE, b"\0"))
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), SIZE)

    def environment(self, base):
        result = dict(base, LD_PRELOAD=str(self.library), WEIR_FAULT=str(self.path))
        # The address sanitizer wants to be loaded first; behind the shim it works as well.
        result["ASAN_OPTIONS"] = ":".join(filter(None, (base.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
        return result

    def arm(self, call, on, action, first=1, times=1, slot=0):
        code, argument = action_of(action)
        at = HEAD.size + slot * RULE.size
        self.map[at : at + 4] = struct.pack("<I", 0)
        self.map[at + 4 : at + RULE.size] = RULE.pack(
            0, TARGETS.index(on), code, argument, first, times, 0, 0
        )[4:]
        self.map[at : at + 4] = struct.pack("<I", CALLS.index(call))

    def disarm(self, slot=0):
        """How many calls the rule saw and how many it made to fail."""
        at = HEAD.size + slot * RULE.size
        seen, hit = RULE.unpack_from(self.map, at)[6:]
        self.map[at : at + 4] = struct.pack("<I", 0)
        return seen, hit

    def names(self, answer=None, fail=None, delay_ms=0):
        """What names below .fault.test resolve to from now on; `fail` is as EAI_NONAME."""
        code = getattr(socket, fail) if fail else 0
        asked = self.names_asked()
        self.map[NAMES_AT:SIZE] = NAMES.pack(1 if fail else 0, code, delay_ms, asked, (answer or "").encode())

    def names_asked(self):
        return NAMES.unpack_from(self.map, NAMES_AT)[3]
