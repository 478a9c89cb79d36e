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
    """A gated one has a gate and a value for each hidden unit (SwiGLU)."""

    def __init__(self, dim, hidden, gated=False):
        super().__init__()
        self.gated = gated
        self.fc1 = nn.Linear(dim, 2 * hidden if gated else hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x):
        x = self.fc1(x)
        if not self.gated:
            return self.fc2(F.gelu(x))
        gate, value = x.chunk(2, dim=-1)
        return self.fc2(F.silu(gate) * value)


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
            self.mlp = Mlp(dim, spec["mlp_hidden"], spec.get("gated_mlp", False))

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


class ConvNet(nn.Module):
    """A ResNet or MobileNetV2; modules have timm's names, and a block that was dropped is not there."""

    def __init__(self, config):
        super().__init__()
        spec = config["espalier"]
        self.resnet, self.eps = spec["style"] == "resnet", spec["norm_eps"]
        self.act = F.relu if self.resnet else F.relu6
        stem, blocks, classes = spec["stem"], spec["blocks"], config["num_classes"]
        self.pool, self.blocks_of, stages = stem["pool"], [], {}
        self.stem = self.layer("conv1" if self.resnet else "conv_stem", "bn1", spec["channels"], stem["width"], stem["kernel"], stem["stride"])
        for block in blocks:
            index = stages[block["stage"]] = stages.get(block["stage"], -1) + 1
            prefix = f"layer{block['stage'] + 1}.{index}." if self.resnet else f"blocks.{block['stage']}.{index}."
            self.blocks_of.append(self.block(prefix, block))
        width = blocks[-1]["outputs"]
        self.last = self.layer("conv_head", "bn2", width, spec["head_width"]) if spec["head_width"] else None
        self.classifier_name = "fc" if self.resnet else "classifier"
        if classes:
            setattr(self, self.classifier_name, nn.Linear(spec["head_width"] or width, classes))

    def place(self, name, module):
        at = self
        *path, last = name.split(".")
        for part in path:
            if not hasattr(at, part):
                at.add_module(part, nn.Module())
            at = getattr(at, part)
        at.add_module(last, module)
        return name

    def layer(self, conv, norm, inputs, outputs, kernel=1, stride=1, groups=1):
        self.place(conv, nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False))
        self.place(norm, nn.BatchNorm2d(outputs, eps=self.eps))
        return conv, norm

    def block(self, p, spec):
        kind, inputs, hidden, outputs, stride = (spec[key] for key in ("kind", "inputs", "hidden", "outputs", "stride"))
        if kind == "dropped":
            return None
        if kind == "basic":
            rows = [("conv1", inputs, hidden, 3, stride, 1), ("conv2", hidden, outputs, 3, 1, 1)]
        elif kind == "bottleneck":
            rows = [("conv1", inputs, hidden, 1, 1, 1), ("conv2", hidden, hidden, 3, stride, 1), ("conv3", hidden, outputs, 1, 1, 1)]
        elif spec.get("expands", True):
            rows = [("conv_pw", inputs, hidden, 1, 1, 1), ("conv_dw", hidden, hidden, 3, stride, hidden), ("conv_pwl", hidden, outputs, 1, 1, 1)]
        else:
            rows = [("conv_dw", inputs, hidden, 3, stride, hidden), ("conv_pw", hidden, outputs, 1, 1, 1)]
        branch = [self.layer(p + name, f"{p}bn{k + 1}", *widths) for k, (name, *widths) in enumerate(rows)]
        past = self.layer(p + "downsample.0", p + "downsample.1", inputs, outputs, 1, stride) if spec.get("shortcut", False) else None
        return branch, past, self.resnet or (inputs == outputs and stride == 1)

    def run(self, layer, x, act=True):
        x = self.get_submodule(layer[1])(self.get_submodule(layer[0])(x))
        return self.act(x) if act else x

    def forward_features(self, x):
        x = self.run(self.stem, x)
        if self.pool:
            x = F.max_pool2d(x, 3, 2, 1)
        for block in self.blocks_of:
            if block is None:
                continue
            (*inner, last), past, adds = block
            y = x
            for layer in inner:
                y = self.run(layer, y)
            y = self.run(last, y, act=False)
            if adds:
                y = y + (self.run(past, x, act=False) if past else x)
            x = F.relu(y) if self.resnet else y
        return self.run(self.last, x) if self.last else x

    def forward(self, pixels):
        pooled = self.forward_features(pixels).mean(dim=(2, 3))
        return getattr(self, self.classifier_name)(pooled) if hasattr(self, self.classifier_name) else pooled


def load(folder=os.path.dirname(os.path.abspath(__file__))):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    model = ConvNet(config) if config["espalier"].get("family") == "cnn" else VisionTransformer(config)
    model.load_state_dict(read_safetensors(os.path.join(folder, "model.safetensors")), strict=True)
    return model.eval()


if __name__ == "__main__":
    net = load()
    size = json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "config.json"), encoding="utf-8"))["espalier"]
    with torch.no_grad():
        out = net(torch.zeros(1, size["channels"], size["image_size"], size["image_size"]))
    print(f"{sum(p.numel() for p in net.parameters()):,} parameters, logits {tuple(out.shape)}")
