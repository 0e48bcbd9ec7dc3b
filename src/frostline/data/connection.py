"""Connect to a server, through a proxy where the environment names one, within a few seconds or not at all.

In:   a request.
Out:  the response, whatever its status.
Not:  what the response means (transport.py).

HTTP_PROXY, HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR are honoured, as in most programs.
"""

import functools
import http.client
import socket
import ssl
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TypeAlias, final


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for a server, and how often to ask it again.

    Parameters
    ----------
    connect_s : float
        For the look-up of its name, and again for the connection.
    read_s : float
        For its next byte; and the stretch over which its speed is judged.
    attempts : int
        How many requests may fail in passing (a cut connection, a status such as 503) before we give up.
    first_wait_s, longest_wait_s : float
        Before the second request, doubling from there; a Retry-After is heeded up to the longest.
    slowest_bytes_s : int
        A connection that brings fewer bytes a second, over `read_s`, counts as cut.
    """

    connect_s: float = 5.0
    read_s: float = 20.0
    attempts: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 20.0
    slowest_bytes_s: int = 64


def opened(request: urllib.request.Request, patience: Patience) -> http.client.HTTPResponse:
    """The response to `request`, a redirect or an error's page included. Its scheme must be http or https.

    Raises
    ------
    urllib.error.URLError
        No connection came about.
    OSError, http.client.HTTPException
        One did, and failed.
    """
    opener = urllib.request.OpenerDirector()  # without the usual parts, which would open file: and ftp:, and redirect
    for part in (urllib.request.ProxyHandler(), _Plain(patience), _Secure(patience)):
        opener.add_handler(part)
    response = opener.open(request, timeout=patience.connect_s)
    if not isinstance(response, http.client.HTTPResponse):
        raise urllib.error.URLError(f"{request.type} is not spoken here")
    return response


def _connected(
    address: tuple[str, int], timeout: float, source_address: tuple[str, int] | None = None
) -> socket.socket:
    """A connection within `timeout` seconds, or an OSError: for http.client in place of socket.create_connection.

    That one waits `timeout` for every address of a name, and as long as the resolver likes for the name itself:
    behind a firewall that drops packets, eight addresses take eight times as long.
    """
    found = _looked_up(address, timeout)
    tried = list({family: (family, kind, where) for family, kind, _, _, where in reversed(found)}.values())
    failure: OSError = OSError("the name has no address")
    for family, kind, where in reversed(tried):
        made = socket.socket(family, kind)
        try:
            made.settimeout(timeout / len(tried))
            if source_address is not None:
                made.bind(source_address)
            made.connect(where)
        except OSError as error:
            made.close()
            failure = error
        else:
            made.settimeout(timeout)
            return made
    raise failure


_Address: TypeAlias = tuple[
    socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
]


def _looked_up(address: tuple[str, int], timeout: float) -> list[_Address]:
    """The addresses of a name. The look-up has no time limit of its own, hence the thread that we can leave behind."""
    found: list[_Address] = []
    failed: list[OSError] = []

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(*address, type=socket.SOCK_STREAM))
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=look_up, daemon=True, name="frostline-name-look-up")
    thread.start()
    thread.join(timeout)
    if thread.is_alive():
        raise TimeoutError
    if failed:
        raise failed[0]
    return found


@final
class _PlainConnection(http.client.HTTPConnection):
    def __init__(self, host: str, *, timeout: float, read_s: float) -> None:
        super().__init__(host, timeout=timeout)
        self._create_connection = _connected
        self._read_s = read_s

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(self._read_s)


@final
class _SecureConnection(http.client.HTTPSConnection):
    def __init__(self, host: str, *, timeout: float, read_s: float, context: ssl.SSLContext) -> None:
        super().__init__(host, timeout=timeout, context=context)
        self._create_connection = _connected
        self._read_s = read_s

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(self._read_s)


@final
class _Plain(urllib.request.HTTPHandler):
    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self._read_s = patience.read_s

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(_PlainConnection, read_s=self._read_s), req)


@final
class _Secure(urllib.request.HTTPSHandler):
    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self._read_s = patience.read_s

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        context = ssl.create_default_context()
        return self.do_open(functools.partial(_SecureConnection, read_s=self._read_s, context=context), req)
