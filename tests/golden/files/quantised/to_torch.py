#!/usr/bin/env python3
"""Writes weights of these layouts again as PyTorch files, whole and in shards, below ../../quantised_torch. Needs torch."""
import json
import pathlib
import shutil

import torch

here = pathlib.Path(__file__).parent
out = here.parent.parent / "quantised_torch"
types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I32": torch.int32, "I64": torch.int64, "U8": torch.uint8, "I8": torch.int8, "F8_E4M3": torch.float8_e4m3fn}


def tensors_of(path):
    data = path.read_bytes()
    n = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + n])
    header.pop("__metadata__", None)
    made = {}
    for name, t in header.items():
        begin, end = (8 + n + x for x in t["data_offsets"])
        made[name] = torch.frombuffer(bytearray(data[begin:end]), dtype=torch.uint8).view(types[t["dtype"]]).reshape(t["shape"])
    return made


for layout in ("gptq4_order", "awq4", "bnb_nf4", "ct_pack4"):
    folder = out / layout
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tensors = tensors_of(here / layout / "model.safetensors")
    if layout != "awq4":
        torch.save(tensors, folder / "pytorch_model.bin")
        continue
    names = sorted(tensors)
    shards = {"pytorch_model-00001-of-00002.bin": names[::2], "pytorch_model-00002-of-00002.bin": names[1::2]}
    for file, part in shards.items():
        torch.save({n: tensors[n] for n in part}, folder / file)
    index = {"metadata": {"total_size": sum(t.nbytes for t in tensors.values())}, "weight_map": {n: f for f, part in shards.items() for n in part}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1))
