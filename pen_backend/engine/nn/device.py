"""Where the numbers are computed, and how precisely."""

import ctypes
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Literal

import torch

Precision = Literal["bf16", "fp32"]
NumberType = torch.dtype
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # names and numbers of malloc.h


@dataclass(frozen=True, slots=True)
class Device:
    """A torch device and the precision of matrix products on it; weights stay fp32 while training."""

    name: str
    precision: Precision

    @property
    def torch(self) -> torch.device:
        """Return torch's own object."""
        return torch.device(self.name)

    @property
    def dtype(self) -> NumberType:
        """Return the type of numbers in matrix products."""
        return torch.bfloat16 if self.precision == "bf16" else torch.float32

    def autocast(self) -> AbstractContextManager[Any]:
        """Open torch's autocast; accelerate's does nothing when its own mixed precision is off, silently fp32."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.torch.type, torch.bfloat16)


def choose_device(wanted: str = "auto", precision: Precision | None = None) -> Device:
    """Pick the device of a name; bf16 where the hardware multiplies it, unless a precision is given."""
    name = ("cuda:0" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted
    return Device(name, precision or ("bf16" if multiplies_bf16(name) else "fp32"))


def multiplies_bf16(name: str) -> bool:
    """Tell whether the hardware has bf16 products of its own; elsewhere bf16 is emulated, and slower than fp32."""
    if name.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def free_memory(device: Device) -> int | None:
    """Count the bytes free on an accelerator; None on a CPU, whose memory the engine looks after."""
    return int(torch.cuda.mem_get_info(device.torch)[0]) if device.name.startswith("cuda") else None


def keep_memory() -> None:
    """Let the C library keep freed memory for the next step rather than hand it back to the system.

    Every step asks for the same large blocks; fetching them anew, page by page, took a tenth of the time (measured:
    3,000 against 3,300 tokens a CPU-second). It is for a whole process, so programs call it. Without glibc it does
    nothing.
    """
    with suppress(OSError, AttributeError):
        set_option = ctypes.CDLL(None).mallopt
        set_option(M_MMAP_MAX, 0)
        set_option(M_TRIM_THRESHOLD, -1)  # never


def limit_threads(count: int) -> None:
    """Compute on COUNT threads from now on: another count gives other bits."""
    torch.set_num_threads(count)
