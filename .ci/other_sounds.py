"""Sounds unlike a bird's: synthetic whales, fish, bats and cicadas, with the default settings and with those that fit.

    python .ci/other_sounds.py --csv results/other_sounds.csv # about ten minutes on one core

Each kind has two species, 24 recordings to learn from and 12 to test on. All else is the default of `rfcx_train`, but
for a small network with random weights, two folds and 20 epochs. `rank_auc` is that of the held-out boxes, F1 that of
the detections in the test recordings, at the thresholds that rfcx_validate found.
"""
import argparse, shutil
from pathlib import Path
import numpy as np, pandas as pd, soundfile as sf
from rfcx_nb.detections import rfcx_detect
from rfcx_nb.evaluate import rfcx_evaluate
from rfcx_nb.import_boxes import rfcx_import
from rfcx_nb.train import rfcx_train
from rfcx_nb.validate import rfcx_validate

# of each kind: samples a second, s of a recording, settings that fit, and its species
KINDS = dict(whale=(2000, 180, dict(sample_rate=2000), ("blue", "fin")),
             fish=(8000, 30, dict(sample_rate=2000, hop_length=48, n_fft=256), ("whistler", "drummer")),
             bat=(256_000, 3, dict(sample_rate=256_000, fmin=15_000), ("noctule", "pipistrelle")),
             cicada=(44_100, 12, dict(subtract_band_mean=False), ("cricket", "cicada")))
# of each species: Hz at the beginning and the end, width of its noise in Hz, s of a call, s from call to call (0: one)
CALLS = dict(blue=(19, 16, 0, 15, 0), fin=(42, 28, 0, 10, 0), whistler=(200, 160, 0, .4, 0),
             drummer=(150, 150, 0, .05, .3), noctule=(27e3, 21e3, 0, .010, .2),
             pipistrelle=(70e3, 45e3, 0, .005, .09), cricket=(3300, 3200, 0, 12, 0), cicada=(6000, 6000, 1000, 12, 0))

SMALL = dict(model="resnet10t", pretrained="false", n_folds=2, epochs=20)

def sound(kind, s, rng): # samples of a call, or of a series of calls, and its band in Hz
    (a, b, wide, length, step), sr = CALLS[s], KINDS[kind][0]
    t = np.arange(round(length*sr))/sr
    x = np.sin(2*np.pi*(a*t + (b - a)*t*t/2/length))
    if wide: x = x*np.interp(t*wide, np.arange(length*wide + 1), rng.randn(length*wide + 1))
    if kind != "cicada": x = x*np.hanning(len(t))**.5
    if step: x = np.tile(np.pad(x, (0, round((step - length)*sr))), rng.randint(5, 12))
    return x, min(a, b)*.95 - wide, max(a, b)*1.05 + wide

def recordings(folder, kind, n, seed): # write them; returns boxes, and denied ones of half of the absent species
    rng, (sr, seconds, _, species) = np.random.RandomState(seed), KINDS[kind]
    folder.mkdir(parents=True)
    rows = []
    for k in range(n):
        x = rng.randn(seconds*sr)*.02
        for s in species:
            here = rng.rand() < .5
            for part in range(3 if kind == "whale" else 1):
                call, low, high = sound(kind, s, rng)
                room, size = seconds*sr//(3 if kind == "whale" else 1), len(call)
                at = part*room + rng.randint(max(room - size, 0) + 1)
                if here: x[at:at + size] += call[:len(x) - at]*.02*rng.uniform(.4, 1.5)
                if here or rng.rand() < .5:
                    rows.append((f"{k:03}", at/sr, min(at + size, len(x))/sr, low, high, s, "yes" if here else "no"))
        sf.write(folder/f"{k:03}.wav", x.clip(-1, 1), sr)
    return pd.DataFrame(rows, columns="recording start end low high species verdict".split())

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--work", type=Path, default="other_sounds", help="where recordings and runs go; made anew")
    p.add_argument("--csv", type=Path, default="other_sounds.csv")
    a, rows = p.parse_args(), []
    shutil.rmtree(a.work, ignore_errors=True)
    for kind, (_, _, fits, _) in KINDS.items():
        path, kw = a.work/kind, dict(models=a.work/kind/"models", waves=a.work/kind/"waves", n_workers=0)
        recordings(path/"recs", kind, 24, 0).to_csv(path/"boxes.csv", index=False)
        truth = recordings(path/"season", kind, 12, 1)
        truth[truth.verdict == "yes"].to_csv(path/"truth.csv", index=False)
        rfcx_import(path/"boxes.csv", path/"recs", out=path/"data")
        for name, settings in dict(default={}, fitting=fits).items():
            rfcx_train(path/"data", model_name=name, **SMALL, **settings, **kw)
            rfcx_validate(path/"data", model_name=name, **kw)
            rank = pd.read_csv(kw["models"]/name/"validation.csv").rank_auc.mean()
            rfcx_detect(path/"season", model_name=name, out=path/name, **kw)
            rfcx_evaluate(path/name, path/"truth.csv", path/"season", out=path/f"{name}.csv")
            table = pd.read_csv(path/f"{name}.csv").set_index("species")
            shown = " ".join(f"--{k} {str(v).lower()}" for k, v in settings.items())
            f1 = float(table.f1["mean of species"])
            row = dict(sound=kind, settings=shown, rank_auc=round(float(rank), 3), f1=round(f1, 3))
            rows.append(row)
            print("==", row, flush=True)
            pd.DataFrame(rows).to_csv(a.csv, index=False)
    print(pd.DataFrame(rows).to_string(index=False))

if __name__ == "__main__": main()
