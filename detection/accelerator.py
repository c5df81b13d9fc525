"""What a detector raised -> whether its accelerator can be used again, with room made for the next try."""

import sys

from groundplan.errors import DeviceError

MEMORY_WORDS = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""Of errors that pass as soon as less is asked for; some libraries have no type of their own for them."""


def check_accelerator(error: BaseException) -> None:
    """Refuse to go on where an error has left this process without a usable accelerator.

    After an illegal access to memory, say, every later call of the process fails at once, whatever it is given:
    going on would fail all tiles that are left.

    Raises
    ------
    DeviceError
        The error is an accelerator's, and not for want of memory.
    """
    # No network, no accelerator: importing torch to find that out would take seconds.
    if "torch" not in sys.modules:
        return
    import torch

    text = str(error)
    if isinstance(error, torch.cuda.OutOfMemoryError) or any(words in text for words in MEMORY_WORDS):
        return
    # Versions of torch before 2.8 have no type for them.
    if isinstance(error, getattr(torch, "AcceleratorError", ())) or text.startswith("CUDA error"):
        raise _unusable(error) from error


def free_accelerator() -> None:
    """Hand back the memory that torch keeps of an accelerator, so that the next try finds it in one piece.

    Raises
    ------
    DeviceError
        The accelerator can no longer be used, whatever error brought that to light.
    """
    if "torch" not in sys.modules:
        return
    import torch

    if not torch.cuda.is_initialized():
        return
    try:
        torch.cuda.empty_cache()
    except RuntimeError as error:
        raise _unusable(error) from error


def _unusable(error: BaseException) -> DeviceError:
    lines = str(error).splitlines()
    return DeviceError(
        f"the accelerator failed and this process can no longer use it ({lines[0] if lines else ''}); "
        "run the same command again: it takes over what is done; if it fails again, look into the driver's log, "
        "or choose --device cpu"
    )
