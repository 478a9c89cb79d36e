"""The PyTorch side of the training-step benchmark: a ViT-Ti written as timm writes it.

Answers one line "mode precision threads batch steps" on standard input with the seconds and the processor seconds those
steps took, so that it can take turns with the other side and never runs beside it. "memory" answers with the peak resident set in bytes.
"""
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, width=192, heads=3, hidden=768):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def attention(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        scores = (q * (d // self.heads) ** -0.5) @ k.transpose(-2, -1)
        return self.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, n, d))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class VisionTransformer(nn.Module):
    def __init__(self, width=192, depth=12, classes=1000):
        super().__init__()
        self.patch = nn.Conv2d(3, width, 16, 16)
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * 1e-6)
        self.pos_embed = nn.Parameter(torch.randn(1, 197, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, pixels):
        x = self.patch(pixels).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


class Worker:
    def __init__(self):
        torch.manual_seed(0)
        self.model = VisionTransformer()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-6, weight_decay=0.05, foreach=True)
        self.batches = {}
        self.warm = set()

    def batch(self, size):
        if size not in self.batches:
            self.batches[size] = torch.randn(size, 3, 224, 224), torch.arange(size)
        return self.batches[size]

    def step(self, mode, bf16, batch):
        pixels, labels = batch
        if mode == "forward":
            with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                self.model(pixels)
            return
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            loss = F.cross_entropy(self.model(pixels).float(), labels)
        loss.backward()
        if mode == "step":
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def measure(self, mode, precision, threads, size, steps):
        torch.set_num_threads(int(threads))
        batch = self.batch(int(size))
        bf16 = precision == "bf16"
        if (mode, precision, threads, size) not in self.warm:
            self.warm.add((mode, precision, threads, size))
            self.step(mode, bf16, batch)
        begun, spent = time.perf_counter(), time.process_time()
        for _ in range(int(steps)):
            self.step(mode, bf16, batch)
        return f"{time.perf_counter() - begun} {time.process_time() - spent}"


def peak_memory():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def main():
    worker = Worker()
    for line in sys.stdin:
        words = line.split()
        print(peak_memory() if words == ["memory"] else worker.measure(*words), flush=True)


if __name__ == "__main__":
    main()
