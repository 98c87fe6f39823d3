"""A passkey in software, as WebAuthn describes it: makes a key pair, signs challenges, counts, and may misbehave."""

import hashlib
import json
import secrets
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from webauthn.helpers import bytes_to_base64url as encoded

from tests.console import scene
from tests.console.codes import code
from trading.lib import clock
from users import operations
from users.models import Passkey, User

PRESENT, VERIFIED, ATTESTED = 1, 4, 64


class Authenticator:
    """One key pair; `count` is its counter, which the next signature moves on."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(16)
        self.count = 0

    def make(self, options: dict[str, Any], *, verified: bool = True) -> str:
        """The browser's answer to the options of a registration."""
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(cose)
        data = self._data(ATTESTED, verified=verified) + attested
        statement = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._credential(
            attestationObject=encoded(statement), clientDataJSON=encoded(_said("webauthn.create", options))
        )

    def answer(self, options: dict[str, Any], *, verified: bool = True, origin: str = "") -> str:
        """The browser's answer to the options of a proof."""
        self.count += 1
        said, data = _said("webauthn.get", options, origin), self._data(0, verified=verified)
        signature = self.key.sign(data + hashlib.sha256(said).digest(), ec.ECDSA(hashes.SHA256()))
        return self._credential(
            authenticatorData=encoded(data), clientDataJSON=encoded(said), signature=encoded(signature)
        )

    def _data(self, flags: int, *, verified: bool) -> bytes:
        flags |= PRESENT | (VERIFIED if verified else 0)
        return (
            hashlib.sha256(settings.OTP_WEBAUTHN_RP_ID.encode()).digest()
            + bytes([flags])
            + self.count.to_bytes(4, "big")
        )

    def _credential(self, **response: str) -> str:
        name = encoded(self.id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})


def _said(kind: str, options: dict[str, Any], origin: str = "") -> bytes:
    said = {"type": kind, "challenge": options["challenge"], "origin": origin or settings.DESK_URL}
    return json.dumps(said).encode()


def enrol(user: User, name: str = "phone") -> tuple[Authenticator, Passkey]:
    """A passkey of the user, added as they would; the latest code of their app is spent."""
    authenticator, device = Authenticator(), scene.authenticator(user)
    type(device).objects.filter(pk=device.pk).update(last_step=-1)
    options = operations.begin_passkey(
        user=user, scope="passkeys:add", token=code(scene.TOTP_KEY), answer="", now=clock.now()
    )
    passkey = operations.add_passkey(user=user, answer=authenticator.make(options), name=name, now=clock.now())
    type(device).objects.filter(pk=device.pk).update(last_step=-1)
    return authenticator, passkey


def proof(authenticator: Authenticator, user: User, scope: str, **options: Any) -> str:
    """An answer to a new challenge of this purpose."""
    return authenticator.answer(operations.begin_proof(user=user, scope=scope, now=clock.now()), **options)
