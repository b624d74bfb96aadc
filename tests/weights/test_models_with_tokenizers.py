"""Models whose words are cut by a tokenizer of their own, from folders as a hub gives them, with random values.

Their vectors are those of plain open_clip calls on the same folders. No test here may ask for an address.
"""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from medsift.encoders._open_clip import load_network
from medsift.encoders._torch import declare_torchvision_operators
from medsift.encoders.clip import ClipEncoder, clip_encoder
from medsift.errors import MedsiftError, SettingError, UsageError, WeightsError
from medsift.settings import Settings
from medsift.steps.bring_weights import import_known_weights, import_weights
from medsift.volume import Volume
from medsift.weights.local import find, pins, read_companions

SIGLIP = "ViT-B-16-SigLIP"
TEXTS = ["A chest X-ray!", "a bar chart with a legend", "", "a photo of a dog " * 90]
CORPUS = ["a chest x-ray showing lungs", "a bar chart with a legend", "a photo of a dog", "computed tomography"] * 3
WORDPIECE = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 1000000000}
SMALL_BERT = {
    "model_type": "bert", "vocab_size": 200, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 64, "attn_implementation": "someone/kernel", "auto_map": {"AutoModel": "evil.Model"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Every attempt is refused and remembered: a library may swallow the refusal."""
    asked = []

    def refuse(*address, **_):
        asked.append(address)
        raise OSError("the network was asked for")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield
    assert asked == []


@pytest.fixture(scope="module", autouse=True)
def operators():
    declare_torchvision_operators()


def write_wordpiece(folder: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=150, special_tokens=special))
    ends = [(name, special.index(name)) for name in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(WORDPIECE))
    (folder / "special_tokens_map.json").write_text(json.dumps({"pad_token": "[PAD]", "sep_token": "[SEP]"}))


def write_unigram(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    made.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=90, special_tokens=special, unk_token="<unk>"))
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    made.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "eos_token": "</s>", "pad_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def biomedical_config() -> dict:
    """open_clip_config.json as BiomedCLIP's, with a smaller picture tower."""
    name = "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract"
    text = {"hf_model_name": name, "hf_tokenizer_name": name, "hf_proj_type": "mlp", "context_length": 256}
    tower = {"timm_model_name": "test_vit", "timm_model_pretrained": False, "timm_pool": "", "timm_proj": "linear"}
    own = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}
    return {
        "model_cfg": {
            "embed_dim": 64,
            "vision_cfg": tower | {"image_size": 160},
            "text_cfg": text | {"hf_pooler_type": "cls_last_hidden_state_pooler"},
        },
        "preprocess_cfg": own,
    }


def write_config(folder: Path, config: dict) -> None:
    (folder / "open_clip_config.json").write_text(json.dumps(config))


def plain_copy(folder: Path, copy: Path) -> str:
    """The folder for open_clip itself, which would ask a hub for the shape of the text tower."""
    from transformers import BertConfig

    shutil.copytree(folder, copy)
    shape = json.loads((folder / "config.json").read_text()) if (folder / "config.json").exists() else {}
    config = json.loads((folder / "open_clip_config.json").read_text())
    kept = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    BertConfig(**{name: shape[name] for name in kept if name in shape}).save_pretrained(copy / "text")
    config["model_cfg"]["text_cfg"]["hf_model_name"] = str(copy / "text")
    write_config(copy, config)
    (copy / "config.json").unlink(missing_ok=True)
    return f"local-dir:{copy}"


def make_biomedical(folder: Path, shape: dict | None) -> str:
    """A folder like BiomedCLIP's; the SHA-256 of its weights."""
    import open_clip
    import torch

    folder.mkdir()
    write_wordpiece(folder)
    write_config(folder, biomedical_config())
    if shape:
        (folder / "config.json").write_text(json.dumps(shape))
    torch.manual_seed(3)
    name = plain_copy(folder, folder.with_name(f"{folder.name}-plain"))
    made = open_clip.create_model(name, load_weights=False, pretrained_text=False).half()
    positions = {"text.transformer.embeddings.position_ids": torch.arange(512)[None]}  # of old transformers
    weights = folder / "open_clip_pytorch_model.bin"
    torch.save(made.state_dict() | positions, weights)
    shutil.copy(weights, folder.with_name(f"{folder.name}-plain"))
    return digest_of(weights)


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def unit(vectors):
    return (vectors / vectors.norm(dim=1, keepdim=True)).numpy()


def plain_texts(network, tokenizer):
    import torch

    with torch.inference_mode():
        return unit(network.encode_text(tokenizer(TEXTS)))


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> tuple[Path, str]:
    """A folder with BERT of two layers, whose shape stands beside it, and its digest; not to be written to."""
    folder = tmp_path_factory.mktemp("small") / "biomedical"
    return folder, make_biomedical(folder, SMALL_BERT)


@pytest.fixture
def chosen(tmp_path) -> Settings:
    return Settings(volume=tmp_path / "volume", device="cpu", engine="torch_fp32", clip_model="BiomedCLIP")


@pytest.mark.long
def test_siglip_by_its_name_in_open_clip_gives_the_vectors_of_plain_open_clip(
    settings, pictures, seen, reference, tmp_path
):
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder = tmp_path / "siglip"
    folder.mkdir()
    write_unigram(folder)
    torch.manual_seed(4)
    made = open_clip.create_model(SIGLIP, load_weights=False)
    config = {"model_cfg": open_clip.get_model_config(SIGLIP), "preprocess_cfg": made.visual.preprocess_cfg}
    own = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "resize_mode": "squash"}
    write_config(folder, config | {"preprocess_cfg": config["preprocess_cfg"] | own})
    file = folder / "open_clip_model.safetensors"
    save_file({name: tensor.half() for name, tensor in made.state_dict().items()}, file)
    del made

    import_weights(settings, SIGLIP, folder, sha256=digest_of(file))
    encoder = clip_encoder(settings.model_copy(update={"clip_model": SIGLIP, "device": "cpu"}))
    name = f"local-dir:{folder}"
    plain, transform = open_clip.create_model_from_pretrained(name)
    plain, tokenizer = plain.eval(), open_clip.get_tokenizer(name)
    assert tokenizer(TEXTS).shape == (4, 64)
    expected, words = reference(plain.encode_image, transform, pictures), plain_texts(plain, tokenizer)
    found = encoder.encode_pictures(seen(encoder, pictures))
    assert found == pytest.approx(expected, abs=1e-5)
    assert encoder.encode_texts(TEXTS) == pytest.approx(words, abs=1e-5)

    with torch.inference_mode():
        logits, _ = plain.get_logits(transform(Image.open(pictures[0]).convert("RGB"))[None], tokenizer(TEXTS[:2]))
    assert plain.logit_bias.item() == -10
    ours = torch.softmax(torch.tensor(encoder.scale * found[0] @ encoder.encode_texts(TEXTS[:2]).T), 0)
    assert ours.numpy() == pytest.approx(logits.softmax(1)[0].numpy(), abs=1e-4)
    assert [file.name for file in find(Volume(settings.volume), SIGLIP).companions] == [
        "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip


@pytest.mark.parametrize("shape", [None, SMALL_BERT], ids=["BERT's own shape", "a shape of its own"])
def test_a_folder_with_its_own_config_and_a_text_tower_of_transformers_gives_the_vectors_of_plain_open_clip(
    shape, chosen, pictures, seen, reference, tmp_path
):
    import open_clip

    folder = tmp_path / "biomedical"
    import_weights(chosen, "BiomedCLIP", folder, sha256=make_biomedical(folder, shape))
    encoder = clip_encoder(chosen)
    name = f"local-dir:{folder}-plain"
    plain, transform = open_clip.create_model_from_pretrained(name)
    plain, tokenizer = plain.eval(), open_clip.get_tokenizer(name)
    assert tokenizer(TEXTS).shape == (4, 256)
    expected = reference(plain.encode_image, transform, pictures)
    assert encoder.encode_pictures(seen(encoder, pictures)) == pytest.approx(expected, abs=1e-5)
    assert encoder.encode_texts(TEXTS) == pytest.approx(plain_texts(plain, tokenizer), abs=1e-5)
    assert encoder.dimension == 64
    assert encoder.scale == pytest.approx(plain.logit_scale.exp().item())


def test_a_tower_of_timm_takes_another_size_as_plain_open_clip_does(small, chosen, pictures, seen, reference):
    import open_clip

    folder, digest = small
    import_weights(chosen, "BiomedCLIP", folder, sha256=digest)
    encoder = clip_encoder(chosen.model_copy(update={"image_size": 192}))
    plain, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}-plain", force_image_size=192)
    expected = reference(plain.eval().encode_image, transform, pictures)
    assert encoder.encode_pictures(seen(encoder, pictures)) == pytest.approx(expected, abs=1e-5)


def test_an_altered_tokenizer_is_refused_with_both_digests(small, chosen):
    folder, digest = small
    volume = Volume(chosen.volume)
    file = import_weights(chosen, "BiomedCLIP", folder, sha256=digest).path(volume, "tokenizer.json")
    file.write_text(file.read_text().replace("chest", "chess"))
    with pytest.raises(WeightsError) as caught:
        clip_encoder(chosen)
    assert re.findall("[0-9a-f]{64}", str(caught.value).replace(str(file), "")) == [
        digest_of(file), digest_of(folder / "tokenizer.json"),
    ]  # fmt: skip
    file.unlink()
    with pytest.raises(WeightsError, match=r"not here whole: tokenizer.json is missing.*weights import BiomedCLIP"):
        clip_encoder(chosen)
    import_known_weights(chosen, folder)
    assert clip_encoder(chosen).encode_texts(["a dog"]).shape == (1, 64)


def test_what_is_not_pinned_is_not_read_though_it_lies_beside(small, chosen):
    folder, digest = small
    pin = import_weights(chosen, "BiomedCLIP", folder, sha256=digest)
    before = clip_encoder(chosen)
    for name, text in (("added_tokens.json", '{"dog": 7}'), ("tokenization_evil.py", "1 / 0"), ("vocab.txt", "dog")):
        pin.path(Volume(chosen.volume), name).write_text(text)
    after = clip_encoder(chosen)
    assert (after.encode_texts(TEXTS) == before.encode_texts(TEXTS)).all()
    assert after.digest == before.digest


def test_digests_change_with_every_file_that_belongs_to_the_weights(small, chosen):
    folder, digest = small
    import_weights(chosen, "BiomedCLIP", folder, sha256=digest)
    files = read_companions(Volume(chosen.volume), "BiomedCLIP")
    assert sorted(files) == [
        "config.json", "open_clip_config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip
    others = [files, *(files | {name: files[name] + b" "} for name in files)]
    assert len({ClipEncoder(chosen, lambda: None, digest, "", each).digest for each in others}) == 6


def test_other_files_for_pinned_weights_are_refused_and_the_pinned_stay(small, chosen, tmp_path):
    folder, digest = small
    import_weights(chosen, "BiomedCLIP", folder, sha256=digest)
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / "tokenizer_config.json").write_text(json.dumps(WORDPIECE | {"do_lower_case": False}))
    for name in ("BiomedCLIP", "another-name"):
        with pytest.raises(WeightsError, match=digest_of(folder / "tokenizer_config.json")):
            import_weights(chosen, name, other, sha256=digest)
    assert "another-name" not in pins(Volume(chosen.volume))
    assert clip_encoder(chosen).encode_texts(["a dog"]).shape == (1, 64)


def test_of_several_weights_in_a_folder_those_with_the_digest_are_taken(small, chosen, tmp_path):
    folder = tmp_path / "both"
    shutil.copytree(small[0], folder)
    (folder / "open_clip_model.safetensors").write_bytes(b"the same in another form")
    assert import_weights(chosen, "BiomedCLIP", folder, sha256=small[1]).file == "open_clip_pytorch_model.bin"
    with pytest.raises(WeightsError, match=f"has the SHA-256 {'0' * 64}: open_clip_model.safetensors has"):
        import_weights(chosen, "another-name", folder, sha256="0" * 64)


@pytest.mark.parametrize("name", [SIGLIP, "ViT-B-16-SigLIP2", "roberta-ViT-B-32", "ViT-L-14-CLIPA"])
def test_a_model_without_its_tokenizer_is_one_sentence_that_says_what_the_folder_holds(name, settings, tmp_path):
    file = tmp_path / "open_clip_model.safetensors"
    file.write_bytes(b"weights")
    (tmp_path / "tokenizer.json").write_text("{}")
    for path in (file, tmp_path):
        with pytest.raises(UsageError, match=rf"is not all that {name} needs: a folder .* tokenizer_config.json of"):
            import_weights(settings, name, path, sha256=digest_of(file))
    assert not Volume(settings.volume).weights.exists()


def test_a_name_that_open_clip_does_not_know_needs_its_config(small, settings):
    file = small[0] / "open_clip_pytorch_model.bin"
    with pytest.raises(SettingError, match=r"one imported from a folder with its open_clip_config\.json"):
        import_weights(settings, "BiomedCLIP", file, sha256=small[1])
    with pytest.raises(SettingError, match="this one is taken"):
        import_weights(settings, "efficientnet_lite0", small[0], sha256=small[1])
    with pytest.raises(WeightsError, match="knows no training 'openai' of BiomedCLIP"):
        import_weights(settings, "BiomedCLIP", small[0], sha256=small[1], tag="openai")


@pytest.mark.parametrize(
    ("part", "key", "value", "sentence"),
    [
        ("model_cfg", "multimodal_cfg", {}, r"keys that medsift does not take: \['multimodal_cfg'\]"),
        ("vision_cfg", "timm_model_name", "hf-hub:someone/model", "timm knows no model 'hf-hub:someone/model'"),
        ("vision_cfg", "checkpoint_path", "/etc/passwd", r"does not take: \['checkpoint_path'\]"),
        ("vision_cfg", "image_size", [224, 160], "one whole number is allowed"),
        ("text_cfg", "tokenizer_kwargs", {"trust_remote_code": True}, r"does not take: \['trust_remote_code'\]"),
        ("text_cfg", "hf_pooler_type", "nobody's", "The config of BiomedCLIP makes no network"),
        ("preprocess_cfg", "mean", "white", "mean and std are not three numbers"),
        ("preprocess_cfg", "resize_mode", "longest", "pads its pictures"),
    ],
)
def test_a_config_that_says_more_than_shapes_is_refused_and_nothing_is_kept(
    part, key, value, sentence, small, chosen, tmp_path
):
    folder = tmp_path / "strange"
    shutil.copytree(small[0], folder)
    config = biomedical_config()
    parts = config | config["model_cfg"]
    parts[part][key] = value
    write_config(folder, config)
    with pytest.raises(WeightsError, match=sentence):
        import_weights(chosen, "BiomedCLIP", folder, sha256=small[1])
    assert "BiomedCLIP" not in pins(Volume(chosen.volume))


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("tokenizer.json", "{}", "The tokenizer of BiomedCLIP cannot be used"),
        ("tokenizer_config.json", "[1", "it is no JSON"),
        ("tokenizer_config.json", '{"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Evil", null]}}',
         "tokenizer_config.json of BiomedCLIP cannot be used: it asks for code of its own"),
        ("config.json", '{"model_type": "evil"}', "its model_type is 'evil', known are roberta"),
        ("config.json", '{"model_type": "bert", "vocab_size": 40}', "do not fit BiomedCLIP"),
        ("open_clip_config.json", "[]", "it is no JSON object"),
    ],
)  # fmt: skip
def test_files_that_are_of_no_use_or_want_code_are_a_sentence_and_nothing_is_kept(
    file, text, sentence, small, chosen, tmp_path
):
    folder = tmp_path / "strange"
    shutil.copytree(small[0], folder)
    (folder / file).write_text(text)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(WeightsError, match=sentence):
        import_weights(chosen, "BiomedCLIP", folder, sha256=small[1])
    assert "BiomedCLIP" not in pins(Volume(chosen.volume))
    assert not (tmp_path / "ran").exists()
    left = [path.name for path in Volume(chosen.volume).weights.rglob("*") if path.is_file()]
    assert [name for name in left if not name.startswith("selftest-")] in ([], ["manifest.json"])


def test_a_tokenizer_with_more_words_than_the_network_is_a_sentence(small, chosen, tmp_path):
    folder = tmp_path / "larger"
    shutil.copytree(small[0], folder)
    made = json.loads((folder / "tokenizer.json").read_text())
    made["model"]["vocab"] |= {word: 1000 + number for word, number in made["model"]["vocab"].items() if number > 4}
    (folder / "tokenizer.json").write_text(json.dumps(made))
    with pytest.raises(WeightsError, match=r"not that of BiomedCLIP: it gives token \d+, the network knows 200"):
        import_weights(chosen, "BiomedCLIP", folder, sha256=small[1])


def test_a_shape_that_is_not_berts_is_named_as_what_is_missing(small, tmp_path):
    folder, _ = small
    files = {file.name: file.read_bytes() for file in folder.glob("*.json") if file.name != "config.json"}
    with pytest.raises(MedsiftError, match=r"Without a config.json beside them its text tower is taken for BERT's"):
        load_network("BiomedCLIP", folder / "open_clip_pytorch_model.bin", 0, files)


def test_the_command_line_imports_lists_and_verifies_a_folder(small, tmp_path):
    folder, digest = small

    def weights(*arguments):
        command = [sys.executable, "-m", "medsift.cli", "weights", *map(str, arguments), "--device", "cpu"]
        environment = os.environ | {"MEDSIFT_VOLUME": str(tmp_path / "var")}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    done = weights("import", "BiomedCLIP", folder, "--sha256", digest)
    assert done.returncode == 0, done.stderr
    listed = weights("list").stdout
    assert f"SHA-256 {digest}, with open_clip_config.json, tokenizer.json, tokenizer_config.json" in listed
    assert "ok      BiomedCLIP/tokenizer.json" in weights("verify").stdout
    file = tmp_path / "var" / "weights" / digest / "tokenizer.json"
    file.write_text("{}")
    altered = weights("verify", "BiomedCLIP")
    assert altered.returncode == 1
    assert "failed  BiomedCLIP/tokenizer.json" in altered.stdout
    assert all(digest_of(each) in altered.stdout for each in (file, folder / "tokenizer.json"))
