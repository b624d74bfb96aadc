import subprocess
import sys

CHILD = "from medsift.steps.resources import peak_memory_mb; print(peak_memory_mb())"
PARENT = f"""
import subprocess, sys
held = b"x" * (600 * 2**20)
subprocess.run([sys.executable, "-c", {CHILD!r}], check=True)
"""


def test_what_the_process_that_started_it_held_is_no_memory_of_a_process():
    """Linux counts it in `ru_maxrss`."""
    told = subprocess.run([sys.executable, "-c", PARENT], check=True, capture_output=True, text=True).stdout
    assert 10 < float(told) < 300
