import hashlib
import json
import os
import pickle
import re
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from medsift.errors import SettingError, WeightsError
from medsift.modelsets import Alignment, Calibration, Head, HeldBack, assign, current, load, save, shipped_set
from medsift.modelsets.alignment import read_alignment, write_alignment
from medsift.modelsets.clusters import (
    MANY,
    Clusters,
    fit_clusters,
    nearest,
    read_clusters,
    strangeness,
    teach,
    write_clusters,
)
from medsift.modelsets.heads import Kernel, read_head, write_head
from medsift.modelsets.operating_points import OperatingPoint
from medsift.prompts import load_prompts
from medsift.settings import shipped
from medsift.volume import Volume


@pytest.fixture
def copied_set(tmp_path):
    """The shipped set on a volume, promoted."""
    volume = Volume(tmp_path)
    ours = shipped_set("lite")
    shutil.copytree(ours.folder, volume.model_sets / ours.digest)
    (volume.model_sets / "current.json").write_text(json.dumps({"lite": ours.digest}))
    return volume, volume.model_sets / ours.digest


def three_heaps():
    generator = np.random.default_rng(0)
    centres = np.eye(3, dtype=np.float32)
    return np.repeat(centres, 20, axis=0) + generator.normal(0, 0.05, (60, 3)).astype(np.float32)


def test_a_set_ships_for_lite_and_all_its_files_are_the_pinned_ones():
    model_set = shipped_set("lite")
    assert model_set.profile == "lite"
    assert {"alignment.safetensors", "head.safetensors", "CARD.md", "metrics.json"} <= set(model_set.pins)
    for name in model_set.pins:
        assert model_set.file(name).is_file()
    assert {path.name for path in model_set.folder.iterdir()} == {*model_set.pins, "modelset.json"}


def test_shipped_set_was_fitted_with_the_prompts_that_ship():
    assert shipped_set("lite").prompt_set == load_prompts(shipped("prompts"), "figures").digest


def test_shipped_set_is_small():
    assert sum(path.stat().st_size for path in shipped_set("lite").folder.iterdir()) < 4 * 2**20


def test_no_set_ships_for_clip():
    assert shipped_set("clip") is None


def test_the_shipped_set_is_current_until_one_is_promoted(tmp_path):
    assert current(Volume(tmp_path), "lite").digest == shipped_set("lite").digest
    assert current(Volume(tmp_path), "clip") is None


def test_a_promoted_set_is_current(copied_set):
    volume, folder = copied_set
    assert current(volume, "lite").folder == folder


def test_an_altered_pickle_is_never_opened(copied_set):
    volume, folder = copied_set
    file = next(folder.glob("clusters-*.joblib"))
    file.write_bytes(file.read_bytes()[:-1] + b"\x00")
    with pytest.raises(WeightsError) as caught:
        current(volume, "lite").clusters()
    assert len(set(re.findall("[0-9a-f]{64}", str(caught.value).replace(str(folder), "")))) == 2


class Program:
    """What a pickle may do to whoever opens it: call any function."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_a_pickle_that_is_swapped_after_its_digest_was_compared_does_not_run(copied_set, tmp_path):
    """As who swaps would do it: of the same size and time, in between two readings."""
    volume, folder = copied_set
    model_set, mark = current(volume, "lite"), tmp_path / "it-ran"
    for file in folder.glob("clusters-*.joblib"):
        model_set.file(file.name)
        before = file.stat()
        file.write_bytes(pickle.dumps(Program(mark)).ljust(before.st_size, b"."))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(WeightsError, match="is not the file its model set pins"):
        model_set.clusters()
    assert not mark.exists()


def test_an_altered_manifest_is_refused(copied_set):
    volume, folder = copied_set
    document = json.loads((folder / "modelset.json").read_text())
    document["calibration"]["temperature"] = 9.0
    (folder / "modelset.json").write_text(json.dumps(document))
    with pytest.raises(WeightsError, match="was altered"):
        current(volume, "lite")


def test_a_missing_file_of_a_set_is_a_sentence(copied_set):
    volume, folder = copied_set
    (folder / "alignment.safetensors").unlink()
    with pytest.raises(WeightsError, match="is damaged"):
        current(volume, "lite").alignment()


def test_a_folder_without_a_manifest_is_a_sentence(tmp_path):
    with pytest.raises(WeightsError, match="no readable model set"):
        load(tmp_path)


def test_the_digest_does_not_depend_on_how_the_manifest_is_laid_out(copied_set):
    volume, folder = copied_set
    document = json.loads((folder / "modelset.json").read_text())
    (folder / "modelset.json").write_text(json.dumps(dict(reversed(document.items())), indent=7))
    assert current(volume, "lite").digest == shipped_set("lite").digest


def test_a_saved_set_is_read_back_as_it_was(tmp_path):
    generator = np.random.default_rng(1)
    mean, deviation, pictures, words = (generator.normal(size=s).astype(np.float32) for s in (5, 5, (5, 3), (4, 3)))
    write_alignment(tmp_path / "alignment.safetensors", Alignment(mean, deviation, pictures, words, 12.5))
    write_clusters(tmp_path / "clusters-one.joblib", fit_clusters(three_heaps(), np.full(60, 0.9, np.float32), 3))
    saved = save(
        tmp_path, name="n", profile="lite", encoders={"one": "d1"}, prompt_set="p", spaces=(("one",),),
        calibration=Calibration({"zero_shot": 1.0}, 1.5),
    )  # fmt: skip
    again = load(tmp_path)
    assert again == saved
    assert again.alignment().scale == 12.5
    assert np.array_equal(again.alignment().picture_map, pictures)
    assert again.calibration == Calibration({"zero_shot": 1.0}, 1.5)
    assert len(set(assign({"one": three_heaps(), "unknown": three_heaps()}, again)["one"])) == 3


def empty_set(folder, calibration):
    return save(
        folder, name="n", profile="lite", encoders={}, prompt_set="p", spaces=(), calibration=calibration
    )  # fmt: skip


def test_operating_points_are_read_back_and_give_a_threshold(tmp_path):
    points = (OperatingPoint(0.9, 0.61, 0.9, 0.97, 0.02), OperatingPoint(0.99, 0.125, 0.99, None, 0.3))
    saved = empty_set(tmp_path, Calibration({"zero_shot": 1.0}, 1.5, points))
    assert load(tmp_path).calibration == saved.calibration == Calibration({"zero_shot": 1.0}, 1.5, points)
    assert (saved.threshold, saved.at_recall(0.99).threshold, saved.at_recall(0.9).threshold) == (0.5, 0.125, 0.61)
    assert saved.at_recall(0.99).digest == saved.digest
    with pytest.raises(
        SettingError, match=r"medical_recall = 0.95: allowed is one of 0.9, 0.99, or no value: .* no other"
    ):
        saved.at_recall(0.95)


def test_a_set_without_operating_points_is_kept_as_before_there_were_any_and_refuses_every_recall(tmp_path):
    saved = empty_set(tmp_path, Calibration({"zero_shot": 1.0}, 1.5))
    stored = json.loads((tmp_path / "modelset.json").read_text())["calibration"]
    assert stored == {"weights": {"zero_shot": 1.0}, "temperature": 1.5}
    with pytest.raises(SettingError, match=r"medical_recall = 0.99: allowed is no value: the model set n .* no recall"):
        saved.at_recall(0.99)


def test_alignment_survives_the_file(tmp_path):
    given = shipped_set("lite").alignment()
    write_alignment(tmp_path / "a.safetensors", given)
    again = read_alignment(tmp_path / "a.safetensors", given.digest)
    assert (again.scale, again.power) == pytest.approx((given.scale, given.power))


def test_an_alignment_takes_roots_of_features_and_keeps_their_sign():
    unit, none = np.ones(2, np.float32), np.zeros(2, np.float32)
    alignment = Alignment(none, 2 * unit, np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32), 1.0, power=0.5)
    features = np.array([[4.0, -9.0], [0.0, 1.0]], np.float32)
    assert alignment.place(features).tolist() == [[1.0, -1.5], [0.0, 0.5]]


def test_an_alignment_of_before_takes_features_as_they_are(tmp_path):
    from safetensors.numpy import load_file, save_file

    features = np.array([[4.0, -9.0]], np.float32)
    unit, identity = np.ones(2, np.float32), np.eye(2, dtype=np.float32)
    write_alignment(tmp_path / "new", Alignment(0 * unit, unit, identity, identity, 1.0))
    save_file({name: kept for name, kept in load_file(tmp_path / "new").items() if name != "power"}, tmp_path / "old")
    assert read_alignment(tmp_path / "old", "").place(features).tolist() == features.tolist()


def test_a_cluster_reaches_as_far_as_nearly_all_its_pictures_lie_and_at_least_as_far_as_most_clusters():
    generator = np.random.default_rng(2)
    spread = np.repeat([0.01, 0.1, 0.2], 200)[:, None]
    heaps = np.repeat(5 * np.eye(3), 200, axis=0) + spread * generator.normal(size=(600, 3))
    clusters = fit_clusters(heaps.astype(np.float32), np.ones(600, np.float32), 3)
    tight, usual, wide = clusters.reach[nearest((5 * np.eye(3)).astype(np.float32), clusters)]
    assert tight == usual == pytest.approx(0.34, abs=0.05)
    assert wide == pytest.approx(2 * usual, rel=0.2)


def test_clusters_of_few_pictures_call_nothing_strange():
    vectors = np.random.default_rng(3).normal(size=(60, 4)).astype(np.float32)
    clusters = fit_clusters(vectors, np.ones(60, np.float32), 20)
    far = 100 * np.ones((1, 4), np.float32)
    assert strangeness(far, clusters, nearest(far, clusters)).tolist() == [0.0]


def test_clusters_of_before_call_nothing_strange(tmp_path):
    import joblib

    fitted = fit_clusters(three_heaps(), np.full(60, 0.9, np.float32), 3)
    joblib.dump({name: kept for name, kept in asdict(fitted).items() if name != "reach"}, tmp_path / "c.joblib")
    again = read_clusters(tmp_path / "c.joblib", hashlib.sha256((tmp_path / "c.joblib").read_bytes()).hexdigest())
    assert np.isinf(again.reach).all()


def test_head_survives_the_file(tmp_path):
    kernel = Kernel(np.eye(2, dtype=np.float32), np.array([1.5, -0.1]))
    bare = np.eye(2, dtype=np.float32), np.ones(2, np.float32)
    head = Head("words", ("ct", "plot"), np.array([True, False]), *bare, kernel)
    write_head(tmp_path / "head.safetensors", head)
    again = read_head(tmp_path / "head.safetensors")
    assert (again.encoder, again.kinds, again.is_medical.tolist()) == ("words", ("ct", "plot"), [True, False])
    assert again.weights.tolist() == head.weights.tolist()
    assert again.bias.tolist() == head.bias.tolist()
    assert again.kernel is not None
    assert again.kernel.centres.tolist() == kernel.centres.tolist()
    assert again.kernel.weights.tolist() == kernel.weights.tolist()


def test_shares_of_a_head_sum_to_one_however_large_its_logits():
    weights = np.array([[1e4, 0], [0, 1]], np.float32)
    head = Head("words", ("ct", "plot"), np.array([True, False]), weights, np.zeros(2, np.float32))
    assert np.exp(head.log_shares(np.eye(2, dtype=np.float32))).sum(axis=1) == pytest.approx([1, 1])


def test_clusters_find_the_heaps_and_take_the_mean_score_of_their_members():
    scores = np.concatenate([np.full(20, 0.9), np.full(20, 0.1), np.tile([0.2, 0.8], 10)]).astype(np.float32)
    clusters = fit_clusters(three_heaps(), scores, 3)
    numbers = nearest(np.eye(3, dtype=np.float32), clusters)
    assert clusters.probability[numbers] == pytest.approx([0.9, 0.1, 0.5])
    assert clusters.purity[numbers] == pytest.approx([1.0, 1.0, 0.5])
    assert list(clusters.size[numbers]) == [20, 20, 20]


def test_clusters_are_the_same_each_time():
    one, two = (fit_clusters(three_heaps(), np.full(60, 0.5, np.float32), 5) for _ in range(2))
    assert np.array_equal(one.centres, two.centres)


def test_more_vectors_than_k_means_takes_whole_give_the_same_clusters():
    generator = np.random.default_rng(3)
    members = generator.integers(0, 3, MANY + 1)
    vectors = np.eye(3, dtype=np.float32)[members] + generator.normal(0, 0.05, (MANY + 1, 3)).astype(np.float32)
    scores = np.array([0.9, 0.2, 0.6], np.float32)[members]
    whole, batches = fit_clusters(vectors[:MANY], scores[:MANY], 3), fit_clusters(vectors, scores, 3)
    numbers = nearest(whole.centres, batches)
    assert batches.centres[numbers] == pytest.approx(whole.centres, abs=0.01)
    assert batches.probability[numbers] == pytest.approx(whole.probability, abs=1e-3)
    assert batches.size.sum() == MANY + 1
    assert np.array_equal(batches.size, fit_clusters(vectors, scores, 3).size)


def test_identical_pictures_make_one_cluster():
    clusters = fit_clusters(np.ones((10, 4), np.float32), np.full(10, 0.7, np.float32), 64)
    assert clusters.size.tolist() == [10]


def test_clusters_of_nothing_are_an_error():
    with pytest.raises(ValueError, match="at least one vector"):
        fit_clusters(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 4)


def test_labels_name_the_clusters_whose_members_have_them_and_no_other():
    before = Clusters(
        np.eye(3, dtype=np.float32), np.array([0.9, 0.2, 0.7], np.float32), np.array([1.0, 0.9, 0.8], np.float32),
        np.array([50, 50, 50]), np.ones(3, np.float32),
    )  # fmt: skip
    vectors = np.repeat(np.eye(3, dtype=np.float32), [20, 1, 0], axis=0)
    after = teach(before, vectors, np.array([False] * 20 + [True]))
    assert after.probability == pytest.approx([1.8 / 22, 1.4 / 3, 0.7])
    assert after.purity == pytest.approx([20 / 22, 1 - 1.2 / 3, 0.8])
    assert np.array_equal(after.centres, before.centres)


def test_clusters_survive_the_file(tmp_path):
    clusters = fit_clusters(three_heaps(), np.full(60, 0.5, np.float32), 3)
    write_clusters(tmp_path / "c.joblib", clusters)
    digest = hashlib.sha256((tmp_path / "c.joblib").read_bytes()).hexdigest()
    assert np.array_equal(read_clusters(tmp_path / "c.joblib", digest).centres, clusters.centres)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([True, 0.9], HeldBack(True, 0.9)),
        ([True, 0.9, ["a"]], HeldBack(True, 0.9, ("a",))),
        ([False, 0.1, ["a", "b"], "ct", "mri"], HeldBack(False, 0.1, ("a", "b"), "ct", "mri")),
    ],
    ids=["of the first version", "with what it shares", "with kinds"],
)
def test_what_was_said_of_labels_is_read_from_sets_of_all_versions(row, expected):
    assert HeldBack.of_stored(*row) == expected
    assert HeldBack.of_stored(*json.loads(json.dumps(expected.stored()))) == expected
