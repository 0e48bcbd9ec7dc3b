"""An artifact with its encoder: texts in, answers out.

Whoever predicts, scores, serves or exports does it through `Model.answer`. The encoder of an opened model has the
digests that the manifest names, and gives for eight sentences what it gave when the artifact was saved.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, final

import numpy as np
from numpy.typing import NDArray

from frostline.arrays import BoolArray, IntArray, Probabilities, Progress, Rows
from frostline.artifact.load import Artifact, check_encoder_files, load_artifact
from frostline.artifact.manifest import Manifest
from frostline.artifact.self_test import check_self_test
from frostline.encoder.checkpoint import known_encoder, must_be_fetched
from frostline.encoder.features import FeatureSpec
from frostline.encoder.reading import EncoderIdentity, SentenceEncoder
from frostline.encoder.words import WORDS_ALONE, WordedEncoder, WordsAlone
from frostline.errors import (
    ArtifactCorrupt,
    ConsentError,
    FrostlineError,
    InputError,
    UnavailableError,
    UsageError,
    shown,
)
from frostline.head.cascade import Cascade, Heard, hear
from frostline.head.likeness import Likeness
from frostline.head.linear import LinearHead
from frostline.targets import Answers

if TYPE_CHECKING:
    from frostline.encoder.architecture import AskedBackend, Device
    from frostline.encoder.precision import Precision


class OpenEncoder(Protocol):
    """The seam through which an encoder is found: the real one, or a test's."""

    def __call__(
        self, name: str, *, features: str, revision: str | None, max_length: int, threads: int | None
    ) -> SentenceEncoder:
        """The encoder called `name` (a short name, a hub id, a folder)."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A classifier that is ready to read."""

    manifest: Manifest
    head: LinearHead
    encoder: SentenceEncoder  # With its vocabulary beside it, where words are among the features
    # `likeness`, `learned`: As in `Artifact`
    likeness: Likeness | None = None
    learned: IntArray | None = None
    cascade: Cascade | None = None  # Answers the texts that it is surest of, which are then not read

    def has_met(self, texts: Sequence[str]) -> BoolArray | None:
        """Which texts it learned from, or its encoder was tuned on (n_texts,); None: it keeps no digests."""
        from frostline.data.copies import digests_of  # noqa: PLC0415 - not needed for a sentence: start-up time
        from frostline.encoder.seen import met_by  # noqa: PLC0415 - likewise

        met = met_by(self.learned, self.encoder)
        return None if met is None else np.isin(digests_of(texts), met)

    def answer(self, texts: Sequence[str], *, with_likeness: bool = False, progress: Progress | None = None) -> Answers:
        """What the classifier says of each text. Progress counts distinct texts.

        Parameters
        ----------
        with_likeness : bool, default=False
            Say of each text also how like it is to those learned from; `UsageError` where the artifact cannot.
        """
        heard = self._heard(texts, with_likeness=with_likeness, progress=progress)
        return heard.answers(likeness=self.likeness if with_likeness else None)

    def answer_alone(self, rows: Rows, *, cut: bool) -> Answers:
        """What the full head says of one text, given its row (1, n_features)."""
        return self.head.answer(self.head.predict_proba(rows), np.array([cut]))

    def answer_parts(
        self, texts: Sequence[str], size: int, *, with_likeness: bool = False, progress: Progress | None = None
    ) -> Iterator[tuple[int, Answers]]:
        """What the classifier says of each text; `size` of them decided upon at a time, all of them read together.

        Gives the first one's number, and their answers.
        """
        heard = self._heard(texts, with_likeness=with_likeness, progress=progress)
        for start in range(0, len(texts), size):
            yield start, heard.answers(start, start + size, likeness=self.likeness if with_likeness else None)

    def predict_proba(self, texts: Sequence[str], *, progress: Progress | None = None) -> Probabilities:
        """Probabilities (n_texts, n_labels); column j belongs to manifest.labels[j]. Progress counts distinct texts."""
        return self.answer(texts, progress=progress).probabilities

    def predict(self, texts: Sequence[str], *, progress: Progress | None = None) -> NDArray[Any]:
        """The label or labels of each text (n_texts,), of their own type: see `LinearHead.answers`."""
        return self.head.named(self.answer(texts, progress=progress))

    def _heard(self, texts: Sequence[str], *, with_likeness: bool, progress: Progress | None) -> Heard:
        """The texts read: all of them where their likeness is asked for."""
        if with_likeness:
            refuse_likeness(self.likeness)
        return hear(texts, self.head, self.encoder, cascade=self.cascade, read_all=with_likeness, progress=progress)


def open_model(  # noqa: PLR0913 - the artifact; where its encoder may come from, and how it is tried
    artifact: str | Path | Artifact,
    *,
    encoder: str | Path | None = None,
    threads: int | None = None,
    check: bool = True,
    fetch: bool = False,
    backend: "AskedBackend" = "auto",
    device: "Device" = "auto",
    packs: bool = False,
    open_encoder: OpenEncoder | None = None,
) -> Model:
    """The model in `artifact`, with its encoder opened.

    Parameters
    ----------
    artifact : str, Path or Artifact
    encoder : str or Path, optional
        Where the encoder is, for one that the artifact neither holds nor can name. Its digests are checked as well.
    threads : int, optional
        That read sentences; one per core unless told otherwise.
    check : bool, default=True
        Run the self-test. Without it, the encoder's graph must be of the very version that the artifact was made with.
    fetch : bool, default=False
        Ask the hub for an encoder that the artifact names and that is not on this machine.
    backend, device
        Who reads, and where: as for `Encoder.open`. What torch read, our graph may read as well, where there is one.
    packs : bool, default=False
        Have the encoder read several lengths at once, as a server does.
    open_encoder : OpenEncoder, optional
        `Encoder.open` unless told otherwise.

    Raises
    ------
    ConsentError
        The encoder would have to be fetched, and `fetch` is false.
    MissingInputError, ArtifactCorrupt
        As `load_artifact`; the encoder in the artifact is damaged; the self-test failed.
    InputError
        The encoder found under that name is another than the one the model was trained with.
    UnavailableError
        The encoder is not on this machine and out of reach.
    """
    loaded = artifact if isinstance(artifact, Artifact) else load_artifact(artifact)
    opened = open_encoder or functools.partial(
        _open_encoder,
        precision=loaded.manifest.encoder.precision,
        backend=backend,
        device=device,
        packs=packs,
        prefix=loaded.manifest.encoder.prefix,
    )
    if FeatureSpec.parse(loaded.manifest.features).is_words_alone:
        found = _words_alone(loaded)
    else:
        found = _matching_encoder(loaded, _places(loaded, encoder, fetch=fetch), threads, opened)
    n_features = len(found.blocks) * found.hidden_size
    if n_features != loaded.manifest.n_features:
        raise ArtifactCorrupt(
            f"{loaded.path}: n_features must be {n_features:,} for {loaded.manifest.features} of this encoder "
            f"(got {loaded.manifest.n_features:,})."
        )
    if loaded.vocabulary is not None and FeatureSpec.parse(loaded.manifest.features).words:
        found = WordedEncoder(found, loaded.vocabulary)
    expected = loaded.manifest.encoder.graph_version
    if not check and found.identity.graph_version != expected:
        raise InputError(
            f"{loaded.path}: made with version {expected} of the encoder's graph (this is "
            f"{found.identity.graph_version}).",
            hint="Open it with the self-test, which shows whether the two agree.",
        )
    if check:
        check_self_test(loaded.manifest.self_test, loaded.head, found)
    saved = loaded.cascade
    return Model(
        manifest=loaded.manifest,
        head=loaded.head,
        encoder=found,
        likeness=loaded.likeness,
        learned=loaded.learned,
        cascade=None if saved is None else saved.opened(found, loaded.vocabulary, check=check),
    )


def refuse_likeness(likeness: Likeness | None, *, below: float = 1.0) -> None:
    """Raise, before any work, where no text can be told to have a likeness below that."""
    if not 0 < below <= 1:  # no number is neither
        raise UsageError(f"A share of texts must lie between 0 and 1 (got {below:g}).")
    if likeness is None:
        raise UsageError(
            "This model does not know how like a text is to those it learned from: it was saved by an earlier "
            "Frostline, reads words alone, or learned without folds.",
            hint="Train it again.",
        )
    if not likeness.can_tell(below):
        fewest = int(round(1 / below, 6))
        raise UsageError(
            f"To mark a share of {below:g} of texts like those learned from, there must be {fewest:,} of them or more "
            f"(this model learned from {likeness.n_texts:,}, those that belong together counted once).",
            hint=f"Pass a share above {1 / (likeness.n_texts + 1):.2g}.",
        )


def _open_encoder(  # noqa: PLR0913 - what `Encoder.open` takes
    name: str,
    *,
    features: str,
    revision: str | None,
    max_length: int,
    threads: int | None,
    precision: str,
    backend: "AskedBackend",
    device: "Device",
    packs: bool,
    prefix: str,
) -> SentenceEncoder:
    """The encoder, in the precision that the head learned from, on whatever processor."""
    from frostline.encoder.encoder import Encoder  # noqa: PLC0415 - the runtime loads only where texts are read

    return Encoder.open(
        name,
        features=features,
        revision=revision,
        max_length=max_length,
        threads=threads,
        precision=cast("Precision", precision),
        insist=True,
        backend=backend,
        device=device,
        packs=packs,
        prefix=prefix,
    )


def _places(artifact: Artifact, told: str | Path | None, *, fetch: bool) -> list[tuple[str, str | None]]:
    """Where to look for the encoder: names and revisions, of which an artifact from a stranger may name any."""
    identity = artifact.manifest.encoder
    if artifact.encoder_folder is not None:
        return [(str(artifact.encoder_folder), None)]
    if told is not None:
        return [(str(told), None)]
    places: list[tuple[str, str | None]] = [(identity.name, identity.revision)]
    known = known_encoder(identity.name)
    if known is not None and identity.revision is not None:
        places = [(identity.name, None), *places]  # the same files may be bundled here
    here = [place for place in places if fetch or not must_be_fetched(*place)]
    if not here:
        from frostline.artifact.hub import encoder_bytes  # noqa: PLC0415 - what is here needs no hub

        size_bytes = encoder_bytes(artifact, *places[0]) if known is None else known.size_bytes
        size = "" if size_bytes is None else f", {size_bytes / 1e6:,.0f} MB"
        raise ConsentError(
            f"{artifact.path}: its encoder must be on this machine ({shown(identity.name)}"
            f"{f' at revision {identity.revision}' if identity.revision else ''}{size}).",
            hint="Fetch it from the hub by adding --yes, or name its folder: --encoder FOLDER.",
        )
    return here


def _words_alone(artifact: Artifact) -> SentenceEncoder:
    """What stands for an encoder; `ArtifactCorrupt` where the manifest names one, or another pattern of words."""
    differing = _difference(artifact.manifest.encoder, WORDS_ALONE)
    if differing:
        raise ArtifactCorrupt(f"{artifact.path}: features are words alone, but of another reader ({differing}).")
    return WordsAlone()


def _matching_encoder(
    artifact: Artifact, places: list[tuple[str, str | None]], threads: int | None, open_encoder: OpenEncoder
) -> SentenceEncoder:
    """The first encoder, of the places to look at, that is the one the model was trained with."""
    identity = artifact.manifest.encoder
    inside = artifact.encoder_folder
    check_encoder_files(artifact)
    differing = ""
    unreachable: FrostlineError | None = None
    for name, revision in places:
        try:
            found = open_encoder(
                name,
                features=artifact.manifest.features,
                revision=revision,
                max_length=identity.max_length,
                threads=threads,
            )
        except UnavailableError as error:
            unreachable = error
            continue
        except UsageError as error:  # layers or a length that this encoder has not: the manifest's wish, not the user's
            raise ArtifactCorrupt(
                f"{artifact.path}: its encoder cannot do what it asks for: {error.message}"
            ) from error
        differing = _difference(identity, found.identity)
        if not differing:
            return found
    if unreachable is not None and not differing:
        raise unreachable
    raise (InputError if inside is None else ArtifactCorrupt)(
        f"{artifact.path}: the encoder {places[-1][0]} is not the one this model was trained with ({differing}).",
        hint="Bring the encoder it was trained with (--encoder FOLDER), or train again.",
    )


def _difference(expected: EncoderIdentity, found: EncoderIdentity) -> str:
    """The first thing that can change a row and differs, or nothing. The graph's version is the self-test's affair."""
    names = ("weights_sha256", "tokenizer_sha256", "config_sha256", "family", "max_length", "precision", "prefix")
    for name in names:
        want, got = str(getattr(expected, name)), str(getattr(found, name))
        if want != got:
            return f"{name} must be {want[:16]}, got {got[:16]}"
    return ""
