"""A volume that is full or read-only: one sentence, nothing half-written; once mended, the rows of an undisturbed run.

The volume is a small tmpfs in a mount namespace of its own, which a test may make without harm to the machine.
"""

import os
import random
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from medsift.topology.postgres import Urls
from tests.faults.digests import OF_RUNS, digests, emptied

pytestmark = pytest.mark.postgres
MEDSIFT = Path(sys.executable).with_name("medsift")
ROOMY = "size=300m"


@dataclass(frozen=True)
class Ended:
    status: int
    said: str
    left: list[str]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Noise, which no format makes smaller: about 3 MB."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(16):
        noise = random.Random(number).randbytes(256 * 256 * 3)  # noqa: S311  a seed makes the same pictures
        Image.frombytes("RGB", (256, 256), noise).save(folder / f"{number:02d}.png")
    return folder


def in_namespace(script: str, **environment: str) -> str:
    """What a shell script prints that may mount."""
    # Who is root may mount in a namespace of mounts; others are root in a namespace of users.
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    command = [*unshare, "sh", "-c", f"set -e\n{script}"]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sorted_on(tmp_path: Path, pictures: Path, database: Urls, *mounts: str) -> list[Ended]:
    """`medsift sort --store` once after each mount of the volume with these options, all on one file system."""
    volume = tmp_path / "volume"
    volume.mkdir(exist_ok=True)
    command = shlex.join([str(MEDSIFT), "sort", str(pictures), "--store", "--set", "engine=torch_fp32"])
    steps = []
    for number, options in enumerate(mounts):
        how = "-t tmpfs none" if number == 0 else "none"
        steps.append(f"mount {how} -o {'remount,' if number else ''}{options} {volume}")
        steps.append(f"status=0; {command} >{tmp_path}/said.{number} 2>&1 || status=$?")
        steps.append(f"echo $status >{tmp_path}/status.{number}")
        steps.append(f"find {volume} -name '*.part*' >{tmp_path}/left.{number}")
    in_namespace("\n".join(steps), MEDSIFT_VOLUME=str(volume), MEDSIFT_DATABASE_URL=database.task)
    return [
        Ended(
            int((tmp_path / f"status.{number}").read_text()),
            (tmp_path / f"said.{number}").read_text(),
            (tmp_path / f"left.{number}").read_text().splitlines(),
        )
        for number in range(len(mounts))
    ]


def test_a_volume_that_is_full_or_read_only_is_one_sentence_and_costs_no_row_once_it_is_mended(
    tmp_path: Path, pictures: Path, database: Urls
) -> None:
    (undisturbed,) = sorted_on(tmp_path, pictures, database, ROOMY)
    assert undisturbed.status == 0, undisturbed.said
    rows = digests(database.admin, OF_RUNS)
    emptied(database.admin)
    full, read_only, mended = sorted_on(tmp_path, pictures, database, "size=2m", "ro", f"rw,{ROOMY}")
    for failed, reason in ((full, "No space left on device."), (read_only, "Read-only file system.")):
        assert failed.status == 1
        said = failed.said.strip().splitlines()[-1]
        assert said.startswith("medsift: Cannot write ") and said.endswith(reason), failed.said
        assert "Traceback" not in failed.said
        assert failed.left == []
    assert (mended.status, mended.left) == (0, []), mended.said
    assert digests(database.admin, OF_RUNS) == rows


SCRATCH = """
import sys
from pathlib import Path
from medsift.volume import Volume, VolumeError
volume = Volume(Path(sys.argv[1]))
volume.run("r").mkdir(parents=True)
for size in (2**20, 2**23):
    try:
        with volume.scratch("r", size) as file:
            print(len(file.read()))
    except VolumeError as error:
        print(error)
print([path.name for path in volume.run("r").iterdir()])
"""


def test_a_file_to_be_mapped_is_whole_or_refused_with_one_sentence(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    run = shlex.join([sys.executable, "-c", SCRATCH, str(volume)])
    said = in_namespace(f"mount -t tmpfs none -o size=4m {volume}\n{run}").splitlines()
    assert said == [str(2**20), f"Cannot write {volume / 'runs' / 'r'}: No space left on device.", "[]"]
