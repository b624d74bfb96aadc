import hashlib
import os
import threading

import pytest

from medsift.volume import Volume, VolumeError, atomic_path, sha256_of_file, write_atomically


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "table"
    write_atomically(target, b"old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_readers_see_the_old_file_or_the_new_one(tmp_path):
    target, seen, is_done = tmp_path / "file", set(), threading.Event()
    write_atomically(target, b"0" * 500_000)

    def read():
        while not is_done.is_set():
            seen.add(target.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for digit in b"123456789":
        write_atomically(target, bytes([digit]) * 500_000)
    is_done.set()
    reader.join()
    assert all(len(data) == 500_000 and len(set(data)) == 1 for data in seen)


def test_others_may_read_what_is_written(tmp_path):
    write_atomically(tmp_path / "file", b"x")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_pictures_lie_under_their_identity(tmp_path):
    volume, identity = Volume(tmp_path), "ab" + "0" * 62
    assert volume.picture(identity, "png") == tmp_path / "pictures" / "ab" / f"{identity}.png"
    assert volume.thumbnail(identity) == tmp_path / "thumbnails" / "ab" / f"{identity}.webp"


def test_storing_the_same_bytes_again_writes_nothing(tmp_path):
    volume = Volume(tmp_path)
    target = volume.put(volume.picture("ab" * 32, "png"), b"picture")
    before = target.stat().st_ino
    volume.put(target, b"picture")
    assert target.stat().st_ino == before


def test_a_file_cut_short_by_a_crash_is_written_again(tmp_path):
    volume = Volume(tmp_path)
    target = volume.put(volume.picture("ab" * 32, "png"), b"picture")
    target.write_bytes(b"pic")
    volume.put(target, b"picture")
    assert target.read_bytes() == b"picture"


def test_a_volume_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(VolumeError, match="cannot be written"):
        Volume(tmp_path / "file").prepare()
    with pytest.raises(VolumeError, match="Cannot write"):
        Volume(tmp_path / "file").put(tmp_path / "file" / "picture.png", b"x")


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path):
    data = os.urandom(3_000_000)
    (tmp_path / "file").write_bytes(data)
    assert sha256_of_file(tmp_path / "file") == hashlib.sha256(data).hexdigest()


def test_candidates_of_a_published_run_are_gone_and_its_tables_are_not(tmp_path):
    volume = Volume(tmp_path)
    volume.put(volume.candidates("r1", "b0") / "0.bin", b"x")
    volume.put(volume.table("r1", "plan", "leaves"), b"x")
    volume.tidy("r1")
    volume.tidy("r1")
    assert not volume.candidates("r1", "b0").exists()
    assert volume.table("r1", "plan", "leaves").exists()
