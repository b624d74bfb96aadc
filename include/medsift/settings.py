"""Every setting once: name, type, default and the sentence that docs and `medsift settings` show.

Precedence: run Params and options, then environment (`MEDSIFT_<NAME>`), then `medsift.toml` on the volume, then the
default. Only `Settings.load` reads the environment, and only floors 1 and 2 call it.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator

from medsift.contracts import PICTURE_ENDINGS
from medsift.errors import SettingError

PREFIX = "MEDSIFT_"
MARKER = "MEDSIFT_STACK"  # no setting: every process of an embedded stack carries its folder under this name
OF_ENCODERS = ("profile", "clip_model", "cnn_model", "image_size")  # settings that say which encoders are used
LEAST_IMAGE_SIZE = 96  # below it networks trained at 224 see nothing they know
OPENAI_SPELLINGS = {
    "ViT-B/32": "ViT-B-32-quickgelu",
    "ViT-B/16": "ViT-B-16-quickgelu",
    "ViT-L/14": "ViT-L-14-quickgelu",
    "ViT-L/14@336px": "ViT-L-14-336-quickgelu",
    "RN50x4": "RN50x4-quickgelu",
}


def shipped(name: str) -> Path:
    """Folder `name` (prompts, models) that comes with medsift: inside a wheel, or at the top of a checkout."""
    inside = Path(__file__).parent / "_shipped" / name
    return inside if inside.is_dir() else Path(__file__).parents[2] / name


Enhancement = Literal["clahe", "denoise"]


class Settings(BaseModel):
    """All settings of medsift; immutable once loaded."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    _standing: dict[str, Any] = PrivateAttr(default_factory=dict)

    volume: Path = Field(Path("var"), description="Folder of all files: inbox, pictures, model sets, runs.")
    database_url: str = Field(
        "", description="Address of the product's Postgres; empty means none.", json_schema_extra={"secret": True}
    )
    topology: Literal["local", "celery"] = Field(
        "local",
        description="How the embedded stack runs tasks: local, or celery with Redis and a worker for each queue.",
    )
    source_roots: list[Path] = Field(
        [], description="Folders a run from Airflow or REST may read besides inbox and uploads."
    )
    allowed_hosts: list[str] = Field(
        [], description="Hosts (name or name:port) that may be fetched although their address is not public."
    )

    profile: str = Field("lite", description="Which encoders and model set are used; `medsift profile list` names all.")
    clip_model: str = Field(
        "ViT-B-32-quickgelu", description="CLIP model of profile clip, in open_clip's or OpenAI's spelling."
    )
    cnn_model: str = Field("auto", description="CNN encoder; auto takes the profile's own.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where models run; auto takes a GPU if any.")
    engine: str = Field(
        "auto",
        description="What runs the networks; auto takes a GPU's half precision, else measures once what is fastest.",
    )
    batch_size: int = Field(32, ge=1, le=4096, description="Pictures a model sees at once.")
    image_size: int = Field(0, ge=0, le=1024, description="Side in pixels of a model's input; 0 takes the model's own.")
    enhance: list[Enhancement] = Field(
        [],
        description=(
            "What is done to pictures before models see them: clahe (local contrast), denoise (median). The model set "
            "was fitted without, so that of its voters only zero_shot is left."
        ),
    )
    num_workers: int = Field(0, ge=0, le=256, description="Child processes that decode; 0 takes one a core.")

    prompt_set: str = Field("figures", description="Prompt set: a folder of prompt files in prompts_dir.")
    prompts_dir: Path = Field(default_factory=lambda: shipped("prompts"), description="Folder of prompt sets.")
    strategy: str = Field("weighted_log_odds", description="How votes become a verdict.")
    review_threshold: float = Field(
        0.8, ge=0.5, le=1.0, description="A verdict less confident than this goes to review."
    )
    medical_recall: float | None = Field(
        None,
        gt=0.5,
        lt=1,
        description="Share of medical pictures to be found: the threshold follows from the model set, of whose recalls "
        "it must be one (`medsift modelset show`); none calls medical from a probability of 0.5.",
    )
    cluster_count: int = Field(64, ge=2, le=4096, description="Clusters of K-Means when a model set is fitted.")

    refit_promotion: Literal["auto", "ask"] = Field(
        "auto", description="A model set fitted anew that is not worse: auto puts it into use, ask waits for a person."
    )

    min_image_size: dict[str, int] = Field(
        {"web": 200, "pdf": 64, "folder": 16, "dicom": 16},
        description="Smallest side in pixels that is kept, by kind of source.",
    )
    max_aspect_ratio: float = Field(40.0, gt=1, description="Pictures longer than this times their width are rejected.")
    max_pixels: int = Field(
        89_000_000, ge=1_000_000, le=178_000_000, description="Pictures of more pixels than this are rejected."
    )
    allowed_extensions: list[str] = Field(
        [*PICTURE_ENDINGS, "dcm", "pdf", "zip"],
        description="Files that a folder or inbox is searched for (DICOM without an ending is found by content).",
    )
    max_images_per_url: int = Field(50, ge=1, le=10_000, description="Pictures taken from one web page at most.")
    dicom_frames: int = Field(
        0, ge=0, description="Frames taken of a DICOM file with several, spread evenly; 0 takes all."
    )
    leave_out_burned_in: bool = Field(
        False, description="Reject DICOM files whose header says that their pixels carry annotations such as names."
    )
    keep_dicom_paths: bool = Field(
        False, description="Store paths of DICOM files as they are; otherwise the database gets a keyed hash of them."
    )
    near_duplicate_distance: int = Field(
        4, ge=0, le=16, description="Perceptual hashes (64 bits) that differ in at most so many bits are linked."
    )
    compress_large_copies: bool = Field(False, description="Store pictures above 2000 px as JPEG of at most 2000 px.")
    pdf_quality: int = Field(85, ge=1, le=100, description="JPEG quality of such stored copies.")
    keep_documents: bool = Field(
        True, description="Keep a copy of each PDF that gave pictures on the volume, to show where they stood."
    )

    review_keys: dict[str, str] = Field(
        {
            "medical": "m",
            "non-medical": "n",
            "unsure": "u",
            "agree": "y",
            "undo": "z",
            "cluster": "c",
            "similar": "s",
            "kind": "k",
        },
        description="Keys of the Review page, as action=key with commas between.",
    )
    upload_max_mb: int = Field(500, ge=1, le=100_000, description="Largest file in MB that the Submit page takes.")

    child_timeout_s: int = Field(120, ge=1, le=3600, description="Seconds a file may take in its child process.")
    child_memory_mb: int = Field(3072, ge=256, description="Memory in MB a child process may take.")
    http_timeout_s: float = Field(20.0, gt=0, le=600, description="Seconds to wait for a connection or for data.")
    http_max_mb: int = Field(100, ge=1, description="Largest answer in MB that is fetched from an address.")
    http_delay_s: float = Field(
        0.2,
        ge=0,
        le=60,
        description="Least pause in seconds between two requests to one host; none for hosts in allowed_hosts.",
    )
    obey_robots: bool = Field(
        True, description="Whether robots.txt and X-Robots-Tag count; hosts in allowed_hosts are not asked."
    )
    weights_proxy: str = Field(
        "",
        description="Proxy through which weights are fetched, such as http://proxy:3128; empty means none.",
        json_schema_extra={"secret": True},
    )
    weights_ca_file: Path | None = Field(
        None,
        description="PEM file of the certificate authorities trusted when weights are fetched, instead of the usual.",
    )
    inbox_min_age_s: int = Field(60, ge=0, description="Inbox files younger than this wait for the next run.")

    timezone: str = Field("UTC", description="Time zone in which the nightly run starts at 02:00.")
    webhook_url: str = Field(
        "",
        description="Address told of a failed run (JSON by POST); empty means none.",
        json_schema_extra={"secret": True},
    )

    @field_validator("medical_recall", mode="before")
    @classmethod
    def _none_from_text(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("source_roots", "allowed_hosts", "allowed_extensions", "enhance", mode="before")
    @classmethod
    def _list_from_text(cls, value: object) -> object:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("enhance")
    @classmethod
    def _each_once(cls, value: list[Enhancement]) -> list[Enhancement]:
        return sorted(set(value))

    @field_validator("allowed_extensions")
    @classmethod
    def _bare_extensions(cls, value: list[str]) -> list[str]:
        return [extension.lower().lstrip(".") for extension in value]

    @field_validator("min_image_size", mode="before")
    @classmethod
    def _sizes_from_text(cls, value: object) -> object:
        defaults = cls.model_fields["min_image_size"].default
        if isinstance(value, int) or (isinstance(value, str) and value.strip().isdecimal()):
            return dict.fromkeys(defaults, int(value))
        if isinstance(value, str):
            parts = (part.partition("=") for part in value.split(",") if part.strip())
            value = {kind.strip(): size.strip() for kind, _, size in parts}
        if isinstance(value, Mapping):
            are_sizes = all(str(size).isdecimal() for size in value.values())
            if not value or not set(value) <= set(defaults) or not are_sizes:
                raise ValueError(f"a number, or kind=number with commas between, of the kinds {', '.join(defaults)}")
            return {**defaults, **value}
        return value

    @field_validator("review_keys", mode="before")
    @classmethod
    def _keys_from_text(cls, value: object) -> object:
        defaults = cls.model_fields["review_keys"].default
        if isinstance(value, str):
            value = dict(part.strip().split("=", 1) for part in value.split(",") if "=" in part)
        if isinstance(value, Mapping):
            keys = {**defaults, **{action: str(key).strip().lower() for action, key in value.items()}}
            is_known = bool(value) and set(value) <= set(defaults)
            if not is_known or any(len(key) != 1 or not key.isalnum() for key in keys.values()):
                raise ValueError(f"action=key, one letter or digit each, of the actions {', '.join(defaults)}")
            first: dict[str, str] = {}
            for action, key in keys.items():
                if (other := first.setdefault(key, action)) != action:
                    raise ValueError(f"a key of its own for each action: {other} and {action} have both {key}")
            return keys
        return value

    @field_validator("image_size")
    @classmethod
    def _size_a_model_can_use(cls, value: int) -> int:
        if 0 < value < LEAST_IMAGE_SIZE:
            raise ValueError(f"0, or a side of {LEAST_IMAGE_SIZE} to 1024 pixels")
        return value

    @field_validator("clip_model")
    @classmethod
    def _open_clip_spelling(cls, value: str) -> str:
        return OPENAI_SPELLINGS.get(value, value)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key  # a list of all zones takes a walk over their files, at every load
        except (KeyError, ValueError, OSError):  # as it comes to be unknown, a bad name or no file of a zone
            raise ValueError("a time zone such as UTC or Europe/Berlin") from None

    @field_validator("volume", "prompts_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("weights_ca_file")
    @classmethod
    def _readable_file(cls, value: Path | None) -> Path | None:
        if value is not None and not value.expanduser().is_file():
            raise ValueError("a file of certificates in PEM form")
        return value.expanduser().absolute() if value else None

    @field_validator("weights_proxy", "webhook_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("an address that begins with http:// or https://")
        return value

    @field_validator("source_roots")
    @classmethod
    def _absolute_all(cls, value: list[Path]) -> list[Path]:
        return [path.expanduser().absolute() for path in value]

    @field_validator("database_url")
    @classmethod
    def _psycopg2_url(cls, value: str) -> str:
        # In SQLAlchemy 2.1 plain postgresql:// means psycopg 3, which medsift does not use.
        for prefix in ("postgresql+psycopg2://", "postgresql+psycopg://", "postgresql://", "postgres://"):
            if value.startswith(prefix):
                return "postgresql+psycopg2://" + value[len(prefix) :]
        if value:
            raise ValueError("an address that begins with postgresql://")
        return value

    @classmethod
    def load(cls, overrides: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None) -> Self:
        """Settings from options or Params (`overrides`), environment and file; raises `SettingError`."""
        environment = os.environ if environment is None else environment
        given = dict(overrides or {})
        from_environment = cls._of_environment(environment)
        volume = given.get("volume") or from_environment.get("volume") or cls.model_fields["volume"].default
        from_file = _read_file(Path(volume).expanduser() / "medsift.toml")
        layers = {"medsift.toml": from_file, "environment": from_environment, "option": given}
        values: dict[str, Any] = {}
        origins = dict.fromkeys(cls.model_fields, "default")
        for origin, layer in layers.items():
            values.update(layer)
            origins.update(dict.fromkeys(layer, origin))
        settings = cls._validated(values)
        settings._origins.update(origins)
        named = {name: value for name, value in (from_file | from_environment).items() if name in OF_ENCODERS}
        standing = cls._validated(named)
        settings._standing = {name: getattr(standing, name) for name in OF_ENCODERS}
        return settings

    @classmethod
    def _of_environment(cls, environment: Mapping[str, str]) -> dict[str, str]:
        """Values of variables that are not empty; one that names no setting raises, its value may be a secret."""
        named = {PREFIX + name.upper(): name for name in cls.model_fields}
        found = {name: value for name, value in environment.items() if name.startswith(PREFIX) and value}
        for name in found.keys() - named.keys() - {MARKER}:
            raise SettingError(name, "***", "one of " + ", ".join(sorted(named)))
        return {named[name]: value for name, value in found.items() if name != MARKER}

    def options_as_environment(self) -> dict[str, str]:
        """Variables by which another process gets the values that were given as options."""
        return {
            PREFIX + name.upper(): as_text(getattr(self, name))
            for name in type(self).model_fields
            if self.origin(name) == "option"
        }

    def of_run(self, saved: Path) -> Self:
        """Settings of a run as its plan saved them, with the secrets of this process."""
        values = json.loads(saved.read_text(encoding="utf-8"))
        settings = self._validated(values | {name: getattr(self, name) for name in self.secret_names()})
        settings._standing = self._standing or {name: getattr(self, name) for name in OF_ENCODERS}
        return settings

    @classmethod
    def secret_names(cls) -> list[str]:
        """Settings that are never written to a file or log."""
        return [
            name
            for name, field in cls.model_fields.items()
            if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("secret")
        ]

    @classmethod
    def _validated(cls, values: dict[str, Any]) -> Self:
        for name, value in values.items():
            if name not in cls.model_fields:
                raise SettingError(name, value, "one of " + ", ".join(sorted(cls.model_fields)))
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0])
            message = _range(name) or first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            raise SettingError(name, "***" if name in cls.secret_names() else values[name], message) from None

    def public(self) -> dict[str, Any]:
        """All values but the secrets, ready for JSON."""
        return self.model_dump(mode="json", exclude=set(self.secret_names()))

    def standing(self) -> Self:
        """These with the profile and encoders of all runs that name none: as environment, file or default have them."""
        return self.model_copy(update=self._standing)

    def origin(self, name: str) -> str:
        """Where a value comes from: default, medsift.toml, environment or option."""
        return self._origins.get(name, "default")


def as_text(value: object) -> str:
    """A setting's value as it may be typed; empty for none."""
    if isinstance(value, dict):
        return ",".join(f"{key}={number}" for key, number in value.items())
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def _range(name: str) -> str:
    """What a number may be, from the bounds of its field; empty for settings that are no numbers."""
    field = Settings.model_fields[name]
    if field.annotation not in (int, float, float | None) or name == "image_size":
        return ""
    bounds = {
        kind: getattr(bound, kind)
        for bound in field.metadata
        for kind in ("gt", "ge", "lt", "le")
        if hasattr(bound, kind)
    }
    low = f"from {bounds['ge']}" if "ge" in bounds else f"above {bounds['gt']}" if "gt" in bounds else ""
    high = f"to {bounds['le']}" if "le" in bounds else f"and below {bounds['lt']}" if "lt" in bounds else ""
    return " ".join(part for part in ("a whole number" if field.annotation is int else "a number", low, high) if part)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError("medsift.toml", str(path), f"a readable TOML file ({error})") from None
