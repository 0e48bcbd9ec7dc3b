"""`python -m frostline`, and the command `frostline`: leave on a signal from the first instruction on.

While modules load a signal would end in a traceback, or in an ImportError of the module that was loading.
"""

# The built-in part: `signal` loads some dozen files, during which ctrl-C would be a traceback.
import _signal  # type: ignore[import-not-found]
import os


def _leave(number: int, frame: object) -> None:
    """Nothing has begun yet, so nothing is to be cleaned up."""
    del frame
    os._exit(128 + number)


for _number in (_signal.SIGINT, _signal.SIGTERM):
    _signal.signal(_number, _leave)

from frostline.cli.main import main  # noqa: E402 - once a signal can be answered

if __name__ == "__main__":
    main()
