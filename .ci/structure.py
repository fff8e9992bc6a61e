"""The structure of the notebooks and the library in figures, and with --check as a list of faults. Reads sources only.

floor: a module imports only modules of a smaller number. Its number is that of the notebook that exports it:
       04_train is 4, and 03 < 03a < 03b < 04. Modules in `GROUND` have no number and come before 00, in that order.
       forest imports only `GROUND`, and is imported by demo, dev.* and lessons; demo imports everything but dev.*.
docs:  a parameter of a public function or method, or a field of a dataclass, is documented by a comment on its own
       line, or directly above it (as fastcore's docments reads it), or by a type that is a class of this project.
       A comment on a line that holds several parameters documents none of them. self, cls, *args and **kw need none.
       Public methods are __init__, __call__ and those whose name does not begin with _.
width: a line of code in a notebook has at most `WIDTH` characters, unless it holds a URL or a row of a Markdown table.
"""
import argparse, ast, io, json, re, sys, tokenize
from pathlib import Path
from statistics import median, quantiles

ROOT, LIB = Path(__file__).resolve().parents[1], "rfcx_nb"
GROUND, TOOLS = ("core", "tables", "cli", "parallel", "distributed", "plot", "tflite"), ("forest", "demo")
WIDTH, LONG, MANY = 120, 30, 7 # characters of a line; lines of a function; parameters of a function
FUNC = ast.FunctionDef, ast.AsyncFunctionDef

def notebooks(): # -> {path: code cells}
    "Code cells of every notebook, as (id, source)."
    res = {}
    for f in sorted((ROOT/"nbs").rglob("*.ipynb")):
        if any(o.startswith((".", "_")) for o in f.relative_to(ROOT).parts): continue
        cells = json.loads(f.read_text(encoding="utf-8"))["cells"]
        res[f] = [(c["id"], "".join(c["source"])) for c in cells if c["cell_type"] == "code"]
    return res

def is_export(src): return bool(re.match(r"#\|\s*export", src)) # source of a cell
def module_of(cells): # code cells of a notebook -> its module, or None
    return next((m[1] for _, s in cells if (m := re.search(r"^#\|\s*default_exp\s+(\S+)", s, re.M))), None)

def floors(nbs): # {path: code cells} -> {module: sort key, or None if it has no number}
    "The place of each module: `GROUND`, then the numbers, then forest, demo and dev.*."
    res = {}
    for f, cells in nbs.items():
        if not (name := module_of(cells)): continue
        m = re.match(r"(\d+)([a-z]*)_", f.name)
        if name in GROUND: res[name] = (0, GROUND.index(name))
        elif name in TOOLS: res[name] = (2, TOOLS.index(name))
        elif name.startswith("dev."): res[name] = (3,)
        else: res[name] = (1, int(m[1]), m[2]) if m else None
    return res

def sources(): # -> {module: source}
    "Exported modules, without nbdev's own `_modidx` and packages' `__init__`."
    lib = ROOT/LIB
    return {".".join(f.relative_to(lib).with_suffix("").parts): f.read_text(encoding="utf-8")
            for f in sorted(lib.rglob("*.py")) if not f.name.startswith("_")}

def imports(name, tree, names): # module; its tree; all modules -> modules that it imports, those inside functions too
    package, res = [LIB, *name.split(".")[:-1]], set()
    for o in ast.walk(tree):
        if isinstance(o, ast.Import): found = [a.name for a in o.names]
        elif isinstance(o, ast.ImportFrom):
            base = ".".join([*package[:len(package)+1-o.level], *filter(None, [o.module])] if o.level else [o.module])
            found = [base, *(f"{base}.{a.name}" for a in o.names)]
        else: continue
        res |= {o.removeprefix(f"{LIB}.") for o in found if o.startswith(f"{LIB}.")}
    return (res & names) - {name}

def floor_faults(floor, arrows): # {module: key}; {module: modules that it imports}
    "A sentence for each import that goes up, and each module without a place."
    res = [f"{k}: no floor: number its notebook, or make it dev.{k}" for k, v in floor.items() if v is None]
    for a, tos in arrows.items():
        if not (here := floor.get(a)): continue
        for b in sorted(tos):
            there = floor.get(b)
            ok = there and (here[0] == 3 or (there[0] == 0 if a == "forest" else there < here))
            if not ok: res.append(f"{a}: imports {b}, which is not below it")
    return res

def params(f): # function -> its parameters without self, cls, *args and **kw
    args = f.args.posonlyargs + f.args.args + f.args.kwonlyargs
    return [a for a in args if a.arg not in ("self", "cls")]

def functions(node, at): # tree, class or function; its name -> (name, function) of all inside it
    for o in ast.iter_child_nodes(node):
        inner = f"{at}.{o.name}" if isinstance(o, (*FUNC, ast.ClassDef)) else at
        if isinstance(o, FUNC): yield inner, o
        yield from functions(o, inner)

def public(tree): # module's tree -> (name, parameters or fields, their names) of what has docs
    for o in tree.body:
        if isinstance(o, FUNC) and not o.name.startswith("_"): yield o.name, params(o)
        if not isinstance(o, ast.ClassDef) or o.name.startswith("_"): continue
        if any(re.search(r"dataclass|settings", ast.unparse(d)) for d in o.decorator_list):
            yield o.name, [a for a in o.body if isinstance(a, ast.AnnAssign)]
        for f in o.body:
            if isinstance(f, FUNC) and (f.name in ("__init__", "__call__") or not f.name.startswith("_")):
                yield f"{o.name}.{f.name}", params(f)

def types(a): # parameter or field -> names in its annotation
    return {o.id for o in ast.walk(a.annotation) if isinstance(o, ast.Name)} if a.annotation else set()

def doc_gaps(src, tree, classes): # a module; its tree; classes of the project -> (name, undocumented parameters)
    tokens = [o for o in tokenize.generate_tokens(io.StringIO(src).readline) if o.type == tokenize.COMMENT]
    behind = {o.start[0] for o in tokens if o.line[:o.start[1]].strip()}
    above = {o.start[0] + 1 for o in tokens} - {o + 1 for o in behind}
    for name, ps in public(tree):
        lines = [a.lineno for a in ps]
        own = {i for i in lines if lines.count(i) == 1} & (behind | above)
        gaps = [a for a in ps if a.lineno not in own and not types(a) & classes]
        if gaps: yield name, [a.arg if isinstance(a, ast.arg) else a.target.id for a in gaps]

def wide(src): # source of a cell -> numbers of its lines that are too wide
    return [i for i, s in enumerate(src.splitlines(), 1) if len(s) > WIDTH and "://" not in s and s.count("| ") < 4]

def stale_imports(srcs): # {module: source}
    "Names that a script of this folder imports from a module that has them no longer: scripts run seldom."
    for f in sorted(Path(__file__).parent.glob("*.py")):
        for o in ast.walk(ast.parse(f.read_text(encoding="utf-8"))):
            if not isinstance(o, ast.ImportFrom) or not (o.module or "").startswith("rfcx_nb."): continue
            src = srcs.get(o.module.removeprefix("rfcx_nb."), "")
            for a in o.names:
                if src and not re.search(rf"^(?:def |class |[\w, ]*\b){a.name}\b", src, re.M):
                    yield f"{f.name}: {o.module}.{a.name}"

def measure(): # -> figures, {kind: faults}
    "All figures, in the order in which they are printed, and all faults."
    nbs, srcs = notebooks(), sources()
    floor, trees = floors(nbs), {k: ast.parse(v) for k, v in srcs.items()}
    arrows = {k: imports(k, t, set(srcs)) for k, t in trees.items()}
    built = {k for k in srcs if (v := floor.get(k)) and v[0] < 2}
    classes = {o.name for t in trees.values() for o in ast.walk(t) if isinstance(o, ast.ClassDef)}
    faults = dict(floor=floor_faults(floor, arrows), docs=[], width=[], scripts=list(stale_imports(srcs)))
    gaps, lens, widths, unnamed = 0, [], dict(exported=0, lessons=0), []
    for k, t in trees.items():
        for name, ps in doc_gaps(srcs[k], t, classes):
            gaps += len(ps)
            faults["docs"].append(f"{k}.{name}: {', '.join(ps)}")
    for f, cells in nbs.items():
        lessons = "\n".join(s for _, s in cells if not is_export(s))
        for id_, s in cells:
            if is_export(s): lens.append(sum(not o.startswith("#|") for o in s.splitlines()))
            widths["exported" if is_export(s) else "lessons"] += len(bad := wide(s))
            if bad: faults["width"].append(f"{f.relative_to(ROOT)} cell {id_}: line {', '.join(map(str, bad))}")
        for o in trees[m].body if (m := module_of(cells)) in trees else ():
            if isinstance(o, FUNC) and not o.name.startswith("_") and not re.search(rf"\b{o.name}\b", lessons):
                unnamed.append(f"{m}.{o.name}")
    funcs = [o for k, t in trees.items() for o in functions(t, k)]
    long = {k: n for k, o in funcs if (n := o.end_lineno - o.lineno + 1) > LONG}
    many = {k: n for k, o in funcs if (n := len(params(o))) > MANY}
    n, pairs = len(built), sum(len(arrows[k] & built) for k in built)
    figures = {"modules": len(srcs), "lines of modules": sum(len(s.splitlines()) for s in srcs.values()),
        "imports among numbered and ground modules": pairs, "share of possible pairs, %": round(200*pairs/(n*(n - 1))),
        "floor faults": len(faults["floor"]),
        "exported cells": len(lens), "median lines": median(lens), "90th percentile": round(quantiles(lens, n=10)[8]),
        "longest": max(lens), f"functions over {LONG} lines": len(long),
        f"functions with over {MANY} parameters": len(many),
        f"exported lines over {WIDTH} characters": widths["exported"],
        f"lesson lines over {WIDTH} characters": widths["lessons"],
        "parameters without docs": gaps, "public functions that no lesson names": len(unnamed)}
    order = sorted(srcs, key=lambda k: floor.get(k) or (9,))
    lists = {"lines of modules": {k: len(srcs[k].splitlines()) for k in order}, "long functions": long,
             "many parameters": many, "no lesson": unnamed}
    return dict(figures=figures, **lists), faults

def table(*columns): # results of `measure`, one a column
    "Figures, then lines of each module, in columns."
    for part in "figures", "lines of modules":
        for k in dict.fromkeys(k for c in columns for k in c[part]):
            print(f"{k:<46}" + "".join(f"{c[part].get(k, ''):>9}" for c in columns))
        print()

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--check", action="store_true", help="list faults, and exit with 1 if there are any")
    p.add_argument("--skip", default="", help="faults left out: floor, docs, width, scripts, with commas between")
    p.add_argument("--json", type=Path, help="file to write the figures to")
    p.add_argument("--compare", nargs=2, type=Path, metavar=("A", "B"), help="print two such files side by side")
    a = p.parse_args()
    if a.compare: return table(*(json.loads(f.read_text(encoding="utf-8")) for f in a.compare))
    res, faults = measure()
    if a.json: a.json.write_text(json.dumps(res, indent=1) + "\n", encoding="utf-8")
    if not a.check:
        table(res)
        for k in "long functions", "many parameters": print(f"{k}: " + ", ".join(f"{o} {n}" for o, n in res[k].items()))
        return print("no lesson: " + ", ".join(res["no lesson"]))
    skip = a.skip.split(",") if a.skip else []
    if unknown := set(skip) - set(faults): p.error(f"--skip takes {', '.join(faults)}, not {', '.join(unknown)}")
    found = [f"{k}: {s}" for k, v in faults.items() if k not in skip for s in v]
    print(f"   {len(found)} faults" + (f"; not checked: {a.skip}" if skip else ""))
    sys.exit("\n".join(found) or 0)

if __name__ == "__main__": main()
