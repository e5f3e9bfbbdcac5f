#!/usr/bin/env python3
"""Writes sparse tensors of every layout, their dense values, and files whose indices are wrong. Needs torch."""
import json
import pathlib
import warnings

import torch

warnings.simplefilter("ignore")
here = pathlib.Path(__file__).parent
dense = torch.tensor([[0, 1.5, 0, 0], [2, 0, 0, -3], [0, 0, 0, 0], [0, 0, 0, 0], [0, 7, 0, 0], [1e-30, 0, 0, 0.1]])


def coo(indices, values, size, **more):
    return torch.sparse_coo_tensor(torch.tensor(indices), values, size, **more)


def bad_coo(indices, values, size):
    return torch.sparse_coo_tensor(torch.tensor(indices), values, size, check_invariants=False)


def bad_csr(crow, col, size, values=None, layout="csr"):
    return torch.sparse_compressed_tensor(torch.tensor(crow), torch.tensor(col), torch.ones(len(col)) if values is None else values, size,
                                          layout=getattr(torch, "sparse_" + layout), check_invariants=False)


tensors = {
    "coo": dense.to_sparse(),
    "coo_twice": coo([[0, 0, 1], [1, 1, 0]], torch.tensor([1.25, 2.5, 4]), (2, 2)),
    "coo_hybrid": coo([[2, 0]], torch.tensor([[1.0, 2], [3, 4]]), (3, 2)),
    "coo_3d": coo([[1, 0], [0, 2], [1, 1]], torch.tensor([5.0, 6]), (2, 3, 2)),
    "coo_int": coo([[3, 1, 3]], torch.tensor([4, -5, 6]), (4,)),
    "coo_half": coo([[1]], torch.tensor([0.5], dtype=torch.float16), (3,)),
    "coo_bool": coo([[1]], torch.tensor([True]), (3,)),
    "coo_empty": torch.zeros(2, 3).to_sparse(),
    "coo_transposed": dense.to_sparse().t(),
    "csr": dense.to_sparse_csr(),
    "csr_int32": torch.sparse_csr_tensor(torch.tensor([0, 1, 1], dtype=torch.int32), torch.tensor([2], dtype=torch.int32), torch.tensor([9.0]), (2, 3)),
    "csr_double": dense.double().to_sparse_csr(),
    "csc": dense.to_sparse_csc(),
    "bsr": dense.to_sparse_bsr((3, 2)),
    "bsc": dense.to_sparse_bsc((2, 1)),
    "plain": torch.arange(3.0),
}
torch.save(tensors, here / "layouts.pt")
torch.save({k: tensors[k] for k in ("coo", "csr", "bsr")}, here / "layouts_old.pt", _use_new_zipfile_serialization=False)
torch.save({"huge": coo([[0], [99999]], torch.tensor([1.0]), (100000, 100000)), "plain": torch.ones(2)}, here / "huge.pt")
rows = {name: {"dtype": str(t.dtype).removeprefix("torch."), "shape": list(t.shape), "values": [float(v) for v in t.to_dense().flatten()]} for name, t in tensors.items()}
(here / "layouts.json").write_text(json.dumps(rows, indent=1) + "\n")
one = torch.ones(1)
bad = {
    "coo_beyond": bad_coo([[0], [3]], one, (2, 3)),
    "coo_negative": bad_coo([[-1], [0]], one, (2, 3)),
    "csr_bounds_start": bad_csr([1, 1, 1], [0], (2, 2)),
    "csr_bounds_end": bad_csr([0, 1, 3], [0], (2, 2)),
    "csr_bounds_fall": bad_csr([0, 2, 1, 2], [0, 1], (3, 2)),
    "csr_beyond": bad_csr([0, 1, 1], [2], (2, 2)),
    "csr_order": bad_csr([0, 2, 2], [1, 0], (2, 2)),
    "csr_lines": bad_csr([0, 1], [0], (2, 2)),
    "bsr_blocks": bad_csr([0, 1], [0], (3, 3), torch.ones(1, 2, 2), "bsr"),
}
for name, tensor in bad.items():
    torch.save({"s": tensor}, here / f"bad_{name}.pt")
    try:
        torch.load(here / f"bad_{name}.pt", weights_only=True)
        print(name, "opens")
    except Exception as problem:
        print(name, str(problem).split("\n")[0][:90])
