"""Writes one tiny Llama a layout of quantised weights, its dequantised matrices and what it answers.

Needs torch, transformers, safetensors, bitsandbytes (processor) and compressed-tensors. GPTQ and AWQ are packed here from the
description of their formats; bitsandbytes and compressed-tensors pack and unpack with their own functions.
"""
import json
import pathlib
import sys

import torch
from compressed_tensors.compressors.nvfp4.helpers import pack_fp4_to_uint8
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32, unpack_from_int32
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM
import bitsandbytes.functional as bnb

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
SIZES = dict(vocab_size=24, hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4,
             num_key_value_heads=2, head_dim=16, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=False)


def model():
    torch.manual_seed(4)
    made = LlamaForCausalLM(LlamaConfig(**SIZES, attn_implementation="eager")).eval().float()
    for p in made.parameters():
        p.data = torch.randn(p.shape) * (0.12 if p.dim() > 1 else 0.2) + (1.0 if p.dim() == 1 else 0.0)
        p.data = p.data.half().float()
    return made


def bits_of(values, bits):
    """Rows of numbers as a stream of 32-bit words, the first number lowest."""
    rows, n = values.shape
    words = torch.zeros(rows, (n * bits + 31) // 32, dtype=torch.int64)
    for i in range(n):
        for b in range(bits):
            at = i * bits + b
            words[:, at // 32] |= ((values[:, i].long() >> b) & 1) << (at % 32)
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)


def gptq(w, bits, group, v2=False, order=False):
    out, inputs = w.shape
    top = 2**bits - 1
    g = torch.randperm(inputs) // group if order else torch.arange(inputs) // group
    groups = int(g.max()) + 1
    scale, zero = torch.zeros(groups, out), torch.zeros(groups, out, dtype=torch.int64)
    for k in range(groups):
        part = w[:, g == k]
        low, high = part.min(1).values.clamp(max=0), part.max(1).values.clamp(min=0)
        scale[k] = ((high - low) / top).clamp(min=1e-4).half().float()
        zero[k] = torch.round(-low / scale[k]).clamp(1 if not v2 else 0, top).long()
    code = torch.round(w.T / scale[g] + zero[g]).clamp(0, top).long()
    parts = {"qweight": bits_of(code.T.contiguous(), bits).T.contiguous(),
             "qzeros": bits_of(zero - (0 if v2 else 1), bits), "scales": scale.half(), "g_idx": g.to(torch.int32)}
    return parts, ((code - zero[g]).float() * scale[g]).T


def awq(w, group):
    parts, plain = {}, None
    out, inputs = w.shape
    g = torch.arange(inputs) // group
    groups = int(g.max()) + 1
    scale, zero = torch.zeros(groups, out), torch.zeros(groups, out, dtype=torch.int64)
    for k in range(groups):
        part = w[:, g == k]
        low, high = part.min(1).values.clamp(max=0), part.max(1).values.clamp(min=0)
        scale[k] = ((high - low) / 15).clamp(min=1e-4).half().float()
        zero[k] = torch.round(-low / scale[k]).clamp(0, 15).long()
    code = torch.round(w.T / scale[g] + zero[g]).clamp(0, 15).long()
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    pick = torch.tensor([8 * block + k for block in range(out // 8) for k in order])
    parts = {"qweight": bits_of(code[:, pick], 4), "qzeros": bits_of(zero[:, pick], 4), "scales": scale.half()}
    return parts, ((code - zero[g]).float() * scale[g]).T


def int8_rows(w):
    largest = w.abs().max(1).values
    code = torch.round(w * 127 / largest[:, None]).to(torch.int8)
    plain = bnb.int8_vectorwise_dequant(code, largest).float()
    return {"weight": code, "SCB": largest, "weight_format": torch.tensor(0, dtype=torch.uint8)}, plain


def four_bits(w, kind, nested):
    code, state = bnb.quantize_4bit(w.contiguous(), blocksize=64, quant_type=kind, compress_statistics=nested)
    parts = {"weight": code} | {"weight." + k: v for k, v in state.as_dict(packed=True).items()}
    table, largest = state.code.float(), state.absmax
    if nested:
        largest = bnb.dequantize_blockwise(state.absmax, state.state2) + state.offset
    flat = torch.stack([code.view(-1) >> 4, code.view(-1) & 15], 1).view(-1).long()
    plain = table[flat] * largest.float().repeat_interleave(64)[: flat.numel()]
    official = bnb.dequantize_4bit(code, state)
    assert (plain.view(w.shape) - official).abs().max() < 1e-6
    return parts, plain.view(w.shape)


def grouped(w, bits, group, symmetric):
    out, inputs = w.shape
    part = w.view(out, inputs // group, group)
    half = 2 ** (bits - 1)
    if symmetric:
        scale = (part.abs().amax(2) / (half - 0.5)).half().float()
        zero = torch.zeros_like(scale)
    else:
        low, high = part.amin(2).clamp(max=0), part.amax(2).clamp(min=0)
        scale = ((high - low) / (2 * half - 1)).clamp(min=1e-4).half().float()
        zero = torch.round(-half - low / scale).clamp(-half, half - 1)
    code = torch.round(part / scale[..., None] + zero[..., None]).clamp(-half, half - 1)
    plain = ((code - zero[..., None]) * scale[..., None]).reshape(out, inputs)
    return code.reshape(out, inputs).to(torch.int8), scale, zero.to(torch.int8), plain


def packed(w, bits, group, symmetric=True):
    code, scale, zero, plain = grouped(w, bits, group, symmetric)
    words = pack_to_int32(code, bits)
    assert torch.equal(unpack_from_int32(words, bits, code.shape), code)
    parts = {"weight_packed": words, "weight_scale": scale.half(), "weight_shape": torch.tensor(w.shape)}
    if not symmetric:
        parts["weight_zero_point"] = pack_to_int32(zero, bits, packed_dim=0).contiguous()
    return parts, plain


def plain_integers(w, tensor):
    code, scale, zero, plain = grouped(w.reshape(1, -1) if tensor else w, 8, w.numel() if tensor else w.shape[1], not tensor)
    shape = (1,) if tensor else (w.shape[0], 1)
    parts = {"weight": code.reshape(w.shape), "weight_scale": scale.reshape(shape)}
    if tensor:
        parts["weight_zero_point"] = zero.reshape(shape)
    return parts, plain.reshape(w.shape)


def float8(w, rows, columns, inverse=False):
    out, inputs = w.shape
    scale = torch.zeros((out + rows - 1) // rows, (inputs + columns - 1) // columns)
    code, plain = torch.zeros(w.shape, dtype=torch.float8_e4m3fn), torch.zeros(w.shape)
    for r in range(scale.shape[0]):
        for c in range(scale.shape[1]):
            at = (slice(r * rows, (r + 1) * rows), slice(c * columns, (c + 1) * columns))
            scale[r, c] = w[at].abs().max() / 448
            code[at] = (w[at] / scale[r, c]).to(torch.float8_e4m3fn)
            plain[at] = code[at].float() * scale[r, c]
    return {"weight": code, "weight_scale_inv" if inverse else "weight_scale": scale}, plain


def nvfp4(w):
    out, inputs = w.shape
    part = w.view(out, inputs // 16, 16)
    overall = 448 * 6 / w.abs().max()
    scale = (part.abs().amax(2) / 6 * overall).to(torch.float8_e4m3fn)
    real = scale.float() / overall
    table = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    size = (part / real[..., None]).abs()
    nearest = table[(size[..., None] - table).abs().argmin(-1)] * torch.sign(part)
    parts = {"weight_packed": pack_fp4_to_uint8(nearest.reshape(out, inputs)), "weight_scale": scale,
             "weight_global_scale": overall.reshape(1)}
    return parts, (nearest * real[..., None]).reshape(out, inputs)


def compressed(form, **weights):
    return {"quant_method": "compressed-tensors", "format": form, "ignore": ["lm_head"],
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}}}


GPTQ = {"quant_method": "gptq", "sym": False}
LAYOUTS = {
    "gptq2": (lambda w: gptq(w, 2, 16), GPTQ | {"bits": 2, "group_size": 16, "desc_act": False}),
    "gptq3": (lambda w: gptq(w, 3, 32), GPTQ | {"bits": 3, "group_size": 32, "desc_act": False}),
    "gptq4_order": (lambda w: gptq(w, 4, 16, order=True), GPTQ | {"bits": 4, "group_size": 16, "desc_act": True}),
    "gptq4_v2": (lambda w: gptq(w, 4, w.shape[1], v2=True), GPTQ | {"bits": 4, "group_size": -1, "checkpoint_format": "gptq_v2"}),
    "gptq8": (lambda w: gptq(w, 8, 32), GPTQ | {"bits": 8, "group_size": 32}),
    "awq4": (lambda w: awq(w, 16), {"quant_method": "awq", "bits": 4, "group_size": 16, "zero_point": True, "version": "gemm"}),
    "bnb_int8": (int8_rows, {"quant_method": "bitsandbytes", "load_in_8bit": True}),
    "bnb_nf4": (lambda w: four_bits(w, "nf4", False), {"quant_method": "bitsandbytes", "load_in_4bit": True}),
    "bnb_nf4_nested": (lambda w: four_bits(w, "nf4", True), {"quant_method": "bitsandbytes", "load_in_4bit": True}),
    "bnb_fp4": (lambda w: four_bits(w, "fp4", False), {"quant_method": "bitsandbytes", "load_in_4bit": True}),
    "ct_pack4": (lambda w: packed(w, 4, 16), compressed("pack-quantized", num_bits=4, type="int", symmetric=True, strategy="group", group_size=16)),
    "ct_pack4_zeros": (lambda w: packed(w, 4, 16, False), compressed("pack-quantized", num_bits=4, type="int", symmetric=False, strategy="group", group_size=16)),
    "ct_pack8": (lambda w: packed(w, 8, w.shape[1]), compressed("pack-quantized", num_bits=8, type="int", symmetric=True, strategy="channel")),
    "ct_pack3": (lambda w: packed(w, 3, 32), compressed("pack-quantized", num_bits=3, type="int", symmetric=True, strategy="group", group_size=32)),
    "ct_int8": (lambda w: plain_integers(w, False), compressed("int-quantized", num_bits=8, type="int", symmetric=True, strategy="channel")),
    "ct_naive": (lambda w: plain_integers(w, True), compressed("naive-quantized", num_bits=8, type="int", symmetric=False, strategy="tensor")),
    "ct_float8": (lambda w: float8(w, 1, w.shape[1]), compressed("float-quantized", num_bits=8, type="float", symmetric=True, strategy="channel")),
    "ct_float8_tensor": (lambda w: float8(w, w.shape[0], w.shape[1]), compressed("float-quantized", num_bits=8, type="float", symmetric=True, strategy="tensor")),
    "ct_nvfp4": (nvfp4, compressed("nvfp4-pack-quantized", num_bits=4, type="float", symmetric=True, strategy="tensor_group", group_size=16)),
    "fp8_block": (lambda w: float8(w, 16, 16, True), {"quant_method": "fp8", "weight_block_size": [16, 16]}),
}


def write(name, pack, config):
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    made, stored, plain = model(), {}, {}
    for key, value in made.state_dict().items():
        if not key.endswith("_proj.weight"):
            stored[key] = value.half()
            continue
        parts, plain[key] = pack(value)
        stored |= {key[: -len("weight")] + part: tensor.contiguous() for part, tensor in parts.items()}
        value.copy_(plain[key])
    ids = torch.tensor([[1, 7, 19, 4, 22, 13, 8, 20, 2, 17]])
    with torch.no_grad():
        said = made(ids, output_hidden_states=True, output_attentions=True)
        block = []
        made.model.layers[0].register_forward_hook(lambda module, given, result: block.append(result[0] if isinstance(result, tuple) else result))
        made(ids)
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    save_file({"input_ids": ids}, folder / "input.safetensors")
    save_file({"logits": said.logits, "hidden.embed": said.hidden_states[0].contiguous(),
               "hidden.0": block[0].contiguous(), "attn.0": said.attentions[0].contiguous()}, folder / "expected.safetensors")
    save_file({k: v.contiguous() for k, v in plain.items() if "k_proj" in k}, folder / "dequantised.safetensors")
    settings = made.config.to_dict() | {"architectures": ["LlamaForCausalLM"], "quantization_config": config}
    keep = set(SIZES) | {"architectures", "quantization_config", "model_type", "hidden_act", "rope_parameters", "attention_bias", "mlp_bias"}
    (folder / "config.json").write_text(json.dumps({k: v for k, v in sorted(settings.items()) if k in keep}, indent=1) + "\n")
    (folder / "case.json").write_text(json.dumps({"case": "quantised/" + name, "library": "transformers", "class": "LlamaForCausalLM", "atol": 1e-5}, indent=1) + "\n")


for layout, (pack, config) in LAYOUTS.items():
    write(layout, pack, config)
