"""Two servers as others write them: sentence-transformers + LogisticRegression, behind FastAPI and behind MLflow.

    python bench/peers/servers.py make FOLDER ENCODER < texts and labels (JSON)
    python bench/peers/servers.py fastapi FOLDER PORT
    python bench/peers/servers.py mlflow FOLDER PORT

Run by the neighbours' own Python (requirements/serving-peers.txt); nothing of Frostline is imported.
"""

import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any


class Classifier:
    """What people pickle: the name of an encoder, and a head."""

    def __init__(self, encoder: str, head: Any) -> None:
        """Remember both; the encoder is opened where it is first needed."""
        self.encoder, self.head = encoder, head
        self._reader: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the encoder."""
        return {**self.__dict__, "_reader": None}

    def answers(self, texts: list[str]) -> list[dict[str, Any]]:
        """Label and probabilities of each text."""
        if self._reader is None:
            from sentence_transformers import SentenceTransformer

            self._reader = SentenceTransformer(self.encoder, device="cpu")
        rows = self._reader.encode(texts, show_progress_bar=False)
        labels = self.head.classes_.tolist()
        return [
            {"label": labels[shares.argmax()], "probabilities": dict(zip(labels, shares.tolist(), strict=True))}
            for shares in self.head.predict_proba(rows)
        ]


def make(folder: Path, encoder: str) -> None:
    """Learn from what is on standard input; leave the pickle, and MLflow's model of the same."""
    import mlflow
    from sentence_transformers import SentenceTransformer
    from sklearn.linear_model import LogisticRegression

    given = json.load(sys.stdin)
    rows = SentenceTransformer(encoder, device="cpu").encode(given["texts"], show_progress_bar=False)
    found = Classifier(encoder, LogisticRegression(max_iter=1000).fit(rows, given["labels"]))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "classifier.pickle").write_bytes(pickle.dumps(found))

    class Served(mlflow.pyfunc.PythonModel):  # type: ignore[misc] # MLflow has no types
        """The same pickle, as MLflow serves it."""

        def load_context(self, context: Any) -> None:
            """Open it."""
            self.found = pickle.loads(Path(context.artifacts["classifier"]).read_bytes())  # noqa: S301 - our own

        def predict(self, context: Any, model_input: list[str]) -> list[dict[str, Any]]:
            """Of texts."""
            del context
            answers: list[dict[str, Any]] = self.found.answers(list(model_input))
            return answers

    mlflow.pyfunc.save_model(
        str(folder / "mlflow"),
        python_model=Served(),
        artifacts={"classifier": str(folder / "classifier.pickle")},
        code_paths=[__file__],
        pip_requirements=[],
    )


def application(folder: Path) -> Any:
    """The application of a tutorial: a body with texts, and a plain function."""
    from fastapi import FastAPI
    from pydantic import BaseModel

    class Body(BaseModel):
        texts: list[str]

    found = pickle.loads((folder / "classifier.pickle").read_bytes())  # noqa: S301 - our own
    found.answers(["a text"])
    app = FastAPI()

    def classify(body: Body) -> dict[str, Any]:
        return {"answers": found.answers(body.texts)}

    app.post("/classify")(classify)
    return app


def main() -> None:
    """Do what is asked."""
    what, folder, told = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    if what == "make":
        make(folder, told)
    elif what == "fastapi":
        import uvicorn

        uvicorn.run(application(folder), port=int(told), log_level="warning", access_log=False)
    else:
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it asks for `uvicorn`
        os.execv(  # noqa: S606 - MLflow's own command
            sys.executable,
            [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(folder / "mlflow"),
             "--env-manager", "local", "-p", told],
        )  # fmt: skip


if __name__ == "__main__":
    sys.modules["servers"] = sys.modules["__main__"]  # what is pickled here is found there
    Classifier.__module__ = "servers"
    os.environ.update({"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"})
    main()
