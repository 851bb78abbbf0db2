"""What is raised while training: which of it may pass, and what is told of the rest."""

import errno
import os
from typing import Any

import pytest
import torch

from pen_backend.engine.nn.outcome import Exit, TrainingError, from_exception
from pen_backend.engine.nn.tokenise import fit

SECRET = "what somebody wrote"


@pytest.mark.parametrize("error", [
    *(OSError(number, os.strerror(number), "file") for number in (errno.EIO, errno.EMFILE, errno.ESTALE, errno.ENOMEM)),
    torch.AcceleratorError("CUDA error: the launch timed out and was terminated"),
    RuntimeError("can't start new thread"), RuntimeError("CUDNN_STATUS_INTERNAL_ERROR")])
def test_what_the_machine_failed_at_may_pass(error: Exception) -> None:
    assert from_exception(error).exit == Exit.UNEXPECTED


@pytest.mark.parametrize("error", [
    KeyError(SECRET), ValueError(SECRET), AssertionError(SECRET), RuntimeError(f"shape mismatch {SECRET}"),
    FileNotFoundError(errno.ENOENT, "No such file", SECRET), PermissionError(errno.EACCES, "denied", SECRET),
    OSError(f"no number {SECRET}"), RecursionError(SECRET), torch.AcceleratorError("CUDA error: device-side assert")])
def test_what_the_program_or_its_data_got_wrong_does_not(error: Exception) -> None:
    found = from_exception(error)
    assert (found.exit, found.code) == (Exit.BUG, "internal_error")
    assert SECRET not in found.message
    assert type(error).__name__ in found.message


def test_a_fault_of_ours_is_told_with_its_place() -> None:
    nothing: Any = None
    with pytest.raises(TypeError) as caught:
        fit(nothing, 4)
    assert "(TypeError at engine/nn/tokenise.py:" in from_exception(caught.value).message


def test_what_was_foreseen_stays_as_it_is() -> None:
    error = TrainingError(Exit.DATA, "zero_weight", "All weights are 0.")
    assert from_exception(error) is error
    assert error.to_json()["exit"] == 65
