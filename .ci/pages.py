"""The pages of the site, by nbdev's own processing: every link between them, and to a heading, leads somewhere, and
every picture is there. Run in the folder of settings.ini."""
import html, re, sys, warnings
from pathlib import Path
import nbformat
from joblib import delayed, Parallel
from nbconvert import HTMLExporter
from nbdev.config import get_config
from nbdev.serve import proc_nbs

warnings.simplefilter("ignore")
root, cfg, faults, n = Path(proc_nbs(force=True, n_workers=0)), get_config(), [], 0
site = f"{cfg.doc_host}{cfg.doc_baseurl}/"
def body(f): return HTMLExporter().from_notebook_node(nbformat.read(f, 4))[0].split("<body", 1)[1]
def anchors(text): return {o.lower() for o in re.findall(r'id="([^"]+)"', text) + re.findall(r"\{#([\w.:-]+)", text)}
files = sorted(root.glob("*.ipynb"))
pages = {f"{f.stem}.html": t for f, t in zip(files, Parallel(2)(delayed(body)(f) for f in files))}
names = {re.sub(r"^\d+[a-z]?_", "", k): k for k in pages} | {k: k for k in pages} # 04_train's page is train.html
heads = {k: anchors(t) for k, t in pages.items()}
for page, text in pages.items():
    text = re.sub(r"<script.*?</script>", "", text, flags=re.S)
    for to in map(html.unescape, re.findall(r'<a[^>]+href="([^"]+)"', text) + re.findall(r"\]\((\S+?)\)", text)):
        if to.startswith(site): to = to[len(site):]
        if re.match(r"[a-z]+:", to): continue # the world outside
        n += 1
        name, _, head = to.partition("#")
        there = names.get(name.replace(".ipynb", ".html") or page)
        if not there or head and head.lower() not in heads[there]: faults.append(f"{page}: the link {to} leads nowhere")
    for src in re.findall(r'<img[^>]+src="([^"]{1,300})', text):
        n += 1
        if not src.startswith("data:") and not (root/src).exists(): faults.append(f"{page}: there is no picture {src}")
listed = set(re.findall(r"(\w+)\.ipynb", (root/"sidebar.yml").read_text()))
faults += [f"{k}: not in nbs/sidebar.yml" for k in sorted({f.stem for f in root.glob("*.ipynb")} ^ listed)]
print(f"   {len(pages)} pages, {n} links and pictures")
sys.exit("\n".join(faults) or 0)
