"""llama.cpp's own HTTP server over one model: `llama_server.py MODEL PORT chat|embeddings`."""

import sys
import threading

import xllamacpp

parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.hostnames = ["127.0.0.1"]
parameters.port = int(sys.argv[2])
parameters.embedding = sys.argv[3] == "embeddings"
if parameters.embedding:
    parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
parameters.model_alias = {"tiny"}
parameters.n_ctx = 4096
parameters.n_parallel = 2
parameters.endpoint_metrics = True
parameters.warmup = False
parameters.cpuparams.n_threads = 1
parameters.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(parameters)
threading.Event().wait()
