"""Every list is paged by one rule: nothing twice, nothing left out, and has_more tells the truth."""

import pytest

from tests.engine.harness import LINES, EngineProcess

LISTS = ("files", "jobs", "events", "checkpoints")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lists(served: EngineProcess) -> dict[str, str]:
    """Fill each list with at least five objects; return their paths."""
    for _ in range(5):
        served.upload(LINES, purpose="user_data")
    jobs = [served.create_job({"steps": 5, "public": [1, 2, 3, 4]})["id"] for _ in range(5)]
    served.settle()
    job = f"/v1/fine_tuning/jobs/{jobs[0]}"
    return {"files": "/v1/files", "jobs": "/v1/fine_tuning/jobs", "events": f"{job}/events",
            "checkpoints": f"{job}/checkpoints"}


@pytest.mark.parametrize("name", LISTS)
def test_pages_are_the_whole_list_each_thing_once(served: EngineProcess, lists: dict[str, str], name: str) -> None:
    path = lists[name]
    whole = [each["id"] for each in served.get(f"{path}?limit=10000")["data"]]
    found: list[str] = []
    page = served.get(f"{path}?limit=2")
    while page["has_more"]:
        assert len(page["data"]) == 2
        found += [each["id"] for each in page["data"]]
        page = served.get(f"{path}?limit=2&after={found[-1]}")
    found += [each["id"] for each in page["data"]]

    assert len(whole) >= 5
    assert found == whole
    assert served.get(f"{path}?limit={len(whole)}")["has_more"] is False
    assert served.get(f"{path}?after={whole[-1]}")["data"] == []


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(("query", "param"), [
    ("limit=0", "limit"), ("limit=-1", "limit"), ("limit=x", "limit"), ("limit=1.5", "limit"), ("limit=", "limit"),
    ("limit=%D9%A1", "limit"), ("after=x", "after"), ("after=", "after"), ("aftr=x", "aftr")])
def test_a_page_that_cannot_be_is_refused(served: EngineProcess, lists: dict[str, str], name: str, query: str,
                                          param: str) -> None:
    found = served.request("GET", f"{lists[name]}?{query}")

    assert (found.status, found.json["error"]["param"]) == (400, param)


@pytest.mark.parametrize("name", LISTS)
def test_a_limit_beyond_all_is_cut(served: EngineProcess, lists: dict[str, str], name: str) -> None:
    assert served.get(f"{lists[name]}?limit={10 ** 30}")["has_more"] is False


@pytest.mark.parametrize("name", LISTS)
def test_a_place_in_another_list_is_none_in_this(served: EngineProcess, lists: dict[str, str], name: str) -> None:
    for other in set(LISTS) - {name}:
        elsewhere = served.get(f"{lists[other]}?limit=1")["data"][0]["id"]
        assert served.request("GET", f"{lists[name]}?after={elsewhere}").status == 400
