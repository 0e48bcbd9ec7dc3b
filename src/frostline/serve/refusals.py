"""A request that is not answered: its status, and what is said. On every wire `error` is a string."""

from typing import Any, final

from frostline.errors import printable

TOO_MUCH = "overloaded"


@final
class Refusal(Exception):  # noqa: N818 - a refusal is no failure of the program
    """What a client gets instead of an answer.

    Parameters
    ----------
    status : int
        Of HTTP.
    code : str
        For programs, and the reason in the metrics.
    message : str
        What must hold, and what was found; no text of a client's.
    pointer : str
        Where in the body, as RFC 6901 writes it.
    retry_after_s : int, optional
        When to try again.
    closes : bool
        Whether the connection ends with it: there may be more of the body, or doubt about where it ends.
    """

    def __init__(  # noqa: PLR0913 - each is a part of the answer
        self,
        status: int,
        code: str,
        message: str,
        *,
        pointer: str = "",
        retry_after_s: int | None = None,
        closes: bool = False,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.pointer, self.retry_after_s, self.closes = pointer, retry_after_s, closes

    def document(self, request_id: str) -> dict[str, Any]:
        """The body."""
        document = {
            "error": printable(self.message),
            "error_type": _OF_TEI.get(self.code, "validation" if self.status < 500 else "backend"),
            "code": self.code,
            "request_id": request_id,
        }
        return document | ({"pointer": self.pointer} if self.pointer else {})

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Those that the refusal brings."""
        headers = []
        if self.retry_after_s is not None:
            headers.append((b"retry-after", str(self.retry_after_s).encode()))
        if self.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        if self.closes:
            headers.append((b"connection", b"close"))
        return headers


_OF_TEI = {TOO_MUCH: "overloaded", "late": "overloaded", "starting": "unhealthy"}


def overloaded(message: str, *, code: str = TOO_MUCH, closes: bool = False) -> Refusal:
    """There is too much to do just now."""
    return Refusal(503, code, message, retry_after_s=1, closes=closes)
