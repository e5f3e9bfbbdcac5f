#!/usr/bin/env python3
"""What a second reader makes of each safetensors file and PyTorch archive: a verdict, and names, dtypes and shapes.

reference.py FILES_FOLDER > tests/golden/files/second_reader.json

FILES_FOLDER has valid/ and bad/. Needs safetensors and torch; run in an empty folder: nothing may appear in it. Each torch
file is read in a process of its own, with a limit on time. The test compares; it needs no Python.
"""
import json
import os
import resource
import signal
import sys

MOST_BYTES = 1 << 22
MOST_TENSORS = 200


def safetensors_file(path):
    import safetensors
    entries = safetensors.deserialize(open(path, "rb").read())
    return [[name, entry["dtype"], list(entry["shape"])] for name, entry in entries]


def leaves(value, name, out, seen):
    import torch
    if isinstance(value, torch.Tensor):
        out.append([name, str(value.dtype).removeprefix("torch."), list(value.shape)])
        return
    if id(value) in seen or len(out) > 100000:
        return
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, (list, tuple, set)):
        parts = enumerate(value)
    else:
        return
    for key, part in parts:
        leaves(part, f"{name}.{key}" if name else str(key), out, seen | {id(value)})


def torch_file(path):
    import warnings
    import torch
    warnings.simplefilter("ignore")
    out = []
    leaves(torch.load(path, map_location="cpu", weights_only=True), "", out, frozenset())
    return out


def verdict(path, read):
    try:
        tensors = read(path)
    except BaseException as problem:  # whatever it says, it refuses
        return {"refused": f"{type(problem).__name__}: {problem}".split("\n")[0][:120]}
    if len(tensors) > MOST_TENSORS:
        return {"count": len(tensors)}
    return {"tensors": sorted(tensors)}


def apart(path):
    """torch_file in a process with limits, forked off this one so that torch is loaded once."""
    ends = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
        with os.fdopen(ends[1], "w") as pipe:
            json.dump(verdict(path, torch_file), pipe)
        os._exit(0)
    os.close(ends[1])
    with os.fdopen(ends[0]) as pipe:
        answer = pipe.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return {"refused": "the reader died: " + signal.Signals(os.WTERMSIG(status)).name}
    return json.loads(answer)


def files_below(root, folders, extensions):
    for folder in folders:
        for where, _, names in sorted(os.walk(os.path.join(root, folder))):
            for name in sorted(names):
                path = os.path.join(where, name)
                if name.endswith(extensions) and os.path.isfile(path) and os.path.getsize(path) <= MOST_BYTES:
                    yield os.path.relpath(path, root)


def main():
    root = os.path.abspath(sys.argv[1])
    before = os.listdir(".")
    out = {}
    for name in files_below(root, ["valid/safetensors", "valid/control", "bad/safetensors"], (".safetensors",)):
        out[name] = verdict(os.path.join(root, name), safetensors_file)
    import torch  # noqa: F401
    for name in files_below(root, ["valid/torch", "valid/control", "bad/torch"], (".pt", ".pth", ".bin", "misnamed.safetensors")):
        out[name] = apart(os.path.join(root, name))
    assert os.listdir(".") == before, "something was created"
    print(json.dumps({"files": out}, indent=0, sort_keys=True))


main()
