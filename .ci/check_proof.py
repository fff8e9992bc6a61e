"""Do the intervals of `rfcx_check` hold, and how wide are they? Known truth is the ear, and each check is repeated.

    python .ci/check_proof.py WORK --csv results/check_proof.csv                 # forests of 500 recordings, 8 species
    python .ci/check_proof.py WORK --birds FOLDER --csv results/check_proof.csv  # and a folder that has test_events.csv

A small network is trained on one forest (seed 1). Its scores of 500 recordings of other forests, with other
individuals, are the seasons to check; what is in WORK already is not made again. For a folder given by --birds the
network is trained on its train recordings. If its test recordings are few, a check of 200 clips hears a good part of
the season.

`density`, `precision` (of detections) and `recall` (of windows) are the shares of the intervals that hold the truth,
the last two over all thresholds with at least ten clips above them; `found` is the share of the checks in which a
threshold for --precision was found, `reached` the share of those whose interval holds the precision that it really
has, `really` that precision, `width` the interval's width. `probability_error` is the mean distance between printed
and true probabilities after the check, `score_error` that of the network's own scores. The printed table is the mean
over species; reached, really and width are means over all checks that found a threshold.
"""
import argparse, os
os.environ.setdefault("OMP_NUM_THREADS", "1")
from pathlib import Path
from time import perf_counter
import numpy as np, pandas as pd, torch
from rfcx_nb.check import read_season
from rfcx_nb.detections import kept_scores
from rfcx_nb.forest import make_forest
from rfcx_nb.runs import load_run
from rfcx_nb.stratified import repeat_check
from rfcx_nb.tiled_inference import rfcx_predict
from rfcx_nb.train import rfcx_train

LEAST = .1 # s of a call in a window, from which on an ear hears it

def season_of(data, work, name, epochs, train=None): # -> of all windows: log-odds and truth, (n, n_species); places
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
    return s.x.astype(float), y, s.windows.assign(recording=s.windows.recording.cat.codes)

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("work", type=Path, help="folder for forests, networks and scores")
    p.add_argument("--birds", type=Path, help="folder laid out like the competition's, with test_events.csv")
    p.add_argument("--seeds", type=lambda s: [int(o) for o in s.split(",")], default=[2, 3], help="of the forests")
    p.add_argument("--clips", type=lambda s: [int(o) for o in s.split(",")], default=[25, 50, 96, 200])
    p.add_argument("--draws", type=int, default=200)
    p.add_argument("--precision", type=float, default=.9)
    p.add_argument("--csv", help="file to write")
    a = p.parse_args()
    torch.set_num_threads(1)
    seasons, rows = {}, []
    for seed in dict.fromkeys([1, *a.seeds]): # the first is for training
        data = a.work/f"forest{seed}"
        if not (data/"test_events.csv").exists():
            n = dict(n_train=200 if seed == 1 else 2, n_test=500 if seed in a.seeds else 2)
            make_forest(data, **n, seconds=10, n_species=8, seed=seed, n_workers=0)
        if seed in a.seeds: seasons[data.name] = season_of(data, a.work, "forest", 20, a.work/"forest1")
    if a.birds: seasons["birds"] = season_of(a.birds, a.work, "birds", 30)
    for name, (x, y, where) in seasons.items():
        print(f"{name}: {len(x)} windows", flush=True)
        for k in range(x.shape[1]):
            for n in a.clips:
                t = perf_counter()
                rows.append(dict(season=name, species=k, windows=len(x), calls=y[:, k].mean(), n=n) | repeat_check(
                    x[:, k], y[:, k], n, a.draws, a.precision, where=where) | dict(seconds=perf_counter() - t))
    df = pd.DataFrame(rows).round(4)
    if a.csv: df.drop(columns="seconds").to_csv(a.csv, index=False)
    print(summary(df).round(3).T.to_string())

def summary(df): # Rows of the csv
    def mean(g):
        some = g[g.found > 0]
        chosen = ("reached", "really", "width")
        more = {k: np.average(some[k], weights=some.found) if len(some) else np.nan for k in chosen}
        return pd.concat([g.drop(columns=["season", "n", "species", *more]).mean(), pd.Series(more)])
    return pd.DataFrame({k: mean(g) for k, g in df.groupby(["season", "n"])}).T

if __name__ == "__main__": main()
