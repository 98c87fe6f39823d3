"""Files that went over the chats: kept on disk, named in the state, given back by getFile and a download."""

import secrets
from io import BytesIO
from pathlib import Path
from typing import Any

from aiohttp import web
from PIL import Image

from trading.sandbox.telegram.errors import bad_request
from trading.sandbox.telegram.formatting import cleaned
from trading.sandbox.telegram.params import Params, Upload
from trading.sandbox.telegram.state import State

type Json = dict[str, Any]

MAX_DOWNLOAD_BYTES = 20 * 1024 * 1024
LONGEST_NAME = 255
THUMBNAIL = (320, 320)
PHOTO_FORMATS = ("PNG", "JPEG", "WEBP")


class NoPhoto(Exception):
    """The upload is not a picture that Telegram takes as a photo."""


class Documents:
    """The files of the stand-in."""

    def __init__(self, state: State, directory: Path) -> None:
        """Keep the bytes in ``directory``, what they are in ``state``."""
        self._state = state
        self.directory = directory

    def keep(self, upload: Upload) -> Json:
        """Keep a file; gives the Document."""
        name = cleaned(Path(upload.name).name).strip()[:LONGEST_NAME] or "file"
        about = {"file_name": name, "mime_type": upload.mime_type, "file_size": len(upload.content)}
        return self._keep("BQACAgIAAx", "documents", upload.content, about)

    def keep_photo(self, upload: Upload) -> list[Json]:
        """
        Keep a picture in the sizes Telegram makes of it, the smallest first.

        :raises NoPhoto: it is not a picture.
        """
        try:
            picture = Image.open(BytesIO(upload.content), formats=PHOTO_FORMATS)
            size = picture.size
            small = picture.convert("RGB")
            small.thumbnail(THUMBNAIL)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise NoPhoto from error
        out = BytesIO()
        small.save(out, "JPEG")
        kept = []
        for content, (width, height) in ((out.getvalue(), small.size), (upload.content, size)):
            about = {"width": width, "height": height, "file_size": len(content)}
            kept.append(self._keep("AgACAgIAAx", "photos", content, about))
        return kept

    def _keep(self, prefix: str, folder: str, content: bytes, about: Json) -> Json:
        file_id = prefix + secrets.token_urlsafe(24)
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.directory / file_id).write_bytes(content)
        document: Json = {"file_id": file_id, "file_unique_id": file_id[-16:], **about}
        suffix = Path(str(about.get("file_name", "photo.jpg"))).suffix
        place = f"{folder}/file_{len(self._state.files) + 1}{suffix if suffix[1:].isalnum() else ''}"
        self._state.record({"e": "file", "id": file_id, "document": document, "place": place})
        return document

    def known(self, file_id: str) -> Json | None:
        """Give a Document by its id."""
        kept = self._state.files.get(file_id)
        return kept["document"] if kept else None

    def path(self, file_id: str) -> Path | None:
        """Say where the bytes of a file lie, if they do."""
        path = self.directory / file_id
        return path if file_id in self._state.files and path.is_file() else None

    def get_file(self, params: Params) -> Json:
        """Do getFile."""
        kept = self._state.files.get(params.text("file_id"))
        if kept is None or "place" not in kept:
            raise bad_request("invalid file_id" if params.text("file_id") else "file_id not specified")
        document = kept["document"]
        if document["file_size"] > MAX_DOWNLOAD_BYTES:
            raise bad_request("file is too big")
        return {
            "file_id": document["file_id"],
            "file_unique_id": document["file_unique_id"],
            "file_size": document["file_size"],
            "file_path": kept["place"],
        }

    def download(self, place: str) -> web.StreamResponse:
        """Give the bytes under the path that getFile named."""
        for file_id, kept in self._state.files.items():
            path = self.path(file_id)
            if kept.get("place") == place and path and kept["document"]["file_size"] <= MAX_DOWNLOAD_BYTES:
                return web.FileResponse(path, headers={"Content-Type": "application/octet-stream"})
        raise web.HTTPNotFound(text="Not Found")
