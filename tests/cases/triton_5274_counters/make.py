"""Triton's metrics each minute for 24 h: counters without ``_total``; 12 -> 19 ms a request in 20 h, then a restart."""

import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(5274)
    label = '{model=""m"",version=""1""}'
    lines, done, spent = (
        [
            f'time,"nv_inference_request_success{label}","nv_inference_request_duration_us{label}",nv_gpu_memory_used_bytes'
        ],
        0,
        0.0,
    )
    for i in range(1440):
        if i == 1200:
            done, spent = 0, 0.0
        served = noise.randint(560, 640)
        done += served
        spent += served * 1000 * (12 + 7 * (i % 1200) / 1200 + noise.gauss(0, 0.3))
        lines.append(f"{1_674_550_000 + 60 * i},{done},{int(spent)},9812574208")
    (folder / "input.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
