"""The pages to listen to and to judge, in a real browser: the commands make them from a small forest, headless
Chromium opens them, and real keys are pressed through its DevTools protocol. Without Chromium, one line says so.

What must hold: every verdict, note and undo is kept, after a reload and after `kill -9` between any two verdicts;
queues and filters show what they say; the table that is saved is what rfcx_import and rfcx_check read; nothing is wider
than the window at 1200, 800 and 400 pixels; no error on the console; a page of 5,000 detections opens in seconds.
"""
import argparse, base64, json, os, shutil, signal, subprocess, sys, tempfile, time, urllib.request
from contextlib import redirect_stdout
from io import StringIO
from itertools import count
from pathlib import Path

BROWSER = next((b for b in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if b), None)
try: import websocket # comes with Jupyter
except ImportError: websocket = None

class Page:
    "A page in a headless browser of its own; `folder` keeps what the browser keeps."
    def __init__(self, folder):
        self.folder, self.errors, self.ids = Path(folder), [], count(1)
        self.start()

    def start(self):
        args = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--mute-audio",
                "--remote-debugging-port=0", "--remote-allow-origins=*", f"--user-data-dir={self.folder}/profile"]
        port = self.folder/"profile"/"DevToolsActivePort"
        port.unlink(missing_ok=True)
        self.process = subprocess.Popen([*args, "about:blank"], stderr=subprocess.DEVNULL, start_new_session=True)
        def tab():
            if not port.exists() or not port.read_text().split(): return None
            with urllib.request.urlopen(f"http://127.0.0.1:{port.read_text().split()[0]}/json") as f:
                tabs = json.load(f)
            return next((o["webSocketDebuggerUrl"] for o in tabs if o["type"] == "page"), None)
        self.socket = websocket.create_connection(wait(tab, "the browser did not start"), timeout=120)
        for o in ("Page", "Runtime", "Log"): self.send(f"{o}.enable")
        self.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.folder))

    def send(self, method, **params):
        k = next(self.ids)
        self.socket.send(json.dumps(dict(id=k, method=method, params=params)))
        while True:
            o = json.loads(self.socket.recv())
            if o.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"): self.note(o)
            if o.get("method") == "Runtime.consoleAPICalled" and o["params"]["type"] == "error": self.note(o)
            if o.get("id") == k:
                assert "error" not in o, o
                return o["result"]

    def note(self, o):
        if o["params"].get("entry", {}).get("level", "error") == "error":
            self.errors.append(json.dumps(o["params"])[:400])

    def __call__(self, js): # The value of an expression
        o = self.send("Runtime.evaluate", expression=js, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in o, o
        return o["result"].get("value")

    def open(self, file):
        self.send("Page.navigate", url=Path(file).resolve().as_uri())
        wait(lambda: self("typeof ready !== 'undefined' && ready.then(() => true)"), f"{file} did not open")

    def press(self, *keys):
        numbers = dict(Enter=13, Escape=27, ArrowLeft=37, ArrowRight=39) # as Windows numbers keys
        for k in keys:
            text = "\r" if k == "Enter" else k if len(k) == 1 else ""
            code = k if k in numbers else "Space" if k == " " else f"Key{k.upper()}"
            key = dict(key=k, code=code, windowsVirtualKeyCode=numbers.get(k, ord(k[0].upper())))
            self.send("Input.dispatchKeyEvent", type="keyDown", **key, **(dict(text=text) if text else {}))
            self.send("Input.dispatchKeyEvent", type="keyUp", **key)
            time.sleep(.1) # no faster than a person

    def type(self, text): self.send("Input.insertText", text=text)
    def choose(self, k, v):
        change = "dispatchEvent(new Event('change', {bubbles: true}))"
        self(f"$({json.dumps(k)}).value = {json.dumps(v)}; $({json.dumps(k)}).{change}")

    def click(self, css): self(f"document.querySelector({json.dumps(css)}).click()")
    def verdicts(self): return {int(k): v for k, v in self("state.said").items()}

    def saved(self): # The text of the table that the button saves
        file = self.folder/self("document.body.dataset.save")
        file.unlink(missing_ok=True)
        self.click("[data-do=save]")
        wait(file.exists, "nothing was saved")
        return wait(lambda: file.read_text(encoding="utf-8"), "the table is empty")

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def fits(self, name, shots): # Nothing is wider than the window
        for width, height in ((1200, 900), (800, 900), (400, 800)):
            self.size(width, height)
            wide = self("document.documentElement.scrollWidth")
            ok(wide <= width, f"{name} at {width} pixels is {wide} wide")
            if not shots: continue
            data = self.send("Page.captureScreenshot", format="png")["data"]
            (shots/f"{name}_{width}.png").write_bytes(base64.b64decode(data))
        self.size(1200, 900)

    def size(self, w, h):
        self.send("Emulation.setDeviceMetricsOverride", width=w, height=h, deviceScaleFactor=1, mobile=False)

def wait(f, what, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        try:
            if (o := f()): return o
        except (OSError, KeyError, AssertionError): pass
        time.sleep(.05)
    raise AssertionError(what)

def ok(good, what): assert good, what

def soon(f, what): return wait(f, what, 10) # for what the page does after a key

def forest_season(tmp): # Recordings of two sites under a recorder's names; their calls, with invented scores
    import numpy as np, pandas as pd
    from rfcx_nb.tables import write_csv
    from rfcx_nb.forest import make_forest
    path, when = make_forest(tmp/"forest", n_train=2, n_test=24, n_species=5, seconds=10, n_workers=0, seed=3), {}
    for i, f in enumerate(sorted((path/"test").iterdir())):
        when[f.stem] = f"site {7 + 2*(i % 2)}/202106{21 + i//12:02}_{(5 + 2*i) % 24:02}3000"
        (new := tmp/"season"/f"{when[f.stem]}.flac").parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(f, new)
    ev = pd.read_csv(path/"test_events.csv", dtype={"recording_id": str})
    ev = ev.rename(columns=dict(t_min="start", t_max="end", f_min="low", f_max="high"))
    names = ["Common coqui", "Wren <img src=x onerror=alert(1)>", "=Owl", 'frog "18"', "A dove with a name so long "
             "that it would not fit into a card or a menu, were it not broken there or cut off"]
    df = ev.assign(recording=ev.recording_id.map(when), species=[names[i] for i in ev.species_id],
                   score=np.random.RandomState(0).uniform(.6, .99, len(ev)).round(3))
    (tmp/"scan").mkdir()
    df = df[["recording", "start", "end", "low", "high", "species", "score"]]
    write_csv(df.assign(chosen=np.where(np.arange(len(df)) % 5, "", "next")), tmp/"scan"/"detections.csv")
    return path

def check_report(tmp, page, shots):
    from rfcx_nb.import_boxes import rfcx_import
    from rfcx_nb.crops import read_boxes
    from rfcx_nb.report import rfcx_report
    with redirect_stdout(StringIO()): rfcx_report(tmp/"scan", tmp/"season")
    page.open(tmp/"scan"/"report.html")
    soon(lambda: page("document.querySelectorAll('.now image').length") == 1, "the first picture is not drawn")
    page.fits("report", shots)
    page.press("y", "n", "u")
    soon(lambda: [page.verdicts()[i]["verdict"] for i in range(3)] == ["yes", "no", "unsure"], "y, n, u")
    soon(lambda: page("at") == 3, "a verdict did not go on")
    wait(lambda: page("!player.paused || player.ended"), "the next sound is not played")
    page.press("ArrowLeft", "ArrowRight", "z")
    soon(lambda: 2 not in page.verdicts() and page("at") == 2, "z did not take the verdict back")
    page.press("s"); page.type("=Owl"); page.press("Enter")
    soon(lambda: page.verdicts()[2] == dict(verdict="other", other="=Owl"), "s did not keep the species")
    page.press("m"); page.type('two, "loud"'); page.press("Enter")
    soon(lambda: page.verdicts()[3]["note"] == 'two, "loud"', "m did not keep the note")
    page.press("n", "m", "y"); page.press("Escape")
    soon(lambda: page("$('ask').open") is False and 4 not in page.verdicts(), "a key in the dialog became a verdict")
    before = page.verdicts()
    page.open(tmp/"scan"/"report.html")
    soon(lambda: page.verdicts() == before and page("at") == 4, "a reload does not go on where it was")

    for k, n in page("Object.entries(data.queues).map(([k, v]) => [k, v[1].length])"):
        page.choose("queue", k)
        soon(lambda: page("list.length") == n > 0, f"the queue {k} does not show its {n} detections")
    best = page("data.queues.best[1].filter(i => items[i].species === 'Common coqui').map(i => items[i].recording)")
    ok(len(best) == len(set(best)) == 3, "two of the best come from one recording")
    page.choose("queue", ""); page.choose("species", "1"); page.choose("site", "1"); page.choose("least", ".8")
    kept = page("list.map(i => [items[i].species, items[i].site, items[i].score])")
    ok(kept and {(s, o) for s, o, _ in kept} == {(page("data.species[1]"), "site 9")}, "the filters")
    ok(min(o for *_, o in kept) >= .8, "the score")
    soon(lambda: page("document.querySelectorAll('.activity:not([hidden])').length") == 1, "charts of another species")
    for k in ("species", "site"): page.choose(k, "")
    page.choose("least", page("$('least').min"))
    soon(lambda: page("list.length === items.length"), "the filters do not go back")
    page.click(".card .pic")
    soon(lambda: page("document.querySelectorAll('.card.big').length") == 1, "a click does not enlarge the picture")
    page.fits("report_large", shots)

    (tmp/"verdicts.csv").write_text(page.saved(), encoding="utf-8")
    with redirect_stdout(StringIO()): rfcx_import(tmp/"verdicts.csv", tmp/"season", tmp/"data")
    boxes = read_boxes(tmp/"data")
    ok((boxes.is_tp.sum(), (~boxes.is_tp).sum()) == (2, 3), "rfcx_import does not read what the page saved")
    ok((boxes.chosen == "next").any(), "the mark of the chosen boxes is lost")
    page.choose("queue", "next")
    soon(lambda: page("list.every(i => items[i].chosen === 'next')"), "the chosen ones")

def check_pages(path, tmp, page, shots):
    import torch
    from rfcx_nb.backbones import save_weights
    from rfcx_nb.check import read_verdicts, rfcx_check
    from rfcx_nb.core import save_json
    from rfcx_nb.detections import rfcx_detect
    from rfcx_nb.run_thresholds import default_thresholds, write_thresholds
    from rfcx_nb.runs import build_model, RunConfig
    folder = tmp/"models"/"m"
    cfg = RunConfig(species=("s0", "s1", "s2"), model="resnet10t", pretrained="false", n_folds=1)
    save_json(cfg, folder/"config.json")
    (folder/"fold0").mkdir()
    torch.manual_seed(0)
    save_weights(build_model(cfg, verbose=False), folder/"fold0"/"weights.safetensors")
    write_thresholds(default_thresholds(["frog", "=owl", "wren"], [[300, 900]]*3, [9]*3), folder)
    kw = dict(model_name="m", models=tmp/"models", out=tmp/"found")
    with redirect_stdout(StringIO()):
        rfcx_detect(path/"test", n_workers=0, backend="float32", threshold=.5, **kw)
        rfcx_check(species="=owl", n=16, **kw)
    file = next((tmp/"found"/"check").glob("*.html"))
    page.open(file)
    soon(lambda: page("document.querySelectorAll('.card').length") == 1, "a clip is not alone")
    soon(lambda: not page("document.body.innerText.includes('score')"), "a clip shows its score")
    page.fits("check", shots)
    lost = 0
    for n, k in enumerate("yuny", 1): # the browser dies after each verdict
        page.press(k)
        time.sleep(.1)
        page.kill(); page.start(); page.open(file)
        soon(lambda: len(page.verdicts()) == n and page("at") == n, f"kill -9 after verdict {n}: some are lost")
        lost += page("(JSON.parse(localStorage.getItem(page)) || {edits: 0}).edits") < page("state.edits")
    print(f"   kill -9 after each of {n} verdicts: all are kept; localStorage alone had lost the last one {lost} times")
    page.press("s"); page.type("wren"); page.press("Enter", "z", "z", "s"); page.type("wren"); page.press("Enter")
    (tmp/"judged").mkdir()
    (tmp/"judged"/"verdicts.csv").write_text(page.saved(), encoding="utf-8")
    said = read_verdicts(tmp/"judged")
    ok(said.verdict.tolist().count("no") == 2 and (said.other == "wren").sum() == 1, "another species is a no here")
    with redirect_stdout(StringIO()): rfcx_check(verdicts=tmp/"judged", **kw)

def check_many(tmp, page, shots, n=5000):
    import pandas as pd
    from rfcx_nb.media import with_media
    from rfcx_nb.report import QUEUES, read_detections, recordings_of
    from rfcx_nb.review import review_page
    df = read_detections(tmp/"scan"/"detections.csv").head(40)
    made = with_media(df, recordings_of(tmp/"scan", tmp/"season"))
    other = [dict(start=float(i), end=i + 1., score=round(.5 + i/n/2, 4), hour=i % 24) for i in range(n)]
    items, queues = [made[i % len(made)] | o for i, o in enumerate(other)], dict(best=(QUEUES["best"], [*range(n//2)]))
    text = review_page(items, "Many", queues=queues, names=pd.unique(df.species).tolist())
    (tmp/"many.html").write_text(text, encoding="utf-8")
    start = time.time()
    page.open(tmp/"many.html")
    page.press("y")
    soon(lambda: page.verdicts() == {0: dict(verdict="yes", other="")}, "y")
    soon(lambda: page("document.querySelectorAll('.card').length") < 200, "all cards are made at once")
    opened = time.time() - start
    wait(lambda: page("document.readyState === 'complete'"), "the page does not end")
    whole, start = time.time() - start, time.time()
    page.choose("hour", "3"); page.press("n")
    soon(lambda: page("list.length") == -(-(n - 3)//24), "the hour")
    print(f"   {n} detections, {len(text)/1e6:.0f} MB: {opened:.1f} s to the first verdict, {whole:.1f} s until all is "
          f"read, {time.time() - start:.2f} s for a filter and a verdict")
    ok(opened < 60, "the page is slow")

def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--shots", type=Path, help="folder for pictures of the pages")
    shots = ap.parse_args().shots
    if not BROWSER or not websocket:
        print(f"   skipped: {'no websocket-client' if BROWSER else 'no Chromium'} here, the pages were not opened")
        return
    if shots: shots.mkdir(parents=True, exist_ok=True)
    os.environ["IN_TEST"] = "1"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as tmp:
        tmp = Path(tmp)
        path, page = forest_season(tmp), Page(tmp)
        try:
            check_report(tmp, page, shots)
            check_pages(path, tmp, page, shots)
            check_many(tmp, page, shots)
            ok(not page.errors, "\n".join(page.errors))
        finally: page.kill()
    print("   the report and the check: keys, queues, filters, widths, reload, kill -9 and 5,000 detections")

if __name__ == "__main__": sys.exit(main())
