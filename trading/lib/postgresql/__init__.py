"""Django's own backend for PostgreSQL, but for how it sees whether a connection still lives (`base`)."""

import select

AT_ONCE = 0


def is_heard(descriptor: int) -> bool:
    """
    Whether a connection over which nothing was asked has something to read.

    A server that ends one says so, or closes it; else it says nothing, or a notice at most. Costs no round trip. One
    whose server is cut off without a word is silent, too: that is noticed by asking over it alone.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(AT_ONCE))
