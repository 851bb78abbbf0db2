"""Pre-training goes on after an interruption as if there had been none, and may be given more time on the way."""

import contextlib
from pathlib import Path

import pytest
import torch

from pen_backend.engine.nn.base import Shape, build_model
from pen_backend.engine.nn.checkpoints import newest_checkpoint
from pen_backend.engine.nn.curriculum import Curriculum, Stream
from pen_backend.engine.nn.pretraining import Progress, train
from pen_backend.engine.nn.recipe import Recipe
from pen_backend.errors import DataError

RECIPE = Recipe(tokens=10 * 16 * 8, window=8, decay=0.4, warmup_steps=2)
SHAPE = Shape(vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
              max_position_embeddings=16)


class UnpluggedError(Exception):
    """Somebody pulled the plug."""


def curriculum() -> Curriculum:
    """Make three streams whose windows tell which they came from."""
    def stream(start: int, size: int, seed: int) -> Stream:
        return Stream(torch.arange(start, start + 20 * size).reshape(size, 20)[:, :9] % 64, seed)

    return Curriculum(stream(0, 40, 0), stream(20, 30, 1), stream(40, 5, 2))


def weights(root: Path | None, recipe: Recipe = RECIPE, stop_at: int | None = None) -> dict[str, torch.Tensor]:
    """Train and return the weights; stop by an exception at a step."""
    torch.set_num_threads(1)
    model = build_model(SHAPE, seed=3)

    class Interrupted(Curriculum):
        def batch(self, step: int, recipe: Recipe) -> torch.Tensor:
            if step == stop_at:
                raise UnpluggedError
            return super().batch(step, recipe)

    text = curriculum()
    with contextlib.suppress(UnpluggedError):
        train(model, Interrupted(text.prose, text.jokes, text.own), recipe, ignore, root=root, save_seconds=0.0)
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def ignore(progress: Progress) -> None:
    """Drop a report."""


@pytest.mark.parametrize("stop_at", [1, 5, 6, 9])
def test_an_interrupted_run_ends_with_the_same_weights(tmp_path: Path, stop_at: int) -> None:
    whole = weights(None)
    stopped = weights(tmp_path / "run", stop_at=stop_at)
    resumed = weights(tmp_path / "run")
    assert any(not torch.equal(stopped[name], whole[name]) for name in whole)
    assert [name for name in whole if not torch.equal(resumed[name], whole[name])] == []


def test_a_larger_budget_goes_on_from_before_the_rate_fell(tmp_path: Path) -> None:
    more = Recipe(tokens=2 * RECIPE.tokens, window=8, decay=0.4, warmup_steps=2)
    weights(tmp_path / "run", stop_at=5)
    resumed = weights(tmp_path / "run", more)
    whole = weights(None, more)
    assert [name for name in whole if not torch.equal(resumed[name], whole[name])] == []


def test_another_recipe_is_refused_and_named(tmp_path: Path) -> None:
    weights(tmp_path / "run", stop_at=8)
    with pytest.raises(DataError, match=r"another recipe: tokens\."):
        weights(tmp_path / "run", Recipe(tokens=2 * RECIPE.tokens, window=8, decay=0.4, warmup_steps=2))
    with pytest.raises(DataError, match=r"another recipe: seed\."):
        weights(tmp_path / "run", Recipe(tokens=RECIPE.tokens, window=8, decay=0.4, warmup_steps=2, seed=9))


def test_the_checkpoint_from_where_the_rate_fell_is_kept(tmp_path: Path) -> None:
    weights(tmp_path / "run")
    kept = sorted(path.name for path in (tmp_path / "run").glob("step-*"))
    assert kept == ["step-00000006", "step-00000009", "step-00000010"]
    newest = newest_checkpoint(tmp_path / "run")
    assert newest is not None
    assert newest.step == RECIPE.steps


def test_every_window_of_a_pass_is_read_once() -> None:
    stream = Stream(torch.arange(7).reshape(7, 1), seed=4)
    read = torch.cat([stream.take(start, 3) for start in range(0, 21, 3)]).flatten().tolist()
    passes = [read[0:7], read[7:14], read[14:21]]
    assert [sorted(one) for one in passes] == [list(range(7))] * 3
    assert passes[0] != passes[1]


def test_the_mixture_changes_when_the_rate_falls() -> None:
    text = curriculum()
    assert len(text.batch(0, RECIPE)) == len(text.batch(RECIPE.falls_at, RECIPE)) == RECIPE.windows_per_step
    assert text.high.own == 0
    assert text.falling.own > 0
    assert RECIPE.rate_at(RECIPE.falls_at - 1) == 1.0
    assert RECIPE.rate_at(RECIPE.steps - 1) < 0.3
