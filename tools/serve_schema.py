"""schemathesis over the server's own OpenAPI, all phases: no 5xx, no break of the schema.

    python tools/serve_schema.py MODEL [--schemathesis PATH] [further options of `schemathesis run`]

PATH is schemathesis' command (requirements/schema.txt; `make test-schema` sets it up in an environment of its own).
MODEL is served with a long queue, so that a busy machine refuses nothing.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from serve_figures import ADMIN, serving

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
KNOWN = '[parameters]\n"path.name" = "model"\n"path.version" = "1"\n'
"""Once more with a model that is there: made names are none."""


async def checked(model: Path, command: Path, further: list[str], *, known: str) -> int:
    """Its exit status."""
    async with serving(model, "--limit", "queue_s=30") as server:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "schemathesis.toml").write_text(known, "utf-8")
            process = await asyncio.create_subprocess_exec(
                str(command), "run", f"http://{server.host}:{server.port}/openapi.json",
                "--phases", "examples,coverage,fuzzing,stateful", "--checks", ",".join(CHECKS),
                "--header", f"x-api-key: {ADMIN}", "--continue-on-failure", "--no-color", *further, cwd=folder,
            )  # fmt: skip
            return await process.wait()


def main() -> None:
    """Check, and end as schemathesis does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--schemathesis", type=Path, default=Path(".venv-schema/bin/schemathesis"))
    asked, further = parser.parse_known_args()
    command = asked.schemathesis.resolve()
    sys.exit(max(asyncio.run(checked(asked.model, command, further, known=known)) for known in ("", KNOWN)))


if __name__ == "__main__":
    main()
