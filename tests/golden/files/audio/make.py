"""Writes the sounds, Whisper's features of one of them and a resampled one. Needs numpy, soundfile, transformers, safetensors."""
import math

import numpy as np
import soundfile
from safetensors.numpy import save_file
from transformers import WhisperFeatureExtractor

rng = np.random.default_rng(5)
t = np.arange(9600) / 16000
sound = 0.4 * np.sin(2 * np.pi * (300 + 900 * t) * t) + 0.1 * np.sin(2 * np.pi * 5200 * t) + 0.02 * rng.standard_normal(t.size)
pcm = np.round(sound * 32767).astype(np.int16)
stereo = np.stack([pcm, pcm[::-1]], 1)
soundfile.write("mono16.wav", pcm, 16000, subtype="PCM_16")
for name, kind in {"u8": "PCM_U8", "s24": "PCM_24", "s32": "PCM_32", "f32": "FLOAT", "f64": "DOUBLE"}.items():
    soundfile.write(name + ".wav", pcm[:1600] / 32768 if name[0] == "f" else pcm[:1600], 16000, subtype=kind)
soundfile.write("stereo.flac", stereo[:4000], 22050, subtype="PCM_16")
soundfile.write("mono24.flac", pcm[:4000], 16000, subtype="PCM_24")

audio = pcm.astype(np.float32) / 32768
out = {"mono": audio, "stereo": stereo[:4000].astype(np.float32).mean(1) / 32768}
for mels in (80, 128):
    features = WhisperFeatureExtractor(feature_size=mels)(audio, sampling_rate=16000, return_tensors="np").input_features[0]
    out[f"mel{mels}"] = np.ascontiguousarray(features[:, :72]).astype(np.float32)
    out[f"rest{mels}"] = np.ascontiguousarray(features[:, -1]).astype(np.float32)


def resampled(x, source, target):
    """A windowed sinc evaluated at every output time, sample by sample."""
    common = math.gcd(source, target)
    source, target = source // common, target // common
    base = min(source, target) * 0.99
    width = math.ceil(6 * source / base)
    y = []
    for i in range(-(-len(x) * target // source)):
        block, phase = divmod(i, target)
        k = np.arange(-width, width + source)
        u = np.clip((k / source - phase / target) * base, -6, 6)
        at = block * source + k
        fine = (at >= 0) & (at < len(x))
        y.append(np.sum(x[at[fine]] * (np.sinc(u) * np.cos(u * np.pi / 12) ** 2 * base / source)[fine]))
    return np.array(y, np.float32)


out["to16000"] = resampled(out["stereo"][:2000].astype(np.float64), 22050, 16000)
out["to24000"] = resampled(audio[:800].astype(np.float64), 16000, 24000)
save_file(out, "expected.safetensors")
