"""Asks a cell with NVIDIA's own client: `triton_client.py HOST:PORT KEY MODEL VERSIONED_MODEL`."""

import json
import sys

import numpy
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

address, key, model, versioned = sys.argv[1:]
client = InferenceServerClient(address)
headers = {"Authorization": f"Bearer {key}"}


def ask(model, half, words, binary):
    inputs = [InferInput("FP16", half.shape, "FP16"), InferInput("BYTES", words.shape, "BYTES")]
    inputs[0].set_data_from_numpy(half)
    inputs[1].set_data_from_numpy(words, binary_data=binary)
    outputs = [InferRequestedOutput("FP16", binary_data=True), InferRequestedOutput("BYTES", binary_data=binary)]
    return client.infer(model, inputs, outputs=outputs, request_id="mine", headers=headers)


half = numpy.array([[1.0, -2.0, 65504.0]], numpy.float16)
words = numpy.array([["a", "ä€𝄞"]], object)
told = []
for binary in (True, False):
    answer = ask(model, half, words, binary)
    back = answer.as_numpy("FP16")
    texts = [word.decode() if isinstance(word, bytes) else word for word in answer.as_numpy("BYTES").flatten()]
    told.append({"half": back.tolist(), "type": str(back.dtype), "texts": texts, "id": answer.get_response()["id"]})
try:
    ask("nothing-like-it", half, words, True)
except InferenceServerException as refused:
    told.append({"status": refused.status(), "message": refused.message()})

pairs = InferInput("x", [1, 2], "FP32")
pairs.set_data_from_numpy(numpy.array([[1.0, 2.0]], numpy.float32))
second = client.infer(versioned, [pairs], model_version="2", headers=headers)
told.append(
    {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(headers=headers),
        "stranger": client.is_server_ready(),
        "extensions": client.get_server_metadata(headers=headers)["extensions"],
        "models": [client.is_model_ready(*asked, headers=headers) for asked in ((model,), (versioned, "2"), (versioned, "3"))],
        "metadata": client.get_model_metadata(versioned, "2", headers=headers),
        "version": second.get_response()["model_version"],
        "numbers": second.as_numpy("x").tolist(),
    }
)
print(json.dumps(told))
