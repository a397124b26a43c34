"""Writes ``docs/study.md``, the reference of the study file, from the schema's own descriptions.

``make docs`` writes it; a test compares the committed page with what this makes.
"""

from __future__ import annotations

from aging.study.load import ALIKE, MOST_BYTES
from aging.study.schema import HostsTable, StudyFile
from tools.campaign_reference import keys_table
from tools.markdown import listed, made_by

EXAMPLE = """\
name = "cache-over-hosts"
campaign = "quickstart.toml"
replicates = 3

[matrix]
"deployment[llama-cpp-default].cache_ram_mib" = [0, 1024]

[hosts]
labels = { rack = "b" }
"""

_TEXT = f"""\
# The study file

A study is one campaign on many hosts. Its file is [TOML](https://toml.io) and names a [campaign file](campaign.md) as
its template, levels that are put into it, and the hosts that may run it. The key `campaign` tells it from a campaign
file. Every combination of levels and replicate is a *cell*: one campaign on one host.

```toml
{EXAMPLE}```

[`campaigns/hosts/study.toml`](../campaigns/hosts/study.toml) is an example to copy. `aging validate FILE` checks the
study file and the campaign file with every combination of levels, and reports all mistakes of both at once, each
with its key. `aging plan FILE` lists the cells, and says how many hosts, host-hours and bytes they take; `--json` is
for programs. Neither needs a cluster. Types and units of values are those of the
[campaign file](campaign.md#quantities-and-types); an editor completes and checks the keys with
[study.schema.json](schemas/study.schema.json).

{made_by("study_reference", "the descriptions in the code")}
## The top level

{{top}}
`campaign` and `files` are found from the folder of the study file. `files` must list every file that the load reads
by a relative path; on a host they lie beside the campaign, at the same relative paths. Together they have at most
{MOST_BYTES // 2**20} MiB. Larger files are put on every host and on the one that starts the study, and are named by
an absolute path in the campaign file.

## `[matrix]`

Each key is a key path of the campaign file, in quotes, and its value the list of levels that are put in its place.

| key path | sets |
|---|---|
| `"deployment[NAME].packages"`, `"deployment[NAME].env.OMP_NUM_THREADS"` | a key of one deployment |
| `"deployment.cache_ram_mib"` | the key of every deployment whose kind has it |
| `"load.arrivals.rate"`, `"load.class[NAME].arrivals.rate"` | a key of the load, or of one class of it |
| `"sampling.process"`, `"duration"`, `"seed"`, `"analysis.q"` | any other, but `schema`, `name`, `factors`, `design` |
| `"model"`, `"load.arrivals"` | a whole table, with tables as levels: keys that vary together |

A key that there is not is a mistake that names the nearest. Two key paths of which one sets a part of the other are
one, too, and so are two combinations that give the same campaign: a level without effect, as where each deployment
has a `rate` of its own. The study has every combination of the levels. Without `[matrix]` all cells run the campaign
file as it is.
What differs within one host belongs into [`[factors]`](campaign.md#factors) of the campaign file; neither a key nor a
part of it can be in both, and `factors` and `design` have no levels themselves.

A combination is named by the words of its levels where they are short and differ, such as `cache_ram_mib-0`, else
`v01`, `v02`, …; its cells add their replicate: `cache_ram_mib-0-r01`.

The campaign's `seed` is the same in all cells, unless it is in `[matrix]`: every host receives the identical load at
the identical times after its start, so that what differs between replicates is the host, and not the load. Different
loads within a cell come from `replicas` of the campaign file.

## `[hosts]`

{{hosts}}
`alike` knows {listed(ALIKE)}. The first host that fits is what
the others are compared with. A host is also refused where its release of `aging` or its Python is another, or where
its clock is more than 2 seconds off. The refusal says what was found and what was asked for.

Cells share a host with `exclusive = false`, also with those of other studies that do: each has `cpus` of the CPUs and
`devices` of the GPUs that the host has in the cluster, which assigns the GPUs (`CUDA_VISIBLE_DEVICES`). CPUs are
counted, not bound. Leave `port` of the deployments out: each server takes a free one.

## Which host takes which cell

Cells are placed in randomized blocks: all combinations of the first replicate in random order, then those of the
second. A host takes a combination only as often as the others do; of the hosts that can take a cell, those with the
fewest cells come first, and chance decides between them. So a combination is not confounded with a host or with the
hour. With `apart` no host sees a combination twice, so a study needs as many hosts as replicates. The same `seed`,
hosts and course give the same assignment.

## The folder of a study

`study.json` has the cells with their levels, and the text of each combination's campaign with its SHA-256. It lies in
`results/NAME/<UTC start>/` beside copies of the study file, the campaign file and `files/`. A study is resumed from
these copies, and not if one of them was changed: that would put two experiments into one result.

## One cell as one job of a batch system

`aging run STUDY.toml --cell N --study ID` runs the cell N, counted from 0, on this host and without Ray. The jobs
share the folder of results: the first one makes `results/NAME/ID/`, and each runs its cell in
`cells/<cell>/a01/` there. ID is the same for all jobs of the study; under Slurm it is `$SLURM_ARRAY_JOB_ID` by
default. On Kubernetes N is `$JOB_COMPLETION_INDEX`. The folder is that of `--results`, or of `results` in the study
file; a URL is refused, as jobs share a folder.

A job that is run again

- exits 0 at once where its cell has a result,
- continues the last attempt, as `aging resume` does, where it was interrupted, halted or killed on a host of this
  name,
- begins the next attempt (`a02`) otherwise, at most `attempts` of the study file; then it exits 3,
- exits 2 where another job runs the cell now, or where ID was made for another study file: one with another value of
  any key, another campaign of a cell, or other input files.

A job that is refused (exit 2) writes nothing. `aging status results/NAME/ID` shows every cell: it runs as long as its
job holds `cells/<cell>/lock`, and the study is `running` as long as one of them does.

Jobs and a cluster do not mix. `--cell` is refused (exit 2) in the folder of a study that was begun on a cluster:
continue it with `aging resume DIR`. `aging resume` and `aging stop` are refused in a folder whose cells are jobs, and
name those that run; where every cell has a result, `aging resume` says so and exits 0. A collected copy
`cells/<cell>/a01` of a study on a cluster is not continued by itself, either.

All jobs write one `ledger.jsonl`, in turn, under a lock (`flock`) of the file; the shared file system must have
locks, as NFS does by default. A process whose ledger is removed, replaced or cut while it runs ends with a sentence
and exit 3, and the cells on its hosts go on.

## The host of a cell

A cell runs in `<scratch>/<host>/<study>/<cell>/a01/`: the campaign file, its input files beside it, and the result
directory below `results/`. The runner is a process of its own that needs neither the cluster nor the process that
started it. A start is refused, with the reason, where another attempt runs below `<scratch>/<host>` and either
of the two takes the whole host.

Ray 2.60 runs its workers at niceness 15 and with the OOM score 1000, and their children inherit both. A campaign gets
those of the raylet instead. Where the user may not lower them, the start is refused; start the host's Ray with
`RAY_worker_niceness=0 RAY_worker_oom_score_adjustment=0` then.
"""


def page() -> str:
    """The whole page."""
    tables = {"{top}": keys_table(StudyFile, without={"matrix", "hosts"}), "{hosts}": keys_table(HostsTable)}
    text = _TEXT
    for place, made in tables.items():
        text = text.replace(place, made)
    return text
