"""Builds the wheel from the sources of this checkout: the package, and with it the probe.

    pip install ./python

Needs a C++17 compiler, the headers of Python and of Boost (Debian: python3-dev, libboost-dev);
nothing is fetched when they and setuptools are installed and pip is told --no-build-isolation.
"""

import os
import pathlib
import re

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent


def sources():
    """What probe/CMakeLists.txt compiles, and the extension itself."""
    listed = (ROOT / "probe/CMakeLists.txt").read_text(encoding="utf-8")
    names = re.search(r"set\(probe_sources\s+(.*?)\)", listed, re.DOTALL).group(1).split()
    files = [ROOT / "probe" / name for name in names] + sorted((HERE / "extension").glob("*.cc"))
    return [os.path.relpath(file.resolve(), HERE) for file in files]


def version():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"project\(ringside VERSION ([0-9.]+)", text).group(1)


class BuildExtension(build_ext):
    """Keeps objects of ../probe inside of the build folder, whatever their path."""

    def build_extension(self, ext):
        self.compiler.object_filenames = self._object_filenames
        super().build_extension(ext)

    @staticmethod
    def _object_filenames(source_filenames, strip_dir=0, output_dir=""):
        return [os.path.join(output_dir or "", name.replace("../", "").replace("/", "_") + ".o")
                for name in source_filenames]


setup(
    version=version(),
    packages=["ringside"],
    package_data={"ringside": ["py.typed", "*.pyi"]},
    cmdclass={"build_ext": BuildExtension},
    # One wheel for this version of CPython and all later ones.
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
    ext_modules=[Extension(
        "ringside._ringside", sources(), language="c++", py_limited_api=True,
        include_dirs=[str(ROOT), str(ROOT / "probe/include")],
        define_macros=[("RINGSIDE_VERSION", f'"{version()}"')],
        extra_compile_args=["-std=c++17", "-fno-math-errno", "-fvisibility=hidden",
                            "-fvisibility-inlines-hidden"],
        extra_link_args=["-static-libstdc++", "-static-libgcc", "-Wl,-z,nodelete",
                         f"-Wl,--version-script={HERE / 'extension/exports.map'}"],
        depends=[os.path.relpath(file, HERE) for folder in ("python/extension", "probe", "proto")
                 for file in sorted((ROOT / folder).rglob("*.h"))])],
)
