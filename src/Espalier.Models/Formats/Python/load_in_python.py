"""Loads this model folder with plain PyTorch and nothing else.

    from load_in_python import load
    model = load()                      # torch.nn.Module in eval mode
    logits = model(pixels)              # [batch, channels, size, size], normalised as preprocessor_config.json says

Run as a script it prints the architecture and checks one forward pass.
"""
import json
import os
import struct
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def read_safetensors(path):
    with open(path, "rb") as file:
        data = bytearray(file.read())
    (length,) = struct.unpack_from("<Q", data, 0)
    header = json.loads(bytes(data[8 : 8 + length]))
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        dtype = DTYPES[entry["dtype"]]
        count = (end - begin) // torch.tensor([], dtype=dtype).element_size()
        flat = torch.frombuffer(data, dtype=dtype, count=count, offset=8 + length + begin)
        tensors[name] = flat.reshape(entry["shape"]).float().clone()
    return tensors


class Windows:
    """A square grid of tokens in windows; shifted ones hide tokens from each other that only the roll brought together."""

    def __init__(self, grid, window, shift):
        self.grid, self.side, self.shift = grid, min(window, grid), shift if grid > window else 0
        self.rows = -(-grid // self.side)
        self.padded = self.rows * self.side
        at = torch.arange(self.side)
        y, x = at.repeat_interleave(self.side), at.repeat(self.side)
        self.pairs = (y[:, None] - y + window - 1) * (2 * window - 1) + x[:, None] - x + window - 1
        band = torch.zeros(self.padded)
        band[self.padded - self.side :] += 1
        band[self.padded - self.shift :] += 1
        regions = self.part((3 * band[:, None] + band)[None, :, :, None])[:, :, 0]
        self.hidden = -100.0 * (regions[:, :, None] != regions[:, None])

    def part(self, x):
        x = x.reshape(x.shape[0], self.rows, self.side, self.rows, self.side, -1)
        return x.transpose(2, 3).reshape(-1, self.side**2, x.shape[-1])

    def split(self, x):
        x = x.reshape(x.shape[0], self.grid, self.grid, -1).roll((-self.shift, -self.shift), (1, 2))
        return self.part(F.pad(x, (0, 0, 0, self.padded - self.grid, 0, self.padded - self.grid)))

    def join(self, x):
        x = x.reshape(-1, self.rows, self.rows, self.side, self.side, x.shape[-1]).transpose(2, 3)
        x = x.reshape(x.shape[0], self.padded, self.padded, -1)[:, : self.grid, : self.grid]
        return x.roll((self.shift, self.shift), (1, 2)).flatten(1, 2)

    def place(self, logits, table):
        logits = logits + table[self.pairs.to(table.device)].permute(2, 0, 1)
        if not self.shift:
            return logits
        by_image = logits.reshape(-1, len(self.hidden), *logits.shape[1:]) + self.hidden.to(logits.device)[:, None]
        return by_image.flatten(0, 1)


class Attention(nn.Module):
    """Multi-head attention whose q/k and v widths per head may differ; it may stay within windows, queries and keys may be normalised."""

    def __init__(self, dim, heads, qk_dim, v_dim, scale=None, bias=True, norm_eps=None, windows=None, window=0):
        super().__init__()
        self.windows = windows
        if windows is not None:
            self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.heads, self.qk_dim, self.v_dim = heads, qk_dim, v_dim
        self.scale = scale if scale is not None else qk_dim**-0.5
        self.qkv = nn.Linear(dim, heads * (2 * qk_dim + v_dim), bias=bias)
        self.q_norm = nn.LayerNorm(qk_dim, eps=norm_eps) if norm_eps else nn.Identity()
        self.k_norm = nn.LayerNorm(qk_dim, eps=norm_eps) if norm_eps else nn.Identity()
        self.proj = nn.Linear(heads * v_dim, dim)

    def forward(self, x, sizes=None):
        """Also returns the keys; a token that stands for s others is attended to as if it were there s times."""
        if self.windows is not None:
            x = self.windows.split(x)
        b, n, _ = x.shape
        widths = [self.heads * self.qk_dim, self.heads * self.qk_dim, self.heads * self.v_dim]
        q, k, v = (part.reshape(b, n, self.heads, -1).transpose(1, 2) for part in self.qkv(x).split(widths, dim=-1))
        q, k = self.q_norm(q), self.k_norm(k)
        logits = (q * self.scale) @ k.transpose(-2, -1)
        if sizes is not None:
            logits = logits + sizes.log().reshape(b, 1, 1, n)
        if self.windows is not None:
            logits = self.windows.place(logits, self.relative_position_bias_table)
        outputs = (logits.softmax(dim=-1) @ v).transpose(1, 2).reshape(b, n, -1)
        return self.proj(outputs if self.windows is None else self.windows.join(outputs)), k


def merge_tokens(x, sizes, keys, prefix, count):
    """Bipartite soft matching (ToMe): the tokens whose keys are most alike become one, the mean of all they stand for."""
    with torch.no_grad():
        metric = F.normalize(keys.mean(1)[:, prefix:].float(), dim=-1)
        best, target = (metric[:, ::2] @ metric[:, 1::2].transpose(1, 2)).max(-1)
        order = best.sort(dim=-1, descending=True, stable=True).indices
        going, staying = order[:, :count], order[:, count:].sort(dim=-1).values
        target = target.gather(1, going)
    if sizes is None:
        sizes = torch.ones_like(x[..., :1])
    sums = torch.cat([x * sizes, sizes], dim=-1)
    wide = lambda indices: indices.unsqueeze(-1).expand(-1, -1, sums.shape[-1])
    sources, targets = sums[:, prefix::2], sums[:, prefix + 1 :: 2]
    targets = targets.scatter_add(1, wide(target), sources.gather(1, wide(going)))
    sums = torch.cat([sums[:, :prefix], sources.gather(1, wide(staying)), targets], dim=1)
    return sums[..., :-1] / sums[..., -1:], sums[..., -1:]


class Mlp(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class LayerScale(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return x * self.gamma


class Mixer(nn.Module):
    """Stands in for attention: a bias for each position and, the same for all of them, a low-rank map of the mean token."""

    def __init__(self, tokens, dim, rank):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(tokens, dim))
        self.down = nn.Linear(dim, rank, bias=False) if rank else None
        self.up = nn.Linear(rank, dim, bias=False) if rank else None

    def forward(self, x):
        if self.down is None:
            return self.bias
        return self.bias + self.up(self.down(x.mean(dim=1, keepdim=True)))


class Block(nn.Module):
    """A pre-norm block; whatever was compressed away is not there."""

    def __init__(self, tokens, prefix, dim, spec, eps, grid):
        super().__init__()
        eps = spec.get("norm_eps") or eps
        window = spec.get("window", 0)
        self.linear = nn.Linear(dim, dim) if spec["kind"] == "linear" else None
        self.attn = self.mixer = self.mlp = None
        self.prefix, self.tokens_merged = prefix, spec.get("tokens_merged", 0)
        scaled = spec.get("layer_scale", False)
        self.ls1 = LayerScale(dim) if scaled and spec["heads"] else nn.Identity()
        self.ls2 = LayerScale(dim) if scaled and spec["mlp_hidden"] else nn.Identity()
        if spec["heads"]:
            self.norm1 = nn.LayerNorm(dim, eps=eps)
            self.attn = Attention(
                dim, spec["heads"], spec["qk_dim"], spec["v_dim"], spec.get("attention_scale"),
                spec.get("qkv_bias", True), eps if spec.get("qk_norm", False) else None,
                Windows(grid, window, spec.get("shift", 0)) if window else None, window)
        if spec.get("mixer_rank") is not None:
            self.mixer = Mixer(tokens, dim, spec["mixer_rank"])
        if spec["mlp_hidden"]:
            self.norm2 = nn.LayerNorm(dim, eps=eps)
            self.mlp = Mlp(dim, spec["mlp_hidden"])

    def forward(self, x, sizes=None):
        if self.linear is not None:
            return self.linear(x), sizes
        if self.attn is not None:
            branch, keys = self.attn(self.norm1(x), sizes)
            x = x + self.ls1(branch)
            if self.tokens_merged:
                x, sizes = merge_tokens(x, sizes, keys, self.prefix, self.tokens_merged)
        elif self.mixer is not None:
            x = x + self.mixer(x)
        if self.mlp is not None:
            x = x + self.ls2(self.mlp(self.norm2(x)))
        return x, sizes


class PatchEmbed(nn.Module):
    def __init__(self, channels, dim, patch, bias, norm):
        super().__init__()
        self.proj = nn.Conv2d(channels, dim, patch, stride=patch, bias=bias)
        self.norm = norm

    def forward(self, x):
        return self.norm(self.proj(x).flatten(2).transpose(1, 2))


class PatchMerging(nn.Module):
    """Four neighbours become one token of another width."""

    def __init__(self, grid, dim, out_dim, eps):
        super().__init__()
        self.grid = grid
        self.norm = nn.LayerNorm(4 * dim, eps=eps)
        self.reduction = nn.Linear(4 * dim, out_dim, bias=False)

    def forward(self, x):
        x = x.reshape(x.shape[0], self.grid, self.grid, -1)
        x = F.pad(x, (0, 0, 0, self.grid % 2, 0, self.grid % 2))
        half = x.shape[1] // 2
        x = x.reshape(x.shape[0], half, 2, half, 2, -1).permute(0, 1, 3, 4, 2, 5).flatten(3).flatten(1, 2)
        return self.reduction(self.norm(x))


class Stage(nn.Module):
    def __init__(self, downsample):
        super().__init__()
        self.downsample = downsample
        self.blocks = nn.ModuleList()


class VisionTransformer(nn.Module):
    def __init__(self, config):
        super().__init__()
        spec = config["espalier"]
        dim, eps = spec["embed_dim"], spec["layer_norm_eps"]
        patches = (spec["image_size"] // spec["patch_size"]) ** 2
        sizes = {
            "cls_token": int(spec.get("class_token", True)),
            "dist_token": int(spec.get("dist_token", False)),
            "reg_token": spec.get("reg_tokens", 0),
        }
        self.prefix = [name for name, size in sizes.items() if size]
        self.prefix_tokens = sum(sizes.values())
        self.embed_prefix = not spec.get("no_embed_class", False)
        self.average = config.get("global_pool", "token") == "avg"
        tokens = patches + self.prefix_tokens
        self.staged = spec.get("staged", False)
        self.patch_embed = PatchEmbed(
            spec["channels"], dim, spec["patch_size"], spec.get("patch_bias", True),
            nn.LayerNorm(dim, eps=eps) if self.staged else nn.Identity())
        for name in self.prefix:
            setattr(self, name, nn.Parameter(torch.zeros(1, sizes[name], dim)))
        if not self.staged:
            self.pos_embed = nn.Parameter(torch.zeros(1, tokens if self.embed_prefix else patches, dim))
        self.norm_pre = nn.LayerNorm(dim, eps=eps) if spec.get("pre_norm", False) else nn.Identity()
        grid, stages = spec["image_size"] // spec["patch_size"], [Stage(nn.Identity())]
        for block in spec["blocks"]:
            if block.get("downsample_dim", 0):
                stages.append(Stage(PatchMerging(grid, dim, block["downsample_dim"], eps)))
                grid, dim = (grid + 1) // 2, block["downsample_dim"]
            stages[-1].blocks.append(Block(tokens, self.prefix_tokens, dim, block, eps, grid))
        if self.staged:
            self.layers = nn.ModuleList(stages)
        else:
            self.blocks = stages[0].blocks
        after_pool = spec.get("fc_norm", False)
        self.norm = nn.Identity() if after_pool else nn.LayerNorm(dim, eps=eps)
        self.fc_norm = nn.LayerNorm(dim, eps=eps) if after_pool else nn.Identity()
        self.head = nn.Linear(dim, config["num_classes"]) if config["num_classes"] else nn.Identity()
        if self.staged and config["num_classes"]:
            self.head = nn.Sequential(OrderedDict(fc=self.head))
        self.head_dist = nn.Linear(dim, config["num_classes"]) if spec.get("dist_head", False) else None

    def forward_features(self, pixels):
        x = self.patch_embed(pixels)
        if self.staged:
            for stage in self.layers:
                x = stage.downsample(x)
                for block in stage.blocks:
                    x, _ = block(x)
            return self.norm(x)
        if not self.embed_prefix:
            x = x + self.pos_embed
        x = torch.cat([getattr(self, name).expand(x.shape[0], -1, -1) for name in self.prefix] + [x], dim=1)
        if self.embed_prefix:
            x = x + self.pos_embed
        x = self.norm_pre(x)
        sizes = None
        for block in self.blocks:
            x, sizes = block(x, sizes)
        return self.norm(x)

    def forward(self, pixels):
        x = self.forward_features(pixels)
        logits = self.head(self.fc_norm(x[:, self.prefix_tokens :].mean(dim=1) if self.average else x[:, 0]))
        return logits if self.head_dist is None else (logits + self.head_dist(x[:, 1])) / 2


def load(folder=os.path.dirname(os.path.abspath(__file__))):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    model = VisionTransformer(config)
    model.load_state_dict(read_safetensors(os.path.join(folder, "model.safetensors")), strict=True)
    return model.eval()


if __name__ == "__main__":
    net = load()
    size = json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "config.json"), encoding="utf-8"))["espalier"]
    with torch.no_grad():
        out = net(torch.zeros(1, size["channels"], size["image_size"], size["image_size"]))
    print(f"{sum(p.numel() for p in net.parameters()):,} parameters, logits {tuple(out.shape)}")
