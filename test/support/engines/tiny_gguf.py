"""Writes a Llama model with random weights and a vocabulary of bytes: it answers nonsense, always the same."""

import sys

import gguf
import numpy

VOCABULARY_TYPES = {"normal": 1, "unknown": 2, "control": 3, "byte": 6}
WIDTH, HEADS, HIDDEN, LAYERS, CONTEXT = 64, 4, 128, 2, 2048

random = numpy.random.default_rng(7)
texts = [" " if c == 32 else chr(c) for c in range(32, 127)]
tokens = [b"<unk>", b"<s>", b"</s>"]
tokens += [f"<0x{value:02X}>".encode() for value in range(256)]
tokens += [text.replace(" ", "\u2581").encode() for text in texts]
scores = [0.0] * 259 + [-float(rank) for rank in range(len(texts))]
kinds = [VOCABULARY_TYPES[kind] for kind in ["unknown", "control", "control"]]
kinds += [VOCABULARY_TYPES["byte"]] * 256 + [VOCABULARY_TYPES["normal"]] * len(texts)


def weights(*shape):
    return (random.standard_normal(shape) * 0.3).astype(numpy.float32)


writer = gguf.GGUFWriter(sys.argv[1], "llama")
writer.add_name("tiny")
writer.add_context_length(CONTEXT)
writer.add_embedding_length(WIDTH)
writer.add_block_count(LAYERS)
writer.add_feed_forward_length(HIDDEN)
writer.add_head_count(HEADS)
writer.add_head_count_kv(HEADS)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_rope_dimension_count(WIDTH // HEADS)
writer.add_vocab_size(len(tokens))
writer.add_tokenizer_model("llama")
writer.add_token_list(tokens)
writer.add_token_scores(scores)
writer.add_token_types(kinds)
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
writer.add_unk_token_id(0)
writer.add_add_bos_token(True)
writer.add_chat_template("{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:")
writer.add_tensor("token_embd.weight", weights(len(tokens), WIDTH))
writer.add_tensor("output_norm.weight", numpy.ones(WIDTH, numpy.float32))
writer.add_tensor("output.weight", weights(len(tokens), WIDTH))
for layer in range(LAYERS):
    writer.add_tensor(f"blk.{layer}.attn_norm.weight", numpy.ones(WIDTH, numpy.float32))
    writer.add_tensor(f"blk.{layer}.ffn_norm.weight", numpy.ones(WIDTH, numpy.float32))
    for name in ["attn_q", "attn_k", "attn_v", "attn_output"]:
        writer.add_tensor(f"blk.{layer}.{name}.weight", weights(WIDTH, WIDTH))
    writer.add_tensor(f"blk.{layer}.ffn_gate.weight", weights(HIDDEN, WIDTH))
    writer.add_tensor(f"blk.{layer}.ffn_up.weight", weights(HIDDEN, WIDTH))
    writer.add_tensor(f"blk.{layer}.ffn_down.weight", weights(WIDTH, HIDDEN))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
