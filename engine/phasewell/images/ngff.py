"""The Zarr v3 and OME-Zarr 0.5 documents of a plate store, made by zarr-python and ome-zarr-models.

All wells of a plate have the same documents, so they are made once, in memory, and written by the store.
"""

from __future__ import annotations

from typing import Any

from phasewell.images.metadata import ATTRIBUTE, OVERVIEW_FACTOR, PlateMetadata, plate_format, seal, well_path
from phasewell.plate import row_name, well_position

IMAGE = "0"  # the one image of a well: the mosaic of its fields


def plate_documents(meta: PlateMetadata) -> dict[str, bytes]:
    """Return every `zarr.json` of a plate store by its path in the store; the root's is the last."""
    documents: dict[str, bytes] = {}
    group = _group_document({})
    well = _well_documents(meta)
    for name in meta.wells:
        path = well_path(name)
        documents[f"{path.partition('/')[0]}/zarr.json"] = group
        documents |= {f"{path}/{relative}": content for relative, content in well.items()}
    documents["zarr.json"] = _root_document(meta)
    return documents


def ome_plate(meta: PlateMetadata) -> dict[str, Any]:
    """Return the `ome` attribute of the root: all rows and columns of the standard plate, so wells show in place."""
    from ome_zarr_models.v05.hcs import HCSAttrs
    from ome_zarr_models.v05.plate import Column, Plate, Row, WellInPlate

    rows, columns = plate_format(meta.wells)
    plate = Plate(
        name=meta.name,
        version="0.5",
        rows=[Row(name=row_name(index)) for index in range(rows)],
        columns=[Column(name=f"{index + 1:02d}") for index in range(columns)],
        wells=[
            WellInPlate(path=well_path(well), rowIndex=well_position(well)[0], columnIndex=well_position(well)[1])
            for well in meta.wells
        ],
        field_count=1,
    )
    return _dump(HCSAttrs(version="0.5", plate=plate))


def _root_document(meta: PlateMetadata) -> bytes:
    return _group_document({"ome": ome_plate(meta), ATTRIBUTE: seal(meta)})


def _well_documents(meta: PlateMetadata) -> dict[str, bytes]:
    from ome_zarr_models.v05.well import WellAttrs
    from ome_zarr_models.v05.well_types import WellImage, WellMeta

    well = WellAttrs(version="0.5", well=WellMeta(images=[WellImage(path=IMAGE, acquisition=None)], version="0.5"))
    levels = (0, 1) if meta.has_overview else (0,)
    return {
        "zarr.json": _group_document({"ome": _dump(well)}),
        f"{IMAGE}/zarr.json": _group_document({"ome": _image_attributes(meta, levels)}),
        **{f"{IMAGE}/{level}/zarr.json": array_document(meta, level) for level in levels},
    }


def _image_attributes(meta: PlateMetadata, levels: tuple[int, ...]) -> dict[str, Any]:
    from ome_zarr_models.v05.axes import Axis
    from ome_zarr_models.v05.image import ImageAttrs
    from ome_zarr_models.v05.multiscales import Dataset, Multiscale

    size, start_h = meta.pixel_size_um, meta.times_h[0]
    axes = (
        Axis(name="t", type="time", unit="hour"),
        Axis(name="c", type="channel"),
        Axis(name="y", type="space", unit="micrometer"),
        Axis(name="x", type="space", unit="micrometer"),
    )
    datasets = []
    for level in levels:
        factor = OVERVIEW_FACTOR**level
        centre = (factor - 1) / 2 * size  # a box's centre lies this far from its first pixel's centre
        datasets.append(
            Dataset.build(
                path=str(level),
                scale=[_time_step_h(meta), 1.0, size * factor, size * factor],
                translation=[start_h, 0.0, centre, centre] if level or start_h else None,
            )
        )
    multiscale = Multiscale(axes=axes, datasets=tuple(datasets), name=meta.name, type="mean" if levels[1:] else None)
    attributes = _dump(ImageAttrs(version="0.5", multiscales=[multiscale]))
    if meta.dtype == "int32":
        return attributes
    return attributes | {"omero": _omero(meta)}


def _omero(meta: PlateMetadata) -> dict[str, Any]:
    from ome_zarr_models.common.omero import Channel, Omero, Window

    high = 255 if meta.dtype == "uint8" else 65535
    start, end = meta.window or (0, high)
    channel = Channel.model_validate(
        {
            "color": "FFFFFF",
            "window": Window(min=0, max=high, start=start, end=end),
            "label": "phase contrast",
            "active": True,
        }
    )
    return _dump(Omero.model_validate({"channels": [channel], "rdefs": {"model": "greyscale"}}))


def _time_step_h(meta: PlateMetadata) -> float:
    """Return the step of an even time grid in hours, else 1.0: the true hours are in the plate metadata."""
    steps = {round(later - earlier, 6) for earlier, later in zip(meta.times_h, meta.times_h[1:], strict=False)}
    return steps.pop() if len(steps) == 1 else 1.0


def array_document(meta: PlateMetadata, level: int) -> bytes:
    """Return the `zarr.json` of one resolution level, axes t, c, y, x: shard = the mosaic at one time."""
    import zarr
    from zarr.codecs import BytesCodec, Crc32cCodec, ShardingCodec, ZstdCodec

    height, width = meta.mosaic_shape if level == 0 else meta.overview_shape
    form = meta.shard_format(level)
    inner = [BytesCodec(endian="little"), *([ZstdCodec(level=1)] if meta.codec == "zstd" else []), Crc32cCodec()]
    store: dict[str, Any] = {}
    zarr.create_array(
        store=zarr.storage.MemoryStore(store),
        shape=(len(meta.times_h), 1, height, width),
        chunks=(1, 1, height, width),
        dtype=meta.dtype,
        serializer=ShardingCodec(
            chunk_shape=(1, 1, *form.chunk_shape),
            codecs=inner,
            index_codecs=[BytesCodec(endian="little"), Crc32cCodec()],
            index_location="end",
        ),
        compressors=None,
        filters=None,
        fill_value=0,
        dimension_names=("t", "c", "y", "x"),
    )
    return bytes(store["zarr.json"].to_bytes())


def _group_document(attributes: dict[str, Any]) -> bytes:
    import zarr

    store: dict[str, Any] = {}
    zarr.create_group(store=zarr.storage.MemoryStore(store), attributes=attributes)
    return bytes(store["zarr.json"].to_bytes())


def _dump(model: Any) -> dict[str, Any]:
    document: dict[str, Any] = model.model_dump(mode="json", exclude_none=True, by_alias=True)
    return document
