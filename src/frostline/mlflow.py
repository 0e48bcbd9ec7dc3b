"""A flavour of MLflow: a classifier logged, loaded, served and evaluated as any other model of MLflow is.

What is logged is the folder that `save` writes, with the encoder's files in it: whatever opens it asks nobody. MLflow's
own way for a Python object would be a pickle. Needs `frostline[mlflow]`; only what is called needs it.
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from frostline.artifact import Artifact, load_artifact
from frostline.artifact.hub import find_classifier
from frostline.artifact.model import Model, open_model
from frostline.classifier import SentenceClassifier
from frostline.errors import InputError, OutputError, UnavailableError, UsageError, shown
from frostline.version import __version__

if TYPE_CHECKING:
    from mlflow.models import Model as Description
    from mlflow.models.model import ModelInfo
    from mlflow.models.signature import ModelSignature

__all__ = ["load_model", "log_model", "save_model"]

FLAVOR = "frostline"
_FOLDER, _COLUMN = "classifier", "text"
_REQUIREMENTS, _PYTHON = "requirements.txt", "python_env.yaml"


def log_model(  # noqa: PLR0913 - what MLflow asks of a flavour
    model: SentenceClassifier | str | Path,
    name: str = "model",
    *,
    registered_model_name: str | None = None,
    signature: "ModelSignature | None" = None,
    input_example: Any = None,
    pip_requirements: Sequence[str] | None = None,
    metadata: dict[str, Any] | None = None,
    with_encoder: bool = True,
) -> "ModelInfo":
    """Log a classifier to the run that is going on, or to a new one.

    Parameters
    ----------
    model : SentenceClassifier, or path of a saved one
        A folder is logged as it is, card and report among it; it may be `owner/name` of the hub.
    name : str, default="model"
        Of the logged model.
    registered_model_name : str, optional
        Register it under this name too.
    signature : ModelSignature, optional
        Labels and the parameter `probabilities`, unless told. What goes in is left open: by a column without a name
        MLflow would cut a frame to its first one, and by a named one it would refuse lists.
    input_example : optional
        Texts, kept beside it as an example of what it takes.
    pip_requirements : sequence of str, optional
        This version of Frostline, unless told.
    metadata : dict, optional
        Kept in MLmodel.
    with_encoder : bool, default=True
        Log the encoder's files too (minilm: 92 MB). Without, it opens only where the encoder is; of a folder, what is
        in it is logged.

    Returns
    -------
    mlflow.models.model.ModelInfo
        `model_uri` is what `load_model` and `mlflow.pyfunc.load_model` take.

    Raises
    ------
    UnavailableError
        MLflow is not installed.
    """
    return _mlflow().models.Model.log(
        artifact_path=None,
        name=name,
        flavor=sys.modules[__name__],  # whose `save_model` it calls back
        registered_model_name=registered_model_name,
        metadata=metadata,
        model=model,
        signature=signature,
        input_example=input_example,
        pip_requirements=pip_requirements,
        with_encoder=with_encoder,
    )


def save_model(  # noqa: PLR0913 - as above
    model: SentenceClassifier | str | Path,
    path: str | Path,
    *,
    mlflow_model: "Description | None" = None,
    signature: "ModelSignature | None" = None,
    input_example: Any = None,
    pip_requirements: Sequence[str] | None = None,
    metadata: dict[str, Any] | None = None,
    with_encoder: bool = True,
) -> None:
    """Write a classifier as a model of MLflow into the new folder `path`; parameters as for `log_model`."""
    mlflow, folder = _mlflow(), Path(path)
    if folder.exists() and any(folder.iterdir()):
        raise OutputError(f"{folder} exists already.", hint="Choose another name.")
    was_there = folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        artifact = _saved(model, folder / _FOLDER, with_encoder=with_encoder)
    except BaseException:
        if not was_there:
            shutil.rmtree(folder)
        raise
    said = mlflow.models.Model() if mlflow_model is None else mlflow_model
    said.signature = _signature(artifact) if signature is None else signature
    if input_example is not None:
        mlflow.models.utils._save_example(said, input_example, str(folder))  # noqa: SLF001 - what MLflow's own flavours call
    if metadata is not None:
        said.metadata = metadata
    mlflow.pyfunc.add_to_model(said, loader_module="frostline.mlflow", data=_FOLDER, python_env=_PYTHON)
    said.add_flavor(FLAVOR, frostline_version=__version__, data=_FOLDER, sha256=artifact.sha256)
    needed = [f"frostline[mlflow]=={__version__}"] if pip_requirements is None else list(pip_requirements)
    (folder / _REQUIREMENTS).write_text("".join(f"{line}\n" for line in needed), "utf-8")
    mlflow.utils.environment._PythonEnv.current().to_yaml(str(folder / _PYTHON))  # noqa: SLF001 - likewise
    said.save(str(folder / "MLmodel"))


def load_model(model_uri: str, *, dst_path: str | None = None) -> SentenceClassifier:
    """The classifier that was logged: every digest and the self-test checked, no pickle.

    Parameters
    ----------
    model_uri : str
        `models:/name/1`, `runs:/<run>/model`, or a path.
    dst_path : str, optional
        A folder into which it is downloaded.

    Raises
    ------
    InputError
        The model is of another flavour.
    """
    local = _mlflow().artifacts.download_artifacts(artifact_uri=model_uri, dst_path=dst_path)
    flavours = _mlflow().models.Model.load(local).flavors
    if FLAVOR not in flavours:
        raise InputError(
            f"{shown(model_uri, 200)} must be a model of the flavour {FLAVOR} (it has {', '.join(sorted(flavours))})."
        )
    return SentenceClassifier.load(Path(local) / str(flavours[FLAVOR]["data"]))


@final
class _Function:
    """What MLflow takes for a Python function."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """Labels (n_texts,), None or sets of them as `SentenceClassifier.predict` gives them.

        With `params={"probabilities": True}`: a frame of the probability of each label.
        """
        texts = _texts(model_input)
        if not (params or {}).get("probabilities"):
            return self._model.predict(texts)
        import pandas as pd  # noqa: PLC0415 - with MLflow

        columns = [str(label) for label in self._model.manifest.labels]
        return pd.DataFrame(self._model.predict_proba(texts), columns=columns)

    def get_raw_model(self) -> Model:
        """What is behind it."""
        return self._model


def _load_pyfunc(path: str) -> _Function:
    """What MLflow calls with the folder of the classifier."""
    return _Function(open_model(Path(path)))


def _texts(given: Any) -> list[str]:
    """The texts of a frame, a column, an array, a list of strings or of records, or one string."""
    if isinstance(given, str):
        return [given]
    if isinstance(given, dict):
        return _texts(given[_column(list(given))])
    if hasattr(given, "columns"):
        given = given.iloc[:, list(given.columns).index(_column(list(given.columns)))]
    values = np.asarray(given, dtype=object)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    texts = [each[_column(list(each))] if isinstance(each, dict) else each for each in values.tolist()]
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"Each input must be a text (number {place} is {shown(text)}).")
    return texts


def _column(names: list[Any]) -> Any:
    """The column that holds the texts: the only one, or the one called so."""
    if len(names) == 1:
        return names[0]
    if names.count(_COLUMN) == 1:
        return _COLUMN
    raise InputError(f"There must be one column, or one called {_COLUMN} (got {shown(names[:5], 200)}).")


def _saved(model: SentenceClassifier | str | Path, folder: Path, *, with_encoder: bool) -> Artifact:
    if isinstance(model, SentenceClassifier):
        model.save(folder, with_encoder=with_encoder)
        return load_artifact(folder)
    if not isinstance(model, str | Path):
        raise UsageError(f"The model must be a SentenceClassifier, or the folder of a saved one (got {shown(model)}).")
    artifact = load_artifact(find_classifier(model))
    for name in ("manifest.json", *artifact.manifest.files):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(artifact.path / name, folder / name)
    return load_artifact(folder)


def _signature(artifact: Artifact) -> "ModelSignature":
    """Labels out, and whether their probabilities are wanted; what goes in is looked at here, not by MLflow."""
    from mlflow.models.signature import ModelSignature  # noqa: PLC0415 - an extra
    from mlflow.types.schema import Array, ColSpec, DataType, ParamSchema, ParamSpec, Schema  # noqa: PLC0415 - likewise

    kinds = {str: DataType.string, int: DataType.long, bool: DataType.boolean}
    label = kinds[type(artifact.manifest.labels[0])]
    return ModelSignature(
        outputs=Schema([ColSpec(Array(label) if artifact.head.answers_sets else label)]),
        params=ParamSchema([ParamSpec("probabilities", DataType.boolean, default=False)]),
    )


def _mlflow() -> Any:
    """The library, with what is asked of it."""
    try:
        import mlflow.artifacts  # noqa: PLC0415 - an extra, and slow to import
        import mlflow.models.utils  # noqa: PLC0415
        import mlflow.pyfunc  # noqa: PLC0415
        import mlflow.utils.environment  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"For models of MLflow, {error.name} must be installed, and it is not.",
            hint="Install it: pip install 'frostline[mlflow]'",
        ) from error
    return mlflow
