#!/usr/bin/env python3
"""Values of every code of the small float formats (ml_dtypes), complex numbers of torch. Needs ml_dtypes, numpy; torch for the file."""
import json
import pathlib
import sys

here = pathlib.Path(__file__).parent


def number(v):
    return "nan" if v != v else "inf" if v == float("inf") else "-inf" if v == float("-inf") else v


def tables():
    import ml_dtypes
    import numpy as np
    formats = {"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu", "F8_E4M3FNUZ": "float8_e4m3fnuz",
               "F8_E5M2FNUZ": "float8_e5m2fnuz", "F4": "float4_e2m1fn", "F6_E2M3": "float6_e2m3fn", "F6_E3M2": "float6_e3m2fn"}
    rows = {}
    for name, dtype in formats.items():
        codes = 16 if name == "F4" else 64 if name.startswith("F6") else 256
        values = np.arange(codes, dtype=np.uint8).view(getattr(ml_dtypes, dtype)).astype(np.float32)
        rows[name] = [number(float(v)) for v in values]
    (here / "tables.json").write_text("{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in rows.items()) + "\n}\n")


def complexes():
    import torch
    base = torch.tensor([[1.5 - 2j, 0 + 0j, -3 + 4j], [1e-3 + 1e3j, -0.1j, 65504 + 1j]], dtype=torch.complex128)
    tensors = {"c128": base, "c64": base.to(torch.complex64), "c32": base.to(torch.complex32), "t": base.to(torch.complex64).t(),
               "sparse": base.to(torch.complex64).to_sparse(), "conj": base.to(torch.complex64).conj().resolve_conj()}
    torch.save(tensors, here / "complex.pt")
    rows = {}
    for name, t in tensors.items():
        t = t.to_dense().to(torch.complex128)
        rows[name] = {"shape": list(t.shape), ".real": t.real.flatten().tolist(), ".imag": t.imag.flatten().tolist(), ".abs": t.abs().flatten().tolist()}
    (here / "complex.json").write_text(json.dumps(rows, indent=1) + "\n")


{"tables": tables, "complex": complexes}[sys.argv[1]]()
