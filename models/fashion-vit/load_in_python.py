"""Loads this model folder with plain PyTorch and nothing else.

    from load_in_python import load
    model = load()                      # torch.nn.Module in eval mode
    logits = model(pixels)              # [batch, channels, size, size], normalised as preprocessor_config.json says

Run as a script it prints the architecture and checks one forward pass.
"""
import json
import os
import struct

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


class Attention(nn.Module):
    """Multi-head attention whose q/k and v widths per head may differ; queries and keys may be normalised."""

    def __init__(self, dim, heads, qk_dim, v_dim, scale=None, bias=True, norm_eps=None):
        super().__init__()
        self.heads, self.qk_dim, self.v_dim = heads, qk_dim, v_dim
        self.scale = scale if scale is not None else qk_dim**-0.5
        self.qkv = nn.Linear(dim, heads * (2 * qk_dim + v_dim), bias=bias)
        self.q_norm = nn.LayerNorm(qk_dim, eps=norm_eps) if norm_eps else nn.Identity()
        self.k_norm = nn.LayerNorm(qk_dim, eps=norm_eps) if norm_eps else nn.Identity()
        self.proj = nn.Linear(heads * v_dim, dim)

    def forward(self, x):
        b, n, _ = x.shape
        widths = [self.heads * self.qk_dim, self.heads * self.qk_dim, self.heads * self.v_dim]
        q, k, v = (part.reshape(b, n, self.heads, -1).transpose(1, 2) for part in self.qkv(x).split(widths, dim=-1))
        q, k = self.q_norm(q), self.k_norm(k)
        attention = ((q * self.scale) @ k.transpose(-2, -1)).softmax(dim=-1)
        return self.proj((attention @ v).transpose(1, 2).reshape(b, n, -1))


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

    def __init__(self, tokens, dim, spec, eps):
        super().__init__()
        eps = spec.get("norm_eps") or eps
        self.linear = nn.Linear(dim, dim) if spec["kind"] == "linear" else None
        self.attn = self.mixer = self.mlp = None
        scaled = spec.get("layer_scale", False)
        self.ls1 = LayerScale(dim) if scaled and spec["heads"] else nn.Identity()
        self.ls2 = LayerScale(dim) if scaled and spec["mlp_hidden"] else nn.Identity()
        if spec["heads"]:
            self.norm1 = nn.LayerNorm(dim, eps=eps)
            self.attn = Attention(
                dim, spec["heads"], spec["qk_dim"], spec["v_dim"], spec.get("attention_scale"),
                spec.get("qkv_bias", True), eps if spec.get("qk_norm", False) else None)
        if spec.get("mixer_rank") is not None:
            self.mixer = Mixer(tokens, dim, spec["mixer_rank"])
        if spec["mlp_hidden"]:
            self.norm2 = nn.LayerNorm(dim, eps=eps)
            self.mlp = Mlp(dim, spec["mlp_hidden"])

    def forward(self, x):
        if self.linear is not None:
            return self.linear(x)
        if self.attn is not None:
            x = x + self.ls1(self.attn(self.norm1(x)))
        elif self.mixer is not None:
            x = x + self.mixer(x)
        if self.mlp is not None:
            x = x + self.ls2(self.mlp(self.norm2(x)))
        return x


class PatchEmbed(nn.Module):
    def __init__(self, channels, dim, patch, bias):
        super().__init__()
        self.proj = nn.Conv2d(channels, dim, patch, stride=patch, bias=bias)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


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
        self.patch_embed = PatchEmbed(spec["channels"], dim, spec["patch_size"], spec.get("patch_bias", True))
        for name in self.prefix:
            setattr(self, name, nn.Parameter(torch.zeros(1, sizes[name], dim)))
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens if self.embed_prefix else patches, dim))
        self.norm_pre = nn.LayerNorm(dim, eps=eps) if spec.get("pre_norm", False) else nn.Identity()
        self.blocks = nn.ModuleList(Block(tokens, dim, block, eps) for block in spec["blocks"])
        after_pool = spec.get("fc_norm", False)
        self.norm = nn.Identity() if after_pool else nn.LayerNorm(dim, eps=eps)
        self.fc_norm = nn.LayerNorm(dim, eps=eps) if after_pool else nn.Identity()
        self.head = nn.Linear(dim, config["num_classes"]) if config["num_classes"] else nn.Identity()
        self.head_dist = nn.Linear(dim, config["num_classes"]) if spec.get("dist_head", False) else None

    def forward_features(self, pixels):
        x = self.patch_embed(pixels)
        if not self.embed_prefix:
            x = x + self.pos_embed
        x = torch.cat([getattr(self, name).expand(x.shape[0], -1, -1) for name in self.prefix] + [x], dim=1)
        if self.embed_prefix:
            x = x + self.pos_embed
        x = self.norm_pre(x)
        for block in self.blocks:
            x = block(x)
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
