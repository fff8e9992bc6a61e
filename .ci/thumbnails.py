"""The map of the series for README: one stored picture of each numbered notebook, as nbs/images/series.jpg.

    python .ci/thumbnails.py            # takes the pictures that PICK names; run it when a page's pictures have changed
"""
import base64, io, json
from pathlib import Path
from PIL import Image, ImageDraw, ImageFont
import matplotlib

PICK = { # Notebook to the number of its picture, from the end if negative
    "00_preprocess": 0, "01_crops": 0, "02_augment": 0, "03_model": -1, "04_train": -1, "05_tiled_inference": -1,
    "06_detections": 0, "07_pseudo_labels": -1, "08_export": 0, "09b_stratified": 1, "10_survey": 1, "season": -1}
WIDE, HIGH, TEXT, COLUMNS = 400, 160, 24, 3 # Pixels of a picture and its title; pictures in a row

def pictures(file): # of the cells of a notebook, in order
    res = []
    for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
        for o in cell.get("outputs", []):
            for kind in ("image/jpeg", "image/png"):
                if kind in o.get("data", {}):
                    res.append(Image.open(io.BytesIO(base64.b64decode("".join(o["data"][kind])))).convert("RGB"))
    return res

def main():
    root = Path(__file__).parent.parent/"nbs"
    font = ImageFont.truetype(str(Path(matplotlib.get_data_path())/"fonts/ttf/DejaVuSans.ttf"), 15)
    rows = -(-len(PICK)//COLUMNS)
    sheet = Image.new("RGB", (COLUMNS*WIDE, rows*(HIGH + TEXT)), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (name, k) in enumerate(PICK.items()):
        x, y = i%COLUMNS*WIDE, i//COLUMNS*(HIGH + TEXT)
        draw.text((x + 6, y + 4), name, fill="black", font=font)
        found = pictures(root/f"{name}.ipynb")
        if not found: raise SystemExit(f"{name} stores no picture: execute it first")
        o = found[k]
        o.thumbnail((WIDE - 8, HIGH - 4), Image.LANCZOS)
        sheet.paste(o, (x + (WIDE - o.width)//2, y + TEXT))
    sheet.save(root/"images"/"series.jpg", quality=72, optimize=True)
    print(f"{len(PICK)} pictures, {(root/'images'/'series.jpg').stat().st_size//1000} kB")

if __name__ == "__main__": main()
