"""`medsift weights`, `profile` and `modelset` as people meet them, without a network."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

PICTURES = Path(__file__).parents[2] / "docs" / "img"


def medsift_command(*arguments: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "medsift.cli", *map(str, arguments)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), "MEDSIFT_VOLUME": str(cwd / "var")} | variables
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300)


def test_list_says_where_weights_lie_and_which_are_not_here(tmp_path: Path) -> None:
    lines = medsift_command("weights", "list", cwd=tmp_path).stdout.splitlines()
    place = {line.split()[0]: lines[number + 2].strip() for number, line in enumerate(lines) if line[0] != " "}
    assert Path(place["minilm"]).is_dir()
    assert place["ViT-B-32-quickgelu"] == place["resnet50"] == "not here"


def test_verify_is_content_with_profile_lite_and_not_with_missing_weights(tmp_path: Path) -> None:
    assert medsift_command("weights", "verify", cwd=tmp_path).returncode == 0
    done = medsift_command("weights", "verify", "--profile", "clip", cwd=tmp_path)
    assert done.returncode == 1
    assert "failed  mobilenet_v2 The weights mobilenet_v2 are not here." in done.stdout


def test_a_profile_that_the_environment_overrules_is_switched_and_that_is_told(tmp_path: Path) -> None:
    done = medsift_command("profile", "use", "lite", cwd=tmp_path, MEDSIFT_PROFILE="clip")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "But MEDSIFT_PROFILE is set in the environment, which is stronger.\n"
    assert (tmp_path / "var" / "medsift.toml").read_text() == 'profile = "lite"\n'


def test_an_imported_cnn_is_listed_and_an_altered_one_is_found(tmp_path: Path) -> None:
    file = tmp_path / "mobilenet_v2-7ebf99e0.pth"
    file.write_bytes(b"something else")
    for arguments in (["import", "mobilenet_v2", file], ["import", tmp_path]):
        done = medsift_command("weights", *arguments, cwd=tmp_path)
        assert done.returncode == 1
        assert hashlib.sha256(b"something else").hexdigest() in done.stderr
        assert "7ebf99e03e254b27" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["weights", "fetch", "ViT-L/14"], 2, "medsift weights import ViT-L-14-quickgelu FILE --sha256 DIGEST"),
        (["weights", "fetch"], 0, "Profile lite needs nothing to be fetched."),
        (["weights", "import", "a", "b", "c"], 2, "medsift weights import [NAME] FILE"),
        (["weights", "import", "ViT-Z", "x.pt", "--sha256", "0" * 64], 2, "a model that open_clip knows"),
        (["profile", "use", "clip"], 1, "medsift weights fetch ViT-B-32-quickgelu"),
        (["profile", "use", "huge"], 2, "There is no profile 'huge'; known are: clip, lite."),
        (["profile", "list"], 0, "* lite"),
        (["profile", "use", "lite"], 0, "is set in"),
        (["modelset", "show"], 0, "lite-1"),
        (["modelset", "show"], 0, "(setting medical_recall)"),
        (["modelset", "show", "--profile", "clip"], 0, "has no model set"),
        (["modelset", "show", "--profile", "klip"], 2, "There is no profile 'klip'; known are: clip, lite."),
        (
            ["classify", PICTURES, "--csv", "-", "--set", "medical_recall=0.6"],
            2,
            "Setting medical_recall = 0.6: allowed is ",
        ),
        (["modelset", "fit", "nowhere"], 2, "nowhere is not a folder."),
        (["modelset", "fit"], 2, "Name a FOLDER of pictures, or --labels FILE."),
        (["modelset", "list"], 0, "lite-1"),
        (["modelset", "promote", "0123456"], 2, "There is no model set '0123456'"),
        (["modelset", "rollback"], 2, "is the first of profile lite"),
        (["modelset", "refit"], 1, "No database is up."),
        (["queue"], 1, "No database is up."),
    ],
)
def test_what_comes_of_a_command_is_a_sentence_and_an_exit_status(
    arguments: list[str], status: int, sentence: str, tmp_path: Path
) -> None:
    done = medsift_command(*arguments, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert sentence in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
