"""The help of a verb: its options under headings, the commonest first, and where its JSON is told of."""

from typing import final

import click

GROUPS: dict[str, tuple[str, ...]] = {
    "Most used": (
        "text_column",
        "label_column",
        "test_file",
        "out",
        "overwrite",
        "features",
        "report",
        "details",
        "quantized",
        "labels",
        "nearest",
    ),
    "The lesson": ("lang", "html", "notebook", "beside"),
    "Your file": (
        "labels_separator",
        "label_columns",
        "tidy_labels",
        "group",
        "limit",
        "header",
        "file_format",
        "sheet",
        "delimiter",
        "quoted",
        "encoding",
        "on_bad_text",
        "on_empty_text",
        "max_bad_rows",
        "rejects",
        "fixes",
    ),
    "How it is tested": (
        "test_fraction",
        "nested",
        "near_together",
        "learning_curve",
        "folds",
        "foldings",
        "seed",
        "strict",
    ),
    "How it learns": (
        "C",
        "grid",
        "scoring",
        "class_weight",
        "one_standard_error",
        "standardise",
        "cascade",
        "cascade_changed",
        "cascade_upper",
        "preset",
    ),
    "Sure answers": (
        "calibrate",
        "abstain_precision",
        "confidence",
        "threshold_for",
        "threshold_label",
        "thresholds",
        "flag_unlike",
    ),
    "Encoder and machine": (
        "encoder",
        "revision",
        "max_length",
        "prefix",
        "threads",
        "precision",
        "backend",
        "device",
        "store",
        "yes",
    ),
    "What is saved and shown": (
        "with_encoder",
        "keep_neighbours",
        "keep_digests",
        "examples",
        "as_json",
    ),
}
"""Headings in their order, each with the names of its parameters in theirs."""

_OTHERS = "Other options"

JSON_DOCUMENTS = {
    "tutorial": "lesson.md",
    "train": "report.md",
    "finetune": "report.md",
    "evaluate": "report.md",
    "sweep": "report.md",
    "compare": "report.md",
    "review": "report.md",
    "predict": "answers.md",
    "verify": "scored.md",
    "export": "exported.md",
    "explain": "told.md",
    "encoders": "told.md",
    "doctor": "told.md",
}
"""The document of each verb's JSON, in docs/formats."""


@final
class Grouped(click.Command):
    """A verb whose help groups its options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options under headings; those under none come last, with --help."""
        records = {
            parameter.name or "": record
            for parameter in self.get_params(ctx)
            if (record := parameter.get_help_record(ctx)) is not None
        }
        for heading, names in GROUPS.items():
            rows = [records.pop(name) for name in names if name in records]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
        with formatter.section(_OTHERS):
            formatter.write_dl(list(records.values()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The example, and where the JSON is told of."""
        super().format_epilog(ctx, formatter)
        if self.name in JSON_DOCUMENTS:
            formatter.write_paragraph()
            formatter.write_text(f"What --json prints: docs/formats/{JSON_DOCUMENTS[self.name]}")
