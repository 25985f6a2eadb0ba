"""Ports for servers that a test starts.

A port that the kernel picks for a bind to port 0 lies in the range that it also picks from for
outgoing connections, so one that was free when it was chosen may be somebody's end of a connection
when the server starts, or starts again. These ports lie outside that range, and a test that got one
keeps it to itself, among the tests that run in this network, until it ends.
"""

import random
import socket

# Bound to a name for each port given out: unlike a file it goes with the process, however that ends.
_claims = []


def _claim(port):
    """True if no other test has the port; nobody gets it while this process lives."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0ssdfs-test-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def _unused(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            s.listen()
            return True
        except OSError:
            return False


def _range():
    """The larger side of the range of outgoing connections: first port, one behind the last."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        low, high = map(int, file.read().split())
    below, above = (10000, low), (high + 1, 65536)
    return max(below, above, key=lambda side: side[1] - side[0])


def free_row(count):
    """The first of so many ports in a row that nothing uses and no other test was given."""
    first, end = _range()
    if end - first < 1000:
        raise AssertionError("outgoing connections may use nearly every port here, "
                             "see /proc/sys/net/ipv4/ip_local_port_range")
    for _ in range(1000):
        start = random.randrange(first, end - count)
        row = range(start, start + count)
        if all(_unused(port) and _claim(port) for port in row):
            return start
    raise AssertionError(f"no {count} free ports in a row")


def free_port():
    """A port that nothing uses and no other test was given."""
    return free_row(1)
