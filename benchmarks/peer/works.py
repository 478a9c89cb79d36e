"""What is measured on the PyTorch side: each work is a function that takes one step."""
import copy
import random

import torch
from torch import nn
from torch.nn import functional as F

from vit import Block, VisionTransformer

HIDDEN = 287  # ViT-Ti, 75.7 % of the MACs, four blocks


def make(mode, bf16, threads, size, images):
    if mode in ("load", "load-cached"):  # here nothing is kept
        return loading(threads, size, images)
    torch.manual_seed(0)
    pixels = torch.randn(size, 3, 224, 224)
    if mode in ("mimic", "middle", "local"):
        return mimic(VisionTransformer(), 4, pixels)
    if mode == "rank":
        teacher = VisionTransformer()
        candidates = [mimic(teacher, block, pixels) for block in range(1, 11)]
        return lambda: [step() for step in candidates]
    return network(mode, bf16, pixels)


def network(mode, bf16, pixels):
    model = VisionTransformer()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, weight_decay=0.05, foreach=True)
    labels = torch.arange(len(pixels))

    def step():
        if mode == "forward":
            with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                model(pixels)
            return
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            loss = F.cross_entropy(model(pixels).float(), labels)
        loss.backward()
        if mode == "step":
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def mimic(teacher, block, pixels):
    """A finetuning step of DC-ViT as its published code takes it: both networks whole, in fp32, whatever moves."""
    student = copy.deepcopy(teacher)
    student.blocks[block] = Block(hidden=HIDDEN, attends=False)
    for frozen in [*student.blocks[block + 2:], student.head]:
        frozen.requires_grad_(False)
    optimizer = torch.optim.AdamW([p for p in student.parameters() if p.requires_grad], lr=3e-5, weight_decay=1e-4)

    def step():
        with torch.no_grad():
            wanted = teacher.forward_features(pixels)
        loss = F.mse_loss(student.forward_features(pixels), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def loading(threads, size, folder):
    """Batches of augmented images by torchvision, with as many worker processes as the other side has threads."""
    import os

    import torchvision.transforms as T
    from PIL import Image

    files = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".jpg"))
    transform = T.Compose([
        T.RandomResizedCrop(224, interpolation=T.InterpolationMode.BICUBIC), T.RandomHorizontalFlip(),
        T.ToTensor(), T.Normalize((0.5,) * 3, (0.5,) * 3),
    ])

    class Images(torch.utils.data.Dataset):
        def __len__(self):
            return 1 << 20  # endless, as long as anyone measures

        def __getitem__(self, index):
            with Image.open(files[random.randrange(len(files))]) as image:
                return transform(image.convert("RGB"))

    torch.set_num_threads(1)
    loader = iter(torch.utils.data.DataLoader(Images(), batch_size=size, num_workers=threads))
    return lambda: next(loader)
