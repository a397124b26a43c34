"""``nvidia-smi --query-compute-apps=timestamp,pid,name,used_gpu_memory --format=csv -l 60`` on Windows: memory is
always [N/A].

Nothing but process ids is a number: there is nothing to judge.
"""

from datetime import datetime, timedelta
from pathlib import Path


def write(folder: Path) -> None:
    start = datetime(2023, 3, 2, 20, 1, 4, 551000)
    lines = ["timestamp, pid, process_name, used_gpu_memory [MiB]"]
    for i in range(120):
        at = f"{start + timedelta(minutes=i):%Y/%m/%d %H:%M:%S.%f}"[:-3]
        lines.append(f"{at}, {9120 if i < 70 else 15188}, C:\\ollama\\ollama_llama_server.exe, [N/A]")
    (folder / "apps.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(Path())
