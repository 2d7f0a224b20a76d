"""Writes crates/lm/tests/fixture/expected.safetensors: what transformers says about the checkpoint beside it.

    cargo test --release -p lm --test transformers -- --ignored write_checkpoint   # crates/lm/tests/fixture/checkpoint
    python3 -m venv .venv && .venv/bin/pip install torch==2.12.1 transformers==5.23.0 safetensors numpy
    .venv/bin/python tests/interop/decoder_fixture.py
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

fixture = Path(__file__).parents[2] / "crates/lm/tests/fixture"
tokenizer = AutoTokenizer.from_pretrained(fixture / "checkpoint")
model = AutoModelForCausalLM.from_pretrained(fixture / "checkpoint", dtype=torch.float32)
assert len(tokenizer) == model.config.vocab_size, "tokenizer_config.json made transformers add tokens"
assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id) == (0, 0, 1, 2)

ids = torch.randint(0, model.config.vocab_size, (3, 20), generator=torch.Generator().manual_seed(1))
ids[ids == 1] = 2  # transformers gives the embedding of <pad> no gradient, and no text contains it
out = model(ids[:, :-1], output_hidden_states=True)
loss = torch.nn.functional.cross_entropy(out.logits.flatten(0, 1), ids[:, 1:].flatten())
loss.backward()

text = "taka mirata zo taka ."
expected = {
    "ids": ids.to(torch.int32),
    "logits": out.logits,
    "loss": loss,
    "text_ids": torch.tensor(tokenizer(text, add_special_tokens=False).input_ids, dtype=torch.int32),
}
expected |= {f"hidden.{i}": state for i, state in enumerate(out.hidden_states)}
expected |= {f"gradient.{name}": p.grad for name, p in model.named_parameters()}
save_file({name: t.detach().contiguous() for name, t in expected.items()}, fixture / "expected.safetensors")
print(f"loss {loss.item():.6f}, text ids {expected['text_ids'].tolist()}")
