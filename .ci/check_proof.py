"""Do the intervals of `rfcx_check` hold, and how wide are they? Known truth is the ear, and each check is repeated.

    python .ci/check_proof.py WORK --csv results/check_proof.csv                 # forests of 500 recordings, 8 species
    python .ci/check_proof.py WORK --birds FOLDER --csv results/check_proof.csv  # and a folder that has test_events.csv

A small network is trained on one forest. Its scores of 500 recordings of that forest's test set (seed 1) and of forests
with other individuals (seeds 2 and 3) are seasons to check; what is in WORK already is not made again. For a folder
given by --birds the network is trained on its train recordings. With the folder's 32 test recordings of 10 s the season
has few windows, and a check of 200 clips hears a good part of it.
"""
import argparse, os
os.environ.setdefault("OMP_NUM_THREADS", "1")
from pathlib import Path
from time import perf_counter
import numpy as np, pandas as pd, torch
from rfcx_nb.check import read_season, repeat_check
from rfcx_nb.detections import kept_scores
from rfcx_nb.forest import make_forest
from rfcx_nb.runs import load_run
from rfcx_nb.tiled_inference import rfcx_predict
from rfcx_nb.train import rfcx_train

LEAST = .1 # s of a call in a window, from which on an ear hears it

def season_of(data, work, name, epochs, train=None): # -> log-odds and truth of all windows, (n, n_species) each
    kw = dict(model_name=name, models=work/"models", waves=work/"waves", n_workers=0)
    if not (work/"models"/name/"fold0"/"weights.safetensors").exists():
        rfcx_train(train or data, fold=0, n_folds=2, model="resnet10t", pretrained="false", epochs=epochs, **kw)
    out, run = work/"preds"/f"{name}-{data.name}", load_run(work/"models"/name, 0)
    if not (out/"submission.csv").exists(): rfcx_predict(data, out=out, save_preds=True, fold=0, **kw)
    s = read_season(kept_scores(run, out).parts, run.activation, list(range(len(run.cfg.species))))
    ev, w = pd.read_csv(data/"test_events.csv", dtype=dict(recording_id=str)), s.windows
    y, w = np.zeros(s.x.shape, bool), w.assign(i=range(len(w)), recording=w.recording.astype(str))
    both = w.merge(ev, left_on="recording", right_on="recording_id")
    both = both[np.minimum(both.end, both.t_max) - np.maximum(both.start, both.t_min) >= LEAST]
    y[both.i, both.species_id] = True
    return s.x.astype(float), y

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("work", type=Path, help="folder for forests, networks and scores")
    p.add_argument("--birds", type=Path, help="folder laid out like the competition's, with test_events.csv")
    p.add_argument("--seeds", type=lambda s: [int(o) for o in s.split(",")], default=[1, 2, 3], help="of the forests")
    p.add_argument("--clips", type=lambda s: [int(o) for o in s.split(",")], default=[25, 50, 96, 200])
    p.add_argument("--draws", type=int, default=200)
    p.add_argument("--precision", type=float, default=.9)
    p.add_argument("--csv", help="file to write")
    a = p.parse_args()
    torch.set_num_threads(1)
    seasons, rows = {}, []
    for seed in a.seeds:
        data = a.work/f"forest{seed}"
        if not (data/"test_events.csv").exists():
            make_forest(data, n_train=200 if seed == 1 else 2, n_test=500, seconds=10, n_species=8, seed=seed, n_workers=0)
        seasons[data.name] = season_of(data, a.work, "forest", 20, a.work/"forest1")
    if a.birds: seasons["birds"] = season_of(a.birds, a.work, "birds", 30)
    for name, (x, y) in seasons.items():
        print(f"{name}: {len(x)} windows", flush=True)
        for k in range(x.shape[1]):
            for n in a.clips:
                t = perf_counter()
                rows.append(dict(season=name, species=k, windows=len(x), calls=y[:, k].mean(), n=n) | repeat_check(
                    x[:, k], y[:, k], n, a.draws, a.precision) | dict(seconds=perf_counter() - t))
    df = pd.DataFrame(rows).round(4)
    if a.csv: df.drop(columns="seconds").to_csv(a.csv, index=False)
    print(df.drop(columns="species").groupby(["season", "n"]).mean().round(3).T.to_string())

if __name__ == "__main__": main()
