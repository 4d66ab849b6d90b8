"""PyTorch's side of the benchmark: takes a task from stdin, times it here, answers on stdout.

A message is a little-endian uint32, that many bytes of JSON, and then the raw float32 tensors it announces.
"""

import json
import os
import re
import struct
import sys
import time

import torch
import torch.nn.functional as F

REPLIES = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # whatever a library prints must not end up among the replies


def receive():
    size = sys.stdin.buffer.read(4)
    if len(size) < 4:
        sys.exit()
    message = json.loads(sys.stdin.buffer.read(struct.unpack("<I", size)[0]))
    message["inputs"] = {
        name: torch.frombuffer(bytearray(sys.stdin.buffer.read(4 * count(shape))), dtype=torch.float32).reshape(shape)
        for name, shape in message.get("inputs", {}).items()
    }
    return message


def reply(payload=b"", **header):
    text = json.dumps({"bytes": len(payload), **header}).encode()
    REPLIES.write(struct.pack("<I", len(text)) + text + payload)
    REPLIES.flush()


def count(shape):
    product = 1
    for size in shape:
        product *= size
    return product


def conv2d(task, t):
    s = task["shape"]
    if task["direction"] == "forward":
        return lambda: F.conv2d(t["input"], t["weight"], t["bias"], s["s"], s["p"], s["d"], s["g"])
    which = 0 if task["direction"] == "input-grad" else 1
    mask = [which == 0, which == 1, False]
    return lambda: torch.ops.aten.convolution_backward(
        t["grad"], t["input"], t["weight"], None, s["s"], s["p"], s["d"], False, [0, 0], s["g"], mask
    )[which]


class LeNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 16, 5, padding=2)
        self.conv2 = torch.nn.Conv2d(16, 32, 5)
        self.fc1 = torch.nn.Linear(32 * 5 * 5, 128)
        self.drop = torch.nn.Dropout(0.4)
        self.fc2 = torch.nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(self.drop(F.relu(self.fc1(x.flatten(1)))))


def train_step(task, t):
    torch.manual_seed(0)
    model = LeNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=task["learningRate"])
    images, labels = t["images"], t["labels"].long()

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        loss.item()
        return loss

    return step


def prepare(task):
    """The function to time."""
    t = task["inputs"]
    operations = {
        "conv2d": lambda: conv2d(task, t),
        "trainStep": lambda: train_step(task, t),
        "matmul": lambda: lambda: torch.matmul(t["a"], t["b"]),
        "add": lambda: lambda: torch.add(t["a"], t["b"]),
        "relu": lambda: lambda: F.relu(t["x"]),
        "sigmoid": lambda: lambda: torch.sigmoid(t["x"]),
        "sum": lambda: lambda: t["x"].sum(),
        "mean": lambda: lambda: t["x"].mean(-1),
        "transpose": lambda: lambda: t["x"].t().contiguous(),
        "softmax": lambda: lambda: F.softmax(t["x"], -1),
        "maxPool2d": lambda: lambda: F.max_pool2d(t["x"], 2, 2),
        "avgPool2d": lambda: lambda: F.avg_pool2d(t["x"], 2, 2),
        "batchNormTraining": lambda: lambda: F.batch_norm(t["x"], None, None, t["weight"], t["bias"], True),
        "batchNorm": lambda: lambda: F.batch_norm(t["x"], t["mean"], t["variance"], t["weight"], t["bias"]),
    }
    return operations[task["op"]]()


def measure(run, samples, repeats):
    times = []
    for _ in range(samples):
        start = time.perf_counter()
        for _ in range(repeats):
            run()
        times.append((time.perf_counter() - start) * 1e3 / repeats)
    return times


def blas():
    """The library that multiplies matrices; Debian's reference BLAS is ten times slower than OpenBLAS."""
    torch.ones(64, 64) @ torch.ones(64, 64)
    try:
        with open("/proc/self/maps") as maps:
            files = {"/".join(line.split()[-1].split("/")[-2:]) for line in maps}
        return ", ".join(sorted(f for f in files if "libblas" in f or "libmkl" in f)) or "built-in BLAS"
    except OSError:
        return "BLAS unknown"


def capability():
    """The instructions that PyTorch's own kernels use; oneDNN and the BLAS choose by themselves."""
    found = re.search(r"CPU capability usage: (\w+)", torch.__config__.show())
    return found[1] if found else "capability unknown"


def main():
    torch.set_num_threads(int(sys.argv[1]))
    task, run = None, None
    while True:
        message = receive()
        try:
            with torch.set_grad_enabled(message["op"] == "trainStep" or (task or {}).get("op") == "trainStep"):
                if message["op"] == "version":
                    reply(version=f"{torch.__version__} ({capability()}, {blas()})")
                elif message["op"] == "time":
                    reply(times=measure(run, message["samples"], message["repeats"]))
                elif message["op"] == "output":
                    runs = 3 if task["op"] == "trainStep" else 1
                    results = torch.stack([run().detach() for _ in range(runs)])
                    reply(results.contiguous().numpy().tobytes())
                else:
                    task, run = message, prepare(message)
                    reply()
        except Exception as error:
            reply(error=str(error))


main()
