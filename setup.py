"Everything about the package is in settings.ini; this file hands it to setuptools."
from configparser import ConfigParser
from pathlib import Path
from setuptools import setup, find_packages

here = Path(__file__).parent
ini = ConfigParser(delimiters=["="])
ini.read(here/"settings.ini", encoding="utf-8")
cfg = ini["DEFAULT"]
extras = {k: cfg[f"{k}_requirements"].split() for k in ("weights", "birdnet", "cluster", "export", "dev")}
extras["dev"] += extras["weights"] + extras["cluster"] + extras["export"]

setup(name=cfg["lib_name"], version=cfg["version"], description=cfg["description"], license="Apache-2.0",
      author=cfg["author"], author_email=cfg["author_email"], url=cfg["git_url"], keywords=cfg["keywords"].split(),
      packages=find_packages(include=["rfcx_nb", "rfcx_nb.*"]), package_data={"rfcx_nb": ["*.safetensors"]},
      python_requires=f">={cfg['min_python']}",
      install_requires=cfg["requirements"].split(), extras_require=extras,
      entry_points={"console_scripts": cfg["console_scripts"].split(), "nbdev": ["rfcx_nb=rfcx_nb._modidx:d"]},
      long_description=(here/"README.md").read_text(encoding="utf-8"), long_description_content_type="text/markdown",
      classifiers=["Intended Audience :: Science/Research",
                   *(f"Programming Language :: Python :: 3.{v}" for v in range(10, 14))])
