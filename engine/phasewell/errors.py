"""Every error phasewell raises on purpose, with the exit code it ends a command with."""

from __future__ import annotations

from typing import ClassVar


class PhasewellError(Exception):
    """Base of all deliberate errors; `exit_code` is what the command line returns.

    A message names the plate, well, field, hour, file or config key, what was expected, and the remedy.
    """

    exit_code: ClassVar[int] = 1


class UsageError(PhasewellError, ValueError):
    """The caller's argument or configuration is wrong (64)."""

    exit_code = 64


class InputError(PhasewellError, ValueError):
    """There is no usable input, or stored data are not what they must be (65)."""

    exit_code = 65


class UnavailableError(PhasewellError, RuntimeError):
    """A database, a scheduler or a required device cannot be reached (69)."""

    exit_code = 69


class DeviceLostError(UnavailableError):
    """A GPU failed for good while it was in use (69): this process must not use it again; the same command resumes."""


class OutputError(PhasewellError, OSError):
    """The output cannot be created (73)."""

    exit_code = 73


class StorageError(PhasewellError, OSError):
    """Reading or writing failed, or the disk is full; the same command resumes (74)."""

    exit_code = 74


class LockedError(PhasewellError, RuntimeError):
    """Another run holds this output (75)."""

    exit_code = 75


class StalledError(PhasewellError, RuntimeError):
    """Workers were lost or made no progress, and rebuilding them did not help (76)."""

    exit_code = 76


class SecurityError(PhasewellError, RuntimeError):
    """The input asks for something that could execute, traverse or inject (77)."""

    exit_code = 77


EXIT_DONE = 0
EXIT_INCOMPLETE = 10  # finished, with quarantined or missing frames
EXIT_SIGINT = 130
EXIT_SIGTERM = 143
