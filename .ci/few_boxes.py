"""Does one scale for all species make thresholds from few boxes better? Found on the boxes of the other species, tried
on one, for each species in turn, on boxes that the networks have not learned from.

    python .ci/few_boxes.py FOLDER RUN RUN ... --models MODELS --csv results/few_boxes.csv

FOLDER is the one that the runs were trained on. The wanted precision is .9. A row per run and scale: the precision and
the recall of the trials, all species together; `found` is the share of species for which the others gave a threshold.
"""
import argparse
from pathlib import Path
import numpy as np, pandas as pd
from scipy.special import expit
from rfcx_nb.scores import box_scores, finest_scores
from rfcx_nb.thresholds import background, calibration_data, find_threshold
from rfcx_nb.validate import score_held_out

def trials(data): # For each species (n,) log-odds of its boxes, and if they are confirmed -> precision, recall, share
    hits, right, found = 0, 0, 0
    for s, (x, y) in enumerate(data):
        others = [np.concatenate(o) for o in zip(*(d for k, d in enumerate(data) if k != s))]
        at = find_threshold(expit(others[0]), others[1]).at
        found += not np.isnan(at)
        hit = expit(x) >= at
        hits, right = hits + hit.sum(), right + (hit & y).sum()
    return right/max(hits, 1), right/sum(y.sum() for _, y in data), found/len(data)

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("path", type=Path, help="folder laid out like the competition's")
    p.add_argument("runs", nargs="+", help="names of runs")
    p.add_argument("--models", type=Path, default="models", help="where the runs are")
    p.add_argument("--waves", type=Path, default="waves", help="wave store")
    p.add_argument("--csv", type=Path, default="few_boxes.csv")
    a, rows = p.parse_args(), []
    for name in a.runs:
        held = score_held_out(a.path, a.models/name, a.waves)
        finest = finest_scores(held.scores, held.run.activation)
        logits, scale = box_scores(finest, held.boxes), background(finest, held.boxes)
        for k, x in dict(raw=logits, common=(logits - scale[:, 0])/scale[:, 1]).items():
            data = [calibration_data(x, held.boxes, s) for s in range(len(scale))]
            rows.append((held.run.cfg.model, name, k, *trials(data)))
    df = pd.DataFrame(rows, columns=["model", "run", "scale", "precision", "recall", "found"]).round(4)
    df.to_csv(a.csv, index=False)
    print(df.to_string(index=False))

if __name__ == "__main__": main()
