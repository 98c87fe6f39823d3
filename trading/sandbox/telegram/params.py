"""The parameters of a Bot API call, in whichever of the four ways they came."""

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from trading.sandbox.telegram.errors import ApiError, bad_request
from trading.sandbox.telegram.formatting import cleaned

MAX_FILE_BYTES = 20 * 1024 * 1024
MAX_FIELDS = 100


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with the call."""

    name: str
    mime_type: str
    content: bytes


@dataclass(slots=True)
class Params:
    """What the bot sent; each reader refuses nonsense in the real service's words."""

    values: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Read a text; missing is empty."""
        value = self.values.get(name)
        if value is None:
            return ""
        try:
            return cleaned(value) if isinstance(value, str) else json.dumps(value)
        except UnicodeEncodeError:
            raise bad_request("strings must be encoded in UTF-8") from None

    def integer(self, name: str, default: int | None = None) -> int:
        """Read a whole number; without a default it must be there."""
        value = self.values.get(name)
        if value in (None, ""):
            if default is None:
                raise bad_request(f"{name} is empty" if name == "chat_id" else f"parameter {name} is required")
            return default
        try:
            return int(str(value))
        except ValueError:
            if name == "chat_id":
                raise bad_request("chat not found") from None
            raise bad_request(f"parameter {name} must be of type Number") from None

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Read a yes or no."""
        value = self.values.get(name)
        return default if value in (None, "") else str(value).lower() in ("true", "1", "yes")

    def structure(self, name: str) -> Any:
        """Read a JSON value, sent as JSON or as its text; missing is None."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise bad_request(f"can't parse {name} JSON object") from None

    def upload(self, name: str) -> Upload | None:
        """Find a file, sent under this name or attached under another."""
        reference = self.text(name)
        if reference.startswith("attach://"):
            return self.files.get(reference.removeprefix("attach://"))
        return self.files.get(name)


async def read(request: web.Request) -> Params:
    """Collect the parameters: query string, JSON, urlencoded or multipart."""
    params = Params(values=dict(request.query))
    if request.method == "POST" and request.can_read_body:
        if request.content_type == "application/json":
            await _read_json(request, params)
        elif request.content_type.startswith("multipart/"):
            await _read_multipart(request, params)
        else:
            params.values.update(await request.post())
    if len(params.values) > MAX_FIELDS:
        raise bad_request("too many parameters")
    return params


async def _read_json(request: web.Request, params: Params) -> None:
    try:
        body = json.loads(await request.read())
    except ValueError:
        raise bad_request("can't parse request JSON") from None
    if not isinstance(body, dict):
        raise bad_request("request JSON must be an object")
    params.values.update(body)


async def _read_multipart(request: web.Request, params: Params) -> None:
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or not part.name:
            continue
        if part.filename is None:
            params.values[part.name] = await part.text()
            continue
        content = bytearray()
        while chunk := await part.read_chunk():
            content += chunk
            if len(content) > MAX_FILE_BYTES:
                raise ApiError(413, "Request Entity Too Large")
        mime_type = part.headers.get("Content-Type", "application/octet-stream")
        params.files[part.name] = Upload(part.filename, mime_type, bytes(content))
