"""What every encoder keeps, whatever network is behind it."""

from functools import partial

import numpy as np
import pytest

from medsift.encoders import CNN_ENCODERS, PROFILES, Encoder, load_profile
from medsift.encoders._torch import declare_torchvision_operators
from medsift.encoders.clip import ClipEncoder
from medsift.encoders.torchvision_cnns import RECIPES, torchvision_encoder
from medsift.errors import UsageError, WeightsError
from medsift.modelsets import shipped_set


def random_clip(model_name):
    declare_torchvision_operators()
    import open_clip
    import torch

    torch.manual_seed(0)
    return open_clip.create_model(model_name, load_weights=False)


def random_cnn(name):
    declare_torchvision_operators()
    import torch
    import torchvision

    torch.manual_seed(0)
    return getattr(torchvision.models, name)(weights=None)


def cnn_maker(recipe):
    return lambda settings: torchvision_encoder(
        recipe, settings, partial(random_cnn, recipe.name), f"random {recipe.name}"
    )


# The networks whose weights no package carries run here with random ones, of the true shapes.
MAKERS = {
    "lite": lambda settings: load_profile(settings, shipped_set("lite")).words,
    "efficientnet_lite0": CNN_ENCODERS.get("efficientnet_lite0"),
    "clip": lambda settings: ClipEncoder(settings, partial(random_clip, settings.clip_model), "random", "openai"),
    **{name: cnn_maker(recipe) for name, recipe in RECIPES.items()},
}


@pytest.fixture(scope="module", params=sorted(MAKERS))
def encoder(request, settings) -> Encoder:
    return MAKERS[request.param](settings)


@pytest.fixture(scope="module")
def make(encoder):
    return MAKERS[encoder.name]


@pytest.fixture(scope="module")
def pixels(encoder, drawn):
    """Every drawn picture, alike in all views: (n, views, 224, 224, 3)."""
    return np.stack([np.stack([picture] * len(encoder.tower.views)) for picture in drawn.values()])


def test_every_registered_encoder_is_held_to_this_contract():
    assert set(CNN_ENCODERS.names()) | set(PROFILES.names()) == set(MAKERS)


def test_vectors_are_float32_of_unit_length_and_of_the_width_promised(encoder, pixels):
    vectors = encoder.encode_pictures(pixels)
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(pixels), encoder.dimension))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_the_same_picture_gives_the_same_vector_each_time(encoder, pixels):
    assert np.array_equal(encoder.encode_pictures(pixels), encoder.encode_pictures(pixels))


def test_the_company_in_a_batch_does_not_change_a_vector(encoder, pixels):
    alone = np.concatenate([encoder.encode_pictures(pixels[row : row + 1]) for row in range(len(pixels))])
    assert alone == pytest.approx(encoder.encode_pictures(pixels), abs=1e-5)


def test_encoding_pictures_is_the_head_over_the_features_of_the_tower(encoder, pixels):
    features = encoder.tower.features(pixels)
    assert encoder.from_features(features) == pytest.approx(encoder.encode_pictures(pixels), abs=1e-6)


def test_no_picture_gives_no_vector(encoder, pixels):
    assert encoder.encode_pictures(pixels[:0]).shape == (0, encoder.dimension)


def test_all_views_have_one_size(encoder):
    assert len({view.size for view in encoder.tower.views}) == 1


def test_device_and_batch_size_are_not_in_the_digest_and_image_size_is(encoder, make, settings):
    other = make(settings.model_copy(update={"batch_size": 7, "device": "auto"}))
    larger = make(settings.model_copy(update={"image_size": 256}))
    assert other.digest == encoder.digest
    assert larger.digest != encoder.digest
    assert {view.size for view in larger.tower.views} == {256}


def test_texts_lie_in_the_same_space_or_are_refused_in_a_sentence(encoder):
    texts = ["a chest X-ray", "a bar chart with a legend"]
    if not encoder.has_words:
        with pytest.raises(UsageError, match=f"The encoder {encoder.name} knows no words"):
            encoder.encode_texts(texts)
        return
    vectors = encoder.encode_texts(texts)
    assert (vectors.dtype, vectors.shape) == (np.float32, (2, encoder.dimension))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert encoder.encode_texts([]).shape == (0, encoder.dimension)
    assert encoder.encode_texts(texts[:1]) == pytest.approx(vectors[:1], abs=1e-5)
    assert encoder.scale > 1


def test_profile_clip_says_in_a_sentence_that_its_weights_are_not_here(settings):
    with pytest.raises(WeightsError, match="weights ViT-B-32-quickgelu are not here"):
        load_profile(settings.model_copy(update={"profile": "clip"}), None)


def test_profile_lite_without_a_model_set_is_a_sentence(settings):
    with pytest.raises(WeightsError, match="needs a model set"):
        load_profile(settings, None)


def test_an_unknown_cnn_is_answered_with_the_known_ones(settings):
    with pytest.raises(UsageError, match="efficientnet_b0, efficientnet_lite0, mobilenet_v2, resnet50"):
        load_profile(settings.model_copy(update={"cnn_model": "vgg"}), shipped_set("lite"))


def test_an_unknown_profile_is_answered_with_the_known_ones(settings):
    with pytest.raises(UsageError, match="clip, lite"):
        load_profile(settings.model_copy(update={"profile": "heavy"}), None)
