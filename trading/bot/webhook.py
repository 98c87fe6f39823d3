"""
The door for updates that Telegram sends by itself: the same inbox as polling.

Telegram names itself by the secret it was given with the webhook, in a header
(https://core.telegram.org/bots/api#setwebhook). It repeats an update until the answer is 200, so only
what is stored is answered so.
"""

import hmac
import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from alerting import operations
from trading.lib import clock

HEADER = "X-Telegram-Bot-Api-Secret-Token"
LARGEST = 1_048_576  # bytes; a message has 4,096 letters, with all its parts far less than this


@csrf_exempt  # Telegram has no session; it shows its secret
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """Store one update. Without a webhook in the settings there is no such address."""
    if not settings.TELEGRAM_WEBHOOK_URL:
        return HttpResponse(status=404)
    shown = request.headers.get(HEADER, "")
    if not hmac.compare_digest(shown.encode(), settings.TELEGRAM_WEBHOOK_SECRET.encode()):
        return HttpResponse(status=403)
    body = request.read(LARGEST + 1)
    if len(body) > LARGEST:
        return HttpResponse(status=413)
    update = _update(body)
    if update is None:
        return HttpResponse(status=400)
    operations.store_updates(updates=[update], now=clock.now())
    return HttpResponse(status=200)


def _update(body: bytes) -> dict[str, Any] | None:
    """Read an update; nothing when it is none."""
    try:
        found = json.loads(body)
    except ValueError:
        return None
    is_numbered = isinstance(found, dict) and type(found.get("update_id")) is int
    return found if is_numbered else None
