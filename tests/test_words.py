from pen_backend.words import count


def test_one_thing_is_singular_and_any_other_number_plural() -> None:
    assert [count(number, "row") for number in (0, 1, 2, 1234)] == ["0 rows", "1 row", "2 rows", "1,234 rows"]
    assert [count(number, "class", "classes") for number in (1, 3)] == ["1 class", "3 classes"]
