"""A trained classifier as a folder: save it, load it, verify it. No pickle; a stranger's runs nothing.

An `Artifact` is the manifest and the head, a `Model` (model.py) has the encoder opened as well. The folder is described
in docs/formats/artifact.md.
"""

from frostline.artifact.files import Neighbours, refuse_place, refuse_size
from frostline.artifact.load import Artifact, check_encoder_files, load_artifact, load_neighbours
from frostline.artifact.manifest import FileEntry, Limits, Manifest, SelfTest, TrainingData
from frostline.artifact.save import ArtifactRecord, portable_name, save_artifact

__all__ = [
    "Artifact",
    "ArtifactRecord",
    "FileEntry",
    "Limits",
    "Manifest",
    "Neighbours",
    "SelfTest",
    "TrainingData",
    "check_encoder_files",
    "load_artifact",
    "load_neighbours",
    "portable_name",
    "refuse_place",
    "refuse_size",
    "save_artifact",
]
