"""`manage.py receipt_keys`: the public keys that the desk's receipts are checked with."""

import base64
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from trading.lib import signing


class Command(BaseCommand):
    help = "Print the public keys of receipts, the present one first: id, base64 (for RECEIPT_OLD_KEYS) and PEM."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        keys = [(name, base64.b64encode(key).decode(), signing.pem(key)) for name, key in signing.keys().items()]
        if options["json"]:
            self.stdout.write(json.dumps({"keys": [{"id": i, "public_key": key, "pem": pem} for i, key, pem in keys]}))
            return
        for name, key, pem in keys:
            self.stdout.write(f"{name}  {key}\n{pem}")
