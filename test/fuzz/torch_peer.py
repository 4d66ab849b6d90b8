"""Runs programs that arrive as lines of JSON on standard input with PyTorch, and answers with what they showed.

A program: {"steps": [text, …], "stopsAtError": bool}. The answer: [[label, shown], …], where shown is
{"dtype", "shape", "data": base64}, {"error", "text"} or {"value": JSON}. Halves travel as float32.
"""

import base64
import copy
import json
import sys
import warnings

import torch
from torch import nn

torch.set_num_threads(1)
warnings.simplefilter("ignore")


def encode(value):
    if isinstance(value, torch.Tensor):
        dtype = str(value.dtype).replace("torch.", "")
        value = value.detach()
        if value.dtype in (torch.float16, torch.bfloat16):
            value = value.float()
        data = base64.b64encode(value.contiguous().numpy().tobytes()).decode()
        return {"dtype": dtype, "shape": list(value.shape), "data": data}
    return {"value": value}


def text_of(error):
    # str(KeyError) puts the message in quotes.
    return str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)


for line in sys.stdin:
    program = json.loads(line)
    torch.set_default_dtype(torch.float32)
    transcript = []
    scope = {
        "torch": torch,
        "nn": nn,
        "F": nn.functional,
        "copy": copy,
        "show": lambda label, value: transcript.append([label, encode(value)]),
    }
    for k, step in enumerate(program["steps"]):
        try:
            exec(step, scope)
        except Exception as error:
            transcript.append([f"step {k}", {"error": type(error).__name__, "text": text_of(error)}])
            if program["stopsAtError"]:
                break
    print(json.dumps(transcript), flush=True)
