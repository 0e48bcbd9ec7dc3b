"""What the sections of the lesson's page name: numbers of the steps that were taken, and what only the page tells."""

import re
import shlex
from collections.abc import Mapping

import numpy as np

from frostline.arrays import Features, Float64Array, IntArray
from frostline.tutorial.lesson import Computed
from frostline.tutorial.pictured import N_SPLITS, Pictures

N_SENTENCES = 8  # In pictures of sentences one below the other
N_EMBEDDED = 6  # Numbers of a row of the table of embeddings
LONGEST_PASTED = 300  # Of a sentence in a command; else the shortest of the file stands there
_NUMBERED = re.compile("column [0-9]+")


def _facts_of_splits(scores: Float64Array, *, n_test: int) -> dict[str, object]:
    return {
        "n_splits": N_SPLITS,
        "splits_low": scores.min(),
        "splits_high": scores.max(),
        "splits_mean": scores.mean(),
        "splits_sd": scores.std(ddof=1),
        "splits_range": 100 * (scores.max() - scores.min()),
        "one_row": 100 / n_test,
    }


def facts_of_all(of: Mapping[str, Mapping[str, object]], computed: Computed) -> dict[str, object]:
    """What any section may name."""
    own_text = str(computed.texts[computed.running])
    pasted = own_text if len(own_text) <= LONGEST_PASTED else str(min(computed.texts, key=len))
    return {
        "name": of["data"]["name"],
        "encoder": of["start"]["encoder"],
        "n_rows": len(computed.codes),
        "hidden": computed.rows.shape[1],
        "longest": of["padding"]["longest"],
        "n_layers": of["encoder"]["n_layers"],
        "pasted": pasted,
        "quoted": ("-- " if pasted.startswith("-") else "") + shlex.quote(pasted),
        "n_train": len(computed.train),
        "n_test": len(computed.test),
        "accuracy": computed.trial.accuracy,
        "vocabulary": of["pieces"]["vocabulary"],
        "n_Cs": of["search"]["n_Cs"],
    }


def own_facts(
    of: Mapping[str, Mapping[str, object]], computed: Computed, shown: Pictures
) -> dict[str, dict[str, object]]:
    """What single sections name beside."""
    head, answer = computed.trial.search.head, shown.answer
    best_first, best_mean = (max(shown.views, key=key) for key in (lambda view: view.first, lambda view: view.mean))
    place = second_piece(computed)
    return {
        "overview": {"n_coefficients": head.coef.size + head.intercept.size},
        "embeddings": {"piece": computed.pieces[place], "piece_id": int(computed.ids[computed.running][place])},
        "attention": {
            "n_heads": computed.architecture.shape.n_heads,
            "head_size": computed.architecture.shape.head_size,
        },
        "block": {"block_mb": of["encoder"]["block_mb"]},
        "data": dict(zip(("texts_in", "labels_in"), _columns(of["data"]), strict=True)),
        "split": {"learned_accuracy": float((head.predict(computed.rows[computed.train]) == _codes(computed)).mean())},
        "trust": dict(of["search"])
        | {
            "start_C": shown.trust.Cs[opening(computed, shown)],
            "trusting_learned": shown.trust.learned[-1],
            "trusting_held": shown.trust.held_out[-1].mean(),
        },
        "test": {"test_majority": of["test"]["majority"], "best_score": of["search"]["best_score"]},
        "splits": _facts_of_splits(shown.splits, n_test=len(computed.test)),
        "answer": {
            "log_odds": answer.log_odds,
            "answer_label": answer.label,
            "answer_against": answer.against,
            "probability": answer.probability,
            "best_z": answer.scores[0].score if answer.scores else None,
            "next_z": answer.scores[1].score if answer.scores else None,
            "running": computed.running,
            "next": computed.running + 1,
        },
        "views": {
            "n_views": len(shown.views),
            "best_first": best_first.layer,
            "best_first_score": best_first.first,
            "best_mean": best_mean.layer,
            "best_mean_score": best_mean.mean,
        },
        # rows that were kept take no time that would tell anything
        "beside": {"seconds": of["encoder"]["seconds"] if of["encoder"]["n_read"] else None},
    }


def opening(computed: Computed, shown: Pictures) -> int:
    """The place among the slider's values of C of the one that is nearest to the best of the practical's."""
    chosen = float(computed.trial.search.chosen_C[0])
    return int(np.abs(np.log(shown.trust.Cs) - np.log(chosen)).argmin())


def _columns(facts: Mapping[str, object]) -> tuple[str | int, str | int]:
    """The columns of the text and of the label: their names, or their numbers where no header names them."""
    text, label = str(facts["text_column"]), str(facts["label_column"])
    if _NUMBERED.fullmatch(text) and _NUMBERED.fullmatch(label):
        return int(text.removeprefix("column ")), int(label.removeprefix("column "))
    return text, label


def shown_rows(computed: Computed) -> list[int]:
    """The sentences of pictures that show some: the one that is followed, and the first others."""
    others = [row for row in range(len(computed.codes)) if row != computed.running][: N_SENTENCES - 1]
    return [computed.running, *others]


def embeddings_near(computed: Computed) -> list[tuple[int, Features]]:
    """Rows of the table of embeddings around that of the second piece, their first numbers."""
    computed.architecture.check()
    table, own = computed.architecture.tensors["words"], int(computed.ids[computed.running][second_piece(computed)])
    start = min(max(own - 1, 0), len(table) - 3)
    return [(each, table[each][:N_EMBEDDED]) for each in range(start, start + 3)]


def second_piece(computed: Computed) -> int:
    """The place of the first word's first piece."""
    return min(1, len(computed.pieces) - 1)


def n_parameters(computed: Computed) -> float:
    """Millions of numbers that the encoder is made of."""
    return sum(tensor.size for tensor in computed.architecture.tensors.values()) / 1e6


def _codes(computed: Computed) -> IntArray:
    return computed.codes[computed.train]
