"""The openai client drives the engine unmodified: the real server, trainer and worker on a two-layer random model."""

import io
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from openai.types.fine_tuning import FineTuningJob

from tests.engine import contract
from tests.engine.harness import SECONDS, EngineProcess, real_engine
from tests.engine.nn.tiny import LINES
from tests.engine.routes.test_completions import generated

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # a trainer loads torch first, on a busy machine for long


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    with real_engine(tmp_path_factory.mktemp("real")) as running:
        yield running


def checked(response: httpx2.Response) -> None:
    """Check every whole answer that the client receives."""
    kind = response.headers.get("content-type", "")
    if not kind.startswith("text/event-stream"):
        contract.check(response.request.method, response.request.url.path, response.status_code, kind, response.read())


@pytest.fixture(scope="module")
def client(real: EngineProcess) -> Iterator[openai.OpenAI]:
    transport = openai.DefaultHttpxClient(event_hooks={"response": [checked]})
    with openai.OpenAI(base_url=real.base_url, api_key=real.token, http_client=transport, max_retries=0) as found:
        yield found


def upload(client: openai.OpenAI, lines: Sequence[Mapping[str, Any]] = LINES) -> str:
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    return client.files.create(file=("train.jsonl", io.BytesIO(content)), purpose="fine-tune").id


def ended(client: openai.OpenAI, job_id: str) -> FineTuningJob:
    deadline = time.monotonic() + 180
    while (job := client.fine_tuning.jobs.retrieve(job_id)).finished_at is None:
        assert time.monotonic() < deadline, job
        time.sleep(0.1)
    return job


@pytest.fixture(scope="module")
def tuned(client: openai.OpenAI) -> FineTuningJob:
    job = client.fine_tuning.jobs.create(
        model="tiny", training_file=upload(client), validation_file=upload(client, LINES[:8]), suffix="client", seed=7,
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2, "batch_size": 8}}},
        metadata={"pen.prompt": "pun-complete"},
        extra_body={"pen": {"snapshots_every": 4, "completions_every": 5, "completion_max_tokens": 4,
                            "results": "classic"}})
    return ended(client, job.id)


def test_a_job_succeeds_with_its_model_and_tables(client: openai.OpenAI, tuned: FineTuningJob) -> None:
    assert (tuned.status, tuned.error) == ("succeeded", None)
    assert str(tuned.fine_tuned_model).startswith("ft:tiny:local:client:")
    csv = client.files.content(tuned.result_files[0]).text.splitlines()
    assert csv[0] == "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"
    assert len(csv) == 1 + 10
    classic = client.files.content(tuned.result_files[1]).text.splitlines()
    assert classic[0].startswith("step,elapsed_tokens,elapsed_examples,training_loss,")
    assert int(classic[-1].split(",")[1]) == tuned.trained_tokens
    assert tuned.id in [job.id for job in client.fine_tuning.jobs.list(limit=5)]


def test_events_hold_metrics_and_samples(client: openai.OpenAI, tuned: FineTuningJob) -> None:
    events = list(client.fine_tuning.jobs.list_events(tuned.id, limit=7))
    assert len({event.id for event in events}) == len(events)
    data = [event.data for event in reversed(events) if isinstance(event.data, dict)]
    metrics = [each for each in data if each["kind"] == "metrics"]
    assert [each["step"] for each in metrics] == list(range(1, 11))
    assert {"train_loss", "train_mean_token_accuracy", "learning_rate", "tokens_per_second", "total_steps",
            "epoch"} <= set(metrics[0])
    assert "full_valid_loss" in metrics[-1]
    assert {each["step"] for each in data if each["kind"] == "sample"} == {5, 10}


def test_every_checkpoint_can_be_prompted(client: openai.OpenAI, tuned: FineTuningJob) -> None:
    checkpoints = list(client.fine_tuning.jobs.checkpoints.list(tuned.id, limit=2))
    assert [each.step_number for each in checkpoints] == [10, 8, 5, 4]
    for each in checkpoints:
        answer = client.completions.create(model=each.fine_tuned_model_checkpoint, prompt="Question 1:", max_tokens=2)
        assert answer.choices[0].finish_reason in ("stop", "length")


def test_a_text_is_scored_by_echo_and_logprobs(client: openai.OpenAI, tuned: FineTuningJob) -> None:
    answer = client.completions.create(model=str(tuned.fine_tuned_model), prompt="Question 1:", max_tokens=0, echo=True,
                                       logprobs=0)
    logprobs = answer.choices[0].logprobs
    assert answer.choices[0].text == "Question 1:"
    assert logprobs is not None
    assert logprobs.token_logprobs is not None
    assert logprobs.tokens is not None
    assert "".join(logprobs.tokens) == "Question 1:"
    assert all(value is None or value < 0 for value in logprobs.token_logprobs)


def test_token_ids_are_prompts_too(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="tiny", prompt=[[5, 6], [7]], max_tokens=3, n=2, seed=1)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 3


def test_equal_requests_have_equal_answers(client: openai.OpenAI) -> None:
    texts = [client.completions.create(model="tiny", prompt="a", max_tokens=8, seed=3).choices[0].text for _ in "ab"]
    assert texts[0] == texts[1]


def test_a_stream_is_the_same_text_in_pieces(client: openai.OpenAI) -> None:
    whole = client.completions.create(model="tiny", prompt="a", max_tokens=12, seed=3)
    with client.completions.create(model="tiny", prompt="a", max_tokens=12, seed=3, stream=True,
                                   stream_options={"include_usage": True}) as stream:
        chunks = list(stream)
    for chunk in chunks:
        contract.check_chunk(chunk.to_dict())
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == whole.choices[0].text
    assert chunks[-1].usage == whole.usage
    assert len(chunks) > 3


def test_a_chat_is_answered_whole_and_in_pieces(client: openai.OpenAI) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": "Be brief."},
                                                  {"role": "user", "content": "Question 1?"}]
    whole = client.chat.completions.create(model="tiny", messages=messages, max_completion_tokens=12, seed=3,
                                           logprobs=True, top_logprobs=2)
    with client.chat.completions.create(model="tiny", messages=messages, max_completion_tokens=12, seed=3, stream=True,
                                        stream_options={"include_usage": True}) as stream:
        chunks = list(stream)
    for chunk in chunks:
        contract.check_chunk(chunk.to_dict())
    said = whole.choices[0].message.content
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == said
    assert chunks[-1].usage == whole.usage
    assert whole.choices[0].logprobs is not None
    tokens = whole.choices[0].logprobs.content or []
    assert b"".join(bytes(token.bytes or []) for token in tokens).decode(errors="replace").startswith(str(said))
    assert {len(token.top_logprobs) for token in tokens} == {2}


def test_a_chat_is_trained_on_and_then_answers_as_it_learned(client: openai.OpenAI) -> None:
    rows = [{"messages": [{"role": "user", "content": f"Say {i % 3}"}, {"role": "assistant", "content": "aaaa"}]}
            for i in range(12)]
    job = client.fine_tuning.jobs.create(
        model="tiny", training_file=upload(client, rows), seed=1,
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 30, "batch_size": 4}}},
        extra_body={"pen": {"learning_rate": 1e-2}})
    done = ended(client, job.id)
    assert (done.status, done.error) == ("succeeded", None)
    answer = client.chat.completions.create(model=str(done.fine_tuned_model), temperature=0,
                                            messages=[{"role": "user", "content": "Say 1"}])
    assert answer.choices[0].message.content == "aaaa"
    assert answer.choices[0].finish_reason == "stop"


def test_the_request_of_an_evaluation_harness_scores_every_token_that_was_sent(client: openai.OpenAI) -> None:
    prompts = [[5, 6, 7, 8], [9, 10, 11]]
    one = client.completions.create(model="tiny", prompt=prompts, temperature=0, max_tokens=1, logprobs=1, seed=1234,
                                    echo=True)
    alone = client.completions.create(model="tiny", prompt=prompts, max_tokens=0, logprobs=1, echo=True)
    for choice, scored, prompt in zip(one.choices, alone.choices, prompts, strict=True):
        assert choice.logprobs is not None
        assert scored.logprobs is not None
        found, wanted = choice.logprobs.token_logprobs or [], scored.logprobs.token_logprobs or []
        assert len(found) == len(prompt) + 1  # the harness leaves the last one out, whatever it is
        assert found[1:-1] == pytest.approx(wanted[1:])
        tops = choice.logprobs.top_logprobs or []
        assert tops[-1] is not None
        assert found[-1] == max(tops[-1].values())  # temperature 0 draws the likeliest, to the bit


def test_the_first_delta_comes_early_and_a_closed_stream_stops(client: openai.OpenAI, real: EngineProcess) -> None:
    client.completions.create(model="tiny", prompt="a", max_tokens=1)
    before = generated(real)
    texts = 64  # at a time: a step takes long enough to see it begin and to stop it before the end
    stream = client.completions.create(model="tiny", prompt="a", max_tokens=240, n=texts, logit_bias={"0": -100},
                                       stream=True)
    next(stream)
    assert generated(real) - before < 60 * texts
    stream.close()
    deadline = time.monotonic() + SECONDS
    while real.get("/pen/status")["completions"]:
        assert time.monotonic() < deadline
    settled = generated(real)
    time.sleep(0.3)
    assert generated(real) == settled
    assert settled - before < 240 * texts


@pytest.mark.parametrize(("error", "call"), [
    (openai.NotFoundError, lambda client: client.completions.create(model="other", prompt="a")),
    (openai.BadRequestError, lambda client: client.completions.create(model="tiny", prompt=[300])),
    (openai.BadRequestError, lambda client: client.completions.create(model="tiny", prompt="a", max_tokens=256)),
    (openai.BadRequestError, lambda client: client.completions.create(model="tiny", prompt="a", extra_body={"nn": 2})),
    (openai.NotFoundError, lambda client: client.fine_tuning.jobs.retrieve("ftjob-none")),
    (openai.NotFoundError, lambda client: client.chat.completions.create(
        model="other", messages=[{"role": "user", "content": "a"}])),
    (openai.BadRequestError, lambda client: client.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": "a" * 999}])),
    (openai.BadRequestError, lambda client: client.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": "a"}],
        tools=[{"type": "function", "function": {"name": "f"}}])),
    (openai.BadRequestError, lambda client: client.files.create(file=b"nonsense", purpose="fine-tune")),
    (openai.PermissionDeniedError, lambda client: client.models.delete("tiny")),
    (openai.AuthenticationError, lambda client: client.with_options(api_key="wrong").models.list())])
def test_errors_are_the_clients_own_classes(client: openai.OpenAI, error: type[openai.APIStatusError],
                                           call: Callable[[openai.OpenAI], object]) -> None:
    with pytest.raises(error) as caught:
        call(client)
    assert caught.value.request_id is not None
    assert caught.value.code is not None


def test_the_context_error_has_both_numbers(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="256") as caught:
        client.completions.create(model="tiny", prompt="a", max_tokens=256)
    assert caught.value.code == "context_length_exceeded"


def test_a_snapshot_is_tuned_on_as_an_adapter_and_deleted(client: openai.OpenAI, tuned: FineTuningJob) -> None:
    job = client.fine_tuning.jobs.create(
        model=f"{tuned.fine_tuned_model}:ckpt-step-4", training_file=upload(client),
        hyperparameters={"n_epochs": 1}, extra_body={"pen": {"tune": "lora"}})
    name = str(ended(client, job.id).fine_tuned_model)
    assert client.models.retrieve(name).to_dict()["pen"]["kind"] == "lora"  # type: ignore[index]  # an extra key
    assert client.completions.create(model=name, prompt="a", max_tokens=3).model == name
    assert client.models.delete(name).deleted
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve(name)


def test_a_running_job_is_cancelled(client: openai.OpenAI) -> None:
    job = client.fine_tuning.jobs.create(model="tiny", training_file=upload(client))
    assert client.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    assert ended(client, job.id).status == "cancelled"


def test_a_file_with_a_wrong_line_names_it(client: openai.OpenAI, tmp_path: Path) -> None:
    path = tmp_path / "puns.jsonl"
    path.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "a"}\n')
    with pytest.raises(openai.BadRequestError, match=r"puns\.jsonl:2"):
        client.files.create(file=path, purpose="fine-tune")


def test_preferences_are_trained_with_their_own_figures(client: openai.OpenAI) -> None:
    lines = [{"prompt": f"Question {i}:", "chosen": f" It is {i}", "rejected": " No"} for i in range(12)]
    job = ended(client, client.fine_tuning.jobs.create(
        model="tiny", training_file=upload(client, lines), validation_file=upload(client, lines[:4]), seed=1,
        method={"type": "dpo", "dpo": {"hyperparameters": {"n_epochs": 2, "batch_size": 4, "beta": 0.2}}},
        extra_body={"pen": {"schedule": "linear", "early_stopping": 3}}).id)
    assert (job.status, job.error, job.method and job.method.type) == ("succeeded", None, "dpo")
    data = [event.data for event in client.fine_tuning.jobs.list_events(job.id, limit=100)]
    last = next(each for each in data if isinstance(each, dict) and each["kind"] == "metrics")
    assert {"train_reward_accuracy", "train_reward_margin", "full_valid_reward_margin"} <= set(last)
    answer = client.completions.create(model=str(job.fine_tuned_model), prompt="Question 1:", max_tokens=2)
    assert answer.choices[0].finish_reason in ("stop", "length")
