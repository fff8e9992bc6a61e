"""What every command does when a disk is full, a file is damaged, Ctrl-C is pressed or a process is killed.

    .venv/bin/python .ci/faults.py [--only WORDS] [--table FILE.md] [--logs FOLDER]

Everything is real: the real commands with tiny networks, real signals, a real full disk. Each case runs in a process
of its own, forked from this one so that torch is imported once; the cases that stop a command while it starts run its
installed script. A case holds if the command succeeds or ends with one clear sentence; if the command is given again
after the fault, its results must be those of an undisturbed run. The exit status is 0 if every case holds. What cannot
be tried here (a full disk needs the right to mount) is listed as left out.
"""
import argparse, csv, hashlib, io, json, os, re, shutil, signal, subprocess, sys, tempfile, time, traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
os.environ |= dict(IN_TEST="1", OMP_NUM_THREADS="1", MPLBACKEND="agg")
from typing import NamedTuple
import numpy as np, pandas as pd, soundfile as sf, torch
torch.set_num_threads(1)
from rfcx_nb import tiled_inference, train, validate
from rfcx_nb.check import rfcx_check
from rfcx_nb.cli import run_command
from rfcx_nb.demo import rfcx_demo
from rfcx_nb.detections import rfcx_detect
from rfcx_nb.distill import rfcx_distill
from rfcx_nb.ensemble import rfcx_ensemble
from rfcx_nb.evaluate import rfcx_evaluate
from rfcx_nb.export import rfcx_export
from rfcx_nb.find import rfcx_find
from rfcx_nb.forest import make_forest
from rfcx_nb.import_boxes import rfcx_import
from rfcx_nb.preprocess import rfcx_preprocess
from rfcx_nb.pseudo_labels import rfcx_pseudo_label
from rfcx_nb.report import rfcx_report
from rfcx_nb.survey import rfcx_survey
from rfcx_nb.tiled_inference import rfcx_predict
from rfcx_nb.train import rfcx_train
from rfcx_nb.validate import rfcx_validate

# Which backend or precision is fastest, and how high noise scores, are not the questions here; measured beside another
# process, a tiny network may get another precision each time
train.train_precision = lambda make, shape, device: "float32"
tiled_inference.backend_seconds = lambda run, windows: dict(float32=0.)
validate.noise_floor = lambda run, widths: pd.DataFrame(np.zeros((1, len(run.species))), ["hiss"])

NETWORK = ("--model test_resnet --pretrained false --precision float32 --head pool --crop_frames 64 "
           "--epochs 2 --n_folds 2 --bs 4 --n_workers 0")
TILES = "--tile_width 64 --n_workers 0"
# Command: function, flags, and what it writes (the target of the faults); paths are relative to the folder in which
# it runs. They run in this order, each in what those before it have left
COMMANDS = dict(
    rfcx_import=(rfcx_import, "--boxes {src}/boxes.csv --recordings {src}/data/train --out data", "data"),
    rfcx_preprocess=(rfcx_preprocess, "--path {src}/data --n_workers 2", "waves"),
    rfcx_train=(rfcx_train, "--path {src}/data " + NETWORK, "models"),
    rfcx_validate=(rfcx_validate, "--path {src}/data " + TILES, "models"),
    rfcx_predict=(rfcx_predict, "--path {src}/data --out scored " + TILES, "scored"),
    rfcx_detect=(rfcx_detect, "--path {src}/data --out found --format csv,raven --threshold 0 " + TILES, "found"),
    rfcx_report=(rfcx_report, "--path found --each 1", "found"),
    rfcx_check=(rfcx_check, "--out found --n 4", "found"),
    rfcx_survey=(rfcx_survey, "--path found", "found"),
    rfcx_find=(rfcx_find, "--path {src}/data/train --query {src}/boxes.csv --n 5 --out like --n_workers 0 "
               "--format csv,parquet,raven,audacity", "like"),
    rfcx_ensemble=(rfcx_ensemble, "scored/submission.csv scored/submission.csv --out mean.csv", "mean.csv"),
    rfcx_evaluate=(rfcx_evaluate, "--detections found --truth {src}/data/test_events.csv --recordings {src}/data/test "
                   "--names {src}/data/species.csv --out evaluation.csv", "evaluation.csv"),
    rfcx_export=(rfcx_export, "--fold 0", "models"),
    rfcx_pseudo_label=(rfcx_pseudo_label, "--path {src}/data --rounds 1 --n_workers 0", "models"),
    rfcx_distill=(rfcx_distill, "--path {src}/data --n_workers 0 --epochs 2 --soft_ratio .5", "models"))
FUNCTIONS = {k: f for k, (f, *_) in COMMANDS.items()} | dict(rfcx_demo=rfcx_demo) # the last for hostile input alone

def start(name, words, cwd, log): # A command's name; its words; where it runs; the file for what it prints
    "The number of a new process that runs the command, in a session of its own."
    pid, status = os.fork(), 70
    if pid: return pid
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL) # until the command begins
        os.setsid()
        os.chdir(cwd)
        fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(fd, 1); os.dup2(fd, 2)
        sys.stdout, sys.stderr = open(1, "w", buffering=1, closefd=False), open(2, "w", buffering=1, closefd=False)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try: status = run_command(FUNCTIONS[name], words)
        except SystemExit as e: status = e.code if isinstance(e.code, int) else 1
        except BaseException: traceback.print_exc()
        sys.stdout and sys.stdout.flush(); sys.stderr.flush()
    finally: os._exit(status)

def finish(pid, seconds=60): # A process
    "Its exit status (negative: the signal that killed it), or None if it did not end in time."
    for _ in range(int(seconds*50)):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done: return os.waitstatus_to_exitcode(status)
        time.sleep(.02)
    os.killpg(pid, signal.SIGKILL); os.waitpid(pid, 0)

def orphans(session): # Number of a process that has ended
    "Processes of its session that still live a few seconds later."
    for _ in range(60):
        left = []
        for p in Path("/proc").glob("[0-9]*"):
            try: stat = (p/"stat").read_text().rpartition(")")[2].split()
            except OSError: continue
            if int(stat[3]) == session and stat[0] != "Z": left.append(p.name)
        if not left: return []
        time.sleep(.1)
    return left

class Case:
    "A command in a folder of its own, and what was seen of it."
    def __init__(self, name, base=None, words=None, src=None):
        # Command; a folder whose contents it finds; flags in place of its own; where the data is
        self.name, self.home = name, Path(tempfile.mkdtemp(dir=WORK))
        self.cwd, self.log, self.seen = self.home/"cwd", self.home/"log", []
        if base: shutil.copytree(base, self.cwd, symlinks=True)
        else: self.cwd.mkdir()
        if words is None: words = COMMANDS[name][1]
        self.words = words if isinstance(words, list) else words.format(src=src or SRC).split()
    def run(self, seconds=60): return self.end(self.go(), seconds)
    def go(self): return start(self.name, self.words, self.cwd, self.log)
    def end(self, pid, seconds=None): # A process; its time limit: if None, a minute, or longer on a busy machine
        status = finish(pid, seconds or max(60, 4*SECONDS.get(self.name, 0)))
        if status is None: self.seen.append("no end")
        if left := orphans(pid): self.seen.append(f"{len(left)} orphans")
        return status
    @property
    def text(self): return self.log.read_text(errors="replace") if self.log.exists() else ""
    def check(self, ok, what): ok or self.seen.append(what)
    def verdict(self):
        # Python's own note of a signal in the moment of a fork is not the command's
        text = re.sub(r"Exception ignored in: .*?\n(?=\S*Error|KeyboardInterrupt)[^\n]*", "", self.text, flags=re.S)
        if "Traceback" in text: self.seen.append("traceback: " + self.text.strip().splitlines()[-1][:100])
        left = [f for f in self.cwd.rglob(".*.tmp*") if not f.is_dir()]
        if left: self.seen.append(f"{len(left)} temporary files")
        if self.seen and LOGS:
            shutil.copy(self.log, Path(LOGS)/self.home.name)
            self.seen.append(f"log {self.home.name}")
        shutil.rmtree(self.home, ignore_errors=True)
        return "; ".join(self.seen) or "ok"

# Files that differ from run to run: they hold times, or what was chosen on this machine
VOLATILE = {"README.md", "history.csv", ".lock", ".working.json", "_keep", "machines.json", "backends.json"}
def results(cwd): # Where a command ran
    "Dict of file to hash, of what must be the same after an interruption."
    res = {}
    for f in sorted(cwd.rglob("*")):
        if f.is_dir() or f.is_symlink() or f.name in VOLATILE or f.suffix in (".png", ".onnx"): continue
        b = f.read_bytes()
        if f.name == "manifest.csv": b = "".join(sorted(b.decode().splitlines(True))).encode()
        res[f.relative_to(cwd).as_posix()] = hashlib.sha256(b.replace(str(cwd).encode(), b"")).hexdigest()
    return res

def same(case, want): # After the command was given again
    got = results(case.cwd)
    diff = [k for k in {*got, *want} if got.get(k) != want.get(k)]
    case.check(not diff, f"other results: {', '.join(sorted(diff)[:3])}")

# -- faults: each takes a command and returns what was seen ------------------------------------------------------------
def full_disk(name): return on_disk(name, full=True)
def read_only(name): return on_disk(name, full=False)
def on_disk(name, full):
    case = Case(name, BASE[name])
    disk, target = case.home/"disk", case.cwd/COMMANDS[name][2]
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "none", disk], capture_output=True).returncode:
        shutil.rmtree(case.home)
        return "left out: no right to mount"
    there = disk/target.name
    try:
        if target.suffix: case.words[-1] = str(there)
        else:
            shutil.copytree(target, there, symlinks=True) if target.exists() else there.mkdir()
            shutil.rmtree(target, ignore_errors=True)
            target.symlink_to(there, target_is_directory=True)
        if full:
            fd = os.open(disk/"fill", os.O_WRONLY | os.O_CREAT)
            try:
                while True: os.write(fd, bytes(4096))
            except OSError: pass
            left = os.fstat(fd).st_size//4096*4096 - 4*4096 # room for a lock and a little more
            if not target.suffix: os.ftruncate(fd, left)
            os.close(fd)
        else: subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        case.check((status := case.run()) == 2, f"exit status {status}")
        case.check(("disk is full" if full else "read-only") in case.text, f"says: {case.text.strip()[-100:]}")
        if full: (disk/"fill").unlink()
        else: subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        case.check(case.run() == 0, f"fails when there is room again: {case.text.strip()[-100:]}")
        if target.suffix: [shutil.copy(f, target.parent) for f in disk.glob(target.stem + ".*")] # with its note
        else: target.unlink(); shutil.copytree(there, target, symlinks=True)
        same(case, WANT[name])
        return case.verdict()
    finally: subprocess.run(["umount", "-l", disk])

def target_is_file(name):
    case = Case(name, BASE[name])
    target = case.cwd/COMMANDS[name][2]
    if target.suffix: target.mkdir()
    else: shutil.rmtree(target, ignore_errors=True); target.write_text("mine")
    case.check(case.run() == 2, "does not end with 2")
    case.check(target.is_dir() if target.suffix else target.read_text() == "mine", "the file is gone")
    return case.verdict()

def unreadable(name): # One recording among the others is no audio
    case = Case(name, BASE[name])
    src = case.home/"src"
    shutil.copytree(SRC, src, symlinks=True)
    bad = [sorted((src/"data"/k).glob("*.flac"))[1] for k in ("train", "test")]
    for f in bad: f.write_bytes(b"no audio at all")
    case.words = COMMANDS[name][1].format(src=src).split()
    status = case.run()
    untouched = "rfcx_report", "rfcx_check", "rfcx_survey", "rfcx_ensemble", "rfcx_export" # by what lies in src
    if name in untouched: case.check(status == 0, f"exit status {status}")
    elif name in ("rfcx_validate", "rfcx_pseudo_label", "rfcx_distill"):
        case.check(status in (0, 2), f"exit status {status}")
    else: case.check(status in (0, 1) and any(f.stem in case.text for f in bad), f"exit status {status}, or not named")
    return case.verdict()

def interrupted(number, share): # A signal; when, as a share of the time that an undisturbed run takes
    def fault(name):
        case = Case(name, BASE[name])
        pid = case.go()
        time.sleep(max(share*SECONDS[name], .02))
        try: os.killpg(pid, number) if number == signal.SIGINT else os.kill(pid, number)
        except ProcessLookupError: pass
        status = case.end(pid)
        want = {0, 128 + number}
        first = share < .1 or share*SECONDS[name] < .1 # in the first moments, Python itself handles it
        if number == signal.SIGKILL or first: want.add(-number)
        case.check(status in want, f"exit status {status}")
        if status == 128 + number: case.check("stopped. What is finished is kept" in case.text, "no sentence")
        case.check(case.run() == 0, "fails when given again")
        same(case, WANT[name])
        return case.verdict()
    return fault

def starting(library): # Part of the name of a library that the installed script imports before the command begins
    def fault(name):
        case = Case(name, BASE[name])
        with open(case.log, "wb") as log:
            script = Path(sys.executable).with_name(name)
            p = subprocess.Popen([script, *case.words], cwd=case.cwd, stdout=log, stderr=log, start_new_session=True)
        while p.poll() is None and library not in Path(f"/proc/{p.pid}/maps").read_text(): time.sleep(.005)
        case.check(p.poll() is None, f"ended with {p.poll()} and without {library}: {case.text.strip()[-100:]}")
        p.send_signal(signal.SIGINT)
        ok = (status := p.wait(60)) == 130 and "stopped. What is finished is kept" in case.text
        case.check(ok, f"exit status {status}, or no sentence")
        return case.verdict()
    return fault

def twice(name):
    case = Case(name, BASE[name])
    pids = [case.go()]
    time.sleep(.15*SECONDS[name])
    pids.append(case.go())
    status = sorted(map(case.end, pids))
    case.check(status in ([0, 0], [0, 2]), f"exit status {status}")
    if status == [0, 2]: case.check("is being written by process" in case.text, "does not say who is at work")
    case.check(case.run() == 0, "fails when given again")
    same(case, WANT[name])
    return case.verdict()

FAULTS = {"disk full": full_disk, "read-only": read_only, "target is a file": target_is_file,
          "one unreadable recording": unreadable,
          "Ctrl-C before the imports": starting("numpy"), "Ctrl-C in the imports": starting("pandas"),
          "Ctrl-C at start": interrupted(signal.SIGINT, .02), "Ctrl-C in the middle": interrupted(signal.SIGINT, .5),
          "SIGTERM": interrupted(signal.SIGTERM, .4), "kill -9": interrupted(signal.SIGKILL, .6),
          "started twice": twice}

# -- hostile input ----------------------------------------------------------------------------------------------------
class Hostile(NamedTuple):
    group:str      # Row of the table
    what:str       # The odd thing
    name:str       # Command
    words:object   # Its flags, text or list
    prepare:object # Function that puts the odd thing into the folder in which the command runs, or None
    statuses:tuple # Exit statuses that are right: 0, 1 if a recording was left out, 2 with a sentence

SCORE = "--path p --out new " + TILES # flags of rfcx_predict and rfcx_detect for a folder p

def sound(seconds=2., sr=32_000): return (.1*np.random.RandomState(0).randn(int(seconds*sr))).astype(np.float32)
def folder(make): # Function of a folder, which gets a good recording before it is called
    def prepare(cwd):
        (cwd/"p").mkdir()
        sf.write(cwd/"p"/"good.wav", sound(), 32_000)
        make(cwd/"p")
    return prepare
def audio(name, **kw): return lambda d: sf.write(d/name, **{**dict(data=sound(), samplerate=32_000), **kw})
def raw(name, b): return lambda d: (d/os.fsdecode(name)).write_bytes(b)
def wav(change=lambda b: b): # Bytes to bytes of a good file
    sf.write(o := io.BytesIO(), sound(), 32_000, format="WAV")
    return change(o.getvalue())
def both(*makes): return lambda d: [f(d) for f in makes]

def odd_files():
    good = wav()
    return {"a link to itself": lambda d: (d/"l.wav").symlink_to(d/"l.wav"),
            "a dangling link": lambda d: (d/"l.wav").symlink_to(d/"away"),
            "a folder called x.wav": lambda d: (d/"x.wav").mkdir(), "a pipe": lambda d: os.mkfifo(d/"x.wav"),
            "random .raw": raw("IMG.raw", bytes(range(256))*9), "a name that is not UTF-8": raw(b"Gr\xfcn.wav", good),
            "a newline in a name": raw("a\nb.wav", good), "a carriage return in a name": raw("a\rb.wav", good),
            "a name of 250 letters": raw("a"*246 + ".wav", good),
            "two suffixes": both(raw("a.wav", good), audio("a.flac")), "HTML called mp3": raw("x.mp3", b"<html>"),
            "two names that differ in bad bytes": both(raw(b"a\xff.wav", good), raw(b"a\xfe.wav", good))}

def odd_sounds():
    x = sound()
    def half(d): audio("x.ogg")(d); raw("x.ogg", (d/"x.ogg").read_bytes()[:999])(d)
    return {"8 kHz": audio("x.wav", samplerate=8000), "384 kHz": audio("x.wav", samplerate=384_000),
            "8 channels": audio("x.wav", data=np.stack([x]*8, 1)), "24 bit": audio("x.wav", subtype="PCM_24"),
            "float64": audio("x.wav", subtype="DOUBLE"), "mu-law": audio("x.wav", subtype="ULAW"),
            "Ogg": audio("x.ogg"), "MP3": audio("x.mp3"), "one sample": audio("x.wav", data=x[:1]),
            "two samples of 384 kHz": audio("x.wav", data=x[:2], samplerate=384_000),
            "silence": audio("x.wav", data=x*0), "nan": audio("x.wav", data=x*np.nan, subtype="FLOAT"),
            "left against right": audio("x.wav", data=np.stack([x, -x], 1)), "100 Hz": audio("x.wav", samplerate=100),
            "length never written": raw("x.wav", wav(lambda b: b[:40] + bytes(4) + b[44:])),
            "cut": raw("x.wav", wav(lambda b: b[:-999])), "empty": raw("x.flac", b""), "half an Ogg": half,
            "random .au": raw("x.au", bytes(range(256))*9)}

def edit(file, change): # A file of the run; text to text, or bytes to bytes
    def prepare(cwd):
        folder(lambda d: None)(cwd)
        f = cwd/"models"/"model_0"/file
        b = f.read_bytes()
        new = change(b.decode() if file.endswith((".csv", ".json")) else b)
        f.write_bytes(new.encode() if isinstance(new, str) else new)
    return prepare
def with_threshold(s, v): # Table of thresholds; that of the first species
    rows = list(csv.reader(s.splitlines()))
    rows[1][rows[0].index("threshold")] = v
    csv.writer(o := io.StringIO(), lineterminator="\n").writerows(rows)
    return o.getvalue()

def odd_runs():
    def setting(k, v): return edit("config.json", lambda s: json.dumps(json.loads(s) | {k: v}))
    weights = "fold0/weights.safetensors"
    return {"config.json is a list": edit("config.json", lambda s: "[]"),
            "100,000 brackets": edit("config.json", lambda s: "["*100_000), "species: null": setting("species", None),
            "n_mels: 1e9": setting("n_mels", 1e9), "hop_length: 1": setting("hop_length", 1),
            "n_folds: 1e9": setting("n_folds", 1e9), "an unknown setting": setting("colour", 1),
            "weights cut": edit(weights, lambda b: b[:999]),
            "weights are a pickle": edit(weights, lambda b: b"\x80\x04cos\nsystem\n(S'touch hacked'\ntR.")}

def odd_thresholds():
    changes = {"with other columns": lambda s: s.replace("threshold", "cut"), "no text": lambda s: b"\0\1\2",
               "a threshold of 2": lambda s: with_threshold(s, "2"),
               "species_id twice": lambda s: s.replace("\n1,", "\n0,"),
               "a row less": lambda s: s[:s.rstrip().rfind("\n")+1]}
    return {f"thresholds: {k}": edit("thresholds.csv", f) for k, f in changes.items()}

def scored(change): # Score, keep the scores, and change a file of them: (bytes, file) to bytes
    def prepare(cwd):
        (cwd/"p").mkdir()
        for k in "ab": sf.write(cwd/"p"/f"{k}.wav", sound(), 32_000)
        assert finish(start("rfcx_detect", SCORE.split(), cwd, cwd/"log")) == 0, (cwd/"log").read_text()
        (cwd/"log").unlink()
        f = sorted((cwd/"new"/"scores").glob("*.parquet"))[0]
        f.write_bytes(change(f.read_bytes(), f))
    return prepare

def odd_scores():
    return {"empty": lambda b, f: b"", "cut": lambda b, f: b[:-9], "text": lambda b, f: b"x"*900,
            "overwritten": lambda b, f: b[:200] + bytes(90) + b[290:],
            "another's": lambda b, f: sorted(f.parent.glob("*.parquet"))[1].read_bytes()}

def odd_waves():
    def cut_manifest(f): m = f.parent/"manifest.csv"; m.write_text(m.read_text()[:-30])
    changes = {"cut": lambda f: f.write_bytes(f.read_bytes()[:-9]), "empty": lambda f: f.write_bytes(b""),
               "two dimensions": lambda f: np.save(f, np.zeros((2, 9), np.int16)),
               "objects": lambda f: np.save(f, np.array([{}]), allow_pickle=True),
               "half a manifest line": cut_manifest,
               "half a letter in the manifest": lambda f: open(f.parent/"manifest.csv", "ab").write("é".encode()[:1])}
    return {k: lambda cwd, f=f: f(sorted((cwd/"waves"/"train").glob("*.npy"))[0]) for k, f in changes.items()}

NUMBERS = """--lr nan|--lr -1|--lr 1e30|--wd nan|--unknown_weight nan|--overlay_p 2|--grad_clip 0|--seed -1
--epochs 100000000000000000000|--grad_clip inf|--head_ps 2|--sample_rate 1|--sample_rate 2147483648
--hop_length 10000000|--n_mels 100000|--tile_width 1000000|--crop_frames 1000000|--n_folds 99|--fold 7|--model nonsense
--model vit_tiny_patch16_224|--pretrained /dev/null|--pseudo {src}/boxes.csv|--loss hinge|--stride 3|--margin 5
--aug_p 2|--semitones 1e9 --aug_p .5|--unknown .1|--paste .5""".replace("\n", "|").split("|")
LINES = """--nonsense|--path nowhere|--path|--path ~nobody_here/x|--path {data} --model_name ..|--path {data} --split ..
--path {data} --split /|--path {data} --tile_width 0|--path {data} --tile_width x|--path {data} --n_workers -1
--path {data} --backend tflite|--path http://localhost:9/x|--path s3://bucket/x|--path {data} --fold 9
--path {data} --out s3://b/x|--path {data} --scheduler tcp://localhost:9""".replace("\n", "|").split("|")
ONLY_PREDICT = """--path {data} --tile_step 0|--path {data} --prevalence /dev/null|--path {data} --shift sideways
--path {data} --format csv|--path {data} --threshold .5""".replace("\n", "|").split("|")
ONLY_DETECT = """--path {data} --threshold 2|--path {data} --gap nan|--path {data} --min_length -1
--path {data} --format doc|--path {data} --format ,|--out nowhere|--out /dev/null""".replace("\n", "|").split("|")

def hostile(): # -> `Hostile` cases
    for what, make in odd_files().items():
        yield Hostile("odd files and names", what, "rfcx_predict", SCORE, folder(make), (0, 1))
        if what not in ("a link to itself", "a dangling link", "random .raw", "two suffixes"):
            words = SCORE + " --threshold 0 --format csv,raven,audacity"
            yield Hostile("odd files and names", what, "rfcx_detect", words, folder(make), (0, 1))
    for what, make in odd_sounds().items():
        yield Hostile("audio files", what, "rfcx_predict", SCORE, folder(make), (0, 1))
    for what, prepare in odd_runs().items():
        yield Hostile("corrupt runs", what, "rfcx_predict", SCORE, prepare, (2,))
    for what, prepare in odd_thresholds().items():
        yield Hostile("corrupt runs", what, "rfcx_detect", SCORE, prepare, (2,))
    for what, change in odd_scores().items(): # scores are made again from the recordings of --path
        yield Hostile("corrupt parts of scores", what, "rfcx_detect", SCORE, scored(change), (0,))
        yield Hostile("corrupt parts of scores", f"{what}, without --path", "rfcx_detect", "--out new", scored(change),
                      (2,))
    for what, prepare in odd_waves().items():
        yield Hostile("hostile wave stores", what, "rfcx_preprocess", COMMANDS["rfcx_preprocess"][1], prepare, (0,))
    train = f"--path {SRC}/data --model_name new {NETWORK} "
    for o in NUMBERS: yield Hostile("numbers to train", o, "rfcx_train", train + o.format(src=SRC), None, (2,))
    group, data = "command line, paths, URLs", SRC/"data"
    for name in COMMANDS:
        yield Hostile(group, f"{name} --help", name, "--help", None, (0,))
        yield Hostile(group, f"{name} --colour red", name, COMMANDS[name][1] + " --colour red", None, (2,))
    lines = [(k, o) for k in ("rfcx_predict", "rfcx_detect") for o in LINES]
    lines += [("rfcx_predict", o) for o in ONLY_PREDICT] + [("rfcx_detect", o) for o in ONLY_DETECT]
    lines += [(k, f"--model_name {o}") for k in ("rfcx_export", "rfcx_validate --path {data}")
              for o in ("nowhere", "..", "x"*300)] + [("rfcx_export", "--fold 9"), ("rfcx_export", "--tile_width 0"),
              ("rfcx_export", "--tile_step 0"), ("rfcx_export", "--out waves")]
    lines += [("rfcx_survey --path found", "--timezone Mars"), ("rfcx_survey --path found", "--timezone UTC+15"),
              ("rfcx_check --out found", "--n 4 --seed 1 --recordings {data}/train")]
    for k, o in lines:
        name, _, flags = k.partition(" ")
        words = f"{flags} {o}".strip()
        yield Hostile(group, f"{name} {words}"[:60], name, words.format(data=data), None, (2,))
    for name in ("rfcx_predict", "rfcx_detect"):
        for flag in ("--path", "--model_name"):
            words = f"--path {data} {flag} {'x'*5000}"
            yield Hostile(group, f"{name} {flag} of 5,000 letters", name, words, None, (2,))
    yield Hostile(group, "an empty path", "rfcx_predict", ["--path", ""], None, (2,))
    for words in ("rfcx_report --path", "rfcx_survey --path", "rfcx_demo --path",
                  f"rfcx_evaluate --truth {data} --recordings {data} --detections"):
        name, _, flags = words.partition(" ")
        yield Hostile(group, f"{name} of a URL", name, f"{flags} memory://x", None, (2,))
    for f in ("", "/dev/null", str(data), "/bin/true"):
        yield Hostile(group, f"rfcx_ensemble {f or 'of nothing'}", "rfcx_ensemble", [f, "--out", "x.csv"], None, (2,))

def try_hostile(o): # A `Hostile` case
    case = Case(o.name, FULL, o.words)
    try:
        if o.prepare: o.prepare(case.cwd)
        status = case.run(40)
        case.check(status in o.statuses, f"exit status {status}: {case.text.strip()[-160:]}")
        case.check(not (case.cwd/"hacked").exists(), "CODE WAS EXECUTED")
        table = case.cwd/"new"/("submission.csv" if o.name == "rfcx_predict" else "detections.csv")
        if o.statuses == (0, 1): case.check("good" in table.read_text(), "the good recording is not in the table")
    except Exception as e: case.seen.append(f"the case itself failed: {e!r}"[:200])
    return case.verdict()

def main(only, table, logs):
    global LOGS, WORK, SRC, BASE, WANT, SECONDS, FULL
    t0, LOGS = time.time(), logs
    WORK = Path(tempfile.mkdtemp(prefix="faults-"))
    try:
        SRC, BASE, WANT, SECONDS = WORK/"src", {}, {}, {}
        make_forest(SRC/"data", n_train=10, n_test=4, seconds=5, n_species=3, n_workers=0)
        with open(SRC/"boxes.csv", "w") as f:
            f.write("recording,start,end,low,high,species,verdict\n")
            columns = "recording_id", "t_min", "t_max", "f_min", "f_max", "species_id"
            for name, verdict in (("train_tp", "yes"), ("train_fp", "no")):
                for r in csv.DictReader(open(SRC/"data"/f"{name}.csv")):
                    *place, species = (r[k] for k in columns)
                    f.write(",".join([*place, f"bird {species}", verdict]) + "\n")
        state = WORK/"state"
        state.mkdir()
        for name in COMMANDS: # undisturbed, one after the other: what each finds, what it leaves, how long it takes
            BASE[name] = WORK/f"base_{name}"
            shutil.copytree(state, BASE[name], symlinks=True)
            case, t = Case(name, BASE[name]), time.time()
            status = case.run(120)
            assert status == 0, f"{name} undisturbed ended with {status}:\n{case.text}"
            SECONDS[name], WANT[name] = time.time() - t, results(case.cwd)
            if name in ("rfcx_export", "rfcx_pseudo_label", "rfcx_distill"): FULL = BASE["rfcx_ensemble"]
            else:
                shutil.rmtree(state)
                shutil.move(case.cwd, state)
        print(f"undisturbed: {', '.join(f'{k} {v:.1f} s' for k, v in SECONDS.items())}", flush=True)
        def wanted(*names): return any(o in k for o in only.split(",") for k in names)
        jobs = [(f, n, lambda f=f, n=n: FAULTS[f](n)) for f in FAULTS for n in COMMANDS if wanted(f, n)]
        more = [(o.group, o.what, lambda o=o: try_hostile(o)) for o in hostile() if wanted(*o[:3])]
        with ThreadPoolExecutor(2) as ex: seen = list(ex.map(lambda o: (o[0], o[1], guarded(o[2])), jobs + more))
        grid = {(f, n): s for f, n, s in seen[:len(jobs)]}
        lines = ["| command | " + " | ".join(FAULTS) + " |", "|---"*(len(FAULTS) + 1) + "|"]
        lines += ["| " + " | ".join([n, *(grid.get((f, n), "") for f in FAULTS)]) + " |" for n in COMMANDS]
        groups = {}
        for g, _, s in seen[len(jobs):]: groups.setdefault(g, []).append(s == "ok")
        lines += ["", "| hostile input | tried | held |", "|---|--:|--:|"]
        lines += [f"| {g} | {len(v)} | {sum(v)} |" for g, v in groups.items()]
        print("\n".join(lines))
        if table: Path(table).write_text("\n".join(lines) + "\n")
        bad = [(g, w, s) for g, w, s in seen if s != "ok" and not s.startswith("left out")]
        for g, w, s in bad: print(f"FAILED {g}: {w}: {s}")
        left = sum(s.startswith("left out") for *_, s in seen)
        print(f"{len(seen) - len(bad) - left} of {len(seen)} cases hold, {left} left out, {time.time() - t0:.0f} s")
        return not bad
    finally:
        subprocess.run(["sh", "-c", f"mount | awk '$3 ~ \"^{WORK}\" {{print $3}}' | xargs -r umount -l"])
        shutil.rmtree(WORK, ignore_errors=True)

def guarded(f): # A case that failed is tried once more, since signals come at other moments each time
    for _ in range(2):
        try: seen = f()
        except Exception as e: seen = f"the case itself failed: {e!r}"[:200]
        if seen == "ok" or seen.startswith("left out"): break
        print(f"once: {seen}", flush=True)
    return seen

if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--only", default="", help="parts of the names of faults, commands, groups or cases")
    ap.add_argument("--table", default="", help="a file for the table, in Markdown")
    ap.add_argument("--logs", default="", help="a folder for what failing commands printed")
    a = ap.parse_args()
    sys.exit(0 if main(a.only, a.table, a.logs) else 1)
