"""What a server counts, for Prometheus. Labels of metrics are models, labels, reasons and routes: never a text."""

from typing import final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_MOST_LABELS = 100  # of a model whose answers are counted by label: a series each


@final
class Metrics:
    """Counters and histograms of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        of, kept = "frostline", self.registry
        self.requests = Counter(f"{of}_requests", "Requests answered", ["route", "status"], registry=kept)
        self.refusals = Counter(f"{of}_refusals", "Requests refused, by reason", ["reason"], registry=kept)
        self.seconds = Histogram(f"{of}_request_seconds", "From headers to answer", registry=kept, buckets=_SECONDS)
        self.inference = Histogram(f"{of}_inference_seconds", "To read a batch", registry=kept, buckets=_SECONDS)
        self.queue = Histogram(
            f"{of}_queue_seconds", "From request to answer less reading", registry=kept, buckets=_SECONDS
        )
        self.batch_texts = Histogram(f"{of}_batch_texts", "Texts of a batch", registry=kept, buckets=_SIZES)
        self.batch_tokens = Histogram(f"{of}_batch_tokens", "Word pieces of a batch", registry=kept, buckets=_SIZES)
        self.answers = Counter(f"{of}_answers", "Answers, by label", ["model", "label"], registry=kept)
        self.abstained = Counter(f"{of}_abstained", "Texts without an answer", ["model"], registry=kept)
        self.cut = Counter(f"{of}_cut", "Texts longer than the encoder sees", ["model"], registry=kept)
        self.faults = Counter(f"{of}_faults", "Texts that could not be answered", ["model"], registry=kept)
        self.waiting = Gauge(f"{of}_waiting_tokens", "Word pieces let in and not answered", registry=kept)
        self.replaced = Gauge(f"{of}_reader_replaced", "Times that the process that reads was replaced", registry=kept)
        self.version = Gauge(f"{of}_model_version", "The version that answers", ["model"], registry=kept)

    def refused_at_once(self, reason: str, status: int) -> None:
        """A request was refused before anything else was done for it."""
        self.refusals.labels(reason).inc()
        self.requests.labels("none", str(status)).inc()
        self.seconds.observe(0.0)

    def batch(self, n_texts: int, n_pieces: int, seconds: float) -> None:
        """A batch was read."""
        self.batch_texts.observe(n_texts)
        self.batch_tokens.observe(n_pieces)
        self.inference.observe(seconds)

    def said(self, model: str, label: str, *, n_labels: int) -> None:
        """A text got this label."""
        self.answers.labels(model, label if n_labels <= _MOST_LABELS else "any").inc()

    def page(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)
