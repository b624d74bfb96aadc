import subprocess
import sys

import pytest

from medsift.encoders._torch import device_name
from medsift.errors import SettingError


def test_torchvision_timm_and_open_clip_can_be_imported_beside_this_torch():
    code = (
        "from medsift.encoders._torch import declare_torchvision_operators as declare; declare(); declare();"
        "import torchvision, timm, open_clip"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_naming_encoders_loads_no_network_library():
    code = (
        "import sys; from medsift.encoders import PROFILES; from medsift.voters import VOTERS;"
        "PROFILES.names(); VOTERS.names();"
        "print(sorted({'torch', 'timm', 'transformers', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_gpu_that_is_not_there_is_a_wrong_setting():
    import torch

    if torch.cuda.is_available():
        assert device_name("cuda") == "cuda"
    else:
        with pytest.raises(SettingError, match="Setting device = 'cuda'"):
            device_name("cuda")


def test_cpu_can_be_forced():
    assert device_name("cpu") == "cpu"
