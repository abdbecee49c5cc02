"""The fuzzers' inputs as one file per loader: for each input four bytes of length (little-endian), then the input.

corpus.py pack FOLDER FILE      all files of a folder, smallest first, at most 200 KB
corpus.py unpack FILE FOLDER    the other way; a FILE that is not there is an empty one
corpus.py seeds ROOT FOLDER     FOLDER/{onnx,npy,encodings}: the real files of the repository of at most 4096 bytes
"""

import glob
import hashlib
import json
import os
import struct
import sys


def parts(path):
    data = open(path, "rb").read() if os.path.exists(path) else b""
    at = 0
    while at + 4 <= len(data):
        (length,) = struct.unpack_from("<I", data, at)
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def put(folder, content):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, hashlib.sha1(content).hexdigest()), "wb") as file:
        file.write(content)


def pack(folder, path):
    inputs = [open(os.path.join(folder, name), "rb").read() for name in sorted(os.listdir(folder))]
    inputs.sort(key=lambda content: (len(content), content))
    size = 0
    with open(path, "wb") as file:
        for content in inputs:
            size += 4 + len(content)
            if size > 200000:
                break
            file.write(struct.pack("<I", len(content)) + content)


def seeds(root, folder):
    data = os.path.join(root, "tests", "data")

    def small(kind, content):
        if len(content) <= 4096:
            put(os.path.join(folder, kind), content)

    for path in glob.glob(os.path.join(data, "ops", "*.cases")):
        pieces = list(parts(path))
        for name, content in zip(pieces[::2], pieces[1::2]):
            small("onnx" if name.endswith(b".onnx") else "npy", content)
    for path in glob.glob(os.path.join(data, "aimet", "*")):
        content = open(path, "rb").read()
        if path.endswith(".onnx"):
            small("onnx", content)
        elif path.endswith(".npy"):
            small("npy", content)
        elif path.endswith(".json"):
            small("encodings", content)
            # The same with fewer entries and channels.
            file = json.loads(content)
            for key in ("activation_encodings", "param_encodings", "encodings"):
                value = file.get(key)
                if isinstance(value, list):
                    file[key] = value[:3]
                elif isinstance(value, dict):
                    file[key] = {name: entry[:2] for name, entry in list(value.items())[:3]}
            small("encodings", json.dumps(file, separators=(",", ":")).encode())


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "pack":
        pack(arguments[1], arguments[2])
    elif len(arguments) == 3 and arguments[0] == "unpack":
        for content in parts(arguments[1]):
            put(arguments[2], content)
    elif len(arguments) == 3 and arguments[0] == "seeds":
        seeds(arguments[1], arguments[2])
    else:
        sys.exit(__doc__)


main(sys.argv[1:])
