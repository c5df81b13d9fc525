"""Errors of an accelerator: which leave it usable, and what is done before the next try."""

import pytest
import torch

from detection.accelerator import check_accelerator, free_accelerator
from groundplan.errors import DeviceError, Error

ILLEGAL = "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be reported later"


def test_an_accelerator_that_failed_is_not_used_again() -> None:
    typed = getattr(torch, "AcceleratorError", RuntimeError)
    for error in (typed(ILLEGAL), RuntimeError(ILLEGAL)):
        with pytest.raises(DeviceError, match="an illegal memory access") as caught:
            check_accelerator(error)
        assert isinstance(caught.value, Error) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        getattr(torch, "AcceleratorError", RuntimeError)("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("shapes do not fit"),
        MemoryError(),
    ],
)
def test_want_of_memory_and_errors_of_a_tile_leave_it_usable(error: Exception) -> None:
    check_accelerator(error)


def test_without_an_accelerator_nothing_is_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: pytest.fail("there is none"))
    free_accelerator()


def test_an_accelerator_that_cannot_even_free_memory_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError(ILLEGAL)

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", fail)
    with pytest.raises(DeviceError, match="an illegal memory access"):
        free_accelerator()
