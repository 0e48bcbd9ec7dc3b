"""What each step of the lesson says, in English and in Chinese.

In:   a step's name and its facts.
Out:  a heading and a paragraph with the facts in place.
Not:  the words themselves (en.toml, zh.toml), computing the facts (lesson.py), printing them (cli/tutorial.py).
"""

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Literal, TypeAlias

Language: TypeAlias = Literal["en", "zh"]
Words: TypeAlias = Mapping[str, Mapping[str, str]]


def words(language: Language) -> Words:
    """Heading and paragraph of every step, by the step's name."""
    found: Words = tomllib.loads((resources.files(__package__) / f"{language}.toml").read_text("utf-8"))
    return found


def told(words: Words, step: str, facts: Mapping[str, object]) -> tuple[str, str]:
    """The heading and the paragraph of a step, with its facts in place."""
    return words[step]["heading"], words[step]["paragraph"].format(**facts)
