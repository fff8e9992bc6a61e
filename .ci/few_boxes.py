"""Does one scale for all species make thresholds from few boxes better? Found on the boxes of the other species, tried
on one, for each species in turn, on boxes that the networks have not learned from.

    python .ci/few_boxes.py FOLDER RUN RUN ... --models MODELS --csv results/few_boxes.csv

FOLDER is the one that the runs were trained on. Where species have many boxes, --few 6 keeps six confirmed and six
denied ones of each, drawn ten times. The wanted precision is .9. A row per run and scale: the precision and the recall
of the trials, all species and draws together; `found` is the share of trials for which the others gave a threshold.
Rows of other runs stay in the csv.
"""
import argparse
from pathlib import Path
import numpy as np, pandas as pd
from scipy.special import expit
from rfcx_nb.scores import box_scores, finest_scores
from rfcx_nb.thresholds import background_scale, calibration_data, find_threshold
from rfcx_nb.validate import score_held_out

def trials(data): # For each species (n,) log-odds of its boxes, and if they are confirmed
    "(hits, confirmed hits, confirmed boxes, thresholds, species)."
    res = np.zeros(5)
    for s, (x, y) in enumerate(data):
        others = [np.concatenate(o) for o in zip(*(d for k, d in enumerate(data) if k != s))]
        at = find_threshold(expit(others[0]), others[1]).at
        hit = expit(x) >= at
        res += hit.sum(), (hit & y).sum(), y.sum(), not np.isnan(at), 1
    return res

def draws_of(boxes, few): # All boxes once, or ten times `few` of each species and kind
    if not few: return [boxes]
    return [boxes.sample(frac=1, random_state=k).groupby(["species_id", "is_tp"]).head(few).reset_index(drop=True)
            for k in range(10)]

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("path", type=Path, help="folder laid out like the competition's")
    p.add_argument("runs", nargs="+", help="names of runs")
    p.add_argument("--models", type=Path, default="models", help="where the runs are")
    p.add_argument("--waves", type=Path, default="waves", help="wave store")
    p.add_argument("--few", type=int, default=0, help="boxes of a species and kind that are kept; 0: all")
    p.add_argument("--csv", type=Path, default="few_boxes.csv")
    a, rows = p.parse_args(), []
    for name in a.runs:
        held = score_held_out(a.path, a.models/name, a.waves)
        finest = finest_scores(held.scores, held.run.activation)
        scale, sums = background_scale(finest, held.boxes), dict(raw=0, common=0)
        for boxes in draws_of(held.boxes, a.few):
            x = box_scores(finest, boxes)
            for k, o in dict(raw=x, common=(x - scale[:, 0])/scale[:, 1]).items():
                sums[k] = sums[k] + trials([calibration_data(o, boxes, s) for s in range(len(scale))])
        for k, (hits, right, calls, found, n) in sums.items():
            rows.append((a.path.resolve().name, held.run.cfg.model, name, k, right/max(hits, 1), right/calls, found/n))
    df = pd.DataFrame(rows, columns=["data", "model", "run", "scale", "precision", "recall", "found"]).round(4)
    if a.csv.exists():
        df = pd.concat([pd.read_csv(a.csv), df]).drop_duplicates(["data", "run", "scale"], keep="last")
    df.to_csv(a.csv, index=False)
    print(df.to_string(index=False))

if __name__ == "__main__": main()
