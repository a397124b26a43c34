"""``while sleep 60; do date -Is; curl -s localhost:9400/metrics; done >> fb.txt``: scrapes of dcgm-exporter, one
after another.

FB_FREE of the one GPU falls from 1,517 to 337 MiB in 5 h; FB_USED rises as much; temperature is steady.
"""

import random
from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(801)
    start = datetime(2023, 8, 9, 17, 11, 11)
    labels = 'gpu="0",UUID="GPU-604ac76c-d9cf-fef3-62e9-d92044ab6e52",device="nvidia0",modelName="NVIDIA A100-SXM4-40GB",Hostname="ip-10-0-4-17"'
    lines = []
    for i in range(100):
        free = 1517 - 1180 * i / 100 + noise.gauss(0, 6)
        lines.append(f"{(start + timedelta(minutes=3 * i)):%Y-%m-%dT%H:%M:%S}+00:00")
        for name, text, value in (
            ("DCGM_FI_DEV_FB_FREE", "Frame buffer memory free (in MB).", f"{free:.0f}"),
            ("DCGM_FI_DEV_FB_USED", "Frame buffer memory used (in MB).", f"{40_370 - free:.0f}"),
            ("DCGM_FI_DEV_GPU_TEMP", "GPU temperature (in C).", str(noise.randint(58, 63))),
        ):
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge", f"{name}{{{labels}}} {value}"]
    (folder / "fb.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
