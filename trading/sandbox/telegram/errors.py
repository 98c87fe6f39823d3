"""What the stand-in answers when it refuses."""

from typing import Any


class ApiError(Exception):
    """A Bot API refusal, worded as the real service words it."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        """Keep code and words; ``parameters`` go into the answer (``retry_after``)."""
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def body(self) -> dict[str, Any]:
        """Give the answer's JSON."""
        answer: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        if self.parameters:
            answer["parameters"] = self.parameters
        return answer


class ControlError(Exception):
    """A refusal of the control side (faults, people's acts): a code to match on and a sentence to act on."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        """Keep the HTTP status, the machine's word and the human's."""
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail

    def body(self) -> dict[str, Any]:
        """Give the answer's JSON."""
        return {"ok": False, "error": {"code": self.code, "detail": self.detail}}


def bad_request(description: str) -> ApiError:
    """Make the most common refusal."""
    return ApiError(400, f"Bad Request: {description}")
