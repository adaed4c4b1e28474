"""Grey level size zone matrix (GLSZM, IBSI 9SAK) and grey level distance zone matrix (GLDZM, IBSI VMDZ).

Both families have 16 features and count the same zones, so that they are measured in one call.
"""

from __future__ import annotations

from voxomics.engine.families.zones import cpu, device
from voxomics.engine.families.zones.catalogue import DISTANCES, SIZES
from voxomics.engine.feature import ZONAL, Family, OnDevice

_DEVICE = OnDevice(device.compute, device.need)

GLSZM = Family(
    "glszm", "9SAK", tuple(SIZES.values()), ZONAL, "level", cpu.compute, cpu.need, device=_DEVICE,
    discretised="discretisation", kernels="zones", last_kernel="zones.runs.find",
)  # fmt: skip
GLDZM = Family(
    "gldzm", "VMDZ", tuple(DISTANCES.values()), ZONAL, "level", cpu.compute, cpu.need, len(SIZES), _DEVICE,
    discretised="discretisation", kernels="zones",
)  # fmt: skip
