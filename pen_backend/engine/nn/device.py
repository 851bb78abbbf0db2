"""Where the numbers are computed, and how precisely."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch

Precision = Literal["bf16", "fp32"]


@dataclass(frozen=True, slots=True)
class Device:
    """A torch device and the precision of matrix products on it; weights stay fp32 while training."""

    name: str
    precision: Precision

    @property
    def torch(self) -> torch.device:
        """Return torch's own object."""
        return torch.device(self.name)

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


def limit_threads(count: int) -> None:
    """Compute on COUNT threads from now on: another count gives other bits."""
    torch.set_num_threads(count)
