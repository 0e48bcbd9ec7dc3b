"""Where every wire asks: texts and a model's name in, what the model says of each out, and counted."""

import asyncio
import contextvars
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from frostline.serve.admission import Admission, body_bytes, late
from frostline.serve.frames import LATE, MOST_EXPLAINED
from frostline.serve.metrics import Metrics
from frostline.serve.models import Models, Version
from frostline.serve.options import Limits
from frostline.serve.reading import Answer, Fault, Reading
from frostline.serve.refusals import Refusal, overloaded
from frostline.targets import Label

_MOST_ASIDE = 4  # texts that wait for an explanation

answering: contextvars.ContextVar[str] = contextvars.ContextVar("answering", default="")
"""The number of the version that a request was given to."""


@final
@dataclass(frozen=True, slots=True)
class Said:
    """What a version says of the texts of one request."""

    version: Version
    texts: list[Answer | Fault]

    def answers(self, pointer: str, *, is_one: bool = False) -> list[Answer]:
        """The answers, for wires on which a text cannot fail by itself: the first fault is the request's.

        Parameters
        ----------
        pointer : str
            Where in the body the texts are.
        is_one : bool
            It is no list: all of them are there.
        """
        for place, said in enumerate(self.texts):
            if isinstance(said, Fault):
                where = pointer if is_one else f"{pointer}/{place}"
                raise Refusal(said.status, "text", f"Text {place}: {said.message}", pointer=where)
        return [said for said in self.texts if isinstance(said, Answer)]


@final
@dataclass(slots=True, kw_only=True)
class Desk:
    """Models, and who reads for them."""

    models: Models
    reading: Reading
    metrics: Metrics
    limits: Limits
    admission: Admission
    is_draining: bool = False  # Whether the server is about to end

    async def ready(self) -> bool:
        """Whether a request would be answered."""
        return not self.is_draining and await self.models.ready()

    def scraped(self) -> bytes:
        """The metrics, with what is true just now."""
        self.metrics.waiting.set(self.admission.waiting)
        self.metrics.replaced.set(self.reading.n_replaced)
        for name in self.models.names():
            kept = self.models.versions(name)
            self.metrics.version.labels(name).set(self.models.version(name).number if kept else 0)
        return self.metrics.page()

    async def ask(self, texts: Sequence[str], *, model: str | None = None, version: int | None = None) -> Said:
        """What the model says of each text, in their order; 404, 413, 422 or 503 for the whole request."""
        served = self.models.version(model, version)
        answering.set(str(served.number))
        self.check_number(len(texts))
        limit = self.limits.characters
        short = [text for text in texts if len(text) <= limit]
        begun = time.monotonic()
        said = await self.reading.answers(served.key, short, queue_s=self.limits.queue_s) if short else []
        if any(isinstance(one, Fault) and one.message == LATE for one in said):
            raise late()
        self.metrics.queue.observe(time.monotonic() - begun)
        coming = iter(said)
        found = [
            next(coming) if len(text) <= limit
            else Fault(422, f"A text must have at most {limit:,} characters (got {len(text):,}).")
            for text in texts
        ]  # fmt: skip
        self._count(served, found)
        answers = [one for one in said if isinstance(one, Answer)]
        if not any(answer.cut for answer in answers):  # of a long text most bytes cost nothing
            self.admission.saw_body(body_bytes.get(), sum(answer.pieces for answer in answers))
        return Said(served, found)

    async def explain(self, text: str, *, model: str | None = None, labels: Sequence[Label] = ()) -> dict[str, Any]:
        """Why a model answers as it does for one text: see `explaining.why`."""
        served = self.models.version(model)
        answering.set(str(served.number))
        if len(text) > self.limits.characters:
            raise Refusal(422, "text", f"A text must have at most {self.limits.characters:,} characters.")
        if self.reading.n_aside >= _MOST_ASIDE:
            raise overloaded("Too many texts wait to be explained: try again in a second.")
        work = self.admission.work_of_explanation(len(text), most=MOST_EXPLAINED)
        await self.admission.come_in(work, own=self.admission.work_of(body_bytes.get()) if body_bytes.get() else 0)
        asking = asyncio.ensure_future(self.reading.aside("explain", model=served.key, text=text, labels=list(labels)))
        asking.add_done_callback(lambda _: self.admission.leave(work))  # it goes on where nobody waits any more
        try:
            async with asyncio.timeout(self.limits.explain_s):
                reply = await asyncio.shield(asking)
        except TimeoutError as error:
            asking.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody hears it
            seconds = f"{self.limits.explain_s:g} s"
            raise overloaded(f"The explanation was not there within {seconds}.", code="late") from error
        document: dict[str, Any] = reply["explanation"]
        return document

    def check_number(self, n_texts: int) -> None:
        """Refuse no texts, and too many."""
        if n_texts == 0:
            raise Refusal(422, "texts", "There must be at least one text.")
        if n_texts > self.limits.texts:
            raise Refusal(
                413, "texts", f"A request must have at most {self.limits.texts} texts (got {n_texts:,}): send several."
            )

    def _count(self, version: Version, found: Sequence[Answer | Fault]) -> None:
        metrics, name, names = self.metrics, version.name, version.names
        for said in found:
            if isinstance(said, Fault):
                metrics.faults.labels(name).inc()
                continue
            if said.cut:
                metrics.cut.labels(name).inc()
            if not said.answered:
                metrics.abstained.labels(name).inc()
                continue
            for column in said.favoured:
                metrics.said(name, names[column], n_labels=len(names))
