"""What only a machine with an NVIDIA GPU can show. Without one it says so, and ends well. It has never run on one.

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
    gap = ((y + 1e-6).log() - (z + 1e-6).log()).abs().max().item()
    assert gap < 1e-2, f"{name}: log-mel is {gap:.1e} apart"
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

TEAM = """
import os, sys
os.environ.update(RANK="0", LOCAL_RANK="0", WORLD_SIZE="1", MASTER_ADDR="127.0.0.1", MASTER_PORT="29511")
from rfcx_nb import cli, distributed, train
distributed.num_distrib = train.num_distrib = lambda: 2 # what a team runs (NCCL, DDP, batch norms in common), for one
sys.exit(cli.run_command(train.rfcx_train, sys.argv[1:]))
"""

STOPPED = """
import sys
from fastai.callback.core import Callback
from rfcx_nb import cli, train
class Stop(Callback):
    def before_batch(self):
        if self.training and self.epoch == 2: raise SystemExit("stopped")
make = train.get_learner
def get_learner(*args, **kw): learn = make(*args, **kw); learn.add_cb(Stop()); return learn
train.get_learner = get_learner
try: cli.run_command(train.rfcx_train, sys.argv[1:])
except SystemExit: pass
"""

IMITATE = """
import sys, torch
from pathlib import Path
from rfcx_nb.core import AudioConfig
from rfcx_nb.encoder import Encoder, ENCODERS
from rfcx_nb.imitate import imitate
from rfcx_nb.logmel import LogMel
from rfcx_nb.runs import RunConfig
class Peaks(Encoder):
    sample_rate, seconds, n_features = 32_000, 2., 32
    def __call__(self, wavs):
        mel = LogMel(AudioConfig(n_mels=32)).mel(torch.from_numpy(wavs))
        return (mel.amax(-1) - mel.mean(-1)).numpy()
ENCODERS["peaks"] = Peaks
imitate(RunConfig(species=("a", "b")), "peaks", sorted(Path(sys.argv[1]).glob("*.npy")), sys.argv[2], 256, 2, 0)
"""

EAR = """
import sys
from pathlib import Path
from rfcx_nb.preprocess import find_recordings
from rfcx_nb.find import map_folder
from rfcx_nb.search import RunEar
files = dict(list(find_recordings(sys.argv[2]).items())[:4])
a, b = (map_folder(RunEar(sys.argv[1], device=d), files, Path(sys.argv[3])/d, 4) for d in ("cuda", "cpu"))
assert not a[1] and not b[1], (a[1], b[1])
print(len(a[0]), "maps")
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
        if a.json: Path(a.json).write_text(json.dumps(found, indent=1))
    with tempfile.TemporaryDirectory() as d:
        d, forest = Path(d), Path(d)/"forest"
        make = "import sys; from rfcx_nb.forest import make_forest; make_forest(sys.argv[1], *map(int, sys.argv[2:]))"
        call(["-c", make, forest, 96, 24, 20])
        print(call(["-c", MEL])[1].strip(), flush=True)
        kw = ["--path", forest, "--waves", d/"waves", "--models", d/"models"]
        train = [*kw, "--fold", 0, "--n_folds", 2, "--epochs", 4]
        def train_on(k, *more): return rfcx("train", *train, *more, "--model_name", k, cuda=k != "cpu")[0]
        train_on("first") # decodes the recordings, so that this is in none of the times
        note("train", cuda=train_on("cuda"), cpu=train_on("cpu"))
        note("train otherwise", bfloat16=train_on("bf16", "--precision", "bfloat16"),
             loader_processes=train_on("aug", "--aug_p", .5))
        call(["-c", STOPPED, *train, "--model_name", "stopped"])
        note("float16, stopped and gone on with", cuda=train_on("stopped"))
        note("one process as a team", cuda=call(["-c", TEAM, *train, "--model_name", "team"])[0])
        run = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node"]
        for n in {1, torch.cuda.device_count()}:
            words = [*run, n, "-m", "rfcx_nb.cli", "rfcx_train", *train, "--model_name", f"team{n}"]
            note(f"torchrun, {n} processes", cuda=call(words)[0])
        words = ["-c", IMITATE, d/"waves"/"train"]
        note("imitate", cuda=call([*words, d/"imitated"])[0], cpu=call([*words, d/"imitated_cpu"], cuda=False)[0])
        note("maps", said=call(["-c", EAR, d/"models"/"cuda", forest/"train", d/"maps"])[1].strip())
        for way, flag in (("one pass", []), ("tiles", ["--tiles", "true"])):
            res, out = {}, {k: d/f"{way}-{k}" for k in ("cuda", "again", "cpu")}
            for k, o in out.items():
                words = [*kw, "--model_name", "cuda", *flag, "--out", o, *(["--backend", "float32"]*(k == "cpu"))]
                res[k] = rfcx("predict", *words, cuda=k != "cpu")[0]
            first, again, cpu = (o/"submission.csv" for o in out.values())
            same = "again: {}; CPU: {}".format(*(call(["-c", SAME, first, o])[1].strip() for o in (again, cpu)))
            note(f"predict, {way}", **res, same=same)
        for k in ("cuda", "cpu"): # the scores of one are of no use to the other, which must make its own
            note(f"validate, {k}", seconds=rfcx("validate", *kw, "--model_name", "cuda", cuda=k == "cuda")[0])
        rfcx("train", *kw, "--fold", 1, "--n_folds", 2, "--epochs", 4, "--model_name", "cuda")
        note("distill", cuda=rfcx("distill", *kw, "--model_name", "cuda", "--epochs", 2)[0])
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

if __name__ == "__main__": main()
