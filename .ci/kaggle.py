"""The notebook kaggle_kernel on a stand-in of Kaggle's machine: an environment without this library and without what
Kaggle's image lacks, the attached folders mounted read-only at /kaggle/input, no network, another working directory.
Usage: kaggle.py ENVIRONMENT FOLDER, with an environment that has the wheel."""
import json, os, re, shutil, socket, sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from platform import machine
from subprocess import run
from time import perf_counter

LACKS = ["rfcx_nb", "nnAudio", "audiomentations", "numpy-minmax", "numpy-rms", "python-stretch"]
NOTEBOOK = Path(__file__).resolve().parents[1]/"nbs"/"kaggle_kernel.ipynb"
COMPETITION = "rfcx-species-audio-detection"

def cells():
    nb = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return ["".join(c["source"]) for c in nb["cells"] if c["cell_type"] == "code"]
def freeze(): return {f"{d.metadata['Name']}=={d.version}" for d in distributions()}
def content(folder):
    stats = {f.relative_to(folder).as_posix(): f.stat() for f in sorted(folder.rglob("*"))}
    return {k: (o.st_size, o.st_mtime_ns) for k, o in stats.items()}

# Inside: what Kaggle does with a notebook
STOP = "import rfcx_nb.train\ndef stop(*args): raise KeyboardInterrupt\nrfcx_nb.train.save_weights = stop\n"

def inside(story):
    from IPython.core.interactiveshell import InteractiveShell
    try: Path("/kaggle/input/note").touch()
    except OSError: pass
    else: sys.exit("/kaggle/input can be written")
    assert not {name for _, name in socket.if_nameindex()} - {"lo"}, "there is a network"
    assert not any(find_spec(k.replace("-", "_")) for k in LACKS) and Path.cwd() != Path("/kaggle/working")
    before, shell = freeze(), InteractiveShell.instance()
    for src in cells():
        if "EPOCHS = 0 if kaggle" in src: src = src.replace("0 if kaggle", "2 if kaggle")
        if story == "stopped" and "rfcx_train(path" in src: src = STOP + src
        res = shell.run_cell(src)
        if e := res.error_before_exec or res.error_in_exec: print(f"ended: {type(e).__name__}: {e}"); break
    print("replaced:", sorted(before - freeze()))

# Outside
def image(env, to): # An environment; where another goes that has all its packages but for some
    run([env/"bin"/"python", "-m", "venv", to], check=True)
    here, there = (next(o.glob("lib/python3*/site-packages")) for o in (env, to))
    hidden = {str(f).split("/")[0] for k in LACKS for d in distributions(name=k, path=[str(here)]) for f in d.files}
    for f in here.iterdir():
        if f.name not in hidden and not (there/f.name).exists(): (there/f.name).symlink_to(f)
    run([to/"bin"/"pip", "install", "-q", "ipython"], check=True)

ENTER = """
set -e
mount -t tmpfs none "$1" && mount --make-unbindable "$1"
for f in /*; do
  if [ -L "$f" ]; then cp -P "$f" "$1"; elif [ -d "$f" ]; then mkdir -p "$1$f"; mount --rbind "$f" "$1$f"; fi
done
mkdir -p "$1/kaggle/input" "$1/kaggle/working"
mount --bind "$2/input" "$1/kaggle/input" && mount -o remount,bind,ro "$1/kaggle/input"
mount --bind "$2/working" "$1/kaggle/working"
exec chroot "$1" /usr/bin/env -i PATH=/usr/bin:/bin HOME="$2" TMPDIR="$2/tmp" OMP_NUM_THREADS=1 MPLBACKEND=Agg \\
     "$2/image/bin/python" -W ignore "$3" --inside "$4"
"""

def kaggle(work, story, attach): # Folder; what happens; name below /kaggle/input to folder
    "Run the notebook with `attach`ed folders; return what it said and the working folder."
    t, there = perf_counter(), work/story.replace(" ", "_")
    for k in ("working", "input", "root", "tmp"): (there/k).mkdir(parents=True)
    shutil.copytree(work/"image", there/"image", symlinks=True)
    for name, folder in attach.items(): shutil.copytree(folder, there/"input"/name)
    was = content(there/"input")
    r = run(["unshare", "-rmn", "sh", "-c", ENTER, "sh", there/"root", there, Path(__file__).resolve(), story],
            capture_output=True, text=True)
    written = (there/"working"/"submission.csv").exists()
    good = r.returncode == 0 and "replaced: []" in r.stdout and ("ended: " in r.stdout) == (not written)
    assert good, f"{story}: ended with {r.returncode}\n{r.stdout[-3000:]}{r.stderr[-3000:]}"
    assert content(there/"input") == was, f"{story}: the attached folders have changed"
    print(f"  {story}, {perf_counter()-t:.0f} s", flush=True)
    return r.stdout, there/"working"

def says(said, *texts):
    for o in texts: assert o in said, f"{o!r} is missing in:\n{said[-3000:]}"

def is_submission(working, data): # A working folder; the competition's
    files = working/"submission.csv", data/"sample_submission.csv"
    sub, sample = ([line.split(",") for line in f.read_text().splitlines()] for f in files)
    assert sub[0] == sample[0] and [o[0] for o in sub] == [o[0] for o in sample]
    assert {len(o) for o in sub} == {len(sample[0])}
    return {o[0]: [*map(float, o[1:])] for o in sub[1:]}

def main(env, work):
    here = sys.platform, machine()
    if here != ("linux", "x86_64"):
        return print(f"  skipped: Kaggle's machine is Linux on x86_64, and this is {here[0]} on {here[1]}")
    ok = run(["unshare", "-rmn", "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True, text=True)
    if ok.returncode:
        return print(f"  skipped: the stand-in needs user namespaces, which are not allowed here ({ok.stderr.strip()})")
    os.environ["IN_TEST"] = "1" # no progress bars
    from rfcx_nb.forest import make_forest
    work.mkdir(parents=True)
    data, ns = make_forest(work/"data", n_train=24, n_test=5, n_species=5, seconds=8, n_workers=0), {}
    for src in cells(): # the notebook's own way of making what is attached
        if re.search(r"^import importlib|\nMODEL|^NEEDS", src): exec(src, ns)
    ns["make_wheels"](work/"wheels", NOTEBOOK.parents[1], [f"{sys.version_info[0]}.{sys.version_info[1]}"])
    image(env, work/"image")
    old = lambda **kw: {COMPETITION: data, "rfcx-nb-wheels": work/"wheels", **kw}
    new = lambda **kw: {f"competitions/{COMPETITION}": data, "datasets/you/rfcx-nb-wheels/wheels": work/"wheels", **kw}
    with ThreadPoolExecutor(2) as ex:
        stories = ("stopped", new()), ("nothing attached", {}), ("no wheels", {COMPETITION: data})
        (cut, one), *lacking = ex.map(lambda o: kaggle(work, *o), stories)
    says(cut, "ended: KeyboardInterrupt")
    texts = "train_tp.csv: attach the competition's data", "rfcx_nb-*.whl: attach the dataset of wheels"
    for (said, _), text in zip(lacking, texts):
        says(said, f"ended: FileNotFoundError: /kaggle/input holds no {text}")
    said, two = kaggle(work, "goes on", new(**{"notebooks/you/kernel": one}))
    says(said, "going on after epoch 2 of 2", "installed: audiomentations", "nnaudio", "rfcx-nb",
         "submission.csv: 5 rows")
    for line in re.findall("^(?:installed|  note): .*", said, re.M): print("   ", line)
    a = is_submission(two, data)
    said, three = kaggle(work, "trained", old(run=two/"models"))
    says(said, "trained already: /kaggle/input/run/model_0")
    b = is_submission(three, data)
    assert not (two/"waves").exists() and not (two.parent/"tmp"/"waves").exists()
    assert all(abs(x - y) < .03 for k in a for x, y in zip(a[k], b[k])) # the fastest precision may be another

if __name__ == "__main__":
    if sys.argv[1] == "--inside": inside(sys.argv[2])
    else: main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
