"""Training speed beside PyTorch's: the same model, weights and batches, in turns, on one machine.

    python scripts/bench_train.py TRAIN_SPEED [--sizes S,M] [--device cpu] [--rounds N] [--seconds X] [--threads N]

TRAIN_SPEED is the example of model-train. PyTorch's contenders: eager and torch.compile, in f32 and under bf16
autocast, each with fused AdamW, scaled_dot_product_attention, fused query-key-value and gate-up matrices, clipping by
the global norm, and glibc's allocator asked for huge pages; also with jemalloc or tcmalloc where the system has them.
Every contender is a process of its own, which rests while the others run. All take the same steps; their losses are
compared step by step, and the script fails if they differ. Then rounds: each contender takes as many steps as fill
SECONDS, one after the other; the median of the rounds counts.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS, SEQ_LEN, BATCHES = 32, 128, 64
COMPARED_STEPS = 10
# Largest difference of a step's loss from PyTorch's in f32, in nats.
BOUNDS = {"f32": 1e-4, "bf16": 2e-2}


def contender(directory, mode, precision, device, threads):
    """One PyTorch contender: prints its name, then takes as many steps as each line of stdin says."""
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("highest")
    config = json.loads((directory / "config.json").read_text())
    heads, width = config["num_attention_heads"], config["hidden_size"]
    d_head, eps = config["head_dim"], config["rms_norm_eps"]

    class Block(torch.nn.Module):
        def __init__(self, tensors):
            super().__init__()
            parameter = lambda *names: torch.nn.Parameter(torch.cat([tensors[f"{name}.weight"] for name in names]))
            self.qkv = parameter("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
            self.output = parameter("self_attn.o_proj")
            self.gate_up = parameter("mlp.gate_proj", "mlp.up_proj")
            self.down = parameter("mlp.down_proj")
            self.attention_norm = parameter("input_layernorm")
            self.mlp_norm = parameter("post_attention_layernorm")

        def forward(self, x, cos, sin):
            rows, length, _ = x.shape
            qkv = F.linear(F.rms_norm(x, (width,), self.attention_norm, eps), self.qkv)
            query, key, value = qkv.view(rows, length, 3, heads, d_head).permute(2, 0, 3, 1, 4)
            turn = lambda x: x * cos + torch.cat([-x[..., d_head // 2 :], x[..., : d_head // 2]], -1) * sin
            mixed = F.scaled_dot_product_attention(turn(query).to(value), turn(key).to(value), value, is_causal=True)
            x = x + F.linear(mixed.transpose(1, 2).reshape(rows, length, width), self.output)
            gate, up = F.linear(F.rms_norm(x, (width,), self.mlp_norm, eps), self.gate_up).chunk(2, -1)
            return x + F.linear(F.silu(gate) * up, self.down)

    class Model(torch.nn.Module):
        def __init__(self, tensors):
            super().__init__()
            self.embedding = torch.nn.Parameter(tensors["model.embed_tokens.weight"].clone())
            self.norm = torch.nn.Parameter(tensors["model.norm.weight"].clone())
            layer = lambda i: {name.split(".", 3)[3]: t for name, t in tensors.items() if f".layers.{i}." in name}
            self.layers = torch.nn.ModuleList(Block(layer(i)) for i in range(config["num_hidden_layers"]))
            frequencies = config["rope_theta"] ** (-torch.arange(0, d_head, 2) / d_head)
            angles = torch.outer(torch.arange(SEQ_LEN), frequencies).repeat(1, 2)
            self.register_buffer("cos", angles.cos())
            self.register_buffer("sin", angles.sin())

        def forward(self, inputs, targets):
            x = F.embedding(inputs, self.embedding)
            for block in self.layers:
                x = block(x, self.cos, self.sin)
            logits = F.linear(F.rms_norm(x, (width,), self.norm, eps), self.embedding)
            return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def read(name, dtype):
        return torch.frombuffer(bytearray((directory / name).read_bytes()), dtype=dtype)

    values, tensors = read("weights.f32", torch.float32), {}
    for name, shape in json.loads((directory / "parameters.json").read_text()):
        tensors[name], values = values[: math.prod(shape)].view(shape), values[math.prod(shape) :]
    tokens = read("tokens.u32", torch.int32).long().view(-1, ROWS, SEQ_LEN + 1).to(device)
    batches = [(rows[:, :-1].contiguous(), rows[:, 1:].contiguous()) for rows in tokens]

    model = Model(tensors).to(device)
    parameters = list(model.parameters())
    matrices, norms = [p for p in parameters if p.dim() == 2], [p for p in parameters if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": norms, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), eps=1e-8, fused=True)
    loss_of = {
        "eager": lambda: model,
        "compile": lambda: torch.compile(model),
        "max-autotune": lambda: torch.compile(model, mode="max-autotune-no-cudagraphs"),
    }[mode]()

    def step(inputs, targets):
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            loss = loss_of(inputs, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return loss.detach()

    print(json.dumps(f"PyTorch {torch.__version__} {mode} {precision}"), flush=True)
    done = 0
    for line in sys.stdin:
        count = int(line)
        begin = time.perf_counter()
        losses = [step(*batches[(done + i) % BATCHES]) for i in range(count)]
        losses = torch.stack(losses).double().tolist()  # waits for the device
        seconds = time.perf_counter() - begin
        done += count
        print(json.dumps({"seconds": seconds, "losses": losses}), flush=True)


class Contender:
    """A process that takes steps when told to."""

    def __init__(self, name, precision, command, environment):
        self.name, self.precision = name, precision
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        self.losses, self.rates, self.shares = [], [], []
        self.own_name = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name}: ended with status {self.process.wait()}")
        return json.loads(line)

    def take(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        answer = self.answer()
        self.losses += answer["losses"]
        return answer["seconds"]

    def forget_peak(self):
        """From here on the highest memory counts anew, so that compiling does not count."""
        try:
            Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        except OSError:
            pass

    def peak_megabytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def allocators():
    """Preloadable allocators of this system."""
    listed = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True).stdout
    for name in ("libjemalloc.so", "libtcmalloc_minimal.so"):
        paths = [line.split("=>")[1].strip() for line in listed.splitlines() if line.strip().startswith(name)]
        if paths:
            yield name.removesuffix(".so"), {"LD_PRELOAD": paths[0]}


def has_bf16():
    """Whether this processor multiplies bf16; true where that cannot be told."""
    info = Path("/proc/cpuinfo")
    return not info.exists() or any(flag in info.read_text() for flag in ("amx_bf16", "avx512_bf16"))


def compare(size, arguments, directory):
    ours = Path(arguments.train_speed).absolute()
    subprocess.run([ours, "prepare", size, str(BATCHES), directory], check=True)
    config = json.loads((directory / "config.json").read_text())
    d, layers, d_ff = config["hidden_size"], config["num_hidden_layers"], config["intermediate_size"]
    weights = layers * (4 * d * d + 3 * d * d_ff) + config["vocab_size"] * d
    flops = 6 * weights + 12 * layers * SEQ_LEN * d
    threads, device = str(arguments.threads), arguments.device

    def pytorch(mode, precision, allocator="huge pages", environment=None):
        command = [sys.executable, __file__, "--contender", directory, mode, precision]
        command += ["--device", device, "--threads", threads]
        environment = environment or {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
        return Contender(f"PyTorch {mode} {precision}, {allocator}", precision, command, environment)

    def own(precision):
        command = [ours, "run", directory, "--device", device, "--threads", threads, "--precision", precision]
        return Contender(f"ours {precision}", precision, command, {})

    wanted = arguments.ours.split(",")
    if "bf16" in wanted and arguments.device == "cpu" and not has_bf16():
        print("ours bf16: left out, this processor has no instructions for it", file=sys.stderr)
        wanted.remove("bf16")
    contenders = [own(precision) for precision in wanted]
    modes = arguments.modes.split(",")
    precisions = arguments.pytorch.split(",")
    contenders += [pytorch(mode, precision) for mode in modes for precision in precisions]
    if device == "cpu":
        for name, environment in allocators():
            contenders += [pytorch("compile", precision, name, environment) for precision in precisions]

    # The first steps warm up, compile, and are compared.
    reference = next(c for c in contenders if c.name.startswith("PyTorch") and c.precision == "f32")
    failed = False
    counts = {}
    for c in contenders:
        begin = time.perf_counter()
        c.take(COMPARED_STEPS)
        seconds = c.take(2) / 2
        print(f"{c.name}: warm after {time.perf_counter() - begin:.0f} s", file=sys.stderr)
        counts[c] = max(2, round(arguments.seconds / seconds))
        c.forget_peak()
    for c in contenders:
        pairs = list(zip(c.losses, reference.losses))
        most = max(abs(a - b) for a, b in pairs)
        bound = BOUNDS[c.precision]
        verdict = "" if most <= bound else f"  DIFFERENT: more than {bound}"
        failed |= most > bound
        first, last = c.losses[0], c.losses[len(pairs) - 1]
        print(f"  {c.name:36} loss {first:.4f} to {last:.4f} in {len(pairs)} steps, at most {most:.1e} apart{verdict}")

    peaks = []
    for _ in range(arguments.rounds):
        if device == "cpu":
            peak = subprocess.run([ours, "peak", threads], check=True, capture_output=True, text=True).stdout
            peaks.append(float(peak))
        for c in contenders:
            time.sleep(0.3)  # until the last one's threads have gone to sleep
            seconds = c.take(counts[c])
            c.rates.append(ROWS * SEQ_LEN * counts[c] / seconds)
    best = max((c for c in contenders if c.name.startswith("PyTorch")), key=lambda c: statistics.median(c.rates))
    best_rate = statistics.median(best.rates)
    least_memory = min(c.peak_megabytes() for c in contenders if c.name.startswith("PyTorch"))
    where = f"{arguments.threads} threads" if device == "cpu" else device
    print(f"{size}: {layers} layers, d {d}, d_ff {d_ff}, vocabulary {config['vocab_size']}, {ROWS} x {SEQ_LEN} tokens, "
          f"{where}; median of {arguments.rounds} rounds")
    if peaks:
        peak = statistics.median(peaks)
        print(f"  peak of f32 multiply-adds {peak / 1e9:.0f} GFLOP/s ({min(peaks) / 1e9:.0f} to {max(peaks) / 1e9:.0f})")
    print(f"  {'':36} tokens/s  (least to most)     of the best PyTorch   of the peak   peak memory")
    for c in contenders:
        rate = statistics.median(c.rates)
        share = f"{100 * rate * flops / statistics.median(peaks):8.0f} %" if peaks else f"{'':10}"
        print(f"  {c.name:36} {rate:8,.0f}  ({min(c.rates):,.0f} to {max(c.rates):,.0f})"
              f"{rate / best_rate:14.2f} {share:>16} {c.peak_megabytes():10,.0f} MB   {c.own_name}")
    for c in contenders[: len(wanted)]:
        ratio = statistics.median([a / b for a, b in zip(c.rates, best.rates)])
        print(f"  {c.name}: {ratio:.2f} times {best.name} (median of each round's ratio); "
              f"memory {c.peak_megabytes() / least_memory:.2f} of the least PyTorch")
    for c in contenders:
        c.end()
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train_speed", nargs="?")
    parser.add_argument("--sizes", default="S,M", help="S, M or large, with commas")
    parser.add_argument("--modes", default="eager,compile", help="eager, compile or max-autotune, with commas")
    parser.add_argument("--pytorch", default="f32,bf16", help="its precisions, f32 among them, with commas")
    parser.add_argument("--ours", default="f32,bf16", help="our precisions, with commas")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each contender in each round")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--contender", nargs=3, metavar=("DIR", "MODE", "PRECISION"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        directory, mode, precision = arguments.contender
        contender(Path(directory), mode, precision, arguments.device, arguments.threads)
        return
    if not arguments.train_speed:
        parser.error("expected TRAIN_SPEED, the example of model-train")
    failed = False
    with tempfile.TemporaryDirectory() as directory:
        for size in arguments.sizes.split(","):
            failed |= compare(size, arguments, Path(directory) / size)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
