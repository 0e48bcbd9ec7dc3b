"""The environment of a process that is measured."""

import os


def as_installed(**settings: str) -> dict[str, str]:
    """What is set here and `settings`, with Python keeping the modules it compiled, as wherever something is installed.

    Where it may not (containers are often set so), every start compiles its modules anew: 0.1 s of ours, four of
    those that bring torch.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | settings
