"""A batch in a device's memory: each array is copied once, when a family first asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from voxomics.engine.batch import I64, Channel, VoiBatch

if TYPE_CHECKING:
    from voxomics.kernels.device import Array, Device

MAX_SHARED = 48 << 10
"""Bytes of shared memory that a block may take on every device."""
SCRATCH = 1 << 25
"""float64 at most that the blocks of a kernel share; more would not make it faster."""


@dataclass(frozen=True)
class Resident:
    """The arrays of a `VoiBatch` on a device, under the same names, types and layouts.

    Attributes
    ----------
    device : Device
    batch : VoiBatch
        The same in host memory.
    scratch : int
        float64 that the blocks of one kernel may share.
    beside : Resident, optional
        The same VOIs in another image type: its geometry serves this one too.
    """

    device: Device
    batch: VoiBatch
    scratch: int = SCRATCH
    beside: Resident | None = None
    _channels: dict[int, ResidentChannel] = field(default_factory=dict)
    _tiles: dict[tuple[bytes, bool], tuple[Array, ...]] = field(default_factory=dict)

    @cached_property
    def region(self) -> Array:
        """Geometry.region."""
        return self.beside.region if self.beside else self.device.put(self.batch.geometry.region)

    @cached_property
    def start(self) -> Array:
        """Geometry.start."""
        return self.beside.start if self.beside else self.device.put(self.batch.geometry.start)

    @cached_property
    def shape(self) -> Array:
        """Geometry.shape."""
        return self.beside.shape if self.beside else self.device.put(self.batch.geometry.shape)

    @cached_property
    def value(self) -> Array:
        """VoiBatch.value."""
        return self.device.put(self.batch.value)

    @cached_property
    def value_start(self) -> Array:
        """VoiBatch.value_start."""
        return self.device.put(self.batch.value_start)

    def channel(self, channel: Channel) -> ResidentChannel:
        """The arrays of a channel."""
        return self._channels.setdefault(id(channel), ResidentChannel(self.device, channel))

    def tiles(self, vois: I64, per_slice: bool) -> tuple[Array, Array, Array, Array]:
        """Tiles of some rows on the device: row, first, length, z; see kernels/block.py, tiles."""
        from voxomics.kernels import block

        if self.beside:
            return self.beside.tiles(vois, per_slice)
        key = (vois.tobytes(), per_slice)
        if key not in self._tiles:
            g = self.batch.geometry
            parts = block.tiles(g.start, g.shape, vois, per_slice, self.device.tile)
            self._tiles[key] = tuple(self.device.put(part) for part in parts)
        row, first, length, z = self._tiles[key]
        return row, first, length, z


@dataclass(frozen=True)
class ResidentChannel:
    """The arrays of a `Channel` on a device."""

    device: Device
    channel: Channel

    @cached_property
    def level(self) -> Array:
        """Channel.level."""
        return self.device.put(self.channel.level)

    @cached_property
    def level_of(self) -> Array:
        """Channel.level_of."""
        return self.device.put(self.channel.level_of)

    @cached_property
    def level_start(self) -> Array:
        """Channel.level_start."""
        return self.device.put(self.channel.level_start)

    @cached_property
    def count(self) -> Array:
        """Channel.count."""
        return self.device.put(self.channel.count)

    @cached_property
    def n_nominal(self) -> Array:
        """Channel.n_nominal."""
        return self.device.put(self.channel.n_nominal)
