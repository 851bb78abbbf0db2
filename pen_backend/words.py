"""Words beside numbers, as people write them."""


def count(number: int, noun: str, many: str | None = None) -> str:
    """Write a number of things: 1 record, 2 records, 3 classes."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {many or f'{noun}s'}"
