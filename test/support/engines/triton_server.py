"""Triton with two models written in Python: `triton_server.py PORT`."""

import sys

import numpy
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

KINDS = {
    "BOOL": numpy.bool_,
    "UINT8": numpy.uint8,
    "UINT64": numpy.uint64,
    "INT16": numpy.int16,
    "INT64": numpy.int64,
    "FP16": numpy.float16,
    "FP32": numpy.float32,
    "FP64": numpy.float64,
    "BYTES": bytes,
}


def vector(text):
    sums = numpy.zeros(8, numpy.float32)
    for place, byte in enumerate(text):
        sums[place % 8] += byte
    return sums / max(1.0, float(numpy.linalg.norm(sums)))


@batch
def embed(text):
    return {"vector": numpy.stack([vector(row[0]) for row in text])}


@batch
def echo(**inputs):
    return {f"{name}_OUT": values for name, values in inputs.items()}


config = TritonConfig(http_address="127.0.0.1", http_port=int(sys.argv[1]), allow_grpc=False, allow_metrics=False)
with Triton(config=config) as triton:
    triton.bind(
        model_name="embedder",
        infer_func=embed,
        inputs=[Tensor(name="text", dtype=bytes, shape=(1,))],
        outputs=[Tensor(name="vector", dtype=numpy.float32, shape=(8,))],
        config=ModelConfig(max_batch_size=64),
    )
    triton.bind(
        model_name="echo",
        infer_func=echo,
        inputs=[Tensor(name=name, dtype=kind, shape=(-1,)) for name, kind in KINDS.items()],
        outputs=[Tensor(name=f"{name}_OUT", dtype=kind, shape=(-1,)) for name, kind in KINDS.items()],
        config=ModelConfig(max_batch_size=4),
    )
    triton.serve()
