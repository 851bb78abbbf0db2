"""What a job learns from, read and encoded, without torch: the base's folder, its vocabulary, the data, the steps."""

from dataclasses import dataclass

from pen_backend.engine.nn.batches import Plan
from pen_backend.engine.nn.classes import Classes, read_classes
from pen_backend.engine.nn.data import DataSet, read_data
from pen_backend.engine.nn.folder import ModelFolder, read_model_folder
from pen_backend.engine.nn.plan import plan_steps
from pen_backend.engine.nn.spec import Spec
from pen_backend.engine.nn.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Material:
    """All that a job names but weights. `classes` are None unless both files are of a classification."""

    folder: ModelFolder
    vocabulary: Vocabulary
    train: DataSet
    valid: DataSet | None
    classes: Classes | None
    plan: Plan


def read_material(spec: Spec) -> Material:
    """Read and encode everything a job names, or raise TrainingError."""
    folder = read_model_folder(spec.base.path)
    vocabulary = Vocabulary(spec.base.path)
    train = read_data(spec.train, "training_file", spec, vocabulary, context=folder.context_length)
    valid = read_data(spec.valid, "validation_file", spec, vocabulary,
                      context=folder.context_length) if spec.valid else None
    classes = read_classes(spec, train.examples, valid.examples, vocabulary) if spec.classification and valid else None
    return Material(folder, vocabulary, train, valid, classes, plan_steps(train.examples, spec, folder.context_length))
