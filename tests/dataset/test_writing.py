"""Rows of a large set, most of which are written without a closer look, are those of a small one."""

import json
from pathlib import Path

from pen_backend.prompts import template
from pen_backend.records import make_example, to_line
from tests.dataset import ROWS, accounted, definition, files, run

ODD: dict[int, dict[str, object]] = {
    1100: {"question": "q", "answer": "an end\ninside"}, 1110: {"question": "long " * 100, "answer": "cut"},
    1120: {"question": "of Windows\r\nlines", "answer": "kept\r\n"}, 1130: {"question": 1130, "answer": 17},
    1140: {"question": "a list", "answer": ["one", "two"]}, 1150: {"question": "  spaces  ", "answer": "  \t around "},
    1160: {"question": "<answer>", "answer": "<question>"}, 1170: {"question": "nothing to say", "answer": " "},
}


def test_every_row_is_the_templates_however_many_came_before(tmp_path: Path) -> None:
    plain: list[dict[str, object]] = [{"question": f"question {number}", "answer": f"answer {number} it is"}
                                      for number in range(1_300)]
    records = [ODD.get(number, record) for number, record in enumerate(plain)]
    training = ("{steps: [], split: {valid: 0.1, by: [record]}, on-bad: skip, "
                "example: {max-tokens: 200, overlong: truncate}}")
    done = run(tmp_path, "\n".join(map(json.dumps, records)), prompt=ROWS, reader_name="jsonl", training=training)
    accounted(done)
    assert done.report.rejected == {"end-inside": 1, "value": 1}
    assert done.report.sources[0].rejected == {"unlabelled": 1}
    prompt = definition(tmp_path / "same", ROWS)
    expected, tokens = [], 0
    for number, record in enumerate(records):
        if number in (1100, 1140, 1170):
            continue
        made = template.example(prompt, record, (0.0, 1.0))
        if number == 1110:
            first, last = made.segments
            room = 200 - len(last.text)
            made = make_example([first._replace(text=first.text[-room:]), last], origin=made.origin)
        expected.append(to_line(made, "text-list"))
        tokens += sum(len(segment.text.encode()) for segment in made.segments)
    content = files(done.directory)
    written = content["train.jsonl"].splitlines(True) + content["valid.jsonl"].splitlines(True)
    assert sorted(written) == sorted(expected)
    assert sum(done.report.tokens.values()) == tokens
    places = {line: place for place, line in enumerate(expected)}
    for name in ("train.jsonl", "valid.jsonl"):
        order = [places[line] for line in content[name].splitlines(True)]
        assert order == sorted(order)
