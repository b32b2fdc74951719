"""The words of a command line, before an option parser sees them."""

from collections.abc import Collection

LISTS = ("--families", "--planner", "--metric", "--scenario", "--exclude", "--tags", "--not-tags")


def split_commas(arguments: list[str], lists: Collection[str] = LISTS) -> list[str]:
    """`--families a,b` and `--families=a,b` are `--families a b`."""
    words: list[str] = []
    option = ""
    for word in arguments:
        if word.startswith("--"):
            option, _, value = word.partition("=")
            if option not in lists or not value:
                words.append(word)
                continue
            words.append(option)
            word = value
        words += [w for w in word.split(",") if w] if option in lists else [word]
    return words


def value_of(arguments: list[str], option: str) -> str | None:
    """What follows an option, as `--option VALUE` or `--option=VALUE`; None: it is not there."""
    for word, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if word == option and following:
            return following
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return None
