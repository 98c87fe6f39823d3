"""
Take pictures of a running desk (`make run`), as its users see it.

``python bin/pictures documents`` takes those in docs/screenshots; ``python bin/pictures gallery`` takes every page of
the console, in light and dark, from left to right and from right to left, and on a phone, into .local/gallery, with an
index.html. Without a word: both.
"""

import os
import sys
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from trading.sandbox import localenv

localenv.load()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trading.settings")
django.setup()

import documents  # noqa: E402
import gallery  # noqa: E402
from browser import windows  # noqa: E402

from trading.sandbox.desk import environment  # noqa: E402

KINDS = {"documents": documents.take, "gallery": gallery.take}


def main(wanted: list[str]) -> int:
    """Take the kinds named."""
    if set(wanted) - set(KINDS):
        print(__doc__, file=sys.stderr)
        return 64
    settings = environment()
    with windows() as new_page:
        for kind in wanted or KINDS:
            KINDS[kind](new_page, settings)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
