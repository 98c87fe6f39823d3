"""One-time codes as an authenticator app makes them (RFC 6238), written again from the RFC."""

import hashlib
import hmac
import struct
import time

STEP = 30


def code(key: bytes, *, steps_ahead: int = 0) -> str:
    """The six digits an app with this secret shows now, or so many 30-second steps later."""
    counter = int(time.time()) // STEP + steps_ahead
    digest = hmac.new(key, struct.pack(">Q", counter), hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"
