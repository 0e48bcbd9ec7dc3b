"""The control of tools/finetune_figures.py: an encoder tuned by transformers' Trainer as a first script has it.

Defaults throughout (batches of 8, AdamW at 5e-5, float32), padded to the longest text of a batch. It knows nothing of
Frostline, and runs by any Python that has transformers and accelerate.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)


class Rows(torch.utils.data.Dataset):  # type: ignore[misc]
    """Texts that were tokenized before."""

    def __init__(self, tokenizer: Any, texts: list[str], codes: list[int]) -> None:
        self.encodings, self.codes = tokenizer(texts, truncation=True, max_length=128), codes

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return {key: value[place] for key, value in self.encodings.items()} | {"labels": self.codes[place]}


def main() -> None:
    """Read a JSON file of `train` and `test` ([texts, codes] each), tune, write the codes said of the test texts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("encoder")
    parser.add_argument("rows", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    parts = json.loads(given.rows.read_text("utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(given.encoder)
    train, test = (Rows(tokenizer, *parts[name]) for name in ("train", "test"))
    arguments = TrainingArguments(
        output_dir=str(given.out.with_suffix(".checkpoints")),
        num_train_epochs=given.epochs,
        seed=given.seed,
        report_to="none",
    )
    torch.manual_seed(given.seed)
    trainer = Trainer(
        model=AutoModelForSequenceClassification.from_pretrained(given.encoder, num_labels=max(parts["train"][1]) + 1),
        args=arguments,
        train_dataset=train,
        data_collator=DataCollatorWithPadding(tokenizer),
    )
    trainer.train(resume_from_checkpoint=any(Path(str(arguments.output_dir)).glob("checkpoint-*")))
    given.out.write_text(json.dumps(trainer.predict(test).predictions.argmax(1).tolist()), "utf-8")


if __name__ == "__main__":
    main()
