"""A trained classifier as a folder: save it, load it, verify it. No pickle; a stranger's runs nothing.

In:   a head, the encoder that read for it, and the record of the training; or a path.
Out:  a folder (docs/formats/artifact.md); an `Artifact` (manifest and head) or a `Model` (with the encoder opened).
Not:  training, measuring, wording the report.
"""

from frostline.artifact.limits import Limits
from frostline.artifact.load import Artifact, check_encoder_files, load_artifact, load_neighbours
from frostline.artifact.manifest import FileEntry, Manifest, SelfTest, TrainingData
from frostline.artifact.model import Model, OpenEncoder, open_model
from frostline.artifact.neighbours_file import Neighbours, refuse_size
from frostline.artifact.place import refuse_place
from frostline.artifact.save import ArtifactRecord, save_artifact

__all__ = [
    "Artifact",
    "ArtifactRecord",
    "FileEntry",
    "Limits",
    "Manifest",
    "Model",
    "Neighbours",
    "OpenEncoder",
    "SelfTest",
    "TrainingData",
    "check_encoder_files",
    "load_artifact",
    "load_neighbours",
    "open_model",
    "refuse_place",
    "refuse_size",
    "save_artifact",
]
