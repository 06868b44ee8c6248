"""One unit of a plate store, read frame by frame into memory that the caller owns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from phasewell.errors import UsageError
from phasewell.images.metadata import PlateMetadata
from phasewell.images.pixels import pixel_window_to_uint8
from phasewell.images.records import StoredRecord, shard_path
from phasewell.images.shards import Shard, ShardDamageError
from phasewell.plate import FrameKey, FrameRecord, Unit

if TYPE_CHECKING:
    from phasewell.images.reader import StoreReader

CHUNK_DAMAGED = "chunk_damaged"


class UnitFrames(ABC):
    """The records of a unit, and its present frames one by one. Open it, or use it in a `with` block, to read frames.

    Threads may read different frames at the same time; the interpreter is free while bytes come from the disk.
    `records` are those that were asked for, in field order; `keys` are the addresses of the present frames among them.
    """

    def __init__(self, meta: PlateMetadata, unit: Unit, records: Iterable[FrameRecord]) -> None:
        self.meta, self.unit, self.records = meta, unit, tuple(records)
        self.present = tuple(record for record in self.records if record.status == "present")
        self.keys: tuple[FrameKey, ...] = tuple(record.key for record in self.present)

    @abstractmethod
    def open(self) -> None:
        """Make ready to read frames; what is wrong with all of them may be told frame by frame.

        Raises InputError for damaged metadata of the well, SecurityError for a codec or a link that is not allowed,
        StorageError when the system refuses.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of what `open` took."""

    @abstractmethod
    def read_raw_into(self, index: int, out: NDArray[Any]) -> str | None:
        """As `read_into`, with `out` of the stored dtype and pixels as stored."""

    def read_into(self, index: int, out: NDArray[np.uint8]) -> str | None:
        """Write frame `index` of `keys`, mapped to 8 bit, into `out` (height, width) uint8; return what is wrong.

        `out` is undefined when something is wrong. Raises StorageError when the disk refuses.
        """
        meta = self.meta
        if meta.dtype == "int32":
            raise UsageError(f"plate {meta.name} holds labels: read it with read_raw")
        if meta.window is None:
            return self.read_raw_into(index, out)
        raw = np.empty(meta.frame_shape, meta.dtype)
        problem = self.read_raw_into(index, raw)
        if problem is None:
            pixel_window_to_uint8(raw, meta.window, out)
        return problem

    def records_after(self, damaged: Collection[FrameKey]) -> tuple[FrameRecord, ...]:
        """Return the records with those of damaged frames turned to quarantined, "chunk_damaged", without a digest."""
        return tuple(
            replace(record, status="quarantined", reason=CHUNK_DAMAGED, sha256=None)
            if record.key in damaged
            else record
            for record in self.records
        )

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class StoredUnit(UnitFrames):
    """A unit of a plate store: its frames are the chunks of one shard."""

    def __init__(self, reader: StoreReader, unit: Unit, stored: Sequence[StoredRecord]) -> None:
        super().__init__(reader.meta, unit, (record for record, _ in stored))
        self._checksums = {item.record.key: item.checksum for item in stored}
        self._reader = reader
        self._shard: Shard | None = None
        self._problem: str | None = None  # of all frames

    def open(self) -> None:
        """Open the shard; one that is gone or damaged is told frame by frame."""
        if self.present and self._shard is None:
            try:
                self._shard = self._reader.open_shard(self.unit, 0)
            except FileNotFoundError:
                self._problem = f"{self._reader.root / shard_path(self.unit, 0)}: the shard is gone"
            except ShardDamageError as error:
                self._problem = str(error)

    def close(self) -> None:
        """Close the shard, if it is open."""
        if self._shard is not None:
            self._shard.__exit__(None, None, None)
            self._shard = None

    def read_raw_into(self, index: int, out: NDArray[Any]) -> str | None:
        """As `read_into`, with `out` of the stored dtype and pixels as stored."""
        key, shard = self.keys[index], self._shard
        if shard is None:
            return self._problem or "not open"
        try:
            checksum = shard.read_into(self.meta.place(key.field), out)
        except ShardDamageError as error:
            return str(error)
        if checksum != self._checksums[key]:
            return f"{shard.path}: pixels are not those of the record (writing this unit was interrupted)"
        return None
