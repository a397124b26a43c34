"""Long form with a new pod name after every OOM kill, 4.5 GB limit: nine pods one after another, each +375 MB/h from
700 MB.
"""

import random
from pathlib import Path


def write(folder: Path) -> None:
    noise = random.Random(6938)
    lines, rss, pod = ["time;pod;rss_bytes"], 700e6, 0
    for i in range(540):
        rss += 375e6 / 6
        if rss > 4.5e9:
            rss, pod = 700e6, pod + 1
        name = f"pusher-7c9d6-{'abcdefghij'[pod]}{pod}x{(pod * 7919) % 97:02d}"
        lines.append(f"{1_776_800_000 + 600 * i};{name};{rss + noise.gauss(0, 15e6):.0f}")
    (folder / "pusher.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
