"""What `rfcx_find` is worth, on a folder laid out like the competition's that has test_events.csv: the truth judges.

    python .ci/search_proof.py find FOLDER --ears template,birdnet   # average precision from one box per species
    python .ci/search_proof.py next FOLDER --ear template            # LWLRAP after 0, 25, 50 ... verdicts
    python .ci/search_proof.py speed FOLDER --ear template --hours 20 # bytes and seconds, of recordings repeated

`next`: a random half of the test recordings is the pool, cut into windows of 3 s; the other half is scored. A verdict is
one window heard, with a yes or no for every species. Each learning curve begins with one box per species.
"""
import argparse, shutil, tempfile
from pathlib import Path
from time import perf_counter, process_time
import numpy as np, pandas as pd, torch, torch.nn.functional as F
from sklearn.metrics import average_precision_score
from rfcx_nb.crops import read_boxes, read_species
from rfcx_nb.encoder import Features
from rfcx_nb.find import choose_next, fit_probe, map_folder, WINDOW, window_features
from rfcx_nb.metrics import lwlrap
from rfcx_nb.preprocess import find_recordings
from rfcx_nb.search import cut_example, get_ear, map_scale, search, similarity

def data(path, ear, waves): # -> boxes, events, number of species, maps of train, maps of test
    ev = pd.read_csv(path/"test_events.csv", dtype=dict(recording_id=str))
    b = read_boxes(path).rename(columns=dict(t_min="start", t_max="end", f_min="low", f_max="high"))
    tr, te = (map_folder(ear, find_recordings(path/s), waves/f"{path.name}-{s}-{ear.name}", 0)[0] for s in ("train", "test"))
    return b[b.recording_id.isin(tr)], ev, len(read_species(path)), tr, te

def find(a):
    rows = []
    for name in a.ears.split(","):
        ear = get_ear(name, a.run)
        boxes, ev, n, tr, te = data(a.path, ear, a.waves)
        scale = map_scale(ear, te.values())
        for way, one, deny in (("one box", True, 0), ("one box, denied", True, .5), ("all boxes", False, 0), ("all boxes, denied", False, .5)):
            for seed in range(a.seeds if one else 1):
                res = []
                for i in range(n):
                    b, e = boxes[boxes.species_id == i], ev[ev.species_id == i]
                    if not (b.is_tp.any() and len(e)): continue
                    tp = b[b.is_tp].sample(1, random_state=seed) if one else b[b.is_tp]
                    b = pd.concat([tp, b[~b.is_tp]]) if deny else tp
                    ex = [cut_example(ear, tr[o.recording_id], o, scale) for o in b.itertuples()]
                    right, got = set(zip(e.recording_id, ((e.t_min + e.t_max)/2//WINDOW).astype(int))), {}
                    for k, f in te.items():
                        t, s, _ = similarity(ear, f, ex, scale, deny)
                        for w, v in zip((t//WINDOW).astype(int), s): got[k, w] = max(got.get((k, w), -9.), float(v))
                    y, s = np.array([k in right for k in got]), np.array(list(got.values()))
                    res.append((average_precision_score(y, s), y[np.argsort(-s)][:min(10, y.sum())].mean(), y.mean()))
                rows.append((name, way, seed, *np.mean(res, 0).round(4)))
    df = pd.DataFrame(rows, columns="ear way seed AP P@10 chance".split())
    print(df.groupby(["ear", "way"], sort=False)[["AP", "P@10", "chance"]].agg(["mean", "std"]).round(3).to_string())
    return df

def next_(a):
    ear = get_ear(a.ear, a.run)
    boxes, ev, n, tr, te = data(a.path, ear, a.waves)
    wins = {k: window_features(ear, f, None) for k, f in te.items()}
    def truth(k, t): # one window
        e, y = ev[(ev.recording_id == k) & ((ev.t_min + ev.t_max)/2 >= t) & ((ev.t_min + ev.t_max)/2 < t + WINDOW)], np.zeros(n, np.float32)
        y[e.species_id] = 1
        return y
    rows = []
    for seed in range(a.seeds):
        rng = np.random.default_rng(seed)
        ids = rng.permutation(sorted(wins))
        pool, test = ids[:len(ids)//2], ids[len(ids)//2:]
        key = [(k, i) for k in pool for i in range(len(wins[k][0]))]
        X, Y = torch.stack([wins[k][1][i] for k, i in key]), np.stack([truth(k, wins[k][0][i]) for k, i in key])
        mean, sd = X.mean(0), X.std(0) + 1e-3
        def unit(x): return F.normalize((x - mean)/sd, dim=1)
        X, tests = unit(X), [unit(wins[k][1]) for k in test]
        yt = np.stack([np.max([truth(k, t) for t in wins[k][0]], 0) for k in test])
        tp = boxes[boxes.is_tp].groupby("species_id").sample(1, random_state=seed)
        start = [window_features(ear, tr[o.recording_id], [max((o.start + o.end - WINDOW)/2, 0)])[1] for o in tp.itertuples()]
        x0, y0 = unit(torch.cat(start)), np.full((len(tp), n), np.nan, np.float32)
        y0[range(len(tp)), tp.species_id] = 1
        for way in ("next", "margin", "chance"):
            got, probe = [], None
            for m in a.verdicts:
                while len(got) < min(m, len(X)): # batches of 25
                    free = np.setdiff1d(np.arange(len(X)), got)
                    known, p = torch.cat([x0, X[got]]), probe(X[free])
                    k = min(25, m - len(got), len(free))
                    if way == "next": i = choose_next(X[free], known, p, k)
                    elif way == "margin": i = (p - .5).abs().amin(1).argsort()[:k].tolist()
                    else: i = rng.choice(len(free), k, replace=False)
                    got += free[i].tolist()
                    if len(got) < min(m, len(X)): probe = fit_probe(torch.cat([x0, X[got]]), np.concatenate([y0, Y[got]]))
                probe = fit_probe(torch.cat([x0, X[got]]), np.concatenate([y0, Y[got]]))
                s = np.stack([probe(x).amax(0).numpy() for x in tests])
                rows.append((way, seed, m if m <= len(X) else len(X), lwlrap(s, yt)))
                if m >= len(X): break
    df = pd.DataFrame(rows, columns="way seed verdicts lwlrap".split()).round(4)
    print(f"pool {len(X)} windows, {len(tests)} recordings scored")
    print(df.groupby(["way", "verdicts"], sort=False).lwlrap.agg(["mean", "std"]).unstack(0).round(3).to_string())
    return df

def speed(a):
    ear = get_ear(a.ear, a.run)
    boxes, ev, n, tr, te = data(a.path, ear, a.waves)
    example = cut_example(ear, tr[(o := next(boxes[boxes.is_tp].itertuples())).recording_id], o)
    rng, maps, d = np.random.default_rng(0), {}, Path(tempfile.mkdtemp(dir=a.waves))
    store, minute = Features(d), round(60/ear.step)
    from safetensors.numpy import load_file
    x = np.concatenate([o["features"] if o["features"].ndim == 3 else o["features"][None] for o in map(load_file, te.values())], 1)
    for i in range(round(a.hours*60)): # recordings of a minute, from anywhere, with noise
        m = np.take(x, np.arange(minute) + rng.integers(x.shape[1]), 1, mode="wrap")
        m = (m + rng.integers(0, 3, m.shape)).astype(m.dtype) if m.dtype == np.uint8 else (m*(1 + .01*rng.standard_normal(m.shape))).astype(m.dtype)
        store.save(f"{i}", a.path, dict(start=np.arange(minute)*ear.step, features=m)); maps[f"{i}"] = store.path(f"{i}")
    size = sum(f.stat().st_size for f in maps.values())
    t, u = perf_counter(), process_time()
    search(ear, maps, [example])
    t, u, k = perf_counter() - t, process_time() - u, 1000/a.hours
    shutil.rmtree(d)
    df = pd.DataFrame([(ear.name, a.hours, size*k/1e9, t*k, u*k)], columns="ear hours GB_per_1000h seconds_per_1000h cpu_seconds_per_1000h".split()).round(1)
    print(df.to_string())
    return df

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=("find", "next", "speed"))
    p.add_argument("path", type=Path, help="folder laid out like the competition's, with test_events.csv")
    p.add_argument("--ears", default="template")
    p.add_argument("--ear", default="template")
    p.add_argument("--run", default="models/model_0", help="folder of a run, for the ear of that name")
    p.add_argument("--waves", type=Path, default="waves", help="where maps are kept")
    p.add_argument("--seeds", type=int, default=3)
    p.add_argument("--hours", type=float, default=20)
    p.add_argument("--verdicts", type=lambda s: [int(o) for o in s.split(",")], default=[0, 25, 50, 100, 200])
    p.add_argument("--csv", help="file to write")
    a = p.parse_args()
    torch.set_num_threads(1)
    df = dict(find=find, next=next_, speed=speed)[a.what](a)
    if a.csv: df.to_csv(a.csv, index=False)

if __name__ == "__main__": main()
