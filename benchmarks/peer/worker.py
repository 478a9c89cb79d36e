"""The PyTorch side of the comparisons.

Answers one line "mode precision threads batch steps" on standard input with the seconds and the processor seconds those
steps took, so that it can take turns with the other side and never runs beside it. "memory" answers with the peak resident set in bytes.
An argument names a folder of images, for the modes that load some.
"""
import sys
import time

import torch

import works


class Worker:
    def __init__(self, images):
        self.images = images
        self.works = {}

    def measure(self, mode, precision, threads, size, steps):
        torch.set_num_threads(int(threads))
        key = (mode, precision, threads, size)
        if key not in self.works:
            self.works[key] = works.make(mode, precision == "bf16", int(threads), int(size), self.images)
            self.works[key]()
        step = self.works[key]
        begun, spent = time.perf_counter(), processor_time()
        for _ in range(int(steps)):
            step()
        return f"{time.perf_counter() - begun} {processor_time() - spent}"


def processor_time():
    """Of this process and of the loader's, as far as those have ended."""
    import resource
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def peak_memory():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def main():
    worker = Worker(sys.argv[1] if len(sys.argv) > 1 else None)
    for line in sys.stdin:
        words = line.split()
        print(peak_memory() if words == ["memory"] else worker.measure(*words), flush=True)


if __name__ == "__main__":
    main()
