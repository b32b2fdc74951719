"""`bevdrive report`: what it writes, and what it says to wrong input."""

from pathlib import Path

import pytest

from drive.cli.main import main
from tests.eval.report import made_up


def test_one_run_and_several(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = (made_up.run(tmp_path, name, kept=False).path for name in "ab")
    assert main(["report", str(a)]) == 0
    assert f"{a.resolve()}/report.html" in capsys.readouterr().out
    assert (a / "report.html").is_file() and not (b / "report.html").exists()
    assert main(["report", str(a), str(b), "--out", str(tmp_path / "ab.html")]) == 0
    assert "<title>a vs b</title>" in (tmp_path / "ab.html").read_text()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["{}/nothing"], "nothing: no run folder (config.yaml is missing)"),
        (["{}/a", "--out", "{}/x.html"], "--out: with one run"),
        (["{}/a", "{}/a"], "the same run is given twice"),
        (["{}/a", "{}/other"], "other: no scenario in common with"),
        (["{}/a", "{}/cut"], "cut: not a finished run of simulate (metrics.json is missing)"),
        (["{}/a", "{}/b", "--out", "{}/nowhere/x.html"], "no file can be written there"),
        (["{}/a", "{}/b", "--out", "{}"], "no file can be written there"),
    ],
)
def test_wrong_input(
    words: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made_up.run(tmp_path, "a", kept=False)
    made_up.run(tmp_path, "b", kept=False)
    elsewhere = tuple((f"other-{k}", "jam") for k in range(3))
    made_up.run(tmp_path, "other", kept=False, names=elsewhere)
    (made_up.run(tmp_path, "cut", kept=False).path / "metrics.json").unlink()
    assert main(["report", *(word.format(tmp_path) for word in words)]) == 2
    said = capsys.readouterr().err
    assert reason in said and said.count("\n") == 1
    assert not list(tmp_path.glob("**/*.html"))
