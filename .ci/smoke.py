"What the wheel's users get: run with `python -I` outside the tree, by a Python that has the wheel and none of the development tools."
import sys, sysconfig
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from subprocess import run

def ok(text): print(f"  ok: {text}", flush=True)

def python(code): run([sys.executable, "-I", "-c", code], check=True)

# The library that is looked at is the installed one, and it does without nbdev
import rfcx_nb
assert Path(rfcx_nb.__file__).is_relative_to(sysconfig.get_path("purelib")), f"{rfcx_nb.__file__} is not the installed wheel"
assert find_spec("nbdev") is None, "nbdev is installed here, so this cannot show that the library does without it"
ok(f"rfcx_nb {rfcx_nb.__version__}, no nbdev, fastai {import_module('fastai').__version__}, fastcore {import_module('fastcore').__version__}")

# Workers that only read sound start fast
python("import sys, rfcx_nb.preprocess; bad = {'torch', 'fastai'} & set(sys.modules); assert not bad, f'rfcx_nb.preprocess imports {bad}'")
ok("rfcx_nb.preprocess imports neither torch nor fastai")

# Every module
names = sorted(m.name for m in iter_modules(rfcx_nb.__path__) if not m.name.startswith("_"))
for name in names: import_module(f"rfcx_nb.{name}")
ok("imports " + ", ".join(names))

# Every command
commands = sorted(e.name for e in entry_points(group="console_scripts") if e.module.startswith("rfcx_nb."))
assert commands, "the wheel has no commands"
for c in commands:
    r = run([Path(sysconfig.get_path("scripts"))/c, "--help"], capture_output=True, text=True)
    assert r.returncode == 0 and "usage" in r.stdout.lower(), f"{c} --help ended with {r.returncode}:\n{r.stdout}{r.stderr}"
ok("--help of " + ", ".join(commands))

# A short piece of work: add it here (the current folder is a temporary one)
