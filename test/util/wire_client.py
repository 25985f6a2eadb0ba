"""A small client of the protocol (docs/protocol.md), for tests that need many operations from one
process and exact knowledge of what was answered: directories, empty files, and by hand what a writer
says to master and datanodes, or a stranger."""

import os
import socket
import struct
import threading
import time
import uuid

HELLO, PING, LOOKUP, LIST, COMMIT, MKDIR, RENAME, REMOVE = 1, 2, 16, 18, 20, 21, 22, 23
GRANT, END_GRANT, WRITE_CHUNK = 32, 33, 80
LOG_STATUS = 101
PERMISSION_DENIED, INVALID_ARGUMENT, KEY_CONFLICT, STALE_GENERATION = 8, 10, 43, 45
EXPIRED_TICKET = 47
# Failures after which the same operation is sent again.
AGAIN = {21, 22, 23, 24, 25, 26, 29}

_TABLE = []
for _n in range(256):
    for _ in range(8):
        _n = (_n >> 1) ^ (0x82F63B78 if _n & 1 else 0)
    _TABLE.append(_n)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def text(value):
    raw = value.encode()
    return struct.pack("<I", len(raw)) + raw


class Refused(Exception):
    """An error reply."""

    def __init__(self, status, detail, hint):
        super().__init__(f"status {status}: {detail}")
        self.status = status
        self.hint = hint


class Connection:
    """One connection; calls are sequential."""

    def __init__(self, address, client, timeout=5, role=1, cluster=bytes(16), node=bytes(16)):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.cluster = cluster
        self.number = 0
        reply, _ = self.call(HELLO, struct.pack("<HHB", 1, 1, role) + cluster + node + client +
                             text("test"))
        self.cluster = reply[3:19]
        self.epoch = struct.unpack("<I", reply[35:39])[0]

    def call(self, opcode, message, body=b""):
        self.number += 1
        head = struct.pack("<IBBHQ16sIIHH", 0x31464453, 1, 0, opcode, self.number, self.cluster,
                           len(message), len(body), 0, 0)
        self.socket.sendall(head + struct.pack("<I", crc32c(head + message)) + message + body)
        head = self.read(48)
        length, body_length, status = struct.unpack("<IIH", head[32:42])
        message = self.read(length)
        body = self.read(body_length)
        if status:
            size = struct.unpack("<I", message[:4])[0]
            rest = message[4 + size:]
            hint = struct.unpack("<I", rest[:4])[0]
            raise Refused(status, message[4:4 + size].decode(), rest[4:4 + hint].decode())
        return message, body

    def read(self, count):
        parts = []
        while count:
            part = self.socket.recv(count)
            if not part:
                raise ConnectionError("closed")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def close(self):
        self.socket.close()


class Client:
    """Repeats each operation, under its id, until it is answered for good. One thread."""

    def __init__(self, addresses, patience=60):
        self.addresses = list(addresses)
        self.patience = patience
        self.uuid = os.urandom(16)
        self.sequence = 0
        self.at = 0
        self.connection = None
        self.stop = threading.Event()

    def call(self, opcode, message):
        end = time.monotonic() + self.patience
        while True:
            try:
                if self.connection is None:
                    self.connection = Connection(self.addresses[self.at], self.uuid)
                return self.connection.call(opcode, message)[0]
            except Refused as refused:
                if refused.status not in AGAIN:
                    raise
                self.drop()
                if time.monotonic() > end:
                    raise
            except OSError:
                self.drop()
                if time.monotonic() > end:
                    raise
            time.sleep(0.02)

    def drop(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        self.at = (self.at + 1) % len(self.addresses)

    def operation(self):
        self.sequence += 1
        return struct.pack("<I16sQQ", 32, self.uuid, self.sequence, self.sequence)

    def create(self, path):
        self.call(COMMIT, self.operation() + struct.pack("<I", 0) + text(path) +
                  struct.pack("<BQIqHB", 0, 0, 0, 0, 0o644, 0) + text("root") + text("") +
                  text("") + struct.pack("<I", 0) + text(""))

    def grant(self, size=1 << 20, keys=64):
        """A right to write: a dict of the reply's fields, `chain` as writes carry it."""
        reply = self.call(GRANT, struct.pack("<BQIII", 0, size, keys, 0, 0) + text("") + text(""))
        volume, generation, first, count, room = struct.unpack("<QIIIQ", reply[:28])
        replicas, at = struct.unpack("<I", reply[28:32])[0], 32
        members = []
        for _ in range(replicas):
            length = struct.unpack("<I", reply[at:at + 4])[0]
            node = str(uuid.UUID(bytes=reply[at + 4:at + 20]))
            address = reply[at + 24:at + 4 + length].decode()
            members.append((node, address))
            at += 4 + length
        at += 12  # how long it lives, and the length of chunks
        ticket = reply[at + 4:at + 4 + struct.unpack("<I", reply[at:at + 4])[0]]
        return {"volume": volume, "generation": generation, "first": first, "count": count,
                "bytes": room, "members": members, "chain": chain_of(members), "ticket": ticket}

    def end_grant(self, grant):
        self.call(END_GRANT, struct.pack("<QII", grant["volume"], grant["generation"],
                                         grant["first"]))

    def commit(self, path, grant, key, content, client=None):
        """Makes a file of one chunk, whether or not it was written."""
        self.sequence += 1
        operation = struct.pack("<I16sQQ", 32, client or self.uuid, self.sequence, self.sequence)
        chunk = struct.pack("<IQIIII", 24, grant["volume"], key, len(content), crc32c(content),
                            grant["generation"])
        self.call(COMMIT, operation + struct.pack("<I", 0) + text(path) +
                  struct.pack("<BQIqHB", 0, len(content), crc32c(content), 0, 0o644, 0) +
                  text("root") + text("") + text("") + struct.pack("<I", 1) + chunk + text(""))

    def mkdir(self, path):
        self.call(MKDIR, self.operation() + text(path) + struct.pack("<BH", 1, 0o755) +
                  text("root") + text("") + text(""))

    def rename(self, source, target):
        self.call(RENAME, self.operation() + text(source) + text(target) +
                  struct.pack("<BB", 0, 0) + text("root") + text(""))

    def remove(self, path):
        self.call(REMOVE, self.operation() + text(path) + struct.pack("<BB", 0, 1) +
                  text("root") + text(""))

    def names(self, path):
        """All names of a directory."""
        out, after, more = set(), "", True
        while more:
            reply = self.call(LIST, text(path) + text(after) + struct.pack("<I", 4096) +
                              text("root") + text(""))
            count, at = struct.unpack("<I", reply[:4])[0], 4
            for _ in range(count):
                size = struct.unpack("<I", reply[at:at + 4])[0]
                length = struct.unpack("<I", reply[at + 4:at + 8])[0]
                after = reply[at + 8:at + 8 + length].decode()
                out.add(after)
                at += 4 + size
            more = reply[at] != 0
        return out


def chain_of(members):
    return ",".join(f"{node}@{address}" for node, address in members)


def write_chunk(address, grant, key, content, chain=None, ticket=None):
    """A write by hand, at the datanode at that address."""
    ticket = grant["ticket"] if ticket is None else ticket
    connection = Connection(address, bytes(16))
    try:
        connection.call(WRITE_CHUNK, struct.pack("<QIIIB", grant["volume"], grant["generation"], key,
                                                 crc32c(content), 0) +
                        text(grant["chain"] if chain is None else chain) +
                        struct.pack("<I", len(ticket)) + ticket, content)
    finally:
        connection.close()


def log_status(address):
    """What a master or backup says of its log and tree."""
    connection = Connection(address, os.urandom(16))
    try:
        reply, _ = connection.call(LOG_STATUS, b"")
    finally:
        connection.close()
    length = struct.unpack("<I", reply[:4])[0]
    out = {"role": reply[4:4 + length].decode()}
    at = 4 + length + 32
    names = ("epoch", "last", "durable", "committed", "applied", "digest", "files", "directories",
             "lag_ms", "image")
    values = struct.unpack("<IQQQQQQQqQ", reply[at:at + 4 + 9 * 8])
    out.update(zip(names, values))
    return out
