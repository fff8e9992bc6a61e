"What users of the wheel get. Run with `python -I` outside the tree, in an environment without the development tools."
import os, re, sys, sysconfig
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages
from subprocess import run

def ok(text): print(f"  ok: {text}", flush=True)

def python(code): run([sys.executable, "-I", "-c", code], check=True)

# The library that is looked at is the installed one, and it does without nbdev
import rfcx_nb
installed = Path(rfcx_nb.__file__).is_relative_to(sysconfig.get_path("purelib"))
assert installed, f"{rfcx_nb.__file__} is not the installed wheel"
assert find_spec("nbdev") is None, "nbdev is installed here, so this cannot show that the library does without it"
versions = ", ".join(f"{k} {import_module(k).__version__}" for k in ("rfcx_nb", "fastai", "fastcore"))
ok(f"{versions}, no nbdev")

# Workers that only read sound start fast
python("import sys, rfcx_nb.preprocess; bad = {'torch', 'fastai'} & set(sys.modules); "
       "assert not bad, f'rfcx_nb.preprocess imports {bad}'")
ok("rfcx_nb.preprocess imports neither torch nor fastai")

# Every module
modules = (m.name.removeprefix("rfcx_nb.") for m in walk_packages(rfcx_nb.__path__, "rfcx_nb."))
names = sorted(m for m in modules if not m.startswith("_"))
for name in names: import_module(f"rfcx_nb.{name}")
ok("imports " + ", ".join(names))
from rfcx_nb.backbones import CALLS
assert CALLS.exists(), "the wheel lacks the weights that rfcx_train starts from"

# Every command. Its help page takes about half a second, may take ten on a busy machine, and imports nothing heavy
commands = sorted(e.name for e in entry_points(group="console_scripts") if e.module.startswith("rfcx_nb."))
assert commands, "the wheel has no commands"
def call(name, *words, **kw):
    return run([Path(sysconfig.get_path("scripts"))/name, *words], capture_output=True, text=True, **kw)
def help_page(name): # and on stderr a line per import
    return call(name, "--help", timeout=10, env=os.environ | {"PYTHONPROFILEIMPORTTIME": "1"})
with ThreadPoolExecutor(2) as ex: helps = list(ex.map(help_page, commands))
for c, r in zip(commands, helps):
    good = r.returncode == 0 and "usage" in r.stdout.lower()
    assert good, f"{c} --help ended with {r.returncode}:\n{r.stdout}{r.stderr}"
    heavy = re.findall(r"\| +(torch|fastai|timm|pandas)$", r.stderr, re.M)
    assert not heavy, f"{c} --help imports {', '.join(heavy)}"
ok("--help of " + ", ".join(commands))

# A short piece of work, from sound to submission, and the recipe's own flags whichever fastcore is installed
def command(line):
    r = call(*line.split())
    assert r.returncode == 0, f"{line} ended with {r.returncode}:\n{r.stdout[-2000:]}{r.stderr[-2000:]}"

command("rfcx_demo --n_train 20 --n_test 4 --seconds 10 --epochs 1 --out d")
command("rfcx_train --recipe --path d/forest --fold 0 --model_name model_0 --model resnet10t --pretrained false "
        "--sample_rate 32000 --n_mels 128 --hop_length 640 --bs 4 --head_ps 0.8 --tile_width 256 --mixup true "
        "--epochs 1")
command("rfcx_validate --path d/forest")
command("rfcx_predict --path d/forest --model_name model_0 --tile_width 64,128,256 --prevalence em --save_preds true")
command("rfcx_detect --path d/forest/test --model_name model_0 --out scan --format csv,parquet,raven,audacity "
        "--threshold 0.01")
command("rfcx_detect --model_name model_0 --out scan --threshold 0.02 --gap 1 --min_length 0.5") # from the scores there
command("rfcx_report --path scan --each 1")
command("rfcx_ensemble d/forest/preds/model_0/submission.csv preds/model_0/submission.csv --out submission.csv")
assert len(Path("submission.csv").read_text().splitlines()) == 5 and Path("d/forest/map.png").stat().st_size > 10_000
assert len(list(Path("scan/raven").glob("*.txt"))) and Path("scan/report.html").stat().st_size > 10_000
ok("rfcx_demo in small, the recipe's own commands, detections and their page")
