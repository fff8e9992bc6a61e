"""How many boxes does a species need? LWLRAP after training on 1, 2, 4 ... confirmed and denied boxes of each species.

    python .ci/boxes_curve.py FOLDER --csv results/boxes_birds.csv

FOLDER is laid out like the competition's and has test_truth.csv. For each seed the boxes of a species are put in an
order, so a larger number of boxes holds the smaller one. All else is the default of `rfcx_train`, but for two folds
instead of five. Rows are written as they are measured; the same command goes on where it was stopped.
"""
import argparse, os
from pathlib import Path
import pandas as pd
from rfcx_nb.metrics import score_submission
from rfcx_nb.tiled_inference import rfcx_predict
from rfcx_nb.train import rfcx_train

COLUMNS = ["model", "boxes", "seed", "lwlrap", "confirmed", "denied"]

def fewer_boxes(path, out, n, seed): # the folder with at most `n` confirmed and `n` denied boxes of a species; all if 0
    out.mkdir(parents=True, exist_ok=True)
    sizes = []
    for f in path.iterdir():
        if f.name in ("train_tp.csv", "train_fp.csv"):
            df = pd.read_csv(f, dtype=dict(recording_id=str)).sample(frac=1, random_state=seed)
            df = df.groupby("species_id").head(n) if n else df
            df.to_csv(out/f.name, index=False)
            sizes.append((f.name, len(df)))
        elif not (out/f.name).exists(): os.symlink(f.absolute(), out/f.name)
    return dict(sizes)

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("path", type=Path, help="folder laid out like the competition's, with test_truth.csv")
    p.add_argument("--models", default="birdnet,tf_efficientnet_lite0")
    p.add_argument("--counts", default="1,2,4,0", help="boxes of a species; 0: all")
    p.add_argument("--seeds", type=int, default=3)
    p.add_argument("--pretrained", default="auto", help="weights to start from, as in rfcx_train")
    p.add_argument("--work", type=Path, default="boxes_curve", help="where runs and features are kept")
    p.add_argument("--csv", type=Path, default="boxes_curve.csv")
    a = p.parse_args()
    done = pd.read_csv(a.csv) if a.csv.exists() else pd.DataFrame(columns=COLUMNS)
    for model in a.models.split(","):
        for seed in range(a.seeds):
            for n in map(int, a.counts.split(",")):
                if ((done.model == model) & (done.boxes == n) & (done.seed == seed)).any(): continue
                data, run = a.work/f"data_{n}_{seed}", f"{model}_{n}_{seed}"
                sizes = fewer_boxes(a.path, data, n, seed)
                kw = dict(models=a.work/"models", waves=a.work/"waves", n_workers=0)
                rfcx_train(data, model_name=run, model=model, pretrained=a.pretrained, n_folds=2, seed=seed, **kw)
                rfcx_predict(data, run, out=a.work/"preds"/run, **kw)
                score = score_submission(a.work/"preds"/run/"submission.csv", a.path/"test_truth.csv")["lwlrap"]
                row = (model, n, seed, round(score, 4), sizes["train_tp.csv"], sizes["train_fp.csv"])
                row = pd.DataFrame([row], columns=COLUMNS)
                done = pd.concat([done, row], ignore_index=True) if len(done) else row
                done.to_csv(a.csv, index=False)
                print(f"== {model}, {n or 'all'} boxes, seed {seed}: {score:.3f}", flush=True)
    print(done.groupby(["model", "boxes"], sort=False).lwlrap.agg(["mean", "min", "max"]).round(3).to_string())

if __name__ == "__main__": main()
