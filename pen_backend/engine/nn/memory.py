"""How much memory training takes: estimated before anything is loaded, from shapes and batches.

Measured on a CPU, peak of the process against the estimate, in MB: full training of pen-tiny on lines of 45 tokens
1,198 : 1,192, of 690 tokens 770 : 790; hidden 512, 8 layers, 1,306 tokens 2,473 : 2,469, with an adapter 2,458 : 2,466;
hidden 256, 4 layers, a vocabulary of 32,000 2,429 : 2,510; hidden 1,024, 4 layers, an adapter 1,528 : 1,500.
"""

from pen_backend.engine.nn.batches import Plan
from pen_backend.engine.nn.folder import ModelFolder
from pen_backend.engine.nn.spec import Lora, Spec

PROGRAM = 400_000_000
"""The libraries, loaded."""
TRAINED = 28
"""Bytes for a trained parameter in fp32: itself, its gradient, two moments, and all but the gradient once more while a
checkpoint is written."""
FROZEN = 4
INSIDE = 34
"""Half-precision numbers that a layer keeps for the backward, for each token and hidden unit."""
ADAPTED = 1.5
"""How many times that with an adapter, which takes the inputs of its matrices in fp32."""
LOGITS = 3
"""Rows of fp32 logits for each token."""
MOST_SCORES = 1 << 25
"""Attention scores (B, H, T, T) a layer may keep for the backward, half of them 32 MB; larger ones go through the fused
kernel, which keeps none."""


def memory_bytes(folder: ModelFolder, spec: Spec, plan: Plan, longest: int) -> int:
    """Estimate the peak of training: weights, gradients, moments, and activations of the largest batch."""
    if spec.tune == "full":
        held, inside = float(TRAINED * folder.parameters), float(INSIDE)
    else:
        rank = (spec.lora or Lora()).r
        linear = [shape for name, shape in folder.shapes.items() if len(shape) == 2 and "embed" not in name]
        held, inside = FROZEN * folder.parameters + TRAINED * rank * sum(map(sum, linear)), INSIDE * ADAPTED
    inner = folder.config.get("text_config", folder.config)
    hidden = inner.get("hidden_size") or inner.get("n_embd") or 0
    layers = inner.get("num_hidden_layers") or inner.get("n_layer") or 0
    heads = inner.get("num_attention_heads") or inner.get("n_head") or 0
    scores = plan.batch_tokens * min(longest, plan.batch_tokens) * heads
    return int(PROGRAM + held + plan.batch_tokens * (2 * inside * hidden * layers + 4 * LOGITS * folder.vocab_size)
               + (layers * scores if scores <= MOST_SCORES else 0))
