"""What only a machine with an NVIDIA GPU can show. Without one it says so, and ends well.

    python .ci/gpu.py                     # a few minutes: every path once, on the GPU and on the CPU
    python .ci/gpu.py --recipe 4727       # also an epoch of the recipe on so many recordings of a minute, made first
    python .ci/gpu.py --json gpu.json     # the figures as a file

Each step is a process of its own: for the CPU's way `CUDA_VISIBLE_DEVICES` is empty.
"""
import argparse, json, os, subprocess, sys, tempfile
from pathlib import Path
from time import perf_counter

def call(words, cuda=True): # a command in a process of its own -> (seconds, what it printed)
    env = os.environ | ({} if cuda else dict(CUDA_VISIBLE_DEVICES="")) | dict(IN_TEST="1")
    start = perf_counter()
    words, both = [sys.executable, *map(str, words)], dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    p = subprocess.run(words, env=env, text=True, **both)
    if p.returncode: raise SystemExit(f"{' '.join(words)} failed:\n{p.stdout[-4000:]}")
    return perf_counter() - start, p.stdout

def rfcx(name, *words, **kw): return call(["-m", "rfcx_nb.cli", f"rfcx_{name}", *words], **kw)

MEL = """
import torch
from time import perf_counter
from rfcx_nb.core import AudioConfig
from rfcx_nb.logmel import mel_engine
sound, x = AudioConfig(), torch.randn(64, 96_000, generator=torch.Generator().manual_seed(0))
for name in ("stft", "nnaudio"):
    gpu, cpu = (mel_engine(sound, name, torch.device(d)) for d in ("cuda", "cpu"))
    y, z = gpu(x.cuda()).cpu(), cpu(x)
    gap = ((y - z).abs().max()/z.abs().max()).item()
    assert gap < 1e-3, f"{name}: {gap:.1e} apart"
    def seconds(f, x):
        f(x); torch.cuda.synchronize(); start = perf_counter()
        for _ in range(5): f(x)
        torch.cuda.synchronize(); return (perf_counter() - start)/5
    print(f"{name}: CUDA {seconds(gpu, x.cuda())*1e3:.1f} ms, CPU {seconds(cpu, x)*1e3:.1f} ms for 64 crops of 3 s, "
          f"{gap:.0e} apart")
"""

SAME = """
import sys, numpy as np, pandas as pd
a, b = (pd.read_csv(f, index_col=0).sort_index() for f in sys.argv[1:3])
assert (a.index == b.index).all() and np.isfinite(a.to_numpy()).all()
gap = np.abs(a - b).to_numpy().max()
print(f"largest difference of a score {gap:.4f}")
assert gap < .02, "the GPU's scores are others than the CPU's"
"""

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--recipe", type=int, default=0, help="recordings for an epoch of the recipe; 0: leave it out")
    p.add_argument("--json", help="file for the figures")
    a = p.parse_args()
    import torch
    if not torch.cuda.is_available():
        print("skipped: no CUDA device here, so nothing of .ci/gpu.py has run")
        return
    name = torch.cuda.get_device_name()
    print(f"{name}, CUDA {torch.version.cuda}, torch {torch.__version__}, {os.cpu_count()} cores", flush=True)
    found = dict(device=name)
    def note(name, **values):
        found[name] = values
        text = (f"{k} {v:.1f}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items())
        print(f"{name}: {', '.join(text)}", flush=True)
    with tempfile.TemporaryDirectory() as d:
        d, forest = Path(d), Path(d)/"forest"
        make = "import sys; from rfcx_nb.forest import make_forest; make_forest(sys.argv[1], *map(int, sys.argv[2:]))"
        call(["-c", make, forest, 96, 24, 20])
        print(call(["-c", MEL])[1].strip(), flush=True)
        kw = ["--path", forest, "--waves", d/"waves", "--models", d/"models"]
        train = [*kw, "--fold", 0, "--n_folds", 2, "--epochs", 4]
        def train_on(k): return rfcx("train", *train, "--model_name", k, cuda=k == "cuda")[0]
        note("train", cuda=train_on("cuda"), cpu=train_on("cpu"))
        torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", 1]
        team = [*torchrun, "-m", "rfcx_nb.cli", "rfcx_train", *train, "--model_name", "team"]
        note("torchrun, one process", cuda=call(team)[0])
        for way, flag in (("one pass", []), ("tiles", ["--tiles", "true"])):
            res, out = {}, {k: d/f"{way}-{k}" for k in ("cuda", "cpu")}
            for k, o in out.items():
                res[k] = rfcx("predict", *kw, "--model_name", "cuda", *flag, "--out", o, cuda=k == "cuda")[0]
            same = call(["-c", SAME, *(o/"submission.csv" for o in out.values())])[1].strip()
            note(f"predict, {way}", **res, same=same)
        note("export", cuda=rfcx("export", "--models", d/"models", "--model_name", "cuda")[0])
        if a.recipe:
            big = d/"big"
            call(["-c", make, big, a.recipe, 2, 60])
            recipe = ["--recipe", "--model", "densenet121", "--sample_rate", 32000, "--n_mels", 128, "--hop_length",
                      640, "--bs", 32, "--mixup", "true", "--tile_width", 1024, "--pretrained", "false", "--fold", 0]
            words = ["--path", big, "--waves", d/"big_waves", "--models", d/"big_models", *recipe]
            rfcx("train", *words, "--model_name", "first", "--epochs", 1) # makes the store
            one, two = (rfcx("train", *words, "--model_name", f"r{n}", "--epochs", n)[0] for n in (1, 2))
            none = rfcx("train", *words, "--model_name", "plain", "--epochs", 2, "--aug_p", 0)[0]
            note("recipe", seconds_per_epoch=two - one, one_epoch=one, two_epochs=two, without_augmentation=none)
            print("if two epochs without augmentation take much less, the GPU waits for the loader")
    if a.json: Path(a.json).write_text(json.dumps(found, indent=1))

if __name__ == "__main__": main()
