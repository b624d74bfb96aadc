import csv
from dataclasses import asdict

import numpy as np
import pytest

from medsift import weights
from medsift.encoders import load_profile, unit_rows
from medsift.encoders._efficientnet import (
    LAST,
    MIDDLES,
    NAME,
    STAGES,
    WEIGHTS_FILE,
    WIDTH,
    load_network,
    load_stages,
    middle_of,
)
from medsift.encoders._minilm import TextTower
from medsift.encoders._torch import declare_torchvision_operators
from medsift.modelsets import shipped_set
from medsift.pictures.views import views as render_views


@pytest.fixture(scope="module")
def profile(settings):
    return load_profile(settings, shipped_set("lite"))


@pytest.fixture(scope="module")
def pixels(profile, drawn):
    return np.stack([np.stack([picture] * len(profile.views)) for picture in drawn.values()])


def test_both_encoders_share_one_pass_of_the_tower(profile, pixels):
    assert len(profile.towers) == 1
    assert profile.views == profile.words.tower.views
    vectors = profile.encode_pictures({profile.views[0].size: pixels})
    assert set(vectors) == {"lite", "efficientnet_lite0"}
    assert vectors["lite"] == pytest.approx(profile.words.encode_pictures(pixels), abs=1e-6)
    assert vectors["efficientnet_lite0"] == pytest.approx(profile.cnn.encode_pictures(pixels), abs=1e-6)


def test_encoders_are_those_the_shipped_set_was_fitted_with(profile):
    assert {encoder.name: encoder.digest for encoder in profile.encoders} == shipped_set("lite").encoder_digests


def test_a_picture_is_nearer_to_what_it_shows_than_to_something_else(profile, drawn, pixels):
    texts = ["a line plot with axes", "a page of printed text", "an ultrasound image", "a chest X-ray"]
    cosines = profile.words.encode_pictures(pixels) @ profile.words.encode_texts(texts).T
    rows = dict(zip(drawn, cosines, strict=True))
    assert texts[rows["plot"].argmax()] == "a line plot with axes"
    assert texts[rows["text"].argmax()] == "a page of printed text"


def test_words_for_the_same_thing_are_near_each_other(profile):
    radiograph, film, cake = profile.words.encode_texts(["a radiograph of the thorax", "a chest X-ray", "a cake"])
    assert radiograph @ film > radiograph @ cake + 0.3


def test_text_features_are_those_of_minilm():
    features = unit_rows(TextTower("cpu").encode(["a chest x-ray", "a radiograph of the thorax", "a banana"]))
    assert features[0, :4] == pytest.approx([0.02559, 0.10314, -0.01248, 0.00220], abs=1e-4)
    assert features[0] @ features[1] == pytest.approx(0.6237, abs=1e-3)
    assert features[0] @ features[2] == pytest.approx(0.1909, abs=1e-3)


def test_picture_features_are_those_of_efficientnet_lite0(profile, pixels):
    expected = [[0.00202, 0, 0, 0.00863], [0.00546, 0, 0.01897, 0.00051], [0.03023, 0, 0.13980, 0.00004]]
    assert profile.cnn.encode_pictures(pixels)[:, :4] == pytest.approx(np.array(expected), abs=1e-4)


def test_vectors_of_the_shipped_set_stay_as_they_are(profile, pixels):
    pictures = [[0.27399, 0.10748, -0.04345], [0.32828, 0.26132, -0.07838], [0.13255, -0.02860, 0.16485]]
    words = [[-0.14015, -0.48841, -0.41151], [0.51164, 0.39525, -0.22321]]
    assert profile.words.encode_pictures(pixels)[:, :3] == pytest.approx(np.array(pictures), abs=2e-4)
    texts = ["a chest X-ray", "a bar chart"]
    assert profile.words.encode_texts(texts)[:, :3] == pytest.approx(np.array(words), abs=2e-4)


def test_features_of_the_stages_are_means_deviations_and_what_the_middle_has_more_of(pixels):
    import torch

    inputs = torch.from_numpy(pixels[:2, 0]).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        features = load_stages()(inputs)
        network = load_network()
        values = network.bn1(network.conv_stem(inputs))
        values = network.blocks[1](network.blocks[0](values))
        last = network(inputs)
    assert features.shape == (2, WIDTH)
    assert torch.allclose(features[:, :LAST], last, atol=1e-4)
    first = features[:, LAST : LAST + 2 * STAGES[0]]
    assert torch.allclose(first[:, : STAGES[0]], 0.05 * values.mean((2, 3)), atol=1e-4)
    assert torch.allclose(first[:, STAGES[0] :], 0.05 * values.std((2, 3), correction=0), atol=1e-4)
    border = round(values.shape[-1] / 5)
    middle = values[:, :, border:-border, border:-border]
    more = 0.05 * (middle.mean((2, 3)) - values.mean((2, 3)))
    assert torch.allclose(features[:, MIDDLES : MIDDLES + STAGES[0]], more, atol=1e-4)


@pytest.mark.parametrize("side", [1, 2, 3, 9])
def test_a_middle_is_never_empty(side):
    import torch

    assert 0 < middle_of(torch.zeros(1, 1, side, side)).shape[-1] <= side


def test_folded_batch_norms_change_nothing_that_counts():
    declare_torchvision_operators()
    import timm
    import torch

    plain = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    stored = torch.load(weights.path(NAME, WEIGHTS_FILE), weights_only=True)
    plain.load_state_dict(dict(zip(plain.state_dict(), stored.values(), strict=True)))
    plain.reset_classifier(0)
    inputs = torch.linspace(-1, 1, 2 * 3 * 224 * 224).reshape(2, 3, 224, 224)
    with torch.inference_mode():
        assert torch.allclose(plain.eval()(inputs), load_network()(inputs), atol=1e-4)


@pytest.mark.corpus
def test_pictures_of_the_corpus_find_their_kind_by_words(profile, corpus):
    """Trained on, so no measure of accuracy: it shows that pictures, views, network and words fit together."""
    with (corpus / "manifest.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] in ("ct", "fundus", "pathology", "plot", "map")]
    chosen = rows[:: len(rows) // 20]
    arguments = {"max_pixels": 10**7, "views": [asdict(view) for view in profile.views]}
    seen = [next(render_views(arguments, (corpus / row["file"]).read_bytes()))[1] for row in chosen]
    side = profile.views[0].size
    pixels = np.stack([np.frombuffer(data, np.uint8).reshape(len(profile.views), side, side, 3) for data in seen])
    kinds = ["ct", "fundus", "pathology", "plot", "map"]
    words = profile.words.encode_texts(
        ["a computed tomography slice", "a fundus photograph", "stained tissue on a slide", "a plot", "a map"]
    )
    found = [kinds[best] for best in (profile.words.encode_pictures(pixels) @ words.T).argmax(axis=1)]
    right = np.mean([kind == row["kind"] for kind, row in zip(found, chosen, strict=True)])
    assert right >= 0.9
